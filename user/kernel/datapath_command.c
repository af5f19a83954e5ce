// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <linux/ipv6.h>
#include <linux/udp.h>
#include "kernel/datapath_private.h"

static int close_slot(struct ppn_datapath *dp, uint32_t slot)
{
	if (__atomic_load_n(&dp->slots[slot].valid, __ATOMIC_RELAXED)) {
		__atomic_store_n(&dp->slots[slot].valid, 0, __ATOMIC_SEQ_CST);
		dp->closed_ms[slot] = dp_now_ms();
	}
	return 0;
}

int ppn_datapath_slot_close(struct ppn_datapath *dp, uint32_t slot)
{
	return slot < PPN_SEATS_MAX ? close_slot(dp, slot) : -EINVAL;
}

/* Closed; quiet, so that no program still reads the old key; written; opened. */
int ppn_datapath_slot(struct ppn_datapath *dp, uint32_t slot, const struct ppn_slot *value)
{
	struct ppn_slot *to, next = *value;

	if (slot >= PPN_SEATS_MAX || !value->generation || value->reserved > PPN_SEQ_MAX ||
	    value->floor > value->reserved)
		return -EINVAL;
	close_slot(dp, slot);
	dp_quiesce(dp->closed_ms[slot]);
	to = &dp->slots[slot];
	next.valid = 0;
	*to = next;
	__atomic_store_n(&to->valid, 1, __ATOMIC_RELEASE);
	explicit_bzero(&next, sizeof(next));
	return 0;
}

int ppn_datapath_slot_now(struct ppn_datapath *dp, uint32_t slot, struct ppn_slot *ret_value)
{
	if (slot >= PPN_SEATS_MAX)
		return -EINVAL;
	*ret_value = dp->slots[slot];
	return 0;
}

int ppn_datapath_slot_reserved(struct ppn_datapath *dp, uint32_t slot, uint32_t reserved)
{
	if (slot >= PPN_SEATS_MAX || reserved > PPN_SEQ_MAX)
		return -EINVAL;
	__atomic_store_n(&dp->slots[slot].reserved, reserved, __ATOMIC_RELEASE);
	return 0;
}

int ppn_datapath_command(struct ppn_datapath *dp, struct ppn_command *ret_command)
{
	const __u32 zero = 0;

	if (dp->refused[0]) {
		*ret_command = dp->command;
		return 0;
	}
	return bpf_map_lookup_elem_flags(dp->map[DP_COMMAND], &zero, ret_command, BPF_F_LOCK);
}

/* Is a frame program, of this process or an earlier one, on a device that is still there? */
static int is_mesh(struct ppn_datapath *dp, const char *name, int fd,
		   const struct dp_link_info *info, void *arg)
{
	(void)name;
	(void)fd;
	(void)arg;
	return info->ifindex && (info->prog_id == dp->program_id[DP_MESH_IN] ||
				 dp_program_of(dp->folder, info->prog_id) == DP_MESH_IN) ?
		       -EBUSY :
		       0;
}

int ppn_datapath_command_fill(struct ppn_datapath *dp, const struct ppn_command *command)
{
	struct dp_link_info link = { 0 };
	const __u32 zero = 0;
	int err;

	if (dp->refused[0]) {
		dp->command = *command;
		return 0;
	}
	err = dp_link_each(dp, is_mesh, NULL);
	for (size_t i = 0; i < dp->n_held && !err; i++)
		if (!dp_link_info(dp->held[i].fd, &link))
			err = is_mesh(dp, NULL, dp->held[i].fd, &link, NULL);
	if (err)
		return err;
	err = bpf_map_update_elem(dp->map[DP_COMMAND], &zero, command, BPF_F_LOCK);
	return err ? err : dp_folder_filled(dp);
}

struct packet {
	struct ipv6hdr ip;
	struct udphdr udp;
	struct ppn_frame frame;
};
PPN_SIZE(struct packet, 64);

static struct packet rebuild(const struct ppn_slot *slot, const struct ppn_policy_table *table,
			     const struct ppn_frame *frame)
{
	const uint16_t len = sizeof(struct udphdr) + sizeof(struct ppn_frame);
	struct packet packet = {
		.ip = {
			.version = 6,
			.payload_len = htons(len),
			.nexthdr = IPPROTO_UDP,
			.hop_limit = 64,
		},
		.udp = {
			.source = htons(PPN_PORT_FRAME),
			.dest = htons(PPN_PORT_FRAME),
			.len = htons(len),
		},
		.frame = *frame,
	};

	memcpy(&packet.ip.saddr, slot->address, 16);
	memcpy(&packet.ip.daddr, table->address, 16);
	return packet;
}

/* The whole program judges it, as if it had come now; so nothing is decided in two places. */
int ppn_datapath_frame_again(struct ppn_datapath *dp, uint32_t slot, const struct ppn_frame *frame)
{
	struct ppn_policy_table table;
	struct packet packet;
	uint64_t word;
	int err;

	if (slot >= PPN_SEATS_MAX)
		return -EINVAL;
	err = ppn_datapath_policy_now(dp, &word, &table);
	if (err)
		return err;
	packet = rebuild(&dp->slots[slot], &table, frame);

	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = &packet, .data_size_in = sizeof(packet),
		    .repeat = 1);
	return bpf_prog_test_run_opts(dp->program[DP_MESH_IN], &run);
}
