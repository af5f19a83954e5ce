// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* `ppn-admin ledger show|verify`: the authority's own ledger, read from its files. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <jansson.h>

#include <ppn/ctl.h>

#include "admin/store.h"
#include "admin/verbs.h"

#define LINE_MAX_LEN 512

static int print_entry(void *arg, const struct ppn_entry *entry)
{
	char line[LINE_MAX_LEN];

	(void)arg;
	if (ppn_entry_text(line, sizeof(line), entry) > 0)
		puts(line);
	return 0;
}

/* As `ppn ledger show --json` has them. */
static int add_entry(void *arg, const struct ppn_entry *entry)
{
	char line[LINE_MAX_LEN], hash[2 * PPN_HASH_LEN + 1];
	bool known = ppn_entry_text(line, sizeof(line), entry) > 0;

	(void)json_array_append_new(
		arg,
		json_pack("{s:I, s:I, s:i, s:s?, s:s?, s:s}", "index", (json_int_t)entry->index,
			  "time_ms", (json_int_t)entry->time_ms, "number", (int)entry->type, "type",
			  ppn_entry_type_text(entry->type), "text", known ? line : NULL, "hash",
			  ppn_hex(hash, entry->hash, PPN_HASH_LEN)));
	return 0;
}

static void print_json(json_t *object)
{
	(void)json_object_set_new(object, "schema", json_integer(PPN_CTL_SCHEMA));
	(void)json_dumpf(object, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
	puts("");
	json_decref(object);
}

static int fail(const struct ppn_admin_options *options, int code, const char *why)
{
	if (options->json)
		print_json(json_pack("{s:s}", "error", why));
	else
		fprintf(stderr, "ppn-admin ledger: %s\n", why);
	return code;
}

static void print_progress(void *arg, uint64_t done, uint64_t total)
{
	(void)arg;
	fprintf(stderr, "\r%3" PRIu64 " %%", total ? done * 100 / total : 100);
}

static int verify(const struct ppn_admin_options *options, struct ppn_store *store)
{
	bool progress = isatty(STDERR_FILENO);
	struct ppn_ledger_head head;
	char why[160] = "", hash[2 * PPN_HASH_LEN + 1];
	int err;

	err = ppn_ledger_walk(store->dir, store->trust.newest.fleet, store->cert.sign_key, NULL,
			      progress ? print_progress : NULL, NULL, &head, why);
	if (progress)
		fputs("\r     \r", stderr);
	if (err < 0)
		return fail(options, err == -EBADMSG ? PPN_EXIT_VERIFY : PPN_EXIT_FAILURE,
			    why[0] ? why : strerror(-err));
	if (options->json)
		print_json(json_pack("{s:b, s:I, s:s}", "verified", 1, "entries",
				     (json_int_t)head.size, "hash",
				     ppn_hex(hash, head.hash, PPN_HASH_LEN)));
	else
		printf("%" PRIu64 " entries, chain and signatures hold\n", head.size);
	return PPN_EXIT_OK;
}

static int show(const struct ppn_admin_options *options, struct ppn_store *store)
{
	json_t *entries = options->json ? json_array() : NULL;
	char why[160] = "";
	int err;

	err = ppn_ledger_walk(store->dir, store->trust.newest.fleet, NULL,
			      entries ? add_entry : print_entry, NULL, entries, NULL, why);
	if (err < 0) {
		json_decref(entries);
		return fail(options, err == -EBADMSG ? PPN_EXIT_VERIFY : PPN_EXIT_FAILURE,
			    why[0] ? why : strerror(-err));
	}
	if (entries)
		print_json(json_pack("{s:o}", "entries", entries));
	return PPN_EXIT_OK;
}

int ppn_verb_ledger(const struct ppn_admin_options *options, int argc, char **argv)
{
	char why[PPN_STORE_WHY] = "";
	const char *word = "show";
	struct ppn_store store;
	int code;

	if (ppn_options("ledger", argc, argv, NULL, 0, &word, 1) < 0)
		return PPN_EXIT_USAGE;
	if (strcmp(word, "show") != 0 && strcmp(word, "verify") != 0) {
		fprintf(stderr, "ppn-admin ledger: show or verify, not %s\n", word);
		return PPN_EXIT_USAGE;
	}
	if (ppn_store_open(&store, options->state_dir, why) < 0)
		return fail(options, PPN_EXIT_FAILURE, why);
	code = strcmp(word, "verify") == 0 ? verify(options, &store) : show(options, &store);
	ppn_store_close(&store);
	return code;
}
