// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <arpa/inet.h>
#include <string.h>
#include "bodies.h"
#include "corpus.h"

/* -- chance: xorshift64* -- */

uint64_t corpus_state;

static uint32_t chance(uint32_t n)
{
	corpus_state ^= corpus_state >> 12;
	corpus_state ^= corpus_state << 25;
	corpus_state ^= corpus_state >> 27;
	return (uint32_t)((corpus_state * 0x2545f4914f6cdd1dULL) >> 32) % n;
}

#define PICK(list) list[chance(sizeof(list) / sizeof((list)[0]))]

/* -- worlds -- */

/* -- flows: a few, in any state -- */

enum { FLOWS = 6 };

static void set_address(struct reference_flow *f, uint8_t *ret, const char *text)
{
	(void)inet_pton(f->v4 ? AF_INET : AF_INET6, text, ret);
}

/* A flow whose rule is gone is of a generation before: harness_flow_put() gives it the present one. */
static void choose_flow(struct reference_flow *f, unsigned int i)
{
	static const uint16_t theirs[] = { 443, 53, 123 };

	*f = (struct reference_flow){
		.proto = chance(3) ? IPPROTO_TCP : IPPROTO_UDP,
		.v4 = i & 1,
		.our_port = (uint16_t)(40000 + i),
		.their_port = PICK(theirs),
		.isn = chance(2) ? 1000 : 0xffffffff,
		.ack = chance(2) ? 7000 : 0xfffffff0,
		.timed_out = !chance(6),
		.shut = !chance(6),
	};
	set_address(f, f->ours, f->v4 ? "192.0.2.1" : "2001:db8::1");
	set_address(f, f->theirs, f->v4 ? "192.0.2.7" : "2001:db8::7");
	f->state = PPN_FLOW_SENT + chance(f->proto == IPPROTO_TCP ? 4 : 2);
	f->finished = f->state == PPN_FLOW_CLOSING;
}

static void put_address(const struct reference_flow *f, uint8_t *ret, const uint8_t *address)
{
	if (f->v4)
		memset(ret + 10, 0xff, 2);
	memcpy(f->v4 ? ret + 12 : ret, address, f->v4 ? 4 : 16);
}

void corpus_flow_key(const struct reference_flow *f, struct ppn_flow_key *ret)
{
	*ret = (struct ppn_flow_key){
		.local_port = htons(f->our_port),
		.remote_port = htons(f->their_port),
		.proto = f->proto,
	};
	put_address(f, ret->local, f->ours);
	put_address(f, ret->remote, f->theirs);
}

/* over: a jiffy that lies in the past of any machine that is up. */
static void put_flow(struct harness *h, const struct reference_flow *f)
{
	struct ppn_flow_key key;
	const struct ppn_flow_value value = {
		.until = f->shut,
		.isn = f->isn,
		.state = (uint8_t)f->state,
		.fins = f->finished ? PPN_FLOW_FIN_OURS : 0,
		.ack = f->ack,
	};

	corpus_flow_key(f, &key);
	harness_flow_put(h, &key, &value, f->timed_out ? PPN_FLOW_TCP_OPEN + 1 : 0);
}

