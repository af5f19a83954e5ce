// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "lib/crypto.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

_Static_assert(sizeof(struct ppn_hash_state) >= sizeof(crypto_generichash_state), "hash state");
_Static_assert(PPN_SEAL_OVERHEAD == crypto_box_SEALBYTES, "sealed box");
_Static_assert(PPN_SECRET_OVERHEAD == crypto_secretbox_NONCEBYTES + crypto_secretbox_MACBYTES,
	       "secret box");
_Static_assert(PPN_KDF_SALT_LEN == crypto_pwhash_SALTBYTES, "Argon2id salt");

int ppn_crypto_init(void)
{
	return sodium_init() < 0 ? -EIO : 0;
}

void ppn_random(void *buf, size_t len)
{
	randombytes_buf(buf, len);
}

void ppn_wipe(void *buf, size_t len)
{
	sodium_memzero(buf, len);
}

bool ppn_equal(const void *a, const void *b, size_t len)
{
	return sodium_memcmp(a, b, len) == 0;
}

bool ppn_is_zero(const void *a, size_t len)
{
	return sodium_is_zero(a, len);
}

char *ppn_hex(char *ret_text, const void *bin, size_t len)
{
	return sodium_bin2hex(ret_text, 2 * len + 1, bin, len);
}

int ppn_unhex(void *ret_bin, size_t len, const char *text)
{
	size_t got;

	if (strlen(text) != 2 * len ||
	    sodium_hex2bin(ret_bin, len, text, 2 * len, NULL, &got, NULL) < 0 || got != len)
		return -EINVAL;
	return 0;
}

void ppn_base64(char *ret_text, size_t size, const void *bin, size_t len)
{
	sodium_bin2base64(ret_text, size, bin, len, sodium_base64_VARIANT_ORIGINAL);
}

int ppn_unbase64(void *ret_bin, size_t max, size_t *ret_len, const char *text, size_t text_len)
{
	const char *end;

	if (sodium_base642bin(ret_bin, max, text, text_len, " \t\r\n", ret_len, &end,
			      sodium_base64_VARIANT_ORIGINAL) < 0 ||
	    end != text + text_len)
		return -EINVAL;
	return 0;
}

void ppn_hash_start(struct ppn_hash_state *h)
{
	crypto_generichash_init((crypto_generichash_state *)h->opaque, NULL, 0, PPN_HASH_LEN);
}

void ppn_hash_add(struct ppn_hash_state *h, const void *data, size_t len)
{
	crypto_generichash_update((crypto_generichash_state *)h->opaque, data, len);
}

void ppn_hash_end(struct ppn_hash_state *h, uint8_t ret_hash[static PPN_HASH_LEN])
{
	crypto_generichash_final((crypto_generichash_state *)h->opaque, ret_hash, PPN_HASH_LEN);
}

void ppn_hash(uint8_t ret_hash[static PPN_HASH_LEN], const void *data, size_t len)
{
	crypto_generichash(ret_hash, PPN_HASH_LEN, data, len, NULL, 0);
}

void ppn_sign_public(uint8_t ret_key[static PPN_KEY_LEN], const uint8_t seed[static 32])
{
	uint8_t secret[crypto_sign_SECRETKEYBYTES];

	crypto_sign_seed_keypair(ret_key, secret, seed);
	ppn_wipe(secret, sizeof(secret));
}

void ppn_sign(uint8_t ret_sig[static PPN_SIG_LEN], const uint8_t seed[static 32], const void *data,
	      size_t len)
{
	uint8_t key[PPN_KEY_LEN], secret[crypto_sign_SECRETKEYBYTES];

	crypto_sign_seed_keypair(key, secret, seed);
	crypto_sign_detached(ret_sig, NULL, data, len, secret);
	ppn_wipe(secret, sizeof(secret));
}

bool ppn_verify(const uint8_t sig[static PPN_SIG_LEN], const uint8_t key[static PPN_KEY_LEN],
		const void *data, size_t len)
{
	return crypto_sign_verify_detached(sig, data, len, key) == 0;
}

void ppn_dh_public(uint8_t ret_key[static PPN_KEY_LEN], const uint8_t secret[static 32])
{
	crypto_scalarmult_base(ret_key, secret);
}

int ppn_dh(uint8_t ret_shared[static 32], const uint8_t secret[static 32],
	   const uint8_t key[static PPN_KEY_LEN])
{
	/* libsodium refuses the all-zero result itself */
	return crypto_scalarmult(ret_shared, secret, key) < 0 ? -EINVAL : 0;
}

void ppn_sha256(uint8_t ret_hash[static 32], const void *data, size_t len)
{
	crypto_hash_sha256(ret_hash, data, len);
}

void ppn_sha256_2(uint8_t ret_hash[static 32], const void *a, size_t a_len, const void *b,
		  size_t b_len)
{
	crypto_hash_sha256_state st;

	crypto_hash_sha256_init(&st);
	crypto_hash_sha256_update(&st, a, a_len);
	crypto_hash_sha256_update(&st, b, b_len);
	crypto_hash_sha256_final(&st, ret_hash);
}

void ppn_hmac_sha256(uint8_t ret_mac[static 32], const void *key, size_t key_len, const void *data,
		     size_t len)
{
	crypto_auth_hmacsha256_state st;

	crypto_auth_hmacsha256_init(&st, key, key_len);
	crypto_auth_hmacsha256_update(&st, data, len);
	crypto_auth_hmacsha256_final(&st, ret_mac);
	ppn_wipe(&st, sizeof(st));
}

