// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "lib/crypto.h"
#include "packets.h"

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v);
}

static void address(int family, const char *text, uint8_t *ret)
{
	if (inet_pton(family, text, ret) != 1) {
		printf("Bail out! %s is no address\n", text);
		exit(1);
	}
}

static uint8_t *append(struct pkt *p, const void *bytes, size_t len)
{
	uint8_t *at = p->data + p->len;

	if (len > PKT_MAX - p->len) {
		printf("Bail out! packet too long\n");
		exit(1);
	}
	if (bytes)
		memcpy(at, bytes, len);
	else
		memset(at, 0, len);
	p->len += len;
	return at;
}

static void ethernet(struct pkt *p, const struct pkt_spec *s)
{
	static const uint8_t macs[] = { 0x02, 0, 0, 0, 0, 1, 0x02, 0, 0, 0, 0, 2 };
	uint16_t type = s->ethertype;

	if (!type)
		type = strchr(s->src, ':') ? ETH_P_IPV6 : ETH_P_IP;
	append(p, macs, sizeof(macs));
	for (int i = 0; i < PKT_VLANS && s->vlan[i]; i++) {
		put16(append(p, NULL, 2), s->vlan[i]);
		put16(append(p, NULL, 2), 7u + (unsigned)i);
	}
	put16(append(p, NULL, 2), type);
}

static void transport(struct pkt *p, const struct pkt_spec *s)
{
	uint8_t *h;

	switch (s->proto) {
	case IPPROTO_UDP:
		h = append(p, NULL, 8);
		put16(h, s->sport);
		put16(h + 2, s->dport);
		put16(h + 4, 8u + s->payload_len);
		break;
	case IPPROTO_TCP:
		h = append(p, NULL, 20);
		put16(h, s->sport);
		put16(h + 2, s->dport);
		put32(h + 4, s->seq);
		put32(h + 8, s->ack);
		h[12] = 5 << 4;
		h[13] = s->flags;
		break;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		h = append(p, NULL, 4);
		h[0] = s->type;
		h[1] = s->code;
		break;
	default:
		break;
	}
	append(p, s->payload, s->payload_len);
}

static void ip4(struct pkt *p, const struct pkt_spec *s)
{
	uint8_t *h = append(p, NULL, 20);

	h[0] = (uint8_t)(0x45 + s->options_len / 4);
	h[8] = s->hop ? s->hop : 64;
	h[9] = s->proto;
	address(AF_INET, s->src, h + 12);
	address(AF_INET, s->dst, h + 16);
	append(p, s->options, s->options_len);
	p->l4 = p->len;
	transport(p, s);
	put16(h + 2, (uint32_t)(p->len - p->l3));
}

static void ip6(struct pkt *p, const struct pkt_spec *s)
{
	static const uint8_t alerts[][8] = {
		[PKT_ALERT_FIRST] = { IPPROTO_ICMPV6, 0, 5, 2, 0, 0, 1, 0 },
		[PKT_ALERT_LAST] = { IPPROTO_ICMPV6, 0, 1, 0, 5, 2, 0, 0 },
	};
	uint8_t *h = append(p, NULL, 40);

	h[0] = 0x60;
	h[6] = s->alert ? IPPROTO_HOPOPTS : s->proto;
	h[7] = s->hop ? s->hop : s->proto == IPPROTO_ICMPV6 && !s->alert ? 255 : s->alert ? 1 : 64;
	address(AF_INET6, s->src, h + 8);
	address(AF_INET6, s->dst, h + 24);
	if (s->alert)
		append(p, alerts[s->alert], 8);
	p->l4 = p->len;
	transport(p, s);
	put16(h + 4, (uint32_t)(p->len - p->l3 - 40));
}

static void network(struct pkt *p, const struct pkt_spec *s)
{
	p->l3 = p->len;
	if (s->ethertype)
		append(p, s->payload, s->payload_len);
	else if (strchr(s->src, ':'))
		ip6(p, s);
	else
		ip4(p, s);
}

