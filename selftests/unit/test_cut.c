// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include "lib/cut.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

static void addr(uint8_t ret[static 16], const char *text)
{
	memset(ret, 0, 16);
	if (inet_pton(AF_INET, text, ret + 12) == 1)
		ret[10] = ret[11] = 0xff;
	else if (*text)
		assert_int_equal(inet_pton(AF_INET6, text, ret), 1);
}

static struct ppn_cut_rule rule(enum ppn_cut_kind kind, uint8_t proto, uint16_t port,
				const char *prefix, uint8_t len)
{
	struct ppn_cut_rule r = { .kind = kind, .proto = proto, .port = port, .prefix_len = len };

	r.any = len == 0;
	addr(r.prefix, prefix);
	return r;
}

/* rescue, roster (some, all), egress, local egress */
static void policy_of(struct ppn_cut_policy *ret, enum ppn_column column)
{
	static struct ppn_cut_rule rules[5];

	rules[0] = rule(PPN_CUT_RESCUE, IPPROTO_TCP, 22, "192.0.2.0", 120);
	rules[1] = rule(PPN_CUT_ROSTER, IPPROTO_TCP, 80, "2001:db8::", 32);
	rules[2] = rule(PPN_CUT_ROSTER, IPPROTO_TCP, 443, "", 0);
	rules[3] = rule(PPN_CUT_EGRESS, IPPROTO_UDP, 123, "192.0.2.1", 128);
	rules[4] = rule(PPN_CUT_LOCAL, IPPROTO_TCP, 0, "198.51.100.0", 120);
	*ret = (struct ppn_cut_policy){
		.column = column,
		.claim = column == PPN_COLUMN_HOLDING,
		.claim_port = 9443,
		.wg_port = 51820,
		.has_fleet = true,
		.rule = rules,
		.n_rules = ROWS(rules),
	};
	addr(ret->fleet, "fd5c:91a2:77e0::");
}

struct row {
	const char *name;
	enum ppn_column column;
	uint8_t proto;
	const char *local, *remote; /* remote NULL: listens */
	uint16_t local_port, remote_port;
	bool inbound, off, recorded; /* off: rides on nothing external */
	enum ppn_cut cut;
	const char *rule, *keep;
};

