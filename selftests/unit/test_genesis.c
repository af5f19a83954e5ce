// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Genesis: every state with every event, whatever the ledger folded to, against DESIGN 1 and 6
 * told again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include <ppn/maps.h>
#include "lib/genesis.h"
#include "lib/wire.h"

#define S(name) PPN_STATE_##name
#define E(name) PPN_EVENT_##name
#define A(name) PPN_ACT_##name

enum { ANY = -1 };

/* What must come of it; what is not here must be refused. */
static const struct expected {
	int state, event, folded, isolated; /* the last two may be ANY */
	enum ppn_state next;
	uint32_t actions;
} table[] = {
	/* start: what the ledger folded to */
	{ S(BLIND), E(START), S(BLIND), ANY, S(BLIND), A(SEAL) },
	{ S(BLIND), E(START), S(HOLDING), ANY, S(HOLDING),
	  A(SEAL) | A(LISTEN_BEACON) | A(MESH_ALONE) | A(OPEN_CLAIM) },
	{ S(BLIND), E(START), S(BOUND), ANY, S(BOUND),
	  A(SEAL) | A(MESH_JOIN) | A(SET_PEERS) | A(OPEN_CLAIM) | A(OPEN_SLOTS) |
		  A(START_TELEMETRY) },
	{ S(BLIND), E(START), S(ISOLATED), ANY, S(ISOLATED),
	  A(SEAL) | A(MESH_JOIN) | A(SET_PEERS) | A(OPEN_CLAIM) | A(OPEN_SLOTS) |
		  A(START_TELEMETRY) },
	{ S(BLIND), E(START), S(DAMAGED), ANY, S(DAMAGED),
	  A(SEAL) | A(LISTEN_BEACON) | A(OPEN_CLAIM) | A(CLOSE_SLOTS) },

	/* the datapath: an unclaimed node scans, the others write their column */
	{ S(BLIND), E(DATAPATH_READY), S(BLIND), ANY, S(SCANNING),
	  A(SEAL) | A(LISTEN_BEACON) | A(START_SCAN) },
	{ S(SCANNING), E(DATAPATH_READY), ANY, ANY, S(SCANNING), A(SEAL) },
	{ S(HOLDING), E(DATAPATH_READY), ANY, ANY, S(HOLDING), A(SEAL) },
	{ S(BOUND), E(DATAPATH_READY), ANY, ANY, S(BOUND), A(SEAL) },
	{ S(ISOLATED), E(DATAPATH_READY), ANY, ANY, S(ISOLATED), A(SEAL) },
	{ S(DAMAGED), E(DATAPATH_READY), ANY, ANY, S(DAMAGED), A(SEAL) },

	/* the fork */
	{ S(SCANNING), E(SCAN_OVER), ANY, ANY, S(HOLDING),
	  A(APPEND) | A(SEAL) | A(LISTEN_BEACON) | A(MESH_ALONE) | A(OPEN_CLAIM) },
	{ S(SCANNING), E(BEACON), ANY, ANY, S(HOLDING),
	  A(APPEND) | A(SEAL) | A(LISTEN_BEACON) | A(MESH_ALONE) | A(OPEN_CLAIM) | A(ANSWER_HERE) },

	/* beacons: the claimed are silent */
	{ S(HOLDING), E(BEACON), ANY, ANY, S(HOLDING), A(ANSWER_HERE) },
	{ S(BOUND), E(BEACON), ANY, ANY, S(BOUND), 0 },
	{ S(ISOLATED), E(BEACON), ANY, ANY, S(ISOLATED), 0 },
	{ S(DAMAGED), E(BEACON), ANY, ANY, S(DAMAGED), A(ANSWER_HERE) },

/* claims: committed before anything changes; they never lift an isolation */
#define BIND                                                                                  \
	(A(COMMIT) | A(SEAL) | A(MESH_JOIN) | A(SET_PEERS) | A(OPEN_CLAIM) | A(CLOSE_SLOTS) | \
	 A(OPEN_SLOTS) | A(START_TELEMETRY))
	{ S(HOLDING), E(CLAIM), ANY, ANY, S(BOUND), BIND },
	{ S(BOUND), E(RECLAIM), ANY, ANY, S(BOUND), BIND },
	{ S(ISOLATED), E(RECLAIM), ANY, ANY, S(ISOLATED), BIND },
	{ S(DAMAGED), E(CLAIM), ANY, 0, S(BOUND), BIND },
	{ S(DAMAGED), E(CLAIM), ANY, 1, S(ISOLATED), BIND },
	{ S(DAMAGED), E(RECLAIM), ANY, 0, S(BOUND), BIND },
	{ S(DAMAGED), E(RECLAIM), ANY, 1, S(ISOLATED), BIND },

	/* frames: what the kernel acted is written down, twice if it came twice */
	{ S(BOUND), E(ISOLATE), ANY, ANY, S(ISOLATED), A(APPEND) | A(SEAL) },
	{ S(ISOLATED), E(ISOLATE), ANY, ANY, S(ISOLATED), A(APPEND) | A(SEAL) },
	{ S(ISOLATED), E(RELEASE), ANY, ANY, S(BOUND), A(APPEND) | A(SEAL) },
	{ S(BOUND), E(RELEASE), ANY, ANY, S(BOUND), A(APPEND) | A(SEAL) },

	/* rosters */
	{ S(BOUND), E(ROSTER), ANY, ANY, S(BOUND), A(APPEND) | A(SEAL) | A(SET_PEERS) },
	{ S(ISOLATED), E(ROSTER), ANY, ANY, S(ISOLATED), A(APPEND) | A(SEAL) | A(SET_PEERS) },

/* leaving */
#define LEAVE                                                                                      \
	(A(APPEND) | A(SEAL) | A(LISTEN_BEACON) | A(MESH_ALONE) | A(OPEN_CLAIM) | A(CLOSE_SLOTS) | \
	 A(FORGET))
	{ S(BOUND), E(DISCHARGE), ANY, ANY, S(HOLDING), LEAVE },
	{ S(ISOLATED), E(DISCHARGE), ANY, ANY, S(HOLDING), LEAVE },

/* damage: from anywhere */
#define CRIPPLE (A(SEAL) | A(LISTEN_BEACON) | A(OPEN_CLAIM) | A(CLOSE_SLOTS))
	{ S(BLIND), E(DAMAGE), ANY, ANY, S(DAMAGED), CRIPPLE },
	{ S(SCANNING), E(DAMAGE), ANY, ANY, S(DAMAGED), CRIPPLE },
	{ S(HOLDING), E(DAMAGE), ANY, ANY, S(DAMAGED), CRIPPLE },
	{ S(BOUND), E(DAMAGE), ANY, ANY, S(DAMAGED), CRIPPLE },
	{ S(ISOLATED), E(DAMAGE), ANY, ANY, S(DAMAGED), CRIPPLE },
	{ S(DAMAGED), E(DAMAGE), ANY, ANY, S(DAMAGED), 0 },
};

