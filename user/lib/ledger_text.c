// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Entries in words. */
#include "lib/ledger.h"

#include <endian.h>
#include <errno.h>
#include <ppn/ctl.h>
#include <stdarg.h>
#include <stdio.h>
#include <netinet/in.h>
#include <string.h>
#include <time.h>
#include "lib/bytes.h"
#include "lib/crypto.h"
#include "lib/cut.h"

enum { SHORT_HASH = 8 };

struct line {
	char *text;
	size_t max, len;
};

static void __attribute__((format(printf, 2, 3))) add(struct line *line, const char *format, ...)
{
	size_t room = line->max - line->len;
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(line->text + line->len, room, format, args);
	va_end(args);
	if (n > 0)
		line->len += (size_t)n < room ? (size_t)n : room - 1;
}

static void add_hash(struct line *line, const char *name, const uint8_t *hash)
{
	char hex[2 * SHORT_HASH + 1];

	add(line, " %s %s", name, ppn_hex(hex, hash, SHORT_HASH));
}

/* Root and counter: the certificates of one root differ by the counter alone. */
static void add_serial(struct line *line, const char *name,
		       const uint8_t serial[static PPN_SERIAL_LEN])
{
	add_hash(line, name, serial);
	add(line, "/%llu", (unsigned long long)ppn_get_u64(serial + PPN_KEY_ID_LEN));
}

/* RFC 3339, UTC; what no calendar holds is printed as it is. */
static void add_time(struct line *line, uint64_t time_ms)
{
	time_t seconds = (time_t)(time_ms / 1000);
	char text[40];
	struct tm tm;

	if (seconds < 0 || !gmtime_r(&seconds, &tm) || tm.tm_year > 9999 - 1900)
		add(line, "%llu ms", (unsigned long long)time_ms);
	else if (strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm))
		add(line, "%s.%03uZ", text, (unsigned int)(time_ms % 1000));
}

static void text_genesis(struct line *line, struct ppn_bytes payload)
{
	struct ppn_entry_genesis genesis;
	char label[10];

	if (!ppn_take_into(&payload, &genesis, sizeof(genesis)))
		return;
	add(line, " node %s posture %s %s", ppn_label(label, genesis.identity),
	    ppn_posture_text(genesis.posture), genesis.mode == PPN_MODE_CODE ? "code" : "pinned");
	if (genesis.mode == PPN_MODE_PIN)
		add_hash(line, "root", genesis.pin);
}

static void text_bound(struct line *line, struct ppn_bytes payload)
{
	struct ppn_entry_bound bound;
	struct ppn_object_view view;
	struct ppn_claim claim;

	if (!ppn_take_into(&payload, &bound, sizeof(bound)))
		return;
	add_hash(line, "claim", bound.claim);
	if (ppn_object_take(&payload, PPN_OBJECT_CLAIM, PPN_MESSAGE_MAX, &view) == PPN_CHECK_OK &&
	    ppn_claim_read(&view, &claim) == PPN_CHECK_OK) {
		add(line, " number %u", claim.number);
		add_serial(line, "by", claim.serial);
	}
}

static void text_roster(struct line *line, struct ppn_bytes payload)
{
	struct ppn_entry_roster roster;

	if (!ppn_take_into(&payload, &roster, sizeof(roster)))
		return;
	add(line, " epoch %llu generation %u list %u", (unsigned long long)be64toh(roster.epoch),
	    be32toh(roster.generation), be32toh(roster.list_number));
	add_hash(line, "hash", roster.hash);
}

static const char *result_text(uint16_t code)
{
	static const char *const text[_PPN_RESULT_MAX] = {
		[PPN_RESULT_NONE] = "?",
		[PPN_RESULT_ACTED_KERNEL] = "acted (kernel)",
		[PPN_RESULT_ACTED] = "acted",
		[PPN_RESULT_FAILED] = "failed",
		[PPN_RESULT_UNSUPPORTED] = "not supported",
	};

	return code < _PPN_RESULT_MAX ? text[code] : "?";
}

static void text_command(struct line *line, struct ppn_bytes payload)
{
	struct ppn_entry_command command;

	if (!ppn_take_into(&payload, &command, sizeof(command)))
		return;
	add(line, " %s arg %u seq %u", ppn_op_text(command.op), command.arg, be32toh(command.seq));
	if (command.target)
		add(line, " to %u", be32toh(command.target));
	if (command.code) /* of what was sent there is none yet */
		add(line, " %s", result_text(be16toh(command.code)));
	if (ppn_is_zero(command.serial, sizeof(command.serial)))
		add(line, " by a seat that is gone");
	else
		add_serial(line, "by", command.serial);
}

static void text_seat(struct line *line, struct ppn_bytes payload)
{
	uint8_t serial[PPN_SERIAL_LEN];

	if (ppn_take_into(&payload, serial, sizeof(serial)))
		add_serial(line, "by", serial);
}

