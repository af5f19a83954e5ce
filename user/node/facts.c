// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "node/facts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/procs.h"
#include "node/ppnd.h"
#include "lib/wire.h"

enum { PORT_DHCP = 68, PORT_DHCP6 = 546 }; /* a client's end */

static int read_devices(struct ppnd *ppnd, struct ppnd_facts *facts)
{
	int err = ppnd_seal_devices(ppnd, &facts->device, &facts->n_devices);

	if (err)
		return err;
	facts->link = calloc(facts->n_devices + 1, sizeof(*facts->link));
	if (!facts->link)
		return -ENOMEM;
	for (size_t i = 0; i < facts->n_devices; i++) {
		const struct ppn_device *device = &facts->device[i];

		facts->link[i] = (struct ppn_cut_link){
			.ifindex = device->ifindex,
			.master = device->master,
			.lower = device->lower,
			.external = device->external,
			.tunnel = device->tunnel,
			.underlay = ppnd_config_underlay(&ppnd->config, device->name),
		};
	}
	return 0;
}

int ppnd_facts_read(struct ppnd *ppnd, struct ppnd_facts *ret_facts)
{
	struct ppnd_facts facts = { 0 };
	int err = read_devices(ppnd, &facts);

	if (!err)
		err = ppn_link_addr_list(ppnd->link, &facts.addr, &facts.n_addrs);
	if (!err)
		err = ppn_link_guest_list(ppnd->link, &facts.guest, &facts.n_guests);
	if (!err)
		err = ppn_sockets_read(&facts.sockets);
	if (err)
		ppnd_facts_free(&facts);
	else
		*ret_facts = facts;
	return err;
}

void ppnd_facts_free(struct ppnd_facts *facts)
{
	ppn_sockets_free(&facts->sockets);
	free(facts->device);
	free(facts->link);
	free(facts->addr);
	free(facts->guest);
	*facts = (struct ppnd_facts){ 0 };
}

const struct ppn_device *ppnd_facts_device(const struct ppnd_facts *facts, uint32_t ifindex)
{
	for (size_t i = 0; i < facts->n_devices; i++)
		if (facts->device[i].ifindex == ifindex)
			return &facts->device[i];
	return NULL;
}

static const struct ppn_cut_link *behind(const struct ppnd_facts *facts,
					 const uint8_t addr[static 16],
					 const struct ppn_cut_link **ret_tunnel)
{
	*ret_tunnel = NULL;
	for (size_t i = 0; i < facts->n_addrs; i++)
		if (!memcmp(facts->addr[i].addr, addr, 16))
			return ppn_cut_carries(facts->link, facts->n_devices,
					       facts->addr[i].ifindex, ret_tunnel);
	return ppn_cut_first(facts->link, facts->n_devices);
}

const struct ppn_cut_link *ppnd_facts_behind(const struct ppnd_facts *facts,
					     const uint8_t addr[static 16])
{
	const struct ppn_cut_link *tunnel;

	return behind(facts, addr, &tunnel);
}

const struct ppn_device *ppnd_facts_tunnel(const struct ppnd_facts *facts,
					   const uint8_t addr[static 16])
{
	const struct ppn_cut_link *tunnel;

	(void)behind(facts, addr, &tunnel);
	return tunnel ? ppnd_facts_device(facts, tunnel->ifindex) : NULL;
}

static bool is_own(const struct ppnd_facts *facts, const uint8_t addr[static 16])
{
	for (size_t i = 0; i < facts->n_addrs; i++)
		if (!memcmp(facts->addr[i].addr, addr, 16))
			return true;
	return false;
}

bool ppnd_facts_rides(const struct ppnd_facts *facts, const struct ppn_socket *socket)
{
	if (ppn_address_is_loopback(socket->local) ||
	    (!socket->listens &&
	     (ppn_address_is_loopback(socket->remote) || is_own(facts, socket->remote))))
		return false;
	return ppnd_facts_behind(facts, socket->local) != NULL;
}

static bool is_on(const struct ppnd_facts *facts, const uint8_t addr[static 16], uint32_t ifindex)
{
	for (size_t i = 0; i < facts->n_addrs; i++)
		if (facts->addr[i].ifindex == ifindex && !memcmp(facts->addr[i].addr, addr, 16))
			return true;
	return false;
}

static bool has_dhcp(const struct ppnd_facts *facts)
{
	for (size_t i = 0; i < facts->n_devices; i++)
		if (facts->link[i].external && facts->link[i].underlay == PPN_UNDERLAY_DHCP)
			return true;
	return false;
}

/* All of /proc is read for it: once for the addresses of a device, which come together. */
static bool runs_udhcpc(struct ppnd_facts *facts, const struct ppn_device *device)
{
	if (facts->asked != device->ifindex)
		facts->udhcpc = ppn_procs_runs("udhcpc", device->name);
	facts->asked = device->ifindex;
	return facts->udhcpc;
}

