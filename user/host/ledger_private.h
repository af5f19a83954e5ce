/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What ledger_file.c (appending) and ledger_replay.c (reading) share. */
#ifndef PPN_HOST_LEDGER_PRIVATE_H
#define PPN_HOST_LEDGER_PRIVATE_H

#include "host/ledger_file.h"

enum { PPN_LEDGER_WHY_LEN = 160 };

/* `head` on disk. */
struct ppn_ledger_head_file {
	__be64 size;
	uint8_t hash[PPN_HASH_LEN];
};
_Static_assert(sizeof(struct ppn_ledger_head_file) == 40, "no padding in head");

bool ppn_ledger_head_same(const struct ppn_ledger_head *a, const struct ppn_ledger_head *b);
/* `head` of a directory. 0; -ENOENT; -EBADMSG: it is not one. */
int ppn_ledger_head_read(int dir, struct ppn_ledger_head *ret_head);
/*
 * The same, beside a ledger that is there or not: zeros for a ledger without head. -ENOENT:
 * neither.
 */
int ppn_ledger_head_open(int dir, bool has_ledger, struct ppn_ledger_head *ret_disk, char *ret_why);

/*
 * The start-up rules over the open file: ret_end is the head of what stands, ret_offset where it
 * ends, ret_total where the file does. -ENOENT: no entry was ever completed.
 */
struct ppn_ledger_replay {
	int fd;
	const uint8_t *fleet;
	struct ppn_ledger_head disk; /* zeros: there is no head */
	enum ppn_check (*fold)(void *arg, const struct ppn_entry *entry);
	void *arg;
	char *why;
};
int ppn_ledger_replay(const struct ppn_ledger_replay *what, struct ppn_ledger_head *ret_end,
		      uint64_t *ret_offset, uint64_t *ret_total);

#endif
