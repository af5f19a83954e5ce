// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * `ppn doctor`: can this machine be sealed, and is it? A check is a function and a row of the table; those of a
 * kernel can be asked of one that does not run yet (--kernel), before it is booted into.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <linux/magic.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/timex.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"
#include "host/ctl.h"
#include "host/kconfig.h"

enum level { OK, WARN, FAIL };
static const char *const level_text[] = { [OK] = "ok", [WARN] = "warn", [FAIL] = "fail" };

struct doctor {
	const struct cli *cli;
	const char *version; /* of the kernel; NULL: the one that runs */
	json_t *status; /* of ppnd; NULL: it does not run */
	json_t *findings;
	enum level worst;
};

static void find(struct doctor *doctor, enum level level, const char *what, const char *remedy,
		 const char *format, ...) __attribute__((format(printf, 5, 6)));

/* remedy: what to do about it; NULL: nothing. */
static void find(struct doctor *doctor, enum level level, const char *what, const char *remedy,
		 const char *format, ...)
{
	char text[320];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (level > doctor->worst)
		doctor->worst = level;
	(void)json_array_append_new(doctor->findings,
				    json_pack("{s:s, s:s, s:s, s:s?}", "level", level_text[level],
					      "what", what, "text", text, "remedy", remedy));
}

/* The first line of a file; "" where there is none. */
static const char *first_line(char *ret_line, size_t size, const char *path)
{
	FILE *file = fopen(path, "re");

	ret_line[0] = '\0';
	if (!file)
		return ret_line;
	if (!fgets(ret_line, (int)size, file))
		ret_line[0] = '\0';
	(void)fclose(file);
	ret_line[strcspn(ret_line, "\n")] = '\0';
	return ret_line;
}

/* ---- a kernel, this one or another ---- */

static void check_version(struct doctor *doctor)
{
	static const char remedy[] = "boot a kernel of 6.1 or later";
	unsigned int major = 0, minor = 0;
	struct utsname running;
	const char *release = doctor->version;
	char *end;

	if (!release)
		release = uname(&running) == 0 ? running.release : "";
	major = (unsigned int)strtoul(release, &end, 10);
	if (*end == '.')
		minor = (unsigned int)strtoul(end + 1, NULL, 10);
	if (major > 6 || (major == 6 && minor >= 1))
		find(doctor, OK, "kernel", NULL, "%s", release);
	else
		find(doctor, FAIL, "kernel", remedy, "%s is older than 6.1", release);
}

/* Options that belong together: what it means when one is missing. */
static const struct {
	const char *what;
	enum level level;
	const char *options[5];
	const char *missing, *remedy;
} builds[] = {
	{ "bpf",
	  FAIL,
	  { "CONFIG_BPF_SYSCALL", "CONFIG_NET_CLS_ACT", "CONFIG_NET_CLS_BPF",
	    "CONFIG_NET_SCH_INGRESS" },
	  "the seal's programs do not load: nftables alone would hold this machine",
	  "boot a kernel with these options" },
	{ "bpf jit",
	  WARN,
	  { "CONFIG_BPF_JIT" },
	  "programs are interpreted: floods cost many times more",
	  "boot a kernel with this option" },
	{ "btf",
	  WARN,
	  { "CONFIG_DEBUG_INFO_BTF" },
	  "bpftool shows maps without names, and an interface cannot be shared",
	  "boot a kernel with this option" },
	{ "nft",
	  WARN,
	  { "CONFIG_NF_TABLES", "CONFIG_NF_TABLES_INET", "CONFIG_NF_TABLES_NETDEV",
	    "CONFIG_NF_TABLES_BRIDGE", "CONFIG_NETFILTER_INGRESS" },
	  "no backstop: a new interface is open until ppnd has sealed it",
	  "boot a kernel with these options" },
};
enum { BUILDS = sizeof(builds) / sizeof(builds[0]), BUILD_OPTIONS = 5 };

