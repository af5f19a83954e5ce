// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * From exec to sealed: starts a program and watches for the pin of the interface's XDP link.
 *
 *	sealed PIN PROGRAM ARGUMENTS...
 *	sealed - PROGRAM ARGUMENTS...
 *
 * prints milliseconds, and ends the program. -: until the program has ended by itself, well.
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TIMEOUT_S 10

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static bool is_done(pid_t pid, const char *pin)
{
	int status;

	if (*pin != '-')
		return access(pin, F_OK) == 0;
	return waitpid(pid, &status, WNOHANG) == pid && !status;
}

int main(int argc, char **argv)
{
	const struct timespec nap = { 0, 20000 };
	double start = now(), took = -1;
	pid_t pid;

	if (argc < 3) {
		fputs("usage: sealed PIN|- PROGRAM ARGUMENTS...\n", stderr);
		return 2;
	}
	pid = fork();
	if (pid == 0) {
		execvp(argv[2], argv + 2);
		_exit(127);
	}
	while (pid > 0 && now() - start < TIMEOUT_S) {
		if (is_done(pid, argv[1])) {
			took = now() - start;
			break;
		}
		nanosleep(&nap, NULL);
	}
	if (pid > 0 && (took < 0 || *argv[1] != '-')) {
		kill(pid, SIGTERM);
		waitpid(pid, NULL, 0);
	}
	if (took < 0) {
		fputs("sealed: not within the time\n", stderr);
		return 1;
	}
	printf("%.2f\n", took * 1000);
	return 0;
}
