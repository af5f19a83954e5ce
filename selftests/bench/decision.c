// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What a decision of the seal costs above a program that drops everything unread, by
 * BPF_PROG_TEST_RUN: the least of ROUNDS interleaved rounds of REPEAT runs, for each kind of packet
 * that a sealed interface drops most.
 *
 *	decision ROUNDS REPEAT [PEER]
 *
 * prints one JSON object: nanoseconds by kind, and the worst; of PEER too, the id of another XDP program.
 */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <ppn/maps.h>
#include <ppn/reasons.h>
#include "seal.skel.h"

enum { FRAME = 64, CLAIM = 9443, DISCOVERY = 9442, CLOSED = 7 };

struct frame {
	const char *name;
	size_t len;
	uint8_t data[FRAME];
	uint32_t least_ns[2]; /* the seal's, the peer's */
};

static void put16(uint8_t *p, unsigned int v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static uint8_t *link_header(struct frame *f, const char *name, unsigned int type, bool vlan)
{
	memset(f, 0, sizeof(*f));
	f->name = name;
	f->len = 60;
	memset(f->data, 0x02, 12);
	if (vlan) {
		put16(f->data + 12, 0x8100);
		put16(f->data + 14, 5);
	}
	put16(f->data + (vlan ? 16 : 12), type);
	return f->data + (vlan ? 18 : 14);
}

static void udp_header(uint8_t *udp, unsigned int port, unsigned int len)
{
	put16(udp, 40000);
	put16(udp + 2, port);
	put16(udp + 4, len);
}

static uint8_t *ip4(struct frame *f, const char *name, bool vlan)
{
	static const uint8_t addresses[8] = { 192, 0, 2, 7, 192, 0, 2, 1 };
	uint8_t *ip = link_header(f, name, 0x0800, vlan);

	ip[0] = 0x45;
	put16(ip + 2, 40);
	ip[8] = 64;
	ip[9] = 17;
	memcpy(ip + 12, addresses, sizeof(addresses));
	udp_header(ip + 20, CLOSED, 20);
	return ip;
}

static void ip6(struct frame *f, const char *name)
{
	uint8_t *ip = link_header(f, name, 0x86dd, false);

	f->len = 62;
	ip[0] = 0x60;
	put16(ip + 4, 8);
	ip[6] = 17;
	ip[7] = 64;
	put16(ip + 8, 0x2001);
	ip[23] = 7;
	put16(ip + 24, 0x2001);
	ip[39] = 1;
	udp_header(ip + 40, CLOSED, 8);
}

/* The six kinds. A knock is one by its port only: what a stranger can send without the gate key. */
static size_t make_frames(struct frame frames[static 6])
{
	uint8_t *ip;

	ip4(&frames[0], "v4", false);
	ip6(&frames[1], "v6");
	ip4(&frames[2], "vlan", true);
	ip = ip4(&frames[3], "fragment", false);
	put16(ip + 6, 0x2000);
	ip4(&frames[4], "short", false);
	frames[4].len = 21;
	ip = ip4(&frames[5], "knock", false);
	udp_header(ip + 20, DISCOVERY, 20);
	memcpy(ip + 28, "ppn1\x01\x02", 6);
	put16(ip + 34, 12);
	return 6;
}

/* return XDP_DROP */
static int load_empty(void)
{
	const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = XDP_DROP },
		{ .code = BPF_JMP | BPF_EXIT },
	};

	return bpf_prog_load(BPF_PROG_TYPE_XDP, "bench_empty", "GPL", insns, 2, NULL);
}

static struct seal_bpf *load_seal(void)
{
	struct seal_bpf *seal = seal_bpf__open();
	struct bpf_map *map;

	if (!seal)
		return NULL;
	bpf_object__for_each_map(map, seal->obj)
		(void)bpf_map__set_pin_path(map, NULL);
	if (seal_bpf__load(seal)) {
		seal_bpf__destroy(seal);
		return NULL;
	}
	return seal;
}

