// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * seal.bpf.c by BPF_PROG_TEST_RUN: DESIGN 6's table "traffic in" and PROTOCOL 9, row by row. A row
 * says the verdict in blind, holding, bound and isolated, and whose counter moves.
 */
#include <linux/bpf.h>
#include <string.h>
#include "bodies.h"

static const uint8_t options_nop[] = { 1, 1, 1, 1 };
static const uint8_t options_alert[] = { 148, 4, 0, 0 };
static const uint8_t options_lsrr[] = { 131, 7, 4, 192, 0, 2, 9, 0 };
static const uint8_t options_ssrr[] = { 137, 7, 4, 192, 0, 2, 9, 0 };
static const uint8_t options_nop_lsrr[] = { 1, 131, 3, 4 };
static const uint8_t options_inside[] = { 68, 4, 131, 137 };
static const uint8_t options_zero[] = { 7, 0, 0, 0 };
static const uint8_t options_beyond[] = { 7, 5, 0, 0 };
static const uint8_t options_cut[] = { 1, 1, 1, 7 };
static const uint8_t options_end[] = { 0, 131, 3, 4 };
static const uint8_t options_full[40] = { 7, 39, 4, [39] = 1 };

#define OPTIONS(name) .options = options_##name, .options_len = sizeof(options_##name)
#define TO_WG V4, UDP(40000, HARNESS_WG)
#define AS_WG "DDPP", EACH(WG_SHUT, WG_SHUT, PASS_WG, PASS_WG)
#define QUERY .src = "fe80::7", .dst = "ff02::1", ICMP6(130), BODY(mld_any)

/* A table reads by its lines. */
/* clang-format off */
static const struct row link_rows[] = {
	{ "ARP request", { FRAME(ETH_P_ARP), BODY(arp_request) }, 0, 0, "PPPP", ALL(PASS_ARP) },
	{ "ARP reply, padded", { FRAME(ETH_P_ARP), BODY(arp_reply), .pad = 18 },
	  0, 0, "PPPP", ALL(PASS_ARP) },
	{ "ARP in one VLAN", { .vlan = { 0x8100 }, FRAME(ETH_P_ARP), BODY(arp_request) },
	  0, 0, "PPPP", ALL(PASS_ARP) },
	{ "ARP in two VLANs", { .vlan = { 0x88a8, 0x8100 }, FRAME(ETH_P_ARP), BODY(arp_request) },
	  0, 0, "PPPP", ALL(PASS_ARP) },
	{ "ARP in three VLANs",
	  { .vlan = { 0x8100, 0x8100, 0x8100 }, FRAME(ETH_P_ARP), BODY(arp_request) },
	  0, 0, "DDDD", ALL(VLAN) },
	{ "ARP, operation 3", { FRAME(ETH_P_ARP), BODY(arp_rarp) }, 0, 0, "DDDD", ALL(ARP_BAD) },
	{ "ARP, hardware 6", { FRAME(ETH_P_ARP), BODY(arp_token) }, 0, 0, "DDDD", ALL(ARP_BAD) },
	{ "ARP, a byte short", { FRAME(ETH_P_ARP), BODY(arp_request), .cut = 1 },
	  0, 0, "DDDD", ALL(SHORT) },
	{ "MPLS", { FRAME(0x8847), PAYLOAD(46) }, 0, 0, "DDDD", ALL(ETHERTYPE) },
	{ "802.3 length", { FRAME(38), PAYLOAD(46) }, 0, 0, "DDDD", ALL(ETHERTYPE) },
	{ "14 bytes", { FRAME(ETH_P_IP) }, 0, 0, "DDDD", ALL(SHORT) },
	{ "21 bytes", { FRAME(ETH_P_IP), PAYLOAD(7) }, 0, 0, "DDDD", ALL(SHORT) },
	{ "LACP, no bond's member", { FRAME(0x8809), BODY(lacp) }, 0, 0, "DDDD", ALL(ETHERTYPE) },
	{ "LACP, a bond's member", { FRAME(0x8809), BODY(lacp) },
	  0, WITH_LACP, "PPPP", ALL(PASS_LACP) },
	{ "another slow protocol", { FRAME(0x8809), BODY(slow_oam) },
	  0, WITH_LACP, "DDDD", ALL(ETHERTYPE) },
	{ "EAPOL, no 802.1X", { FRAME(0x888e), BODY(eapol) },
	  0, WITH_LACP, "DDDD", ALL(ETHERTYPE) },
	{ "EAPOL, 802.1X", { FRAME(0x888e), BODY(eapol) }, 0, WITH_EAPOL, "PPPP", ALL(PASS_EAPOL) },
};

