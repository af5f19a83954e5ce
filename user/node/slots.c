// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Command slots (PROTOCOL 5): which pairs of seat and node there are, how far their sequence numbers are
 * reserved on disk, and the pinned map that the kernel reads. The disk is always ahead of the map.
 */
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "host/file.h"
#include "host/log.h"
#include "lib/crypto.h"
#include "node/ppnd.h"

#define SLOTS "slots"
#define SEATS "seats"

enum {
	MARKS_MAX = 2 * PPN_SEATS_MAX, /* of the pairs in force, and of one about to be */
	SEATS_MAX = PPN_SEATS_MAX - 1, /* besides the one that claimed */
};

/* STATE/slots: rows of these. A floor of another key is ignored, a missing one makes the slot invalid. */
struct slot_mark {
	__u8 key_hash[PPN_HASH_LEN]; /* H(command key) */
	__be32 reserved;
	__be32 zero;
};
PPN_SIZE(struct slot_mark, 40);

/* STATE/seats: rows of these, 0600: pairs made by purpose `seat` under the claim they name. */
struct seat_row {
	__u8 claim[PPN_HASH_LEN];
	__u8 serial[PPN_SERIAL_LEN];
	__u8 seat_key[PPN_KEY_LEN];
	__u8 command[PPN_SIP_KEY_LEN], telemetry[PPN_SIP_KEY_LEN];
};
PPN_SIZE(struct seat_row, 112);

struct mark {
	uint8_t key_hash[PPN_HASH_LEN];
	uint32_t reserved;
	bool fresh; /* made in this process for a new key: nothing of it is used */
};

struct ppnd_slots {
	size_t n_marks, n_seats;
	uint32_t generation[PPN_SEATS_MAX]; /* greatest one used */
	struct mark mark[MARKS_MAX];
	struct seat_row seat[SEATS_MAX];
};

/* ---- files ---- */

static int read_rows(const struct ppnd *ppnd, const char *name, void *rows, size_t size, size_t max,
		     size_t *ret_n)
{
	uint8_t *data;
	size_t len;
	int err;

	*ret_n = 0;
	if (ppnd->state.dir < 0)
		return 0;
	err = ppn_file_read(ppnd->state.dir, name, size * max, 1, &data, &len);
	if (err)
		return err == -ENOENT ? 0 : err;
	if (len % size == 0) {
		memcpy(rows, data, len);
		*ret_n = len / size;
	} else {
		err = -EBADMSG;
	}
	ppn_wipe(data, len);
	free(data);
	return err;
}

static int write_marks(const struct ppnd *ppnd)
{
	const struct ppnd_slots *slots = ppnd->slots;
	struct slot_mark rows[MARKS_MAX] = { 0 };

	for (size_t i = 0; i < slots->n_marks; i++) {
		memcpy(rows[i].key_hash, slots->mark[i].key_hash, sizeof(rows[i].key_hash));
		rows[i].reserved = htobe32(slots->mark[i].reserved);
	}
	return ppnd->state.dir < 0 ? 0 :
				     ppn_file_write(ppnd->state.dir, SLOTS, 0600, rows,
						    slots->n_marks * sizeof(rows[0]));
}

static int write_seats(const struct ppnd *ppnd)
{
	const struct ppnd_slots *slots = ppnd->slots;

	return ppnd->state.dir < 0 ? 0 :
				     ppn_file_write(ppnd->state.dir, SEATS, 0600, slots->seat,
						    slots->n_seats * sizeof(slots->seat[0]));
}

static void load(struct ppnd *ppnd)
{
	struct ppnd_slots *slots = ppnd->slots;
	struct slot_mark rows[MARKS_MAX];
	int err = read_rows(ppnd, SLOTS, rows, sizeof(rows[0]), MARKS_MAX, &slots->n_marks);

	if (err)
		ppn_log_errno(LOG_ERR, err,
			      "STATE/%s: commands stay refused until a seat connects anew", SLOTS);
	for (size_t i = 0; i < slots->n_marks; i++) {
		memcpy(slots->mark[i].key_hash, rows[i].key_hash, sizeof(rows[i].key_hash));
		slots->mark[i].reserved = be32toh(rows[i].reserved);
	}
	err = read_rows(ppnd, SEATS, slots->seat, sizeof(slots->seat[0]), SEATS_MAX,
			&slots->n_seats);
	if (err)
		ppn_log_errno(LOG_ERR, err, "STATE/%s: further seats must connect anew", SEATS);
}

