// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * timeout: 600
 * The seal, and what egress.bpf.c says of what goes out, against reference.c: random frames, and described ones
 * bent at random places, in random worlds. SEAL_FUZZ_N: how many come in (20 million; under PPN_SOAK 200).
 * SEAL_FUZZ_OUT: how many go out (a fortieth). SEAL_FUZZ_SEED: which. A process for each CPU takes its share.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include "bodies.h"
#include "corpus.h"

/* ENOUGH: packets among which each reason comes up. */
enum {
	BATCH_IN = 2000,
	BATCH_OUT = REFERENCE_FLOWS / 2,
	SHOWN = 5,
	ENOUGH = 100000,
	SHARES_MAX = 64,
};
static const char *const way_text[] = { "in", "out" };

/* -- comparison -- */

/* In memory that all processes share: of each its own, and read by the first when the others are done. */
struct sum {
	uint64_t verdicts, reasons, flows; /* that differ */
	uint64_t seen[_PPN_REASON_MAX];
};
static struct sum (*shares)[2], *sums;

static struct reference_verdict judge(enum harness_way way, struct reference_world *w,
				      const struct pkt *p)
{
	return way == HARNESS_IN ? reference_seal(w, p->data, p->len) :
				   reference_egress(w, p->data, p->len);
}

static void next_packet(struct pkt *p, const struct reference_world *w, enum harness_way way)
{
	do
		corpus_packet(p, w, way);
	while (harness_refuses(way, p->data, p->len));
}

static void show(enum harness_way way, const struct reference_world *w, const struct pkt *p,
		 const char *said, struct reference_verdict want)
{
	char hex[3 * 160 + 1] = "";

	for (size_t i = 0; i < p->len && i < 160; i++)
		(void)snprintf(hex + 2 * i, 3, "%02x", p->data[i]);
	tap_note(
		"%s, column %d isolated %d seat %d claim %d underlay %d lease %d: program %s, reference %s by %s",
		way_text[way], w->column, w->isolated, w->seat, w->claim_open, w->underlay,
		w->lease, said, want.pass ? "pass" : "drop", harness_reason_name((int)want.reason));
	tap_note("%zu bytes: %s", p->len, hex);
}

/* The batch once more, one by one, where its sums by reason differ. */
static void find_reasons(struct harness *h, enum harness_way way, struct reference_world *w,
			 uint32_t n)
{
	static struct reference_world before;
	struct pkt p;

	before = *w;
	for (uint32_t i = 0; i < n; i++) {
		struct reference_verdict want;
		struct harness_result got;

		next_packet(&p, &before, way);
		want = judge(way, w, &p);
		got = harness_run(h, way, p.data, p.len);
		if (got.reason != (int)want.reason && sums[way].reasons++ < SHOWN)
			show(way, w, &p, harness_reason_name(got.reason), want);
	}
}

static bool same_flow(const struct reference_flow *f, const struct ppn_flow_value *flow)
{
	return flow->state == f->state &&
	       (f->proto == IPPROTO_UDP || (flow->isn == f->isn && flow->ack == f->ack));
}

/* The kernel's table has the flows of the reference and no other, each as far as there. */
static void compare_flows(struct harness *h, enum harness_way way, const struct reference_world *w)
{
	uint64_t differ = harness_flows(h) != w->n_flows;

	for (size_t i = 0; i < w->n_flows; i++) {
		struct ppn_flow_value flow;
		struct ppn_flow_key key;

		corpus_flow_key(&w->flow[i], &key);
		if (harness_flow(h, &key, &flow) && same_flow(&w->flow[i], &flow))
			continue;
		if (sums[way].flows + differ++ < SHOWN)
			tap_note("%s: a flow from port %u to %u, state %d by the reference",
				 way_text[way], w->flow[i].our_port, w->flow[i].their_port,
				 w->flow[i].state);
	}
	sums[way].flows += differ;
}

static void run_batch(struct harness *h, enum harness_way way, uint32_t n)
{
	uint64_t want[_PPN_REASON_MAX] = { 0 }, got[_PPN_REASON_MAX];
	static struct reference_world w, before;
	uint64_t start;
	struct pkt p;

	corpus_world(&w);
	corpus_set(h, &w);
	before = w;
	harness_counts(h, way, got);
	start = corpus_state;
	for (uint32_t i = 0; i < n; i++) {
		struct reference_verdict r;

		next_packet(&p, &before, way);
		r = judge(way, &w, &p);
		want[r.reason]++;
		if (harness_verdict(h, way, p.data, p.len) != r.pass &&
		    sums[way].verdicts++ < SHOWN)
			show(way, &w, &p, r.pass ? "drop" : "pass", r);
		if (!(i % 32))
			(void)harness_drain(h);
	}
	harness_counts(h, way, got);
	for (int i = 0; i < _PPN_REASON_MAX; i++)
		sums[way].seen[i] += got[i];
	if (memcmp(want, got, sizeof(want)) != 0) {
		corpus_state = start;
		corpus_set(h, &before);
		w = before;
		find_reasons(h, way, &w, n);
	}
	compare_flows(h, way, &w);
}