static void check_build(struct doctor *doctor, size_t row)
{
	char values[BUILD_OPTIONS], missing[160] = "";
	size_t n = 0, len = 0;

	while (n < BUILD_OPTIONS && builds[row].options[n])
		n++;
	if (ppn_kconfig_read(doctor->version, builds[row].options, n, values)) {
		find(doctor, WARN, builds[row].what,
		     "install the kernel's package, whose config tells",
		     "its configuration is in neither /boot nor /lib/modules");
		return;
	}
	for (size_t i = 0; i < n; i++)
		if (values[i] == 'n' && len < sizeof(missing))
			len += (size_t)snprintf(missing + len, sizeof(missing) - len, "%s%s",
						len ? ", " : "", builds[row].options[i]);
	if (len)
		find(doctor, builds[row].level, builds[row].what, builds[row].remedy,
		     "without %s: %s", missing, builds[row].missing);
	else
		find(doctor, OK, builds[row].what, NULL, "built with what it takes");
}

static void check_builds(struct doctor *doctor)
{
	for (size_t row = 0; row < BUILDS; row++)
		check_build(doctor, row);
}

/* What a kernel is built with may not be here: a container's /sys, or a strict one. */
static void check_btf(struct doctor *doctor)
{
	struct stat st;

	if (doctor->version || (stat("/sys/kernel/btf/vmlinux", &st) == 0 && st.st_size > 0))
		return;
	find(doctor, WARN, "btf", "mount sysfs, or boot a kernel with CONFIG_DEBUG_INFO_BTF",
	     "no /sys/kernel/btf/vmlinux: an interface cannot be shared");
}

static bool in_path(const char *program)
{
	static const char *const folders[] = { "/usr/bin", "/usr/local/bin", "/usr/sbin",
					       "/usr/local/sbin" };
	char path[64];

	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", folders[i], program);
		if (access(path, X_OK) == 0)
			return true;
	}
	return false;
}

/* A module that nothing can load any more, until the next boot. */
static bool is_shut_out(const struct doctor *doctor, const char *module)
{
	char path[64], line[8];

	snprintf(path, sizeof(path), "/sys/module/%s", module);
	return !doctor->version && access(path, F_OK) != 0 &&
	       first_line(line, sizeof(line), "/proc/sys/kernel/modules_disabled")[0] == '1';
}

static void check_wireguard(struct doctor *doctor)
{
	static const char *const option = "CONFIG_WIREGUARD";
	const bool there = ppn_kmodule_is_there(doctor->version, "wireguard");
	char value;

	(void)ppn_kconfig_read(doctor->version, &option, 1, &value);
	if (value != 'y' && there && is_shut_out(doctor, "wireguard"))
		find(doctor, in_path("wireguard-go") ? WARN : FAIL, "wireguard",
		     "name wireguard in /etc/modules-load.d and boot, or install wireguard-go",
		     "its module is not loaded, and kernel.modules_disabled lets nobody load it");
	else if (value == 'y' || there)
		find(doctor, OK, "wireguard", NULL, "kernel, %s",
		     value == 'y' ? "built in" : "module");
	else if (in_path("wireguard-go"))
		find(doctor, WARN, "wireguard",
		     "boot a kernel with WireGuard, or install its module",
		     "not in the kernel: wireguard-go carries the mesh, slower");
	else
		find(doctor, FAIL, "wireguard",
		     "boot a kernel with WireGuard, or install wireguard-go",
		     "neither in the kernel nor as wireguard-go: the mesh cannot come up");
}

/* Is this word on the command line? Of the next boot nobody can say more than that it is likely to be this one. */
static bool is_booted_with(const char *word)
{
	const size_t len = strlen(word);
	char line[4096];
	const char *at = first_line(line, sizeof(line), "/proc/cmdline");

	while ((at = strstr(at, word))) {
		if ((at == line || at[-1] == ' ') && (!at[len] || at[len] == ' '))
			return true;
		at += len;
	}
	return false;
}