static void text_fleet(struct line *line, struct ppn_bytes payload)
{
	uint8_t pin[PPN_HASH_LEN];

	if (ppn_take_into(&payload, pin, sizeof(pin)))
		add_hash(line, "root", pin);
}

static void text_claimed(struct line *line, struct ppn_bytes payload)
{
	struct ppn_entry_claimed claimed;
	char label[10];

	if (!ppn_take_into(&payload, &claimed, sizeof(claimed)))
		return;
	add(line, " node %s number %u", ppn_label(label, claimed.identity),
	    be32toh(claimed.number));
	add_hash(line, "claim", claimed.claim);
}

static void add_uid(struct line *line, __be32 uid)
{
	if (be32toh(uid) == UINT32_MAX)
		add(line, " by ppnd");
	else
		add(line, " by uid %u", be32toh(uid));
}

static void text_seal(struct line *line, struct ppn_bytes payload)
{
	static const char *const modes[] = {
		[PPN_SEAL_ENFORCE] = "enforce", [PPN_SEAL_OBSERVE] = "observe", [PPN_SEAL_OFF] = "off"
	};
	struct ppn_entry_seal seal;

	if (!ppn_take_into(&payload, &seal, sizeof(seal)) || seal.mode > PPN_SEAL_OFF)
		return;
	add(line, " %s", modes[seal.mode]);
	add_uid(line, seal.uid);
}

static void text_trial(struct line *line, struct ppn_bytes payload)
{
	static const char *const what[_PPN_TRIAL_MAX] = {
#define X(name, text) [PPN_TRIAL_##name] = (text),
		PPN_TRIALS(X)
#undef X
	};
	struct ppn_entry_trial trial;

	if (!ppn_take_into(&payload, &trial, sizeof(trial)))
		return;
	add(line, " %s", trial.what < _PPN_TRIAL_MAX && trial.what ? what[trial.what] : "?");
	if (trial.what == PPN_TRIAL_BEGAN)
		add(line, " for %u s", be32toh(trial.seconds));
	add_uid(line, trial.uid);
}

static void text_egress(struct line *line, struct ppn_bytes payload)
{
	static const char *const what[_PPN_OPENING_MAX] = {
#define X(name, text) [PPN_OPENING_##name] = (text),
		PPN_OPENINGS(X)
#undef X
	};
	struct ppn_entry_egress egress;
	char prefix[PPN_PREFIX_TEXT_LEN];

	if (!ppn_take_into(&payload, &egress, sizeof(egress)))
		return;
	add(line, " %s %s/",
	    egress.what < _PPN_OPENING_MAX && egress.what ? what[egress.what] : "?",
	    egress.proto == IPPROTO_TCP ? "tcp" : "udp");
	if (egress.port)
		add(line, "%u", be16toh(egress.port));
	else
		add(line, "any");
	add(line, " to %s", ppn_prefix_text(prefix, egress.prefix, egress.prefix_len));
	if (egress.what == PPN_OPENING_OPENED)
		add(line, " for %u s", be32toh(egress.seconds));
	add_uid(line, egress.uid);
}

static const char *const names[] = {
#define X(name, number, words) [number] = (words),
	PPN_ENTRIES(X)
#undef X
};

static void (*const payload_text[])(struct line *line, struct ppn_bytes payload) = {
	[PPN_ENTRY_GENESIS] = text_genesis,  [PPN_ENTRY_BOUND] = text_bound,
	[PPN_ENTRY_ROSTER] = text_roster,    [PPN_ENTRY_ISOLATED] = text_command,
	[PPN_ENTRY_RELEASED] = text_command, [PPN_ENTRY_COMMAND] = text_command,
	[PPN_ENTRY_SEAL] = text_seal,	     [PPN_ENTRY_TRIAL] = text_trial,
	[PPN_ENTRY_EGRESS] = text_egress,    [PPN_ENTRY_SEAT] = text_seat,
	[PPN_ENTRY_FLEET] = text_fleet,	     [PPN_ENTRY_CLAIMED] = text_claimed,
	[PPN_ENTRY_SIGNED] = text_roster,    [PPN_ENTRY_SENT] = text_command,
};

const char *ppn_entry_type_text(uint16_t type)
{
	return type < sizeof(names) / sizeof(names[0]) ? names[type] : NULL;
}

int ppn_entry_text(char *ret_text, size_t max, const struct ppn_entry *entry)
{
	struct line line = { .text = ret_text, .max = max };
	const char *type = ppn_entry_type_text(entry->type);

	if (!max)
		return -EINVAL;
	ret_text[0] = '\0';
	add(&line, "%llu ", (unsigned long long)entry->index);
	add_time(&line, entry->time_ms);
	if (type)
		add(&line, " %s", type);
	else
		add(&line, " entry %u (of a later version)", entry->type);
	if (entry->type < sizeof(payload_text) / sizeof(payload_text[0]) &&
	    payload_text[entry->type])
		payload_text[entry->type](&line, entry->payload);
	return (int)line.len;
}
