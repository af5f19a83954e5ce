// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Root documents and their chain, certificates, time. Lists and credentials: test_credentials.c */
#include "unit/hostile.h"

#include <endian.h>
#include <errno.h>
#include "unit/fleet.h"

/* ---- root documents ---- */

static enum ppn_check read_root(struct ppn_bytes bytes, void *arg)
{
	struct ppn_object_view view;
	struct ppn_root root;
	enum ppn_check check = ppn_object_take(&bytes, PPN_OBJECT_ROOT, PPN_ROOT_MAX, &view);

	(void)arg;
	if (check == PPN_CHECK_OK)
		check = ppn_root_read(&view, &root);
	if (check == PPN_CHECK_OK)
		check = ppn_root_quorum(&view, &root, NULL);
	return check != PPN_CHECK_OK ? check : bytes.len > 0 ? PPN_CHECK_LONG : PPN_CHECK_OK;
}

static void root_round_trip(void **state)
{
	struct ppn_root root = root_of(0, "abcd", "0123", NULL), back;
	uint8_t object[PPN_ROOT_MAX];
	struct ppn_bytes in = { object, root_make(object, &root, "dab") };
	struct ppn_object_view view;

	(void)state;
	assert_check(ppn_object_take(&in, PPN_OBJECT_ROOT, PPN_ROOT_MAX, &view), PPN_CHECK_OK);
	assert_int_equal(in.len, 0);
	memset(&back, 0, sizeof(back));
	assert_check(ppn_root_read(&view, &back), PPN_CHECK_OK);
	assert_memory_equal(&back, &root, sizeof(root));
	assert_check(ppn_root_quorum(&view, &back, NULL), PPN_CHECK_OK);
	refuses_truncation(read_root, NULL, view.whole);
	refuses_flips(read_root, NULL, view.whole, 0);
}

static void fleet_id_leaves_itself_out(void **state)
{
	struct ppn_root root = root_of(0, "abc", NULL, NULL);
	uint8_t object[PPN_ROOT_MAX], cut[PPN_ROOT_MAX], hash[PPN_HASH_LEN];
	size_t len = sizeof(struct ppn_root_body) + 3 * 33;

	(void)state;
	root_make(object, &root, "ab");
	memcpy(cut, object, 12); /* head, generation */
	memcpy(cut + 12, object + 12 + 32, len - 44);
	ppn_hash(hash, cut, len - 32);
	assert_memory_equal(hash, root.fleet, sizeof(hash));
}

static void root_form(void **state)
{
	static const struct {
		const char *keys, *quarters;
		bool good;
	} rows[] = {
		{ "a", "0", true },    { "a", "3", true },    { "abcd", "0123", true },
		{ "ab", "13", true },  { "a", "4", false },   { "ab", "00", false },
		{ "ab", "10", false }, { "aa", "01", false }, { "aba", "012", false },
		{ "", "", false },
	};
	uint8_t body[PPN_ROOT_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ppn_root root = root_of(0, rows[i].keys, rows[i].quarters, NULL);
		ssize_t n = ppn_root_write(body, sizeof(body), &root);

		assert_int_equal(n < 0 ? n : 0, rows[i].good ? 0 : -EINVAL);
	}
}

/* What no writer of ours makes: the reader's own checks. */
static void root_reader_refuses(void **state)
{
	struct ppn_root root = root_of(0, "ab", "01", NULL), out;
	uint8_t body[PPN_ROOT_MAX], entries[2][33];
	ssize_t len = ppn_root_write(body, sizeof(body), &root);
	struct ppn_object_view view = { .kind = PPN_OBJECT_ROOT, .body = { body, (size_t)len } };
	uint8_t *n = body + offsetof(struct ppn_root_body, n_entries);

	(void)state;
	assert_check(ppn_root_read(&view, &out), PPN_CHECK_OK);
	for (int i = 0; i < 256; i++) {
		*n = (uint8_t)i;
		if (i != 2)
			assert_int_not_equal(ppn_root_read(&view, &out), PPN_CHECK_OK);
	}
	*n = 2;
	memcpy(entries, n + 1, sizeof(entries));
	memcpy(n + 1, entries[1], 33);
	memcpy(n + 34, entries[0], 33); /* quarters fall */
	assert_check(ppn_root_read(&view, &out), PPN_CHECK_FORM);
	memcpy(n + 1, entries[0], 33);
	memcpy(n + 35, entries[0] + 1, 32); /* one key twice */
	assert_check(ppn_root_read(&view, &out), PPN_CHECK_FORM);
	memcpy(n + 34, entries[1], 33);
	assert_check(ppn_root_read(&view, &out), PPN_CHECK_OK);
	body[offsetof(struct ppn_root_body, fleet)] ^= 1;
	assert_check(ppn_root_read(&view, &out), PPN_CHECK_HASH);
}

