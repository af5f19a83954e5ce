// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * timeout: 300
 *
 * From the pins of an older ABI to ours, on real interfaces and under packets that must not pass: nothing
 * gets in between, what has to be remembered is, and a process that dies on the way is taken up again.
 * The older ABI is this one under another number, without what ABI 1 did not have; one row is its own.
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
#include <time.h>
#include <unistd.h>
#include <cap-ng.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include "kernel/datapath.h"

#define BPFFS "/sys/fs/bpf"
#define ROOT BPFFS "/ppn"
#define FOLDER ROOT "/3"
#define OLD ROOT "/2"
#define OLDEST ROOT "/1"

_Static_assert(PPN_ABI == 3, "names of the folders");

static unsigned int n_tests, n_failed;
static char why[PPN_WHY_LEN];
static int tun;

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
	printf("Bail out! %s: %s (%s)\n", what, strerror(errno), why);
	exit(1);
}

static void must(const char *command)
{
	if (system(command))
		bail(command);
}

/* ---- packets that must not pass ---- */

static struct {
	pid_t pid;
	uint64_t *sent; /* shared */
} flood;

static void send_for_ever(const char *from)
{
	const struct sockaddr_ll to = { .sll_family = AF_PACKET,
					.sll_ifindex = (int)if_nametoindex(from),
					.sll_halen = 6 };
	uint8_t frame[60] = { 0x02, [6] = 0x02, [11] = 1, [12] = 0x12, 0x34 };
	int fd = socket(AF_PACKET, SOCK_RAW, 0);

	for (unsigned int i = 1;; i++) {
		if (sendto(fd, frame, sizeof(frame), 0, (const void *)&to, sizeof(to)) > 0)
			__atomic_add_fetch(flood.sent, 1, __ATOMIC_RELAXED);
		if (i % 16 == 0)
			usleep(50); /* others need the processor as well */
	}
}

static void flood_start(void)
{
	flood.sent = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	flood.pid = fork();
	if (flood.pid == 0)
		send_for_ever("in0");
	while (!__atomic_load_n(flood.sent, __ATOMIC_RELAXED))
		usleep(1000);
}

static uint64_t flood_stop(void)
{
	(void)kill(flood.pid, SIGKILL);
	(void)waitpid(flood.pid, NULL, 0);
	return *flood.sent;
}

/* Past XDP, a packet socket sees it. */
static int tap_open(const char *on)
{
	const struct sockaddr_ll at = { .sll_family = AF_PACKET,
					.sll_protocol = htons(0x1234),
					.sll_ifindex = (int)if_nametoindex(on) };
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, htons(0x1234));

	if (fd < 0 || bind(fd, (const void *)&at, sizeof(at)))
		bail("tap");
	return fd;
}

static unsigned int tap_count(int fd)
{
	uint8_t frame[64];
	unsigned int n = 0;

	while (recv(fd, frame, sizeof(frame), 0) > 0)
		n++;
	return n;
}

/* ---- what an older ppnd left ---- */

static struct ppn_datapath *open_dp(bool *ret_fresh)
{
	struct ppn_datapath *dp = NULL;

	why[0] = '\0';
	if (ppn_datapath_open(&dp, NULL, ret_fresh, why))
		bail("ppn_datapath_open");
	return dp;
}

static void world(void)
{
	struct ifreq request = { .ifr_flags = IFF_TUN | IFF_NO_PI, .ifr_name = "ppn0" };

	if (unshare(CLONE_NEWNET | CLONE_NEWNS) ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("bpf", BPFFS, "bpf", 0, "mode=0700"))
		bail("a network and mount namespace of its own (root?)");
	must("ip link set lo up && ip link add out0 type veth peer name in0");
	must("ip link set out0 up && ip link set in0 up");
	tun = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	if (tun < 0 || ioctl(tun, TUNSETIFF, &request))
		bail("/dev/net/tun");
}

static const uint8_t serial[PPN_SERIAL_LEN] = { 7 };

