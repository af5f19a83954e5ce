// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * `ppn seal`: end observing, or try that; `check`: what it would cut; `status`: what holds each interface, and what it
 * counts.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/cli.h"
#include "host/clock.h"

enum { RATE_MS = 1000 }; /* between two looks at the counters */

/* ---- status ---- */

static const struct {
	const char *key, *text;
} directions[] = { { "seal", "in" }, { "egress", "out" }, { "frame", "ppn0" } };

static json_t *ask_status(const struct cli *cli, enum ppn_exit *ret_exit)
{
	return cli_ask(cli, json_pack("{s:s}", "verb", "status"), ret_exit);
}

/* Of one direction: each reason gets what it has grown by in a second. */
static void add_rates(json_t *now, const json_t *before, uint64_t passed_ms)
{
	const char *reason;
	json_t *count;

	json_object_foreach(now, reason, count) {
		json_int_t grown = cli_number(count, "packets") -
				   cli_number(json_object_get(before, reason), "packets");

		(void)json_object_set_new(count, "per_second",
					  json_integer(grown * 1000 / (json_int_t)passed_ms));
	}
}

static json_t *status_with_rates(const struct cli *cli, enum ppn_exit *ret_exit)
{
	const struct timespec pause = { .tv_sec = RATE_MS / 1000 };
	uint64_t began = ppn_clock_ms(CLOCK_MONOTONIC), passed;
	json_t *before = ask_status(cli, ret_exit), *now;

	if (!before)
		return NULL;
	nanosleep(&pause, NULL);
	now = ask_status(cli, ret_exit);
	passed = ppn_clock_ms(CLOCK_MONOTONIC) - began;
	for (size_t i = 0; now && i < sizeof(directions) / sizeof(directions[0]); i++) {
		const char *key = directions[i].key;

		add_rates(json_object_get(json_object_get(json_object_get(now, "seal"), "reasons"),
					  key),
			  json_object_get(
				  json_object_get(json_object_get(before, "seal"), "reasons"), key),
			  passed ? passed : 1);
	}
	json_decref(before);
	return now;
}

static void print_interface(const json_t *interface, bool observes)
{
	const char *hold = cli_text(interface, "hold");

	printf("%-15s %-8s %s, %s\n", cli_text(interface, "name"),
	       strcmp(hold, "none") == 0 ? "NOT SEALED" : hold, cli_text(interface, "underlay"),
	       cli_text(interface, "external_why"));
	if (*cli_text(interface, "why"))
		printf("%-15s          %s\n", "", cli_text(interface, "why"));
	if (json_is_integer(json_object_get(interface, "dropped")))
		printf("%-15s          %lld %s, %lld passed\n", "",
		       (long long)cli_number(interface, "dropped"),
		       observes ? "would be dropped" : "dropped",
		       (long long)cli_number(interface, "passed"));
}

static void print_reasons(const char *direction, const json_t *reasons)
{
	const char *reason;
	json_t *count;

	json_object_foreach((json_t *)reasons, reason, count)
		printf("%-5s %-16s %14lld %16lld %10lld\n", direction, reason,
		       (long long)cli_number(count, "packets"),
		       (long long)cli_number(count, "bytes"),
		       (long long)cli_number(count, "per_second"));
}

static void print_backstop(const json_t *seal)
{
	const json_t *backstop = json_object_get(seal, "backstop");
	const char *why = cli_text(backstop, "why"), *counter;
	json_t *count;

	printf("backstop        %s%s%s\n",
	       json_is_true(json_object_get(backstop, "on")) ? "on" : "OFF", *why ? ": " : "", why);
	json_object_foreach(json_object_get(backstop, "dropped"), counter, count)
		if (json_integer_value(count))
			printf("%-15s %lld dropped by %s\n", "",
			       (long long)json_integer_value(count), counter);
	if (*cli_text(seal, "degraded"))
		printf("degraded (nft)  %s\n", cli_text(seal, "degraded"));
	if (*cli_text(seal, "not_in_force"))
		printf("NOT IN FORCE    %s\n", cli_text(seal, "not_in_force"));
	if (*cli_text(seal, "pins_why"))
		printf("NOT PINNED      %s\n", cli_text(seal, "pins_why"));
}

