// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What ppn_wg_peers() sends: hand-made cases, then random devices driven to random rosters. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "kernel/wireguard_peers.c"

#define NOW 1800000000u

static const uint8_t own[PPN_KEY_LEN] = { 0xee };

static struct ppn_wg_peer peer(uint8_t id)
{
	struct ppn_wg_peer p = { .key = { id }, .keepalive_s = 25, .n_allowed = 1 };

	p.allowed[0] = (struct ppn_wg_allowed){ .addr = { 0xfd, id }, .len = 112 };
	ppn_wg_endpoint(&p.endpoint, (const uint8_t[]){ 192, 0, 2, id }, 4, 51820, 0);
	return p;
}

/* -> the only edit's bits, 0 when nothing differs. */
static uint32_t one_edit(const struct ppn_wg_peer *have, const struct ppn_wg_peer *want)
{
	const struct ppn_wg_device device = { .n_peers = 1, .peers = (struct ppn_wg_peer *)have };
	struct ppn_wg_edits edits = { 0 };
	uint32_t set;

	assert_int_equal(ppn_wg_diff(&device, want, 1, own, NOW, &edits), 0);
	assert_true(edits.n <= 1);
	set = edits.n ? edits.edit[0].set : 0;
	free(edits.edit);
	return set;
}

static void nothing_differs(void **state)
{
	struct ppn_wg_peer have = peer(1), want = peer(1);

	(void)state;
	have.handshake_s = NOW;
	have.rx = 17;
	assert_int_equal(one_edit(&have, &want), 0);
	/* Devices keep prefixes without host bits; the order of prefixes means nothing. */
	want.allowed[0].addr[15] = 9;
	assert_int_equal(one_edit(&have, &want), 0);
	have.allowed[0].addr[15] = 7;
	assert_int_equal(one_edit(&have, &want), 0);
	have.n_allowed = want.n_allowed = 2;
	have.allowed[1] = (struct ppn_wg_allowed){ .addr = { 0xfe }, .len = 8 };
	want.allowed[1] = want.allowed[0];
	want.allowed[0] = have.allowed[1];
	assert_int_equal(one_edit(&have, &want), 0);
	/* No endpoint in the roster: the one that is there stays. */
	want.endpoint = (struct sockaddr_in6){ 0 };
	assert_int_equal(one_edit(&have, &want), 0);
}

static void each_field(void **state)
{
	struct ppn_wg_peer have = peer(1), want = peer(1);

	(void)state;
	want.keepalive_s = 0;
	assert_int_equal(one_edit(&have, &want), PPN_WG_SET_KEEPALIVE);
	want = peer(1);
	want.allowed[0].len = 111;
	assert_int_equal(one_edit(&have, &want), PPN_WG_SET_ALLOWED);
	want = peer(1);
	want.n_allowed = 0;
	assert_int_equal(one_edit(&have, &want), PPN_WG_SET_ALLOWED);
	want = peer(1);
	want.endpoint.sin6_port = htons(1);
	assert_int_equal(one_edit(&have, &want), PPN_WG_SET_ENDPOINT);
	want = peer(1);
	want.endpoint.sin6_addr.s6_addr[15] ^= 1;
	assert_int_equal(one_edit(&have, &want), PPN_WG_SET_ENDPOINT);
	want = peer(1);
	have.endpoint.sin6_family = 0; /* none, whatever its other fields say */
	assert_int_equal(one_edit(&have, &want), PPN_WG_SET_ENDPOINT);
	have = peer(1);
	have.foreign = true;
	want = peer(1);
	assert_int_equal(one_edit(&have, &want), PPN_WG_SET_ALLOWED | PPN_WG_SET_NO_PSK);
}

