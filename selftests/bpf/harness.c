// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <arpa/inet.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include "harness.h"
#include "seal.skel.h"
#include "egress.skel.h"

const uint8_t harness_gate_key[PPN_SIP_KEY_LEN] = { 9, 8, 7, 6, 5, 4, 3, 2, 1 };

struct harness {
	struct seal_bpf *seal;
	struct egress_bpf *egress;
	struct ring_buffer *ring, *sample_ring;
	struct ppn_policy *policy;
	uint64_t *port_bits;
	struct ppn_count *row; /* per CPU */
	int cpus;
	uint32_t events, ifindex;
	struct ppn_packet_event event;
	uint32_t n_samples;
	struct ppn_sample sample;
	struct ppn_policy_table table; /* of the next generation */
};

uint32_t harness_hz(void)
{
	struct timespec tick;

	if (clock_getres(CLOCK_MONOTONIC_COARSE, &tick) || !tick.tv_nsec)
		bail_out("clock_getres");
	return (uint32_t)(1000000000 / tick.tv_nsec);
}

/* A network of our own with loopback up, and one CPU: counters and rates are kept per CPU. */
static void own_world(void)
{
	struct ifreq req = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	const int s = unshare(CLONE_NEWNET) ? -1 : socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	cpu_set_t one;

	if (s < 0 || ioctl(s, SIOCSIFFLAGS, &req))
		bail_out("network namespace with loopback");
	close(s);
	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	if (sched_setaffinity(0, sizeof(one), &one))
		bail_out("sched_setaffinity");
}

static int on_event(void *arg, void *data, size_t len)
{
	struct harness *h = arg;

	if (len < sizeof(h->event))
		bail_out("event too short");
	memcpy(&h->event, data, sizeof(h->event));
	h->events++;
	return 0;
}

static int on_sample(void *arg, void *data, size_t len)
{
	struct harness *h = arg;

	if (len < sizeof(h->sample))
		bail_out("sample too short");
	memcpy(&h->sample, data, sizeof(h->sample));
	h->n_samples++;
	return 0;
}

static void unpin(struct bpf_object *object)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, object)
		(void)bpf_map__set_pin_path(map, NULL);
}

static void settings(struct ppn_settings *ret, const struct harness_options *options)
{
	*ret = (struct ppn_settings){
		.rate_seed = { 0x0123456789abcdefULL, 0x1032547698badcfeULL },
		.hz = harness_hz(),
		.rate_off = !(options && options->rates),
	};
}

static void load_seal(struct harness *h, const struct harness_options *options)
{
	h->seal = seal_bpf__open();
	if (!h->seal)
		bail_out("open seal.bpf.o");
	unpin(h->seal->obj);
	settings(&h->seal->rodata->settings, options);
	if (seal_bpf__load(h->seal))
		bail_out("load seal.bpf.o");
}

/* The maps that both programs name are one. */
static void load_egress(struct harness *h, const struct harness_options *options)
{
	struct bpf_map *map, *same;

	h->egress = egress_bpf__open();
	if (!h->egress)
		bail_out("open egress.bpf.o");
	unpin(h->egress->obj);
	settings(&h->egress->rodata->settings, options);
	bpf_object__for_each_map(map, h->egress->obj) {
		same = bpf_object__find_map_by_name(h->seal->obj, bpf_map__name(map));
		if (same && !bpf_map__is_internal(map) && bpf_map__reuse_fd(map, bpf_map__fd(same)))
			bail_out("share a map");
	}
	if (egress_bpf__load(h->egress))
		bail_out("load egress.bpf.o");
}

struct harness *harness_open(const struct harness_options *options)
{
	struct harness *h = calloc(1, sizeof(*h));

	if (!h)
		bail_out("calloc");
	h->ifindex = HARNESS_IFINDEX;
	own_world();
	load_seal(h, options);
	load_egress(h, options);
	h->policy = mmap(NULL, sizeof(*h->policy), PROT_READ | PROT_WRITE, MAP_SHARED,
			 bpf_map__fd(h->seal->maps.policy), 0);
	h->port_bits = mmap(NULL, PPN_MAP_PORT_BITS * sizeof(uint64_t), PROT_READ | PROT_WRITE,
			    MAP_SHARED, bpf_map__fd(h->seal->maps.port_bits), 0);
	h->ring = ring_buffer__new(bpf_map__fd(h->seal->maps.packets), on_event, h, NULL);
	h->sample_ring = ring_buffer__new(bpf_map__fd(h->seal->maps.samples), on_sample, h, NULL);
	h->cpus = libbpf_num_possible_cpus();
	h->row = calloc((size_t)h->cpus, sizeof(*h->row));
	if (h->policy == MAP_FAILED || h->port_bits == MAP_FAILED || !h->ring || !h->sample_ring ||
	    !h->row)
		bail_out("policy and ring buffer");
	harness_pin(h, true);
	harness_fleet(h, true);
	return h;
}

