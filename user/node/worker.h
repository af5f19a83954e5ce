/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * How ppnd starts ppnd-claim and what the two may ask of each other. The packets are lib/worker.h;
 * send and receive them with host/packet.h.
 *
 * Start: fork, exec PPN_WORKER_PROGRAM with
 *	fd 3	the listening TCP socket (bound, listening, non-blocking)
 *	fd 4	one end of socketpair(AF_UNIX, SOCK_SEQPACKET)
 *	fd 2	stderr, inherited: log lines with syslog priority prefixes
 *	argv	ppnd-claim --uid N --gid N [--handshake-ms N] [--message-ms N] [--total-ms N]
 * --uid/--gid are given when ppnd is root: the worker takes them, for good, before it reads a byte;
 * it refuses to run as root without them. It closes every other fd. Exit codes: 0 the socket to the
 * monitor ended, 1 own failure, 2 usage. The monitor ends it by closing fd 4's peer, or kills it.
 *
 * Who bounds what. Worker: PPN_CLAIM_CONNS_MAX connections, PPN_CLAIM_CONNS_SOURCE a source (/32,
 * /64); PPN_CLAIM_HANDSHAKE_MS from accept to message 3; PPN_CLAIM_MESSAGE_MS a message and
 * PPN_CLAIM_TOTAL_MS in all after it, the monitor's own time for COMMIT not counted; all sizes.
 * Monitor, which does not trust that: PPN_CLAIM_CONNS_MAX tickets; PPN_CLAIM_TICKET_MS from TICKET
 * to PROVE, PPN_CLAIM_TOTAL_MS + PPN_CLAIM_HANDSHAKE_MS from PROVE to COMMIT. A ticket that ran out
 * is answered with ok = false.
 *
 * The socket blocks for the worker's sends only: the monitor answers at most one packet a request,
 * so its own sends (MSG_DONTWAIT) fit the buffer, and -EAGAIN means a broken worker.
 *
 * The bundle of COMMIT is a memfd with F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK set. The monitor
 * still checks the seals and the size, reads it once into memory of its own, and closes it.
 */
#ifndef PPN_NODE_WORKER_H
#define PPN_NODE_WORKER_H

#include "lib/worker.h"

#define PPN_WORKER_PROGRAM "ppnd-claim" /* in PPN_LIBEXECDIR, or beside ppnd in a build folder */

enum ppn_worker_fd {
	PPN_WORKER_FD_LISTEN = 3,
	PPN_WORKER_FD_MONITOR = 4,
};

enum ppn_worker_time {
	PPN_CLAIM_TICKET_MS = PPN_CLAIM_HANDSHAKE_MS,
	PPN_CLAIM_MESSAGE_MS = 5000,
	PPN_CLAIM_TOTAL_MS = 60000,
};

#endif
