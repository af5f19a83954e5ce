// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The pin: whose claims this node believes. Decided at first boot, read from STATE ever after. */
#include "node/state.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/cleanup.h"
#include "host/file.h"
#include "host/log.h"
#include "lib/crypto.h"
#include "node/config.h"

#define PIN_FILE "authority.pub"
#define ENROL_FILE "enrol"
#define INVITE_FILE "invite"
#define CREDENTIAL "ppn.invite"

/* Where an operator may have put the file; the first that is there counts. */
struct source {
	char path[PATH_MAX];
	const char *kind; /* PPN_ARMOR_* */
	bool secret;
};

struct operator_file {
	uint8_t *bytes;
	size_t len;
	bool has_invite;
	struct ppn_invite invite;
	struct ppn_bytes chain;
	uint8_t n_chain;
};

static void operator_file_free(struct operator_file *file)
{
	if (file->bytes)
		ppn_wipe(file->bytes, file->len);
	free(file->bytes);
	ppn_wipe(file, sizeof(*file));
}

static size_t sources(struct source ret_sources[static 4], const struct ppnd_config *config,
		      const struct ppnd_state_paths *paths)
{
	const char *credentials = getenv("CREDENTIALS_DIRECTORY");
	size_t n = 0;

	if (paths->invite) {
		snprintf(ret_sources[n].path, PATH_MAX, "%s", paths->invite);
		ret_sources[n++].kind = PPN_ARMOR_INVITE;
	}
	if (credentials) {
		snprintf(ret_sources[n].path, PATH_MAX, "%s/%s", credentials, CREDENTIAL);
		ret_sources[n++].kind = PPN_ARMOR_INVITE;
	}
	/* A cloud node's enrolment key never lies on its disk (DESIGN 2, invite). */
	if (config->posture != PPN_POSTURE_CLOUD) {
		snprintf(ret_sources[n].path, PATH_MAX, "%s/%s", paths->conf_dir, INVITE_FILE);
		ret_sources[n++].kind = PPN_ARMOR_INVITE;
	}
	for (size_t i = 0; i < n; i++)
		ret_sources[i].secret = true;
	snprintf(ret_sources[n].path, PATH_MAX, "%s/%s", paths->conf_dir, PIN_FILE);
	ret_sources[n].secret = false;
	ret_sources[n++].kind = PPN_ARMOR_AUTHORITY;
	return n;
}

static enum ppn_check split(struct operator_file *file, bool invite)
{
	struct ppn_bytes rest = { file->bytes, file->len };
	size_t head = invite ? sizeof(file->invite) : 0;

	if (rest.len < head + 1)
		return PPN_CHECK_SHORT;
	if (invite) {
		memcpy(&file->invite, rest.data, head);
		file->has_invite = true;
		if (ppn_is_zero(file->invite.batch, sizeof(file->invite.batch)))
			return PPN_CHECK_FORM;
	}
	file->n_chain = rest.data[head];
	file->chain = (struct ppn_bytes){ rest.data + head + 1, rest.len - head - 1 };
	return PPN_CHECK_OK;
}

/* Text of an armoured file in memory. */
static enum ppn_check parse(struct operator_file *ret_file, const char *text, size_t len,
			    const char *kind)
{
	struct operator_file file = { .bytes = malloc(PPN_ARMOR_MAX), .len = PPN_ARMOR_MAX };
	enum ppn_check check;

	if (!file.bytes)
		return PPN_CHECK_LONG;
	check = ppn_armor_read(text, len, kind, file.bytes, PPN_ARMOR_MAX, &file.len);
	if (check == PPN_CHECK_OK)
		check = split(&file, strcmp(kind, PPN_ARMOR_INVITE) == 0);
	if (check == PPN_CHECK_OK)
		*ret_file = file;
	else
		operator_file_free(&file);
	return check;
}

static int read_source(struct operator_file *ret_file, const struct source *source, int dir,
		       char ret_why[static PPND_WHY_LEN])
{
	uint8_t *text = NULL;
	size_t len = 0;
	enum ppn_check check;
	int err = ppn_file_read(dir, source->path, PPN_ARMOR_MAX, source->secret, &text, &len);

	if (err == -EPERM)
		snprintf(ret_why, PPND_WHY_LEN, "%.80s can be read by others: chmod 600 it",
			 source->path);
	else if (err)
		snprintf(ret_why, PPND_WHY_LEN, "%.80s: %s", source->path, strerror(-err));
	if (err)
		return err;
	check = parse(ret_file, (const char *)text, len, source->kind);
	ppn_wipe(text, len);
	free(text);
	if (check != PPN_CHECK_OK) {
		snprintf(ret_why, PPND_WHY_LEN, "%.80s: %s", source->path, ppn_check_text(check));
		return -EBADMSG;
	}
	return 0;
}

