// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A ledger on disk: what every cut, every flipped bit, every power cut and a full disk leave of it
 * (PROTOCOL 8).
 */
#include "unit/hostile.h"

#include <endian.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include "host/ledger_file.h"
#include "unit/fleet.h"
#include "unit/scratch.h"

static const uint8_t fleet[PPN_HASH_LEN] = { 7 };
enum { FILE_MAX = 64 * 1024, HEAD_LEN = 40 };

/* The two files of a ledger, as bytes. */
struct image {
	uint8_t ledger[FILE_MAX], head[HEAD_LEN];
	ssize_t len, head_len; /* -1: not there */
};

static void load(int dir, struct image *ret)
{
	ret->len = scratch_get(dir, "ledger", ret->ledger, sizeof(ret->ledger));
	ret->head_len = scratch_get(dir, "head", ret->head, sizeof(ret->head));
}

static void store(int dir, const struct image *image)
{
	(void)unlinkat(dir, "ledger", 0);
	(void)unlinkat(dir, "head", 0);
	if (image->len >= 0)
		scratch_put(dir, "ledger", image->ledger, (size_t)image->len);
	if (image->head_len >= 0)
		scratch_put(dir, "head", image->head, (size_t)image->head_len);
}

static void assert_image(int dir, const struct image *expected)
{
	struct image found;

	load(dir, &found);
	assert_int_equal(found.len, expected->len);
	assert_int_equal(found.head_len, expected->head_len);
	if (found.len > 0)
		assert_memory_equal(found.ledger, expected->ledger, found.len);
	if (found.head_len > 0)
		assert_memory_equal(found.head, expected->head, found.head_len);
}

static int put(struct ppn_ledger_file *ledger, enum ppn_entry_type type, const void *payload,
	       size_t len, bool state)
{
	uint8_t seed[32];

	secret_of(seed, "node");
	return ppn_ledger_write(ledger, NOW * 1000, type, payload, len, seed, state);
}

static void put_genesis(struct ppn_ledger_file *ledger)
{
	struct ppn_entry_genesis genesis = { .mode = PPN_MODE_PIN, .posture = PPN_POSTURE_ONPREM };

	sign_key_of(genesis.identity, "node");
	assert_int_equal(put(ledger, PPN_ENTRY_GENESIS, &genesis, sizeof(genesis), true), 0);
}

static void put_commands(struct ppn_ledger_file *ledger, int n, bool state)
{
	struct ppn_entry_command command = { .op = PPN_OP_PING };

	for (int i = 0; i < n; i++) {
		command.seq = htobe32((uint32_t)ledger->head.size);
		assert_int_equal(put(ledger, PPN_ENTRY_COMMAND, &command, sizeof(command), state),
				 0);
	}
}

/* Genesis, holding; then n commands of which the last `after` are not in head. */
static void make(int dir, int n, int after)
{
	struct ppn_ledger_file ledger;

	assert_int_equal(ppn_ledger_create(&ledger, dir, fleet), 0);
	put_genesis(&ledger);
	assert_int_equal(put(&ledger, PPN_ENTRY_HOLDING, NULL, 0, true), 0);
	put_commands(&ledger, n - after, true);
	put_commands(&ledger, after, false);
	ppn_ledger_close(&ledger);
}

struct seen {
	uint64_t n;
	struct ppn_ledger_state state;
};

static enum ppn_check fold(void *arg, const struct ppn_entry *entry)
{
	struct seen *seen = arg;

	assert_int_equal(entry->index, seen->n);
	seen->n++;
	return ppn_ledger_fold(&seen->state, entry);
}

/* Open, count, close. */
static int start(int dir, uint64_t *ret_n, char why[static 160])
{
	struct ppn_ledger_file ledger;
	struct seen seen = { 0 };
	int err = ppn_ledger_open(&ledger, dir, fleet, fold, &seen, why);

	*ret_n = 0;
	if (err)
		return err;
	*ret_n = ledger.head.size;
	assert_int_equal(seen.n, ledger.head.size);
	assert_memory_equal(&ledger.disk, &ledger.head, sizeof(ledger.head));
	ppn_ledger_close(&ledger);
	return 0;
}

