// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Counters for Prometheus, in its text format 0.0.4, on a unix socket, loopback or ppn0; off unless the
 * configuration says where. Whoever connects gets the page for one line that begins with GET; what else
 * it sends is not read. Nothing here changes anything.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <ppn/reasons.h>
#include "host/ctl.h"
#include "host/log.h"
#include "node/ppnd.h"

enum { READERS_MAX = 8, REQUEST_MAX = 4096, PATIENCE_S = 5, BACKLOG = 8 };

struct reader {
	LIST_ENTRY(reader) next;
	struct ppnd *ppnd;
	struct bufferevent *bev;
	bool answered;
};

struct ppnd_metrics {
	struct evconnlistener *listener[PPND_METRICS_MAX];
	bool has_path; /* the unix socket's is ours */
	uint8_t address[16]; /* of the one on ppn0 */
	LIST_HEAD(, reader) readers;
	unsigned int n;
};

static const char *const reason_text[_PPN_REASON_MAX] = {
#define X(name, verdict, text, help) text,
	PPN_REASONS(X)
#undef X
};

/* ---- the page ---- */

/* A label's value: backslash, quote and line feed escaped, as the format wants it. */
static void put_label(struct evbuffer *out, const char *value)
{
	for (; *value; value++) {
		if (*value == '\\' || *value == '"')
			(void)evbuffer_add(out, "\\", 1);
		(void)evbuffer_add(out, *value == '\n' ? "n" : value, 1);
	}
}

