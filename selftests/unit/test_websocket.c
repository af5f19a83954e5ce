// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* host/websocket: every rule of RFC 6455 that a frame can break, whole and byte by byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "host/websocket.h"
#include "lib/crypto.h"

#define MAX 70000 /* of a message in these tests */

/* A frame by hand: what the code under test would never write, too. */
struct frame {
	uint8_t first; /* FIN, RSV, opcode */
	bool mask;
	size_t len;
	unsigned int len_bytes; /* 0: minimal; 2, 8: coded in so many bytes */
};

static size_t frame_put(uint8_t *out, struct frame f, uint8_t fill)
{
	unsigned int bytes = f.len_bytes ? f.len_bytes : f.len < 126 ? 0 : f.len < 65536 ? 2 : 8;
	static const uint8_t mask[4] = { 0x37, 0xfa, 0x21, 0x3d };
	size_t at = 0;

	out[at++] = f.first;
	out[at++] = (uint8_t)((f.mask ? 0x80 : 0) | (bytes == 8 ? 127 : bytes == 2 ? 126 : f.len));
	for (unsigned int i = 0; i < bytes; i++)
		out[at++] = (uint8_t)(f.len >> (8 * (bytes - 1 - i)));
	if (f.mask) {
		memcpy(out + at, mask, sizeof(mask));
		at += sizeof(mask);
	}
	for (size_t i = 0; i < f.len; i++)
		out[at++] = (uint8_t)(fill ^ (f.mask ? mask[i % 4] : 0));
	return at;
}

#define BINARY 0x82
#define BEGIN 0x02 /* binary, more follows */
#define MIDDLE 0x00
#define LAST 0x80
#define PING 0x89
#define PONG 0x8a
#define CLOSE 0x88

/* The events a server (or client) sees, as letters: M message, I ping, O pong, C close, B broken, L too long. */
static void events(bool server, const uint8_t *data, size_t len, size_t step, char *ret, size_t max)
{
	static const char letters[] = { 'B', 'L', '!', '.', 'M', 'I', 'O', 'C' };
	struct ppn_websocket *ws = ppn_websocket_new(server, MAX);
	struct ppn_bytes payload;
	size_t n = 0;

	assert_non_null(ws);
	for (size_t at = 0; at < len; at += step) {
		struct ppn_bytes in = { data + at, len - at < step ? len - at : step };
		enum ppn_websocket_event event;

		do {
			event = ppn_websocket_read(ws, &in, &payload);
			if (event != PPN_WEBSOCKET_MORE && n < max - 1)
				ret[n++] = letters[event];
			if (event < PPN_WEBSOCKET_MORE)
				at = len;
		} while (event > PPN_WEBSOCKET_MORE);
	}
	ret[n] = '\0';
	ppn_websocket_free(ws);
}

struct row {
	const char *what;
	bool server;
	struct frame frames[8];
	const char *expected;
};

