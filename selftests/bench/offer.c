// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Offers packets to a closed port at a fixed rate, from the last CPU:
 *
 *	offer FROM PACKETS_A_SECOND SECONDS
 *
 * says "offering" when it begins, and at the end (also by SIGTERM) how many it sent and the softirq and busy time of that CPU, as one
 * JSON object. What a slow receiver leaves undone is not made up for: then fewer are sent.
 */
#include <signal.h>
#include <stdio.h>

#include "sender.h"

enum { TICKS = 500 }; /* a second, on the average: a fixed beat could hide from the kernel's own */

static volatile sig_atomic_t stopped;

static void stop(int signal)
{
	(void)signal;
	stopped = 1;
}

struct cpu_time {
	double softirq, busy; /* seconds */
};

/* Of a line "cpuN user nice system idle iowait irq softirq steal ...": what was stolen is nobody's. */
static struct cpu_time parse_times(char *at)
{
	const double hz = (double)sysconf(_SC_CLK_TCK);
	double t[7];

	for (int i = 0; i < 7; i++)
		t[i] = (double)strtoull(at, &at, 10) / hz;
	return (struct cpu_time){ .softirq = t[6], .busy = t[0] + t[1] + t[2] + t[5] + t[6] };
}

static int cpu_time(struct cpu_time *ret_time)
{
	char line[256], name[16];
	FILE *stat = fopen("/proc/stat", "r");
	int err = -ENOENT;

	(void)snprintf(name, sizeof(name), "cpu%d ", sched_getcpu());
	while (stat && err && fgets(line, sizeof(line), stat))
		if (!strncmp(line, name, strlen(name))) {
			*ret_time = parse_times(line + strlen(name));
			err = 0;
		}
	if (stat)
		(void)fclose(stat);
	return err;
}

static void sleep_until(double when)
{
	const struct timespec at = { .tv_sec = (time_t)when,
				     .tv_nsec = (long)((when - (double)(time_t)when) * 1e9) };

	(void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
}

static int offer(const struct sender *s, unsigned int each, double seconds, uint64_t *ret_sent)
{
	const double start = sender_now();
	double next = start;
	int err = 0;

	while (!err && !stopped && next < start + seconds) {
		err = sender_send(s, each);
		*ret_sent += each;
		next += (0.5 + drand48()) / TICKS;
		if (next < sender_now())
			next = sender_now();
		sleep_until(next);
	}
	return stopped ? 0 : err; /* a signal interrupts a run */
}

int main(int argc, char **argv)
{
	struct sender sender = { 0 };
	struct cpu_time before, after;
	uint64_t sent = 0;
	double start, took;
	unsigned long each;
	int err;

	each = argc == 4 ? strtoul(argv[2], NULL, 10) / TICKS : 0;
	if (!each || each > UINT32_MAX) {
		fputs("usage: offer FROM PACKETS_A_SECOND SECONDS\n", stderr);
		return 2;
	}
	(void)signal(SIGTERM, stop);
	sender_pin();
	err = sender_open(&sender, argv[1], 0, SENDER_CLOSED);
	puts("offering");
	(void)fflush(stdout);
	start = sender_now();
	if (!err)
		err = cpu_time(&before);
	if (!err)
		err = offer(&sender, (unsigned int)each, strtod(argv[3], NULL), &sent);
	if (!err)
		err = cpu_time(&after);
	took = sender_now() - start;
	if (err)
		fprintf(stderr, "offer: %s\n", strerror(-err));
	else
		printf("{\"sent\": %lu, \"mpps\": %.3f, \"softirq_s\": %.3f, \"busy_s\": %.3f}\n",
		       sent, (double)sent / took / 1e6, after.softirq - before.softirq,
		       after.busy - before.busy);
	return err != 0;
}
