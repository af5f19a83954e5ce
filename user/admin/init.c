// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * `ppn-admin init`: three roots, two of them for paper only, an empty revocation list, one certificate.
 * authority.pub is written last: while it is not there, there is no authority, and init may run again.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <ppn/ctl.h>

#include "admin/keys.h"
#include "admin/store.h"
#include "admin/verbs.h"
#include "host/cleanup.h"
#include "host/file.h"
#include "lib/crypto.h"
#include "lib/wire.h"

#define N_ROOTS 3
#define DAY 86400
#define SEED_GROUPS 16

struct fleet {
	uint8_t seeds[N_ROOTS][32];
	struct ppn_root root;
	uint8_t document[1024], list[1024], cert[PPN_CERT_MAX];
	size_t document_len, list_len, cert_len;
	struct ppn_admin_secret secret;
	struct ppn_cert admin;
};

static int root_document(struct fleet *fleet, uint64_t now)
{
	uint8_t body[1024];
	ssize_t len;

	fleet->root.issued = now;
	fleet->root.n = N_ROOTS;
	ppn_random(fleet->root.gate_key, sizeof(fleet->root.gate_key));
	for (int i = 0; i < N_ROOTS; i++) {
		ppn_random(fleet->seeds[i], sizeof(fleet->seeds[i]));
		fleet->root.entry[i].quarter = (uint8_t)i;
		ppn_sign_public(fleet->root.entry[i].key, fleet->seeds[i]);
		ppn_key_id(fleet->root.entry[i].id, fleet->root.entry[i].key);
	}
	len = ppn_root_write(body, sizeof(body), &fleet->root);
	if (len < 0)
		return (int)len;
	len = ppn_root_sign(fleet->document, sizeof(fleet->document),
			    (struct ppn_bytes){ body, (size_t)len }, fleet->root.fleet,
			    (const uint8_t(*)[32])fleet->seeds, N_ROOTS);
	fleet->document_len = (size_t)len;
	return len < 0 ? (int)len : 0;
}

/* Body is already in `object`; its signature goes behind it. */
static int sign(const struct fleet *fleet, enum ppn_object kind, uint8_t *object, size_t max,
		ssize_t body_len, size_t *ret_len)
{
	if (body_len < 0 || (size_t)body_len + PPN_SIG_LEN > max)
		return -EMSGSIZE;
	ppn_object_sign(object + body_len, kind, fleet->root.fleet,
			(struct ppn_bytes){ object, (size_t)body_len }, fleet->seeds[0]);
	*ret_len = (size_t)body_len + PPN_SIG_LEN;
	return 0;
}

static int empty_list(struct fleet *fleet, uint64_t now)
{
	struct ppn_crl crl = { .issued = now };

	memcpy(crl.fleet, fleet->root.fleet, sizeof(crl.fleet));
	memcpy(crl.signer, fleet->root.entry[0].id, sizeof(crl.signer));
	return sign(fleet, PPN_OBJECT_CRL, fleet->list, sizeof(fleet->list),
		    ppn_crl_write(fleet->list, sizeof(fleet->list), &crl), &fleet->list_len);
}

static int certificate(struct fleet *fleet, const char *name, uint64_t now, uint64_t days)
{
	struct ppn_cert *cert = &fleet->admin;

	ppn_random(&fleet->secret, sizeof(fleet->secret));
	memcpy(cert->serial, fleet->root.entry[0].id, PPN_KEY_ID_LEN);
	cert->serial[PPN_SERIAL_LEN - 1] = 1; /* the counter of this root's first certificate */
	cert->not_before = now;
	cert->not_after = now + days * DAY;
	cert->rights = PPN_RIGHTS_ALL;
	/* a sixteenth of the first quarter: room for other seats of the same root */
	cert->first_number = 1;
	cert->number_count = (1u << 18) - 1;
	ppn_sign_public(cert->sign_key, fleet->secret.sign);
	ppn_dh_public(cert->noise_key, fleet->secret.noise);
	ppn_dh_public(cert->box_key, fleet->secret.box);
	snprintf(cert->name, sizeof(cert->name), "%s", name);
	return sign(fleet, PPN_OBJECT_CERT, fleet->cert, sizeof(fleet->cert),
		    ppn_cert_write(fleet->cert, sizeof(fleet->cert), cert), &fleet->cert_len);
}

