// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What is signed on the claim channel: claim and seat (PROTOCOL 4). Node and accept: answer.c. */
#include "lib/wire.h"

#include <endian.h>
#include <errno.h>
#include <string.h>
#include "lib/bytes.h"
#include "lib/crypto.h"

static bool claim_good(const struct ppn_claim *claim)
{
	return claim->number >= 1 && claim->number <= PPN_NUMBER_MAX &&
	       claim->posture > PPN_POSTURE_NONE && claim->posture < _PPN_POSTURE_MAX &&
	       (claim->underlay < _PPN_UNDERLAY_MAX ||
		claim->underlay == PPN_UNDERLAY_AS_CONFIGURED) &&
	       claim->roster_len >= 1 && claim->roster_len <= PPN_ROSTER_MAX;
}

ssize_t ppn_claim_write(uint8_t *ret_object, size_t max, const struct ppn_claim *claim,
			const uint8_t fleet[static PPN_HASH_LEN], const uint8_t seed[static 32])
{
	struct ppn_claim_body body = { 0 };

	if (!claim_good(claim))
		return -EINVAL;
	body.head = ppn_object_head(PPN_OBJECT_CLAIM, sizeof(body));
	PPN_COPY(body.serial, claim->serial);
	PPN_COPY(body.identity, claim->identity);
	PPN_COPY(body.h, claim->h);
	PPN_COPY(body.nonce, claim->nonce);
	PPN_COPY(body.x, claim->x);
	PPN_COPY(body.y, claim->y);
	PPN_COPY(body.prior, claim->prior);
	body.number = htobe32(claim->number);
	body.posture = (uint8_t)claim->posture;
	body.underlay = claim->underlay;
	body.roster_len = htobe32(claim->roster_len);
	PPN_COPY(body.roster_hash, claim->roster_hash);
	return ppn_object_finish(ret_object, max, PPN_BYTES_OF(body), fleet, seed);
}

enum ppn_check ppn_claim_read(const struct ppn_object_view *view, struct ppn_claim *ret_claim)
{
	struct ppn_claim_body body;
	struct ppn_claim claim = { 0 };
	enum ppn_check check = view->kind == PPN_OBJECT_CLAIM ?
				       ppn_object_body(view, &body, sizeof(body)) :
				       PPN_CHECK_KIND;

	if (check != PPN_CHECK_OK)
		return check;
	PPN_COPY(claim.serial, body.serial);
	PPN_COPY(claim.identity, body.identity);
	PPN_COPY(claim.h, body.h);
	PPN_COPY(claim.nonce, body.nonce);
	PPN_COPY(claim.x, body.x);
	PPN_COPY(claim.y, body.y);
	PPN_COPY(claim.prior, body.prior);
	claim.number = be32toh(body.number);
	claim.posture = body.posture;
	claim.underlay = body.underlay;
	claim.roster_len = be32toh(body.roster_len);
	PPN_COPY(claim.roster_hash, body.roster_hash);
	if (body.zero != 0 || !claim_good(&claim))
		return PPN_CHECK_FORM;
	*ret_claim = claim;
	return PPN_CHECK_OK;
}

/* What claim and seat bodies have in common. */
struct bound_to {
	const uint8_t *serial, *identity, *h, *nonce, *x, *prior;
};

static enum ppn_check bound_check(const struct ppn_object_view *view, const struct bound_to *to,
				  const struct ppn_claim_facts *facts)
{
	if (memcmp(to->serial, facts->cert->serial, PPN_SERIAL_LEN) != 0)
		return PPN_CHECK_SIGNER;
	if (!ppn_object_verify(view, facts->fleet, facts->cert->sign_key))
		return PPN_CHECK_SIGNATURE;
	if (memcmp(to->identity, facts->identity, PPN_KEY_LEN) != 0)
		return PPN_CHECK_IDENTITY;
	if (memcmp(to->h, facts->h, PPN_HASH_LEN) != 0 ||
	    memcmp(to->nonce, facts->nonce, PPN_NONCE_LEN) != 0 ||
	    memcmp(to->x, facts->x, PPN_KEY_LEN) != 0)
		return PPN_CHECK_HANDSHAKE;
	return memcmp(to->prior, facts->prior, PPN_HASH_LEN) == 0 ? PPN_CHECK_OK : PPN_CHECK_PRIOR;
}

static bool number_allowed(uint32_t number, const struct ppn_claim_facts *facts)
{
	uint32_t first = facts->cert->first_number;

	if (facts->number != 0 && number == facts->number)
		return true;
	return number >= first && number - first < facts->cert->number_count;
}

