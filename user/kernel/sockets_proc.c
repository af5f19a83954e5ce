// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The same by /proc/net, where sock_diag is not to be had. */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "kernel/sockets_private.h"
#include "lib/wire.h"

/* The kernel prints each 32-bit word of an address as a number in the host's order. */
static bool parse_side(uint8_t ret_addr[static 16], uint16_t *ret_port, bool *ret_v4,
		       const char *text)
{
	const size_t digits = strspn(text, "0123456789ABCDEFabcdef"), words = digits / 8;
	uint32_t word[4];
	char part[9] = "", *end;

	if (digits % 8 || (words != 1 && words != 4) || text[digits] != ':')
		return false;
	for (size_t i = 0; i < words; i++) {
		memcpy(part, text + 8 * i, 8);
		word[i] = (uint32_t)strtoul(part, NULL, 16);
	}
	if (words == 1)
		ppn_address_v4(ret_addr, word);
	else
		memcpy(ret_addr, word, sizeof(word));
	*ret_v4 = words == 1;
	*ret_port = (uint16_t)strtoul(text + digits + 1, &end, 16);
	return !*end;
}

bool ppn_sockets_line(struct ppn_socket *ret_socket, uint8_t proto, const char *line)
{
	struct ppn_socket socket = { .proto = proto };
	char local[48], remote[48], state[8], uid[12], inode[24];
	bool v4;

	/* sl local remote st queues timer retransmits uid timeout inode */
	if (sscanf(line, " %*[0-9]: %47s %47s %7s %*s %*s %*s %11s %*s %23s", local, remote, state,
		   uid, inode) != 5 ||
	    !parse_side(socket.local, &socket.local_port, &v4, local) ||
	    !parse_side(socket.remote, &socket.remote_port, &v4, remote))
		return false;
	socket.uid = (uint32_t)strtoul(uid, NULL, 10);
	socket.inode = strtoull(inode, NULL, 10);
	ppn_socket_state(&socket, (unsigned int)strtoul(state, NULL, 16), v4);
	*ret_socket = socket;
	return true;
}

static int read_file(const char *path, uint8_t proto, struct ppn_sockets *sockets)
{
	FILE *file = fopen(path, "re");
	struct ppn_socket socket;
	char line[512];
	int err = 0;

	if (!file)
		return errno == ENOENT ? 0 : -errno; /* without IPv6 */
	while (!err && fgets(line, sizeof(line), file))
		if (ppn_sockets_line(&socket, proto, line))
			err = ppn_sockets_add(sockets, &socket);
	fclose(file);
	return err;
}

int ppn_sockets_proc(struct ppn_sockets *sockets)
{
	static const struct {
		const char *path;
		uint8_t proto;
	} files[] = {
		{ "/proc/self/net/tcp", IPPROTO_TCP },
		{ "/proc/self/net/tcp6", IPPROTO_TCP },
		{ "/proc/self/net/udp", IPPROTO_UDP },
		{ "/proc/self/net/udp6", IPPROTO_UDP },
	};
	int err = 0;

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]) && !err; i++)
		err = read_file(files[i].path, files[i].proto, sockets);
	return err;
}
