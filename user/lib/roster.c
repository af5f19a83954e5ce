// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A roster in memory: order, look-up, difference. */
#include "lib/roster.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "lib/crypto.h"

enum { SYMBOLS_MAX = 51, SYMBOLS_MIN = 20 }; /* of H(identity), 5 bits each */

int ppn_roster_compare(const struct ppn_roster_version *a, const struct ppn_roster_version *b)
{
	if (a->generation != b->generation)
		return a->generation < b->generation ? -1 : 1;
	if (a->list_number != b->list_number)
		return a->list_number < b->list_number ? -1 : 1;
	if (a->epoch != b->epoch)
		return a->epoch < b->epoch ? -1 : 1;
	return memcmp(a->hash, b->hash, sizeof(a->hash));
}

void ppn_roster_free(struct ppn_roster *roster)
{
	free(roster->members);
	free(roster->revoked);
	free(roster->open);
	free(roster->flows);
	free(roster->egress);
	free(roster->underlay);
	memset(roster, 0, sizeof(*roster));
}

/* *ret stays NULL for nothing. */
static bool copy_rows(void *ret, const void *rows, size_t n, size_t size)
{
	void *copy = n ? malloc(n * size) : NULL;

	if (copy)
		memcpy(copy, rows, n * size);
	memcpy(ret, &copy, sizeof(copy));
	return copy || !n;
}

int ppn_roster_copy(struct ppn_roster *ret_copy, const struct ppn_roster *roster)
{
	const struct ppn_roster *r = roster;
	struct ppn_roster copy = *roster;
	bool good;

	good = copy_rows(&copy.members, r->members, r->n_members, sizeof(*r->members));
	good &= copy_rows(&copy.revoked, r->revoked, r->n_revoked, sizeof(*r->revoked));
	good &= copy_rows(&copy.open, r->open, r->n_open, sizeof(*r->open));
	good &= copy_rows(&copy.flows, r->flows, r->n_flows, sizeof(*r->flows));
	good &= copy_rows(&copy.egress, r->egress, r->n_egress, sizeof(*r->egress));
	good &= copy_rows(&copy.underlay, r->underlay, r->n_underlay, sizeof(*r->underlay));
	if (!good) {
		ppn_roster_free(&copy);
		return -ENOMEM;
	}
	*ret_copy = copy;
	return 0;
}

/* ---- look-up ---- */

static int member_number(const void *key, const void *member)
{
	uint32_t a = *(const uint32_t *)key, b = ((const struct ppn_member *)member)->number;

	return a < b ? -1 : a > b;
}

const struct ppn_member *ppn_roster_number(const struct ppn_roster *roster, uint32_t number)
{
	if (!roster->n_members)
		return NULL;
	return bsearch(&number, roster->members, roster->n_members, sizeof(*roster->members),
		       member_number);
}

const struct ppn_member *ppn_roster_identity(const struct ppn_roster *roster,
					     const uint8_t identity[static PPN_KEY_LEN])
{
	for (uint32_t i = 0; i < roster->n_members; i++)
		if (memcmp(roster->members[i].identity, identity, PPN_KEY_LEN) == 0)
			return &roster->members[i];
	return NULL;
}

/* What somebody typed, as ppn_symbols() would print it. Length; 0: it cannot be symbols. */
static size_t normalise(char ret_symbols[static SYMBOLS_MAX + 1], const char *text)
{
	static const char symbols[] = "0123456789abcdefghjkmnpqrstvwxyz";
	size_t len = 0;

	for (; *text; text++) {
		char c = *text >= 'A' && *text <= 'Z' ? (char)(*text - 'A' + 'a') : *text;

		if (c == '-')
			continue;
		c = c == 'o' ? '0' : c == 'i' || c == 'l' ? '1' : c;
		if (len == SYMBOLS_MAX || !strchr(symbols, c))
			return 0;
		ret_symbols[len++] = c;
	}
	ret_symbols[len] = '\0';
	return len == PPN_LABEL_LEN || len >= SYMBOLS_MIN ? len : 0;
}

