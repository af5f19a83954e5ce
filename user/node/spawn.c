// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "node/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/cleanup.h"
#include "node/worker.h"

enum { FD_CLEAR = 16 /* above every fd that the worker is given */ };

/* PPN_LIBEXECDIR when installed, the build folder else. */
static int find_program(const struct ppnd_spawn *spawn, char ret_path[static PATH_MAX])
{
	char *slash;
	ssize_t len;

	snprintf(ret_path, PATH_MAX, "%s",
		 spawn->program ? spawn->program : PPN_LIBEXECDIR "/" PPN_WORKER_PROGRAM);
	if (access(ret_path, X_OK) == 0)
		return 0;
	len = spawn->program ? -1 : readlink("/proc/self/exe", ret_path, PATH_MAX - 32);
	if (len <= 0)
		return -ENOENT;
	ret_path[len] = '\0';
	slash = strrchr(ret_path, '/');
	if (!slash)
		return -ENOENT;
	snprintf(slash + 1, 32, "%s", PPN_WORKER_PROGRAM);
	return access(ret_path, X_OK) == 0 ? 0 : -ENOENT;
}

/* Of our environment the worker gets what says how to write log lines, and a sanitizer's options. */
static void pick_environment(char *ret_env[static 5])
{
	static const char *const names[] = { "JOURNAL_STREAM=", "INVOCATION_ID=", "ASAN_OPTIONS=",
					     "UBSAN_OPTIONS=" };
	size_t n = 0;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		for (char **e = environ; *e; e++)
			if (strncmp(*e, names[i], strlen(names[i])) == 0)
				ret_env[n++] = *e;
	ret_env[n] = NULL;
}

/* A copy of each fd is put in its place; the copies, like every other fd of ours, close on exec. */
static int place_fds(posix_spawn_file_actions_t *actions, int listen_copy, int monitor_copy)
{
	int err = posix_spawn_file_actions_adddup2(actions, listen_copy, PPN_WORKER_FD_LISTEN);

	if (!err)
		err = posix_spawn_file_actions_adddup2(actions, monitor_copy,
						       PPN_WORKER_FD_MONITOR);
	return -err;
}

/* Signals that we ignore or block are not the worker's concern. */
static int clean_signals(posix_spawnattr_t *attr)
{
	sigset_t all, none;
	int err;

	sigfillset(&all);
	sigemptyset(&none);
	err = posix_spawnattr_setsigdefault(attr, &all);
	if (!err)
		err = posix_spawnattr_setsigmask(attr, &none);
	if (!err)
		err = posix_spawnattr_setflags(attr,
					       POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
	return -err;
}

static int start(pid_t *ret_pid, const char *path, char *const argv[], int listen_copy,
		 int monitor_copy)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	char *env[5];
	int err = posix_spawn_file_actions_init(&actions);

	if (err)
		return -err;
	err = posix_spawnattr_init(&attr);
	if (err) {
		posix_spawn_file_actions_destroy(&actions);
		return -err;
	}
	pick_environment(env);
	err = place_fds(&actions, listen_copy, monitor_copy);
	if (!err)
		err = clean_signals(&attr);
	if (!err)
		err = -posix_spawn(ret_pid, path, &actions, &attr, argv, env);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&actions);
	return err;
}

int ppnd_spawn(const struct ppnd_spawn *spawn, pid_t *ret_pid, int *ret_pidfd)
{
	_cleanup_close_ int listen_copy = fcntl(spawn->listen_fd, F_DUPFD_CLOEXEC, FD_CLEAR);
	_cleanup_close_ int monitor_copy = fcntl(spawn->monitor_fd, F_DUPFD_CLOEXEC, FD_CLEAR);
	char path[PATH_MAX], uid[16], gid[16];
	char *argv[] = { (char *)PPN_WORKER_PROGRAM, NULL, NULL, NULL, NULL, NULL };
	int err = find_program(spawn, path), pidfd;
	pid_t pid = 0;

	if (err || listen_copy < 0 || monitor_copy < 0)
		return err ? err : -EMFILE;
	if (geteuid() == 0) {
		const struct passwd *user = getpwnam(spawn->user);

		if (!user || user->pw_uid == 0)
			return -ENOENT;
		snprintf(uid, sizeof(uid), "%u", user->pw_uid);
		snprintf(gid, sizeof(gid), "%u", user->pw_gid);
		memcpy(argv + 1, (char *[]){ (char *)"--uid", uid, (char *)"--gid", gid },
		       4 * sizeof(argv[0]));
	}
	err = start(&pid, path, argv, listen_copy, monitor_copy);
	if (err)
		return err;
	pidfd = pidfd_open(pid, 0);
	if (pidfd < 0) {
		err = -errno;
		(void)kill(pid, SIGKILL);
		(void)waitpid(pid, NULL, 0);
		return err;
	}
	*ret_pid = pid;
	*ret_pidfd = pidfd;
	return 0;
}
