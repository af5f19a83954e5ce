// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A roster object read and checked on its own: form, then what no two members may share. */
#include "lib/roster.h"

#include <arpa/inet.h>
#include <endian.h>
#include <stdlib.h>
#include <string.h>
#include "lib/bytes.h"
#include "lib/crypto.h"

enum {
	FLEET_PREFIX_LEN = 6, /* bytes */
	HOST_PART_AT = 6,
	HOST_PART_LEN = 8,
	MEMBER_LEN_MIN = 2 + sizeof(struct ppn_member_head) + 1,
	POLICY_FLAGS = 3,
};

/* ---- words ---- */

static bool word_symbol(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

/* Words between single commas, or nothing. A word fits a policy row. */
static bool roles_good(const char *roles, size_t len)
{
	size_t word = 0;

	for (size_t i = 0; i < len; i++) {
		if (roles[i] != ',' && !word_symbol(roles[i]))
			return false;
		if (roles[i] == ',' && word == 0)
			return false;
		word = roles[i] == ',' ? 0 : word + 1;
		if (word > sizeof(((struct ppn_rule_flow *)0)->from_role) - 1)
			return false;
	}
	return len == 0 || word > 0;
}

/* A word in a field of zeros; its last byte is one. */
static bool padded_word(const uint8_t *field, size_t size)
{
	size_t len = strnlen((const char *)field, size);

	for (size_t i = 0; i < len; i++)
		if (!word_symbol((char)field[i]))
			return false;
	return len < size && ppn_is_zero(field + len, size - len);
}

/* ---- members ---- */

static bool endpoint_good(const struct ppn_endpoint *endpoint, const uint8_t prefix[static 16])
{
	const uint8_t *addr = endpoint->addr;

	if (!endpoint->port || memcmp(addr, prefix, FLEET_PREFIX_LEN) == 0)
		return false;
	if (ppn_address_is_v4(addr))
		return addr[12] != 0 && addr[12] < 224; /* 0/8, multicast and reserved */
	return addr[0] != 0xff && !ppn_is_zero(addr, 16);
}

static bool member_good(const struct ppn_member *m, const uint8_t prefix[static 16])
{
	bool node = m->flags & PPN_MEMBER_NODE, seat = m->flags & PPN_MEMBER_SEAT;

	if (m->number < 1 || m->number > PPN_NUMBER_MAX || (!node && !seat) ||
	    (m->flags & ~(PPN_MEMBER_NODE | PPN_MEMBER_SEAT)))
		return false;
	if (node != (m->posture != PPN_POSTURE_NONE) || m->posture >= _PPN_POSTURE_MAX ||
	    (seat && m->posture == PPN_POSTURE_CLOUD))
		return false;
	if (seat == ppn_is_zero(m->serial, sizeof(m->serial)) ||
	    ppn_is_zero(m->identity, sizeof(m->identity)) ||
	    ppn_is_zero(m->wg_key, sizeof(m->wg_key)))
		return false;
	for (size_t i = 0; i < m->n_endpoints; i++)
		if (!endpoint_good(&m->endpoint[i], prefix))
			return false;
	return ppn_name_form(m->name, strlen(m->name)) && roles_good(m->roles, strlen(m->roles));
}

/* Text of a stated length, which has no NUL inside. */
static bool take_text(struct ppn_bytes *in, char *ret_text, size_t len)
{
	const uint8_t *text = ppn_take(in, len);

	if (!text || memchr(text, 0, len))
		return false;
	memcpy(ret_text, text, len);
	ret_text[len] = '\0';
	return true;
}

static enum ppn_check member_read(const struct ppn_object_view *view, struct ppn_bytes in,
				  const uint8_t prefix[static 16], struct ppn_member *ret_member)
{
	struct ppn_member_head head;
	struct ppn_member m = { 0 };

	if (!ppn_take_into(&in, &head, sizeof(head)))
		return PPN_CHECK_FORM;
	if (head.name_len > PPN_NAME_MAX || head.roles_len > PPN_ROLES_LEN_MAX ||
	    head.n_endpoints > PPN_ENDPOINTS_MAX || !ppn_is_zero(head.zero, sizeof(head.zero)))
		return PPN_CHECK_FORM;
	m.number = be32toh(head.number);
	m.flags = head.flags;
	m.posture = head.posture;
	m.n_endpoints = head.n_endpoints;
	PPN_COPY(m.identity, head.identity);
	PPN_COPY(m.wg_key, head.wg_key);
	PPN_COPY(m.serial, head.serial);
	if (!take_text(&in, m.name, head.name_len) || !take_text(&in, m.roles, head.roles_len) ||
	    !ppn_take_into(&in, m.endpoint, m.n_endpoints * sizeof(m.endpoint[0])))
		return PPN_CHECK_FORM;
	if (!member_good(&m, prefix))
		return PPN_CHECK_FORM;
	*ret_member = m;
	return ppn_object_tail(view, in);
}

static enum ppn_check take_members(const struct ppn_object_view *view, struct ppn_bytes *in,
				   const uint8_t *fleet, struct ppn_roster *roster)
{
	uint32_t n = roster->n_members, last = 0;
	enum ppn_check check;
	uint8_t prefix[16];

	if (n > PPN_MEMBERS_MAX)
		return PPN_CHECK_LONG;
	if ((size_t)n * MEMBER_LEN_MIN > in->len)
		return PPN_CHECK_SHORT;
	roster->members = calloc(n ? n : 1, sizeof(*roster->members));
	if (!roster->members)
		return PPN_CHECK_LONG;
	ppn_fleet_prefix(prefix, fleet);
	for (uint32_t i = 0; i < n; i++) {
		const uint8_t *len = ppn_take(in, 2);
		struct ppn_bytes one = { 0 };

		one.len = len ? ppn_get_u16(len) : 0;
		one.data = len ? ppn_take(in, one.len) : NULL;
		if (!one.data)
			return PPN_CHECK_SHORT;
		check = member_read(view, one, prefix, &roster->members[i]);
		if (check != PPN_CHECK_OK)
			return check;
		if (roster->members[i].number <= last)
			return roster->members[i].number == last ? PPN_CHECK_DUPLICATE :
								   PPN_CHECK_ORDER;
		last = roster->members[i].number;
	}
	return PPN_CHECK_OK;
}

/* ---- what no two members share ---- */

struct sort_key {
	uint8_t bytes[PPN_NAME_LEN]; /* zero-padded */
};
_Static_assert(PPN_NAME_LEN >= PPN_KEY_LEN, "a key fits");

static int by_bytes(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct sort_key));
}

