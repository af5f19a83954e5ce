// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The seat on the mesh: a ppn0 of its own, or, where ppnd runs on this machine, none: then ppnd's ppn0 and
 * that node's address are the seat's.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/service.h"
#include "host/cleanup.h"
#include "host/log.h"
#include "kernel/link.h"
#include "kernel/wireguard.h"
#include "lib/crypto.h"

#define MESH_MTU 1280
#define MEMBER_PREFIX 112
#define KEEPALIVE_S 25 /* keeps the seat's own mapping alive, and shakes hands at once */

struct ppn_mesh {
	struct ppn_wg *wg;
	struct ppn_link *link;
};

/* Nothing of the fleet leaves in clear from the first call on: its prefix goes nowhere until a device holds it. */
static int open_device(struct ppn_service *service, struct ppn_mesh *mesh,
		       const uint8_t prefix[static 16])
{
	int err = ppn_link_open(&mesh->link);

	if (err == 0)
		err = ppn_link_fleet(mesh->link, 0, prefix);
	if (err < 0)
		return ppn_log_errno(LOG_ERR, err, "closing the fleet's prefix");
	err = ppn_wg_open(&mesh->wg, service->config.device,
			  (enum ppn_wg_backend)service->config.backend);
	return err < 0 ? ppn_log_errno(LOG_ERR, err, "%s: no WireGuard device",
				       service->config.device) :
			 0;
}

/* Created down, peers set, then up; what taking it up may have cost is set again. */
static int device_up(struct ppn_service *service, struct ppn_mesh *mesh)
{
	uint8_t addr[16], prefix[16];
	uint32_t ifindex;
	int err;

	ppn_fleet_prefix(prefix, service->store.trust.newest.fleet);
	ppn_mesh_seat_address(service, addr);
	err = open_device(service, mesh, prefix);
	if (err < 0)
		return err;
	ifindex = ppn_wg_ifindex(mesh->wg);
	err = ppn_wg_self(mesh->wg, service->store.secret.wg, service->config.wg_port);
	if (err == 0)
		err = ppn_mesh_apply(service);
	if (err == 0)
		err = ppn_link_harden(mesh->link, ifindex, PPN_UNDERLAY_LINK_LOCAL);
	if (err == 0)
		err = ppn_link_mtu(mesh->link, ifindex, MESH_MTU);
	if (err == 0)
		err = ppn_link_address(mesh->link, ifindex, addr, MEMBER_PREFIX);
	if (err == 0)
		err = ppn_link_up(mesh->link, ifindex, true);
	if (err == 0)
		err = ppn_link_address(mesh->link, ifindex, addr, MEMBER_PREFIX);
	if (err == 0)
		err = ppn_link_fleet(mesh->link, ifindex, prefix);
	if (err == -EADDRINUSE)
		ppn_log(LOG_ERR, "%s: another program has UDP port %u (`ss -ulnp`; [mesh] port)",
			service->config.device, service->config.wg_port);
	else if (err < 0)
		ppn_log_errno(LOG_ERR, err, "%s: address and routes", service->config.device);
	return err;
}

int ppn_mesh_start(struct ppn_service *service)
{
	struct ppn_mesh *mesh = calloc(1, sizeof(*mesh));

	if (!mesh)
		return -ENOMEM;
	service->mesh = mesh;
	return service->local ? 0 : device_up(service, mesh);
}

void ppn_mesh_stop(struct ppn_service *service)
{
	struct ppn_mesh *mesh = service->mesh;

	if (!mesh)
		return;
	/* a seat that is gone holds no mesh: the device goes with it, and the fleet's route */
	if (mesh->link)
		ppn_link_fleet_gone(mesh->link);
	if (mesh->wg)
		ppn_wg_delete(&mesh->wg);
	if (mesh->link)
		ppn_link_close(&mesh->link);
	free(mesh);
	service->mesh = NULL;
}

/* Where this seat reaches a member: what its claim used, then what the roster says. */
static void endpoint_of(struct ppn_service *service, const struct ppn_member *member,
			struct sockaddr_in6 *ret)
{
	const struct ppn_pair *pair = ppn_store_pair(&service->store, member->identity);

	memset(ret, 0, sizeof(*ret));
	if (pair && !ppn_is_zero(pair->endpoint, sizeof(pair->endpoint))) {
		ret->sin6_family = AF_INET6;
		ret->sin6_port = htons(service->config.wg_port);
		ret->sin6_scope_id = pair->scope;
		memcpy(&ret->sin6_addr, pair->endpoint, sizeof(ret->sin6_addr));
	} else if (member->n_endpoints) {
		ret->sin6_family = AF_INET6;
		ret->sin6_port = member->endpoint[0].port;
		memcpy(&ret->sin6_addr, member->endpoint[0].addr, sizeof(ret->sin6_addr));
	}
}

