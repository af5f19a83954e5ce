/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Genesis as data: rows of { state, event, guard, next, actions }. ppn_genesis_step() looks one
 * up and returns what to do; the program carries the actions out, in the order of the bits, and a
 * durable action (APPEND_*, COMMIT) that fails keeps the old state. What no row names is refused:
 * the caller counts and logs it. Pure, so the whole protocol is tested without root.
 */
#ifndef PPN_LIB_GENESIS_H
#define PPN_LIB_GENESIS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <ppn/wire.h>

/* X(ENUM, "text") */
#define PPN_EVENTS(X)                                                       \
	X(START, "start with the state that the ledger folds to")           \
	X(DATAPATH_READY, "datapath is up")                                 \
	X(BEACON, "a verified beacon")                                      \
	X(SCAN_OVER, "the beacon window is over")                           \
	X(CLAIM, "a claim that every rule allows")                          \
	X(RECLAIM, "a claim by the same fleet that names the one in force") \
	X(ISOLATE, "an isolate frame was acted")                            \
	X(RELEASE, "a release frame was acted")                             \
	X(ROSTER, "a greater roster")                                       \
	X(DISCHARGE, "a signed discharge")                                  \
	X(DAMAGE, "the state on disk is not whole")

enum ppn_event {
	PPN_EVENT_NONE = 0,
#define X(name, text) PPN_EVENT_##name,
	PPN_EVENTS(X)
#undef X
		_PPN_EVENT_MAX,
};

/*
 * Order of a start: the seal is attached (it holds blind, or what the pinned maps say), `folded`
 * is filled from the ledger, START. A node that was never claimed then waits in blind for
 * DATAPATH_READY and scans; every other resumes at once, and takes DATAPATH_READY as the word to
 * write its column again.
 *
 * A bound node is silent: a verified beacon is taken (not refused) and nothing follows; its seats
 * see it by telemetry. A damaged one answers, so that an authority finds it.
 *
 * Actions, a bit each, carried out from the lowest bit up. All but COMMIT and APPEND may be asked
 * for again in the same state: what already runs stays.
 */
enum ppn_action {
	PPN_ACT_COMMIT = 1 << 0, /* the claim's order of PROTOCOL 8, to its rename */
	PPN_ACT_APPEND = 1 << 1, /* the ledger entry of this event */
	PPN_ACT_SEAL = 1 << 2, /* the column of the next state */
	PPN_ACT_LISTEN_BEACON = 1 << 3,
	PPN_ACT_START_SCAN = 1 << 4, /* the beacon window's timer */
	PPN_ACT_MESH_ALONE = 1 << 5, /* ppn0 under its own address: a network of one */
	PPN_ACT_MESH_JOIN = 1 << 6, /* ppn0 under the fleet's address, peers of the roster */
	PPN_ACT_SET_PEERS = 1 << 7,
	PPN_ACT_OPEN_CLAIM = 1 << 8, /* start the claim worker */
	PPN_ACT_CLOSE_SLOTS = 1 << 9,
	PPN_ACT_OPEN_SLOTS = 1 << 10,
	PPN_ACT_ANSWER_HERE = 1 << 11,
	PPN_ACT_FORGET = 1 << 12, /* fleet secrets, roster, peers */
	PPN_ACT_START_TELEMETRY = 1 << 13,
};

/*
 * `isolated` is kept by _done through `damaged`, so that a claim of a damaged node does not lift an
 * isolation; a start that finds `damaged` sets it from the pinned map.
 */
struct ppn_genesis {
	enum ppn_state state;
	enum ppn_state folded; /* what the ledger said at start */
	bool isolated;
	uint64_t refused; /* events that no row named */
};

struct ppn_genesis_step {
	enum ppn_state next;
	uint32_t actions; /* enum ppn_action */
};

enum ppn_genesis_verdict { PPN_GENESIS_REFUSED = 0, PPN_GENESIS_OK = 1 };

/* Does not change *genesis but for `refused`: the caller carries the step out, then calls _done. */
enum ppn_genesis_verdict ppn_genesis_step(struct ppn_genesis *genesis, enum ppn_event event,
					  struct ppn_genesis_step *ret_step);
void ppn_genesis_done(struct ppn_genesis *genesis, const struct ppn_genesis_step *step);

/*
 * Column of the seal in a state: scanning is blind, damaged is holding. Value of enum ppn_column.
 */
uint8_t ppn_genesis_column(enum ppn_state state);
const char *ppn_event_text(enum ppn_event event);

/* The table itself, for tests and for `--help genesis` in the README's drawing. */
struct ppn_genesis_row {
	enum ppn_state state;
	enum ppn_event event;
	bool (*guard)(const struct ppn_genesis *genesis); /* NULL: always */
	enum ppn_state next;
	uint32_t actions;
};
const struct ppn_genesis_row *ppn_genesis_rows(size_t *ret_n);

#endif
