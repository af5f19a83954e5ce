/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Codecs of the signed objects and packets of ppn/wire.h, and the rules by which they are believed
 * (PROTOCOL 1-5, 7). Pure: time and randomness are arguments. Readers take hostile bytes, never read past
 * `len`, and fill host-order structs whose pointers look into the caller's buffer (which must outlive
 * them). A reader checks form (kind, major, lengths, ranges, zero padding of names, order of lists); a
 * `_check` decides belief (signatures, chain, list, time, rights).
 *
 * Verdicts are enum ppn_check, 0 is good; ppn_check_text() has the words. Writers return the length
 * written, or -EMSGSIZE / -EINVAL.
 */
#ifndef PPN_LIB_WIRE_H
#define PPN_LIB_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <ppn/wire.h>

/* X(ENUM, "words") */
#define PPN_CHECKS(X)                                                                      \
	X(OK, "ok")                                                                        \
	X(SHORT, "cut short")                                                              \
	X(LONG, "longer than it may be")                                                   \
	X(KIND, "not the kind of object expected")                                         \
	X(MAJOR, "a newer major version than this program understands: upgrade this side") \
	X(FORM, "malformed")                                                               \
	X(FLEET, "of another fleet")                                                       \
	X(SIGNATURE, "wrong signature")                                                    \
	X(QUORUM, "not signed by more than half of the root keys")                         \
	X(CHAIN, "root documents do not follow one another")                               \
	X(PIN, "root chain does not start at the pinned document")                         \
	X(OLD, "older than what is known")                                                 \
	X(ROOT, "signed by no root key in force")                                          \
	X(REVOKED, "certificate revoked")                                                  \
	X(EXPIRED, "certificate expired")                                                  \
	X(RIGHT, "certificate lacks the right")                                            \
	X(RANGE, "number outside the certificate's range")                                 \
	X(IDENTITY, "for another node, or from another node")                              \
	X(HANDSHAKE, "bound to another handshake")                                         \
	X(PRIOR, "names another prior claim than the one in force")                        \
	X(POSTURE, "names another posture than the node's own")                            \
	X(PROOF, "enrolment proof wrong")                                                  \
	X(DUPLICATE, "two members share a number, name, identity, key or address")         \
	X(SIGNER, "its signer is revoked or lacks the right")                              \
	X(EPOCH, "epoch rises by more than it may")                                        \
	X(HASH, "not what its hash says")                                                  \
	X(ORDER, "out of order")                                                           \
	X(SEQUENCE, "not newer than the last one")                                         \
	X(SEALED, "sealed to another key, or changed on the way")                          \
	X(LISTS, "one root signed two revocation lists of one number: sign a higher one")  \
	X(UNREVOKED, "takes back what the same revocation list number revoked")

enum ppn_check {
#define X(name, text) PPN_CHECK_##name,
	PPN_CHECKS(X)
#undef X
		_PPN_CHECK_MAX,
};
const char *ppn_check_text(enum ppn_check check);
const char *ppn_state_text(enum ppn_state state); /* "blind" ...; "?" when out of range */
const char *ppn_posture_text(enum ppn_posture posture);
const char *ppn_op_text(uint8_t op); /* "isolate" ...; "?" */
int ppn_op_number(const char *text); /* enum ppn_op, or -EINVAL */
bool ppn_op_is_state(uint8_t op);

/* Bytes somebody else owns. */
struct ppn_bytes {
	const uint8_t *data;
	size_t len;
};

/* ---- any object ---- */

struct ppn_object_view {
	enum ppn_object kind;
	uint8_t major, minor;
	struct ppn_bytes whole; /* body and signature(s) */
	struct ppn_bytes body;
	const uint8_t *sig; /* PPN_SIG_LEN bytes; NULL for a root document */
	struct ppn_bytes root_sigs; /* of a root document: n x struct ppn_root_sig */
};

#define PPN_ROOT_SIGS_MAX (2 * PPN_ROOTS_MAX) /* keys of a root document and of its predecessor */
#define PPN_ROOT_MAX 1024 /* bytes of one root document; this minor needs 778 at most */

