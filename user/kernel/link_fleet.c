// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The fleet prefix's rule and table (PROTOCOL 6). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include "kernel/link_private.h"

#define FLEET_LEN 48
#define STALE_MAX 64 /* taken away in one call */

struct fleet {
	uint8_t prefix[16];
	uint32_t ifindex; /* 0: no route to it */
	bool none; /* nothing is wanted */
};

/* What the kernel has, told apart into wanted and stale. */
struct have {
	const struct fleet *fleet;
	bool rule, route, closed;
	size_t n_stale;
	struct nl_msg *stale[STALE_MAX];
};

static uint32_t u32_of(const struct nlattr *attr, uint32_t otherwise)
{
	return attr ? nla_get_u32(attr) : otherwise;
}

static bool is_prefix(const struct fleet *fleet, const struct nlattr *dst, uint8_t len)
{
	return len == FLEET_LEN && dst && nla_len(dst) == 16 &&
	       !memcmp(nla_data(dst), fleet->prefix, 16);
}

/* What was dumped, sent back with another type, takes itself away. */
static int add_stale(struct have *have, const struct nlmsghdr *hdr, int type)
{
	struct nl_msg *msg;

	if (have->n_stale == STALE_MAX)
		return 0;
	msg = ppn_rt_msg(type, 0, nlmsg_data(hdr), (size_t)nlmsg_datalen(hdr));
	if (!msg)
		return -ENOMEM;
	have->stale[have->n_stale++] = msg;
	return 0;
}

static int take_route(const struct nlmsghdr *hdr, void *arg)
{
	const struct rtmsg *head = nlmsg_data(hdr);
	struct nlattr *attr[RTA_MAX + 1];
	struct have *have = arg;
	const struct fleet *fleet = have->fleet;

	if (hdr->nlmsg_type != RTM_NEWROUTE || head->rtm_family != AF_INET6)
		return 0;
	if (nlmsg_parse((struct nlmsghdr *)hdr, sizeof(*head), attr, RTA_MAX, NULL))
		return -EPROTO;
	if (u32_of(attr[RTA_TABLE], head->rtm_table) != PPN_TABLE ||
	    (head->rtm_flags & RTM_F_CLONED))
		return 0;
	if (!fleet->none && head->rtm_type == RTN_UNREACHABLE && !head->rtm_dst_len) {
		have->closed = true;
		return 0;
	}
	if (!fleet->none && fleet->ifindex && head->rtm_type == RTN_UNICAST && !attr[RTA_GATEWAY] &&
	    is_prefix(fleet, attr[RTA_DST], head->rtm_dst_len) &&
	    u32_of(attr[RTA_OIF], 0) == fleet->ifindex) {
		have->route = true;
		return 0;
	}
	return add_stale(have, hdr, RTM_DELROUTE);
}

static int take_rule(const struct nlmsghdr *hdr, void *arg)
{
	const struct fib_rule_hdr *head = nlmsg_data(hdr);
	struct nlattr *attr[FRA_MAX + 1];
	struct have *have = arg;

	if (hdr->nlmsg_type != RTM_NEWRULE || head->family != AF_INET6)
		return 0;
	if (nlmsg_parse((struct nlmsghdr *)hdr, sizeof(*head), attr, FRA_MAX, NULL))
		return -EPROTO;
	if (u32_of(attr[FRA_TABLE], head->table) != PPN_TABLE)
		return 0;
	if (!have->fleet->none && u32_of(attr[FRA_PRIORITY], 0) == PPN_RULE_PRIORITY &&
	    !head->src_len && is_prefix(have->fleet, attr[FRA_DST], head->dst_len)) {
		have->rule = true;
		return 0;
	}
	return add_stale(have, hdr, RTM_DELRULE);
}

static void forget(struct have *have)
{
	for (size_t i = 0; i < have->n_stale; i++)
		nlmsg_free(have->stale[i]);
	have->n_stale = 0;
	have->rule = have->route = have->closed = false;
}

static int read_have(struct ppn_link *link, int type, const void *head, size_t head_len,
		     ppn_nl_each each, struct have *have)
{
	int err = -EINTR;

	for (unsigned int try = 0; err == -EINTR && try < PPN_NL_TRIES; try++) {
		struct nl_msg *msg = ppn_rt_msg(type, NLM_F_DUMP, head, head_len);

		forget(have);
		if (msg && type == RTM_GETROUTE && nla_put_u32(msg, RTA_TABLE, PPN_TABLE)) {
			nlmsg_free(msg);
			return -EMSGSIZE;
		}
		err = ppn_nl_talk(link->sk, msg, each, have);
	}
	/* A table nobody has used yet is not there at all. */
	if (err == -ENOENT)
		err = 0;
	if (err)
		forget(have);
	return err;
}

