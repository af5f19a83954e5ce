/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The table "traffic in" of DESIGN 6, a function a row. A row returns the reason that ppn/reasons.h lists
 * and account.h turns into verdict and counter; the dispatch at the end picks the row. Default is drop,
 * and what drops does no work it could skip: rates, sockets and hashes are asked last.
 *
 * seal.bpf.c (XDP) and seal_tc.bpf.c (TC ingress, which defines PPN_PROGRAM_SEAL_TC) are the two entries.
 */
#ifndef PPN_BPF_SEAL_ROWS_H
#define PPN_BPF_SEAL_ROWS_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "maps.h"
#include "account.h"
#include "conn.h"
#include "flow.h"
#include "gate.h"
#include "guest.h"
#include "neighbour.h"
#include "parse.h"
#include "policy.h"
#include "ports.h"
#include "rate.h"
#include "underlay.h"

#ifdef PPN_PROGRAM_SEAL_TC
#define PPN_CONTEXT struct __sk_buff
#define ppn_load_bytes bpf_skb_load_bytes
#else
#define PPN_CONTEXT struct xdp_md
#define ppn_load_bytes bpf_xdp_load_bytes
#endif

struct seal {
	PPN_CONTEXT *ctx;
	__u32 ifindex;
	const struct ppn_iface *iface;
	struct ppn_view view;
	struct ppn_packet p;
};

/* Where the source of an IPv6 packet counts as one: a /64 off the link. */
static __always_inline _Bool take_source(const struct ppn_packet *p, enum ppn_rate_class kind,
					 _Bool by_prefix)
{
	if (p->version == 4)
		return ppn_rate_take(kind, 0, p->ip4->saddr);
	return ppn_rate_take(kind, ppn_load64(&p->ip6->saddr),
			     by_prefix ? 0 : ppn_load64(&p->ip6->saddr.s6_addr32[2]));
}

static __always_inline int limited(const struct ppn_packet *p, enum ppn_rate_class kind,
				   _Bool by_prefix, int pass)
{
	return take_source(p, kind, by_prefix) ? pass : PPN_REASON_RATE;
}

/* -- rows: the link -- */

static __always_inline int arp_row(struct seal *s)
{
	const int reason = ppn_check_arp(&s->p);

	if (reason)
		return reason;
	/* Sender hardware address: six of the eight bytes from 8 on. */
	return ppn_rate_take(PPN_RATE_ARP, 0, ppn_load64(s->p.pos + 8) << 16) ?
		       PPN_REASON_PASS_ARP :
		       PPN_REASON_RATE;
}

static __always_inline int control_row(struct seal *s)
{
	const int reason = ppn_check_control(&s->p, s->iface);

	if (reason == PPN_REASON_ETHERTYPE)
		return reason;
	return ppn_rate_take(PPN_RATE_CONTROL, s->p.ethertype, s->ifindex) ? reason :
									     PPN_REASON_RATE;
}

static __always_inline int neighbour_row(struct seal *s)
{
	const int reason = ppn_check_neighbour(&s->p);

	if (reason)
		return reason;
	if (ppn_in_fleet(s->view.table->fleet, s->p.pos + 8))
		return PPN_REASON_MESH_OUTSIDE;
	return limited(&s->p, PPN_RATE_ND, 0, PPN_REASON_PASS_ND);
}

static __always_inline int mld_row(struct seal *s, __u8 type)
{
	const int reason = ppn_check_mld(&s->p, type);

	return reason ? reason : limited(&s->p, PPN_RATE_MLD, 0, PPN_REASON_PASS_MLD);
}

static __always_inline int ra_row(struct seal *s)
{
	int reason;

	if (s->iface->underlay != PPN_UNDERLAY_SLAAC)
		return PPN_REASON_RA;
	reason = ppn_check_router(&s->p, PPN_ND_RA);
	if (reason)
		return reason;
	reason = limited(&s->p, PPN_RATE_RA, 0, PPN_REASON_PASS_RA);
	if (reason == PPN_REASON_PASS_RA && !ppn_rate_take(PPN_RATE_RA_LINK, 0, s->ifindex))
		reason = PPN_REASON_RATE;
	return reason;
}