void harness_close(struct harness *h)
{
	ring_buffer__free(h->ring);
	ring_buffer__free(h->sample_ring);
	munmap(h->policy, sizeof(*h->policy));
	munmap(h->port_bits, PPN_MAP_PORT_BITS * sizeof(uint64_t));
	egress_bpf__destroy(h->egress);
	seal_bpf__destroy(h->seal);
	free(h->row);
	free(h);
}

/* -- state -- */

static void close_ports(struct harness *h)
{
	const int fd = bpf_map__fd(h->seal->maps.open_ports);
	struct ppn_port_key key;

	while (!bpf_map_get_next_key(fd, NULL, &key))
		if (bpf_map_delete_elem(fd, &key))
			bail_out("open_ports");
	while (!bpf_map_get_next_key(bpf_map__fd(h->seal->maps.egress_ports), NULL, &key))
		if (bpf_map_delete_elem(bpf_map__fd(h->seal->maps.egress_ports), &key))
			bail_out("egress_ports");
	memset(h->port_bits, 0, PPN_MAP_PORT_BITS * sizeof(uint64_t));
}

static void set_bit(struct harness *h, uint32_t generation, uint8_t proto, uint16_t port)
{
	const __be16 raw = htons(port);

	h->port_bits[PPN_PORT_BITS_WORD(generation, proto == IPPROTO_UDP, raw)] |=
		1ULL << PPN_PORT_BITS_BIT(raw);
}

void harness_policy(struct harness *h, enum ppn_column column, uint32_t flags)
{
	const uint32_t generation = PPN_POLICY_GENERATION(h->policy->word) + 1;

	memcpy(h->table.gate_key, harness_gate_key, sizeof(h->table.gate_key));
	h->table.claim_port = htons(HARNESS_CLAIM);
	h->table.wg_port = htons(HARNESS_WG);
	h->table.discovery_port = htons(HARNESS_DISCOVERY);
	close_ports(h);
	set_bit(h, generation, IPPROTO_TCP, HARNESS_CLAIM);
	set_bit(h, generation, IPPROTO_UDP, HARNESS_WG);
	set_bit(h, generation, IPPROTO_UDP, HARNESS_DISCOVERY);
	set_bit(h, generation, IPPROTO_UDP, 68);
	set_bit(h, generation, IPPROTO_UDP, 546);
	h->policy->table[generation & 1] = h->table;
	__atomic_store_n(&h->policy->word, PPN_POLICY_WORD(column, flags, generation),
			 __ATOMIC_RELEASE);
}

void harness_pin(struct harness *h, bool pinned)
{
	h->table.pinned = pinned;
}

void harness_fleet(struct harness *h, bool fleet)
{
	static const uint8_t prefix[8] = { 0xfd, 0x5c, 0x91, 0xa2, 0x77, 0xe0 };

	memset(h->table.fleet, 0, sizeof(h->table.fleet));
	if (fleet)
		memcpy(h->table.fleet, prefix, sizeof(prefix));
}

static void put(const struct bpf_map *map, const void *key, const void *value)
{
	if (bpf_map_update_elem(bpf_map__fd(map), key, value, BPF_ANY))
		bail_out(bpf_map__name(map));
}

void harness_isolate(struct harness *h, bool isolated)
{
	const struct ppn_command command = { .isolated = isolated };
	const uint32_t zero = 0;

	put(h->seal->maps.command, &zero, &command);
}

