/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which sockets processes hold, by /proc. Sockets are named by their inode, as sock_diag names them.
 * Other users' processes are seen by root alone; what cannot be seen is left out.
 */
#ifndef PPN_HOST_PROCS_H
#define PPN_HOST_PROCS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum ppn_procs_limit {
	PPN_PROCS_DEPTH = 32, /* ancestors looked at */
	PPN_PROC_NAME_LEN = 16,
};

/*
 * Sockets of this process's ancestors, the nearest first: where a shell is logged in over a network, the
 * session's is among them. ret_console: the terminal is a console or a serial line, no pseudo terminal.
 */
size_t ppn_procs_ancestors(uint64_t *ret_inodes, size_t max, bool *ret_console);

/* A table of inodes and the programs that hold them; the program's is the first that was found. */
struct ppn_proc_socket {
	uint64_t inode;
	int pid;
	char name[PPN_PROC_NAME_LEN];
};
/* *ret_rows by rising inode, the caller's to free. 0 or -errno. */
int ppn_procs_sockets(struct ppn_proc_socket **ret_rows, size_t *ret_n);
/* NULL: nobody's that we see. */
const struct ppn_proc_socket *ppn_procs_find(const struct ppn_proc_socket *rows, size_t n,
					     uint64_t inode);

/* Runs root a program called `name` in our network namespace, with `word` among its arguments? */
bool ppn_procs_runs(const char *name, const char *word);

#endif
