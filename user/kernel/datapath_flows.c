// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Flows this node opened: the kernel adds them and moves them on, what is over goes here. */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include "kernel/datapath_private.h"

/* Looked at in one call, and by one system call. */
enum { LOOKED_AT = 16384, AT_ONCE = 128 };

enum fate { KEPT, ENDED, TIMED_OUT, RULED_OUT };

struct now {
	uint64_t jiffies;
	uint32_t hz, generation;
};

static uint32_t timeout(const struct ppn_flow_key *key, uint8_t state)
{
	static const uint32_t tcp[_PPN_FLOW_MAX] = {
		[PPN_FLOW_SENT] = PPN_FLOW_TCP_SENT,
		[PPN_FLOW_OPEN] = PPN_FLOW_TCP_OPEN,
		[PPN_FLOW_CLOSING] = PPN_FLOW_TCP_CLOSING,
		[PPN_FLOW_CLOSED] = PPN_FLOW_TCP_CLOSED,
	};

	if (key->proto == IPPROTO_UDP)
		return state == PPN_FLOW_OPEN ? PPN_FLOW_UDP_OPEN : PPN_FLOW_UDP_SENT;
	return state < _PPN_FLOW_MAX ? tcp[state] : 0;
}

static enum fate judge(struct ppn_datapath *dp, const struct now *now,
		       const struct ppn_flow_key *key, const struct ppn_flow_value *flow)
{
	/* A packet may have come since `now` was read. */
	const uint64_t silent = now->jiffies > flow->seen ? now->jiffies - flow->seen : 0;

	if (silent > (uint64_t)timeout(key, flow->state) * now->hz)
		return flow->state == PPN_FLOW_CLOSED ? ENDED : TIMED_OUT;
	if (flow->generation == now->generation && (!flow->until || now->jiffies <= flow->until))
		return KEPT;
	return dp_rules_allow(dp, now->generation, now->jiffies, key) ? KEPT : RULED_OUT;
}

/* -- the filter: ppn/maps.h says who writes it and in which order -- */

int dp_flow_add(struct ppn_datapath *dp, const struct ppn_flow_key *key,
		const struct ppn_flow_value *flow)
{
	const uint64_t hash = ppn_flow_key_hash(key);
	uint64_t *word = &dp->flow_filter[ppn_flow_slot(hash)];
	int err = bpf_map_update_elem(dp->map[DP_FLOWS], key, flow, BPF_NOEXIST);

	if (err && err != -EEXIST)
		return err;
	__atomic_add_fetch(word, PPN_FLOW_ADDED, __ATOMIC_SEQ_CST);
	__atomic_or_fetch(word, ppn_flow_bits(hash), __ATOMIC_SEQ_CST);
	return err;
}

static void filter_begin(struct ppn_datapath *dp)
{
	struct dp_walk *walk = &dp->flows;

	memset(walk->found, 0, sizeof(walk->found));
	for (uint32_t i = 0; i < PPN_MAP_FLOW_FILTER; i++)
		walk->before[i] = __atomic_load_n(&dp->flow_filter[i], __ATOMIC_SEQ_CST);
}

static void filter_found(struct dp_walk *walk, const struct ppn_flow_key *key)
{
	const uint64_t hash = ppn_flow_key_hash(key);

	walk->found[ppn_flow_slot(hash)] |= ppn_flow_bits(hash);
}

static void filter_end(struct ppn_datapath *dp)
{
	for (uint32_t i = 0; i < PPN_MAP_FLOW_FILTER; i++) {
		uint64_t before = dp->flows.before[i];
		const uint64_t now = (before & -PPN_FLOW_ADDED) | dp->flows.found[i];

		if (before != now)
			(void)__atomic_compare_exchange_n(&dp->flow_filter[i], &before, now, false,
							  __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
	}
}

/* -- a walk -- */

static void tally(struct ppn_flow_sweep *sweep, enum fate fate)
{
	sweep->ended += fate == ENDED;
	sweep->timed_out += fate == TIMED_OUT;
	sweep->ruled_out += fate == RULED_OUT;
}

/* Some flows on from where the walk stands: whole buckets. 1: the walk is at its end. */
static int look(struct ppn_datapath *dp, const struct now *now, struct ppn_flow_sweep *sweep)
{
	struct dp_walk *walk = &dp->flows;
	struct ppn_flow_value flows[AT_ONCE];
	struct ppn_flow_key keys[AT_ONCE];
	__u32 n = AT_ONCE;
	int err;

	err = bpf_map_lookup_batch(dp->map[DP_FLOWS], walk->under_way ? &walk->at : NULL, &walk->at,
				   keys, flows, &n, NULL);
	if (err && err != -ENOENT)
		return err;
	walk->under_way = true;
	for (__u32 i = 0; i < n; i++) {
		enum fate fate = judge(dp, now, &keys[i], &flows[i]);

		/* What the kernel does not let go of now is there still: the next walk comes by again. */
		if (fate != KEPT && bpf_map_delete_elem(dp->map[DP_FLOWS], &keys[i]) &&
		    errno != ENOENT)
			fate = KEPT;
		tally(sweep, fate);
		if (fate == KEPT) {
			walk->seen++;
			filter_found(walk, &keys[i]);
		}
	}
	return err ? 1 : 0;
}

bool ppn_datapath_flow_known(struct ppn_datapath *dp, const struct ppn_flow_key *key)
{
	struct ppn_flow_value flow;

	return !bpf_map_lookup_elem(dp->map[DP_FLOWS], key, &flow);
}

int ppn_datapath_flows_sweep(struct ppn_datapath *dp, struct ppn_flow_sweep *ret)
{
	struct ppn_flow_sweep sweep = { 0 };
	struct now now = { 0 };
	int err;

	if (dp->refused[0])
		return -EOPNOTSUPP;
	err = ppn_datapath_clock(dp, &now.jiffies, &now.hz);
	now.generation =
		PPN_POLICY_GENERATION(__atomic_load_n(&dp->policy->word, __ATOMIC_ACQUIRE));
	if (!err && !dp->flows.under_way)
		filter_begin(dp);
	for (int i = 0; i < LOOKED_AT / AT_ONCE && !err; i++)
		err = look(dp, &now, &sweep);
	if (err == 1) {
		filter_end(dp);
		dp->flows.last = dp->flows.seen;
		sweep.whole = true;
	}
	if (err) { /* its end, or one that saw not all: the next begins anew */
		dp->flows.seen = 0;
		dp->flows.under_way = false;
	}
	if (err < 0)
		return err;
	sweep.flows = dp->flows.last;
	*ret = sweep;
	return 0;
}
