// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>
#include "bodies.h"

const uint8_t body_mac[6] = { 0x02, 0, 0, 0, 0, 1 };
const uint8_t body_serial[PPN_SERIAL_LEN] = { 1, 2, 3, 4, 5, 6, 7, 8, [15] = 1 };
const uint8_t body_other_serial[PPN_SERIAL_LEN] = { 1, 2, 3, 4, 5, 6, 7, 8, [15] = 2 };
const struct ppn_lease body_lease = {
	.mac = { 0x02, 0, 0, 0, 0, 1 },
	.xid4 = { 0x0a, 0x0b, 0x0c, 0x0d },
	.xid6 = { 0, 0xa1, 0xb2, 0xc3 },
	.source6 = { 0xfe, 0x80, [15] = 1 },
};

#define X(name, len) uint8_t body_##name[len];
BODIES(X)
#undef X

static void fill_link(void)
{
	static const uint8_t arp[8] = { 0, 1, 8, 0, 6, 4, 0, 1 };

	memcpy(body_arp_request, arp, sizeof(arp));
	memcpy(body_arp_reply, arp, sizeof(arp));
	memcpy(body_arp_rarp, arp, sizeof(arp));
	memcpy(body_arp_token, arp, sizeof(arp));
	body_arp_reply[7] = 2;
	body_arp_rarp[7] = 3;
	body_arp_token[1] = 6;
	body_lacp[0] = 1;
	body_slow_oam[0] = 3;
	body_eapol[0] = 2;
}

static void fill_options(uint8_t *nd, size_t n)
{
	(void)pkt_nd(nd, 0, "fe80::1", 0, 0);
	for (size_t i = 0; i < n; i++) {
		nd[BODY_ND + 8 * i] = 14;
		nd[BODY_ND + 8 * i + 1] = 1;
	}
}

static void fill_neighbour(void)
{
	static const char *const groups[] = { "ff02::1:ff00:1", "ff02::fb" };

	(void)pkt_nd(body_nd, 0, "fe80::1", 0, 0);
	(void)pkt_nd(body_nd_solicited, 0x60, "fe80::1", 0, 0);
	(void)pkt_nd(body_nd_multicast, 0, "ff02::1", 0, 0);
	(void)pkt_nd(body_nd_fleet, 0, HARNESS_FLEET ":9", 0, 0);
	(void)pkt_nd(body_nd_link, 0, "fe80::1", 1, 1);
	(void)pkt_nd(body_nd_nonce, 0, "fe80::1", 14, 1);
	(void)pkt_nd(body_nd_zero, 0, "fe80::1", 14, 0);
	(void)pkt_nd(body_nd_long, 0, "fe80::1", 14, 2);
	fill_options(body_nd_sixteen, 16);
	fill_options(body_nd_seventeen, 17);
	(void)pkt_mld(body_mld_any, "::");
	(void)pkt_mld(body_mld_solicited, groups[0]);
	(void)pkt_mld(body_mld_mdns, groups[1]);
	(void)pkt_mld2(body_mld2_solicited, groups, 1);
	(void)pkt_mld2(body_mld2_mdns, groups + 1, 1);
	(void)pkt_mld2(body_mld2_mixed, groups, 2);
}

static void fill_discovery(void)
{
	const uint8_t *key = harness_gate_key;

	(void)pkt_gate(body_beacon, PPN_PACKET_BEACON, key, BODY_TIME + 1, body_serial);
	(void)pkt_gate(body_beacon_at_floor, PPN_PACKET_BEACON, key, BODY_TIME, body_serial);
	(void)pkt_gate(body_beacon_other, PPN_PACKET_BEACON, key, 1, body_other_serial);
	(void)pkt_gate(body_beacon_forged, PPN_PACKET_BEACON, key, BODY_TIME + 1, body_serial);
	(void)pkt_gate(body_beacon_magic, PPN_PACKET_BEACON, key, BODY_TIME + 1, body_serial);
	(void)pkt_gate(body_beacon_version, PPN_PACKET_BEACON, key, BODY_TIME + 1, body_serial);
	(void)pkt_gate(body_beacon_length, PPN_PACKET_BEACON, key, BODY_TIME + 1, body_serial);
	(void)pkt_gate(body_gate_type, 9, key, BODY_TIME + 1, body_serial);
	(void)pkt_gate(body_knock, PPN_PACKET_KNOCK, key, BODY_TIME + 1, body_serial);
	(void)pkt_gate_bare(body_beacon_bare, key, BODY_TIME + 1, body_serial);
	body_beacon_forged[47] ^= 1;
	body_beacon_magic[0] ^= 1;
	body_beacon_version[4] = 2;
	body_beacon_length[7]++;
	(void)pkt_here(body_here);
	(void)pkt_here(body_here_long);
	body_here_long[7]++;
}

