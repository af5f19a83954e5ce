// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Behind the rows of both programs, by BPF_PROG_TEST_RUN: a trial of the seal, and samples of what drops. */
#include <arpa/inet.h>
#include <string.h>
#include "bodies.h"

enum { SSH = 22, CLIENT = 50022 };

static const char *const here[2] = { "192.0.2.1", "2001:db8::1" };
static const char *const there[2] = { "192.0.2.7", "2001:db8::7" };

static struct ppn_flow_key session(bool v6)
{
	struct ppn_flow_key key = {
		.local_port = htons(SSH),
		.remote_port = htons(CLIENT),
		.proto = IPPROTO_TCP,
	};

	(void)inet_pton(AF_INET6, v6 ? here[1] : "::ffff:192.0.2.1", key.local);
	(void)inet_pton(AF_INET6, v6 ? there[1] : "::ffff:192.0.2.7", key.remote);
	return key;
}

/* One segment between the client's port and ours. */
static struct harness_result segment(struct harness *h, enum harness_way way, bool v6,
				     uint16_t client, uint16_t ours, uint8_t flags)
{
	const bool in = way == HARNESS_IN;
	const struct pkt_spec spec = {
		.vlan = { v6 ? 0x8100 : 0 },
		.src = in ? there[v6] : here[v6],
		.dst = in ? here[v6] : there[v6],
		.proto = IPPROTO_TCP,
		.sport = in ? client : ours,
		.dport = in ? ours : client,
		.flags = flags,
		.payload = body_zeros,
	};
	struct pkt p;

	pkt_build(&spec, &p);
	return harness_run(h, way, p.data, p.len);
}

static bool got(struct harness_result r, bool pass, enum ppn_reason reason)
{
	if (r.pass == pass && r.reason == (int)reason && r.same)
		return true;
	tap_note("%s by %s instead of %s by %s", r.pass ? "pass" : "drop",
		 harness_reason_name(r.reason), pass ? "pass" : "drop",
		 harness_reason_name((int)reason));
	return false;
}

static void start_trial(struct harness *h, bool v6, enum ppn_column column, int seconds)
{
	const struct ppn_flow_key key = session(v6);

	harness_trial(h, &key, seconds);
	harness_policy(h, column, PPN_POLICY_TRIAL);
}

static void check_trial(struct harness *h, bool v6)
{
	const char *ip = v6 ? "IPv6 in a VLAN" : "IPv4";
	bool ok = true;

	for (int column = 0; column <= PPN_COLUMN_ISOLATED; column++) {
		start_trial(h, v6, (enum ppn_column)column, 60);
		ok &= got(segment(h, HARNESS_IN, v6, CLIENT, SSH, ACK), true,
			  PPN_REASON_PASS_TRIAL);
		ok &= got(segment(h, HARNESS_OUT, v6, CLIENT, SSH, ACK), true,
			  PPN_REASON_PASS_TRIAL);
	}
	tap_ok(ok, "trial: the caller's own flow passes, %s", ip);
	start_trial(h, v6, PPN_COLUMN_HOLDING, 60);
	ok = got(segment(h, HARNESS_IN, v6, CLIENT + 1, SSH, ACK), false, PPN_REASON_PORT_SHUT);
	ok &= got(segment(h, HARNESS_IN, v6, CLIENT, SSH + 1, ACK), false, PPN_REASON_PORT_SHUT);
	ok &= got(segment(h, HARNESS_IN, !v6, CLIENT, SSH, ACK), false, PPN_REASON_PORT_SHUT);
	ok &= got(segment(h, HARNESS_OUT, v6, CLIENT + 1, SSH, ACK), false, PPN_REASON_PORT_SHUT);
	ok &= got(segment(h, HARNESS_OUT, v6, SSH, CLIENT, ACK), false, PPN_REASON_PORT_SHUT);
	tap_ok(ok, "trial: no other flow passes, %s", ip);
	start_trial(h, v6, PPN_COLUMN_HOLDING, -1);
	ok = got(segment(h, HARNESS_IN, v6, CLIENT + 1, SSH, SYN), true, PPN_REASON_PORT_SHUT);
	ok &= got(segment(h, HARNESS_OUT, v6, CLIENT + 1, SSH, ACK), true, PPN_REASON_PORT_SHUT);
	tap_ok(ok, "trial: past its end the seal observes, %s", ip);
}

