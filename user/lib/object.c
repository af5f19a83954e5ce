// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What all signed objects share: head, body, signature (PROTOCOL 2). */
#include "lib/wire.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "lib/bytes.h"
#include "lib/crypto.h"

#define SIGNED_PREFIX (PPN_DOMAIN_LEN + PPN_HASH_LEN)
/* Everything but rosters and long lists is signed without the heap. */
#define SIGNED_SMALL 2048

struct object_row {
	char domain[PPN_DOMAIN_LEN]; /* zero-padded */
	uint8_t major, minor;
};

static const struct object_row objects[_PPN_OBJECT_MAX] = {
#define X(name, text, maj, min) [PPN_OBJECT_##name] = { text, maj, min },
	PPN_OBJECTS(X)
#undef X
};

static enum ppn_check head_check(const struct ppn_object_head *head, enum ppn_object kind,
				 size_t max)
{
	if (head->kind != kind)
		return PPN_CHECK_KIND;
	if (head->major > objects[kind].major)
		return PPN_CHECK_MAJOR;
	if (head->major != objects[kind].major || head->zero != 0)
		return PPN_CHECK_FORM;
	if (be32toh(head->len) < sizeof(*head))
		return PPN_CHECK_FORM;
	return be32toh(head->len) > max ? PPN_CHECK_LONG : PPN_CHECK_OK;
}

static enum ppn_check take_root_sigs(struct ppn_bytes *in, struct ppn_bytes *ret_sigs)
{
	const uint8_t *count = ppn_take(in, 1), *sigs;

	if (!count)
		return PPN_CHECK_SHORT;
	if (*count == 0 || *count > PPN_ROOT_SIGS_MAX)
		return PPN_CHECK_FORM;
	sigs = ppn_take(in, *count * sizeof(struct ppn_root_sig));
	if (!sigs)
		return PPN_CHECK_SHORT;
	*ret_sigs = (struct ppn_bytes){ sigs, *count * sizeof(struct ppn_root_sig) };
	return PPN_CHECK_OK;
}

enum ppn_check ppn_object_take(struct ppn_bytes *in, enum ppn_object kind, size_t max,
			       struct ppn_object_view *ret_view)
{
	struct ppn_object_view view = { .kind = kind };
	struct ppn_bytes rest = *in, peek = *in;
	struct ppn_object_head head;
	enum ppn_check check;

	if (!ppn_take_into(&peek, &head, sizeof(head)))
		return PPN_CHECK_SHORT;
	check = head_check(&head, kind, max);
	if (check != PPN_CHECK_OK)
		return check;
	view.major = head.major;
	view.minor = head.minor;
	view.body.len = be32toh(head.len);
	view.body.data = ppn_take(&rest, view.body.len);
	if (!view.body.data)
		return PPN_CHECK_SHORT;
	if (kind == PPN_OBJECT_ROOT)
		check = take_root_sigs(&rest, &view.root_sigs);
	else
		check = (view.sig = ppn_take(&rest, PPN_SIG_LEN)) ? PPN_CHECK_OK : PPN_CHECK_SHORT;
	if (check != PPN_CHECK_OK)
		return check;
	view.whole = ppn_bytes_before(*in, rest);
	if (view.whole.len > max)
		return PPN_CHECK_LONG;
	*in = rest;
	*ret_view = view;
	return PPN_CHECK_OK;
}

enum ppn_check ppn_object_fixed(const struct ppn_object_view *view, void *ret_fixed, size_t len,
				struct ppn_bytes *ret_rest)
{
	struct ppn_bytes rest = view->body;

	if (!ppn_take_into(&rest, ret_fixed, len))
		return PPN_CHECK_SHORT;
	*ret_rest = rest;
	return PPN_CHECK_OK;
}

enum ppn_check ppn_object_tail(const struct ppn_object_view *view, struct ppn_bytes rest)
{
	return rest.len > 0 && view->minor <= objects[view->kind].minor ? PPN_CHECK_LONG :
									  PPN_CHECK_OK;
}

