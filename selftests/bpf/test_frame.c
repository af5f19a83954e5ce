// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * frame.bpf.c by BPF_PROG_TEST_RUN: for each row the verdict, the one counter that moved, the event, the
 * command map afterwards, and that the packet came out as it went in.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include "frame_world.h"

#define PING PPN_OP_PING
#define ISOLATE PPN_OP_ISOLATE
#define RELEASE PPN_OP_RELEASE
#define ROTATE PPN_OP_ROTATE

enum kind { FRAME, ECHO, UDP, TCP, RAW };

struct row {
	const char *name;
	enum kind kind;
	enum fw_who from, to;
	uint8_t op; /* of a frame; RAW: next header */
	uint32_t seq, target;
	uint16_t port;
	void (*edit)(struct fw_packet *packet);
	void (*world)(struct frame_world *w);
	bool out;
	enum ppn_reason reason;
	uint32_t event; /* kind, 0: none */
	/* After a frame that was taken; else nothing may have changed. */
	uint32_t slot, isolated;
	struct ppn_window window;
};

#define SENT(f, t, o, s, n) .from = (f), .to = (t), .op = (o), .seq = (s), .target = (n)
#define FROM_SEAT(o, s) SENT(FW_SEAT, FW_SELF, o, s, FW_NUMBER)
#define FROM(who) SENT(who, FW_SELF, PING, 201, FW_NUMBER)
#define FOR(number) SENT(FW_SEAT, FW_SELF, PING, 201, number)
#define WINDOW(t, l, s) .window = { FW_GENERATION, (t), (l), 0, (s) }
#define TAKEN .reason = PPN_REASON_FRAME_TAKEN, .event = PPN_FRAME_ADMITTED
#define ACTED .reason = PPN_REASON_FRAME_ACTED, .event = PPN_FRAME_ACTED
#define ABOVE .reason = PPN_REASON_FRAME_ABOVE, .event = PPN_FRAME_ABOVE
#define GIVES(r) .reason = PPN_REASON_##r

/* -- packets that are wrong in one place -- */

enum { PAYLOAD_LEN = 4, NEXT = 6, UDP_SOURCE = 40, UDP_LEN = 44, FRAME_AT = 48, TCP_DOFF = 52 };

static void cut(struct fw_packet *p)
{
	p->len = 30;
}
static void promise_more(struct fw_packet *p)
{
	p->data[PAYLOAD_LEN + 1]++;
}
static void trail(struct fw_packet *p)
{
	p->len++;
}
static void version5(struct fw_packet *p)
{
	p->data[0] = 0x50;
}
static void ip4(struct fw_packet *p)
{
	static const uint8_t header[48] = { 0x45, [3] = 48, [8] = 64, 17, [12] = 10, [19] = 1 };

	memcpy(p->data, header, sizeof(header));
	p->len = sizeof(header);
}
static void ip4_fragment(struct fw_packet *p)
{
	ip4(p);
	p->data[6] = 0x20;
}
static void bad_udp_len(struct fw_packet *p)
{
	p->data[UDP_LEN + 1]--;
}
static void no_source_port(struct fw_packet *p)
{
	memset(p->data + UDP_SOURCE, 0, 2);
}
static void bad_doff(struct fw_packet *p)
{
	p->data[TCP_DOFF] = 0x40;
}
static void icmp_short(struct fw_packet *p)
{
	p->data[PAYLOAD_LEN + 1] = 7;
	p->len = 47;
}
static void flip_op(struct fw_packet *p)
{
	p->data[FRAME_AT] ^= PING ^ ISOLATE;
}
static void flip_arg(struct fw_packet *p)
{
	p->data[FRAME_AT + 4] ^= 1;
}
static void flip_tag(struct fw_packet *p)
{
	p->data[FRAME_AT + 15] ^= 0x80;
}
static void resize(struct fw_packet *p, int by)
{
	p->len += (size_t)by;
	p->data[PAYLOAD_LEN + 1] = (uint8_t)(p->data[PAYLOAD_LEN + 1] + by);
	p->data[UDP_LEN + 1] = (uint8_t)(p->data[UDP_LEN + 1] + by);
}
static void frame15(struct fw_packet *p)
{
	resize(p, -1);
}
static void frame17(struct fw_packet *p)
{
	resize(p, 1);
}
static void frame0(struct fw_packet *p)
{
	resize(p, -16);
}
static void to_telemetry(struct fw_packet *p)
{
	p->data[UDP_SOURCE + 3]++;
}
/* The whole datagram stays, one header is put before it. */
static void extend(struct fw_packet *p, uint8_t proto)
{
	memmove(p->data + 48, p->data + 40, p->len - 40);
	memset(p->data + 40, 0, 8);
	p->data[40] = p->data[NEXT];
	p->data[NEXT] = proto;
	p->data[PAYLOAD_LEN + 1] = (uint8_t)(p->data[PAYLOAD_LEN + 1] + 8);
	p->len += 8;
}
static void hop_by_hop(struct fw_packet *p)
{
	extend(p, 0);
}
static void router_alert(struct fw_packet *p)
{
	static const uint8_t options[6] = { 5, 2, 0, 0, 1, 0 };

	extend(p, 0);
	memcpy(p->data + 42, options, sizeof(options));
}
static void routing(struct fw_packet *p)
{
	extend(p, 43);
}
static void atomic_fragment(struct fw_packet *p)
{
	extend(p, 44);
}
static void destination(struct fw_packet *p)
{
	extend(p, 60);
}