static int map_at(const char *folder, const char *name)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	return bpf_obj_get(path);
}

static struct ppn_flow_key flow_key(void)
{
	return (struct ppn_flow_key){ .remote = { 0x20, 1 },
				      .remote_port = htons(443),
				      .local_port = htons(40000),
				      .proto = IPPROTO_TCP };
}

static void fill(struct ppn_datapath *dp)
{
	const struct ppn_policy_table table = { .fleet = { 0xfd, 1 }, .number = 7 };
	const struct ppn_open_port port = { IPPROTO_TCP, .any = 1, .port = 443 };
	const struct ppn_slot slot = { .generation = 3, .reserved = 512, .floor = 2, .key = { 1 } };
	const struct ppn_command command = {
		.isolated = 1,
		.window[1] = { .generation = 3, .top = 77, .last_state = 70, .seen = 5 },
	};
	const struct ppn_flow_value flow = { .state = PPN_FLOW_OPEN, .generation = 1 };
	const struct ppn_flow_key key = flow_key();
	int flows = map_at(FOLDER, "flows");

	if (ppn_datapath_command_fill(dp, &command) || ppn_datapath_slot(dp, 1, &slot) ||
	    ppn_datapath_floor(dp, serial, PPN_PACKET_BEACON, 4711) ||
	    bpf_map_update_elem(flows, &key, &flow, BPF_ANY) ||
	    ppn_datapath_policy(dp, PPN_COLUMN_BOUND, PPN_POLICY_SEAT, &table, &port, 1))
		bail("fill the maps");
	close(flows);
}

static int attach_all(struct ppn_datapath *dp)
{
	enum ppn_hold hold;
	int err = ppn_datapath_seal(dp, if_nametoindex("out0"), &hold, why);

	return err ? err : ppn_datapath_mesh(dp, if_nametoindex("ppn0"), why);
}

/* named: its pins say what each program is, as from ABI 2 on; else it is of ABI 1. Returns its folder. */
static const char *leave_old(bool named)
{
	const char *folder = named ? OLD : OLDEST;
	bool fresh;
	struct ppn_datapath *dp = open_dp(&fresh);

	fill(dp);
	if (attach_all(dp))
		bail("attach the old programs");
	ppn_datapath_close(&dp);
	if (rename(FOLDER, folder))
		bail("rename " FOLDER);
	if (!named)
		must("rm -r " OLDEST "/programs " OLDEST "/filled");
	return folder;
}

static void clean(void)
{
	bool fresh;
	struct ppn_datapath *dp = open_dp(&fresh);

	if (ppn_datapath_unseal(dp, why))
		bail("unseal");
	ppn_datapath_close(&dp);
	if (access(ROOT, F_OK) == 0)
		bail(ROOT " is left");
}

/* ---- what is there now ---- */

static uint32_t link_id(const char *folder, const char *device, uint32_t *ret_prog)
{
	struct bpf_link_info info = { 0 };
	__u32 len = sizeof(info);
	char name[32];
	int fd;

	(void)snprintf(name, sizeof(name), "links/%u", if_nametoindex(device));
	fd = map_at(folder, name);
	if (fd >= 0) {
		(void)bpf_obj_get_info_by_fd(fd, &info, &len);
		close(fd);
	}
	*ret_prog = info.prog_id;
	return info.id;
}

static uint32_t tc_program(const char *device)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)if_nametoindex(device),
		    .attach_point = BPF_TC_EGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = 1, .priority = 1);

	return bpf_tc_query(&hook, &opts) ? 0 : opts.prog_id;
}

static bool remembers_command(struct ppn_datapath *dp)
{
	struct ppn_command command;
	struct ppn_slot slot;

	return !ppn_datapath_command(dp, &command) && command.isolated == 1 &&
	       command.window[1].generation == 3 && command.window[1].top == 77 &&
	       command.window[1].last_state == 70 && command.window[1].seen == 5 &&
	       !ppn_datapath_slot_now(dp, 1, &slot) && slot.valid && slot.generation == 3 &&
	       slot.reserved == 512 && slot.key[0] == 1;
}

