// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * `claim` (PROTOCOL 4): one batch a call, one job a node, JOBS at a time. A job is durable before the node
 * hears of it: keys are in the store before the claim leaves. When all jobs are over, one roster names
 * everybody, and is pushed to everybody.
 */
#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/dial.h"
#include "admin/service.h"
#include "admin/tries.h"
#include "admin/verbs.h"
#include "host/cleanup.h"
#include "host/log.h"
#include "lib/crypto.h"

#define JOBS 16
#define TARGETS_MAX 4096
#define SYMBOLS_MIN 20
#define SYMBOLS_LEN 52 /* with the NUL: what `nodes` shows */
#define WHY 240

struct batch;

struct job {
	struct batch *batch;
	struct ppn_dial *dial;
	struct ppn_tries tries;
	char text[64]; /* what the operator called it */
	bool known; /* identity was asked for: it must be this one */
	uint8_t identity[PPN_KEY_LEN];
	char fingerprint[2 * PPN_KEY_LEN + 1]; /* "": none given */
	char name[PPN_NAME_LEN];
	bool sent, had; /* claim left; `was` is the pair before it */
	struct ppn_pair pair, was;
	uint8_t claim_hash[PPN_HASH_LEN];
};

struct batch {
	struct ppn_service *service;
	struct batch *next_batch;
	struct ppn_ctl_call *call;
	struct job *jobs;
	size_t n, next, over, claimed, running;
	uint8_t *bundle; /* of this batch's claims */
	size_t bundle_len;
	uint64_t started_ms;
	bool ending;
};

struct ppn_claim_room {
	struct batch *batches;
};

static void start_more(struct batch *batch);
static bool dial_more(struct job *job);

/* ---- the end of a batch ---- */

static void batch_free(struct batch *batch)
{
	struct batch **at = &batch->service->claim->batches;

	while (*at != batch)
		at = &(*at)->next_batch;
	*at = batch->next_batch;
	for (size_t i = 0; i < batch->n; i++)
		ppn_tries_free(&batch->jobs[i].tries);
	ppn_wipe(batch->jobs, batch->n * sizeof(*batch->jobs));
	free(batch->jobs);
	free(batch->bundle);
	free(batch);
}

static void batch_answer(struct batch *batch, size_t informed, size_t members)
{
	double seconds = (double)(ppn_boottime_ms() - batch->started_ms) / 1000;

	ppn_ctl_answer(batch->call, batch->claimed == batch->n ? PPN_EXIT_OK : PPN_EXIT_FAILURE,
		       json_pack("{s:I, s:I, s:f, s:I, s:I}", "claimed", (json_int_t)batch->claimed,
				 "of", (json_int_t)batch->n, "seconds", seconds, "informed",
				 (json_int_t)informed, "members", (json_int_t)members));
	batch_free(batch);
}

static void pushed(void *arg, size_t taken, size_t of)
{
	batch_answer(arg, taken, of);
}

static void batch_over(struct batch *batch)
{
	struct ppn_service *service = batch->service;
	struct ppn_roster next;
	int err;

	batch->ending = true;
	if (!batch->claimed) {
		batch_answer(batch, 0, 0);
		return;
	}
	err = ppn_mesh_roster(service, &next);
	if (err == 0) {
		err = ppn_store_roster(&service->store, &next, ppn_now_ms() / 1000);
		ppn_roster_free(&next);
	}
	if (err == 0)
		err = ppn_mesh_apply(service);
	if (err == 0)
		err = ppn_push_roster(service, pushed, batch);
	if (err < 0) {
		ppn_log_errno(LOG_ERR, err, "roster after the claim");
		ppn_ctl_error(batch->call, PPN_EXIT_FAILURE,
			      "%zu of %zu are claimed, and no roster tells the members: %s",
			      batch->claimed, batch->n, strerror(-err));
		batch_free(batch);
	}
}

/* ---- the end of a job ---- */

static void job_over(struct job *job, const char *result, const char *why)
{
	struct batch *batch = job->batch;
	char label[10], ip[PPN_ADDRESS_TEXT];
	bool named = job->known || job->sent;

	ppn_address_text(ip, ppn_tries_now(&job->tries)->sin6_addr.s6_addr);
	ppn_ctl_progress(batch->call, json_pack("{s:s, s:s, s:s, s:s?, s:s?, s:I}", "node",
						named ? ppn_label(label, job->identity) : job->text,
						"target", job->text, "result", result, "at",
						job->dial && job->tries.n > 1 ? ip : NULL, "why",
						why, "of", (json_int_t)batch->n));
	if (job->dial)
		ppn_dial_end(job->dial);
	job->dial = NULL;
	ppn_wipe(&job->pair, sizeof(job->pair));
	ppn_wipe(&job->was, sizeof(job->was));
	batch->over++;
	batch->running--;
	start_more(batch);
}

