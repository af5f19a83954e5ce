/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * INI files by inih, against a table of keys: an unknown section or key, a value that does not
 * parse, a line longer than inih's 199 bytes, is an error that names file and line. A comment
 * starts with `;` or `#`, at the start of a line or after white space.
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

/*
 * 0; -EINVAL with "FILE:LINE: ..." in ret_why; any other -errno (-ENOENT, -EFBIG above
 * PPN_INI_MAX ...) with "FILE: ..." there. A key may stand once in a file; a section may come
 * again. What the setters stored before an error stays: the caller reads into a copy. Stricter
 * than inih, which would guess: no continuation lines (a line does not start with white space),
 * nothing after a "]", no control characters.
 */
#define PPN_INI_MAX 65536
#define PPN_INI_LINE_MAX 198 /* bytes without the line's end */
#define PPN_INI_SETTINGS_MAX 512
int ppn_ini_read(const char *path, const struct ppn_ini_key *keys, size_t n_keys, void *config,
		 char ret_why[static 256]);
/* The same of a text in memory; `name` stands for the file in ret_why. */
int ppn_ini_parse(const char *name, const char *text, size_t len, const struct ppn_ini_key *keys,
		  size_t n_keys, void *config, char ret_why[static 256]);

/* The line where a file sets a key (its last one, for what is checked after reading). 0: nowhere. */
unsigned int ppn_ini_where(const char *path, const char *section, const char *key);

#endif
