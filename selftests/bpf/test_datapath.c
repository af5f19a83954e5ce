// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * user/kernel/datapath against the running kernel, in a network namespace and on a bpffs of its own:
 * what is attached, what a killed process leaves, what a new one adopts, what is refused in words.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include "frame_world.h"
#include "kernel/datapath.h"

#define BPFFS "/sys/fs/bpf"
#define ROOT BPFFS "/ppn"
#define FOLDER ROOT "/3"

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
	char command[256];
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

static void own_world(void)
{
	if (unshare(CLONE_NEWNET | CLONE_NEWNS) ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("bpf", BPFFS, "bpf", 0, "mode=0700"))
		bail("a network and mount namespace of its own (root?)");
	must("ip link set lo up");
}

static uint32_t index_of(const char *name)
{
	return if_nametoindex(name);
}

static struct ppn_datapath *open_dp(bool *ret_fresh)
{
	struct ppn_datapath *dp = NULL;
	bool fresh = false;

	if (ppn_datapath_open(&dp, NULL, &fresh, why)) {
		printf("# %s\n", why);
		bail("ppn_datapath_open");
	}
	if (ret_fresh)
		*ret_fresh = fresh;
	return dp;
}

static struct bpf_link_info pinned_link(const char *name)
{
	struct bpf_link_info info = { 0 };
	__u32 len = sizeof(info);
	char path[128];
	int fd;

	(void)snprintf(path, sizeof(path), FOLDER "/links/%s", name);
	fd = bpf_obj_get(path);
	if (fd >= 0) {
		(void)bpf_obj_get_info_by_fd(fd, &info, &len);
		close(fd);
	}
	return info;
}

static struct bpf_link_info link_of(uint32_t ifindex)
{
	char name[16];

	(void)snprintf(name, sizeof(name), "%u", ifindex);
	return pinned_link(name);
}

static unsigned int count_entries(const char *path)
{
	struct dirent *entry;
	unsigned int n = 0;
	DIR *dir = opendir(path);

	if (!dir)
		return 0;
	while ((entry = readdir(dir)))
		n += entry->d_name[0] != '.';
	closedir(dir);
	return n;
}

static uint32_t xdp_program(uint32_t ifindex)
{
	__u32 id = 0;

	return bpf_xdp_query_id((int)ifindex, 0, &id) ? 0 : id;
}

static uint32_t tc_program(uint32_t ifindex)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex, .attach_point = BPF_TC_EGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = 1, .priority = 1);

	return bpf_tc_query(&hook, &opts) ? 0 : opts.prog_id;
}

static int seal(struct ppn_datapath *dp, const char *name, enum ppn_hold *ret_hold)
{
	why[0] = '\0';
	*ret_hold = PPN_HOLD_NONE;
	return ppn_datapath_seal(dp, index_of(name), ret_hold, why);
}

/* -- opening -- */

static int open_at(const char *root)
{
	struct ppn_datapath *dp = NULL;
	bool fresh;
	int err;

	why[0] = '\0';
	err = ppn_datapath_open(&dp, root, &fresh, why);
	ppn_datapath_close(&dp);
	return err;
}

static void test_refusals(void)
{
	char dir[] = "/tmp/ppn-datapath-XXXXXX", root[64];

	if (!mkdtemp(dir))
		bail("mkdtemp");
	(void)snprintf(root, sizeof(root), "%s/ppn", dir);
	ok(open_at(root) == -ENOTSUP && strstr(why, "mount -t bpf bpf"),
	   "no bpffs: said, with the command");
	ok(open_at("/nowhere/at/all") == -ENOENT && strstr(why, "/nowhere/at"),
	   "no such folder: said");
	if (mount("bpf", dir, "bpf", 0, NULL) ||
	    mount(NULL, dir, NULL, MS_REMOUNT | MS_RDONLY, NULL))
		bail("mount a read-only bpffs");
	ok(open_at(root) == -EROFS && strstr(why, "read-write"), "read-only bpffs: said");
	(void)umount(dir);
	(void)rmdir(dir);
	must("mkdir -p " ROOT "/4");
	ok(open_at(NULL) == -EPROTO && strstr(why, "newer ppnd (ABI 4"),
	   "pins of a newer ABI: refused in words");
	must("rmdir " ROOT "/4");
}

static void test_unprivileged(void)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		if (setgid(65534) || setuid(65534))
			_exit(2);
		_exit(open_at(NULL) < 0 && why[0] ? 0 : 1);
	}
	ok(waitpid(pid, &status, 0) == pid && status == 0, "not root: an error with words");
}

static mode_t mode_of(const char *path)
{
	struct stat st;

	return stat(path, &st) ? 0 : st.st_mode & 07777;
}

