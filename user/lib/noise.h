/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The Noise Protocol Framework, revision 34, for 25519 / ChaChaPoly / SHA256: patterns as tables of
 * tokens (e, s, ee, es, se, ss, psk) run by one loop. No I/O and no randomness: ephemerals are given,
 * and a DH with a static key can be done by somebody else (`dh`), because the node's lies in another
 * process than its handshake.
 */
#ifndef PPN_LIB_NOISE_H
#define PPN_LIB_NOISE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <ppn/wire.h>

#define PPN_NOISE_TAG 16
#define PPN_NOISE_PSKS_MAX 2

/* A static key: its public half, and the secret or a function that does the DH with it. */
struct ppn_noise_key {
	uint8_t key[PPN_KEY_LEN];
	uint8_t secret[32];
	/* When set, `secret` is not used. ret_shared = DH(secret, key). 0 or -errno, which ends the
	 * handshake with that error. */
	int (*dh)(void *arg, uint8_t ret_shared[static 32], const uint8_t key[static PPN_KEY_LEN]);
	void *arg;
};

struct ppn_noise_cipher {
	uint8_t key[32];
	uint64_t n;
};

/* Everything a handshake is; the caller owns the memory and ends it with ppn_noise_wipe(). */
struct ppn_noise {
	const struct ppn_noise_pattern *pattern;
	struct ppn_noise_key s;
	uint8_t e_secret[32], e_key[PPN_KEY_LEN], rs[PPN_KEY_LEN], re[PPN_KEY_LEN];
	uint8_t psk[PPN_NOISE_PSKS_MAX][32];
	uint8_t h[PPN_HASH_LEN], ck[32];
	struct ppn_noise_cipher cipher;
	uint8_t psks_at; /* bit m: modifier pskM is in the name */
	uint8_t n_psks, next_psk, message;
	bool initiator, has_key, has_rs, has_re, done, split, failed;
};

struct ppn_noise_config {
	const char *
		name; /* protocol name, "Noise_XX_25519_ChaChaPoly_SHA256", psk modifiers allowed */
	bool initiator;
	const void *prologue;
	size_t prologue_len;
	const struct ppn_noise_key *s; /* copied; NULL where the pattern has none */
	const uint8_t *rs; /* known beforehand, or NULL */
	const uint8_t *e_secret; /* 32 bytes, fresh for every handshake */
	const uint8_t (*psks)[32];
	size_t n_psks;
};

/*
 * Understood: the twelve interactive patterns, the one-way N, K, X, and psk0..psk3 joined by '+', at most
 * PPN_NOISE_PSKS_MAX of them.
 */
bool ppn_noise_known(const char *name);
/* -EINVAL: unknown name, or keys the pattern needs are missing. The psks are in the order of the name. */
int ppn_noise_start(struct ppn_noise *noise, const struct ppn_noise_config *config);

/* Whose turn: true when this side writes the next handshake message. False when the handshake is done. */
bool ppn_noise_writes(const struct ppn_noise *noise);
/* Overhead in bytes of the next message over its payload. */
size_t ppn_noise_overhead(const struct ppn_noise *noise);

/*
 * Write or read the next message. -EINVAL: not our turn; -EMSGSIZE: ret_max too small, or message too
 * short or above PPN_MESSAGE2_MAX; -EBADMSG: a tag or a point is wrong. Any error ends the handshake:
 * every later call gives -EPROTO. Nothing of a message whose tag is wrong reaches ret_payload.
 * After reading message 2 of XX, rs is set (has_rs) and re (has_re).
 */
int ppn_noise_write(struct ppn_noise *noise, uint8_t *ret_message, size_t ret_max, size_t *ret_len,
		    const void *payload, size_t payload_len);
int ppn_noise_read(struct ppn_noise *noise, uint8_t *ret_payload, size_t ret_max, size_t *ret_len,
		   const void *message, size_t message_len);

/* After the last message, once: the two transport ciphers, for sending and for receiving; every secret of
 * the handshake is wiped, h and rs stay. -EINVAL before, and the second time. */
int ppn_noise_split(struct ppn_noise *noise, struct ppn_noise_cipher *ret_send,
		    struct ppn_noise_cipher *ret_receive);
void ppn_noise_wipe(struct ppn_noise *noise);

/* Transport messages; out has len + PPN_NOISE_TAG, and may be in. Open: -EBADMSG (n stays). Both:
 * -EMSGSIZE (longer than a Noise message, or shorter than its tag), -EOVERFLOW (n is used up). */
int ppn_noise_seal(struct ppn_noise_cipher *c, uint8_t *ret_out, const void *in, size_t len);
int ppn_noise_open(struct ppn_noise_cipher *c, uint8_t *ret_out, const void *in, size_t in_len);

#endif