static int remove_stale(struct ppn_link *link, struct have *have)
{
	int first = 0;

	for (size_t i = 0; i < have->n_stale; i++) {
		int err = ppn_nl_talk(link->sk, have->stale[i], NULL, NULL);

		/* Gone in between, with its device for instance: as wanted. */
		if (err && err != -ESRCH && err != -ENOENT && !first)
			first = err;
	}
	have->n_stale = 0;
	return first;
}

/* ifindex 0: the unreachable default. */
static int add_route(struct ppn_link *link, const struct fleet *fleet, uint32_t ifindex)
{
	const struct rtmsg head = {
		.rtm_family = AF_INET6,
		.rtm_dst_len = ifindex ? FLEET_LEN : 0,
		.rtm_protocol = RTPROT_STATIC,
		.rtm_scope = RT_SCOPE_UNIVERSE,
		.rtm_type = ifindex ? RTN_UNICAST : RTN_UNREACHABLE,
	};
	struct nl_msg *msg =
		ppn_rt_msg(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, &head, sizeof(head));

	if (!msg)
		return -ENOMEM;
	if (nla_put_u32(msg, RTA_TABLE, PPN_TABLE) ||
	    (ifindex &&
	     (nla_put(msg, RTA_DST, 16, fleet->prefix) || nla_put_u32(msg, RTA_OIF, ifindex)))) {
		nlmsg_free(msg);
		return -EMSGSIZE;
	}
	return ppn_nl_talk(link->sk, msg, NULL, NULL);
}

static int add_rule(struct ppn_link *link, const struct fleet *fleet)
{
	const struct fib_rule_hdr head = {
		.family = AF_INET6,
		.dst_len = FLEET_LEN,
		.action = FR_ACT_TO_TBL,
	};
	struct nl_msg *msg =
		ppn_rt_msg(RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL, &head, sizeof(head));

	if (!msg)
		return -ENOMEM;
	if (nla_put(msg, FRA_DST, 16, fleet->prefix) || nla_put_u32(msg, FRA_TABLE, PPN_TABLE) ||
	    nla_put_u32(msg, FRA_PRIORITY, PPN_RULE_PRIORITY) ||
	    nla_put_u8(msg, FRA_PROTOCOL, RTPROT_STATIC)) {
		nlmsg_free(msg);
		return -EMSGSIZE;
	}
	return ppn_nl_talk(link->sk, msg, NULL, NULL);
}

static int read_routes(struct ppn_link *link, struct have *have)
{
	const struct rtmsg head = { .rtm_family = AF_INET6 };

	return read_have(link, RTM_GETROUTE, &head, sizeof(head), take_route, have);
}

static int read_rules(struct ppn_link *link, struct have *have)
{
	const struct fib_rule_hdr head = { .family = AF_INET6 };

	return read_have(link, RTM_GETRULE, &head, sizeof(head), take_rule, have);
}

/* The table is closed before a rule points to it, and stays so: at no moment does main decide. */
static int make(struct ppn_link *link, const struct fleet *fleet, struct have *routes,
		struct have *rules)
{
	int err;

	err = read_routes(link, routes);
	if (!err && !routes->closed)
		err = add_route(link, fleet, 0);
	if (!err)
		err = read_rules(link, rules);
	if (!err && !rules->rule)
		err = add_rule(link, fleet);
	if (!err)
		err = remove_stale(link, rules);
	if (!err)
		err = remove_stale(link, routes);
	if (!err && fleet->ifindex && !routes->route)
		err = add_route(link, fleet, fleet->ifindex);
	return err;
}

int ppn_link_fleet(struct ppn_link *link, uint32_t ifindex, const uint8_t prefix[static 16])
{
	struct fleet fleet = { .ifindex = ifindex };
	struct have routes = { .fleet = &fleet }, rules = { .fleet = &fleet };
	int err;

	memcpy(fleet.prefix, prefix, FLEET_LEN / 8);
	err = make(link, &fleet, &routes, &rules);
	forget(&routes);
	forget(&rules);
	return err;
}

int ppn_link_fleet_gone(struct ppn_link *link)
{
	const struct fleet fleet = { .none = true };
	struct have have = { .fleet = &fleet };
	int err;

	err = read_rules(link, &have);
	if (!err)
		err = remove_stale(link, &have);
	if (!err)
		err = read_routes(link, &have);
	if (!err)
		err = remove_stale(link, &have);
	forget(&have);
	return err;
}