enum ppn_check ppn_object_body(const struct ppn_object_view *view, void *ret_body, size_t len)
{
	struct ppn_bytes rest;
	enum ppn_check check = ppn_object_fixed(view, ret_body, len, &rest);

	return check != PPN_CHECK_OK ? check : ppn_object_tail(view, rest);
}

struct ppn_object_head ppn_object_head(enum ppn_object kind, size_t body_len)
{
	return (struct ppn_object_head){
		.kind = kind,
		.major = objects[kind].major,
		.minor = objects[kind].minor,
		.len = htobe32((uint32_t)body_len),
	};
}

/* Domain | fleet | body in `small` where it fits, else on the heap; NULL: no memory. */
static uint8_t *signed_bytes(uint8_t small[static SIGNED_SMALL], enum ppn_object kind,
			     const uint8_t *fleet, struct ppn_bytes body)
{
	size_t len = SIGNED_PREFIX + body.len;
	uint8_t *bytes = len <= SIGNED_SMALL ? small : malloc(len);

	if (!bytes)
		return NULL;
	memcpy(bytes, objects[kind].domain, PPN_DOMAIN_LEN);
	memcpy(bytes + PPN_DOMAIN_LEN, fleet, PPN_HASH_LEN);
	memcpy(bytes + SIGNED_PREFIX, body.data, body.len);
	return bytes;
}

int ppn_object_sign(uint8_t ret_sig[static PPN_SIG_LEN], enum ppn_object kind,
		    const uint8_t fleet[static PPN_HASH_LEN], struct ppn_bytes body,
		    const uint8_t seed[static 32])
{
	uint8_t small[SIGNED_SMALL], *bytes = signed_bytes(small, kind, fleet, body);

	if (!bytes)
		return -ENOMEM;
	ppn_sign(ret_sig, seed, bytes, SIGNED_PREFIX + body.len);
	if (bytes != small)
		free(bytes);
	return 0;
}

bool ppn_object_verify(const struct ppn_object_view *view, const uint8_t fleet[static PPN_HASH_LEN],
		       const uint8_t key[static PPN_KEY_LEN])
{
	uint8_t small[SIGNED_SMALL], *bytes;
	bool good;

	if (!view->sig)
		return false;
	bytes = signed_bytes(small, view->kind, fleet, view->body);
	if (!bytes)
		return false;
	good = ppn_verify(view->sig, key, bytes, SIGNED_PREFIX + view->body.len);
	if (bytes != small)
		free(bytes);
	return good;
}

ssize_t ppn_object_finish(uint8_t *ret_object, size_t max, struct ppn_bytes body,
			  const uint8_t fleet[static PPN_HASH_LEN], const uint8_t seed[static 32])
{
	struct ppn_writer w = { .data = ret_object, .max = max };
	struct ppn_bytes peek = body;
	struct ppn_object_head head;
	uint8_t sig[PPN_SIG_LEN];
	int err;

	if (!ppn_take_into(&peek, &head, sizeof(head)) || be32toh(head.len) != body.len ||
	    head.kind == PPN_OBJECT_NONE || head.kind >= _PPN_OBJECT_MAX)
		return -EINVAL;
	if (max < PPN_SIG_LEN || max - PPN_SIG_LEN < body.len)
		return -EMSGSIZE;
	err = ppn_object_sign(sig, head.kind, fleet, body, seed);
	if (err < 0)
		return err;
	/* the body may have been written in its place already */
	if (ret_object != body.data)
		ppn_put(&w, body.data, body.len);
	else
		w.len = body.len;
	ppn_put(&w, sig, sizeof(sig));
	return ppn_put_end(&w);
}

void ppn_object_hash(uint8_t ret_hash[static PPN_HASH_LEN], const struct ppn_object_view *view)
{
	ppn_hash(ret_hash, view->whole.data, view->whole.len);
}

void ppn_key_id(uint8_t ret_id[static PPN_KEY_ID_LEN], const uint8_t key[static PPN_KEY_LEN])
{
	uint8_t hash[PPN_HASH_LEN];

	ppn_hash(hash, key, PPN_KEY_LEN);
	memcpy(ret_id, hash, PPN_KEY_ID_LEN);
}
