// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Block devices by sysfs: which come over a network. */
#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/cleanup.h"
#include "host/mounts.h"

enum { DEPTH = 8, SLAVES_MAX = 64 };

struct walk {
	char *what, *file;
};

static bool read_word(char *ret_text, size_t size, const char *path)
{
	FILE *file = fopen(path, "re");
	bool got = file && fgets(ret_text, (int)size, file);

	if (file)
		fclose(file);
	if (got)
		ret_text[strcspn(ret_text, "\n")] = '\0';
	return got;
}

static bool say(struct walk *walk, const char *words)
{
	snprintf(walk->what, PPN_BLOCK_WHAT_LEN, "%s", words);
	return true;
}

/* What its name or its place in the tree of devices tells. */
static bool by_place(struct walk *walk, const char *place)
{
	static const struct {
		const char *part, *words;
	} rows[] = {
		{ "/session", "iSCSI" },      { "/block/nbd", "a network block device" },
		{ "/block/rbd", "Ceph RBD" }, { "/block/drbd", "DRBD" },
		{ "/block/etherd", "AoE" },   { "/nvme-fabrics/", "NVMe over fabrics" },
		{ "/fcoe", "FCoE" },	      { "/block/rnbd", "RDMA network block device" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strstr(place, rows[i].part))
			return say(walk, rows[i].words);
	return false;
}

/* An NVMe controller's transport, where its disk is not below the fabrics' folder. */
static bool by_transport(struct walk *walk, const char *place)
{
	char path[PATH_MAX], word[32];

	if (!strstr(place, "/nvme"))
		return false;
	if (snprintf(path, sizeof(path), "%s/device/transport", place) >= (int)sizeof(path) ||
	    !read_word(word, sizeof(word), path))
		return false;
	return (strcmp(word, "tcp") == 0 || strcmp(word, "rdma") == 0 || strcmp(word, "fc") == 0) &&
	       say(walk, "NVMe over fabrics");
}

static bool is_remote(struct walk *walk, const char *place, unsigned int depth);

static bool any_slave(struct walk *walk, const char *place, unsigned int depth)
{
	char path[PATH_MAX], real[PATH_MAX];
	bool found = false;
	struct dirent *entry;
	DIR *dir;

	if (snprintf(path, sizeof(path), "%s/slaves", place) >= (int)sizeof(path))
		return false;
	dir = opendir(path);
	for (int n = 0; dir && !found && n < SLAVES_MAX && (entry = readdir(dir)); n++) {
		if (entry->d_name[0] == '.' ||
		    snprintf(path, sizeof(path), "%s/slaves/%s", place, entry->d_name) >=
			    (int)sizeof(path) ||
		    !realpath(path, real))
			continue;
		found = is_remote(walk, real, depth - 1);
	}
	if (dir)
		closedir(dir);
	return found;
}

static bool is_remote(struct walk *walk, const char *place, unsigned int depth)
{
	char path[PATH_MAX], disk[PATH_MAX];

	if (depth == 0)
		return false;
	if (snprintf(path, sizeof(path), "%s/loop/backing_file", place) < (int)sizeof(path))
		(void)read_word(walk->file, PPN_MOUNT_POINT_LEN, path);
	if (by_place(walk, place) || by_transport(walk, place) || any_slave(walk, place, depth))
		return true;
	/* A partition: the disk is the folder above. */
	if (snprintf(path, sizeof(path), "%s/partition", place) >= (int)sizeof(path) ||
	    !read_word(disk, sizeof(disk), path) ||
	    snprintf(path, sizeof(path), "%s/..", place) >= (int)sizeof(path) ||
	    !realpath(path, disk))
		return false;
	return is_remote(walk, disk, depth - 1);
}

bool ppn_block_is_remote(const char *sysfs, uint32_t major, uint32_t minor,
			 char ret_what[static PPN_BLOCK_WHAT_LEN],
			 char ret_file[static PPN_MOUNT_POINT_LEN])
{
	struct walk walk = { ret_what, ret_file };
	char path[PATH_MAX], place[PATH_MAX];

	ret_what[0] = ret_file[0] = '\0';
	if (!major ||
	    snprintf(path, sizeof(path), "%s/dev/block/%u:%u", sysfs, major, minor) >=
		    (int)sizeof(path) ||
	    !realpath(path, place))
		return false;
	return is_remote(&walk, place, DEPTH);
}