static const struct expected *expect(const struct ppn_genesis *g, enum ppn_event event)
{
	for (const struct expected *e = table; e < table + sizeof(table) / sizeof(table[0]); e++)
		if (e->state == (int)g->state && e->event == (int)event &&
		    (e->folded == ANY || e->folded == (int)g->folded) &&
		    (e->isolated == ANY || e->isolated == g->isolated))
			return e;
	return NULL;
}

static void check_one(const struct ppn_genesis *from, enum ppn_event event)
{
	static const struct ppn_genesis_step untouched = { _PPN_STATE_MAX, 0xffffffff };
	struct ppn_genesis_step step = untouched;
	const struct expected *e = expect(from, event);
	struct ppn_genesis g = *from;
	enum ppn_genesis_verdict verdict = ppn_genesis_step(&g, event, &step);

	if (verdict != (e ? PPN_GENESIS_OK : PPN_GENESIS_REFUSED) || (e && step.next != e->next) ||
	    (e && step.actions != e->actions))
		fail_msg("%s on \"%s\" (folded %s, isolated %d): verdict %d, to %s, actions %#x",
			 ppn_state_text(from->state), ppn_event_text(event),
			 ppn_state_text(from->folded), from->isolated, verdict,
			 ppn_state_text(step.next), step.actions);
	assert_int_equal(g.refused, from->refused + !e);
	assert_int_equal(g.state, from->state);
	if (!e)
		assert_memory_equal(&step, &untouched, sizeof(step));
}

