// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* host/http: what is an upgrade and what is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "host/http.h"

#define KEY "dGhlIHNhbXBsZSBub25jZQ=="
#define ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

#define GET "GET / HTTP/1.1\r\n"
#define HOST "Host: x\r\n"
#define UP "Upgrade: websocket\r\nConnection: Upgrade\r\n"
#define VER "Sec-WebSocket-Version: 13\r\n"
#define SKEY "Sec-WebSocket-Key: " KEY "\r\n"
#define PROTO "Sec-WebSocket-Protocol: ppn.1.pin\r\n"
#define END "\r\n"

#define OK101 "HTTP/1.1 101 Switching Protocols\r\n"
#define SACCEPT "Sec-WebSocket-Accept: " ACCEPT "\r\n"

/* In a block of exactly its size: a byte read past the end is seen. */
static enum ppn_http_verdict request(const char *text, size_t len, struct ppn_http_request *ret)
{
	char *copy = malloc(len > 0 ? len : 1);
	enum ppn_http_verdict verdict;

	assert_non_null(copy);
	memcpy(copy, text, len);
	verdict = ppn_http_request_read(ret, copy, len);
	free(copy);
	return verdict;
}

static enum ppn_http_verdict response(const char *text, size_t len, size_t *ret_len)
{
	char *copy = malloc(len > 0 ? len : 1);
	enum ppn_http_verdict verdict;

	assert_non_null(copy);
	memcpy(copy, text, len);
	verdict = ppn_http_response_read(copy, len, KEY, "ppn.1.pin", ret_len);
	free(copy);
	return verdict;
}

static void accept_value(void **state)
{
	char accept[PPN_HTTP_ACCEPT_LEN + 1];

	(void)state;
	ppn_http_accept(accept, KEY); /* RFC 6455 1.3 */
	assert_string_equal(accept, ACCEPT);
}

static void requests(void **state)
{
	static const struct {
		const char *text;
		enum ppn_http_verdict verdict;
	} rows[] = {
		{ GET HOST UP VER SKEY PROTO END, PPN_HTTP_GOOD },
		{ GET UP VER SKEY PROTO END, PPN_HTTP_GOOD }, /* Host is not believed, nor missed */
		{ "GET /any?x=1 HTTP/1.1\r\n" UP VER SKEY PROTO END, PPN_HTTP_GOOD },
		{ GET HOST "Origin: http://evil\r\n" UP VER SKEY PROTO END, PPN_HTTP_GOOD },
		{ GET
		  "upgrade: WebSocket\r\nCONNECTION: keep-alive, upgrade\r\n" VER SKEY PROTO END,
		  PPN_HTTP_GOOD },
		{ GET UP VER SKEY PROTO "Sec-WebSocket-Extensions: permessage-deflate\r\n" END,
		  PPN_HTTP_GOOD }, /* never taken */
		{ "POST / HTTP/1.1\r\n" UP VER SKEY PROTO END, PPN_HTTP_BAD },
		{ "GET / HTTP/1.0\r\n" UP VER SKEY PROTO END, PPN_HTTP_BAD },
		{ "GET / HTTP/2.0\r\n" UP VER SKEY PROTO END, PPN_HTTP_BAD },
		{ GET HOST END, PPN_HTTP_BAD },
		{ GET "Upgrade: websocket\r\n" VER SKEY PROTO END, PPN_HTTP_BAD },
		{ GET "Connection: Upgrade\r\n" VER SKEY PROTO END, PPN_HTTP_BAD },
		{ GET "Upgrade: h2c\r\nConnection: Upgrade\r\n" VER SKEY PROTO END, PPN_HTTP_BAD },
		{ GET UP SKEY PROTO END, PPN_HTTP_BAD },
		{ GET UP "Sec-WebSocket-Version: 8\r\n" SKEY PROTO END, PPN_HTTP_BAD },
		{ GET UP "Sec-WebSocket-Version: 130\r\n" SKEY PROTO END, PPN_HTTP_BAD },
		{ GET UP VER PROTO END, PPN_HTTP_BAD },
		{ GET UP VER "Sec-WebSocket-Key: short\r\n" PROTO END, PPN_HTTP_BAD },
		{ GET UP VER "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZXh4\r\n" PROTO END,
		  PPN_HTTP_BAD },
		{ GET UP VER "Sec-WebSocket-Key: dGhlIHNhbXBsZS!ub25jZQ==\r\n" PROTO END,
		  PPN_HTTP_BAD },
		{ GET UP VER "Sec-WebSocket-Key: dGhlIHN  BsZSBub25jZQ==\r\n" PROTO END,
		  PPN_HTTP_BAD },
		{ GET UP VER SKEY SKEY PROTO END, PPN_HTTP_BAD },
		{ GET UP VER SKEY END, PPN_HTTP_BAD },
		{ GET UP VER SKEY PROTO PROTO END, PPN_HTTP_BAD },
		{ GET UP VER SKEY PROTO "Content-Length: 0\r\n" END, PPN_HTTP_BAD },
		{ GET UP VER SKEY PROTO "Transfer-Encoding: chunked\r\n" END, PPN_HTTP_BAD },
		{ GET UP VER SKEY "Sec-WebSocket-Protocol: a,\r\n ppn.1.pin\r\n" END,
		  PPN_HTTP_BAD },
		{ GET UP VER SKEY PROTO "X: a\r\n b\r\n" END, PPN_HTTP_BAD }, /* folded */
		{ GET UP VER SKEY PROTO END "x", PPN_HTTP_BAD }, /* a client waits for the answer */
		{ "\x16\x03\x01\x02\r\n\r\n", PPN_HTTP_BAD },
		{ "\r\n\r\n", PPN_HTTP_BAD },
		{ GET ": x\r\n" UP VER SKEY PROTO END, PPN_HTTP_BAD },
		{ GET HOST UP VER SKEY PROTO, PPN_HTTP_MORE },
		{ "", PPN_HTTP_MORE },
	};
	struct ppn_http_request got;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		enum ppn_http_verdict verdict = request(rows[i].text, strlen(rows[i].text), &got);

		if (verdict != rows[i].verdict)
			fail_msg("row %zu: verdict %d: %s", i, verdict, rows[i].text);
		if (verdict == PPN_HTTP_GOOD) {
			assert_string_equal(got.key, KEY);
			assert_true(ppn_http_offers(&got, "ppn.1.pin"));
			assert_false(ppn_http_offers(&got, "ppn.1.code"));
		}
	}
}

