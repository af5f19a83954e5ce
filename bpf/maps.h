/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The maps of ppn/maps.h, as libbpf creates them. Names are the names of the pins.
 *
 * A program says which it is before it includes this (PPN_PROGRAM_SEAL, _EGRESS or _FRAME) and gets
 * the maps it uses; what is pinned already is shared, not made again.
 */
#ifndef PPN_BPF_MAPS_H
#define PPN_BPF_MAPS_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <ppn/maps.h>
#include <ppn/reasons.h>

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
	__type(key, __u32);
	__type(value, struct ppn_policy);
} policy SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
	__type(key, __u32);
	__type(value, struct ppn_command);
} command SEC(".maps");

#if defined(PPN_PROGRAM_SEAL) || defined(PPN_PROGRAM_EGRESS)
const volatile struct ppn_settings settings = { .hz = 250 };

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, PPN_MAP_RATES);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
	__type(key, __u32);
	__type(value, struct ppn_rate);
} rates SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, PPN_MAP_OPEN_PORTS);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
	__type(key, struct ppn_port_key);
	__type(value, struct ppn_port_rule);
} open_ports SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, PPN_MAP_PORT_BITS);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
	__type(key, __u32);
	__type(value, __u64);
} port_bits SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, PPN_MAP_EGRESS_PORTS);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
	__type(key, struct ppn_port_key);
	__type(value, struct ppn_port_rule);
} egress_ports SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, PPN_MAP_FLOWS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
	__type(key, struct ppn_flow_key);
	__type(value, struct ppn_flow_value);
} flows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, PPN_MAP_FLOW_FILTER);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
	__type(key, __u32);
	__type(value, __u64);
} flow_filter SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, PPN_MAP_IFACES);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
	__type(key, __u32);
	__type(value, struct ppn_iface);
} ifaces SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, PPN_MAP_OBSERVED);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
	__type(key, struct ppn_observed_key);
	__type(value, struct ppn_count);
} observed SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, PPN_MAP_SAMPLES);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} samples SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, PPN_MAP_LEASES);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
	__type(key, __u32);
	__type(value, struct ppn_lease);
} leases SEC(".maps");
#endif

#ifdef PPN_PROGRAM_SEAL
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, PPN_MAP_FLOORS);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
	__type(key, struct ppn_floor_key);
	__type(value, __u64);
} floors SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, PPN_MAP_PACKETS);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} packets SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, PPN_COUNT_SLOTS *_PPN_REASON_MAX);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
	__type(key, __u32);
	__type(value, struct ppn_count);
} seal_count SEC(".maps");
#endif

#ifdef PPN_PROGRAM_EGRESS
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, PPN_COUNT_SLOTS *_PPN_REASON_MAX);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
	__type(key, __u32);
	__type(value, struct ppn_count);
} egress_count SEC(".maps");
#endif

#ifdef PPN_PROGRAM_FRAME
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, PPN_SEATS_MAX);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
	__type(key, __u32);
	__type(value, struct ppn_slot);
} slots SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, PPN_MAP_FRAMES);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} frames SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, _PPN_REASON_MAX);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
	__type(key, __u32);
	__type(value, struct ppn_count);
} frame_count SEC(".maps");
#endif

#endif
