/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * DESIGN 6's tables "traffic in" and "traffic out" and PROTOCOL 3, 4, 9 in plain C, written from those texts and
 * sharing no line with bpf/: what the programs say of a frame is compared with what this says. It knows no
 * sockets and no rates: the kernel it stands for has no TCP connection, and limits are off.
 */
#ifndef PPN_SELFTESTS_REFERENCE_H
#define PPN_SELFTESTS_REFERENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <ppn/maps.h>
#include <ppn/reasons.h>

enum { REFERENCE_PORTS = 8, REFERENCE_PREFIXES = 2, REFERENCE_FLOWS = 1024 };

/* Of a port of ours that is open, or of a line of the egress list: the other side's port then, 0 for every one. */
struct reference_port {
	uint8_t proto;
	uint16_t port;
	bool rescue; /* ours */
	bool over; /* egress: past its end */
	unsigned int n; /* prefixes of the other side; 0: any */
	struct {
		bool v4;
		uint8_t addr[16]; /* IPv4: the first four */
		unsigned int len;
	} prefix[REFERENCE_PREFIXES];
};

/* A flow the node opened. The reference moves its state on as packets come and go, and adds those that begin. */
struct reference_flow {
	uint8_t proto;
	bool v4;
	uint8_t ours[16], theirs[16]; /* addresses; IPv4: the first four */
	uint16_t our_port, their_port;
	enum ppn_flow_state state;
	uint32_t isn, ack;
	bool timed_out, shut; /* silent for too long; the rule that allowed it is over */
	bool finished; /* we sent a FIN */
};

struct reference_world {
	enum ppn_column column;
	bool isolated; /* by the kernel's command map */
	bool seat, claim_open, pinned;
	bool fleet; /* fleet_prefix is one */
	uint8_t fleet_prefix[6];
	uint8_t gate_key[16];
	uint16_t claim_port, wg_port, discovery_port;
	enum ppn_underlay underlay;
	bool lacp, eapol;
	bool lease; /* open now */
	uint8_t lease_mac[6], lease_xid4[4], lease_xid6[3], lease_source6[16];
	uint8_t floor_serial[16];
	uint64_t floor_ms;
	size_t n_ports;
	struct reference_port port[REFERENCE_PORTS];
	bool keeps_flows; /* there is an egress list */
	size_t n_rules;
	struct reference_port rule[REFERENCE_PORTS];
	size_t n_flows;
	struct reference_flow flow[REFERENCE_FLOWS];
};

struct reference_verdict {
	bool pass;
	enum ppn_reason reason;
};

struct reference_verdict reference_seal(struct reference_world *world, const uint8_t *frame,
					size_t len);
struct reference_verdict reference_egress(struct reference_world *world, const uint8_t *frame,
					  size_t len);

#endif