static void root_writers_refuse(void **state)
{
	struct ppn_root root = root_of(0, "abc", NULL, NULL);
	uint8_t body[PPN_ROOT_MAX], object[PPN_ROOT_MAX], seeds[9][32];
	ssize_t len = ppn_root_write(body, sizeof(body), &root);
	struct ppn_bytes bytes = { body, (size_t)len };
	const uint8_t(*keys)[32] = (const uint8_t(*)[32])seeds;

	(void)state;
	for (char i = 0; i < 9; i++)
		root_seed(seeds[(int)i], (char)('a' + i));
	assert_int_equal(ppn_root_write(body, (size_t)len - 1, &root), -EMSGSIZE);
	assert_int_equal(ppn_root_sign(object, sizeof(object), bytes, root.fleet, keys, 0),
			 -EINVAL);
	assert_int_equal(ppn_root_sign(object, sizeof(object), bytes, root.fleet, keys, 9),
			 -EINVAL);
	assert_int_equal(ppn_root_sign(object, (size_t)len + 1 + 2 * 72 - 1, bytes, root.fleet,
				       keys, 2),
			 -EMSGSIZE);
	assert_int_equal(ppn_root_sign(object, (size_t)len + 1 + 2 * 72, bytes, root.fleet, keys,
				       2),
			 len + 1 + 2 * 72);
	memcpy(seeds[1], seeds[0], 32);
	assert_int_equal(ppn_root_sign(object, sizeof(object), bytes, root.fleet, keys, 2),
			 -EINVAL);
}

/* One to eight signatures follow the body. */
static void root_signature_count(void **state)
{
	struct ppn_root root = root_of(0, "abcd", NULL, NULL);
	uint8_t object[PPN_ROOT_MAX + 9 * 72] = { 0 };
	size_t len = (size_t)ppn_root_write(object, PPN_ROOT_MAX, &root);
	struct ppn_object_view view;

	(void)state;
	for (int n = 0; n < 256; n++) {
		struct ppn_bytes in = { object, len + 1 + 8 * 72 };

		object[len] = (uint8_t)n;
		assert_check(ppn_object_take(&in, PPN_OBJECT_ROOT, PPN_ROOT_MAX, &view),
			     n >= 1 && n <= PPN_ROOT_SIGS_MAX ? PPN_CHECK_OK : PPN_CHECK_FORM);
	}
}

/* ---- chain ---- */

#define STEPS_MAX 4

struct step {
	const char *keys, *signers, *quarters;
};

struct chain {
	uint8_t bytes[(PPN_CHAIN_MAX + 1) * PPN_ROOT_MAX];
	size_t len, n;
	uint8_t fleet[PPN_HASH_LEN];
};

static void chain_add(struct chain *c, const struct step *step, uint32_t generation)
{
	struct ppn_root root = root_of(generation, step->keys, step->quarters, c->fleet);

	c->len += root_make(c->bytes + c->len, &root, step->signers);
	c->n++;
	memcpy(c->fleet, root.fleet, PPN_HASH_LEN);
}

static struct chain *chain_of(const struct step *steps)
{
	struct chain *c = calloc(1, sizeof(*c));

	assert_non_null(c);
	for (uint32_t i = 0; i < STEPS_MAX && steps[i].keys; i++)
		chain_add(c, &steps[i], i);
	return c;
}

static struct ppn_bytes chain_bytes(const struct chain *c)
{
	return (struct ppn_bytes){ c->bytes, c->len };
}

static enum ppn_check walk(const struct step *steps, struct ppn_trust *ret_trust)
{
	struct chain *c = chain_of(steps);
	enum ppn_check check = ppn_trust_chain(ret_trust, chain_bytes(c), c->n, NULL, NULL);

	free(c);
	return check;
}

