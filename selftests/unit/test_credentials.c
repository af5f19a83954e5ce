// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Revocation lists, their union, and what message 2 and every bundle start with. */
#include "unit/hostile.h"

#include <errno.h>
#include "unit/fleet.h"

static enum ppn_check read_list(struct ppn_bytes bytes, void *arg)
{
	struct ppn_trust trust = *(struct ppn_trust *)arg;

	return ppn_trust_lists(&trust, bytes, 1, NULL);
}

/* Two serials, rising. */
static const uint8_t serials[2][PPN_SERIAL_LEN] = { { 1, 2 }, { 1, 3 } };

static struct ppn_crl full_list(const struct fleet *f, uint32_t number)
{
	struct ppn_crl crl = list_of(&f->root, 'a', number);

	crl.n_lowest = 1;
	memcpy(crl.lowest[0].id, f->seat_cert.serial, PPN_KEY_ID_LEN);
	crl.lowest[0].counter = 5;
	crl.n_revoked = 2;
	crl.revoked = serials;
	return crl;
}

static void list_round_trip(void **state)
{
	struct fleet f;
	struct ppn_crl crl, back;
	uint8_t object[PPN_CRL_MAX];
	struct ppn_object_view view;
	struct ppn_bytes in;

	(void)state;
	fleet_make(&f);
	crl = full_list(&f, 2);
	in = (struct ppn_bytes){ object, list_make(object, &crl, 'a') };
	refuses_truncation(read_list, &f.trust, in);
	refuses_flips(read_list, &f.trust, in, 0);
	assert_check(ppn_object_take(&in, PPN_OBJECT_CRL, PPN_CRL_MAX, &view), PPN_CHECK_OK);
	assert_check(ppn_crl_read(&view, &back), PPN_CHECK_OK);
	assert_int_equal(back.number, 2);
	assert_int_equal(back.issued, NOW - 100);
	assert_int_equal(back.n_lowest, 1);
	assert_int_equal(back.lowest[0].counter, 5);
	assert_int_equal(back.n_revoked, 2);
	assert_memory_equal(back.revoked, serials, sizeof(serials));
	assert_memory_equal(back.signer, crl.signer, sizeof(back.signer));
	assert_ptr_equal(back.whole.data, object);
}

static void list_form(void **state)
{
	static uint8_t many[PPN_CRL_REVOKED_MAX + 1][PPN_SERIAL_LEN];
	struct fleet f;
	struct ppn_crl crl;
	uint8_t body[PPN_CRL_MAX];

	(void)state;
	for (int i = 0; i < PPN_CRL_REVOKED_MAX + 1; i++) {
		many[i][14] = (uint8_t)(i >> 8);
		many[i][15] = (uint8_t)i;
	}
	fleet_make(&f);
	crl = list_of(&f.root, 'a', 2);
	crl.revoked = many;
	crl.n_revoked = PPN_CRL_REVOKED_MAX;
	assert_true(ppn_crl_write(body, sizeof(body), &crl) > 0);
	assert_int_equal(ppn_crl_write(body, 4096, &crl), -EMSGSIZE);
	crl.n_revoked = PPN_CRL_REVOKED_MAX + 1;
	assert_int_equal(ppn_crl_write(body, sizeof(body), &crl), -EINVAL);
	crl.n_revoked = 2;
	memcpy(many[1], many[0], PPN_SERIAL_LEN);
	assert_int_equal(ppn_crl_write(body, sizeof(body), &crl), -EINVAL);
	crl.n_revoked = 0;
	crl.n_lowest = PPN_ROOTS_MAX + 1;
	assert_int_equal(ppn_crl_write(body, sizeof(body), &crl), -EINVAL);
	crl.n_lowest = 2; /* twice the same id */
	assert_int_equal(ppn_crl_write(body, sizeof(body), &crl), -EINVAL);
}

