// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Root documents: form, signatures and quorum (PROTOCOL 1). */
#include "lib/wire.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "lib/bytes.h"
#include "lib/crypto.h"

#define FLEET_OFFSET offsetof(struct ppn_root_body, fleet)

/* H(body without the field that holds it). */
static void fleet_id(uint8_t ret_fleet[static PPN_HASH_LEN], struct ppn_bytes body)
{
	size_t after = FLEET_OFFSET + PPN_HASH_LEN;
	struct ppn_hash_state h;

	ppn_hash_start(&h);
	ppn_hash_add(&h, body.data, FLEET_OFFSET);
	ppn_hash_add(&h, body.data + after, body.len - after);
	ppn_hash_end(&h, ret_fleet);
}

/* Quarters strictly rising, keys and key ids distinct. */
static bool entries_good(const struct ppn_root *root)
{
	for (int i = 0; i < root->n; i++) {
		if (root->entry[i].quarter > 3)
			return false;
		if (i > 0 && root->entry[i].quarter <= root->entry[i - 1].quarter)
			return false;
		for (int j = 0; j < i; j++)
			if (memcmp(root->entry[i].id, root->entry[j].id, PPN_KEY_ID_LEN) == 0)
				return false;
	}
	return true;
}

static enum ppn_check read_entries(struct ppn_bytes *in, struct ppn_root *root)
{
	struct ppn_root_entry entry;

	if (root->n == 0 || root->n > PPN_ROOTS_MAX)
		return PPN_CHECK_FORM;
	for (int i = 0; i < root->n; i++) {
		if (!ppn_take_into(in, &entry, sizeof(entry)))
			return PPN_CHECK_SHORT;
		root->entry[i].quarter = entry.quarter;
		PPN_COPY(root->entry[i].key, entry.key);
		ppn_key_id(root->entry[i].id, entry.key);
	}
	return entries_good(root) ? PPN_CHECK_OK : PPN_CHECK_FORM;
}

enum ppn_check ppn_root_read(const struct ppn_object_view *view, struct ppn_root *ret_root)
{
	struct ppn_root root = { 0 };
	struct ppn_root_body body;
	struct ppn_bytes rest;
	uint8_t fleet[PPN_HASH_LEN];
	enum ppn_check check = ppn_object_fixed(view, &body, sizeof(body), &rest);

	if (check != PPN_CHECK_OK)
		return check;
	root.generation = be32toh(body.generation);
	PPN_COPY(root.fleet, body.fleet);
	PPN_COPY(root.gate_key, body.gate_key);
	root.issued = be64toh(body.issued);
	root.n = body.n_entries;
	check = read_entries(&rest, &root);
	if (check != PPN_CHECK_OK)
		return check;
	check = ppn_object_tail(view, rest);
	if (check != PPN_CHECK_OK)
		return check;
	fleet_id(fleet, view->body);
	if (root.generation == 0 && memcmp(fleet, root.fleet, sizeof(fleet)) != 0)
		return PPN_CHECK_HASH;
	*ret_root = root;
	return PPN_CHECK_OK;
}

ssize_t ppn_root_write(uint8_t *ret_body, size_t max, struct ppn_root *root)
{
	size_t len = sizeof(struct ppn_root_body) + root->n * sizeof(struct ppn_root_entry);
	struct ppn_writer w = { .data = ret_body, .max = max };
	struct ppn_root_body body;
	struct ppn_root_entry entry;

	if (root->n == 0 || root->n > PPN_ROOTS_MAX)
		return -EINVAL;
	for (int i = 0; i < root->n; i++)
		ppn_key_id(root->entry[i].id, root->entry[i].key);
	if (!entries_good(root))
		return -EINVAL;
	if (len > max)
		return -EMSGSIZE;
	body.head = ppn_object_head(PPN_OBJECT_ROOT, len);
	body.generation = htobe32(root->generation);
	PPN_COPY(body.fleet, root->fleet);
	PPN_COPY(body.gate_key, root->gate_key);
	body.issued = htobe64(root->issued);
	body.n_entries = root->n;
	ppn_put(&w, &body, sizeof(body));
	for (int i = 0; i < root->n; i++) {
		entry.quarter = root->entry[i].quarter;
		PPN_COPY(entry.key, root->entry[i].key);
		ppn_put(&w, &entry, sizeof(entry));
	}
	if (root->generation == 0) {
		fleet_id(root->fleet, (struct ppn_bytes){ ret_body, len });
		memcpy(ret_body + FLEET_OFFSET, root->fleet, PPN_HASH_LEN);
	}
	return ppn_put_end(&w);
}

