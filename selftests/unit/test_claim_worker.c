// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* ppnd-claim end to end: what it serves, whom it turns away, its limits, and strangers' bytes. */
#include "unit/claim_world.h"

/* ---- what must work --------------------------------------------------------------------------------- */

static void claim_works(void **state)
{
	struct world *w = *state;
	static uint8_t bundle[3 * PPN_ROSTER_CHUNK + 17];
	struct authority a = {
		.object = { (const uint8_t *)OBJECT, strlen(OBJECT) },
		.bundle = { bundle, sizeof(bundle) },
		.bundled = true,
	};
	uint8_t key[PPN_KEY_LEN];

	for (size_t i = 0; i < sizeof(bundle); i++)
		bundle[i] = (uint8_t)(i * 7);
	authority_run(w, &a);
	assert_int_equal(a.proved, 1);
	assert_int_equal(a.received, 1);
	assert_memory_equal(a.answer, ACCEPTED, sizeof(ACCEPTED) - 1);
	assert_memory_equal(a.rs, w->node_key, sizeof(a.rs));
	assert_memory_equal(a.h, w->h, sizeof(a.h));
	ppn_dh_public(key, authority_secret);
	assert_memory_equal(w->rs, key, sizeof(key));
	assert_int_equal(w->object_len, strlen(OBJECT));
	assert_memory_equal(w->object, OBJECT, w->object_len);
	assert_int_equal(w->bundle_len, sizeof(bundle));
	assert_memory_equal(w->bundle, bundle, sizeof(bundle));
	assert_int_equal(w->seals, F_SEAL_SEAL | F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK);
	until(w, &w->n_ends, 1);
	assert_int_equal(w->ends[PPN_WORKER_END_ANSWERED], 1);
	assert_int_equal(w->tickets + w->proofs + w->commits, 3);
}

static void other_purposes(void **state)
{
	static const struct {
		enum ppn_purpose purpose;
		bool object, bundle;
	} rows_of[] = {
		{ PPN_PURPOSE_SEAT, true, false },
		{ PPN_PURPOSE_DISCHARGE, true, false },
		{ PPN_PURPOSE_ROSTER, false, true },
	};
	struct world *w = *state;

	for (unsigned int i = 0; i < 3; i++) {
		struct authority a = {
			.object = { (const uint8_t *)OBJECT,
				    rows_of[i].object ? strlen(OBJECT) : 0 },
			.bundled = rows_of[i].bundle, /* an empty one: the monitor's to judge */
		};

		w->purpose = rows_of[i].purpose;
		w->object_len = 0;
		authority_run(w, &a);
		assert_int_equal(a.received, 1);
		assert_int_equal(w->object_len, a.object.len);
		until(w, &w->ends[PPN_WORKER_END_ANSWERED], i + 1);
		free(w->bundle);
		w->bundle = NULL;
	}
}

static void code_mode(void **state)
{
	struct world *w = *state;
	struct authority a = { .object = { (const uint8_t *)OBJECT, strlen(OBJECT) } };

	w->mode = PPN_MODE_CODE;
	w->purpose = PPN_PURPOSE_SEAT;
	memset(w->fleet, 0, sizeof(w->fleet)); /* in code mode the prologue has zeros */
	authority_run(w, &a);
	assert_int_equal(a.received, 1);
}

static void largest_bundle(void **state)
{
	struct world *w = *state;
	uint8_t *bundle = malloc(PPN_ROSTER_MAX + 1);
	struct authority a = {
		.object = { (const uint8_t *)OBJECT, strlen(OBJECT) },
		.bundle = { bundle, PPN_ROSTER_MAX },
		.bundled = true,
	};

	for (size_t i = 0; i < PPN_ROSTER_MAX; i++)
		bundle[i] = (uint8_t)(i >> 12);
	w->claim->total_ms = 15000;
	authority_run(w, &a);
	assert_int_equal(a.received, 1);
	assert_int_equal(w->bundle_len, PPN_ROSTER_MAX);
	assert_memory_equal(w->bundle, bundle, PPN_ROSTER_MAX);
	free(bundle);
}

