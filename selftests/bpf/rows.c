// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <stdio.h>
#include "bodies.h"

static const char *const columns[] = { "blind", "holding", "bound", "isolated",
				       "isolated by command" };

static void set_ports(struct harness *h)
{
	harness_port(h, IPPROTO_TCP, 443, false, NULL);
	harness_port(h, IPPROTO_UDP, 53, false, "192.0.2.0/24");
	harness_port(h, IPPROTO_TCP, 22, true, "198.51.100.0/24");
	harness_port(h, IPPROTO_TCP, 22, true, "2001:db8:5::/48");
	harness_port(h, IPPROTO_TCP, 8443, true, NULL);
}

static void set_world(struct harness *h, const struct row *row, int column, uint32_t more_flags)
{
	const uint32_t with = row->with;
	const uint32_t ports = with & WITH_PORTS ? PPN_POLICY_PORTS : 0;
	const int in_force = column > PPN_COLUMN_ISOLATED ? PPN_COLUMN_BOUND : column;

	harness_pin(h, !(with & WITHOUT_PIN));
	harness_fleet(h, !(with & WITHOUT_FLEET));
	harness_isolate(h, column > PPN_COLUMN_ISOLATED);
	harness_iface(h,
		      with & WITH_DHCP	? PPN_UNDERLAY_DHCP :
		      with & WITH_SLAAC ? PPN_UNDERLAY_SLAAC :
					  0,
		      (with & WITH_LACP ? PPN_IFACE_LACP : 0) |
			      (with & WITH_EAPOL ? PPN_IFACE_EAPOL : 0));
	harness_floor(h, body_serial, with & WITH_FLOOR ? BODY_TIME : 0);
	harness_policy(h, (enum ppn_column)in_force, row->flags | ports | more_flags);
	if (ports)
		set_ports(h);
	harness_no_lease(h);
	if (with & (WITH_LEASE | WITH_OLD_LEASE))
		harness_lease(h, &body_lease, with & WITH_LEASE ? 0 : PPN_LEASE_SECONDS + 1);
}

/* True, or a note that says what came instead. */
static bool run_one(struct harness *h, enum harness_way way, const struct row *row, int column,
		    bool observe)
{
	const int c = column > PPN_COLUMN_ISOLATED ? PPN_COLUMN_ISOLATED : column;
	const bool want_pass = observe || row->verdict[c] == 'P';
	struct harness_result r;
	struct pkt p;

	pkt_build(&row->packet, &p);
	set_world(h, row, column, observe ? PPN_POLICY_OBSERVE : 0);
	r = harness_run(h, way, p.data, p.len);
	if (r.pass == want_pass && r.reason == row->reason[c] && r.same &&
	    r.events == (r.reason == PPN_REASON_BEACON))
		return true;
	tap_note("%s%s: %s by %s instead of %s by %s; packet %s, %u handed up", columns[column],
		 observe ? ", observing" : "", r.pass ? "pass" : "drop",
		 harness_reason_name(r.reason), want_pass ? "pass" : "drop",
		 harness_reason_name(row->reason[c]), r.same ? "the same" : "changed", r.events);
	return false;
}

void rows_run(struct harness *h, enum harness_way way, const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		bool ok = true;

		for (int column = 0; column <= PPN_COLUMN_ISOLATED + 1; column++) {
			ok &= run_one(h, way, &rows[i], column, false);
			ok &= run_one(h, way, &rows[i], column, true);
		}
		tap_ok(ok, "%s", rows[i].name);
	}
}
