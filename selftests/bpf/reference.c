// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <string.h>
#include "lib/crypto.h"
#include "reference.h"

struct datagram {
	struct reference_world *w;
	bool out;
	unsigned int version;
	unsigned int proto, hop_limit;
	const uint8_t *source, *destination; /* 4 or 16 bytes */
	const uint8_t *at; /* what follows the IP headers */
	size_t len;
	bool alert;
};

static struct reference_verdict drop(enum ppn_reason reason)
{
	return (struct reference_verdict){ false, reason };
}

static struct reference_verdict pass(enum ppn_reason reason)
{
	return (struct reference_verdict){ true, reason };
}

static unsigned int number16(const uint8_t *p)
{
	return p[0] * 256u + p[1];
}

static uint32_t number32(const uint8_t *p)
{
	return (uint32_t)number16(p) << 16 | number16(p + 2);
}

static uint64_t number64(const uint8_t *p)
{
	uint64_t n = 0;

	for (int i = 0; i < 8; i++)
		n = n * 256 + p[i];
	return n;
}

static bool bits_equal(const uint8_t *a, const uint8_t *b, unsigned int bits)
{
	for (unsigned int i = 0; i < bits; i++)
		if ((a[i / 8] ^ b[i / 8]) & (0x80 >> i % 8))
			return false;
	return true;
}

static bool same(const void *a, const void *b, size_t len)
{
	return memcmp(a, b, len) == 0;
}

static bool all_zero(const uint8_t *p, size_t len)
{
	while (len && !*p) {
		p++;
		len--;
	}
	return !len;
}

static bool link_local(const uint8_t *address)
{
	return address[0] == 0xfe && address[1] >= 0x80 && address[1] <= 0xbf;
}

static bool unspecified(const uint8_t *address)
{
	return all_zero(address, 16);
}

static bool in_fleet(const struct reference_world *w, const uint8_t *address)
{
	return w->fleet && same(address, w->fleet_prefix, sizeof(w->fleet_prefix));
}

static bool solicited_node(const uint8_t *address)
{
	static const uint8_t prefix[13] = { 0xff, 0x02, [11] = 1, [12] = 0xff };

	return same(address, prefix, sizeof(prefix));
}

static bool unclaimed(const struct reference_world *w)
{
	return w->column == PPN_COLUMN_BLIND || w->column == PPN_COLUMN_HOLDING;
}

/* A segment that asks for a connection: SYN set, ACK, RST and FIN not. */
static bool asks(const struct datagram *d)
{
	return d->proto == 6 && (d->at[13] & 0x17) == 0x02;
}

/* -- the row of open and rescue ports -- */

static bool address_allowed(const struct reference_port *port, bool v4, const uint8_t *address)
{
	for (unsigned int i = 0; i < port->n; i++)
		if (port->prefix[i].v4 == v4 &&
		    bits_equal(port->prefix[i].addr, address, port->prefix[i].len))
			return true;
	return !port->n;
}

/* number: our port. other: the other side's address. */
static struct reference_verdict opened(const struct datagram *d, unsigned int number,
				       const uint8_t *other)
{
	const struct reference_world *w = d->w;
	const struct reference_port *port = NULL;

	for (size_t i = 0; i < w->n_ports; i++)
		if (w->port[i].proto == d->proto && w->port[i].port == number)
			port = &w->port[i];
	if (!port || w->column == PPN_COLUMN_BLIND)
		return drop(PPN_REASON_PORT_SHUT);
	if (!port->rescue && w->column == PPN_COLUMN_HOLDING)
		return drop(PPN_REASON_PORT_SHUT);
	if (!port->rescue && (w->column == PPN_COLUMN_ISOLATED || w->isolated))
		return drop(PPN_REASON_ISOLATED);
	if (!address_allowed(port, d->version == 4, other))
		return drop(PPN_REASON_PORT_SOURCE);
	return pass(port->rescue ? PPN_REASON_PASS_RESCUE : PPN_REASON_PASS_OPEN);
}

/* -- the rows of flows: what may come in of one, and what it does to it -- */

static struct reference_flow *find_flow(struct reference_world *w, unsigned int proto, bool v4,
					const uint8_t *ours, unsigned int our_port,
					const uint8_t *theirs, unsigned int their_port)
{
	const size_t len = v4 ? 4 : 16;

	for (size_t i = 0; i < w->n_flows; i++) {
		struct reference_flow *f = &w->flow[i];

		if (f->proto == proto && f->v4 == v4 && f->our_port == our_port &&
		    f->their_port == their_port && same(f->ours, ours, len) &&
		    same(f->theirs, theirs, len))
			return f;
	}
	return NULL;
}

