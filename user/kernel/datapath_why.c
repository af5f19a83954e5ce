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

const char *dp_ifname(uint32_t ifindex, char ret_name[static 16])
{
	if (!if_indextoname(ifindex, ret_name))
		(void)snprintf(ret_name, 16, "#%u", ifindex);
	return ret_name;
}

const char *dp_driver(const char *ifname, char ret_driver[static 32])
{
	struct ethtool_drvinfo info = { .cmd = ETHTOOL_GDRVINFO };
	struct ifreq request = { .ifr_data = (void *)&info };
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	memcpy(ret_driver, "?", sizeof("?"));
	(void)snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", ifname);
	if (fd < 0)
		return ret_driver;
	if (!ioctl(fd, SIOCETHTOOL, &request) && info.driver[0])
		(void)snprintf(ret_driver, 32, "%.31s", info.driver);
	close(fd);
	return ret_driver;
}
