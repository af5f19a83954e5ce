// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <sys/socket.h>
#include <arpa/inet.h>
#include <linux/fib_rules.h>
#include <linux/filter.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include "kernel/link_private.h"

/* Datagrams taken in one dispatch: the event loop has others to serve. */
#define WATCH_BURST 64

/*
 * A router's routing daemon must not wake us: of route events pass only deletions from a table above 255
 * (RT_TABLE_COMPAT in the head), ours among them. Loads are big-endian.
 */
static int filter_routes(int fd)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, offsetof(struct nlmsghdr, nlmsg_type)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htons(RTM_NEWROUTE), 3, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htons(RTM_DELROUTE), 0, 3),
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS,
			 NLMSG_HDRLEN + offsetof(struct rtmsg, rtm_table)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, RT_TABLE_COMPAT, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, 0),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
	};
	const struct sock_fprog prog = { .len = sizeof(code) / sizeof(code[0]), .filter = code };

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog)) ? -errno : 0;
}

static int subscribe(int fd)
{
	static const int groups[] = { RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR,
				      RTNLGRP_IPV6_ROUTE, RTNLGRP_IPV6_RULE };
	const struct sockaddr_nl self = { .nl_family = AF_NETLINK };
	int err = filter_routes(fd);

	if (!err && bind(fd, (const struct sockaddr *)&self, sizeof(self)))
		err = -errno;
	for (size_t i = 0; !err && i < sizeof(groups) / sizeof(groups[0]); i++) {
		if (setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &groups[i],
			       sizeof(groups[i])))
			err = -errno;
	}
	return err;
}

int ppn_link_watch(struct ppn_link *link, void (*changed)(void *arg, uint32_t ifindex, bool gone),
		   void *arg)
{
	int fd, err;

	if (link->watch_fd >= 0)
		return -EALREADY;
	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
	if (fd < 0)
		return -errno;
	err = subscribe(fd);
	if (err) {
		close(fd);
		return err;
	}
	link->watch_fd = fd;
	link->changed = changed;
	link->changed_arg = arg;
	return 0;
}

int ppn_link_watch_fd(const struct ppn_link *link)
{
	return link->watch_fd;
}

static bool is_ours(const struct nlmsghdr *hdr, size_t head_len, int attr_table, uint8_t head_table)
{
	const struct nlattr *table =
		nlmsg_find_attr((struct nlmsghdr *)hdr, (int)head_len, attr_table);

	return (table ? nla_get_u32(table) : head_table) == PPN_TABLE;
}

/* -> which interface the message is about; false: none that matters. */
static bool about(const struct nlmsghdr *hdr, uint32_t *ret_ifindex, bool *ret_gone)
{
	const struct ifinfomsg *link = nlmsg_data(hdr);
	const struct ifaddrmsg *addr = nlmsg_data(hdr);
	const struct rtmsg *route = nlmsg_data(hdr);
	const struct fib_rule_hdr *rule = nlmsg_data(hdr);

	*ret_gone = false;
	*ret_ifindex = 0;
	switch (hdr->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		if (!nlmsg_valid_hdr(hdr, sizeof(*link)))
			return false;
		*ret_ifindex = (uint32_t)link->ifi_index;
		/* A port that leaves its bridge is "deleted" too, in the bridge's family. */
		*ret_gone = hdr->nlmsg_type == RTM_DELLINK && link->ifi_family == AF_UNSPEC;
		return true;
	case RTM_NEWADDR:
	case RTM_DELADDR:
		if (!nlmsg_valid_hdr(hdr, sizeof(*addr)))
			return false;
		*ret_ifindex = addr->ifa_index;
		return true;
	case RTM_DELROUTE:
		return nlmsg_valid_hdr(hdr, sizeof(*route)) &&
		       is_ours(hdr, sizeof(*route), RTA_TABLE, route->rtm_table);
	case RTM_DELRULE:
		return nlmsg_valid_hdr(hdr, sizeof(*rule)) &&
		       is_ours(hdr, sizeof(*rule), FRA_TABLE, rule->table);
	default:
		return false;
	}
}

static void tell(struct ppn_link *link, void *buf, int len)
{
	uint32_t ifindex;
	bool gone;

	for (struct nlmsghdr *hdr = buf; nlmsg_ok(hdr, len); hdr = nlmsg_next(hdr, &len)) {
		if (about(hdr, &ifindex, &gone))
			link->changed(link->changed_arg, ifindex, gone);
	}
}

int ppn_link_watch_dispatch(struct ppn_link *link)
{
	_Alignas(struct nlmsghdr) char buf[16384];

	for (unsigned int i = 0; i < WATCH_BURST; i++) {
		struct sockaddr_nl from = { 0 };
		struct iovec iov = { buf, sizeof(buf) };
		struct msghdr msg = { .msg_name = &from,
				      .msg_namelen = sizeof(from),
				      .msg_iov = &iov,
				      .msg_iovlen = 1 };
		ssize_t len = recvmsg(link->watch_fd, &msg, 0);

		if (len < 0 && (errno == EAGAIN || errno == EINTR))
			return 0;
		/* Events were lost: everything may have changed. */
		if ((len < 0 && errno == ENOBUFS) || (len >= 0 && (msg.msg_flags & MSG_TRUNC)))
			link->changed(link->changed_arg, 0, false);
		else if (len < 0)
			return -errno;
		else if (from.nl_pid == 0)
			tell(link, buf, (int)len);
	}
	return 0;
}
