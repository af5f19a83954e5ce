// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "unit/hostile.h"

#include "lib/packet_text.h"

/* Frames as scapy made them. */
static const struct {
	const char *text, *frame;
} rows[] = {
	{ "tcp 192.0.2.7:40000 > 192.0.2.2:22 [S]",
	  "ffffffffffff000000000000080045000028000100004006f6c5c0000207c00002029c400016"
	  "0000000000000000500220006f820000" },
	{ "tcp 192.0.2.7:40000 > 192.0.2.2:22 [FP.]",
	  "ffffffffffff00000000000008004600002c000100004006f3bfc0000207c000020201010101"
	  "9c4000160000000000000000501920006f6b0000" },
	{ "udp [2001:db8::7]:53 > [2001:db8::1]:161",
	  "ffffffffffff02fc0000000186dd600000000008114020010db8000000000000000000000007"
	  "20010db8000000000000000000000001003500a10008a38e" },
	{ "vlan 5 vlan 7 udp 192.0.2.7:1 > 192.0.2.2:2",
	  "ffffffffffff000000000000810000058100000708004500001c000100004011f6c6c0000207"
	  "c00002020001000200087bd1" },
	{ "icmp 192.0.2.7 > 192.0.2.2 type 8 code 0",
	  "ffffffffffff00000000000008004500001c000100004001f6d6c0000207c00002020800f7ff"
	  "00000000" },
	{ "icmp6 fe80::7 > ff02::1 type 134 code 0",
	  "33330000000102fc0000000186dd6000000000103afffe800000000000000000000000000007"
	  "ff02000000000000000000000000000186007519000807080000000000000000" },
	{ "ip protocol 17 192.0.2.7 > 192.0.2.2 (fragment)",
	  "ffffffffffff00000000000008004500001c000100034011f6c3c0000207c000020278787878"
	  "78787878" },
	{ "ip protocol 47 192.0.2.7 > 192.0.2.2",
	  "ffffffffffff00000000000008004500001800010000402ff6acc0000207c000020278787878" },
	{ "ip6 protocol 44 2001:db8::7 > 2001:db8::1",
	  "ffffffffffff02fc0000000186dd6000000000102c4020010db8000000000000000000000007"
	  "20010db80000000000000000000000011100000000000000003500350008a3fa" },
	{ "arp 192.0.2.7 asks for 192.0.2.1",
	  "02fc0000000502fc000000010806000108000604000102fc00000001c0000207000000000000"
	  "c0000201" },
	{ "arp 192.0.2.7 tells 192.0.2.1",
	  "02fc0000000502fc000000010806000108000604000202fc00000001c0000207000000000000"
	  "c0000201" },
	{ "ethertype 0x88cc",
	  "ffffffffffff02fc0000000188cc787878787878787878787878787878787878787878787878"
	  "78787878787878787878787878787878787878787878" },
	{ "vlan 1 vlan 1 ethertype 0x8100",
	  "ffffffffffff0000000000008100000181000001810000010800450000140001000040007ce7"
	  "7f0000017f000001" },
	{ "udp 192.0.2.7 > 192.0.2.2",
	  "ffffffffffff000000000000080045000014000100004011f6cec0000207c0000202" },
	{ "ip, malformed",
	  "ffffffffffff02fc000000010800657878787878787878787878787878787878787878787878"
	  "7878787878787878787878787878787878" },
	{ "ip6, malformed", "ffffffffffff02fc0000000186dd6578787878787878787878" },
	{ "arp, malformed", "ffffffffffff02fc0000000108066578787878787878787878" },
};

static size_t from_hex(uint8_t *ret, const char *hex)
{
	size_t n = 0;

	for (; *hex; hex += 2) {
		static const char digits[] = "0123456789abcdef";

		ret[n++] = (uint8_t)((strchr(digits, hex[0]) - digits) * 16 +
				     (strchr(digits, hex[1]) - digits));
	}
	return n;
}

static void whole(void **state)
{
	char text[PPN_PACKET_TEXT_LEN];
	uint8_t frame[256];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const size_t len = from_hex(frame, rows[i].frame);

		assert_string_equal(ppn_packet_text(text, frame, len), rows[i].text);
	}
}

/* Cut at every byte, in memory that ends there. */
static void cut(void **state)
{
	char text[PPN_PACKET_TEXT_LEN];
	struct ppn_packet_ends ends;
	uint8_t frame[256];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const size_t whole_len = from_hex(frame, rows[i].frame);

		for (size_t len = 0; len < whole_len; len++) {
			uint8_t *exact = test_malloc(len ? len : 1);

			memcpy(exact, frame, len);
			memset(text, 0x7f, sizeof(text));
			assert_ptr_equal(ppn_packet_text(text, exact, len), text);
			assert_true(strlen(text) > 0 && strlen(text) < sizeof(text));
			(void)ppn_packet_ends(&ends, exact, len);
			test_free(exact);
		}
	}
}

static void ends_of(struct ppn_packet_ends *ret, size_t row, bool is_ip)
{
	uint8_t frame[256];

	memset(ret, 0x7f, sizeof(*ret));
	assert_int_equal(ppn_packet_ends(ret, frame, from_hex(frame, rows[row].frame)), is_ip);
}

static void assert_ends(size_t row, unsigned int proto, const char *src, const char *dst)
{
	struct ppn_packet_ends ends;

	ends_of(&ends, row, true);
	assert_int_equal(ends.proto, proto);
	assert_string_equal(ends.src, src);
	assert_string_equal(ends.dst, dst);
	assert_int_equal(ends.has_ports, strchr(rows[row].text, ':') && row < 4);
}

static void ends(void **state)
{
	static const size_t no_ip[] = { 9, 10, 11, 12, 14, 15, 16 };
	struct ppn_packet_ends got;

	(void)state;
	assert_ends(0, 6, "192.0.2.7", "192.0.2.2");
	assert_ends(2, 17, "2001:db8::7", "2001:db8::1");
	assert_ends(3, 17, "192.0.2.7", "192.0.2.2");
	assert_ends(4, 1, "192.0.2.7", "192.0.2.2");
	assert_ends(5, 58, "fe80::7", "ff02::1");
	assert_ends(6, 17, "192.0.2.7", "192.0.2.2"); /* a fragment */
	assert_ends(7, 47, "192.0.2.7", "192.0.2.2");
	assert_ends(13, 17, "192.0.2.7", "192.0.2.2"); /* no header behind IP */
	ends_of(&got, 0, true);
	assert_int_equal(got.sport, 40000);
	assert_int_equal(got.dport, 22);
	ends_of(&got, 2, true);
	assert_int_equal(got.sport, 53);
	assert_int_equal(got.dport, 161);
	for (size_t i = 0; i < sizeof(no_ip) / sizeof(no_ip[0]); i++)
		ends_of(&got, no_ip[i], false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole),
		cmocka_unit_test(cut),
		cmocka_unit_test(ends),
	};

	return cmocka_run_group_tests_name("packet_text", tests, NULL, NULL);
}