static const struct row ip4_rows[] = {
	{ "IPv4: version 6", { TO_WG, PATCH(L3, 0, 0x65) }, 0, 0, "DDDD", ALL(IP_HEADER) },
	{ "IPv4: header of 16", { TO_WG, PATCH(L3, 0, 0x44) }, 0, 0, "DDDD", ALL(IP_HEADER) },
	{ "IPv4: total below header", { TO_WG, PATCH(L3, 3, 19) }, 0, 0, "DDDD", ALL(IP_HEADER) },
	{ "IPv4: total beyond packet", { TO_WG, PATCH(L3, 3, 29) }, 0, 0, "DDDD", ALL(SHORT) },
	{ "IPv4: header cut", { TO_WG, .cut = 9 }, 0, 0, "DDDD", ALL(SHORT) },
	{ "IPv4: options cut", { TO_WG, OPTIONS(full), .cut = 9 }, 0, 0, "DDDD", ALL(SHORT) },
	{ "IPv4: first fragment", { TO_WG, PATCH(L3, 6, 0x20) }, 0, 0, "DDDD", ALL(FRAGMENT) },
	{ "IPv4: later fragment", { TO_WG, PATCH(L3, 7, 1) }, 0, 0, "DDDD", ALL(FRAGMENT) },
	{ "IPv4: do not fragment", { TO_WG, PATCH(L3, 6, 0x40) }, 0, 0, AS_WG },
	{ "IPv4: NOP options", { TO_WG, OPTIONS(nop) }, 0, 0, AS_WG },
	{ "IPv4: router alert", { TO_WG, OPTIONS(alert) }, 0, 0, AS_WG },
	{ "IPv4: forty bytes of options", { TO_WG, OPTIONS(full) }, 0, 0, AS_WG },
	{ "IPv4: loose source route", { TO_WG, OPTIONS(lsrr) }, 0, 0, "DDDD", ALL(IP_OPTION) },
	{ "IPv4: strict source route", { TO_WG, OPTIONS(ssrr) }, 0, 0, "DDDD", ALL(IP_OPTION) },
	{ "IPv4: source route after NOP", { TO_WG, OPTIONS(nop_lsrr) },
	  0, 0, "DDDD", ALL(IP_OPTION) },
	{ "IPv4: source route's number as data", { TO_WG, OPTIONS(inside) }, 0, 0, AS_WG },
	{ "IPv4: source route after end", { TO_WG, OPTIONS(end) }, 0, 0, AS_WG },
	{ "IPv4: option of length 0", { TO_WG, OPTIONS(zero) }, 0, 0, "DDDD", ALL(IP_OPTION) },
	{ "IPv4: option beyond header", { TO_WG, OPTIONS(beyond) }, 0, 0, "DDDD", ALL(IP_OPTION) },
	{ "IPv4: option without length", { TO_WG, OPTIONS(cut) }, 0, 0, "DDDD", ALL(IP_OPTION) },
	{ "IPv4: IGMP", { V4, .proto = 2, PAYLOAD(8) }, 0, 0, "DDDD", ALL(PROTOCOL) },
	{ "IPv4: GRE", { V4, .proto = 47, PAYLOAD(8) }, 0, 0, "DDDD", ALL(PROTOCOL) },
	{ "IPv4: ICMPv6", { V4, ICMP6(135), BODY(nd) }, 0, 0, "DDDD", ALL(PROTOCOL) },
};

static const struct row ip6_rows[] = {
	{ "IPv6: version 4", { V6, UDP(40000, HARNESS_WG), PATCH(L3, 0, 0x40) },
	  0, 0, "DDDD", ALL(IP_HEADER) },
	{ "IPv6: IPv4-mapped source",
	  { .src = "::ffff:192.0.2.7", .dst = "2001:db8::1", UDP(40000, 53), PAYLOAD(20) },
	  0, WITH_PORTS, "DDDD", ALL(IP_HEADER) },
	{ "IPv6: IPv4-mapped destination",
	  { .src = "2001:db8::7", .dst = "::ffff:192.0.2.1", TCP(40000, 443, SYN) },
	  0, WITH_PORTS, "DDDD", ALL(IP_HEADER) },
	{ "IPv6: payload beyond packet", { V6, UDP(40000, HARNESS_WG), PATCH(L3, 5, 9) },
	  0, 0, "DDDD", ALL(SHORT) },
	{ "IPv6: header cut", { V6, UDP(40000, HARNESS_WG), .cut = 9 }, 0, 0, "DDDD", ALL(SHORT) },
	{ "IPv6: payload 0", { V6, UDP(40000, HARNESS_WG), PATCH(L3, 5, 0) },
	  0, 0, "DDDD", ALL(L4_HEADER) },
	{ "IPv6: trailing bytes", { V6, UDP(40000, HARNESS_WG), .pad = 30 }, 0, 0, AS_WG },
	{ "IPv6: atomic fragment", { V6, .proto = 44, PAYLOAD(16) }, 0, 0, "DDDD", ALL(EXTENSION) },
	{ "IPv6: routing header", { V6, .proto = 43, PAYLOAD(16) }, 0, 0, "DDDD", ALL(EXTENSION) },
	{ "IPv6: destination options", { V6, .proto = 60, PAYLOAD(16) },
	  0, 0, "DDDD", ALL(EXTENSION) },
	{ "IPv6: ESP", { V6, .proto = 50, PAYLOAD(16) }, 0, 0, "DDDD", ALL(EXTENSION) },
	{ "IPv6: AH", { V6, .proto = 51, PAYLOAD(16) }, 0, 0, "DDDD", ALL(EXTENSION) },
	{ "IPv6: mobility", { V6, .proto = 135, PAYLOAD(16) }, 0, 0, "DDDD", ALL(EXTENSION) },
	{ "IPv6: no next header", { V6, .proto = 59, PAYLOAD(16) }, 0, 0, "DDDD", ALL(EXTENSION) },
	{ "IPv6: hop-by-hop without alert", { V6, .proto = 0, PAYLOAD(16) },
	  0, 0, "DDDD", ALL(EXTENSION) },
	{ "IPv6: hop-by-hop cut", { V6, .proto = 0, PAYLOAD(7) }, 0, 0, "DDDD", ALL(SHORT) },
	{ "IPv6: alert before UDP", { QUERY, .alert = PKT_ALERT_FIRST, PATCH(L3, 40, 17) },
	  0, 0, "DDDD", ALL(EXTENSION) },
	{ "IPv6: alert for RSVP", { QUERY, .alert = PKT_ALERT_FIRST, PATCH(L3, 45, 1) },
	  0, 0, "DDDD", ALL(EXTENSION) },
	{ "IPv6: alert in 16 bytes", { QUERY, .alert = PKT_ALERT_FIRST, PATCH(L3, 41, 1) },
	  0, 0, "DDDD", ALL(EXTENSION) },
	{ "IPv6: alert before NS",
	  { LL, ICMP6(135), BODY(nd), .alert = PKT_ALERT_FIRST, .hop = 255 },
	  0, 0, "DDDD", ALL(EXTENSION) },
	{ "IPv6: ICMPv4", { V6, ICMP(8, 0), PAYLOAD(4) }, 0, 0, "DDDD", ALL(PROTOCOL) },
	{ "IPv6: protocol 200", { V6, .proto = 200, PAYLOAD(16) }, 0, 0, "DDDD", ALL(PROTOCOL) },
};