void corpus_world(struct reference_world *w)
{
	static const uint8_t fleet[6] = { 0xfd, 0x5c, 0x91, 0xa2, 0x77, 0xe0 };
	static const struct reference_port ports[] = {
		{ .proto = IPPROTO_TCP, .port = 443 },
		{ .proto = IPPROTO_UDP,
		  .port = 53,
		  .n = 1,
		  .prefix = { { true, { 192, 0, 2 }, 24 } } },
		{ .proto = IPPROTO_TCP,
		  .port = 22,
		  .rescue = true,
		  .n = 2,
		  .prefix = { { true, { 198, 51, 100 }, 25 },
			      { false, { 0x20, 0x01, 0x0d, 0xb8, 0, 5 }, 47 } } },
		{ .proto = IPPROTO_TCP, .port = 8443, .rescue = true },
	};
	static const struct reference_port rules[] = {
		{ .proto = IPPROTO_TCP, .port = 443 },
		{ .proto = IPPROTO_UDP,
		  .port = 53,
		  .n = 1,
		  .prefix = { { true, { 192, 0, 2 }, 24 } } },
		{ .proto = IPPROTO_UDP, .port = 123, .over = true },
		{ .proto = IPPROTO_TCP,
		  .port = 0,
		  .n = 2,
		  .prefix = { { true, { 198, 51, 100 }, 25 },
			      { false, { 0x20, 0x01, 0x0d, 0xb8, 0, 5 }, 47 } } },
	};

	*w = (struct reference_world){
		.column = (enum ppn_column)chance(4),
		.isolated = !chance(4),
		.seat = chance(2),
		.claim_open = chance(2),
		.pinned = chance(8),
		.fleet = chance(4),
		.claim_port = HARNESS_CLAIM,
		.wg_port = HARNESS_WG,
		.discovery_port = HARNESS_DISCOVERY,
		.underlay = (enum ppn_underlay)chance(_PPN_UNDERLAY_MAX),
		.lacp = chance(2),
		.eapol = chance(2),
		.lease = chance(2),
		.floor_ms = BODY_TIME,
	};
	memcpy(w->fleet_prefix, fleet, sizeof(fleet));
	memcpy(w->gate_key, harness_gate_key, sizeof(w->gate_key));
	memcpy(w->lease_mac, body_lease.mac, sizeof(w->lease_mac));
	memcpy(w->lease_xid4, body_lease.xid4, sizeof(w->lease_xid4));
	memcpy(w->lease_xid6, body_lease.xid6 + 1, sizeof(w->lease_xid6));
	memcpy(w->lease_source6, body_lease.source6, sizeof(w->lease_source6));
	memcpy(w->floor_serial, body_serial, sizeof(w->floor_serial));
	for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]); i++)
		if (chance(3))
			w->port[w->n_ports++] = ports[i];
	w->keeps_flows = chance(4);
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		if (chance(2))
			w->rule[w->n_rules++] = rules[i];
	w->n_flows = chance(FLOWS + 1);
	for (unsigned int i = 0; i < w->n_flows; i++)
		choose_flow(&w->flow[i], i);
}

/* Their prefixes, by how many they have. */
static const char *const prefixes[][2] = {
	{ NULL, NULL },
	{ "192.0.2.0/24", NULL },
	{ "198.51.100.0/25", "2001:db8:5::/47" },
};

/* Lines of the roster, and, where they hold for every port, of this node. */
static void put_rule(struct harness *h, const struct reference_port *rule)
{
	for (unsigned int i = 0; i < (rule->n ? rule->n : 1); i++)
		harness_egress(h, rule->proto, rule->port,
			       rule->port ? PPN_PORT_ROSTER : PPN_PORT_LOCAL, prefixes[rule->n][i],
			       rule->over ? -1 : 0);
}

void corpus_set(struct harness *h, const struct reference_world *w)
{
	harness_pin(h, w->pinned);
	harness_fleet(h, w->fleet);
	harness_isolate(h, w->isolated);
	harness_floor(h, body_serial, w->floor_ms);
	harness_policy(h, w->column,
		       (w->seat ? PPN_POLICY_SEAT : 0) | (w->claim_open ? PPN_POLICY_CLAIM : 0) |
			       (w->n_ports ? PPN_POLICY_PORTS : 0) |
			       (w->keeps_flows ? PPN_POLICY_EGRESS : 0));
	for (size_t i = 0; i < w->n_ports; i++)
		for (unsigned int j = 0; j < (w->port[i].n ? w->port[i].n : 1); j++)
			harness_port(h, w->port[i].proto, w->port[i].port, w->port[i].rescue,
				     prefixes[w->port[i].n][j]);
	harness_iface(h, (uint8_t)w->underlay,
		      (w->lacp ? PPN_IFACE_LACP : 0) | (w->eapol ? PPN_IFACE_EAPOL : 0));
	for (size_t i = 0; i < w->n_rules; i++)
		put_rule(h, &w->rule[i]);
	/* First: the harness reads the clock off a lease. */
	harness_no_flows(h);
	for (size_t i = 0; i < w->n_flows; i++)
		put_flow(h, &w->flow[i]);
	harness_no_lease(h);
	if (w->lease)
		harness_lease(h, &body_lease, 0);
}

/* -- packets -- */