static void largest_credentials(void **state)
{
	struct world *w = *state;
	static uint8_t credentials[PPN_WORKER_CREDENTIALS_MAX + 1] = CREDENTIALS;
	struct authority a = { .free_in_proved = true };
	struct ppn_noise_key key;
	struct ppn_claim_client_config config = authority_config(w, &a, &key);

	config.credentials = (struct ppn_bytes){ credentials, sizeof(credentials) };
	assert_int_equal(ppn_claim_client_start(&a.client, &config), -EINVAL);
	config.credentials.len--;
	assert_int_equal(ppn_claim_client_start(&a.client, &config), 0);
	until(w, &a.proved, 1);
	until(w, &w->ends[PPN_WORKER_END_GONE], 1);
}

/* As many at once as one source may have, then one more. */
static void at_once(void **state)
{
	struct world *w = *state;
	struct authority a[PPN_CLAIM_CONNS_SOURCE] = { 0 }, extra = { 0 };

	w->purpose = PPN_PURPOSE_SEAT;
	for (size_t i = 0; i < PPN_CLAIM_CONNS_SOURCE; i++) {
		a[i].object = (struct ppn_bytes){ (const uint8_t *)OBJECT, strlen(OBJECT) };
		authority_start(w, &a[i]);
	}
	for (size_t i = 0; i < PPN_CLAIM_CONNS_SOURCE; i++) {
		until(w, &a[i].over, 1);
		assert_int_equal(a[i].received, 1);
	}
	until(w, &w->ends[PPN_WORKER_END_ANSWERED], PPN_CLAIM_CONNS_SOURCE);
	extra.object = a[0].object;
	authority_run(w, &extra); /* the places are free again */
	assert_int_equal(extra.received, 1);
}

/* ---- limits and times -------------------------------------------------------------------------------- */

static int stranger(struct world *w)
{
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (connect(fd, (const struct sockaddr *)&w->address, sizeof(w->address)) < 0)
		assert_int_equal(errno, EINPROGRESS);
	return fd;
}

/* All that comes until the end, then leaves; -errno of a reset. */
static ssize_t hear(struct world *w, int fd, uint8_t *ret, size_t max)
{
	size_t len = 0;
	ssize_t n;

	for (int turns = 0; turns < 4000; turns++) {
		n = recv(fd, ret + len, max - len, 0);
		if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINPROGRESS)) {
			int err = n < 0 ? -errno : 0;

			close(fd);
			return err ? err : (ssize_t)len;
		}
		if (n > 0)
			len += (size_t)n;
		else
			turn(w);
	}
	fail_msg("no end after %zu bytes", len);
	return -ETIMEDOUT;
}

static void too_many(void **state)
{
	struct world *w = *state;
	int fds[PPN_CLAIM_CONNS_SOURCE + 2];
	uint8_t heard[64];

	for (size_t i = 0; i < PPN_CLAIM_CONNS_SOURCE + 2; i++)
		fds[i] = stranger(w);
	until(w, &w->ends[PPN_WORKER_END_LIMIT], 2);
	assert_int_equal(w->tickets, 0); /* nobody asked for anything */
	for (size_t i = PPN_CLAIM_CONNS_SOURCE; i < PPN_CLAIM_CONNS_SOURCE + 2; i++)
		assert_int_equal(hear(w, fds[i], heard, sizeof(heard)), 0);
	for (size_t i = 0; i < PPN_CLAIM_CONNS_SOURCE; i++)
		close(fds[i]);
	until(w, &w->ends[PPN_WORKER_END_GONE], PPN_CLAIM_CONNS_SOURCE);
}

