// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Rosters: form, what no two members share, order, look-up, difference. Bundles: test_bundle.c */
#include "unit/hostile.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include "unit/members.h"

/* ---- form ---- */

static enum ppn_check read_roster(struct ppn_bytes bytes, void *arg)
{
	struct ppn_object_view view;
	struct ppn_roster roster;
	enum ppn_check check = ppn_object_take(&bytes, PPN_OBJECT_ROSTER, PPN_ROSTER_MAX, &view);

	if (check == PPN_CHECK_OK)
		check = ppn_roster_read(&view, test_fleet, &roster);
	if (check != PPN_CHECK_OK)
		return check;
	ppn_roster_free(&roster);
	if (bytes.len)
		return PPN_CHECK_LONG;
	return *(bool *)arg && !signed_by_seat(&view) ? PPN_CHECK_SIGNATURE : PPN_CHECK_OK;
}

static void round_trip(void **state)
{
	struct ppn_roster roster, back;
	struct ppn_object_view view;
	uint8_t object[ROSTER_ROOM], hash[PPN_HASH_LEN];
	struct ppn_bytes in = { object, 0 };
	bool verify = true;

	(void)state;
	roster_make(&roster);
	in.len = roster_object(object, &roster);
	assert_check(ppn_object_take(&in, PPN_OBJECT_ROSTER, PPN_ROSTER_MAX, &view), PPN_CHECK_OK);
	assert_true(signed_by_seat(&view));
	assert_check(ppn_roster_read(&view, test_fleet, &back), PPN_CHECK_OK);
	ppn_hash(hash, view.whole.data, view.whole.len);
	assert_memory_equal(back.version.hash, hash, sizeof(hash));
	memcpy(roster.version.hash, hash, sizeof(hash));
	assert_true(same_roster(&back, &roster));
	refuses_truncation(read_roster, &verify, view.whole);
	refuses_flips(read_roster, &verify, view.whole, 0);
	ppn_roster_free(&back);
	ppn_roster_free(&roster);
}

static void room_is_enough(void **state)
{
	struct ppn_roster roster;
	uint8_t *object, seed[32];
	size_t room;
	ssize_t len;

	(void)state;
	roster_make(&roster);
	for (uint32_t i = 0; i < roster.n_members; i++) { /* as long as a member can be */
		struct ppn_member *m = &roster.members[i];

		memset(m->name, 'a' + (int)i, PPN_NAME_MAX);
		memset(m->roles, 'r', PPN_ROLES_LEN_MAX);
		for (size_t at = 30; at < PPN_ROLES_LEN_MAX; at += 31)
			m->roles[at] = ',';
		m->n_endpoints = PPN_ENDPOINTS_MAX;
		for (int e = 0; e < PPN_ENDPOINTS_MAX; e++)
			m->endpoint[e] = endpoint_of("2001:db8::1", 51820);
	}
	secret_of(seed, "seat");
	room = ppn_roster_room(&roster);
	object = malloc(room);
	len = ppn_roster_write(object, room, &roster, test_fleet, seed);
	assert_int_equal(len, room);
	for (size_t max = 0; max < room; max += 7)
		assert_int_equal(ppn_roster_write(object, max, &roster, test_fleet, seed),
				 -EMSGSIZE);
	free(object);
	ppn_roster_free(&roster);
}

/* Nothing is too little to be a roster. */
static void empty(void **state)
{
	struct ppn_roster roster = { .version.epoch = 1 }, back;
	uint8_t object[ROSTER_ROOM];
	struct ppn_bytes in = { object, roster_object(object, &roster) };
	struct ppn_object_view view;

	(void)state;
	assert_check(ppn_object_take(&in, PPN_OBJECT_ROSTER, PPN_ROSTER_MAX, &view), PPN_CHECK_OK);
	assert_check(ppn_roster_read(&view, test_fleet, &back), PPN_CHECK_OK);
	assert_int_equal(back.n_members, 0);
	assert_null(ppn_roster_number(&back, 1));
	assert_null(ppn_roster_find(&back, "x", NULL));
	ppn_roster_free(&back);
}

/* ---- what a writer must not sign, and a reader refuses all the same ---- */

typedef void change_fn(struct ppn_roster *r);

#define CHANGE(name, what)                         \
	static void name(struct ppn_roster *r)     \
	{                                          \
		struct ppn_member *m = r->members; \
		what;                              \
		(void)m;                           \
	}

