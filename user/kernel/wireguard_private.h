/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Inside kernel/wireguard: the table of functions that a backend is, and the pure parts (no I/O, no
 * clock) that unit tests and fuzzers reach: what differs (wireguard_peers.c) and the text that
 * wireguard-go speaks (wireguard_text.c).
 */
#ifndef PPN_KERNEL_WIREGUARD_PRIVATE_H
#define PPN_KERNEL_WIREGUARD_PRIVATE_H

#include <net/if.h>
#include "kernel/wireguard.h"

struct nl_sock;

/* A device that has more is not ours: reading it stops. */
#define PPN_WG_PEERS_MAX (4 * PPN_MEMBERS_MAX)

/* ---- what to change ----------------------------------------------------------------------- */

/* Bits of an edit. An edit that is not REMOVE adds the peer when it is not there. */
enum ppn_wg_set {
	PPN_WG_SET_REMOVE = 1 << 0, /* alone */
	PPN_WG_SET_ENDPOINT = 1 << 1,
	PPN_WG_SET_KEEPALIVE = 1 << 2,
	PPN_WG_SET_ALLOWED = 1 << 3, /* replaces them all */
	PPN_WG_SET_NO_PSK = 1 << 4, /* takes a preshared key away */
};

struct ppn_wg_edit {
	uint32_t set; /* enum ppn_wg_set */
	const struct ppn_wg_peer *peer; /* not owned */
};

struct ppn_wg_edits {
	size_t n;
	struct ppn_wg_edit *edit; /* owned; free() */
};

/*
 * What turns the peers of `device` into `peers`: removals first (their prefixes become free), at most one
 * edit a key. `own`: this device's public key. `now_s`: Unix seconds. The edits point into both arguments.
 * -EINVAL as ppn_wg_peers() says; -ENOMEM.
 */
int ppn_wg_diff(const struct ppn_wg_device *device, const struct ppn_wg_peer *peers, size_t n_peers,
		const uint8_t own[static PPN_KEY_LEN], uint64_t now_s,
		struct ppn_wg_edits *ret_edits);
/* The edit of a whole peer. */
uint32_t ppn_wg_set_all(const struct ppn_wg_peer *peer);
/* Host bits of a prefix cleared, as devices keep them. */
void ppn_wg_mask(struct ppn_wg_allowed *allowed);
/* Is every field in range? */
bool ppn_wg_peer_valid(const struct ppn_wg_peer *peer);

/*
 * Growing list of what is read back. A peer of the key that came last is that peer continued (long lists
 * of prefixes span messages). The pointer is good until the next call. -E2BIG, -ENOMEM.
 */
int ppn_wg_device_peer(struct ppn_wg_device *device, const uint8_t key[static PPN_KEY_LEN],
		       struct ppn_wg_peer **ret_peer);
/* Takes the prefix into the peer, or calls it foreign. ip: 4 or 16 bytes. */
void ppn_wg_peer_prefix(struct ppn_wg_peer *peer, const uint8_t *ip, size_t ip_len, uint8_t len);
/* Endpoint from an address of 4 or 16 bytes; the port in host order. */
void ppn_wg_endpoint(struct sockaddr_in6 *ret_endpoint, const uint8_t *ip, size_t ip_len,
		     uint16_t port, uint32_t scope);

/* ---- the text of a UAPI socket (wireguard.com/xplatform) ----------------------------------- */

#define PPN_WG_LINE_MAX 256 /* a line of it, its end included */

/*
 * Reads the answer to `get=1` or to `set=1`, as it comes in pieces. Zero it, set `device` (zeroed; its
 * owner frees it, also after an error), feed until 1.
 */
struct ppn_wg_text {
	struct ppn_wg_device *device; /* NULL: an answer to set, without peers */
	struct ppn_wg_peer *peer;
	bool answered, done;
	size_t len;
	char line[PPN_WG_LINE_MAX]; /* holds secrets: wiped at the end, and by ppn_wg_text_end() */
};

/* 1: the answer is whole. 0: more to come. -errno: what the device refused with; -EPROTO: nonsense, or
 * bytes after the end; -E2BIG, -ENOMEM. */
int ppn_wg_text_feed(struct ppn_wg_text *text, const char *data, size_t len);
void ppn_wg_text_end(struct ppn_wg_text *text);

/* One edit as lines of a `set=1`. -> its length, or 0: does not fit (PPN_WG_EDIT_MAX always does). */
#define PPN_WG_EDIT_MAX 768
size_t ppn_wg_text_edit(char *ret_text, size_t size, const struct ppn_wg_edit *edit);

/* ---- backends ----------------------------------------------------------------------------- */

struct ppn_wg {
	const struct ppn_wg_backend_ops *ops;
	char name[IFNAMSIZ];
	uint32_t ifindex;
	struct nl_sock *rt; /* rtnetlink */
	struct nl_sock *genl; /* kernel */
	int family;
};

/* name, rt are set, and ifindex when a device of that name is there. */
struct ppn_wg_backend_ops {
	enum ppn_wg_backend backend;
	const char *kind; /* its device's, by rtnetlink */
	int (*open)(struct ppn_wg *wg); /* create or adopt; sets ifindex */
	/* NULL: leave it. */
	int (*self)(struct ppn_wg *wg, const uint8_t *secret, const uint16_t *port);
	int (*edit)(struct ppn_wg *wg, const struct ppn_wg_edit *edits, size_t n);
	/* Into a zeroed device, which the caller frees, after an error too. */
	int (*read)(struct ppn_wg *wg, struct ppn_wg_device *ret_device);
	int (*remove)(struct ppn_wg *wg);
};

extern const struct ppn_wg_backend_ops ppn_wg_genl, ppn_wg_uapi;

/* wireguard_go.c: the process. Start it for that device and return when its socket is there; *ret_fd is
 * then connected. Dial: connected, and known to be a wireguard-go of this namespace. */
int ppn_wg_go_start(const char *name, int *ret_fd);
int ppn_wg_go_dial(const char *name, int *ret_fd);
/* End it: its socket is taken away, which it watches; killed when that does not help. */
int ppn_wg_go_stop(const char *name);

#endif