/* Bound, with what costs most: ports are open, flows are kept. */
static int set_policy(const struct seal_bpf *seal)
{
	const uint32_t zero = 0;
	struct ppn_policy policy = {
		.word = PPN_POLICY_WORD(PPN_COLUMN_BOUND, PPN_POLICY_PORTS | PPN_POLICY_EGRESS, 2),
		.table[0] = {
			.fleet = { 0xfd, 1 },
			.claim_port = htons(CLAIM),
			.wg_port = htons(51820),
			.discovery_port = htons(DISCOVERY),
		},
	};

	return bpf_map_update_elem(bpf_map__fd(seal->maps.policy), &zero, &policy, BPF_ANY);
}

/* Nanoseconds a run, as the kernel says: whole ones. */
static int run(int prog, const struct frame *frame, int repeat, bool must_drop, uint32_t *least)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame->data,
		    .data_size_in = (uint32_t)frame->len, .repeat = repeat);
	int err = bpf_prog_test_run_opts(prog, &opts);

	if (err)
		return err;
	if (must_drop && opts.retval != XDP_DROP)
		return -EPROTO;
	if (opts.duration < *least)
		*least = opts.duration;
	return 0;
}

static void print(const char *prefix, const struct frame *frames, size_t n, int which,
		  uint32_t floor_ns)
{
	uint32_t worst = 0;

	printf(", \"%sover_floor_ns\": {", prefix);
	for (size_t k = 0; k < n; k++) {
		const uint32_t least = frames[k].least_ns[which];
		const uint32_t over = least > floor_ns ? least - floor_ns : 0;

		printf("%s\"%s\": %u", k ? ", " : "", frames[k].name, over);
		worst = over > worst ? over : worst;
	}
	printf("}, \"%sworst\": %u", prefix, worst);
}

/* peer: -1 for none. Whether it drops is its own affair. */
static int measure(int empty, int seal, int peer, int rounds, int repeat)
{
	struct frame frames[6];
	const size_t n = make_frames(frames);
	uint32_t floor_ns = UINT32_MAX;
	int err = 0;

	for (size_t k = 0; k < n; k++)
		frames[k].least_ns[0] = frames[k].least_ns[1] = UINT32_MAX;
	for (int i = 0; i < rounds && !err; i++) {
		err = run(empty, &frames[0], repeat, true, &floor_ns);
		for (size_t k = 0; k < n && !err; k++) {
			err = run(seal, &frames[k], repeat, true, &frames[k].least_ns[0]);
			if (!err && peer >= 0)
				err = run(peer, &frames[k], repeat, false, &frames[k].least_ns[1]);
		}
	}
	if (err)
		return err;
	printf("{\"floor_ns\": %u", floor_ns);
	print("", frames, n, 0, floor_ns);
	if (peer >= 0)
		print("peer_", frames, n, 1, floor_ns);
	printf("}\n");
	return 0;
}

int main(int argc, char **argv)
{
	struct seal_bpf *seal;
	int rounds, repeat, err, peer = -1;

	rounds = argc >= 3 ? (int)strtol(argv[1], NULL, 10) : 0;
	repeat = argc >= 3 ? (int)strtol(argv[2], NULL, 10) : 0;
	if (rounds < 1 || repeat < 1 || argc > 4) {
		fputs("usage: decision ROUNDS REPEAT [PEER]\n", stderr);
		return 2;
	}
	if (argc == 4)
		peer = bpf_prog_get_fd_by_id((uint32_t)strtoul(argv[3], NULL, 10));
	seal = load_seal();
	err = seal ? set_policy(seal) : -errno;
	if (!err)
		err = measure(load_empty(), bpf_program__fd(seal->progs.seal), peer, rounds,
			      repeat);
	if (err)
		fprintf(stderr, "decision: %s\n", strerror(-err));
	seal_bpf__destroy(seal);
	return err != 0;
}
