// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "lib/noise.h"

#include <errno.h>
#include <string.h>
#include "lib/crypto.h"

enum token { END = 0, E, S, EE, ES, SE, SS, PSK };

#define MESSAGES_MAX 3
#define TOKENS_MAX 6 /* of one message, without psk */

struct ppn_noise_pattern {
	char name[3];
	bool initiator_known, responder_known; /* pre-messages: -> s, <- s */
	uint8_t n_messages;
	uint8_t tokens[MESSAGES_MAX][TOKENS_MAX]; /* the first message is the initiator's */
};

/* Noise revision 34, 7.4 and 7.5 */
static const struct ppn_noise_pattern patterns[] = {
	{ "N", false, true, 1, { { E, ES } } },
	{ "K", true, true, 1, { { E, ES, SS } } },
	{ "X", false, true, 1, { { E, ES, S, SS } } },
	{ "NN", false, false, 2, { { E }, { E, EE } } },
	{ "NK", false, true, 2, { { E, ES }, { E, EE } } },
	{ "NX", false, false, 2, { { E }, { E, EE, S, ES } } },
	{ "KN", true, false, 2, { { E }, { E, EE, SE } } },
	{ "KK", true, true, 2, { { E, ES, SS }, { E, EE, SE } } },
	{ "KX", true, false, 2, { { E }, { E, EE, SE, S, ES } } },
	{ "XN", false, false, 3, { { E }, { E, EE }, { S, SE } } },
	{ "XK", false, true, 3, { { E, ES }, { E, EE }, { S, SE } } },
	{ "XX", false, false, 3, { { E }, { E, EE, S, ES }, { S, SE } } },
	{ "IN", false, false, 2, { { E, S }, { E, EE, SE } } },
	{ "IK", false, true, 2, { { E, ES, S, SS }, { E, EE, SE } } },
	{ "IX", false, false, 2, { { E, S }, { E, EE, SE, S, ES } } },
};

/* ---- the name --------------------------------------------------------------------------- */

static const struct ppn_noise_pattern *pattern_find(const char *text, size_t len)
{
	for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++)
		if (strlen(patterns[i].name) == len && memcmp(patterns[i].name, text, len) == 0)
			return &patterns[i];
	return NULL;
}

static int psk_modifier(const char **text, unsigned int last, uint8_t *psks_at)
{
	const char *p = *text;
	unsigned int at;

	if (strncmp(p, "psk", 3) != 0 || p[3] < '0' || p[3] > '9')
		return -EINVAL;
	at = (unsigned int)(p[3] - '0');
	if (at > last || *psks_at >> at) /* rising: the order in which the psks are used */
		return -EINVAL;
	*psks_at |= (uint8_t)(1u << at);
	*text = p + 4;
	return 0;
}

static int name_parse(const char *name, const struct ppn_noise_pattern **ret_pattern,
		      uint8_t *ret_psks_at)
{
	static const char prefix[] = "Noise_", suffix[] = "_25519_ChaChaPoly_SHA256";
	const struct ppn_noise_pattern *pattern;
	uint8_t psks_at = 0;
	size_t len;

	if (strncmp(name, prefix, sizeof(prefix) - 1) != 0)
		return -EINVAL;
	name += sizeof(prefix) - 1;
	len = strspn(name, "NKXI");
	pattern = pattern_find(name, len);
	if (!pattern)
		return -EINVAL;
	name += len;
	while (strcmp(name, suffix) != 0) {
		if (psks_at && *name++ != '+')
			return -EINVAL;
		if (psk_modifier(&name, pattern->n_messages, &psks_at) < 0)
			return -EINVAL;
	}
	if (__builtin_popcount(psks_at) > PPN_NOISE_PSKS_MAX)
		return -EINVAL;
	*ret_pattern = pattern;
	*ret_psks_at = psks_at;
	return 0;
}

