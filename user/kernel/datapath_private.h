/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the datapath*.c files share: the handle, the pin folder, and words for errors. */
#ifndef PPN_KERNEL_DATAPATH_PRIVATE_H
#define PPN_KERNEL_DATAPATH_PRIVATE_H

#include <limits.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include "kernel/datapath.h"

enum dp_object { DP_SEAL, DP_TC, DP_EGRESS, DP_FRAME, _DP_OBJECT_MAX };
enum dp_program {
	DP_SEAL_IN,
	DP_SEAL_OUT,
	DP_SEAL_TC, /* DP_SEAL_IN's rows where no XDP program can be */
	DP_MESH_IN,
	DP_MESH_OUT,
	_DP_PROGRAM_MAX
};
enum dp_map {
	DP_POLICY,
	DP_OPEN_PORTS,
	DP_PORT_BITS,
	DP_EGRESS_PORTS,
	DP_FLOWS,
	DP_FLOW_FILTER,
	DP_IFACES,
	DP_FLOORS,
	DP_OBSERVED,
	DP_SAMPLES,
	DP_PACKETS,
	DP_SLOTS,
	DP_COMMAND,
	DP_FRAMES,
	DP_SEAL_COUNT,
	DP_EGRESS_COUNT,
	DP_FRAME_COUNT,
	_DP_MAP_MAX,
};

/* The fd keeps a link alive when somebody removes its pin; the pin, when this process ends. */
struct dp_held {
	uint32_t ifindex;
	int fd;
};

enum { DP_HELD_MAX = 256, DP_SHARED_MAX = 64 };

/* A walk through `flows` that goes on from call to call. */
struct dp_walk {
	__u32 at; /* the kernel's own cursor, if `under_way` */
	bool under_way;
	uint32_t seen, last; /* in this walk, in the last whole one */
	uint64_t before[PPN_MAP_FLOW_FILTER]; /* the filter, as it was when the walk began */
	uint64_t found[PPN_MAP_FLOW_FILTER]; /* the bits of what it saw */
};

/* What this process put behind a dispatcher. */
struct dp_shared {
	uint32_t ifindex, prog_id;
};

/* Who counts in a slot; ifindex 0: nobody, since freed_ms. */
struct dp_counter {
	uint32_t ifindex;
	uint64_t freed_ms;
};

struct ppn_datapath {
	char root[PATH_MAX - 64];
	char folder[PATH_MAX - 56]; /* root/ABI */
	char links[PATH_MAX - 48]; /* root/ABI/links */
	int older; /* greatest ABI below ours that has pins here, 0: none */
	int alive; /* fd that says so: shared flock of links/ for as long as ppnd lives; or -1 */
	struct bpf_object *object[_DP_OBJECT_MAX];
	bool blind; /* a blind seal: what holds already is left alone */
	bool filled; /* `command` has been filled since the pins were made */
	bool swapping; /* an upgrade has begun to put our programs in */
	bool seal_only; /* frame is not loaded: its programs and maps are -1 */
	uint32_t program_id[_DP_PROGRAM_MAX];
	int program[_DP_PROGRAM_MAX]; /* fds, owned by their objects, as are these: */
	int map[_DP_MAP_MAX];
	uint32_t policy_id; /* of the policy map: every program of ours uses it */
	struct ppn_policy *policy; /* mapped, as these are: */
	uint64_t *port_bits;
	uint64_t *flow_filter;
	struct ppn_slot *slots;
	bool share; /* one of several on every device */
	uint64_t flipped_ms; /* last change of the policy word, 0: never */
	uint64_t closed_ms[PPN_SEATS_MAX];
	struct ring_buffer *rings;
	struct ppn_datapath_events events;
	size_t n_held;
	struct dp_held held[DP_HELD_MAX];
	struct dp_shared shared[DP_SHARED_MAX];
	bool rows_adopted;
	struct dp_counter counter[PPN_COUNT_SLOTS];
	struct ppn_settings settings; /* of this process's programs */
	int clock; /* program that tells jiffies; -1: not loaded */
	struct dp_walk flows; /* where the sweep stands */
	char refused[PPN_WHY_LEN]; /* ppn_datapath_none(): why; then nothing above is the kernel's */
	struct ppn_command command; /* of such a one */
};

/* -- datapath_why.c -- */

