// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <netlink/errno.h>
#include <netlink/netlink.h>
#include "kernel/netlink.h"
#include "lib/crypto.h"

/* The kernel makes no part of a dump longer than we can read, and nothing else comes near. */
#define RECEIVE_SIZE 32768

struct talk {
	ppn_nl_each each;
	void *arg;
	uint32_t seq;
	int err;
	bool done;
};

int ppn_nl_errno(int err)
{
	static const int of[NLE_MAX + 1] = {
		[NLE_INTR] = EINTR,	      [NLE_BAD_SOCK] = EBADF,
		[NLE_AGAIN] = ETIMEDOUT,      [NLE_NOMEM] = ENOMEM,
		[NLE_EXIST] = EEXIST,	      [NLE_INVAL] = EINVAL,
		[NLE_RANGE] = ERANGE,	      [NLE_MSGSIZE] = EMSGSIZE,
		[NLE_OPNOTSUPP] = EOPNOTSUPP, [NLE_AF_NOSUPPORT] = EAFNOSUPPORT,
		[NLE_OBJ_NOTFOUND] = ENOENT,  [NLE_NOADDR] = EADDRNOTAVAIL,
		[NLE_BUSY] = EBUSY,	      [NLE_NOACCESS] = EACCES,
		[NLE_PERM] = EPERM,	      [NLE_NODEV] = ENODEV,
		[NLE_DUMP_INTR] = EINTR,      [NLE_PROTO_MISMATCH] = EPROTONOSUPPORT,
	};

	if (err >= 0)
		return 0;
	return err >= -NLE_MAX && of[-err] ? -of[-err] : -EPROTO;
}

int ppn_nl_open(struct nl_sock **ret_sk, int protocol)
{
	const struct timeval limit = { .tv_sec = PPN_NL_TIMEOUT_S };
	const int strict = 1;
	struct nl_sock *sk;
	int fd, err;

	sk = nl_socket_alloc();
	if (!sk)
		return -ENOMEM;
	err = nl_connect(sk, protocol);
	if (err) {
		nl_socket_free(sk);
		return ppn_nl_errno(err);
	}
	fd = nl_socket_get_fd(sk);
	/* A kernel that says nothing must not hold the caller for ever. Strict: it filters dumps itself. */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) ||
	    setsockopt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &strict, sizeof(strict))) {
		err = -errno;
		nl_socket_free(sk);
		return err;
	}
	*ret_sk = sk;
	return 0;
}

static void take_error(struct talk *t, const struct nlmsghdr *hdr)
{
	const struct nlmsgerr *answer = nlmsg_data(hdr);

	t->done = true;
	if (!nlmsg_valid_hdr(hdr, sizeof(*answer)) || answer->error > 0)
		t->err = -EPROTO;
	else if (answer->error)
		t->err = answer->error;
}

/* The last message of a dump carries an error of its own. */
static void take_done(struct talk *t, const struct nlmsghdr *hdr)
{
	int err = 0;

	t->done = true;
	if (nlmsg_datalen(hdr) >= (int)sizeof(err))
		memcpy(&err, nlmsg_data(hdr), sizeof(err));
	if (err < 0 && !t->err)
		t->err = err;
}

static void take(struct talk *t, const void *buf, int len)
{
	for (const struct nlmsghdr *hdr = buf; nlmsg_ok(hdr, len) && !t->done;
	     hdr = nlmsg_next((struct nlmsghdr *)hdr, &len)) {
		/* What is left of an exchange that timed out is none of this one's. */
		if (hdr->nlmsg_seq != t->seq)
			continue;
		if ((hdr->nlmsg_flags & NLM_F_DUMP_INTR) && !t->err)
			t->err = -EINTR;
		if (hdr->nlmsg_type == NLMSG_ERROR)
			take_error(t, hdr);
		else if (hdr->nlmsg_type == NLMSG_DONE)
			take_done(t, hdr);
		else if (hdr->nlmsg_type >= NLMSG_MIN_TYPE && t->each && !t->err)
			t->err = t->each(hdr, t->arg);
	}
}

static int receive(int fd, struct talk *t, void *buf)
{
	struct sockaddr_nl from = { 0 };
	struct iovec iov = { buf, RECEIVE_SIZE };
	struct msghdr msg = {
		.msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &iov, .msg_iovlen = 1
	};
	ssize_t len = recvmsg(fd, &msg, 0);

	if (len < 0 && errno == EINTR)
		return 0;
	if (len < 0)
		return errno == EAGAIN ? -ETIMEDOUT : -errno;
	if (msg.msg_flags & MSG_TRUNC)
		return -EMSGSIZE;
	if (from.nl_pid == 0)
		take(t, buf, (int)len);
	return 0;
}

