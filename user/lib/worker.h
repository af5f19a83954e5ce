/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The packets between ppnd (the monitor, which has the keys) and ppnd-claim (the worker, which
 * talks to strangers), one message a packet. Pure codec; user/node/worker.h says how the processes
 * meet.
 *
 *	worker                                        monitor
 *	TICKET  source                          ->
 *	                                        <-    TICKET_ANSWER  mode, fleet, noise key
 *	PROVE   rs, re, payload of message 2    ->    (chain, list, certificate, right, rs == its
 *	                                              noise key; only then DH and signature)
 *	                                        <-    PROVE_ANSWER   purpose, se, payload of m. 3
 *	COMMIT  h, object, bundle as a memfd    ->    (PROTOCOL 8; may take seconds)
 *	                                        <-    COMMIT_ANSWER  struct ppn_answer
 *	DONE    end                             ->    (the ticket ends; counted by `end`)
 *
 * `conn` is the worker's number of a connection, never 0, never used twice in one worker's life. At
 * most one request of a connection is open. DONE is sent once for every connection that was
 * accepted, also when it never asked for a ticket, and may cross an answer; an answer to a
 * connection that is gone is dropped. An answer with ok = false ends the ticket: the connection is
 * closed without a byte, and DONE follows.
 *
 * The monitor believes nothing: a packet that does not decode, a request out of order, a `conn` it
 * does not know (but in DONE), or more than PPN_CLAIM_CONNS_MAX live tickets mean a broken worker,
 * which it kills and starts anew. The worker exits when the socket ends or an answer does not
 * decode.
 */
#ifndef PPN_LIB_WORKER_H
#define PPN_LIB_WORKER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "lib/wire.h"

enum ppn_worker_type {
	PPN_WORKER_NONE = 0,
	PPN_WORKER_TICKET = 2, /* requests are even, their answers odd */
	PPN_WORKER_TICKET_ANSWER = 3,
	PPN_WORKER_PROVE = 4,
	PPN_WORKER_PROVE_ANSWER = 5,
	PPN_WORKER_COMMIT = 6,
	PPN_WORKER_COMMIT_ANSWER = 7,
	PPN_WORKER_DONE = 8,
	_PPN_WORKER_TYPE_MAX,
};

/* X(ENUM, "words"): how a connection of the claim port ended. */
#define PPN_WORKER_ENDS(X)                                               \
	X(ANSWERED, "answered")                                          \
	X(LIMIT, "too many connections")                                 \
	X(TIMEOUT, "timed out")                                          \
	X(GONE, "peer went away")                                        \
	X(UPGRADE, "not a WebSocket upgrade to this node's subprotocol") \
	X(FRAME, "WebSocket rule broken")                                \
	X(NOISE, "Noise message wrong")                                  \
	X(ORDER, "message out of turn")                                  \
	X(SIZE, "message or stream longer than it may be")               \
	X(REFUSED, "refused by the node")                                \
	X(FAILED, "failure of this machine")

enum ppn_worker_end {
#define X(name, text) PPN_WORKER_END_##name,
	PPN_WORKER_ENDS(X)
#undef X
		_PPN_WORKER_END_MAX,
};
const char *ppn_worker_end_text(enum ppn_worker_end end); /* "?" when out of range */

/* Payload of message 2: what fits beside e (32), s (48) and the payload's tag (16). */
#define PPN_WORKER_CREDENTIALS_MAX (PPN_MESSAGE2_MAX - 96)
/* Payload of message 3 beside s (48) and its tag (16). */
#define PPN_WORKER_NODE_MAX (PPN_MESSAGE_MAX - 64)
/* First transport message, and the answer, without their tag. */
#define PPN_WORKER_OBJECT_MAX (PPN_MESSAGE_MAX - 16)
/* No packet is longer. */
#define PPN_WORKER_PACKET_MAX (PPN_MESSAGE2_MAX + 128)

/* Host order; the ppn_bytes of a decoded message look into the packet. */
struct ppn_worker_message {
	enum ppn_worker_type type;
	uint32_t conn;
	union {
		struct {
			uint8_t source[16]; /* IPv6, or IPv4-mapped */
			uint16_t port;
		} ticket;
		struct {
			bool ok; /* false: everything else zero */
			enum ppn_mode mode;
			uint8_t fleet[PPN_HASH_LEN]; /* for the prologue; zeros in code mode */
			uint8_t noise_key[PPN_KEY_LEN]; /* the node's, public */
		} ticket_answer;
		struct {
			uint8_t rs[PPN_KEY_LEN]; /* the authority's static and ephemeral keys */
			uint8_t re[PPN_KEY_LEN];
			struct ppn_bytes payload; /* struct ppn_credentials */
		} prove;
		struct {
			bool ok; /* false: everything else zero and empty */
			enum ppn_purpose purpose; /* of the credentials: what comes next */
			uint8_t se[32]; /* X25519(node's noise secret, re) */
			struct ppn_bytes payload; /* ppn.node.1 object */
		} prove_answer;
		struct {
			uint8_t h[PPN_HASH_LEN]; /* handshake hash after message 3 */
			struct ppn_bytes object; /* claim, seat, discharge; empty: roster */
			bool has_bundle; /* claim and roster: one memfd rides along */
			uint32_t bundle_len; /* its length, PPN_ROSTER_MAX at most */
		} commit;
		struct {
			struct ppn_bytes answer; /* struct ppn_answer, rest; empty: say nothing */
		} commit_answer;
		struct {
			enum ppn_worker_end end;
		} done;
	};
};

/* Length of the packet; -EINVAL: a type, value or length that cannot be; -EMSGSIZE: max too small. */
ssize_t ppn_worker_encode(uint8_t *ret_packet, size_t max,
			  const struct ppn_worker_message *message);
/* 0, or -EBADMSG: unknown type, wrong length, value out of range, padding not zero. */
int ppn_worker_decode(struct ppn_worker_message *ret_message, const void *packet, size_t len);

#endif