static int verify(int dir, struct ppn_ledger_head *ret_head, char why[static 160])
{
	uint8_t key[PPN_KEY_LEN];

	sign_key_of(key, "node");
	return ppn_ledger_walk(dir, fleet, key, NULL, NULL, NULL, ret_head, why);
}

static size_t entry_len(const struct image *image, size_t at)
{
	__be32 len;

	memcpy(&len, image->ledger + at, sizeof(len));
	return 4 + be32toh(len);
}

/* Where entry `index` starts. */
static size_t entry_at(const struct image *image, uint64_t index)
{
	size_t at = 0;

	while (index--)
		at += entry_len(image, at);
	return at;
}

/* ---- life ---- */

static void create_write_open(void **state)
{
	int dir = scratch_open(state);
	struct ppn_ledger_file ledger, second;
	struct ppn_ledger_head head;
	struct seen seen = { 0 };
	char why[160];
	uint64_t n;

	assert_int_equal(start(dir, &n, why), -ENOENT);
	assert_int_equal(verify(dir, &head, why), -ENOENT);
	assert_int_equal(ppn_ledger_create(&ledger, dir, fleet), 0);
	assert_int_equal(ppn_ledger_open(&second, dir, fleet, NULL, NULL, why), -EBUSY);
	assert_int_equal(ppn_ledger_create(&second, dir, fleet), -EBUSY);
	put_genesis(&ledger);
	put_commands(&ledger, 3, false);
	assert_int_equal(ledger.head.size, 4);
	assert_int_equal(ledger.disk.size, 1);
	head = ledger.head;
	ppn_ledger_close(&ledger);
	assert_int_equal(ppn_ledger_create(&second, dir, fleet), -EEXIST);
	assert_int_equal(ppn_ledger_open(&ledger, dir, fleet, fold, &seen, why), 0);
	assert_int_equal(seen.n, 4);
	assert_true(seen.state.has_genesis);
	assert_memory_equal(&ledger.head, &head, sizeof(head));
	assert_memory_equal(&ledger.disk, &head, sizeof(head)); /* brought up to date */
	assert_int_equal(ledger.cut, 0);
	put_commands(&ledger, 1, true);
	/* a walk beside a writer */
	assert_int_equal(verify(dir, &head, why), 0);
	assert_memory_equal(&ledger.head, &head, sizeof(head));
	ppn_ledger_close(&ledger);
	assert_int_equal(start(dir, &n, why), 0);
	assert_int_equal(n, 5);
	close(dir);
}

static void in_memory(void **state)
{
	struct ppn_ledger_file ledger;
	struct ppn_ledger_head head = { 0 };
	struct ppn_bytes bytes;
	struct ppn_entry entry;
	uint8_t key[PPN_KEY_LEN];
	char why[160];
	uint64_t n;

	(void)state;
	sign_key_of(key, "node");
	assert_int_equal(start(-1, &n, why), -ENOENT);
	assert_int_equal(ppn_ledger_walk(-1, fleet, NULL, NULL, NULL, NULL, NULL, why), -ENOENT);
	assert_int_equal(ppn_ledger_create(&ledger, -1, fleet), 0);
	put_genesis(&ledger);
	put_commands(&ledger, 100, true);
	assert_memory_equal(&ledger.disk, &ledger.head, sizeof(head));
	bytes = ppn_ledger_bytes(&ledger);
	while (bytes.len)
		assert_check(ppn_ledger_next(&bytes, &head, fleet, key, &entry), PPN_CHECK_OK);
	assert_memory_equal(&head, &ledger.head, sizeof(head));
	ppn_ledger_close(&ledger);
}

/* ---- cuts ---- */

/* All in head: whatever is missing is damage, and starting changes no byte. */
static void cut_below_head(void **state)
{
	int dir = scratch_open(state);
	struct image whole, cut;
	struct ppn_ledger_head head;
	char why[160];
	uint64_t n;

	make(dir, 3, 0);
	load(dir, &whole);
	for (ssize_t len = 0; len < whole.len; len++) {
		cut = whole;
		cut.len = len;
		store(dir, &cut);
		assert_int_equal(start(dir, &n, why), -EBADMSG);
		assert_true(strncmp(why, "shorter than head: ", 19) == 0);
		assert_int_equal(verify(dir, &head, why), -EBADMSG);
		assert_image(dir, &cut);
	}
	store(dir, &whole);
	assert_int_equal(start(dir, &n, why), 0);
	close(dir);
}

