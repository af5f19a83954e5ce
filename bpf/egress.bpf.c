// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * clsact egress on external interfaces: the table "traffic out" of DESIGN 6, a function a row, built as
 * seal.bpf.c is. It also writes down the DHCP transactions and the flows that the seal lets answers in for.
 */
#define PPN_PROGRAM_EGRESS
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
#include "underlay.h"

#define PPN_CONTEXT struct __sk_buff
#define ppn_load_bytes bpf_skb_load_bytes
#include "finish.h"

/* Ethernet, IPv6 and TCP: what must be readable of a packet that the kernel keeps in pieces. */
#define EGRESS_HEADERS (ETH_HLEN + sizeof(struct ipv6hdr) + sizeof(struct tcphdr))

struct egress {
	struct __sk_buff *skb;
	const struct ppn_iface *iface;
	struct ppn_view view;
	struct ppn_packet p;
};

static __always_inline _Bool unclaimed(const struct egress *e)
{
	return e->view.column < PPN_COLUMN_BOUND;
}

static __always_inline _Bool seat_runs(const struct egress *e)
{
	return e->view.flags & PPN_POLICY_SEAT && e->view.column != PPN_COLUMN_BLIND;
}

/* -- rows: the link -- */

static __always_inline int arp_row(const struct egress *e)
{
	const int reason = ppn_check_arp(&e->p);

	return reason ? reason : PPN_REASON_PASS_ARP;
}

static __always_inline int control_row(const struct egress *e)
{
	return ppn_check_control(&e->p, e->iface);
}

static __always_inline int neighbour_row(const struct egress *e)
{
	const int reason = ppn_check_neighbour(&e->p);

	if (reason)
		return reason;
	return ppn_in_fleet(e->view.table->fleet, e->p.pos + 8) ? PPN_REASON_MESH_OUTSIDE :
								  PPN_REASON_PASS_ND;
}

/* Before a claim a node names to the link no group that neighbour discovery does not need. */
static __always_inline int mld_row(const struct egress *e, __u8 type)
{
	int reason = ppn_check_mld(&e->p, type);

	if (!reason && unclaimed(e))
		reason = ppn_check_mld_groups(&e->p, type);
	return reason ? reason : PPN_REASON_PASS_MLD;
}

static __always_inline int rs_row(const struct egress *e)
{
	int reason;

	if (e->iface->underlay != PPN_UNDERLAY_SLAAC)
		return PPN_REASON_RA;
	reason = ppn_check_router(&e->p, PPN_ND_RS);
	return reason ? reason : PPN_REASON_PASS_RA;
}

/* -- row: DHCP, and its transaction -- */

static __always_inline void lease_start(struct ppn_lease *lease, __u32 group)
{
	const struct ppn_lease *old = bpf_map_lookup_elem(&leases, &group);

	if (old)
		*lease = *old;
}

static __always_inline int dhcp4_row(struct egress *e)
{
	const struct ppn_bootp *b = ppn_dhcp4(&e->p, PPN_BOOTP_REQUEST);
	__u32 group = e->iface->group;
	struct ppn_lease lease = {};

	if (!b || e->iface->underlay != PPN_UNDERLAY_DHCP)
		return PPN_REASON_DHCP;
	lease_start(&lease, group);
	lease.opened4 = bpf_jiffies64();
	__builtin_memcpy(lease.xid4, b->xid, sizeof(lease.xid4));
	__builtin_memcpy(lease.mac, b->chaddr, sizeof(lease.mac));
	return bpf_map_update_elem(&leases, &group, &lease, BPF_ANY) ? PPN_REASON_DHCP :
								       PPN_REASON_PASS_DHCP;
}

static __always_inline int dhcp6_row(struct egress *e)
{
	const __u8 *m = ppn_dhcp6(&e->p);
	__u32 group = e->iface->group;
	struct ppn_lease lease = {};

	if (!m || !ppn_is_link_local(&e->p.ip6->saddr) || !ppn_dhcp6_asks(m[0]) ||
	    e->iface->underlay != PPN_UNDERLAY_DHCP)
		return PPN_REASON_DHCP;
	lease_start(&lease, group);
	lease.opened6 = bpf_jiffies64();
	lease.xid6[0] = 0;
	__builtin_memcpy(lease.xid6 + 1, m + 1, 3);
	__builtin_memcpy(lease.source6, &e->p.ip6->saddr, sizeof(lease.source6));
	return bpf_map_update_elem(&leases, &group, &lease, BPF_ANY) ? PPN_REASON_DHCP :
								       PPN_REASON_PASS_DHCP;
}

