// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <linux/icmpv6.h>
#include <linux/if_ether.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include "frame.skel.h"
#include "frame_world.h"
#include "lib/crypto.h"

#define FLEET 0xfd, 0x5c, 0x91, 0xa2, 0x77, 0xe0
const uint8_t fw_address[_FW_WHO_MAX][16] = {
	[FW_SELF] = { FLEET, 0x11, 0x11, [15] = 1 },
	[FW_GUEST] = { FLEET, 0x11, 0x11, [15] = 2 },
	[FW_SEAT] = { FLEET, 0x22, 0x22, [15] = 1 },
	[FW_SEAT2] = { FLEET, 0x33, 0x33, [15] = 1 },
	[FW_CLOSED] = { FLEET, 0x44, 0x44, [15] = 1 },
	[FW_PEER] = { FLEET, 0x55, 0x55, [15] = 1 },
	[FW_OUTSIDE] = { 0xfd, 0x5c, 0x91, 0xa2, 0x77, 0xe1, [15] = 1 },
	[FW_GROUP] = { 0xff, 0x02, [15] = 0x16 },
};
const uint8_t fw_key[PPN_SEATS_MAX][PPN_SIP_KEY_LEN] = {
	{ 1, 2, 3 }, { 4, 5, 6 }, { 7, 8, 9 }, { 10 }
};

struct frame_world {
	struct frame_bpf *skel;
	struct ring_buffer *ring;
	struct ppn_policy *policy;
	struct ppn_slot *slots;
	struct ppn_count *one; /* per-CPU row */
	int cpus;
	void (*each)(void *arg, const struct ppn_frame_event *event);
	void *arg;
	uint32_t n_events;
	struct ppn_frame_event event;
};

static void bail(const char *what)
{
	printf("Bail out! %s: %s\n", what, strerror(errno));
	exit(1);
}

static int on_event(void *arg, void *data, size_t len)
{
	struct frame_world *w = arg;

	if (len < sizeof(w->event))
		bail("event too short");
	memcpy(&w->event, data, sizeof(w->event));
	w->n_events++;
	if (w->each)
		w->each(w->arg, &w->event);
	return 0;
}

static void *map_memory(const struct bpf_map *map, size_t len)
{
	void *at = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);

	if (at == MAP_FAILED)
		bail("mmap");
	return at;
}

struct frame_world *fw_open(void)
{
	struct frame_world *w = calloc(1, sizeof(*w));
	struct bpf_map *map;

	if (!w || !(w->skel = frame_bpf__open()))
		bail("open frame.bpf.o");
	bpf_object__for_each_map(map, w->skel->obj)
		(void)bpf_map__set_pin_path(map, NULL);
	if (frame_bpf__load(w->skel))
		bail("load frame.bpf.o");
	w->policy = map_memory(w->skel->maps.policy, sizeof(*w->policy));
	w->slots = map_memory(w->skel->maps.slots, PPN_SEATS_MAX * sizeof(*w->slots));
	w->ring = ring_buffer__new(bpf_map__fd(w->skel->maps.frames), on_event, w, NULL);
	w->cpus = libbpf_num_possible_cpus();
	w->one = calloc((size_t)w->cpus, sizeof(*w->one));
	if (!w->ring || !w->one)
		bail("ring buffer");
	fw_reset(w);
	return w;
}

void fw_close(struct frame_world *w)
{
	ring_buffer__free(w->ring);
	frame_bpf__destroy(w->skel);
	free(w->one);
	free(w);
}

struct ppn_policy *fw_policy(struct frame_world *w)
{
	return w->policy;
}

struct ppn_slot *fw_slots(struct frame_world *w)
{
	return w->slots;
}

struct ppn_command fw_command(struct frame_world *w)
{
	struct ppn_command command;
	const __u32 zero = 0;

	if (bpf_map_lookup_elem_flags(bpf_map__fd(w->skel->maps.command), &zero, &command,
				      BPF_F_LOCK))
		bail("read command");
	return command;
}

