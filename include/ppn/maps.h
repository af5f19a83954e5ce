/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Map keys, values and sizes, the ABI number and the pin root: the contract between bpf/ and
 * user/kernel/. Every key and value spells out its padding; none has an enum or bool member.
 *
 * Pins (0600 in folders of 0700): PPN_PIN_ROOT/PPN_ABI/MAP and PPN_PIN_ROOT/PPN_ABI/links/IFINDEX.
 * A change of any layout here bumps PPN_ABI.
 *
 * map           kind           writer   what
 * policy        array, mmap    ppnd     the column of the seal and what it compares with
 * open_ports    hash           ppnd     ports the roster or the local config opens
 * ifaces        hash           ppnd     underlay policy and hold of each external interface
 * floors        hash           ppnd     greatest time taken from {serial, type}
 * leases        hash           egress   open DHCP transaction of each interface
 * rates         per-CPU array  seal     token buckets of what may pass
 * seal_count    per-CPU array  seal     packets and bytes by reason, in
 * egress_count  per-CPU array  egress   the same, out
 * frame_count   per-CPU array  frame    the same, on ppn0
 * packets       ring buffer    seal     beacons (and knocks) handed up: struct ppn_packet_event
 * slots         array, mmap    ppnd     command slots: keys and reserved sequence numbers
 * command       array          kernel   windows, last state seqs, isolated; bpf_spin_lock
 * frames        ring buffer    frame    frames handed up and acted: struct ppn_frame_event
 */
#ifndef PPN_MAPS_H
#define PPN_MAPS_H

#include <linux/types.h>
#ifdef __bpf__
#include <linux/bpf.h>
#endif
#include <ppn/wire.h>

#define PPN_ABI 1
#define PPN_PIN_ROOT "/sys/fs/bpf/ppn"

enum ppn_map_size {
	PPN_MAP_OPEN_PORTS = 1024, /* two generations of PPN_POLICY_RULES_MAX rows and some */
	PPN_MAP_IFACES = 256,
	PPN_MAP_FLOORS = 128,
	PPN_MAP_LEASES = 256,
	PPN_MAP_RATES = 16384,
	PPN_MAP_PACKETS = 256 * 1024, /* bytes */
	PPN_MAP_FRAMES = 64 * 1024, /* bytes */
};

/* Column of DESIGN 6's tables. 0 is the closed one. Isolation is not here: `command` has it. */
enum ppn_column {
	PPN_COLUMN_BLIND = 0,
	PPN_COLUMN_HOLDING = 1,
	PPN_COLUMN_BOUND = 2,
	PPN_COLUMN_ISOLATED = 3, /* BOUND while command.isolated, or so set by ppnd */
};

enum ppn_policy_flag {
	PPN_POLICY_OBSERVE = 1 << 0, /* count every reason, pass everything */
	PPN_POLICY_SEAT =
		1 << 1, /* a seat runs here: here in; beacon, knock, claim connections out */
	PPN_POLICY_CLAIM = 1 << 2, /* the claim port is open to strangers (holding, stealth = no) */
	PPN_POLICY_PORTS =
		1 << 3, /* open_ports has rows of this generation: ppn_datapath_policy() says so */
};

/*
 * policy[0]. The word is one aligned 64-bit value, changed by one store:
 *	bits 0..7 column, 8..31 flags, 32..63 table generation.
 * The generation's lowest bit selects the table; a table is immutable while it is selected. All zeroes:
 * blind, no fleet, nothing open.
 */
#define PPN_POLICY_WORD(column, flags, gen) \
	((__u64)(column) | ((__u64)(flags) << 8) | ((__u64)(gen) << 32))
#define PPN_POLICY_COLUMN(word) ((__u8)(word))
#define PPN_POLICY_FLAGS(word) ((__u32)((word) >> 8) & 0xffffff)
#define PPN_POLICY_GENERATION(word) ((__u32)((word) >> 32))

struct ppn_policy_table {
	__u8 fleet[8]; /* first 8 bytes of the fleet prefix: 48 bits of it, then zeros; zeros: no fleet */
	__u8 address[16]; /* own mesh address */
	__u8 gate_key[PPN_SIP_KEY_LEN];
	__u32 number; /* own node number, host order; 0: none, no frame is for us */
	__be16 claim_port;
	__be16 wg_port;
	__be16 discovery_port;
	__u8 pinned; /* 1: gate_key is real; 0: beacons and knocks drop */
	__u8 zero[5];
};
PPN_SIZE(struct ppn_policy_table, 56);

struct ppn_policy {
	__u64 word;
	__u64 zero;
	struct ppn_policy_table table[2];
};
PPN_SIZE(struct ppn_policy, 128);

/* open_ports: key and value. Rows of a generation never change while it is selected. */
struct ppn_port_key {
	__u32 generation;
	__be16 port;
	__u8 proto; /* IPPROTO_TCP or IPPROTO_UDP */
	__u8 zero;
};
PPN_SIZE(struct ppn_port_key, 8);