/* ---- marks ---- */

static struct mark *find_mark(struct ppnd_slots *slots,
			      const uint8_t command[static PPN_SIP_KEY_LEN])
{
	uint8_t hash[PPN_HASH_LEN];

	ppn_hash(hash, command, PPN_SIP_KEY_LEN);
	for (size_t i = 0; i < slots->n_marks; i++)
		if (ppn_equal(slots->mark[i].key_hash, hash, sizeof(hash)))
			return &slots->mark[i];
	return NULL;
}

static bool mark_in_use(struct ppnd *ppnd, const struct mark *mark)
{
	for (size_t i = 0; i < PPN_SEATS_MAX; i++)
		if (ppnd->slot[i].used &&
		    find_mark(ppnd->slots, ppnd->slot[i].keys.command) == mark)
			return true;
	return false;
}

/* Marks of pairs that are gone. */
static void prune(struct ppnd *ppnd)
{
	struct ppnd_slots *slots = ppnd->slots;
	size_t kept = 0;
	bool keep[MARKS_MAX];

	for (size_t i = 0; i < slots->n_marks; i++)
		keep[i] = mark_in_use(ppnd, &slots->mark[i]);
	for (size_t i = 0; i < slots->n_marks; i++)
		if (keep[i])
			slots->mark[kept++] = slots->mark[i];
	slots->n_marks = kept;
}

/* Pairs made under a claim that another has replaced, or with a certificate that is revoked. */
static void drop_old_seats(struct ppnd *ppnd)
{
	const uint8_t *claim = ppnd_state_claim(&ppnd->state);
	const struct ppn_trust *trust = &ppnd->state.trust.now;
	struct ppnd_slots *slots = ppnd->slots;
	size_t kept = 0;
	int err;

	for (size_t i = 0; i < slots->n_seats; i++) {
		const struct seat_row *row = &slots->seat[i];

		if (memcmp(row->claim, claim, PPN_HASH_LEN) == 0 &&
		    !ppn_trust_revoked(trust, row->serial))
			slots->seat[kept++] = *row;
	}
	if (kept == slots->n_seats)
		return;
	ppn_wipe(&slots->seat[kept], (slots->n_seats - kept) * sizeof(slots->seat[0]));
	slots->n_seats = kept;
	err = write_seats(ppnd);
	if (err)
		ppn_log_errno(LOG_ERR, err, "STATE/%s: keys of seats that are gone stay in it",
			      SEATS);
}

static size_t seat_place(const struct ppnd_slots *slots,
			 const uint8_t serial[static PPN_SERIAL_LEN])
{
	size_t i = 0;

	while (i < slots->n_seats && memcmp(slots->seat[i].serial, serial, PPN_SERIAL_LEN) != 0)
		i++;
	return i;
}

int ppnd_slots_prepare(struct ppnd *ppnd, const struct ppn_pair_keys *keys, const uint8_t *serial)
{
	struct ppnd_slots *slots = ppnd->slots;
	struct mark *mark;

	prune(ppnd);
	drop_old_seats(ppnd);
	if (slots->n_marks == MARKS_MAX || (serial && seat_place(slots, serial) == SEATS_MAX))
		return -ENOSPC;
	mark = &slots->mark[slots->n_marks++];
	*mark = (struct mark){ .reserved = PPN_SEQ_BLOCK, .fresh = true };
	ppn_hash(mark->key_hash, keys->command, sizeof(keys->command));
	return write_marks(ppnd);
}

