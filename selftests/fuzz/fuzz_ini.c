// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Input: a configuration file. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "fuzz/mend.h"
#include "host/ini.h"

/* Every value is a string that ends, of a line that fits. */
static int set(void *config, const char *key, const char *value, char ret_why[static 160])
{
	unsigned int *settings = config;

	must(strlen(key) + strlen(value) < PPN_INI_LINE_MAX);
	for (const char *p = value; *p; p++)
		must((unsigned char)*p >= 0x20 || *p == '\t');
	++*settings;
	if (*value != '!')
		return 0;
	snprintf(ret_why, 160, "%s", value);
	return -EINVAL;
}

static const struct ppn_ini_key keys[] = {
	{ "node", "port", set },
	{ "node", "posture", set },
	{ "underlay", "*", set },
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	unsigned int settings = 0;
	char why[256] = "";
	uint8_t *text;
	int err;

	if (len > PPN_INI_MAX)
		return 0;
	text = copy_of(data, len);
	err = ppn_ini_parse("file", (const char *)text, len, keys, sizeof(keys) / sizeof(keys[0]),
			    &settings, why);
	must(err == 0 ||
	     (err == -EINVAL && strncmp(why, "file:", 5) == 0 && why[5] >= '1' && why[5] <= '9'));
	must(settings <= PPN_INI_SETTINGS_MAX);
	free(text);
	return 0;
}