static const struct row transport_rows[] = {
	{ "TCP: header of 16", { V4, TCP(40000, 443, SYN), PATCH(L4, 12, 0x40) },
	  0, WITH_PORTS, "DDDD", ALL(L4_HEADER) },
	{ "TCP: options beyond packet", { V6, TCP(40000, 443, SYN), PATCH(L4, 12, 0x60) },
	  0, WITH_PORTS, "DDDD", ALL(L4_HEADER) },
	{ "TCP: 19 bytes", { V4, TCP(40000, 443, SYN), PATCH(L3, 3, 39), .cut = 1 },
	  0, WITH_PORTS, "DDDD", ALL(L4_HEADER) },
	{ "TCP: from port 0", { V4, TCP(0, 443, SYN) }, 0, WITH_PORTS, "DDDD", ALL(L4_HEADER) },
	{ "TCP: to port 0", { V4, TCP(40000, 0, SYN) }, 0, 0, "DDDD", ALL(L4_HEADER) },
	{ "UDP: length beyond packet", { TO_WG, PATCH(L4, 5, 9) }, 0, 0, "DDDD", ALL(L4_HEADER) },
	{ "UDP: four bytes of a header, by IP's length and its own",
	  { V4, UDP(40000, 7), .patch = { { PKT_L3, 3, 24 }, { PKT_L4, 5, 4 } } },
	  0,
	  0,
	  "DDDD",
	  ALL(L4_HEADER) },
	{ "UDP over IPv6: the same",
	  { V6, UDP(40000, 7), .patch = { { PKT_L3, 5, 4 }, { PKT_L4, 5, 4 } } },
	  0,
	  0,
	  "DDDD",
	  ALL(L4_HEADER) },
	{ "UDP: length 7", { TO_WG, PATCH(L4, 5, 7) }, 0, 0, "DDDD", ALL(L4_HEADER) },
	{ "UDP: bytes beyond its length", { TO_WG, PAYLOAD(4), PATCH(L4, 5, 8) },
	  0, 0, "DDDD", ALL(L4_HEADER) },
	{ "UDP: 7 bytes", { TO_WG, PATCH(L3, 3, 27), .cut = 1 }, 0, 0, "DDDD", ALL(L4_HEADER) },
	{ "UDP: from port 0", { V4, UDP(0, HARNESS_WG) }, 0, 0, "DDDD", ALL(L4_HEADER) },
	{ "ICMP: 7 bytes", { V4, ICMP(8, 0), PAYLOAD(3) }, 0, 0, "DDDD", ALL(L4_HEADER) },
	{ "ICMPv6: 7 bytes", { V6, ICMP6(128), PAYLOAD(3) }, 0, 0, "DDDD", ALL(L4_HEADER) },
};

static const struct row mesh_rows[] = {
	{ "mesh: source",
	  { .src = HARNESS_FLEET ":7", .dst = "2001:db8::1", UDP(40000, HARNESS_WG) },
	  0, 0, "DDDD", ALL(MESH_OUTSIDE) },
	{ "mesh: destination",
	  { .src = "2001:db8::7", .dst = HARNESS_FLEET ":1", UDP(40000, HARNESS_WG) },
	  0, 0, "DDDD", ALL(MESH_OUTSIDE) },
	{ "mesh: before extension headers",
	  { .src = HARNESS_FLEET ":7", .dst = HARNESS_FLEET ":1", .proto = 44, PAYLOAD(16) },
	  0, 0, "DDDD", ALL(MESH_OUTSIDE) },
	{ "mesh: solicitation of an address", { LL, ICMP6(135), BODY(nd_fleet) },
	  0, 0, "DDDD", ALL(MESH_OUTSIDE) },
	{ "mesh: the /48 beside it",
	  { .src = "fd5c:91a2:77e1::7", .dst = "2001:db8::1", UDP(40000, HARNESS_WG) },
	  0, 0, AS_WG },
	{ "mesh: no fleet",
	  { .src = HARNESS_FLEET ":7", .dst = "2001:db8::1", UDP(40000, HARNESS_WG) },
	  0, WITHOUT_FLEET, AS_WG },
	{ "mesh: no fleet, source ::",
	  { .src = "::", .dst = "ff02::1:ff00:1", ICMP6(135), BODY(nd) },
	  0, WITHOUT_FLEET, "PPPP", ALL(PASS_ND) },
};

#define NS(s, d, b) .src = (s), .dst = (d), ICMP6(135), BODY(b)
#define NA(s, d, b) .src = (s), .dst = (d), ICMP6(136), BODY(b)
static const struct row neighbour_rows[] = {
	{ "ND: solicitation", { NS("fe80::7", "ff02::1:ff00:1", nd_link) },
	  0, 0, "PPPP", ALL(PASS_ND) },
	{ "ND: solicitation, unicast", { NS("2001:db8::7", "2001:db8::1", nd) },
	  0, 0, "PPPP", ALL(PASS_ND) },
	{ "ND: duplicate address detection", { NS("::", "ff02::1:ff00:1", nd_nonce) },
	  0, 0, "PPPP", ALL(PASS_ND) },
	{ "ND: advertisement", { NA("fe80::7", "fe80::1", nd_solicited) },
	  0, 0, "PPPP", ALL(PASS_ND) },
	{ "ND: unsolicited advertisement", { NA("fe80::7", "ff02::1", nd) },
	  0, 0, "PPPP", ALL(PASS_ND) },
	{ "ND: sixteen options", { NS("fe80::7", "fe80::1", nd_sixteen) },
	  0, 0, "PPPP", ALL(PASS_ND) },
	{ "ND: seventeen options", { NS("fe80::7", "fe80::1", nd_seventeen) },
	  0, 0, "DDDD", ALL(ND_BAD) },
	{ "ND: hop limit 254", { NS("fe80::7", "fe80::1", nd), .hop = 254 },
	  0, 0, "DDDD", ALL(ND_BAD) },
	{ "ND: code 1", { NA("fe80::7", "fe80::1", nd), .code = 1 }, 0, 0, "DDDD", ALL(ND_BAD) },
	{ "ND: 23 bytes", { LL, ICMP6(135), PAYLOAD(19) }, 0, 0, "DDDD", ALL(ND_BAD) },
	{ "ND: multicast target", { NA("fe80::7", "fe80::1", nd_multicast) },
	  0, 0, "DDDD", ALL(ND_BAD) },
	{ "ND: option of length 0", { NS("fe80::7", "fe80::1", nd_zero) },
	  0, 0, "DDDD", ALL(ND_BAD) },
	{ "ND: option beyond packet", { NS("fe80::7", "fe80::1", nd_long) },
	  0, 0, "DDDD", ALL(ND_BAD) },
	{ "ND: half an option", { LL, ICMP6(135), PAYLOAD(24) }, 0, 0, "DDDD", ALL(ND_BAD) },
	{ "ND: detection to unicast", { NS("::", "fe80::1", nd) }, 0, 0, "DDDD", ALL(ND_BAD) },
	{ "ND: detection with link address", { NS("::", "ff02::1:ff00:1", nd_link) },
	  0, 0, "DDDD", ALL(ND_BAD) },
	{ "ND: solicited to multicast", { NA("fe80::7", "ff02::1", nd_solicited) },
	  0, 0, "DDDD", ALL(ND_BAD) },
};