/* -- worlds that differ in one place -- */

static void isolated(struct frame_world *w)
{
	struct ppn_command command = fw_command(w);

	command.isolated = 1;
	fw_set_command(w, &command);
}
static void by_column(struct frame_world *w)
{
	fw_policy(w)->word = PPN_POLICY_WORD(PPN_COLUMN_ISOLATED, 0, 1);
}
static void observe(struct frame_world *w)
{
	fw_policy(w)->word = PPN_POLICY_WORD(PPN_COLUMN_BOUND, PPN_POLICY_OBSERVE, 1);
}
static void observe_isolated(struct frame_world *w)
{
	observe(w);
	isolated(w);
}
static void blind(struct frame_world *w)
{
	memset(fw_policy(w), 0, sizeof(struct ppn_policy));
}
static void no_number(struct frame_world *w)
{
	fw_policy(w)->table[1].number = 0;
}
static void port_9000(struct frame_world *w)
{
	fw_policy(w)->table[1].claim_port = htons(9000);
}
static void no_port(struct frame_world *w)
{
	fw_policy(w)->table[1].claim_port = 0;
}
static void new_key(struct frame_world *w)
{
	fw_slots(w)[0].generation++;
}
static void revoked(struct frame_world *w)
{
	fw_slots(w)[0].valid = 0;
}
static void isolated_new_key(struct frame_world *w)
{
	isolated(w);
	new_key(w);
}
static void isolated_revoked(struct frame_world *w)
{
	isolated(w);
	revoked(w);
}
static void high_floor(struct frame_world *w)
{
	fw_slots(w)[0].floor = 250;
}
static void all_reserved(struct frame_world *w)
{
	fw_slots(w)[0].reserved = PPN_SEQ_MAX;
}