static bool isolated(const struct reference_world *w)
{
	return w->column == PPN_COLUMN_ISOLATED || w->isolated;
}

/* Does the egress list name its other side? */
static bool listed(const struct reference_world *w, const struct reference_flow *f)
{
	for (size_t i = 0; i < w->n_rules; i++) {
		const struct reference_port *rule = &w->rule[i];

		if (!rule->over && rule->proto == f->proto &&
		    (!rule->port || rule->port == f->their_port) &&
		    address_allowed(rule, f->v4, f->theirs))
			return true;
	}
	return false;
}

/* One whose rule is over may have another. */
static bool allowed(const struct reference_world *w, struct reference_flow *f)
{
	f->shut = f->shut && !listed(w, f);
	return !f->shut;
}

static struct reference_verdict flow_segment(struct reference_flow *f, const uint8_t *tcp)
{
	const uint32_t seq = number32(tcp + 4), ack = number32(tcp + 8);
	const bool has_fin = tcp[13] & 1, has_syn = tcp[13] & 2, has_rst = tcp[13] & 4,
		   has_ack = tcp[13] & 16;
	/* Neither before what we acknowledged nor a window above it. */
	const bool plausible = (uint32_t)(seq - f->ack) < 65536;

	if (f->state == PPN_FLOW_SENT) {
		/* RFC 9293 3.10.7.3: it acknowledges our SYN, and accepts or refuses. */
		if (!has_ack || ack != (uint32_t)(f->isn + 1) || has_fin || has_syn == has_rst)
			return drop(PPN_REASON_FLOW_BAD);
		f->state = has_syn ? PPN_FLOW_OPEN : PPN_FLOW_CLOSED;
		return pass(PPN_REASON_PASS_FLOW);
	}
	if (has_syn)
		return has_ack && ack == (uint32_t)(f->isn + 1) && !has_rst && !has_fin ?
			       pass(PPN_REASON_PASS_FLOW) :
			       drop(PPN_REASON_FLOW_BAD);
	if (has_rst) {
		if (plausible)
			f->state = PPN_FLOW_CLOSED;
		return pass(PPN_REASON_PASS_FLOW);
	}
	/* A FIN alone ends nothing: the node's own acknowledgement of it does. */
	return has_ack ? pass(PPN_REASON_PASS_FLOW) : drop(PPN_REASON_FLOW_BAD);
}

/* Where no other row passes it. */
static struct reference_verdict flow_or(const struct datagram *d,
					struct reference_verdict otherwise)
{
	struct reference_world *w = d->w;
	struct reference_flow *f = find_flow(w, d->proto, d->version == 4, d->destination,
					     number16(d->at + 2), d->source, number16(d->at));

	if (otherwise.pass || !f || !w->keeps_flows ||
	    (w->column != PPN_COLUMN_BOUND && w->column != PPN_COLUMN_ISOLATED))
		return otherwise;
	if (f->timed_out)
		return otherwise;
	if (isolated(w))
		return drop(PPN_REASON_ISOLATED);
	if (!allowed(w, f))
		return drop(PPN_REASON_EGRESS_SHUT);
	if (d->proto == 6)
		return flow_segment(f, d->at);
	f->state = PPN_FLOW_OPEN;
	return pass(PPN_REASON_PASS_FLOW);
}

/* An ICMP error: it quotes an IP header without options, sent by whom it comes to, and eight bytes more. */
static struct reference_verdict error(const struct datagram *d, bool too_big)
{
	struct reference_world *w = d->w;
	const bool v4 = d->version == 4;
	const size_t header = v4 ? 20 : 40;
	const uint8_t *ip = d->at + 8, *l4 = ip + header;
	struct reference_flow *f;
	unsigned int proto;

