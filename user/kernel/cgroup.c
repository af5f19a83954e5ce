// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "kernel/cgroup.h"

#include <ctype.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* v2 says "max" where it has none, v1 a number that no machine has. */
static uint64_t read_limit(const char *path)
{
	FILE *file = fopen(path, "re");
	char line[32] = "";
	uint64_t limit;

	if (!file)
		return UINT64_MAX;
	limit = fgets(line, sizeof(line), file) && isdigit((unsigned char)*line) ?
			strtoull(line, NULL, 10) :
			UINT64_MAX;
	(void)fclose(file);
	return limit;
}

/* From the cgroup at `path` up to the mount: in a container's mount the path itself may not be there. */
static uint64_t lowest_up(const char *root, const char *mount, char *path, const char *name)
{
	uint64_t lowest = UINT64_MAX, limit;
	char file[PATH_MAX], *slash;

	do {
		slash = strrchr(path, '/');
		if (slash && !slash[1]) /* "/" itself */
			*slash = '\0';
		snprintf(file, sizeof(file), "%s%s%s/%s", root, mount, path, name);
		limit = read_limit(file);
		if (limit < lowest)
			lowest = limit;
		slash = strrchr(path, '/');
		if (slash)
			*slash = '\0';
	} while (slash);
	return lowest;
}

static bool has_memory(const char *controllers)
{
	const char *at = strstr(controllers, "memory");

	return at && (at == controllers || at[-1] == ',') && (!at[6] || at[6] == ',');
}

/* A line is "NUMBER:CONTROLLERS:PATH"; v2's has no controllers. */
static uint64_t limit_by(const char *root, char *line)
{
	char *controllers = strchr(line, ':'), *path;

	path = controllers ? strchr(controllers + 1, ':') : NULL;
	if (!path || path[1] != '/')
		return UINT64_MAX;
	*path++ = '\0';
	path[strcspn(path, "\n")] = '\0';
	if (!*++controllers)
		return lowest_up(root, "/sys/fs/cgroup", path, "memory.max");
	if (has_memory(controllers))
		return lowest_up(root, "/sys/fs/cgroup/memory", path, "memory.limit_in_bytes");
	return UINT64_MAX;
}

uint64_t ppn_cgroup_memory(const char *root)
{
	uint64_t lowest = UINT64_MAX, limit;
	char line[PATH_MAX];
	FILE *file;

	snprintf(line, sizeof(line), "%s/proc/self/cgroup", root);
	file = fopen(line, "re");
	if (!file)
		return UINT64_MAX;
	while (fgets(line, sizeof(line), file)) {
		limit = limit_by(root, line);
		if (limit < lowest)
			lowest = limit;
	}
	(void)fclose(file);
	return lowest;
}
