// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "unit/hostile.h"

#include <endian.h>
#include <errno.h>
#include "unit/fleet.h"

#define TIME_MS (NOW * 1000 + 123)

/* ---- beacon ---- */

static struct ppn_bytes beacon_of(const struct fleet *f, uint8_t ret[static PPN_DISCOVERY_MAX])
{
	ssize_t len = ppn_beacon_write(ret, PPN_DISCOVERY_MAX, &f->trust, fleet_cert(f), TIME_MS,
				       f->seat_seed);

	assert_true(len > 0);
	return (struct ppn_bytes){ ret, (size_t)len };
}

static enum ppn_check read_beacon(struct ppn_bytes bytes, void *arg)
{
	struct ppn_trust trust = *(struct ppn_trust *)arg;
	struct ppn_beacon beacon;

	return ppn_beacon_read(bytes, &trust, NOW, &beacon);
}

/* Head made good again for whatever follows it. */
static void mend_head(uint8_t *packet, size_t len, const struct ppn_trust *trust)
{
	struct ppn_gate_head head;
	uint8_t hash[PPN_HASH_LEN];

	memcpy(&head, packet, sizeof(head));
	head.len = htobe16((uint16_t)len);
	ppn_hash(hash, packet + sizeof(head), len - sizeof(head));
	memcpy(head.digest, hash, sizeof(head.digest));
	ppn_siphash(head.tag, trust->newest.gate_key, &head, PPN_GATE_SIGNED_LEN);
	memcpy(packet, &head, sizeof(head));
}

static enum ppn_check read_mended(struct ppn_bytes bytes, void *arg)
{
	const struct ppn_trust *trust = arg;
	uint8_t copy[PPN_DISCOVERY_MAX + 1];

	memcpy(copy, bytes.data, bytes.len);
	if (bytes.len >= sizeof(struct ppn_gate_head))
		mend_head(copy, bytes.len, trust);
	return read_beacon((struct ppn_bytes){ copy, bytes.len }, arg);
}

static void beacon_round_trip(void **state)
{
	struct fleet f;
	uint8_t packet[PPN_DISCOVERY_MAX];
	struct ppn_bytes bytes;
	struct ppn_beacon beacon;

	(void)state;
	fleet_make(&f);
	bytes = beacon_of(&f, packet);
	assert_int_equal(bytes.len, 48 + PPN_CERT_LEN + 48 + 64);
	assert_check(ppn_beacon_read(bytes, &f.trust, NOW, &beacon), PPN_CHECK_OK);
	assert_memory_equal(beacon.serial, f.seat_cert.serial, PPN_SERIAL_LEN);
	assert_int_equal(beacon.time_ms, TIME_MS);
	assert_int_equal(beacon.generation, 0);
	assert_int_equal(beacon.list_number, 1);
	assert_int_equal(beacon.lowest, 0);
	assert_memory_equal(&beacon.cert, &f.seat_cert, sizeof(beacon.cert));
}

/* The head as XDP reads it, byte by byte. */
static void beacon_head_on_the_wire(void **state)
{
	struct fleet f;
	uint8_t packet[PPN_DISCOVERY_MAX], hash[PPN_HASH_LEN], tag[8], time[8];
	struct ppn_bytes bytes;

	(void)state;
	fleet_make(&f);
	bytes = beacon_of(&f, packet);
	assert_memory_equal(packet, "ppn1\1\1", 6);
	assert_int_equal(packet[6] << 8 | packet[7], bytes.len);
	assert_memory_equal(packet + 8, f.seat_cert.serial, 16);
	for (int i = 0; i < 8; i++)
		time[i] = (uint8_t)(TIME_MS >> (56 - 8 * i));
	assert_memory_equal(packet + 24, time, 8);
	ppn_hash(hash, packet + 48, bytes.len - 48);
	assert_memory_equal(packet + 32, hash, 8);
	ppn_siphash(tag, f.root.gate_key, packet, 40);
	assert_memory_equal(packet + 40, tag, 8);
}

static void beacon_hostile(void **state)
{
	struct fleet f;
	uint8_t packet[PPN_DISCOVERY_MAX];
	struct ppn_bytes bytes;

	(void)state;
	fleet_make(&f);
	bytes = beacon_of(&f, packet);
	refuses_truncation(read_beacon, &f.trust, bytes);
	refuses_flips(read_beacon, &f.trust, bytes, 0);
	/* who knows the gate key mends the head: the signatures still hold (magic, version, type stay) */
	refuses_truncation(read_mended, &f.trust, bytes);
	refuses_flips(read_mended, &f.trust, bytes, sizeof(struct ppn_gate_head));
}

