// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Frames that the kernel acted, admitted, or found above the reserved end, and the slots behind them (PROTOCOL 5):
 * ppnd's own code, with a kernel that is played here. No number may be open in the map that is not on disk.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>

#include "node/command.c"
#include "node/slots.c"

#include "unit/fleet.h"
#include "unit/scratch.h"

/* ---- the kernel, and the rest of ppnd ---- */

static struct fleet f;
static struct ppnd node;
static struct ppn_slot map[PPN_SEATS_MAX];
static struct ppn_command command_map;
static struct ppn_frame again;
static unsigned int n_again, n_changed, n_appended, n_happened;
static struct ppn_entry_command appended, happened;
static enum ppn_event event_of;
static int again_err, append_err, happen_err;

static uint32_t reserved_on_disk(void)
{
	struct slot_mark rows[MARKS_MAX];
	ssize_t len = scratch_get(node.state.dir, SLOTS, rows, sizeof(rows));

	return len < (ssize_t)sizeof(rows[0]) ? 0 : be32toh(rows[0].reserved);
}

int ppn_datapath_slot(struct ppn_datapath *dp, uint32_t slot, const struct ppn_slot *value)
{
	(void)dp;
	assert_true(value->reserved <= reserved_on_disk());
	map[slot] = *value;
	return 0;
}

int ppn_datapath_slot_now(struct ppn_datapath *dp, uint32_t slot, struct ppn_slot *ret_value)
{
	(void)dp;
	*ret_value = map[slot];
	return 0;
}

int ppn_datapath_slot_close(struct ppn_datapath *dp, uint32_t slot)
{
	(void)dp;
	map[slot].valid = 0;
	return 0;
}

int ppn_datapath_slot_reserved(struct ppn_datapath *dp, uint32_t slot, uint32_t reserved)
{
	(void)dp;
	assert_true(reserved <= reserved_on_disk()); /* the disk is ahead of the map */
	map[slot].reserved = reserved;
	return 0;
}

int ppn_datapath_command(struct ppn_datapath *dp, struct ppn_command *ret_command)
{
	(void)dp;
	*ret_command = command_map;
	return 0;
}

int ppn_datapath_command_fill(struct ppn_datapath *dp, const struct ppn_command *command)
{
	(void)dp;
	command_map = *command;
	return 0;
}

int ppn_datapath_frame_again(struct ppn_datapath *dp, uint32_t slot, const struct ppn_frame *frame)
{
	(void)dp;
	assert_true(map[slot].valid);
	again = *frame;
	n_again++;
	return again_err;
}

const uint8_t *ppnd_state_claim(const struct ppnd_state *state)
{
	return state->bound.claim_hash;
}

int ppnd_state_append(struct ppnd_state *state, enum ppn_entry_type type, const void *payload,
		      size_t len, bool durable)
{
	(void)state;
	(void)durable;
	assert_int_equal(type, PPN_ENTRY_COMMAND);
	assert_int_equal(len, sizeof(appended));
	memcpy(&appended, payload, len);
	n_appended++;
	return append_err;
}

static void changed(struct ppnd *ppnd)
{
	(void)ppnd;
	n_changed++;
}

static int happen(struct ppnd *ppnd, enum ppn_event event, const struct ppnd_detail *detail)
{
	(void)ppnd;
	event_of = event;
	happened = *detail->command;
	n_happened++;
	return happen_err;
}

/* ---- a bound node with one open slot ---- */

static int setup(void **state)
{
	if (scratch_setup(state))
		return -1;
	fleet_make(&f);
	memset(&node, 0, sizeof(node));
	memset(map, 0, sizeof(map));
	memset(&command_map, 0, sizeof(command_map));
	n_again = n_changed = n_appended = n_happened = 0;
	again_err = append_err = happen_err = 0;
	node.happen = happen;
	node.changed = changed;
	node.fresh = true;
	node.state.dir = scratch_open(state);
	node.state.is_bound = true;
	node.genesis.state = PPN_STATE_BOUND;
	node.state.trust.now = f.trust;
	memcpy(node.state.fleet, f.root.fleet, PPN_HASH_LEN);
	memcpy(node.state.bound.claim.serial, f.seat_cert.serial, PPN_SERIAL_LEN);
	memcpy(node.state.bound.seat_key, f.seat_cert.sign_key, PPN_KEY_LEN);
	node.state.bound.may_send = true;
	memset(node.state.bound.keys.command, 0x4b, PPN_SIP_KEY_LEN);
	assert_int_equal(ppnd_slots_start(&node), 0);
	assert_int_equal(ppnd_slots_prepare(&node, &node.state.bound.keys, NULL), 0);
	ppnd_slots_open(&node);
	assert_true(node.slot[0].open);
	assert_int_equal(map[0].reserved, PPN_SEQ_BLOCK);
	return 0;
}

