// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What a node keeps of what the roots signed: the file, and message 2 of every handshake (PROTOCOL 1, 4, 7),
 * by the code of ppnd itself. Everything that touches a kernel is played here.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#ifndef PPN_BUILD_TIME /* the analyzer has one */
#define PPN_BUILD_TIME 1000ull
#endif

#include "node/tickets.c"
#include "node/trust.c"

#include "unit/fleet.h"
#include "unit/scratch.h"

/* ---- the rest of ppnd ---- */

static unsigned int n_dropped, n_peers, n_changed, n_appended, n_prepared, n_seated;
static int prepare_err, append_err;

uint64_t ppnd_now_ms(void)
{
	return NOW * 1000;
}

int ppnd_state_trust(struct ppnd_state *state, const struct ppn_trust *seen)
{
	return ppnd_trust_keep(&state->trust, seen, state->trust_dir);
}

const uint8_t *ppnd_state_claim(const struct ppnd_state *state)
{
	return state->bound.claim_hash;
}

int ppnd_state_append(struct ppnd_state *state, enum ppn_entry_type type, const void *payload,
		      size_t len, bool durable)
{
	(void)state;
	(void)type;
	(void)payload;
	(void)len;
	(void)durable;
	if (append_err)
		return append_err;
	n_appended++;
	return 0;
}

int ppnd_slots_prepare(struct ppnd *ppnd, const struct ppn_pair_keys *keys, const uint8_t *serial)
{
	(void)ppnd;
	(void)keys;
	assert_non_null(serial);
	n_prepared += !prepare_err;
	return prepare_err;
}

int ppnd_slots_seat(struct ppnd *ppnd, const struct ppn_pair_keys *keys,
		    const uint8_t serial[static PPN_SERIAL_LEN],
		    const uint8_t seat_key[static PPN_KEY_LEN])
{
	(void)ppnd;
	(void)keys;
	(void)serial;
	(void)seat_key;
	assert_int_equal(n_prepared, 1);
	assert_int_equal(n_appended, 1); /* nothing is in force that is not in the ledger */
	n_seated++;
	return 0;
}

void ppnd_slots_open(struct ppnd *ppnd)
{
	(void)ppnd;
}

void ppnd_slots_drop(struct ppnd *ppnd)
{
	(void)ppnd;
	n_dropped++;
}

void ppnd_mesh_peers(struct ppnd *ppnd)
{
	(void)ppnd;
	n_peers++;
}

void ppnd_command_reconcile(struct ppnd *ppnd)
{
	(void)ppnd;
}

static void changed(struct ppnd *ppnd)
{
	(void)ppnd;
	n_changed++;
}

/* ---- a node of the fleet, and seats ---- */

static struct fleet f;
static struct ppnd node;
static struct ppn_crl second; /* list 2; to be changed before signing */
static uint8_t longer[2 * PPN_ROOT_MAX], list2[PPN_CRL_MAX], list3[PPN_CRL_MAX];

static int setup(void **state)
{
	enum ppn_check check;

	if (scratch_setup(state))
		return -1;
	n_dropped = n_peers = n_changed = n_appended = n_prepared = n_seated = 0;
	prepare_err = append_err = 0;
	fleet_make(&f);
	memset(&node, 0, sizeof(node));
	node.changed = changed;
	node.config.posture = PPN_POSTURE_ONPREM;
	node.state.trust_dir = scratch_open(state);
	node.state.has_pin = node.state.has_identity = node.state.is_bound = true;
	memcpy(node.state.fleet, f.root.fleet, PPN_HASH_LEN);
	secret_of(node.state.identity.sign_seed, "node");
	sign_key_of(node.state.identity.key, "node");
	secret_of(node.state.identity.noise_secret, "node");
	dh_key_of(node.state.identity.noise_key, "node");
	check = ppnd_trust_start(&node.state.trust, (struct ppn_bytes){ f.chain, f.chain_len }, 1);
	assert_int_equal(check, PPN_CHECK_OK);
	second = list_of(&f.root, 'a', 2);
	return 0;
}

static int teardown(void **state)
{
	ppnd_trust_free(&node.state.trust);
	close(node.state.trust_dir);
	return scratch_teardown(state);
}

/* The fleet's chain with a generation 1 of these keys, and a list by its first key. */
static struct ppn_trust grown(const char *keys, uint32_t number)
{
	struct ppn_root root = root_of(1, keys, NULL, f.root.fleet);
	struct ppn_crl crl = list_of(&root, keys[0], number);
	struct ppn_trust trust;
	size_t len;