static void chain_quorum(void **state)
{
	static const struct {
		struct step steps[STEPS_MAX];
		enum ppn_check check;
	} rows[] = {
		{ { { "abc", "ab", NULL } }, PPN_CHECK_OK },
		{ { { "abc", "abc", NULL } }, PPN_CHECK_OK },
		{ { { "a", "a", NULL } }, PPN_CHECK_OK },
		{ { { "ab", "ab", NULL } }, PPN_CHECK_OK },
		{ { { "abcd", "abc", NULL } }, PPN_CHECK_OK },
		{ { { "abc", "a", NULL } }, PPN_CHECK_QUORUM },
		{ { { "ab", "a", NULL } }, PPN_CHECK_QUORUM }, /* half is not more than half */
		{ { { "abcd", "ab", NULL } }, PPN_CHECK_QUORUM },
		{ { { "abc", "x", NULL } }, PPN_CHECK_SIGNATURE },
		{ { { "abc", "abx", NULL } },
		  PPN_CHECK_SIGNATURE }, /* a stranger's, beside a quorum */
		/* one root replaced */
		{ { { "abc", "ab", NULL }, { "abd", "ab", NULL } }, PPN_CHECK_OK },
		/* all of them */
		{ { { "abc", "ab", NULL }, { "def", "abde", NULL } }, PPN_CHECK_OK },
		{ { { "abc", "ab", NULL }, { "def", "ab", NULL } }, PPN_CHECK_QUORUM },
		{ { { "abc", "ab", NULL }, { "def", "def", NULL } }, PPN_CHECK_QUORUM },
		{ { { "abc", "ab", NULL }, { "def", "ade", NULL } }, PPN_CHECK_QUORUM },
		{ { { "abc", "ab", NULL }, { "def", "abd", NULL } }, PPN_CHECK_QUORUM },
		/* one stolen root: alone, with keys of its own, with them in majority */
		{ { { "abc", "ab", NULL }, { "c", "c", "2" } }, PPN_CHECK_QUORUM },
		{ { { "abc", "ab", NULL }, { "xyc", "xyc", NULL } }, PPN_CHECK_QUORUM },
		{ { { "abc", "ab", NULL }, { "abc", "c", NULL } }, PPN_CHECK_QUORUM },
		/* a set of two survives no loss */
		{ { { "ab", "ab", NULL }, { "ac", "ac", NULL } }, PPN_CHECK_QUORUM },
		{ { { "ab", "ab", NULL }, { "ac", "abc", NULL } }, PPN_CHECK_OK },
		/* smaller and larger sets */
		{ { { "abc", "ab", NULL }, { "a", "ab", NULL } }, PPN_CHECK_OK },
		{ { { "a", "a", NULL }, { "abcd", "abc", NULL } }, PPN_CHECK_OK },
		{ { { "a", "a", NULL }, { "abcd", "bcd", NULL } }, PPN_CHECK_QUORUM },
		/* a key that stays keeps its quarter; a successor takes over one */
		{ { { "abc", "ab", NULL }, { "bac", "ab", NULL } }, PPN_CHECK_CHAIN },
		{ { { "abc", "ab", NULL }, { "abc", "ab", "013" } }, PPN_CHECK_CHAIN },
		{ { { "abc", "ab", NULL }, { "dbc", "bc", NULL } }, PPN_CHECK_OK },
		/* three documents */
		{ { { "abc", "ab", NULL }, { "abd", "ab", NULL }, { "aed", "ad", NULL } },
		  PPN_CHECK_OK },
		{ { { "abc", "ab", NULL }, { "abd", "ab", NULL }, { "aed", "ac", NULL } },
		  PPN_CHECK_SIGNATURE },
		{ { { "abc", "ab", NULL }, { "xyz", "xyz", NULL }, { "xyz", "xyz", NULL } },
		  PPN_CHECK_QUORUM },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ppn_trust trust;
		enum ppn_check check = walk(rows[i].steps, &trust);

		if (check != rows[i].check)
			fail_msg("row %zu: %s", i, ppn_check_text(check));
	}
}

static const struct step good_steps[STEPS_MAX] = {
	{ "abc", "ab", NULL },
	{ "abd", "ab", NULL },
	{ "aed", "ad", NULL },
};

static void chain_result(void **state)
{
	struct chain *c = chain_of(good_steps);
	struct ppn_trust trust;

	(void)state;
	assert_check(ppn_trust_chain(&trust, chain_bytes(c), 3, NULL, NULL), PPN_CHECK_OK);
	assert_int_equal(trust.newest.generation, 2);
	assert_int_equal(trust.newest.n, 3);
	assert_memory_equal(trust.newest.fleet, c->fleet, PPN_HASH_LEN);
	assert_int_equal(trust.n_chain, 3);
	assert_int_equal(trust.n_crls, 0);
	assert_ptr_equal(trust.chain.data, c->bytes);
	assert_int_equal(trust.chain.len, c->len);
	assert_int_equal(trust.floor, NOW - YEAR + 2);
	free(c);
}

static enum ppn_check walk_three(struct ppn_bytes bytes, void *arg)
{
	struct ppn_trust trust;

	return ppn_trust_chain(&trust, bytes, 3, arg, NULL);
}

static void chain_hostile(void **state)
{
	struct chain *c = chain_of(good_steps);

	(void)state;
	refuses_truncation(walk_three, NULL, chain_bytes(c));
	refuses_flips(walk_three, NULL, chain_bytes(c), 0);
	free(c);
}

/* One key that signs twice counts once, in whatever order. */
static void chain_one_key_twice(void **state)
{
	struct ppn_root root = root_of(0, "abc", NULL, NULL);
	uint8_t object[PPN_ROOT_MAX], seed[1][32];
	ssize_t len = ppn_root_write(object, sizeof(object), &root);
	struct ppn_trust trust;

	(void)state;
	root_seed(seed[0], 'a');
	len = ppn_root_sign(object, sizeof(object), (struct ppn_bytes){ object, (size_t)len },
			    root.fleet, (const uint8_t(*)[32])seed, 1);
	assert_true(len > 72);
	memcpy(object + len, object + len - 72, 72);
	object[len - 73] = 2;
	assert_check(ppn_trust_chain(&trust, (struct ppn_bytes){ object, (size_t)len + 72 }, 1,
				     NULL, NULL),
		     PPN_CHECK_ORDER);
}

static void chain_signatures_in_order(void **state)
{
	struct ppn_root root = root_of(0, "abc", NULL, NULL);
	uint8_t object[PPN_ROOT_MAX], sig[72];
	size_t len = root_make(object, &root, "ab");
	struct ppn_trust trust;

	(void)state;
	memcpy(sig, object + len - 144, 72);
	memmove(object + len - 144, object + len - 72, 72);
	memcpy(object + len - 72, sig, 72);
	assert_check(ppn_trust_chain(&trust, (struct ppn_bytes){ object, len }, 1, NULL, NULL),
		     PPN_CHECK_ORDER);
}