/* Take one object of this kind off the front of *in (advanced past it). max: bound on the whole. */
enum ppn_check ppn_object_take(struct ppn_bytes *in, enum ppn_object kind, size_t max,
			       struct ppn_object_view *ret_view);
/* The first len bytes of the body, copied, and what follows them: list elements, a higher minor's fields.
 * SHORT: the body is not that long. */
enum ppn_check ppn_object_fixed(const struct ppn_object_view *view, void *ret_fixed, size_t len,
				struct ppn_bytes *ret_rest);
/* What is left of the body after the last field this program knows: nothing, unless of a higher minor. */
enum ppn_check ppn_object_tail(const struct ppn_object_view *view, struct ppn_bytes rest);
/* Both, of a body that is one struct of ppn/wire.h. */
enum ppn_check ppn_object_body(const struct ppn_object_view *view, void *ret_body, size_t len);

/* Head of a body that will be body_len bytes, of the major and minor this program writes. */
struct ppn_object_head ppn_object_head(enum ppn_object kind, size_t body_len);
/* Body (its head filled; may be ret_object itself, already in its place) and one signature. -EINVAL: the
 * head does not fit the body. */
ssize_t ppn_object_finish(uint8_t *ret_object, size_t max, struct ppn_bytes body,
			  const uint8_t fleet[static PPN_HASH_LEN], const uint8_t seed[static 32]);
/* Domain | fleet | body -> signature. 0, or -ENOMEM (a body of more than 2,000 bytes needs the heap). */
int ppn_object_sign(uint8_t ret_sig[static PPN_SIG_LEN], enum ppn_object kind,
		    const uint8_t fleet[static PPN_HASH_LEN], struct ppn_bytes body,
		    const uint8_t seed[static 32]);
/* False as well for a root document (see ppn_root_quorum) and without memory. */
bool ppn_object_verify(const struct ppn_object_view *view, const uint8_t fleet[static PPN_HASH_LEN],
		       const uint8_t key[static PPN_KEY_LEN]);
/* H(whole) */
void ppn_object_hash(uint8_t ret_hash[static PPN_HASH_LEN], const struct ppn_object_view *view);
void ppn_key_id(uint8_t ret_id[static PPN_KEY_ID_LEN], const uint8_t key[static PPN_KEY_LEN]);

/* ---- root documents, revocation lists, certificates: who is believed ---- */

struct ppn_root {
	uint32_t generation;
	uint8_t fleet[PPN_HASH_LEN], gate_key[PPN_SIP_KEY_LEN];
	uint64_t issued;
	uint8_t n;
	struct {
		uint8_t quarter, key[PPN_KEY_LEN], id[PPN_KEY_ID_LEN];
	} entry[PPN_ROOTS_MAX];
};

enum ppn_check ppn_root_read(const struct ppn_object_view *view, struct ppn_root *ret_root);
/* Index of the entry with this key id, or -ENOENT. */
int ppn_root_find(const struct ppn_root *root, const uint8_t id[static PPN_KEY_ID_LEN]);
/* Signatures: rising key ids, each of a key of `root` or of `before` (NULL: generation 0) and good, in all
 * more than half of the keys of both. */
enum ppn_check ppn_root_quorum(const struct ppn_object_view *view, const struct ppn_root *root,
			       const struct ppn_root *before);
/* Body only; fills root->entry[].id and, for generation 0, root->fleet. Signatures are added by
 * ppn_root_sign. -EINVAL: quarters not rising, a key twice, n out of range. */
ssize_t ppn_root_write(uint8_t *ret_body, size_t max, struct ppn_root *root);
/* Body + signatures of these seeds (any order, each a key of this document or its predecessor). -EINVAL:
 * none, more than PPN_ROOT_SIGS_MAX, or one twice. ret_object may be where the body is. */
ssize_t ppn_root_sign(uint8_t *ret_object, size_t max, struct ppn_bytes body,
		      const uint8_t fleet[static PPN_HASH_LEN], const uint8_t (*seeds)[32],
		      size_t n);

