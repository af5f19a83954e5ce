// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <linux/membarrier.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include "kernel/cgroup.h"
#include "kernel/datapath_private.h"
#include "egress.skel.h"
#include "frame.skel.h"
#include "seal.skel.h"
#include "seal_tc.skel.h"

/* An XDP program runs for microseconds. */
enum { QUIET_MS = 1000 };
/* What a start that makes the maps takes of its memory cgroup at the least. */
enum { FIRST_MIB = 29 };

static const struct {
	const char *name;
	const void *(*elf)(size_t *ret_len);
} objects[_DP_OBJECT_MAX] = {
	[DP_SEAL] = { "seal", seal_bpf__elf_bytes },
	[DP_TC] = { "seal_tc", seal_tc_bpf__elf_bytes },
	[DP_EGRESS] = { "egress", egress_bpf__elf_bytes },
	[DP_FRAME] = { "frame", frame_bpf__elf_bytes },
};

static const struct {
	enum dp_object object;
	enum bpf_prog_type type;
	const char *pin;
} programs[_DP_PROGRAM_MAX] = {
	[DP_SEAL_IN] = { DP_SEAL, BPF_PROG_TYPE_XDP, "seal_in" },
	[DP_SEAL_OUT] = { DP_EGRESS, BPF_PROG_TYPE_SCHED_CLS, "seal_out" },
	[DP_SEAL_TC] = { DP_TC, BPF_PROG_TYPE_SCHED_CLS, "seal_tc" },
	[DP_MESH_IN] = { DP_FRAME, BPF_PROG_TYPE_XDP, "mesh_in" },
	[DP_MESH_OUT] = { DP_FRAME, BPF_PROG_TYPE_SCHED_CLS, "mesh_out" },
};

static const char *const maps[_DP_MAP_MAX] = {
	[DP_POLICY] = "policy",
	[DP_OPEN_PORTS] = "open_ports",
	[DP_PORT_BITS] = "port_bits",
	[DP_EGRESS_PORTS] = "egress_ports",
	[DP_FLOWS] = "flows",
	[DP_FLOW_FILTER] = "flow_filter",
	[DP_OBSERVED] = "observed",
	[DP_SAMPLES] = "samples",
	[DP_IFACES] = "ifaces",
	[DP_FLOORS] = "floors",
	[DP_PACKETS] = "packets",
	[DP_SLOTS] = "slots",
	[DP_COMMAND] = "command",
	[DP_FRAMES] = "frames",
	[DP_SEAL_COUNT] = "seal_count",
	[DP_EGRESS_COUNT] = "egress_count",
	[DP_FRAME_COUNT] = "frame_count",
};

/* What only ppn0 has. */
static bool is_mesh_map(enum dp_map which)
{
	return which == DP_SLOTS || which == DP_FRAMES || which == DP_FRAME_COUNT;
}

const char *dp_program_pin(enum dp_program which)
{
	return programs[which].pin;
}

const char *dp_map_name(enum dp_map which)
{
	return maps[which];
}

int dp_array_read(struct ppn_datapath *dp, enum dp_map map, uint32_t first, uint32_t n,
		  void *ret_values)
{
	uint32_t keys[DP_ARRAY_READ_MAX], before = first - 1, last, count = n;
	int err;

	if (n == 0 || n > DP_ARRAY_READ_MAX)
		return -EINVAL;
	err = bpf_map_lookup_batch(dp->map[map], first ? &before : NULL, &last, keys, ret_values,
				   &count, NULL);
	return err || count == n ? err : -EIO;
}

uint64_t dp_now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* The coarse clock's resolution is the kernel's tick. */
uint32_t dp_hz(void)
{
	struct timespec tick;

	if (clock_getres(CLOCK_MONOTONIC_COARSE, &tick) || tick.tv_nsec <= 0)
		return 0;
	return (uint32_t)(1000000000 / tick.tv_nsec);
}

/* MEMBARRIER_CMD_GLOBAL is synchronize_rcu(), and programs run inside RCU. A kernel that refuses it
 * (nohz_full) gets the time instead. */
