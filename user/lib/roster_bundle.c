// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A bundle is believed as a whole: who signed, and what it follows (PROTOCOL 6). */
#include "lib/roster.h"

#include <string.h>
#include "lib/bytes.h"

/*
 * Says of itself what the bundle brings: certificate, document, list. (Revoked by what is known:
 * refused with the credentials.)
 */
static enum ppn_check check_signer(const struct ppn_roster *roster,
				   const struct ppn_credentials_view *c)
{
	if (memcmp(roster->serial, c->cert.serial, PPN_SERIAL_LEN) != 0)
		return PPN_CHECK_SIGNER;
	if (roster->version.generation != c->trust.newest.generation || !c->trust.n_crls ||
	    roster->version.list_number != c->trust.crl[0].number)
		return PPN_CHECK_FORM;
	return PPN_CHECK_OK;
}

/* Both lists rise: one pass. */
static bool still_revoked(const struct ppn_roster *current, const struct ppn_roster *next)
{
	uint32_t at = 0;

	for (uint32_t i = 0; i < current->n_revoked; i++) {
		while (at < next->n_revoked &&
		       memcmp(next->revoked[at], current->revoked[i], PPN_KEY_LEN) < 0)
			at++;
		if (at == next->n_revoked ||
		    memcmp(next->revoked[at], current->revoked[i], PPN_KEY_LEN) != 0)
			return false;
	}
	return true;
}

static bool new_numbers_in_range(const struct ppn_roster *current, const struct ppn_roster *next,
				 const struct ppn_cert *cert)
{
	for (uint32_t i = 0; i < next->n_members; i++) {
		uint32_t number = next->members[i].number;

		if (number >= cert->first_number &&
		    number - cert->first_number < cert->number_count)
			continue;
		if (!ppn_roster_number(current, number))
			return false;
	}
	return true;
}

static enum ppn_check check_follows(const struct ppn_roster *current, const struct ppn_roster *next,
				    const struct ppn_cert *cert)
{
	const struct ppn_roster_version *was = &current->version, *is = &next->version;

	if (ppn_roster_compare(is, was) <= 0)
		return PPN_CHECK_SEQUENCE;
	if (is->epoch > was->epoch && is->epoch - was->epoch > PPN_EPOCH_STEP_MAX)
		return PPN_CHECK_EPOCH;
	if (is->generation == was->generation && is->list_number == was->list_number &&
	    !still_revoked(current, next))
		return PPN_CHECK_UNREVOKED;
	return new_numbers_in_range(current, next, cert) ? PPN_CHECK_OK : PPN_CHECK_RANGE;
}

/* Form of the roster only once its signature holds: it may be long. */
static enum ppn_check take_roster(struct ppn_bytes *in, const struct ppn_credentials_view *c,
				  struct ppn_roster *ret_roster)
{
	struct ppn_object_view view;
	enum ppn_check check = ppn_object_take(in, PPN_OBJECT_ROSTER, PPN_ROSTER_MAX, &view);

	if (check != PPN_CHECK_OK)
		return check;
	if (in->len)
		return PPN_CHECK_LONG;
	if (!ppn_object_verify(&view, c->trust.newest.fleet, c->cert.sign_key))
		return PPN_CHECK_SIGNATURE;
	return ppn_roster_read(&view, c->trust.newest.fleet, ret_roster);
}

enum ppn_check ppn_bundle_read(struct ppn_bytes bundle, const uint8_t *pin,
			       const struct ppn_trust *known, const struct ppn_roster *current,
			       uint64_t now, struct ppn_credentials_view *ret_credentials,
			       struct ppn_roster *ret_roster)
{
	struct ppn_credentials_view credentials;
	struct ppn_roster roster;
	enum ppn_check check;

	if (bundle.len > PPN_ROSTER_MAX)
		return PPN_CHECK_LONG;
	check = ppn_credentials_take(&bundle, pin, known, PPN_RIGHT_ROSTER, now, &credentials);
	if (check == PPN_CHECK_OK && credentials.purpose != PPN_PURPOSE_ROSTER)
		check = PPN_CHECK_KIND;
	if (check == PPN_CHECK_OK)
		check = take_roster(&bundle, &credentials, &roster);
	if (check != PPN_CHECK_OK)
		return check;
	check = check_signer(&roster, &credentials);
	if (check == PPN_CHECK_OK && current)
		check = check_follows(current, &roster, &credentials.cert);
	if (check != PPN_CHECK_OK) {
		ppn_roster_free(&roster);
		return check;
	}
	*ret_credentials = credentials;
	*ret_roster = roster;
	return PPN_CHECK_OK;
}
