// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * noise-vectors FILE...: holds lib/noise to test vectors in cacophony's JSON form, as both roles. A
 * protocol lib/noise does not speak is skipped. The last line is "N passed, N failed, N skipped".
 */
#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "lib/crypto.h"
#include "lib/noise.h"

struct bytes {
	uint8_t data[PPN_MESSAGE2_MAX];
	size_t len;
};

struct side {
	struct ppn_noise noise;
	struct ppn_noise_cipher send, receive;
	bool split;
};

static char why[256];

static int __attribute__((format(printf, 1, 2))) say(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(why, sizeof(why), format, ap);
	va_end(ap);
	return -EINVAL;
}

static int hex_take(const json_t *value, uint8_t *ret, size_t max, size_t *ret_len)
{
	const char *text = json_string_value(value);
	size_t len = text ? strlen(text) : 1;

	if (len % 2 || len / 2 > max || ppn_unhex(ret, len / 2, text) < 0)
		return say("not hex, or too long: %s", text ? text : "(no string)");
	*ret_len = len / 2;
	return 0;
}

/* 32 bytes of vector[PREFIX KEY], or *ret_has false when it is not there. */
static int key_take(const json_t *vector, const char *prefix, const char *key,
		    uint8_t ret[static 32], bool *ret_has)
{
	char name[64];
	const json_t *value;
	size_t len;

	snprintf(name, sizeof(name), "%s_%s", prefix, key);
	value = json_object_get(vector, name);
	*ret_has = value != NULL && !json_is_null(value);
	if (!*ret_has)
		return 0;
	if (hex_take(value, ret, 32, &len) < 0 || len != 32)
		return say("%s is not a key", name);
	return 0;
}

static int psks_take(const json_t *vector, const char *prefix, uint8_t ret[][32], size_t *ret_n)
{
	char name[64];
	const json_t *list;
	size_t n, len;

	snprintf(name, sizeof(name), "%s_psks", prefix);
	list = json_object_get(vector, name);
	n = json_array_size(list);
	if (n > PPN_NOISE_PSKS_MAX)
		return say("too many of %s", name);
	for (size_t i = 0; i < n; i++)
		if (hex_take(json_array_get(list, i), ret[i], 32, &len) < 0 || len != 32)
			return say("%s holds no key", name);
	*ret_n = n;
	return 0;
}

static int side_start(struct side *side, const json_t *vector, const char *name, bool initiator)
{
	const char *prefix = initiator ? "init" : "resp";
	uint8_t e_secret[32], rs[32], psks[PPN_NOISE_PSKS_MAX][32];
	struct ppn_noise_config config = { .name = name, .initiator = initiator, .psks = psks };
	static struct bytes prologue;
	struct ppn_noise_key s = { 0 };
	bool has_s, has_e, has_rs;
	char field[32];

	memset(side, 0, sizeof(*side));
	snprintf(field, sizeof(field), "%s_prologue", prefix);
	if (hex_take(json_object_get(vector, field), prologue.data, sizeof(prologue.data),
		     &prologue.len) < 0 ||
	    key_take(vector, prefix, "static", s.secret, &has_s) < 0 ||
	    key_take(vector, prefix, "ephemeral", e_secret, &has_e) < 0 ||
	    key_take(vector, prefix, "remote_static", rs, &has_rs) < 0 ||
	    psks_take(vector, prefix, psks, &config.n_psks) < 0)
		return -EINVAL;
	ppn_dh_public(s.key, s.secret);
	config.prologue = prologue.data;
	config.prologue_len = prologue.len;
	config.s = has_s ? &s : NULL;
	config.e_secret = has_e ? e_secret : NULL;
	config.rs = has_rs ? rs : NULL;
	if (ppn_noise_start(&side->noise, &config) == 0)
		return 0;
	config.rs = NULL; /* some files name it where the pattern sends it, too */
	if (!has_rs || ppn_noise_start(&side->noise, &config) < 0)
		return say("%s: keys are missing", prefix);
	return 0;
}

static int side_write(struct side *side, struct bytes *ret, const struct bytes *payload)
{
	if (side->split) {
		ret->len = payload->len + PPN_NOISE_TAG;
		if (ret->len > sizeof(ret->data))
			return -EMSGSIZE;
		return ppn_noise_seal(&side->send, ret->data, payload->data, payload->len);
	}
	if (ppn_noise_overhead(&side->noise) + payload->len > sizeof(ret->data))
		return -EMSGSIZE;
	return ppn_noise_write(&side->noise, ret->data, sizeof(ret->data), &ret->len, payload->data,
			       payload->len);
}

static int side_read(struct side *side, struct bytes *ret, const struct bytes *message)
{
	if (!side->split)
		return ppn_noise_read(&side->noise, ret->data, sizeof(ret->data), &ret->len,
				      message->data, message->len);
	ret->len = message->len - PPN_NOISE_TAG;
	return ppn_noise_open(&side->receive, ret->data, message->data, message->len);
}

static bool same(const struct bytes *a, const struct bytes *b)
{
	return a->len == b->len && memcmp(a->data, b->data, a->len) == 0;
}

