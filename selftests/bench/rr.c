// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Requests and responses of one byte over one TCP connection, one at a time, on the first CPU:
 *
 *	rr PORT                      serves, one connection after the other
 *	rr ADDRESS PORT SECONDS      asks; prints transactions a second and percentiles as one JSON object
 *
 * A transaction that takes longer than the rest of the time is the last, and counts for as long as it took.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SAMPLES_MAX (1 << 22)

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void pin(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(0, &set);
	(void)sched_setaffinity(0, sizeof(set), &set);
}

static void at_once(int fd)
{
	const int on = 1;

	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

static int serve(struct sockaddr_in *at)
{
	const int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;

	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (fd < 0 || bind(fd, (void *)at, sizeof(*at)) || listen(fd, 1))
		return -errno;
	puts("serving");
	(void)fflush(stdout);
	for (;;) {
		const int client = accept(fd, NULL, NULL);
		char byte;

		at_once(client);
		while (read(client, &byte, 1) == 1 && write(client, &byte, 1) == 1)
			;
		(void)close(client);
	}
}

static int ascending(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;

	return x < y ? -1 : x > y;
}

static int transact(int fd)
{
	char byte = 1;

	return write(fd, &byte, 1) == 1 && read(fd, &byte, 1) == 1 ? 0 : -EIO;
}

static int ask(struct sockaddr_in *to, double seconds)
{
	static float took[SAMPLES_MAX];
	const int fd = socket(AF_INET, SOCK_STREAM, 0);
	/* a service that a flood keeps from answering must not keep us */
	const struct timeval patience = { .tv_sec = (time_t)seconds + 1 };
	double start, at, end;
	size_t n = 0;
	int err = 0;

	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (fd < 0 || connect(fd, (void *)to, sizeof(*to)))
		return -errno;
	at_once(fd);
	start = at = now();
	while (!err && at < start + seconds && n < SAMPLES_MAX) {
		err = transact(fd);
		end = now();
		took[n++] = (float)((end - at) * 1e6);
		at = end;
	}
	qsort(took, n, sizeof(*took), ascending);
	printf("{\"tps\": %.0f, \"p50_us\": %.1f, \"p99_us\": %.1f}\n", (double)n / (at - start),
	       took[n / 2], took[n * 99 / 100]);
	return 0;
}

int main(int argc, char **argv)
{
	struct sockaddr_in at = { .sin_family = AF_INET };
	int err;

	if ((argc != 2 && argc != 4) ||
	    (argc == 4 && inet_pton(AF_INET, argv[1], &at.sin_addr) != 1)) {
		fputs("usage: rr PORT, rr ADDRESS PORT SECONDS\n", stderr);
		return 2;
	}
	pin();
	at.sin_port = htons((uint16_t)strtoul(argv[argc == 4 ? 2 : 1], NULL, 10));
	err = argc == 2 ? serve(&at) : ask(&at, strtod(argv[3], NULL));
	if (err)
		fprintf(stderr, "rr: %s\n", strerror(-err));
	return err != 0;
}