/* The node said no, so it holds nothing of ours: what the store had before the claim stands again. */
static void take_back(struct job *job)
{
	struct ppn_store *store = &job->batch->service->store;
	int err = job->had ? ppn_store_pair_put(store, &job->was) :
			     ppn_store_pair_drop(store, job->identity);

	if (err < 0)
		ppn_log_errno(LOG_ERR, err, "keys of a refused claim");
}

static int keep_claimed(struct job *job, const struct ppn_accept *accept)
{
	struct ppn_store *store = &job->batch->service->store;
	struct ppn_entry_claimed entry = { .number = htobe32(job->pair.number),
					   .posture = job->pair.posture };
	int err;

	memcpy(job->pair.wg_key, accept->wg_key, PPN_KEY_LEN);
	err = ppn_store_pair_put(store, &job->pair);
	if (err < 0)
		return err;
	memcpy(entry.identity, job->identity, PPN_KEY_LEN);
	memcpy(entry.claim, job->claim_hash, PPN_HASH_LEN);
	return ppn_store_log(store, PPN_ENTRY_CLAIMED, &entry, sizeof(entry));
}

static void answered(void *arg, struct ppn_dial *dial, enum ppn_answer_code code,
		     struct ppn_bytes rest)
{
	struct job *job = arg;
	struct ppn_accept accept;
	enum ppn_check check;
	char why[WHY];
	int err;

	(void)dial;
	if (code != PPN_ANSWER_OK) {
		take_back(job);
		snprintf(why, sizeof(why), "%.*s", (int)rest.len, (const char *)rest.data);
		job_over(job,
			 code == PPN_ANSWER_FAILED ? "failed on the node" : "refused by the node",
			 why);
		return;
	}
	check = ppn_accept_read(rest, job->batch->service->store.trust.newest.fleet, job->identity,
				job->claim_hash, &accept);
	if (check != PPN_CHECK_OK) {
		job_over(job, "not claimed", ppn_check_text(check));
		return;
	}
	err = keep_claimed(job, &accept);
	if (err < 0) {
		job_over(job, "claimed, but not kept here", strerror(-err));
		return;
	}
	job->batch->claimed++;
	job_over(job, "claimed", NULL);
}

/* No address has led to a node. */
static void nowhere(struct job *job)
{
	char why[PPN_TRIES_WHY];

	job_over(job, "not claimed", ppn_tries_why(&job->tries, why));
}

/* Before the claim leaves, the host's next address is as good; after it, nothing else is asked. */
static void failed(void *arg, struct ppn_dial *dial, enum ppn_claim_client_end end, const char *why)
{
	struct job *job = arg;
	char words[WHY];

	if (!job->sent) {
		ppn_tries_failed(&job->tries, end, why);
		ppn_dial_end(dial);
		job->dial = NULL;
		if (!dial_more(job))
			nowhere(job);
		return;
	}
	/* the node may have taken it: the keys stay, and the next claim settles it */
	snprintf(words, sizeof(words),
		 "%.120s; `ppn status` there says whether it is bound, ppn-admin(8) what then",
		 why);
	job_over(job, "no answer to the claim", words);
}

/* ---- the claim itself ---- */

static bool fingerprint_holds(const struct job *job)
{
	char symbols[SYMBOLS_LEN], hex[2 * PPN_KEY_LEN + 1];
	size_t n = strlen(job->fingerprint);

	if (n == 2 * PPN_KEY_LEN)
		return strcmp(ppn_hex(hex, job->identity, PPN_KEY_LEN), job->fingerprint) == 0;
	return n >= SYMBOLS_MIN && n < sizeof(symbols) &&
	       strcmp(ppn_symbols(symbols, n, job->identity), job->fingerprint) == 0;
}

