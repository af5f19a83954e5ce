/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Lines to stderr with syslog priorities ("<6>..." under a service manager, plain on a terminal),
 * and sd_notify(3)'s datagram without its library. The log level is the one global of the house.
 */
#ifndef PPN_HOST_LOG_H
#define PPN_HOST_LOG_H

#include <syslog.h>

/* prefix: put "<N>" before each line (JOURNAL_STREAM or INVOCATION_ID is set). */
void ppn_log_init(const char *program, int level);
void ppn_log(int priority, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same, with ": strerror(-err)" at the end; returns err, so that one line logs and returns. */
int ppn_log_errno(int priority, int err, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* READY=1, STATUS=..., WATCHDOG=1: to $NOTIFY_SOCKET where there is one; else nothing. */
void ppn_notify(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
