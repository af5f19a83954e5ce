// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Certificates: form, and the rules by which one is believed (PROTOCOL 1, 7). */
#include "lib/wire.h"

#include <endian.h>
#include <errno.h>
#include <string.h>
#include "lib/bytes.h"

#define QUARTER_BITS 22
#define PLAUSIBLE_CLOCK_S (10ull * 365 * 24 * 3600) /* a clock this far above the floor is wrong */

/* [first, first + count) inside [low, high]; an empty range starts at 0. */
static bool range_inside(uint32_t first, uint32_t count, uint32_t low, uint32_t high)
{
	if (count == 0)
		return first == 0;
	return first >= low && first <= high && count - 1 <= high - first;
}

static bool cert_good(const struct ppn_cert *cert)
{
	return cert->not_after >= cert->not_before &&
	       range_inside(cert->first_number, cert->number_count, 1, PPN_NUMBER_MAX);
}

/* The wire's length byte and zero-padded bytes. */
static bool name_read(char ret_name[static PPN_NAME_LEN], const uint8_t wire[static PPN_NAME_LEN])
{
	size_t len = wire[0];

	if (len > PPN_NAME_MAX || !ppn_name_form((const char *)wire + 1, len))
		return false;
	for (size_t i = 1 + len; i < PPN_NAME_LEN; i++)
		if (wire[i] != 0)
			return false;
	memset(ret_name, 0, PPN_NAME_LEN);
	memcpy(ret_name, wire + 1, len);
	return true;
}

enum ppn_check ppn_cert_read(const struct ppn_object_view *view, struct ppn_cert *ret_cert)
{
	struct ppn_cert cert = { 0 };
	struct ppn_cert_body body;
	enum ppn_check check = ppn_object_body(view, &body, sizeof(body));

	if (check != PPN_CHECK_OK)
		return check;
	PPN_COPY(cert.serial, body.serial);
	cert.not_before = be64toh(body.not_before);
	cert.not_after = be64toh(body.not_after);
	cert.rights = be32toh(body.rights);
	cert.first_number = be32toh(body.first_number);
	cert.number_count = be32toh(body.number_count);
	PPN_COPY(cert.sign_key, body.sign_key);
	PPN_COPY(cert.noise_key, body.noise_key);
	PPN_COPY(cert.box_key, body.box_key);
	if (!name_read(cert.name, body.name) || !cert_good(&cert))
		return PPN_CHECK_FORM;
	*ret_cert = cert;
	return PPN_CHECK_OK;
}

ssize_t ppn_cert_write(uint8_t *ret_body, size_t max, const struct ppn_cert *cert)
{
	size_t name_len = strnlen(cert->name, PPN_NAME_LEN);
	struct ppn_cert_body body = { 0 };

	if (!ppn_name_form(cert->name, name_len) || !cert_good(cert))
		return -EINVAL;
	if (max < sizeof(body))
		return -EMSGSIZE;
	body.head = ppn_object_head(PPN_OBJECT_CERT, sizeof(body));
	PPN_COPY(body.serial, cert->serial);
	body.not_before = htobe64(cert->not_before);
	body.not_after = htobe64(cert->not_after);
	body.rights = htobe32(cert->rights);
	body.first_number = htobe32(cert->first_number);
	body.number_count = htobe32(cert->number_count);
	PPN_COPY(body.sign_key, cert->sign_key);
	PPN_COPY(body.noise_key, cert->noise_key);
	PPN_COPY(body.box_key, cert->box_key);
	body.name[0] = (uint8_t)name_len;
	memcpy(body.name + 1, cert->name, name_len);
	memcpy(ret_body, &body, sizeof(body));
	return sizeof(body);
}

/* 0 and 2^24 - 1 are nobody's: ppn_cert_read() has refused them. */
static bool in_quarter(const struct ppn_cert *cert, uint8_t quarter)
{
	uint32_t low = (uint32_t)quarter << QUARTER_BITS;

	return range_inside(cert->first_number, cert->number_count, low,
			    low + (1u << QUARTER_BITS) - 1);
}

static bool expired(uint64_t not_after, uint64_t floor, uint64_t now)
{
	bool clock_plausible = now >= floor && now - floor <= PLAUSIBLE_CLOCK_S;

	return not_after < floor || (clock_plausible && not_after < now);
}

enum ppn_check ppn_cert_check(struct ppn_trust *trust, const struct ppn_object_view *view,
			      const struct ppn_cert *cert, uint32_t rights, uint64_t now)
{
	int i = ppn_root_find(&trust->newest, cert->serial);

	if (i < 0)
		return PPN_CHECK_ROOT;
	if (!ppn_object_verify(view, trust->newest.fleet, trust->newest.entry[i].key))
		return PPN_CHECK_SIGNATURE;
	ppn_trust_raise(trust, cert->not_before);
	if (!in_quarter(cert, trust->newest.entry[i].quarter))
		return PPN_CHECK_RANGE;
	if (ppn_trust_revoked(trust, cert->serial))
		return PPN_CHECK_REVOKED;
	if (expired(cert->not_after, trust->floor, now))
		return PPN_CHECK_EXPIRED;
	if ((cert->rights & rights) != rights)
		return PPN_CHECK_RIGHT;
	return PPN_CHECK_OK;
}
