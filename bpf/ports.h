/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Ports the roster opens, and rescue ports of the local config: one question for both directions.
 */
#ifndef PPN_BPF_PORTS_H
#define PPN_BPF_PORTS_H

#include "parse.h"
#include "policy.h"

static __always_inline _Bool ppn_is_over(__u64 until)
{
	return until && bpf_jiffies64() > until;
}

/* Does a row take this address? ret_until: of the part of it that does. */
static __always_inline _Bool ppn_port_allows(const struct ppn_port_rule *rule, const __u64 *address,
					     __u64 *ret_until)
{
	if (rule->any && !ppn_is_over(rule->until)) {
		*ret_until = rule->until;
		return 1;
	}
#pragma unroll
	for (int i = 0; i < PPN_PORT_PREFIXES; i++) {
		const struct ppn_port_prefix *prefix = &rule->prefix[i];

		if (i >= rule->n)
			return 0;
		if ((address[0] & ppn_load64(prefix->mask)) == ppn_load64(prefix->addr) &&
		    (address[1] & ppn_load64(prefix->mask + 8)) == ppn_load64(prefix->addr + 8) &&
		    !ppn_is_over(prefix->until)) {
			*ret_until = prefix->until;
			return 1;
		}
	}
	return 0;
}

/* The other side's address, IPv4 mapped. inwards: it is the source. */
static __always_inline void ppn_other_side(const struct ppn_packet *p, _Bool inwards,
					   __u64 ret_address[2])
{
	const void *a;

	if (p->version == 4) {
		ret_address[0] = 0;
		ret_address[1] = PPN_MAPPED_LOW(inwards ? p->ip4->saddr : p->ip4->daddr);
		return;
	}
	a = inwards ? &p->ip6->saddr : &p->ip6->daddr;
	ret_address[0] = ppn_load64(a);
	ret_address[1] = ppn_load64(a + 8);
}

/* May anybody ask for it? generation: of the policy. */
static __always_inline _Bool ppn_port_named(__u32 generation, __u8 proto, __be16 port)
{
	__u32 word = PPN_PORT_BITS_WORD(generation, proto == IPPROTO_UDP, port);
	const __u64 *bits = bpf_map_lookup_elem(&port_bits, &word);

	return bits && *bits >> PPN_PORT_BITS_BIT(port) & 1;
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
		.kind = PPN_PORT_RESCUE,
	};
	const struct ppn_port_rule *rule;
	int reason = PPN_REASON_PORT_SHUT;
	__u64 address[2], until;

	if (view->column == PPN_COLUMN_BLIND || !(view->flags & PPN_POLICY_PORTS) ||
	    !ppn_port_named(view->generation, p->proto, port))
		return PPN_REASON_PORT_SHUT;
	ppn_other_side(p, inwards, address);
	rule = bpf_map_lookup_elem(&open_ports, &key);
	if (rule && ppn_port_allows(rule, address, &until))
		return PPN_REASON_PASS_RESCUE;
	if (rule)
		reason = PPN_REASON_PORT_SOURCE;
	if (view->column == PPN_COLUMN_HOLDING)
		return reason;
	key.kind = PPN_PORT_ROSTER;
	rule = bpf_map_lookup_elem(&open_ports, &key);
	if (!rule)
		return reason;
	if (ppn_isolated(view))
		return PPN_REASON_ISOLATED;
	return ppn_port_allows(rule, address, &until) ? PPN_REASON_PASS_OPEN :
							PPN_REASON_PORT_SOURCE;
}

#endif
