// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What each program costs the running kernel's verifier, against the table of kernels (verified_insns.h):
 * a rise of a half fails (perf-and-reliability B23). A series that is not in the table is held to the
 * largest number known.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include "harness.h"
#include "egress.skel.h"
#include "frame.skel.h"
#include "seal.skel.h"
#include "seal_tc.skel.h"
#include "verified_insns.h"

/* The verifier's limit since 5.2. */
enum { INSNS_MAX = 1000000 };
enum program { SEAL, SEAL_TC, EGRESS, FRAME_IN, FRAME_OUT, _PROGRAM_MAX };

static const struct {
	const char *name;
	const void *(*elf)(size_t *ret_len);
} programs[_PROGRAM_MAX] = {
	[SEAL] = { "seal", seal_bpf__elf_bytes },
	[SEAL_TC] = { "seal_tc", seal_tc_bpf__elf_bytes },
	[EGRESS] = { "egress", egress_bpf__elf_bytes },
	[FRAME_IN] = { "frame_in", frame_bpf__elf_bytes },
	[FRAME_OUT] = { "frame_out", frame_bpf__elf_bytes },
};

static const struct series {
	unsigned int kernel, patchlevel;
	uint32_t insns[_PROGRAM_MAX];
} table[] = {
#define X(kernel, patchlevel, ...) { kernel, patchlevel, { __VA_ARGS__ } },
	VERIFIED_INSNS(X)
#undef X
};

enum { N_TABLE = sizeof(table) / sizeof(table[0]) };

/* Loaded alone, with maps of its own. 0: refused. */
static uint32_t verified_insns(enum program which)
{
	struct bpf_prog_info info = { 0 };
	__u32 len = sizeof(info);
	struct bpf_program *prog;
	struct bpf_object *object;
	struct bpf_map *map;
	size_t size;
	const void *elf = programs[which].elf(&size);

	object = bpf_object__open_mem(elf, size, NULL);
	if (!object)
		bail_out(programs[which].name);
	bpf_object__for_each_map(map, object)
		(void)bpf_map__set_pin_path(map, NULL);
	bpf_object__for_each_program(prog, object)
		(void)bpf_program__set_autoload(prog, strcmp(bpf_program__name(prog),
							     programs[which].name) == 0);
	prog = bpf_object__find_program_by_name(object, programs[which].name);
	if (prog && !bpf_object__load(object))
		(void)bpf_obj_get_info_by_fd(bpf_program__fd(prog), &info, &len);
	bpf_object__close(object);
	return info.verified_insns;
}

/* "6.18.44-amd64" is of 6.18. */
static void series_of(const char *release, unsigned int *ret_kernel, unsigned int *ret_patchlevel)
{
	char *rest;

	*ret_kernel = (unsigned int)strtoul(release, &rest, 10);
	*ret_patchlevel = *rest == '.' ? (unsigned int)strtoul(rest + 1, NULL, 10) : 0;
}

/* The row of this kernel; NULL: it has none. */
static const struct series *find(const char *release)
{
	unsigned int kernel, patchlevel;

	series_of(release, &kernel, &patchlevel);
	for (size_t i = 0; i < N_TABLE; i++)
		if (table[i].kernel == kernel && table[i].patchlevel == patchlevel)
			return &table[i];
	return NULL;
}

static uint32_t largest(enum program which)
{
	uint32_t insns = 0;

	for (size_t i = 0; i < N_TABLE; i++)
		if (table[i].insns[which] > insns)
			insns = table[i].insns[which];
	return insns;
}

/* As the table wants it. */
static void print_row(const char *release, const uint32_t insns[static _PROGRAM_MAX])
{
	unsigned int kernel, patchlevel;

	series_of(release, &kernel, &patchlevel);
	tap_note("Linux %s: X(%u, %u, %u, %u, %u, %u, %u)", release, kernel, patchlevel,
		 insns[SEAL], insns[SEAL_TC], insns[EGRESS], insns[FRAME_IN], insns[FRAME_OUT]);
}

int main(void)
{
	uint32_t insns[_PROGRAM_MAX], known;
	const struct series *series;
	struct utsname uts;

	if (uname(&uts))
		bail_out("uname");
	series = find(uts.release);
	tap_plan(_PROGRAM_MAX);
	for (enum program which = 0; which < _PROGRAM_MAX; which++) {
		known = series ? series->insns[which] : largest(which);
		insns[which] = verified_insns(which);
		tap_ok(insns[which] && insns[which] < known + known / 2,
		       "%s: %u instructions verified, %u known%s, %.1f %% of the limit",
		       programs[which].name, insns[which], known,
		       series ? "" : " of another kernel", insns[which] * 100.0 / INSNS_MAX);
	}
	print_row(uts.release, insns);
	return tap_end();
}
