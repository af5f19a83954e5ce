/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A ledger in a directory: `ledger` (framed entries) and `head` {size, hash}. Memory only when the
 * directory fd is -1 (cloud posture). Commit order and start-up rules: PROTOCOL 8.
 */
#ifndef PPN_HOST_LEDGER_FILE_H
#define PPN_HOST_LEDGER_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "lib/ledger.h"

/* Bytes of a ledger in memory; -ENOSPC beyond. */
#define PPN_LEDGER_MEMORY_MAX (64 * 1024 * 1024)

struct ppn_ledger_file {
	int dir, fd;
	uint8_t fleet[PPN_HASH_LEN];
	struct ppn_ledger_head head; /* of what is in the file */
	struct ppn_ledger_head disk; /* of what `head` says */
	uint64_t bytes;
	uint64_t cut; /* bytes of a torn append that opening took off: worth a line in the log */
	uint8_t *memory; /* cloud */
	size_t memory_len, memory_max;
};

/*
 * Open for reading and appending, and replay: fold(arg, entry) for each. With fold NULL nothing
 * is folded.
 *
 * After `head`, what is left of one append that was never acknowledged is cut: at most one
 * entry's bytes that are no whole entry, or a last entry whose signature does not hold. The
 * signature of entry 0 (a node's: it names the identity) and of that last entry are verified; all
 * of them are for ppn_ledger_walk(). A `head` that lags behind is brought up to date.
 *
 * -ENOENT: no ledger and no head, or a file in which no entry was ever completed. -EBADMSG:
 * damaged, nothing was changed, ret_why says how: shorter than head, an entry wrong, head without
 * ledger, more than one entry without head, another fleet. -EBUSY: another process has it open
 * for appending.
 */
int ppn_ledger_open(struct ppn_ledger_file *ret_ledger, int dir,
		    const uint8_t fleet[static PPN_HASH_LEN],
		    enum ppn_check (*fold)(void *arg, const struct ppn_entry *entry), void *arg,
		    char ret_why[static 160]);
/*
 * A new, empty ledger, in the place of one that ppn_ledger_open() calls -ENOENT. -EEXIST. The
 * first entry is written with `state`.
 */
int ppn_ledger_create(struct ppn_ledger_file *ret_ledger, int dir,
		      const uint8_t fleet[static PPN_HASH_LEN]);
void ppn_ledger_close(struct ppn_ledger_file *ledger);
/*
 * One entry: written, fdatasync'ed; with `state` the head is rewritten too. On an error (-ENOSPC,
 * ...) the ledger is as it was; were even that impossible (the disk is gone), every further write
 * is -EIO.
 */
int ppn_ledger_write(struct ppn_ledger_file *ledger, uint64_t time_ms, enum ppn_entry_type type,
		     const void *payload, size_t payload_len, const uint8_t seed[static 32],
		     bool state);
/*
 * Read all, entry by entry, with signatures when identity is given; entry and progress(arg, done,
 * total bytes, every 64 KiB) may be NULL; entry's value other than 0 ends the walk and is
 * returned. Opens its own fd, takes no lock, changes nothing: works beside a running ppnd.
 * -ENOENT; -EBADMSG with ret_why. A torn tail after head is no error: ret_head (may be NULL) ends
 * before it.
 */
int ppn_ledger_walk(int dir, const uint8_t fleet[static PPN_HASH_LEN], const uint8_t *identity,
		    int (*entry)(void *arg, const struct ppn_entry *entry),
		    void (*progress)(void *arg, uint64_t done, uint64_t total), void *arg,
		    struct ppn_ledger_head *ret_head, char ret_why[static 160]);

/* The framed entries of a ledger in memory (cloud), for whoever keeps them elsewhere; borrowed. */
struct ppn_bytes ppn_ledger_bytes(const struct ppn_ledger_file *ledger);

#endif
