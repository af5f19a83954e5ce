/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The one way lib/ reads and writes bytes of strangers: struct ppn_bytes as a cursor that never goes
 * past its end, and a writer that never goes past its buffer. Private to lib/.
 */
#ifndef PPN_LIB_BYTES_H
#define PPN_LIB_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>
#include "lib/wire.h"

/* Take len bytes off the front. NULL, and *in stays, when fewer are left. */
const uint8_t *ppn_take(struct ppn_bytes *in, size_t len);
/* The same, copied (any alignment). False: fewer are left, ret_copy and *in stay. */
bool ppn_take_into(struct ppn_bytes *in, void *ret_copy, size_t len);
/* What was taken off `from` to leave `rest`. */
struct ppn_bytes ppn_bytes_before(struct ppn_bytes from, struct ppn_bytes rest);
bool ppn_bytes_equal(struct ppn_bytes a, struct ppn_bytes b); /* not constant-time */

/* Once something does not fit, nothing more is written and the end is -EMSGSIZE. */
struct ppn_writer {
	uint8_t *data;
	size_t max, len;
	bool full;
};
void ppn_put(struct ppn_writer *w, const void *data, size_t len);
void ppn_put_u16(struct ppn_writer *w, uint16_t value);
void ppn_put_u64(struct ppn_writer *w, uint64_t value);
ssize_t ppn_put_end(const struct ppn_writer *w); /* bytes written, or -EMSGSIZE */

uint16_t ppn_get_u16(const uint8_t *at);
uint64_t ppn_get_u64(const uint8_t *at);

/* Between two arrays of the same size. */
#define PPN_COPY(to, from)                                                        \
	do {                                                                      \
		_Static_assert(sizeof(to) == sizeof(from), "arrays of one size"); \
		memcpy((to), (from), sizeof(to));                                 \
	} while (0)

/* A body struct as bytes. */
#define PPN_BYTES_OF(body) ((struct ppn_bytes){ (const uint8_t *)&(body), sizeof(body) })

#endif
