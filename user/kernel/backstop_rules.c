// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The text of the backstop's tables. Pure: what goes in stands in backstop.h, what comes out is for
 * nft -f. Rows are those of DESIGN 6; whatever no row accepts, a counter drops.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <netinet/in.h>

#include "kernel/backstop.h"
#include "lib/wire.h"

/* Before conntrack puts fragments together (-400), after NAT has chosen addresses (100). */
enum { PRIORITY_IN = -500, PRIORITY_OUT = 500, MAP_SIZE = 32768 };

/* Raw matches: bits into the ICMP header, in which the failed packet is quoted. */
enum {
	ND_TARGET_AT = 64,
	FLEET_BITS = 48,
	QUOTED4_PROTO_AT = (8 + 9) * 8,
	QUOTED4_PORTS_AT = (8 + 20) * 8,
	QUOTED6_PROTO_AT = (8 + 6) * 8,
	QUOTED6_PORTS_AT = (8 + 40) * 8,
	MLD2_COUNT_AT = 6 * 8,
	MLD2_GROUP_AT = (8 + 4) * 8,
	MLD2_RECORD = 20 * 8,
	MLD2_RECORDS = 3, /* of a report from an unclaimed node: the kernel sends one or two */
	SOLICITED_NODE_BITS = 13 * 8,
};

/* What is being written. */
struct text {
	FILE *f;
	const struct ppn_backstop_rules *r;
	enum ppn_backstop_family family;
	bool in;
	char fleet[INET6_ADDRSTRLEN]; /* "": none */
	char fleet_hex[2 * 6 + 1];
};

static const char *const count_text[_PPN_BACKSTOP_COUNT_MAX] = {
#define X(name, text) [PPN_BACKSTOP_COUNT_##name] = (text),
	PPN_BACKSTOP_COUNTS(X)
#undef X
};

const char *ppn_backstop_count_text(enum ppn_backstop_count count)
{
	return count_text[count];
}

const char *ppn_backstop_family_text(enum ppn_backstop_family family)
{
	static const char *const text[_PPN_BACKSTOP_FAMILY_MAX] = {
		[PPN_BACKSTOP_INET] = "inet",
		[PPN_BACKSTOP_BRIDGE] = "bridge",
		[PPN_BACKSTOP_NETDEV] = "netdev",
	};

	return text[family];
}

/* ---- words ---- */

__attribute__((format(printf, 2, 3))) static void row(const struct text *t, const char *fmt, ...)
{
	va_list ap;

	(void)fputs("\t\t", t->f);
	va_start(ap, fmt);
	(void)vfprintf(t->f, fmt, ap);
	va_end(ap);
	(void)fputc('\n', t->f);
}

static void drop(const struct text *t, enum ppn_backstop_count count)
{
	row(t, "counter name \"%s\" drop", count_text[count]);
}

static bool claimed(const struct text *t)
{
	return t->r->column >= PPN_COLUMN_BOUND;
}

static bool blind(const struct text *t)
{
	return t->r->column == PPN_COLUMN_BLIND;
}

static bool seat_runs(const struct text *t)
{
	return !blind(t) && (t->r->flags & PPN_POLICY_SEAT);
}

static unsigned int claim_port(const struct text *t)
{
	return ntohs(t->r->table->claim_port);
}

/* The other side's address in this direction, and whose port is whose. */
static const char *theirs(const struct text *t)
{
	return t->in ? "saddr" : "daddr";
}

static const char *our_port(const struct text *t)
{
	return t->in ? "dport" : "sport";
}

static const char *their_port(const struct text *t)
{
	return t->in ? "sport" : "dport";
}

static bool is_v4(const struct ppn_open_port *port)
{
	return port->prefix_len >= 96 && ppn_address_is_v4(port->prefix);
}

/* "ip saddr 192.0.2.0/24", or nothing for any. */
static const char *from(const struct text *t, const struct ppn_open_port *port,
			char ret_text[static 80])
{
	char addr[INET6_ADDRSTRLEN];
	bool v4 = is_v4(port);

	ret_text[0] = '\0';
	if (port->any ||
	    !inet_ntop(v4 ? AF_INET : AF_INET6, port->prefix + (v4 ? 12 : 0), addr, sizeof(addr)))
		return ret_text;
	(void)snprintf(ret_text, 80, "%s %s %s/%u ", v4 ? "ip" : "ip6", theirs(t), addr,
		       v4 ? port->prefix_len - 96U : port->prefix_len);
	return ret_text;
}