static bool remembers_policy(struct ppn_datapath *dp)
{
	struct ppn_policy_table table;
	uint64_t word;

	return !ppn_datapath_policy_now(dp, &word, &table) &&
	       PPN_POLICY_COLUMN(word) == PPN_COLUMN_BOUND &&
	       (PPN_POLICY_FLAGS(word) & PPN_POLICY_SEAT) && table.number == 7 &&
	       table.fleet[0] == 0xfd;
}

static bool remembers_rows(void)
{
	const struct ppn_port_key port = { 1, htons(443), IPPROTO_TCP, PPN_PORT_ROSTER };
	const struct ppn_floor_key floor = { .serial = { 7 }, .type = PPN_PACKET_BEACON };
	const struct ppn_flow_key flow = flow_key();
	const uint64_t hash = ppn_flow_key_hash(&flow), bits = ppn_flow_bits(hash);
	const __u32 slot = ppn_flow_slot(hash);
	int ports = map_at(FOLDER, "open_ports"), floors = map_at(FOLDER, "floors");
	int flows = map_at(FOLDER, "flows"), filter = map_at(FOLDER, "flow_filter");
	struct ppn_flow_value value = { 0 };
	struct ppn_port_rule rule = { 0 };
	uint64_t time = 0;
	uint64_t word = 0;
	bool good = !bpf_map_lookup_elem(ports, &port, &rule) && rule.any &&
		    !bpf_map_lookup_elem(floors, &floor, &time) && time == 4711 &&
		    !bpf_map_lookup_elem(flows, &flow, &value) && value.state == PPN_FLOW_OPEN &&
		    !bpf_map_lookup_elem(filter, &slot, &word) && (word & bits) == bits;

	if (!good)
		printf("# port %d, floor %llu, flow %u, filter %llx\n", rule.any,
		       (unsigned long long)time, value.state, (unsigned long long)word);
	close(ports);
	close(floors);
	close(flows);
	close(filter);
	return good;
}

static bool holds(struct ppn_datapath *dp, const char *device, enum ppn_hold wanted)
{
	enum ppn_hold hold;

	return !ppn_datapath_hold(dp, if_nametoindex(device), &hold) && hold == wanted;
}

/* ---- tests ---- */

/* As ABI 2 had it: 32 bits a slot. */
static void old_filter(const char *folder)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_MMAPABLE);
	int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "flow_filter", 4, 4, 262144, &opts);
	char path[64];

	(void)snprintf(path, sizeof(path), "%s/flow_filter", folder);
	if (unlink(path) || bpf_obj_pin(fd, path))
		bail("a filter of ABI 2");
	close(fd);
}

static void test_upgrade(bool named)
{
	uint32_t before, after, old_prog, new_prog, old_mesh, new_mesh, old_tc, mesh;
	const char *old = leave_old(named);
	struct ppn_datapath *dp;
	uint64_t sent;
	bool fresh;
	int tap;

	old_filter(old);
	before = link_id(old, "out0", &old_prog);
	mesh = link_id(old, "ppn0", &old_mesh);
	old_tc = tc_program("out0");
	tap = tap_open("out0");
	flood_start();
	dp = open_dp(&fresh);
	sent = flood_stop();
	after = link_id(FOLDER, "out0", &new_prog);
	ok(before && after == before && new_prog != old_prog,
	   named ? "the links are the same, with new programs" :
		   "the same where the old pins say nothing: links, new programs");
	ok(link_id(FOLDER, "ppn0", &new_mesh) == mesh && new_mesh != old_mesh &&
		   new_mesh != new_prog,
	   "ppn0's too, with its own");
	ok(tc_program("out0") && tc_program("out0") != old_tc, "the filters are the new ones");
	ok(access(old, F_OK) != 0, "the old folder is gone");
	ok(!fresh && remembers_command(dp), "isolation, windows and slots are remembered");
	ok(remembers_policy(dp), "the policy goes on");
	ok(remembers_rows(), "so do open ports, floors and flows");
	ok(holds(dp, "out0", PPN_HOLD_NATIVE) && holds(dp, "ppn0", PPN_HOLD_GENERIC),
	   "both interfaces are held");
	printf("# %llu packets meanwhile\n", (unsigned long long)sent);
	ok(sent > 1000 && tap_count(tap) == 0, "not one packet came through");
	close(tap);
	ok(!attach_all(dp) && link_id(FOLDER, "out0", &new_prog) == before,
	   "and sealing adopts what it finds");
	ppn_datapath_close(&dp);
	clean();
}

