// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "admin/store.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "admin/verbs.h"
#include "host/cleanup.h"
#include "host/clock.h"
#include "host/file.h"

#define STORE_ROSTER "roster"
#define STORE_PAIRS "pairs"
#define STORE_SEQS "seqs"
#define PAIR_STORED offsetof(struct ppn_pair, seq)
#define PAIRS_MAGIC "ppnpair1"
#define PAIRS_MAGIC_LEN 8
/* A seat that starts again skips what it had reserved: far less than the 128 frames that a node whose ppnd is
 * dead still obeys (PROTOCOL 5). */
#define SEQS_AHEAD (PPN_SEQ_BLOCK / 8)

/* ---- the public part ---- */

static int why(char ret_why[static PPN_STORE_WHY], int err, const char *file, const char *text)
{
	snprintf(ret_why, PPN_STORE_WHY, "%s: %s", file, text);
	return err;
}

static int load_chain(struct ppn_store *store, char ret_why[static PPN_STORE_WHY])
{
	_cleanup_free_ uint8_t *text = NULL;
	_cleanup_free_ uint8_t *bytes = malloc(PPN_ARMOR_MAX);
	enum ppn_check check;
	size_t text_len, len;
	int err;

	if (!bytes)
		return -ENOMEM;
	err = ppn_file_read(store->dir, PPN_STORE_AUTHORITY, PPN_ARMOR_MAX, 0, &text, &text_len);
	if (err == -ENOENT)
		return why(ret_why, err, PPN_STORE_AUTHORITY,
			   "not there: run `ppn-admin init` first");
	if (err < 0)
		return why(ret_why, err, PPN_STORE_AUTHORITY, strerror(-err));
	check = ppn_armor_read((const char *)text, text_len, PPN_ARMOR_AUTHORITY, bytes,
			       PPN_ARMOR_MAX, &len);
	if (check == PPN_CHECK_OK && len < 1)
		check = PPN_CHECK_SHORT;
	if (check == PPN_CHECK_OK)
		check = ppn_trust_chain(&store->trust, (struct ppn_bytes){ bytes + 1, len - 1 },
					bytes[0], NULL, NULL);
	if (check != PPN_CHECK_OK)
		return why(ret_why, -EBADMSG, PPN_STORE_AUTHORITY, ppn_check_text(check));
	store->chain = TAKE_PTR(bytes);
	return 0;
}

static int load_lists(struct ppn_store *store, char ret_why[static PPN_STORE_WHY])
{
	_cleanup_free_ uint8_t *bytes = NULL;
	enum ppn_check check;
	size_t len;
	int err;

	err = ppn_file_read(store->dir, PPN_STORE_LISTS, PPN_CRL_MAX * PPN_CRL_SET_MAX, 0, &bytes,
			    &len);
	if (err < 0)
		return why(ret_why, err, PPN_STORE_LISTS, strerror(-err));
	/* n lists: one byte before them, as in the chain's file */
	check = len < 1 ? PPN_CHECK_SHORT :
			  ppn_trust_lists(&store->trust, (struct ppn_bytes){ bytes + 1, len - 1 },
					  bytes[0], NULL);
	if (check != PPN_CHECK_OK)
		return why(ret_why, -EBADMSG, PPN_STORE_LISTS, ppn_check_text(check));
	store->lists = TAKE_PTR(bytes);
	return 0;
}

/* The certificate as it stands on disk, by the rules for nodes. */
static enum ppn_check check_cert(const struct ppn_store *store, uint64_t now_s,
				 struct ppn_cert *ret_cert)
{
	struct ppn_bytes in = { store->cert_bytes, store->cert_len };
	struct ppn_trust trust = store->trust;
	struct ppn_object_view view;
	enum ppn_check check = ppn_object_take(&in, PPN_OBJECT_CERT, PPN_CERT_MAX, &view);

	if (check == PPN_CHECK_OK && in.len)
		check = PPN_CHECK_LONG;
	if (check == PPN_CHECK_OK)
		check = ppn_cert_read(&view, ret_cert);
	return check == PPN_CHECK_OK ? ppn_cert_check(&trust, &view, ret_cert, 0, now_s) : check;
}

