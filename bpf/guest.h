/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * `[seal] guests = pass` (DESIGN 6): a bridge's port carries the frames of other machines as well. Those that
 * go to, or come from, a unicast address that is not this host's are theirs, and left alone.
 *
 * The flag is in a row only where the row holds every address of this host behind the port
 * (user/kernel/datapath_iface.c): what this host would take is judged by the table.
 */
#ifndef PPN_BPF_GUEST_H
#define PPN_BPF_GUEST_H

#include <linux/if_ether.h>
#include "maps.h"
#include "packet.h"

/* mac: destination of a frame that comes in, source of one that goes out. */
static __always_inline _Bool ppn_is_guests(const struct ppn_iface *iface, const __u8 *mac)
{
	return !(mac[0] & 1) && !ppn_same_mac(mac, iface->mac[0]) &&
	       !ppn_same_mac(mac, iface->mac[1]);
}

/* at: where in the frame that address stands. */
static __always_inline _Bool ppn_passes_guest(const struct ppn_iface *iface,
					      const struct ppn_packet *p, __u32 at)
{
	const __u8 *eth;

	if (!(iface->flags & PPN_IFACE_GUESTS))
		return 0;
	eth = ppn_peek(p, ETH_HLEN);
	return eth && ppn_is_guests(iface, eth + at);
}

#endif
