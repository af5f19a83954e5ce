/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The one place where a reason becomes a counter and a verdict. PPN_REASON_NONE means "go on" between
 * stages; a packet for which no stage found anything else ends here as a drop.
 */
#ifndef PPN_BPF_ACCOUNT_H
#define PPN_BPF_ACCOUNT_H

#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>
#include <ppn/maps.h>
#include <ppn/reasons.h>

/* Bit n of word w: reason 64 * w + n passes. */
#define PPN_PASS_BIT(word, reason, verdict) \
	| ((reason) / 64 == (word) ? (__u64)(verdict) << ((reason) % 64) : 0)
#define X(name, verdict, text, help) PPN_PASS_BIT(0, PPN_REASON_##name, PPN_VERDICT_##verdict)
static const __u64 ppn_pass_low = 0 PPN_REASONS(X);
#undef X
#define X(name, verdict, text, help) PPN_PASS_BIT(1, PPN_REASON_##name, PPN_VERDICT_##verdict)
static const __u64 ppn_pass_high = 0 PPN_REASONS(X);
#undef X
PPN_STATIC_ASSERT(_PPN_REASON_MAX <= 128, "two words hold the verdicts");

static __always_inline _Bool ppn_passes(__u32 reason)
{
	return ((reason < 64 ? ppn_pass_low : ppn_pass_high) >> (reason & 63)) & 1;
}

/* counts: a *_count map. slot: of the interface. */
static __always_inline void ppn_count(void *counts, __u32 slot, __u32 reason, __u64 bytes)
{
	__u32 index = PPN_COUNT_INDEX(slot, reason);
	struct ppn_count *count = bpf_map_lookup_elem(counts, &index);

	if (!count)
		return;
	count->packets++;
	count->bytes += bytes;
}

/* flags: enum ppn_policy_flag. */
static __always_inline enum ppn_verdict ppn_account(void *counts, __u32 slot, __u32 reason,
						    __u64 bytes, __u32 flags)
{
	ppn_count(counts, slot, reason, bytes);
	if (flags & PPN_POLICY_OBSERVE)
		return PPN_VERDICT_PASS;
	return ppn_passes(reason) ? PPN_VERDICT_PASS : PPN_VERDICT_DROP;
}

static __always_inline int ppn_account_xdp(void *counts, __u32 slot, __u32 reason, __u64 bytes,
					   __u32 flags)
{
	return ppn_account(counts, slot, reason, bytes, flags) == PPN_VERDICT_PASS ? XDP_PASS :
										     XDP_DROP;
}

static __always_inline int ppn_account_tc(void *counts, __u32 slot, __u32 reason, __u64 bytes,
					  __u32 flags)
{
	return ppn_account(counts, slot, reason, bytes, flags) == PPN_VERDICT_PASS ? TC_ACT_OK :
										     TC_ACT_SHOT;
}

#endif
