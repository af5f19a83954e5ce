// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Puts one of our contestants on a device, natively, or takes it off:
 *
 *	hold on|off CONTESTANT DEVICE
 *
 *	drop, pass                    an empty program: the limit
 *	seal[:ports=N][:flows=N]      the seal's program, linked as those are. What it reads is made the first time
 *	                              and stays: all that a round does is to link and to detach
 *	sealed                        in and out, as ppnd puts it on
 *
 * The seal is bound, the service's port open (ports=N: so many of UDP; 0: none). flows=N: an egress list, and so many
 * flows in the table. A policy takes 512 rows; above that the ports' bits alone are set, which is all that the way to
 * a drop reads of them.
 */
#include <glob.h>
#include <linux/if_link.h>
#include <stdio.h>
#include <ppn/wire.h>

#include "kernel/datapath_private.h"
#include "sender.h"

enum { PORTS_FROM = 10000, NONE = -1 };

struct contestant {
	const char *name;
	int prog_verdict; /* of an empty program, or NONE */
	long ports, flows;
};

static int load_empty(int verdict)
{
	const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = verdict },
		{ .code = BPF_JMP | BPF_EXIT },
	};

	return bpf_prog_load(BPF_PROG_TYPE_XDP, "bench_empty", "GPL", insns, 2, NULL);
}

static const char *link_pin(const char *device)
{
	static char path[64];

	(void)snprintf(path, sizeof(path), "/sys/fs/bpf/bench-%s", device);
	return path;
}

static int link_on(int prog, const char *device)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = XDP_FLAGS_DRV_MODE);
	int link;

	if (prog < 0)
		return prog;
	link = bpf_link_create(prog, (int)if_nametoindex(device), BPF_XDP, &opts);
	return link < 0 ? link : bpf_obj_pin(link, link_pin(device));
}

/* The last pin's end would take it off some time later. */
static int link_off(const char *device)
{
	int link = bpf_obj_get(link_pin(device));
	int err = link < 0 ? link : bpf_link_detach(link);

	return err ? err : unlink(link_pin(device));
}

static size_t open_ports(const struct contestant *c, struct ppn_open_port *ports, size_t max)
{
	size_t n = 0;

	if (c->ports) {
		ports[n++] = (struct ppn_open_port){ .proto = IPPROTO_TCP, .port = SENDER_OPEN };
		ports[n++] = (struct ppn_open_port){ .proto = IPPROTO_UDP, .port = SENDER_OPEN };
	}
	for (long i = 1; i < c->ports && n < max; i++)
		ports[n++] = (struct ppn_open_port){ .proto = IPPROTO_UDP,
						     .port = (uint16_t)(PORTS_FROM + i) };
	for (size_t i = 0; i < n; i++)
		ports[i].any = 1;
	return n;
}

/* All of UDP but the port that the flood goes to. */
static void open_bits(struct ppn_datapath *dp)
{
	const uint32_t generation = PPN_POLICY_GENERATION(dp->policy->word);

	for (uint32_t port = 0; port <= UINT16_MAX; port++)
		if (port != SENDER_CLOSED)
			dp->port_bits[PPN_PORT_BITS_WORD(generation, 1, htons((uint16_t)port))] |=
				1ULL << PPN_PORT_BITS_BIT(htons((uint16_t)port));
}

static int set_policy(struct ppn_datapath *dp, const struct contestant *c)
{
	static struct ppn_open_port ports[PPN_DATAPATH_OPEN_MAX + 1];
	const struct ppn_policy_table table = {
		.fleet = { 0xfd, 1 },
		.claim_port = htons(PPN_PORT_CLAIM),
		.wg_port = htons(PPN_PORT_WIREGUARD),
		.discovery_port = htons(PPN_PORT_DISCOVERY),
	};
	size_t n = open_ports(c, ports, PPN_DATAPATH_OPEN_MAX);
	int err;

	if (c->flows != NONE)
		ports[n++] = (struct ppn_open_port){ .proto = IPPROTO_TCP, .any = 1, .egress = 1 };
	err = ppn_datapath_policy(dp, PPN_COLUMN_BOUND, 0, &table, ports, n);
	if (!err && c->ports > PPN_DATAPATH_OPEN_MAX)
		open_bits(dp);
	return err;
}

