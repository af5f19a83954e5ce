// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Ledger entries: chain, signature, fold, words. Files: test_ledger_file.c */
#include "unit/hostile.h"

#include <netinet/in.h>

#include <endian.h>
#include <errno.h>
#include <ppn/ctl.h>
#include <stdio.h>
#include "lib/ledger.h"
#include "unit/fleet.h"

static const uint8_t fleet[PPN_HASH_LEN] = { 1, 2, 3 };
static const char text[] = "what happened";

static size_t append(uint8_t *at, size_t max, struct ppn_ledger_head *head,
		     enum ppn_entry_type type, const void *payload, size_t len)
{
	uint8_t seed[32];
	ssize_t n;

	secret_of(seed, "node");
	n = ppn_ledger_append(at, max, head, NOW * 1000 + head->size, type,
			      (struct ppn_bytes){ payload, len }, fleet, seed, head);
	assert_true(n > 0);
	return (size_t)n;
}

static void chain_round_trip(void **state)
{
	struct ppn_ledger_head written = { 0 }, read = { 0 };
	uint8_t key[PPN_KEY_LEN], bytes[3 * PPN_LEDGER_ENTRY_MAX];
	static uint8_t big[PPN_LEDGER_PAYLOAD_MAX];
	size_t len = 0;
	struct ppn_bytes in = { bytes, 0 };
	struct ppn_entry entry;

	(void)state;
	sign_key_of(key, "node");
	memset(big, 0x5a, sizeof(big));
	len += append(bytes + len, sizeof(bytes) - len, &written, 77, text, sizeof(text));
	len += append(bytes + len, sizeof(bytes) - len, &written, PPN_ENTRY_HOLDING, NULL, 0);
	len += append(bytes + len, sizeof(bytes) - len, &written, PPN_ENTRY_COMMAND, big,
		      sizeof(big));
	in.len = len;
	assert_check(ppn_ledger_next(&in, &read, fleet, key, &entry), PPN_CHECK_OK);
	assert_int_equal(entry.index, 0);
	assert_int_equal(entry.type, 77);
	assert_int_equal(entry.time_ms, NOW * 1000);
	assert_int_equal(entry.payload.len, sizeof(text));
	assert_memory_equal(entry.payload.data, text, sizeof(text));
	assert_check(ppn_ledger_next(&in, &read, fleet, key, &entry), PPN_CHECK_OK);
	assert_int_equal(entry.payload.len, 0);
	assert_check(ppn_ledger_next(&in, &read, fleet, key, &entry), PPN_CHECK_OK);
	assert_int_equal(entry.index, 2);
	assert_memory_equal(entry.payload.data, big, sizeof(big));
	assert_memory_equal(&read, &written, sizeof(read));
	assert_memory_equal(entry.hash, read.hash, sizeof(read.hash));
	assert_int_equal(in.len, 0);
	assert_check(ppn_ledger_next(&in, &read, fleet, key, &entry), PPN_CHECK_SHORT);
}

static void append_bounds(void **state)
{
	struct ppn_ledger_head head = { 0 }, before = head;
	static uint8_t out[PPN_LEDGER_ENTRY_MAX + 8], payload[PPN_LEDGER_PAYLOAD_MAX + 1];
	uint8_t seed[32];
	const size_t need = 4 + sizeof(struct ppn_entry_body) + sizeof(text) + PPN_SIG_LEN;

	(void)state;
	secret_of(seed, "node");
	assert_int_equal(ppn_ledger_append(out, sizeof(out), &head, 0, 77,
					   (struct ppn_bytes){ payload, sizeof(payload) }, fleet,
					   seed, &head),
			 -EINVAL);
	for (size_t max = 0; max < need; max++)
		assert_int_equal(ppn_ledger_append(out, max, &head, 0, 77, BYTES(text), fleet, seed,
						   &head),
				 -EMSGSIZE);
	assert_memory_equal(&head, &before, sizeof(head));
	assert_int_equal(
		ppn_ledger_append(out, need, &head, 0, 77, BYTES(text), fleet, seed, &head), need);
	assert_int_equal(head.size, 1);
}

