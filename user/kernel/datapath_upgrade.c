// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * From the pins of an older ABI to ours, with the seal on all the while.
 *
 *	1. what the old maps remember goes into the new ones, policy last; command slots stay closed
 *	2. each pinned link gets the new program (bpf_link update) and moves to our folder; then the filters
 *	3. once no old program runs: what changed meanwhile (flows), and `command` for good
 *	4. our `command` says that it is filled; slots open; the old folder goes
 *
 * Between 1 and 3 frames are dropped for want of a slot, so none is taken that the last copy of the windows
 * would not know. Stopped anywhere, the next opening begins again: until 4 the old maps are the truth, then
 * ours are.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <net/if.h>
#include <sys/file.h>
#include <sys/mman.h>
#include "kernel/datapath_private.h"

#define MESH_DEVICE "ppn0" /* of ABI 1, which did not say what a link is for */

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static void free_memory(uint8_t **memory)
{
	free(*memory);
}

#define _closed_ __attribute__((cleanup(close_fd)))
#define _freed_ __attribute__((cleanup(free_memory)))

struct upgrade {
	struct ppn_datapath *dp;
	char folder[PATH_MAX - 64];
	int abi, lock, alive;
	uint32_t policy_id; /* of the old map, 0: gone */
	bool has_command; /* and it is filled: isolation and windows are to be kept */
	char *why;
};

/* ---- maps ---- */

static int old_map(const struct upgrade *u, const char *name)
{
	char path[PATH_MAX];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s", u->folder, name);
	fd = bpf_obj_get(path);
	return fd < 0 ? -errno : fd;
}

static int map_info(int fd, struct bpf_map_info *ret_info)
{
	__u32 len = sizeof(*ret_info);

	memset(ret_info, 0, sizeof(*ret_info));
	return bpf_obj_get_info_by_fd(fd, ret_info, &len);
}

static bool same_shape(const struct bpf_map_info *a, const struct bpf_map_info *b)
{
	return a->type == b->type && a->key_size == b->key_size && a->value_size == b->value_size &&
	       a->max_entries == b->max_entries;
}

static size_t row_len(const struct bpf_map_info *info)
{
	const bool per_cpu = info->type == BPF_MAP_TYPE_PERCPU_ARRAY ||
			     info->type == BPF_MAP_TYPE_PERCPU_HASH;

	return per_cpu ? (info->value_size + 7) / 8 * 8 * (size_t)libbpf_num_possible_cpus() :
			 info->value_size;
}

static bool is_zero(const uint8_t *value, size_t len)
{
	return !value[0] && !memcmp(value, value + 1, len - 1);
}

/* Rows of zeroes are what an array begins with, and say nothing in a hash of ours. */
static int copy_rows(int from, int to, const struct bpf_map_info *info)
{
	const size_t len = row_len(info);
	_freed_ uint8_t *key = calloc(1, info->key_size);
	_freed_ uint8_t *value = calloc(1, len);
	bool first = true;
	int err;

	if (!key || !value)
		return -ENOMEM;
	while (!bpf_map_get_next_key(from, first ? NULL : key, key)) {
		first = false;
		if (bpf_map_lookup_elem(from, key, value) || is_zero(value, len))
			continue;
		err = bpf_map_update_elem(to, key, value, BPF_ANY);
		if (err)
			return err;
	}
	return 0;
}

static int copy_memory(int from, int to, size_t len)
{
	void *source = mmap(NULL, len, PROT_READ, MAP_SHARED, from, 0);
	void *sink = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, to, 0);
	int err = source == MAP_FAILED || sink == MAP_FAILED ? -errno : 0;

	if (!err)
		memcpy(sink, source, len);
	if (source != MAP_FAILED)
		(void)munmap(source, len);
	if (sink != MAP_FAILED)
		(void)munmap(sink, len);
	return err;
}

/* 0: the same rows are in ours; -ENOENT: that ABI had none, or others than ours. */
static int carry(const struct upgrade *u, enum dp_map which)
{
	_closed_ int from = old_map(u, dp_map_name(which));
	const int to = u->dp->map[which];
	struct bpf_map_info was, is;
	int err;

	if (from < 0)
		return from;
	err = map_info(from, &was);
	if (!err)
		err = map_info(to, &is);
	if (err)
		return err;
	if (!same_shape(&was, &is))
		return -ENOENT;
	if (is.map_flags & was.map_flags & BPF_F_MMAPABLE)
		return copy_memory(from, to, (size_t)is.value_size * is.max_entries);
	return copy_rows(from, to, &is);
}

