// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <event2/event.h>
#include <event2/util.h>
#include <getopt.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include "host/log.h"
#include "host/secret.h"
#include "lib/crypto.h"
#include "node/claim/claim.h"

#define NOBODY ((unsigned long)-1) /* setresuid(2): unchanged */
#define FILES_MAX (2 * PPN_CLAIM_CONNS_MAX + 64) /* a socket and a bundle each */
#define MS_MAX 3600000

struct options {
	unsigned long uid, gid, handshake_ms, message_ms, total_ms;
};

static const struct row {
	const char *name;
	size_t at;
	unsigned long max;
} rows[] = {
	{ "uid", offsetof(struct options, uid), NOBODY - 1 },
	{ "gid", offsetof(struct options, gid), NOBODY - 1 },
	{ "handshake-ms", offsetof(struct options, handshake_ms), MS_MAX },
	{ "message-ms", offsetof(struct options, message_ms), MS_MAX },
	{ "total-ms", offsetof(struct options, total_ms), MS_MAX },
};

#define N_ROWS (sizeof(rows) / sizeof(rows[0]))

static int usage(const char *name, const char *value)
{
	if (name)
		fprintf(stderr, "ppnd-claim: --%s %s: not a number in its range\n", name, value);
	fprintf(stderr,
		"ppnd-claim is started by ppnd: --uid N --gid N [--handshake-ms N] "
		"[--message-ms N] [--total-ms N], with the claim port's socket as fd 3 and ppnd's as "
		"fd 4\n");
	return -EINVAL;
}

static int option_take(struct options *options, const struct row *row, const char *text)
{
	unsigned long value;
	char *end;

	errno = 0;
	value = strtoul(text, &end, 10);
	if (errno || end == text || *end || *text < '0' || *text > '9' || value > row->max)
		return usage(row->name, text);
	*(unsigned long *)((char *)options + row->at) = value;
	return 0;
}

static int options_read(struct options *options, int argc, char **argv)
{
	struct option known[N_ROWS + 1] = { 0 };
	int c, at;

	for (size_t i = 0; i < N_ROWS; i++)
		known[i] = (struct option){ rows[i].name, required_argument, NULL, 1 };
	while ((c = getopt_long(argc, argv, "", known, &at)) != -1)
		if (c != 1 || option_take(options, &rows[at], optarg) < 0)
			return c == 1 ? -EINVAL : usage(NULL, NULL);
	return optind == argc ? 0 : usage(NULL, NULL);
}

/* ---- before the first byte of a stranger's ---------------------------------------------------- */

static int fd_check(int fd, int domain_not, int type, int type_expected, const char *what)
{
	int domain, got;
	socklen_t len = sizeof(got);

	if (getsockopt(fd, SOL_SOCKET, type, &got, &len) < 0)
		return ppn_log_errno(LOG_ERR, -errno, "fd %d, %s", fd, what);
	len = sizeof(domain);
	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) < 0 || domain == domain_not ||
	    got != type_expected)
		return ppn_log_errno(LOG_ERR, -EINVAL, "fd %d is not %s", fd, what);
	return 0;
}

static int fds_check(void)
{
	int err = fd_check(PPN_WORKER_FD_LISTEN, AF_UNIX, SO_ACCEPTCONN, 1, "the listening socket");

	if (!err)
		err = fd_check(PPN_WORKER_FD_MONITOR, AF_INET6, SO_TYPE, SOCK_SEQPACKET,
			       "the socket to ppnd");
	if (!err && evutil_make_socket_nonblocking(PPN_WORKER_FD_LISTEN) < 0)
		err = ppn_log_errno(LOG_ERR, -errno, "the listening socket");
	if (!err && close_range(PPN_WORKER_FD_MONITOR + 1, ~0u, 0) < 0)
		err = ppn_log_errno(LOG_ERR, -errno, "closing other descriptors");
	return err;
}

static int become(const struct options *options)
{
	uid_t uid = (uid_t)options->uid;
	gid_t gid = (gid_t)options->gid;

	if (geteuid() != 0)
		return 0;
	if (options->uid == NOBODY || options->gid == NOBODY || uid == 0 || gid == 0)
		return ppn_log_errno(LOG_ERR, -EPERM,
				     "started as root without --uid and --gid of another");
	if (setgroups(0, NULL) < 0 || setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0)
		return ppn_log_errno(LOG_ERR, -errno, "becoming uid %lu, gid %lu", options->uid,
				     options->gid);
	if (setresuid(0, 0, 0) == 0 || setresgid(0, 0, 0) == 0) {
		ppn_log(LOG_ERR, "still root after becoming uid %lu", options->uid);
		return -EPERM;
	}
	return 0;
}

static int restrict_self(void)
{
	const struct rlimit files = { FILES_MAX, FILES_MAX };
	int err = ppn_secret_process();

	umask(077);
	if (!err && (chdir("/") < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
		     setrlimit(RLIMIT_NOFILE, &files) < 0))
		err = -errno;
	return err ? ppn_log_errno(LOG_ERR, err, "restricting this process") : 0;
}

/* ---- the loop ------------------------------------------------------------------------------------ */

static int serve(const struct options *options)
{
	static struct claim claim;
	int err = -ENOMEM;

	claim.listen_fd = PPN_WORKER_FD_LISTEN;
	claim.monitor_fd = PPN_WORKER_FD_MONITOR;
	claim.handshake_ms = (unsigned int)options->handshake_ms;
	claim.message_ms = (unsigned int)options->message_ms;
	claim.total_ms = (unsigned int)options->total_ms;
	claim.base = event_base_new();
	if (claim.base)
		err = claim_monitor_start(&claim);
	if (!err)
		err = claim_listen_start(&claim);
	if (!err)
		err = event_base_dispatch(claim.base) < 0 ? -EIO : claim.err;
	else
		ppn_log_errno(LOG_ERR, err, "starting the event loop");
	for (size_t i = 0; i < PPN_CLAIM_CONNS_MAX; i++)
		claim_conn_stop(&claim.conns[i]);
	claim_listen_stop(&claim);
	claim_monitor_stop(&claim);
	ppn_wipe(&claim, sizeof(claim));
	return err;
}

int main(int argc, char **argv)
{
	struct options options = {
		.uid = NOBODY,
		.gid = NOBODY,
		.handshake_ms = PPN_CLAIM_HANDSHAKE_MS,
		.message_ms = PPN_CLAIM_MESSAGE_MS,
		.total_ms = PPN_CLAIM_TOTAL_MS,
	};
	int err;

	ppn_log_init("ppnd-claim", LOG_INFO);
	if (options_read(&options, argc, argv) < 0)
		return 2;
	err = fds_check();
	if (!err)
		err = become(&options);
	if (!err)
		err = restrict_self();
	if (!err && ppn_crypto_init() < 0)
		err = ppn_log_errno(LOG_ERR, -EIO, "starting libsodium");
	if (!err)
		err = serve(&options);
	/* Connections may still linger; the kernel closes what is left of them. */
	_exit(err ? 1 : 0);
}
