// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * One of several XDP programs on a device, by libxdp's dispatcher: a program that calls each of them in
 * turn, ours first. Weaker than a link: whoever may change the device may take the dispatcher off.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <net/if.h>
#include <xdp/libxdp.h>
#include "kernel/datapath_private.h"

#define DISPATCHER "xdp_dispatcher"
/* The default is 50; the lowest runs first. */
#define FIRST_PRIORITY 1

static int quiet(enum libxdp_print_level level, const char *fmt, va_list ap)
{
	(void)level;
	(void)fmt;
	(void)ap;
	return 0;
}

/* NULL: no dispatcher there. */
static struct xdp_multiprog *dispatcher_on(uint32_t ifindex)
{
	struct xdp_multiprog *mp;

	(void)libxdp_set_print(quiet);
	mp = xdp_multiprog__get_from_ifindex((int)ifindex);
	if (libxdp_get_error(mp))
		return NULL;
	if (xdp_multiprog__is_legacy(mp)) {
		xdp_multiprog__close(mp);
		return NULL;
	}
	return mp;
}

bool dp_share_is_on(uint32_t ifindex, uint32_t prog_id)
{
	char name[BPF_OBJ_NAME_LEN];
	struct xdp_multiprog *mp;
	bool is_on;

	if (!prog_id || strcmp(dp_program_name(prog_id, name), DISPATCHER) != 0)
		return false;
	mp = dispatcher_on(ifindex);
	is_on = mp;
	xdp_multiprog__close(mp);
	return is_on;
}

/* Ours behind it, but the one with this id. */
static struct xdp_program *find_ours(const struct ppn_datapath *dp, const struct xdp_multiprog *mp,
				     uint32_t but)
{
	struct xdp_program *prog = NULL;

	while ((prog = xdp_multiprog__next_prog(prog, mp)))
		if (xdp_program__id(prog) != but && dp_is_ours(dp, xdp_program__id(prog)))
			break;
	return prog;
}

bool dp_share_holds(const struct ppn_datapath *dp, uint32_t ifindex)
{
	struct xdp_multiprog *mp = dispatcher_on(ifindex);
	bool holds = mp && find_ours(dp, mp, 0);

	xdp_multiprog__close(mp);
	return holds;
}

static int detach_ours(const struct ppn_datapath *dp, uint32_t ifindex, uint32_t but)
{
	struct xdp_multiprog *mp;
	struct xdp_program *old;
	int err = 0;

	/* Each detach makes another dispatcher. */
	while (!err && (mp = dispatcher_on(ifindex))) {
		old = find_ours(dp, mp, but);
		if (old)
			err = xdp_program__detach(old, (int)ifindex, xdp_multiprog__attach_mode(mp),
						  0);
		xdp_multiprog__close(mp);
		if (!old)
			break;
	}
	return err;
}

/* The seal once more, as the dispatcher wants it: loaded by libxdp, over our maps. */
static int make_program(struct ppn_datapath *dp, struct xdp_program **ret_prog, char *ret_why)
{
	DECLARE_LIBXDP_OPTS(xdp_program_opts, opts, .prog_name = "seal");
	struct bpf_object *obj;
	struct bpf_program *prog;
	int err;

	err = dp_object_open(dp, DP_SEAL, &obj, ret_why);
	if (err)
		return err;
	bpf_object__for_each_program(prog, obj)
		if (bpf_program__type(prog) != BPF_PROG_TYPE_XDP)
			(void)bpf_program__set_autoload(prog, false);
	opts.obj = obj;
	*ret_prog = xdp_program__create(&opts);
	err = (int)libxdp_get_error(*ret_prog);
	if (err) {
		bpf_object__close(obj);
		return dp_why(ret_why, err, "libxdp does not take the seal: %s", strerror(-err));
	}
	(void)xdp_program__set_run_prio(*ret_prog, FIRST_PRIORITY);
	return 0;
}

static int attach(struct xdp_program *prog, uint32_t ifindex)
{
	struct xdp_multiprog *mp = dispatcher_on(ifindex);
	int err;

	if (mp) {
		err = xdp_program__attach(prog, (int)ifindex, xdp_multiprog__attach_mode(mp), 0);
		xdp_multiprog__close(mp);
		return err;
	}
	err = xdp_program__attach(prog, (int)ifindex, XDP_MODE_NATIVE, 0);
	return err ? xdp_program__attach(prog, (int)ifindex, XDP_MODE_SKB, 0) : 0;
}