void dp_quiesce(uint64_t since_ms)
{
	const struct timespec quiet = { .tv_sec = QUIET_MS / 1000 };

	if (!since_ms || dp_now_ms() - since_ms >= QUIET_MS)
		return;
	if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0))
		(void)nanosleep(&quiet, NULL);
}

static int open_object(struct ppn_datapath *dp, enum dp_object which,
		       struct bpf_object **ret_object, char *ret_why)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .object_name = objects[which].name);
	char path[PATH_MAX];
	struct bpf_object *object;
	struct bpf_map *map;
	const void *elf;
	size_t len;
	int err;

	elf = objects[which].elf(&len);
	object = bpf_object__open_mem(elf, len, &opts);
	if (!object)
		return dp_why(ret_why, -errno, "%s.bpf.o: %s", objects[which].name, dp_said());
	bpf_object__for_each_map(map, object) {
		if (bpf_map__is_internal(map))
			continue;
		err = bpf_map__set_pin_path(map, dp_map_path(dp, bpf_map__name(map), path));
		if (err) {
			bpf_object__close(object);
			return dp_why(ret_why, err, "%.100s: %s", path, strerror(-err));
		}
	}
	*ret_object = object;
	return 0;
}

_Static_assert(offsetof(struct seal_bpf__rodata, settings) == 0 &&
		       offsetof(struct seal_tc_bpf__rodata, settings) == 0 &&
		       offsetof(struct egress_bpf__rodata, settings) == 0,
	       "settings come first");

/* The compiler's own constants follow the settings. */
static int set_settings(struct ppn_datapath *dp, struct bpf_object *object, char *ret_why)
{
	struct bpf_map *map = bpf_object__find_map_by_name(object, ".rodata");
	struct ppn_settings *settings = &dp->settings;
	uint8_t section[512];
	size_t len = 0;
	const void *initial = map ? bpf_map__initial_value(map, &len) : NULL;

	if (!initial || len < sizeof(*settings) || len > sizeof(section))
		return dp_why(ret_why, -EINVAL, "%s.bpf.o: not the settings it was built with",
			      bpf_object__name(object));
	settings->hz = dp_hz();
	if (!settings->hz ||
	    (!settings->rate_seed[0] && getrandom(settings->rate_seed, sizeof(settings->rate_seed),
						  0) != (ssize_t)sizeof(settings->rate_seed)))
		return dp_why(ret_why, -EIO, "the kernel's tick or random numbers: %s",
			      strerror(errno));
	memcpy(section, initial, len);
	memcpy(section, settings, sizeof(*settings));
	return bpf_map__set_initial_value(map, section, len);
}

int dp_object_open(struct ppn_datapath *dp, enum dp_object which, struct bpf_object **ret_object,
		   char *ret_why)
{
	struct bpf_object *object;
	int err = open_object(dp, which, &object, ret_why);

	if (err)
		return err;
	if (which != DP_FRAME)
		err = set_settings(dp, object, ret_why);
	if (err)
		bpf_object__close(object);
	else
		*ret_object = object;
	return err;
}

/* libbpf's words for a pin of our name that is another map: somebody's, or of other sizes. */
static bool is_in_the_way(void)
{
	return strstr(dp_said(), "couldn't reuse pinned map");
}

/* libbpf takes the maps that are pinned already, pins the others, and raises RLIMIT_MEMLOCK by itself on
 * the kernels that still count map memory in it. */
static int load_object(struct ppn_datapath *dp, enum dp_object which, char *ret_why)
{
	int err;

	dp_hush();
	err = dp_object_open(dp, which, &dp->object[which], ret_why);
	if (err)
		return err;
	err = bpf_object__load(dp->object[which]);
	if (err)
		return dp_why(ret_why, err, "%s.bpf.o not loaded: %s%s", objects[which].name,
			      dp_refused(err), is_in_the_way() ? ": not ours, remove it" : "");
	return 0;
}

