// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * egress.bpf.c by BPF_PROG_TEST_RUN: DESIGN 6's table "traffic out", row by row, and the way of a DHCP
 * transaction from one program to the other.
 */
#include <string.h>
#include "bodies.h"

static const uint8_t options_lsrr[] = { 131, 7, 4, 192, 0, 2, 9, 0 };
static const uint8_t options_nop[] = { 1, 1, 1, 1 };

#define OPTIONS(name) .options = options_##name, .options_len = sizeof(options_##name)
#define OUT4 .src = "192.0.2.1", .dst = "192.0.2.7"
#define OUT6 .src = "2001:db8::1", .dst = "2001:db8::7"
#define OUTL .src = "fe80::1", .dst = "fe80::7"
#define FROM_WG OUT4, UDP(HARNESS_WG, 51820), PAYLOAD(148)
#define AS_WG "DDPP", EACH(WG_SHUT, WG_SHUT, PASS_WG, PASS_WG)

/* A table reads by its lines. */
/* clang-format off */
static const struct row link_rows[] = {
	{ "ARP request", { FRAME(ETH_P_ARP), BODY(arp_request) }, 0, 0, "PPPP", ALL(PASS_ARP) },
	{ "ARP in a VLAN", { .vlan = { 0x8100 }, FRAME(ETH_P_ARP), BODY(arp_reply) },
	  0, 0, "PPPP", ALL(PASS_ARP) },
	{ "ARP, operation 3", { FRAME(ETH_P_ARP), BODY(arp_rarp) }, 0, 0, "DDDD", ALL(ARP_BAD) },
	{ "three VLANs", { .vlan = { 0x8100, 0x8100, 0x8100 }, OUT4, UDP(HARNESS_WG, 51820) },
	  0, 0, "DDDD", ALL(VLAN) },
	{ "MPLS", { FRAME(0x8847), PAYLOAD(46) }, 0, 0, "DDDD", ALL(ETHERTYPE) },
	{ "LLDP", { FRAME(0x88cc), PAYLOAD(46) }, 0, 0, "DDDD", ALL(ETHERTYPE) },
	{ "LACP, no bond's member", { FRAME(0x8809), BODY(lacp) }, 0, 0, "DDDD", ALL(ETHERTYPE) },
	{ "LACP, a bond's member", { FRAME(0x8809), BODY(lacp) },
	  0, WITH_LACP, "PPPP", ALL(PASS_LACP) },
	{ "EAPOL, 802.1X", { FRAME(0x888e), BODY(eapol) }, 0, WITH_EAPOL, "PPPP", ALL(PASS_EAPOL) },
	{ "EAPOL, no 802.1X", { FRAME(0x888e), BODY(eapol) }, 0, 0, "DDDD", ALL(ETHERTYPE) },
};

