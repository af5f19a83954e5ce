/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The roster (PROTOCOL 6): read, verify, order, diff, write. A bundle (struct ppn_credentials,
 * then one roster object) is what travels and what is stored. Pure; the bytes belong to the
 * caller.
 */
#ifndef PPN_LIB_ROSTER_H
#define PPN_LIB_ROSTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <ppn/wire.h>
#include "lib/wire.h"

struct ppn_member {
	uint32_t number;
	uint8_t flags; /* enum ppn_member_flag */
	enum ppn_posture posture;
	char name[PPN_NAME_LEN];
	char roles[PPN_ROLES_LEN_MAX + 1]; /* words, comma-separated */
	uint8_t identity[PPN_KEY_LEN], wg_key[PPN_KEY_LEN], serial[PPN_SERIAL_LEN];
	uint8_t n_endpoints;
	struct ppn_endpoint endpoint[PPN_ENDPOINTS_MAX]; /* network order, as on the wire */
};

/* Order of rosters: generation, list number, epoch, hash, left to right. */
struct ppn_roster_version {
	uint32_t generation, list_number;
	uint64_t epoch;
	uint8_t hash[PPN_HASH_LEN]; /* H(roster object) */
};
int ppn_roster_compare(const struct ppn_roster_version *a, const struct ppn_roster_version *b);

struct ppn_roster {
	struct ppn_roster_version version;
	uint8_t serial[PPN_SERIAL_LEN], parent[PPN_HASH_LEN];
	uint64_t issued;
	uint32_t n_members, n_revoked;
	struct ppn_member *members; /* owned, rising by number; ppn_roster_free() */
	uint8_t (*revoked)[PPN_KEY_LEN]; /* owned, rising */
	uint16_t n_open, n_flows, n_egress, n_underlay;
	struct ppn_rule_open *open; /* owned, like the three below */
	struct ppn_rule_flow *flows;
	struct ppn_rule_egress *egress;
	struct ppn_rule_underlay *underlay;
	uint32_t policy_flags;
	uint16_t confirm_s;
};
void ppn_roster_free(struct ppn_roster *roster);
/* Deep copy. -ENOMEM. */
int ppn_roster_copy(struct ppn_roster *ret_copy, const struct ppn_roster *roster);

/*
 * Form and internal rules: order, bounds, no duplicates, numbers valid, endpoints not inside the
 * fleet prefix (nor multicast, nor unspecified), nobody both member and revoked. Names are as in
 * certificates (printable ASCII without blanks); roles are words of a-z, 0-9, '-', '_'; a node
 * has a posture, a seat a serial and no cloud machine. No memory comes as PPN_CHECK_LONG.
 * ret_roster is untouched on failure.
 */
enum ppn_check ppn_roster_read(const struct ppn_object_view *view,
			       const uint8_t fleet[static PPN_HASH_LEN],
			       struct ppn_roster *ret_roster);
/*
 * Body and signature. -EMSGSIZE; -EINVAL: what ppn_roster_read() would refuse is never signed
 * (members and revoked identities must come in their order); -ENOMEM. version.hash is not looked
 * at.
 */
ssize_t ppn_roster_write(uint8_t *ret_object, size_t max, const struct ppn_roster *roster,
			 const uint8_t fleet[static PPN_HASH_LEN], const uint8_t seed[static 32]);
/* Bytes that ppn_roster_write() needs at most. */
size_t ppn_roster_room(const struct ppn_roster *roster);

/*
 * A whole bundle: credentials walked against pin and `known`, the roster's signature by the
 * certificate with the right `roster` (a claim's first roster is signed under the same rule),
 * form, generation and list number equal to what the bundle carries, and, where `current` is
 * given: greater than it, epoch step, a revoked identity stays revoked within one list number,
 * new numbers in the signer's range.
 *
 * SEQUENCE: current is the same or greater. A bundle of our own disk is read with known NULL and
 * now 0: expiry never cuts a running mesh (PROTOCOL 7). Outputs are untouched on failure;
 * ret_credentials looks into the bundle (and, lists of one number, into that of `known`).
 */
enum ppn_check ppn_bundle_read(struct ppn_bytes bundle, const uint8_t *pin,
			       const struct ppn_trust *known, const struct ppn_roster *current,
			       uint64_t now, struct ppn_credentials_view *ret_credentials,
			       struct ppn_roster *ret_roster);

/*
 * By number, by identity; _find: by name, label, at least 20 symbols of H(identity) or the
 * identity in hex. Case, dashes, O for 0, I and L for 1 do not matter in symbols. NULL: nobody.
 * When two match, the first is returned and *ret_two is the second (else NULL); with ret_two NULL
 * the answer is NULL then: never one of two.
 */
const struct ppn_member *ppn_roster_number(const struct ppn_roster *roster, uint32_t number);
const struct ppn_member *ppn_roster_identity(const struct ppn_roster *roster,
					     const uint8_t identity[static PPN_KEY_LEN]);
const struct ppn_member *ppn_roster_find(const struct ppn_roster *roster, const char *text,
					 const struct ppn_member **ret_two);
bool ppn_member_has_role(const struct ppn_member *member, const char *role);

/*
 * What changes between two rosters, one callback a member; from may be NULL. The order is by
 * number. A number that went to another identity is REMOVED, then ADDED. was is NULL for ADDED,
 * is for REMOVED.
 */
enum ppn_change { PPN_CHANGE_ADDED, PPN_CHANGE_REMOVED, PPN_CHANGE_CHANGED };
void ppn_roster_diff(const struct ppn_roster *from, const struct ppn_roster *to,
		     void (*change)(void *arg, enum ppn_change what, const struct ppn_member *was,
				    const struct ppn_member *is),
		     void *arg);

#endif
