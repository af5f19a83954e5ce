// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * One fixed datagram to each seat, under its own key, every PERIOD_S and, once a roster names this node, on
 * every change (PROTOCOL 5).
 */
#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host/cleanup.h"
#include "host/log.h"
#include "lib/crypto.h"
#include "node/ppnd.h"

#define PERIOD_S 10
#define BOOT_ID "/proc/sys/kernel/random/boot_id"
#define UUID_TEXT 36

struct ppnd_telemetry {
	int fd; /* bound to `address`; -1: not yet */
	uint8_t address[16];
	uint8_t boot_id[16];
	uint32_t n;
	struct event *timer;
};

static void read_boot_id(uint8_t ret_id[static 16])
{
	_cleanup_close_ int fd = open(BOOT_ID, O_RDONLY | O_CLOEXEC);
	char text[UUID_TEXT + 1] = "", hex[33];
	size_t n = 0;

	memset(ret_id, 0, 16);
	if (fd < 0 || read(fd, text, UUID_TEXT) != UUID_TEXT)
		return;
	for (size_t i = 0; i < UUID_TEXT && n < sizeof(hex) - 1; i++)
		if (text[i] != '-')
			hex[n++] = text[i];
	hex[n] = '\0';
	if (ppn_unhex(ret_id, 16, hex) < 0)
		memset(ret_id, 0, 16);
}

/* The own mesh address changes at a claim: the socket goes with it. */
static int bind_own(struct ppnd *ppnd, struct ppnd_telemetry *telemetry)
{
	/* any port: on this machine a seat may hold the telemetry port of the same address */
	struct sockaddr_in6 own = { .sin6_family = AF_INET6 };
	_cleanup_close_ int fd = -1;
	const int on = 1;

	if (telemetry->fd >= 0 && memcmp(telemetry->address, ppnd->mesh.address, 16) == 0)
		return 0;
	fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	memcpy(&own.sin6_addr, ppnd->mesh.address, 16);
	if (fd < 0 || setsockopt(fd, IPPROTO_IPV6, IPV6_FREEBIND, &on, sizeof(on)) < 0)
		return -errno;
	if (bind(fd, (struct sockaddr *)&own, sizeof(own)) < 0)
		return -errno;
	if (telemetry->fd >= 0)
		close(telemetry->fd);
	telemetry->fd = TAKE_FD(fd);
	memcpy(telemetry->address, ppnd->mesh.address, 16);
	return 0;
}

/* ---- the datagram ---- */

static void put_roster(const struct ppnd *ppnd, struct ppn_telemetry *t)
{
	const struct ppn_roster_version *version = &ppnd->state.roster.version;

	if (!ppnd->state.has_roster)
		return;
	t->epoch = htobe64(version->epoch);
	t->generation = htobe32(version->generation);
	t->list_number = htobe32(version->list_number);
	memcpy(t->roster, version->hash, sizeof(t->roster));
}

static void put_slot(struct ppnd *ppnd, uint32_t number, struct ppn_telemetry *t)
{
	const struct ppnd_slot *slot = &ppnd->slot[number];
	struct ppn_command command;
	uint32_t top = slot->floor;

	if (ppn_datapath_command(ppnd->dp, &command) == 0 &&
	    command.window[number].generation == slot->generation &&
	    command.window[number].top > top)
		top = command.window[number].top;
	t->seq_next = htobe32(top + 1);
	t->seq_limit = htobe32(slot->reserved);
	memcpy(t->results, slot->results, sizeof(t->results));
}

static uint64_t sum(const struct ppn_count counts[static _PPN_REASON_MAX], enum ppn_reason first,
		    enum ppn_reason last)
{
	uint64_t packets = 0;

	for (int i = first; i <= (int)last; i++)
		packets += counts[i].packets;
	return packets;
}

static void put_counters(struct ppnd *ppnd, struct ppn_telemetry *t)
{
	static const uint8_t passes[_PPN_REASON_MAX] = {
#define X(name, verdict, text, help) PPN_VERDICT_##verdict,
		PPN_REASONS(X)
#undef X
	};
	struct ppn_count counts[_PPN_REASON_MAX];
	uint64_t dropped = 0, passed = 0;

	if (ppn_datapath_counters(ppnd->dp, PPN_COUNT_SEAL, counts) == 0)
		for (int i = 0; i < _PPN_REASON_MAX; i++)
			*(passes[i] == PPN_VERDICT_PASS ? &passed : &dropped) += counts[i].packets;
	t->seal_dropped = htobe64(dropped);
	t->seal_passed = htobe64(passed);
	if (ppn_datapath_counters(ppnd->dp, PPN_COUNT_FRAME, counts) == 0) {
		t->frames_acted =
			htobe64(sum(counts, PPN_REASON_FRAME_ACTED, PPN_REASON_FRAME_TAKEN));
		t->frames_refused =
			htobe64(sum(counts, PPN_REASON_FRAME_TAG, PPN_REASON_FRAME_STALE) +
				counts[PPN_REASON_FRAME_UNKNOWN].packets);
	}
}