	if (d->len < 8 + header + 8 || (v4 ? ip[0] != 0x45 : ip[0] >> 4 != 6))
		return drop(PPN_REASON_ICMP);
	if (v4 && ((ip[6] & 0x3f) || ip[7]))
		return drop(PPN_REASON_ICMP);
	proto = v4 ? ip[9] : ip[6];
	if (!same(v4 ? ip + 12 : ip + 8, d->destination, v4 ? 4 : 16))
		return drop(PPN_REASON_ICMP);
	f = find_flow(w, proto, v4, d->destination, number16(l4), v4 ? ip + 16 : ip + 24,
		      number16(l4 + 2));
	if (!f || f->timed_out || !w->keeps_flows || isolated(w) || w->column != PPN_COLUMN_BOUND ||
	    !allowed(w, f))
		return drop(PPN_REASON_ICMP);
	return pass(too_big ? PPN_REASON_PASS_PTB : PPN_REASON_PASS_FLOW_ERROR);
}

/* -- discovery -- */

static struct reference_verdict beacon(const struct datagram *d, const uint8_t *head, size_t len)
{
	const struct reference_world *w = d->w;
	uint8_t tag[8];

	if (len <= 48 || d->version != 6 || d->hop_limit != 255 || !link_local(d->source))
		return drop(PPN_REASON_BEACON_BAD);
	if (!w->pinned)
		return drop(PPN_REASON_BEACON_NO_PIN);
	ppn_siphash(tag, w->gate_key, head, 40);
	if (!same(tag, head + 40, 8))
		return drop(PPN_REASON_BEACON_BAD);
	if (same(head + 8, w->floor_serial, 16) && number64(head + 24) <= w->floor_ms)
		return drop(PPN_REASON_BEACON_OLD);
	return drop(PPN_REASON_BEACON);
}

static struct reference_verdict discovery(const struct datagram *d, const uint8_t *head, size_t len)
{
	if (len < 8 || !same(head, "ppn1\x01", 5) || number16(head + 6) != len ||
	    len > PPN_DISCOVERY_MAX)
		return drop(PPN_REASON_BEACON_BAD);
	if (head[5] == PPN_PACKET_KNOCK)
		return drop(PPN_REASON_KNOCK);
	if (head[5] == PPN_PACKET_BEACON)
		return beacon(d, head, len);
	if (head[5] != PPN_PACKET_HERE)
		return drop(PPN_REASON_BEACON_BAD);
	if (d->w->seat && d->w->column != PPN_COLUMN_BLIND && d->version == 6 &&
	    link_local(d->source) && len == PPN_HERE_LEN)
		return pass(PPN_REASON_PASS_HERE);
	return drop(PPN_REASON_HERE);
}

/* -- DHCP -- */

static struct reference_verdict dhcp4(const struct datagram *d, const uint8_t *m, size_t len)
{
	const struct reference_world *w = d->w;

	if (w->underlay == PPN_UNDERLAY_DHCP && w->lease && len >= 240 && m[0] == 2 && m[1] == 1 &&
	    m[2] == 6 && same(m + 4, w->lease_xid4, 4) && same(m + 28, w->lease_mac, 6) &&
	    same(m + 236, "\x63\x82\x53\x63", 4))
		return pass(PPN_REASON_PASS_DHCP);
	return drop(PPN_REASON_DHCP);
}

static struct reference_verdict dhcp6(const struct datagram *d, const uint8_t *m, size_t len)
{
	const struct reference_world *w = d->w;

	if (w->underlay == PPN_UNDERLAY_DHCP && w->lease && len >= 4 && (m[0] == 2 || m[0] == 7) &&
	    same(m + 1, w->lease_xid6, 3) && link_local(d->source) &&
	    same(d->destination, w->lease_source6, 16))
		return pass(PPN_REASON_PASS_DHCP);
	return drop(PPN_REASON_DHCP);
}

/* -- traffic out: its own rows -- */

/* A segment of ours in a flow that is there: our kernel is right, so it passes, and says how the flow stands. */
static void segment_out(struct reference_flow *f, const uint8_t *tcp)
{
	const bool has_fin = tcp[13] & 1, has_rst = tcp[13] & 4, has_ack = tcp[13] & 16;

	if (has_rst) {
		f->state = PPN_FLOW_CLOSED;
		return;
	}
	if (has_ack)
		f->ack = number32(tcp + 8);
	if (has_fin && !f->finished) {
		f->finished = true;
		f->state = PPN_FLOW_CLOSING;
	} else if (f->state == PPN_FLOW_CLOSED) {
		/* It goes on: whatever reset it was not taken. */
		f->state = f->finished ? PPN_FLOW_CLOSING : PPN_FLOW_OPEN;
	}
}

