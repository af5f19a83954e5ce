// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* lib/crypto: each primitive against the vectors of the document that defines it. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <jansson.h>
#include "lib/crypto.h"

#define N(array) (sizeof(array) / sizeof((array)[0]))

/* Hex of a vector; returns its length. */
static size_t bin(uint8_t *ret, const char *hex)
{
	size_t len = strlen(hex) / 2;

	assert_int_equal(ppn_unhex(ret, len, hex), 0);
	return len;
}

static void same(const void *got, const char *hex)
{
	uint8_t expected[512];

	assert_memory_equal(got, expected, bin(expected, hex));
}

static void blake2b(void **state) /* RFC 7693, at 32 bytes */
{
	struct ppn_hash_state h;
	uint8_t hash[PPN_HASH_LEN];

	(void)state;
	ppn_hash(hash, "", 0);
	same(hash, "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8");
	ppn_hash(hash, "abc", 3);
	same(hash, "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319");
	ppn_hash_start(&h);
	ppn_hash_add(&h, "a", 1);
	ppn_hash_add(&h, "", 0);
	ppn_hash_add(&h, "bc", 2);
	ppn_hash_end(&h, hash);
	same(hash, "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319");
}

static void sha256(void **state) /* FIPS 180-4 */
{
	uint8_t hash[32];

	(void)state;
	ppn_sha256(hash, "abc", 3);
	same(hash, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	ppn_sha256_2(hash, "a", 1, "bc", 2);
	same(hash, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

static void hmac(void **state) /* RFC 4231, cases 1, 2, 3, 6 */
{
	uint8_t key[131], data[50], mac[32];

	(void)state;
	memset(key, 0x0b, 20);
	ppn_hmac_sha256(mac, key, 20, "Hi There", 8);
	same(mac, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
	ppn_hmac_sha256(mac, "Jefe", 4, "what do ya want for nothing?", 28);
	same(mac, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
	memset(key, 0xaa, sizeof(key));
	memset(data, 0xdd, sizeof(data));
	ppn_hmac_sha256(mac, key, 20, data, sizeof(data));
	same(mac, "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
	ppn_hmac_sha256(mac, key, 131, "Test Using Larger Than Block-Size Key - Hash Key First",
			54);
	same(mac, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

static void hkdf(void **state) /* RFC 5869, A.1 to A.3 */
{
	uint8_t ikm[80], salt[80], info[80], prk[32], okm[82];

	(void)state;
	memset(ikm, 0x0b, 22);
	for (uint8_t i = 0; i < 13; i++)
		salt[i] = i;
	for (uint8_t i = 0; i < 10; i++)
		info[i] = (uint8_t)(0xf0 + i);
	ppn_hkdf_extract(prk, salt, 13, ikm, 22);
	same(prk, "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5");
	ppn_hkdf_expand(okm, 42, prk, info, 10);
	same(okm,
	     "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
	ppn_hkdf_extract(prk, "", 0, ikm, 22);
	same(prk, "19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04");
	ppn_hkdf_expand(okm, 42, prk, "", 0);
	same(okm,
	     "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8");
	for (uint8_t i = 0; i < 80; i++) {
		ikm[i] = i;
		salt[i] = (uint8_t)(0x60 + i);
		info[i] = (uint8_t)(0xb0 + i);
	}
	ppn_hkdf_extract(prk, salt, 80, ikm, 80);
	same(prk, "06a6b88c5853361a06104c9ceb35b45cef760014904671014a193f40c15fc244");
	ppn_hkdf_expand(okm, 82, prk, info, 80);
	same(okm,
	     "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09"
	     "da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87");
}

static void aead(void **state) /* RFC 8439, A.5: its nonce is 4 zero bytes and a number */
{
	static const char hex[] = "64a0861575861af460f062c79be643bd5e805cfd345cf389f108670ac76c8cb2"
				  "4c6cfc18755d43eea09ee94e382d26b0bdb7b73c321b0100d4f03b7f355894cf"
				  "332f830e710b97ce98c8a84abd0b948114ad176e008d33bd60f982b1ff37c855"
				  "9797a06ef4f0ef61c186324e2b3506383606907b6a7c02b0f9f6157b53c867e4"
				  "b9166c767b804d46a59b5216cde7a4e99040c5a40433225ee282a1b0a06c523e"
				  "af4534d7f83fa1155b0047718cbc546a0d072b04b3564eea1b422273f548271a"
				  "0bb2316053fa76991955ebd63159434ecebb4e466dae5a1073a6727627097a10"
				  "49e617d91d361094fa68f0ff77987130305beaba2eda04df997b714d6c6f2c29"
				  "a6ad5cb4022b02709beead9d67890cbb22392336fea1851f38";
	uint8_t key[32], ad[12], sealed[281], out[281];
	const uint64_t n = 0x0807060504030201;

	(void)state;
	bin(key, "1c9240a5eb55d38af333888604f6b5f0473917c1402b80099dca5cbc207075c0");
	bin(ad, "f33388860000000000004e91");
	assert_int_equal(bin(sealed, hex), sizeof(sealed));
	assert_int_equal(ppn_aead_open(out, key, n, ad, sizeof(ad), sealed, sizeof(sealed)), 0);
	assert_memory_equal(out, "Internet-Drafts are draft documents", 35);
	ppn_aead_seal(out, key, n, ad, sizeof(ad), out, 265);
	assert_memory_equal(out, sealed, sizeof(sealed));
	for (size_t i = 0; i < sizeof(sealed); i++) {
		sealed[i] ^= 0x40;
		assert_int_equal(ppn_aead_open(out, key, n, ad, 12, sealed, sizeof(sealed)),
				 -EBADMSG);
		sealed[i] ^= 0x40;
	}
	assert_int_equal(ppn_aead_open(out, key, n + 1, ad, 12, sealed, sizeof(sealed)), -EBADMSG);
	assert_int_equal(ppn_aead_open(out, key, n, ad, 11, sealed, sizeof(sealed)), -EBADMSG);
	assert_int_equal(ppn_aead_open(out, key, n, ad, 12, sealed, 15), -EBADMSG);
}

static void x25519(void **state) /* RFC 7748, 5.2 */
{
	uint8_t k[32], u[32], shared[32];

	(void)state;
	bin(k, "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4");
	bin(u, "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c");
	assert_int_equal(ppn_dh(shared, k, u), 0);
	same(shared, "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552");
	memset(k, 0, sizeof(k));
	k[0] = 9;
	memcpy(u, k, sizeof(u));
	for (int i = 0; i < 1000; i++) {
		assert_int_equal(ppn_dh(shared, k, u), 0);
		memcpy(u, k, sizeof(u));
		memcpy(k, shared, sizeof(k));
		if (i == 0)
			same(k, "422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079");
	}
	same(k, "684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51");
	memset(u, 0, sizeof(u));
	u[0] = 9;
	ppn_dh_public(shared, k);
	assert_int_equal(ppn_dh(k, k, u), 0);
	assert_memory_equal(k, shared, sizeof(k));
}

/* Points of small order: the result would be all zeroes. */
static void x25519_refuses(void **state)
{
	static const char *const points[] = {
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
		"5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	};
	uint8_t secret[32] = { 1, 2, 3 }, u[32], shared[32];

	(void)state;
	for (size_t i = 0; i < N(points); i++) {
		bin(u, points[i]);
		if (ppn_dh(shared, secret, u) != -EINVAL)
			fail_msg("%s", points[i]);
	}
}

static void ed25519(void **state) /* RFC 8032, 7.1, tests 1 and 2 */
{
	static const struct {
		const char *seed, *key, *message, *sig;
	} rows[] = {
		{ "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
		  "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
		  "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b"
		  "d25bf5f0595bbe24655141438e7a100b" },
		{ "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
		  "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
		  "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c"
		  "387b2eaeb4302aeeb00d291612bb0c00" },
	};
	uint8_t seed[32], key[PPN_KEY_LEN], message[4], sig[PPN_SIG_LEN];

	(void)state;
	for (size_t i = 0; i < N(rows); i++) {
		size_t len = bin(message, rows[i].message);

		bin(seed, rows[i].seed);
		ppn_sign_public(key, seed);
		same(key, rows[i].key);
		ppn_sign(sig, seed, message, len);
		same(sig, rows[i].sig);
		assert_true(ppn_verify(sig, key, message, len));
		sig[5] ^= 1;
		assert_false(ppn_verify(sig, key, message, len));
		sig[5] ^= 1;
		key[5] ^= 1;
		assert_false(ppn_verify(sig, key, message, len));
		key[5] ^= 1;
		assert_false(ppn_verify(sig, key, "other", 5));
	}
}

static void siphash(void **state)
{
	json_t *root = json_load_file(PPN_VECTORS "/siphash24.json", 0, NULL), *tag;
	uint8_t key[PPN_SIP_KEY_LEN], message[64], got[PPN_SIP_TAG_LEN];
	const char *length;
	size_t n = 0;

	(void)state;
	bin(key, json_string_value(json_object_get(root, "key")));
	for (size_t i = 0; i < sizeof(message); i++)
		message[i] = (uint8_t)i;
	json_object_foreach(json_object_get(root, "tag_by_length"), length, tag) {
		ppn_siphash(got, key, message, strtoul(length, NULL, 10));
		same(got, json_string_value(tag));
		n++;
	}
	assert_int_equal(n, 8);
	json_decref(root);
}

static void boxes(void **state)
{
	uint8_t secret[32] = { 8 }, other[32] = { 16 }, key[PPN_KEY_LEN],
		box[5 + PPN_SEAL_OVERHEAD], out[5];
	uint8_t safe[5 + PPN_SECRET_OVERHEAD];

	(void)state;
	ppn_dh_public(key, secret);
	ppn_box_seal(box, "hello", 5, key);
	assert_int_equal(ppn_box_open(out, box, sizeof(box), secret), 0);
	assert_memory_equal(out, "hello", 5);
	assert_int_equal(ppn_box_open(out, box, sizeof(box), other), -EBADMSG);
	assert_int_equal(ppn_box_open(out, box, sizeof(box) - 1, secret), -EBADMSG);
	assert_int_equal(ppn_box_open(out, box, PPN_SEAL_OVERHEAD - 1, secret), -EBADMSG);
	ppn_secret_seal(safe, "hello", 5, secret);
	assert_int_equal(ppn_secret_open(out, safe, sizeof(safe), secret), 0);
	assert_memory_equal(out, "hello", 5);
	assert_int_equal(ppn_secret_open(out, safe, sizeof(safe), other), -EBADMSG);
	assert_int_equal(ppn_secret_open(out, safe, PPN_SECRET_OVERHEAD - 1, secret), -EBADMSG);
	safe[0] ^= 1;
	assert_int_equal(ppn_secret_open(out, safe, sizeof(safe), secret), -EBADMSG);
}

static void passphrase(void **state)
{
	uint8_t salt[PPN_KDF_SALT_LEN] = { 1 }, a[32], b[32];

	(void)state;
	assert_int_equal(ppn_kdf_passphrase(a, "word", 4, salt, PPN_KDF_FAST), 0);
	assert_int_equal(ppn_kdf_passphrase(b, "word", 4, salt, PPN_KDF_FAST), 0);
	assert_memory_equal(a, b, sizeof(a));
	salt[0] = 2;
	assert_int_equal(ppn_kdf_passphrase(b, "word", 4, salt, PPN_KDF_FAST), 0);
	assert_memory_not_equal(a, b, sizeof(a));
}

static void hex_text(void **state)
{
	static const char *const bad[] = { "", "0", "000", "00000", "0g11", "00 1", "001", "0011 " };
	uint8_t two[2] = { 9, 9 };
	char text[5];

	(void)state;
	assert_string_equal(ppn_hex(text, "\x0a\xff", 2), "0aff");
	assert_int_equal(ppn_unhex(two, 2, "0AfF"), 0);
	assert_memory_equal(two, "\x0a\xff", 2);
	for (size_t i = 0; i < N(bad); i++)
		assert_int_equal(ppn_unhex(two, 2, bad[i]), -EINVAL);
}

static void base64_text(void **state) /* RFC 4648, 10 */
{
	static const char *const rows[][2] = {
		{ "", "" },
		{ "f", "Zg==" },
		{ "fo", "Zm8=" },
		{ "foo", "Zm9v" },
		{ "foob", "Zm9vYg==" },
		{ "fooba", "Zm9vYmE=" },
		{ "foobar", "Zm9vYmFy" },
	};
	static const char *const bad[] = { "Z",	   "Zg",    "Zg=",   "Zg==Zg==",
					   "Z-==", "Zm9v!", "Zg===", "=" };
	uint8_t out[8];
	char text[16];
	size_t len;

	(void)state;
	for (size_t i = 0; i < N(rows); i++) {
		ppn_base64(text, sizeof(text), rows[i][0], strlen(rows[i][0]));
		assert_string_equal(text, rows[i][1]);
		assert_int_equal(ppn_unbase64(out, sizeof(out), &len, text, strlen(text)), 0);
		assert_int_equal(len, strlen(rows[i][0]));
		assert_memory_equal(out, rows[i][0], len);
	}
	for (size_t i = 0; i < N(bad); i++)
		if (ppn_unbase64(out, sizeof(out), &len, bad[i], strlen(bad[i])) != -EINVAL)
			fail_msg("%s", bad[i]);
	assert_int_equal(ppn_unbase64(out, 2, &len, "Zm9v", 4), -EINVAL);
	assert_int_equal(ppn_unbase64(out, sizeof(out), &len, "Zm\n9v\n", 6), 0);
	assert_int_equal(len, 3);
}

static void labels(void **state)
{
	uint8_t identity[PPN_KEY_LEN];
	char text[52];

	(void)state;
	for (size_t i = 0; i < sizeof(identity); i++)
		identity[i] = (uint8_t)i;
	assert_string_equal(ppn_symbols(text, 51, identity),
			    "scqn2r7w3xz0b9ayyjek82t8v8q5my09kn9kjcthsnbsvn150fb");
	assert_string_equal(ppn_symbols(text, 0, identity), "");
	assert_string_equal(ppn_label(text, identity), "scqn-2r7w");
}

static void comparing(void **state)
{
	uint8_t secret[32] = { 1 };

	(void)state;
	assert_true(ppn_equal("same", "same", 4));
	assert_false(ppn_equal("same", "samf", 4));
	assert_true(ppn_equal("a", "b", 0));
	assert_false(ppn_is_zero(secret, sizeof(secret)));
	ppn_wipe(secret, sizeof(secret));
	assert_true(ppn_is_zero(secret, sizeof(secret)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(blake2b),	  cmocka_unit_test(sha256),
		cmocka_unit_test(hmac),		  cmocka_unit_test(hkdf),
		cmocka_unit_test(aead),		  cmocka_unit_test(x25519),
		cmocka_unit_test(x25519_refuses), cmocka_unit_test(ed25519),
		cmocka_unit_test(siphash),	  cmocka_unit_test(boxes),
		cmocka_unit_test(passphrase),	  cmocka_unit_test(hex_text),
		cmocka_unit_test(base64_text),	  cmocka_unit_test(labels),
		cmocka_unit_test(comparing),
	};

	if (ppn_crypto_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
