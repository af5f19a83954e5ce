/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the seal would have dropped, while it observes: reason, protocol, port and the other side's prefix, in
 * a hash that forgets what was seen longest ago. `ppn seal check --observed` shows it.
 */
#ifndef PPN_BPF_OBSERVE_H
#define PPN_BPF_OBSERVE_H

#include "account.h"
#include "again.h"

/* len: of the packet. direction: enum ppn_direction. */
__noinline int ppn_observe(PPN_CONTEXT *ctx, __u32 reason, __u32 len, __u32 direction)
{
	struct ppn_observed_key key = { .reason = reason, .direction = direction };
	struct ppn_count first = { 1, len }, *count;
	struct ppn_flow_key flow = {}; /* 6.1 wants it written before a global function does */

	if (ppn_passes(reason))
		return 0;
	ppn_again(ctx, direction, &flow);
	key.proto = flow.proto;
	key.port = direction == PPN_DIRECTION_OUT ? flow.remote_port : flow.local_port;
	/* A /64, or a /24 of mapped IPv4. */
	__builtin_memcpy(key.prefix, flow.remote, 8);
	if (flow.remote[10] == 0xff && flow.remote[11] == 0xff && !*(__u64 *)flow.remote)
		__builtin_memcpy(key.prefix + 8, flow.remote + 8, 7);
	count = bpf_map_lookup_elem(&observed, &key);
	if (!count)
		return bpf_map_update_elem(&observed, &key, &first, BPF_NOEXIST);
	__sync_fetch_and_add(&count->packets, 1);
	__sync_fetch_and_add(&count->bytes, len);
	return 0;
}

#endif
