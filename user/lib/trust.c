// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Who is believed: the walk of the root chain, the union of lists, credentials (PROTOCOL 1, 4, 7). */
#include "lib/wire.h"

#include <errno.h>
#include <string.h>
#include "lib/bytes.h"

void ppn_trust_raise(struct ppn_trust *trust, uint64_t seconds)
{
	if (seconds > trust->floor)
		trust->floor = seconds;
}

void ppn_trust_base(struct ppn_trust *trust, uint64_t build_time)
{
	trust->floor_min = build_time;
	ppn_trust_raise(trust, build_time);
}

/* ---- root chain ---- */

static bool keys_keep_quarter(const struct ppn_root *before, const struct ppn_root *root)
{
	for (int i = 0; i < root->n; i++) {
		int j = ppn_root_find(before, root->entry[i].id);

		if (j >= 0 && before->entry[j].quarter != root->entry[i].quarter)
			return false;
	}
	return true;
}

static enum ppn_check follows(const struct ppn_root *before, const struct ppn_root *root)
{
	if (memcmp(root->fleet, before->fleet, PPN_HASH_LEN) != 0)
		return PPN_CHECK_FLEET;
	if (memcmp(root->gate_key, before->gate_key, PPN_SIP_KEY_LEN) != 0 ||
	    !keys_keep_quarter(before, root))
		return PPN_CHECK_CHAIN;
	return PPN_CHECK_OK;
}

/* The cheap comparison with the pin comes before any signature. */
static enum ppn_check walk_first(struct ppn_trust *trust, const struct ppn_object_view *view,
				 const struct ppn_root *root, const uint8_t *pin)
{
	ppn_object_hash(trust->pin, view);
	if (pin && memcmp(trust->pin, pin, PPN_HASH_LEN) != 0)
		return PPN_CHECK_PIN;
	return ppn_root_quorum(view, root, NULL);
}

static enum ppn_check walk_next(const struct ppn_trust *trust, const struct ppn_object_view *view,
				const struct ppn_root *root)
{
	enum ppn_check check = follows(&trust->newest, root);

	return check != PPN_CHECK_OK ? check : ppn_root_quorum(view, root, &trust->newest);
}

/* Is this the document that the known chain has in this place? Past its end anything is. */
static enum ppn_check same_as_known(struct ppn_bytes *known, const struct ppn_object_view *view)
{
	struct ppn_object_view old;

	if (known->len == 0)
		return PPN_CHECK_OK;
	if (ppn_object_take(known, PPN_OBJECT_ROOT, PPN_ROOT_MAX, &old) != PPN_CHECK_OK)
		return PPN_CHECK_CHAIN;
	return ppn_bytes_equal(old.body, view->body) ? PPN_CHECK_OK : PPN_CHECK_CHAIN;
}

static void chain_floor(struct ppn_trust *trust, const struct ppn_trust *known)
{
	trust->floor = trust->newest.issued;
	if (!known)
		return;
	trust->floor_min = known->floor_min;
	ppn_trust_raise(trust, known->floor_min);
	if (known->n_chain == 0 || known->newest.generation >= trust->newest.generation)
		ppn_trust_raise(trust, known->floor);
}

static enum ppn_check walk_one(struct ppn_trust *trust, struct ppn_bytes *in, uint32_t generation,
			       const uint8_t *pin, struct ppn_bytes *known)
{
	struct ppn_object_view view;
	struct ppn_root root;
	enum ppn_check check = ppn_object_take(in, PPN_OBJECT_ROOT, PPN_ROOT_MAX, &view);

	if (check == PPN_CHECK_OK)
		check = ppn_root_read(&view, &root);
	if (check != PPN_CHECK_OK)
		return check;
	if (root.generation != generation)
		return PPN_CHECK_CHAIN;
	check = generation == 0 ? walk_first(trust, &view, &root, pin) :
				  walk_next(trust, &view, &root);
	if (check == PPN_CHECK_OK)
		check = same_as_known(known, &view);
	trust->newest = root;
	return check;
}

