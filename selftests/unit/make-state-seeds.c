// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * make-state-seeds FOLDER: writes the seeds of fuzz_ledger and fuzz_roster
 * (selftests/fuzz/seeds), the same bytes at every run. To be run again when a layout changes.
 */
#include <stdio.h>
#include <sys/stat.h>
#include "fuzz/mend.h"
#include "lib/ledger.h"
#include "unit/members.h"

static const char *folder;

static void seed(const char *target, const char *name, uint8_t what, const uint8_t *data,
		 size_t len)
{
	char path[512];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder, target);
	(void)mkdir(path, 0755); /* fopen tells */
	snprintf(path, sizeof(path), "%s/%s/%s", folder, target, name);
	file = fopen(path, "wb");
	if (!file || fwrite(&what, 1, 1, file) != 1 || fwrite(data, 1, len, file) != len ||
	    fclose(file) != 0) {
		perror(path);
		exit(1);
	}
}

struct book {
	uint8_t bytes[4 * PPN_LEDGER_ENTRY_MAX];
	size_t len;
	struct ppn_ledger_head head;
};

static void append(struct book *book, enum ppn_entry_type type, const void *payload, size_t len)
{
	static const uint8_t fleet[PPN_HASH_LEN] = { 7 };
	uint8_t key[32];
	ssize_t n;

	secret_of(key, "node");
	n = ppn_ledger_append(book->bytes + book->len, sizeof(book->bytes) - book->len, &book->head,
			      NOW * 1000, type, (struct ppn_bytes){ payload, len }, fleet, key,
			      &book->head);
	must(n > 0);
	book->len += (size_t)n;
}

static void ledgers(void)
{
	struct ppn_entry_genesis genesis = { .mode = PPN_MODE_PIN, .posture = PPN_POSTURE_ONPREM };
	struct ppn_entry_command command = { .op = PPN_OP_ISOLATE, .seq = htobe32(1) };
	static const struct ppn_entry_bound bound;
	static const struct ppn_entry_roster roster;
	static const struct ppn_entry_seal seal;
	static struct book book;

	sign_key_of(genesis.identity, "node");
	append(&book, PPN_ENTRY_GENESIS, &genesis, sizeof(genesis));
	append(&book, PPN_ENTRY_HOLDING, NULL, 0);
	seed("ledger", "holding", MEND_NOTHING, book.bytes, book.len);
	append(&book, PPN_ENTRY_BOUND, &bound, sizeof(bound));
	append(&book, PPN_ENTRY_ROSTER, &roster, sizeof(roster));
	append(&book, PPN_ENTRY_ISOLATED, &command, sizeof(command));
	append(&book, PPN_ENTRY_SEAL, &seal, sizeof(seal));
	append(&book, PPN_ENTRY_SEAT, command.serial, sizeof(command.serial));
	append(&book, PPN_ENTRY_RELEASED, &command, sizeof(command));
	append(&book, PPN_ENTRY_COMMAND, &command, sizeof(command));
	append(&book, PPN_ENTRY_DISCHARGED, NULL, 0);
	append(&book, 999, NULL, 0);
	seed("ledger", "a-life", MEND_SIGNATURES, book.bytes, book.len);
	book.bytes[4 + 2] = 1;
	seed("ledger", "minor", MEND_SIGNATURES, book.bytes, book.len);
	seed("ledger", "torn", MEND_NOTHING, book.bytes, book.len / 2);
}

static void rosters(void)
{
	static uint8_t object[ROSTER_ROOM];
	struct ppn_roster roster;
	struct fleet f;
	size_t len;

	fleet_make(&f);
	roster_make(&roster);
	roster.version.epoch++;
	memcpy(roster.serial, f.seat_cert.serial, PPN_SERIAL_LEN);
	len = roster_object(object, &roster); /* of another fleet: signed again when read */
	seed("roster", "next", MEND_SIGNATURES | 0x10, object, len);
	seed("roster", "first", MEND_SIGNATURES, object, len);
	len = roster_forge_minor(object, &roster, 1, 0);
	seed("roster", "minor-members", MEND_SIGNATURES, object, len);
	len = roster_forge_minor(object, &roster, 1, 1);
	seed("roster", "minor-rows", MEND_SIGNATURES, object, len);
	roster.n_members = 0;
	roster.n_revoked = 0;
	len = roster_object(object, &roster);
	seed("roster", "nobody", MEND_SIGNATURES, object, len);
	ppn_roster_free(&roster);
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
		return 2;
	}
	folder = argv[1];
	if (ppn_crypto_init() < 0)
		return 1;
	ledgers();
	rosters();
	return 0;
}