int ppnd_slots_seat(struct ppnd *ppnd, const struct ppn_pair_keys *keys,
		    const uint8_t serial[static PPN_SERIAL_LEN],
		    const uint8_t seat_key[static PPN_KEY_LEN])
{
	struct ppnd_slots *slots = ppnd->slots;
	const size_t place = seat_place(slots, serial), n = slots->n_seats;
	struct seat_row former, *row = &slots->seat[place];
	int err;

	if (place == SEATS_MAX)
		return -ENOSPC;
	former = *row;
	memcpy(row->claim, ppnd_state_claim(&ppnd->state), PPN_HASH_LEN);
	memcpy(row->serial, serial, PPN_SERIAL_LEN);
	memcpy(row->seat_key, seat_key, PPN_KEY_LEN);
	memcpy(row->command, keys->command, sizeof(keys->command));
	memcpy(row->telemetry, keys->telemetry, sizeof(keys->telemetry));
	slots->n_seats += place == n;
	err = write_seats(ppnd);
	if (err) { /* what a restart would not know of is not in force now */
		*row = former;
		slots->n_seats = n;
	}
	ppn_wipe(&former, sizeof(former));
	return err;
}

/* ---- the map ---- */

static void close_slot(struct ppnd *ppnd, uint32_t i)
{
	struct ppnd_slot *slot = &ppnd->slot[i];
	int err = ppn_datapath_slot_close(ppnd->dp, i);

	if (err)
		ppn_log_errno(LOG_ERR, err, "closing command slot %u", i);
	ppn_wipe(slot, sizeof(*slot));
}

/* The pairs in force. A seat that claimed and connected again later goes by its later pair. */
static size_t wanted(struct ppnd *ppnd, struct seat_row ret_rows[static PPN_SEATS_MAX])
{
	const struct ppnd_bound *bound = &ppnd->state.bound;
	const struct ppn_trust *trust = &ppnd->state.trust.now;
	bool again = false;
	size_t n = 0;

	if (!ppnd->state.is_bound)
		return 0;
	drop_old_seats(ppnd);
	for (size_t i = 0; i < ppnd->slots->n_seats; i++) {
		const struct seat_row *row = &ppnd->slots->seat[i];

		again |= memcmp(row->serial, bound->claim.serial, sizeof(row->serial)) == 0;
		ret_rows[n++] = *row;
	}
	if (!again && bound->may_send && !ppn_trust_revoked(trust, bound->claim.serial)) {
		struct seat_row *row = &ret_rows[n++];

		memcpy(row->serial, bound->claim.serial, sizeof(row->serial));
		memcpy(row->seat_key, bound->seat_key, sizeof(row->seat_key));
		memcpy(row->command, bound->keys.command, sizeof(row->command));
		memcpy(row->telemetry, bound->keys.telemetry, sizeof(row->telemetry));
	}
	return n;
}

static void set_row(struct ppnd_slot *slot, const struct seat_row *row)
{
	slot->used = true;
	memcpy(slot->serial, row->serial, sizeof(slot->serial));
	memcpy(slot->seat_key, row->seat_key, sizeof(slot->seat_key));
	memcpy(slot->keys.command, row->command, sizeof(row->command));
	memcpy(slot->keys.telemetry, row->telemetry, sizeof(row->telemetry));
}

static bool same_key(const struct ppnd_slot *slot, const struct seat_row *row)
{
	return slot->used && ppn_equal(slot->keys.command, row->command, sizeof(row->command));
}

static bool is_wanted(const struct ppnd_slot *slot, const struct seat_row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (same_key(slot, &rows[i]))
			return true;
	return false;
}

static void address_of(const struct ppnd *ppnd, struct ppnd_slot *slot)
{
	const struct ppn_roster *roster = &ppnd->state.roster;
	const uint8_t *identity = slot->seat_key;

	for (uint32_t i = 0; ppnd->state.has_roster && i < roster->n_members; i++) {
		const struct ppn_member *member = &roster->members[i];

		if ((member->flags & PPN_MEMBER_SEAT) &&
		    memcmp(member->serial, slot->serial, PPN_SERIAL_LEN) == 0)
			identity = member->identity;
	}
	ppn_mesh_address(slot->address, ppnd->state.fleet, identity, 1);
}