struct ppn_crl {
	uint8_t fleet[PPN_HASH_LEN], signer[PPN_KEY_ID_LEN];
	uint32_t generation, number;
	uint64_t issued;
	uint8_t n_lowest;
	uint16_t n_revoked;
	struct {
		uint8_t id[PPN_KEY_ID_LEN];
		uint64_t counter;
	} lowest[PPN_ROOTS_MAX];
	const uint8_t (*revoked)[PPN_SERIAL_LEN]; /* into the buffer */
	struct ppn_bytes whole; /* what was read; the writer ignores it */
};
enum ppn_check ppn_crl_read(const struct ppn_object_view *view, struct ppn_crl *ret_crl);
/* Body only: ppn_object_finish() signs it. -EINVAL: lists not strictly rising, or too long. */
ssize_t ppn_crl_write(uint8_t *ret_body, size_t max, const struct ppn_crl *crl);

struct ppn_cert {
	uint8_t serial[PPN_SERIAL_LEN];
	uint64_t not_before, not_after;
	uint32_t rights, first_number, number_count;
	uint8_t sign_key[PPN_KEY_LEN], noise_key[PPN_KEY_LEN], box_key[PPN_KEY_LEN];
	char name[PPN_NAME_LEN]; /* NUL-terminated, 1..PPN_NAME_MAX of printable ASCII without space */
};
/* Form: not_after not before not_before, range inside 1..PPN_NUMBER_MAX (a certificate without numbers
 * has first and count 0), name. */
enum ppn_check ppn_cert_read(const struct ppn_object_view *view, struct ppn_cert *ret_cert);
/* A name of certificates and rosters: 1..PPN_NAME_MAX of printable ASCII without space. */
bool ppn_name_form(const char *name, size_t len);
/* Body only: ppn_object_finish() signs it. -EINVAL: what ppn_cert_read() would call malformed. */
ssize_t ppn_cert_write(uint8_t *ret_body, size_t max, const struct ppn_cert *cert);

/*
 * What a machine believes: its chain's newest document and the lists of the highest number. Plain
 * data; the bytes it came from are kept beside it, because they travel on (credentials, bundles).
 */
struct ppn_trust {
	struct ppn_root newest;
	uint8_t pin[PPN_HASH_LEN]; /* H(root document of generation 0, whole) */
	uint8_t n_crls;
	struct ppn_crl crl[PPN_CRL_SET_MAX];
	uint64_t floor; /* greatest root-signed time seen, Unix seconds (PROTOCOL 7) */
	uint64_t floor_min; /* never below this: ppnd's build time; see ppn_trust_base() */
	struct ppn_bytes chain; /* root documents, whole, from generation 0 up */
	uint8_t n_chain;
	struct ppn_bytes lists; /* revocation lists, whole */
};

/* The program's build time: raises the floor, also when a new root generation sets it anew. */
void ppn_trust_base(struct ppn_trust *trust, uint64_t build_time);
/* A floor that was kept on disk, or any other root-signed time. */
void ppn_trust_raise(struct ppn_trust *trust, uint64_t seconds);
/*
 * Walk a chain of n whole root documents. pin: NULL, or what generation 0 must hash to. Never goes back:
 * a chain shorter than that of `known` (NULL, or with n_chain 0: nothing known) is OLD, one whose bodies
 * differ from it CHAIN. A key that stays keeps its quarter. The result holds no lists; its floor is that of
 * `known` raised by the newest document's time, or this time alone (and floor_min) when the generation is
 * newer than what is known.
 */
enum ppn_check ppn_trust_chain(struct ppn_trust *ret_trust, struct ppn_bytes chain, size_t n,
			       const uint8_t *pin, const struct ppn_trust *known);
/*
 * Take n lists: each signed by a root in force, all of one number, strictly different signers. Lower
 * than what `known` holds: OLD. The same number: the union stands, so trust->crl may look into the buffer
 * of `known` too; LISTS when one root signed two different ones. Lists of roots no longer in force are
 * forgotten. Raises the floor by their times. known: NULL, or trust itself. trust->crl comes in rising
 * order of the signers; its `whole`s are what is worth keeping.
 */
enum ppn_check ppn_trust_lists(struct ppn_trust *trust, struct ppn_bytes lists, size_t n,
			       const struct ppn_trust *known);