/* Why a kernel is locked down for confidentiality; NULL: it is not. The running one says so itself. */
static const char *locked_down_by(const struct doctor *doctor)
{
	static const char *const options[] = { "CONFIG_LOCK_DOWN_KERNEL_FORCE_CONFIDENTIALITY",
					       "CONFIG_SECURITY_LOCKDOWN_LSM" };
	char line[128], values[2];

	(void)ppn_kconfig_read(doctor->version, options, 2, values);
	if (values[0] == 'y')
		return "its build";
	if (doctor->version)
		return values[1] != 'n' && is_booted_with("lockdown=confidentiality") ?
			       "the command line" :
			       NULL;
	return strstr(first_line(line, sizeof(line), "/sys/kernel/security/lockdown"),
		      "[confidentiality]") ?
		       "its command line, or somebody since" :
		       NULL;
}

static void check_lockdown(struct doctor *doctor)
{
	const char *by = locked_down_by(doctor);

	if (by)
		find(doctor, WARN, "lockdown", "boot with lockdown=integrity, or without",
		     "confidentiality, by %s: the kernel may refuse the seal's programs", by);
	else
		find(doctor, OK, "lockdown", NULL, "does not touch the seal");
}

/* ---- this machine, as it runs ---- */

static void check_bpffs(struct doctor *doctor)
{
	struct statfs fs;

	if (statfs("/sys/fs/bpf", &fs) == 0 && (unsigned long)fs.f_type == BPF_FS_MAGIC)
		find(doctor, OK, "bpffs", NULL, "mounted on /sys/fs/bpf");
	else
		find(doctor, FAIL, "bpffs", "mount -t bpf bpf /sys/fs/bpf",
		     "not mounted: the seal would end with ppnd");
}

static void check_sysctls(struct doctor *doctor)
{
	char line[32];

	if (strcmp(first_line(line, sizeof(line), "/proc/sys/net/core/bpf_jit_enable"), "0") == 0)
		find(doctor, WARN, "bpf_jit_enable", "sysctl net.core.bpf_jit_enable=1",
		     "0: floods cost many times more");
	if (strcmp(first_line(line, sizeof(line), "/proc/sys/kernel/unprivileged_bpf_disabled"),
		   "0") == 0)
		find(doctor, WARN, "unprivileged bpf", "sysctl kernel.unprivileged_bpf_disabled=1",
		     "anybody on this machine may load programs");
}

/* Certificates have days, and beacons an order. */
static void check_clock(struct doctor *doctor)
{
	enum { YEAR_2024 = 1704067200 };
	struct timex timex = { 0 };
	const int state = adjtimex(&timex);

	if (time(NULL) < YEAR_2024)
		find(doctor, FAIL, "clock", "set it: date -s, or a time service",
		     "it is before 2024: no certificate is good yet");
	else if (state == TIME_ERROR || timex.status & STA_UNSYNC)
		find(doctor, WARN, "clock", "run a time service: ppn egress open udp/123 ADDRESS",
		     "nothing keeps it in step");
	else
		find(doctor, OK, "clock", NULL, "kept in step");
}

/* What an initramfs brings up is there before anything of /usr. */
static void check_initramfs(struct doctor *doctor)
{
	static const char remedy[] =
		"without it, or know that the machine is open until ppn-seal.service";
	char line[4096];
	const char *ip;

	(void)first_line(line, sizeof(line), "/proc/cmdline");
	ip = strstr(line, " ip=");
	if (ip && strncmp(ip + 4, "off", 3) != 0 && strncmp(ip + 4, "none", 4) != 0)
		find(doctor, WARN, "initramfs", remedy,
		     "ip= on the kernel's command line brings the network up before the seal");
	else if (access("/etc/dropbear/initramfs", F_OK) == 0)
		find(doctor, WARN, "initramfs", remedy,
		     "dropbear in the initramfs: the network is up before the seal");
}