static const struct row rows[] = {
	{ "loopback listener", PPN_COLUMN_HOLDING, IPPROTO_TCP, "127.0.0.1", NULL, 25, 0, 0, 0, 0,
	  PPN_CUT_UNTOUCHED, "loopback", "" },
	{ "loopback by IPv6", PPN_COLUMN_HOLDING, IPPROTO_TCP, "::1", NULL, 25, 0, 0, 0, 0,
	  PPN_CUT_UNTOUCHED, "loopback", "" },
	{ "on the mesh address", PPN_COLUMN_BOUND, IPPROTO_TCP, "fd5c:91a2:77e0:1::1", NULL, 80, 0,
	  0, 0, 0, PPN_CUT_UNTOUCHED, "the mesh", "" },
	{ "on an inner bridge", PPN_COLUMN_BOUND, IPPROTO_TCP, "172.17.0.1", NULL, 80, 0, 0, 1, 0,
	  PPN_CUT_UNTOUCHED, "no external interface", "" },
	{ "nobody opens it", PPN_COLUMN_HOLDING, IPPROTO_TCP, "", NULL, 25, 0, 0, 0, 0,
	  PPN_CUT_GONE, "", "[rescue] tcp/25 = PREFIX" },
	{ "the other protocol", PPN_COLUMN_HOLDING, IPPROTO_UDP, "", NULL, 22, 0, 0, 0, 0,
	  PPN_CUT_GONE, "", "[rescue] udp/22 = PREFIX" },
	{ "rescue, some", PPN_COLUMN_HOLDING, IPPROTO_TCP, "", NULL, 22, 0, 0, 0, 0, PPN_CUT_PARTLY,
	  "[rescue] tcp/22 from 192.0.2.0/24", "" },
	{ "rescue, blind", PPN_COLUMN_BLIND, IPPROTO_TCP, "", NULL, 22, 0, 0, 0, 0, PPN_CUT_GONE,
	  "", "[rescue] tcp/22 = PREFIX" },
	{ "rescue, isolated", PPN_COLUMN_ISOLATED, IPPROTO_TCP, "", NULL, 22, 0, 0, 0, 0,
	  PPN_CUT_PARTLY, "[rescue] tcp/22 from 192.0.2.0/24", "" },
	{ "roster, all", PPN_COLUMN_BOUND, IPPROTO_TCP, "", NULL, 443, 0, 0, 0, 0, PPN_CUT_KEPT,
	  "the roster opens tcp/443 from any", "" },
	{ "roster, holding", PPN_COLUMN_HOLDING, IPPROTO_TCP, "", NULL, 443, 0, 0, 0, 0,
	  PPN_CUT_GONE, "", "[rescue] tcp/443 = PREFIX" },
	{ "roster, isolated", PPN_COLUMN_ISOLATED, IPPROTO_TCP, "", NULL, 443, 0, 0, 0, 0,
	  PPN_CUT_GONE, "", "[rescue] tcp/443 = PREFIX" },
	{ "an egress rule opens nothing inwards", PPN_COLUMN_BOUND, IPPROTO_UDP, "", NULL, 123, 0,
	  0, 0, 0, PPN_CUT_GONE, "", "[rescue] udp/123 = PREFIX" },
	{ "claim port, holding", PPN_COLUMN_HOLDING, IPPROTO_TCP, "", NULL, 9443, 0, 0, 0, 0,
	  PPN_CUT_KEPT, "the claim port", "" },
	{ "WireGuard, holding", PPN_COLUMN_HOLDING, IPPROTO_UDP, "", NULL, 51820, 0, 0, 0, 0,
	  PPN_CUT_GONE, "WireGuard passes once the node is claimed", "" },
	{ "WireGuard, bound", PPN_COLUMN_BOUND, IPPROTO_UDP, "", NULL, 51820, 0, 0, 0, 0,
	  PPN_CUT_KEPT, "WireGuard", "" },

	{ "discovery", PPN_COLUMN_HOLDING, IPPROTO_UDP, "", NULL, 9442, 0, 0, 0, 0,
	  PPN_CUT_UNTOUCHED, "discovery", "" },

	{ "session, rescue", PPN_COLUMN_HOLDING, IPPROTO_TCP, "198.51.100.9", "192.0.2.77", 22,
	  4000, 1, 0, 0, PPN_CUT_KEPT, "[rescue] tcp/22 from 192.0.2.0/24", "" },
	{ "session, other source", PPN_COLUMN_HOLDING, IPPROTO_TCP, "198.51.100.9", "192.0.3.77",
	  22, 4000, 1, 0, 0, PPN_CUT_GONE, "", "[rescue] tcp/22 = 192.0.3.77/32" },
	{ "session by IPv6", PPN_COLUMN_BOUND, IPPROTO_TCP, "2001:db8::1", "2001:db9::1", 80, 4000,
	  1, 0, 0, PPN_CUT_GONE, "", "[rescue] tcp/80 = 2001:db9::1/128" },
	{ "session over the mesh", PPN_COLUMN_BOUND, IPPROTO_TCP, "fd5c:91a2:77e0::1",
	  "fd5c:91a2:77e0::2", 22, 4000, 1, 0, 0, PPN_CUT_UNTOUCHED, "the mesh", "" },
	{ "out, holding", PPN_COLUMN_HOLDING, IPPROTO_UDP, "198.51.100.9", "192.0.2.1", 4000, 123,
	  0, 0, 0, PPN_CUT_GONE, "", "none before the claim: a node opens no flows" },
	{ "out, the roster's, began before", PPN_COLUMN_BOUND, IPPROTO_UDP, "198.51.100.9",
	  "192.0.2.1", 4000, 123, 0, 0, 0, PPN_CUT_AGAIN,
	  "the roster's egress list: udp/123 to 192.0.2.1/32", "" },
	{ "out, recorded", PPN_COLUMN_BOUND, IPPROTO_UDP, "198.51.100.9", "192.0.2.1", 4000, 123, 0,
	  0, 1, PPN_CUT_KEPT, "the roster's egress list: udp/123 to 192.0.2.1/32", "" },
	{ "out, every port", PPN_COLUMN_BOUND, IPPROTO_TCP, "192.0.2.9", "198.51.100.7", 4000, 8443,
	  0, 0, 1, PPN_CUT_KEPT, "ppn egress: tcp/any to 198.51.100.0/24", "" },
	{ "out, nobody allows it", PPN_COLUMN_BOUND, IPPROTO_TCP, "192.0.2.9", "203.0.113.7", 4000,
	  443, 0, 0, 0, PPN_CUT_GONE, "",
	  "ppn egress open tcp/443 203.0.113.7/32 --for TIME; what lasts is the roster's" },
	{ "out, isolated", PPN_COLUMN_ISOLATED, IPPROTO_UDP, "198.51.100.9", "192.0.2.1", 4000, 123,
	  0, 0, 0, PPN_CUT_GONE, "", "none while it is isolated: nothing leaves" },
	{ "in from a port that egress names", PPN_COLUMN_BOUND, IPPROTO_UDP, "192.0.2.9",
	  "192.0.2.1", 4000, 123, 1, 0, 0, PPN_CUT_GONE, "", "[rescue] udp/4000 = 192.0.2.1/32" },
};