static const struct reference_world *world_now;
static enum harness_way way_now;

static const char member[] = HARNESS_FLEET ":7";
static const char *const addresses4[] = { "192.0.2.1",	  "192.0.2.7", "192.0.3.7",
					  "198.51.100.9", "0.0.0.0",   "255.255.255.255" };
static const char *const addresses6[] = {
	"fe80::1",	    "fe80::7",	"fe80::1",	 "febf::7",	"fec0::7",
	"2001:db8::1",	    "::",	"2001:db8:5::9", "ff02::1",	"ff02::16",
	"ff02::1:ff00:1",   "ff02::fb", member,		 "2001:db8::7", "::ffff:192.0.2.7",
	"fd5c:91a2:77e1::",
};
static const uint16_t ports[] = {
	HARNESS_CLAIM, HARNESS_WG, HARNESS_DISCOVERY, 443, 53, 22, 8443, 67, 68, 546, 547, 0,
	8090,	       40000
};
static const uint8_t types6[] = { 1, 2, 128, 130, 131, 132, 133, 134, 135, 136, 137, 143 };
static const uint8_t protos[] = { 0,  1,  2,  6,   17,	43,  44,  47,  50,  51,
				  58, 59, 60, 132, 135, 139, 140, 200, 253, 254 };
static const uint8_t tcp_flags[] = { SYN, SYN, SYN | ACK, ACK, RST, RST | ACK, FIN, 0, 0x29, 0xff };

struct payload {
	const void *data;
	uint16_t len;
};
static const struct payload payloads[] = {
#define X(name, len) { body_##name, sizeof(body_##name) },
	BODIES(X)
#undef X
};

static void choose_payload(struct pkt_spec *s)
{
	const struct payload *p = &PICK(payloads);

	s->payload = p->data;
	s->payload_len = chance(4) ? p->len : (uint16_t)chance(p->len + 1u);
}

static void set_payload(struct pkt_spec *s, const void *data, size_t len)
{
	s->payload = data;
	s->payload_len = (uint16_t)len;
}

/* Ports and payload that belong together: chance alone rarely finds them. */
struct pair {
	uint16_t sport, dport;
	struct payload body[6];
};

#define B(name)                                  \
	{                                        \
		body_##name, sizeof(body_##name) \
	}
static const struct pair pairs_in[] = {
	{ 9442,
	  HARNESS_DISCOVERY,
	  { B(beacon), B(beacon_at_floor), B(beacon_bare), B(knock), B(here), B(gate_type) } },
	{ 67,
	  68,
	  { B(bootp_reply), B(bootp_reply), B(bootp_other_xid), B(bootp_other_mac),
	    B(bootp_no_cookie), B(bootp_request) } },
	{ 547,
	  546,
	  { B(dhcp6_reply), B(dhcp6_reply), B(dhcp6_other_xid), B(dhcp6_solicit),
	    B(dhcp6_reconfigure), B(zeros) } },
};
static const struct pair pairs_out[] = {
	{ 9442,
	  HARNESS_DISCOVERY,
	  { B(beacon), B(knock), B(here), B(here), B(here_long), B(gate_type) } },
	{ 68,
	  67,
	  { B(bootp_request), B(bootp_request), B(bootp_other_mac), B(bootp_reply),
	    B(bootp_no_cookie), B(zeros) } },
	{ 546,
	  547,
	  { B(dhcp6_solicit), B(dhcp6_solicit), B(dhcp6_info), B(dhcp6_reply), B(dhcp6_reconfigure),
	    B(zeros) } },
};
#undef B

static void choose_pair(struct pkt_spec *s)
{
	const uint32_t i = chance(3), j = chance(6);
	const bool out = way_now == HARNESS_OUT;
	const struct pair *pair = out ? &pairs_out[i] : &pairs_in[i];

	s->proto = IPPROTO_UDP;
	s->sport = pair->sport;
	s->dport = pair->dport;
	s->hop = 255;
	if (i != 1) {
		s->src = out ? "fe80::1" : "fe80::7";
		s->dst = out ? "fe80::7" : "fe80::1";
	}
	set_payload(s, pair->body[j].data, pair->body[j].len);
}

