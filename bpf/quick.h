/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What floods are made of, decided without the rows: too short, too many tags, a fragment, a port that
 * nobody asks for. It says what the rows would say of the same packet, or PPN_REASON_NONE: ask them. It
 * never passes a packet.
 */
#ifndef PPN_BPF_QUICK_H
#define PPN_BPF_QUICK_H

#include "flow.h"
#include "parse.h"
#include "policy.h"
#include "ports.h"

/* Flags under which every packet is the rows' to judge, or to show. */
#define PPN_QUICK_NOT (PPN_POLICY_OBSERVE | PPN_POLICY_TRIAL | PPN_POLICY_WATCH)

static __always_inline int ppn_quick_port(const struct ppn_view *view, __u8 proto, const void *l4,
					  __u64 high, __u64 low)
{
	const __be16 source = ppn_load16(l4), dest = ppn_load16(l4 + 2);

	if (!source || !dest || ppn_port_named(view, proto, dest))
		return PPN_REASON_NONE;
	if (view->flags & PPN_POLICY_EGRESS && ppn_flow_maybe(high, low, dest, source, proto))
		return PPN_REASON_NONE;
	return PPN_REASON_PORT_SHUT;
}

/* high, low: the other side's address. len: of the segment or datagram. */
static __always_inline int ppn_quick_transport(const struct ppn_view *view, __u8 proto,
					       const void *l4, const void *end, __u32 len,
					       __u64 high, __u64 low)
{
	if (proto == IPPROTO_UDP) {
		if (bpf_ntohs(ppn_load16(l4 + 4)) != len)
			return PPN_REASON_NONE;
		return ppn_quick_port(view, IPPROTO_UDP, l4, high, low);
	}
	if (proto == IPPROTO_TCP) {
		const __u8 *offset = l4 + 12;
		__u32 header;

		if (l4 + sizeof(struct tcphdr) > end || view->flags & PPN_POLICY_SEAT)
			return PPN_REASON_NONE;
		header = *offset >> 4 << 2;
		if (header < sizeof(struct tcphdr) || header > len)
			return PPN_REASON_NONE;
		return ppn_quick_port(view, IPPROTO_TCP, l4, high, low);
	}
	return PPN_REASON_NONE;
}

static __always_inline int ppn_quick_ip4(const struct ppn_view *view, const void *at,
					 const void *end, __u32 room)
{
	const struct iphdr *ip = at;
	__u32 total;

	if (at + sizeof(*ip) + 8 > end || *(const __u8 *)at != 0x45)
		return PPN_REASON_NONE;
	total = bpf_ntohs(ip->tot_len);
	if (total < sizeof(*ip))
		return PPN_REASON_NONE;
	if (total > room)
		return PPN_REASON_SHORT;
	if (ip->frag_off & bpf_htons(PPN_IP4_FRAGMENT))
		return PPN_REASON_FRAGMENT;
	return ppn_quick_transport(view, ip->protocol, at + sizeof(*ip), end, total - sizeof(*ip),
				   0, PPN_MAPPED_LOW(ip->saddr));
}

static __always_inline int ppn_quick_ip6(const struct ppn_view *view, const void *at,
					 const void *end, __u32 room)
{
	const __u64 prefix = bpf_cpu_to_be64(0xffffffffffff0000ULL);
	const struct ipv6hdr *ip = at;
	__u64 source, dest, fleet;
	__u32 payload;

	if (at + sizeof(*ip) + 8 > end || *(const __u8 *)at >> 4 != 6)
		return PPN_REASON_NONE;
	payload = bpf_ntohs(ip->payload_len);
	if (payload + sizeof(*ip) > room)
		return PPN_REASON_SHORT;
	source = ppn_load64(&ip->saddr);
	dest = ppn_load64(&ip->daddr);
	fleet = ppn_load64(view->table->fleet);
	/* Mapped addresses begin with zeros. */
	if (!source || !dest || (source & prefix) == fleet || (dest & prefix) == fleet)
		return PPN_REASON_NONE;
	return ppn_quick_transport(view, ip->nexthdr, at + sizeof(*ip), end, payload, source,
				   ppn_load64(&ip->saddr.s6_addr32[2]));
}

/* The packet from its Ethernet header on; len: whole. */
static __always_inline int ppn_quick(const struct ppn_view *view, const void *data, const void *end,
				     __u32 len)
{
	__u32 header = ETH_HLEN;
	__be16 type;

	if (len < ETH_HLEN + PPN_VLAN_TAGS * PPN_VLAN_HLEN ||
	    data + ETH_HLEN + PPN_VLAN_TAGS * PPN_VLAN_HLEN > end)
		return PPN_REASON_SHORT;
	type = ppn_load16(data + 2 * ETH_ALEN);
	if (type == bpf_htons(ETH_P_8021Q)) {
		type = ppn_load16(data + 2 * ETH_ALEN + PPN_VLAN_HLEN);
		header += PPN_VLAN_HLEN;
	}
	if (type == bpf_htons(ETH_P_IP))
		return ppn_quick_ip4(view, data + header, end, len - header);
	if (type == bpf_htons(ETH_P_IPV6))
		return ppn_quick_ip6(view, data + header, end, len - header);
	return PPN_REASON_NONE;
}

#endif
