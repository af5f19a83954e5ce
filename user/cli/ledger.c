// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* `ppn ledger show|verify`: reads STATE itself, beside a running ppnd or without one. */
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

/* ---- verbs ---- */

static enum ppn_exit fail(const struct cli *cli, int err, const char *why)
{
	if (err == -ENOENT)
		return cli_error(cli, PPN_EXIT_FAILURE,
				 "%s holds no ledger (a cloud node keeps it in memory)",
				 cli->state_dir);
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

static enum ppn_exit run(const struct cli *cli, bool show)
{
	struct walk walk = {
		.cli = cli, .show = show, .progress = !show && isatty(STDERR_FILENO), .percent = -1
	};
	_cleanup_close_ int dir = open(cli->state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	uint8_t fleet[PPN_HASH_LEN], pin[PPN_HASH_LEN];
	struct ppn_ledger_head head;
	enum ppn_exit code;
	char why[160] = "";
	int err;

	if (dir < 0)
		return fail(cli, -errno, "");
	err = read_fleet(dir, fleet, pin);
	if (err)
		return fail(cli, err, PIN_FILE " is damaged");
	err = ppn_ledger_walk(dir, fleet, NULL, take_genesis, NULL, &walk, NULL, why);
	if (err < 0)
		return fail(cli, err, why);
	if (!walk.has_genesis)
		return fail(cli, -EBADMSG, "it does not begin with a genesis entry");
	if (!ppn_equal(pin, walk.genesis.pin, sizeof(pin)))
		return fail(cli, -EBADMSG, PIN_FILE " is not what entry 0 pinned");
	walk.entries = show && cli->json ? json_array() : NULL;
	err = ppn_ledger_walk(dir, fleet, show ? NULL : walk.genesis.identity, show_entry,
			      show_progress, &walk, &head, why);
	code = err ? fail(cli, err, why) : report(cli, &walk, &head);
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
