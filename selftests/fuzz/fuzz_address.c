// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Input: the text of an address. */
#include "fuzz/mend.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char *text = malloc(len + 1), again[PPN_ADDRESS_TEXT], third[PPN_ADDRESS_TEXT];
	uint8_t addr[16], back[16], untouched[16];

	must(text != NULL);
	memcpy(text, data, len);
	text[len] = '\0';
	memset(addr, 0xa5, sizeof(addr));
	memcpy(untouched, addr, sizeof(addr));
	if (ppn_address_read(addr, text) == 0) {
		must(ppn_address_text(again, addr) == again);
		must(strlen(again) < sizeof(again));
		must(ppn_address_read(back, again) == 0);
		must(memcmp(addr, back, sizeof(addr)) == 0);
		must(strcmp(ppn_address_text(third, back), again) == 0);
		must(ppn_address_is_v4(addr) == !strchr(again, ':'));
	} else {
		must(memcmp(addr, untouched, sizeof(addr)) == 0);
	}
	free(text);
	return 0;
}
