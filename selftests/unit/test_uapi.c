// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The text of a WireGuard UAPI socket: what a device says, cut anywhere; what we say, to the byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
/* One program: the text needs the list of peers. */
#include "kernel/wireguard_peers.c"
#include "kernel/wireguard_text.c"

#define KEY_A "0100000000000000000000000000000000000000000000000000000000000000"
#define KEY_B "02000000000000000000000000000000000000000000000000000000000000ff"
#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"

static void free_device(struct ppn_wg_device *device)
{
	free(device->peers);
	*device = (struct ppn_wg_device){ 0 };
}

/* In pieces of `step` bytes. */
static int feed(struct ppn_wg_device *device, const char *answer, size_t step)
{
	struct ppn_wg_text text = { .device = device };
	size_t len = strlen(answer);
	int err = 0;

	for (size_t at = 0; at < len && !err; at += step)
		err = ppn_wg_text_feed(&text, answer + at, len - at < step ? len - at : step);
	ppn_wg_text_end(&text);
	return err;
}

static void whole_answer(void **state)
{
	static const char answer[] =
		"private_key=5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb\n"
		"listen_port=51820\n"
		"fwmark=7\n"
		"public_key=" KEY_A "\n"
		"preshared_key=" ZEROS "\n"
		"protocol_version=1\n"
		"endpoint=192.0.2.1:4000\n"
		"last_handshake_time_sec=1700000000\n"
		"last_handshake_time_nsec=5\n"
		"tx_bytes=18446744073709551615\n"
		"rx_bytes=2\n"
		"persistent_keepalive_interval=25\n"
		"allowed_ip=fd00::1/128\n"
		"allowed_ip=fd01::ff/16\n"
		"something_new=1=2\n"
		"public_key=" KEY_B "\n"
		"endpoint=[2001:db8::1]:65535\n"
		"errno=0\n\n";
	/* Bob's public key of RFC 7748 6.1. */
	static const uint8_t public[] = { 0xde, 0x9e, 0xdb, 0x7d, 0x7b, 0x7d, 0xc1, 0xb4 };
	struct ppn_wg_device d = { 0 };
	char ip[INET6_ADDRSTRLEN];

	(void)state;
	for (size_t step = 1; step <= sizeof(answer); step++) {
		assert_int_equal(feed(&d, answer, step), 1);
		assert_int_equal(d.secret[0], 0x5d);
		assert_memory_equal(d.key, public, sizeof(public));
		assert_int_equal(d.port, 51820);
		assert_int_equal(d.n_peers, 2);
		assert_int_equal(d.peers[0].key[0], 1);
		assert_int_equal(d.peers[0].keepalive_s, 25);
		assert_int_equal(d.peers[0].handshake_s, 1700000000);
		assert_true(d.peers[0].tx == UINT64_MAX);
		assert_int_equal(d.peers[0].rx, 2);
		assert_int_equal(d.peers[0].n_allowed, 2);
		assert_int_equal(d.peers[0].allowed[1].len, 16);
		assert_int_equal(d.peers[0].allowed[1].addr[15], 0);
		assert_false(d.peers[0].foreign);
		inet_ntop(AF_INET6, &d.peers[0].endpoint.sin6_addr, ip, sizeof(ip));
		assert_string_equal(ip, "::ffff:192.0.2.1");
		assert_int_equal(ntohs(d.peers[0].endpoint.sin6_port), 4000);
		assert_int_equal(d.peers[1].key[31], 0xff);
		inet_ntop(AF_INET6, &d.peers[1].endpoint.sin6_addr, ip, sizeof(ip));
		assert_string_equal(ip, "2001:db8::1");
		assert_int_equal(d.peers[1].n_allowed, 0);
		assert_int_equal(d.peers[1].endpoint.sin6_family, AF_INET6);
		free_device(&d);
	}
}

/* A fresh device: no key, no peers. */
static void empty_device(void **state)
{
	struct ppn_wg_device d = { 0 };

	(void)state;
	assert_int_equal(feed(&d, "listen_port=0\nerrno=0\n\n", 4), 1);
	assert_true(ppn_is_zero(d.key, sizeof(d.key)));
	assert_int_equal(feed(&d, "private_key=" ZEROS "\nerrno=0\n\n", 100), 1);
	assert_true(ppn_is_zero(d.key, sizeof(d.key)));
	assert_int_equal(d.n_peers, 0);
}

static void scopes(void **state)
{
	struct ppn_wg_device d = { 0 };

	(void)state;
	assert_int_equal(feed(&d, "public_key=" KEY_A "\nendpoint=[fe80::1%7]:1\nerrno=0\n\n", 9),
			 1);
	assert_int_equal(d.peers[0].endpoint.sin6_scope_id, 7);
	free_device(&d);
	assert_int_equal(feed(&d, "public_key=" KEY_A "\nendpoint=[fe80::1%lo]:1\nerrno=0\n\n", 9),
			 1);
	assert_int_equal(d.peers[0].endpoint.sin6_scope_id, if_nametoindex("lo"));
	free_device(&d);
}

