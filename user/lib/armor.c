// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Files an operator carries: one line that names the kind, then base64 in lines of 64. */
#include "lib/wire.h"

#include <errno.h>
#include <string.h>
#include "lib/bytes.h"
#include "lib/crypto.h"

#define LINE_BYTES 48
#define LINE_TEXT 64

/* Length of the text, its terminating NUL not counted. */
static size_t armored_len(size_t kind_len, size_t len)
{
	size_t symbols = (len + 2) / 3 * 4;
	size_t lines = (len + LINE_BYTES - 1) / LINE_BYTES;

	return kind_len + 1 + symbols + lines;
}

ssize_t ppn_armor_write(char *ret_text, size_t max, const char *kind, struct ppn_bytes bytes)
{
	struct ppn_writer w = { .data = (uint8_t *)ret_text, .max = max };
	char line[LINE_TEXT + 1];

	if (armored_len(strlen(kind), bytes.len) > PPN_ARMOR_MAX)
		return -EINVAL;
	if (armored_len(strlen(kind), bytes.len) >= max)
		return -EMSGSIZE;
	ppn_put(&w, kind, strlen(kind));
	ppn_put(&w, "\n", 1);
	while (bytes.len > 0) {
		size_t n = bytes.len < LINE_BYTES ? bytes.len : LINE_BYTES;

		ppn_base64(line, sizeof(line), ppn_take(&bytes, n), n);
		ppn_put(&w, line, strlen(line));
		ppn_put(&w, "\n", 1);
	}
	ppn_wipe(line, sizeof(line)); /* an invite holds a secret */
	ret_text[w.len] = '\0';
	return ppn_put_end(&w);
}

/* Same word, other number behind the last dash: a file of another major. */
static bool same_word(const char *line, size_t len, const char *kind)
{
	size_t word = (size_t)(strrchr(kind, '-') + 1 - kind);

	if (len <= word || memcmp(line, kind, word) != 0)
		return false;
	for (size_t i = word; i < len; i++)
		if (line[i] < '0' || line[i] > '9')
			return false;
	return true;
}

static enum ppn_check kind_check(const char *line, size_t len, const char *kind)
{
	if (len > 0 && line[len - 1] == '\r')
		len--;
	if (len == strlen(kind) && memcmp(line, kind, len) == 0)
		return PPN_CHECK_OK;
	return same_word(line, len, kind) ? PPN_CHECK_MAJOR : PPN_CHECK_KIND;
}

static size_t count_symbols(const char *text, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++)
		n += !strchr("= \t\r\n", text[i]);
	return n;
}

enum ppn_check ppn_armor_read(const char *text, size_t len, const char *kind, uint8_t *ret_bytes,
			      size_t max, size_t *ret_len)
{
	const char *end = len > 0 ? memchr(text, '\n', len) : NULL;
	enum ppn_check check;
	const char *body;
	size_t body_len;

	if (len > PPN_ARMOR_MAX)
		return PPN_CHECK_LONG;
	if (!end)
		return PPN_CHECK_SHORT;
	check = kind_check(text, (size_t)(end - text), kind);
	if (check != PPN_CHECK_OK)
		return check;
	if (memchr(text, '\0', len))
		return PPN_CHECK_FORM; /* which ppn_unbase64() would skip like white space */
	body = end + 1;
	body_len = len - (size_t)(body - text);
	if (count_symbols(body, body_len) * 3 / 4 > max)
		return PPN_CHECK_LONG;
	return ppn_unbase64(ret_bytes, max, ret_len, body, body_len) < 0 ? PPN_CHECK_FORM :
									   PPN_CHECK_OK;
}