int ppn_mesh_apply(struct ppn_service *service)
{
	const struct ppn_roster *roster = &service->store.roster;
	_cleanup_free_ struct ppn_wg_peer *peers = NULL;
	size_t n = 0, changed;
	int err;

	if (!service->mesh || !service->mesh->wg)
		return 0;
	peers = calloc(roster->n_members + 1, sizeof(*peers));
	if (!peers)
		return -ENOMEM;
	for (uint32_t i = 0; i < roster->n_members; i++) {
		const struct ppn_member *member = &roster->members[i];
		struct ppn_wg_peer *peer = &peers[n];

		if (memcmp(member->serial, service->store.cert.serial, PPN_SERIAL_LEN) == 0)
			continue;
		memcpy(peer->key, member->wg_key, PPN_KEY_LEN);
		endpoint_of(service, member, &peer->endpoint);
		peer->keepalive_s = peer->endpoint.sin6_family ? KEEPALIVE_S : 0;
		peer->n_allowed = 1;
		ppn_mesh_address(peer->allowed[0].addr, service->store.trust.newest.fleet,
				 member->identity, 0);
		peer->allowed[0].len = MEMBER_PREFIX;
		n++;
	}
	err = ppn_wg_peers(service->mesh->wg, peers, n, &changed);
	return err < 0 ? ppn_log_errno(LOG_ERR, err, "%s: peers", service->config.device) : 0;
}

void ppn_mesh_seat_address(const struct ppn_service *service, uint8_t ret_addr[static 16])
{
	const uint8_t *identity = service->local ? service->local_identity :
						   service->store.cert.sign_key;

	ppn_mesh_address(ret_addr, service->store.trust.newest.fleet, identity, 1);
}

static void seat_member(const struct ppn_service *service, struct ppn_member *member)
{
	const struct ppn_store *store = &service->store;

	member->number = store->cert.first_number;
	member->flags = PPN_MEMBER_SEAT;
	snprintf(member->name, sizeof(member->name), "%s", store->cert.name);
	memcpy(member->identity, store->cert.sign_key, PPN_KEY_LEN);
	ppn_dh_public(member->wg_key, store->secret.wg);
	memcpy(member->serial, store->cert.serial, PPN_SERIAL_LEN);
	member->n_endpoints = (uint8_t)service->config.n_endpoints;
	memcpy(member->endpoint, service->config.endpoint, sizeof(member->endpoint));
}

static void node_member(const struct ppn_service *service, const struct ppn_pair *pair,
			struct ppn_member *member)
{
	const struct ppn_member *was = ppn_roster_identity(&service->store.roster, pair->identity);

	if (was) /* name, roles and endpoints that an operator gave stay */
		*member = *was;
	else
		ppn_label(member->name, pair->identity);
	member->number = pair->number;
	member->flags = PPN_MEMBER_NODE;
	member->posture = pair->posture;
	memcpy(member->identity, pair->identity, PPN_KEY_LEN);
	memcpy(member->wg_key, pair->wg_key, PPN_KEY_LEN);
	if (pair->name[0])
		snprintf(member->name, sizeof(member->name), "%s", pair->name);
	if (!was && !ppn_is_zero(pair->endpoint, sizeof(pair->endpoint))) {
		memcpy(member->endpoint[0].addr, pair->endpoint, sizeof(pair->endpoint));
		member->endpoint[0].port = htons(service->config.wg_port);
		member->n_endpoints = 1;
	}
	if (service->local && memcmp(pair->identity, service->local_identity, PPN_KEY_LEN) == 0) {
		member->flags |= PPN_MEMBER_SEAT;
		memcpy(member->serial, service->store.cert.serial, PPN_SERIAL_LEN);
		if (!member->n_endpoints) { /* claimed over loopback: the seat knows where it is found */
			member->n_endpoints = (uint8_t)service->config.n_endpoints;
			memcpy(member->endpoint, service->config.endpoint,
			       sizeof(member->endpoint));
		}
	}
}

static int by_number(const void *a, const void *b)
{
	uint32_t x = ((const struct ppn_member *)a)->number,
		 y = ((const struct ppn_member *)b)->number;

	return x < y ? -1 : x > y;
}

int ppn_mesh_roster(const struct ppn_service *service, struct ppn_roster *ret_roster)
{
	const struct ppn_store *store = &service->store;
	struct ppn_roster next = { 0 };
	bool seat_is_node = false;
	int err;

	err = ppn_roster_copy(&next, &store->roster); /* policy and revoked identities stay */
	if (err < 0)
		return err;
	free(next.members);
	next.n_members = 0;
	next.members = calloc(store->n_pairs + 1, sizeof(*next.members));
	if (!next.members) {
		ppn_roster_free(&next);
		return -ENOMEM;
	}
	for (size_t i = 0; i < store->n_pairs; i++) {
		if (ppn_is_zero(store->pairs[i].wg_key, PPN_KEY_LEN))
			continue;
		node_member(service, &store->pairs[i], &next.members[next.n_members]);
		seat_is_node |= next.members[next.n_members++].flags & PPN_MEMBER_SEAT;
	}
	if (!seat_is_node)
		seat_member(service, &next.members[next.n_members++]);
	qsort(next.members, next.n_members, sizeof(*next.members), by_number);
	*ret_roster = next;
	return 0;
}
