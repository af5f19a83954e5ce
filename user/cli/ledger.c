// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* `ppn ledger show|verify`: reads STATE itself, beside a running ppnd or without one; a cloud
 * node's is in ppnd's memory. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "host/cleanup.h"
#include "host/file.h"
#include "host/ledger_file.h"
#include "lib/crypto.h"

#define PIN_FILE "authority.pub"

enum { LINE_LEN = 1024 };

struct walk {
	const struct cli *cli;
	json_t *entries; /* NULL: printed as text */
	struct ppn_entry_genesis genesis;
	bool has_genesis, show, progress;
	int percent;
};

/* ---- the pin: whose fleet id the entries are signed for ---- */

/* Zeros where no authority was pinned (code mode). -EBADMSG: a pin that is damaged. */
static int read_fleet(int dir, uint8_t ret_fleet[static PPN_HASH_LEN],
		      uint8_t ret_pin[static PPN_HASH_LEN])
{
	_cleanup_free_ uint8_t *text = NULL, *bytes = malloc(PPN_ARMOR_MAX);
	struct ppn_trust trust;
	size_t len, n;
	int err;

	memset(ret_fleet, 0, PPN_HASH_LEN);
	memset(ret_pin, 0, PPN_HASH_LEN);
	err = ppn_file_read(dir, PIN_FILE, PPN_ARMOR_MAX, 0, &text, &len);
	if (err)
		return err == -ENOENT ? 0 : err;
	if (!bytes)
		return -ENOMEM;
	if (ppn_armor_read((char *)text, len, PPN_ARMOR_AUTHORITY, bytes, PPN_ARMOR_MAX, &n) !=
		    PPN_CHECK_OK ||
	    n < 1 ||
	    ppn_trust_chain(&trust, (struct ppn_bytes){ bytes + 1, n - 1 }, bytes[0], NULL, NULL) !=
		    PPN_CHECK_OK)
		return -EBADMSG;
	memcpy(ret_fleet, trust.newest.fleet, PPN_HASH_LEN);
	memcpy(ret_pin, trust.pin, PPN_HASH_LEN);
	return 0;
}

/* ---- entries ---- */

static int take_genesis(void *arg, const struct ppn_entry *entry)
{
	struct walk *walk = arg;

	if (entry->type == PPN_ENTRY_GENESIS && entry->payload.len >= sizeof(walk->genesis)) {
		memcpy(&walk->genesis, entry->payload.data, sizeof(walk->genesis));
		walk->has_genesis = true;
	}
	return 1; /* entry 0 is all that is asked for */
}

static int show_entry(void *arg, const struct ppn_entry *entry)
{
	struct walk *walk = arg;
	char line[LINE_LEN], hash[2 * PPN_HASH_LEN + 1];
	const char *type = ppn_entry_type_text(entry->type);

	if (!walk->show)
		return 0;
	if (ppn_entry_text(line, sizeof(line), entry) < 0)
		snprintf(line, sizeof(line), "%" PRIu64 " entry of type %u", entry->index,
			 entry->type);
	if (!walk->entries) {
		puts(line);
		return 0;
	}
	(void)json_array_append_new(
		walk->entries,
		json_pack("{s:I, s:I, s:i, s:s?, s:s, s:s}", "index", (json_int_t)entry->index,
			  "time_ms", (json_int_t)entry->time_ms, "number", (int)entry->type, "type",
			  type, "text", line, "hash", ppn_hex(hash, entry->hash, PPN_HASH_LEN)));
	return 0;
}

static void show_progress(void *arg, uint64_t done, uint64_t total)
{
	struct walk *walk = arg;
	int percent = total ? (int)(done * 100 / total) : 100;

	if (!walk->progress || percent == walk->percent)
		return;
	walk->percent = percent;
	fprintf(stderr, "\rverified %3d %%%s", percent, done >= total ? "\n" : "");
}

/* ---- outcomes ---- */

static enum ppn_exit fail(const struct cli *cli, int err, const char *why)
{
	if (err == -EBADMSG)
		return cli_error(cli, PPN_EXIT_VERIFY, "the ledger does not verify: %s", why);
	return cli_error(cli, PPN_EXIT_FAILURE, "%s: %s", cli->state_dir, strerror(-err));
}

static enum ppn_exit report(const struct cli *cli, struct walk *walk,
			    const struct ppn_ledger_head *head)
{
	char hash[2 * PPN_HASH_LEN + 1], label[10];

	ppn_hex(hash, head->hash, PPN_HASH_LEN);
	ppn_label(label, walk->genesis.identity);
	if (cli->json) {
		json_t *object = json_pack("{s:b, s:I, s:s, s:s}", "verified", !walk->show, "size",
					   (json_int_t)head->size, "hash", hash, "node", label);

		if (walk->entries)
			(void)json_object_set(object, "entries", walk->entries);
		cli_print(object);
	} else if (!walk->show) {
		printf("%" PRIu64 " entries of node %s verified, last %s\n", head->size, label,
		       hash);
	}
	return PPN_EXIT_OK;
}

/* ---- a ledger in ppnd's memory (cloud) ---- */

