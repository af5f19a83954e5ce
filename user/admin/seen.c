// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Beacons out, `here` in (PROTOCOL 3). One beacon packet goes to all links at a time; only answers to the
 * last three count. No multicast group is joined: ff02::1 needs none.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "admin/service.h"
#include "host/log.h"
#include "lib/crypto.h"

#define LAST_BEACONS 3
#define SEEN_MAX (PPN_UNVERIFIED_MAX + 4096)
#define HERES_PER_PERIOD 4096 /* boxes opened between two beacons: each costs a DH */
#define SYMBOLS_MIN 20

struct link {
	struct ppn_service *service;
	char name[IFNAMSIZ];
	int fd;
	struct event *readable;
};

struct ppn_seen_table {
	struct link link[PPN_BEACON_LINKS_MAX];
	size_t n_links;
	struct event *tick;
	uint8_t beacon[LAST_BEACONS][PPN_HASH_LEN];
	unsigned int next_beacon, heres;
	uint64_t time_ms;
	struct ppn_seen *seen;
	size_t n_seen;
};

/* ---- the table ---- */

static struct ppn_seen *lookup(struct ppn_seen_table *table,
			       const uint8_t identity[static PPN_KEY_LEN])
{
	for (size_t i = 0; i < table->n_seen; i++)
		if (memcmp(table->seen[i].identity, identity, PPN_KEY_LEN) == 0)
			return &table->seen[i];
	return NULL;
}

/* Strangers are bounded, oldest out; so is the whole table. */
static struct ppn_seen *room_for(struct ppn_seen_table *table, bool stranger)
{
	struct ppn_seen *oldest = NULL, *more;
	size_t strangers = 0;

	for (size_t i = 0; i < table->n_seen; i++) {
		if (!table->seen[i].stranger)
			continue;
		strangers++;
		if (!oldest || table->seen[i].at_ms < oldest->at_ms)
			oldest = &table->seen[i];
	}
	if ((stranger && strangers >= PPN_UNVERIFIED_MAX) || table->n_seen == SEEN_MAX)
		return oldest;
	more = reallocarray(table->seen, table->n_seen + 1, sizeof(*more));
	if (!more)
		return oldest;
	table->seen = more;
	return &more[table->n_seen++];
}

void ppn_seen_each(struct ppn_service *service,
		   void (*each)(void *arg, const struct ppn_seen *seen), void *arg)
{
	struct ppn_seen_table *table = service->seen;

	for (size_t i = 0; table && i < table->n_seen; i++)
		each(arg, &table->seen[i]);
}

static bool names(const uint8_t identity[static PPN_KEY_LEN], const char *text)
{
	char symbols[52], plain[2 * PPN_KEY_LEN + 1];
	size_t n = 0;

	for (const char *c = text; *c && n < sizeof(plain) - 1; c++)
		if (*c != '-')
			plain[n++] = *c;
	plain[n] = '\0';
	if (n == 2 * PPN_KEY_LEN) {
		uint8_t key[PPN_KEY_LEN];

		return ppn_unhex(key, sizeof(key), plain) == 0 &&
		       memcmp(key, identity, sizeof(key)) == 0;
	}
	if (n != PPN_LABEL_LEN && (n < SYMBOLS_MIN || n > sizeof(symbols) - 1))
		return false;
	return strcasecmp(ppn_symbols(symbols, n, identity), plain) == 0;
}

const struct ppn_seen *ppn_seen_find(struct ppn_service *service, const char *text,
				     const struct ppn_seen **ret_two)
{
	struct ppn_seen_table *table = service->seen;
	const struct ppn_seen *found = NULL;

	*ret_two = NULL;
	for (size_t i = 0; table && i < table->n_seen; i++) {
		if (!names(table->seen[i].identity, text))
			continue;
		if (found)
			*ret_two = &table->seen[i];
		else
			found = &table->seen[i];
	}
	return found;
}

/* ---- here ---- */

static bool answers_us(const struct ppn_seen_table *table, const uint8_t hash[static PPN_HASH_LEN])
{
	bool ours = false;

	for (int i = 0; i < LAST_BEACONS; i++)
		ours |= ppn_equal(table->beacon[i], hash, PPN_HASH_LEN);
	return ours && !ppn_is_zero(hash, PPN_HASH_LEN);
}

static void take_here(struct link *link, const uint8_t *packet, size_t len,
		      const struct sockaddr_in6 *from)
{
	struct ppn_service *service = link->service;
	struct ppn_seen_table *table = service->seen;
	struct ppn_seen *seen;
	struct ppn_here here;
	const char *stranger;

	if (len != PPN_HERE_LEN || !IN6_IS_ADDR_LINKLOCAL(&from->sin6_addr) ||
	    table->heres >= HERES_PER_PERIOD)
		return;
	table->heres++;
	if (ppn_here_read((struct ppn_bytes){ packet, len }, service->store.secret.box,
			  service->store.trust.newest.fleet, &here) != PPN_CHECK_OK ||
	    !answers_us(table, here.beacon))
		return;
	stranger = ppn_store_enrolled(&service->store, here.batch, here.proof, here.identity,
				      here.beacon, ppn_now_ms() / 1000);
	seen = lookup(table, here.identity);
	if (!seen)
		seen = room_for(table, stranger);
	if (!seen)
		return;
	memset(seen, 0, sizeof(*seen));
	memcpy(seen->identity, here.identity, sizeof(seen->identity));
	memcpy(seen->batch, here.batch, sizeof(seen->batch));
	snprintf(seen->link, sizeof(seen->link), "%s", link->name);
	seen->address = *from;
	seen->address.sin6_port = htons(here.claim_port);
	seen->state = here.state;
	seen->posture = here.posture;
	seen->stranger = stranger;
	seen->at_ms = ppn_boottime_ms();
}

