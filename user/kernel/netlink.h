/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One netlink exchange, private to this room: a request goes out, its answers come back to a callback,
 * and the call returns when the kernel has acknowledged, refused or gone silent. Everything link.c and
 * the WireGuard backends say to the kernel goes through here, so that time limits, sequence numbers
 * and interrupted dumps are handled once.
 */
#ifndef PPN_KERNEL_NETLINK_H
#define PPN_KERNEL_NETLINK_H

#include <stdint.h>
#include <net/if.h>
#include <netlink/msg.h>
#include <netlink/socket.h>

#define PPN_NL_TIMEOUT_S 5
#define PPN_NL_TRIES 16 /* of a dump that changes under the reader */

/* libnl's error numbers (negative) as -errno. */
int ppn_nl_errno(int err);
/* protocol: NETLINK_ROUTE, NETLINK_GENERIC. 0 or -errno. */
int ppn_nl_open(struct nl_sock **ret_sk, int protocol);

/*
 * Send (takes the message over, on error too) and wait. `each` gets every answer that is no
 * acknowledgement; an error it returns (-errno) is what the call returns, after the rest was read. A
 * NULL msg is -ENOMEM. -EINTR: the dump was interrupted, what came is not consistent: forget it and ask
 * again, at most PPN_NL_TRIES times. -ETIMEDOUT: no answer for PPN_NL_TIMEOUT_S.
 */
typedef int (*ppn_nl_each)(const struct nlmsghdr *hdr, void *arg);
int ppn_nl_talk(struct nl_sock *sk, struct nl_msg *msg, ppn_nl_each each, void *arg);

/* A request of rtnetlink with its fixed head. NULL: no memory. */
struct nl_msg *ppn_rt_msg(int type, int flags, const void *head, size_t head_len);

/* Device of that name by rtnetlink; the kernel's own errors, -EOPNOTSUPP: it does not know the kind. */
int ppn_rt_create(struct nl_sock *sk, const char *name, const char *kind);
/* -ENODEV: there is none. */
int ppn_rt_delete(struct nl_sock *sk, uint32_t ifindex);
/* Kind of the device ("wireguard", "tun", "" for a physical one). */
#define PPN_RT_KIND_LEN 16
int ppn_rt_kind(struct nl_sock *sk, uint32_t ifindex, char ret_kind[static PPN_RT_KIND_LEN]);
/* It shall make itself no link-local address when it comes up (as the kernel's WireGuard does). */
int ppn_rt_no_link_local(struct nl_sock *sk, uint32_t ifindex);

#endif
