// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Revocation lists: form, the union of those of one number, what they revoke (PROTOCOL 1). */
#include "lib/wire.h"

#include <endian.h>
#include <errno.h>
#include <string.h>
#include "lib/bytes.h"

static enum ppn_check read_lowest(struct ppn_bytes *in, struct ppn_crl *crl)
{
	struct ppn_crl_lowest lowest;

	if (crl->n_lowest > PPN_ROOTS_MAX)
		return PPN_CHECK_LONG;
	for (int i = 0; i < crl->n_lowest; i++) {
		if (!ppn_take_into(in, &lowest, sizeof(lowest)))
			return PPN_CHECK_SHORT;
		PPN_COPY(crl->lowest[i].id, lowest.key_id);
		crl->lowest[i].counter = be64toh(lowest.counter);
	}
	return PPN_CHECK_OK;
}

static enum ppn_check read_revoked(struct ppn_bytes *in, struct ppn_crl *crl)
{
	const uint8_t *count = ppn_take(in, sizeof(uint16_t)), *serials;

	if (!count)
		return PPN_CHECK_SHORT;
	crl->n_revoked = ppn_get_u16(count);
	if (crl->n_revoked > PPN_CRL_REVOKED_MAX)
		return PPN_CHECK_LONG;
	serials = ppn_take(in, (size_t)crl->n_revoked * PPN_SERIAL_LEN);
	if (!serials)
		return PPN_CHECK_SHORT;
	crl->revoked = (const uint8_t(*)[PPN_SERIAL_LEN])serials;
	return PPN_CHECK_OK;
}

/* Both tables strictly rising. */
static bool in_order(const struct ppn_crl *crl)
{
	for (int i = 1; i < crl->n_lowest; i++)
		if (memcmp(crl->lowest[i - 1].id, crl->lowest[i].id, PPN_KEY_ID_LEN) >= 0)
			return false;
	for (int i = 1; i < crl->n_revoked; i++)
		if (memcmp(crl->revoked[i - 1], crl->revoked[i], PPN_SERIAL_LEN) >= 0)
			return false;
	return true;
}

enum ppn_check ppn_crl_read(const struct ppn_object_view *view, struct ppn_crl *ret_crl)
{
	struct ppn_crl crl = { .whole = view->whole };
	struct ppn_crl_body body;
	struct ppn_bytes rest;
	enum ppn_check check = ppn_object_fixed(view, &body, sizeof(body), &rest);

	if (check != PPN_CHECK_OK)
		return check;
	PPN_COPY(crl.fleet, body.fleet);
	PPN_COPY(crl.signer, body.signer);
	crl.generation = be32toh(body.generation);
	crl.number = be32toh(body.number);
	crl.issued = be64toh(body.issued);
	crl.n_lowest = body.n_lowest;
	check = read_lowest(&rest, &crl);
	if (check == PPN_CHECK_OK)
		check = read_revoked(&rest, &crl);
	if (check == PPN_CHECK_OK)
		check = ppn_object_tail(view, rest);
	if (check == PPN_CHECK_OK && !in_order(&crl))
		check = PPN_CHECK_ORDER;
	if (check == PPN_CHECK_OK)
		*ret_crl = crl;
	return check;
}

ssize_t ppn_crl_write(uint8_t *ret_body, size_t max, const struct ppn_crl *crl)
{
	size_t len = sizeof(struct ppn_crl_body) + crl->n_lowest * sizeof(struct ppn_crl_lowest) +
		     sizeof(uint16_t) + (size_t)crl->n_revoked * PPN_SERIAL_LEN;
	struct ppn_writer w = { .data = ret_body, .max = max };
	struct ppn_crl_body body;

	if (crl->n_lowest > PPN_ROOTS_MAX || crl->n_revoked > PPN_CRL_REVOKED_MAX || !in_order(crl))
		return -EINVAL;
	if (len > max)
		return -EMSGSIZE;
	body.head = ppn_object_head(PPN_OBJECT_CRL, len);
	PPN_COPY(body.fleet, crl->fleet);
	body.generation = htobe32(crl->generation);
	body.number = htobe32(crl->number);
	body.issued = htobe64(crl->issued);
	PPN_COPY(body.signer, crl->signer);
	body.n_lowest = crl->n_lowest;
	ppn_put(&w, &body, sizeof(body));
	for (int i = 0; i < crl->n_lowest; i++) {
		ppn_put(&w, crl->lowest[i].id, PPN_KEY_ID_LEN);
		ppn_put_u64(&w, crl->lowest[i].counter);
	}
	ppn_put_u16(&w, crl->n_revoked);
	ppn_put(&w, crl->revoked, (size_t)crl->n_revoked * PPN_SERIAL_LEN);
	return ppn_put_end(&w);
}

uint64_t ppn_trust_lowest(const struct ppn_trust *trust,
			  const uint8_t key_id[static PPN_KEY_ID_LEN])
{
	uint64_t lowest = 0;

	for (int i = 0; i < trust->n_crls; i++) {
		const struct ppn_crl *crl = &trust->crl[i];

		for (int j = 0; j < crl->n_lowest; j++)
			if (memcmp(crl->lowest[j].id, key_id, PPN_KEY_ID_LEN) == 0 &&
			    crl->lowest[j].counter > lowest)
				lowest = crl->lowest[j].counter;
	}
	return lowest;
}

bool ppn_trust_revoked(const struct ppn_trust *trust, const uint8_t serial[static PPN_SERIAL_LEN])
{
	if (ppn_root_find(&trust->newest, serial) < 0 ||
	    ppn_get_u64(serial + PPN_KEY_ID_LEN) < ppn_trust_lowest(trust, serial))
		return true;
	for (int i = 0; i < trust->n_crls; i++)
		for (int j = 0; j < trust->crl[i].n_revoked; j++)
			if (memcmp(trust->crl[i].revoked[j], serial, PPN_SERIAL_LEN) == 0)
				return true;
	return false;
}
