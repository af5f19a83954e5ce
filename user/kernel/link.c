// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <linux/ethtool.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include "kernel/link_private.h"
#include "lib/wire.h"

int ppn_link_open(struct ppn_link **ret_link)
{
	struct ppn_link *link = calloc(1, sizeof(*link));
	int err;

	if (!link)
		return -ENOMEM;
	link->watch_fd = -1;
	err = ppn_nl_open(&link->sk, NETLINK_ROUTE);
	if (err) {
		free(link);
		return err;
	}
	*ret_link = link;
	return 0;
}

void ppn_link_close(struct ppn_link **link)
{
	if (!*link)
		return;
	if ((*link)->watch_fd >= 0)
		close((*link)->watch_fd);
	nl_socket_free((*link)->sk);
	free(*link);
	*link = NULL;
}

int ppn_link_name(uint32_t ifindex, char ret_name[static IFNAMSIZ])
{
	char name[IFNAMSIZ];

	if (!if_indextoname(ifindex, name))
		return errno == ENXIO ? -ENODEV : -errno;
	memcpy(ret_name, name, sizeof(name));
	return 0;
}

static int take_info(const struct nlmsghdr *hdr, void *arg)
{
	struct nlattr *attr[IFLA_MAX + 1];
	struct ppn_link_info *info = arg;
	const struct ifinfomsg *head = nlmsg_data(hdr);

	if (hdr->nlmsg_type != RTM_NEWLINK)
		return 0;
	if (nlmsg_parse((struct nlmsghdr *)hdr, sizeof(*head), attr, IFLA_MAX, NULL) ||
	    !attr[IFLA_IFNAME] || !attr[IFLA_MTU])
		return -EPROTO;
	info->ifindex = (uint32_t)head->ifi_index;
	info->up = head->ifi_flags & IFF_UP;
	info->mtu = nla_get_u32(attr[IFLA_MTU]);
	nla_strlcpy(info->name, attr[IFLA_IFNAME], sizeof(info->name));
	if (attr[IFLA_ADDRESS] && nla_len(attr[IFLA_ADDRESS]) == sizeof(info->mac))
		memcpy(info->mac, nla_data(attr[IFLA_ADDRESS]), sizeof(info->mac));
	return 0;
}

/* No driver, or none that says its name: ret stays empty. */
static void driver(const char *name, char *ret_driver, size_t size)
{
	struct ethtool_drvinfo drv = { .cmd = ETHTOOL_GDRVINFO };
	struct ifreq ifr = { .ifr_data = (void *)&drv };
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return;
	memcpy(ifr.ifr_name, name, sizeof(ifr.ifr_name));
	if (!ioctl(fd, SIOCETHTOOL, &ifr)) {
		drv.driver[sizeof(drv.driver) - 1] = '\0';
		memccpy(ret_driver, drv.driver, '\0', size);
		ret_driver[size - 1] = '\0';
	}
	close(fd);
}

int ppn_link_info(struct ppn_link *link, uint32_t ifindex, struct ppn_link_info *ret_info)
{
	const struct ifinfomsg head = { .ifi_family = AF_UNSPEC, .ifi_index = (int)ifindex };
	struct ppn_link_info info = { 0 };
	int err;

	if (!ifindex)
		return -ENODEV;
	err = ppn_nl_talk(link->sk, ppn_rt_msg(RTM_GETLINK, 0, &head, sizeof(head)), take_info,
			  &info);
	if (err)
		return err;
	driver(info.name, info.driver, sizeof(info.driver));
	*ret_info = info;
	return 0;
}

int ppn_link_up(struct ppn_link *link, uint32_t ifindex, bool up)
{
	const struct ifinfomsg head = {
		.ifi_family = AF_UNSPEC,
		.ifi_index = (int)ifindex,
		.ifi_flags = up ? IFF_UP : 0,
		.ifi_change = IFF_UP,
	};

	/* The kernel itself leaves alone what is already so. */
	return ppn_nl_talk(link->sk, ppn_rt_msg(RTM_NEWLINK, 0, &head, sizeof(head)), NULL, NULL);
}

int ppn_link_mtu(struct ppn_link *link, uint32_t ifindex, uint32_t mtu)
{
	const struct ifinfomsg head = { .ifi_family = AF_UNSPEC, .ifi_index = (int)ifindex };
	struct nl_msg *msg = ppn_rt_msg(RTM_NEWLINK, 0, &head, sizeof(head));

	if (msg && nla_put_u32(msg, IFLA_MTU, mtu)) {
		nlmsg_free(msg);
		return -EMSGSIZE;
	}
	return ppn_nl_talk(link->sk, msg, NULL, NULL);
}

/* -- addresses -- */

#define ADDRS_MAX 256 /* of one interface; more are not read */

struct addr {
	uint8_t ip[16]; /* IPv6 or IPv4-mapped */
	uint8_t family, len, scope;
	uint32_t flags;
};

struct addr_list {
	uint32_t ifindex;
	size_t n;
	struct addr addr[ADDRS_MAX];
};

