// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "lib/packet_text.h"

#include <linux/if_ether.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/bytes.h"
#include "lib/wire.h"

enum { VLAN_TAGS = 2, IP4_LEN = 20, IP6_LEN = 40, ARP_LEN = 28 };

struct text {
	char *at;
	size_t len;
};

static void add(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(struct text *text, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(text->at + text->len, PPN_PACKET_TEXT_LEN - text->len, format, args);
	va_end(args);
	if (n > 0)
		text->len += (size_t)n;
	if (text->len >= PPN_PACKET_TEXT_LEN)
		text->len = PPN_PACKET_TEXT_LEN - 1;
}

static unsigned int be16(const uint8_t *p)
{
	return p[0] * 256U + p[1];
}

static const char *address_text(char ret_text[static PPN_ADDRESS_TEXT], const uint8_t *addr,
				bool v4)
{
	uint8_t mapped[16] = { [10] = 0xff, 0xff };

	memcpy(v4 ? mapped + 12 : mapped, addr, v4 ? 4 : 16);
	return ppn_address_text(ret_text, mapped);
}

static void add_address(struct text *text, const uint8_t *addr, bool v4, const uint8_t *port)
{
	char address[PPN_ADDRESS_TEXT];

	address_text(address, addr, v4);
	if (!port)
		add(text, "%s", address);
	else
		add(text, v4 ? "%s:%u" : "[%s]:%u", address, be16(port));
}

struct transport {
	unsigned int proto;
	bool v4;
	const uint8_t *source, *dest; /* addresses */
	const uint8_t *l4; /* NULL: a later fragment */
	size_t len;
};

static bool parse_ip4(struct transport *ret, const uint8_t *ip, size_t len)
{
	const size_t header = len ? (ip[0] & 15) * 4U : 0;

	if (len < IP4_LEN || ip[0] >> 4 != 4 || header < IP4_LEN)
		return false;
	*ret = (struct transport){ .proto = ip[9], .v4 = true, .source = ip + 12, .dest = ip + 16 };
	if (!(be16(ip + 6) & 0x1fff)) {
		ret->len = len > header ? len - header : 0;
		ret->l4 = ret->len ? ip + header : ip;
	}
	return true;
}

static bool parse_ip6(struct transport *ret, const uint8_t *ip, size_t len)
{
	if (len < IP6_LEN || ip[0] >> 4 != 6)
		return false;
	*ret = (struct transport){ .proto = ip[6],
				   .source = ip + 8,
				   .dest = ip + 24,
				   .l4 = len > IP6_LEN ? ip + IP6_LEN : ip,
				   .len = len - IP6_LEN };
	return true;
}

static bool has_ports(const struct transport *t)
{
	return t->l4 && t->len >= 4 && (t->proto == IPPROTO_TCP || t->proto == IPPROTO_UDP);
}

static void add_between(struct text *text, const struct transport *t)
{
	const bool ports = has_ports(t);

	add_address(text, t->source, t->v4, ports ? t->l4 : NULL);
	add(text, " > ");
	add_address(text, t->dest, t->v4, ports ? t->l4 + 2 : NULL);
}

/* The letters of tcpdump. */
static void add_tcp(struct text *text, const struct transport *t)
{
	static const char letters[] = "FSRP.UEW";

	add(text, "tcp ");
	add_between(text, t);
	if (t->len < 14)
		return;
	add(text, " [");
	for (int bit = 0; bit < 8; bit++)
		if (t->l4[13] & 1 << bit)
			add(text, "%c", letters[bit]);
	add(text, "]");
}

static void add_transport(struct text *text, const struct transport *t)
{
	if (t->l4 && t->proto == IPPROTO_TCP) {
		add_tcp(text, t);
		return;
	}
	if (t->l4 && t->proto == IPPROTO_UDP) {
		add(text, "udp ");
		add_between(text, t);
		return;
	}
	if (t->proto == IPPROTO_ICMP || t->proto == IPPROTO_ICMPV6)
		add(text, t->proto == IPPROTO_ICMP ? "icmp " : "icmp6 ");
	else
		add(text, "%s protocol %u ", t->v4 ? "ip" : "ip6", t->proto);
	add_between(text, t);
	if (!t->l4)
		add(text, " (fragment)");
	else if ((t->proto == IPPROTO_ICMP || t->proto == IPPROTO_ICMPV6) && t->len >= 2)
		add(text, " type %u code %u", t->l4[0], t->l4[1]);
}

static void add_arp(struct text *text, const uint8_t *arp, size_t len)
{
	if (len < ARP_LEN || be16(arp + 2) != ETH_P_IP) {
		add(text, "arp, malformed");
		return;
	}
	add(text, "arp ");
	add_address(text, arp + 14, true, NULL);
	add(text, be16(arp + 6) == 1 ? " asks for " : " tells ");
	add_address(text, arp + 24, true, NULL);
}

/* Behind Ethernet and its tags, which go to `text` unless it is NULL. False: the frame ends before. */
static bool parse_link(struct text *text, const uint8_t *frame, size_t len, size_t *ret_at,
		       unsigned int *ret_type)
{
	size_t at = 2 * ETH_ALEN;
	unsigned int type;

	for (int tags = 0;; tags++) {
		if (len < at + 2)
			return false;
		type = be16(frame + at);
		at += 2;
		if ((type != ETH_P_8021Q && type != ETH_P_8021AD) || tags == VLAN_TAGS)
			break;
		if (text && len >= at + 2)
			add(text, "vlan %u ", be16(frame + at) & 0xfff);
		at += 2;
	}
	*ret_at = at;
	*ret_type = type;
	return true;
}

static bool parse_ip(struct transport *ret, unsigned int type, const uint8_t *ip, size_t len)
{
	if (type == ETH_P_IP)
		return parse_ip4(ret, ip, len);
	return type == ETH_P_IPV6 && parse_ip6(ret, ip, len);
}

const char *ppn_packet_text(char ret_text[static PPN_PACKET_TEXT_LEN], const uint8_t *frame,
			    size_t len)
{
	struct text text = { .at = ret_text };
	struct transport t;
	unsigned int type;
	size_t at;

	ret_text[0] = '\0';
	if (!parse_link(&text, frame, len, &at, &type))
		add(&text, "%zu bytes, too short for a header", len);
	else if (parse_ip(&t, type, frame + at, len - at))
		add_transport(&text, &t);
	else if (type == ETH_P_IP || type == ETH_P_IPV6)
		add(&text, "%s, malformed", type == ETH_P_IP ? "ip" : "ip6");
	else if (type == ETH_P_ARP)
		add_arp(&text, frame + at, len - at);
	else
		add(&text, "ethertype 0x%04x", type);
	return ret_text;
}

bool ppn_packet_ends(struct ppn_packet_ends *ret_ends, const uint8_t *frame, size_t len)
{
	struct transport t;
	unsigned int type;
	bool ports;
	size_t at;

	if (!parse_link(NULL, frame, len, &at, &type) || !parse_ip(&t, type, frame + at, len - at))
		return false;
	ports = has_ports(&t);
	*ret_ends = (struct ppn_packet_ends){
		.proto = (uint8_t)t.proto,
		.has_ports = ports,
		.sport = (uint16_t)(ports ? be16(t.l4) : 0),
		.dport = (uint16_t)(ports ? be16(t.l4 + 2) : 0),
	};
	address_text(ret_ends->src, t.source, t.v4);
	address_text(ret_ends->dst, t.dest, t.v4);
	return true;
}
