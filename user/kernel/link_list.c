// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Every address and learnt neighbour of the namespace, as rtnetlink dumps them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include "kernel/link_private.h"
#include "lib/wire.h"

/* Newer headers name them: IFA_PROTO, and who made an address (linux/if_addr.h since 5.18). */
enum { ATTR_IFA_PROTO = 11, MADE_BY_RA = 2 };

/* A growing array of rows of one size. */
struct list {
	void *rows;
	size_t n, size, max;
	int (*take)(const struct nlmsghdr *hdr, void *ret_row); /* 1: a row; 0: none; or -errno */
};

static int take_one(const struct nlmsghdr *hdr, void *arg)
{
	struct list *list = arg;
	int err;

	if (list->n == list->max)
		return -E2BIG;
	if (list->n % 64 == 0) {
		void *grown = reallocarray(list->rows, list->n + 64, list->size);

		if (!grown)
			return -ENOMEM;
		list->rows = grown;
	}
	memset((char *)list->rows + list->n * list->size, 0, list->size);
	err = list->take(hdr, (char *)list->rows + list->n * list->size);
	list->n += err > 0;
	return err < 0 ? err : 0;
}

static int dump(struct ppn_link *link, int type, const void *head, size_t head_len,
		struct list *list)
{
	int err = -EINTR;

	for (unsigned int try = 0; err == -EINTR && try < PPN_NL_TRIES; try++) {
		list->n = 0;
		err = ppn_nl_talk(link->sk, ppn_rt_msg(type, NLM_F_DUMP, head, head_len), take_one,
				  list);
	}
	if (err) {
		free(list->rows);
		list->rows = NULL;
	}
	return err;
}

/* ---- addresses ---- */

static int take_addr(const struct nlmsghdr *hdr, void *ret_row)
{
	const struct ifaddrmsg *head = nlmsg_data(hdr);
	struct nlattr *attr[ATTR_IFA_PROTO + 1], *ip;
	struct ppn_link_addr *row = ret_row;
	const struct ifa_cacheinfo *life;
	size_t len;

	if (hdr->nlmsg_type != RTM_NEWADDR)
		return 0;
	if (nlmsg_parse((struct nlmsghdr *)hdr, sizeof(*head), attr, ATTR_IFA_PROTO, NULL))
		return -EPROTO;
	ip = attr[IFA_LOCAL] ? attr[IFA_LOCAL] : attr[IFA_ADDRESS];
	row->v4 = head->ifa_family == AF_INET;
	len = row->v4 ? 4 : 16;
	if ((!row->v4 && head->ifa_family != AF_INET6) || !ip || (size_t)nla_len(ip) != len)
		return 0;
	if (row->v4)
		ppn_address_v4(row->addr, nla_data(ip));
	else
		memcpy(row->addr, nla_data(ip), len);
	row->ifindex = head->ifa_index;
	row->len = head->ifa_prefixlen;
	row->valid_s = UINT32_MAX;
	if (attr[IFA_CACHEINFO] && (size_t)nla_len(attr[IFA_CACHEINFO]) >= sizeof(*life)) {
		life = nla_data(attr[IFA_CACHEINFO]);
		row->valid_s = life->ifa_valid;
	}
	row->by_ra = attr[ATTR_IFA_PROTO] && nla_get_u8(attr[ATTR_IFA_PROTO]) == MADE_BY_RA;
	return 1;
}

int ppn_link_addr_list(struct ppn_link *link, struct ppn_link_addr **ret_addrs, size_t *ret_n)
{
	const struct ifaddrmsg all = { .ifa_family = AF_UNSPEC };
	struct list list = { .size = sizeof(struct ppn_link_addr),
			     .max = PPN_LINKS_MAX,
			     .take = take_addr };
	int err = dump(link, RTM_GETADDR, &all, sizeof(all), &list);

	if (err)
		return err;
	*ret_addrs = list.rows;
	*ret_n = list.n;
	return 0;
}

/* ---- what a bridge has learnt ---- */

static int take_guest(const struct nlmsghdr *hdr, void *ret_row)
{
	const struct ndmsg *head = nlmsg_data(hdr);
	struct nlattr *attr[NDA_MAX + 1];
	struct ppn_link_guest *row = ret_row;

	if (hdr->nlmsg_type != RTM_NEWNEIGH || (head->ndm_state & (NUD_PERMANENT | NUD_NOARP)) ||
	    (head->ndm_flags & NTF_SELF))
		return 0;
	if (nlmsg_parse((struct nlmsghdr *)hdr, sizeof(*head), attr, NDA_MAX, NULL))
		return -EPROTO;
	if (!attr[NDA_LLADDR] || nla_len(attr[NDA_LLADDR]) != sizeof(row->mac) || !attr[NDA_MASTER])
		return 0;
	memcpy(row->mac, nla_data(attr[NDA_LLADDR]), sizeof(row->mac));
	row->port = (uint32_t)head->ndm_ifindex;
	row->bridge = nla_get_u32(attr[NDA_MASTER]);
	return 1;
}

int ppn_link_guest_list(struct ppn_link *link, struct ppn_link_guest **ret_guests, size_t *ret_n)
{
	const struct ndmsg all = { .ndm_family = AF_BRIDGE };
	struct list list = { .size = sizeof(struct ppn_link_guest),
			     .max = PPN_LINKS_MAX,
			     .take = take_guest };
	int err = dump(link, RTM_GETNEIGH, &all, sizeof(all), &list);

	if (err == -EOPNOTSUPP) /* a kernel without bridges has learnt nothing */
		err = 0;
	if (err)
		return err;
	*ret_guests = list.rows;
	*ret_n = list.n;
	return 0;
}