static void scope_of_link_local_only(void **state)
{
	struct ppn_wg_peer have = peer(1), want = peer(1);
	const uint8_t local[16] = { 0xfe, 0x80, [15] = 1 }, global[16] = { 0x20, 0x01, [15] = 1 };

	(void)state;
	ppn_wg_endpoint(&have.endpoint, local, 16, 1, 2);
	ppn_wg_endpoint(&want.endpoint, local, 16, 1, 3);
	assert_int_equal(one_edit(&have, &want), PPN_WG_SET_ENDPOINT);
	/* A device that does not tell. */
	ppn_wg_endpoint(&have.endpoint, local, 16, 1, 0);
	assert_int_equal(one_edit(&have, &want), 0);
	ppn_wg_endpoint(&have.endpoint, local, 16, 1, 2);
	ppn_wg_endpoint(&want.endpoint, local, 16, 1, 0);
	assert_int_equal(one_edit(&have, &want), 0);
	ppn_wg_endpoint(&have.endpoint, global, 16, 1, 2);
	ppn_wg_endpoint(&want.endpoint, global, 16, 1, 3);
	assert_int_equal(one_edit(&have, &want), 0);
}

static void fresh_endpoint_is_kept(void **state)
{
	static const struct {
		uint64_t handshake;
		uint32_t set;
	} rows[] = {
		{ 0, PPN_WG_SET_ENDPOINT },
		{ NOW, 0 },
		{ NOW - PPN_WG_FRESH_S + 1, 0 },
		{ NOW - PPN_WG_FRESH_S, PPN_WG_SET_ENDPOINT },
		{ 1, PPN_WG_SET_ENDPOINT },
		{ NOW + 1, 0 }, /* two clocks, a second apart */
		{ NOW + 86400, PPN_WG_SET_ENDPOINT }, /* a clock that was set back */
		{ UINT64_MAX, PPN_WG_SET_ENDPOINT },
	};
	struct ppn_wg_peer have = peer(1), want = peer(1);

	(void)state;
	have.endpoint.sin6_port = htons(7);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		have.handshake_s = rows[i].handshake;
		assert_int_equal(one_edit(&have, &want), rows[i].set);
	}
	/* No handshake is never a fresh one, not even in the first minutes of a clock that starts at 0. */
	have.handshake_s = 0;
	assert_false(is_fresh(&have, 5));
	/* Freshness shields the endpoint, nothing else. */
	have.handshake_s = NOW;
	want.keepalive_s = 3;
	assert_int_equal(one_edit(&have, &want), PPN_WG_SET_KEEPALIVE);
	/* Learnt, then lost: there is nothing to shield. */
	have = peer(1);
	have.handshake_s = NOW;
	have.endpoint = (struct sockaddr_in6){ 0 };
	want = peer(1);
	assert_int_equal(one_edit(&have, &want), PPN_WG_SET_ENDPOINT);
}

static void removals_come_first(void **state)
{
	struct ppn_wg_peer have[] = { peer(9), peer(2), peer(5) },
			   want[] = { peer(5), peer(1), peer(3) };
	const struct ppn_wg_device device = { .n_peers = 3, .peers = have };
	struct ppn_wg_edits edits = { 0 };

	(void)state;
	assert_int_equal(ppn_wg_diff(&device, want, 3, own, NOW, &edits), 0);
	assert_int_equal(edits.n, 4);
	assert_int_equal(edits.edit[0].set, PPN_WG_SET_REMOVE);
	assert_int_equal(edits.edit[0].peer->key[0], 2);
	assert_int_equal(edits.edit[1].set, PPN_WG_SET_REMOVE);
	assert_int_equal(edits.edit[1].peer->key[0], 9);
	assert_int_equal(edits.edit[2].peer->key[0], 1);
	assert_int_equal(edits.edit[2].set, ppn_wg_set_all(&want[1]));
	assert_int_equal(edits.edit[3].peer->key[0], 3);
	free(edits.edit);
}

