// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "host/ctl.h"
#include "lib/crypto.h"

static const struct verb {
	const char *name;
	enum ppn_exit (*run)(const struct cli *cli);
	const char *help;
	int words; /* that may follow it */
} verbs[] = {
	{ "status", cli_status, "what this node is, and what its seal does", 0 },
	{
		"wait",
		cli_wait,
		"STATE [--timeout SECONDS]: until the node is in that state",
		1,
	},
	{ "seal", cli_seal,
	  "--yes: end observing, from now on it drops; --try TIME, then --confirm from a new connection: the "
	  "same, and back by itself; check: what that would cut; status: what it holds and counts; watch [--pcap FILE]: what it drops",
	  1 },
	{ "unseal", cli_unseal, "--yes: take seal and mesh off, and end ppnd", 0 },
	{ "egress", cli_egress,
	  "list | open PROTO/PORT PREFIX|any --for TIME | close PROTO/PORT PREFIX|any: what it may talk to outside the mesh",
	  3 },
	{ "peers", cli_peers, "members of the fleet, as WireGuard sees them", 0 },
	{ "ledger", cli_ledger, "show | verify: what this node has decided", 1 },
	{ "doctor", cli_doctor, "[--kernel VERSION]: can this machine be sealed, and is it", 0 },
	{ "version", cli_version, "of ppn and of the ppnd that runs", 0 },
};

static void usage(FILE *out)
{
	fputs("usage: ppn VERB [--json] [--run-dir DIR] [--state-dir DIR]\n\n", out);
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		fprintf(out, "  %-8s %s\n", verbs[i].name, verbs[i].help);
}

/* What an option is, where it goes (a text, or true), and the verbs it belongs to; NULL: all of them. */
static const struct {
	const char *name;
	int takes;
	size_t to;
	const char *verbs;
} option_rows[] = {
	{ "run-dir", required_argument, offsetof(struct cli, run_dir), NULL },
	{ "state-dir", required_argument, offsetof(struct cli, state_dir), NULL },
	{ "timeout", required_argument, offsetof(struct cli, timeout), "wait" },
	{ "for", required_argument, offsetof(struct cli, for_text), "egress seal" },
	{ "try", required_argument, offsetof(struct cli, try_text), "seal" },
	{ "pcap", required_argument, offsetof(struct cli, pcap), "seal" },
	{ "kernel", required_argument, offsetof(struct cli, kernel), "doctor" },
	{ "json", no_argument, offsetof(struct cli, json), NULL },
	{ "yes", no_argument, offsetof(struct cli, yes), "seal unseal" },
	{ "observed", no_argument, offsetof(struct cli, observed), "seal" },
	{ "confirm", no_argument, offsetof(struct cli, confirm), "seal" },
};
enum { OPTIONS = sizeof(option_rows) / sizeof(option_rows[0]), OPT_FIRST = 256 };

static void take_option(struct cli *cli, int row, const char *text)
{
	char *field = (char *)cli + option_rows[row].to;

	cli->given |= 1U << row;
	if (option_rows[row].takes == required_argument)
		*(const char **)field = text;
	else
		*(bool *)field = true;
}

