/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Messages over TCP: a WebSocket (RFC 6455) on libevent, both roles, made for a claim endpoint that
 * tells strangers nothing. A request that is no proper upgrade gets no byte; every end is shutdown,
 * drain, close, so that no reset is sent. What the messages mean is the owner's.
 *
 *	server:  asked() -> ppn_channel_accept() -> opened() -> message() ... -> ended()
 *	client:                                     opened() -> message() ... -> ended()
 */
#ifndef PPN_HOST_CHANNEL_H
#define PPN_HOST_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include "lib/wire.h"

struct event_base;
struct ppn_channel;

/* Why a channel ended. */
enum ppn_channel_end {
	PPN_CHANNEL_OWN, /* closed by this side */
	PPN_CHANNEL_CLOSED, /* closed by the peer */
	PPN_CHANNEL_TIMEOUT,
	PPN_CHANNEL_REFUSED, /* connection refused */
	PPN_CHANNEL_UNREACHABLE, /* no route */
	PPN_CHANNEL_UPGRADE, /* not the WebSocket upgrade of this protocol */
	PPN_CHANNEL_FRAME, /* WebSocket rule broken */
	PPN_CHANNEL_SIZE, /* message longer than it may be */
	PPN_CHANNEL_FAILED, /* failure of this machine */
	_PPN_CHANNEL_END_MAX,
};

enum ppn_channel_limit {
	PPN_CHANNEL_LINGER_MS = 2000, /* for the last bytes out and the peer's end */
	PPN_CHANNEL_QUEUE_LOW = 65536, /* drained() is called when less than this is queued */
};

/* Called from the loop. Any of them may call any function below, ppn_channel_free() too. */
struct ppn_channel_hooks {
	/* Server: a proper upgrade request came. Answer now or later with ppn_channel_accept(). */
	void (*asked)(void *arg, struct ppn_channel *channel);
	/* Client: the connection stands, before the upgrade. May be NULL. */
	void (*connected)(void *arg, struct ppn_channel *channel);
	void (*opened)(void *arg, struct ppn_channel *channel); /* client */
	void (*message)(void *arg, struct ppn_channel *channel, struct ppn_bytes message);
	void (*drained)(void *arg, struct ppn_channel *channel); /* may be NULL */
	/* Once, when the socket is closed, at most PPN_CHANNEL_LINGER_MS after the cause. err: 0, or the
	 * -errno behind it. Nothing but ppn_channel_free() may follow. */
	void (*ended)(void *arg, struct ppn_channel *channel, enum ppn_channel_end end, int err);
};

struct ppn_channel_config {
	struct event_base *base;
	const struct ppn_channel_hooks *hooks; /* must outlive the channel */
	void *arg;
	size_t message_max; /* of the first message; see ppn_channel_limit() */
	/* Towards a stranger: nothing is sent but the 101 and the owner's messages, no pong and no close
	 * frame, until ppn_channel_speak(). */
	bool quiet;
	/* Client only. */
	const char *protocol; /* subprotocol to ask for */
	const char *host; /* for the Host line */
};

/* fd: an accepted socket, non-blocking; taken over, closed on failure too. NULL: no memory. */
struct ppn_channel *ppn_channel_server(int fd, const struct ppn_channel_config *config);
/* Connects, or takes over `fd` (connected or connecting) when `to` is NULL; failures of connect(2) reach ended(). 0, or
 * -errno with fd closed. */
int ppn_channel_client(struct ppn_channel **ret_channel, const struct sockaddr *to,
		       socklen_t to_len, int fd, const struct ppn_channel_config *config);

/* Server, after asked(): the 101, if this subprotocol was offered. Otherwise the channel ends (UPGRADE).
 * True: messages may be sent; they leave together with the 101. */
bool ppn_channel_accept(struct ppn_channel *channel, const char *protocol);
/* One binary message in one frame. 0, -ENOTCONN (not open), -ENOMEM. */
int ppn_channel_send(struct ppn_channel *channel, struct ppn_bytes message);
size_t ppn_channel_queued(const struct ppn_channel *channel); /* bytes that have not left */
void ppn_channel_speak(struct ppn_channel *channel);
void ppn_channel_limit(struct ppn_channel *channel, size_t message_max);
/* One timer, for the owner: the channel ends (TIMEOUT) in ms from now. 0: never. */
void ppn_channel_deadline(struct ppn_channel *channel, unsigned int ms);
/* What is queued leaves, then shutdown, drain, close, ended(end). No other hook is called any more. */
void ppn_channel_close(struct ppn_channel *channel, enum ppn_channel_end end);
/* The same in the background, without hooks; the channel is no longer the caller's. NULL is nothing. */
void ppn_channel_free(struct ppn_channel *channel);

#endif