/* Tables only grow, at their end (ppn/maps.h). `flags`: what ours has no rows for. */
static int carry_policy(struct upgrade *u, uint32_t without)
{
	_closed_ int fd = old_map(u, dp_map_name(DP_POLICY));
	struct ppn_policy *policy = u->dp->policy;
	struct bpf_map_info info;
	const __u32 zero = 0;
	uint8_t value[1024];
	size_t table;
	uint64_t word;

	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	if (map_info(fd, &info) || info.value_size > sizeof(value) ||
	    bpf_map_lookup_elem(fd, &zero, value))
		return -EPROTO;
	table = (info.value_size - 2 * sizeof(word)) / 2;
	if (table > sizeof(policy->table[0]))
		return -EPROTO;
	memcpy(&word, value, sizeof(word));
	for (int i = 0; i < 2; i++)
		memcpy(&policy->table[i], value + 2 * sizeof(word) + i * table, table);
	word &= ~PPN_POLICY_WORD(0, without, 0);
	__atomic_store_n(&policy->word, word, __ATOMIC_RELEASE);
	u->dp->flipped_ms = dp_now_ms();
	return 0;
}

static int carry_command(struct upgrade *u)
{
	_closed_ int fd = old_map(u, dp_map_name(DP_COMMAND));
	struct ppn_command command;
	struct bpf_map_info info;
	const __u32 zero = 0;
	int err;

	if (fd < 0)
		return fd;
	err = map_info(fd, &info);
	if (err || info.value_size != sizeof(command))
		return err ? err : -EPROTO;
	err = bpf_map_lookup_elem_flags(fd, &zero, &command, BPF_F_LOCK);
	return err ? err : bpf_map_update_elem(u->dp->map[DP_COMMAND], &zero, &command, BPF_F_LOCK);
}

/* A flow that came here before may have moved on there since. A full table takes no more, as from egress. */
static int carry_flow(struct ppn_datapath *dp, const struct ppn_flow_key *key,
		      const struct ppn_flow_value *flow)
{
	struct ppn_flow_value ours;
	int err = dp_flow_add(dp, key, flow);

	if (err == -E2BIG)
		return 0;
	if (err != -EEXIST)
		return err;
	if (bpf_map_lookup_elem(dp->map[DP_FLOWS], key, &ours) || ours.seen > flow->seen)
		return 0;
	err = bpf_map_update_elem(dp->map[DP_FLOWS], key, flow, BPF_EXIST);
	return err == -ENOENT ? 0 : err;
}

static int carry_flows(struct upgrade *u)
{
	_closed_ int fd = old_map(u, dp_map_name(DP_FLOWS));
	struct ppn_flow_key key = { 0 };
	struct ppn_flow_value flow;
	struct bpf_map_info was, is;
	bool first = true;
	int err = 0;

	if (fd < 0 || map_info(fd, &was) || map_info(u->dp->map[DP_FLOWS], &is) ||
	    !same_shape(&was, &is))
		return 0;
	while (!err && !bpf_map_get_next_key(fd, first ? NULL : &key, &key)) {
		first = false;
		if (!bpf_map_lookup_elem(fd, &key, &flow))
			err = carry_flow(u->dp, &key, &flow);
	}
	return err;
}

/* What is not there again a moment later by itself: rings, rates, samples are. */
static int carry_all(struct upgrade *u)
{
	static const enum dp_map plain[] = { DP_FLOORS, DP_IFACES, DP_SEAL_COUNT, DP_EGRESS_COUNT,
					     DP_FRAME_COUNT };
	uint32_t without = 0;
	int err = 0;

	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]) && !err; i++) {
		err = carry(u, plain[i]);
		err = err == -ENOENT ? 0 : err;
	}
	if (!err && (carry(u, DP_OPEN_PORTS) || carry(u, DP_PORT_BITS)))
		without |= PPN_POLICY_PORTS;
	if (!err && carry(u, DP_EGRESS_PORTS))
		without |= PPN_POLICY_EGRESS;
	if (!err)
		err = carry_flows(u);
	if (!err && u->has_command)
		err = carry_command(u);
	if (!err)
		err = carry_policy(u, without);
	return err ? dp_why(u->why, err,
			    "what ABI %d remembers was not taken over, its programs hold: %s",
			    u->abi, strerror(-err)) :
		     0;
}

