// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The claim in force and the roster on disk: the commit order of PROTOCOL 8, and what a start makes of it. */
#include "node/state.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/cleanup.h"
#include "host/file.h"
#include "host/log.h"
#include "lib/crypto.h"

static const char magic[16] = "ppn-bound-1\n";
#define BOUND "bound"
#define BOUND_NEW "bound.new"
#define ROSTER "roster"
#define ROSTER_NEW "roster.new"

struct bound_file { /* then the claim object */
	char magic[16];
	__u8 previous[PPN_HASH_LEN]; /* hash of the ledger entry before the claim's */
	__u8 seat_key[PPN_KEY_LEN];
	__u8 command[PPN_SIP_KEY_LEN], telemetry[PPN_SIP_KEY_LEN];
	__u8 may_send;
	__u8 zero[3];
	__be32 claim_len;
};
PPN_SIZE(struct bound_file, 120);

enum { BOUND_MAX = sizeof(struct bound_file) + PPN_MESSAGE_MAX };

/* ---- bound ---- */

static enum ppn_check parse_claim(struct ppn_bytes object, struct ppnd_bound *bound)
{
	struct ppn_object_view view;
	enum ppn_check check = ppn_object_take(&object, PPN_OBJECT_CLAIM, PPN_MESSAGE_MAX, &view);

	if (check == PPN_CHECK_OK && object.len)
		check = PPN_CHECK_LONG;
	if (check == PPN_CHECK_OK)
		check = ppn_claim_read(&view, &bound->claim);
	if (check == PPN_CHECK_OK)
		ppn_object_hash(bound->claim_hash, &view);
	return check;
}

/* 0; -ENOENT; -EBADMSG: not what was written. */
static int read_bound(struct ppnd_bound *ret_bound, uint8_t ret_hash[static PPN_HASH_LEN], int dir,
		      const char *name)
{
	uint8_t *data;
	struct bound_file file = { 0 };
	size_t len;
	int err = ppn_file_read(dir, name, BOUND_MAX, 1, &data, &len);

	if (err)
		return err == -ENOENT ? err : -EBADMSG;
	if (len >= sizeof(file))
		memcpy(&file, data, sizeof(file));
	if (len < sizeof(file) || memcmp(file.magic, magic, sizeof(magic)) != 0 ||
	    be32toh(file.claim_len) != len - sizeof(file) ||
	    parse_claim((struct ppn_bytes){ data + sizeof(file), len - sizeof(file) }, ret_bound) !=
		    PPN_CHECK_OK)
		err = -EBADMSG;
	ppn_hash(ret_hash, data, len);
	memcpy(ret_bound->seat_key, file.seat_key, sizeof(file.seat_key));
	memcpy(ret_bound->keys.command, file.command, sizeof(file.command));
	memcpy(ret_bound->keys.telemetry, file.telemetry, sizeof(file.telemetry));
	ret_bound->may_send = file.may_send;
	ppn_wipe(data, len);
	ppn_wipe(&file, sizeof(file));
	free(data);
	return err;
}

static size_t write_bound(uint8_t ret_file[static BOUND_MAX], const struct ppnd_offer *offer,
			  const uint8_t previous[static PPN_HASH_LEN])
{
	struct bound_file file = { .may_send = offer->bound.may_send };

	memcpy(file.magic, magic, sizeof(magic));
	file.claim_len = htobe32(offer->object.len);
	memcpy(file.previous, previous, sizeof(file.previous));
	memcpy(file.seat_key, offer->bound.seat_key, sizeof(file.seat_key));
	memcpy(file.command, offer->bound.keys.command, sizeof(file.command));
	memcpy(file.telemetry, offer->bound.keys.telemetry, sizeof(file.telemetry));
	memcpy(ret_file, &file, sizeof(file));
	memcpy(ret_file + sizeof(file), offer->object.data, offer->object.len);
	ppn_wipe(&file, sizeof(file));
	return sizeof(file) + offer->object.len;
}

