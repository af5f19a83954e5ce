// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "host/log.h"
#include "node/claim/claim.h"

#define BATCH 16 /* accepted in one go, so that others have their turn */
#define DRAIN_MAX 65536

/* ---- limits ----------------------------------------------------------------------------------- */

static bool is_mapped(const uint8_t addr[static 16])
{
	return IN6_IS_ADDR_V4MAPPED((const struct in6_addr *)addr);
}

/* /32 for IPv4, /64 for IPv6 */
static bool same_source(const uint8_t a[static 16], const uint8_t b[static 16])
{
	return memcmp(a, b, is_mapped(a) ? 16 : 8) == 0;
}

struct claim_conn *claim_slot(struct claim *claim, const uint8_t source[static 16])
{
	struct claim_conn *slot = NULL;
	unsigned int same = 0;

	for (size_t i = 0; i < PPN_CLAIM_CONNS_MAX; i++) {
		struct claim_conn *conn = &claim->conns[i];

		if (!conn->claim)
			slot = conn;
		else if (same_source(conn->source, source))
			same++;
	}
	return same < PPN_CLAIM_CONNS_SOURCE ? slot : NULL;
}

/* Close with unread bytes sends a reset. */
static void turn_away(int fd)
{
	char sink[4096];
	ssize_t n, total = 0;

	shutdown(fd, SHUT_WR);
	do {
		n = recv(fd, sink, sizeof(sink), MSG_DONTWAIT);
		total += n;
	} while (n > 0 && total < DRAIN_MAX);
	close(fd);
}

/* ---- accepting --------------------------------------------------------------------------------- */

static int source_of(const struct sockaddr_storage *peer, uint8_t ret_source[static 16],
		     uint16_t *ret_port)
{
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)peer;
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)peer;

	switch (peer->ss_family) {
	case AF_INET6:
		memcpy(ret_source, &v6->sin6_addr, 16);
		*ret_port = ntohs(v6->sin6_port);
		return 0;
	case AF_INET:
		ppn_address_v4(ret_source, &v4->sin_addr);
		*ret_port = ntohs(v4->sin_port);
		return 0;
	default:
		return -EAFNOSUPPORT;
	}
}

static uint32_t next_number(struct claim *claim)
{
	if (claim->last_number == UINT32_MAX) { /* 136 years at one a second */
		claim->err = -EOVERFLOW;
		event_base_loopbreak(claim->base);
	}
	return ++claim->last_number;
}

static void take(struct claim *claim, int fd, const struct sockaddr_storage *peer)
{
	uint32_t number = next_number(claim);
	struct claim_conn *conn;
	uint8_t source[16];
	uint16_t port;

	conn = source_of(peer, source, &port) == 0 ? claim_slot(claim, source) : NULL;
	if (!conn) {
		turn_away(fd);
		claim_monitor_done(claim, number, PPN_WORKER_END_LIMIT);
		return;
	}
	memset(conn, 0, sizeof(*conn));
	conn->number = number;
	memcpy(conn->source, source, sizeof(source));
	conn->port = port;
	claim_conn_start(claim, conn, fd);
}

/* Out of descriptors or memory: others must end first. */
static void rest(struct claim *claim, int err)
{
	const struct timeval second = { 1, 0 };

	ppn_log_errno(LOG_WARNING, err, "accepting on the claim port; next try in a second");
	event_del(claim->accepting);
	evtimer_add(claim->resting, &second);
}

static void on_connection(evutil_socket_t fd, short what, void *arg)
{
	struct claim *claim = arg;

	(void)what;
	for (int i = 0; i < BATCH; i++) {
		struct sockaddr_storage peer = { 0 };
		socklen_t len = sizeof(peer);
		int conn =
			accept4(fd, (struct sockaddr *)&peer, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (conn >= 0) {
			take(claim, conn, &peer);
			continue;
		}
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
			rest(claim, -errno);
		return; /* nobody waits, or whoever did is gone */
	}
}

static void on_rested(evutil_socket_t fd, short what, void *arg)
{
	struct claim *claim = arg;

	(void)fd;
	(void)what;
	event_add(claim->accepting, NULL);
}

int claim_listen_start(struct claim *claim)
{
	claim->accepting = event_new(claim->base, claim->listen_fd, EV_READ | EV_PERSIST,
				     on_connection, claim);
	claim->resting = evtimer_new(claim->base, on_rested, claim);
	if (!claim->accepting || !claim->resting || event_add(claim->accepting, NULL) < 0)
		return -ENOMEM;
	return 0;
}

void claim_listen_stop(struct claim *claim)
{
	if (claim->accepting)
		event_free(claim->accepting);
	if (claim->resting)
		event_free(claim->resting);
	claim->accepting = claim->resting = NULL;
}
