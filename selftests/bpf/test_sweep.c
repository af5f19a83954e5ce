// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * ppn_datapath_flows_sweep() and the filter before the flows: what is over goes, and its bits; what is there
 * has its bits, also what another CPU adds while the walk is under way.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <netinet/in.h>
#include <sys/mount.h>
#include <bpf/bpf.h>
#include "kernel/datapath_private.h"

#define BPFFS "/sys/fs/bpf"

static unsigned int n_tests, n_failed;

static void ok(bool good, const char *name)
{
	printf("%sok %u - %s\n", good ? "" : "not ", ++n_tests, name);
	n_failed += !good;
	fflush(stdout);
}

static void __attribute__((noreturn)) bail(const char *what)
{
	printf("Bail out! %s: %s\n", what, strerror(errno));
	exit(1);
}

static struct ppn_datapath *open_own(void)
{
	struct ppn_datapath *dp = NULL;
	char why[PPN_WHY_LEN];
	bool fresh;

	if (unshare(CLONE_NEWNET | CLONE_NEWNS) ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("bpf", BPFFS, "bpf", 0, "mode=0700"))
		bail("a network and mount namespace of its own (root?)");
	if (ppn_datapath_open(&dp, NULL, &fresh, why)) {
		printf("# %s\n", why);
		bail("ppn_datapath_open");
	}
	return dp;
}

/* ---- flows ---- */

static struct ppn_flow_key key_of(uint32_t i)
{
	struct ppn_flow_key key = { .local = { [10] = 0xff, [11] = 0xff },
				    .remote = { [10] = 0xff, [11] = 0xff },
				    .remote_port = htons(443),
				    .proto = IPPROTO_TCP };
	const uint32_t address = htonl(0xc6120000 + (i >> 8));

	memcpy(key.remote + 12, &address, sizeof(address));
	key.local_port = htons((uint16_t)(32768 + (i & 0xff)));
	return key;
}

/* over: unanswered for a day. */
static void add(struct ppn_datapath *dp, uint32_t i, bool over)
{
	const struct ppn_flow_key key = key_of(i);
	struct ppn_flow_value value = { .state = over ? PPN_FLOW_SENT : PPN_FLOW_OPEN };
	uint64_t now;
	uint32_t hz;

	if (ppn_datapath_clock(dp, &now, &hz))
		bail("ppn_datapath_clock");
	value.seen = over ? now - 86400ULL * hz : now;
	value.generation = PPN_POLICY_GENERATION(dp->policy->word);
	errno = -dp_flow_add(dp, &key, &value);
	if (errno)
		bail("dp_flow_add");
}

static bool maybe(struct ppn_datapath *dp, uint32_t i)
{
	const struct ppn_flow_key key = key_of(i);
	const uint64_t hash = ppn_flow_key_hash(&key), bits = ppn_flow_bits(hash);

	return (dp->flow_filter[ppn_flow_slot(hash)] & bits) == bits;
}

static uint32_t n_maybe(struct ppn_datapath *dp, uint32_t from, uint32_t to)
{
	uint32_t n = 0;

	for (uint32_t i = from; i < to; i++)
		n += maybe(dp, i);
	return n;
}

static struct ppn_flow_sweep sweep_once(struct ppn_datapath *dp)
{
	struct ppn_flow_sweep sweep;

	errno = -ppn_datapath_flows_sweep(dp, &sweep);
	if (errno)
		bail("ppn_datapath_flows_sweep");
	return sweep;
}

/* From the start of a walk to its end; the counts are of all calls, *ret_calls how many. */
static struct ppn_flow_sweep sweep_whole(struct ppn_datapath *dp, unsigned int *ret_calls)
{
	struct ppn_flow_sweep sum = { 0 }, part;
	unsigned int calls = 0;

	do {
		part = sweep_once(dp);
		sum.ended += part.ended;
		sum.timed_out += part.timed_out;
		sum.ruled_out += part.ruled_out;
		calls++;
	} while (!part.whole);
	sum.flows = part.flows;
	if (ret_calls)
		*ret_calls = calls;
	return sum;
}

static void all_bits(struct ppn_datapath *dp)
{
	for (uint32_t i = 0; i < PPN_MAP_FLOW_FILTER; i++)
		dp->flow_filter[i] |= PPN_FLOW_ADDED - 1;
}

/* ---- tests ---- */

enum { SOME = 20000, MORE = 2000 };