static void choose_icmp6(struct pkt_spec *s)
{
	static const struct payload nd[] = {
		{ body_nd, BODY_ND },
		{ body_nd_solicited, BODY_ND },
		{ body_nd_fleet, BODY_ND },
		{ body_nd_link, BODY_ND_OPTION },
		{ body_nd_nonce, BODY_ND_OPTION },
		{ body_nd_zero, BODY_ND_OPTION },
		{ body_nd_sixteen, sizeof(body_nd_sixteen) },
		{ body_nd_seventeen, sizeof(body_nd_seventeen) },
		{ body_mld_solicited, BODY_MLD },
		{ body_mld2_solicited, BODY_MLD2 },
		{ body_mld2_mixed, BODY_MLD2_TWO },
		{ body_mld2_mdns, BODY_MLD2 },
		{ body_ra, BODY_RA },
		{ body_rs, BODY_RS },
	};
	const struct payload *p = &PICK(nd);

	s->proto = IPPROTO_ICMPV6;
	s->type = PICK(types6);
	s->alert = chance(3) ? (uint8_t)(types6[3] <= s->type && s->type != 137 &&
					 (s->type < 133 || s->type == 143)) :
			       (uint8_t)chance(3);
	s->hop = chance(8) ? 0 : (uint8_t)chance(256);
	set_payload(s, p->data, p->len);
}

static void choose_transport(struct pkt_spec *s)
{
	switch (chance(8)) {
	case 0:
	case 1:
		s->proto = IPPROTO_TCP;
		s->flags = PICK(tcp_flags);
		s->payload_len = (uint16_t)chance(60);
		break;
	case 2:
		s->proto = IPPROTO_UDP;
		choose_payload(s);
		break;
	case 3:
	case 4:
		choose_pair(s);
		break;
	case 5:
		s->proto = PICK(protos);
		choose_payload(s);
		break;
	default:
		choose_icmp6(s);
		break;
	}
}

/* -- packets of a flow: what its other side, or one who pretends to be it, may send; what we may -- */

static uint32_t near(uint32_t number)
{
	static const uint32_t steps[] = { 0, 0, 0, 1, 0xffffffff, 65535, 65536, 0x80000000 };

	return number + PICK(steps);
}

static void text_address(const struct reference_flow *f, const uint8_t *address,
			 char ret[static INET6_ADDRSTRLEN])
{
	(void)inet_ntop(f->v4 ? AF_INET : AF_INET6, address, ret, INET6_ADDRSTRLEN);
}

static void choose_reply(struct pkt_spec *s, const struct reference_flow *f)
{
	s->proto = f->proto;
	s->sport = f->their_port;
	s->dport = f->our_port;
	s->flags = PICK(tcp_flags);
	s->seq = near(f->ack);
	s->ack = near(f->isn + 1);
	s->payload_len = (uint16_t)chance(60);
}

/* From the flow's own port, or from one beside it: that may begin another. */
static void choose_request(struct pkt_spec *s, const struct reference_flow *f)
{
	s->proto = f->proto;
	s->sport = chance(2) ? f->our_port : (uint16_t)(40000 + chance(20));
	s->dport = f->their_port;
	s->flags = PICK(tcp_flags);
	s->seq = near(f->isn);
	s->ack = near(f->ack);
	s->payload_len = (uint16_t)chance(60);
}

static void choose_error(struct pkt_spec *s, const struct reference_flow *f)
{
	static const uint8_t types4[] = { 3, 3, 3, 11, 12, 5, 4 }, codes4[] = { 4, 4, 0, 1, 3, 13 };
	static const uint8_t errors6[] = { 1, 2, 2, 3, 4, 128 };
	static uint8_t quote[4 + 60];
	const struct pkt_spec sent = {
		.src = s->dst,
		.dst = s->src,
		.proto = chance(16) ? f->proto : IPPROTO_SCTP,
		.sport = f->our_port,
		.dport = f->their_port,
		.payload = body_zeros,
	};

	set_payload(s, quote, pkt_quote(quote, &sent));
	s->proto = f->v4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;
	s->type = f->v4 ? PICK(types4) : PICK(errors6);
	s->code = f->v4 ? PICK(codes4) : 0;
	s->hop = 60;
	if (!chance(8))
		s->dst = f->v4 ? "192.0.2.2" : "2001:db8::2";
	if (!chance(8))
		s->src = f->v4 ? "198.51.100.9" : "2001:db8:5::9";
}

