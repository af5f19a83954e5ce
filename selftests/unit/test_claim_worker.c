// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The claim channel end to end in one process, over loopback: ppnd-claim's own code, a monitor played by
 * the test, the authority's client, and strangers with bytes of their own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "node/claim/conn.c"
#include "node/claim/listen.c"
#include "node/claim/monitor.c"

#include <sys/stat.h>
#include "host/claim_client.h"

#define CREDENTIALS "these would be root documents, lists and a certificate"
#define NODE "this would be the node's object and its signature"
#define OBJECT "this would be a claim"
#define ACCEPTED "\1\0\0\0accepted"

/* ---- the world --------------------------------------------------------------------------------- */

struct world {
	struct event_base *base;
	struct claim *claim;
	struct sockaddr_in6 address;
	/* the monitor */
	int monitor_fd;
	struct event *monitor;
	uint8_t node_secret[32], node_key[PPN_KEY_LEN], fleet[PPN_HASH_LEN];
	enum ppn_mode mode;
	enum ppn_purpose purpose;
	bool refuse_ticket, refuse_proof, say_nothing, wrong_se, mute;
	unsigned int tickets, proofs, commits, ends[_PPN_WORKER_END_MAX], n_ends;
	uint8_t rs[PPN_KEY_LEN], h[PPN_HASH_LEN], object[PPN_WORKER_OBJECT_MAX], *bundle;
	size_t object_len, bundle_len;
	int seals;
};

static void reply(struct world *w, const struct ppn_worker_message *m)
{
	uint8_t packet[8192];
	ssize_t len = ppn_worker_encode(packet, sizeof(packet), m);

	assert_true(len > 0);
	assert_int_equal(ppn_packet_send(w->monitor_fd, packet, (size_t)len, -1, MSG_DONTWAIT), 0);
}

static void on_ticket(struct world *w, const struct ppn_worker_message *q, int fd)
{
	struct ppn_worker_message a = { .type = PPN_WORKER_TICKET_ANSWER, .conn = q->conn };

	assert_int_equal(fd, -1);
	w->tickets++;
	assert_memory_equal(q->ticket.source, &w->address.sin6_addr, 16);
	a.ticket_answer.ok = !w->refuse_ticket;
	a.ticket_answer.mode = w->mode;
	memcpy(a.ticket_answer.fleet, w->fleet, PPN_HASH_LEN);
	memcpy(a.ticket_answer.noise_key, w->node_key, PPN_KEY_LEN);
	reply(w, &a);
}

static void on_prove(struct world *w, const struct ppn_worker_message *q, int fd)
{
	struct ppn_worker_message a = { .type = PPN_WORKER_PROVE_ANSWER, .conn = q->conn };

	assert_int_equal(fd, -1);
	w->proofs++;
	memcpy(w->rs, q->prove.rs, sizeof(w->rs));
	assert_true(q->prove.payload.len >= strlen(CREDENTIALS));
	assert_memory_equal(q->prove.payload.data, CREDENTIALS, strlen(CREDENTIALS));
	a.prove_answer.ok = !w->refuse_proof;
	if (a.prove_answer.ok) {
		a.prove_answer.purpose = w->purpose;
		assert_int_equal(ppn_dh(a.prove_answer.se, w->node_secret, q->prove.re), 0);
		a.prove_answer.se[0] ^= w->wrong_se;
		a.prove_answer.payload = (struct ppn_bytes){ (const uint8_t *)NODE, strlen(NODE) };
	}
	reply(w, &a);
}

static void on_commit(struct world *w, const struct ppn_worker_message *q, int fd)
{
	struct ppn_worker_message a = { .type = PPN_WORKER_COMMIT_ANSWER, .conn = q->conn };
	struct stat st;

	w->commits++;
	memcpy(w->h, q->commit.h, sizeof(w->h));
	memcpy(w->object, q->commit.object.data, q->commit.object.len);
	w->object_len = q->commit.object.len;
	assert_int_equal(q->commit.has_bundle, fd >= 0);
	if (fd >= 0) {
		assert_int_equal(fstat(fd, &st), 0);
		assert_int_equal(st.st_size, q->commit.bundle_len);
		w->seals = fcntl(fd, F_GET_SEALS);
		w->bundle_len = q->commit.bundle_len;
		w->bundle = malloc(w->bundle_len + 1);
		assert_int_equal(pread(fd, w->bundle, w->bundle_len, 0), w->bundle_len);
		close(fd);
	}
	if (!w->say_nothing)
		a.commit_answer.answer =
			(struct ppn_bytes){ (const uint8_t *)ACCEPTED, sizeof(ACCEPTED) - 1 };
	reply(w, &a);
}