CHANGE(number_zero, m[0].number = 0)
CHANGE(number_too_big, m[2].number = PPN_NUMBER_MAX + 1)
CHANGE(numbers_equal, m[1].number = m[0].number)
CHANGE(numbers_fall, m[1].number = m[2].number; m[2].number = 101)
CHANGE(no_flag, m[0].flags = 0)
CHANGE(odd_flag, m[0].flags |= 4)
CHANGE(node_without_posture, m[1].posture = PPN_POSTURE_NONE)
CHANGE(odd_posture, m[1].posture = _PPN_POSTURE_MAX)
CHANGE(seat_with_posture, m[0].posture = PPN_POSTURE_ONPREM)
CHANGE(seat_in_the_cloud, m[1].flags |= PPN_MEMBER_SEAT; m[1].serial[0] = 1;
       m[1].posture = PPN_POSTURE_CLOUD)
CHANGE(seat_without_serial, memset(m[0].serial, 0, sizeof(m[0].serial)))
CHANGE(node_with_serial, m[1].serial[0] = 1)
CHANGE(no_identity, memset(m[1].identity, 0, PPN_KEY_LEN))
CHANGE(no_wg_key, memset(m[1].wg_key, 0, PPN_KEY_LEN))
CHANGE(no_name, m[1].name[0] = 0)
CHANGE(blank_in_name, strcpy(m[1].name, "a b"))
CHANGE(escape_in_name, strcpy(m[1].name, "a\033b"))
CHANGE(byte_in_name, strcpy(m[1].name, "a\xff"))
CHANGE(role_upper, strcpy(m[1].roles, "Web"))
CHANGE(role_empty, strcpy(m[1].roles, "a,,b"))
CHANGE(role_first_empty, strcpy(m[1].roles, ",a"))
CHANGE(role_last_empty, strcpy(m[1].roles, "a,"))
CHANGE(role_too_long, memset(m[1].roles, 'r', 32); m[1].roles[32] = 0)
CHANGE(too_many_endpoints, m[1].n_endpoints = PPN_ENDPOINTS_MAX + 1)
CHANGE(endpoint_port, m[1].endpoint[0].port = 0)
CHANGE(endpoint_inside, ppn_mesh_address(m[1].endpoint[0].addr, test_fleet, m[2].identity, 9))
CHANGE(endpoint_none, memset(m[1].endpoint[0].addr, 0, 16))
CHANGE(endpoint_multicast, m[1].endpoint[0] = endpoint_of("ff02::1", 1))
CHANGE(endpoint_v4_none, m[1].endpoint[0] = endpoint_of("::ffff:0.0.0.0", 1))
CHANGE(endpoint_v4_multicast, m[1].endpoint[0] = endpoint_of("::ffff:224.0.0.1", 1))
CHANGE(same_identity, memcpy(m[2].identity, m[1].identity, PPN_KEY_LEN))
CHANGE(same_wg_key, memcpy(m[2].wg_key, m[0].wg_key, PPN_KEY_LEN))
CHANGE(same_name, strcpy(m[2].name, m[0].name))
CHANGE(revoked_equal, memcpy(r->revoked[1], r->revoked[0], PPN_KEY_LEN))
CHANGE(revoked_falls, memset(r->revoked[1], 0, PPN_KEY_LEN))
CHANGE(member_revoked, memcpy(r->revoked[1], m[2].identity, PPN_KEY_LEN); r->revoked[0][0] = 0;
       r->revoked[0][1] = 0)