/* A policy map as ABI 1 had it: tables of 56 bytes. */
static void old_policy(void)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_MMAPABLE);
	uint8_t value[16 + 2 * 56] = { 0 };
	const uint64_t word =
		PPN_POLICY_WORD(PPN_COLUMN_BOUND, PPN_POLICY_SEAT | PPN_POLICY_PORTS, 1);
	const struct ppn_policy_table table = { .fleet = { 0xfd, 1 }, .number = 7 };
	const __u32 zero = 0;
	int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "policy", 4, sizeof(value), 1, &opts);

	memcpy(value, &word, sizeof(word));
	memcpy(value + 16 + 56, &table, 56);
	must("rm " OLD "/policy " OLD "/open_ports");
	if (bpf_map_update_elem(fd, &zero, value, BPF_ANY) || bpf_obj_pin(fd, OLD "/policy"))
		bail("a policy of ABI 1");
	close(fd);
}

static void test_other_shape(void)
{
	const struct ppn_flow_key none = { 0 };
	struct ppn_policy_table table;
	struct ppn_datapath *dp;
	uint64_t word = 0;
	bool fresh;

	leave_old(true);
	old_policy();
	dp = open_dp(&fresh);
	ok(remembers_policy(dp) && !ppn_datapath_policy_now(dp, &word, &table) &&
		   !table.trial_end && !memcmp(&table.trial, &none, sizeof(none)),
	   "tables that have grown: the old part is taken over, the rest is zeros");
	ok(!(PPN_POLICY_FLAGS(word) & PPN_POLICY_PORTS),
	   "rows that are not taken over are not asked");
	ppn_datapath_close(&dp);
	clean();
}

static int open_err(int (*open_it)(struct ppn_datapath **, const char *, bool *, char *))
{
	struct ppn_datapath *dp = NULL;
	bool fresh;
	int err;

	why[0] = '\0';
	err = open_it(&dp, NULL, &fresh, why);
	ppn_datapath_close(&dp);
	return err;
}

/* What an upgrade that was cut off has left in our folder: n flows, ours first. */
static void leave_flows(uint32_t n)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_NO_PREALLOC);
	const struct ppn_flow_value sent = { .state = PPN_FLOW_SENT };
	struct ppn_flow_key key = flow_key();
	int fd;

	must("mkdir -m 700 " FOLDER);
	fd = bpf_map_create(BPF_MAP_TYPE_HASH, "flows", sizeof(key), sizeof(sent), PPN_MAP_FLOWS,
			    &opts);
	for (uint32_t i = 0; i < n; i++) {
		if (bpf_map_update_elem(fd, &key, &sent, BPF_ANY))
			bail("a flow of an upgrade that was cut off");
		memcpy(key.local, &i, sizeof(i));
	}
	if (bpf_obj_pin(fd, FOLDER "/flows"))
		bail("pin the flows");
	close(fd);
}

/* A table of flows that leave_flows() has not. Many: the kernel counts a table's rows in batches. */
static int others(void)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_NO_PREALLOC);
	const struct ppn_flow_value value = { .state = PPN_FLOW_OPEN };
	struct ppn_flow_key key = { .proto = IPPROTO_UDP };
	int fd = bpf_map_create(BPF_MAP_TYPE_HASH, "flows", sizeof(key), sizeof(value),
				PPN_MAP_FLOWS, &opts);

	for (uint32_t i = 0; i < 1000; i++) {
		memcpy(key.remote, &i, sizeof(i));
		if (bpf_map_update_elem(fd, &key, &value, BPF_ANY))
			bail("other flows");
	}
	return fd;
}