static void put_head(struct evbuffer *out, const char *name, const char *type, const char *help)
{
	(void)evbuffer_add_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void put_state(struct evbuffer *out, const struct ppnd *ppnd)
{
	put_head(out, "ppn_state", "gauge", "1 for the state that this node is in");
	for (int state = 0; state < _PPN_STATE_MAX; state++)
		(void)evbuffer_add_printf(out, "ppn_state{state=\"%s\"} %d\n",
					  ppn_state_text((enum ppn_state)state),
					  (int)ppnd->genesis.state == state);
}

static void put_modes(struct evbuffer *out, struct ppnd *ppnd)
{
	static const char *const hold_text[_PPN_HOLD_MAX] = {
#define X(name, text) text,
		PPN_HOLDS(X)
#undef X
	};

	put_head(out, "ppn_seal_enforces", "gauge", "0 while the seal observes");
	(void)evbuffer_add_printf(out, "ppn_seal_enforces %d\n",
				  ppnd->trial.on || !ppnd_seal_observes(ppnd));
	put_head(out, "ppn_seal_mode", "gauge", "1 for what holds an external interface");
	for (size_t i = 0; i < ppnd->seal.n; i++)
		for (int hold = 0; hold < _PPN_HOLD_MAX; hold++) {
			(void)evbuffer_add_printf(out, "ppn_seal_mode{ifname=\"");
			put_label(out, ppnd->seal.interface[i].name);
			(void)evbuffer_add_printf(out, "\",mode=\"%s\"} %d\n", hold_text[hold],
						  (int)ppnd->seal.interface[i].hold == hold);
		}
}

static void put_counts(struct evbuffer *out, const char *metric, const char *ifname,
		       const char *direction, const struct ppn_count counts[_PPN_REASON_MAX],
		       bool bytes)
{
	for (int reason = 0; reason < _PPN_REASON_MAX; reason++) {
		if (!counts[reason].packets)
			continue;
		(void)evbuffer_add_printf(out, "%s{ifname=\"", metric);
		put_label(out, ifname);
		(void)evbuffer_add_printf(out, "\",direction=\"%s\",reason=\"%s\"} %llu\n",
					  direction, reason_text[reason],
					  (unsigned long long)(bytes ? counts[reason].bytes :
								       counts[reason].packets));
	}
}

/* Interfaces without a slot of their own count together, in slot 0; ppn0 has a map of its own. */
static void put_seal(struct evbuffer *out, struct ppnd *ppnd, bool bytes)
{
	const char *metric = bytes ? "ppn_seal_bytes_total" : "ppn_seal_packets_total";
	struct ppn_count counts[_PPN_REASON_MAX];
	bool shared = false;

	put_head(out, metric, "counter", "by the reason that decided, see include/ppn/reasons.h");
	for (size_t i = 0; i < ppnd->seal.n; i++) {
		const struct ppnd_interface *interface = &ppnd->seal.interface[i];
		const char *name = interface->slot ? interface->name : "others";

		if (!interface->slot && shared)
			continue;
		shared |= !interface->slot;
		if (!ppn_datapath_counters_slot(ppnd->dp, PPN_COUNT_SEAL, interface->slot, counts))
			put_counts(out, metric, name, "in", counts, bytes);
		if (!ppn_datapath_counters_slot(ppnd->dp, PPN_COUNT_EGRESS, interface->slot,
						counts))
			put_counts(out, metric, name, "out", counts, bytes);
	}
	if (!ppn_datapath_counters(ppnd->dp, PPN_COUNT_FRAME, counts))
		put_counts(out, metric, ppnd->config.mesh_device, "both", counts, bytes);
}

static void put_backstop(struct evbuffer *out, struct ppnd *ppnd)
{
	json_t *backstop = ppnd_backstop_json(ppnd), *value;
	const char *counter;

	put_head(out, "ppn_backstop_packets_total", "counter", "what nftables dropped");
	json_object_foreach(json_object_get(backstop, "dropped"), counter, value)
		(void)evbuffer_add_printf(out, "ppn_backstop_packets_total{counter=\"%s\"} %lld\n",
					  counter, (long long)json_integer_value(value));
	json_decref(backstop);
}

static void put_number(struct evbuffer *out, const char *name, const char *type, const char *help,
		       uint64_t value)
{
	put_head(out, name, type, help);
	(void)evbuffer_add_printf(out, "%s %llu\n", name, (unsigned long long)value);
}

static void put_page(struct evbuffer *out, struct ppnd *ppnd)
{
	put_state(out, ppnd);
	put_modes(out, ppnd);
	put_seal(out, ppnd, false);
	put_seal(out, ppnd, true);
	put_backstop(out, ppnd);
	put_number(out, "ppn_flows", "gauge", "flows of the egress list", ppnd->egress.flows);
	put_number(out, "ppn_flows_max", "gauge", "how many there can be", PPN_MAP_FLOWS);
	put_number(out, "ppn_peers", "gauge", "other members of the fleet", ppnd->mesh.n_peers);
	put_number(out, "ppn_ledger_entries", "counter", "entries of this node's ledger",
		   ppnd->state.ledger.head.size);
	put_head(out, "ppn_build_info", "gauge", "the version that runs");
	(void)evbuffer_add_printf(out, "ppn_build_info{version=\"%s\"} 1\n", PPN_VERSION);
}

/* ---- whoever asks ---- */

static void drop_reader(struct reader *reader)
{
	LIST_REMOVE(reader, next);
	reader->ppnd->metrics->n--;
	bufferevent_free(reader->bev);
	free(reader);
}

static void on_written(struct bufferevent *bev, void *arg)
{
	struct reader *reader = arg;

	(void)bev;
	if (reader->answered)
		drop_reader(reader);
}

static void answer(struct reader *reader, bool found)
{
	struct evbuffer *out = bufferevent_get_output(reader->bev);

	reader->answered = true;
	(void)evbuffer_add_printf(out,
				  "HTTP/1.0 %s\r\nContent-Type: text/plain; version=0.0.4\r\n"
				  "Connection: close\r\n\r\n",
				  found ? "200 OK" : "404 Not Found");
	if (found)
		put_page(out, reader->ppnd);
	(void)bufferevent_disable(reader->bev, EV_READ);
}

/* The first line says it all; the rest of the head is waited for, so that a reset does not eat the answer. */
static void on_read(struct bufferevent *bev, void *arg)
{
	struct evbuffer *in = bufferevent_get_input(bev);
	char line[64] = "";
	struct reader *reader = arg;

	if (evbuffer_search(in, "\r\n\r\n", 4, NULL).pos < 0) {
		if (evbuffer_get_length(in) >= REQUEST_MAX)
			drop_reader(reader);
		return;
	}
	(void)evbuffer_copyout(in, line, sizeof(line) - 1);
	answer(reader, !strncmp(line, "GET /metrics ", 13) || !strncmp(line, "GET / ", 6));
}

/* Gone, failed, or too slow. */
static void on_event(struct bufferevent *bev, short what, void *arg)
{
	(void)bev;
	(void)what;
	drop_reader(arg);
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *who,
		      int len, void *arg)
{
	const struct timeval patience = { .tv_sec = PATIENCE_S };
	struct ppnd *ppnd = arg;
	struct reader *reader = ppnd->metrics->n < READERS_MAX ? calloc(1, sizeof(*reader)) : NULL;

	(void)listener;
	(void)who;
	(void)len;
	if (reader)
		reader->bev = bufferevent_socket_new(ppnd->base, fd, BEV_OPT_CLOSE_ON_FREE);
	if (!reader || !reader->bev) {
		free(reader);
		close(fd);
		return;
	}
	reader->ppnd = ppnd;
	LIST_INSERT_HEAD(&ppnd->metrics->readers, reader, next);
	ppnd->metrics->n++;
	bufferevent_setcb(reader->bev, on_read, on_written, on_event, reader);
	bufferevent_setwatermark(reader->bev, EV_READ, 0, REQUEST_MAX);
	(void)bufferevent_set_timeouts(reader->bev, &patience, &patience);
	(void)bufferevent_enable(reader->bev, EV_READ | EV_WRITE);
}

/* ---- where ---- */

union where {
	struct sockaddr any;
	struct sockaddr_un local;
	struct sockaddr_in6 v6;
	struct sockaddr_in v4;
};

static socklen_t fill_where(const struct ppnd *ppnd, const struct ppnd_metrics_at *at,
			    union where *ret)
{
	memset(ret, 0, sizeof(*ret));
	switch (at->kind) {
	case PPND_METRICS_UNIX:
		ret->local.sun_family = AF_UNIX;
		(void)snprintf(ret->local.sun_path, sizeof(ret->local.sun_path), "%s/metrics.sock",
			       ppnd->run_dir);
		return sizeof(ret->local);
	case PPND_METRICS_V4:
		ret->v4.sin_family = AF_INET;
		ret->v4.sin_port = htons(at->port);
		ret->v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		return sizeof(ret->v4);
	default:
		ret->v6.sin6_family = AF_INET6;
		ret->v6.sin6_port = htons(at->port);
		ret->v6.sin6_addr = in6addr_loopback;
		if (at->kind == PPND_METRICS_MESH)
			memcpy(&ret->v6.sin6_addr, ppnd->mesh.address, 16);
		return sizeof(ret->v6);
	}
}

/* The mesh address may come to ppn0 later than this. */
static int open_socket(const struct ppnd *ppnd, const struct ppnd_metrics_at *at)
{
	const int yes = 1;
	union where where;
	socklen_t len = fill_where(ppnd, at, &where);
	int fd = socket(where.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), err;

	if (fd < 0)
		return -errno;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (at->kind == PPND_METRICS_MESH)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_FREEBIND, &yes, sizeof(yes));
	/* A path that is there is of a ppnd that was killed: the control socket is ours. */
	if (at->kind == PPND_METRICS_UNIX) {
		(void)unlink(where.local.sun_path);
		err = ppn_ctl_bind(fd, &where.local, "ppn");
	} else {
		err = bind(fd, &where.any, len) < 0 ? -errno : 0;
	}
	if (err) {
		close(fd);
		return err;
	}
	return fd;
}

