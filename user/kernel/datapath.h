/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The datapath: loads, pins, attaches and feeds the BPF programs. The only file that knows libbpf.
 *
 * Programs and maps live under PPN_PIN_ROOT/PPN_ABI (ppn/maps.h) and outlive this process: opening
 * reuses pinned maps, and sealing swaps newer programs into pinned links without a gap (bpf_link update,
 * TC replace). Holding the pin folder's flock, one process at a time loads, attaches and takes off.
 *
 * Pins of an older ABI are brought over when they are met (datapath_upgrade.c): new maps get what the old
 * ones remember, the pinned links and filters get the new programs, the old folder goes. Interrupted at
 * any point, the next opening goes on from there. Pins of a newer ABI are refused (-EPROTO).
 *
 * Every function returns 0 or -errno. `ret_why` (PPN_WHY_LEN) gets the sentence an operator reads:
 * what, which, and what to do; it is set on every error and where a hold is weaker than native.
 */
#ifndef PPN_KERNEL_DATAPATH_H
#define PPN_KERNEL_DATAPATH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <ppn/ctl.h>
#include <ppn/maps.h>
#include <ppn/reasons.h>
#include "kernel/device.h"

#define PPN_WHY_LEN 160

struct ppn_datapath;

/*
 * pin_root: NULL for PPN_PIN_ROOT. Mounts nothing. Raises RLIMIT_MEMLOCK where the kernel still wants it.
 * ret_fresh: true when no ppnd had this open since the pins were made, so nothing remembers isolation or
 * windows. While the handle is open the pins say that a ppnd lives.
 */
int ppn_datapath_open(struct ppn_datapath **ret_dp, const char *pin_root, bool *ret_fresh,
		      char ret_why[static PPN_WHY_LEN]);
/*
 * For a machine whose kernel takes no BPF: `why` is what ppn_datapath_open() said. What is written
 * (policy, slots, command) is kept in memory, interfaces answer -ENOTSUP with that why, nothing is ever
 * handed up: the backstop holds alone. _refused(): that why, or NULL.
 */
int ppn_datapath_none(struct ppn_datapath **ret_dp, const char *why);
const char *ppn_datapath_refused(const struct ppn_datapath *dp);
/*
 * For a blind seal without ppnd: only what external interfaces need. Of the calls below it has those of
 * "seal" and ppn_datapath_policy*(). Never makes a later opening less fresh. -EBUSY: pins of an older ABI
 * that a living ppnd uses.
 */
int ppn_datapath_open_seal(struct ppn_datapath **ret_dp, const char *pin_root, bool *ret_fresh,
			   char ret_why[static PPN_WHY_LEN]);
/* A bpffs where the pins go, unless there is one. Wants CAP_SYS_ADMIN. */
int ppn_datapath_mount(const char *pin_root, char ret_why[static PPN_WHY_LEN]);
/* Closes fds; programs, links and pins stay. */
void ppn_datapath_close(struct ppn_datapath **dp);

/* -- seal: external interfaces -- */

/* Which interfaces are external (DESIGN 6): one function decides. `names`: the configured `external =`
 * list, may hold wildcards (fnmatch). Fills at most max ifindexes; -E2BIG: there are more. */
int ppn_datapath_external(const char *const *names, size_t n_names, uint32_t *ret_ifindex,
			  size_t max, size_t *ret_n);
/*
 * Attach in and out (seal, egress), or adopt what is pinned there. Down this ladder until something
 * holds: native, generic, TC; ret_why then says what refused the step above, in the kernel's words. A
 * stranger's XDP program is never replaced; behind libxdp's dispatcher, or with ppn_datapath_share(),
 * the seal is one of several. An error: nothing of ours holds it (or one direction only).
 */
int ppn_datapath_seal(struct ppn_datapath *dp, uint32_t ifindex, enum ppn_hold *ret_hold,
		      char ret_why[static PPN_WHY_LEN]);
/* `share = yes`: from now on through libxdp's dispatcher, where the kernel has that. */
void ppn_datapath_share(struct ppn_datapath *dp, bool share);
/* What holds it now, asked of the kernel; none when either direction is missing: seal it again. */
int ppn_datapath_hold(struct ppn_datapath *dp, uint32_t ifindex, enum ppn_hold *ret_hold);
/* The same in passing, cheap enough for every second: is it as it was left? */
struct ppn_look {
	bool is_held; /* in and out; else: seal it again */
	bool by_link; /* XDP by a link of ours: what follows is not looked at */
	enum ppn_hold hold;
	uint32_t xdp_id; /* XDP program on it, whosoever's; 0: none */
};
int ppn_datapath_look(struct ppn_datapath *dp, uint32_t ifindex, struct ppn_look *ret_look);
/* What a program is called; "?": it is gone. */
enum { PPN_PROGRAM_NAME_LEN = 16 };
const char *ppn_datapath_program_name(uint32_t id, char ret_name[static PPN_PROGRAM_NAME_LEN]);
/*
 * Are the pins of maps and links still there? 0: yes; 1: some were not, and are again; -errno: they are not,
 * and cannot be made; this process's fds hold everything until it ends.
 */