static void offers(void **state)
{
	static const struct {
		const char *list;
		bool has;
	} rows[] = {
		{ "ppn.1.pin", true },	 { "a, ppn.1.pin", true },
		{ "ppn.1.pin,b", true }, { " \t,ppn.1.pin , ", true },
		{ "ppn.1.pi", false },	 { "ppn.1.pinx", false },
		{ "PPN.1.PIN", false },	 { "", false },
		{ ",,", false },	 { "ppn.1.code", false },
	};
	struct ppn_http_request got;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(got.protocols, sizeof(got.protocols), "%s", rows[i].list);
		if (ppn_http_offers(&got, "ppn.1.pin") != rows[i].has)
			fail_msg("%s", rows[i].list);
		assert_false(ppn_http_offers(&got, ""));
	}
}

/* Every prefix of a good head is unfinished; no flipped bit is read past the end or crashes. */
static void damage(void **state)
{
	static const char good[] = GET HOST UP VER SKEY PROTO END;
	const size_t len = sizeof(good) - 1;
	struct ppn_http_request got;
	char copy[sizeof(good)];

	(void)state;
	for (size_t cut = 0; cut < len; cut++)
		assert_int_not_equal(request(good, cut, &got), PPN_HTTP_GOOD);
	memcpy(copy, good, sizeof(good));
	for (size_t bit = 0; bit < len * 8; bit++) {
		copy[bit / 8] ^= (char)(1 << bit % 8);
		if (request(copy, len, &got) == PPN_HTTP_GOOD)
			assert_int_equal(strlen(got.key), PPN_HTTP_KEY_LEN);
		copy[bit / 8] ^= (char)(1 << bit % 8);
	}
}

static size_t with_headers(char *text, size_t max, int n)
{
	size_t len = (size_t)snprintf(text, max, GET UP VER SKEY PROTO);

	for (int i = 5; i < n; i++)
		len += (size_t)snprintf(text + len, max - len, "X-%d: y\r\n", i);
	return len + (size_t)snprintf(text + len, max - len, END);
}

