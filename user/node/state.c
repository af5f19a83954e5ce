// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* STATE as a whole: first boot, the start rules of PROTOCOL 8, the ledger. */
#include "node/state.h"

#include <endian.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#include "host/cleanup.h"
#include "host/clock.h"
#include "host/file.h"
#include "host/log.h"
#include "lib/crypto.h"
#include "node/config.h"

#define BOOTS "boots"

uint64_t ppnd_now_ms(void)
{
	return ppn_clock_ms(CLOCK_REALTIME);
}

void ppnd_state_damage(struct ppnd_state *state, const char *format, ...)
{
	va_list args;

	if (state->damaged) /* the first reason is the one that helps */
		return;
	va_start(args, format);
	vsnprintf(state->why, sizeof(state->why), format, args);
	va_end(args);
	state->damaged = state->fold.damaged = true;
}

static int fail(struct ppnd_state *state, int err, const char *what)
{
	snprintf(state->why, sizeof(state->why), "%.100s: %s", what, strerror(-err));
	return err;
}

/* ---- ledger ---- */

static enum ppn_check fold(void *arg, const struct ppn_entry *entry)
{
	struct ppnd_state *state = arg;

	if (entry->type == PPN_ENTRY_BOUND || entry->type == PPN_ENTRY_DISCHARGED)
		state->discharged = entry->type == PPN_ENTRY_DISCHARGED;
	return ppn_ledger_fold(&state->fold, entry);
}

int ppnd_state_append(struct ppnd_state *state, enum ppn_entry_type type, const void *payload,
		      size_t len, bool durable)
{
	struct ppn_entry entry = { .type = type, .payload = { payload, len } };
	int err;

	if (!state->has_ledger || (state->damaged && state->fold.has_genesis))
		return -ENOTRECOVERABLE;
	entry.index = state->ledger.head.size;
	entry.time_ms = ppnd_now_ms();
	err = ppn_ledger_write(&state->ledger, entry.time_ms, type, payload, len,
			       state->identity.sign_seed, durable);
	if (err) {
		/* Not even taken back: only a start can tell what is on disk. */
		state->broken = err == -EIO;
		return err;
	}
	memcpy(entry.hash, state->ledger.head.hash, sizeof(entry.hash));
	return fold(state, &entry) == PPN_CHECK_OK ? 0 : -EBADMSG;
}

static int append_genesis(struct ppnd_state *state, enum ppn_posture posture)
{
	struct ppn_entry_genesis entry = {
		.mode = state->has_pin ? PPN_MODE_PIN : PPN_MODE_CODE,
		.posture = posture,
	};

	if (state->has_pin)
		memcpy(entry.pin, state->trust.now.pin, sizeof(entry.pin));
	memcpy(entry.identity, state->identity.key, sizeof(entry.identity));
	memcpy(entry.noise_key, state->identity.noise_key, sizeof(entry.noise_key));
	memcpy(entry.wg_key, state->identity.wg_key, sizeof(entry.wg_key));
	return ppnd_state_append(state, PPN_ENTRY_GENESIS, &entry, sizeof(entry), true);
}

static int create_ledger(struct ppnd_state *state)
{
	int err;

	if (state->has_ledger) { /* made, and cut short before entry 0 */
		memcpy(state->ledger.fleet, state->fleet, sizeof(state->fleet));
		return 0;
	}
	err = ppn_ledger_create(&state->ledger, state->dir, state->fleet);
	state->has_ledger = !err;
	return err;
}

static int open_ledger(struct ppnd_state *state)
{
	char why[160];
	int err = ppn_ledger_open(&state->ledger, state->dir, state->fleet, fold, state, why);

	state->has_ledger = !err;
	if (err == -EBADMSG) {
		memset(&state->fold, 0, sizeof(state->fold));
		state->fold.damaged =
			state->damaged; /* the pin may have been the first to say so */
		ppnd_state_damage(state, "%s", why);
		return 0;
	}
	return err == -ENOENT ? 0 : err;
}

/* A claim mends a damaged node: what is left of the old ledger is kept aside for people to look at. */
int ppnd_state_renew(struct ppnd_state *state)
{
	static const char *const names[] = { "ledger", "head", "bound", "roster" };
	enum ppn_posture posture = state->posture;
	int err = 0;

	ppn_ledger_close(&state->ledger);
	state->has_ledger = false;
	for (size_t i = 0; state->dir >= 0 && !err && i < sizeof(names) / sizeof(names[0]); i++) {
		char aside[32];

		snprintf(aside, sizeof(aside), "%s.damaged", names[i]);
		err = ppn_file_rename(state->dir, names[i], aside);
		err = err == -ENOENT ? 0 : err;
	}
	if (err)
		return err;
	memset(&state->fold, 0, sizeof(state->fold));
	state->damaged = false;
	err = create_ledger(state);
	if (!err)
		err = append_genesis(state, posture);
	if (err)
		ppnd_state_damage(state, "a claim could not begin a new ledger: %s",
				  strerror(-err));
	return err;
}

