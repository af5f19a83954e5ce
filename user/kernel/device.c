// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Devices by rtnetlink: /sys shows those of the namespace it was mounted in, which need not be ours.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include "kernel/device.h"
#include "kernel/netlink.h"

struct list {
	struct ppn_device *devices;
	size_t n, room;
};

static void read_kind(struct ppn_device *device, struct nlattr *linkinfo)
{
	struct nlattr *info[IFLA_INFO_MAX + 1];

	if (linkinfo && !nla_parse_nested(info, IFLA_INFO_MAX, linkinfo, NULL) &&
	    info[IFLA_INFO_KIND])
		(void)nla_strlcpy(device->kind, info[IFLA_INFO_KIND], sizeof(device->kind));
}

static int read_device(const struct nlmsghdr *hdr, struct ppn_device *ret_device)
{
	const struct ifinfomsg *head = nlmsg_data(hdr);
	struct nlattr *attr[IFLA_MAX + 1];
	struct ppn_device device = { 0 };

	if (nlmsg_parse((struct nlmsghdr *)hdr, sizeof(*head), attr, IFLA_MAX, NULL) ||
	    !attr[IFLA_IFNAME])
		return -EPROTO;
	device.ifindex = (uint32_t)head->ifi_index;
	device.loopback = head->ifi_flags & IFF_LOOPBACK;
	device.up = head->ifi_flags & IFF_UP;
	(void)nla_strlcpy(device.name, attr[IFLA_IFNAME], sizeof(device.name));
	if (attr[IFLA_PARENT_DEV_BUS_NAME])
		(void)nla_strlcpy(device.bus, attr[IFLA_PARENT_DEV_BUS_NAME], sizeof(device.bus));
	if (attr[IFLA_MTU])
		device.mtu = nla_get_u32(attr[IFLA_MTU]);
	if (attr[IFLA_MASTER])
		device.master = nla_get_u32(attr[IFLA_MASTER]);
	/* With a namespace id the number is one of that namespace. */
	if (attr[IFLA_LINK] && !attr[IFLA_LINK_NETNSID])
		device.lower = nla_get_u32(attr[IFLA_LINK]);
	if (attr[IFLA_ADDRESS] && nla_len(attr[IFLA_ADDRESS]) == (int)sizeof(device.mac)) {
		memcpy(device.mac, nla_data(attr[IFLA_ADDRESS]), sizeof(device.mac));
		device.has_mac = true;
	}
	read_kind(&device, attr[IFLA_LINKINFO]);
	*ret_device = device;
	return 0;
}

static int on_link(const struct nlmsghdr *hdr, void *arg)
{
	struct list *list = arg;

	if (hdr->nlmsg_type != RTM_NEWLINK)
		return 0;
	if (list->n == PPN_DEVICES_MAX)
		return -E2BIG;
	if (list->n == list->room) {
		size_t room = list->room ? list->room * 2 : 32;
		struct ppn_device *more = realloc(list->devices, room * sizeof(*more));

		if (!more)
			return -ENOMEM;
		list->devices = more;
		list->room = room;
	}
	return read_device(hdr, &list->devices[list->n++]);
}

int ppn_device_list(const struct ppn_external *rule, struct ppn_device **ret_devices, size_t *ret_n)
{
	const struct ifinfomsg all = { .ifi_family = AF_UNSPEC };
	struct list list = { 0 };
	struct nl_sock *sk;
	int err;

	err = ppn_nl_open(&sk, NETLINK_ROUTE);
	if (err)
		return err;
	err = -EINTR;
	for (int i = 0; i < PPN_NL_TRIES && err == -EINTR; i++) {
		list.n = 0;
		err = ppn_nl_talk(sk, ppn_rt_msg(RTM_GETLINK, NLM_F_DUMP, &all, sizeof(all)),
				  on_link, &list);
	}
	nl_socket_free(sk);
	if (err) {
		free(list.devices);
		return err;
	}
	ppn_device_decide(rule, list.devices, list.n);
	*ret_devices = list.devices;
	*ret_n = list.n;
	return 0;
}
