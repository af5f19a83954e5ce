// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * bpf/siphash.h alone, for test_siphash.c: the packet is a key (16) and a message of up to 40 bytes; a
 * program for each length leaves the tag in `tag`.
 */
#include <linux/bpf.h>
#include <linux/types.h>
#include <bpf/bpf_helpers.h>
#include "siphash.h"

__u64 tag;

static __always_inline int hash(struct xdp_md *ctx, __u32 words)
{
	const void *data = (void *)(long)ctx->data;

	if (data + 16 + 8 * words > (void *)(long)ctx->data_end)
		return XDP_ABORTED;
	tag = ppn_siphash(data, data + 16, words);
	return XDP_PASS;
}

SEC("xdp")
int sip0(struct xdp_md *ctx)
{
	return hash(ctx, 0);
}

SEC("xdp")
int sip8(struct xdp_md *ctx)
{
	return hash(ctx, 1);
}

SEC("xdp")
int sip16(struct xdp_md *ctx)
{
	return hash(ctx, 2);
}

SEC("xdp")
int sip40(struct xdp_md *ctx)
{
	return hash(ctx, 5);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
