// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * One XDP program on one device: adopted, shared or attached, and why not. A link is attached once in
 * the life of its device; everything later is an update of that link.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <linux/if_link.h>
#include "kernel/datapath_private.h"

int dp_xdp_now(uint32_t ifindex, struct dp_xdp *ret_xdp)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, now);
	int err = bpf_xdp_query((int)ifindex, 0, &now);

	if (err)
		return err;
	*ret_xdp = (struct dp_xdp){ .prog_id = now.prog_id };
	if (now.attach_mode == XDP_ATTACHED_DRV)
		ret_xdp->hold = PPN_HOLD_NATIVE;
	if (now.attach_mode == XDP_ATTACHED_SKB)
		ret_xdp->hold = PPN_HOLD_GENERIC;
	/* Driver and hardware at once: a program of ours is neither. */
	if (now.attach_mode == XDP_ATTACHED_MULTI)
		ret_xdp->prog_id = now.drv_prog_id ? now.drv_prog_id : now.hw_prog_id;
	return 0;
}

int dp_xdp_hold(struct ppn_datapath *dp, uint32_t ifindex, enum ppn_hold *ret_hold)
{
	struct dp_xdp now;
	int err = dp_xdp_now(ifindex, &now);

	if (err)
		return err;
	*ret_hold = PPN_HOLD_NONE;
	if (!now.prog_id)
		return 0;
	if (dp_is_ours(dp, now.prog_id) ||
	    (dp_share_is_on(ifindex, now.prog_id) && dp_share_holds(dp, ifindex)))
		*ret_hold = now.hold;
	return 0;
}

/* ---- why not ---- */

/*
 * A refused link says a number only; the same asked by rtnetlink says it in words. Should the kernel take
 * it this time, it goes off again: only links stay.
 */
static const char *ask_why(uint32_t ifindex, int prog_fd, uint32_t mode, int refused)
{
	LIBBPF_OPTS(bpf_xdp_attach_opts, mine, .old_prog_fd = prog_fd);
	int err;

	dp_hush();
	err = bpf_xdp_attach((int)ifindex, prog_fd, mode | XDP_FLAGS_UPDATE_IF_NOEXIST, NULL);
	if (!err)
		(void)bpf_xdp_detach((int)ifindex, mode | XDP_FLAGS_REPLACE, &mine);
	return err ? dp_kernel_said(refused) : strerror(-refused);
}

static int foreign(const char *name, const struct dp_xdp *now, char *ret_why)
{
	char other[BPF_OBJ_NAME_LEN];

	return dp_why(ret_why, -EBUSY, "%s: %s XDP program %u (%s) is another's, and stays", name,
		      now->hold == PPN_HOLD_NATIVE  ? "native" :
		      now->hold == PPN_HOLD_GENERIC ? "generic" :
						      "offloaded",
		      now->prog_id, dp_program_name(now->prog_id, other));
}

/* ---- attaching ---- */

static int keep(struct ppn_datapath *dp, uint32_t ifindex, int fd, const char *name, char *ret_why)
{
	int err = dp_link_keep(dp, ifindex, fd);

	if (err)
		(void)dp_why(ret_why, 0, "%s: held by ppnd alone, its link is not pinned: %s", name,
			     strerror(-err));
	return 0;
}

static int create_link(uint32_t ifindex, int prog_fd, uint32_t mode)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = mode);

	return bpf_link_create(prog_fd, (int)ifindex, BPF_XDP, &opts);
}

/* Somebody was quicker, or the kernel has reasons of its own for EBUSY and EEXIST. */
static int lost(uint32_t ifindex, const char *name, int prog_fd, uint32_t mode, int err,
		char *ret_why)
{
	char facts[DP_FACTS_LEN];
	struct dp_xdp now;

	if (dp_xdp_now(ifindex, &now))
		return dp_why(ret_why, -ENODEV, "%s is gone", name);
	if (now.prog_id)
		return foreign(name, &now, ret_why);
	return dp_why(ret_why, err, "%s: XDP refused (%s): %s", name, dp_facts(name, facts),
		      ask_why(ifindex, prog_fd, mode, err));
}