/* The reader's own bounds: the writer's body, changed. */
static void list_reader_refuses(void **state)
{
	struct fleet f;
	struct ppn_crl crl, out;
	uint8_t body[PPN_CRL_MAX];
	struct ppn_object_view view = { .kind = PPN_OBJECT_CRL, .body.data = body };
	uint8_t *n_lowest = body + offsetof(struct ppn_crl_body, n_lowest);
	uint8_t *n_revoked = n_lowest + 1 + sizeof(struct ppn_crl_lowest);

	(void)state;
	fleet_make(&f);
	crl = full_list(&f, 2);
	view.body.len = (size_t)ppn_crl_write(body, sizeof(body), &crl);
	assert_check(ppn_crl_read(&view, &out), PPN_CHECK_OK);
	for (int i = 0; i < 256; i++) {
		*n_lowest = (uint8_t)i;
		if (i != 1)
			assert_int_not_equal(ppn_crl_read(&view, &out), PPN_CHECK_OK);
	}
	*n_lowest = 1;
	n_revoked[1] = 3;
	assert_check(ppn_crl_read(&view, &out), PPN_CHECK_SHORT);
	n_revoked[1] = 1;
	assert_check(ppn_crl_read(&view, &out), PPN_CHECK_LONG);
	view.minor = 1; /* what follows may be of a higher minor */
	assert_check(ppn_crl_read(&view, &out), PPN_CHECK_OK);
	view.minor = 0;
	n_revoked[0] = 0x01; /* 257 */
	assert_check(ppn_crl_read(&view, &out), PPN_CHECK_LONG);
	n_revoked[0] = 0;
	n_revoked[1] = 2;
	memcpy(n_revoked + 2, serials[1], PPN_SERIAL_LEN);
	assert_check(ppn_crl_read(&view, &out), PPN_CHECK_ORDER);
	memcpy(n_revoked + 2, serials[0], PPN_SERIAL_LEN);
	assert_check(ppn_crl_read(&view, &out), PPN_CHECK_OK);
}

/* More entries than the table has, all of them there. */
static void list_of_many_roots(void **state)
{
	struct ppn_crl_body head = { .n_lowest = PPN_ROOTS_MAX + 1 };
	uint8_t body[sizeof(head) + 8 * sizeof(struct ppn_crl_lowest) + 2] = { 0 };
	struct ppn_object_view view = { .kind = PPN_OBJECT_CRL, .minor = 1, .body = BYTES(body) };
	struct ppn_crl out;

	(void)state;
	for (int i = 0; i < PPN_ROOTS_MAX + 1; i++)
		body[sizeof(head) + i * sizeof(struct ppn_crl_lowest)] = (uint8_t)i;
	memcpy(body, &head, sizeof(head));
	assert_check(ppn_crl_read(&view, &out), PPN_CHECK_LONG);
	head.n_lowest = PPN_ROOTS_MAX;
	memcpy(body, &head, sizeof(head));
	body[sizeof(head) + PPN_ROOTS_MAX * sizeof(struct ppn_crl_lowest)] = 0; /* none revoked */
	assert_check(ppn_crl_read(&view, &out), PPN_CHECK_OK);
	assert_int_equal(out.n_lowest, PPN_ROOTS_MAX);
}

/* Lists by letters: "a1" is an empty list of number 1 by root a. */
struct lists {
	uint8_t bytes[PPN_CRL_SET_MAX * 256];
	size_t len;
};

static struct ppn_bytes lists_of(struct lists *ret_lists, const struct ppn_root *root,
				 const char *text)
{
	ret_lists->len = 0;
	for (; *text; text += 2) {
		struct ppn_crl crl = list_of(root, text[0], (uint32_t)(text[1] - '0'));
		uint8_t object[PPN_CRL_MAX];
		size_t len = list_make(object, &crl, text[0]);

		memcpy(ret_lists->bytes + ret_lists->len, object, len);
		ret_lists->len += len;
	}
	return (struct ppn_bytes){ ret_lists->bytes, ret_lists->len };
}