/* Two claims of one node at a time would lay their keys over each other in the store. */
static bool under_way(const struct job *job)
{
	const struct batch *batch = job->batch->service->claim->batches;

	for (; batch; batch = batch->next_batch)
		for (size_t i = 0; i < batch->n; i++)
			if (&batch->jobs[i] != job && batch->jobs[i].sent && batch->jobs[i].dial &&
			    memcmp(batch->jobs[i].identity, job->identity, PPN_KEY_LEN) == 0)
				return true;
	return false;
}

static const char *name_of(const struct ppn_pair *pair, char label[static 10])
{
	return pair->name[0] ? pair->name : ppn_label(label, pair->identity);
}

/* Two members of one name make a roster that no node takes; names are DNS labels, whose case is nothing. */
static bool is_taken(const struct ppn_store *store, const char *name,
		     const uint8_t identity[static PPN_KEY_LEN])
{
	char label[10];

	for (uint32_t i = 0; i < store->roster.n_members; i++)
		if (strcasecmp(store->roster.members[i].name, name) == 0 &&
		    memcmp(store->roster.members[i].identity, identity, PPN_KEY_LEN) != 0)
			return true;
	for (size_t i = 0; i < store->n_pairs; i++)
		if (strcasecmp(name_of(&store->pairs[i], label), name) == 0 &&
		    memcmp(store->pairs[i].identity, identity, PPN_KEY_LEN) != 0)
			return true;
	return false;
}

/* The name that the next roster would give it is another's. */
static bool name_taken(const struct job *job, const struct ppn_pair *pair, char why[static WHY])
{
	char label[10];
	const char *name = job->name[0] ? job->name :
			   pair		? name_of(pair, label) :
					  ppn_label(label, job->identity);

	snprintf(why, WHY, "%s is the name of another member: choose one with --name", name);
	return is_taken(&job->batch->service->store, name, job->identity);
}

/* NULL, or why this machine must not become a member (DESIGN 8.10). */
static const char *may_claim(struct job *job, const struct ppn_node_proof *node,
			     char why[static WHY])
{
	struct ppn_service *service = job->batch->service;
	const struct ppn_pair *pair = ppn_store_pair(&service->store, node->identity);
	char symbols[52];
	const char *stranger;

	if (job->known && memcmp(job->identity, node->identity, PPN_KEY_LEN) != 0)
		return "another node answers at its address";
	memcpy(job->identity, node->identity, PPN_KEY_LEN);
	job->known = true;
	if (under_way(job))
		return "another claim of it is under way";
	if (name_taken(job, pair, why))
		return why;
	if (job->fingerprint[0])
		return fingerprint_holds(job) ? NULL : "its fingerprint is another one";
	if (pair && !ppn_is_zero(pair->wg_key, PPN_KEY_LEN))
		return NULL;
	stranger = ppn_store_enrolled(&service->store, node->batch, node->proof, node->identity,
				      node->nonce, ppn_now_ms() / 1000);
	if (!stranger)
		return NULL;
	snprintf(why, WHY, "%s; it shows the fingerprint %s", stranger,
		 ppn_symbols(symbols, 51, node->identity));
	return why;
}

static int make_pair(struct job *job, const struct ppn_node_proof *node)
{
	struct ppn_store *store = &job->batch->service->store;
	const struct ppn_pair *was = ppn_store_pair(store, node->identity);
	const struct sockaddr_in6 *to = ppn_tries_now(&job->tries);
	struct ppn_pair *pair = &job->pair;

	memset(pair, 0, sizeof(*pair));
	job->had = was;
	if (was) {
		job->was = *was;
		memcpy(pair->wg_key, was->wg_key,
		       PPN_KEY_LEN); /* a member stays one while it is claimed again */
	}
	memcpy(pair->identity, node->identity, PPN_KEY_LEN);
	/* claimed again it shows no invite: the one it used stays used */
	memcpy(pair->batch,
	       was && ppn_is_zero(node->batch, PPN_BATCH_LEN) ? was->batch : node->batch,
	       PPN_BATCH_LEN);
	memcpy(pair->endpoint, &to->sin6_addr, sizeof(pair->endpoint));
	pair->scope = IN6_IS_ADDR_LINKLOCAL(&to->sin6_addr) ? to->sin6_scope_id : 0;
	if (IN6_IS_ADDR_LOOPBACK(&to->sin6_addr))
		memset(pair->endpoint, 0, sizeof(pair->endpoint));
	pair->posture = (uint8_t)node->posture;
	memcpy(pair->name, was && !job->name[0] ? was->name : job->name, sizeof(pair->name));
	pair->claimed_ms = ppn_now_ms();
	pair->number = was ? was->number : ppn_store_number(store, &store->cert.first_number, 1);
	return pair->number ? 0 : -ERANGE;
}