static void listen_at(struct ppnd *ppnd, size_t i)
{
	const struct ppnd_metrics_at *at = &ppnd->config.metrics[i];
	struct ppnd_metrics *metrics = ppnd->metrics;
	int fd = open_socket(ppnd, at);

	if (fd >= 0)
		metrics->listener[i] = evconnlistener_new(
			ppnd->base, on_accept, ppnd, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC,
			BACKLOG, fd);
	if (fd >= 0 && !metrics->listener[i]) {
		close(fd);
		fd = -ENOMEM;
	}
	metrics->has_path |= fd >= 0 && at->kind == PPND_METRICS_UNIX;
	if (fd < 0)
		(void)ppn_log_errno(LOG_ERR, fd, "metrics: listening (port %u)", at->port);
}

void ppnd_metrics_start(struct ppnd *ppnd)
{
	if (!ppnd->config.n_metrics)
		return;
	ppnd->metrics = calloc(1, sizeof(*ppnd->metrics));
	if (!ppnd->metrics) {
		ppn_log(LOG_ERR, "metrics: no memory");
		return;
	}
	LIST_INIT(&ppnd->metrics->readers);
	for (size_t i = 0; i < ppnd->config.n_metrics; i++)
		if (ppnd->config.metrics[i].kind != PPND_METRICS_MESH)
			listen_at(ppnd, i);
	ppnd_metrics_address(ppnd);
}

void ppnd_metrics_address(struct ppnd *ppnd)
{
	struct ppnd_metrics *metrics = ppnd->metrics;

	if (!metrics || !ppnd->mesh.wanted ||
	    memcmp(metrics->address, ppnd->mesh.address, sizeof(metrics->address)) == 0)
		return;
	memcpy(metrics->address, ppnd->mesh.address, sizeof(metrics->address));
	for (size_t i = 0; i < ppnd->config.n_metrics; i++) {
		if (ppnd->config.metrics[i].kind != PPND_METRICS_MESH)
			continue;
		if (metrics->listener[i])
			evconnlistener_free(metrics->listener[i]);
		metrics->listener[i] = NULL;
		listen_at(ppnd, i);
	}
}

/* The control socket ends later than this: no other ppnd has bound anything in this folder yet. */
static void remove_path(const struct ppnd *ppnd)
{
	const struct ppnd_metrics_at at = { .kind = PPND_METRICS_UNIX };
	union where where;

	(void)fill_where(ppnd, &at, &where);
	(void)unlink(where.local.sun_path);
}

void ppnd_metrics_stop(struct ppnd *ppnd)
{
	struct ppnd_metrics *metrics = ppnd->metrics;

	if (!metrics)
		return;
	while (!LIST_EMPTY(&metrics->readers))
		drop_reader(LIST_FIRST(&metrics->readers));
	if (metrics->has_path)
		remove_path(ppnd);
	for (size_t i = 0; i < PPND_METRICS_MAX; i++)
		if (metrics->listener[i])
			evconnlistener_free(metrics->listener[i]);
	free(metrics);
	ppnd->metrics = NULL;
}