#define PPN_PORT_PREFIXES 8
struct ppn_port_rule {
	__u8 rescue; /* 1: by the local config (all columns but blind); 0: by the roster (bound) */
	__u8 any; /* 1: any source */
	__u8 n; /* prefixes, 0..PPN_PORT_PREFIXES */
	__u8 zero[5];
	struct {
		__u8 addr[16]; /* IPv6 or IPv4-mapped, host bits zero */
		__u8 mask[16];
	} prefix[PPN_PORT_PREFIXES];
};
PPN_SIZE(struct ppn_port_rule, 264);

enum ppn_iface_flag {
	PPN_IFACE_LACP = 1 << 0, /* a bond's member */
	PPN_IFACE_EAPOL = 1 << 1, /* dot1x = yes */
};

/* ifaces: ifindex (__u32) -> this. No row: link-local. */
struct ppn_iface {
	__u8 underlay; /* enum ppn_underlay */
	__u8 flags; /* enum ppn_iface_flag */
	__u8 zero[6];
};
PPN_SIZE(struct ppn_iface, 8);

struct ppn_floor_key {
	__u8 serial[PPN_SERIAL_LEN];
	__u32 type; /* enum ppn_packet_type */
};
PPN_SIZE(struct ppn_floor_key, 20); /* value: __u64, host order, milliseconds */

/* leases: ifindex (__u32) -> the last DHCP transaction this node opened there. */
struct ppn_lease {
	__u64 opened; /* jiffies */
	__u8 mac[6];
	__u8 zero[2];
	__u8 xid4[4];
	__u8 xid6[4]; /* transaction id in the last 3 bytes */
	__u8 source6[16];
};
PPN_SIZE(struct ppn_lease, 40);
#define PPN_LEASE_SECONDS 60

struct ppn_rate {
	__u64 at; /* jiffies of the last refill */
	__u32 tokens;
	__u32 zero;
};
PPN_SIZE(struct ppn_rate, 16);

/* *_count: reason (__u32) -> this, per CPU. */
struct ppn_count {
	__u64 packets;
	__u64 bytes;
};
PPN_SIZE(struct ppn_count, 16);

/* packets: what is handed up; the packet itself was dropped. */
#define PPN_PACKET_COPY 1280
struct ppn_packet_event {
	__u32 ifindex;
	__u16 len; /* of payload, 1..PPN_PACKET_COPY */
	__u8 type; /* enum ppn_packet_type */
	__u8 hop_limit;
	__u8 source[16]; /* IPv6 or IPv4-mapped */
	__be16 source_port;
	__u8 zero[6];
	__u8 payload[PPN_PACKET_COPY]; /* the UDP payload */
};
PPN_SIZE(struct ppn_packet_event, 1312);

/* slots[0..PPN_SEATS_MAX). Closed by valid = 0 first; opened by valid = 1 last. */
struct ppn_slot {
	__u32 valid;
	__u32 generation; /* rises with every new key of this slot */
	__u32 reserved; /* last reserved sequence number: frames above are handed up, not admitted */
	__u32 floor; /* numbers up to this one are used */
	__u8 address[16]; /* the seat's mesh address */
	__u8 serial[PPN_SERIAL_LEN];
	__u8 key[PPN_SIP_KEY_LEN];
};
PPN_SIZE(struct ppn_slot, 64);

/* Window of one slot. Of another generation than the slot's: counts as empty above the slot's floor. */
struct ppn_window {
	__u32 generation;
	__u32 top; /* greatest seq taken */
	__u32 last_state; /* greatest seq of a state-changing op taken */
	__u32 zero;
	__u64 seen; /* bit i: top - i was taken */
};
PPN_SIZE(struct ppn_window, 24);

/* command[0]. One writer, the kernel; ppnd fills it only before the program is attached to a fresh map. */
struct ppn_command {
#ifdef __bpf__
	struct bpf_spin_lock lock;
#else
	__u32 lock;
#endif
	__u32 isolated; /* 1: only seats, in and out */
	struct ppn_window window[PPN_SEATS_MAX];
};
PPN_SIZE(struct ppn_command, 104);

/* frames: a frame with a good tag that was admitted, acted, or lies above the reserved end. */
enum ppn_frame_event_kind {
	PPN_FRAME_ACTED = 1, /* isolate, release: the kernel has acted; ppnd writes the ledger */
	PPN_FRAME_ADMITTED = 2, /* ppnd acts */
	PPN_FRAME_ABOVE =
		3, /* above `reserved`: nothing happened; ppnd reserves, then admits or acts */
};

struct ppn_frame_event {
	__u32 kind; /* enum ppn_frame_event_kind */
	__u32 slot;
	__u32 generation; /* the slot's */
	__u32 seq; /* host order */
	struct ppn_frame frame;
	__u64 at_ns; /* CLOCK_MONOTONIC */
};
PPN_SIZE(struct ppn_frame_event, 40);

#endif
