/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the node keeps (PROTOCOL 4 and 8): the pin, the ledger, the claim in force, the roster. The start
 * rules and the commit order are here and nowhere else. In the cloud posture all of it is in memory,
 * but for the trust file (floors and revocation lists).
 *
 *	STATE/identity       three keys                                    state.c, identity.c
 *	STATE/authority.pub  the pin: copy of the operator's root document pin.c
 *	STATE/enrol          struct ppn_invite; wiped when claimed         pin.c
 *	STATE/ledger, head   host/ledger_file                              state.c
 *	STATE/bound          struct ppnd_bound_file, claim object          bound.c
 *	STATE/roster         the bundle in force                           bound.c
 *	STATE/trust          chain, lists, floor                           trust.c
 *	STATE/slots, seats   reserved ends; pair keys of further seats     slots.c
 *	STATE/boots          how often ppnd has started                    state.c
 */
#ifndef PPN_NODE_STATE_H
#define PPN_NODE_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <ppn/wire.h>
#include "host/ledger_file.h"
#include "lib/roster.h"
#include "lib/wire.h"
#include "node/identity.h"
#include "node/trust.h"

#define PPND_WHY_LEN 160

struct ppnd_config;

/* The claim in force. */
struct ppnd_bound {
	uint8_t claim_hash[PPN_HASH_LEN]; /* H(claim object) */
	struct ppn_claim claim;
	uint8_t seat_key[PPN_KEY_LEN]; /* sign key of the certificate that claimed */
	bool may_send; /* it has the right `send`: the pair's keys make a slot */
	struct ppn_pair_keys keys;
};

/* A claim that every rule allows, on its way to the disk. */
struct ppnd_offer {
	struct ppn_bytes object; /* ppn.claim.1, whole */
	struct ppn_bytes bundle;
	struct ppnd_bound bound;
	struct ppn_roster roster; /* read from the bundle; taken over by the commit */
	const struct ppn_trust *trust; /* the bundle's */
};

struct ppnd_state {
	int dir; /* STATE, or -1: everything in memory */
	int trust_dir; /* STATE in every posture */
	struct ppnd_identity identity;
	bool has_identity;
	enum ppn_mode mode; /* of entry 0 */
	uint8_t fleet[PPN_HASH_LEN]; /* of the pin; zeros in code mode */
	struct ppnd_trust trust; /* has_pin */
	bool has_pin, has_invite;
	struct ppn_invite invite;
	struct ppn_ledger_file ledger;
	bool has_ledger;
	struct ppn_ledger_state fold;
	enum ppn_posture posture;
	bool first_boot;
	bool discharged; /* the last claim was ended by a discharge */
	bool broken; /* the ledger's last write failed half way: only a start can tell what is on disk */
	bool damaged;
	char why[PPND_WHY_LEN]; /* damaged: what is not whole */
	bool is_bound;
	struct ppnd_bound bound;
	bool has_roster;
	struct ppn_roster roster;
	struct ppn_bytes bundle; /* owned */
	uint32_t boots;
	/* Commands since the last claim or seat, newest first: what telemetry goes on acknowledging. */
};

struct ppnd_state_paths {
	const char *state_dir, *conf_dir; /* conf_dir: where invite and authority.pub lie */
	const char *invite; /* --invite, or NULL */
};

/*
 * Read everything, or make it at first boot, and finish or drop what a crash left half done. Not whole:
 * state->damaged and why, and 0. -EBADMSG: the identity file is damaged; -errno: the disk. Both with why.
 */
int ppnd_state_open(struct ppnd_state *ret_state, const struct ppnd_config *config,
		    const struct ppnd_state_paths *paths);
void ppnd_state_close(struct ppnd_state *state);

/* One ledger entry and its fold; `durable`: head is rewritten too (state-changing entries). */
int ppnd_state_append(struct ppnd_state *state, enum ppn_entry_type type, const void *payload,
		      size_t len, bool durable);
/* Steps 1 to 3 of PROTOCOL 8. On error nothing has changed that a start would see. */
int ppnd_state_commit(struct ppnd_state *state, struct ppnd_offer *offer);
/* A claim of a damaged node: what is left of the old ledger is put aside, a new one begins. */
int ppnd_state_renew(struct ppnd_state *state);
/* A greater roster: bundle on disk, ledger entry, rename. Takes over *roster on success. */
int ppnd_state_roster(struct ppnd_state *state, struct ppn_bytes bundle, struct ppn_roster *roster);
/* The fleet is left: bound, roster, seats and slots go. */
int ppnd_state_forget(struct ppnd_state *state);
/* Chain, lists and floor that a verified object brought. 1: it grew. */
int ppnd_state_trust(struct ppnd_state *state, const struct ppn_trust *seen);

/* The fleet this node's mesh is of: the pin's while bound, else its own. */
const uint8_t *ppnd_state_mesh_fleet(const struct ppnd_state *state);
/* It has what a claim needs: an identity of its own and a pin. */
bool ppnd_state_claimable(const struct ppnd_state *state);
/* H(claim in force), or zeros. */
const uint8_t *ppnd_state_claim(const struct ppnd_state *state);

/* -- pin.c -- */

/* First boot: find the operator's file, decide the mode, copy. */
int ppnd_pin_first(struct ppnd_state *state, const struct ppnd_config *config,
		   const struct ppnd_state_paths *paths);
/* Later: the copy only. Missing or unreadable: damaged. */
int ppnd_pin_later(struct ppnd_state *state);
/* The enrolment key is used up. */
int ppnd_pin_claimed(struct ppnd_state *state);

/* -- bound.c -- */

/* After the fold: bound, bound.new, roster, roster.new against the ledger. */
int ppnd_bound_open(struct ppnd_state *state);
void ppnd_state_damage(struct ppnd_state *state, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

uint64_t ppnd_now_ms(void); /* wall clock, Unix milliseconds */

#endif
