// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Bundles: who may sign a roster, and which one may follow which (PROTOCOL 6). */
#include "unit/hostile.h"

#include <endian.h>
#include "unit/members.h"

enum { BUNDLE_ROOM = 32 * 1024, LIST = 3 };

/* A fleet whose list has number 3, the roster in force, and the next one. */
struct world {
	struct fleet f;
	uint8_t list[PPN_CRL_MAX];
	struct ppn_cert cert;
	uint8_t cert_object[PPN_CERT_LEN], cert_root; /* letter of the root that signs it */
	size_t cert_len;
	enum ppn_purpose purpose;
	const char *signer; /* of the roster */
	struct ppn_trust known;
	bool has_known;
	uint64_t now;
	struct ppn_roster current, next;
	uint8_t bundle[BUNDLE_ROOM];
	size_t len, extra;
};

/* The list of number `number`; revokes the seat's serial, or raises the lowest counter above it. */
static void set_list(struct world *w, struct ppn_trust *trust, uint8_t *list, uint32_t number,
		     bool revoke)
{
	struct ppn_crl crl = list_of(&w->f.root, 'a', number);
	size_t len;

	crl.n_revoked = revoke;
	crl.revoked = (const uint8_t(*)[PPN_SERIAL_LEN])w->cert.serial;
	len = list_make(list, &crl, 'a');
	assert_check(ppn_trust_lists(trust, (struct ppn_bytes){ list, len }, 1, NULL),
		     PPN_CHECK_OK);
}

static void set_version(struct ppn_roster *r, uint32_t list, uint64_t epoch)
{
	r->version.generation = 0;
	r->version.list_number = list;
	r->version.epoch = epoch;
}

static void world_make(struct world *w)
{
	memset(w, 0, sizeof(*w));
	fleet_make(&w->f);
	w->cert = w->f.seat_cert;
	w->cert_root = 'a';
	set_list(w, &w->f.trust, w->list, LIST, false);
	w->purpose = PPN_PURPOSE_ROSTER;
	w->signer = "seat";
	w->now = NOW;
	roster_make(&w->current);
	set_version(&w->current, LIST, 9);
	assert_int_equal(ppn_roster_copy(&w->next, &w->current), 0);
	set_version(&w->next, LIST, 10);
	memcpy(w->next.serial, w->cert.serial, PPN_SERIAL_LEN);
}

static void world_free(struct world *w)
{
	ppn_roster_free(&w->current);
	ppn_roster_free(&w->next);
}

static void world_write(struct world *w)
{
	uint8_t seed[32];
	ssize_t len;

	w->cert_len = cert_make(w->cert_object, &w->cert, w->f.root.fleet, (char)w->cert_root);
	len = ppn_credentials_write(w->bundle, sizeof(w->bundle), w->purpose, &w->f.trust,
				    (struct ppn_bytes){ w->cert_object, w->cert_len });
	assert_true(len > 0);
	w->len = (size_t)len;
	secret_of(seed, w->signer);
	len = ppn_roster_write(w->bundle + w->len, sizeof(w->bundle) - w->len, &w->next,
			       w->f.root.fleet, seed);
	assert_true(len > 0);
	w->len += (size_t)len + w->extra;
}

static enum ppn_check read_bundle(struct ppn_bytes bytes, void *arg)
{
	struct ppn_credentials_view credentials, untouched;
	struct world *w = arg;
	struct ppn_roster roster = { .n_open = 77 };
	enum ppn_check check;

	memset(&credentials, 0x5a, sizeof(credentials));
	untouched = credentials;
	check = ppn_bundle_read(bytes, w->f.trust.pin, w->has_known ? &w->known : NULL,
				w->current.members ? &w->current : NULL, w->now, &credentials,
				&roster);
	if (check == PPN_CHECK_OK) {
		assert_memory_equal(credentials.cert.serial, w->cert.serial, PPN_SERIAL_LEN);
		assert_int_equal(roster.version.epoch, w->next.version.epoch);
		ppn_roster_free(&roster);
	} else {
		assert_memory_equal(&credentials, &untouched, sizeof(untouched));
		assert_int_equal(roster.n_open, 77);
		assert_null(roster.members);
	}
	return check;
}

typedef void change_fn(struct world *w);

#define CHANGE(name, what)                \
	static void name(struct world *w) \
	{                                 \
		what;                     \
		(void)w;                  \
	}

/* A fourth member with this number. */
static void add_member(struct world *w, uint32_t number)
{
	struct ppn_roster *r = &w->next;

	r->members = realloc(r->members, (r->n_members + 1) * sizeof(*r->members));
	r->members[r->n_members++] = numbered_member(number);
}