CHANGE(open_proto, r->open[0].proto = IPPROTO_ICMP)
CHANGE(open_port, r->open[0].port = 0)
CHANGE(open_flags, r->open[0].flags = 2)
CHANGE(open_public_prefix, r->open[0].flags = 1)
CHANGE(open_host_bits, r->open[0].prefix[15] = 1)
CHANGE(open_prefix_len, r->open[0].prefix_len = 129)
CHANGE(open_role, r->open[0].role[0] = 'W')
CHANGE(open_role_padding, r->open[0].role[31] = 'w')
CHANGE(open_role_full, memset(r->open[0].role, 'w', 32))
CHANGE(flow_proto, r->flows[0].proto = 0)
CHANGE(flow_port, r->flows[0].port = 0)
CHANGE(flow_zero, r->flows[0].zero = 1)
CHANGE(flow_from, r->flows[0].from_role[3] = '/')
CHANGE(flow_to, r->flows[0].to_role[3] = '/')
CHANGE(egress_proto, r->egress[0].proto = 0)
CHANGE(egress_host_bits, r->egress[0].prefix[15] = 1)
CHANGE(egress_prefix_len, r->egress[0].prefix_len = 129)
CHANGE(egress_role, r->egress[0].role[0] = ' ')
CHANGE(underlay_kind, r->underlay[0].underlay = _PPN_UNDERLAY_MAX)
CHANGE(underlay_zero, r->underlay[0].zero[1] = 1)
CHANGE(underlay_name, r->underlay[0].ifname[0] = '/')
CHANGE(underlay_no_name, memset(r->underlay[0].ifname, 0, 16))
CHANGE(underlay_long_name, memset(r->underlay[0].ifname, 'e', 16))
CHANGE(underlay_role, r->underlay[0].role[0] = '.')
CHANGE(policy_flags, r->policy_flags = 4)
CHANGE(nothing, )
CHANGE(other_edges, m[0].number = 1; m[2].number = PPN_NUMBER_MAX; strcpy(m[1].roles, "");
       memset(m[2].roles, 'r', 31); r->open[0].prefix_len = 128; r->open[0].prefix[15] = 1;
       r->egress[0].prefix_len = 0; memset(r->egress[0].prefix, 0, 16);
       m[1].endpoint[0] = endpoint_of("fe80::1", 1); r->policy_flags = 3)
CHANGE(node_and_seat, m[1].flags |= PPN_MEMBER_SEAT; memset(m[1].serial, 9, sizeof(m[1].serial)))

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
	ROW(other_edges, OK),
	ROW(node_and_seat, OK),
	ROW(number_zero, FORM),
	ROW(number_too_big, FORM),
	ROW(numbers_equal, DUPLICATE),
	ROW(numbers_fall, ORDER),
	ROW(no_flag, FORM),
	ROW(odd_flag, FORM),
	ROW(node_without_posture, FORM),
	ROW(odd_posture, FORM),
	ROW(seat_with_posture, FORM),
	ROW(seat_in_the_cloud, FORM),
	ROW(seat_without_serial, FORM),
	ROW(node_with_serial, FORM),
	ROW(no_identity, FORM),
	ROW(no_wg_key, FORM),
	ROW(no_name, FORM),
	ROW(blank_in_name, FORM),
	ROW(escape_in_name, FORM),
	ROW(byte_in_name, FORM),
	ROW(role_upper, FORM),
	ROW(role_empty, FORM),
	ROW(role_first_empty, FORM),
	ROW(role_last_empty, FORM),
	ROW(role_too_long, FORM),
	ROW(too_many_endpoints, FORM),
	ROW(endpoint_port, FORM),
	ROW(endpoint_inside, FORM),
	ROW(endpoint_none, FORM),
	ROW(endpoint_multicast, FORM),
	ROW(endpoint_v4_none, FORM),
	ROW(endpoint_v4_multicast, FORM),
	ROW(same_identity, DUPLICATE),
	ROW(same_wg_key, DUPLICATE),
	ROW(same_name, DUPLICATE),
	ROW(revoked_equal, ORDER),
	ROW(revoked_falls, ORDER),
	ROW(member_revoked, FORM),
	ROW(open_proto, FORM),
	ROW(open_port, FORM),
	ROW(open_flags, FORM),
	ROW(open_public_prefix, FORM),
	ROW(open_host_bits, FORM),
	ROW(open_prefix_len, FORM),
	ROW(open_role, FORM),
	ROW(open_role_padding, FORM),
	ROW(open_role_full, FORM),
	ROW(flow_proto, FORM),
	ROW(flow_port, FORM),
	ROW(flow_zero, FORM),
	ROW(flow_from, FORM),
	ROW(flow_to, FORM),
	ROW(egress_proto, FORM),
	ROW(egress_host_bits, FORM),
	ROW(egress_prefix_len, FORM),
	ROW(egress_role, FORM),
	ROW(underlay_kind, FORM),
	ROW(underlay_zero, FORM),
	ROW(underlay_name, FORM),
	ROW(underlay_no_name, FORM),
	ROW(underlay_long_name, FORM),
	ROW(underlay_role, FORM),
	ROW(policy_flags, FORM),
};