static void beacon_head_refused(void **state)
{
	static const struct {
		size_t at;
		uint8_t value;
		enum ppn_check check;
	} rows[] = {
		{ 0, 'q', PPN_CHECK_KIND },
		{ 4, 0, PPN_CHECK_FORM },
		{ 4, 2, PPN_CHECK_MAJOR },
		{ 5, PPN_PACKET_KNOCK, PPN_CHECK_KIND },
		{ 5, PPN_PACKET_HERE, PPN_CHECK_KIND },
		{ 6, 0xff, PPN_CHECK_SHORT },
		{ 6, 0, PPN_CHECK_LONG },
		{ 40, 0xaa, PPN_CHECK_SIGNATURE },
		{ 32, 0xaa, PPN_CHECK_SIGNATURE },
	};
	struct fleet f;
	uint8_t packet[PPN_DISCOVERY_MAX];

	(void)state;
	fleet_make(&f);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ppn_bytes bytes = beacon_of(&f, packet);

		packet[rows[i].at] = rows[i].value;
		assert_check(read_beacon(bytes, &f.trust), rows[i].check);
	}
}

static void beacon_digest(void **state)
{
	struct fleet f;
	uint8_t packet[PPN_DISCOVERY_MAX];
	struct ppn_bytes bytes;

	(void)state;
	fleet_make(&f);
	bytes = beacon_of(&f, packet);
	packet[bytes.len - 1] ^= 1;
	assert_check(read_beacon(bytes, &f.trust), PPN_CHECK_HASH);
}

static void beacon_too_long(void **state)
{
	struct fleet f;
	uint8_t packet[PPN_DISCOVERY_MAX + 1] = { 0 };

	(void)state;
	fleet_make(&f);
	assert_check(read_beacon((struct ppn_bytes){ packet, sizeof(packet) }, &f.trust),
		     PPN_CHECK_LONG);
}

/* Serial and time must be the same in head, body and certificate. */
static void beacon_says_one_thing(void **state)
{
	struct fleet f, other;
	uint8_t packet[PPN_DISCOVERY_MAX];
	struct ppn_bytes bytes;

	(void)state;
	fleet_make(&f);
	bytes = beacon_of(&f, packet);
	packet[8] ^= 1; /* serial in the head */
	mend_head(packet, bytes.len, &f.trust);
	assert_check(read_beacon(bytes, &f.trust), PPN_CHECK_FORM);
	bytes = beacon_of(&f, packet);
	packet[31] ^= 1; /* time in the head */
	mend_head(packet, bytes.len, &f.trust);
	assert_check(read_beacon(bytes, &f.trust), PPN_CHECK_FORM);
	/* a seat's body under another certificate with the same key */
	other = f;
	other.seat_cert.serial[15]++;
	other.cert_len = cert_make(other.cert, &other.seat_cert, f.root.fleet, 'a');
	bytes = beacon_of(&f, packet);
	memcpy(packet + sizeof(struct ppn_gate_head), other.cert, PPN_CERT_LEN);
	mend_head(packet, bytes.len, &f.trust);
	assert_check(read_beacon(bytes, &f.trust), PPN_CHECK_FORM);
}

static void beacon_needs_a_good_certificate(void **state)
{
	struct fleet f, bad;
	uint8_t packet[PPN_DISCOVERY_MAX];

	(void)state;
	fleet_make(&f);
	bad = f;
	bad.seat_cert.rights = PPN_RIGHTS_ALL & ~PPN_RIGHT_CLAIM;
	bad.cert_len = cert_make(bad.cert, &bad.seat_cert, f.root.fleet, 'a');
	assert_check(read_beacon(beacon_of(&bad, packet), &f.trust), PPN_CHECK_RIGHT);
	bad = f;
	bad.seat_cert.not_after = NOW - 1;
	bad.cert_len = cert_make(bad.cert, &bad.seat_cert, f.root.fleet, 'a');
	assert_check(read_beacon(beacon_of(&bad, packet), &f.trust), PPN_CHECK_EXPIRED);
	bad = f;
	bad.cert_len = cert_make(bad.cert, &bad.seat_cert, f.root.fleet, 'x');
	assert_check(read_beacon(beacon_of(&bad, packet), &f.trust), PPN_CHECK_SIGNATURE);
	bad = f;
	root_key_id(bad.seat_cert.serial, 'x');
	bad.cert_len = cert_make(bad.cert, &bad.seat_cert, f.root.fleet, 'x');
	assert_check(read_beacon(beacon_of(&bad, packet), &f.trust), PPN_CHECK_ROOT);
}