static void print_unmatched(const json_t *answer)
{
	const json_t *name;
	size_t i;

	json_array_foreach(json_object_get(answer, "unmatched"), i, name)
		printf("%-15s " CLI_UNMATCHED "\n", json_string_value(name));
}

static const char *mode_text(const char *mode)
{
	return strcmp(mode, "observe") == 0 ? "OBSERVES: drops nothing" :
	       strcmp(mode, "trial") == 0   ? "enforces for a TRIAL: then it observes again" :
					      "enforces";
}

static void print_status(const json_t *status)
{
	const json_t *seal = json_object_get(status, "seal"), *interface;
	const json_t *interfaces = json_object_get(seal, "interfaces");
	size_t i;

	printf("state           %s, %s\n", cli_text(status, "state"),
	       mode_text(cli_text(seal, "mode")));
	print_backstop(seal);
	json_array_foreach(interfaces, i, interface)
		print_interface(interface, strcmp(cli_text(seal, "mode"), "observe") == 0);
	if (!json_array_size(interfaces))
		puts("no external interface");
	print_unmatched(seal);
	printf("\n%-5s %-16s %14s %16s %10s\n", "", "REASON", "PACKETS", "BYTES", "A SECOND");
	for (i = 0; i < sizeof(directions) / sizeof(directions[0]); i++)
		print_reasons(directions[i].text,
			      json_object_get(json_object_get(seal, "reasons"), directions[i].key));
}

static enum ppn_exit seal_status(const struct cli *cli)
{
	enum ppn_exit code;
	json_t *status = status_with_rates(cli, &code);

	if (!status)
		return code;
	if (cli->json)
		cli_print(json_pack("{s:O, s:O}", "state", json_object_get(status, "state"), "seal",
				    json_object_get(status, "seal")));
	else
		print_status(status);
	json_decref(status);
	return code;
}

/* ---- check ---- */

const char *cli_who(const struct ppn_proc_socket *procs, size_t n, const json_t *row,
		    char ret_who[static CLI_WHO_LEN])
{
	const struct ppn_proc_socket *proc = NULL;
	json_int_t inode = cli_number(row, "inode");

	if (inode)
		proc = ppn_procs_find(procs, n, (uint64_t)inode);
	if (proc)
		snprintf(ret_who, CLI_WHO_LEN, " (%s, %d)", proc->name, proc->pid);
	else
		ret_who[0] = '\0';
	return ret_who;
}

/* The rows of one verdict: what, whose, and the rule that passes it or the line that would. */
static size_t print_rows(const json_t *rows, const char *cut, const struct ppn_proc_socket *procs,
			 size_t n)
{
	size_t i, printed = 0;
	const json_t *row;
	char name[CLI_WHO_LEN];

	json_array_foreach(rows, i, row) {
		const char *rule = cli_text(row, "rule"), *keep = cli_text(row, "keep");

		if (strcmp(cli_text(row, "cut"), cut) != 0)
			continue;
		printf("%-8s %-9s %s%s\n", printed++ ? "" : cut, cli_text(row, "kind"),
		       cli_text(row, "what"), cli_who(procs, n, row, name));
		if (*keep)
			printf("%-18s keep it: %s\n", "", keep);
		else if (*rule)
			printf("%-18s %s\n", "", rule);
	}
	return printed;
}

static void print_check(const json_t *answer)
{
	static const char *const order[] = { "refused", "cut", "again", "partly", "kept" };
	const json_t *rows = json_object_get(answer, "rows");
	struct ppn_proc_socket *procs = NULL;
	size_t n = 0, printed = 0;

	(void)ppn_procs_sockets(&procs,
				&n); /* names are a help: without them the rest is the same */
	print_unmatched(answer);
	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++)
		printed += print_rows(rows, order[i], procs, n);
	free(procs);
	if (!printed)
		puts("nothing here crosses an external interface");
	printf("%lld more are untouched (loopback, the mesh, no external interface)\n",
	       (long long)cli_number(answer, "untouched"));
	if (json_is_true(json_object_get(answer, "cut_short")))
		puts("there are more sockets than were looked at");
}