static void chain_changes_nothing_fixed(void **state)
{
	struct chain *c = chain_of((struct step[STEPS_MAX]){ { "abc", "ab", NULL } });
	size_t first = c->len;
	struct ppn_trust trust;
	struct ppn_root root;

	(void)state;
	root = root_of(1, "abc", NULL, c->fleet);
	root.gate_key[0] ^= 1;
	c->len = first + root_make(c->bytes + first, &root, "ab");
	assert_check(ppn_trust_chain(&trust, chain_bytes(c), 2, NULL, NULL), PPN_CHECK_CHAIN);
	root = root_of(1, "abc", NULL, c->fleet);
	root.fleet[0] ^= 1;
	c->len = first + root_make(c->bytes + first, &root, "ab");
	assert_check(ppn_trust_chain(&trust, chain_bytes(c), 2, NULL, NULL), PPN_CHECK_FLEET);
	root = root_of(2, "abc", NULL, c->fleet); /* a generation left out */
	c->len = first + root_make(c->bytes + first, &root, "ab");
	assert_check(ppn_trust_chain(&trust, chain_bytes(c), 2, NULL, NULL), PPN_CHECK_CHAIN);
	/* a chain that starts at generation 1 */
	assert_check(ppn_trust_chain(&trust, (struct ppn_bytes){ c->bytes + first, c->len - first },
				     1, NULL, NULL),
		     PPN_CHECK_CHAIN);
	free(c);
}

static void chain_bounds(void **state)
{
	struct chain *c = chain_of((struct step[STEPS_MAX]){ { "a", "a", NULL } });
	struct step same = { "a", "a", NULL };
	struct ppn_trust trust;

	(void)state;
	assert_check(ppn_trust_chain(&trust, chain_bytes(c), 0, NULL, NULL), PPN_CHECK_SHORT);
	assert_check(ppn_trust_chain(&trust, (struct ppn_bytes){ 0 }, 1, NULL, NULL),
		     PPN_CHECK_SHORT);
	for (uint32_t i = 1; i < PPN_CHAIN_MAX; i++)
		chain_add(c, &same, i);
	assert_check(ppn_trust_chain(&trust, chain_bytes(c), PPN_CHAIN_MAX, NULL, NULL),
		     PPN_CHECK_OK);
	assert_check(ppn_trust_chain(&trust, chain_bytes(c), PPN_CHAIN_MAX - 1, NULL, NULL),
		     PPN_CHECK_LONG);
	chain_add(c, &same, PPN_CHAIN_MAX);
	assert_check(ppn_trust_chain(&trust, chain_bytes(c), PPN_CHAIN_MAX + 1, NULL, NULL),
		     PPN_CHECK_LONG);
	free(c);
}

static void chain_pin(void **state)
{
	struct chain *c = chain_of(good_steps);
	struct ppn_trust trust, other;
	uint8_t pin[PPN_HASH_LEN];

	(void)state;
	assert_check(ppn_trust_chain(&trust, chain_bytes(c), 3, NULL, NULL), PPN_CHECK_OK);
	memcpy(pin, trust.pin, sizeof(pin));
	assert_check(ppn_trust_chain(&trust, chain_bytes(c), 3, pin, NULL), PPN_CHECK_OK);
	pin[31] ^= 1;
	assert_check(ppn_trust_chain(&trust, chain_bytes(c), 3, pin, NULL), PPN_CHECK_PIN);
	assert_check(walk((struct step[STEPS_MAX]){ { "xyz", "xy", NULL } }, &other), PPN_CHECK_OK);
	assert_check(ppn_trust_chain(&trust, chain_bytes(c), 3, other.pin, NULL), PPN_CHECK_PIN);
	free(c);
}

static void chain_never_goes_back(void **state)
{
	struct step fork[STEPS_MAX] = { { "abc", "ab", NULL },
					{ "abe", "ab", NULL },
					{ "abe", "ab", NULL } };
	struct step more_sigs[STEPS_MAX] = { { "abc", "ab", NULL }, { "abd", "abd", NULL } };
	struct chain *c = chain_of(good_steps), *two = chain_of(good_steps),
		     *other = chain_of(fork), *signed_more = chain_of(more_sigs);
	struct ppn_trust known, longer, trust;

	(void)state;
	two->n = 2;
	two->len -= sizeof(struct ppn_root_body) + 3 * 33 + 1 + 2 * 72;
	assert_check(ppn_trust_chain(&known, chain_bytes(two), 2, NULL, NULL), PPN_CHECK_OK);
	assert_check(ppn_trust_chain(&longer, chain_bytes(c), 3, known.pin, &known), PPN_CHECK_OK);
	assert_check(ppn_trust_chain(&trust, chain_bytes(c), 3, NULL, &longer), PPN_CHECK_OK);
	assert_check(ppn_trust_chain(&trust, chain_bytes(two), 2, NULL, &longer), PPN_CHECK_OLD);
	assert_check(ppn_trust_chain(&trust, chain_bytes(other), 3, NULL, &longer),
		     PPN_CHECK_CHAIN);
	assert_check(ppn_trust_chain(&trust, chain_bytes(other), 3, NULL, &known), PPN_CHECK_CHAIN);
	/* one more signature under the same document changes nothing */
	assert_check(ppn_trust_chain(&trust, chain_bytes(signed_more), 2, NULL, &known),
		     PPN_CHECK_OK);
	/* another fleet */
	free(other);
	other = chain_of((struct step[STEPS_MAX]){ { "xyz", "xy", NULL } });
	assert_check(ppn_trust_chain(&trust, chain_bytes(other), 1, NULL, &known), PPN_CHECK_PIN);
	free(signed_more);
	free(other);
	free(two);
	free(c);
}

