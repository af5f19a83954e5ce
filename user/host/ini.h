/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * INI files by inih, against a table of keys: an unknown section or key, a value that does not parse, a
 * line longer than inih's 199 bytes, is an error that names file and line.
 */
#ifndef PPN_HOST_INI_H
#define PPN_HOST_INI_H

#include <stddef.h>

struct ppn_ini_key {
	const char *section;
	const char *key; /* "*": any key of this section, for [underlay] IFACE = ... */
	/* 0, or -EINVAL with the sentence in ret_why. */
	int (*set)(void *config, const char *key, const char *value, char ret_why[static 160]);
};

/* 0; -ENOENT; -EINVAL with "FILE:LINE: ..." in ret_why. */
int ppn_ini_read(const char *path, const struct ppn_ini_key *keys, size_t n_keys, void *config,
		 char ret_why[static 256]);

#endif