static int take_pin(struct ppnd_state *state, const struct operator_file *file, const char *path)
{
	enum ppn_check check = ppnd_trust_start(&state->trust, file->chain, file->n_chain);

	if (check != PPN_CHECK_OK) {
		snprintf(state->why, sizeof(state->why), "%.80s: %s", path, ppn_check_text(check));
		return -EBADMSG;
	}
	state->has_pin = true;
	memcpy(state->fleet, state->trust.now.newest.fleet, sizeof(state->fleet));
	return 0;
}

/* STATE/authority.pub holds what the operator's file did, whichever kind it was. */
static int store_pin(const struct ppnd_state *state, const struct operator_file *file)
{
	size_t len = 1 + file->chain.len;
	_cleanup_free_ uint8_t *bytes = malloc(len);
	_cleanup_free_ char *text = malloc(PPN_ARMOR_MAX);
	ssize_t n;
	int err;

	if (!bytes || !text)
		return -ENOMEM;
	bytes[0] = file->n_chain;
	memcpy(bytes + 1, file->chain.data, file->chain.len);
	n = ppn_armor_write(text, PPN_ARMOR_MAX, PPN_ARMOR_AUTHORITY,
			    (struct ppn_bytes){ bytes, len });
	if (n < 0)
		return n;
	err = ppn_file_write(state->dir, PIN_FILE, 0600, text, n);
	if (!err && file->has_invite)
		err = ppn_file_write(state->dir, ENROL_FILE, 0600, &file->invite,
				     sizeof(file->invite));
	else if (!err)
		err = ppn_file_remove(state->dir, ENROL_FILE);
	return err;
}

static int adopt_source(struct ppnd_state *state, const struct source *source,
			struct operator_file *file)
{
	int err = take_pin(state, file, source->path);

	if (!err && state->dir >= 0) {
		err = store_pin(state, file);
		if (err)
			snprintf(state->why, sizeof(state->why), "copying %.80s: %s", source->path,
				 strerror(-err));
	}
	if (err)
		return err;
	state->has_invite = file->has_invite;
	state->invite = file->invite;
	ppn_log(LOG_INFO, "pinned the fleet's root document from %s", source->path);
	return 0;
}

int ppnd_pin_first(struct ppnd_state *state, const struct ppnd_config *config,
		   const struct ppnd_state_paths *paths)
{
	struct source list[4];
	size_t n = sources(list, config, paths);

	for (size_t i = 0; i < n; i++) {
		struct operator_file file;
		int err = read_source(&file, &list[i], AT_FDCWD, state->why);

		/* What --invite names must be there. */
		if (err == -ENOENT && !(i == 0 && paths->invite))
			continue;
		if (err)
			return err;
		err = adopt_source(state, &list[i], &file);
		operator_file_free(&file);
		return err;
	}
	state->why[0] = '\0';
	if (config->posture != PPN_POSTURE_CLOUD)
		return ppn_file_remove(state->dir, PIN_FILE);
	ppnd_state_damage(state,
			  "no invite and no %.60s/%s, and the cloud posture has no claim code",
			  paths->conf_dir, PIN_FILE);
	return 0;
}

int ppnd_pin_later(struct ppnd_state *state)
{
	struct source source = { .path = PIN_FILE, .kind = PPN_ARMOR_AUTHORITY };
	struct operator_file file;
	char why[PPND_WHY_LEN];
	int err = read_source(&file, &source, state->dir, why);

	if (err == -ENOENT)
		return 0;
	if (!err) {
		err = take_pin(state, &file, PIN_FILE);
		snprintf(why, sizeof(why), "%s", state->why);
		operator_file_free(&file);
	}
	if (err) {
		ppnd_state_damage(state, "the pin is damaged: %s", why);
		return 0;
	}
	err = ppn_file_read_exact(state->dir, ENROL_FILE, 1, &state->invite, sizeof(state->invite));
	state->has_invite = !err;
	if (err && err != -ENOENT)
		ppn_log_errno(LOG_WARNING, err,
			      "%s cannot be used: this node will be listed as a stranger",
			      ENROL_FILE);
	return 0;
}

int ppnd_pin_claimed(struct ppnd_state *state)
{
	ppn_wipe(&state->invite, sizeof(state->invite));
	state->has_invite = false;
	return state->dir < 0 ? 0 : ppn_file_remove(state->dir, ENROL_FILE);
}