static const char *proto(uint8_t number)
{
	return number == IPPROTO_TCP ? "tcp" : "udp";
}

/* "{ 2, 5 }" of the devices with this underlay; false: there is none. */
static bool on_underlay(const struct text *t, enum ppn_underlay underlay, char *ret_set,
			size_t size)
{
	size_t len = 0;

	for (size_t i = 0; i < t->r->n_devices; i++) {
		const struct ppn_backstop_device *device = &t->r->devices[i];

		if (device->way > PPN_BACKSTOP_HELD || device->underlay != underlay ||
		    len + 16 > size)
			continue;
		len += (size_t)snprintf(ret_set + len, size - len, "%s%u", len ? ", " : "{ ",
					device->ifindex);
	}
	if (len)
		(void)snprintf(ret_set + len, size - len, " }");
	return len;
}

/* ---- rows: in and out alike ---- */

static void fleet_rows(const struct text *t)
{
	if (!t->fleet[0])
		return;
	row(t, "ip6 saddr %s/48 counter name \"mesh_outside\" drop", t->fleet);
	row(t, "ip6 daddr %s/48 counter name \"mesh_outside\" drop", t->fleet);
}

/* Neither fragments nor extension headers, but the router alert of MLD. */
static void shape_rows(const struct text *t, enum ppn_backstop_count count)
{
	row(t, "ip frag-off & 0x3fff != 0 counter name \"%s\" drop", count_text[count]);
	if (t->in || claimed(t))
		row(t, "ip6 nexthdr 0 ip6 hoplimit 1 icmpv6 type { 130, 131, 132, 143 } accept "
		       "comment \"MLD\"");
	for (int n = 1; !t->in && !claimed(t) && n <= MLD2_RECORDS; n++) {
		(void)fputs("\t\tip6 nexthdr 0 ip6 hoplimit 1 icmpv6 type 143 ", t->f);
		(void)fprintf(t->f, "@th,%d,16 %d ", MLD2_COUNT_AT, n);
		for (int i = 0; i < n; i++)
			(void)fprintf(t->f, "@th,%d,%d 0xff0200000000000000000001ff ",
				      MLD2_GROUP_AT + i * MLD2_RECORD, SOLICITED_NODE_BITS);
		(void)fputs("accept comment \"MLD of solicited-node groups\"\n", t->f);
	}
	row(t, "ip6 nexthdr != { 6, 17, 58 } counter name \"%s\" drop", count_text[count]);
}

static void neighbour_rows(const struct text *t)
{
	char target[48] = "";

	if (t->fleet[0])
		(void)snprintf(target, sizeof(target), "@th,%d,%d != 0x%s ", ND_TARGET_AT,
			       FLEET_BITS, t->fleet_hex);
	row(t,
	    "icmpv6 type { 135, 136 } icmpv6 code 0 ip6 hoplimit 255 %saccept "
	    "comment \"neighbour discovery\"",
	    target);
}

static void underlay_rows(const struct text *t)
{
	const char *dev = t->in ? "iif" : "oif";
	char set[4096];

	if (on_underlay(t, PPN_UNDERLAY_DHCP, set, sizeof(set))) {
		row(t, "%s %s udp sport %d udp dport %d accept comment \"DHCP\"", dev, set,
		    t->in ? 67 : 68, t->in ? 68 : 67);
		row(t,
		    "%s %s ip6 saddr fe80::/10 udp sport %d udp dport %d accept comment \"DHCP\"",
		    dev, set, t->in ? 547 : 546, t->in ? 546 : 547);
	}
	if (on_underlay(t, PPN_UNDERLAY_SLAAC, set, sizeof(set)))
		row(t,
		    "%s %s %sicmpv6 type %d icmpv6 code 0 ip6 hoplimit 255 accept "
		    "comment \"router discovery\"",
		    dev, set, t->in ? "ip6 saddr fe80::/10 " : "", t->in ? 134 : 133);
}

