// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* host/claim_client: how a call fails, told apart, and nodes that are none. */
#include "unit/claim_world.h"

#include "host/http.h"

/* ---- how a call fails, told apart ------------------------------------------------------------------- */

static void refused_by_monitor(void **state)
{
	struct world *w = *state;
	struct authority a = { 0 }, b = { 0 }, c = { .object = { (const uint8_t *)OBJECT, 1 } };

	w->refuse_ticket = true;
	authority_run(w, &a);
	assert_int_equal(a.end, PPN_CLAIM_CLIENT_NO_UPGRADE);
	until(w, &w->ends[PPN_WORKER_END_REFUSED], 1);
	w->refuse_ticket = false;
	w->refuse_proof = true;
	authority_run(w, &b);
	assert_int_equal(b.end, PPN_CLAIM_CLIENT_NO_PROOF);
	until(w, &w->ends[PPN_WORKER_END_REFUSED], 2);
	w->refuse_proof = false;
	w->say_nothing = true;
	w->purpose = PPN_PURPOSE_SEAT;
	authority_run(w, &c);
	assert_int_equal(c.proved, 1);
	assert_int_equal(c.end, PPN_CLAIM_CLIENT_CLOSED);
	until(w, &w->ends[PPN_WORKER_END_REFUSED], 3);
}

static void wrong_fleet(void **state)
{
	struct world *w = *state;
	struct authority a = { 0 };
	struct ppn_noise_key key;
	struct ppn_claim_client_config config = authority_config(w, &a, &key);

	config.fleet[0] ^= 1;
	assert_int_equal(ppn_claim_client_start(&a.client, &config), 0);
	until(w, &a.over, 1);
	assert_int_equal(a.end, PPN_CLAIM_CLIENT_NO_PROOF);
	until(w, &w->ends[PPN_WORKER_END_NOISE], 1);
	assert_int_equal(w->proofs, 0); /* the monitor never heard of it */
}

static void wrong_mode(void **state)
{
	struct world *w = *state;
	struct authority a = { 0 };
	struct ppn_noise_key key;
	struct ppn_claim_client_config config = authority_config(w, &a, &key);

	config.mode = PPN_MODE_CODE;
	assert_int_equal(ppn_claim_client_start(&a.client, &config), 0);
	until(w, &a.over, 1);
	assert_int_equal(a.end, PPN_CLAIM_CLIENT_NO_UPGRADE);
	until(w, &w->ends[PPN_WORKER_END_UPGRADE], 1);
}

/* An impostor without the node's key: se is not what message 3 needs. */
static void wrong_node_key(void **state)
{
	struct world *w = *state;
	struct authority a = { 0 };

	w->wrong_se = true;
	authority_run(w, &a);
	assert_int_equal(a.proved, 0);
	assert_int_equal(a.end, PPN_CLAIM_CLIENT_PROTOCOL);
}

static void refused_connection(void **state)
{
	struct world *w = *state;
	struct authority a = { 0 };
	struct ppn_noise_key key;
	struct ppn_claim_client_config config = authority_config(w, &a, &key);
	struct sockaddr_in6 nobody;

	close(listen_on_loopback(&nobody));
	config.to = (const struct sockaddr *)&nobody;
	assert_int_equal(ppn_claim_client_start(&a.client, &config), 0);
	until(w, &a.over, 1);
	assert_int_equal(a.end, PPN_CLAIM_CLIENT_REFUSED);
	assert_int_equal(a.err, -ECONNREFUSED);
}

static void no_route(void **state)
{
	struct world *w = *state;
	struct authority a = { 0 };
	struct ppn_noise_key key;
	struct ppn_claim_client_config config = authority_config(w, &a, &key);
	struct sockaddr_in6 nowhere = w->address;

	/* a link-local address needs a link: -EINVAL; an address of no kind: unreachable or the like */
	memset(&nowhere.sin6_addr, 0, sizeof(nowhere.sin6_addr));
	nowhere.sin6_addr.s6_addr[0] = 0xfe;
	nowhere.sin6_addr.s6_addr[1] = 0x80;
	nowhere.sin6_addr.s6_addr[15] = 1;
	config.to = (const struct sockaddr *)&nowhere;
	assert_int_equal(ppn_claim_client_start(&a.client, &config), 0);
	assert_int_equal(a.over, 0); /* never from within a call */
	until(w, &a.over, 1);
	assert_int_equal(a.end, PPN_CLAIM_CLIENT_LOCAL);
	assert_int_equal(a.err, -EINVAL);
}

