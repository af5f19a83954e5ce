// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* `ppn egress`: what this node may open outwards, and opening more of it for a while. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

static void print_rule(const json_t *rule)
{
	char ends[32] = "";

	if (json_is_integer(json_object_get(rule, "ends_s")))
		snprintf(ends, sizeof(ends), "ends in %lld s",
			 (long long)cli_number(rule, "ends_s"));
	printf("%-10s %-44s %-11s %s\n", cli_text(rule, "service"), cli_text(rule, "prefix"),
	       cli_text(rule, "by"), ends);
}

static void print_list(const json_t *answer)
{
	const json_t *rules = json_object_get(answer, "rules"), *rule;
	size_t i;

	if (json_array_size(rules))
		printf("%-10s %-44s %-11s %s\n", "SERVICE", "TO", "BY", "");
	else
		puts("nothing: this node talks to its mesh only");
	json_array_foreach(rules, i, rule)
		print_rule(rule);
	if (*cli_text(answer, "not_in_force"))
		printf("NOT IN FORCE %s\n", cli_text(answer, "not_in_force"));
	printf("%lld of %lld flows\n", (long long)cli_number(answer, "flows"),
	       (long long)cli_number(answer, "flows_max"));
}

static enum ppn_exit ask(const struct cli *cli, json_t *request)
{
	enum ppn_exit code;
	json_t *answer = cli_ask(cli, request, &code);

	if (answer && cli->json)
		cli_print(json_incref(answer));
	else if (answer)
		print_list(answer);
	json_decref(answer);
	return code;
}

enum ppn_exit cli_egress(const struct cli *cli)
{
	static const char usage[] =
		"ppn egress [list] | open PROTO/PORT PREFIX|any --for TIME | close PROTO/PORT PREFIX|any";
	const char *act = cli->argc ? cli->argv[0] : "list";
	const long for_s = cli->for_text ? cli_duration(cli->for_text) : 0;

	if (strcmp(act, "list") == 0 && cli->argc <= 1)
		return ask(cli, json_pack("{s:s}", "verb", "egress"));
	if (cli->argc != 3 || (strcmp(act, "open") != 0 && strcmp(act, "close") != 0))
		return cli_error(cli, PPN_EXIT_USAGE, "%s", usage);
	if (strcmp(act, "close") == 0)
		return ask(cli, json_pack("{s:s, s:s, s:s, s:s}", "verb", "egress", "act", act,
					  "service", cli->argv[1], "prefix", cli->argv[2]));
	if (for_s <= 0)
		return cli_error(cli, PPN_EXIT_USAGE,
				 "%s: an opening wants --for, such as 90s, 30m, 2h or 1d%s",
				 cli->for_text ? cli->for_text : "egress open",
				 cli->for_text ? "" : "; what lasts is the roster's");
	return ask(cli,
		   json_pack("{s:s, s:s, s:s, s:s, s:I}", "verb", "egress", "act", act, "service",
			     cli->argv[1], "prefix", cli->argv[2], "for_s", (json_int_t)for_s));
}
