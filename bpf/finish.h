/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Behind the rows, the same in both directions: a trial may change what counts, observing and watching
 * look at what drops.
 */
#ifndef PPN_BPF_FINISH_H
#define PPN_BPF_FINISH_H

#include "observe.h"
#include "trial.h"
#include "watch.h"

/* len: of the packet. Changes reason and flags (enum ppn_policy_flag) to those that account.h is told. */
static __always_inline void ppn_finish(PPN_CONTEXT *ctx, __u32 ifindex, const struct ppn_view *view,
				       __u32 len, __u32 direction, int *reason, __u32 *flags)
{
	*flags = view->flags;
	if (*flags & PPN_POLICY_TRIAL)
		ppn_trial(ctx, view, direction, reason, flags);
	if (*flags & PPN_POLICY_OBSERVE)
		(void)ppn_observe(ctx, *reason, len, direction);
	if (*flags & PPN_POLICY_WATCH)
		(void)ppn_watch(ctx, ifindex, *reason, len,
				PPN_WATCH_HOW(direction, !!(*flags & PPN_POLICY_OBSERVE)));
}

#endif
