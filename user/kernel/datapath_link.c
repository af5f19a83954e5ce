// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <linux/if_link.h>
#include "kernel/datapath_private.h"

int dp_link_info(int fd, struct dp_link_info *ret_info)
{
	struct bpf_link_info info = { 0 };
	__u32 len = sizeof(info);

	if (bpf_obj_get_info_by_fd(fd, &info, &len))
		return -errno;
	if (info.type != BPF_LINK_TYPE_XDP)
		return -EINVAL;
	*ret_info = (struct dp_link_info){
		.id = info.id,
		.ifindex = info.xdp.ifindex,
		.prog_id = info.prog_id,
	};
	return 0;
}

static int program_info(int fd, uint32_t *ids, __u32 n_ids, struct bpf_prog_info *ret_info)
{
	__u32 len = sizeof(*ret_info);

	*ret_info = (struct bpf_prog_info){
		.nr_map_ids = n_ids,
		.map_ids = (__u64)(uintptr_t)ids,
	};
	return bpf_obj_get_info_by_fd(fd, ret_info, &len) ? -errno : 0;
}

/* By the map they all share: names and ids change with every load. */
bool dp_is_ours(const struct ppn_datapath *dp, uint32_t prog_id)
{
	uint32_t ids[64] = { 0 };
	struct bpf_prog_info info;
	bool ours = false;
	int fd, err;

	fd = bpf_prog_get_fd_by_id(prog_id);
	if (fd < 0)
		return false;
	err = program_info(fd, ids, 64, &info);
	close(fd);
	if (err)
		return false;
	for (uint32_t i = 0; i < info.nr_map_ids && i < 64; i++)
		ours |= ids[i] == dp->policy_id;
	return ours;
}

int dp_link_each(struct ppn_datapath *dp,
		 int (*fn)(struct ppn_datapath *dp, const char *name, int fd,
			   const struct dp_link_info *info, void *arg),
		 void *arg)
{
	struct dp_link_info info = { 0 };
	struct dirent **entries;
	char path[PATH_MAX];
	int n, fd, err = 0;

	/* A copy of the folder: fn renames and removes in it. */
	n = scandir(dp->links, &entries, NULL, alphasort);
	if (n < 0)
		return errno == ENOENT ? 0 : -errno;
	for (int i = 0; i < n; i++) {
		if (!err && entries[i]->d_name[0] != '.') {
			fd = bpf_obj_get(dp_link_path(dp, entries[i]->d_name, path));
			if (fd >= 0) {
				if (!dp_link_info(fd, &info))
					err = fn(dp, entries[i]->d_name, fd, &info, arg);
				close(fd);
			}
		}
		free(entries[i]);
	}
	free(entries);
	return err;
}

static const char *link_path(const struct ppn_datapath *dp, uint32_t ifindex,
			     char path[static PATH_MAX])
{
	char name[16];

	(void)snprintf(name, sizeof(name), "%u", ifindex);
	return dp_link_path(dp, name, path);
}

/* Out of the way, not off: it still holds a device that moved elsewhere. */
static int set_aside(struct ppn_datapath *dp, const char *name, uint32_t link_id)
{
	char from[PATH_MAX], to[PATH_MAX], other[32];

	(void)snprintf(other, sizeof(other), "moved-%u", link_id);
	if (!strcmp(name, other))
		return 0;
	return rename(dp_link_path(dp, name, from), dp_link_path(dp, other, to)) ? -errno : 0;
}

static int sweep_one(struct ppn_datapath *dp, const char *name, int fd,
		     const struct dp_link_info *info, void *arg)
{
	char from[PATH_MAX], to[PATH_MAX], right[16];

	(void)fd;
	(void)arg;
	dp_link_path(dp, name, from);
	if (!info->ifindex)
		return unlink(from) ? -errno : 0;
	(void)snprintf(right, sizeof(right), "%u", info->ifindex);
	if (!strcmp(name, right))
		return 0;
	dp_link_path(dp, right, to);
	if (access(to, F_OK) == 0)
		return set_aside(dp, name, info->id);
	return rename(from, to) ? -errno : 0;
}

