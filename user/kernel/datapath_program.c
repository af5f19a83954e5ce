// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Which programs are ours. The kernel hands out a program by its id only to CAP_SYS_ADMIN, which ppnd may
 * not have: each program is pinned before it is attached, under a name that holds its id. While the pin is
 * there nothing else gets that id.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <net/if.h>
#include "kernel/datapath_private.h"

struct ids {
	size_t n, max;
	uint32_t *id;
	bool incomplete;
};

static int program_info(int fd, uint32_t *map_ids, __u32 n_map_ids, struct bpf_prog_info *ret_info)
{
	__u32 len = sizeof(*ret_info);

	*ret_info = (struct bpf_prog_info){
		.nr_map_ids = n_map_ids,
		.map_ids = (__u64)(uintptr_t)map_ids,
	};
	return bpf_obj_get_info_by_fd(fd, ret_info, &len) ? -errno : 0;
}

static void program_path(const char *folder, enum dp_program which, uint32_t id,
			 char path[static PATH_MAX])
{
	(void)snprintf(path, PATH_MAX, "%s/" DP_PROGRAMS "/%s-%u", folder, dp_program_pin(which),
		       id);
}

int dp_programs_pin(struct ppn_datapath *dp, char *ret_why)
{
	struct bpf_prog_info info;
	char path[PATH_MAX];
	int err = 0;

	for (int i = 0; i < _DP_PROGRAM_MAX && !err; i++) {
		if (dp->program[i] < 0)
			continue;
		err = program_info(dp->program[i], NULL, 0, &info);
		if (err)
			break;
		dp->program_id[i] = info.id;
		program_path(dp->folder, i, info.id, path);
		if (bpf_obj_pin(dp->program[i], path) && errno != EEXIST)
			err = -errno;
	}
	return err ? dp_why(ret_why, err, "programs not pinned in %.80s/" DP_PROGRAMS ": %s",
			    dp->folder, strerror(-err)) :
		     0;
}

int dp_program_of(const char *folder, uint32_t id)
{
	char path[PATH_MAX];

	for (int i = 0; i < _DP_PROGRAM_MAX; i++) {
		program_path(folder, i, id, path);
		if (access(path, F_OK) == 0)
			return i;
	}
	return -ENOENT;
}

bool dp_program_uses(uint32_t prog_id, uint32_t map_id)
{
	uint32_t ids[64] = { 0 };
	struct bpf_prog_info info;
	bool uses = false;
	int fd, err;

	fd = bpf_prog_get_fd_by_id(prog_id);
	if (fd < 0)
		return false;
	err = program_info(fd, ids, 64, &info);
	close(fd);
	if (err)
		return false;
	for (uint32_t i = 0; i < info.nr_map_ids && i < 64; i++)
		uses |= ids[i] == map_id;
	return uses;
}

/* Somebody may have removed the pins: then by the map that all of ours share, where we may ask. */
bool dp_is_ours(const struct ppn_datapath *dp, uint32_t prog_id)
{
	for (int i = 0; i < _DP_PROGRAM_MAX; i++)
		if (dp->program[i] >= 0 && dp->program_id[i] == prog_id)
			return true;
	return dp_program_of(dp->folder, prog_id) >= 0 || dp_program_uses(prog_id, dp->policy_id);
}

static bool is_policy(uint32_t map_id)
{
	struct bpf_map_info info = { 0 };
	__u32 len = sizeof(info);
	int fd = bpf_map_get_fd_by_id(map_id), err;

	if (fd < 0)
		return false;
	err = bpf_obj_get_info_by_fd(fd, &info, &len);
	close(fd);
	return !err && !strcmp(info.name, "policy");
}

/* By its name and the name of a map of it: what made it may have been another version. */
bool dp_is_orphan(const struct ppn_datapath *dp, uint32_t prog_id)
{
	static const char *const names[] = { "egress", "frame_out", "seal_tc" };
	uint32_t ids[64] = { 0 };
	struct bpf_prog_info info;
	bool named = false, orphan = false;
	int fd, err;

	if (dp_is_ours(dp, prog_id))
		return false;
	fd = bpf_prog_get_fd_by_id(prog_id);
	if (fd < 0)
		return false;
	err = program_info(fd, ids, 64, &info);
	close(fd);
	if (err)
		return false;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		named |= !strcmp(info.name, names[i]);
	for (uint32_t i = 0; named && !orphan && i < info.nr_map_ids && i < 64; i++)
		orphan = is_policy(ids[i]);
	return orphan;
}

/* ---- pins that nobody needs ---- */

static void add(struct ids *ids, uint32_t id)
{
	uint32_t *more;

	if (ids->n == ids->max) {
		more = reallocarray(ids->id, ids->max + 64, sizeof(*more));
		if (!more) {
			ids->incomplete = true;
			return;
		}
		ids->id = more;
		ids->max += 64;
	}
	ids->id[ids->n++] = id;
}

static bool has(const struct ids *ids, uint32_t id)
{
	for (size_t i = 0; i < ids->n; i++)
		if (ids->id[i] == id)
			return true;
	return false;
}

static int add_link(struct ppn_datapath *dp, const char *name, int fd,
		    const struct dp_link_info *info, void *arg)
{
	(void)dp;
	(void)name;
	(void)fd;
	add(arg, info->prog_id);
	return 0;
}

static void add_filters(struct ids *ids, uint32_t ifindex)
{
	static const enum bpf_tc_attach_point points[] = { BPF_TC_INGRESS, BPF_TC_EGRESS };

	for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++) {
		LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex, .attach_point = points[i]);
		LIBBPF_OPTS(bpf_tc_opts, now, .handle = DP_TC_HANDLE, .priority = DP_TC_PRIORITY);
		int err = bpf_tc_query(&hook, &now);

		if (!err)
			add(ids, now.prog_id);
		else if (err != -ENOENT && err != -EINVAL && err != -ENODEV)
			ids->incomplete = true;
	}
}

static void gather(struct ppn_datapath *dp, struct ids *ids)
{
	struct if_nameindex *all = if_nameindex();

	for (int i = 0; i < _DP_PROGRAM_MAX; i++)
		if (dp->program[i] >= 0)
			add(ids, dp->program_id[i]);
	ids->incomplete |= !all || dp_link_each(dp, add_link, ids);
	dp_hush();
	for (const struct if_nameindex *i = all; i && i->if_index; i++)
		add_filters(ids, i->if_index);
	if (all)
		if_freenameindex(all);
}

static void remove_others(struct ppn_datapath *dp, const struct ids *ids)
{
	struct dirent *entry;
	char path[PATH_MAX];
	const char *dash;
	DIR *dir;

	(void)snprintf(path, sizeof(path), "%s/" DP_PROGRAMS, dp->folder);
	dir = opendir(path);
	if (!dir)
		return;
	while ((entry = readdir(dir))) {
		dash = strrchr(entry->d_name, '-');
		if (dash && !has(ids, (uint32_t)strtoul(dash + 1, NULL, 10)))
			(void)unlinkat(dirfd(dir), entry->d_name, 0);
	}
	closedir(dir);
}

void dp_programs_sweep(struct ppn_datapath *dp)
{
	struct ids ids = { 0 };

	gather(dp, &ids);
	if (!ids.incomplete)
		remove_others(dp, &ids);
	free(ids.id);
}