/* ---- start ---- */

static int count_boot(struct ppnd_state *state)
{
	__be32 boots = 0;
	int err = 0;

	if (state->dir >= 0)
		err = ppn_file_read_exact(state->dir, BOOTS, 0, &boots, sizeof(boots));
	/* Lost or damaged: the wall clock in minutes is above any honest count. */
	state->boots = err == -ENOENT && state->first_boot ? 1 :
		       err				   ? (uint32_t)(time(NULL) / 60) :
							     be32toh(boots) + 1;
	boots = htobe32(state->boots);
	return state->dir < 0 ? 0 : ppn_file_write(state->dir, BOOTS, 0600, &boots, sizeof(boots));
}

static int first_boot(struct ppnd_state *state, const struct ppnd_config *config,
		      const struct ppnd_state_paths *paths)
{
	int err;

	ppnd_identity_make(&state->identity);
	if (state->dir >= 0) {
		err = ppnd_identity_write(&state->identity, state->dir, PPND_IDENTITY_NEW);
		if (err)
			return fail(state, err, PPND_IDENTITY_NEW);
	}
	err = ppnd_pin_first(state, config, paths);
	if (err || state->damaged)
		return err;
	err = create_ledger(state);
	if (!err)
		err = append_genesis(state, config->posture);
	if (err)
		return fail(state, err, "beginning the ledger");
	if (state->dir >= 0) {
		err = ppn_file_rename(state->dir, PPND_IDENTITY_NEW, PPND_IDENTITY_FILE);
		if (err)
			return fail(state, err, PPND_IDENTITY_FILE);
	}
	state->has_identity = state->first_boot = true;
	return 0;
}

/* The ledger's entry 0 is on disk, the identity has not got its final name: the one way on is forward. */
static int finish_first_boot(struct ppnd_state *state)
{
	int err = ppnd_identity_read(&state->identity, state->dir, PPND_IDENTITY_NEW);

	if (err || state->ledger.head.size != 1 ||
	    !ppn_equal(state->identity.key, state->fold.genesis.identity, PPN_KEY_LEN)) {
		ppnd_identity_wipe(&state->identity);
		ppnd_state_damage(state, "there is a ledger, and the identity is missing");
		return 0;
	}
	err = ppn_file_rename(state->dir, PPND_IDENTITY_NEW, PPND_IDENTITY_FILE);
	if (err)
		return fail(state, err, PPND_IDENTITY_FILE);
	state->has_identity = state->first_boot = true;
	return 0;
}

/* Entry 0 against pin and identity. */
static void check_genesis(struct ppnd_state *state, const struct ppnd_config *config)
{
	const struct ppn_entry_genesis *genesis = &state->fold.genesis;
	bool code = genesis->mode == PPN_MODE_CODE;

	if (!ppn_equal(genesis->identity, state->identity.key, PPN_KEY_LEN))
		ppnd_state_damage(state, "the ledger is another identity's");
	if (code != !state->has_pin ||
	    (!code && !ppn_equal(genesis->pin, state->trust.now.pin, PPN_HASH_LEN))) {
		ppnd_state_damage(
			state, "the pinned root document is missing or not the one of first boot");
		state->has_pin = false;
	}
	if (genesis->posture != config->posture)
		ppn_log(LOG_WARNING, "the posture was %s at first boot and is %s now",
			ppn_posture_text(genesis->posture), ppn_posture_text(config->posture));
}

static int load_trust(struct ppnd_state *state)
{
	char why[160];
	int err;

	if (!state->has_pin)
		return 0;
	err = ppnd_trust_load(&state->trust, state->trust_dir, why);
	if (err == -ENOENT && state->fold.bound)
		ppnd_state_damage(state, "the file %s is missing", PPND_TRUST_FILE);
	else if (err == -EBADMSG || err == -EFBIG || err == -EPERM)
		ppnd_state_damage(state, "%s",
				  err == -EBADMSG ? why : PPND_TRUST_FILE " is damaged");
	else if (err && err != -ENOENT)
		return fail(state, err, PPND_TRUST_FILE);
	return 0;
}

