// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "unit/hostile.h"

#include <endian.h>
#include <errno.h>
#include "unit/fleet.h"

#define MAX 4096

static const uint8_t fleet[PPN_HASH_LEN] = { 1, 2, 3 };

/* A seat body of nothing but zeros, whole. */
struct sample {
	struct ppn_seat_body body;
	uint8_t sig[PPN_SIG_LEN];
} __attribute__((packed));

static struct sample make_sample(void)
{
	struct sample s = { .body.head = ppn_object_head(PPN_OBJECT_SEAT, sizeof(s.body)) };
	uint8_t seed[32];

	secret_of(seed, "seat");
	assert_int_equal(ppn_object_sign(s.sig, PPN_OBJECT_SEAT, fleet, BYTES(s.body), seed), 0);
	return s;
}

static enum ppn_check take_all(struct ppn_bytes bytes, void *arg)
{
	struct ppn_object_view view;
	struct ppn_bytes in = bytes;
	enum ppn_check check = ppn_object_take(&in, PPN_OBJECT_SEAT, MAX, &view);

	(void)arg;
	if (check == PPN_CHECK_OK)
		return in.len == 0 ? PPN_CHECK_OK : PPN_CHECK_LONG;
	assert_ptr_equal(in.data, bytes.data); /* stays where it was */
	assert_int_equal(in.len, bytes.len);
	return check;
}

static enum ppn_check take_and_verify(struct ppn_bytes bytes, void *arg)
{
	struct ppn_object_view view;
	enum ppn_check check = ppn_object_take(&bytes, PPN_OBJECT_SEAT, MAX, &view);
	uint8_t key[PPN_KEY_LEN];

	(void)arg;
	sign_key_of(key, "seat");
	if (check != PPN_CHECK_OK)
		return check;
	return ppn_object_verify(&view, fleet, key) ? PPN_CHECK_OK : PPN_CHECK_SIGNATURE;
}

static void takes_apart(void **state)
{
	struct sample s = make_sample();
	uint8_t two[2 * sizeof(s)];
	struct ppn_bytes in = BYTES(two);
	struct ppn_object_view view;

	(void)state;
	memcpy(two, &s, sizeof(s));
	memcpy(two + sizeof(s), &s, sizeof(s));
	assert_check(ppn_object_take(&in, PPN_OBJECT_SEAT, MAX, &view), PPN_CHECK_OK);
	assert_int_equal(in.len, sizeof(s));
	assert_ptr_equal(view.whole.data, two);
	assert_int_equal(view.whole.len, sizeof(s));
	assert_int_equal(view.body.len, sizeof(s.body));
	assert_ptr_equal(view.sig, two + sizeof(s.body));
	assert_int_equal(view.major, 1);
	assert_int_equal(view.minor, 0);
}

static void refuses_cut_and_flipped(void **state)
{
	struct sample s = make_sample();

	(void)state;
	refuses_truncation(take_all, NULL, (struct ppn_bytes){ (uint8_t *)&s, sizeof(s) });
	refuses_flips(take_and_verify, NULL, (struct ppn_bytes){ (uint8_t *)&s, sizeof(s) }, 0);
}