static int by_packets(const void *a, const void *b)
{
	json_int_t x = cli_number(*(json_t *const *)a, "packets"),
		   y = cli_number(*(json_t *const *)b, "packets");

	return x < y ? 1 : x > y ? -1 : 0;
}

static void print_observed(const json_t *answer)
{
	const json_t *rows = json_object_get(answer, "rows");
	size_t n = json_array_size(rows);
	json_t **sorted = calloc(n + 1, sizeof(json_t *));

	for (size_t i = 0; sorted && i < n; i++)
		sorted[i] = json_array_get(rows, i);
	if (sorted)
		qsort(sorted, n, sizeof(json_t *), by_packets);
	if (n)
		printf("%12s %14s  %-4s%-16s %-14s %s\n", "PACKETS", "BYTES", "", "REASON", "PORT",
		       "OTHER SIDE");
	for (size_t i = 0; sorted && i < n; i++) {
		const json_t *row = sorted[i];
		char port[32] = "";

		if (cli_number(row, "port"))
			snprintf(port, sizeof(port), "%s/%lld", cli_text(row, "proto"),
				 (long long)cli_number(row, "port"));
		printf("%12lld %14lld  %-4s%-16s %-14s %s\n", (long long)cli_number(row, "packets"),
		       (long long)cli_number(row, "bytes"), cli_text(row, "direction"),
		       cli_text(row, "reason"), *port ? port : cli_text(row, "proto"),
		       cli_text(row, "prefix"));
	}
	if (!n)
		puts("observing has spared nothing");
	if (!json_is_true(json_object_get(answer, "observes")))
		puts("the seal enforces: this is what it spared before");
	free(sorted);
}

static json_t *with_caller(json_t *request)
{
	uint64_t inodes[32];
	bool console = false;
	const size_t n = ppn_procs_ancestors(inodes, sizeof(inodes) / sizeof(inodes[0]), &console);
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++)
		(void)json_array_append_new(list, json_integer((json_int_t)inodes[i]));
	(void)json_object_set_new(request, "inodes", list);
	(void)json_object_set_new(request, "console", json_boolean(console));
	return request;
}

static enum ppn_exit seal_check(const struct cli *cli)
{
	enum ppn_exit code;
	json_t *answer = cli_ask(cli,
				 with_caller(json_pack("{s:s, s:b}", "verb", "check", "observed",
						       (int)cli->observed)),
				 &code);

	if (!answer)
		return code;
	if (cli->json)
		cli_print(json_incref(answer));
	else if (cli->observed)
		print_observed(answer);
	else
		print_check(answer);
	json_decref(answer);
	return code;
}

/* ---- enforce, for good or for a trial ---- */

static bool is_mine(const json_t *row, const json_t *inodes)
{
	const json_t *inode;
	size_t i;

	json_array_foreach(inodes, i, inode)
		if (json_integer_value(inode) == cli_number(row, "inode"))
			return true;
	return false;
}

static bool is_cut(const json_t *row)
{
	const char *cut = cli_text(row, "cut");

	return strcmp(cut, "cut") == 0 || strcmp(cut, "again") == 0;
}

static void say_row(const char *of, const json_t *row)
{
	const char *keep = cli_text(row, "keep");

	fprintf(stderr, "ppn: %s: %s%s%s\n", of, cli_text(row, "what"), *keep ? "; keep it: " : "",
		keep);
}

static void say_mine(const json_t *row, bool tries)
{
	if (tries) {
		say_row("this is your own connection, which the trial spares and the seal will cut",
			row);
		return;
	}
	say_row("this is your own connection, and will be cut", row);
	fprintf(stderr, "ppn: `ppn seal --try 120s` tries it and comes back\n");
}

/*
 * What the machine would not survive ends it here; that the caller's own session would be cut is said. Where
 * nobody can tell which one that is (tmux, screen, cron), each one that would be cut may be it.
 */