int dp_link_sweep(struct ppn_datapath *dp)
{
	struct dp_link_info info = { 0 };
	size_t kept = 0;

	for (size_t i = 0; i < dp->n_held; i++) {
		if (dp_link_info(dp->held[i].fd, &info) || !info.ifindex) {
			close(dp->held[i].fd);
			continue;
		}
		dp->held[kept].fd = dp->held[i].fd;
		dp->held[kept++].ifindex = info.ifindex;
	}
	dp->n_held = kept;
	return dp_link_each(dp, sweep_one, NULL);
}

static int xdp_now(uint32_t ifindex, uint32_t *ret_prog_id, enum ppn_hold *ret_hold)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, now);
	int err = bpf_xdp_query((int)ifindex, 0, &now);

	if (err)
		return err;
	*ret_prog_id = now.prog_id;
	*ret_hold = PPN_HOLD_NONE;
	if (now.attach_mode == XDP_ATTACHED_DRV)
		*ret_hold = PPN_HOLD_NATIVE;
	if (now.attach_mode == XDP_ATTACHED_SKB)
		*ret_hold = PPN_HOLD_GENERIC;
	/* Driver and hardware at once: a program of ours is neither. */
	if (now.attach_mode == XDP_ATTACHED_MULTI)
		*ret_prog_id = now.drv_prog_id ? now.drv_prog_id : now.hw_prog_id;
	return 0;
}

int dp_link_hold(struct ppn_datapath *dp, uint32_t ifindex, enum ppn_hold *ret_hold)
{
	enum ppn_hold hold;
	uint32_t prog_id;
	int err = xdp_now(ifindex, &prog_id, &hold);

	if (!err)
		*ret_hold = prog_id && dp_is_ours(dp, prog_id) ? hold : PPN_HOLD_NONE;
	return err;
}

struct wanted {
	uint32_t ifindex, prog_id;
	int fd;
};

static bool is_wanted(const struct wanted *w, const struct dp_link_info *info)
{
	return info->ifindex == w->ifindex && info->prog_id == w->prog_id;
}

/*
 * The link that holds this very device, if one of ours does: kept open, or under its name. A link of the
 * same ifindex whose program the device does not run belongs to a device of another namespace.
 */
static int find_link(struct ppn_datapath *dp, uint32_t ifindex, uint32_t prog_id, int *ret_fd)
{
	struct wanted w = { .ifindex = ifindex, .prog_id = prog_id, .fd = -1 };
	struct dp_link_info info = { 0 };
	char path[PATH_MAX], name[16];
	int fd, err;

	for (size_t i = 0; i < dp->n_held && w.fd < 0; i++)
		if (!dp_link_info(dp->held[i].fd, &info) && is_wanted(&w, &info))
			w.fd = dup(dp->held[i].fd);
	fd = bpf_obj_get(link_path(dp, ifindex, path));
	if (fd >= 0) {
		err = dp_link_info(fd, &info);
		if (!err && !is_wanted(&w, &info)) {
			(void)snprintf(name, sizeof(name), "%u", ifindex);
			err = set_aside(dp, name, info.id);
		} else if (!err && w.fd < 0) {
			w.fd = dup(fd);
		}
		close(fd);
		if (err) {
			if (w.fd >= 0)
				close(w.fd);
			return err;
		}
	}
	*ret_fd = w.fd;
	return 0;
}

/* Pins it under its name, and keeps the fd. Takes fd over, on error too. */
static int keep(struct ppn_datapath *dp, uint32_t ifindex, int fd)
{
	char path[PATH_MAX];
	size_t i;

	if (bpf_obj_pin(fd, link_path(dp, ifindex, path)) && errno != EEXIST) {
		int err = -errno;

		close(fd);
		return err;
	}
	for (i = 0; i < dp->n_held && dp->held[i].ifindex != ifindex; i++)
		;
	if (i == DP_HELD_MAX) {
		close(fd); /* the pin holds it */
		return 0;
	}
	if (i < dp->n_held)
		close(dp->held[i].fd);
	else
		dp->n_held++;
	dp->held[i] = (struct dp_held){ .ifindex = ifindex, .fd = fd };
	return 0;
}

