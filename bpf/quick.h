/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What floods are made of, decided without the rows: too short, a fragment, a port that nobody asks for. It
 * says what the rows would say of the same packet, or PPN_REASON_NONE: ask them. It never passes a packet.
 *
 * Every instruction here is paid for by each packet of a flood. So it reads words where parse.h reads fields,
 * and looks up only what it needs: p and word, the policy and its one word, stand for struct ppn_view.
 */
#ifndef PPN_BPF_QUICK_H
#define PPN_BPF_QUICK_H

#include "flow.h"
#include "parse.h"
#include "policy.h"
#include "ports.h"

/* Flags under which every packet is the rows' to judge, or to show. */
#define PPN_QUICK_NOT (PPN_POLICY_OBSERVE | PPN_POLICY_TRIAL | PPN_POLICY_WATCH)

/* The last two bytes of a link header and the first two of an IP header, in one load. */
#define PPN_QUICK_VLAN bpf_htonl((__u32)ETH_P_8021Q << 16)
#define PPN_QUICK_VLAN_MASK bpf_htonl(0xffff0000)
#define PPN_QUICK_IP4 bpf_htonl((__u32)ETH_P_IP << 16 | 0x4500) /* version 4, no options */
#define PPN_QUICK_IP4_MASK bpf_htonl(0xffffff00)
#define PPN_QUICK_IP6 bpf_htonl((__u32)ETH_P_IPV6 << 16 | 0x6000)
#define PPN_QUICK_IP6_MASK bpf_htonl(0xfffff000)

/* The shortest untagged frame that has TCP's or UDP's ports and length. */
#define PPN_QUICK_LEN (ETH_HLEN + sizeof(struct iphdr) + sizeof(struct udphdr))

static __always_inline int ppn_quick_port(__u64 word, __u8 proto, const void *l4, __u64 high,
					  __u64 low)
{
	const __be16 source = ppn_load16(l4), dest = ppn_load16(l4 + 2);

	if (!source || !dest)
		return PPN_REASON_NONE;
	if (PPN_POLICY_FLAGS(word) & PPN_POLICY_EGRESS &&
	    ppn_flow_maybe(high, low, dest, source, proto))
		return PPN_REASON_NONE;
	return ppn_port_named(PPN_POLICY_GENERATION(word), proto, dest) ? PPN_REASON_NONE :
									  PPN_REASON_PORT_SHUT;
}

/* high, low: the other side's address. len: of the segment or datagram, a UDP header or more. */
static __always_inline int ppn_quick_transport(__u64 word, __u8 proto, const void *l4,
					       const void *end, __u32 len, __u64 high, __u64 low)
{
	if (proto == IPPROTO_UDP) {
		if (bpf_ntohs(ppn_load16(l4 + 4)) != len)
			return PPN_REASON_NONE;
		return ppn_quick_port(word, IPPROTO_UDP, l4, high, low);
	}
	if (proto == IPPROTO_TCP) {
		const __u8 *offset = l4 + 12;
		__u32 header;

		if (l4 + sizeof(struct tcphdr) > end || PPN_POLICY_FLAGS(word) & PPN_POLICY_SEAT)
			return PPN_REASON_NONE;
		header = *offset >> 4 << 2;
		if (header < sizeof(struct tcphdr) || header > len)
			return PPN_REASON_NONE;
		return ppn_quick_port(word, IPPROTO_TCP, l4, high, low);
	}
	return PPN_REASON_NONE;
}

static __always_inline int ppn_quick_ip4(__u64 word, const void *at, const void *end)
{
	const struct iphdr *ip = at;
	/* Total length, identification, fragment, TTL, protocol. */
	const __u64 fields = bpf_be64_to_cpu(ppn_load64(&ip->tot_len));
	const __u64 total = fields >> 48;

	if (total < sizeof(*ip) + sizeof(struct udphdr))
		return PPN_REASON_NONE;
	if (total > (__u64)(end - at))
		return PPN_REASON_SHORT;
	if (fields & (__u64)PPN_IP4_FRAGMENT << 16)
		return PPN_REASON_FRAGMENT;
	return ppn_quick_transport(word, (__u8)fields, at + sizeof(*ip), end, total - sizeof(*ip),
				   0, PPN_MAPPED_LOW(ip->saddr));
}

static __always_inline int ppn_quick_ip6(const struct ppn_policy *p, __u64 word, const void *at,
					 const void *end)
{
	const __u64 prefix = bpf_cpu_to_be64(0xffffffffffff0000ULL);
	const struct ipv6hdr *ip = at;
	__u64 source, dest, fleet, payload;

	if (at + sizeof(*ip) + sizeof(struct udphdr) > end)
		return PPN_REASON_NONE;
	payload = bpf_ntohs(ip->payload_len);
	if (payload < sizeof(struct udphdr))
		return PPN_REASON_NONE;
	if (payload + sizeof(*ip) > (__u64)(end - at))
		return PPN_REASON_SHORT;
	source = ppn_load64(&ip->saddr);
	dest = ppn_load64(&ip->daddr);
	fleet = ppn_load64(ppn_policy_table(p, word)->fleet);
	/* Mapped addresses begin with zeros. */
	if (!source || !dest || (source & prefix) == fleet || (dest & prefix) == fleet)
		return PPN_REASON_NONE;
	return ppn_quick_transport(word, ip->nexthdr, at + sizeof(*ip), end, payload, source,
				   ppn_load64(&ip->saddr.s6_addr32[2]));
}

/* The packet from its Ethernet header on. */
static __always_inline int ppn_quick(const struct ppn_policy *p, __u64 word, const void *data,
				     const void *end)
{
	const void *at = data + ETH_HLEN;
	__u32 kind;

	if (data + PPN_QUICK_LEN > end)
		return end - data < ETH_HLEN + PPN_VLAN_TAGS * PPN_VLAN_HLEN ? PPN_REASON_SHORT :
									       PPN_REASON_NONE;
	kind = ppn_load32(at - 2);
	if ((kind & PPN_QUICK_VLAN_MASK) == PPN_QUICK_VLAN) {
		if (data + PPN_QUICK_LEN + PPN_VLAN_HLEN > end)
			return PPN_REASON_NONE;
		at += PPN_VLAN_HLEN;
		kind = ppn_load32(at - 2);
	}
	if ((kind & PPN_QUICK_IP4_MASK) == PPN_QUICK_IP4)
		return ppn_quick_ip4(word, at, end);
	if ((kind & PPN_QUICK_IP6_MASK) == PPN_QUICK_IP6)
		return ppn_quick_ip6(p, word, at, end);
	return PPN_REASON_NONE;
}

#endif
