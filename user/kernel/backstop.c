// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <nftables/libnftables.h>

#include "kernel/backstop.h"

struct ppn_backstop {
	struct nft_ctx *nft;
	unsigned int lacks; /* families that this kernel does not have, a bit each */
	char *text[_PPN_BACKSTOP_FAMILY_MAX]; /* in force, without what the counters began with */
	struct ppn_count counts[_PPN_BACKSTOP_FAMILY_MAX][_PPN_BACKSTOP_COUNT_MAX];
};

static const struct ppn_count zeros[_PPN_BACKSTOP_COUNT_MAX];

/* libnftables prints "Error: could not ...: REASON" and the line with a caret. */
static int run(struct ppn_backstop *backstop, const char *commands)
{
	return nft_run_cmd_from_buffer(backstop->nft, commands) ? -EIO : 0;
}

static int refused(struct ppn_backstop *backstop, const char *what, char *ret_why)
{
	static const struct {
		const char *words;
		int err;
	} known[] = {
		{ "not supported", -EOPNOTSUPP },
		{ "Operation not permitted", -EPERM },
		{ "Protocol", -EOPNOTSUPP },
	};
	const char *said = nft_ctx_get_error_buffer(backstop->nft);
	int err = -EIO;

	said = said ? said : "";
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]) && err == -EIO; i++)
		if (strstr(said, known[i].words))
			err = known[i].err;
	(void)snprintf(ret_why, PPN_WHY_LEN, "nftables, %s: %.*s", what, (int)strcspn(said, "\n"),
		       said);
	return err;
}

int ppn_backstop_open(struct ppn_backstop **ret_backstop, char ret_why[static PPN_WHY_LEN])
{
	struct ppn_backstop *backstop = calloc(1, sizeof(*backstop));

	if (backstop)
		backstop->nft = nft_ctx_new(NFT_CTX_DEFAULT);
	if (!backstop || !backstop->nft || nft_ctx_buffer_output(backstop->nft) ||
	    nft_ctx_buffer_error(backstop->nft)) {
		ppn_backstop_close(&backstop);
		(void)snprintf(ret_why, PPN_WHY_LEN, "libnftables does not start");
		return -ENOMEM;
	}
	*ret_backstop = backstop;
	return 0;
}

void ppn_backstop_close(struct ppn_backstop **backstop)
{
	struct ppn_backstop *b = *backstop;

	if (!b)
		return;
	for (int i = 0; i < _PPN_BACKSTOP_FAMILY_MAX; i++)
		free(b->text[i]);
	if (b->nft)
		nft_ctx_free(b->nft);
	free(b);
	*backstop = NULL;
}

int ppn_backstop_there(struct ppn_backstop *backstop)
{
	static const char words[] = "table inet " PPN_BACKSTOP_TABLE "\n";
	const char *said;

	if (run(backstop, "list tables inet"))
		return -EIO;
	said = nft_ctx_get_output_buffer(backstop->nft);
	return said && strstr(said, words) ? 1 : 0;
}

/* ---- counters ---- */

/* "counter NAME {\n packets N bytes N" for each: as `nft list counters` prints them. */
static void take_counts(const char *said,
			struct ppn_count ret_counts[static _PPN_BACKSTOP_COUNT_MAX])
{
	char head[48];

	for (int i = 0; i < _PPN_BACKSTOP_COUNT_MAX; i++) {
		static const char first[] = "packets ", second[] = " bytes ";
		uint64_t packets;
		const char *at;
		char *end;

		(void)snprintf(head, sizeof(head), "counter %s {", ppn_backstop_count_text(i));
		at = strstr(said, head);
		at = at ? strstr(at, first) : NULL;
		if (!at)
			continue;
		packets = strtoull(at + sizeof(first) - 1, &end, 10);
		if (strncmp(end, second, sizeof(second) - 1) == 0)
			ret_counts[i] =
				(struct ppn_count){ packets,
						    strtoull(end + sizeof(second) - 1, NULL, 10) };
	}
}

static void read_counts(struct ppn_backstop *backstop, enum ppn_backstop_family family)
{
	const char *said;
	char command[64];

	if (!backstop->text[family])
		return;
	(void)snprintf(command, sizeof(command), "list counters table %s %s",
		       ppn_backstop_family_text(family), PPN_BACKSTOP_TABLE);
	if (run(backstop, command))
		return;
	said = nft_ctx_get_output_buffer(backstop->nft);
	if (said)
		take_counts(said, backstop->counts[family]);
}

void ppn_backstop_counts(struct ppn_backstop *backstop,
			 struct ppn_count ret_counts[static _PPN_BACKSTOP_COUNT_MAX])
{
	memset(ret_counts, 0, _PPN_BACKSTOP_COUNT_MAX * sizeof(ret_counts[0]));
	for (int family = 0; family < _PPN_BACKSTOP_FAMILY_MAX; family++) {
		read_counts(backstop, family);
		for (int i = 0; i < _PPN_BACKSTOP_COUNT_MAX; i++) {
			ret_counts[i].packets += backstop->counts[family][i].packets;
			ret_counts[i].bytes += backstop->counts[family][i].bytes;
		}
	}
}