struct wanted {
	const char *text;
	char symbols[SYMBOLS_MAX + 1];
	size_t n_symbols; /* 0: none */
	uint8_t identity[PPN_KEY_LEN];
	bool has_identity;
};

static bool is_wanted(const struct ppn_member *member, const struct wanted *wanted)
{
	char symbols[SYMBOLS_MAX + 1];

	if (strcmp(member->name, wanted->text) == 0)
		return true;
	if (wanted->has_identity && memcmp(member->identity, wanted->identity, PPN_KEY_LEN) == 0)
		return true;
	if (!wanted->n_symbols)
		return false;
	ppn_symbols(symbols, wanted->n_symbols, member->identity);
	return strcmp(symbols, wanted->symbols) == 0;
}

const struct ppn_member *ppn_roster_find(const struct ppn_roster *roster, const char *text,
					 const struct ppn_member **ret_two)
{
	const struct ppn_member *first = NULL, *second = NULL;
	struct wanted wanted = { .text = text };

	wanted.n_symbols = normalise(wanted.symbols, text);
	wanted.has_identity = ppn_unhex(wanted.identity, PPN_KEY_LEN, text) == 0;
	for (uint32_t i = 0; i < roster->n_members && !second; i++) {
		if (!is_wanted(&roster->members[i], &wanted))
			continue;
		if (first)
			second = &roster->members[i];
		else
			first = &roster->members[i];
	}
	if (ret_two)
		*ret_two = second;
	return second && !ret_two ? NULL : first;
}

bool ppn_member_has_role(const struct ppn_member *member, const char *role)
{
	size_t len = strlen(role);

	for (const char *word = member->roles; *word; word += strcspn(word, ",")) {
		word += *word == ',';
		if (strcspn(word, ",") == len && memcmp(word, role, len) == 0)
			return true;
	}
	return false;
}

/* ---- difference ---- */

/* Field by field: structs have padding. */
static bool same_member(const struct ppn_member *a, const struct ppn_member *b)
{
	return a->flags == b->flags && a->posture == b->posture && strcmp(a->name, b->name) == 0 &&
	       strcmp(a->roles, b->roles) == 0 &&
	       memcmp(a->wg_key, b->wg_key, sizeof(a->wg_key)) == 0 &&
	       memcmp(a->serial, b->serial, sizeof(a->serial)) == 0 &&
	       a->n_endpoints == b->n_endpoints &&
	       memcmp(a->endpoint, b->endpoint, a->n_endpoints * sizeof(a->endpoint[0])) == 0;
}

void ppn_roster_diff(const struct ppn_roster *from, const struct ppn_roster *to,
		     void (*change)(void *arg, enum ppn_change what, const struct ppn_member *was,
				    const struct ppn_member *is),
		     void *arg)
{
	const struct ppn_member *was = from ? from->members : NULL, *is = to->members;
	const struct ppn_member *was_end = from ? was + from->n_members : NULL;
	const struct ppn_member *is_end = is + to->n_members;

	while (was < was_end || is < is_end) {
		if (is == is_end || (was < was_end && was->number < is->number)) {
			change(arg, PPN_CHANGE_REMOVED, was++, NULL);
		} else if (was == was_end || is->number < was->number) {
			change(arg, PPN_CHANGE_ADDED, NULL, is++);
		} else {
			if (memcmp(was->identity, is->identity, PPN_KEY_LEN) != 0) {
				change(arg, PPN_CHANGE_REMOVED, was, NULL);
				change(arg, PPN_CHANGE_ADDED, NULL, is);
			} else if (!same_member(was, is)) {
				change(arg, PPN_CHANGE_CHANGED, was, is);
			}
			was++;
			is++;
		}
	}
}
