// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * How fast a sealed interface drops, against a program that drops everything unread: live frames from
 * one end of a veth pair into the other, the two programs in interleaved rounds.
 *
 *	drop FROM TO ROUNDS PACKETS PIN_ROOT
 *
 * prints one JSON object. A round whose receiver did not count what was sent is void, and said so.
 */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/ip.h>
#include <linux/udp.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <ppn/maps.h>
#include "kernel/datapath.h"

#define BATCH 64
#define ROUNDS_MAX 201
#define FRAME_LEN 60

struct contest {
	int from, to, sender;
	unsigned int packets;
	struct ppn_datapath *dp;
	int empty, empty_link;
	double rate[2][ROUNDS_MAX]; /* packets a second: empty, seal */
	int rounds, empties_void;
};

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static int load(const struct bpf_insn *insns, size_t n, const char *name)
{
	return bpf_prog_load(BPF_PROG_TYPE_XDP, name, "GPL", insns, n, NULL);
}

/* return bpf_redirect(ifindex, 0) */
static int load_sender(int ifindex)
{
	const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_1, .imm = ifindex },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_2, .imm = 0 },
		{ .code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_redirect },
		{ .code = BPF_JMP | BPF_EXIT },
	};

	return load(insns, sizeof(insns) / sizeof(insns[0]), "bench_sender");
}

/* return XDP_DROP */
static int load_empty(void)
{
	const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = XDP_DROP },
		{ .code = BPF_JMP | BPF_EXIT },
	};

	return load(insns, sizeof(insns) / sizeof(insns[0]), "bench_empty");
}

/* A UDP datagram to a port that nothing opens. */
static void make_frame(uint8_t frame[static FRAME_LEN])
{
	struct ethhdr *eth = (struct ethhdr *)frame;
	struct iphdr *ip = (struct iphdr *)(eth + 1);
	struct udphdr *udp = (struct udphdr *)(ip + 1);

	memset(frame, 0, FRAME_LEN);
	memset(eth->h_dest, 0xff, sizeof(eth->h_dest));
	eth->h_proto = htons(ETH_P_IP);
	ip->version = 4;
	ip->ihl = 5;
	ip->ttl = 64;
	ip->protocol = IPPROTO_UDP;
	ip->tot_len = htons(FRAME_LEN - sizeof(*eth));
	ip->saddr = htonl(0xc0000201);
	ip->daddr = htonl(0xc0000202);
	udp->source = htons(1234);
	udp->dest = htons(7);
	udp->len = htons(FRAME_LEN - sizeof(*eth) - sizeof(*ip));
}

static int flood(const struct contest *contest, double *ret_rate)
{
	uint8_t frame[FRAME_LEN];
	struct xdp_md ctx = { .data_end = FRAME_LEN, .ingress_ifindex = (uint32_t)contest->from };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = FRAME_LEN,
		    .ctx_in = &ctx, .ctx_size_in = sizeof(ctx), .repeat = (int)contest->packets,
		    .flags = BPF_F_TEST_XDP_LIVE_FRAMES, .batch_size = BATCH);
	double start;
	int err;

	make_frame(frame);
	start = now();
	err = bpf_prog_test_run_opts(contest->sender, &opts);
	*ret_rate = contest->packets / (now() - start);
	return err;
}

static uint64_t sealed_drops(const struct contest *contest)
{
	struct ppn_count counts[_PPN_REASON_MAX];

	if (ppn_datapath_counters(contest->dp, PPN_COUNT_SEAL, counts) < 0)
		return 0;
	return counts[PPN_REASON_PORT_SHUT].packets;
}

static int round_empty(struct contest *contest, double *ret_rate)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = XDP_FLAGS_DRV_MODE);
	int link = bpf_link_create(contest->empty, contest->to, BPF_XDP, &opts), err;

	if (link < 0)
		return link;
	err = flood(contest, ret_rate);
	close(link);
	return err;
}

