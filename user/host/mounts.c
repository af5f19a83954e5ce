// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "host/mounts.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "host/cleanup.h"

enum { LINE_LEN = 4096 };

/* Blank, tab, newline and backslash come as \ooo. */
static void unescape(char *ret_text, size_t size, const char *text)
{
	size_t n = 0;

	while (*text && n + 1 < size) {
		if (text[0] == '\\' && text[1] >= '0' && text[1] <= '3' && text[2] >= '0' &&
		    text[2] <= '7' && text[3] >= '0' && text[3] <= '7') {
			ret_text[n++] = (char)((text[1] - '0') << 6 | (text[2] - '0') << 3 |
					       (text[3] - '0'));
			text += 4;
		} else {
			ret_text[n++] = *text++;
		}
	}
	ret_text[n] = '\0';
}

/* KEY=VALUE in a list with commas. */
static bool option(char *ret_value, size_t size, const char *options, const char *key)
{
	const size_t len = strlen(key);

	for (const char *at = options; *at; at += strcspn(at, ",")) {
		at += *at == ',';
		if (strncmp(at, key, len) == 0 && at[len] == '=') {
			snprintf(ret_value, size, "%.*s", (int)strcspn(at + len + 1, ","),
				 at + len + 1);
			return true;
		}
	}
	return false;
}

static void take_options(struct ppn_mount *mount, const char *options)
{
	char port[16];

	(void)option(mount->server, sizeof(mount->server), options, "addr");
	if (option(port, sizeof(port), options, "port"))
		mount->port = (uint32_t)strtoul(port, NULL, 10) & 0xffff;
}

/* major:minor */
static bool take_device(const char *word, uint32_t *ret_major, uint32_t *ret_minor)
{
	char *end;

	*ret_major = (uint32_t)strtoul(word, &end, 10);
	if (end == word || *end != ':')
		return false;
	word = end + 1;
	*ret_minor = (uint32_t)strtoul(word, &end, 10);
	return end != word && !*end;
}

bool ppn_mount_line(struct ppn_mount *ret_mount, const char *line)
{
	struct ppn_mount mount = { 0 };
	_cleanup_free_ char *copy = strdup(line);
	char *at = copy, *point = NULL, *word = NULL, *fields[3] = { NULL };

	if (!copy)
		return false;
	/* id parent major:minor root point options [tags] - type source options */
	for (int i = 0; (word = strsep(&at, " \n")) && i < 6; i++) {
		if (i == 2 && !take_device(word, &mount.major, &mount.minor))
			return false;
		if (i == 4)
			point = word;
	}
	while (word && strcmp(word, "-") != 0)
		word = strsep(&at, " \n");
	for (size_t i = 0; i < 3; i++)
		fields[i] = word ? strsep(&at, " \n") : NULL;
	if (!point || !fields[0] || !fields[1])
		return false;
	unescape(mount.point, sizeof(mount.point), point);
	unescape(mount.type, sizeof(mount.type), fields[0]);
	unescape(mount.source, sizeof(mount.source), fields[1]);
	take_options(&mount, fields[2] ? fields[2] : "");
	*ret_mount = mount;
	return true;
}

/* A file's device is the file system's, a block special file is one itself. */
static bool swap_line(struct ppn_mount *ret_mount, const char *line)
{
	struct ppn_mount mount = { .point = "swap", .type = "swap" };
	char path[PPN_MOUNT_POINT_LEN];
	struct stat st;

	if (line[0] != '/')
		return false;
	snprintf(path, sizeof(path), "%.*s", (int)strcspn(line, " \t\n"), line);
	unescape(mount.source, sizeof(mount.source), path);
	if (stat(mount.source, &st) == 0) {
		const dev_t device = S_ISBLK(st.st_mode) ? st.st_rdev : st.st_dev;

		mount.major = major(device);
		mount.minor = minor(device);
	}
	*ret_mount = mount;
	return true;
}

static int read_lines(const char *path, bool (*parse)(struct ppn_mount *, const char *),
		      struct ppn_mount **mounts, size_t *n)
{
	_cleanup_free_ char *line = malloc(LINE_LEN);
	FILE *file = fopen(path, "re");
	int err = 0;

	if (!file || !line) {
		err = file ? -ENOMEM : -errno;
		if (file)
			fclose(file);
		return err;
	}
	while (!err && *n < PPN_MOUNTS_MAX && fgets(line, LINE_LEN, file)) {
		struct ppn_mount mount, *grown;

		if (!parse(&mount, line))
			continue;
		grown = *n % 64 ? *mounts : reallocarray(*mounts, *n + 64, sizeof(*grown));
		if (!grown) {
			err = -ENOMEM;
			break;
		}
		*mounts = grown;
		grown[(*n)++] = mount;
	}
	fclose(file);
	return err;
}

int ppn_mounts_read(int pid, struct ppn_mount **ret_mounts, size_t *ret_n)
{
	_cleanup_free_ struct ppn_mount *mounts = NULL;
	char path[64] = "/proc/self/mountinfo";
	size_t n = 0;
	int err;

	if (pid)
		snprintf(path, sizeof(path), "/proc/%d/mountinfo", pid);
	err = read_lines(path, ppn_mount_line, &mounts, &n);
	if (!err)
		err = read_lines("/proc/swaps", swap_line, &mounts, &n);
	if (err && err != -ENOENT)
		return err;
	*ret_mounts = TAKE_PTR(mounts);
	*ret_n = n;
	return 0;
}
