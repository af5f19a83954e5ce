// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "unit/hostile.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "kernel/cgroup.h"
#include "unit/scratch.h"

#define MIB (UINT64_C(1) << 20)
#define V1 "sys/fs/cgroup/memory"
#define V2 "sys/fs/cgroup"

struct file {
	const char *path, *text;
};

static const struct {
	const char *what, *cgroup; /* /proc/self/cgroup; NULL: none */
	struct file files[4];
	uint64_t limit;
} machines[] = {
	{ "none", NULL, { { 0 } }, UINT64_MAX },
	{ "v2, no limit",
	  "0::/system.slice/ppnd.service\n",
	  { { V2 "/system.slice/ppnd.service/memory.max", "max\n" } },
	  UINT64_MAX },
	{ "v2, its own",
	  "0::/system.slice/ppnd.service\n",
	  { { V2 "/system.slice/ppnd.service/memory.max", "16777216\n" },
	    { V2 "/system.slice/memory.max", "33554432\n" } },
	  16 * MIB },
	{ "v2, its slice's",
	  "0::/system.slice/ppnd.service\n",
	  { { V2 "/system.slice/ppnd.service/memory.max", "max\n" },
	    { V2 "/system.slice/memory.max", "8388608\n" } },
	  8 * MIB },
	{ "v2, a container's root", "0::/\n", { { V2 "/memory.max", "8388608\n" } }, 8 * MIB },
	{ "v1, beside others",
	  "9:name=systemd:/x\n4:cpu,memory:/x\n3:memoryless:/y\n0::/\n",
	  { { V1 "/x/memory.limit_in_bytes", "16777216\n" },
	    { V1 "/y/memory.limit_in_bytes", "1048576\n" },
	    { V1 "/memory.limit_in_bytes", "9223372036854771712\n" } },
	  16 * MIB },
	{ "v1, a path that this mount does not show",
	  "4:memory:/docker/0123\n",
	  { { V1 "/memory.limit_in_bytes", "16777216\n" } },
	  16 * MIB },
	{ "no cgroup's lines",
	  "\n4\n4:memory\n4:memory:\n0::x\n",
	  { { V1 "/memory.limit_in_bytes", "1\n" }, { V2 "/memory.max", "1\n" } },
	  UINT64_MAX },
	{ "nothing but noise in it", "0::/\n", { { V2 "/memory.max", "-1\n" } }, UINT64_MAX },
};

/* The folders of the path, too. */
static void put(const char *root, const char *path, const char *text)
{
	char whole[256];
	FILE *file;

	snprintf(whole, sizeof(whole), "%s/%s", root, path);
	for (char *slash = strchr(whole + strlen(root) + 1, '/'); slash;
	     slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		(void)mkdir(whole, 0700);
		*slash = '/';
	}
	file = fopen(whole, "we");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void limits(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(machines) / sizeof(machines[0]); i++) {
		void *root;

		assert_int_equal(scratch_setup(&root), 0);
		if (machines[i].cgroup)
			put(root, "proc/self/cgroup", machines[i].cgroup);
		for (const struct file *file = machines[i].files; file->path; file++)
			put(root, file->path, file->text);
		if (ppn_cgroup_memory(root) != machines[i].limit)
			fail_msg("%s", machines[i].what);
		assert_int_equal(scratch_teardown(&root), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
