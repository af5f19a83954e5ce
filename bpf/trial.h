/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A trial of the seal: until its end the flow of whoever tries it passes, past it the seal observes. No
 * process has to live for that: the end stands in the policy, in jiffies.
 */
#ifndef PPN_BPF_TRIAL_H
#define PPN_BPF_TRIAL_H

#include "account.h"
#include "again.h"
#include "policy.h"

/* Dropped for what it belongs to, not for how it is made. */
static __always_inline _Bool ppn_trial_spares(int reason)
{
	return reason == PPN_REASON_PORT_SHUT || reason == PPN_REASON_PORT_SOURCE ||
	       reason == PPN_REASON_ISOLATED || reason == PPN_REASON_EGRESS_SHUT ||
	       reason == PPN_REASON_RST;
}

static __always_inline _Bool ppn_trial_flow(PPN_CONTEXT *ctx, const struct ppn_flow_key *trial,
					    __u32 direction)
{
	struct ppn_flow_key flow = {}; /* 6.1 wants it written before a global function does */
	__u64 differ = 0;

	ppn_again(ctx, direction, &flow);
	for (int i = 0; i < 5; i++)
		differ |= ((const __u64 *)&flow)[i] ^ ((const __u64 *)trial)[i];
	return !differ;
}

/* Under PPN_POLICY_TRIAL. Changes reason or flags (enum ppn_policy_flag) to those that count. */
static __always_inline void ppn_trial(PPN_CONTEXT *ctx, const struct ppn_view *view,
				      __u32 direction, int *reason, __u32 *flags)
{
	if (bpf_jiffies64() > view->table->trial_end)
		*flags |= PPN_POLICY_OBSERVE;
	else if (ppn_trial_spares(*reason) && ppn_trial_flow(ctx, &view->table->trial, direction))
		*reason = PPN_REASON_PASS_TRIAL;
}

#endif
