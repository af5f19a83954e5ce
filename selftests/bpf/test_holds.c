// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What holds an interface when the step above is refused: each row makes a refusal, seals, and compares
 * the hold and its words. Whatever was there before stays, and nothing is left unsaid.
 */
#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cap-ng.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include "kernel/datapath.h"

#define BPFFS "/sys/fs/bpf"

static unsigned int n_tests, n_failed;
static char why[PPN_WHY_LEN];

static void ok(bool good, const char *name)
{
	printf("%sok %u - %s\n", good ? "" : "not ", ++n_tests, name);
	if (!good && why[0])
		printf("# %s\n", why);
	n_failed += !good;
	fflush(stdout);
}

static void __attribute__((noreturn)) bail(const char *what)
{
	printf("Bail out! %s: %s\n", what, strerror(errno));
	exit(1);
}

static int __attribute__((format(printf, 1, 2))) sh(const char *fmt, ...)
{
	char command[400];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(command, sizeof(command), fmt, ap);
	va_end(ap);
	return system(command);
}

static void must(const char *command)
{
	if (sh("%s", command))
		bail(command);
}

static int stranger(enum bpf_prog_type type, const char *name)
{
	/* r0 = 2 (XDP_PASS; for TC: shot); exit */
	const struct bpf_insn insns[] = { { .code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = 2 },
					  { .code = BPF_JMP | BPF_EXIT } };
	int fd = bpf_prog_load(type, name, "GPL", insns, 2, NULL);

	if (fd < 0)
		bail("load a stranger's program");
	return fd;
}

static uint32_t xdp_program(const char *ifname)
{
	__u32 id = 0;

	return bpf_xdp_query_id((int)if_nametoindex(ifname), 0, &id) ? 0 : id;
}

static uint32_t tc_program(const char *ifname, enum bpf_tc_attach_point way)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)if_nametoindex(ifname), .attach_point = way);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = 1, .priority = 1);

	return bpf_tc_query(&hook, &opts) ? 0 : opts.prog_id;
}

/* ---- refusals ---- */

enum who { NOBODY, BY_NETLINK, BY_LINK, DISPATCHER, ABOVE };

struct row {
	const char *what;
	const char *make; /* commands; the device is called out0 (NULL: a plain veth pair) */
	enum who who; /* has an XDP program there */
	uint32_t mode; /* of it */
	bool tc_in, tc_out; /* a stranger's filter at our place */
	int err;
	enum ppn_hold hold;
	const char *words[3];
};

#define VETH "ip link add out0 type veth peer name in0"
#define BRIDGED VETH " && ip link add br0 type bridge && ip link set out0 master br0"

static const struct row rows[] = {
	{ "nothing refused: native, and no words", .hold = PPN_HOLD_NATIVE },
	{ "a driver without native XDP", "ip tuntap add out0 mode tun", .hold = PPN_HOLD_GENERIC,
	  .words = { "out0: generic", "driver tun", "does not support XDP in native mode" } },
	{ "an MTU that native XDP cannot",
	  VETH " && ip link set in0 mtu 9000 && ip link set out0 mtu 9000",
	  .hold = PPN_HOLD_GENERIC, .words = { "driver veth", "mtu 9000", "MTU is too large" } },
	{ "too few queues",
	  "ip link add out0 numrxqueues 1 type veth peer name in0 numtxqueues 4 && ethtool -L in0 tx 4",
	  .hold = PPN_HOLD_GENERIC, .words = { "1 queue)", "number of rx queues" } },
	{ "a stranger's native program", .who = BY_NETLINK, .mode = XDP_FLAGS_DRV_MODE,
	  .hold = PPN_HOLD_TC, .words = { "native XDP program", "(stranger)", "TC" } },
	{ "a stranger's generic program", .who = BY_NETLINK, .mode = XDP_FLAGS_SKB_MODE,
	  .hold = PPN_HOLD_TC, .words = { "generic XDP program", "(stranger)", "TC" } },
	{ "a stranger's native link", .who = BY_LINK, .mode = XDP_FLAGS_DRV_MODE,
	  .hold = PPN_HOLD_TC, .words = { "native XDP program", "(stranger)", "TC" } },
	{ "a stranger's generic link", .who = BY_LINK, .mode = XDP_FLAGS_SKB_MODE,
	  .hold = PPN_HOLD_TC, .words = { "generic XDP program", "(stranger)", "TC" } },
	{ "something that calls itself a dispatcher", .who = DISPATCHER, .mode = XDP_FLAGS_DRV_MODE,
	  .hold = PPN_HOLD_TC, .words = { "xdp_dispatcher", "another's", "TC" } },
	{ "a program on the device above", BRIDGED, .who = ABOVE, .mode = XDP_FLAGS_SKB_MODE,
	  .hold = PPN_HOLD_TC, .words = { "upper device", "driver veth", "TC" } },
	{ "strangers in both places on the way in", .who = BY_NETLINK, .mode = XDP_FLAGS_DRV_MODE,
	  .tc_in = true, .err = -EBUSY, .words = { "(stranger)", "(filter)", "ingress" } },
	{ "a stranger's filter on the way out", .tc_out = true, .err = -EBUSY,
	  .words = { "(filter)", "egress priority 1" } },
};

