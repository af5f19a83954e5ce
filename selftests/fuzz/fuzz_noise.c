// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Byte 0 says which message of XX a stranger replaces (0..2), or that a protocol name follows (3). The rest
 * is the message, or with bit 7 of byte 0 what is XORed onto the honest one: then only zeros may pass.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "lib/crypto.h"
#include "lib/noise.h"

#define CHECK(cond)              \
	do {                     \
		if (!(cond))     \
			abort(); \
	} while (0)

static void side_start(struct ppn_noise *noise, bool initiator)
{
	const uint8_t e_secret[32] = { initiator ? 8 : 16 };
	struct ppn_noise_key s = { .secret = { initiator ? 32 : 64 } };
	const struct ppn_noise_config config = {
		.name = PPN_NOISE_NAME,
		.initiator = initiator,
		.prologue = "fuzz",
		.prologue_len = 4,
		.s = &s,
		.e_secret = e_secret,
	};

	ppn_dh_public(s.key, s.secret);
	CHECK(ppn_noise_start(noise, &config) == 0);
}

/* Both sides up to message `at`, which is written and not yet read. */
static size_t honest(struct ppn_noise *w, struct ppn_noise *r, unsigned int at, uint8_t *ret,
		     size_t max)
{
	uint8_t payload[256];
	size_t len = 0, payload_len;

	for (unsigned int i = 0; i <= at; i++) {
		struct ppn_noise *from = i % 2 ? r : w, *to = i % 2 ? w : r;

		CHECK(ppn_noise_write(from, ret, max, &len, "payload", 7) == 0);
		if (i < at)
			CHECK(ppn_noise_read(to, payload, sizeof(payload), &payload_len, ret,
					     len) == 0);
	}
	return len;
}

static void message(unsigned int at, bool xored, const uint8_t *data, size_t size)
{
	static uint8_t message_[PPN_MESSAGE2_MAX + 1], payload[PPN_MESSAGE2_MAX];
	struct ppn_noise init, resp, *reader = at % 2 ? &init : &resp;
	size_t len, payload_len = SIZE_MAX;
	bool changed = true;
	int err;

	side_start(&init, true);
	side_start(&resp, false);
	len = honest(&init, &resp, at, message_, sizeof(message_));
	if (xored) {
		changed = false;
		for (size_t i = 0; i < len && i < size; i++) {
			message_[i] ^= data[i];
			changed |= data[i] != 0;
		}
	} else {
		len = size < sizeof(message_) ? size : sizeof(message_);
		memcpy(message_, data, len);
	}
	err = ppn_noise_read(reader, payload, sizeof(payload), &payload_len, message_, len);
	if (at > 0 && xored)
		CHECK((err == 0) == !changed);
	if (err) {
		CHECK(payload_len == SIZE_MAX);
		CHECK(ppn_noise_read(reader, payload, sizeof(payload), &payload_len, message_,
				     len) == -EPROTO);
		CHECK(ppn_is_zero(&reader->s, sizeof(reader->s)));
	}
	ppn_noise_wipe(&init);
	ppn_noise_wipe(&resp);
}

static void name(const uint8_t *data, size_t size)
{
	char text[128] = { 0 };

	memcpy(text, data, size < sizeof(text) ? size : sizeof(text) - 1);
	if (ppn_noise_known(text))
		CHECK(strncmp(text, "Noise_", 6) == 0 && strstr(text, "_25519_ChaChaPoly_SHA256"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool ready;

	if (!ready)
		CHECK(ppn_crypto_init() == 0);
	ready = true;
	if (size == 0)
		return 0;
	if ((data[0] & 3) == 3)
		name(data + 1, size - 1);
	else
		message(data[0] & 3, data[0] & 0x80, data + 1, size - 1);
	return 0;
}
