/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the seal would have dropped, while it observes: reason, protocol, port and the other side's prefix, in
 * a hash that forgets what was seen longest ago. `ppn seal check --observed` shows it.
 *
 * A global function that reads the packet anew, by copies: it runs only while observing, and the rows
 * above it cost the verifier nothing more.
 *
 * The program defines, before it includes this, PPN_CONTEXT and ppn_load_bytes(context, offset, to, len).
 */
#ifndef PPN_BPF_OBSERVE_H
#define PPN_BPF_OBSERVE_H

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include "maps.h"
#include "account.h"
#include "packet.h"

#ifndef PPN_CONTEXT
#define PPN_CONTEXT struct xdp_md
#define ppn_load_bytes bpf_xdp_load_bytes
#endif

/* Where IP begins, and its EtherType; 0: nowhere. */
static __always_inline __u32 ppn_observe_link(PPN_CONTEXT *ctx, __be16 *ret_type)
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

/* TCP and UDP have it in the same place: in, ours; out, theirs. */
static __always_inline void ppn_observe_port(PPN_CONTEXT *ctx, __u32 at,
					     struct ppn_observed_key *key)
{
	if (key->proto == IPPROTO_TCP || key->proto == IPPROTO_UDP)
		(void)ppn_load_bytes(ctx, at + sizeof(__be16), &key->port, sizeof(key->port));
}

static __always_inline void ppn_observe_ip4(PPN_CONTEXT *ctx, __u32 at,
					    struct ppn_observed_key *key)
{
	struct iphdr ip;
	__be32 other;

	if (ppn_load_bytes(ctx, at, &ip, sizeof(ip)))
		return;
	key->proto = ip.protocol;
	key->prefix[10] = key->prefix[11] = 0xff;
	other = (key->direction == PPN_DIRECTION_OUT ? ip.daddr : ip.saddr) & bpf_htonl(0xffffff00);
	__builtin_memcpy(key->prefix + 12, &other, sizeof(other));
	if (!(ip.frag_off & bpf_htons(0x1fff)))
		ppn_observe_port(ctx, at + ip.ihl * 4, key);
}

static __always_inline void ppn_observe_ip6(PPN_CONTEXT *ctx, __u32 at,
					    struct ppn_observed_key *key)
{
	struct ipv6hdr ip;
	__u64 other;

	if (ppn_load_bytes(ctx, at, &ip, sizeof(ip)))
		return;
	key->proto = ip.nexthdr;
	other = key->direction == PPN_DIRECTION_OUT ? ppn_load64(&ip.daddr) : ppn_load64(&ip.saddr);
	__builtin_memcpy(key->prefix, &other, sizeof(other));
	ppn_observe_port(ctx, at + sizeof(ip), key);
}

/* len: of the packet. direction: enum ppn_direction. */
__noinline int ppn_observe(PPN_CONTEXT *ctx, __u32 reason, __u32 len, __u32 direction)
{
	struct ppn_observed_key key = { .reason = reason, .direction = direction };
	struct ppn_count first = { 1, len }, *count;
	__be16 type = 0;
	__u32 at;

	if (ppn_passes(reason))
		return 0;
	at = ppn_observe_link(ctx, &type);
	if (at && type == bpf_htons(ETH_P_IP))
		ppn_observe_ip4(ctx, at, &key);
	else if (at && type == bpf_htons(ETH_P_IPV6))
		ppn_observe_ip6(ctx, at, &key);
	count = bpf_map_lookup_elem(&observed, &key);
	if (!count)
		return bpf_map_update_elem(&observed, &key, &first, BPF_NOEXIST);
	__sync_fetch_and_add(&count->packets, 1);
	__sync_fetch_and_add(&count->bytes, len);
	return 0;
}

#endif