/* old: where one lies already, or NULL. */
static struct reference_verdict begin_flow(const struct datagram *d, struct reference_flow *old)
{
	const size_t len = d->version == 4 ? 4 : 16;
	struct reference_world *w = d->w;
	struct reference_flow f = {
		.proto = (uint8_t)d->proto,
		.v4 = d->version == 4,
		.our_port = (uint16_t)number16(d->at),
		.their_port = (uint16_t)number16(d->at + 2),
		.state = PPN_FLOW_SENT,
		.isn = d->proto == 6 ? number32(d->at + 4) : 0,
	};

	memcpy(f.ours, d->source, len);
	memcpy(f.theirs, d->destination, len);
	if (!listed(w, &f))
		return drop(PPN_REASON_EGRESS_SHUT);
	if (!old && w->n_flows == REFERENCE_FLOWS)
		return drop(PPN_REASON_FLOW_FULL);
	*(old ? old : &w->flow[w->n_flows++]) = f;
	return pass(PPN_REASON_PASS_EGRESS);
}

static struct reference_verdict flow_out_or(const struct datagram *d,
					    struct reference_verdict otherwise)
{
	struct reference_world *w = d->w;
	struct reference_flow *f = find_flow(w, d->proto, d->version == 4, d->source,
					     number16(d->at), d->destination, number16(d->at + 2));
	bool live;

	if (otherwise.pass || !w->keeps_flows || unclaimed(w))
		return otherwise;
	if (isolated(w))
		return drop(PPN_REASON_ISOLATED);
	live = f && !f->timed_out;
	if (live && !allowed(w, f))
		return drop(PPN_REASON_EGRESS_SHUT);
	/* Another first number, another connection. */
	if (live && !(asks(d) && number32(d->at + 4) != f->isn)) {
		if (d->proto == 6)
			segment_out(f, d->at);
		return pass(PPN_REASON_PASS_FLOW);
	}
	return d->proto == 17 || asks(d) ? begin_flow(d, f) : otherwise;
}

static struct reference_verdict discovery_out(const struct datagram *d, const uint8_t *head,
					      size_t len)
{
	const struct reference_world *w = d->w;

	if (len < 8 || !same(head, "ppn1\x01", 5) || number16(head + 6) != len ||
	    len > PPN_DISCOVERY_MAX)
		return drop(PPN_REASON_PORT_SHUT);
	switch (head[5]) {
	case PPN_PACKET_BEACON:
	case PPN_PACKET_KNOCK:
		return w->seat && w->column != PPN_COLUMN_BLIND ? pass(PPN_REASON_PASS_BEACON) :
								  drop(PPN_REASON_NO_SEAT);
	case PPN_PACKET_HERE:
		/* From link-local to link-local: an authority on this link. */
		return w->column != PPN_COLUMN_BLIND && d->version == 6 && link_local(d->source) &&
				       link_local(d->destination) && len == PPN_HERE_LEN ?
			       pass(PPN_REASON_PASS_HERE) :
			       drop(PPN_REASON_HERE);
	default:
		return drop(PPN_REASON_PORT_SHUT);
	}
}

static struct reference_verdict dhcp4_out(const struct datagram *d, const uint8_t *m, size_t len)
{
	return d->w->underlay == PPN_UNDERLAY_DHCP && len >= 240 && m[0] == 1 && m[1] == 1 &&
			       m[2] == 6 && same(m + 236, "\x63\x82\x53\x63", 4) ?
		       pass(PPN_REASON_PASS_DHCP) :
		       drop(PPN_REASON_DHCP);
}

/* RFC 8415 7.3: solicit, request, confirm, renew, rebind, release, decline. */
static struct reference_verdict dhcp6_out(const struct datagram *d, const uint8_t *m, size_t len)
{
	return d->w->underlay == PPN_UNDERLAY_DHCP && len >= 4 && link_local(d->source) && m[0] &&
			       memchr("\1\3\4\5\6\10\11", m[0], 7) ?
		       pass(PPN_REASON_PASS_DHCP) :
		       drop(PPN_REASON_DHCP);
}

static struct reference_verdict udp_out(const struct datagram *d)
{
	const struct reference_world *w = d->w;
	const unsigned int from = number16(d->at), to = number16(d->at + 2);

