// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * make-seeds FOLDER: writes the seeds of the fuzz targets that read objects (selftests/fuzz/seeds), the
 * same bytes at every run. To be run again when a layout changes.
 */
#include <errno.h>
#include <ppn/ctl.h>
#include <stdio.h>
#include <sys/stat.h>
#include "fuzz/mend.h"

static const char *folder;

/* What to mend, then the rest, into FOLDER/TARGET/NAME. */
static void seed(const char *target, const char *name, uint8_t mend, struct ppn_bytes bytes)
{
	char path[512];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder, target);
	if (mkdir(path, 0755) < 0 && errno != EEXIST) {
		perror(path);
		exit(1);
	}
	snprintf(path, sizeof(path), "%s/%s/%s", folder, target, name);
	file = fopen(path, "wb");
	if (!file || fwrite(&mend, 1, 1, file) != 1 ||
	    fwrite(bytes.data, 1, bytes.len, file) != bytes.len || fclose(file) != 0) {
		perror(path);
		exit(1);
	}
}

static struct ppn_bytes ok(const uint8_t *data, ssize_t len)
{
	must(len > 0);
	return (struct ppn_bytes){ data, (size_t)len };
}

static void beacons(const struct fleet *f)
{
	uint8_t packet[PPN_DISCOVERY_MAX];
	struct ppn_bytes bytes =
		ok(packet, ppn_beacon_write(packet, sizeof(packet), &f->trust, fleet_cert(f),
					    NOW * 1000, f->seat_seed));

	seed("beacon", "good", MEND_NOTHING, bytes);
	seed("beacon", "mend", MEND_SIGNATURES | MEND_HEAD, bytes);
	packet[sizeof(struct ppn_gate_head) + 2] = 1; /* certificate of a higher minor */
	seed("beacon", "minor", MEND_SIGNATURES | MEND_HEAD, bytes);
}

static void heres(void)
{
	struct ppn_here_body body = { .head = ppn_object_head(PPN_OBJECT_HERE, sizeof(body)) };
	struct ppn_here_head head = { htobe32(PPN_MAGIC), 1, PPN_PACKET_HERE,
				      htobe16(PPN_HERE_LEN) };
	uint8_t plain[PPN_HERE_PLAIN] = { 0 }, packet[PPN_HERE_LEN] = { 0 };

	sign_key_of(body.identity, "node");
	body.state = PPN_STATE_HOLDING;
	body.posture = PPN_POSTURE_ONPREM;
	body.claim_port = htobe16(PPN_PORT_CLAIM);
	memcpy(plain, &body, sizeof(body));
	seed("here", "stranger", MEND_SIGNATURES | MEND_HEAD, BYTES(plain));
	memset(body.batch, 1, sizeof(body.batch));
	memset(body.proof, 2, sizeof(body.proof));
	memcpy(plain, &body, sizeof(body));
	seed("here", "invited", MEND_SIGNATURES | MEND_HEAD, BYTES(plain));
	memcpy(packet, &head, sizeof(head));
	seed("here", "packet", MEND_NOTHING, BYTES(packet));
}

static void cert(const struct fleet *f, const char *name, const struct ppn_cert *cert)
{
	uint8_t bytes[8 + PPN_CERT_LEN];
	uint64_t now = htobe64(NOW);

	memcpy(bytes, &now, sizeof(now));
	cert_make(bytes + sizeof(now), cert, f->root.fleet, 'a');
	seed("cert", name, MEND_SIGNATURES, BYTES(bytes));
}

static void certs(const struct fleet *f)
{
	struct ppn_cert c = f->seat_cert;

	cert(f, "good", &c);
	c.first_number = c.number_count = 0;
	cert(f, "without-numbers", &c);
	c.not_after = NOW - 1;
	cert(f, "expired", &c);
}

static void claims(const struct fleet *f)
{
	uint8_t object[512], node_seed[32];
	struct ppn_claim claim = { .number = 100,
				   .roster_len = 1000,
				   .posture = PPN_POSTURE_LEASED };
	struct ppn_seat seat = { 0 };
	struct ppn_node_proof node = { .state = PPN_STATE_HOLDING, .posture = PPN_POSTURE_LEASED };
	struct ppn_accept accept = { .ledger_size = 3 };

	secret_of(node_seed, "node");
	memcpy(claim.serial, f->seat_cert.serial, sizeof(claim.serial));
	sign_key_of(claim.identity, "node");
	ppn_hash(claim.h, "handshake", 9);
	ppn_hash(claim.nonce, "nonce", 5);
	dh_key_of(claim.x, "ticket");
	ppn_hash(claim.prior, "prior", 5);
	seed("claim", "claim", MEND_SIGNATURES,
	     ok(object,
		ppn_claim_write(object, sizeof(object), &claim, f->root.fleet, f->seat_seed)));
	memcpy(&seat, &claim, offsetof(struct ppn_seat, claim)); /* the same fields up to y */
	ppn_hash(seat.claim, "prior", 5);
	seed("claim", "seat", MEND_SIGNATURES,
	     ok(object,
		ppn_seat_write(object, sizeof(object), &seat, f->root.fleet, f->seat_seed)));
	sign_key_of(node.identity, "node");
	dh_key_of(node.noise_key, "node's noise");
	dh_key_of(node.rs, "seat's noise");
	seed("claim", "node", MEND_SIGNATURES,
	     ok(object, ppn_node_write(object, sizeof(object), &node, f->root.fleet, node_seed)));
	ppn_hash(accept.claim, "prior", 5);
	dh_key_of(accept.wg_key, "wireguard");
	seed("claim", "accept", MEND_SIGNATURES,
	     ok(object,
		ppn_accept_write(object, sizeof(object), &accept, f->root.fleet, node_seed)));
}