	memcpy(longer, f.chain, f.chain_len);
	len = f.chain_len + root_make(longer + f.chain_len, &root, "ab");
	assert_int_equal(ppn_trust_chain(&trust, (struct ppn_bytes){ longer, len }, 2, NULL, NULL),
			 PPN_CHECK_OK);
	len = list_make(list3, &crl, keys[0]);
	assert_int_equal(ppn_trust_lists(&trust, (struct ppn_bytes){ list3, len }, 1, NULL),
			 PPN_CHECK_OK);
	return trust;
}

/* The fleet's first document, and list 2 as it is. */
static struct ppn_trust listed(void)
{
	struct ppn_trust trust = f.trust;
	size_t len = list_make(list2, &second, 'a');

	assert_int_equal(ppn_trust_lists(&trust, (struct ppn_bytes){ list2, len }, 1, NULL),
			 PPN_CHECK_OK);
	return trust;
}

struct
try {
	struct ppnd_ticket ticket;
	char why[PPN_WHY_LEN];
};

/* One handshake up to message 3, by a certificate of the fleet. */
static bool prove_as(struct try *t, enum ppn_purpose purpose, const struct ppn_trust *trust,
		     const struct ppn_cert *cert, char root)
{
	uint8_t payload[PPN_MESSAGE2_MAX], object[PPN_WORKER_NODE_MAX], bytes[PPN_CERT_LEN];
	size_t cert_len = cert_make(bytes, cert, f.root.fleet, root);
	ssize_t len = ppn_credentials_write(payload, sizeof(payload), purpose, trust,
					    (struct ppn_bytes){ bytes, cert_len });
	struct ppn_worker_message message = { .type = PPN_WORKER_PROVE }, answer;

	assert_true(len > 0);
	message.prove.payload = (struct ppn_bytes){ payload, (size_t)len };
	dh_key_of(message.prove.rs, "seat");
	dh_key_of(message.prove.re, "ephemeral");
	ppnd_ticket_draw(&t->ticket, 1, 0);
	t->why[0] = '\0';
	return ppnd_ticket_prove(&node, &t->ticket, &message, &answer, object, t->why);
}

static bool prove(enum ppn_purpose purpose, const struct ppn_trust *trust)
{
	struct try t;

	return prove_as(&t, purpose, trust, &f.seat_cert, 'a');
}

/* What a start would read. */
static void from_disk(struct ppnd_trust *ret_trust)
{
	char why[160] = "";

	memset(ret_trust, 0, sizeof(*ret_trust));
	assert_int_equal(ppnd_trust_start(ret_trust, (struct ppn_bytes){ f.chain, f.chain_len }, 1),
			 PPN_CHECK_OK);
	assert_int_equal(ppnd_trust_load(ret_trust, node.state.trust_dir, why), 0);
}

/* ---- message 2 ---- */

static void a_newer_list_is_kept(void **state)
{
	static const enum ppn_purpose purposes_of[] = { PPN_PURPOSE_CLAIM, PPN_PURPOSE_SEAT,
							PPN_PURPOSE_ROSTER, PPN_PURPOSE_DISCHARGE };
	struct ppnd_trust read;

	(void)state;
	for (size_t i = 0; i < sizeof(purposes_of) / sizeof(purposes_of[0]); i++) {
		struct ppn_trust trust;

		second.number = 2 + (uint32_t)i;
		trust = listed();
		assert_true(prove(purposes_of[i], &trust));
		assert_int_equal(node.state.trust.now.crl[0].number, 2 + i);
		from_disk(&read);
		assert_int_equal(read.now.crl[0].number, 2 + i);
		ppnd_trust_free(&read);
	}
}

static void a_longer_chain_is_kept(void **state)
{
	struct ppn_trust trust = grown("abd", 2);
	struct ppnd_trust read;

	(void)state;
	assert_true(prove(PPN_PURPOSE_SEAT, &trust));
	assert_int_equal(node.state.trust.now.n_chain, 2);
	assert_int_equal(node.state.trust.now.newest.generation, 1);
	from_disk(&read);
	assert_int_equal(read.now.n_chain, 2);
	assert_int_equal(read.now.crl[0].number, 2);
	ppnd_trust_free(&read);
	assert_false(prove(PPN_PURPOSE_SEAT, &f.trust)); /* it never goes back */
	assert_int_equal(node.state.trust.now.n_chain, 2);
}

static void an_unclaimed_node_keeps_it_too(void **state)
{
	struct ppn_trust trust = listed();

	(void)state;
	node.state.is_bound = false;
	assert_true(prove(PPN_PURPOSE_CLAIM, &trust));
	assert_int_equal(node.state.trust.now.crl[0].number, 2);
}

