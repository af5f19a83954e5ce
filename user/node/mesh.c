// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * ppn0: alone under the node's own prefix, or joined to its fleet. Each step looks at what is there and
 * changes only what differs, so a restart adopts a running mesh without touching it, and a retry is the same call.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/cleanup.h"
#include "host/log.h"
#include "node/ppnd.h"

enum {
	MESH_MTU = 1280,
	KEEPALIVE_S = 25, /* below the shortest UDP timeout of common NATs, 30 s */
	RETRY_S = 5,
};

/* ---- peers ---- */

static bool is_link_local(const uint8_t addr[static 16])
{
	return addr[0] == 0xfe && (addr[1] & 0xc0) == 0x80;
}

static bool reachable_from_afar(const struct ppn_member *member)
{
	for (size_t i = 0; i < member->n_endpoints; i++)
		if (!is_link_local(member->endpoint[i].addr))
			return true;
	return false;
}

/* The first one usable from here; a link-local one is on the first external interface. */
static bool choose_endpoint(const struct ppnd *ppnd, const struct ppn_member *member,
			    struct sockaddr_in6 *ret_to)
{
	for (size_t i = 0; i < member->n_endpoints; i++) {
		const struct ppn_endpoint *endpoint = &member->endpoint[i];
		uint32_t scope = 0;

		if (is_link_local(endpoint->addr)) {
			if (!ppnd->seal.n)
				continue;
			scope = ppnd->seal.interface[0].ifindex;
		}
		*ret_to = (struct sockaddr_in6){
			.sin6_family = AF_INET6,
			.sin6_port = endpoint->port,
			.sin6_scope_id = scope,
		};
		memcpy(&ret_to->sin6_addr, endpoint->addr, sizeof(endpoint->addr));
		return true;
	}
	return false;
}

static void fill_peer(const struct ppnd *ppnd, const struct ppn_member *member, bool keepalive,
		      struct ppn_wg_peer *ret_peer)
{
	uint8_t address[16];

	memcpy(ret_peer->key, member->wg_key, sizeof(ret_peer->key));
	if (choose_endpoint(ppnd, member, &ret_peer->endpoint) && keepalive)
		ret_peer->keepalive_s = KEEPALIVE_S;
	ppn_mesh_address(address, ppnd->state.fleet, member->identity, 0);
	memcpy(ret_peer->allowed[0].addr, address, sizeof(address));
	ret_peer->allowed[0].len = 112;
	ret_peer->n_allowed = 1;
}

/*
 * Until a roster names this node no member has its key, and a handshake that it starts is lost. Worse, it
 * may cross the one that the seat starts when it has the claim's answer: two at once end each other, and
 * WireGuard tries again after five seconds. So a node that was claimed a moment ago waits to be called.
 */
bool ppnd_mesh_known(const struct ppnd *ppnd)
{
	return ppnd->state.has_roster &&
	       ppn_roster_identity(&ppnd->state.roster, ppnd->state.identity.key);
}

/* A seat whose certificate is revoked is no peer, whatever the roster says; a node that it ran on stays one. */
static bool is_peer(const struct ppnd *ppnd, const struct ppn_member *member)
{
	return (member->flags & PPN_MEMBER_NODE) ||
	       !ppn_trust_revoked(&ppnd->state.trust.now, member->serial);
}

static int set_peers(struct ppnd *ppnd)
{
	const struct ppn_roster *roster = &ppnd->state.roster;
	size_t max = ppnd->mesh.joined && ppnd->state.has_roster ? roster->n_members : 0, n = 0,
	       changed = 0;
	_cleanup_free_ struct ppn_wg_peer *peers = calloc(max + 1, sizeof(*peers));
	const struct ppn_member *self;
	bool keepalive;
	int err;

	if (!peers)
		return -ENOMEM;
	self = max ? ppn_roster_identity(roster, ppnd->state.identity.key) : NULL;
	keepalive = self && !reachable_from_afar(self);
	for (size_t i = 0; i < max; i++)
		if (&roster->members[i] != self && is_peer(ppnd, &roster->members[i]))
			fill_peer(ppnd, &roster->members[i], keepalive, &peers[n++]);
	err = ppn_wg_peers(ppnd->mesh.wg, peers, n, &changed);
	if (err)
		return err;
	ppnd->mesh.n_peers = n;
	if (changed)
		ppn_log(LOG_INFO, "%s: %zu peers, %zu changed", ppnd->config.mesh_device, n,
			changed);
	return 0;
}