static void put_xdp(const struct row *row)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = row->mode);
	const int ifindex = (int)if_nametoindex(row->who == ABOVE ? "br0" : "out0");
	int fd =
		stranger(BPF_PROG_TYPE_XDP, row->who == DISPATCHER ? "xdp_dispatcher" : "stranger");

	/* The link's fd stays open: take_off() finds no other way to it. */
	if (row->who == BY_LINK ? bpf_link_create(fd, ifindex, BPF_XDP, &opts) < 0 :
				  bpf_xdp_attach(ifindex, fd, row->mode, NULL))
		bail("attach a stranger's program");
	close(fd);
}

static void put_filter(enum bpf_tc_attach_point way)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)if_nametoindex("out0"), .attach_point = way);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = 1, .priority = 1);

	opts.prog_fd = stranger(BPF_PROG_TYPE_SCHED_CLS, "filter");
	if (bpf_tc_hook_create(&hook) || bpf_tc_attach(&hook, &opts))
		bail("attach a stranger's filter");
	close(opts.prog_fd);
}

static int seal(struct ppn_datapath *dp, enum ppn_hold *ret_hold)
{
	why[0] = '\0';
	*ret_hold = PPN_HOLD_NONE;
	return ppn_datapath_seal(dp, if_nametoindex("out0"), ret_hold, why);
}

static bool says(const struct row *row)
{
	for (int i = 0; i < 3; i++)
		if (row->words[i] && !strstr(why, row->words[i]))
			return false;
	return row->words[0] || !why[0];
}

static void test_row(struct ppn_datapath *dp, const struct row *row)
{
	uint32_t xdp, in, out;
	enum ppn_hold hold, asked = PPN_HOLD_NONE;
	bool stays;
	int err;

	must(row->make ? row->make : VETH);
	must("ip link set out0 up");
	if (row->who != NOBODY)
		put_xdp(row);
	if (row->tc_in)
		put_filter(BPF_TC_INGRESS);
	if (row->tc_out)
		put_filter(BPF_TC_EGRESS);
	xdp = xdp_program("out0");
	in = tc_program("out0", BPF_TC_INGRESS);
	out = tc_program("out0", BPF_TC_EGRESS);
	err = seal(dp, &hold);
	stays = (!xdp || xdp == xdp_program("out0")) &&
		(!in || in == tc_program("out0", BPF_TC_INGRESS)) &&
		(!out || out == tc_program("out0", BPF_TC_EGRESS));
	(void)ppn_datapath_hold(dp, if_nametoindex("out0"), &asked);
	ok(err == row->err && hold == row->hold && asked == row->hold && stays && says(row),
	   row->what);
	must("ip link del out0");
	if (row->who == ABOVE)
		must("ip link del br0");
}

/* ---- what is no row ---- */