static void test_open(void)
{
	const struct ppn_command command = { 0 };
	struct ppn_datapath *dp;
	bool fresh;

	umask(0);
	dp = open_dp(&fresh);
	ok(fresh, "first open: fresh");
	ok(mode_of(ROOT) == 0700 && mode_of(FOLDER) == 0700 && mode_of(FOLDER "/links") == 0700 &&
		   mode_of(FOLDER "/slots") == 0600 && mode_of(FOLDER "/policy") == 0600,
	   "folders 0700, pins 0600, with umask 0");
	ppn_datapath_close(&dp);
	dp = open_dp(&fresh);
	ok(fresh, "again, by one that ended before it filled the command map: still fresh");
	ok(!ppn_datapath_command_fill(dp, &command), "command map filled");
	ppn_datapath_close(&dp);
	dp = open_dp(&fresh);
	ok(!fresh, "from then on it is the truth");
	ppn_datapath_close(&dp);
	must("chmod 0755 " FOLDER);
	dp = open_dp(NULL);
	ok(mode_of(FOLDER) == 0700, "a folder that others may read is closed again");
	ppn_datapath_close(&dp);
}

static void test_external(void)
{
	static const char *const names[] = { "out*", "none", "lo", "pp?0" };
	uint32_t found[8];
	size_t n = 9;

	must("ip tuntap add ppn0 mode tun && ip link add out0 type veth peer name in0");
	ok(!ppn_datapath_external(NULL, 0, found, 8, &n) && n == 0,
	   "veth, TUN, lo: not external by themselves");
	ok(!ppn_datapath_external(names, 4, found, 8, &n) && n == 1 && found[0] == index_of("out0"),
	   "external by name, lo and ppn0 never");
	ok(ppn_datapath_external(names, 4, found, 0, &n) == -E2BIG && n == 1,
	   "more than there is room for: -E2BIG");
	must("ip link del ppn0");
}

/* -- seal -- */

static void test_seal_native(struct ppn_datapath *dp)
{
	const uint32_t out = index_of("out0");
	enum ppn_hold hold, asked = PPN_HOLD_NONE;
	int err = seal(dp, "out0", &hold);

	ok(!err && hold == PPN_HOLD_NATIVE && !why[0], "veth: sealed native");
	ok(!ppn_datapath_hold(dp, out, &asked) && asked == PPN_HOLD_NATIVE,
	   "hold asked of the kernel");
	ok(link_of(out).xdp.ifindex == out && link_of(out).prog_id == xdp_program(out),
	   "the link is pinned under its ifindex");
	ok(tc_program(out) != 0, "egress is there");
	ok(!ppn_datapath_hold(dp, index_of("in0"), &asked) && asked == PPN_HOLD_NONE,
	   "the other end is not held");
	ok(ppn_datapath_seal(dp, 9999, &hold, why) == -ENODEV && strstr(why, "9999"),
	   "no such interface: said");
}

static uint64_t total(struct ppn_datapath *dp, enum ppn_counter_set set)
{
	struct ppn_count counts[_PPN_REASON_MAX];
	uint64_t sum = 0;

	if (ppn_datapath_counters(dp, set, counts))
		bail("ppn_datapath_counters");
	for (int i = 0; i < _PPN_REASON_MAX; i++)
		sum += counts[i].packets;
	return sum;
}

/* Ethernet with a type that nobody speaks. */
static void send_ethernet(const char *from, int n)
{
	const struct sockaddr_ll to = { .sll_family = AF_PACKET,
					.sll_ifindex = (int)index_of(from),
					.sll_halen = 6 };
	uint8_t frame[60] = { 0x02, [6] = 0x02, [11] = 1, [12] = 0x12, 0x34 };
	int fd = socket(AF_PACKET, SOCK_RAW, 0);

	if (fd < 0)
		bail("AF_PACKET");
	for (int i = 0; i < n; i++)
		/* ENOBUFS: egress has dropped it */
		if (sendto(fd, frame, sizeof(frame), 0, (const void *)&to, sizeof(to)) < 0 &&
		    errno != ENOBUFS)
			bail("sendto");
	close(fd);
}

static uint64_t counted(struct ppn_datapath *dp, enum ppn_counter_set set, enum ppn_reason reason)
{
	struct ppn_count counts[_PPN_REASON_MAX];

	return ppn_datapath_counters(dp, set, counts) ? 0 : counts[reason].packets;
}

static bool grows_to(struct ppn_datapath *dp, enum ppn_counter_set set, enum ppn_reason reason,
		     uint64_t want)
{
	for (int i = 0; i < 200 && counted(dp, set, reason) < want; i++)
		usleep(10000);
	return counted(dp, set, reason) == want;
}

static void test_counters(struct ppn_datapath *dp)
{
	const uint64_t in = counted(dp, PPN_COUNT_SEAL, PPN_REASON_ETHERTYPE);
	const uint64_t out = counted(dp, PPN_COUNT_EGRESS, PPN_REASON_ETHERTYPE);

	must("ip link set out0 up && ip link set in0 up");
	send_ethernet("in0", 5);
	ok(grows_to(dp, PPN_COUNT_SEAL, PPN_REASON_ETHERTYPE, in + 5),
	   "5 packets in: 5 counted by the seal");
	send_ethernet("out0", 3);
	ok(grows_to(dp, PPN_COUNT_EGRESS, PPN_REASON_ETHERTYPE, out + 3),
	   "3 packets out: 3 counted by egress");
}