static void one_wrong_thing(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		uint8_t object[ROSTER_ROOM];
		struct ppn_roster roster;
		enum ppn_check check;
		bool verify = true;
		size_t len;

		roster_make(&roster);
		changes[i].change(&roster);
		len = roster_forge(object, &roster);
		check = read_exact(read_roster, &verify, object, len);
		if (check != changes[i].check)
			fail_msg("%s: %s", changes[i].name, ppn_check_text(check));
		if (check == PPN_CHECK_OK)
			assert_int_equal(roster_object(object, &roster), len);
		else
			assert_true(refuses_to_sign(&roster));
		ppn_roster_free(&roster);
	}
}

static void counts_that_lie(void **state)
{
	static const struct {
		size_t at;
		uint32_t value;
		enum ppn_check check;
	} rows[] = {
		{ offsetof(struct ppn_roster_body, n_members), PPN_MEMBERS_MAX, PPN_CHECK_SHORT },
		{ offsetof(struct ppn_roster_body, n_members), PPN_MEMBERS_MAX + 1,
		  PPN_CHECK_LONG },
		{ offsetof(struct ppn_roster_body, n_members), UINT32_MAX, PPN_CHECK_LONG },
		{ offsetof(struct ppn_roster_body, n_revoked), PPN_REVOKED_MAX, PPN_CHECK_SHORT },
		{ offsetof(struct ppn_roster_body, n_revoked), PPN_REVOKED_MAX + 1,
		  PPN_CHECK_LONG },
		{ offsetof(struct ppn_roster_body, n_revoked), UINT32_MAX, PPN_CHECK_LONG },
	};
	struct ppn_roster roster;
	uint8_t object[ROSTER_ROOM];
	bool verify = false;

	(void)state;
	roster_make(&roster);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t len = roster_object(object, &roster);
		__be32 value = htobe32(rows[i].value);

		memcpy(object + rows[i].at, &value, sizeof(value));
		assert_check(read_exact(read_roster, &verify, object, len), rows[i].check);
	}
	ppn_roster_free(&roster);
}

/* Signed again after one byte of the first member changed. */
static enum ppn_check read_patched(const struct ppn_roster *roster, size_t at, uint8_t value)
{
	uint8_t object[ROSTER_ROOM], seed[32];
	size_t len = roster_object(object, roster);
	bool verify = true;

	object[sizeof(struct ppn_roster_body) + 2 + at] = value;
	secret_of(seed, "seat");
	assert_int_equal(ppn_object_sign(object + len - PPN_SIG_LEN, PPN_OBJECT_ROSTER, test_fleet,
					 (struct ppn_bytes){ object, len - PPN_SIG_LEN }, seed),
			 0);
	return read_exact(read_roster, &verify, object, len);
}

static void member_bytes(void **state)
{
	const size_t zero = offsetof(struct ppn_member_head, zero);
	const size_t name = sizeof(struct ppn_member_head);
	struct ppn_roster roster;

	(void)state;
	roster_make(&roster);
	assert_check(read_patched(&roster, name, 'x'), PPN_CHECK_OK);
	assert_check(read_patched(&roster, name + 2, 0), PPN_CHECK_FORM);
	for (size_t i = 0; i < 3; i++)
		assert_check(read_patched(&roster, zero + i, 1), PPN_CHECK_FORM);
	ppn_roster_free(&roster);
}

static void too_many_rows(void **state)
{
	struct ppn_roster roster;
	uint8_t *object, seed[32];
	size_t room;

	(void)state;
	roster_make(&roster);
	secret_of(seed, "seat");
	for (int n = PPN_POLICY_RULES_MAX; n <= PPN_POLICY_RULES_MAX + 1; n++) {
		roster.flows = realloc(roster.flows, n * sizeof(*roster.flows));
		for (int i = 1; i < n; i++)
			roster.flows[i] = roster.flows[0];
		roster.n_flows = n;
		room = ppn_roster_room(&roster);
		object = malloc(room);
		assert_int_equal(ppn_roster_write(object, room, &roster, test_fleet, seed) > 0,
				 n == PPN_POLICY_RULES_MAX);
		free(object);
	}
	ppn_roster_free(&roster);
}

/*
 * A later minor: longer members, longer rows, more after the policy. Kept by this reader, refused
 * at 0.
 */
