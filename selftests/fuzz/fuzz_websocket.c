// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Frames, to a server (first byte odd) or a client, in pieces of a size the second byte says. The same
 * bytes at once must give the same events.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "host/websocket.h"

#define MAX 1000
#define EVENTS 64

#define CHECK(cond)              \
	do {                     \
		if (!(cond))     \
			abort(); \
	} while (0)

struct seen {
	uint8_t event;
	size_t len;
	uint8_t first;
};

static size_t run(bool server, const uint8_t *data, size_t len, size_t step, struct seen *ret)
{
	struct ppn_websocket *ws = ppn_websocket_new(server, MAX);
	size_t n = 0;

	CHECK(ws);
	for (size_t at = 0; at < len && n < EVENTS; at += step) {
		struct ppn_bytes in = { data + at, len - at < step ? len - at : step },
				 payload = { 0 };
		enum ppn_websocket_event event;

		do {
			event = ppn_websocket_read(ws, &in, &payload);
			if (event == PPN_WEBSOCKET_MORE)
				break;
			if (event < PPN_WEBSOCKET_MORE)
				payload.len = 0;
			CHECK(payload.len <= MAX);
			ret[n++] = (struct seen){ (uint8_t)event, payload.len,
						  payload.len ? payload.data[payload.len - 1] : 0 };
		} while (event > PPN_WEBSOCKET_MORE && n < EVENTS);
		if (event < PPN_WEBSOCKET_MORE)
			break;
	}
	ppn_websocket_free(ws);
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct seen whole[EVENTS] = { 0 }, pieces[EVENTS] = { 0 };
	size_t n;

	if (size < 3)
		return 0;
	n = run(data[0] & 1, data + 2, size - 2, size, whole);
	CHECK(run(data[0] & 1, data + 2, size - 2, data[1] + 1u, pieces) == n);
	for (size_t i = 0; i < n; i++)
		CHECK(whole[i].event == pieces[i].event && whole[i].len == pieces[i].len &&
		      whole[i].first == pieces[i].first);
	return 0;
}
