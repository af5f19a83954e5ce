// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ppn/wire.h>

#include "admin/verbs.h"

static const struct ppn_option *find(const struct ppn_option *options, size_t n, const char *arg,
				     size_t len)
{
	for (size_t i = 0; i < n; i++)
		if (strlen(options[i].name) == len && memcmp(options[i].name, arg, len) == 0)
			return &options[i];
	return NULL;
}

/* One option at argv[*i], and its value where it takes one. */
static int take(const char *verb, int argc, char **argv, int *i, const struct ppn_option *options,
		size_t n)
{
	const char *equals = strchr(argv[*i], '=');
	size_t len = equals ? (size_t)(equals - argv[*i]) : strlen(argv[*i]);
	const struct ppn_option *option = find(options, n, argv[*i], len);

	if (!option) {
		fprintf(stderr, "ppn-admin %s: unknown option %s\n", verb, argv[*i]);
		return -EINVAL;
	}
	if (option->flag) {
		*option->flag = true;
		return 0;
	}
	if (equals) {
		*option->value = equals + 1;
		return 0;
	}
	if (*i + 1 == argc) {
		fprintf(stderr, "ppn-admin %s: %s wants a value\n", verb, option->name);
		return -EINVAL;
	}
	*option->value = argv[++*i];
	return 0;
}

int ppn_options(const char *verb, int argc, char **argv, const struct ppn_option *options, size_t n,
		const char **ret_words, size_t max)
{
	size_t words = 0;

	for (int i = 0; i < argc; i++) {
		if (argv[i][0] == '-' && argv[i][1] != '\0') {
			if (take(verb, argc, argv, &i, options, n) < 0)
				return -EINVAL;
			continue;
		}
		if (words == max) {
			fprintf(stderr, "ppn-admin %s: one word too many: %s\n", verb, argv[i]);
			return -EINVAL;
		}
		ret_words[words++] = argv[i];
	}
	return (int)words;
}

bool ppn_name_good(const char *name)
{
	static const char symbols[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
	size_t len = strspn(name, symbols);

	return len > 0 && len <= PPN_NAME_MAX && !name[len] && name[0] != '-';
}

int ppn_number(const char *text, unsigned long low, unsigned long high, unsigned long *ret)
{
	unsigned long value;
	char *end;

	if (!text || text[0] < '0' || text[0] > '9')
		return -EINVAL;
	errno = 0;
	value = strtoul(text, &end, 10);
	if (errno || *end || value < low || value > high)
		return -EINVAL;
	*ret = value;
	return 0;
}