int ppn_datapath_pins(struct ppn_datapath *dp, char ret_why[static PPN_WHY_LEN]);
/* Take everything off: programs, links, qdiscs' filters, pins; ppn0's too. The handle stays good: what
 * is attached afterwards pins its maps anew. */
int ppn_datapath_unseal(struct ppn_datapath *dp, char ret_why[static PPN_WHY_LEN]);

/* One port and one prefix that may use it. Several of one {proto, port, kind, way} make one row. */
struct ppn_open_port {
	uint8_t proto; /* IPPROTO_TCP or IPPROTO_UDP */
	uint8_t kind; /* enum ppn_port_kind */
	uint8_t any; /* any address; else: */
	uint8_t prefix_len; /* of a 128-bit (IPv4-mapped) prefix */
	uint16_t port; /* host order; egress: the other side's, 0 for every port */
	uint8_t egress; /* 1: a flow that this node may open; else a port that it opens to others */
	uint8_t prefix[16];
	uint64_t until; /* jiffies (ppn_datapath_clock()); 0: never ends */
};

/*
 * The whole policy as one step: rows and table of a new generation are written first, one 64-bit store
 * selects them, rows of the former generation go last (at the next change). PPN_POLICY_PORTS and _EGRESS
 * are set here. `ports` holds both ways, PPN_DATAPATH_OPEN_MAX and _EGRESS_MAX rows of each at most.
 * -E2BIG: too many rows or prefixes.
 */
enum {
	PPN_DATAPATH_OPEN_MAX = PPN_MAP_OPEN_PORTS / 2,
	PPN_DATAPATH_EGRESS_MAX = PPN_MAP_EGRESS_PORTS / 2,
};
int ppn_datapath_policy(struct ppn_datapath *dp, enum ppn_column column, uint32_t flags,
			const struct ppn_policy_table *table, const struct ppn_open_port *ports,
			size_t n_ports);
/* What is in force, as a restart finds it. */
int ppn_datapath_policy_now(struct ppn_datapath *dp, uint64_t *ret_word,
			    struct ppn_policy_table *ret);
/* The kernel's jiffies now, and how many make a second. */
int ppn_datapath_clock(struct ppn_datapath *dp, uint64_t *ret_jiffies, uint32_t *ret_hz);
int ppn_datapath_underlay(struct ppn_datapath *dp, uint32_t ifindex, enum ppn_underlay underlay);
/* The same, and 802.1X: EAPOL passes. Whether it is a bond's member (LACP passes) is found out here. */
int ppn_datapath_iface(struct ppn_datapath *dp, uint32_t ifindex, enum ppn_underlay underlay,
		       bool dot1x);
/* The whole row, as it is. -E2BIG: ifindex is beyond the table, the interface has row 0, the closed one. */
int ppn_datapath_iface_row(struct ppn_datapath *dp, uint32_t ifindex, const struct ppn_iface *row);
int ppn_datapath_iface_now(struct ppn_datapath *dp, uint32_t ifindex, struct ppn_iface *ret_row);
/*
 * The row of a device, as it is now (device.h) and as the configuration wants it: written where it differs.
 * It keeps its counter slot as long as it lives; with none left it counts in slot 0 with others of its
 * kind. PPN_IFACE_GUESTS is in *ret_row only where it can be: at a bridge's port behind which no more
 * addresses of this host are than the row holds.
 */
struct ppn_iface_wish {
	enum ppn_underlay underlay;
	bool dot1x, guests;
};
int ppn_datapath_row(struct ppn_datapath *dp, const struct ppn_device *device,
		     const struct ppn_iface_wish *wish, struct ppn_iface *ret_row);
/* Its device is gone, or elsewhere: the row is the closed one, the slot another's to be, a defunct pin goes. */
int ppn_datapath_row_drop(struct ppn_datapath *dp, uint32_t ifindex);
/* Raise the floor of {serial, type}. -ENOSPC: 128 of them are known. */
int ppn_datapath_floor(struct ppn_datapath *dp, const uint8_t serial[static PPN_SERIAL_LEN],
		       enum ppn_packet_type type, uint64_t time_ms);