/* Entry 1 of a chain of two, alone in a block. */
static enum ppn_check read_second(struct ppn_bytes bytes, void *arg)
{
	struct ppn_ledger_head head = *(struct ppn_ledger_head *)arg;
	struct ppn_bytes was = bytes;
	uint8_t key[PPN_KEY_LEN];
	struct ppn_entry entry = { .index = 99 };
	enum ppn_check check;

	sign_key_of(key, "node");
	check = ppn_ledger_next(&bytes, &head, fleet, key, &entry);
	if (check == PPN_CHECK_OK)
		return bytes.len ? PPN_CHECK_LONG : PPN_CHECK_OK;
	assert_int_equal(entry.index, 99);
	assert_int_equal(bytes.len, was.len);
	assert_ptr_equal(bytes.data, was.data);
	assert_memory_equal(&head, arg, sizeof(head));
	return check;
}

static void hostile_entry(void **state)
{
	struct ppn_ledger_head first = { 0 }, head;
	uint8_t bytes[PPN_LEDGER_ENTRY_MAX];
	struct ppn_bytes good = { bytes, 0 };

	(void)state;
	append(bytes, sizeof(bytes), &first, 77, text, sizeof(text));
	head = first;
	good.len = append(bytes, sizeof(bytes), &head, PPN_ENTRY_COMMAND, text, sizeof(text));
	refuses_truncation(read_second, &first, good);
	refuses_flips(read_second, &first, good, 0);
}

static void wrong_in_one_way(void **state)
{
	struct ppn_ledger_head first = { 0 }, head, other;
	uint8_t bytes[PPN_LEDGER_ENTRY_MAX], key[PPN_KEY_LEN], stranger[PPN_KEY_LEN];
	uint8_t other_fleet[PPN_HASH_LEN] = { 9 };
	struct ppn_bytes in = { bytes, 0 };
	struct ppn_entry entry;

	(void)state;
	sign_key_of(key, "node");
	sign_key_of(stranger, "stranger");
	append(bytes, sizeof(bytes), &first, 77, text, sizeof(text));
	head = first;
	in.len = append(bytes, sizeof(bytes), &head, 78, text, sizeof(text));
	other = first;
	other.size = 2;
	assert_check(ppn_ledger_next(&in, &other, fleet, key, &entry), PPN_CHECK_ORDER);
	other = first;
	other.hash[31] ^= 1;
	assert_check(ppn_ledger_next(&in, &other, fleet, key, &entry), PPN_CHECK_HASH);
	other = first;
	assert_check(ppn_ledger_next(&in, &other, fleet, stranger, &entry), PPN_CHECK_SIGNATURE);
	assert_check(ppn_ledger_next(&in, &other, other_fleet, key, &entry), PPN_CHECK_SIGNATURE);
	/* a byte in the frame that no hash covers */
	memcpy(bytes, &(__be32){ htobe32((uint32_t)in.len - 4 + 1) }, 4);
	in.len++;
	assert_check(ppn_ledger_next(&in, &other, fleet, key, &entry), PPN_CHECK_FORM);
	memcpy(bytes, &(__be32){ htobe32(20) }, 4);
	assert_check(ppn_ledger_next(&in, &other, fleet, key, &entry), PPN_CHECK_FORM);
	memcpy(bytes, &(__be32){ htobe32(PPN_LEDGER_ENTRY_MAX) }, 4);
	assert_check(ppn_ledger_next(&in, &other, fleet, key, &entry), PPN_CHECK_LONG);
}