static void higher_minor(void **state)
{
	uint8_t object[ROSTER_ROOM];
	struct ppn_roster roster, back;
	struct ppn_object_view view;
	bool verify = true;

	(void)state;
	roster_make(&roster);
	for (int where = 0; where < 3; where++)
		for (uint8_t minor = 0; minor < 2; minor++) {
			size_t len = roster_forge_minor(object, &roster, minor, where);
			struct ppn_bytes in = { object, len };
			enum ppn_check check = read_exact(read_roster, &verify, object, len);

			assert_int_equal(check == PPN_CHECK_OK, minor == 1);
			if (!minor)
				continue;
			assert_check(ppn_object_take(&in, PPN_OBJECT_ROSTER, PPN_ROSTER_MAX, &view),
				     PPN_CHECK_OK);
			assert_check(ppn_roster_read(&view, test_fleet, &back), PPN_CHECK_OK);
			memcpy(roster.version.hash, back.version.hash, PPN_HASH_LEN);
			assert_true(same_roster(&back, &roster));
			ppn_roster_free(&back);
		}
	ppn_roster_free(&roster);
}

static void not_a_roster(void **state)
{
	struct ppn_object_view view = { .kind = PPN_OBJECT_CERT };
	struct ppn_roster roster;

	(void)state;
	assert_check(ppn_roster_read(&view, test_fleet, &roster), PPN_CHECK_KIND);
}

/* ---- many ---- */

static void ten_thousand(void **state)
{
	enum { N = 10000 };
	struct ppn_roster roster = { .version.epoch = 5, .n_members = N }, back, copy;
	struct ppn_object_view view;
	struct ppn_bytes in;
	uint8_t *object, seed[32];
	size_t room;

	(void)state;
	roster.members = calloc(N, sizeof(*roster.members));
	for (uint32_t i = 0; i < N; i++)
		roster.members[i] = numbered_member(100 + i);
	secret_of(seed, "seat");
	room = ppn_roster_room(&roster);
	object = malloc(room);
	in = (struct ppn_bytes){ object, (size_t)ppn_roster_write(object, room, &roster, test_fleet,
								  seed) };
	assert_check(ppn_object_take(&in, PPN_OBJECT_ROSTER, PPN_ROSTER_MAX, &view), PPN_CHECK_OK);
	assert_check(ppn_roster_read(&view, test_fleet, &back), PPN_CHECK_OK);
	memcpy(roster.version.hash, back.version.hash, PPN_HASH_LEN);
	assert_true(same_roster(&back, &roster));
	assert_int_equal(ppn_roster_copy(&copy, &back), 0);
	assert_true(same_roster(&copy, &back));
	assert_ptr_equal(ppn_roster_number(&back, 5000), &back.members[4900]);
	/* the last two share a key: seen among ten thousand */
	memcpy(roster.members[N - 1].wg_key, roster.members[17].wg_key, PPN_KEY_LEN);
	assert_int_equal(ppn_roster_write(object, room, &roster, test_fleet, seed), -EINVAL);
	free(object);
	ppn_roster_free(&copy);
	ppn_roster_free(&back);
	ppn_roster_free(&roster);
}

/* ---- order ---- */

static void versions_in_order(void **state)
{
	static const struct ppn_roster_version rising[] = {
		{ 0, 0, 0, { 0 } },	     { 0, 0, 0, { 1 } },       { 0, 0, 1, { 0 } },
		{ 0, 0, UINT64_MAX, { 9 } }, { 0, 1, 0, { 0 } },       { 0, UINT32_MAX, 7, { 0 } },
		{ 1, 0, 0, { 0 } },	     { 1, 0, 0, { 0, 0, 1 } }, { UINT32_MAX, 0, 0, { 0 } },
	};
	const int n = sizeof(rising) / sizeof(rising[0]);

	(void)state;
	for (int a = 0; a < n; a++)
		for (int b = 0; b < n; b++) {
			int order = ppn_roster_compare(&rising[a], &rising[b]);

			assert_int_equal((order > 0) - (order < 0), (a > b) - (a < b));
		}
}

/* ---- look-up ---- */