static void check_units(struct doctor *doctor)
{
	glob_t found = { 0 };

	if (access("/run/systemd/system", F_OK) < 0)
		return;
	if (glob("/etc/systemd/system/*.wants/ppn-seal.service", 0, NULL, &found) == 0)
		find(doctor, OK, "boot", NULL, "ppn-seal.service seals before the network");
	else
		find(doctor, WARN, "boot", "systemctl enable ppn-seal ppnd",
		     "ppn-seal.service is not enabled: open from network-up until ppnd");
	globfree(&found);
}

/* ---- ppnd and its interfaces ---- */

static void check_mtu(struct doctor *doctor, const char *name)
{
	enum { LEAST = 1360 };
	char path[64], line[32];
	unsigned long mtu;

	snprintf(path, sizeof(path), "/sys/class/net/%.15s/mtu", name);
	mtu = strtoul(first_line(line, sizeof(line), path), NULL, 10);
	if (mtu && mtu < LEAST)
		find(doctor, FAIL, "mtu", "a link of 1360 bytes or more",
		     "%s: %lu bytes, WireGuard does not fit", name, mtu);
	else if (mtu)
		find(doctor, OK, "mtu", NULL, "%s: %lu bytes", name, mtu);
}

static void check_foreign(struct doctor *doctor, const json_t *interfaces)
{
	const json_t *interface;
	bool any = false;
	size_t i;

	json_array_foreach(interfaces, i, interface) {
		const json_t *foreign = json_object_get(interface, "foreign");

		if (!json_is_object(foreign))
			continue;
		any = true;
		find(doctor, WARN, "foreign programs",
		     "take it off, or [seal] share = yes where the kernel can",
		     "%s: XDP program %lld (%s) is in the seal's place",
		     cli_text(interface, "name"), (long long)cli_number(foreign, "id"),
		     cli_text(foreign, "name"));
	}
	if (!any)
		find(doctor, OK, "foreign programs", NULL,
		     "none in the seal's place on an external interface");
}

static void check_interface(struct doctor *doctor, const json_t *interface)
{
	const char *name = cli_text(interface, "name"), *hold = cli_text(interface, "hold");
	const char *why = cli_text(interface, "why");

	if (strcmp(hold, "native") == 0)
		find(doctor, OK, name, NULL, "sealed, native XDP");
	else if (strcmp(hold, "generic") == 0)
		find(doctor, WARN, name, "a driver, an MTU and queues that take native XDP",
		     "sealed, generic XDP: %s", why);
	else if (strcmp(hold, "none") == 0)
		find(doctor, FAIL, name, "see the log of ppnd", "NOT SEALED: %s", why);
	else
		find(doctor, WARN, name,
		     "take the other program off, or [seal] share = yes where the kernel can",
		     "sealed by %s alone: %s", hold, why);
	check_mtu(doctor, name);
}