static void chain_higher_minor(void **state)
{
	struct ppn_root root = root_of(0, "abc", NULL, NULL);
	uint8_t body[PPN_ROOT_MAX], object[PPN_ROOT_MAX], seeds[2][32];
	size_t len = (size_t)ppn_root_write(body, sizeof(body), &root) + 6;
	struct ppn_object_head head = ppn_object_head(PPN_OBJECT_ROOT, len);
	struct ppn_hash_state h;
	struct ppn_trust trust;
	ssize_t n;

	(void)state;
	memset(body + len - 6, 0x77, 6);
	head.minor = 1;
	memcpy(body, &head, sizeof(head));
	ppn_hash_start(&h);
	ppn_hash_add(&h, body, 12);
	ppn_hash_add(&h, body + 44, len - 44);
	ppn_hash_end(&h, root.fleet);
	memcpy(body + 12, root.fleet, PPN_HASH_LEN);
	root_seed(seeds[0], 'a');
	root_seed(seeds[1], 'b');
	n = ppn_root_sign(object, sizeof(object), (struct ppn_bytes){ body, len }, root.fleet,
			  (const uint8_t(*)[32])seeds, 2);
	assert_check(ppn_trust_chain(&trust, (struct ppn_bytes){ object, (size_t)n }, 1, NULL,
				     NULL),
		     PPN_CHECK_OK);
	object[1] = 2;
	assert_check(ppn_trust_chain(&trust, (struct ppn_bytes){ object, (size_t)n }, 1, NULL,
				     NULL),
		     PPN_CHECK_MAJOR);
}

/* ---- certificates ---- */

static enum ppn_check check_cert(struct ppn_bytes bytes, void *arg)
{
	struct ppn_trust *trust = arg;
	struct ppn_object_view view;
	struct ppn_cert cert;
	enum ppn_check check = ppn_object_take(&bytes, PPN_OBJECT_CERT, PPN_CERT_MAX, &view);

	if (check == PPN_CHECK_OK)
		check = ppn_cert_read(&view, &cert);
	if (check == PPN_CHECK_OK)
		check = ppn_cert_check(trust, &view, &cert, PPN_RIGHT_CLAIM, NOW);
	return check != PPN_CHECK_OK ? check : bytes.len > 0 ? PPN_CHECK_LONG : PPN_CHECK_OK;
}

static void cert_round_trip(void **state)
{
	struct fleet f;
	struct ppn_object_view view;
	struct ppn_bytes in;
	struct ppn_cert back;

	(void)state;
	fleet_make(&f);
	in = fleet_cert(&f);
	assert_int_equal(in.len, PPN_CERT_LEN);
	assert_check(ppn_object_take(&in, PPN_OBJECT_CERT, PPN_CERT_MAX, &view), PPN_CHECK_OK);
	memset(&back, 0, sizeof(back));
	assert_check(ppn_cert_read(&view, &back), PPN_CHECK_OK);
	assert_memory_equal(&back, &f.seat_cert, sizeof(back));
	refuses_truncation(check_cert, &f.trust, fleet_cert(&f));
	refuses_flips(check_cert, &f.trust, fleet_cert(&f), 0);
}

static void cert_form(void **state)
{
	static const struct {
		uint64_t not_before, not_after;
		uint32_t first, count;
		const char *name;
		bool good;
	} rows[] = {
		{ 5, 5, 1, 1, "a", true },
		{ 5, 4, 1, 1, "a", false },
		{ 5, 6, 0, 0, "a", true },
		{ 5, 6, 1, 0, "a", false },
		{ 5, 6, 0, 1, "a", false },
		{ 5, 6, 1, PPN_NUMBER_MAX, "a", true },
		{ 5, 6, 1, PPN_NUMBER_MAX + 1, "a", false },
		{ 5, 6, PPN_NUMBER_MAX, 1, "a", true },
		{ 5, 6, PPN_NUMBER_MAX, 2, "a", false },
		{ 5, 6, PPN_NUMBER_MAX + 1, 1, "a", false },
		{ 5, 6, 2, UINT32_MAX, "a", false },
		{ 5, 6, UINT32_MAX, UINT32_MAX, "a", false },
		{ 5, 6, 1, 1, "", false },
		{ 5, 6, 1, 1, "two words", false },
		{ 5, 6, 1, 1, "esc\033[2J", false },
		{ 5, 6, 1, 1, "umlaut\303\244", false },
		{ 5, 6, 1, 1, "123456789012345678901234567890123456789012345678901234567890123",
		  true },
	};
	uint8_t body[256];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ppn_cert cert = cert_of("seat", 'a', 1);

		cert.not_before = rows[i].not_before;
		cert.not_after = rows[i].not_after;
		cert.first_number = rows[i].first;
		cert.number_count = rows[i].count;
		memset(cert.name, 0, sizeof(cert.name));
		memcpy(cert.name, rows[i].name, strlen(rows[i].name));
		if ((ppn_cert_write(body, sizeof(body), &cert) > 0) != rows[i].good)
			fail_msg("row %zu", i);
	}
}

