// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The replay window of frame.bpf.c against a model in plain C that remembers every number ever taken:
 * random ops and numbers, jumps, bursts, reversals, new keys. Then two CPUs at once: at most once each.
 * PPN_SOAK: 20 times as many.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "frame_world.h"

enum { ROUNDS = 120000, SPACE = 1 << 24, RACE = 20000 };

struct model {
	uint8_t used[SPACE / 8];
	uint32_t top, last_state, floor, reserved;
	bool isolated;
};

static uint64_t random_state = 0x9e3779b97f4a7c15;

static uint32_t draw(uint32_t below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)(random_state >> 32) % below;
}

static bool is_used(const struct model *m, uint32_t seq)
{
	return m->used[seq / 8] >> seq % 8 & 1;
}

static bool changes_state(uint8_t op)
{
#define X(name, number, text, state) [number] = (state),
	static const bool state[_PPN_OP_MAX] = { PPN_OPS(X) };
#undef X
	return state[op];
}

/* PROTOCOL 5 as it reads; a number is known to be used while it lies in the window. */
static enum ppn_reason model_judge(struct model *m, uint8_t op, uint32_t seq)
{
	const bool acts = op == PPN_OP_ISOLATE || op == PPN_OP_RELEASE;
	const bool inside = seq + PPN_WINDOW > m->top;

	if (!op || op >= _PPN_OP_MAX)
		return PPN_REASON_FRAME_UNKNOWN;
	if (seq <= m->floor)
		return PPN_REASON_FRAME_REPLAY;
	if (seq > m->reserved)
		return PPN_REASON_FRAME_ABOVE;
	if (changes_state(op) && seq <= m->last_state)
		return PPN_REASON_FRAME_STALE;
	if (inside ? is_used(m, seq) : !changes_state(op))
		return PPN_REASON_FRAME_REPLAY;
	m->used[seq / 8] |= (uint8_t)(1 << seq % 8);
	if (seq > m->top)
		m->top = seq;
	if (changes_state(op))
		m->last_state = seq;
	if (acts)
		m->isolated = op == PPN_OP_ISOLATE;
	return acts ? PPN_REASON_FRAME_ACTED : PPN_REASON_FRAME_TAKEN;
}

static void new_key(struct frame_world *w, struct model *m)
{
	struct ppn_slot *slot = &fw_slots(w)[0];

	memset(m->used, 0, sizeof(m->used));
	m->floor = m->top = m->last_state = draw(SPACE / 2);
	m->reserved = m->floor + PPN_SEQ_BLOCK;
	slot->generation++;
	slot->floor = m->floor;
	slot->reserved = m->reserved;
}

/* Near the top most of the time, now and then anywhere. */
static uint32_t draw_seq(const struct model *m)
{
	switch (draw(10)) {
	case 0:
		return draw(SPACE);
	case 1:
		return m->top + draw(3 * PPN_WINDOW);
	case 2:
		return m->last_state + draw(4);
	case 3:
		return m->floor + draw(2);
	default:
		return m->top + 6 > draw(80) ? m->top + 6 - draw(80) : m->top;
	}
}

static bool agrees(struct frame_world *w, struct model *m, uint8_t op, uint32_t seq)
{
	const struct fw_packet packet = fw_command_packet(op, seq);
	const uint64_t before = fw_count(w, PPN_REASON_NONE);
	const enum ppn_reason want = model_judge(m, op, seq);
	const uint64_t count = fw_count(w, want);
	struct ppn_command now;

	(void)fw_run_blind(w, &packet);
	if (fw_count(w, want) != count + 1 || fw_count(w, PPN_REASON_NONE) != before) {
		printf("# op %u seq %u: the model says %d; top %u last_state %u floor %u\n", op,
		       seq, want, m->top, m->last_state, m->floor);
		return false;
	}
	now = fw_command(w);
	return now.isolated == m->isolated;
}

