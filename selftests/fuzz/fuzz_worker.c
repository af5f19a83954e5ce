// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A packet between monitor and worker: what decodes says exactly what it encodes to. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "lib/worker.h"

#define CHECK(cond)              \
	do {                     \
		if (!(cond))     \
			abort(); \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t packet[PPN_WORKER_PACKET_MAX];
	struct ppn_worker_message message;

	if (ppn_worker_decode(&message, data, size) < 0)
		return 0;
	CHECK(size <= sizeof(packet) && message.conn != 0);
	CHECK(ppn_worker_encode(packet, sizeof(packet), &message) == (ssize_t)size);
	CHECK(memcmp(packet, data, size) == 0);
	return 0;
}
