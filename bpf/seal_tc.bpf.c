// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* TC ingress on external interfaces where XDP has another's program: the rows of seal_rows.h. */
#define PPN_PROGRAM_SEAL
#define PPN_PROGRAM_SEAL_TC
#include "seal_rows.h"
#include "finish.h"

/*
 * A driver may leave all but the headers of a packet in pieces. What is longest of what a row reads: a DHCPv4
 * message up to its cookie behind IPv4 options and a tag, and the options of a router advertisement.
 */
#define SEAL_TC_HEADERS 512

static __always_inline _Bool gather(struct __sk_buff *skb)
{
	const __u32 len = skb->len < SEAL_TC_HEADERS ? skb->len : SEAL_TC_HEADERS;

	return (void *)(long)skb->data + len <= (void *)(long)skb->data_end ||
	       !bpf_skb_pull_data(skb, len);
}

SEC("tc")
int seal_tc(struct __sk_buff *skb)
{
	struct seal s = { .ctx = skb,
			  .iface = ppn_iface_row(skb->ifindex),
			  .ifindex = skb->ifindex };
	int reason = PPN_REASON_NONE;
	__u32 flags;

	if (!s.iface || !ppn_policy_read(&s.view))
		return TC_ACT_SHOT;
	if (!gather(skb))
		reason = PPN_REASON_SHORT;
	s.p.pos = (void *)(long)skb->data;
	s.p.end = (void *)(long)skb->data_end;
	s.p.len = skb->len;
	s.p.outer_tag = skb->vlan_present;
	if (!reason)
		reason = rows(&s);
	ppn_finish(skb, s.ifindex, &s.view, skb->len, PPN_DIRECTION_IN, &reason, &flags);
	return ppn_account_tc(&seal_count, s.iface->slot, reason, skb->len, flags);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