static void sockets(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		const struct row *row = &rows[i];
		struct ppn_cut_socket socket = {
			.proto = row->proto,
			.local_port = row->local_port,
			.remote_port = row->remote_port,
			.listens = !row->remote,
			.inbound = row->inbound,
			.rides = !row->off,
			.recorded = row->recorded,
		};
		struct ppn_cut_policy policy;
		struct ppn_cut_answer answer;

		memset(&answer, 0xee, sizeof(answer));
		policy_of(&policy, row->column);
		addr(socket.local, row->local);
		addr(socket.remote, row->remote ? row->remote : "");
		ppn_cut_socket(&policy, &socket, &answer);
		assert_int_equal(answer.own,
				 !row->off && !row->remote &&
					 (row->local_port == 9442 || row->local_port == 9443 ||
					  row->local_port == 51820));
		if (answer.cut != row->cut || strcmp(answer.rule, row->rule) != 0 ||
		    strcmp(answer.keep, row->keep) != 0)
			fail_msg("%s: %s, rule '%s', keep '%s'", row->name,
				 ppn_cut_text(answer.cut), answer.rule, answer.keep);
	}
}

/* A rule that would pass the same packets outside a tunnel says nothing of those inside. */
static void tunnels(void **state)
{
	struct ppn_cut_socket socket = {
		.proto = IPPROTO_TCP,
		.local_port = 22,
		.remote_port = 4000,
		.inbound = true,
		.rides = true,
		.tunnel = "wg0",
	};
	struct ppn_cut_policy policy;
	struct ppn_cut_answer answer;

	(void)state;
	policy_of(&policy, PPN_COLUMN_HOLDING);
	addr(socket.local, "10.8.0.1");
	addr(socket.remote, "192.0.2.77");
	ppn_cut_socket(&policy, &socket, &answer);
	assert_int_equal(answer.cut, PPN_CUT_GONE);
	assert_string_equal(answer.keep, "[rescue] of the port that wg0 itself comes in by, unless "
					 "there is one");
	socket.rides = false;
	ppn_cut_socket(&policy, &socket, &answer);
	assert_int_equal(answer.cut, PPN_CUT_UNTOUCHED);
}

