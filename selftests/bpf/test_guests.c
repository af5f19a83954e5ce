// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* guests = pass: whose a frame is, by its Ethernet address alone; everything else is the table's. */
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

int main(void)
{
	struct harness *h = harness_open(NULL);

	tap_plan(4 * N_ROWS);
	bodies_fill();
	harness_policy(h, PPN_COLUMN_HOLDING, 0);
	check(h, HARNESS_IN, "in", 0);
	check(h, HARNESS_OUT, "out", 6);
	harness_close(h);
	return tap_end();
}