/* Our half of the key agreement, the claim, its hash, and the pair's keys. */
static ssize_t make_claim(struct job *job, const struct ppn_node_proof *node,
			  const uint8_t h[static PPN_HASH_LEN], uint8_t *ret_object, size_t max)
{
	struct batch *batch = job->batch;
	const struct ppn_store *store = &batch->service->store;
	struct ppn_claim claim = {
		.number = job->pair.number,
		.posture = node->posture,
		.underlay = PPN_UNDERLAY_AS_CONFIGURED,
		.roster_len = (uint32_t)batch->bundle_len,
	};
	uint8_t y[32], shared[32];
	ssize_t len;
	int err;

	ppn_random(y, sizeof(y));
	ppn_dh_public(claim.y, y);
	memcpy(claim.serial, store->cert.serial, PPN_SERIAL_LEN);
	memcpy(claim.identity, node->identity, PPN_KEY_LEN);
	memcpy(claim.h, h, PPN_HASH_LEN);
	memcpy(claim.nonce, node->nonce, PPN_NONCE_LEN);
	memcpy(claim.x, node->x, PPN_KEY_LEN);
	memcpy(claim.prior, node->claim, PPN_HASH_LEN);
	ppn_hash(claim.roster_hash, batch->bundle, batch->bundle_len);
	len = ppn_claim_write(ret_object, max, &claim, store->trust.newest.fleet,
			      store->secret.sign);
	err = len < 0 ? (int)len : ppn_dh(shared, y, node->x);
	ppn_wipe(y, sizeof(y));
	if (err < 0)
		return err;
	ppn_hash(job->claim_hash, ret_object, (size_t)len);
	memcpy(job->pair.claim, job->claim_hash, PPN_HASH_LEN);
	ppn_pair_derive(&job->pair.keys, node->nonce, shared, job->claim_hash);
	ppn_wipe(shared, sizeof(shared));
	return len;
}

static void proved(void *arg, struct ppn_dial *dial, const struct ppn_node_proof *node,
		   const uint8_t h[static PPN_HASH_LEN])
{
	struct job *job = arg;
	uint8_t object[sizeof(struct ppn_claim_body) + PPN_SIG_LEN];
	char why[WHY];
	const char *no = may_claim(job, node, why);
	ssize_t len;
	int err;

	if (no) {
		job_over(job, "refused", no);
		return;
	}
	err = make_pair(job, node);
	len = err < 0 ? err : make_claim(job, node, h, object, sizeof(object));
	err = len < 0 ? (int)len : ppn_store_pair_put(&job->batch->service->store, &job->pair);
	if (err < 0) {
		job_over(job, "not claimed",
			 err == -ERANGE ? "this certificate's node numbers are used up" :
					  strerror(-err));
		return;
	}
	job->sent = true;
	err = ppn_dial_send(dial, (struct ppn_bytes){ object, (size_t)len });
	if (err == 0)
		err = ppn_dial_bundle(dial, (struct ppn_bytes){ job->batch->bundle,
								job->batch->bundle_len });
	if (err < 0)
		job_over(job, "no answer to the claim", strerror(-err));
}

/* ---- starting ---- */

/* False: no address is left, or none can be dialled. */
static bool dial_more(struct job *job)
{
	const struct ppn_dial_hooks hooks = {
		.proved = proved,
		.answered = answered,
		.failed = failed,
		.arg = job,
	};
	const struct sockaddr_in6 *to;

	while ((to = ppn_tries_next(&job->tries, ppn_boottime_ms()))) {
		int err = ppn_dial_start(&job->dial, job->batch->service, to, PPN_PURPOSE_CLAIM,
					 &hooks);

		if (err == 0)
			return true;
		ppn_tries_failed(&job->tries, PPN_CLAIM_CLIENT_LOCAL, strerror(-err));
	}
	return false;
}

static void start_more(struct batch *batch)
{
	while (batch->running < JOBS && batch->next < batch->n) {
		struct job *job = &batch->jobs[batch->next++];

		batch->running++;
		if (!dial_more(job)) {
			nowhere(job);
			return; /* it has called us again */
		}
	}
	if (batch->over == batch->n && !batch->ending)
		batch_over(batch);
}