static const struct row mld_rows[] = {
	{ "MLD: query", { QUERY, .alert = PKT_ALERT_FIRST }, 0, 0, "PPPP", ALL(PASS_MLD) },
	{ "MLD: query, alert last", { QUERY, .alert = PKT_ALERT_LAST },
	  0, 0, "PPPP", ALL(PASS_MLD) },
	{ "MLD: report 2",
	  { .src = "::", .dst = "ff02::16", ICMP6(143), BODY(mld2_mdns), .alert = 1 },
	  0, 0, "PPPP", ALL(PASS_MLD) },
	{ "MLD: report 1",
	  { .src = "fe80::7", .dst = "ff02::fb", ICMP6(131), BODY(mld_mdns), .alert = 1 },
	  0, 0, "PPPP", ALL(PASS_MLD) },
	{ "MLD: done",
	  { .src = "fe80::7", .dst = "ff02::2", ICMP6(132), BODY(mld_mdns), .alert = 1 },
	  0, 0, "PPPP", ALL(PASS_MLD) },
	{ "MLD: no alert", { QUERY, .hop = 1 }, 0, 0, "DDDD", ALL(MLD_BAD) },
	{ "MLD: hop limit 2", { QUERY, .alert = 1, .hop = 2 }, 0, 0, "DDDD", ALL(MLD_BAD) },
	{ "MLD: query from ::",
	  { .src = "::", .dst = "ff02::1", ICMP6(130), BODY(mld_any), .alert = 1 },
	  0, 0, "DDDD", ALL(MLD_BAD) },
	{ "MLD: from a global source",
	  { .src = "2001:db8::7", .dst = "ff02::16", ICMP6(143), BODY(mld2_mdns), .alert = 1 },
	  0, 0, "DDDD", ALL(MLD_BAD) },
	{ "MLD: query to unicast", { LL, ICMP6(130), BODY(mld_any), .alert = 1 },
	  0, 0, "DDDD", ALL(MLD_BAD) },
	{ "MLD: query of 23 bytes",
	  { .src = "fe80::7", .dst = "ff02::1", ICMP6(130), PAYLOAD(19), .alert = 1 },
	  0, 0, "DDDD", ALL(MLD_BAD) },
};

#define RA(s) .src = (s), .dst = "ff02::1", ICMP6(134), BODY(ra)
static const struct row icmp_rows[] = {
	{ "ICMP: echo", { V4, ICMP(8, 0), PAYLOAD(40) }, 0, 0, "DDDD", ALL(ICMP) },
	{ "ICMP: port unreachable", { V4, ICMP(3, 3), PAYLOAD(40) }, 0, 0, "DDDD", ALL(ICMP) },
	{ "ICMP: redirect", { V4, ICMP(5, 1), PAYLOAD(40) }, 0, 0, "DDDD", ALL(ICMP) },
	{ "ICMPv6: echo", { V6, ICMP6(128), PAYLOAD(40) }, 0, 0, "DDDD", ALL(ICMP) },
	{ "ICMPv6: redirect", { LL, ICMP6(137), PAYLOAD(36) }, 0, 0, "DDDD", ALL(ICMP) },
	{ "ICMPv6: node information", { LL, ICMP6(139), PAYLOAD(36) }, 0, 0, "DDDD", ALL(ICMP) },
	{ "RS", { .src = "fe80::7", .dst = "ff02::2", ICMP6(133), BODY(rs) },
	  0, WITH_SLAAC, "DDDD", ALL(RA) },
	{ "RA, no underlay", { RA("fe80::7") }, 0, 0, "DDDD", ALL(RA) },
	{ "RA, underlay dhcp", { RA("fe80::7") }, 0, WITH_DHCP, "DDDD", ALL(RA) },
	{ "RA, underlay slaac", { RA("fe80::7") }, 0, WITH_SLAAC, "PPPP", ALL(PASS_RA) },
	{ "RA, global source", { RA("2001:db8::7") }, 0, WITH_SLAAC, "DDDD", ALL(ND_BAD) },
	{ "RA, hop limit 254", { RA("fe80::7"), .hop = 254 }, 0, WITH_SLAAC, "DDDD", ALL(ND_BAD) },
	{ "RA of 15 bytes", { LL, ICMP6(134), PAYLOAD(11) }, 0, WITH_SLAAC, "DDDD", ALL(ND_BAD) },
};

