/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Files that matter: every write is synced with its directory and atomic; every read is bounded.
 * All paths are relative to a directory fd (or AT_FDCWD). 0 or -errno. Only regular files are
 * read (-EINVAL, -EISDIR).
 */
#ifndef PPN_HOST_FILE_H
#define PPN_HOST_FILE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

/*
 * mkdir of the last component where it is missing, with this mode whatever the umask, synced. A
 * directory that others than we and root own or may write is -EPERM. Returns the fd.
 */
int ppn_dir_open(const char *path, mode_t mode);
/*
 * Whole file of at most max bytes; ret_data is malloc'ed with a NUL after it, the caller wipes
 * and frees. -EFBIG; -EAGAIN: it grew meanwhile; -EPERM when `secret` and the mode has group or
 * other bits, or the owner is neither we nor root.
 */
int ppn_file_read(int dir, const char *name, size_t max, int secret, uint8_t **ret_data,
		  size_t *ret_len);
/* Exactly len bytes into a buffer; -EBADMSG when shorter or longer. */
int ppn_file_read_exact(int dir, const char *name, int secret, void *ret, size_t len);
/*
 * name.tmp, write, fsync, rename, fsync dir. On failure name is what it was (but for a failed
 * fsync of the directory: then it may already be the new one) and no name.tmp stays.
 */
int ppn_file_write(int dir, const char *name, mode_t mode, const void *data, size_t len);
/*
 * The same for writes that come in pieces: write to a file of your own, then publish it: fsync of
 * the file, rename, fsync of the directory.
 */
int ppn_file_rename(int dir, const char *from, const char *to);
/* Overwrite (best effort, said so), unlink, fsync dir. -ENOENT is 0. */
int ppn_file_remove(int dir, const char *name);

#endif
