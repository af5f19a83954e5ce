// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Which devices are external (the rules stand in device.h), what their bond and bridge are, and which
 * addresses behind a bridged port are this host's own. Pure: no libbpf, no netlink.
 */
#include <errno.h>
#include <fnmatch.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "kernel/datapath_private.h"
#include "kernel/device.h"

#define MESH_DEVICE "ppn0"
/* Bridge over VLAN over bond over card, and then some. */
#define DEPTH_MAX 8

struct table {
	const struct ppn_external *rule;
	struct ppn_device *devices;
	size_t n;
};

/* ---- kinds ---- */

static bool is_kind(const struct ppn_device *device, const char *const *kinds, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(device->kind, kinds[i]))
			return true;
	return false;
}

static bool is_bond(const struct ppn_device *device)
{
	static const char *const kinds[] = { "bond", "team" };

	return is_kind(device, kinds, 2);
}

/* Devices that only gather ports. */
static bool is_bridge(const struct ppn_device *device)
{
	static const char *const kinds[] = { "bridge", "openvswitch", "vrf" };

	return is_kind(device, kinds, 3);
}

/* Devices whose frames are the frames of the one below. (A veth's link is its peer.) */
static bool is_over(const struct ppn_device *device)
{
	static const char *const kinds[] = { "vlan",   "macvlan", "macvtap",
					     "ipvlan", "ipvtap",  "macsec" };

	return device->lower && is_kind(device, kinds, 6);
}

/* A tun, not a tap, which has an Ethernet address: that is a guest's end far more often. */
static bool is_tunnel(const struct ppn_device *device)
{
	static const char *const kinds[] = {
		"wireguard", "ovpn",   "gre",	  "gretap", "ip6gre", "ip6gretap", "erspan",
		"ip6erspan", "ipip",   "sit",	  "ip6tnl", "vti",    "vti6",	   "xfrm",
		"vxlan",     "geneve", "bareudp", "ppp",    "gtp",    "amt",
	};

	return is_kind(device, kinds, sizeof(kinds) / sizeof(kinds[0])) ||
	       (!strcmp(device->kind, "tun") && !device->has_mac);
}

/* A bus whose devices are the guests' own ends. */
static bool is_guest_bus(const char *bus)
{
	return !strcmp(bus, "xen-backend");
}

static bool is_physical(const struct ppn_device *device)
{
	return (device->bus[0] && !is_guest_bus(device->bus)) || !strcmp(device->kind, "wwan");
}

/* ---- neighbours ---- */

static int by_ifindex(const void *a, const void *b)
{
	const struct ppn_device *x = a, *y = b;

	return (x->ifindex > y->ifindex) - (x->ifindex < y->ifindex);
}

static struct ppn_device *find(const struct table *t, uint32_t ifindex)
{
	const struct ppn_device key = { .ifindex = ifindex };

	return bsearch(&key, t->devices, t->n, sizeof(key), by_ifindex);
}

/* The bond that this is a member of. */
static struct ppn_device *bond_of(const struct table *t, const struct ppn_device *device)
{
	struct ppn_device *master = find(t, device->master);

	return master && is_bond(master) ? master : NULL;
}

static int named_by(const struct ppn_external *rule, const char *name)
{
	for (size_t i = 0; rule && i < rule->n_names; i++)
		if (!fnmatch(rule->names[i], name, 0))
			return (int)i;
	return -1;
}

static bool is_mesh(const struct ppn_external *rule, const struct ppn_device *device)
{
	const char *mesh = rule && rule->mesh ? rule->mesh : MESH_DEVICE;

	return !strcmp(device->name, mesh);
}

/* ---- deciding ---- */

static bool __attribute__((format(printf, 2, 3)))
says(struct ppn_device *device, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(device->why, sizeof(device->why), fmt, ap);
	va_end(ap);
	return true;
}

static bool is_sealed_below(const struct table *t, const struct ppn_device *device, int depth);

/* A bond is as sealed as its members: one that joins is sealed before long. */
static bool has_external_member(const struct table *t, const struct ppn_device *bond)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->devices[i].master == bond->ifindex &&
		    (is_physical(&t->devices[i]) || named_by(t->rule, bond->name) >= 0 ||
		     named_by(t->rule, t->devices[i].name) >= 0))
			return true;
	return false;
}

/* What crosses it crosses a sealed device, itself or one below. */
static bool is_sealed_below(const struct table *t, const struct ppn_device *device, int depth)
{
	if (!device || depth == DEPTH_MAX || device->loopback || is_mesh(t->rule, device) ||
	    is_bridge(device))
		return false;
	if (is_bond(device))
		return has_external_member(t, device);
	if (is_physical(device) || named_by(t->rule, device->name) >= 0)
		return true;
	return is_over(device) && is_sealed_below(t, find(t, device->lower), depth + 1);
}

static void say_members(const struct table *t, struct ppn_device *bond)
{
	size_t len = 0;

	for (size_t i = 0; i < t->n && len < 100; i++)
		if (t->devices[i].master == bond->ifindex)
			len += (size_t)snprintf(
				bond->why + len, sizeof(bond->why) - len, "%s %s",
				len ? "," : "a bond: its members decide:", t->devices[i].name);
	if (!len)
		(void)says(bond, "a bond without members: each is sealed when it joins");
}

/* The rules that end in "no" whatever `external =` says. */
static bool never(const struct table *t, struct ppn_device *device)
{
	if (device->loopback)
		return says(device, "loopback");
	if (is_mesh(t->rule, device))
		return says(device, "the mesh: its own program holds it");
	if (is_bridge(device))
		return says(device, "a %s: its ports decide, not it", device->kind);
	if (!is_bond(device))
		return false;
	say_members(t, device);
	return true;
}

