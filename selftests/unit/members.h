/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A roster of three: a seat (1), a node (100), a cloud node (200), two revoked identities, a row
 * of each policy; and ways to sign what ppn_roster_write() would not.
 */
#ifndef PPN_TEST_MEMBERS_H
#define PPN_TEST_MEMBERS_H

#include <arpa/inet.h>
#include <stdio.h>
#include "lib/roster.h"
#include "unit/fleet.h"

enum { ROSTER_ROOM = 8192 };

static const uint8_t test_fleet[PPN_HASH_LEN] = { 0xf1, 0xee, 0x70 };

static inline struct ppn_endpoint endpoint_of(const char *addr, uint16_t port)
{
	struct ppn_endpoint endpoint = { .port = htons(port) };
	int good = inet_pton(AF_INET6, addr, endpoint.addr);

	assert(good == 1);
	return endpoint;
}

/* A node named after its number. */
static inline struct ppn_member numbered_member(uint32_t number)
{
	struct ppn_member m = { .number = number,
				.flags = PPN_MEMBER_NODE,
				.posture = PPN_POSTURE_ONPREM };

	snprintf(m.name, sizeof(m.name), "node-%u", number);
	ppn_hash(m.identity, m.name, strlen(m.name));
	ppn_hash(m.wg_key, m.identity, sizeof(m.identity));
	m.n_endpoints = 1;
	m.endpoint[0] = endpoint_of("2001:db8::7", 51820);
	return m;
}

static inline void roster_policy(struct ppn_roster *r)
{
	r->n_open = r->n_flows = r->n_egress = r->n_underlay = 1;
	r->open = calloc(1, sizeof(*r->open));
	r->flows = calloc(1, sizeof(*r->flows));
	r->egress = calloc(1, sizeof(*r->egress));
	r->underlay = calloc(1, sizeof(*r->underlay));
	*r->open = (struct ppn_rule_open){ .proto = IPPROTO_TCP,
					   .port = htons(443),
					   .prefix_len = 32 };
	memcpy(r->open->prefix, "\x20\x01\x0d\xb8", 4);
	memcpy(r->open->role, "web", 3);
	*r->flows = (struct ppn_rule_flow){ .proto = IPPROTO_UDP, .port = htons(53) };
	memcpy(r->flows->from_role, "web", 3);
	memcpy(r->flows->to_role, "db", 2);
	*r->egress = (struct ppn_rule_egress){ .proto = IPPROTO_UDP,
					       .port = htons(123),
					       .prefix_len = 64 };
	memcpy(r->egress->prefix, "\x20\x01\x0d\xb8", 4);
	*r->underlay = (struct ppn_rule_underlay){ .underlay = PPN_UNDERLAY_DHCP };
	memcpy(r->underlay->ifname, "eth0", 4);
	r->confirm_s = 120;
}

static inline void roster_make(struct ppn_roster *r)
{
	memset(r, 0, sizeof(*r));
	r->version.epoch = 9;
	r->version.list_number = 1;
	r->issued = NOW;
	memset(r->serial, 0x51, sizeof(r->serial));
	memset(r->parent, 0x70, sizeof(r->parent));
	r->n_members = 3;
	r->members = calloc(3, sizeof(*r->members));
	r->members[0] = numbered_member(1);
	r->members[0].flags = PPN_MEMBER_SEAT;
	r->members[0].posture = PPN_POSTURE_NONE;
	memset(r->members[0].serial, 0x51, PPN_SERIAL_LEN);
	r->members[1] = numbered_member(100);
	strcpy(r->members[1].roles, "web,db");
	r->members[1].n_endpoints = 2;
	r->members[1].endpoint[1] = endpoint_of("::ffff:192.0.2.7", 51820);
	r->members[2] = numbered_member(200);
	r->members[2].posture = PPN_POSTURE_CLOUD;
	r->members[2].n_endpoints = 0;
	memset(r->members[2].endpoint, 0, sizeof(r->members[2].endpoint));
	r->n_revoked = 2;
	r->revoked = calloc(2, sizeof(*r->revoked));
	memset(r->revoked[0], 0x11, PPN_KEY_LEN);
	memset(r->revoked[1], 0x22, PPN_KEY_LEN);
	roster_policy(r);
}

