// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "lib/genesis.h"

#include <ppn/maps.h>

static bool folded_unclaimed(const struct ppn_genesis *g)
{
	return g->folded == PPN_STATE_BLIND;
}

static bool folded_holding(const struct ppn_genesis *g)
{
	return g->folded == PPN_STATE_HOLDING;
}

static bool folded_bound(const struct ppn_genesis *g)
{
	return g->folded == PPN_STATE_BOUND;
}

static bool folded_isolated(const struct ppn_genesis *g)
{
	return g->folded == PPN_STATE_ISOLATED;
}

static bool folded_damaged(const struct ppn_genesis *g)
{
	return g->folded == PPN_STATE_DAMAGED;
}

static bool was_isolated(const struct ppn_genesis *g)
{
	return g->isolated;
}

static bool was_not_isolated(const struct ppn_genesis *g)
{
	return !g->isolated;
}

/* What a state runs, whichever way it is entered. */
#define HOLD (PPN_ACT_SEAL | PPN_ACT_LISTEN_BEACON | PPN_ACT_MESH_ALONE | PPN_ACT_OPEN_CLAIM)
#define WORK                                                                         \
	(PPN_ACT_SEAL | PPN_ACT_MESH_JOIN | PPN_ACT_SET_PEERS | PPN_ACT_OPEN_CLAIM | \
	 PPN_ACT_OPEN_SLOTS | PPN_ACT_START_TELEMETRY)
#define BIND (PPN_ACT_COMMIT | PPN_ACT_CLOSE_SLOTS | WORK)
#define LEAVE (PPN_ACT_APPEND | PPN_ACT_CLOSE_SLOTS | PPN_ACT_FORGET | HOLD)
#define CRIPPLE (PPN_ACT_SEAL | PPN_ACT_LISTEN_BEACON | PPN_ACT_OPEN_CLAIM | PPN_ACT_CLOSE_SLOTS)
#define RECORD (PPN_ACT_APPEND | PPN_ACT_SEAL)
#define TAKE_ROSTER (PPN_ACT_APPEND | PPN_ACT_SEAL | PPN_ACT_SET_PEERS)

#define ROW(from, happens, guard, to, actions)                                        \
	{                                                                             \
		PPN_STATE_##from, PPN_EVENT_##happens, guard, PPN_STATE_##to, actions \
	}

