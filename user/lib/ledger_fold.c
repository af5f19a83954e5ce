// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What the entries of a node's ledger add up to, as a table of types. */
#include "lib/ledger.h"

#include <ppn/ctl.h>
#include <string.h>
#include "lib/bytes.h"

/* What must hold before an entry of a type. */
enum before {
	FIRST, /* nothing yet */
	GENESIS, /* entry 0 was there */
	UNBOUND,
	BOUND,
	NEVER, /* an authority's, not a node's */
};

struct fold_row {
	enum before before;
	size_t payload_len; /* at least */
	enum ppn_check (*fold)(struct ppn_ledger_state *state, const struct ppn_entry *entry);
};

static enum ppn_check fold_genesis(struct ppn_ledger_state *state, const struct ppn_entry *entry)
{
	struct ppn_entry_genesis genesis;

	memcpy(&genesis, entry->payload.data, sizeof(genesis));
	if (entry->index != 0)
		return PPN_CHECK_ORDER;
	if ((genesis.mode != PPN_MODE_PIN && genesis.mode != PPN_MODE_CODE) ||
	    genesis.posture == PPN_POSTURE_NONE || genesis.posture >= _PPN_POSTURE_MAX)
		return PPN_CHECK_FORM;
	state->genesis = genesis;
	state->has_genesis = true;
	return PPN_CHECK_OK;
}

static void remember(struct ppn_ledger_state *state, const struct ppn_entry *entry)
{
	memmove(&state->recent[1], &state->recent[0],
		sizeof(state->recent) - sizeof(state->recent[0]));
	memcpy(&state->recent[0], entry->payload.data, sizeof(state->recent[0]));
}

/* New keys count from 1: what the former ones were answered is nobody's. */
static void forget_all(struct ppn_ledger_state *state)
{
	memset(state->recent, 0, sizeof(state->recent));
}

static enum ppn_check fold_holding(struct ppn_ledger_state *state, const struct ppn_entry *entry)
{
	(void)entry;
	state->holding = true;
	return PPN_CHECK_OK;
}

/* A claim in force replaced by another: isolation stays, the roster of the old one goes. */
static enum ppn_check fold_bound(struct ppn_ledger_state *state, const struct ppn_entry *entry)
{
	struct ppn_entry_bound bound;

	memcpy(&bound, entry->payload.data, sizeof(bound));
	state->bound = true;
	state->holding = false;
	PPN_COPY(state->bound_hash, bound.bound);
	PPN_COPY(state->claim_hash, bound.claim);
	memset(&state->roster, 0, sizeof(state->roster));
	forget_all(state);
	return PPN_CHECK_OK;
}

/* One seat's new pair; the others go on. */
static enum ppn_check fold_seat(struct ppn_ledger_state *state, const struct ppn_entry *entry)
{
	const uint8_t *serial = entry->payload.data;

	for (size_t i = 0; i < PPN_LEDGER_RECENT; i++)
		if (memcmp(state->recent[i].serial, serial, PPN_SERIAL_LEN) == 0)
			memset(&state->recent[i], 0, sizeof(state->recent[i]));
	return PPN_CHECK_OK;
}

static enum ppn_check fold_roster(struct ppn_ledger_state *state, const struct ppn_entry *entry)
{
	memcpy(&state->roster, entry->payload.data, sizeof(state->roster));
	return PPN_CHECK_OK;
}

static enum ppn_check fold_isolated(struct ppn_ledger_state *state, const struct ppn_entry *entry)
{
	remember(state, entry);
	state->isolated = true;
	return PPN_CHECK_OK;
}

static enum ppn_check fold_released(struct ppn_ledger_state *state, const struct ppn_entry *entry)
{
	remember(state, entry);
	state->isolated = false;
	return PPN_CHECK_OK;
}

static enum ppn_check fold_command(struct ppn_ledger_state *state, const struct ppn_entry *entry)
{
	remember(state, entry);
	return PPN_CHECK_OK;
}

static enum ppn_check fold_nothing(struct ppn_ledger_state *state, const struct ppn_entry *entry)
{
	(void)state;
	(void)entry;
	return PPN_CHECK_OK;
}

static enum ppn_check fold_seal(struct ppn_ledger_state *state, const struct ppn_entry *entry)
{
	struct ppn_entry_seal seal;

	memcpy(&seal, entry->payload.data, sizeof(seal));
	if (seal.mode == PPN_SEAL_OFF)
		return PPN_CHECK_OK;
	if (seal.mode != PPN_SEAL_ENFORCE && seal.mode != PPN_SEAL_OBSERVE)
		return PPN_CHECK_FORM;
	state->observe = seal.mode == PPN_SEAL_OBSERVE;
	state->has_seal = true;
	return PPN_CHECK_OK;
}

