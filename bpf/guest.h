/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * `[seal] guests = pass` (DESIGN 6): a bridge's port carries the frames of other machines as well. Those that
 * go to, or come from, a unicast address that is not this host's are theirs, and left
 * alone, but for those that name an address of the fleet.
 *
 * The flag is in a row only where the row holds every address of this host behind the port
 * (user/kernel/datapath_iface.c): what this host would take is judged by the table.
 */
#ifndef PPN_BPF_GUEST_H
#define PPN_BPF_GUEST_H

#include <linux/if_ether.h>
#include "maps.h"
#include "parse.h"

/* mac: destination of a frame that comes in, source of one that goes out. */
static __always_inline _Bool ppn_is_guests(const struct ppn_iface *iface, const __u8 *mac)
{
	return !(mac[0] & 1) && !ppn_same_mac(mac, iface->mac[0]) &&
	       !ppn_same_mac(mac, iface->mac[1]);
}

/* Does a frame's IPv6 header, if there is one to be read, name an address of the fleet? */
static __always_inline _Bool ppn_names_fleet(struct ppn_packet p, const void *fleet)
{
	const struct ipv6hdr *ip;

	if (ppn_parse_ethernet(&p) || p.ethertype != bpf_htons(ETH_P_IPV6))
		return 0;
	ip = ppn_peek(&p, sizeof(*ip));
	return ip && (ppn_in_fleet(fleet, &ip->saddr) || ppn_in_fleet(fleet, &ip->daddr));
}

/*
 * PPN_REASON_NONE: no guest's, the table judges it. at: where in the frame the address stands that decides.
 *
 * Addresses of the fleet, those of guests included, travel inside the tunnel alone: outside it a guest's frame that
 * names one drops as anybody's does. Nothing else is asked of it. What cannot be read as IPv6 (cut short, a third
 * tag) names none, and passes as a guest's: a guest may speak what the seal does not know.
 */
static __always_inline int ppn_guest(const struct ppn_iface *iface, const struct ppn_packet *p,
				     __u32 at, const void *fleet)
{
	const __u8 *eth;

	if (!(iface->flags & PPN_IFACE_GUESTS))
		return PPN_REASON_NONE;
	eth = ppn_peek(p, ETH_HLEN);
	if (!eth || !ppn_is_guests(iface, eth + at))
		return PPN_REASON_NONE;
	return ppn_names_fleet(*p, fleet) ? PPN_REASON_MESH_OUTSIDE : PPN_REASON_PASS_GUEST;
}

#endif