static void nothing_new_writes_nothing(void **state)
{
	struct ppn_trust trust = listed();
	uint8_t byte;

	(void)state;
	assert_true(prove(PPN_PURPOSE_SEAT, &trust));
	assert_int_equal(n_dropped, 1);
	assert_int_equal(unlinkat(node.state.trust_dir, PPND_TRUST_FILE, 0), 0);
	assert_true(prove(PPN_PURPOSE_SEAT, &trust));
	assert_int_equal(scratch_get(node.state.trust_dir, PPND_TRUST_FILE, &byte, 1), -1);
	assert_int_equal(n_dropped, 1);
}

/* Slot and peer of what the list revokes go at once, not with the next roster. */
static void what_it_revokes_goes_at_once(void **state)
{
	struct ppn_trust trust = listed();

	(void)state;
	assert_true(prove(PPN_PURPOSE_SEAT, &trust));
	assert_int_equal(n_dropped, 1);
	assert_int_equal(n_peers, 1);
	assert_int_equal(n_changed, 1);
}

static void an_older_list_is_refused(void **state)
{
	struct ppn_trust trust = listed();
	struct try t;

	(void)state;
	assert_true(prove(PPN_PURPOSE_SEAT, &trust));
	assert_false(prove_as(&t, PPN_PURPOSE_SEAT, &f.trust, &f.seat_cert, 'a'));
	assert_non_null(strstr(t.why, ppn_check_text(PPN_CHECK_OLD)));
	assert_int_equal(node.state.trust.now.crl[0].number, 2);
}

/* Refused credentials change nothing, whatever they carry. */
static void refused_credentials_change_nothing(void **state)
{
	struct ppn_trust trust = listed();
	struct ppn_cert cert = f.seat_cert;
	uint8_t byte;
	struct try t;

	(void)state;
	dh_key_of(cert.noise_key, "somebody else");
	assert_false(prove_as(&t, PPN_PURPOSE_SEAT, &trust, &cert, 'a'));
	cert = f.seat_cert;
	cert.rights = PPN_RIGHT_CLAIM;
	assert_false(prove_as(&t, PPN_PURPOSE_SEAT, &trust, &cert, 'a'));
	cert = f.seat_cert;
	cert.not_after = NOW - 10;
	assert_false(prove_as(&t, PPN_PURPOSE_SEAT, &trust, &cert, 'a'));
	assert_int_equal(node.state.trust.now.n_crls, 0);
	assert_int_equal(scratch_get(node.state.trust_dir, PPND_TRUST_FILE, &byte, 1), -1);
	assert_int_equal(n_dropped + n_peers + n_changed, 0);
}

/* It would be forgotten by a restart: the seat comes again, and then the file is written. */
static void what_cannot_be_kept_is_refused(void **state)
{
	struct ppn_trust trust = listed();
	int dir = node.state.trust_dir;
	struct ppnd_trust read;
	struct try t;

	(void)state;
	node.state.trust_dir = -1;
	assert_false(prove_as(&t, PPN_PURPOSE_SEAT, &trust, &f.seat_cert, 'a'));
	assert_non_null(strstr(t.why, "on disk"));
	node.state.trust_dir = dir;
	assert_true(prove(PPN_PURPOSE_SEAT, &trust));
	from_disk(&read);
	assert_int_equal(read.now.crl[0].number, 2);
	ppnd_trust_free(&read);
}

static enum ppn_answer_code commit_seat_of(struct try *t)
{
	struct ppn_worker_message message = { .type = PPN_WORKER_COMMIT };
	struct ppnd_answer answer = { 0 };
	struct ppn_answer head;
	struct ppn_seat seat = { 0 };
	uint8_t object[512];
	ssize_t len;

	memcpy(seat.serial, f.seat_cert.serial, sizeof(seat.serial));
	memcpy(seat.identity, node.state.identity.key, sizeof(seat.identity));
	memcpy(seat.h, message.commit.h, sizeof(seat.h));
	memcpy(seat.nonce, t->ticket.nonce, sizeof(seat.nonce));
	memcpy(seat.x, t->ticket.x, sizeof(seat.x));
	dh_key_of(seat.y, "y");
	memcpy(seat.claim, ppnd_state_claim(&node.state), sizeof(seat.claim));
	len = ppn_seat_write(object, sizeof(object), &seat, f.root.fleet, f.seat_seed);
	assert_true(len > 0);
	message.commit.object = (struct ppn_bytes){ object, (size_t)len };
	(void)ppnd_ticket_commit(&node, &t->ticket, &message, (struct ppn_bytes){ 0 }, &answer);
	memcpy(&head, answer.bytes, sizeof(head));
	snprintf(t->why, sizeof(t->why), "%.*s", (int)(answer.len - sizeof(head)),
		 (const char *)answer.bytes + sizeof(head));
	return head.code;
}

