// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* lib/noise: the published vectors, and what the vectors do not show: turns, bounds, damage, the hook. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#define NOISE_VECTORS_NO_MAIN
#include "unit/noise-vectors.c"

#define XX "Noise_XX_25519_ChaChaPoly_SHA256"

static struct ppn_noise_key key_make(uint8_t fill)
{
	struct ppn_noise_key key = { 0 };

	memset(key.secret, fill, sizeof(key.secret));
	ppn_dh_public(key.key, key.secret);
	return key;
}

/* Both ends of a handshake of `name`; s of the initiator is made of 1, of the responder of 2. */
static void pair_start(struct ppn_noise *init, struct ppn_noise *resp, const char *name,
		       const struct ppn_noise_key *init_key)
{
	struct ppn_noise_key s_init = key_make(1), s_resp = key_make(2);
	const uint8_t e_init[32] = { 8 }, e_resp[32] = { 16 };
	struct ppn_noise_config config = {
		.name = name,
		.initiator = true,
		.prologue = "p",
		.prologue_len = 1,
		.s = init_key ? init_key : &s_init,
		.e_secret = e_init,
	};

	assert_int_equal(ppn_noise_start(init, &config), 0);
	config.initiator = false;
	config.s = &s_resp;
	config.e_secret = e_resp;
	assert_int_equal(ppn_noise_start(resp, &config), 0);
}

static void pass(struct ppn_noise *from, struct ppn_noise *to, const char *text)
{
	uint8_t message[256], payload[256];
	size_t len, payload_len;

	assert_int_equal(ppn_noise_write(from, message, sizeof(message), &len, text, strlen(text)),
			 0);
	assert_int_equal(ppn_noise_read(to, payload, sizeof(payload), &payload_len, message, len),
			 0);
	assert_int_equal(payload_len, strlen(text));
	assert_memory_equal(payload, text, payload_len);
}

static void vectors_hold(void **state)
{
	json_t *root = json_load_file(PPN_VECTORS "/noise-cacophony.json", 0, NULL);
	json_t *vectors = json_object_get(root, "vectors"), *vector;
	size_t i;

	(void)state;
	assert_int_equal(json_array_size(vectors), 4);
	json_array_foreach(vectors, i, vector)
		if (vector_judge(vector) != PASSED)
			fail_msg("%s: %s", vector_name(vector), why);
	json_decref(root);
}

/* The judge itself: every kind of change fails, an unknown protocol is skipped. */
static void vectors_can_fail(void **state)
{
	static const char *const fields[] = { "init_prologue", "resp_static", "init_ephemeral",
					      "handshake_hash" };
	const char *thirty_two = "00000000000000000000000000000000"
				 "00000000000000000000000000000001";
	json_t *root = json_load_file(PPN_VECTORS "/noise-cacophony.json", 0, NULL);
	json_t *xx = json_array_get(json_object_get(root, "vectors"), 1), *vector;

	(void)state;
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		vector = json_deep_copy(xx);
		json_object_set_new(vector, fields[i], json_string(thirty_two));
		assert_int_equal(vector_judge(vector), FAILED);
		json_decref(vector);
	}
	assert_int_equal(vector_judge(xx), PASSED);
	while (json_array_size(json_object_get(xx, "messages")) > 2)
		json_array_remove(json_object_get(xx, "messages"), 2);
	assert_int_equal(vector_judge(xx), FAILED);
	json_object_set_new(xx, "protocol_name", json_string("Noise_XX_448_AESGCM_SHA512"));
	assert_int_equal(vector_judge(xx), SKIPPED);
	json_object_del(xx, "protocol_name");
	assert_int_equal(vector_judge(xx), FAILED);
	json_decref(root);
}

