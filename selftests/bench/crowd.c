// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Members by the dozen: writes COUNT claimed nodes that nobody runs into the state folder of a seat whose
 * service is stopped, as claims would have. Its next roster names them all.
 *
 *	crowd STATE PASSPHRASE-FILE COUNT
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "admin/keys.c"
#include "admin/options.c"
#include "admin/store.c"

#define COUNT_MAX 10000

/* An address of 10.10.0.0/16 that nobody has, as an IPv4-mapped one. */
static void endpoint_of(uint8_t ret_addr[static 16], unsigned int i)
{
	memset(ret_addr, 0, 10);
	memset(ret_addr + 10, 0xff, 2);
	ret_addr[12] = ret_addr[13] = 10;
	ret_addr[14] = (uint8_t)(i / 250);
	ret_addr[15] = (uint8_t)(i % 250 + 1);
}

static int add_member(struct ppn_store *store, unsigned int i)
{
	struct ppn_pair pair = { .posture = PPN_POSTURE_ONPREM, .claimed_ms = 1 };
	uint8_t seed[32];

	ppn_random(seed, sizeof(seed));
	ppn_sign_public(pair.identity, seed);
	ppn_random(seed, sizeof(seed));
	ppn_dh_public(pair.wg_key, seed);
	ppn_random(pair.claim, sizeof(pair.claim));
	ppn_random(&pair.keys, sizeof(pair.keys));
	endpoint_of(pair.endpoint, i);
	pair.number = ppn_store_number(store, NULL, 0);
	return pair.number ? ppn_store_pair_put(store, &pair) : -ERANGE;
}

int main(int argc, char **argv)
{
	char passphrase[PPN_PASSPHRASE_MAX], words[PPN_STORE_WHY] = "";
	struct ppn_store store;
	unsigned long count;
	int err;

	if (argc != 4 || ppn_crypto_init() || ppn_number(argv[3], 1, COUNT_MAX, &count)) {
		fputs("usage: crowd STATE PASSPHRASE-FILE COUNT\n", stderr);
		return 2;
	}
	err = ppn_store_open(&store, argv[1], words);
	if (err == 0)
		err = ppn_passphrase(passphrase, argv[2], 0);
	if (err == 0)
		err = ppn_store_unlock(&store, passphrase, words);
	for (unsigned int i = 0; err == 0 && i < count; i++)
		err = add_member(&store, i);
	if (err < 0)
		fprintf(stderr, "crowd: %s %s\n", strerror(-err), words);
	else
		ppn_store_close(&store);
	return err < 0;
}
