// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Jiffies, which only the kernel can read: a program of six instructions tells them. */
#include <errno.h>
#include <linux/bpf.h>
#include "kernel/datapath_private.h"

static int load(void)
{
	/* *(u64 *)context = bpf_jiffies64(); return 0 */
	const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = BPF_REG_6, .src_reg = BPF_REG_1 },
		{ .code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_jiffies64 },
		{ .code = BPF_STX | BPF_MEM | BPF_DW, .dst_reg = BPF_REG_6, .src_reg = BPF_REG_0 },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .prog_flags = BPF_F_SLEEPABLE);

	return bpf_prog_load(BPF_PROG_TYPE_SYSCALL, "ppn_clock", "Dual BSD/GPL", insns,
			     sizeof(insns) / sizeof(insns[0]), &opts);
}

int ppn_datapath_clock(struct ppn_datapath *dp, uint64_t *ret_jiffies, uint32_t *ret_hz)
{
	uint64_t jiffies = 0;
	LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = &jiffies, .ctx_size_in = sizeof(jiffies));
	uint32_t hz = dp_hz();
	int err;

	if (dp->clock < 0)
		dp->clock = load();
	if (dp->clock < 0)
		return dp->clock;
	err = bpf_prog_test_run_opts(dp->clock, &opts);
	if (err || !hz)
		return err ? err : -EIO;
	*ret_jiffies = jiffies;
	*ret_hz = hz;
	return 0;
}