/* ---- the device, step by step ---- */

static int open_device(struct ppnd *ppnd)
{
	int err;

	if (ppnd->mesh.wg)
		return 0;
	err = ppn_wg_open(&ppnd->mesh.wg, ppnd->config.mesh_device, ppnd->config.backend);
	if (!err)
		ppn_log(LOG_INFO, "%s is here (%s)", ppnd->config.mesh_device,
			ppn_wg_backend(ppnd->mesh.wg) == PPN_WG_KERNEL ? "kernel" : "userspace");
	return err;
}

/* wireguard-go says it when the port is set, the kernel when the device goes up. */
static int say_port(struct ppnd *ppnd, int err)
{
	if (err == -EADDRINUSE)
		snprintf(
			ppnd->mesh.why, sizeof(ppnd->mesh.why),
			"another program has UDP port %u (`ss -ulnp`; wireguard_port in ppnd.conf)",
			ppnd->config.wireguard_port);
	return err;
}

static int set_self(struct ppnd *ppnd)
{
	return say_port(ppnd, ppn_wg_self(ppnd->mesh.wg, ppnd->state.identity.wg_secret,
					  ppnd->config.wireguard_port));
}

static int attach_program(struct ppnd *ppnd)
{
	/* Without BPF it is the backstop's, if that is there. */
	if (ppn_datapath_refused(ppnd->dp) && ppnd_backstop_holds(ppnd))
		return 0;
	return ppn_datapath_mesh(ppnd->dp, ppn_wg_ifindex(ppnd->mesh.wg), ppnd->mesh.why);
}

static int tell_backstop(struct ppnd *ppnd)
{
	ppnd_backstop_look(ppnd, true);
	return 0;
}

static int set_mtu(struct ppnd *ppnd)
{
	return ppn_link_mtu(ppnd->link, ppn_wg_ifindex(ppnd->mesh.wg), MESH_MTU);
}

static int set_address(struct ppnd *ppnd)
{
	return ppn_link_address(ppnd->link, ppn_wg_ifindex(ppnd->mesh.wg), ppnd->mesh.address, 128);
}

static int set_up(struct ppnd *ppnd)
{
	return say_port(ppnd, ppn_link_up(ppnd->link, ppn_wg_ifindex(ppnd->mesh.wg), true));
}

static int set_routes(struct ppnd *ppnd)
{
	return ppn_link_fleet(ppnd->link, ppn_wg_ifindex(ppnd->mesh.wg), ppnd->mesh.prefix);
}

static const struct step {
	const char *what;
	int (*run)(struct ppnd *ppnd);
} steps[] = {
	{ "making the device", open_device },
	{ "its key and port", set_self },
	{ "its frame program", attach_program },
	{ "its backstop", tell_backstop },
	{ "its peers", set_peers },
	{ "its MTU", set_mtu },
	{ "its address", set_address },
	{ "taking it up", set_up },
	{ "its routes", set_routes },
};

static void again(evutil_socket_t fd, short what, void *arg);

static void again_after(struct ppnd *ppnd, time_t seconds)
{
	const struct timeval after = { .tv_sec = seconds };

	if (!ppnd->mesh.retry)
		ppnd->mesh.retry = evtimer_new(ppnd->base, again, ppnd);
	if (!ppnd->mesh.retry || evtimer_add(ppnd->mesh.retry, &after) < 0)
		ppn_log(LOG_ERR, "%s: no timer, it is not tried again", ppnd->config.mesh_device);
}

