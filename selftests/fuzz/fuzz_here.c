// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Input: what to mend (1), then the UDP payload, or with MEND_HEAD what is inside the box. */
#include "fuzz/mend.h"

static const uint8_t fleet_id[PPN_HASH_LEN] = { 9 };

static size_t seal(uint8_t packet[static PPN_HERE_LEN], const uint8_t *inside, size_t len,
		   bool sign)
{
	struct ppn_here_head head = { htobe32(PPN_MAGIC), 1, PPN_PACKET_HERE,
				      htobe16(PPN_HERE_LEN) };
	uint8_t plain[PPN_HERE_PLAIN] = { 0 }, box_key[PPN_KEY_LEN], seed[32];

	memcpy(plain, inside, len < sizeof(plain) ? len : sizeof(plain));
	secret_of(seed, "node");
	if (sign)
		mend_object(plain, sizeof(plain), fleet_id, seed);
	dh_key_of(box_key, "box");
	memcpy(packet, &head, sizeof(head));
	ppn_box_seal(packet + sizeof(head), plain, sizeof(plain), box_key);
	return PPN_HERE_LEN;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	uint8_t sealed[PPN_HERE_LEN], secret[32];
	struct ppn_bytes packet;
	struct ppn_here here;

	if (len < 1 || ppn_crypto_init() < 0)
		return 0;
	packet = (struct ppn_bytes){ data + 1, len - 1 };
	if (data[0] & MEND_HEAD) {
		packet.len = seal(sealed, data + 1, len - 1, data[0] & MEND_SIGNATURES);
		packet.data = sealed;
	}
	secret_of(secret, "box");
	if (ppn_here_read(packet, secret, fleet_id, &here) == PPN_CHECK_OK) {
		must(here.state < _PPN_STATE_MAX && here.claim_port != 0);
		must(here.posture > PPN_POSTURE_NONE && here.posture < _PPN_POSTURE_MAX);
		must(ppn_is_zero(here.batch, sizeof(here.batch)) ==
		     ppn_is_zero(here.proof, sizeof(here.proof)));
	}
	return 0;
}