/* PROTOCOL 8: the first block, the entry, the keys; what fails leaves nothing of what follows. */
static void a_seat_is_in_the_ledger_first(void **state)
{
	struct try t;

	(void)state;
	memset(node.state.bound.claim_hash, 7, sizeof(node.state.bound.claim_hash));
	assert_true(prove_as(&t, PPN_PURPOSE_SEAT, &f.trust, &f.seat_cert, 'a'));
	prepare_err = -ENOSPC;
	assert_int_equal(commit_seat_of(&t), PPN_ANSWER_FAILED);
	assert_int_equal(n_appended + n_seated, 0);
	prepare_err = 0;
	append_err = -EIO;
	assert_true(prove_as(&t, PPN_PURPOSE_SEAT, &f.trust, &f.seat_cert, 'a'));
	assert_int_equal(commit_seat_of(&t), PPN_ANSWER_FAILED);
	assert_int_equal(n_seated, 0);
	append_err = 0;
	n_prepared = 0;
	assert_true(prove_as(&t, PPN_PURPOSE_SEAT, &f.trust, &f.seat_cert, 'a'));
	assert_int_equal(commit_seat_of(&t), PPN_ANSWER_OK);
	assert_int_equal(n_seated, 1);
}

/* Another connection brings the list between this one's proof and its commit. */
static void a_list_in_between_revokes(void **state)
{
	struct ppn_cert doomed = cert_of("seat", 'a', 8);
	struct ppn_trust trust;
	struct try t;

	(void)state;
	second.n_revoked = 1;
	second.revoked = &doomed.serial;
	trust = listed();
	assert_true(prove_as(&t, PPN_PURPOSE_SEAT, &f.trust, &doomed, 'a'));
	assert_true(prove(PPN_PURPOSE_SEAT, &trust));
	assert_int_equal(commit_seat_of(&t), PPN_ANSWER_REFUSED);
	assert_string_equal(t.why, ppn_check_text(PPN_CHECK_REVOKED));
	assert_int_equal(n_appended, 0);
}

/* A root that left the set takes its certificates along. */
static void a_generation_in_between_revokes(void **state)
{
	struct ppn_cert doomed = cert_of("seat", 'c', 8);
	struct ppn_trust trust;
	struct try t;

	(void)state;
	doomed.first_number = 2u << 22;
	assert_true(prove_as(&t, PPN_PURPOSE_SEAT, &f.trust, &doomed, 'c'));
	trust = grown("ab", 2);
	assert_false(ppn_trust_revoked(&node.state.trust.now, doomed.serial));
	assert_true(prove(PPN_PURPOSE_SEAT, &trust));
	assert_true(ppn_trust_revoked(&node.state.trust.now, doomed.serial));
	assert_int_equal(commit_seat_of(&t), PPN_ANSWER_REFUSED);
	assert_string_equal(t.why, ppn_check_text(PPN_CHECK_REVOKED));
}

/* ---- adopting ---- */

/* The file was lost or restored, and a stored roster brings an older chain under a higher list. */
static void a_shorter_chain_brings_nothing(void **state)
{
	struct ppn_trust trust = grown("abd", 2), old;
	uint64_t floor;

	(void)state;
	assert_int_equal(ppnd_trust_adopt(&node.state.trust, &trust), 1);
	floor = node.state.trust.now.floor;
	second.number = 9;
	second.issued = NOW + YEAR;
	old = listed();
	assert_int_equal(ppnd_trust_adopt(&node.state.trust, &old), 0);
	assert_int_equal(node.state.trust.now.n_chain, 2);
	assert_int_equal(node.state.trust.now.crl[0].number, 2);
	assert_int_equal(node.state.trust.now.floor, floor);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_newer_list_is_kept),
		TEST(a_longer_chain_is_kept),
		TEST(an_unclaimed_node_keeps_it_too),
		TEST(nothing_new_writes_nothing),
		TEST(what_it_revokes_goes_at_once),
		TEST(an_older_list_is_refused),
		TEST(refused_credentials_change_nothing),
		TEST(what_cannot_be_kept_is_refused),
		TEST(a_list_in_between_revokes),
		TEST(a_generation_in_between_revokes),
		TEST(a_seat_is_in_the_ledger_first),
		TEST(a_shorter_chain_brings_nothing),
	};

	if (ppn_crypto_init())
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