static void every_state_and_event(void **unused)
{
	(void)unused;
	for (int state = 0; state < _PPN_STATE_MAX; state++)
		for (int event = 0; event <= _PPN_EVENT_MAX; event++)
			for (int folded = 0; folded < _PPN_STATE_MAX; folded++)
				for (int isolated = 0; isolated < 2; isolated++)
					check_one(&(struct ppn_genesis){ .state = state,
									 .folded = folded,
									 .isolated = isolated,
									 .refused = 7 },
						  event);
}

/* Two rows that hold at once would make the order of the table a rule. */
static void rows_exclude_each_other(void **unused)
{
	size_t n;
	const struct ppn_genesis_row *rows = ppn_genesis_rows(&n);

	(void)unused;
	assert_int_equal(n, sizeof(table) / sizeof(table[0]));
	for (size_t a = 0; a < n; a++)
		for (size_t b = a + 1; b < n; b++)
			for (int bits = 0; bits < 2 * _PPN_STATE_MAX; bits++) {
				struct ppn_genesis g = { .state = rows[a].state,
							 .folded = bits / 2,
							 .isolated = bits % 2 };

				if (rows[a].state != rows[b].state ||
				    rows[a].event != rows[b].event)
					continue;
				assert_false((!rows[a].guard || rows[a].guard(&g)) &&
					     (!rows[b].guard || rows[b].guard(&g)));
			}
}

static enum ppn_state go(struct ppn_genesis *g, enum ppn_event event)
{
	struct ppn_genesis_step step;

	assert_int_equal(ppn_genesis_step(g, event, &step), PPN_GENESIS_OK);
	ppn_genesis_done(g, &step);
	return g->state;
}

static void a_life(void **unused)
{
	struct ppn_genesis g = { 0 };

	(void)unused;
	assert_int_equal(go(&g, E(START)), S(BLIND));
	assert_int_equal(go(&g, E(DATAPATH_READY)), S(SCANNING));
	assert_int_equal(go(&g, E(SCAN_OVER)), S(HOLDING));
	assert_int_equal(go(&g, E(CLAIM)), S(BOUND));
	assert_int_equal(go(&g, E(ISOLATE)), S(ISOLATED));
	assert_int_equal(go(&g, E(RECLAIM)), S(ISOLATED));
	assert_int_equal(go(&g, E(DAMAGE)), S(DAMAGED));
	assert_int_equal(go(&g, E(CLAIM)), S(ISOLATED));
	assert_int_equal(go(&g, E(RELEASE)), S(BOUND));
	assert_int_equal(go(&g, E(DAMAGE)), S(DAMAGED));
	assert_int_equal(go(&g, E(CLAIM)), S(BOUND));
	assert_int_equal(go(&g, E(DISCHARGE)), S(HOLDING));
	assert_int_equal(g.refused, 0);
}

static void columns_and_texts(void **unused)
{
	static const uint8_t column[] = {
		[S(BLIND)] = PPN_COLUMN_BLIND,	     [S(SCANNING)] = PPN_COLUMN_BLIND,
		[S(HOLDING)] = PPN_COLUMN_HOLDING,   [S(BOUND)] = PPN_COLUMN_BOUND,
		[S(ISOLATED)] = PPN_COLUMN_ISOLATED, [S(DAMAGED)] = PPN_COLUMN_HOLDING,
		[_PPN_STATE_MAX] = PPN_COLUMN_BLIND,
	};

	(void)unused;
	for (size_t state = 0; state < sizeof(column); state++)
		assert_int_equal(ppn_genesis_column(state), column[state]);
	for (int event = 1; event < _PPN_EVENT_MAX; event++)
		assert_string_not_equal(ppn_event_text(event), "?");
	assert_string_equal(ppn_event_text(PPN_EVENT_NONE), "?");
	assert_string_equal(ppn_event_text(_PPN_EVENT_MAX), "?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_state_and_event),
		cmocka_unit_test(rows_exclude_each_other),
		cmocka_unit_test(a_life),
		cmocka_unit_test(columns_and_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