#define ERROR4(b) .src = "192.0.2.9", .dst = "127.0.0.1", ICMP(3, 4), BODY(b)
#define ERROR6(b) .src = "2001:db8::9", .dst = "::1", ICMP6(2), BODY(b)
#define AS_PTB "DPPP", EACH(ICMP, PASS_PTB, PASS_PTB, PASS_PTB)
static const struct row too_big_rows[] = {
	{ "frag-needed: our claim connection", { ERROR4(quote_claim4) }, 0, 0, AS_PTB },
	{ "packet-too-big: our claim connection", { ERROR6(quote_claim6) }, 0, 0, AS_PTB },
	{ "frag-needed: no connection", { ERROR4(quote_none4) }, 0, 0, "DDDD", ALL(ICMP) },
	{ "packet-too-big: no connection", { ERROR6(quote_none6) }, 0, 0, "DDDD", ALL(ICMP) },
	{ "packet-too-big: WireGuard", { ERROR6(quote_wg6) }, 0, 0, "DDDD", ALL(ICMP) },
	{ "frag-needed: a seat's, no seat here", { ERROR4(quote_seat4) }, 0, 0, "DDDD", ALL(ICMP) },
	{ "frag-needed: a seat's", { ERROR4(quote_seat4) }, PPN_POLICY_SEAT, 0, AS_PTB },
	{ "frag-needed: to another than quoted",
	  { .src = "192.0.2.9", .dst = "127.0.0.5", ICMP(3, 4), BODY(quote_claim4) },
	  0, 0, "DDDD", ALL(ICMP) },
	{ "packet-too-big: to another than quoted", { V6, ICMP6(2), BODY(quote_claim6) },
	  0, 0, "DDDD", ALL(ICMP) },
	{ "frag-needed: quotes a fragment", { ERROR4(quote_claim4), PATCH(L4, 15, 1) },
	  0, 0, "DDDD", ALL(ICMP) },
	{ "frag-needed: quotes UDP", { ERROR4(quote_claim4), PATCH(L4, 17, 17) },
	  0, 0, "DDDD", ALL(ICMP) },
	{ "packet-too-big: quotes UDP", { ERROR6(quote_claim6), PATCH(L4, 14, 17) },
	  0, 0, "DDDD", ALL(ICMP) },
	{ "frag-needed: quotes too little",
	  { .src = "192.0.2.9", .dst = "127.0.0.1", ICMP(3, 4), .payload = body_quote_claim4,
	    .payload_len = 4 + 27 },
	  0, 0, "DDDD", ALL(ICMP) },
	{ "packet-too-big: quotes too little",
	  { .src = "2001:db8::9", .dst = "::1", ICMP6(2), .payload = body_quote_claim6,
	    .payload_len = 4 + 47 },
	  0, 0, "DDDD", ALL(ICMP) },
};

#define DHCP4(b) .src = "192.0.2.254", .dst = "255.255.255.255", UDP(67, 68), BODY(b)
#define DHCP6(b) .src = "fe80::7", .dst = "fe80::1", UDP(547, 546), BODY(b)
static const struct row dhcp_rows[] = {
	{ "DHCP: our transaction", { DHCP4(bootp_reply) },
	  0, WITH_DHCP | WITH_LEASE, "PPPP", ALL(PASS_DHCP) },
	{ "DHCP: no transaction", { DHCP4(bootp_reply) }, 0, WITH_DHCP, "DDDD", ALL(DHCP) },
	{ "DHCP: 61 s after", { DHCP4(bootp_reply) },
	  0, WITH_DHCP | WITH_OLD_LEASE, "DDDD", ALL(DHCP) },
	{ "DHCP: no underlay", { DHCP4(bootp_reply) }, 0, WITH_LEASE, "DDDD", ALL(DHCP) },
	{ "DHCP: underlay slaac", { DHCP4(bootp_reply) },
	  0, WITH_SLAAC | WITH_LEASE, "DDDD", ALL(DHCP) },
	{ "DHCP: another transaction", { DHCP4(bootp_other_xid) },
	  0, WITH_DHCP | WITH_LEASE, "DDDD", ALL(DHCP) },
	{ "DHCP: another client", { DHCP4(bootp_other_mac) },
	  0, WITH_DHCP | WITH_LEASE, "DDDD", ALL(DHCP) },
	{ "DHCP: a request", { DHCP4(bootp_request) },
	  0, WITH_DHCP | WITH_LEASE, "DDDD", ALL(DHCP) },
	{ "DHCP: no cookie", { DHCP4(bootp_no_cookie) },
	  0, WITH_DHCP | WITH_LEASE, "DDDD", ALL(DHCP) },
	{ "DHCP: not for Ethernet", { DHCP4(bootp_reply), PATCH(L4, 9, 6) },
	  0, WITH_DHCP | WITH_LEASE, "DDDD", ALL(DHCP) },
	{ "DHCP: a longer hardware address", { DHCP4(bootp_reply), PATCH(L4, 10, 7) },
	  0, WITH_DHCP | WITH_LEASE, "DDDD", ALL(DHCP) },
	{ "DHCP: short", { V4, UDP(67, 68), PAYLOAD(239) },
	  0, WITH_DHCP | WITH_LEASE, "DDDD", ALL(DHCP) },
	{ "DHCP: not from a server's port", { V4, UDP(6767, 68), BODY(bootp_reply) },
	  0, WITH_DHCP | WITH_LEASE, "DDDD", ALL(PORT_SHUT) },
	{ "DHCPv6: our transaction", { DHCP6(dhcp6_reply) },
	  0, WITH_DHCP | WITH_LEASE, "PPPP", ALL(PASS_DHCP) },
	{ "DHCPv6: no transaction", { DHCP6(dhcp6_reply) }, 0, WITH_DHCP, "DDDD", ALL(DHCP) },
	{ "DHCPv6: no underlay", { DHCP6(dhcp6_reply) }, 0, WITH_LEASE, "DDDD", ALL(DHCP) },
	{ "DHCPv6: another transaction", { DHCP6(dhcp6_other_xid) },
	  0, WITH_DHCP | WITH_LEASE, "DDDD", ALL(DHCP) },
	{ "DHCPv6: reconfigure", { DHCP6(dhcp6_reconfigure) },
	  0, WITH_DHCP | WITH_LEASE, "DDDD", ALL(DHCP) },
	{ "DHCPv6: global source",
	  { .src = "2001:db8::7", .dst = "fe80::1", UDP(547, 546), BODY(dhcp6_reply) },
	  0, WITH_DHCP | WITH_LEASE, "DDDD", ALL(DHCP) },
	{ "DHCPv6: to another address",
	  { .src = "fe80::7", .dst = "fe80::2", UDP(547, 546), BODY(dhcp6_reply) },
	  0, WITH_DHCP | WITH_LEASE, "DDDD", ALL(DHCP) },
	{ "DNS answer", { V4, UDP(53, 40000), PAYLOAD(64) },
	  0, WITH_PORTS, "DDDD", ALL(PORT_SHUT) },
	{ "mDNS", { .src = "fe80::7", .dst = "ff02::fb", UDP(5353, 5353), PAYLOAD(64) },
	  0, WITH_PORTS, "DDDD", ALL(PORT_SHUT) },
	{ "LLMNR", { .src = "fe80::7", .dst = "ff02::1:3", UDP(5355, 5355), PAYLOAD(64) },
	  0, WITH_PORTS, "DDDD", ALL(PORT_SHUT) },
};

