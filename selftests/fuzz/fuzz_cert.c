// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Input: what to mend (1), wall clock (8), certificate. */
#include "fuzz/mend.h"

#define HEAD 9

/* What was believed says the same when it is written again. */
static void believed(const struct ppn_object_view *view, const struct ppn_cert *cert,
		     uint64_t floor)
{
	uint8_t body[sizeof(struct ppn_cert_body)];

	must(cert->number_count == 0 || (cert->first_number >= 1 && cert->first_number < 1 << 22 &&
					 cert->first_number + cert->number_count <= 1 << 22));
	must(cert->not_after >= floor && floor >= cert->not_before);
	must(ppn_cert_write(body, sizeof(body), cert) == sizeof(body));
	/* the head may be of a higher minor */
	must(memcmp(body + sizeof(struct ppn_object_head),
		    view->body.data + sizeof(struct ppn_object_head),
		    sizeof(body) - sizeof(struct ppn_object_head)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct fleet f;
	struct ppn_object_view view;
	struct ppn_bytes in;
	struct ppn_trust trust;
	struct ppn_cert cert;
	uint64_t now;
	uint8_t *object, seed[32];

	if (f.chain_len == 0)
		fleet_make(&f);
	if (len < HEAD + 1)
		return 0;
	memcpy(&now, data + 1, sizeof(now));
	object = copy_of(data + HEAD, len - HEAD);
	root_seed(seed, 'a');
	if (data[0] & MEND_SIGNATURES)
		mend_object(object, len - HEAD, f.root.fleet, seed);
	in = (struct ppn_bytes){ object, len - HEAD };
	trust = f.trust;
	if (ppn_object_take(&in, PPN_OBJECT_CERT, PPN_CERT_MAX, &view) == PPN_CHECK_OK &&
	    ppn_cert_read(&view, &cert) == PPN_CHECK_OK &&
	    ppn_cert_check(&trust, &view, &cert, 0, be64toh(now)) == PPN_CHECK_OK &&
	    memcmp(cert.serial, f.seat_cert.serial, PPN_KEY_ID_LEN) == 0)
		believed(&view, &cert, trust.floor);
	free(object);
	return 0;
}