static void test_cut_off(void)
{
	struct ppn_datapath *dp;
	bool fresh;

	(void)leave_old(true);
	leave_flows(1);
	dp = open_dp(&fresh);
	ok(remembers_rows(), "a flow that has moved on since it was copied is copied again");
	ppn_datapath_close(&dp);
	clean();
	(void)leave_old(true);
	must("rm " OLD "/flows");
	leave_flows(PPN_MAP_FLOWS);
	if (bpf_obj_pin(others(), OLD "/flows"))
		bail("pin other flows");
	ok(!open_err(ppn_datapath_open), "more flows than the table takes do not end it");
	clean();
}

static void test_refused(void)
{
	uint32_t prog, now;
	struct ppn_datapath *dp;
	bool fresh;

	leave_old(true);
	(void)link_id(OLD, "out0", &prog);
	must("mv " OLD " " FOLDER);
	dp = open_dp(&fresh);
	must("mv " FOLDER " " OLD);
	ok(open_err(ppn_datapath_open) == -EBUSY && strstr(why, "ABI 2 runs"),
	   "while the older ppnd lives: refused in words");
	ok(open_err(ppn_datapath_open_seal) == -EBUSY, "for the blind seal as well");
	(void)link_id(OLD, "out0", &now);
	ok(now == prog && access(FOLDER, F_OK) != 0, "and nothing is touched");
	ppn_datapath_close(&dp);
	must("mkdir " ROOT "/4");
	ok(open_err(ppn_datapath_open) == -EPROTO && strstr(why, "newer ppnd (ABI 4"),
	   "pins of a newer ABI beside: refused in words");
	(void)link_id(OLD, "out0", &now);
	ok(now == prog, "and nothing is touched");
	must("rmdir " ROOT "/4");
	clean();
}

/* Killed after `us` microseconds; true: it had ended before. */
static bool open_and_die(unsigned int us)
{
	int status;
	bool fresh;
	pid_t pid = fork();

	if (pid == 0) {
		struct ppn_datapath *dp = NULL;

		_exit(ppn_datapath_open(&dp, NULL, &fresh, why) ? 1 : 0);
	}
	usleep(us);
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, &status, 0);
	return WIFEXITED(status);
}

static void test_killed(unsigned int rounds)
{
	unsigned int started = 0, good = 0, through = 0;
	struct ppn_datapath *dp;
	bool fresh;
	int tap = tap_open("out0");

	flood_start();
	for (unsigned int i = 0; i < rounds; i++) {
		leave_old(true);
		(void)tap_count(tap); /* until then nothing was sealed */
		for (unsigned int us = 20000 + i * 5000; !open_and_die(us); us += 30000)
			started += access(FOLDER "/policy", F_OK) == 0;
		dp = open_dp(&fresh);
		good += !fresh && remembers_command(dp) && remembers_policy(dp) &&
			remembers_rows() && access(OLD, F_OK) != 0 &&
			holds(dp, "out0", PPN_HOLD_NATIVE);
		ppn_datapath_close(&dp);
		through += tap_count(tap);
		clean();
	}
	printf("# %u upgrades, %u deaths on the way, %llu packets\n", rounds, started,
	       (unsigned long long)flood_stop());
	ok(started >= rounds && good == rounds,
	   "killed on the way: taken up again, nothing forgotten");
	ok(through == 0, "and not one packet came through");
	close(tap);
}

