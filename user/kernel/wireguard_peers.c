// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Peers as values: reading back, and what differs. Pure. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "kernel/wireguard_private.h"
#include "lib/crypto.h"
#include "lib/wire.h"

/* -- reading back -- */

int ppn_wg_device_peer(struct ppn_wg_device *device, const uint8_t key[static PPN_KEY_LEN],
		       struct ppn_wg_peer **ret_peer)
{
	size_t n = device->n_peers;
	struct ppn_wg_peer *peers;

	if (n && !memcmp(device->peers[n - 1].key, key, PPN_KEY_LEN)) {
		*ret_peer = &device->peers[n - 1];
		return 0;
	}
	if (n == PPN_WG_PEERS_MAX)
		return -E2BIG;
	/* Room for 16, 32, 64, ...: grown when n is such a number. */
	if (!n || (n >= 16 && !(n & (n - 1)))) {
		peers = reallocarray(device->peers, n ? n * 2 : 16, sizeof(*peers));
		if (!peers)
			return -ENOMEM;
		device->peers = peers;
	}
	device->peers[n] = (struct ppn_wg_peer){ 0 };
	memcpy(device->peers[n].key, key, PPN_KEY_LEN);
	*ret_peer = &device->peers[n];
	device->n_peers++;
	return 0;
}

void ppn_wg_mask(struct ppn_wg_allowed *allowed)
{
	for (unsigned int i = 0; i < 16; i++) {
		unsigned int bits = allowed->len <= i * 8 ? 0 : allowed->len - i * 8;

		if (bits < 8)
			allowed->addr[i] &= (uint8_t)(0xff00 >> bits);
	}
}

void ppn_wg_peer_prefix(struct ppn_wg_peer *peer, const uint8_t *ip, size_t ip_len, uint8_t len)
{
	struct ppn_wg_allowed *allowed;

	if (ip_len != 16 || len > 128 || peer->n_allowed >= PPN_WG_ALLOWED_MAX) {
		peer->foreign = true;
		return;
	}
	allowed = &peer->allowed[peer->n_allowed++];
	memcpy(allowed->addr, ip, 16);
	allowed->len = len;
	ppn_wg_mask(allowed);
}

void ppn_wg_endpoint(struct sockaddr_in6 *ret_endpoint, const uint8_t *ip, size_t ip_len,
		     uint16_t port, uint32_t scope)
{
	struct sockaddr_in6 endpoint = { .sin6_family = AF_INET6, .sin6_port = htons(port) };

	if (ip_len == 4) {
		ppn_address_v4(endpoint.sin6_addr.s6_addr, ip);
	} else {
		memcpy(endpoint.sin6_addr.s6_addr, ip, 16);
		endpoint.sin6_scope_id = scope;
	}
	*ret_endpoint = endpoint;
}

/* -- what differs -- */

bool ppn_wg_peer_valid(const struct ppn_wg_peer *peer)
{
	if (ppn_is_zero(peer->key, sizeof(peer->key)) || peer->n_allowed > PPN_WG_ALLOWED_MAX ||
	    (peer->endpoint.sin6_family && peer->endpoint.sin6_family != AF_INET6))
		return false;
	for (size_t i = 0; i < peer->n_allowed; i++) {
		if (peer->allowed[i].len > 128)
			return false;
	}
	return true;
}

uint32_t ppn_wg_set_all(const struct ppn_wg_peer *peer)
{
	return PPN_WG_SET_ALLOWED | PPN_WG_SET_KEEPALIVE |
	       (peer->endpoint.sin6_family ? PPN_WG_SET_ENDPOINT : 0);
}

static bool has_prefix(const struct ppn_wg_peer *peer, struct ppn_wg_allowed wanted)
{
	ppn_wg_mask(&wanted);
	for (size_t i = 0; i < peer->n_allowed; i++) {
		struct ppn_wg_allowed have = peer->allowed[i];

		ppn_wg_mask(&have);
		if (have.len == wanted.len && !memcmp(have.addr, wanted.addr, 16))
			return true;
	}
	return false;
}

/* Neither side holds a prefix twice, so as many and each of them means the same set. */
static bool same_allowed(const struct ppn_wg_peer *have, const struct ppn_wg_peer *want)
{
	if (have->n_allowed != want->n_allowed)
		return false;
	for (size_t i = 0; i < want->n_allowed; i++) {
		if (!has_prefix(have, want->allowed[i]))
			return false;
	}
	return true;
}

static bool same_endpoint(const struct sockaddr_in6 *a, const struct sockaddr_in6 *b)
{
	/* A scope means something on a link only; wireguard-go knows it but does not tell (0). */
	return a->sin6_family == b->sin6_family && a->sin6_port == b->sin6_port &&
	       !memcmp(&a->sin6_addr, &b->sin6_addr, 16) &&
	       (!IN6_IS_ADDR_LINKLOCAL(&a->sin6_addr) || !a->sin6_scope_id || !b->sin6_scope_id ||
		a->sin6_scope_id == b->sin6_scope_id);
}

/* A handshake in the future is one by a clock that was wrong: it keeps nothing for ever. */
static bool is_fresh(const struct ppn_wg_peer *have, uint64_t now_s)
{
	uint64_t then = have->handshake_s;
	uint64_t age = then > now_s ? then - now_s : now_s - then;

	return then && age < PPN_WG_FRESH_S;
}

