// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "host/channel_private.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "lib/crypto.h"

/* ---- upgrade ---------------------------------------------------------------------------------- */

static void upgrade_server(struct ppn_channel *ch, struct evbuffer *in)
{
	size_t len = evbuffer_get_length(in);
	enum ppn_http_verdict verdict =
		ppn_http_request_read(&ch->request, evbuffer_pullup(in, -1), len);

	if (verdict == PPN_HTTP_MORE)
		return;
	if (verdict == PPN_HTTP_BAD) {
		ppn_channel_close_begin(ch, PPN_CHANNEL_UPGRADE, 0);
		return;
	}
	evbuffer_drain(in, len);
	ch->state = PPN_CHANNEL_ASKED;
	ch->hooks->asked(ch->arg, ch);
}

static void upgrade_client(struct ppn_channel *ch, struct evbuffer *in)
{
	size_t len = evbuffer_get_length(in), head_len;
	enum ppn_http_verdict verdict = ppn_http_response_read(evbuffer_pullup(in, -1), len,
							       ch->key, ch->protocol, &head_len);

	if (verdict == PPN_HTTP_MORE)
		return;
	if (verdict == PPN_HTTP_BAD) {
		ppn_channel_close_begin(ch, PPN_CHANNEL_UPGRADE, 0);
		return;
	}
	evbuffer_drain(in, head_len);
	ch->state = PPN_CHANNEL_OPEN;
	ch->hooks->opened(ch->arg, ch);
}

void ppn_channel_upgrade(struct ppn_channel *ch, struct evbuffer *in)
{
	if (ch->server)
		upgrade_server(ch, in);
	else
		upgrade_client(ch, in);
}

static bool upgrade_ask(struct ppn_channel *ch)
{
	char text[PPN_HTTP_WRITE_MAX];
	uint8_t nonce[16];
	size_t len;

	ppn_random(nonce, sizeof(nonce));
	ppn_base64(ch->key, sizeof(ch->key), nonce, sizeof(nonce));
	len = ppn_http_request_write(text, ch->host, ch->key, ch->protocol);
	ch->state = PPN_CHANNEL_UPGRADING;
	return bufferevent_write(ch->bev, text, len) == 0;
}

bool ppn_channel_accept(struct ppn_channel *ch, const char *protocol)
{
	char text[PPN_HTTP_WRITE_MAX];
	size_t len;

	if (ch->state != PPN_CHANNEL_ASKED)
		return false;
	if (!ppn_http_offers(&ch->request, protocol)) {
		ppn_channel_close_begin(ch, PPN_CHANNEL_UPGRADE, 0);
		return false;
	}
	len = ppn_http_response_write(text, ch->request.key, protocol);
	if (bufferevent_write(ch->bev, text, len) < 0) {
		ppn_channel_close_begin(ch, PPN_CHANNEL_FAILED, -ENOMEM);
		return false;
	}
	ch->state = PPN_CHANNEL_OPEN;
	return true;
}

/* ---- start ----------------------------------------------------------------------------------------- */

struct ppn_channel *ppn_channel_server(int fd, const struct ppn_channel_config *config)
{
	struct ppn_channel *ch = ppn_channel_new(config, fd, true);

	if (!ch) {
		close(fd);
		return NULL;
	}
	if (!ppn_channel_run(ch)) {
		ppn_channel_drop(ch);
		return NULL;
	}
	return ch;
}

static enum ppn_channel_end connect_end(int err)
{
	switch (-err) {
	case ECONNREFUSED:
	case ECONNRESET:
		return PPN_CHANNEL_REFUSED;
	case ENETUNREACH:
	case EHOSTUNREACH:
	case ENETDOWN:
	case EADDRNOTAVAIL:
		return PPN_CHANNEL_UNREACHABLE;
	case ETIMEDOUT:
		return PPN_CHANNEL_TIMEOUT;
	default:
		return PPN_CHANNEL_FAILED;
	}
}

static void connected(struct ppn_channel *ch)
{
	int err = 0;
	socklen_t len = sizeof(err);

	if (!ch->connect_err && getsockopt(ch->fd, SOL_SOCKET, SO_ERROR, &err, &len) < 0)
		err = errno;
	err = ch->connect_err ? ch->connect_err : -err;
	if (err) {
		ppn_channel_close_begin(ch, connect_end(err), err);
		return;
	}
	if (!ppn_channel_run(ch) || !upgrade_ask(ch)) {
		ppn_channel_close_begin(ch, PPN_CHANNEL_FAILED, -ENOMEM);
		return;
	}
	if (ch->hooks->connected)
		ch->hooks->connected(ch->arg, ch);
}

static void on_connected(evutil_socket_t fd, short what, void *arg)
{
	struct ppn_channel *ch = arg;

	(void)fd;
	(void)what;
	ppn_channel_enter(ch);
	if (ch->state == PPN_CHANNEL_CONNECTING)
		connected(ch);
	ppn_channel_leave(ch);
}

static int connect_begin(int *ret_fd, int *ret_connect_err, const struct sockaddr *to,
			 socklen_t to_len)
{
	int fd = socket(to->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	if (connect(fd, to, to_len) < 0 && errno != EINPROGRESS)
		*ret_connect_err = -errno;
	*ret_fd = fd;
	return 0;
}

int ppn_channel_client(struct ppn_channel **ret_channel, const struct sockaddr *to,
		       socklen_t to_len, int fd, const struct ppn_channel_config *config)
{
	int connect_err = 0, err = to ? connect_begin(&fd, &connect_err, to, to_len) : 0;
	struct ppn_channel *ch;

	if (err < 0)
		return err;
	ch = ppn_channel_new(config, fd, false);
	if (!ch) {
		close(fd);
		return -ENOMEM;
	}
	ch->connect_err = connect_err;
	snprintf(ch->protocol, sizeof(ch->protocol), "%s", config->protocol);
	snprintf(ch->host, sizeof(ch->host), "%s", config->host);
	ch->connecting = event_new(config->base, fd, EV_WRITE, on_connected, ch);
	if (!ch->connecting || event_add(ch->connecting, NULL) < 0 ||
	    evutil_make_socket_nonblocking(fd) < 0) {
		ppn_channel_drop(ch);
		return -ENOMEM;
	}
	if (connect_err)
		event_active(ch->connecting, EV_WRITE, 1);
	*ret_channel = ch;
	return 0;
}
