// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* `ppn-admin ledger show|verify`: the authority's own ledger, read from its files. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

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

static void print_progress(void *arg, uint64_t done, uint64_t total)
{
	(void)arg;
	fprintf(stderr, "\r%3" PRIu64 " %%", total ? done * 100 / total : 100);
}

static int walk(const struct ppn_admin_options *options, struct ppn_store *store, bool verify)
{
	bool progress = verify && isatty(STDERR_FILENO);
	struct ppn_ledger_head head;
	char why[160] = "";
	int err;

	err = ppn_ledger_walk(store->dir, store->trust.newest.fleet,
			      verify ? store->cert.sign_key : NULL, verify ? NULL : print_entry,
			      progress ? print_progress : NULL, NULL, &head, why);
	if (progress)
		fputs("\r     \r", stderr);
	if (err < 0) {
		fprintf(stderr, "ppn-admin ledger: %s\n", why[0] ? why : strerror(-err));
		return err == -EBADMSG ? PPN_EXIT_VERIFY : PPN_EXIT_FAILURE;
	}
	if (!verify)
		return PPN_EXIT_OK;
	if (options->json)
		printf("{\"schema\": %d, \"entries\": %" PRIu64 ", \"verified\": true}\n",
		       PPN_CTL_SCHEMA, head.size);
	else
		printf("%" PRIu64 " entries, chain and signatures hold\n", head.size);
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
	if (ppn_store_open(&store, options->state_dir, (uint64_t)time(NULL), why) < 0) {
		fprintf(stderr, "ppn-admin ledger: %s\n", why);
		return PPN_EXIT_FAILURE;
	}
	code = walk(options, &store, strcmp(word, "verify") == 0);
	ppn_store_close(&store);
	return code;
}