static void own_key_is_left_out(void **state)
{
	struct ppn_wg_peer want[] = { peer(1), peer(2) };
	const struct ppn_wg_device device = { 0 };
	struct ppn_wg_edits edits = { 0 };

	(void)state;
	memcpy(want[1].key, own, sizeof(own));
	assert_int_equal(ppn_wg_diff(&device, want, 2, own, NOW, &edits), 0);
	assert_int_equal(edits.n, 1);
	assert_int_equal(edits.edit[0].peer->key[0], 1);
	free(edits.edit);
}

static void read_twice_is_one(void **state)
{
	struct ppn_wg_peer have[] = { peer(1), peer(2), peer(1) }, want = peer(1);
	const struct ppn_wg_device device = { .n_peers = 3, .peers = have };
	struct ppn_wg_edits edits = { 0 };

	(void)state;
	assert_int_equal(ppn_wg_diff(&device, &want, 1, own, NOW, &edits), 0);
	assert_int_equal(edits.n, 1);
	assert_int_equal(edits.edit[0].peer->key[0], 2);
	free(edits.edit);
}

static void refused(const struct ppn_wg_peer *want, size_t n)
{
	const struct ppn_wg_device device = { 0 };
	struct ppn_wg_edits edits = { .n = 77 };

	assert_int_equal(ppn_wg_diff(&device, want, n, own, NOW, &edits), -EINVAL);
	assert_int_equal(edits.n, 77);
	assert_null(edits.edit);
}

static void impossible_is_refused(void **state)
{
	struct ppn_wg_peer want[] = { peer(1), peer(2) };

	(void)state;
	want[1] = peer(1);
	want[1].allowed[0].addr[1] = 99;
	refused(want, 2); /* a key twice */
	want[1] = peer(2);
	want[1].allowed[0].addr[1] = 1;
	want[1].allowed[0].addr[15] = 1;
	refused(want, 2); /* a prefix twice, its host bits aside */
	want[1] = peer(2);
	want[1].n_allowed = 2;
	want[1].allowed[1] = want[1].allowed[0];
	refused(want, 2); /* in one peer */
	want[1] = peer(0);
	refused(want, 2);
	want[1] = peer(2);
	want[1].n_allowed = PPN_WG_ALLOWED_MAX + 1;
	refused(want, 2);
	want[1] = peer(2);
	want[1].allowed[0].len = 129;
	refused(want, 2);
	want[1] = peer(2);
	want[1].endpoint.sin6_family = AF_INET;
	refused(want, 2);
}

/* Of one address, but two lengths: WireGuard keeps both. */
static void longer_prefix_is_another(void **state)
{
	struct ppn_wg_peer want[] = { peer(1), peer(2) };
	const struct ppn_wg_device device = { 0 };
	struct ppn_wg_edits edits = { 0 };

	(void)state;
	want[1].allowed[0] = want[0].allowed[0];
	want[1].allowed[0].len = 111;
	assert_int_equal(ppn_wg_diff(&device, want, 2, own, NOW, &edits), 0);
	assert_int_equal(edits.n, 2);
	free(edits.edit);
}

static void masks(void **state)
{
	struct ppn_wg_allowed a;

	(void)state;
	for (unsigned int len = 0; len <= 128; len++) {
		memset(a.addr, 0xff, sizeof(a.addr));
		a.len = (uint8_t)len;
		ppn_wg_mask(&a);
		for (unsigned int bit = 0; bit < 128; bit++)
			assert_int_equal(a.addr[bit / 8] >> (7 - bit % 8) & 1, bit < len);
	}
}

static void list_grows(void **state)
{
	struct ppn_wg_device device = { 0 };
	struct ppn_wg_peer *p;
	uint8_t key[PPN_KEY_LEN] = { 0 };

	(void)state;
	for (uint32_t i = 0; i < PPN_WG_PEERS_MAX; i++) {
		memcpy(key, &i, sizeof(i));
		key[31] = 1;
		assert_int_equal(ppn_wg_device_peer(&device, key, &p), 0);
		assert_memory_equal(p->key, key, sizeof(key));
		assert_int_equal(device.n_peers, i + 1);
		/* Continued: the same one. */
		assert_int_equal(ppn_wg_device_peer(&device, key, &p), 0);
		assert_int_equal(device.n_peers, i + 1);
	}
	key[30] = 1;
	assert_int_equal(ppn_wg_device_peer(&device, key, &p), -E2BIG);
	free(device.peers);
}

