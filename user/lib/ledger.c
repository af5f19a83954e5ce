// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "lib/ledger.h"

#include <endian.h>
#include <errno.h>
#include <string.h>
#include "lib/bytes.h"
#include "lib/crypto.h"

enum { FRAME_LEN = 4, OBJECT_MAX = PPN_LEDGER_ENTRY_MAX - FRAME_LEN };

/* The first whole frame holds just the object: what starts with a bad length is no entry. */
static enum ppn_check take_frame(struct ppn_bytes *in, struct ppn_bytes *ret_object)
{
	__be32 framed;
	size_t len;

	if (!ppn_take_into(in, &framed, sizeof(framed)))
		return PPN_CHECK_SHORT;
	len = be32toh(framed);
	if (len < sizeof(struct ppn_entry_body) + PPN_SIG_LEN)
		return PPN_CHECK_FORM;
	if (len > OBJECT_MAX)
		return PPN_CHECK_LONG;
	ret_object->data = ppn_take(in, len);
	ret_object->len = len;
	return ret_object->data ? PPN_CHECK_OK : PPN_CHECK_SHORT;
}

/* Inside a whole frame nothing is torn: what is short there is malformed. */
static enum ppn_check take_body(struct ppn_bytes object, struct ppn_object_view *ret_view,
				struct ppn_entry_body *ret_body, struct ppn_bytes *ret_payload)
{
	enum ppn_check check = ppn_object_take(&object, PPN_OBJECT_ENTRY, OBJECT_MAX, ret_view);
	struct ppn_bytes rest;

	if (check != PPN_CHECK_OK)
		return check == PPN_CHECK_SHORT ? PPN_CHECK_FORM : check;
	rest = ret_view->body;
	if (object.len || !ppn_take_into(&rest, ret_body, sizeof(*ret_body)))
		return PPN_CHECK_FORM;
	ret_payload->len = be16toh(ret_body->payload_len);
	ret_payload->data = ppn_take(&rest, ret_payload->len);
	if (!ret_payload->data || ret_payload->len > PPN_LEDGER_PAYLOAD_MAX)
		return PPN_CHECK_FORM;
	return ppn_object_tail(ret_view, rest);
}

ssize_t ppn_ledger_append(uint8_t *ret_framed, size_t max, const struct ppn_ledger_head *head,
			  uint64_t time_ms, enum ppn_entry_type type, struct ppn_bytes payload,
			  const uint8_t fleet[static PPN_HASH_LEN], const uint8_t seed[static 32],
			  struct ppn_ledger_head *ret_head)
{
	size_t body_len = sizeof(struct ppn_entry_body) + payload.len;
	uint8_t *object = ret_framed + FRAME_LEN;
	struct ppn_entry_body body = {
		.size = htobe64(head->size),
		.time = htobe64(time_ms),
		.type = htobe16(type),
		.payload_len = htobe16(payload.len),
	};
	ssize_t len;

	if (payload.len > PPN_LEDGER_PAYLOAD_MAX || !type)
		return -EINVAL;
	if (max < FRAME_LEN + body_len + PPN_SIG_LEN)
		return -EMSGSIZE;
	body.head = ppn_object_head(PPN_OBJECT_ENTRY, body_len);
	PPN_COPY(body.previous, head->hash);
	memcpy(object, &body, sizeof(body));
	if (payload.len)
		memcpy(object + sizeof(body), payload.data, payload.len);
	len = ppn_object_finish(object, max - FRAME_LEN, (struct ppn_bytes){ object, body_len },
				fleet, seed);
	if (len < 0)
		return len;
	memcpy(ret_framed, &(__be32){ htobe32((uint32_t)len) }, FRAME_LEN);
	ret_head->size = head->size + 1;
	ppn_hash(ret_head->hash, object, len);
	return FRAME_LEN + len;
}

enum ppn_check ppn_ledger_next(struct ppn_bytes *in, struct ppn_ledger_head *head,
			       const uint8_t fleet[static PPN_HASH_LEN], const uint8_t *identity,
			       struct ppn_entry *ret_entry)
{
	struct ppn_bytes rest = *in, object, payload;
	struct ppn_object_view view;
	struct ppn_entry_body body;
	enum ppn_check check;

	check = take_frame(&rest, &object);
	if (check == PPN_CHECK_OK)
		check = take_body(object, &view, &body, &payload);
	if (check != PPN_CHECK_OK)
		return check;
	if (be64toh(body.size) != head->size)
		return PPN_CHECK_ORDER;
	if (memcmp(body.previous, head->hash, PPN_HASH_LEN) != 0)
		return PPN_CHECK_HASH;
	if (identity && !ppn_object_verify(&view, fleet, identity))
		return PPN_CHECK_SIGNATURE;
	ret_entry->index = head->size;
	ret_entry->time_ms = be64toh(body.time);
	ret_entry->type = be16toh(body.type);
	ret_entry->payload = payload;
	ppn_object_hash(ret_entry->hash, &view);
	head->size++;
	PPN_COPY(head->hash, ret_entry->hash);
	*in = rest;
	return PPN_CHECK_OK;
}