static void beacon_revoked(void **state)
{
	struct fleet f;
	uint8_t packet[PPN_DISCOVERY_MAX], object[PPN_CRL_MAX];
	struct ppn_trust node;
	struct ppn_bytes bytes;
	struct ppn_crl crl;

	(void)state;
	fleet_make(&f);
	node = f.trust;
	crl = list_of(&f.root, 'a', 2);
	crl.n_lowest = 1;
	memcpy(crl.lowest[0].id, f.seat_cert.serial, PPN_KEY_ID_LEN);
	crl.lowest[0].counter = 8;
	assert_check(ppn_trust_lists(&node,
				     (struct ppn_bytes){ object, list_make(object, &crl, 'a') }, 1,
				     &f.trust),
		     PPN_CHECK_OK);
	bytes = beacon_of(&f, packet);
	assert_check(read_beacon(bytes, &f.trust), PPN_CHECK_OK);
	assert_check(read_beacon(bytes, &node), PPN_CHECK_REVOKED);
	/* a seat that knows the list gives itself away to a node that does not */
	f.trust.n_crls = node.n_crls;
	memcpy(f.trust.crl, node.crl, sizeof(node.crl));
	bytes = beacon_of(&f, packet);
	node.n_crls = 0;
	assert_check(read_beacon(bytes, &node), PPN_CHECK_REVOKED);
}

static void beacon_of_another_fleet(void **state)
{
	struct fleet f;
	struct ppn_trust other;
	uint8_t packet[PPN_DISCOVERY_MAX];
	struct ppn_bytes bytes;

	(void)state;
	fleet_make(&f);
	bytes = beacon_of(&f, packet);
	other = f.trust;
	other.newest.gate_key[0] ^= 1;
	assert_check(read_beacon(bytes, &other), PPN_CHECK_SIGNATURE);
	other = f.trust;
	other.newest.fleet[0] ^= 1;
	assert_check(read_beacon(bytes, &other), PPN_CHECK_SIGNATURE);
}

static void beacon_writer_refuses(void **state)
{
	struct fleet f;
	uint8_t packet[PPN_DISCOVERY_MAX], seed[32];
	size_t len;

	(void)state;
	fleet_make(&f);
	len = beacon_of(&f, packet).len;
	assert_int_equal(ppn_beacon_write(packet, len - 1, &f.trust, fleet_cert(&f), 1,
					  f.seat_seed),
			 -EMSGSIZE);
	secret_of(seed, "stranger");
	assert_int_equal(ppn_beacon_write(packet, len, &f.trust, fleet_cert(&f), 1, seed), -EINVAL);
	f.cert_len--;
	assert_int_equal(ppn_beacon_write(packet, len, &f.trust, fleet_cert(&f), 1, f.seat_seed),
			 -EINVAL);
}

/* ---- here ---- */

static const uint8_t fleet_id[PPN_HASH_LEN] = { 9 };

static struct ppn_here here_of(const char *who)
{
	struct ppn_here here = { .state = PPN_STATE_HOLDING,
				 .posture = PPN_POSTURE_ONPREM,
				 .claim_port = 9443 };
	uint8_t key[32];

	sign_key_of(here.identity, who);
	ppn_hash(here.beacon, "beacon", 6);
	memset(here.batch, 0x42, sizeof(here.batch));
	secret_of(key, "enrolment");
	ppn_enrol_proof(here.proof, key, here.identity, here.beacon);
	return here;
}

static ssize_t write_here(uint8_t ret[static PPN_HERE_LEN], const struct ppn_here *here)
{
	uint8_t seed[32], box_key[PPN_KEY_LEN];

	secret_of(seed, "node");
	dh_key_of(box_key, "box");
	return ppn_here_write(ret, PPN_HERE_LEN, here, fleet_id, seed, box_key);
}

static enum ppn_check read_here(struct ppn_bytes bytes, void *arg)
{
	uint8_t secret[32];
	struct ppn_here here;

	(void)arg;
	secret_of(secret, "box");
	return ppn_here_read(bytes, secret, fleet_id, &here);
}

/* Sealed as anybody can: the box key is public. */
static enum ppn_check read_sealed(struct ppn_bytes plain, void *arg)
{
	struct ppn_here_head head = { htobe32(PPN_MAGIC), 1, PPN_PACKET_HERE,
				      htobe16(PPN_HERE_LEN) };
	uint8_t packet[PPN_HERE_LEN], padded[PPN_HERE_PLAIN] = { 0 }, box_key[PPN_KEY_LEN];