bool ppn_noise_known(const char *name)
{
	const struct ppn_noise_pattern *pattern;
	uint8_t psks_at;

	return name_parse(name, &pattern, &psks_at) == 0;
}

/* ---- symmetric state, revision 34, 5.2 --------------------------------------------------- */

static void mix_hash(struct ppn_noise *noise, const void *data, size_t len)
{
	ppn_sha256_2(noise->h, noise->h, sizeof(noise->h), data, len);
}

static void cipher_set(struct ppn_noise *noise, const uint8_t key[static 32])
{
	memcpy(noise->cipher.key, key, 32);
	noise->cipher.n = 0;
	noise->has_key = true;
}

/* HKDF of the Noise specification (4.3): RFC 5869 with an empty info. */
static void noise_hkdf(uint8_t *ret_okm, size_t okm_len, const uint8_t ck[static 32],
		       const void *ikm, size_t ikm_len)
{
	uint8_t prk[32];

	ppn_hkdf_extract(prk, ck, 32, ikm, ikm_len);
	ppn_hkdf_expand(ret_okm, okm_len, prk, "", 0);
	ppn_wipe(prk, sizeof(prk));
}

static void mix_key(struct ppn_noise *noise, const void *ikm, size_t ikm_len)
{
	uint8_t okm[64];

	noise_hkdf(okm, sizeof(okm), noise->ck, ikm, ikm_len);
	memcpy(noise->ck, okm, 32);
	cipher_set(noise, okm + 32);
	ppn_wipe(okm, sizeof(okm));
}

static void mix_key_and_hash(struct ppn_noise *noise, const uint8_t psk[static 32])
{
	uint8_t okm[96];

	noise_hkdf(okm, sizeof(okm), noise->ck, psk, 32);
	memcpy(noise->ck, okm, 32);
	mix_hash(noise, okm + 32, 32);
	cipher_set(noise, okm + 64);
	ppn_wipe(okm, sizeof(okm));
}

static size_t encrypt_and_hash(struct ppn_noise *noise, uint8_t *out, const void *in, size_t len)
{
	if (noise->has_key) {
		ppn_aead_seal(out, noise->cipher.key, noise->cipher.n++, noise->h, sizeof(noise->h),
			      in, len);
		len += PPN_NOISE_TAG;
	} else if (len > 0) {
		memmove(out, in, len);
	}
	mix_hash(noise, out, len);
	return len;
}

/* out has len, less the tag when there is a key */
static int decrypt_and_hash(struct ppn_noise *noise, uint8_t *out, const uint8_t *in, size_t len)
{
	uint8_t h[PPN_HASH_LEN];

	memcpy(h, noise->h, sizeof(h));
	mix_hash(noise, in, len); /* first: out may be in */
	if (noise->has_key)
		return ppn_aead_open(out, noise->cipher.key, noise->cipher.n++, h, sizeof(h), in,
				     len);
	if (len > 0)
		memmove(out, in, len);
	return 0;
}

/* ---- start -------------------------------------------------------------------------------- */

static bool has_token(const struct ppn_noise_pattern *pattern, bool initiator, enum token token)
{
	for (int m = initiator ? 0 : 1; m < pattern->n_messages; m += 2)
		for (int t = 0; t < TOKENS_MAX; t++)
			if (pattern->tokens[m][t] == token)
				return true;
	return false;
}

/* A static key is told beforehand, sent in a message, or not had at all. */
static bool keys_suffice(const struct ppn_noise_pattern *pattern,
			 const struct ppn_noise_config *config, unsigned int n_psks)
{
	bool own_known = config->initiator ? pattern->initiator_known : pattern->responder_known;
	bool peer_known = config->initiator ? pattern->responder_known : pattern->initiator_known;

	if ((own_known || has_token(pattern, config->initiator, S)) && !config->s)
		return false;
	if (has_token(pattern, config->initiator, E) && !config->e_secret)
		return false;
	return peer_known == (config->rs != NULL) && config->n_psks == n_psks;
}

