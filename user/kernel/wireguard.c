// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <netlink/netlink.h>
#include "kernel/netlink.h"
#include "kernel/wireguard_private.h"
#include "lib/crypto.h"

/* In the order they are tried. */
static const struct ppn_wg_backend_ops *const backends[] = { &ppn_wg_genl, &ppn_wg_uapi };
#define N_BACKENDS (sizeof(backends) / sizeof(backends[0]))

/* It becomes part of a path: what wg-quick allows, and no dot in front. */
static bool is_name(const char *name)
{
	size_t len = strnlen(name, IFNAMSIZ);

	if (!len || len == IFNAMSIZ || *name == '.')
		return false;
	for (; *name; name++) {
		if (!isalnum((unsigned char)*name) && !strchr("_=+.-", *name))
			return false;
	}
	return true;
}

/* A device of that name is there: its kind says whose it is. */
static int adopt(struct ppn_wg *wg, enum ppn_wg_backend force)
{
	char kind[PPN_RT_KIND_LEN];
	int err = ppn_rt_kind(wg->rt, wg->ifindex, kind);

	for (size_t i = 0; !err && i < N_BACKENDS; i++) {
		wg->ops = backends[i];
		if (!strcmp(kind, wg->ops->kind) && (!force || force == wg->ops->backend))
			return wg->ops->open(wg);
	}
	return err ? err : -EEXIST;
}

static int create(struct ppn_wg *wg, enum ppn_wg_backend force)
{
	int err = -EOPNOTSUPP;

	for (size_t i = 0; err == -EOPNOTSUPP && i < N_BACKENDS; i++) {
		if (force && force != backends[i]->backend)
			continue;
		wg->ops = backends[i];
		err = wg->ops->open(wg);
	}
	return err;
}

int ppn_wg_open(struct ppn_wg **ret_wg, const char *ifname, enum ppn_wg_backend force)
{
	struct ppn_wg *wg;
	int err;

	if (!is_name(ifname))
		return -EINVAL;
	wg = calloc(1, sizeof(*wg));
	if (!wg)
		return -ENOMEM;
	memccpy(wg->name, ifname, '\0', sizeof(wg->name));
	err = ppn_nl_open(&wg->rt, NETLINK_ROUTE);
	if (!err) {
		wg->ifindex = if_nametoindex(ifname);
		err = wg->ifindex ? adopt(wg, force) : create(wg, force);
	}
	if (err)
		ppn_wg_close(&wg);
	else
		*ret_wg = wg;
	return err;
}

void ppn_wg_close(struct ppn_wg **wg)
{
	if (!*wg)
		return;
	if ((*wg)->genl)
		nl_socket_free((*wg)->genl);
	if ((*wg)->rt)
		nl_socket_free((*wg)->rt);
	free(*wg);
	*wg = NULL;
}

enum ppn_wg_backend ppn_wg_backend(const struct ppn_wg *wg)
{
	return wg->ops->backend;
}

uint32_t ppn_wg_ifindex(const struct ppn_wg *wg)
{
	return wg->ifindex;
}

int ppn_wg_read(struct ppn_wg *wg, struct ppn_wg_device *ret_device)
{
	struct ppn_wg_device device = { 0 };
	int err = wg->ops->read(wg, &device);

	if (err)
		ppn_wg_device_free(&device);
	else
		*ret_device = device;
	return err;
}

void ppn_wg_device_free(struct ppn_wg_device *device)
{
	free(device->peers);
	ppn_wipe(device, sizeof(*device));
}

int ppn_wg_self(struct ppn_wg *wg, const uint8_t secret[static 32], uint16_t port)
{
	struct ppn_wg_device device;
	uint8_t key[PPN_KEY_LEN];
	bool same_key, same_port;
	int err;

	if (ppn_is_zero(secret, 32))
		return -EINVAL;
	err = ppn_wg_read(wg, &device);
	if (err)
		return err;
	/* By the public key: a device may keep its secret clamped, or not show it. */
	ppn_dh_public(key, secret);
	same_key = ppn_equal(key, device.key, sizeof(key));
	same_port = device.port == port;
	ppn_wg_device_free(&device);
	if (same_key && same_port)
		return 0;
	return wg->ops->self(wg, same_key ? NULL : secret, same_port ? NULL : &port);
}

int ppn_wg_peers(struct ppn_wg *wg, const struct ppn_wg_peer *peers, size_t n_peers,
		 size_t *ret_changed)
{
	struct ppn_wg_edits edits = { 0 };
	struct ppn_wg_device device;
	struct timespec now;
	int err;

	err = ppn_wg_read(wg, &device);
	if (err)
		return err;
	clock_gettime(CLOCK_REALTIME, &now);
	err = ppn_wg_diff(&device, peers, n_peers, device.key, (uint64_t)now.tv_sec, &edits);
	if (!err && edits.n)
		err = wg->ops->edit(wg, edits.edit, edits.n);
	if (!err && ret_changed)
		*ret_changed = edits.n;
	free(edits.edit);
	ppn_wg_device_free(&device);
	return err;
}

int ppn_wg_peer_set(struct ppn_wg *wg, const struct ppn_wg_peer *peer)
{
	struct ppn_wg_edit edit = { .peer = peer };

	if (!ppn_wg_peer_valid(peer))
		return -EINVAL;
	edit.set = ppn_wg_set_all(peer);
	return wg->ops->edit(wg, &edit, 1);
}

int ppn_wg_peer_remove(struct ppn_wg *wg, const uint8_t key[static PPN_KEY_LEN])
{
	struct ppn_wg_peer peer = { 0 };
	const struct ppn_wg_edit edit = { PPN_WG_SET_REMOVE, &peer };

	memcpy(peer.key, key, PPN_KEY_LEN);
	return wg->ops->edit(wg, &edit, 1);
}

int ppn_wg_delete(struct ppn_wg **wg)
{
	int err = (*wg)->ops->remove(*wg);

	ppn_wg_close(wg);
	return err;
}