/* Is this file the one that the ledger's last claim names? */
static bool is_in_force(const struct ppnd_state *state, struct ppnd_bound *ret_bound,
			const char *name)
{
	uint8_t hash[PPN_HASH_LEN];

	return read_bound(ret_bound, hash, state->dir, name) == 0 &&
	       ppn_equal(hash, state->fold.bound_hash, sizeof(hash)) &&
	       ppn_equal(ret_bound->claim_hash, state->fold.claim_hash, sizeof(hash));
}

static bool exists(const struct ppnd_state *state, const char *name)
{
	struct stat st;

	return fstatat(state->dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static int open_bound(struct ppnd_state *state)
{
	struct ppnd_bound bound;
	int err = 0;

	if (!state->fold.bound) {
		if (exists(state, BOUND) && !state->discharged) {
			ppnd_state_damage(state, "%s is there, and the ledger has no claim", BOUND);
			return 0;
		}
		err = ppn_file_remove(state->dir, BOUND);
		return err ? err : ppn_file_remove(state->dir, BOUND_NEW);
	}
	if (is_in_force(state, &bound, BOUND)) {
		err = ppn_file_remove(state->dir, BOUND_NEW);
	} else if (is_in_force(state, &bound, BOUND_NEW)) {
		ppn_log(LOG_NOTICE, "finishing a claim that was cut short");
		err = ppn_file_rename(state->dir, BOUND_NEW, BOUND);
		if (!err)
			err = ppnd_pin_claimed(state);
	} else {
		ppnd_state_damage(state, "the ledger has a claim, and %s is missing or not its own",
				  BOUND);
		return 0;
	}
	if (err)
		return err;
	state->bound = bound;
	state->is_bound = true;
	ppn_wipe(&bound, sizeof(bound));
	return 0;
}

/* ---- roster ---- */

struct stored {
	uint8_t *data; /* malloc'ed */
	size_t len;
	struct ppn_roster roster;
	struct ppn_trust trust;
};

static void stored_free(struct stored *stored)
{
	free(stored->data);
	ppn_roster_free(&stored->roster);
	memset(stored, 0, sizeof(*stored));
}

/*
 * A bundle that was verified when it was taken, and whose hash the signed ledger or claim names. Expiry never
 * cuts a running mesh (PROTOCOL 7), so time and the lists of today are not asked again.
 */
static enum ppn_check parse_stored(const struct ppnd_state *state, struct stored *stored)
{
	struct ppn_bytes in = { stored->data, stored->len };
	struct ppn_credentials_view *view = calloc(1, sizeof(*view));
	struct ppn_object_view object;
	enum ppn_check check;

	if (!view)
		return PPN_CHECK_LONG;
	check = ppn_credentials_take(&in, state->trust.now.pin, NULL, PPN_RIGHT_ROSTER, 0, view);
	if (check == PPN_CHECK_OK && view->purpose != PPN_PURPOSE_ROSTER)
		check = PPN_CHECK_FORM;
	if (check == PPN_CHECK_OK)
		check = ppn_object_take(&in, PPN_OBJECT_ROSTER, PPN_ROSTER_MAX, &object);
	if (check == PPN_CHECK_OK && in.len)
		check = PPN_CHECK_LONG;
	if (check == PPN_CHECK_OK && !ppn_object_verify(&object, state->fleet, view->cert.sign_key))
		check = PPN_CHECK_SIGNATURE;
	if (check == PPN_CHECK_OK)
		check = ppn_roster_read(&object, state->fleet, &stored->roster);
	stored->trust = view->trust;
	free(view);
	return check;
}

static bool is_expected(const struct ppnd_state *state, const struct stored *stored)
{
	uint8_t hash[PPN_HASH_LEN];

	if (!ppn_is_zero(state->fold.roster.hash, PPN_HASH_LEN))
		return ppn_equal(stored->roster.version.hash, state->fold.roster.hash,
				 PPN_HASH_LEN);
	ppn_hash(hash, stored->data, stored->len);
	return ppn_equal(hash, state->bound.claim.roster_hash, PPN_HASH_LEN);
}

static bool load_stored(const struct ppnd_state *state, const char *name, struct stored *ret_stored)
{
	struct stored stored = { 0 };

	if (ppn_file_read(state->dir, name, PPN_ROSTER_MAX, 0, &stored.data, &stored.len) == 0 &&
	    parse_stored(state, &stored) == PPN_CHECK_OK && is_expected(state, &stored)) {
		*ret_stored = stored;
		return true;
	}
	stored_free(&stored);
	return false;
}

static void set_roster(struct ppnd_state *state, uint8_t *bundle, size_t len,
		       struct ppn_roster *roster)
{
	free((uint8_t *)state->bundle.data);
	ppn_roster_free(&state->roster);
	state->bundle = (struct ppn_bytes){ bundle, len };
	state->roster = *roster;
	state->has_roster = true;
	memset(roster, 0, sizeof(*roster));
}

static int open_roster(struct ppnd_state *state)
{
	struct stored stored;
	int err = 0;

	if (!state->is_bound) {
		err = ppn_file_remove(state->dir, ROSTER);
		return err ? err : ppn_file_remove(state->dir, ROSTER_NEW);
	}
	if (load_stored(state, ROSTER, &stored)) {
		err = ppn_file_remove(state->dir, ROSTER_NEW);
	} else if (load_stored(state, ROSTER_NEW, &stored)) {
		err = ppn_file_rename(state->dir, ROSTER_NEW, ROSTER);
	} else {
		ppnd_state_damage(state, "the %s that the ledger names is missing", ROSTER);
		return 0;
	}
	if (!err)
		err = ppnd_state_trust(state, &stored.trust);
	if (err >= 0)
		set_roster(state, TAKE_PTR(stored.data), stored.len, &stored.roster);
	stored_free(&stored);
	return err < 0 ? err : 0;
}

int ppnd_bound_open(struct ppnd_state *state)
{
	int err = open_bound(state);

	return err || state->damaged ? err : open_roster(state);
}

/* ---- commit ---- */

static int write_new(const struct ppnd_state *state, const struct ppnd_offer *offer,
		     uint8_t ret_hash[static PPN_HASH_LEN])
{
	uint8_t file[BOUND_MAX];
	size_t len = write_bound(file, offer, state->ledger.head.hash);
	int err = 0;

	ppn_hash(ret_hash, file, len);
	if (state->dir >= 0)
		err = ppn_file_write(state->dir, ROSTER_NEW, 0600, offer->bundle.data,
				     offer->bundle.len);
	if (!err && state->dir >= 0)
		err = ppn_file_write(state->dir, BOUND_NEW, 0600, file, len);
	ppn_wipe(file, sizeof(file));
	return err;
}

static int append_bound(struct ppnd_state *state, const struct ppnd_offer *offer,
			const uint8_t hash[static PPN_HASH_LEN])
{
	uint8_t payload[sizeof(struct ppn_entry_bound) + PPN_MESSAGE_MAX];
	struct ppn_entry_bound entry;

	memcpy(entry.bound, hash, sizeof(entry.bound));
	memcpy(entry.claim, offer->bound.claim_hash, sizeof(entry.claim));
	memcpy(payload, &entry, sizeof(entry));
	memcpy(payload + sizeof(entry), offer->object.data, offer->object.len);
	return ppnd_state_append(state, PPN_ENTRY_BOUND, payload, sizeof(entry) + offer->object.len,
				 true);
}

/* Only what no ledger entry names may go: after an error that leaves it open, a start decides. */
static void drop_new(struct ppnd_state *state)
{
	if (state->dir < 0 || state->broken)
		return;
	if (ppn_file_remove(state->dir, BOUND_NEW) || ppn_file_remove(state->dir, ROSTER_NEW))
		ppn_log(LOG_WARNING,
			"files of a claim that was not committed stay; the next start drops them");
}

static int publish(const struct ppnd_state *state)
{
	int err;

	if (state->dir < 0)
		return 0;
	err = ppn_file_rename(state->dir, BOUND_NEW, BOUND);
	return err ? err : ppn_file_rename(state->dir, ROSTER_NEW, ROSTER);
}

int ppnd_state_commit(struct ppnd_state *state, struct ppnd_offer *offer)
{
	uint8_t hash[PPN_HASH_LEN], *bundle;
	int err;

	if (offer->object.len > PPN_MESSAGE_MAX ||
	    sizeof(struct ppn_entry_bound) + offer->object.len > PPN_LEDGER_PAYLOAD_MAX)
		return -EMSGSIZE;
	bundle = malloc(offer->bundle.len);
	if (!bundle)
		return -ENOMEM;
	memcpy(bundle, offer->bundle.data, offer->bundle.len);
	err = ppnd_state_trust(state, offer->trust);
	if (err >= 0)
		err = state->damaged ? ppnd_state_renew(state) : 0;
	if (!err)
		err = write_new(state, offer, hash);
	if (!err)
		err = append_bound(state, offer, hash);
	if (err) {
		free(bundle);
		drop_new(state);
		return err;
	}
	err = publish(state);
	if (err)
		ppn_log_errno(LOG_ERR, err,
			      "the claim is in the ledger; the next start renames its files");
	state->bound = offer->bound;
	state->is_bound = true;
	state->discharged = false;
	set_roster(state, bundle, offer->bundle.len, &offer->roster);
	err = ppnd_pin_claimed(state);
	if (err)
		ppn_log_errno(LOG_WARNING, err, "the enrolment key, used up, could not be wiped");
	return 0;
}

int ppnd_state_roster(struct ppnd_state *state, struct ppn_bytes bundle, struct ppn_roster *roster)
{
	struct ppn_entry_roster entry = {
		.epoch = htobe64(roster->version.epoch),
		.generation = htobe32(roster->version.generation),
		.list_number = htobe32(roster->version.list_number),
	};
	_cleanup_free_ uint8_t *copy = malloc(bundle.len);
	int err = copy ? 0 : -ENOMEM;

	if (err)
		return err;
	memcpy(copy, bundle.data, bundle.len);
	memcpy(entry.hash, roster->version.hash, sizeof(entry.hash));
	if (state->dir >= 0)
		err = ppn_file_write(state->dir, ROSTER_NEW, 0600, bundle.data, bundle.len);
	if (!err)
		err = ppnd_state_append(state, PPN_ENTRY_ROSTER, &entry, sizeof(entry), true);
	if (err)
		return err;
	if (state->dir >= 0)
		err = ppn_file_rename(state->dir, ROSTER_NEW, ROSTER);
	if (err)
		ppn_log_errno(LOG_ERR, err,
			      "the roster is in the ledger; the next start renames its file");
	set_roster(state, TAKE_PTR(copy), bundle.len, roster);
	return 0;
}

int ppnd_state_forget(struct ppnd_state *state)
{
	static const char *const names[] = {
		BOUND, BOUND_NEW, ROSTER, ROSTER_NEW, "seats", "slots"
	};
	int err = 0;

	ppn_wipe(&state->bound, sizeof(state->bound));
	state->is_bound = false;
	free((uint8_t *)state->bundle.data);
	state->bundle = (struct ppn_bytes){ 0 };
	ppn_roster_free(&state->roster);
	state->has_roster = false;
	for (size_t i = 0; state->dir >= 0 && i < sizeof(names) / sizeof(names[0]); i++) {
		int one = ppn_file_remove(state->dir, names[i]);

		err = err ? err : one;
	}
	return err;
}
