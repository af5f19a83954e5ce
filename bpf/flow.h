/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Flows this node opened (map `flows`): egress.bpf.c adds them where the egress list allows it, both
 * directions move them on, ppnd removes what is over. Nothing that comes in adds one.
 *
 * What walks the table are global functions: verified once, whichever row asks.
 */
#ifndef PPN_BPF_FLOW_H
#define PPN_BPF_FLOW_H

#include "maps.h"
#include "parse.h"
#include "ports.h"

/* What a segment or datagram says of its flow. */
struct ppn_flow_packet {
	struct ppn_flow_key key;
	__u32 generation; /* of the policy in force */
	__u32 seq, ack, end; /* TCP, host order; end: behind its last byte and FIN */
	__u32 flags; /* TCP, enum ppn_tcp_flag; 0: UDP */
	__u32 isolated; /* no flow goes on */
};

/* False: there is no such flow. high, low: the other side's address. */
static __always_inline _Bool ppn_flow_maybe(__u64 high, __u64 low, __be16 local, __be16 remote,
					    __u8 proto)
{
	const __u64 hash = ppn_flow_hash(high, low, local, remote, proto);
	const __u32 slot = ppn_flow_slot(hash);
	const __u64 bits = ppn_flow_bits(hash), *word = bpf_map_lookup_elem(&flow_filter, &slot);

	return word && (*word & bits) == bits;
}

/* -- which flow -- */

static __always_inline void ppn_flow_address(__u8 *ret, const void *a, _Bool is_v4)
{
	if (!is_v4) {
		__builtin_memcpy(ret, a, 16);
		return;
	}
	ret[10] = ret[11] = 0xff;
	__builtin_memcpy(ret + 12, a, 4);
}

/* Of a TCP or UDP packet. ret: zeroed. inwards: the source is the other side. */
static __always_inline void ppn_flow_of(const struct ppn_packet *p, _Bool inwards,
					struct ppn_flow_key *ret)
{
	const _Bool v4 = p->version == 4;
	const void *source = v4 ? (const void *)&p->ip4->saddr : &p->ip6->saddr;
	const void *dest = v4 ? (const void *)&p->ip4->daddr : &p->ip6->daddr;

	ppn_flow_address(ret->remote, inwards ? source : dest, v4);
	ppn_flow_address(ret->local, inwards ? dest : source, v4);
	ret->remote_port = inwards ? p->source : p->dest;
	ret->local_port = inwards ? p->dest : p->source;
	ret->proto = p->proto;
}

/*
 * Of the packet that an ICMP error quotes, if this machine sent it: an IP header without options or
 * extension, its source the error's destination, and eight bytes of TCP or UDP. `pos` is at the ICMP
 * header. ret: zeroed. False: it quotes nothing of the kind.
 */
static __always_inline _Bool ppn_flow_quoted4(const struct ppn_packet *p, struct ppn_flow_key *ret)
{
	const void *at = ppn_peek(p, PPN_ICMP_HLEN + sizeof(struct iphdr) + 8);
	const struct iphdr *ip;

	if (!at)
		return 0;
	ip = at + PPN_ICMP_HLEN;
	if (*(const __u8 *)ip != 0x45 || ip->frag_off & bpf_htons(PPN_IP4_FRAGMENT) ||
	    ip->saddr != p->ip4->daddr)
		return 0;
	ppn_flow_address(ret->local, &ip->saddr, 1);
	ppn_flow_address(ret->remote, &ip->daddr, 1);
	ret->local_port = ppn_load16(ip + 1);
	ret->remote_port = ppn_load16((const void *)(ip + 1) + 2);
	ret->proto = ip->protocol;
	return ip->protocol == IPPROTO_TCP || ip->protocol == IPPROTO_UDP;
}

static __always_inline _Bool ppn_flow_quoted6(const struct ppn_packet *p, struct ppn_flow_key *ret)
{
	const void *at = ppn_peek(p, PPN_ICMP_HLEN + sizeof(struct ipv6hdr) + 8);
	const struct ipv6hdr *ip;

	if (!at)
		return 0;
	ip = at + PPN_ICMP_HLEN;
	if (ip->version != 6 || !ppn_same_address(&ip->saddr, &p->ip6->daddr))
		return 0;
	ppn_flow_address(ret->local, &ip->saddr, 0);
	ppn_flow_address(ret->remote, &ip->daddr, 0);
	ret->local_port = ppn_load16(ip + 1);
	ret->remote_port = ppn_load16((const void *)(ip + 1) + 2);
	ret->proto = ip->nexthdr;
	return ip->nexthdr == IPPROTO_TCP || ip->nexthdr == IPPROTO_UDP;
}

/* -- is it in force -- */

static __always_inline __u32 ppn_flow_seconds(__u8 proto, __u8 state)
{
	if (proto == IPPROTO_UDP)
		return state == PPN_FLOW_OPEN ? PPN_FLOW_UDP_OPEN : PPN_FLOW_UDP_SENT;
	switch (state) {
	case PPN_FLOW_SENT:
		return PPN_FLOW_TCP_SENT;
	case PPN_FLOW_OPEN:
		return PPN_FLOW_TCP_OPEN;
	case PPN_FLOW_CLOSING:
		return PPN_FLOW_TCP_CLOSING;
	default:
		return PPN_FLOW_TCP_CLOSED;
	}
}

