// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include "kernel/datapath_private.h"

/* Two generations live in open_ports at once. */
enum { ROWS_MAX = PPN_MAP_OPEN_PORTS / 2 };

struct row {
	struct ppn_port_key key;
	struct ppn_port_rule rule;
};

static int add_prefix(struct ppn_port_rule *rule, const struct ppn_open_port *port)
{
	uint8_t *addr, *mask;

	if (port->any) {
		rule->any = 1;
		return 0;
	}
	if (rule->n == PPN_PORT_PREFIXES)
		return -E2BIG;
	addr = rule->prefix[rule->n].addr;
	mask = rule->prefix[rule->n].mask;
	for (int i = 0; i < 16; i++) {
		int bits = port->prefix_len - 8 * i;

		mask[i] = bits >= 8 ? 0xff : bits > 0 ? (uint8_t)(0xff << (8 - bits)) : 0;
		addr[i] = port->prefix[i] & mask[i];
	}
	rule->n++;
	return 0;
}

static bool is_valid(const struct ppn_open_port *port)
{
	return (port->proto == IPPROTO_TCP || port->proto == IPPROTO_UDP) && port->port &&
	       port->prefix_len <= 128;
}

static struct row *find_row(struct row *rows, size_t n, const struct ppn_port_key *key)
{
	for (size_t i = 0; i < n; i++)
		if (!memcmp(&rows[i].key, key, sizeof(*key)))
			return &rows[i];
	return NULL;
}

/*
 * A port named by the roster and by the local config has one row. Bound, it takes both their sources,
 * and an isolation that the kernel alone knows of shuts it; in every other column it is the rescue's.
 */
static int merge(struct row *row, const struct ppn_open_port *port, enum ppn_column column)
{
	const bool differ = row->rule.rescue != port->rescue;

	if (differ && column != PPN_COLUMN_BOUND) {
		if (!port->rescue)
			return 0;
		row->rule = (struct ppn_port_rule){ .rescue = 1 };
	} else if (differ) {
		row->rule.rescue = 0;
	}
	return add_prefix(&row->rule, port);
}

static int build_rows(struct row *rows, size_t *ret_n, enum ppn_column column, uint32_t generation,
		      const struct ppn_open_port *ports, size_t n_ports)
{
	size_t n = 0;
	int err = 0;

	for (size_t i = 0; i < n_ports && !err; i++) {
		const struct ppn_port_key key = {
			.generation = generation,
			.port = htons(ports[i].port),
			.proto = ports[i].proto,
		};
		struct row *row = find_row(rows, n, &key);

		if (!is_valid(&ports[i]))
			return -EINVAL;
		if (!row) {
			if (n == ROWS_MAX)
				return -E2BIG;
			row = &rows[n++];
			row->key = key;
			row->rule.rescue = ports[i].rescue;
		}
		err = merge(row, &ports[i], column);
	}
	*ret_n = n;
	return err;
}

/* What other generations left, of a process that ended between two steps too. */
static int purge_rows(struct ppn_datapath *dp, uint32_t generation)
{
	const int fd = dp->map[DP_OPEN_PORTS];
	struct ppn_port_key keys[64], *at = NULL, next;
	size_t n;

	do {
		for (n = 0; n < 64 && !bpf_map_get_next_key(fd, at, &next); at = &keys[n], n++)
			keys[n] = next;
		for (size_t i = 0; i < n; i++)
			if (keys[i].generation != generation && bpf_map_delete_elem(fd, &keys[i]) &&
			    errno != ENOENT)
				return -errno;
		/* From a deleted key the walk starts anew: the deleted ones are gone by then. */
	} while (n == 64);
	return 0;
}

static int write_rows(struct ppn_datapath *dp, const struct row *rows, size_t n)
{
	int err = 0;

	for (size_t i = 0; i < n && !err; i++)
		err = bpf_map_update_elem(dp->map[DP_OPEN_PORTS], &rows[i].key, &rows[i].rule,
					  BPF_ANY);
	return err;
}

