/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Strict, cursor-based parsing, the same for every program (DESIGN 6, PROTOCOL 9).
 *
 * Each step looks at what lies at `pos`, and on success moves `pos` and `len` past it and returns
 * PPN_REASON_NONE; otherwise it returns why the packet drops. An IP header's length field is the truth:
 * what follows it is Ethernet padding, what it promises beyond the packet is PPN_REASON_SHORT.
 */
#ifndef PPN_BPF_PARSE_H
#define PPN_BPF_PARSE_H

#include <linux/bpf.h>
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <ppn/reasons.h>
#include "packet.h"

#define PPN_VLAN_TAGS 2
#define PPN_VLAN_HLEN 4
#define PPN_IP4_FRAGMENT 0x3fff /* MF and offset */
#define PPN_IP4_OPTIONS_MAX 40
#define PPN_ICMP_HLEN 8 /* ICMP and ICMPv6: type, code, checksum, four bytes of every message */

/* IANA's list of IPv6 extension headers (RFC 7045), those that linux/in.h does not name. */
enum ppn_ip6_extension {
	PPN_IP6_HIP = 139,
	PPN_IP6_SHIM6 = 140,
	PPN_IP6_TEST1 = 253,
	PPN_IP6_TEST2 = 254,
};

/* RFC 791 3.1. */
enum ppn_ip4_option {
	PPN_IP4_OPTION_END = 0,
	PPN_IP4_OPTION_NOP = 1,
	PPN_IP4_OPTION_LSRR = 131,
	PPN_IP4_OPTION_SSRR = 137,
};

/* Byte 13 of the header. */
enum ppn_tcp_flag {
	PPN_TCP_FIN = 0x01,
	PPN_TCP_SYN = 0x02,
	PPN_TCP_RST = 0x04,
	PPN_TCP_ACK = 0x10,
};

/*
 * 1 for a VLAN ethertype, else 0, computed and not branched on: the verifier then follows one path for
 * any number of tags. The barrier keeps the compiler from making it a branch again.
 */
static __always_inline __u32 ppn_is_vlan(__be16 ethertype)
{
	__u64 q = ethertype ^ bpf_htons(ETH_P_8021Q), ad = ethertype ^ bpf_htons(ETH_P_8021AD);

	asm volatile("" : "+r"(q), "+r"(ad));
	return (q - 1) >> 63 | (ad - 1) >> 63;
}

/* Two tags at most, 802.1Q or 802.1AD in any order; `eth` has room for them. */
static __always_inline int ppn_parse_tags(struct ppn_packet *p, const void *eth)
{
	const __be16 type[PPN_VLAN_TAGS + 1] = {
		ppn_load16(eth + 2 * ETH_ALEN),
		ppn_load16(eth + 2 * ETH_ALEN + PPN_VLAN_HLEN),
		ppn_load16(eth + 2 * ETH_ALEN + 2 * PPN_VLAN_HLEN),
	};
	const __u32 first = ppn_is_vlan(type[0]), both = first & ppn_is_vlan(type[1]);

	p->ethertype = type[0] + first * (type[1] - type[0]) + both * (type[2] - type[1]);
	p->pos += ETH_HLEN + (first + both) * PPN_VLAN_HLEN;
	p->len -= ETH_HLEN + (first + both) * PPN_VLAN_HLEN;
	return both & (ppn_is_vlan(type[2]) | p->outer_tag) ? PPN_REASON_VLAN : PPN_REASON_NONE;
}

/* Ethernet and its tags. No frame that may pass is shorter than a header with two of them. */
static __always_inline int ppn_parse_ethernet(struct ppn_packet *p)
{
	const void *eth = ppn_peek(p, ETH_HLEN + PPN_VLAN_TAGS * PPN_VLAN_HLEN);

	if (!eth)
		return PPN_REASON_SHORT;
	p->ethertype = ppn_load16(eth + 2 * ETH_ALEN);
	if (p->ethertype == bpf_htons(ETH_P_8021Q) || p->ethertype == bpf_htons(ETH_P_8021AD))
		return ppn_parse_tags(p, eth);
	p->pos += ETH_HLEN;
	p->len -= ETH_HLEN;
	return PPN_REASON_NONE;
}

