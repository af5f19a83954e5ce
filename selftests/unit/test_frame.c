// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "unit/hostile.h"

#include <endian.h>
#include <jansson.h>
#include <ppn/ctl.h>
#include <stdio.h>
#include "unit/fleet.h"

static const uint8_t key[PPN_SIP_KEY_LEN] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 };

/* ---- SipHash, by the published vectors ---- */

static void siphash_vectors(void **state)
{
	json_error_t error;
	json_t *root = json_load_file(PPN_VECTORS "/siphash24.json", 0, &error), *tag;
	uint8_t vector_key[16], expected[8], got[8], message[64];
	const char *len;
	size_t rows = 0;

	(void)state;
	assert_non_null(root);
	for (size_t i = 0; i < sizeof(message); i++)
		message[i] = (uint8_t)i;
	assert_int_equal(ppn_unhex(vector_key, 16, json_string_value(json_object_get(root, "key"))),
			 0);
	assert_memory_equal(vector_key, key, sizeof(key));
	json_object_foreach(json_object_get(root, "tag_by_length"), len, tag) {
		size_t n = strtoul(len, NULL, 10);

		assert_true(n <= sizeof(message));
		assert_int_equal(ppn_unhex(expected, 8, json_string_value(tag)), 0);
		ppn_siphash(got, vector_key, message, n);
		assert_memory_equal(got, expected, sizeof(got));
		rows++;
	}
	assert_true(rows > 0);
	json_decref(root);
}

/* Eight bytes 00..07 are a frame's head: op 0, target 0x010203, arg 4, seq 0x050607. */
static void frame_tag_is_the_vector_of_length_8(void **state)
{
	static const uint8_t tag[8] = { 0x62, 0x24, 0x93, 0x9a, 0x79, 0xf5, 0xf5, 0x93 };
	struct ppn_frame frame;

	(void)state;
	ppn_frame_write(&frame, 0, 0x010203, 4, 0x050607, key);
	assert_memory_equal(&frame, "\0\1\2\3\4\5\6\7", 8);
	assert_memory_equal(frame.tag, tag, sizeof(tag));
}

static void frame_fields(void **state)
{
	static const uint32_t values[] = {
		0, 1, 255, 256, 65535, 65536, PPN_NUMBER_MAX, PPN_SEQ_MAX
	};
	struct ppn_frame frame, other;

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		ppn_frame_write(&frame, PPN_OP_ISOLATE, values[i], 9, values[7 - i], key);
		assert_int_equal(frame.op, PPN_OP_ISOLATE);
		assert_int_equal(frame.arg, 9);
		assert_int_equal(ppn_frame_target(&frame), values[i]);
		assert_int_equal(ppn_frame_seq(&frame), values[7 - i]);
	}
	/* every field is under the tag, and so is the key */
	ppn_frame_write(&frame, 2, 100, 0, 7, key);
	ppn_frame_write(&other, 3, 100, 0, 7, key);
	assert_memory_not_equal(frame.tag, other.tag, 8);
	ppn_frame_write(&other, 2, 101, 0, 7, key);
	assert_memory_not_equal(frame.tag, other.tag, 8);
	ppn_frame_write(&other, 2, 100, 1, 7, key);
	assert_memory_not_equal(frame.tag, other.tag, 8);
	ppn_frame_write(&other, 2, 100, 0, 8, key);
	assert_memory_not_equal(frame.tag, other.tag, 8);
	ppn_frame_write(&other, 2, 100, 0, 7, (const uint8_t *)"another key 16 b");
	assert_memory_not_equal(frame.tag, other.tag, 8);
}

/* ---- telemetry ---- */

static struct ppn_telemetry telemetry_of(uint32_t boots, uint32_t n)
{
	struct ppn_telemetry t = {
		.boots = htobe32(boots),
		.n = htobe32(n),
		.number = htobe32(100),
		.state = PPN_STATE_BOUND,
		.posture = PPN_POSTURE_LEASED,
		.seal_mode = PPN_HOLD_NATIVE,
		.seq_next = htobe32(257),
		.seq_limit = htobe32(512),
		.results[0] = { htobe32(256), PPN_OP_ISOLATE, 0, htobe16(PPN_RESULT_ACTED_KERNEL) },
	};

	ppn_telemetry_seal(&t, key);
	return t;
}

static enum ppn_check check_telemetry(struct ppn_bytes bytes, void *arg)
{
	uint64_t *last = arg;
	struct ppn_telemetry t;

	return ppn_telemetry_check(bytes.data, bytes.len, key, 100, last ? *last : 0, &t);
}

static void telemetry_round_trip(void **state)
{
	struct ppn_telemetry t = telemetry_of(1, 1), back;
	uint8_t tag[8];

	(void)state;
	ppn_siphash(tag, key, &t, 248);
	assert_memory_equal(t.tag, tag, sizeof(tag));
	assert_check(ppn_telemetry_check(&t, sizeof(t), key, 100, 0, &back), PPN_CHECK_OK);
	assert_memory_equal(&back, &t, sizeof(t));
	refuses_truncation(check_telemetry, NULL, BYTES(t));
	refuses_flips(check_telemetry, NULL, BYTES(t), 0);
}