void pkt_build(const struct pkt_spec *s, struct pkt *p)
{
	p->len = 0;
	p->l4 = 0;
	ethernet(p, s);
	network(p, s);
	memset(append(p, NULL, s->pad), 0xee, s->pad);
	p->len -= s->cut;
	for (int i = 0; i < PKT_PATCHES && s->patch[i].base; i++) {
		const size_t bases[] = { 0, 0, p->l3, p->l4 };

		p->data[bases[s->patch[i].base] + s->patch[i].at] = s->patch[i].value;
	}
}

static void gate_head(uint8_t *ret, enum ppn_packet_type type, uint16_t len, const uint8_t *key,
		      uint64_t time_ms, const uint8_t *serial)
{
	struct ppn_gate_head *head = (void *)ret;

	memset(ret, 0x5a, len);
	put32((uint8_t *)&head->magic, PPN_MAGIC);
	head->version = 1;
	head->type = (uint8_t)type;
	put16((uint8_t *)&head->len, len);
	memcpy(head->serial, serial, sizeof(head->serial));
	put32((uint8_t *)&head->time, (uint32_t)(time_ms >> 32));
	put32((uint8_t *)&head->time + 4, (uint32_t)time_ms);
	ppn_siphash(head->tag, key, ret, PPN_GATE_SIGNED_LEN);
}

size_t pkt_gate(uint8_t *ret, enum ppn_packet_type type, const uint8_t *key, uint64_t time_ms,
		const uint8_t *serial)
{
	gate_head(ret, type, PKT_GATE_LEN, key, time_ms, serial);
	return PKT_GATE_LEN;
}

size_t pkt_gate_bare(uint8_t *ret, const uint8_t *key, uint64_t time_ms, const uint8_t *serial)
{
	gate_head(ret, PPN_PACKET_BEACON, sizeof(struct ppn_gate_head), key, time_ms, serial);
	return sizeof(struct ppn_gate_head);
}

size_t pkt_here(uint8_t *ret)
{
	struct ppn_here_head *head = (void *)ret;

	memset(ret, 0x5b, PPN_HERE_LEN);
	put32((uint8_t *)&head->magic, PPN_MAGIC);
	head->version = 1;
	head->type = PPN_PACKET_HERE;
	put16((uint8_t *)&head->len, PPN_HERE_LEN);
	return PPN_HERE_LEN;
}

size_t pkt_bootp(uint8_t *ret, uint8_t op, uint32_t xid, const uint8_t *mac)
{
	memset(ret, 0, PKT_BOOTP_LEN);
	ret[0] = op;
	ret[1] = 1;
	ret[2] = ETH_ALEN;
	put32(ret + 4, xid);
	memcpy(ret + 28, mac, ETH_ALEN);
	put32(ret + 236, 0x63825363);
	ret[240] = 255;
	return PKT_BOOTP_LEN;
}

size_t pkt_dhcp6(uint8_t *ret, uint8_t type, uint32_t xid)
{
	memset(ret, 0, PKT_DHCP6_LEN);
	put32(ret, xid);
	ret[0] = type;
	return PKT_DHCP6_LEN;
}

size_t pkt_nd(uint8_t *ret, uint8_t flags, const char *target, uint8_t option, uint8_t units)
{
	memset(ret, 0, 28);
	ret[0] = flags;
	address(AF_INET6, target, ret + 4);
	if (!option)
		return 20;
	ret[20] = option;
	ret[21] = units;
	return 28;
}

size_t pkt_mld(uint8_t *ret, const char *group)
{
	memset(ret, 0, 20);
	address(AF_INET6, group, ret + 4);
	return 20;
}

size_t pkt_mld2(uint8_t *ret, const char *const *groups, size_t n)
{
	memset(ret, 0, 4 + 20 * n);
	put16(ret + 2, (uint32_t)n);
	for (size_t i = 0; i < n; i++) {
		ret[4 + 20 * i] = 4; /* change to exclude mode: join */
		address(AF_INET6, groups[i], ret + 4 + 20 * i + 4);
	}
	return 4 + 20 * n;
}

size_t pkt_quote(uint8_t *ret, const struct pkt_spec *quoted)
{
	struct pkt p;

	pkt_build(quoted, &p);
	put32(ret, 1280);
	memcpy(ret + 4, p.data + p.l3, p.len - p.l3);
	return 4 + p.len - p.l3;
}
