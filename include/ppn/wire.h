/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What goes over the wire and onto the disk: layouts, domains, limits.
 *
 * Read by BPF C and by user C alike, so only __uN/__beN, packed-by-construction structs and enums.
 * Integers are big-endian. H is BLAKE2b-256. Every layout is fixed, or length-prefixed with a bound
 * stated here. The source of every rule is PROTOCOL.md (section in brackets).
 *
 * Signed objects [2] all look like this on the wire:
 *
 *	struct ppn_object_head | fields | unknown minor fields | signature(s)
 *	|<---------------- body: head.len bytes ------------->|
 *
 * and what is signed is   domain (16) | fleet id (32) | body.   A reader refuses an unknown major in
 * words, and keeps and skips what follows the fields it knows inside the body (a higher minor).
 * One Ed25519 signature (64) follows the body; the root document is followed by a count (1) and that
 * many struct ppn_root_sig instead.
 */
#ifndef PPN_WIRE_H
#define PPN_WIRE_H

#include <linux/types.h>

#ifndef PPN_STATIC_ASSERT
#define PPN_STATIC_ASSERT(cond, text) _Static_assert(cond, text)
#endif
#define PPN_SIZE(type, size) PPN_STATIC_ASSERT(sizeof(type) == (size), "size of " #type)
#define PPN_OFFSET(type, field, off) \
	PPN_STATIC_ASSERT(__builtin_offsetof(type, field) == (off), "offset of " #type "." #field)

/* ---- ports and numbers -------------------------------------------------------------------- */

enum ppn_port {
	PPN_PORT_DISCOVERY = 9442, /* UDP, external: beacon, here, knock [3] */
	PPN_PORT_CLAIM = 9443, /* TCP, external and, for seats, on ppn0 [4] */
	PPN_PORT_MEMBERS = 9444, /* TCP, ppn0: roster between members [6] */
	PPN_PORT_WIREGUARD = 51820,
	PPN_PORT_FRAME = 8090, /* UDP, ppn0: command frames [5] */
	PPN_PORT_TELEMETRY = 8091, /* UDP, ppn0 [5] */
};

enum ppn_size {
	PPN_KEY_LEN = 32, /* Ed25519 and X25519 public keys, X25519 secrets, seeds */
	PPN_HASH_LEN = 32, /* BLAKE2b-256 and SHA-256 */
	PPN_SIG_LEN = 64,
	PPN_SIP_KEY_LEN = 16,
	PPN_SIP_TAG_LEN = 8,
	PPN_DOMAIN_LEN = 16,
	PPN_KEY_ID_LEN = 8,
	PPN_SERIAL_LEN = 16,
	PPN_BATCH_LEN = 8,
	PPN_NONCE_LEN = 32,
	PPN_NAME_MAX = 63, /* a DNS label, RFC 1035 2.3.4 */
	PPN_NAME_LEN = 64, /* length byte, then PPN_NAME_MAX bytes, zero-padded */
	PPN_LABEL_LEN = 8, /* Crockford base 32 symbols of H(identity), for the eye [1] */
};

enum ppn_limit {
	PPN_ROOTS_MAX = 4, /* keys of one root document [1] */
	PPN_CHAIN_MAX = 64, /* root documents of one chain [1] */
	PPN_CRL_REVOKED_MAX = 256, /* serials of one revocation list [4] */
	PPN_CRL_SET_MAX = PPN_ROOTS_MAX, /* lists of one number kept at once, one a root [1] */
	PPN_SEATS_MAX = 4, /* command slots of a node [5] */
	PPN_MEMBERS_MAX = 16384, /* members of one roster */
	PPN_ENDPOINTS_MAX = 4, /* endpoints of one member */
	PPN_ROLES_LEN_MAX = 127, /* comma-separated role words of one member */
	PPN_POLICY_RULES_MAX = 256, /* rows of each policy section */
	PPN_REVOKED_MAX = 16384, /* revoked identities of one roster */
	PPN_EPOCH_STEP_MAX = 1 << 16, /* [6] */
	PPN_ROSTER_MAX = 16 * 1024 * 1024, /* bytes of one roster bundle [4] */
	PPN_MESSAGE_MAX = 4096, /* bytes of a Noise message but message 2 [4] */
	PPN_MESSAGE2_MAX = 65535, /* bytes of message 2 [4] */
	PPN_ROSTER_CHUNK = PPN_MESSAGE_MAX - 16, /* roster bytes in one transport message */
	PPN_LEDGER_PAYLOAD_MAX = 4096, /* payload bytes of one ledger entry */
	PPN_NUMBER_MAX = (1 << 24) - 2, /* node numbers are 1 .. this; 0 is invalid [5] */
	PPN_SEQ_MAX = (1 << 24) - 1, /* frame sequence numbers are 1 .. this */
	PPN_SEQ_BLOCK = 256, /* numbers reserved on disk at a time [5] */
	PPN_WINDOW = 64, /* replay window [5] */
	PPN_CLAIM_CONNS_MAX = 64, /* [4] */
	PPN_CLAIM_CONNS_SOURCE = 4, /* a source: /32, or /64 for IPv6 [4] */
	PPN_CLAIM_HANDSHAKE_MS = 5000, /* [4] */
	PPN_BEACON_PERIOD_MS = 2000, /* [3] */
	PPN_HERE_DELAY_MS = 500, /* at most, at random [3] */
	PPN_UNVERIFIED_MAX = 1024, /* unverified nodes an authority keeps [3] */
};

/* Posture of a machine. 0 is not a posture. */
enum ppn_posture {
	PPN_POSTURE_NONE = 0,
	PPN_POSTURE_ONPREM = 1,
	PPN_POSTURE_LEASED = 2,
	PPN_POSTURE_CLOUD = 3,
	_PPN_POSTURE_MAX,
};

/* State of genesis (DESIGN 1). 0 is the closed one. The seal's column of each: see ppn/maps.h. */
enum ppn_state {
	PPN_STATE_BLIND = 0,
	PPN_STATE_SCANNING = 1,
	PPN_STATE_HOLDING = 2,
	PPN_STATE_BOUND = 3,
	PPN_STATE_ISOLATED = 4,
	PPN_STATE_DAMAGED = 5,
	_PPN_STATE_MAX,
};

/* Rights of a certificate, a bit each. */
enum ppn_right {
	PPN_RIGHT_CLAIM = 1 << 0,
	PPN_RIGHT_SEND = 1 << 1,
	PPN_RIGHT_ROSTER = 1 << 2,
	PPN_RIGHT_DISCHARGE = 1 << 3,
	PPN_RIGHTS_ALL = (1 << 4) - 1,
};

/* How an external interface gets its addresses ([underlay], DESIGN 6). 0 is the closed one. */
enum ppn_underlay {
	PPN_UNDERLAY_LINK_LOCAL = 0,
	PPN_UNDERLAY_STATIC = 1,
	PPN_UNDERLAY_DHCP = 2,
	PPN_UNDERLAY_SLAAC = 3,
	_PPN_UNDERLAY_MAX,
	PPN_UNDERLAY_AS_CONFIGURED = 0xff, /* in a claim: the node's own configuration stands */
};

/* ---- signed objects [2] -------------------------------------------------------------------- */

/* X(ENUM, domain text, major understood, minor written). Kind 0 is no object. */
#define PPN_OBJECTS(X)                        \
	X(ROOT, "ppn.root.1", 1, 0)           \
	X(CERT, "ppn.cert.1", 1, 0)           \
	X(CRL, "ppn.crl.1", 1, 0)             \
	X(BEACON, "ppn.beacon.1", 1, 0)       \
	X(KNOCK, "ppn.knock.1", 1, 0)         \
	X(HERE, "ppn.here.1", 1, 0)           \
	X(NODE, "ppn.node.1", 1, 0)           \
	X(CLAIM, "ppn.claim.1", 1, 0)         \
	X(SEAT, "ppn.seat.1", 1, 0)           \
	X(ACCEPT, "ppn.accept.1", 1, 0)       \
	X(ROSTER, "ppn.roster.1", 1, 0)       \
	X(DISCHARGE, "ppn.discharge.1", 1, 0) \
	X(ENTRY, "ppn.entry.1", 1, 0)

enum ppn_object {
	PPN_OBJECT_NONE = 0,
#define X(name, domain, major, minor) PPN_OBJECT_##name,
	PPN_OBJECTS(X)
#undef X
		_PPN_OBJECT_MAX,
};

/* Starts every signed body. len counts the body, this head included, and not the signature. */
struct ppn_object_head {
	__u8 kind; /* enum ppn_object */
	__u8 major;
	__u8 minor;
	__u8 zero;
	__be32 len;
};
PPN_SIZE(struct ppn_object_head, 8);

struct ppn_root_sig {
	__u8 key_id[PPN_KEY_ID_LEN]; /* first 8 bytes of H(key); strictly rising */
	__u8 sig[PPN_SIG_LEN];
};
PPN_SIZE(struct ppn_root_sig, 72);

struct ppn_root_entry {
	__u8 quarter; /* 0..3, strictly rising */
	__u8 key[PPN_KEY_LEN];
};
PPN_SIZE(struct ppn_root_entry, 33);

/*
 * Root document. Fleet id = H(body of generation 0 with the 32 bytes of fleet_id cut out). The id and
 * the gate key never change. Quarter q owns the node numbers q << 22 .. ((q + 1) << 22) - 1, less 0
 * and 2^24 - 1. Generation 0 is signed by more than half of its own keys, g + 1 by more than half of
 * the keys of g and of g + 1.
 */
struct ppn_root_body {
	struct ppn_object_head head;
	__be32 generation;
	__u8 fleet[PPN_HASH_LEN];
	__u8 gate_key[PPN_SIP_KEY_LEN];
	__be64 issued; /* Unix seconds */
	__u8 n_entries; /* 1..PPN_ROOTS_MAX; that many struct ppn_root_entry follow */
	__u8 entries[];
} __attribute__((packed));
PPN_SIZE(struct ppn_root_body, 69);

/* Certificate: fixed layout, then one signature by the root whose key id starts the serial. */
struct ppn_cert_body {
	struct ppn_object_head head;
	__u8 serial[PPN_SERIAL_LEN]; /* root key id (8) | counter (be64) */
	__be64 not_before; /* Unix seconds */
	__be64 not_after;
	__be32 rights; /* enum ppn_right */
	__be32 first_number; /* [first, first + count) lies in that root's quarter */
	__be32 number_count;
	__u8 sign_key[PPN_KEY_LEN]; /* Ed25519; the seat's identity */
	__u8 noise_key[PPN_KEY_LEN]; /* X25519 */
	__u8 box_key[PPN_KEY_LEN]; /* X25519; opens `here` */
	__u8 name[PPN_NAME_LEN];
} __attribute__((packed));
PPN_SIZE(struct ppn_cert_body, 212);
#define PPN_CERT_LEN (sizeof(struct ppn_cert_body) + PPN_SIG_LEN) /* of this minor; 4 KiB at most */
#define PPN_CERT_MAX 1024

/* Lowest valid counter of one root's certificates. */
struct ppn_crl_lowest {
	__u8 key_id[PPN_KEY_ID_LEN]; /* strictly rising */
	__be64 counter;
};
PPN_SIZE(struct ppn_crl_lowest, 16);

/* Revocation list: then n_lowest struct ppn_crl_lowest, n_revoked (be16), serials (strictly rising). */
struct ppn_crl_body {
	struct ppn_object_head head;
	__u8 fleet[PPN_HASH_LEN];
	__be32 generation; /* of the root document its signer belongs to */
	__be32 number;
	__be64 issued;
	__u8 signer[PPN_KEY_ID_LEN];
	__u8 n_lowest; /* 0..PPN_ROOTS_MAX */
	__u8 rest[];
} __attribute__((packed));
PPN_SIZE(struct ppn_crl_body, 65);
#define PPN_CRL_MAX 8192

/* ---- discovery, UDP 9442 [3] ---------------------------------------------------------------- */

#define PPN_MAGIC 0x70706e31u /* "ppn1" */

enum ppn_packet_type {
	PPN_PACKET_BEACON = 1,
	PPN_PACKET_KNOCK = 2,
	PPN_PACKET_HERE = 3,
};

/*
 * Head of a beacon and of a knock; the certificate object, the body object and its signature follow.
 * XDP checks it before anything wakes: magic, version, type, length (of the UDP payload, exactly), the
 * tag under the gate key, the time against the floor of {serial, type}. It does not compute H: user
 * space compares `digest` with H(rest) before it verifies a signature.
 */
struct ppn_gate_head {
	__be32 magic;
	__u8 version; /* 1 */
	__u8 type; /* enum ppn_packet_type */
	__be16 len; /* whole UDP payload */
	__u8 serial[PPN_SERIAL_LEN];
	__be64 time; /* Unix milliseconds, rising for each {serial, type} */
	__u8 digest[8]; /* first 8 bytes of H(what follows the head) */
	__u8 tag[PPN_SIP_TAG_LEN]; /* SipHash-2-4 of the 40 bytes above under the gate key */
};
PPN_SIZE(struct ppn_gate_head, 48);
PPN_OFFSET(struct ppn_gate_head, serial, 8);
PPN_OFFSET(struct ppn_gate_head, time, 24);
PPN_OFFSET(struct ppn_gate_head, tag, 40);
#define PPN_GATE_SIGNED_LEN 40
#define PPN_DISCOVERY_MAX 1232 /* UDP payload that fits an IPv6 minimum MTU */

struct ppn_beacon_body {
	struct ppn_object_head head;
	__u8 serial[PPN_SERIAL_LEN];
	__be64 time; /* as in the head */
	__be32 generation; /* of the newest root document this seat knows */
	__be32 list_number; /* of the newest revocation list this seat knows */
	__be64 lowest; /* lowest valid counter of this certificate's root */
} __attribute__((packed));
PPN_SIZE(struct ppn_beacon_body, 48);

struct ppn_knock_body {
	struct ppn_object_head head;
	__u8 serial[PPN_SERIAL_LEN];
	__be64 time;
	__u8 target[16]; /* first 16 bytes of H(identity); zeros: anyone who is holding */
} __attribute__((packed));
PPN_SIZE(struct ppn_knock_body, 48);

/* `here` on the wire: this head, then crypto_box_seal(PPN_HERE_PLAIN bytes) to the certificate's box key. */
struct ppn_here_head {
	__be32 magic;
	__u8 version; /* 1 */
	__u8 type; /* PPN_PACKET_HERE */
	__be16 len; /* whole UDP payload: PPN_HERE_LEN */
};
PPN_SIZE(struct ppn_here_head, 8);
#define PPN_HERE_PLAIN 256
#define PPN_SEAL_OVERHEAD 48
#define PPN_HERE_LEN (8 + PPN_HERE_PLAIN + PPN_SEAL_OVERHEAD)

/* Inside the box: this body, its signature, zeros to PPN_HERE_PLAIN. */
struct ppn_here_body {
	struct ppn_object_head head;
	__u8 identity[PPN_KEY_LEN];
	__u8 beacon[PPN_HASH_LEN]; /* H(UDP payload of the beacon); also the nonce of the proof */
	__u8 state; /* enum ppn_state */
	__u8 posture; /* enum ppn_posture */
	__be16 claim_port;
	__u8 batch[PPN_BATCH_LEN]; /* zeros and zeros: no invite */
	__u8 proof[PPN_HASH_LEN]; /* HMAC-SHA256(enrolment key, "ppn enrol 1" | identity | nonce) */
} __attribute__((packed));
PPN_SIZE(struct ppn_here_body, 116);
PPN_STATIC_ASSERT(sizeof(struct ppn_here_body) + PPN_SIG_LEN <= PPN_HERE_PLAIN,
		  "here fits its box");

/* ---- claim channel, TCP 9443 [4] ------------------------------------------------------------- */

#define PPN_NOISE_NAME "Noise_XX_25519_ChaChaPoly_SHA256"
#define PPN_SUBPROTOCOL_PIN "ppn.1.pin"
#define PPN_SUBPROTOCOL_CODE "ppn.1.code"
/* prologue = "ppn 1" | mode (1: 1 pin, 2 code) | fleet id (zeros in code mode) */
#define PPN_PROLOGUE_TEXT "ppn 1"
#define PPN_PROLOGUE_LEN (5 + 1 + PPN_HASH_LEN)

enum ppn_mode {
	PPN_MODE_NONE = 0,
	PPN_MODE_PIN = 1,
	PPN_MODE_CODE = 2,
};

enum ppn_purpose {
	PPN_PURPOSE_NONE = 0,
	PPN_PURPOSE_CLAIM = 1,
	PPN_PURPOSE_SEAT = 2,
	PPN_PURPOSE_ROSTER = 3,
	PPN_PURPOSE_DISCHARGE = 4,
	_PPN_PURPOSE_MAX,
};

/*
 * Payload of message 2 (the authority speaks): this head, then n_roots root documents from generation
 * 0 up, n_crls revocation lists of one number, one certificate; each object whole, with signatures.
 */
struct ppn_credentials {
	__u8 purpose; /* enum ppn_purpose */
	__u8 n_roots; /* 1..PPN_CHAIN_MAX */
	__u8 n_crls; /* 1..PPN_CRL_SET_MAX */
	__u8 zero;
	__u8 objects[];
};
PPN_SIZE(struct ppn_credentials, 4);

/* Payload of message 3 (the node proves itself): this body and its signature. */
struct ppn_node_body {
	struct ppn_object_head head;
	__u8 identity[PPN_KEY_LEN];
	__u8 noise_key[PPN_KEY_LEN]; /* the node's own */
	__u8 rs[PPN_KEY_LEN]; /* the authority's Noise key, as seen in this handshake */
	__u8 nonce[PPN_NONCE_LEN]; /* the ticket's */
	__u8 x[PPN_KEY_LEN]; /* the ticket's ephemeral X25519 public key */
	__u8 state;
	__u8 posture;
	__be16 zero;
	__u8 claim[PPN_HASH_LEN]; /* H(claim in force), zeros when unclaimed */
	__be64 ledger_size; /* entries */
	__u8 ledger_hash[PPN_HASH_LEN]; /* of the last entry */
	__u8 batch[PPN_BATCH_LEN];
	__u8 proof[PPN_HASH_LEN]; /* as in `here`, with the ticket's nonce */
} __attribute__((packed));
PPN_SIZE(struct ppn_node_body, 284);

/* First transport message of purpose claim: this body and its signature by the certificate. */
struct ppn_claim_body {
	struct ppn_object_head head;
	__u8 serial[PPN_SERIAL_LEN]; /* of the signing certificate */
	__u8 identity[PPN_KEY_LEN];
	__u8 h[PPN_HASH_LEN]; /* handshake hash after message 3 */
	__u8 nonce[PPN_NONCE_LEN];
	__u8 x[PPN_KEY_LEN];
	__u8 y[PPN_KEY_LEN]; /* the authority's half of the key agreement */
	__u8 prior[PPN_HASH_LEN]; /* zeros, or H(claim in force) */
	__be32 number; /* 1..PPN_NUMBER_MAX */
	__u8 posture; /* must be the node's own */
	__u8 underlay; /* enum ppn_underlay */
	__be16 zero;
	__be32 roster_len; /* of the bundle that follows as a stream */
	__u8 roster_hash[PPN_HASH_LEN]; /* H(bundle) */
} __attribute__((packed));
PPN_SIZE(struct ppn_claim_body, 260);

struct ppn_seat_body {
	struct ppn_object_head head;
	__u8 serial[PPN_SERIAL_LEN];
	__u8 identity[PPN_KEY_LEN];
	__u8 h[PPN_HASH_LEN];
	__u8 nonce[PPN_NONCE_LEN];
	__u8 x[PPN_KEY_LEN];
	__u8 y[PPN_KEY_LEN];
	__u8 claim[PPN_HASH_LEN]; /* H(claim in force) */
} __attribute__((packed));
PPN_SIZE(struct ppn_seat_body, 216);

/* The node's answer to a claim: this body and its signature. */
struct ppn_accept_body {
	struct ppn_object_head head;
	__u8 claim[PPN_HASH_LEN]; /* H(claim body | signature) */
	__u8 wg_key[PPN_KEY_LEN];
	__be64 ledger_size;
	__u8 ledger_hash[PPN_HASH_LEN];
} __attribute__((packed));
PPN_SIZE(struct ppn_accept_body, 112);

/*
 * Transport messages after message 3.
 *   authority, purpose claim:  ppn.claim.1 object; bundle chunks; an empty message
 *   authority, purpose seat:   ppn.seat.1 object
 *   authority, purpose roster: bundle chunks; an empty message
 *   node, once:                struct ppn_answer, then the accept object (claim) or a reason in words
 */
enum ppn_answer_code {
	PPN_ANSWER_NONE = 0,
	PPN_ANSWER_OK = 1,
	PPN_ANSWER_REFUSED = 2, /* by a rule: retrying the same changes nothing */
	PPN_ANSWER_FAILED = 3, /* on the node's side (disk, kernel): try again */
	PPN_ANSWER_ALREADY = 4, /* purpose roster: the node holds this version or a greater one */
};
#define PPN_ANSWER_TEXT_MAX 256

struct ppn_answer {
	__u8 code; /* enum ppn_answer_code */
	__u8 zero[3];
	__u8 rest[]; /* OK on claim: accept object; otherwise UTF-8 text, PPN_ANSWER_TEXT_MAX at most */
};
PPN_SIZE(struct ppn_answer, 4);

/* HKDF info texts of the keys that a ticket agrees on; H(claim or seat body with signature) follows. */
#define PPN_KDF_COMMAND "ppn command 1"
#define PPN_KDF_TELEMETRY "ppn telemetry 1"
#define PPN_ENROL_TEXT "ppn enrol 1"

/* ---- files an operator carries ------------------------------------------------------------------ */

/*
 * authority.pub and invite are text: a first line PPN_ARMOR_*, then base64 (RFC 4648 4) of the bytes in
 * lines of 64. authority.pub holds n_roots (1), then that many root documents from generation 0 up; an
 * invite holds struct ppn_invite, then the same.
 */
#define PPN_ARMOR_AUTHORITY "ppn-authority-1"
#define PPN_ARMOR_INVITE "ppn-invite-1"
#define PPN_ARMOR_MAX (256 * 1024)

struct ppn_invite {
	__u8 batch[PPN_BATCH_LEN]; /* never zeros */
	__be64 not_after; /* Unix seconds; the authority enforces it, and the count */
	__be32 count;
	__u8 enrolment_key[32];
} __attribute__((packed));
PPN_SIZE(struct ppn_invite, 52);

/* ---- roster [6] ------------------------------------------------------------------------------ */

/*
 * A bundle is what travels and what is stored: struct ppn_credentials with purpose ROSTER (root chain,
 * lists, the signer's certificate), then one roster object. The roster body is the head below, then
 *   n_members  x { len (be16, of what follows)   struct ppn_member_head, name, roles, endpoints },
 *   n_revoked  x identity (32), strictly rising,
 *   4 policy sections { rows (be16), row length (be16), rows }: open ports, flows, egress, underlay,
 *   struct ppn_roster_policy.
 * Members are strictly rising by number. Two members with the same host part, identity, number, name
 * or WireGuard key make a roster invalid.
 */
struct ppn_roster_body {
	struct ppn_object_head head;
	__u8 serial[PPN_SERIAL_LEN]; /* of the signing certificate */
	__be32 generation;
	__be32 list_number;
	__be64 epoch;
	__u8 parent[PPN_HASH_LEN]; /* H(roster object it replaces), zeros for the first */
	__be64 issued;
	__be32 n_members;
	__be32 n_revoked;
	__u8 rest[];
} __attribute__((packed));
PPN_SIZE(struct ppn_roster_body, 88);

enum ppn_member_flag {
	PPN_MEMBER_NODE = 1 << 0, /* runs ppnd */
	PPN_MEMBER_SEAT = 1 << 1, /* runs ppn-admin under the certificate of `serial` */
};

struct ppn_member_head {
	__be32 number;
	__u8 flags; /* enum ppn_member_flag; at least one */
	__u8 posture; /* of a node; a seat alone has PPN_POSTURE_NONE */
	__u8 name_len; /* 1..PPN_NAME_MAX */
	__u8 roles_len; /* 0..PPN_ROLES_LEN_MAX */
	__u8 n_endpoints; /* 0..PPN_ENDPOINTS_MAX */
	__u8 zero[3];
	__u8 identity[PPN_KEY_LEN]; /* node identity, or a seat's sign key */
	__u8 wg_key[PPN_KEY_LEN];
	__u8 serial[PPN_SERIAL_LEN]; /* a seat's certificate, else zeros */
} __attribute__((packed));
PPN_SIZE(struct ppn_member_head, 92);

struct ppn_endpoint {
	__u8 addr[16]; /* IPv6, or IPv4-mapped (RFC 4291 2.5.5.2); a link-local one counts on that link only */
	__be16 port; /* never 0 */
} __attribute__((packed));
PPN_SIZE(struct ppn_endpoint, 18);

struct ppn_rule_open { /* a port open from outside on every node that has the role */
	__u8 proto; /* IPPROTO_TCP or IPPROTO_UDP */
	__u8 flags; /* 1: public, any source; else the prefix */
	__be16 port;
	__u8 prefix[16];
	__u8 prefix_len;
	__u8 role[32]; /* zero-padded; empty: every node */
} __attribute__((packed));
PPN_SIZE(struct ppn_rule_open, 53);

struct ppn_rule_flow { /* members may open this flow on the mesh */
	__u8 from_role[32];
	__u8 to_role[32];
	__u8 proto;
	__u8 zero;
	__be16 port;
} __attribute__((packed));
PPN_SIZE(struct ppn_rule_flow, 68);

struct ppn_rule_egress { /* a node may open this flow outwards */
	__u8 role[32];
	__u8 proto;
	__u8 prefix_len;
	__be16 port;
	__u8 prefix[16];
} __attribute__((packed));
PPN_SIZE(struct ppn_rule_egress, 52);

struct ppn_rule_underlay {
	__u8 role[32];
	__u8 ifname[16];
	__u8 underlay; /* enum ppn_underlay */
	__u8 zero[3];
} __attribute__((packed));
PPN_SIZE(struct ppn_rule_underlay, 52);

struct ppn_roster_policy {
	__be32 flags; /* 1: seal observes; 2: after_reboot = wait */
	__be16 confirm_s; /* 0: none */
	__be16 zero;
};
PPN_SIZE(struct ppn_roster_policy, 8);

/* ---- command frame and telemetry, on ppn0 [5] ------------------------------------------------- */

/* X(ENUM, number, text, state-changing) */
#define PPN_OPS(X)                  \
	X(PING, 1, "ping", 0)       \
	X(ISOLATE, 2, "isolate", 1) \
	X(RELEASE, 3, "release", 1) \
	X(REPORT, 4, "report", 0)   \
	X(LOCATE, 5, "locate", 0)   \
	X(ROTATE, 6, "rotate", 1)   \
	X(RESYNC, 7, "resync", 1)   \
	X(REBOOT, 8, "reboot", 1)

enum ppn_op {
	PPN_OP_NONE = 0,
#define X(name, number, text, state) PPN_OP_##name = (number),
	PPN_OPS(X)
#undef X
		_PPN_OP_MAX,
};

struct ppn_frame {
	__u8 op; /* enum ppn_op */
	__u8 target[3]; /* node number */
	__u8 arg;
	__u8 seq[3];
	__u8 tag[PPN_SIP_TAG_LEN]; /* SipHash-2-4 of bytes 0..7 under the pair's command key */
};
PPN_SIZE(struct ppn_frame, 16);
PPN_OFFSET(struct ppn_frame, target, 1);
PPN_OFFSET(struct ppn_frame, arg, 4);
PPN_OFFSET(struct ppn_frame, seq, 5);
PPN_OFFSET(struct ppn_frame, tag, 8);

/* What became of a frame. 0 is none. */
enum ppn_result_code {
	PPN_RESULT_NONE = 0,
	PPN_RESULT_ACTED_KERNEL = 1,
	PPN_RESULT_ACTED = 2, /* by ppnd */
	PPN_RESULT_FAILED = 3,
	PPN_RESULT_UNSUPPORTED = 4, /* this ppnd knows the op's number and does not act on it */
	_PPN_RESULT_MAX,
};

struct ppn_result {
	__be32 seq;
	__u8 op;
	__u8 arg;
	__be16 code; /* enum ppn_result_code */
};
PPN_SIZE(struct ppn_result, 8);

enum ppn_telemetry_flag {
	PPN_TELEMETRY_OBSERVE = 1 << 0, /* the seal counts and drops nothing */
	PPN_TELEMETRY_WG_USERSPACE = 1 << 1,
	PPN_TELEMETRY_SEAL_DEGRADED = 1 << 2, /* some interface is not held by XDP */
};

struct ppn_telemetry {
	__be32 boots; /* boot count; with n it never falls */
	__be32 n;
	__be32 number;
	__u8 state;
	__u8 posture;
	__be16 flags;
	__u8 seal_mode; /* weakest hold: enum ppn_hold of ppn/ctl.h */
	__u8 zero0[7];
	__be64 epoch; /* roster version: epoch, generation, list number, first 8 bytes of H(roster) */
	__be32 generation;
	__be32 list_number;
	__u8 roster[8];
	__be32 seq_next; /* of this seat's slot: lowest seq that can act, last one reserved */
	__be32 seq_limit;
	struct ppn_result results[4]; /* of this seat's frames, newest first */
	__be64 ledger_size;
	__u8 ledger_hash[PPN_HASH_LEN];
	__u8 boot_id[16];
	__be64 clock_ms; /* node's wall clock, Unix milliseconds: the seat takes the offset */
	__be32 version; /* major << 16 | minor << 8 | patch */
	__u8 zero1[4];
	__be64 seal_dropped; /* packets */
	__be64 seal_passed;
	__be64 frames_acted;
	__be64 frames_refused; /* bad tag, replay, unknown op */
	__u8 zero2[56];
	__u8 tag[PPN_SIP_TAG_LEN]; /* SipHash-2-4 of the 248 bytes above under the telemetry key */
};
PPN_SIZE(struct ppn_telemetry, 256);
PPN_OFFSET(struct ppn_telemetry, seq_next, 48);
PPN_OFFSET(struct ppn_telemetry, results, 56);
PPN_OFFSET(struct ppn_telemetry, tag, 248);

/* ---- ledger [8] -------------------------------------------------------------------------------- */

/*
 * On disk an entry is  len (be32, of what follows) | ppn.entry.1 object (body, signature).
 * Body: this head, then payload_len bytes. hash(entry) = H(body | signature). The fleet id that is
 * signed with it is the one of entry 0's pin (zeros in code mode), for the whole ledger.
 */
struct ppn_entry_body {
	struct ppn_object_head head;
	__u8 previous[PPN_HASH_LEN]; /* hash of the entry before, zeros for entry 0 */
	__be64 size; /* number of entries before this one */
	__be64 time; /* Unix milliseconds, as the node believed it */
	__be16 type; /* enum ppn_entry_type */
	__be16 payload_len; /* 0..PPN_LEDGER_PAYLOAD_MAX */
	__u8 payload[];
} __attribute__((packed));
PPN_SIZE(struct ppn_entry_body, 60);

/* X(ENUM, number, text). Below 64: a node's ledger; from 64: an authority's. */
#define PPN_ENTRIES(X)                  \
	X(GENESIS, 1, "genesis")        \
	X(HOLDING, 2, "holding")        \
	X(BOUND, 3, "bound")            \
	X(ROSTER, 4, "roster")          \
	X(ISOLATED, 5, "isolated")      \
	X(RELEASED, 6, "released")      \
	X(COMMAND, 7, "command")        \
	X(SEAL, 8, "seal")              \
	X(SEAT, 9, "seat")              \
	X(DISCHARGED, 10, "discharged") \
	X(TRIAL, 11, "trial")           \
	X(EGRESS, 12, "egress")         \
	X(FLEET, 64, "fleet")           \
	X(INVITED, 65, "invited")       \
	X(CLAIMED, 66, "claimed")       \
	X(SIGNED, 67, "signed roster")  \
	X(SENT, 68, "sent")

enum ppn_entry_type {
	PPN_ENTRY_NONE = 0,
#define X(name, number, text) PPN_ENTRY_##name = (number),
	PPN_ENTRIES(X)
#undef X
};

/* Entry payloads. What is not listed carries none. */
struct ppn_entry_genesis { /* entry 0 of a node */
	__u8 mode; /* enum ppn_mode */
	__u8 posture;
	__u8 zero[2];
	__u8 pin[PPN_HASH_LEN]; /* H(pinned root document of generation 0), zeros in code mode */
	__u8 identity[PPN_KEY_LEN];
	__u8 noise_key[PPN_KEY_LEN];
	__u8 wg_key[PPN_KEY_LEN];
};
PPN_SIZE(struct ppn_entry_genesis, 132);

struct ppn_entry_bound { /* the claim object follows: body, signature */
	__u8 bound[PPN_HASH_LEN]; /* H(bound.new) */
	__u8 claim[PPN_HASH_LEN]; /* H(claim object) */
};
PPN_SIZE(struct ppn_entry_bound, 64);

struct ppn_entry_roster {
	__be64 epoch;
	__be32 generation;
	__be32 list_number;
	__u8 hash[PPN_HASH_LEN]; /* H(roster object) */
};
PPN_SIZE(struct ppn_entry_roster, 48);

struct ppn_entry_command { /* of isolated, released, command; sent: serial is the seat's, target set */
	__u8 serial[PPN_SERIAL_LEN]; /* zeros: the slot was gone when it was logged */
	__be32 seq;
	__u8 op;
	__u8 arg;
	__be16 code; /* enum ppn_result_code */
	__be32 target;
};
PPN_SIZE(struct ppn_entry_command, 28);

struct ppn_entry_claimed { /* in an authority's ledger */
	__u8 identity[PPN_KEY_LEN];
	__u8 claim[PPN_HASH_LEN]; /* H(claim object) */
	__be32 number;
	__u8 posture;
	__u8 zero[3];
};
PPN_SIZE(struct ppn_entry_claimed, 72);

struct ppn_entry_seal {
	__u8 mode; /* enum ppn_seal_mode of ppn/ctl.h */
	__u8 zero[3];
	__be32 uid; /* who said so; 0xffffffff: ppnd itself */
};
PPN_SIZE(struct ppn_entry_seal, 8);

/* A trial of the seal, and how it came out; CONFIRMED and CLAIMED also say that it enforces. X(ENUM, "text") */
#define PPN_TRIALS(X)                  \
	X(BEGAN, "began")              \
	X(CONFIRMED, "confirmed")      \
	X(CLAIMED, "ended by a claim") \
	X(REVERTED, "reverted")

enum ppn_trial {
	PPN_TRIAL_NONE = 0,
#define X(name, text) PPN_TRIAL_##name,
	PPN_TRIALS(X)
#undef X
		_PPN_TRIAL_MAX,
};

struct ppn_entry_trial {
	__u8 what; /* enum ppn_trial */
	__u8 zero[3];
	__be32 uid; /* as in ppn_entry_seal */
	__be32 seconds; /* BEGAN: how long */
	__be32 zero2;
};
PPN_SIZE(struct ppn_entry_trial, 16);

/* An opening of the egress list by this machine's operator. X(ENUM, "text") */
#define PPN_OPENINGS(X)     \
	X(OPENED, "opened") \
	X(CLOSED, "closed") \
	X(ENDED, "ended")

enum ppn_opening {
	PPN_OPENING_NONE = 0,
#define X(name, text) PPN_OPENING_##name,
	PPN_OPENINGS(X)
#undef X
		_PPN_OPENING_MAX,
};

struct ppn_entry_egress {
	__u8 what; /* enum ppn_opening */
	__u8 proto;
	__u8 prefix_len; /* of a 128-bit (IPv4-mapped) prefix; 0: any */
	__u8 zero;
	__be16 port; /* 0: every port of the protocol */
	__u8 zero2[2];
	__be32 uid; /* as in ppn_entry_seal */
	__be32 seconds; /* OPENED: how long */
	__u8 prefix[16];
};
PPN_SIZE(struct ppn_entry_egress, 32);

#endif