static void interfaces(void **state)
{
	/* eth0, eth1 external; bond0 over eth1; bond0.7; br0 with bond0.7 and tap0; br1 with veth0. */
	static const struct ppn_cut_link links[] = {
		{ 1, 0, 0, false, 0, false },
		{ 2, 0, 0, true, PPN_UNDERLAY_DHCP, false },
		{ 3, 4, 0, true, PPN_UNDERLAY_STATIC, false },
		{ 4, 0, 0, false, 0, false },
		{ 5, 6, 4, false, 0, false },
		{ 6, 0, 0, false, 0, false },
		{ 7, 6, 0, false, 0, false },
		{ 8, 0, 0, false, 0, false },
		{ 9, 8, 0, false, 0, false },
		{ 20, 0, 21, false, 0, false }, /* tables that never were */
		{ 21, 0, 20, false, 0, false },
		{ 22, 22, 0, false, 0, false },
		{ 30, 0, 0, false, 0, true }, /* wg0; vx0 over bond0; br2 with vx1 */
		{ 31, 0, 4, false, 0, true },
		{ 32, 0, 0, false, 0, false },
		{ 33, 32, 0, false, 0, true },
		{ 40, 0, 0, false, 0, false }, /* br3 with vx2 and, plugged in later, eth2 */
		{ 41, 40, 0, false, 0, true },
		{ 42, 40, 0, true, 0, false },
	};
	static const uint32_t carried[][3] = { { 2, 2, 0 },   { 4, 3, 0 },   { 8, 0, 0 },
					       { 30, 2, 30 }, { 31, 3, 31 }, { 32, 2, 33 },
					       { 33, 2, 33 }, { 20, 0, 0 },  { 40, 42, 0 } };
	static const uint32_t wanted[][2] = { { 1, 0 }, { 2, 2 },  { 3, 3 },  { 4, 3 },
					      { 5, 3 }, { 6, 3 },  { 7, 0 },  { 8, 0 },
					      { 9, 0 }, { 20, 0 }, { 22, 0 }, { 99, 0 },
					      { 0, 0 }, { 30, 0 }, { 31, 3 }, { 32, 0 } };

	(void)state;
	for (size_t i = 0; i < ROWS(wanted); i++) {
		const struct ppn_cut_link *link = ppn_cut_rides(links, ROWS(links), wanted[i][0]);

		if ((link ? link->ifindex : 0) != wanted[i][1])
			fail_msg("%u rides on %u", wanted[i][0], link ? link->ifindex : 0);
	}
	for (size_t i = 0; i < ROWS(carried); i++) {
		const struct ppn_cut_link *tunnel;
		const struct ppn_cut_link *link =
			ppn_cut_carries(links, ROWS(links), carried[i][0], &tunnel);

		if ((link ? link->ifindex : 0) != carried[i][1] ||
		    (tunnel ? tunnel->ifindex : 0) != carried[i][2])
			fail_msg("%u is carried by %u, inside %u", carried[i][0],
				 link ? link->ifindex : 0, tunnel ? tunnel->ifindex : 0);
	}
}

