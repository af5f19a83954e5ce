/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What others do to the seal's own objects, as the kernel tells it: changes of nftables (NFNLGRP_NFTABLES)
 * and of clsact filters (RTNLGRP_TC). Links are link.h's. A pin that is removed and a bpf_link that is
 * detached are told by nobody: their owner looks now and then.
 *
 * 0 or -errno.
 */
#ifndef PPN_KERNEL_NOTIFY_H
#define PPN_KERNEL_NOTIFY_H

#include <stdint.h>

#define PPN_NOTIFY_WHO_LEN 16

struct ppn_notify;

struct ppn_notify_calls {
	/*
	 * Another process changed or removed a table PPN_BACKSTOP_TABLE; once a transaction. who: its name,
	 * as the kernel has it, not to be believed further than a log line; "" when events were lost. pid
	 * is of the first PID namespace.
	 */
	void (*rules)(void *arg, const char *who, uint32_t pid);
	/* A clsact qdisc or a filter of this interface went or changed, by anybody; 0: events were lost. */
	void (*filters)(void *arg, uint32_t ifindex);
	void *arg;
};

/* Own transactions of nftables are those of this process: fork() before, not after. */
int ppn_notify_open(struct ppn_notify **ret_notify, const struct ppn_notify_calls *calls);
void ppn_notify_close(struct ppn_notify **notify);
/* For the event loop: readable when there is something to dispatch. */
int ppn_notify_fd(const struct ppn_notify *notify);
int ppn_notify_dispatch(struct ppn_notify *notify);

#endif
