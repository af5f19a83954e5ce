/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The claim channel in one process, over loopback: ppnd-claim's own code, a monitor played by the test, and
 * the authority's client.
 */
#ifndef PPN_TEST_CLAIM_WORLD_H
#define PPN_TEST_CLAIM_WORLD_H

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
#include "host/http.h"

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

static inline void reply(struct world *w, const struct ppn_worker_message *m)
{
	uint8_t packet[8192];
	ssize_t len = ppn_worker_encode(packet, sizeof(packet), m);

	assert_true(len > 0);
	assert_int_equal(ppn_packet_send(w->monitor_fd, packet, (size_t)len, -1, MSG_DONTWAIT), 0);
}

static inline void on_ticket(struct world *w, const struct ppn_worker_message *q, int fd)
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

static inline void on_prove(struct world *w, const struct ppn_worker_message *q, int fd)
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

static inline void on_commit(struct world *w, const struct ppn_worker_message *q, int fd)
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

static inline void on_request(evutil_socket_t fd, short what, void *arg)
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

static inline int listen_on_loopback(struct sockaddr_in6 *ret_address)
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

static inline int world_make(void **state)
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

static inline int world_end(void **state)
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

static inline void on_late(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	*(bool *)arg = true;
}

/* Turns the loop until *counter reaches n. */
static inline void until(struct world *w, const unsigned int *counter, unsigned int n)
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

static inline void turn(struct world *w)
{
	const struct timeval soon = { 0, 5000 };

	event_base_loopexit(w->base, &soon);
	event_base_loop(w->base, EVLOOP_ONCE);
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

static inline void on_proved(void *arg, struct ppn_claim_client *client, struct ppn_bytes node,
			     const uint8_t rs[static PPN_KEY_LEN],
			     const uint8_t h[static PPN_HASH_LEN])
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

static inline void on_received(void *arg, struct ppn_claim_client *client, struct ppn_bytes message)
{
	struct authority *a = arg;

	assert_true(message.len < sizeof(a->answer));
	memcpy(a->answer, message.data, message.len);
	a->received++;
	a->over++;
	ppn_claim_client_free(client);
	a->client = NULL;
}

static inline void on_client_ended(void *arg, struct ppn_claim_client *client,
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

static inline struct ppn_claim_client_config authority_config(struct world *w, struct authority *a,
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

static inline void authority_start(struct world *w, struct authority *a)
{
	struct ppn_noise_key key;
	struct ppn_claim_client_config config = authority_config(w, a, &key);

	assert_int_equal(ppn_claim_client_start(&a->client, &config), 0);
}

static inline void authority_run(struct world *w, struct authority *a)
{
	authority_start(w, a);
	until(w, &a->over, 1);
}

/* Bytes and their number, zeros inside included. */
#define S(text) text, sizeof(text) - 1
#define WORLD(test) cmocka_unit_test_setup_teardown(test, world_make, world_end)

#endif
