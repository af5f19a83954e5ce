// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "unit/hostile.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include "host/mounts.h"
#include "host/procs.h"
#include "unit/scratch.h"

static void lines(void **state)
{
	static const struct {
		const char *line, *point, *type, *source, *server;
		uint32_t port, major, minor;
	} rows[] = {
		{ "36 35 98:1 / /var/lib rw,noatime master:1 - ext4 /dev/sda2 rw,errors=continue\n",
		  "/var/lib", "ext4", "/dev/sda2", "", 0, 98, 1 },
		{ "40 35 0:44 / /srv/a\\040b rw - nfs4 192.0.2.5:/x rw,port=2050,clientaddr=192.0.2.9,addr=192.0.2.5\n",
		  "/srv/a b", "nfs4", "192.0.2.5:/x", "192.0.2.5", 2050, 0, 44 },
		{ "41 35 0:45 / / rw shared:1 master:2 propagate_from:3 - nfs [2001:db8::1]:/r rw,addr=2001:db8::1",
		  "/", "nfs", "[2001:db8::1]:/r", "2001:db8::1", 0, 0, 45 },
		{ "42 35 0:46 / /m rw - tmpfs none", "/m", "tmpfs", "none", "", 0, 0, 46 },
		{ "42 35 0:46 / /m\\134 rw - tmpfs none", "/m\\", "tmpfs", "none", "", 0, 0, 46 },
	};
	static const char *const none[] = { "",
					    "\n",
					    "1 2 3",
					    "36 35 x / /var rw - ext4 /dev/sda2 rw",
					    "36 35 98:1 / /var rw ext4 /dev/sda2 rw",
					    "36 35 98:1 / /var rw - ext4" };
	struct ppn_mount mount;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_true(ppn_mount_line(&mount, rows[i].line));
		assert_string_equal(mount.point, rows[i].point);
		assert_string_equal(mount.type, rows[i].type);
		assert_string_equal(mount.source, rows[i].source);
		assert_string_equal(mount.server, rows[i].server);
		assert_int_equal(mount.port, rows[i].port);
		assert_int_equal(mount.major, rows[i].major);
		assert_int_equal(mount.minor, rows[i].minor);
	}
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		assert_false(ppn_mount_line(&mount, none[i]));
}

static void make(const char *root, const char *path)
{
	char whole[512];

	snprintf(whole, sizeof(whole), "%s/%s", root, path);
	for (char *at = whole + strlen(root) + 1; (at = strchr(at, '/')); at++) {
		*at = '\0';
		(void)mkdir(whole, 0700);
		*at = '/';
	}
	if (whole[strlen(whole) - 1] != '/')
		close(open(whole, O_CREAT | O_WRONLY, 0600));
}

