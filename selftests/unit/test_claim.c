// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Claim channel: node proof, claim, seat, acceptance, the keys of a pair. */
#include "unit/hostile.h"

#include <endian.h>
#include <errno.h>
#include "unit/fleet.h"

/* What a node knows of itself and of the handshake, as in struct ppn_claim_facts. */
struct scene {
	struct fleet f;
	uint8_t identity[PPN_KEY_LEN], h[PPN_HASH_LEN], nonce[PPN_NONCE_LEN], x[PPN_KEY_LEN],
		y[PPN_KEY_LEN], prior[PPN_HASH_LEN];
	struct ppn_claim_facts facts;
};

static void scene_make(struct scene *s)
{
	memset(s, 0, sizeof(*s));
	fleet_make(&s->f);
	sign_key_of(s->identity, "node");
	ppn_hash(s->h, "handshake", 9);
	ppn_hash(s->nonce, "nonce", 5);
	dh_key_of(s->x, "ticket");
	dh_key_of(s->y, "authority's half");
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

/* ---- claim ---- */

static struct ppn_claim claim_of(const struct scene *s)
{
	struct ppn_claim claim = { .number = 100,
				   .roster_len = 1234,
				   .posture = PPN_POSTURE_LEASED,
				   .underlay = PPN_UNDERLAY_AS_CONFIGURED };

	memcpy(claim.serial, s->f.seat_cert.serial, sizeof(claim.serial));
	memcpy(claim.identity, s->identity, sizeof(claim.identity));
	memcpy(claim.h, s->h, sizeof(claim.h));
	memcpy(claim.nonce, s->nonce, sizeof(claim.nonce));
	memcpy(claim.x, s->x, sizeof(claim.x));
	memcpy(claim.y, s->y, sizeof(claim.y));
	memcpy(claim.prior, s->prior, sizeof(claim.prior));
	ppn_hash(claim.roster_hash, "roster", 6);
	return claim;
}

static size_t claim_make(uint8_t ret[static 512], const struct scene *s,
			 const struct ppn_claim *claim)
{
	ssize_t len = ppn_claim_write(ret, 512, claim, s->f.root.fleet, s->f.seat_seed);

	assert_true(len > 0);
	return (size_t)len;
}

static enum ppn_check take_claim(struct ppn_bytes bytes, void *arg)
{
	const struct scene *s = arg;
	struct ppn_object_view view;
	struct ppn_claim claim;
	enum ppn_check check = ppn_object_take(&bytes, PPN_OBJECT_CLAIM, PPN_MESSAGE_MAX, &view);

	if (check == PPN_CHECK_OK)
		check = ppn_claim_read(&view, &claim);
	if (check == PPN_CHECK_OK)
		check = ppn_claim_check(&view, &claim, &s->facts);
	return check == PPN_CHECK_OK && bytes.len > 0 ? PPN_CHECK_LONG : check;
}

static enum ppn_check judge_claim(const struct scene *s, const struct ppn_claim *claim)
{
	uint8_t object[512];
	size_t len = claim_make(object, s, claim);

	return take_claim((struct ppn_bytes){ object, len }, (void *)s);
}

static void claim_round_trip(void **state)
{
	struct scene s;
	struct ppn_claim claim, back;
	struct ppn_object_view view;
	uint8_t object[512];
	struct ppn_bytes in;

	(void)state;
	scene_make(&s);
	claim = claim_of(&s);
	in = (struct ppn_bytes){ object, claim_make(object, &s, &claim) };
	refuses_truncation(take_claim, &s, in);
	refuses_flips(take_claim, &s, in, 0);
	assert_check(ppn_object_take(&in, PPN_OBJECT_CLAIM, PPN_MESSAGE_MAX, &view), PPN_CHECK_OK);
	assert_check(ppn_claim_read(&view, &back), PPN_CHECK_OK);
	assert_memory_equal(&back, &claim, sizeof(back));
}

/* Every field names what it must: one byte changed, signed again. */
static void claim_names_everything(void **state)
{
#define AT(field) offsetof(struct ppn_claim, field)
	static const struct {
		size_t at;
		enum ppn_check check;
	} rows[] = {
		{ AT(serial), PPN_CHECK_SIGNER },    { AT(identity), PPN_CHECK_IDENTITY },
		{ AT(h), PPN_CHECK_HANDSHAKE },	     { AT(nonce), PPN_CHECK_HANDSHAKE },
		{ AT(x), PPN_CHECK_HANDSHAKE },	     { AT(prior), PPN_CHECK_PRIOR },
		{ AT(prior) + 31, PPN_CHECK_PRIOR }, { AT(y), PPN_CHECK_OK },
		{ AT(roster_hash), PPN_CHECK_OK }, /* the caller's to compare with the bundle */
	};
#undef AT
	struct scene s;

	(void)state;
	scene_make(&s);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ppn_claim claim = claim_of(&s);

		((uint8_t *)&claim)[rows[i].at] ^= 0x80;
		if (judge_claim(&s, &claim) != rows[i].check)
			fail_msg("row %zu", i);
	}
}