void fw_set_command(struct frame_world *w, const struct ppn_command *command)
{
	const __u32 zero = 0;

	if (bpf_map_update_elem(bpf_map__fd(w->skel->maps.command), &zero, command, BPF_F_LOCK))
		bail("write command");
}

static struct ppn_slot make_slot(uint32_t index, enum fw_who who, bool valid)
{
	struct ppn_slot slot = {
		.valid = valid,
		.generation = FW_GENERATION + index,
		.reserved = FW_RESERVED,
		.floor = FW_FLOOR,
	};

	memcpy(slot.address, fw_address[who], sizeof(slot.address));
	memcpy(slot.key, fw_key[index], sizeof(slot.key));
	return slot;
}

void fw_reset(struct frame_world *w)
{
	const struct ppn_command command = {
		.window[0] = { .generation = FW_GENERATION,
			       .top = FW_TOP,
			       .last_state = FW_LAST_STATE,
			       .seen = FW_SEEN },
	};
	struct ppn_policy_table *table = &w->policy->table[1];

	memset(w->policy, 0, sizeof(*w->policy));
	memcpy(table->fleet, fw_address[FW_SELF], 6);
	memcpy(table->address, fw_address[FW_SELF], 16);
	table->number = FW_NUMBER;
	table->claim_port = htons(PPN_PORT_CLAIM);
	w->policy->word = PPN_POLICY_WORD(PPN_COLUMN_BOUND, 0, 1);
	memset(w->slots, 0, PPN_SEATS_MAX * sizeof(*w->slots));
	w->slots[0] = make_slot(0, FW_SEAT, true);
	w->slots[1] = make_slot(1, FW_CLOSED, false);
	w->slots[2] = make_slot(2, FW_SEAT2, true);
	fw_set_command(w, &command);
	(void)fw_drain(w, NULL, NULL);
}

uint64_t fw_count(struct frame_world *w, enum ppn_reason reason)
{
	const __u32 key = reason;
	uint64_t sum = 0;

	if (bpf_map_lookup_elem(bpf_map__fd(w->skel->maps.frame_count), &key, w->one))
		bail("read frame_count");
	for (int i = 0; i < w->cpus; i++)
		sum += w->one[i].packets;
	return sum;
}

struct fw_packet fw_ip6(enum fw_who from, enum fw_who to, uint8_t proto, const void *payload,
			size_t len)
{
	struct fw_packet packet = { .len = sizeof(struct ipv6hdr) + len };
	struct ipv6hdr ip = {
		.version = 6,
		.payload_len = htons((uint16_t)len),
		.nexthdr = proto,
		.hop_limit = 64,
	};

	memcpy(&ip.saddr, fw_address[from], 16);
	memcpy(&ip.daddr, fw_address[to], 16);
	memcpy(packet.data, &ip, sizeof(ip));
	if (len)
		memcpy(packet.data + sizeof(ip), payload, len);
	return packet;
}

struct fw_packet fw_udp(enum fw_who from, enum fw_who to, uint16_t port, const void *payload,
			size_t len)
{
	struct udphdr udp = { .source = htons(40000),
			      .dest = htons(port),
			      .len = htons((uint16_t)(sizeof(udp) + len)) };
	uint8_t datagram[200];

	memcpy(datagram, &udp, sizeof(udp));
	if (len)
		memcpy(datagram + sizeof(udp), payload, len);
	return fw_ip6(from, to, IPPROTO_UDP, datagram, sizeof(udp) + len);
}

struct fw_packet fw_tcp(enum fw_who from, enum fw_who to, uint16_t port)
{
	struct tcphdr tcp = { .source = htons(40000), .dest = htons(port), .doff = 5, .syn = 1 };

	return fw_ip6(from, to, IPPROTO_TCP, &tcp, sizeof(tcp));
}

