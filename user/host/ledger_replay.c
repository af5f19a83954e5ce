// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A ledger read from its start: the start-up rules of PROTOCOL 8, and the walk of `ledger
 * verify`.
 */
#include "host/ledger_private.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "host/cleanup.h"
#include "host/file.h"

enum { WHY_LEN = PPN_LEDGER_WHY_LEN, READ_LEN = 64 * 1024 };
_Static_assert(READ_LEN > 2 * PPN_LEDGER_ENTRY_MAX, "an entry fits the buffer, wherever it starts");

static int __attribute__((format(printf, 2, 3))) damaged(char *ret_why, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(ret_why, WHY_LEN, format, args);
	va_end(args);
	return -EBADMSG;
}

static int damaged_entry(char *ret_why, uint64_t index, uint64_t offset, const char *what)
{
	return damaged(ret_why, "entry %llu, at byte %llu: %s", (unsigned long long)index,
		       (unsigned long long)offset, what);
}

/* ---- head ---- */

bool ppn_ledger_head_same(const struct ppn_ledger_head *a, const struct ppn_ledger_head *b)
{
	return a->size == b->size && memcmp(a->hash, b->hash, sizeof(a->hash)) == 0;
}

int ppn_ledger_head_read(int dir, struct ppn_ledger_head *ret_head)
{
	struct ppn_ledger_head_file file;
	int err = ppn_file_read_exact(dir, "head", 0, &file, sizeof(file));

	if (err)
		return err;
	if (!file.size)
		return -EBADMSG;
	ret_head->size = be64toh(file.size);
	memcpy(ret_head->hash, file.hash, sizeof(file.hash));
	return 0;
}

int ppn_ledger_head_open(int dir, bool has_ledger, struct ppn_ledger_head *ret_disk, char *ret_why)
{
	int err = ppn_ledger_head_read(dir, ret_disk);

	if (err == -EBADMSG)
		return damaged(ret_why, "head is not whole");
	if (!err && !has_ledger)
		return damaged(ret_why, "head without ledger");
	return err == -ENOENT && has_ledger ? 0 : err;
}

/* ---- reading ---- */

/* A ledger read from its start, in pieces. */
struct reader {
	int fd;
	uint64_t offset, total; /* of the first unread byte; of the file */
	struct ppn_ledger_head head; /* of what was read */
	struct ppn_ledger_head disk; /* of what must be there; zeros: there is no head */
	const uint8_t *fleet;
	uint8_t *buffer;
	size_t len, at; /* filled; where the next entry starts */
	char *why;
};

static ssize_t pread_full(int fd, uint8_t *data, size_t room, uint64_t offset)
{
	size_t len = 0;

	while (len < room) {
		ssize_t n = pread(fd, data + len, room - len, offset + len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		len += n;
	}
	return len;
}

static int reader_open(struct reader *ret_reader, int fd, const uint8_t *fleet,
		       const struct ppn_ledger_head *disk, char *why)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	*ret_reader = (struct reader){
		.fd = fd, .total = st.st_size, .fleet = fleet, .disk = *disk, .why = why
	};
	ret_reader->buffer = malloc(READ_LEN);
	return ret_reader->buffer ? 0 : -ENOMEM;
}

/* Move what is unread to the front, fill the rest. 1: bytes came; 0: the end; -errno. */
static int refill(struct reader *r)
{
	size_t left = r->len - r->at;
	ssize_t n;

	memmove(r->buffer, r->buffer + r->at, left);
	r->at = 0;
	r->len = left;
	n = pread_full(r->fd, r->buffer + left, READ_LEN - left, r->offset + left);
	if (n < 0)
		return n;
	r->len += n;
	return n > 0;
}

/*
 * The next entry, whose payload lives until the next call. 0, with ret_check; -EBADMSG: it is not
 * the one that head names; -errno: the disk.
 */
static int read_entry(struct reader *r, const uint8_t *identity, struct ppn_entry *ret_entry,
		      enum ppn_check *ret_check)
{
	for (;;) {
		struct ppn_bytes in = { r->buffer + r->at, r->len - r->at };
		size_t before = in.len;
		int more;

		*ret_check = ppn_ledger_next(&in, &r->head, r->fleet, identity, ret_entry);
		if (*ret_check == PPN_CHECK_SHORT) {
			more = refill(r);
			if (more <= 0)
				return more;
			continue;
		}
		r->at += before - in.len;
		r->offset += before - in.len;
		if (*ret_check == PPN_CHECK_OK && r->head.size == r->disk.size &&
		    !ppn_ledger_head_same(&r->head, &r->disk))
			return damaged(r->why, "entry %llu is not the one that head names",
				       (unsigned long long)ret_entry->index);
		return 0;
	}
}

/* Where entries end: nowhere before head; and what was ever completed has a head. */
static int check_end(const struct reader *r, enum ppn_check check)
{
	if (r->head.size < r->disk.size && check == PPN_CHECK_SHORT)
		return damaged(r->why, "shorter than head: %llu of %llu entries",
			       (unsigned long long)r->head.size, (unsigned long long)r->disk.size);
	if (r->head.size < r->disk.size)
		return damaged_entry(r->why, r->head.size, r->offset, ppn_check_text(check));
	if (!r->disk.size && r->head.size > 1)
		return damaged(r->why, "head is missing: it would name %llu entries",
			       (unsigned long long)r->head.size);
	return 0;
}

/* ---- start ---- */

struct replay {
	const struct ppn_ledger_replay *what;
	struct reader reader;
	uint8_t identity[PPN_KEY_LEN]; /* of a node's entry 0 */
	bool has_identity;
};

/* Is the entry at `offset` signed? An append that a crash cut may have all of its length. */
static bool is_signed(const struct replay *p, struct ppn_ledger_head before, uint64_t offset)
{
	uint8_t framed[PPN_LEDGER_ENTRY_MAX];
	ssize_t n = pread_full(p->reader.fd, framed, sizeof(framed), offset);
	struct ppn_bytes in = { framed, n < 0 ? 0 : n };
	struct ppn_entry entry;

	return ppn_ledger_next(&in, &before, p->reader.fleet, p->identity, &entry) == PPN_CHECK_OK;
}

static int check_first(struct replay *p, const struct ppn_entry *entry)
{
	struct ppn_entry_genesis genesis;

	if (entry->index != 0 || entry->type != PPN_ENTRY_GENESIS ||
	    entry->payload.len < sizeof(genesis))
		return 0;
	memcpy(&genesis, entry->payload.data, sizeof(genesis));
	memcpy(p->identity, genesis.identity, sizeof(p->identity));
	p->has_identity = true;
	if (!p->reader.disk.size || is_signed(p, (struct ppn_ledger_head){ 0 }, 0))
		return 0;
	return damaged(p->reader.why, "entry 0 is not signed by its identity for this fleet");
}

/* One entry that follows the one before. 1: it is an append that never ended. */
static int replay_entry(struct replay *p, const struct ppn_entry *entry,
			const struct ppn_ledger_head *before, uint64_t offset)
{
	const struct reader *r = &p->reader;
	enum ppn_check check = PPN_CHECK_OK;
	int err = check_first(p, entry);

	if (err)
		return err;
	if (r->offset == r->total && r->head.size > r->disk.size && p->has_identity &&
	    !is_signed(p, *before, offset))
		return 1;
	if (p->what->fold)
		check = p->what->fold(p->what->arg, entry);
	if (check != PPN_CHECK_OK)
		return damaged_entry(r->why, entry->index, offset, ppn_check_text(check));
	return 0;
}

/*
 * Can the bytes after the last good entry be one append that a crash cut? It is the last frame of
 * the file, or its length was not written: more entries after it mean that it was whole once.
 */
static bool is_torn(const struct reader *r, enum ppn_check check)
{
	uint64_t left = r->total - r->offset;
	__be32 framed;

	if (check == PPN_CHECK_SHORT || left > PPN_LEDGER_ENTRY_MAX)
		return left <= PPN_LEDGER_ENTRY_MAX;
	memcpy(&framed, r->buffer + r->at, sizeof(framed));
	return be32toh(framed) < sizeof(struct ppn_entry_body) ||
	       be32toh(framed) + sizeof(framed) == left;
}

static int check_tail(const struct reader *r, enum ppn_check check)
{
	int err = check_end(r, check);

	if (err)
		return err;
	if (!is_torn(r, check))
		return damaged_entry(r->why, r->head.size, r->offset, ppn_check_text(check));
	return r->head.size ? 0 : -ENOENT;
}

/* All entries; then the reader stands where the file should end. */
static int replay(struct replay *p)
{
	struct reader *r = &p->reader;
	enum ppn_check check;
	struct ppn_entry entry;

	for (;;) {
		const struct ppn_ledger_head before = r->head;
		const uint64_t offset = r->offset;
		int err = read_entry(r, NULL, &entry, &check);

		if (err || check != PPN_CHECK_OK)
			return err ? err : check_tail(r, check);
		err = replay_entry(p, &entry, &before, offset);
		if (err < 0)
			return err;
		if (err) { /* back before it */
			r->at -= r->offset - offset;
			r->offset = offset;
			r->head = before;
			return check_tail(r, PPN_CHECK_SIGNATURE);
		}
	}
}

int ppn_ledger_replay(const struct ppn_ledger_replay *what, struct ppn_ledger_head *ret_end,
		      uint64_t *ret_offset, uint64_t *ret_total)
{
	struct replay p = { .what = what };
	int err = reader_open(&p.reader, what->fd, what->fleet, &what->disk, what->why);

	if (err)
		return err;
	err = replay(&p);
	free(p.reader.buffer);
	if (err)
		return err;
	*ret_end = p.reader.head;
	*ret_offset = p.reader.offset;
	*ret_total = p.reader.total;
	return 0;
}

/* ---- walking ---- */

struct walk {
	struct reader reader;
	const uint8_t *identity;
	int (*entry)(void *arg, const struct ppn_entry *entry);
	void (*progress)(void *arg, uint64_t done, uint64_t total);
	void *arg;
	uint64_t told; /* progress */
};

static int walk(struct walk *w)
{
	struct reader *r = &w->reader;
	enum ppn_check check;
	struct ppn_entry entry;

	for (;;) {
		int err = read_entry(r, w->identity, &entry, &check);

		if (err)
			return err;
		if (check == PPN_CHECK_SHORT)
			return check_end(r, check);
		if (check != PPN_CHECK_OK)
			return damaged_entry(r->why, r->head.size, r->offset,
					     ppn_check_text(check));
		err = w->entry ? w->entry(w->arg, &entry) : 0;
		if (err)
			return err;
		if (w->progress && (r->offset - w->told >= READ_LEN || r->offset == r->total)) {
			w->told = r->offset;
			w->progress(w->arg, r->offset, r->total);
		}
	}
}

int ppn_ledger_walk(int dir, const uint8_t fleet[static PPN_HASH_LEN], const uint8_t *identity,
		    int (*entry)(void *arg, const struct ppn_entry *entry),
		    void (*progress)(void *arg, uint64_t done, uint64_t total), void *arg,
		    struct ppn_ledger_head *ret_head, char ret_why[static WHY_LEN])
{
	struct walk w = { .identity = identity, .entry = entry, .progress = progress, .arg = arg };
	struct ppn_ledger_head disk = { 0 };
	_cleanup_close_ int fd = -1;
	int err;

	ret_why[0] = '\0';
	if (dir < 0)
		return -ENOENT;
	fd = openat(dir, "ledger", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 && errno != ENOENT)
		return -errno;
	/* Head before the entries: what is appended meanwhile comes after it. */
	err = ppn_ledger_head_open(dir, fd >= 0, &disk, ret_why);
	if (!err)
		err = reader_open(&w.reader, fd, fleet, &disk, ret_why);
	if (err)
		return err;
	err = walk(&w);
	free(w.reader.buffer);
	if (!err && ret_head)
		*ret_head = w.reader.head;
	return err;
}