static int write_slot(struct ppnd *ppnd, uint32_t i)
{
	struct ppnd_slot *slot = &ppnd->slot[i];
	struct ppn_slot value = {
		.valid = 1,
		.generation = slot->generation,
		.reserved = slot->reserved,
		.floor = slot->floor,
	};
	int err;

	memcpy(value.address, slot->address, sizeof(value.address));
	memcpy(value.serial, slot->serial, sizeof(value.serial));
	memcpy(value.key, slot->keys.command, sizeof(value.key));
	err = ppn_datapath_slot(ppnd->dp, i, &value);
	ppn_wipe(&value, sizeof(value));
	slot->open = !err;
	return err;
}

/* A command that was acknowledged before a restart goes on being so: its seat may not have heard. */
static void recall_results(const struct ppnd *ppnd, struct ppnd_slot *slot)
{
	size_t n = 0;

	for (size_t i = 0; i < PPN_LEDGER_RECENT && n < PPND_SLOT_RESULTS; i++) {
		const struct ppn_entry_command *entry = &ppnd->state.fold.recent[i];

		if (entry->seq && memcmp(entry->serial, slot->serial, sizeof(slot->serial)) == 0)
			slot->results[n++] = (struct ppn_result){
				.seq = entry->seq,
				.op = entry->op,
				.arg = entry->arg,
				.code = entry->code,
			};
	}
}

/* A pair that no slot of the map holds: numbers up to its mark may have been used, unless it is new. */
static int open_slot(struct ppnd *ppnd, uint32_t i, const struct seat_row *row)
{
	struct mark *mark = find_mark(ppnd->slots, row->command);
	struct ppnd_slot *slot = &ppnd->slot[i];
	struct ppn_slot old = { 0 };
	int err;

	if (!mark)
		return -ENODATA;
	(void)ppn_datapath_slot_now(ppnd->dp, i, &old); /* unreadable: as good as a fresh one */
	set_row(slot, row);
	address_of(ppnd, slot);
	if (old.generation > ppnd->slots->generation[i])
		ppnd->slots->generation[i] = old.generation;
	slot->generation = ++ppnd->slots->generation[i];
	slot->floor = mark->fresh ? 0 : mark->reserved;
	if (!mark->fresh) {
		mark->reserved += PPN_SEQ_BLOCK;
		err = write_marks(ppnd);
		if (err)
			return err;
	}
	mark->fresh = false;
	slot->reserved = mark->reserved;
	recall_results(ppnd, slot);
	return write_slot(ppnd, i);
}

void ppnd_slots_drop(struct ppnd *ppnd)
{
	struct seat_row rows[PPN_SEATS_MAX];
	size_t n = wanted(ppnd, rows);

	for (uint32_t i = 0; i < PPN_SEATS_MAX; i++)
		if (ppnd->slot[i].used && !is_wanted(&ppnd->slot[i], rows, n))
			close_slot(ppnd, i);
	ppn_wipe(rows, sizeof(rows));
}

void ppnd_slots_open(struct ppnd *ppnd)
{
	struct seat_row rows[PPN_SEATS_MAX];
	size_t n;

	ppnd_slots_drop(ppnd);
	n = wanted(ppnd, rows);
	for (size_t r = 0; r < n; r++) {
		uint32_t i = 0, have = 0;
		int err;

		while (have < PPN_SEATS_MAX && !same_key(&ppnd->slot[have], &rows[r]))
			have++;
		if (have < PPN_SEATS_MAX)
			continue;
		while (i < PPN_SEATS_MAX && ppnd->slot[i].used)
			i++;
		err = i < PPN_SEATS_MAX ? open_slot(ppnd, i, &rows[r]) : -ENOSPC;
		if (err == -ENODATA)
			ppn_log(LOG_ERR,
				"a seat's command slot stays shut: its floor is lost; it must connect anew");
		else if (err)
			ppn_log_errno(LOG_ERR, err, "opening a command slot");
	}
	ppn_wipe(rows, sizeof(rows));
}

void ppnd_slots_close(struct ppnd *ppnd)
{
	for (uint32_t i = 0; i < PPN_SEATS_MAX; i++)
		close_slot(ppnd, i);
}

