// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Input: the text of a file that an operator carries; then the same bytes as what such a file holds. */
#include "fuzz/mend.h"

#include <stdio.h>

#define KIND PPN_ARMOR_INVITE

static void reads(const uint8_t *data, size_t len)
{
	char *text = (char *)copy_of(data, len), *again;
	uint8_t *bytes = malloc(len + 1), *back = malloc(len + 1);
	size_t n = 0, m = 0;
	ssize_t written;

	must(text && bytes && back);
	if (ppn_armor_read(text, len, KIND, bytes, len, &n) == PPN_CHECK_OK) {
		must(n <= len);
		again = malloc(PPN_ARMOR_MAX + 1);
		must(again != NULL);
		written = ppn_armor_write(again, PPN_ARMOR_MAX + 1, KIND,
					  (struct ppn_bytes){ bytes, n });
		must(written > 0 && again[written] == '\0');
		must(ppn_armor_read(again, (size_t)written, KIND, back, len, &m) == PPN_CHECK_OK);
		must(m == n && memcmp(bytes, back, n) == 0);
		free(again);
	}
	free(back);
	free(bytes);
	free(text);
}

static void writes(const uint8_t *data, size_t len)
{
	char *text = malloc(PPN_ARMOR_MAX + 1);
	uint8_t *back = malloc(len + 1);
	size_t n = 0;
	ssize_t written;

	must(text && back);
	written = ppn_armor_write(text, PPN_ARMOR_MAX + 1, KIND, (struct ppn_bytes){ data, len });
	if (written > 0) {
		must(ppn_armor_read(text, (size_t)written, KIND, back, len, &n) == PPN_CHECK_OK);
		must(n == len && memcmp(back, data, len) == 0);
		/* One byte less of room is said, not written over. */
		must(len == 0 || ppn_armor_read(text, (size_t)written, KIND, back, len - 1, &n) !=
					 PPN_CHECK_OK);
	}
	free(back);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	if (len > PPN_ARMOR_MAX || ppn_crypto_init() < 0)
		return 0;
	reads(data, len);
	writes(data, len);
	return 0;
}
