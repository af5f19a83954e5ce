/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Limits of what may pass, by source. Asked last, just before a packet would pass; what drops anyway
 * never comes here.
 *
 * A slot is one word: 16 bits that name its owner, and in the other 48 when its owner's tokens will all be
 * back (jiffies * 1024; the "theoretical arrival time" of GCRA, ITU-T I.371). A slot whose time has come
 * says the same as an empty one, so it belongs to whoever comes next, and nothing has to be swept. All
 * CPUs share the slots: a flood over several queues gets the rate once.
 *
 * A source has two slots, by a hash whose key is drawn at each load: nobody can aim at another's. It uses
 * the one that bears its name, else a free one, else it takes over the one that will be free sooner. So
 * a million forged sources, which come once each, take over each other's slots; an honest source among
 * them is at worst forgotten, which gives it its tokens back, and is never held back for others.
 */
#ifndef PPN_BPF_RATE_H
#define PPN_BPF_RATE_H

#include "maps.h"

#define PPN_RATE_BITS 14
PPN_STATIC_ASSERT(PPN_MAP_RATES == 1 << PPN_RATE_BITS, "a slot for each hash");
#define PPN_RATE_TRIES 3 /* other CPUs may be quicker */

/*
 * X(CLASS, a second, at once): of one source; RA_LINK of all routers of a link, which are few. Each forged one that
 * passed would be in the kernel's tables of routers and neighbours, which all namespaces of the machine share.
 */
#define PPN_RATES(X)       \
	X(ARP, 100, 200)   \
	X(ND, 100, 200)    \
	X(MLD, 20, 40)     \
	X(CONTROL, 20, 40) \
	X(RA, 4, 8)        \
	X(RA_LINK, 20, 40) \
	X(ERROR, 10, 20)   \
	X(BEACON, 8, 16)   \
	X(SYN, 10, 40)     \
	X(SAMPLE, PPN_SAMPLE_RATE, PPN_SAMPLE_RATE)

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

#define PPN_RATE_TIME 0xffffffffffffULL

/*
 * A global function: verified once, whatever asks. interval: of one token, in 1/1024 of a jiffy; burst:
 * tokens at once. 1: there was a token.
 */
__noinline int ppn_rate_take_slot(__u64 hash, __u32 interval, __u32 burst)
{
	const __u64 name = hash << 48, now = bpf_jiffies64() << 10 & PPN_RATE_TIME;
	__u32 one = hash >> (64 - PPN_RATE_BITS), two = hash >> (64 - 2 * PPN_RATE_BITS);
	struct ppn_rate *first, *second, *slot;
	__u64 a, b, old, free_at, next;

	two &= PPN_MAP_RATES - 1;
	first = bpf_map_lookup_elem(&rates, &one);
	second = bpf_map_lookup_elem(&rates, &two);
	if (!first || !second)
		return 0;
	for (int i = 0; i < PPN_RATE_TRIES; i++) {
		a = *(volatile __u64 *)&first->word;
		b = *(volatile __u64 *)&second->word;
		slot = first;
		old = a;
		if ((a ^ name) >> 48 &&
		    (!((b ^ name) >> 48) || (b & PPN_RATE_TIME) < (a & PPN_RATE_TIME))) {
			slot = second;
			old = b;
		}
		free_at = old & PPN_RATE_TIME;
		/* Free, or another's: as if all tokens were there. */
		if ((old ^ name) >> 48 || free_at < now)
			free_at = now;
		next = free_at + interval;
		if (next - now > (__u64)interval * burst)
			return 0;
		next = name | (next & PPN_RATE_TIME);
		if (__sync_val_compare_and_swap(&slot->word, old, next) == old)
			return 1;
	}
	return 0;
}

/* Takes a token of {kind, high, low}; false: none is left. */
static __always_inline _Bool ppn_rate_take(enum ppn_rate_class kind, __u64 high, __u64 low)
{
	const __u64 hash =
		(high + kind) * (settings.rate_seed[0] | 1) + low * (settings.rate_seed[1] | 1);

	if (settings.rate_off)
		return 1;
	/* The high bits are well mixed; fold them into the owner's name. */
	return ppn_rate_take_slot(hash ^ hash >> 32, (settings.hz << 10) / ppn_rates[kind].second,
				  ppn_rates[kind].burst);
}

#endif
