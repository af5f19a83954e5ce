// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Input: what to mend (1), last counter (8), UDP payload. */
#include "fuzz/mend.h"

#include <ppn/ctl.h>

#define HEAD 9

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const uint8_t key[PPN_SIP_KEY_LEN] = { 1, 2, 3 };
	struct ppn_telemetry t, sealed;
	uint64_t last;
	uint8_t *packet;

	if (len < HEAD || ppn_crypto_init() < 0)
		return 0;
	memcpy(&last, data + 1, sizeof(last));
	last = be64toh(last);
	packet = copy_of(data + HEAD, len - HEAD);
	if (data[0] & MEND_SIGNATURES && len - HEAD >= sizeof(sealed)) {
		memcpy(&sealed, packet, sizeof(sealed));
		ppn_telemetry_seal(&sealed, key);
		memcpy(packet, &sealed, sizeof(sealed));
	}
	if (ppn_telemetry_check(packet, len - HEAD, key, 100, last, &t) == PPN_CHECK_OK) {
		must(len - HEAD == sizeof(t) && be32toh(t.number) == 100);
		must(((uint64_t)be32toh(t.boots) << 32 | be32toh(t.n)) > last);
		must(t.state < _PPN_STATE_MAX && t.seal_mode < _PPN_HOLD_MAX);
	}
	free(packet);
	return 0;
}