static void test_takes_over(struct ppn_datapath *dp)
{
	struct ppn_look look = { 0 };
	enum ppn_hold hold;
	uint32_t id;
	int fd = stranger(BPF_PROG_TYPE_XDP, "stranger"), ifindex;

	must(VETH);
	ifindex = (int)if_nametoindex("out0");
	if (bpf_xdp_attach(ifindex, fd, XDP_FLAGS_DRV_MODE, NULL))
		bail("attach");
	id = xdp_program("out0");
	ok(!seal(dp, &hold) && hold == PPN_HOLD_TC &&
		   !ppn_datapath_look(dp, (uint32_t)ifindex, &look) && look.is_held &&
		   !look.by_link && look.hold == PPN_HOLD_TC && look.xdp_id == id,
	   "a look at it: held by TC, and whose program is there");
	(void)bpf_xdp_detach(ifindex, XDP_FLAGS_DRV_MODE, NULL);
	ok(!ppn_datapath_look(dp, (uint32_t)ifindex, &look) && look.is_held && !look.xdp_id,
	   "the stranger goes: still held, and seen");
	ok(!seal(dp, &hold) && hold == PPN_HOLD_NATIVE && !why[0] &&
		   !tc_program("out0", BPF_TC_INGRESS) && tc_program("out0", BPF_TC_EGRESS),
	   "XDP takes over, and TC's way in is gone");
	ok(!ppn_datapath_look(dp, (uint32_t)ifindex, &look) && look.is_held && look.by_link,
	   "a look at it: by a link");
	must("tc qdisc del dev out0 clsact");
	ok(!ppn_datapath_look(dp, (uint32_t)ifindex, &look) && !look.is_held && look.by_link,
	   "half of it flushed: not held");
	must("ip link del out0");
	ok(ppn_datapath_look(dp, (uint32_t)ifindex, &look) == -ENODEV, "the device gone: said");
	close(fd);
}

static bool native_and(struct ppn_datapath *dp, const char *words)
{
	enum ppn_hold hold;

	return !seal(dp, &hold) && hold == PPN_HOLD_NATIVE && strstr(why, words) &&
	       xdp_program("out0");
}

static void test_pins(struct ppn_datapath *dp)
{
	must(VETH);
	if (mount(NULL, BPFFS, NULL, MS_REMOUNT | MS_RDONLY, NULL))
		bail("remount read-only");
	ok(native_and(dp, "not pinned") && strstr(why, "held by ppnd alone"),
	   "a read-only bpffs: held all the same, and said");
	ok(ppn_datapath_pins(dp, why) < 0 && why[0], "the pins cannot be made: said");
	if (mount(NULL, BPFFS, NULL, MS_REMOUNT, NULL))
		bail("remount read-write");
	ok(ppn_datapath_pins(dp, why) == 1 && ppn_datapath_pins(dp, why) == 0,
	   "writable again: pinned, once");
	must("rm " BPFFS "/ppn/*/links/* " BPFFS "/ppn/*/policy");
	ok(ppn_datapath_pins(dp, why) == 1 && ppn_datapath_pins(dp, why) == 0 &&
		   !sh("test -e " BPFFS "/ppn/*/policy -a -e " BPFFS "/ppn/*/links/%u",
		       if_nametoindex("out0")),
	   "a link's pin and a map's removed: back");
	if (mount("bpf", BPFFS, "bpf", 0, "mode=0700"))
		bail("mount over it");
	ok(ppn_datapath_pins(dp, why) == 1 && ppn_datapath_pins(dp, why) == 0,
	   "another bpffs mounted over it: pinned there");
	(void)umount(BPFFS);
	must("ip link del out0");
}

static void test_no_rights(struct ppn_datapath *dp)
{
	enum ppn_hold hold;
	int status;
	pid_t pid;

	must(VETH);
	pid = fork();
	if (!pid) {
		capng_clear(CAPNG_SELECT_CAPS);
		(void)capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, CAP_DAC_OVERRIDE);
		if (capng_apply(CAPNG_SELECT_CAPS))
			_exit(2);
		_exit(seal(dp, &hold) < 0 && hold == PPN_HOLD_NONE && why[0] ? 0 : 1);
	}
	ok(waitpid(pid, &status, 0) == pid && status == 0, "without rights: an error with words");
	must("ip link del out0");
}

int main(void)
{
	struct ppn_datapath *dp = NULL;
	bool fresh;

	if (unshare(CLONE_NEWNET | CLONE_NEWNS) ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("bpf", BPFFS, "bpf", 0, "mode=0700"))
		bail("a network and mount namespace of its own (root?)");
	must("ip link set lo up");
	if (ppn_datapath_open(&dp, NULL, &fresh, why))
		bail(why);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		test_row(dp, &rows[i]);
	test_takes_over(dp);
	test_pins(dp);
	test_no_rights(dp);
	ppn_datapath_close(&dp);
	printf("1..%u\n", n_tests);
	return n_failed != 0;
}
