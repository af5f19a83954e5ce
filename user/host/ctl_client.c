// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "host/ctl.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "host/cleanup.h"

static int connect_to(const char *path)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	if (fd < 0)
		return -errno;
	if (strlen(path) >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	memcpy(addr.sun_path, path, strlen(path));
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		return -errno;
	return TAKE_FD(fd);
}

static int send_request(int fd, const json_t *request)
{
	size_t len = json_dumpb(request, NULL, 0, JSON_COMPACT);
	_cleanup_free_ char *text = malloc(len + 1);

	if (!text)
		return -ENOMEM;
	if (!len || len > PPN_CTL_MAX)
		return -EMSGSIZE;
	json_dumpb(request, text, len, JSON_COMPACT);
	return send(fd, text, len, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* The next packet as an object; NULL at the end, or when it is none. */
static json_t *receive(int fd)
{
	_cleanup_free_ char *packet = malloc(PPN_CTL_MAX);
	bool reset = false;
	json_t *object;
	ssize_t n;

	if (!packet)
		return NULL;
	/*
	 * A server that answered without reading resets us first; its words are still in the
	 * queue.
	 */
	while ((n = recv(fd, packet, PPN_CTL_MAX, MSG_TRUNC)) < 0 &&
	       (errno == EINTR || (errno == ECONNRESET && !reset)))
		reset = errno == ECONNRESET;
	if (n <= 0 || n > PPN_CTL_MAX)
		return NULL;
	object = json_loadb(packet, n, JSON_REJECT_DUPLICATES, NULL);
	if (object && !json_is_object(object)) {
		json_decref(object);
		return NULL;
	}
	return object;
}

/* Takes "exit" out of the last object. False: this is not one. */
static bool take_exit(json_t *object, enum ppn_exit *ret_exit)
{
	json_t *code = json_object_get(object, "exit");
	json_int_t value = json_integer_value(code);

	if (!json_is_integer(code) || value < PPN_EXIT_OK || value > PPN_EXIT_REFUSED)
		return false;
	*ret_exit = value;
	json_object_del(object, "exit");
	return true;
}

static json_t *converse(int fd, void (*part)(void *arg, const char *kind, json_t *part), void *arg,
			enum ppn_exit *ret_exit)
{
	static const char *const kinds[] = { "progress", "more" };
	json_t *object;

	while ((object = receive(fd)) && !take_exit(object, ret_exit)) {
		for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
			if (part && json_object_get(object, kinds[i]))
				part(arg, kinds[i], json_object_get(object, kinds[i]));
		json_decref(object);
	}
	return object;
}

static json_t *own_error(const char *path, int err)
{
	char text[256];

	snprintf(text, sizeof(text), "%s: %s%s", path, strerror(-err),
		 err == -EACCES ? " (it answers root and its group)" : "");
	return json_pack("{s:i, s:s}", "schema", PPN_CTL_SCHEMA, "error", text);
}

json_t *ppn_ctl_ask(const char *path, json_t *request,
		    void (*part)(void *arg, const char *kind, json_t *part), void *arg,
		    enum ppn_exit *ret_exit)
{
	_cleanup_close_ int fd = -EBADF;
	int err;

	if (!request) { /* json_pack() takes UTF-8 alone */
		*ret_exit = PPN_EXIT_USAGE;
		return json_pack("{s:i, s:s}", "schema", PPN_CTL_SCHEMA, "error",
				 "an argument is not UTF-8");
	}
	fd = connect_to(path);
	err = fd < 0 ? fd : send_request(fd, request);
	json_decref(request);
	if (err == -ENOENT || err == -ECONNREFUSED) {
		*ret_exit = PPN_EXIT_NO_DAEMON;
		return NULL;
	}
	*ret_exit = PPN_EXIT_FAILURE;
	/* EPIPE: it closed before it read; what it had to say may be there all the same. */
	if (err && err != -EPIPE)
		return own_error(path, err);
	return converse(fd, part, arg, ret_exit);
}
