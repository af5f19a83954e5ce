// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Beacon and `here` (PROTOCOL 3). */
#include "lib/wire.h"

#include <endian.h>
#include <errno.h>
#include <string.h>
#include "lib/bytes.h"
#include "lib/crypto.h"

#define GATE_VERSION 1

/* ---- gate head ---- */

static void gate_tag(uint8_t ret_tag[static PPN_SIP_TAG_LEN], const struct ppn_gate_head *head,
		     const struct ppn_trust *trust)
{
	ppn_siphash(ret_tag, trust->newest.gate_key, head, PPN_GATE_SIGNED_LEN);
}

/* First bytes of H(what follows the head). */
static void gate_digest(uint8_t ret_digest[static 8], struct ppn_bytes rest)
{
	uint8_t hash[PPN_HASH_LEN];

	ppn_hash(hash, rest.data, rest.len);
	memcpy(ret_digest, hash, 8);
}

static enum ppn_check gate_read(struct ppn_bytes *in, const struct ppn_trust *trust,
				struct ppn_gate_head *ret_head)
{
	size_t len = in->len;
	uint8_t tag[PPN_SIP_TAG_LEN], digest[8];
	struct ppn_gate_head head;

	if (len > PPN_DISCOVERY_MAX)
		return PPN_CHECK_LONG;
	if (!ppn_take_into(in, &head, sizeof(head)))
		return PPN_CHECK_SHORT;
	if (be32toh(head.magic) != PPN_MAGIC || head.type != PPN_PACKET_BEACON)
		return PPN_CHECK_KIND;
	if (head.version != GATE_VERSION)
		return head.version > GATE_VERSION ? PPN_CHECK_MAJOR : PPN_CHECK_FORM;
	if (be16toh(head.len) != len)
		return be16toh(head.len) > len ? PPN_CHECK_SHORT : PPN_CHECK_LONG;
	gate_tag(tag, &head, trust);
	if (!ppn_equal(tag, head.tag, sizeof(tag)))
		return PPN_CHECK_SIGNATURE;
	gate_digest(digest, *in);
	if (memcmp(digest, head.digest, sizeof(digest)) != 0)
		return PPN_CHECK_HASH;
	*ret_head = head;
	return PPN_CHECK_OK;
}

/* ---- beacon ---- */

/* Certificate, beacon object, nothing after them. */
static enum ppn_check beacon_objects(struct ppn_bytes *in, struct ppn_beacon *beacon,
				     struct ppn_object_view *ret_view)
{
	enum ppn_check check;

	check = ppn_object_take(in, PPN_OBJECT_CERT, PPN_CERT_MAX, &beacon->cert_view);
	if (check == PPN_CHECK_OK)
		check = ppn_cert_read(&beacon->cert_view, &beacon->cert);
	if (check == PPN_CHECK_OK)
		check = ppn_object_take(in, PPN_OBJECT_BEACON, PPN_DISCOVERY_MAX, ret_view);
	if (check == PPN_CHECK_OK && in->len > 0)
		check = PPN_CHECK_LONG;
	return check;
}

/* The body, and that head, body and certificate speak of the same thing. */
static enum ppn_check beacon_body(const struct ppn_object_view *view,
				  const struct ppn_gate_head *head, struct ppn_beacon *beacon)
{
	struct ppn_beacon_body body;
	enum ppn_check check = ppn_object_body(view, &body, sizeof(body));

	if (check != PPN_CHECK_OK)
		return check;
	if (memcmp(body.serial, head->serial, PPN_SERIAL_LEN) != 0 ||
	    memcmp(body.serial, beacon->cert.serial, PPN_SERIAL_LEN) != 0 ||
	    body.time != head->time)
		return PPN_CHECK_FORM;
	PPN_COPY(beacon->serial, body.serial);
	beacon->time_ms = be64toh(body.time);
	beacon->generation = be32toh(body.generation);
	beacon->list_number = be32toh(body.list_number);
	beacon->lowest = be64toh(body.lowest);
	return PPN_CHECK_OK;
}

enum ppn_check ppn_beacon_read(struct ppn_bytes packet, struct ppn_trust *trust, uint64_t now,
			       struct ppn_beacon *ret_beacon)
{
	struct ppn_beacon beacon = { 0 };
	struct ppn_gate_head head;
	struct ppn_object_view view;
	enum ppn_check check = gate_read(&packet, trust, &head);

