// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Which interfaces are external (DESIGN 6), asked of rtnetlink: /sys shows the devices of the namespace
 * it was mounted in, which need not be ours. A device on a bus has a parent. Bonds and VLANs over such
 * devices need no row of their own: their traffic crosses the lowest device, which is sealed.
 */
#include <errno.h>
#include <fnmatch.h>
#include <string.h>
#include <net/if.h>
#include <sys/socket.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include "kernel/datapath_private.h"
#include "kernel/netlink.h"

#define MESH_DEVICE "ppn0"

struct device {
	uint32_t ifindex;
	bool loopback, on_bus, bond_member;
	char name[IF_NAMESIZE];
};

static bool is_text(const struct rtattr *attr, const char *text)
{
	const size_t len = strlen(text);

	return RTA_PAYLOAD(attr) >= len && !memcmp(RTA_DATA(attr), text, len) &&
	       (RTA_PAYLOAD(attr) == len || !((const char *)RTA_DATA(attr))[len]);
}

static bool is_bond_member(struct rtattr *info)
{
	unsigned int left = RTA_PAYLOAD(info);

	for (struct rtattr *a = RTA_DATA(info); RTA_OK(a, left); a = RTA_NEXT(a, left))
		if ((a->rta_type & NLA_TYPE_MASK) == IFLA_INFO_SLAVE_KIND)
			return is_text(a, "bond");
	return false;
}

static bool read_device(const struct nlmsghdr *hdr, struct device *ret_device)
{
	struct ifinfomsg *info = NLMSG_DATA(hdr);
	struct device device = { 0 };
	unsigned int left;

	if (hdr->nlmsg_type != RTM_NEWLINK || hdr->nlmsg_len < NLMSG_LENGTH(sizeof(*info)))
		return false;
	device.ifindex = (uint32_t)info->ifi_index;
	device.loopback = info->ifi_flags & IFF_LOOPBACK;
	left = (unsigned int)IFLA_PAYLOAD(hdr);
	for (struct rtattr *a = IFLA_RTA(info); RTA_OK(a, left); a = RTA_NEXT(a, left)) {
		switch (a->rta_type & NLA_TYPE_MASK) {
		case IFLA_IFNAME:
			strncpy(device.name, RTA_DATA(a), sizeof(device.name) - 1);
			break;
		case IFLA_PARENT_DEV_BUS_NAME:
			device.on_bus = true;
			break;
		case IFLA_LINKINFO:
			device.bond_member = is_bond_member(a);
			break;
		}
	}
	*ret_device = device;
	return true;
}

struct search {
	const char *const *names;
	size_t n_names;
	uint32_t *ifindex;
	size_t max, n;
};

static bool is_external(const struct device *device, const struct search *s)
{
	if (device->loopback || !strcmp(device->name, MESH_DEVICE))
		return false;
	for (size_t i = 0; i < s->n_names; i++)
		if (!fnmatch(s->names[i], device->name, 0))
			return true;
	return device->on_bus;
}

static int on_link(const struct nlmsghdr *hdr, void *arg)
{
	struct search *s = arg;
	struct device device;

	if (!read_device(hdr, &device) || !is_external(&device, s))
		return 0;
	if (s->n == s->max)
		return -E2BIG;
	s->ifindex[s->n++] = device.ifindex;
	return 0;
}

int ppn_datapath_external(const char *const *names, size_t n_names, uint32_t *ret_ifindex,
			  size_t max, size_t *ret_n)
{
	const struct ifinfomsg all = { .ifi_family = AF_UNSPEC };
	struct search s;
	struct nl_sock *sk;
	int err;

	err = ppn_nl_open(&sk, NETLINK_ROUTE);
	if (err)
		return err;
	err = -EINTR;
	for (int i = 0; i < PPN_NL_TRIES && err == -EINTR; i++) {
		s = (struct search){
			.names = names, .n_names = n_names, .ifindex = ret_ifindex, .max = max
		};
		err = ppn_nl_talk(sk, ppn_rt_msg(RTM_GETLINK, NLM_F_DUMP, &all, sizeof(all)),
				  on_link, &s);
	}
	nl_socket_free(sk);
	if (!err)
		*ret_n = s.n;
	return err;
}

static int on_one(const struct nlmsghdr *hdr, void *arg)
{
	(void)read_device(hdr, arg);
	return 0;
}

int dp_is_bond_member(uint32_t ifindex)
{
	const struct ifinfomsg one = { .ifi_family = AF_UNSPEC, .ifi_index = (int)ifindex };
	struct device device = { 0 };
	struct nl_sock *sk;
	int err;

	err = ppn_nl_open(&sk, NETLINK_ROUTE);
	if (err)
		return err;
	err = ppn_nl_talk(sk, ppn_rt_msg(RTM_GETLINK, 0, &one, sizeof(one)), on_one, &device);
	nl_socket_free(sk);
	return err ? err : device.bond_member;
}
