// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Flows this node opened, by BPF_PROG_TEST_RUN through both programs: a case is a talk, packet by packet,
 * and each is told as IPv4 and as IPv6. What nobody opened stays out (perf-and-reliability P13).
 */
#include <arpa/inet.h>
#include <string.h>
#include "bodies.h"

enum { OURS = 40000, ISN = 1000, THEIRS = 7000, PSH = 0x08 };

/* What a step does. */
enum act {
	END,
	TCP_OUT,
	TCP_IN,
	UDP_OUT,
	UDP_IN,
	ERROR_IN, /* destination unreachable that quotes the last packet out */
	TOO_BIG_IN, /* the same, packet too big */
	ERROR_ELSE, /* the first, to an address that did not send what it quotes */
	AGE, /* so many seconds pass for the flow */
	STATE, /* the flow is in this state; PPN_FLOW_NONE: there is none */
	SHUT, /* a new generation without rules */
	SHORT_RULE, /* one whose only rule is over */
	OTHER_RULE, /* one whose rules are those of the operator */
	ISOLATE,
	HOLD, /* column holding */
};

struct step {
	uint8_t act; /* enum act */
	uint8_t flags; /* of TCP */
	uint16_t port; /* of the other side; 0: 443, UDP 53 */
	uint32_t seq, ack;
	uint32_t want; /* enum ppn_reason; AGE: seconds; STATE: enum ppn_flow_state */
};

#define O(flags, seq, ack, want)                                     \
	{                                                            \
		TCP_OUT, (flags), 0, (seq), (ack), PPN_REASON_##want \
	}
#define I(flags, seq, ack, want)                                    \
	{                                                           \
		TCP_IN, (flags), 0, (seq), (ack), PPN_REASON_##want \
	}
#define UO(port, want)                                      \
	{                                                   \
		UDP_OUT, 0, (port), 0, 0, PPN_REASON_##want \
	}
#define UI(port, want)                                     \
	{                                                  \
		UDP_IN, 0, (port), 0, 0, PPN_REASON_##want \
	}
#define DO(act)                      \
	{                            \
		(act), 0, 0, 0, 0, 0 \
	}
#define IS(state)                                   \
	{                                           \
		STATE, 0, 0, 0, 0, PPN_FLOW_##state \
	}
#define WAIT(seconds)                      \
	{                                  \
		AGE, 0, 0, 0, 0, (seconds) \
	}
#define GOT(act, want)                               \
	{                                            \
		(act), 0, 0, 0, 0, PPN_REASON_##want \
	}
#define OPENED                                                                           \
	O(SYN, ISN, 0, PASS_EGRESS), I(SYN | ACK, THEIRS, ISN + 1, PASS_FLOW), IS(OPEN), \
		O(ACK, ISN + 1, THEIRS + 1, PASS_FLOW)

struct talk {
	const char *name;
	struct step step[24];
};