void ppn_hkdf_extract(uint8_t ret_prk[static 32], const void *salt, size_t salt_len,
		      const void *ikm, size_t ikm_len)
{
	ppn_hmac_sha256(ret_prk, salt, salt_len, ikm, ikm_len);
}

void ppn_hkdf_expand(void *ret_okm, size_t okm_len, const uint8_t prk[static 32], const void *info,
		     size_t info_len)
{
	crypto_auth_hmacsha256_state st;
	uint8_t t[32], *out = ret_okm;
	uint8_t counter = 1;

	for (size_t done = 0; done < okm_len; counter++) {
		size_t take = okm_len - done < sizeof(t) ? okm_len - done : sizeof(t);

		crypto_auth_hmacsha256_init(&st, prk, 32);
		if (counter > 1)
			crypto_auth_hmacsha256_update(&st, t, sizeof(t));
		crypto_auth_hmacsha256_update(&st, info, info_len);
		crypto_auth_hmacsha256_update(&st, &counter, 1);
		crypto_auth_hmacsha256_final(&st, t);
		memcpy(out + done, t, take);
		done += take;
	}
	ppn_wipe(t, sizeof(t));
	ppn_wipe(&st, sizeof(st));
}

void ppn_siphash(uint8_t ret_tag[static PPN_SIP_TAG_LEN], const uint8_t key[static PPN_SIP_KEY_LEN],
		 const void *data, size_t len)
{
	crypto_shorthash(ret_tag, data, len, key);
}

static void noise_nonce(uint8_t ret_nonce[static 12], uint64_t n)
{
	memset(ret_nonce, 0, 4);
	for (int i = 0; i < 8; i++)
		ret_nonce[4 + i] = (uint8_t)(n >> (8 * i));
}

void ppn_aead_seal(uint8_t *ret_out, const uint8_t key[static 32], uint64_t n, const void *ad,
		   size_t ad_len, const void *in, size_t len)
{
	uint8_t nonce[12];

	noise_nonce(nonce, n);
	crypto_aead_chacha20poly1305_ietf_encrypt(ret_out, NULL, in, len, ad, ad_len, NULL, nonce,
						  key);
}

int ppn_aead_open(uint8_t *ret_out, const uint8_t key[static 32], uint64_t n, const void *ad,
		  size_t ad_len, const void *in, size_t in_len)
{
	uint8_t nonce[12];

	noise_nonce(nonce, n);
	if (crypto_aead_chacha20poly1305_ietf_decrypt(ret_out, NULL, NULL, in, in_len, ad, ad_len,
						      nonce, key) < 0)
		return -EBADMSG;
	return 0;
}

void ppn_box_seal(uint8_t *ret_out, const void *in, size_t len,
		  const uint8_t key[static PPN_KEY_LEN])
{
	crypto_box_seal(ret_out, in, len, key);
}

int ppn_box_open(uint8_t *ret_out, const void *in, size_t in_len, const uint8_t secret[static 32])
{
	uint8_t key[PPN_KEY_LEN];

	crypto_scalarmult_base(key, secret);
	return crypto_box_seal_open(ret_out, in, in_len, key, secret) < 0 ? -EBADMSG : 0;
}

void ppn_secret_seal(uint8_t *ret_out, const void *in, size_t len, const uint8_t key[static 32])
{
	randombytes_buf(ret_out, crypto_secretbox_NONCEBYTES);
	crypto_secretbox_easy(ret_out + crypto_secretbox_NONCEBYTES, in, len, ret_out, key);
}

int ppn_secret_open(uint8_t *ret_out, const void *in, size_t in_len, const uint8_t key[static 32])
{
	const uint8_t *box = in;

	if (in_len < PPN_SECRET_OVERHEAD ||
	    crypto_secretbox_open_easy(ret_out, box + crypto_secretbox_NONCEBYTES,
				       in_len - crypto_secretbox_NONCEBYTES, box, key) < 0)
		return -EBADMSG;
	return 0;
}

int ppn_kdf_passphrase(uint8_t ret_key[static 32], const char *pass, size_t pass_len,
		       const uint8_t salt[static PPN_KDF_SALT_LEN], enum ppn_kdf_cost cost)
{
	bool fast = cost == PPN_KDF_FAST;

	if (crypto_pwhash(
		    ret_key, 32, pass, pass_len, salt,
		    fast ? crypto_pwhash_OPSLIMIT_INTERACTIVE : crypto_pwhash_OPSLIMIT_MODERATE,
		    fast ? crypto_pwhash_MEMLIMIT_INTERACTIVE : crypto_pwhash_MEMLIMIT_MODERATE,
		    crypto_pwhash_ALG_ARGON2ID13) < 0)
		return -ENOMEM;
	return 0;
}

char *ppn_symbols(char *ret_text, size_t n, const uint8_t identity[static PPN_KEY_LEN])
{
	static const char crockford[] = "0123456789abcdefghjkmnpqrstvwxyz";
	uint8_t hash[PPN_HASH_LEN];

	ppn_hash(hash, identity, PPN_KEY_LEN);
	for (size_t i = 0; i < n; i++) {
		size_t bit = 5 * i;
		unsigned int pair = hash[bit / 8] << 8;

		if (bit / 8 + 1 < sizeof(hash))
			pair |= hash[bit / 8 + 1];
		ret_text[i] = crockford[(pair >> (11 - bit % 8)) & 31];
	}
	ret_text[n] = '\0';
	return ret_text;
}

char *ppn_label(char ret_text[static 10], const uint8_t identity[static PPN_KEY_LEN])
{
	ppn_symbols(ret_text, PPN_LABEL_LEN, identity);
	memmove(ret_text + 5, ret_text + 4, 5);
	ret_text[4] = '-';
	return ret_text;
}