	memcpy(padded, plain.data, plain.len);
	dh_key_of(box_key, "box");
	memcpy(packet, &head, sizeof(head));
	ppn_box_seal(packet + sizeof(head), padded, sizeof(padded), box_key);
	return read_here(BYTES(packet), arg);
}

static void here_round_trip(void **state)
{
	struct ppn_here here = here_of("node"), back;
	uint8_t packet[PPN_HERE_LEN], secret[32];

	(void)state;
	secret_of(secret, "box");
	assert_int_equal(write_here(packet, &here), PPN_HERE_LEN);
	memset(&back, 0, sizeof(back));
	assert_check(ppn_here_read(BYTES(packet), secret, fleet_id, &back), PPN_CHECK_OK);
	assert_memory_equal(&back, &here, sizeof(back));
	refuses_truncation(read_here, NULL, BYTES(packet));
	refuses_flips(read_here, NULL, BYTES(packet), 0);
}

static void here_to_the_wrong_key(void **state)
{
	struct ppn_here here = here_of("node"), back;
	uint8_t packet[PPN_HERE_LEN], secret[32], other_fleet[PPN_HASH_LEN] = { 8 };

	(void)state;
	assert_int_equal(write_here(packet, &here), PPN_HERE_LEN);
	secret_of(secret, "another box");
	assert_check(ppn_here_read(BYTES(packet), secret, fleet_id, &back), PPN_CHECK_SEALED);
	secret_of(secret, "box");
	assert_check(ppn_here_read(BYTES(packet), secret, other_fleet, &back), PPN_CHECK_SIGNATURE);
	/* somebody else's identity */
	here = here_of("another node");
	assert_int_equal(write_here(packet, &here), PPN_HERE_LEN);
	assert_check(ppn_here_read(BYTES(packet), secret, fleet_id, &back), PPN_CHECK_SIGNATURE);
}

