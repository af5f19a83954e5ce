// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The verbs that ask the service, and how their answers read. */
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <jansson.h>

#include <ppn/ctl.h>

#include "admin/keys.h"
#include "admin/verbs.h"
#include "host/ctl.h"
#include "lib/crypto.h"

#define ADDRESSES_MAX 8
#define PORT_TEXT 6

/* Collects what comes in parts: rows of long lists; progress lines are printed as they come. */
struct parts {
	json_t *rows;
	const struct ppn_admin_options *options;
	unsigned int done;
};

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "-";
}

static void show_progress(struct parts *parts, json_t *progress)
{
	const char *why = json_string_value(json_object_get(progress, "why"));
	const char *at = json_string_value(json_object_get(progress, "at"));

	parts->done++;
	if (parts->options->json)
		return;
	if (isatty(STDERR_FILENO))
		fputs("\r\033[K", stderr);
	printf("%-9s  %s%s%s%s%s\n", text_of(progress, "node"), text_of(progress, "result"),
	       at ? " at " : "", at ? at : "", why ? ": " : "", why ? why : "");
	fflush(stdout);
	if (isatty(STDERR_FILENO))
		fprintf(stderr, "%u of %d", parts->done,
			(int)json_integer_value(json_object_get(progress, "of")));
}

static void part(void *arg, const char *kind, json_t *object)
{
	struct parts *parts = arg;

	if (strcmp(kind, "more") == 0)
		json_array_extend(parts->rows, json_object_get(object, "rows"));
	else
		show_progress(parts, object);
}

/* The answer, or NULL after a line on stderr. ret_exit is what the program exits with. */
static json_t *ask(const struct ppn_admin_options *options, json_t *request,
		   enum ppn_exit *ret_exit)
{
	struct parts parts = { json_array(), options, 0 };
	const char *error;
	char path[128];
	json_t *answer;

