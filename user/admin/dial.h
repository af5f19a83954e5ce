/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A connection to a node's claim endpoint, as claim and push use it: WebSocket, Noise as responder, the
 * seat's credentials in message 2, the node's proof of message 3 read and verified.
 */
#ifndef PPN_ADMIN_DIAL_H
#define PPN_ADMIN_DIAL_H

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include "admin/service.h"
#include "host/claim_client.h"

struct ppn_dial;

struct ppn_dial_hooks {
	/* The node proved itself; h is the handshake hash after message 3. */
	void (*proved)(void *arg, struct ppn_dial *dial, const struct ppn_node_proof *node,
		       const uint8_t h[static PPN_HASH_LEN]);
	/* The node's one answer. rest: what follows struct ppn_answer's code. */
	void (*answered)(void *arg, struct ppn_dial *dial, enum ppn_answer_code code,
			 struct ppn_bytes rest);
	/* It ended without an answer: how, and in words. Not called after ppn_dial_end(). */
	void (*failed)(void *arg, struct ppn_dial *dial, enum ppn_claim_client_end end,
		       const char *why);
	void *arg;
};

/* 0 or -errno; hooks are called from the loop, never from here. */
int ppn_dial_start(struct ppn_dial **ret_dial, struct ppn_service *service,
		   const struct sockaddr_in6 *to, enum ppn_purpose purpose,
		   const struct ppn_dial_hooks *hooks);
int ppn_dial_send(struct ppn_dial *dial, struct ppn_bytes message);
/* The bundle in chunks, and the empty message that ends it. The bytes are copied. */
int ppn_dial_bundle(struct ppn_dial *dial, struct ppn_bytes bundle);
/* Close and free; from within a hook, too. */
void ppn_dial_end(struct ppn_dial *dial);

#endif
