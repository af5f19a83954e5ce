/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A directory of a test's own, gone afterwards. For cmocka setup and teardown: *state is its
 * path.
 */
#ifndef PPN_TEST_SCRATCH_H
#define PPN_TEST_SCRATCH_H

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static inline int scratch_setup(void **state)
{
	char path[] = "/tmp/ppn-test.XXXXXX";

	*state = mkdtemp(path) ? strdup(path) : NULL;
	return *state ? 0 : -1;
}

static inline int scratch_unlink(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static inline int scratch_teardown(void **state)
{
	int err = nftw(*state, scratch_unlink, 8, FTW_DEPTH | FTW_PHYS);

	free(*state);
	return err;
}

static inline int scratch_open(void **state)
{
	return open(*state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* Not by the code under test: plain calls, as an operator's editor would. */
static inline void scratch_put(int dir, const char *name, const void *data, size_t len)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || write(fd, data, len) != (ssize_t)len)
		abort();
	close(fd);
}

/* Length, or -1 when it is not there. */
static inline ssize_t scratch_get(int dir, const char *name, void *ret, size_t max)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? -1 : read(fd, ret, max);

	if (fd >= 0)
		close(fd);
	return len;
}

#endif
