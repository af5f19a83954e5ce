/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The addresses of one host, tried in their order until one of them is a node that proves itself. Where none
 * is, the one that came furthest decides what is said; the others are told after it, in a word each.
 *
 *	add... -> next -> failed -> next -> ... NULL -> why
 */
#ifndef PPN_ADMIN_TRIES_H
#define PPN_ADMIN_TRIES_H

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include "host/claim_client.h"

#define PPN_TRIES_MAX 8 /* more addresses of a host than these are left out */
#define PPN_TRIES_MS 20000 /* none is begun later than this after the first */
#define PPN_TRIES_WHY 1024

struct ppn_tries {
	struct sockaddr_in6 address[PPN_TRIES_MAX]; /* IPv4 as IPv4-mapped */
	enum ppn_claim_client_end end[PPN_TRIES_MAX]; /* of those that were tried and failed */
	size_t n, begun, failed; /* failed <= begun <= n */
	size_t best; /* of those that failed */
	char *best_why; /* owned */
	uint64_t until_ms;
};

/* ip: an address without brackets, a link-local one with %interface; port: host order. -EINVAL; -ENOSPC
 * beyond PPN_TRIES_MAX. */
int ppn_tries_add(struct ppn_tries *tries, const char *ip, uint16_t port);
/* The address to try now, or NULL: none is left, or the time is over. now_ms of any steady clock. */
const struct sockaddr_in6 *ppn_tries_next(struct ppn_tries *tries, uint64_t now_ms);
/* The one being tried. */
const struct sockaddr_in6 *ppn_tries_now(const struct ppn_tries *tries);
/* How that one ended; why in words. */
void ppn_tries_failed(struct ppn_tries *tries, enum ppn_claim_client_end end, const char *why);
/* After next gave NULL. Returns ret_why. */
const char *ppn_tries_why(const struct ppn_tries *tries, char ret_why[static PPN_TRIES_WHY]);
void ppn_tries_free(struct ppn_tries *tries);

#endif
