// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "node/tickets.h"

#include <endian.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/cleanup.h"
#include "host/log.h"
#include "lib/crypto.h"

void ppnd_ticket_draw(struct ppnd_ticket *ret_ticket, uint32_t conn, uint64_t now_ms)
{
	*ret_ticket = (struct ppnd_ticket){
		.state = PPND_TICKET_DRAWN,
		.conn = conn,
		.deadline_ms = now_ms + PPN_CLAIM_TICKET_MS,
	};
	ppn_random(ret_ticket->nonce, sizeof(ret_ticket->nonce));
	ppn_random(ret_ticket->x_secret, sizeof(ret_ticket->x_secret));
	ppn_dh_public(ret_ticket->x, ret_ticket->x_secret);
}

bool ppnd_ticket_late(const struct ppnd_ticket *ticket, uint64_t now_ms)
{
	return now_ms > ticket->deadline_ms;
}

/* ---- prove ---- */

/* What each purpose asks of the certificate and of the node. */
static const struct purpose {
	const char *text;
	uint32_t rights;
	bool bound; /* of a claimed node only */
} purposes[_PPN_PURPOSE_MAX] = {
	[PPN_PURPOSE_CLAIM] = { "claim", PPN_RIGHT_CLAIM, false },
	[PPN_PURPOSE_SEAT] = { "seat", PPN_RIGHT_SEND, true },
	[PPN_PURPOSE_ROSTER] = { "roster", PPN_RIGHT_ROSTER, true },
	[PPN_PURPOSE_DISCHARGE] = { "discharge", PPN_RIGHT_DISCHARGE, true },
};

/* The certificate alone is public and proves nothing: it must name the key of this very handshake. */
static enum ppn_check check_credentials(struct ppnd *ppnd, const struct ppn_worker_message *prove,
					struct ppn_credentials_view *ret_view)
{
	struct ppn_bytes in = prove->prove.payload;
	const struct ppn_trust *trust = &ppnd->state.trust.now;
	enum ppn_check check;

	check = ppn_credentials_take(&in, trust->pin, trust, purposes[in.data[0]].rights,
				     ppnd_now_ms() / 1000, ret_view);
	if (check == PPN_CHECK_OK && in.len)
		check = PPN_CHECK_LONG;
	if (check == PPN_CHECK_OK &&
	    !ppn_equal(ret_view->cert.noise_key, prove->prove.rs, PPN_KEY_LEN))
		check = PPN_CHECK_IDENTITY;
	return check;
}

/* The highest chain and list that any handshake has shown; what they revoke loses slot and peer at once. */
static int keep_trust(struct ppnd *ppnd, const struct ppn_trust *seen)
{
	int grew = ppnd_state_trust(&ppnd->state, seen);

	if (grew <= 0 || !ppnd->state.is_bound)
		return grew < 0 ? grew : 0;
	ppnd_mesh_peers(ppnd);
	ppnd_slots_drop(ppnd);
	ppnd->changed(ppnd);
	return 0;
}

static ssize_t write_proof(struct ppnd *ppnd, const struct ppnd_ticket *ticket,
			   const struct ppn_worker_message *prove, uint8_t *ret_object)
{
	const struct ppnd_state *state = &ppnd->state;
	struct ppn_node_proof node = {
		.state = ppnd->genesis.state,
		.posture = ppnd->config.posture,
		.ledger_size = state->ledger.head.size,
	};

	memcpy(node.identity, state->identity.key, sizeof(node.identity));
	memcpy(node.noise_key, state->identity.noise_key, sizeof(node.noise_key));
	memcpy(node.rs, prove->prove.rs, sizeof(node.rs));
	memcpy(node.nonce, ticket->nonce, sizeof(node.nonce));
	memcpy(node.x, ticket->x, sizeof(node.x));
	memcpy(node.claim, ppnd_state_claim(state), sizeof(node.claim));
	memcpy(node.ledger_hash, state->ledger.head.hash, sizeof(node.ledger_hash));
	if (state->has_invite) {
		memcpy(node.batch, state->invite.batch, sizeof(node.batch));
		ppn_enrol_proof(node.proof, state->invite.enrolment_key, node.identity, node.nonce);
	}
	return ppn_node_write(ret_object, PPN_WORKER_NODE_MAX, &node, state->fleet,
			      state->identity.sign_seed);
}

static bool refuse(char ret_why[static PPN_WHY_LEN], const char *format, ...)
	__attribute__((format(printf, 2, 3)));
static bool refuse(char ret_why[static PPN_WHY_LEN], const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(ret_why, PPN_WHY_LEN, format, args);
	va_end(args);
	return false;
}

