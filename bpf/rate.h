/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Token buckets of what may pass: a hashed per-CPU array, so that a flood of forged sources fills no
 * table, and jiffies, which cost nothing to read. Asked last, just before a packet would pass; what
 * drops anyway never comes here. Sources that share a slot share its tokens.
 *
 * The loader sets, before it loads: `hz` (1e9 / resolution of CLOCK_MONOTONIC_COARSE in ns) and
 * `rate_seed` (random, so that nobody can aim at another source's slot).
 */
#ifndef PPN_BPF_RATE_H
#define PPN_BPF_RATE_H

#ifndef PPN_PROGRAM_SEAL
#error "only the seal limits rates"
#endif
#include "maps.h"

const volatile __u32 hz = 250;
const volatile __u64 rate_seed[2] = { 0, 0 };
const volatile __u8 rate_off = 0; /* 1: no limit; for tests that count on every packet */

#define PPN_RATE_BITS 14
PPN_STATIC_ASSERT(PPN_MAP_RATES == 1 << PPN_RATE_BITS, "a slot for each hash");

/* X(CLASS, a second, at once): of one source, on one CPU. */
#define PPN_RATES(X)       \
	X(ARP, 100, 200)   \
	X(ND, 100, 200)    \
	X(MLD, 20, 40)     \
	X(CONTROL, 20, 40) \
	X(RA, 4, 8)        \
	X(PTB, 10, 20)     \
	X(BEACON, 8, 16)   \
	X(SYN, 10, 40)

enum ppn_rate_class {
#define X(name, second, burst) PPN_RATE_##name,
	PPN_RATES(X)
#undef X
};

static const struct {
	__u32 second, burst;
} ppn_rates[] = {
#define X(name, second, burst) { second, burst },
	PPN_RATES(X)
#undef X
};

/* Multiply-shift of two words: two sources meet by chance only, to whom the factors are unknown. */
static __always_inline __u32 ppn_rate_slot(__u32 kind, __u64 high, __u64 low)
{
	const __u64 h = (high + kind) * (rate_seed[0] | 1) + low * (rate_seed[1] | 1);

	return h >> (64 - PPN_RATE_BITS);
}

/* Takes a token of {kind, high, low}; false: none is left. Tokens are kept in units of 1 / hz. */
static __always_inline _Bool ppn_rate_take(enum ppn_rate_class kind, __u64 high, __u64 low)
{
	const __u64 full = (__u64)ppn_rates[kind].burst * hz;
	__u32 slot = ppn_rate_slot(kind, high, low);
	struct ppn_rate *rate;
	__u64 now, tokens;

	if (rate_off)
		return 1;
	rate = bpf_map_lookup_elem(&rates, &slot);
	if (!rate)
		return 0;
	now = bpf_jiffies64();
	tokens = rate->tokens + (now - rate->at) * ppn_rates[kind].second;
	if (tokens > full)
		tokens = full;
	rate->at = now;
	if (tokens < hz) {
		rate->tokens = tokens;
		return 0;
	}
	rate->tokens = tokens - hz;
	return 1;
}

#endif