	if (from == w->wg_port)
		return unclaimed(w) ? drop(PPN_REASON_WG_SHUT) : pass(PPN_REASON_PASS_WG);
	if (to == w->discovery_port)
		return discovery_out(d, d->at + 8, d->len - 8);
	if (d->version == 4 && from == 68 && to == 67)
		return dhcp4_out(d, d->at + 8, d->len - 8);
	if (d->version == 6 && from == 546 && to == 547)
		return dhcp6_out(d, d->at + 8, d->len - 8);
	return flow_out_or(d, opened(d, from, d->destination));
}

/* Replies of ports that are open, and of the claim port the answer to a SYN; a reset is of no connection. */
static struct reference_verdict tcp_out(const struct datagram *d)
{
	const struct reference_world *w = d->w;
	const bool reset = d->at[13] & 4, accepts = (d->at[13] & 0x17) == 0x12;

	if (number16(d->at) == w->claim_port) {
		if (w->column == PPN_COLUMN_HOLDING && w->claim_open && accepts)
			return pass(PPN_REASON_PASS_SYN);
		return drop(reset ? PPN_REASON_RST : PPN_REASON_CLAIM_NO_SOCKET);
	}
	if (reset)
		return flow_out_or(d, drop(PPN_REASON_RST));
	if (asks(d))
		return flow_out_or(d, drop(PPN_REASON_PORT_SHUT));
	return flow_out_or(d, opened(d, number16(d->at), d->destination));
}

/* -- transports -- */

static struct reference_verdict udp(const struct datagram *d)
{
	const struct reference_world *w = d->w;
	unsigned int from, to;

	if (d->len < 8 || number16(d->at + 4) != d->len)
		return drop(PPN_REASON_L4_HEADER);
	from = number16(d->at);
	to = number16(d->at + 2);
	if (!from || !to)
		return drop(PPN_REASON_L4_HEADER);
	if (d->out)
		return udp_out(d);
	if (to == w->wg_port)
		return w->column == PPN_COLUMN_BOUND || w->column == PPN_COLUMN_ISOLATED ?
			       pass(PPN_REASON_PASS_WG) :
			       drop(PPN_REASON_WG_SHUT);
	if (to == w->discovery_port)
		return discovery(d, d->at + 8, d->len - 8);
	if (d->version == 4 && from == 67 && to == 68)
		return dhcp4(d, d->at + 8, d->len - 8);
	if (d->version == 6 && from == 547 && to == 546)
		return dhcp6(d, d->at + 8, d->len - 8);
	return flow_or(d, opened(d, to, d->source));
}

static struct reference_verdict tcp(const struct datagram *d)
{
	const struct reference_world *w = d->w;
	if (d->len < 20 || d->at[12] >> 4 < 5 || (d->at[12] >> 4) * 4u > d->len ||
	    !number16(d->at) || !number16(d->at + 2))
		return drop(PPN_REASON_L4_HEADER);
	if (d->out)
		return tcp_out(d);
	if (number16(d->at + 2) != w->claim_port)
		return flow_or(d, opened(d, number16(d->at + 2), d->source));
	if (!asks(d))
		return drop(PPN_REASON_CLAIM_NO_SOCKET);
	if (w->column == PPN_COLUMN_HOLDING && w->claim_open)
		return pass(PPN_REASON_PASS_SYN);
	return drop(PPN_REASON_CLAIM_SHUT);
}

/* RFC 4861: options from `from` on are whole, have a length, and are at most sixteen. */
static bool options_sound(const struct datagram *d, size_t from, bool no_source_link)
{
	const uint8_t *end = d->at + d->len;
	int n = 0;

	for (const uint8_t *o = d->at + from; o < end; o += o[1] * 8) {
		if (++n > 16 || end - o < 8 || !o[1] || o[1] * 8 > end - o)
			return false;
		if (no_source_link && o[0] == 1)
			return false;
	}
	return true;
}

static bool neighbour_sound(const struct datagram *d)
{
	const bool solicits = d->at[0] == 135, probe = solicits && unspecified(d->source);

	if (d->hop_limit != 255 || d->at[1] || d->len < 24 || d->at[8] == 0xff)
		return false;
	if (probe && !solicited_node(d->destination))
		return false;
	if (!solicits && d->destination[0] == 0xff && d->at[4] & 0x40)
		return false;
	return options_sound(d, 24, probe);
}

/* DESIGN 8.1: before a claim the groups of neighbour discovery, and no report that names none. */
static bool names_solicited_only(const struct datagram *d)
{
	const size_t n = d->len < 24 ? 0 : number16(d->at + 6);

	if (d->at[0] != 143)
		return d->len >= 24 && solicited_node(d->at + 8);
	if (!n || n > 64 || d->len != 8 + 20 * n)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!solicited_node(d->at + 8 + 20 * i + 4))
			return false;
	return true;
}