static int message_check(struct side *from, struct side *to, const json_t *message, size_t i)
{
	static struct bytes payload, ciphertext, got;
	int err;

	if (hex_take(json_object_get(message, "payload"), payload.data, sizeof(payload.data),
		     &payload.len) < 0 ||
	    hex_take(json_object_get(message, "ciphertext"), ciphertext.data,
		     sizeof(ciphertext.data), &ciphertext.len) < 0)
		return -EINVAL;
	err = side_write(from, &got, &payload);
	if (err)
		return say("message %zu: writing: %s", i, strerror(-err));
	if (!same(&got, &ciphertext))
		return say("message %zu: wrote another ciphertext", i);
	err = side_read(to, &got, &ciphertext);
	if (err)
		return say("message %zu: reading: %s", i, strerror(-err));
	if (!same(&got, &payload))
		return say("message %zu: read another payload", i);
	return 0;
}

static int side_split(struct side *side, const json_t *hash)
{
	uint8_t expected[PPN_HASH_LEN];
	size_t len;

	if (ppn_noise_split(&side->noise, &side->send, &side->receive) < 0)
		return say("the handshake did not end");
	side->split = true;
	if (!hash)
		return 0;
	if (hex_take(hash, expected, sizeof(expected), &len) < 0 || len != sizeof(expected))
		return say("handshake_hash is no hash");
	if (memcmp(expected, side->noise.h, sizeof(expected)) != 0)
		return say("another handshake_hash");
	return 0;
}

/* A one-way pattern has one letter: all its messages are the initiator's. */
static bool one_way(const char *name)
{
	return strspn(name + strlen("Noise_"), "NKXI") == 1;
}

static int vector_run(const json_t *vector, const char *name)
{
	static struct side init, resp;
	const json_t *messages = json_object_get(vector, "messages");
	const json_t *hash = json_object_get(vector, "handshake_hash");
	size_t n = json_array_size(messages);

	if (side_start(&init, vector, name, true) < 0 || side_start(&resp, vector, name, false) < 0)
		return -EINVAL;
	for (size_t i = 0; i < n; i++) {
		bool from_init = one_way(name) || i % 2 == 0;

		if (message_check(from_init ? &init : &resp, from_init ? &resp : &init,
				  json_array_get(messages, i), i) < 0)
			return -EINVAL;
		if (init.noise.done && !init.split &&
		    (side_split(&init, hash) < 0 || side_split(&resp, hash) < 0))
			return -EINVAL;
	}
	return init.split ? 0 : say("its messages end before the handshake does");
}

/* Older files say "name". */
static const char *vector_name(const json_t *vector)
{
	const char *name = json_string_value(json_object_get(vector, "protocol_name"));

	return name ? name : json_string_value(json_object_get(vector, "name"));
}

enum verdict { PASSED, FAILED, SKIPPED, _VERDICT_MAX };

/* `why` has the words when it failed. */
static enum verdict vector_judge(const json_t *vector)
{
	const char *name = vector_name(vector);

	if (!name) {
		say("it has no protocol_name");
		return FAILED;
	}
	if (!ppn_noise_known(name))
		return SKIPPED;
	return vector_run(vector, name) < 0 ? FAILED : PASSED;
}

#ifndef NOISE_VECTORS_NO_MAIN

static void report(unsigned int counts[_VERDICT_MAX], enum verdict verdict, const char *name)
{
	unsigned int number = counts[PASSED] + counts[FAILED] + counts[SKIPPED] + 1;

	counts[verdict]++;
	if (verdict == PASSED)
		printf("ok %u - %s\n", number, name);
	else if (verdict == SKIPPED)
		printf("ok %u - %s # SKIP lib/noise does not speak it\n", number, name);
	else
		printf("not ok %u - %s: %s\n", number, name, why);
}

static void file_judge(const char *path, unsigned int counts[_VERDICT_MAX])
{
	json_error_t error;
	json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
	const json_t *vectors = json_object_get(root, "vectors");

	if (json_array_size(vectors) == 0) {
		say("%s", root ? "no vectors in it" : error.text);
		report(counts, FAILED, path);
	}
	for (size_t i = 0; i < json_array_size(vectors); i++) {
		const json_t *vector = json_array_get(vectors, i);
		const char *name = vector_name(vector);

		report(counts, vector_judge(vector), name ? name : path);
	}
	json_decref(root);
}

int main(int argc, char **argv)
{
	unsigned int counts[_VERDICT_MAX] = { 0 };

	if (argc < 2) {
		fprintf(stderr, "usage: noise-vectors FILE...\n");
		return 2;
	}
	if (ppn_crypto_init() < 0)
		return 1;
	for (int i = 1; i < argc; i++)
		file_judge(argv[i], counts);
	printf("1..%u\n", counts[PASSED] + counts[FAILED] + counts[SKIPPED]);
	printf("%u passed, %u failed, %u skipped\n", counts[PASSED], counts[FAILED],
	       counts[SKIPPED]);
	return counts[FAILED] ? 1 : 0;
}

#endif