static void foreign_things(void **state)
{
	static const char *const answers[] = {
		"public_key=" KEY_A "\npreshared_key=" KEY_B "\nerrno=0\n\n",
		"public_key=" KEY_A "\nallowed_ip=10.0.0.0/8\nerrno=0\n\n",
		"public_key=" KEY_A
		"\nallowed_ip=fd00::/16\nallowed_ip=fd01::/16\nallowed_ip=fd02::/16\n"
		"allowed_ip=fd03::/16\nallowed_ip=fd04::/16\nerrno=0\n\n",
	};
	struct ppn_wg_device d = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		assert_int_equal(feed(&d, answers[i], 1000), 1);
		assert_int_equal(d.n_peers, 1);
		assert_true(d.peers[0].foreign);
		free_device(&d);
	}
}

#define P "public_key=" KEY_A "\n"

static void nonsense(void **state)
{
	static const struct {
		const char *answer;
		int err;
	} rows[] = {
		{ "errno=-98\n\n", -98 },
		{ "errno=22\n\n", -22 },
		{ "listen_port=1\nerrno=-2\n\n", -2 },
		{ "", 0 },
		{ "errno=0\n", 0 },
		{ "\n", -EPROTO }, /* no verdict */
		{ "listen_port=1\n\n", -EPROTO },
		{ "errno=\n\n", -EPROTO },
		{ "errno=x\n\n", -EPROTO },
		{ "errno=--1\n\n", -EPROTO },
		{ "errno=4096\n\n", -EPROTO },
		{ "nothing\n", -EPROTO },
		{ "listen_port=65536\n", -EPROTO },
		{ "listen_port=\n", -EPROTO },
		{ "listen_port=+1\n", -EPROTO },
		{ "listen_port= 1\n", -EPROTO },
		{ "listen_port=1 \n", -EPROTO },
		{ "listen_port=99999999999999999999999\n", -EPROTO },
		{ "private_key=00\n", -EPROTO },
		{ "private_key=" KEY_A "00\n", -EPROTO },
		{ "public_key=\n", -EPROTO },
		{ "public_key=zz" ZEROS "\n", -EPROTO },
		{ "endpoint=192.0.2.1:1\n", -EPROTO }, /* of no peer */
		{ "allowed_ip=fd00::/16\n", -EPROTO },
		{ "preshared_key=" ZEROS "\n", -EPROTO },
		{ P "preshared_key=1\n", -EPROTO },
		{ P "endpoint=\n", -EPROTO },
		{ P "endpoint=:1\n", -EPROTO },
		{ P "endpoint=192.0.2.1\n", -EPROTO },
		{ P "endpoint=192.0.2.1:65536\n", -EPROTO },
		{ P "endpoint=192.0.2:1\n", -EPROTO },
		{ P "endpoint=[:1\n", -EPROTO },
		{ P "endpoint=[]:1\n", -EPROTO },
		{ P "endpoint=]:1\n", -EPROTO },
		{ P "endpoint=[fe80::1%]:1\n", -EPROTO },
		{ P "endpoint=[fe80::1%nosuchdevice]:1\n", -EPROTO },
		{ P "endpoint=[fe80::1:1\n", -EPROTO },
		{ P "allowed_ip=fd00::\n", -EPROTO },
		{ P "allowed_ip=fd00::/129\n", -EPROTO },
		{ P "allowed_ip=10.0.0.0/33\n", -EPROTO },
		{ P "allowed_ip=/1\n", -EPROTO },
		{ P "allowed_ip=fd00::/\n", -EPROTO },
		{ P "persistent_keepalive_interval=65536\n", -EPROTO },
		{ P "rx_bytes=18446744073709551616\n", -EPROTO },
		{ P "tx_bytes=-1\n", -EPROTO },
		{ P "last_handshake_time_sec=9223372036854775808\n", -EPROTO },
	};
	struct ppn_wg_device d = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (size_t step = 1; step < 200; step += 37) {
			int err = feed(&d, rows[i].answer, step);

			if (err != rows[i].err)
				fail_msg("row %zu: %d", i, err);
			free_device(&d);
		}
	}
}

static void after_the_end(void **state)
{
	struct ppn_wg_text text = { 0 };

	(void)state;
	assert_int_equal(ppn_wg_text_feed(&text, "errno=0\n\nx", 10), -EPROTO);
	ppn_wg_text_end(&text);
	assert_int_equal(ppn_wg_text_feed(&text, "errno=0\n\n", 9), 1);
	assert_int_equal(ppn_wg_text_feed(&text, "\n", 1), -EPROTO);
}