static struct reference_verdict solicitation(const struct datagram *d)
{
	if (d->w->underlay != PPN_UNDERLAY_SLAAC)
		return drop(PPN_REASON_RA);
	if (d->hop_limit == 255 && !d->at[1] && options_sound(d, 8, unspecified(d->source)))
		return pass(PPN_REASON_PASS_RA);
	return drop(PPN_REASON_ND_BAD);
}

static struct reference_verdict mld(const struct datagram *d)
{
	const unsigned int type = d->at[0];
	const bool sound = d->alert && d->hop_limit == 1 && d->len >= (type == 143 ? 8u : 24u) &&
			   d->destination[0] == 0xff;

	if (!sound || !(link_local(d->source) || (type != 130 && unspecified(d->source))))
		return drop(PPN_REASON_MLD_BAD);
	if (d->out && unclaimed(d->w) && !names_solicited_only(d))
		return drop(PPN_REASON_MLD_GROUP);
	return pass(PPN_REASON_PASS_MLD);
}

static struct reference_verdict advertisement(const struct datagram *d)
{
	if (d->w->underlay != PPN_UNDERLAY_SLAAC)
		return drop(PPN_REASON_RA);
	if (d->hop_limit == 255 && !d->at[1] && d->len >= 16 && link_local(d->source) &&
	    options_sound(d, 16, false))
		return pass(PPN_REASON_PASS_RA);
	return drop(PPN_REASON_ND_BAD);
}

static struct reference_verdict icmp6(const struct datagram *d)
{
	if (d->len < 8)
		return drop(PPN_REASON_L4_HEADER);
	switch (d->at[0]) {
	case 130:
	case 131:
	case 132:
	case 143:
		return mld(d);
	default:
		if (d->alert)
			return drop(PPN_REASON_EXTENSION);
	}
	switch (d->at[0]) {
	case 133:
		return d->out ? solicitation(d) : drop(PPN_REASON_RA);
	case 134:
		return d->out ? drop(PPN_REASON_RA) : advertisement(d);
	case 135:
	case 136:
		if (!neighbour_sound(d))
			return drop(PPN_REASON_ND_BAD);
		if (in_fleet(d->w, d->at + 8))
			return drop(PPN_REASON_MESH_OUTSIDE);
		return pass(PPN_REASON_PASS_ND);
	case 1:
	case 2:
	case 3:
	case 4:
		return d->out ? drop(PPN_REASON_ICMP) : error(d, d->at[0] == 2);
	default:
		return drop(PPN_REASON_ICMP);
	}
}

/* -- IP -- */

/* Whole options, no source route (131, 137). */
static bool options4_sound(const uint8_t *o, size_t len)
{
	while (len && o[0]) {
		size_t step = 1;

		if (o[0] != 1) {
			if (len < 2 || o[1] < 2 || o[1] > len || o[0] == 131 || o[0] == 137)
				return false;
			step = o[1];
		}
		o += step;
		len -= step;
	}
	return true;
}

static struct reference_verdict ip4(struct datagram *d, const uint8_t *ip, size_t len)
{
	size_t header, total;

	if (len < 20)
		return drop(PPN_REASON_SHORT);
	header = (ip[0] & 15) * 4u;
	total = number16(ip + 2);
	if (ip[0] >> 4 != 4 || header < 20 || total < header)
		return drop(PPN_REASON_IP_HEADER);
	if (total > len)
		return drop(PPN_REASON_SHORT);
	if ((ip[6] & 0x20) || (ip[6] & 0x1f) || ip[7])
		return drop(PPN_REASON_FRAGMENT);
	if (!options4_sound(ip + 20, header - 20))
		return drop(PPN_REASON_IP_OPTION);
	d->version = 4;
	d->proto = ip[9];
	d->source = ip + 12;
	d->destination = ip + 16;
	d->at = ip + header;
	d->len = total - header;
	if (d->proto == 6)
		return tcp(d);
	if (d->proto == 17)
		return udp(d);
	if (d->proto != 1)
		return drop(PPN_REASON_PROTOCOL);
	if (d->out)
		return drop(PPN_REASON_ICMP);
	if (d->len < 8)
		return drop(PPN_REASON_L4_HEADER);
	if (d->at[0] == 3 || d->at[0] == 11 || d->at[0] == 12)
		return error(d, d->at[0] == 3 && d->at[1] == 4);
	return drop(PPN_REASON_ICMP);
}

