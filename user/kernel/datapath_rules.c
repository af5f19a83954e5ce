// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Rows of open_ports and egress_ports: prefixes of one port and kind make one. */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include "kernel/datapath_private.h"

/* Of a DHCP client, RFC 2131 4.1, RFC 8415 7.2. */
enum { PORT_DHCP4 = 68, PORT_DHCP6 = 546 };

struct row {
	struct ppn_port_key key;
	struct ppn_port_rule rule;
};

/* One way's rows of one generation. */
struct list {
	struct row *rows;
	size_t n, max;
	bool egress;
};

/* The later end of two; 0 never ends. */
static uint64_t later(uint64_t a, uint64_t b)
{
	if (!a || !b)
		return 0;
	return a > b ? a : b;
}

static int add_prefix(struct ppn_port_rule *rule, const struct ppn_open_port *port)
{
	struct ppn_port_prefix *prefix = &rule->prefix[rule->n];

	if (port->any) {
		rule->until = rule->any ? later(rule->until, port->until) : port->until;
		rule->any = 1;
		return 0;
	}
	if (rule->n == PPN_PORT_PREFIXES)
		return -E2BIG;
	for (int i = 0; i < 16; i++) {
		int bits = port->prefix_len - 8 * i;

		prefix->mask[i] = bits >= 8 ? 0xff : bits > 0 ? (uint8_t)(0xff << (8 - bits)) : 0;
		prefix->addr[i] = port->prefix[i] & prefix->mask[i];
	}
	prefix->until = port->until;
	rule->n++;
	return 0;
}

static bool is_valid(const struct ppn_open_port *port)
{
	if ((port->proto != IPPROTO_TCP && port->proto != IPPROTO_UDP) || port->prefix_len > 128)
		return false;
	if (port->egress)
		return port->kind == PPN_PORT_ROSTER || port->kind == PPN_PORT_LOCAL;
	return port->port && (port->kind == PPN_PORT_ROSTER || port->kind == PPN_PORT_RESCUE);
}

static struct row *find_row(const struct list *list, const struct ppn_port_key *key)
{
	for (size_t i = 0; i < list->n; i++)
		if (!memcmp(&list->rows[i].key, key, sizeof(*key)))
			return &list->rows[i];
	return NULL;
}

static int add(struct list *list, uint32_t generation, const struct ppn_open_port *port)
{
	const struct ppn_port_key key = {
		.generation = generation,
		.port = htons(port->port),
		.proto = port->proto,
		.kind = port->kind,
	};
	struct row *row = find_row(list, &key);

	if (!row) {
		if (list->n == list->max)
			return -E2BIG;
		row = &list->rows[list->n++];
		row->key = key;
	}
	return add_prefix(&row->rule, port);
}

static int build(struct list *list, uint32_t generation, const struct ppn_open_port *ports,
		 size_t n_ports)
{
	int err = 0;

	for (size_t i = 0; i < n_ports && !err; i++) {
		if (!is_valid(&ports[i]))
			return -EINVAL;
		if (!ports[i].egress == !list->egress)
			err = add(list, generation, &ports[i]);
	}
	return err;
}

static int write_map(struct ppn_datapath *dp, const struct list *list)
{
	const int fd = dp->map[list->egress ? DP_EGRESS_PORTS : DP_OPEN_PORTS];
	int err = 0;

	for (size_t i = 0; i < list->n && !err; i++)
		err = bpf_map_update_elem(fd, &list->rows[i].key, &list->rows[i].rule, BPF_ANY);
	return err;
}

static void set_bit(struct ppn_datapath *dp, uint32_t generation, uint8_t proto, __be16 port)
{
	dp->port_bits[PPN_PORT_BITS_WORD(generation, proto == IPPROTO_UDP, port)] |=
		1ULL << PPN_PORT_BITS_BIT(port);
}

/* The half of this generation: nobody reads it until it is selected. */
static void write_bits(struct ppn_datapath *dp, uint32_t generation,
		       const struct ppn_policy_table *table, const struct list *list)
{
	uint64_t *half = dp->port_bits + PPN_PORT_BITS_WORD(generation, 0, 0);

	memset(half, 0, PPN_MAP_PORT_BITS / 2 * sizeof(*half));
	set_bit(dp, generation, IPPROTO_TCP, table->claim_port);
	set_bit(dp, generation, IPPROTO_UDP, table->wg_port);
	set_bit(dp, generation, IPPROTO_UDP, table->discovery_port);
	set_bit(dp, generation, IPPROTO_UDP, htons(PORT_DHCP4));
	set_bit(dp, generation, IPPROTO_UDP, htons(PORT_DHCP6));
	for (size_t i = 0; i < list->n; i++)
		set_bit(dp, generation, list->rows[i].key.proto, list->rows[i].key.port);
}

static int write_list(struct ppn_datapath *dp, struct list *list, uint32_t generation,
		      const struct ppn_policy_table *table, const struct ppn_open_port *ports,
		      size_t n_ports)
{
	int err = build(list, generation, ports, n_ports);

	if (!err)
		err = write_map(dp, list);
	if (!err && !list->egress)
		write_bits(dp, generation, table, list);
	return err;
}

