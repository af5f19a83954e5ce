// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "host/secret.h"

#include <errno.h>
#include <sys/prctl.h>
#include <sys/resource.h>

int ppn_secret_process(void)
{
	const struct rlimit none = { 0, 0 };

	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 || setrlimit(RLIMIT_CORE, &none) < 0)
		return -errno;
	return 0;
}