static unsigned int differential(struct frame_world *w, unsigned int rounds,
				 unsigned int *ret_taken)
{
	struct model *m = calloc(1, sizeof(*m));
	unsigned int wrong = 0, taken = 0;

	if (!m)
		exit(1);
	fw_reset(w);
	new_key(w, m);
	for (unsigned int i = 0; i < rounds; i++) {
		const uint32_t before = m->top;
		const uint8_t op = (uint8_t)draw(_PPN_OP_MAX + 1);
		const uint32_t seq = draw_seq(m) % SPACE;

		if (draw(2000) == 0)
			new_key(w, m);
		/* ppnd reserves the next block when half of this one is used */
		if (m->top + PPN_SEQ_BLOCK / 2 > m->reserved &&
		    m->reserved + PPN_SEQ_BLOCK <= PPN_SEQ_MAX) {
			m->reserved += PPN_SEQ_BLOCK;
			fw_slots(w)[0].reserved = m->reserved;
		}
		wrong += !agrees(w, m, op, seq);
		taken += m->top != before;
		(void)fw_drain(w, NULL, NULL);
	}
	free(m);
	*ret_taken = taken;
	return wrong;
}

/* -- two CPUs -- */

struct racer {
	struct frame_world *w;
	pthread_t thread;
	bool *done;
};

static uint8_t heard[RACE + FW_FLOOR + 1];
static unsigned int heard_twice, heard_all;

static void *race(void *arg)
{
	const struct racer *r = arg;

	for (uint32_t seq = FW_FLOOR + 1; seq <= RACE; seq++) {
		const struct fw_packet packet = fw_command_packet(PPN_OP_PING, seq);

		(void)fw_run_blind(r->w, &packet);
	}
	__atomic_store_n(r->done, true, __ATOMIC_RELEASE);
	return NULL;
}

static void on_event(void *arg, const struct ppn_frame_event *event)
{
	(void)arg;
	heard_all++;
	if (event->seq < sizeof(heard))
		heard_twice += heard[event->seq]++ > 0;
}

static bool race_is_fair(struct frame_world *w)
{
	bool done[2] = { false, false };
	struct racer racers[2] = { { .w = w, .done = &done[0] }, { .w = w, .done = &done[1] } };
	const uint64_t taken = fw_count(w, PPN_REASON_FRAME_TAKEN);

	fw_reset(w);
	fw_slots(w)[0].generation++;
	fw_slots(w)[0].reserved = PPN_SEQ_MAX;
	for (int i = 0; i < 2; i++)
		if (pthread_create(&racers[i].thread, NULL, race, &racers[i]))
			exit(1);
	while (!__atomic_load_n(&done[0], __ATOMIC_ACQUIRE) ||
	       !__atomic_load_n(&done[1], __ATOMIC_ACQUIRE))
		(void)fw_drain(w, on_event, NULL);
	for (int i = 0; i < 2; i++)
		(void)pthread_join(racers[i].thread, NULL);
	(void)fw_drain(w, on_event, NULL);
	printf("# %u numbers, each sent by two threads: %u taken, %u twice\n", RACE - FW_FLOOR,
	       heard_all, heard_twice);
	return !heard_twice && heard_all == fw_count(w, PPN_REASON_FRAME_TAKEN) - taken &&
	       heard_all >= RACE / 20;
}

int main(void)
{
	const unsigned int rounds = ROUNDS * (getenv("PPN_SOAK") ? 20 : 1);
	struct frame_world *w = fw_open();
	unsigned int wrong, taken;
	bool fair;

	printf("1..2\n");
	wrong = differential(w, rounds, &taken);
	printf("%sok 1 - %u frames, the window moved %u times: %u disagreements with the model\n",
	       wrong || taken < rounds / 20 ? "not " : "", rounds, taken, wrong);
	fair = race_is_fair(w);
	printf("%sok 2 - two CPUs at once: each number at most once\n", fair ? "" : "not ");
	fw_close(w);
	return wrong || !fair;
}