/* -- row: DHCP, inside a transaction that egress.bpf.c saw open -- */

static __always_inline _Bool is_open(__u64 opened)
{
	return bpf_jiffies64() - opened <= (__u64)PPN_LEASE_SECONDS * settings.hz;
}

static __always_inline int dhcp4_row(struct seal *s)
{
	const struct ppn_bootp *b = ppn_dhcp4(&s->p, PPN_BOOTP_REPLY);
	const struct ppn_lease *lease;
	__u32 group = s->iface->group;

	if (!b || s->iface->underlay != PPN_UNDERLAY_DHCP)
		return PPN_REASON_DHCP;
	lease = bpf_map_lookup_elem(&leases, &group);
	if (!lease || !is_open(lease->opened4) || !ppn_same_xid(b->xid, lease->xid4) ||
	    !ppn_same_mac(b->chaddr, lease->mac))
		return PPN_REASON_DHCP;
	return PPN_REASON_PASS_DHCP;
}

static __always_inline int dhcp6_row(struct seal *s)
{
	const __u8 *m = ppn_dhcp6(&s->p);
	const struct ppn_lease *lease;
	__u32 group = s->iface->group;

	if (!m || (m[0] != PPN_DHCP6_ADVERTISE && m[0] != PPN_DHCP6_REPLY) ||
	    !ppn_is_link_local(&s->p.ip6->saddr) || s->iface->underlay != PPN_UNDERLAY_DHCP)
		return PPN_REASON_DHCP;
	lease = bpf_map_lookup_elem(&leases, &group);
	if (!lease || !is_open(lease->opened6) || !ppn_same_xid6(m, lease->xid6) ||
	    !ppn_same_address(&s->p.ip6->daddr, lease->source6))
		return PPN_REASON_DHCP;
	return PPN_REASON_PASS_DHCP;
}

/* -- rows: discovery -- */

static __always_inline _Bool seat_runs(const struct seal *s)
{
	return s->view.flags & PPN_POLICY_SEAT && s->view.column != PPN_COLUMN_BLIND;
}

static __always_inline int here_row(const struct seal *s)
{
	return seat_runs(s) && ppn_gate_here(&s->p) ? PPN_REASON_PASS_HERE : PPN_REASON_HERE;
}

/* Hands the payload up. The ring buffer's record is zeroed by nobody: `len` says what counts. */
static __always_inline int hand_up(struct seal *s, const struct udphdr *udp)
{
	const void *start = (void *)(long)s->ctx->data;
	__u64 at;
	__u32 len = s->p.len;
	struct ppn_packet_event *e;

	/* Whole pointers: half of one, put aside on the stack, the verifier refuses. */
	asm volatile("" : "+r"(start));
	at = s->p.pos - start;
	if (!len || len > PPN_PACKET_COPY)
		return PPN_REASON_BEACON_BAD;
	e = bpf_ringbuf_reserve(&packets, sizeof(*e), 0);
	if (!e)
		return PPN_REASON_BEACON_LOST;
	e->ifindex = s->ifindex;
	e->len = len;
	e->type = PPN_PACKET_BEACON;
	e->hop_limit = s->p.ip6->hop_limit;
	__builtin_memcpy(e->source, &s->p.ip6->saddr, sizeof(e->source));
	e->source_port = udp->source;
	__builtin_memset(e->zero, 0, sizeof(e->zero));
	/* 6.1's verifier forgets that len is not 0 across the stores above: tell it anew. */
	len--;
	asm volatile("" : "+r"(len));
	if (len >= PPN_PACKET_COPY || ppn_load_bytes(s->ctx, at, e->payload, len + 1)) {
		bpf_ringbuf_discard(e, 0);
		return PPN_REASON_BEACON_LOST;
	}
	bpf_ringbuf_submit(e, 0);
	return PPN_REASON_BEACON;
}