/* No two rows of one state and event have guards that hold at once. */
static const struct ppn_genesis_row rows[] = {
	ROW(BLIND, START, folded_unclaimed, BLIND, PPN_ACT_SEAL),
	ROW(BLIND, START, folded_holding, HOLDING, HOLD),
	ROW(BLIND, START, folded_bound, BOUND, WORK),
	ROW(BLIND, START, folded_isolated, ISOLATED, WORK),
	ROW(BLIND, START, folded_damaged, DAMAGED, CRIPPLE),
	ROW(BLIND, DATAPATH_READY, folded_unclaimed, SCANNING,
	    PPN_ACT_SEAL | PPN_ACT_LISTEN_BEACON | PPN_ACT_START_SCAN),
	ROW(BLIND, DAMAGE, NULL, DAMAGED, CRIPPLE),

	ROW(SCANNING, DATAPATH_READY, NULL, SCANNING, PPN_ACT_SEAL),
	ROW(SCANNING, SCAN_OVER, NULL, HOLDING, PPN_ACT_APPEND | HOLD),
	ROW(SCANNING, BEACON, NULL, HOLDING, PPN_ACT_APPEND | HOLD | PPN_ACT_ANSWER_HERE),
	ROW(SCANNING, DAMAGE, NULL, DAMAGED, CRIPPLE),

	ROW(HOLDING, DATAPATH_READY, NULL, HOLDING, PPN_ACT_SEAL),
	ROW(HOLDING, BEACON, NULL, HOLDING, PPN_ACT_ANSWER_HERE),
	ROW(HOLDING, CLAIM, NULL, BOUND, BIND),
	ROW(HOLDING, DAMAGE, NULL, DAMAGED, CRIPPLE),

	ROW(BOUND, DATAPATH_READY, NULL, BOUND, PPN_ACT_SEAL),
	ROW(BOUND, BEACON, NULL, BOUND, 0),
	ROW(BOUND, RECLAIM, NULL, BOUND, BIND),
	ROW(BOUND, ISOLATE, NULL, ISOLATED, RECORD),
	ROW(BOUND, RELEASE, NULL, BOUND, RECORD),
	ROW(BOUND, ROSTER, NULL, BOUND, TAKE_ROSTER),
	ROW(BOUND, DISCHARGE, NULL, HOLDING, LEAVE),
	ROW(BOUND, DAMAGE, NULL, DAMAGED, CRIPPLE),

	ROW(ISOLATED, DATAPATH_READY, NULL, ISOLATED, PPN_ACT_SEAL),
	ROW(ISOLATED, BEACON, NULL, ISOLATED, 0),
	ROW(ISOLATED, RECLAIM, NULL, ISOLATED, BIND),
	ROW(ISOLATED, ISOLATE, NULL, ISOLATED, RECORD),
	ROW(ISOLATED, RELEASE, NULL, BOUND, RECORD),
	ROW(ISOLATED, ROSTER, NULL, ISOLATED, TAKE_ROSTER),
	ROW(ISOLATED, DISCHARGE, NULL, HOLDING, LEAVE),
	ROW(ISOLATED, DAMAGE, NULL, DAMAGED, CRIPPLE),

	ROW(DAMAGED, DATAPATH_READY, NULL, DAMAGED, PPN_ACT_SEAL),
	ROW(DAMAGED, BEACON, NULL, DAMAGED, PPN_ACT_ANSWER_HERE),
	ROW(DAMAGED, CLAIM, was_not_isolated, BOUND, BIND),
	ROW(DAMAGED, CLAIM, was_isolated, ISOLATED, BIND),
	ROW(DAMAGED, RECLAIM, was_not_isolated, BOUND, BIND),
	ROW(DAMAGED, RECLAIM, was_isolated, ISOLATED, BIND),
	ROW(DAMAGED, DAMAGE, NULL, DAMAGED, 0),
};

enum ppn_genesis_verdict ppn_genesis_step(struct ppn_genesis *genesis, enum ppn_event event,
					  struct ppn_genesis_step *ret_step)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct ppn_genesis_row *row = &rows[i];

		if (row->state != genesis->state || row->event != event ||
		    (row->guard && !row->guard(genesis)))
			continue;
		*ret_step = (struct ppn_genesis_step){ row->next, row->actions };
		return PPN_GENESIS_OK;
	}
	genesis->refused++;
	return PPN_GENESIS_REFUSED;
}

void ppn_genesis_done(struct ppn_genesis *genesis, const struct ppn_genesis_step *step)
{
	genesis->state = step->next;
	if (step->next != PPN_STATE_DAMAGED)
		genesis->isolated = step->next == PPN_STATE_ISOLATED;
}

uint8_t ppn_genesis_column(enum ppn_state state)
{
	static const uint8_t column[_PPN_STATE_MAX] = {
		[PPN_STATE_BLIND] = PPN_COLUMN_BLIND,
		[PPN_STATE_SCANNING] = PPN_COLUMN_BLIND,
		[PPN_STATE_HOLDING] = PPN_COLUMN_HOLDING,
		[PPN_STATE_BOUND] = PPN_COLUMN_BOUND,
		[PPN_STATE_ISOLATED] = PPN_COLUMN_ISOLATED,
		[PPN_STATE_DAMAGED] = PPN_COLUMN_HOLDING,
	};

	return (unsigned int)state < _PPN_STATE_MAX ? column[state] : PPN_COLUMN_BLIND;
}

const char *ppn_event_text(enum ppn_event event)
{
	static const char *const text[_PPN_EVENT_MAX] = {
#define X(name, words) [PPN_EVENT_##name] = (words),
		PPN_EVENTS(X)
#undef X
	};

	return (unsigned int)event < _PPN_EVENT_MAX && text[event] ? text[event] : "?";
}

const struct ppn_genesis_row *ppn_genesis_rows(size_t *ret_n)
{
	*ret_n = sizeof(rows) / sizeof(rows[0]);
	return rows;
}