static const struct row rows[] = {
	{ "a message", true, { { BINARY, true, 5, 0 } }, "M" },
	{ "a message to a client", false, { { BINARY, false, 5, 0 } }, "M" },
	{ "an empty one", true, { { BINARY, true, 0, 0 } }, "M" },
	{ "two", true, { { BINARY, true, 5, 0 }, { BINARY, true, 300, 0 } }, "MM" },
	{ "64 bit length", true, { { BINARY, true, 65536, 0 } }, "M" },
	{ "as long as it may be", true, { { BINARY, true, MAX, 0 } }, "M" },
	{ "one byte longer", true, { { BINARY, true, MAX + 1, 0 } }, "L" },
	{ "longer in pieces", true, { { BEGIN, true, MAX, 0 }, { LAST, true, 1, 0 } }, "L" },
	{ "unmasked to a server", true, { { BINARY, false, 5, 0 } }, "B" },
	{ "masked to a client", false, { { BINARY, true, 5, 0 } }, "B" },
	{ "unmasked ping", true, { { PING, false, 5, 0 } }, "B" },
	{ "text", true, { { 0x81, true, 5, 0 } }, "B" },
	{ "RSV1", true, { { BINARY | 0x40, true, 5, 0 } }, "B" },
	{ "RSV2", true, { { BINARY | 0x20, true, 5, 0 } }, "B" },
	{ "RSV3 on a ping", true, { { PING | 0x10, true, 5, 0 } }, "B" },
	{ "reserved opcode 3", true, { { 0x83, true, 5, 0 } }, "B" },
	{ "reserved opcode 11", true, { { 0x8b, true, 5, 0 } }, "B" },
	{ "length not minimal, 16 bit", true, { { BINARY, true, 5, 2 } }, "B" },
	{ "length not minimal, 64 bit", true, { { BINARY, true, 300, 8 } }, "B" },
	{ "two fragments", true, { { BEGIN, true, 5, 0 }, { LAST, true, 5, 0 } }, "M" },
	{ "four fragments",
	  true,
	  { { BEGIN, true, 5, 0 },
	    { MIDDLE, true, 5, 0 },
	    { MIDDLE, true, 0, 0 },
	    { LAST, true, 5, 0 } },
	  "M" },
	{ "five fragments",
	  true,
	  { { BEGIN, true, 5, 0 },
	    { MIDDLE, true, 5, 0 },
	    { MIDDLE, true, 5, 0 },
	    { MIDDLE, true, 5, 0 },
	    { LAST, true, 5, 0 } },
	  "B" },
	{ "empty fragments, five",
	  true,
	  { { BEGIN, true, 0, 0 },
	    { MIDDLE, true, 0, 0 },
	    { MIDDLE, true, 0, 0 },
	    { MIDDLE, true, 0, 0 },
	    { LAST, true, 0, 0 } },
	  "B" },
	{ "ping between fragments",
	  true,
	  { { BEGIN, true, 5, 0 }, { PING, true, 4, 0 }, { LAST, true, 5, 0 } },
	  "IM" },
	{ "continuation of nothing", true, { { LAST, true, 5, 0 } }, "B" },
	{ "message inside a message", true, { { BEGIN, true, 5, 0 }, { BINARY, true, 5, 0 } }, "B" },
	{ "continuation after the end",
	  true,
	  { { BEGIN, true, 5, 0 }, { LAST, true, 5, 0 }, { LAST, true, 5, 0 } },
	  "MB" },
	{ "ping, pong", true, { { PING, true, 125, 0 }, { PONG, true, 0, 0 } }, "IO" },
	{ "ping too long", true, { { PING, true, 126, 0 } }, "B" },
	{ "ping in fragments", true, { { 0x09, true, 5, 0 } }, "B" },
	{ "close", true, { { CLOSE, true, 0, 0 } }, "C" },
	{ "close with a code", true, { { CLOSE, true, 2, 0 } }, "C" },
	{ "close with half a code", true, { { CLOSE, true, 1, 0 } }, "B" },
	{ "close too long", true, { { CLOSE, true, 126, 0 } }, "B" },
};

static void rules(void **state)
{
	static const size_t steps[] = { 1, 7, 4096, SIZE_MAX / 2 };
	static uint8_t data[4 * MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t len = 0;
		char got[16];

		for (size_t f = 0; f < 8 && (rows[i].frames[f].first || rows[i].frames[f].len ||
					     rows[i].frames[f].mask);
		     f++)
			len += frame_put(data + len, rows[i].frames[f], 'x');
		for (size_t s = 0; s < sizeof(steps) / sizeof(steps[0]); s++) {
			events(rows[i].server, data, len, steps[s], got, sizeof(got));
			if (strcmp(got, rows[i].expected) != 0)
				fail_msg("%s, %zu bytes at a time: %s instead of %s", rows[i].what,
					 steps[s], got, rows[i].expected);
		}
	}
}

/* RFC 6455 5.7, as binary: "Hello" masked, and in two fragments unmasked */
static void examples(void **state)
{
	static const uint8_t masked[] = { 0x82, 0x85, 0x37, 0xfa, 0x21, 0x3d,
					  0x7f, 0x9f, 0x4d, 0x51, 0x58 };
	static const uint8_t pieces[] = { 0x02, 0x03, 'H', 'e', 'l', 0x80, 0x02, 'l', 'o' };
	struct ppn_websocket *server = ppn_websocket_new(true, MAX),
			     *client = ppn_websocket_new(false, MAX);
	struct ppn_bytes in = { masked, sizeof(masked) }, payload;

	(void)state;
	assert_int_equal(ppn_websocket_read(server, &in, &payload), PPN_WEBSOCKET_MESSAGE);
	assert_int_equal(payload.len, 5);
	assert_memory_equal(payload.data, "Hello", 5);
	in = (struct ppn_bytes){ pieces, sizeof(pieces) };
	assert_int_equal(ppn_websocket_read(client, &in, &payload), PPN_WEBSOCKET_MESSAGE);
	assert_int_equal(payload.len, 5);
	assert_memory_equal(payload.data, "Hello", 5);
	ppn_websocket_free(server);
	ppn_websocket_free(client);
}

