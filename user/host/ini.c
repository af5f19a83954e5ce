// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "host/ini.h"

#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "host/cleanup.h"
#include "host/file.h"

enum { WHY_LEN = 256 };

struct seen {
	const struct ppn_ini_key *row;
	char key[PPN_INI_LINE_MAX + 1];
};

/*
 * One file on its way through inih, which tells its handler no line number: we hand it the lines.
 */
struct run {
	const char *name, *at, *end;
	unsigned int line;
	const struct ppn_ini_key *keys;
	size_t n_keys, n_seen;
	struct seen *seen;
	void *config;
	bool failed;
	char *why;
};

static int complain(struct run *run, const char *text, const char *what)
{
	snprintf(run->why, WHY_LEN, "%s:%u: %s%s", run->name, run->line, text, what);
	run->failed = true;
	return -EINVAL;
}

static size_t line_len(const char *at, const char *end)
{
	const char *newline = memchr(at, '\n', end - at);

	return (newline ? newline : end) - at;
}

static bool blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* Blanks only, or a comment. */
static bool idle(const char *at, size_t len)
{
	while (len && blank(*at))
		at++, len--;
	return !len || *at == ';' || *at == '#';
}

/* inih tells of a section only with its first key: an empty unknown one would pass unseen. */
static int check_section(struct run *run, const char *at, size_t len)
{
	const char *close = memchr(at, ']', len);
	char name[PPN_INI_LINE_MAX + 1];

	if (!close || !idle(close + 1, at + len - close - 1))
		return complain(run, "a section is [NAME] alone on its line", "");
	snprintf(name, sizeof(name), "%.*s", (int)(close - at - 1), at + 1);
	for (size_t i = 0; i < run->n_keys; i++)
		if (strcmp(run->keys[i].section, name) == 0)
			return 0;
	return complain(run, "unknown section ", name);
}

static int check_line(struct run *run, const char *at, size_t len)
{
	if (len > PPN_INI_LINE_MAX)
		return complain(run, "the line is longer than 198 bytes: shorten it", "");
	for (size_t i = 0; i < len; i++)
		if (((unsigned char)at[i] < 0x20 && at[i] != '\t' &&
		     !(at[i] == '\r' && i == len - 1)) ||
		    at[i] == 0x7f)
			return complain(run, "a control character in the line: remove it", "");
	if (idle(at, len))
		return 0;
	if (blank(*at))
		return complain(run, "the line starts with white space: start it at the margin",
				"");
	return *at == '[' ? check_section(run, at, len) : 0;
}

static int check_lines(struct run *run)
{
	for (const char *at = run->at; at < run->end; at += line_len(at, run->end) + 1) {
		run->line++;
		if (check_line(run, at, line_len(at, run->end)))
			return -EINVAL;
	}
	run->line = 0;
	return 0;
}

/* inih knows `;` after a value; `#`, which starts a comment line too, is as good there. */
static void cut_comment(char *line)
{
	for (char *at = line; *at; at++)
		if (*at == '#' && at > line && blank(at[-1])) {
			*at = '\0';
			return;
		}
}

/* fgets(3) over memory; every line fits, check_lines() saw to it. */
static char *next_line(char *line, int size, void *arg)
{
	struct run *run = arg;
	size_t len;

	if (run->failed || run->at >= run->end)
		return NULL;
	len = line_len(run->at, run->end);
	if (len >= (size_t)size)
		return NULL;
	memcpy(line, run->at, len);
	line[len] = '\0';
	cut_comment(line);
	run->at += len + 1;
	run->line++;
	return line;
}

static const struct ppn_ini_key *find_row(const struct run *run, const char *section,
					  const char *key)
{
	const struct ppn_ini_key *any = NULL;

	for (const struct ppn_ini_key *row = run->keys; row < run->keys + run->n_keys; row++) {
		if (strcmp(row->section, section) != 0)
			continue;
		if (strcmp(row->key, key) == 0)
			return row;
		if (strcmp(row->key, "*") == 0 && *key)
			any = row;
	}
	return any;
}