static int teardown(void **state)
{
	ppnd_slots_stop(&node);
	close(node.state.dir);
	return scratch_teardown(state);
}

static void event(enum ppn_frame_event_kind kind, enum ppn_op op, uint32_t seq)
{
	struct ppn_frame_event e = { .kind = kind,
				     .generation = node.slot[0].generation,
				     .seq = seq,
				     .frame = { .op = op, .arg = 7 } };

	ppnd_command_frame(&node, &e);
}

/* ppnd ends, or the machine does; the next one has the disk, and the maps if it was no reboot. */
static void restart(bool reboot)
{
	ppnd_slots_stop(&node);
	node.fresh = reboot;
	if (reboot)
		memset(map, 0, sizeof(map));
	assert_int_equal(ppnd_slots_start(&node), 0);
	ppnd_slots_open(&node);
	assert_true(node.slot[0].open);
}

/* ---- a seat that connects ---- */

static size_t seats_on_disk(void)
{
	struct seat_row rows[SEATS_MAX];
	ssize_t len = scratch_get(node.state.dir, SEATS, rows, sizeof(rows));

	return len < 0 ? 0 : (size_t)len / sizeof(rows[0]);
}

/* Seats of serials 1, 2, ... until there is no room; what the disk did not take is not in force. */
static void seats_to_the_brim(void **state)
{
	const int dir = node.state.dir, full = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct ppn_pair_keys keys = { 0 };
	uint8_t serial[PPN_SERIAL_LEN], *last = &serial[PPN_SERIAL_LEN - 1];

	(void)state;
	memcpy(serial, f.seat_cert.serial, sizeof(serial));
	for (size_t i = 1; i <= SEATS_MAX; i++) {
		*last = keys.command[0] = (uint8_t)i;
		assert_int_equal(ppnd_slots_prepare(&node, &keys, serial), 0);
		node.state.dir = full;
		assert_true(ppnd_slots_seat(&node, &keys, serial, f.seat_cert.sign_key) < 0);
		node.state.dir = dir;
		assert_int_equal(node.slots->n_seats, i - 1);
		assert_int_equal(ppnd_slots_seat(&node, &keys, serial, f.seat_cert.sign_key), 0);
		assert_int_equal(seats_on_disk(), i);
	}
	*last = SEATS_MAX + 1;
	assert_int_equal(ppnd_slots_prepare(&node, &keys, serial), -ENOSPC);
	*last = SEATS_MAX; /* the same one again takes its own place */
	keys.command[1] = 1;
	assert_int_equal(ppnd_slots_prepare(&node, &keys, serial), 0);
	node.state.dir = full;
	assert_true(ppnd_slots_seat(&node, &keys, serial, f.seat_cert.sign_key) < 0);
	node.state.dir = dir;
	assert_int_equal(node.slots->seat[SEATS_MAX - 1].command[1], 0);
	assert_int_equal(ppnd_slots_seat(&node, &keys, serial, f.seat_cert.sign_key), 0);
	assert_int_equal(seats_on_disk(), SEATS_MAX);
	close(full);
}

/* ---- above the reserved end ---- */

static void above_is_reserved_then_run_again(void **state)
{
	(void)state;
	event(PPN_FRAME_ABOVE, PPN_OP_PING, 1000);
	assert_int_equal(n_again, 1);
	assert_int_equal(again.op, PPN_OP_PING);
	assert_int_equal(again.arg, 7);
	assert_true(map[0].reserved >= 1000 + PPN_SEQ_BLOCK / 2);
	assert_int_equal(map[0].reserved % PPN_SEQ_BLOCK, 0);
	assert_int_equal(node.slot[0].reserved, map[0].reserved);
	assert_int_equal(reserved_on_disk(), map[0].reserved);
	/* nothing is logged for it: the kernel hands it up anew, then as admitted */
	assert_int_equal(n_appended + n_happened, 0);
	assert_int_equal(node.slot[0].results[0].op, 0);
}