static void add_prefix(struct ppn_port_rule *rule, const char *text)
{
	uint8_t *addr = rule->prefix[rule->n].addr, *mask = rule->prefix[rule->n].mask;
	const char *slash = strchr(text, '/');
	char address[64] = "";
	unsigned long len;

	if (!slash || slash - text >= (long)sizeof(address) || rule->n == PPN_PORT_PREFIXES)
		bail_out(text);
	memcpy(address, text, (size_t)(slash - text));
	len = strtoul(slash + 1, NULL, 10);
	if (inet_pton(AF_INET6, address, addr) != 1) {
		if (inet_pton(AF_INET, address, addr + 12) != 1)
			bail_out(text);
		memset(addr + 10, 0xff, 2);
		len += 96;
	}
	for (unsigned long bit = 0; bit < len; bit++)
		mask[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
	for (int i = 0; i < 16; i++)
		addr[i] &= mask[i];
	rule->n++;
}

void harness_port(struct harness *h, uint8_t proto, uint16_t port, bool rescue, const char *prefix)
{
	const struct ppn_port_key key = {
		.generation = PPN_POLICY_GENERATION(h->policy->word),
		.port = htons(port),
		.proto = proto,
		.kind = rescue ? PPN_PORT_RESCUE : PPN_PORT_ROSTER,
	};
	struct ppn_port_rule rule = {};

	(void)bpf_map_lookup_elem(bpf_map__fd(h->seal->maps.open_ports), &key, &rule);
	set_bit(h, key.generation, proto, port);
	if (prefix)
		add_prefix(&rule, prefix);
	else
		rule.any = 1;
	put(h->seal->maps.open_ports, &key, &rule);
}

/* Addresses of packets.c: what comes in is for the first, what goes out is from the second. */
void harness_iface(struct harness *h, uint8_t underlay, uint8_t flags)
{
	const struct ppn_iface iface = {
		.group = h->ifindex,
		.underlay = underlay,
		.flags = flags,
		.mac = { { 2, [5] = 1 }, { 2, [5] = 2 } },
	};
	const uint32_t ifindex = h->ifindex;

	put(h->seal->maps.ifaces, &ifindex, &iface);
}

void harness_floor(struct harness *h, const uint8_t *serial, uint64_t time_ms)
{
	struct ppn_floor_key key = { .type = PPN_PACKET_BEACON };

	memcpy(key.serial, serial, sizeof(key.serial));
	put(h->seal->maps.floors, &key, &time_ms);
}

bool harness_lease_now(struct harness *h, struct ppn_lease *ret_lease)
{
	const uint32_t ifindex = h->ifindex;

	return !bpf_map_lookup_elem(bpf_map__fd(h->seal->maps.leases), &ifindex, ret_lease);
}

void harness_no_lease(struct harness *h)
{
	const uint32_t ifindex = h->ifindex;

	(void)bpf_map_delete_elem(bpf_map__fd(h->seal->maps.leases), &ifindex);
}

/* Jiffies are nowhere to be read but in BPF: egress writes a lease, whose time is then taken. */
static uint64_t jiffies_now(struct harness *h)
{
	static const uint8_t mac[6] = { 2 };
	uint8_t request[PKT_BOOTP_LEN];
	const struct pkt_spec spec = {
		.src = "0.0.0.0",
		.dst = "255.255.255.255",
		.proto = IPPROTO_UDP,
		.sport = 68,
		.dport = 67,
		.payload = request,
		.payload_len = (uint16_t)pkt_bootp(request, 1, 1, mac),
	};
	struct ppn_iface iface;
	struct ppn_lease lease;
	struct pkt p;
	const uint32_t ifindex = HARNESS_IFINDEX, was = h->ifindex;

	/* TEST_RUN's own. */
	h->ifindex = ifindex;
	if (bpf_map_lookup_elem(bpf_map__fd(h->seal->maps.ifaces), &ifindex, &iface))
		memset(&iface, 0, sizeof(iface));
	harness_iface(h, PPN_UNDERLAY_DHCP, 0);
	pkt_build(&spec, &p);
	(void)harness_run(h, HARNESS_OUT, p.data, p.len);
	if (!harness_lease_now(h, &lease))
		bail_out("no lease from egress");
	harness_iface(h, iface.underlay, iface.flags);
	h->ifindex = was;
	return lease.opened4;
}

void harness_trial(struct harness *h, const struct ppn_flow_key *flow, int seconds)
{
	h->table.trial = *flow;
	h->table.trial_end = jiffies_now(h) + (uint64_t)((int64_t)seconds * harness_hz());
}

void harness_lease(struct harness *h, const struct ppn_lease *lease, unsigned int ago)
{
	struct ppn_lease value = *lease;
	const uint32_t ifindex = h->ifindex;

	value.opened4 = value.opened6 = jiffies_now(h) - (uint64_t)ago * harness_hz();
	put(h->seal->maps.leases, &ifindex, &value);
}

/* -- flows -- */

void harness_egress(struct harness *h, uint8_t proto, uint16_t port, uint8_t kind,
		    const char *prefix, int for_s)
{
	const struct ppn_port_key key = {
		.generation = PPN_POLICY_GENERATION(h->policy->word),
		.port = htons(port),
		.proto = proto,
		.kind = kind,
	};
	const uint64_t until = for_s ? jiffies_now(h) + (uint64_t)((int64_t)for_s * harness_hz()) :
				       0;
	struct ppn_port_rule rule = {};

	(void)bpf_map_lookup_elem(bpf_map__fd(h->seal->maps.egress_ports), &key, &rule);
	if (prefix) {
		rule.prefix[rule.n].until = until;
		add_prefix(&rule, prefix);
	} else {
		rule.any = 1;
		rule.until = until;
	}
	put(h->seal->maps.egress_ports, &key, &rule);
}

uint64_t harness_filter(struct harness *h, const struct ppn_flow_key *key)
{
	const uint32_t slot = ppn_flow_slot(ppn_flow_key_hash(key));
	uint64_t word;

	if (bpf_map_lookup_elem(bpf_map__fd(h->seal->maps.flow_filter), &slot, &word))
		bail_out("flow_filter");
	return word;
}

void harness_filter_put(struct harness *h, const struct ppn_flow_key *key, uint64_t word)
{
	const uint32_t slot = ppn_flow_slot(ppn_flow_key_hash(key));

	put(h->seal->maps.flow_filter, &slot, &word);
}

void harness_no_flows(struct harness *h)
{
	const int fd = bpf_map__fd(h->seal->maps.flows);
	struct ppn_flow_key key;

	while (!bpf_map_get_next_key(fd, NULL, &key)) {
		if (bpf_map_delete_elem(fd, &key))
			bail_out("flows");
		harness_filter_put(h, &key, 0);
	}
}

size_t harness_flows(struct harness *h)
{
	const int fd = bpf_map__fd(h->seal->maps.flows);
	struct ppn_flow_key key, *from = NULL;
	size_t n = 0;

	for (; !bpf_map_get_next_key(fd, from, &key); n++)
		from = &key;
	return n;
}

void harness_flow_put(struct harness *h, const struct ppn_flow_key *key,
		      const struct ppn_flow_value *value, unsigned int ago)
{
	const uint64_t bits = ppn_flow_bits(ppn_flow_key_hash(key));
	struct ppn_flow_value flow = *value;

	flow.seen = jiffies_now(h) - (uint64_t)ago * harness_hz();
	flow.generation = PPN_POLICY_GENERATION(h->policy->word);
	put(h->seal->maps.flows, key, &flow);
	harness_filter_put(h, key, harness_filter(h, key) | bits);
}

bool harness_flow(struct harness *h, const struct ppn_flow_key *key,
		  struct ppn_flow_value *ret_value)
{
	return !bpf_map_lookup_elem(bpf_map__fd(h->seal->maps.flows), key, ret_value);
}

void harness_flow_age(struct harness *h, const struct ppn_flow_key *key, unsigned int seconds)
{
	struct ppn_flow_value value;

	if (!harness_flow(h, key, &value))
		bail_out("no such flow");
	value.seen -= (uint64_t)seconds * harness_hz();
	put(h->seal->maps.flows, key, &value);
}

void harness_flows_fill(struct harness *h, unsigned int n)
{
	const struct ppn_flow_value value = { .seen = jiffies_now(h), .state = PPN_FLOW_OPEN };
	struct ppn_flow_key key = { .proto = IPPROTO_UDP };

	for (unsigned int i = 0; i < n; i++) {
		memcpy(key.remote, &i, sizeof(i));
		put(h->seal->maps.flows, &key, &value);
	}
}

/* -- runs -- */

static const struct bpf_map *counts_of(const struct harness *h, enum harness_way way)
{
	return way == HARNESS_IN ? h->seal->maps.seal_count : h->egress->maps.egress_count;
}

static void clear_counts(struct harness *h, enum harness_way way)
{
	memset(h->row, 0, (size_t)h->cpus * sizeof(*h->row));
	for (uint32_t i = 0; i < _PPN_REASON_MAX; i++)
		put(counts_of(h, way), &i, h->row);
}

static struct ppn_count read_count(struct harness *h, enum harness_way way, uint32_t reason)
{
	struct ppn_count sum = {};

	if (bpf_map_lookup_elem(bpf_map__fd(counts_of(h, way)), &reason, h->row))
		bail_out("read a counter");
	for (int i = 0; i < h->cpus; i++) {
		sum.packets += h->row[i].packets;
		sum.bytes += h->row[i].bytes;
	}
	return sum;
}

static int the_reason(struct harness *h, enum harness_way way, size_t len)
{
	int reason = -1;

	for (uint32_t i = 0; i < _PPN_REASON_MAX; i++) {
		const struct ppn_count count = read_count(h, way, i);

		if (!count.packets && !count.bytes)
			continue;
		if (reason >= 0 || count.packets != 1 || count.bytes != len)
			return -1;
		reason = (int)i;
	}
	return reason;
}

int harness_program(const struct harness *h, enum harness_way way)
{
	return way == HARNESS_IN ? bpf_program__fd(h->seal->progs.seal) :
				   bpf_program__fd(h->egress->progs.egress);
}

int harness_map(const struct harness *h, const char *name)
{
	const struct bpf_map *map = bpf_object__find_map_by_name(h->seal->obj, name);

	return map ? bpf_map__fd(map) : -1;
}

void harness_ifindex(struct harness *h, uint32_t ifindex)
{
	h->ifindex = ifindex;
}

uint32_t harness_insns(const struct harness *h, enum harness_way way)
{
	struct bpf_prog_info info = { 0 };
	__u32 len = sizeof(info);

	if (bpf_obj_get_info_by_fd(harness_program(h, way), &info, &len))
		bail_out("program info");
	return info.verified_insns;
}

uint32_t harness_drain(struct harness *h)
{
	h->events = 0;
	if (ring_buffer__consume(h->ring) < 0)
		bail_out("consume");
	return h->events;
}

uint32_t harness_drain_samples(struct harness *h)
{
	h->n_samples = 0;
	(void)ring_buffer__consume(h->sample_ring);
	return h->n_samples;
}

const struct ppn_sample *harness_sample(const struct harness *h)
{
	return &h->sample;
}

const struct ppn_packet_event *harness_event(const struct harness *h)
{
	return &h->event;
}

struct harness_result harness_run(struct harness *h, enum harness_way way, const void *packet,
				  size_t len)
{
	static uint8_t out[PKT_MAX + 256];
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packet, .data_size_in = (uint32_t)len,
		    .data_out = out, .data_size_out = sizeof(out), .repeat = 1);
	struct harness_result result;

	clear_counts(h, way);
	if (bpf_prog_test_run_opts(harness_program(h, way), &opts))
		bail_out("BPF_PROG_TEST_RUN");
	result = (struct harness_result){
		.retval = opts.retval,
		.pass = opts.retval == (way == HARNESS_IN ? XDP_PASS : TC_ACT_OK),
		.reason = the_reason(h, way, len),
		.events = harness_drain(h),
		.same = opts.data_size_out == len && !memcmp(out, packet, len),
	};
	return result;
}