static uint32_t differs(const struct ppn_wg_peer *have, const struct ppn_wg_peer *want,
			uint64_t now_s)
{
	uint32_t set = 0;

	if (want->endpoint.sin6_family && !same_endpoint(&have->endpoint, &want->endpoint) &&
	    (!have->endpoint.sin6_family || !is_fresh(have, now_s)))
		set |= PPN_WG_SET_ENDPOINT;
	if (have->keepalive_s != want->keepalive_s)
		set |= PPN_WG_SET_KEEPALIVE;
	if (!same_allowed(have, want))
		set |= PPN_WG_SET_ALLOWED;
	if (have->foreign)
		set |= PPN_WG_SET_ALLOWED | PPN_WG_SET_NO_PSK;
	return set;
}

static int by_key(const void *a, const void *b)
{
	const struct ppn_wg_peer *const *x = a, *const *y = b;

	return memcmp((*x)->key, (*y)->key, PPN_KEY_LEN);
}

/* Owned list of pointers into peers, in the order of their keys. NULL: no memory. */
static const struct ppn_wg_peer **sorted(const struct ppn_wg_peer *peers, size_t n)
{
	const struct ppn_wg_peer **list = calloc(n + 1, sizeof(*list)); /* never of no bytes */

	if (!list)
		return NULL;
	for (size_t i = 0; i < n; i++)
		list[i] = &peers[i];
	qsort(list, n, sizeof(*list), by_key);
	return list;
}

static int by_prefix(const void *a, const void *b)
{
	const struct ppn_wg_allowed *x = a, *y = b;
	int order = memcmp(x->addr, y->addr, 16);

	return order ? order : x->len - y->len;
}

/* Of two peers with one prefix the device would give it to the last, and never be what was asked. */
static int check_prefixes(const struct ppn_wg_peer *peers, size_t n_peers)
{
	struct ppn_wg_allowed *all;
	size_t n = 0;
	int err = 0;

	all = calloc(n_peers * PPN_WG_ALLOWED_MAX + 1, sizeof(*all));
	if (!all)
		return -ENOMEM;
	for (size_t i = 0; i < n_peers; i++) {
		for (size_t k = 0; k < peers[i].n_allowed; k++) {
			all[n] = peers[i].allowed[k];
			ppn_wg_mask(&all[n++]);
		}
	}
	qsort(all, n, sizeof(*all), by_prefix);
	for (size_t i = 1; i < n && !err; i++)
		err = by_prefix(&all[i - 1], &all[i]) ? 0 : -EINVAL;
	free(all);
	return err;
}

static int check(const struct ppn_wg_peer *const *want, const struct ppn_wg_peer *peers, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!ppn_wg_peer_valid(want[i]) || (i && !by_key(&want[i - 1], &want[i])))
			return -EINVAL;
	}
	return check_prefixes(peers, n);
}

struct lists {
	const struct ppn_wg_peer **have, **want;
	size_t n_have, n_want;
};

/* Both lists are in the order of their keys: one walk finds removals, additions and changes. */
static void walk(const struct lists *l, const uint8_t *own, uint64_t now_s, bool removals,
		 struct ppn_wg_edits *edits)
{
	size_t h = 0, w = 0;

	while (h < l->n_have || w < l->n_want) {
		int order = h == l->n_have ? 1 :
			    w == l->n_want ? -1 :
					     by_key(&l->have[h], &l->want[w]);
		struct ppn_wg_edit edit = { 0 };

		if (order < 0) {
			edit = (struct ppn_wg_edit){ PPN_WG_SET_REMOVE, l->have[h++] };
		} else {
			edit.peer = l->want[w++];
			if (order > 0)
				edit.set = ppn_wg_set_all(edit.peer);
			else
				edit.set = differs(l->have[h++], edit.peer, now_s);
			if (!memcmp(edit.peer->key, own, PPN_KEY_LEN))
				edit.set = 0;
		}
		/* One key twice in what was read is one peer. */
		while (h && h < l->n_have && !by_key(&l->have[h - 1], &l->have[h]))
			h++;
		if (edit.set && removals == (edit.set == PPN_WG_SET_REMOVE))
			edits->edit[edits->n++] = edit;
	}
}

int ppn_wg_diff(const struct ppn_wg_device *device, const struct ppn_wg_peer *peers, size_t n_peers,
		const uint8_t own[static PPN_KEY_LEN], uint64_t now_s,
		struct ppn_wg_edits *ret_edits)
{
	struct lists l = { .n_have = device->n_peers, .n_want = n_peers };
	struct ppn_wg_edits edits = { 0 };
	int err = -ENOMEM;

	l.have = sorted(device->peers, l.n_have);
	l.want = sorted(peers, l.n_want);
	edits.edit = calloc(l.n_have + l.n_want + 1, sizeof(*edits.edit));
	if (l.have && l.want && edits.edit)
		err = check(l.want, peers, n_peers);
	if (!err) {
		walk(&l, own, now_s, true, &edits);
		walk(&l, own, now_s, false, &edits);
		*ret_edits = edits;
	} else {
		free(edits.edit);
	}
	free(l.have);
	free(l.want);
	return err;
}
