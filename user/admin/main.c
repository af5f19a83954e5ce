// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <stdio.h>
#include <string.h>

#include <ppn/ctl.h>

#include "admin/verbs.h"
#include "host/secret.h"
#include "lib/crypto.h"

static int version(const struct ppn_admin_options *options, int argc, char **argv);

static const struct {
	const char *name;
	ppn_admin_verb *run;
	const char *arguments, *help;
} verbs[] = {
	{ "init", ppn_verb_init, "[--name NAME] [--days N] [--passphrase-file F]",
	  "make a fleet: three root keys, one admin certificate" },
	{ "invite", ppn_verb_invite, "[--count N] [--days N]",
	  "print an invite, to be copied to new servers" },
	{ "run", ppn_verb_run, "", "the service: beacon, mesh, telemetry, roster" },
	{ "unlock", ppn_verb_unlock, "[--passphrase-file F]", "give the service its key" },
	{ "status", ppn_verb_status, "", "the service and what it holds" },
	{ "nodes", ppn_verb_nodes, "", "nodes seen on the links, and members" },
	{ "claim", ppn_verb_claim, "NODE|HOST|--all|--local [--fingerprint F] [--name NAME]",
	  "claim one node, or all that an invite verifies" },
	{ "send", ppn_verb_send, "OP NODE [--arg N] [--timeout S]", "command one node by a frame" },
	{ "roster", ppn_verb_roster, "show", "the roster in force" },
	{ "ledger", ppn_verb_ledger, "show|verify", "the authority's own ledger" },
	{ "version", version, "", "print the version" },
};

#define N_VERBS (sizeof(verbs) / sizeof(verbs[0]))

static int version(const struct ppn_admin_options *options, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	if (options->json)
		printf("{\"schema\": %d, \"version\": \"%s\"}\n", PPN_CTL_SCHEMA, PPN_VERSION);
	else
		printf("ppn-admin %s\n", PPN_VERSION);
	return PPN_EXIT_OK;
}

static int usage(FILE *to)
{
	fputs("usage: ppn-admin [--config F] [--state-dir D] [--run-dir D] [--json] VERB ...\n\n",
	      to);
	for (size_t i = 0; i < N_VERBS; i++)
		fprintf(to, "  %-8s %s\n           %s\n", verbs[i].name, verbs[i].arguments,
			verbs[i].help);
	return to == stdout ? PPN_EXIT_OK : PPN_EXIT_USAGE;
}

/* The options before the verb; returns the index of the verb, or -1. --json may stand after it too. */
static int common(struct ppn_admin_options *options, int argc, char **argv)
{
	const struct {
		const char *name;
		const char **value;
	} table[] = {
		{ "--config", &options->config },
		{ "--state-dir", &options->state_dir },
		{ "--run-dir", &options->run_dir },
	};
	int i;

	for (i = 1; i < argc && argv[i][0] == '-'; i++) {
		size_t row;

		if (strcmp(argv[i], "--json") == 0) {
			options->json = true;
			continue;
		}
		for (row = 0; row < sizeof(table) / sizeof(table[0]); row++)
			if (strcmp(argv[i], table[row].name) == 0)
				break;
		if (row == sizeof(table) / sizeof(table[0]) || i + 1 == argc) {
			fprintf(stderr, "ppn-admin: %s %s\n\n",
				row < sizeof(table) / sizeof(table[0]) ? "no value after" :
									 "unknown option",
				argv[i]);
			return -1;
		}
		*table[row].value = argv[++i];
	}
	return i < argc ? i : -1;
}

static int take_json(struct ppn_admin_options *options, int argc, char **argv)
{
	int kept = 0;

	for (int i = 0; i < argc; i++) {
		if (strcmp(argv[i], "--json") == 0)
			options->json = true;
		else
			argv[kept++] = argv[i];
	}
	return kept;
}

int main(int argc, char **argv)
{
	struct ppn_admin_options options = { .state_dir = PPN_STATEDIR "-admin",
					     .run_dir = PPN_RUNDIR };
	int verb, rest;

	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], "--help") == 0 || (i == 1 && strcmp(argv[i], "-h") == 0))
			return usage(stdout);
	if (ppn_secret_process() < 0) {
		fputs("ppn-admin: the kernel would let others read its keys: no PR_SET_DUMPABLE\n",
		      stderr);
		return PPN_EXIT_FAILURE;
	}
	if (ppn_crypto_init() < 0) {
		fputs("ppn-admin: libsodium cannot start: no source of randomness\n", stderr);
		return PPN_EXIT_FAILURE;
	}
	verb = common(&options, argc, argv);
	if (verb < 0)
		return usage(stderr);
	rest = take_json(&options, argc - verb - 1, argv + verb + 1);
	for (size_t i = 0; i < N_VERBS; i++)
		if (strcmp(argv[verb], verbs[i].name) == 0)
			return verbs[i].run(&options, rest, argv + verb + 1);
	fprintf(stderr, "ppn-admin: no verb %s\n\n", argv[verb]);
	return usage(stderr);
}