static void sources(void **state)
{
	struct world *w = *state;
	uint8_t v6[16] = { 0xfd, 1 }, other[16] = { 0xfd, 2 },
		v4[16] = { [10] = 0xff, [11] = 0xff, [12] = 10 };
	struct claim_conn *conn;

	for (int i = 0; i < PPN_CLAIM_CONNS_SOURCE; i++) {
		v6[15] = (uint8_t)i; /* one /64 */
		conn = claim_slot(w->claim, v6);
		assert_non_null(conn);
		conn->claim = w->claim;
		memcpy(conn->source, v6, sizeof(v6));
	}
	assert_null(claim_slot(w->claim, v6));
	assert_non_null(claim_slot(w->claim, other));
	for (int i = 0; i < PPN_CLAIM_CONNS_MAX - PPN_CLAIM_CONNS_SOURCE; i++) {
		v4[15] = (uint8_t)i; /* each a source of its own */
		conn = claim_slot(w->claim, v4);
		assert_non_null(conn);
		conn->claim = w->claim;
		memcpy(conn->source, v4, sizeof(v4));
	}
	assert_null(claim_slot(w->claim, other)); /* all places are taken */
	for (size_t i = 0; i < PPN_CLAIM_CONNS_MAX; i++)
		w->claim->conns[i].claim = NULL;
}

static void timeouts(void **state)
{
	struct world *w = *state;
	struct authority mute = { 0 }, slow = { 0 };
	int fd = stranger(w);
	uint8_t heard[64];

	assert_int_equal(hear(w, fd, heard, sizeof(heard)), 0); /* says nothing, hears nothing */
	until(w, &w->ends[PPN_WORKER_END_TIMEOUT], 1);
	w->mute = true;
	authority_run(w, &mute); /* the monitor does not answer */
	assert_int_equal(mute.end, PPN_CLAIM_CLIENT_NO_UPGRADE);
	until(w, &w->ends[PPN_WORKER_END_TIMEOUT], 2);
	w->mute = false;
	authority_run(w, &slow); /* proves itself and sends no object */
	assert_int_equal(slow.proved, 1);
	assert_int_equal(slow.end, PPN_CLAIM_CLIENT_CLOSED);
	until(w, &w->ends[PPN_WORKER_END_TIMEOUT], 3);
}

static void monitor_goes(void **state)
{
	struct world *w = *state;
	struct event *old = w->monitor;

	event_free(old);
	w->monitor = event_new(w->base, w->monitor_fd, EV_READ | EV_PERSIST, on_request, w);
	shutdown(w->monitor_fd, SHUT_RDWR);
	assert_int_equal(event_base_dispatch(w->base), 0); /* the loop is left */
	assert_int_equal(w->claim->err, 0);
}

static void monitor_babbles(void **state)
{
	struct world *w = *state;

	event_del(w->monitor);
	assert_int_equal(ppn_packet_send(w->monitor_fd, "nonsense", 8, -1, 0), 0);
	assert_int_equal(event_base_dispatch(w->base), 0);
	assert_int_equal(w->claim->err, -EBADMSG);
}

/* ---- strangers ---------------------------------------------------------------------------------------- */

#define UPGRADE                                                                        \
	"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"   \
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n" \
	"Sec-WebSocket-Protocol: ppn.1.pin\r\n\r\n"
#define SWITCH                                                                              \
	"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" \
	"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: ppn.1.pin\r\n\r\n"
#define GREETING (sizeof(SWITCH) - 1 + 2 + 32) /* 101, and message 1 in a frame */

#define MASK0 "\0\0\0\0"
#define HALF \
	"\x82\xa0" MASK0 "0123456789abcdef0123456789abcdef" /* 32 bytes: shorter than message 2 */
#define JUNK96 "\x82\xe0" MASK0 HALF_KEY HALF_KEY HALF_KEY
#define HALF_KEY "0123456789abcdef0123456789abcdef"

