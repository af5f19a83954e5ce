/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A packet read anew, by copies, for what is rare: observing, a trial, a watch. Global functions: verified
 * once, and the rows above them cost the verifier nothing more.
 *
 * The program defines, before it includes this, PPN_CONTEXT and ppn_load_bytes(context, offset, to, len).
 */
#ifndef PPN_BPF_AGAIN_H
#define PPN_BPF_AGAIN_H

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include "maps.h"

#ifndef PPN_CONTEXT
#define PPN_CONTEXT struct xdp_md
#define ppn_load_bytes bpf_xdp_load_bytes
#endif

/* Where IP begins, and its EtherType; 0: nowhere. */
static __always_inline __u32 ppn_again_link(PPN_CONTEXT *ctx, __be16 *ret_type)
{
	__u32 at = 2 * ETH_ALEN;

	for (int i = 0; i <= 2; i++) {
		if (ppn_load_bytes(ctx, at, ret_type, sizeof(*ret_type)))
			return 0;
		at += sizeof(*ret_type);
		if (*ret_type != bpf_htons(ETH_P_8021Q) && *ret_type != bpf_htons(ETH_P_8021AD))
			return at;
		at += sizeof(__be16);
	}
	return 0;
}

/* at: of the source port. TCP and UDP have both in the same place. */
static __always_inline void ppn_again_ports(PPN_CONTEXT *ctx, __u32 at, _Bool outwards,
					    struct ppn_flow_key *key)
{
	__be16 port[2];

	if ((key->proto != IPPROTO_TCP && key->proto != IPPROTO_UDP) ||
	    ppn_load_bytes(ctx, at, port, sizeof(port)))
		return;
	key->local_port = outwards ? port[0] : port[1];
	key->remote_port = outwards ? port[1] : port[0];
}

static __always_inline void ppn_again_ip4(PPN_CONTEXT *ctx, __u32 at, _Bool outwards,
					  struct ppn_flow_key *key)
{
	struct iphdr ip;

	if (ppn_load_bytes(ctx, at, &ip, sizeof(ip)))
		return;
	key->proto = ip.protocol;
	key->local[10] = key->local[11] = key->remote[10] = key->remote[11] = 0xff;
	__builtin_memcpy(key->local + 12, outwards ? &ip.saddr : &ip.daddr, 4);
	__builtin_memcpy(key->remote + 12, outwards ? &ip.daddr : &ip.saddr, 4);
	if (!(ip.frag_off & bpf_htons(0x1fff)))
		ppn_again_ports(ctx, at + ip.ihl * 4, outwards, key);
}

static __always_inline void ppn_again_ip6(PPN_CONTEXT *ctx, __u32 at, _Bool outwards,
					  struct ppn_flow_key *key)
{
	struct ipv6hdr ip;

	if (ppn_load_bytes(ctx, at, &ip, sizeof(ip)))
		return;
	key->proto = ip.nexthdr;
	__builtin_memcpy(key->local, outwards ? &ip.saddr : &ip.daddr, 16);
	__builtin_memcpy(key->remote, outwards ? &ip.daddr : &ip.saddr, 16);
	ppn_again_ports(ctx, at + sizeof(ip), outwards, key);
}

/*
 * Addresses, protocol (any; of IPv6 the fixed header's next) and ports of TCP and UDP; what there is not
 * stays zero. direction: enum ppn_direction. ret: written whole. 0.
 */
__noinline int ppn_again(PPN_CONTEXT *ctx, __u32 direction, struct ppn_flow_key *ret)
{
	const _Bool outwards = direction == PPN_DIRECTION_OUT;
	__be16 type = 0;
	__u32 at;

	if (!ret)
		return 0;
	__builtin_memset(ret, 0, sizeof(*ret));
	at = ppn_again_link(ctx, &type);
	if (at && type == bpf_htons(ETH_P_IP))
		ppn_again_ip4(ctx, at, outwards, ret);
	else if (at && type == bpf_htons(ETH_P_IPV6))
		ppn_again_ip6(ctx, at, outwards, ret);
	return 0;
}

#endif
