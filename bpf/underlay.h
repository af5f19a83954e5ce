/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What an interface's own row allows: LACP, EAPOL, router discovery, DHCP (PROTOCOL 9).
 */
#ifndef PPN_BPF_UNDERLAY_H
#define PPN_BPF_UNDERLAY_H

#include "maps.h"
#include "parse.h"

#define PPN_ETH_SLOW 0x8809 /* IEEE 802.3 57A: slow protocols */
#define PPN_SLOW_LACP 1
#define PPN_ETH_EAPOL 0x888e

enum ppn_dhcp_port {
	PPN_DHCP4_SERVER = 67,
	PPN_DHCP4_CLIENT = 68,
	PPN_DHCP6_CLIENT = 546,
	PPN_DHCP6_SERVER = 547,
};

/* RFC 2131 2, RFC 8415 7.3. */
enum ppn_dhcp_op {
	PPN_BOOTP_REQUEST = 1,
	PPN_BOOTP_REPLY = 2,
	PPN_DHCP6_SOLICIT = 1,
	PPN_DHCP6_ADVERTISE = 2,
	PPN_DHCP6_REQUEST = 3,
	PPN_DHCP6_CONFIRM = 4,
	PPN_DHCP6_RENEW = 5,
	PPN_DHCP6_REBIND = 6,
	PPN_DHCP6_REPLY = 7,
	PPN_DHCP6_RELEASE = 8,
	PPN_DHCP6_DECLINE = 9,
};

/* RFC 2131 2, up to the end of chaddr's Ethernet part, then cut. */
struct ppn_bootp {
	__u8 op, htype, hlen, hops;
	__u8 xid[4];
	__u8 secs_flags[4];
	__u8 addresses[16];
	__u8 chaddr[6];
};
#define PPN_BOOTP_LEN 240 /* with the magic cookie */
#define PPN_BOOTP_MAGIC_AT 236
#define PPN_BOOTP_MAGIC 0x63825363

/* Its own row, or the closed one. NULL never comes, but the verifier does not know. */
static __always_inline const struct ppn_iface *ppn_iface_row(__u32 ifindex)
{
	__u32 index = ifindex < PPN_MAP_IFACES ? ifindex : 0;

	return bpf_map_lookup_elem(&ifaces, &index);
}

/*
 * LACP and EAPOL, in and out: what is neither, or not named in the interface's row, is no ethertype. With eight bytes at
 * least, as ppn_parse_ethernet() wants of an untagged frame: TC, which sees one tag less than XDP, says the same.
 */
static __always_inline int ppn_check_control(const struct ppn_packet *p,
					     const struct ppn_iface *iface)
{
	const __u8 *subtype = ppn_peek(p, 2 * PPN_VLAN_HLEN);

	if (p->ethertype == bpf_htons(PPN_ETH_SLOW) && subtype && *subtype == PPN_SLOW_LACP)
		return iface->flags & PPN_IFACE_LACP ? PPN_REASON_PASS_LACP : PPN_REASON_ETHERTYPE;
	if (p->ethertype == bpf_htons(PPN_ETH_EAPOL) && subtype)
		return iface->flags & PPN_IFACE_EAPOL ? PPN_REASON_PASS_EAPOL :
							PPN_REASON_ETHERTYPE;
	return PPN_REASON_ETHERTYPE;
}

/* The DHCPv4 message at pos, or NULL: op as given, Ethernet, and the magic cookie. */
static __always_inline const struct ppn_bootp *ppn_dhcp4(const struct ppn_packet *p, __u8 op)
{
	const struct ppn_bootp *b = ppn_peek(p, PPN_BOOTP_LEN);

	if (!b || b->op != op || b->htype != 1 || b->hlen != ETH_ALEN ||
	    *(const __u32 *)((const void *)b + PPN_BOOTP_MAGIC_AT) != bpf_htonl(PPN_BOOTP_MAGIC))
		return NULL;
	return b;
}

/* The DHCPv6 message head at pos (RFC 8415 8: type, transaction id), or NULL. */
static __always_inline const __u8 *ppn_dhcp6(const struct ppn_packet *p)
{
	return ppn_peek(p, 4);
}

/* A message that a client asks with. Information-request is none: nothing it could bring is used. */
static __always_inline _Bool ppn_dhcp6_asks(__u8 type)
{
	return type == PPN_DHCP6_SOLICIT ||
	       (type >= PPN_DHCP6_REQUEST && type <= PPN_DHCP6_REBIND) ||
	       type == PPN_DHCP6_RELEASE || type == PPN_DHCP6_DECLINE;
}

static __always_inline _Bool ppn_same_xid(const __u8 *a, const __u8 *b)
{
	return *(const __u32 *)a == *(const __u32 *)b;
}

/* A message's transaction id, after its type, against that of struct ppn_lease. */
static __always_inline _Bool ppn_same_xid6(const __u8 *message, const __u8 *xid6)
{
	const __u32 id = bpf_htonl(0x00ffffff);

	return (*(const __u32 *)message & id) == (*(const __u32 *)xid6 & id);
}

#endif