static int take_addr(const struct nlmsghdr *hdr, void *arg)
{
	const struct ifaddrmsg *head = nlmsg_data(hdr);
	struct nlattr *attr[IFA_MAX + 1], *ip;
	struct addr_list *list = arg;
	struct addr *a;

	if (hdr->nlmsg_type != RTM_NEWADDR || head->ifa_index != list->ifindex ||
	    list->n == ADDRS_MAX)
		return 0;
	if (nlmsg_parse((struct nlmsghdr *)hdr, sizeof(*head), attr, IFA_MAX, NULL))
		return -EPROTO;
	/* Our own end; IFA_ADDRESS is the far one on a point-to-point link. */
	ip = attr[IFA_LOCAL] ? attr[IFA_LOCAL] : attr[IFA_ADDRESS];
	a = &list->addr[list->n];
	*a = (struct addr){ .family = head->ifa_family,
			    .len = head->ifa_prefixlen,
			    .scope = head->ifa_scope };
	a->flags = attr[IFA_FLAGS] ? nla_get_u32(attr[IFA_FLAGS]) : head->ifa_flags;
	if (head->ifa_family == AF_INET6 && ip && nla_len(ip) == 16) {
		memcpy(a->ip, nla_data(ip), 16);
	} else if (head->ifa_family == AF_INET && ip && nla_len(ip) == 4) {
		ppn_address_v4(a->ip, nla_data(ip));
	} else {
		return 0;
	}
	list->n++;
	return 0;
}

static int read_addrs(struct ppn_link *link, uint8_t family, struct addr_list *list)
{
	const struct ifaddrmsg head = { .ifa_family = family, .ifa_index = list->ifindex };
	int err = -EINTR;

	for (unsigned int try = 0; err == -EINTR && try < PPN_NL_TRIES; try++) {
		list->n = 0;
		err = ppn_nl_talk(link->sk,
				  ppn_rt_msg(RTM_GETADDR, NLM_F_DUMP, &head, sizeof(head)),
				  take_addr, list);
	}
	return err;
}

static int change_addr(struct ppn_link *link, int type, uint32_t ifindex, const uint8_t *ip,
		       uint8_t len)
{
	const struct ifaddrmsg head = {
		.ifa_family = AF_INET6,
		.ifa_prefixlen = len,
		.ifa_scope = RT_SCOPE_UNIVERSE,
		.ifa_index = ifindex,
	};
	struct nl_msg *msg;

	msg = ppn_rt_msg(type, type == RTM_NEWADDR ? NLM_F_CREATE | NLM_F_REPLACE : 0, &head,
			 sizeof(head));
	if (!msg)
		return -ENOMEM;
	/* Nobody else can have it, so no duplicate detection; routes are ppn_link_fleet()'s alone. */
	if (nla_put(msg, IFA_LOCAL, 16, ip) || nla_put(msg, IFA_ADDRESS, 16, ip) ||
	    nla_put_u32(msg, IFA_FLAGS, IFA_F_NODAD | IFA_F_NOPREFIXROUTE)) {
		nlmsg_free(msg);
		return -EMSGSIZE;
	}
	return ppn_nl_talk(link->sk, msg, NULL, NULL);
}

static bool is_wanted(const struct addr *a, const uint8_t *ip, uint8_t len)
{
	return a->len == len && !memcmp(a->ip, ip, 16) && (a->flags & IFA_F_NOPREFIXROUTE) &&
	       (a->flags & IFA_F_PERMANENT);
}

static int make_addrs(struct ppn_link *link, const struct addr_list *list, const uint8_t *ip,
		      uint8_t len)
{
	bool there = false;
	int err;

	for (size_t i = 0; i < list->n; i++) {
		const struct addr *a = &list->addr[i];

		if (a->scope != RT_SCOPE_UNIVERSE)
			continue;
		if (is_wanted(a, ip, len)) {
			there = true;
			continue;
		}
		err = change_addr(link, RTM_DELADDR, list->ifindex, a->ip, a->len);
		if (err && err != -EADDRNOTAVAIL)
			return err;
	}
	return there ? 0 : change_addr(link, RTM_NEWADDR, list->ifindex, ip, len);
}

int ppn_link_address(struct ppn_link *link, uint32_t ifindex, const uint8_t addr[static 16],
		     uint8_t len)
{
	struct addr_list *list;
	char name[IFNAMSIZ];
	int err;

	if (len > 128)
		return -EINVAL;
	err = ppn_link_name(ifindex, name);
	if (!err)
		err = ppn_link_sysctl("ipv6", name, "disable_ipv6", 0);
	if (err)
		return err;
	list = malloc(sizeof(*list));
	if (!list)
		return -ENOMEM;
	list->ifindex = ifindex;
	err = read_addrs(link, AF_INET6, list);
	if (!err)
		err = make_addrs(link, list, addr, len);
	free(list);
	return err;
}

/* Not yet proved unique, or proved not to be: nobody reaches us by it. */
static bool is_usable(const struct addr *a)
{
	return !(a->flags & IFA_F_DADFAILED) &&
	       (!(a->flags & IFA_F_TENTATIVE) || (a->flags & IFA_F_OPTIMISTIC));
}

int ppn_link_addresses(struct ppn_link *link, uint32_t ifindex, uint8_t (*ret_addrs)[16],
		       size_t max, size_t *ret_n)
{
	struct addr_list *list = malloc(sizeof(*list));
	size_t n = 0;
	int err;

	if (!list)
		return -ENOMEM;
	list->ifindex = ifindex;
	err = read_addrs(link, AF_UNSPEC, list);
	for (int local = 0; !err && local < 2; local++) {
		for (size_t i = 0; i < list->n && n < max; i++) {
			const struct addr *a = &list->addr[i];

			if (is_usable(a) && a->scope < RT_SCOPE_HOST &&
			    (a->scope == RT_SCOPE_LINK) == local)
				memcpy(ret_addrs[n++], a->ip, 16);
		}
	}
	free(list);
	if (!err)
		*ret_n = n;
	return err;
}