static void leases(void **state)
{
	static const struct {
		bool v4, by_ra;
		uint32_t valid_s;
		bool client;
		enum ppn_underlay underlay;
		enum ppn_cut cut;
		const char *text;
	} table[] = {
		{ 1, 0, UINT32_MAX, 0, PPN_UNDERLAY_LINK_LOCAL, PPN_CUT_UNTOUCHED,
		  "its address is for ever" },
		{ 1, 0, UINT32_MAX, 1, PPN_UNDERLAY_STATIC, PPN_CUT_UNTOUCHED,
		  "its address is for ever" },
		{ 1, 0, UINT32_MAX, 1, PPN_UNDERLAY_LINK_LOCAL, PPN_CUT_REFUSED,
		  "[underlay] eth0 = dhcp" },
		{ 1, 0, UINT32_MAX, 1, PPN_UNDERLAY_SLAAC, PPN_CUT_REFUSED,
		  "[underlay] eth0 = dhcp" },
		{ 1, 0, UINT32_MAX, 1, PPN_UNDERLAY_DHCP, PPN_CUT_KEPT, "[underlay] eth0 = dhcp" },
		{ 0, 0, UINT32_MAX, 1, PPN_UNDERLAY_LINK_LOCAL, PPN_CUT_REFUSED,
		  "[underlay] eth0 = dhcp" },
		{ 0, 0, UINT32_MAX, 1, PPN_UNDERLAY_SLAAC, PPN_CUT_UNTOUCHED,
		  "its address is for ever" },
		{ 1, 0, 3600, 0, PPN_UNDERLAY_DHCP, PPN_CUT_KEPT, "[underlay] eth0 = dhcp" },
		{ 1, 0, 3600, 0, PPN_UNDERLAY_STATIC, PPN_CUT_REFUSED, "[underlay] eth0 = dhcp" },
		{ 0, 0, 3600, 0, PPN_UNDERLAY_LINK_LOCAL, PPN_CUT_REFUSED,
		  "[underlay] eth0 = dhcp" },
		{ 0, 0, 3600, 0, PPN_UNDERLAY_SLAAC, PPN_CUT_REFUSED, "[underlay] eth0 = dhcp" },
		{ 0, 1, 3600, 0, PPN_UNDERLAY_SLAAC, PPN_CUT_KEPT, "[underlay] eth0 = slaac" },
		{ 0, 1, 3600, 0, PPN_UNDERLAY_DHCP, PPN_CUT_REFUSED, "[underlay] eth0 = slaac" },
	};

	(void)state;
	for (size_t i = 0; i < ROWS(table); i++) {
		const struct ppn_cut_lease lease = { table[i].v4,	table[i].by_ra,
						     table[i].valid_s,	table[i].client,
						     table[i].underlay, "eth0" };
		struct ppn_cut_answer answer;

		ppn_cut_lease(&lease, &answer);
		if (answer.cut != table[i].cut)
			fail_msg("row %zu: %s", i, ppn_cut_text(answer.cut));
		assert_string_equal(answer.cut == PPN_CUT_REFUSED ? answer.keep : answer.rule,
				    table[i].text);
	}
}

static void mounts(void **state)
{
	static const struct {
		const char *point;
		enum ppn_cut_medium medium;
		const char *server; /* NULL: not known */
		bool off;
		uint16_t port;
		enum ppn_cut cut;
	} table[] = {
		{ "/", PPN_CUT_MEDIUM_LOCAL, NULL, 0, 0, PPN_CUT_UNTOUCHED },
		{ "/", PPN_CUT_MEDIUM_NETWORK_BLOCK, NULL, 0, 0, PPN_CUT_REFUSED },
		{ "/", PPN_CUT_MEDIUM_NETWORK_FS, "192.0.2.5", 0, 2049, PPN_CUT_REFUSED },
		{ "/usr", PPN_CUT_MEDIUM_NETWORK_FS, NULL, 0, 0, PPN_CUT_REFUSED },
		{ "/var", PPN_CUT_MEDIUM_NETWORK_FS, NULL, 0, 0, PPN_CUT_REFUSED },
		{ "/var/lib/ppn", PPN_CUT_MEDIUM_NETWORK_FS, NULL, 0, 0, PPN_CUT_REFUSED },
		{ "/variety", PPN_CUT_MEDIUM_NETWORK_FS, NULL, 0, 0, PPN_CUT_GONE },
		{ "swap", PPN_CUT_MEDIUM_NETWORK_BLOCK, NULL, 0, 0, PPN_CUT_REFUSED },
		{ "/srv", PPN_CUT_MEDIUM_NETWORK_FS, "192.0.2.5", 0, 2049, PPN_CUT_GONE },
		{ "/srv", PPN_CUT_MEDIUM_NETWORK_FS, "198.51.100.5", 0, 2049, PPN_CUT_AGAIN },
		{ "/", PPN_CUT_MEDIUM_NETWORK_FS, "192.0.2.5", 1, 2049, PPN_CUT_UNTOUCHED },
		{ "/var", PPN_CUT_MEDIUM_NETWORK_FS, "127.0.0.1", 0, 2049, PPN_CUT_UNTOUCHED },
		{ "/home", PPN_CUT_MEDIUM_NETWORK_FS, "fd5c:91a2:77e0::9", 0, 2049,
		  PPN_CUT_UNTOUCHED },
	};

	(void)state;
	for (size_t i = 0; i < ROWS(table); i++) {
		struct ppn_cut_mount mount = {
			.point = table[i].point,
			.medium = table[i].medium,
			.has_server = table[i].server,
			.server_rides = !table[i].off,
			.server_port = table[i].port,
		};
		struct ppn_cut_policy policy;
		struct ppn_cut_answer answer;

		policy_of(&policy, PPN_COLUMN_BOUND);
		addr(mount.server, table[i].server ? table[i].server : "");
		ppn_cut_mount(&policy, &mount, &answer);
		if (answer.cut != table[i].cut)
			fail_msg("row %zu, %s: %s", i, mount.point, ppn_cut_text(answer.cut));
	}
	assert_int_equal(ppn_cut_filesystem("nfs4"), PPN_CUT_MEDIUM_NETWORK_FS);
	assert_int_equal(ppn_cut_filesystem("fuse.sshfs"), PPN_CUT_MEDIUM_NETWORK_FS);
	assert_int_equal(ppn_cut_filesystem("ext4"), PPN_CUT_MEDIUM_LOCAL);
}