static void finds(void **state)
{
	const struct ppn_member *two, *m;
	struct ppn_roster roster;
	char text[128], label[10];

	(void)state;
	roster_make(&roster);
	m = roster.members;
	assert_ptr_equal(ppn_roster_number(&roster, m[1].number), &m[1]);
	assert_null(ppn_roster_number(&roster, 0));
	assert_null(ppn_roster_number(&roster, m[1].number + 1));
	assert_ptr_equal(ppn_roster_identity(&roster, m[2].identity), &m[2]);
	assert_null(ppn_roster_identity(&roster, m[2].wg_key));

	assert_ptr_equal(ppn_roster_find(&roster, m[2].name, &two), &m[2]);
	assert_null(two);
	assert_ptr_equal(ppn_roster_find(&roster, ppn_label(label, m[1].identity), NULL), &m[1]);
	ppn_symbols(text, 8, m[1].identity); /* without dash */
	assert_ptr_equal(ppn_roster_find(&roster, text, NULL), &m[1]);
	for (size_t n = 20; n <= 51; n++)
		assert_ptr_equal(
			ppn_roster_find(&roster, ppn_symbols(text, n, m[2].identity), NULL), &m[2]);
	for (size_t n = 0; n < 20; n++)
		if (n != 8)
			assert_null(ppn_roster_find(&roster, ppn_symbols(text, n, m[2].identity),
						    NULL));
	assert_ptr_equal(ppn_roster_find(&roster, ppn_hex(text, m[0].identity, PPN_KEY_LEN), NULL),
			 &m[0]);
	assert_null(ppn_roster_find(&roster, ppn_hex(text, m[0].wg_key, PPN_KEY_LEN), NULL));
	assert_null(ppn_roster_find(&roster, "", &two));
	assert_null(two);
	ppn_symbols(text, 20, m[2].identity);
	text[19] = text[19] == '0' ? '1' : '0';
	assert_null(ppn_roster_find(&roster, text, NULL));
	ppn_roster_free(&roster);
}

/* As people type it: upper case, dashes anywhere, O, I and L. */
static void finds_typed(void **state)
{
	struct ppn_roster roster;

	(void)state;
	roster_make(&roster);
	for (uint32_t i = 0; i < roster.n_members; i++) {
		char symbols[52], typed[128], *out = typed;

		ppn_symbols(symbols, 51, roster.members[i].identity);
		for (int at = 0; at < 51; at++) {
			char c = symbols[at];

			if (at % 4 == 0)
				*out++ = '-';
			*out++ = c == '0'	    ? (at % 2 ? 'o' : 'O') :
				 c == '1'	    ? "iIlL"[at % 4] :
				 c >= 'a' && at % 2 ? (char)(c - 'a' + 'A') :
						      c;
		}
		*out = '\0';
		assert_ptr_equal(ppn_roster_find(&roster, typed, NULL), &roster.members[i]);
	}
	ppn_roster_free(&roster);
}

/* A name that is another's label: never a guess. */
static void finds_two(void **state)
{
	const struct ppn_member *two;
	struct ppn_roster roster;
	char label[10];

	(void)state;
	roster_make(&roster);
	strcpy(roster.members[2].name, ppn_label(label, roster.members[1].identity));
	assert_ptr_equal(ppn_roster_find(&roster, label, &two), &roster.members[1]);
	assert_ptr_equal(two, &roster.members[2]);
	assert_null(ppn_roster_find(&roster, label, NULL));
	ppn_roster_free(&roster);
}