static void claim_prior(void **state)
{
	static const uint8_t zeros[PPN_HASH_LEN];
	struct scene s;
	struct ppn_claim first, next;

	(void)state;
	scene_make(&s);
	next = first = claim_of(&s);
	memcpy(first.prior, zeros, sizeof(zeros));
	assert_check(judge_claim(&s, &first), PPN_CHECK_PRIOR); /* as if the node were unclaimed */
	s.facts.prior = zeros;
	assert_check(judge_claim(&s, &first), PPN_CHECK_OK);
	assert_check(judge_claim(&s, &next), PPN_CHECK_PRIOR);
}

static void claim_posture_and_number(void **state)
{
	const struct {
		enum ppn_posture posture;
		uint32_t number, in_force;
		enum ppn_check check;
	} rows[] = {
		{ PPN_POSTURE_LEASED, 100, 0, PPN_CHECK_OK },
		{ PPN_POSTURE_LEASED, 1099, 0, PPN_CHECK_OK },
		{ PPN_POSTURE_LEASED, 99, 0, PPN_CHECK_RANGE },
		{ PPN_POSTURE_LEASED, 1100, 0, PPN_CHECK_RANGE },
		{ PPN_POSTURE_LEASED, PPN_NUMBER_MAX, 0, PPN_CHECK_RANGE },
		{ PPN_POSTURE_LEASED, 5000, 5000, PPN_CHECK_OK }, /* a node keeps its number */
		{ PPN_POSTURE_LEASED, 5001, 5000, PPN_CHECK_RANGE },
		{ PPN_POSTURE_ONPREM, 100, 0, PPN_CHECK_POSTURE },
		{ PPN_POSTURE_CLOUD, 100, 0, PPN_CHECK_POSTURE },
	};
	struct scene s;

	(void)state;
	scene_make(&s);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ppn_claim claim = claim_of(&s);

		claim.posture = rows[i].posture;
		claim.number = rows[i].number;
		s.facts.number = rows[i].in_force;
		if (judge_claim(&s, &claim) != rows[i].check)
			fail_msg("row %zu", i);
	}
}

static void claim_signer(void **state)
{
	struct scene s;
	struct ppn_claim claim;
	uint8_t object[512], other_fleet[PPN_HASH_LEN] = { 0 };
	size_t len;

	(void)state;
	scene_make(&s);
	claim = claim_of(&s);
	secret_of(s.f.seat_seed, "another seat");
	assert_check(judge_claim(&s, &claim), PPN_CHECK_SIGNATURE);
	secret_of(s.f.seat_seed, "seat");
	len = claim_make(object, &s, &claim);
	s.facts.fleet = other_fleet;
	assert_check(take_claim((struct ppn_bytes){ object, len }, &s), PPN_CHECK_SIGNATURE);
}