static void above_that_cannot_be_reserved_is_not_run(void **state)
{
	int dir = node.state.dir, closed = dup(dir);

	(void)state;
	close(closed);
	node.state.dir = closed;
	event(PPN_FRAME_ABOVE, PPN_OP_PING, 1000);
	node.state.dir = dir;
	assert_int_equal(n_again, 0);
	assert_int_equal(map[0].reserved, PPN_SEQ_BLOCK);
	assert_int_equal(node.slot[0].reserved, PPN_SEQ_BLOCK);
	event(PPN_FRAME_ABOVE, PPN_OP_PING, 1000);
	assert_int_equal(n_again, 1);
}

static void above_that_the_kernel_refuses_is_over(void **state)
{
	(void)state;
	again_err = -EIO;
	event(PPN_FRAME_ABOVE, PPN_OP_ISOLATE, 1000);
	assert_int_equal(n_again, 1);
	assert_int_equal(n_appended + n_happened, 0);
}

static void above_of_a_slot_that_went_is_nothing(void **state)
{
	struct ppn_frame_event e = { .kind = PPN_FRAME_ABOVE, .seq = 1000, .slot = 0 };

	(void)state;
	e.generation = node.slot[0].generation + 1;
	ppnd_command_frame(&node, &e);
	e.slot = PPN_SEATS_MAX;
	ppnd_command_frame(&node, &e);
	e.slot = 1;
	e.generation = 0;
	ppnd_command_frame(&node, &e);
	assert_int_equal(n_again, 0);
	assert_int_equal(reserved_on_disk(), PPN_SEQ_BLOCK);
}

static void above_the_last_number_stays_in_it(void **state)
{
	(void)state;
	event(PPN_FRAME_ABOVE, PPN_OP_PING, PPN_SEQ_MAX);
	assert_int_equal(map[0].reserved, PPN_SEQ_MAX);
	assert_int_equal(reserved_on_disk(), PPN_SEQ_MAX);
	assert_int_equal(n_again, 1);
}

/* ---- blocks ---- */

static void half_a_block_brings_the_next(void **state)
{
	(void)state;
	event(PPN_FRAME_ADMITTED, PPN_OP_PING, PPN_SEQ_BLOCK / 2);
	assert_int_equal(map[0].reserved, PPN_SEQ_BLOCK);
	event(PPN_FRAME_ADMITTED, PPN_OP_PING, PPN_SEQ_BLOCK / 2 + 1);
	assert_int_equal(map[0].reserved, 2 * PPN_SEQ_BLOCK);
	event(PPN_FRAME_ACTED, PPN_OP_ISOLATE, PPN_SEQ_BLOCK + PPN_SEQ_BLOCK / 2 + 1);
	assert_int_equal(map[0].reserved, 3 * PPN_SEQ_BLOCK);
	assert_int_equal(reserved_on_disk(), 3 * PPN_SEQ_BLOCK);
}

static void a_boot_starts_above_what_was_reserved(void **state)
{
	(void)state;
	event(PPN_FRAME_ADMITTED, PPN_OP_PING, 200);
	restart(true);
	assert_int_equal(map[0].floor, 2 * PPN_SEQ_BLOCK);
	assert_int_equal(map[0].reserved, 3 * PPN_SEQ_BLOCK);
}

static void a_restart_goes_on_where_the_map_is(void **state)
{
	uint32_t generation = node.slot[0].generation;

	(void)state;
	event(PPN_FRAME_ADMITTED, PPN_OP_PING, 200);
	restart(false);
	assert_int_equal(node.slot[0].generation, generation);
	assert_int_equal(map[0].floor, 0);
	assert_int_equal(map[0].reserved, 2 * PPN_SEQ_BLOCK);
}

/* STATE was put back to an older copy while the maps lived: the disk catches up before anything is admitted. */
static void a_file_behind_the_map_catches_up(void **state)
{
	uint8_t old[sizeof(struct slot_mark) * MARKS_MAX];
	ssize_t len = scratch_get(node.state.dir, SLOTS, old, sizeof(old));

	(void)state;
	event(PPN_FRAME_ADMITTED, PPN_OP_PING, 200);
	scratch_put(node.state.dir, SLOTS, old, (size_t)len);
	assert_int_equal(reserved_on_disk(), PPN_SEQ_BLOCK);
	restart(false);
	assert_int_equal(map[0].reserved, 2 * PPN_SEQ_BLOCK);
	assert_int_equal(reserved_on_disk(), 2 * PPN_SEQ_BLOCK);
	restart(true);
	assert_int_equal(map[0].floor, 2 * PPN_SEQ_BLOCK);
}

