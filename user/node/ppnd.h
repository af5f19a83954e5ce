/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * ppnd, whole: main() owns one struct ppnd, each module the part of it that bears its name. Arrows point
 * one way (README.md draws them): ctl and the sources of events (monitor, discovery, command) call down
 * into seal, mesh, slots and state, never each other; what they have seen goes up through ppnd->happen, which
 * genesis.c sets: one step of the table, its actions carried out. Everything runs on one event loop.
 *
 * Functions return 0 or -errno and log where they handle an error.
 */
#ifndef PPN_NODE_PPND_H
#define PPN_NODE_PPND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <event2/event.h>
#include <ppn/maps.h>
#include "host/ctl.h"
#include "kernel/datapath.h"
#include "kernel/link.h"
#include "kernel/wireguard.h"
#include "lib/genesis.h"
#include "node/config.h"
#include "node/state.h"
#include "node/worker.h"

struct ppnd;

/* What belongs to an event. */
struct ppnd_detail {
	struct ppnd_offer *offer; /* CLAIM, RECLAIM */
	const struct ppn_entry_command *command; /* ISOLATE, RELEASE */
	struct ppn_bytes bundle; /* ROSTER */
	struct ppn_roster *roster; /* ROSTER; taken over */
};

enum ppnd_limit {
	PPND_INTERFACES_MAX = 256,
	PPND_SLOT_RESULTS = 4,
	PPND_HERE_MAX = 16, /* answers on their way */
};

struct ppnd_interface {
	uint32_t ifindex;
	uint32_t group; /* its bond, else itself */
	char name[IFNAMSIZ];
	enum ppn_hold hold;
	enum ppn_underlay underlay;
	uint8_t slot; /* of the counters */
	bool external; /* false: was once, and stays sealed */
	bool guests_pass; /* frames of guests behind this port pass */
	bool guests_refused; /* they should, and cannot be told from ours */
	bool said; /* hold and why are in the log */
	uint32_t xdp_id; /* a stranger's program, as it was when last tried */
	uint64_t tried_ms;
	char why[PPN_WHY_LEN]; /* of the hold */
	char external_why[PPN_DEVICE_WHY_LEN];
};

struct ppnd_seal {
	bool off; /* unsealed: nothing of it is put on again */
	bool observe;
	bool forced; /* observe because configuration or command line say so */
	bool seat; /* a seat runs here */
	struct event *seat_timer;
	struct event *second; /* is everything as it was left? */
	struct event *dirty; /* links have changed */
	uint64_t pins_lost; /* times that somebody took pins away */
	char pins_why[PPN_WHY_LEN]; /* not pinned: why */
	char why[PPN_WHY_LEN]; /* the policy wanted is not in force: why; the former one is, until a retry works */
	unsigned int retry_s;
	struct event *retry;
	size_t rows_left; /* of the roster's policy, for which a port has no room */
	uint32_t unmatched; /* a bit for each of `external =` that names nothing now */
	size_t n;
	struct ppnd_interface interface[PPND_INTERFACES_MAX];
};

_Static_assert(PPND_EXTERNAL_MAX <= 32, "a bit each");

enum ppnd_trial_limit {
	PPND_TRIAL_MIN_S = 10,
	PPND_TRIAL_MAX_S = 3600,
	PPND_CALLER_SOCKETS = 32,
};

/* `ppn seal --try` (trial.c). */
struct ppnd_trial {
	bool on;
	uint64_t end; /* jiffies */
	struct ppn_flow_key flow; /* what it spares; zeros: nothing */
	size_t n_before;
	uint64_t *before; /* owned: inodes of sessions that were there; NULL: nobody can say, none proves anything */
	struct event *timer;
};

/* Who speaks on the socket: the sockets of the programs that its shell descends from, by inode. */
struct ppnd_caller {
	bool console; /* no network behind it */
	size_t n;
	uint64_t inode[PPND_CALLER_SOCKETS];
};

enum ppnd_egress_limit {
	PPND_OPENINGS_MAX = 64,
	PPND_METADATA_MAX = 3,
	PPND_OPENING_MAX_S = 7 * 86400,
};

