// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The text of a WireGuard UAPI socket, both ways: wireguard.com/xplatform. No I/O but interface names. */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "kernel/wireguard_private.h"
#include "lib/crypto.h"

/* -- reading -- */

/* Decimal digits, nothing else, at most max. */
static int number(const char *text, uint64_t max, uint64_t *ret_value)
{
	uint64_t value = 0;

	if (!*text)
		return -EPROTO;
	for (; *text; text++) {
		uint64_t digit = (uint64_t)(*text - '0');

		if (*text < '0' || *text > '9' || value > (max - digit) / 10)
			return -EPROTO;
		value = value * 10 + digit;
	}
	*ret_value = value;
	return 0;
}

/* 4 or 16 bytes. -> how many, 0: no address. */
static size_t address(const char *text, uint8_t ret_ip[static 16])
{
	if (inet_pton(AF_INET, text, ret_ip) == 1)
		return 4;
	return inet_pton(AF_INET6, text, ret_ip) == 1 ? 16 : 0;
}

static int on_private_key(struct ppn_wg_text *t, char *value)
{
	uint8_t *secret = t->device->secret;

	if (ppn_unhex(secret, PPN_KEY_LEN, value))
		return -EPROTO;
	if (!ppn_is_zero(secret, PPN_KEY_LEN))
		ppn_dh_public(t->device->key, secret);
	return 0;
}

static int on_listen_port(struct ppn_wg_text *t, char *value)
{
	uint64_t port = 0;
	int err = number(value, UINT16_MAX, &port);

	t->device->port = (uint16_t)port;
	return err;
}

static int on_public_key(struct ppn_wg_text *t, char *value)
{
	uint8_t key[PPN_KEY_LEN];

	if (ppn_unhex(key, sizeof(key), value))
		return -EPROTO;
	return ppn_wg_device_peer(t->device, key, &t->peer);
}

static int on_preshared_key(struct ppn_wg_text *t, char *value)
{
	uint8_t key[PPN_KEY_LEN];
	int err = ppn_unhex(key, sizeof(key), value) ? -EPROTO : 0;

	if (!err && !ppn_is_zero(key, sizeof(key)))
		t->peer->foreign = true;
	ppn_wipe(key, sizeof(key));
	return err;
}

/* Zone of fe80::1%ZONE: an index or a name. */
static int zone(const char *text, uint32_t *ret_scope)
{
	uint64_t index = 0;

	if (number(text, UINT32_MAX, &index))
		index = if_nametoindex(text);
	*ret_scope = (uint32_t)index;
	return index ? 0 : -EPROTO;
}

/* "192.0.2.1:51820", "[2001:db8::1]:51820", "[fe80::1%eth0]:51820" */
static int on_endpoint(struct ppn_wg_text *t, char *value)
{
	char *colon = strrchr(value, ':'), *percent;
	uint64_t port = 0;
	uint32_t scope = 0;
	uint8_t ip[16];
	size_t len;

	if (!colon || number(colon + 1, UINT16_MAX, &port))
		return -EPROTO;
	*colon = '\0';
	if (*value == '[') {
		if (colon[-1] != ']')
			return -EPROTO;
		colon[-1] = '\0';
		value++;
		percent = strchr(value, '%');
		if (percent && zone(percent + 1, &scope))
			return -EPROTO;
		if (percent)
			*percent = '\0';
	}
	len = address(value, ip);
	if (!len)
		return -EPROTO;
	ppn_wg_endpoint(&t->peer->endpoint, ip, len, (uint16_t)port, scope);
	return 0;
}

static int on_keepalive(struct ppn_wg_text *t, char *value)
{
	uint64_t seconds = 0;
	int err = number(value, UINT16_MAX, &seconds);

	t->peer->keepalive_s = (uint16_t)seconds;
	return err;
}

static int on_allowed_ip(struct ppn_wg_text *t, char *value)
{
	char *slash = strchr(value, '/');
	uint64_t bits = 0;
	uint8_t ip[16];
	size_t len;

	if (!slash)
		return -EPROTO;
	*slash = '\0';
	len = address(value, ip);
	if (!len || number(slash + 1, len * 8, &bits))
		return -EPROTO;
	ppn_wg_peer_prefix(t->peer, ip, len, (uint8_t)bits);
	return 0;
}

static int on_handshake(struct ppn_wg_text *t, char *value)
{
	return number(value, INT64_MAX, &t->peer->handshake_s);
}

static int on_rx(struct ppn_wg_text *t, char *value)
{
	return number(value, UINT64_MAX, &t->peer->rx);
}

static int on_tx(struct ppn_wg_text *t, char *value)
{
	return number(value, UINT64_MAX, &t->peer->tx);
}

