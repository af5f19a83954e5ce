// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Changes the policy under a flood, again and again: how long one change takes, and was any packet judged by half of
 * one?
 *
 *	flips FROM TO COUNT
 *
 * Two policies take turns. A's fleet is fd01::/48, and it opens one port; B's is fd02::/48, and it opens the next. The
 * flood has packets from A's fleet to A's port and from B's to B's: each of the two drops both kinds, for its fleet's
 * sake or for the port's. Only the fleet of one and the ports of the other let one pass. Prints one JSON object.
 */
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <linux/membarrier.h>

#include "kernel/datapath_private.h"
#include "sender.h"

enum { COUNT_MAX = 100000, SEND = 20000 };

struct flood {
	struct sender sender;
	atomic_bool stop;
	uint64_t sent;
	double took;
	int err;
};

static void *run_flood(void *arg)
{
	struct flood *flood = arg;
	const double start = sender_now();

	sender_pin();
	while (!flood->err && !atomic_load(&flood->stop)) {
		flood->err = sender_send(&flood->sender, SEND);
		flood->sent += SEND;
	}
	flood->took = sender_now() - start;
	return NULL;
}

/* The store that replaces a policy is preceded by a wait for the readers of the one before that, if it was in force
 * a moment ago: not part of a change, but of the one before it. */
static void readers_gone(struct ppn_datapath *dp)
{
	(void)syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);
	dp->flipped_ms = 0;
}

static int set(struct ppn_datapath *dp, unsigned int which)
{
	const struct ppn_policy_table table = { .fleet = { 0xfd, (uint8_t)(1 + (which & 1)) } };
	const struct ppn_open_port port = { .proto = IPPROTO_UDP,
					    .any = 1,
					    .port = (uint16_t)(SENDER_OPEN + (which & 1)) };

	return ppn_datapath_policy(dp, PPN_COLUMN_BOUND, 0, &table, &port, 1);
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static int flip_all(struct ppn_datapath *dp, double *took_us, unsigned int count,
		    double *ret_wait_ms)
{
	const double begun = sender_now();
	double alone = 0, start;
	int err = 0;

	for (unsigned int i = 0; i < count && !err; i++) {
		readers_gone(dp);
		start = sender_now();
		err = set(dp, i);
		took_us[i] = (sender_now() - start) * 1e6;
		alone += took_us[i];
	}
	*ret_wait_ms = ((sender_now() - begun) * 1e3 - alone / 1e3) / count;
	qsort(took_us, count, sizeof(*took_us), ascending);
	return err;
}

static uint64_t counted(struct ppn_datapath *dp, uint64_t *ret_whole)
{
	struct ppn_count counts[_PPN_REASON_MAX];
	uint64_t all = 0;

	*ret_whole = 0;
	if (ppn_datapath_counters(dp, PPN_COUNT_SEAL, counts))
		return 0;
	for (int i = 0; i < _PPN_REASON_MAX; i++)
		all += counts[i].packets;
	*ret_whole = counts[PPN_REASON_PORT_SHUT].packets + counts[PPN_REASON_MESH_OUTSIDE].packets;
	return all;
}

static int measure(struct ppn_datapath *dp, struct flood *flood, unsigned int count)
{
	static double took_us[COUNT_MAX];
	uint64_t before[2], after[2];
	double wait_ms = 0;
	pthread_t thread;
	int err = set(dp, 1);

	before[0] = counted(dp, &before[1]);
	if (!err)
		err = -pthread_create(&thread, NULL, run_flood, flood);
	if (err)
		return err;
	err = flip_all(dp, took_us, count, &wait_ms);
	atomic_store(&flood->stop, true);
	(void)pthread_join(thread, NULL);
	after[0] = counted(dp, &after[1]);
	if (err || flood->err)
		return err ? err : flood->err;
	printf("{\"median_us\": %.1f, \"p99_us\": %.1f, \"wait_ms\": %.1f, \"mpps\": %.2f, "
	       "\"sent\": %lu, \"seen\": %lu, \"mixed\": %lu}\n",
	       took_us[count / 2], took_us[count * 99 / 100], wait_ms,
	       (double)flood->sent / flood->took / 1e6, flood->sent, after[0] - before[0],
	       after[0] - before[0] - (after[1] - before[1]));
	return 0;
}

static int seal(struct ppn_datapath **ret_dp, const char *device, char *why)
{
	enum ppn_hold hold;
	bool fresh;
	int err = ppn_datapath_open_seal(ret_dp, NULL, &fresh, why);

	return err ? err : ppn_datapath_seal(*ret_dp, if_nametoindex(device), &hold, why);
}

int main(int argc, char **argv)
{
	static struct flood flood;
	struct ppn_datapath *dp = NULL;
	char why[PPN_WHY_LEN] = "";
	unsigned long count;
	int err;

	count = argc == 4 ? strtoul(argv[3], NULL, 10) : 0;
	if (!count || count > COUNT_MAX || !if_nametoindex(argv[2])) {
		fputs("usage: flips FROM TO COUNT\n", stderr);
		return 2;
	}
	sender_cpu(0);
	err = seal(&dp, argv[2], why);
	if (!err)
		err = sender_open(&flood.sender, argv[1], 0, SENDER_CLOSED);
	if (!err) {
		flood.sender.prog = bpf_program__fd(flood.sender.skel->progs.pair);
		sender_frame6(&flood.sender);
		err = measure(dp, &flood, (unsigned int)count);
	}
	if (err)
		fprintf(stderr, "flips: %s %s\n", strerror(-err), why);
	if (dp)
		(void)ppn_datapath_unseal(dp, why);
	ppn_datapath_close(&dp);
	return err != 0;
}