static void choose_of_flow(struct pkt_spec *s)
{
	static char theirs[INET6_ADDRSTRLEN], ours[INET6_ADDRSTRLEN];
	const struct reference_flow *f = &world_now->flow[chance((uint32_t)world_now->n_flows)];

	text_address(f, f->theirs, theirs);
	text_address(f, f->ours, ours);
	s->options_len = 0;
	if (way_now == HARNESS_OUT) {
		s->src = ours;
		s->dst = theirs;
		choose_request(s, f);
		return;
	}
	s->src = theirs;
	s->dst = ours;
	if (chance(3))
		choose_reply(s, f);
	else
		choose_error(s, f);
}

static void choose_link(struct pkt_spec *s)
{
	static const uint16_t types[] = { ETH_P_ARP, ETH_P_ARP, 0x8809,	  0x888e,
					  0x8847,    38,	ETH_P_IP, ETH_P_IPV6 };
	static const struct payload bodies[] = {
		{ body_arp_request, BODY_ARP },	  { body_arp_reply, BODY_ARP },
		{ body_arp_rarp, BODY_ARP },	  { body_arp_token, BODY_ARP },
		{ body_lacp, sizeof(body_lacp) },
	};
	const struct payload *p = &PICK(bodies);

	s->ethertype = PICK(types);
	set_payload(s, p->data, p->len);
}

static void describe(struct pkt_spec *s)
{
	static const uint8_t options[][8] = { { 1, 1, 1, 1 },
					      { 148, 4, 0, 0 },
					      { 131, 7, 4, 192, 0, 2, 9, 0 },
					      { 68, 4, 131, 137, 1, 7, 2, 0 },
					      { 7, 0, 0, 0 },
					      { 1, 1, 1, 7 } };
	static const uint16_t tags[] = { 0x8100, 0x88a8 };

	*s = (struct pkt_spec){ .sport = PICK(ports), .dport = PICK(ports) };
	for (int i = 0; i < PKT_VLANS && !chance(4); i++)
		s->vlan[i] = PICK(tags);
	if (!chance(12)) {
		choose_link(s);
		return;
	}
	s->src = chance(3) ? PICK(addresses6) : PICK(addresses4);
	s->dst = strchr(s->src, ':') ? PICK(addresses6) : PICK(addresses4);
	if (!strchr(s->src, ':') && !chance(4)) {
		s->options = PICK(options);
		s->options_len = chance(2) ? 4 : 8;
	}
	if (world_now->n_flows && !chance(4))
		choose_of_flow(s);
	else
		choose_transport(s);
	s->pad = chance(4) ? 0 : (uint16_t)chance(30);
	if (!s->payload)
		s->payload = body_zeros;
}

static void bend(struct pkt *p)
{
	static const uint8_t bytes[] = { 0, 1, 4, 5, 6, 0x45, 0x60, 0x7f, 0x80, 0xfe, 0xff };
	/* Mostly in the headers. */
	const size_t reach = chance(4) && p->len > 100 ? 100 : p->len;
	uint8_t *at = &p->data[chance((uint32_t)reach)];

	switch (chance(5)) {
	case 0:
		*at ^= (uint8_t)(1u << chance(8));
		break;
	case 1:
		*at = PICK(bytes);
		break;
	case 2:
		*at = (uint8_t)chance(256);
		break;
	case 3:
		(*at) += (uint8_t)(chance(2) ? 1 : 255);
		break;
	default:
		p->len = 14 + chance((uint32_t)p->len - 13);
		break;
	}
}

void corpus_packet(struct pkt *p, const struct reference_world *w, enum harness_way way)
{
	struct pkt_spec s;

	world_now = w;
	way_now = way;
	if (!chance(16)) {
		p->len = 14 + chance(200);
		for (size_t i = 0; i < p->len; i++)
			p->data[i] = (uint8_t)chance(256);
		return;
	}
	describe(&s);
	pkt_build(&s, p);
	for (uint32_t n = chance(2) ? 0 : 1 + chance(3); n; n--)
		bend(p);
}
