// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "host/websocket.h"

#include <stdlib.h>
#include <string.h>
#include <wslay/wslay.h>
#include "lib/crypto.h"

struct ppn_websocket {
	wslay_frame_context_ptr frames;
	bool server;
	enum ppn_websocket_event failed; /* MORE while nothing has */
	size_t message_max;

	/* the message that is being put together */
	uint8_t *message;
	size_t message_len, message_size;
	bool in_message;
	unsigned int fragments, controls;

	/* the frame that is being read */
	bool in_frame;
	uint64_t frame_left;
	uint8_t opcode;
	bool fin;
	uint8_t control[PPN_WEBSOCKET_CONTROL_MAX];
	size_t control_len;

	struct ppn_bytes in; /* of the read in progress */
	uint8_t *out; /* of the write in progress */
};

static ssize_t give_input(uint8_t *buf, size_t len, int flags, void *arg)
{
	struct ppn_websocket *ws = arg;

	(void)flags;
	if (ws->in.len == 0)
		return -1;
	len = len < ws->in.len ? len : ws->in.len;
	memcpy(buf, ws->in.data, len);
	ws->in.data += len;
	ws->in.len -= len;
	return (ssize_t)len;
}

static ssize_t take_output(const uint8_t *data, size_t len, int flags, void *arg)
{
	struct ppn_websocket *ws = arg;

	(void)flags;
	memcpy(ws->out, data, len);
	ws->out += len;
	return (ssize_t)len;
}

static int make_mask(uint8_t *buf, size_t len, void *arg)
{
	(void)arg;
	ppn_random(buf, len);
	return 0;
}

struct ppn_websocket *ppn_websocket_new(bool server, size_t message_max)
{
	static const struct wslay_frame_callbacks callbacks = {
		.send_callback = take_output,
		.recv_callback = give_input,
		.genmask_callback = make_mask,
	};
	struct ppn_websocket *ws = calloc(1, sizeof(*ws));

	if (!ws)
		return NULL;
	ws->server = server;
	ws->message_max = message_max;
	ws->failed = PPN_WEBSOCKET_MORE;
	if (wslay_frame_context_init(&ws->frames, &callbacks, ws) != 0) {
		free(ws);
		return NULL;
	}
	return ws;
}

void ppn_websocket_free(struct ppn_websocket *ws)
{
	if (!ws)
		return;
	wslay_frame_context_free(ws->frames);
	if (ws->message)
		ppn_wipe(ws->message, ws->message_size);
	free(ws->message);
	free(ws);
}

void ppn_websocket_limit(struct ppn_websocket *ws, size_t message_max)
{
	ws->message_max = message_max;
}

/* ---- reading --------------------------------------------------------------------------------- */

static bool opcode_allowed(const struct ppn_websocket *ws, uint8_t opcode)
{
	switch (opcode) {
	case PPN_WEBSOCKET_CONTINUATION:
		return ws->in_message && ws->fragments < PPN_WEBSOCKET_FRAGMENTS_MAX;
	case PPN_WEBSOCKET_BINARY:
		return !ws->in_message;
	case PPN_WEBSOCKET_PING:
	case PPN_WEBSOCKET_PONG:
		return ws->controls < PPN_WEBSOCKET_CONTROLS_MAX;
	case PPN_WEBSOCKET_CLOSE:
		return true;
	default:
		return false;
	}
}

static enum ppn_websocket_event message_room(struct ppn_websocket *ws, uint64_t len)
{
	size_t size;
	uint8_t *bigger;

	if (len > ws->message_max || ws->message_len > ws->message_max - len)
		return PPN_WEBSOCKET_TOO_LONG;
	size = ws->message_len + (size_t)len;
	if (size <= ws->message_size)
		return PPN_WEBSOCKET_MORE;
	bigger = malloc(size);
	if (!bigger)
		return PPN_WEBSOCKET_NO_MEMORY;
	if (ws->message) {
		memcpy(bigger, ws->message, ws->message_len);
		ppn_wipe(ws->message, ws->message_size);
		free(ws->message);
	}
	ws->message = bigger;
	ws->message_size = size;
	return PPN_WEBSOCKET_MORE;
}

