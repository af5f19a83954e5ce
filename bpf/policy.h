/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What is in force: one load of the policy word, and the table that it selects.
 */
#ifndef PPN_BPF_POLICY_H
#define PPN_BPF_POLICY_H

#include "maps.h"

struct ppn_view {
	const struct ppn_policy_table *table;
	__u32 generation;
	__u32 flags; /* enum ppn_policy_flag */
	__u32 column; /* enum ppn_column; isolation by command is ppn_isolated()'s to say */
};

/* NULL: there is no policy, which an array map of one never says. */
static __always_inline const struct ppn_policy *ppn_policy_find(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&policy, &zero);
}

/* One load: everything else that a packet meets is what this word selects. */
static __always_inline __u64 ppn_policy_word(const struct ppn_policy *p)
{
	return *(const volatile __u64 *)&p->word;
}

static __always_inline const struct ppn_policy_table *ppn_policy_table(const struct ppn_policy *p,
								       __u64 word)
{
	return PPN_POLICY_GENERATION(word) & 1 ? &p->table[1] : &p->table[0];
}

/* False: there is no policy. */
static __always_inline _Bool ppn_policy_read(struct ppn_view *ret_view)
{
	const struct ppn_policy *p = ppn_policy_find();
	__u64 word;

	if (!p)
		return 0;
	word = ppn_policy_word(p);
	ret_view->generation = PPN_POLICY_GENERATION(word);
	ret_view->flags = PPN_POLICY_FLAGS(word);
	ret_view->column = PPN_POLICY_COLUMN(word);
	if (ret_view->column > PPN_COLUMN_ISOLATED)
		ret_view->column = PPN_COLUMN_BLIND;
	ret_view->table = ppn_policy_table(p, word);
	return 1;
}

/* Only rows whose columns `bound` and `isolated` differ ask. */
static __always_inline _Bool ppn_isolated(const struct ppn_view *view)
{
	__u32 zero = 0;
	const struct ppn_command *c;

	if (view->column != PPN_COLUMN_BOUND)
		return view->column == PPN_COLUMN_ISOLATED;
	c = bpf_map_lookup_elem(&command, &zero);
	return !c || *(const volatile __u32 *)&c->isolated;
}

#endif