/* And when it cannot, the slot is shut: no number is open that the next boot would open again. */
static void a_file_that_cannot_catch_up_shuts_the_slot(void **state)
{
	int dir = node.state.dir;

	(void)state;
	event(PPN_FRAME_ADMITTED, PPN_OP_PING, 200);
	map[0].reserved = 9 * PPN_SEQ_BLOCK;
	ppnd_slots_stop(&node);
	node.fresh = false;
	assert_int_equal(mkdirat(dir, SLOTS ".tmp", 0700),
			 0); /* where the new file would be written */
	assert_int_equal(ppnd_slots_start(&node), 0);
	assert_false(node.slot[0].open && map[0].valid);
	assert_int_equal(unlinkat(dir, SLOTS ".tmp", AT_REMOVEDIR), 0);
}

/* ---- acted and admitted ---- */

static void admitted_is_logged_and_acknowledged(void **state)
{
	static const struct {
		enum ppn_op op;
		enum ppn_result_code code;
	} rows[] = {
		{ PPN_OP_PING, PPN_RESULT_ACTED },
		{ PPN_OP_REPORT, PPN_RESULT_ACTED },
		{ PPN_OP_LOCATE, PPN_RESULT_UNSUPPORTED },
		{ PPN_OP_ROTATE, PPN_RESULT_UNSUPPORTED },
		{ PPN_OP_RESYNC, PPN_RESULT_UNSUPPORTED },
		{ PPN_OP_REBOOT, PPN_RESULT_UNSUPPORTED },
		{ PPN_OP_ISOLATE, PPN_RESULT_FAILED },
		{ 77, PPN_RESULT_UNSUPPORTED },
	};

	(void)state;
	for (uint32_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		event(PPN_FRAME_ADMITTED, rows[i].op, i + 1);
		assert_int_equal(n_appended, i + 1);
		assert_int_equal(be16toh(appended.code), rows[i].code);
		assert_int_equal(be32toh(appended.seq), i + 1);
		assert_int_equal(appended.arg, 7);
		assert_memory_equal(appended.serial, f.seat_cert.serial, PPN_SERIAL_LEN);
		assert_int_equal(be16toh(node.slot[0].results[0].code), rows[i].code);
		assert_int_equal(node.slot[0].results[0].op, rows[i].op);
		assert_int_equal(n_changed, i + 1);
	}
	append_err = -ENOSPC;
	event(PPN_FRAME_ADMITTED, PPN_OP_PING, 99);
	assert_int_equal(be16toh(node.slot[0].results[0].code), PPN_RESULT_FAILED);
}

static void acted_makes_its_step(void **state)
{
	(void)state;
	event(PPN_FRAME_ACTED, PPN_OP_ISOLATE, 1);
	assert_int_equal(event_of, PPN_EVENT_ISOLATE);
	event(PPN_FRAME_ACTED, PPN_OP_RELEASE, 2);
	assert_int_equal(event_of, PPN_EVENT_RELEASE);
	assert_int_equal(be16toh(happened.code), PPN_RESULT_ACTED_KERNEL);
	assert_memory_equal(happened.serial, f.seat_cert.serial, PPN_SERIAL_LEN);
	assert_int_equal(be16toh(node.slot[0].results[1].code), PPN_RESULT_ACTED_KERNEL);
	assert_int_equal(n_happened, 2);
	event(PPN_FRAME_ACTED, PPN_OP_PING, 3); /* none of the kernel's own */
	assert_int_equal(n_happened, 2);
}

/* What the kernel did while the slot went is logged all the same, by nobody. */
static void acted_of_a_slot_that_went_is_logged(void **state)
{
	struct ppn_frame_event e = { .kind = PPN_FRAME_ACTED,
				     .seq = 5,
				     .frame = { .op = PPN_OP_ISOLATE } };

	(void)state;
	e.generation = node.slot[0].generation + 1;
	ppnd_command_frame(&node, &e);
	assert_int_equal(n_happened, 1);
	assert_true(ppn_is_zero(happened.serial, PPN_SERIAL_LEN));
	assert_int_equal(node.slot[0].results[0].op, 0); /* no other pair is told */
	e.kind = PPN_FRAME_ADMITTED;
	ppnd_command_frame(&node, &e);
	assert_int_equal(n_appended, 0);
	assert_int_equal(n_happened, 1);
	/* a slot that is shut has a generation, too */
	e.kind = PPN_FRAME_ACTED;
	e.slot = 1;
	e.generation = node.slot[1].generation;
	ppnd_command_frame(&node, &e);
	assert_int_equal(n_happened, 2);
	assert_int_equal(node.slot[1].results[0].op, 0);
	e.slot = PPN_SEATS_MAX;
	ppnd_command_frame(&node, &e);
	assert_int_equal(n_happened, 2);
}