static __always_inline _Bool ppn_flow_lives(const struct ppn_flow_value *flow, __u8 proto)
{
	const __s64 silent = bpf_jiffies64() - flow->seen;

	return silent <= (__s64)ppn_flow_seconds(proto, flow->state) * settings.hz;
}

/* Does the egress list have it? ret_until: of the part of it that does. */
__noinline int ppn_flow_listed(const struct ppn_flow_key *key, __u32 generation, __u64 *ret_until)
{
	struct ppn_port_key at = { .generation = generation };
	const struct ppn_port_rule *rule;
	__u64 remote[2];

	if (!key || !ret_until)
		return 0;
	at.proto = key->proto;
	__builtin_memcpy(remote, key->remote, sizeof(remote));
	for (int i = 0; i < 4; i++) {
		at.kind = i & 1 ? PPN_PORT_LOCAL : PPN_PORT_ROSTER;
		at.port = i & 2 ? 0 : key->remote_port;
		rule = bpf_map_lookup_elem(&egress_ports, &at);
		if (rule && ppn_port_allows(rule, remote, ret_until))
			return 1;
	}
	return 0;
}

/* Still allowed? Asked again once its rule is over, or the policy is another. */
static __always_inline _Bool ppn_flow_allowed(struct ppn_flow_value *flow,
					      const struct ppn_flow_packet *f)
{
	__u64 until = 0;

	if (flow->generation == f->generation && !ppn_is_over(flow->until))
		return 1;
	if (!ppn_flow_listed(&f->key, f->generation, &until))
		return 0;
	flow->until = until;
	flow->generation = f->generation;
	return 1;
}

/* Lives, and is allowed: NULL, or the flow. */
static __always_inline struct ppn_flow_value *ppn_flow_find(const struct ppn_flow_packet *f,
							    int *ret_reason)
{
	struct ppn_flow_value *flow = bpf_map_lookup_elem(&flows, &f->key);

	*ret_reason = PPN_REASON_NONE;
	if (!flow || !ppn_flow_lives(flow, f->key.proto))
		return NULL;
	if (f->isolated) {
		*ret_reason = PPN_REASON_ISOLATED;
		return NULL;
	}
	if (ppn_flow_allowed(flow, f))
		return flow;
	*ret_reason = PPN_REASON_EGRESS_SHUT;
	return NULL;
}

static __always_inline void ppn_flow_move(struct ppn_flow_value *flow, enum ppn_flow_state state)
{
	flow->state = state;
	flow->seen = bpf_jiffies64();
}

/* With a FIN more than before (enum ppn_flow_fin). Two CPUs at once may lose one of both: it then ends by the longer timeout. */
static __always_inline void ppn_flow_fin(struct ppn_flow_value *flow, __u32 fins)
{
	flow->fins |= fins;
	ppn_flow_move(flow, (flow->fins & PPN_FLOW_FIN_BOTH) == PPN_FLOW_FIN_BOTH ?
				    PPN_FLOW_CLOSED :
				    PPN_FLOW_CLOSING);
}

/* -- in -- */

/* Is this how the other side answers our SYN? */
static __always_inline _Bool ppn_flow_answers(const struct ppn_flow_value *flow,
					      const struct ppn_flow_packet *f)
{
	return f->flags & PPN_TCP_ACK && f->ack == flow->isn + 1;
}

static __always_inline int ppn_flow_tcp_in(struct ppn_flow_value *flow,
					   const struct ppn_flow_packet *f)
{
	const __u32 rst = f->flags & PPN_TCP_RST, syn = f->flags & PPN_TCP_SYN;
	const __u32 fin = f->flags & PPN_TCP_FIN;

	if (syn || flow->state == PPN_FLOW_SENT) {
		if (!ppn_flow_answers(flow, f) || !syn == !rst || fin)
			return PPN_REASON_FLOW_BAD;
		if (flow->state == PPN_FLOW_SENT)
			ppn_flow_move(flow, rst ? PPN_FLOW_CLOSED : PPN_FLOW_OPEN);
		return PPN_REASON_PASS_FLOW;
	}
	if (!rst && !(f->flags & PPN_TCP_ACK))
		return PPN_REASON_FLOW_BAD;
	if (rst && f->seq - flow->ack < PPN_FLOW_NEAR)
		ppn_flow_move(flow, PPN_FLOW_CLOSED);
	if (fin && !(flow->fins & PPN_FLOW_FIN_THEIRS)) {
		flow->fin = f->end;
		flow->fins |= PPN_FLOW_FIN_CAME;
	}
	return PPN_REASON_PASS_FLOW;
}

