/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Key files of the authority. A key file is a head (magic, kind, Argon2id cost, salt) and a secret box
 * under the key that the passphrase gives; nothing else of it is secret. 0600, written atomically.
 */
#ifndef PPN_ADMIN_KEYS_H
#define PPN_ADMIN_KEYS_H

#include <stddef.h>
#include <stdint.h>
#include <ppn/wire.h>
#include "lib/crypto.h"

enum ppn_key_kind {
	PPN_KEY_ROOT = 1, /* struct ppn_root_secret */
	PPN_KEY_ADMIN = 2, /* struct ppn_admin_secret */
};

struct ppn_root_secret {
	uint8_t seed[32];
};

struct ppn_admin_secret {
	uint8_t sign[32]; /* Ed25519 seed; the seat's identity */
	uint8_t noise[32]; /* X25519 */
	uint8_t box[32]; /* X25519; opens `here` */
	uint8_t wg[32]; /* X25519 */
	uint8_t storage[32]; /* seals what the state directory keeps of pairs */
};

#define PPN_PASSPHRASE_MAX 1024

/* 0 or -errno. */
int ppn_key_write(int dir, const char *name, enum ppn_key_kind kind, const void *secret, size_t len,
		  const char *passphrase, enum ppn_kdf_cost cost);
/* -EBADMSG: wrong passphrase, or a damaged file (the box cannot tell). -EINVAL: not this kind of file. */
int ppn_key_read(int dir, const char *name, enum ppn_key_kind kind, void *ret_secret, size_t len,
		 const char *passphrase);

/*
 * The passphrase: from `file` (first line), or typed twice (`twice`) or once on the terminal without
 * echo. -ENOTTY: no file and no terminal; -EINVAL: empty, too long, or the two differ. The caller wipes.
 */
int ppn_passphrase(char ret_text[static PPN_PASSPHRASE_MAX], const char *file, int twice);
/* What its error means, for people. */
const char *ppn_passphrase_text(int err, const char *file);

#endif