static bool parse(struct cli *ret_cli, int argc, char **argv)
{
	struct option options[OPTIONS + 2] = { { "help", no_argument, NULL, 'h' } };
	struct cli cli = { .run_dir = PPN_RUNDIR, .state_dir = PPN_STATEDIR };
	int id;

	for (int i = 0; i < OPTIONS; i++)
		options[i + 1] = (struct option){ option_rows[i].name, option_rows[i].takes, NULL,
						  OPT_FIRST + i };
	while ((id = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (id == 'h') {
			usage(stdout);
			exit(PPN_EXIT_OK);
		}
		if (id < OPT_FIRST)
			return false;
		take_option(&cli, id - OPT_FIRST, optarg);
	}
	cli.argc = argc - optind;
	cli.argv = argv + optind;
	*ret_cli = cli;
	return cli.argc > 0;
}

static bool is_word(const char *word, const char *words)
{
	const size_t len = strlen(word);

	for (const char *at = words; (at = strstr(at, word)); at += len)
		if ((at == words || at[-1] == ' ') && (at[len] == ' ' || !at[len]))
			return true;
	return false;
}

/* The first option that says nothing to this verb; NULL: there is none. */
static const char *foreign_option(const struct cli *cli, const char *verb)
{
	for (int i = 0; i < OPTIONS; i++)
		if (cli->given & 1U << i && option_rows[i].verbs &&
		    !is_word(verb, option_rows[i].verbs))
			return option_rows[i].name;
	return NULL;
}

/* ---- what the verbs share ---- */

/* What somebody typed may be in it: JSON takes UTF-8 alone, and a terminal obeys control characters. */
static void make_printable(char *text)
{
	for (; *text; text++)
		if (*text < ' ' || *text > '~')
			*text = '?';
}

enum ppn_exit cli_error(const struct cli *cli, enum ppn_exit code, const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	make_printable(text);
	if (cli->json)
		cli_print(json_pack("{s:s}", "error", text));
	else
		fprintf(stderr, "ppn: %s\n", text);
	return code;
}

long cli_duration(const char *text)
{
	static const struct {
		const char *suffix;
		long seconds;
	} units[] = { { "", 1 }, { "s", 1 }, { "m", 60 }, { "h", 3600 }, { "d", 86400 } };
	char *end;
	long value;

	errno = 0;
	value = strtol(text, &end, 10);
	if (errno || end == text || value < 0)
		return -1;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (strcmp(end, units[i].suffix) == 0 &&
		    value <= CLI_DURATION_MAX_S / units[i].seconds)
			return value * units[i].seconds;
	return -1;
}

void cli_print(json_t *object)
{
	if (object) {
		(void)json_object_del(object, "exit");
		(void)json_object_set_new(object, "schema", json_integer(PPN_CTL_SCHEMA));
		(void)json_dumpf(object, stdout,
				 isatty(STDOUT_FILENO) ? JSON_INDENT(2) : JSON_COMPACT);
		putchar('\n');
	}
	json_decref(object);
}

const char *cli_text(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

json_int_t cli_number(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

/* Lists that came in several packets are put together again. */
static void collect(void *arg, const char *kind, json_t *part)
{
	json_t *lists = arg, *value;
	const char *key;

	if (strcmp(kind, "more") != 0)
		return;
	json_object_foreach(part, key, value) {
		json_t *list = json_object_get(lists, key);

		if (!list)
			(void)json_object_set(lists, key, value);
		else
			(void)json_array_extend(list, value);
	}
}

static void join_lists(json_t *answer, json_t *lists)
{
	json_t *list;
	const char *key;

	json_object_foreach(lists, key, list) {
		(void)json_array_extend(list, json_object_get(answer, key));
		(void)json_object_set(answer, key, list);
	}
}

json_t *cli_follow(const struct cli *cli, json_t *request,
		   void (*part)(void *arg, const char *kind, json_t *part), void *arg,
		   enum ppn_exit *ret_exit)
{
	json_t *answer;
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", cli->run_dir, PPN_CTL_SOCKET);
	answer = ppn_ctl_ask(path, request, part, arg, ret_exit);
	if (!answer && *ret_exit == PPN_EXIT_NO_DAEMON)
		(void)cli_error(cli, *ret_exit,
				"ppnd is not running (nobody listens on %s): systemctl start ppnd",
				path);
	else if (!answer)
		(void)cli_error(cli, *ret_exit, "no answer from ppnd on %s", path);
	else if (json_object_get(answer, "error"))
		(void)cli_error(cli, *ret_exit, "%s", cli_text(answer, "error"));
	if (answer && json_object_get(answer, "error")) {
		json_decref(answer);
		answer = NULL;
	}
	return answer;
}

json_t *cli_ask(const struct cli *cli, json_t *request, enum ppn_exit *ret_exit)
{
	json_t *lists = json_object();
	json_t *answer = cli_follow(cli, request, collect, lists, ret_exit);

	if (answer)
		join_lists(answer, lists);
	json_decref(lists);
	return answer;
}

bool cli_confirmed(const struct cli *cli, const char *verb)
{
	char line[8] = "";

	if (cli->yes)
		return true;
	if (isatty(STDIN_FILENO) && isatty(STDERR_FILENO)) {
		fprintf(stderr, "ppn %s: are you sure? [y/N] ", verb);
		if (fgets(line, sizeof(line), stdin) && (line[0] == 'y' || line[0] == 'Y'))
			return true;
	}
	(void)cli_error(cli, PPN_EXIT_USAGE, "%s changes what this machine lets in: say --yes",
			verb);
	return false;
}

int main(int argc, char **argv)
{
	struct cli cli;
	const struct verb *verb = NULL;
	const char *foreign;

	if (!parse(&cli, argc, argv)) {
		usage(stderr);
		return PPN_EXIT_USAGE;
	}
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (strcmp(verbs[i].name, cli.argv[0]) == 0)
			verb = &verbs[i];
	if (!verb) {
		(void)cli_error(&cli, PPN_EXIT_USAGE, "no such verb: %s", cli.argv[0]);
		if (!cli.json)
			usage(stderr);
		return PPN_EXIT_USAGE;
	}
	cli.argc--;
	cli.argv++;
	if (cli.argc > verb->words)
		return cli_error(&cli, PPN_EXIT_USAGE, "%s: one word too many: %s", verb->name,
				 cli.argv[verb->words]);
	foreign = foreign_option(&cli, verb->name);
	if (foreign)
		return cli_error(&cli, PPN_EXIT_USAGE, "--%s says nothing to %s: see ppn --help",
				 foreign, verb->name);
	if (ppn_crypto_init())
		return cli_error(&cli, PPN_EXIT_FAILURE, "libsodium does not start");
	return verb->run(&cli);
}
