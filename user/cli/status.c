// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* `ppn status` for people: a line a concern. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "host/ctl.h"

/* 1234567 as "1,234,567". */
static const char *grouped(json_int_t number, char ret_text[static 32])
{
	char digits[24];
	size_t n = (size_t)snprintf(digits, sizeof(digits), "%lld", (long long)number), at = 0;

	for (size_t i = 0; i < n && at < 30; i++) {
		if (i && (n - i) % 3 == 0)
			ret_text[at++] = ',';
		ret_text[at++] = digits[i];
	}
	ret_text[at] = '\0';
	return ret_text;
}

static const char *since(json_int_t seconds, char ret_text[static 32])
{
	if (seconds < 120)
		snprintf(ret_text, 32, "%lld s", (long long)seconds);
	else if (seconds < 7200)
		snprintf(ret_text, 32, "%lld min", (long long)seconds / 60);
	else if (seconds < 172800)
		snprintf(ret_text, 32, "%lld h", (long long)seconds / 3600);
	else
		snprintf(ret_text, 32, "%lld days", (long long)seconds / 86400);
	return ret_text;
}

static void print_state(const json_t *status)
{
	static const struct {
		const char *state, *words;
	} rows[] = {
		{ "blind", "sealed, takes and sends nothing yet" },
		{ "scanning", "looking for an authority's beacon" },
		{ "holding", "private network of one" },
		{ "bound", "claimed, member of its fleet" },
		{ "isolated", "by command: passes only to and from seats" },
		{ "damaged", "sealed, obeys no frame" },
	};
	const char *state = cli_text(status, "state"), *words = "";
	char age[32];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strcmp(rows[i].state, state) == 0)
			words = rows[i].words;
	printf("state      %-16s %s, since %s\n", state, words,
	       since(cli_number(status, "since_s"), age));
	if (*cli_text(status, "why"))
		printf("           %s\n", cli_text(status, "why"));
	printf("node       %-16s %s\n", cli_text(status, "node"), cli_text(status, "address"));
	if (*cli_text(status, "fingerprint"))
		printf("           fingerprint      %s\n", cli_text(status, "fingerprint"));
	if (*cli_text(status, "fleet")) /* as much of it as ppn-admin names */
		printf("fleet      %.16s\n", cli_text(status, "fleet"));
	printf("posture    %s\n", cli_text(status, "posture"));
}

static void print_seal(const json_t *seal)
{
	const json_t *list = json_object_get(seal, "interfaces"), *interface;
	bool observe = strcmp(cli_text(seal, "mode"), "observe") == 0;
	bool trial = strcmp(cli_text(seal, "mode"), "trial") == 0;
	char dropped[32], passed[32];
	size_t i;

	printf("seal       %s, %s %s, %s passed\n",
	       observe ? "OBSERVES (ppn seal --yes)" :
	       trial   ? "enforces for a TRIAL (ppn seal --confirm)" :
			 "enforces",
	       grouped(cli_number(seal, "dropped"), dropped),
	       observe ? "would be dropped" : "dropped",
	       grouped(cli_number(seal, "passed"), passed));
	if (*cli_text(seal, "degraded"))
		printf("           degraded (nft)   %s\n", cli_text(seal, "degraded"));
	if (*cli_text(seal, "not_in_force"))
		printf("           NOT YET IN FORCE %s\n", cli_text(seal, "not_in_force"));
	if (cli_number(seal, "rows_shut"))
		printf("           %lld rows of the roster stay shut: more prefixes than a port can have\n",
		       (long long)cli_number(seal, "rows_shut"));
	json_array_foreach(list, i, interface) {
		const char *why = cli_text(interface, "why"), *hold = cli_text(interface, "hold");

		printf("           %-16s %s%s%s%s\n", cli_text(interface, "name"),
		       strcmp(hold, "none") == 0 ? "NOT SEALED" : hold, *why ? " (" : "", why,
		       *why ? ")" : "");
	}
	if (json_array_size(list) == 0)
		printf("           no external interface\n");
	json_array_foreach(json_object_get(seal, "unmatched"), i, interface)
		printf("           %-16s " CLI_UNMATCHED "\n", json_string_value(interface));
	json_array_foreach(json_object_get(seal, "rescue"), i, interface)
		printf("rescue     %s/%lld from %s/%lld\n", cli_text(interface, "proto"),
		       (long long)cli_number(interface, "port"), cli_text(interface, "prefix"),
		       (long long)cli_number(interface, "prefix_len") -
			       (strchr(cli_text(interface, "prefix"), ':') ? 0 : 96));
}