/* Ranges: what the writer refuses, the reader refuses too (signed by whatever signs). */
static void claim_ranges(void **state)
{
	const struct {
		uint32_t number, roster_len;
		uint8_t posture, underlay;
		uint16_t zero;
		bool good;
	} rows[] = {
		{ 1, 1, 1, 0, 0, true },
		{ PPN_NUMBER_MAX, PPN_ROSTER_MAX, 3, _PPN_UNDERLAY_MAX - 1, 0, true },
		{ 1, 1, 1, PPN_UNDERLAY_AS_CONFIGURED, 0, true },
		{ 0, 1, 1, 0, 0, false },
		{ PPN_NUMBER_MAX + 1, 1, 1, 0, 0, false },
		{ 1, 0, 1, 0, 0, false },
		{ 1, PPN_ROSTER_MAX + 1, 1, 0, 0, false },
		{ 1, 1, 0, 0, 0, false },
		{ 1, 1, _PPN_POSTURE_MAX, 0, 0, false },
		{ 1, 1, 1, _PPN_UNDERLAY_MAX, 0, false },
		{ 1, 1, 1, 0xfe, 0, false },
		{ 1, 1, 1, 0, 1, false },
	};
	struct scene s;

	(void)state;
	scene_make(&s);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ppn_claim claim = claim_of(&s), back;
		struct ppn_claim_body body = { .head = ppn_object_head(PPN_OBJECT_CLAIM,
								       sizeof(body)) };
		struct ppn_object_view view = { .kind = PPN_OBJECT_CLAIM, .body = BYTES(body) };
		uint8_t object[512];
		ssize_t len;

		claim.number = rows[i].number;
		body.number = htobe32(rows[i].number);
		claim.roster_len = rows[i].roster_len;
		body.roster_len = htobe32(rows[i].roster_len);
		claim.posture = body.posture = rows[i].posture;
		claim.underlay = body.underlay = rows[i].underlay;
		body.zero = rows[i].zero;
		len = ppn_claim_write(object, sizeof(object), &claim, s.f.root.fleet,
				      s.f.seat_seed);
		assert_int_equal(len > 0, rows[i].good || rows[i].zero);
		assert_check(ppn_claim_read(&view, &back),
			     rows[i].good ? PPN_CHECK_OK : PPN_CHECK_FORM);
	}
}

static void other_kinds(void **state)
{
	struct scene s;
	struct ppn_claim_body body;
	struct ppn_object_view view = { .kind = PPN_OBJECT_NODE, .body = BYTES(body) };
	struct ppn_claim claim;
	struct ppn_seat seat;

	(void)state;
	scene_make(&s);
	memset(&body, 1, sizeof(body));
	assert_check(ppn_claim_read(&view, &claim), PPN_CHECK_KIND);
	assert_check(ppn_seat_check(&view, &s.facts, &seat), PPN_CHECK_KIND);
}

/* ---- seat ---- */

static struct ppn_seat seat_of(const struct scene *s)
{
	struct ppn_seat seat = { 0 };

	memcpy(seat.serial, s->f.seat_cert.serial, sizeof(seat.serial));
	memcpy(seat.identity, s->identity, sizeof(seat.identity));
	memcpy(seat.h, s->h, sizeof(seat.h));
	memcpy(seat.nonce, s->nonce, sizeof(seat.nonce));
	memcpy(seat.x, s->x, sizeof(seat.x));
	memcpy(seat.y, s->y, sizeof(seat.y));
	memcpy(seat.claim, s->prior, sizeof(seat.claim));
	return seat;
}

static enum ppn_check take_seat(struct ppn_bytes bytes, void *arg)
{
	const struct scene *s = arg;
	struct ppn_object_view view;
	struct ppn_seat seat;
	enum ppn_check check = ppn_object_take(&bytes, PPN_OBJECT_SEAT, PPN_MESSAGE_MAX, &view);

	if (check == PPN_CHECK_OK)
		check = ppn_seat_check(&view, &s->facts, &seat);
	return check == PPN_CHECK_OK && bytes.len > 0 ? PPN_CHECK_LONG : check;
}

static void seat_round_trip(void **state)
{
	struct scene s;
	struct ppn_seat seat, back;
	struct ppn_object_view view;
	uint8_t object[512];
	struct ppn_bytes in = { object, 0 };
	ssize_t len;

	(void)state;
	scene_make(&s);
	seat = seat_of(&s);
	len = ppn_seat_write(object, sizeof(object), &seat, s.f.root.fleet, s.f.seat_seed);
	assert_int_equal(len, sizeof(struct ppn_seat_body) + PPN_SIG_LEN);
	in.len = (size_t)len;
	refuses_truncation(take_seat, &s, in);
	refuses_flips(take_seat, &s, in, 0);
	assert_check(ppn_object_take(&in, PPN_OBJECT_SEAT, PPN_MESSAGE_MAX, &view), PPN_CHECK_OK);
	assert_check(ppn_seat_check(&view, &s.facts, &back), PPN_CHECK_OK);
	assert_memory_equal(&back, &seat, sizeof(back));
}