static enum ppn_check take_chain(struct ppn_trust *ret_trust, struct ppn_bytes *in, size_t n,
				 const uint8_t *pin, const struct ppn_trust *known)
{
	struct ppn_bytes rest = *in, old = { 0 };
	struct ppn_trust trust = { 0 };

	if (n == 0 || n > PPN_CHAIN_MAX)
		return n == 0 ? PPN_CHECK_SHORT : PPN_CHECK_LONG;
	if (known && known->n_chain > 0) {
		old = known->chain;
		pin = pin ? pin : known->pin;
	}
	for (uint32_t i = 0; i < n; i++) {
		enum ppn_check check = walk_one(&trust, &rest, i, pin, &old);

		if (check != PPN_CHECK_OK)
			return check;
	}
	if (old.len > 0)
		return PPN_CHECK_OLD;
	trust.chain = ppn_bytes_before(*in, rest);
	trust.n_chain = (uint8_t)n;
	chain_floor(&trust, known);
	*in = rest;
	*ret_trust = trust;
	return PPN_CHECK_OK;
}

enum ppn_check ppn_trust_chain(struct ppn_trust *ret_trust, struct ppn_bytes chain, size_t n,
			       const uint8_t *pin, const struct ppn_trust *known)
{
	struct ppn_trust trust;
	enum ppn_check check = take_chain(&trust, &chain, n, pin, known);

	if (check == PPN_CHECK_OK && chain.len > 0)
		check = PPN_CHECK_LONG;
	if (check == PPN_CHECK_OK)
		*ret_trust = trust;
	return check;
}

/* ---- revocation lists ---- */

struct list_set {
	uint8_t n;
	struct ppn_crl crl[PPN_CRL_SET_MAX];
};

static const struct ppn_crl *set_find(const struct list_set *set, const uint8_t *signer)
{
	for (int i = 0; i < set->n; i++)
		if (memcmp(set->crl[i].signer, signer, PPN_KEY_ID_LEN) == 0)
			return &set->crl[i];
	return NULL;
}

/* Kept in rising order of the signers, of whom there are no more than roots in force. */
static void set_add(struct list_set *set, const struct ppn_crl *crl)
{
	int i = set->n++;

	for (; i > 0 && memcmp(set->crl[i - 1].signer, crl->signer, PPN_KEY_ID_LEN) > 0; i--)
		set->crl[i] = set->crl[i - 1];
	set->crl[i] = *crl;
}

static enum ppn_check list_check(const struct ppn_root *newest, const struct ppn_object_view *view,
				 const struct ppn_crl *crl)
{
	int i = ppn_root_find(newest, crl->signer);

	if (memcmp(crl->fleet, newest->fleet, PPN_HASH_LEN) != 0)
		return PPN_CHECK_FLEET;
	if (i < 0 || crl->generation > newest->generation)
		return PPN_CHECK_ROOT;
	if (!ppn_object_verify(view, newest->fleet, newest->entry[i].key))
		return PPN_CHECK_SIGNATURE;
	return PPN_CHECK_OK;
}

static enum ppn_check take_list(struct ppn_bytes *in, const struct ppn_root *newest,
				struct list_set *set)
{
	struct ppn_object_view view;
	struct ppn_crl crl;
	enum ppn_check check = ppn_object_take(in, PPN_OBJECT_CRL, PPN_CRL_MAX, &view);

	if (check == PPN_CHECK_OK)
		check = ppn_crl_read(&view, &crl);
	if (check == PPN_CHECK_OK)
		check = list_check(newest, &view, &crl);
	if (check != PPN_CHECK_OK)
		return check;
	if (set->n > 0 && (crl.number != set->crl[0].number || set_find(set, crl.signer)))
		return PPN_CHECK_ORDER;
	set_add(set, &crl);
	return PPN_CHECK_OK;
}

/* What is already known, of roots still in force, joins the set or outdoes it. */
static enum ppn_check join_known(struct list_set *set, const struct ppn_trust *known,
				 const struct ppn_root *newest)
{
	uint32_t number = set->crl[0].number;

	for (int i = 0; i < known->n_crls; i++) {
		const struct ppn_crl *old = &known->crl[i], *same;

		if (ppn_root_find(newest, old->signer) < 0 || old->number < number)
			continue;
		if (old->number > number)
			return PPN_CHECK_OLD;
		same = set_find(set, old->signer);
		if (same && !ppn_bytes_equal(same->whole, old->whole))
			return PPN_CHECK_LISTS;
		if (!same)
			set_add(set, old);
	}
	return PPN_CHECK_OK;
}