/* -- rows: discovery -- */

static __always_inline int here_row(const struct egress *e)
{
	if (e->view.column == PPN_COLUMN_BLIND || !ppn_gate_here(&e->p) ||
	    !ppn_is_link_local(&e->p.ip6->daddr))
		return PPN_REASON_HERE;
	return PPN_REASON_PASS_HERE;
}

static __always_inline int discovery_row(const struct egress *e)
{
	switch (ppn_gate_type(&e->p)) {
	case PPN_PACKET_HERE:
		return here_row(e);
	case PPN_PACKET_BEACON:
	case PPN_PACKET_KNOCK:
		return seat_runs(e) ? PPN_REASON_PASS_BEACON : PPN_REASON_NO_SEAT;
	default:
		return PPN_REASON_PORT_SHUT;
	}
}

/* -- rows: the claim port, and claim connections of a seat that runs here -- */

static __always_inline _Bool is_known(struct egress *e, const struct tcphdr *tcp)
{
	struct ppn_conn conn = {};

	ppn_conn_out(&e->p, tcp, &conn);
	return ppn_conn_known(e->skb, &conn);
}

static __always_inline int claim_row(struct egress *e, const struct tcphdr *tcp)
{
	const __u8 flags = ppn_tcp_flags(tcp);
	const int drop = flags & PPN_TCP_RST ? PPN_REASON_RST : PPN_REASON_CLAIM_NO_SOCKET;

	if (e->view.column == PPN_COLUMN_BLIND || ppn_tcp_opens(tcp))
		return drop;
	/* Answers of SYN cookies have no socket; who may get one was decided when its SYN came in. */
	if (ppn_tcp_accepts(tcp) && e->view.column == PPN_COLUMN_HOLDING &&
	    e->view.flags & PPN_POLICY_CLAIM)
		return PPN_REASON_PASS_SYN;
	return is_known(e, tcp) ? PPN_REASON_PASS_CLAIM : drop;
}

static __always_inline _Bool is_seat(struct egress *e, const struct tcphdr *tcp)
{
	return seat_runs(e) && tcp->dest == e->view.table->claim_port && is_known(e, tcp);
}

/* -- rows: WireGuard, replies of open ports -- */

static __always_inline int wireguard_row(const struct egress *e)
{
	return unclaimed(e) ? PPN_REASON_WG_SHUT : PPN_REASON_PASS_WG;
}

/* Replies only: no new connection, no reset of one that the kernel does not have. */
static __always_inline int tcp_reply_row(struct egress *e, const struct tcphdr *tcp)
{
	int reason;

	if (ppn_tcp_opens(tcp))
		return PPN_REASON_PORT_SHUT;
	reason = ppn_check_port(&e->view, &e->p, tcp->source, 0);
	if (ppn_passes(reason) && ppn_tcp_flags(tcp) & PPN_TCP_RST && !is_known(e, tcp))
		return PPN_REASON_RST;
	return reason;
}

/* -- row: the egress list -- */

/* otherwise: the reason where there is no such flow, and this begins none. tcp: NULL for UDP. */
static __always_inline int flow_row(struct egress *e, const struct tcphdr *tcp, int otherwise)
{
	struct ppn_flow_packet f = {};
	int reason;

	if (!(e->view.flags & PPN_POLICY_EGRESS) || unclaimed(e))
		return otherwise;
	if (ppn_isolated(&e->view))
		return PPN_REASON_ISOLATED;
	ppn_flow_of(&e->p, 0, &f.key);
	f.generation = e->view.generation;
	if (tcp) {
		f.seq = bpf_ntohl(tcp->seq);
		f.ack = bpf_ntohl(tcp->ack_seq);
		f.flags = ppn_tcp_flags(tcp);
	}
	reason = ppn_flow_out(&f);
	return reason ? reason : otherwise;
}

/* -- which row -- */

static __always_inline int udp_rows(struct egress *e)
{
	struct udphdr *udp;
	int reason = ppn_parse_udp(&e->p, &udp);

	if (reason)
		return reason;
	if (udp->source == e->view.table->wg_port)
		return wireguard_row(e);
	if (udp->dest == e->view.table->discovery_port)
		return discovery_row(e);
	if (e->p.version == 4 && udp->source == bpf_htons(PPN_DHCP4_CLIENT) &&
	    udp->dest == bpf_htons(PPN_DHCP4_SERVER))
		return dhcp4_row(e);
	if (e->p.version == 6 && udp->source == bpf_htons(PPN_DHCP6_CLIENT) &&
	    udp->dest == bpf_htons(PPN_DHCP6_SERVER))
		return dhcp6_row(e);
	reason = ppn_check_port(&e->view, &e->p, udp->source, 0);
	return ppn_passes(reason) ? reason : flow_row(e, NULL, reason);
}