#define BEACON(b) \
	.src = "fe80::7", .dst = "ff02::1", UDP(HARNESS_DISCOVERY, HARNESS_DISCOVERY), BODY(b)
static const struct row discovery_rows[] = {
	{ "beacon", { BEACON(beacon), .hop = 255 }, 0, 0, "DDDD", ALL(BEACON) },
	{ "beacon above its floor", { BEACON(beacon), .hop = 255 },
	  0, WITH_FLOOR, "DDDD", ALL(BEACON) },
	{ "beacon at its floor", { BEACON(beacon_at_floor), .hop = 255 },
	  0, WITH_FLOOR, "DDDD", ALL(BEACON_OLD) },
	{ "beacon below another's floor", { BEACON(beacon_other), .hop = 255 },
	  0, WITH_FLOOR, "DDDD", ALL(BEACON) },
	{ "beacon in a VLAN, padded", { .vlan = { 0x8100 }, BEACON(beacon), .hop = 255, .pad = 9 },
	  0, 0, "DDDD", ALL(BEACON) },
	{ "beacon, no pin", { BEACON(beacon), .hop = 255 },
	  0, WITHOUT_PIN, "DDDD", ALL(BEACON_NO_PIN) },
	{ "beacon, hop limit 254", { BEACON(beacon), .hop = 254 }, 0, 0, "DDDD", ALL(BEACON_BAD) },
	{ "beacon from a global source",
	  { V6, UDP(9442, HARNESS_DISCOVERY), BODY(beacon), .hop = 255 },
	  0, 0, "DDDD", ALL(BEACON_BAD) },
	{ "beacon over IPv4", { V4, UDP(9442, HARNESS_DISCOVERY), BODY(beacon), .hop = 255 },
	  0, 0, "DDDD", ALL(BEACON_BAD) },
	{ "beacon, forged tag", { BEACON(beacon_forged), .hop = 255 },
	  0, 0, "DDDD", ALL(BEACON_BAD) },
	{ "beacon, wrong magic", { BEACON(beacon_magic), .hop = 255 },
	  0, 0, "DDDD", ALL(BEACON_BAD) },
	{ "beacon, version 2", { BEACON(beacon_version), .hop = 255 },
	  0, 0, "DDDD", ALL(BEACON_BAD) },
	{ "beacon, a head alone", { BEACON(beacon_bare), .hop = 255 }, 0, 0, "DDDD", ALL(BEACON_BAD) },
	{ "beacon, wrong length", { BEACON(beacon_length), .hop = 255 },
	  0, 0, "DDDD", ALL(BEACON_BAD) },
	{ "discovery, type 9", { BEACON(gate_type), .hop = 255 }, 0, 0, "DDDD", ALL(BEACON_BAD) },
	{ "discovery, empty", { LL, UDP(9442, HARNESS_DISCOVERY), .hop = 255 },
	  0, 0, "DDDD", ALL(BEACON_BAD) },
	{ "knock", { BEACON(knock), .hop = 255 }, PPN_POLICY_CLAIM, 0, "DDDD", ALL(KNOCK) },
	{ "here, no seat", { LL, UDP(9442, HARNESS_DISCOVERY), BODY(here) },
	  0, 0, "DDDD", ALL(HERE) },
	{ "here to a seat", { LL, UDP(9442, HARNESS_DISCOVERY), BODY(here) },
	  PPN_POLICY_SEAT, 0, "DPPP", EACH(HERE, PASS_HERE, PASS_HERE, PASS_HERE) },
	{ "here, a byte long", { LL, UDP(9442, HARNESS_DISCOVERY), BODY(here_long) },
	  PPN_POLICY_SEAT, 0, "DDDD", ALL(HERE) },
	{ "here from a global source", { V6, UDP(9442, HARNESS_DISCOVERY), BODY(here) },
	  PPN_POLICY_SEAT, 0, "DDDD", ALL(HERE) },
};

