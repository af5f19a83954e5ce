// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* An upgrade request, or (first byte odd) the response to one. What was good must have what good means. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "host/http.h"

#define KEY "dGhlIHNhbXBsZSBub25jZQ=="

#define CHECK(cond)              \
	do {                     \
		if (!(cond))     \
			abort(); \
	} while (0)

static void request(const uint8_t *data, size_t len)
{
	struct ppn_http_request got;

	if (ppn_http_request_read(&got, data, len) != PPN_HTTP_GOOD)
		return;
	CHECK(len <= PPN_HTTP_MAX);
	CHECK(strlen(got.key) == PPN_HTTP_KEY_LEN);
	CHECK(strlen(got.protocols) < sizeof(got.protocols));
	CHECK(memcmp(data + len - 4, "\r\n\r\n", 4) == 0);
	if (ppn_http_offers(&got, "ppn.1.pin"))
		CHECK(strstr(got.protocols, "ppn.1.pin"));
}

static void response(const uint8_t *data, size_t len)
{
	size_t head_len = SIZE_MAX;

	if (ppn_http_response_read(data, len, KEY, "ppn.1.pin", &head_len) != PPN_HTTP_GOOD) {
		CHECK(head_len == SIZE_MAX);
		return;
	}
	CHECK(head_len <= len && head_len <= PPN_HTTP_MAX);
	CHECK(memmem(data, head_len, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", 28));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	if (data[0] & 1)
		response(data + 1, size - 1);
	else
		request(data + 1, size - 1);
	return 0;
}