static inline size_t roster_object(uint8_t ret[static ROSTER_ROOM], const struct ppn_roster *r)
{
	uint8_t seed[32];
	ssize_t len;

	secret_of(seed, "seat");
	len = ppn_roster_write(ret, ROSTER_ROOM, r, test_fleet, seed);
	assert(len > 0);
	return (size_t)len;
}

static inline bool refuses_to_sign(const struct ppn_roster *r)
{
	uint8_t object[ROSTER_ROOM], zeros[ROSTER_ROOM] = { 0 }, seed[32];
	size_t tail = PPN_SIG_LEN;

	memset(object, 0, sizeof(object));
	secret_of(seed, "seat");
	return ppn_roster_write(object, sizeof(object), r, test_fleet, seed) < 0 &&
	       memcmp(object, zeros, tail) == 0;
}

static inline bool signed_by_seat(const struct ppn_object_view *view)
{
	uint8_t key[PPN_KEY_LEN];

	sign_key_of(key, "seat");
	return ppn_object_verify(view, test_fleet, key);
}

/* A writer of its own, told by ppn/wire.h alone; it signs whatever it is given. */
struct pen {
	uint8_t *at;
	uint8_t minor;
	int where; /* of a later minor's bytes: 0 members, 1 rows, 2 the end */
};

static inline void pen_put(struct pen *pen, const void *data, size_t len)
{
	memcpy(pen->at, data, len);
	pen->at += len;
}

static inline void pen_u16(struct pen *pen, size_t value)
{
	__be16 wire = htobe16((uint16_t)value);

	pen_put(pen, &wire, sizeof(wire));
}

static inline void pen_member(struct pen *pen, const struct ppn_member *m)
{
	static const uint8_t later[] = "later";
	size_t n_endpoints = m->n_endpoints <= PPN_ENDPOINTS_MAX ? m->n_endpoints :
								   PPN_ENDPOINTS_MAX;
	size_t extra = pen->where == 0 ? sizeof(later) : 0;
	struct ppn_member_head head = {
		.number = htobe32(m->number),
		.flags = m->flags,
		.posture = (uint8_t)m->posture,
		.name_len = (uint8_t)strlen(m->name),
		.roles_len = (uint8_t)strlen(m->roles),
		.n_endpoints = m->n_endpoints,
	};

	memcpy(head.identity, m->identity, PPN_KEY_LEN);
	memcpy(head.wg_key, m->wg_key, PPN_KEY_LEN);
	memcpy(head.serial, m->serial, PPN_SERIAL_LEN);
	pen_u16(pen, sizeof(head) + head.name_len + head.roles_len +
			     n_endpoints * sizeof(struct ppn_endpoint) + extra);
	pen_put(pen, &head, sizeof(head));
	pen_put(pen, m->name, head.name_len);
	pen_put(pen, m->roles, head.roles_len);
	pen_put(pen, m->endpoint, n_endpoints * sizeof(struct ppn_endpoint));
	pen_put(pen, later, extra);
}

static inline void pen_rows(struct pen *pen, const void *rows, size_t n, size_t size)
{
	size_t extra = pen->where == 1 ? 3 : 0;

	pen_u16(pen, n);
	pen_u16(pen, size + extra);
	for (size_t i = 0; i < n; i++) {
		pen_put(pen, (const uint8_t *)rows + i * size, size);
		pen_put(pen, "abc", extra);
	}
}

