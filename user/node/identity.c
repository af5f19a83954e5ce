// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "node/identity.h"

#include <errno.h>
#include <string.h>

#include "host/file.h"
#include "lib/crypto.h"

static const char magic[16] = "ppn-identity-1\n";

struct identity_file {
	char magic[16];
	uint8_t sign_seed[32], noise_secret[32], wg_secret[32];
	uint8_t digest[PPN_HASH_LEN]; /* H of what is above */
};
PPN_SIZE(struct identity_file, 144);

static void derive(struct ppnd_identity *identity)
{
	ppn_sign_public(identity->key, identity->sign_seed);
	ppn_dh_public(identity->noise_key, identity->noise_secret);
	ppn_dh_public(identity->wg_key, identity->wg_secret);
	ppn_label(identity->label, identity->key);
	ppn_hash(identity->fleet_alone, identity->key, sizeof(identity->key));
}

void ppnd_identity_make(struct ppnd_identity *ret_identity)
{
	ppn_random(ret_identity->sign_seed, sizeof(ret_identity->sign_seed));
	ppn_random(ret_identity->noise_secret, sizeof(ret_identity->noise_secret));
	ppn_random(ret_identity->wg_secret, sizeof(ret_identity->wg_secret));
	derive(ret_identity);
}

void ppnd_identity_wipe(struct ppnd_identity *identity)
{
	ppn_wipe(identity, sizeof(*identity));
}

int ppnd_identity_read(struct ppnd_identity *ret_identity, int dir, const char *name)
{
	struct identity_file file;
	uint8_t digest[PPN_HASH_LEN];
	int err = ppn_file_read_exact(dir, name, 1, &file, sizeof(file));

	if (err)
		return err;
	ppn_hash(digest, &file, offsetof(struct identity_file, digest));
	if (memcmp(file.magic, magic, sizeof(magic)) != 0 ||
	    !ppn_equal(digest, file.digest, sizeof(digest))) {
		err = -EBADMSG;
	} else {
		memcpy(ret_identity->sign_seed, file.sign_seed, sizeof(file.sign_seed));
		memcpy(ret_identity->noise_secret, file.noise_secret, sizeof(file.noise_secret));
		memcpy(ret_identity->wg_secret, file.wg_secret, sizeof(file.wg_secret));
		derive(ret_identity);
	}
	ppn_wipe(&file, sizeof(file));
	return err;
}

int ppnd_identity_write(const struct ppnd_identity *identity, int dir, const char *name)
{
	struct identity_file file = { 0 };
	int err;

	memcpy(file.magic, magic, sizeof(magic));
	memcpy(file.sign_seed, identity->sign_seed, sizeof(file.sign_seed));
	memcpy(file.noise_secret, identity->noise_secret, sizeof(file.noise_secret));
	memcpy(file.wg_secret, identity->wg_secret, sizeof(file.wg_secret));
	ppn_hash(file.digest, &file, offsetof(struct identity_file, digest));
	err = ppn_file_write(dir, name, 0600, &file, sizeof(file));
	ppn_wipe(&file, sizeof(file));
	return err;
}