static int find_program(const struct ppn_datapath *dp, enum dp_program which)
{
	struct bpf_program *prog;

	bpf_object__for_each_program(prog, dp->object[programs[which].object])
		if (bpf_program__type(prog) == programs[which].type)
			return bpf_program__fd(prog);
	return -ENOENT;
}

static int find_map(const struct ppn_datapath *dp, const char *name)
{
	int fd = -ENOENT;

	for (int i = 0; i < _DP_OBJECT_MAX && fd < 0; i++)
		if (dp->object[i])
			fd = bpf_object__find_map_fd_by_name(dp->object[i], name);
	return fd;
}

static int find_all(struct ppn_datapath *dp, char *ret_why)
{
	for (int i = 0; i < _DP_PROGRAM_MAX; i++) {
		dp->program[i] = -1;
		if (!dp->object[programs[i].object])
			continue;
		dp->program[i] = find_program(dp, i);
		if (dp->program[i] < 0)
			return dp_why(ret_why, dp->program[i], "%s.bpf.o lacks a program",
				      objects[programs[i].object].name);
	}
	for (int i = 0; i < _DP_MAP_MAX; i++) {
		dp->map[i] = -1;
		if (dp->seal_only && is_mesh_map(i))
			continue;
		dp->map[i] = find_map(dp, maps[i]);
		if (dp->map[i] < 0)
			return dp_why(ret_why, dp->map[i], "no program has the map %s", maps[i]);
	}
	return 0;
}

static int map_memory(int fd, size_t len, void *ret_memory)
{
	void *at = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (at == MAP_FAILED)
		return -errno;
	memcpy(ret_memory, &at, sizeof(at));
	return 0;
}

static int map_all(struct ppn_datapath *dp, char *ret_why)
{
	struct bpf_map_info info = { 0 };
	__u32 len = sizeof(info);
	int err;

	err = map_memory(dp->map[DP_POLICY], sizeof(*dp->policy), &dp->policy);
	if (!err && !dp->seal_only)
		err = map_memory(dp->map[DP_SLOTS], PPN_SEATS_MAX * sizeof(*dp->slots), &dp->slots);
	if (!err)
		err = map_memory(dp->map[DP_PORT_BITS], PPN_MAP_PORT_BITS * sizeof(*dp->port_bits),
				 &dp->port_bits);
	if (!err)
		err = map_memory(dp->map[DP_FLOW_FILTER],
				 PPN_MAP_FLOW_FILTER * sizeof(*dp->flow_filter), &dp->flow_filter);
	if (!err)
		err = bpf_obj_get_info_by_fd(dp->map[DP_POLICY], &info, &len);
	if (err)
		return dp_why(ret_why, err, "maps not mapped: %s", strerror(-err));
	dp->policy_id = info.id;
	/* Another process may have changed them a moment ago. */
	dp->flipped_ms = dp->policy->word ? dp_now_ms() : 0;
	for (int i = 0; dp->slots && i < PPN_SEATS_MAX; i++)
		dp->closed_ms[i] = dp->slots[i].generation ? dp_now_ms() : 0;
	return 0;
}

static int load_locked(struct ppn_datapath *dp, char *ret_why)
{
	int err = 0;

	for (int i = 0; i < _DP_OBJECT_MAX && !err; i++)
		if (i != DP_FRAME || !dp->seal_only)
			err = load_object(dp, i, ret_why);
	if (!err)
		err = find_all(dp, ret_why);
	if (!err)
		err = map_all(dp, ret_why);
	if (!err)
		err = dp_programs_pin(dp, ret_why);
	/* To the caller -EBUSY is another ppnd, and no reason to seal by other means. */
	if (err == -EBUSY)
		err = -EIO;
	if (!err && dp->older)
		err = dp_upgrade(dp, ret_why);
	if (err)
		return err;
	dp_programs_sweep(dp);
	return dp_link_sweep(dp);
}

/*
 * Maps are charged to whoever makes them: beyond the limit the kernel kills, and there is nobody to say why. Where
 * maps and programs are in place already, giving up on them would leave what they hold to nobody.
 */