static uint8_t other_list[PPN_CRL_MAX];

/* What this machine has seen beside the bundle. */
static void know(struct world *w, uint32_t number, bool revoke)
{
	w->known = w->f.trust;
	w->has_known = true;
	set_list(w, &w->known, other_list, number, revoke);
}

CHANGE(nothing, )
CHANGE(first_one, ppn_roster_free(&w->current))
CHANGE(wrong_pin, w->f.trust.pin[0] ^= 1)
CHANGE(wrong_purpose, w->purpose = PPN_PURPOSE_CLAIM)
CHANGE(byte_behind, w->extra = 1)
CHANGE(signed_by_another, w->signer = "stranger")
CHANGE(signed_by_a_root, w->signer = "root a")
CHANGE(serial_of_another, w->next.serial[15] ^= 1)
CHANGE(without_right, w->cert.rights = PPN_RIGHTS_ALL & ~PPN_RIGHT_ROSTER)
CHANGE(cert_of_wrong_root, w->cert_root = 'b')
CHANGE(expired, w->now = w->cert.not_after + 1)
CHANGE(expired_but_stored, w->now = 0)
CHANGE(revoked, set_list(w, &w->f.trust, w->list, LIST, true))
CHANGE(revoked_as_known, know(w, LIST, true))
CHANGE(older_list_than_known, know(w, LIST + 1, false))
CHANGE(newer_list_than_known, know(w, LIST - 1, false))
CHANGE(generation_above, w->next.version.generation = 1)
CHANGE(list_below, w->next.version.list_number = LIST - 1; w->current.version.list_number = 0)
CHANGE(list_above, w->next.version.list_number = LIST + 1)
CHANGE(old_epoch, w->next.version.epoch = 8)
CHANGE(same_epoch_lower_hash, w->next.version.epoch = 9;
       memset(w->current.version.hash, 0xff, PPN_HASH_LEN))
CHANGE(same_epoch_higher_hash, w->next.version.epoch = 9;
       memset(w->current.version.hash, 0, PPN_HASH_LEN))
CHANGE(step_of_64k, w->next.version.epoch = 9 + PPN_EPOCH_STEP_MAX)
CHANGE(step_above_64k, w->next.version.epoch = 10 + PPN_EPOCH_STEP_MAX)
CHANGE(step_in_higher_list, step_above_64k(w); w->current.version.list_number = LIST - 1)
CHANGE(last_epoch, w->next.version.epoch = UINT64_MAX)
CHANGE(lower_epoch_higher_list, w->next.version.epoch = 1;
       w->current.version.list_number = LIST - 1)
CHANGE(higher_epoch_lower_list, w->current.version.list_number = LIST + 1)
CHANGE(unrevoked_all, w->next.n_revoked = 0)
CHANGE(unrevoked_first, memcpy(w->next.revoked[0], w->next.revoked[1], PPN_KEY_LEN);
       w->next.n_revoked = 1)
CHANGE(unrevoked_last, w->next.n_revoked = 1)
CHANGE(unrevoked_one_for_another, w->next.revoked[1][0] = 0x33)
CHANGE(unrevoked_by_higher_list, unrevoked_all(w); w->current.version.list_number = LIST - 1)
CHANGE(revoked_more, w->current.n_revoked = 1)
CHANGE(number_first, add_member(w, 201))
CHANGE(number_last, add_member(w, 1099))
CHANGE(number_above, add_member(w, 1100))
CHANGE(number_far, add_member(w, PPN_NUMBER_MAX))
CHANGE(number_below, w->next.members[0].number = 99)
CHANGE(number_known, w->current.members[0].number = 99; w->next.members[0].number = 99)
CHANGE(number_without_range, add_member(w, 300); w->cert.first_number = 0; w->cert.number_count = 0)
CHANGE(first_with_any_number, first_one(w); number_far(w))

#define ROW(name, check)                       \
	{                                      \
#name, name, PPN_CHECK_##check \
	}
