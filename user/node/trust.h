/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the node believes (struct ppn_trust), with the bytes it was read from: STATE/trust holds them in
 * every posture, so that a revocation list, a chain or the certificate floor is never forgotten.
 */
#ifndef PPN_NODE_TRUST_H
#define PPN_NODE_TRUST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "lib/wire.h"

#define PPND_TRUST_FILE "trust"

struct ppnd_trust {
	struct ppn_trust now;
	uint8_t *bytes; /* owned: what now.chain and now.lists look into */
	bool behind; /* the file lacks some of it: its last write failed */
};

/* From an operator's file: root documents alone. Sets the pin. */
enum ppn_check ppnd_trust_start(struct ppnd_trust *ret_trust, struct ppn_bytes chain, size_t n);
/* Take over what is higher in `seen` (verified): chain, lists, floor. A chain shorter than the known one
 * brings nothing, its floor included: a new generation sets that anew. 1: it grew; 0: nothing new; -ENOMEM;
 * -EBADMSG (cannot be, after verification). `seen` may look into what is freed here: do not use it again. */
int ppnd_trust_adopt(struct ppnd_trust *trust, const struct ppn_trust *seen);
/* The same, and on disk. An error leaves it adopted in memory and is tried again at the next call. */
int ppnd_trust_keep(struct ppnd_trust *trust, const struct ppn_trust *seen, int dir);
/* STATE/trust, verified anew against the pin in trust->now. -ENOENT; -EBADMSG with words in ret_why. */
int ppnd_trust_load(struct ppnd_trust *trust, int dir, char ret_why[static 160]);
int ppnd_trust_save(const struct ppnd_trust *trust, int dir);
void ppnd_trust_free(struct ppnd_trust *trust);

#endif
