// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "host/http.h"

#include <http_parser.h>
#include <sha1.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include "lib/crypto.h"

enum header {
	UPGRADE,
	CONNECTION,
	VERSION,
	KEY,
	ACCEPT,
	PROTOCOL,
	EXTENSIONS,
	CONTENT_LENGTH,
	TRANSFER_ENCODING,
	N_HEADERS,
};

/* Each may come once, but those whose values are lists by their RFC. */
static const struct {
	const char *name;
	bool list;
} headers[N_HEADERS] = {
	[UPGRADE] = { "Upgrade", false },
	[CONNECTION] = { "Connection", false },
	[VERSION] = { "Sec-WebSocket-Version", false },
	[KEY] = { "Sec-WebSocket-Key", false },
	[ACCEPT] = { "Sec-WebSocket-Accept", false },
	[PROTOCOL] = { "Sec-WebSocket-Protocol", false },
	[EXTENSIONS] = { "Sec-WebSocket-Extensions", true },
	[CONTENT_LENGTH] = { "Content-Length", false },
	[TRANSFER_ENCODING] = { "Transfer-Encoding", false },
};

struct span {
	const char *text; /* NULL: not there */
	size_t len;
};

struct head {
	struct span value[N_HEADERS];
	struct span field; /* the name whose value comes next */
	unsigned int n;
};

/* ---- reading a head ------------------------------------------------------------------------- */

static bool span_is(struct span span, const char *text)
{
	return span.text && span.len == strlen(text) && strncasecmp(span.text, text, span.len) == 0;
}

static int on_field(http_parser *parser, const char *at, size_t len)
{
	struct head *head = parser->data;

	head->field = (struct span){ at, len };
	return ++head->n > PPN_HTTP_HEADERS_MAX;
}

/* A second value of one field is a folded line, which RFC 7230 3.2.4 forbids. */
static int on_value(http_parser *parser, const char *at, size_t len)
{
	struct head *head = parser->data;
	struct span field = head->field;

	if (!field.text)
		return 1;
	head->field.text = NULL;
	while (len > 0 && (at[len - 1] == ' ' || at[len - 1] == '\t'))
		len--;
	for (size_t i = 0; i < N_HEADERS; i++) {
		if (!span_is(field, headers[i].name))
			continue;
		if (head->value[i].text && !headers[i].list)
			return 1;
		head->value[i] = (struct span){ at, len };
	}
	return 0;
}

static enum ppn_http_verdict head_length(const char *data, size_t len, size_t *ret_len)
{
	size_t bound = len < PPN_HTTP_MAX ? len : PPN_HTTP_MAX;
	const char *end = memmem(data, bound, "\r\n\r\n", 4);

	if (!end)
		return len >= PPN_HTTP_MAX ? PPN_HTTP_BAD : PPN_HTTP_MORE;
	*ret_len = (size_t)(end + 4 - data);
	return PPN_HTTP_GOOD;
}

/* data is one whole head */
static bool head_parse(struct head *head, http_parser *parser, enum http_parser_type type,
		       const char *data, size_t len)
{
	static const http_parser_settings settings = {
		.on_header_field = on_field,
		.on_header_value = on_value,
	};

	memset(head, 0, sizeof(*head));
	http_parser_init(parser, type);
	parser->data = head;
	return http_parser_execute(parser, &settings, data, len) == len &&
	       HTTP_PARSER_ERRNO(parser) == HPE_OK && parser->upgrade && parser->http_major == 1 &&
	       parser->http_minor == 1;
}

static bool separates(char c)
{
	return c == ',' || c == ' ' || c == '\t';
}

/* Does a comma-separated list hold this token? */
static bool list_has(struct span list, const char *token, bool ignore_case)
{
	size_t want = strlen(token), at = 0;

	while (list.text && at < list.len) {
		size_t from;

		while (at < list.len && separates(list.text[at]))
			at++;
		for (from = at; at < list.len && !separates(list.text[at]); at++)
			;
		if (at - from == want && want > 0 &&
		    (ignore_case ? strncasecmp : strncmp)(list.text + from, token, want) == 0)
			return true;
	}
	return false;
}

static bool upgrades(const struct head *head)
{
	return span_is(head->value[UPGRADE], "websocket") &&
	       list_has(head->value[CONNECTION], "upgrade", true) &&
	       !head->value[CONTENT_LENGTH].text && !head->value[TRANSFER_ENCODING].text;
}

