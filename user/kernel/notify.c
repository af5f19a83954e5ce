// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>

#include "kernel/backstop.h"
#include "kernel/netlink.h"
#include "kernel/notify.h"

enum {
	BURST = 64, /* datagrams a socket in one dispatch */
	ROOM = 1 << 20, /* of a socket: a container manager's ruleset is long */
	BUFFER = 65536,
};

enum source { RULES, FILTERS, _SOURCES };

struct ppn_notify {
	struct ppn_notify_calls calls;
	int epoll, fd[_SOURCES];
	uint32_t self; /* this process, as nf_tables counts it */
	bool touched; /* the transaction being told has a table of ours in it */
	uint8_t buf[BUFFER] __attribute__((aligned(NLMSG_ALIGNTO)));
};

/* ---- nftables ---- */

static bool is_generation(const struct nlmsghdr *hdr)
{
	return hdr->nlmsg_type == (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWGEN);
}

static uint32_t process(const struct nlmsghdr *hdr, char *ret_name)
{
	struct nlattr *attr[NFTA_GEN_MAX + 1];

	ret_name[0] = '\0';
	if (nlmsg_parse((struct nlmsghdr *)hdr, sizeof(struct nfgenmsg), attr, NFTA_GEN_MAX, NULL))
		return 0;
	if (attr[NFTA_GEN_PROC_NAME])
		nla_strlcpy(ret_name, attr[NFTA_GEN_PROC_NAME], PPN_NOTIFY_WHO_LEN);
	return attr[NFTA_GEN_PROC_PID] && nla_len(attr[NFTA_GEN_PROC_PID]) >= 4 ?
		       ntohl(nla_get_u32(attr[NFTA_GEN_PROC_PID])) :
		       0;
}

/* The table's name is the first attribute of whatever lies in a table, and of the table. */
static bool is_ours(const struct nlmsghdr *hdr)
{
	const struct nlattr *first;

	if (NFNL_SUBSYS_ID(hdr->nlmsg_type) != NFNL_SUBSYS_NFTABLES ||
	    !nlmsg_valid_hdr(hdr, sizeof(struct nfgenmsg) + NLA_HDRLEN))
		return false;
	first = nlmsg_find_attr((struct nlmsghdr *)hdr, sizeof(struct nfgenmsg), NFTA_TABLE_NAME);
	return first && (size_t)nla_len(first) == sizeof(PPN_BACKSTOP_TABLE) &&
	       !memcmp(nla_data(first), PPN_BACKSTOP_TABLE, sizeof(PPN_BACKSTOP_TABLE));
}

/* A transaction is told as its changes, then one message that says whose they are. */
static void on_rules(struct ppn_notify *notify, const struct nlmsghdr *hdr)
{
	char name[PPN_NOTIFY_WHO_LEN];
	uint32_t pid;

	if (!is_generation(hdr)) {
		notify->touched |= is_ours(hdr);
		return;
	}
	if (!notify->touched)
		return;
	notify->touched = false;
	pid = process(hdr, name);
	if (pid != notify->self)
		notify->calls.rules(notify->calls.arg, name, pid);
}

static int take_self(const struct nlmsghdr *hdr, void *arg)
{
	char name[PPN_NOTIFY_WHO_LEN];

	if (is_generation(hdr))
		*(uint32_t *)arg = process(hdr, name);
	return 0;
}

/* The answer to a question about the generation names the process that asks: this one. */
static int ask_self(uint32_t *ret_self)
{
	const struct nfgenmsg head = { .nfgen_family = AF_UNSPEC, .version = NFNETLINK_V0 };
	struct nl_sock *sk;
	int err = ppn_nl_open(&sk, NETLINK_NETFILTER);

	if (err)
		return err;
	*ret_self = 0;
	err = ppn_nl_talk(
		sk, ppn_rt_msg(NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETGEN, 0, &head, sizeof(head)),
		take_self, ret_self);
	nl_socket_free(sk);
	return err ? err : *ret_self ? 0 : -EPROTO;
}

/* ---- tc ---- */