static void seat_names_everything(void **state)
{
#define AT(field) offsetof(struct ppn_seat, field)
	static const struct {
		size_t at;
		enum ppn_check check;
	} rows[] = {
		{ AT(serial), PPN_CHECK_SIGNER }, { AT(identity), PPN_CHECK_IDENTITY },
		{ AT(h), PPN_CHECK_HANDSHAKE },	  { AT(nonce), PPN_CHECK_HANDSHAKE },
		{ AT(x), PPN_CHECK_HANDSHAKE },	  { AT(claim), PPN_CHECK_PRIOR },
		{ AT(y), PPN_CHECK_OK },
	};
#undef AT
	static const uint8_t zeros[PPN_HASH_LEN];
	struct scene s;
	struct ppn_seat seat;
	uint8_t object[512];
	ssize_t len;

	(void)state;
	scene_make(&s);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		seat = seat_of(&s);
		((uint8_t *)&seat)[rows[i].at] ^= 1;
		len = ppn_seat_write(object, sizeof(object), &seat, s.f.root.fleet, s.f.seat_seed);
		if (take_seat((struct ppn_bytes){ object, (size_t)len }, &s) != rows[i].check)
			fail_msg("row %zu", i);
	}
	/* an unclaimed node has no seats */
	seat = seat_of(&s);
	memset(seat.claim, 0, sizeof(seat.claim));
	s.facts.prior = zeros;
	len = ppn_seat_write(object, sizeof(object), &seat, s.f.root.fleet, s.f.seat_seed);
	assert_check(take_seat((struct ppn_bytes){ object, (size_t)len }, &s), PPN_CHECK_PRIOR);
}

/* A claim is no seat and a seat no claim, though their fields are alike. */
static void domains_apart(void **state)
{
	struct scene s;
	struct ppn_claim claim;
	uint8_t object[512];
	size_t len;

	(void)state;
	scene_make(&s);
	claim = claim_of(&s);
	len = claim_make(object, &s, &claim);
	assert_check(take_seat((struct ppn_bytes){ object, len }, &s), PPN_CHECK_KIND);
	object[0] = PPN_OBJECT_SEAT;
	assert_int_not_equal(take_seat((struct ppn_bytes){ object, len }, &s), PPN_CHECK_OK);
	object[2] = 1; /* as a seat of a higher minor */
	assert_check(take_seat((struct ppn_bytes){ object, len }, &s), PPN_CHECK_SIGNATURE);
}

/* ---- node ---- */

static const uint8_t fleet_id[PPN_HASH_LEN] = { 5 };

static struct ppn_node_proof node_of(const char *who)
{
	struct ppn_node_proof node = { .ledger_size = 3,
				       .state = PPN_STATE_HOLDING,
				       .posture = PPN_POSTURE_CLOUD };

	sign_key_of(node.identity, who);
	dh_key_of(node.noise_key, "node's noise");
	dh_key_of(node.rs, "seat's noise");
	dh_key_of(node.x, "ticket");
	ppn_hash(node.nonce, "nonce", 5);
	ppn_hash(node.ledger_hash, "entry", 5);
	memset(node.batch, 1, sizeof(node.batch));
	memset(node.proof, 2, sizeof(node.proof));
	return node;
}

static enum ppn_check read_node(struct ppn_bytes bytes, void *arg)
{
	uint8_t remote[PPN_KEY_LEN], own[PPN_KEY_LEN];
	struct ppn_node_proof node;

	dh_key_of(remote, "node's noise");
	dh_key_of(own, "seat's noise");
	return ppn_node_read(bytes, fleet_id, remote, own, arg ? arg : &node);
}

static ssize_t node_make(uint8_t ret[static 512], const struct ppn_node_proof *node)
{
	uint8_t seed[32];

	secret_of(seed, "node");
	return ppn_node_write(ret, 512, node, fleet_id, seed);
}