/* After head: whole entries stay, the torn rest is cut; nothing else changes. */
static void cut_after_head(void **state)
{
	int dir = scratch_open(state);
	struct image whole, cut, found;
	struct ppn_ledger_head head;
	char why[160];
	uint64_t n, expected;

	make(dir, 4, 3);
	load(dir, &whole);
	for (ssize_t len = (ssize_t)entry_at(&whole, 3); len <= whole.len; len++) {
		for (expected = 3; expected < 6; expected++)
			if (entry_at(&whole, expected + 1) > (size_t)len)
				break;
		cut = whole;
		cut.len = len;
		store(dir, &cut);
		assert_int_equal(verify(dir, &head, why), 0);
		assert_int_equal(head.size, expected);
		assert_image(dir, &cut);
		assert_int_equal(start(dir, &n, why), 0);
		assert_int_equal(n, expected);
		load(dir, &found);
		assert_int_equal(found.len, entry_at(&whole, expected));
		assert_memory_equal(found.ledger, whole.ledger, found.len);
		assert_int_equal(verify(dir, &head, why), 0);
	}
	close(dir);
}

/* An append whose length reached the disk and whose bytes did not. */
static void torn_by_zeros(void **state)
{
	int dir = scratch_open(state);
	struct image whole, torn;
	char why[160];
	uint64_t n;

	make(dir, 2, 1);
	load(dir, &whole);
	for (size_t from = entry_at(&whole, 3); from < (size_t)whole.len; from++) {
		torn = whole;
		memset(torn.ledger + from, 0, (size_t)whole.len - from);
		store(dir, &torn);
		if (start(dir, &n, why))
			fail_msg("zeros from byte %zu: %s", from, why);
		assert_int_equal(n, 3);
	}
	close(dir);
}

static void torn_is_told(void **state)
{
	int dir = scratch_open(state);
	struct ppn_ledger_file ledger;
	struct image image;
	char why[160];

	make(dir, 1, 0);
	load(dir, &image);
	image.len += 5;
	store(dir, &image);
	assert_int_equal(ppn_ledger_open(&ledger, dir, fleet, NULL, NULL, why), 0);
	assert_int_equal(ledger.cut, 5);
	put_commands(&ledger, 1, true);
	ppn_ledger_close(&ledger);
	assert_int_equal(verify(dir, NULL, why), 0);
	close(dir);
}

/* More than one append could have left, or entries behind a bad one: those were whole once. */
static void no_torn_append(void **state)
{
	int dir = scratch_open(state);
	struct image whole, bad;
	char why[160];
	uint64_t n;

	make(dir, 4, 3);
	load(dir, &whole);
	bad = whole;
	bad.ledger[entry_at(&whole, 3) + 50] ^= 1; /* the previous hash of the first of three */
	store(dir, &bad);
	assert_int_equal(start(dir, &n, why), -EBADMSG);
	assert_image(dir, &bad);
	bad = whole;
	memset(bad.ledger + bad.len, 0, PPN_LEDGER_ENTRY_MAX + 1);
	bad.len += PPN_LEDGER_ENTRY_MAX + 1;
	store(dir, &bad);
	assert_int_equal(start(dir, &n, why), -EBADMSG);
	bad.len--;
	store(dir, &bad);
	assert_int_equal(start(dir, &n, why), 0);
	assert_int_equal(n, 6);
	close(dir);
}

/* ---- changes ---- */

static void flipped(void **state)
{
	int dir = scratch_open(state);
	struct ppn_ledger_head head;
	struct image whole, bad;
	char why[160];
	uint64_t n;

	make(dir, 3, 0);
	load(dir, &whole);
	for (ssize_t bit = 0; bit < 8 * whole.len; bit++) {
		bad = whole;
		bad.ledger[bit / 8] ^= (uint8_t)(1 << bit % 8);
		store(dir, &bad);
		if (verify(dir, &head, why) != -EBADMSG || !why[0])
			fail_msg("bit %zd of byte %zd: %s", bit % 8, bit / 8, why);
		if (bit % 8 == 0) { /* at start the chain finds all of it: head has the last hash */
			assert_int_equal(start(dir, &n, why), -EBADMSG);
			assert_image(dir, &bad);
		}
	}
	for (int bit = 0; bit < 8 * HEAD_LEN; bit++) {
		bad = whole;
		bad.head[bit / 8] ^= (uint8_t)(1 << bit % 8);
		store(dir, &bad);
		assert_int_equal(verify(dir, &head, why), -EBADMSG);
		assert_int_equal(start(dir, &n, why), -EBADMSG);
	}
	close(dir);
}