static void on_filters(struct ppn_notify *notify, const struct nlmsghdr *hdr)
{
	const struct tcmsg *head = nlmsg_data(hdr);

	switch (hdr->nlmsg_type) {
	case RTM_DELQDISC:
	case RTM_NEWTFILTER:
	case RTM_DELTFILTER:
	case RTM_DELCHAIN:
		if (nlmsg_valid_hdr(hdr, sizeof(*head)) && head->tcm_ifindex > 0)
			notify->calls.filters(notify->calls.arg, (uint32_t)head->tcm_ifindex);
		break;
	default:
		break;
	}
}

/* ---- sockets ---- */

static int subscribe(int protocol, int group, int *ret_fd)
{
	const struct sockaddr_nl self = { .nl_family = AF_NETLINK };
	const int room = ROOM;
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol), err;

	if (fd < 0)
		return -errno;
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)); /* or less */
	if (bind(fd, (const struct sockaddr *)&self, sizeof(self)) ||
	    setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group))) {
		err = -errno;
		close(fd);
		return err;
	}
	*ret_fd = fd;
	return 0;
}

static int watch_all(struct ppn_notify *notify)
{
	int err = subscribe(NETLINK_NETFILTER, NFNLGRP_NFTABLES, &notify->fd[RULES]);

	if (!err)
		err = subscribe(NETLINK_ROUTE, RTNLGRP_TC, &notify->fd[FILTERS]);
	if (!err)
		err = ask_self(&notify->self);
	if (!err) {
		notify->epoll = epoll_create1(EPOLL_CLOEXEC);
		err = notify->epoll < 0 ? -errno : 0;
	}
	for (int i = 0; !err && i < _SOURCES; i++) {
		struct epoll_event event = { .events = EPOLLIN };

		if (epoll_ctl(notify->epoll, EPOLL_CTL_ADD, notify->fd[i], &event))
			err = -errno;
	}
	return err;
}

int ppn_notify_open(struct ppn_notify **ret_notify, const struct ppn_notify_calls *calls)
{
	struct ppn_notify *notify = calloc(1, sizeof(*notify));
	int err;

	if (!notify)
		return -ENOMEM;
	notify->calls = *calls;
	notify->epoll = notify->fd[RULES] = notify->fd[FILTERS] = -1;
	err = watch_all(notify);
	if (err) {
		ppn_notify_close(&notify);
		return err;
	}
	*ret_notify = notify;
	return 0;
}

void ppn_notify_close(struct ppn_notify **notify)
{
	struct ppn_notify *n = *notify;

	if (!n)
		return;
	for (int i = 0; i < _SOURCES; i++)
		if (n->fd[i] >= 0)
			close(n->fd[i]);
	if (n->epoll >= 0)
		close(n->epoll);
	free(n);
	*notify = NULL;
}

int ppn_notify_fd(const struct ppn_notify *notify)
{
	return notify->epoll;
}

static void lost(struct ppn_notify *notify, enum source source)
{
	if (source == RULES) {
		notify->touched = false;
		notify->calls.rules(notify->calls.arg, "", 0);
	} else {
		notify->calls.filters(notify->calls.arg, 0);
	}
}

static void tell(struct ppn_notify *notify, enum source source, int len)
{
	for (struct nlmsghdr *hdr = (void *)notify->buf; nlmsg_ok(hdr, len);
	     hdr = nlmsg_next(hdr, &len)) {
		if (source == RULES)
			on_rules(notify, hdr);
		else
			on_filters(notify, hdr);
	}
}

static int drain(struct ppn_notify *notify, enum source source)
{
	for (unsigned int i = 0; i < BURST; i++) {
		struct sockaddr_nl from = { 0 };
		struct iovec iov = { notify->buf, sizeof(notify->buf) };
		struct msghdr msg = { .msg_name = &from,
				      .msg_namelen = sizeof(from),
				      .msg_iov = &iov,
				      .msg_iovlen = 1 };
		ssize_t len = recvmsg(notify->fd[source], &msg, 0);

		if (len < 0 && (errno == EAGAIN || errno == EINTR))
			return 0;
		if ((len < 0 && errno == ENOBUFS) || (len >= 0 && (msg.msg_flags & MSG_TRUNC)))
			lost(notify, source);
		else if (len < 0)
			return -errno;
		else if (from.nl_pid == 0)
			tell(notify, source, (int)len);
	}
	return 0;
}

int ppn_notify_dispatch(struct ppn_notify *notify)
{
	int err = drain(notify, RULES), other = drain(notify, FILTERS);

	return err ? err : other;
}