static const struct row rows[] = {
	/* form */
	{ "short of its fixed header", FRAME, FROM_SEAT(PING, 201), .edit = cut, GIVES(SHORT) },
	{ "longer than the packet", FRAME, FROM_SEAT(PING, 201), .edit = promise_more,
	  GIVES(SHORT) },
	{ "bytes behind the packet", FRAME, FROM_SEAT(PING, 201), .edit = trail, GIVES(IP_HEADER) },
	{ "version 5", FRAME, FROM_SEAT(PING, 201), .edit = version5, GIVES(IP_HEADER) },
	{ "IPv4", FRAME, FROM_SEAT(PING, 201), .edit = ip4, GIVES(MESH_SOURCE) },
	{ "IPv4 fragment", FRAME, FROM_SEAT(PING, 201), .edit = ip4_fragment, GIVES(MESH_SOURCE) },
	{ "hop-by-hop header", FRAME, FROM_SEAT(PING, 201), .edit = hop_by_hop, GIVES(EXTENSION) },
	{ "hop-by-hop, as MLD has it", ECHO, .from = FW_PEER, .to = FW_SELF, .edit = router_alert,
	  GIVES(EXTENSION) },
	{ "routing header", FRAME, FROM_SEAT(PING, 201), .edit = routing, GIVES(EXTENSION) },
	{ "fragment, atomic", FRAME, FROM_SEAT(PING, 201), .edit = atomic_fragment,
	  GIVES(EXTENSION) },
	{ "destination options", FRAME, FROM_SEAT(PING, 201), .edit = destination,
	  GIVES(EXTENSION) },
	{ "SCTP", RAW, .from = FW_PEER, .to = FW_SELF, .op = IPPROTO_SCTP, GIVES(PROTOCOL) },
	{ "UDP length below IP's", FRAME, FROM_SEAT(PING, 201), .edit = bad_udp_len,
	  GIVES(L4_HEADER) },
	{ "UDP source port 0", FRAME, FROM_SEAT(PING, 201), .edit = no_source_port,
	  GIVES(L4_HEADER) },
	{ "TCP header shorter than itself", TCP, .from = FW_PEER, .to = FW_SELF, .port = 9444,
	  .edit = bad_doff, GIVES(L4_HEADER) },
	{ "ICMPv6 of 7 bytes", ECHO, .from = FW_PEER, .to = FW_SELF, .edit = icmp_short,
	  GIVES(L4_HEADER) },
	/* addresses */
	{ "frame from outside the fleet", FRAME, FROM(FW_OUTSIDE), GIVES(MESH_SOURCE) },
	{ "ping from outside the fleet", ECHO, .from = FW_OUTSIDE, .to = FW_SELF,
	  GIVES(MESH_SOURCE) },
	{ "ping to outside the fleet", ECHO, .from = FW_PEER, .to = FW_OUTSIDE,
	  GIVES(MESH_SOURCE) },
	{ "to a group", UDP, .from = FW_PEER, .to = FW_GROUP, .port = 9442, GIVES(MESH_SOURCE) },
	{ "no fleet yet", ECHO, .from = FW_PEER, .to = FW_SELF, .world = blind,
	  GIVES(MESH_SOURCE) },
	{ "frame to a guest of ours", FRAME, SENT(FW_SEAT, FW_GUEST, PING, 201, FW_NUMBER),
	  GIVES(FRAME_FORM) },
	/* frame: length, target, slot, tag, op, in this order */
	{ "frame of 15 bytes", FRAME, FROM_SEAT(PING, 201), .edit = frame15, GIVES(FRAME_FORM) },
	{ "frame of 17 bytes", FRAME, FROM_SEAT(PING, 201), .edit = frame17, GIVES(FRAME_FORM) },
	{ "frame of no bytes", FRAME, FROM_SEAT(PING, 201), .edit = frame0, GIVES(FRAME_FORM) },
	{ "wrong target", FRAME, FOR(6), GIVES(FRAME_OTHER) },
	{ "target in the high byte", FRAME, FOR(FW_NUMBER << 16), GIVES(FRAME_OTHER) },
	{ "target 0", FRAME, FOR(0), GIVES(FRAME_OTHER) },
	{ "target 0, and we have no number", FRAME, FOR(0), .world = no_number,
	  GIVES(FRAME_OTHER) },
	{ "target before slot and tag", FRAME, SENT(FW_PEER, FW_SELF, PING, 201, 6),
	  .edit = flip_tag, GIVES(FRAME_OTHER) },
	{ "frame from a member that is no seat", FRAME, FROM(FW_PEER), GIVES(FRAME_SLOT) },
	{ "frame from a closed slot's seat", FRAME, FROM(FW_CLOSED), GIVES(FRAME_SLOT) },
	{ "frame from a revoked seat", FRAME, FROM_SEAT(PING, 201), .world = revoked,
	  GIVES(FRAME_SLOT) },
	{ "frame of one seat from another", FRAME, FROM(FW_SEAT2), GIVES(FRAME_TAG) },
	{ "op changed", FRAME, FROM_SEAT(PING, 201), .edit = flip_op, GIVES(FRAME_TAG) },
	{ "argument changed", FRAME, FROM_SEAT(PING, 201), .edit = flip_arg, GIVES(FRAME_TAG) },
	{ "wrong tag", FRAME, FROM_SEAT(ISOLATE, 201), .edit = flip_tag, GIVES(FRAME_TAG) },
	{ "wrong tag above reserved", FRAME, FROM_SEAT(PING, 400), .edit = flip_tag,
	  GIVES(FRAME_TAG) },
	{ "op 0", FRAME, FROM_SEAT(0, 201), GIVES(FRAME_UNKNOWN) },
	{ "op 9", FRAME, FROM_SEAT(9, 201), GIVES(FRAME_UNKNOWN) },
	{ "op 66, 2 modulo 64", FRAME, FROM_SEAT(66, 201), GIVES(FRAME_UNKNOWN) },
	{ "op 255", FRAME, FROM_SEAT(255, 201), GIVES(FRAME_UNKNOWN) },
	{ "unknown op above reserved", FRAME, FROM_SEAT(9, 400), GIVES(FRAME_UNKNOWN) },
	/* reserved end */
	{ "ping above reserved", FRAME, FROM_SEAT(PING, FW_RESERVED + 1), ABOVE },
	{ "isolate above reserved", FRAME, FROM_SEAT(ISOLATE, FW_RESERVED + 1), ABOVE },
	{ "ping at reserved", FRAME, FROM_SEAT(PING, FW_RESERVED), TAKEN,
	  WINDOW(FW_RESERVED, FW_LAST_STATE, 1) },
	{ "isolate at reserved", FRAME, FROM_SEAT(ISOLATE, FW_RESERVED), ACTED, .isolated = 1,
	  WINDOW(FW_RESERVED, FW_RESERVED, 1) },
	{ "highest number there is", FRAME, FROM_SEAT(PING, PPN_SEQ_MAX), .world = all_reserved,
	  TAKEN, WINDOW(PPN_SEQ_MAX, FW_LAST_STATE, 1) },
	/* window */
	{ "next number", FRAME, FROM_SEAT(PING, 201), TAKEN,
	  WINDOW(201, FW_LAST_STATE, FW_SEEN << 1 | 1) },
	{ "64 ahead", FRAME, FROM_SEAT(PING, 264), TAKEN, WINDOW(264, FW_LAST_STATE, 1) },
	{ "63 ahead", FRAME, FROM_SEAT(PING, 263), TAKEN,
	  WINDOW(263, FW_LAST_STATE, FW_SEEN << 63 | 1) },
	{ "late, not seen", FRAME, FROM_SEAT(PING, 198), TAKEN,
	  WINDOW(200, FW_LAST_STATE, FW_SEEN | 4) },
	{ "replayed, at the top", FRAME, FROM_SEAT(PING, 200), GIVES(FRAME_REPLAY) },
	{ "replayed, inside", FRAME, FROM_SEAT(PING, 199), GIVES(FRAME_REPLAY) },
	{ "replayed, last of the window", FRAME, FROM_SEAT(PING, 137), GIVES(FRAME_REPLAY) },
	{ "below the window", FRAME, FROM_SEAT(PING, 136), GIVES(FRAME_REPLAY) },
	{ "number 0", FRAME, FROM_SEAT(PING, 0), GIVES(FRAME_REPLAY) },
	{ "isolate at the slot's floor", FRAME, FROM_SEAT(ISOLATE, FW_FLOOR), GIVES(FRAME_REPLAY) },
	{ "at a floor above the window's top", FRAME, FROM_SEAT(PING, 250), .world = high_floor,
	  GIVES(FRAME_REPLAY) },
	/* state-changing ops */
	{ "stale state op", FRAME, FROM_SEAT(ROTATE, 149), GIVES(FRAME_STALE) },
	{ "state op replayed", FRAME, FROM_SEAT(ROTATE, FW_LAST_STATE), GIVES(FRAME_STALE) },
	{ "stale isolate", FRAME, FROM_SEAT(ISOLATE, FW_LAST_STATE), GIVES(FRAME_STALE) },
	{ "state op below the top", FRAME, FROM_SEAT(ROTATE, 198), TAKEN,
	  WINDOW(200, 198, FW_SEEN | 4) },
	{ "state op with a ping's number", FRAME, FROM_SEAT(ROTATE, 199), GIVES(FRAME_REPLAY) },
	{ "isolate", FRAME, FROM_SEAT(ISOLATE, 201), ACTED, .isolated = 1,
	  WINDOW(201, 201, FW_SEEN << 1 | 1) },
	{ "isolate, isolated already", FRAME, FROM_SEAT(ISOLATE, 201), .world = isolated, ACTED,
	  .isolated = 1, WINDOW(201, 201, FW_SEEN << 1 | 1) },
	{ "release", FRAME, FROM_SEAT(RELEASE, 201), .world = isolated, ACTED,
	  WINDOW(201, 201, FW_SEEN << 1 | 1) },
	{ "resync", FRAME, FROM_SEAT(PPN_OP_RESYNC, 202), TAKEN,
	  WINDOW(202, 202, FW_SEEN << 2 | 1) },
	{ "reboot", FRAME, FROM_SEAT(PPN_OP_REBOOT, 202), TAKEN,
	  WINDOW(202, 202, FW_SEEN << 2 | 1) },
	{ "report", FRAME, FROM_SEAT(PPN_OP_REPORT, 202), TAKEN,
	  WINDOW(202, FW_LAST_STATE, FW_SEEN << 2 | 1) },
	{ "locate", FRAME, FROM_SEAT(PPN_OP_LOCATE, 202), TAKEN,
	  WINDOW(202, FW_LAST_STATE, FW_SEEN << 2 | 1) },
	/* another generation of the slot: empty above its floor */
	{ "new key, first number", FRAME, FROM_SEAT(PING, FW_FLOOR + 1), .world = new_key, TAKEN,
	  .window = { FW_GENERATION + 1, FW_FLOOR + 1, FW_FLOOR, 0, ~0ULL } },
	{ "new key, isolate below the old top", FRAME, FROM_SEAT(ISOLATE, 140), .world = new_key,
	  ACTED, .isolated = 1, .window = { FW_GENERATION + 1, 140, 140, 0, ~0ULL << 40 | 1 } },
	{ "new key, at the floor", FRAME, FROM_SEAT(PING, FW_FLOOR), .world = new_key,
	  GIVES(FRAME_REPLAY) },
	{ "new key does not lift an isolation", ECHO, .from = FW_PEER, .to = FW_SELF,
	  .world = isolated_new_key, GIVES(ISOLATED) },
	/* what is no frame */
	{ "telemetry from a member", UDP, .from = FW_PEER, .to = FW_SELF, .port = 8091,
	  GIVES(PASS_MESH) },
	{ "a frame's bytes to another port", FRAME, FROM_SEAT(PING, 201), .edit = to_telemetry,
	  GIVES(PASS_MESH) },
	{ "ping from a member", ECHO, .from = FW_PEER, .to = FW_SELF, GIVES(PASS_MESH) },
	{ "ping to a guest", ECHO, .from = FW_PEER, .to = FW_GUEST, GIVES(PASS_MESH) },
	{ "roster port from a member", TCP, .from = FW_PEER, .to = FW_SELF, .port = 9444,
	  GIVES(PASS_MESH) },
	{ "claim port from a member", TCP, .from = FW_PEER, .to = FW_SELF, .port = 9443,
	  GIVES(NOT_SEAT) },
	{ "claim port from a closed seat", TCP, .from = FW_CLOSED, .to = FW_SELF, .port = 9443,
	  GIVES(NOT_SEAT) },
	{ "claim port from a seat", TCP, .from = FW_SEAT, .to = FW_SELF, .port = 9443,
	  GIVES(PASS_MESH) },
	{ "claim port of another number", TCP, .from = FW_PEER, .to = FW_SELF, .port = 9000,
	  .world = port_9000, GIVES(NOT_SEAT) },
	{ "claim port not said", TCP, .from = FW_PEER, .to = FW_SELF, .port = 9443,
	  .world = no_port, GIVES(NOT_SEAT) },
	{ "UDP to the claim port's number", UDP, .from = FW_PEER, .to = FW_SELF, .port = 9443,
	  GIVES(PASS_MESH) },
	/* isolated */
	{ "isolated: ping from a member", ECHO, .from = FW_PEER, .to = FW_SELF, .world = isolated,
	  GIVES(ISOLATED) },
	{ "isolated: telemetry from a member", UDP, .from = FW_PEER, .to = FW_SELF, .port = 8091,
	  .world = isolated, GIVES(ISOLATED) },
	{ "isolated: roster port from a member", TCP, .from = FW_PEER, .to = FW_SELF, .port = 9444,
	  .world = isolated, GIVES(ISOLATED) },
	{ "isolated: ping from a seat", ECHO, .from = FW_SEAT, .to = FW_SELF, .world = isolated,
	  GIVES(PASS_MESH) },
	{ "isolated: ping from the other seat", ECHO, .from = FW_SEAT2, .to = FW_SELF,
	  .world = isolated, GIVES(PASS_MESH) },
	{ "isolated: claim port from a seat", TCP, .from = FW_SEAT, .to = FW_SELF, .port = 9443,
	  .world = isolated, GIVES(PASS_MESH) },
	{ "isolated: ping from a revoked seat", ECHO, .from = FW_SEAT, .to = FW_SELF,
	  .world = isolated_revoked, GIVES(ISOLATED) },
	{ "isolated by the column", ECHO, .from = FW_PEER, .to = FW_SELF, .world = by_column,
	  GIVES(ISOLATED) },
	{ "isolated: a frame still counts", FRAME, FROM_SEAT(PING, 201), .world = isolated, TAKEN,
	  .isolated = 1, WINDOW(201, FW_LAST_STATE, FW_SEEN << 1 | 1) },
	/* observe mode is the external seal's */
	{ "observe: wrong tag", FRAME, FROM_SEAT(PING, 201), .edit = flip_tag, .world = observe,
	  GIVES(FRAME_TAG) },
	{ "observe: isolated", ECHO, .from = FW_PEER, .to = FW_SELF, .world = observe_isolated,
	  GIVES(ISOLATED) },
	/* out */
	{ "out: to a member", ECHO, .from = FW_SELF, .to = FW_PEER, .out = true, GIVES(PASS_MESH) },
	{ "out: to outside the fleet", ECHO, .from = FW_SELF, .to = FW_OUTSIDE, .out = true,
	  GIVES(MESH_SOURCE) },
	{ "out: from outside the fleet", ECHO, .from = FW_OUTSIDE, .to = FW_PEER, .out = true,
	  GIVES(MESH_SOURCE) },
	{ "out: to a group", ECHO, .from = FW_SELF, .to = FW_GROUP, .out = true,
	  GIVES(MESH_SOURCE) },
	{ "out: IPv4", ECHO, .from = FW_SELF, .to = FW_PEER, .edit = ip4, .out = true,
	  GIVES(MESH_SOURCE) },
	{ "out: no fleet yet", ECHO, .from = FW_SELF, .to = FW_PEER, .world = blind, .out = true,
	  GIVES(MESH_SOURCE) },
	{ "out: isolated, to a member", ECHO, .from = FW_SELF, .to = FW_PEER, .world = isolated,
	  .out = true, GIVES(ISOLATED) },
	{ "out: isolated, to a seat", ECHO, .from = FW_SELF, .to = FW_SEAT, .world = isolated,
	  .out = true, GIVES(PASS_MESH) },
	{ "out: isolated, to a revoked seat", ECHO, .from = FW_SELF, .to = FW_SEAT,
	  .world = isolated_revoked, .out = true, GIVES(ISOLATED) },
	{ "out: observe, isolated, to a member", ECHO, .from = FW_SELF, .to = FW_PEER,
	  .world = observe_isolated, .out = true, GIVES(ISOLATED) },
};

