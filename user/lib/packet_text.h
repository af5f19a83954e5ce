/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The beginning of a frame in one line for people: "tcp 192.0.2.7:40000 > 192.0.2.2:22 [S]", or its ends alone, for
 * programs. Pure; the bytes are whatever somebody sent, and are cut anywhere.
 */
#ifndef PPN_LIB_PACKET_TEXT_H
#define PPN_LIB_PACKET_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/wire.h"

#define PPN_PACKET_TEXT_LEN 160

/* Always terminated, printable, and in its room. frame: from the Ethernet header on, len bytes of it. */
const char *ppn_packet_text(char ret_text[static PPN_PACKET_TEXT_LEN], const uint8_t *frame,
			    size_t len);

struct ppn_packet_ends {
	char src[PPN_ADDRESS_TEXT], dst[PPN_ADDRESS_TEXT];
	uint8_t proto; /* as the IP header says */
	bool has_ports; /* of TCP and UDP, where they are there */
	uint16_t sport, dport;
};
/* Of an IP packet. False: it is none, or has no whole header. */
bool ppn_packet_ends(struct ppn_packet_ends *ret_ends, const uint8_t *frame, size_t len);

#endif