/* Three generations, two lists of one number, one of them revoking somebody. */
static void long_credentials(const struct fleet *f)
{
	static const uint8_t gone[1][PPN_SERIAL_LEN] = { { 1 } };
	uint8_t chain[3 * PPN_ROOT_MAX], lists[2 * PPN_CRL_MAX], out[4096];
	struct ppn_root next = root_of(1, "abd", NULL, f->root.fleet);
	struct ppn_crl crl = list_of(&f->root, 'a', 2);
	struct ppn_trust trust;
	size_t len = f->chain_len, n;

	memcpy(chain, f->chain, len);
	len += root_make(chain + len, &next, "ab");
	next = root_of(2, "aed", NULL, f->root.fleet);
	len += root_make(chain + len, &next, "ad");
	must(ppn_trust_chain(&trust, (struct ppn_bytes){ chain, len }, 3, NULL, NULL) ==
	     PPN_CHECK_OK);
	crl.n_revoked = 1;
	crl.revoked = gone;
	crl.n_lowest = 1;
	memcpy(crl.lowest[0].id, crl.signer, PPN_KEY_ID_LEN);
	crl.lowest[0].counter = 2;
	n = list_make(lists, &crl, 'a');
	crl = list_of(&next, 'e', 2);
	n += list_make(lists + n, &crl, 'e');
	must(ppn_trust_lists(&trust, (struct ppn_bytes){ lists, n }, 2, NULL) == PPN_CHECK_OK);
	seed("credentials", "three-roots-two-lists", MEND_SIGNATURES,
	     ok(out, ppn_credentials_write(out, sizeof(out), PPN_PURPOSE_ROSTER, &trust,
					   fleet_cert(f))));
}

static void credentials(const struct fleet *f)
{
	uint8_t out[2048];
	struct ppn_bytes bytes = ok(out, ppn_credentials_write(out, sizeof(out), PPN_PURPOSE_CLAIM,
							       &f->trust, fleet_cert(f)));

	seed("credentials", "good", MEND_NOTHING, bytes);
	seed("credentials", "mend", MEND_SIGNATURES, bytes);
	seed("credentials", "known", MEND_SIGNATURES | 0x10, bytes);
	long_credentials(f);
}

static void telemetry(void)
{
	struct {
		uint64_t last;
		struct ppn_telemetry t;
	} in = {
		.t = { .boots = htobe32(1),
		       .n = htobe32(1),
		       .number = htobe32(100),
		       .state = PPN_STATE_BOUND,
		       .posture = PPN_POSTURE_LEASED,
		       .seal_mode = PPN_HOLD_NATIVE,
		       .seq_limit = htobe32(PPN_SEQ_BLOCK),
		       .results[0] = { htobe32(7), PPN_OP_ISOLATE, 0, htobe16(PPN_RESULT_ACTED) } },
	};

	seed("telemetry", "good", MEND_SIGNATURES, BYTES(in));
}

/* The first byte, which elsewhere says what to mend, is the text's own here. */
static void armors(const struct fleet *f)
{
	char text[PPN_ARMOR_MAX + 1];
	ssize_t len = ppn_armor_write(text, sizeof(text), PPN_ARMOR_INVITE,
				      (struct ppn_bytes){ f->chain, f->chain_len });
	struct ppn_bytes rest = ok((const uint8_t *)text, len);

	seed("armor", "invite", rest.data[0], (struct ppn_bytes){ rest.data + 1, rest.len - 1 });
	text[len - 1] = '=';
	seed("armor", "no-end", rest.data[0], (struct ppn_bytes){ rest.data + 1, rest.len - 1 });
	len = ppn_armor_write(text, sizeof(text), PPN_ARMOR_AUTHORITY,
			      (struct ppn_bytes){ f->chain, 7 });
	seed("armor", "authority", rest.data[0],
	     (struct ppn_bytes){ rest.data + 1, (size_t)len - 1 });
}

int main(int argc, char **argv)
{
	struct fleet f;

	if (argc != 2) {
		fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
		return 2;
	}
	folder = argv[1];
	if (ppn_crypto_init() < 0)
		return 1;
	fleet_make(&f);
	beacons(&f);
	heres();
	certs(&f);
	claims(&f);
	credentials(&f);
	telemetry();
	armors(&f);
	return 0;
}
