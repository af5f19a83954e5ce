/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What link.c, link_fleet.c, link_sysctl.c and link_watch.c share. */
#ifndef PPN_KERNEL_LINK_PRIVATE_H
#define PPN_KERNEL_LINK_PRIVATE_H

#include <stdint.h>
#include <net/if.h>
#include "kernel/link.h"
#include "kernel/netlink.h"

struct ppn_link {
	struct nl_sock *sk;
	int watch_fd; /* -1: not watched */
	void (*changed)(void *arg, uint32_t ifindex, bool gone);
	void *changed_arg;
};

/* Name of an interface of this namespace. -ENODEV. */
int ppn_link_name(uint32_t ifindex, char ret_name[static IFNAMSIZ]);
/*
 * /proc/sys/net/FAMILY/conf/IF/KEY := value, written only if it differs. `family` is "ipv4" or "ipv6",
 * `name` an interface or "all". -ENOENT: this kernel has no such setting.
 */
int ppn_link_sysctl(const char *family, const char *name, const char *key, int value);

#endif
