// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Input: what the ledger folded to, then an event a byte; the highest bit says that its durable action failed.
 * Whatever the order: no claim is lost but by a discharge, an isolation ends by release, discharge or not at all,
 * and nothing but the claim opens the mesh of a fleet.
 */
#include "fuzz/mend.h"

#include "lib/genesis.h"

#define DURABLE (PPN_ACT_COMMIT | PPN_ACT_APPEND)
#define FLEET (PPN_ACT_MESH_JOIN | PPN_ACT_SET_PEERS | PPN_ACT_OPEN_SLOTS)

static bool is_member(enum ppn_state state)
{
	return state == PPN_STATE_BOUND || state == PPN_STATE_ISOLATED;
}

/* But for `refused`. */
static bool same(const struct ppn_genesis *a, const struct ppn_genesis *b)
{
	return a->state == b->state && a->folded == b->folded && a->isolated == b->isolated;
}

static void taken(const struct ppn_genesis *genesis, enum ppn_event event,
		  const struct ppn_genesis_step *step)
{
	const enum ppn_state state = genesis->state;

	must(step->next < _PPN_STATE_MAX);
	must(step->actions < 2u * PPN_ACT_START_TELEMETRY);
	if (is_member(state) && !is_member(step->next) && event != PPN_EVENT_DAMAGE)
		must(event == PPN_EVENT_DISCHARGE && step->actions & PPN_ACT_FORGET);
	if (!is_member(state) && is_member(step->next) && event != PPN_EVENT_START)
		must((event == PPN_EVENT_CLAIM || event == PPN_EVENT_RECLAIM) &&
		     step->actions & PPN_ACT_COMMIT);
	if (state == PPN_STATE_ISOLATED && step->next == PPN_STATE_BOUND)
		must(event == PPN_EVENT_RELEASE);
	if (state == PPN_STATE_DAMAGED && genesis->isolated)
		must(step->next == PPN_STATE_DAMAGED || step->next == PPN_STATE_ISOLATED);
	if (step->actions & FLEET)
		must(is_member(step->next));
	if (step->next != state && event != PPN_EVENT_START && event != PPN_EVENT_DAMAGE)
		must(step->actions & PPN_ACT_SEAL ||
		     ppn_genesis_column(state) == ppn_genesis_column(step->next));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct ppn_genesis genesis = { 0 };

	if (!len)
		return 0;
	genesis.folded = data[0] % _PPN_STATE_MAX;
	for (size_t i = 1; i < len; i++) {
		const enum ppn_event event = (data[i] & 0x7f) % (_PPN_EVENT_MAX + 1);
		const struct ppn_genesis before = genesis;
		struct ppn_genesis_step step = { 0 };

		if (ppn_genesis_step(&genesis, event, &step) == PPN_GENESIS_REFUSED) {
			must(same(&genesis, &before) && genesis.refused == before.refused + 1);
			continue;
		}
		must(same(&genesis, &before) && genesis.refused == before.refused);
		taken(&genesis, event, &step);
		if (data[i] & 0x80 && step.actions & DURABLE)
			continue; /* the old state is kept */
		ppn_genesis_done(&genesis, &step);
		must(genesis.state == step.next);
	}
	return 0;
}
