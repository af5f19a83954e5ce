/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What sockets.c and sockets_proc.c share. */
#ifndef PPN_KERNEL_SOCKETS_PRIVATE_H
#define PPN_KERNEL_SOCKETS_PRIVATE_H

#include "kernel/sockets.h"

/* include/net/tcp_states.h of the kernel; UDP uses the same numbers. */
enum ppn_socket_state {
	PPN_SOCKET_ESTABLISHED = 1,
	PPN_SOCKET_CLOSE = 7,
	PPN_SOCKET_LISTEN = 10,
};

/* Appends a copy; sets `cut` beyond PPN_SOCKETS_MAX. -ENOMEM. */
int ppn_sockets_add(struct ppn_sockets *sockets, const struct ppn_socket *socket);
/* Fills listens, half and v4_any by the kernel's state. */
void ppn_socket_state(struct ppn_socket *socket, unsigned int state, bool v4);
/* One line of /proc/net/{tcp,udp}{,6}. False: none. */
bool ppn_sockets_line(struct ppn_socket *ret_socket, uint8_t proto, const char *line);
/* All of /proc/self/net. */
int ppn_sockets_proc(struct ppn_sockets *sockets);

#endif