static void refuses_heads(void **state)
{
	static const struct {
		uint8_t kind, major, minor, zero;
		uint32_t len;
		enum ppn_check check;
	} rows[] = {
		{ PPN_OBJECT_SEAT, 1, 0, 0, 216, PPN_CHECK_OK },
		{ PPN_OBJECT_SEAT, 1, 9, 0, 216, PPN_CHECK_OK },
		{ PPN_OBJECT_CLAIM, 1, 0, 0, 216, PPN_CHECK_KIND },
		{ PPN_OBJECT_NONE, 1, 0, 0, 216, PPN_CHECK_KIND },
		{ 0xff, 1, 0, 0, 216, PPN_CHECK_KIND },
		{ PPN_OBJECT_SEAT, 2, 0, 0, 216, PPN_CHECK_MAJOR },
		{ PPN_OBJECT_SEAT, 255, 0, 0, 216, PPN_CHECK_MAJOR },
		{ PPN_OBJECT_SEAT, 0, 0, 0, 216, PPN_CHECK_FORM },
		{ PPN_OBJECT_SEAT, 1, 0, 1, 216, PPN_CHECK_FORM },
		{ PPN_OBJECT_SEAT, 1, 0, 0, 0, PPN_CHECK_FORM },
		{ PPN_OBJECT_SEAT, 1, 0, 0, 7, PPN_CHECK_FORM },
		{ PPN_OBJECT_SEAT, 1, 0, 0, 217, PPN_CHECK_SHORT },
		{ PPN_OBJECT_SEAT, 1, 0, 0, MAX + 1, PPN_CHECK_LONG },
		{ PPN_OBJECT_SEAT, 1, 0, 0, UINT32_MAX, PPN_CHECK_LONG },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sample s = make_sample();

		s.body.head = (struct ppn_object_head){ rows[i].kind, rows[i].major, rows[i].minor,
							rows[i].zero, htobe32(rows[i].len) };
		assert_check(take_all((struct ppn_bytes){ (uint8_t *)&s, sizeof(s) }, NULL),
			     rows[i].check);
	}
}

/* The bound is on the whole, signature included. */
static void bounds_the_whole(void **state)
{
	struct sample s = make_sample();
	struct ppn_bytes in = { (uint8_t *)&s, sizeof(s) };
	struct ppn_object_view view;

	(void)state;
	assert_check(ppn_object_take(&in, PPN_OBJECT_SEAT, sizeof(s) - 1, &view), PPN_CHECK_LONG);
	assert_check(ppn_object_take(&in, PPN_OBJECT_SEAT, sizeof(s), &view), PPN_CHECK_OK);
}

static void keeps_higher_minor(void **state)
{
	uint8_t body[sizeof(struct ppn_seat_body) + 5] = { 0 }, object[512], seed[32],
						    key[PPN_KEY_LEN];
	struct ppn_object_head head = ppn_object_head(PPN_OBJECT_SEAT, sizeof(body));
	struct ppn_seat_body fixed;
	struct ppn_object_view view;

	(void)state;
	secret_of(seed, "seat");
	sign_key_of(key, "seat");
	for (uint8_t minor = 0; minor < 2; minor++) {
		struct ppn_bytes in = { object, 0 };
		ssize_t len;

		head.minor = minor;
		memcpy(body, &head, sizeof(head));
		len = ppn_object_finish(object, sizeof(object), BYTES(body), fleet, seed);
		assert_true(len > 0);
		in.len = (size_t)len;
		assert_check(ppn_object_take(&in, PPN_OBJECT_SEAT, MAX, &view), PPN_CHECK_OK);
		assert_int_equal(view.body.len, sizeof(body));
		assert_true(ppn_object_verify(&view, fleet, key));
		assert_check(ppn_object_body(&view, &fixed, sizeof(fixed)),
			     minor ? PPN_CHECK_OK : PPN_CHECK_LONG);
	}
}

static void body_shorter_than_its_struct(void **state)
{
	struct ppn_object_head head = ppn_object_head(PPN_OBJECT_SEAT, sizeof(head));
	uint8_t object[sizeof(head) + PPN_SIG_LEN], seed[32];
	struct ppn_bytes in = BYTES(object);
	struct ppn_seat_body body;
	struct ppn_object_view view;

	(void)state;
	secret_of(seed, "seat");
	assert_int_equal(ppn_object_finish(object, sizeof(object), BYTES(head), fleet, seed),
			 sizeof(object));
	assert_check(ppn_object_take(&in, PPN_OBJECT_SEAT, MAX, &view), PPN_CHECK_OK);
	assert_check(ppn_object_body(&view, &body, sizeof(body)), PPN_CHECK_SHORT);
}