static void control_flood(void **state)
{
	uint8_t data[16 * (PPN_WEBSOCKET_CONTROLS_MAX + 1) * 2];
	char got[64], expected[64];
	size_t len = 0;

	(void)state;
	for (int i = 0; i <= PPN_WEBSOCKET_CONTROLS_MAX; i++)
		len += frame_put(data + len, (struct frame){ PING, true, 1, 0 }, 'p');
	events(true, data, len, len, got, sizeof(got));
	memset(expected, 'I', PPN_WEBSOCKET_CONTROLS_MAX);
	memcpy(expected + PPN_WEBSOCKET_CONTROLS_MAX, "B", 2);
	assert_string_equal(got, expected);
}

/* Once broken it stays broken, whatever comes. */
static void broken_for_good(void **state)
{
	struct ppn_websocket *ws = ppn_websocket_new(true, MAX);
	uint8_t bad[16], good[16];
	size_t bad_len = frame_put(bad, (struct frame){ 0x83, true, 1, 0 }, 'x');
	size_t good_len = frame_put(good, (struct frame){ BINARY, true, 1, 0 }, 'x');
	struct ppn_bytes in = { bad, bad_len }, payload;

	(void)state;
	assert_int_equal(ppn_websocket_read(ws, &in, &payload), PPN_WEBSOCKET_BROKEN);
	in = (struct ppn_bytes){ good, good_len };
	assert_int_equal(ppn_websocket_read(ws, &in, &payload), PPN_WEBSOCKET_BROKEN);
	ppn_websocket_free(ws);
	ppn_websocket_free(NULL);
}

static void limit_changes(void **state)
{
	struct ppn_websocket *ws = ppn_websocket_new(true, MAX);
	uint8_t data[256];
	size_t len = frame_put(data, (struct frame){ BINARY, true, 101, 0 }, 'x');
	struct ppn_bytes in = { data, len }, payload;

	(void)state;
	assert_int_equal(ppn_websocket_read(ws, &in, &payload), PPN_WEBSOCKET_MESSAGE);
	ppn_websocket_limit(ws, 100);
	in = (struct ppn_bytes){ data, len };
	assert_int_equal(ppn_websocket_read(ws, &in, &payload), PPN_WEBSOCKET_TOO_LONG);
	ppn_websocket_free(ws);
}

/* What one role writes the other reads, and only a client masks. */
static void round_trip(void **state)
{
	static const size_t lens[] = { 0, 1, 125, 126, 4096, 4097, 65535, 65536, MAX };
	static uint8_t payload[MAX], frame[MAX + PPN_WEBSOCKET_OVERHEAD_MAX];

	(void)state;
	memset(payload, 'r', sizeof(payload));
	for (size_t i = 0; i < 2 * sizeof(lens) / sizeof(lens[0]); i++) {
		bool server = i % 2;
		struct ppn_websocket *from = ppn_websocket_new(server, MAX);
		struct ppn_websocket *to = ppn_websocket_new(!server, MAX);
		size_t len = lens[i / 2];
		size_t n = ppn_websocket_write(from, frame, PPN_WEBSOCKET_BINARY,
					       (struct ppn_bytes){ payload, len });
		struct ppn_bytes in = { frame, n }, got;

		assert_true(n >= len + 2 && n <= len + PPN_WEBSOCKET_OVERHEAD_MAX);
		assert_int_equal(frame[1] >> 7, !server);
		assert_int_equal(ppn_websocket_read(to, &in, &got), PPN_WEBSOCKET_MESSAGE);
		assert_int_equal(got.len, len);
		if (len > 0)
			assert_memory_equal(got.data, payload, len);
		ppn_websocket_free(from);
		ppn_websocket_free(to);
	}
}

/* Any bit of a head flipped, and any cut: an outcome, no crash. */
static void damage(void **state)
{
	uint8_t data[512];
	size_t len = frame_put(data, (struct frame){ BEGIN, true, 200, 0 }, 'x');
	char got[64];

	(void)state;
	len += frame_put(data + len, (struct frame){ PING, true, 3, 0 }, 'x');
	len += frame_put(data + len, (struct frame){ LAST, true, 100, 0 }, 'x');
	events(true, data, len, len, got, sizeof(got));
	assert_string_equal(got, "IM");
	for (size_t bit = 0; bit < len * 8; bit++) {
		data[bit / 8] ^= (uint8_t)(1 << bit % 8);
		events(true, data, len, 64, got, sizeof(got));
		data[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	for (size_t cut = 0; cut < len; cut++) {
		events(true, data, cut, len, got, sizeof(got));
		assert_null(strchr(got, 'M'));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rules),	 cmocka_unit_test(examples),
		cmocka_unit_test(control_flood), cmocka_unit_test(broken_for_good),
		cmocka_unit_test(limit_changes), cmocka_unit_test(round_trip),
		cmocka_unit_test(damage),
	};

	if (ppn_crypto_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
