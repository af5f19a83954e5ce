// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The verbs that ask ppnd and print little. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/cli.h"
#include "host/clock.h"
#include "host/ctl.h"

enum {
	WAIT_DEFAULT_S = 60,
	WAIT_MAX_S = 86400,
	LOOK_AGAIN_MS = 50, /* for a ppnd that is not there yet */
};

static json_t *ask_until(const char *path, const char *state, uint64_t deadline,
			 enum ppn_exit *ret_exit)
{
	const struct timespec pause = { .tv_nsec = LOOK_AGAIN_MS * 1000000L };

	for (;;) {
		uint64_t now = ppn_clock_ms(CLOCK_MONOTONIC);
		json_int_t left = deadline > now ? (json_int_t)((deadline - now + 999) / 1000) : 0;
		json_t *answer = ppn_ctl_ask(path,
					     json_pack("{s:s, s:s, s:I}", "verb", "wait", "state",
						       state, "timeout_s", left),
					     NULL, NULL, ret_exit);

		/* It is not there, or was just restarted. */
		if (answer && *ret_exit != PPN_EXIT_NO_DAEMON)
			return answer;
		json_decref(answer);
		if (ppn_clock_ms(CLOCK_MONOTONIC) >= deadline)
			return NULL;
		nanosleep(&pause, NULL);
	}
}

enum ppn_exit cli_wait(const struct cli *cli)
{
	long timeout = cli->timeout ? cli_duration(cli->timeout) : WAIT_DEFAULT_S;
	enum ppn_exit code = PPN_EXIT_FAILURE;
	json_t *answer;
	char path[256];

	if (cli->argc != 1 || timeout < 0 || timeout > WAIT_MAX_S)
		return cli_error(cli, PPN_EXIT_USAGE,
				 "ppn wait STATE [--timeout TIME, at most %d s]", WAIT_MAX_S);
	snprintf(path, sizeof(path), "%s/%s", cli->run_dir, PPN_CTL_SOCKET);
	answer = ask_until(path, cli->argv[0],
			   ppn_clock_ms(CLOCK_MONOTONIC) + (uint64_t)timeout * 1000, &code);
	if (!answer)
		return cli_error(cli, code, "no ppnd answered on %s within %ld s", path, timeout);
	if (json_object_get(answer, "error"))
		(void)cli_error(cli, code, "%s", cli_text(answer, "error"));
	else if (cli->json)
		cli_print(json_incref(answer));
	json_decref(answer);
	return code;
}

/* Listening sockets that the seal keeps from somebody now, but ppnd's own, which go with it: [{what, inode}]. NULL:
 * nobody can say. */
static json_t *behind_the_seal(const struct cli *cli, enum ppn_exit *ret_exit)
{
	json_t *check = cli_ask(cli, json_pack("{s:s}", "verb", "check"), ret_exit), *row;
	json_t *list = check ? json_array() : NULL;
	size_t i;

	json_array_foreach(json_object_get(check, "rows"), i, row) {
		const char *cut = cli_text(row, "cut");

		if (strcmp(cli_text(row, "kind"), "listener") == 0 &&
		    !json_is_true(json_object_get(row, "own")) &&
		    (strcmp(cut, "cut") == 0 || strcmp(cut, "partly") == 0))
			(void)json_array_append_new(
				list, json_pack("{s:O, s:O}", "what", json_object_get(row, "what"),
						"inode", json_object_get(row, "inode")));
	}
	json_decref(check);
	return list;
}

static void print_reachable(const json_t *list)
{
	struct ppn_proc_socket *procs = NULL;
	char who[CLI_WHO_LEN];
	const json_t *row;
	size_t n = 0, i;

	(void)ppn_procs_sockets(&procs, &n); /* names are a help */
	if (json_array_size(list))
		fputs("reachable from outside, once the seal is off:\n", stderr);
	json_array_foreach(list, i, row)
		fprintf(stderr, "  %s%s\n", cli_text(row, "what"), cli_who(procs, n, row, who));
	free(procs);
}

enum ppn_exit cli_unseal(const struct cli *cli)
{
	enum ppn_exit code;
	json_t *reachable = behind_the_seal(cli, &code), *answer;

	if (!reachable && code == PPN_EXIT_NO_DAEMON) {
		if (!cli->json)
			fputs("ppn: what is sealed stays sealed, and nobody can say what would become "
			      "reachable: start ppnd (systemctl start ppnd), then ppn unseal --yes\n",
			      stderr);
		return code;
	}
	if (!cli->json)
		print_reachable(reachable);
	if (!cli_confirmed(cli, "unseal")) {
		json_decref(reachable);
		return PPN_EXIT_USAGE;
	}
	answer = cli_ask(cli, json_pack("{s:s}", "verb", "unseal"), &code);
	if (answer && cli->json) {
		(void)json_object_set(answer, "reachable", reachable);
		cli_print(json_incref(answer));
	} else if (answer) {
		puts("unsealed; ppnd ends, and seals again when it is started");
	}
	json_decref(answer);
	json_decref(reachable);
	return code;
}

enum ppn_exit cli_version(const struct cli *cli)
{
	enum ppn_exit code = PPN_EXIT_OK;
	const char *version, *error;
	json_t *answer;
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", cli->run_dir, PPN_CTL_SOCKET);
	answer = ppn_ctl_ask(path, json_pack("{s:s}", "verb", "version"), NULL, NULL, &code);
	version = json_string_value(json_object_get(answer, "version"));
	error = json_string_value(json_object_get(answer, "error"));
	if (cli->json)
		cli_print(json_pack("{s:s, s:s?}", "ppn", PPN_VERSION, "ppnd", version));
	else
		printf("ppn   %s\nppnd  %s\n", PPN_VERSION,
		       version ? version :
		       error   ? error :
				 "not running");
	json_decref(answer);
	return PPN_EXIT_OK;
}

static void print_peer(const json_t *peer)
{
	const json_t *endpoint = json_object_get(peer, "endpoint");
	const json_t *age = json_object_get(peer, "handshake_s");
	char from[64] = "-", seen[32] = "never";

	if (json_is_object(endpoint))
		snprintf(from, sizeof(from),
			 strchr(cli_text(endpoint, "address"), ':') ? "[%s]:%lld" : "%s:%lld",
			 cli_text(endpoint, "address"), (long long)cli_number(endpoint, "port"));
	if (json_is_integer(age))
		snprintf(seen, sizeof(seen), "%lld s ago", (long long)json_integer_value(age));
	printf("%-10s %-16s %-8lld %-40s %-44s %-12s %lld/%lld\n", cli_text(peer, "node"),
	       cli_text(peer, "name"), (long long)cli_number(peer, "number"),
	       cli_text(peer, "address"), from, seen, (long long)cli_number(peer, "rx"),
	       (long long)cli_number(peer, "tx"));
}

enum ppn_exit cli_peers(const struct cli *cli)
{
	enum ppn_exit code;
	json_t *answer = cli_ask(cli, json_pack("{s:s}", "verb", "peers"), &code), *peer;
	size_t i;

	if (!answer)
		return code;
	if (cli->json) {
		cli_print(answer);
		return code;
	}
	printf("%-10s %-16s %-8s %-40s %-44s %-12s %s\n", "NODE", "NAME", "NUMBER", "ADDRESS",
	       "ENDPOINT", "HANDSHAKE", "RX/TX");
	json_array_foreach(json_object_get(answer, "peers"), i, peer)
		print_peer(peer);
	json_decref(answer);
	return code;
}