static const struct {
	const char *name;
	change_fn *change;
	enum ppn_check check;
} changes[] = {
	ROW(nothing, OK),
	ROW(first_one, OK),
	ROW(wrong_pin, PIN),
	ROW(wrong_purpose, KIND),
	ROW(byte_behind, LONG),
	ROW(signed_by_another, SIGNATURE),
	ROW(signed_by_a_root, SIGNATURE),
	ROW(serial_of_another, SIGNER),
	ROW(without_right, RIGHT),
	ROW(cert_of_wrong_root, SIGNATURE),
	ROW(expired, EXPIRED),
	ROW(expired_but_stored, OK),
	ROW(revoked, REVOKED),
	ROW(revoked_as_known, LISTS),
	ROW(older_list_than_known, OLD),
	ROW(newer_list_than_known, OK),
	ROW(generation_above, FORM),
	ROW(list_below, FORM),
	ROW(list_above, FORM),
	ROW(old_epoch, SEQUENCE),
	ROW(same_epoch_lower_hash, SEQUENCE),
	ROW(same_epoch_higher_hash, OK),
	ROW(step_of_64k, OK),
	ROW(step_above_64k, EPOCH),
	ROW(step_in_higher_list, EPOCH),
	ROW(last_epoch, EPOCH),
	ROW(lower_epoch_higher_list, OK),
	ROW(higher_epoch_lower_list, SEQUENCE),
	ROW(unrevoked_all, UNREVOKED),
	ROW(unrevoked_first, UNREVOKED),
	ROW(unrevoked_last, UNREVOKED),
	ROW(unrevoked_one_for_another, UNREVOKED),
	ROW(unrevoked_by_higher_list, OK),
	ROW(revoked_more, OK),
	ROW(number_first, OK),
	ROW(number_last, OK),
	ROW(number_above, RANGE),
	ROW(number_far, RANGE),
	ROW(number_below, RANGE),
	ROW(number_known, OK),
	ROW(number_without_range, RANGE),
	ROW(first_with_any_number, OK),
};

static void one_wrong_thing(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		enum ppn_check check;
		struct world w;

		world_make(&w);
		changes[i].change(&w);
		world_write(&w);
		check = read_exact(read_bundle, &w, w.bundle, w.len);
		if (check != changes[i].check)
			fail_msg("%s: %s", changes[i].name, ppn_check_text(check));
		world_free(&w);
	}
}

/* The very one in force is not newer than itself. */
static void the_same_again(void **state)
{
	struct ppn_credentials_view credentials;
	struct world w;

	(void)state;
	world_make(&w);
	world_write(&w);
	ppn_roster_free(&w.current);
	assert_check(ppn_bundle_read((struct ppn_bytes){ w.bundle, w.len }, w.f.trust.pin, NULL,
				     NULL, w.now, &credentials, &w.current),
		     PPN_CHECK_OK);
	assert_check(read_bundle((struct ppn_bytes){ w.bundle, w.len }, &w), PPN_CHECK_SEQUENCE);
	world_free(&w);
}

/*
 * A seat's newer list may revoke the signer of the roster in force: known wins over what the
 * bundle says.
 */
static void revoked_since(void **state)
{
	struct world w;
	struct ppn_crl crl;
	size_t len;

	(void)state;
	world_make(&w);
	world_write(&w);
	/* another root's list of the same number, which only this machine has seen */
	crl = list_of(&w.f.root, 'b', LIST);
	crl.n_revoked = 1;
	crl.revoked = (const uint8_t(*)[PPN_SERIAL_LEN])w.cert.serial;
	len = list_make(other_list, &crl, 'b');
	w.known = w.f.trust;
	w.has_known = true;
	assert_check(ppn_trust_lists(&w.known, (struct ppn_bytes){ other_list, len }, 1,
				     &w.f.trust),
		     PPN_CHECK_OK);
	assert_check(read_bundle((struct ppn_bytes){ w.bundle, w.len }, &w), PPN_CHECK_REVOKED);
	world_free(&w);
}

static void hostile_bundle(void **state)
{
	struct world w;

	(void)state;
	world_make(&w);
	world_write(&w);
	refuses_truncation(read_bundle, &w, (struct ppn_bytes){ w.bundle, w.len });
	refuses_flips(read_bundle, &w, (struct ppn_bytes){ w.bundle, w.len }, 0);
	world_free(&w);
}

static void too_long(void **state)
{
	struct ppn_credentials_view credentials;
	struct ppn_roster roster;
	static const uint8_t byte;

	(void)state;
	/* refused before a byte is read */
	assert_check(ppn_bundle_read((struct ppn_bytes){ &byte, PPN_ROSTER_MAX + 1 }, NULL, NULL,
				     NULL, NOW, &credentials, &roster),
		     PPN_CHECK_LONG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_wrong_thing), cmocka_unit_test(the_same_again),
		cmocka_unit_test(revoked_since),   cmocka_unit_test(hostile_bundle),
		cmocka_unit_test(too_long),
	};

	return cmocka_run_group_tests(tests, setup_crypto, NULL);
}
