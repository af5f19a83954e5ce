/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The HTTP part of a WebSocket (RFC 6455, section 4), both roles, and nothing else of HTTP. Pure:
 * bytes in, verdict out. The target, Host and Origin of a request are not looked at and not
 * believed; extensions are never taken.
 */
#ifndef PPN_HOST_HTTP_H
#define PPN_HOST_HTTP_H

#include <stdbool.h>
#include <stddef.h>

enum ppn_http_limit {
	PPN_HTTP_MAX = 8192, /* bytes of a head, the empty line included */
	PPN_HTTP_HEADERS_MAX = 32,
	PPN_HTTP_KEY_LEN = 24, /* base64 of 16 bytes */
	PPN_HTTP_ACCEPT_LEN = 28, /* base64 of a SHA-1 */
	PPN_HTTP_PROTOCOLS_MAX = 256,
};

enum ppn_http_verdict {
	PPN_HTTP_BAD = 0,
	PPN_HTTP_MORE, /* the head has not ended */
	PPN_HTTP_GOOD,
};

/* What a good request asked for. */
struct ppn_http_request {
	char key[PPN_HTTP_KEY_LEN + 1];
	char protocols[PPN_HTTP_PROTOCOLS_MAX]; /* as sent: tokens with commas and spaces between */
};

/* A GET with the headers of RFC 6455 4.2.1 (version 13), no body and no byte after its head: a client
 * waits for the answer. */
enum ppn_http_verdict ppn_http_request_read(struct ppn_http_request *ret_request, const void *data,
					    size_t len);
/* Is this subprotocol among those offered? */
bool ppn_http_offers(const struct ppn_http_request *request, const char *protocol);
/* A 101 with the right accept value, exactly this subprotocol and no extension. *ret_len: length of the head; frames
 * may follow it. */
enum ppn_http_verdict ppn_http_response_read(const void *data, size_t len, const char *key,
					     const char *protocol, size_t *ret_len);

/* Both return the length, always below PPN_HTTP_WRITE_MAX. host: for the Host line. */
#define PPN_HTTP_WRITE_MAX 512
size_t ppn_http_request_write(char ret_text[static PPN_HTTP_WRITE_MAX], const char *host,
			      const char *key, const char *protocol);
size_t ppn_http_response_write(char ret_text[static PPN_HTTP_WRITE_MAX], const char *key,
			       const char *protocol);
/* base64(SHA-1(key | GUID)), RFC 6455 4.2.2. */
void ppn_http_accept(char ret_accept[static PPN_HTTP_ACCEPT_LEN + 1], const char *key);

#endif
