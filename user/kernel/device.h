/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Devices of this network namespace, and which of them are external (DESIGN 6). One function decides:
 * the seal, the backstop and `ppn seal check` all ask ppn_device_list().
 *
 * rule                                                        external
 * lo; the mesh device                                         no
 * a bridge, VRF, Open vSwitch                                 no, its ports are asked
 * a bond, a team                                              no, its members are asked
 * on a bus (PCI, virtio, USB ...), or a modem (wwan)          yes
 * member of a bond that `external =` names                    yes
 * VLAN, macvlan, ipvlan, macsec over what is sealed           no: its traffic crosses that
 * named by `external =`                                       yes
 * anything else: veth, tun, wireguard, dummy, tunnels         no
 *
 * The first rule that holds decides; `why` says which one, for people.
 */
#ifndef PPN_KERNEL_DEVICE_H
#define PPN_KERNEL_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <net/if.h>

#define PPN_DEVICE_WORD_LEN 16
#define PPN_DEVICE_WHY_LEN 160
#define PPN_DEVICES_MAX 32768

/* What the configuration says. Names may hold wildcards (fnmatch). mesh: NULL for "ppn0". */
struct ppn_external {
	const char *const *names;
	size_t n_names;
	const char *mesh;
};

struct ppn_device {
	uint32_t ifindex;
	uint32_t master; /* bridge, bond ...; 0: none */
	uint32_t lower; /* of a VLAN, macvlan ... in this namespace; 0: none */
	uint32_t mtu;
	bool loopback, up;
	bool has_mac; /* Ethernet */
	uint8_t mac[6];
	char name[IFNAMSIZ];
	char kind[PPN_DEVICE_WORD_LEN]; /* "bond", "vlan", "veth" ...; "" for a physical one */
	char bus[PPN_DEVICE_WORD_LEN]; /* "pci", "virtio" ...; "" for a virtual one */

	/* decided */
	bool external;
	int pattern; /* index into names of what names it, -1: nothing */
	bool bond_member; /* or a team's: it speaks LACP */
	bool over; /* a VLAN, macvlan ...: its frames are those of `lower` */
	bool gathers; /* a bond, a team: its frames are those of its members */
	bool tunnel; /* its frames travel inside packets of other devices, external ones as likely as not */
	uint32_t group; /* the bond above it, else itself: what DHCP is asked on */
	uint32_t bridge; /* the bridge above it, its bond or its VLAN; 0: none */
	/*
	 * Addresses of this host behind a bridged port: its own first. More of them than fit
	 * (macs_full): what is a guest's cannot be told from what is ours.
	 */
	uint8_t local_mac[2][6];
	uint8_t n_local_mac;
	bool macs_full;
	char why[PPN_DEVICE_WHY_LEN];
};

/*
 * All devices by rising ifindex, decided. *ret_devices is the caller's: free(). 0 or -errno;
 * -E2BIG: more than PPN_DEVICES_MAX.
 */
int ppn_device_list(const struct ppn_external *rule, struct ppn_device **ret_devices,
		    size_t *ret_n);
/* The deciding half, pure: sorts by ifindex, fills "decided" of devices that have the rest. */
void ppn_device_decide(const struct ppn_external *rule, struct ppn_device *devices, size_t n);
/* Of decided devices: does this name or pattern name one that is external, or is sealed below (a bond, a VLAN)? */
bool ppn_device_is_named(const char *pattern, const struct ppn_device *devices, size_t n);

#endif
