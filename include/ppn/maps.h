/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Map keys, values and sizes, the ABI number and the pin root: the contract between bpf/ and
 * user/kernel/. Every key and value spells out its padding; none has an enum or bool member.
 *
 * Pins (0600 in folders of 0700): PPN_PIN_ROOT/PPN_ABI/MAP and PPN_PIN_ROOT/PPN_ABI/links/IFINDEX.
 * A change of any layout here bumps PPN_ABI. An upgrade carries over what kept its shape; a policy table may
 * grow at its end, and struct ppn_command must stay as it is (user/kernel/datapath_upgrade.c).
 *
 * map           kind           writer   what
 * policy        array, mmap    ppnd     the column of the seal and what it compares with
 * open_ports    hash           ppnd     ports the roster or the local config opens
 * port_bits     array, mmap    ppnd     a bit for each port that somebody may ask for
 * egress_ports  hash           ppnd     what this node may open flows to
 * flows         hash           egress   flows this node opened; seal moves them on, ppnd removes them
 * flow_filter   array, mmap    egress   bits of what is in `flows`; ppnd clears those of what is not
 * ifaces        array          ppnd     group, underlay policy, slot and addresses, by ifindex
 * floors        hash           ppnd     greatest time taken from {serial, type}
 * leases        hash           egress   open DHCP transaction of each group of interfaces
 * rates         array          seal     token buckets of what may pass
 * seal_count    per-CPU array  seal     packets and bytes by slot and reason, in
 * egress_count  per-CPU array  egress   the same, out
 * frame_count   per-CPU array  frame    the same, on ppn0 (slot 0)
 * observed      LRU hash       both     what observing spared: reason, port, source prefix
 * samples       ring buffer    both     sampled packets: struct ppn_sample
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

#define PPN_ABI 3
#define PPN_PIN_ROOT "/sys/fs/bpf/ppn"