static void on_request(evutil_socket_t fd, short what, void *arg)
{
	static uint8_t packet[PPN_WORKER_PACKET_MAX];
	struct ppn_worker_message q;
	struct world *w = arg;
	int got_fd;
	ssize_t len = ppn_packet_receive(fd, packet, sizeof(packet), &got_fd, 0);

	(void)what;
	assert_true(len > 0);
	assert_int_equal(ppn_worker_decode(&q, packet, (size_t)len), 0);
	if (q.type == PPN_WORKER_DONE) {
		w->ends[q.done.end]++;
		w->n_ends++;
	} else if (w->mute) {
		assert_int_equal(got_fd, -1);
	} else if (q.type == PPN_WORKER_TICKET) {
		on_ticket(w, &q, got_fd);
	} else if (q.type == PPN_WORKER_PROVE) {
		on_prove(w, &q, got_fd);
	} else {
		assert_int_equal(q.type, PPN_WORKER_COMMIT);
		on_commit(w, &q, got_fd);
	}
}

static int listen_on_loopback(struct sockaddr_in6 *ret_address)
{
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(*ret_address);

	*ret_address = (struct sockaddr_in6){ .sin6_family = AF_INET6,
					      .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	assert_int_equal(bind(fd, (struct sockaddr *)ret_address, len), 0);
	assert_int_equal(listen(fd, 128), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)ret_address, &len), 0);
	return fd;
}

static int world_make(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	int fds[2];

	w->base = event_base_new();
	w->claim = calloc(1, sizeof(*w->claim));
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds), 0);
	w->claim->base = w->base;
	w->claim->listen_fd = listen_on_loopback(&w->address);
	w->claim->monitor_fd = fds[0];
	w->claim->handshake_ms = w->claim->message_ms = 300;
	w->claim->total_ms = 3000;
	assert_int_equal(claim_monitor_start(w->claim), 0);
	assert_int_equal(claim_listen_start(w->claim), 0);
	w->monitor_fd = fds[1];
	w->monitor = event_new(w->base, w->monitor_fd, EV_READ | EV_PERSIST, on_request, w);
	event_add(w->monitor, NULL);
	w->mode = PPN_MODE_PIN;
	w->purpose = PPN_PURPOSE_CLAIM;
	memset(w->node_secret, 5, sizeof(w->node_secret));
	memset(w->fleet, 6, sizeof(w->fleet));
	ppn_dh_public(w->node_key, w->node_secret);
	*state = w;
	return 0;
}

static int world_end(void **state)
{
	struct world *w = *state;

	for (size_t i = 0; i < PPN_CLAIM_CONNS_MAX; i++)
		claim_conn_stop(&w->claim->conns[i]);
	claim_listen_stop(w->claim);
	claim_monitor_stop(w->claim);
	event_free(w->monitor);
	event_base_dispatch(w->base); /* what lingers */
	event_base_free(w->base);
	close(w->claim->listen_fd);
	close(w->claim->monitor_fd);
	close(w->monitor_fd);
	free(w->claim);
	free(w->bundle);
	free(w);
	return 0;
}

static void on_late(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	*(bool *)arg = true;
}

/* Turns the loop until *counter reaches n. */
static void until(struct world *w, const unsigned int *counter, unsigned int n)
{
	const struct timeval limit = { 20, 0 };
	bool late = false;
	struct event *timer = evtimer_new(w->base, on_late, &late);

	evtimer_add(timer, &limit);
	while (*counter < n && !late)
		event_base_loop(w->base, EVLOOP_ONCE);
	event_free(timer);
	if (late)
		fail_msg("%u of %u after 20 s", *counter, n);
}

/* ---- the authority ------------------------------------------------------------------------------ */

struct authority {
	struct ppn_claim_client *client;
	struct ppn_bytes object, bundle;
	bool bundled, free_in_proved;
	unsigned int proved, received, ended, over; /* over: received or ended */
	uint8_t h[PPN_HASH_LEN], rs[PPN_KEY_LEN];
	char answer[64];
	enum ppn_claim_client_end end;
	int err;
};