/* ---- programs ---- */

static int which_program(const struct upgrade *u, uint32_t prog_id, uint32_t ifindex)
{
	int which = dp_program_of(u->folder, prog_id);

	/* Swapped by one that died before it moved the pin. */
	if (which < 0)
		which = dp_program_of(u->dp->folder, prog_id);
	if (which >= 0)
		return which;
	if (!u->policy_id || !dp_program_uses(prog_id, u->policy_id))
		return -ENOENT;
	return ifindex == if_nametoindex(MESH_DEVICE) ? DP_MESH_IN : DP_SEAL_IN;
}

static int swap_link(struct upgrade *u, const char *name)
{
	char from[PATH_MAX], to[PATH_MAX], ifname[16];
	struct dp_link_info info = { 0 };
	_closed_ int fd = -1;
	int which;

	(void)snprintf(from, sizeof(from), "%.*s/links/%.32s", (int)sizeof(u->folder) - 1,
		       u->folder, name);
	fd = bpf_obj_get(from);
	if (fd < 0 || dp_link_info(fd, &info))
		return dp_why(u->why, -EPROTO, "%.100s is no link of ours: remove it", from);
	if (!info.ifindex)
		return unlink(from) ? -errno : 0;
	which = which_program(u, info.prog_id, info.ifindex);
	if (which < 0)
		return dp_why(u->why, -EPERM,
			      "%.100s: whose program %u is cannot be told: once, as root: "
			      "ppnd --blind",
			      from, info.prog_id);
	if (bpf_link_update(fd, u->dp->program[which], NULL))
		return dp_why(u->why, -errno, "%s: ABI %d holds it, the new program is refused: %s",
			      dp_ifname(info.ifindex, ifname), u->abi, strerror(errno));
	if (rename(from, dp_link_path(u->dp, name, to)))
		return dp_why(u->why, -errno, "%.100s not moved: %s", from, strerror(errno));
	return 0;
}

static int swap_links(struct upgrade *u)
{
	char path[PATH_MAX];
	struct dirent **entries;
	int n, err = 0;

	(void)snprintf(path, sizeof(path), "%s/links", u->folder);
	n = scandir(path, &entries, NULL, alphasort);
	if (n < 0)
		return errno == ENOENT ? 0 : -errno;
	for (int i = 0; i < n; i++) {
		if (!err && entries[i]->d_name[0] != '.')
			err = swap_link(u, entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
	return err;
}

/* Of an ABI whose pins say nothing, only the way out was on TC. */
static enum dp_program filter_program(int which, bool named)
{
	if (named)
		return which;
	return which == DP_MESH_IN ? DP_MESH_OUT : DP_SEAL_OUT;
}

static int swap_filter(struct upgrade *u, uint32_t ifindex, enum bpf_tc_attach_point point)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex, .attach_point = point);
	LIBBPF_OPTS(bpf_tc_opts, now, .handle = DP_TC_HANDLE, .priority = DP_TC_PRIORITY);
	LIBBPF_OPTS(bpf_tc_opts, next, .handle = DP_TC_HANDLE, .priority = DP_TC_PRIORITY,
		    .flags = BPF_TC_F_REPLACE);
	char ifname[16];
	int which, err;

	if (bpf_tc_query(&hook, &now))
		return 0; /* no such filter, or no such device any more */
	which = which_program(u, now.prog_id, ifindex);
	if (which < 0)
		return 0;
	next.prog_fd =
		u->dp->program[filter_program(which, dp_program_of(u->folder, now.prog_id) >= 0)];
	err = bpf_tc_attach(&hook, &next);
	return err ? dp_why(u->why, err, "%s: TC filter of ABI %d not replaced: %s",
			    dp_ifname(ifindex, ifname), u->abi, dp_refused(err)) :
		     0;
}