/* The one hop-by-hop header there may be. */
static struct reference_verdict alert6(struct datagram *d)
{
	static const uint8_t first[8] = { 58, 0, 5, 2, 0, 0, 1, 0 };
	static const uint8_t last[8] = { 58, 0, 1, 0, 5, 2, 0, 0 };

	if (d->len < 8)
		return drop(PPN_REASON_SHORT);
	if (!same(d->at, first, 8) && !same(d->at, last, 8))
		return drop(PPN_REASON_EXTENSION);
	d->alert = true;
	d->proto = 58;
	d->at += 8;
	d->len -= 8;
	return icmp6(d);
}

static struct reference_verdict ip6(struct datagram *d, const uint8_t *ip, size_t len)
{
	/* IANA's list of extension headers; 0 is asked below. */
	static const uint8_t extensions[] = { 43, 44, 50, 51, 59, 60, 135, 139, 140, 253, 254 };

	if (len < 40)
		return drop(PPN_REASON_SHORT);
	if (ip[0] >> 4 != 6)
		return drop(PPN_REASON_IP_HEADER);
	d->len = number16(ip + 4);
	if (d->len > len - 40)
		return drop(PPN_REASON_SHORT);
	if ((all_zero(ip + 8, 10) && number16(ip + 18) == 0xffff) ||
	    (all_zero(ip + 24, 10) && number16(ip + 34) == 0xffff))
		return drop(PPN_REASON_IP_HEADER);
	d->version = 6;
	d->proto = ip[6];
	d->hop_limit = ip[7];
	d->source = ip + 8;
	d->destination = ip + 24;
	d->at = ip + 40;
	if (in_fleet(d->w, d->source) || in_fleet(d->w, d->destination))
		return drop(PPN_REASON_MESH_OUTSIDE);
	switch (d->proto) {
	case 6:
		return tcp(d);
	case 17:
		return udp(d);
	case 58:
		return icmp6(d);
	case 0:
		return alert6(d);
	default:
		return drop(memchr(extensions, (int)d->proto, sizeof(extensions)) ?
				    PPN_REASON_EXTENSION :
				    PPN_REASON_PROTOCOL);
	}
}

/* -- the link -- */

static struct reference_verdict arp(const uint8_t *m, size_t len)
{
	if (len < 28)
		return drop(PPN_REASON_SHORT);
	if (!same(m, "\x00\x01\x08\x00\x06\x04\x00", 7) || (m[7] != 1 && m[7] != 2))
		return drop(PPN_REASON_ARP_BAD);
	return pass(PPN_REASON_PASS_ARP);
}

static bool is_tag(const uint8_t *type)
{
	return number16(type) == 0x8100 || number16(type) == 0x88a8;
}

static struct reference_verdict judge(struct reference_world *w, const uint8_t *frame, size_t len,
				      bool out)
{
	struct datagram d = { .w = w, .out = out };
	size_t at = 12;

	/* Nothing that passes is shorter than Ethernet with two tags. */
	if (len < 22)
		return drop(PPN_REASON_SHORT);
	for (int tags = 0; is_tag(frame + at); at += 4)
		if (++tags > 2)
			return drop(PPN_REASON_VLAN);
	switch (number16(frame + at)) {
	case 0x0800:
		return ip4(&d, frame + at + 2, len - at - 2);
	case 0x86dd:
		return ip6(&d, frame + at + 2, len - at - 2);
	case 0x0806:
		return arp(frame + at + 2, len - at - 2);
	case 0x8809:
		return w->lacp && len >= at + 10 && frame[at + 2] == 1 ?
			       pass(PPN_REASON_PASS_LACP) :
			       drop(PPN_REASON_ETHERTYPE);
	case 0x888e:
		return w->eapol && len >= at + 10 ? pass(PPN_REASON_PASS_EAPOL) :
						    drop(PPN_REASON_ETHERTYPE);
	default:
		return drop(PPN_REASON_ETHERTYPE);
	}
}

struct reference_verdict reference_seal(struct reference_world *w, const uint8_t *frame, size_t len)
{
	return judge(w, frame, len, false);
}

struct reference_verdict reference_egress(struct reference_world *w, const uint8_t *frame,
					  size_t len)
{
	return judge(w, frame, len, true);
}
