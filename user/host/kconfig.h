/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a kernel was built with, and which modules are installed for it. */
#ifndef PPN_HOST_KCONFIG_H
#define PPN_HOST_KCONFIG_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Options by name, "CONFIG_..."; ret_values gets 'y', 'm', or 'n' for each. Of the kernel that runs
 * (NULL): /proc/config.gz, else as of any version: /boot/config-VERSION, or /lib/modules/VERSION/config,
 * where newer Debian kernels bring it. -ENOENT: none is there, all values are '?'. -EINVAL: a version that is none.
 */
int ppn_kconfig_read(const char *version, const char *const *options, size_t n, char *ret_values);
/* Is NAME.ko among the modules of that version (NULL: that runs), by depmod's list? */
bool ppn_kmodule_is_there(const char *version, const char *name);

#endif