static void node_round_trip(void **state)
{
	struct ppn_node_proof node = node_of("node"), back = { 0 };
	uint8_t object[512];
	ssize_t len = node_make(object, &node);
	struct ppn_bytes good = { object, (size_t)len };

	(void)state;
	assert_int_equal(len, sizeof(struct ppn_node_body) + PPN_SIG_LEN);
	assert_check(read_node(good, &back), PPN_CHECK_OK);
	assert_memory_equal(&back, &node, sizeof(back));
	refuses_truncation(read_node, NULL, good);
	refuses_flips(read_node, NULL, good, 0);
}

static void node_proves_this_handshake(void **state)
{
	struct ppn_node_proof node = node_of("node");
	uint8_t object[512];

	(void)state;
	node.noise_key[0] ^= 1;
	assert_check(read_node((struct ppn_bytes){ object, (size_t)node_make(object, &node) },
			       NULL),
		     PPN_CHECK_HANDSHAKE);
	node = node_of("node");
	node.rs[0] ^= 1; /* a proof meant for another authority, passed on */
	assert_check(read_node((struct ppn_bytes){ object, (size_t)node_make(object, &node) },
			       NULL),
		     PPN_CHECK_HANDSHAKE);
	node = node_of("another node");
	assert_check(read_node((struct ppn_bytes){ object, (size_t)node_make(object, &node) },
			       NULL),
		     PPN_CHECK_SIGNATURE);
}

static void node_ranges(void **state)
{
	const struct {
		unsigned int state, posture;
		bool batch, proof, good;
		uint16_t zero; /* which the writer always has right */
	} rows[] = {
		{ PPN_STATE_BOUND, PPN_POSTURE_ONPREM, false, false, true, 0 },
		{ PPN_STATE_BOUND, PPN_POSTURE_ONPREM, false, false, false, 1 },
		{ _PPN_STATE_MAX, PPN_POSTURE_ONPREM, true, true, false, 0 },
		{ PPN_STATE_BOUND, PPN_POSTURE_NONE, true, true, false, 0 },
		{ PPN_STATE_BOUND, _PPN_POSTURE_MAX, true, true, false, 0 },
		{ PPN_STATE_BOUND, PPN_POSTURE_ONPREM, true, false, false, 0 },
		{ PPN_STATE_BOUND, PPN_POSTURE_ONPREM, false, true, false, 0 },
	};
	uint8_t object[512], seed[32];

	(void)state;
	secret_of(seed, "node");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ppn_node_proof node = node_of("node");
		struct ppn_node_body body;

		assert_true(node_make(object, &node) > 0);
		memcpy(&body, object, sizeof(body));
		body.zero = rows[i].zero;
		node.state = body.state = (uint8_t)rows[i].state;
		node.posture = body.posture = (uint8_t)rows[i].posture;
		memset(node.batch, rows[i].batch, sizeof(node.batch));
		memset(body.batch, rows[i].batch, sizeof(body.batch));
		memset(node.proof, rows[i].proof, sizeof(node.proof));
		memset(body.proof, rows[i].proof, sizeof(body.proof));
		assert_int_equal(node_make(object, &node) > 0, rows[i].good || rows[i].zero);
		assert_true(ppn_object_finish(object, sizeof(object), BYTES(body), fleet_id, seed) >
			    0);
		assert_check(read_node((struct ppn_bytes){ object, sizeof(body) + PPN_SIG_LEN },
				       NULL),
			     rows[i].good ? PPN_CHECK_OK : PPN_CHECK_FORM);
	}
}

/* ---- accept ---- */

static enum ppn_check read_accept(struct ppn_bytes bytes, void *arg)
{
	uint8_t identity[PPN_KEY_LEN], claim[PPN_HASH_LEN];
	struct ppn_accept accept;

	sign_key_of(identity, "node");
	ppn_hash(claim, "claim", 5);
	return ppn_accept_read(bytes, fleet_id, identity, claim, arg ? arg : &accept);
}