int dp_rules_write(struct ppn_datapath *dp, uint32_t generation,
		   const struct ppn_policy_table *table, const struct ppn_open_port *ports,
		   size_t n_ports, uint32_t *ret_flags)
{
	struct list open = { .max = PPN_DATAPATH_OPEN_MAX };
	struct list egress = { .max = PPN_DATAPATH_EGRESS_MAX, .egress = true };
	const size_t most = n_ports ? n_ports : 1;
	int err = -ENOMEM;

	open.rows = calloc(open.max < most ? open.max : most, sizeof(*open.rows));
	egress.rows = calloc(egress.max < most ? egress.max : most, sizeof(*egress.rows));
	if (open.rows && egress.rows)
		err = write_list(dp, &open, generation, table, ports, n_ports);
	if (!err)
		err = write_list(dp, &egress, generation, table, ports, n_ports);
	if (!err)
		*ret_flags = (open.n ? PPN_POLICY_PORTS : 0) | (egress.n ? PPN_POLICY_EGRESS : 0);
	free(open.rows);
	free(egress.rows);
	return err;
}

static int purge_map(int fd, uint32_t generation)
{
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

int dp_rules_purge(struct ppn_datapath *dp, uint32_t generation)
{
	int err = purge_map(dp->map[DP_OPEN_PORTS], generation);

	return err ? err : purge_map(dp->map[DP_EGRESS_PORTS], generation);
}

static bool matches(const struct ppn_port_rule *rule, const uint8_t *address, uint64_t jiffies)
{
	if (rule->any && (!rule->until || jiffies <= rule->until))
		return true;
	for (int i = 0; i < rule->n && i < PPN_PORT_PREFIXES; i++) {
		const struct ppn_port_prefix *prefix = &rule->prefix[i];
		bool same = true;

		for (int k = 0; k < 16; k++)
			same &= (address[k] & prefix->mask[k]) == prefix->addr[k];
		if (same && (!prefix->until || jiffies <= prefix->until))
			return true;
	}
	return false;
}

bool dp_rules_allow(struct ppn_datapath *dp, uint32_t generation, uint64_t jiffies,
		    const struct ppn_flow_key *key)
{
	static const uint8_t kinds[] = { PPN_PORT_ROSTER, PPN_PORT_LOCAL };
	struct ppn_port_rule rule;

	for (size_t i = 0; i < 2 * sizeof(kinds); i++) {
		const struct ppn_port_key at = {
			.generation = generation,
			.port = i & 1 ? 0 : key->remote_port,
			.proto = key->proto,
			.kind = kinds[i / 2],
		};

		if (!bpf_map_lookup_elem(dp->map[DP_EGRESS_PORTS], &at, &rule) &&
		    matches(&rule, key->remote, jiffies))
			return true;
	}
	return false;
}

/* ---- read back ---- */

static struct ppn_open_port opening(const struct ppn_port_key *key, uint64_t until)
{
	return (struct ppn_open_port){
		.proto = key->proto,
		.kind = PPN_PORT_LOCAL,
		.port = ntohs(key->port),
		.egress = 1,
		.until = until,
	};
}

static uint8_t mask_len(const uint8_t mask[static 16])
{
	uint8_t len = 0;

	while (len < 128 && mask[len / 8] & (0x80 >> len % 8))
		len++;
	return len;
}

static size_t take_openings(const struct ppn_port_key *key, const struct ppn_port_rule *rule,
			    struct ppn_open_port *ret_ports, size_t max)
{
	size_t n = 0;

	if (rule->any && n < max) {
		ret_ports[n] = opening(key, rule->until);
		ret_ports[n++].any = 1;
	}
	for (int i = 0; i < rule->n && i < PPN_PORT_PREFIXES && n < max; i++) {
		ret_ports[n] = opening(key, rule->prefix[i].until);
		ret_ports[n].prefix_len = mask_len(rule->prefix[i].mask);
		memcpy(ret_ports[n++].prefix, rule->prefix[i].addr, 16);
	}
	return n;
}

int ppn_datapath_openings(struct ppn_datapath *dp, struct ppn_open_port *ret_ports, size_t max,
			  size_t *ret_n)
{
	const int fd = dp->map[DP_EGRESS_PORTS];
	const uint32_t generation =
		PPN_POLICY_GENERATION(__atomic_load_n(&dp->policy->word, __ATOMIC_ACQUIRE));
	struct ppn_port_key key, *at = NULL, next;
	struct ppn_port_rule rule;
	size_t n = 0;

	while (!bpf_map_get_next_key(fd, at, &next)) {
		key = next;
		at = &key;
		if (key.generation != generation || key.kind != PPN_PORT_LOCAL)
			continue;
		if (!bpf_map_lookup_elem(fd, &key, &rule))
			n += take_openings(&key, &rule, ret_ports + n, max - n);
	}
	*ret_n = n;
	return errno == ENOENT ? 0 : -errno;
}