static void prefixes_that_do_not_fit(void **state)
{
	const uint8_t ip[16] = { 0xfd, [15] = 0xff };
	struct ppn_wg_peer p = { 0 };

	(void)state;
	for (uint8_t i = 0; i < PPN_WG_ALLOWED_MAX; i++)
		ppn_wg_peer_prefix(&p, ip, 16, (uint8_t)(64 + i));
	assert_false(p.foreign);
	assert_int_equal(p.n_allowed, PPN_WG_ALLOWED_MAX);
	assert_int_equal(p.allowed[0].addr[15], 0);
	ppn_wg_peer_prefix(&p, ip, 16, 8);
	assert_true(p.foreign);
	assert_int_equal(p.n_allowed, PPN_WG_ALLOWED_MAX);
	p = (struct ppn_wg_peer){ 0 };
	ppn_wg_peer_prefix(&p, ip, 16, 129);
	assert_true(p.foreign);
	p = (struct ppn_wg_peer){ 0 };
	ppn_wg_peer_prefix(&p, ip, 4, 32);
	assert_true(p.foreign);
	assert_int_equal(p.n_allowed, 0);
}

/* -- a device of our own, to which edits are applied as WireGuard does -- */

#define N 12

struct model {
	struct ppn_wg_peer peer[N];
	size_t n;
};

static uint32_t seed = 1;

static uint32_t roll(uint32_t below)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % below;
}

static void drop_prefix(struct model *m, const struct ppn_wg_allowed *a)
{
	for (size_t i = 0; i < m->n; i++) {
		struct ppn_wg_peer *p = &m->peer[i];

		for (size_t k = 0; k < p->n_allowed; k++) {
			if (!by_prefix(&p->allowed[k], a))
				p->allowed[k--] = p->allowed[--p->n_allowed];
		}
	}
}

static void apply(struct model *m, const struct ppn_wg_edit *edit)
{
	struct ppn_wg_peer *p = NULL;

	for (size_t i = 0; i < m->n; i++)
		p = memcmp(m->peer[i].key, edit->peer->key, PPN_KEY_LEN) ? p : &m->peer[i];
	if (edit->set & PPN_WG_SET_REMOVE) {
		assert_int_equal(edit->set, PPN_WG_SET_REMOVE);
		assert_non_null(p);
		*p = m->peer[--m->n];
		return;
	}
	if (!p) {
		assert_true(m->n < N);
		p = &m->peer[m->n++];
		*p = (struct ppn_wg_peer){ 0 };
		memcpy(p->key, edit->peer->key, PPN_KEY_LEN);
	}
	if (edit->set & PPN_WG_SET_ENDPOINT)
		p->endpoint = edit->peer->endpoint;
	if (edit->set & PPN_WG_SET_KEEPALIVE)
		p->keepalive_s = edit->peer->keepalive_s;
	if (edit->set & PPN_WG_SET_NO_PSK)
		p->foreign = false;
	if (!(edit->set & PPN_WG_SET_ALLOWED))
		return;
	p->n_allowed = 0;
	for (size_t i = 0; i < edit->peer->n_allowed; i++) {
		struct ppn_wg_allowed a = edit->peer->allowed[i];

		ppn_wg_mask(&a);
		drop_prefix(m, &a); /* a prefix belongs to its last taker */
		p->allowed[p->n_allowed++] = a;
	}
}