static int create(struct ppn_datapath *dp, uint32_t ifindex, int prog_fd, bool with_native,
		  char *ret_why)
{
	LIBBPF_OPTS(bpf_link_create_opts, native, .flags = XDP_FLAGS_DRV_MODE);
	LIBBPF_OPTS(bpf_link_create_opts, generic, .flags = XDP_FLAGS_SKB_MODE);
	char name[16], driver[32];
	int fd = -EOPNOTSUPP, err;

	dp_ifname(ifindex, name);
	if (with_native) {
		fd = bpf_link_create(prog_fd, (int)ifindex, BPF_XDP, &native);
		if (fd == -EBUSY || fd == -EEXIST)
			return dp_why(ret_why, -EBUSY, "%s: another XDP program came first", name);
		if (fd < 0)
			(void)dp_why(ret_why, 0, "%s: generic: driver %s refuses native XDP (%s)",
				     name, dp_driver(name, driver), strerror(-fd));
	}
	if (fd < 0)
		fd = bpf_link_create(prog_fd, (int)ifindex, BPF_XDP, &generic);
	if (fd < 0)
		return dp_why(ret_why, fd, "%s: XDP not attached: %s", name,
			      fd == -EBUSY || fd == -EEXIST ? "another program came first" :
							      dp_refused(fd));
	err = keep(dp, ifindex, fd);
	if (err)
		return dp_why(ret_why, err, "%s: XDP link not pinned: %s", name, strerror(-err));
	return 0;
}

static int swap(struct ppn_datapath *dp, uint32_t ifindex, int fd, int prog_fd, char *ret_why)
{
	char name[16];
	int err;

	if (bpf_link_update(fd, prog_fd, NULL)) {
		err = -errno;
		close(fd);
		return dp_why(ret_why, err,
			      "%s: the new program was not swapped in, the old one holds: %s",
			      dp_ifname(ifindex, name), strerror(-err));
	}
	err = keep(dp, ifindex, fd);
	if (err)
		return dp_why(ret_why, err, "%s: XDP link not pinned: %s", dp_ifname(ifindex, name),
			      strerror(-err));
	return 0;
}

static void say_generic(uint32_t ifindex, char *ret_why)
{
	char name[16], driver[32];

	dp_ifname(ifindex, name);
	(void)dp_why(ret_why, 0, "%s: generic since it was first sealed (driver %s)", name,
		     dp_driver(name, driver));
}

int dp_link_attach(struct ppn_datapath *dp, uint32_t ifindex, enum dp_program program,
		   bool with_native, char *ret_why)
{
	char name[16], other[BPF_OBJ_NAME_LEN];
	enum ppn_hold hold = PPN_HOLD_NONE;
	uint32_t prog_id = 0;
	int fd = -1, err;

	err = xdp_now(ifindex, &prog_id, &hold);
	if (!err)
		err = dp_link_sweep(dp);
	if (!err)
		err = find_link(dp, ifindex, prog_id, &fd);
	if (err)
		return dp_why(ret_why, err, "%s: cannot tell what is attached: %s",
			      dp_ifname(ifindex, name), strerror(-err));
	if (fd >= 0) {
		err = swap(dp, ifindex, fd, dp->program[program], ret_why);
		if (!err && with_native && hold == PPN_HOLD_GENERIC)
			say_generic(ifindex, ret_why);
		return err;
	}
	if (prog_id)
		return dp_why(ret_why, -EBUSY,
			      "%s: XDP program %u (%s) is on it and not ours: take it off first",
			      dp_ifname(ifindex, name), prog_id, dp_program_name(prog_id, other));
	return create(dp, ifindex, dp->program[program], with_native, ret_why);
}

static int detach_one(struct ppn_datapath *dp, const char *name, int fd,
		      const struct dp_link_info *info, void *arg)
{
	char path[PATH_MAX];

	(void)arg;
	/* A vanished device has nothing left to detach from. */
	if (info->ifindex && bpf_link_detach(fd) && errno != ENOLINK)
		return -errno;
	return unlink(dp_link_path(dp, name, path)) ? -errno : 0;
}

int dp_link_detach_all(struct ppn_datapath *dp)
{
	int err = 0;

	for (size_t i = 0; i < dp->n_held; i++) {
		if (bpf_link_detach(dp->held[i].fd) && errno != ENOLINK && errno != EINVAL)
			err = -errno;
		close(dp->held[i].fd);
	}
	dp->n_held = 0;
	return err ? err : dp_link_each(dp, detach_one, NULL);
}
