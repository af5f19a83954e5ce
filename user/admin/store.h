/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The authority's state directory: what a seat knows, and the only code that writes it.
 *
 *	authority.pub   armoured root chain; the file to carry to servers
 *	lists           revocation lists of the highest number
 *	admin.cert      this seat's certificate
 *	admin.key       its secrets, under the passphrase; root-1.key likewise, until it is moved away
 *	invites/BATCH   armoured invites, 0600: the seat proves enrolments with their keys
 *	roster          the bundle in force
 *	pairs           command and telemetry keys of members, sealed with the storage key
 *	seqs            reserved frame sequence numbers, one line a member
 *	ledger, head    the authority's own ledger
 *
 * Everything but the secrets is readable while locked. 0 or -errno; `ret_why` says what, which and what to do.
 */
#ifndef PPN_ADMIN_STORE_H
#define PPN_ADMIN_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <netinet/in.h>
#include "admin/keys.h"
#include "host/ledger_file.h"
#include "lib/ledger.h"
#include "lib/roster.h"
#include "lib/wire.h"

#define PPN_STORE_WHY 256
#define PPN_PAIRS_MAX PPN_MEMBERS_MAX

#define PPN_STORE_AUTHORITY "authority.pub"
#define PPN_STORE_LISTS "lists"
#define PPN_STORE_CERT "admin.cert"
#define PPN_STORE_KEY "admin.key"
#define PPN_STORE_ROOT_KEY "root-1.key"
#define PPN_STORE_INVITES "invites"

/* One claimed node, as the seat keeps it. Stored whole, so explicit padding and fixed sizes. */
struct ppn_pair {
	uint8_t identity[PPN_KEY_LEN];
	uint8_t claim[PPN_HASH_LEN]; /* H(claim in force) */
	struct ppn_pair_keys keys;
	uint8_t wg_key[PPN_KEY_LEN]; /* zeros: the answer to the claim never came */
	uint8_t batch[PPN_BATCH_LEN];
	uint8_t endpoint[16]; /* address the claim used; port is the fleet's WireGuard port */
	uint32_t scope; /* interface index of a link-local endpoint, else 0 */
	uint32_t number;
	uint8_t posture, zero[7];
	char name[PPN_NAME_LEN]; /* "": its label */
	uint64_t claimed_ms;
	/* below: not stored */
	uint32_t seq, seq_reserved; /* last number used; last one reserved on disk */
	uint64_t telemetry_last; /* boots << 32 | n */
	uint64_t telemetry_ms; /* CLOCK_BOOTTIME of the last one, 0: none yet */
	struct ppn_telemetry telemetry;
};

struct ppn_batch {
	uint8_t id[PPN_BATCH_LEN], key[32];
	uint64_t not_after;
	uint32_t count;
};

struct ppn_store {
	int dir;
	bool unlocked;
	struct ppn_admin_secret secret;
	struct ppn_trust trust; /* points into chain and lists */
	uint8_t *chain, *lists;
	uint8_t cert_bytes[PPN_CERT_MAX];
	size_t cert_len;
	struct ppn_cert cert;
	struct ppn_ledger_file ledger;
	bool ledger_open;
	uint8_t *bundle; /* the roster in force; NULL: none yet */
	size_t bundle_len;
	struct ppn_roster roster;
	struct ppn_pair *pairs;
	size_t n_pairs;
};

/* The public part: chain, lists, certificate, roster; whatever the clock says, an expired certificate
 * opens. -ENOENT: no authority here (`ppn-admin init`). */
int ppn_store_open(struct ppn_store *ret_store, const char *path,
		   char ret_why[static PPN_STORE_WHY]);
/* Would nodes with this clock refuse the certificate (PROTOCOL 7)? Then ret_why says since when, and what to do. */
bool ppn_store_expired(const struct ppn_store *store, uint64_t now_s,
		       char ret_why[static PPN_STORE_WHY]);
/* Secrets, pairs, ledger. -EBADMSG: wrong passphrase. */
int ppn_store_unlock(struct ppn_store *store, const char *passphrase,
		     char ret_why[static PPN_STORE_WHY]);
void ppn_store_close(struct ppn_store *store); /* wipes */

/* An entry in the authority's ledger; -ENOKEY while locked. */
int ppn_store_log(struct ppn_store *store, enum ppn_entry_type type, const void *payload,
		  size_t len);

/* Pairs: add or replace by identity (durable before it returns), find. */
int ppn_store_pair_put(struct ppn_store *store, const struct ppn_pair *pair);
/* Take one back that was put before a claim that the node then refused. */
int ppn_store_pair_drop(struct ppn_store *store, const uint8_t identity[static PPN_KEY_LEN]);
struct ppn_pair *ppn_store_pair(struct ppn_store *store,
				const uint8_t identity[static PPN_KEY_LEN]);
/* Next frame number for this pair, reserved on disk before it is used, not below `at_least` and not above
 * `limit` (what telemetry says): -ERANGE, and nothing is used. -EOVERFLOW: the pair's numbers are used up
 * (claim again). */
int ppn_store_seq(struct ppn_store *store, struct ppn_pair *pair, uint32_t at_least, uint32_t limit,
		  uint32_t *ret_seq);

/* Smallest free number of this certificate's range, above every number taken. 0: none left. */
uint32_t ppn_store_number(const struct ppn_store *store, const uint32_t *taken, size_t n_taken);

/*
 * Sign `next` as the roster that follows the one in force (epoch, parent, issued, serial, generation and
 * list number are set here), store the bundle, log it. next is left to the caller; the store's copy is new.
 */
int ppn_store_roster(struct ppn_store *store, struct ppn_roster *next, uint64_t now_s);

/* The invite of this batch, read anew. -ENOENT: none of this authority's. The caller wipes. */
int ppn_store_batch(const struct ppn_store *store, const uint8_t id[static PPN_BATCH_LEN],
		    struct ppn_batch *ret_batch);
void ppn_batch_wipe(struct ppn_batch *batch);
/* NULL: the proof holds and the batch has room (members claimed with it) and time; else why not, in words. */
const char *ppn_store_enrolled(const struct ppn_store *store,
			       const uint8_t batch[static PPN_BATCH_LEN],
			       const uint8_t proof[static PPN_HASH_LEN],
			       const uint8_t identity[static PPN_KEY_LEN],
			       const uint8_t nonce[static PPN_NONCE_LEN], uint64_t now_s);

#endif
