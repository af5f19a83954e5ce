// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Is somebody connected whom sealing would cut off? Asked once, at the first start (DESIGN 6). */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/ppnd.h"

enum {
	ADDRESSES_MAX = 256,
	LISTENERS_MAX = 1024, /* ports; more than this and the rest is not looked at */
	TCP_ESTABLISHED_STATE = 0x01,
	TCP_LISTEN_STATE = 0x0a,
};

static const uint8_t mapped[12] = { [10] = 0xff, 0xff };

struct side {
	uint8_t addr[16];
	uint16_t port;
};

struct row {
	struct side local, remote;
	unsigned int state;
};

struct search {
	uint8_t address[ADDRESSES_MAX][16]; /* of the external interfaces */
	size_t n_addresses;
	uint16_t listener[LISTENERS_MAX];
	size_t n_listeners;
	struct row found;
	bool has_found;
};

/* The kernel prints each 32-bit word of an address as a number in the host's order. */
static bool parse_side(struct side *ret_side, const char *text)
{
	size_t words = strcspn(text, ":") / 8;
	uint32_t word[4];
	char digits[9] = "";

	if (words != 1 && words != 4)
		return false;
	for (size_t i = 0; i < words; i++) {
		memcpy(digits, text + 8 * i, 8);
		word[i] = strtoul(digits, NULL, 16);
	}
	memcpy(ret_side->addr, mapped, sizeof(mapped));
	memcpy(ret_side->addr + 16 - 4 * words, word, 4 * words);
	ret_side->port = strtoul(text + 8 * words + 1, NULL, 16);
	return true;
}

static bool parse_row(struct row *ret_row, const char *line)
{
	char local[48], remote[48], state[8];

	if (sscanf(line, " %*[0-9]: %47s %47s %7s", local, remote, state) != 3)
		return false;
	ret_row->state = (unsigned int)strtoul(state, NULL, 16);
	return parse_side(&ret_row->local, local) && parse_side(&ret_row->remote, remote);
}

static int each_row(const char *path, void (*row)(struct search *search, const struct row *row),
		    struct search *search)
{
	FILE *file = fopen(path, "re");
	char line[512];

	if (!file)
		return errno == ENOENT ? 0 : -errno;
	while (fgets(line, sizeof(line), file)) {
		struct row parsed;

		if (parse_row(&parsed, line))
			row(search, &parsed);
	}
	fclose(file);
	return 0;
}

static void note_listener(struct search *search, const struct row *row)
{
	if (row->state == TCP_LISTEN_STATE && search->n_listeners < LISTENERS_MAX)
		search->listener[search->n_listeners++] = row->local.port;
}

static bool is_external(const struct search *search, const uint8_t addr[static 16])
{
	for (size_t i = 0; i < search->n_addresses; i++)
		if (memcmp(search->address[i], addr, 16) == 0)
			return true;
	return false;
}

/* Inbound: the local port is one that somebody listens on. */
static void note_session(struct search *search, const struct row *row)
{
	if (search->has_found || row->state != TCP_ESTABLISHED_STATE ||
	    !is_external(search, row->local.addr))
		return;
	for (size_t i = 0; i < search->n_listeners && !search->has_found; i++)
		search->has_found = search->listener[i] == row->local.port;
	if (search->has_found)
		search->found = *row;
}

static void words(const struct row *row, char ret_who[static PPN_WHY_LEN])
{
	bool v4 = memcmp(row->remote.addr, mapped, sizeof(mapped)) == 0;
	char from[INET6_ADDRSTRLEN] = "?";

	inet_ntop(v4 ? AF_INET : AF_INET6, row->remote.addr + (v4 ? 12 : 0), from, sizeof(from));
	snprintf(ret_who, PPN_WHY_LEN, "a TCP session from %s to port %u", from, row->local.port);
}

int ppnd_session_find(struct ppn_link *link, const uint32_t *ifindex, size_t n,
		      char ret_who[static PPN_WHY_LEN])
{
	static const char *const tables[] = { "/proc/self/net/tcp", "/proc/self/net/tcp6" };
	struct search *search = calloc(1, sizeof(*search));
	int err = search ? 0 : -ENOMEM;

	for (size_t i = 0; !err && i < n; i++) {
		size_t room = ADDRESSES_MAX - search->n_addresses, got = 0;

		err = ppn_link_addresses(link, ifindex[i], search->address + search->n_addresses,
					 room, &got);
		search->n_addresses += got;
	}
	for (size_t i = 0; !err && i < 2; i++)
		err = each_row(tables[i], note_listener, search);
	for (size_t i = 0; !err && i < 2; i++)
		err = each_row(tables[i], note_session, search);
	if (!err && !search->has_found)
		err = -ENOENT;
	if (!err)
		words(&search->found, ret_who);
	free(search);
	return err;
}