static void telemetry_length(void **state)
{
	uint8_t packet[512] = { 0 };
	struct ppn_telemetry t = telemetry_of(1, 1);

	(void)state;
	memcpy(packet, &t, sizeof(t));
	assert_check(check_telemetry((struct ppn_bytes){ packet, 0 }, NULL), PPN_CHECK_SHORT);
	assert_check(check_telemetry((struct ppn_bytes){ NULL, 0 }, NULL), PPN_CHECK_SHORT);
	assert_check(check_telemetry((struct ppn_bytes){ packet, 255 }, NULL), PPN_CHECK_SHORT);
	assert_check(check_telemetry((struct ppn_bytes){ packet, 256 }, NULL), PPN_CHECK_OK);
	assert_check(check_telemetry((struct ppn_bytes){ packet, 257 }, NULL), PPN_CHECK_LONG);
	assert_check(check_telemetry((struct ppn_bytes){ packet, 512 }, NULL), PPN_CHECK_LONG);
}

static void telemetry_wrong(void **state)
{
	struct ppn_telemetry t = telemetry_of(1, 1), back;
	uint8_t other[PPN_SIP_KEY_LEN] = { 0 };

	(void)state;
	assert_check(ppn_telemetry_check(&t, sizeof(t), other, 100, 0, &back), PPN_CHECK_SIGNATURE);
	assert_check(ppn_telemetry_check(&t, sizeof(t), key, 101, 0, &back), PPN_CHECK_IDENTITY);
	t.tag[7] ^= 1;
	assert_check(ppn_telemetry_check(&t, sizeof(t), key, 100, 0, &back), PPN_CHECK_SIGNATURE);
}

static void telemetry_counter(void **state)
{
	static const struct {
		uint32_t boots, n;
		uint64_t last;
		enum ppn_check check;
	} rows[] = {
		{ 1, 1, 0, PPN_CHECK_OK },
		{ 0, 1, 0, PPN_CHECK_OK },
		{ 0, 0, 0, PPN_CHECK_SEQUENCE },
		{ 1, 1, 0x100000001, PPN_CHECK_SEQUENCE }, /* replayed */
		{ 1, 1, 0x100000002, PPN_CHECK_SEQUENCE },
		{ 1, 3, 0x100000002, PPN_CHECK_OK },
		{ 2, 0, 0x1ffffffff, PPN_CHECK_OK }, /* a boot later n may fall */
		{ 1, UINT32_MAX, 0x200000000, PPN_CHECK_SEQUENCE },
		{ UINT32_MAX, UINT32_MAX, UINT64_MAX, PPN_CHECK_SEQUENCE },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ppn_telemetry t = telemetry_of(rows[i].boots, rows[i].n);
		uint64_t last = rows[i].last;

		assert_check(check_telemetry(BYTES(t), &last), rows[i].check);
	}
}

/* A node we trust with its key is still not trusted with our enums. */
static void telemetry_form(void **state)
{
#define AT(field) offsetof(struct ppn_telemetry, field)
	static const struct {
		size_t at;
		uint8_t value;
		enum ppn_check check;
	} rows[] = {
		{ AT(state), _PPN_STATE_MAX, PPN_CHECK_FORM },
		{ AT(state), PPN_STATE_DAMAGED, PPN_CHECK_OK },
		{ AT(posture), PPN_POSTURE_NONE, PPN_CHECK_FORM },
		{ AT(posture), _PPN_POSTURE_MAX, PPN_CHECK_FORM },
		{ AT(seal_mode), _PPN_HOLD_MAX, PPN_CHECK_FORM },
		{ AT(zero0), 1, PPN_CHECK_FORM },
		{ AT(zero0) + 6, 1, PPN_CHECK_FORM },
		{ AT(zero1) + 3, 1, PPN_CHECK_FORM },
		{ AT(zero2), 1, PPN_CHECK_FORM },
		{ AT(zero2) + 55, 1, PPN_CHECK_FORM },
		{ AT(seq_next), 2, PPN_CHECK_FORM },
		{ AT(seq_limit), 2, PPN_CHECK_FORM },
		{ AT(results) + 4, _PPN_OP_MAX, PPN_CHECK_FORM },
		{ AT(results) + 24, 1, PPN_CHECK_FORM }, /* seq above 24 bits */
		{ AT(results) + 31, _PPN_RESULT_MAX, PPN_CHECK_FORM },
		{ AT(results) + 30, 1, PPN_CHECK_FORM },
		{ AT(boot_id), 0xff, PPN_CHECK_OK },
	};
#undef AT

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ppn_telemetry t = telemetry_of(1, 1);

		((uint8_t *)&t)[rows[i].at] = rows[i].value;
		ppn_telemetry_seal(&t, key);
		if (check_telemetry(BYTES(t), NULL) != rows[i].check)
			fail_msg("row %zu", i);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(siphash_vectors),
		cmocka_unit_test(frame_tag_is_the_vector_of_length_8),
		cmocka_unit_test(frame_fields),
		cmocka_unit_test(telemetry_round_trip),
		cmocka_unit_test(telemetry_length),
		cmocka_unit_test(telemetry_wrong),
		cmocka_unit_test(telemetry_counter),
		cmocka_unit_test(telemetry_form),
	};

	return cmocka_run_group_tests_name("frame", tests, setup_crypto, NULL);
}