static void readable(evutil_socket_t fd, short what, void *arg)
{
	struct sockaddr_in6 from = { 0 };
	socklen_t from_len = sizeof(from);
	uint8_t packet[PPN_DISCOVERY_MAX];
	ssize_t n;

	(void)what;
	while ((n = recvfrom(fd, packet, sizeof(packet), MSG_DONTWAIT, (struct sockaddr *)&from,
			     &from_len)) >= 0) {
		if (from.sin6_family == AF_INET6)
			take_here(arg, packet, (size_t)n, &from);
		from_len = sizeof(from);
	}
}

/* ---- beacons ---- */

static void emit(struct ppn_service *service)
{
	struct ppn_seen_table *table = service->seen;
	struct sockaddr_in6 all = { .sin6_family = AF_INET6,
				    .sin6_port = htons(PPN_PORT_DISCOVERY) };
	uint8_t packet[PPN_DISCOVERY_MAX];
	uint64_t now = ppn_now_ms();
	ssize_t len;

	table->time_ms = now > table->time_ms ? now : table->time_ms + 1;
	len = ppn_beacon_write(packet, sizeof(packet), &service->store.trust,
			       (struct ppn_bytes){ service->store.cert_bytes,
						   service->store.cert_len },
			       table->time_ms, service->store.secret.sign);
	if (len < 0) {
		ppn_log_errno(LOG_ERR, (int)len, "beacon");
		return;
	}
	ppn_hash(table->beacon[table->next_beacon], packet, (size_t)len);
	table->next_beacon = (table->next_beacon + 1) % LAST_BEACONS;
	table->heres = 0;
	inet_pton(AF_INET6, "ff02::1", &all.sin6_addr);
	for (size_t i = 0; i < table->n_links; i++) {
		all.sin6_scope_id = if_nametoindex(table->link[i].name);
		/* a link that is down or gone now may be back at the next tick */
		if (sendto(table->link[i].fd, packet, (size_t)len, MSG_DONTWAIT,
			   (struct sockaddr *)&all, sizeof(all)) < 0)
			ppn_log_errno(LOG_DEBUG, -errno, "beacon on %s", table->link[i].name);
	}
}

static void tick(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	emit(arg);
}

static int open_link(struct ppn_service *service, struct link *link, const char *name)
{
	struct sockaddr_in6 any = { .sin6_family = AF_INET6,
				    .sin6_port = htons(PPN_PORT_DISCOVERY) };
	const int on = 1, off = 0, hops = 255;
	int err;

	link->service = service;
	snprintf(link->name, sizeof(link->name), "%s", name);
	link->fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (link->fd < 0)
		return -errno;
	if (setsockopt(link->fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) < 0 ||
	    setsockopt(link->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
	    setsockopt(link->fd, SOL_SOCKET, SO_BINDTODEVICE, name, (socklen_t)strlen(name)) < 0 ||
	    setsockopt(link->fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, &hops, sizeof(hops)) < 0 ||
	    setsockopt(link->fd, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, &off, sizeof(off)) < 0 ||
	    bind(link->fd, (struct sockaddr *)&any, sizeof(any)) < 0) {
		err = -errno;
		close(link->fd);
		return err;
	}
	link->readable = event_new(service->base, link->fd, EV_READ | EV_PERSIST, readable, link);
	if (!link->readable || event_add(link->readable, NULL) < 0)
		return -ENOMEM;
	return 0;
}

int ppn_seen_start(struct ppn_service *service)
{
	const struct timeval period = { PPN_BEACON_PERIOD_MS / 1000,
					PPN_BEACON_PERIOD_MS % 1000 * 1000 };
	struct ppn_seen_table *table = calloc(1, sizeof(*table));
	int err;

	if (!table)
		return -ENOMEM;
	service->seen = table;
	for (size_t i = 0; i < service->config.n_links; i++) {
		err = open_link(service, &table->link[table->n_links], service->config.links[i]);
		if (err < 0)
			return ppn_log_errno(LOG_ERR, err, "beacon on %s",
					     service->config.links[i]);
		table->n_links++;
	}
	table->tick = event_new(service->base, -1, EV_PERSIST, tick, service);
	if (!table->tick || event_add(table->tick, &period) < 0)
		return -ENOMEM;
	emit(service);
	return 0;
}

void ppn_seen_stop(struct ppn_service *service)
{
	struct ppn_seen_table *table = service->seen;

	if (!table)
		return;
	for (size_t i = 0; i < table->n_links; i++) {
		if (table->link[i].readable)
			event_free(table->link[i].readable);
		close(table->link[i].fd);
	}
	if (table->tick)
		event_free(table->tick);
	free(table->seen);
	free(table);
	service->seen = NULL;
}
