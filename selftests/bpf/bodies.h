/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The payloads that the tables of test_seal.c and test_egress.c name, and the addresses and macros that
 * keep a row short. bodies_fill() writes the payloads.
 */
#ifndef PPN_SELFTESTS_BODIES_H
#define PPN_SELFTESTS_BODIES_H

#include <linux/if_ether.h>
#include <netinet/in.h>
#include "harness.h"

enum {
	BODY_XID = 0x0a0b0c0d,
	BODY_XID6 = 0x00a1b2c3,
	BODY_TIME = 1700000000,
	BODY_ND = 20,
	BODY_ND_OPTION = 28,
	BODY_MLD = 20,
	BODY_MLD2 = 24,
	BODY_MLD2_TWO = 44,
	BODY_RA = 12,
	BODY_RS = 4,
	BODY_ARP = 28,
	BODY_QUOTE4 = 4 + 20 + 20,
	BODY_QUOTE6 = 4 + 40 + 20,
	BODY_QUOTE6_UDP = 4 + 40 + 8,
};
extern const uint8_t body_mac[6], body_serial[PPN_SERIAL_LEN], body_other_serial[PPN_SERIAL_LEN];
extern const struct ppn_lease body_lease;

/* The clients of bodies_connect(): to HARNESS_CLAIM on 127.0.0.1 and on ::1, to 8443 on 127.0.0.1. */
enum { BODY_CLIENT4 = 40004, BODY_CLIENT6 = 40006, BODY_CLIENT_OPEN = 40008 };

/* X(name, length) */
#define BODIES(X)                                    \
	X(zeros, 600)                                \
	X(arp_request, BODY_ARP)                     \
	X(arp_reply, BODY_ARP)                       \
	X(arp_rarp, BODY_ARP)                        \
	X(arp_token, BODY_ARP)                       \
	X(lacp, 110)                                 \
	X(slow_oam, 110)                             \
	X(eapol, 46)                                 \
	X(nd, BODY_ND)                               \
	X(nd_solicited, BODY_ND)                     \
	X(nd_multicast, BODY_ND)                     \
	X(nd_fleet, BODY_ND)                         \
	X(nd_link, BODY_ND_OPTION)                   \
	X(nd_nonce, BODY_ND_OPTION)                  \
	X(nd_zero, BODY_ND_OPTION)                   \
	X(nd_long, BODY_ND_OPTION)                   \
	X(nd_seventeen, BODY_ND + 17 * 8)            \
	X(nd_sixteen, BODY_ND + 16 * 8)              \
	X(ra, BODY_RA)                               \
	X(rs, BODY_RS)                               \
	X(mld_any, BODY_MLD)                         \
	X(mld_solicited, BODY_MLD)                   \
	X(mld_mdns, BODY_MLD)                        \
	X(mld2_solicited, BODY_MLD2)                 \
	X(mld2_mdns, BODY_MLD2)                      \
	X(mld2_mixed, BODY_MLD2_TWO)                 \
	X(beacon, PKT_GATE_LEN)                      \
	X(beacon_at_floor, PKT_GATE_LEN)             \
	X(beacon_other, PKT_GATE_LEN)                \
	X(beacon_forged, PKT_GATE_LEN)               \
	X(beacon_magic, PKT_GATE_LEN)                \
	X(beacon_version, PKT_GATE_LEN)              \
	X(beacon_length, PKT_GATE_LEN)               \
	X(beacon_bare, sizeof(struct ppn_gate_head)) \
	X(gate_type, PKT_GATE_LEN)                   \
	X(knock, PKT_GATE_LEN)                       \
	X(here, PPN_HERE_LEN)                        \
	X(here_long, PPN_HERE_LEN + 1)               \
	X(bootp_reply, PKT_BOOTP_LEN)                \
	X(bootp_other_xid, PKT_BOOTP_LEN)            \
	X(bootp_other_mac, PKT_BOOTP_LEN)            \
	X(bootp_request, PKT_BOOTP_LEN)              \
	X(bootp_no_cookie, PKT_BOOTP_LEN)            \
	X(dhcp6_solicit, PKT_DHCP6_LEN)              \
	X(dhcp6_reply, PKT_DHCP6_LEN)                \
	X(dhcp6_other_xid, PKT_DHCP6_LEN)            \
	X(dhcp6_info, PKT_DHCP6_LEN)                 \
	X(dhcp6_reconfigure, PKT_DHCP6_LEN)          \
	X(quote_claim4, BODY_QUOTE4)                 \
	X(quote_seat4, BODY_QUOTE4)                  \
	X(quote_none4, BODY_QUOTE4)                  \
	X(quote_claim6, BODY_QUOTE6)                 \
	X(quote_none6, BODY_QUOTE6)                  \
	X(quote_wg6, BODY_QUOTE6_UDP)

#define X(name, len) extern uint8_t body_##name[len];
BODIES(X)
#undef X

void bodies_fill(void);
/* A listener and a connection for each of these clients, in the harness's own network. */
void bodies_connect(void);

/* -- words for rows -- */

#define V4 .src = "192.0.2.7", .dst = "192.0.2.1"
#define V6 .src = "2001:db8::7", .dst = "2001:db8::1"
#define LL .src = "fe80::7", .dst = "fe80::1"
#define UDP(s, d) .proto = IPPROTO_UDP, .sport = (s), .dport = (d)
#define TCP(s, d, f) .proto = IPPROTO_TCP, .sport = (s), .dport = (d), .flags = (f)
#define ICMP(t, c) .proto = IPPROTO_ICMP, .type = (t), .code = (c)
#define ICMP6(t) .proto = IPPROTO_ICMPV6, .type = (t)
#define BODY(name) .payload = body_##name, .payload_len = sizeof(body_##name)
#define PAYLOAD(n) .payload = body_zeros, .payload_len = (n)
#define FRAME(type) .ethertype = (type)
#define PATCH(base, at, value) .patch = { { PKT_##base, (at), (value) } }
#define ALL(r)                                                                 \
	{                                                                      \
		PPN_REASON_##r, PPN_REASON_##r, PPN_REASON_##r, PPN_REASON_##r \
	}
#define EACH(a, b, c, d)                                                       \
	{                                                                      \
		PPN_REASON_##a, PPN_REASON_##b, PPN_REASON_##c, PPN_REASON_##d \
	}

enum { FIN = 0x01, SYN = 0x02, RST = 0x04, ACK = 0x10 };

/*
 * What a row's world has beside its policy. Ports: tcp 443 any, udp 53 192.0.2.0/24; rescue: tcp 22 of
 * two prefixes, tcp 8443 any.
 */
enum row_with {
	WITH_PORTS = 1 << 0,
	WITH_DHCP = 1 << 1,
	WITH_SLAAC = 1 << 2,
	WITH_LACP = 1 << 3,
	WITH_EAPOL = 1 << 4,
	WITH_LEASE = 1 << 5,
	WITH_OLD_LEASE = 1 << 6,
	WITH_FLOOR = 1 << 7,
	WITHOUT_PIN = 1 << 8,
	WITHOUT_FLEET = 1 << 9,
};

struct row {
	const char *name;
	struct pkt_spec packet;
	uint32_t flags; /* enum ppn_policy_flag */
	uint32_t with; /* enum row_with */
	const char *verdict; /* P or D in blind, holding, bound, isolated */
	int reason[4];
};

/* Each row in each column, isolated both by the policy and by the kernel; then observing. One TAP line. */
void rows_run(struct harness *h, enum harness_way way, const struct row *rows, size_t n);

#endif
