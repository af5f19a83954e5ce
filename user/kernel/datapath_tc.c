// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <string.h>
#include <net/if.h>
#include <sys/socket.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include "kernel/datapath_private.h"
#include "kernel/netlink.h"

static enum bpf_tc_attach_point way(bool in)
{
	return in ? BPF_TC_INGRESS : BPF_TC_EGRESS;
}

/* Program of the filter at our place, 0 where there is none. */
static int tc_now(uint32_t ifindex, bool in, uint32_t *ret_prog_id)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex, .attach_point = way(in));
	LIBBPF_OPTS(bpf_tc_opts, now, .handle = DP_TC_HANDLE, .priority = DP_TC_PRIORITY);
	int err = bpf_tc_query(&hook, &now);

	/* EINVAL: no qdisc, or a filter at our place that is no BPF program */
	if (err && err != -ENOENT && err != -EINVAL)
		return err;
	*ret_prog_id = err ? 0 : now.prog_id;
	return 0;
}

/* To be replaced, or taken off. */
static bool is_mine(const struct ppn_datapath *dp, uint32_t prog_id)
{
	return dp_is_ours(dp, prog_id) || dp_is_orphan(dp, prog_id);
}

int dp_tc_holds(struct ppn_datapath *dp, uint32_t ifindex, bool in)
{
	uint32_t prog_id;
	int err = tc_now(ifindex, in, &prog_id);

	return err ? err : prog_id && dp_is_ours(dp, prog_id);
}

int dp_tc_attach(struct ppn_datapath *dp, uint32_t ifindex, enum dp_program program, char *ret_why)
{
	const bool in = program == DP_SEAL_TC;
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex, .attach_point = way(in));
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = DP_TC_HANDLE, .priority = DP_TC_PRIORITY,
		    .flags = BPF_TC_F_REPLACE, .prog_fd = dp->program[program]);
	const char *side = in ? "ingress" : "egress";
	char name[16], other[BPF_OBJ_NAME_LEN];
	uint32_t prog_id;
	int err;

	dp_ifname(ifindex, name);
	dp_hush();
	err = bpf_tc_hook_create(&hook);
	if (err && err != -EEXIST)
		return dp_why(ret_why, err, "%s: clsact not made: %s", name, dp_kernel_said(err));
	err = tc_now(ifindex, in, &prog_id);
	if (err)
		return dp_why(ret_why, err, "%s: TC filters not read: %s", name, dp_refused(err));
	if (prog_id && !is_mine(dp, prog_id))
		return dp_why(ret_why, -EBUSY,
			      "%s: TC program %u (%s) has %s priority 1 and is not ours: move it",
			      name, prog_id, dp_program_name(prog_id, other), side);
	dp_hush();
	err = bpf_tc_attach(&hook, &opts);
	if (err)
		return dp_why(ret_why, err, "%s: TC %s not attached: %s", name, side,
			      dp_kernel_said(err));
	return 0;
}

/* 1: was ours, and is off; 0: was not there. */
static int detach(struct ppn_datapath *dp, uint32_t ifindex, bool in)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex, .attach_point = way(in));
	LIBBPF_OPTS(bpf_tc_opts, ours, .handle = DP_TC_HANDLE, .priority = DP_TC_PRIORITY);
	uint32_t prog_id;
	int err = tc_now(ifindex, in, &prog_id);

	if (err)
		return err == -ENODEV ? 0 : err;
	if (!prog_id || !is_mine(dp, prog_id))
		return 0;
	err = bpf_tc_detach(&hook, &ours);
	return err ? err : 1;
}

int dp_tc_detach_in(struct ppn_datapath *dp, uint32_t ifindex)
{
	int err = detach(dp, ifindex, true);

	return err < 0 ? err : 0;
}

static int count_filter(const struct nlmsghdr *hdr, void *arg)
{
	if (hdr->nlmsg_type == RTM_NEWTFILTER)
		++*(unsigned int *)arg;
	return 0;
}

/* Neither direction has a filter. False also where the kernel does not say. */
static bool clsact_unused(struct nl_sock *sk, uint32_t ifindex)
{
	static const uint32_t parents[] = {
		TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS),
		TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS),
	};
	unsigned int n = 0;

	for (size_t i = 0; i < sizeof(parents) / sizeof(parents[0]); i++) {
		const struct tcmsg head = {
			.tcm_family = AF_UNSPEC,
			.tcm_ifindex = (int)ifindex,
			.tcm_parent = parents[i],
		};

		if (ppn_nl_talk(sk, ppn_rt_msg(RTM_GETTFILTER, NLM_F_DUMP, &head, sizeof(head)),
				count_filter, &n))
			return false;
	}
	return !n;
}

static int detach_one(struct ppn_datapath *dp, struct nl_sock *sk, uint32_t ifindex)
{
	LIBBPF_OPTS(bpf_tc_hook, both, .ifindex = (int)ifindex,
		    .attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS);
	int in = detach(dp, ifindex, true), out = in < 0 ? in : detach(dp, ifindex, false);

	if (out < 0)
		return out;
	/* Ours were there, and nobody else's are. */
	return (in || out) && clsact_unused(sk, ifindex) ? bpf_tc_hook_destroy(&both) : 0;
}

int dp_tc_detach_all(struct ppn_datapath *dp)
{
	struct if_nameindex *all = if_nameindex();
	struct nl_sock *sk;
	int err;

	if (!all)
		return -errno;
	err = ppn_nl_open(&sk, NETLINK_ROUTE);
	if (err) {
		if_freenameindex(all);
		return err;
	}
	dp_hush();
	for (const struct if_nameindex *i = all; i->if_index; i++) {
		int one = detach_one(dp, sk, i->if_index);

		err = err ? err : one;
	}
	nl_socket_free(sk);
	if_freenameindex(all);
	return err;
}