/* A later version's object: a minor with one more field is kept, a major refused in words. */
static void versions(void **state)
{
	uint8_t bytes[PPN_LEDGER_ENTRY_MAX], seed[32];
	struct ppn_entry_body body = { .type = htobe16(77) };
	uint8_t object[sizeof(body) + 3];
	struct ppn_ledger_head head;
	struct ppn_entry entry;
	struct ppn_bytes in;
	ssize_t len;

	(void)state;
	secret_of(seed, "node");
	for (int version = 0; version < 3; version++) {
		body.head = ppn_object_head(PPN_OBJECT_ENTRY, sizeof(object));
		body.head.minor = version == 1;
		body.head.major += version == 2;
		memset(object, 0, sizeof(object));
		memcpy(object, &body, sizeof(body));
		len = ppn_object_finish(bytes + 4, sizeof(bytes) - 4, BYTES(object), fleet, seed);
		assert_true(len > 0);
		memcpy(bytes, &(__be32){ htobe32((uint32_t)len) }, 4);
		memset(&head, 0, sizeof(head));
		in = (struct ppn_bytes){ bytes, 4 + (size_t)len };
		assert_check(ppn_ledger_next(&in, &head, fleet, NULL, &entry),
			     version == 0 ? PPN_CHECK_LONG :
			     version == 1 ? PPN_CHECK_OK :
					    PPN_CHECK_MAJOR);
	}
}

/* ---- fold ---- */

static const struct ppn_entry_genesis genesis = { .mode = PPN_MODE_PIN,
						  .posture = PPN_POSTURE_LEASED };
static const struct ppn_entry_genesis bad_mode = { .mode = 3, .posture = PPN_POSTURE_LEASED };
static const struct ppn_entry_genesis bad_posture = { .mode = PPN_MODE_PIN };
static const struct ppn_entry_bound bound = { .bound = { 1 }, .claim = { 2 } };
static const struct ppn_entry_bound rebound = { .bound = { 3 }, .claim = { 4 } };
static const struct ppn_entry_roster roster = { .hash = { 5 } };
static const struct ppn_entry_command command;
static const struct ppn_entry_command first_seat = { .serial = { 1 }, .seq = 11 },
				      second_seat = { .serial = { 2 }, .seq = 22 };
static const struct ppn_entry_seal observe = { .mode = PPN_SEAL_OBSERVE };
static const struct ppn_entry_seal enforce = { .mode = PPN_SEAL_ENFORCE };
static const struct ppn_entry_seal off = { .mode = PPN_SEAL_OFF }, bad_seal = { .mode = 3 };

static const struct ppn_entry_trial trial_began = { .what = PPN_TRIAL_BEGAN };
static const struct ppn_entry_trial trial_reverted = { .what = PPN_TRIAL_REVERTED };
static const struct ppn_entry_trial trial_confirmed = { .what = PPN_TRIAL_CONFIRMED };
static const struct ppn_entry_trial trial_claimed = { .what = PPN_TRIAL_CLAIMED };
static const struct ppn_entry_trial bad_trial = { .what = _PPN_TRIAL_MAX };
static const struct ppn_entry_egress opened = { .what = PPN_OPENING_OPENED };

struct step {
	char name;
	uint16_t type;
	const void *payload;
	size_t len;
};

#define STEP(name, type, of)                              \
	{                                                 \
		name, PPN_ENTRY_##type, &(of), sizeof(of) \
	}
static const struct step steps[] = {
	STEP('g', GENESIS, genesis),
	STEP('m', GENESIS, bad_mode),
	STEP('p', GENESIS, bad_posture),
	{ 'h', PPN_ENTRY_HOLDING, NULL, 0 },
	STEP('b', BOUND, bound),
	STEP('B', BOUND, rebound),
	STEP('r', ROSTER, roster),
	STEP('i', ISOLATED, command),
	STEP('e', RELEASED, command),
	STEP('c', COMMAND, command),
	STEP('o', SEAL, observe),
	STEP('s', SEAL, enforce),
	STEP('w', SEAL, off),
	STEP('x', SEAL, bad_seal),
	STEP('T', TRIAL, trial_began),
	STEP('R', TRIAL, trial_reverted),
	STEP('C', TRIAL, trial_confirmed),
	STEP('L', TRIAL, trial_claimed),
	STEP('X', TRIAL, bad_trial),
	STEP('E', EGRESS, opened),
	STEP('t', SEAT, first_seat.serial),
	STEP('1', COMMAND, first_seat),
	STEP('2', ISOLATED, second_seat),
	{ 'd', PPN_ENTRY_DISCHARGED, NULL, 0 },
	{ 'f', PPN_ENTRY_FLEET, NULL, 0 },
	{ 'n', PPN_ENTRY_SENT, &command, sizeof(command) },
	{ 'u', 999, NULL, 0 },
};

