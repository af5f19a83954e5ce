// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The handle of a machine whose kernel takes no BPF: policy, slots and command in memory, no program. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include "kernel/datapath_private.h"

static void *memory(size_t len)
{
	void *at = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return at == MAP_FAILED ? NULL : at;
}

int ppn_datapath_none(struct ppn_datapath **ret_dp, const char *why)
{
	struct ppn_datapath *dp = calloc(1, sizeof(*dp));

	if (!dp)
		return -ENOMEM;
	(void)snprintf(dp->refused, sizeof(dp->refused), "%s", why[0] ? why : "no BPF");
	dp->clock = dp->alive = -1;
	for (int i = 0; i < _DP_PROGRAM_MAX; i++)
		dp->program[i] = -1;
	for (int i = 0; i < _DP_MAP_MAX; i++)
		dp->map[i] = -1;
	dp->policy = memory(sizeof(*dp->policy));
	dp->slots = memory(PPN_SEATS_MAX * sizeof(*dp->slots));
	if (!dp->policy || !dp->slots) {
		ppn_datapath_close(&dp);
		return -ENOMEM;
	}
	*ret_dp = dp;
	return 0;
}

const char *ppn_datapath_refused(const struct ppn_datapath *dp)
{
	return dp->refused[0] ? dp->refused : NULL;
}