/* clang-format off */
static const struct talk talks[] = {
	/* a connection's life */
	{ "TCP: opens, talks, is closed by both",
	  { OPENED, I(ACK | PSH, THEIRS + 1, ISN + 1, PASS_FLOW), O(ACK, ISN + 1, THEIRS + 101, PASS_FLOW),
	    O(FIN | ACK, ISN + 1, THEIRS + 101, PASS_FLOW), IS(CLOSING),
	    I(ACK, THEIRS + 101, ISN + 2, PASS_FLOW), I(FIN | ACK, THEIRS + 101, ISN + 2, PASS_FLOW),
	    IS(CLOSING), O(ACK, ISN + 2, THEIRS + 102, PASS_FLOW), IS(CLOSED), WAIT(11),
	    I(FIN | ACK, THEIRS + 101, ISN + 2, PORT_SHUT) } },
	{ "TCP: closed by the other side first",
	  { OPENED, I(FIN | ACK, THEIRS + 1, ISN + 1, PASS_FLOW), IS(OPEN),
	    O(ACK, ISN + 1, THEIRS + 2, PASS_FLOW), IS(CLOSING), I(FIN | ACK, THEIRS + 1, ISN + 1, PASS_FLOW),
	    O(FIN | ACK, ISN + 1, THEIRS + 2, PASS_FLOW), IS(CLOSED), I(ACK, THEIRS + 2, ISN + 2, PASS_FLOW) } },
	{ "TCP: refused",
	  { O(SYN, ISN, 0, PASS_EGRESS), I(RST | ACK, 0, ISN + 1, PASS_FLOW), IS(CLOSED) } },
	{ "TCP: reset by us",
	  { OPENED, O(RST | ACK, ISN + 1, THEIRS + 1, PASS_FLOW), IS(CLOSED) } },
	{ "TCP: reset by the other side",
	  { OPENED, I(RST, THEIRS + 1, 0, PASS_FLOW), IS(CLOSED), WAIT(11), O(ACK, ISN + 1, THEIRS + 1, PORT_SHUT) } },
	{ "TCP: a SYN again",
	  { O(SYN, ISN, 0, PASS_EGRESS), WAIT(100), O(SYN, ISN, 0, PASS_FLOW), WAIT(100),
	    I(SYN | ACK, THEIRS, ISN + 1, PASS_FLOW), I(SYN | ACK, THEIRS, ISN + 1, PASS_FLOW), IS(OPEN) } },
	{ "TCP: the same ports anew",
	  { OPENED, O(SYN, 5 * ISN, 0, PASS_EGRESS), IS(SENT), I(SYN | ACK, THEIRS, ISN + 1, FLOW_BAD),
	    I(SYN | ACK, THEIRS, 5 * ISN + 1, PASS_FLOW), IS(OPEN) } },
	{ "TCP: sequence numbers wrap",
	  { O(SYN, 0xffffffff, 0, PASS_EGRESS), I(SYN | ACK, 0xffffffff, 0, PASS_FLOW), IS(OPEN),
	    O(ACK, 0, 0, PASS_FLOW), I(FIN | ACK, 2, 0, PASS_FLOW), O(ACK, 0, 3, PASS_FLOW), IS(CLOSING) } },
	{ "TCP: ECN",
	  { O(SYN | 0xc0, ISN, 0, PASS_EGRESS), I(SYN | ACK | 0x40, THEIRS, ISN + 1, PASS_FLOW), IS(OPEN) } },
	{ "TCP: silent for four days, and for six",
	  { OPENED, WAIT(4 * 86400), I(ACK, THEIRS + 1, ISN + 1, PASS_FLOW), WAIT(2 * 86400),
	    I(ACK, THEIRS + 1, ISN + 1, PORT_SHUT), O(ACK, ISN + 1, THEIRS + 1, PORT_SHUT) } },

	/* what nobody opened */
	{ "TCP: nothing opened, nothing in",
	  { I(SYN, THEIRS, 0, PORT_SHUT), I(SYN | ACK, THEIRS, ISN + 1, PORT_SHUT), I(ACK, THEIRS, ISN, PORT_SHUT),
	    I(RST, THEIRS, 0, PORT_SHUT), I(FIN | ACK, THEIRS, ISN, PORT_SHUT), IS(NONE) } },
	{ "TCP: segments of no flow, outwards",
	  { O(ACK, ISN, THEIRS, PORT_SHUT), O(SYN | ACK, ISN, THEIRS, PORT_SHUT), O(FIN | ACK, ISN, THEIRS, PORT_SHUT),
	    O(RST, ISN, 0, RST), O(RST | ACK, ISN, THEIRS, RST), IS(NONE) } },
	{ "TCP: a port the list does not name",
	  { { TCP_OUT, SYN, 444, ISN, 0, PPN_REASON_EGRESS_SHUT }, IS(NONE) } },
	{ "TCP: forged answers to a SYN",
	  { O(SYN, ISN, 0, PASS_EGRESS), I(SYN | ACK, THEIRS, ISN, FLOW_BAD), I(SYN | ACK, THEIRS, ISN + 2, FLOW_BAD),
	    I(SYN, THEIRS, 0, FLOW_BAD), I(SYN, THEIRS, ISN + 1, FLOW_BAD), I(ACK, THEIRS, ISN + 1, FLOW_BAD),
	    I(RST, ISN + 1, ISN + 1, FLOW_BAD), I(RST | ACK, 0, ISN, FLOW_BAD), I(FIN | ACK, 0, ISN + 1, FLOW_BAD),
	    I(SYN | ACK | FIN, THEIRS, ISN + 1, FLOW_BAD), I(SYN | ACK | RST, THEIRS, ISN + 1, FLOW_BAD),
	    I(0, 0, ISN + 1, FLOW_BAD), IS(SENT), I(SYN | ACK, THEIRS, ISN + 1, PASS_FLOW) } },
	{ "TCP: forged segments of an open flow",
	  { OPENED, I(SYN, THEIRS, 0, FLOW_BAD), I(SYN | ACK, THEIRS, ISN, FLOW_BAD), I(0, THEIRS + 1, ISN + 1, FLOW_BAD),
	    I(FIN, THEIRS + 1, ISN + 1, FLOW_BAD), I(SYN | FIN, THEIRS + 1, ISN + 1, FLOW_BAD), IS(OPEN) } },
	{ "TCP: a blind RST or FIN moves nothing",
	  { OPENED, I(RST, THEIRS + 1 + PPN_FLOW_NEAR, 0, PASS_FLOW), IS(OPEN), I(RST, THEIRS, 0, PASS_FLOW), IS(OPEN),
	    I(FIN | ACK, THEIRS + 5, 0, PASS_FLOW), O(ACK, ISN + 1, THEIRS + 1, PASS_FLOW), IS(OPEN) } },
	{ "TCP: a FIN far ahead, which the kernel takes once the rest is there",
	  { OPENED, I(FIN | ACK, THEIRS + 3000000, ISN + 1, PASS_FLOW), O(ACK, ISN + 1, THEIRS + 9000, PASS_FLOW), IS(OPEN),
	    O(ACK, ISN + 1, THEIRS + 3000001, PASS_FLOW), IS(CLOSING) } },
	{ "TCP: a RST that the kernel does not take",
	  { OPENED, I(RST, THEIRS + 9, 0, PASS_FLOW), IS(CLOSED), O(ACK, ISN + 1, THEIRS + 1, PASS_FLOW), IS(OPEN) } },
	{ "TCP: a RST that it does not take, half closed",
	  { OPENED, O(FIN | ACK, ISN + 1, THEIRS + 1, PASS_FLOW), I(RST, THEIRS + 9, 0, PASS_FLOW), IS(CLOSED),
	    O(ACK, ISN + 2, THEIRS + 1, PASS_FLOW), IS(CLOSING) } },
	{ "TCP: the other side holds nothing open",
	  { OPENED, O(FIN | ACK, ISN + 1, THEIRS + 1, PASS_FLOW), WAIT(200), I(ACK, THEIRS + 1, ISN + 2, PASS_FLOW),
	    WAIT(41), I(ACK, THEIRS + 1, ISN + 2, PORT_SHUT) } },

	/* UDP */
	{ "UDP: an answer, and more of them",
	  { UO(0, PASS_EGRESS), IS(SENT), UI(0, PASS_FLOW), IS(OPEN), UI(0, PASS_FLOW), UO(0, PASS_FLOW), IS(OPEN) } },
	{ "UDP: unasked", { UI(0, PORT_SHUT), UI(123, PORT_SHUT), IS(NONE) } },
	{ "UDP: from another port", { UO(0, PASS_EGRESS), UI(54, PORT_SHUT), IS(SENT) } },
	{ "UDP: to another port", { UO(54, EGRESS_SHUT), UI(54, PORT_SHUT) } },
	{ "UDP: a late answer", { UO(0, PASS_EGRESS), WAIT(31), UI(0, PORT_SHUT) } },
	{ "UDP: asked again after that", { UO(0, PASS_EGRESS), WAIT(31), UO(0, PASS_EGRESS), UI(0, PASS_FLOW) } },
	{ "UDP: silent for three minutes",
	  { UO(0, PASS_EGRESS), UI(0, PASS_FLOW), WAIT(170), UI(0, PASS_FLOW), WAIT(11), UI(0, PORT_SHUT) } },
	{ "UDP: never to the discovery or WireGuard port of the policy",
	  { UO(HARNESS_DISCOVERY, PORT_SHUT), UO(HARNESS_WG, EGRESS_SHUT) } },

	/* ICMP errors */
	{ "error: of a flow",
	  { O(SYN, ISN, 0, PASS_EGRESS), GOT(ERROR_IN, PASS_FLOW_ERROR), GOT(TOO_BIG_IN, PASS_PTB), IS(SENT) } },
	{ "error: of an UDP flow", { UO(0, PASS_EGRESS), GOT(ERROR_IN, PASS_FLOW_ERROR), GOT(TOO_BIG_IN, PASS_PTB) } },
	{ "error: of what did not go out", { UO(54, EGRESS_SHUT), GOT(ERROR_IN, ICMP), GOT(TOO_BIG_IN, ICMP) } },
	{ "error: to an address that did not send it", { UO(0, PASS_EGRESS), GOT(ERROR_ELSE, ICMP) } },
	{ "error: of a flow that is over", { UO(0, PASS_EGRESS), WAIT(31), GOT(ERROR_IN, ICMP), GOT(TOO_BIG_IN, ICMP) } },
	{ "error: isolated", { UO(0, PASS_EGRESS), DO(ISOLATE), GOT(ERROR_IN, ICMP), GOT(TOO_BIG_IN, ICMP) } },

	/* policy */
	{ "rule gone: the flow is shut in both directions",
	  { OPENED, DO(SHUT), I(ACK, THEIRS + 1, ISN + 1, EGRESS_SHUT), O(ACK, ISN + 1, THEIRS + 1, EGRESS_SHUT),
	    GOT(ERROR_IN, ICMP) } },
	{ "rule over: the flow is shut in both directions",
	  { OPENED, DO(SHORT_RULE), I(ACK, THEIRS + 1, ISN + 1, EGRESS_SHUT), O(SYN, ISN, 0, EGRESS_SHUT) } },
	{ "another rule allows it: the flow goes on",
	  { OPENED, DO(OTHER_RULE), I(ACK, THEIRS + 1, ISN + 1, PASS_FLOW), O(ACK, ISN + 1, THEIRS + 1, PASS_FLOW) } },
	{ "isolated: no flow goes on, none begins",
	  { OPENED, DO(ISOLATE), I(ACK, THEIRS + 1, ISN + 1, ISOLATED), O(ACK, ISN + 1, THEIRS + 1, ISOLATED),
	    UO(0, ISOLATED), UI(0, PORT_SHUT) } },
	{ "holding: no flow goes on, none begins",
	  { OPENED, DO(HOLD), I(ACK, THEIRS + 1, ISN + 1, PORT_SHUT), O(ACK, ISN + 1, THEIRS + 1, PORT_SHUT),
	    UO(0, PORT_SHUT), UI(0, PORT_SHUT) } },
};
/* clang-format on */
enum { N_TALKS = sizeof(talks) / sizeof(talks[0]) };

