// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The roster to every member, over ppn0, through the claim endpoint's handshake with purpose roster. A node
 * refuses what is not greater than what it holds, so pushing twice does no harm.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "admin/dial.h"
#include "admin/service.h"
#include "host/log.h"
#include "lib/crypto.h"

#define PUSHES 16
#define TRIES 4 /* the first packets of a fresh tunnel may be lost */
#define RETRY_MS 400

struct push;

struct target {
	struct push *push;
	struct ppn_dial *dial;
	struct event *retry;
	uint8_t identity[PPN_KEY_LEN];
	struct sockaddr_in6 address;
	unsigned int tries;
};

struct push {
	struct ppn_service *service;
	void (*done)(void *arg, size_t taken, size_t of);
	void *arg;
	struct target *targets;
	size_t n, next, running, over, taken;
	uint8_t *bundle;
	size_t bundle_len;
};

static void push_more(struct push *push);

static void push_over(struct push *push)
{
	if (push->done)
		push->done(push->arg, push->taken, push->n);
	free(push->targets);
	free(push->bundle);
	free(push);
}

static void target_over(struct target *target, const char *why)
{
	struct push *push = target->push;
	char label[10];

	if (target->dial)
		ppn_dial_end(target->dial);
	if (target->retry)
		event_free(target->retry);
	target->dial = NULL;
	target->retry = NULL;
	if (why)
		ppn_log(LOG_WARNING, "roster to %s: %s", ppn_label(label, target->identity), why);
	else
		push->taken++;
	push->over++;
	push->running--;
	push_more(push);
}

static void proved(void *arg, struct ppn_dial *dial, const struct ppn_node_proof *node,
		   const uint8_t h[static PPN_HASH_LEN])
{
	struct target *target = arg;
	int err;

	(void)h;
	if (memcmp(node->identity, target->identity, PPN_KEY_LEN) != 0) {
		target_over(target, "another node answers at its mesh address");
		return;
	}
	err = ppn_dial_bundle(dial,
			      (struct ppn_bytes){ target->push->bundle, target->push->bundle_len });
	if (err < 0)
		target_over(target, strerror(-err));
}

static void answered(void *arg, struct ppn_dial *dial, enum ppn_answer_code code,
		     struct ppn_bytes rest)
{
	char why[PPN_ANSWER_TEXT_MAX + 1];

	(void)dial;
	snprintf(why, sizeof(why), "%.*s", (int)rest.len, (const char *)rest.data);
	target_over(arg, code == PPN_ANSWER_OK || code == PPN_ANSWER_ALREADY ? NULL : why);
}

static void dial(struct target *target);

static void again(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	dial(arg);
}

static void failed(void *arg, struct ppn_dial *dial_, enum ppn_claim_client_end end,
		   const char *why)
{
	const struct timeval wait = { 0, RETRY_MS * 1000 };
	struct target *target = arg;

	(void)dial_;
	(void)end;
	ppn_dial_end(target->dial);
	target->dial = NULL;
	if (target->tries >= TRIES || evtimer_add(target->retry, &wait) < 0)
		target_over(target, why);
}

static void dial(struct target *target)
{
	const struct ppn_dial_hooks hooks = {
		.proved = proved,
		.answered = answered,
		.failed = failed,
		.arg = target,
	};
	int err;

	target->tries++;
	err = ppn_dial_start(&target->dial, target->push->service, &target->address,
			     PPN_PURPOSE_ROSTER, &hooks);
	if (err < 0)
		target_over(target, strerror(-err));
}

static void push_more(struct push *push)
{
	while (push->running < PUSHES && push->next < push->n) {
		struct target *target = &push->targets[push->next++];

		push->running++;
		target->retry = evtimer_new(push->service->base, again, target);
		if (!target->retry) {
			target_over(target, "out of memory");
			return; /* it has called us again */
		}
		/* from the loop, so that nothing ends before push_more() has */
		event_active(target->retry, EV_TIMEOUT, 1);
	}
	if (push->over == push->n)
		push_over(push);
}

static size_t list_targets(struct ppn_service *service, struct push *push)
{
	const struct ppn_roster *roster = &service->store.roster;

	for (uint32_t i = 0; i < roster->n_members; i++) {
		const struct ppn_member *member = &roster->members[i];
		struct target *target = &push->targets[push->n];

		if (!(member->flags & PPN_MEMBER_NODE))
			continue;
		target->push = push;
		memcpy(target->identity, member->identity, PPN_KEY_LEN);
		target->address.sin6_family = AF_INET6;
		target->address.sin6_port = htons(service->config.claim_port);
		if (service->local &&
		    memcmp(member->identity, service->local_identity, PPN_KEY_LEN) == 0)
			target->address.sin6_addr = (struct in6_addr)IN6ADDR_LOOPBACK_INIT;
		else
			ppn_mesh_address(target->address.sin6_addr.s6_addr,
					 service->store.trust.newest.fleet, member->identity, 1);
		push->n++;
	}
	return push->n;
}

int ppn_push_roster(struct ppn_service *service, void (*done)(void *arg, size_t taken, size_t of),
		    void *arg)
{
	struct push *push = calloc(1, sizeof(*push));

	if (!push)
		return -ENOMEM;
	push->service = service;
	push->done = done;
	push->arg = arg;
	push->bundle_len = service->store.bundle_len;
	push->bundle = malloc(push->bundle_len + 1);
	push->targets = calloc(service->store.roster.n_members + 1, sizeof(*push->targets));
	if (!push->bundle || !push->targets) {
		free(push->bundle);
		free(push->targets);
		free(push);
		return -ENOMEM;
	}
	memcpy(push->bundle, service->store.bundle, push->bundle_len);
	list_targets(service, push);
	push_more(push);
	return 0;
}