/*
 * The table and the rows that are about to be written over were selected before the last flip: a
 * program that still runs on them is waited for first. After the flip they stay until the next change.
 */
static int select_policy(struct ppn_datapath *dp, enum ppn_column column, uint32_t flags,
			 const struct ppn_policy_table *table, const struct row *rows, size_t n,
			 uint32_t generation)
{
	const uint64_t word =
		PPN_POLICY_WORD(column, flags | (n ? PPN_POLICY_PORTS : 0), generation);
	int err;

	dp_quiesce(dp->flipped_ms);
	err = purge_rows(dp, generation - 1);
	if (!err)
		err = write_rows(dp, rows, n);
	if (err)
		return err;
	dp->policy->table[generation & 1] = *table;
	__atomic_store_n(&dp->policy->word, word, __ATOMIC_RELEASE);
	dp->flipped_ms = dp_now_ms();
	return 0;
}

int ppn_datapath_policy(struct ppn_datapath *dp, enum ppn_column column, uint32_t flags,
			const struct ppn_policy_table *table, const struct ppn_open_port *ports,
			size_t n_ports)
{
	const uint32_t generation = PPN_POLICY_GENERATION(dp->policy->word) + 1;
	struct row *rows;
	size_t n;
	int err;

	if (column > PPN_COLUMN_ISOLATED || flags > 0xffffff)
		return -EINVAL;
	rows = calloc(ROWS_MAX, sizeof(*rows));
	if (!rows)
		return -ENOMEM;
	err = build_rows(rows, &n, column, generation, ports, n_ports);
	if (!err)
		err = select_policy(dp, column, flags & ~(uint32_t)PPN_POLICY_PORTS, table, rows, n,
				    generation);
	free(rows);
	return err;
}

int ppn_datapath_policy_now(struct ppn_datapath *dp, uint64_t *ret_word,
			    struct ppn_policy_table *ret)
{
	const uint64_t word = __atomic_load_n(&dp->policy->word, __ATOMIC_ACQUIRE);

	*ret_word = word;
	*ret = dp->policy->table[PPN_POLICY_GENERATION(word) & 1];
	return 0;
}

int ppn_datapath_iface(struct ppn_datapath *dp, uint32_t ifindex, enum ppn_underlay underlay,
		       bool dot1x)
{
	struct ppn_iface iface = { .underlay = (uint8_t)underlay };
	int err;

	if ((unsigned int)underlay >= _PPN_UNDERLAY_MAX)
		return -EINVAL;
	err = dp_is_bond_member(ifindex);
	if (err < 0)
		return err;
	iface.flags = (uint8_t)((err ? PPN_IFACE_LACP : 0) | (dot1x ? PPN_IFACE_EAPOL : 0));
	return bpf_map_update_elem(dp->map[DP_IFACES], &ifindex, &iface, BPF_ANY);
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

int ppn_datapath_counters(struct ppn_datapath *dp, enum ppn_counter_set set,
			  struct ppn_count ret_counts[static _PPN_REASON_MAX])
{
	static const enum dp_map maps[_PPN_COUNT_MAX] = { DP_SEAL_COUNT, DP_EGRESS_COUNT,
							  DP_FRAME_COUNT };
	struct ppn_count sum[_PPN_REASON_MAX] = { 0 }, *one;
	const int cpus = libbpf_num_possible_cpus();
	int err = 0;

	if ((unsigned int)set >= _PPN_COUNT_MAX)
		return -EINVAL;
	if (cpus < 0)
		return cpus;
	one = calloc((size_t)cpus, sizeof(*one));
	if (!one)
		return -ENOMEM;
	for (__u32 reason = 0; reason < _PPN_REASON_MAX && !err; reason++) {
		err = bpf_map_lookup_elem(dp->map[maps[set]], &reason, one);
		for (int i = 0; i < cpus && !err; i++) {
			sum[reason].packets += one[i].packets;
			sum[reason].bytes += one[i].bytes;
		}
	}
	free(one);
	if (!err)
		memcpy(ret_counts, sum, sizeof(sum));
	return err;
}