static void test_kill(struct ppn_datapath **dp)
{
	const uint32_t out = index_of("out0");
	const struct bpf_link_info before = link_of(out);
	struct bpf_link_info after;
	enum ppn_hold hold;
	uint64_t in;
	int status;
	pid_t pid;

	ppn_datapath_close(dp);
	pid = fork();
	if (!pid) {
		*dp = open_dp(NULL);
		_exit(seal(*dp, "out0", &hold) || raise(SIGKILL));
	}
	if (waitpid(pid, &status, 0) != pid || !WIFSIGNALED(status))
		bail("the child that dies");
	ok(link_of(out).id == before.id && xdp_program(out) != before.prog_id && xdp_program(out),
	   "kill -9 after sealing: the same link holds, with the new program");
	*dp = open_dp(NULL);
	in = counted(*dp, PPN_COUNT_SEAL, PPN_REASON_ETHERTYPE);
	send_ethernet("in0", 4);
	ok(grows_to(*dp, PPN_COUNT_SEAL, PPN_REASON_ETHERTYPE, in + 4),
	   "with nobody alive it counted and dropped");
	ok(!ppn_datapath_hold(*dp, out, &hold) && hold == PPN_HOLD_NATIVE,
	   "the next process sees the hold");
	after = link_of(out);
	ok(!seal(*dp, "out0", &hold) && hold == PPN_HOLD_NATIVE && link_of(out).id == before.id &&
		   link_of(out).prog_id != after.prog_id && tc_program(out),
	   "it adopts: link id the same, program id new");
}

static void test_generic(struct ppn_datapath *dp)
{
	enum ppn_hold hold;

	must("ip tuntap add tun0 mode tun");
	ok(!seal(dp, "tun0", &hold) && hold == PPN_HOLD_GENERIC && strstr(why, "driver tun"),
	   "TUN: generic, and the driver is named");
	ok(!seal(dp, "tun0", &hold) && hold == PPN_HOLD_GENERIC && why[0],
	   "again: still generic, still said");
	must("ip link del tun0");
}

static int foreign_program(enum bpf_prog_type type)
{
	/* r0 = 2 (XDP_PASS); exit */
	const struct bpf_insn insns[] = { { .code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = 2 },
					  { .code = BPF_JMP | BPF_EXIT } };
	int fd = bpf_prog_load(type, "stranger", "GPL", insns, 2, NULL);

	if (fd < 0)
		bail("load a foreign program");
	return fd;
}

static void test_recreate(struct ppn_datapath *dp)
{
	const uint32_t out = index_of("out0");
	const struct bpf_link_info before = link_of(out);
	enum ppn_hold hold;

	must("ip link del out0");
	ok(link_of(out).id == before.id && link_of(out).xdp.ifindex == 0,
	   "device deleted: a defunct pin stays");
	if (sh("ip link add out0 index %u type veth peer name in0", out))
		bail("recreate out0");
	ok(!ppn_datapath_hold(dp, out, &hold) && hold == PPN_HOLD_NONE,
	   "recreated: nothing holds it");
	ok(!seal(dp, "out0", &hold) && hold == PPN_HOLD_NATIVE && link_of(out).id != before.id &&
		   link_of(out).xdp.ifindex == out,
	   "sealed again: the defunct pin is replaced");
	must("ip link del out0 && ip link add out0 type veth peer name in0");
	ok(!seal(dp, "out0", &hold) && !link_of(out).id && count_entries(FOLDER "/links") == 1,
	   "recreated under another ifindex: the old pin is gone");
}

static void test_pin_removed(struct ppn_datapath *dp)
{
	const uint32_t out = index_of("out0");
	const uint32_t id = link_of(out).id;
	enum ppn_hold hold;

	must("rm -r " FOLDER);
	ok(!ppn_datapath_hold(dp, out, &hold) && hold == PPN_HOLD_NATIVE,
	   "pins removed by hand: still held");
	ok(!seal(dp, "out0", &hold) && hold == PPN_HOLD_NATIVE && link_of(out).id == id &&
		   !access(FOLDER "/policy", F_OK) && !access(FOLDER "/command", F_OK),
	   "sealed again: the same link and maps are pinned again");
	must("tc qdisc del dev out0 clsact");
	ok(!ppn_datapath_hold(dp, out, &hold) && hold == PPN_HOLD_NONE, "clsact flushed: seen");
	ok(!seal(dp, "out0", &hold) && hold == PPN_HOLD_NATIVE && tc_program(out), "and put back");
}

static pid_t other_namespace(void)
{
	int ready[2];
	pid_t pid;
	char c;

	if (pipe(ready))
		bail("pipe");
	pid = fork();
	if (!pid) {
		if (unshare(CLONE_NEWNET) || write(ready[1], "x", 1) != 1)
			_exit(1);
		(void)pause();
		_exit(0);
	}
	close(ready[1]);
	if (read(ready[0], &c, 1) != 1)
		bail("another namespace");
	close(ready[0]);
	return pid;
}