static enum ppn_check fold(struct ppn_ledger_state *state, const char *names)
{
	enum ppn_check check = PPN_CHECK_OK;
	struct ppn_entry entry = { 0 };

	for (; *names && check == PPN_CHECK_OK; names++, entry.index++) {
		const struct step *step = steps;
		struct ppn_ledger_state before = *state;

		while (step->name != *names)
			step++;
		entry.type = step->type;
		entry.payload = (struct ppn_bytes){ step->payload, step->len };
		check = ppn_ledger_fold(state, &entry);
		if (check != PPN_CHECK_OK)
			assert_memory_equal(state, &before, sizeof(before));
	}
	return names[0] ? PPN_CHECK_LONG : check; /* LONG: it stopped before the end */
}

static void folds_to(void **unused)
{
	static const struct {
		const char *entries;
		enum ppn_state state;
	} rows[] = {
		{ "", PPN_STATE_BLIND },	 { "g", PPN_STATE_BLIND },
		{ "gu", PPN_STATE_BLIND },	 { "gh", PPN_STATE_HOLDING },
		{ "ghh", PPN_STATE_HOLDING },	 { "ghoc", PPN_STATE_HOLDING },
		{ "ghb", PPN_STATE_BOUND },	 { "gb", PPN_STATE_BOUND },
		{ "ghbrtc", PPN_STATE_BOUND },	 { "ghbi", PPN_STATE_ISOLATED },
		{ "ghbii", PPN_STATE_ISOLATED }, { "ghbie", PPN_STATE_BOUND },
		{ "ghbe", PPN_STATE_BOUND },	 { "ghbiB", PPN_STATE_ISOLATED },
		{ "ghbid", PPN_STATE_HOLDING },	 { "ghbidb", PPN_STATE_BOUND },
		{ "ghbdc", PPN_STATE_HOLDING },	 { "ghbdh", PPN_STATE_HOLDING },
	};

	(void)unused;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ppn_ledger_state state = { 0 };

		assert_check(fold(&state, rows[i].entries), PPN_CHECK_OK);
		if (ppn_ledger_genesis_state(&state) != rows[i].state)
			fail_msg("%s folds to %s", rows[i].entries,
				 ppn_state_text(ppn_ledger_genesis_state(&state)));
		state.damaged = true;
		assert_int_equal(ppn_ledger_genesis_state(&state), PPN_STATE_DAMAGED);
	}
}

static void refuses_sequences(void **unused)
{
	static const struct {
		const char *entries; /* the last one is refused */
		enum ppn_check check;
	} rows[] = {
		{ "h", PPN_CHECK_ORDER },     { "b", PPN_CHECK_ORDER },
		{ "c", PPN_CHECK_ORDER },     { "o", PPN_CHECK_ORDER },
		{ "u", PPN_CHECK_ORDER },     { "f", PPN_CHECK_ORDER },
		{ "m", PPN_CHECK_FORM },      { "p", PPN_CHECK_FORM },
		{ "gg", PPN_CHECK_ORDER },    { "gr", PPN_CHECK_ORDER },
		{ "gi", PPN_CHECK_ORDER },    { "ge", PPN_CHECK_ORDER },
		{ "gt", PPN_CHECK_ORDER },    { "gd", PPN_CHECK_ORDER },
		{ "gf", PPN_CHECK_ORDER },    { "gn", PPN_CHECK_ORDER },
		{ "ghr", PPN_CHECK_ORDER },   { "ghi", PPN_CHECK_ORDER },
		{ "gx", PPN_CHECK_FORM },     { "ghbh", PPN_CHECK_ORDER },
		{ "ghbg", PPN_CHECK_ORDER },  { "ghbdr", PPN_CHECK_ORDER },
		{ "ghbdi", PPN_CHECK_ORDER }, { "ghbdd", PPN_CHECK_ORDER },
	};

	(void)unused;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ppn_ledger_state state = { 0 };

		if (fold(&state, rows[i].entries) != rows[i].check)
			fail_msg("%s is not %s", rows[i].entries, ppn_check_text(rows[i].check));
	}
}