/* What is malformed does not pass because a trial is on. */
static void check_trial_malformed(struct harness *h)
{
	const struct pkt_spec fragment = { V4, TCP(CLIENT, SSH, ACK), PATCH(L3, 6, 0x20) };
	const struct pkt_spec offset = { V4, TCP(CLIENT, SSH, ACK), PATCH(L4, 12, 0x40) };
	struct pkt p;
	bool ok;

	start_trial(h, false, PPN_COLUMN_HOLDING, 60);
	pkt_build(&fragment, &p);
	ok = got(harness_run(h, HARNESS_IN, p.data, p.len), false, PPN_REASON_FRAGMENT);
	pkt_build(&offset, &p);
	ok &= got(harness_run(h, HARNESS_IN, p.data, p.len), false, PPN_REASON_L4_HEADER);
	tap_ok(ok, "trial: a malformed packet of the flow drops");
}

static bool sampled(struct harness *h, enum harness_way way, const struct pkt *p,
		    enum ppn_reason reason, bool pass)
{
	const uint32_t captured = p->len < PPN_SAMPLE_COPY ? (uint32_t)p->len : PPN_SAMPLE_COPY;
	const struct ppn_sample *s = harness_sample(h);

	(void)harness_drain_samples(h);
	(void)harness_run(h, way, p->data, p->len);
	return harness_drain_samples(h) == 1 && s->ifindex == HARNESS_IFINDEX &&
	       s->reason == reason && s->direction == way && s->verdict == pass &&
	       s->len == p->len && s->captured == captured && s->at_ns &&
	       !memcmp(s->packet, p->data, captured);
}

static void check_watch(struct harness *h)
{
	const struct pkt_spec small = { V4, UDP(1, 161), PAYLOAD(2) };
	const struct pkt_spec great = { V6, UDP(1, 161), PAYLOAD(500) };
	const struct pkt_spec arp = { FRAME(ETH_P_ARP), BODY(arp_request) };
	struct pkt p;

	harness_policy(h, PPN_COLUMN_BOUND, PPN_POLICY_WATCH);
	pkt_build(&small, &p);
	tap_ok(sampled(h, HARNESS_IN, &p, PPN_REASON_PORT_SHUT, false), "watch: a small packet in");
	tap_ok(sampled(h, HARNESS_OUT, &p, PPN_REASON_PORT_SHUT, false), "watch: and out");
	pkt_build(&great, &p);
	tap_ok(sampled(h, HARNESS_IN, &p, PPN_REASON_PORT_SHUT, false),
	       "watch: the first bytes of a great one");
	p.len = 17;
	tap_ok(sampled(h, HARNESS_IN, &p, PPN_REASON_SHORT, false), "watch: a runt");
	pkt_build(&arp, &p);
	(void)harness_run(h, HARNESS_IN, p.data, p.len);
	tap_ok(!harness_drain_samples(h), "watch: what passes is not sampled");
	harness_policy(h, PPN_COLUMN_BOUND, PPN_POLICY_WATCH | PPN_POLICY_OBSERVE);
	pkt_build(&small, &p);
	tap_ok(sampled(h, HARNESS_IN, &p, PPN_REASON_PORT_SHUT, true),
	       "watch: what observing spares");
	harness_policy(h, PPN_COLUMN_BOUND, 0);
	(void)harness_run(h, HARNESS_IN, p.data, p.len);
	tap_ok(!harness_drain_samples(h), "watch: nobody watches, nothing is sampled");
}

/* A flood gives a burst's worth of samples, and a full ring loses them without a word. */
static void check_watch_limit(void)
{
	const struct harness_options options = { .rates = true };
	struct harness *h = harness_open(&options);
	const struct pkt_spec spec = { V4, UDP(1, 161), PAYLOAD(20) };
	uint32_t n;
	struct pkt p;

	harness_policy(h, PPN_COLUMN_BOUND, PPN_POLICY_WATCH);
	pkt_build(&spec, &p);
	for (int i = 0; i < 5000; i++)
		(void)harness_verdict(h, HARNESS_IN, p.data, p.len);
	n = harness_drain_samples(h);
	tap_ok(n >= PPN_SAMPLE_RATE && n < 1000, "watch: %u samples of a flood of 5000 packets", n);
	harness_close(h);
}

int main(void)
{
	struct harness *h = harness_open(NULL);

	bodies_fill();
	tap_plan(15);
	check_trial(h, false);
	check_trial(h, true);
	check_trial_malformed(h);
	check_watch(h);
	harness_close(h);
	check_watch_limit();
	return tap_end();
}