static const struct row parse_rows[] = {
	{ "frame too short", { FRAME(ETH_P_ARP), PAYLOAD(7) }, 0, 0, "DDDD", ALL(SHORT) },
	{ "IPv4: version 6", { FROM_WG, PATCH(L3, 0, 0x65) }, 0, 0, "DDDD", ALL(IP_HEADER) },
	{ "IPv4: total beyond packet", { FROM_WG, PATCH(L3, 3, 177) }, 0, 0, "DDDD", ALL(SHORT) },
	{ "IPv4: fragment", { FROM_WG, PATCH(L3, 6, 0x20) }, 0, 0, "DDDD", ALL(FRAGMENT) },
	{ "IPv4: source route", { FROM_WG, OPTIONS(lsrr) }, 0, 0, "DDDD", ALL(IP_OPTION) },
	{ "IPv4: NOP options", { FROM_WG, OPTIONS(nop) }, 0, 0, AS_WG },
	{ "IPv4: IGMP", { OUT4, .proto = 2, PAYLOAD(8) }, 0, 0, "DDDD", ALL(PROTOCOL) },
	{ "IPv6: atomic fragment", { OUT6, .proto = 44, PAYLOAD(16) },
	  0, 0, "DDDD", ALL(EXTENSION) },
	{ "IPv6: jumbo hop-by-hop", { OUT6, .proto = 0, PAYLOAD(16) },
	  0, 0, "DDDD", ALL(EXTENSION) },
	{ "IPv6: alert before NS",
	  { OUTL, ICMP6(135), BODY(nd), .alert = PKT_ALERT_FIRST, .hop = 255 },
	  0, 0, "DDDD", ALL(EXTENSION) },
	{ "IPv6: SCTP", { OUT6, .proto = 132, PAYLOAD(16) }, 0, 0, "DDDD", ALL(PROTOCOL) },
	{ "TCP: header of 16", { OUT4, TCP(443, 40000, ACK), PATCH(L4, 12, 0x40) },
	  0, WITH_PORTS, "DDDD", ALL(L4_HEADER) },
	{ "UDP: bytes beyond its length", { FROM_WG, PATCH(L4, 5, 100) },
	  0, 0, "DDDD", ALL(L4_HEADER) },
	{ "mesh: source",
	  { .src = HARNESS_FLEET ":1", .dst = "2001:db8::7", UDP(HARNESS_WG, 51820) },
	  0, 0, "DDDD", ALL(MESH_OUTSIDE) },
	{ "mesh: destination",
	  { .src = "2001:db8::1", .dst = HARNESS_FLEET ":7", TCP(40000, 22, SYN) },
	  0, 0, "DDDD", ALL(MESH_OUTSIDE) },
	{ "mesh: solicitation of an address", { OUTL, ICMP6(135), BODY(nd_fleet) },
	  0, 0, "DDDD", ALL(MESH_OUTSIDE) },
};

