// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "host/channel_private.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <unistd.h>
#include "host/websocket.h"

/* ---- life and death -------------------------------------------------------------------------- */

void ppn_channel_enter(struct ppn_channel *ch)
{
	ch->busy++;
}

void ppn_channel_leave(struct ppn_channel *ch)
{
	if (--ch->busy > 0 || !ch->freed || ch->state != PPN_CHANNEL_ENDED)
		return;
	free(ch);
}

static void release(struct ppn_channel *ch)
{
	if (ch->bev)
		bufferevent_free(ch->bev);
	else if (ch->fd >= 0)
		close(ch->fd);
	if (ch->connecting)
		event_free(ch->connecting);
	if (ch->deadline)
		event_free(ch->deadline);
	if (ch->linger)
		event_free(ch->linger);
	ppn_websocket_free(ch->ws);
	ch->bev = NULL;
	ch->fd = -1;
	ch->connecting = ch->deadline = ch->linger = NULL;
	ch->ws = NULL;
}

static void close_end(struct ppn_channel *ch)
{
	if (ch->state == PPN_CHANNEL_ENDED)
		return;
	ppn_channel_enter(ch);
	release(ch);
	ch->state = PPN_CHANNEL_ENDED;
	if (!ch->freed)
		ch->hooks->ended(ch->arg, ch, ch->end, ch->err);
	ppn_channel_leave(ch);
}

/* ---- closing: what is queued leaves, shutdown, drain, close ------------------------------------- */

static void on_linger(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	close_end(arg);
}

static bool frame_queue(struct ppn_channel *ch, enum ppn_websocket_opcode opcode,
			struct ppn_bytes payload)
{
	struct evbuffer *out = bufferevent_get_output(ch->bev);
	struct evbuffer_iovec space;

	/* head and payload in one piece: one write */
	if (evbuffer_reserve_space(out, (ev_ssize_t)(payload.len + PPN_WEBSOCKET_OVERHEAD_MAX),
				   &space, 1) != 1)
		return false;
	space.iov_len = ppn_websocket_write(ch->ws, space.iov_base, opcode, payload);
	return evbuffer_commit_space(out, &space, 1) == 0;
}

static void shut_when_flushed(struct ppn_channel *ch)
{
	if (ch->shut || evbuffer_get_length(bufferevent_get_output(ch->bev)) > 0)
		return;
	ch->shut = true;
	shutdown(bufferevent_getfd(ch->bev), SHUT_WR);
}

/* RFC 6455 7.4.1 */
static uint16_t close_code(enum ppn_channel_end end)
{
	switch (end) {
	case PPN_CHANNEL_FRAME:
		return 1002;
	case PPN_CHANNEL_SIZE:
		return 1009;
	default:
		return 1000;
	}
}

static void linger_start(struct ppn_channel *ch)
{
	const struct timeval linger = { PPN_CHANNEL_LINGER_MS / 1000,
					PPN_CHANNEL_LINGER_MS % 1000 * 1000 };

	/* what comes is thrown away: no mark may stop the reading */
	bufferevent_setwatermark(ch->bev, EV_READ, 0, 0);
	bufferevent_setwatermark(ch->bev, EV_WRITE, 0, 0);
	evtimer_add(ch->linger, &linger);
}

void ppn_channel_close_begin(struct ppn_channel *ch, enum ppn_channel_end end, int err)
{
	bool says = ch->state == PPN_CHANNEL_OPEN && !ch->quiet;
	uint16_t code = htons(close_code(end));

	if (ch->state >= PPN_CHANNEL_CLOSING)
		return;
	ch->state = PPN_CHANNEL_CLOSING;
	ch->end = end;
	ch->err = err;
	evtimer_del(ch->deadline);
	if (!ch->bev) { /* never connected; the hook is called from the loop, not from a caller */
		event_active(ch->linger, EV_TIMEOUT, 1);
		return;
	}
	if (says)
		frame_queue(ch, PPN_WEBSOCKET_CLOSE,
			    (struct ppn_bytes){ (const uint8_t *)&code, sizeof(code) });
	linger_start(ch);
	evbuffer_drain(bufferevent_get_input(ch->bev), (size_t)-1);
	shut_when_flushed(ch);
}

