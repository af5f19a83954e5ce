/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Mounts and swap of a process (proc(5): mountinfo, swaps), and whether a block device lives on this
 * machine: by sysfs, down through device mapper, RAID, partitions and loop devices.
 */
#ifndef PPN_HOST_MOUNTS_H
#define PPN_HOST_MOUNTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum ppn_mounts_limit {
	PPN_MOUNTS_MAX = 4096, /* more are not read */
	PPN_MOUNT_POINT_LEN = 256, /* longer ones are cut */
	PPN_MOUNT_TYPE_LEN = 32,
};

struct ppn_mount {
	char point[PPN_MOUNT_POINT_LEN]; /* unescaped; "swap" for swap */
	char type[PPN_MOUNT_TYPE_LEN]; /* ext4, nfs4 ...; "swap" */
	char source[PPN_MOUNT_POINT_LEN];
	char server[64]; /* addr= of a network file system, or "" */
	uint32_t port; /* port= of it, 0: not said */
	uint32_t major, minor; /* of the block device; 0: none */
};

/* One line of mountinfo. False: none. */
bool ppn_mount_line(struct ppn_mount *ret_mount, const char *line);
/* Of /proc/PID/mountinfo (0: of this process) and /proc/swaps. *ret_mounts is the caller's. */
int ppn_mounts_read(int pid, struct ppn_mount **ret_mounts, size_t *ret_n);

/*
 * True: what the device is made of comes over a network (iSCSI, NBD, RBD, DRBD, NVMe over fabrics, FCoE, AoE),
 * in words in ret_what. sysfs: "/sys", or a test's. A loop device's file is for the caller to look at:
 * its path comes in ret_file ("" for none).
 */
#define PPN_BLOCK_WHAT_LEN 64
bool ppn_block_is_remote(const char *sysfs, uint32_t major, uint32_t minor,
			 char ret_what[static PPN_BLOCK_WHAT_LEN],
			 char ret_file[static PPN_MOUNT_POINT_LEN]);

#endif