/* Fills ret_why and returns err. */
int dp_why(char *ret_why, int err, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* libbpf talks to us, not to stderr: the first warning since dp_hush(), or "". */
void dp_hush(void);
const char *dp_said(void);
/* Words for a refused load or attach, by errno: rights, lockdown, memory, else libbpf's own. */
const char *dp_refused(int err);
/* Name of a program by id; "?" when it is gone. */
const char *dp_program_name(uint32_t id, char ret_name[static BPF_OBJ_NAME_LEN]);
const char *dp_ifname(uint32_t ifindex, char ret_name[static 16]);
/* What decides whether a driver takes XDP: "driver veth, mtu 9000, 1 queue, LRO on". */
#define DP_FACTS_LEN 80
const char *dp_facts(const char *ifname, char ret_facts[static DP_FACTS_LEN]);
/* Of a driver that takes native programs and was seen not to run them: what was seen. NULL: of no such driver. */
const char *dp_distrust(const char *ifname);
/* libbpf's words for what the kernel said in its acknowledgement (extack), else the error's. */
const char *dp_kernel_said(int err);

/* -- datapath_pin.c -- */

/* root, root/ABI and the two in it: made, 0700, on a bpffs; none of a newer ABI. Sets dp->older. */
int dp_folder_make(struct ppn_datapath *dp, char *ret_why);
/* Takes the folder's flock (waits a few seconds); close the fd to let go. */
int dp_folder_lock(struct ppn_datapath *dp, int *ret_fd, char *ret_why);
/* Says that a ppnd lives, until the handle is closed. */
int dp_folder_alive(struct ppn_datapath *dp, char *ret_why);
/* The mark that `command` is filled: it is the truth from now on. */
#define DP_FILLED "filled"
int dp_folder_filled(struct ppn_datapath *dp);
/* The pinned maps are ours; those that somebody removed are pinned again. */
int dp_folder_repin(struct ppn_datapath *dp, char *ret_why);
/* Every map has its pin. */
bool dp_folder_pinned(const struct ppn_datapath *dp);
/* Unpins all but links and removes the folder of an ABI; -ENOTEMPTY: links are left. */
int dp_folder_clear(const char *folder);
/* The same of this one; the root as well, when it is empty. */
int dp_folder_remove(struct ppn_datapath *dp);
/* Pin of a map, or of a link, in path[PATH_MAX]. */
const char *dp_map_path(const struct ppn_datapath *dp, const char *name,
			char path[static PATH_MAX]);
const char *dp_link_path(const struct ppn_datapath *dp, const char *name,
			 char path[static PATH_MAX]);

/* -- datapath_link.c: XDP links -- */

struct dp_link_info {
	uint32_t id, ifindex, prog_id; /* ifindex 0: its device is gone */
};
int dp_link_info(int fd, struct dp_link_info *ret_info);
/* Runs fn over the pins of links/; stops at its first error. fn does not own fd. */
int dp_link_each(struct ppn_datapath *dp,
		 int (*fn)(struct ppn_datapath *dp, const char *name, int fd,
			   const struct dp_link_info *info, void *arg),
		 void *arg);
/* Removes pins of vanished devices, gives those that came back under a new ifindex their name. */
int dp_link_sweep(struct ppn_datapath *dp);
/*
 * The link that holds this very device, which runs prog_id, if one of ours does: kept open, or pinned; -1:
 * none. A link of the same ifindex whose program the device does not run belongs to a device of another
 * namespace. The fd is the caller's.
 */
int dp_link_find(struct ppn_datapath *dp, uint32_t ifindex, uint32_t prog_id, int *ret_fd);
/* Keeps the fd (takes it over) and pins it under its name. An error: it is not pinned, and held all the same. */
int dp_link_keep(struct ppn_datapath *dp, uint32_t ifindex, int fd);
/* A link that this process keeps holds the device. */
bool dp_link_holds(const struct ppn_datapath *dp, uint32_t ifindex);
/* Every link that this process keeps has its pin. */
bool dp_link_pinned(const struct ppn_datapath *dp);
int dp_link_repin(struct ppn_datapath *dp);
int dp_link_detach_all(struct ppn_datapath *dp);

/* -- datapath_program.c -- */

#define DP_PROGRAMS "programs"

/* Pins the loaded programs, before one of them is attached. */
int dp_programs_pin(struct ppn_datapath *dp, char *ret_why);
/* Removes the pins of programs that neither this process nor a device has. */
void dp_programs_sweep(struct ppn_datapath *dp);
/* Which program that id is by the pins of an ABI's folder; -ENOENT: none of them. */
int dp_program_of(const char *folder, uint32_t id);
/* False also where the kernel does not say (CAP_SYS_ADMIN). */
bool dp_program_uses(uint32_t prog_id, uint32_t map_id);
bool dp_is_ours(const struct ppn_datapath *dp, uint32_t prog_id);
/* A program of an earlier ppnd whose pins somebody removed: it judges by a policy that nobody can write. */
bool dp_is_orphan(const struct ppn_datapath *dp, uint32_t prog_id);

/* -- datapath_xdp.c: a program on a device -- */

struct dp_xdp {
	uint32_t prog_id; /* 0: none */
	enum ppn_hold hold; /* how it is attached: native or generic */
};
int dp_xdp_now(uint32_t ifindex, struct dp_xdp *ret_xdp);
/*
 * XDP of `program` on ifindex: adopt and swap, share, or create; with_native: native first. -EBUSY: a
 * stranger's program is there, and stays. Other errors: the kernel refuses it. ret_why also where the
 * hold is weaker than a pinned native link.
 */
int dp_xdp_attach(struct ppn_datapath *dp, uint32_t ifindex, enum dp_program program,
		  bool with_native, char *ret_why);
/* What of ours is on the device: a link, or a place in a dispatcher. */
int dp_xdp_hold(struct ppn_datapath *dp, uint32_t ifindex, enum ppn_hold *ret_hold);

/* -- datapath_share.c: one of several, by libxdp's dispatcher -- */

/* prog_id, which the device runs, is a dispatcher. */
bool dp_share_is_on(uint32_t ifindex, uint32_t prog_id);
/* Our program is one of those behind the dispatcher on this device. */
bool dp_share_holds(const struct ppn_datapath *dp, uint32_t ifindex);
/* A place in the dispatcher that is there, or in one made now. Replaces what an earlier process put there. */
int dp_share_attach(struct ppn_datapath *dp, uint32_t ifindex, char *ret_why);
int dp_share_detach_all(struct ppn_datapath *dp);

/* -- datapath_upgrade.c -- */

/* From the pins of each older ABI to ours, as it is loaded: both folders locked, links swapped and moved. */
int dp_upgrade(struct ppn_datapath *dp, char *ret_why);

/* -- datapath_tc.c: clsact -- */

/* The first filter of its direction: what answers before us would answer instead of us. */
enum { DP_TC_HANDLE = 1, DP_TC_PRIORITY = 1 };

/* DP_SEAL_TC goes in, every other one out. */
int dp_tc_attach(struct ppn_datapath *dp, uint32_t ifindex, enum dp_program program, char *ret_why);
/* 1: our filter is there, on the way in or out; 0: not; or -errno. */
int dp_tc_holds(struct ppn_datapath *dp, uint32_t ifindex, bool in);
/* Off the way in, where XDP holds again. */
int dp_tc_detach_in(struct ppn_datapath *dp, uint32_t ifindex);
/* Off every interface of this namespace; a clsact that nobody uses goes too. */
int dp_tc_detach_all(struct ppn_datapath *dp);

/* -- datapath_flows.c -- */

/* Into `flows` and their filter, in the order of ppn/maps.h. -EEXIST: only into the filter; -E2BIG: the table is full. */
int dp_flow_add(struct ppn_datapath *dp, const struct ppn_flow_key *key,
		const struct ppn_flow_value *flow);

/* -- datapath_rules.c: open_ports, port_bits, egress_ports -- */

/* Writes the rows of a generation that is not selected; ret_flags: PPN_POLICY_PORTS, _EGRESS. */
int dp_rules_write(struct ppn_datapath *dp, uint32_t generation,
		   const struct ppn_policy_table *table, const struct ppn_open_port *ports,
		   size_t n_ports, uint32_t *ret_flags);
/* Removes the rows of all generations but this one. */
int dp_rules_purge(struct ppn_datapath *dp, uint32_t generation);
/* Does a rule of this generation allow the flow, now? */
bool dp_rules_allow(struct ppn_datapath *dp, uint32_t generation, uint64_t jiffies,
		    const struct ppn_flow_key *key);

/* -- datapath_external.c -- */

/* 1, 0, or -errno (-ENODEV). */
int dp_is_bond_member(uint32_t ifindex);

/* -- datapath.c -- */

/* An object over the pinned maps, settings in place, not loaded yet. */
int dp_object_open(struct ppn_datapath *dp, enum dp_object which, struct bpf_object **ret_object,
		   char *ret_why);

/* Name of its pins. */
const char *dp_program_pin(enum dp_program which);
const char *dp_map_name(enum dp_map which);
/*
 * `n` values of an array (at most DP_ARRAY_READ_MAX) from index `first` on, in one call; of a per-CPU one each
 * value is a row of libbpf_num_possible_cpus(). -errno.
 */
enum { DP_ARRAY_READ_MAX = 512 };
int dp_array_read(struct ppn_datapath *dp, enum dp_map map, uint32_t first, uint32_t n,
		  void *ret_values);
uint64_t dp_now_ms(void);
/* Ticks a second. 0: the kernel does not say. */
uint32_t dp_hz(void);
/* Returns once no program still runs on what it read before the call. `since_ms`: when that was replaced. */
void dp_quiesce(uint64_t since_ms);

#endif