/*
 * Is this certificate good: signed by a root in force, number range in that root's quarter, counter not
 * below the lowest, serial not revoked, `rights` all there, and by PROTOCOL 7 not expired: not_after below
 * the floor, or below `now` while now lies between floor and floor + 10 years. Raises trust->floor by
 * not_before.
 */
enum ppn_check ppn_cert_check(struct ppn_trust *trust, const struct ppn_object_view *view,
			      const struct ppn_cert *cert, uint32_t rights, uint64_t now);
/* Of a root no longer in force, below the lowest valid counter of its root, or listed. */
bool ppn_trust_revoked(const struct ppn_trust *trust, const uint8_t serial[static PPN_SERIAL_LEN]);

/* Lowest valid counter of this root's certificates; 0 when no list says. */
uint64_t ppn_trust_lowest(const struct ppn_trust *trust,
			  const uint8_t key_id[static PPN_KEY_ID_LEN]);

/* struct ppn_credentials: what message 2 and every bundle start with. */
struct ppn_credentials_view {
	enum ppn_purpose purpose;
	struct ppn_trust trust; /* the chain and lists it carries, walked; the union with `known` */
	struct ppn_object_view cert_view;
	struct ppn_cert cert;
	struct ppn_bytes raw; /* the credentials alone */
};
/* Form and chain: walks root documents against pin and known, takes the lists, reads the certificate and
 * checks it for `rights`. Advances *in past the credentials. known: may be NULL (the authority's own). */
enum ppn_check ppn_credentials_take(struct ppn_bytes *in, const uint8_t *pin,
				    const struct ppn_trust *known, uint32_t rights, uint64_t now,
				    struct ppn_credentials_view *ret_view);
/* Chain and lists of `trust` (the union, where there is one), certificate. -EINVAL: trust has none. */
ssize_t ppn_credentials_write(uint8_t *ret, size_t max, enum ppn_purpose purpose,
			      const struct ppn_trust *trust, struct ppn_bytes cert);

/* ---- discovery ---- */

struct ppn_beacon {
	uint8_t serial[PPN_SERIAL_LEN];
	uint64_t time_ms, lowest;
	uint32_t generation, list_number;
	struct ppn_object_view cert_view;
	struct ppn_cert cert;
};
/* Whole UDP payload: gate head (digest, lengths), certificate, body and its signature by the certificate,
 * serials and times equal. The tag under the gate key is checked too. The certificate needs the right
 * `claim`: a seat that cannot claim has no business finding nodes. Raises trust->floor, also when refused
 * after the root's signature held. */
enum ppn_check ppn_beacon_read(struct ppn_bytes packet, struct ppn_trust *trust, uint64_t now,
			       struct ppn_beacon *ret_beacon);
/* -EINVAL: cert is no certificate, or seed is not its sign key. */
ssize_t ppn_beacon_write(uint8_t *ret, size_t max, const struct ppn_trust *trust,
			 struct ppn_bytes cert, uint64_t time_ms, const uint8_t seed[static 32]);

struct ppn_here {
	uint8_t identity[PPN_KEY_LEN], beacon[PPN_HASH_LEN], batch[PPN_BATCH_LEN],
		proof[PPN_HASH_LEN];
	enum ppn_state state;
	enum ppn_posture posture;
	uint16_t claim_port;
};
/* The node: writes PPN_HERE_LEN bytes, sealed to the certificate's box key. */
ssize_t ppn_here_write(uint8_t *ret, size_t max, const struct ppn_here *here,
		       const uint8_t fleet[static PPN_HASH_LEN], const uint8_t seed[static 32],
		       const uint8_t box_key[static PPN_KEY_LEN]);
/* The authority: opens, verifies the node's signature. Whether the beacon hash is one of ours, and the
 * proof, are the caller's to compare. */
enum ppn_check ppn_here_read(struct ppn_bytes packet, const uint8_t box_secret[static 32],
			     const uint8_t fleet[static PPN_HASH_LEN], struct ppn_here *ret_here);
/* HMAC-SHA256(enrolment key, PPN_ENROL_TEXT | identity | nonce) */
void ppn_enrol_proof(uint8_t ret_proof[static PPN_HASH_LEN], const uint8_t key[static 32],
		     const uint8_t identity[static PPN_KEY_LEN], const uint8_t nonce[static 32]);
