/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The unix sockets: RUN/ppnd.sock (ppn -> ppnd) and RUN/ppn-admin.sock (ppn-admin -> its service).
 * SOCK_SEQPACKET, one JSON object (UTF-8) a packet, PPN_CTL_MAX bytes at most, 0660 root:ppn, peer
 * checked by SO_PEERCRED.
 *
 * Request:  { "verb": NAME, ...arguments }          one a connection
 * Answers:  { "progress": {...} } any number of times, then exactly one of
 *           { "schema": 1, "exit": 0, ...result } | { "schema": 1, "exit": N, "error": TEXT }
 * A listing too long for one packet comes as several { "more": {...} } before the last.
 * What `--json` prints is the last object without "exit", "error" kept.
 */
#ifndef PPN_CTL_H
#define PPN_CTL_H

#define PPN_CTL_SOCKET "ppnd.sock"
#define PPN_CTL_ADMIN_SOCKET "ppn-admin.sock"
#define PPN_CTL_MAX 65536
#define PPN_CTL_SCHEMA 1

/* Exit codes of ppn and ppn-admin (DESIGN 3). */
enum ppn_exit {
	PPN_EXIT_OK = 0,
	PPN_EXIT_FAILURE = 1,
	PPN_EXIT_USAGE = 2,
	PPN_EXIT_NO_DAEMON = 3,
	PPN_EXIT_NOT_CLAIMED = 4,
	PPN_EXIT_SEAL_DEGRADED = 5,
	PPN_EXIT_TIMEOUT = 6,
	PPN_EXIT_VERIFY = 7,
	PPN_EXIT_REFUSED = 8,
};

/*
 * What holds an interface, weakest first. 0 is nothing. NFT: the backstop alone; TC: seal_tc on clsact,
 * where XDP has another's program; both mean "degraded".
 */
#define PPN_HOLDS(X)          \
	X(NONE, "none")       \
	X(NFT, "nft")         \
	X(TC, "tc")           \
	X(GENERIC, "generic") \
	X(NATIVE, "native")

enum ppn_hold {
#define X(name, text) PPN_HOLD_##name,
	PPN_HOLDS(X)
#undef X
		_PPN_HOLD_MAX,
};

enum ppn_seal_mode {
	PPN_SEAL_ENFORCE = 0,
	PPN_SEAL_OBSERVE = 1,
	PPN_SEAL_OFF =
		2, /* of a ledger entry: taken off by `unseal`; the next start has the mode before */
};

/* Verbs of ppnd: X(ENUM, "verb", uid 0 only). Arguments and results stand in user/node/README.md. */
#define PPN_CTL_VERBS(X)       \
	X(STATUS, "status", 0) \
	X(PEERS, "peers", 0)   \
	X(EGRESS, "egress", 0) \
	X(WAIT, "wait", 0)     \
	X(SEAL, "seal", 1)     \
	X(TRIAL, "trial", 1)   \
	X(CHECK, "check", 0)   \
	X(WATCH, "watch", 1)   \
	X(UNSEAL, "unseal", 1) \
	X(SEAT, "seat", 1)     \
	X(LEDGER, "ledger", 0) \
	X(VERSION, "version", 0)

/* Verbs of the ppn-admin service, all uid 0 or the service's own uid. */
#define PPN_CTL_ADMIN_VERBS(X) \
	X(UNLOCK, "unlock")    \
	X(STATUS, "status")    \
	X(NODES, "nodes")      \
	X(CLAIM, "claim")      \
	X(SEND, "send")        \
	X(ROSTER, "roster")    \
	X(INVITED, "invited")

#endif
