/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Ports the roster opens, and rescue ports of the local config: one question for both directions.
 */
#ifndef PPN_BPF_PORTS_H
#define PPN_BPF_PORTS_H

#include "parse.h"
#include "policy.h"

static __always_inline _Bool ppn_port_allows(const struct ppn_port_rule *rule, const __u64 *address)
{
	if (rule->any)
		return 1;
#pragma unroll
	for (int i = 0; i < PPN_PORT_PREFIXES; i++) {
		const void *addr = rule->prefix[i].addr, *mask = rule->prefix[i].mask;

		if (i >= rule->n)
			return 0;
		if ((address[0] & ppn_load64(mask)) == ppn_load64(addr) &&
		    (address[1] & ppn_load64(mask + 8)) == ppn_load64(addr + 8))
			return 1;
	}
	return 0;
}

/*
 * May `port` of this machine talk with the other side of this packet? inwards: that side is the source.
 * PPN_REASON_PASS_OPEN, PPN_REASON_PASS_RESCUE, or why not.
 */
static __always_inline int ppn_check_port(const struct ppn_view *view, const struct ppn_packet *p,
					  __be16 port, _Bool inwards)
{
	struct ppn_port_key key = {
		.generation = view->generation,
		.port = port,
		.proto = p->proto,
	};
	const struct ppn_port_rule *rule;
	__u64 address[2];

	if (view->column == PPN_COLUMN_BLIND || !(view->flags & PPN_POLICY_PORTS))
		return PPN_REASON_PORT_SHUT;
	rule = bpf_map_lookup_elem(&open_ports, &key);
	if (!rule)
		return PPN_REASON_PORT_SHUT;
	if (!rule->rescue) {
		if (view->column == PPN_COLUMN_HOLDING)
			return PPN_REASON_PORT_SHUT;
		if (ppn_isolated(view))
			return PPN_REASON_ISOLATED;
	}
	if (p->version == 4) {
		const __u32 mapped[4] = {
			0,
			0,
			bpf_htonl(0xffff),
			inwards ? p->ip4->saddr : p->ip4->daddr,
		};

		address[0] = ppn_load64(&mapped[0]);
		address[1] = ppn_load64(&mapped[2]);
	} else {
		const void *a = inwards ? &p->ip6->saddr : &p->ip6->daddr;

		address[0] = ppn_load64(a);
		address[1] = ppn_load64(a + 8);
	}
	if (!ppn_port_allows(rule, address))
		return PPN_REASON_PORT_SOURCE;
	return rule->rescue ? PPN_REASON_PASS_RESCUE : PPN_REASON_PASS_OPEN;
}

#endif