static void reordered(void **state)
{
	int dir = scratch_open(state);
	struct image whole, bad;
	char why[160];
	uint64_t n;

	make(dir, 4, 0);
	load(dir, &whole);
	for (uint64_t i = 0; i < 5; i++) { /* each with its neighbour */
		size_t a = entry_at(&whole, i), b = entry_at(&whole, i + 1);
		size_t a_len = b - a, b_len = entry_len(&whole, b);

		bad = whole;
		memcpy(bad.ledger + a, whole.ledger + b, b_len);
		memcpy(bad.ledger + a + b_len, whole.ledger + a, a_len);
		store(dir, &bad);
		assert_int_equal(verify(dir, NULL, why), -EBADMSG);
		assert_int_equal(start(dir, &n, why), -EBADMSG);
	}
	for (uint64_t i = 0; i < 6;
	     i++) { /* one dropped; the last one is the tail, which head finds */
		size_t a = entry_at(&whole, i), len = entry_len(&whole, a);

		bad = whole;
		memmove(bad.ledger + a, bad.ledger + a + len, (size_t)whole.len - a - len);
		bad.len -= (ssize_t)len;
		store(dir, &bad);
		assert_int_equal(verify(dir, NULL, why), -EBADMSG);
		assert_int_equal(start(dir, &n, why), -EBADMSG);
	}
	close(dir);
}

static void head_gone_or_odd(void **state)
{
	int dir = scratch_open(state);
	struct image whole, bad;
	char why[160];
	uint64_t n;

	make(dir, 1, 0);
	load(dir, &whole);
	bad = whole;
	bad.head_len = -1;
	store(dir, &bad);
	assert_int_equal(start(dir, &n, why), -EBADMSG);
	assert_string_equal(why, "head is missing: it would name 3 entries");
	assert_int_equal(verify(dir, NULL, why), -EBADMSG);
	bad = whole;
	bad.head_len = HEAD_LEN - 1;
	store(dir, &bad);
	assert_int_equal(start(dir, &n, why), -EBADMSG);
	assert_string_equal(why, "head is not whole");
	bad = whole;
	memset(bad.head, 0, sizeof(bad.head));
	bad.len = (ssize_t)entry_at(&whole, 1); /* as if it had just been begun */
	store(dir, &bad);
	assert_int_equal(start(dir, &n, why), -EBADMSG);
	assert_string_equal(why, "head is not whole");
	bad = whole;
	bad.len = -1;
	store(dir, &bad);
	assert_int_equal(start(dir, &n, why), -EBADMSG);
	assert_string_equal(why, "head without ledger");
	assert_int_equal(verify(dir, NULL, why), -EBADMSG);
	bad.len = 0;
	store(dir, &bad);
	assert_int_equal(start(dir, &n, why), -EBADMSG);
	close(dir);
}

static void another_fleet_or_key(void **state)
{
	static const uint8_t other[PPN_HASH_LEN] = { 8 };
	int dir = scratch_open(state);
	struct ppn_ledger_file ledger;
	uint8_t key[PPN_KEY_LEN];
	struct image whole;
	char why[160];

	make(dir, 2, 1);
	load(dir, &whole);
	assert_int_equal(ppn_ledger_open(&ledger, dir, other, NULL, NULL, why), -EBADMSG);
	assert_string_equal(why, "entry 0 is not signed by its identity for this fleet");
	assert_image(dir, &whole); /* above all: the last entry is not taken for torn */
	sign_key_of(key, "stranger");
	assert_int_equal(ppn_ledger_walk(dir, fleet, key, NULL, NULL, NULL, NULL, why), -EBADMSG);
	assert_string_equal(why, "entry 0, at byte 0: wrong signature");
	close(dir);
}

