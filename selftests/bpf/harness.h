/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A node's external interface as seal.bpf.c and egress.bpf.c see it: both objects loaded with maps of
 * their own that they share (nothing is pinned), in a network namespace of their own, on one CPU. A run
 * is one BPF_PROG_TEST_RUN with all that it changed. Every failure of the kernel ends in "Bail out!".
 */
#ifndef PPN_SELFTESTS_HARNESS_H
#define PPN_SELFTESTS_HARNESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <ppn/maps.h>
#include <ppn/reasons.h>
#include "packets.h"

enum harness_way { HARNESS_IN, HARNESS_OUT };

/* The node: fleet, keys and ports that every policy of the harness has. */
#define HARNESS_FLEET "fd5c:91a2:77e0:"
#define HARNESS_IFINDEX 1 /* loopback, where TEST_RUN has packets come from */
extern const uint8_t harness_gate_key[PPN_SIP_KEY_LEN];
enum { HARNESS_CLAIM = 9443, HARNESS_WG = 51820, HARNESS_DISCOVERY = 9442 };

struct harness;

struct harness_options {
	bool rates; /* limits on */
};
struct harness *harness_open(const struct harness_options *options);
void harness_close(struct harness *h);

/* Tables first, then one store of the word. Each call is a new generation with no open ports. */
void harness_policy(struct harness *h, enum ppn_column column, uint32_t flags);
void harness_pin(struct harness *h, bool pinned);
void harness_fleet(struct harness *h, bool fleet);
void harness_isolate(struct harness *h, bool isolated);
/* Opens a port in the present generation. prefix: text with length, IPv4 or IPv6; NULL: any. */
void harness_port(struct harness *h, uint8_t proto, uint16_t port, bool rescue, const char *prefix);
/*
 * Lets flows out in the present generation. port: the other side's, 0 for every one; kind: enum
 * ppn_port_kind; for_s: seconds, negative: over; 0: for ever.
 */
void harness_egress(struct harness *h, uint8_t proto, uint16_t port, uint8_t kind,
		    const char *prefix, int for_s);
void harness_no_flows(struct harness *h);
size_t harness_flows(struct harness *h); /* how many there are */
/* Puts it there, last seen so many seconds ago, allowed by the present generation. */
void harness_flow_put(struct harness *h, const struct ppn_flow_key *key,
		      const struct ppn_flow_value *value, unsigned int ago);
bool harness_flow(struct harness *h, const struct ppn_flow_key *key,
		  struct ppn_flow_value *ret_value);
/* Its word of the filter. */
uint64_t harness_filter(struct harness *h, const struct ppn_flow_key *key);
void harness_filter_put(struct harness *h, const struct ppn_flow_key *key, uint64_t word);
/* As if so many seconds had passed for it. */
void harness_flow_age(struct harness *h, const struct ppn_flow_key *key, unsigned int seconds);
/* So many flows of others, of which none is in the filter. */
void harness_flows_fill(struct harness *h, unsigned int n);
/* Rows of another interface than HARNESS_IFINDEX from now on. */
void harness_ifindex(struct harness *h, uint32_t ifindex);
void harness_iface(struct harness *h, uint8_t underlay, uint8_t flags);
/* From the next policy on, with PPN_POLICY_TRIAL: over in so many seconds, negative: since then. */
void harness_trial(struct harness *h, const struct ppn_flow_key *flow, int seconds);
void harness_floor(struct harness *h, const uint8_t *serial, uint64_t time_ms);
/* Lease as egress would write it, opened `ago` seconds before now; harness_no_lease() takes it away. */
void harness_lease(struct harness *h, const struct ppn_lease *lease, unsigned int ago);
void harness_no_lease(struct harness *h);
bool harness_lease_now(struct harness *h, struct ppn_lease *ret_lease);

struct harness_result {
	bool pass;
	uint32_t retval; /* XDP_* or TC_ACT_* */
	int reason; /* the one whose counter moved by one packet of this length; -1: none, or more */
	uint32_t events; /* handed up */
	bool same; /* the packet came out as it went in */
};
struct harness_result harness_run(struct harness *h, enum harness_way way, const void *packet,
				  size_t len);
/* Frames that BPF_PROG_TEST_RUN does not take. */
bool harness_refuses(enum harness_way way, const uint8_t *frame, size_t len);
/* Only the verdict: for millions. */
bool harness_verdict(struct harness *h, enum harness_way way, const void *packet, size_t len);
/* What harness_verdict() ran since the last call, by reason. */
void harness_counts(struct harness *h, enum harness_way way, uint64_t ret_packets[_PPN_REASON_MAX]);
/* One of them, without a new start. */
uint64_t harness_count(struct harness *h, enum harness_way way, enum ppn_reason reason);
/* Takes what lies in the ring buffer; the last event stays readable. */
uint32_t harness_drain(struct harness *h);
const struct ppn_packet_event *harness_event(const struct harness *h);
/* The same of the samples. */
uint32_t harness_drain_samples(struct harness *h);
const struct ppn_sample *harness_sample(const struct harness *h);
int harness_program(const struct harness *h, enum harness_way way);
/* A map of theirs, by name, for a program that is loaded beside them. */
int harness_map(const struct harness *h, const char *name);
/* Instructions that the verifier walked through to accept the program. */
uint32_t harness_insns(const struct harness *h, enum harness_way way);

uint32_t harness_hz(void); /* jiffies a second */
const char *harness_reason_name(int reason);

/* TAP. */
void tap_plan(unsigned int n);
bool tap_ok(bool ok, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void tap_note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Exit code. */
int tap_end(void);
void bail_out(const char *what) __attribute__((noreturn));

#endif