static int write_counted(int dir, const char *name, const uint8_t *object, size_t len)
{
	uint8_t file[1 + 1024];

	if (len > sizeof(file) - 1)
		return -EMSGSIZE;
	file[0] = 1;
	memcpy(file + 1, object, len);
	return ppn_file_write(dir, name, 0644, file, len + 1);
}

static int write_authority(int dir, const struct fleet *fleet)
{
	uint8_t bytes[1 + sizeof(fleet->document)];
	char text[4096];
	ssize_t len;

	bytes[0] = 1;
	memcpy(bytes + 1, fleet->document, fleet->document_len);
	len = ppn_armor_write(text, sizeof(text), PPN_ARMOR_AUTHORITY,
			      (struct ppn_bytes){ bytes, fleet->document_len + 1 });
	return len < 0 ? (int)len :
			 ppn_file_write(dir, PPN_STORE_AUTHORITY, 0644, text, (size_t)len);
}

static int first_entry(int dir, const struct fleet *fleet, uint64_t now)
{
	struct ppn_ledger_file ledger;
	uint8_t pin[PPN_HASH_LEN];
	int err;

	/* a ledger without authority.pub beside it is of an init that did not end */
	err = ppn_file_remove(dir, "head");
	if (err == 0)
		err = ppn_file_remove(dir, "ledger");
	if (err == 0)
		err = ppn_ledger_create(&ledger, dir, fleet->root.fleet);
	if (err < 0)
		return err;
	ppn_hash(pin, fleet->document, fleet->document_len);
	err = ppn_ledger_write(&ledger, now * 1000, PPN_ENTRY_FLEET, pin, sizeof(pin),
			       fleet->secret.sign, true);
	ppn_ledger_close(&ledger);
	return err;
}

static int write_all(int dir, const struct fleet *fleet, const char *passphrase, uint64_t now)
{
	struct ppn_root_secret root;
	int err;

	memcpy(root.seed, fleet->seeds[0], sizeof(root.seed));
	err = ppn_key_write(dir, PPN_STORE_ROOT_KEY, PPN_KEY_ROOT, &root, sizeof(root), passphrase,
			    PPN_KDF_MODERATE);
	ppn_wipe(&root, sizeof(root));
	if (err == 0)
		err = ppn_key_write(dir, PPN_STORE_KEY, PPN_KEY_ADMIN, &fleet->secret,
				    sizeof(fleet->secret), passphrase, PPN_KDF_MODERATE);
	if (err == 0)
		err = ppn_file_write(dir, PPN_STORE_CERT, 0644, fleet->cert, fleet->cert_len);
	if (err == 0)
		err = write_counted(dir, PPN_STORE_LISTS, fleet->list, fleet->list_len);
	if (err == 0)
		err = first_entry(dir, fleet, now);
	return err == 0 ? write_authority(dir, fleet) : err;
}

static char *key_text(char ret_text[static 20], const uint8_t id[static PPN_KEY_ID_LEN])
{
	snprintf(ret_text, 20, "%02x%02x-%02x%02x-%02x%02x-%02x%02x", id[0], id[1], id[2], id[3],
		 id[4], id[5], id[6], id[7]);
	return ret_text;
}

static void print_paper(const struct fleet *fleet)
{
	char id[20];

	puts("\nWrite these two root keys on paper, one to a sheet, and keep them apart. They are shown once:");
	for (int i = 1; i < N_ROOTS; i++) {
		printf("\nroot %s\n ", key_text(id, fleet->root.entry[i].id));
		for (int g = 0; g < SEED_GROUPS; g++)
			printf(" %02x%02x%s", fleet->seeds[i][2 * g], fleet->seeds[i][2 * g + 1],
			       g == SEED_GROUPS / 2 - 1 ? "\n " : "");
		puts("");
	}
}