/* The peer will send nothing more. While closing, what is queued may still leave. */
static void peer_ended(struct ppn_channel *ch, int err)
{
	ch->peer_ended = true;
	if (ch->state < PPN_CHANNEL_CLOSING) {
		ch->state = PPN_CHANNEL_CLOSING;
		ch->end = PPN_CHANNEL_CLOSED;
		ch->err = err;
		close_end(ch);
	} else if (err || ch->shut) {
		close_end(ch);
	}
}

/* ---- messages ----------------------------------------------------------------------------------- */

/* A ping is answered unless the peer does not read: then what waits for it must not grow. */
static void pong(struct ppn_channel *ch, struct ppn_bytes payload)
{
	if (!ch->quiet && ppn_channel_queued(ch) < PPN_CHANNEL_QUEUE_LOW)
		frame_queue(ch, PPN_WEBSOCKET_PONG, payload);
}

static void event_handle(struct ppn_channel *ch, enum ppn_websocket_event event,
			 struct ppn_bytes payload)
{
	switch (event) {
	case PPN_WEBSOCKET_MESSAGE:
		ch->hooks->message(ch->arg, ch, payload);
		break;
	case PPN_WEBSOCKET_PINGED:
		pong(ch, payload);
		break;
	case PPN_WEBSOCKET_CLOSED:
		ppn_channel_close_begin(ch, PPN_CHANNEL_CLOSED, 0);
		break;
	case PPN_WEBSOCKET_TOO_LONG:
		ppn_channel_close_begin(ch, PPN_CHANNEL_SIZE, 0);
		break;
	case PPN_WEBSOCKET_NO_MEMORY:
		ppn_channel_close_begin(ch, PPN_CHANNEL_FAILED, -ENOMEM);
		break;
	case PPN_WEBSOCKET_BROKEN:
		ppn_channel_close_begin(ch, PPN_CHANNEL_FRAME, 0);
		break;
	case PPN_WEBSOCKET_PONGED:
	case PPN_WEBSOCKET_MORE:
		break;
	}
}

static void messages_read(struct ppn_channel *ch, struct evbuffer *in)
{
	struct ppn_bytes bytes, payload;
	enum ppn_websocket_event event = PPN_WEBSOCKET_MESSAGE;
	size_t len = evbuffer_get_length(in);

	bytes = (struct ppn_bytes){ evbuffer_pullup(in, -1), len };
	while (ch->state == PPN_CHANNEL_OPEN && event != PPN_WEBSOCKET_MORE) {
		event = ppn_websocket_read(ch->ws, &bytes, &payload);
		event_handle(ch, event, payload);
	}
	/* closed by a hook: the buffer is drained or gone already */
	if (ch->state == PPN_CHANNEL_OPEN)
		evbuffer_drain(in, len - bytes.len);
}

/* ---- libevent's calls ---------------------------------------------------------------------------- */

static void on_read(struct bufferevent *bev, void *arg)
{
	struct evbuffer *in = bufferevent_get_input(bev);
	struct ppn_channel *ch = arg;

	ppn_channel_enter(ch);
	if (ch->state == PPN_CHANNEL_UPGRADING)
		ppn_channel_upgrade(ch, in);
	else if (ch->state == PPN_CHANNEL_ASKED) /* a client waits for the answer */
		ppn_channel_close_begin(ch, PPN_CHANNEL_UPGRADE, 0);
	if (ch->state == PPN_CHANNEL_OPEN && evbuffer_get_length(in) > 0)
		messages_read(ch, in);
	if (ch->state == PPN_CHANNEL_CLOSING && ch->bev)
		evbuffer_drain(in, evbuffer_get_length(in));
	ppn_channel_leave(ch);
}

