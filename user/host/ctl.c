// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "host/ctl.h"

#include <errno.h>
#include <event2/event.h>
#include <grp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "host/cleanup.h"

enum {
	CALLS_MAX = 32,
	PATIENCE_S = 5, /* for the request, and for the answer to be fetched */
};

/* One packet on its way out. */
struct part {
	STAILQ_ENTRY(part) next;
	size_t len;
	char text[];
};

struct ppn_ctl_call {
	LIST_ENTRY(ppn_ctl_call) next;
	struct ppn_ctl_server *server;
	struct event *readable, *writable;
	json_t *request;
	ppn_ctl_gone_fn *on_gone;
	void *gone_arg;
	STAILQ_HEAD(, part) parts;
	size_t queued; /* bytes */
	int fd; /* -1: the client is gone */
	uid_t uid;
	bool asked, answered, overflow;
};

struct ppn_ctl_server {
	struct event_base *base;
	struct event *acceptable;
	ppn_ctl_handler *handler;
	void *arg;
	LIST_HEAD(, ppn_ctl_call) calls;
	unsigned int n_calls;
	int fd;
	struct sockaddr_un addr;
};

/* ---- one call ---- */

static void call_free(struct ppn_ctl_call *call)
{
	struct part *part;

	while ((part = STAILQ_FIRST(&call->parts))) {
		STAILQ_REMOVE_HEAD(&call->parts, next);
		free(part);
	}
	if (call->readable)
		event_free(call->readable);
	if (call->writable)
		event_free(call->writable);
	if (call->fd >= 0)
		close(call->fd);
	json_decref(call->request);
	LIST_REMOVE(call, next);
	call->server->n_calls--;
	free(call);
}

/* The client hung up. What nobody works on ends here; else the owner still holds the call. */
static void call_gone(struct ppn_ctl_call *call)
{
	if (!call->asked || call->answered) {
		call_free(call);
		return;
	}
	event_del(call->readable);
	event_del(call->writable);
	close(call->fd);
	call->fd = -1;
	if (call->on_gone)
		call->on_gone(call->gone_arg, call);
}

/*
 * Send what fits. 0: the rest waits for the socket; 1: nothing is left; -errno: the client is
 * gone.
 */