/* A listener that never answers, with a full backlog, takes no connection: silent. */
static void silent(void **state)
{
	struct world *w = *state;
	struct sockaddr_in6 address;
	int fd = listen_on_loopback(&address), fillers[4];
	struct authority a = { 0 }, b = { 0 };
	struct ppn_noise_key key;
	struct ppn_claim_client_config config = authority_config(w, &a, &key);

	listen(fd, 0);
	for (int i = 0; i < 4; i++) {
		fillers[i] = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, 0);
		(void)connect(fillers[i], (struct sockaddr *)&address, sizeof(address));
	}
	config.to = (const struct sockaddr *)&address;
	config.connect_ms = 200;
	assert_int_equal(ppn_claim_client_start(&a.client, &config), 0);
	until(w, &a.over, 1);
	assert_int_equal(a.end, PPN_CLAIM_CLIENT_SILENT);
	for (int i = 0; i < 4; i++)
		close(fillers[i]);
	close(fd);
	/* a listener that takes the connection and says nothing */
	fd = listen_on_loopback(&address);
	config.arg = &b;
	config.handshake_ms = 200;
	assert_int_equal(ppn_claim_client_start(&b.client, &config), 0);
	until(w, &b.over, 1);
	assert_int_equal(b.end, PPN_CLAIM_CLIENT_NO_UPGRADE);
	close(fd);
}

static void freed_at_any_time(void **state)
{
	struct world *w = *state;
	struct authority a = { 0 }, b = { .free_in_proved = true };

	authority_start(w, &a);
	ppn_claim_client_free(a.client); /* while connecting */
	authority_start(w, &b);
	until(w, &b.proved, 1);
	until(w, &w->ends[PPN_WORKER_END_GONE], 1);
	ppn_claim_client_free(NULL);
}

/* ---- a node that is none ------------------------------------------------------------------------ */

#define E32 "\x09\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
#define ZERO32 "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
#define HELLO "\x82\x20" E32

static const struct {
	const char *what;
	bool upgrades; /* sends the right 101 first */
	const char *bytes;
	size_t len;
	bool stays; /* and says no more; else it closes */
	enum ppn_claim_client_end end;
} impostors[] = {
	{ "closes", false, S(""), false, PPN_CLAIM_CLIENT_NO_UPGRADE },
	{ "a web server", false, S("HTTP/1.1 400 Bad Request\r\n\r\n"), true,
	  PPN_CLAIM_CLIENT_NO_UPGRADE },
	{ "SSH", false, S("SSH-2.0-OpenSSH_9.2\r\n"), true, PPN_CLAIM_CLIENT_NO_UPGRADE },
	{ "wrong accept", false,
	  S("HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
	    "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: ppn.1.pin\r\n\r\n"),
	  true, PPN_CLAIM_CLIENT_NO_UPGRADE },
	{ "upgrades and closes", true, S(""), false, PPN_CLAIM_CLIENT_NO_HELLO },
	{ "upgrades and is silent", true, S(""), true, PPN_CLAIM_CLIENT_NO_HELLO },
	{ "close frame", true, S("\x88\0"), true, PPN_CLAIM_CLIENT_NO_HELLO },
	{ "masked", true, S("\x82\xa0\0\0\0\0" E32), true, PPN_CLAIM_CLIENT_PROTOCOL },
	{ "text", true, S("\x81\x20" E32), true, PPN_CLAIM_CLIENT_PROTOCOL },
	{ "short hello", true, S("\x82\x05hello"), true, PPN_CLAIM_CLIENT_PROTOCOL },
	{ "hello with a payload", true, S("\x82\x21" E32 "x"), true, PPN_CLAIM_CLIENT_PROTOCOL },
	{ "point of small order", true, S("\x82\x20" ZERO32), true, PPN_CLAIM_CLIENT_PROTOCOL },
	{ "long hello", true, S("\x82\x7e\x10\x01" E32), true, PPN_CLAIM_CLIENT_PROTOCOL },
	{ "hello and the end", true, S(HELLO), false, PPN_CLAIM_CLIENT_NO_PROOF },
	{ "hello and silence", true, S(HELLO), true, PPN_CLAIM_CLIENT_TIMEOUT },
	{ "hello and junk", true, S(HELLO "\x82\x40" E32 E32), true, PPN_CLAIM_CLIENT_PROTOCOL },
	{ "hello and too little", true, S(HELLO "\x82\x20" E32), true, PPN_CLAIM_CLIENT_PROTOCOL },
};