static const struct row neighbour_rows[] = {
	{ "ND: solicitation",
	  { .src = "fe80::1", .dst = "ff02::1:ff00:7", ICMP6(135), BODY(nd_link) },
	  0, 0, "PPPP", ALL(PASS_ND) },
	{ "ND: duplicate address detection",
	  { .src = "::", .dst = "ff02::1:ff00:1", ICMP6(135), BODY(nd_nonce) },
	  0, 0, "PPPP", ALL(PASS_ND) },
	{ "ND: advertisement", { OUTL, ICMP6(136), BODY(nd_solicited) },
	  0, 0, "PPPP", ALL(PASS_ND) },
	{ "ND: hop limit 64", { OUTL, ICMP6(136), BODY(nd_solicited), .hop = 64 },
	  0, 0, "DDDD", ALL(ND_BAD) },
	{ "RS, no underlay", { .src = "fe80::1", .dst = "ff02::2", ICMP6(133), BODY(rs) },
	  0, 0, "DDDD", ALL(RA) },
	{ "RS, underlay dhcp", { .src = "fe80::1", .dst = "ff02::2", ICMP6(133), BODY(rs) },
	  0, WITH_DHCP, "DDDD", ALL(RA) },
	{ "RS, underlay slaac", { .src = "fe80::1", .dst = "ff02::2", ICMP6(133), BODY(rs) },
	  0, WITH_SLAAC, "PPPP", ALL(PASS_RA) },
	{ "RS from ::", { .src = "::", .dst = "ff02::2", ICMP6(133), BODY(rs) },
	  0, WITH_SLAAC, "PPPP", ALL(PASS_RA) },
	{ "RS, hop limit 64",
	  { .src = "fe80::1", .dst = "ff02::2", ICMP6(133), BODY(rs), .hop = 64 },
	  0, WITH_SLAAC, "DDDD", ALL(ND_BAD) },
	{ "RA", { .src = "fe80::1", .dst = "ff02::1", ICMP6(134), BODY(ra) },
	  0, WITH_SLAAC, "DDDD", ALL(RA) },
	{ "MLD: report 2, solicited-node",
	  { .src = "fe80::1", .dst = "ff02::16", ICMP6(143), BODY(mld2_solicited), .alert = 1 },
	  0, 0, "PPPP", ALL(PASS_MLD) },
	{ "MLD: report 2 from ::",
	  { .src = "::", .dst = "ff02::16", ICMP6(143), BODY(mld2_solicited), .alert = 1 },
	  0, 0, "PPPP", ALL(PASS_MLD) },
	{ "MLD: report 2, mDNS",
	  { .src = "fe80::1", .dst = "ff02::16", ICMP6(143), BODY(mld2_mdns), .alert = 1 },
	  0, 0, "DDPP", EACH(MLD_GROUP, MLD_GROUP, PASS_MLD, PASS_MLD) },
	{ "MLD: report 2, both",
	  { .src = "fe80::1", .dst = "ff02::16", ICMP6(143), BODY(mld2_mixed), .alert = 1 },
	  0, 0, "DDPP", EACH(MLD_GROUP, MLD_GROUP, PASS_MLD, PASS_MLD) },
	{ "MLD: report 2, one counted of two",
	  { .src = "fe80::1", .dst = "ff02::16", ICMP6(143), BODY(mld2_mixed), .alert = 1,
	    PATCH(L4, 7, 1) },
	  0, 0, "DDPP", EACH(MLD_GROUP, MLD_GROUP, PASS_MLD, PASS_MLD) },
	{ "MLD: report 1, solicited-node",
	  { .src = "fe80::1", .dst = "ff02::1:ff00:1", ICMP6(131), BODY(mld_solicited),
	    .alert = 1 },
	  0, 0, "PPPP", ALL(PASS_MLD) },
	{ "MLD: report 1, mDNS",
	  { .src = "fe80::1", .dst = "ff02::fb", ICMP6(131), BODY(mld_mdns), .alert = 1 },
	  0, 0, "DDPP", EACH(MLD_GROUP, MLD_GROUP, PASS_MLD, PASS_MLD) },
	{ "MLD: done, mDNS",
	  { .src = "fe80::1", .dst = "ff02::2", ICMP6(132), BODY(mld_mdns), .alert = 1 },
	  0, 0, "DDPP", EACH(MLD_GROUP, MLD_GROUP, PASS_MLD, PASS_MLD) },
	{ "MLD: no alert",
	  { .src = "fe80::1", .dst = "ff02::16", ICMP6(143), BODY(mld2_solicited), .hop = 1 },
	  0, 0, "DDDD", ALL(MLD_BAD) },
	{ "ICMP: echo", { OUT4, ICMP(8, 0), PAYLOAD(40) }, 0, 0, "DDDD", ALL(ICMP) },
	{ "ICMP: echo reply", { OUT4, ICMP(0, 0), PAYLOAD(40) }, 0, 0, "DDDD", ALL(ICMP) },
	{ "ICMP: port unreachable", { OUT4, ICMP(3, 3), PAYLOAD(40) }, 0, 0, "DDDD", ALL(ICMP) },
	{ "ICMPv6: echo reply", { OUT6, ICMP6(129), PAYLOAD(40) }, 0, 0, "DDDD", ALL(ICMP) },
	{ "ICMPv6: port unreachable", { OUT6, ICMP6(1), PAYLOAD(40) }, 0, 0, "DDDD", ALL(ICMP) },
	{ "ICMPv6: packet too big", { OUT6, ICMP6(2), PAYLOAD(40) }, 0, 0, "DDDD", ALL(ICMP) },
	{ "ICMPv6: redirect", { OUTL, ICMP6(137), PAYLOAD(40) }, 0, 0, "DDDD", ALL(ICMP) },
};