static int swap_filters(struct upgrade *u)
{
	struct if_nameindex *all = if_nameindex();
	int err = 0;

	if (!all)
		return -errno;
	dp_hush();
	for (const struct if_nameindex *i = all; i->if_index && !err; i++) {
		err = swap_filter(u, i->if_index, BPF_TC_EGRESS);
		if (!err)
			err = swap_filter(u, i->if_index, BPF_TC_INGRESS);
	}
	if_freenameindex(all);
	return err;
}

/* ---- the steps ---- */

static void open_slots(struct upgrade *u)
{
	_closed_ int fd = old_map(u, dp_map_name(DP_SLOTS));
	struct bpf_map_info info;
	struct ppn_slot slot;

	if (fd < 0 || map_info(fd, &info) || info.value_size != sizeof(slot))
		return; /* ppnd opens them by what is on disk */
	for (__u32 i = 0; i < PPN_SEATS_MAX; i++) {
		if (bpf_map_lookup_elem(fd, &i, &slot))
			continue;
		const uint32_t valid = slot.valid;

		slot.valid = 0;
		u->dp->slots[i] = slot;
		__atomic_store_n(&u->dp->slots[i].valid, valid, __ATOMIC_RELEASE);
	}
}

static int settle(struct upgrade *u)
{
	const uint64_t now = dp_now_ms();
	int err = 0;

	dp_quiesce(now);
	err = carry_flows(u);
	if (!err && u->has_command)
		err = carry_command(u);
	if (!err && u->has_command)
		err = dp_folder_filled(u->dp);
	if (!err && u->has_command)
		open_slots(u);
	if (!err)
		err = dp_folder_clear(u->folder);
	return err ? dp_why(u->why, err, "%.80s not taken over to its end, run ppnd again: %s",
			    u->folder, strerror(-err)) :
		     0;
}

/* The old folder's own locks: of those who load, and of a ppnd that lives. */
static int take(struct upgrade *u)
{
	char links[PATH_MAX];

	(void)snprintf(links, sizeof(links), "%s/links", u->folder);
	u->lock = open(u->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (u->lock < 0)
		return -errno;
	u->alive = open(links, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (flock(u->lock, LOCK_EX | LOCK_NB) ||
	    (u->alive >= 0 && flock(u->alive, LOCK_EX | LOCK_NB)))
		return dp_why(u->why, -EBUSY,
			      "a ppnd of ABI %d runs: stop it first, it stays sealed", u->abi);
	return 0;
}

static int look(struct upgrade *u)
{
	_closed_ int policy = old_map(u, dp_map_name(DP_POLICY));
	struct bpf_map_info info;
	char path[PATH_MAX];

	if (policy >= 0 && !map_info(policy, &info))
		u->policy_id = info.id;
	(void)snprintf(path, sizeof(path), "%s/%s", u->folder,
		       u->abi == 1 ? dp_map_name(DP_SLOTS) : DP_FILLED);
	u->has_command = !u->dp->filled && access(path, F_OK) == 0;
	return 0;
}

static int one(struct upgrade *u)
{
	/* A second, still older folder has nothing left to say. */
	const bool first = !u->dp->filled && !u->dp->policy->word;
	int err = take(u);

	if (!err)
		err = look(u);
	if (!err && first)
		err = carry_all(u);
	if (err)
		return err;
	u->dp->swapping = true;
	err = swap_links(u);
	if (!err)
		err = swap_filters(u);
	return err ? err : settle(u);
}

int dp_upgrade(struct ppn_datapath *dp, char *ret_why)
{
	int err = 0;

	while (!err && dp->older) {
		struct upgrade u = {
			.dp = dp, .abi = dp->older, .lock = -1, .alive = -1, .why = ret_why
		};

		(void)snprintf(u.folder, sizeof(u.folder), "%.*s/%d", (int)sizeof(u.folder) - 16,
			       dp->root, u.abi);
		err = one(&u);
		if (u.lock >= 0)
			close(u.lock);
		if (u.alive >= 0)
			close(u.alive);
		if (!err)
			err = dp_folder_make(dp, ret_why); /* is there another? */
	}
	return err;
}
