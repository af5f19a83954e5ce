/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Random worlds, and packets for them: random bytes, and described frames that are bent at random places. All of
 * it follows from one number, so that a run can be repeated.
 */
#ifndef PPN_SELFTESTS_CORPUS_H
#define PPN_SELFTESTS_CORPUS_H

#include "harness.h"
#include "reference.h"

/* Where chance stands; not 0. Set it back, and the same comes again. */
extern uint64_t corpus_state;

void corpus_world(struct reference_world *w);
/* The harness as this world is. */
void corpus_set(struct harness *h, const struct reference_world *w);
/* w: the world as corpus_world() made it; some packets are of its flows. way: where it shall go. */
void corpus_packet(struct pkt *p, const struct reference_world *w, enum harness_way way);
/* Of a flow of the world, in the kernel's table. */
void corpus_flow_key(const struct reference_flow *f, struct ppn_flow_key *ret_key);

#endif