/* Every reason of the tables that needs neither a socket nor a limit. */
static const enum ppn_reason expected_in[] = {
	PPN_REASON_SHORT,	 PPN_REASON_ETHERTYPE,	   PPN_REASON_VLAN,
	PPN_REASON_IP_HEADER,	 PPN_REASON_IP_OPTION,	   PPN_REASON_FRAGMENT,
	PPN_REASON_EXTENSION,	 PPN_REASON_L4_HEADER,	   PPN_REASON_PROTOCOL,
	PPN_REASON_MESH_OUTSIDE, PPN_REASON_ARP_BAD,	   PPN_REASON_ND_BAD,
	PPN_REASON_MLD_BAD,	 PPN_REASON_ICMP,	   PPN_REASON_RA,
	PPN_REASON_DHCP,	 PPN_REASON_BEACON,	   PPN_REASON_BEACON_BAD,
	PPN_REASON_BEACON_OLD,	 PPN_REASON_BEACON_NO_PIN, PPN_REASON_KNOCK,
	PPN_REASON_HERE,	 PPN_REASON_CLAIM_SHUT,	   PPN_REASON_CLAIM_NO_SOCKET,
	PPN_REASON_WG_SHUT,	 PPN_REASON_PORT_SHUT,	   PPN_REASON_PORT_SOURCE,
	PPN_REASON_ISOLATED,	 PPN_REASON_PASS_ARP,	   PPN_REASON_PASS_ND,
	PPN_REASON_PASS_MLD,	 PPN_REASON_PASS_LACP,	   PPN_REASON_PASS_EAPOL,
	PPN_REASON_PASS_RA,	 PPN_REASON_PASS_DHCP,	   PPN_REASON_PASS_HERE,
	PPN_REASON_PASS_SYN,	 PPN_REASON_PASS_WG,	   PPN_REASON_PASS_OPEN,
	PPN_REASON_PASS_RESCUE,	 PPN_REASON_EGRESS_SHUT,   PPN_REASON_FLOW_BAD,
	PPN_REASON_PASS_FLOW,	 PPN_REASON_PASS_PTB,	   PPN_REASON_PASS_FLOW_ERROR,
};
static const enum ppn_reason expected_out[] = {
	PPN_REASON_SHORT,	PPN_REASON_ETHERTYPE,
	PPN_REASON_VLAN,	PPN_REASON_IP_HEADER,
	PPN_REASON_IP_OPTION,	PPN_REASON_FRAGMENT,
	PPN_REASON_EXTENSION,	PPN_REASON_L4_HEADER,
	PPN_REASON_PROTOCOL,	PPN_REASON_MESH_OUTSIDE,
	PPN_REASON_ARP_BAD,	PPN_REASON_ND_BAD,
	PPN_REASON_MLD_BAD,	PPN_REASON_MLD_GROUP,
	PPN_REASON_ICMP,	PPN_REASON_RA,
	PPN_REASON_DHCP,	PPN_REASON_HERE,
	PPN_REASON_NO_SEAT,	PPN_REASON_CLAIM_NO_SOCKET,
	PPN_REASON_WG_SHUT,	PPN_REASON_PORT_SHUT,
	PPN_REASON_PORT_SOURCE, PPN_REASON_RST,
	PPN_REASON_EGRESS_SHUT, PPN_REASON_ISOLATED,
	PPN_REASON_PASS_ARP,	PPN_REASON_PASS_ND,
	PPN_REASON_PASS_MLD,	PPN_REASON_PASS_LACP,
	PPN_REASON_PASS_EAPOL,	PPN_REASON_PASS_RA,
	PPN_REASON_PASS_DHCP,	PPN_REASON_PASS_HERE,
	PPN_REASON_PASS_BEACON, PPN_REASON_PASS_SYN,
	PPN_REASON_PASS_WG,	PPN_REASON_PASS_OPEN,
	PPN_REASON_PASS_RESCUE, PPN_REASON_PASS_FLOW,
	PPN_REASON_PASS_EGRESS,
};