/* OK or PROOF, in constant time. */
enum ppn_check ppn_enrol_check(const uint8_t proof[static PPN_HASH_LEN],
			       const uint8_t key[static 32],
			       const uint8_t identity[static PPN_KEY_LEN],
			       const uint8_t nonce[static 32]);

/* ---- claim channel: node, claim, seat, accept ---- */

void ppn_prologue(uint8_t ret[static PPN_PROLOGUE_LEN], enum ppn_mode mode,
		  const uint8_t fleet[static PPN_HASH_LEN]);

struct ppn_node_proof { /* ppn.node.1 */
	uint8_t identity[PPN_KEY_LEN], noise_key[PPN_KEY_LEN], rs[PPN_KEY_LEN],
		nonce[PPN_NONCE_LEN], x[PPN_KEY_LEN], claim[PPN_HASH_LEN],
		ledger_hash[PPN_HASH_LEN], batch[PPN_BATCH_LEN], proof[PPN_HASH_LEN];
	uint64_t ledger_size;
	enum ppn_state state;
	enum ppn_posture posture;
};
ssize_t ppn_node_write(uint8_t *ret_object, size_t max, const struct ppn_node_proof *node,
		       const uint8_t fleet[static PPN_HASH_LEN], const uint8_t seed[static 32]);
/* Reads and verifies with the identity inside; then compares noise_key with the handshake's remote static
 * and rs with our own. */
enum ppn_check ppn_node_read(struct ppn_bytes object, const uint8_t fleet[static PPN_HASH_LEN],
			     const uint8_t remote_noise[static PPN_KEY_LEN],
			     const uint8_t own_noise[static PPN_KEY_LEN],
			     struct ppn_node_proof *ret_node);

struct ppn_claim {
	uint8_t serial[PPN_SERIAL_LEN], identity[PPN_KEY_LEN], h[PPN_HASH_LEN],
		nonce[PPN_NONCE_LEN], x[PPN_KEY_LEN], y[PPN_KEY_LEN], prior[PPN_HASH_LEN],
		roster_hash[PPN_HASH_LEN];
	uint32_t number, roster_len;
	enum ppn_posture posture;
	uint8_t underlay;
};
ssize_t ppn_claim_write(uint8_t *ret_object, size_t max, const struct ppn_claim *claim,
			const uint8_t fleet[static PPN_HASH_LEN], const uint8_t seed[static 32]);
enum ppn_check ppn_claim_read(const struct ppn_object_view *view, struct ppn_claim *ret_claim);
/* What a claim is compared with, all of it the monitor's own knowledge but h. */
struct ppn_claim_facts {
	const struct ppn_cert *cert; /* already checked for PPN_RIGHT_CLAIM */
	const uint8_t *fleet, *identity, *h, *nonce, *x,
		*prior; /* prior: H(claim in force) or zeros */
	enum ppn_posture posture;
	uint32_t number; /* this node's by the claim in force: may stay, whatever the range; 0: none */
};
/* Signature, then every field. */
enum ppn_check ppn_claim_check(const struct ppn_object_view *view, const struct ppn_claim *claim,
			       const struct ppn_claim_facts *facts);

struct ppn_seat {
	uint8_t serial[PPN_SERIAL_LEN], identity[PPN_KEY_LEN], h[PPN_HASH_LEN],
		nonce[PPN_NONCE_LEN], x[PPN_KEY_LEN], y[PPN_KEY_LEN], claim[PPN_HASH_LEN];
};
ssize_t ppn_seat_write(uint8_t *ret_object, size_t max, const struct ppn_seat *seat,
		       const uint8_t fleet[static PPN_HASH_LEN], const uint8_t seed[static 32]);
/* cert already checked for PPN_RIGHT_SEND. */
enum ppn_check ppn_seat_check(const struct ppn_object_view *view,
			      const struct ppn_claim_facts *facts, struct ppn_seat *ret_seat);

