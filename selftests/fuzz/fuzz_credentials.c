// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Input: what to mend (1), then credentials: root chain, lists, certificate. Bit 4: a node that knows. */
#include "fuzz/mend.h"

#define KNOWN 0x10

/* Objects one after the other, each as its kind is signed; stops where they end to make sense. */
static void mend(uint8_t *at, size_t left)
{
	uint8_t fleet[PPN_HASH_LEN] = { 0 }, seed[32];

	for (bool first = true; left > sizeof(struct ppn_object_head);) {
		size_t body = body_at(at, left), n = 0;

		if (at[0] == PPN_OBJECT_ROOT) {
			n = mend_root(at, left, fleet, first);
			first = false;
		} else if (at[0] == PPN_OBJECT_CRL && body >= sizeof(struct ppn_crl_body)) {
			memcpy(at + offsetof(struct ppn_crl_body, fleet), fleet, PPN_HASH_LEN);
			root_seed(seed, letter_of(at + offsetof(struct ppn_crl_body, signer)));
			n = mend_object(at, left, fleet, seed);
		} else if (at[0] == PPN_OBJECT_CERT && body >= sizeof(struct ppn_cert_body)) {
			root_seed(seed, letter_of(at + offsetof(struct ppn_cert_body, serial)));
			n = mend_object(at, left, fleet, seed);
		}
		if (n == 0)
			return;
		at += n;
		left -= n;
	}
}

/* What was believed can be passed on, and is believed again. */
static void believed(const struct ppn_credentials_view *view)
{
	static uint8_t again[PPN_MESSAGE2_MAX];
	struct ppn_credentials_view second;
	struct ppn_bytes in = { again, 0 };
	ssize_t len = ppn_credentials_write(again, sizeof(again), view->purpose, &view->trust,
					    view->cert_view.whole);

	must(view->trust.n_chain == view->trust.newest.generation + 1);
	must(view->trust.n_crls >= 1 && view->trust.n_crls <= PPN_CRL_SET_MAX);
	must(!ppn_trust_revoked(&view->trust, view->cert.serial));
	if (len < 0)
		return; /* the union is longer than a message may be */
	in.len = (size_t)len;
	must(ppn_credentials_take(&in, view->trust.pin, &view->trust, 0, 0, &second) ==
	     PPN_CHECK_OK);
	must(in.len == 0 && second.trust.n_crls == view->trust.n_crls);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct fleet f;
	struct ppn_credentials_view view;
	struct ppn_bytes in;
	uint8_t *bytes;

	if (f.chain_len == 0)
		fleet_make(&f);
	if (len < 2 || len > PPN_MESSAGE2_MAX)
		return 0;
	bytes = copy_of(data + 1, len - 1);
	if (data[0] & MEND_SIGNATURES && len - 1 > sizeof(struct ppn_credentials))
		mend(bytes + sizeof(struct ppn_credentials),
		     len - 1 - sizeof(struct ppn_credentials));
	in = (struct ppn_bytes){ bytes, len - 1 };
	if (ppn_credentials_take(&in, NULL, data[0] & KNOWN ? &f.trust : NULL, 0, NOW, &view) ==
	    PPN_CHECK_OK) {
		must(in.data == bytes + view.raw.len && in.len == len - 1 - view.raw.len);
		believed(&view);
	}
	free(bytes);
	return 0;
}
