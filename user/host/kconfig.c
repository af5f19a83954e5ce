// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "host/kconfig.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <zlib.h>

enum { LINE_MAX_LEN = 512, VERSION_MAX = 64 };

/* A version becomes part of a path. */
static int take_version(char ret_version[static VERSION_MAX], const char *version)
{
	struct utsname running;

	if (!version) {
		if (uname(&running) < 0)
			return -errno;
		version = running.release;
	}
	if (!isdigit((unsigned char)*version) || strlen(version) >= VERSION_MAX)
		return -EINVAL;
	for (const char *at = version; *at; at++)
		if (!isalnum((unsigned char)*at) && !strchr(".+-_~", *at))
			return -EINVAL;
	memcpy(ret_version, version, strlen(version) + 1);
	return 0;
}

static void take_line(const char *line, const char *const *options, size_t n, char *ret_values)
{
	for (size_t i = 0; i < n; i++) {
		const size_t len = strlen(options[i]);

		if (strncmp(line, options[i], len) == 0 && line[len] == '=' &&
		    (line[len + 1] == 'y' || line[len + 1] == 'm'))
			ret_values[i] = line[len + 1];
	}
}

/* Packed or plain, zlib reads both. */
static int read_config(const char *path, const char *const *options, size_t n, char *ret_values)
{
	gzFile file = gzopen(path, "re");
	char line[LINE_MAX_LEN];

	if (!file)
		return errno ? -errno : -ENOMEM;
	memset(ret_values, 'n', n);
	while (gzgets(file, line, sizeof(line)))
		take_line(line, options, n, ret_values);
	(void)gzclose_r(file);
	return 0;
}

int ppn_kconfig_read(const char *version, const char *const *options, size_t n, char *ret_values)
{
	char name[VERSION_MAX], path[VERSION_MAX + 32];
	int err = take_version(name, version);

	memset(ret_values, '?', n);
	if (err)
		return err;
	if (!version && !read_config("/proc/config.gz", options, n, ret_values))
		return 0;
	snprintf(path, sizeof(path), "/boot/config-%s", name);
	if (!read_config(path, options, n, ret_values))
		return 0;
	snprintf(path, sizeof(path), "/lib/modules/%s/config", name);
	return read_config(path, options, n, ret_values);
}

static bool names_module(const char *line, const char *name)
{
	const char *colon = strchr(line, ':'), *at = colon ? colon : line;
	const size_t len = strlen(name);

	while (at > line && at[-1] != '/')
		at--;
	return colon && strncmp(at, name, len) == 0 && strncmp(at + len, ".ko", 3) == 0;
}

bool ppn_kmodule_is_there(const char *version, const char *name)
{
	char release[VERSION_MAX], path[VERSION_MAX + 32], line[LINE_MAX_LEN];
	bool there = false, begins = true;
	FILE *file;

	if (take_version(release, version))
		return false;
	snprintf(path, sizeof(path), "/lib/modules/%s/modules.dep", release);
	file = fopen(path, "re");
	if (!file)
		return false;
	/* Its lines are long; a module's own name stands at the beginning. */
	while (!there && fgets(line, sizeof(line), file)) {
		there = begins && names_module(line, name);
		begins = strchr(line, '\n');
	}
	(void)fclose(file);
	return there;
}