static void short_payloads(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		struct ppn_ledger_state state = { 0 }, before;
		struct ppn_entry entry = { .type = steps[i].type,
					   .payload = { steps[i].payload, steps[i].len - 1 } };

		if (steps[i].type != PPN_ENTRY_GENESIS)
			assert_check(fold(&state, "gb"), PPN_CHECK_OK);
		if (!steps[i].len || steps[i].type == PPN_ENTRY_SENT)
			continue;
		before = state;
		assert_check(ppn_ledger_fold(&state, &entry), PPN_CHECK_FORM);
		assert_memory_equal(&state, &before, sizeof(state));
	}
}

/* A genesis that is not entry 0 is none, even if nothing came before it. */
static void late_genesis(void **unused)
{
	struct ppn_ledger_state state = { 0 };
	struct ppn_entry entry = { .index = 1,
				   .type = PPN_ENTRY_GENESIS,
				   .payload = BYTES(genesis) };

	(void)unused;
	assert_check(ppn_ledger_fold(&state, &entry), PPN_CHECK_ORDER);
	assert_false(state.has_genesis);
}

static void fold_remembers(void **unused)
{
	struct ppn_ledger_state state = { 0 };

	(void)unused;
	assert_check(fold(&state, "ghoT"), PPN_CHECK_OK);
	assert_true(state.trial && state.observe);
	memset(&state, 0, sizeof(state));
	assert_check(fold(&state, "ghoTER"), PPN_CHECK_OK);
	assert_true(!state.trial && state.observe);
	memset(&state, 0, sizeof(state));
	assert_check(fold(&state, "ghoTC"), PPN_CHECK_OK);
	assert_true(!state.trial && !state.observe && state.has_seal);
	memset(&state, 0, sizeof(state));
	assert_check(fold(&state, "ghoTL"), PPN_CHECK_OK);
	assert_true(!state.trial && !state.observe && state.has_seal);
	memset(&state, 0, sizeof(state));
	assert_check(fold(&state, "gX"), PPN_CHECK_FORM);
	memset(&state, 0, sizeof(state));
	assert_check(fold(&state, "T"), PPN_CHECK_ORDER);
	memset(&state, 0, sizeof(state));
	assert_check(fold(&state, "ghobr"), PPN_CHECK_OK);
	assert_memory_equal(&state.genesis, &genesis, sizeof(genesis));
	assert_memory_equal(state.bound_hash, bound.bound, PPN_HASH_LEN);
	assert_memory_equal(state.claim_hash, bound.claim, PPN_HASH_LEN);
	assert_memory_equal(&state.roster, &roster, sizeof(roster));
	assert_true(state.has_seal && state.observe);
	memset(&state, 0, sizeof(state));
	assert_check(fold(&state, "ghobrsB"), PPN_CHECK_OK);
	assert_memory_equal(state.claim_hash, rebound.claim, PPN_HASH_LEN);
	assert_true(ppn_is_zero(&state.roster, sizeof(state.roster)));
	assert_true(state.has_seal && !state.observe);
	assert_check(fold(&state, "wo"), PPN_CHECK_OK);
	assert_check(fold(&state, "w"), PPN_CHECK_OK);
	assert_true(state.observe); /* taken off: the next start has the mode before */
	memset(&state, 0, sizeof(state));
	assert_check(fold(&state, "ghbrd"), PPN_CHECK_OK);
	assert_true(ppn_is_zero(&state.roster, sizeof(state.roster)));
	assert_true(ppn_is_zero(state.claim_hash, PPN_HASH_LEN));
	assert_true(ppn_is_zero(state.bound_hash, PPN_HASH_LEN));
}

