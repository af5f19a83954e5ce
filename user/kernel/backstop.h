/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The backstop: nftables rules that hold what the BPF programs do not hold, or do not hold yet, and a
 * second, coarser opinion on what they pass. The only file that knows libnftables is backstop.c.
 *
 * Three tables of the name PPN_BACKSTOP_TABLE, made by one place and replaced whole, in one transaction:
 *
 *	inet    what reaches or leaves IP, before conntrack and after NAT; by the index of the interface. A map
 *	        says which way an index goes; one that it does not name is dark. So a device that was made
 *	        a moment ago is dark until its owner has judged it, also while nobody is there to judge.
 *	bridge  the same for frames that cross a bridge and never see IP
 *	netdev  at the device itself, by name: ingress and egress of external devices that no program
 *	        holds. There also what is no IP, and what packet sockets send. (What packet sockets read, tcpdump
 *	        or a DHCP client, they read before any hook of nftables.)
 *
 * Whoever makes the rules, in DESIGN 6's words, the state's minimum: a dark device passes ARP, neighbour
 * discovery, MLD, DHCP and router discovery where the underlay has it, and from `holding` on WireGuard, the
 * claim port, rescue ports. A held one passes every port that any row of the seal could pass, without state:
 * which packets of them, XDP has judged.
 *
 * 0 or -errno, the sentence in ret_why. -EOPNOTSUPP: this kernel has no nf_tables.
 */
#ifndef PPN_KERNEL_BACKSTOP_H
#define PPN_KERNEL_BACKSTOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <net/if.h>
#include <ppn/maps.h>
#include "kernel/datapath.h"

#define PPN_BACKSTOP_TABLE "ppn"

/* Which way the packets of a device go. 0 is the closed one, and that of a device without a row. */
enum ppn_backstop_way {
	PPN_BACKSTOP_DARK = 0, /* external: the minimum, and nothing else judges it */
	PPN_BACKSTOP_HELD, /* external: XDP or TC judges as well */
	PPN_BACKSTOP_INSIDE, /* not the seal's: lo, bridges, veth of containers; ppn0 with its program */
	PPN_BACKSTOP_MESH, /* ppn0 of a node whose BPF is refused: mesh, without frames */
	PPN_BACKSTOP_SHUT, /* ppn0 while its program is not there: nothing */
	_PPN_BACKSTOP_WAY_MAX,
};

struct ppn_backstop_device {
	uint32_t ifindex;
	uint8_t way; /* enum ppn_backstop_way */
	uint8_t underlay; /* enum ppn_underlay, of an external one */
	uint8_t flags; /* enum ppn_iface_flag: LACP, EAPOL */
	bool own_hook; /* a dark one: into the netdev table too */
	char name[IFNAMSIZ];
};

struct ppn_backstop_rules {
	bool observe; /* drops nothing but what comes from a shut ppn0 */
	uint8_t column; /* enum ppn_column */
	uint32_t flags; /* enum ppn_policy_flag: SEAT, CLAIM, WATCH */
	const struct ppn_policy_table *table; /* fleet, own address, ports */
	const struct ppn_open_port *ports; /* as ppn_datapath_policy() takes them */
	size_t n_ports;
	const struct ppn_backstop_device *devices;
	size_t n_devices;
	const uint8_t (*seats)[16]; /* mesh addresses, for PPN_BACKSTOP_MESH */
	size_t n_seats;
};

/* What the tables dropped; X(ENUM, "name of the counter"). */
#define PPN_BACKSTOP_COUNTS(X)                 \
	X(DARK_IN, "dark_in")                  \
	X(DARK_OUT, "dark_out")                \
	X(HELD_IN, "held_in") /* XDP let by */ \
	X(HELD_OUT, "held_out")                \
	X(OUTSIDE, "mesh_outside")             \
	X(MESH, "mesh_shut")

enum ppn_backstop_count {
#define X(name, text) PPN_BACKSTOP_COUNT_##name,
	PPN_BACKSTOP_COUNTS(X)
#undef X
		_PPN_BACKSTOP_COUNT_MAX,
};
const char *ppn_backstop_count_text(enum ppn_backstop_count count);

/* The family of a table; counters are each table's own. */
enum ppn_backstop_family {
	PPN_BACKSTOP_INET,
	PPN_BACKSTOP_BRIDGE,
	PPN_BACKSTOP_NETDEV,
	_PPN_BACKSTOP_FAMILY_MAX,
};
const char *ppn_backstop_family_text(enum ppn_backstop_family family);

/*
 * Pure: the text of one table, with the lines that replace it, for nft -f. `counts` are what its counters
 * begin with. *ret_text is the caller's: free(). A netdev table without devices is only the removal.
 */
int ppn_backstop_render(const struct ppn_backstop_rules *rules, enum ppn_backstop_family family,
			const struct ppn_count counts[static _PPN_BACKSTOP_COUNT_MAX],
			char **ret_text);

struct ppn_backstop;

int ppn_backstop_open(struct ppn_backstop **ret_backstop, char ret_why[static PPN_WHY_LEN]);
/* Frees the handle; the tables stay. */
void ppn_backstop_close(struct ppn_backstop **backstop);
/*
 * Puts the rules in force, unless they are: `force` writes them whatever is believed to be there. A
 * kernel without bridge or netdev family, or a device that has just gone, costs that table only: 0, with
 * why. Counters go on. ret_changed: something had to be written.
 */
int ppn_backstop_set(struct ppn_backstop *backstop, const struct ppn_backstop_rules *rules,
		     bool force, bool *ret_changed, char ret_why[static PPN_WHY_LEN]);
/* 1: a table inet of ours is there, whoever made it; 0: none; or -errno. */
int ppn_backstop_there(struct ppn_backstop *backstop);
/* Sums over the tables. A table that is gone counts with what was read of it last. */
void ppn_backstop_counts(struct ppn_backstop *backstop,
			 struct ppn_count ret_counts[static _PPN_BACKSTOP_COUNT_MAX]);
/* Takes all three away. None there: 0. */
int ppn_backstop_remove(struct ppn_backstop *backstop, char ret_why[static PPN_WHY_LEN]);

#endif