static void wireguard_row(const struct text *t)
{
	if (claimed(t))
		row(t, "udp %s %u accept comment \"WireGuard\"", our_port(t),
		    ntohs(t->r->table->wg_port));
}

/* A port that this machine serves: in, whatever comes; out, what opens nothing. */
static void serve(const struct text *t, const struct ppn_open_port *port, const char *comment)
{
	char prefix[80];

	row(t, "%s%s %s %u %saccept comment \"%s\"", from(t, port, prefix), proto(port->proto),
	    our_port(t), port->port,
	    !t->in && port->proto == IPPROTO_TCP ? "tcp flags & (syn | ack) != syn " : "", comment);
}

static void rescue_rows(const struct text *t)
{
	for (size_t i = 0; !blind(t) && i < t->r->n_ports; i++)
		if (!t->r->ports[i].egress && t->r->ports[i].kind == PPN_PORT_RESCUE)
			serve(t, &t->r->ports[i], "rescue");
}

/* ---- rows of a device that nothing else judges ---- */

/*
 * Segments of no connection find a listening socket, or none; the reset that the kernel answers with stays
 * here. So does one of a claim connection: its other side runs into its time limit instead.
 */
static void dark_claim_rows(const struct text *t)
{
	const unsigned int port = claim_port(t);

	if (blind(t) || !port)
		return;
	if (t->in) {
		if (t->r->column == PPN_COLUMN_HOLDING && (t->r->flags & PPN_POLICY_CLAIM))
			row(t, "tcp dport %u accept comment \"claim\"", port);
		else
			row(t,
			    "tcp dport %u tcp flags & syn == 0 accept comment \"claim connections\"",
			    port);
		return;
	}
	row(t, "tcp sport %u tcp flags & rst == rst counter name \"dark_out\" drop", port);
	row(t, "tcp sport %u tcp flags & (syn | ack) != syn accept comment \"claim\"", port);
}

/* Packet too big that quotes our own claim connection; the kernel's TCP looks at the rest of it. */
static void quoted_rows(const struct text *t)
{
	const unsigned int port = claim_port(t);

	if (blind(t) || !port)
		return;
	row(t, "icmp type 3 icmp code 4 @th,%d,8 6 @th,%d,16 %u accept comment \"claim: too big\"",
	    QUOTED4_PROTO_AT, QUOTED4_PORTS_AT, port);
	row(t, "icmpv6 type 2 @th,%d,8 6 @th,%d,16 %u accept comment \"claim: too big\"",
	    QUOTED6_PROTO_AT, QUOTED6_PORTS_AT, port);
	if (!seat_runs(t))
		return;
	row(t, "icmp type 3 icmp code 4 @th,%d,8 6 @th,%d,16 %u accept comment \"seat: too big\"",
	    QUOTED4_PROTO_AT, QUOTED4_PORTS_AT + 16, port);
	row(t, "icmpv6 type 2 @th,%d,8 6 @th,%d,16 %u accept comment \"seat: too big\"",
	    QUOTED6_PROTO_AT, QUOTED6_PORTS_AT + 16, port);
}

/* The node's answer to a beacon; beacons, knocks and claim connections of a seat. */
static void discovery_rows(const struct text *t)
{
	const unsigned int port = ntohs(t->r->table->discovery_port);

	if (blind(t))
		return;
	if (!t->in && !seat_runs(t))
		row(t, "ip6 daddr fe80::/10 udp dport %u accept comment \"here\"", port);
	if (!seat_runs(t))
		return;
	row(t, "udp dport %u accept comment \"seat: discovery\"", port);
	if (t->in)
		row(t,
		    "tcp sport %u tcp flags & (syn | ack) != syn accept comment \"seat: claims\"",
		    claim_port(t));
	else
		row(t, "tcp dport %u tcp flags & rst == 0 accept comment \"seat: claims\"",
		    claim_port(t));
}