static void here_inside_the_box(void **state)
{
	struct ppn_here here = here_of("node");
	struct ppn_here_body body = { .head = ppn_object_head(PPN_OBJECT_HERE, sizeof(body)) };
	uint8_t plain[PPN_HERE_PLAIN] = { 0 }, seed[32];
	size_t len = sizeof(body) + PPN_SIG_LEN;

	(void)state;
	secret_of(seed, "node");
	memcpy(body.identity, here.identity, sizeof(body.identity));
	body.state = PPN_STATE_HOLDING;
	body.posture = PPN_POSTURE_ONPREM;
	body.claim_port = htobe16(9443);
	assert_int_equal(ppn_object_finish(plain, sizeof(plain), BYTES(body), fleet_id, seed), len);
	assert_check(read_sealed(BYTES(plain), NULL), PPN_CHECK_OK);
	for (size_t cut = 0; cut < len; cut++) /* the rest of the box is zeros */
		assert_int_not_equal(read_sealed((struct ppn_bytes){ plain, cut }, NULL),
				     PPN_CHECK_OK);
	for (size_t bit = 0; bit < sizeof(plain) * 8; bit += 7) {
		plain[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_not_equal(read_sealed(BYTES(plain), NULL), PPN_CHECK_OK);
		plain[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	plain[len] = 1;
	assert_check(read_sealed(BYTES(plain), NULL), PPN_CHECK_FORM);
}

static void here_ranges(void **state)
{
	const struct {
		unsigned int state, posture, port;
		bool batch, proof, good;
	} rows[] = {
		{ PPN_STATE_HOLDING, PPN_POSTURE_ONPREM, 9443, true, true, true },
		{ PPN_STATE_DAMAGED, PPN_POSTURE_CLOUD, 1, false, false, true },
		{ _PPN_STATE_MAX, PPN_POSTURE_ONPREM, 9443, true, true, false },
		{ PPN_STATE_HOLDING, PPN_POSTURE_NONE, 9443, true, true, false },
		{ PPN_STATE_HOLDING, _PPN_POSTURE_MAX, 9443, true, true, false },
		{ PPN_STATE_HOLDING, PPN_POSTURE_ONPREM, 0, true, true, false },
		{ PPN_STATE_HOLDING, PPN_POSTURE_ONPREM, 9443, true, false, false },
		{ PPN_STATE_HOLDING, PPN_POSTURE_ONPREM, 9443, false, true, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ppn_here here = here_of("node");
		struct ppn_here_body body = { .head = ppn_object_head(PPN_OBJECT_HERE,
								      sizeof(body)) };
		uint8_t packet[PPN_HERE_LEN], plain[PPN_HERE_PLAIN] = { 0 }, seed[32];

		secret_of(seed, "node");
		here.state = body.state = (uint8_t)rows[i].state;
		here.posture = body.posture = (uint8_t)rows[i].posture;
		here.claim_port = (uint16_t)rows[i].port;
		body.claim_port = htobe16(here.claim_port);
		memset(here.batch, rows[i].batch, sizeof(here.batch));
		memset(here.proof, rows[i].proof, sizeof(here.proof));
		memcpy(body.identity, here.identity, sizeof(body.identity));
		memcpy(body.batch, here.batch, sizeof(body.batch));
		memcpy(body.proof, here.proof, sizeof(body.proof));
		assert_int_equal(write_here(packet, &here), rows[i].good ? PPN_HERE_LEN : -EINVAL);
		assert_true(ppn_object_finish(plain, sizeof(plain), BYTES(body), fleet_id, seed) >
			    0);
		assert_check(read_sealed(BYTES(plain), NULL),
			     rows[i].good ? PPN_CHECK_OK : PPN_CHECK_FORM);
	}
}

static void here_heads(void **state)
{
	static const struct {
		size_t at;
		uint8_t value;
		enum ppn_check check;
	} rows[] = {
		{ 0, 0, PPN_CHECK_KIND },   { 4, 2, PPN_CHECK_MAJOR }, { 4, 0, PPN_CHECK_FORM },
		{ 5, 1, PPN_CHECK_KIND },   { 6, 9, PPN_CHECK_FORM },  { 7, 0, PPN_CHECK_FORM },
		{ 8, 0, PPN_CHECK_SEALED },
	};
	struct ppn_here here = here_of("node");
	uint8_t packet[PPN_HERE_LEN];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(write_here(packet, &here), PPN_HERE_LEN);
		packet[rows[i].at] = packet[rows[i].at] == rows[i].value ? 0x77 : rows[i].value;
		assert_check(read_here(BYTES(packet), NULL), rows[i].check);
	}
	assert_int_equal(ppn_here_write(packet, sizeof(packet) - 1, &here, fleet_id, fleet_id,
					fleet_id),
			 -EMSGSIZE);
}

/* ---- enrolment ---- */

static void enrolment(void **state)
{
	struct ppn_here here = here_of("node");
	uint8_t key[32], other[32], data[11 + 64], mac[32];

	(void)state;
	secret_of(key, "enrolment");
	memcpy(data, "ppn enrol 1", 11);
	memcpy(data + 11, here.identity, 32);
	memcpy(data + 43, here.beacon, 32);
	ppn_hmac_sha256(mac, key, sizeof(key), data, sizeof(data));
	assert_memory_equal(here.proof, mac, sizeof(mac));
	assert_check(ppn_enrol_check(here.proof, key, here.identity, here.beacon), PPN_CHECK_OK);
	secret_of(other, "another invite");
	assert_check(ppn_enrol_check(here.proof, other, here.identity, here.beacon),
		     PPN_CHECK_PROOF);
	/* of another node, for another beacon, any bit changed */
	assert_check(ppn_enrol_check(here.proof, key, other, here.beacon), PPN_CHECK_PROOF);
	assert_check(ppn_enrol_check(here.proof, key, here.identity, other), PPN_CHECK_PROOF);
	for (size_t bit = 0; bit < sizeof(mac) * 8; bit++) {
		mac[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_check(ppn_enrol_check(mac, key, here.identity, here.beacon),
			     PPN_CHECK_PROOF);
		mac[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(beacon_round_trip),
		cmocka_unit_test(beacon_head_on_the_wire),
		cmocka_unit_test(beacon_hostile),
		cmocka_unit_test(beacon_head_refused),
		cmocka_unit_test(beacon_digest),
		cmocka_unit_test(beacon_too_long),
		cmocka_unit_test(beacon_says_one_thing),
		cmocka_unit_test(beacon_needs_a_good_certificate),
		cmocka_unit_test(beacon_revoked),
		cmocka_unit_test(beacon_of_another_fleet),
		cmocka_unit_test(beacon_writer_refuses),
		cmocka_unit_test(here_round_trip),
		cmocka_unit_test(here_to_the_wrong_key),
		cmocka_unit_test(here_inside_the_box),
		cmocka_unit_test(here_ranges),
		cmocka_unit_test(here_heads),
		cmocka_unit_test(enrolment),
	};

	return cmocka_run_group_tests_name("discovery", tests, setup_crypto, NULL);
}
