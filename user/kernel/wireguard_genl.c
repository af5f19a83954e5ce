// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Backend: the kernel's WireGuard, by generic netlink (linux/wireguard.h says what is in a message). */
#include <errno.h>
#include <string.h>
#include <net/if.h>
#include <linux/time_types.h>
#include <linux/wireguard.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include "kernel/netlink.h"
#include "kernel/wireguard_private.h"

/* A nested list is at most 65,535 bytes long and a message should be one allocation of a few pages. */
#define MSG_SIZE 16384
#define PEER_SIZE 512 /* more than any peer of PPN_WG_ALLOWED_MAX prefixes takes */

/* -- reading -- */

static struct nla_policy device_policy[WGDEVICE_A_MAX + 1] = {
	[WGDEVICE_A_PRIVATE_KEY] = { .minlen = WG_KEY_LEN },
	[WGDEVICE_A_PUBLIC_KEY] = { .minlen = WG_KEY_LEN },
	[WGDEVICE_A_LISTEN_PORT] = { .type = NLA_U16 },
	[WGDEVICE_A_PEERS] = { .type = NLA_NESTED },
};

static struct nla_policy peer_policy[WGPEER_A_MAX + 1] = {
	[WGPEER_A_PUBLIC_KEY] = { .minlen = WG_KEY_LEN },
	[WGPEER_A_PRESHARED_KEY] = { .minlen = WG_KEY_LEN },
	[WGPEER_A_ENDPOINT] = { .minlen = sizeof(struct sockaddr_in) },
	[WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL] = { .type = NLA_U16 },
	[WGPEER_A_LAST_HANDSHAKE_TIME] = { .minlen = sizeof(struct __kernel_timespec) },
	[WGPEER_A_RX_BYTES] = { .type = NLA_U64 },
	[WGPEER_A_TX_BYTES] = { .type = NLA_U64 },
	[WGPEER_A_ALLOWEDIPS] = { .type = NLA_NESTED },
};

static struct nla_policy allowed_policy[WGALLOWEDIP_A_MAX + 1] = {
	[WGALLOWEDIP_A_IPADDR] = { .minlen = sizeof(struct in_addr) },
	[WGALLOWEDIP_A_CIDR_MASK] = { .type = NLA_U8 },
};

static void take_endpoint(struct ppn_wg_peer *peer, const struct nlattr *attr)
{
	const struct sockaddr_in6 *v6 = nla_data(attr);
	const struct sockaddr_in *v4 = nla_data(attr);

	if (v4->sin_family == AF_INET)
		ppn_wg_endpoint(&peer->endpoint, (const uint8_t *)&v4->sin_addr, 4,
				ntohs(v4->sin_port), 0);
	else if (v6->sin6_family == AF_INET6 && nla_len(attr) >= (int)sizeof(*v6))
		ppn_wg_endpoint(&peer->endpoint, v6->sin6_addr.s6_addr, 16, ntohs(v6->sin6_port),
				v6->sin6_scope_id);
}

static int take_allowed(struct ppn_wg_peer *peer, struct nlattr *list)
{
	struct nlattr *entry, *attr[WGALLOWEDIP_A_MAX + 1];
	int rest;

	nla_for_each_nested(entry, list, rest)
	{
		if (nla_parse_nested(attr, WGALLOWEDIP_A_MAX, entry, allowed_policy) ||
		    !attr[WGALLOWEDIP_A_IPADDR] || !attr[WGALLOWEDIP_A_CIDR_MASK])
			return -EPROTO;
		ppn_wg_peer_prefix(peer, nla_data(attr[WGALLOWEDIP_A_IPADDR]),
				   (size_t)nla_len(attr[WGALLOWEDIP_A_IPADDR]),
				   nla_get_u8(attr[WGALLOWEDIP_A_CIDR_MASK]));
	}
	return 0;
}