/* Newer than the floor of its certificate? A certificate without one is new. */
static __always_inline _Bool above_floor(const struct ppn_gate_head *head)
{
	struct ppn_floor_key key = { .type = PPN_PACKET_BEACON };
	const __u64 *floor;

	__builtin_memcpy(key.serial, head->serial, sizeof(key.serial));
	floor = bpf_map_lookup_elem(&floors, &key);
	return !floor || bpf_be64_to_cpu(ppn_load64(&head->time)) > *floor;
}

static __always_inline int beacon_row(struct seal *s, const struct udphdr *udp)
{
	const struct ppn_gate_head *head = ppn_peek(&s->p, sizeof(*head));

	if (!head || s->p.len == sizeof(*head) || s->p.version != 6 ||
	    s->p.ip6->hop_limit != PPN_ND_HOP_LIMIT || !ppn_is_link_local(&s->p.ip6->saddr))
		return PPN_REASON_BEACON_BAD;
	if (!s->view.table->pinned)
		return PPN_REASON_BEACON_NO_PIN;
	if (!ppn_gate_tag(head, s->view.table->gate_key))
		return PPN_REASON_BEACON_BAD;
	if (!above_floor(head))
		return PPN_REASON_BEACON_OLD;
	if (!take_source(&s->p, PPN_RATE_BEACON, 0))
		return PPN_REASON_RATE;
	return hand_up(s, udp);
}

static __always_inline int discovery_row(struct seal *s, const struct udphdr *udp)
{
	switch (ppn_gate_type(&s->p)) {
	case PPN_PACKET_BEACON:
		return beacon_row(s, udp);
	case PPN_PACKET_KNOCK:
		return PPN_REASON_KNOCK;
	case PPN_PACKET_HERE:
		return here_row(s);
	default:
		return PPN_REASON_BEACON_BAD;
	}
}

/* -- rows: the claim port, and claim connections of a seat that runs here -- */

static __always_inline int claim_syn_row(struct seal *s)
{
	if (s->view.column != PPN_COLUMN_HOLDING || !(s->view.flags & PPN_POLICY_CLAIM))
		return PPN_REASON_CLAIM_SHUT;
	return limited(&s->p, PPN_RATE_SYN, 1, PPN_REASON_PASS_SYN);
}

/* The last segment of a handshake that only a SYN cookie remembers. */
static __always_inline _Bool cookie_good(struct seal *s, struct tcphdr *tcp, struct bpf_sock *sk)
{
	if (s->p.version == 4)
		return !bpf_tcp_check_syncookie(sk, s->p.ip4, sizeof(*s->p.ip4), tcp, sizeof(*tcp));
	return !bpf_tcp_check_syncookie(sk, s->p.ip6, sizeof(*s->p.ip6), tcp, sizeof(*tcp));
}

static __always_inline int claim_segment_row(struct seal *s, struct tcphdr *tcp)
{
	struct ppn_conn conn = {};
	struct bpf_sock *sk;
	_Bool known;

	if (s->view.column == PPN_COLUMN_BLIND)
		return PPN_REASON_CLAIM_NO_SOCKET;
	ppn_conn_in(&s->p, tcp, &conn);
	sk = ppn_conn_socket(s->ctx, &conn);
	if (!sk)
		return PPN_REASON_CLAIM_NO_SOCKET;
	known = sk->state != BPF_TCP_LISTEN || cookie_good(s, tcp, sk);
	bpf_sk_release(sk);
	return known ? PPN_REASON_PASS_CLAIM : PPN_REASON_CLAIM_NO_SOCKET;
}

static __always_inline int seat_row(struct seal *s, const struct tcphdr *tcp)
{
	struct ppn_conn conn = {};

	if (!seat_runs(s) || tcp->source != s->view.table->claim_port)
		return PPN_REASON_PORT_SHUT;
	ppn_conn_in(&s->p, tcp, &conn);
	return ppn_conn_known(s->ctx, &conn) ? PPN_REASON_PASS_SEAT : PPN_REASON_PORT_SHUT;
}

/* -- row: ICMP errors that quote what we sent -- */

