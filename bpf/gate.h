/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Discovery packets by their heads (PROTOCOL 3): the eight bytes all have in common, then what beacons
 * and knocks must show before anything wakes.
 */
#ifndef PPN_BPF_GATE_H
#define PPN_BPF_GATE_H

#include "parse.h"
#include "siphash.h"
#include <ppn/wire.h>

#define PPN_GATE_VERSION 1

/* enum ppn_packet_type of the payload at pos: magic, version, exact length. 0: none of ours. */
static __always_inline __u8 ppn_gate_type(const struct ppn_packet *p)
{
	const struct ppn_here_head *head = ppn_peek(p, sizeof(*head));

	if (!head || head->magic != bpf_htonl(PPN_MAGIC) || head->version != PPN_GATE_VERSION ||
	    bpf_ntohs(head->len) != p->len || p->len > PPN_DISCOVERY_MAX)
		return 0;
	return head->type;
}

/* `here`: from a link-local address, of the one length it has. */
static __always_inline _Bool ppn_gate_here(const struct ppn_packet *p)
{
	return p->version == 6 && ppn_is_link_local(&p->ip6->saddr) && p->len == PPN_HERE_LEN;
}

/* The tag of a beacon's or knock's head under the gate key. */
static __always_inline _Bool ppn_gate_tag(const struct ppn_gate_head *head, const void *gate_key)
{
	return ppn_siphash40(gate_key, head) == ppn_load64(head->tag);
}

#endif