/* ---- what the kernel did while ppnd was away ---- */

static void sent_state(uint32_t slot, uint32_t generation, uint32_t last_state)
{
	command_map.window[slot].generation = generation;
	command_map.window[slot].last_state = last_state;
}

static void second_seat(void)
{
	node.slot[1] = node.slot[0];
	memset(node.slot[1].serial, 0x22, PPN_SERIAL_LEN);
}

static void reconcile_says_who_and_what(void **state)
{
	(void)state;
	sent_state(0, node.slot[0].generation, 9);
	command_map.isolated = 1;
	ppnd_command_reconcile(&node);
	assert_int_equal(n_happened, 1);
	assert_int_equal(event_of, PPN_EVENT_ISOLATE);
	assert_int_equal(happened.op, PPN_OP_ISOLATE);
	assert_int_equal(be32toh(happened.seq), 9);
	assert_int_equal(be16toh(happened.code), PPN_RESULT_ACTED_KERNEL);
	assert_memory_equal(happened.serial, f.seat_cert.serial, PPN_SERIAL_LEN);
	node.genesis.state = PPN_STATE_ISOLATED;
	command_map.isolated = 0;
	ppnd_command_reconcile(&node);
	assert_int_equal(n_happened, 2);
	assert_int_equal(event_of, PPN_EVENT_RELEASE);
	assert_int_equal(happened.op, PPN_OP_RELEASE);
}

static void reconcile_of_nothing_new_is_nothing(void **state)
{
	(void)state;
	sent_state(0, node.slot[0].generation, 9);
	ppnd_command_reconcile(&node);
	command_map.isolated = 1;
	node.genesis.state = PPN_STATE_ISOLATED;
	ppnd_command_reconcile(&node);
	node.genesis.state = PPN_STATE_BOUND;
	node.state.is_bound = false;
	ppnd_command_reconcile(&node);
	assert_int_equal(n_happened, 0);
}

/* One seat alone can have sent it, or nobody is named. */
static void reconcile_never_names_the_wrong_seat(void **state)
{
	static const struct {
		bool closed, old, two;
		uint32_t last_state;
	} rows[] = {
		{ .last_state = 0 },
		{ .old = true, .last_state = 9 },
		{ .closed = true, .last_state = 9 },
		{ .two = true, .last_state = 9 },
	};

	(void)state;
	command_map.isolated = 1;
	second_seat();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint32_t generation = node.slot[0].generation;

		node.slot[0].open = !rows[i].closed;
		sent_state(0, generation + rows[i].old, rows[i].last_state);
		sent_state(1, node.slot[1].generation, rows[i].two ? 7 : 0);
		ppnd_command_reconcile(&node);
		assert_int_equal(n_happened, i + 1);
		assert_int_equal(happened.seq, 0);
		assert_true(ppn_is_zero(happened.serial, PPN_SERIAL_LEN));
	}
	node.slot[0].open = true;
	sent_state(0, node.slot[0].generation, 0);
	ppnd_command_reconcile(&node);
	assert_int_equal(be32toh(happened.seq), 7);
	assert_memory_equal(happened.serial, node.slot[1].serial, PPN_SERIAL_LEN);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(seats_to_the_brim),
		TEST(above_is_reserved_then_run_again),
		TEST(above_that_cannot_be_reserved_is_not_run),
		TEST(above_that_the_kernel_refuses_is_over),
		TEST(above_of_a_slot_that_went_is_nothing),
		TEST(above_the_last_number_stays_in_it),
		TEST(half_a_block_brings_the_next),
		TEST(a_boot_starts_above_what_was_reserved),
		TEST(a_restart_goes_on_where_the_map_is),
		TEST(a_file_behind_the_map_catches_up),
		TEST(a_file_that_cannot_catch_up_shuts_the_slot),
		TEST(admitted_is_logged_and_acknowledged),
		TEST(acted_makes_its_step),
		TEST(acted_of_a_slot_that_went_is_logged),
		TEST(reconcile_says_who_and_what),
		TEST(reconcile_of_nothing_new_is_nothing),
		TEST(reconcile_never_names_the_wrong_seat),
	};

	if (ppn_crypto_init())
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
