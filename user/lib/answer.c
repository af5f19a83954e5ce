// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What a node signs on the claim channel: its proof in message 3, and its acceptance (PROTOCOL 4). */
#include "lib/wire.h"

#include <endian.h>
#include <errno.h>
#include <string.h>
#include "lib/bytes.h"
#include "lib/crypto.h"

static bool node_good(const struct ppn_node_proof *node)
{
	bool has_batch = !ppn_is_zero(node->batch, PPN_BATCH_LEN);
	bool has_proof = !ppn_is_zero(node->proof, PPN_HASH_LEN);

	return node->state < _PPN_STATE_MAX && node->posture > PPN_POSTURE_NONE &&
	       node->posture < _PPN_POSTURE_MAX && has_batch == has_proof;
}

ssize_t ppn_node_write(uint8_t *ret_object, size_t max, const struct ppn_node_proof *node,
		       const uint8_t fleet[static PPN_HASH_LEN], const uint8_t seed[static 32])
{
	struct ppn_node_body body = { 0 };

	if (!node_good(node))
		return -EINVAL;
	body.head = ppn_object_head(PPN_OBJECT_NODE, sizeof(body));
	PPN_COPY(body.identity, node->identity);
	PPN_COPY(body.noise_key, node->noise_key);
	PPN_COPY(body.rs, node->rs);
	PPN_COPY(body.nonce, node->nonce);
	PPN_COPY(body.x, node->x);
	body.state = (uint8_t)node->state;
	body.posture = (uint8_t)node->posture;
	PPN_COPY(body.claim, node->claim);
	body.ledger_size = htobe64(node->ledger_size);
	PPN_COPY(body.ledger_hash, node->ledger_hash);
	PPN_COPY(body.batch, node->batch);
	PPN_COPY(body.proof, node->proof);
	return ppn_object_finish(ret_object, max, PPN_BYTES_OF(body), fleet, seed);
}

static enum ppn_check node_body(const struct ppn_object_view *view, struct ppn_node_proof *node)
{
	struct ppn_node_body body;
	enum ppn_check check = ppn_object_body(view, &body, sizeof(body));

	if (check != PPN_CHECK_OK)
		return check;
	PPN_COPY(node->identity, body.identity);
	PPN_COPY(node->noise_key, body.noise_key);
	PPN_COPY(node->rs, body.rs);
	PPN_COPY(node->nonce, body.nonce);
	PPN_COPY(node->x, body.x);
	node->state = body.state;
	node->posture = body.posture;
	PPN_COPY(node->claim, body.claim);
	node->ledger_size = be64toh(body.ledger_size);
	PPN_COPY(node->ledger_hash, body.ledger_hash);
	PPN_COPY(node->batch, body.batch);
	PPN_COPY(node->proof, body.proof);
	return body.zero == 0 && node_good(node) ? PPN_CHECK_OK : PPN_CHECK_FORM;
}

enum ppn_check ppn_node_read(struct ppn_bytes object, const uint8_t fleet[static PPN_HASH_LEN],
			     const uint8_t remote_noise[static PPN_KEY_LEN],
			     const uint8_t own_noise[static PPN_KEY_LEN],
			     struct ppn_node_proof *ret_node)
{
	struct ppn_object_view view;
	struct ppn_node_proof node = { 0 };
	enum ppn_check check = ppn_object_take(&object, PPN_OBJECT_NODE, PPN_MESSAGE_MAX, &view);

	if (check == PPN_CHECK_OK && object.len > 0)
		check = PPN_CHECK_LONG;
	if (check == PPN_CHECK_OK)
		check = node_body(&view, &node);
	if (check != PPN_CHECK_OK)
		return check;
	if (!ppn_object_verify(&view, fleet, node.identity))
		return PPN_CHECK_SIGNATURE;
	if (memcmp(node.noise_key, remote_noise, PPN_KEY_LEN) != 0 ||
	    memcmp(node.rs, own_noise, PPN_KEY_LEN) != 0)
		return PPN_CHECK_HANDSHAKE;
	*ret_node = node;
	return PPN_CHECK_OK;
}

ssize_t ppn_accept_write(uint8_t *ret_object, size_t max, const struct ppn_accept *accept,
			 const uint8_t fleet[static PPN_HASH_LEN], const uint8_t seed[static 32])
{
	struct ppn_accept_body body;

	body.head = ppn_object_head(PPN_OBJECT_ACCEPT, sizeof(body));
	PPN_COPY(body.claim, accept->claim);
	PPN_COPY(body.wg_key, accept->wg_key);
	body.ledger_size = htobe64(accept->ledger_size);
	PPN_COPY(body.ledger_hash, accept->ledger_hash);
	return ppn_object_finish(ret_object, max, PPN_BYTES_OF(body), fleet, seed);
}

enum ppn_check ppn_accept_read(struct ppn_bytes object, const uint8_t fleet[static PPN_HASH_LEN],
			       const uint8_t identity[static PPN_KEY_LEN],
			       const uint8_t claim[static PPN_HASH_LEN],
			       struct ppn_accept *ret_accept)
{
	struct ppn_object_view view;
	struct ppn_accept_body body;
	enum ppn_check check = ppn_object_take(&object, PPN_OBJECT_ACCEPT, PPN_MESSAGE_MAX, &view);

	if (check == PPN_CHECK_OK && object.len > 0)
		check = PPN_CHECK_LONG;
	if (check == PPN_CHECK_OK)
		check = ppn_object_body(&view, &body, sizeof(body));
	if (check != PPN_CHECK_OK)
		return check;
	if (ppn_is_zero(body.wg_key, PPN_KEY_LEN))
		return PPN_CHECK_FORM;
	if (!ppn_object_verify(&view, fleet, identity))
		return PPN_CHECK_SIGNATURE;
	if (memcmp(body.claim, claim, PPN_HASH_LEN) != 0)
		return PPN_CHECK_HASH;
	PPN_COPY(ret_accept->claim, body.claim);
	PPN_COPY(ret_accept->wg_key, body.wg_key);
	PPN_COPY(ret_accept->ledger_hash, body.ledger_hash);
	ret_accept->ledger_size = be64toh(body.ledger_size);
	return PPN_CHECK_OK;
}