static void folds_wrong(void **state)
{
	int dir = scratch_open(state);
	struct ppn_ledger_file ledger;
	struct image whole;
	char why[160];
	uint64_t n;

	assert_int_equal(ppn_ledger_create(&ledger, dir, fleet), 0);
	put_genesis(&ledger);
	assert_int_equal(put(&ledger, PPN_ENTRY_DISCHARGED, NULL, 0, true), 0);
	ppn_ledger_close(&ledger);
	load(dir, &whole);
	assert_int_equal(start(dir, &n, why), -EBADMSG);
	assert_true(strstr(why, "entry 1, at byte ") == why);
	assert_image(dir, &whole);
	close(dir);
}

/* ---- crashes ---- */

/* The first entry: before its head, torn, or nothing at all. */
static void first_boot_cut(void **state)
{
	int dir = scratch_open(state);
	struct ppn_ledger_file ledger;
	struct image whole, cut;
	char why[160];
	uint64_t n;

	assert_int_equal(ppn_ledger_create(&ledger, dir, fleet), 0);
	put_genesis(&ledger);
	ppn_ledger_close(&ledger);
	load(dir, &whole);
	for (ssize_t len = 0; len <= whole.len; len++) {
		cut = whole;
		cut.len = len;
		cut.head_len = -1;
		store(dir, &cut);
		assert_int_equal(start(dir, &n, why), len == whole.len ? 0 : -ENOENT);
		if (len == whole.len)
			break;
		assert_image(dir, &cut);
		assert_int_equal(ppn_ledger_create(&ledger, dir, fleet), 0);
		assert_int_equal(ledger.bytes, 0);
		put_genesis(&ledger);
		ppn_ledger_close(&ledger);
		assert_int_equal(start(dir, &n, why), 0);
		assert_int_equal(n, 1);
	}
	close(dir);
}

/* Entry synced, head not yet: the entry counts, and head follows. */
static void power_cut_before_head(void **state)
{
	int dir = scratch_open(state);
	struct image before, after, mixed;
	struct ppn_ledger_file ledger;
	char why[160];
	uint64_t n;

	make(dir, 1, 0);
	load(dir, &before);
	assert_int_equal(ppn_ledger_open(&ledger, dir, fleet, NULL, NULL, why), 0);
	put_commands(&ledger, 1, true);
	ppn_ledger_close(&ledger);
	load(dir, &after);
	mixed = after;
	memcpy(mixed.head, before.head, sizeof(mixed.head));
	store(dir, &mixed);
	assert_int_equal(start(dir, &n, why), 0);
	assert_int_equal(n, 4);
	assert_image(dir, &after);
	/* the other way round cannot happen by a crash: it is damage */
	mixed = before;
	memcpy(mixed.head, after.head, sizeof(mixed.head));
	store(dir, &mixed);
	assert_int_equal(start(dir, &n, why), -EBADMSG);
	close(dir);
}

/* ---- full disks ---- */

