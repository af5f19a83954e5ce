/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef PPN_HOST_SECRET_H
#define PPN_HOST_SECRET_H

/*
 * What this process holds stays in it: no core file, no /proc/PID/mem and no ptrace for others of its uid. Before the
 * first key is read, and again after a change of uid, which takes the kernel back to its default (prctl(2)).
 * 0 or -errno.
 */
int ppn_secret_process(void);

#endif
