/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * ppnd-claim: the process that talks to strangers on the claim port. It has no key of the node:
 * what needs one is asked of the monitor (node/worker.h).
 *
 *	listen.c    accepts, within limits          -> conn.c
 *	conn.c      a connection, as a table        -> monitor.c
 *	monitor.c   packets to and from ppnd        -> conn.c
 */
#ifndef PPN_NODE_CLAIM_H
#define PPN_NODE_CLAIM_H

#include <stdbool.h>
#include <stdint.h>
#include "host/channel.h"
#include "lib/noise.h"
#include "node/worker.h"

struct event;
struct event_base;

enum claim_state {
	CLAIM_UPGRADE, /* the WebSocket upgrade is awaited */
	CLAIM_TICKET, /* the monitor's ticket */
	CLAIM_CREDENTIALS, /* message 2 */
	CLAIM_PROOF, /* the monitor's verdict and proof */
	CLAIM_OBJECT, /* claim, seat or discharge object */
	CLAIM_BUNDLE, /* chunks of the bundle */
	CLAIM_COMMIT, /* the monitor's answer */
	CLAIM_OVER, /* only the socket is still to be closed */
	_CLAIM_STATE_MAX,
};

struct claim_conn {
	struct claim *claim; /* NULL: this slot is free */
	struct ppn_channel *channel;
	uint32_t number;
	uint8_t source[16]; /* IPv6 or IPv4-mapped */
	uint16_t port;
	enum claim_state state;
	enum ppn_worker_end end; /* once OVER by our own decision */
	enum ppn_purpose purpose;
	uint64_t until_ms; /* end of everything, once proved */
	struct ppn_noise noise;
	struct ppn_noise_cipher send, receive;
	uint8_t noise_key[PPN_KEY_LEN], prologue[PPN_PROLOGUE_LEN], se[32], h[PPN_HASH_LEN];
	uint8_t object[PPN_WORKER_OBJECT_MAX];
	size_t object_len;
	int bundle; /* memfd, or -1 */
	uint32_t bundle_len;
};

struct claim {
	struct event_base *base;
	struct event *accepting, *resting, *answers;
	int listen_fd, monitor_fd;
	unsigned int handshake_ms, message_ms, total_ms;
	uint32_t last_number;
	int err; /* why the loop was left */
	struct claim_conn conns[PPN_CLAIM_CONNS_MAX];
	uint8_t packet[PPN_WORKER_PACKET_MAX],
		plain[PPN_MESSAGE2_MAX]; /* of the moment; wiped after use */
};

/* listen.c */
int claim_listen_start(struct claim *claim);
void claim_listen_stop(struct claim *claim);
/* A free slot, or NULL: this source or all together have too many. */
struct claim_conn *claim_slot(struct claim *claim, const uint8_t source[static 16]);

/* conn.c; fd is taken over. */
void claim_conn_start(struct claim *claim, struct claim_conn *conn, int fd);
void claim_conn_answer(struct claim_conn *conn, const struct ppn_worker_message *answer);
void claim_conn_stop(struct claim_conn *conn);

/* monitor.c */
int claim_monitor_start(struct claim *claim);
void claim_monitor_stop(struct claim *claim);
/* A lost monitor ends the loop: callers need not look. pass_fd: -1 for none. */
void claim_monitor_send(struct claim *claim, const struct ppn_worker_message *message, int pass_fd);
void claim_monitor_done(struct claim *claim, uint32_t number, enum ppn_worker_end end);

#endif
