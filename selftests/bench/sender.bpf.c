// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What sender.h runs on live frames: each goes to the device `to`, as it is or under another source. A page is used
 * again with what the last run left in it, so every run writes all that it changes.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define SOURCES_FROM 0x0a000000 /* 10.0.0.0 */

const volatile __u32 to;
const volatile __u32 sources;
const volatile __u16 pair_port;

static __always_inline __u32 halves(__u32 value)
{
	return (value & 0xffff) + (value >> 16);
}

SEC("xdp")
int fixed(struct xdp_md *ctx)
{
	(void)ctx;
	return bpf_redirect(to, 0);
}

/* One of `sources`, at random; the header's checksum as RFC 1624 has it. */
SEC("xdp")
int spoofed(struct xdp_md *ctx)
{
	struct iphdr *ip = (void *)(long)ctx->data + ETH_HLEN;
	const __u64 chosen = ((__u64)bpf_get_prandom_u32() * sources) >> 32;
	const __u32 source = bpf_htonl(SOURCES_FROM + (__u32)chosen);
	__u32 sum;

	if ((void *)(ip + 1) > (void *)(long)ctx->data_end)
		return XDP_ABORTED;
	sum = (__u16)~ip->check + halves(~ip->saddr) + halves(source);
	ip->saddr = source;
	ip->check = ~(__u16)halves(halves(sum));
	return bpf_redirect(to, 0);
}

/* UDP over IPv6: from fd01::/16 to pair_port, or from fd02::/16 to the port after it. */
SEC("xdp")
int pair(struct xdp_md *ctx)
{
	struct ipv6hdr *ip = (void *)(long)ctx->data + ETH_HLEN;
	struct udphdr *udp = (void *)(ip + 1);
	const __u32 which = bpf_get_prandom_u32() & 1;

	if ((void *)(udp + 1) > (void *)(long)ctx->data_end)
		return XDP_ABORTED;
	ip->saddr.s6_addr[1] = 1 + which;
	udp->dest = bpf_htons(pair_port + which);
	return bpf_redirect(to, 0);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
