/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What channel.c (messages, closing) and channel_start.c (connecting, upgrading) share. */
#ifndef PPN_HOST_CHANNEL_PRIVATE_H
#define PPN_HOST_CHANNEL_PRIVATE_H

#include "host/channel.h"
#include "host/http.h"

struct bufferevent;
struct evbuffer;
struct event;
struct ppn_websocket;

enum ppn_channel_state {
	PPN_CHANNEL_CONNECTING, /* client: TCP handshake */
	PPN_CHANNEL_UPGRADING, /* HTTP in one direction or the other */
	PPN_CHANNEL_ASKED, /* server: the owner has the request */
	PPN_CHANNEL_OPEN,
	PPN_CHANNEL_CLOSING, /* nothing is read any more but to be thrown away */
	PPN_CHANNEL_ENDED, /* ended() was called */
};

struct ppn_channel {
	struct event_base *base;
	const struct ppn_channel_hooks *hooks;
	void *arg;
	struct bufferevent *bev; /* NULL while connecting and when ended */
	struct event *connecting, *deadline, *linger;
	struct ppn_websocket *ws;
	enum ppn_channel_state state;
	enum ppn_channel_end end;
	int err, connect_err, fd; /* fd: while connecting */
	bool server, quiet, freed, shut, peer_ended;
	unsigned int busy; /* callbacks on the stack: the memory must stay */
	struct ppn_http_request request; /* server */
	char key[PPN_HTTP_KEY_LEN + 1], protocol[65], host[129]; /* client */
};

/* Around every call of libevent's; the last one out frees. */
void ppn_channel_enter(struct ppn_channel *ch);
void ppn_channel_leave(struct ppn_channel *ch);

/* fd stays the caller's until ppn_channel_run(). NULL: no memory. */
struct ppn_channel *ppn_channel_new(const struct ppn_channel_config *config, int fd, bool server);
/* A channel that never ran, its fd included. */
void ppn_channel_drop(struct ppn_channel *ch);
/* The socket is connected: from here on it is the bufferevent's. */
bool ppn_channel_run(struct ppn_channel *ch);
void ppn_channel_close_begin(struct ppn_channel *ch, enum ppn_channel_end end, int err);

/* Bytes came while UPGRADING; takes the head off the front of them. */
void ppn_channel_upgrade(struct ppn_channel *ch, struct evbuffer *in);

#endif