/* The other side may be talked to by prefix (of one's own family), the operator's rules are any. */
static void policy(struct harness *h, enum ppn_column column, enum act rules)
{
	harness_policy(h, column, PPN_POLICY_EGRESS);
	if (rules == SHUT)
		return;
	if (rules == OTHER_RULE) {
		harness_egress(h, IPPROTO_TCP, 0, PPN_PORT_LOCAL, NULL, 60);
		return;
	}
	for (int i = 0; i < 2; i++) {
		const char *prefix = i ? "2001:db8::/64" : "192.0.2.0/28";

		harness_egress(h, IPPROTO_TCP, 443, PPN_PORT_ROSTER, prefix,
			       rules == SHORT_RULE ? -1 : 0);
		harness_egress(h, IPPROTO_UDP, 53, PPN_PORT_LOCAL, prefix, 0);
	}
}

struct world {
	struct harness *h;
	bool v6;
	struct pkt last; /* that went out */
	uint8_t proto; /* of the flow under test */
};

static void describe(const struct world *w, const struct step *step, struct pkt_spec *ret)
{
	const bool in = step->act == TCP_IN || step->act == UDP_IN;
	const bool udp = step->act == UDP_IN || step->act == UDP_OUT;
	const uint16_t port = step->port ? step->port : udp ? 53 : 443;
	const char *here = w->v6 ? "2001:db8::1" : "192.0.2.1";
	const char *there = w->v6 ? "2001:db8::7" : "192.0.2.7";

	*ret = (struct pkt_spec){
		.src = in ? there : here,
		.dst = in ? here : there,
		.proto = udp ? IPPROTO_UDP : IPPROTO_TCP,
		.sport = in ? port : OURS,
		.dport = in ? OURS : port,
		.flags = step->flags,
		.seq = step->seq,
		.ack = step->ack,
		.payload = body_zeros,
		.payload_len = udp ? 20 : 0,
	};
}

