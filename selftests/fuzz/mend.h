/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Mutation breaks every hash and signature at once, and nothing behind them would ever be reached. So the
 * first byte of an input says which of them are made good again before it is read.
 */
#ifndef PPN_FUZZ_MEND_H
#define PPN_FUZZ_MEND_H

#include "unit/fleet.h"

enum { MEND_NOTHING = 0, MEND_SIGNATURES = 1, MEND_HEAD = 2 };

/* An assertion that also holds where NDEBUG does. */
#define must(condition)           \
	do {                      \
		if (!(condition)) \
			abort();  \
	} while (0)

/* A block of exactly this size, so that a read past its end is seen. */
static inline uint8_t *copy_of(const uint8_t *data, size_t len)
{
	uint8_t *copy = malloc(len);

	must(copy || len == 0);
	if (len > 0)
		memcpy(copy, data, len);
	return copy;
}

/* The letter whose root key has this id; 'z' when none of ours. */
static inline char letter_of(const uint8_t *id)
{
	static uint8_t ids[6][PPN_KEY_ID_LEN];
	static bool known;

	for (char i = 0; i < 6 && !known; i++)
		root_key_id(ids[(int)i], (char)('a' + i));
	known = true;
	for (char i = 0; i < 6; i++)
		if (memcmp(ids[(int)i], id, PPN_KEY_ID_LEN) == 0)
			return (char)('a' + i);
	return 'z';
}

/* Length of the body that starts here, 0 when it does not fit before the end. */
static inline size_t body_at(const uint8_t *at, size_t left)
{
	struct ppn_object_head head;

	if (left < sizeof(head))
		return 0;
	memcpy(&head, at, sizeof(head));
	if (be32toh(head.len) < sizeof(head) || be32toh(head.len) > left || head.kind == 0 ||
	    head.kind >= _PPN_OBJECT_MAX)
		return 0;
	return be32toh(head.len);
}

/* Signs the object that starts here anew; its length, or 0. */
static inline size_t mend_object(uint8_t *at, size_t left, const uint8_t *fleet,
				 const uint8_t *seed)
{
	size_t len = body_at(at, left);

	if (len == 0 || left - len < PPN_SIG_LEN)
		return 0;
	must(ppn_object_sign(at + len, at[0], fleet, (struct ppn_bytes){ at, len }, seed) == 0);
	return len + PPN_SIG_LEN;
}

static inline void mend_fleet(uint8_t *body, size_t len, uint8_t fleet[static PPN_HASH_LEN],
			      bool first)
{
	const size_t at = offsetof(struct ppn_root_body, fleet), after = at + PPN_HASH_LEN;
	struct ppn_hash_state h;

	if (len < sizeof(struct ppn_root_body))
		return;
	if (first) {
		ppn_hash_start(&h);
		ppn_hash_add(&h, body, at);
		ppn_hash_add(&h, body + after, len - after);
		ppn_hash_end(&h, fleet);
	}
	memcpy(body + at, fleet, PPN_HASH_LEN);
}

/* A root document: fleet id, and each signature by the letter its key id names. */
static inline size_t mend_root(uint8_t *at, size_t left, uint8_t fleet[static PPN_HASH_LEN],
			       bool first)
{
	size_t len = body_at(at, left);
	uint8_t seed[32], *sig;

	if (len == 0 || at[0] != PPN_OBJECT_ROOT || left - len < 1 ||
	    left - len - 1 < at[len] * sizeof(struct ppn_root_sig))
		return 0;
	mend_fleet(at, len, fleet, first);
	for (int i = 0; i < at[len] && i < PPN_ROOT_SIGS_MAX; i++) {
		sig = at + len + 1 + (size_t)i * sizeof(struct ppn_root_sig);
		root_seed(seed, letter_of(sig));
		must(ppn_object_sign(sig + PPN_KEY_ID_LEN, PPN_OBJECT_ROOT, fleet,
				     (struct ppn_bytes){ at, len }, seed) == 0);
	}
	return len + 1 + at[len] * sizeof(struct ppn_root_sig);
}

#endif