static void test_goes(struct ppn_datapath *dp)
{
	struct ppn_flow_sweep sweep;
	unsigned int calls;
	uint32_t left;

	sweep = sweep_whole(dp, &calls);
	ok(sweep.flows == 0 && calls == 1, "no flows: one call sees it");
	for (uint32_t i = 0; i < 2 * SOME; i++)
		add(dp, i, i >= SOME);
	ok(n_maybe(dp, 0, 2 * SOME) == 2 * SOME, "each flow has its bits");
	sweep = sweep_whole(dp, &calls);
	ok(sweep.flows == SOME && sweep.timed_out == SOME && calls > 2,
	   "those silent for too long are gone, in several calls");
	ok(n_maybe(dp, 0, SOME) == SOME, "those that live have their bits");
	left = n_maybe(dp, SOME, 2 * SOME);
	printf("# of %d that are gone %u look as if they were there\n", SOME, left);
	ok(left < SOME / 50, "those gone have not, but for some that share words");
}

/*
 * Flows that come into buckets that the walk has passed, between its calls. Their bits are there already, of flows that
 * are gone: that they are counted is all that keeps them.
 */
static void test_meanwhile(struct ppn_datapath *dp)
{
	struct ppn_flow_sweep sweep;

	all_bits(dp);
	sweep = sweep_once(dp);
	ok(!sweep.whole, "a walk is under way");
	for (uint32_t i = 0; i < MORE; i++)
		add(dp, 2 * SOME + i, false);
	while (!sweep.whole)
		sweep = sweep_once(dp);
	ok(sweep.flows < SOME + MORE, "it had passed some of what came meanwhile");
	ok(n_maybe(dp, 2 * SOME, 2 * SOME + MORE) == MORE, "which have their bits all the same");
	sweep = sweep_whole(dp, NULL);
	ok(sweep.flows == SOME + MORE && n_maybe(dp, 2 * SOME, 2 * SOME + MORE) == MORE,
	   "the next walk sees them");
}

static void test_mends(struct ppn_datapath *dp)
{
	all_bits(dp);
	ok(n_maybe(dp, SOME, 2 * SOME) == SOME,
	   "a filter with all bits set: anything may be a flow");
	(void)sweep_whole(dp, NULL);
	ok(n_maybe(dp, SOME, 2 * SOME) < SOME / 50 && n_maybe(dp, 0, SOME) == SOME,
	   "one walk puts it right");
	memset(dp->flow_filter, 0, PPN_MAP_FLOW_FILTER * sizeof(*dp->flow_filter));
	(void)sweep_whole(dp, NULL);
	ok(n_maybe(dp, 0, SOME) == SOME, "also one that was lost");
}

/* Walks that have ended while the other thread adds. */
static _Atomic unsigned int walks;

static void *add_many(void *arg)
{
	for (uint32_t i = 0; i < SOME; i++) {
		add(arg, 2 * SOME + MORE + i, false);
		while (i == SOME / 2 && walks < 2)
			sched_yield();
	}
	return NULL;
}

static void test_race(struct ppn_datapath *dp)
{
	pthread_t other;

	all_bits(dp);
	if (pthread_create(&other, NULL, add_many, dp))
		bail("pthread_create");
	while (pthread_tryjoin_np(other, NULL) == EBUSY)
		walks += sweep_once(dp).whole;
	printf("# %u walks while flows came\n", walks);
	ok(n_maybe(dp, 2 * SOME + MORE, 3 * SOME + MORE) == SOME,
	   "walks while another adds flows: none of them lacks its bits");
	while (!sweep_once(dp).whole)
		;
}

static void test_full(struct ppn_datapath *dp)
{
	uint32_t wrong;

	for (uint32_t i = 3 * SOME + MORE; i < PPN_MAP_FLOWS + SOME; i++)
		add(dp, i, false);
	ok(sweep_whole(dp, NULL).flows == PPN_MAP_FLOWS, "a full table");
	wrong = n_maybe(dp, 1 << 22, (1 << 22) + PPN_MAP_FLOWS);
	printf("# full: %u of %u others look like flows\n", wrong, PPN_MAP_FLOWS);
	ok(wrong < PPN_MAP_FLOWS / 100, "full: less than one of a hundred others asks the hash");
}

int main(void)
{
	struct ppn_datapath *dp = open_own();

	test_goes(dp);
	test_meanwhile(dp);
	test_mends(dp);
	test_race(dp);
	test_full(dp);
	ppn_datapath_close(&dp);
	printf("1..%u\n", n_tests);
	return n_failed != 0;
}