static void list_sets(void **state)
{
	static const struct {
		const char *known, *lists;
		enum ppn_check check;
		uint8_t n;
	} rows[] = {
		{ NULL, "a1", PPN_CHECK_OK, 1 },      { NULL, "a1b1", PPN_CHECK_OK, 2 },
		{ NULL, "c1b1a1", PPN_CHECK_OK, 3 },  { NULL, "a1b2", PPN_CHECK_ORDER, 0 },
		{ NULL, "a1a1", PPN_CHECK_ORDER, 0 }, { NULL, "x1", PPN_CHECK_ROOT, 0 },
		{ NULL, "a1x1", PPN_CHECK_ROOT, 0 },  { "a1", "a1", PPN_CHECK_OK, 1 },
		{ "a1", "b1", PPN_CHECK_OK, 2 },      { "a1b1", "c1", PPN_CHECK_OK, 3 },
		{ "a1b1", "b1", PPN_CHECK_OK, 2 },    { "a1b1", "c2", PPN_CHECK_OK, 1 },
		{ "a2", "a1", PPN_CHECK_OLD, 0 },     { "a2", "b1", PPN_CHECK_OLD, 0 },
		{ "a0", "a1", PPN_CHECK_OK, 1 },
	};
	struct fleet f;

	(void)state;
	fleet_make(&f);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ppn_trust trust = { .newest = f.trust.newest }, known = trust;
		struct lists mine, theirs;
		struct ppn_bytes bytes = lists_of(&theirs, &f.root, rows[i].lists);
		enum ppn_check check;

		if (rows[i].known)
			assert_check(ppn_trust_lists(&known,
						     lists_of(&mine, &f.root, rows[i].known),
						     strlen(rows[i].known) / 2, NULL),
				     PPN_CHECK_OK);
		check = ppn_trust_lists(&trust, bytes, strlen(rows[i].lists) / 2,
					rows[i].known ? &known : NULL);
		if (check != rows[i].check || trust.n_crls != rows[i].n)
			fail_msg("row %zu: %s, %d lists", i, ppn_check_text(check), trust.n_crls);
		for (int j = 1; j < trust.n_crls; j++)
			assert_true(memcmp(trust.crl[j - 1].signer, trust.crl[j].signer, 8) < 0);
	}
}

static void list_counts(void **state)
{
	struct fleet f;
	struct lists lists;
	struct ppn_bytes two;

	(void)state;
	fleet_make(&f);
	two = lists_of(&lists, &f.root, "a1b1");
	assert_check(ppn_trust_lists(&f.trust, two, 0, NULL), PPN_CHECK_SHORT);
	assert_check(ppn_trust_lists(&f.trust, two, 1, NULL), PPN_CHECK_LONG);
	assert_check(ppn_trust_lists(&f.trust, two, 3, NULL), PPN_CHECK_SHORT);
	assert_check(ppn_trust_lists(&f.trust, two, PPN_CRL_SET_MAX + 1, NULL), PPN_CHECK_LONG);
	assert_int_equal(f.trust.n_crls, 1); /* as before all that */
	assert_check(ppn_trust_lists(&f.trust, two, 2, &f.trust),
		     PPN_CHECK_OK); /* known is itself */
	assert_int_equal(f.trust.n_crls, 2);
}

static void list_belief(void **state)
{
	struct fleet f;
	struct ppn_crl crl;
	uint8_t object[PPN_CRL_MAX];

	(void)state;
	fleet_make(&f);
	crl = list_of(&f.root, 'a', 2);
	assert_check(read_list((struct ppn_bytes){ object, list_make(object, &crl, 'b') },
			       &f.trust),
		     PPN_CHECK_SIGNATURE);
	crl.generation = 1; /* of a root document that is not there yet */
	assert_check(read_list((struct ppn_bytes){ object, list_make(object, &crl, 'a') },
			       &f.trust),
		     PPN_CHECK_ROOT);
	crl.generation = 0;
	crl.fleet[0] ^= 1;
	assert_check(read_list((struct ppn_bytes){ object, list_make(object, &crl, 'a') },
			       &f.trust),
		     PPN_CHECK_FLEET);
}