static void key_identity(struct sort_key *key, const struct ppn_member *m, const uint8_t *fleet)
{
	(void)fleet;
	memcpy(key->bytes, m->identity, sizeof(m->identity));
}

static void key_wg(struct sort_key *key, const struct ppn_member *m, const uint8_t *fleet)
{
	(void)fleet;
	memcpy(key->bytes, m->wg_key, sizeof(m->wg_key));
}

static void key_name(struct sort_key *key, const struct ppn_member *m, const uint8_t *fleet)
{
	(void)fleet;
	memcpy(key->bytes, m->name, sizeof(m->name));
}

static void key_host(struct sort_key *key, const struct ppn_member *m, const uint8_t *fleet)
{
	uint8_t addr[16];

	ppn_mesh_address(addr, fleet, m->identity, 0);
	memcpy(key->bytes, addr + HOST_PART_AT, HOST_PART_LEN);
}

static enum ppn_check check_unique(const struct ppn_roster *roster, const uint8_t *fleet)
{
	static void (*const kinds[])(struct sort_key *, const struct ppn_member *,
				     const uint8_t *) = { key_identity, key_wg, key_name,
							  key_host };
	enum ppn_check check = PPN_CHECK_OK;
	uint32_t n = roster->n_members;
	struct sort_key *keys;

	if (n < 2)
		return PPN_CHECK_OK;
	keys = malloc(n * sizeof(*keys));
	if (!keys)
		return PPN_CHECK_LONG;
	for (size_t kind = 0; kind < sizeof(kinds) / sizeof(kinds[0]); kind++) {
		memset(keys, 0, n * sizeof(*keys));
		for (uint32_t i = 0; i < n; i++)
			kinds[kind](&keys[i], &roster->members[i], fleet);
		qsort(keys, n, sizeof(*keys), by_bytes);
		for (uint32_t i = 1; i < n; i++)
			if (by_bytes(&keys[i - 1], &keys[i]) == 0)
				check = PPN_CHECK_DUPLICATE;
	}
	free(keys);
	return check;
}