/* The egress list's part that is this machine's: what its operator opened for a while. */
struct ppnd_egress {
	size_t n;
	struct ppn_open_port opening[PPND_OPENINGS_MAX];
	struct event *timer; /* of the next end */
	uint32_t flows; /* in the kernel's table, as the last whole sweep saw it */
	bool unswept; /* the last second could not look at it: said once */
};

struct ppnd_mesh {
	struct ppn_wg *wg;
	uint8_t address[16], prefix[16];
	bool wanted, joined, up;
	char why[PPN_WHY_LEN]; /* of the step at work */
	char shown[PPN_WHY_LEN]; /* not up: why */
	size_t n_peers;
	struct event *retry;
};

/* One command slot: a pair with a seat (PROTOCOL 5). */
struct ppnd_slot {
	bool used, open;
	uint8_t serial[PPN_SERIAL_LEN], seat_key[PPN_KEY_LEN], address[16];
	struct ppn_pair_keys keys;
	uint32_t generation, reserved, floor;
	struct ppn_result results[PPND_SLOT_RESULTS]; /* newest first */
};

struct ppnd_slots; /* slots.c */
struct ppnd_monitor; /* monitor.c */
struct ppnd_discovery; /* discovery.c */
struct ppnd_telemetry; /* telemetry.c */
struct ppnd_ctl; /* ctl.c */
struct ppnd_backstop; /* backstop.c */
struct ppnd_watch; /* watch.c */
struct ppnd_metrics; /* metrics.c */

struct ppnd {
	struct ppnd_config config;
	const char *config_file, *state_dir, *run_dir, *pin_root, *worker;
	char conf_dir[256];
	bool observe_asked; /* --observe */

	struct event_base *base;
	struct ppn_datapath *dp;
	bool fresh; /* no pinned command map was there */
	struct ppn_link *link;
	struct event *ring; /* of the datapath */
	struct event *watch; /* of the links */

	struct ppnd_state state;
	struct ppn_genesis genesis;
	uint64_t since_ms; /* of genesis.state */
	struct event *scan;

	struct ppnd_seal seal;
	struct ppnd_egress egress;
	struct ppnd_trial trial;
	struct ppnd_watch *samples;
	struct ppnd_metrics *metrics;
	struct ppnd_backstop *backstop;
	struct ppnd_mesh mesh;
	struct ppnd_slot slot[PPN_SEATS_MAX];
	struct ppnd_slots *slots;
	struct ppnd_monitor *monitor;
	struct ppnd_discovery *discovery;
	struct ppnd_telemetry *telemetry;
	struct ppnd_ctl *ctl;

	/* 0: done; -EPERM: no row of the table names it; else a durable action failed, nothing changed. */
	int (*happen)(struct ppnd *ppnd, enum ppn_event event, const struct ppnd_detail *detail);
	/* After each step: telemetry and waiting command lines look again. */
	void (*changed)(struct ppnd *ppnd);
	int exit_code; /* of main, once the loop ends */
};

/* genesis.c: the table's actions. */
void ppnd_genesis_init(struct ppnd *ppnd);
/* START with the folded state, or DAMAGE. */
int ppnd_genesis_start(struct ppnd *ppnd);
void ppnd_genesis_stop(struct ppnd *ppnd);

/* blind.c: seals without a node, for `ppnd --blind`. Exit code of main: 5 where only TC or nftables hold. */
int ppnd_blind(struct ppnd *ppnd);