static int packet(struct world *w, const struct step *step)
{
	const bool in = step->act == TCP_IN || step->act == UDP_IN;
	struct harness_result r;
	struct pkt_spec spec;
	struct pkt p;

	describe(w, step, &spec);
	w->proto = spec.proto;
	pkt_build(&spec, &p);
	if (!in)
		w->last = p;
	r = harness_run(w->h, in ? HARNESS_IN : HARNESS_OUT, p.data, p.len);
	return r.same ? r.reason : -1;
}

static int error_in(struct world *w, enum act act)
{
	const bool too_big = act == TOO_BIG_IN;
	uint8_t quote[4 + 64] = { 0, 0, 5, 0 };
	const size_t n = w->last.len - w->last.l3 < 64 ? w->last.len - w->last.l3 : 64;
	struct pkt_spec spec = {
		.src = w->v6 ? "2001:db8:9::9" : "198.51.100.9",
		.dst = act == ERROR_ELSE ? (w->v6 ? "2001:db8::2" : "192.0.2.2") :
					   (w->v6 ? "2001:db8::1" : "192.0.2.1"),
		.proto = w->v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP,
		.type = w->v6 ? (too_big ? 2 : 1) : 3,
		.code = w->v6 ? (too_big ? 0 : 4) : (too_big ? 4 : 3),
		.hop = 60,
		.payload = quote,
		.payload_len = (uint16_t)(4 + n),
	};
	struct pkt p;

	memcpy(quote + 4, w->last.data + w->last.l3, n);
	pkt_build(&spec, &p);
	return harness_run(w->h, HARNESS_IN, p.data, p.len).reason;
}

