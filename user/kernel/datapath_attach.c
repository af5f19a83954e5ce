// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <net/if.h>
#include "kernel/datapath_private.h"

/* The way in by TC, where XDP cannot be. Both reasons, if neither can. */
static int fall_to_tc(struct ppn_datapath *dp, uint32_t ifindex, int refused, char *ret_why)
{
	char first[PPN_WHY_LEN], second[PPN_WHY_LEN];
	int err;

	memcpy(first, ret_why, sizeof(first));
	err = dp_tc_attach(dp, ifindex, DP_SEAL_TC, second);
	if (err)
		return dp_why(ret_why, refused, "%.90s; %.66s", first, second);
	return dp_why(ret_why, 0, "%.150s: TC", first);
}

/* Down the ladder until something holds. What held below goes off when something higher holds. */
static int hold_in(struct ppn_datapath *dp, uint32_t ifindex, char *ret_why)
{
	int err = dp_xdp_attach(dp, ifindex, DP_SEAL_IN, true, ret_why);

	if (err == -ENODEV)
		return err;
	if (err)
		return fall_to_tc(dp, ifindex, err, ret_why);
	(void)dp_tc_detach_in(dp, ifindex); /* seen twice is counted twice, and no worse */
	return 0;
}

static int in_and_out(struct ppn_datapath *dp, uint32_t ifindex, bool mesh, char *ret_why)
{
	char out[PPN_WHY_LEN];
	int err;

	dp_hush();
	err = mesh ? dp_xdp_attach(dp, ifindex, DP_MESH_IN, false, ret_why) :
		     hold_in(dp, ifindex, ret_why);
	if (err)
		return err;
	err = dp_tc_attach(dp, ifindex, mesh ? DP_MESH_OUT : DP_SEAL_OUT, out);
	if (err)
		memcpy(ret_why, out, sizeof(out));
	return err;
}

/*
 * In and out on one device, under the folder's lock. A folder that cannot be written to any more (its
 * bpffs is gone, or read-only) is no reason to leave a device open: then the fd alone holds it.
 */
static int attach(struct ppn_datapath *dp, uint32_t ifindex, bool mesh, char *ret_why)
{
	char name[IF_NAMESIZE], pins[PPN_WHY_LEN] = "";
	int fd = -1, err;

	if (dp->refused[0])
		return dp_why(ret_why, -ENOTSUP, "%s", dp->refused);
	if (!if_indextoname(ifindex, name))
		return dp_why(ret_why, -ENODEV, "no interface has index %u", ifindex);
	err = dp_folder_lock(dp, &fd, pins);
	if (!err)
		err = dp_folder_repin(dp, pins);
	if (err == -EBUSY || err == -ESTALE)
		memcpy(ret_why, pins, sizeof(pins));
	else
		err = in_and_out(dp, ifindex, mesh, ret_why);
	if (!err && pins[0] && !ret_why[0])
		(void)dp_why(ret_why, 0, "%s: held by ppnd alone, not pinned: %.100s", name, pins);
	if (fd >= 0)
		close(fd);
	return err;
}

int ppn_datapath_pins(struct ppn_datapath *dp, char ret_why[static PPN_WHY_LEN])
{
	int fd, err;

	ret_why[0] = '\0';
	if (dp->refused[0] || (dp_folder_pinned(dp) && dp_link_pinned(dp)))
		return 0;
	err = dp_folder_lock(dp, &fd, ret_why);
	if (err)
		return err;
	dp_hush();
	err = dp_link_sweep(dp);
	if (!err)
		err = dp_folder_repin(dp, ret_why);
	if (!err)
		err = dp_link_repin(dp);
	close(fd);
	if (err && !ret_why[0])
		return dp_why(ret_why, err, "%.100s: %s", dp->links, strerror(-err));
	return err ? err : 1;
}

void ppn_datapath_share(struct ppn_datapath *dp, bool share)
{
	dp->share = share;
}

int ppn_datapath_seal(struct ppn_datapath *dp, uint32_t ifindex, enum ppn_hold *ret_hold,
		      char ret_why[static PPN_WHY_LEN])
{
	enum ppn_hold hold;
	int err;

	ret_why[0] = '\0';
	if (dp->blind && !ppn_datapath_hold(dp, ifindex, ret_hold) && *ret_hold != PPN_HOLD_NONE)
		return 0;
	err = attach(dp, ifindex, false, ret_why);
	if (err)
		return err;
	err = ppn_datapath_hold(dp, ifindex, &hold);
	if (!err && hold == PPN_HOLD_NONE)
		err = -ENODEV;
	if (err)
		return dp_why(ret_why, err, "interface %u: sealed, and gone at once", ifindex);
	*ret_hold = hold;
	return 0;
}

int ppn_datapath_mesh(struct ppn_datapath *dp, uint32_t ifindex, char ret_why[static PPN_WHY_LEN])
{
	ret_why[0] = '\0';
	return attach(dp, ifindex, true, ret_why);
}

int ppn_datapath_hold(struct ppn_datapath *dp, uint32_t ifindex, enum ppn_hold *ret_hold)
{
	enum ppn_hold hold;
	int in = 1, out, err;

	if (dp->refused[0]) {
		*ret_hold = PPN_HOLD_NONE;
		return 0;
	}
	dp_hush();
	err = dp_xdp_hold(dp, ifindex, &hold);
	if (err)
		return err;
	if (hold == PPN_HOLD_NONE) {
		in = dp_tc_holds(dp, ifindex, true);
		hold = PPN_HOLD_TC;
	}
	out = dp_tc_holds(dp, ifindex, false);
	if (in < 0 || out < 0)
		return in < 0 ? in : out;
	*ret_hold = in && out ? hold : PPN_HOLD_NONE;
	return 0;
}

/* The link that is kept says in a microsecond what a netlink query says in fifty. */
int ppn_datapath_look(struct ppn_datapath *dp, uint32_t ifindex, struct ppn_look *ret_look)
{
	struct ppn_look look = { .by_link = dp_link_holds(dp, ifindex) };
	struct dp_xdp now = { 0 };
	int err;

	if (dp->refused[0]) {
		*ret_look = look;
		return 0;
	}
	dp_hush();
	if (look.by_link) {
		err = dp_tc_holds(dp, ifindex, false);
		if (err < 0)
			return err;
		look.is_held = err;
	} else {
		err = dp_xdp_now(ifindex, &now);
		if (!err)
			err = ppn_datapath_hold(dp, ifindex, &look.hold);
		if (err)
			return err;
		look.is_held = look.hold != PPN_HOLD_NONE;
		look.xdp_id = now.prog_id;
	}
	*ret_look = look;
	return 0;
}

int ppn_datapath_unseal(struct ppn_datapath *dp, char ret_why[static PPN_WHY_LEN])
{
	int fd, err;

	ret_why[0] = '\0';
	if (dp->refused[0])
		return 0;
	err = dp_folder_lock(dp, &fd, ret_why);
	if (err)
		return err;
	dp_hush();
	err = dp_link_detach_all(dp);
	if (!err)
		err = dp_share_detach_all(dp);
	if (err)
		(void)dp_why(ret_why, err, "XDP not taken off everywhere: %s", strerror(-err));
	if (!err) {
		err = dp_tc_detach_all(dp);
		if (err)
			(void)dp_why(ret_why, err, "TC egress not taken off everywhere: %s",
				     strerror(-err));
	}
	if (!err) {
		err = dp_folder_remove(dp);
		if (err)
			(void)dp_why(ret_why, err, "%.100s not removed: %s", dp->folder,
				     strerror(-err));
	}
	close(fd);
	return err;
}