bool ppn_store_expired(const struct ppn_store *store, uint64_t now_s,
		       char ret_why[static PPN_STORE_WHY])
{
	time_t end = (time_t)store->cert.not_after;
	struct ppn_cert cert;
	char until[32];
	struct tm tm;

	if (check_cert(store, now_s, &cert) != PPN_CHECK_EXPIRED)
		return false;
	strftime(until, sizeof(until), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&end, &tm));
	snprintf(
		ret_why, PPN_STORE_WHY,
		"the certificate %s expired at %s: if this machine's clock is right, a root key must sign another (`ppn-admin certify`, in a later version); the mesh goes on",
		store->cert.name, until);
	return true;
}

static int load_cert(struct ppn_store *store, char ret_why[static PPN_STORE_WHY])
{
	_cleanup_free_ uint8_t *bytes = NULL;
	enum ppn_check check;
	int err;

	err = ppn_file_read(store->dir, PPN_STORE_CERT, sizeof(store->cert_bytes), 0, &bytes,
			    &store->cert_len);
	if (err < 0)
		return why(ret_why, err, PPN_STORE_CERT, strerror(-err));
	memcpy(store->cert_bytes, bytes, store->cert_len);
	check = check_cert(store, 0, &store->cert);
	if (check != PPN_CHECK_OK && check != PPN_CHECK_EXPIRED)
		return why(ret_why, -EBADMSG, PPN_STORE_CERT, ppn_check_text(check));
	return 0;
}

/* What this seat signed stays good on its own disk: time 0 asks no clock. */
static int load_roster(struct ppn_store *store, char ret_why[static PPN_STORE_WHY])
{
	_cleanup_free_ uint8_t *bytes = NULL;
	struct ppn_credentials_view credentials;
	enum ppn_check check;
	size_t len;
	int err;

	err = ppn_file_read(store->dir, STORE_ROSTER, PPN_ROSTER_MAX, 0, &bytes, &len);
	if (err == -ENOENT)
		return 0;
	if (err < 0)
		return why(ret_why, err, STORE_ROSTER, strerror(-err));
	check = ppn_bundle_read((struct ppn_bytes){ bytes, len }, store->trust.pin, NULL, NULL, 0,
				&credentials, &store->roster);
	if (check != PPN_CHECK_OK)
		return why(ret_why, -EBADMSG, STORE_ROSTER, ppn_check_text(check));
	store->bundle = TAKE_PTR(bytes);
	store->bundle_len = len;
	return 0;
}

int ppn_store_open(struct ppn_store *ret_store, const char *path,
		   char ret_why[static PPN_STORE_WHY])
{
	struct ppn_store store = { .dir = -1 };
	int err;

	store.dir = ppn_dir_open(path, 0700);
	if (store.dir < 0)
		return why(ret_why, store.dir, path, strerror(-store.dir));
	err = load_chain(&store, ret_why);
	if (err == 0)
		err = load_lists(&store, ret_why);
	if (err == 0)
		err = load_cert(&store, ret_why);
	if (err == 0)
		err = load_roster(&store, ret_why);
	if (err < 0) {
		ppn_store_close(&store);
		return err;
	}
	*ret_store = store;
	return 0;
}

/* ---- secrets ---- */

static struct ppn_pair *pair_of(const struct ppn_store *store,
				const uint8_t identity[static PPN_KEY_LEN])
{
	for (size_t i = 0; i < store->n_pairs; i++)
		if (ppn_equal(store->pairs[i].identity, identity, PPN_KEY_LEN))
			return &store->pairs[i];
	return NULL;
}

static int load_pairs(struct ppn_store *store, char ret_why[static PPN_STORE_WHY])
{
	_cleanup_free_ uint8_t *box = NULL;
	_cleanup_free_ uint8_t *plain = NULL;
	size_t len, n;
	int err;

	err = ppn_file_read(store->dir, STORE_PAIRS,
			    PPN_PAIRS_MAX * PAIR_STORED + PAIRS_MAGIC_LEN + PPN_SECRET_OVERHEAD, 1,
			    &box, &len);
	if (err == -ENOENT)
		return 0;
	if (err < 0)
		return why(ret_why, err, STORE_PAIRS, strerror(-err));
	plain = malloc(len + 1);
	if (!plain)
		return -ENOMEM;
	err = ppn_secret_open(plain, box, len, store->secret.storage);
	len = err < 0 ? 0 : len - PPN_SECRET_OVERHEAD;
	if (err < 0 || len < PAIRS_MAGIC_LEN || memcmp(plain, PAIRS_MAGIC, PAIRS_MAGIC_LEN) != 0 ||
	    (len - PAIRS_MAGIC_LEN) % PAIR_STORED)
		return why(ret_why, -EIO, STORE_PAIRS,
			   "damaged, or of another seat: restore it from a backup");
	n = (len - PAIRS_MAGIC_LEN) / PAIR_STORED;
	store->pairs = calloc(n ? n : 1, sizeof(*store->pairs));
	if (!store->pairs)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		memcpy(&store->pairs[i], plain + PAIRS_MAGIC_LEN + i * PAIR_STORED, PAIR_STORED);
	store->n_pairs = n;
	ppn_wipe(plain, len);
	return 0;
}