#define LO4(s, d, f) .src = "127.0.0.1", .dst = "127.0.0.1", TCP(s, d, f)
#define LO6(s, d, f) .src = "::1", .dst = "::1", TCP(s, d, f)
#define AS_SYN "DPDD", EACH(CLAIM_SHUT, PASS_SYN, CLAIM_SHUT, CLAIM_SHUT)
#define AS_CLAIM "DPPP", EACH(CLAIM_NO_SOCKET, PASS_CLAIM, PASS_CLAIM, PASS_CLAIM)
#define AS_SEAT "DPPP", EACH(PORT_SHUT, PASS_SEAT, PASS_SEAT, PASS_SEAT)
#define CLAIM(f) TCP(40000, HARNESS_CLAIM, f)
static const struct row claim_rows[] = {
	{ "claim: SYN", { V4, CLAIM(SYN) }, PPN_POLICY_CLAIM, 0, AS_SYN },
	{ "claim: SYN over IPv6", { LL, CLAIM(SYN) }, PPN_POLICY_CLAIM, 0, AS_SYN },
	{ "claim: SYN with ECN", { V6, CLAIM(SYN | 0xc0) }, PPN_POLICY_CLAIM, 0, AS_SYN },
	{ "claim: SYN while shut", { V4, CLAIM(SYN) }, 0, 0, "DDDD", ALL(CLAIM_SHUT) },
	{ "claim: SYN while shut, over IPv6", { V6, CLAIM(SYN) },
	  PPN_POLICY_SEAT, 0, "DDDD", ALL(CLAIM_SHUT) },
	{ "claim: SYN FIN", { V4, CLAIM(SYN | FIN) },
	  PPN_POLICY_CLAIM, 0, "DDDD", ALL(CLAIM_NO_SOCKET) },
	{ "claim: SYN ACK", { V4, CLAIM(SYN | ACK) },
	  PPN_POLICY_CLAIM, 0, "DDDD", ALL(CLAIM_NO_SOCKET) },
	{ "claim: ACK of no connection", { V4, CLAIM(ACK) },
	  PPN_POLICY_CLAIM, 0, "DDDD", ALL(CLAIM_NO_SOCKET) },
	{ "claim: ACK of no connection, over IPv6", { V6, CLAIM(ACK) },
	  PPN_POLICY_CLAIM, 0, "DDDD", ALL(CLAIM_NO_SOCKET) },
	{ "claim: ACK to the listener", { LO4(40000, HARNESS_CLAIM, ACK) },
	  PPN_POLICY_CLAIM, 0, "DDDD", ALL(CLAIM_NO_SOCKET) },
	{ "claim: ACK to the listener, over IPv6", { LO6(40000, HARNESS_CLAIM, ACK) },
	  PPN_POLICY_CLAIM, 0, "DDDD", ALL(CLAIM_NO_SOCKET) },
	{ "claim: RST", { V4, CLAIM(RST) }, PPN_POLICY_CLAIM, 0, "DDDD", ALL(CLAIM_NO_SOCKET) },
	{ "claim: FIN", { V4, CLAIM(FIN) }, PPN_POLICY_CLAIM, 0, "DDDD", ALL(CLAIM_NO_SOCKET) },
	{ "claim: no flags", { V4, CLAIM(0) }, PPN_POLICY_CLAIM, 0, "DDDD", ALL(CLAIM_NO_SOCKET) },
	{ "claim: ACK of a connection", { LO4(BODY_CLIENT4, HARNESS_CLAIM, ACK) },
	  PPN_POLICY_CLAIM, 0, AS_CLAIM },
	{ "claim: ACK of a connection, shut since", { LO4(BODY_CLIENT4, HARNESS_CLAIM, ACK) },
	  0, 0, AS_CLAIM },
	{ "claim: RST of a connection", { LO4(BODY_CLIENT4, HARNESS_CLAIM, RST) }, 0, 0, AS_CLAIM },
	{ "claim: ACK of a connection, over IPv6", { LO6(BODY_CLIENT6, HARNESS_CLAIM, ACK) },
	  0, 0, AS_CLAIM },
	{ "claim: a connection's port, other address",
	  { .src = "127.0.0.2", .dst = "127.0.0.1", TCP(BODY_CLIENT4, HARNESS_CLAIM, ACK) },
	  0, 0, "DDDD", ALL(CLAIM_NO_SOCKET) },
	{ "claim: SYN on a connection", { LO4(BODY_CLIENT4, HARNESS_CLAIM, SYN) },
	  0, 0, "DDDD", ALL(CLAIM_SHUT) },
	{ "claim: UDP", { V4, UDP(40000, HARNESS_CLAIM) },
	  PPN_POLICY_CLAIM, 0, "DDDD", ALL(PORT_SHUT) },
	{ "seat: reply, no seat here", { LO4(HARNESS_CLAIM, BODY_CLIENT4, ACK) },
	  0, 0, "DDDD", ALL(PORT_SHUT) },
	{ "seat: reply", { LO4(HARNESS_CLAIM, BODY_CLIENT4, ACK) }, PPN_POLICY_SEAT, 0, AS_SEAT },
	{ "seat: reply over IPv6", { LO6(HARNESS_CLAIM, BODY_CLIENT6, ACK) },
	  PPN_POLICY_SEAT, WITH_PORTS, AS_SEAT },
	{ "seat: reply of no connection", { V4, TCP(HARNESS_CLAIM, 40000, SYN | ACK) },
	  PPN_POLICY_SEAT, 0, "DDDD", ALL(PORT_SHUT) },
	{ "seat: reply of a connection to another port", { LO4(8443, BODY_CLIENT_OPEN, ACK) },
	  PPN_POLICY_SEAT, 0, "DDDD", ALL(PORT_SHUT) },
	{ "seat: reply from another port", { LO4(9444, BODY_CLIENT4, ACK) },
	  PPN_POLICY_SEAT, 0, "DDDD", ALL(PORT_SHUT) },
};