struct fw_packet fw_echo(enum fw_who from, enum fw_who to)
{
	struct icmp6hdr echo = { .icmp6_type = ICMPV6_ECHO_REQUEST };

	return fw_ip6(from, to, IPPROTO_ICMPV6, &echo, sizeof(echo));
}

static void put24(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 16);
	at[1] = (uint8_t)(value >> 8);
	at[2] = (uint8_t)value;
}

struct ppn_frame fw_frame(uint8_t op, uint32_t target, uint32_t seq, const uint8_t *key)
{
	struct ppn_frame frame = { .op = op, .arg = 3 };

	put24(frame.target, target);
	put24(frame.seq, seq);
	ppn_siphash(frame.tag, key, &frame, 8);
	return frame;
}

struct fw_packet fw_command_packet(uint8_t op, uint32_t seq)
{
	const struct ppn_frame frame = fw_frame(op, FW_NUMBER, seq, fw_key[0]);

	return fw_udp(FW_SEAT, FW_SELF, PPN_PORT_FRAME, &frame, sizeof(frame));
}

int fw_drain(struct frame_world *w, void (*each)(void *arg, const struct ppn_frame_event *event),
	     void *arg)
{
	int n;

	w->each = each;
	w->arg = arg;
	n = ring_buffer__consume(w->ring);
	w->each = NULL;
	return n;
}

static struct fw_result run(struct frame_world *w, struct bpf_program *prog, const void *data,
			    size_t len)
{
	struct fw_result result = { .reason = -1 };
	uint64_t before[_PPN_REASON_MAX];
	uint8_t out[512];
	int moved = 0;

	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = data, .data_size_in = (__u32)len,
		    .data_out = out, .data_size_out = sizeof(out), .repeat = 1);
	for (int i = 0; i < _PPN_REASON_MAX; i++)
		before[i] = fw_count(w, i);
	w->n_events = 0;
	if (bpf_prog_test_run_opts(bpf_program__fd(prog), &opts))
		bail("BPF_PROG_TEST_RUN");
	(void)fw_drain(w, NULL, NULL);
	for (int i = 0; i < _PPN_REASON_MAX; i++) {
		moved += (int)(fw_count(w, i) - before[i]);
		if (fw_count(w, i) != before[i])
			result.reason = i;
	}
	if (moved != 1)
		result.reason = -1;
	result.verdict = opts.retval;
	result.n_events = w->n_events;
	result.event = w->event;
	result.same = opts.data_size_out == len && !memcmp(out, data, len);
	return result;
}

struct fw_result fw_run(struct frame_world *w, const struct fw_packet *packet)
{
	return run(w, w->skel->progs.frame_in, packet->data, packet->len);
}

struct fw_result fw_run_out(struct frame_world *w, const struct fw_packet *packet)
{
	uint8_t data[ETH_HLEN + sizeof(packet->data)] = { 0 };
	const uint16_t type = htons(packet->data[0] >> 4 == 4 ? ETH_P_IP : ETH_P_IPV6);

	memcpy(data + 2 * ETH_ALEN, &type, sizeof(type));
	memcpy(data + ETH_HLEN, packet->data, packet->len);
	return run(w, w->skel->progs.frame_out, data, ETH_HLEN + packet->len);
}

int fw_run_blind(struct frame_world *w, const struct fw_packet *packet)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packet->data,
		    .data_size_in = (__u32)packet->len, .repeat = 1);

	if (bpf_prog_test_run_opts(bpf_program__fd(w->skel->progs.frame_in), &opts))
		bail("BPF_PROG_TEST_RUN");
	return (int)opts.retval;
}

uint32_t fw_verified_insns(struct frame_world *w, bool out)
{
	const struct bpf_program *prog = out ? w->skel->progs.frame_out : w->skel->progs.frame_in;
	struct bpf_prog_info info = { 0 };
	__u32 len = sizeof(info);

	return bpf_obj_get_info_by_fd(bpf_program__fd(prog), &info, &len) ? 0 : info.verified_insns;
}
