// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* `ppn-admin invite`: a new batch, kept under invites/ (the seat proves enrolments with it) and printed. */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <ppn/ctl.h>

#include "admin/store.h"
#include "admin/verbs.h"
#include "host/cleanup.h"
#include "host/file.h"

#define DAY 86400

static int fail(const char *what, const char *text)
{
	fprintf(stderr, "ppn-admin invite: %s: %s\n", what, text);
	return PPN_EXIT_FAILURE;
}

/* struct ppn_invite, then the chain as authority.pub holds it: count and documents. */
static ssize_t invite_text(const struct ppn_store *store, const struct ppn_invite *invite,
			   char *ret_text, size_t max)
{
	size_t len = sizeof(*invite) + 1 + store->trust.chain.len;
	_cleanup_free_ uint8_t *bytes = malloc(len);
	ssize_t n;

	if (!bytes)
		return -ENOMEM;
	memcpy(bytes, invite, sizeof(*invite));
	bytes[sizeof(*invite)] = store->trust.n_chain;
	memcpy(bytes + sizeof(*invite) + 1, store->trust.chain.data, store->trust.chain.len);
	n = ppn_armor_write(ret_text, max, PPN_ARMOR_INVITE, (struct ppn_bytes){ bytes, len });
	ppn_wipe(bytes, len);
	return n;
}

static int keep(const struct ppn_store *store, const struct ppn_invite *invite, const char *text,
		size_t len)
{
	char name[2 * PPN_BATCH_LEN + 1];
	_cleanup_close_ int dir = -1;

	if (mkdirat(store->dir, PPN_STORE_INVITES, 0700) < 0 && errno != EEXIST)
		return -errno;
	dir = openat(store->dir, PPN_STORE_INVITES, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return -errno;
	return ppn_file_write(dir, ppn_hex(name, invite->batch, PPN_BATCH_LEN), 0600, text, len);
}

static int make(const struct ppn_store *store, unsigned long count, unsigned long days)
{
	struct ppn_invite invite = { .count = htobe32((uint32_t)count) };
	_cleanup_free_ char *text = malloc(PPN_ARMOR_MAX);
	ssize_t len;
	int err;

	if (!text)
		return fail("memory", strerror(ENOMEM));
	invite.not_after = htobe64((uint64_t)time(NULL) + days * DAY);
	ppn_random(invite.batch, sizeof(invite.batch));
	ppn_random(invite.enrolment_key, sizeof(invite.enrolment_key));
	len = invite_text(store, &invite, text, PPN_ARMOR_MAX);
	err = len < 0 ? (int)len : keep(store, &invite, text, (size_t)len);
	if (err == 0 &&
	    (fwrite(text, 1, (size_t)len, stdout) != (size_t)len || fflush(stdout) != 0))
		err = -EIO;
	ppn_wipe(&invite, sizeof(invite));
	ppn_wipe(text, len < 0 ? 0 : (size_t)len);
	return err < 0 ? fail(PPN_STORE_INVITES, strerror(-err)) : PPN_EXIT_OK;
}

int ppn_verb_invite(const struct ppn_admin_options *options, int argc, char **argv)
{
	const char *count = "1", *days = "30";
	const struct ppn_option table[] = {
		{ "--count", &count, NULL },
		{ "--days", &days, NULL },
	};
	char why[PPN_STORE_WHY] = "";
	unsigned long n_count, n_days;
	struct ppn_store store;
	int code;

	if (ppn_options("invite", argc, argv, table, 2, NULL, 0) < 0)
		return PPN_EXIT_USAGE;
	if (ppn_number(count, 1, PPN_MEMBERS_MAX, &n_count) < 0 ||
	    ppn_number(days, 1, 3650, &n_days) < 0) {
		fprintf(stderr, "ppn-admin invite: --count is 1 to %d, --days is 1 to 3650\n",
			PPN_MEMBERS_MAX);
		return PPN_EXIT_USAGE;
	}
	if (ppn_store_open(&store, options->state_dir, why) < 0)
		return fail(options->state_dir, why);
	code = make(&store, n_count, n_days);
	ppn_store_close(&store);
	return code;
}