#define X(name, verdict, text, help) [PPN_REASON_##name] = (text),
static const char *const reason_text[] = { PPN_REASONS(X) };
#undef X
#define X(name, verdict, text, help) [PPN_REASON_##name] = PPN_VERDICT_##verdict,
static const enum ppn_verdict reason_verdict[] = { PPN_REASONS(X) };
#undef X

static unsigned int n_tests, n_failed;

static void report(bool ok, const char *name)
{
	printf("%sok %u - %s\n", ok ? "" : "not ", ++n_tests, name);
	n_failed += !ok;
}

static struct fw_packet make_packet(const struct row *row)
{
	const struct ppn_frame frame = fw_frame(row->op, row->target, row->seq, fw_key[0]);
	struct fw_packet packet;

	switch (row->kind) {
	case FRAME:
		packet = fw_udp(row->from, row->to, PPN_PORT_FRAME, &frame, sizeof(frame));
		break;
	case UDP:
		packet = fw_udp(row->from, row->to, row->port, &frame, sizeof(frame));
		break;
	case TCP:
		packet = fw_tcp(row->from, row->to, row->port);
		break;
	case RAW:
		packet = fw_ip6(row->from, row->to, row->op, &frame, sizeof(frame));
		break;
	default:
		packet = fw_echo(row->from, row->to);
	}
	if (row->edit)
		row->edit(&packet);
	return packet;
}