static __always_inline _Bool quotes_claim(struct seal *s, const struct ppn_flow_key *key)
{
	const __be16 claim = s->view.table->claim_port;
	struct ppn_conn conn = {};

	if (key->proto != IPPROTO_TCP ||
	    (key->local_port != claim && !(seat_runs(s) && key->remote_port == claim)))
		return 0;
	ppn_conn_flow(key, s->p.version == 4, &conn);
	return ppn_conn_known(s->ctx, &conn);
}

/* Never of the WireGuard port: it has no flows, and a path that one forged error narrowed would be lost. */
static __always_inline _Bool quotes_flow(struct seal *s, struct ppn_flow_packet *f)
{
	if (!(s->view.flags & PPN_POLICY_EGRESS) || s->view.column != PPN_COLUMN_BOUND ||
	    (f->key.proto == IPPROTO_UDP && f->key.local_port == s->view.table->wg_port))
		return 0;
	f->generation = s->view.generation;
	f->isolated = ppn_isolated(&s->view);
	return ppn_flow_known(f);
}

/* too_big: packet too big, fragmentation needed. */
static __always_inline int error_row(struct seal *s, _Bool too_big)
{
	struct ppn_flow_packet f = {};

	if (s->view.column == PPN_COLUMN_BLIND ||
	    !(s->p.version == 4 ? ppn_flow_quoted4(&s->p, &f.key) :
				  ppn_flow_quoted6(&s->p, &f.key)))
		return PPN_REASON_ICMP;
	if (!(too_big && quotes_claim(s, &f.key)) && !quotes_flow(s, &f))
		return PPN_REASON_ICMP;
	return limited(&s->p, PPN_RATE_ERROR, 0,
		       too_big ? PPN_REASON_PASS_PTB : PPN_REASON_PASS_FLOW_ERROR);
}

/* -- rows: WireGuard, open ports -- */

static __always_inline int wireguard_row(const struct seal *s)
{
	return s->view.column >= PPN_COLUMN_BOUND ? PPN_REASON_PASS_WG : PPN_REASON_WG_SHUT;
}

static __always_inline int open_port_row(const struct seal *s, __be16 port)
{
	return ppn_check_port(&s->view, &s->p, port, 1);
}

/* -- row: replies to flows this node opened -- */

/* otherwise: the reason where there is no such flow. tcp: NULL for UDP. */
static __always_inline int flow_row(struct seal *s, const struct tcphdr *tcp, int otherwise)
{
	struct ppn_flow_packet f = {};
	__u64 remote[2];
	int reason;

	if (!(s->view.flags & PPN_POLICY_EGRESS) || s->view.column < PPN_COLUMN_BOUND)
		return otherwise;
	ppn_other_side(&s->p, 1, remote);
	if (!ppn_flow_maybe(remote[0], remote[1], s->p.dest, s->p.source, s->p.proto))
		return otherwise;
	ppn_flow_of(&s->p, 1, &f.key);
	f.generation = s->view.generation;
	f.isolated = ppn_isolated(&s->view);
	if (tcp) {
		f.seq = bpf_ntohl(tcp->seq);
		f.ack = bpf_ntohl(tcp->ack_seq);
		f.end = f.seq + s->p.len - tcp->doff * 4 + tcp->fin;
		f.flags = ppn_tcp_flags(tcp);
	}
	reason = ppn_flow_in(&f);
	return reason ? reason : otherwise;
}

/* -- which row -- */

static __always_inline int udp_rows(struct seal *s)
{
	struct udphdr *udp;
	int reason = ppn_parse_udp(&s->p, &udp);

	if (reason)
		return reason;
	if (udp->dest == s->view.table->wg_port)
		return wireguard_row(s);
	if (udp->dest == s->view.table->discovery_port)
		return discovery_row(s, udp);
	if (s->p.version == 4 && udp->dest == bpf_htons(PPN_DHCP4_CLIENT) &&
	    udp->source == bpf_htons(PPN_DHCP4_SERVER))
		return dhcp4_row(s);
	if (s->p.version == 6 && udp->dest == bpf_htons(PPN_DHCP6_CLIENT) &&
	    udp->source == bpf_htons(PPN_DHCP6_SERVER))
		return dhcp6_row(s);
	reason = open_port_row(s, udp->dest);
	return ppn_passes(reason) ? reason : flow_row(s, NULL, reason);
}

