// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Input: what to mend (1), UDP payload. */
#include "fuzz/mend.h"

static void mend(uint8_t *packet, size_t len, const struct fleet *f, uint8_t what)
{
	struct ppn_gate_head head;
	uint8_t seed[32], hash[PPN_HASH_LEN];
	size_t n;

	if (len < sizeof(head))
		return;
	root_seed(seed, 'a');
	if (what & MEND_SIGNATURES) {
		n = mend_object(packet + sizeof(head), len - sizeof(head), f->root.fleet, seed);
		mend_object(packet + sizeof(head) + n, len - sizeof(head) - n, f->root.fleet,
			    f->seat_seed);
	}
	if (what & MEND_HEAD) {
		memcpy(&head, packet, sizeof(head));
		head.len = htobe16((uint16_t)len);
		ppn_hash(hash, packet + sizeof(head), len - sizeof(head));
		memcpy(head.digest, hash, sizeof(head.digest));
		ppn_siphash(head.tag, f->root.gate_key, &head, PPN_GATE_SIGNED_LEN);
		memcpy(packet, &head, sizeof(head));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct fleet f;
	struct ppn_trust trust;
	struct ppn_beacon beacon;
	uint8_t *packet;

	if (f.chain_len == 0)
		fleet_make(&f);
	if (len < 1 || len > 2 * PPN_DISCOVERY_MAX)
		return 0;
	packet = copy_of(data + 1, len - 1);
	mend(packet, len - 1, &f, data[0]);
	trust = f.trust;
	if (ppn_beacon_read((struct ppn_bytes){ packet, len - 1 }, &trust, NOW, &beacon) ==
	    PPN_CHECK_OK) {
		must(memcmp(beacon.serial, beacon.cert.serial, PPN_SERIAL_LEN) == 0);
		must(memcmp(beacon.serial, packet + 8, PPN_SERIAL_LEN) == 0);
		must(beacon.cert.rights & PPN_RIGHT_CLAIM);
		must(strnlen(beacon.cert.name, PPN_NAME_LEN) < PPN_NAME_LEN);
		must(len - 1 <= PPN_DISCOVERY_MAX);
	}
	free(packet);
	return 0;
}