	snprintf(path, sizeof(path), "%s/" PPN_CTL_ADMIN_SOCKET, options->run_dir);
	answer = ppn_ctl_ask(path, request, part, &parts, ret_exit);
	if (parts.done && isatty(STDERR_FILENO))
		fputs("\r\033[K", stderr);
	if (!answer && *ret_exit == PPN_EXIT_NO_DAEMON)
		fprintf(stderr,
			"ppn-admin: no service at %s: start it (`systemctl start ppn-admin`)\n",
			path);
	else if (!answer)
		fprintf(stderr, "ppn-admin: the service hung up without an answer: see its log\n");
	if (answer && json_array_size(parts.rows)) {
		json_array_extend(parts.rows, json_object_get(answer, "rows"));
		json_object_set(answer, "rows", parts.rows);
	}
	json_decref(parts.rows);
	if (options->json) {
		if (!answer)
			answer = json_pack("{s:i, s:s}", "schema", PPN_CTL_SCHEMA, "error",
					   "no service");
		json_object_del(answer, "exit");
		json_dumpf(answer, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
		puts("");
		json_decref(answer);
		return NULL;
	}
	error = json_string_value(json_object_get(answer, "error"));
	if (error)
		fprintf(stderr, "ppn-admin: %s\n", error);
	return answer;
}

/* ---- unlock, status ---- */

int ppn_verb_unlock(const struct ppn_admin_options *options, int argc, char **argv)
{
	const char *file = NULL;
	const struct ppn_option table[] = { { "--passphrase-file", &file, NULL } };
	char passphrase[PPN_PASSPHRASE_MAX];
	enum ppn_exit code;
	int err;

	if (ppn_options("unlock", argc, argv, table, 1, NULL, 0) < 0)
		return PPN_EXIT_USAGE;
	err = ppn_passphrase(passphrase, file, 0);
	if (err < 0) {
		fprintf(stderr, "ppn-admin unlock: passphrase: %s\n",
			ppn_passphrase_text(err, file));
		return PPN_EXIT_FAILURE;
	}
	json_decref(ask(options,
			json_pack("{s:s, s:s}", "verb", "unlock", "passphrase", passphrase),
			&code));
	ppn_wipe(passphrase, sizeof(passphrase));
	return code;
}

int ppn_verb_status(const struct ppn_admin_options *options, int argc, char **argv)
{
	enum ppn_exit code;
	json_t *answer, *link;
	size_t i;

	if (ppn_options("status", argc, argv, NULL, 0, NULL, 0) < 0)
		return PPN_EXIT_USAGE;
	answer = ask(options, json_pack("{s:s}", "verb", "status"), &code);
	if (answer && code == PPN_EXIT_OK) {
		printf("seat       %s, %s, certificate %s %s\n", text_of(answer, "seat"),
		       json_is_true(json_object_get(answer, "unlocked")) ? "unlocked" : "locked",
		       json_is_true(json_object_get(answer, "expired")) ? "expired at" : "until",
		       text_of(answer, "until"));
		printf("fleet      %s/48, %d claimed, roster epoch %d\n", text_of(answer, "fleet"),
		       (int)json_integer_value(json_object_get(answer, "nodes")),
		       (int)json_integer_value(json_object_get(answer, "epoch")));
		printf("mesh       %s\nbeacon    ", text_of(answer, "device"));
		json_array_foreach(json_object_get(answer, "beacon"), i, link)
			printf(" %s", json_string_value(link));
		puts(json_array_size(json_object_get(answer, "beacon")) ?
			     "" :
			     " no interface is named ([beacon] interfaces)");
	}
	json_decref(answer);
	return code;
}

/* ---- nodes, roster ---- */

static void print_ago(const json_t *row)
{
	const json_t *ms = json_object_get(row, "seen_ms");

	if (ms)
		printf("%d s ago\n", (int)(json_integer_value(ms) / 1000));
	else
		puts("never");
}

int ppn_verb_nodes(const struct ppn_admin_options *options, int argc, char **argv)
{
	enum ppn_exit code;
	json_t *answer, *row;
	size_t i;

	if (ppn_options("nodes", argc, argv, NULL, 0, NULL, 0) < 0)
		return PPN_EXIT_USAGE;
	answer = ask(options, json_pack("{s:s}", "verb", "nodes"), &code);
	if (answer && code == PPN_EXIT_OK) {
		printf("%-9s  %-10s %-8s %-16s %-8s %s\n", "NODE", "STATE", "POSTURE", "KNOWN AS",
		       "VIA", "SEEN");
		json_array_foreach(json_object_get(answer, "rows"), i, row) {
			printf("%-9s  %-10s %-8s %-16s %-8s ", text_of(row, "node"),
			       text_of(row, "state"), text_of(row, "posture"),
			       text_of(row, "known_as"), text_of(row, "via"));
			print_ago(row);
		}
	}
	json_decref(answer);
	return code;
}

static void print_member(const json_t *row)
{
	bool node = json_is_true(json_object_get(row, "runs_node"));
	bool seat = json_is_true(json_object_get(row, "runs_seat"));
	const json_t *endpoint;
	size_t i;

	printf("%-8d %-16s %-9s  %-9s %-8s %-30s",
	       (int)json_integer_value(json_object_get(row, "number")), text_of(row, "name"),
	       text_of(row, "node"),
	       node && seat ? "node+seat" :
	       node	    ? "node" :
			      "seat",
	       text_of(row, "posture"), text_of(row, "address"));
	json_array_foreach(json_object_get(row, "endpoints"), i, endpoint)
		printf(" %s", json_string_value(endpoint));
	puts("");
}

static void print_open_ports(const json_t *open)
{
	const json_t *rule;
	size_t i;

	if (!json_array_size(open))
		return;
	printf("open       ");
	json_array_foreach(open, i, rule)
		printf("%s%s/%d%s", i ? ", " : "", text_of(rule, "proto"),
		       (int)json_integer_value(json_object_get(rule, "port")),
		       json_is_true(json_object_get(rule, "public")) ? " public" : "");
	puts("");
}

int ppn_verb_roster(const struct ppn_admin_options *options, int argc, char **argv)
{
	const char *word = "show";
	enum ppn_exit code;
	json_t *answer, *row;
	size_t i;

	if (ppn_options("roster", argc, argv, NULL, 0, &word, 1) < 0 || strcmp(word, "show") != 0) {
		fputs("usage: ppn-admin roster show\n", stderr);
		return PPN_EXIT_USAGE;
	}
	answer = ask(options, json_pack("{s:s}", "verb", "roster"), &code);
	if (answer && code == PPN_EXIT_OK) {
		printf("epoch %d, root generation %d, list %d\n",
		       (int)json_integer_value(json_object_get(answer, "epoch")),
		       (int)json_integer_value(json_object_get(answer, "generation")),
		       (int)json_integer_value(json_object_get(answer, "list_number")));
		print_open_ports(json_object_get(answer, "open_ports"));
		printf("%-8s %-16s %-9s  %-9s %-8s %-30s %s\n", "NUMBER", "NAME", "NODE", "RUNS",
		       "POSTURE", "ADDRESS", "ENDPOINTS");
		json_array_foreach(json_object_get(answer, "rows"), i, row)
			print_member(row);
	}
	json_decref(answer);
	return code;
}

/* ---- claim ---- */

/* "host", "host:port", "[v6]:port", "v6": split in place. */
static void split_host(char *text, char **ret_host, char **ret_port)
{
	char *colon = strrchr(text, ':');

	*ret_host = text;
	*ret_port = NULL;
	if (text[0] == '[') {
		char *end = strchr(text, ']');

		if (end) {
			*ret_host = text + 1;
			*end = '\0';
			if (end[1] == ':')
				*ret_port = end + 2;
		}
	} else if (colon && strchr(text, ':') == colon) {
		*colon = '\0';
		*ret_port = colon + 1;
	}
}

/* Numeric addresses for the service, which never asks a resolver. NULL: not a host's name or address. */
static json_t *resolve(const char *target)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG };
	char text[256], *host, *port;
	struct addrinfo *list, *at;
	json_t *out;
	int n = 0;

	snprintf(text, sizeof(text), "%s", target);
	split_host(text, &host, &port);
	if (getaddrinfo(host, port ? port : "0", &hints, &list) != 0)
		return NULL;
	out = json_array();
	for (at = list; at && n < ADDRESSES_MAX; at = at->ai_next) {
		char ip[NI_MAXHOST], service[PORT_TEXT];
		unsigned long number;

		if (getnameinfo(at->ai_addr, at->ai_addrlen, ip, sizeof(ip), service,
				sizeof(service), NI_NUMERICHOST | NI_NUMERICSERV) == 0 &&
		    ppn_number(service, 0, 65535, &number) == 0) {
			json_array_append_new(out, json_pack("{s:s, s:i}", "ip", ip, "port",
							     (int)number));
			n++;
		}
	}
	freeaddrinfo(list);
	return out;
}

