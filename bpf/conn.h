/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * TCP connections the kernel has (PROTOCOL 4): its own tables are asked, so there is none of ours to
 * flood and nothing that outlives a connection.
 */
#ifndef PPN_BPF_CONN_H
#define PPN_BPF_CONN_H

#include <ppn/maps.h>
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

/* The connection of a TCP flow. */
static __always_inline void ppn_conn_flow(const struct ppn_flow_key *key, _Bool is_v4,
					  struct ppn_conn *f)
{
	if (is_v4) {
		f->len = sizeof(f->tuple.ipv4);
		f->tuple.ipv4.saddr = *(const __be32 *)(key->remote + 12);
		f->tuple.ipv4.daddr = *(const __be32 *)(key->local + 12);
		f->tuple.ipv4.sport = key->remote_port;
		f->tuple.ipv4.dport = key->local_port;
		return;
	}
	f->len = sizeof(f->tuple.ipv6);
	__builtin_memcpy(f->tuple.ipv6.saddr, key->remote, 16);
	__builtin_memcpy(f->tuple.ipv6.daddr, key->local, 16);
	f->tuple.ipv6.sport = key->remote_port;
	f->tuple.ipv6.dport = key->local_port;
}

#endif
