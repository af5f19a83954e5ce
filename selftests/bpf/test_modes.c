// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * timeout: 300
 * One seal, three hooks: the same 100,000 frames over a wire, judged by native XDP, generic XDP and TC, and by
 * reference.c (perf-and-reliability P7, P8: TC sees a frame whose outer tag the kernel has put aside).
 */
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include "bodies.h"
#include "corpus.h"
#include "seal_tc.skel.h"

enum { WORLDS = 50, FRAMES = 2000, AT_ONCE = 32, PATIENCE_MS = 200, SHOWN = 5 };

enum mode { NATIVE, GENERIC, TC, MODES };
static const char *const mode_text[MODES] = { "native XDP", "generic XDP", "TC" };

extern char **environ;

static void run(const char *const *argv)
{
	pid_t pid;
	int status;

	if (posix_spawnp(&pid, argv[0], NULL, NULL, (char *const *)argv, environ) ||
	    waitpid(pid, &status, 0) != pid || status)
		bail_out(argv[0]);
}

/* Two ends of a wire, and nobody at home behind either: what passes ends there. */
static void make_wire(void)
{
	static const char *const ends[] = { "sealed", "stranger" };
	char path[80];

	run((const char *const[]){ "ip", "link", "add", ends[0], "type", "veth", "peer", "name",
				   ends[1], NULL });
	for (int i = 0; i < 2; i++) {
		FILE *file;

		(void)snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/disable_ipv6",
			       ends[i]);
		file = fopen(path, "w");
		if (!file || fputs("1", file) < 0 || fclose(file))
			bail_out(path);
		run((const char *const[]){ "ip", "link", "set", ends[i], "up", NULL });
	}
}

/* seal_tc with the maps that the harness has. */
static struct seal_tc_bpf *load_tc(struct harness *h)
{
	struct seal_tc_bpf *tc = seal_tc_bpf__open();
	struct bpf_map *map;

	if (!tc)
		bail_out("open seal_tc.bpf.o");
	tc->rodata->settings.rate_off = 1;
	bpf_object__for_each_map(map, tc->obj) {
		const int fd = harness_map(h, bpf_map__name(map));

		(void)bpf_map__set_pin_path(map, NULL);
		if (!bpf_map__is_internal(map) && (fd < 0 || bpf_map__reuse_fd(map, fd)))
			bail_out(bpf_map__name(map));
	}
	tc->rodata->settings.hz = harness_hz();
	if (seal_tc_bpf__load(tc))
		bail_out("load seal_tc.bpf.o");
	return tc;
}

static void attach(struct harness *h, struct seal_tc_bpf *tc, enum mode mode, int ifindex)
{
	const __u32 flags = mode == NATIVE ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE;
	DECLARE_LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = ifindex, .attach_point = BPF_TC_INGRESS);
	DECLARE_LIBBPF_OPTS(bpf_tc_opts, opts, .prog_fd = bpf_program__fd(tc->progs.seal_tc));

	if (mode != TC) {
		if (bpf_xdp_attach(ifindex, harness_program(h, HARNESS_IN), flags, NULL))
			bail_out("attach XDP");
		return;
	}
	if (bpf_tc_hook_create(&hook) || bpf_tc_attach(&hook, &opts))
		bail_out("attach TC");
}

static void detach(enum mode mode, int ifindex)
{
	const __u32 flags = mode == NATIVE ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE;
	DECLARE_LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = ifindex,
			    .attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS);

	if (mode == TC ? bpf_tc_hook_destroy(&hook) : bpf_xdp_detach(ifindex, flags, NULL))
		bail_out("detach");
}

static int open_wire(int ifindex)
{
	const struct sockaddr_ll at = { .sll_family = AF_PACKET, .sll_ifindex = ifindex };
	const int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (const struct sockaddr *)&at, sizeof(at)))
		bail_out("packet socket");
	return fd;
}

struct sums {
	uint64_t seen, reason[_PPN_REASON_MAX];
};

static void collect(struct harness *h, struct sums *sums)
{
	uint64_t counts[_PPN_REASON_MAX];

	harness_counts(h, HARNESS_IN, counts);
	for (int i = 0; i < _PPN_REASON_MAX; i++) {
		sums->reason[i] += counts[i];
		sums->seen += counts[i];
	}
	(void)harness_drain(h);
}

/* Until all have come; TC is not shown frames that end within a VLAN tag. */
static void wait_for(struct harness *h, struct sums *sums, uint64_t want)
{
	const struct timespec pause = { .tv_nsec = 1000000 };
	uint64_t before;

	for (int silent = 0; sums->seen < want && silent < PATIENCE_MS; silent++) {
		before = sums->seen;
		collect(h, sums);
		if (sums->seen != before)
			silent = 0;
		else
			nanosleep(&pause, NULL);
	}
}

