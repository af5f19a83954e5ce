// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Input: what to mend (1), then an object of the claim channel: node, claim, seat or accept. */
#include "fuzz/mend.h"

struct scene {
	struct fleet f;
	uint8_t node_seed[32], identity[PPN_KEY_LEN], remote[PPN_KEY_LEN], own[PPN_KEY_LEN],
		h[PPN_HASH_LEN], nonce[PPN_NONCE_LEN], x[PPN_KEY_LEN], prior[PPN_HASH_LEN];
	struct ppn_claim_facts facts;
};

static void scene_make(struct scene *s)
{
	fleet_make(&s->f);
	secret_of(s->node_seed, "node");
	sign_key_of(s->identity, "node");
	dh_key_of(s->remote, "node's noise");
	dh_key_of(s->own, "seat's noise");
	ppn_hash(s->h, "handshake", 9);
	ppn_hash(s->nonce, "nonce", 5);
	dh_key_of(s->x, "ticket");
	ppn_hash(s->prior, "prior", 5);
	s->facts = (struct ppn_claim_facts){ .cert = &s->f.seat_cert,
					     .fleet = s->f.root.fleet,
					     .identity = s->identity,
					     .h = s->h,
					     .nonce = s->nonce,
					     .x = s->x,
					     .prior = s->prior,
					     .posture = PPN_POSTURE_LEASED };
}

static void read_claim(const struct scene *s, struct ppn_bytes in)
{
	struct ppn_object_view view;
	struct ppn_claim claim;

	if (ppn_object_take(&in, PPN_OBJECT_CLAIM, PPN_MESSAGE_MAX, &view) != PPN_CHECK_OK ||
	    ppn_claim_read(&view, &claim) != PPN_CHECK_OK)
		return;
	must(claim.roster_len <= PPN_ROSTER_MAX);
	if (ppn_claim_check(&view, &claim, &s->facts) == PPN_CHECK_OK) {
		must(memcmp(claim.h, s->h, PPN_HASH_LEN) == 0);
		must(memcmp(claim.prior, s->prior, PPN_HASH_LEN) == 0);
		must(claim.number >= 100 && claim.number < 1100);
		must(claim.posture == PPN_POSTURE_LEASED);
	}
}

static void read_seat(const struct scene *s, struct ppn_bytes in)
{
	struct ppn_object_view view;
	struct ppn_seat seat;

	if (ppn_object_take(&in, PPN_OBJECT_SEAT, PPN_MESSAGE_MAX, &view) == PPN_CHECK_OK &&
	    ppn_seat_check(&view, &s->facts, &seat) == PPN_CHECK_OK)
		must(memcmp(seat.claim, s->prior, PPN_HASH_LEN) == 0);
}

static void read_node(const struct scene *s, struct ppn_bytes in)
{
	struct ppn_node_proof node;

	if (ppn_node_read(in, s->f.root.fleet, s->remote, s->own, &node) == PPN_CHECK_OK) {
		must(memcmp(node.identity, s->identity, PPN_KEY_LEN) == 0);
		must(memcmp(node.rs, s->own, PPN_KEY_LEN) == 0);
		must(node.state < _PPN_STATE_MAX && node.posture < _PPN_POSTURE_MAX);
	}
}

static void read_accept(const struct scene *s, struct ppn_bytes in)
{
	struct ppn_accept accept;

	if (ppn_accept_read(in, s->f.root.fleet, s->identity, s->prior, &accept) == PPN_CHECK_OK)
		must(memcmp(accept.claim, s->prior, PPN_HASH_LEN) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct scene s;
	struct ppn_bytes in;
	bool of_node;
	uint8_t *object;

	if (s.f.chain_len == 0)
		scene_make(&s);
	if (len < 2)
		return 0;
	object = copy_of(data + 1, len - 1);
	of_node = object[0] == PPN_OBJECT_NODE || object[0] == PPN_OBJECT_ACCEPT;
	if (data[0] & MEND_SIGNATURES)
		mend_object(object, len - 1, s.f.root.fleet, of_node ? s.node_seed : s.f.seat_seed);
	in = (struct ppn_bytes){ object, len - 1 };
	read_claim(&s, in);
	read_seat(&s, in);
	read_node(&s, in);
	read_accept(&s, in);
	free(object);
	return 0;
}