/* seal.c: external interfaces. */
int ppnd_seal_start(struct ppnd *ppnd); /* before everything else: every external interface */
int ppnd_seal_scan(struct ppnd *ppnd); /* again: those that came, went or were renamed */
int ppnd_seal_watch(struct ppnd *ppnd); /* from now on with the event loop */
void ppnd_seal_changed(struct ppnd *ppnd); /* a link has: scan, once, after the events at hand */
void ppnd_seal_stop(struct ppnd *ppnd);
/* Every device, and whether it is external by the configuration. The caller's: free(). */
int ppnd_seal_devices(const struct ppnd *ppnd, struct ppn_device **ret_devices, size_t *ret_n);
int ppnd_seal_off(struct ppnd *ppnd, char ret_why[static PPN_WHY_LEN]);
/* Weakest hold over the external interfaces; NONE when there is none. */
enum ppn_hold ppnd_seal_weakest(const struct ppnd *ppnd);
/* An interface has no XDP of ours, or one that `external =` names is not there: exit code 5. */
bool ppnd_seal_degraded(const struct ppnd *ppnd);
/* What of `external =` names nothing at this moment: a list of words. */
json_t *ppnd_seal_unmatched_json(const struct ppnd *ppnd);

/* Asks the kernel what holds each interface and ppn0, seals again what lost its program or pin: true,
 * with what that was. */
bool ppnd_seal_look(struct ppnd *ppnd, char ret_what[static PPN_WHY_LEN]);

/* backstop.c: the nftables below the programs; without them (start failed) each of these does nothing. */
int ppnd_backstop_start(struct ppnd *ppnd); /* before the first program */
int ppnd_backstop_policy(struct ppnd *ppnd, enum ppn_column column, uint32_t flags,
			 const struct ppn_policy_table *table, const struct ppn_open_port *ports,
			 size_t n_ports);
/* Interfaces or their holds have changed; at_once: something waits for it, else within milliseconds. */
void ppnd_backstop_look(struct ppnd *ppnd, bool at_once);
bool ppnd_backstop_holds(const struct ppnd *ppnd); /* in force, and not observing */
bool ppnd_backstop_watches(const struct ppnd *ppnd); /* it calls ppnd_seal_look() twice a second */
json_t *ppnd_backstop_json(struct ppnd *ppnd);
int ppnd_backstop_off(struct ppnd *ppnd, char ret_why[static PPN_WHY_LEN]);
void ppnd_backstop_stop(struct ppnd *ppnd);

/* policy.c: the policy map, whatever the interfaces. */
int ppnd_policy_start(struct ppnd *ppnd); /* observe or enforce; by seal.c, before any program */
int ppnd_seal_column(struct ppnd *ppnd,
		     enum ppn_state state); /* policy and open ports of a state */
int ppnd_seal_observe(struct ppnd *ppnd, bool observe,
		      uint32_t uid); /* ledger entry, then policy */
int ppnd_seal_seat(struct ppnd *ppnd, bool on, unsigned int for_s);
int ppnd_seal_off_record(struct ppnd *ppnd,
			 uint32_t uid); /* ledger entry, before ppnd_seal_off() */
/* By configuration, by the operator, or by the roster's policy. */
bool ppnd_seal_observes(const struct ppnd *ppnd);
void ppnd_policy_stop(struct ppnd *ppnd);
/*
 * What configuration, operator and the roster in force open here, both ways; the number of rows. ret_left (NULL: not
 * asked): rows of the roster beyond the prefixes that the seal compares of one port; they stay shut.
 */
enum {
	PPND_PORTS_MAX =
		PPND_RESCUE_MAX + 2 * PPN_POLICY_RULES_MAX + PPND_OPENINGS_MAX + PPND_METADATA_MAX
};
size_t ppnd_policy_ports(const struct ppnd *ppnd,
			 struct ppn_open_port ret_ports[static PPND_PORTS_MAX], size_t *ret_left);

/*
 * trial.c. -EPERM: refused, with the sentence in ret_why, as for other errors. What a trial was and how it
 * ended is in the ledger.
 */
void ppnd_trial_start(struct ppnd *ppnd); /* before the first policy is written */
void ppnd_trial_stop(struct ppnd *ppnd);
int ppnd_trial_begin(struct ppnd *ppnd, const struct ppnd_caller *caller, uint32_t seconds,
		     uint32_t uid, char ret_why[static PPN_WHY_LEN]);
int ppnd_trial_confirm(struct ppnd *ppnd, const struct ppnd_caller *caller, uint32_t uid,
		       char ret_why[static PPN_WHY_LEN]);