static void fill_dhcp(void)
{
	static const uint8_t other[6] = { 0x02, 0, 0, 0, 0, 9 };

	(void)pkt_bootp(body_bootp_reply, 2, BODY_XID, body_mac);
	(void)pkt_bootp(body_bootp_other_xid, 2, BODY_XID + 1, body_mac);
	(void)pkt_bootp(body_bootp_other_mac, 2, BODY_XID, other);
	(void)pkt_bootp(body_bootp_request, 1, BODY_XID, body_mac);
	(void)pkt_bootp(body_bootp_no_cookie, 2, BODY_XID, body_mac);
	body_bootp_no_cookie[236] = 0;
	(void)pkt_dhcp6(body_dhcp6_solicit, 1, BODY_XID6);
	(void)pkt_dhcp6(body_dhcp6_reply, 7, BODY_XID6);
	(void)pkt_dhcp6(body_dhcp6_other_xid, 7, BODY_XID6 + 1);
	(void)pkt_dhcp6(body_dhcp6_info, 11, BODY_XID6);
	(void)pkt_dhcp6(body_dhcp6_reconfigure, 10, BODY_XID6);
}

static void fill_quotes(void)
{
	const struct pkt_spec claim4 = { .src = "127.0.0.1",
					 .dst = "127.0.0.1",
					 TCP(HARNESS_CLAIM, BODY_CLIENT4, ACK) };
	const struct pkt_spec seat4 = { .src = "127.0.0.1",
					.dst = "127.0.0.1",
					TCP(BODY_CLIENT4, HARNESS_CLAIM, ACK) };
	const struct pkt_spec none4 = { .src = "127.0.0.1",
					.dst = "127.0.0.1",
					TCP(HARNESS_CLAIM, 1, ACK) };
	const struct pkt_spec claim6 = { .src = "::1",
					 .dst = "::1",
					 TCP(HARNESS_CLAIM, BODY_CLIENT6, ACK) };
	const struct pkt_spec none6 = { .src = "::1", .dst = "::1", TCP(HARNESS_CLAIM, 1, ACK) };
	const struct pkt_spec wg6 = { .src = "::1", .dst = "::1", UDP(HARNESS_WG, 51820) };

	(void)pkt_quote(body_quote_claim4, &claim4);
	(void)pkt_quote(body_quote_seat4, &seat4);
	(void)pkt_quote(body_quote_none4, &none4);
	(void)pkt_quote(body_quote_claim6, &claim6);
	(void)pkt_quote(body_quote_none6, &none6);
	(void)pkt_quote(body_quote_wg6, &wg6);
}

void bodies_fill(void)
{
	fill_link();
	fill_neighbour();
	fill_discovery();
	fill_dhcp();
	fill_quotes();
}

static int bound_socket(int family, uint16_t port)
{
	struct sockaddr_in a4 = { .sin_family = AF_INET,
				  .sin_port = htons(port),
				  .sin_addr = { htonl(INADDR_LOOPBACK) } };
	struct sockaddr_in6 a6 = { .sin6_family = AF_INET6,
				   .sin6_port = htons(port),
				   .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	const int s = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

	if (s < 0 || setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
	    bind(s, family == AF_INET ? (void *)&a4 : (void *)&a6,
		 family == AF_INET ? sizeof(a4) : sizeof(a6)))
		bail_out("bind");
	return s;
}

/* The sockets stay for as long as the test runs. */
static void connect_over(int family, uint16_t port, uint16_t client)
{
	const int listener = bound_socket(family, port), s = bound_socket(family, client);
	struct sockaddr_storage server;
	socklen_t len = sizeof(server);

	if (listen(listener, 4) || getsockname(listener, (void *)&server, &len) ||
	    connect(s, (void *)&server, len) || accept(listener, NULL, NULL) < 0)
		bail_out("connect");
}

void bodies_connect(void)
{
	connect_over(AF_INET, HARNESS_CLAIM, BODY_CLIENT4);
	connect_over(AF_INET6, HARNESS_CLAIM, BODY_CLIENT6);
	connect_over(AF_INET, 8443, BODY_CLIENT_OPEN);
}
