/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Flows this node opened (map `flows`): egress.bpf.c adds them, both directions move them on.
 */
#ifndef PPN_BPF_FLOW_H
#define PPN_BPF_FLOW_H

#include "maps.h"
#include "parse.h"

/* False: there is no such flow. high, low: the other side's address. */
static __always_inline _Bool ppn_flow_maybe(__u64 high, __u64 low, __be16 local, __be16 remote,
					    __u8 proto)
{
	__u32 slot = ppn_flow_hash(high, low, local, remote, proto);
	const __u32 *n = bpf_map_lookup_elem(&flow_filter, &slot);

	return n && *n;
}

#endif