static void test_moved(struct ppn_datapath *dp)
{
	const uint32_t out = index_of("out0"), id = link_of(out).id;
	const pid_t pid = other_namespace();
	enum ppn_hold hold;

	if (sh("ip link set out0 netns %d", pid) ||
	    sh("ip link add away0 index %u type veth peer name away1", out))
		bail("move out0");
	ok(!seal(dp, "away0", &hold) && hold == PPN_HOLD_NATIVE && link_of(out).id != id,
	   "moved away, its ifindex taken: the newcomer has a link of its own");
	if (sh("nsenter -t %d -n ip link set out0 netns %d", pid, getpid()))
		bail("move out0 back");
	ok(!seal(dp, "out0", &hold) && hold == PPN_HOLD_NATIVE &&
		   link_of(index_of("out0")).id == id,
	   "back under another ifindex: its link is adopted");
	must("ip link del away0");
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	ok(!seal(dp, "out0", &hold) && count_entries(FOLDER "/links") == 1, "and one pin is left");
}

/* -- policy -- */

static int pinned_map(const char *name)
{
	char path[128];

	(void)snprintf(path, sizeof(path), FOLDER "/%s", name);
	return bpf_obj_get(path);
}

static int port_rule(uint32_t generation, uint8_t proto, uint16_t port, uint8_t kind,
		     struct ppn_port_rule *ret_rule)
{
	const struct ppn_port_key key = {
		.generation = generation, .port = htons(port), .proto = proto, .kind = kind
	};
	int fd = pinned_map("open_ports"), err;

	err = bpf_map_lookup_elem(fd, &key, ret_rule);
	close(fd);
	return err;
}

static unsigned int count_rows(const char *name, size_t key_len)
{
	uint8_t key[64], next[64];
	unsigned int n = 0;
	int fd = pinned_map(name);

	if (key_len > sizeof(key))
		bail("key too long");
	for (void *at = NULL; !bpf_map_get_next_key(fd, at, next);
	     at = memcpy(key, next, sizeof(key)))
		n++;
	close(fd);
	return n;
}

static const struct ppn_open_port ports[] = {
	{ IPPROTO_TCP, .any = 1, .port = 443 },
	{ IPPROTO_UDP, .prefix_len = 13, .port = 53, .prefix = { 0x20, 0x0f, [15] = 9 } },
	{ IPPROTO_TCP, .kind = PPN_PORT_RESCUE, .prefix_len = 128, .port = 22,
	  .prefix = { 0x20, 1, [15] = 1 } },
	{ IPPROTO_TCP, .prefix_len = 16, .port = 22, .prefix = { 0x20, 2 } },
};

static void test_policy(struct ppn_datapath *dp)
{
	const struct ppn_policy_table table = { .fleet = { 0xfd, 1 },
						.number = 7,
						.claim_port = htons(9443) };
	struct ppn_policy_table now;
	struct ppn_port_rule rule;
	uint64_t word;
	uint32_t gen;

	ok(!ppn_datapath_policy_now(dp, &word, &now) && !word && !now.number,
	   "fresh: blind, all zeroes");
	ok(!ppn_datapath_policy(dp, PPN_COLUMN_BOUND, PPN_POLICY_SEAT, &table, ports, 4) &&
		   !ppn_datapath_policy_now(dp, &word, &now),
	   "policy written");
	gen = PPN_POLICY_GENERATION(word);
	ok(PPN_POLICY_COLUMN(word) == PPN_COLUMN_BOUND && gen == 1 &&
		   PPN_POLICY_FLAGS(word) == (PPN_POLICY_SEAT | PPN_POLICY_PORTS) &&
		   !memcmp(&now, &table, sizeof(now)),
	   "column, flags, generation and table are in force");
	ok(!port_rule(gen, IPPROTO_UDP, 53, PPN_PORT_ROSTER, &rule) && rule.n == 1 && !rule.any &&
		   rule.prefix[0].addr[1] == 0x08 && rule.prefix[0].mask[1] == 0xf8 &&
		   !rule.prefix[0].mask[2] && !rule.prefix[0].addr[15],
	   "prefix as mask, host bits zero");
	ok(!port_rule(gen, IPPROTO_TCP, 22, PPN_PORT_ROSTER, &rule) && rule.n == 1 &&
		   rule.prefix[0].addr[1] == 2 &&
		   !port_rule(gen, IPPROTO_TCP, 22, PPN_PORT_RESCUE, &rule) && rule.n == 1 &&
		   rule.prefix[0].addr[1] == 1,
	   "a port of roster and rescue has a row of each");
	ok(!ppn_datapath_policy(dp, PPN_COLUMN_HOLDING, PPN_POLICY_CLAIM, &table, ports, 4) &&
		   !port_rule(2, IPPROTO_TCP, 22, PPN_PORT_RESCUE, &rule),
	   "rows of the next generation");
	ok(!ppn_datapath_policy(dp, PPN_COLUMN_HOLDING, 0, &table, NULL, 0) &&
		   !ppn_datapath_policy_now(dp, &word, &now) && !PPN_POLICY_FLAGS(word),
	   "no rows: no look-up");
	ok(!ppn_datapath_policy(dp, PPN_COLUMN_HOLDING, 0, &table, NULL, 0) &&
		   !count_rows("open_ports", sizeof(struct ppn_port_key)),
	   "rows of former generations go");
}

