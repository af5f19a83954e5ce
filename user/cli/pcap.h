/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A capture file that wireshark and tcpdump read: pcapng, because each packet carries the reason it dropped for
 * as a comment, which pcap has no room for.
 */
#ifndef PPN_CLI_PCAP_H
#define PPN_CLI_PCAP_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum { PCAP_INTERFACES_MAX = 64, PCAP_DATA_MAX = 512, PCAP_COMMENT_MAX = 128 };

struct pcap;

struct pcap_packet {
	uint64_t at_ns; /* Unix */
	const char *interface; /* a kernel's name */
	bool outwards;
	uint32_t len, captured; /* of the packet; of data, PCAP_DATA_MAX at most */
	const uint8_t *data; /* from the Ethernet header on */
	const char *comment; /* PCAP_COMMENT_MAX at most */
};

/* "-": stdout. 0 or -errno. */
int pcap_open(struct pcap **ret_pcap, const char *path);
int pcap_write(struct pcap *pcap, const struct pcap_packet *packet);
/* Frees it in any case; -EIO: the last bytes are not written. */
int pcap_close(struct pcap *pcap);

#endif
