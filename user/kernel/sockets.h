/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * TCP and UDP sockets of the caller's network namespace, as the kernel has them: by sock_diag
 * (linux/inet_diag.h) or, where its modules are not there, /proc/self/net. Nothing is believed of what a
 * caller says about its own connection: it is looked up here.
 */
#ifndef PPN_KERNEL_SOCKETS_H
#define PPN_KERNEL_SOCKETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* More are not read. */
#define PPN_SOCKETS_MAX 65536

struct ppn_socket {
	uint8_t local[16],
		remote[16]; /* IPv6 or IPv4-mapped; zeros: any address of both families */
	uint16_t local_port, remote_port; /* host order */
	uint8_t proto; /* IPPROTO_TCP, IPPROTO_UDP */
	bool listens; /* TCP: LISTEN; UDP: not connected. Else it has a remote end */
	bool half; /* TCP on its way up or down: neither LISTEN nor ESTABLISHED */
	bool v4_any; /* listens on any IPv4 address only */
	uint32_t ifindex; /* bound to a device, else 0 */
	uint32_t uid;
	uint64_t inode; /* 0: the kernel's own, or nobody's any more */
};

struct ppn_sockets {
	size_t n;
	bool cut; /* there were more than PPN_SOCKETS_MAX */
	struct ppn_socket *socket; /* owned */
};

/* 0 or -errno. The list is a snapshot: what opens while it is read may be missing. */
int ppn_sockets_read(struct ppn_sockets *ret_sockets);
void ppn_sockets_free(struct ppn_sockets *sockets);

/* Does a listening TCP socket take connections to this local end? Such a connection came in. */
bool ppn_sockets_listens(const struct ppn_sockets *sockets, uint8_t proto,
			 const uint8_t local[static 16], uint16_t port);

#endif
