/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The node fiduciary keypair and its two companions (PROTOCOL 1), and the file they are kept in: 0600,
 * written whole or not at all, with a digest of its own, so that a damaged one is told from a good one.
 */
#ifndef PPN_NODE_IDENTITY_H
#define PPN_NODE_IDENTITY_H

#include <stdint.h>
#include <ppn/wire.h>

#define PPND_IDENTITY_FILE "identity"
#define PPND_IDENTITY_NEW "identity.new" /* until the ledger's entry 0 is on disk */

struct ppnd_identity {
	uint8_t sign_seed[32], noise_secret[32], wg_secret[32];
	/* derived */
	uint8_t key[PPN_KEY_LEN], noise_key[PPN_KEY_LEN], wg_key[PPN_KEY_LEN];
	char label[10];
	uint8_t fleet_alone[PPN_HASH_LEN]; /* H(key): the fleet id of a network of one */
};

void ppnd_identity_make(struct ppnd_identity *ret_identity);
void ppnd_identity_wipe(struct ppnd_identity *identity);
/* 0; -ENOENT; -EBADMSG (not what was written: damaged); -EPERM (others may read it); -errno. */
int ppnd_identity_read(struct ppnd_identity *ret_identity, int dir, const char *name);
int ppnd_identity_write(const struct ppnd_identity *identity, int dir, const char *name);

#endif