static void test_policy_limits(struct ppn_datapath *dp)
{
	const struct ppn_policy_table table = { 0 };
	struct ppn_open_port many[600] = { 0 };
	uint64_t before, after;
	struct ppn_policy_table now;

	(void)ppn_datapath_policy_now(dp, &before, &now);
	for (int i = 0; i < 600; i++)
		many[i] =
			(struct ppn_open_port){ IPPROTO_TCP, .any = 1, .port = (uint16_t)(i + 1) };
	ok(ppn_datapath_policy(dp, PPN_COLUMN_BOUND, 0, &table, many, 600) == -E2BIG,
	   "too many rows: -E2BIG");
	for (int i = 0; i < 9; i++)
		many[i] = (struct ppn_open_port){ IPPROTO_TCP, .prefix_len = 128, .port = 1 };
	ok(ppn_datapath_policy(dp, PPN_COLUMN_BOUND, 0, &table, many, 9) == -E2BIG,
	   "too many prefixes: -E2BIG");
	many[0].prefix_len = 129;
	ok(ppn_datapath_policy(dp, PPN_COLUMN_BOUND, 0, &table, many, 1) == -EINVAL &&
		   ppn_datapath_policy(dp, 4, 0, &table, NULL, 0) == -EINVAL,
	   "bad prefix, bad column: -EINVAL");
	(void)ppn_datapath_policy_now(dp, &after, &now);
	ok(before == after, "what was refused changed nothing");
	for (int i = 0; i < 512; i++)
		many[i] =
			(struct ppn_open_port){ IPPROTO_TCP, .any = 1, .port = (uint16_t)(i + 1) };
	for (int i = 0; i < 3; i++)
		if (ppn_datapath_policy(dp, PPN_COLUMN_BOUND, 0, &table, many, 512))
			bail("512 rows");
	ok(count_rows("open_ports", sizeof(struct ppn_port_key)) == 1024,
	   "two full generations have room");
	(void)ppn_datapath_policy(dp, PPN_COLUMN_BLIND, 0, &table, NULL, 0);
}

static void test_floors(struct ppn_datapath *dp)
{
	uint8_t serial[PPN_SERIAL_LEN] = { 0 };
	const struct ppn_floor_key key = { .serial = { PPN_MAP_FLOORS - 1 },
					   .type = PPN_PACKET_BEACON };
	int fd = pinned_map("floors"), err = 0;
	uint64_t floor = 0;

	for (int i = 0; i < PPN_MAP_FLOORS && !err; i++) {
		serial[0] = (uint8_t)i;
		err = ppn_datapath_floor(dp, serial, PPN_PACKET_BEACON, 100);
	}
	serial[1] = 1;
	ok(!err && ppn_datapath_floor(dp, serial, PPN_PACKET_BEACON, 100) == -ENOSPC,
	   "the 129th floor: -ENOSPC");
	serial[1] = 0;
	ok(!ppn_datapath_floor(dp, serial, PPN_PACKET_BEACON, 50) &&
		   !bpf_map_lookup_elem(fd, &key, &floor) && floor == 100,
	   "floors never fall");
	close(fd);
}

static struct ppn_iface iface_row(uint32_t ifindex)
{
	struct ppn_iface row = { .underlay = 0xff };
	int fd = pinned_map("ifaces");

	(void)bpf_map_lookup_elem(fd, &ifindex, &row);
	close(fd);
	return row;
}

static void test_underlay(struct ppn_datapath *dp)
{
	const uint32_t out = index_of("out0");

	ok(!ppn_datapath_underlay(dp, out, PPN_UNDERLAY_DHCP) &&
		   iface_row(out).underlay == PPN_UNDERLAY_DHCP && !iface_row(out).flags,
	   "underlay policy of an interface");
	ok(!ppn_datapath_iface(dp, out, PPN_UNDERLAY_STATIC, true) &&
		   iface_row(out).flags == PPN_IFACE_EAPOL,
	   "with 802.1X");
	ok(ppn_datapath_underlay(dp, out, PPN_UNDERLAY_AS_CONFIGURED) == -EINVAL &&
		   ppn_datapath_underlay(dp, 9999, PPN_UNDERLAY_DHCP) < 0,
	   "no such policy, no such interface");
	if (sh("ip link add bond9 type bond 2>/dev/null && ip link set in0 down && ip link set in0 master bond9")) {
		printf("ok %u - LACP on a bond's member # SKIP no bonding in this kernel\n",
		       ++n_tests);
		return;
	}
	ok(!ppn_datapath_underlay(dp, index_of("in0"), PPN_UNDERLAY_STATIC) &&
		   iface_row(index_of("in0")).flags == PPN_IFACE_LACP,
	   "LACP on a bond's member");
	must("ip link del bond9 && ip link set in0 up");
}

