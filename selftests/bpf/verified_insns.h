/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Instructions that the verifier walks through to accept each program, of the million it allows, by kernel
 * series; built by clang 14. test_verifier prints the row of the kernel it runs on. A new row, or a higher
 * number, goes in with the reason in its commit.
 */
#ifndef PPN_SELFTESTS_VERIFIED_INSNS_H
#define PPN_SELFTESTS_VERIFIED_INSNS_H

/* X(kernel, patchlevel, seal, seal_tc, egress, frame_in, frame_out) */
#define VERIFIED_INSNS(X)                         \
	X(6, 1, 68522, 106390, 82016, 12247, 330) \
	X(6, 12, 64882, 66430, 72714, 3288, 330)  \
	X(6, 18, 69883, 70717, 75859, 3002, 320)  \
	X(7, 2, 122948, 124713, 133541, 3019, 320)

#endif