/* Keys of WireGuard devices pass here both ways: nothing of them stays in memory that is given back. */
static void free_wiped(struct nl_msg *msg)
{
	ppn_wipe(nlmsg_data(nlmsg_hdr(msg)), (size_t)nlmsg_datalen(nlmsg_hdr(msg)));
	nlmsg_free(msg);
}

int ppn_nl_talk(struct nl_sock *sk, struct nl_msg *msg, ppn_nl_each each, void *arg)
{
	struct talk t = { .each = each, .arg = arg };
	void *buf;
	int err;

	if (!msg)
		return -ENOMEM;
	buf = malloc(RECEIVE_SIZE);
	if (!buf) {
		free_wiped(msg);
		return -ENOMEM;
	}
	nl_complete_msg(sk, msg);
	nlmsg_hdr(msg)->nlmsg_flags |= NLM_F_ACK; /* every exchange has an end */
	t.seq = nlmsg_hdr(msg)->nlmsg_seq;
	err = nl_send(sk, msg);
	err = err < 0 ? ppn_nl_errno(err) : 0;
	free_wiped(msg);
	while (!err && !t.done)
		err = receive(nl_socket_get_fd(sk), &t, buf);
	ppn_wipe(buf, RECEIVE_SIZE);
	free(buf);
	return err ? err : t.err;
}

struct nl_msg *ppn_rt_msg(int type, int flags, const void *head, size_t head_len)
{
	struct nl_msg *msg = nlmsg_alloc_simple(type, NLM_F_REQUEST | flags);

	if (msg && nlmsg_append(msg, (void *)head, head_len, NLMSG_ALIGNTO)) {
		nlmsg_free(msg);
		return NULL;
	}
	return msg;
}

int ppn_rt_create(struct nl_sock *sk, const char *name, const char *kind)
{
	const struct ifinfomsg head = { .ifi_family = AF_UNSPEC };
	struct nl_msg *msg =
		ppn_rt_msg(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &head, sizeof(head));
	struct nlattr *info;

	if (!msg)
		return -ENOMEM;
	if (nla_put_string(msg, IFLA_IFNAME, name) ||
	    !(info = nla_nest_start(msg, IFLA_LINKINFO)) ||
	    nla_put_string(msg, IFLA_INFO_KIND, kind)) {
		nlmsg_free(msg);
		return -EMSGSIZE;
	}
	nla_nest_end(msg, info);
	return ppn_nl_talk(sk, msg, NULL, NULL);
}

int ppn_rt_delete(struct nl_sock *sk, uint32_t ifindex)
{
	const struct ifinfomsg head = { .ifi_family = AF_UNSPEC, .ifi_index = (int)ifindex };

	return ppn_nl_talk(sk, ppn_rt_msg(RTM_DELLINK, 0, &head, sizeof(head)), NULL, NULL);
}

static int take_kind(const struct nlmsghdr *hdr, void *arg)
{
	struct nlattr *attr, *info[IFLA_INFO_MAX + 1];

	if (hdr->nlmsg_type != RTM_NEWLINK)
		return 0;
	attr = nlmsg_find_attr((struct nlmsghdr *)hdr, sizeof(struct ifinfomsg), IFLA_LINKINFO);
	if (attr && !nla_parse_nested(info, IFLA_INFO_MAX, attr, NULL) && info[IFLA_INFO_KIND])
		nla_strlcpy(arg, info[IFLA_INFO_KIND], PPN_RT_KIND_LEN);
	return 0;
}

int ppn_rt_kind(struct nl_sock *sk, uint32_t ifindex, char ret_kind[static PPN_RT_KIND_LEN])
{
	const struct ifinfomsg head = { .ifi_family = AF_UNSPEC, .ifi_index = (int)ifindex };
	char kind[PPN_RT_KIND_LEN] = "";
	int err;

	err = ppn_nl_talk(sk, ppn_rt_msg(RTM_GETLINK, 0, &head, sizeof(head)), take_kind, kind);
	if (!err)
		memcpy(ret_kind, kind, sizeof(kind));
	return err;
}

int ppn_rt_no_link_local(struct nl_sock *sk, uint32_t ifindex)
{
	const struct ifinfomsg head = { .ifi_family = AF_UNSPEC, .ifi_index = (int)ifindex };
	struct nl_msg *msg = ppn_rt_msg(RTM_SETLINK, 0, &head, sizeof(head));
	struct nlattr *spec, *inet6;

	if (!msg)
		return -ENOMEM;
	if (!(spec = nla_nest_start(msg, IFLA_AF_SPEC)) ||
	    !(inet6 = nla_nest_start(msg, AF_INET6)) ||
	    nla_put_u8(msg, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE)) {
		nlmsg_free(msg);
		return -EMSGSIZE;
	}
	nla_nest_end(msg, inet6);
	nla_nest_end(msg, spec);
	return ppn_nl_talk(sk, msg, NULL, NULL);
}