static const struct row port_rows[] = {
	{ "WireGuard", { TO_WG, PAYLOAD(148) }, 0, 0, AS_WG },
	{ "WireGuard over IPv6", { LL, UDP(51820, HARNESS_WG), PAYLOAD(148) }, 0, 0, AS_WG },
	{ "WireGuard's port as source", { V4, UDP(HARNESS_WG, 40000), PAYLOAD(148) },
	  0, 0, "DDDD", ALL(PORT_SHUT) },
	{ "TCP to WireGuard's port", { V4, TCP(40000, HARNESS_WG, SYN) },
	  0, 0, "DDDD", ALL(PORT_SHUT) },
	{ "UDP to any port", { V4, UDP(40000, 161), PAYLOAD(20) }, 0, 0, "DDDD", ALL(PORT_SHUT) },
	{ "TCP to any port", { V6, TCP(40000, 23, SYN) }, 0, 0, "DDDD", ALL(PORT_SHUT) },
	{ "mesh port 8090 outside", { V6, UDP(8090, 8090), PAYLOAD(16) },
	  0, 0, "DDDD", ALL(PORT_SHUT) },
	{ "open port", { V4, TCP(40000, 443, SYN) },
	  0, WITH_PORTS, "DDPD", EACH(PORT_SHUT, PORT_SHUT, PASS_OPEN, ISOLATED) },
	{ "open port over IPv6", { V6, TCP(40000, 443, ACK) },
	  0, WITH_PORTS, "DDPD", EACH(PORT_SHUT, PORT_SHUT, PASS_OPEN, ISOLATED) },
	{ "open port's number over UDP", { V4, UDP(40000, 443) },
	  0, WITH_PORTS, "DDDD", ALL(PORT_SHUT) },
	{ "open port, inside its prefix", { V4, UDP(40000, 53), PAYLOAD(20) },
	  0, WITH_PORTS, "DDPD", EACH(PORT_SHUT, PORT_SHUT, PASS_OPEN, ISOLATED) },
	{ "open port, outside its prefix",
	  { .src = "192.0.3.7", .dst = "192.0.2.1", UDP(40000, 53), PAYLOAD(20) },
	  0, WITH_PORTS, "DDDD", EACH(PORT_SHUT, PORT_SHUT, PORT_SOURCE, ISOLATED) },
	{ "open port, IPv4 prefix, from IPv6",
	  { .src = "::c000:207", .dst = "2001:db8::1", UDP(40000, 53), PAYLOAD(20) },
	  0, WITH_PORTS, "DDDD", EACH(PORT_SHUT, PORT_SHUT, PORT_SOURCE, ISOLATED) },
	{ "rescue port, inside its prefix",
	  { .src = "198.51.100.9", .dst = "192.0.2.1", TCP(40000, 22, SYN) },
	  0, WITH_PORTS, "DPPP", EACH(PORT_SHUT, PASS_RESCUE, PASS_RESCUE, PASS_RESCUE) },
	{ "rescue port, inside its second prefix",
	  { .src = "2001:db8:5::9", .dst = "2001:db8::1", TCP(40000, 22, SYN) },
	  0, WITH_PORTS, "DPPP", EACH(PORT_SHUT, PASS_RESCUE, PASS_RESCUE, PASS_RESCUE) },
	{ "rescue port, outside its prefixes", { V6, TCP(40000, 22, SYN) },
	  0, WITH_PORTS, "DDDD", EACH(PORT_SHUT, PORT_SOURCE, PORT_SOURCE, PORT_SOURCE) },
	{ "rescue port for all", { V4, TCP(40000, 8443, SYN) },
	  0, WITH_PORTS, "DPPP", EACH(PORT_SHUT, PASS_RESCUE, PASS_RESCUE, PASS_RESCUE) },
};

/* clang-format on */

static const struct {
	const struct row *rows;
	size_t n;
} tables[] = {
#define TABLE(t)                              \
	{                                     \
		t, sizeof(t) / sizeof((t)[0]) \
	}
	TABLE(link_rows),    TABLE(ip4_rows),	    TABLE(ip6_rows),	   TABLE(transport_rows),
	TABLE(mesh_rows),    TABLE(neighbour_rows), TABLE(mld_rows),	   TABLE(icmp_rows),
	TABLE(too_big_rows), TABLE(dhcp_rows),	    TABLE(discovery_rows), TABLE(claim_rows),
	TABLE(port_rows),
#undef TABLE
};
enum { N_TABLES = sizeof(tables) / sizeof(tables[0]) };

/* What ppnd gets of a beacon. */
static void check_event(struct harness *h)
{
	const struct pkt_spec spec = { .vlan = { 0x8100 }, BEACON(beacon), .hop = 255, .pad = 20 };
	static const uint8_t source[16] = { 0xfe, 0x80, [15] = 7 };
	const struct ppn_packet_event *e;
	struct pkt p;

	harness_policy(h, PPN_COLUMN_BLIND, 0);
	pkt_build(&spec, &p);
	(void)harness_run(h, HARNESS_IN, p.data, p.len);
	e = harness_event(h);
	tap_ok(e->ifindex == HARNESS_IFINDEX && e->type == PPN_PACKET_BEACON &&
		       e->hop_limit == 255 && e->source_port == htons(HARNESS_DISCOVERY) &&
		       !memcmp(e->source, source, 16) && e->len == sizeof(body_beacon) &&
		       !memcmp(e->payload, body_beacon, e->len),
	       "beacon: the event has its payload, source and interface");
}

static void check_full_ring(struct harness *h)
{
	const struct pkt_spec spec = { BEACON(beacon), .hop = 255 };
	uint64_t counts[_PPN_REASON_MAX];
	struct pkt p;
	int n = 0;

	pkt_build(&spec, &p);
	harness_counts(h, HARNESS_IN, counts);
	while (n < 1000 && !harness_verdict(h, HARNESS_IN, p.data, p.len))
		n++;
	harness_counts(h, HARNESS_IN, counts);
	tap_ok(n == 1000 && counts[PPN_REASON_BEACON] > 100 &&
		       counts[PPN_REASON_BEACON_LOST] > 100 &&
		       counts[PPN_REASON_BEACON] + counts[PPN_REASON_BEACON_LOST] == 1000 &&
		       harness_drain(h) == counts[PPN_REASON_BEACON],
	       "beacon: a full ring buffer costs a counter");
}

int main(void)
{
	struct harness *h = harness_open(NULL);
	size_t n = 2;

	for (size_t i = 0; i < N_TABLES; i++)
		n += tables[i].n;
	tap_plan((unsigned int)n);
	bodies_fill();
	bodies_connect();
	for (size_t i = 0; i < N_TABLES; i++)
		rows_run(h, HARNESS_IN, tables[i].rows, tables[i].n);
	check_event(h);
	check_full_ring(h);
	tap_note("verified instructions: %u", harness_insns(h, HARNESS_IN));
	harness_close(h);
	return tap_end();
}