/* Bytes of an entry fit, the rest does not. */
static void no_room_for_entry(void **state)
{
	int dir = scratch_open(state), status;
	struct image whole;
	char why[160];
	uint64_t n;
	pid_t pid;

	make(dir, 1, 0);
	load(dir, &whole);
	pid = fork();
	if (pid == 0) {
		struct rlimit limit = { (rlim_t)whole.len + 60, (rlim_t)whole.len + 60 };
		struct ppn_entry_command command = { 0 };
		struct ppn_ledger_file ledger;
		struct ppn_ledger_head before;

		signal(SIGXFSZ, SIG_IGN);
		if (ppn_ledger_open(&ledger, dir, fleet, NULL, NULL, why) ||
		    setrlimit(RLIMIT_FSIZE, &limit))
			_exit(2);
		before = ledger.head;
		if (put(&ledger, PPN_ENTRY_COMMAND, &command, sizeof(command), true) != -EFBIG)
			_exit(3);
		_exit(memcmp(&before, &ledger.head, sizeof(before)) ? 4 : 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	assert_image(dir, &whole);
	assert_int_equal(start(dir, &n, why), 0);
	close(dir);
}

/* In a file system of four inodes: root, ledger, head, a filler; none for the next head. */
static int without_room_for_head(const char *path)
{
	struct ppn_ledger_file ledger;
	struct image before;
	char why[160];
	uint64_t n;
	int dir;

	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("none", path, "tmpfs", 0, "nr_inodes=4"))
		return 77;
	dir = open(path, O_RDONLY | O_DIRECTORY);
	make(dir, 1, 0);
	scratch_put(dir, "filler", "", 0);
	load(dir, &before);
	assert_int_equal(ppn_ledger_open(&ledger, dir, fleet, NULL, NULL, why), 0);
	assert_int_equal(put(&ledger, PPN_ENTRY_HOLDING, NULL, 0, true), -ENOSPC);
	assert_int_equal(ledger.head.size, 3);
	assert_image(dir, &before);
	/* without head there is room, and a start that cannot write head still starts */
	put_commands(&ledger, 1, false);
	ppn_ledger_close(&ledger);
	assert_int_equal(ppn_ledger_open(&ledger, dir, fleet, NULL, NULL, why), 0);
	assert_int_equal(ledger.head.size, 4);
	assert_int_equal(ledger.disk.size, 3);
	ppn_ledger_close(&ledger);
	unlinkat(dir, "filler", 0);
	assert_int_equal(start(dir, &n, why), 0);
	assert_int_equal(n, 4);
	return 0;
}

static void no_room_for_head(void **state)
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(without_room_for_head(*state));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* ---- walks ---- */

static int count(void *arg, const struct ppn_entry *entry)
{
	uint64_t *n = arg;

	assert_int_equal(entry->index, *n);
	++*n;
	return 0;
}

static uint64_t progress_done, progress_total, progress_calls;

static void progress(void *arg, uint64_t done, uint64_t total)
{
	(void)arg;
	assert_true(done > progress_done && done <= total);
	progress_done = done;
	progress_total = total;
	progress_calls++;
}

/* Many pieces of 64 KiB, entries of all sizes across their borders. */
static void long_walk(void **state)
{
	static uint8_t payload[PPN_LEDGER_PAYLOAD_MAX];
	int dir = scratch_open(state);
	struct ppn_ledger_file ledger;
	struct ppn_ledger_head head;
	char why[160];
	uint64_t n = 0;

	assert_int_equal(ppn_ledger_create(&ledger, dir, fleet), 0);
	put_genesis(&ledger);
	for (size_t i = 0; i < 1400; i++)
		assert_int_equal(
			put(&ledger, 999, payload, i * 2971 % sizeof(payload), i % 100 == 0), 0);
	assert_int_equal(put(&ledger, PPN_ENTRY_HOLDING, NULL, 0, true), 0);
	assert_int_equal(ppn_ledger_walk(dir, fleet, NULL, count, progress, &n, &head, why), 0);
	assert_int_equal(n, 1402);
	assert_memory_equal(&head, &ledger.head, sizeof(head));
	assert_int_equal(progress_done, progress_total);
	assert_int_equal(progress_total, ledger.bytes);
	assert_true(progress_calls >= ledger.bytes / (70 * 1024));
	ppn_ledger_close(&ledger);
	assert_int_equal(start(dir, &n, why), 0);
	assert_int_equal(n, 1402);
	assert_int_equal(verify(dir, NULL, why), 0);
	close(dir);
}

static int stop_at_two(void *arg, const struct ppn_entry *entry)
{
	(void)arg;
	return entry->index == 1 ? 42 : 0;
}

static void walk_stops(void **state)
{
	int dir = scratch_open(state);
	struct ppn_ledger_head head = { .size = 77 };
	char why[160];

	make(dir, 3, 0);
	assert_int_equal(ppn_ledger_walk(dir, fleet, NULL, stop_at_two, NULL, NULL, &head, why),
			 42);
	assert_int_equal(head.size, 77);
	close(dir);
}

#define FILE_TEST(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FILE_TEST(create_write_open),
		FILE_TEST(in_memory),
		FILE_TEST(cut_below_head),
		FILE_TEST(cut_after_head),
		FILE_TEST(torn_by_zeros),
		FILE_TEST(torn_is_told),
		FILE_TEST(no_torn_append),
		FILE_TEST(flipped),
		FILE_TEST(reordered),
		FILE_TEST(head_gone_or_odd),
		FILE_TEST(another_fleet_or_key),
		FILE_TEST(folds_wrong),
		FILE_TEST(first_boot_cut),
		FILE_TEST(power_cut_before_head),
		FILE_TEST(no_room_for_entry),
		FILE_TEST(no_room_for_head),
		FILE_TEST(long_walk),
		FILE_TEST(walk_stops),
	};

	return cmocka_run_group_tests(tests, setup_crypto, NULL);
}