/* As the unit has it. */
static int without_sys_admin(int (*run)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		capng_get_caps_process();
		capng_update(CAPNG_DROP, CAPNG_EFFECTIVE | CAPNG_PERMITTED | CAPNG_BOUNDING_SET,
			     CAP_SYS_ADMIN);
		if (capng_apply(CAPNG_SELECT_BOTH))
			_exit(99);
		status = run();
		if (status)
			printf("# %d: %s\n", status, why);
		fflush(stdout);
		_exit(status ? 1 : 0);
	}
	(void)waitpid(pid, &status, 0);
	return status;
}

static int adopt(void)
{
	struct ppn_datapath *dp = NULL;
	bool fresh;
	int err = ppn_datapath_open(&dp, NULL, &fresh, why);

	if (!err)
		err = attach_all(dp);
	if (!err && !(holds(dp, "out0", PPN_HOLD_NATIVE) && holds(dp, "ppn0", PPN_HOLD_GENERIC)))
		err = -ENOENT;
	if (!err && ppn_datapath_command_fill(dp, &(struct ppn_command){ 0 }) != -EBUSY)
		err = -EINVAL;
	ppn_datapath_close(&dp);
	return err;
}

static int is_told(void)
{
	return open_err(ppn_datapath_open) == -EPERM && strstr(why, "ppnd --blind") ? 0 : -EINVAL;
}

static void test_capabilities(void)
{
	bool fresh;
	struct ppn_datapath *dp = open_dp(&fresh);

	if (attach_all(dp))
		bail("attach");
	ppn_datapath_close(&dp);
	ok(without_sys_admin(adopt) == 0,
	   "without CAP_SYS_ADMIN: what another process attached is told for ours, and adopted");
	ok(without_sys_admin(adopt) == 0, "and once more");
	clean();
	leave_old(true);
	ok(without_sys_admin(adopt) == 0, "upgraded without CAP_SYS_ADMIN");
	clean();
	leave_old(false);
	ok(without_sys_admin(is_told) == 0, "ABI 1 wants it once: said, with the command");
	clean();
}

static void test_blind(void)
{
	struct ppn_datapath *dp = NULL;
	uint32_t before, after, id;
	enum ppn_hold hold;
	bool fresh = false;

	ok(!ppn_datapath_open_seal(&dp, NULL, &fresh, why) && fresh &&
		   !ppn_datapath_seal(dp, if_nametoindex("out0"), &hold, why) &&
		   hold == PPN_HOLD_NATIVE,
	   "a blind seal, without ppnd");
	ok(access(FOLDER "/slots", F_OK) != 0, "has nothing of ppn0");
	ppn_datapath_close(&dp);
	id = link_id(FOLDER, "out0", &before);
	ok(!ppn_datapath_open_seal(&dp, NULL, &fresh, why) &&
		   !ppn_datapath_seal(dp, if_nametoindex("out0"), &hold, why) &&
		   link_id(FOLDER, "out0", &after) == id && after == before,
	   "again: what holds is left alone");
	ppn_datapath_close(&dp);
	dp = open_dp(&fresh);
	ok(fresh, "to the ppnd that follows the command map is fresh");
	fill(dp);
	ok(!attach_all(dp) && link_id(FOLDER, "out0", &after) == id && after != before,
	   "which adopts the link");
	ppn_datapath_close(&dp);
	ok(!ppn_datapath_open_seal(&dp, NULL, &fresh, why) && !fresh && remembers_policy(dp),
	   "a blind seal beside it keeps its policy");
	ppn_datapath_close(&dp);
	must("mv " FOLDER " " OLD);
	ok(!ppn_datapath_open_seal(&dp, NULL, &fresh, why) && !fresh && remembers_command(dp) &&
		   link_id(FOLDER, "out0", &after) == id,
	   "and upgrades, when no ppnd lives");
	ppn_datapath_close(&dp);
	clean();
}

int main(void)
{
	world();
	test_upgrade(true);
	test_upgrade(false);
	test_cut_off();
	test_other_shape();
	test_refused();
	test_capabilities();
	test_blind();
	test_killed(getenv("PPN_SOAK") ? 40 : 5);
	printf("1..%u\n", n_tests);
	return n_failed ? 1 : 0;
}