/* Keys that are not here are a newer device's: skipped. */
static const struct {
	const char *key;
	bool of_peer;
	int (*take)(struct ppn_wg_text *t, char *value);
} keys[] = {
	{ "private_key", false, on_private_key },
	{ "listen_port", false, on_listen_port },
	{ "public_key", false, on_public_key },
	{ "preshared_key", true, on_preshared_key },
	{ "endpoint", true, on_endpoint },
	{ "persistent_keepalive_interval", true, on_keepalive },
	{ "allowed_ip", true, on_allowed_ip },
	{ "last_handshake_time_sec", true, on_handshake },
	{ "rx_bytes", true, on_rx },
	{ "tx_bytes", true, on_tx },
};

/* Go on Linux sends the kernel's error numbers, negative; 0 is success. */
static int refusal(const char *value)
{
	uint64_t code = 0;

	if (number(value + (*value == '-'), 4095, &code))
		return -EPROTO;
	return -(int)code;
}

static int take_line(struct ppn_wg_text *t)
{
	char *value = strchr(t->line, '=');

	if (!value)
		return -EPROTO;
	*value++ = '\0';
	if (!strcmp(t->line, "errno")) {
		t->answered = true;
		return refusal(value);
	}
	for (size_t i = 0; t->device && i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (strcmp(t->line, keys[i].key) != 0)
			continue;
		return keys[i].of_peer && !t->peer ? -EPROTO : keys[i].take(t, value);
	}
	return 0;
}

int ppn_wg_text_feed(struct ppn_wg_text *t, const char *data, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		int err;

		if (t->done || !data[i])
			return -EPROTO;
		if (data[i] != '\n') {
			if (t->len == sizeof(t->line) - 1)
				return -EPROTO;
			t->line[t->len++] = data[i];
			continue;
		}
		/* An empty line ends the answer. */
		t->done = !t->len;
		t->line[t->len] = '\0';
		t->len = 0;
		err = t->done ? (t->answered ? 0 : -EPROTO) : take_line(t);
		if (err)
			return err;
	}
	if (t->done)
		ppn_wipe(t->line, sizeof(t->line));
	return t->done;
}

void ppn_wg_text_end(struct ppn_wg_text *t)
{
	ppn_wipe(t, sizeof(*t));
}

/* -- writing -- */

struct out {
	char *text;
	size_t size, len;
	bool full;
};

__attribute__((format(printf, 2, 3))) static void put(struct out *out, const char *format, ...)
{
	va_list args;
	int len;

	if (out->full)
		return;
	va_start(args, format);
	len = vsnprintf(out->text + out->len, out->size - out->len, format, args);
	va_end(args);
	if (len < 0 || (size_t)len >= out->size - out->len)
		out->full = true;
	else
		out->len += (size_t)len;
}

static void put_endpoint(struct out *out, const struct sockaddr_in6 *endpoint)
{
	const struct in6_addr *ip = &endpoint->sin6_addr;
	char text[INET6_ADDRSTRLEN];

	if (IN6_IS_ADDR_V4MAPPED(ip)) {
		inet_ntop(AF_INET, ip->s6_addr + 12, text, sizeof(text));
		put(out, "endpoint=%s:%u\n", text, ntohs(endpoint->sin6_port));
		return;
	}
	inet_ntop(AF_INET6, ip, text, sizeof(text));
	if (IN6_IS_ADDR_LINKLOCAL(ip) && endpoint->sin6_scope_id)
		put(out, "endpoint=[%s%%%u]:%u\n", text, endpoint->sin6_scope_id,
		    ntohs(endpoint->sin6_port));
	else
		put(out, "endpoint=[%s]:%u\n", text, ntohs(endpoint->sin6_port));
}

static void put_allowed(struct out *out, const struct ppn_wg_peer *peer)
{
	char text[INET6_ADDRSTRLEN];

	put(out, "replace_allowed_ips=true\n");
	for (size_t i = 0; i < peer->n_allowed; i++) {
		inet_ntop(AF_INET6, peer->allowed[i].addr, text, sizeof(text));
		put(out, "allowed_ip=%s/%u\n", text, peer->allowed[i].len);
	}
}

size_t ppn_wg_text_edit(char *ret_text, size_t size, const struct ppn_wg_edit *edit)
{
	struct out out = { .text = ret_text, .size = size };
	char key[2 * PPN_KEY_LEN + 1];

	put(&out, "public_key=%s\n", ppn_hex(key, edit->peer->key, PPN_KEY_LEN));
	if (edit->set & PPN_WG_SET_REMOVE)
		put(&out, "remove=true\n");
	if (edit->set & PPN_WG_SET_NO_PSK)
		put(&out, "preshared_key=%064d\n", 0);
	if (edit->set & PPN_WG_SET_ENDPOINT)
		put_endpoint(&out, &edit->peer->endpoint);
	if (edit->set & PPN_WG_SET_KEEPALIVE)
		put(&out, "persistent_keepalive_interval=%u\n", edit->peer->keepalive_s);
	if (edit->set & PPN_WG_SET_ALLOWED)
		put_allowed(&out, edit->peer);
	return out.full ? 0 : out.len;
}