enum ppn_check ppn_claim_check(const struct ppn_object_view *view, const struct ppn_claim *claim,
			       const struct ppn_claim_facts *facts)
{
	struct bound_to to = { claim->serial, claim->identity, claim->h,
			       claim->nonce,  claim->x,	       claim->prior };
	enum ppn_check check = bound_check(view, &to, facts);

	if (check != PPN_CHECK_OK)
		return check;
	if (claim->posture != facts->posture)
		return PPN_CHECK_POSTURE;
	return number_allowed(claim->number, facts) ? PPN_CHECK_OK : PPN_CHECK_RANGE;
}

ssize_t ppn_seat_write(uint8_t *ret_object, size_t max, const struct ppn_seat *seat,
		       const uint8_t fleet[static PPN_HASH_LEN], const uint8_t seed[static 32])
{
	struct ppn_seat_body body;

	body.head = ppn_object_head(PPN_OBJECT_SEAT, sizeof(body));
	PPN_COPY(body.serial, seat->serial);
	PPN_COPY(body.identity, seat->identity);
	PPN_COPY(body.h, seat->h);
	PPN_COPY(body.nonce, seat->nonce);
	PPN_COPY(body.x, seat->x);
	PPN_COPY(body.y, seat->y);
	PPN_COPY(body.claim, seat->claim);
	return ppn_object_finish(ret_object, max, PPN_BYTES_OF(body), fleet, seed);
}

enum ppn_check ppn_seat_check(const struct ppn_object_view *view,
			      const struct ppn_claim_facts *facts, struct ppn_seat *ret_seat)
{
	struct ppn_seat_body body;
	struct bound_to to = { body.serial, body.identity, body.h, body.nonce, body.x, body.claim };
	enum ppn_check check = view->kind == PPN_OBJECT_SEAT ?
				       ppn_object_body(view, &body, sizeof(body)) :
				       PPN_CHECK_KIND;

	if (check == PPN_CHECK_OK)
		check = bound_check(view, &to, facts);
	if (check != PPN_CHECK_OK)
		return check;
	if (ppn_is_zero(body.claim, PPN_HASH_LEN))
		return PPN_CHECK_PRIOR; /* nobody commands an unclaimed node */
	PPN_COPY(ret_seat->serial, body.serial);
	PPN_COPY(ret_seat->identity, body.identity);
	PPN_COPY(ret_seat->h, body.h);
	PPN_COPY(ret_seat->nonce, body.nonce);
	PPN_COPY(ret_seat->x, body.x);
	PPN_COPY(ret_seat->y, body.y);
	PPN_COPY(ret_seat->claim, body.claim);
	return PPN_CHECK_OK;
}

/* ---- keys of a pair ---- */

static void pair_key(uint8_t ret_key[static PPN_SIP_KEY_LEN], const uint8_t prk[static 32],
		     const char *text, const uint8_t *object_hash)
{
	uint8_t info[64];
	struct ppn_writer w = { .data = info, .max = sizeof(info) };

	ppn_put(&w, text, strlen(text));
	ppn_put(&w, object_hash, PPN_HASH_LEN);
	ppn_hkdf_expand(ret_key, PPN_SIP_KEY_LEN, prk, info, w.len);
}

_Static_assert(sizeof(PPN_KDF_COMMAND) + PPN_HASH_LEN <= 64, "HKDF info fits");
_Static_assert(sizeof(PPN_KDF_TELEMETRY) + PPN_HASH_LEN <= 64, "HKDF info fits");

void ppn_pair_derive(struct ppn_pair_keys *ret_keys, const uint8_t nonce[static PPN_NONCE_LEN],
		     const uint8_t shared[static 32],
		     const uint8_t object_hash[static PPN_HASH_LEN])
{
	uint8_t prk[32];

	ppn_hkdf_extract(prk, nonce, PPN_NONCE_LEN, shared, 32);
	pair_key(ret_keys->command, prk, PPN_KDF_COMMAND, object_hash);
	pair_key(ret_keys->telemetry, prk, PPN_KDF_TELEMETRY, object_hash);
	ppn_wipe(prk, sizeof(prk));
}

void ppn_prologue(uint8_t ret[static PPN_PROLOGUE_LEN], enum ppn_mode mode,
		  const uint8_t fleet[static PPN_HASH_LEN])
{
	struct ppn_writer w = { .data = ret, .max = PPN_PROLOGUE_LEN };
	uint8_t byte = (uint8_t)mode;

	ppn_put(&w, PPN_PROLOGUE_TEXT, sizeof(PPN_PROLOGUE_TEXT) - 1);
	ppn_put(&w, &byte, 1);
	ppn_put(&w, fleet, PPN_HASH_LEN);
}