/* TC is given no IP packet that lacks part of its fixed header. */
bool harness_refuses(enum harness_way way, const uint8_t *frame, size_t len)
{
	if (len < ETH_HLEN)
		return true;
	if (way == HARNESS_IN)
		return false;
	return (frame[12] == 0x86 && frame[13] == 0xdd && len < ETH_HLEN + 40) ||
	       (frame[12] == 0x08 && frame[13] == 0x00 && len < ETH_HLEN + 20);
}

bool harness_verdict(struct harness *h, enum harness_way way, const void *packet, size_t len)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packet, .data_size_in = (uint32_t)len,
		    .repeat = 1);

	if (bpf_prog_test_run_opts(harness_program(h, way), &opts))
		bail_out("BPF_PROG_TEST_RUN");
	return opts.retval == (way == HARNESS_IN ? XDP_PASS : TC_ACT_OK);
}

void harness_counts(struct harness *h, enum harness_way way, uint64_t ret_packets[_PPN_REASON_MAX])
{
	for (uint32_t i = 0; i < _PPN_REASON_MAX; i++)
		ret_packets[i] = read_count(h, way, i).packets;
	clear_counts(h, way);
}

uint64_t harness_count(struct harness *h, enum harness_way way, enum ppn_reason reason)
{
	return read_count(h, way, reason).packets;
}

const char *harness_reason_name(int reason)
{
	static const char *const names[] = {
#define X(name, verdict, text, help) text,
		PPN_REASONS(X)
#undef X
	};

	return reason >= 0 && reason < _PPN_REASON_MAX ? names[reason] : "no single one";
}