static void print_claim(const json_t *claim, const json_t *discovery)
{
	printf("claim      port %-11lld %s%s%s\n", (long long)cli_number(claim, "port"),
	       cli_text(claim, "endpoint"), *cli_text(claim, "why") ? ": " : "",
	       cli_text(claim, "why"));
	if (*cli_text(discovery, "authority"))
		printf("authority  %-16s beacon of %s\n", cli_text(discovery, "authority"),
		       cli_text(discovery, "last"));
}

static void print_mesh(const json_t *status)
{
	const json_t *mesh = json_object_get(status, "mesh"),
		     *roster = json_object_get(status, "roster");
	const char *why = cli_text(mesh, "why");

	printf("mesh       %-16s ", cli_text(mesh, "device"));
	if (json_is_true(json_object_get(mesh, "up")))
		printf("up, %s, %lld peers\n", cli_text(mesh, "backend"),
		       (long long)cli_number(mesh, "peers"));
	else
		printf("down%s%s\n", *why ? ": " : "", why);
	if (json_is_object(roster))
		printf("roster     epoch %-10lld %lld members, this is number %lld\n",
		       (long long)cli_number(roster, "epoch"),
		       (long long)cli_number(roster, "members"),
		       (long long)cli_number(status, "number"));
}

static void print_slots(const json_t *status)
{
	const json_t *slot;
	size_t i;

	json_array_foreach(json_object_get(status, "slots"), i, slot) {
		const json_t *last = json_array_get(json_object_get(slot, "results"), 0);

		printf("seat       %-16s next seq %lld of %lld", cli_text(slot, "address"),
		       (long long)cli_number(slot, "seq_next"),
		       (long long)cli_number(slot, "seq_limit"));
		if (last)
			printf(", last: %s, %s", cli_text(last, "op"), cli_text(last, "result"));
		putchar('\n');
	}
}

enum ppn_exit cli_status(const struct cli *cli)
{
	enum ppn_exit code;
	json_t *status;
	char path[256], size[32];

	snprintf(path, sizeof(path), "%s/%s", cli->run_dir, PPN_CTL_SOCKET);
	status = ppn_ctl_ask(path, json_pack("{s:s}", "verb", "status"), NULL, NULL, &code);
	if (!status && cli->json) {
		cli_print(json_pack("{s:b, s:n, s:s}", "running", 0, "state", "error",
				    code == PPN_EXIT_NO_DAEMON ? "ppnd is not running" :
								 "no answer from ppnd"));
		return code;
	}
	if (!status)
		return cli_error(cli, code,
				 "ppnd is not running; a seal that was on stays on (bpftool net)");
	if (cli->json) {
		cli_print(status);
		return code;
	}
	if (json_object_get(status, "error")) {
		(void)cli_error(cli, code, "%s", cli_text(status, "error"));
		json_decref(status);
		return code;
	}
	print_state(status);
	print_seal(json_object_get(status, "seal"));
	print_claim(json_object_get(status, "claim"), json_object_get(status, "discovery"));
	print_mesh(status);
	print_slots(status);
	printf("ledger     %s entries\n",
	       grouped(cli_number(json_object_get(status, "ledger"), "size"), size));
	json_decref(status);
	return code;
}
