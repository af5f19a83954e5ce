// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * flood DEVICE ADDRESS [PACKETS_A_SECOND]: what no row of the seal lets in, to everybody on the link, until it is
 * ended: UDP and TCP to a closed port, an echo request, a first fragment, UDP over IPv6 to all nodes. Prints
 * "flooding" when it has begun.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <net/if.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <sys/socket.h>

enum {
	FRAME = 86,
	KINDS = 5,
	PAYLOAD = 4,
	CLOSED_PORT = 999,
	PER_SECOND = 20000,
	TICK_NS = 1000000,
	TICKS = 1000, /* a second */
};

static const uint8_t head[ETH_HLEN] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 0x66 };

static uint32_t sum(const void *data, size_t len, uint32_t so_far)
{
	const uint8_t *byte = data;

	for (size_t i = 0; i < len; i++)
		so_far += (uint32_t)byte[i] << (i & 1 ? 0 : 8);
	return so_far;
}

static uint16_t fold(uint32_t total)
{
	while (total >> 16)
		total = (total & 0xffff) + (total >> 16);
	return htons((uint16_t)~total);
}

/* IPv4 with `len` bytes of `proto` behind it, whose checksum stands at `check`. */
static size_t finish4(uint8_t *frame, in_addr_t to, uint8_t proto, size_t len, size_t check)
{
	struct iphdr *ip = (void *)(frame + ETH_HLEN);
	uint8_t *next = (uint8_t *)(ip + 1);
	uint32_t pseudo = proto == IPPROTO_ICMP ? 0 : proto + (uint32_t)len;
	uint16_t value;

	memcpy(frame, head, sizeof(head));
	frame[12] = ETH_P_IP >> 8;
	*ip = (struct iphdr){ .version = 4,
			      .ihl = 5,
			      .ttl = 64,
			      .protocol = proto,
			      .tot_len = htons((uint16_t)(sizeof(*ip) + len)),
			      .saddr = to ^ htonl(0x40),
			      .daddr = to };
	ip->check = fold(sum(ip, sizeof(*ip), 0));
	if (proto != IPPROTO_ICMP)
		pseudo = sum(&ip->saddr, 8, pseudo);
	value = fold(sum(next, len, pseudo));
	memcpy(next + check, &value, sizeof(value));
	return ETH_HLEN + sizeof(*ip) + len;
}

static size_t make_udp(uint8_t *frame, in_addr_t to)
{
	struct udphdr *udp = (void *)(frame + ETH_HLEN + sizeof(struct iphdr));

	udp->source = htons(53);
	udp->dest = htons(CLOSED_PORT);
	udp->len = htons(sizeof(*udp) + PAYLOAD);
	return finish4(frame, to, IPPROTO_UDP, sizeof(*udp) + PAYLOAD,
		       offsetof(struct udphdr, check));
}

static size_t make_syn(uint8_t *frame, in_addr_t to)
{
	struct tcphdr *tcp = (void *)(frame + ETH_HLEN + sizeof(struct iphdr));

	tcp->source = htons(40000);
	tcp->dest = htons(CLOSED_PORT);
	tcp->doff = 5;
	tcp->syn = 1;
	tcp->window = htons(1024);
	return finish4(frame, to, IPPROTO_TCP, sizeof(*tcp), offsetof(struct tcphdr, check));
}

static size_t make_echo(uint8_t *frame, in_addr_t to)
{
	frame[ETH_HLEN + sizeof(struct iphdr)] = 8;
	return finish4(frame, to, IPPROTO_ICMP, 8 + PAYLOAD, 2);
}

static size_t make_fragment(uint8_t *frame, in_addr_t to)
{
	struct iphdr *ip = (void *)(frame + ETH_HLEN);
	size_t len = make_udp(frame, to);

	ip->frag_off = htons(0x2000);
	ip->check = 0;
	ip->check = fold(sum(ip, sizeof(*ip), 0));
	return len;
}

static size_t make_udp6(uint8_t *frame, in_addr_t to)
{
	struct ipv6hdr *ip = (void *)(frame + ETH_HLEN);
	struct udphdr *udp = (void *)(ip + 1);
	uint32_t pseudo = IPPROTO_UDP + sizeof(*udp) + PAYLOAD;

	(void)to;
	memcpy(frame, head, sizeof(head));
	frame[12] = 0x86;
	frame[13] = 0xdd;
	ip->version = 6;
	ip->nexthdr = IPPROTO_UDP;
	ip->hop_limit = 255;
	ip->payload_len = udp->len = htons(sizeof(*udp) + PAYLOAD);
	inet_pton(AF_INET6, "fe80::66", &ip->saddr);
	inet_pton(AF_INET6, "ff02::1", &ip->daddr);
	udp->source = htons(53);
	udp->dest = htons(CLOSED_PORT);
	udp->check = fold(sum(udp, sizeof(*udp) + PAYLOAD, sum(&ip->saddr, 32, pseudo)));
	return ETH_HLEN + sizeof(*ip) + sizeof(*udp) + PAYLOAD;
}

int main(int argc, char **argv)
{
	static size_t (*const make[KINDS])(uint8_t *, in_addr_t) = { make_udp, make_syn, make_echo,
								     make_fragment, make_udp6 };
	static uint8_t frames[KINDS][FRAME];
	struct timespec tick = { .tv_nsec = TICK_NS };
	struct sockaddr_ll link = { .sll_family = AF_PACKET };
	size_t len[KINDS], next = 0;
	in_addr_t to;
	long rate;
	int fd, each;

	if (argc < 3 || inet_pton(AF_INET, argv[2], &to) != 1) {
		fputs("usage: flood DEVICE ADDRESS [PACKETS_A_SECOND]\n", stderr);
		return 2;
	}
	rate = argc > 3 ? strtol(argv[3], NULL, 10) : PER_SECOND;
	each = (int)(rate / TICKS);
	if (each < 1) {
		each = 1;
		tick.tv_nsec = TICK_NS * TICKS / (rate > 1 ? rate : 2);
	}
	link.sll_ifindex = (int)if_nametoindex(argv[1]);
	fd = socket(AF_PACKET, SOCK_RAW, 0);
	if (fd < 0 || bind(fd, (void *)&link, sizeof(link))) {
		perror("flood");
		return 1;
	}
	for (size_t i = 0; i < KINDS; i++)
		len[i] = make[i](frames[i], to);
	puts("flooding");
	(void)fflush(stdout);
	for (;;) {
		/* A link that is down, or full, takes none: that is no end. */
		for (int i = 0; i < each; i++, next = (next + 1) % KINDS)
			if (send(fd, frames[next], len[next], 0) < 0 && errno == ENODEV)
				return 1;
		(void)nanosleep(&tick, NULL);
	}
}