enum ppn_counter_set { PPN_COUNT_SEAL, PPN_COUNT_EGRESS, PPN_COUNT_FRAME, _PPN_COUNT_MAX };
/* Sums over CPUs and slots, one row a reason. */
int ppn_datapath_counters(struct ppn_datapath *dp, enum ppn_counter_set set,
			  struct ppn_count ret_counts[static _PPN_REASON_MAX]);
/* Of one slot (of struct ppn_iface); of PPN_COUNT_FRAME only slot 0 counts. */
int ppn_datapath_counters_slot(struct ppn_datapath *dp, enum ppn_counter_set set, uint32_t slot,
			       struct ppn_count ret_counts[static _PPN_REASON_MAX]);
/* Both ways of a slot to zero, before another interface gets it. */
int ppn_datapath_counters_clear(struct ppn_datapath *dp, uint32_t slot);

/* -- flows this node opened -- */

struct ppn_flow_sweep {
	uint32_t flows; /* in the table, as the last whole walk saw it */
	uint32_t ended, timed_out, ruled_out; /* removed by this call */
	bool whole; /* this call ended a walk */
};
/*
 * Removes flows that have ended, that are silent for too long, or that no rule allows any more. Looks at
 * some thousands and goes on where the last call stopped, or anew after an error: call it once a second, and
 * after ppn_datapath_policy() until `whole`.
 */
int ppn_datapath_flows_sweep(struct ppn_datapath *dp, struct ppn_flow_sweep *ret);

/* Is it in the table? */
bool ppn_datapath_flow_known(struct ppn_datapath *dp, const struct ppn_flow_key *key);
/* Egress rows of PPN_PORT_LOCAL in the policy in force, one a prefix: they outlive ppnd. Rows beyond max are left out. */
int ppn_datapath_openings(struct ppn_datapath *dp, struct ppn_open_port *ret_ports, size_t max,
			  size_t *ret_n);

/* -- what observing spared -- */

/* Runs fn over the table, in no order; a row may come twice or not at all while packets come. */
int ppn_datapath_observed(struct ppn_datapath *dp,
			  void (*fn)(void *arg, const struct ppn_observed_key *key,
				     const struct ppn_count *count),
			  void *arg);
int ppn_datapath_observed_clear(struct ppn_datapath *dp);

/* -- frame: ppn0 -- */

/* In (XDP generic) and out (TC) on ppn0; adopt what is pinned there. Attach while it is down. */
int ppn_datapath_mesh(struct ppn_datapath *dp, uint32_t ifindex, char ret_why[static PPN_WHY_LEN]);

/* Slots: written closed first, opened last, so that a reader never sees half of one. */
int ppn_datapath_slot(struct ppn_datapath *dp, uint32_t slot, const struct ppn_slot *value);
int ppn_datapath_slot_now(struct ppn_datapath *dp, uint32_t slot, struct ppn_slot *ret_value);
int ppn_datapath_slot_close(struct ppn_datapath *dp, uint32_t slot);
/* One store: the block up to `reserved` is on disk, the kernel may admit it. */
int ppn_datapath_slot_reserved(struct ppn_datapath *dp, uint32_t slot, uint32_t reserved);

/* The kernel's side of command state: a consistent copy. */
int ppn_datapath_command(struct ppn_datapath *dp, struct ppn_command *ret_command);
/* Fill it. -EBUSY once ppn0's program is attached: from then on the kernel is its only writer. */
int ppn_datapath_command_fill(struct ppn_datapath *dp, const struct ppn_command *command);
/* A frame handed up from above the reserved end (PPN_FRAME_ABOVE): run it through the same program again
 * (BPF_PROG_TEST_RUN of the stored packet), now that its block is reserved. */
int ppn_datapath_frame_again(struct ppn_datapath *dp, uint32_t slot, const struct ppn_frame *frame);

/* -- ring buffers -- */

struct ppn_datapath_events {
	void (*packet)(void *arg, const struct ppn_packet_event *event);
	void (*frame)(void *arg, const struct ppn_frame_event *event);
	void (*sample)(void *arg, const struct ppn_sample *sample); /* under PPN_POLICY_WATCH */
	void *arg;
};
/* Once (-EALREADY). One epoll fd to wait on for reading; ppn_datapath_consume() then runs the callbacks.
 * A full ring loses events, not isolations: after draining, ppn_datapath_command() is the truth. */
int ppn_datapath_listen(struct ppn_datapath *dp, const struct ppn_datapath_events *events);
int ppn_datapath_fd(const struct ppn_datapath *dp);
int ppn_datapath_consume(struct ppn_datapath *dp);

#endif
