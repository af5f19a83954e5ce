// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * XDP on external interfaces: the rows of seal_rows.h, behind what quick.h tells without them.
 */
#define PPN_PROGRAM_SEAL
#include "quick.h"
#include "seal_rows.h"
#include "finish.h"

static __noinline int all_rows(struct xdp_md *ctx, const struct ppn_iface *iface)
{
	struct seal s = { .ctx = ctx, .iface = iface, .ifindex = ctx->ingress_ifindex };
	__u32 flags;
	__u64 len;
	int reason;

	if (!iface || !ppn_policy_read(&s.view))
		return XDP_DROP;
	s.p.pos = (void *)(long)ctx->data;
	s.p.end = (void *)(long)ctx->data_end;
	len = s.p.end - s.p.pos;
	s.p.len = len;
	reason = rows(&s);
	ppn_finish(ctx, s.ifindex, &s.view, len, PPN_DIRECTION_IN, &reason, &flags);
	return ppn_account_xdp(&seal_count, iface->slot, reason, len, flags);
}

SEC("xdp")
int seal(struct xdp_md *ctx)
{
	const struct ppn_iface *iface = ppn_iface_row(ctx->ingress_ifindex);
	const struct ppn_policy *p = ppn_policy_find();
	const void *data, *end;
	__u64 word;
	int reason;

	if (!iface || !p)
		return XDP_DROP;
	word = ppn_policy_word(p);
	if (PPN_POLICY_FLAGS(word) & PPN_QUICK_NOT || iface->flags & PPN_IFACE_GUESTS)
		return all_rows(ctx, iface);
	data = (void *)(long)ctx->data;
	end = (void *)(long)ctx->data_end;
	reason = ppn_quick(p, word, data, end);
	if (!reason)
		return all_rows(ctx, iface);
	ppn_count(&seal_count, iface->slot, reason, end - data);
	return XDP_DROP;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