	if (check == PPN_CHECK_OK)
		check = beacon_objects(&packet, &beacon, &view);
	if (check == PPN_CHECK_OK)
		check = beacon_body(&view, &head, &beacon);
	if (check == PPN_CHECK_OK)
		check = ppn_cert_check(trust, &beacon.cert_view, &beacon.cert, PPN_RIGHT_CLAIM,
				       now);
	if (check != PPN_CHECK_OK)
		return check;
	if (!ppn_object_verify(&view, trust->newest.fleet, beacon.cert.sign_key))
		return PPN_CHECK_SIGNATURE;
	/* its own seat says that this certificate is below the lowest valid one */
	if (ppn_get_u64(beacon.serial + PPN_KEY_ID_LEN) < beacon.lowest)
		return PPN_CHECK_REVOKED;
	*ret_beacon = beacon;
	return PPN_CHECK_OK;
}

/* The certificate that these bytes are, if this seed is of its sign key. */
static int own_cert(struct ppn_bytes bytes, const uint8_t seed[static 32],
		    struct ppn_cert *ret_cert)
{
	struct ppn_object_view view;
	uint8_t key[PPN_KEY_LEN];

	if (ppn_object_take(&bytes, PPN_OBJECT_CERT, PPN_CERT_MAX, &view) != PPN_CHECK_OK ||
	    bytes.len > 0 || ppn_cert_read(&view, ret_cert) != PPN_CHECK_OK)
		return -EINVAL;
	ppn_sign_public(key, seed);
	return memcmp(key, ret_cert->sign_key, sizeof(key)) == 0 ? 0 : -EINVAL;
}

ssize_t ppn_beacon_write(uint8_t *ret, size_t max, const struct ppn_trust *trust,
			 struct ppn_bytes cert, uint64_t time_ms, const uint8_t seed[static 32])
{
	uint8_t object[sizeof(struct ppn_beacon_body) + PPN_SIG_LEN];
	size_t len = sizeof(struct ppn_gate_head) + cert.len + sizeof(object);
	struct ppn_writer w = { .data = ret, .max = max };
	struct ppn_gate_head head = { 0 };
	struct ppn_beacon_body body;
	struct ppn_cert own;
	ssize_t n;

	if (own_cert(cert, seed, &own) < 0)
		return -EINVAL;
	if (len > PPN_DISCOVERY_MAX || len > max)
		return -EMSGSIZE;
	body.head = ppn_object_head(PPN_OBJECT_BEACON, sizeof(body));
	PPN_COPY(body.serial, own.serial);
	body.time = htobe64(time_ms);
	body.generation = htobe32(trust->newest.generation);
	body.list_number = htobe32(trust->n_crls > 0 ? trust->crl[0].number : 0);
	body.lowest = htobe64(ppn_trust_lowest(trust, own.serial));
	n = ppn_object_finish(object, sizeof(object), PPN_BYTES_OF(body), trust->newest.fleet,
			      seed);
	if (n < 0)
		return n;
	w.len = sizeof(head);
	ppn_put(&w, cert.data, cert.len);
	ppn_put(&w, object, sizeof(object));
	head.magic = htobe32(PPN_MAGIC);
	head.version = GATE_VERSION;
	head.type = PPN_PACKET_BEACON;
	head.len = htobe16((uint16_t)len);
	PPN_COPY(head.serial, own.serial);
	head.time = body.time;
	gate_digest(head.digest, (struct ppn_bytes){ ret + sizeof(head), len - sizeof(head) });
	gate_tag(head.tag, &head, trust);
	memcpy(ret, &head, sizeof(head));
	return ppn_put_end(&w);
}

/* ---- here ---- */

#define HERE_BOX (PPN_HERE_PLAIN + PPN_SEAL_OVERHEAD)

static bool here_good(const struct ppn_here *here)
{
	bool has_batch = !ppn_is_zero(here->batch, PPN_BATCH_LEN);
	bool has_proof = !ppn_is_zero(here->proof, PPN_HASH_LEN);

	return here->state < _PPN_STATE_MAX && here->posture > PPN_POSTURE_NONE &&
	       here->posture < _PPN_POSTURE_MAX && here->claim_port != 0 && has_batch == has_proof;
}

ssize_t ppn_here_write(uint8_t *ret, size_t max, const struct ppn_here *here,
		       const uint8_t fleet[static PPN_HASH_LEN], const uint8_t seed[static 32],
		       const uint8_t box_key[static PPN_KEY_LEN])
{
	struct ppn_here_head head = { htobe32(PPN_MAGIC), GATE_VERSION, PPN_PACKET_HERE,
				      htobe16(PPN_HERE_LEN) };
	uint8_t plain[PPN_HERE_PLAIN] = { 0 };
	struct ppn_here_body body;
	ssize_t n;

	if (!here_good(here))
		return -EINVAL;
	if (max < PPN_HERE_LEN)
		return -EMSGSIZE;
	body.head = ppn_object_head(PPN_OBJECT_HERE, sizeof(body));
	PPN_COPY(body.identity, here->identity);
	PPN_COPY(body.beacon, here->beacon);
	body.state = (uint8_t)here->state;
	body.posture = (uint8_t)here->posture;
	body.claim_port = htobe16(here->claim_port);
	PPN_COPY(body.batch, here->batch);
	PPN_COPY(body.proof, here->proof);
	n = ppn_object_finish(plain, sizeof(plain), PPN_BYTES_OF(body), fleet, seed);
	if (n < 0)
		return n;
	memcpy(ret, &head, sizeof(head));
	ppn_box_seal(ret + sizeof(head), plain, sizeof(plain), box_key);
	return PPN_HERE_LEN;
}