static void symmetric_start(struct ppn_noise *noise, const struct ppn_noise_config *config)
{
	size_t len = strlen(config->name);

	if (len <= sizeof(noise->h))
		memcpy(noise->h, config->name, len);
	else
		ppn_sha256(noise->h, config->name, len);
	memcpy(noise->ck, noise->h, sizeof(noise->ck));
	mix_hash(noise, config->prologue_len ? config->prologue : "", config->prologue_len);
}

static void keys_take(struct ppn_noise *noise, const struct ppn_noise_config *config)
{
	noise->initiator = config->initiator;
	if (config->s)
		noise->s = *config->s;
	if (config->e_secret) {
		memcpy(noise->e_secret, config->e_secret, sizeof(noise->e_secret));
		ppn_dh_public(noise->e_key, noise->e_secret);
	}
	if (config->rs) {
		memcpy(noise->rs, config->rs, sizeof(noise->rs));
		noise->has_rs = true;
	}
	noise->n_psks = (uint8_t)config->n_psks;
	for (size_t i = 0; i < config->n_psks; i++)
		memcpy(noise->psk[i], config->psks[i], 32);
}

int ppn_noise_start(struct ppn_noise *noise, const struct ppn_noise_config *config)
{
	const struct ppn_noise_pattern *pattern;
	uint8_t psks_at;

	memset(noise, 0, sizeof(*noise));
	if (name_parse(config->name, &pattern, &psks_at) < 0 ||
	    !keys_suffice(pattern, config, (unsigned int)__builtin_popcount(psks_at))) {
		noise->failed = true;
		return -EINVAL;
	}
	noise->pattern = pattern;
	noise->psks_at = psks_at;
	keys_take(noise, config);
	symmetric_start(noise, config);
	if (pattern->initiator_known)
		mix_hash(noise, noise->initiator ? noise->s.key : noise->rs, PPN_KEY_LEN);
	if (pattern->responder_known)
		mix_hash(noise, noise->initiator ? noise->rs : noise->s.key, PPN_KEY_LEN);
	return 0;
}

/* ---- messages ----------------------------------------------------------------------------- */

/* Tokens of the next message with its psks in place; END-terminated. */
static void message_tokens(const struct ppn_noise *noise, uint8_t ret_tokens[static TOKENS_MAX + 3])
{
	const uint8_t *t = noise->pattern->tokens[noise->message];
	size_t n = 0;

	if (noise->message == 0 && noise->psks_at & 1)
		ret_tokens[n++] = PSK;
	for (size_t i = 0; i < TOKENS_MAX && t[i]; i++)
		ret_tokens[n++] = t[i];
	if (noise->psks_at >> (noise->message + 1) & 1)
		ret_tokens[n++] = PSK;
	ret_tokens[n] = END;
}

bool ppn_noise_writes(const struct ppn_noise *noise)
{
	return !noise->done && !noise->failed && noise->initiator == (noise->message % 2 == 0);
}

size_t ppn_noise_overhead(const struct ppn_noise *noise)
{
	uint8_t tokens[TOKENS_MAX + 3];
	bool has_key = noise->has_key;
	size_t len = 0;

	if (noise->done || noise->failed)
		return 0;
	message_tokens(noise, tokens);
	for (size_t i = 0; tokens[i] != END; i++) {
		if (tokens[i] == E)
			len += PPN_KEY_LEN;
		else if (tokens[i] == S)
			len += PPN_KEY_LEN + (has_key ? PPN_NOISE_TAG : 0);
		has_key |= tokens[i] != S && (tokens[i] != E || noise->psks_at);
	}
	return len + (has_key ? PPN_NOISE_TAG : 0);
}