struct ppn_accept {
	uint8_t claim[PPN_HASH_LEN], wg_key[PPN_KEY_LEN], ledger_hash[PPN_HASH_LEN];
	uint64_t ledger_size;
};
ssize_t ppn_accept_write(uint8_t *ret_object, size_t max, const struct ppn_accept *accept,
			 const uint8_t fleet[static PPN_HASH_LEN], const uint8_t seed[static 32]);
enum ppn_check ppn_accept_read(struct ppn_bytes object, const uint8_t fleet[static PPN_HASH_LEN],
			       const uint8_t identity[static PPN_KEY_LEN],
			       const uint8_t claim[static PPN_HASH_LEN],
			       struct ppn_accept *ret_accept);

/* Command and telemetry key of a pair: HKDF-Extract(nonce, shared), Expand(text | H(object)). shared is the
 * ticket's DH, made by the caller, who wipes it. */
struct ppn_pair_keys {
	uint8_t command[PPN_SIP_KEY_LEN], telemetry[PPN_SIP_KEY_LEN];
};
void ppn_pair_derive(struct ppn_pair_keys *ret_keys, const uint8_t nonce[static PPN_NONCE_LEN],
		     const uint8_t shared[static 32],
		     const uint8_t object_hash[static PPN_HASH_LEN]);

/* ---- frames and telemetry ---- */

void ppn_frame_write(struct ppn_frame *ret_frame, uint8_t op, uint32_t target, uint8_t arg,
		     uint32_t seq, const uint8_t key[static PPN_SIP_KEY_LEN]);
uint32_t ppn_frame_target(const struct ppn_frame *frame);
uint32_t ppn_frame_seq(const struct ppn_frame *frame);

/* Tag the struct (network order inside, filled by the caller). */
void ppn_telemetry_seal(struct ppn_telemetry *t, const uint8_t key[static PPN_SIP_KEY_LEN]);
/* Length, tag, ranges of enums, zero padding, number; counter above last (boots << 32 | n). */
enum ppn_check ppn_telemetry_check(const void *packet, size_t len,
				   const uint8_t key[static PPN_SIP_KEY_LEN], uint32_t number,
				   uint64_t last, struct ppn_telemetry *ret_telemetry);

/* ---- files an operator carries ---- */

/* text <-> bytes of an armoured file; first line must be `kind` (PPN_ARMOR_*). The text ends with a NUL,
 * which max counts and the length written does not. Read: MAJOR when only the number of the kind differs;
 * ret_bytes may hold a part when it fails. -EINVAL: more than PPN_ARMOR_MAX of text. */
ssize_t ppn_armor_write(char *ret_text, size_t max, const char *kind, struct ppn_bytes bytes);
enum ppn_check ppn_armor_read(const char *text, size_t len, const char *kind, uint8_t *ret_bytes,
			      size_t max, size_t *ret_len);

/* ---- addresses ---- */

/* fd + 40 bits of the fleet id: /48, host bits zero. */
void ppn_fleet_prefix(uint8_t ret_addr[static 16], const uint8_t fleet[static PPN_HASH_LEN]);
/* The /112 of an identity; host 1 is the node. A network of one: fleet = H(own identity). */
void ppn_mesh_address(uint8_t ret_addr[static 16], const uint8_t fleet[static PPN_HASH_LEN],
		      const uint8_t identity[static PPN_KEY_LEN], uint16_t host);

/* Addresses of both families are 16 bytes here, IPv4 as IPv4-mapped IPv6 (RFC 4291 2.5.5.2). */
#define PPN_ADDRESS_TEXT 46 /* with the NUL */
bool ppn_address_is_v4(const uint8_t addr[static 16]);
bool ppn_address_is_loopback(const uint8_t addr[static 16]); /* 127.0.0.0/8, ::1 */
/* v4: four bytes in network order. */
void ppn_address_v4(uint8_t ret_addr[static 16], const void *v4);
/* "192.0.2.1", "2001:db8::1"; no brackets, no scope. 0 or -EINVAL. */
int ppn_address_read(uint8_t ret_addr[static 16], const char *text);
/* The same way back; an IPv4-mapped one as IPv4. Returns ret_text. */
const char *ppn_address_text(char ret_text[static PPN_ADDRESS_TEXT], const uint8_t addr[static 16]);

#endif
