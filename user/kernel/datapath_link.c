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

struct wanted {
	uint32_t ifindex, prog_id;
	int fd;
};

static bool is_wanted(const struct wanted *w, const struct dp_link_info *info)
{
	return info->ifindex == w->ifindex && info->prog_id == w->prog_id;
}

int dp_link_find(struct ppn_datapath *dp, uint32_t ifindex, uint32_t prog_id, int *ret_fd)
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

/* 0: pinned under its name, now or before; what lies there otherwise is not ours to remove. */
static int pin(struct ppn_datapath *dp, uint32_t ifindex, int fd)
{
	char path[PATH_MAX];

	return bpf_obj_pin(fd, link_path(dp, ifindex, path)) && errno != EEXIST ? -errno : 0;
}

int dp_link_keep(struct ppn_datapath *dp, uint32_t ifindex, int fd)
{
	int err = pin(dp, ifindex, fd);
	size_t i;

	for (i = 0; i < dp->n_held && dp->held[i].ifindex != ifindex; i++)
		;
	if (i == DP_HELD_MAX) {
		close(fd); /* the pin holds it */
		return err;
	}
	if (i < dp->n_held)
		close(dp->held[i].fd);
	else
		dp->n_held++;
	dp->held[i] = (struct dp_held){ .ifindex = ifindex, .fd = fd };
	return err;
}

bool dp_link_holds(const struct ppn_datapath *dp, uint32_t ifindex)
{
	struct dp_link_info info = { 0 };

	for (size_t i = 0; i < dp->n_held; i++)
		if (dp->held[i].ifindex == ifindex)
			return !dp_link_info(dp->held[i].fd, &info) && info.ifindex == ifindex;
	return false;
}

bool dp_link_pinned(const struct ppn_datapath *dp)
{
	char path[PATH_MAX];

	for (size_t i = 0; i < dp->n_held; i++)
		if (access(link_path(dp, dp->held[i].ifindex, path), F_OK))
			return false;
	return true;
}

int dp_link_repin(struct ppn_datapath *dp)
{
	int err = 0;

	for (size_t i = 0; i < dp->n_held; i++) {
		int one = pin(dp, dp->held[i].ifindex, dp->held[i].fd);

		err = err ? err : one;
	}
	return err;
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