static bool mark_seen(struct run *run, const struct ppn_ini_key *row, const char *key)
{
	struct seen *slot = &run->seen[run->n_seen];

	for (const struct seen *s = run->seen; s < slot; s++)
		if (s->row == row && strcmp(s->key, key) == 0)
			return false;
	slot->row = row;
	snprintf(slot->key, sizeof(slot->key), "%s", key);
	run->n_seen++;
	return true;
}

static int take(void *arg, const char *section, const char *key, const char *value)
{
	struct run *run = arg;
	const struct ppn_ini_key *row;
	char why[160] = "";

	if (run->failed)
		return 0;
	row = find_row(run, section, key);
	if (!row)
		return !complain(run,
				 *section ? "unknown key " : "before the first [SECTION]: ", key);
	if (run->n_seen == PPN_INI_SETTINGS_MAX)
		return !complain(run, "too many settings in one file", "");
	if (!mark_seen(run, row, key))
		return !complain(run, "given a second time: ", key);
	if (row->set(run->config, key, value, why)) {
		snprintf(run->why, WHY_LEN, "%s:%u: %s: %s", run->name, run->line, key,
			 why[0] ? why : "bad value");
		run->failed = true;
	}
	return !run->failed;
}

int ppn_ini_parse(const char *name, const char *text, size_t len, const struct ppn_ini_key *keys,
		  size_t n_keys, void *config, char ret_why[static WHY_LEN])
{
	_cleanup_free_ struct seen *seen = calloc(PPN_INI_SETTINGS_MAX, sizeof(*seen));
	struct run run = { .name = name,
			   .at = text,
			   .end = text + len,
			   .keys = keys,
			   .n_keys = n_keys,
			   .seen = seen,
			   .config = config,
			   .why = ret_why };
	int line;

	if (!seen) {
		snprintf(ret_why, WHY_LEN, "%s: %s", name, strerror(ENOMEM));
		return -ENOMEM;
	}
	if (check_lines(&run))
		return -EINVAL;
	line = ini_parse_stream(next_line, &run, take, &run);
	if (line > 0 && !run.failed) {
		run.line = line;
		(void)complain(&run, "neither [SECTION] nor KEY = VALUE", "");
	}
	return line || run.failed ? -EINVAL : 0;
}

int ppn_ini_read(const char *path, const struct ppn_ini_key *keys, size_t n_keys, void *config,
		 char ret_why[static WHY_LEN])
{
	_cleanup_free_ uint8_t *text = NULL;
	size_t len;
	int err = ppn_file_read(AT_FDCWD, path, PPN_INI_MAX, 0, &text, &len);

	if (err) {
		snprintf(ret_why, WHY_LEN, "%s: %s", path, strerror(-err));
		return err;
	}
	return ppn_ini_parse(path, (const char *)text, len, keys, n_keys, config, ret_why);
}

static bool names(const char *at, size_t len, const char *name)
{
	while (len && blank(at[len - 1]))
		len--;
	return len == strlen(name) && memcmp(at, name, len) == 0;
}

unsigned int ppn_ini_where(const char *path, const char *section, const char *key)
{
	_cleanup_free_ uint8_t *text = NULL;
	unsigned int line = 0, found = 0;
	bool inside = false;
	size_t len, n;

	if (ppn_file_read(AT_FDCWD, path, PPN_INI_MAX, 0, &text, &len))
		return 0;
	for (const char *at = (char *)text, *end = at + len; at < end; at += n + 1) {
		const char *stop;

		n = line_len(at, end);
		line++;
		stop = memchr(at, *at == '[' ? ']' : '=', n);
		if (!stop || idle(at, n))
			continue;
		if (*at == '[')
			inside = names(at + 1, (size_t)(stop - at) - 1, section);
		else if (inside && names(at, (size_t)(stop - at), key))
			found = line;
	}
	return found;
}