/* PPN_REASON_NONE: there is no such flow. */
__noinline int ppn_flow_in(const struct ppn_flow_packet *packet)
{
	struct ppn_flow_packet f;
	struct ppn_flow_value *flow;
	int reason;

	if (!packet)
		return PPN_REASON_NONE;
	f = *packet; /* 6.1 takes no key from an argument */
	flow = ppn_flow_find(&f, &reason);
	if (!flow)
		return reason;
	if (f.key.proto == IPPROTO_TCP)
		return ppn_flow_tcp_in(flow, &f);
	if (flow->state == PPN_FLOW_SENT)
		ppn_flow_move(flow, PPN_FLOW_OPEN);
	return PPN_REASON_PASS_FLOW;
}

/* Of a packet that an ICMP error quotes: is there such a flow? */
__noinline int ppn_flow_known(const struct ppn_flow_packet *packet)
{
	struct ppn_flow_packet f;
	int reason;

	if (!packet)
		return 0;
	f = *packet;
	return !!ppn_flow_find(&f, &reason);
}

/* -- out -- */

#ifdef PPN_PROGRAM_EGRESS
static __always_inline _Bool ppn_flow_opens(const struct ppn_flow_packet *f)
{
	return f->key.proto == IPPROTO_UDP ||
	       (f->flags & (PPN_TCP_SYN | PPN_TCP_ACK | PPN_TCP_RST | PPN_TCP_FIN)) == PPN_TCP_SYN;
}

/*
 * A segment of ours. What it acknowledges says whether the kernel took a FIN that came in; that it goes on
 * says that the kernel did not take a RST.
 */
static __always_inline void ppn_flow_tcp_out(struct ppn_flow_value *flow,
					     const struct ppn_flow_packet *f)
{
	__u32 fins = 0;

	if (f->flags & PPN_TCP_RST) {
		ppn_flow_move(flow, PPN_FLOW_CLOSED);
		return;
	}
	if (f->flags & PPN_TCP_ACK) {
		flow->ack = f->ack;
		if (flow->fins & PPN_FLOW_FIN_CAME && f->ack == flow->fin)
			fins |= PPN_FLOW_FIN_THEIRS;
	}
	if (f->flags & PPN_TCP_FIN)
		fins |= PPN_FLOW_FIN_OURS;
	if (fins & ~flow->fins)
		ppn_flow_fin(flow, fins);
	else if (flow->state == PPN_FLOW_CLOSED &&
		 (flow->fins & PPN_FLOW_FIN_BOTH) != PPN_FLOW_FIN_BOTH)
		flow->state = flow->fins & PPN_FLOW_FIN_BOTH ? PPN_FLOW_CLOSING : PPN_FLOW_OPEN;
}

/* Its bits are there before this packet is on its way. In this order: ppn/maps.h on flow_filter. */
static __always_inline int ppn_flow_add(const struct ppn_flow_key *key,
					const struct ppn_flow_value *flow)
{
	const __u64 hash = ppn_flow_key_hash(key), bits = ppn_flow_bits(hash);
	const __u32 slot = ppn_flow_slot(hash);
	__u64 *word = bpf_map_lookup_elem(&flow_filter, &slot);
	long err;

	if (!word)
		return PPN_REASON_FLOW_FULL;
	err = bpf_map_update_elem(&flows, key, flow, BPF_NOEXIST);
	/* Another CPU was quicker, and may not have set the bits yet. */
	if (err && err != -17 /* EEXIST */)
		return PPN_REASON_FLOW_FULL;
	/* Its answer is used: that makes it a full barrier on every machine. */
	if ((__sync_fetch_and_add(word, PPN_FLOW_ADDED) & bits) != bits)
		__sync_fetch_and_or(word, bits);
	return PPN_REASON_PASS_EGRESS;
}

/* A flow that begins, be it where an old one lies. */
static __always_inline int ppn_flow_start(const struct ppn_flow_packet *f)
{
	struct ppn_flow_value flow = {
		.seen = bpf_jiffies64(),
		.generation = f->generation,
		.isn = f->seq,
		.state = PPN_FLOW_SENT,
	};
	struct ppn_flow_value *old;

	if (!ppn_flow_listed(&f->key, f->generation, &flow.until))
		return PPN_REASON_EGRESS_SHUT;
	old = bpf_map_lookup_elem(&flows, &f->key);
	if (!old)
		return ppn_flow_add(&f->key, &flow);
	*old = flow;
	return PPN_REASON_PASS_EGRESS;
}

/* PPN_REASON_NONE: there is no such flow, and this begins none. */
__noinline int ppn_flow_out(const struct ppn_flow_packet *packet)
{
	struct ppn_flow_packet f;
	struct ppn_flow_value *flow;
	int reason;

	if (!packet)
		return PPN_REASON_NONE;
	f = *packet;
	flow = ppn_flow_find(&f, &reason);
	if (reason)
		return reason;
	if (!flow || (f.flags && ppn_flow_opens(&f) && f.seq != flow->isn))
		return ppn_flow_opens(&f) ? ppn_flow_start(&f) : PPN_REASON_NONE;
	if (f.key.proto == IPPROTO_TCP)
		ppn_flow_tcp_out(flow, &f);
	flow->seen = bpf_jiffies64();
	return PPN_REASON_PASS_FLOW;
}
#endif

#endif