#define DHCP4(b) .src = "0.0.0.0", .dst = "255.255.255.255", UDP(68, 67), BODY(b)
#define DHCP6(b) .src = "fe80::1", .dst = "ff02::1:2", UDP(546, 547), BODY(b)
static const struct row dhcp_rows[] = {
	{ "DHCP, no underlay", { DHCP4(bootp_request) }, 0, 0, "DDDD", ALL(DHCP) },
	{ "DHCP, underlay slaac", { DHCP4(bootp_request) }, 0, WITH_SLAAC, "DDDD", ALL(DHCP) },
	{ "DHCP, underlay dhcp", { DHCP4(bootp_request) }, 0, WITH_DHCP, "PPPP", ALL(PASS_DHCP) },
	{ "DHCP: a reply", { DHCP4(bootp_reply) }, 0, WITH_DHCP, "DDDD", ALL(DHCP) },
	{ "DHCP: no cookie", { DHCP4(bootp_no_cookie) }, 0, WITH_DHCP, "DDDD", ALL(DHCP) },
	{ "DHCP: a server's", { OUT4, UDP(67, 68), BODY(bootp_reply) },
	  0, WITH_DHCP, "DDDD", ALL(PORT_SHUT) },
	{ "DHCPv6, no underlay", { DHCP6(dhcp6_solicit) }, 0, 0, "DDDD", ALL(DHCP) },
	{ "DHCPv6, underlay dhcp", { DHCP6(dhcp6_solicit) }, 0, WITH_DHCP, "PPPP", ALL(PASS_DHCP) },
	{ "DHCPv6: information request", { DHCP6(dhcp6_info) }, 0, WITH_DHCP, "DDDD", ALL(DHCP) },
	{ "DHCPv6: a reply", { DHCP6(dhcp6_reply) }, 0, WITH_DHCP, "DDDD", ALL(DHCP) },
	{ "DHCPv6: global source", { OUT6, UDP(546, 547), BODY(dhcp6_solicit) },
	  0, WITH_DHCP, "DDDD", ALL(DHCP) },
	{ "DNS query", { OUT4, UDP(40000, 53), PAYLOAD(32) },
	  0, WITH_PORTS, "DDDD", ALL(PORT_SHUT) },
	{ "mDNS query", { .src = "fe80::1", .dst = "ff02::fb", UDP(5353, 5353), PAYLOAD(32) },
	  0, WITH_PORTS, "DDDD", ALL(PORT_SHUT) },
	{ "NTP", { OUT4, UDP(123, 123), PAYLOAD(48) }, 0, WITH_PORTS, "DDDD", ALL(PORT_SHUT) },
};

#define HERE(s, d, b) .src = (s), .dst = (d), UDP(9442, HARNESS_DISCOVERY), BODY(b)
static const struct row discovery_rows[] = {
	{ "here", { HERE("fe80::1", "fe80::7", here) },
	  0, 0, "DPPP", EACH(HERE, PASS_HERE, PASS_HERE, PASS_HERE) },
	{ "here from another port", { OUTL, UDP(40000, HARNESS_DISCOVERY), BODY(here) },
	  0, 0, "DPPP", EACH(HERE, PASS_HERE, PASS_HERE, PASS_HERE) },
	{ "here, a byte long", { HERE("fe80::1", "fe80::7", here_long) }, 0, 0, "DDDD", ALL(HERE) },
	{ "here from a global source", { HERE("2001:db8::1", "fe80::7", here) },
	  0, 0, "DDDD", ALL(HERE) },
	{ "here to a global address", { HERE("fe80::1", "2001:db8::7", here) },
	  0, 0, "DDDD", ALL(HERE) },
	{ "here to everybody", { HERE("fe80::1", "ff02::1", here) }, 0, 0, "DDDD", ALL(HERE) },
	{ "beacon, no seat", { HERE("fe80::1", "ff02::1", beacon), .hop = 255 },
	  0, 0, "DDDD", ALL(NO_SEAT) },
	{ "beacon of a seat", { HERE("fe80::1", "ff02::1", beacon), .hop = 255 },
	  PPN_POLICY_SEAT, 0, "DPPP", EACH(NO_SEAT, PASS_BEACON, PASS_BEACON, PASS_BEACON) },
	{ "knock, no seat", { HERE("2001:db8::1", "2001:db8::7", knock) },
	  0, 0, "DDDD", ALL(NO_SEAT) },
	{ "knock of a seat", { OUT4, UDP(40000, HARNESS_DISCOVERY), BODY(knock) },
	  PPN_POLICY_SEAT, 0, "DPPP", EACH(NO_SEAT, PASS_BEACON, PASS_BEACON, PASS_BEACON) },
	{ "discovery port, something else", { OUTL, UDP(9442, HARNESS_DISCOVERY), PAYLOAD(48) },
	  PPN_POLICY_SEAT, 0, "DDDD", ALL(PORT_SHUT) },
};