static bool check_event(const struct row *row, const struct fw_result *result)
{
	const struct ppn_frame frame = fw_frame(row->op, row->target, row->seq, fw_key[0]);

	if (!row->event)
		return !result->n_events;
	return result->n_events == 1 && result->event.kind == row->event &&
	       result->event.slot == row->slot && result->event.seq == row->seq &&
	       result->event.at_ns && !memcmp(&result->event.frame, &frame, sizeof(frame));
}

static bool check_command(const struct row *row, struct ppn_command want,
			  const struct ppn_command *now)
{
	if (row->reason == PPN_REASON_FRAME_TAKEN || row->reason == PPN_REASON_FRAME_ACTED) {
		want.window[row->slot] = row->window;
		want.isolated = row->isolated;
	}
	return !memcmp(&want, now, sizeof(want));
}

static uint32_t want_verdict(const struct row *row)
{
	const bool pass = reason_verdict[row->reason] == PPN_VERDICT_PASS;

	if (row->out)
		return pass ? TC_ACT_OK : TC_ACT_SHOT;
	return pass ? XDP_PASS : XDP_DROP;
}

static void run_row(struct frame_world *w, const struct row *row)
{
	const struct fw_packet packet = make_packet(row);
	struct ppn_command before, after;
	struct fw_result result;

	fw_reset(w);
	if (row->world)
		row->world(w);
	before = fw_command(w);
	result = row->out ? fw_run_out(w, &packet) : fw_run(w, &packet);
	after = fw_command(w);
	report(result.verdict == want_verdict(row) && result.reason == (int)row->reason &&
		       result.same && check_event(row, &result) &&
		       check_command(row, before, &after),
	       row->name);
	if (result.reason != (int)row->reason)
		printf("# %s, not %s\n",
		       result.reason < 0 ? "no one reason" : reason_text[result.reason],
		       reason_text[row->reason]);
}