/* ---- rules ---- */

/* The tables of `mask` in one transaction: two, one after the other, would wait for the kernel to clean up. */
static int write_tables(struct ppn_backstop *backstop, const struct ppn_backstop_rules *rules,
			unsigned int mask, char *ret_why)
{
	char *bare[_PPN_BACKSTOP_FAMILY_MAX] = { NULL }, *text[_PPN_BACKSTOP_FAMILY_MAX] = { NULL };
	char *all = NULL;
	int err = 0;

	for (int i = 0; i < _PPN_BACKSTOP_FAMILY_MAX && !err; i++) {
		if (!(mask & 1U << i))
			continue;
		read_counts(backstop, i);
		err = ppn_backstop_render(rules, i, zeros, &bare[i]);
		if (!err)
			err = ppn_backstop_render(rules, i, backstop->counts[i], &text[i]);
	}
	if (!err && asprintf(&all, "%s%s%s", text[0] ? text[0] : "", text[1] ? text[1] : "",
			     text[2] ? text[2] : "") < 0)
		err = -ENOMEM;
	if (!err && run(backstop, all))
		err = refused(backstop, "the backstop", ret_why);
	for (int i = 0; i < _PPN_BACKSTOP_FAMILY_MAX; i++) {
		free(text[i]);
		if (err || !bare[i]) {
			free(bare[i]);
			continue;
		}
		free(backstop->text[i]);
		backstop->text[i] = bare[i];
	}
	free(all);
	return err;
}
_Static_assert(_PPN_BACKSTOP_FAMILY_MAX == 3, "write_tables() joins as many texts");

/* Tables that are not as the rules say. */
static int find_stale(struct ppn_backstop *backstop, const struct ppn_backstop_rules *rules,
		      bool force, unsigned int *ret_mask)
{
	unsigned int mask = 0;

	for (int i = 0; i < _PPN_BACKSTOP_FAMILY_MAX; i++) {
		char *bare;
		int err = ppn_backstop_render(rules, i, zeros, &bare);

		if (err)
			return err;
		if (force || !backstop->text[i] || strcmp(bare, backstop->text[i]) != 0)
			mask |= 1U << i;
		free(bare);
	}
	*ret_mask = mask & ~backstop->lacks;
	return 0;
}

/* All of them would not do: inet must, of the others each for itself. */
static int write_apart(struct ppn_backstop *backstop, const struct ppn_backstop_rules *rules,
		       unsigned int mask, char *ret_why)
{
	const unsigned int inet = 1U << PPN_BACKSTOP_INET;
	int err = mask & inet ? write_tables(backstop, rules, inet, ret_why) : 0;

	for (unsigned int i = PPN_BACKSTOP_BRIDGE; !err && i < _PPN_BACKSTOP_FAMILY_MAX; i++) {
		int one = mask & 1U << i ? write_tables(backstop, rules, 1U << i, ret_why) : 0;

		if (!one)
			continue;
		free(backstop->text[i]);
		backstop->text[i] = NULL;
		if (one == -EOPNOTSUPP)
			backstop->lacks |= 1U << i;
	}
	return err;
}

int ppn_backstop_set(struct ppn_backstop *backstop, const struct ppn_backstop_rules *rules,
		     bool force, bool *ret_changed, char ret_why[static PPN_WHY_LEN])
{
	unsigned int mask = 0;
	int err = find_stale(backstop, rules, force, &mask);

	ret_why[0] = '\0';
	*ret_changed = mask;
	if (err || !mask)
		return err;
	if (!write_tables(backstop, rules, mask, ret_why))
		return 0;
	ret_why[0] = '\0';
	return write_apart(backstop, rules, mask, ret_why);
}

int ppn_backstop_remove(struct ppn_backstop *backstop, char ret_why[static PPN_WHY_LEN])
{
	int err = 0;

	ret_why[0] = '\0';
	for (int family = 0; family < _PPN_BACKSTOP_FAMILY_MAX; family++) {
		const char *text = ppn_backstop_family_text(family);
		char commands[96];

		(void)snprintf(commands, sizeof(commands), "table %s %s\ndelete table %s %s\n",
			       text, PPN_BACKSTOP_TABLE, text, PPN_BACKSTOP_TABLE);
		free(backstop->text[family]);
		backstop->text[family] = NULL;
		/* A family that the kernel does not have has no table of ours. */
		if (run(backstop, commands) && !err) {
			err = refused(backstop, text, ret_why);
			err = err == -EOPNOTSUPP ? 0 : err;
		}
	}
	return err;
}
