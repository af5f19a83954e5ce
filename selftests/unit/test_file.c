// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Files: modes, bounds, and that a write is whole or has not happened. */
#include "unit/hostile.h"

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include "host/file.h"
#include "unit/scratch.h"

static char *below(void **state, const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", (char *)*state, name);
	return path;
}

static unsigned int mode_of(int dir, const char *name)
{
	struct stat st;

	assert_int_equal(fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW), 0);
	return st.st_mode & 07777;
}

static void directories(void **state)
{
	mode_t saved = umask(0077);
	struct stat st;
	int fd = ppn_dir_open(below(state, "made"), 0755);

	umask(saved);
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
	close(fd);
	fd = ppn_dir_open(below(state, "made"), 0700); /* as it is */
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(chmod(below(state, "made"), 0770), 0);
	assert_int_equal(ppn_dir_open(below(state, "made"), 0700), -EPERM);
	assert_int_equal(chmod(below(state, "made"), 0702), 0);
	assert_int_equal(ppn_dir_open(below(state, "made"), 0700), -EPERM);
	assert_int_equal(ppn_dir_open(below(state, "not/there"), 0700), -ENOENT);
	fd = open(below(state, "file"), O_CREAT | O_WRONLY, 0600);
	close(fd);
	assert_int_equal(ppn_dir_open(below(state, "file"), 0700), -ENOTDIR);
}

static void foreign_owner(void **state)
{
	uint8_t *data;
	size_t len;
	int dir;

	if (geteuid() != 0)
		skip();
	assert_int_equal(mkdir(below(state, "theirs"), 0700), 0);
	assert_int_equal(chown(below(state, "theirs"), 65534, 65534), 0);
	assert_int_equal(ppn_dir_open(below(state, "theirs"), 0700), -EPERM);
	dir = scratch_open(state);
	scratch_put(dir, "key", "x", 1);
	assert_int_equal(fchownat(dir, "key", 65534, 65534, 0), 0);
	assert_int_equal(ppn_file_read(dir, "key", 10, 1, &data, &len), -EPERM);
	assert_int_equal(ppn_file_read(dir, "key", 10, 0, &data, &len), 0);
	free(data);
	close(dir);
}

static void write_and_read(void **state)
{
	int dir = scratch_open(state);
	mode_t saved = umask(0077);
	uint8_t *data, exact[5];
	size_t len;

	assert_int_equal(ppn_file_write(dir, "name", 0644, "first", 5), 0);
	umask(saved);
	assert_int_equal(mode_of(dir, "name"), 0644);
	assert_int_equal(ppn_file_write(dir, "name", 0600, "again", 5), 0);
	assert_int_equal(mode_of(dir, "name"), 0600);
	assert_int_equal(ppn_file_read(dir, "name", 5, 1, &data, &len), 0);
	assert_int_equal(len, 5);
	assert_string_equal((char *)data, "again");
	free(data);
	assert_int_equal(ppn_file_read_exact(dir, "name", 1, exact, 5), 0);
	assert_memory_equal(exact, "again", 5);
	assert_int_equal(faccessat(dir, "name.tmp", F_OK, 0), -1);
	assert_int_equal(ppn_file_write(dir, "empty", 0600, NULL, 0), 0);
	assert_int_equal(ppn_file_read(dir, "empty", 0, 1, &data, &len), 0);
	assert_int_equal(len, 0);
	assert_int_equal(data[0], 0);
	free(data);
	/* by a path of its own */
	assert_int_equal(ppn_file_write(AT_FDCWD, below(state, "abs"), 0600, "abs", 3), 0);
	assert_int_equal(ppn_file_read(AT_FDCWD, below(state, "abs"), 3, 0, &data, &len), 0);
	free(data);
	close(dir);
}

static void read_refuses(void **state)
{
	static const mode_t modes[] = { 0601, 0602, 0604, 0610, 0620, 0640 };
	int dir = scratch_open(state);
	uint8_t *data = (void *)1, exact[6] = "keep";
	size_t len = 77;

	scratch_put(dir, "five", "12345", 5);
	assert_int_equal(ppn_file_read(dir, "none", 10, 0, &data, &len), -ENOENT);
	assert_int_equal(ppn_file_read(dir, "five", 4, 0, &data, &len), -EFBIG);
	assert_int_equal(mkdirat(dir, "dir", 0700), 0);
	assert_int_equal(ppn_file_read(dir, "dir", 10, 0, &data, &len), -EISDIR);
	assert_int_equal(mkfifoat(dir, "fifo", 0600), 0);
	assert_int_equal(ppn_file_read(dir, "fifo", 10, 0, &data, &len), -EINVAL);
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		assert_int_equal(fchmodat(dir, "five", modes[i], 0), 0);
		assert_int_equal(ppn_file_read(dir, "five", 10, 1, &data, &len), -EPERM);
		assert_int_equal(ppn_file_read_exact(dir, "five", 1, exact, 5), -EPERM);
	}
	assert_int_equal(ppn_file_read_exact(dir, "five", 0, exact, 4), -EBADMSG);
	assert_int_equal(ppn_file_read_exact(dir, "five", 0, exact, 6), -EBADMSG);
	assert_ptr_equal(data, (void *)1);
	assert_int_equal(len, 77);
	assert_string_equal((char *)exact, "keep");
	close(dir);
}

