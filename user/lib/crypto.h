/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The primitives ppn uses, each a thin call into libsodium (the only room that includes it). Nothing
 * here is of our own making; what ppn builds over it is HKDF (RFC 5869, which libsodium 1.0.18 lacks).
 *
 * ppn_random() and the key generators are the one place where lib/ touches the world (getrandom(2)
 * through libsodium); protocol modules never call them: randomness reaches those as an argument.
 */
#ifndef PPN_LIB_CRYPTO_H
#define PPN_LIB_CRYPTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <ppn/wire.h>

/* Call once before anything else. 0, or -EIO when libsodium cannot start. */
int ppn_crypto_init(void);

void ppn_random(void *buf, size_t len);
/* Overwrites memory that held a secret; not optimised away. */
void ppn_wipe(void *buf, size_t len);
/* Constant-time. */
bool ppn_equal(const void *a, const void *b, size_t len);
bool ppn_is_zero(const void *a, size_t len);

/* Text of keys and hashes: lower-case hex without separators. Buffer of 2 * len + 1. */
char *ppn_hex(char *ret_text, const void *bin, size_t len);
/* Exactly len bytes of hex. 0 or -EINVAL. */
int ppn_unhex(void *ret_bin, size_t len, const char *text);
/* RFC 4648 4, padded, constant-time. Encode: buffer of at least 4 * ((len + 2) / 3) + 1. Decode skips
 * white space; 0 or -EINVAL (bad symbol, or more than max bytes). */
void ppn_base64(char *ret_text, size_t size, const void *bin, size_t len);
int ppn_unbase64(void *ret_bin, size_t max, size_t *ret_len, const char *text, size_t text_len);

/* H of PROTOCOL: BLAKE2b-256, RFC 7693, no key. The state is libsodium's, opaque here. */
struct ppn_hash_state {
	_Alignas(64) uint8_t opaque[384];
};
void ppn_hash_start(struct ppn_hash_state *h);
void ppn_hash_add(struct ppn_hash_state *h, const void *data, size_t len);
void ppn_hash_end(struct ppn_hash_state *h, uint8_t ret_hash[static PPN_HASH_LEN]);
void ppn_hash(uint8_t ret_hash[static PPN_HASH_LEN], const void *data, size_t len);

/* Ed25519, RFC 8032. A secret is kept as its seed (32). */
void ppn_sign_public(uint8_t ret_key[static PPN_KEY_LEN], const uint8_t seed[static 32]);
void ppn_sign(uint8_t ret_sig[static PPN_SIG_LEN], const uint8_t seed[static 32], const void *data,
	      size_t len);
bool ppn_verify(const uint8_t sig[static PPN_SIG_LEN], const uint8_t key[static PPN_KEY_LEN],
		const void *data, size_t len);

/* X25519, RFC 7748. -EINVAL: the result is all zeroes (a point of small order). */
void ppn_dh_public(uint8_t ret_key[static PPN_KEY_LEN], const uint8_t secret[static 32]);
int ppn_dh(uint8_t ret_shared[static 32], const uint8_t secret[static 32],
	   const uint8_t key[static PPN_KEY_LEN]);

/* SHA-256, HMAC-SHA256 (RFC 2104), HKDF-SHA256 (RFC 5869). okm_len at most 255 * 32. */
void ppn_sha256(uint8_t ret_hash[static 32], const void *data, size_t len);
void ppn_sha256_2(uint8_t ret_hash[static 32], const void *a, size_t a_len, const void *b,
		  size_t b_len);
void ppn_hmac_sha256(uint8_t ret_mac[static 32], const void *key, size_t key_len, const void *data,
		     size_t len);
void ppn_hkdf_extract(uint8_t ret_prk[static 32], const void *salt, size_t salt_len,
		      const void *ikm, size_t ikm_len);
void ppn_hkdf_expand(void *ret_okm, size_t okm_len, const uint8_t prk[static 32], const void *info,
		     size_t info_len);

/* SipHash-2-4; the tag is the 64-bit result in little-endian bytes, as the paper prints it. */
void ppn_siphash(uint8_t ret_tag[static PPN_SIP_TAG_LEN], const uint8_t key[static PPN_SIP_KEY_LEN],
		 const void *data, size_t len);

/* ChaCha20-Poly1305, RFC 8439 2.8, nonce = 4 zero bytes | n little-endian (Noise 12.3). Out has len + 16,
 * and may overlap in. Open: 0 or -EBADMSG. */
void ppn_aead_seal(uint8_t *ret_out, const uint8_t key[static 32], uint64_t n, const void *ad,
		   size_t ad_len, const void *in, size_t len);
int ppn_aead_open(uint8_t *ret_out, const uint8_t key[static 32], uint64_t n, const void *ad,
		  size_t ad_len, const void *in, size_t in_len);

/* crypto_box_seal: to an X25519 key, from nobody. Out has len + PPN_SEAL_OVERHEAD. */
void ppn_box_seal(uint8_t *ret_out, const void *in, size_t len,
		  const uint8_t key[static PPN_KEY_LEN]);
int ppn_box_open(uint8_t *ret_out, const void *in, size_t in_len, const uint8_t secret[static 32]);

/* Secrets at rest: XSalsa20-Poly1305 (crypto_secretbox) with a random nonce before it.
 * Out has len + PPN_SECRET_OVERHEAD. Open: 0 or -EBADMSG. */
#define PPN_SECRET_OVERHEAD 40
void ppn_secret_seal(uint8_t *ret_out, const void *in, size_t len, const uint8_t key[static 32]);
int ppn_secret_open(uint8_t *ret_out, const void *in, size_t in_len, const uint8_t key[static 32]);

/* Argon2id 1.3 (RFC 9106) at libsodium's "moderate" cost unless PPN_KDF_FAST. -ENOMEM: no memory for it. */
#define PPN_KDF_SALT_LEN 16
enum ppn_kdf_cost {
	PPN_KDF_MODERATE = 0,
	PPN_KDF_FAST = 1 /* interactive; written in the key file */
};
int ppn_kdf_passphrase(uint8_t ret_key[static 32], const char *pass, size_t pass_len,
		       const uint8_t salt[static PPN_KDF_SALT_LEN], enum ppn_kdf_cost cost);

/* Node label: PPN_LABEL_LEN Crockford base 32 symbols of H(identity), as "xxxx-xxxx". Buffer of 10.
 * ppn_symbols: the first n symbols (at most 51), lower case, no dash. Buffer of n + 1. */
char *ppn_label(char ret_text[static 10], const uint8_t identity[static PPN_KEY_LEN]);
char *ppn_symbols(char *ret_text, size_t n, const uint8_t identity[static PPN_KEY_LEN]);

#endif