bool ppnd_facts_has_client(struct ppnd_facts *facts, const struct ppn_link_addr *addr)
{
	const struct ppn_device *device = ppnd_facts_device(facts, addr->ifindex);
	static const uint8_t any[16], link_local[] = { 0xfe, 0x80 };
	const uint16_t port = addr->v4 ? PORT_DHCP : PORT_DHCP6;

	if (!memcmp(addr->addr, link_local, sizeof(link_local)))
		return false;
	for (size_t i = 0; i < facts->sockets.n; i++) {
		const struct ppn_socket *socket = &facts->sockets.socket[i];

		if (socket->proto != IPPROTO_UDP || socket->local_port != port)
			continue;
		if (socket->ifindex		   ? socket->ifindex == addr->ifindex :
		    memcmp(socket->local, any, 16) ? is_on(facts, socket->local, addr->ifindex) :
						     !has_dhcp(facts))
			return true;
	}
	return addr->v4 && device && runs_udhcpc(facts, device);
}

/* A TCP connection that another machine opened. */
static bool came_in(const struct ppnd_facts *facts, const struct ppn_socket *socket)
{
	return socket->proto == IPPROTO_TCP && !socket->listens && !socket->half &&
	       !ppn_address_is_loopback(socket->remote) && !is_own(facts, socket->remote) &&
	       ppn_sockets_listens(&facts->sockets, IPPROTO_TCP, socket->local, socket->local_port);
}

static uint8_t bits_of(const struct ppn_link_addr *addr)
{
	return (uint8_t)(addr->len + (addr->v4 ? 96 : 0));
}

/* The other side is on a network of this machine's own (containers, guests): it crossed no external interface. */
static bool is_housed(const struct ppnd_facts *facts, const uint8_t remote[static 16])
{
	const struct ppn_link_addr *nearest = NULL;
	const struct ppn_cut_link *tunnel;

	for (size_t i = 0; i < facts->n_addrs; i++) {
		const struct ppn_link_addr *addr = &facts->addr[i];

		if (ppn_prefix_holds(addr->addr, bits_of(addr), remote) &&
		    (!nearest || bits_of(addr) > bits_of(nearest)))
			nearest = addr;
	}
	return nearest &&
	       !ppn_cut_carries(facts->link, facts->n_devices, nearest->ifindex, &tunnel);
}

static bool in_fleet(const struct ppnd *ppnd, const uint8_t addr[static 16])
{
	uint8_t fleet[16];

	if (!ppnd->state.has_identity)
		return false;
	ppn_fleet_prefix(fleet, ppnd_state_mesh_fleet(&ppnd->state));
	return ppn_prefix_holds(fleet, 48, addr);
}

/* From another member: the node's own /112 is its guests'. */
static bool over_mesh(const struct ppnd *ppnd, const struct ppn_socket *socket)
{
	return in_fleet(ppnd, socket->local) && in_fleet(ppnd, socket->remote) &&
	       !ppn_prefix_holds(socket->local, 112, socket->remote);
}

static bool over_wire(const struct ppnd *ppnd, const struct ppnd_facts *facts,
		      const struct ppn_socket *socket)
{
	return !in_fleet(ppnd, socket->local) && !is_housed(facts, socket->remote) &&
	       ppnd_facts_behind(facts, socket->local);
}

bool ppnd_facts_is_session(const struct ppnd *ppnd, const struct ppnd_facts *facts,
			   const struct ppn_socket *socket)
{
	return came_in(facts, socket) && over_wire(ppnd, facts, socket);
}

bool ppnd_facts_from_outside(const struct ppnd *ppnd, const struct ppnd_facts *facts,
			     const struct ppn_socket *socket)
{
	return came_in(facts, socket) &&
	       (over_mesh(ppnd, socket) || over_wire(ppnd, facts, socket));
}

bool ppnd_facts_among(uint64_t inode, const uint64_t *inodes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (inodes[i] == inode)
			return true;
	return false;
}

const struct ppn_socket *ppnd_facts_callers(const struct ppnd *ppnd, const struct ppnd_facts *facts,
					    const struct ppnd_caller *caller,
					    ppnd_facts_is_fn *is_one)
{
	for (size_t i = 0; i < facts->sockets.n; i++) {
		const struct ppn_socket *socket = &facts->sockets.socket[i];

		if (socket->inode && ppnd_facts_among(socket->inode, caller->inode, caller->n) &&
		    is_one(ppnd, facts, socket))
			return socket;
	}
	return NULL;
}

const char *ppnd_facts_who(char ret_who[static PPND_WHO_LEN], const struct ppn_socket *socket)
{
	char from[PPN_ADDRESS_TEXT];

	snprintf(ret_who, PPND_WHO_LEN, "%s to port %u", ppn_address_text(from, socket->remote),
		 socket->local_port);
	return ret_who;
}