struct ppn_options {
	const __u8 *at; /* the first option */
	const __u8 *end; /* of what can be read directly */
	__u32 off, len; /* bytes walked, bytes there are */
	int reason;
};

/* One option. 1 ends the walk; `reason` then says how. */
static long ppn_parse_option(__u32 index, struct ppn_options *o)
{
	const __u8 *at;
	__u32 len;

	(void)index;
	o->reason = PPN_REASON_NONE;
	if (o->off >= o->len || o->off >= PPN_IP4_OPTIONS_MAX)
		return 1;
	at = o->at + o->off;
	if (at + 1 <= o->end && at[0] == PPN_IP4_OPTION_END)
		return 1;
	if (at + 1 <= o->end && at[0] == PPN_IP4_OPTION_NOP) {
		o->off++;
		return 0;
	}
	o->reason = PPN_REASON_IP_OPTION;
	if (o->off + 2 > o->len || at + 2 > o->end)
		return 1;
	len = at[1];
	if (len < 2 || o->off + len > o->len || at[0] == PPN_IP4_OPTION_LSRR ||
	    at[0] == PPN_IP4_OPTION_SSRR)
		return 1;
	o->reason = PPN_REASON_NONE;
	o->off += len;
	return 0;
}

/* Options are skipped, but must be whole, and none may be a source route. */
static __always_inline int ppn_parse_ip4_options(const void *at, const void *end, __u32 len)
{
	struct ppn_options o = {
		.at = at,
		.end = end,
		.len = len,
		.reason = PPN_REASON_NONE,
	};

	if (bpf_loop(PPN_IP4_OPTIONS_MAX, ppn_parse_option, &o, 0) < 0)
		return PPN_REASON_IP_OPTION;
	return o.reason;
}

/* IPv4 header with options, no fragment, then one of TCP, UDP, ICMP. */
static __always_inline int ppn_parse_ip4(struct ppn_packet *p)
{
	struct iphdr *ip = ppn_peek(p, sizeof(*ip));
	__u32 header, total;

	if (!ip)
		return PPN_REASON_SHORT;
	header = ip->ihl * 4;
	total = bpf_ntohs(ip->tot_len);
	if (ip->version != 4 || header < sizeof(*ip) || total < header)
		return PPN_REASON_IP_HEADER;
	if (total > p->len)
		return PPN_REASON_SHORT;
	if (ip->frag_off & bpf_htons(PPN_IP4_FRAGMENT))
		return PPN_REASON_FRAGMENT;
	if (header > sizeof(*ip)) {
		int reason = ppn_parse_ip4_options(ip + 1, p->end, header - sizeof(*ip));

		if (reason)
			return reason;
	}
	p->version = 4;
	p->ip4 = ip;
	p->proto = ip->protocol;
	p->pos += header;
	p->len = total - header;
	if (p->proto == IPPROTO_TCP || p->proto == IPPROTO_UDP || p->proto == IPPROTO_ICMP)
		return PPN_REASON_NONE;
	return PPN_REASON_PROTOCOL;
}

/* IPv6 fixed header. Whatever follows it is ppn_parse_next()'s. */
static __always_inline int ppn_parse_ip6(struct ppn_packet *p)
{
	struct ipv6hdr *ip = ppn_take(p, sizeof(*ip));
	__u32 payload;

	if (!ip)
		return PPN_REASON_SHORT;
	payload = bpf_ntohs(ip->payload_len);
	if (ip->version != 6)
		return PPN_REASON_IP_HEADER;
	if (payload > p->len)
		return PPN_REASON_SHORT;
	if (ppn_is_mapped(&ip->saddr) || ppn_is_mapped(&ip->daddr))
		return PPN_REASON_IP_HEADER;
	p->version = 6;
	p->ip6 = ip;
	p->proto = ip->nexthdr;
	p->len = payload;
	return PPN_REASON_NONE;
}

