/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A packet under the cursor, and what is asked of its bytes and addresses.
 */
#ifndef PPN_BPF_PACKET_H
#define PPN_BPF_PACKET_H

#include <linux/in6.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

struct ppn_packet {
	void *pos;
	const void *end; /* of what can be read directly */
	__u32 len; /* bytes from pos to the end of the packet; once IP is parsed, of the IP packet */
	__be16 ethertype;
	__u8 version; /* 4 or 6 */
	__u8 proto; /* IPPROTO_TCP, _UDP, _ICMP, _ICMPV6 */
	__be16 source, dest; /* ports, once TCP or UDP is parsed; else 0 */
	_Bool alert; /* MLD's router alert was there */
	_Bool outer_tag; /* a VLAN tag that the kernel has taken off and keeps beside the packet (TC) */
	union {
		struct iphdr *ip4;
		struct ipv6hdr *ip6;
	};
};

/* One load of 64 bits, aligned or not: the verifier allows it in packets, C's struct types hide it. */
static __always_inline __u64 ppn_load64(const void *p)
{
	return *(const __u64 *)p;
}

static __always_inline __u32 ppn_load32(const void *p)
{
	return *(const __u32 *)p;
}

static __always_inline __u16 ppn_load16(const void *p)
{
	return *(const __u16 *)p;
}

/* The low word of an IPv4 address mapped into IPv6, as ppn_load64() would read it. The high one is 0. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define PPN_MAPPED_LOW(address) ((__u64)(address) << 32 | 0xffff0000)
#else
#define PPN_MAPPED_LOW(address) ((__u64)(address) | 0xffff00000000)
#endif

/* The next n bytes, n a constant, and past them; NULL where the packet is shorter. */
static __always_inline void *ppn_take(struct ppn_packet *p, __u32 n)
{
	void *at = p->pos;

	if (p->len < n || at + n > p->end)
		return NULL;
	p->pos = at + n;
	p->len -= n;
	return at;
}

/* The next n bytes without moving. */
static __always_inline void *ppn_peek(const struct ppn_packet *p, __u32 n)
{
	return p->len < n || p->pos + n > p->end ? NULL : p->pos;
}

/* Link-local unicast, fe80::/10. */
static __always_inline _Bool ppn_is_link_local(const struct in6_addr *a)
{
	return (a->s6_addr32[0] & bpf_htonl(0xffc00000)) == bpf_htonl(0xfe800000);
}

static __always_inline _Bool ppn_is_multicast(const struct in6_addr *a)
{
	return (a->s6_addr32[0] & bpf_htonl(0xff000000)) == bpf_htonl(0xff000000);
}

static __always_inline _Bool ppn_is_unspecified(const struct in6_addr *a)
{
	return !(ppn_load64(a) | ppn_load64(&a->s6_addr32[2]));
}

/* ::ffff:0:0/96 stands for IPv4 in tables (open_ports) and never travels, RFC 4291 2.5.5.2. */
static __always_inline _Bool ppn_is_mapped(const struct in6_addr *a)
{
	return !ppn_load64(a) && a->s6_addr32[2] == bpf_htonl(0xffff);
}

static __always_inline _Bool ppn_same_address(const void *a, const void *b)
{
	return ppn_load64(a) == ppn_load64(b) && ppn_load64(a + 8) == ppn_load64(b + 8);
}

static __always_inline _Bool ppn_same_mac(const __u8 *a, const __u8 *b)
{
	return *(const __u32 *)a == *(const __u32 *)b && ppn_load16(a + 4) == ppn_load16(b + 4);
}

/* Inside the fleet prefix. fleet: struct ppn_policy_table.fleet; all zeros there: nothing is. */
static __always_inline _Bool ppn_in_fleet(const void *fleet, const void *address)
{
	const __u64 prefix = ppn_load64(fleet);

	return prefix && (ppn_load64(address) & bpf_cpu_to_be64(0xffffffffffff0000ULL)) == prefix;
}

#endif
