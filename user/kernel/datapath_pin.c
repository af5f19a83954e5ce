// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <linux/magic.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include "kernel/datapath_private.h"

enum { LOCK_TRIES = 100, LOCK_WAIT_MS = 50 };

const char *dp_map_path(const struct ppn_datapath *dp, const char *name, char path[static PATH_MAX])
{
	(void)snprintf(path, PATH_MAX, "%s/%s", dp->folder, name);
	return path;
}

const char *dp_link_path(const struct ppn_datapath *dp, const char *name,
			 char path[static PATH_MAX])
{
	(void)snprintf(path, PATH_MAX, "%s/%s", dp->links, name);
	return path;
}

static int check_bpffs(const struct ppn_datapath *dp, char *ret_why)
{
	char parent[PATH_MAX];
	struct statfs fs;

	(void)snprintf(parent, sizeof(parent), "%s", dp->root);
	(void)dirname(parent);
	if (statfs(parent, &fs))
		return dp_why(ret_why, -errno,
			      "%.60s: %s: mount a bpffs there (mount -t bpf bpf %.40s)", parent,
			      strerror(errno), parent);
	if ((unsigned long)fs.f_type != BPF_FS_MAGIC)
		return dp_why(ret_why, -ENOTSUP, "%.60s is no bpffs: mount -t bpf bpf %.60s",
			      parent, parent);
	return 0;
}

int ppn_datapath_mount(const char *pin_root, char ret_why[static PPN_WHY_LEN])
{
	char parent[PATH_MAX];
	struct statfs fs;

	(void)snprintf(parent, sizeof(parent), "%s", pin_root ? pin_root : PPN_PIN_ROOT);
	(void)dirname(parent);
	if (!statfs(parent, &fs) && (unsigned long)fs.f_type == BPF_FS_MAGIC)
		return 0;
	if (mount("bpf", parent, "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700"))
		return dp_why(ret_why, -errno, "a bpffs on %.80s: %s", parent, strerror(errno));
	return 0;
}

static int make_private(const char *path, char *ret_why)
{
	struct stat st;
	int err;

	if (mkdir(path, 0700) && errno != EEXIST) {
		err = -errno;
		return dp_why(ret_why, err, "%.80s: %s%s", path, strerror(-err),
			      err == -EROFS ? ": mount the bpffs read-write" : "");
	}
	if (lstat(path, &st))
		return dp_why(ret_why, -errno, "%.80s: %s", path, strerror(errno));
	if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid())
		return dp_why(ret_why, -EPERM, "%.80s is not a folder of this user: remove it",
			      path);
	if ((st.st_mode & 0777) != 0700 && chmod(path, 0700))
		return dp_why(ret_why, -errno, "%.80s: chmod 0700: %s", path, strerror(errno));
	return 0;
}

/* Another ABI's programs may be holding interfaces: two seals side by side would be nobody's. What is
 * older is known (datapath_upgrade.c); what is newer, only its own ppnd knows. */
static int check_abi(struct ppn_datapath *dp, char *ret_why)
{
	struct dirent *entry;
	DIR *dir;
	int err = 0;
	long abi;

	dp->older = 0;
	dir = opendir(dp->root);
	if (!dir)
		return dp_why(ret_why, -errno, "%.80s: %s", dp->root, strerror(errno));
	while (!err && (entry = readdir(dir))) {
		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		abi = strtol(entry->d_name, NULL, 10);
		if (abi > PPN_ABI)
			err = dp_why(ret_why, -EPROTO,
				     "%.60s/%.10s: pinned by a newer ppnd (ABI %ld, this is %d): "
				     "use that one, or unseal with it",
				     dp->root, entry->d_name, abi, PPN_ABI);
		else if (abi < PPN_ABI && abi > dp->older)
			dp->older = (int)abi;
	}
	closedir(dir);
	return err;
}

int dp_folder_make(struct ppn_datapath *dp, char *ret_why)
{
	char programs[PATH_MAX];
	int err;

	err = check_bpffs(dp, ret_why);
	if (!err)
		err = make_private(dp->root, ret_why);
	if (!err)
		err = check_abi(dp, ret_why);
	if (!err)
		err = make_private(dp->folder, ret_why);
	if (!err)
		err = make_private(dp->links, ret_why);
	(void)snprintf(programs, sizeof(programs), "%s/" DP_PROGRAMS, dp->folder);
	if (!err)
		err = make_private(programs, ret_why);
	return err;
}

/* Between open and flock somebody may have removed the folder, and another have made it anew. */
static bool still_there(int fd, const char *path)
{
	struct stat mine, now;

	return !fstat(fd, &mine) && !stat(path, &now) && mine.st_ino == now.st_ino &&
	       mine.st_dev == now.st_dev;
}