static __always_inline int tcp_rows(struct seal *s)
{
	struct tcphdr *tcp;
	int reason = ppn_parse_tcp(&s->p, &tcp);

	if (reason)
		return reason;
	if (tcp->dest == s->view.table->claim_port)
		return ppn_tcp_opens(tcp) ? claim_syn_row(s) : claim_segment_row(s, tcp);
	reason = open_port_row(s, tcp->dest);
	if (reason == PPN_REASON_PORT_SHUT)
		reason = seat_row(s, tcp);
	return ppn_passes(reason) ? reason : flow_row(s, tcp, reason);
}

static __always_inline int icmp4_rows(struct seal *s)
{
	const struct icmphdr *icmp = ppn_peek(&s->p, PPN_ICMP_HLEN);

	if (!icmp)
		return PPN_REASON_L4_HEADER;
	switch (icmp->type) {
	case ICMP_DEST_UNREACH:
		return error_row(s, icmp->code == ICMP_FRAG_NEEDED);
	case ICMP_TIME_EXCEEDED:
	case ICMP_PARAMETERPROB:
		return error_row(s, 0);
	default:
		return PPN_REASON_ICMP;
	}
}

static __always_inline int icmp6_rows(struct seal *s)
{
	const struct icmp6hdr *icmp = ppn_peek(&s->p, PPN_ICMP_HLEN);
	__u8 type;

	if (!icmp)
		return PPN_REASON_L4_HEADER;
	type = icmp->icmp6_type;
	if (ppn_is_mld(type))
		return mld_row(s, type);
	if (s->p.alert)
		return PPN_REASON_EXTENSION;
	switch (type) {
	case PPN_ND_NS:
	case PPN_ND_NA:
		return neighbour_row(s);
	case PPN_ND_RA:
		return ra_row(s);
	case PPN_ND_RS:
		return PPN_REASON_RA;
	case ICMPV6_PKT_TOOBIG:
		return error_row(s, 1);
	case ICMPV6_DEST_UNREACH:
	case ICMPV6_TIME_EXCEED:
	case ICMPV6_PARAMPROB:
		return error_row(s, 0);
	default:
		return PPN_REASON_ICMP;
	}
}

static __always_inline int transport_rows(struct seal *s)
{
	switch (s->p.proto) {
	case IPPROTO_TCP:
		return tcp_rows(s);
	case IPPROTO_UDP:
		return udp_rows(s);
	case IPPROTO_ICMP:
		return icmp4_rows(s);
	default:
		return icmp6_rows(s);
	}
}

static __always_inline int ip6_rows(struct seal *s)
{
	int reason = ppn_parse_ip6(&s->p);

	if (reason)
		return reason;
	if (ppn_in_fleet(s->view.table->fleet, &s->p.ip6->saddr) ||
	    ppn_in_fleet(s->view.table->fleet, &s->p.ip6->daddr))
		return PPN_REASON_MESH_OUTSIDE;
	reason = ppn_parse_next(&s->p);
	return reason ? reason : transport_rows(s);
}

static __always_inline int rows(struct seal *s)
{
	int reason = ppn_guest(s->iface, &s->p, 0, s->view.table->fleet);

	if (reason)
		return reason;
	reason = ppn_parse_ethernet(&s->p);
	if (reason)
		return reason;
	switch (s->p.ethertype) {
	case bpf_htons(ETH_P_IPV6):
		return ip6_rows(s);
	case bpf_htons(ETH_P_IP):
		reason = ppn_parse_ip4(&s->p);
		return reason ? reason : transport_rows(s);
	case bpf_htons(ETH_P_ARP):
		return arp_row(s);
	default:
		return control_row(s);
	}
}

#endif
