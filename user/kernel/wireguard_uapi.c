// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Backend: a wireguard-go, spoken to over its UAPI socket. One connection a request. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <net/if.h>
#include <sys/socket.h>
#include "kernel/netlink.h"
#include "kernel/wireguard_private.h"
#include "lib/crypto.h"

#define CHUNK 16384
/* One answer covers these, so that the time limit is of silence, on the slowest machine too. */
#define EDITS_AT_ONCE 64

static int send_all(int fd, const char *data, size_t len)
{
	while (len) {
		ssize_t n = send(fd, data, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? -ETIMEDOUT :
			       errno == EPIPE  ? -ECONNREFUSED :
						 -errno;
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

/* device: NULL for an answer to set. */
static int receive(int fd, struct ppn_wg_device *device)
{
	struct ppn_wg_text text = { .device = device };
	char buf[CHUNK];
	int err = 0;

	while (!err) {
		ssize_t n = recv(fd, buf, sizeof(buf), 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			err = errno == EAGAIN ? -ETIMEDOUT : -errno;
		else if (!n)
			err = -ECONNREFUSED; /* it ended in between */
		else
			err = ppn_wg_text_feed(&text, buf, (size_t)n);
	}
	ppn_wg_text_end(&text);
	ppn_wipe(buf, sizeof(buf));
	return err < 0 ? err : 0;
}

static int ask(int fd, const char *request, struct ppn_wg_device *device)
{
	int err = send_all(fd, request, strlen(request));

	return err ? err : receive(fd, device);
}

static int uapi_read(struct ppn_wg *wg, struct ppn_wg_device *ret_device)
{
	int fd, err;

	err = ppn_wg_go_dial(wg->name, &fd);
	if (err)
		return err;
	err = ask(fd, "get=1\n\n", ret_device);
	close(fd);
	return err;
}

static int uapi_self(struct ppn_wg *wg, const uint8_t *secret, const uint16_t *port)
{
	char request[256], hex[2 * PPN_KEY_LEN + 1];
	int fd, err, len = 0;

	len += snprintf(request, sizeof(request), "set=1\n");
	if (secret)
		len += snprintf(request + len, sizeof(request) - (size_t)len, "private_key=%s\n",
				ppn_hex(hex, secret, PPN_KEY_LEN));
	if (port)
		len += snprintf(request + len, sizeof(request) - (size_t)len, "listen_port=%u\n",
				*port);
	snprintf(request + len, sizeof(request) - (size_t)len, "\n");
	err = ppn_wg_go_dial(wg->name, &fd);
	if (!err) {
		err = ask(fd, request, NULL);
		close(fd);
	}
	ppn_wipe(request, sizeof(request));
	ppn_wipe(hex, sizeof(hex));
	return err;
}

static int send_edits(int fd, const struct ppn_wg_edit *edits, size_t n)
{
	char buf[8 + EDITS_AT_ONCE * PPN_WG_EDIT_MAX];
	size_t len = (size_t)snprintf(buf, sizeof(buf), "set=1\n");

	for (size_t i = 0; i < n; i++) {
		size_t added = ppn_wg_text_edit(buf + len, sizeof(buf) - len - 1, &edits[i]);

		if (!added)
			return -EMSGSIZE;
		len += added;
	}
	buf[len++] = '\n';
	return send_all(fd, buf, len);
}

static int edit_some(struct ppn_wg *wg, const struct ppn_wg_edit *edits, size_t n)
{
	int fd, err;

	err = ppn_wg_go_dial(wg->name, &fd);
	if (err)
		return err;
	err = send_edits(fd, edits, n);
	/* A refusal is told before it hangs up. */
	if (!err || err == -ECONNREFUSED)
		err = receive(fd, NULL);
	close(fd);
	return err;
}

static int uapi_edit(struct ppn_wg *wg, const struct ppn_wg_edit *edits, size_t n)
{
	int err = 0;

	while (n && !err) {
		size_t some = n < EDITS_AT_ONCE ? n : EDITS_AT_ONCE;

		err = edit_some(wg, edits, some);
		edits += some;
		n -= some;
	}
	return err;
}

/* It answers, and its device is there: a socket file alone proves nothing. */
static int greet(struct ppn_wg *wg, int fd)
{
	struct ppn_wg_device device = { 0 };
	int err = ask(fd, "get=1\n\n", &device);

	ppn_wg_device_free(&device);
	if (err)
		return err;
	wg->ifindex = if_nametoindex(wg->name);
	return wg->ifindex ? 0 : -EADDRINUSE;
}

static int uapi_open(struct ppn_wg *wg)
{
	int fd, err;

	err = ppn_wg_go_dial(wg->name, &fd);
	if (!err) {
		err = greet(wg, fd);
		close(fd);
		return err;
	}
	if (err != -ECONNREFUSED && err != -ENOENT)
		return err;
	if (wg->ifindex)
		return -EEXIST; /* a device, and nobody who answers for it */
	if (err == -ECONNREFUSED)
		err = ppn_wg_go_stop(wg->name); /* what a dead one left */
	else
		err = 0;
	if (!err)
		err = ppn_wg_go_start(wg->name, &fd);
	if (err)
		return err;
	err = greet(wg, fd);
	close(fd);
	if (!err)
		err = ppn_rt_no_link_local(wg->rt, wg->ifindex);
	if (err)
		(void)ppn_wg_go_stop(wg->name);
	return err;
}

static int uapi_remove(struct ppn_wg *wg)
{
	int err = ppn_wg_go_stop(wg->name);
	int gone =
		ppn_rt_delete(wg->rt, wg->ifindex); /* of a killed one it went with the process */

	return err || gone == -ENODEV ? err : gone;
}

const struct ppn_wg_backend_ops ppn_wg_uapi = {
	.backend = PPN_WG_USERSPACE,
	.kind = "tun",
	.open = uapi_open,
	.self = uapi_self,
	.edit = uapi_edit,
	.read = uapi_read,
	.remove = uapi_remove,
};