static enum ppn_check fold_trial(struct ppn_ledger_state *state, const struct ppn_entry *entry)
{
	struct ppn_entry_trial trial;

	memcpy(&trial, entry->payload.data, sizeof(trial));
	if (trial.what == PPN_TRIAL_NONE || trial.what >= _PPN_TRIAL_MAX)
		return PPN_CHECK_FORM;
	state->trial = trial.what == PPN_TRIAL_BEGAN;
	if (trial.what == PPN_TRIAL_CONFIRMED || trial.what == PPN_TRIAL_CLAIMED) {
		state->observe = false;
		state->has_seal = true;
	}
	return PPN_CHECK_OK;
}

static enum ppn_check fold_discharged(struct ppn_ledger_state *state, const struct ppn_entry *entry)
{
	(void)entry;
	state->bound = state->isolated = false;
	state->holding = true;
	memset(state->bound_hash, 0, sizeof(state->bound_hash));
	memset(state->claim_hash, 0, sizeof(state->claim_hash));
	memset(&state->roster, 0, sizeof(state->roster));
	forget_all(state);
	return PPN_CHECK_OK;
}

static const struct fold_row rows[] = {
	[PPN_ENTRY_GENESIS] = { FIRST, sizeof(struct ppn_entry_genesis), fold_genesis },
	[PPN_ENTRY_HOLDING] = { UNBOUND, 0, fold_holding },
	[PPN_ENTRY_BOUND] = { GENESIS, sizeof(struct ppn_entry_bound), fold_bound },
	[PPN_ENTRY_ROSTER] = { BOUND, sizeof(struct ppn_entry_roster), fold_roster },
	[PPN_ENTRY_ISOLATED] = { BOUND, sizeof(struct ppn_entry_command), fold_isolated },
	[PPN_ENTRY_RELEASED] = { BOUND, sizeof(struct ppn_entry_command), fold_released },
	[PPN_ENTRY_COMMAND] = { GENESIS, sizeof(struct ppn_entry_command), fold_command },
	[PPN_ENTRY_SEAL] = { GENESIS, sizeof(struct ppn_entry_seal), fold_seal },
	[PPN_ENTRY_SEAT] = { BOUND, PPN_SERIAL_LEN, fold_seat },
	[PPN_ENTRY_DISCHARGED] = { BOUND, 0, fold_discharged },
	[PPN_ENTRY_TRIAL] = { GENESIS, sizeof(struct ppn_entry_trial), fold_trial },
	[PPN_ENTRY_EGRESS] = { GENESIS, sizeof(struct ppn_entry_egress), fold_nothing },
	[PPN_ENTRY_FLEET] = { NEVER, 0, fold_nothing },
	[PPN_ENTRY_INVITED] = { NEVER, 0, fold_nothing },
	[PPN_ENTRY_CLAIMED] = { NEVER, 0, fold_nothing },
	[PPN_ENTRY_SIGNED] = { NEVER, 0, fold_nothing },
	[PPN_ENTRY_SENT] = { NEVER, 0, fold_nothing },
};

static bool allowed(const struct ppn_ledger_state *state, enum before before)
{
	switch (before) {
	case FIRST:
		return !state->has_genesis;
	case GENESIS:
		return state->has_genesis;
	case UNBOUND:
		return state->has_genesis && !state->bound;
	case BOUND:
		return state->bound;
	case NEVER:
		break;
	}
	return false;
}

enum ppn_check ppn_ledger_fold(struct ppn_ledger_state *state, const struct ppn_entry *entry)
{
	/* Of a later version: kept, verified, and without a meaning here. */
	static const struct fold_row unknown = { GENESIS, 0, fold_nothing };
	const struct fold_row *row = &unknown;

	if (entry->type < sizeof(rows) / sizeof(rows[0]) && rows[entry->type].fold)
		row = &rows[entry->type];
	if (!allowed(state, row->before))
		return PPN_CHECK_ORDER;
	if (entry->payload.len < row->payload_len)
		return PPN_CHECK_FORM;
	return row->fold(state, entry);
}

enum ppn_state ppn_ledger_genesis_state(const struct ppn_ledger_state *state)
{
	if (state->damaged)
		return PPN_STATE_DAMAGED;
	if (state->bound)
		return state->isolated ? PPN_STATE_ISOLATED : PPN_STATE_BOUND;
	return state->holding ? PPN_STATE_HOLDING : PPN_STATE_BLIND;
}
