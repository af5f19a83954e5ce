// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "lib/roster.h"

#include <endian.h>
#include <errno.h>
#include <string.h>
#include "lib/bytes.h"
#include "lib/crypto.h"

size_t ppn_roster_room(const struct ppn_roster *roster)
{
	const struct ppn_roster *r = roster;
	size_t member = 2 + sizeof(struct ppn_member_head) + PPN_NAME_MAX + PPN_ROLES_LEN_MAX +
			PPN_ENDPOINTS_MAX * sizeof(struct ppn_endpoint);

	return sizeof(struct ppn_roster_body) + r->n_members * member +
	       (size_t)r->n_revoked * PPN_KEY_LEN + 4 * 4 + r->n_open * sizeof(*r->open) +
	       r->n_flows * sizeof(*r->flows) + r->n_egress * sizeof(*r->egress) +
	       r->n_underlay * sizeof(*r->underlay) + sizeof(struct ppn_roster_policy) +
	       PPN_SIG_LEN;
}

static void put_member(struct ppn_writer *w, const struct ppn_member *m)
{
	size_t n_endpoints = m->n_endpoints <= PPN_ENDPOINTS_MAX ? m->n_endpoints : 0;
	size_t name_len = strnlen(m->name, PPN_NAME_MAX);
	size_t roles_len = strnlen(m->roles, PPN_ROLES_LEN_MAX);
	struct ppn_member_head head = {
		.number = htobe32(m->number),
		.flags = m->flags,
		.posture = m->posture,
		.name_len = (uint8_t)name_len,
		.roles_len = (uint8_t)roles_len,
		.n_endpoints = m->n_endpoints, /* too many: the reader says so */
	};
	size_t endpoints_len = n_endpoints * sizeof(m->endpoint[0]);

	PPN_COPY(head.identity, m->identity);
	PPN_COPY(head.wg_key, m->wg_key);
	PPN_COPY(head.serial, m->serial);
	ppn_put_u16(w, (uint16_t)(sizeof(head) + name_len + roles_len + endpoints_len));
	ppn_put(w, &head, sizeof(head));
	ppn_put(w, m->name, name_len);
	ppn_put(w, m->roles, roles_len);
	ppn_put(w, m->endpoint, endpoints_len);
}

static void put_section(struct ppn_writer *w, const void *rows, uint16_t n, size_t size)
{
	ppn_put_u16(w, n);
	ppn_put_u16(w, (uint16_t)size);
	if (n)
		ppn_put(w, rows, n * size);
}

static void put_policy(struct ppn_writer *w, const struct ppn_roster *r)
{
	struct ppn_roster_policy policy = { .flags = htobe32(r->policy_flags),
					    .confirm_s = htobe16(r->confirm_s) };

	put_section(w, r->open, r->n_open, sizeof(*r->open));
	put_section(w, r->flows, r->n_flows, sizeof(*r->flows));
	put_section(w, r->egress, r->n_egress, sizeof(*r->egress));
	put_section(w, r->underlay, r->n_underlay, sizeof(*r->underlay));
	ppn_put(w, &policy, sizeof(policy));
}

/* The body; its head is written last, when the length is known. */
static ssize_t put_body(uint8_t *ret_body, size_t max, const struct ppn_roster *r)
{
	struct ppn_writer w = { .data = ret_body, .max = max };
	struct ppn_roster_body body = {
		.generation = htobe32(r->version.generation),
		.list_number = htobe32(r->version.list_number),
		.epoch = htobe64(r->version.epoch),
		.issued = htobe64(r->issued),
		.n_members = htobe32(r->n_members),
		.n_revoked = htobe32(r->n_revoked),
	};
	ssize_t len;

	PPN_COPY(body.serial, r->serial);
	PPN_COPY(body.parent, r->parent);
	ppn_put(&w, &body, sizeof(body));
	for (uint32_t i = 0; i < r->n_members; i++)
		put_member(&w, &r->members[i]);
	if (r->n_revoked)
		ppn_put(&w, r->revoked, (size_t)r->n_revoked * PPN_KEY_LEN);
	put_policy(&w, r);
	len = ppn_put_end(&w);
	if (len < 0)
		return len;
	body.head = ppn_object_head(PPN_OBJECT_ROSTER, (size_t)len);
	memcpy(ret_body, &body.head, sizeof(body.head));
	return len;
}

static int check_written(struct ppn_bytes object, const uint8_t *fleet)
{
	struct ppn_object_view view;
	struct ppn_roster back;
	enum ppn_check check;

	check = ppn_object_take(&object, PPN_OBJECT_ROSTER, PPN_ROSTER_MAX, &view);
	if (check == PPN_CHECK_OK)
		check = ppn_roster_read(&view, fleet, &back);
	if (check != PPN_CHECK_OK)
		return -EINVAL;
	ppn_roster_free(&back);
	return 0;
}

ssize_t ppn_roster_write(uint8_t *ret_object, size_t max, const struct ppn_roster *roster,
			 const uint8_t fleet[static PPN_HASH_LEN], const uint8_t seed[static 32])
{
	struct ppn_bytes body;
	ssize_t len;

	if (roster->n_members > PPN_MEMBERS_MAX || roster->n_revoked > PPN_REVOKED_MAX)
		return -EINVAL;
	len = put_body(ret_object, max, roster);
	if (len < 0)
		return len;
	body = (struct ppn_bytes){ ret_object, (size_t)len };
	len = ppn_object_finish(ret_object, max, body, fleet, seed);
	if (len < 0)
		return len;
	if (check_written((struct ppn_bytes){ ret_object, (size_t)len }, fleet)) {
		ppn_wipe(ret_object, (size_t)len); /* a signature that must not leave */
		return -EINVAL;
	}
	return len;
}