static bool key_valid(struct span key)
{
	uint8_t nonce[16];
	size_t len;

	return key.text && key.len == PPN_HTTP_KEY_LEN && !memchr(key.text, ' ', key.len) &&
	       ppn_unbase64(nonce, sizeof(nonce), &len, key.text, key.len) == 0 &&
	       len == sizeof(nonce);
}

/* ---- both roles ------------------------------------------------------------------------------ */

enum ppn_http_verdict ppn_http_request_read(struct ppn_http_request *ret_request, const void *data,
					    size_t len)
{
	const struct span *value;
	http_parser parser;
	struct head head;
	size_t head_len;
	enum ppn_http_verdict verdict = head_length(data, len, &head_len);

	if (verdict != PPN_HTTP_GOOD)
		return verdict;
	value = head.value;
	if (head_len != len || !head_parse(&head, &parser, HTTP_REQUEST, data, len) ||
	    parser.method != HTTP_GET || !upgrades(&head) || !span_is(value[VERSION], "13") ||
	    !key_valid(value[KEY]) || !value[PROTOCOL].text ||
	    value[PROTOCOL].len >= sizeof(ret_request->protocols))
		return PPN_HTTP_BAD;
	memset(ret_request, 0, sizeof(*ret_request));
	memcpy(ret_request->key, value[KEY].text, PPN_HTTP_KEY_LEN);
	memcpy(ret_request->protocols, value[PROTOCOL].text, value[PROTOCOL].len);
	return PPN_HTTP_GOOD;
}

bool ppn_http_offers(const struct ppn_http_request *request, const char *protocol)
{
	struct span list = { request->protocols, strlen(request->protocols) };

	return list_has(list, protocol, false);
}

enum ppn_http_verdict ppn_http_response_read(const void *data, size_t len, const char *key,
					     const char *protocol, size_t *ret_len)
{
	char accept[PPN_HTTP_ACCEPT_LEN + 1];
	const struct span *value;
	http_parser parser;
	struct head head;
	size_t head_len;
	enum ppn_http_verdict verdict = head_length(data, len, &head_len);

	if (verdict != PPN_HTTP_GOOD)
		return verdict;
	ppn_http_accept(accept, key);
	value = head.value;
	if (!head_parse(&head, &parser, HTTP_RESPONSE, data, head_len) ||
	    parser.status_code != 101 || !upgrades(&head) || value[EXTENSIONS].text ||
	    !value[ACCEPT].text || value[ACCEPT].len != PPN_HTTP_ACCEPT_LEN ||
	    memcmp(value[ACCEPT].text, accept, PPN_HTTP_ACCEPT_LEN) != 0 || !value[PROTOCOL].text ||
	    value[PROTOCOL].len != strlen(protocol) ||
	    memcmp(value[PROTOCOL].text, protocol, value[PROTOCOL].len) != 0)
		return PPN_HTTP_BAD;
	*ret_len = head_len;
	return PPN_HTTP_GOOD;
}

size_t ppn_http_request_write(char ret_text[static PPN_HTTP_WRITE_MAX], const char *host,
			      const char *key, const char *protocol)
{
	return (size_t)snprintf(
		ret_text, PPN_HTTP_WRITE_MAX,
		"GET / HTTP/1.1\r\nHost: %.128s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
		"Sec-WebSocket-Key: %.24s\r\nSec-WebSocket-Version: 13\r\n"
		"Sec-WebSocket-Protocol: %.64s\r\n\r\n",
		host, key, protocol);
}

size_t ppn_http_response_write(char ret_text[static PPN_HTTP_WRITE_MAX], const char *key,
			       const char *protocol)
{
	char accept[PPN_HTTP_ACCEPT_LEN + 1];

	ppn_http_accept(accept, key);
	return (size_t)snprintf(
		ret_text, PPN_HTTP_WRITE_MAX,
		"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
		"Sec-WebSocket-Accept: %s\r\nSec-WebSocket-Protocol: %.64s\r\n\r\n",
		accept, protocol);
}

void ppn_http_accept(char ret_accept[static PPN_HTTP_ACCEPT_LEN + 1], const char *key)
{
	static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
	uint8_t digest[SHA1_DIGEST_LENGTH];
	SHA1_CTX sha1;

	SHA1Init(&sha1);
	SHA1Update(&sha1, (const uint8_t *)key, strlen(key));
	SHA1Update(&sha1, (const uint8_t *)guid, sizeof(guid) - 1);
	SHA1Final(digest, &sha1);
	ppn_base64(ret_accept, PPN_HTTP_ACCEPT_LEN + 1, digest, sizeof(digest));
}
