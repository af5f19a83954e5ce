/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Samples of what drops, for `ppn seal watch`: PPN_SAMPLE_RATE a second and CPU at most, in a ring buffer
 * that loses what does not fit.
 */
#ifndef PPN_BPF_WATCH_H
#define PPN_BPF_WATCH_H

#include "account.h"
#include "again.h"
#include "rate.h"

/* Of a global function no more than five arguments: how is direction | verdict << 8. */
#define PPN_WATCH_HOW(direction, verdict) ((direction) | (verdict) << 8)

/* len: of the packet. */
__noinline int ppn_watch(PPN_CONTEXT *ctx, __u32 ifindex, __u32 reason, __u32 len, __u32 how)
{
	struct ppn_sample *sample;
	__u32 n = len < PPN_SAMPLE_COPY ? len : PPN_SAMPLE_COPY;

	if (ppn_passes(reason) || !n ||
	    !ppn_rate_take(PPN_RATE_SAMPLE, 0, bpf_get_smp_processor_id()))
		return 0;
	sample = bpf_ringbuf_reserve(&samples, sizeof(*sample), 0);
	if (!sample)
		return 0;
	sample->at_ns = bpf_ktime_get_ns();
	sample->ifindex = ifindex;
	sample->reason = reason;
	sample->direction = how;
	sample->verdict = how >> 8;
	sample->len = len;
	sample->captured = n;
	__builtin_memset(sample->packet, 0, sizeof(sample->packet));
	/* 6.1's verifier forgets what n is across the stores above: tell it anew. */
	n--;
	asm volatile("" : "+r"(n));
	if (n >= PPN_SAMPLE_COPY || ppn_load_bytes(ctx, 0, sample->packet, n + 1)) {
		bpf_ringbuf_discard(sample, 0);
		return 0;
	}
	bpf_ringbuf_submit(sample, 0);
	return 0;
}

#endif