static uint16_t flags(const struct ppnd *ppnd)
{
	uint16_t bits = 0;

	if (ppnd_seal_observes(ppnd))
		bits |= PPN_TELEMETRY_OBSERVE;
	if (ppnd->mesh.wg && ppn_wg_backend(ppnd->mesh.wg) == PPN_WG_USERSPACE)
		bits |= PPN_TELEMETRY_WG_USERSPACE;
	if (!ppnd->seal.n || ppnd_seal_degraded(ppnd))
		bits |= PPN_TELEMETRY_SEAL_DEGRADED;
	return bits;
}

/* MAJOR.MINOR.PATCH and whatever follows, of `git describe`; 0 where there is no such number. */
static uint32_t version_number(void)
{
	const char *at = PPN_VERSION;
	unsigned long part[3] = { 0 };
	char *end;

	at += *at == 'v';
	for (size_t i = 0; i < 3; i++, at = end + 1) {
		part[i] = strtoul(at, &end, 10);
		if (*end != '.')
			break;
	}
	return (uint32_t)((part[0] & 0xffff) << 16 | (part[1] & 0xff) << 8 | (part[2] & 0xff));
}

static void fill(struct ppnd *ppnd, struct ppn_telemetry *t)
{
	memset(t, 0, sizeof(*t));
	t->boots = htobe32(ppnd->state.boots);
	t->n = htobe32(++ppnd->telemetry->n);
	t->number = htobe32(ppnd->state.bound.claim.number);
	t->state = (uint8_t)ppnd->genesis.state;
	t->posture = (uint8_t)ppnd->config.posture;
	t->flags = htobe16(flags(ppnd));
	t->seal_mode = (uint8_t)ppnd_seal_weakest(ppnd);
	put_roster(ppnd, t);
	t->ledger_size = htobe64(ppnd->state.ledger.head.size);
	memcpy(t->ledger_hash, ppnd->state.ledger.head.hash, sizeof(t->ledger_hash));
	memcpy(t->boot_id, ppnd->telemetry->boot_id, sizeof(t->boot_id));
	t->clock_ms = htobe64(ppnd_now_ms());
	t->version = htobe32(version_number());
	put_counters(ppnd, t);
}

static void tell_seats(struct ppnd *ppnd)
{
	struct ppnd_telemetry *telemetry = ppnd->telemetry;
	struct sockaddr_in6 to = { .sin6_family = AF_INET6,
				   .sin6_port = htons(PPN_PORT_TELEMETRY) };
	struct ppn_telemetry t;
	int err;

	if (!telemetry || !ppnd->state.is_bound)
		return;
	err = bind_own(ppnd, telemetry);
	if (err < 0) {
		ppn_log_errno(LOG_WARNING, err, "telemetry socket");
		return;
	}
	for (uint32_t i = 0; i < PPN_SEATS_MAX; i++) {
		const struct ppnd_slot *slot = &ppnd->slot[i];

		if (!slot->open || ppn_is_zero(slot->address, sizeof(slot->address)))
			continue;
		fill(ppnd, &t);
		put_slot(ppnd, i, &t);
		ppn_telemetry_seal(&t, slot->keys.telemetry);
		memcpy(&to.sin6_addr, slot->address, sizeof(slot->address));
		/* a seat that is away hears the next one */
		if (sendto(telemetry->fd, &t, sizeof(t), MSG_DONTWAIT, (struct sockaddr *)&to,
			   sizeof(to)) < 0)
			ppn_log_errno(LOG_DEBUG, -errno, "telemetry");
	}
}

void ppnd_telemetry_now(struct ppnd *ppnd)
{
	if (ppnd_mesh_known(ppnd))
		tell_seats(ppnd);
}

static void period(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	tell_seats(arg);
}

int ppnd_telemetry_start(struct ppnd *ppnd)
{
	const struct timeval every = { PERIOD_S, 0 };
	struct ppnd_telemetry *telemetry;

	if (ppnd->telemetry) {
		ppnd_telemetry_now(ppnd);
		return 0;
	}
	telemetry = calloc(1, sizeof(*telemetry));
	if (!telemetry)
		return -ENOMEM;
	telemetry->fd = -1;
	read_boot_id(telemetry->boot_id);
	telemetry->timer = event_new(ppnd->base, -1, EV_PERSIST, period, ppnd);
	if (!telemetry->timer || event_add(telemetry->timer, &every) < 0) {
		if (telemetry->timer)
			event_free(telemetry->timer);
		free(telemetry);
		return -ENOMEM;
	}
	ppnd->telemetry = telemetry;
	ppnd_telemetry_now(ppnd);
	return 0;
}

void ppnd_telemetry_stop(struct ppnd *ppnd)
{
	struct ppnd_telemetry *telemetry = ppnd->telemetry;

	if (!telemetry)
		return;
	event_free(telemetry->timer);
	if (telemetry->fd >= 0)
		close(telemetry->fd);
	free(telemetry);
	ppnd->telemetry = NULL;
}