/* The seal is taken off by its own function: each round attaches anew, as the empty one does. */
static int round_seal(struct contest *contest, const char *pin_root, double *ret_rate)
{
	char why[PPN_WHY_LEN] = "";
	enum ppn_hold hold;
	uint64_t before;
	bool fresh;
	int err;

	err = ppn_datapath_open(&contest->dp, pin_root, &fresh, why);
	if (err == 0)
		err = ppn_datapath_seal(contest->dp, (uint32_t)contest->to, &hold, why);
	if (err == 0 && hold != PPN_HOLD_NATIVE)
		err = -EOPNOTSUPP;
	if (err == 0) {
		before = sealed_drops(contest);
		err = flood(contest, ret_rate);
		if (err == 0 && sealed_drops(contest) - before != contest->packets)
			*ret_rate = 0; /* void */
		ppn_datapath_unseal(contest->dp, why);
	} else {
		fprintf(stderr, "seal: %s\n", why);
	}
	if (contest->dp)
		ppn_datapath_close(&contest->dp);
	return err;
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double median(double *values, int n)
{
	qsort(values, (size_t)n, sizeof(*values), ascending);
	return n ? values[n / 2] : 0;
}

static void print(struct contest *contest)
{
	double ratio[ROUNDS_MAX], best[2] = { 0 };
	int n = 0;

	for (int i = 0; i < contest->rounds; i++) {
		if (contest->rate[1][i] <= 0)
			continue;
		ratio[n++] = contest->rate[1][i] / contest->rate[0][i];
		for (int c = 0; c < 2; c++)
			best[c] = contest->rate[c][i] > best[c] ? contest->rate[c][i] : best[c];
	}
	printf("{\"rounds\": %d, \"void\": %d, \"median_ratio\": %.3f, \"ratio_of_medians\": %.3f, "
	       "\"best_ratio\": %.3f, \"empty_mpps\": %.2f, \"seal_mpps\": %.2f}\n",
	       contest->rounds, contest->rounds - n, median(ratio, n),
	       median(contest->rate[1], contest->rounds) /
		       median(contest->rate[0], contest->rounds),
	       best[1] / best[0], best[0] / 1e6, best[1] / 1e6);
}

static int run(struct contest *contest, const char *pin_root)
{
	double warm_up;
	int err;

	contest->sender = load_sender(contest->from);
	contest->empty = load_empty();
	if (contest->sender < 0 || contest->empty < 0)
		return -errno;
	err = round_empty(contest, &warm_up);
	for (int i = 0; err == 0 && i < contest->rounds; i++) {
		/* who goes first alternates */
		for (int k = 0; err == 0 && k < 2; k++) {
			int c = (i + k) % 2;

			err = c ? round_seal(contest, pin_root, &contest->rate[1][i]) :
				  round_empty(contest, &contest->rate[0][i]);
		}
	}
	if (err == 0)
		print(contest);
	return err;
}

int main(int argc, char **argv)
{
	static struct contest contest;
	int err;

	if (argc != 6) {
		fputs("usage: drop FROM TO ROUNDS PACKETS PIN_ROOT\n", stderr);
		return 2;
	}
	contest.from = (int)if_nametoindex(argv[1]);
	contest.to = (int)if_nametoindex(argv[2]);
	contest.rounds = (int)strtol(argv[3], NULL, 10); /* 0 and nonsense: out of range */
	contest.packets = (unsigned int)strtoul(argv[4], NULL, 10);
	if (!contest.from || !contest.to || contest.rounds < 1 || contest.rounds > ROUNDS_MAX ||
	    !contest.packets) {
		fputs("drop: no such devices, or figures out of range\n", stderr);
		return 2;
	}
	err = run(&contest, argv[5]);
	if (err < 0)
		fprintf(stderr, "drop: %s\n", strerror(-err));
	return err < 0;
}