/* ---- revoked identities ---- */

static int by_identity(const void *a, const void *b)
{
	return memcmp(a, b, PPN_KEY_LEN);
}

static enum ppn_check take_revoked(struct ppn_bytes *in, struct ppn_roster *roster)
{
	uint32_t n = roster->n_revoked;
	size_t len = (size_t)n * PPN_KEY_LEN;

	if (n > PPN_REVOKED_MAX)
		return PPN_CHECK_LONG;
	if (len > in->len)
		return PPN_CHECK_SHORT;
	roster->revoked = malloc(len ? len : 1);
	if (!roster->revoked)
		return PPN_CHECK_LONG;
	if (!ppn_take_into(in, roster->revoked, len))
		return PPN_CHECK_SHORT;
	for (uint32_t i = 1; i < n; i++)
		if (by_identity(roster->revoked[i - 1], roster->revoked[i]) >= 0)
			return PPN_CHECK_ORDER;
	for (uint32_t i = 0; i < roster->n_members && n; i++)
		if (bsearch(roster->members[i].identity, roster->revoked, n, PPN_KEY_LEN,
			    by_identity))
			return PPN_CHECK_FORM;
	return PPN_CHECK_OK;
}

/* ---- policy ---- */

static bool service_good(uint8_t proto, __be16 port)
{
	return (proto == IPPROTO_TCP || proto == IPPROTO_UDP) && port;
}

static bool prefix_good(const uint8_t prefix[static 16], uint8_t len)
{
	if (len > 128)
		return false;
	for (int bit = len; bit < 128; bit++)
		if (prefix[bit / 8] & (0x80 >> bit % 8))
			return false;
	return true;
}

static bool open_good(const void *row)
{
	const struct ppn_rule_open *rule = row;

	return service_good(rule->proto, rule->port) && rule->flags <= 1 &&
	       (!rule->flags || !rule->prefix_len) && prefix_good(rule->prefix, rule->prefix_len) &&
	       padded_word(rule->role, sizeof(rule->role));
}

static bool flow_good(const void *row)
{
	const struct ppn_rule_flow *rule = row;

	return service_good(rule->proto, rule->port) && !rule->zero &&
	       padded_word(rule->from_role, sizeof(rule->from_role)) &&
	       padded_word(rule->to_role, sizeof(rule->to_role));
}

static bool egress_good(const void *row)
{
	const struct ppn_rule_egress *rule = row;

	return service_good(rule->proto, rule->port) &&
	       prefix_good(rule->prefix, rule->prefix_len) &&
	       padded_word(rule->role, sizeof(rule->role));
}

/* Names of interfaces are the kernel's: dev_valid_name() in net/core/dev.c. */
static bool underlay_good(const void *row)
{
	const struct ppn_rule_underlay *rule = row;
	size_t len = strnlen((const char *)rule->ifname, sizeof(rule->ifname));

	for (size_t i = 0; i < len; i++)
		if (rule->ifname[i] <= 0x20 || rule->ifname[i] >= 0x7f || rule->ifname[i] == '/')
			return false;
	return len > 0 && ppn_is_zero(rule->ifname + len, sizeof(rule->ifname) - len) &&
	       len < sizeof(rule->ifname) && rule->underlay < _PPN_UNDERLAY_MAX &&
	       ppn_is_zero(rule->zero, sizeof(rule->zero)) &&
	       padded_word(rule->role, sizeof(rule->role));
}

struct section {
	size_t size; /* of a row, as this program knows it */
	bool (*good)(const void *row);
};