/* Random peers over few keys and few prefixes: collisions of every kind, but none within the list. */
static size_t random_peers(struct ppn_wg_peer *peers, bool device)
{
	uint8_t prefixes[32] = { 0 }, keys[N + 1] = { 0 };
	size_t n = roll(N);

	for (size_t i = 0; i < n; i++) {
		uint8_t key, prefix;

		do
			key = (uint8_t)(1 + roll(N));
		while (keys[key]);
		keys[key] = 1;
		peers[i] = peer(key);
		peers[i].n_allowed = 0;
		peers[i].keepalive_s = (uint16_t)roll(2);
		peers[i].endpoint.sin6_port = htons((uint16_t)(1 + roll(2)));
		if (!roll(3))
			peers[i].endpoint = (struct sockaddr_in6){ 0 };
		peers[i].foreign = device && !roll(5);
		peers[i].handshake_s = device && roll(2) ? NOW : 0;
		for (uint32_t k = roll(PPN_WG_ALLOWED_MAX + 1); k; k--) {
			prefix = (uint8_t)roll(32);
			if (prefixes[prefix]++)
				continue;
			peers[i].allowed[peers[i].n_allowed++] =
				(struct ppn_wg_allowed){ .addr = { 0xfd, prefix }, .len = 16 };
		}
	}
	return n;
}

static void check_model(const struct model *m, const struct model *before,
			const struct ppn_wg_peer *want, size_t n)
{
	assert_int_equal(m->n, n);
	for (size_t i = 0; i < n; i++) {
		const struct ppn_wg_peer *p = NULL, *old = NULL;

		for (size_t k = 0; k < m->n; k++)
			p = m->peer[k].key[0] == want[i].key[0] ? &m->peer[k] : p;
		for (size_t k = 0; k < before->n; k++)
			old = before->peer[k].key[0] == want[i].key[0] ? &before->peer[k] : old;
		assert_non_null(p);
		assert_true(same_allowed(p, &want[i]));
		assert_int_equal(p->keepalive_s, want[i].keepalive_s);
		assert_false(p->foreign);
		if (old && old->endpoint.sin6_family &&
		    (old->handshake_s || !want[i].endpoint.sin6_family))
			assert_true(same_endpoint(&p->endpoint, &old->endpoint));
		else
			assert_true(same_endpoint(&p->endpoint, &want[i].endpoint));
	}
}

static void any_to_any(void **state)
{
	(void)state;
	for (unsigned int round = 0; round < 20000; round++) {
		struct ppn_wg_peer want[N] = { 0 };
		struct model m = { 0 }, before;
		struct ppn_wg_device device = { .peers = m.peer };
		struct ppn_wg_edits edits = { 0 };
		size_t n;

		m.n = device.n_peers = random_peers(m.peer, true);
		n = random_peers(want, false);
		before = m;
		device.peers = before.peer;
		assert_int_equal(ppn_wg_diff(&device, want, n, own, NOW, &edits), 0);
		for (size_t i = 0; i < edits.n; i++)
			apply(&m, &edits.edit[i]);
		free(edits.edit);
		check_model(&m, &before, want, n);
		/* Done is done. */
		device = (struct ppn_wg_device){ .n_peers = m.n, .peers = m.peer };
		assert_int_equal(ppn_wg_diff(&device, want, n, own, NOW, &edits), 0);
		assert_int_equal(edits.n, 0);
		free(edits.edit);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_differs),
		cmocka_unit_test(each_field),
		cmocka_unit_test(scope_of_link_local_only),
		cmocka_unit_test(fresh_endpoint_is_kept),
		cmocka_unit_test(removals_come_first),
		cmocka_unit_test(own_key_is_left_out),
		cmocka_unit_test(read_twice_is_one),
		cmocka_unit_test(impossible_is_refused),
		cmocka_unit_test(longer_prefix_is_another),
		cmocka_unit_test(masks),
		cmocka_unit_test(list_grows),
		cmocka_unit_test(prefixes_that_do_not_fit),
		cmocka_unit_test(any_to_any),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
