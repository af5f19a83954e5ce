// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * recert STATE PASSPHRASE UNTIL: signs a seat's certificate anew with another end (Unix seconds), in admin.cert and in
 * the roster that carries it. As if the seat had been made long ago: no clock can be turned in a test.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/keys.c"
#include "host/file.h"
#include "lib/wire.h"

#define ROSTER "roster"

static void die(const char *what)
{
	fprintf(stderr, "recert: %s\n", what);
	exit(1);
}

static uint8_t *read_all(int dir, const char *name, size_t *ret_len)
{
	uint8_t *data = NULL;

	return ppn_file_read(dir, name, PPN_ROSTER_MAX, 0, &data, ret_len) ? NULL : data;
}

static size_t sign_anew(uint8_t ret_cert[static PPN_CERT_MAX], struct ppn_bytes old, int dir,
			const char *passphrase, uint64_t until)
{
	uint8_t fleet[PPN_HASH_LEN], *text, bytes[PPN_ARMOR_MAX];
	struct ppn_object_view view;
	struct ppn_root_secret root;
	struct ppn_trust trust;
	struct ppn_cert cert;
	size_t len;
	ssize_t body;

	text = read_all(dir, "authority.pub", &len);
	if (!text ||
	    ppn_armor_read((char *)text, len, PPN_ARMOR_AUTHORITY, bytes, sizeof(bytes), &len) ||
	    ppn_trust_chain(&trust, (struct ppn_bytes){ bytes + 1, len - 1 }, bytes[0], NULL, NULL))
		die("authority.pub");
	free(text);
	memcpy(fleet, trust.newest.fleet, sizeof(fleet));
	if (ppn_key_read(dir, "root-1.key", PPN_KEY_ROOT, &root, sizeof(root), passphrase))
		die("root-1.key");
	if (ppn_object_take(&old, PPN_OBJECT_CERT, PPN_CERT_MAX, &view) ||
	    ppn_cert_read(&view, &cert))
		die("admin.cert");
	cert.not_after = until;
	if (cert.not_before > until)
		cert.not_before = until;
	body = ppn_cert_write(ret_cert, PPN_CERT_MAX, &cert);
	body = body < 0 ? body :
			  ppn_object_finish(ret_cert, PPN_CERT_MAX,
					    (struct ppn_bytes){ ret_cert, (size_t)body }, fleet,
					    root.seed);
	if (body < 0)
		die("signing");
	return (size_t)body;
}

int main(int argc, char **argv)
{
	size_t old_len = 0, len, roster_len;
	uint8_t *old, *roster, *at, cert[PPN_CERT_MAX];
	int dir;

	if (argc != 4 || ppn_crypto_init())
		die("STATE PASSPHRASE UNTIL");
	dir = ppn_dir_open(argv[1], 0700);
	old = dir < 0 ? NULL : read_all(dir, "admin.cert", &old_len);
	if (!old)
		die(argv[1]);
	len = sign_anew(cert, (struct ppn_bytes){ old, old_len }, dir, argv[2],
			strtoull(argv[3], NULL, 10));
	roster = read_all(dir, ROSTER, &roster_len);
	at = roster ? memmem(roster, roster_len, old, old_len) : NULL;
	if (len != old_len || (roster && !at))
		die("the roster has another certificate");
	if (at)
		memcpy(at, cert, len);
	if (ppn_file_write(dir, "admin.cert", 0644, cert, len) ||
	    (roster && ppn_file_write(dir, ROSTER, 0644, roster, roster_len)))
		die("writing");
	free(roster);
	free(old);
	return 0;
}