/* *ret_rows is allocated, and the caller's, also on failure; NULL for no rows. */
static enum ppn_check take_section(const struct ppn_object_view *view, struct ppn_bytes *in,
				   const struct section *section, void **ret_rows, uint16_t *ret_n)
{
	const uint8_t *head = ppn_take(in, 4);
	size_t n = head ? ppn_get_u16(head) : 0, len = head ? ppn_get_u16(head + 2) : 0;
	struct ppn_bytes extra = { 0 };
	uint8_t *rows;

	if (!head)
		return PPN_CHECK_SHORT;
	if (n > PPN_POLICY_RULES_MAX)
		return PPN_CHECK_LONG;
	if (len < section->size)
		return PPN_CHECK_FORM;
	extra.len = len - section->size;
	if (ppn_object_tail(view, extra) != PPN_CHECK_OK)
		return PPN_CHECK_FORM;
	rows = n ? malloc(n * section->size) : NULL;
	if (n && !rows)
		return PPN_CHECK_LONG;
	*ret_rows = rows;
	for (size_t i = 0; i < n; i++) {
		const uint8_t *row = ppn_take(in, len);

		if (!row)
			return PPN_CHECK_SHORT;
		if (!section->good(row))
			return PPN_CHECK_FORM;
		memcpy(rows + i * section->size, row, section->size);
	}
	*ret_n = (uint16_t)n;
	return PPN_CHECK_OK;
}

static enum ppn_check take_policy(const struct ppn_object_view *view, struct ppn_bytes *in,
				  struct ppn_roster *roster)
{
	static const struct section sections[] = {
		{ sizeof(struct ppn_rule_open), open_good },
		{ sizeof(struct ppn_rule_flow), flow_good },
		{ sizeof(struct ppn_rule_egress), egress_good },
		{ sizeof(struct ppn_rule_underlay), underlay_good },
	};
	uint16_t *counts[] = { &roster->n_open, &roster->n_flows, &roster->n_egress,
			       &roster->n_underlay };
	enum ppn_check check = PPN_CHECK_OK;
	struct ppn_roster_policy policy;
	void *rows[4] = { NULL };

	for (int i = 0; i < 4 && check == PPN_CHECK_OK; i++)
		check = take_section(view, in, &sections[i], &rows[i], counts[i]);
	roster->open = rows[0];
	roster->flows = rows[1];
	roster->egress = rows[2];
	roster->underlay = rows[3];
	if (check != PPN_CHECK_OK)
		return check;
	if (!ppn_take_into(in, &policy, sizeof(policy)))
		return PPN_CHECK_SHORT;
	roster->policy_flags = be32toh(policy.flags);
	roster->confirm_s = be16toh(policy.confirm_s);
	if ((roster->policy_flags & ~POLICY_FLAGS) || policy.zero)
		return PPN_CHECK_FORM;
	return PPN_CHECK_OK;
}

/* ---- the whole ---- */

static void fill_head(struct ppn_roster *roster, const struct ppn_roster_body *body)
{
	roster->version.generation = be32toh(body->generation);
	roster->version.list_number = be32toh(body->list_number);
	roster->version.epoch = be64toh(body->epoch);
	PPN_COPY(roster->serial, body->serial);
	PPN_COPY(roster->parent, body->parent);
	roster->issued = be64toh(body->issued);
	roster->n_members = be32toh(body->n_members);
	roster->n_revoked = be32toh(body->n_revoked);
}

enum ppn_check ppn_roster_read(const struct ppn_object_view *view,
			       const uint8_t fleet[static PPN_HASH_LEN],
			       struct ppn_roster *ret_roster)
{
	struct ppn_roster roster = { 0 };
	struct ppn_roster_body body;
	struct ppn_bytes rest;
	enum ppn_check check;

	if (view->kind != PPN_OBJECT_ROSTER)
		return PPN_CHECK_KIND;
	check = ppn_object_fixed(view, &body, sizeof(body), &rest);
	if (check != PPN_CHECK_OK)
		return check;
	fill_head(&roster, &body);
	check = take_members(view, &rest, fleet, &roster);
	if (check == PPN_CHECK_OK)
		check = take_revoked(&rest, &roster);
	if (check == PPN_CHECK_OK)
		check = take_policy(view, &rest, &roster);
	if (check == PPN_CHECK_OK)
		check = ppn_object_tail(view, rest);
	if (check == PPN_CHECK_OK)
		check = check_unique(&roster, fleet);
	if (check != PPN_CHECK_OK) {
		ppn_roster_free(&roster);
		return check;
	}
	ppn_object_hash(roster.version.hash, view);
	*ret_roster = roster;
	return PPN_CHECK_OK;
}