static void check_ppnd(struct doctor *doctor)
{
	const json_t *seal = json_object_get(doctor->status, "seal"), *interface;
	const json_t *mesh = json_object_get(doctor->status, "mesh");
	const json_t *backstop = json_object_get(seal, "backstop");
	const char *mode = cli_text(seal, "mode");
	size_t i;

	if (!doctor->status) {
		find(doctor, WARN, "ppnd", "systemctl start ppnd",
		     "does not answer: what holds the interfaces is not known");
		return;
	}
	if (strcmp(mode, "enforce") == 0)
		find(doctor, OK, "ppnd", NULL, "%s, the seal enforces",
		     cli_text(doctor->status, "state"));
	else
		find(doctor, WARN, "ppnd", "ppn seal check, then ppn seal --try 120s",
		     "%s, the seal does not enforce (%s)", cli_text(doctor->status, "state"), mode);
	if (*cli_text(seal, "not_in_force"))
		find(doctor, FAIL, "policy", "see the log of ppnd", "not in force: %s",
		     cli_text(seal, "not_in_force"));
	if (!json_is_true(json_object_get(backstop, "on")))
		find(doctor, WARN, "backstop", "see the log of ppnd, and nft list tables",
		     "off: %s; a new interface is open until ppnd has sealed it",
		     cli_text(backstop, "why"));
	else
		find(doctor, OK, "backstop", NULL, "on, by nftables");
	if (*cli_text(seal, "pins_why"))
		find(doctor, FAIL, "pins", "mount -t bpf bpf /sys/fs/bpf, then restart ppnd", "%s",
		     cli_text(seal, "pins_why"));
	json_array_foreach(json_object_get(seal, "interfaces"), i, interface)
		check_interface(doctor, interface);
	check_foreign(doctor, json_object_get(seal, "interfaces"));
	if (!json_array_size(json_object_get(seal, "interfaces")))
		find(doctor, WARN, "interfaces",
		     "[node] external = NAME, where one has no parent device",
		     "no external interface: there is nothing to seal");
	json_array_foreach(json_object_get(seal, "unmatched"), i, interface)
		find(doctor, WARN, json_string_value(interface), "its name as `ip link` shows it",
		     CLI_UNMATCHED);
	if (json_is_false(json_object_get(mesh, "up")))
		find(doctor, FAIL, "mesh", "see the log of ppnd", "not up: %s",
		     cli_text(mesh, "why"));
}

static const struct {
	void (*run)(struct doctor *doctor);
	bool of_a_kernel; /* can be asked of one that does not run */
} checks[] = {
	{ check_version, true },   { check_builds, true },   { check_btf, true },
	{ check_wireguard, true }, { check_lockdown, true }, { check_bpffs, false },
	{ check_sysctls, false },  { check_clock, false },   { check_initramfs, false },
	{ check_units, false },	   { check_ppnd, false },
};

/* ---- said ---- */

static json_t *ask_quietly(const struct cli *cli)
{
	enum ppn_exit code;
	char path[256];
	json_t *answer;

	snprintf(path, sizeof(path), "%s/%s", cli->run_dir, PPN_CTL_SOCKET);
	answer = ppn_ctl_ask(path, json_pack("{s:s}", "verb", "status"), NULL, NULL, &code);
	if (answer && json_object_get(answer, "error")) {
		json_decref(answer);
		return NULL;
	}
	return answer;
}

static void print_findings(const json_t *findings)
{
	const json_t *finding;
	size_t i;

	json_array_foreach(findings, i, finding) {
		printf("%-5s %-16s %s\n", cli_text(finding, "level"), cli_text(finding, "what"),
		       cli_text(finding, "text"));
		if (*cli_text(finding, "remedy"))
			printf("%-22s -> %s\n", "", cli_text(finding, "remedy"));
	}
}

enum ppn_exit cli_doctor(const struct cli *cli)
{
	struct doctor doctor = {
		.cli = cli,
		.version = cli->kernel,
		.findings = json_array(),
	};
	char value;

	if (cli->kernel && ppn_kconfig_read(cli->kernel, NULL, 0, &value) == -EINVAL)
		return cli_error(cli, PPN_EXIT_USAGE, "%s is no version of a kernel", cli->kernel);
	if (!cli->kernel)
		doctor.status = ask_quietly(cli);
	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++)
		if (!cli->kernel || checks[i].of_a_kernel)
			checks[i].run(&doctor);
	if (cli->json)
		cli_print(json_pack("{s:s, s:O}", "worst", level_text[doctor.worst], "findings",
				    doctor.findings));
	else
		print_findings(doctor.findings);
	json_decref(doctor.findings);
	json_decref(doctor.status);
	return doctor.worst == FAIL ? PPN_EXIT_FAILURE : PPN_EXIT_OK;
}