#define LO4(s, d, f) .src = "127.0.0.1", .dst = "127.0.0.1", TCP(s, d, f)
#define LO6(s, d, f) .src = "::1", .dst = "::1", TCP(s, d, f)
#define CLAIM(f) TCP(HARNESS_CLAIM, 40000, f)
#define AS_SYN "DPDD", EACH(CLAIM_NO_SOCKET, PASS_SYN, CLAIM_NO_SOCKET, CLAIM_NO_SOCKET)
#define AS_CLAIM "DPPP", EACH(CLAIM_NO_SOCKET, PASS_CLAIM, PASS_CLAIM, PASS_CLAIM)
#define AS_SEAT "DPPP", EACH(PORT_SHUT, PASS_SEAT, PASS_SEAT, PASS_SEAT)
static const struct row claim_rows[] = {
	{ "claim: SYN ACK", { OUT4, CLAIM(SYN | ACK) }, PPN_POLICY_CLAIM, 0, AS_SYN },
	{ "claim: SYN ACK over IPv6", { OUTL, CLAIM(SYN | ACK) }, PPN_POLICY_CLAIM, 0, AS_SYN },
	{ "claim: SYN ACK while shut", { OUT4, CLAIM(SYN | ACK) },
	  0, 0, "DDDD", ALL(CLAIM_NO_SOCKET) },
	{ "claim: SYN", { OUT4, CLAIM(SYN) }, PPN_POLICY_CLAIM, 0, "DDDD", ALL(CLAIM_NO_SOCKET) },
	{ "claim: SYN on a connection", { LO4(HARNESS_CLAIM, BODY_CLIENT4, SYN) },
	  PPN_POLICY_CLAIM, 0, "DDDD", ALL(CLAIM_NO_SOCKET) },
	{ "claim: ACK of no connection", { OUT4, CLAIM(ACK) },
	  PPN_POLICY_CLAIM, 0, "DDDD", ALL(CLAIM_NO_SOCKET) },
	{ "claim: ACK to the listener's address", { LO4(HARNESS_CLAIM, 40000, ACK) },
	  PPN_POLICY_CLAIM, 0, "DDDD", ALL(CLAIM_NO_SOCKET) },
	{ "claim: FIN of no connection", { OUT4, CLAIM(FIN | ACK) },
	  PPN_POLICY_CLAIM, 0, "DDDD", ALL(CLAIM_NO_SOCKET) },
	{ "claim: RST of no connection", { OUT4, CLAIM(RST | ACK) },
	  PPN_POLICY_CLAIM, 0, "DDDD", ALL(RST) },
	{ "claim: RST of no connection, over IPv6", { OUT6, CLAIM(RST) },
	  PPN_POLICY_CLAIM, 0, "DDDD", ALL(RST) },
	{ "claim: ACK of a connection", { LO4(HARNESS_CLAIM, BODY_CLIENT4, ACK) }, 0, 0, AS_CLAIM },
	{ "claim: ACK of a connection, over IPv6", { LO6(HARNESS_CLAIM, BODY_CLIENT6, ACK) },
	  0, 0, AS_CLAIM },
	{ "claim: RST of a connection", { LO4(HARNESS_CLAIM, BODY_CLIENT4, RST) },
	  0, 0, "DPPP", EACH(RST, PASS_CLAIM, PASS_CLAIM, PASS_CLAIM) },
	{ "seat: SYN, no seat here", { LO4(BODY_CLIENT4, HARNESS_CLAIM, SYN) },
	  0, 0, "DDDD", ALL(PORT_SHUT) },
	{ "seat: SYN", { LO4(BODY_CLIENT4, HARNESS_CLAIM, SYN) }, PPN_POLICY_SEAT, 0, AS_SEAT },
	{ "seat: ACK over IPv6", { LO6(BODY_CLIENT6, HARNESS_CLAIM, ACK) },
	  PPN_POLICY_SEAT, WITH_PORTS, AS_SEAT },
	{ "seat: SYN of no connection", { OUT4, TCP(40000, HARNESS_CLAIM, SYN) },
	  PPN_POLICY_SEAT, 0, "DDDD", ALL(PORT_SHUT) },
	{ "seat: RST of no connection", { OUT4, TCP(40000, HARNESS_CLAIM, RST) },
	  PPN_POLICY_SEAT, 0, "DDDD", ALL(RST) },
	{ "seat: to another port", { LO4(BODY_CLIENT_OPEN, 8443, ACK) },
	  PPN_POLICY_SEAT, 0, "DDDD", ALL(PORT_SHUT) },
};

