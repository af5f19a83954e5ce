/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * ARP, neighbour discovery and MLD: the form that RFC 826, RFC 4861 6.1 and 7.1, RFC 2710 and RFC 3810
 * demand. Each check takes a packet whose `pos` is at the ARP or ICMPv6 header, and returns
 * PPN_REASON_NONE or why it drops.
 */
#ifndef PPN_BPF_NEIGHBOUR_H
#define PPN_BPF_NEIGHBOUR_H

#include "parse.h"

enum ppn_icmp6_type {
	PPN_MLD_QUERY = 130,
	PPN_MLD_REPORT1 = 131,
	PPN_MLD_DONE = 132,
	PPN_ND_RS = 133,
	PPN_ND_RA = 134,
	PPN_ND_NS = 135,
	PPN_ND_NA = 136,
	PPN_MLD_REPORT2 = 143,
};

enum ppn_neighbour_size {
	PPN_ARP_LEN = 28,
	PPN_ND_HOP_LIMIT = 255,
	PPN_ND_LEN = 24, /* NS, NA: with target, without options */
	PPN_ND_RS_LEN = 8,
	PPN_ND_RA_LEN = 16,
	PPN_ND_OPTIONS_MAX = 16, /* options walked; a message with more is dropped */
	PPN_ND_SOLICITED = 0x40,
	PPN_ND_SOURCE_LINK = 1, /* option: source link-layer address */
	PPN_MLD_LEN = 24,
	PPN_MLD2_LEN = 8, /* version 2 report without records */
	PPN_MLD2_RECORD_LEN = 20, /* without sources and auxiliary data */
	PPN_MLD2_RECORDS_MAX = 64,
};

/* Hardware Ethernet, protocol IPv4, lengths 6 and 4, operation request or reply. */
static __always_inline int ppn_check_arp(const struct ppn_packet *p)
{
	const void *arp = ppn_peek(p, PPN_ARP_LEN);
	__u64 head;

	if (!arp)
		return PPN_REASON_SHORT;
	head = bpf_be64_to_cpu(ppn_load64(arp));
	if (head != 0x0001080006040001ULL && head != 0x0001080006040002ULL)
		return PPN_REASON_ARP_BAD;
	return PPN_REASON_NONE;
}

struct ppn_nd_walk {
	const __u8 *at, *end;
	__u32 off, len; /* bytes walked, bytes there are */
	__u32 reason;
	__u32 no_source_link; /* 1: that option must not be there */
};

static long ppn_nd_option(__u32 index, struct ppn_nd_walk *w)
{
	const __u8 *at;

	(void)index;
	w->reason = PPN_REASON_NONE;
	if (w->off >= w->len)
		return 1;
	w->reason = PPN_REASON_ND_BAD;
	if (w->off > PPN_ND_OPTIONS_MAX * 255 * 8)
		return 1;
	at = w->at + w->off;
	if (w->off + 8 > w->len || at + 8 > w->end || !at[1])
		return 1;
	if (w->no_source_link && at[0] == PPN_ND_SOURCE_LINK)
		return 1;
	w->off += at[1] * 8;
	if (w->off > w->len)
		return 1;
	return 0;
}

/* Options that follow `header` bytes: whole, none of length 0, sixteen at most. */
static __always_inline int ppn_check_nd_options(const struct ppn_packet *p, __u32 header,
						_Bool no_source_link)
{
	struct ppn_nd_walk w = {
		.at = p->pos + header,
		.end = p->end,
		.len = p->len - header,
		.no_source_link = no_source_link,
	};

	if (bpf_loop(PPN_ND_OPTIONS_MAX + 1, ppn_nd_option, &w, 0) < 0)
		return PPN_REASON_ND_BAD;
	return w.reason;
}

/* ff02::1:ff00:0/104 */
static __always_inline _Bool ppn_is_solicited_node(const struct in6_addr *a)
{
	return ppn_load64(a) == bpf_cpu_to_be64(0xff02000000000000ULL) &&
	       a->s6_addr32[2] == bpf_htonl(1) &&
	       (a->s6_addr32[3] & bpf_htonl(0xff000000)) == bpf_htonl(0xff000000);
}

