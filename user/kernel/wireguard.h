/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A WireGuard device, by generic netlink (linux/wireguard.h) where the kernel has it, else by the UAPI
 * socket of wireguard-go (wireguard.com/xplatform): two backends behind one table of functions. Set
 * changes only what differs, and never overwrites an endpoint that the device has learnt and that still
 * shakes hands (younger than PPN_WG_FRESH_S).
 *
 * 0 or -errno: -EINVAL: what was asked cannot be (says each function); -EPERM: CAP_NET_ADMIN is missing;
 * -ENODEV: the device is gone, -ECONNREFUSED, -ENOENT: its wireguard-go is: close, open again;
 * -ETIMEDOUT: no answer for five seconds; -EAGAIN: it changed each time it was read; -E2BIG: it has more
 * peers than we would ever give it; -EPROTO: it answered nonsense.
 */
#ifndef PPN_KERNEL_WIREGUARD_H
#define PPN_KERNEL_WIREGUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <netinet/in.h>
#include <ppn/wire.h>

#define PPN_WG_FRESH_S 180
#define PPN_WG_ALLOWED_MAX 4

enum ppn_wg_backend { PPN_WG_NONE = 0, PPN_WG_KERNEL = 1, PPN_WG_USERSPACE = 2 };

struct ppn_wg_allowed {
	uint8_t addr[16]; /* IPv6 */
	uint8_t len;
};

struct ppn_wg_peer {
	uint8_t key[PPN_KEY_LEN];
	struct sockaddr_in6 endpoint; /* sin6_family 0: none; IPv4 as IPv4-mapped */
	uint16_t keepalive_s;
	uint16_t n_allowed;
	struct ppn_wg_allowed allowed[PPN_WG_ALLOWED_MAX];
	/* read back only */
	uint64_t handshake_s; /* Unix seconds of the last handshake, 0: never */
	uint64_t rx, tx; /* bytes */
	bool foreign; /* the device has more for it than fits here: a preshared key, IPv4, more prefixes */
};

struct ppn_wg_device {
	uint8_t secret[32],
		key[PPN_KEY_LEN]; /* secret: zeros when read back through a backend that hides it */
	uint16_t port; /* host order */
	size_t n_peers;
	struct ppn_wg_peer *peers; /* owned; ppn_wg_device_free() */
};

struct ppn_wg;

/*
 * Create the device, or adopt it when it is there (a wireguard-go that outlived us included). `force`
 * PPN_WG_NONE: kernel first, then userspace. A created device is left down, an adopted one as it is.
 * wireguard-go is started as a process of its own session that outlives this one; nothing else is ever
 * executed. -EINVAL: no name for a device; -EEXIST: that name is another kind of device, or the other
 * backend's; -EADDRINUSE: a wireguard-go of another network namespace has the socket; -EOPNOTSUPP: the
 * kernel has no WireGuard (forced); -ENOENT: nor is there a wireguard-go; -ECHILD: it was started and
 * ended at once (no /dev/net/tun, say).
 */
int ppn_wg_open(struct ppn_wg **ret_wg, const char *ifname, enum ppn_wg_backend force);
/* Frees the handle; the device stays. */
void ppn_wg_close(struct ppn_wg **wg);
enum ppn_wg_backend ppn_wg_backend(const struct ppn_wg *wg);
uint32_t ppn_wg_ifindex(const struct ppn_wg *wg);

/* Key and port, only if they differ. -EINVAL: a secret of zeros. */
int ppn_wg_self(struct ppn_wg *wg, const uint8_t secret[static 32], uint16_t port);
/*
 * Make the peers be exactly these. ret_changed (may be NULL): how many were added, changed or removed. A
 * peer with the device's own key is left out (a device is no peer of itself). A peer without endpoint
 * keeps the one it has. -EINVAL: a key or a prefix twice, a key of zeros, a prefix that is none.
 */
int ppn_wg_peers(struct ppn_wg *wg, const struct ppn_wg_peer *peers, size_t n_peers,
		 size_t *ret_changed);
/* One peer at once, without reading the device (an endpoint that is given is set): add or change; remove
 * (-ENOENT is 0). */
int ppn_wg_peer_set(struct ppn_wg *wg, const struct ppn_wg_peer *peer);
int ppn_wg_peer_remove(struct ppn_wg *wg, const uint8_t key[static PPN_KEY_LEN]);
int ppn_wg_read(struct ppn_wg *wg, struct ppn_wg_device *ret_device);
void ppn_wg_device_free(struct ppn_wg_device *device); /* wipes the secret */
/* Take the device away, and end its wireguard-go. The handle is freed, on error too. */
int ppn_wg_delete(struct ppn_wg **wg);

#endif
