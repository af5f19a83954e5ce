// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Input: the beginning of a frame. */
#include "fuzz/mend.h"
#include "lib/packet_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char text[PPN_PACKET_TEXT_LEN];
	struct ppn_packet_ends ends;

	must(ppn_packet_text(text, data, len) == text);
	must(strlen(text) > 0 && strlen(text) < sizeof(text));
	for (const char *at = text; *at; at++)
		must(*at >= 0x20 && *at < 0x7f);
	if (ppn_packet_ends(&ends, data, len))
		must(ends.src[0] && ends.dst[0] && strstr(text, ends.src) &&
		     strstr(text, ends.dst));
	return 0;
}