static void roles(void **state)
{
	static const struct {
		const char *roles, *role;
		bool has;
	} rows[] = {
		{ "", "", false },	 { "", "a", false },	    { "a", "a", true },
		{ "a", "", false },	 { "ab", "a", false },	    { "a", "ab", false },
		{ "a,b,c", "a", true },	 { "a,b,c", "b", true },    { "a,b,c", "c", true },
		{ "a,b,c", "d", false }, { "aa,ab", "a", false },   { "aa,ab", "b", false },
		{ "a,b", "a,b", false }, { "db,web", "web", true }, { "db,web", "db", true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ppn_member member = { 0 };

		strcpy(member.roles, rows[i].roles);
		if (ppn_member_has_role(&member, rows[i].role) != rows[i].has)
			fail_msg("\"%s\" in \"%s\"", rows[i].role, rows[i].roles);
	}
}

/* ---- difference ---- */

struct log {
	char text[256];
};

static void note(void *arg, enum ppn_change what, const struct ppn_member *was,
		 const struct ppn_member *is)
{
	struct log *log = arg;
	size_t len = strlen(log->text);

	assert_int_equal(was == NULL, what == PPN_CHANGE_ADDED);
	assert_int_equal(is == NULL, what == PPN_CHANGE_REMOVED);
	if (what == PPN_CHANGE_CHANGED) {
		assert_int_equal(was->number, is->number);
		assert_memory_equal(was->identity, is->identity, PPN_KEY_LEN);
	}
	snprintf(log->text + len, sizeof(log->text) - len, "%c%u ", "+-~"[what],
		 was ? was->number : is->number);
}

static const char *diff(const struct ppn_roster *from, const struct ppn_roster *to)
{
	static struct log log;

	log.text[0] = '\0';
	ppn_roster_diff(from, to, note, &log);
	return log.text;
}

CHANGE(other_posture, m[1].posture = PPN_POSTURE_LEASED)
CHANGE(other_name, strcpy(m[1].name, "renamed"))
CHANGE(other_roles, strcpy(m[1].roles, "x"))
CHANGE(other_wg_key, m[1].wg_key[0] ^= 1)
CHANGE(other_serial, m[0].serial[3] ^= 1)
CHANGE(other_endpoint, m[1].endpoint[0].port ^= 1)
CHANGE(other_address, m[1].endpoint[0].addr[15] ^= 1)
CHANGE(fewer_endpoints, m[1].n_endpoints--)
CHANGE(unused_endpoint, m[1].endpoint[3].port ^= 1)
CHANGE(other_identity, m[1].identity[0] ^= 1)
CHANGE(other_epoch, r->version.epoch++; r->issued++)
CHANGE(first_gone, memmove(m, m + 1, 2 * sizeof(*m)); r->n_members--)
CHANGE(last_gone, r->n_members--)
CHANGE(all_gone, r->n_members = 0)
CHANGE(moved, m[2].number++)
CHANGE(several, m[0].serial[3] ^= 1; m[1].identity[0] ^= 1; m[2].number += 5)

static void differences(void **state)
{
	static const struct {
		change_fn *change;
		const char *text;
	} rows[] = {
		{ nothing, "" },
		{ other_posture, "~100 " },
		{ other_name, "~100 " },
		{ other_roles, "~100 " },
		{ other_wg_key, "~100 " },
		{ other_serial, "~1 " },
		{ other_endpoint, "~100 " },
		{ other_address, "~100 " },
		{ fewer_endpoints, "~100 " },
		{ unused_endpoint, "" },
		{ other_identity, "-100 +100 " },
		{ other_epoch, "" },
		{ first_gone, "-1 " },
		{ last_gone, "-200 " },
		{ all_gone, "-1 -100 -200 " },
		{ moved, "-200 +201 " },
		{ several, "~1 -100 +100 -200 +205 " },
	};
	struct ppn_roster from, to;

	(void)state;
	roster_make(&from);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(ppn_roster_copy(&to, &from), 0);
		rows[i].change(&to);
		assert_string_equal(diff(&from, &to), rows[i].text);
		ppn_roster_free(&to);
	}
	assert_string_equal(diff(NULL, &from), "+1 +100 +200 ");
	memset(&to, 0, sizeof(to));
	assert_string_equal(diff(&to, &from), "+1 +100 +200 ");
	assert_string_equal(diff(&to, &to), "");
	ppn_roster_free(&from);
}

static void copies_are_deep(void **state)
{
	struct ppn_roster roster, copy;

	(void)state;
	roster_make(&roster);
	assert_int_equal(ppn_roster_copy(&copy, &roster), 0);
	assert_true(same_roster(&copy, &roster));
	ppn_roster_free(&roster);
	assert_int_equal(copy.members[2].number, 200);
	assert_int_equal(copy.n_underlay, 1);
	assert_string_equal((char *)copy.underlay[0].ifname, "eth0");
	ppn_roster_free(&copy);
	assert_null(copy.members);
	ppn_roster_free(&copy); /* twice is fine */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip),
		cmocka_unit_test(room_is_enough),
		cmocka_unit_test(empty),
		cmocka_unit_test(one_wrong_thing),
		cmocka_unit_test(counts_that_lie),
		cmocka_unit_test(member_bytes),
		cmocka_unit_test(too_many_rows),
		cmocka_unit_test(higher_minor),
		cmocka_unit_test(not_a_roster),
		cmocka_unit_test(ten_thousand),
		cmocka_unit_test(versions_in_order),
		cmocka_unit_test(finds),
		cmocka_unit_test(finds_typed),
		cmocka_unit_test(finds_two),
		cmocka_unit_test(roles),
		cmocka_unit_test(differences),
		cmocka_unit_test(copies_are_deep),
	};

	return cmocka_run_group_tests(tests, setup_crypto, NULL);
}
