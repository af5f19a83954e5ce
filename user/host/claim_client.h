/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The authority's end of a claim channel (PROTOCOL 4): connects, upgrades, runs PPN_NOISE_NAME as
 * the responder, hands over the node's proof and then passes sealed messages both ways. It judges
 * no object: the node's proof, answers and bundles are bytes here. Many may share one event_base.
 *
 *	connect -> upgrade -> message 1 -> message 2 (credentials) -> message 3: proved()
 *	        -> ppn_claim_client_send(), _stream() -> received() -> ppn_claim_client_free()
 */
#ifndef PPN_HOST_CLAIM_CLIENT_H
#define PPN_HOST_CLAIM_CLIENT_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include "lib/noise.h"
#include "lib/wire.h"

struct event_base;
struct ppn_claim_client;

/* X(ENUM, "words"): how a call ended. What is not said by the peer is said by the stage it came in. */
#define PPN_CLAIM_CLIENT_ENDS(X)                                                  \
	X(LOCAL, "failure of this machine")                                       \
	X(REFUSED, "connection refused: nothing listens there")                   \
	X(UNREACHABLE, "no route to it")                                          \
	X(SILENT, "no answer to the connection")                                  \
	X(NO_UPGRADE, "it takes the connection but not the WebSocket upgrade")    \
	X(NO_HELLO, "it upgraded and sent no first message")                      \
	X(NO_PROOF, "it closed on our credentials: of another fleet, or refused") \
	X(CLOSED, "it closed before it answered")                                 \
	X(TIMEOUT, "it fell silent")                                              \
	X(PROTOCOL, "it breaks the protocol")

enum ppn_claim_client_end {
#define X(name, text) PPN_CLAIM_CLIENT_##name,
	PPN_CLAIM_CLIENT_ENDS(X)
#undef X
		_PPN_CLAIM_CLIENT_MAX,
};
const char *ppn_claim_client_text(enum ppn_claim_client_end end); /* "?" when out of range */

/* All are called from the loop, never from a function below. Each may call ppn_claim_client_free(). */
struct ppn_claim_client_hooks {
	/* Message 3 opened. node: ppn.node.1 object, unread; rs: the Noise key it was sealed with (to
	 * compare with the one in the object); h: the handshake hash after message 3. */
	void (*proved)(void *arg, struct ppn_claim_client *client, struct ppn_bytes node,
		       const uint8_t rs[static PPN_KEY_LEN], const uint8_t h[static PPN_HASH_LEN]);
	/* One transport message of the node: struct ppn_answer and what follows. */
	void (*received)(void *arg, struct ppn_claim_client *client, struct ppn_bytes message);
	/* Once, unless freed before; err: 0, or the -errno behind it. Only _free() is left to call. */
	void (*ended)(void *arg, struct ppn_claim_client *client, enum ppn_claim_client_end end,
		      int err);
};

struct ppn_claim_client_config {
	struct event_base *base;
	/* Either an address, or a connected or connecting stream socket, taken over and
	 * closed on failure too. */
	const struct sockaddr *to;
	socklen_t to_len;
	int fd; /* used when `to` is NULL */
	enum ppn_mode mode; /* its subprotocol is asked for, and it is in the prologue */
	uint8_t fleet[PPN_HASH_LEN]; /* in the prologue; ignored in code mode */
	const struct ppn_noise_key *key; /* copied; the certificate's Noise key, secret or dh hook */
	struct ppn_bytes credentials; /* copied; payload of message 2 */
	/* 0: PPN_CLAIM_CLIENT_*_MS */
	unsigned int connect_ms, handshake_ms, answer_ms;
	const struct ppn_claim_client_hooks *hooks; /* must outlive the client */
	void *arg;
};

enum ppn_claim_client_time {
	PPN_CLAIM_CLIENT_CONNECT_MS = 3000, /* to the TCP handshake's end: SILENT */
	PPN_CLAIM_CLIENT_HANDSHAKE_MS = 6000, /* from there to message 3 */
	PPN_CLAIM_CLIENT_ANSWER_MS = 70000, /* from message 3 to the answer */
};

/* 0, -EINVAL, -ENOMEM, or the -errno of socket(2). Failures of connect(2) reach ended(). */
int ppn_claim_client_start(struct ppn_claim_client **ret_client,
			   const struct ppn_claim_client_config *config);
/* One message of at most PPN_ROSTER_CHUNK bytes, after proved(). 0, -EINVAL, -EMSGSIZE, -ENOTCONN. */
int ppn_claim_client_send(struct ppn_claim_client *client, struct ppn_bytes message);
/*
 * A bundle in chunks of PPN_ROSTER_CHUNK, then the empty message; at most one, after what was sent.
 * The bytes stay the caller's and must outlive the client; they are read as the socket drains.
 * Errors as above, and -EMSGSIZE above PPN_ROSTER_MAX.
 */
int ppn_claim_client_stream(struct ppn_claim_client *client, struct ppn_bytes bundle);
/* Closes (shutdown, drain, close: in the background) and wipes. NULL is nothing. */
void ppn_claim_client_free(struct ppn_claim_client *client);

#endif