/* Two different lists of one number by one root are said, not chosen from. */
static void list_equivocation(void **state)
{
	struct fleet f;
	struct ppn_crl crl;
	uint8_t object[PPN_CRL_MAX];
	struct ppn_bytes bytes;

	(void)state;
	fleet_make(&f);
	crl = full_list(&f, 1);
	bytes = (struct ppn_bytes){ object, list_make(object, &crl, 'a') };
	assert_check(ppn_trust_lists(&f.trust, bytes, 1, &f.trust), PPN_CHECK_LISTS);
	assert_int_equal(f.trust.crl[0].n_revoked, 0);
}

/* What a root said goes with it: a stolen root's number cannot block the fleet for good. */
static void list_of_a_root_gone(void **state)
{
	struct fleet f;
	struct ppn_root next;
	uint8_t chain[2 * PPN_ROOT_MAX];
	struct ppn_crl high, low;
	uint8_t high_object[PPN_CRL_MAX], object[PPN_CRL_MAX];
	struct ppn_bytes bytes;
	struct ppn_trust trust;
	size_t len;

	(void)state;
	fleet_make(&f);
	high = list_of(&f.root, 'c', UINT32_MAX);
	len = list_make(high_object, &high, 'c');
	assert_check(ppn_trust_lists(&f.trust, (struct ppn_bytes){ high_object, len }, 1, &f.trust),
		     PPN_CHECK_OK);
	low = list_of(&f.root, 'a', 2);
	bytes = (struct ppn_bytes){ object, list_make(object, &low, 'a') };
	trust = f.trust;
	assert_check(ppn_trust_lists(&trust, bytes, 1, &f.trust), PPN_CHECK_OLD);
	next = root_of(1, "abd", NULL, f.root.fleet);
	memcpy(chain, f.chain, f.chain_len);
	len = f.chain_len + root_make(chain + f.chain_len, &next, "ab");
	assert_check(ppn_trust_chain(&trust, (struct ppn_bytes){ chain, len }, 2, NULL, &f.trust),
		     PPN_CHECK_OK);
	assert_check(ppn_trust_lists(&trust, bytes, 1, &f.trust), PPN_CHECK_OK);
	assert_int_equal(trust.n_crls, 1);
	assert_int_equal(trust.crl[0].number, 2);
}

static void list_raises_the_floor(void **state)
{
	struct fleet f;
	struct ppn_crl crl;
	uint8_t object[PPN_CRL_MAX];

	(void)state;
	fleet_make(&f);
	assert_int_equal(f.trust.floor, NOW - 100);
	crl = list_of(&f.root, 'a', 2);
	crl.issued = NOW + 5;
	assert_check(ppn_trust_lists(&f.trust,
				     (struct ppn_bytes){ object, list_make(object, &crl, 'a') }, 1,
				     &f.trust),
		     PPN_CHECK_OK);
	assert_int_equal(f.trust.floor, NOW + 5);
}

static void revoked(void **state)
{
	static const struct {
		uint64_t lowest;
		bool listed;
		bool revoked;
	} rows[] = {
		{ 0, false, false }, { 7, false, false },	  { 8, false, true },
		{ 0, true, true },   { UINT64_MAX, false, true },
	};
	struct fleet f;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ppn_crl crl;
		uint8_t object[PPN_CRL_MAX], listed[1][PPN_SERIAL_LEN];
		struct ppn_object_view view;
		struct ppn_bytes in;

		fleet_make(&f);
		in = fleet_cert(&f);
		memcpy(listed[0], f.seat_cert.serial, PPN_SERIAL_LEN);
		crl = list_of(&f.root, 'b', 2); /* any root revokes */
		crl.n_lowest = 1;
		memcpy(crl.lowest[0].id, f.seat_cert.serial, PPN_KEY_ID_LEN);
		crl.lowest[0].counter = rows[i].lowest;
		crl.n_revoked = rows[i].listed;
		crl.revoked = (const uint8_t(*)[PPN_SERIAL_LEN])listed;
		assert_check(
			ppn_trust_lists(&f.trust,
					(struct ppn_bytes){ object, list_make(object, &crl, 'b') },
					1, &f.trust),
			PPN_CHECK_OK);
		assert_int_equal(ppn_trust_revoked(&f.trust, f.seat_cert.serial), rows[i].revoked);
		assert_int_equal(ppn_trust_lowest(&f.trust, f.seat_cert.serial), rows[i].lowest);
		assert_check(ppn_object_take(&in, PPN_OBJECT_CERT, PPN_CERT_MAX, &view),
			     PPN_CHECK_OK);
		assert_check(ppn_cert_check(&f.trust, &view, &f.seat_cert, 0, NOW),
			     rows[i].revoked ? PPN_CHECK_REVOKED : PPN_CHECK_OK);
	}
}

