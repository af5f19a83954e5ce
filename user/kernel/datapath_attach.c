// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <net/if.h>
#include "kernel/datapath_private.h"

/* In and out on one device, under the folder's lock. */
static int attach(struct ppn_datapath *dp, uint32_t ifindex, enum dp_program in,
		  enum dp_program out, bool with_native, char *ret_why)
{
	char name[IF_NAMESIZE];
	int fd, err;

	if (dp->refused[0])
		return dp_why(ret_why, -ENOTSUP, "%s", dp->refused);
	if (!if_indextoname(ifindex, name))
		return dp_why(ret_why, -ENODEV, "no interface has index %u", ifindex);
	err = dp_folder_lock(dp, &fd, ret_why);
	if (err)
		return err;
	dp_hush();
	err = dp_folder_repin(dp, ret_why);
	if (!err)
		err = dp_link_attach(dp, ifindex, in, with_native, ret_why);
	if (!err)
		err = dp_tc_attach(dp, ifindex, out, ret_why);
	close(fd);
	return err;
}

int ppn_datapath_seal(struct ppn_datapath *dp, uint32_t ifindex, enum ppn_hold *ret_hold,
		      char ret_why[static PPN_WHY_LEN])
{
	enum ppn_hold hold;
	int err;

	ret_why[0] = '\0';
	err = attach(dp, ifindex, DP_SEAL_IN, DP_SEAL_OUT, true, ret_why);
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
	return attach(dp, ifindex, DP_MESH_IN, DP_MESH_OUT, false, ret_why);
}

int ppn_datapath_hold(struct ppn_datapath *dp, uint32_t ifindex, enum ppn_hold *ret_hold)
{
	enum ppn_hold hold;
	int out, err;

	if (dp->refused[0]) {
		*ret_hold = PPN_HOLD_NONE;
		return 0;
	}
	dp_hush();
	err = dp_link_hold(dp, ifindex, &hold);
	if (err)
		return err;
	out = dp_tc_holds(dp, ifindex);
	if (out < 0)
		return out;
	*ret_hold = out ? hold : PPN_HOLD_NONE;
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