void ppnd_slots_addresses(struct ppnd *ppnd)
{
	for (uint32_t i = 0; i < PPN_SEATS_MAX; i++) {
		struct ppnd_slot *slot = &ppnd->slot[i];
		uint8_t was[16];
		int err;

		if (!slot->open)
			continue;
		memcpy(was, slot->address, sizeof(was));
		address_of(ppnd, slot);
		if (memcmp(was, slot->address, sizeof(was)) == 0)
			continue;
		err = write_slot(ppnd, i);
		if (err)
			ppn_log_errno(LOG_ERR, err,
				      "moving command slot %u to its seat's new address", i);
	}
}

int ppnd_slots_reserve(struct ppnd *ppnd, uint32_t i, uint32_t seq)
{
	struct ppnd_slot *slot = &ppnd->slot[i];
	struct mark *mark = slot->open ? find_mark(ppnd->slots, slot->keys.command) : NULL;
	uint32_t end = slot->reserved, half = PPN_SEQ_BLOCK / 2;
	int err;

	if (!mark)
		return -ENODATA;
	while (end < seq + half && end < PPN_SEQ_MAX)
		end = end + PPN_SEQ_BLOCK > PPN_SEQ_MAX ? PPN_SEQ_MAX : end + PPN_SEQ_BLOCK;
	if (end == slot->reserved)
		return 0;
	mark->reserved = end;
	err = write_marks(ppnd);
	if (!err)
		err = ppn_datapath_slot_reserved(ppnd->dp, i, end);
	if (!err)
		slot->reserved = end;
	return err;
}

/* The map may be ahead when STATE was put back to an older copy: the next boot must start above it all the same. */
static bool catch_up(struct ppnd *ppnd, struct mark *mark, uint32_t reserved)
{
	int err;

	if (mark->reserved >= reserved)
		return true;
	mark->reserved = reserved;
	err = write_marks(ppnd);
	if (err)
		ppn_log_errno(LOG_ERR, err,
			      "STATE/%s is behind the kernel: that command slot is shut", SLOTS);
	return !err;
}

/* While the pinned maps exist they are the truth: never a lower floor or window than they hold. */
static void adopt(struct ppnd *ppnd, uint32_t i, const struct seat_row *rows, size_t n)
{
	struct ppnd_slot *slot = &ppnd->slot[i];
	struct ppn_slot value;

	if (ppn_datapath_slot_now(ppnd->dp, i, &value) || !value.valid)
		return;
	for (size_t r = 0; r < n; r++) {
		struct mark *mark = find_mark(ppnd->slots, rows[r].command);

		if (!mark || !ppn_equal(value.key, rows[r].command, sizeof(value.key)) ||
		    !catch_up(ppnd, mark, value.reserved))
			continue;
		set_row(slot, &rows[r]);
		slot->open = true;
		slot->generation = value.generation;
		slot->reserved = value.reserved;
		slot->floor = value.floor;
		memcpy(slot->address, value.address, sizeof(slot->address));
		recall_results(ppnd, slot);
	}
	ppn_wipe(&value, sizeof(value));
	if (!slot->used)
		close_slot(ppnd, i);
}

int ppnd_slots_start(struct ppnd *ppnd)
{
	struct ppn_command command = { .isolated = ppnd->state.fold.isolated };
	struct seat_row rows[PPN_SEATS_MAX];
	size_t n;

	ppnd->slots = calloc(1, sizeof(*ppnd->slots));
	if (!ppnd->slots)
		return -ENOMEM;
	load(ppnd);
	if (ppnd->fresh) {
		int err = ppn_datapath_command_fill(ppnd->dp, &command);

		return err ? ppn_log_errno(LOG_ERR, err, "filling the command map") : 0;
	}
	n = wanted(ppnd, rows);
	for (uint32_t i = 0; i < PPN_SEATS_MAX; i++)
		adopt(ppnd, i, rows, n);
	ppn_wipe(rows, sizeof(rows));
	return 0;
}

void ppnd_slots_stop(struct ppnd *ppnd)
{
	if (ppnd->slots)
		ppn_wipe(ppnd->slots, sizeof(*ppnd->slots));
	free(ppnd->slots);
	ppnd->slots = NULL;
	ppn_wipe(ppnd->slot, sizeof(ppnd->slot));
}