static int dh_static(const struct ppn_noise *noise, uint8_t ret_shared[static 32],
		     const uint8_t key[static PPN_KEY_LEN])
{
	if (noise->s.dh)
		return noise->s.dh(noise->s.arg, ret_shared, key);
	return ppn_dh(ret_shared, noise->s.secret, key) < 0 ? -EBADMSG : 0;
}

static int dh_ephemeral(const struct ppn_noise *noise, uint8_t ret_shared[static 32],
			const uint8_t key[static PPN_KEY_LEN])
{
	return ppn_dh(ret_shared, noise->e_secret, key) < 0 ? -EBADMSG : 0;
}

/* The first letter is the initiator's key, the second the responder's. */
static int mix_dh(struct ppn_noise *noise, enum token token)
{
	bool own_static = token == SS || token == (noise->initiator ? SE : ES);
	bool peer_static = token == SS || token == (noise->initiator ? ES : SE);
	const uint8_t *peer = peer_static ? noise->rs : noise->re;
	uint8_t shared[32];
	int err;

	err = own_static ? dh_static(noise, shared, peer) : dh_ephemeral(noise, shared, peer);
	if (!err)
		mix_key(noise, shared, sizeof(shared));
	ppn_wipe(shared, sizeof(shared));
	return err;
}

/* Tokens that neither write nor read bytes. */
static int mix_token(struct ppn_noise *noise, enum token token)
{
	if (token != PSK)
		return mix_dh(noise, token);
	mix_key_and_hash(noise, noise->psk[noise->next_psk++]);
	return 0;
}

static void mix_ephemeral(struct ppn_noise *noise, const uint8_t key[static PPN_KEY_LEN])
{
	mix_hash(noise, key, PPN_KEY_LEN);
	if (noise->psks_at)
		mix_key(noise, key, PPN_KEY_LEN);
}

static int write_token(struct ppn_noise *noise, enum token token, uint8_t **out)
{
	switch (token) {
	case E:
		memcpy(*out, noise->e_key, PPN_KEY_LEN);
		*out += PPN_KEY_LEN;
		mix_ephemeral(noise, noise->e_key);
		return 0;
	case S:
		*out += encrypt_and_hash(noise, *out, noise->s.key, PPN_KEY_LEN);
		return 0;
	default:
		return mix_token(noise, token);
	}
}

static int read_token(struct ppn_noise *noise, enum token token, const uint8_t **in)
{
	size_t len = PPN_KEY_LEN + (noise->has_key ? PPN_NOISE_TAG : 0);
	int err;

	switch (token) {
	case E:
		memcpy(noise->re, *in, PPN_KEY_LEN);
		*in += PPN_KEY_LEN;
		noise->has_re = true;
		mix_ephemeral(noise, noise->re);
		return 0;
	case S:
		err = decrypt_and_hash(noise, noise->rs, *in, len);
		*in += len;
		noise->has_rs = !err;
		return err;
	default:
		return mix_token(noise, token);
	}
}

/* Secrets go at once; what was learnt of the peer stays for the log. */
static void wipe_secrets(struct ppn_noise *noise)
{
	ppn_wipe(&noise->s, sizeof(noise->s));
	ppn_wipe(noise->e_secret, sizeof(noise->e_secret));
	ppn_wipe(noise->psk, sizeof(noise->psk));
	ppn_wipe(noise->ck, sizeof(noise->ck));
	ppn_wipe(&noise->cipher, sizeof(noise->cipher));
}

static int fail(struct ppn_noise *noise, int err)
{
	wipe_secrets(noise);
	noise->failed = true;
	return err;
}

static void message_done(struct ppn_noise *noise)
{
	noise->done = ++noise->message == noise->pattern->n_messages;
}

/* What forbids the next message before a byte of it is looked at. */
static int message_check(struct ppn_noise *noise, bool writes)
{
	if (noise->failed)
		return -EPROTO;
	if (noise->done || ppn_noise_writes(noise) != writes)
		return fail(noise, -EINVAL);
	return 0;
}