/* Takes the request and answers as impostors[i] does. Returns the connection, or -1 when it is closed. */
static int impersonate(struct world *w, int listener, size_t i)
{
	char request[2048], text[PPN_HTTP_WRITE_MAX];
	struct ppn_http_request got;
	int fd = -1;
	ssize_t n = 0;

	for (int turns = 0; turns < 1000 && n <= 0; turns++) {
		turn(w);
		if (fd < 0)
			fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
		if (fd >= 0)
			n = recv(fd, request, sizeof(request), 0);
	}
	assert_true(n > 0);
	assert_int_equal(ppn_http_request_read(&got, request, (size_t)n), PPN_HTTP_GOOD);
	if (impostors[i].upgrades) {
		size_t len = ppn_http_response_write(text, got.key, PPN_SUBPROTOCOL_PIN);

		assert_int_equal(send(fd, text, len, 0), len);
	}
	assert_int_equal(send(fd, impostors[i].bytes, impostors[i].len, 0), impostors[i].len);
	if (!impostors[i].stays)
		shutdown(fd, SHUT_WR);
	return fd;
}

static void no_node(void **state)
{
	struct world *w = *state;
	struct sockaddr_in6 address;
	int listener = listen_on_loopback(&address);

	for (size_t i = 0; i < sizeof(impostors) / sizeof(impostors[0]); i++) {
		struct authority a = { 0 };
		struct ppn_noise_key key;
		struct ppn_claim_client_config config = authority_config(w, &a, &key);
		int fd;

		config.to = (const struct sockaddr *)&address;
		config.handshake_ms = 200;
		assert_int_equal(ppn_claim_client_start(&a.client, &config), 0);
		fd = impersonate(w, listener, i);
		for (int turns = 0; turns < 1000 && !a.over; turns++) {
			char sink[4096];

			/* leaves when the client does */
			if (recv(fd, sink, sizeof(sink), 0) == 0)
				shutdown(fd, SHUT_WR);
			turn(w);
		}
		assert_int_equal(a.proved, 0);
		if (!a.over || a.end != impostors[i].end)
			fail_msg("%s: %s", impostors[i].what,
				 a.over ? ppn_claim_client_text(a.end) : "no end");
		close(fd);
	}
	close(listener);
}

/* ---- bounds of its own ---- */

static void client_bounds(void **state)
{
	struct world *w = *state;
	static uint8_t big[PPN_ROSTER_CHUNK + 1];
	struct authority a = { 0 };
	struct ppn_bytes huge = { big, (size_t)PPN_ROSTER_MAX + 1 };

	authority_start(w, &a);
	assert_int_equal(ppn_claim_client_send(a.client, (struct ppn_bytes){ big, 1 }), -ENOTCONN);
	assert_int_equal(ppn_claim_client_stream(a.client, (struct ppn_bytes){ big, 1 }),
			 -ENOTCONN);
	until(w, &a.proved, 1);
	assert_int_equal(ppn_claim_client_send(a.client, (struct ppn_bytes){ big, sizeof(big) }),
			 -EMSGSIZE);
	assert_int_equal(ppn_claim_client_stream(a.client, huge), -EMSGSIZE);
	ppn_claim_client_free(a.client);
	until(w, &w->n_ends, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD(refused_by_monitor),
		WORLD(wrong_fleet),
		WORLD(wrong_mode),
		WORLD(wrong_node_key),
		WORLD(refused_connection),
		WORLD(no_route),
		WORLD(silent),
		WORLD(freed_at_any_time),
		WORLD(no_node),
		WORLD(client_bounds),
	};

	if (ppn_crypto_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
