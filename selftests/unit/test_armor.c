// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "unit/hostile.h"

#include <errno.h>
#include <stdio.h>
#include "unit/fleet.h"

#define KIND PPN_ARMOR_INVITE

static enum ppn_check read_text(const char *text, uint8_t *ret_bytes, size_t max, size_t *ret_len)
{
	size_t len = strlen(text);
	char *exact = malloc(len > 0 ? len : 1); /* no NUL behind it */
	enum ppn_check check;

	assert_non_null(exact);
	memcpy(exact, text, len);
	check = ppn_armor_read(exact, len, KIND, ret_bytes, max, ret_len);
	free(exact);
	return check;
}

static void round_trip(void **state)
{
	uint8_t data[300], back[300];
	char text[512];
	size_t got;

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 7);
	for (size_t len = 0; len <= sizeof(data); len++) {
		ssize_t n =
			ppn_armor_write(text, sizeof(text), KIND, (struct ppn_bytes){ data, len });

		assert_int_equal(n, strlen(text));
		assert_check(read_text(text, back, len, &got), PPN_CHECK_OK);
		assert_int_equal(got, len);
		assert_memory_equal(back, data, len);
		if (len > 0)
			assert_check(read_text(text, back, len - 1, &got), PPN_CHECK_LONG);
	}
}

static void looks_as_stated(void **state)
{
	uint8_t data[49] = { 0 };
	char text[256];

	(void)state;
	assert_true(ppn_armor_write(text, sizeof(text), KIND, BYTES(data)) > 0);
	assert_string_equal(text,
			    "ppn-invite-1\n"
			    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"
			    "AA==\n");
}

static void reads_and_refuses(void **state)
{
	static const struct {
		const char *text;
		enum ppn_check check;
		size_t len;
	} rows[] = {
		{ "ppn-invite-1\nAAEC\n", PPN_CHECK_OK, 3 },
		{ "ppn-invite-1\nAAEC", PPN_CHECK_OK, 3 },
		{ "ppn-invite-1\r\nAA\r\nEC\r\n\r\n", PPN_CHECK_OK, 3 },
		{ "ppn-invite-1\n  AA EC\t\n", PPN_CHECK_OK, 3 },
		{ "ppn-invite-1\n", PPN_CHECK_OK, 0 },
		{ "ppn-invite-1", PPN_CHECK_SHORT, 0 },
		{ "", PPN_CHECK_SHORT, 0 },
		{ "\n", PPN_CHECK_KIND, 0 },
		{ "AAEC\n", PPN_CHECK_KIND, 0 },
		{ "ppn-authority-1\nAAEC\n", PPN_CHECK_KIND, 0 },
		{ " ppn-invite-1\nAAEC\n", PPN_CHECK_KIND, 0 },
		{ "ppn-invite-1 \nAAEC\n", PPN_CHECK_KIND, 0 },
		{ "ppn-invite-\nAAEC\n", PPN_CHECK_KIND, 0 },
		{ "ppn-invite-x\nAAEC\n", PPN_CHECK_KIND, 0 },
		{ "ppn-invite-2\nAAEC\n", PPN_CHECK_MAJOR, 0 },
		{ "ppn-invite-10\r\nAAEC\n", PPN_CHECK_MAJOR, 0 },
		{ "ppn-invite-1\nAAE\n", PPN_CHECK_FORM, 0 },
		{ "ppn-invite-1\nAAE*\n", PPN_CHECK_FORM, 0 },
		{ "ppn-invite-1\nAA==AA==\n", PPN_CHECK_FORM, 0 },
		{ "ppn-invite-1\nAAF=\n", PPN_CHECK_FORM, 0 }, /* bits below the last byte */
		{ "ppn-invite-1\nA_-C\n", PPN_CHECK_FORM, 0 }, /* the URL alphabet */
		{ "ppn-invite-1\nAAEC\nppn-invite-1\n", PPN_CHECK_FORM, 0 },
	};
	uint8_t back[64];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t got = 0;
		enum ppn_check check = read_text(rows[i].text, back, sizeof(back), &got);

		if (check != rows[i].check || (check == PPN_CHECK_OK && got != rows[i].len))
			fail_msg("row %zu: %s, %zu bytes", i, ppn_check_text(check), got);
	}
}

static void nul_inside(void **state)
{
	static const char text[] = "ppn-invite-1\nAA\0EC\n";
	uint8_t back[64];
	size_t got;

	(void)state;
	assert_check(ppn_armor_read(text, sizeof(text) - 1, KIND, back, sizeof(back), &got),
		     PPN_CHECK_FORM);
}

static void bounds(void **state)
{
	uint8_t *data = calloc(1, PPN_ARMOR_MAX);
	char *text = calloc(1, PPN_ARMOR_MAX + 1), small[18];
	size_t got;

	(void)state;
	assert_non_null(data);
	assert_non_null(text);
	assert_int_equal(ppn_armor_write(text, PPN_ARMOR_MAX, KIND,
					 (struct ppn_bytes){ data, PPN_ARMOR_MAX }),
			 -EINVAL);
	memset(text, ' ', PPN_ARMOR_MAX + 1);
	memcpy(text, KIND "\n", sizeof(KIND));
	assert_check(ppn_armor_read(text, PPN_ARMOR_MAX, KIND, data, 1, &got), PPN_CHECK_OK);
	assert_check(ppn_armor_read(text, PPN_ARMOR_MAX + 1, KIND, data, 1, &got), PPN_CHECK_LONG);
	/* 13 for the kind's line, 5 for the data's, 1 for the NUL */
	assert_int_equal(ppn_armor_write(small, 18, KIND, (struct ppn_bytes){ data, 3 }),
			 -EMSGSIZE);
	assert_int_equal(ppn_armor_write(text, 19, KIND, (struct ppn_bytes){ data, 3 }), 18);
	free(text);
	free(data);
}

static void carries_an_authority(void **state)
{
	struct fleet f;
	uint8_t data[PPN_ROOT_MAX + 1], back[PPN_ROOT_MAX + 1];
	char text[4096];
	struct ppn_trust trust;
	size_t len;

	(void)state;
	fleet_make(&f);
	data[0] = 1;
	memcpy(data + 1, f.chain, f.chain_len);
	assert_true(ppn_armor_write(text, sizeof(text), PPN_ARMOR_AUTHORITY,
				    (struct ppn_bytes){ data, f.chain_len + 1 }) > 0);
	assert_check(ppn_armor_read(text, strlen(text), PPN_ARMOR_AUTHORITY, back, sizeof(back),
				    &len),
		     PPN_CHECK_OK);
	assert_check(ppn_trust_chain(&trust, (struct ppn_bytes){ back + 1, len - 1 }, back[0],
				     f.trust.pin, NULL),
		     PPN_CHECK_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip),
		cmocka_unit_test(looks_as_stated),
		cmocka_unit_test(reads_and_refuses),
		cmocka_unit_test(nul_inside),
		cmocka_unit_test(bounds),
		cmocka_unit_test(carries_an_authority),
	};

	return cmocka_run_group_tests_name("armor", tests, setup_crypto, NULL);
}
