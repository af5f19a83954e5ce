/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What every reader must survive: each truncation and each flipped bit of something good. */
#ifndef PPN_TEST_HOSTILE_H
#define PPN_TEST_HOSTILE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "lib/crypto.h"
#include "lib/wire.h"

typedef enum ppn_check (*reader_fn)(struct ppn_bytes bytes, void *arg);

#define assert_check(got, expected) \
	assert_string_equal(ppn_check_text(got), ppn_check_text(expected))

/* In a block of exactly its size, so that one byte read past the end is seen. */
static inline enum ppn_check read_exact(reader_fn read, void *arg, const uint8_t *data, size_t len)
{
	uint8_t *copy = malloc(len > 0 ? len : 1);
	enum ppn_check check;

	assert_non_null(copy);
	memcpy(copy, data, len);
	check = read((struct ppn_bytes){ copy, len }, arg);
	free(copy);
	return check;
}

/* Good as it is, refused when cut anywhere, refused with a byte more. */
static inline void refuses_truncation(reader_fn read, void *arg, struct ppn_bytes good)
{
	uint8_t *longer = calloc(1, good.len + 1);

	assert_non_null(longer);
	assert_check(read_exact(read, arg, good.data, good.len), PPN_CHECK_OK);
	for (size_t len = 0; len < good.len; len++)
		if (read_exact(read, arg, good.data, len) == PPN_CHECK_OK)
			fail_msg("good when cut to %zu of %zu bytes", len, good.len);
	memcpy(longer, good.data, good.len);
	if (read_exact(read, arg, longer, good.len + 1) == PPN_CHECK_OK)
		fail_msg("good with a byte after its end");
	free(longer);
}

/* No bit of [from, len) can change unnoticed. */
static inline void refuses_flips(reader_fn read, void *arg, struct ppn_bytes good, size_t from)
{
	uint8_t *copy = malloc(good.len);

	assert_non_null(copy);
	memcpy(copy, good.data, good.len);
	for (size_t bit = from * 8; bit < good.len * 8; bit++) {
		copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
		if (read((struct ppn_bytes){ copy, good.len }, arg) == PPN_CHECK_OK)
			fail_msg("good with bit %zu of byte %zu flipped", bit % 8, bit / 8);
		copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	free(copy);
}

static inline int setup_crypto(void **state)
{
	(void)state;
	return ppn_crypto_init();
}

#endif