static void put(const char *root, const char *path, const char *text)
{
	char whole[512];
	FILE *file;

	make(root, path);
	snprintf(whole, sizeof(whole), "%s/%s", root, path);
	file = fopen(whole, "we");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void point(const char *root, const char *path, const char *to)
{
	char whole[512];

	make(root, path);
	snprintf(whole, sizeof(whole), "%s/%s", root, path);
	(void)unlink(whole);
	assert_int_equal(symlink(to, whole), 0);
}

/* A small sysfs: a local disk and its partition, iSCSI below LVM, NVMe over TCP, a loop device. */
static void blocks(void **state)
{
	char root[128], what[PPN_BLOCK_WHAT_LEN], file[PPN_MOUNT_POINT_LEN];
	int dir = scratch_open(state);

	snprintf(root, sizeof(root), "%s", (char *)*state);
	make(root, "devices/pci0/host0/target0/block/sda/");
	put(root, "devices/pci0/host0/target0/block/sda/sda1/partition", "1\n");
	make(root, "devices/platform/host3/session1/target3:0:0/3:0:0:1/block/sdb/");
	put(root, "devices/platform/host3/session1/target3:0:0/3:0:0:1/block/sdb/sdb2/partition",
	    "2\n");
	make(root, "devices/virtual/block/dm-0/slaves/");
	point(root, "devices/virtual/block/dm-0/slaves/sdb2",
	      "../../../../platform/host3/session1/target3:0:0/3:0:0:1/block/sdb/sdb2");
	make(root, "devices/virtual/block/dm-1/slaves/");
	point(root, "devices/virtual/block/dm-1/slaves/sda1",
	      "../../../../pci0/host0/target0/block/sda/sda1");
	make(root, "devices/virtual/block/nbd0/");
	put(root, "devices/virtual/nvme-subsystem/nvme-subsys0/nvme0n1/device/transport", "tcp\n");
	put(root, "devices/virtual/block/loop0/loop/backing_file", "/srv/disk.img\n");
	make(root, "devices/virtual/block/dm-2/slaves/");
	point(root, "devices/virtual/block/dm-2/slaves/dm-2", "../../dm-2"); /* never was */
	point(root, "dev/block/8:0", "../../devices/pci0/host0/target0/block/sda");
	point(root, "dev/block/8:1", "../../devices/pci0/host0/target0/block/sda/sda1");
	point(root, "dev/block/8:18",
	      "../../devices/platform/host3/session1/target3:0:0/3:0:0:1/block/sdb/sdb2");
	point(root, "dev/block/253:0", "../../devices/virtual/block/dm-0");
	point(root, "dev/block/253:1", "../../devices/virtual/block/dm-1");
	point(root, "dev/block/253:2", "../../devices/virtual/block/dm-2");
	point(root, "dev/block/43:0", "../../devices/virtual/block/nbd0");
	point(root, "dev/block/259:0", "../../devices/virtual/nvme-subsystem/nvme-subsys0/nvme0n1");
	point(root, "dev/block/7:0", "../../devices/virtual/block/loop0");

	assert_false(ppn_block_is_remote(root, 8, 0, what, file));
	assert_false(ppn_block_is_remote(root, 8, 1, what, file));
	assert_true(ppn_block_is_remote(root, 8, 18, what, file));
	assert_string_equal(what, "iSCSI");
	assert_true(ppn_block_is_remote(root, 253, 0, what, file));
	assert_string_equal(what, "iSCSI");
	assert_false(ppn_block_is_remote(root, 253, 1, what, file));
	assert_false(ppn_block_is_remote(root, 253, 2, what, file));
	assert_true(ppn_block_is_remote(root, 43, 0, what, file));
	assert_string_equal(what, "a network block device");
	assert_true(ppn_block_is_remote(root, 259, 0, what, file));
	assert_false(ppn_block_is_remote(root, 7, 0, what, file));
	assert_string_equal(file, "/srv/disk.img");
	assert_false(ppn_block_is_remote(root, 99, 9, what, file));
	assert_false(ppn_block_is_remote(root, 0, 0, what, file));
	close(dir);
}

static void own_mounts(void **state)
{
	struct ppn_mount *mounts;
	size_t n, roots = 0;

	(void)state;
	assert_int_equal(ppn_mounts_read(0, &mounts, &n), 0);
	for (size_t i = 0; i < n; i++)
		roots += strcmp(mounts[i].point, "/") == 0;
	assert_true(roots > 0);
	free(mounts);
	assert_int_equal(ppn_mounts_read(0x7fffffff, &mounts, &n), 0);
	assert_int_equal(n, 0);
}

static void own_sockets(void **state)
{
	struct sockaddr_in any = { .sin_family = AF_INET,
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const struct ppn_proc_socket *row;
	struct ppn_proc_socket *rows;
	uint64_t inodes[64];
	bool console, found = false;
	struct stat st;
	size_t n;

	(void)state;
	assert_int_equal(bind(fd, (struct sockaddr *)&any, sizeof(any)), 0);
	assert_int_equal(fstat(fd, &st), 0);
	n = ppn_procs_ancestors(inodes, 64, &console);
	for (size_t i = 0; i < n; i++)
		found |= inodes[i] == st.st_ino;
	assert_true(found);
	assert_int_equal(ppn_procs_ancestors(inodes, 0, &console), 0);
	assert_int_equal(ppn_procs_sockets(&rows, &n), 0);
	row = ppn_procs_find(rows, n, st.st_ino);
	assert_non_null(row);
	assert_int_equal(row->pid, getpid());
	assert_null(ppn_procs_find(rows, n, 0));
	assert_null(ppn_procs_find(rows, n, UINT64_MAX));
	assert_null(ppn_procs_find(NULL, 0, 1));
	free(rows);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines),
		cmocka_unit_test_setup_teardown(blocks, scratch_setup, scratch_teardown),
		cmocka_unit_test(own_mounts),
		cmocka_unit_test(own_sockets),
	};

	return cmocka_run_group_tests_name("mounts", tests, NULL, NULL);
}
