/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The datapath: loads, pins, attaches and feeds the BPF programs. The only file that knows libbpf.
 *
 * Programs and maps live under PPN_PIN_ROOT/PPN_ABI (ppn/maps.h) and outlive this process: opening
 * reuses pinned maps, and swaps newer programs into pinned links without a gap (bpf_link update, TC
 * replace). Holding the pin folder's flock, one process at a time loads, attaches and takes off.
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

#define PPN_WHY_LEN 160

struct ppn_datapath;

/* pin_root: NULL for PPN_PIN_ROOT. Mounts nothing. Raises RLIMIT_MEMLOCK where the kernel still wants it.
 * ret_fresh: true when no pinned `command` map was there, so nothing remembers isolation or windows. */
int ppn_datapath_open(struct ppn_datapath **ret_dp, const char *pin_root, bool *ret_fresh,
		      char ret_why[static PPN_WHY_LEN]);
/* Closes fds; programs, links and pins stay. */
void ppn_datapath_close(struct ppn_datapath **dp);

/* -- seal: external interfaces -- */

/* Which interfaces are external (DESIGN 6): one function decides. `names`: the configured `external =`
 * list, may hold wildcards (fnmatch). Fills at most max ifindexes; -E2BIG: there are more. */
int ppn_datapath_external(const char *const *names, size_t n_names, uint32_t *ret_ifindex,
			  size_t max, size_t *ret_n);
/* Attach in and out (seal, egress), or adopt what is pinned there. Native, else generic with why. */
int ppn_datapath_seal(struct ppn_datapath *dp, uint32_t ifindex, enum ppn_hold *ret_hold,
		      char ret_why[static PPN_WHY_LEN]);
/* What holds it now, asked of the kernel; none when either direction is missing: seal it again. */
int ppn_datapath_hold(struct ppn_datapath *dp, uint32_t ifindex, enum ppn_hold *ret_hold);
/* Take everything off: programs, links, qdiscs' filters, pins; ppn0's too. The handle stays good: what
 * is attached afterwards pins its maps anew. */
int ppn_datapath_unseal(struct ppn_datapath *dp, char ret_why[static PPN_WHY_LEN]);

struct ppn_open_port {
	uint8_t proto, rescue, any, prefix_len; /* prefix_len of a 128-bit (IPv4-mapped) prefix */
	uint16_t port; /* host order */
	uint8_t prefix[16];
};

/*
 * The whole policy as one step: rows and table of a new generation are written first, one 64-bit store
 * selects them, rows of the former generation go last (at the next change). PPN_POLICY_PORTS is set here.
 * -E2BIG: too many rows or prefixes.
 */
int ppn_datapath_policy(struct ppn_datapath *dp, enum ppn_column column, uint32_t flags,
			const struct ppn_policy_table *table, const struct ppn_open_port *ports,
			size_t n_ports);
/* What is in force, as a restart finds it. */
int ppn_datapath_policy_now(struct ppn_datapath *dp, uint64_t *ret_word,
			    struct ppn_policy_table *ret);
int ppn_datapath_underlay(struct ppn_datapath *dp, uint32_t ifindex, enum ppn_underlay underlay);
/* The same, and 802.1X: EAPOL passes. Whether it is a bond's member (LACP passes) is found out here. */
int ppn_datapath_iface(struct ppn_datapath *dp, uint32_t ifindex, enum ppn_underlay underlay,
		       bool dot1x);
/* Raise the floor of {serial, type}. -ENOSPC: 128 of them are known. */
int ppn_datapath_floor(struct ppn_datapath *dp, const uint8_t serial[static PPN_SERIAL_LEN],
		       enum ppn_packet_type type, uint64_t time_ms);

enum ppn_counter_set { PPN_COUNT_SEAL, PPN_COUNT_EGRESS, PPN_COUNT_FRAME, _PPN_COUNT_MAX };
/* Sums over CPUs, one row a reason. */
int ppn_datapath_counters(struct ppn_datapath *dp, enum ppn_counter_set set,
			  struct ppn_count ret_counts[static _PPN_REASON_MAX]);

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
	void *arg;
};
/* Once (-EALREADY). One epoll fd to wait on for reading; ppn_datapath_consume() then runs the callbacks.
 * A full ring loses events, not isolations: after draining, ppn_datapath_command() is the truth. */
int ppn_datapath_listen(struct ppn_datapath *dp, const struct ppn_datapath_events *events);
int ppn_datapath_fd(const struct ppn_datapath *dp);
int ppn_datapath_consume(struct ppn_datapath *dp);

#endif
