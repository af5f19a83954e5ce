/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Ethernet frames from a description: what is not said has its usual value, lengths are right unless a
 * patch makes them wrong. Checksums stay zero; no program of ours reads them.
 */
#ifndef PPN_SELFTESTS_PACKETS_H
#define PPN_SELFTESTS_PACKETS_H

#include <stddef.h>
#include <stdint.h>
#include <ppn/wire.h>

enum { PKT_MAX = 2048, PKT_PATCHES = 4, PKT_VLANS = 3 };

struct pkt {
	uint8_t data[PKT_MAX];
	size_t len;
	size_t l3, l4; /* offsets of the IP header and of what follows it */
};

/* A patch writes one byte: at its base, `at` bytes on. Base 0 ends the list. */
enum pkt_base { PKT_END, PKT_L2, PKT_L3, PKT_L4 };
struct pkt_patch {
	uint8_t base;
	uint16_t at;
	uint8_t value;
};

/* Hop-by-hop header before ICMPv6: router alert then PadN, or PadN then router alert. */
enum pkt_alert { PKT_NO_ALERT, PKT_ALERT_FIRST, PKT_ALERT_LAST };

struct pkt_spec {
	uint16_t vlan[PKT_VLANS]; /* tag protocol ids, outermost first */
	uint16_t ethertype; /* not 0: no IP, the payload follows */
	const char *src, *dst; /* text; a colon makes it IPv6 */
	uint8_t proto; /* IPPROTO_*; what else than TCP, UDP, ICMP and ICMPV6 is has only a payload */
	uint8_t hop; /* 0: 64, but 255 for ICMPv6 */
	uint8_t alert; /* enum pkt_alert */
	uint16_t sport, dport;
	uint8_t flags; /* of TCP */
	uint32_t seq, ack; /* of TCP */
	uint8_t type, code; /* of ICMP and ICMPv6: the payload follows their checksum */
	const void *options; /* of IPv4 */
	uint8_t options_len; /* a multiple of 4 */
	const void *payload;
	uint16_t payload_len;
	uint16_t cut; /* bytes missing at the end */
	uint16_t pad; /* bytes of Ethernet padding, 0xee */
	struct pkt_patch patch[PKT_PATCHES];
};

void pkt_build(const struct pkt_spec *spec, struct pkt *ret_pkt);

/* Heads and bodies; each fills a buffer and returns its length. */
enum {
	PKT_GATE_LEN = sizeof(struct ppn_gate_head) + 200,
	PKT_BOOTP_LEN = 300,
	PKT_DHCP6_LEN = 40,
};
size_t pkt_gate(uint8_t *ret, enum ppn_packet_type type, const uint8_t *key, uint64_t time_ms,
		const uint8_t *serial);
/* A head alone, and a right tag. */
size_t pkt_gate_bare(uint8_t *ret, const uint8_t *key, uint64_t time_ms, const uint8_t *serial);
size_t pkt_here(uint8_t *ret);
size_t pkt_bootp(uint8_t *ret, uint8_t op, uint32_t xid, const uint8_t *mac);
size_t pkt_dhcp6(uint8_t *ret, uint8_t type, uint32_t xid);
/* After ICMPv6's checksum: reserved word with `flags` first, target, then an option when type is not 0. */
size_t pkt_nd(uint8_t *ret, uint8_t flags, const char *target, uint8_t option, uint8_t units);
/* The same place of an MLD version 1 message, and of a version 2 report of n groups. */
size_t pkt_mld(uint8_t *ret, const char *group);
size_t pkt_mld2(uint8_t *ret, const char *const *groups, size_t n);
/* After the checksum of an ICMP error: mtu, then the quoted headers (an IP packet without Ethernet). */
size_t pkt_quote(uint8_t *ret, const struct pkt_spec *quoted);

#endif
