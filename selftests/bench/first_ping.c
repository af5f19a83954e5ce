// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The moment an address first answers: one ICMPv6 echo a millisecond until a reply comes.
 *
 *	first_ping ADDRESS TIMEOUT_MS
 *
 * prints that moment in nanoseconds of CLOCK_REALTIME, to be compared with `date +%s%N`.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/icmp6.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static long long realtime_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

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

int main(int argc, char **argv)
{
	struct icmp6_hdr echo = { .icmp6_type = ICMP6_ECHO_REQUEST };
	struct sockaddr_in6 to = { .sin6_family = AF_INET6 };
	struct pollfd readable = { .events = POLLIN };
	long long end;

	if (argc != 3 || inet_pton(AF_INET6, argv[1], &to.sin6_addr) != 1) {
		fputs("usage: first_ping ADDRESS TIMEOUT_MS\n", stderr);
		return 2;
	}
	end = realtime_ns() + strtoll(argv[2], NULL, 10) * 1000000;
	readable.fd = socket(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6);
	if (readable.fd < 0) {
		perror("first_ping: socket");
		return 1;
	}
	while (realtime_ns() < end) {
		/* no route and no address yet are errors that go away */
		(void)!sendto(readable.fd, &echo, sizeof(echo), 0, (struct sockaddr *)&to,
			      sizeof(to));
		echo.icmp6_seq = htons((uint16_t)(ntohs(echo.icmp6_seq) + 1));
		while (poll(&readable, 1, 1) == 1) {
			if (is_reply(readable.fd, &to)) {
				printf("%lld\n", realtime_ns());
				return 0;
			}
		}
	}
	return 1;
}
