// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Counters by slot and reason, and what observing spared. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "kernel/datapath_private.h"

static const struct {
	enum dp_map map;
	uint32_t slots;
} sets[_PPN_COUNT_MAX] = {
	[PPN_COUNT_SEAL] = { DP_SEAL_COUNT, PPN_COUNT_SLOTS },
	[PPN_COUNT_EGRESS] = { DP_EGRESS_COUNT, PPN_COUNT_SLOTS },
	[PPN_COUNT_FRAME] = { DP_FRAME_COUNT, 1 },
};

_Static_assert((int)_PPN_REASON_MAX <= (int)DP_ARRAY_READ_MAX, "a slot is read at once");

/* Adds a slot's counters of all CPUs. rows: room for those of one slot. */
static int add_slot(struct ppn_datapath *dp, enum ppn_counter_set set, uint32_t slot, int cpus,
		    struct ppn_count *rows, struct ppn_count sum[static _PPN_REASON_MAX])
{
	int err = dp_array_read(dp, sets[set].map, PPN_COUNT_INDEX(slot, 0), _PPN_REASON_MAX, rows);

	for (int i = 0; i < _PPN_REASON_MAX * cpus && !err; i++) {
		sum[i / cpus].packets += rows[i].packets;
		sum[i / cpus].bytes += rows[i].bytes;
	}
	return err;
}

static int sum_slots(struct ppn_datapath *dp, enum ppn_counter_set set, uint32_t from, uint32_t to,
		     struct ppn_count ret_counts[static _PPN_REASON_MAX])
{
	const int cpus = libbpf_num_possible_cpus();
	struct ppn_count sum[_PPN_REASON_MAX] = { 0 }, *rows;
	int err = 0;

	if (cpus < 0)
		return cpus;
	rows = calloc(_PPN_REASON_MAX, (size_t)cpus * sizeof(*rows));
	if (!rows)
		return -ENOMEM;
	for (uint32_t slot = from; slot < to && !err; slot++)
		err = add_slot(dp, set, slot, cpus, rows, sum);
	free(rows);
	if (!err)
		memcpy(ret_counts, sum, sizeof(sum));
	return err;
}

int ppn_datapath_counters(struct ppn_datapath *dp, enum ppn_counter_set set,
			  struct ppn_count ret_counts[static _PPN_REASON_MAX])
{
	if ((unsigned int)set >= _PPN_COUNT_MAX)
		return -EINVAL;
	return sum_slots(dp, set, 0, sets[set].slots, ret_counts);
}

int ppn_datapath_counters_slot(struct ppn_datapath *dp, enum ppn_counter_set set, uint32_t slot,
			       struct ppn_count ret_counts[static _PPN_REASON_MAX])
{
	if ((unsigned int)set >= _PPN_COUNT_MAX || slot >= sets[set].slots)
		return -EINVAL;
	return sum_slots(dp, set, slot, slot + 1, ret_counts);
}

int ppn_datapath_counters_clear(struct ppn_datapath *dp, uint32_t slot)
{
	const int cpus = libbpf_num_possible_cpus();
	struct ppn_count *none;
	int err = 0;

	if (slot >= PPN_COUNT_SLOTS)
		return -EINVAL;
	if (cpus < 0)
		return cpus;
	none = calloc((size_t)cpus, sizeof(*none));
	if (!none)
		return -ENOMEM;
	for (uint32_t reason = 0; reason < _PPN_REASON_MAX && !err; reason++) {
		const uint32_t index = PPN_COUNT_INDEX(slot, reason);

		err = bpf_map_update_elem(dp->map[DP_SEAL_COUNT], &index, none, BPF_ANY);
		if (!err)
			err = bpf_map_update_elem(dp->map[DP_EGRESS_COUNT], &index, none, BPF_ANY);
	}
	free(none);
	return err;
}

/* -- observed -- */

int ppn_datapath_observed(struct ppn_datapath *dp,
			  void (*fn)(void *arg, const struct ppn_observed_key *key,
				     const struct ppn_count *count),
			  void *arg)
{
	const int fd = dp->map[DP_OBSERVED];
	struct ppn_observed_key at, next;
	struct ppn_count count;
	bool first = true;

	/* Twice the table: the kernel may evict, and a walk from an evicted key starts anew. */
	for (int i = 0; i < 2 * PPN_MAP_OBSERVED; i++) {
		if (bpf_map_get_next_key(fd, first ? NULL : &at, &next))
			return errno == ENOENT ? 0 : -errno;
		if (!bpf_map_lookup_elem(fd, &next, &count))
			fn(arg, &next, &count);
		at = next;
		first = false;
	}
	return 0;
}

int ppn_datapath_observed_clear(struct ppn_datapath *dp)
{
	const int fd = dp->map[DP_OBSERVED];
	struct ppn_observed_key key;

	for (int i = 0; i < 2 * PPN_MAP_OBSERVED && !bpf_map_get_next_key(fd, NULL, &key); i++)
		if (bpf_map_delete_elem(fd, &key) && errno != ENOENT)
			return -errno;
	return 0;
}