#define AS_OPEN "DDPD", EACH(PORT_SHUT, PORT_SHUT, PASS_OPEN, ISOLATED)
#define AS_RESCUE "DPPP", EACH(PORT_SHUT, PASS_RESCUE, PASS_RESCUE, PASS_RESCUE)
static const struct row port_rows[] = {
	{ "WireGuard", { FROM_WG }, 0, 0, AS_WG },
	{ "WireGuard over IPv6", { OUTL, UDP(HARNESS_WG, 40000), PAYLOAD(148) }, 0, 0, AS_WG },
	{ "to WireGuard's port", { OUT4, UDP(40000, HARNESS_WG), PAYLOAD(148) },
	  0, 0, "DDDD", ALL(PORT_SHUT) },
	{ "open port: reply", { OUT4, TCP(443, 40000, SYN | ACK) }, 0, WITH_PORTS, AS_OPEN },
	{ "open port: reply over IPv6", { OUT6, TCP(443, 40000, ACK) }, 0, WITH_PORTS, AS_OPEN },
	{ "open port: reply inside its prefix", { OUT4, UDP(53, 40000), PAYLOAD(20) },
	  0, WITH_PORTS, AS_OPEN },
	{ "open port: reply outside its prefix",
	  { .src = "192.0.2.1", .dst = "192.0.3.7", UDP(53, 40000), PAYLOAD(20) },
	  0, WITH_PORTS, "DDDD", EACH(PORT_SHUT, PORT_SHUT, PORT_SOURCE, ISOLATED) },
	{ "open port: a new connection from it", { OUT4, TCP(443, 40000, SYN) },
	  0, WITH_PORTS, "DDDD", ALL(PORT_SHUT) },
	{ "open port: to its number elsewhere", { OUT4, TCP(40000, 443, SYN) },
	  0, WITH_PORTS, "DDDD", ALL(PORT_SHUT) },
	{ "open port: RST of no connection", { OUT4, TCP(443, 40000, RST | ACK) },
	  0, WITH_PORTS, "DDDD", ALL(RST) },
	{ "rescue port: reply",
	  { .src = "192.0.2.1", .dst = "198.51.100.9", TCP(22, 40000, SYN | ACK) },
	  0, WITH_PORTS, AS_RESCUE },
	{ "rescue port: reply inside its second prefix",
	  { .src = "2001:db8::1", .dst = "2001:db8:5::9", TCP(22, 40000, ACK) },
	  0, WITH_PORTS, AS_RESCUE },
	{ "rescue port: reply outside its prefixes", { OUT4, TCP(22, 40000, ACK) },
	  0, WITH_PORTS, "DDDD", EACH(PORT_SHUT, PORT_SOURCE, PORT_SOURCE, PORT_SOURCE) },
	{ "rescue port: RST of a connection", { LO4(8443, BODY_CLIENT_OPEN, RST) },
	  0, WITH_PORTS, "DPPP", EACH(RST, PASS_RESCUE, PASS_RESCUE, PASS_RESCUE) },
	{ "rescue port: RST of no connection", { LO4(8443, 40000, RST) },
	  0, WITH_PORTS, "DDDD", ALL(RST) },
	{ "RST of a port that is shut", { OUT4, TCP(23, 40000, RST | ACK) },
	  0, 0, "DDDD", ALL(RST) },
	{ "TCP to anywhere", { OUT6, TCP(40000, 443, SYN) }, 0, 0, "DDDD", ALL(PORT_SHUT) },
};

