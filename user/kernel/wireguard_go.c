// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The process behind a device where the kernel has no WireGuard: found, started, adopted, ended. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/inotify.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include "kernel/wireguard_private.h"

#define SOCKET_DIR "/var/run/wireguard"
#define PROGRAM "wireguard-go"
#define FALLBACK_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define START_MS 5000
#define STOP_MS 3000
#define TICK_MS 20 /* a socket is there a moment before it listens */
#define TIMEOUT_S 5

static int socket_path(const char *name, struct sockaddr_un *ret_addr)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int len = snprintf(addr.sun_path, sizeof(addr.sun_path), SOCKET_DIR "/%s.sock", name);

	if (len < 0 || (size_t)len >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	*ret_addr = addr;
	return 0;
}

/* -- dial -- */

/* 1: the process lives in another network namespace. One that cannot be looked at counts as ours. */
static bool is_elsewhere(pid_t pid)
{
	struct stat ours, theirs;
	char path[48];

	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)pid);
	return pid > 0 && !stat("/proc/self/ns/net", &ours) && !stat(path, &theirs) &&
	       (ours.st_ino != theirs.st_ino || ours.st_dev != theirs.st_dev);
}

/* Secrets go through this socket: its owner must be root, or who we are. */
static int check_owner(int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len))
		return -errno;
	if (peer.uid != 0 && peer.uid != geteuid())
		return -EPERM;
	return is_elsewhere(peer.pid) ? -EADDRINUSE : 0;
}

int ppn_wg_go_dial(const char *name, int *ret_fd)
{
	const struct timeval limit = { .tv_sec = TIMEOUT_S };
	struct sockaddr_un addr;
	int fd, err;

	err = socket_path(name, &addr);
	if (err)
		return err;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) ||
	    connect(fd, (const struct sockaddr *)&addr, sizeof(addr)))
		err = errno == EAGAIN ? -ETIMEDOUT : -errno;
	else
		err = check_owner(fd);
	if (err)
		close(fd);
	else
		*ret_fd = fd;
	return err;
}

/* -- start -- */

/* First executable of that name on the PATH, which is ours: root's. */
static int find_program(char *ret_path, size_t size)
{
	const char *dir = getenv("PATH");

	if (!dir || !*dir)
		dir = FALLBACK_PATH;
	while (*dir) {
		size_t len = strcspn(dir, ":");
		int n = snprintf(ret_path, size, "%.*s/" PROGRAM, (int)len, dir);

		/* A relative entry would make it depend on where we were started. */
		if (*dir == '/' && n > 0 && (size_t)n < size && !access(ret_path, X_OK))
			return 0;
		dir += len + (dir[len] == ':');
	}
	snprintf(ret_path, size, "/usr/bin/" PROGRAM);
	return access(ret_path, X_OK) ? -ENOENT : 0;
}

/* What runs between fork and exec: only what is safe there. Reports errno on fd. */
static _Noreturn void become(const char *path, const char *name, int report, int alive)
{
	char *argv[] = { (char *)PROGRAM, (char *)name, NULL };
	/* In the foreground it is this very process, whose end the pipe `alive` tells. */
	char *env[] = { (char *)"WG_PROCESS_FOREGROUND=1", (char *)"LOG_LEVEL=silent", NULL };
	sigset_t none;
	int null, err;

	sigemptyset(&none);
	null = open("/dev/null", O_RDWR);
	if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(null, 2) < 0 || chdir("/"))
		goto fail;
	/* Nothing of ours leaks into it: no ledger, no socket, no BPF map. */
	if (close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) || fcntl(alive, F_SETFD, 0))
		goto fail;
	for (int sig = 1; sig < NSIG; sig++)
		signal(sig, SIG_DFL);
	umask(077);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execve(path, argv, env);
fail:
	err = -errno;
	(void)!write(report, &err, sizeof(err));
	_exit(1);
}

/*
 * Forked twice: the process belongs to init, in a session of its own, so that neither our death nor a
 * signal to our group ends it, and its end is nobody's child to reap.
 */
static _Noreturn void detach(const char *path, const char *name, int report, int alive)
{
	pid_t pid;

	setsid();
	pid = fork();
	if (!pid)
		become(path, name, report, alive);
	pid = pid < 0 ? -errno : pid;
	(void)!write(report, &pid, sizeof(pid));
	_exit(0);
}

struct child {
	pid_t pid;
	int alive; /* readable (end of file) once it is gone: until then the pid is its own */
};