/* What would keep a mount is what would keep a flow. */
static void mounts_kept(void **state)
{
	static const struct {
		enum ppn_column column;
		const char *server; /* NULL: not known */
		uint16_t port;
		const char *keep;
	} table[] = {
		{ PPN_COLUMN_BOUND, "192.0.2.5", 2049,
		  "ppn egress open tcp/2049 192.0.2.5/32 --for TIME; what lasts is the roster's" },
		{ PPN_COLUMN_BOUND, "192.0.2.5", 0,
		  "ppn egress open of its server's port; what lasts is the roster's" },
		{ PPN_COLUMN_BOUND, NULL, 2049,
		  "ppn egress open of its server's port; what lasts is the roster's" },
		{ PPN_COLUMN_HOLDING, "192.0.2.5", 2049,
		  "none before the claim: a node opens no flows" },
		{ PPN_COLUMN_ISOLATED, NULL, 0, "none while it is isolated: nothing leaves" },
	};

	(void)state;
	for (size_t i = 0; i < ROWS(table); i++) {
		struct ppn_cut_mount mount = {
			.point = "/srv",
			.medium = PPN_CUT_MEDIUM_NETWORK_FS,
			.has_server = table[i].server,
			.server_rides = true,
			.server_port = table[i].port,
		};
		struct ppn_cut_policy policy;
		struct ppn_cut_answer answer;

		policy_of(&policy, table[i].column);
		addr(mount.server, table[i].server ? table[i].server : "");
		ppn_cut_mount(&policy, &mount, &answer);
		assert_int_equal(answer.cut, PPN_CUT_GONE);
		assert_string_equal(answer.keep, table[i].keep);
	}
}

static void prefixes(void **state)
{
	char text[PPN_PREFIX_TEXT_LEN];
	uint8_t prefix[16];

	(void)state;
	addr(prefix, "192.0.2.0");
	assert_string_equal(ppn_prefix_text(text, prefix, 120), "192.0.2.0/24");
	addr(prefix, "0.0.0.0");
	assert_string_equal(ppn_prefix_text(text, prefix, 96), "0.0.0.0/0");
	addr(prefix, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe");
	assert_string_equal(ppn_prefix_text(text, prefix, 127),
			    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe/127");
	assert_string_equal(ppn_prefix_text(text, prefix, 0), "any");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sockets),    cmocka_unit_test(tunnels),
		cmocka_unit_test(interfaces), cmocka_unit_test(leases),
		cmocka_unit_test(mounts),     cmocka_unit_test(mounts_kept),
		cmocka_unit_test(prefixes),
	};

	return cmocka_run_group_tests_name("cut", tests, NULL, NULL);
}
