// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include "kernel/netlink.h"
#include "kernel/sockets_private.h"
#include "lib/wire.h"

int ppn_sockets_add(struct ppn_sockets *sockets, const struct ppn_socket *socket)
{
	/* Room doubles whenever the number is a power of two. */
	if (sockets->n == PPN_SOCKETS_MAX) {
		sockets->cut = true;
		return 0;
	}
	if (sockets->n == 0 || (sockets->n >= 64 && !(sockets->n & (sockets->n - 1)))) {
		const size_t room = sockets->n ? 2 * sockets->n : 64;
		struct ppn_socket *grown =
			reallocarray(sockets->socket, room, sizeof(*sockets->socket));

		if (!grown)
			return -ENOMEM;
		sockets->socket = grown;
	}
	sockets->socket[sockets->n++] = *socket;
	return 0;
}

void ppn_socket_state(struct ppn_socket *socket, unsigned int state, bool v4)
{
	static const uint8_t zeros[16];

	if (socket->proto == IPPROTO_TCP)
		socket->listens = state == PPN_SOCKET_LISTEN;
	else
		socket->listens = state != PPN_SOCKET_ESTABLISHED;
	socket->half = !socket->listens && state != PPN_SOCKET_ESTABLISHED;
	socket->v4_any = v4 && !memcmp(socket->local + 12, zeros, 4);
	/* An address of no family: "any" reads alike for both. */
	if (socket->v4_any)
		memset(socket->local, 0, sizeof(socket->local));
}

static void take_address(uint8_t ret[static 16], const __be32 words[static 4], bool v4)
{
	if (v4)
		ppn_address_v4(ret, words);
	else
		memcpy(ret, words, 16);
}

struct dump {
	struct ppn_sockets *sockets;
	uint8_t proto;
};

static int take_socket(const struct nlmsghdr *hdr, void *arg)
{
	const struct inet_diag_msg *msg = nlmsg_data(hdr);
	const bool v4 = msg->idiag_family == AF_INET;
	struct dump *dump = arg;
	struct ppn_socket socket = { .proto = dump->proto };

	if (hdr->nlmsg_type != SOCK_DIAG_BY_FAMILY || !nlmsg_valid_hdr(hdr, sizeof(*msg)))
		return 0;
	take_address(socket.local, msg->id.idiag_src, v4);
	take_address(socket.remote, msg->id.idiag_dst, v4);
	socket.local_port = ntohs(msg->id.idiag_sport);
	socket.remote_port = ntohs(msg->id.idiag_dport);
	socket.ifindex = msg->id.idiag_if;
	socket.uid = msg->idiag_uid;
	socket.inode = msg->idiag_inode;
	ppn_socket_state(&socket, msg->idiag_state, v4);
	return ppn_sockets_add(dump->sockets, &socket);
}

static int read_dump(struct nl_sock *sk, uint8_t family, uint8_t proto, struct ppn_sockets *sockets)
{
	const struct inet_diag_req_v2 head = {
		.sdiag_family = family,
		.sdiag_protocol = proto,
		.idiag_states = UINT32_MAX,
	};
	struct dump dump = { sockets, proto };
	const size_t before = sockets->n;
	int err = -EINTR;

	for (unsigned int try = 0; err == -EINTR && try < PPN_NL_TRIES; try++) {
		sockets->n = before;
		err = ppn_nl_talk(sk,
				  ppn_rt_msg(SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, &head, sizeof(head)),
				  take_socket, &dump);
	}
	return err;
}

static int read_diag(struct ppn_sockets *sockets)
{
	static const uint8_t protos[] = { IPPROTO_TCP, IPPROTO_UDP };
	static const uint8_t families[] = { AF_INET, AF_INET6 };
	struct nl_sock *sk;
	int err = ppn_nl_open(&sk, NETLINK_SOCK_DIAG);

	if (err)
		return err;
	for (size_t i = 0; i < sizeof(protos) && !err; i++)
		for (size_t j = 0; j < sizeof(families) && !err; j++)
			err = read_dump(sk, families[j], protos[i], sockets);
	nl_socket_free(sk);
	return err;
}

int ppn_sockets_read(struct ppn_sockets *ret_sockets)
{
	struct ppn_sockets sockets = { 0 };
	int err = read_diag(&sockets);

	/* tcp_diag and udp_diag are modules: what cannot be loaded any more is no reason to see nothing. */
	if (err && err != -ENOMEM) {
		ppn_sockets_free(&sockets);
		err = ppn_sockets_proc(&sockets);
	}
	if (err)
		ppn_sockets_free(&sockets);
	else
		*ret_sockets = sockets;
	return err;
}

void ppn_sockets_free(struct ppn_sockets *sockets)
{
	free(sockets->socket);
	*sockets = (struct ppn_sockets){ 0 };
}

bool ppn_sockets_listens(const struct ppn_sockets *sockets, uint8_t proto,
			 const uint8_t local[static 16], uint16_t port)
{
	static const uint8_t any[16];

	for (size_t i = 0; i < sockets->n; i++) {
		const struct ppn_socket *s = &sockets->socket[i];

		if (s->listens && s->proto == proto && s->local_port == port &&
		    (!memcmp(s->local, any, 16) || !memcmp(s->local, local, 16)))
			return true;
	}
	return false;
}