static int read_identity(struct ppnd_state *state)
{
	int err = ppnd_identity_read(&state->identity, state->dir, PPND_IDENTITY_FILE);

	state->has_identity = !err;
	if (!err || err == -ENOENT)
		return 0;
	snprintf(
		state->why, sizeof(state->why),
		err == -EPERM ?
			"the identity file can be read by others: chmod 600 it" :
			"the identity file is damaged: restore it; ppnd makes no new one by itself");
	return err == -EPERM ? err : -EBADMSG;
}

static int open_disk(struct ppnd_state *state, const struct ppnd_config *config,
		     const struct ppnd_state_paths *paths)
{
	bool ledger;
	int err = read_identity(state);

	if (!err)
		err = ppnd_pin_later(state);
	if (!err)
		err = open_ledger(state);
	if (err)
		return state->why[0] ? err : fail(state, err, "the ledger");
	ledger = state->fold.has_genesis;
	if (!state->has_identity && !ledger && !(state->damaged && state->has_pin)) {
		if (state->damaged) /* a torn copy of the operator's file, from a first boot cut short */
			state->damaged = state->fold.damaged = false;
		return first_boot(state, config, paths);
	}
	if (!state->has_identity && !state->damaged)
		err = finish_first_boot(state);
	else if (!ledger)
		ppnd_state_damage(state, "there is an identity, and the ledger is missing");
	if (err || !ledger)
		return err;
	check_genesis(state, config);
	return 0;
}

/*
 * A cloud node keeps no secret on disk. Those of a folder that another posture filled are not ours to
 * remove: a word changed by mistake must not cost a node its identity.
 */
static int check_no_secrets(struct ppnd_state *state)
{
	static const char *const names[] = {
		PPND_IDENTITY_FILE, PPND_IDENTITY_NEW, "enrol", "bound", "bound.new", "seats"
	};
	struct stat st;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (fstatat(state->trust_dir, names[i], &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		snprintf(state->why, sizeof(state->why),
			 "%s is of another posture, and cloud keeps no secret on disk: restore the "
			 "posture, or empty the folder",
			 names[i]);
		return -EEXIST;
	}
	return 0;
}

int ppnd_state_open(struct ppnd_state *ret_state, const struct ppnd_config *config,
		    const struct ppnd_state_paths *paths)
{
	struct ppnd_state *state = ret_state;
	bool memory = config->posture == PPN_POSTURE_CLOUD;
	int err;

	memset(state, 0, sizeof(*state));
	state->posture = config->posture;
	state->ledger.dir = state->ledger.fd = -1;
	state->trust_dir = ppn_dir_open(paths->state_dir, 0700);
	state->dir = memory ? -1 : state->trust_dir;
	if (state->trust_dir < 0)
		return fail(state, state->trust_dir, paths->state_dir);
	/* Held until we end: two writers of one ledger would damage it. */
	if (flock(state->trust_dir, LOCK_EX | LOCK_NB) < 0) {
		snprintf(state->why, sizeof(state->why), "another ppnd runs on this state folder");
		return -EBUSY;
	}
	err = memory ? check_no_secrets(state) : open_disk(state, config, paths);
	if (!err && memory)
		err = first_boot(state, config, paths);
	if (!err)
		err = load_trust(state);
	if (!err && !memory && !state->damaged)
		err = ppnd_bound_open(state);
	if (!err)
		err = count_boot(state);
	if (err && !state->why[0])
		fail(state, err, paths->state_dir);
	state->mode = state->fold.genesis.mode;
	return err;
}

void ppnd_state_close(struct ppnd_state *state)
{
	if (state->has_ledger)
		ppn_ledger_close(&state->ledger);
	ppnd_trust_free(&state->trust);
	ppn_roster_free(&state->roster);
	free((uint8_t *)state->bundle.data);
	if (state->trust_dir >= 0)
		close(state->trust_dir);
	ppn_wipe(state, sizeof(*state));
	state->dir = state->trust_dir = -1;
}

int ppnd_state_trust(struct ppnd_state *state, const struct ppn_trust *seen)
{
	int grew = ppnd_trust_keep(&state->trust, seen, state->trust_dir);

	return grew < 0 ? ppn_log_errno(LOG_ERR, grew, "keeping what the roots signed") : grew;
}

const uint8_t *ppnd_state_mesh_fleet(const struct ppnd_state *state)
{
	return state->is_bound ? state->fleet : state->identity.fleet_alone;
}

bool ppnd_state_claimable(const struct ppnd_state *state)
{
	return state->has_identity && state->has_pin;
}

const uint8_t *ppnd_state_claim(const struct ppnd_state *state)
{
	static const uint8_t zeros[PPN_HASH_LEN];

	return state->is_bound ? state->bound.claim_hash : zeros;
}
