// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* TC ingress on external interfaces where XDP has another's program: the rows of seal_rows.h. */
#define PPN_PROGRAM_SEAL
#define PPN_PROGRAM_SEAL_TC
#include "seal_rows.h"
#include "finish.h"

SEC("tc")
int seal_tc(struct __sk_buff *skb)
{
	struct seal s = { .ctx = skb,
			  .iface = ppn_iface_row(skb->ifindex),
			  .ifindex = skb->ifindex };
	__u32 flags;
	int reason;

	if (!s.iface || !ppn_policy_read(&s.view))
		return TC_ACT_SHOT;
	if (skb->len > 128)
		bpf_skb_pull_data(skb, 128);
	s.p.pos = (void *)(long)skb->data;
	s.p.end = (void *)(long)skb->data_end;
	s.p.len = skb->len;
	s.p.outer_tag = skb->vlan_present;
	reason = rows(&s);
	ppn_finish(skb, s.ifindex, &s.view, skb->len, PPN_DIRECTION_IN, &reason, &flags);
	return ppn_account_tc(&seal_count, s.iface->slot, reason, skb->len, flags);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