/* A new pair of one seat forgets that seat's results alone; a claim and a discharge forget all. */
static void recent_results(void **unused)
{
	struct ppn_ledger_state state = { 0 };

	(void)unused;
	assert_check(fold(&state, "gb121"), PPN_CHECK_OK);
	assert_int_equal(state.recent[0].seq, 11);
	assert_int_equal(state.recent[1].seq, 22);
	assert_int_equal(state.recent[2].seq, 11);
	assert_check(fold(&state, "t"), PPN_CHECK_OK);
	assert_true(ppn_is_zero(&state.recent[0], sizeof(state.recent[0])));
	assert_int_equal(state.recent[1].seq, 22);
	assert_true(ppn_is_zero(&state.recent[2], sizeof(state.recent[2])));
	assert_check(fold(&state, "B"), PPN_CHECK_OK);
	assert_true(ppn_is_zero(&state.recent, sizeof(state.recent)));
	assert_check(fold(&state, "2d"), PPN_CHECK_OK);
	assert_true(ppn_is_zero(&state.recent, sizeof(state.recent)));
}

/* ---- words ---- */

static void entry_in_words(void **unused)
{
	struct ppn_entry_command isolate = { .serial = { [0] = 0xab, [15] = 2 },
					     .seq = htobe32(7),
					     .op = PPN_OP_ISOLATE,
					     .code = htobe16(PPN_RESULT_ACTED_KERNEL) };
	struct ppn_entry_seal by_uid = { .uid = htobe32(1000) };
	struct ppn_entry_trial trial = { .what = PPN_TRIAL_BEGAN, .seconds = htobe32(120) };
	struct ppn_entry_trial over = { .what = PPN_TRIAL_REVERTED, .uid = UINT32_MAX };
	struct ppn_entry_egress open = { .what = PPN_OPENING_OPENED,
					 .proto = IPPROTO_TCP,
					 .prefix_len = 120,
					 .port = htobe16(443),
					 .seconds = htobe32(1800),
					 .prefix = { [10] = 0xff, 0xff, 192, 0, 2 } };
	struct ppn_entry_egress shut = { .what = PPN_OPENING_ENDED,
					 .proto = IPPROTO_UDP,
					 .uid = UINT32_MAX };
	struct ppn_entry_roster third = { .epoch = htobe64(3), .hash = { 0xcd } };
	struct ppn_entry_command sent = { .serial = { [0] = 0xab, [14] = 1 },
					  .seq = htobe32(8),
					  .op = PPN_OP_PING,
					  .target = htobe32(5) };
	struct ppn_entry_claimed claimed = { .claim = { 0xef }, .number = htobe32(5) };
	char label[10], claimed_line[128];
	const struct {
		struct ppn_entry entry;
		const char *line;
	} rows[] = {
		{ { .type = PPN_ENTRY_HOLDING, .time_ms = 1764000000123 },
		  "0 2025-11-24T16:00:00.123Z holding" },
		{ { .index = 4, .type = PPN_ENTRY_ISOLATED, .payload = BYTES(isolate) },
		  "4 1970-01-01T00:00:00.000Z isolated isolate arg 0 seq 7 acted (kernel) by "
		  "ab00000000000000/2" },
		{ { .type = PPN_ENTRY_SENT, .payload = BYTES(sent) },
		  "0 1970-01-01T00:00:00.000Z sent ping arg 0 seq 8 to 5 by ab00000000000000/256" },
		{ { .type = PPN_ENTRY_SEAT, .payload = BYTES(isolate.serial) },
		  "0 1970-01-01T00:00:00.000Z seat by ab00000000000000/2" },
		{ { .type = PPN_ENTRY_CLAIMED, .payload = BYTES(claimed) }, claimed_line },
		{ { .type = PPN_ENTRY_FLEET, .payload = BYTES(third.hash) },
		  "0 1970-01-01T00:00:00.000Z fleet root cd00000000000000" },
		{ { .type = PPN_ENTRY_SIGNED, .payload = BYTES(third) },
		  "0 1970-01-01T00:00:00.000Z signed roster epoch 3 generation 0 list 0 hash cd00000000000000" },
		{ { .type = PPN_ENTRY_SEAL, .payload = BYTES(by_uid) },
		  "0 1970-01-01T00:00:00.000Z seal enforce by uid 1000" },
		{ { .type = PPN_ENTRY_SEAL, .payload = BYTES(off) },
		  "0 1970-01-01T00:00:00.000Z seal off by uid 0" },
		{ { .type = PPN_ENTRY_ROSTER, .payload = BYTES(third) },
		  "0 1970-01-01T00:00:00.000Z roster epoch 3 generation 0 list 0 hash cd00000000000000" },
		{ { .type = PPN_ENTRY_TRIAL, .payload = BYTES(trial) },
		  "0 1970-01-01T00:00:00.000Z trial began for 120 s by uid 0" },
		{ { .type = PPN_ENTRY_TRIAL, .payload = BYTES(over) },
		  "0 1970-01-01T00:00:00.000Z trial reverted by ppnd" },
		{ { .type = PPN_ENTRY_EGRESS, .payload = BYTES(open) },
		  "0 1970-01-01T00:00:00.000Z egress opened tcp/443 to 192.0.2.0/24 for 1800 s by uid 0" },
		{ { .type = PPN_ENTRY_EGRESS, .payload = BYTES(shut) },
		  "0 1970-01-01T00:00:00.000Z egress ended udp/any to any by ppnd" },
		{ { .type = 999 }, "0 1970-01-01T00:00:00.000Z entry 999 (of a later version)" },
		{ { .type = PPN_ENTRY_BOUND, .payload = { (const uint8_t *)"x", 1 } },
		  "0 1970-01-01T00:00:00.000Z bound" },
		{ { .type = PPN_ENTRY_HOLDING, .time_ms = UINT64_MAX },
		  "0 18446744073709551615 ms holding" },
	};
	char line[256];

	(void)unused;
	snprintf(claimed_line, sizeof(claimed_line),
		 "0 1970-01-01T00:00:00.000Z claimed node %s number 5 claim ef00000000000000",
		 ppn_label(label, claimed.identity));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(ppn_entry_text(line, sizeof(line), &rows[i].entry),
				 strlen(rows[i].line));
		assert_string_equal(line, rows[i].line);
		for (size_t max = 1; max < strlen(rows[i].line); max++) {
			char *tight = malloc(max);

			assert_int_equal(ppn_entry_text(tight, max, &rows[i].entry), max - 1);
			assert_int_equal(strlen(tight), max - 1);
			free(tight);
		}
	}
	assert_null(ppn_entry_type_text(0));
	assert_null(ppn_entry_type_text(13));
	assert_null(ppn_entry_type_text(UINT16_MAX));
	assert_string_equal(ppn_entry_type_text(PPN_ENTRY_SENT), "sent");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chain_round_trip),  cmocka_unit_test(append_bounds),
		cmocka_unit_test(hostile_entry),     cmocka_unit_test(wrong_in_one_way),
		cmocka_unit_test(versions),	     cmocka_unit_test(folds_to),
		cmocka_unit_test(refuses_sequences), cmocka_unit_test(short_payloads),
		cmocka_unit_test(late_genesis),	     cmocka_unit_test(fold_remembers),
		cmocka_unit_test(recent_results),    cmocka_unit_test(entry_in_words),
	};

	return cmocka_run_group_tests(tests, setup_crypto, NULL);
}
