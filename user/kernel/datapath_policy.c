// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <string.h>
#include "kernel/datapath_private.h"

int ppn_datapath_policy(struct ppn_datapath *dp, enum ppn_column column, uint32_t flags,
			const struct ppn_policy_table *table, const struct ppn_open_port *ports,
			size_t n_ports)
{
	const uint32_t generation = PPN_POLICY_GENERATION(dp->policy->word) + 1;
	uint32_t rules = 0;
	int err;

	if (column > PPN_COLUMN_ISOLATED || flags > 0xffffff)
		return -EINVAL;
	/*
	 * The table and the rows that are about to be written over were selected before the last flip: a
	 * program that still runs on them is waited for first. After the flip they stay until the next
	 * change. Other generations' rows may be those of a process that ended between two steps.
	 */
	dp_quiesce(dp->flipped_ms);
	err = dp->refused[0] ? 0 : dp_rules_purge(dp, generation - 1);
	if (!err && !dp->refused[0])
		err = dp_rules_write(dp, generation, table, ports, n_ports, &rules);
	if (err)
		return err;
	flags = (flags & ~(uint32_t)(PPN_POLICY_PORTS | PPN_POLICY_EGRESS)) | rules;
	dp->policy->table[generation & 1] = *table;
	__atomic_store_n(&dp->policy->word, PPN_POLICY_WORD(column, flags, generation),
			 __ATOMIC_RELEASE);
	dp->flipped_ms = dp_now_ms();
	return 0;
}

int ppn_datapath_policy_now(struct ppn_datapath *dp, uint64_t *ret_word,
			    struct ppn_policy_table *ret)
{
	const uint64_t word = __atomic_load_n(&dp->policy->word, __ATOMIC_ACQUIRE);

	*ret_word = word;
	*ret = dp->policy->table[PPN_POLICY_GENERATION(word) & 1];
	return 0;
}

int ppn_datapath_iface_row(struct ppn_datapath *dp, uint32_t ifindex, const struct ppn_iface *row)
{
	if (row->underlay >= _PPN_UNDERLAY_MAX || row->slot >= PPN_COUNT_SLOTS)
		return -EINVAL;
	if (!ifindex || ifindex >= PPN_MAP_IFACES)
		return -E2BIG;
	if (dp->refused[0])
		return 0;
	return bpf_map_update_elem(dp->map[DP_IFACES], &ifindex, row, BPF_ANY);
}

int ppn_datapath_iface_now(struct ppn_datapath *dp, uint32_t ifindex, struct ppn_iface *ret_row)
{
	const uint32_t index = ifindex < PPN_MAP_IFACES ? ifindex : 0;

	return bpf_map_lookup_elem(dp->map[DP_IFACES], &index, ret_row);
}

int ppn_datapath_iface(struct ppn_datapath *dp, uint32_t ifindex, enum ppn_underlay underlay,
		       bool dot1x)
{
	struct ppn_iface iface = { .group = ifindex };
	int err;

	if ((unsigned int)underlay >= _PPN_UNDERLAY_MAX)
		return -EINVAL;
	err = dp_is_bond_member(ifindex);
	if (err < 0)
		return err;
	iface.underlay = (uint8_t)underlay;
	iface.flags = (uint8_t)((err ? PPN_IFACE_LACP : 0) | (dot1x ? PPN_IFACE_EAPOL : 0));
	return ppn_datapath_iface_row(dp, ifindex, &iface);
}

int ppn_datapath_underlay(struct ppn_datapath *dp, uint32_t ifindex, enum ppn_underlay underlay)
{
	return ppn_datapath_iface(dp, ifindex, underlay, false);
}

static struct ppn_floor_key floor_key(const uint8_t *serial, enum ppn_packet_type type)
{
	struct ppn_floor_key key = { .type = type };

	memcpy(key.serial, serial, sizeof(key.serial));
	return key;
}

int ppn_datapath_floor(struct ppn_datapath *dp, const uint8_t serial[static PPN_SERIAL_LEN],
		       enum ppn_packet_type type, uint64_t time_ms)
{
	const struct ppn_floor_key key = floor_key(serial, type);
	uint64_t now = 0;
	int err;

	err = bpf_map_lookup_elem(dp->map[DP_FLOORS], &key, &now);
	if (!err && now >= time_ms)
		return 0;
	if (err && err != -ENOENT)
		return err;
	err = bpf_map_update_elem(dp->map[DP_FLOORS], &key, &time_ms, BPF_ANY);
	return err == -E2BIG ? -ENOSPC : err;
}