/* To some address, from some port: -EEXIST where that is there. */
static int add_flow(struct ppn_datapath *dp, uint64_t now)
{
	struct ppn_flow_key key = { .local = { [10] = 0xff, [11] = 0xff },
				    .remote = { [10] = 0xff, [11] = 0xff },
				    .remote_port = htons(443),
				    .proto = IPPROTO_TCP };
	const struct ppn_flow_value value = {
		.seen = now,
		.generation = PPN_POLICY_GENERATION(dp->policy->word),
		.state = PPN_FLOW_OPEN,
	};
	const uint32_t address = (uint32_t)mrand48();

	memcpy(key.remote + 12, &address, sizeof(address));
	key.local_port = (uint16_t)mrand48();
	return dp_flow_add(dp, &key, &value);
}

static int add_flows(struct ppn_datapath *dp, long n)
{
	uint64_t jiffies;
	uint32_t hz;
	int err = ppn_datapath_clock(dp, &jiffies, &hz);

	while (n > 0 && !err) {
		err = add_flow(dp, jiffies);
		if (!err)
			n--;
		else if (err == -EEXIST)
			err = 0;
	}
	return err;
}

static int prepare(struct ppn_datapath *dp, const struct contestant *c, const char *device)
{
	int err = set_policy(dp, c);

	if (!err)
		err = add_flows(dp, c->flows);
	return err ? err : ppn_datapath_underlay(dp, if_nametoindex(device), PPN_UNDERLAY_STATIC);
}

/* Its pinned program; an fd. */
static int seal_program(const char *root)
{
	char pattern[PATH_MAX];
	glob_t found;
	int fd = -ENOENT;

	(void)snprintf(pattern, sizeof(pattern), "%s/%d/programs/seal_in-*", root, PPN_ABI);
	if (!glob(pattern, 0, NULL, &found)) {
		fd = bpf_obj_get(found.gl_pathv[0]);
		globfree(&found);
	}
	return fd;
}

static int seal_on(const struct contestant *c, const char *device)
{
	char root[PATH_MAX], why[PPN_WHY_LEN] = "";
	struct ppn_datapath *dp = NULL;
	bool fresh;
	int err = 0, prog;

	(void)snprintf(root, sizeof(root), "/sys/fs/bpf/%s", c->name);
	prog = seal_program(root);
	if (prog >= 0)
		return link_on(prog, device);
	err = ppn_datapath_open_seal(&dp, root, &fresh, why);
	if (!err)
		err = prepare(dp, c, device);
	if (!err)
		err = link_on(seal_program(root), device);
	if (*why)
		fprintf(stderr, "seal: %s\n", why);
	ppn_datapath_close(&dp);
	return err;
}

static int sealed(const struct contestant *c, bool on, const char *device)
{
	char why[PPN_WHY_LEN] = "";
	enum ppn_hold hold = PPN_HOLD_NATIVE;
	struct ppn_datapath *dp = NULL;
	bool fresh;
	int err = ppn_datapath_open_seal(&dp, NULL, &fresh, why);

	if (!err && on)
		err = prepare(dp, c, device);
	if (!err && on)
		err = ppn_datapath_seal(dp, if_nametoindex(device), &hold, why);
	if (!err && !on)
		err = ppn_datapath_unseal(dp, why);
	if (err || hold != PPN_HOLD_NATIVE)
		fprintf(stderr, "sealed: %s\n", why);
	ppn_datapath_close(&dp);
	return err ? err : hold == PPN_HOLD_NATIVE ? 0 : -EOPNOTSUPP;
}

static long setting(const char *spec, const char *name, long otherwise)
{
	const char *at = strstr(spec, name);

	return at ? strtol(at + strlen(name), NULL, 10) : otherwise;
}

static struct contestant parse(const char *spec)
{
	return (struct contestant){
		.name = spec,
		.prog_verdict = !strcmp(spec, "drop") ? XDP_DROP :
				!strcmp(spec, "pass") ? XDP_PASS :
							NONE,
		.ports = setting(spec, ":ports=", 1),
		.flows = setting(spec, ":flows=", NONE),
	};
}

static int turn(const struct contestant *c, bool on, const char *device)
{
	if (!strcmp(c->name, "sealed"))
		return sealed(c, on, device);
	if (!on)
		return link_off(device);
	return c->prog_verdict == NONE ? seal_on(c, device) :
					 link_on(load_empty(c->prog_verdict), device);
}

int main(int argc, char **argv)
{
	struct contestant c;
	int err;

	if (argc != 4 || !if_nametoindex(argv[3])) {
		fputs("usage: hold on|off CONTESTANT DEVICE\n", stderr);
		return 2;
	}
	c = parse(argv[2]);
	err = turn(&c, !strcmp(argv[1], "on"), argv[3]);
	if (err)
		fprintf(stderr, "hold: %s %s: %s\n", argv[1], argv[2], strerror(-err));
	return err != 0;
}