/* A few frames at a time, so that one error does not make up for another. */
struct batch {
	uint64_t shown; /* frames */
	uint64_t want[_PPN_REASON_MAX]; /* by the reference */
	struct sums got;
};

static struct result {
	uint64_t sent, hidden, seen, passed, differ;
} results[MODES];

/* skb_vlan_untag() wants the tag and two bytes behind it. */
static bool ends_in_tag(const struct pkt *p)
{
	return p->len < ETH_HLEN + 6 && ((p->data[12] == 0x81 && p->data[13] == 0x00) ||
					 (p->data[12] == 0x88 && p->data[13] == 0xa8));
}

static bool passes(int reason)
{
	static const bool pass[_PPN_REASON_MAX] = {
#define X(name, verdict, text, help) [PPN_REASON_##name] = PPN_VERDICT_##verdict,
		PPN_REASONS(X)
#undef X
	};

	return pass[reason];
}

/* XDP names the reference's reason of each; TC, whose frames lack a tag, at least of each that passes. */
static void compare(const struct batch *batch, enum mode mode)
{
	struct result *result = &results[mode];

	result->seen += batch->got.seen;
	for (int i = 0; i < _PPN_REASON_MAX; i++) {
		const uint64_t a = batch->got.reason[i], b = batch->want[i];

		result->passed += passes(i) ? a : 0;
		if (a == b || (mode == TC && !passes(i)))
			continue;
		if (result->differ < SHOWN)
			tap_note("%s: %s %llu times, by the reference %llu", mode_text[mode],
				 harness_reason_name(i), (unsigned long long)a,
				 (unsigned long long)b);
		result->differ += a > b ? a - b : b - a;
	}
}

static void send_one(struct reference_world *w, const struct pkt *p, enum mode mode, int wire,
		     struct batch *batch)
{
	const bool hidden = mode == TC && ends_in_tag(p);

	if (send(wire, p->data, p->len, 0) != (ssize_t)p->len)
		bail_out("send");
	batch->want[reference_seal(w, p->data, p->len).reason]++;
	batch->shown += !hidden;
	results[mode].sent++;
	results[mode].hidden += hidden;
}

static void send_world(struct harness *h, enum mode mode, int wire)
{
	static struct reference_world w, moved;
	struct batch batch = { 0 };
	struct pkt p;

	corpus_world(&w);
	corpus_set(h, &w);
	moved = w;
	harness_counts(h, HARNESS_IN, (uint64_t[_PPN_REASON_MAX]){ 0 });
	for (int i = 1; i <= FRAMES; i++) {
		corpus_packet(&p, &w, HARNESS_IN);
		send_one(&moved, &p, mode, wire, &batch);
		if (i % AT_ONCE && i < FRAMES)
			continue;
		wait_for(h, &batch.got, batch.shown);
		compare(&batch, mode);
		batch = (struct batch){ 0 };
	}
}

static void report(enum mode mode)
{
	const struct result *r = &results[mode];

	tap_ok(r->seen == r->sent - r->hidden, "%s was shown %llu of %llu frames", mode_text[mode],
	       (unsigned long long)r->seen, (unsigned long long)r->sent);
	tap_ok(!r->differ && r->passed,
	       "%s, each %d frames: %llu differ from the reference, %llu passed", mode_text[mode],
	       AT_ONCE, (unsigned long long)r->differ, (unsigned long long)r->passed);
}

int main(void)
{
	struct harness *h = harness_open(NULL);
	struct seal_tc_bpf *tc;
	int ifindex, wire;

	bodies_fill();
	tap_plan(2 * MODES);
	make_wire();
	ifindex = (int)if_nametoindex("sealed");
	wire = open_wire((int)if_nametoindex("stranger"));
	tc = load_tc(h);
	harness_ifindex(h, (uint32_t)ifindex);
	for (int mode = 0; mode < MODES; mode++) {
		corpus_state = 0x70706e32;
		attach(h, tc, (enum mode)mode, ifindex);
		for (int i = 0; i < WORLDS; i++)
			send_world(h, (enum mode)mode, wire);
		detach((enum mode)mode, ifindex);
	}
	for (int mode = 0; mode < MODES; mode++)
		report((enum mode)mode);
	close(wire);
	seal_tc_bpf__destroy(tc);
	harness_close(h);
	return tap_end();
}