static void bounds(void **state)
{
	static char text[2 * PPN_HTTP_MAX];
	struct ppn_http_request got;
	size_t len;

	(void)state;
	len = with_headers(text, sizeof(text), PPN_HTTP_HEADERS_MAX);
	assert_int_equal(request(text, len, &got), PPN_HTTP_GOOD);
	len = with_headers(text, sizeof(text), PPN_HTTP_HEADERS_MAX + 1);
	assert_int_equal(request(text, len, &got), PPN_HTTP_BAD);

	len = (size_t)snprintf(text, sizeof(text), GET UP VER SKEY PROTO "X: ");
	memset(text + len, 'a', sizeof(text) - len);
	memcpy(text + PPN_HTTP_MAX - 4, "\r\n\r\n", 4);
	assert_int_equal(request(text, PPN_HTTP_MAX, &got), PPN_HTTP_GOOD);
	text[PPN_HTTP_MAX - 4] = 'a';
	memcpy(text + PPN_HTTP_MAX - 3, "\r\n\r\n", 4);
	assert_int_equal(request(text, PPN_HTTP_MAX - 1, &got), PPN_HTTP_MORE);
	assert_int_equal(request(text, PPN_HTTP_MAX, &got), PPN_HTTP_BAD);
	assert_int_equal(request(text, PPN_HTTP_MAX + 1, &got), PPN_HTTP_BAD);

	len = (size_t)snprintf(text, sizeof(text), GET UP VER SKEY "Sec-WebSocket-Protocol: ");
	memset(text + len, 'p', PPN_HTTP_PROTOCOLS_MAX);
	len += PPN_HTTP_PROTOCOLS_MAX;
	len += (size_t)snprintf(text + len, sizeof(text) - len, "\r\n\r\n");
	assert_int_equal(request(text, len, &got), PPN_HTTP_BAD);
}

static void responses(void **state)
{
	static const struct {
		const char *text;
		enum ppn_http_verdict verdict;
	} rows[] = {
		{ OK101 UP SACCEPT PROTO END, PPN_HTTP_GOOD },
		{ OK101 UP SACCEPT PROTO END "\x82\x01x", PPN_HTTP_GOOD },
		{ OK101 UP SACCEPT PROTO "Server: x\r\n" END, PPN_HTTP_GOOD },
		{ "HTTP/1.1 200 OK\r\n" UP SACCEPT PROTO END, PPN_HTTP_BAD },
		{ "HTTP/1.0 101 x\r\n" UP SACCEPT PROTO END, PPN_HTTP_BAD },
		{ "HTTP/1.1 400 Bad Request\r\n" END, PPN_HTTP_BAD },
		{ OK101 SACCEPT PROTO END, PPN_HTTP_BAD },
		{ OK101 UP PROTO END, PPN_HTTP_BAD },
		{ OK101 UP "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOp=\r\n" PROTO END,
		  PPN_HTTP_BAD },
		{ OK101 UP SACCEPT END, PPN_HTTP_BAD },
		{ OK101 UP SACCEPT "Sec-WebSocket-Protocol: ppn.1.code\r\n" END, PPN_HTTP_BAD },
		{ OK101 UP SACCEPT "Sec-WebSocket-Protocol: ppn.1.pin, x\r\n" END, PPN_HTTP_BAD },
		{ OK101 UP SACCEPT PROTO "Sec-WebSocket-Extensions: permessage-deflate\r\n" END,
		  PPN_HTTP_BAD },
		{ GET UP SACCEPT PROTO END, PPN_HTTP_BAD },
		{ "SSH-2.0-OpenSSH_9.2\r\n\r\n", PPN_HTTP_BAD },
		{ OK101 UP SACCEPT PROTO, PPN_HTTP_MORE },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t len = 7;
		enum ppn_http_verdict verdict = response(rows[i].text, strlen(rows[i].text), &len);

		if (verdict != rows[i].verdict)
			fail_msg("row %zu: verdict %d: %s", i, verdict, rows[i].text);
		if (verdict == PPN_HTTP_GOOD)
			assert_int_equal(
				len, (size_t)(strstr(rows[i].text, "\r\n\r\n") + 4 - rows[i].text));
		else
			assert_int_equal(len, 7);
	}
}

/* What one role writes the other reads. */
static void round_trip(void **state)
{
	char text[PPN_HTTP_WRITE_MAX];
	struct ppn_http_request got;
	size_t len, head_len;

	(void)state;
	len = ppn_http_request_write(text, "ppn", KEY, "ppn.1.pin");
	assert_int_equal(request(text, len, &got), PPN_HTTP_GOOD);
	len = ppn_http_response_write(text, got.key, "ppn.1.pin");
	assert_int_equal(response(text, len, &head_len), PPN_HTTP_GOOD);
	assert_int_equal(head_len, len);
	assert_null(strstr(text, "Server"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accept_value), cmocka_unit_test(requests),
		cmocka_unit_test(offers),	cmocka_unit_test(damage),
		cmocka_unit_test(bounds),	cmocka_unit_test(responses),
		cmocka_unit_test(round_trip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