/* In a union the strictest of both holds, whichever of them it is. */
static void check_union(uint64_t lowest_of_a, uint64_t lowest_of_b)
{
	struct fleet f;
	struct ppn_crl one, two;
	uint8_t first[PPN_CRL_MAX], second[PPN_CRL_MAX];

	fleet_make(&f);
	one = full_list(&f, 2);
	one.lowest[0].counter = lowest_of_a;
	two = list_of(&f.root, 'b', 2);
	two.n_lowest = 1;
	memcpy(two.lowest[0].id, f.seat_cert.serial, PPN_KEY_ID_LEN);
	two.lowest[0].counter = lowest_of_b;
	assert_check(ppn_trust_lists(&f.trust,
				     (struct ppn_bytes){ first, list_make(first, &one, 'a') }, 1,
				     &f.trust),
		     PPN_CHECK_OK);
	assert_check(ppn_trust_lists(&f.trust,
				     (struct ppn_bytes){ second, list_make(second, &two, 'b') }, 1,
				     &f.trust),
		     PPN_CHECK_OK);
	assert_int_equal(f.trust.n_crls, 2);
	assert_int_equal(ppn_trust_lowest(&f.trust, f.seat_cert.serial), 5);
	assert_true(ppn_trust_revoked(&f.trust, serials[0]));
	assert_true(ppn_trust_revoked(&f.trust, serials[1]));
}

static void union_revokes(void **state)
{
	(void)state;
	check_union(5, 3);
	check_union(3, 5);
}

/* ---- credentials ---- */

struct taker {
	const uint8_t *pin;
	const struct ppn_trust *known;
	uint32_t rights;
};

static enum ppn_check take(struct ppn_bytes bytes, void *arg)
{
	static const struct taker any = { NULL, NULL, PPN_RIGHT_CLAIM };
	const struct taker *t = arg ? arg : &any;
	struct ppn_credentials_view view;
	enum ppn_check check =
		ppn_credentials_take(&bytes, t->pin, t->known, t->rights, NOW, &view);

	return check == PPN_CHECK_OK && bytes.len > 0 ? PPN_CHECK_LONG : check;
}

static size_t write_credentials(uint8_t *ret, size_t max, const struct fleet *f)
{
	ssize_t len = ppn_credentials_write(ret, max, PPN_PURPOSE_CLAIM, &f->trust, fleet_cert(f));

	assert_true(len > 0);
	return (size_t)len;
}

static void credentials_round_trip(void **state)
{
	struct fleet f;
	uint8_t buf[2048];
	struct ppn_credentials_view view;
	struct ppn_bytes in = { buf, 0 };
	size_t len;

	(void)state;
	fleet_make(&f);
	len = write_credentials(buf, sizeof(buf), &f);
	buf[len] = 0xee; /* a roster would follow */
	in.len = len + 1;
	assert_check(ppn_credentials_take(&in, f.trust.pin, &f.trust, PPN_RIGHTS_ALL, NOW, &view),
		     PPN_CHECK_OK);
	assert_int_equal(in.len, 1);
	assert_int_equal(*in.data, 0xee);
	assert_int_equal(view.purpose, PPN_PURPOSE_CLAIM);
	assert_int_equal(view.raw.len, len);
	assert_ptr_equal(view.raw.data, buf);
	assert_memory_equal(&view.cert, &f.seat_cert, sizeof(view.cert));
	assert_memory_equal(view.trust.pin, f.trust.pin, PPN_HASH_LEN);
	assert_int_equal(view.trust.n_crls, 1);
	assert_int_equal(view.trust.chain.len, f.chain_len);
}