int ppn_noise_write(struct ppn_noise *noise, uint8_t *ret_message, size_t ret_max, size_t *ret_len,
		    const void *payload, size_t payload_len)
{
	uint8_t tokens[TOKENS_MAX + 3], *out = ret_message;
	size_t overhead = ppn_noise_overhead(noise);
	int err = message_check(noise, true);

	if (err)
		return err;
	if (payload_len > PPN_MESSAGE2_MAX - overhead || ret_max < overhead + payload_len)
		return fail(noise, -EMSGSIZE);
	message_tokens(noise, tokens);
	for (size_t i = 0; tokens[i] != END; i++) {
		err = write_token(noise, tokens[i], &out);
		if (err)
			return fail(noise, err);
	}
	out += encrypt_and_hash(noise, out, payload, payload_len);
	*ret_len = (size_t)(out - ret_message);
	message_done(noise);
	return 0;
}

int ppn_noise_read(struct ppn_noise *noise, uint8_t *ret_payload, size_t ret_max, size_t *ret_len,
		   const void *message, size_t message_len)
{
	size_t overhead = ppn_noise_overhead(noise), payload_len;
	const uint8_t *in = message;
	uint8_t tokens[TOKENS_MAX + 3];
	int err = message_check(noise, false);

	if (err)
		return err;
	if (message_len < overhead || message_len > PPN_MESSAGE2_MAX ||
	    ret_max < message_len - overhead)
		return fail(noise, -EMSGSIZE);
	payload_len = message_len - overhead;
	message_tokens(noise, tokens);
	for (size_t i = 0; tokens[i] != END; i++) {
		err = read_token(noise, tokens[i], &in);
		if (err)
			return fail(noise, err);
	}
	err = decrypt_and_hash(noise, ret_payload, in,
			       payload_len + (noise->has_key ? PPN_NOISE_TAG : 0));
	if (err)
		return fail(noise, err);
	*ret_len = payload_len;
	message_done(noise);
	return 0;
}

/* ---- transport ------------------------------------------------------------------------------ */

int ppn_noise_split(struct ppn_noise *noise, struct ppn_noise_cipher *ret_send,
		    struct ppn_noise_cipher *ret_receive)
{
	uint8_t okm[64];

	if (!noise->done || noise->split || noise->failed)
		return -EINVAL;
	noise_hkdf(okm, sizeof(okm), noise->ck, "", 0);
	memcpy(noise->initiator ? ret_send->key : ret_receive->key, okm, 32);
	memcpy(noise->initiator ? ret_receive->key : ret_send->key, okm + 32, 32);
	ret_send->n = ret_receive->n = 0;
	ppn_wipe(okm, sizeof(okm));
	wipe_secrets(noise);
	noise->split = true;
	return 0;
}

void ppn_noise_wipe(struct ppn_noise *noise)
{
	ppn_wipe(noise, sizeof(*noise));
	noise->failed = true;
}

int ppn_noise_seal(struct ppn_noise_cipher *c, uint8_t *ret_out, const void *in, size_t len)
{
	if (len > PPN_MESSAGE2_MAX - PPN_NOISE_TAG)
		return -EMSGSIZE;
	if (c->n == UINT64_MAX)
		return -EOVERFLOW;
	ppn_aead_seal(ret_out, c->key, c->n++, NULL, 0, in, len);
	return 0;
}

int ppn_noise_open(struct ppn_noise_cipher *c, uint8_t *ret_out, const void *in, size_t in_len)
{
	int err;

	if (in_len < PPN_NOISE_TAG || in_len > PPN_MESSAGE2_MAX)
		return -EMSGSIZE;
	if (c->n == UINT64_MAX)
		return -EOVERFLOW;
	err = ppn_aead_open(ret_out, c->key, c->n, NULL, 0, in, in_len);
	if (!err)
		c->n++;
	return err;
}