/* The head of a frame: wslay has checked the length of control frames and minimal length coding. */
static enum ppn_websocket_event frame_start(struct ppn_websocket *ws,
					    const struct wslay_frame_iocb *frame)
{
	if (frame->rsv != 0 || (frame->mask != 0) != ws->server ||
	    !opcode_allowed(ws, frame->opcode))
		return PPN_WEBSOCKET_BROKEN;
	ws->in_frame = true;
	ws->frame_left = frame->payload_length;
	ws->opcode = frame->opcode;
	ws->fin = frame->fin;
	if (wslay_is_ctrl_frame(frame->opcode)) {
		ws->control_len = 0;
		ws->controls++;
		return PPN_WEBSOCKET_MORE;
	}
	if (frame->opcode == PPN_WEBSOCKET_BINARY) {
		ws->in_message = true;
		ws->message_len = 0;
		ws->fragments = 0;
	}
	ws->fragments++;
	return message_room(ws, frame->payload_length);
}

static void frame_data(struct ppn_websocket *ws, const struct wslay_frame_iocb *frame)
{
	bool control = wslay_is_ctrl_frame(ws->opcode);
	size_t *len = control ? &ws->control_len : &ws->message_len;

	if (frame->data_length == 0)
		return;
	memcpy((control ? ws->control : ws->message) + *len, frame->data, frame->data_length);
	*len += frame->data_length;
	ws->frame_left -= frame->data_length;
}

static enum ppn_websocket_event frame_end(struct ppn_websocket *ws, struct ppn_bytes *ret_payload)
{
	ws->in_frame = false;
	*ret_payload = (struct ppn_bytes){ ws->control, ws->control_len };
	switch (ws->opcode) {
	case PPN_WEBSOCKET_PING:
		return PPN_WEBSOCKET_PINGED;
	case PPN_WEBSOCKET_PONG:
		return PPN_WEBSOCKET_PONGED;
	case PPN_WEBSOCKET_CLOSE:
		return ws->control_len == 1 ? PPN_WEBSOCKET_BROKEN : PPN_WEBSOCKET_CLOSED;
	}
	*ret_payload = (struct ppn_bytes){ ws->message, ws->message_len };
	if (!ws->fin)
		return PPN_WEBSOCKET_MORE;
	ws->in_message = false;
	ws->controls = 0;
	return PPN_WEBSOCKET_MESSAGE;
}

/*
 * wslay gives a frame in pieces, and reads ahead of them; where a piece belongs is kept in ws. False when
 * it wants more than there is.
 */
static bool piece(struct ppn_websocket *ws, enum ppn_websocket_event *ret_event,
		  struct ppn_bytes *ret_payload)
{
	struct wslay_frame_iocb frame = { 0 };
	size_t given = ws->in.len;
	ssize_t n = wslay_frame_recv(ws->frames, &frame);

	if (n == WSLAY_ERR_WANT_READ)
		return ws->in.len > 0 && ws->in.len < given;
	if (n < 0)
		*ret_event = PPN_WEBSOCKET_BROKEN;
	else if (!ws->in_frame)
		*ret_event = frame_start(ws, &frame);
	if (*ret_event != PPN_WEBSOCKET_MORE)
		return true;
	frame_data(ws, &frame);
	if (ws->frame_left == 0)
		*ret_event = frame_end(ws, ret_payload);
	return true;
}

enum ppn_websocket_event ppn_websocket_read(struct ppn_websocket *ws, struct ppn_bytes *in,
					    struct ppn_bytes *ret_payload)
{
	enum ppn_websocket_event event = ws->failed;

	ws->in = *in;
	while (event == PPN_WEBSOCKET_MORE && piece(ws, &event, ret_payload))
		;
	if (event < PPN_WEBSOCKET_MORE)
		ws->failed = event;
	*in = ws->in;
	ws->in = (struct ppn_bytes){ 0 };
	return event;
}

/* ---- writing --------------------------------------------------------------------------------- */

size_t ppn_websocket_write(struct ppn_websocket *ws, uint8_t *ret_frame,
			   enum ppn_websocket_opcode opcode, struct ppn_bytes payload)
{
	struct wslay_frame_iocb frame = {
		.fin = 1,
		.opcode = (uint8_t)opcode,
		.payload_length = payload.len,
		.mask = !ws->server,
		.data = payload.data,
		.data_length = payload.len,
	};

	ws->out = ret_frame;
	for (;;) {
		ssize_t n = wslay_frame_send(ws->frames, &frame);

		/* take_output() takes everything: wslay has no reason to stop */
		if (n < 0 || (size_t)n == frame.data_length)
			return (size_t)(ws->out - ret_frame);
		frame.data += n;
		frame.data_length -= (size_t)n;
	}
}