static int flush_parts(struct ppn_ctl_call *call)
{
	struct part *part;

	while ((part = STAILQ_FIRST(&call->parts))) {
		if (send(call->fd, part->text, part->len, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -errno;
		call->queued -= part->len;
		STAILQ_REMOVE_HEAD(&call->parts, next);
		free(part);
	}
	return 1;
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
	const struct timeval patience = { .tv_sec = PATIENCE_S };
	struct ppn_ctl_call *call = arg;
	size_t before = call->queued;
	int done = flush_parts(call);

	(void)fd;
	/* When it was us who had no time, the socket has room by now: libevent tells of the time only. */
	if (done == 0 && what & EV_TIMEOUT && call->queued == before)
		done = -ETIMEDOUT;
	if (done < 0)
		call_gone(call);
	else if (done == 0)
		event_add(call->writable, &patience);
	else if (call->answered)
		call_free(call);
}

/* Steals object. What is too long, or too much, is remembered: the answer says so. */
static void queue_object(struct ppn_ctl_call *call, json_t *object)
{
	size_t len = object ? json_dumpb(object, NULL, 0, JSON_COMPACT) : 0;
	struct part *part = NULL;

	if (call->fd < 0) {
		json_decref(object);
		return;
	}
	if (len && len <= PPN_CTL_MAX && call->queued + len <= PPN_CTL_QUEUE_MAX)
		part = malloc(sizeof(*part) + len);
	if (part) {
		part->len = json_dumpb(object, part->text, len, JSON_COMPACT);
		call->queued += len;
		STAILQ_INSERT_TAIL(&call->parts, part, next);
		event_active(call->writable, EV_WRITE, 0);
	} else {
		call->overflow = true;
	}
	json_decref(object);
}

static void queue_part(struct ppn_ctl_call *call, const char *kind, json_t *value)
{
	if (call->answered)
		json_decref(value);
	else
		queue_object(call, json_pack("{s:o}", kind, value));
}

void ppn_ctl_progress(struct ppn_ctl_call *call, json_t *progress)
{
	queue_part(call, "progress", progress);
}

void ppn_ctl_more(struct ppn_ctl_call *call, json_t *more)
{
	queue_part(call, "more", more);
}

size_t ppn_ctl_queued(const struct ppn_ctl_call *call)
{
	return call->queued;
}

static json_t *last_object(enum ppn_exit code, const char *error)
{
	return json_pack("{s:i, s:i, s:s*}", "schema", PPN_CTL_SCHEMA, "exit", (int)code, "error",
			 error);
}

void ppn_ctl_answer(struct ppn_ctl_call *call, enum ppn_exit code, json_t *result)
{
	json_t *last = last_object(code, NULL);

	if (result && last)
		(void)json_object_update_missing(last, result);
	json_decref(result);
	if (!call->overflow)
		queue_object(call, last);
	else
		json_decref(last);
	if (call->overflow)
		queue_object(call, last_object(PPN_EXIT_FAILURE,
					       "the answer is too long for the socket"));
	call->answered = true;
	if (call->fd < 0)
		call_free(call);
	else
		event_active(call->writable, EV_WRITE, 0);
}

void ppn_ctl_error(struct ppn_ctl_call *call, enum ppn_exit code, const char *format, ...)
{
	char text[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	/* A name that strangers chose may be in it: not UTF-8, not JSON. */
	for (unsigned char *p = (unsigned char *)text; *p; p++)
		if (*p < 0x20 || *p >= 0x7f)
			*p = '?';
	ppn_ctl_answer(call, code, json_pack("{s:s}", "error", text));
}

bool ppn_ctl_gone(const struct ppn_ctl_call *call)
{
	return call->fd < 0;
}

void ppn_ctl_on_gone(struct ppn_ctl_call *call, ppn_ctl_gone_fn *gone, void *arg)
{
	call->on_gone = gone;
	call->gone_arg = arg;
}

/* ---- requests ---- */

int ppn_ctl_parse(const char *packet, size_t len, json_t **ret_request, const char **ret_verb,
		  char ret_why[static 160])
{
	json_error_t error;
	const char *verb;
	json_t *request;

	if (len > PPN_CTL_MAX) {
		snprintf(ret_why, 160, "a request has at most %d bytes", PPN_CTL_MAX);
		return -EMSGSIZE;
	}
	request = json_loadb(packet, len, JSON_REJECT_DUPLICATES, &error);
	if (!request) {
		snprintf(ret_why, 160, "the request is not JSON (byte %d)", error.position);
		return -EINVAL;
	}
	verb = json_string_value(json_object_get(request, "verb"));
	if (!verb) {
		snprintf(ret_why, 160, "the request is not an object with a \"verb\"");
		json_decref(request);
		return -EINVAL;
	}
	*ret_request = request;
	*ret_verb = verb;
	return 0;
}

static void take_request(struct ppn_ctl_call *call, const char *packet, size_t len)
{
	struct ppn_ctl_server *server = call->server;
	const char *verb;
	char why[160];

	call->asked = true;
	if (ppn_ctl_parse(packet, len, &call->request, &verb, why)) {
		ppn_ctl_error(call, PPN_EXIT_USAGE, "%s", why);
		return;
	}
	server->handler(server->arg, call, verb, call->request, call->uid);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct ppn_ctl_call *call = arg;
	_cleanup_free_ char *packet = NULL;
	ssize_t n;

	packet = malloc(PPN_CTL_MAX);
	n = packet ? recv(fd, packet, PPN_CTL_MAX, MSG_DONTWAIT | MSG_TRUNC) : 0;
	/* The time counts only when nothing has come: it may have been us who had none. */
	if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
		if (what & EV_TIMEOUT)
			call_gone(call);
		else
			event_add(call->readable, NULL);
		return;
	}
	/* The end, an error, or a second request, which breaks the rule of one a connection. */
	if (n <= 0 || call->asked) {
		call_gone(call);
		return;
	}
	event_add(call->readable, NULL); /* from now on for the hang-up */
	take_request(call, packet, n);
}

static struct ppn_ctl_call *call_new(struct ppn_ctl_server *server, int fd, uid_t uid)
{
	const struct timeval patience = { .tv_sec = PATIENCE_S };
	struct ppn_ctl_call *call = calloc(1, sizeof(*call));

	if (!call)
		return NULL;
	call->server = server;
	call->uid = uid;
	call->fd = -1;
	STAILQ_INIT(&call->parts);
	LIST_INSERT_HEAD(&server->calls, call, next);
	server->n_calls++;
	call->readable = event_new(server->base, fd, EV_READ, on_readable, call);
	call->writable = event_new(server->base, fd, EV_WRITE, on_writable, call);
	if (!call->readable || !call->writable || event_add(call->readable, &patience) < 0) {
		call_free(call);
		return NULL;
	}
	call->fd = fd;
	return call;
}

static void refuse_busy(int fd)
{
	static const char busy[] =
		"{\"schema\":1,\"exit\":1,\"error\":\"too many requests at once: try "
		"again\"}";

	(void)send(fd, busy, sizeof(busy) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void on_acceptable(evutil_socket_t fd, short what, void *arg)
{
	struct ppn_ctl_server *server = arg;
	_cleanup_close_ int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct ucred peer;
	socklen_t len = sizeof(peer);

	(void)what;
	if (client < 0 || getsockopt(client, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
		return;
	if (server->n_calls >= CALLS_MAX || !call_new(server, client, peer.uid)) {
		refuse_busy(client);
		return;
	}
	(void)TAKE_FD(client);
}

/* ---- the server ---- */

static int set_address(struct sockaddr_un *ret_addr, const char *path)
{
	memset(ret_addr, 0, sizeof(*ret_addr));
	ret_addr->sun_family = AF_UNIX;
	if (strlen(path) >= sizeof(ret_addr->sun_path))
		return -ENAMETOOLONG;
	memcpy(ret_addr->sun_path, path, strlen(path));
	return 0;
}

/* 0 when the path is free, or holds a socket that nobody listens on any more. */
static int clear_stale(const struct sockaddr_un *addr)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct stat st;

	if (fd < 0)
		return -errno;
	if (lstat(addr->sun_path, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	if (connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) == 0 || errno == EAGAIN)
		return -EADDRINUSE;
	if (errno != ECONNREFUSED)
		return -errno;
	return unlink(addr->sun_path) < 0 && errno != ENOENT ? -errno : 0;
}

int ppn_ctl_bind(int fd, const struct sockaddr_un *addr, const char *group)
{
	mode_t saved = umask(0177);
	int err = bind(fd, (const struct sockaddr *)addr, sizeof(*addr)) < 0 ? -errno : 0;
	const struct group *entry = group ? getgrnam(group) : NULL;

	umask(saved);
	if (err)
		return err;
	if ((entry && chown(addr->sun_path, -1, entry->gr_gid) < 0 && errno != EPERM) ||
	    chmod(addr->sun_path, 0660) < 0 || listen(fd, CALLS_MAX) < 0) {
		err = -errno;
		(void)unlink(addr->sun_path);
	}
	return err;
}

int ppn_ctl_listen(struct ppn_ctl_server **ret_server, struct event_base *base, const char *path,
		   const char *group, ppn_ctl_handler *handler, void *arg)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	_cleanup_free_ struct ppn_ctl_server *server = calloc(1, sizeof(*server));
	int err;

	if (fd < 0 || !server)
		return fd < 0 ? -errno : -ENOMEM;
	LIST_INIT(&server->calls);
	server->base = base;
	server->handler = handler;
	server->arg = arg;
	err = set_address(&server->addr, path);
	if (!err)
		err = clear_stale(&server->addr);
	if (!err)
		err = ppn_ctl_bind(fd, &server->addr, group);
	if (err)
		return err;
	server->acceptable = event_new(base, fd, EV_READ | EV_PERSIST, on_acceptable, server);
	if (!server->acceptable || event_add(server->acceptable, NULL) < 0) {
		if (server->acceptable)
			event_free(server->acceptable);
		(void)unlink(path);
		return -ENOMEM;
	}
	server->fd = TAKE_FD(fd);
	*ret_server = TAKE_PTR(server);
	return 0;
}

void ppn_ctl_close(struct ppn_ctl_server **server)
{
	struct ppn_ctl_server *s = *server;
	struct ppn_ctl_call *call;

	if (!s)
		return;
	while ((call = LIST_FIRST(&s->calls)))
		call_free(call);
	event_free(s->acceptable);
	(void)unlink(s->addr.sun_path);
	close(s->fd);
	free(s);
	*server = NULL;
}
