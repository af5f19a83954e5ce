/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A fleet made of nothing but names, the same at every run: keys are the hash of who has them. For the
 * unit tests of objects, the fuzz targets and make-seeds.
 */
#ifndef PPN_TEST_FLEET_H
#define PPN_TEST_FLEET_H

#include <assert.h>
#include <endian.h>
#include <stdlib.h>
#include <string.h>
#include "lib/crypto.h"
#include "lib/wire.h"

#define NOW 1800000000ull /* 2027-01-15 */
#define YEAR (365ull * 24 * 3600)

/* An array or a struct, not a pointer to one. */
#define BYTES(thing) ((struct ppn_bytes){ (const uint8_t *)&(thing), sizeof(thing) })

/* The seed (Ed25519) or secret (X25519) of somebody. */
static inline void secret_of(uint8_t ret_secret[static 32], const char *who)
{
	ppn_hash(ret_secret, who, strlen(who));
}

static inline void sign_key_of(uint8_t ret_key[static PPN_KEY_LEN], const char *who)
{
	uint8_t seed[32];

	secret_of(seed, who);
	ppn_sign_public(ret_key, seed);
}

static inline void dh_key_of(uint8_t ret_key[static PPN_KEY_LEN], const char *who)
{
	uint8_t secret[32];

	secret_of(secret, who);
	ppn_dh_public(ret_key, secret);
}

/* Root keys are letters. */
static inline void root_seed(uint8_t ret_seed[static 32], char letter)
{
	secret_of(ret_seed, (char[]){ 'r', 'o', 'o', 't', ' ', letter, '\0' });
}

static inline void root_key_id(uint8_t ret_id[static PPN_KEY_ID_LEN], char letter)
{
	uint8_t seed[32], key[PPN_KEY_LEN];

	root_seed(seed, letter);
	ppn_sign_public(key, seed);
	ppn_key_id(ret_id, key);
}

/* keys "abc" in quarters 0, 1, 2, or in those of `quarters` ("013"). fleet: NULL for generation 0. */
static inline struct ppn_root root_of(uint32_t generation, const char *keys, const char *quarters,
				      const uint8_t *fleet)
{
	struct ppn_root root = { .generation = generation, .issued = NOW - YEAR + generation };
	uint8_t seed[32];

	for (; *keys; keys++, root.n++) {
		root.entry[root.n].quarter = quarters ? (uint8_t)(quarters[root.n] - '0') : root.n;
		root_seed(seed, *keys);
		ppn_sign_public(root.entry[root.n].key, seed);
	}
	memset(root.gate_key, 0x67, sizeof(root.gate_key));
	if (fleet)
		memcpy(root.fleet, fleet, PPN_HASH_LEN);
	return root;
}

/* The whole document, signed by these letters. */
static inline size_t root_make(uint8_t ret_object[static PPN_ROOT_MAX], struct ppn_root *root,
			       const char *signers)
{
	uint8_t body[PPN_ROOT_MAX], seeds[PPN_ROOT_SIGS_MAX][32];
	ssize_t len = ppn_root_write(body, sizeof(body), root);
	size_t n = 0;

	assert(len > 0);
	for (; *signers; signers++)
		root_seed(seeds[n++], *signers);
	len = ppn_root_sign(ret_object, PPN_ROOT_MAX, (struct ppn_bytes){ body, (size_t)len },
			    root->fleet, (const uint8_t(*)[32])seeds, n);
	assert(len > 0);
	return (size_t)len;
}

/* An empty list by root `letter`, to be changed before list_make(). */
static inline struct ppn_crl list_of(const struct ppn_root *root, char letter, uint32_t number)
{
	struct ppn_crl crl = { .generation = root->generation,
			       .number = number,
			       .issued = NOW - 100 };

	memcpy(crl.fleet, root->fleet, PPN_HASH_LEN);
	root_key_id(crl.signer, letter);
	return crl;
}

static inline size_t list_make(uint8_t ret_object[static PPN_CRL_MAX], const struct ppn_crl *crl,
			       char letter)
{
	uint8_t seed[32];
	ssize_t len = ppn_crl_write(ret_object, PPN_CRL_MAX, crl);

	assert(len > 0);
	root_seed(seed, letter);
	len = ppn_object_finish(ret_object, PPN_CRL_MAX,
				(struct ppn_bytes){ ret_object, (size_t)len }, crl->fleet, seed);
	assert(len > 0);
	return (size_t)len;
}

/* Certificate of `who` by root `letter`, all rights, numbers 100..1099 of the first quarter. */
static inline struct ppn_cert cert_of(const char *who, char letter, uint64_t counter)
{
	struct ppn_cert cert = { .not_before = NOW - 1000,
				 .not_after = NOW + YEAR,
				 .rights = PPN_RIGHTS_ALL,
				 .first_number = 100,
				 .number_count = 1000,
				 .name = "admin" };
	uint64_t wire = htobe64(counter);

	root_key_id(cert.serial, letter);
	memcpy(cert.serial + PPN_KEY_ID_LEN, &wire, sizeof(wire));
	sign_key_of(cert.sign_key, who);
	dh_key_of(cert.noise_key, who);
	dh_key_of(cert.box_key, "box");
	return cert;
}

static inline size_t cert_make(uint8_t ret_object[static PPN_CERT_LEN], const struct ppn_cert *cert,
			       const uint8_t *fleet, char letter)
{
	uint8_t seed[32];
	ssize_t len = ppn_cert_write(ret_object, PPN_CERT_LEN, cert);

	assert(len > 0);
	root_seed(seed, letter);
	len = ppn_object_finish(ret_object, PPN_CERT_LEN,
				(struct ppn_bytes){ ret_object, (size_t)len }, fleet, seed);
	assert(len > 0);
	return (size_t)len;
}

/* Three roots of generation 0, an empty list, a seat: where most tests begin. */
struct fleet {
	struct ppn_root root;
	uint8_t chain[PPN_ROOT_MAX], list[PPN_CRL_MAX], cert[PPN_CERT_LEN];
	size_t chain_len, list_len, cert_len;
	struct ppn_cert seat_cert;
	uint8_t seat_seed[32];
	struct ppn_trust trust;
};

static inline void fleet_make(struct fleet *f)
{
	struct ppn_crl crl;
	enum ppn_check check;

	memset(f, 0, sizeof(*f));
	f->root = root_of(0, "abc", NULL, NULL);
	f->chain_len = root_make(f->chain, &f->root, "ab");
	crl = list_of(&f->root, 'a', 1);
	f->list_len = list_make(f->list, &crl, 'a');
	f->seat_cert = cert_of("seat", 'a', 7);
	f->cert_len = cert_make(f->cert, &f->seat_cert, f->root.fleet, 'a');
	secret_of(f->seat_seed, "seat");
	check = ppn_trust_chain(&f->trust, (struct ppn_bytes){ f->chain, f->chain_len }, 1, NULL,
				NULL);
	assert(check == PPN_CHECK_OK);
	check = ppn_trust_lists(&f->trust, (struct ppn_bytes){ f->list, f->list_len }, 1, NULL);
	assert(check == PPN_CHECK_OK);
}

static inline struct ppn_bytes fleet_cert(const struct fleet *f)
{
	return (struct ppn_bytes){ f->cert, f->cert_len };
}

#endif
