/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What there is on this machine that sealing could cut: sockets, devices, addresses, guests. A snapshot,
 * for session.c (is somebody connected?), check.c (what would be cut?) and trial.c (who asks?).
 */
#ifndef PPN_NODE_FACTS_H
#define PPN_NODE_FACTS_H

#include "kernel/device.h"
#include "kernel/link.h"
#include "kernel/sockets.h"
#include "lib/cut.h"

struct ppnd;
struct ppnd_caller;

struct ppnd_facts {
	struct ppn_sockets sockets;
	struct ppn_device *device;
	struct ppn_cut_link *link; /* of device, row by row */
	struct ppn_link_addr *addr;
	struct ppn_link_guest *guest;
	size_t n_devices, n_addrs, n_guests;
	uint32_t asked; /* the device that ppnd_facts_has_client() looked for udhcpc on last */
	bool udhcpc;
};

int ppnd_facts_read(struct ppnd *ppnd, struct ppnd_facts *ret_facts);
void ppnd_facts_free(struct ppnd_facts *facts);

/* The external interface behind a local address; any (zeros): the first there is. NULL: none. An
 * address that no device has is taken for an external one's. */
const struct ppn_cut_link *ppnd_facts_behind(const struct ppnd_facts *facts,
					     const uint8_t addr[static 16]);
/* The tunnel on the way there; NULL: none. */
const struct ppn_device *ppnd_facts_tunnel(const struct ppnd_facts *facts,
					   const uint8_t addr[static 16]);
const struct ppn_device *ppnd_facts_device(const struct ppnd_facts *facts, uint32_t ifindex);
/*
 * A DHCP client keeps up this address's interface: it has a socket there, or is udhcpc, which has none between
 * renewals. A socket on no interface is taken for one of those whose underlay is dhcp, where there are such.
 */
bool ppnd_facts_has_client(struct ppnd_facts *facts, const struct ppn_link_addr *addr);
/* Its packets cross an external interface. */
bool ppnd_facts_rides(const struct ppnd_facts *facts, const struct ppn_socket *socket);
/* A TCP connection that another machine opened, not one that this one houses, and that crosses an external interface. */
bool ppnd_facts_is_session(const struct ppnd *ppnd, const struct ppnd_facts *facts,
			   const struct ppn_socket *socket);
/* The same, or one that another member opened over the mesh: there is a way in. */
bool ppnd_facts_from_outside(const struct ppnd *ppnd, const struct ppnd_facts *facts,
			     const struct ppn_socket *socket);

bool ppnd_facts_among(uint64_t inode, const uint64_t *inodes, size_t n);
/* The caller's connection, of those that is_one() takes; NULL: none of its sockets is one. */
typedef bool ppnd_facts_is_fn(const struct ppnd *ppnd, const struct ppnd_facts *facts,
			      const struct ppn_socket *socket);
const struct ppn_socket *ppnd_facts_callers(const struct ppnd *ppnd, const struct ppnd_facts *facts,
					    const struct ppnd_caller *caller,
					    ppnd_facts_is_fn *is_one);

/* "192.0.2.7 to port 22" */
#define PPND_WHO_LEN 96
const char *ppnd_facts_who(char ret_who[static PPND_WHO_LEN], const struct ppn_socket *socket);

#endif