/* -- commands -- */

static void test_slots(struct ppn_datapath *dp)
{
	struct ppn_slot slot = { .generation = 9, .reserved = 256, .floor = 3, .key = { 1, 2, 3 } },
			now;

	ok(!ppn_datapath_slot(dp, 3, &slot) && !ppn_datapath_slot_now(dp, 3, &now) &&
		   now.valid == 1,
	   "slot written, and open");
	now.valid = 0;
	ok(!memcmp(&now, &slot, sizeof(now)), "read back as written");
	ok(!ppn_datapath_slot_reserved(dp, 3, 512) && !ppn_datapath_slot_now(dp, 3, &now) &&
		   now.reserved == 512,
	   "the reserved end moves");
	slot.generation = 10;
	ok(!ppn_datapath_slot(dp, 3, &slot) && !ppn_datapath_slot_now(dp, 3, &now) &&
		   now.generation == 10,
	   "an open slot is replaced");
	ok(!ppn_datapath_slot_close(dp, 3) && !ppn_datapath_slot_now(dp, 3, &now) && !now.valid,
	   "slot closed");
	slot.floor = 257;
	ok(ppn_datapath_slot(dp, 3, &slot) == -EINVAL &&
		   ppn_datapath_slot(dp, 4, &slot) == -EINVAL &&
		   ppn_datapath_slot_reserved(dp, 0, 1 << 24) == -EINVAL &&
		   ppn_datapath_slot_close(dp, 4) == -EINVAL,
	   "floor above the end, no such slot, no such number: -EINVAL");
}

struct heard {
	unsigned int n;
	struct ppn_frame_event last;
};

static void on_frame(void *arg, const struct ppn_frame_event *event)
{
	struct heard *heard = arg;

	heard->n++;
	heard->last = *event;
}

static bool hears(struct ppn_datapath *dp, const struct heard *heard, unsigned int n)
{
	for (int i = 0; i < 200 && heard->n < n; i++) {
		(void)ppn_datapath_consume(dp);
		if (heard->n < n)
			usleep(10000);
	}
	return heard->n == n;
}

static int open_tun(const char *name)
{
	struct ifreq request = { .ifr_flags = IFF_TUN | IFF_NO_PI };
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	strncpy(request.ifr_name, name, IFNAMSIZ - 1);
	if (fd < 0 || ioctl(fd, TUNSETIFF, &request))
		bail("/dev/net/tun");
	return fd;
}

static void inject(int tun, const struct fw_packet *packet)
{
	if (write(tun, packet->data, packet->len) != (ssize_t)packet->len)
		bail("write to the TUN device");
}

static void mesh_world(struct ppn_datapath *dp)
{
	struct ppn_policy_table table = { .number = FW_NUMBER,
					  .claim_port = htons(PPN_PORT_CLAIM) };
	struct ppn_slot slot = { .generation = FW_GENERATION,
				 .reserved = FW_RESERVED,
				 .floor = FW_FLOOR };

	memcpy(table.fleet, fw_address[FW_SELF], 6);
	memcpy(table.address, fw_address[FW_SELF], 16);
	memcpy(slot.address, fw_address[FW_SEAT], 16);
	memcpy(slot.key, fw_key[0], sizeof(slot.key));
	if (ppn_datapath_policy(dp, PPN_COLUMN_BOUND, 0, &table, NULL, 0) ||
	    ppn_datapath_slot(dp, 0, &slot))
		bail("the mesh's policy and slot");
}

static void test_fill(struct ppn_datapath *dp)
{
	const uint32_t mesh = index_of("ppn0");
	struct ppn_command command = { .window[0] = { .generation = FW_GENERATION, .top = 110 } },
			   now;

	ok(!ppn_datapath_command_fill(dp, &command) && !ppn_datapath_command(dp, &now) &&
		   now.window[0].top == 110,
	   "command filled while no program holds ppn0");
	ok(!ppn_datapath_mesh(dp, mesh, why) && xdp_program(mesh) && tc_program(mesh),
	   "ppn0 held, in and out");
	ok(ppn_datapath_command_fill(dp, &command) == -EBUSY, "from then on: -EBUSY");
	ok(!ppn_datapath_mesh(dp, mesh, why), "again: adopted");
}

