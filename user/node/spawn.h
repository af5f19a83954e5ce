/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Starts ppnd-claim as user/node/worker.h says: two file descriptors, a uid of its own, nothing else. */
#ifndef PPN_NODE_SPAWN_H
#define PPN_NODE_SPAWN_H

#include <sys/types.h>

struct ppnd_spawn {
	const char *program; /* --worker, or NULL: PPN_LIBEXECDIR, then the folder of ppnd itself */
	const char *user; /* taken by the worker when ppnd is root */
	int listen_fd, monitor_fd; /* stay the caller's */
};

/* The process, and a pidfd of it. -ENOENT: no such user, or no such program. */
int ppnd_spawn(const struct ppnd_spawn *spawn, pid_t *ret_pid, int *ret_pidfd);

#endif
