// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A device that comes again and again: how long is it there before a native XDP program is on it?
 *
 *	reseal DEVICE COUNT COMMAND
 *
 * COMMAND, a shell's, deletes the device and makes it anew. From the kernel's RTM_NEWLINK for the new one, as it
 * arrives here, to the program. Prints one JSON object, milliseconds.
 */
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { COUNT_MAX = 10000, POLL_NS = 100000, PATIENCE_S = 5 };

static double now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

static int listen_links(void)
{
	const struct sockaddr_nl at = { .nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK };
	const struct timeval patience = { .tv_sec = PATIENCE_S };
	const int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	if (fd < 0 || bind(fd, (const void *)&at, sizeof(at)) ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)))
		return -errno;
	return fd;
}

static bool is_named(const struct nlmsghdr *message, const char *device)
{
	const struct ifinfomsg *info = NLMSG_DATA(message);
	int len = (int)IFLA_PAYLOAD(message);

	for (struct rtattr *a = IFLA_RTA(info); RTA_OK(a, len); a = RTA_NEXT(a, len))
		if (a->rta_type == IFLA_IFNAME)
			return !strcmp(RTA_DATA(a), device);
	return false;
}

/* The ifindex of a device of this name that is not `old`. */
static int next_device(int fd, const char *device, int old)
{
	static char buffer[65536] __attribute__((aligned(NLMSG_ALIGNTO)));

	for (;;) {
		ssize_t len = recv(fd, buffer, sizeof(buffer), 0);

		if (len < 0)
			return -errno;
		for (struct nlmsghdr *m = (void *)buffer; NLMSG_OK(m, (size_t)len);
		     m = NLMSG_NEXT(m, len)) {
			const struct ifinfomsg *info = NLMSG_DATA(m);

			if (m->nlmsg_type == RTM_NEWLINK && info->ifi_index != old &&
			    is_named(m, device))
				return info->ifi_index;
		}
	}
}

static int wait_program(int ifindex)
{
	const struct timespec nap = { .tv_nsec = POLL_NS };
	const double end = now_ms() + PATIENCE_S * 1e3;
	uint32_t id = 0;

	while (now_ms() < end) {
		if (!bpf_xdp_query_id(ifindex, XDP_FLAGS_DRV_MODE, &id) && id)
			return 0;
		(void)nanosleep(&nap, NULL);
	}
	return -ETIMEDOUT;
}

static int once(int fd, const char *device, const char *command, double *ret_ms)
{
	const int old = (int)if_nametoindex(device);
	const pid_t pid = fork();
	int ifindex, status, err;
	double start;

	if (pid == 0) {
		(void)execl("/bin/sh", "sh", "-ec", command, (char *)NULL);
		_exit(127);
	}
	ifindex = next_device(fd, device, old);
	start = now_ms();
	err = ifindex < 0 ? ifindex : wait_program(ifindex);
	*ret_ms = now_ms() - start;
	if (waitpid(pid, &status, 0) != pid || status)
		return -ECHILD;
	return err;
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

int main(int argc, char **argv)
{
	static double ms[COUNT_MAX];
	unsigned long count;
	int fd, err;

	count = argc == 4 ? strtoul(argv[2], NULL, 10) : 0;
	if (!count || count > COUNT_MAX) {
		fputs("usage: reseal DEVICE COUNT COMMAND\n", stderr);
		return 2;
	}
	fd = listen_links();
	err = fd < 0 ? fd : 0;
	for (unsigned long i = 0; i < count && !err; i++)
		err = once(fd, argv[1], argv[3], &ms[i]);
	if (err) {
		fprintf(stderr, "reseal: %s\n", strerror(-err));
		return 1;
	}
	qsort(ms, count, sizeof(*ms), ascending);
	printf("{\"p50_ms\": %.2f, \"p99_ms\": %.2f, \"max_ms\": %.2f}\n", ms[count / 2],
	       ms[count * 99 / 100], ms[count - 1]);
	return 0;
}
