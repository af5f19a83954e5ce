/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * WebSocket messages (RFC 6455, sections 5 to 7) after the upgrade, over wslay's framing. Pure but
 * for the masks of a client, which are random. Binary messages only, no extension, at most
 * PPN_WEBSOCKET_FRAGMENTS_MAX frames a message, masks exactly as section 5.1 says. The first broken
 * rule ends the stream.
 */
#ifndef PPN_HOST_WEBSOCKET_H
#define PPN_HOST_WEBSOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "lib/wire.h"

enum ppn_websocket_limit {
	PPN_WEBSOCKET_FRAGMENTS_MAX = 4,
	PPN_WEBSOCKET_CONTROLS_MAX = 16, /* pings and pongs between two messages */
	PPN_WEBSOCKET_CONTROL_MAX = 125, /* section 5.5 */
	PPN_WEBSOCKET_OVERHEAD_MAX = 14, /* of one frame */
};

enum ppn_websocket_opcode {
	PPN_WEBSOCKET_CONTINUATION = 0,
	PPN_WEBSOCKET_TEXT = 1,
	PPN_WEBSOCKET_BINARY = 2,
	PPN_WEBSOCKET_CLOSE = 8,
	PPN_WEBSOCKET_PING = 9,
	PPN_WEBSOCKET_PONG = 10,
};

enum ppn_websocket_event {
	PPN_WEBSOCKET_BROKEN = 0, /* a rule was broken: every later read says so again */
	PPN_WEBSOCKET_TOO_LONG, /* likewise */
	PPN_WEBSOCKET_NO_MEMORY, /* likewise */
	PPN_WEBSOCKET_MORE, /* everything given was taken */
	PPN_WEBSOCKET_MESSAGE, /* a whole binary message */
	PPN_WEBSOCKET_PINGED, /* its payload: to be sent back in a pong */
	PPN_WEBSOCKET_PONGED,
	PPN_WEBSOCKET_CLOSED, /* its payload: status code and text, or nothing */
};

struct ppn_websocket;

/* NULL: no memory. server: reads masked frames and writes bare ones; a client the reverse. */
struct ppn_websocket *ppn_websocket_new(bool server, size_t message_max);
void ppn_websocket_free(struct ppn_websocket *ws); /* wipes its buffer; NULL is nothing */
/* Bound of the next message that begins. */
void ppn_websocket_limit(struct ppn_websocket *ws, size_t message_max);
/*
 * Takes from the front of *in (advanced) until something has happened. *ret_payload looks into ws
 * and holds until the next read. Call again until MORE.
 */
enum ppn_websocket_event ppn_websocket_read(struct ppn_websocket *ws, struct ppn_bytes *in,
					    struct ppn_bytes *ret_payload);
/* One whole frame into ret_frame, of payload.len + PPN_WEBSOCKET_OVERHEAD_MAX bytes at least. Returns
 * its length. */
size_t ppn_websocket_write(struct ppn_websocket *ws, uint8_t *ret_frame,
			   enum ppn_websocket_opcode opcode, struct ppn_bytes payload);

#endif
