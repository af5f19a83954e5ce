// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * SipHash-2-4 of bpf/siphash.h: the published vectors of the lengths it can do, and random messages
 * against the library's.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/bpf.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include "siphash.skel.h"
#include "harness.h"
#include "lib/crypto.h"

enum { RANDOM = 2000 };

struct input {
	uint8_t key[16];
	uint8_t message[40];
};

static void run(struct siphash_bpf *skel, const struct bpf_program *prog, const struct input *input,
		uint8_t ret_tag[static 8])
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = input, .data_size_in = sizeof(*input),
		    .repeat = 1);

	skel->bss->tag = 0;
	if (bpf_prog_test_run_opts(bpf_program__fd(prog), &opts) || opts.retval != XDP_PASS)
		bail_out("BPF_PROG_TEST_RUN");
	memcpy(ret_tag, &skel->bss->tag, 8);
}

static void unhex(const char *text, uint8_t *ret, size_t len)
{
	char byte[3] = "", *end;

	if (!text || strlen(text) != 2 * len)
		bail_out("a vector of another length");
	for (size_t i = 0; i < len; i++) {
		memcpy(byte, text + 2 * i, 2);
		ret[i] = (uint8_t)strtoul(byte, &end, 16);
		if (*end)
			bail_out("vector is no hex text");
	}
}

static void check_vector(struct siphash_bpf *skel, const struct bpf_program *prog,
			 const json_t *vectors, const char *len)
{
	struct input input;
	uint8_t want[8], got[8];

	unhex(json_string_value(json_object_get(vectors, "key")), input.key, sizeof(input.key));
	unhex(json_string_value(json_object_get(json_object_get(vectors, "tag_by_length"), len)),
	      want, sizeof(want));
	for (size_t i = 0; i < sizeof(input.message); i++)
		input.message[i] = (uint8_t)i;
	run(skel, prog, &input, got);
	tap_ok(!memcmp(want, got, sizeof(want)), "vector of %s bytes", len);
}

static void check_random(struct siphash_bpf *skel, const struct bpf_program *prog, size_t len)
{
	struct input input;
	uint8_t want[8], got[8];
	unsigned int bad = 0;

	for (int i = 0; i < RANDOM; i++) {
		ppn_random(&input, sizeof(input));
		ppn_siphash(want, input.key, input.message, len);
		run(skel, prog, &input, got);
		bad += memcmp(want, got, sizeof(want)) != 0;
	}
	tap_ok(!bad, "%d random messages of %zu bytes, %u differ", RANDOM, len, bad);
}

int main(void)
{
	struct siphash_bpf *skel = siphash_bpf__open_and_load();
	json_error_t error;
	json_t *vectors = json_load_file(PPN_VECTORS "/siphash24.json", 0, &error);

	if (!skel || !vectors)
		bail_out("load program and vectors");
	tap_plan(5);
	check_vector(skel, skel->progs.sip0, vectors, "0");
	check_vector(skel, skel->progs.sip8, vectors, "8");
	check_vector(skel, skel->progs.sip16, vectors, "16");
	check_random(skel, skel->progs.sip8, 8);
	check_random(skel, skel->progs.sip40, 40);
	json_decref(vectors);
	siphash_bpf__destroy(skel);
	return tap_end();
}