static void test_mesh(struct ppn_datapath *dp, int tun, struct heard *heard)
{
	struct fw_packet isolate = fw_command_packet(PPN_OP_ISOLATE, 120),
			 peer = fw_echo(FW_PEER, FW_SELF);
	struct fw_packet above = fw_command_packet(PPN_OP_REPORT, FW_RESERVED + 4);
	struct ppn_command command;

	inject(tun, &peer);
	ok(grows_to(dp, PPN_COUNT_FRAME, PPN_REASON_PASS_MESH, 1), "live: a member's ping passes");
	inject(tun, &isolate);
	ok(hears(dp, heard, 1) && heard->last.kind == PPN_FRAME_ACTED && heard->last.seq == 120 &&
		   heard->last.slot == 0,
	   "live: isolate acts, and ppnd hears of it");
	ok(!ppn_datapath_command(dp, &command) && command.isolated == 1 &&
		   command.window[0].last_state == 120,
	   "the command map says so");
	inject(tun, &peer);
	ok(grows_to(dp, PPN_COUNT_FRAME, PPN_REASON_ISOLATED, 1),
	   "live: then the member's ping drops");
	inject(tun, &isolate);
	ok(grows_to(dp, PPN_COUNT_FRAME, PPN_REASON_FRAME_STALE, 1) && heard->n == 1,
	   "live: the same again is stale");
	inject(tun, &above);
	ok(hears(dp, heard, 2) && heard->last.kind == PPN_FRAME_ABOVE,
	   "live: above the reserved end, handed up");
	ok(!ppn_datapath_slot_reserved(dp, 0, FW_RESERVED + PPN_SEQ_BLOCK) &&
		   !ppn_datapath_frame_again(dp, 0, &heard->last.frame) && hears(dp, heard, 3) &&
		   heard->last.kind == PPN_FRAME_ADMITTED && heard->last.seq == FW_RESERVED + 4,
	   "its block reserved, run again: admitted");
	ok(!ppn_datapath_frame_again(dp, 0, &heard->last.frame) &&
		   grows_to(dp, PPN_COUNT_FRAME, PPN_REASON_FRAME_REPLAY, 1) && heard->n == 3,
	   "and once only");
}

/* ppnd dead: frames act; the next one finds map, window and the events it missed. */
static void test_mesh_restart(struct ppn_datapath **dp, int tun)
{
	const struct fw_packet release = fw_command_packet(PPN_OP_RELEASE, FW_RESERVED + 6);
	const struct fw_packet ping = fw_command_packet(PPN_OP_PING, FW_RESERVED + 7);
	const uint32_t mesh = index_of("ppn0"), id = link_of(mesh).id;
	struct heard heard = { 0 };
	const struct ppn_datapath_events events = { .frame = on_frame, .arg = &heard };
	struct ppn_command command;
	bool fresh;

	ppn_datapath_close(dp);
	inject(tun, &release);
	inject(tun, &ping);
	*dp = open_dp(&fresh);
	ok(!fresh && grows_to(*dp, PPN_COUNT_FRAME, PPN_REASON_FRAME_TAKEN, 2) &&
		   !ppn_datapath_command(*dp, &command) && !command.isolated,
	   "nobody alive: release acted all the same");
	ok(ppn_datapath_command_fill(*dp, &command) == -EBUSY,
	   "and the command map is still the kernel's");
	ok(!ppn_datapath_mesh(*dp, mesh, why) && link_of(mesh).id == id,
	   "the link on ppn0 is adopted");
	ok(!ppn_datapath_listen(*dp, &events) && hears(*dp, &heard, 2) &&
		   heard.last.kind == PPN_FRAME_ADMITTED && heard.last.seq == FW_RESERVED + 7,
	   "the events of the time between are heard");
}

/* -- end -- */

static void test_lock(struct ppn_datapath *dp)
{
	int fd = open(FOLDER, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	enum ppn_hold hold;

	if (fd < 0 || flock(fd, LOCK_EX))
		bail("flock");
	ok(seal(dp, "out0", &hold) == -EBUSY && strstr(why, "locked"),
	   "another process at work: said, after a while");
	close(fd);
}

static bool program_gone(uint32_t id)
{
	for (int i = 0; i < 200; i++) {
		int fd = bpf_prog_get_fd_by_id(id);

		if (fd < 0)
			return errno == ENOENT;
		close(fd);
		usleep(10000);
	}
	return false;
}

static bool has_clsact(const char *name)
{
	return !sh("tc qdisc show dev %s | grep -q clsact", name);
}

/* Somebody else's filter on the way in, beside ours on the way out. */
static void use_clsact(const char *name)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)index_of(name),
		    .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = 7, .priority = 7);

	opts.prog_fd = foreign_program(BPF_PROG_TYPE_SCHED_CLS);
	if (bpf_tc_attach(&hook, &opts))
		bail("attach a filter on the way in");
	close(opts.prog_fd);
}

static void test_unseal(struct ppn_datapath **dp)
{
	const uint32_t out = index_of("out0"), mesh = index_of("ppn0");
	const uint32_t was[] = { xdp_program(out), tc_program(out), xdp_program(mesh),
				 tc_program(mesh) };
	enum ppn_hold hold;
	bool gone = true;

	must("ip link add far0 type veth peer name far1");
	if (seal(*dp, "far0", &hold))
		bail("seal far0");
	use_clsact("far0");
	ok(!ppn_datapath_unseal(*dp, why) && !xdp_program(out) && !tc_program(out) &&
		   !xdp_program(mesh) && !tc_program(mesh),
	   "unseal: nothing is attached");
	ok(access(ROOT, F_OK) && errno == ENOENT, "unseal: no pin, no folder");
	ok(!has_clsact("out0") && has_clsact("far0") && !tc_program(index_of("far0")),
	   "unseal: our clsact is gone, a used one is not");
	ok(!seal(*dp, "out0", &hold) && hold == PPN_HOLD_NATIVE && !access(FOLDER "/policy", F_OK),
	   "the same process seals again");
	ok(!ppn_datapath_unseal(*dp, why) && !ppn_datapath_unseal(*dp, why), "unsealed twice");
	ppn_datapath_close(dp);
	for (int i = 0; i < 4; i++)
		gone &= was[i] && program_gone(was[i]);
	ok(gone, "closed: its programs have left the kernel");
}