static void on_write(struct bufferevent *bev, void *arg)
{
	struct ppn_channel *ch = arg;

	(void)bev;
	ppn_channel_enter(ch);
	if (ch->state == PPN_CHANNEL_CLOSING)
		shut_when_flushed(ch);
	if (ch->state == PPN_CHANNEL_CLOSING && ch->shut && ch->peer_ended)
		close_end(ch);
	else if (ch->state == PPN_CHANNEL_OPEN && ch->hooks->drained)
		ch->hooks->drained(ch->arg, ch);
	ppn_channel_leave(ch);
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
	int err = EVUTIL_SOCKET_ERROR();
	struct ppn_channel *ch = arg;

	(void)bev;
	ppn_channel_enter(ch);
	if (what & BEV_EVENT_EOF)
		peer_ended(ch, 0);
	else if (what & BEV_EVENT_ERROR)
		peer_ended(ch, err ? -err : -EIO);
	ppn_channel_leave(ch);
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
	struct ppn_channel *ch = arg;

	(void)fd;
	(void)what;
	ppn_channel_enter(ch);
	ppn_channel_close_begin(ch, PPN_CHANNEL_TIMEOUT, 0);
	ppn_channel_leave(ch);
}

/* ---- birth -------------------------------------------------------------------------------- */

struct ppn_channel *ppn_channel_new(const struct ppn_channel_config *config, int fd, bool server)
{
	struct ppn_channel *ch = calloc(1, sizeof(*ch));

	if (!ch)
		return NULL;
	ch->base = config->base;
	ch->hooks = config->hooks;
	ch->arg = config->arg;
	ch->server = server;
	ch->quiet = config->quiet;
	ch->fd = fd;
	ch->deadline = evtimer_new(config->base, on_deadline, ch);
	ch->linger = evtimer_new(config->base, on_linger, ch);
	ch->ws = ppn_websocket_new(server, config->message_max);
	if (ch->deadline && ch->linger && ch->ws)
		return ch;
	ch->fd = -1;
	ppn_channel_drop(ch);
	return NULL;
}

void ppn_channel_drop(struct ppn_channel *ch)
{
	release(ch);
	free(ch);
}

bool ppn_channel_run(struct ppn_channel *ch)
{
	const int on = 1;

	ch->bev = bufferevent_socket_new(ch->base, ch->fd, BEV_OPT_CLOSE_ON_FREE);
	if (!ch->bev)
		return false;
	setsockopt(ch->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	ch->fd = -1;
	ch->state = PPN_CHANNEL_UPGRADING;
	bufferevent_setcb(ch->bev, on_read, on_write, on_event, ch);
	/* one chunk more than the longest message: a peer that is not read does not fill memory */
	bufferevent_setwatermark(ch->bev, EV_READ, 0, PPN_HTTP_MAX + PPN_MESSAGE2_MAX);
	bufferevent_setwatermark(ch->bev, EV_WRITE, PPN_CHANNEL_QUEUE_LOW, 0);
	return bufferevent_enable(ch->bev, EV_READ | EV_WRITE) == 0;
}

/* ---- the owner's calls ------------------------------------------------------------------------------ */

int ppn_channel_send(struct ppn_channel *ch, struct ppn_bytes message)
{
	if (ch->state != PPN_CHANNEL_OPEN)
		return -ENOTCONN;
	return frame_queue(ch, PPN_WEBSOCKET_BINARY, message) ? 0 : -ENOMEM;
}

size_t ppn_channel_queued(const struct ppn_channel *ch)
{
	return ch->bev ? evbuffer_get_length(bufferevent_get_output(ch->bev)) : 0;
}

void ppn_channel_limit(struct ppn_channel *ch, size_t message_max)
{
	if (ch->ws)
		ppn_websocket_limit(ch->ws, message_max);
}

void ppn_channel_deadline(struct ppn_channel *ch, unsigned int ms)
{
	const struct timeval in = { ms / 1000, ms % 1000 * 1000 };

	if (ch->state >= PPN_CHANNEL_CLOSING)
		return;
	evtimer_del(ch->deadline);
	if (ms > 0)
		evtimer_add(ch->deadline, &in);
}

void ppn_channel_speak(struct ppn_channel *ch)
{
	ch->quiet = false;
}

void ppn_channel_close(struct ppn_channel *ch, enum ppn_channel_end end)
{
	ppn_channel_close_begin(ch, end, 0);
}

void ppn_channel_free(struct ppn_channel *ch)
{
	if (!ch)
		return;
	ppn_channel_enter(ch);
	ch->freed = true;
	ppn_channel_close_begin(ch, PPN_CHANNEL_OWN, 0);
	ppn_channel_leave(ch);
}