static enum ppn_check here_open(struct ppn_bytes packet, const uint8_t box_secret[static 32],
				uint8_t ret_plain[static PPN_HERE_PLAIN])
{
	struct ppn_here_head head;
	const uint8_t *box;

	if (packet.len > PPN_HERE_LEN)
		return PPN_CHECK_LONG;
	if (!ppn_take_into(&packet, &head, sizeof(head)))
		return PPN_CHECK_SHORT;
	if (be32toh(head.magic) != PPN_MAGIC || head.type != PPN_PACKET_HERE)
		return PPN_CHECK_KIND;
	if (head.version != GATE_VERSION)
		return head.version > GATE_VERSION ? PPN_CHECK_MAJOR : PPN_CHECK_FORM;
	box = ppn_take(&packet, HERE_BOX);
	if (!box || be16toh(head.len) != PPN_HERE_LEN)
		return box ? PPN_CHECK_FORM : PPN_CHECK_SHORT;
	return ppn_box_open(ret_plain, box, HERE_BOX, box_secret) < 0 ? PPN_CHECK_SEALED :
									PPN_CHECK_OK;
}

static enum ppn_check here_body(const struct ppn_object_view *view, struct ppn_here *here)
{
	struct ppn_here_body body;
	enum ppn_check check = ppn_object_body(view, &body, sizeof(body));

	if (check != PPN_CHECK_OK)
		return check;
	PPN_COPY(here->identity, body.identity);
	PPN_COPY(here->beacon, body.beacon);
	PPN_COPY(here->batch, body.batch);
	PPN_COPY(here->proof, body.proof);
	here->state = body.state;
	here->posture = body.posture;
	here->claim_port = be16toh(body.claim_port);
	return here_good(here) ? PPN_CHECK_OK : PPN_CHECK_FORM;
}

enum ppn_check ppn_here_read(struct ppn_bytes packet, const uint8_t box_secret[static 32],
			     const uint8_t fleet[static PPN_HASH_LEN], struct ppn_here *ret_here)
{
	uint8_t plain[PPN_HERE_PLAIN];
	struct ppn_bytes in = PPN_BYTES_OF(plain);
	struct ppn_object_view view;
	struct ppn_here here = { 0 };
	enum ppn_check check = here_open(packet, box_secret, plain);

	if (check == PPN_CHECK_OK)
		check = ppn_object_take(&in, PPN_OBJECT_HERE, sizeof(plain), &view);
	if (check == PPN_CHECK_OK)
		check = here_body(&view, &here);
	if (check != PPN_CHECK_OK)
		return check;
	if (in.len > 0 && !ppn_is_zero(in.data, in.len))
		return PPN_CHECK_FORM;
	if (!ppn_object_verify(&view, fleet, here.identity))
		return PPN_CHECK_SIGNATURE;
	*ret_here = here;
	return PPN_CHECK_OK;
}

/* ---- enrolment ---- */

void ppn_enrol_proof(uint8_t ret_proof[static PPN_HASH_LEN], const uint8_t key[static 32],
		     const uint8_t identity[static PPN_KEY_LEN], const uint8_t nonce[static 32])
{
	static const char text[] = PPN_ENROL_TEXT;
	uint8_t data[sizeof(text) - 1 + PPN_KEY_LEN + PPN_NONCE_LEN];
	struct ppn_writer w = { .data = data, .max = sizeof(data) };

	ppn_put(&w, text, sizeof(text) - 1);
	ppn_put(&w, identity, PPN_KEY_LEN);
	ppn_put(&w, nonce, PPN_NONCE_LEN);
	ppn_hmac_sha256(ret_proof, key, 32, data, w.len);
}

enum ppn_check ppn_enrol_check(const uint8_t proof[static PPN_HASH_LEN],
			       const uint8_t key[static 32],
			       const uint8_t identity[static PPN_KEY_LEN],
			       const uint8_t nonce[static 32])
{
	uint8_t good[PPN_HASH_LEN];

	ppn_enrol_proof(good, key, identity, nonce);
	return ppn_equal(proof, good, sizeof(good)) ? PPN_CHECK_OK : PPN_CHECK_PROOF;
}