static void dark_rows(const struct text *t)
{
	enum ppn_backstop_count count = t->in ? PPN_BACKSTOP_COUNT_DARK_IN :
						PPN_BACKSTOP_COUNT_DARK_OUT;

	fleet_rows(t);
	shape_rows(t, count);
	wireguard_row(t);
	neighbour_rows(t);
	dark_claim_rows(t);
	rescue_rows(t);
	discovery_rows(t);
	if (t->in)
		quoted_rows(t);
	underlay_rows(t);
	drop(t, count);
}

/* ---- rows of a device that BPF judges first ---- */

static bool is_open(const struct text *t, const struct ppn_open_port *port)
{
	return port->kind == PPN_PORT_RESCUE ? !blind(t) : t->r->column == PPN_COLUMN_BOUND;
}

/* Ports without prefix are one set; the others have a chain, for those who name one of them. */
static void open_sets(const struct text *t, uint8_t number)
{
	bool any = false, some = false;
	size_t n = 0;

	for (size_t i = 0; i < t->r->n_ports; i++) {
		const struct ppn_open_port *port = &t->r->ports[i];

		if (port->egress || port->proto != number || !is_open(t, port))
			continue;
		any |= port->any;
		some |= !port->any;
	}
	for (int pass = 0; pass < 2; pass++) {
		if (!(pass ? some : any))
			continue;
		(void)fprintf(t->f, "\t\t%s %s { ", proto(number), our_port(t));
		n = 0;
		for (size_t i = 0; i < t->r->n_ports; i++) {
			const struct ppn_open_port *port = &t->r->ports[i];

			if (!port->egress && port->proto == number && is_open(t, port) &&
			    port->any == !pass)
				(void)fprintf(t->f, "%s%u", n++ ? ", " : "", port->port);
		}
		(void)fprintf(t->f, " } %s comment \"open ports\"\n",
			      !pass ? "accept" :
			      t->in ? "jump ports_in" :
				      "jump ports_out");
	}
}

static void egress_rows(const struct text *t)
{
	char prefix[80];

	for (size_t i = 0; t->r->column == PPN_COLUMN_BOUND && i < t->r->n_ports; i++) {
		const struct ppn_open_port *port = &t->r->ports[i];
		bool opens = t->in && port->proto == IPPROTO_TCP;

		if (!port->egress)
			continue;
		(void)from(t, port, prefix);
		if (port->port)
			row(t, "%s%s %s %u %saccept comment \"egress\"", prefix, proto(port->proto),
			    their_port(t), port->port,
			    opens ? "tcp flags & (syn | ack) != syn " : "");
		else
			row(t, "%smeta l4proto %s %saccept comment \"egress\"", prefix,
			    proto(port->proto), opens ? "tcp flags & (syn | ack) != syn " : "");
	}
}

static void held_rows(const struct text *t)
{
	const unsigned int port = claim_port(t);

	fleet_rows(t);
	wireguard_row(t);
	if (!blind(t) && port)
		row(t, "tcp %s %u accept comment \"claim\"", our_port(t), port);
	open_sets(t, IPPROTO_TCP);
	open_sets(t, IPPROTO_UDP);
	row(t, "icmpv6 type { 130, 131, 132, 135, 136, 143 } accept comment \"the link\"");
	if (!blind(t) && t->in) {
		row(t, "icmp type { 3, 11, 12 } accept comment \"errors\"");
		row(t, "icmpv6 type { 1, 2, 3, 4 } accept comment \"errors\"");
	}
	discovery_rows(t);
	underlay_rows(t);
	egress_rows(t);
	drop(t, t->in ? PPN_BACKSTOP_COUNT_HELD_IN : PPN_BACKSTOP_COUNT_HELD_OUT);
}

static void port_rows(const struct text *t)
{
	for (size_t i = 0; i < t->r->n_ports; i++)
		if (!t->r->ports[i].egress && !t->r->ports[i].any && is_open(t, &t->r->ports[i]))
			serve(t, &t->r->ports[i],
			      t->r->ports[i].kind == PPN_PORT_RESCUE ? "rescue" : "roster");
}

/* ---- rows of ppn0 where no program can hold it ---- */