/* A peer continued from the message before has its key and prefixes only. */
static int take_peer(struct ppn_wg_device *device, struct nlattr *nest)
{
	static const uint8_t no_psk[WG_KEY_LEN];
	struct nlattr *attr[WGPEER_A_MAX + 1];
	struct __kernel_timespec handshake;
	struct ppn_wg_peer *peer;
	int err;

	if (nla_parse_nested(attr, WGPEER_A_MAX, nest, peer_policy) || !attr[WGPEER_A_PUBLIC_KEY])
		return -EPROTO;
	err = ppn_wg_device_peer(device, nla_data(attr[WGPEER_A_PUBLIC_KEY]), &peer);
	if (err)
		return err;
	if (attr[WGPEER_A_PRESHARED_KEY] &&
	    memcmp(nla_data(attr[WGPEER_A_PRESHARED_KEY]), no_psk, sizeof(no_psk)) != 0)
		peer->foreign = true;
	if (attr[WGPEER_A_ENDPOINT])
		take_endpoint(peer, attr[WGPEER_A_ENDPOINT]);
	if (attr[WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL])
		peer->keepalive_s = nla_get_u16(attr[WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL]);
	if (attr[WGPEER_A_LAST_HANDSHAKE_TIME]) {
		nla_memcpy(&handshake, attr[WGPEER_A_LAST_HANDSHAKE_TIME], sizeof(handshake));
		peer->handshake_s = handshake.tv_sec > 0 ? (uint64_t)handshake.tv_sec : 0;
	}
	if (attr[WGPEER_A_RX_BYTES])
		peer->rx = nla_get_u64(attr[WGPEER_A_RX_BYTES]);
	if (attr[WGPEER_A_TX_BYTES])
		peer->tx = nla_get_u64(attr[WGPEER_A_TX_BYTES]);
	return attr[WGPEER_A_ALLOWEDIPS] ? take_allowed(peer, attr[WGPEER_A_ALLOWEDIPS]) : 0;
}

static int take_device(const struct nlmsghdr *hdr, void *arg)
{
	struct nlattr *attr[WGDEVICE_A_MAX + 1], *peer;
	struct ppn_wg_device *device = arg;
	int rest, err = 0;

	if (!genlmsg_valid_hdr((struct nlmsghdr *)hdr, 0) ||
	    genlmsg_parse((struct nlmsghdr *)hdr, 0, attr, WGDEVICE_A_MAX, device_policy))
		return -EPROTO;
	if (attr[WGDEVICE_A_PRIVATE_KEY])
		memcpy(device->secret, nla_data(attr[WGDEVICE_A_PRIVATE_KEY]),
		       sizeof(device->secret));
	if (attr[WGDEVICE_A_PUBLIC_KEY])
		memcpy(device->key, nla_data(attr[WGDEVICE_A_PUBLIC_KEY]), sizeof(device->key));
	if (attr[WGDEVICE_A_LISTEN_PORT])
		device->port = nla_get_u16(attr[WGDEVICE_A_LISTEN_PORT]);
	if (!attr[WGDEVICE_A_PEERS])
		return 0;
	nla_for_each_nested(peer, attr[WGDEVICE_A_PEERS], rest)
	{
		err = take_peer(device, peer);
		if (err)
			break;
	}
	return err;
}

static struct nl_msg *message(const struct ppn_wg *wg, int flags, uint8_t cmd)
{
	struct nl_msg *msg = nlmsg_alloc_size(MSG_SIZE);

	if (!msg)
		return NULL;
	if (!genlmsg_put(msg, NL_AUTO_PORT, NL_AUTO_SEQ, wg->family, 0, NLM_F_REQUEST | flags, cmd,
			 WG_GENL_VERSION) ||
	    nla_put_u32(msg, WGDEVICE_A_IFINDEX, wg->ifindex)) {
		nlmsg_free(msg);
		return NULL;
	}
	return msg;
}

static int genl_read(struct ppn_wg *wg, struct ppn_wg_device *ret_device)
{
	int err = -EINTR;

	for (unsigned int try = 0; err == -EINTR && try < PPN_NL_TRIES; try++) {
		ppn_wg_device_free(ret_device);
		err = ppn_nl_talk(wg->genl, message(wg, NLM_F_DUMP, WG_CMD_GET_DEVICE), take_device,
				  ret_device);
	}
	return err == -EINTR ? -EAGAIN : err;
}

/* -- writing -- */

static int genl_self(struct ppn_wg *wg, const uint8_t *secret, const uint16_t *port)
{
	struct nl_msg *msg = message(wg, 0, WG_CMD_SET_DEVICE);

	if (msg && ((secret && nla_put(msg, WGDEVICE_A_PRIVATE_KEY, WG_KEY_LEN, secret)) ||
		    (port && nla_put_u16(msg, WGDEVICE_A_LISTEN_PORT, *port)))) {
		nlmsg_free(msg);
		return -EMSGSIZE;
	}
	return ppn_nl_talk(wg->genl, msg, NULL, NULL);
}

static int put_endpoint(struct nl_msg *msg, const struct sockaddr_in6 *endpoint)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = endpoint->sin6_port };

	if (!IN6_IS_ADDR_V4MAPPED(&endpoint->sin6_addr))
		return nla_put(msg, WGPEER_A_ENDPOINT, sizeof(*endpoint), endpoint);
	memcpy(&v4.sin_addr, endpoint->sin6_addr.s6_addr + 12, sizeof(v4.sin_addr));
	return nla_put(msg, WGPEER_A_ENDPOINT, sizeof(v4), &v4);
}

