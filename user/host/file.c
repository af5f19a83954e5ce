// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "host/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>

#include "host/cleanup.h"
#include "lib/crypto.h"

/* The directory that holds `name`, for its fsync: dir itself, unless name has a path of its own. */
static int sync_dir(int dir, const char *name)
{
	const char *slash = strrchr(name, '/');
	_cleanup_close_ int fd = -1;
	char path[PATH_MAX];

	if (!slash && dir != AT_FDCWD)
		return fsync(dir) < 0 ? -errno : 0;
	if (slash && slash - name >= (ptrdiff_t)sizeof(path))
		return -ENAMETOOLONG;
	if (slash)
		snprintf(path, sizeof(path), "%.*s", slash == name ? 1 : (int)(slash - name), name);
	fd = openat(dir, slash ? path : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

static int check_dir(int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if ((st.st_uid != geteuid() && st.st_uid != 0) || (st.st_mode & (S_IWGRP | S_IWOTH)))
		return -EPERM;
	return 0;
}

int ppn_dir_open(const char *path, mode_t mode)
{
	_cleanup_close_ int fd = -1, parent = -1;
	int created = mkdir(path, mode) == 0, err;

	if (!created && errno != EEXIST)
		return -errno;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (created) {
		parent = openat(fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fchmod(fd, mode) < 0 || parent < 0 || fsync(parent) < 0)
			return -errno;
	}
	err = check_dir(fd);
	return err ? err : TAKE_FD(fd);
}

static int open_read(int dir, const char *name, int secret, struct stat *ret_st)
{
	/* Non-blocking: a FIFO in the place of a file must not stop the program. */
	_cleanup_close_ int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0 || fstat(fd, ret_st) < 0)
		return -errno;
	if (!S_ISREG(ret_st->st_mode))
		return S_ISDIR(ret_st->st_mode) ? -EISDIR : -EINVAL;
	if (secret && ((ret_st->st_mode & (S_IRWXG | S_IRWXO)) ||
		       (ret_st->st_uid != geteuid() && ret_st->st_uid != 0)))
		return -EPERM;
	return TAKE_FD(fd);
}

/* Until the end of the file or of the buffer; the length, or -errno. */
static ssize_t read_full(int fd, uint8_t *data, size_t room)
{
	size_t len = 0;

	while (len < room) {
		ssize_t n = read(fd, data + len, room - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		len += n;
	}
	return len;
}

int ppn_file_read(int dir, const char *name, size_t max, int secret, uint8_t **ret_data,
		  size_t *ret_len)
{
	_cleanup_close_ int fd = -1;
	struct stat st = { 0 };
	uint8_t *data;
	size_t room;
	ssize_t n;

	fd = open_read(dir, name, secret, &st);
	if (fd < 0)
		return fd;
	if ((uintmax_t)st.st_size > max)
		return -EFBIG;
	room = (size_t)st.st_size + 1;
	data = malloc(room);
	if (!data)
		return -ENOMEM;
	n = read_full(fd, data, room);
	if (n < 0 || (size_t)n == room) { /* a full buffer: it grew under our hands */
		ppn_wipe(data, room);
		free(data);
		return n < 0 ? (int)n : -EAGAIN;
	}
	data[n] = 0;
	*ret_data = data;
	*ret_len = n;
	return 0;
}

int ppn_file_read_exact(int dir, const char *name, int secret, void *ret, size_t len)
{
	uint8_t *data;
	size_t got;
	int err = ppn_file_read(dir, name, len, secret, &data, &got);

	if (err)
		return err == -EFBIG ? -EBADMSG : err;
	if (got == len)
		memcpy(ret, data, len);
	ppn_wipe(data, got);
	free(data);
	return got == len ? 0 : -EBADMSG;
}

static int write_full(int fd, const uint8_t *data, size_t len)
{
	while (len) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		data += n;
		len -= n;
	}
	return 0;
}

static int write_synced(int dir, const char *tmp, mode_t mode, const void *data, size_t len)
{
	_cleanup_close_ int fd = -1;
	int err;

	if (unlinkat(dir, tmp, 0) < 0 && errno != ENOENT)
		return -errno;
	fd = openat(dir, tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	err = write_full(fd, data, len);
	if (err)
		return err;
	return fchmod(fd, mode) < 0 || fsync(fd) < 0 ? -errno : 0;
}

int ppn_file_write(int dir, const char *name, mode_t mode, const void *data, size_t len)
{
	char tmp[PATH_MAX];
	int err;

	if (snprintf(tmp, sizeof(tmp), "%s.tmp", name) >= (int)sizeof(tmp))
		return -ENAMETOOLONG;
	err = write_synced(dir, tmp, mode, data, len);
	if (!err && renameat(dir, tmp, dir, name) < 0)
		err = -errno;
	if (err) {
		(void)unlinkat(dir, tmp, 0);
		return err;
	}
	return sync_dir(dir, name);
}

int ppn_file_rename(int dir, const char *from, const char *to)
{
	_cleanup_close_ int fd = openat(dir, from, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);

	if (fd < 0 || fsync(fd) < 0 || renameat(dir, from, dir, to) < 0)
		return -errno;
	return sync_dir(dir, to);
}

static void overwrite(int dir, const char *name)
{
	_cleanup_close_ int fd = -1;
	static const uint8_t zeros[4096];
	struct stat st;

	fd = openat(dir, name, O_WRONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_nlink != 1)
		return;
	for (off_t left = st.st_size; left > 0; left -= sizeof(zeros))
		if (write_full(fd, zeros,
			       left < (off_t)sizeof(zeros) ? (size_t)left : sizeof(zeros)))
			return;
	(void)fdatasync(fd);
}

int ppn_file_remove(int dir, const char *name)
{
	overwrite(dir, name);
	if (unlinkat(dir, name, 0) < 0)
		return errno == ENOENT ? 0 : -errno;
	return sync_dir(dir, name);
}
