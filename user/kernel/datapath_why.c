// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <fcntl.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include "kernel/datapath_private.h"

/* libbpf's print callback has no argument: its first warning has to stay somewhere. */
static _Thread_local char said[128];

int dp_why(char *ret_why, int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(ret_why, PPN_WHY_LEN, fmt, ap);
	va_end(ap);
	return err;
}

__attribute__((format(printf, 2, 0))) static int listen_to_libbpf(enum libbpf_print_level level,
								  const char *fmt, va_list ap)
{
	static const char prefix[] = "libbpf: ";
	size_t skip = strncmp(fmt, prefix, sizeof(prefix) - 1) ? 0 : sizeof(prefix) - 1;

	if (level != LIBBPF_WARN || said[0])
		return 0;
	(void)vsnprintf(said, sizeof(said), fmt + skip, ap);
	said[strcspn(said, "\n")] = '\0';
	return 0;
}

void dp_hush(void)
{
	said[0] = '\0';
	(void)libbpf_set_print(listen_to_libbpf);
}

const char *dp_said(void)
{
	return said;
}

static bool locked_down(void)
{
	char text[128];
	ssize_t n;
	int fd;

	fd = open("/sys/kernel/security/lockdown", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	return strstr(text, "[confidentiality]");
}

const char *dp_refused(int err)
{
	if (err == -EPERM) {
		if (locked_down())
			return "kernel lockdown (confidentiality) forbids BPF";
		return geteuid() ? "needs root (CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON)" :
				   "not permitted: a container without CAP_BPF?";
	}
	if (err == -ENOMEM)
		return "no memory for its maps (RLIMIT_MEMLOCK, memory cgroup)";
	if (err == -ENOSYS || err == -EOPNOTSUPP)
		return "this kernel cannot (6.1 or later is needed)";
	return said[0] ? said : strerror(-err);
}

const char *dp_program_name(uint32_t id, char ret_name[static BPF_OBJ_NAME_LEN])
{
	struct bpf_prog_info info = { 0 };
	__u32 len = sizeof(info);
	int fd = bpf_prog_get_fd_by_id(id);

	memcpy(ret_name, "?", sizeof("?"));
	if (fd < 0)
		return ret_name;
	if (!bpf_obj_get_info_by_fd(fd, &info, &len))
		memcpy(ret_name, info.name, BPF_OBJ_NAME_LEN);
	close(fd);
	return ret_name;
}

_Static_assert(PPN_PROGRAM_NAME_LEN == BPF_OBJ_NAME_LEN, "names of programs");

const char *ppn_datapath_program_name(uint32_t id, char ret_name[static PPN_PROGRAM_NAME_LEN])
{
	return dp_program_name(id, ret_name);
}

const char *dp_ifname(uint32_t ifindex, char ret_name[static 16])
{
	if (!if_indextoname(ifindex, ret_name))
		(void)snprintf(ret_name, 16, "#%u", ifindex);
	return ret_name;
}

const char *dp_kernel_said(int err)
{
	static const char prefix[] = "Kernel error message: ";

	if (!strncmp(said, prefix, sizeof(prefix) - 1))
		return said + sizeof(prefix) - 1;
	return strerror(-err);
}

/* ---- what decides whether a driver takes XDP ---- */

static int ethtool(int fd, const char *ifname, void *command)
{
	struct ifreq request = { .ifr_data = command };

	(void)snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", ifname);
	return ioctl(fd, SIOCETHTOOL, &request) ? -errno : 0;
}

/* info: what it is put into. */
static const char *driver_of(int fd, const char *ifname, struct ethtool_drvinfo *info)
{
	*info = (struct ethtool_drvinfo){ .cmd = ETHTOOL_GDRVINFO };
	return !ethtool(fd, ifname, info) && info->driver[0] ? info->driver : "unknown";
}

static void put_driver(int fd, const char *ifname, char *text)
{
	struct ethtool_drvinfo info;

	(void)snprintf(text, DP_FACTS_LEN, "driver %.31s", driver_of(fd, ifname, &info));
}

static size_t put_mtu(int fd, const char *ifname, char *text, size_t room)
{
	struct ifreq request = { 0 };

	(void)snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", ifname);
	if (ioctl(fd, SIOCGIFMTU, &request))
		return 0;
	return (size_t)snprintf(text, room, ", mtu %d", request.ifr_mtu);
}

static size_t put_queues(int fd, const char *ifname, char *text, size_t room)
{
	struct ethtool_channels queues = { .cmd = ETHTOOL_GCHANNELS };
	unsigned int n;

	if (ethtool(fd, ifname, &queues))
		return 0;
	n = queues.combined_count + queues.rx_count;
	return (size_t)snprintf(text, room, ", %u queue%s", n, n == 1 ? "" : "s");
}

static void put_lro(int fd, const char *ifname, char *text, size_t room)
{
	struct ethtool_value flags = { .cmd = ETHTOOL_GFLAGS };

	if (!ethtool(fd, ifname, &flags) && (flags.data & ETH_FLAG_LRO))
		(void)snprintf(text, room, ", LRO on");
}

const char *dp_facts(const char *ifname, char ret_facts[static DP_FACTS_LEN])
{
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	size_t len;

	memcpy(ret_facts, "?", sizeof("?"));
	if (fd < 0)
		return ret_facts;
	put_driver(fd, ifname, ret_facts);
	len = strlen(ret_facts);
	len += put_mtu(fd, ifname, ret_facts + len, DP_FACTS_LEN - len);
	len += put_queues(fd, ifname, ret_facts + len, DP_FACTS_LEN - len);
	put_lro(fd, ifname, ret_facts + len, DP_FACTS_LEN - len);
	close(fd);
	return ret_facts;
}

const char *dp_distrust(const char *ifname)
{
	static const struct {
		const char *driver, *seen;
	} distrusted[] = {
		{ "vmxnet3", "it runs no native program any more once it was down (Linux 6.12)" },
	};
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ethtool_drvinfo info;
	const char *driver, *seen = NULL;

	if (fd < 0)
		return NULL;
	driver = driver_of(fd, ifname, &info);
	for (size_t i = 0; i < sizeof(distrusted) / sizeof(distrusted[0]); i++)
		if (!strcmp(driver, distrusted[i].driver))
			seen = distrusted[i].seen;
	close(fd);
	return seen;
}