static struct job *add_job(struct batch *batch, const char *text)
{
	struct job *more;

	if (batch->n == TARGETS_MAX)
		return NULL;
	more = reallocarray(batch->jobs, batch->n + 1, sizeof(*more));
	if (!more)
		return NULL;
	batch->jobs = more;
	more = &batch->jobs[batch->n++];
	memset(more, 0, sizeof(*more));
	more->batch = batch;
	snprintf(more->text, sizeof(more->text), "%s", text);
	return more;
}

static void add_seen(struct batch *batch, const struct ppn_seen *seen)
{
	char label[10];
	struct job *job = add_job(batch, ppn_label(label, seen->identity));

	if (job) {
		job->tries.address[job->tries.n++] = seen->address;
		memcpy(job->identity, seen->identity, PPN_KEY_LEN);
		job->known = true;
	}
}

/* A member that was seen holding is one claimed a moment ago, or rolled back: not for --all. */
static void add_verified(void *arg, const struct ppn_seen *seen)
{
	struct batch *batch = arg;
	const struct ppn_pair *pair = ppn_store_pair(&batch->service->store, seen->identity);

	if (pair && !ppn_is_zero(pair->wg_key, PPN_KEY_LEN))
		return;
	if (!seen->stranger &&
	    (seen->state == PPN_STATE_HOLDING || seen->state == PPN_STATE_SCANNING))
		add_seen(batch, seen);
}

/* The addresses of a host that the command line resolved, in the resolver's order. */
static int add_host(struct batch *batch, const char *text, const json_t *addresses)
{
	struct job *job = add_job(batch, text);
	const json_t *row;
	size_t i;

	if (!job)
		return -ENOMEM;
	json_array_foreach(addresses, i, row) {
		const char *ip = json_string_value(json_object_get(row, "ip"));
		json_int_t port = json_integer_value(json_object_get(row, "port"));
		int err;

		if (!ip || port < 0 || port > 65535)
			return -EINVAL;
		err = ppn_tries_add(&job->tries, ip,
				    port ? (uint16_t)port : batch->service->config.claim_port);
		if (err < 0 && err != -ENOSPC)
			return err;
	}
	return job->tries.n ? 0 : -EINVAL;
}

static int add_local(struct batch *batch)
{
	struct job *job;

	if (!batch->service->local)
		return -ENOENT;
	job = add_job(batch, "this machine");
	if (!job)
		return -ENOMEM;
	/* asked over ppnd's own socket by root here: as good as a fingerprint compared */
	memcpy(job->identity, batch->service->local_identity, PPN_KEY_LEN);
	ppn_hex(job->fingerprint, job->identity, PPN_KEY_LEN);
	job->known = true;
	return ppn_tries_add(&job->tries, "::1", batch->service->config.claim_port);
}

static int add_node(struct batch *batch, const char *target)
{
	const struct ppn_seen *two, *seen = ppn_seen_find(batch->service, target, &two);
	char a[52], b[52];

	if (!seen) {
		ppn_ctl_error(batch->call, PPN_EXIT_FAILURE,
			      "%s is not seen on any link: name its host, or see `ppn-admin nodes`",
			      target);
		return -EEXIST;
	}
	if (two) {
		ppn_ctl_error(batch->call, PPN_EXIT_FAILURE, "%s means two nodes: %s and %s",
			      target, ppn_symbols(a, 51, seen->identity),
			      ppn_symbols(b, 51, two->identity));
		return -EEXIST;
	}
	add_seen(batch, seen);
	return batch->n ? 0 : -ENOMEM;
}

/* Lower case, no dashes. False: it has not the length of one, so it decides nothing. */
static bool put_fingerprint(struct job *job, const char *text)
{
	size_t n = 0;

	for (; *text; text++) {
		if (*text == '-' || *text == ' ')
			continue;
		if (n == sizeof(job->fingerprint) - 1)
			return false;
		job->fingerprint[n++] = (char)(*text >= 'A' && *text <= 'Z' ? *text + 32 : *text);
	}
	job->fingerprint[n] = '\0';
	return n == 2 * PPN_KEY_LEN || (n >= SYMBOLS_MIN && n < SYMBOLS_LEN);
}

