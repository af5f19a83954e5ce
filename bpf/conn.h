/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * TCP connections the kernel has (PROTOCOL 4): its own tables are asked, so there is none of ours to
 * flood and nothing that outlives a connection.
 */
#ifndef PPN_BPF_CONN_H
#define PPN_BPF_CONN_H

#include "parse.h"

/* As the kernel sees a packet that comes in: s is the other side, d is this machine. */
struct ppn_conn {
	struct bpf_sock_tuple tuple;
	__u32 len;
};

/* The connection of a segment that came in. */
static __always_inline void ppn_conn_in(const struct ppn_packet *p, const struct tcphdr *tcp,
					struct ppn_conn *f)
{
	if (p->version == 4) {
		f->len = sizeof(f->tuple.ipv4);
		f->tuple.ipv4.saddr = p->ip4->saddr;
		f->tuple.ipv4.daddr = p->ip4->daddr;
		f->tuple.ipv4.sport = tcp->source;
		f->tuple.ipv4.dport = tcp->dest;
		return;
	}
	f->len = sizeof(f->tuple.ipv6);
	__builtin_memcpy(f->tuple.ipv6.saddr, &p->ip6->saddr, 16);
	__builtin_memcpy(f->tuple.ipv6.daddr, &p->ip6->daddr, 16);
	f->tuple.ipv6.sport = tcp->source;
	f->tuple.ipv6.dport = tcp->dest;
}

/* The connection of a segment on its way out. */
static __always_inline void ppn_conn_out(const struct ppn_packet *p, const struct tcphdr *tcp,
					 struct ppn_conn *f)
{
	if (p->version == 4) {
		f->len = sizeof(f->tuple.ipv4);
		f->tuple.ipv4.saddr = p->ip4->daddr;
		f->tuple.ipv4.daddr = p->ip4->saddr;
		f->tuple.ipv4.sport = tcp->dest;
		f->tuple.ipv4.dport = tcp->source;
		return;
	}
	f->len = sizeof(f->tuple.ipv6);
	__builtin_memcpy(f->tuple.ipv6.saddr, &p->ip6->daddr, 16);
	__builtin_memcpy(f->tuple.ipv6.daddr, &p->ip6->saddr, 16);
	f->tuple.ipv6.sport = tcp->dest;
	f->tuple.ipv6.dport = tcp->source;
}

/* NULL, or a socket that the caller releases. The size must be a constant for the verifier. */
static __always_inline struct bpf_sock *ppn_conn_socket(void *ctx, struct ppn_conn *f)
{
	if (f->len == sizeof(f->tuple.ipv4))
		return bpf_skc_lookup_tcp(ctx, &f->tuple, sizeof(f->tuple.ipv4),
					  BPF_F_CURRENT_NETNS, 0);
	return bpf_skc_lookup_tcp(ctx, &f->tuple, sizeof(f->tuple.ipv6), BPF_F_CURRENT_NETNS, 0);
}

/* Is there a socket of this very connection, not only one that listens? */
static __noinline _Bool ppn_conn_known(void *ctx, struct ppn_conn *f)
{
	struct bpf_sock *sk = ppn_conn_socket(ctx, f);
	_Bool known;

	if (!sk)
		return 0;
	known = sk->state != BPF_TCP_LISTEN;
	bpf_sk_release(sk);
	return known;
}

static __always_inline _Bool ppn_conn_quoted4(const struct ppn_packet *p, struct ppn_conn *f)
{
	const void *at = ppn_peek(p, PPN_ICMP_HLEN + sizeof(struct iphdr) + 8);
	const struct iphdr *ip;

	if (!at)
		return 0;
	ip = at + PPN_ICMP_HLEN;
	if (ip->version != 4 || ip->ihl != 5 || ip->protocol != IPPROTO_TCP ||
	    ip->frag_off & bpf_htons(PPN_IP4_FRAGMENT) || ip->saddr != p->ip4->daddr)
		return 0;
	f->len = sizeof(f->tuple.ipv4);
	f->tuple.ipv4.saddr = ip->daddr;
	f->tuple.ipv4.daddr = ip->saddr;
	f->tuple.ipv4.dport = ppn_load16(ip + 1);
	f->tuple.ipv4.sport = ppn_load16((const void *)(ip + 1) + 2);
	return 1;
}

static __always_inline _Bool ppn_conn_quoted6(const struct ppn_packet *p, struct ppn_conn *f)
{
	const void *at = ppn_peek(p, PPN_ICMP_HLEN + sizeof(struct ipv6hdr) + 8);
	const struct ipv6hdr *ip;

	if (!at)
		return 0;
	ip = at + PPN_ICMP_HLEN;
	if (ip->version != 6 || ip->nexthdr != IPPROTO_TCP ||
	    !ppn_same_address(&ip->saddr, &p->ip6->daddr))
		return 0;
	f->len = sizeof(f->tuple.ipv6);
	__builtin_memcpy(f->tuple.ipv6.saddr, &ip->daddr, 16);
	__builtin_memcpy(f->tuple.ipv6.daddr, &ip->saddr, 16);
	f->tuple.ipv6.dport = ppn_load16(ip + 1);
	f->tuple.ipv6.sport = ppn_load16((const void *)(ip + 1) + 2);
	return 1;
}

/*
 * The connection of the TCP segment that an ICMP error quotes, if this machine sent it: an IP header
 * without options or extension, its source the error's destination, and eight bytes of TCP. False:
 * it quotes nothing of the kind. `pos` is at the ICMP header.
 */
static __always_inline _Bool ppn_conn_quoted(const struct ppn_packet *p, struct ppn_conn *f)
{
	return p->version == 4 ? ppn_conn_quoted4(p, f) : ppn_conn_quoted6(p, f);
}

/* Ports of a flow: ours and the other side's. */
static __always_inline __be16 ppn_conn_ours(const struct ppn_conn *f)
{
	return f->len == sizeof(f->tuple.ipv4) ? f->tuple.ipv4.dport : f->tuple.ipv6.dport;
}

static __always_inline __be16 ppn_conn_theirs(const struct ppn_conn *f)
{
	return f->len == sizeof(f->tuple.ipv4) ? f->tuple.ipv4.sport : f->tuple.ipv6.sport;
}

#endif