static void names(void **state)
{
	static const struct {
		const char *name;
		bool known;
	} rows[] = {
		{ XX, true },
		{ "Noise_XXpsk0_25519_ChaChaPoly_SHA256", true },
		{ "Noise_XXpsk0+psk3_25519_ChaChaPoly_SHA256", true },
		{ "Noise_IKpsk2_25519_ChaChaPoly_SHA256", true },
		{ "Noise_XXpsk4_25519_ChaChaPoly_SHA256", false },
		{ "Noise_NNpsk3_25519_ChaChaPoly_SHA256", false },
		{ "Noise_XXpsk3+psk0_25519_ChaChaPoly_SHA256", false },
		{ "Noise_XXpsk0+psk0_25519_ChaChaPoly_SHA256", false },
		{ "Noise_XXpsk0psk1_25519_ChaChaPoly_SHA256", false },
		{ "Noise_XXpsk0+_25519_ChaChaPoly_SHA256", false },
		{ "Noise_XXpsk0+psk1+psk2_25519_ChaChaPoly_SHA256", false },
		{ "Noise_XXpsk_25519_ChaChaPoly_SHA256", false },
		{ "Noise_XXfallback_25519_ChaChaPoly_SHA256", false },
		{ "Noise_XX_448_ChaChaPoly_SHA256", false },
		{ "Noise_XX_25519_AESGCM_SHA256", false },
		{ "Noise_XX_25519_ChaChaPoly_SHA256 ", false },
		{ "Noise_XY_25519_ChaChaPoly_SHA256", false },
		{ "Noise_XXX_25519_ChaChaPoly_SHA256", false },
		{ "Noise__25519_ChaChaPoly_SHA256", false },
		{ "Noise_XX", false },
		{ "", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (ppn_noise_known(rows[i].name) != rows[i].known)
			fail_msg("%s", rows[i].name);
}

static void keys_missing(void **state)
{
	const struct ppn_noise_key s = key_make(1);
	const uint8_t e[32] = { 3 }, psk[1][32] = { { 5 } };
	const struct ppn_noise_config rows[] = {
		{ .name = XX, .initiator = true, .s = &s },
		{ .name = XX, .initiator = true, .e_secret = e },
		{ .name = XX, .initiator = true, .s = &s, .e_secret = e, .rs = s.key },
		{ .name = XX, .initiator = true, .s = &s, .e_secret = e, .psks = psk, .n_psks = 1 },
		{ .name = "Noise_XXpsk0_25519_ChaChaPoly_SHA256",
		  .initiator = true,
		  .s = &s,
		  .e_secret = e },
		{ .name = "Noise_IK_25519_ChaChaPoly_SHA256",
		  .initiator = true,
		  .s = &s,
		  .e_secret = e },
		{ .name = "Noise_KN_25519_ChaChaPoly_SHA256", .initiator = false, .e_secret = e },
		{ .name = "Noise_NK_25519_ChaChaPoly_SHA256", .initiator = false, .e_secret = e },
		{ .name = "nonsense", .initiator = true, .s = &s, .e_secret = e },
	};
	struct ppn_noise noise;
	uint8_t message[64];
	size_t len;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(ppn_noise_start(&noise, &rows[i]), -EINVAL);
		assert_false(ppn_noise_writes(&noise));
		assert_int_equal(ppn_noise_write(&noise, message, sizeof(message), &len, "", 0),
				 -EPROTO);
	}
}

static void turns(void **state)
{
	struct ppn_noise init, resp;
	struct ppn_noise_cipher a, b;
	uint8_t buf[256];
	size_t len = 7;

	(void)state;
	pair_start(&init, &resp, XX, NULL);
	assert_true(ppn_noise_writes(&init));
	assert_false(ppn_noise_writes(&resp));
	assert_int_equal(ppn_noise_split(&init, &a, &b), -EINVAL);
	assert_int_equal(ppn_noise_write(&resp, buf, sizeof(buf), &len, "", 0), -EINVAL);
	assert_int_equal(ppn_noise_read(&resp, buf, sizeof(buf), &len, buf, 32), -EPROTO);
	assert_int_equal(len, 7);
	pair_start(&init, &resp, XX, NULL);
	pass(&init, &resp, "");
	pass(&resp, &init, "two");
	pass(&init, &resp, "three");
	assert_true(init.done && resp.done);
	assert_false(ppn_noise_writes(&init) || ppn_noise_writes(&resp));
	assert_int_equal(ppn_noise_overhead(&init), 0);
	assert_memory_equal(init.h, resp.h, sizeof(init.h));
	assert_int_equal(ppn_noise_write(&init, buf, sizeof(buf), &len, "", 0), -EINVAL);
}

static void overheads(void **state)
{
	static const size_t expected[] = { 32, 96, 64 };
	struct ppn_noise init, resp;

	(void)state;
	pair_start(&init, &resp, XX, NULL);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(ppn_noise_overhead(&init), expected[i]);
		assert_int_equal(ppn_noise_overhead(&resp), expected[i]);
		pass(i % 2 ? &resp : &init, i % 2 ? &init : &resp, "x");
	}
}