/* clang-format on */

static const struct {
	const struct row *rows;
	size_t n;
} tables[] = {
	{ link_rows, sizeof(link_rows) / sizeof(link_rows[0]) },
	{ parse_rows, sizeof(parse_rows) / sizeof(parse_rows[0]) },
	{ neighbour_rows, sizeof(neighbour_rows) / sizeof(neighbour_rows[0]) },
	{ dhcp_rows, sizeof(dhcp_rows) / sizeof(dhcp_rows[0]) },
	{ discovery_rows, sizeof(discovery_rows) / sizeof(discovery_rows[0]) },
	{ claim_rows, sizeof(claim_rows) / sizeof(claim_rows[0]) },
	{ port_rows, sizeof(port_rows) / sizeof(port_rows[0]) },
};
enum { N_TABLES = sizeof(tables) / sizeof(tables[0]) };

static struct harness_result send_one(struct harness *h, enum harness_way way,
				      const struct pkt_spec *spec)
{
	struct pkt p;

	pkt_build(spec, &p);
	return harness_run(h, way, p.data, p.len);
}

/* What egress writes down is what the seal lets in, for this client and no other. */
static void check_transaction(struct harness *h)
{
	const struct pkt_spec ask4 = { DHCP4(bootp_request) }, ask6 = { DHCP6(dhcp6_solicit) };
	const struct pkt_spec offer4 = { V4, UDP(67, 68), BODY(bootp_reply) };
	const struct pkt_spec other4 = { V4, UDP(67, 68), BODY(bootp_other_xid) };
	const struct pkt_spec offer6 = { LL, UDP(547, 546), BODY(dhcp6_reply) };
	struct ppn_lease lease;

	harness_policy(h, PPN_COLUMN_BLIND, 0);
	harness_no_lease(h);
	harness_iface(h, PPN_UNDERLAY_LINK_LOCAL, 0);
	(void)send_one(h, HARNESS_OUT, &ask4);
	tap_ok(!harness_lease_now(h, &lease), "DHCP: what drops opens no transaction");
	harness_iface(h, PPN_UNDERLAY_DHCP, 0);
	tap_ok(!send_one(h, HARNESS_IN, &offer4).pass && send_one(h, HARNESS_OUT, &ask4).pass &&
		       send_one(h, HARNESS_IN, &offer4).pass &&
		       !send_one(h, HARNESS_IN, &other4).pass,
	       "DHCP: the answer comes in after the request went out");
	tap_ok(!send_one(h, HARNESS_IN, &offer6).pass && send_one(h, HARNESS_OUT, &ask6).pass &&
		       send_one(h, HARNESS_IN, &offer6).pass &&
		       send_one(h, HARNESS_IN, &offer4).pass,
	       "DHCPv6: the answer comes in beside DHCP's");
	tap_ok(harness_lease_now(h, &lease) && !memcmp(lease.mac, body_lease.mac, 6) &&
		       !memcmp(lease.xid4, body_lease.xid4, 4) &&
		       !memcmp(lease.xid6, body_lease.xid6, 4) &&
		       !memcmp(lease.source6, body_lease.source6, 16),
	       "DHCP: the transaction as it was written down");
}

int main(void)
{
	struct harness *h = harness_open(NULL);
	size_t n = 4;

	for (size_t i = 0; i < N_TABLES; i++)
		n += tables[i].n;
	tap_plan((unsigned int)n);
	bodies_fill();
	bodies_connect();
	for (size_t i = 0; i < N_TABLES; i++)
		rows_run(h, HARNESS_OUT, tables[i].rows, tables[i].n);
	check_transaction(h);
	tap_note("verified instructions: %u", harness_insns(h, HARNESS_OUT));
	harness_close(h);
	return tap_end();
}