static struct ppn_flow_key the_key(const struct world *w)
{
	struct ppn_flow_key key = {
		.local_port = htons(OURS),
		.remote_port = htons(w->proto == IPPROTO_UDP ? 53 : 443),
		.proto = w->proto,
	};
	const char *here = w->v6 ? "2001:db8::1" : "::ffff:192.0.2.1";
	const char *there = w->v6 ? "2001:db8::7" : "::ffff:192.0.2.7";

	(void)inet_pton(AF_INET6, here, key.local);
	(void)inet_pton(AF_INET6, there, key.remote);
	return key;
}

/* The flow's state, and none or all of its bits in the filter. */
static int state_now(struct world *w)
{
	const struct ppn_flow_key key = the_key(w);
	struct ppn_flow_value value;
	const uint64_t bits = ppn_flow_bits(ppn_flow_key_hash(&key));
	const bool there = harness_flow(w->h, &key, &value);

	if ((harness_filter(w->h, &key) & bits) != (there ? bits : 0))
		return -1;
	return there ? value.state : PPN_FLOW_NONE;
}

static int take(struct world *w, const struct step *step)
{
	const struct ppn_flow_key key = the_key(w);

	switch ((enum act)step->act) {
	case ERROR_IN:
	case TOO_BIG_IN:
	case ERROR_ELSE:
		return error_in(w, step->act);
	case AGE:
		harness_flow_age(w->h, &key, step->want);
		return (int)step->want;
	case STATE:
		return state_now(w);
	case ISOLATE:
		harness_isolate(w->h, true);
		return 0;
	case HOLD:
		policy(w->h, PPN_COLUMN_HOLDING, END);
		return 0;
	case SHUT:
	case SHORT_RULE:
	case OTHER_RULE:
		policy(w->h, PPN_COLUMN_BOUND, step->act);
		return 0;
	default:
		return packet(w, step);
	}
}