static void cert_writer_refuses(void **state)
{
	struct ppn_cert cert = cert_of("seat", 'a', 1);
	uint8_t body[sizeof(struct ppn_cert_body)];

	(void)state;
	assert_int_equal(ppn_cert_write(body, sizeof(body) - 1, &cert), -EMSGSIZE);
	memset(cert.name, 'x', sizeof(cert.name)); /* no NUL */
	assert_int_equal(ppn_cert_write(body, sizeof(body), &cert), -EINVAL);
}

/* Names as no writer of ours makes them. */
static void cert_name_on_the_wire(void **state)
{
	static const struct {
		uint8_t len;
		const char *bytes;
		enum ppn_check check;
	} rows[] = {
		{ 5, "admin", PPN_CHECK_OK },
		{ 4, "admin", PPN_CHECK_FORM }, /* not zero-padded */
		{ 6, "admin", PPN_CHECK_FORM }, /* NUL inside */
		{ 0, "", PPN_CHECK_FORM },
		{ 64, "admin", PPN_CHECK_FORM },
		{ 255, "admin", PPN_CHECK_FORM },
	};
	struct fleet f;

	(void)state;
	fleet_make(&f);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ppn_object_view view;
		struct ppn_bytes in = fleet_cert(&f);
		struct ppn_cert cert;
		uint8_t *name = f.cert + offsetof(struct ppn_cert_body, name);

		memset(name, 0, PPN_NAME_LEN);
		name[0] = rows[i].len;
		memcpy(name + 1, rows[i].bytes, strlen(rows[i].bytes));
		assert_check(ppn_object_take(&in, PPN_OBJECT_CERT, PPN_CERT_MAX, &view),
			     PPN_CHECK_OK);
		assert_check(ppn_cert_read(&view, &cert), rows[i].check);
	}
}

/* Checks this certificate, signed by this root, in a fleet of the roots a, b, c, e (quarters 0..3). */
static enum ppn_check judge(const struct ppn_cert *cert, char signer, uint32_t rights,
			    uint64_t floor, uint64_t now)
{
	struct ppn_root root = root_of(0, "abce", NULL, NULL);
	struct ppn_trust trust = { .newest = root, .floor = floor };
	uint8_t object[PPN_CERT_LEN];
	struct ppn_bytes in = { object, cert_make(object, cert, root.fleet, signer) };
	struct ppn_object_view view;
	struct ppn_cert back;

	for (int i = 0; i < root.n; i++)
		ppn_key_id(trust.newest.entry[i].id, root.entry[i].key);
	assert_check(ppn_object_take(&in, PPN_OBJECT_CERT, PPN_CERT_MAX, &view), PPN_CHECK_OK);
	assert_check(ppn_cert_read(&view, &back), PPN_CHECK_OK);
	return ppn_cert_check(&trust, &view, &back, rights, now);
}

static void cert_signer(void **state)
{
	struct ppn_cert cert = cert_of("seat", 'a', 1);

	(void)state;
	assert_check(judge(&cert, 'a', 0, 0, NOW), PPN_CHECK_OK);
	/* a root signs under another's id; a stranger under a root's; a stranger under its own */
	assert_check(judge(&cert, 'b', 0, 0, NOW), PPN_CHECK_SIGNATURE);
	assert_check(judge(&cert, 'x', 0, 0, NOW), PPN_CHECK_SIGNATURE);
	root_key_id(cert.serial, 'x');
	assert_check(judge(&cert, 'x', 0, 0, NOW), PPN_CHECK_ROOT);
}

static void cert_of_another_fleet(void **state)
{
	struct fleet f;
	uint8_t other[PPN_HASH_LEN] = { 0 };

	(void)state;
	fleet_make(&f);
	f.cert_len = cert_make(f.cert, &f.seat_cert, other, 'a'); /* the same root key serves two */
	assert_check(check_cert(fleet_cert(&f), &f.trust), PPN_CHECK_SIGNATURE);
}

static void cert_quarter(void **state)
{
	static const struct {
		char root;
		uint32_t first, count;
		enum ppn_check check;
	} rows[] = {
		{ 'a', 1, (1 << 22) - 1, PPN_CHECK_OK },
		{ 'a', 1, 1 << 22, PPN_CHECK_RANGE },
		{ 'a', 1 << 22, 1, PPN_CHECK_RANGE },
		{ 'b', 1 << 22, 1 << 22, PPN_CHECK_OK },
		{ 'b', (1 << 22) - 1, 1, PPN_CHECK_RANGE },
		{ 'b', (1 << 22) + 1, 1 << 22, PPN_CHECK_RANGE },
		{ 'c', 2 << 22, 1 << 22, PPN_CHECK_OK },
		{ 'c', 1, 1, PPN_CHECK_RANGE },
		{ 'e', 3 << 22, (1 << 22) - 1, PPN_CHECK_OK }, /* less 2^24 - 1 */
		{ 'e', PPN_NUMBER_MAX, 1, PPN_CHECK_OK },
		{ 'e', (3 << 22) - 1, 2, PPN_CHECK_RANGE },
		{ 'a', 0, 0, PPN_CHECK_OK },
		{ 'e', 0, 0, PPN_CHECK_OK },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ppn_cert cert = cert_of("seat", rows[i].root, 1);
		enum ppn_check check;

		cert.first_number = rows[i].first;
		cert.number_count = rows[i].count;
		check = judge(&cert, rows[i].root, 0, 0, NOW);
		if (check != rows[i].check)
			fail_msg("row %zu: %s", i, ppn_check_text(check));
	}
}