/* Domain, fleet and body, put together by hand. */
static void signs_domain_and_fleet(void **state)
{
	static const char *const domains[] = {
		[PPN_OBJECT_ROOT] = "ppn.root.1",     [PPN_OBJECT_CERT] = "ppn.cert.1",
		[PPN_OBJECT_CRL] = "ppn.crl.1",	      [PPN_OBJECT_BEACON] = "ppn.beacon.1",
		[PPN_OBJECT_KNOCK] = "ppn.knock.1",   [PPN_OBJECT_HERE] = "ppn.here.1",
		[PPN_OBJECT_NODE] = "ppn.node.1",     [PPN_OBJECT_CLAIM] = "ppn.claim.1",
		[PPN_OBJECT_SEAT] = "ppn.seat.1",     [PPN_OBJECT_ACCEPT] = "ppn.accept.1",
		[PPN_OBJECT_ROSTER] = "ppn.roster.1", [PPN_OBJECT_DISCHARGE] = "ppn.discharge.1",
		[PPN_OBJECT_ENTRY] = "ppn.entry.1",
	};
	uint8_t seed[32], key[PPN_KEY_LEN], sig[PPN_SIG_LEN], message[16 + 32 + 4];

	(void)state;
	_Static_assert(sizeof(domains) / sizeof(domains[0]) == _PPN_OBJECT_MAX, "all of them");
	secret_of(seed, "seat");
	sign_key_of(key, "seat");
	for (int kind = 1; kind < _PPN_OBJECT_MAX; kind++) {
		memset(message, 0, sizeof(message));
		memcpy(message, domains[kind], strlen(domains[kind]));
		memcpy(message + 16, fleet, 32);
		memcpy(message + 48, "body", 4);
		assert_int_equal(ppn_object_sign(sig, kind, fleet,
						 (struct ppn_bytes){ (const uint8_t *)"body", 4 },
						 seed),
				 0);
		assert_true(ppn_verify(sig, key, message, sizeof(message)));
	}
}

static void verifies_nothing_else(void **state)
{
	static const uint8_t other_fleet[PPN_HASH_LEN] = { 1, 2, 4 };
	struct sample s = make_sample();
	struct ppn_bytes in = { (uint8_t *)&s, sizeof(s) };
	struct ppn_object_view view, other;
	uint8_t key[PPN_KEY_LEN], stranger[PPN_KEY_LEN];

	(void)state;
	sign_key_of(key, "seat");
	sign_key_of(stranger, "stranger");
	assert_check(ppn_object_take(&in, PPN_OBJECT_SEAT, MAX, &view), PPN_CHECK_OK);
	assert_true(ppn_object_verify(&view, fleet, key));
	assert_false(ppn_object_verify(&view, other_fleet, key));
	assert_false(ppn_object_verify(&view, fleet, stranger));
	other = view;
	other.kind = PPN_OBJECT_CLAIM; /* another domain */
	assert_false(ppn_object_verify(&other, fleet, key));
	other = view;
	other.sig = NULL;
	assert_false(ppn_object_verify(&other, fleet, key));
}

static void signs_long_bodies(void **state)
{
	static const size_t lens[] = { 1999, 2000, 2001, 100000, 3000000 };
	uint8_t seed[32], key[PPN_KEY_LEN], sig[PPN_SIG_LEN];

	(void)state;
	secret_of(seed, "seat");
	sign_key_of(key, "seat");
	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		uint8_t *body = calloc(1, lens[i]);
		struct ppn_object_view view = { .kind = PPN_OBJECT_ROSTER,
						.body = { body, lens[i] },
						.sig = sig };

		assert_non_null(body);
		assert_int_equal(ppn_object_sign(sig, PPN_OBJECT_ROSTER, fleet, view.body, seed),
				 0);
		assert_true(ppn_object_verify(&view, fleet, key));
		body[lens[i] - 1] ^= 1;
		assert_false(ppn_object_verify(&view, fleet, key));
		free(body);
	}
}