/* Until a device holds it, the fleet prefix goes nowhere, least of all onto the wire. */
static void shut_routes(struct ppnd *ppnd)
{
	int err = ppn_link_fleet(ppnd->link, 0, ppnd->mesh.prefix);

	if (err && err != -ENETDOWN)
		ppn_log_errno(LOG_ERR, err, "the rule that keeps the fleet prefix off the wire");
}

static void failed(struct ppnd *ppnd, const char *what, int err)
{
	struct ppnd_mesh *mesh = &ppnd->mesh;
	char words[PPN_WHY_LEN];

	snprintf(words, sizeof(words), "%.24s: %.100s", what,
		 mesh->why[0] ? mesh->why : strerror(-err));
	if (mesh->up || strcmp(words, mesh->shown) != 0)
		ppn_log(LOG_ERR, "%s is not up: %s", ppnd->config.mesh_device, words);
	snprintf(mesh->shown, sizeof(mesh->shown), "%s", words);
	mesh->up = false;
	/* A device that is gone, or whose process is, is opened anew. */
	if (err == -ENODEV || err == -ECONNREFUSED || err == -ENOENT || err == -EPIPE)
		ppn_wg_close(&mesh->wg);
	shut_routes(ppnd);
	again_after(ppnd, RETRY_S);
}

static void apply(struct ppnd *ppnd)
{
	struct ppnd_mesh *mesh = &ppnd->mesh;
	const uint8_t *fleet = ppnd_state_mesh_fleet(&ppnd->state);

	ppn_fleet_prefix(mesh->prefix, fleet);
	ppn_mesh_address(mesh->address, fleet, ppnd->state.identity.key, 1);
	ppnd_metrics_address(ppnd);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		int err;

		mesh->why[0] = '\0';
		err = steps[i].run(ppnd);
		if (err) {
			failed(ppnd, steps[i].what, err);
			return;
		}
		if (mesh->why[0])
			ppn_log(LOG_DEBUG, "%s: %s", ppnd->config.mesh_device, mesh->why);
	}
	if (mesh->retry)
		(void)evtimer_del(mesh->retry);
	if (!mesh->up)
		ppn_log(LOG_INFO, "%s is up, %s", ppnd->config.mesh_device,
			mesh->joined ? "in its fleet" : "a private network of one");
	mesh->shown[0] = mesh->why[0] = '\0';
	mesh->up = true;
}

static void again(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	ppnd_mesh_again(arg);
}

void ppnd_mesh_again(struct ppnd *ppnd)
{
	if (!ppnd->mesh.wanted)
		return;
	apply(ppnd);
	ppnd->changed(ppnd);
}

void ppnd_mesh_soon(struct ppnd *ppnd)
{
	if (ppnd->mesh.wanted)
		again_after(ppnd, 0);
}

void ppnd_mesh_alone(struct ppnd *ppnd)
{
	ppnd->mesh.wanted = true;
	ppnd->mesh.joined = false;
	apply(ppnd);
}

void ppnd_mesh_join(struct ppnd *ppnd)
{
	ppnd->mesh.wanted = true;
	ppnd->mesh.joined = true;
	apply(ppnd);
}

void ppnd_mesh_peers(struct ppnd *ppnd)
{
	int err = ppnd->mesh.up ? set_peers(ppnd) : 0;

	if (err)
		failed(ppnd, "its peers", err);
}

void ppnd_mesh_off(struct ppnd *ppnd)
{
	int err = ppnd->mesh.wg ? ppn_wg_delete(&ppnd->mesh.wg) : 0;

	if (!err)
		err = ppn_link_fleet_gone(ppnd->link);
	if (err)
		ppn_log_errno(LOG_ERR, err, "taking %s away", ppnd->config.mesh_device);
	ppnd->mesh.wanted = ppnd->mesh.up = false;
}

void ppnd_mesh_stop(struct ppnd *ppnd)
{
	if (ppnd->mesh.retry)
		event_free(ppnd->mesh.retry);
	ppnd->mesh.retry = NULL;
	if (ppnd->mesh.wg)
		ppn_wg_close(&ppnd->mesh.wg);
}