int dp_folder_lock(struct ppn_datapath *dp, int *ret_fd, char *ret_why)
{
	const struct timespec wait = { .tv_nsec = LOCK_WAIT_MS * 1000000L };
	int fd, err, i;

	for (i = 0; i < LOCK_TRIES; i++) {
		err = dp_folder_make(dp, ret_why);
		if (err)
			return err;
		fd = open(dp->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd >= 0) {
			if (!flock(fd, LOCK_EX | LOCK_NB) && still_there(fd, dp->folder)) {
				*ret_fd = fd;
				return 0;
			}
			close(fd);
		}
		(void)nanosleep(&wait, NULL);
	}
	return dp_why(ret_why, -EBUSY, "%.80s is locked: is another ppnd loading or unsealing?",
		      dp->folder);
}

int dp_folder_alive(struct ppn_datapath *dp, char *ret_why)
{
	if (dp->alive >= 0 && still_there(dp->alive, dp->links))
		return 0;
	if (dp->alive >= 0)
		close(dp->alive);
	dp->alive = open(dp->links, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dp->alive < 0 || flock(dp->alive, LOCK_SH | LOCK_NB))
		return dp_why(ret_why, -EBUSY, "%.80s: a newer ppnd is taking over", dp->links);
	return 0;
}

int dp_folder_filled(struct ppn_datapath *dp)
{
	char path[PATH_MAX];

	dp->filled = true;
	if (bpf_obj_pin(dp->map[DP_COMMAND], dp_map_path(dp, DP_FILLED, path)) && errno != EEXIST)
		return -errno;
	return 0;
}

static int map_id(int fd, uint32_t *ret_id)
{
	struct bpf_map_info info = { 0 };
	__u32 len = sizeof(info);
	int err = bpf_obj_get_info_by_fd(fd, &info, &len);

	if (!err)
		*ret_id = info.id;
	return err;
}

static int repin_map(struct ppn_datapath *dp, const struct bpf_map *map, char *ret_why)
{
	const char *name = bpf_map__name(map);
	char path[PATH_MAX];
	uint32_t ours, pinned;
	int fd, err;

	fd = bpf_obj_get(dp_map_path(dp, name, path));
	if (fd < 0) {
		err = errno == ENOENT ? bpf_obj_pin(bpf_map__fd(map), path) : -errno;
		return err ? dp_why(ret_why, err, "pin %.100s: %s", path, strerror(-err)) : 0;
	}
	err = map_id(fd, &pinned);
	close(fd);
	if (!err)
		err = map_id(bpf_map__fd(map), &ours);
	if (!err && ours != pinned)
		err = dp_why(ret_why, -ESTALE,
			     "%.80s was made anew by another process: restart ppnd", path);
	return err;
}

int dp_folder_repin(struct ppn_datapath *dp, char *ret_why)
{
	struct bpf_map *map;
	int err = dp_programs_pin(dp, ret_why);

	for (int i = 0; i < _DP_OBJECT_MAX && !err; i++) {
		if (!dp->object[i])
			continue;
		bpf_object__for_each_map(map, dp->object[i]) {
			if (!bpf_map__is_internal(map))
				err = repin_map(dp, map, ret_why);
			if (err)
				break;
		}
	}
	if (!err && dp->filled)
		err = dp_folder_filled(dp);
	if (!err && !dp->blind)
		err = dp_folder_alive(dp, ret_why);
	return err;
}

bool dp_folder_pinned(const struct ppn_datapath *dp)
{
	char path[PATH_MAX];
	struct bpf_map *map;

	for (int i = 0; i < _DP_OBJECT_MAX; i++) {
		if (!dp->object[i])
			continue;
		bpf_object__for_each_map(map, dp->object[i])
			if (!bpf_map__is_internal(map) &&
			    access(dp_map_path(dp, bpf_map__name(map), path), F_OK))
				return false;
	}
	return true;
}

/* Pins lie side by side; a folder is somebody's own business. */
static int empty_folder(const char *path)
{
	struct dirent *entry;
	int err = 0;
	DIR *dir;

	dir = opendir(path);
	if (!dir)
		return errno == ENOENT ? 0 : -errno;
	while ((entry = readdir(dir)))
		if (entry->d_type == DT_REG && unlinkat(dirfd(dir), entry->d_name, 0))
			err = -errno;
	closedir(dir);
	return err;
}

int dp_folder_clear(const char *folder)
{
	char path[PATH_MAX];
	int err;

	(void)snprintf(path, sizeof(path), "%s/links", folder);
	if (rmdir(path) && errno != ENOENT)
		return -errno;
	(void)snprintf(path, sizeof(path), "%s/" DP_PROGRAMS, folder);
	err = empty_folder(path);
	if (!err && rmdir(path) && errno != ENOENT)
		err = -errno;
	if (!err)
		err = empty_folder(folder);
	if (!err && rmdir(folder) && errno != ENOENT)
		err = -errno;
	return err;
}

int dp_folder_remove(struct ppn_datapath *dp)
{
	int err = dp_folder_clear(dp->folder);

	/* Other things may live beside ours. */
	(void)rmdir(dp->root);
	return err;
}
