/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Links, addresses, routes, rules and per-interface sysctls, by rtnetlink (libnl) and /proc/sys/net, in
 * the network namespace of the caller. Every call is idempotent: what is already so is left alone.
 *
 * 0 or -errno: -ENODEV: no such interface; -EPERM: CAP_NET_ADMIN is missing; -EROFS: /proc/sys is
 * read-only (a unit with ProtectKernelTunables=); -ETIMEDOUT: the kernel did not answer.
 */
#ifndef PPN_KERNEL_LINK_H
#define PPN_KERNEL_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <net/if.h>
#include <ppn/wire.h>

struct ppn_link;

int ppn_link_open(struct ppn_link **ret_link);
void ppn_link_close(struct ppn_link **link);

struct ppn_link_info {
	uint32_t ifindex;
	char name[IFNAMSIZ];
	char driver[32]; /* "" when it has none */
	uint32_t mtu;
	bool up;
	uint8_t mac[6];
};

int ppn_link_info(struct ppn_link *link, uint32_t ifindex, struct ppn_link_info *ret_info);
/* A device that goes down loses its IPv6 addresses and routes: set them again after every up. */
int ppn_link_up(struct ppn_link *link, uint32_t ifindex, bool up);
int ppn_link_mtu(struct ppn_link *link, uint32_t ifindex, uint32_t mtu);
/* Addresses of a device be exactly this one (IPv6, global scope), without a prefix route. Clears
 * disable_ipv6 on it first: where that is the default, adding an address fails. */
int ppn_link_address(struct ppn_link *link, uint32_t ifindex, const uint8_t addr[static 16],
		     uint8_t len);
/*
 * The fleet prefix belongs to ppn0: a rule `to PREFIX/48 lookup PPN_TABLE` ahead of main; in that table
 * PREFIX/48 dev ppn0 and an unreachable default. ifindex 0: only the unreachable default (no device yet).
 * Whatever else is in that table or points to it goes. The device must be up (a route of one that goes
 * down is gone): -ENETDOWN, rule and unreachable default being in place.
 * ppn_link_fleet_gone() takes rule and routes away.
 */
#define PPN_TABLE 8090
#define PPN_RULE_PRIORITY 90
int ppn_link_fleet(struct ppn_link *link, uint32_t ifindex, const uint8_t prefix[static 16]);
int ppn_link_fleet_gone(struct ppn_link *link);
/* accept_ra_rt_info_max_plen=0, accept_redirects=0, accept_source_route=0, and accept_ra=0 where the
 * underlay has no RA: any but slaac, whose own stays as it is (PROTOCOL 6). IPv4's `all` loses
 * accept_redirects with the first interface. */
int ppn_link_harden(struct ppn_link *link, uint32_t ifindex, enum ppn_underlay underlay);
/* Addresses of a link that others could reach it by (global, then link-local), IPv4 as IPv4-mapped. */
int ppn_link_addresses(struct ppn_link *link, uint32_t ifindex, uint8_t (*ret_addrs)[16],
		       size_t max, size_t *ret_n);

/* -- listings: the whole namespace, for those who judge it. Arrays are the caller's to free(). -- */

#define PPN_LINKS_MAX 32768

struct ppn_link_addr {
	uint32_t ifindex;
	uint32_t valid_s; /* UINT32_MAX: for ever. Else somebody renews it: a DHCP lease, an RA */
	uint8_t addr[16]; /* IPv6 or IPv4-mapped */
	uint8_t len; /* of 128, or of 32 for IPv4 */
	bool v4, by_ra; /* by_ra: of a router advertisement */
};
int ppn_link_addr_list(struct ppn_link *link, struct ppn_link_addr **ret_addrs, size_t *ret_n);

/* Machines learnt behind a port of a bridge (not its own, not static ones). */
struct ppn_link_guest {
	uint32_t port, bridge;
	uint8_t mac[6];
};
int ppn_link_guest_list(struct ppn_link *link, struct ppn_link_guest **ret_guests, size_t *ret_n);

/*
 * RTM_NEWLINK, RTM_DELLINK, address changes: an fd for the event loop, then dispatch. `gone`: deleted, or
 * moved to another namespace. ifindex 0: events were lost, or somebody took the fleet's rule or a route of
 * its table away (as systemd-networkd does when it restarts): look at everything again. -EALREADY: is
 * being watched.
 */
int ppn_link_watch(struct ppn_link *link, void (*changed)(void *arg, uint32_t ifindex, bool gone),
		   void *arg);
int ppn_link_watch_fd(const struct ppn_link *link);
int ppn_link_watch_dispatch(struct ppn_link *link);

#endif