static void credentials_hostile(void **state)
{
	struct fleet f;
	uint8_t buf[2048];
	struct ppn_bytes good = { buf, 0 };

	(void)state;
	fleet_make(&f);
	good.len = write_credentials(buf, sizeof(buf), &f);
	refuses_truncation(take, NULL, good);
	refuses_flips(take, NULL, good, 1); /* the purpose is the channel's, not signed */
}

static void credentials_head(void **state)
{
	static const struct {
		uint8_t purpose, n_roots, n_crls, zero;
		enum ppn_check check;
	} rows[] = {
		{ PPN_PURPOSE_CLAIM, 1, 1, 0, PPN_CHECK_OK },
		{ PPN_PURPOSE_DISCHARGE, 1, 1, 0, PPN_CHECK_OK },
		{ PPN_PURPOSE_NONE, 1, 1, 0, PPN_CHECK_FORM },
		{ _PPN_PURPOSE_MAX, 1, 1, 0, PPN_CHECK_FORM },
		{ PPN_PURPOSE_CLAIM, 1, 1, 1, PPN_CHECK_FORM },
		{ PPN_PURPOSE_CLAIM, 0, 1, 0, PPN_CHECK_SHORT },
		{ PPN_PURPOSE_CLAIM, 2, 1, 0, PPN_CHECK_KIND },
		{ PPN_PURPOSE_CLAIM, PPN_CHAIN_MAX + 1, 1, 0, PPN_CHECK_LONG },
		{ PPN_PURPOSE_CLAIM, 255, 1, 0, PPN_CHECK_LONG },
		{ PPN_PURPOSE_CLAIM, 1, 0, 0, PPN_CHECK_SHORT },
		{ PPN_PURPOSE_CLAIM, 1, 2, 0, PPN_CHECK_KIND },
		{ PPN_PURPOSE_CLAIM, 1, PPN_CRL_SET_MAX + 1, 0, PPN_CHECK_LONG },
	};
	struct fleet f;
	uint8_t buf[2048];
	size_t len;

	(void)state;
	fleet_make(&f);
	len = write_credentials(buf, sizeof(buf), &f);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		memcpy(buf, &rows[i], 4);
		assert_check(take((struct ppn_bytes){ buf, len }, NULL), rows[i].check);
	}
}

static void credentials_belief(void **state)
{
	struct fleet f;
	struct taker t = { NULL, NULL, PPN_RIGHT_CLAIM };
	struct ppn_trust newer;
	struct lists lists;
	uint8_t buf[2048], pin[PPN_HASH_LEN] = { 0 };
	struct ppn_bytes good = { buf, 0 };
	struct ppn_cert cert;

	(void)state;
	fleet_make(&f);
	good.len = write_credentials(buf, sizeof(buf), &f);
	t.pin = pin;
	assert_check(take(good, &t), PPN_CHECK_PIN);
	t.pin = f.trust.pin;
	assert_check(take(good, &t), PPN_CHECK_OK);
	newer = f.trust;
	assert_check(ppn_trust_lists(&newer, lists_of(&lists, &f.root, "b2"), 1, &newer),
		     PPN_CHECK_OK);
	t.known = &newer;
	assert_check(take(good, &t), PPN_CHECK_OLD);
	t.known = NULL;
	cert = f.seat_cert;
	cert.rights = PPN_RIGHT_SEND;
	f.cert_len = cert_make(f.cert, &cert, f.root.fleet, 'a');
	good.len = write_credentials(buf, sizeof(buf), &f);
	assert_check(take(good, &t), PPN_CHECK_RIGHT);
	f.cert_len = cert_make(f.cert, &f.seat_cert, f.root.fleet, 'b');
	good.len = write_credentials(buf, sizeof(buf), &f);
	assert_check(take(good, &t), PPN_CHECK_SIGNATURE);
	cert = f.seat_cert;
	cert.not_after = NOW - 1;
	f.cert_len = cert_make(f.cert, &cert, f.root.fleet, 'a');
	good.len = write_credentials(buf, sizeof(buf), &f);
	assert_check(take(good, &t), PPN_CHECK_EXPIRED);
}

