// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* INI files: what is taken, and that every refusal names file and line. */
#include "unit/hostile.h"

#include <errno.h>
#include "host/ini.h"
#include "unit/scratch.h"

/* Every setting, in order, as "key=value;". */
struct config {
	char seen[4096];
};

static int set_any(void *config, const char *key, const char *value, char ret_why[static 160])
{
	struct config *c = config;
	size_t len = strlen(c->seen);

	if (strcmp(value, "bad") == 0) {
		snprintf(ret_why, 160, "\"bad\" is not a number");
		return -EINVAL;
	}
	if (strcmp(value, "mute") == 0)
		return -EINVAL;
	snprintf(c->seen + len, sizeof(c->seen) - len, "%s=%s;", key, value);
	return 0;
}

static const struct ppn_ini_key keys[] = {
	{ "node", "port", set_any },  { "node", "posture", set_any },	{ "seal", "port", set_any },
	{ "underlay", "*", set_any }, { "underlay", "fixed", set_any },
};

static int parse(const char *text, size_t len, struct config *config, char why[static 256])
{
	char *exact = malloc(len ? len : 1); /* a byte read past the end is seen */
	int err;

	memcpy(exact, text, len);
	memset(config, 0, sizeof(*config));
	why[0] = '\0';
	err = ppn_ini_parse("f", exact, len, keys, sizeof(keys) / sizeof(keys[0]), config, why);
	free(exact);
	return err;
}