/* A kernel that has no dispatcher gets the bare program from libxdp: no link, and not what was asked for. */
static int check_shared(struct ppn_datapath *dp, struct xdp_program *prog, uint32_t ifindex)
{
	enum xdp_attach_mode mode;

	if (dp_share_holds(dp, ifindex))
		return 0;
	mode = xdp_program__is_attached(prog, (int)ifindex);
	if (mode != XDP_MODE_UNSPEC)
		(void)xdp_program__detach(prog, (int)ifindex, mode, 0);
	return -EOPNOTSUPP;
}

static uint32_t *shared_id(struct ppn_datapath *dp, uint32_t ifindex)
{
	struct dp_shared *row = &dp->shared[0];

	for (size_t i = 0; i < DP_SHARED_MAX; i++) {
		if (dp->shared[i].ifindex == ifindex)
			return &dp->shared[i].prog_id;
		if (!dp->shared[i].ifindex)
			row = &dp->shared[i];
	}
	*row = (struct dp_shared){ .ifindex = ifindex };
	return &row->prog_id;
}

/* This process's own, and still in its place. */
static bool is_current(const struct ppn_datapath *dp, uint32_t ifindex, uint32_t prog_id)
{
	struct xdp_multiprog *mp = prog_id ? dispatcher_on(ifindex) : NULL;
	struct xdp_program *prog = NULL;
	bool found = false;

	while (mp && (prog = xdp_multiprog__next_prog(prog, mp)))
		found |= xdp_program__id(prog) == prog_id && dp_is_ours(dp, prog_id);
	xdp_multiprog__close(mp);
	return found;
}

/* Who else is called, by id and name. */
static int say_shared(const struct ppn_datapath *dp, uint32_t ifindex, const char *name,
		      char *ret_why)
{
	struct xdp_multiprog *mp = dispatcher_on(ifindex);
	char other[BPF_OBJ_NAME_LEN], others[64] = "";
	struct xdp_program *prog = NULL;
	size_t len = 0;

	while (mp && len < sizeof(others) && (prog = xdp_multiprog__next_prog(prog, mp)))
		if (!dp_is_ours(dp, xdp_program__id(prog)))
			len += (size_t)snprintf(others + len, sizeof(others) - len, "%s%u (%s)",
						len ? ", " : " with ", xdp_program__id(prog),
						dp_program_name(xdp_program__id(prog), other));
	xdp_multiprog__close(mp);
	return dp_why(ret_why, 0,
		      "%s: shared%s by libxdp's dispatcher: no pinned link, others can take it off",
		      name, others);
}

int dp_share_attach(struct ppn_datapath *dp, uint32_t ifindex, char *ret_why)
{
	uint32_t *id = shared_id(dp, ifindex);
	struct xdp_program *prog;
	char name[16];
	int err = 0;

	dp_ifname(ifindex, name);
	if (!is_current(dp, ifindex, *id)) {
		err = make_program(dp, &prog, ret_why);
		if (err)
			return err;
		err = attach(prog, ifindex);
		if (!err)
			err = check_shared(dp, prog, ifindex);
		*id = err ? 0 : xdp_program__id(prog);
		xdp_program__close(prog);
		/* The new one runs already: no gap. */
		if (!err)
			err = detach_ours(dp, ifindex, *id);
	}
	if (err)
		return dp_why(ret_why, err,
			      "%s: not shared, this kernel refuses the dispatcher: %s", name,
			      strerror(-err));
	return say_shared(dp, ifindex, name, ret_why);
}

int dp_share_detach_all(struct ppn_datapath *dp)
{
	struct if_nameindex *all = if_nameindex();
	struct dp_xdp now;
	int err = 0;

	if (!all)
		return -errno;
	for (const struct if_nameindex *i = all; i->if_index; i++) {
		int one = 0;

		if (!dp_xdp_now(i->if_index, &now) && dp_share_is_on(i->if_index, now.prog_id))
			one = detach_ours(dp, i->if_index, 0);
		err = err ? err : one;
	}
	if_freenameindex(all);
	return err;
}