/* -- what bpftool shows of it -- */

static const char *const map_names[] = {
	"policy",      "open_ports",   "port_bits",   "egress_ports", "flows",
	"flow_filter", "ifaces",       "floors",      "leases",	      "rates",
	"seal_count",  "egress_count", "frame_count", "observed",     "samples",
	"packets",     "slots",	       "command",     "frames",
};
enum { N_MAPS = sizeof(map_names) / sizeof(map_names[0]) };

static struct bpf_map_info map_info(const char *name)
{
	struct bpf_map_info info = { 0 };
	__u32 len = sizeof(info);
	const int fd = pinned_map(name);

	if (fd < 0)
		return info;
	(void)bpf_obj_get_info_by_fd(fd, &info, &len);
	close(fd);
	return info;
}

/* Named as its pin, and read by field: a ring buffer has no key, and its values go without a type. */
static bool is_readable(const char *name)
{
	const struct bpf_map_info info = map_info(name);
	const bool typed = info.btf_id && info.btf_key_type_id && info.btf_value_type_id;

	if (info.id && strcmp(info.name, name) == 0 && (typed || info.type == BPF_MAP_TYPE_RINGBUF))
		return true;
	printf("# %s: map \"%s\", BTF %u, key %u, value %u\n", name, info.name, info.btf_id,
	       info.btf_key_type_id, info.btf_value_type_id);
	return false;
}

/* Those that use our policy map, by name, each with a space behind it; "?" for one without BTF. */
static void list_programs(char *ret, size_t size)
{
	const uint32_t policy = map_info("policy").id;
	FILE *f = fmemopen(ret, size, "w");

	for (__u32 id = 0; f && !bpf_prog_get_next_id(id, &id);) {
		__u32 maps[64], len = sizeof(struct bpf_prog_info);
		struct bpf_prog_info info = { .nr_map_ids = 64, .map_ids = (uintptr_t)maps };
		const int fd = bpf_prog_get_fd_by_id(id);
		bool ours = false;

		if (fd < 0)
			continue;
		if (!bpf_obj_get_info_by_fd(fd, &info, &len))
			for (__u32 i = 0; i < info.nr_map_ids; i++)
				ours |= maps[i] == policy;
		close(fd);
		if (ours)
			(void)fprintf(f, "%s ", info.btf_id ? info.name : "?");
	}
	if (f)
		(void)fclose(f);
}

static void test_names(void)
{
	static const char *const names[] = { "seal ", "egress ", "frame_in ", "frame_out " };
	bool good = count_entries(FOLDER) > N_MAPS; /* links beside them */
	char programs[256] = "";

	for (int i = 0; i < N_MAPS; i++)
		good &= is_readable(map_names[i]);
	ok(good, "maps: under the names of maps.h, with types that bpftool can read");
	list_programs(programs, sizeof(programs));
	good = !strchr(programs, '?');
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		good &= strstr(programs, names[i]) != NULL;
	ok(good, "programs: under the names of the README, with their types");
	if (!good)
		printf("# %s\n", programs);
}

int main(void)
{
	struct heard heard = { 0 };
	const struct ppn_datapath_events events = { .frame = on_frame, .arg = &heard };
	struct ppn_datapath *dp;
	int tun;

	own_world();
	test_refusals();
	test_open();
	test_unprivileged();
	test_external();
	dp = open_dp(NULL);
	test_policy(dp);
	test_policy_limits(dp);
	test_seal_native(dp);
	test_counters(dp);
	test_kill(&dp);
	test_generic(dp);
	test_recreate(dp);
	test_pin_removed(dp);
	test_moved(dp);
	test_floors(dp);
	test_underlay(dp);
	test_slots(dp);
	tun = open_tun("ppn0");
	mesh_world(dp);
	test_fill(dp);
	must("ip link set ppn0 up");
	ok(!ppn_datapath_listen(dp, &events) && ppn_datapath_fd(dp) >= 0 &&
		   ppn_datapath_listen(dp, &events) == -EALREADY,
	   "one listener, one fd");
	test_mesh(dp, tun, &heard);
	test_mesh_restart(&dp, tun);
	test_lock(dp);
	ok(total(dp, PPN_COUNT_FRAME) > 0 && total(dp, PPN_COUNT_SEAL) > 0,
	   "counters outlive their processes");
	test_names();
	test_unseal(&dp);
	close(tun);
	printf("1..%u\n", n_tests);
	return n_failed != 0;
}
