// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Which devices are external: device.h's rules as a table of machines. A machine is a list of devices;
 * each says whether it is external and a piece of the reason.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "kernel/device.h"

enum { DEVICES = 12, NAMES = 3 };

struct device {
	uint32_t ifindex;
	const char *name, *kind, *bus;
	uint32_t master, lower;
	uint8_t mac; /* its last byte; 0: no Ethernet */
	bool external;
	const char *why; /* of it */
	bool tunnel;
	uint32_t group, bridge; /* external ones; group 0: itself */
	uint8_t n_mac; /* 3: more than fit; 0: not asked */
};

struct machine {
	const char *what;
	const char *mesh;
	const char *names[NAMES];
	struct device devices[DEVICES];
};

static const struct machine machines[] = {
	{ "a server: cards and what is virtual",
	  .devices = {
		  { 1, "lo", .why = "loopback" },
		  { 2, "eth0", .bus = "virtio", .mac = 2, .external = true, .why = "virtio bus" },
		  { 3, "enp1s0", .bus = "pci", .mac = 3, .external = true, .why = "pci bus" },
		  { 4, "wwan0", "wwan", .external = true, .why = "modem" },
		  { 5, "ppn0", "wireguard", .why = "mesh" },
		  { 6, "veth7", "veth", .lower = 2, .mac = 6, .why = "veth: on no bus" },
		  { 7, "tun0", "tun", .why = "tun: on no bus", .tunnel = true },
		  { 8, "wg0", "wireguard", .why = "on no bus", .tunnel = true },
		  { 9, "dummy0", "dummy", .mac = 9, .why = "on no bus" },
		  { 10, "vif1.0", "vif", "xen-backend", .mac = 10, .why = "guest's end" },
		  { 11, "vx0", "vxlan", .lower = 2, .mac = 11, .why = "vxlan: on no bus", .tunnel = true },
		  { 12, "tap0", "tun", .master = 9, .mac = 12, .why = "tun: on no bus" },
	  } },
	{ "named: only what can be sealed", .names = { "v*", "lo", "br?" },
	  .devices = {
		  { 1, "lo", .why = "loopback" },
		  { 2, "v0", "veth", .mac = 2, .external = true, .why = "external = v* names it" },
		  { 3, "veth1", "veth", .mac = 3, .external = true, .why = "v*" },
		  { 4, "br0", "bridge", .mac = 2, .why = "its ports decide" },
		  { 5, "xv", "veth", .mac = 5, .why = "on no bus" },
	  } },
	{ "a name that matches all seals no mesh", .mesh = "fleet", .names = { "*" },
	  .devices = {
		  { 1, "lo", .why = "loopback" },
		  { 2, "fleet", "tun", .why = "mesh" },
		  { 3, "ppn0", "dummy", .mac = 1, .external = true, .why = "external = *" },
		  { 4, "vrf1", "vrf", .mac = 1, .why = "a vrf" },
	  } },
	{ "a bond of two cards, a VLAN and a bridge over it",
	  .devices = {
		  { 2, "eth0", .bus = "pci", .master = 4, .mac = 2, .external = true, .why = "pci",
		    .group = 4, .bridge = 6, .n_mac = 1 },
		  { 3, "eth1", .bus = "pci", .master = 4, .mac = 2, .external = true, .why = "pci",
		    .group = 4, .bridge = 6, .n_mac = 1 },
		  { 4, "bond0", "bond", .mac = 2, .why = "members decide: eth0, eth1" },
		  { 5, "bond0.7", "vlan", .master = 6, .lower = 4, .mac = 2,
		    .why = "crosses bond0, which is sealed at its members" },
		  { 6, "br7", "bridge", .mac = 2, .why = "its ports decide" },
		  { 7, "bond1", "bond", .mac = 7, .why = "without members" },
		  { 8, "tap0", "tun", .master = 6, .mac = 8, .why = "tun: on no bus" },
	  } },
	{ "a bond is named: its members are sealed", .names = { "bond0", "bond0.9" },
	  .devices = {
		  { 2, "a", "veth", .master = 4, .mac = 2, .external = true,
		    .why = "member of bond0, which external = bond0 names", .group = 4 },
		  { 3, "b", "veth", .mac = 3, .why = "veth" },
		  { 4, "bond0", "team", .mac = 2, .why = "members decide: a" },
		  { 5, "bond0.9", "vlan", .lower = 4, .mac = 2, .why = "crosses bond0" },
		  { 6, "bond1.9", "vlan", .lower = 7, .mac = 2, .why = "vlan over nothing that is sealed" },
		  { 7, "bond1", "bond", .mac = 7, .why = "without members" },
	  } },
	{ "VLANs: named over nothing sealed, two deep over a card, over a card of another namespace",
	  .names = { "v0.*" },
	  .devices = {
		  { 2, "v0", "veth", .mac = 2, .why = "veth" },
		  { 3, "v0.5", "vlan", .lower = 2, .mac = 2, .external = true, .why = "v0.*" },
		  { 4, "v0.5.6", "vlan", .lower = 3, .mac = 2, .why = "crosses v0.5" },
		  { 5, "eth0", .bus = "usb", .mac = 5, .external = true, .why = "usb", .n_mac = 2 },
		  { 6, "q", "vlan", .lower = 5, .mac = 5, .why = "crosses eth0" },
		  { 7, "qq", "macvlan", .lower = 6, .mac = 7, .why = "crosses q" },
		  { 8, "far", "vlan", .mac = 8, .why = "vlan: on no bus" },
	  } },
	{ "a bridged card whose bridge has an address of its own",
	  .devices = {
		  { 2, "eth0", .bus = "pci", .master = 3, .mac = 2, .external = true, .why = "pci",
		    .bridge = 3, .n_mac = 2 },
		  { 3, "br0", "bridge", .mac = 9, .why = "ports" },
		  { 4, "eth1", .bus = "pci", .master = 6, .mac = 4, .external = true, .why = "pci",
		    .bridge = 6, .n_mac = 3 },
		  { 5, "br1.5", "vlan", .lower = 6, .mac = 5, .why = "vlan over nothing" },
		  { 6, "br1", "bridge", .mac = 6, .why = "ports" },
	  } },
	{ "a card in a VRF is no guests' port",
	  .devices = {
		  { 2, "eth0", .bus = "pci", .master = 3, .mac = 2, .external = true, .why = "pci" },
		  { 3, "red", "vrf", .mac = 3, .why = "a vrf" },
	  } },
	{ "nothing at all", .devices = { { 0 } } },
};