static int compare_sigs(const void *a, const void *b)
{
	const struct ppn_root_sig *one = a, *two = b;

	return memcmp(one->key_id, two->key_id, PPN_KEY_ID_LEN);
}

ssize_t ppn_root_sign(uint8_t *ret_object, size_t max, struct ppn_bytes body,
		      const uint8_t fleet[static PPN_HASH_LEN], const uint8_t (*seeds)[32],
		      size_t n)
{
	struct ppn_writer w = { .data = ret_object, .max = max };
	struct ppn_root_sig sigs[PPN_ROOT_SIGS_MAX];
	uint8_t key[PPN_KEY_LEN], count = (uint8_t)n;

	if (n == 0 || n > PPN_ROOT_SIGS_MAX)
		return -EINVAL;
	if (body.len + 1 + n * sizeof(sigs[0]) > max)
		return -EMSGSIZE;
	for (size_t i = 0; i < n; i++) {
		ppn_sign_public(key, seeds[i]);
		ppn_key_id(sigs[i].key_id, key);
		if (ppn_object_sign(sigs[i].sig, PPN_OBJECT_ROOT, fleet, body, seeds[i]) < 0)
			return -ENOMEM;
	}
	qsort(sigs, n, sizeof(sigs[0]), compare_sigs);
	for (size_t i = 1; i < n; i++)
		if (compare_sigs(&sigs[i - 1], &sigs[i]) == 0)
			return -EINVAL;
	if (ret_object != body.data)
		ppn_put(&w, body.data, body.len);
	else
		w.len = body.len;
	ppn_put(&w, &count, 1);
	ppn_put(&w, sigs, n * sizeof(sigs[0]));
	return ppn_put_end(&w);
}

int ppn_root_find(const struct ppn_root *root, const uint8_t id[static PPN_KEY_ID_LEN])
{
	for (int i = 0; i < root->n; i++)
		if (memcmp(root->entry[i].id, id, PPN_KEY_ID_LEN) == 0)
			return i;
	return -ENOENT;
}

/* Did the key of this id in this document sign? root NULL: no. */
static bool signed_by(const struct ppn_object_view *one, const uint8_t *fleet,
		      const struct ppn_root *root, const uint8_t *id)
{
	int i = root ? ppn_root_find(root, id) : -ENOENT;

	return i >= 0 && ppn_object_verify(one, fleet, root->entry[i].key);
}

enum ppn_check ppn_root_quorum(const struct ppn_object_view *view, const struct ppn_root *root,
			       const struct ppn_root *before)
{
	uint8_t last[PPN_KEY_ID_LEN];
	struct ppn_bytes rest = view->root_sigs;
	struct ppn_object_view one = *view;
	unsigned int own = 0, old = 0;
	struct ppn_root_sig sig;

	for (bool first = true; ppn_take_into(&rest, &sig, sizeof(sig)); first = false) {
		bool by_root, by_before;

		if (!first && memcmp(sig.key_id, last, sizeof(last)) <= 0)
			return PPN_CHECK_ORDER;
		PPN_COPY(last, sig.key_id);
		one.sig = sig.sig;
		by_root = signed_by(&one, root->fleet, root, sig.key_id);
		by_before = signed_by(&one, root->fleet, before, sig.key_id);
		if (!by_root && !by_before)
			return PPN_CHECK_SIGNATURE;
		own += by_root;
		old += by_before;
	}
	if (2 * own <= root->n || (before && 2 * old <= before->n))
		return PPN_CHECK_QUORUM;
	return PPN_CHECK_OK;
}