void ppnd_trial_claimed(struct ppnd *ppnd);
uint64_t ppnd_trial_left(const struct ppnd *ppnd); /* seconds; 0: none is on */

/* metrics.c: what fails is logged, and the node runs without. */
void ppnd_metrics_start(struct ppnd *ppnd);
void ppnd_metrics_address(struct ppnd *ppnd); /* the mesh address may be another one */
void ppnd_metrics_stop(struct ppnd *ppnd);

/*
 * watch.c. The call gets samples as progress until for_s have passed (0: a day) or it hangs up, then {seen, lost}.
 * -EBUSY, -EINVAL, -ENOMEM: nobody watches by this call, which is still to be answered.
 */
int ppnd_watch_add(struct ppnd *ppnd, struct ppn_ctl_call *call, uint32_t for_s);
bool ppnd_watch_on(const struct ppnd *ppnd);
void ppnd_watch_sample(struct ppnd *ppnd, const struct ppn_sample *sample);
void ppnd_watch_stop(struct ppnd *ppnd);

/*
 * egress.c. An opening is {proto, port, prefix or any}; opening it again sets its end anew. Ledger entry, then
 * policy. -ENOSPC: too many, or too many prefixes of its port; -ENOENT: nothing of the kind is open;
 * -EINPROGRESS: in the ledger and the list, and not in force yet (seal.why): it is tried again. Else: as it was.
 */
void ppnd_egress_start(struct ppnd *ppnd); /* before the first policy is written */
void ppnd_egress_stop(struct ppnd *ppnd);
void ppnd_egress_second(struct ppnd *ppnd); /* flows that are over go */
int ppnd_egress_parse(struct ppn_open_port *ret_rule, const char *service, const char *prefix,
		      char ret_why[static 160]);
int ppnd_egress_open(struct ppnd *ppnd, const struct ppn_open_port *rule, uint32_t for_s,
		     uint32_t uid);
int ppnd_egress_close(struct ppnd *ppnd, const struct ppn_open_port *rule, uint32_t uid);
size_t
ppnd_egress_rules(const struct ppnd *ppnd,
		  struct ppn_open_port ret_rules[static PPND_OPENINGS_MAX + PPND_METADATA_MAX]);
json_t *ppnd_egress_json(
	struct ppnd *ppnd); /* {rules: [{service, prefix, by, ends_s}], flows, flows_max} */

/*
 * check.c: {state, worst, untouched, cut_short, caller_known, unmatched, rows: [{kind, what, cut, rule, keep, own,
 * session, inode}]}, earlier rows by ppn_ctl_more(). 0; -EBUSY: an answer, and something in it that the machine would not survive; or -errno.
 */
int ppnd_check(struct ppnd *ppnd, const struct ppnd_caller *caller, struct ppn_ctl_call *call,
	       json_t **ret_answer);
/* -EPERM: sealed, this machine would not survive; or -errno. ret_why says it of both. */
int ppnd_check_survives(struct ppnd *ppnd, char ret_why[static PPN_WHY_LEN]);
/* {observes, rows: [{reason, direction, proto, port, prefix, packets, bytes}]}, what observing has spared. */
int ppnd_observed(struct ppnd *ppnd, struct ppn_ctl_call *call, json_t **ret_answer);

/* session.c: an established inbound TCP session that sealing would cut: its words, or -ENOENT. */
int ppnd_session_find(struct ppnd *ppnd, char ret_who[static PPN_WHY_LEN]);

/* mesh.c: ppn0, its addresses and peers. Never fails a step: what does not work is retried and shown. */
void ppnd_mesh_alone(struct ppnd *ppnd);
void ppnd_mesh_join(struct ppnd *ppnd);
void ppnd_mesh_peers(struct ppnd *ppnd);
void ppnd_mesh_again(struct ppnd *ppnd); /* after something took a part of it away */
void ppnd_mesh_soon(
	struct ppnd *ppnd); /* the same, once for all that this turn of the loop brings */