/* Two words at most come, in any order: the pid, and the negative errno of an exec that failed. */
static int read_report(int report, pid_t *ret_pid)
{
	pid_t word;
	ssize_t n;
	int err = 0;

	*ret_pid = 0;
	do {
		n = read(report, &word, sizeof(word));
		if (n == sizeof(word) && word < 0)
			err = word;
		else if (n == sizeof(word))
			*ret_pid = word;
	} while (n > 0 || (n < 0 && errno == EINTR));
	return err || *ret_pid ? err : -ECHILD;
}

static int spawn(const char *path, const char *name, struct child *ret_child)
{
	int report[2], alive[2], err;
	pid_t pid, started = 0;

	if (pipe2(report, O_CLOEXEC))
		return -errno;
	if (pipe2(alive, O_CLOEXEC)) {
		err = -errno;
		close(report[0]);
		close(report[1]);
		return err;
	}
	pid = fork();
	if (!pid)
		detach(path, name, report[1], alive[1]);
	err = pid < 0 ? -errno : 0;
	close(report[1]);
	close(alive[1]);
	if (!err)
		err = read_report(report[0], &started);
	while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	close(report[0]);
	if (err)
		close(alive[0]);
	else
		*ret_child = (struct child){ started, alive[0] };
	return err;
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Until its socket can be dialled; the folder tells when something appears in it. */
static int wait_socket(const char *name, int folder, int alive, int *ret_fd)
{
	struct pollfd wait[] = { { .fd = folder, .events = POLLIN },
				 { .fd = alive, .events = POLLIN } };
	int64_t end = now_ms() + START_MS;
	char events[1024];
	int err;

	for (;;) {
		err = ppn_wg_go_dial(name, ret_fd);
		if (err != -ENOENT && err != -ECONNREFUSED)
			return err;
		if (now_ms() >= end)
			return -ETIMEDOUT;
		if (poll(wait, 2, TICK_MS) < 0 && errno != EINTR)
			return -errno;
		if (wait[1].revents)
			return -ECHILD;
		if (wait[0].revents && read(folder, events, sizeof(events)) < 0)
			return -errno;
	}
}

int ppn_wg_go_start(const char *name, int *ret_fd)
{
	char path[PATH_MAX];
	struct child child = { 0 };
	int folder, err;

	err = find_program(path, sizeof(path));
	if (err)
		return err;
	if (mkdir(SOCKET_DIR, 0755) && errno != EEXIST)
		return -errno;
	folder = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (folder < 0)
		return -errno;
	if (inotify_add_watch(folder, SOCKET_DIR, IN_CREATE | IN_MOVED_TO) < 0)
		err = -errno;
	if (!err)
		err = spawn(path, name, &child);
	if (!err) {
		err = wait_socket(name, folder, child.alive, ret_fd);
		if (err && !poll(&(struct pollfd){ .fd = child.alive, .events = POLLIN }, 1, 0))
			kill(child.pid, SIGKILL);
		close(child.alive);
	}
	close(folder);
	return err;
}

/* -- stop -- */

/* The one that is hung: known by its socket's credentials, killed by a handle that cannot be reused. */
static int kill_peer(int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);
	int pidfd, err = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len))
		return -errno;
	pidfd = pidfd_open(peer.pid, 0);
	if (pidfd < 0)
		return errno == ESRCH ? 0 : -errno;
	/* The number may be another's by now: only while the socket is still held is it this one's. */
	if (!(poll(&(struct pollfd){ .fd = fd }, 1, 0) > 0) &&
	    (pidfd_send_signal(pidfd, SIGKILL, NULL, 0) ||
	     poll(&(struct pollfd){ .fd = pidfd, .events = POLLIN }, 1, STOP_MS) <= 0))
		err = -errno;
	close(pidfd);
	return err;
}

int ppn_wg_go_stop(const char *name)
{
	struct sockaddr_un addr;
	int fd = -1, err, dialled;

	err = socket_path(name, &addr);
	if (err)
		return err;
	dialled = ppn_wg_go_dial(name, &fd);
	if (dialled && dialled != -ECONNREFUSED && dialled != -ENOENT)
		return dialled;
	/* wireguard-go watches its socket and ends when it is gone. */
	if (unlink(addr.sun_path) && errno != ENOENT)
		err = -errno;
	if (dialled)
		return err;
	if (!err && poll(&(struct pollfd){ .fd = fd, .events = POLLRDHUP }, 1, STOP_MS) <= 0)
		err = kill_peer(fd);
	close(fd);
	return err;
}