bool ppnd_ticket_prove(struct ppnd *ppnd, struct ppnd_ticket *ticket,
		       const struct ppn_worker_message *prove,
		       struct ppn_worker_message *ret_answer,
		       uint8_t object[static PPN_WORKER_NODE_MAX], char ret_why[static PPN_WHY_LEN])
{
	struct ppn_worker_message answer = { .type = PPN_WORKER_PROVE_ANSWER,
					     .conn = ticket->conn };
	_cleanup_free_ struct ppn_credentials_view *view = calloc(1, sizeof(*view));
	uint8_t purpose = prove->prove.payload.len ? prove->prove.payload.data[0] :
						     PPN_PURPOSE_NONE;
	enum ppn_check check;
	ssize_t len;
	int err;

	ticket->state = PPND_TICKET_SPENT;
	if (!view)
		return refuse(ret_why, "%s", strerror(ENOMEM));
	if (purpose >= _PPN_PURPOSE_MAX || !purposes[purpose].text)
		return refuse(ret_why, "a purpose that this version does not know: %u", purpose);
	if (purposes[purpose].bound && !ppnd->state.is_bound)
		return refuse(ret_why, "%s: this node is not claimed", purposes[purpose].text);
	check = check_credentials(ppnd, prove, view);
	if (check != PPN_CHECK_OK)
		return refuse(ret_why, "%s: %s", purposes[purpose].text, ppn_check_text(check));
	err = keep_trust(ppnd, &view->trust);
	if (err)
		return refuse(ret_why, "%s: what its roots signed is not kept on disk: %s",
			      purposes[purpose].text, strerror(-err));
	if (ppn_dh(answer.prove_answer.se, ppnd->state.identity.noise_secret, prove->prove.re))
		return refuse(ret_why, "a Noise key of small order");
	len = write_proof(ppnd, ticket, prove, object);
	if (len < 0)
		return refuse(ret_why, "the node's proof: %s", strerror((int)-len));
	answer.prove_answer.ok = true;
	answer.prove_answer.purpose = view->purpose;
	answer.prove_answer.payload = (struct ppn_bytes){ object, len };
	ticket->purpose = view->purpose;
	ticket->cert = view->cert;
	ticket->state = PPND_TICKET_PROVED;
	ticket->deadline_ms += PPN_CLAIM_TOTAL_MS;
	*ret_answer = answer;
	ppn_wipe(&answer, sizeof(answer));
	return true;
}

/* ---- commit ---- */

/* One commit on its way. */
struct commit {
	struct ppnd *ppnd;
	struct ppnd_ticket *ticket;
	const struct ppn_worker_message *message;
	struct ppn_bytes bundle;
	struct ppnd_answer *answer;
	struct ppn_credentials_view view; /* of the bundle */
};

static void set_answer(struct ppnd_answer *answer, enum ppn_answer_code code, const void *rest,
		       size_t len)
{
	const struct ppn_answer head = { .code = code };

	memcpy(answer->bytes, &head, sizeof(head));
	memcpy(answer->bytes + sizeof(head), rest, len);
	answer->len = sizeof(head) + len;
}

static bool answer_text(struct commit *commit, enum ppn_answer_code code, const char *text)
{
	char words[PPN_ANSWER_TEXT_MAX];
	int len = snprintf(words, sizeof(words), "%s", text);

	ppn_log(LOG_NOTICE, "%s, by certificate %s from %s: %s",
		purposes[commit->ticket->purpose].text, commit->ticket->cert.name,
		commit->ticket->source, text);
	set_answer(commit->answer, code, words,
		   len < (int)sizeof(words) ? len : (int)sizeof(words) - 1);
	return code == PPN_ANSWER_ALREADY;
}

static bool answer_check(struct commit *commit, enum ppn_check check)
{
	return answer_text(commit, PPN_ANSWER_REFUSED, ppn_check_text(check));
}

static bool answer_errno(struct commit *commit, int err)
{
	if (err == -EPERM)
		return answer_text(commit, PPN_ANSWER_REFUSED, "not in the state this node is in");
	return answer_text(commit, PPN_ANSWER_FAILED, strerror(-err));
}

static struct ppn_claim_facts facts(const struct commit *commit)
{
	const struct ppnd_state *state = &commit->ppnd->state;

	return (struct ppn_claim_facts){
		.cert = &commit->ticket->cert,
		.fleet = state->fleet,
		.identity = state->identity.key,
		.h = commit->message->commit.h,
		.nonce = commit->ticket->nonce,
		.x = commit->ticket->x,
		.prior = ppnd_state_claim(state),
		.posture = commit->ppnd->config.posture,
		.number = state->is_bound ? state->bound.claim.number : 0,
	};
}

