// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* guests = pass: whose a frame is, by its Ethernet address alone. A guest's that names the fleet drops. */
#include <string.h>
#include "bodies.h"
#include "harness.h"
#include "packets.h"

static const struct {
	const char *name;
	uint8_t mac[6];
	bool guests;
} rows[] = {
	{ "another machine's", { 2, 0, 0, 0, 0, 3 }, true },
	{ "one bit beside the port's", { 2, 0, 0, 0, 1, 1 }, true },
	{ "the port's own", { 2, 0, 0, 0, 0, 1 }, false },
	{ "its bridge's", { 2, 0, 0, 0, 0, 2 }, false },
	{ "broadcast", { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff }, false },
	{ "a group", { 0x33, 0x33, 0, 0, 0, 1 }, false },
};
#define N_ROWS (sizeof(rows) / sizeof(rows[0]))

/* at: where the address stands that decides. */
static void check(struct harness *h, enum harness_way way, const char *words, size_t at)
{
	const struct pkt_spec spec = { V4, UDP(40000, 999) };
	struct pkt p;

	pkt_build(&spec, &p);
	for (size_t i = 0; i < N_ROWS; i++) {
		struct harness_result with, without;

		memcpy(p.data + at, rows[i].mac, sizeof(rows[i].mac));
		harness_iface(h, PPN_UNDERLAY_LINK_LOCAL, PPN_IFACE_GUESTS);
		with = harness_run(h, way, p.data, p.len);
		harness_iface(h, PPN_UNDERLAY_LINK_LOCAL, 0);
		without = harness_run(h, way, p.data, p.len);
		tap_ok(with.pass == rows[i].guests &&
			       (with.reason == PPN_REASON_PASS_GUEST) == rows[i].guests,
		       "%s, %s: %s", words, rows[i].name, rows[i].guests ? "passes" : "is judged");
		tap_ok(!without.pass, "%s, %s, guests = seal: dropped", words, rows[i].name);
	}
}

/* -- a guest's frame that names an address of the fleet -- */

#define MEMBER HARNESS_FLEET ":7"
#define BESIDE "fd5c:91a2:77e1::7"

#define ENDS(s, d) .src = (s), .dst = (d)
#define DATA UDP(40000, 999)
#define PASSES PPN_REASON_PASS_GUEST
#define DROPS PPN_REASON_MESH_OUTSIDE

static const struct {
	const char *name;
	struct pkt_spec spec;
	int reason;
} fleet_rows[] = {
	{ "nothing of the fleet", { V6, DATA }, PASSES },
	{ "from the fleet", { ENDS(MEMBER, "2001:db8::1"), DATA }, DROPS },
	{ "to the fleet", { ENDS("2001:db8::7", MEMBER), DATA }, DROPS },
	{ "within the fleet", { ENDS(MEMBER, HARNESS_FLEET ":1"), TCP(40000, 443, SYN) }, DROPS },
	{ "the fleet beside ours", { ENDS(BESIDE, BESIDE), DATA }, PASSES },
	{ "a tag, from the fleet",
	  { ENDS(MEMBER, "2001:db8::1"), DATA, .vlan = { 0x8100 } },
	  DROPS },
	{ "two tags, to the fleet",
	  { ENDS("2001:db8::7", MEMBER), DATA, .vlan = { 0x88a8, 0x8100 } },
	  DROPS },
	{ "three tags, behind which nobody reads",
	  { ENDS(MEMBER, MEMBER), DATA, .vlan = { 0x88a8, 0x8100, 0x8100 } },
	  PASSES },
	{ "from the fleet, an extension header",
	  { ENDS(MEMBER, "2001:db8::1"), .proto = IPPROTO_ROUTING, PAYLOAD(8) },
	  DROPS },
	{ "to the fleet, no protocol we know",
	  { ENDS("2001:db8::7", MEMBER), .proto = 200, PAYLOAD(8) },
	  DROPS },
	{ "from the fleet, cut short", { ENDS(MEMBER, "2001:db8::1"), DATA, .cut = 8 }, DROPS },
	/* Behind a tag: TEST_RUN gives TC no bare IPv6 that is cut there. */
	{ "a tag, cut within the addresses",
	  { ENDS(MEMBER, MEMBER), DATA, .vlan = { 0x8100 }, .cut = 8 + 1 },
	  PASSES },
};
#define N_FLEET_ROWS (sizeof(fleet_rows) / sizeof(fleet_rows[0]))

/* at: where the address stands that makes it a guest's. Without a fleet all pass. */
static void check_fleet(struct harness *h, enum harness_way way, const char *words, size_t at,
			bool fleet)
{
	static const uint8_t theirs[6] = { 2, 0, 0, 0, 0, 3 };

	harness_fleet(h, fleet);
	harness_policy(h, PPN_COLUMN_BOUND, 0);
	harness_iface(h, PPN_UNDERLAY_LINK_LOCAL, PPN_IFACE_GUESTS);
	for (size_t i = 0; i < N_FLEET_ROWS; i++) {
		const int reason = fleet ? fleet_rows[i].reason : PASSES;
		struct harness_result got;
		struct pkt p;

		pkt_build(&fleet_rows[i].spec, &p);
		memcpy(p.data + at, theirs, sizeof(theirs));
		got = harness_run(h, way, p.data, p.len);
		tap_ok(got.pass == (reason == PASSES) && got.reason == reason, "%s, %s%s: %s",
		       words, fleet_rows[i].name, fleet ? "" : ", no fleet yet",
		       harness_reason_name(got.reason));
	}
}

int main(void)
{
	struct harness *h = harness_open(NULL);

	tap_plan(4 * N_ROWS + 4 * N_FLEET_ROWS);
	bodies_fill();
	harness_policy(h, PPN_COLUMN_HOLDING, 0);
	check(h, HARNESS_IN, "in", 0);
	check(h, HARNESS_OUT, "out", 6);
	for (int fleet = 1; fleet >= 0; fleet--) {
		check_fleet(h, HARNESS_IN, "in", 0, fleet);
		check_fleet(h, HARNESS_OUT, "out", 6, fleet);
	}
	harness_close(h);
	return tap_end();
}