static unsigned int n_tests, n_failed;

static void ok(bool good, const char *name)
{
	printf("%sok %u - %s\n", good ? "" : "not ", ++n_tests, name);
	n_failed += !good;
}

static void copy(char *to, size_t len, const char *from)
{
	(void)snprintf(to, len, "%s", from ? from : "");
}

/* The last first: the order they come in means nothing. */
static size_t build(const struct machine *m, struct ppn_device *ret_devices)
{
	size_t n = 0;

	while (n < DEVICES && m->devices[n].ifindex)
		n++;
	for (size_t i = 0; i < n; i++) {
		const struct device *from = &m->devices[i];
		struct ppn_device *to = &ret_devices[n - 1 - i];

		*to = (struct ppn_device){
			.ifindex = from->ifindex,
			.master = from->master,
			.lower = from->lower,
			.loopback = !strcmp(from->name, "lo"),
			.has_mac = from->mac,
			.mac = { 2, [5] = from->mac },
		};
		copy(to->name, sizeof(to->name), from->name);
		copy(to->kind, sizeof(to->kind), from->kind);
		copy(to->bus, sizeof(to->bus), from->bus);
	}
	return n;
}

static bool agrees(const struct device *want, const struct ppn_device *got)
{
	uint8_t n_mac = got->macs_full ? 3 : got->n_local_mac;

	if (got->external != want->external || got->tunnel != want->tunnel ||
	    !strstr(got->why, want->why))
		return false;
	if (!want->external)
		return true;
	return got->group == (want->group ? want->group : want->ifindex) &&
	       got->bond_member == (want->group != 0) && got->bridge == want->bridge &&
	       (!want->n_mac || n_mac == want->n_mac);
}

static void test_machine(const struct machine *m)
{
	struct ppn_device devices[DEVICES];
	struct ppn_external rule = { .names = m->names, .mesh = m->mesh };
	size_t n = build(m, devices);
	bool good = true;

	while (rule.n_names < NAMES && m->names[rule.n_names])
		rule.n_names++;
	ppn_device_decide(&rule, devices, n);
	for (size_t i = 0; i < n; i++) {
		if (agrees(&m->devices[i], &devices[i]))
			continue;
		good = false;
		printf("# %s: external %d, tunnel %d, group %u, bridge %u, macs %u%s: %s\n",
		       devices[i].name, devices[i].external, devices[i].tunnel, devices[i].group,
		       devices[i].bridge, devices[i].n_local_mac, devices[i].macs_full ? "+" : "",
		       devices[i].why);
	}
	ok(good, m->what);
}

/* The kernel's own list: lo is there, and a list of none is no error. */
static void test_here(void)
{
	struct ppn_device *devices;
	bool lo = false;
	size_t n = 0;

	if (ppn_device_list(NULL, &devices, &n)) {
		ok(false, "the devices of this namespace are listed");
		return;
	}
	for (size_t i = 0; i < n; i++)
		lo |= devices[i].loopback && !devices[i].external && devices[i].mtu;
	ok(lo, "the devices of this namespace are listed");
	free(devices);
}

int main(void)
{
	for (size_t i = 0; i < sizeof(machines) / sizeof(machines[0]); i++)
		test_machine(&machines[i]);
	test_here();
	printf("1..%u\n", n_tests);
	return n_failed != 0;
}