/* Any one bit of a good frame changed: not for us, or a wrong tag. */
static void every_bit(struct frame_world *w)
{
	bool ok = true;

	fw_reset(w);
	for (size_t bit = 0; bit < 8 * sizeof(struct ppn_frame); bit++) {
		struct fw_packet packet = fw_command_packet(ISOLATE, 201);
		const bool target = bit >= 8 && bit < 32;
		struct fw_result result;

		packet.data[FRAME_AT + bit / 8] ^= (uint8_t)(1 << bit % 8);
		result = fw_run(w, &packet);
		ok &= result.reason ==
			      (int)(target ? PPN_REASON_FRAME_OTHER : PPN_REASON_FRAME_TAG) &&
		      !result.n_events && result.verdict == XDP_DROP;
	}
	report(ok && !fw_command(w).isolated, "each of the 128 bits changed: refused");
}

/* Cut at every length (BPF_PROG_TEST_RUN takes 14 bytes and more): never taken. */
static void every_length(struct frame_world *w)
{
	bool ok = true;

	fw_reset(w);
	for (size_t len = 14; len < 64; len++) {
		struct fw_packet packet = fw_command_packet(ISOLATE, 201);
		struct fw_result result;

		packet.len = len;
		result = fw_run(w, &packet);
		ok &= result.reason == PPN_REASON_SHORT && result.verdict == XDP_DROP;
	}
	report(ok && !fw_command(w).isolated, "cut at each length: refused");
}