static bool tell(struct harness *h, const struct talk *talk, bool v6)
{
	struct world w = { .h = h, .v6 = v6, .proto = IPPROTO_TCP };

	harness_isolate(h, false);
	harness_no_flows(h);
	policy(h, PPN_COLUMN_BOUND, END);
	for (const struct step *step = talk->step; step->act; step++) {
		const int got = take(&w, step);

		if (got == (int)step->want)
			continue;
		if (step->act == STATE)
			tap_note("IPv%d, step %td: state %d instead of %u", v6 ? 6 : 4,
				 step - talk->step + 1, got, step->want);
		else
			tap_note("IPv%d, step %td: %s instead of %s", v6 ? 6 : 4,
				 step - talk->step + 1, harness_reason_name(got),
				 harness_reason_name((int)step->want));
		return false;
	}
	return true;
}

/* A full table refuses what is new, and keeps what is there. */
static void check_full(struct harness *h)
{
	static const struct step ask = UO(0, PASS_EGRESS), answer = UI(0, PASS_FLOW);
	static const struct step syn = O(SYN, ISN, 0, FLOW_FULL);
	static const struct step syn_ack = I(SYN | ACK, THEIRS, ISN + 1, PORT_SHUT);
	struct world w = { .h = h };
	bool kept;
	int reason;

	harness_no_flows(h);
	policy(h, PPN_COLUMN_BOUND, END);
	kept = take(&w, &ask) == PPN_REASON_PASS_EGRESS;
	harness_flows_fill(h, PPN_MAP_FLOWS - 1);
	reason = take(&w, &syn);
	tap_ok(reason == PPN_REASON_FLOW_FULL && state_now(&w) == PPN_FLOW_NONE &&
		       take(&w, &syn_ack) == PPN_REASON_PORT_SHUT,
	       "a full table refuses a new flow and counts it (%s)", harness_reason_name(reason));
	tap_ok(kept && take(&w, &answer) == PPN_REASON_PASS_FLOW &&
		       take(&w, &ask) == PPN_REASON_PASS_FLOW,
	       "a full table keeps the flows it has");
	harness_no_flows(h);
	tap_ok(take(&w, &syn) == PPN_REASON_PASS_EGRESS, "it takes flows again once some are gone");
}

/* What is added is counted in its word, also where the bits are those of others already: ppnd's walk looks at that. */
static void check_counted(struct harness *h)
{
	static const struct step ask = UO(0, PASS_EGRESS), again = UO(0, PASS_FLOW);
	struct world w = { .h = h };
	struct ppn_flow_key key;
	uint64_t bits, first, second;

	harness_no_flows(h);
	policy(h, PPN_COLUMN_BOUND, END);
	(void)take(&w, &ask);
	key = the_key(&w);
	bits = ppn_flow_bits(ppn_flow_key_hash(&key));
	first = harness_filter(h, &key);
	harness_no_flows(h);
	harness_filter_put(h, &key, bits);
	(void)take(&w, &ask);
	(void)take(&w, &again);
	second = harness_filter(h, &key);
	tap_ok(first == (PPN_FLOW_ADDED | bits) && second == first,
	       "the filter counts a flow once, whatever bits were there");
	harness_no_flows(h);
}

/* Observing passes everything, and writes down only what the list allows. */
static void check_observing(struct harness *h)
{
	static const struct step ask = UO(0, PASS_EGRESS), other = UO(54, EGRESS_SHUT);
	struct world w = { .h = h };

	harness_no_flows(h);
	harness_policy(h, PPN_COLUMN_BOUND, PPN_POLICY_EGRESS | PPN_POLICY_OBSERVE);
	harness_egress(h, IPPROTO_UDP, 53, PPN_PORT_ROSTER, NULL, 0);
	tap_ok(take(&w, &other) == PPN_REASON_EGRESS_SHUT && state_now(&w) == PPN_FLOW_NONE &&
		       take(&w, &ask) == PPN_REASON_PASS_EGRESS && state_now(&w) == PPN_FLOW_SENT,
	       "observing: what the list allows is written down, nothing else");
}

int main(void)
{
	struct harness *h = harness_open(NULL);

	bodies_fill();
	tap_plan(2 * N_TALKS + 5);
	for (int i = 0; i < 2 * N_TALKS; i++)
		tap_ok(tell(h, &talks[i / 2], i & 1), "%s, IPv%d", talks[i / 2].name,
		       i & 1 ? 6 : 4);
	check_observing(h);
	check_counted(h);
	check_full(h);
	harness_close(h);
	return tap_end();
}