static void cert_rights(void **state)
{
	struct ppn_cert cert = cert_of("seat", 'a', 1);

	(void)state;
	cert.rights = PPN_RIGHT_CLAIM | PPN_RIGHT_SEND;
	assert_check(judge(&cert, 'a', PPN_RIGHT_CLAIM, 0, NOW), PPN_CHECK_OK);
	assert_check(judge(&cert, 'a', PPN_RIGHT_CLAIM | PPN_RIGHT_SEND, 0, NOW), PPN_CHECK_OK);
	assert_check(judge(&cert, 'a', PPN_RIGHT_ROSTER, 0, NOW), PPN_CHECK_RIGHT);
	assert_check(judge(&cert, 'a', PPN_RIGHT_CLAIM | PPN_RIGHT_ROSTER, 0, NOW),
		     PPN_CHECK_RIGHT);
	cert.rights = 0;
	assert_check(judge(&cert, 'a', PPN_RIGHT_DISCHARGE, 0, NOW), PPN_CHECK_RIGHT);
}

/* PROTOCOL 7: against the floor always, against the clock only while it is plausible. */
static void cert_expiry(void **state)
{
	const uint64_t y1970 = 3600, y2038 = 2147483648ull, y2099 = 4070908800ull, ten = 10 * YEAR;
	const struct {
		uint64_t not_before, not_after, floor, now;
		enum ppn_check check;
	} rows[] = {
		{ NOW, NOW + YEAR, NOW, NOW, PPN_CHECK_OK },
		{ NOW, NOW + YEAR, NOW, NOW + YEAR, PPN_CHECK_OK },
		{ NOW, NOW + YEAR, NOW, NOW + YEAR + 1, PPN_CHECK_EXPIRED },
		/* no battery: 1970 is below the floor and means nothing */
		{ NOW, NOW + YEAR, NOW, y1970, PPN_CHECK_OK },
		{ NOW, NOW + YEAR, NOW, 0, PPN_CHECK_OK },
		{ NOW - YEAR, NOW - 1, NOW, y1970, PPN_CHECK_EXPIRED }, /* by the floor */
		{ NOW - YEAR, NOW, NOW, y1970, PPN_CHECK_OK },
		/* 2038 is within ten years of a floor of 2029, and not of one of 2027 */
		{ NOW, NOW + YEAR, NOW, y2038, PPN_CHECK_OK },
		{ NOW, NOW + 2 * YEAR, NOW + 2 * YEAR, y2038, PPN_CHECK_EXPIRED },
		{ NOW, y2038, NOW + 2 * YEAR, y2038, PPN_CHECK_OK },
		/* a clock gone mad expires nothing */
		{ NOW, NOW + YEAR, NOW, y2099, PPN_CHECK_OK },
		{ NOW, NOW + YEAR, NOW, UINT64_MAX, PPN_CHECK_OK },
		{ NOW, NOW + YEAR, NOW, NOW + ten, PPN_CHECK_EXPIRED },
		{ NOW, NOW + YEAR, NOW, NOW + ten + 1, PPN_CHECK_OK },
		/* not-before never refuses, and raises the floor */
		{ NOW + YEAR, NOW + 2 * YEAR, NOW, NOW, PPN_CHECK_OK },
		{ UINT64_MAX, UINT64_MAX, NOW, NOW, PPN_CHECK_OK },
		{ 0, 0, 0, 0, PPN_CHECK_OK },
		{ 0, 0, 0, 1, PPN_CHECK_EXPIRED },
		/* a floor near the end of numbers does not wrap */
		{ NOW, UINT64_MAX, UINT64_MAX - 5, 3, PPN_CHECK_OK },
		{ NOW, UINT64_MAX - 6, UINT64_MAX - 5, 3, PPN_CHECK_EXPIRED },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ppn_cert cert = cert_of("seat", 'a', 1);
		enum ppn_check check;

		cert.not_before = rows[i].not_before;
		cert.not_after = rows[i].not_after;
		check = judge(&cert, 'a', 0, rows[i].floor, rows[i].now);
		if (check != rows[i].check)
			fail_msg("row %zu: %s", i, ppn_check_text(check));
	}
}

