// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "admin/tries.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/wire.h"

/* How much each end tells: what came further is what the operator has to hear. */
static const struct {
	unsigned int rank;
	const char *word;
} ends[_PPN_CLAIM_CLIENT_MAX] = {
	[PPN_CLAIM_CLIENT_LOCAL] = { 0, "failed here" },
	[PPN_CLAIM_CLIENT_UNREACHABLE] = { 1, "no route" },
	[PPN_CLAIM_CLIENT_SILENT] = { 2, "silent" },
	[PPN_CLAIM_CLIENT_REFUSED] = { 3, "refused" },
	[PPN_CLAIM_CLIENT_NO_UPGRADE] = { 4, "no node" },
	[PPN_CLAIM_CLIENT_NO_HELLO] = { 5, "no node" },
	[PPN_CLAIM_CLIENT_PROTOCOL] = { 6, "broke the protocol" },
	[PPN_CLAIM_CLIENT_TIMEOUT] = { 7, "fell silent" },
	[PPN_CLAIM_CLIENT_CLOSED] = { 8, "closed" },
	[PPN_CLAIM_CLIENT_NO_PROOF] = { 9, "another fleet, or refused" },
};

int ppn_tries_add(struct ppn_tries *tries, const char *ip, uint16_t port)
{
	struct sockaddr_in6 to = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	char plain[INET6_ADDRSTRLEN + IFNAMSIZ + 1], *scope;

	if (strlen(ip) >= sizeof(plain))
		return -EINVAL;
	snprintf(plain, sizeof(plain), "%s", ip);
	scope = strchr(plain, '%');
	if (scope) {
		*scope++ = '\0';
		to.sin6_scope_id = if_nametoindex(scope);
	}
	if (ppn_address_read(to.sin6_addr.s6_addr, plain) < 0)
		return -EINVAL;
	if (tries->n == PPN_TRIES_MAX)
		return -ENOSPC;
	tries->address[tries->n++] = to;
	return 0;
}

const struct sockaddr_in6 *ppn_tries_next(struct ppn_tries *tries, uint64_t now_ms)
{
	if (!tries->begun)
		tries->until_ms = now_ms + PPN_TRIES_MS;
	if (tries->begun == tries->n || now_ms >= tries->until_ms)
		return NULL;
	return &tries->address[tries->begun++];
}

const struct sockaddr_in6 *ppn_tries_now(const struct ppn_tries *tries)
{
	return &tries->address[tries->begun ? tries->begun - 1 : 0];
}

void ppn_tries_failed(struct ppn_tries *tries, enum ppn_claim_client_end end, const char *why)
{
	size_t at = tries->failed++;

	tries->end[at] = end;
	if (at && ends[end].rank <= ends[tries->end[tries->best]].rank)
		return;
	tries->best = at;
	free(tries->best_why);
	tries->best_why = strdup(why);
}

static size_t put(char *ret_text, size_t at, const char *between,
		  const struct sockaddr_in6 *address, const char *word)
{
	char ip[PPN_ADDRESS_TEXT];
	int n = snprintf(ret_text + at, PPN_TRIES_WHY - at, "%s%s%s", between,
			 ppn_address_text(ip, address->sin6_addr.s6_addr), word);

	return at + (size_t)n < PPN_TRIES_WHY ? at + (size_t)n : PPN_TRIES_WHY - 1;
}

const char *ppn_tries_why(const struct ppn_tries *tries, char ret_why[static PPN_TRIES_WHY])
{
	const char *best = tries->best_why ? tries->best_why : "out of memory";
	const char *between = "; ";
	size_t at;

	snprintf(ret_why, PPN_TRIES_WHY, "%s", best);
	if (tries->n < 2)
		return ret_why;
	at = put(ret_why, 0, "at ", &tries->address[tries->best], ": ");
	at += (size_t)snprintf(ret_why + at, PPN_TRIES_WHY - at, "%.400s", best);
	for (size_t i = 0; i < tries->n; i++) {
		char word[40];

		if (i == tries->best)
			continue;
		snprintf(word, sizeof(word), " %s",
			 i < tries->failed ? ends[tries->end[i]].word : "not tried in time");
		at = put(ret_why, at, between, &tries->address[i], word);
		between = ", ";
	}
	return ret_why;
}

void ppn_tries_free(struct ppn_tries *tries)
{
	free(tries->best_why);
	memset(tries, 0, sizeof(*tries));
}
