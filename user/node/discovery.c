// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Beacons in, `here` out (PROTOCOL 3). The kernel has checked head, tag, time and rate; all is checked again. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host/clock.h"
#include "host/log.h"
#include "lib/crypto.h"
#include "node/ppnd.h"

#define ANSWER_EVERY_MS 2000 /* to one certificate */

/* One answer: waiting for its moment while `timer` is set, remembered for ANSWER_EVERY_MS after it. */
struct here {
	struct ppnd *ppnd;
	struct event *timer;
	uint8_t serial[PPN_SERIAL_LEN], box_key[PPN_KEY_LEN], beacon[PPN_HASH_LEN];
	struct sockaddr_in6 to;
	uint64_t at_ms; /* of the beacon it answers */
};

struct ppnd_discovery {
	int fd;
	struct ppnd_discovery_status status;
	struct here last; /* the last verified beacon, not yet answered */
	struct here here[PPND_HERE_MAX];
};

static int open_socket(void)
{
	struct sockaddr_in6 any = { .sin6_family = AF_INET6,
				    .sin6_port = htons(PPN_PORT_DISCOVERY) };
	const int on = 1;
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int err;

	if (fd < 0)
		return -errno;
	/* beside a seat on this machine, which binds the same port to its links */
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
	    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) < 0 ||
	    bind(fd, (struct sockaddr *)&any, sizeof(any)) < 0) {
		err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

int ppnd_discovery_start(struct ppnd *ppnd)
{
	struct ppnd_discovery *discovery = calloc(1, sizeof(*discovery));

	if (!discovery)
		return -ENOMEM;
	discovery->fd = open_socket();
	if (discovery->fd < 0) {
		int err = discovery->fd;

		free(discovery);
		return ppn_log_errno(LOG_ERR, err, "UDP port %d, for answers to beacons",
				     PPN_PORT_DISCOVERY);
	}
	ppnd->discovery = discovery;
	return 0;
}

void ppnd_discovery_stop(struct ppnd *ppnd)
{
	struct ppnd_discovery *discovery = ppnd->discovery;

	if (!discovery)
		return;
	for (size_t i = 0; i < PPND_HERE_MAX; i++)
		if (discovery->here[i].timer)
			event_free(discovery->here[i].timer);
	close(discovery->fd);
	free(discovery);
	ppnd->discovery = NULL;
}

/* ---- beacons in ---- */

static void raise_floor(struct ppnd *ppnd, const struct ppn_beacon *beacon)
{
	int err = ppn_datapath_floor(ppnd->dp, beacon->serial, PPN_PACKET_BEACON, beacon->time_ms);

	if (err < 0)
		ppn_log_errno(LOG_WARNING, err, "beacon floor of certificate %s",
			      beacon->cert.name);
}

static bool on_link(const struct ppn_packet_event *event)
{
	const struct in6_addr *source = (const struct in6_addr *)event->source;

	return event->type == PPN_PACKET_BEACON && event->hop_limit == 255 &&
	       IN6_IS_ADDR_LINKLOCAL(source) && event->len <= sizeof(event->payload);
}

void ppnd_discovery_packet(struct ppnd *ppnd, const struct ppn_packet_event *event)
{
	struct ppnd_discovery *discovery = ppnd->discovery;
	const struct ppn_bytes packet = { event->payload, event->len };
	struct ppn_trust trust = ppnd->state.trust.now;
	struct here *last;
	struct ppn_beacon beacon;
	enum ppn_check check;

	if (!discovery || !ppnd->state.has_pin || !on_link(event))
		return;
	check = ppn_beacon_read(packet, &trust, ppnd_now_ms() / 1000, &beacon);
	if (check != PPN_CHECK_OK) {
		discovery->status.refused++;
		snprintf(discovery->status.last_why, sizeof(discovery->status.last_why), "%s",
			 ppn_check_text(check));
		return;
	}
	raise_floor(ppnd, &beacon);
	if (trust.floor > ppnd->state.trust.now.floor)
		(void)ppnd_state_trust(&ppnd->state,
				       &trust); /* logged there; the beacon counts all the same */
	discovery->status.verified++;
	discovery->status.last_ms = ppnd_now_ms();
	memcpy(discovery->status.authority, beacon.cert.name, sizeof(discovery->status.authority));
	last = &discovery->last;
	last->ppnd = ppnd;
	last->at_ms = ppn_clock_ms(CLOCK_BOOTTIME);
	memcpy(last->serial, beacon.serial, sizeof(last->serial));
	memcpy(last->box_key, beacon.cert.box_key, sizeof(last->box_key));
	ppn_hash(last->beacon, packet.data, packet.len);
	memset(&last->to, 0, sizeof(last->to));
	last->to.sin6_family = AF_INET6;
	last->to.sin6_port = event->source_port;
	last->to.sin6_scope_id = event->ifindex;
	memcpy(&last->to.sin6_addr, event->source, sizeof(last->to.sin6_addr));
	(void)ppnd->happen(ppnd, PPN_EVENT_BEACON,
			   NULL); /* refused where a beacon is of no interest */
}

/* ---- here out ---- */

static void send_here(evutil_socket_t fd, short what, void *arg)
{
	struct here *here = arg;
	struct ppnd *ppnd = here->ppnd;
	const struct ppnd_state *state = &ppnd->state;
	struct ppn_here body = {
		.state = ppnd->genesis.state,
		.posture = ppnd->config.posture,
		.claim_port = ppnd->config.claim_port,
	};
	uint8_t packet[PPN_HERE_LEN];
	ssize_t len;

	(void)fd;
	(void)what;
	event_free(here->timer);
	here->timer = NULL;
	memcpy(body.identity, state->identity.key, sizeof(body.identity));
	memcpy(body.beacon, here->beacon, sizeof(body.beacon));
	if (state->has_invite) {
		memcpy(body.batch, state->invite.batch, sizeof(body.batch));
		ppn_enrol_proof(body.proof, state->invite.enrolment_key, body.identity,
				here->beacon);
	}
	len = ppn_here_write(packet, sizeof(packet), &body, state->fleet, state->identity.sign_seed,
			     here->box_key);
	if (len < 0 || sendto(ppnd->discovery->fd, packet, (size_t)len, MSG_DONTWAIT,
			      (struct sockaddr *)&here->to, sizeof(here->to)) < 0)
		ppn_log_errno(LOG_WARNING, len < 0 ? (int)len : -errno, "answer to a beacon");
	else
		ppnd->discovery->status.answered++;
}

/* A place for this certificate's answer; NULL: it had one less than ANSWER_EVERY_MS ago, or all are taken. */
static struct here *place(struct ppnd_discovery *discovery, const struct here *last)
{
	struct here *free_one = NULL;

	for (size_t i = 0; i < PPND_HERE_MAX; i++) {
		struct here *here = &discovery->here[i];
		bool recent = here->at_ms && last->at_ms - here->at_ms < ANSWER_EVERY_MS;

		if (recent && memcmp(here->serial, last->serial, PPN_SERIAL_LEN) == 0)
			return NULL;
		if (!here->timer && !recent && !free_one)
			free_one = here;
	}
	return free_one;
}

void ppnd_discovery_answer(struct ppnd *ppnd)
{
	struct ppnd_discovery *discovery = ppnd->discovery;
	struct timeval delay = { 0 };
	struct here *here;
	uint16_t random;

	if (!discovery || !discovery->last.at_ms)
		return;
	here = place(discovery, &discovery->last);
	if (!here)
		return;
	*here = discovery->last;
	ppn_random(&random, sizeof(random));
	delay.tv_usec = random % (PPN_HERE_DELAY_MS + 1) * 1000;
	here->timer = evtimer_new(ppnd->base, send_here, here);
	if (!here->timer || evtimer_add(here->timer, &delay) < 0) {
		if (here->timer)
			event_free(here->timer);
		memset(here, 0, sizeof(*here));
	}
}

void ppnd_discovery_status(const struct ppnd *ppnd, struct ppnd_discovery_status *ret_status)
{
	if (ppnd->discovery)
		*ret_status = ppnd->discovery->status;
	else
		memset(ret_status, 0, sizeof(*ret_status));
}