/* -EEXIST: the call has been answered. */
static int add_targets(struct batch *batch, json_t *request)
{
	const char *target = json_string_value(json_object_get(request, "target"));
	const char *fingerprint = json_string_value(json_object_get(request, "fingerprint"));
	const char *name = json_string_value(json_object_get(request, "name"));
	const json_t *addresses = json_object_get(request, "addresses");
	int err = 0;

	if (json_is_true(json_object_get(request, "all")))
		ppn_seen_each(batch->service, add_verified, batch);
	else if (json_is_true(json_object_get(request, "local")))
		err = add_local(batch);
	else if (target && addresses)
		err = add_host(batch, target, addresses);
	else if (target)
		err = add_node(batch, target);
	else
		err = -EINVAL;
	if (err == 0 && fingerprint && batch->n && !put_fingerprint(&batch->jobs[0], fingerprint)) {
		ppn_ctl_error(batch->call, PPN_EXIT_USAGE,
			      "a fingerprint has %d to %d symbols, or %d hexadecimal digits",
			      SYMBOLS_MIN, SYMBOLS_LEN - 1, 2 * PPN_KEY_LEN);
		return -EEXIST;
	}
	if (err == 0 && name && !ppn_name_good(name)) {
		ppn_ctl_error(batch->call, PPN_EXIT_USAGE,
			      "a name has 1 to %d letters, digits, - and _, and begins with no -",
			      PPN_NAME_MAX);
		return -EEXIST;
	}
	if (err == 0 && name && batch->n)
		snprintf(batch->jobs[0].name, sizeof(batch->jobs[0].name), "%s", name);
	return err;
}

/* The roster that the claims carry: the one in force, or a first one that names the seat alone. */
static int take_bundle(struct batch *batch)
{
	struct ppn_service *service = batch->service;
	struct ppn_roster first;
	int err = 0;

	if (!service->store.bundle) {
		err = ppn_mesh_roster(service, &first);
		if (err == 0) {
			err = ppn_store_roster(&service->store, &first, ppn_now_ms() / 1000);
			ppn_roster_free(&first);
		}
	}
	if (err < 0)
		return err;
	if (!service->store.bundle)
		return -ENODATA;
	batch->bundle = malloc(service->store.bundle_len);
	if (!batch->bundle)
		return -ENOMEM;
	memcpy(batch->bundle, service->store.bundle, service->store.bundle_len);
	batch->bundle_len = service->store.bundle_len;
	return 0;
}

static void refuse(struct batch *batch, int err)
{
	if (err == -ENOENT)
		ppn_ctl_error(batch->call, PPN_EXIT_NO_DAEMON,
			      "no ppnd answered on this machine when the seat was unlocked");
	else if (err == -EINVAL)
		ppn_ctl_error(batch->call, PPN_EXIT_USAGE, "no usable address");
	else if (err != -EEXIST)
		ppn_ctl_error(batch->call, PPN_EXIT_FAILURE, "nothing was claimed: %s",
			      strerror(-err));
	batch_free(batch);
}

void ppn_claim_call(struct ppn_service *service, struct ppn_ctl_call *call, json_t *request)
{
	struct batch *batch;
	int err;

	if (!(service->store.cert.rights & PPN_RIGHT_CLAIM)) {
		ppn_ctl_error(call, PPN_EXIT_REFUSED,
			      "this seat's certificate has no right to claim");
		return;
	}
	if (!service->claim)
		service->claim = calloc(1, sizeof(*service->claim));
	batch = service->claim ? calloc(1, sizeof(*batch)) : NULL;
	if (!batch) {
		ppn_ctl_error(call, PPN_EXIT_FAILURE, "out of memory");
		return;
	}
	batch->service = service;
	batch->call = call;
	batch->started_ms = ppn_boottime_ms();
	batch->next_batch = service->claim->batches;
	service->claim->batches = batch;
	err = add_targets(batch, request);
	if (err == 0)
		err = take_bundle(batch);
	if (err < 0)
		refuse(batch, err);
	else
		start_more(batch);
}

void ppn_claim_stop(struct ppn_service *service)
{
	struct ppn_claim_room *room = service->claim;

	if (!room)
		return;
	while (room->batches) {
		struct batch *batch = room->batches;

		for (size_t i = 0; i < batch->n; i++)
			if (batch->jobs[i].dial)
				ppn_dial_end(batch->jobs[i].dial);
		ppn_ctl_error(batch->call, PPN_EXIT_FAILURE, "the service is ending");
		batch_free(batch);
	}
	free(room);
	service->claim = NULL;
}
