// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * timeout: 600
 * The seal against reference.c: random frames, and described ones bent at random places, in random
 * worlds. SEAL_FUZZ_N: how many (20 million; under PPN_SOAK 200). SEAL_FUZZ_SEED: which.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "bodies.h"
#include "corpus.h"

/* ENOUGH: packets among which each reason comes up. */
enum { BATCH = 2000, SHOWN = 5, ENOUGH = 100000 };

/* -- comparison -- */

static struct {
	uint64_t verdicts, reasons; /* that differ */
	uint64_t seen[_PPN_REASON_MAX];
} sum;

static void show(const struct reference_world *w, const struct pkt *p, const char *said,
		 struct reference_verdict want)
{
	char hex[3 * 160 + 1] = "";

	for (size_t i = 0; i < p->len && i < 160; i++)
		(void)snprintf(hex + 2 * i, 3, "%02x", p->data[i]);
	tap_note(
		"column %d isolated %d seat %d claim %d underlay %d lease %d: seal %s, reference %s by %s",
		w->column, w->isolated, w->seat, w->claim_open, w->underlay, w->lease, said,
		want.pass ? "pass" : "drop", harness_reason_name((int)want.reason));
	tap_note("%zu bytes: %s", p->len, hex);
}

/* The batch once more, one by one, where its sums by reason differ. */
static void find_reasons(struct harness *h, struct reference_world *w, uint32_t n)
{
	const struct reference_world before = *w;
	struct pkt p;

	for (uint32_t i = 0; i < n; i++) {
		struct reference_verdict want;
		struct harness_result got;

		corpus_packet(&p, &before);
		want = reference_seal(w, p.data, p.len);
		got = harness_run(h, HARNESS_IN, p.data, p.len);
		if (got.reason != (int)want.reason && sum.reasons++ < SHOWN)
			show(w, &p, harness_reason_name(got.reason), want);
	}
}

static void run_batch(struct harness *h, uint32_t n)
{
	uint64_t want[_PPN_REASON_MAX] = { 0 }, got[_PPN_REASON_MAX];
	struct reference_world w, before;
	uint64_t start;
	struct pkt p;

	corpus_world(&w);
	corpus_set(h, &w);
	before = w;
	harness_counts(h, HARNESS_IN, got);
	start = corpus_state;
	for (uint32_t i = 0; i < n; i++) {
		struct reference_verdict r;

		corpus_packet(&p, &before);
		r = reference_seal(&w, p.data, p.len);
		want[r.reason]++;
		if (harness_verdict(h, HARNESS_IN, p.data, p.len) != r.pass &&
		    sum.verdicts++ < SHOWN)
			show(&w, &p, r.pass ? "drop" : "pass", r);
		if (!(i % 32))
			(void)harness_drain(h);
	}
	harness_counts(h, HARNESS_IN, got);
	for (int i = 0; i < _PPN_REASON_MAX; i++)
		sum.seen[i] += got[i];
	if (memcmp(want, got, sizeof(want)) != 0) {
		corpus_state = start;
		corpus_set(h, &before);
		w = before;
		find_reasons(h, &w, n);
	}
}

/* Every reason of the inbound table that needs neither a socket nor a limit. */
static bool all_seen(void)
{
	static const enum ppn_reason expected[] = {
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
	bool all = true;

	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
		if (!sum.seen[expected[i]]) {
			tap_note("never seen: %s", harness_reason_name((int)expected[i]));
			all = false;
		}
	return all;
}

static uint64_t setting(const char *name, uint64_t usual)
{
	const char *text = getenv(name);

	return text && *text ? strtoull(text, NULL, 0) : usual;
}

int main(void)
{
	struct harness *h = harness_open(NULL);
	const uint64_t n = setting("SEAL_FUZZ_N", getenv("PPN_SOAK") ? 200000000 : 20000000);

	corpus_state = setting("SEAL_FUZZ_SEED", 0x70706e31);
	if (!corpus_state)
		corpus_state = 1;
	bodies_fill();
	tap_plan(3);
	tap_note("seed %#llx", (unsigned long long)corpus_state);
	for (uint64_t done = 0; done < n; done += BATCH)
		run_batch(h, (uint32_t)(n - done < BATCH ? n - done : BATCH));
	tap_ok(!sum.verdicts, "%llu packets, %llu verdicts differ", (unsigned long long)n,
	       (unsigned long long)sum.verdicts);
	tap_ok(!sum.reasons, "%llu packets, %llu reasons differ", (unsigned long long)n,
	       (unsigned long long)sum.reasons);
	tap_ok(n < ENOUGH || all_seen(), "each reason of the table was seen");
	harness_close(h);
	return tap_end();
}
