/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Tickets (PROTOCOL 4): what ppnd draws for each connection of the claim port and lends its worker, and the
 * rules by which a proof is given and a claim, seat or roster is believed. The worker is believed nothing.
 */
#ifndef PPN_NODE_TICKETS_H
#define PPN_NODE_TICKETS_H

#include <stdbool.h>
#include <stdint.h>
#include "lib/wire.h"
#include "node/ppnd.h"
#include "node/worker.h"

enum ppnd_ticket_state {
	PPND_TICKET_NONE = 0,
	PPND_TICKET_DRAWN, /* waits for PROVE */
	PPND_TICKET_PROVED, /* waits for COMMIT */
	PPND_TICKET_SPENT, /* waits for DONE */
};

struct ppnd_ticket {
	enum ppnd_ticket_state state;
	uint32_t conn;
	uint64_t deadline_ms; /* CLOCK_MONOTONIC */
	uint8_t nonce[PPN_NONCE_LEN], x_secret[32], x[PPN_KEY_LEN];
	enum ppn_purpose purpose;
	struct ppn_cert cert;
	char source[64]; /* for the log */
};

struct ppnd_answer {
	size_t len;
	uint8_t bytes[PPN_WORKER_OBJECT_MAX];
};

void ppnd_ticket_draw(struct ppnd_ticket *ret_ticket, uint32_t conn, uint64_t now_ms);
bool ppnd_ticket_late(const struct ppnd_ticket *ticket, uint64_t now_ms);
/* One DH, one signature: fills prove_answer, whose payload looks into `object`. False: refused, ret_why says it. */
bool ppnd_ticket_prove(struct ppnd *ppnd, struct ppnd_ticket *ticket,
		       const struct ppn_worker_message *prove,
		       struct ppn_worker_message *ret_answer,
		       uint8_t object[static PPN_WORKER_NODE_MAX],
		       char ret_why[static PPN_WHY_LEN]);
/* One claim, seat or roster. `bundle`: ppnd's own copy of the memfd. Always fills an answer. True: done. */
bool ppnd_ticket_commit(struct ppnd *ppnd, struct ppnd_ticket *ticket,
			const struct ppn_worker_message *commit, struct ppn_bytes bundle,
			struct ppnd_answer *ret_answer);

#endif
