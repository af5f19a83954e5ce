/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A node's ppn0 as frame.bpf.c sees it, for test_frame.c and test_frame_window.c: the loaded object
 * with maps of its own (nothing is pinned), a fleet of known addresses and keys, packets of every kind,
 * and one run of a program with all that it changed.
 */
#ifndef PPN_SELFTESTS_FRAME_WORLD_H
#define PPN_SELFTESTS_FRAME_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <ppn/maps.h>
#include <ppn/reasons.h>

enum { FW_NUMBER = 5, FW_GENERATION = 7, FW_FLOOR = 100, FW_RESERVED = 356 };
enum { FW_TOP = 200, FW_LAST_STATE = 150 };
/* Of the window: 200, 199 and everything from 196 down is taken; 198 and 197 are not. */
#define FW_SEEN (~0ULL & ~(3ULL << 2))

enum fw_who {
	FW_SELF,
	FW_GUEST,
	FW_SEAT,
	FW_SEAT2,
	FW_CLOSED,
	FW_PEER,
	FW_OUTSIDE,
	FW_GROUP,
	_FW_WHO_MAX
};
extern const uint8_t fw_address[_FW_WHO_MAX][16];
extern const uint8_t fw_key[PPN_SEATS_MAX][PPN_SIP_KEY_LEN];

struct fw_packet {
	uint8_t data[256];
	size_t len;
};

struct frame_world;
struct ring_buffer;

/* Exits with "Bail out!" where the kernel refuses. */
struct frame_world *fw_open(void);
void fw_close(struct frame_world *w);
/* The same for every row: slot 0 FW_SEAT, slot 2 FW_SEAT2, slot 1 closed; window as above; not isolated. */
void fw_reset(struct frame_world *w);
struct ppn_policy *fw_policy(struct frame_world *w);
struct ppn_slot *fw_slots(struct frame_world *w);
struct ppn_command fw_command(struct frame_world *w);
void fw_set_command(struct frame_world *w, const struct ppn_command *command);
uint64_t fw_count(struct frame_world *w, enum ppn_reason reason);

/* Packets. proto, ports and payload as they are given; lengths as they should be. */
struct fw_packet fw_ip6(enum fw_who from, enum fw_who to, uint8_t proto, const void *payload,
			size_t len);
struct fw_packet fw_udp(enum fw_who from, enum fw_who to, uint16_t port, const void *payload,
			size_t len);
struct fw_packet fw_tcp(enum fw_who from, enum fw_who to, uint16_t port);
struct fw_packet fw_echo(enum fw_who from, enum fw_who to);
struct ppn_frame fw_frame(uint8_t op, uint32_t target, uint32_t seq, const uint8_t *key);
/* A frame of FW_SEAT to FW_SELF. */
struct fw_packet fw_command_packet(uint8_t op, uint32_t seq);

struct fw_result {
	uint32_t verdict; /* XDP_*, or TC_ACT_* */
	int reason; /* the one whose counter moved; -1: none or several */
	uint32_t n_events;
	struct ppn_frame_event event; /* the last */
	bool same; /* the packet came out as it went in */
};
struct fw_result fw_run(struct frame_world *w, const struct fw_packet *packet);
/* Through the egress program, behind an Ethernet header (BPF_PROG_TEST_RUN wants one). */
struct fw_result fw_run_out(struct frame_world *w, const struct fw_packet *packet);
/* Only the verdict; events stay in the ring. Safe in threads. */
int fw_run_blind(struct frame_world *w, const struct fw_packet *packet);
/* Empties the ring; returns the number of events; each, if any, sees them. */
int fw_drain(struct frame_world *w, void (*each)(void *arg, const struct ppn_frame_event *event),
	     void *arg);
uint32_t fw_verified_insns(struct frame_world *w, bool out);

#endif