static enum ppn_exit look_before(const struct cli *cli, bool tries)
{
	enum { SAID_MAX = 8 };
	enum ppn_exit code;
	json_t *caller = with_caller(json_object()), *row;
	json_t *answer = cli_ask(cli, with_caller(json_pack("{s:s}", "verb", "check")), &code);
	const json_t *rows = json_object_get(answer, "rows");
	const bool known = json_is_true(json_object_get(answer, "caller_known"));
	size_t i, others = 0;

	json_array_foreach(rows, i, row) {
		if (strcmp(cli_text(row, "cut"), "refused") == 0)
			say_row("this machine lives on it", row);
		if (is_cut(row) && is_mine(row, json_object_get(caller, "inodes")))
			say_mine(row, tries);
		else if (!known && !tries && is_cut(row) &&
			 json_is_true(json_object_get(row, "session")) && ++others <= SAID_MAX)
			say_row("this may be your own connection, and will be cut", row);
	}
	if (others > SAID_MAX)
		fprintf(stderr, "ppn: and %zu more: see `ppn seal check`\n", others - SAID_MAX);
	if (answer && code == PPN_EXIT_REFUSED)
		(void)cli_error(cli, code, "not sealed: see `ppn seal check`");
	json_decref(answer);
	json_decref(caller);
	return code;
}

static enum ppn_exit seal_try(const struct cli *cli)
{
	const long seconds = cli_duration(cli->try_text);
	enum ppn_exit code;
	json_t *answer;

	if (seconds < 0)
		return cli_error(cli, PPN_EXIT_USAGE, "%s is no time, such as 120s or 5m",
				 cli->try_text);
	code = look_before(cli, true);
	if (code != PPN_EXIT_OK)
		return code;
	answer = cli_ask(cli,
			 with_caller(json_pack("{s:s, s:s, s:I}", "verb", "trial", "act", "begin",
					       "for_s", (json_int_t)seconds)),
			 &code);
	if (answer && cli->json)
		cli_print(json_incref(answer));
	else if (answer)
		printf("sealed for %ld s; then it observes again, unless `ppn seal --confirm` comes "
		       "from a new connection\n",
		       seconds);
	json_decref(answer);
	return code;
}

static enum ppn_exit seal_confirm(const struct cli *cli)
{
	enum ppn_exit code;
	json_t *answer = cli_ask(
		cli, with_caller(json_pack("{s:s, s:s}", "verb", "trial", "act", "confirm")),
		&code);

	if (answer && cli->json)
		cli_print(json_incref(answer));
	else if (answer)
		puts("confirmed: sealed");
	json_decref(answer);
	return code;
}

static enum ppn_exit seal_enforce(const struct cli *cli)
{
	enum ppn_exit code;
	json_t *answer = cli_ask(cli, json_pack("{s:s}", "verb", "seal"), &code);

	if (answer && cli->json)
		cli_print(json_incref(answer));
	else if (answer)
		puts("sealed");
	json_decref(answer);
	return code;
}

enum ppn_exit cli_seal(const struct cli *cli)
{
	enum ppn_exit code;

	if (cli->argc == 1 && strcmp(cli->argv[0], "status") == 0)
		return seal_status(cli);
	if (cli->argc == 1 && strcmp(cli->argv[0], "check") == 0)
		return seal_check(cli);
	if (cli->argc == 1 && strcmp(cli->argv[0], "watch") == 0)
		return cli_watch(cli);
	if (cli->argc)
		return cli_error(
			cli, PPN_EXIT_USAGE,
			"ppn seal --yes | --try TIME | --confirm | check [--observed] | status | "
			"watch [--pcap FILE] [--for TIME]");
	if (cli->try_text)
		return seal_try(cli);
	if (cli->confirm)
		return seal_confirm(cli);
	code = look_before(cli, false);
	if (code != PPN_EXIT_OK)
		return code;
	return cli_confirmed(cli, "seal") ? seal_enforce(cli) : PPN_EXIT_USAGE;
}