bool ppnd_mesh_known(const struct ppnd *ppnd); /* does the roster in force name this node? */
void ppnd_mesh_off(struct ppnd *ppnd);
void ppnd_mesh_stop(struct ppnd *ppnd);

/* slots.c: command slots in map and file. */
int ppnd_slots_start(
	struct ppnd *ppnd); /* before ppn0's program: the map's truth, or fill a fresh map */
/*
 * A pair's first block of numbers on disk, before its claim or seat body is committed. serial: of the seat that
 * connects, which must find room; NULL: the pair of a claim. -ENOSPC: no room.
 */
int ppnd_slots_prepare(struct ppnd *ppnd, const struct ppn_pair_keys *keys, const uint8_t *serial);
/* The keys of a seat whose entry is in the ledger, on disk. Fails: the former pair stays in force. */
int ppnd_slots_seat(struct ppnd *ppnd, const struct ppn_pair_keys *keys,
		    const uint8_t serial[static PPN_SERIAL_LEN],
		    const uint8_t seat_key[static PPN_KEY_LEN]);
void ppnd_slots_drop(struct ppnd *ppnd); /* closes those of pairs no longer in force: revoked */
void ppnd_slots_open(struct ppnd *ppnd); /* of every pair in force; closes the others */
void ppnd_slots_close(struct ppnd *ppnd);
void ppnd_slots_addresses(struct ppnd *ppnd); /* seats by the roster */
/* At least half a block above seq is on disk, then in the map. */
int ppnd_slots_reserve(struct ppnd *ppnd, uint32_t slot, uint32_t seq);
void ppnd_slots_stop(struct ppnd *ppnd);

/* monitor.c: ppnd-claim's other end. */
int ppnd_monitor_start(struct ppnd *ppnd);
void ppnd_monitor_stop(struct ppnd *ppnd);
struct ppnd_monitor_status {
	bool listening;
	int worker_pid; /* 0: none at this moment */
	uint32_t tickets; /* live */
	uint64_t restarts, accepted, refused;
	uint64_t ended[_PPN_WORKER_END_MAX];
	char why[PPN_WHY_LEN]; /* why it does not wait for claims */
	char last_refused[PPN_WHY_LEN];
};
void ppnd_monitor_status(const struct ppnd *ppnd, struct ppnd_monitor_status *ret_status);

/* discovery.c: beacons in, `here` out. */
int ppnd_discovery_start(struct ppnd *ppnd);
void ppnd_discovery_stop(struct ppnd *ppnd);
void ppnd_discovery_packet(struct ppnd *ppnd, const struct ppn_packet_event *event);
void ppnd_discovery_answer(struct ppnd *ppnd); /* the last verified beacon */
struct ppnd_discovery_status {
	uint64_t verified, refused, answered,
		last_ms; /* last_ms: of the last verified beacon, 0: never */
	char last_why[PPN_WHY_LEN];
	char authority[PPN_NAME_LEN];
};
void ppnd_discovery_status(const struct ppnd *ppnd, struct ppnd_discovery_status *ret_status);

/* command.c: frames that the kernel acted or handed up. */
void ppnd_command_frame(struct ppnd *ppnd, const struct ppn_frame_event *event);
void ppnd_command_reconcile(struct ppnd *ppnd); /* after START: append what the ledger lacks */

/* telemetry.c */
int ppnd_telemetry_start(struct ppnd *ppnd);
void ppnd_telemetry_now(struct ppnd *ppnd);
void ppnd_telemetry_stop(struct ppnd *ppnd);

/* ctl.c, status.c: the unix socket. */
int ppnd_ctl_start(struct ppnd *ppnd);
void ppnd_ctl_changed(struct ppnd *ppnd);
void ppnd_ctl_stop(struct ppnd *ppnd);
const char *ppnd_reason_text(unsigned int reason); /* as ppn/reasons.h has it */
json_t *ppnd_status_json(struct ppnd *ppnd);
json_t *ppnd_peer_json(const struct ppnd *ppnd, const struct ppn_wg_peer *peer);

#endif