/*
 * A hop-by-hop header of eight bytes that holds a router alert for MLD (RFC 2711, value 0) and a PadN,
 * in either order, before ICMPv6. Nothing else of the kind is read.
 */
static __always_inline int ppn_parse_alert(struct ppn_packet *p)
{
	const __u8 *h = ppn_take(p, 8);

	if (!h)
		return PPN_REASON_SHORT;
	if (h[0] != IPPROTO_ICMPV6 || h[1])
		return PPN_REASON_EXTENSION;
	if (!(h[2] == 5 && h[3] == 2 && !h[4] && !h[5] && h[6] == 1 && !h[7]) &&
	    !(h[2] == 1 && !h[3] && h[4] == 5 && h[5] == 2 && !h[6] && !h[7]))
		return PPN_REASON_EXTENSION;
	p->proto = IPPROTO_ICMPV6;
	p->alert = 1;
	return PPN_REASON_NONE;
}

/* After ppn_parse_ip6(): TCP, UDP, ICMPv6, or a router alert before ICMPv6. */
static __always_inline int ppn_parse_next(struct ppn_packet *p)
{
	switch (p->proto) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
	case IPPROTO_ICMPV6:
		return PPN_REASON_NONE;
	case IPPROTO_HOPOPTS:
		return ppn_parse_alert(p);
	case IPPROTO_ROUTING:
	case IPPROTO_FRAGMENT:
	case IPPROTO_ESP:
	case IPPROTO_AH:
	case IPPROTO_NONE:
	case IPPROTO_DSTOPTS:
	case IPPROTO_MH:
	case PPN_IP6_HIP:
	case PPN_IP6_SHIM6:
	case PPN_IP6_TEST1:
	case PPN_IP6_TEST2:
		return PPN_REASON_EXTENSION;
	default:
		return PPN_REASON_PROTOCOL;
	}
}

/* TCP header, options within the segment. `pos` stays at the header. */
static __always_inline int ppn_parse_tcp(struct ppn_packet *p, struct tcphdr **ret_tcp)
{
	struct tcphdr *tcp = ppn_peek(p, sizeof(*tcp));

	if (!tcp || tcp->doff * 4 < sizeof(*tcp) || tcp->doff * 4 > p->len || !tcp->source ||
	    !tcp->dest)
		return PPN_REASON_L4_HEADER;
	p->source = tcp->source;
	p->dest = tcp->dest;
	*ret_tcp = tcp;
	return PPN_REASON_NONE;
}

static __always_inline __u8 ppn_tcp_flags(const struct tcphdr *tcp)
{
	return ((const __u8 *)tcp)[13];
}

/* A segment that asks for a new connection. */
static __always_inline _Bool ppn_tcp_opens(const struct tcphdr *tcp)
{
	return (ppn_tcp_flags(tcp) & (PPN_TCP_SYN | PPN_TCP_ACK | PPN_TCP_RST | PPN_TCP_FIN)) ==
	       PPN_TCP_SYN;
}

/* A segment that accepts one. */
static __always_inline _Bool ppn_tcp_accepts(const struct tcphdr *tcp)
{
	return (ppn_tcp_flags(tcp) & (PPN_TCP_SYN | PPN_TCP_ACK | PPN_TCP_RST | PPN_TCP_FIN)) ==
	       (PPN_TCP_SYN | PPN_TCP_ACK);
}

/* UDP header whose length is the IP payload's. `pos` moves to the datagram's payload. */
static __always_inline int ppn_parse_udp(struct ppn_packet *p, struct udphdr **ret_udp)
{
	__u32 len = p->len;
	struct udphdr *udp = ppn_take(p, sizeof(*udp));

	if (!udp || bpf_ntohs(udp->len) != len || !udp->source || !udp->dest)
		return PPN_REASON_L4_HEADER;
	p->source = udp->source;
	p->dest = udp->dest;
	*ret_udp = udp;
	return PPN_REASON_NONE;
}

#endif