static void seats(const struct text *t, const char *before, const char *after)
{
	char addr[INET6_ADDRSTRLEN];

	if (!t->r->n_seats)
		return;
	(void)fprintf(t->f, "\t\t%sip6 %s { ", before, theirs(t));
	for (size_t i = 0; i < t->r->n_seats; i++)
		(void)fprintf(t->f, "%s%s", i ? ", " : "",
			      inet_ntop(AF_INET6, t->r->seats[i], addr, sizeof(addr)));
	(void)fprintf(t->f, " } %s\n", after);
}

/* Frames want a program to check them: none is let in. */
static void mesh_rows(const struct text *t)
{
	char own[INET6_ADDRSTRLEN], before[48];

	if (!t->fleet[0]) {
		drop(t, PPN_BACKSTOP_COUNT_MESH);
		return;
	}
	row(t, "ip6 %s != %s/48 counter name \"mesh_shut\" drop", theirs(t), t->fleet);
	row(t, "ip6 %s != %s counter name \"mesh_shut\" drop", t->in ? "daddr" : "saddr",
	    inet_ntop(AF_INET6, t->r->table->address, own, sizeof(own)));
	row(t, "ip6 nexthdr != { 6, 17, 58 } counter name \"mesh_shut\" drop");
	if (t->in) {
		row(t, "udp dport %d counter name \"mesh_shut\" drop comment \"frames\"",
		    PPN_PORT_FRAME);
		(void)snprintf(before, sizeof(before), "tcp dport %u ", claim_port(t));
		seats(t, before, "accept comment \"claim endpoint, for seats\"");
		row(t, "tcp dport %u counter name \"mesh_shut\" drop", claim_port(t));
	}
	seats(t, "", "accept comment \"seats\"");
	if (t->r->column != PPN_COLUMN_ISOLATED)
		row(t, "meta nfproto ipv6 accept");
	drop(t, PPN_BACKSTOP_COUNT_MESH);
}

/* ---- chains and tables ---- */

static void chain(struct text *t, const char *name, bool in, void (*rows)(const struct text *t))
{
	t->in = in;
	(void)fprintf(t->f, "\tchain %s {\n", name);
	rows(t);
	(void)fputs("\t}\n", t->f);
}

static void base_chain(const struct text *t, const char *name, const char *hook, int priority)
{
	(void)fprintf(t->f, "\tchain %s {\n\t\ttype filter hook %s priority %d; policy accept;\n",
		      name, hook, priority);
}

/*
 * Elements of this direction, but those that are dark. What leaves comes by here before the egress program:
 * while somebody watches, that one is to judge it, and to show what it drops.
 */
static void way_map(const struct text *t, bool in)
{
	const char *const to[2][_PPN_BACKSTOP_WAY_MAX] = {
		{ NULL, t->r->flags & PPN_POLICY_WATCH ? "accept" : "goto held_out", "accept",
		  "goto mesh_out", "goto shut" },
		{ NULL, "goto held_in", "accept", "goto mesh_in", "goto shut" },
	};
	size_t n = 0;

	(void)fprintf(t->f, "\tmap devices_%s {\n\t\ttype iface_index : verdict\n\t\tsize %d\n",
		      in ? "in" : "out", MAP_SIZE);
	for (size_t i = 0; i < t->r->n_devices; i++) {
		const struct ppn_backstop_device *device = &t->r->devices[i];

		/* While observing there is no chain for it: nothing is dropped. */
		if (to[in][device->way] && !(t->r->observe && device->way == PPN_BACKSTOP_HELD))
			(void)fprintf(t->f, "%s%u : %s", n++ ? ",\n\t\t\t" : "\t\telements = { ",
				      device->ifindex, to[in][device->way]);
	}
	(void)fprintf(t->f, "%s\t}\n", n ? " }\n" : "");
}

static bool has_way(const struct text *t, enum ppn_backstop_way way)
{
	for (size_t i = 0; i < t->r->n_devices; i++)
		if (t->r->devices[i].way == way)
			return true;
	return false;
}

static void shut_rows(const struct text *t)
{
	drop(t, PPN_BACKSTOP_COUNT_MESH);
}