static void accept_round_trip(void **state)
{
	struct ppn_accept accept = { .ledger_size = 4 }, back = { 0 };
	uint8_t object[512], seed[32];
	struct ppn_bytes good = { object, sizeof(struct ppn_accept_body) + PPN_SIG_LEN };

	(void)state;
	secret_of(seed, "node");
	ppn_hash(accept.claim, "claim", 5);
	dh_key_of(accept.wg_key, "wireguard");
	assert_int_equal(ppn_accept_write(object, sizeof(object), &accept, fleet_id, seed),
			 good.len);
	assert_check(read_accept(good, &back), PPN_CHECK_OK);
	assert_memory_equal(&back, &accept, sizeof(back));
	refuses_truncation(read_accept, NULL, good);
	refuses_flips(read_accept, NULL, good, 0);
	accept.claim[0] ^= 1;
	assert_int_equal(ppn_accept_write(object, sizeof(object), &accept, fleet_id, seed),
			 good.len);
	assert_check(read_accept(good, NULL), PPN_CHECK_HASH);
	accept.claim[0] ^= 1;
	memset(accept.wg_key, 0, sizeof(accept.wg_key));
	assert_int_equal(ppn_accept_write(object, sizeof(object), &accept, fleet_id, seed),
			 good.len);
	assert_check(read_accept(good, NULL), PPN_CHECK_FORM);
	secret_of(seed, "another node");
	dh_key_of(accept.wg_key, "wireguard");
	assert_int_equal(ppn_accept_write(object, sizeof(object), &accept, fleet_id, seed),
			 good.len);
	assert_check(read_accept(good, NULL), PPN_CHECK_SIGNATURE);
	assert_int_equal(ppn_accept_write(object, good.len - 1, &accept, fleet_id, seed),
			 -EMSGSIZE);
}

/* ---- derivations ---- */

static void pair_keys(void **state)
{
	uint8_t nonce[32], shared[32], hash[32], prk[32], info[64], okm[16];
	struct ppn_pair_keys keys, other;

	(void)state;
	secret_of(nonce, "nonce");
	secret_of(shared, "shared");
	secret_of(hash, "object");
	ppn_pair_derive(&keys, nonce, shared, hash);
	ppn_hkdf_extract(prk, nonce, 32, shared, 32);
	memcpy(info, "ppn command 1", 13);
	memcpy(info + 13, hash, 32);
	ppn_hkdf_expand(okm, 16, prk, info, 45);
	assert_memory_equal(keys.command, okm, 16);
	memcpy(info, "ppn telemetry 1", 15);
	memcpy(info + 15, hash, 32);
	ppn_hkdf_expand(okm, 16, prk, info, 47);
	assert_memory_equal(keys.telemetry, okm, 16);
	hash[0] ^= 1;
	ppn_pair_derive(&other, nonce, shared, hash);
	assert_memory_not_equal(&keys, &other, sizeof(keys));
}

static void prologue(void **state)
{
	uint8_t got[PPN_PROLOGUE_LEN], zeros[PPN_HASH_LEN] = { 0 };

	(void)state;
	ppn_prologue(got, PPN_MODE_PIN, fleet_id);
	assert_memory_equal(got, "ppn 1\1", 6);
	assert_memory_equal(got + 6, fleet_id, PPN_HASH_LEN);
	ppn_prologue(got, PPN_MODE_CODE, zeros);
	assert_memory_equal(got, "ppn 1\2", 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(claim_round_trip),
		cmocka_unit_test(claim_names_everything),
		cmocka_unit_test(claim_prior),
		cmocka_unit_test(claim_posture_and_number),
		cmocka_unit_test(claim_signer),
		cmocka_unit_test(claim_ranges),
		cmocka_unit_test(other_kinds),
		cmocka_unit_test(seat_round_trip),
		cmocka_unit_test(seat_names_everything),
		cmocka_unit_test(domains_apart),
		cmocka_unit_test(node_round_trip),
		cmocka_unit_test(node_proves_this_handshake),
		cmocka_unit_test(node_ranges),
		cmocka_unit_test(accept_round_trip),
		cmocka_unit_test(pair_keys),
		cmocka_unit_test(prologue),
	};

	return cmocka_run_group_tests_name("claim", tests, setup_crypto, NULL);
}