/* The ring buffer full: isolate acts all the same, a ping keeps its number for the next time. */
static void full_ring(struct frame_world *w)
{
	const struct fw_packet above = fw_command_packet(PING, FW_RESERVED + 1);
	struct fw_packet packet;
	struct ppn_command before, now;
	uint64_t lost = fw_count(w, PPN_REASON_FRAME_LOST),
		 acted = fw_count(w, PPN_REASON_FRAME_ACTED);
	int filled = 0;

	fw_reset(w);
	before = fw_command(w);
	while (fw_count(w, PPN_REASON_FRAME_LOST) == lost && filled++ < PPN_MAP_FRAMES)
		(void)fw_run_blind(w, &above);
	packet = fw_command_packet(PING, 201);
	(void)fw_run_blind(w, &packet);
	packet = fw_command_packet(ROTATE, 202);
	(void)fw_run_blind(w, &packet);
	now = fw_command(w);
	report(fw_count(w, PPN_REASON_FRAME_LOST) == lost + 3 &&
		       !memcmp(&before, &now, sizeof(now)),
	       "ring full: ping and rotate are lost, no number is consumed");
	packet = fw_command_packet(ISOLATE, 203);
	(void)fw_run_blind(w, &packet);
	now = fw_command(w);
	report(fw_count(w, PPN_REASON_FRAME_ACTED) == acted + 1 && now.isolated &&
		       now.window[0].last_state == 203,
	       "ring full: isolate acts");
	(void)fw_drain(w, NULL, NULL);
	packet = fw_command_packet(PING, 201);
	report(fw_run(w, &packet).reason == PPN_REASON_FRAME_TAKEN,
	       "ring read: the same ping is taken");
}