static void bounds(void **state)
{
	static uint8_t big[PPN_MESSAGE2_MAX + 1], out[PPN_MESSAGE2_MAX + 1];
	struct ppn_noise init, resp;
	size_t len = 7;

	(void)state;
	pair_start(&init, &resp, XX, NULL);
	assert_int_equal(ppn_noise_write(&init, out, 31, &len, "", 0), -EMSGSIZE);
	pair_start(&init, &resp, XX, NULL);
	assert_int_equal(ppn_noise_write(&init, out, sizeof(out), &len, big, PPN_MESSAGE2_MAX - 31),
			 -EMSGSIZE);
	pair_start(&init, &resp, XX, NULL);
	assert_int_equal(ppn_noise_write(&init, out, sizeof(out), &len, big, PPN_MESSAGE2_MAX - 32),
			 0);
	assert_int_equal(len, PPN_MESSAGE2_MAX);
	assert_int_equal(ppn_noise_read(&resp, big, sizeof(big), &len, out, len), 0);
	assert_int_equal(len, PPN_MESSAGE2_MAX - 32);
	pair_start(&init, &resp, XX, NULL);
	len = 7;
	assert_int_equal(ppn_noise_read(&resp, out, sizeof(out), &len, big, 31), -EMSGSIZE);
	pair_start(&init, &resp, XX, NULL);
	assert_int_equal(ppn_noise_read(&resp, out, sizeof(out), &len, big, sizeof(big)),
			 -EMSGSIZE);
	pair_start(&init, &resp, XX, NULL);
	assert_int_equal(ppn_noise_read(&resp, out, 3, &len, big, 36), -EMSGSIZE);
	assert_int_equal(len, 7);
}

/* Message number `at` with one bit flipped, at every byte of it. */
static void damage_at(size_t at, size_t from)
{
	for (size_t byte = from;; byte++) {
		struct ppn_noise init, resp;
		uint8_t message[256], payload[256] = { 0 };
		struct ppn_noise *w = at % 2 ? &resp : &init, *r = at % 2 ? &init : &resp;
		static const uint8_t zeros[256];
		size_t len, payload_len = 7;
		int err;

		pair_start(&init, &resp, XX, NULL);
		for (size_t i = 0; i < at; i++)
			pass(i % 2 ? &resp : &init, i % 2 ? &init : &resp, "earlier");
		assert_int_equal(ppn_noise_write(w, message, sizeof(message), &len, "secret", 6),
				 0);
		if (byte == len)
			return;
		message[byte] ^= 1;
		err = ppn_noise_read(r, payload, sizeof(payload), &payload_len, message, len);
		if (err != -EBADMSG)
			fail_msg("message %zu, byte %zu: %d", at, byte, err);
		assert_int_equal(payload_len, 7);
		assert_memory_equal(payload, zeros, sizeof(payload));
		assert_true(ppn_is_zero(r->ck, sizeof(r->ck)) && ppn_is_zero(&r->s, sizeof(r->s)));
		assert_int_equal(ppn_noise_read(r, payload, sizeof(payload), &payload_len, message,
						len),
				 -EPROTO);
	}
}

static void damage(void **state)
{
	(void)state;
	damage_at(1, 0);
	damage_at(2, 0);
}

/* Message 1 is in clear: a change shows when message 2 does not open. */
static void damage_first(void **state)
{
	struct ppn_noise init, resp;
	uint8_t message[256], payload[256];
	size_t len, payload_len;

	(void)state;
	pair_start(&init, &resp, XX, NULL);
	assert_int_equal(ppn_noise_write(&init, message, sizeof(message), &len, "", 0), 0);
	message[5] ^= 1;
	assert_int_equal(
		ppn_noise_read(&resp, payload, sizeof(payload), &payload_len, message, len), 0);
	assert_int_equal(ppn_noise_write(&resp, message, sizeof(message), &len, "", 0), 0);
	assert_int_equal(ppn_noise_read(&init, payload, sizeof(payload), &payload_len, message,
					len),
			 -EBADMSG);
}

static void small_order(void **state)
{
	struct ppn_noise init, resp;
	uint8_t message[256] = { 0 }, payload[256];
	size_t len;

	(void)state;
	pair_start(&init, &resp, XX, NULL);
	assert_int_equal(ppn_noise_read(&resp, payload, sizeof(payload), &len, message, 32), 0);
	assert_int_equal(ppn_noise_write(&resp, message, sizeof(message), &len, "", 0), -EBADMSG);
}

static void prologue_differs(void **state)
{
	const struct ppn_noise_key s = key_make(2);
	const uint8_t e[32] = { 4 };
	struct ppn_noise_config config = {
		.name = XX, .s = &s, .e_secret = e, .prologue = "q", .prologue_len = 1
	};
	struct ppn_noise init, resp;
	uint8_t message[256], payload[256];
	size_t len, payload_len;

	(void)state;
	pair_start(&init, &resp, XX, NULL);
	assert_int_equal(ppn_noise_start(&resp, &config), 0);
	pass(&init, &resp, "");
	assert_int_equal(ppn_noise_write(&resp, message, sizeof(message), &len, "", 0), 0);
	assert_int_equal(ppn_noise_read(&init, payload, sizeof(payload), &payload_len, message,
					len),
			 -EBADMSG);
}

/* ---- the DH done elsewhere: the initiator holds no static secret ------------------------------- */

struct delivered {
	uint8_t expected[PPN_KEY_LEN], shared[32];
	int err, calls;
};