/* Neighbour solicitation or advertisement, RFC 4861 7.1. */
static __always_inline int ppn_check_neighbour(const struct ppn_packet *p)
{
	const __u8 *nd = ppn_peek(p, PPN_ND_LEN);
	_Bool probe = 0;

	if (!nd || p->ip6->hop_limit != PPN_ND_HOP_LIMIT || nd[1] ||
	    ppn_is_multicast((const struct in6_addr *)(nd + 8)))
		return PPN_REASON_ND_BAD;
	if (nd[0] == PPN_ND_NS && ppn_is_unspecified(&p->ip6->saddr)) {
		if (!ppn_is_solicited_node(&p->ip6->daddr))
			return PPN_REASON_ND_BAD;
		probe = 1;
	}
	if (nd[0] == PPN_ND_NA && nd[4] & PPN_ND_SOLICITED && ppn_is_multicast(&p->ip6->daddr))
		return PPN_REASON_ND_BAD;
	return ppn_check_nd_options(p, PPN_ND_LEN, probe);
}

/* Router solicitation or advertisement, RFC 4861 6.1. */
static __always_inline int ppn_check_router(const struct ppn_packet *p, __u8 type)
{
	const __u32 header = type == PPN_ND_RA ? PPN_ND_RA_LEN : PPN_ND_RS_LEN;
	const __u8 *nd = type == PPN_ND_RA ? ppn_peek(p, PPN_ND_RA_LEN) :
					     ppn_peek(p, PPN_ND_RS_LEN);

	if (!nd || p->ip6->hop_limit != PPN_ND_HOP_LIMIT || nd[1])
		return PPN_REASON_ND_BAD;
	if (type == PPN_ND_RA && !ppn_is_link_local(&p->ip6->saddr))
		return PPN_REASON_ND_BAD;
	return ppn_check_nd_options(p, header, ppn_is_unspecified(&p->ip6->saddr));
}

static __always_inline _Bool ppn_is_mld(__u8 type)
{
	return (type >= PPN_MLD_QUERY && type <= PPN_MLD_DONE) || type == PPN_MLD_REPORT2;
}

/* RFC 3810 5, 6, RFC 3590: router alert, hop limit 1, link-local source (reports: or none). */
static __always_inline int ppn_check_mld(const struct ppn_packet *p, __u8 type)
{
	const __u32 least = type == PPN_MLD_REPORT2 ? PPN_MLD2_LEN : PPN_MLD_LEN;

	if (!p->alert || p->len < least || p->ip6->hop_limit != 1 ||
	    !ppn_is_multicast(&p->ip6->daddr))
		return PPN_REASON_MLD_BAD;
	if (ppn_is_link_local(&p->ip6->saddr))
		return PPN_REASON_NONE;
	return type != PPN_MLD_QUERY && ppn_is_unspecified(&p->ip6->saddr) ? PPN_REASON_NONE :
									     PPN_REASON_MLD_BAD;
}

struct ppn_mld_walk {
	const __u8 *at, *end;
	__u32 records;
	__u32 reason;
};

static long ppn_mld_record(__u32 index, struct ppn_mld_walk *w)
{
	const __u8 *at;

	w->reason = PPN_REASON_NONE;
	if (index >= w->records)
		return 1;
	w->reason = PPN_REASON_MLD_GROUP;
	if (index >= PPN_MLD2_RECORDS_MAX)
		return 1;
	at = w->at + index * PPN_MLD2_RECORD_LEN;
	return at + PPN_MLD2_RECORD_LEN > w->end ||
	       !ppn_is_solicited_node((const struct in6_addr *)(at + 4));
}

/*
 * A report that names solicited-node groups and nothing else (DESIGN 8.1). It must be a checked one. A
 * record with sources or auxiliary data is none of a solicited-node group's.
 */
static __always_inline int ppn_check_mld_groups(const struct ppn_packet *p, __u8 type)
{
	struct ppn_mld_walk w = {
		.at = p->pos + PPN_MLD2_LEN,
		.end = p->end,
		.reason = PPN_REASON_MLD_GROUP,
	};
	const __u8 *mld = ppn_peek(p, PPN_MLD_LEN);

	if (!mld)
		return PPN_REASON_MLD_GROUP;
	if (type != PPN_MLD_REPORT2)
		return ppn_is_solicited_node((const struct in6_addr *)(mld + 8)) ?
			       PPN_REASON_NONE :
			       PPN_REASON_MLD_GROUP;
	w.records = bpf_ntohs(ppn_load16(mld + 6));
	if (p->len != PPN_MLD2_LEN + w.records * PPN_MLD2_RECORD_LEN)
		return PPN_REASON_MLD_GROUP;
	if (bpf_loop(PPN_MLD2_RECORDS_MAX + 1, ppn_mld_record, &w, 0) < 0)
		return PPN_REASON_MLD_GROUP;
	return w.reason;
}

#endif
