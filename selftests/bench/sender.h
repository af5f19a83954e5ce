/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Live frames out of a device, as fast as one CPU makes them: BPF_F_TEST_XDP_LIVE_FRAMES with a program that
 * redirects. On a veth the other end's NAPI runs on the same CPU, and only if it has one (an XDP program, or
 * `ethtool -K DEV gro on`): else all is lost.
 */
#ifndef PPN_BENCH_SENDER_H
#define PPN_BENCH_SENDER_H

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>
#include <net/if.h>
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "sender.skel.h"

/* Of the receiving end; peer.sh sets the address. */
#define SENDER_MAC               \
	{                        \
		2, 0, 0, 0, 0, 2 \
	}
enum {
	SENDER_CLOSED = 7, /* a port that nothing opens */
	SENDER_OPEN = 5001, /* and the service's */
	SENDER_BATCH = 64,
	SENDER_FRAME = 62,
	SENDER_LEN4 = 60,
};

struct sender {
	struct sender_bpf *skel;
	uint8_t frame[SENDER_FRAME];
	uint32_t len;
	uint32_t from;
	int prog;
};

static inline double sender_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static inline void sender_cpu(size_t cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	(void)sched_setaffinity(0, sizeof(set), &set);
}

/* The last CPU is the sender's, the first that of whoever is flooded. */
static inline void sender_pin(void)
{
	const long n = sysconf(_SC_NPROCESSORS_ONLN);

	sender_cpu(n > 0 ? (size_t)(n - 1) : 0);
}

static inline uint16_t sender_checksum(const void *header, size_t len)
{
	const uint8_t *byte = header;
	uint32_t sum = 0;

	for (size_t i = 0; i < len; i += 2)
		sum += (uint32_t)byte[i] << 8 | byte[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

static inline void sender_frame4(struct sender *s, uint16_t port)
{
	static const uint8_t mac[ETH_ALEN] = SENDER_MAC;
	struct ethhdr *eth = (struct ethhdr *)s->frame;
	struct iphdr *ip = (struct iphdr *)(eth + 1);
	struct udphdr *udp = (struct udphdr *)(ip + 1);

	memset(s->frame, 0, sizeof(s->frame));
	s->len = SENDER_LEN4;
	memcpy(eth->h_dest, mac, sizeof(mac));
	eth->h_source[0] = 2;
	eth->h_proto = htons(ETH_P_IP);
	ip->version = 4;
	ip->ihl = 5;
	ip->ttl = 64;
	ip->protocol = IPPROTO_UDP;
	ip->tot_len = htons(SENDER_LEN4 - sizeof(*eth));
	ip->saddr = htonl(0xc0000201);
	ip->daddr = htonl(0xc0000202);
	ip->check = sender_checksum(ip, sizeof(*ip));
	udp->source = htons(1234);
	udp->dest = htons(port);
	udp->len = htons(SENDER_LEN4 - sizeof(*eth) - sizeof(*ip));
}

static inline void sender_frame6(struct sender *s)
{
	struct ethhdr *eth = (struct ethhdr *)s->frame;
	struct ipv6hdr *ip = (struct ipv6hdr *)(eth + 1);
	struct udphdr *udp = (struct udphdr *)(ip + 1);

	memset(s->frame, 0, sizeof(s->frame));
	s->len = SENDER_FRAME;
	memset(eth->h_dest, 0xff, sizeof(eth->h_dest));
	eth->h_proto = htons(ETH_P_IPV6);
	ip->version = 6;
	ip->nexthdr = IPPROTO_UDP;
	ip->hop_limit = 64;
	ip->payload_len = udp->len = htons(sizeof(*udp));
	ip->saddr.s6_addr[0] = 0xfd;
	ip->saddr.s6_addr[15] = 1;
	ip->daddr.s6_addr[0] = 0x20;
	ip->daddr.s6_addr[15] = 2;
	udp->source = htons(1234);
}

/* sources 0: one, and nothing is written. */
static inline int sender_open(struct sender *s, const char *from, uint32_t sources, uint16_t port)
{
	s->from = if_nametoindex(from);
	s->skel = s->from ? sender_bpf__open() : NULL;
	if (!s->skel)
		return -errno;
	s->skel->rodata->to = s->from;
	s->skel->rodata->sources = sources;
	s->skel->rodata->pair_port = SENDER_OPEN;
	if (sender_bpf__load(s->skel))
		return -errno;
	s->prog = bpf_program__fd(sources ? s->skel->progs.spoofed : s->skel->progs.fixed);
	sender_frame4(s, port);
	return 0;
}

static inline int sender_send(const struct sender *s, unsigned int packets)
{
	struct xdp_md ctx = { .data_end = s->len, .ingress_ifindex = s->from };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = s->frame, .data_size_in = s->len,
		    .ctx_in = &ctx, .ctx_size_in = sizeof(ctx), .repeat = (int)packets,
		    .flags = BPF_F_TEST_XDP_LIVE_FRAMES, .batch_size = SENDER_BATCH);

	return bpf_prog_test_run_opts(s->prog, &opts);
}

#endif