static void cert_raises_the_floor(void **state)
{
	struct fleet f;
	struct ppn_cert later = cert_of("later", 'a', 8);
	uint8_t object[PPN_CERT_LEN];
	size_t len;

	(void)state;
	fleet_make(&f);
	later.not_before = NOW + 2 * YEAR;
	later.not_after = NOW + 3 * YEAR;
	assert_check(check_cert(fleet_cert(&f), &f.trust), PPN_CHECK_OK);
	/* not what a stranger signed */
	len = cert_make(object, &later, f.root.fleet, 'x');
	assert_check(check_cert((struct ppn_bytes){ object, len }, &f.trust), PPN_CHECK_SIGNATURE);
	assert_int_equal(f.trust.floor, NOW - 100);
	len = cert_make(object, &later, f.root.fleet, 'a');
	assert_check(check_cert((struct ppn_bytes){ object, len }, &f.trust), PPN_CHECK_OK);
	assert_int_equal(f.trust.floor, NOW + 2 * YEAR);
	assert_check(check_cert(fleet_cert(&f), &f.trust), PPN_CHECK_EXPIRED);
}

/* A new root generation sets the floor anew, never below the build time. */
static void floor_of_a_new_generation(void **state)
{
	struct chain *c = chain_of(good_steps), *two = chain_of(good_steps);
	struct ppn_trust known, trust, nothing = { .floor = 77 };

	(void)state;
	two->len -= sizeof(struct ppn_root_body) + 3 * 33 + 1 + 2 * 72;
	assert_check(ppn_trust_chain(&known, chain_bytes(two), 2, NULL, NULL), PPN_CHECK_OK);
	ppn_trust_base(&known, NOW - 2 * YEAR);
	assert_int_equal(known.floor, NOW - YEAR + 1);
	ppn_trust_raise(&known, NOW + 90 * YEAR); /* a stolen root's doing */
	assert_check(ppn_trust_chain(&trust, chain_bytes(two), 2, NULL, &known), PPN_CHECK_OK);
	assert_int_equal(trust.floor, NOW + 90 * YEAR);
	assert_check(ppn_trust_chain(&trust, chain_bytes(c), 3, NULL, &known), PPN_CHECK_OK);
	assert_int_equal(trust.floor, NOW - YEAR + 2);
	assert_int_equal(trust.floor_min, NOW - 2 * YEAR);
	ppn_trust_base(&known, NOW);
	assert_check(ppn_trust_chain(&trust, chain_bytes(c), 3, NULL, &known), PPN_CHECK_OK);
	assert_int_equal(trust.floor, NOW);
	/* code mode: a floor and nothing pinned yet */
	assert_check(ppn_trust_chain(&trust, chain_bytes(c), 3, NULL, &nothing), PPN_CHECK_OK);
	assert_int_equal(trust.floor, NOW - YEAR + 2);
	nothing.floor = NOW + 5;
	assert_check(ppn_trust_chain(&trust, chain_bytes(c), 3, NULL, &nothing), PPN_CHECK_OK);
	assert_int_equal(trust.floor, NOW + 5);
	free(two);
	free(c);
}

/* Certificates go with the root that signed them; its successor has its quarter. */
static void cert_after_a_new_generation(void **state)
{
	struct chain *c =
		chain_of((struct step[STEPS_MAX]){ { "abc", "ab", NULL }, { "dbc", "bc", NULL } });
	struct ppn_cert old = cert_of("seat", 'a', 1), new = cert_of("seat", 'd', 1);
	uint8_t object[PPN_CERT_LEN];
	struct ppn_trust trust;
	size_t len;

	(void)state;
	assert_check(ppn_trust_chain(&trust, chain_bytes(c), 2, NULL, NULL), PPN_CHECK_OK);
	len = cert_make(object, &old, c->fleet, 'a');
	assert_check(check_cert((struct ppn_bytes){ object, len }, &trust), PPN_CHECK_ROOT);
	len = cert_make(object, &new, c->fleet, 'd');
	assert_check(check_cert((struct ppn_bytes){ object, len }, &trust), PPN_CHECK_OK);
	free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(root_round_trip),
		cmocka_unit_test(fleet_id_leaves_itself_out),
		cmocka_unit_test(root_form),
		cmocka_unit_test(root_reader_refuses),
		cmocka_unit_test(root_writers_refuse),
		cmocka_unit_test(root_signature_count),
		cmocka_unit_test(chain_quorum),
		cmocka_unit_test(chain_result),
		cmocka_unit_test(chain_hostile),
		cmocka_unit_test(chain_one_key_twice),
		cmocka_unit_test(chain_signatures_in_order),
		cmocka_unit_test(chain_changes_nothing_fixed),
		cmocka_unit_test(chain_bounds),
		cmocka_unit_test(chain_pin),
		cmocka_unit_test(chain_never_goes_back),
		cmocka_unit_test(chain_higher_minor),
		cmocka_unit_test(cert_round_trip),
		cmocka_unit_test(cert_form),
		cmocka_unit_test(cert_writer_refuses),
		cmocka_unit_test(cert_name_on_the_wire),
		cmocka_unit_test(cert_signer),
		cmocka_unit_test(cert_of_another_fleet),
		cmocka_unit_test(cert_quarter),
		cmocka_unit_test(cert_rights),
		cmocka_unit_test(cert_expiry),
		cmocka_unit_test(cert_raises_the_floor),
		cmocka_unit_test(floor_of_a_new_generation),
		cmocka_unit_test(cert_after_a_new_generation),
	};

	return cmocka_run_group_tests_name("trust", tests, setup_crypto, NULL);
}