static inline size_t roster_pen(uint8_t *ret, const struct ppn_roster *r, uint8_t minor, int where)
{
	struct pen pen = { ret, minor, where };
	struct ppn_roster_policy policy = { .flags = htobe32(r->policy_flags),
					    .confirm_s = htobe16(r->confirm_s) };
	struct ppn_roster_body body = {
		.head = { .kind = PPN_OBJECT_ROSTER, .major = 1, .minor = minor },
		.generation = htobe32(r->version.generation),
		.list_number = htobe32(r->version.list_number),
		.epoch = htobe64(r->version.epoch),
		.issued = htobe64(r->issued),
		.n_members = htobe32(r->n_members),
		.n_revoked = htobe32(r->n_revoked),
	};
	uint8_t seed[32];
	ssize_t len;

	memcpy(body.serial, r->serial, PPN_SERIAL_LEN);
	memcpy(body.parent, r->parent, PPN_HASH_LEN);
	pen.at += sizeof(body);
	for (uint32_t i = 0; i < r->n_members; i++)
		pen_member(&pen, &r->members[i]);
	for (uint32_t i = 0; i < r->n_revoked; i++)
		pen_put(&pen, r->revoked[i], PPN_KEY_LEN);
	pen_rows(&pen, r->open, r->n_open, sizeof(*r->open));
	pen_rows(&pen, r->flows, r->n_flows, sizeof(*r->flows));
	pen_rows(&pen, r->egress, r->n_egress, sizeof(*r->egress));
	pen_rows(&pen, r->underlay, r->n_underlay, sizeof(*r->underlay));
	pen_put(&pen, &policy, sizeof(policy));
	if (where == 2)
		pen_put(&pen, "later", 5);
	body.head.len = htobe32((uint32_t)(pen.at - ret));
	memcpy(ret, &body, sizeof(body));
	secret_of(seed, "seat");
	len = ppn_object_finish(ret, ROSTER_ROOM, (struct ppn_bytes){ ret, (size_t)(pen.at - ret) },
				test_fleet, seed);
	assert(len > 0);
	return (size_t)len;
}

static inline size_t roster_forge(uint8_t ret[static ROSTER_ROOM], const struct ppn_roster *r)
{
	return roster_pen(ret, r, 0, -1);
}

static inline size_t roster_forge_minor(uint8_t ret[static ROSTER_ROOM], const struct ppn_roster *r,
					uint8_t minor, int where)
{
	return roster_pen(ret, r, minor, where);
}

#define SAME_ROWS(a, b, rows, n) \
	((a)->n == (b)->n &&     \
	 (!(a)->n || memcmp((a)->rows, (b)->rows, (a)->n * sizeof(*(a)->rows)) == 0))

static inline bool same_members(const struct ppn_roster *a, const struct ppn_roster *b)
{
	for (uint32_t i = 0; i < a->n_members; i++) {
		const struct ppn_member *m = &a->members[i], *n = &b->members[i];

		if (m->number != n->number || m->flags != n->flags || m->posture != n->posture ||
		    strcmp(m->name, n->name) != 0 || strcmp(m->roles, n->roles) != 0 ||
		    memcmp(m->identity, n->identity, PPN_KEY_LEN) != 0 ||
		    memcmp(m->wg_key, n->wg_key, PPN_KEY_LEN) != 0 ||
		    memcmp(m->serial, n->serial, PPN_SERIAL_LEN) != 0 ||
		    m->n_endpoints != n->n_endpoints ||
		    memcmp(m->endpoint, n->endpoint, m->n_endpoints * sizeof(m->endpoint[0])) != 0)
			return false;
	}
	return true;
}

static inline bool same_roster(const struct ppn_roster *a, const struct ppn_roster *b)
{
	return ppn_roster_compare(&a->version, &b->version) == 0 &&
	       memcmp(a->serial, b->serial, PPN_SERIAL_LEN) == 0 &&
	       memcmp(a->parent, b->parent, PPN_HASH_LEN) == 0 && a->issued == b->issued &&
	       a->n_members == b->n_members && same_members(a, b) &&
	       SAME_ROWS(a, b, revoked, n_revoked) && SAME_ROWS(a, b, open, n_open) &&
	       SAME_ROWS(a, b, flows, n_flows) && SAME_ROWS(a, b, egress, n_egress) &&
	       SAME_ROWS(a, b, underlay, n_underlay) && a->policy_flags == b->policy_flags &&
	       a->confirm_s == b->confirm_s;
}

#endif