static int put_allowed(struct nl_msg *msg, const struct ppn_wg_peer *peer)
{
	struct nlattr *list = nla_nest_start(msg, WGPEER_A_ALLOWEDIPS), *entry;

	if (!list)
		return -1;
	for (size_t i = 0; i < peer->n_allowed; i++) {
		entry = nla_nest_start(msg, 0);
		if (!entry || nla_put_u16(msg, WGALLOWEDIP_A_FAMILY, AF_INET6) ||
		    nla_put(msg, WGALLOWEDIP_A_IPADDR, 16, peer->allowed[i].addr) ||
		    nla_put_u8(msg, WGALLOWEDIP_A_CIDR_MASK, peer->allowed[i].len))
			return -1;
		nla_nest_end(msg, entry);
	}
	nla_nest_end(msg, list);
	return 0;
}

static int put_peer(struct nl_msg *msg, const struct ppn_wg_edit *edit)
{
	static const uint8_t no_psk[WG_KEY_LEN];
	const struct ppn_wg_peer *peer = edit->peer;
	struct nlattr *nest = nla_nest_start(msg, 0);
	uint32_t flags = 0;

	if (edit->set & PPN_WG_SET_REMOVE)
		flags |= WGPEER_F_REMOVE_ME;
	if (edit->set & PPN_WG_SET_ALLOWED)
		flags |= WGPEER_F_REPLACE_ALLOWEDIPS;
	if (!nest || nla_put(msg, WGPEER_A_PUBLIC_KEY, WG_KEY_LEN, peer->key) ||
	    nla_put_u32(msg, WGPEER_A_FLAGS, flags) ||
	    (edit->set & PPN_WG_SET_NO_PSK &&
	     nla_put(msg, WGPEER_A_PRESHARED_KEY, WG_KEY_LEN, no_psk)) ||
	    (edit->set & PPN_WG_SET_ENDPOINT && put_endpoint(msg, &peer->endpoint)) ||
	    (edit->set & PPN_WG_SET_KEEPALIVE &&
	     nla_put_u16(msg, WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL, peer->keepalive_s)) ||
	    (edit->set & PPN_WG_SET_ALLOWED && put_allowed(msg, peer)))
		return -1;
	nla_nest_end(msg, nest);
	return 0;
}

/* As many edits as one message holds. -> how many, or -errno. */
static int send_some(struct ppn_wg *wg, const struct ppn_wg_edit *edits, size_t n)
{
	struct nl_msg *msg = message(wg, 0, WG_CMD_SET_DEVICE);
	struct nlattr *peers;
	size_t i = 0;
	int err;

	if (!msg)
		return -ENOMEM;
	peers = nla_nest_start(msg, WGDEVICE_A_PEERS);
	while (peers && i < n && nlmsg_hdr(msg)->nlmsg_len + PEER_SIZE <= MSG_SIZE) {
		if (put_peer(msg, &edits[i++]))
			peers = NULL;
	}
	if (!peers) {
		nlmsg_free(msg);
		return -EMSGSIZE;
	}
	nla_nest_end(msg, peers);
	err = ppn_nl_talk(wg->genl, msg, NULL, NULL);
	return err ? err : (int)i;
}

static int genl_edit(struct ppn_wg *wg, const struct ppn_wg_edit *edits, size_t n)
{
	while (n) {
		int sent = send_some(wg, edits, n);

		if (sent < 0)
			return sent;
		edits += sent;
		n -= (size_t)sent;
	}
	return 0;
}

/* -- life -- */

static int genl_open(struct ppn_wg *wg)
{
	bool create = !wg->ifindex;
	int err;

	if (create) {
		err = ppn_rt_create(wg->rt, wg->name, wg->ops->kind);
		if (err)
			return err;
		wg->ifindex = if_nametoindex(wg->name);
	}
	err = wg->ifindex ? ppn_nl_open(&wg->genl, NETLINK_GENERIC) : -ENODEV;
	if (!err) {
		wg->family = genl_ctrl_resolve(wg->genl, WG_GENL_NAME);
		err = ppn_nl_errno(wg->family);
	}
	if (err && create && wg->ifindex)
		(void)ppn_rt_delete(wg->rt, wg->ifindex);
	return err;
}

static int genl_remove(struct ppn_wg *wg)
{
	return ppn_rt_delete(wg->rt, wg->ifindex);
}

const struct ppn_wg_backend_ops ppn_wg_genl = {
	.backend = PPN_WG_KERNEL,
	.kind = "wireguard",
	.open = genl_open,
	.self = genl_self,
	.edit = genl_edit,
	.read = genl_read,
	.remove = genl_remove,
};