static enum ppn_check take_lists(struct ppn_trust *trust, struct ppn_bytes *in, size_t n,
				 const struct ppn_trust *known)
{
	struct list_set set = { 0 };
	struct ppn_bytes rest = *in;
	enum ppn_check check;

	if (n == 0 || n > PPN_CRL_SET_MAX)
		return n == 0 ? PPN_CHECK_SHORT : PPN_CHECK_LONG;
	for (size_t i = 0; i < n; i++) {
		check = take_list(&rest, &trust->newest, &set);
		if (check != PPN_CHECK_OK)
			return check;
	}
	check = known ? join_known(&set, known, &trust->newest) : PPN_CHECK_OK;
	if (check != PPN_CHECK_OK)
		return check;
	trust->lists = ppn_bytes_before(*in, rest);
	trust->n_crls = set.n;
	memcpy(trust->crl, set.crl, sizeof(set.crl));
	for (int i = 0; i < set.n; i++)
		ppn_trust_raise(trust, set.crl[i].issued);
	*in = rest;
	return PPN_CHECK_OK;
}

enum ppn_check ppn_trust_lists(struct ppn_trust *trust, struct ppn_bytes lists, size_t n,
			       const struct ppn_trust *known)
{
	struct ppn_trust taken = *trust;
	enum ppn_check check = take_lists(&taken, &lists, n, known);

	if (check == PPN_CHECK_OK && lists.len > 0)
		check = PPN_CHECK_LONG;
	if (check == PPN_CHECK_OK)
		*trust = taken;
	return check;
}

/* ---- credentials ---- */

static enum ppn_check take_cert(struct ppn_bytes *in, struct ppn_credentials_view *view,
				uint32_t rights, uint64_t now)
{
	enum ppn_check check = ppn_object_take(in, PPN_OBJECT_CERT, PPN_CERT_MAX, &view->cert_view);

	if (check == PPN_CHECK_OK)
		check = ppn_cert_read(&view->cert_view, &view->cert);
	if (check == PPN_CHECK_OK)
		check = ppn_cert_check(&view->trust, &view->cert_view, &view->cert, rights, now);
	return check;
}

enum ppn_check ppn_credentials_take(struct ppn_bytes *in, const uint8_t *pin,
				    const struct ppn_trust *known, uint32_t rights, uint64_t now,
				    struct ppn_credentials_view *ret_view)
{
	struct ppn_credentials_view view = { 0 };
	struct ppn_bytes rest = *in;
	struct ppn_credentials head;
	enum ppn_check check;

	if (!ppn_take_into(&rest, &head, sizeof(head)))
		return PPN_CHECK_SHORT;
	if (head.purpose == PPN_PURPOSE_NONE || head.purpose >= _PPN_PURPOSE_MAX || head.zero != 0)
		return PPN_CHECK_FORM;
	view.purpose = head.purpose;
	check = take_chain(&view.trust, &rest, head.n_roots, pin, known);
	if (check == PPN_CHECK_OK)
		check = take_lists(&view.trust, &rest, head.n_crls, known);
	if (check == PPN_CHECK_OK)
		check = take_cert(&rest, &view, rights, now);
	if (check != PPN_CHECK_OK)
		return check;
	view.raw = ppn_bytes_before(*in, rest);
	*in = rest;
	*ret_view = view;
	return PPN_CHECK_OK;
}

ssize_t ppn_credentials_write(uint8_t *ret, size_t max, enum ppn_purpose purpose,
			      const struct ppn_trust *trust, struct ppn_bytes cert)
{
	struct ppn_credentials head = { purpose, trust->n_chain, trust->n_crls, 0 };
	struct ppn_writer w = { .data = ret, .max = max };
	size_t len = sizeof(head) + trust->chain.len + cert.len;

	if (trust->n_chain == 0 || trust->n_crls == 0 || cert.len == 0)
		return -EINVAL;
	for (int i = 0; i < trust->n_crls; i++)
		len += trust->crl[i].whole.len;
	if (len > max)
		return -EMSGSIZE;
	ppn_put(&w, &head, sizeof(head));
	ppn_put(&w, trust->chain.data, trust->chain.len);
	for (int i = 0; i < trust->n_crls; i++)
		ppn_put(&w, trust->crl[i].whole.data, trust->crl[i].whole.len);
	ppn_put(&w, cert.data, cert.len);
	return ppn_put_end(&w);
}
