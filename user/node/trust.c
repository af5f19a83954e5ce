// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "node/trust.h"

#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/cleanup.h"
#include "host/file.h"
#include "lib/crypto.h"

static const char magic[16] = "ppn-trust-1\n";

struct trust_file { /* then chain, lists */
	char magic[16];
	__be64 floor;
	__be32 chain_len, lists_len;
	__u8 n_chain, n_lists, zero[6];
};
PPN_SIZE(struct trust_file, 40);

enum {
	TRUST_FILE_MAX = sizeof(struct trust_file) + PPN_CHAIN_MAX * PPN_ROOT_MAX +
			 PPN_CRL_SET_MAX * PPN_CRL_MAX,
};

/* Read bytes = chain | lists into a trust that owns them. Steals bytes when it succeeds. */
static enum ppn_check build(struct ppnd_trust *ret_trust, uint8_t *bytes, size_t chain_len,
			    size_t n_chain, size_t lists_len, size_t n_lists, const uint8_t *pin)
{
	struct ppn_bytes chain = { bytes, chain_len }, lists = { bytes + chain_len, lists_len };
	struct ppn_trust trust;
	enum ppn_check check = ppn_trust_chain(&trust, chain, n_chain, pin, NULL);

	if (check == PPN_CHECK_OK && n_lists)
		check = ppn_trust_lists(&trust, lists, n_lists, NULL);
	if (check != PPN_CHECK_OK)
		return check;
	trust.lists = lists;
	ppn_trust_base(&trust, PPN_BUILD_TIME);
	ret_trust->now = trust;
	ret_trust->bytes = bytes;
	return PPN_CHECK_OK;
}

enum ppn_check ppnd_trust_start(struct ppnd_trust *ret_trust, struct ppn_bytes chain, size_t n)
{
	_cleanup_free_ uint8_t *bytes = malloc(chain.len);
	enum ppn_check check;

	if (!bytes)
		return PPN_CHECK_LONG;
	memcpy(bytes, chain.data, chain.len);
	check = build(ret_trust, bytes, chain.len, n, 0, 0, NULL);
	if (check == PPN_CHECK_OK)
		(void)TAKE_PTR(bytes);
	return check;
}

void ppnd_trust_free(struct ppnd_trust *trust)
{
	free(trust->bytes);
	memset(trust, 0, sizeof(*trust));
}

static size_t lists_len(const struct ppn_trust *trust)
{
	size_t len = 0;

	for (size_t i = 0; i < trust->n_crls; i++)
		len += trust->crl[i].whole.len;
	return len;
}

static uint32_t list_number(const struct ppn_trust *trust)
{
	return trust->n_crls ? trust->crl[0].number : 0;
}

static bool grew(const struct ppn_trust *was, const struct ppn_trust *seen)
{
	return seen->n_chain > was->n_chain || list_number(seen) > list_number(was) ||
	       (list_number(seen) == list_number(was) && seen->n_crls > was->n_crls);
}

/* chain | the lists in force, which may lie in two buffers. */
static uint8_t *gather(const struct ppn_trust *seen)
{
	uint8_t *bytes = malloc(seen->chain.len + lists_len(seen)), *at = bytes;

	if (!bytes)
		return NULL;
	memcpy(at, seen->chain.data, seen->chain.len);
	at += seen->chain.len;
	for (size_t i = 0; i < seen->n_crls; i++) {
		memcpy(at, seen->crl[i].whole.data, seen->crl[i].whole.len);
		at += seen->crl[i].whole.len;
	}
	return bytes;
}

int ppnd_trust_adopt(struct ppnd_trust *trust, const struct ppn_trust *seen)
{
	bool floor = seen->floor > trust->now.floor;
	_cleanup_free_ uint8_t *bytes = NULL;
	struct ppnd_trust next = { 0 };

	if (seen->n_chain < trust->now.n_chain)
		return 0;
	if (!grew(&trust->now, seen)) {
		ppn_trust_raise(&trust->now, seen->floor);
		return floor;
	}
	bytes = gather(seen);
	if (!bytes)
		return -ENOMEM;
	if (build(&next, bytes, seen->chain.len, seen->n_chain, lists_len(seen), seen->n_crls,
		  trust->now.pin) != PPN_CHECK_OK)
		return -EBADMSG;
	(void)TAKE_PTR(bytes);
	ppn_trust_raise(&next.now, seen->floor);
	ppnd_trust_free(trust);
	*trust = next;
	return 1;
}

int ppnd_trust_keep(struct ppnd_trust *trust, const struct ppn_trust *seen, int dir)
{
	int grew = ppnd_trust_adopt(trust, seen), err = 0;

	if (grew > 0 || (grew == 0 && trust->behind)) {
		err = ppnd_trust_save(trust, dir);
		trust->behind = err;
	}
	return err ? err : grew;
}

int ppnd_trust_save(const struct ppnd_trust *trust, int dir)
{
	size_t chain = trust->now.chain.len, lists = lists_len(&trust->now);
	struct trust_file head = {
		.floor = htobe64(trust->now.floor),
		.chain_len = htobe32(chain),
		.lists_len = htobe32(lists),
		.n_chain = trust->now.n_chain,
		.n_lists = trust->now.n_crls,
	};
	_cleanup_free_ uint8_t *bytes = gather(&trust->now),
			       *file = malloc(sizeof(head) + chain + lists);

	if (!bytes || !file)
		return -ENOMEM;
	memcpy(head.magic, magic, sizeof(magic));
	memcpy(file, &head, sizeof(head));
	memcpy(file + sizeof(head), bytes, chain + lists);
	return ppn_file_write(dir, PPND_TRUST_FILE, 0600, file, sizeof(head) + chain + lists);
}

static int complain(char ret_why[static 160], const char *text)
{
	snprintf(ret_why, 160, "the file %s is damaged: %s", PPND_TRUST_FILE, text);
	return -EBADMSG;
}

int ppnd_trust_load(struct ppnd_trust *trust, int dir, char ret_why[static 160])
{
	_cleanup_free_ uint8_t *file = NULL, *bytes = NULL;
	struct trust_file head;
	struct ppnd_trust next = { 0 };
	enum ppn_check check;
	size_t len, rest;
	int err = ppn_file_read(dir, PPND_TRUST_FILE, TRUST_FILE_MAX, 1, &file, &len);

	if (err)
		return err;
	if (len < sizeof(head))
		return complain(ret_why, "cut short");
	memcpy(&head, file, sizeof(head));
	rest = len - sizeof(head);
	if (memcmp(head.magic, magic, sizeof(magic)) != 0 || be32toh(head.chain_len) > rest ||
	    be32toh(head.lists_len) != rest - be32toh(head.chain_len))
		return complain(ret_why, "malformed");
	bytes = malloc(rest + 1);
	if (!bytes)
		return -ENOMEM;
	memcpy(bytes, file + sizeof(head), rest);
	check = build(&next, bytes, be32toh(head.chain_len), head.n_chain, be32toh(head.lists_len),
		      head.n_lists, trust->now.pin);
	if (check != PPN_CHECK_OK)
		return complain(ret_why, ppn_check_text(check));
	(void)TAKE_PTR(bytes);
	ppn_trust_raise(&next.now, be64toh(head.floor));
	ppnd_trust_free(trust);
	*trust = next;
	return 0;
}
