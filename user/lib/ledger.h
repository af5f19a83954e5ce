/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The ledger (PROTOCOL 8): entries, each hash-chained and signed by its machine. Append, replay,
 * verify: nothing else may know the format, which becomes a tile log one day. Pure;
 * host/ledger_file.h stores it.
 */
#ifndef PPN_LIB_LEDGER_H
#define PPN_LIB_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <ppn/wire.h>
#include "lib/wire.h"

#define PPN_LEDGER_ENTRY_MAX \
	(4 + sizeof(struct ppn_entry_body) + PPN_LEDGER_PAYLOAD_MAX + PPN_SIG_LEN)

/* Where a ledger ends: what `head` holds and telemetry tells. */
struct ppn_ledger_head {
	uint64_t size; /* entries */
	uint8_t hash[PPN_HASH_LEN]; /* of the last entry; zeros when empty */
};

struct ppn_entry {
	uint64_t index; /* 0 for the first */
	uint64_t time_ms;
	uint16_t type; /* enum ppn_entry_type; unknown ones are kept and verified */
	struct ppn_bytes payload;
	uint8_t hash[PPN_HASH_LEN];
};

/*
 * Write the framed entry that follows `head`; ret_head (may be head itself) is where it ends
 * then. Length written; -EMSGSIZE: no room; -EINVAL: the payload is longer than
 * PPN_LEDGER_PAYLOAD_MAX.
 */
ssize_t ppn_ledger_append(uint8_t *ret_framed, size_t max, const struct ppn_ledger_head *head,
			  uint64_t time_ms, enum ppn_entry_type type, struct ppn_bytes payload,
			  const uint8_t fleet[static PPN_HASH_LEN], const uint8_t seed[static 32],
			  struct ppn_ledger_head *ret_head);
/*
 * Read the next framed entry of *in, advance it and head. OK; SHORT: the bytes are no whole entry
 * (a torn tail), LONG and FORM: they are none; ORDER: another index; HASH: it does not follow the
 * one before; SIGNATURE. On all of these nothing moves. With `identity` the signature is
 * verified, with NULL only form, chain and order (replay at start; verify is a command of its
 * own).
 */
enum ppn_check ppn_ledger_next(struct ppn_bytes *in, struct ppn_ledger_head *head,
			       const uint8_t fleet[static PPN_HASH_LEN], const uint8_t *identity,
			       struct ppn_entry *ret_entry);

#define PPN_LEDGER_RECENT 16 /* the last four results of four seats */

/* The fold: what the entries add up to. Zeroed is "no ledger". */
struct ppn_ledger_state {
	struct ppn_entry_genesis genesis; /* entry 0 */
	bool has_genesis, holding, bound, isolated, damaged;
	uint8_t bound_hash[PPN_HASH_LEN], claim_hash[PPN_HASH_LEN]; /* of the last claim */
	struct ppn_entry_roster roster; /* of the last roster entry since the claim */
	bool observe; /* of the last seal entry, or the trial that ended for good */
	bool has_seal;
	bool trial; /* began, and no outcome is written */
	/* Of the pairs in force, newest first; what is not used is zeros (seq 0). */
	struct ppn_entry_command recent[PPN_LEDGER_RECENT];
};
/*
 * A sequence of types that cannot be (a second genesis, bound without genesis, an authority's
 * entry ...) is PPN_CHECK_ORDER, a payload too short or of an unknown mode PPN_CHECK_FORM; state
 * is untouched then. An unknown type changes nothing. `damaged` is the caller's to set. What
 * folds wrong at the next start makes the node damaged: fold before you write.
 */
enum ppn_check ppn_ledger_fold(struct ppn_ledger_state *state, const struct ppn_entry *entry);
enum ppn_state ppn_ledger_genesis_state(const struct ppn_ledger_state *state);

/* One line for people, cut at max, always terminated; `ppn ledger show`. Length of the text. */
int ppn_entry_text(char *ret_text, size_t max, const struct ppn_entry *entry);
const char *ppn_entry_type_text(uint16_t type); /* "entry 77" has no text: NULL */

#endif
