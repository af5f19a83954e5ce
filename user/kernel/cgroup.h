/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the memory cgroup of this process, and those above it, allow: cgroup v2's, or v1's. */
#ifndef PPN_KERNEL_CGROUP_H
#define PPN_KERNEL_CGROUP_H

#include <stdint.h>

/* The lowest limit, in bytes; UINT64_MAX: none, or none that can be read. root: "" or a test's own. */
uint64_t ppn_cgroup_memory(const char *root);

#endif