static const uint8_t authority_secret[32] = { 7, 7, 7 };

static void on_proved(void *arg, struct ppn_claim_client *client, struct ppn_bytes node,
		      const uint8_t rs[static PPN_KEY_LEN], const uint8_t h[static PPN_HASH_LEN])
{
	struct authority *a = arg;

	a->proved++;
	assert_int_equal(node.len, strlen(NODE));
	assert_memory_equal(node.data, NODE, node.len);
	memcpy(a->rs, rs, sizeof(a->rs));
	memcpy(a->h, h, sizeof(a->h));
	if (a->free_in_proved) {
		ppn_claim_client_free(client);
		a->client = NULL;
		return;
	}
	if (a->object.len > 0)
		assert_int_equal(ppn_claim_client_send(client, a->object), 0);
	if (a->bundled)
		assert_int_equal(ppn_claim_client_stream(client, a->bundle), 0);
}

static void on_received(void *arg, struct ppn_claim_client *client, struct ppn_bytes message)
{
	struct authority *a = arg;

	assert_true(message.len < sizeof(a->answer));
	memcpy(a->answer, message.data, message.len);
	a->received++;
	a->over++;
	ppn_claim_client_free(client);
	a->client = NULL;
}

static void on_client_ended(void *arg, struct ppn_claim_client *client,
			    enum ppn_claim_client_end end, int err)
{
	struct authority *a = arg;

	a->end = end;
	a->err = err;
	a->ended++;
	a->over++;
	ppn_claim_client_free(client);
	a->client = NULL;
}

static const struct ppn_claim_client_hooks authority_hooks = {
	.proved = on_proved,
	.received = on_received,
	.ended = on_client_ended,
};

static struct ppn_claim_client_config authority_config(struct world *w, struct authority *a,
						       struct ppn_noise_key *key)
{
	struct ppn_claim_client_config config = {
		.base = w->base,
		.to = (const struct sockaddr *)&w->address,
		.to_len = sizeof(w->address),
		.fd = -1,
		.mode = w->mode,
		.key = key,
		.credentials = { (const uint8_t *)CREDENTIALS, strlen(CREDENTIALS) },
		.connect_ms = 2000,
		.handshake_ms = 1000,
		.answer_ms = 5000,
		.hooks = &authority_hooks,
		.arg = a,
	};

	memset(key, 0, sizeof(*key));
	memcpy(key->secret, authority_secret, sizeof(key->secret));
	ppn_dh_public(key->key, key->secret);
	memcpy(config.fleet, w->fleet, sizeof(config.fleet));
	return config;
}

static void authority_start(struct world *w, struct authority *a)
{
	struct ppn_noise_key key;
	struct ppn_claim_client_config config = authority_config(w, a, &key);

	assert_int_equal(ppn_claim_client_start(&a->client, &config), 0);
}

static void authority_run(struct world *w, struct authority *a)
{
	authority_start(w, a);
	until(w, &a->over, 1);
}

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

/* ---- limits and times -------------------------------------------------------------------------------- */

static int stranger(struct world *w)
{
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (connect(fd, (const struct sockaddr *)&w->address, sizeof(w->address)) < 0)
		assert_int_equal(errno, EINPROGRESS);
	return fd;
}

static void turn(struct world *w)
{
	const struct timeval soon = { 0, 5000 };

	event_base_loopexit(w->base, &soon);
	event_base_loop(w->base, EVLOOP_ONCE);
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

#define S(text) text, sizeof(text) - 1
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

#define WORLD(test) cmocka_unit_test_setup_teardown(test, world_make, world_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD(claim_works),
		WORLD(other_purposes),
		WORLD(code_mode),
		WORLD(largest_bundle),
		WORLD(largest_credentials),
		WORLD(at_once),
		WORLD(refused_by_monitor),
		WORLD(wrong_fleet),
		WORLD(wrong_mode),
		WORLD(wrong_node_key),
		WORLD(refused_connection),
		WORLD(no_route),
		WORLD(silent),
		WORLD(freed_at_any_time),
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
		WORLD(client_bounds),
	};

	if (ppn_crypto_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