/* A number that was reserved counts as used: a seat that died in between never uses one twice. */
static int load_seqs(struct ppn_store *store, char ret_why[static PPN_STORE_WHY])
{
	_cleanup_free_ uint8_t *text = NULL;
	char *line, *save = NULL;
	size_t len;
	int err;

	err = ppn_file_read(store->dir, STORE_SEQS, PPN_PAIRS_MAX * 80, 0, &text, &len);
	if (err == -ENOENT)
		return 0;
	if (err < 0)
		return why(ret_why, err, STORE_SEQS, strerror(-err));
	if (len && text[len - 1] != '\n') /* cut: its last number may be a smaller one */
		return why(ret_why, -EIO, STORE_SEQS, "damaged: restore it from a backup");
	for (line = strtok_r((char *)text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		const size_t hex_len = 2 * PPN_HASH_LEN;
		uint8_t claim[PPN_HASH_LEN];
		unsigned long seq;

		if (strlen(line) <= hex_len || line[hex_len] != ' ')
			return why(ret_why, -EIO, STORE_SEQS, "damaged: restore it from a backup");
		line[hex_len] = '\0';
		if (ppn_unhex(claim, sizeof(claim), line) < 0 ||
		    ppn_number(line + hex_len + 1, 0, PPN_SEQ_MAX, &seq) < 0)
			return why(ret_why, -EIO, STORE_SEQS, "damaged: restore it from a backup");
		for (size_t i = 0; i < store->n_pairs; i++)
			if (ppn_equal(store->pairs[i].claim, claim, sizeof(claim)))
				store->pairs[i].seq = store->pairs[i].seq_reserved = (uint32_t)seq;
	}
	return 0;
}

/* The roster and the pairs are written in turn and each names the other's nodes: one of them alone would sign
 * a roster without its members, or one that every member refuses as older. */
static int check_members(const struct ppn_store *store, char ret_why[static PPN_STORE_WHY])
{
	const struct ppn_cert *cert = &store->cert;

	for (size_t i = 0; i < store->n_pairs; i++)
		if (!store->bundle && !ppn_is_zero(store->pairs[i].wg_key, PPN_KEY_LEN))
			return why(ret_why, -EIO, STORE_ROSTER,
				   "gone, and nodes are claimed: restore it from a backup");
	for (uint32_t i = 0; i < store->roster.n_members; i++) {
		const struct ppn_member *member = &store->roster.members[i];

		if ((member->flags & PPN_MEMBER_NODE) && member->number >= cert->first_number &&
		    member->number - cert->first_number < cert->number_count &&
		    !pair_of(store, member->identity))
			return why(
				ret_why, -EIO, STORE_PAIRS,
				"a member that this seat claimed is not in it: restore it from a backup");
	}
	return 0;
}

static int open_ledger(struct ppn_store *store, char ret_why[static PPN_STORE_WHY])
{
	char text[160] = "";
	int err;

	err = ppn_ledger_open(&store->ledger, store->dir, store->trust.newest.fleet, NULL, NULL,
			      text);
	if (err < 0)
		return why(ret_why, err, "ledger", err == -EBADMSG ? text : strerror(-err));
	store->ledger_open = true;
	return 0;
}

static int keys_match(const struct ppn_store *store)
{
	uint8_t sign[PPN_KEY_LEN], noise[PPN_KEY_LEN], box[PPN_KEY_LEN];

	ppn_sign_public(sign, store->secret.sign);
	ppn_dh_public(noise, store->secret.noise);
	ppn_dh_public(box, store->secret.box);
	return ppn_equal(sign, store->cert.sign_key, PPN_KEY_LEN) &&
	       ppn_equal(noise, store->cert.noise_key, PPN_KEY_LEN) &&
	       ppn_equal(box, store->cert.box_key, PPN_KEY_LEN);
}

static void forget_secrets(struct ppn_store *store)
{
	if (store->pairs)
		ppn_wipe(store->pairs, store->n_pairs * sizeof(*store->pairs));
	free(store->pairs);
	store->pairs = NULL;
	store->n_pairs = 0;
	ppn_wipe(&store->secret, sizeof(store->secret));
}

int ppn_store_unlock(struct ppn_store *store, const char *passphrase,
		     char ret_why[static PPN_STORE_WHY])
{
	int err;

	if (store->unlocked)
		return 0;
	err = ppn_key_read(store->dir, PPN_STORE_KEY, PPN_KEY_ADMIN, &store->secret,
			   sizeof(store->secret), passphrase);
	if (err < 0)
		return why(ret_why, err, PPN_STORE_KEY,
			   err == -EBADMSG ?
				   "wrong passphrase" :
			   err == -EINVAL ?
				   "not a key file of ppn-admin, or damaged" :
			   err == -EPERM ?
				   "others can read or own it: chown it to the service, chmod 600" :
				   strerror(-err));
	if (!keys_match(store))
		err = why(ret_why, -EINVAL, PPN_STORE_KEY, "not the keys that admin.cert names");
	if (err == 0)
		err = load_pairs(store, ret_why);
	if (err == 0)
		err = load_seqs(store, ret_why);
	if (err == 0)
		err = check_members(store, ret_why);
	if (err == 0)
		err = open_ledger(store, ret_why);
	if (err < 0) {
		forget_secrets(store);
		return err;
	}
	store->unlocked = true;
	return 0;
}

void ppn_store_close(struct ppn_store *store)
{
	forget_secrets(store);
	free(store->chain);
	free(store->lists);
	free(store->bundle);
	ppn_roster_free(&store->roster);
	if (store->ledger_open)
		ppn_ledger_close(&store->ledger);
	if (store->dir >= 0)
		close(store->dir);
	memset(store, 0, sizeof(*store));
	store->dir = -1;
}

int ppn_store_log(struct ppn_store *store, enum ppn_entry_type type, const void *payload,
		  size_t len)
{
	if (!store->unlocked)
		return -ENOKEY;
	return ppn_ledger_write(&store->ledger, ppn_clock_ms(CLOCK_REALTIME), type, payload, len,
				store->secret.sign, true);
}

/* ---- pairs and sequence numbers ---- */

static int save_pairs(const struct ppn_store *store)
{
	size_t len = PAIRS_MAGIC_LEN + store->n_pairs * PAIR_STORED;
	_cleanup_free_ uint8_t *plain = malloc(len);
	_cleanup_free_ uint8_t *box = malloc(len + PPN_SECRET_OVERHEAD);

	if (!plain || !box)
		return -ENOMEM;
	memcpy(plain, PAIRS_MAGIC, PAIRS_MAGIC_LEN);
	for (size_t i = 0; i < store->n_pairs; i++)
		memcpy(plain + PAIRS_MAGIC_LEN + i * PAIR_STORED, &store->pairs[i], PAIR_STORED);
	ppn_secret_seal(box, plain, len, store->secret.storage);
	ppn_wipe(plain, len);
	return ppn_file_write(store->dir, STORE_PAIRS, 0600, box, len + PPN_SECRET_OVERHEAD);
}

struct ppn_pair *ppn_store_pair(struct ppn_store *store, const uint8_t identity[static PPN_KEY_LEN])
{
	return pair_of(store, identity);
}

int ppn_store_pair_put(struct ppn_store *store, const struct ppn_pair *pair)
{
	struct ppn_pair *slot = ppn_store_pair(store, pair->identity);
	struct ppn_pair was = { 0 };
	bool added = !slot;
	int err;

	if (!store->unlocked)
		return -ENOKEY;
	if (added) {
		struct ppn_pair *more;

		if (store->n_pairs == PPN_PAIRS_MAX)
			return -ENOSPC;
		more = reallocarray(store->pairs, store->n_pairs + 1, sizeof(*more));
		if (!more)
			return -ENOMEM;
		store->pairs = more;
		slot = &more[store->n_pairs++];
	} else {
		was = *slot;
	}
	*slot = *pair;
	err = save_pairs(store);
	if (err < 0) {
		if (added)
			store->n_pairs--;
		else
			*slot = was;
	}
	ppn_wipe(&was, sizeof(was));
	return err;
}

int ppn_store_pair_drop(struct ppn_store *store, const uint8_t identity[static PPN_KEY_LEN])
{
	struct ppn_pair *pair = ppn_store_pair(store, identity);

	if (!pair)
		return 0;
	store->n_pairs--;
	if (pair != &store->pairs[store->n_pairs])
		*pair = store->pairs[store->n_pairs];
	ppn_wipe(&store->pairs[store->n_pairs], sizeof(*pair));
	return save_pairs(store);
}

static int save_seqs(const struct ppn_store *store)
{
	size_t max = store->n_pairs * 80 + 1, len = 0;
	_cleanup_free_ char *text = malloc(max);
	char hex[2 * PPN_HASH_LEN + 1];

	if (!text)
		return -ENOMEM;
	for (size_t i = 0; i < store->n_pairs; i++)
		len += (size_t)snprintf(text + len, max - len, "%s %" PRIu32 "\n",
					ppn_hex(hex, store->pairs[i].claim, PPN_HASH_LEN),
					store->pairs[i].seq_reserved);
	return ppn_file_write(store->dir, STORE_SEQS, 0600, text, len);
}

int ppn_store_seq(struct ppn_store *store, struct ppn_pair *pair, uint32_t at_least, uint32_t limit,
		  uint32_t *ret_seq)
{
	uint32_t next = pair->seq + 1 < at_least ? at_least : pair->seq + 1;

	if (next > PPN_SEQ_MAX - PPN_SEQ_BLOCK)
		return -EOVERFLOW;
	if (next > limit)
		return -ERANGE;
	if (next > pair->seq_reserved) {
		uint32_t was = pair->seq_reserved;
		int err;

		pair->seq_reserved = next + SEQS_AHEAD - 1;
		err = save_seqs(store);
		if (err < 0) {
			pair->seq_reserved = was;
			return err;
		}
	}
	pair->seq = next;
	*ret_seq = next;
	return 0;
}

uint32_t ppn_store_number(const struct ppn_store *store, const uint32_t *taken, size_t n_taken)
{
	uint64_t next = store->cert.first_number;
	uint64_t end = next + store->cert.number_count;

	for (uint32_t i = 0; i < store->roster.n_members; i++)
		if (store->roster.members[i].number >= next &&
		    store->roster.members[i].number < end)
			next = (uint64_t)store->roster.members[i].number + 1;
	for (size_t i = 0; i < store->n_pairs; i++)
		if (store->pairs[i].number >= next && store->pairs[i].number < end)
			next = (uint64_t)store->pairs[i].number + 1;
	for (size_t i = 0; i < n_taken; i++)
		if (taken[i] >= next && taken[i] < end)
			next = (uint64_t)taken[i] + 1;
	return next < end ? (uint32_t)next : 0;
}

/* ---- roster ---- */

static ssize_t write_bundle(const struct ppn_store *store, const struct ppn_roster *next,
			    uint8_t *ret, size_t max)
{
	ssize_t head, object;

	head = ppn_credentials_write(ret, max, PPN_PURPOSE_ROSTER, &store->trust,
				     (struct ppn_bytes){ store->cert_bytes, store->cert_len });
	if (head < 0)
		return head;
	object = ppn_roster_write(ret + head, max - (size_t)head, next, store->trust.newest.fleet,
				  store->secret.sign);
	return object < 0 ? object : head + object;
}

int ppn_store_roster(struct ppn_store *store, struct ppn_roster *next, uint64_t now_s)
{
	size_t max = PPN_MESSAGE2_MAX + ppn_roster_room(next);
	_cleanup_free_ uint8_t *bundle = malloc(max);
	struct ppn_credentials_view credentials;
	struct ppn_entry_roster entry = { 0 };
	struct ppn_roster fresh;
	enum ppn_check check;
	ssize_t len;
	int err;

	if (!store->unlocked)
		return -ENOKEY;
	if (!bundle)
		return -ENOMEM;
	next->version.generation = store->trust.newest.generation;
	next->version.list_number = store->trust.crl[0].number;
	next->version.epoch = store->bundle ? store->roster.version.epoch + 1 : 1;
	next->issued = now_s;
	memcpy(next->serial, store->cert.serial, PPN_SERIAL_LEN);
	memset(next->parent, 0, sizeof(next->parent));
	if (store->bundle)
		memcpy(next->parent, store->roster.version.hash, PPN_HASH_LEN);
	len = write_bundle(store, next, bundle, max);
	if (len < 0)
		return (int)len;
	/* read it back by the rules the nodes will use: what they would refuse is never stored */
	check = ppn_bundle_read((struct ppn_bytes){ bundle, (size_t)len }, store->trust.pin, NULL,
				store->bundle ? &store->roster : NULL, now_s, &credentials, &fresh);
	if (check != PPN_CHECK_OK)
		return -EINVAL;
	err = ppn_file_write(store->dir, STORE_ROSTER, 0600, bundle, (size_t)len);
	if (err < 0) {
		ppn_roster_free(&fresh);
		return err;
	}
	ppn_roster_free(&store->roster);
	free(store->bundle);
	store->roster = fresh;
	store->bundle = TAKE_PTR(bundle);
	store->bundle_len = (size_t)len;
	entry.epoch = htobe64(fresh.version.epoch);
	entry.generation = htobe32(fresh.version.generation);
	entry.list_number = htobe32(fresh.version.list_number);
	memcpy(entry.hash, fresh.version.hash, PPN_HASH_LEN);
	return ppn_store_log(store, PPN_ENTRY_SIGNED, &entry, sizeof(entry));
}

/* ---- invites ---- */

static int read_batch(int dir, const char *name, struct ppn_batch *ret_batch)
{
	_cleanup_free_ uint8_t *text = NULL;
	_cleanup_free_ uint8_t *bytes = malloc(PPN_ARMOR_MAX);
	struct ppn_invite invite;
	size_t text_len, len = 0;
	int err;

	if (!bytes)
		return -ENOMEM;
	err = ppn_file_read(dir, name, PPN_ARMOR_MAX, 1, &text, &text_len);
	if (err < 0)
		return err;
	if (ppn_armor_read((const char *)text, text_len, PPN_ARMOR_INVITE, bytes, PPN_ARMOR_MAX,
			   &len) != PPN_CHECK_OK ||
	    len < sizeof(invite)) {
		err = -EBADMSG;
	} else {
		memcpy(&invite, bytes, sizeof(invite));
		memcpy(ret_batch->id, invite.batch, PPN_BATCH_LEN);
		memcpy(ret_batch->key, invite.enrolment_key, sizeof(ret_batch->key));
		ret_batch->not_after = be64toh(invite.not_after);
		ret_batch->count = be32toh(invite.count);
		ppn_wipe(&invite, sizeof(invite));
	}
	ppn_wipe(text, text_len);
	ppn_wipe(bytes, PPN_ARMOR_MAX);
	return err;
}

void ppn_batch_wipe(struct ppn_batch *batch)
{
	ppn_wipe(batch, sizeof(*batch));
}

/* Strangers ask by the thousand: one file is opened, the one that bears the batch's name. */
int ppn_store_batch(const struct ppn_store *store, const uint8_t id[static PPN_BATCH_LEN],
		    struct ppn_batch *ret_batch)
{
	_cleanup_close_ int dir =
		openat(store->dir, PPN_STORE_INVITES, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char name[2 * PPN_BATCH_LEN + 1];
	struct ppn_batch batch = { 0 };
	int err = dir < 0 ? -errno : read_batch(dir, ppn_hex(name, id, PPN_BATCH_LEN), &batch);

	if (!err && !ppn_equal(batch.id, id, PPN_BATCH_LEN))
		err = -EBADMSG;
	if (!err)
		*ret_batch = batch;
	ppn_batch_wipe(&batch);
	return err;
}

static const char *batch_holds(const struct ppn_store *store, const struct ppn_batch *batch,
			       uint64_t now_s)
{
	uint32_t used = 0;

	if (now_s > batch->not_after)
		return "its invite is past its end";
	for (size_t i = 0; i < store->n_pairs; i++)
		used += ppn_equal(store->pairs[i].batch, batch->id, PPN_BATCH_LEN);
	return used >= batch->count ? "its invite is used up" : NULL;
}

const char *ppn_store_enrolled(const struct ppn_store *store,
			       const uint8_t id[static PPN_BATCH_LEN],
			       const uint8_t proof[static PPN_HASH_LEN],
			       const uint8_t identity[static PPN_KEY_LEN],
			       const uint8_t nonce[static PPN_NONCE_LEN], uint64_t now_s)
{
	struct ppn_batch batch = { 0 };
	const char *no;
	int err = ppn_store_batch(store, id, &batch);

	if (err == -ENOENT)
		return "it shows no invite of this authority";
	if (err < 0)
		return "its invite cannot be read here";
	no = ppn_enrol_check(proof, batch.key, identity, nonce) == PPN_CHECK_OK ?
		     batch_holds(store, &batch, now_s) :
		     "its enrolment proof is wrong";
	ppn_batch_wipe(&batch);
	return no;
}