/* A label or symbols of a node name no host: those never go to a resolver. */
static bool looks_like_node(const char *text)
{
	size_t n = strspn(text, "0123456789abcdefghjkmnpqrstvwxyzABCDEFGHJKMNPQRSTVWXYZ-");

	return text[n] == '\0' && (n >= 20 || (n == 9 && text[4] == '-'));
}

static int claim_usage(const char *text)
{
	fprintf(stderr,
		"ppn-admin claim: %s\nusage: ppn-admin claim NODE|HOST|--all|--local [--fingerprint F] [--name NAME]\n",
		text);
	return PPN_EXIT_USAGE;
}

static int ask_claim(const struct ppn_admin_options *options, json_t *request)
{
	enum ppn_exit code;
	json_t *answer = ask(options, request, &code);

	if (answer && !json_object_get(answer, "error"))
		printf("claimed %d of %d in %.1f s\n",
		       (int)json_integer_value(json_object_get(answer, "claimed")),
		       (int)json_integer_value(json_object_get(answer, "of")),
		       json_number_value(json_object_get(answer, "seconds")));
	if (answer && json_integer_value(json_object_get(answer, "informed")) <
			      json_integer_value(json_object_get(answer, "members")))
		printf("roster: %d of %d members have it; the others get it when they are reachable\n",
		       (int)json_integer_value(json_object_get(answer, "informed")),
		       (int)json_integer_value(json_object_get(answer, "members")));
	json_decref(answer);
	return code;
}

int ppn_verb_claim(const struct ppn_admin_options *options, int argc, char **argv)
{
	const char *target = NULL, *fingerprint = NULL, *name = NULL;
	bool all = false, local = false;
	const struct ppn_option table[] = {
		{ "--all", NULL, &all },
		{ "--local", NULL, &local },
		{ "--fingerprint", &fingerprint, NULL },
		{ "--name", &name, NULL },
	};
	int words = ppn_options("claim", argc, argv, table, 4, &target, 1);
	json_t *request, *addresses = NULL;

	if (words < 0)
		return PPN_EXIT_USAGE;
	if (words + all + local != 1)
		return claim_usage("one of NODE, HOST, --all, --local");
	if (all && (fingerprint || name))
		return claim_usage("--fingerprint and --name are for one node");
	if (target && !looks_like_node(target)) {
		addresses = resolve(target);
		if (!addresses) {
			fprintf(stderr, "ppn-admin claim: %s: no such host\n", target);
			return PPN_EXIT_FAILURE;
		}
	}
	request = json_pack("{s:s, s:b, s:b, s:s?, s:s?, s:s?, s:o*}", "verb", "claim", "all", all,
			    "local", local, "target", target, "fingerprint", fingerprint, "name",
			    name, "addresses", addresses);
	return ask_claim(options, request);
}

/* ---- send ---- */

static void send_usage(void)
{
	static const char *const ops[] = {
#define X(name, number, text, state) (text),
		PPN_OPS(X)
#undef X
	};

	fputs("usage: ppn-admin send OP NODE [--arg 0..255] [--timeout SECONDS]\nOP is", stderr);
	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
		fprintf(stderr, "%s %s", i ? "," : "", ops[i]);
	fputs("\n", stderr);
}

int ppn_verb_send(const struct ppn_admin_options *options, int argc, char **argv)
{
	const char *words[2], *arg = "0", *timeout = "5";
	const struct ppn_option table[] = {
		{ "--arg", &arg, NULL },
		{ "--timeout", &timeout, NULL },
	};
	unsigned long n_arg, n_timeout;
	enum ppn_exit code;
	json_t *answer;

	if (ppn_options("send", argc, argv, table, 2, words, 2) != 2 ||
	    ppn_number(arg, 0, 255, &n_arg) < 0 || ppn_number(timeout, 1, 600, &n_timeout) < 0) {
		send_usage();
		return PPN_EXIT_USAGE;
	}
	answer = ask(options,
		     json_pack("{s:s, s:s, s:s, s:i, s:i}", "verb", "send", "op", words[0], "node",
			       words[1], "arg", (int)n_arg, "timeout_ms", (int)n_timeout * 1000),
		     &code);
	if (answer && !json_object_get(answer, "error"))
		printf("%-9s  %s  seq %d  %.1f ms\n", text_of(answer, "node"),
		       text_of(answer, "result"),
		       (int)json_integer_value(json_object_get(answer, "seq")),
		       json_number_value(json_object_get(answer, "ms")));
	json_decref(answer);
	return code;
}
