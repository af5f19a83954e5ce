// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "unit/hostile.h"

#include <arpa/inet.h>
#include <errno.h>
#include "unit/fleet.h"

static const uint8_t fleet[PPN_HASH_LEN] = { 0x5c, 0x91, 0xa2, 0x77, 0xe0, 0xff, 0xff };

static void fleet_prefix(void **state)
{
	uint8_t addr[16];
	char text[INET6_ADDRSTRLEN];

	(void)state;
	memset(addr, 0xee, sizeof(addr));
	ppn_fleet_prefix(addr, fleet);
	assert_non_null(inet_ntop(AF_INET6, addr, text, sizeof(text)));
	assert_string_equal(text, "fd5c:91a2:77e0::");
}

static void mesh_address(void **state)
{
	static const struct {
		uint16_t host;
		uint8_t high, low;
	} rows[] = { { 1, 0, 1 },
		     { 2, 0, 2 },
		     { 0, 0, 0 },
		     { 0x1234, 0x12, 0x34 },
		     { 0xffff, 0xff, 0xff } };
	uint8_t identity[PPN_KEY_LEN], other[PPN_KEY_LEN], hash[PPN_HASH_LEN], addr[16], again[16];

	(void)state;
	sign_key_of(identity, "node");
	sign_key_of(other, "another node");
	ppn_hash(hash, identity, sizeof(identity));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		ppn_mesh_address(addr, fleet, identity, rows[i].host);
		assert_memory_equal(addr, "\xfd\x5c\x91\xa2\x77\xe0", 6);
		assert_memory_equal(addr + 6, hash, 8);
		assert_int_equal(addr[14], rows[i].high);
		assert_int_equal(addr[15], rows[i].low);
	}
	ppn_mesh_address(addr, fleet, identity, 1);
	ppn_mesh_address(again, fleet, identity, 1);
	assert_memory_equal(addr, again, sizeof(addr));
	ppn_mesh_address(again, fleet, other, 1);
	assert_memory_not_equal(addr, again, sizeof(addr));
}

/* DESIGN 5.4: a network of one has its own key for a root. */
static void network_of_one(void **state)
{
	uint8_t identity[PPN_KEY_LEN], own_fleet[PPN_HASH_LEN], addr[16];

	(void)state;
	sign_key_of(identity, "node");
	ppn_hash(own_fleet, identity, sizeof(identity));
	ppn_mesh_address(addr, own_fleet, identity, 1);
	assert_int_equal(addr[0], 0xfd);
	assert_memory_equal(addr + 1, own_fleet, 5);
	assert_memory_equal(addr + 6, own_fleet, 8);
}

static void both_families(void **state)
{
	static const struct {
		const char *text, *back; /* NULL: none */
		bool v4;
	} rows[] = {
		{ "192.0.2.1", "192.0.2.1", true },
		{ "::ffff:192.0.2.1", "192.0.2.1", true },
		{ "0.0.0.0", "0.0.0.0", true },
		{ "2001:db8::1", "2001:db8::1", false },
		{ "2001:db8:0:0:0:0:0:1", "2001:db8::1", false },
		{ "::", "::", false },
		{ "::192.0.2.1", "::192.0.2.1", false },
		{ "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255",
		  "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", false },
		{ "", NULL, false },
		{ "192.0.2", NULL, false },
		{ "192.0.2.1/24", NULL, false },
		{ "[2001:db8::1]", NULL, false },
		{ "fe80::1%lo", NULL, false },
		{ "host", NULL, false },
	};
	char text[PPN_ADDRESS_TEXT];
	uint8_t addr[16], kept[16];

	(void)state;
	memset(kept, 0xee, sizeof(kept));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		memset(addr, 0xee, sizeof(addr));
		if (!rows[i].back) {
			assert_int_equal(ppn_address_read(addr, rows[i].text), -EINVAL);
			assert_memory_equal(addr, kept, sizeof(addr));
			continue;
		}
		assert_int_equal(ppn_address_read(addr, rows[i].text), 0);
		assert_int_equal(ppn_address_is_v4(addr), rows[i].v4);
		assert_string_equal(ppn_address_text(text, addr), rows[i].back);
	}
	/* in its own place, as a netlink attribute or a socket address is */
	memcpy(addr, "\xc0\x00\x02\x07", 4);
	ppn_address_v4(addr, addr);
	assert_string_equal(ppn_address_text(text, addr), "192.0.2.7");
}

static void loopback(void **state)
{
	static const struct {
		const char *text;
		bool is;
	} rows[] = {
		{ "127.0.0.1", true },	{ "127.255.0.9", true }, { "::1", true },
		{ "126.0.0.1", false }, { "128.0.0.1", false },	 { "::2", false },
		{ "::", false },	{ "7f00::1", false },
	};
	uint8_t addr[16];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(ppn_address_read(addr, rows[i].text), 0);
		if (ppn_address_is_loopback(addr) != rows[i].is)
			fail_msg("%s", rows[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(loopback),	 cmocka_unit_test(fleet_prefix),
		cmocka_unit_test(mesh_address),	 cmocka_unit_test(network_of_one),
		cmocka_unit_test(both_families),
	};

	return cmocka_run_group_tests_name("address", tests, setup_crypto, NULL);
}