static void long_lines_and_zeros(void **state)
{
	struct ppn_wg_text text = { 0 };
	char line[PPN_WG_LINE_MAX];

	(void)state;
	memset(line, 'a', sizeof(line));
	line[1] = '=';
	assert_int_equal(ppn_wg_text_feed(&text, line, sizeof(line) - 1), 0);
	assert_int_equal(ppn_wg_text_feed(&text, "a", 1), -EPROTO);
	ppn_wg_text_end(&text);
	assert_int_equal(ppn_wg_text_feed(&text, line, sizeof(line) - 1), 0);
	assert_int_equal(ppn_wg_text_feed(&text, "\nerrno=0\n\n", 10), 1);
	ppn_wg_text_end(&text);
	assert_int_equal(ppn_wg_text_feed(&text, "errno=0\0\n\n", 10), -EPROTO);
	/* An answer to set has no peers, whatever it says. */
	ppn_wg_text_end(&text);
	assert_int_equal(ppn_wg_text_feed(&text, P "errno=0\n\n", strlen(P) + 9), 1);
}

static void secrets_are_wiped(void **state)
{
	struct ppn_wg_device d = { 0 };
	struct ppn_wg_text text = { .device = &d };
	const char *answer = "private_key=" KEY_B "\nerrno=0\n\n";

	(void)state;
	assert_int_equal(ppn_wg_text_feed(&text, answer, strlen(answer)), 1);
	assert_true(ppn_is_zero(text.line, sizeof(text.line)));
}

static struct ppn_wg_peer full_peer(void)
{
	struct ppn_wg_peer p = { .key = { 1 }, .keepalive_s = 25, .n_allowed = 2 };

	p.allowed[0] = (struct ppn_wg_allowed){ .addr = { 0xfd, [15] = 1 }, .len = 128 };
	p.allowed[1] = (struct ppn_wg_allowed){ .addr = { 0xfd, 1 }, .len = 16 };
	return p;
}

static void says(const struct ppn_wg_edit *edit, const char *expected)
{
	char text[PPN_WG_EDIT_MAX];
	size_t len = ppn_wg_text_edit(text, sizeof(text), edit);

	assert_int_equal(len, strlen(expected));
	assert_string_equal(text, expected);
}

static void edits(void **state)
{
	static const uint8_t local[16] = { 0xfe, 0x80, [15] = 1 },
			     global[16] = { 0x20, 1, 0xd, 0xb8, [15] = 1 };
	struct ppn_wg_peer p = full_peer();
	struct ppn_wg_edit edit = { PPN_WG_SET_REMOVE, &p };

	(void)state;
	says(&edit, P "remove=true\n");
	edit.set = PPN_WG_SET_ALLOWED | PPN_WG_SET_KEEPALIVE;
	says(&edit, P "persistent_keepalive_interval=25\nreplace_allowed_ips=true\n"
		      "allowed_ip=fd00::1/128\nallowed_ip=fd01::/16\n");
	edit.set = PPN_WG_SET_NO_PSK;
	says(&edit, P "preshared_key=" ZEROS "\n");
	edit.set = PPN_WG_SET_ENDPOINT;
	ppn_wg_endpoint(&p.endpoint, (const uint8_t[]){ 192, 0, 2, 1 }, 4, 51820, 0);
	says(&edit, P "endpoint=192.0.2.1:51820\n");
	ppn_wg_endpoint(&p.endpoint, local, 16, 1, 3);
	says(&edit, P "endpoint=[fe80::1%3]:1\n");
	ppn_wg_endpoint(&p.endpoint, global, 16, 1, 3);
	says(&edit, P "endpoint=[2001:db8::1]:1\n");
}

/* The longest edit fits; in any smaller buffer it is refused, not cut. */
static void edit_bounds(void **state)
{
	struct ppn_wg_peer p = { .n_allowed = PPN_WG_ALLOWED_MAX, .keepalive_s = UINT16_MAX };
	const struct ppn_wg_edit edit = { 0x1f, &p };
	char text[PPN_WG_EDIT_MAX];
	size_t len;

	(void)state;
	memset(p.key, 0xff, sizeof(p.key));
	ppn_wg_endpoint(&p.endpoint, p.key, 16, UINT16_MAX, UINT32_MAX);
	p.endpoint.sin6_addr.s6_addr[0] = 0xfe;
	p.endpoint.sin6_addr.s6_addr[1] = 0x80;
	for (size_t i = 0; i < PPN_WG_ALLOWED_MAX; i++) {
		memset(p.allowed[i].addr, 0xff, 16);
		p.allowed[i].len = 128;
	}
	len = ppn_wg_text_edit(text, sizeof(text), &edit);
	assert_true(len > 400);
	for (size_t size = 1; size <= len; size++)
		assert_int_equal(ppn_wg_text_edit(text, size, &edit), 0);
	assert_int_equal(ppn_wg_text_edit(text, len + 1, &edit), len);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_answer),
		cmocka_unit_test(empty_device),
		cmocka_unit_test(scopes),
		cmocka_unit_test(foreign_things),
		cmocka_unit_test(nonsense),
		cmocka_unit_test(after_the_end),
		cmocka_unit_test(long_lines_and_zeros),
		cmocka_unit_test(secrets_are_wiped),
		cmocka_unit_test(edits),
		cmocka_unit_test(edit_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
