// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A ledger that is open for appending. */
#include "host/ledger_file.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>

#include "host/cleanup.h"
#include "host/file.h"
#include "host/ledger_private.h"

static int write_head(int dir, const struct ppn_ledger_head *head)
{
	struct ppn_ledger_head_file file = { .size = htobe64(head->size) };

	memcpy(file.hash, head->hash, sizeof(file.hash));
	return ppn_file_write(dir, "head", 0600, &file, sizeof(file));
}

static int open_locked(int dir, int flags)
{
	_cleanup_close_ int fd =
		openat(dir, "ledger", O_RDWR | O_CLOEXEC | O_NOFOLLOW | flags, 0600);

	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? -EBUSY : -errno;
	return TAKE_FD(fd);
}

static int cut_tail(int fd, uint64_t len)
{
	return ftruncate(fd, len) < 0 || fdatasync(fd) < 0 ? -errno : 0;
}

int ppn_ledger_open(struct ppn_ledger_file *ret_ledger, int dir,
		    const uint8_t fleet[static PPN_HASH_LEN],
		    enum ppn_check (*fold)(void *arg, const struct ppn_entry *entry), void *arg,
		    char ret_why[static PPN_LEDGER_WHY_LEN])
{
	_cleanup_close_ int fd = dir < 0 ? -ENOENT : open_locked(dir, 0);
	struct ppn_ledger_replay what = {
		.fd = fd, .fleet = fleet, .fold = fold, .arg = arg, .why = ret_why
	};
	struct ppn_ledger_head end;
	uint64_t offset, total;
	int err;

	ret_why[0] = '\0';
	if (dir < 0 || (fd < 0 && fd != -ENOENT))
		return fd;
	err = ppn_ledger_head_open(dir, fd >= 0, &what.disk, ret_why);
	if (!err)
		err = ppn_ledger_replay(&what, &end, &offset, &total);
	if (!err && offset < total)
		err = cut_tail(fd, offset);
	if (err)
		return err;
	/* Only behind; a full disk must not keep the node from starting. */
	if (!ppn_ledger_head_same(&end, &what.disk) && !write_head(dir, &end))
		what.disk = end;
	*ret_ledger = (struct ppn_ledger_file){ .dir = dir,
						.fd = TAKE_FD(fd),
						.head = end,
						.disk = what.disk,
						.bytes = offset,
						.cut = total - offset };
	memcpy(ret_ledger->fleet, fleet, PPN_HASH_LEN);
	return 0;
}

int ppn_ledger_create(struct ppn_ledger_file *ret_ledger, int dir,
		      const uint8_t fleet[static PPN_HASH_LEN])
{
	_cleanup_close_ int fd = -1;
	struct ppn_ledger_file old;
	char why[PPN_LEDGER_WHY_LEN];
	int err;

	if (dir >= 0) {
		err = ppn_ledger_open(&old, dir, fleet, NULL, NULL, why);
		if (!err)
			ppn_ledger_close(&old);
		if (err != -ENOENT)
			return !err || err == -EBADMSG ? -EEXIST : err;
		fd = open_locked(dir, O_CREAT);
		if (fd < 0)
			return fd;
		err = cut_tail(fd, 0);
		if (err || fsync(dir) < 0)
			return err ? err : -errno;
	}
	*ret_ledger = (struct ppn_ledger_file){ .dir = dir, .fd = TAKE_FD(fd) };
	memcpy(ret_ledger->fleet, fleet, PPN_HASH_LEN);
	return 0;
}

void ppn_ledger_close(struct ppn_ledger_file *ledger)
{
	if (ledger->fd >= 0)
		close(ledger->fd);
	free(ledger->memory);
	*ledger = (struct ppn_ledger_file){ .dir = -1, .fd = -1 };
}

/* ---- writing ---- */

static int write_memory(struct ppn_ledger_file *ledger, const uint8_t *framed, size_t len)
{
	size_t max = ledger->memory_max ? ledger->memory_max : 4096;
	uint8_t *memory;

	if (ledger->memory_len + len > PPN_LEDGER_MEMORY_MAX)
		return -ENOSPC;
	while (max < ledger->memory_len + len)
		max *= 2;
	memory = max == ledger->memory_max ? ledger->memory : realloc(ledger->memory, max);
	if (!memory)
		return -ENOMEM;
	ledger->memory = memory;
	ledger->memory_max = max;
	memcpy(memory + ledger->memory_len, framed, len);
	ledger->memory_len += len;
	return 0;
}

static int write_disk(struct ppn_ledger_file *ledger, const uint8_t *framed, size_t len)
{
	uint64_t offset = ledger->bytes;

	while (len) {
		ssize_t n = pwrite(ledger->fd, framed, len, offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		framed += n;
		offset += n;
		len -= n;
	}
	return fdatasync(ledger->fd) < 0 ? -errno : 0;
}

/*
 * The rename may have been done before the error: then the new head stands, and so must the
 * entry.
 */
static int advance_head(struct ppn_ledger_file *ledger, const struct ppn_ledger_head *head)
{
	struct ppn_ledger_head found;
	int err = write_head(ledger->dir, head);

	if (err &&
	    (ppn_ledger_head_read(ledger->dir, &found) || !ppn_ledger_head_same(&found, head)))
		return err;
	ledger->disk = *head;
	return 0;
}

/* Back to before the entry. When that fails nothing may follow it. */
static void take_back(struct ppn_ledger_file *ledger)
{
	if (!cut_tail(ledger->fd, ledger->bytes))
		return;
	close(ledger->fd);
	ledger->fd = -1;
}

int ppn_ledger_write(struct ppn_ledger_file *ledger, uint64_t time_ms, enum ppn_entry_type type,
		     const void *payload, size_t payload_len, const uint8_t seed[static 32],
		     bool state)
{
	struct ppn_bytes bytes = { payload, payload_len };
	uint8_t framed[PPN_LEDGER_ENTRY_MAX];
	struct ppn_ledger_head head;
	ssize_t len;
	int err;

	len = ppn_ledger_append(framed, sizeof(framed), &ledger->head, time_ms, type, bytes,
				ledger->fleet, seed, &head);
	if (len < 0)
		return len;
	if (ledger->dir < 0) {
		err = write_memory(ledger, framed, len);
		if (err)
			return err;
		ledger->disk = head;
	} else {
		if (ledger->fd < 0)
			return -EIO;
		err = write_disk(ledger, framed, len);
		if (!err && state)
			err = advance_head(ledger, &head);
		if (err) {
			take_back(ledger);
			return err;
		}
	}
	ledger->head = head;
	ledger->bytes += len;
	return 0;
}

struct ppn_bytes ppn_ledger_bytes(const struct ppn_ledger_file *ledger)
{
	return (struct ppn_bytes){ ledger->memory, ledger->memory_len };
}