static const struct {
	const char *what, *first;
	size_t first_len;
	const char *second; /* after the greeting */
	size_t second_len;
	enum ppn_worker_end end;
} hostile[] = {
	{ "nothing but noise", S("\x16\x03\x01\x02\x00\x01\r\n\r\n"), NULL, 0,
	  PPN_WORKER_END_UPGRADE },
	{ "plain GET", S("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), NULL, 0, PPN_WORKER_END_UPGRADE },
	{ "other subprotocol",
	  S("GET / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: "
	    "dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: chat\r\n\r\n"),
	  NULL, 0, PPN_WORKER_END_UPGRADE },
	{ "does not wait", S(UPGRADE HALF), NULL, 0, PPN_WORKER_END_UPGRADE },
	{ "cut upgrade", S("GET / HTTP/1.1\r\nUpgrade: webso"), NULL, 0, PPN_WORKER_END_TIMEOUT },
	{ "upgrade and silence", S(UPGRADE), NULL, 0, PPN_WORKER_END_TIMEOUT },
	{ "unmasked", S(UPGRADE), S("\x82\x02hi"), PPN_WORKER_END_FRAME },
	{ "text", S(UPGRADE), S("\x81\x82" MASK0 "hi"), PPN_WORKER_END_FRAME },
	{ "reserved bit", S(UPGRADE), S("\xc2\x82" MASK0 "hi"), PPN_WORKER_END_FRAME },
	{ "long control frame", S(UPGRADE), S("\x89\xfe\x00\x7e" MASK0 HALF_KEY),
	  PPN_WORKER_END_FRAME },
	{ "five fragments", S(UPGRADE),
	  S("\x02\x81" MASK0 "a\x00\x81" MASK0 "b\x00\x81" MASK0 "c\x00\x81" MASK0 "d\x80\x81" MASK0
	    "e"),
	  PPN_WORKER_END_FRAME },
	{ "oversized", S(UPGRADE), S("\x82\xff\x00\x00\x00\x00\x00\x01\x00\x00" MASK0 "x"),
	  PPN_WORKER_END_SIZE },
	{ "absurdly oversized", S(UPGRADE), S("\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff" MASK0 "x"),
	  PPN_WORKER_END_SIZE },
	{ "close", S(UPGRADE), S("\x88\x80" MASK0), PPN_WORKER_END_GONE },
	{ "short message 2", S(UPGRADE), S(HALF), PPN_WORKER_END_NOISE },
	{ "message 2 of junk", S(UPGRADE), S(JUNK96), PPN_WORKER_END_NOISE },
	{ "empty message 2", S(UPGRADE), S("\x82\x80" MASK0), PPN_WORKER_END_NOISE },
	{ "ping, which gets no pong", S(UPGRADE), S("\x89\x82" MASK0 "hi\x81\x82" MASK0 "hi"),
	  PPN_WORKER_END_FRAME },
};

static void strangers(void **state)
{
	struct world *w = *state;

	for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
		unsigned int ends = w->ends[hostile[i].end], tickets = w->tickets;
		bool greeted = hostile[i].end != PPN_WORKER_END_UPGRADE &&
			       strstr(hostile[i].first, "\r\n\r\n");
		int fd = stranger(w);
		uint8_t heard[1024];
		ssize_t len;

		assert_int_equal(send(fd, hostile[i].first, hostile[i].first_len, 0),
				 hostile[i].first_len);
		if (hostile[i].second) {
			until(w, &w->tickets, tickets + 1);
			assert_int_equal(send(fd, hostile[i].second, hostile[i].second_len, 0),
					 hostile[i].second_len);
		}
		len = hear(w, fd, heard, sizeof(heard));
		until(w, &w->n_ends, (unsigned int)i + 1);
		if (w->ends[hostile[i].end] != ends + 1)
			fail_msg("%s: ended otherwise", hostile[i].what);
		if (len != (ssize_t)(greeted ? GREETING : 0))
			fail_msg("%s: heard %zd bytes", hostile[i].what, len);
		if (greeted)
			assert_memory_equal(heard, SWITCH, sizeof(SWITCH) - 1);
	}
	assert_int_equal(w->proofs, 0);
}

static bool any_in(const struct world *w, enum claim_state state)
{
	for (size_t i = 0; i < PPN_CLAIM_CONNS_MAX; i++)
		if (w->claim->conns[i].claim && w->claim->conns[i].state == state)
			return true;
	return false;
}

/* Bytes while the monitor is being asked: a client waits for its 101. */
static void impatient(void **state)
{
	struct world *w = *state;
	int fd = stranger(w);
	uint8_t heard[64];

	w->mute = true;
	assert_int_equal(send(fd, S(UPGRADE), 0), sizeof(UPGRADE) - 1);
	for (int i = 0; i < 1000 && !any_in(w, CLAIM_TICKET); i++)
		turn(w);
	assert_true(any_in(w, CLAIM_TICKET));
	assert_int_equal(send(fd, S(HALF), 0), sizeof(HALF) - 1);
	assert_int_equal(hear(w, fd, heard, sizeof(heard)), 0);
	until(w, &w->ends[PPN_WORKER_END_UPGRADE], 1);
}

/* A bit flipped here and there: no crash, and each is counted once. */
static void upgrade_damaged(void **state)
{
	struct world *w = *state;
	static const char good[] = UPGRADE;
	uint8_t heard[1024];

	w->claim->handshake_ms = 20;
	for (size_t i = 0; i + 1 < sizeof(good); i += 3) {
		char bytes[sizeof(good)];
		int fd = stranger(w);

		memcpy(bytes, good, sizeof(good));
		bytes[i] ^= (char)(1 << i % 8);
		assert_int_equal(send(fd, bytes, sizeof(good) - 1, 0), sizeof(good) - 1);
		assert_true(hear(w, fd, heard, sizeof(heard)) >= 0);
		until(w, &w->n_ends, (unsigned int)(i / 3) + 1);
	}
}

/* ---- an authority that misbehaves after its proof: the client's own channel is used by hand -------- */

static void out_of_turn(void **state)
{
	struct world *w = *state;
	struct authority a = { .bundled =
				       true }; /* purpose claim, but an empty message comes first */

	authority_run(w, &a);
	assert_int_equal(a.end, PPN_CLAIM_CLIENT_CLOSED);
	until(w, &w->ends[PPN_WORKER_END_ORDER], 1);
	assert_int_equal(w->commits, 0);
}

static void more_than_asked(void **state)
{
	struct world *w = *state;
	struct authority a = {
		.object = { (const uint8_t *)OBJECT, strlen(OBJECT) },
		.bundled = true, /* purpose seat wants none */
	};

	w->purpose = PPN_PURPOSE_SEAT;
	w->say_nothing = true;
	authority_run(w, &a);
	assert_int_equal(a.received, 0);
	until(w, &w->n_ends, 1);
	assert_int_equal(w->ends[PPN_WORKER_END_ORDER], 1);
}

static void stream_too_long(void **state)
{
	struct world *w = *state;
	uint8_t *bundle = calloc(1, PPN_ROSTER_MAX);
	struct authority a = {
		.object = { (const uint8_t *)OBJECT, strlen(OBJECT) },
		.bundle = { bundle, PPN_ROSTER_MAX },
	};

	w->claim->total_ms = 15000;
	authority_start(w, &a);
	until(w, &a.proved, 1);
	/* the client sends no more than it may: the bound comes nearer instead */
	for (size_t i = 0; i < PPN_CLAIM_CONNS_MAX; i++)
		if (w->claim->conns[i].claim)
			w->claim->conns[i].bundle_len = 1;
	assert_int_equal(ppn_claim_client_stream(a.client, a.bundle), 0);
	until(w, &a.over, 1);
	assert_int_equal(a.received, 0);
	until(w, &w->n_ends, 1);
	assert_int_equal(w->ends[PPN_WORKER_END_SIZE], 1);
	assert_int_equal(w->commits, 0);
	free(bundle);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD(claim_works),
		WORLD(other_purposes),
		WORLD(code_mode),
		WORLD(largest_bundle),
		WORLD(largest_credentials),
		WORLD(at_once),
		WORLD(too_many),
		WORLD(sources),
		WORLD(timeouts),
		WORLD(monitor_goes),
		WORLD(monitor_babbles),
		WORLD(strangers),
		WORLD(impatient),
		WORLD(upgrade_damaged),
		WORLD(out_of_turn),
		WORLD(more_than_asked),
		WORLD(stream_too_long),
	};

	if (ppn_crypto_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