static enum ppn_check take_object(const struct commit *commit, enum ppn_object kind,
				  struct ppn_object_view *ret_view)
{
	struct ppn_bytes in = commit->message->commit.object;
	enum ppn_check check = ppn_object_take(&in, kind, PPN_WORKER_OBJECT_MAX, ret_view);

	return check == PPN_CHECK_OK && in.len ? PPN_CHECK_LONG : check;
}

/* The ticket's one DH; all-zero results are refused by ppn_dh(). */
static enum ppn_check agree(const struct commit *commit, const uint8_t y[static PPN_KEY_LEN],
			    const uint8_t object_hash[static PPN_HASH_LEN],
			    struct ppn_pair_keys *ret_keys)
{
	uint8_t shared[32];
	int err = ppn_dh(shared, commit->ticket->x_secret, y);

	if (!err)
		ppn_pair_derive(ret_keys, commit->ticket->nonce, shared, object_hash);
	ppn_wipe(shared, sizeof(shared));
	return err ? PPN_CHECK_FORM : PPN_CHECK_OK;
}

static enum ppn_check check_bundle(struct commit *commit, const struct ppn_claim *claim,
				   struct ppn_roster *ret_roster)
{
	const struct ppnd_state *state = &commit->ppnd->state;
	const struct ppn_roster *current = state->is_bound && state->has_roster ? &state->roster :
										  NULL;
	uint8_t hash[PPN_HASH_LEN];

	ppn_hash(hash, commit->bundle.data, commit->bundle.len);
	if (claim && (claim->roster_len != commit->bundle.len ||
		      !ppn_equal(hash, claim->roster_hash, sizeof(hash))))
		return PPN_CHECK_HASH;
	/* A claim may bring the very roster that is in force. */
	if (claim && current && commit->bundle.len == state->bundle.len &&
	    memcmp(commit->bundle.data, state->bundle.data, state->bundle.len) == 0)
		current = NULL;
	return ppn_bundle_read(commit->bundle, state->trust.now.pin, &state->trust.now, current,
			       ppnd_now_ms() / 1000, &commit->view, ret_roster);
}

static enum ppn_check read_claim(struct commit *commit, struct ppnd_offer *offer)
{
	const struct ppn_claim_facts known = facts(commit);
	struct ppn_object_view view;
	enum ppn_check check = take_object(commit, PPN_OBJECT_CLAIM, &view);

	if (check == PPN_CHECK_OK)
		check = ppn_claim_read(&view, &offer->bound.claim);
	if (check == PPN_CHECK_OK)
		check = ppn_claim_check(&view, &offer->bound.claim, &known);
	if (check != PPN_CHECK_OK)
		return check;
	ppn_object_hash(offer->bound.claim_hash, &view);
	offer->object = view.whole;
	offer->bundle = commit->bundle;
	offer->trust = &commit->view.trust;
	offer->bound.may_send = commit->ticket->cert.rights & PPN_RIGHT_SEND;
	memcpy(offer->bound.seat_key, commit->ticket->cert.sign_key, sizeof(offer->bound.seat_key));
	check = agree(commit, offer->bound.claim.y, offer->bound.claim_hash, &offer->bound.keys);
	return check == PPN_CHECK_OK ? check_bundle(commit, &offer->bound.claim, &offer->roster) :
				       check;
}

static bool answer_accept(struct commit *commit, const struct ppnd_offer *offer)
{
	const struct ppnd_state *state = &commit->ppnd->state;
	struct ppn_accept accept = { .ledger_size = state->ledger.head.size };
	uint8_t object[PPN_MESSAGE_MAX / 2];
	ssize_t len;

	memcpy(accept.claim, offer->bound.claim_hash, sizeof(accept.claim));
	memcpy(accept.wg_key, state->identity.wg_key, sizeof(accept.wg_key));
	memcpy(accept.ledger_hash, state->ledger.head.hash, sizeof(accept.ledger_hash));
	len = ppn_accept_write(object, sizeof(object), &accept, state->fleet,
			       state->identity.sign_seed);
	if (len < 0)
		return answer_errno(commit, (int)len);
	set_answer(commit->answer, PPN_ANSWER_OK, object, len);
	ppn_log(LOG_NOTICE, "claimed as number %u by certificate %s from %s",
		offer->bound.claim.number, commit->ticket->cert.name, commit->ticket->source);
	return true;
}