/* A file that cannot be written whole leaves the old one, and nothing beside it. */
static void write_fails_whole(void **state)
{
	int dir = scratch_open(state), status;
	char big[8192] = "", back[8];
	pid_t pid;

	scratch_put(dir, "name", "old", 3);
	pid = fork();
	if (pid == 0) {
		struct rlimit limit = { 4096, 4096 };

		signal(SIGXFSZ, SIG_IGN);
		if (setrlimit(RLIMIT_FSIZE, &limit))
			_exit(2);
		_exit(ppn_file_write(dir, "name", 0600, big, sizeof(big)) == -EFBIG ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	assert_int_equal(scratch_get(dir, "name", back, sizeof(back)), 3);
	assert_memory_equal(back, "old", 3);
	assert_int_equal(faccessat(dir, "name.tmp", F_OK, 0), -1);
	/* a directory in its way: the same */
	assert_int_equal(mkdirat(dir, "taken", 0700), 0);
	assert_int_equal(ppn_file_write(dir, "taken", 0600, "x", 1), -EISDIR);
	assert_int_equal(faccessat(dir, "taken.tmp", F_OK, 0), -1);
	close(dir);
}

/* What a crash left behind, or somebody laid there, is not written through. */
static void stale_tmp(void **state)
{
	int dir = scratch_open(state);
	char back[16];

	scratch_put(dir, "victim", "victim", 6);
	assert_int_equal(symlinkat("victim", dir, "name.tmp"), 0);
	assert_int_equal(ppn_file_write(dir, "name", 0600, "new", 3), 0);
	assert_int_equal(scratch_get(dir, "victim", back, sizeof(back)), 6);
	assert_int_equal(scratch_get(dir, "name", back, sizeof(back)), 3);
	assert_int_equal(mode_of(dir, "name"), 0600);
	close(dir);
}

static void rename_and_remove(void **state)
{
	int dir = scratch_open(state);
	char back[16];

	scratch_put(dir, "from", "from", 4);
	scratch_put(dir, "to", "older", 5);
	assert_int_equal(ppn_file_rename(dir, "from", "to"), 0);
	assert_int_equal(scratch_get(dir, "to", back, sizeof(back)), 4);
	assert_int_equal(scratch_get(dir, "from", back, sizeof(back)), -1);
	assert_int_equal(ppn_file_rename(dir, "from", "to"), -ENOENT);
	assert_int_equal(ppn_file_remove(dir, "to"), 0);
	assert_int_equal(scratch_get(dir, "to", back, sizeof(back)), -1);
	assert_int_equal(ppn_file_remove(dir, "to"), 0);
	assert_int_equal(mkdirat(dir, "dir", 0700), 0);
	assert_int_equal(ppn_file_remove(dir, "dir"), -EISDIR);
	close(dir);
}

/* The bytes go, not only the name; a second name's bytes are not ours to wipe. */
static void remove_overwrites(void **state)
{
	int dir = scratch_open(state), fd;
	char secret[5000], back[5000];

	memset(secret, 's', sizeof(secret));
	scratch_put(dir, "secret", secret, sizeof(secret));
	fd = openat(dir, "secret", O_RDONLY);
	assert_int_equal(ppn_file_remove(dir, "secret"), 0);
	assert_int_equal(read(fd, back, sizeof(back)), sizeof(back));
	assert_true(ppn_is_zero(back, sizeof(back)));
	close(fd);
	scratch_put(dir, "one", secret, sizeof(secret));
	assert_int_equal(linkat(dir, "one", dir, "two", 0), 0);
	assert_int_equal(ppn_file_remove(dir, "one"), 0);
	assert_int_equal(scratch_get(dir, "two", back, sizeof(back)), sizeof(back));
	assert_memory_equal(back, secret, sizeof(back));
	scratch_put(dir, "victim", secret, sizeof(secret));
	assert_int_equal(symlinkat("victim", dir, "link"), 0);
	assert_int_equal(ppn_file_remove(dir, "link"), 0);
	assert_int_equal(scratch_get(dir, "victim", back, sizeof(back)), sizeof(back));
	assert_memory_equal(back, secret, sizeof(back));
	close(dir);
}

#define FILE_TEST(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FILE_TEST(directories),	      FILE_TEST(foreign_owner),
		FILE_TEST(write_and_read),    FILE_TEST(read_refuses),
		FILE_TEST(write_fails_whole), FILE_TEST(stale_tmp),
		FILE_TEST(rename_and_remove), FILE_TEST(remove_overwrites),
	};

	return cmocka_run_group_tests(tests, setup_crypto, NULL);
}