static void takes(void **state)
{
	static const struct {
		const char *text, *seen;
	} rows[] = {
		{ "", "" },
		{ "\n\n; only\n# comments\n", "" },
		{ "[node]\n", "" },
		{ "[node]\nport = 1", "port=1;" },
		{ "[node]\nport=1\n", "port=1;" },
		{ "[node]\r\nport = 1\r\nposture = onprem\r\n", "port=1;posture=onprem;" },
		{ "[node]\nport: 1\n", "port=1;" },
		{ "[node]\nport = 1 ; said\n", "port=1;" },
		{ "[node]\nport = 1   # said, x\nposture=a#b\t# said\n", "port=1;posture=a#b;" },
		{ "[node] # said\nport = #1\nposture = # said\n", "port=;posture=;" },
		{ "[node] ; said\nport = a b  \n", "port=a b;" },
		{ "  # said\n\t; said\n[node]\nport=\n", "port=;" },
		{ "[node]\nport=1\n[seal]\nport=2\n[node]\nposture=x\n",
		  "port=1;port=2;posture=x;" },
		{ "[underlay]\neth0 = dhcp\nfixed = 1\neth1 = slaac\n",
		  "eth0=dhcp;fixed=1;eth1=slaac;" },
		{ "\xef\xbb\xbf[node]\nport = 1\n", "port=1;" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct config config;
		char why[256];

		if (parse(rows[i].text, strlen(rows[i].text), &config, why))
			fail_msg("%s: %s", rows[i].text, why);
		assert_string_equal(config.seen, rows[i].seen);
	}
}

#define TEN "0123456789"
#define NINETY TEN TEN TEN TEN TEN TEN TEN TEN TEN

static void refuses(void **state)
{
	static const struct {
		const char *text, *why;
	} rows[] = {
		{ "port = 1\n", "f:1: before the first [SECTION]: port" },
		{ "[nod]\n", "f:1: unknown section nod" },
		{ "[node]\nport = 1\n\n[x]\ny = 1\n", "f:4: unknown section x" },
		{ "[node]\nprt = 1\n", "f:2: unknown key prt" },
		{ "[seal]\nposture = 1\n", "f:2: unknown key posture" },
		{ "[node]\n= 1\n", "f:2: unknown key " },
		{ "[underlay]\n= 1\n", "f:2: unknown key " },
		{ "[node]\nport = 1\n; said\nport = 2\n", "f:4: given a second time: port" },
		{ "[node]\nport = 1\n[node]\nport = 2\n", "f:4: given a second time: port" },
		{ "[underlay]\neth0 = dhcp\neth0 = slaac\n", "f:3: given a second time: eth0" },
		{ "[node]\nport\n", "f:2: neither [SECTION] nor KEY = VALUE" },
		{ "[node]\nport = bad\n", "f:2: port: \"bad\" is not a number" },
		{ "[node]\nport = mute\nposture = bad\n", "f:2: port: bad value" },
		{ "[node\nport = 1\n", "f:1: a section is [NAME] alone on its line" },
		{ "[node] port = 1\n", "f:1: a section is [NAME] alone on its line" },
		{ "[node]\nport = 1\n  2\n",
		  "f:3: the line starts with white space: start it at the margin" },
		{ "[node]\nport = a\033[2Jb\n", "f:2: a control character in the line: remove it" },
		{ "[node]\nport = a\rb\n", "f:2: a control character in the line: remove it" },
		{ "[node]\nport = 12" NINETY NINETY TEN "\n",
		  "f:2: the line is longer than 198 bytes: shorten it" },
		{ "; " NINETY NINETY TEN NINETY "\n",
		  "f:1: the line is longer than 198 bytes: shorten it" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct config config;
		char why[256];

		if (parse(rows[i].text, strlen(rows[i].text), &config, why) != -EINVAL)
			fail_msg("taken: %s", rows[i].text);
		assert_string_equal(why, rows[i].why);
	}
}

/* inih would cut at 199 and read the rest as a line of its own. */
static void longest_line(void **state)
{
	char text[512] = "[node]\nport = ", why[256];
	struct config config;
	size_t at = strlen(text);

	(void)state;
	memset(text + at, 'v', 198 - strlen("port = "));
	strcat(text, "\nposture = 1\n");
	assert_int_equal(parse(text, strlen(text), &config, why), 0);
	assert_int_equal(strlen(config.seen), strlen("port=;posture=1;") + 198 - strlen("port = "));
	text[198 + strlen("[node]\n")] = 'v';
	assert_int_equal(parse(text, strlen(text), &config, why), -EINVAL);
}

static void nul_byte(void **state)
{
	static const char text[] = "[node]\nport = 1\0\nposture = 2\n";
	struct config config;
	char why[256];

	(void)state;
	assert_int_equal(parse(text, sizeof(text) - 1, &config, why), -EINVAL);
	assert_string_equal(why, "f:2: a control character in the line: remove it");
}

static void too_many(void **state)
{
	char *text = calloc(1, 16 * (PPN_INI_SETTINGS_MAX + 2)), why[256];
	struct config config;
	size_t len;

	(void)state;
	len = (size_t)sprintf(text, "[underlay]\n");
	for (int i = 0; i < PPN_INI_SETTINGS_MAX; i++)
		len += (size_t)sprintf(text + len, "e%d=\n", i);
	assert_int_equal(parse(text, len, &config, why), 0);
	len += (size_t)sprintf(text + len, "more=\n");
	assert_int_equal(parse(text, len, &config, why), -EINVAL);
	assert_string_equal(why, "f:514: too many settings in one file");
	free(text);
}

static void from_file(void **state)
{
	char path[128], why[256], expected[256], big[PPN_INI_MAX + 1];
	int dir = scratch_open(state);
	struct config config = { 0 };

	snprintf(path, sizeof(path), "%s/conf", (char *)*state);
	assert_int_equal(ppn_ini_read(path, keys, 5, &config, why), -ENOENT);
	snprintf(expected, sizeof(expected), "%s: No such file or directory", path);
	assert_string_equal(why, expected);
	scratch_put(dir, "conf", "[node]\nport = 9\n", 16);
	assert_int_equal(ppn_ini_read(path, keys, 5, &config, why), 0);
	assert_string_equal(config.seen, "port=9;");
	scratch_put(dir, "conf", "[node]\nport = bad\n", 18);
	assert_int_equal(ppn_ini_read(path, keys, 5, &config, why), -EINVAL);
	snprintf(expected, sizeof(expected), "%s:2: port: \"bad\" is not a number", path);
	assert_string_equal(why, expected);
	memset(big, '\n', sizeof(big));
	scratch_put(dir, "conf", big, sizeof(big));
	assert_int_equal(ppn_ini_read(path, keys, 5, &config, why), -EFBIG);
	close(dir);
}

static void where(void **state)
{
	static const char text[] =
		"# port = 1\n[node]\nname = x\n  \n[other]\nport=3\n[node]\nport  = 2\n";
	char path[128];
	int dir = scratch_open(state);

	snprintf(path, sizeof(path), "%s/conf", (char *)*state);
	assert_int_equal(ppn_ini_where(path, "node", "port"), 0);
	scratch_put(dir, "conf", text, sizeof(text) - 1);
	assert_int_equal(ppn_ini_where(path, "node", "port"), 8);
	assert_int_equal(ppn_ini_where(path, "node", "name"), 3);
	assert_int_equal(ppn_ini_where(path, "other", "port"), 6);
	assert_int_equal(ppn_ini_where(path, "other", "por"), 0);
	assert_int_equal(ppn_ini_where(path, "nod", "name"), 0);
	close(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes),
		cmocka_unit_test(refuses),
		cmocka_unit_test(longest_line),
		cmocka_unit_test(nul_byte),
		cmocka_unit_test(too_many),
		cmocka_unit_test_setup_teardown(from_file, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(where, scratch_setup, scratch_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