static int deliver(void *arg, uint8_t ret_shared[static 32], const uint8_t key[static PPN_KEY_LEN])
{
	struct delivered *d = arg;

	d->calls++;
	assert_memory_equal(key, d->expected, PPN_KEY_LEN);
	if (!d->err)
		memcpy(ret_shared, d->shared, sizeof(d->shared));
	return d->err;
}

static void hook(void **state)
{
	struct ppn_noise_key s = key_make(1), hooked = { .dh = deliver };
	struct ppn_noise init, resp;
	struct delivered d = { 0 };
	struct ppn_noise_cipher ci[2], cr[2];
	uint8_t out[64];

	(void)state;
	memcpy(hooked.key, s.key, sizeof(s.key));
	hooked.arg = &d;
	pair_start(&init, &resp, XX, &hooked);
	pass(&init, &resp, "");
	pass(&resp, &init, "credentials");
	assert_true(init.has_rs && init.has_re);
	assert_int_equal(d.calls, 0);
	memcpy(d.expected, init.re, sizeof(d.expected));
	assert_int_equal(ppn_dh(d.shared, s.secret, init.re), 0); /* the monitor */
	pass(&init, &resp, "node");
	assert_int_equal(d.calls, 1);
	assert_memory_equal(resp.rs, s.key, sizeof(s.key));
	assert_int_equal(ppn_noise_split(&init, &ci[0], &ci[1]), 0);
	assert_int_equal(ppn_noise_split(&resp, &cr[0], &cr[1]), 0);
	assert_int_equal(ppn_noise_split(&resp, &cr[0], &cr[1]), -EINVAL);
	assert_true(ppn_is_zero(resp.e_secret, 32) && ppn_is_zero(&resp.s, sizeof(resp.s)));
	assert_int_equal(ppn_noise_seal(&cr[0], out, "hello", 5), 0);
	assert_int_equal(ppn_noise_open(&ci[1], out, out, 21), 0);
	assert_memory_equal(out, "hello", 5);
}

static void hook_refuses(void **state)
{
	struct ppn_noise_key s = key_make(1), hooked = { .dh = deliver };
	struct delivered d = { .err = -EACCES };
	struct ppn_noise init, resp;
	uint8_t message[256];
	size_t len;

	(void)state;
	memcpy(hooked.key, s.key, sizeof(s.key));
	hooked.arg = &d;
	pair_start(&init, &resp, XX, &hooked);
	pass(&init, &resp, "");
	pass(&resp, &init, "");
	memcpy(d.expected, init.re, sizeof(d.expected));
	assert_int_equal(ppn_noise_write(&init, message, sizeof(message), &len, "", 0), -EACCES);
	assert_int_equal(ppn_noise_write(&init, message, sizeof(message), &len, "", 0), -EPROTO);
}

static void transport(void **state)
{
	static uint8_t big[PPN_MESSAGE2_MAX + 1];
	struct ppn_noise_cipher send = { .key = { 9 } }, receive = { .key = { 9 } };
	uint8_t one[21], two[21], out[32];

	(void)state;
	assert_int_equal(ppn_noise_seal(&send, one, "first", 5), 0);
	assert_int_equal(ppn_noise_seal(&send, two, "other", 5), 0);
	assert_int_equal(ppn_noise_open(&receive, out, two, 21), -EBADMSG); /* reordered */
	assert_int_equal(ppn_noise_open(&receive, out, one, 20), -EBADMSG);
	assert_int_equal(ppn_noise_open(&receive, out, one, 15), -EMSGSIZE);
	assert_int_equal(ppn_noise_open(&receive, out, one, 21), 0); /* n stayed */
	assert_int_equal(ppn_noise_open(&receive, out, one, 21), -EBADMSG); /* replayed */
	assert_int_equal(ppn_noise_open(&receive, out, two, 21), 0);
	assert_int_equal(ppn_noise_open(&receive, big, big, sizeof(big)), -EMSGSIZE);
	assert_int_equal(ppn_noise_seal(&send, big, big, PPN_MESSAGE2_MAX - 15), -EMSGSIZE);
	send.n = receive.n = UINT64_MAX;
	assert_int_equal(ppn_noise_seal(&send, one, "first", 5), -EOVERFLOW);
	assert_int_equal(ppn_noise_open(&receive, out, one, 21), -EOVERFLOW);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vectors_hold),
		cmocka_unit_test(vectors_can_fail),
		cmocka_unit_test(names),
		cmocka_unit_test(keys_missing),
		cmocka_unit_test(turns),
		cmocka_unit_test(overheads),
		cmocka_unit_test(bounds),
		cmocka_unit_test(damage),
		cmocka_unit_test(damage_first),
		cmocka_unit_test(small_order),
		cmocka_unit_test(prologue_differs),
		cmocka_unit_test(hook),
		cmocka_unit_test(hook_refuses),
		cmocka_unit_test(transport),
	};

	if (ppn_crypto_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
