/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Acquire with a cleanup attribute, hand over with TAKE_*: each function is checked without its
 * callees.
 */
#ifndef PPN_HOST_CLEANUP_H
#define PPN_HOST_CLEANUP_H

#include <stdlib.h>
#include <unistd.h>

static inline void ppn_cleanup_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void ppn_cleanup_free(void *p)
{
	free(*(void **)p);
}

#define _cleanup_close_ __attribute__((cleanup(ppn_cleanup_close)))
#define _cleanup_free_ __attribute__((cleanup(ppn_cleanup_free)))

#define TAKE_FD(fd)             \
	__extension__({         \
		int _fd = (fd); \
		(fd) = -1;      \
		_fd;            \
	})
#define TAKE_PTR(p)                       \
	__extension__({                   \
		__typeof__(p) _ptr = (p); \
		(p) = NULL;               \
		_ptr;                     \
	})

#endif