/* A whole story in one world. */
static void story(struct frame_world *w)
{
	const struct fw_packet isolate = fw_command_packet(ISOLATE, 210),
			       release = fw_command_packet(RELEASE, 211);
	const struct fw_packet peer = fw_echo(FW_PEER, FW_SELF), out = fw_echo(FW_SELF, FW_PEER);
	bool ok;

	fw_reset(w);
	ok = fw_run(w, &peer).verdict == XDP_PASS && fw_run_out(w, &out).verdict == TC_ACT_OK;
	ok &= fw_run(w, &isolate).reason == PPN_REASON_FRAME_ACTED;
	ok &= fw_run(w, &peer).reason == PPN_REASON_ISOLATED &&
	      fw_run_out(w, &out).reason == PPN_REASON_ISOLATED;
	ok &= fw_run(w, &release).reason == PPN_REASON_FRAME_ACTED;
	ok &= fw_run(w, &peer).verdict == XDP_PASS && fw_run_out(w, &out).verdict == TC_ACT_OK;
	ok &= fw_run(w, &isolate).reason == PPN_REASON_FRAME_STALE && !fw_command(w).isolated;
	report(ok, "isolate, release, and the old isolate again");
}

static bool is_clean(struct frame_world *w)
{
	struct ppn_command command = fw_command(w);

	return !command.window[1].generation && !command.window[3].generation;
}

/* The second seat has a window of its own. */
static void two_seats(struct frame_world *w)
{
	const struct ppn_frame frame = fw_frame(ISOLATE, FW_NUMBER, 120, fw_key[2]);
	const struct fw_packet packet =
		fw_udp(FW_SEAT2, FW_SELF, PPN_PORT_FRAME, &frame, sizeof(frame));
	struct ppn_command before, now;
	struct fw_result result;

	fw_reset(w);
	before = fw_command(w);
	result = fw_run(w, &packet);
	now = fw_command(w);
	report(result.reason == PPN_REASON_FRAME_ACTED && result.event.slot == 2 &&
		       result.event.generation == FW_GENERATION + 2 &&
		       now.window[2].last_state == 120 &&
		       !memcmp(&before.window[0], &now.window[0], sizeof(now.window[0])) &&
		       is_clean(w),
	       "the second seat's frame, in its own window");
}

int main(void)
{
	struct frame_world *w = fw_open();

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		run_row(w, &rows[i]);
	every_bit(w);
	every_length(w);
	full_ring(w);
	story(w);
	two_seats(w);
	printf("# verified instructions: in %u, out %u\n", fw_verified_insns(w, false),
	       fw_verified_insns(w, true));
	printf("1..%u\n", n_tests);
	fw_close(w);
	return n_failed != 0;
}