static bool all_seen(enum harness_way way, const enum ppn_reason *expected, size_t n)
{
	bool all = true;

	for (size_t i = 0; i < n; i++)
		if (!sums[way].seen[expected[i]]) {
			tap_note("%s, never seen: %s", way_text[way],
				 harness_reason_name((int)expected[i]));
			all = false;
		}
	return all;
}

static uint64_t setting(const char *name, uint64_t usual)
{
	const char *text = getenv(name);

	return text && *text ? strtoull(text, NULL, 0) : usual;
}

#define SEEN(way, list) all_seen(way, list, sizeof(list) / sizeof((list)[0]))

static void compare(struct harness *h, enum harness_way way, uint64_t n)
{
	const uint32_t batch = way == HARNESS_IN ? BATCH_IN : BATCH_OUT;

	for (uint64_t done = 0; done < n; done += batch)
		run_batch(h, way, (uint32_t)(n - done < batch ? n - done : batch));
}

static void report(enum harness_way way, uint64_t n)
{
	tap_ok(!sums[way].verdicts, "%s: %llu packets, %llu verdicts differ", way_text[way],
	       (unsigned long long)n, (unsigned long long)sums[way].verdicts);
	tap_ok(!sums[way].reasons, "%s: %llu packets, %llu reasons differ", way_text[way],
	       (unsigned long long)n, (unsigned long long)sums[way].reasons);
	tap_ok(!sums[way].flows, "%s: %llu flows differ", way_text[way],
	       (unsigned long long)sums[way].flows);
	tap_ok(n < ENOUGH || (way == HARNESS_IN ? SEEN(way, expected_in) : SEEN(way, expected_out)),
	       "%s: each reason of the table was seen", way_text[way]);
}

/* ---- shares ---- */

static uint64_t share_of(uint64_t n, long share, long all)
{
	return n / (uint64_t)all + ((uint64_t)share < n % (uint64_t)all);
}

static void take_share(long share, long all, const uint64_t n[2])
{
	struct harness *h = harness_open(NULL);

	sums = shares[share];
	/* Far from the others' by an odd number of 64 bits, and never 0. */
	corpus_state += (uint64_t)share * 0x9e3779b97f4a7c15;
	corpus_state += !corpus_state;
	tap_note("seed %#llx", (unsigned long long)corpus_state);
	for (enum harness_way way = HARNESS_IN; way <= HARNESS_OUT; way++)
		compare(h, way, share_of(n[way], share, all));
	harness_close(h);
}

static bool run_shares(long all, const uint64_t n[2])
{
	bool whole = true;
	int status;

	for (long i = 0; i < all; i++) {
		pid_t pid;

		(void)fflush(NULL);
		pid = fork();
		if (pid == 0) {
			take_share(i, all, n);
			(void)fflush(NULL);
			_exit(0);
		}
		whole &= pid > 0;
	}
	while (wait(&status) > 0)
		whole &= WIFEXITED(status) && WEXITSTATUS(status) == 0;
	return whole;
}

static void add_up(long all)
{
	sums = shares[0];
	for (long i = 1; i < all; i++)
		for (enum harness_way way = HARNESS_IN; way <= HARNESS_OUT; way++) {
			sums[way].verdicts += shares[i][way].verdicts;
			sums[way].reasons += shares[i][way].reasons;
			sums[way].flows += shares[i][way].flows;
			for (int r = 0; r < _PPN_REASON_MAX; r++)
				sums[way].seen[r] += shares[i][way].seen[r];
		}
}

int main(void)
{
	const long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	const long all = cpus < 1 ? 1 : cpus > SHARES_MAX ? SHARES_MAX : cpus;
	uint64_t n[2];

	n[HARNESS_IN] = setting("SEAL_FUZZ_N", getenv("PPN_SOAK") ? 200000000 : 20000000);
	n[HARNESS_OUT] = setting("SEAL_FUZZ_OUT", n[HARNESS_IN] / 40);
	corpus_state = setting("SEAL_FUZZ_SEED", 0x70706e31);
	shares = mmap(NULL, SHARES_MAX * sizeof(*shares), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shares == MAP_FAILED)
		return 1;
	bodies_fill();
	tap_plan(9);
	tap_ok(run_shares(all, n), "each of %ld processes did its share", all);
	add_up(all);
	report(HARNESS_IN, n[HARNESS_IN]);
	report(HARNESS_OUT, n[HARNESS_OUT]);
	return tap_end();
}