static void print_fleet(const struct fleet *fleet, const struct ppn_admin_options *options)
{
	char id[3][20], admin[20], prefix[INET6_ADDRSTRLEN], until[16];
	uint8_t addr[16], sign_id[PPN_KEY_ID_LEN];
	time_t end = (time_t)fleet->admin.not_after;
	struct tm tm;

	ppn_fleet_prefix(addr, fleet->root.fleet);
	inet_ntop(AF_INET6, addr, prefix, sizeof(prefix));
	for (int i = 0; i < N_ROOTS; i++)
		key_text(id[i], fleet->root.entry[i].id);
	ppn_key_id(sign_id, fleet->admin.sign_key);
	strftime(until, sizeof(until), "%Y-%m-%d", gmtime_r(&end, &tm));
	printf("fleet      %s/48\n", prefix);
	printf("roots      %s               # a file, to be moved away: %s/%s\n", id[0],
	       options->state_dir, PPN_STORE_ROOT_KEY);
	printf("           %s and\n           %s               # printed once, on paper: two of three change the set\n",
	       id[1], id[2]);
	printf("admin      %s until %s   # daily work; the only key that stays\n",
	       key_text(admin, sign_id), until);
}

static int fail(int err, const char *what)
{
	fprintf(stderr, "ppn-admin init: %s: %s\n", what, strerror(-err));
	return PPN_EXIT_FAILURE;
}

static int make(const struct ppn_admin_options *options, const char *name, uint64_t days,
		const char *passphrase)
{
	_cleanup_close_ int dir = ppn_dir_open(options->state_dir, 0700);
	uint64_t now = (uint64_t)time(NULL);
	struct fleet fleet = { 0 };
	int err;

	if (dir < 0)
		return fail(dir, options->state_dir);
	if (faccessat(dir, PPN_STORE_AUTHORITY, F_OK, 0) == 0) {
		fprintf(stderr,
			"ppn-admin init: %s/%s is there: this machine has an authority; it stays as it is\n",
			options->state_dir, PPN_STORE_AUTHORITY);
		return PPN_EXIT_REFUSED;
	}
	err = root_document(&fleet, now);
	if (err == 0)
		err = empty_list(&fleet, now);
	if (err == 0)
		err = certificate(&fleet, name, now, days);
	if (err == 0)
		err = write_all(dir, &fleet, passphrase, now);
	if (err == 0) {
		print_fleet(&fleet, options);
		print_paper(&fleet);
	}
	ppn_wipe(&fleet, sizeof(fleet));
	return err < 0 ? fail(err, options->state_dir) : PPN_EXIT_OK;
}

int ppn_verb_init(const struct ppn_admin_options *options, int argc, char **argv)
{
	const char *name = "admin", *days = "365", *file = NULL;
	const struct ppn_option table[] = {
		{ "--name", &name, NULL },
		{ "--days", &days, NULL },
		{ "--passphrase-file", &file, NULL },
	};
	char passphrase[PPN_PASSPHRASE_MAX];
	unsigned long n_days;
	int err;

	if (ppn_options("init", argc, argv, table, 3, NULL, 0) < 0)
		return PPN_EXIT_USAGE;
	if (!ppn_name_good(name) || ppn_number(days, 1, 36500, &n_days) < 0) {
		fprintf(stderr,
			"ppn-admin init: --name has 1 to %d letters, digits, - and _, and begins with no -; "
			"--days is 1 to 36500\n",
			PPN_NAME_MAX);
		return PPN_EXIT_USAGE;
	}
	if (options->json) {
		/* the paper keys would land in a log */
		fputs("ppn-admin init: prints secrets for paper: not with --json\n", stderr);
		return PPN_EXIT_USAGE;
	}
	err = ppn_passphrase(passphrase, file, 1);
	if (err < 0) {
		fprintf(stderr, "ppn-admin init: passphrase: %s\n", ppn_passphrase_text(err, file));
		return PPN_EXIT_FAILURE;
	}
	err = make(options, name, n_days, passphrase);
	ppn_wipe(passphrase, sizeof(passphrase));
	return err;
}