static void inet_table(struct text *t)
{
	way_map(t, true);
	way_map(t, false);
	base_chain(t, "in", "prerouting", PRIORITY_IN);
	row(t, "iif vmap @devices_in");
	if (!t->r->observe)
		row(t, "goto dark_in");
	(void)fputs("\t}\n", t->f);
	base_chain(t, "out", "postrouting", PRIORITY_OUT);
	row(t, "oif vmap @devices_out");
	if (!t->r->observe)
		row(t, "goto dark_out");
	(void)fputs("\t}\n", t->f);
	chain(t, "shut", true, shut_rows);
	if (has_way(t, PPN_BACKSTOP_MESH)) {
		chain(t, "mesh_in", true, mesh_rows);
		chain(t, "mesh_out", false, mesh_rows);
	}
	if (t->r->observe)
		return;
	chain(t, "dark_in", true, dark_rows);
	chain(t, "dark_out", false, dark_rows);
	chain(t, "held_in", true, held_rows);
	chain(t, "held_out", false, held_rows);
	chain(t, "ports_in", true, port_rows);
	chain(t, "ports_out", false, port_rows);
}

/* Ports of a bridge: what BPF holds it has judged, guests' frames among them, and what IP gets comes by inet. */
static void bridge_table(struct text *t)
{
	size_t n = 0;

	(void)fprintf(t->f, "\tset judged {\n\t\ttype iface_index\n\t\tsize %d\n", MAP_SIZE);
	for (size_t i = 0; i < t->r->n_devices; i++)
		if (t->r->devices[i].way != PPN_BACKSTOP_DARK)
			(void)fprintf(t->f, "%s%u", n++ ? ",\n\t\t\t" : "\t\telements = { ",
				      t->r->devices[i].ifindex);
	(void)fprintf(t->f, "%s\t}\n", n ? " }\n" : "");
	if (t->r->observe)
		return;
	t->in = true;
	base_chain(t, "in", "prerouting", PRIORITY_IN);
	row(t, "iif @judged accept");
	row(t, "meta protocol arp accept");
	dark_rows(t);
	(void)fputs("\t}\n", t->f);
	t->in = false;
	base_chain(t, "out", "postrouting", PRIORITY_OUT);
	row(t, "oif @judged accept");
	row(t, "meta protocol arp accept");
	dark_rows(t);
	(void)fputs("\t}\n", t->f);
}

/* The kernel takes any byte but a few in a name; nft's grammar does not. */
static bool can_be_named(const char *name)
{
	for (const char *c = name; *c; c++)
		if (!isalnum((unsigned char)*c) && !strchr("_-.@+", *c))
			return false;
	return name[0];
}

static bool is_hooked(const struct ppn_backstop_device *device)
{
	return device->own_hook && device->way == PPN_BACKSTOP_DARK && can_be_named(device->name);
}

static bool any_hooked(const struct ppn_backstop_rules *rules)
{
	for (size_t i = 0; i < rules->n_devices; i++)
		if (is_hooked(&rules->devices[i]))
			return true;
	return false;
}

static void control_rows(const struct text *t)
{
	static const struct {
		enum ppn_iface_flag flag;
		const char *rule;
	} rows[] = {
		{ PPN_IFACE_LACP, "meta protocol 0x8809 accept comment \"LACP\"" },
		{ PPN_IFACE_EAPOL, "meta protocol 0x888e accept comment \"802.1X\"" },
	};

	for (size_t k = 0; k < sizeof(rows) / sizeof(rows[0]); k++)
		for (size_t i = 0; i < t->r->n_devices; i++)
			if (is_hooked(&t->r->devices[i]) && t->r->devices[i].flags & rows[k].flag)
				row(t, "%s %u %s", t->in ? "iif" : "oif", t->r->devices[i].ifindex,
				    rows[k].rule);
}

