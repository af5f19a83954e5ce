/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* ppn, the node's command line: a table of verbs over ppnd's socket, and the ledger, which it reads itself. */
#ifndef PPN_CLI_CLI_H
#define PPN_CLI_CLI_H

#include <stdbool.h>
#include <jansson.h>
#include <ppn/ctl.h>

#include "host/procs.h"

struct cli {
	const char *run_dir, *state_dir;
	bool json, yes, observed, confirm;
	const char *timeout, *for_text, *try_text; /* --timeout, --for, --try, or NULL */
	const char *pcap, *kernel; /* --pcap, --kernel, or NULL */
	unsigned int given; /* options, a bit each */
	int argc; /* what follows the verb, without options */
	char **argv;
};

enum ppn_exit cli_status(const struct cli *cli);
enum ppn_exit cli_wait(const struct cli *cli);
enum ppn_exit cli_seal(const struct cli *cli);
enum ppn_exit cli_watch(const struct cli *cli); /* `seal watch` */
enum ppn_exit cli_unseal(const struct cli *cli);
enum ppn_exit cli_egress(const struct cli *cli);
enum ppn_exit cli_peers(const struct cli *cli);
enum ppn_exit cli_ledger(const struct cli *cli);
enum ppn_exit cli_doctor(const struct cli *cli);
enum ppn_exit cli_version(const struct cli *cli);

/* Ask ppnd. The answer is the caller's; errors are said, as text or JSON: then NULL. Steals request. */
json_t *cli_ask(const struct cli *cli, json_t *request, enum ppn_exit *ret_exit);
/* The same, and each part as it comes (host/ctl.h). */
json_t *cli_follow(const struct cli *cli, json_t *request,
		   void (*part)(void *arg, const char *kind, json_t *part), void *arg,
		   enum ppn_exit *ret_exit);
/* An error in the form that was asked for. Returns code. */
enum ppn_exit cli_error(const struct cli *cli, enum ppn_exit code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* --yes, or yes on a terminal; else the error is said: PPN_EXIT_USAGE. */
bool cli_confirmed(const struct cli *cli, const char *verb);
/* 90, 90s, 30m, 2h, 1d in seconds; -1: none of these, or beyond CLI_DURATION_MAX_S. */
enum { CLI_DURATION_MAX_S = 366 * 86400 };
long cli_duration(const char *text);
/* One object with "schema", without "exit", on stdout. Steals object. */
void cli_print(json_t *object);

/* Reading answers: what is missing or null is the empty text, 0, or NULL. */
const char *cli_text(const json_t *object, const char *key);
json_int_t cli_number(const json_t *object, const char *key);
/* What is said of a name or pattern that `external =` has for nothing. */
#define CLI_UNMATCHED "external = names nothing here by that: nothing of it is sealed"
/* " (NAME, PID)" of the process that holds the row's "inode", as far as we may see it; else "". */
enum { CLI_WHO_LEN = 48 };
const char *cli_who(const struct ppn_proc_socket *procs, size_t n, const json_t *row,
		    char ret_who[static CLI_WHO_LEN]);

#endif