static int create(struct ppn_datapath *dp, uint32_t ifindex, int prog_fd, bool with_native,
		  char *ret_why)
{
	char name[16], facts[DP_FACTS_LEN];
	const char *distrust;
	int fd = -EOPNOTSUPP;

	dp_ifname(ifindex, name);
	distrust = with_native ? dp_distrust(name) : NULL;
	if (distrust) {
		(void)dp_why(ret_why, 0, "%s: generic, native not tried (%s): %s", name,
			     dp_facts(name, facts), distrust);
	} else if (with_native) {
		fd = create_link(ifindex, prog_fd, XDP_FLAGS_DRV_MODE);
		if (fd == -ENODEV)
			return dp_why(ret_why, fd, "%s is gone", name);
		if (fd < 0)
			(void)dp_why(ret_why, 0, "%s: generic, native refused (%s): %s", name,
				     dp_facts(name, facts),
				     ask_why(ifindex, prog_fd, XDP_FLAGS_DRV_MODE, fd));
	}
	if (fd < 0)
		fd = create_link(ifindex, prog_fd, XDP_FLAGS_SKB_MODE);
	if (fd < 0)
		return lost(ifindex, name, prog_fd, XDP_FLAGS_SKB_MODE, fd, ret_why);
	return keep(dp, ifindex, fd, name, ret_why);
}

static int swap(struct ppn_datapath *dp, uint32_t ifindex, int fd, int prog_fd, char *ret_why)
{
	char name[16];
	int err;

	dp_ifname(ifindex, name);
	if (bpf_link_update(fd, prog_fd, NULL)) {
		err = -errno;
		close(fd);
		return dp_why(ret_why, err,
			      "%s: the new program was not swapped in, the old one holds: %s", name,
			      strerror(-err));
	}
	return keep(dp, ifindex, fd, name, ret_why);
}

static int adopt(struct ppn_datapath *dp, uint32_t ifindex, int fd, int prog_fd, bool with_native,
		 const struct dp_xdp *now, char *ret_why)
{
	char name[16], facts[DP_FACTS_LEN];
	int err = swap(dp, ifindex, fd, prog_fd, ret_why);

	if (!err && with_native && now->hold == PPN_HOLD_GENERIC && !ret_why[0]) {
		dp_ifname(ifindex, name);
		(void)dp_why(ret_why, 0, "%s: generic since it was first sealed (%s)", name,
			     dp_facts(name, facts));
	}
	return err;
}

int dp_xdp_attach(struct ppn_datapath *dp, uint32_t ifindex, enum dp_program program,
		  bool with_native, char *ret_why)
{
	const int prog_fd = dp->program[program];
	bool may_share = program == DP_SEAL_IN;
	struct dp_xdp now = { 0 };
	char name[16];
	int fd = -1, err;

	dp_ifname(ifindex, name);
	err = dp_xdp_now(ifindex, &now);
	if (!err)
		err = dp_link_sweep(dp);
	if (!err)
		err = dp_link_find(dp, ifindex, now.prog_id, &fd);
	if (err == -EINVAL)
		return dp_why(ret_why, err, "%s: its pin in %.60s is no link: remove it", name,
			      dp->links);
	if (err)
		return dp_why(ret_why, err, "%s: cannot tell what is attached: %s", name,
			      strerror(-err));
	if (fd >= 0)
		return adopt(dp, ifindex, fd, prog_fd, with_native, &now, ret_why);
	if (may_share && dp_share_is_on(ifindex, now.prog_id))
		return dp_share_attach(dp, ifindex, ret_why);
	if (now.prog_id)
		return foreign(name, &now, ret_why);
	if (may_share && dp->share && !dp_share_attach(dp, ifindex, ret_why))
		return 0;
	return create(dp, ifindex, prog_fd, with_native, ret_why);
}