static void finishes(void **state)
{
	struct sample s = make_sample();
	uint8_t seed[32], out[sizeof(s)], untouched[sizeof(s)];

	(void)state;
	secret_of(seed, "seat");
	memset(out, 0x5a, sizeof(out));
	memcpy(untouched, out, sizeof(out));
	assert_int_equal(ppn_object_finish(out, sizeof(out) - 1, BYTES(s.body), fleet, seed),
			 -EMSGSIZE);
	assert_int_equal(ppn_object_finish(out, 0, BYTES(s.body), fleet, seed), -EMSGSIZE);
	s.body.head.len = htobe32(sizeof(s.body) + 1);
	assert_int_equal(ppn_object_finish(out, sizeof(out), BYTES(s.body), fleet, seed), -EINVAL);
	s.body.head = ppn_object_head(PPN_OBJECT_SEAT, sizeof(s.body));
	s.body.head.kind = _PPN_OBJECT_MAX;
	assert_int_equal(ppn_object_finish(out, sizeof(out), BYTES(s.body), fleet, seed), -EINVAL);
	assert_memory_equal(out, untouched, sizeof(out));
	s.body.head.kind = PPN_OBJECT_SEAT;
	assert_int_equal(ppn_object_finish(out, sizeof(out), BYTES(s.body), fleet, seed),
			 sizeof(s));
	assert_memory_equal(out, &s, sizeof(s));
	/* in its place */
	memset(out + sizeof(s.body), 0, PPN_SIG_LEN);
	assert_int_equal(ppn_object_finish(out, sizeof(out),
					   (struct ppn_bytes){ out, sizeof(s.body) }, fleet, seed),
			 sizeof(s));
	assert_memory_equal(out, &s, sizeof(s));
}

static void hashes(void **state)
{
	struct sample s = make_sample();
	struct ppn_bytes in = { (uint8_t *)&s, sizeof(s) };
	struct ppn_object_view view;
	uint8_t hash[PPN_HASH_LEN], expected[PPN_HASH_LEN], id[PPN_KEY_ID_LEN];

	(void)state;
	assert_check(ppn_object_take(&in, PPN_OBJECT_SEAT, MAX, &view), PPN_CHECK_OK);
	ppn_object_hash(hash, &view);
	ppn_hash(expected, &s, sizeof(s));
	assert_memory_equal(hash, expected, sizeof(hash));
	ppn_key_id(id, fleet);
	ppn_hash(expected, fleet, sizeof(fleet));
	assert_memory_equal(id, expected, sizeof(id));
}

static void has_words(void **state)
{
	(void)state;
	for (int i = 0; i < _PPN_CHECK_MAX; i++)
		assert_true(strlen(ppn_check_text(i)) > 1);
	assert_string_equal(ppn_check_text(_PPN_CHECK_MAX), "?");
	assert_string_equal(ppn_state_text(PPN_STATE_BLIND), "blind");
	assert_string_equal(ppn_state_text(PPN_STATE_DAMAGED), "damaged");
	assert_string_equal(ppn_state_text(_PPN_STATE_MAX), "?");
	assert_string_equal(ppn_posture_text(PPN_POSTURE_CLOUD), "cloud");
	assert_string_equal(ppn_posture_text(_PPN_POSTURE_MAX), "?");
	for (int op = PPN_OP_PING; op < _PPN_OP_MAX; op++)
		assert_int_equal(ppn_op_number(ppn_op_text(op)), op);
	assert_string_equal(ppn_op_text(0), "?");
	assert_string_equal(ppn_op_text(_PPN_OP_MAX), "?");
	assert_int_equal(ppn_op_number("discharge"), -EINVAL);
	assert_int_equal(ppn_op_number("?"), -EINVAL);
	assert_true(ppn_op_is_state(PPN_OP_ISOLATE) && ppn_op_is_state(PPN_OP_REBOOT));
	assert_false(ppn_op_is_state(PPN_OP_PING) || ppn_op_is_state(0) || ppn_op_is_state(200));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_apart),
		cmocka_unit_test(refuses_cut_and_flipped),
		cmocka_unit_test(refuses_heads),
		cmocka_unit_test(bounds_the_whole),
		cmocka_unit_test(keeps_higher_minor),
		cmocka_unit_test(body_shorter_than_its_struct),
		cmocka_unit_test(signs_domain_and_fleet),
		cmocka_unit_test(verifies_nothing_else),
		cmocka_unit_test(signs_long_bodies),
		cmocka_unit_test(finishes),
		cmocka_unit_test(hashes),
		cmocka_unit_test(has_words),
	};

	return cmocka_run_group_tests_name("object", tests, setup_crypto, NULL);
}