static int check_memory(char *ret_why)
{
	const uint64_t limit = ppn_cgroup_memory("") >> 20;

	if (limit >= FIRST_MIB)
		return 0;
	return dp_why(
		ret_why, -ENOMEM,
		"this cgroup's memory limit is %u MiB, maps and programs take %u: MemoryMax=64M",
		(unsigned int)limit, FIRST_MIB);
}

static int load_all(struct ppn_datapath *dp, bool *ret_fresh, char *ret_why)
{
	char path[PATH_MAX];
	bool untouched;
	int fd, err;

	err = dp_folder_lock(dp, &fd, ret_why);
	if (err)
		return err;
	dp->filled = access(dp_map_path(dp, DP_FILLED, path), F_OK) == 0;
	untouched = access(dp_map_path(dp, maps[DP_POLICY], path), F_OK) != 0;
	/* ppn0's programs of an older ABI have to be swapped as well. */
	dp->seal_only &= !dp->older;
	err = untouched ? check_memory(ret_why) : 0;
	if (!err)
		err = load_locked(dp, ret_why);
	if (!err && !dp->blind)
		err = dp_folder_alive(dp, ret_why);
	/* What had no pins of ours before has none after a failure. */
	if (err && untouched && !dp->swapping)
		(void)dp_folder_remove(dp);
	close(fd);
	if (!err)
		*ret_fresh = !dp->filled;
	return err;
}

static int open_handle(struct ppn_datapath **ret_dp, const char *pin_root, bool blind,
		       bool *ret_fresh, char *ret_why)
{
	const char *root = pin_root ? pin_root : PPN_PIN_ROOT;
	struct ppn_datapath *dp;
	int err;

	if (strlen(root) >= sizeof(dp->root))
		return dp_why(ret_why, -ENAMETOOLONG, "the pin folder's name is too long");
	dp = calloc(1, sizeof(*dp));
	if (!dp)
		return dp_why(ret_why, -ENOMEM, "no memory");
	dp->clock = dp->alive = -1;
	dp->blind = dp->seal_only = blind;
	(void)snprintf(dp->root, sizeof(dp->root), "%s", root);
	(void)snprintf(dp->folder, sizeof(dp->folder), "%s/%d", root, PPN_ABI);
	(void)snprintf(dp->links, sizeof(dp->links), "%s/links", dp->folder);
	err = load_all(dp, ret_fresh, ret_why);
	if (err) {
		ppn_datapath_close(&dp);
		return err;
	}
	*ret_dp = dp;
	return 0;
}

int ppn_datapath_open(struct ppn_datapath **ret_dp, const char *pin_root, bool *ret_fresh,
		      char ret_why[static PPN_WHY_LEN])
{
	return open_handle(ret_dp, pin_root, false, ret_fresh, ret_why);
}

int ppn_datapath_open_seal(struct ppn_datapath **ret_dp, const char *pin_root, bool *ret_fresh,
			   char ret_why[static PPN_WHY_LEN])
{
	return open_handle(ret_dp, pin_root, true, ret_fresh, ret_why);
}

void ppn_datapath_close(struct ppn_datapath **dp)
{
	struct ppn_datapath *d = *dp;

	if (!d)
		return;
	ring_buffer__free(d->rings);
	if (d->policy)
		(void)munmap(d->policy, sizeof(*d->policy));
	if (d->slots)
		(void)munmap(d->slots, PPN_SEATS_MAX * sizeof(*d->slots));
	if (d->port_bits)
		(void)munmap(d->port_bits, PPN_MAP_PORT_BITS * sizeof(*d->port_bits));
	if (d->flow_filter)
		(void)munmap(d->flow_filter, PPN_MAP_FLOW_FILTER * sizeof(*d->flow_filter));
	if (d->clock >= 0)
		close(d->clock);
	if (d->alive >= 0)
		close(d->alive);
	for (size_t i = 0; i < d->n_held; i++)
		close(d->held[i].fd);
	for (int i = 0; i < _DP_OBJECT_MAX; i++)
		bpf_object__close(d->object[i]);
	free(d);
	*dp = NULL;
}