static __always_inline int tcp_rows(struct egress *e)
{
	struct tcphdr *tcp;
	int reason = ppn_parse_tcp(&e->p, &tcp);

	if (reason)
		return reason;
	if (tcp->source == e->view.table->claim_port)
		return claim_row(e, tcp);
	reason = tcp_reply_row(e, tcp);
	if (ppn_passes(reason))
		return reason;
	if (is_seat(e, tcp))
		return PPN_REASON_PASS_SEAT;
	return flow_row(e, tcp, ppn_tcp_flags(tcp) & PPN_TCP_RST ? PPN_REASON_RST : reason);
}

static __always_inline int icmp6_rows(const struct egress *e)
{
	const struct icmp6hdr *icmp = ppn_peek(&e->p, PPN_ICMP_HLEN);
	__u8 type;

	if (!icmp)
		return PPN_REASON_L4_HEADER;
	type = icmp->icmp6_type;
	if (ppn_is_mld(type))
		return mld_row(e, type);
	if (e->p.alert)
		return PPN_REASON_EXTENSION;
	switch (type) {
	case PPN_ND_NS:
	case PPN_ND_NA:
		return neighbour_row(e);
	case PPN_ND_RS:
		return rs_row(e);
	case PPN_ND_RA:
		return PPN_REASON_RA;
	default:
		return PPN_REASON_ICMP;
	}
}

static __always_inline int transport_rows(struct egress *e)
{
	switch (e->p.proto) {
	case IPPROTO_TCP:
		return tcp_rows(e);
	case IPPROTO_UDP:
		return udp_rows(e);
	case IPPROTO_ICMP:
		return PPN_REASON_ICMP;
	default:
		return icmp6_rows(e);
	}
}

static __always_inline int ip6_rows(struct egress *e)
{
	int reason = ppn_parse_ip6(&e->p);

	if (reason)
		return reason;
	if (ppn_in_fleet(e->view.table->fleet, &e->p.ip6->saddr) ||
	    ppn_in_fleet(e->view.table->fleet, &e->p.ip6->daddr))
		return PPN_REASON_MESH_OUTSIDE;
	reason = ppn_parse_next(&e->p);
	return reason ? reason : transport_rows(e);
}

static __always_inline int rows(struct egress *e)
{
	int reason = ppn_guest(e->iface, &e->p, ETH_ALEN, e->view.table->fleet);

	if (reason)
		return reason;
	reason = ppn_parse_ethernet(&e->p);
	if (reason)
		return reason;
	switch (e->p.ethertype) {
	case bpf_htons(ETH_P_IPV6):
		return ip6_rows(e);
	case bpf_htons(ETH_P_IP):
		reason = ppn_parse_ip4(&e->p);
		return reason ? reason : transport_rows(e);
	case bpf_htons(ETH_P_ARP):
		return arp_row(e);
	default:
		return control_row(e);
	}
}

/* A packet that is still in pieces: its headers are gathered, nothing in it changes. */
static __always_inline _Bool gather(struct __sk_buff *skb)
{
	const __u32 len = skb->len < EGRESS_HEADERS ? skb->len : EGRESS_HEADERS;

	return (void *)(long)skb->data + len <= (void *)(long)skb->data_end ||
	       !bpf_skb_pull_data(skb, len);
}

SEC("tc")
int egress(struct __sk_buff *skb)
{
	struct egress e = { .skb = skb, .iface = ppn_iface_row(skb->ifindex) };
	int reason = PPN_REASON_NONE;
	__u32 flags;

	if (!e.iface || !ppn_policy_read(&e.view))
		return TC_ACT_SHOT;
	if (!gather(skb))
		reason = PPN_REASON_SHORT;
	e.p.pos = (void *)(long)skb->data;
	e.p.end = (void *)(long)skb->data_end;
	e.p.len = skb->len;
	e.p.outer_tag = skb->vlan_present;
	if (!reason)
		reason = rows(&e);
	ppn_finish(skb, skb->ifindex, &e.view, skb->len, PPN_DIRECTION_OUT, &reason, &flags);
	return ppn_account_tc(&egress_count, e.iface->slot, reason, skb->len, flags);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