/* What the node knew counts against the certificate, and travels on. */
static void credentials_union(void **state)
{
	struct fleet f;
	struct ppn_trust known;
	struct ppn_crl crl;
	struct ppn_credentials_view view;
	uint8_t buf[2048], again[2048], object[PPN_CRL_MAX], gone[1][PPN_SERIAL_LEN];
	struct ppn_bytes in = { buf, 0 };
	struct taker t = { NULL, &known, PPN_RIGHT_CLAIM };
	ssize_t len;

	(void)state;
	fleet_make(&f);
	in.len = write_credentials(buf, sizeof(buf), &f);
	known = f.trust;
	crl = list_of(&f.root, 'b', 1);
	assert_check(ppn_trust_lists(&known,
				     (struct ppn_bytes){ object, list_make(object, &crl, 'b') }, 1,
				     NULL),
		     PPN_CHECK_OK);
	assert_check(ppn_credentials_take(&in, NULL, &known, 0, NOW, &view), PPN_CHECK_OK);
	assert_int_equal(view.trust.n_crls, 2);
	len = ppn_credentials_write(again, sizeof(again), PPN_PURPOSE_ROSTER, &view.trust,
				    fleet_cert(&f));
	assert_true(len > 0);
	assert_int_equal(again[2], 2);
	assert_check(take((struct ppn_bytes){ again, (size_t)len }, NULL), PPN_CHECK_OK);
	/* and now the one that only the node has revokes this seat */
	memcpy(gone[0], f.seat_cert.serial, PPN_SERIAL_LEN);
	crl.n_revoked = 1;
	crl.revoked = (const uint8_t(*)[PPN_SERIAL_LEN])gone;
	assert_check(ppn_trust_lists(&known,
				     (struct ppn_bytes){ object, list_make(object, &crl, 'b') }, 1,
				     NULL),
		     PPN_CHECK_OK);
	in = (struct ppn_bytes){ buf, write_credentials(buf, sizeof(buf), &f) };
	assert_check(take(in, &t), PPN_CHECK_REVOKED);
}

static void credentials_writer_refuses(void **state)
{
	struct fleet f;
	uint8_t buf[2048];
	size_t len;

	(void)state;
	fleet_make(&f);
	len = write_credentials(buf, sizeof(buf), &f);
	assert_int_equal(ppn_credentials_write(buf, len - 1, PPN_PURPOSE_CLAIM, &f.trust,
					       fleet_cert(&f)),
			 -EMSGSIZE);
	assert_int_equal(ppn_credentials_write(buf, len, PPN_PURPOSE_CLAIM, &f.trust,
					       (struct ppn_bytes){ 0 }),
			 -EINVAL);
	f.trust.n_crls = 0;
	assert_int_equal(ppn_credentials_write(buf, len, PPN_PURPOSE_CLAIM, &f.trust,
					       fleet_cert(&f)),
			 -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(list_round_trip),
		cmocka_unit_test(list_form),
		cmocka_unit_test(list_reader_refuses),
		cmocka_unit_test(list_of_many_roots),
		cmocka_unit_test(list_sets),
		cmocka_unit_test(list_counts),
		cmocka_unit_test(list_belief),
		cmocka_unit_test(list_equivocation),
		cmocka_unit_test(list_of_a_root_gone),
		cmocka_unit_test(list_raises_the_floor),
		cmocka_unit_test(revoked),
		cmocka_unit_test(union_revokes),
		cmocka_unit_test(credentials_round_trip),
		cmocka_unit_test(credentials_hostile),
		cmocka_unit_test(credentials_head),
		cmocka_unit_test(credentials_belief),
		cmocka_unit_test(credentials_union),
		cmocka_unit_test(credentials_writer_refuses),
	};

	return cmocka_run_group_tests_name("credentials", tests, setup_crypto, NULL);
}
