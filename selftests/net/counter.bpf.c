// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A stranger's XDP program for libxdp's dispatcher: passes every packet, and counts it (counter_packets). */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} counter_packets SEC(".maps");

SEC("xdp")
int counter(struct xdp_md *ctx)
{
	__u32 zero = 0;
	__u64 *packets = bpf_map_lookup_elem(&counter_packets, &zero);

	(void)ctx;
	if (packets)
		__sync_fetch_and_add(packets, 1);
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
