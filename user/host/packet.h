/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Whole packets over a connected SOCK_SEQPACKET socket, with at most one file descriptor each. */
#ifndef PPN_HOST_PACKET_H
#define PPN_HOST_PACKET_H

#include <stddef.h>
#include <sys/types.h>

/* 0 or -errno (no SIGPIPE: -EPIPE). pass_fd: -1 for none; stays the caller's. flags: MSG_DONTWAIT
 * or 0. */
int ppn_packet_send(int fd, const void *packet, size_t len, int pass_fd, int flags);
/*
 * Length of the packet, 0 at the end of the stream, or -errno. -EMSGSIZE: longer than max (dropped
 * whole). *ret_fd: the file descriptor that came with it, close-on-exec, the caller's to close, or
 * -1; never more than one is kept. ret_fd = NULL: whatever comes is closed.
 */
ssize_t ppn_packet_receive(int fd, void *ret_packet, size_t max, int *ret_fd, int flags);

#endif
