// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "lib/bytes.h"

#include <endian.h>
#include <errno.h>

const uint8_t *ppn_take(struct ppn_bytes *in, size_t len)
{
	const uint8_t *at = in->data;

	if (!at || len > in->len)
		return NULL;
	in->data += len;
	in->len -= len;
	return at;
}

bool ppn_take_into(struct ppn_bytes *in, void *ret_copy, size_t len)
{
	const uint8_t *at = ppn_take(in, len);

	if (!at)
		return false;
	memcpy(ret_copy, at, len);
	return true;
}

struct ppn_bytes ppn_bytes_before(struct ppn_bytes from, struct ppn_bytes rest)
{
	return (struct ppn_bytes){ from.data, from.len - rest.len };
}

bool ppn_bytes_equal(struct ppn_bytes a, struct ppn_bytes b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

void ppn_put(struct ppn_writer *w, const void *data, size_t len)
{
	if (w->full || len > w->max - w->len) {
		w->full = true;
		return;
	}
	if (len > 0)
		memcpy(w->data + w->len, data, len);
	w->len += len;
}

void ppn_put_u16(struct ppn_writer *w, uint16_t value)
{
	uint16_t wire = htobe16(value);

	ppn_put(w, &wire, sizeof(wire));
}

void ppn_put_u64(struct ppn_writer *w, uint64_t value)
{
	uint64_t wire = htobe64(value);

	ppn_put(w, &wire, sizeof(wire));
}

ssize_t ppn_put_end(const struct ppn_writer *w)
{
	return w->full ? -EMSGSIZE : (ssize_t)w->len;
}

uint16_t ppn_get_u16(const uint8_t *at)
{
	uint16_t wire;

	memcpy(&wire, at, sizeof(wire));
	return be16toh(wire);
}

uint64_t ppn_get_u64(const uint8_t *at)
{
	uint64_t wire;

	memcpy(&wire, at, sizeof(wire));
	return be64toh(wire);
}
