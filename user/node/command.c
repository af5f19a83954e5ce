// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Frames that the kernel acted, or admitted and handed up: the ledger, the results, the next block (PROTOCOL 5). */
#include <endian.h>
#include <errno.h>
#include <string.h>

#include "host/log.h"
#include "node/ppnd.h"

/* What this version acts on; every other op of PPN_OPS is answered `unsupported`, and logged all the same. */
static const struct op {
	enum ppn_event event; /* acted by the kernel: the step that follows */
	enum ppn_result_code admitted; /* left to ppnd */
} ops[_PPN_OP_MAX] = {
	[PPN_OP_PING] = { .admitted = PPN_RESULT_ACTED },
	[PPN_OP_ISOLATE] = { .event = PPN_EVENT_ISOLATE, .admitted = PPN_RESULT_FAILED },
	[PPN_OP_RELEASE] = { .event = PPN_EVENT_RELEASE, .admitted = PPN_RESULT_FAILED },
	[PPN_OP_REPORT] = { .admitted =
				    PPN_RESULT_ACTED }, /* the datagram that follows each result is it */
	[PPN_OP_LOCATE] = { .admitted = PPN_RESULT_UNSUPPORTED },
	[PPN_OP_ROTATE] = { .admitted = PPN_RESULT_UNSUPPORTED },
	[PPN_OP_RESYNC] = { .admitted = PPN_RESULT_UNSUPPORTED },
	[PPN_OP_REBOOT] = { .admitted = PPN_RESULT_UNSUPPORTED },
};

static void push_result(struct ppnd_slot *slot, const struct ppn_entry_command *entry)
{
	memmove(&slot->results[1], &slot->results[0],
		sizeof(slot->results) - sizeof(slot->results[0]));
	slot->results[0] = (struct ppn_result){
		.seq = entry->seq,
		.op = entry->op,
		.arg = entry->arg,
		.code = entry->code,
	};
}

/*
 * The kernel has acted, whatever becomes of the entry: an entry that is lacking is appended at the next
 * start. slot NULL: its pair is gone, and no other pair is told.
 */
static void acted(struct ppnd *ppnd, struct ppnd_slot *slot, struct ppn_entry_command *entry)
{
	const struct ppnd_detail detail = { .command = entry };
	enum ppn_event event = entry->op < _PPN_OP_MAX ? ops[entry->op].event : PPN_EVENT_NONE;

	entry->code = htobe16(PPN_RESULT_ACTED_KERNEL);
	if (slot)
		push_result(slot, entry);
	if (event == PPN_EVENT_NONE) {
		ppn_log(LOG_ERR, "the kernel acted on op %u, which is none of its own", entry->op);
		return;
	}
	(void)ppnd->happen(ppnd, event, &detail); /* it logs */
}

static void admitted(struct ppnd *ppnd, struct ppnd_slot *slot, struct ppn_entry_command *entry)
{
	enum ppn_result_code code = entry->op < _PPN_OP_MAX ? ops[entry->op].admitted :
							      PPN_RESULT_NONE;
	int err;

	if (code == PPN_RESULT_NONE)
		code = PPN_RESULT_UNSUPPORTED;
	entry->code = htobe16(code);
	err = ppnd_state_append(&ppnd->state, PPN_ENTRY_COMMAND, entry, sizeof(*entry), false);
	if (err) {
		ppn_log_errno(LOG_ERR, err,
			      "%s, seq %u: not acknowledged, the ledger has no room for it",
			      ppn_op_text(entry->op), be32toh(entry->seq));
		entry->code = htobe16(PPN_RESULT_FAILED);
	}
	push_result(slot, entry);
	ppnd->changed(ppnd);
}

/* A good tag above the reserved end: the block goes to the disk, then the kernel sees the frame again. */
static void above(struct ppnd *ppnd, const struct ppn_frame_event *event)
{
	int err = ppnd_slots_reserve(ppnd, event->slot, event->seq);

	if (!err)
		err = ppn_datapath_frame_again(ppnd->dp, event->slot, &event->frame);
	if (err)
		ppn_log_errno(LOG_ERR, err, "a frame of seq %u, above the reserved numbers",
			      event->seq);
}

void ppnd_command_frame(struct ppnd *ppnd, const struct ppn_frame_event *event)
{
	struct ppn_entry_command entry = { .seq = htobe32(event->seq),
					   .op = event->frame.op,
					   .arg = event->frame.arg };
	struct ppnd_slot *slot;
	int err;

	if (event->slot >= PPN_SEATS_MAX)
		return;
	slot = &ppnd->slot[event->slot];
	/* The slot went while its event waited, or is another pair's now: zeros for the serial say so. */
	if (!slot->open || slot->generation != event->generation) {
		if (event->kind == PPN_FRAME_ACTED)
			acted(ppnd, NULL, &entry);
		return;
	}
	memcpy(entry.serial, slot->serial, sizeof(entry.serial));
	switch (event->kind) {
	case PPN_FRAME_ACTED:
		acted(ppnd, slot, &entry);
		break;
	case PPN_FRAME_ADMITTED:
		admitted(ppnd, slot, &entry);
		break;
	case PPN_FRAME_ABOVE:
		above(ppnd, event);
		return;
	}
	err = slot->open ? ppnd_slots_reserve(ppnd, event->slot, event->seq) : 0;
	if (err)
		ppn_log_errno(LOG_ERR, err, "reserving sequence numbers on disk");
}

/* Who it was while ppnd was dead: known when one seat alone has sent a state-changing frame. */
static void guess_seat(const struct ppnd *ppnd, const struct ppn_command *command,
		       struct ppn_entry_command *entry)
{
	int found = -1;

	for (int i = 0; i < PPN_SEATS_MAX; i++) {
		const struct ppn_window *window = &command->window[i];

		if (!ppnd->slot[i].open || window->generation != ppnd->slot[i].generation ||
		    !window->last_state)
			continue;
		if (found >= 0)
			return;
		found = i;
	}
	if (found < 0)
		return;
	memcpy(entry->serial, ppnd->slot[found].serial, sizeof(entry->serial));
	entry->seq = htobe32(command->window[found].last_state);
}

void ppnd_command_reconcile(struct ppnd *ppnd)
{
	struct ppn_entry_command entry = { .code = htobe16(PPN_RESULT_ACTED_KERNEL) };
	const struct ppnd_detail detail = { .command = &entry };
	bool isolated = ppnd->genesis.state == PPN_STATE_ISOLATED;
	struct ppn_command command;
	int err;

	if (!ppnd->state.is_bound)
		return;
	err = ppn_datapath_command(ppnd->dp, &command);
	if (err) {
		ppn_log_errno(LOG_ERR, err, "reading the command map");
		return;
	}
	if (!!command.isolated == isolated)
		return;
	entry.op = command.isolated ? PPN_OP_ISOLATE : PPN_OP_RELEASE;
	guess_seat(ppnd, &command, &entry);
	ppn_log(LOG_NOTICE, "the kernel obeyed %s while ppnd was not there: appending it",
		ppn_op_text(entry.op));
	(void)ppnd->happen(ppnd, ops[entry.op].event, &detail);
}
