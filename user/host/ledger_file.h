/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A ledger in a directory: `ledger` (framed entries) and `head` {size, hash}. Memory only when the
 * directory fd is -1 (cloud posture). Commit order and start-up rules: PROTOCOL 8.
 */
#ifndef PPN_HOST_LEDGER_FILE_H
#define PPN_HOST_LEDGER_FILE_H

#include <stdbool.h>
#include "lib/ledger.h"

struct ppn_ledger_file {
	int dir, fd;
	uint8_t fleet[PPN_HASH_LEN];
	struct ppn_ledger_head head; /* of what is in the file */
	struct ppn_ledger_head disk; /* of what `head` says */
	uint64_t bytes;
	uint8_t *memory; /* cloud */
	size_t memory_len, memory_max;
};

/*
 * Open for reading and appending, and replay: fold(arg, entry) for each. A torn tail after `head` is cut.
 * -ENOENT: no ledger (and no head); -EBADMSG: damaged, ret_why says how (shorter than head, an entry wrong,
 * head without ledger). With fold NULL nothing is folded.
 */
int ppn_ledger_open(struct ppn_ledger_file *ret_ledger, int dir, const uint8_t fleet[static PPN_HASH_LEN],
		    enum ppn_check (*fold)(void *arg, const struct ppn_entry *entry), void *arg,
		    char ret_why[static 160]);
/* A new, empty ledger. -EEXIST. */
int ppn_ledger_create(struct ppn_ledger_file *ret_ledger, int dir, const uint8_t fleet[static PPN_HASH_LEN]);
void ppn_ledger_close(struct ppn_ledger_file *ledger);
/* One entry: written, fdatasync'ed; with `state` the head is rewritten too. -ENOSPC leaves the file as it
 * was. */
int ppn_ledger_write(struct ppn_ledger_file *ledger, uint64_t time_ms, enum ppn_entry_type type,
		     const void *payload, size_t payload_len, const uint8_t seed[static 32], bool state);
/* Read all, entry by entry, with signatures when identity is given; progress(arg, done, total bytes) may be
 * NULL. Opens its own fd: works beside a running ppnd. */
int ppn_ledger_walk(int dir, const uint8_t fleet[static PPN_HASH_LEN], const uint8_t *identity,
		    int (*entry)(void *arg, const struct ppn_entry *entry),
		    void (*progress)(void *arg, uint64_t done, uint64_t total), void *arg,
		    struct ppn_ledger_head *ret_head, char ret_why[static 160]);

#endif