/* Appends what ppnd holds from byte *len on. 1: that is all; 0: there is more; -errno. */
static int fetch_part(const struct cli *cli, uint8_t **data, size_t *len,
		      uint8_t ret_fleet[static PPN_HASH_LEN], enum ppn_exit *ret_exit)
{
	json_t *answer = cli_ask(
		cli, json_pack("{s:s, s:I}", "verb", "ledger", "from", (json_int_t)*len), ret_exit);
	const char *text = cli_text(answer, "data");
	size_t room = strlen(text), got = 0, total = (size_t)cli_number(answer, "total");
	uint8_t *grown = answer ? realloc(*data, *len + room + 1) : NULL;
	int err = -EBADMSG;

	if (grown)
		*data = grown;
	if (grown && ppn_unbase64(grown + *len, room, &got, text, room) == 0 &&
	    ppn_unhex(ret_fleet, PPN_HASH_LEN, cli_text(answer, "fleet")) == 0)
		err = 0;
	*len += got;
	json_decref(answer);
	return err ? err : *len >= total || !got;
}

static int walk_memory(struct ppn_bytes in, const uint8_t fleet[static PPN_HASH_LEN],
		       struct walk *walk, struct ppn_ledger_head *head)
{
	const size_t total = in.len;
	struct ppn_entry entry;
	enum ppn_check check = PPN_CHECK_OK;

	while (in.len && check == PPN_CHECK_OK) {
		/* Entry 0 names the identity that signs them all, itself too. */
		struct ppn_bytes peek = in;
		struct ppn_ledger_head start = *head;

		if (start.size == 0 &&
		    ppn_ledger_next(&peek, &start, fleet, NULL, &entry) == PPN_CHECK_OK)
			(void)take_genesis(walk, &entry);
		check = ppn_ledger_next(&in, head, fleet, walk->genesis.identity, &entry);
		if (check == PPN_CHECK_OK)
			(void)show_entry(walk, &entry);
		show_progress(walk, total - in.len, total);
	}
	return check == PPN_CHECK_OK && walk->has_genesis ? 0 : -EBADMSG;
}

static enum ppn_exit run_memory(const struct cli *cli, struct walk *walk)
{
	_cleanup_free_ uint8_t *data = NULL;
	enum ppn_exit code = PPN_EXIT_FAILURE;
	uint8_t fleet[PPN_HASH_LEN];
	struct ppn_ledger_head head = { 0 };
	size_t len = 0;
	int done;

	do
		done = fetch_part(cli, &data, &len, fleet, &code);
	while (done == 0);
	if (done < 0)
		return code != PPN_EXIT_OK ?
			       code :
			       cli_error(cli, PPN_EXIT_FAILURE, "ppnd answered nonsense");
	if (walk_memory((struct ppn_bytes){ data, len }, fleet, walk, &head))
		return fail(cli, -EBADMSG, "an entry in ppnd's memory is wrong");
	return report(cli, walk, &head);
}

/* ---- verbs ---- */

static enum ppn_exit run_disk(const struct cli *cli, struct walk *walk, int dir)
{
	uint8_t fleet[PPN_HASH_LEN], pin[PPN_HASH_LEN];
	struct ppn_ledger_head head;
	char why[160] = "";
	int err = read_fleet(dir, fleet, pin);

	if (err)
		return fail(cli, err, PIN_FILE " is damaged");
	err = ppn_ledger_walk(dir, fleet, NULL, take_genesis, NULL, walk, NULL, why);
	if (err < 0)
		return err == -ENOENT ? run_memory(cli, walk) : fail(cli, err, why);
	if (!walk->has_genesis)
		return fail(cli, -EBADMSG, "it does not begin with a genesis entry");
	if (!ppn_equal(pin, walk->genesis.pin, sizeof(pin)))
		return fail(cli, -EBADMSG, PIN_FILE " is not what entry 0 pinned");
	err = ppn_ledger_walk(dir, fleet, walk->show ? NULL : walk->genesis.identity, show_entry,
			      show_progress, walk, &head, why);
	return err ? fail(cli, err, why) : report(cli, walk, &head);
}

static enum ppn_exit run(const struct cli *cli, bool show)
{
	struct walk walk = {
		.cli = cli,
		.show = show,
		.progress = !show && isatty(STDERR_FILENO),
		.percent = -1,
		.entries = show && cli->json ? json_array() : NULL,
	};
	_cleanup_close_ int dir = open(cli->state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	enum ppn_exit code;

	if (dir < 0 && errno != ENOENT)
		code = fail(cli, -errno, "");
	else
		code = dir < 0 ? run_memory(cli, &walk) : run_disk(cli, &walk, dir);
	json_decref(walk.entries);
	return code;
}

enum ppn_exit cli_ledger(const struct cli *cli)
{
	if (cli->argc == 1 && strcmp(cli->argv[0], "show") == 0)
		return run(cli, true);
	if (cli->argc == 1 && strcmp(cli->argv[0], "verify") == 0)
		return run(cli, false);
	return cli_error(cli, PPN_EXIT_USAGE, "ppn ledger show | verify");
}