static bool member_of_named(const struct table *t, struct ppn_device *device)
{
	const struct ppn_device *bond = bond_of(t, device);
	int pattern = bond ? named_by(t->rule, bond->name) : -1;

	if (pattern < 0)
		return false;
	device->pattern = pattern;
	return says(device, "member of %s, which external = %.60s names", bond->name,
		    t->rule->names[pattern]);
}

static bool crosses_sealed(const struct table *t, struct ppn_device *device)
{
	const struct ppn_device *lower = is_over(device) ? find(t, device->lower) : NULL;

	if (!is_sealed_below(t, lower, 0))
		return false;
	return says(device, "a %s: its traffic crosses %s, which is sealed%s", device->kind,
		    lower->name, is_bond(lower) ? " at its members" : "");
}

static bool is_external(const struct table *t, struct ppn_device *device)
{
	if (device->bus[0] && is_physical(device))
		return says(device, "a device on the %s bus", device->bus);
	if (is_physical(device))
		return says(device, "a modem");
	if (member_of_named(t, device))
		return true;
	if (crosses_sealed(t, device))
		return false;
	if (device->pattern >= 0)
		return says(device, "external = %.60s names it", t->rule->names[device->pattern]);
	(void)says(device, "%.15s%s: on no bus; external = names what is external all the same",
		   is_guest_bus(device->bus) ? "a guest's end" :
		   device->kind[0]	     ? device->kind :
					       "virtual",
		   is_over(device) ? " over nothing that is sealed" : "");
	return false;
}

/* ---- bond, bridge, addresses ---- */

/* The bond of this device or of what lies below it is what DHCP runs on. */
static void find_group(const struct table *t, struct ppn_device *device)
{
	const struct ppn_device *bond = bond_of(t, device);

	device->bond_member = bond != NULL;
	device->group = bond ? bond->ifindex : device->ifindex;
}

struct climb {
	struct ppn_device *port;
	uint32_t seen[32];
	size_t n;
};

static void take_mac(struct ppn_device *port, const struct ppn_device *from)
{
	if (!from->has_mac)
		return;
	for (size_t i = 0; i < port->n_local_mac; i++)
		if (!memcmp(port->local_mac[i], from->mac, sizeof(from->mac)))
			return;
	if (port->n_local_mac == 2)
		port->macs_full = true;
	else
		memcpy(port->local_mac[port->n_local_mac++], from->mac, sizeof(from->mac));
}

/* Once each; more than there is room for counts as more addresses than fit. */
static bool climb_to(struct climb *c, uint32_t ifindex)
{
	for (size_t i = 0; i < c->n; i++)
		if (c->seen[i] == ifindex)
			return false;
	if (c->n == sizeof(c->seen) / sizeof(c->seen[0])) {
		c->port->macs_full = true;
		return false;
	}
	c->seen[c->n++] = ifindex;
	return true;
}

/* All that lies above the port: every address there is one of this host. */
static void find_above(const struct table *t, struct ppn_device *port)
{
	struct climb c = { .port = port, .seen = { port->ifindex }, .n = 1 };

	take_mac(port, port);
	for (size_t at = 0; at < c.n; at++) {
		const struct ppn_device *below = find(t, c.seen[at]);

		for (size_t i = 0; below && i < t->n; i++) {
			const struct ppn_device *d = &t->devices[i];
			bool above = below->master == d->ifindex ||
				     (is_over(d) && d->lower == below->ifindex);

			if (!above || !climb_to(&c, d->ifindex))
				continue;
			take_mac(port, d);
			if (!strcmp(d->kind, "bridge") && !port->bridge)
				port->bridge = d->ifindex;
		}
	}
}

void ppn_device_decide(const struct ppn_external *rule, struct ppn_device *devices, size_t n)
{
	const struct table t = { .rule = rule, .devices = devices, .n = n };

	if (n)
		qsort(devices, n, sizeof(*devices), by_ifindex);
	for (size_t i = 0; i < n; i++) {
		struct ppn_device *device = &devices[i];

		device->pattern = named_by(rule, device->name);
		device->external = !never(&t, device) && is_external(&t, device);
		device->over = is_over(device);
		device->gathers = is_bond(device);
		device->tunnel = !device->external && !is_mesh(rule, device) && is_tunnel(device);
		find_group(&t, device);
		if (device->external)
			find_above(&t, device);
	}
}

bool ppn_device_is_named(const char *pattern, const struct ppn_device *devices, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if ((devices[i].external || devices[i].gathers || devices[i].over) &&
		    !fnmatch(pattern, devices[i].name, 0))
			return true;
	return false;
}

/* ---- for those who want numbers only ---- */

int ppn_datapath_external(const char *const *names, size_t n_names, uint32_t *ret_ifindex,
			  size_t max, size_t *ret_n)
{
	const struct ppn_external rule = { .names = names, .n_names = n_names };
	struct ppn_device *devices;
	size_t n, found = 0;
	int err = ppn_device_list(&rule, &devices, &n);

	if (err)
		return err;
	for (size_t i = 0; i < n && !err; i++) {
		if (!devices[i].external)
			continue;
		if (found == max)
			err = -E2BIG;
		else
			ret_ifindex[found++] = devices[i].ifindex;
	}
	free(devices);
	if (!err)
		*ret_n = found;
	return err;
}

int dp_is_bond_member(uint32_t ifindex)
{
	struct ppn_device *devices, *device;
	struct table t = { 0 };
	int err;

	err = ppn_device_list(NULL, &devices, &t.n);
	if (err)
		return err;
	t.devices = devices;
	device = find(&t, ifindex);
	err = device ? device->bond_member : -ENODEV;
	free(devices);
	return err;
}