static bool commit_claim(struct commit *commit)
{
	struct ppnd *ppnd = commit->ppnd;
	struct ppnd_offer offer = { 0 };
	const struct ppnd_detail detail = { .offer = &offer };
	enum ppn_check check = read_claim(commit, &offer);
	bool done;
	int err = 0;

	if (check != PPN_CHECK_OK) {
		done = answer_check(commit, check);
		goto out;
	}
	if (offer.bound.may_send)
		err = ppnd_slots_prepare(ppnd, &offer.bound.keys, NULL);
	if (!err)
		err = ppnd->happen(ppnd, ppnd->state.is_bound ? PPN_EVENT_RECLAIM : PPN_EVENT_CLAIM,
				   &detail);
	if (!err)
		ppnd_command_reconcile(ppnd); /* isolation survives a claim */
	done = err ? answer_errno(commit, err) : answer_accept(commit, &offer);
out:
	ppn_roster_free(&offer.roster);
	ppn_wipe(&offer, sizeof(offer));
	return done;
}

static bool commit_seat(struct commit *commit)
{
	const struct ppn_claim_facts known = facts(commit);
	struct ppnd *ppnd = commit->ppnd;
	struct ppn_object_view view;
	struct ppn_pair_keys keys;
	struct ppn_seat seat;
	uint8_t hash[PPN_HASH_LEN];
	enum ppn_check check = take_object(commit, PPN_OBJECT_SEAT, &view);
	int err;

	if (check == PPN_CHECK_OK)
		check = ppn_seat_check(&view, &known, &seat);
	if (check != PPN_CHECK_OK)
		return answer_check(commit, check);
	ppn_object_hash(hash, &view);
	check = agree(commit, seat.y, hash, &keys);
	if (check != PPN_CHECK_OK)
		return answer_check(commit, check);
	err = ppnd_slots_prepare(ppnd, &keys, seat.serial);
	if (!err)
		err = ppnd_state_append(&ppnd->state, PPN_ENTRY_SEAT, seat.serial,
					sizeof(seat.serial), true);
	if (!err)
		err = ppnd_slots_seat(ppnd, &keys, seat.serial, commit->ticket->cert.sign_key);
	ppn_wipe(&keys, sizeof(keys));
	if (err)
		return answer_errno(commit, err);
	ppnd_slots_open(ppnd);
	ppnd->changed(ppnd);
	ppn_log(LOG_NOTICE, "seat %s may send commands", commit->ticket->cert.name);
	set_answer(commit->answer, PPN_ANSWER_OK, "", 0);
	return true;
}

static bool commit_roster(struct commit *commit)
{
	struct ppnd *ppnd = commit->ppnd;
	struct ppn_roster roster = { 0 };
	const struct ppnd_detail detail = { .bundle = commit->bundle, .roster = &roster };
	enum ppn_check check = check_bundle(commit, NULL, &roster);
	uint64_t epoch = roster.version.epoch;
	int err;

	if (check == PPN_CHECK_SEQUENCE)
		return answer_text(commit, PPN_ANSWER_ALREADY,
				   "this roster or a greater one is in force");
	if (check != PPN_CHECK_OK)
		return answer_check(commit, check);
	err = keep_trust(ppnd, &commit->view.trust);
	if (!err)
		err = ppnd->happen(ppnd, PPN_EVENT_ROSTER, &detail);
	ppn_roster_free(&roster);
	if (err)
		return answer_errno(commit, err);
	ppn_log(LOG_NOTICE, "roster of epoch %llu is in force", (unsigned long long)epoch);
	set_answer(commit->answer, PPN_ANSWER_OK, "", 0);
	return true;
}

static bool commit_discharge(struct commit *commit)
{
	return answer_text(commit, PPN_ANSWER_REFUSED,
			   "discharge comes with a later version of ppnd");
}

bool ppnd_ticket_commit(struct ppnd *ppnd, struct ppnd_ticket *ticket,
			const struct ppn_worker_message *message, struct ppn_bytes bundle,
			struct ppnd_answer *ret_answer)
{
	static bool (*const run[_PPN_PURPOSE_MAX])(struct commit * commit) = {
		[PPN_PURPOSE_CLAIM] = commit_claim,
		[PPN_PURPOSE_SEAT] = commit_seat,
		[PPN_PURPOSE_ROSTER] = commit_roster,
		[PPN_PURPOSE_DISCHARGE] = commit_discharge,
	};
	struct commit *commit = calloc(1, sizeof(*commit));
	bool done;

	ticket->state = PPND_TICKET_SPENT;
	if (!commit) {
		set_answer(ret_answer, PPN_ANSWER_FAILED, "memory", strlen("memory"));
		return false;
	}
	*commit = (struct commit){ .ppnd = ppnd,
				   .ticket = ticket,
				   .message = message,
				   .bundle = bundle,
				   .answer = ret_answer };
	/* Between proof and commit another connection may have brought a list that revokes it. */
	if (ppn_trust_revoked(&ppnd->state.trust.now, ticket->cert.serial))
		done = answer_check(commit, PPN_CHECK_REVOKED);
	else
		done = run[ticket->purpose](commit);
	free(commit);
	return done;
}