static void hook_chain(struct text *t, bool in)
{
	size_t n = 0;

	t->in = in;
	(void)fprintf(t->f, "\tchain %s {\n\t\ttype filter hook %s devices = { ", in ? "in" : "out",
		      in ? "ingress" : "egress");
	for (size_t i = 0; i < t->r->n_devices; i++)
		if (is_hooked(&t->r->devices[i]))
			(void)fprintf(t->f, "%s\"%s\"", n++ ? ", " : "", t->r->devices[i].name);
	(void)fprintf(t->f, " } priority %d; policy accept;\n", PRIORITY_IN);
	/* A device that came back under its name is another one: so is the text. */
	for (size_t i = 0; i < t->r->n_devices; i++)
		if (is_hooked(&t->r->devices[i]))
			row(t, "# index %u", t->r->devices[i].ifindex);
	row(t, "meta protocol arp accept");
	control_rows(t);
	dark_rows(t);
	(void)fputs("\t}\n", t->f);
}

static void netdev_table(struct text *t)
{
	hook_chain(t, true);
	hook_chain(t, false);
}

static const char *column_text(const struct ppn_backstop_rules *rules)
{
	static const char *const text[] = { "blind", "holding", "bound", "isolated" };

	if (rules->observe)
		return "observes, drops nothing";
	return rules->column <= PPN_COLUMN_ISOLATED ? text[rules->column] : text[0];
}

static void table(struct text *t, const struct ppn_count counts[static _PPN_BACKSTOP_COUNT_MAX])
{
	static void (*const bodies[_PPN_BACKSTOP_FAMILY_MAX])(struct text * t) = {
		[PPN_BACKSTOP_INET] = inet_table,
		[PPN_BACKSTOP_BRIDGE] = bridge_table,
		[PPN_BACKSTOP_NETDEV] = netdev_table,
	};
	/* The other tables judge dark devices alone. */
	static const bool only_dark[_PPN_BACKSTOP_COUNT_MAX] = {
		[PPN_BACKSTOP_COUNT_DARK_IN] = true,
		[PPN_BACKSTOP_COUNT_DARK_OUT] = true,
		[PPN_BACKSTOP_COUNT_OUTSIDE] = true,
	};
	const char *family = ppn_backstop_family_text(t->family);

	(void)fprintf(t->f, "table %s %s\ndelete table %s %s\n", family, PPN_BACKSTOP_TABLE, family,
		      PPN_BACKSTOP_TABLE);
	if (t->family == PPN_BACKSTOP_NETDEV && (t->r->observe || !any_hooked(t->r)))
		return;
	(void)fprintf(t->f, "table %s %s {\n\tcomment \"the seal's backstop: %s\"\n", family,
		      PPN_BACKSTOP_TABLE, column_text(t->r));
	for (int i = 0; i < _PPN_BACKSTOP_COUNT_MAX; i++)
		if (t->family == PPN_BACKSTOP_INET || only_dark[i])
			(void)fprintf(t->f, "\tcounter %s {\n\t\tpackets %llu bytes %llu\n\t}\n",
				      count_text[i], (unsigned long long)counts[i].packets,
				      (unsigned long long)counts[i].bytes);
	bodies[t->family](t);
	(void)fputs("}\n", t->f);
}

static void set_fleet(struct text *t)
{
	const uint8_t *fleet = t->r->table->fleet;
	struct in6_addr addr = { 0 };

	if (!(fleet[0] | fleet[1] | fleet[2] | fleet[3] | fleet[4] | fleet[5]))
		return;
	memcpy(&addr, fleet, 6);
	(void)inet_ntop(AF_INET6, &addr, t->fleet, sizeof(t->fleet));
	(void)snprintf(t->fleet_hex, sizeof(t->fleet_hex), "%02x%02x%02x%02x%02x%02x", fleet[0],
		       fleet[1], fleet[2], fleet[3], fleet[4], fleet[5]);
}

int ppn_backstop_render(const struct ppn_backstop_rules *rules, enum ppn_backstop_family family,
			const struct ppn_count counts[static _PPN_BACKSTOP_COUNT_MAX],
			char **ret_text)
{
	struct text t = { .r = rules, .family = family };
	char *text = NULL;
	size_t len = 0;

	t.f = open_memstream(&text, &len);
	if (!t.f)
		return -ENOMEM;
	set_fleet(&t);
	table(&t, counts);
	if (fclose(t.f)) {
		free(text);
		return -ENOMEM;
	}
	*ret_text = text;
	return 0;
}