enum ppn_map_size {
	PPN_MAP_OPEN_PORTS = 1024, /* two generations of PPN_POLICY_RULES_MAX rows and some */
	PPN_MAP_EGRESS_PORTS = 2048, /* the same, roster's and local ones */
	PPN_MAP_PORT_BITS = 4096, /* words: 2 generations, TCP and UDP, 65536 bits */
	PPN_MAP_FLOWS = 65536,
	PPN_MAP_FLOW_FILTER = 32768, /* words: 256 KiB, which stay in a cache */
	PPN_MAP_IFACES = 32768, /* ifindexes; those beyond have row 0 */
	PPN_MAP_OBSERVED = 4096,
	PPN_MAP_SAMPLES = 256 * 1024, /* bytes */
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

/* PPN_POLICY_PORTS and _EGRESS are ppn_datapath_policy()'s to set: it knows the rows. */
enum ppn_policy_flag {
	PPN_POLICY_OBSERVE = 1 << 0, /* count every reason, pass everything */
	PPN_POLICY_SEAT =
		1 << 1, /* a seat runs here: here in; beacon, knock, claim connections out */
	PPN_POLICY_CLAIM = 1 << 2, /* the claim port is open to strangers (holding, stealth = no) */
	PPN_POLICY_PORTS = 1 << 3, /* open_ports has rows of this generation */
	PPN_POLICY_TRIAL = 1 << 4, /* the table's trial and trial_end count */
	PPN_POLICY_WATCH = 1 << 5, /* samples go to the ring */
	PPN_POLICY_EGRESS = 1 << 6, /* egress_ports has rows of this generation: flows are kept */
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

/* A flow as this machine sees it. IPv4 addresses are mapped. */
struct ppn_flow_key {
	__u8 local[16];
	__u8 remote[16];
	__be16 local_port;
	__be16 remote_port;
	__u8 proto; /* IPPROTO_TCP or IPPROTO_UDP */
	__u8 zero[3];
};
PPN_SIZE(struct ppn_flow_key, 40);

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
	__u64 trial_end; /* jiffies; past it the seal observes (PPN_POLICY_TRIAL) */
	struct ppn_flow_key trial; /* the caller's own flow, until then: passes in and out */
};
PPN_SIZE(struct ppn_policy_table, 104);

struct ppn_policy {
	__u64 word;
	__u64 zero;
	struct ppn_policy_table table[2];
};
PPN_SIZE(struct ppn_policy, 224);

/*
 * open_ports and egress_ports: key and value. Rows of a generation never change while it is selected. A
 * port may have a row of each kind: any that takes the other side's address opens it.
 */
enum ppn_port_kind {
	PPN_PORT_ROSTER = 0, /* bound, not isolated */
	PPN_PORT_RESCUE = 1, /* open_ports, by the local config: all columns but blind */
	PPN_PORT_LOCAL = 2, /* egress_ports, by the operator of this node: bound, not isolated */
};

struct ppn_port_key {
	__u32 generation;
	__be16 port; /* egress_ports: the other side's; 0: every port of the protocol */
	__u8 proto; /* IPPROTO_TCP or IPPROTO_UDP */
	__u8 kind; /* enum ppn_port_kind */
};
PPN_SIZE(struct ppn_port_key, 8);

#define PPN_PORT_PREFIXES 8
struct ppn_port_rule {
	__u64 until; /* of `any`: jiffies, past which it counts no more; 0: never */
	__u8 any; /* 1: any address of the other side */
	__u8 n; /* prefixes, 0..PPN_PORT_PREFIXES */
	__u8 zero[6];
	struct ppn_port_prefix {
		__u8 addr[16]; /* IPv6 or IPv4-mapped, host bits zero */
		__u8 mask[16];
		__u64 until; /* as above */
	} prefix[PPN_PORT_PREFIXES];
};
PPN_SIZE(struct ppn_port_rule, 336);

/*
 * port_bits: word and bit of a local port (network order, as it comes). A clear bit says that nobody asks for it: no row
 * of open_ports of any kind, and it is none of the seal's own (claim, WireGuard, discovery, DHCP client).
 * A set bit says that somebody may. So what drops at a closed port asks no hash.
 */
#define PPN_PORT_BITS_WORD(generation, is_udp, port) \
	(((__u32)(generation)&1) << 11 | (__u32) !!(is_udp) << 10 | (__u32)(port) >> 6)
#define PPN_PORT_BITS_BIT(port) ((port)&63)

/* -- flows this node opened -- */

enum ppn_flow_state {
	PPN_FLOW_NONE = 0,
	PPN_FLOW_SENT = 1, /* TCP: SYN out. UDP: one way so far */
	PPN_FLOW_OPEN = 2, /* TCP: SYN-ACK in. UDP: both ways */
	PPN_FLOW_CLOSING = 3, /* TCP: FIN of one side */
	PPN_FLOW_CLOSED = 4, /* TCP: RST, or FIN of both sides */
	_PPN_FLOW_MAX,
};

/*
 * Seconds since `seen` after which a flow lets nothing in and is removed. Only what this node sends keeps a
 * flow alive (RFC 4787 REQ-6): the other side cannot hold it open.
 */
enum ppn_flow_timeout {
	PPN_FLOW_UDP_SENT = 30,
	PPN_FLOW_UDP_OPEN = 180,
	PPN_FLOW_TCP_SENT = 130, /* Linux retries a SYN for 127 s */
	PPN_FLOW_TCP_OPEN = 432000, /* five days, RFC 5382 REQ-5 asks for two hours at least */
	PPN_FLOW_TCP_CLOSING = 240, /* RFC 5382: two maximum segment lifetimes */
	PPN_FLOW_TCP_CLOSED = 10, /* the last ACKs */
};

/* flows: struct ppn_flow_key -> this. */
struct ppn_flow_value {
	__u64 seen; /* jiffies of the last packet out, or of the last change of state */
	__u64 until; /* jiffies its rule ends; 0: never */
	__u32 generation; /* of the policy that allowed it last */
	__u32 isn; /* TCP: sequence number of our SYN, host order */
	__u8 state; /* enum ppn_flow_state */
	__u8 fins; /* enum ppn_flow_fin */
	__u8 zero[2];
	__u32 ack; /* TCP: the last acknowledgement we sent, host order */
	__u32 fin; /* TCP: the acknowledgement that takes the FIN that came in, host order */
	__u8 zero2[4];
};
PPN_SIZE(struct ppn_flow_value, 40);

enum ppn_flow_fin {
	PPN_FLOW_FIN_OURS = 1,
	PPN_FLOW_FIN_THEIRS = 2, /* our kernel has taken it */
	PPN_FLOW_FIN_BOTH = 3,
	PPN_FLOW_FIN_CAME = 4, /* one came in, be it forged */
};

/* A RST that comes in ends a flow if it lies so near above `ack`: a blind one hits 1 in 65536. */
#define PPN_FLOW_NEAR 65536

/*
 * flow_filter: what belongs to no flow asks no hash, however full that is. A Bloom filter (Bloom 1970) whose
 * three bits lie in one word: a flow that is there has all; of those that are not, one in 250 has, with a full
 * table (more while flows come and go faster than ppnd walks). The word's upper 16 bits count what was added to
 * it.
 *
 * Who adds a flow puts it into `flows`, then adds PPN_FLOW_ADDED to its word, then sets its bits. ppnd, which
 * alone removes flows, walks `flows` with a copy of the words from before, and exchanges a word for the bits of
 * what it saw only where it is still that copy: what was added meanwhile has changed it.
 */
#define PPN_FLOW_ADDED (1ULL << 48)

static __inline__ __u64 ppn_flow_hash(__u64 remote_high, __u64 remote_low, __be16 local_port,
				      __be16 remote_port, __u8 proto)
{
	const __u64 ports = (__u64)local_port << 32 | (__u64)remote_port << 16 | proto;
	__u64 h = (remote_high * 0x9e3779b97f4a7c15ULL ^ remote_low) * 0xbf58476d1ce4e5b9ULL;

	h = (h ^ ports) * 0x94d049bb133111ebULL;
	/* Ports in a row, addresses in a row: without this their bits fall on few words. */
	return (h ^ h >> 32) * 0xbf58476d1ce4e5b9ULL;
}

static __inline__ __u64 ppn_flow_key_hash(const struct ppn_flow_key *key)
{
	__u64 remote[2];

	__builtin_memcpy(remote, key->remote, sizeof(remote));
	return ppn_flow_hash(remote[0], remote[1], key->local_port, key->remote_port, key->proto);
}

/* The upper bits of a product are its best: 15 of them name the word, 4 each bit. */
static __inline__ __u32 ppn_flow_slot(__u64 hash)
{
	return (__u32)(hash >> 49);
}
PPN_STATIC_ASSERT(PPN_MAP_FLOW_FILTER == 1 << (64 - 49), "a word for each hash");

static __inline__ __u64 ppn_flow_bits(__u64 hash)
{
	return 1ULL << (hash >> 45 & 15) | 1ULL << (16 + (hash >> 41 & 15)) |
	       1ULL << (32 + (hash >> 37 & 15));
}

/* -- interfaces -- */

enum ppn_iface_flag {
	PPN_IFACE_LACP = 1 << 0, /* a bond's member */
	PPN_IFACE_EAPOL = 1 << 1, /* dot1x = yes */
	PPN_IFACE_GUESTS = 1 << 2, /* a bridge's port: frames of other unicast addresses pass */
};

#define PPN_COUNT_SLOTS 32 /* 0: interfaces that have none of their own */
#define PPN_COUNT_INDEX(slot, reason) ((__u32)(slot)*_PPN_REASON_MAX + (__u32)(reason))

/* ifaces[ifindex]. All zeroes, as row 0: link-local, nothing else. */
struct ppn_iface {
	__u32 group; /* ifindex of its bond, else its own */
	__u8 underlay; /* enum ppn_underlay */
	__u8 flags; /* enum ppn_iface_flag */
	__u8 slot; /* of the counters, below PPN_COUNT_SLOTS */
	__u8 zero;
	__u8 mac[2][6]; /* its own, and its bridge's (its own again where it has none) */
	__u8 zero2[4];
};
PPN_SIZE(struct ppn_iface, 24);

struct ppn_floor_key {
	__u8 serial[PPN_SERIAL_LEN];
	__u32 type; /* enum ppn_packet_type */
};
PPN_SIZE(struct ppn_floor_key, 20); /* value: __u64, host order, milliseconds */

/* leases: group of ppn_iface (__u32) -> the last DHCP transaction this node opened there. */
struct ppn_lease {
	__u64 opened4; /* jiffies, of the last DHCPv4 message */
	__u64 opened6; /* the same of DHCPv6 */
	__u8 mac[6];
	__u8 zero[2];
	__u8 xid4[4];
	__u8 xid6[4]; /* transaction id in the last 3 bytes */
	__u8 source6[16];
};
PPN_SIZE(struct ppn_lease, 48);
#define PPN_LEASE_SECONDS 60

/* rates: the kernel's alone; bpf/rate.h says what the word means. 0: free. */
struct ppn_rate {
	__u64 word;
};
PPN_SIZE(struct ppn_rate, 8);

/* `settings` in .rodata of seal, seal_tc and egress: the loader's, before it loads. */
struct ppn_settings {
	__u64 rate_seed[2]; /* random, the same in all three */
	__u32 hz; /* 1e9 / resolution of CLOCK_MONOTONIC_COARSE in ns */
	__u8 rate_off; /* 1: no limits; for tests that count on every packet */
	__u8 zero[3];
};
PPN_SIZE(struct ppn_settings, 24);

/* *_count[PPN_COUNT_INDEX()], per CPU. */
struct ppn_count {
	__u64 packets;
	__u64 bytes;
};
PPN_SIZE(struct ppn_count, 16);

enum ppn_direction {
	PPN_DIRECTION_IN = 0,
	PPN_DIRECTION_OUT = 1,
};

/* observed: what would have dropped while the seal observes. -> struct ppn_count */
struct ppn_observed_key {
	__u16 reason; /* enum ppn_reason */
	__u8 proto; /* IPPROTO_*; 0: no IP */
	__u8 direction; /* enum ppn_direction */
	__be16 port; /* TCP and UDP: in, ours; out, theirs */
	__u16 zero;
	__u8 prefix[16]; /* of the other side: /24 (IPv4-mapped), /64 */
};
PPN_SIZE(struct ppn_observed_key, 24);

/* samples: under PPN_POLICY_WATCH, PPN_SAMPLE_RATE a second and CPU. */
#define PPN_SAMPLE_COPY 128
#define PPN_SAMPLE_RATE 100
struct ppn_sample {
	__u64 at_ns; /* CLOCK_MONOTONIC */
	__u32 ifindex;
	__u16 reason; /* enum ppn_reason */
	__u8 direction; /* enum ppn_direction */
	__u8 verdict; /* enum ppn_verdict */
	__u32 len; /* of the packet */
	__u32 captured; /* bytes of it that follow */
	__u8 packet[PPN_SAMPLE_COPY]; /* from the Ethernet header on */
};
PPN_SIZE(struct ppn_sample, 152);

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
