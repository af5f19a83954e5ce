// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The moment an address first answers: one ICMPv6 echo a millisecond until a reply comes.
 *
 *	first_ping ADDRESS TIMEOUT_MS
 *	first_ping ADDRESS TIMEOUT_MS DEVICE PORT PREFIX
 *
 * prints that moment in nanoseconds of CLOCK_REALTIME, to be compared with `date +%s%N`. The second form
 * says "ready" when it listens, waits for the first TCP SYN that leaves by DEVICE to PORT, and prints
 * nanoseconds from the kernel's time stamp of that SYN to the reply. It asks the address that ADDRESS
 * becomes when its first 48 bits are PREFIX's: a node keeps the others when it is claimed.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/icmp6.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PREFIX_LEN 6 /* bytes of a fleet's /48 */

static long long nanoseconds(const struct timespec *ts)
{
	return ts->tv_sec * 1000000000LL + ts->tv_nsec;
}

static long long realtime_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return nanoseconds(&ts);
}

/* ---- the SYN ---- */

/* Sees IP packets on their way out, with the time they left. */
static int open_tap(const char *device)
{
	const struct sockaddr_ll where = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = (int)if_nametoindex(device),
	};
	const int on = 1;
	int fd = socket(AF_PACKET, SOCK_DGRAM, htons(ETH_P_ALL));

	if (fd < 0)
		return -1;
	if (!where.sll_ifindex || bind(fd, (const struct sockaddr *)&where, sizeof(where)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on)) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static int is_syn(const unsigned char *packet, size_t len, unsigned int port)
{
	size_t header = packet[0] >> 4 == 4 ? (packet[0] & 15) * 4U : sizeof(struct ip6_hdr);
	unsigned int proto = packet[0] >> 4 == 4 ? packet[9] : packet[6];
	struct tcphdr tcp;

	if (proto != IPPROTO_TCP || len < header + sizeof(tcp))
		return 0;
	memcpy(&tcp, packet + header, sizeof(tcp));
	return tcp.syn && !tcp.ack && ntohs(tcp.dest) == port;
}

static long long stamp(struct msghdr *msg)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		struct timespec ts;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_TIMESTAMPNS)
			continue;
		memcpy(&ts, CMSG_DATA(c), sizeof(ts));
		return nanoseconds(&ts);
	}
	return realtime_ns();
}

/* When it left; 0: not until `end`. */
static long long wait_syn(int fd, unsigned int port, long long end)
{
	struct pollfd readable = { .fd = fd, .events = POLLIN };
	unsigned char packet[128];
	char control[CMSG_SPACE(sizeof(struct timespec))];
	struct sockaddr_ll from;

	while (realtime_ns() < end) {
		struct iovec iov = { packet, sizeof(packet) };
		struct msghdr msg = {
			.msg_name = &from,
			.msg_namelen = sizeof(from),
			.msg_iov = &iov,
			.msg_iovlen = 1,
			.msg_control = control,
			.msg_controllen = sizeof(control),
		};
		ssize_t len;

		if (poll(&readable, 1, 100) != 1)
			continue;
		len = recvmsg(fd, &msg, MSG_DONTWAIT);
		if (len >= (ssize_t)sizeof(struct ip) && from.sll_pkttype == PACKET_OUTGOING &&
		    is_syn(packet, (size_t)len, port))
			return stamp(&msg);
	}
	return 0;
}

/* ---- the echo ---- */

static int is_reply(int fd, const struct sockaddr_in6 *to)
{
	struct sockaddr_in6 from;
	socklen_t len = sizeof(from);
	struct icmp6_hdr reply;

	return recvfrom(fd, &reply, sizeof(reply), MSG_DONTWAIT, (struct sockaddr *)&from, &len) >=
		       8 &&
	       reply.icmp6_type == ICMP6_ECHO_REPLY &&
	       memcmp(&from.sin6_addr, &to->sin6_addr, sizeof(from.sin6_addr)) == 0;
}

/* When it answered; 0: not until `end`. */
static long long wait_echo(int fd, const struct sockaddr_in6 *to, long long end)
{
	struct icmp6_hdr echo = { .icmp6_type = ICMP6_ECHO_REQUEST };
	struct pollfd readable = { .fd = fd, .events = POLLIN };

	while (realtime_ns() < end) {
		/* no route and no address yet are errors that go away */
		(void)!sendto(fd, &echo, sizeof(echo), 0, (const struct sockaddr *)to, sizeof(*to));
		echo.icmp6_seq = htons((uint16_t)(ntohs(echo.icmp6_seq) + 1));
		while (poll(&readable, 1, 1) == 1)
			if (is_reply(fd, to))
				return realtime_ns();
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct sockaddr_in6 to = { .sin6_family = AF_INET6 };
	struct in6_addr prefix;
	long long end, from = 0, when;
	int echo_fd, tap = -1;

	if ((argc != 3 && argc != 6) || inet_pton(AF_INET6, argv[1], &to.sin6_addr) != 1 ||
	    (argc == 6 && inet_pton(AF_INET6, argv[5], &prefix) != 1)) {
		fputs("usage: first_ping ADDRESS TIMEOUT_MS [DEVICE PORT PREFIX]\n", stderr);
		return 2;
	}
	if (argc == 6)
		memcpy(&to.sin6_addr, &prefix, PREFIX_LEN);
	end = realtime_ns() + strtoll(argv[2], NULL, 10) * 1000000;
	echo_fd = socket(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6);
	if (argc == 6)
		tap = open_tap(argv[3]);
	if (echo_fd < 0 || (argc == 6 && tap < 0)) {
		perror("first_ping: socket");
		return 1;
	}
	if (argc == 6) {
		puts("ready");
		fflush(stdout);
		from = wait_syn(tap, (unsigned int)strtoul(argv[4], NULL, 10), end);
		close(tap);
		if (!from)
			return 1;
	}
	when = wait_echo(echo_fd, &to, end);
	if (!when)
		return 1;
	printf("%lld\n", when - from);
	return 0;
}
