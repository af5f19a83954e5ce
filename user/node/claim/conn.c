// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * One connection to the claim port, as a table of {state, event, guard, action, next}. What is not in the
 * table ends the connection.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "host/clock.h"
#include "lib/crypto.h"
#include "node/claim/claim.h"

enum claim_event {
	ASKED, /* a proper upgrade request */
	MESSAGE, /* of the handshake */
	SEALED, /* a transport message, opened, not empty */
	EMPTY, /* an empty one */
	TICKET,
	PROOF,
	ANSWER,
	_EVENT_MAX,
};

struct input {
	struct ppn_bytes bytes; /* MESSAGE, SEALED */
	const struct ppn_worker_message *answer; /* TICKET, PROOF, ANSWER */
};

/* An action ends the connection by an `end`, or lets it go on. */
#define GO_ON _PPN_WORKER_END_MAX

/* What follows message 3 (ppn/wire.h). */
static const struct {
	bool object, bundle;
} follows[_PPN_PURPOSE_MAX] = {
	[PPN_PURPOSE_CLAIM] = { true, true },
	[PPN_PURPOSE_SEAT] = { true, false },
	[PPN_PURPOSE_ROSTER] = { false, true },
	[PPN_PURPOSE_DISCHARGE] = { true, false },
};

/* ---- time ----------------------------------------------------------------------------------- */

/* For the next message of the peer's, within the bound of all of them. */
static void deadline_next(struct claim_conn *conn)
{
	uint64_t now = ppn_clock_ms(CLOCK_MONOTONIC),
		 left = now < conn->until_ms ? conn->until_ms - now : 1;

	ppn_channel_deadline(conn->channel, left < conn->claim->message_ms ?
						    (unsigned int)left :
						    conn->claim->message_ms);
}

/* ---- asking the monitor ---------------------------------------------------------------------- */

static enum ppn_worker_end ask_ticket(struct claim_conn *conn, const struct input *in)
{
	struct ppn_worker_message m = { .type = PPN_WORKER_TICKET, .conn = conn->number };

	(void)in;
	memcpy(m.ticket.source, conn->source, sizeof(m.ticket.source));
	m.ticket.port = conn->port;
	claim_monitor_send(conn->claim, &m, -1);
	return GO_ON;
}

static enum ppn_worker_end ask_proof(struct claim_conn *conn, const struct input *in)
{
	struct ppn_worker_message m = { .type = PPN_WORKER_PROVE, .conn = conn->number };
	uint8_t *plain = conn->claim->plain;
	size_t len;

	if (ppn_noise_read(&conn->noise, plain, sizeof(conn->claim->plain), &len, in->bytes.data,
			   in->bytes.len) < 0 ||
	    len == 0)
		return PPN_WORKER_END_NOISE;
	memcpy(m.prove.rs, conn->noise.rs, sizeof(m.prove.rs));
	memcpy(m.prove.re, conn->noise.re, sizeof(m.prove.re));
	m.prove.payload = (struct ppn_bytes){ plain, len };
	claim_monitor_send(conn->claim, &m, -1);
	return GO_ON;
}

static enum ppn_worker_end commit(struct claim_conn *conn, const struct input *in)
{
	const int seals = F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL;
	struct ppn_worker_message m = { .type = PPN_WORKER_COMMIT, .conn = conn->number };

	(void)in;
	if (conn->bundle >= 0 && fcntl(conn->bundle, F_ADD_SEALS, seals) < 0)
		return PPN_WORKER_END_FAILED;
	memcpy(m.commit.h, conn->h, sizeof(m.commit.h));
	m.commit.object = (struct ppn_bytes){ conn->object, conn->object_len };
	m.commit.has_bundle = conn->bundle >= 0;
	m.commit.bundle_len = conn->bundle_len;
	ppn_channel_deadline(conn->channel, conn->claim->total_ms);
	claim_monitor_send(conn->claim, &m, conn->bundle);
	return GO_ON;
}

/* ---- the handshake ------------------------------------------------------------------------------ */

/* DH(s, re) was done by the monitor, which gave it for this very re. */
static int deliver_se(void *arg, uint8_t ret_shared[static 32],
		      const uint8_t key[static PPN_KEY_LEN])
{
	struct claim_conn *conn = arg;

	if (conn->state != CLAIM_PROOF || !ppn_equal(key, conn->noise.re, PPN_KEY_LEN))
		return -EACCES;
	memcpy(ret_shared, conn->se, sizeof(conn->se));
	return 0;
}

static int noise_start(struct claim_conn *conn, const struct ppn_worker_message *ticket)
{
	struct ppn_noise_key s = { .dh = deliver_se, .arg = conn };
	uint8_t e_secret[32];
	const struct ppn_noise_config config = {
		.name = PPN_NOISE_NAME,
		.initiator = true,
		.prologue = conn->prologue,
		.prologue_len = sizeof(conn->prologue),
		.s = &s,
		.e_secret = e_secret,
	};
	int err;

	ppn_prologue(conn->prologue, ticket->ticket_answer.mode, ticket->ticket_answer.fleet);
	memcpy(s.key, ticket->ticket_answer.noise_key, sizeof(s.key));
	ppn_random(e_secret, sizeof(e_secret));
	err = ppn_noise_start(&conn->noise, &config);
	ppn_wipe(e_secret, sizeof(e_secret));
	return err;
}

/* The 101 and message 1, in one write. */
static enum ppn_worker_end greet(struct claim_conn *conn, const struct input *in)
{
	const char *protocol = in->answer->ticket_answer.mode == PPN_MODE_CODE ?
				       PPN_SUBPROTOCOL_CODE :
				       PPN_SUBPROTOCOL_PIN;
	uint8_t message[PPN_KEY_LEN];
	size_t len;

	if (!ppn_channel_accept(conn->channel, protocol))
		return PPN_WORKER_END_UPGRADE;
	if (noise_start(conn, in->answer) < 0 ||
	    ppn_noise_write(&conn->noise, message, sizeof(message), &len, "", 0) < 0 ||
	    ppn_channel_send(conn->channel, (struct ppn_bytes){ message, len }) < 0)
		return PPN_WORKER_END_FAILED;
	return GO_ON;
}

static int send_proof(struct claim_conn *conn, struct ppn_bytes node)
{
	uint8_t message[PPN_MESSAGE_MAX];
	size_t len;
	int err =
		ppn_noise_write(&conn->noise, message, sizeof(message), &len, node.data, node.len);

	if (!err)
		err = ppn_channel_send(conn->channel, (struct ppn_bytes){ message, len });
	return err;
}

static int open_bundle(struct claim_conn *conn)
{
	conn->bundle = memfd_create("bundle", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	return conn->bundle < 0 ? -errno : 0;
}

static enum ppn_worker_end prove(struct claim_conn *conn, const struct input *in)
{
	const struct ppn_worker_message *m = in->answer;
	int err;

	conn->purpose = m->prove_answer.purpose;
	memcpy(conn->se, m->prove_answer.se, sizeof(conn->se));
	err = send_proof(conn, m->prove_answer.payload);
	ppn_wipe(conn->se, sizeof(conn->se));
	if (!err)
		err = ppn_noise_split(&conn->noise, &conn->send, &conn->receive);
	if (!err && follows[conn->purpose].bundle)
		err = open_bundle(conn);
	if (err)
		return PPN_WORKER_END_FAILED;
	memcpy(conn->h, conn->noise.h, sizeof(conn->h));
	ppn_channel_speak(conn->channel); /* the monitor knows this peer */
	ppn_channel_limit(conn->channel, PPN_MESSAGE_MAX);
	conn->until_ms = ppn_clock_ms(CLOCK_MONOTONIC) + conn->claim->total_ms;
	deadline_next(conn);
	return GO_ON;
}

/* ---- what follows it ------------------------------------------------------------------------------ */

static enum ppn_worker_end keep_object(struct claim_conn *conn, const struct input *in)
{
	if (in->bytes.len > sizeof(conn->object))
		return PPN_WORKER_END_SIZE;
	memcpy(conn->object, in->bytes.data, in->bytes.len);
	conn->object_len = in->bytes.len;
	deadline_next(conn);
	return GO_ON;
}

static enum ppn_worker_end commit_object(struct claim_conn *conn, const struct input *in)
{
	enum ppn_worker_end end = keep_object(conn, in);

	return end == GO_ON ? commit(conn, in) : end;
}

static enum ppn_worker_end keep_chunk(struct claim_conn *conn, const struct input *in)
{
	if (in->bytes.len > PPN_ROSTER_MAX - conn->bundle_len)
		return PPN_WORKER_END_SIZE;
	if (write(conn->bundle, in->bytes.data, in->bytes.len) != (ssize_t)in->bytes.len)
		return PPN_WORKER_END_FAILED;
	conn->bundle_len += (uint32_t)in->bytes.len;
	deadline_next(conn);
	return GO_ON;
}

static enum ppn_worker_end answer(struct claim_conn *conn, const struct input *in)
{
	const struct ppn_bytes words = in->answer->commit_answer.answer;
	uint8_t sealed[PPN_MESSAGE_MAX];
	int err = ppn_noise_seal(&conn->send, sealed, words.data, words.len);

	if (!err)
		err = ppn_channel_send(conn->channel,
				       (struct ppn_bytes){ sealed, words.len + PPN_NOISE_TAG });
	return err ? PPN_WORKER_END_FAILED : PPN_WORKER_END_ANSWERED;
}

static enum ppn_worker_end refuse(struct claim_conn *conn, const struct input *in)
{
	(void)conn;
	(void)in;
	return PPN_WORKER_END_REFUSED;
}

/* ---- the table -------------------------------------------------------------------------------------- */

static bool granted(const struct claim_conn *conn, const struct input *in)
{
	(void)conn;
	return in->answer->ticket_answer.ok;
}

static bool proved_for_object(const struct claim_conn *conn, const struct input *in)
{
	(void)conn;
	return in->answer->prove_answer.ok && follows[in->answer->prove_answer.purpose].object;
}

static bool proved_for_bundle(const struct claim_conn *conn, const struct input *in)
{
	(void)conn;
	return in->answer->prove_answer.ok && follows[in->answer->prove_answer.purpose].bundle;
}

static bool bundle_follows(const struct claim_conn *conn, const struct input *in)
{
	(void)in;
	return follows[conn->purpose].bundle;
}

static bool has_words(const struct claim_conn *conn, const struct input *in)
{
	(void)conn;
	return in->answer->commit_answer.answer.len > 0;
}

/* The first row whose state, event and guard hold. */
static const struct row {
	enum claim_state state;
	enum claim_event event;
	bool (*guard)(const struct claim_conn *conn, const struct input *in);
	enum ppn_worker_end (*action)(struct claim_conn *conn, const struct input *in);
	enum claim_state next;
} rows[] = {
	{ CLAIM_UPGRADE, ASKED, NULL, ask_ticket, CLAIM_TICKET },
	{ CLAIM_TICKET, TICKET, granted, greet, CLAIM_CREDENTIALS },
	{ CLAIM_TICKET, TICKET, NULL, refuse, CLAIM_OVER },
	{ CLAIM_CREDENTIALS, MESSAGE, NULL, ask_proof, CLAIM_PROOF },
	{ CLAIM_PROOF, PROOF, proved_for_object, prove, CLAIM_OBJECT },
	{ CLAIM_PROOF, PROOF, proved_for_bundle, prove, CLAIM_BUNDLE },
	{ CLAIM_PROOF, PROOF, NULL, refuse, CLAIM_OVER },
	{ CLAIM_OBJECT, SEALED, bundle_follows, keep_object, CLAIM_BUNDLE },
	{ CLAIM_OBJECT, SEALED, NULL, commit_object, CLAIM_COMMIT },
	{ CLAIM_BUNDLE, SEALED, NULL, keep_chunk, CLAIM_BUNDLE },
	{ CLAIM_BUNDLE, EMPTY, NULL, commit, CLAIM_COMMIT },
	{ CLAIM_COMMIT, ANSWER, has_words, answer, CLAIM_OVER },
	{ CLAIM_COMMIT, ANSWER, NULL, refuse, CLAIM_OVER },
};

static void over(struct claim_conn *conn, enum ppn_worker_end end)
{
	conn->state = CLAIM_OVER;
	conn->end = end;
	ppn_channel_close(conn->channel, PPN_CHANNEL_OWN);
}

static void happen(struct claim_conn *conn, enum claim_event event, const struct input *in)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *row = &rows[i];
		enum ppn_worker_end end;

		if (row->state != conn->state || row->event != event ||
		    (row->guard && !row->guard(conn, in)))
			continue;
		end = row->action(conn, in);
		if (end != GO_ON)
			over(conn, end);
		else
			conn->state = row->next;
		return;
	}
	if (conn->state != CLAIM_OVER)
		over(conn, PPN_WORKER_END_ORDER);
}

/* ---- where events come from ------------------------------------------------------------------------- */

static void on_asked(void *arg, struct ppn_channel *channel)
{
	(void)channel;
	happen(arg, ASKED, NULL);
}

static void on_message(void *arg, struct ppn_channel *channel, struct ppn_bytes message)
{
	struct claim_conn *conn = arg;
	uint8_t *plain = conn->claim->plain;
	struct input in = { .bytes = message };

	(void)channel;
	if (conn->state != CLAIM_OBJECT && conn->state != CLAIM_BUNDLE) {
		happen(conn, MESSAGE, &in);
	} else if (ppn_noise_open(&conn->receive, plain, message.data, message.len) < 0) {
		over(conn, PPN_WORKER_END_NOISE);
	} else {
		in.bytes = (struct ppn_bytes){ plain, message.len - PPN_NOISE_TAG };
		happen(conn, in.bytes.len > 0 ? SEALED : EMPTY, &in);
	}
	ppn_wipe(plain, sizeof(conn->claim->plain) < message.len ? sizeof(conn->claim->plain) :
								   message.len);
}

void claim_conn_answer(struct claim_conn *conn, const struct ppn_worker_message *m)
{
	static const enum claim_event events[_PPN_WORKER_TYPE_MAX] = {
		[PPN_WORKER_TICKET_ANSWER] = TICKET,
		[PPN_WORKER_PROVE_ANSWER] = PROOF,
		[PPN_WORKER_COMMIT_ANSWER] = ANSWER,
	};
	const struct input in = { .answer = m };

	happen(conn, events[m->type], &in);
}

static void conn_wipe(struct claim_conn *conn)
{
	if (conn->bundle >= 0)
		close(conn->bundle);
	ppn_noise_wipe(&conn->noise);
	ppn_wipe(conn, sizeof(*conn));
}

static void on_ended(void *arg, struct ppn_channel *channel, enum ppn_channel_end end, int err)
{
	static const enum ppn_worker_end ends[_PPN_CHANNEL_END_MAX] = {
		[PPN_CHANNEL_CLOSED] = PPN_WORKER_END_GONE,
		[PPN_CHANNEL_TIMEOUT] = PPN_WORKER_END_TIMEOUT,
		[PPN_CHANNEL_UPGRADE] = PPN_WORKER_END_UPGRADE,
		[PPN_CHANNEL_FRAME] = PPN_WORKER_END_FRAME,
		[PPN_CHANNEL_SIZE] = PPN_WORKER_END_SIZE,
		[PPN_CHANNEL_FAILED] = PPN_WORKER_END_FAILED,
		[PPN_CHANNEL_REFUSED] = PPN_WORKER_END_FAILED,
		[PPN_CHANNEL_UNREACHABLE] = PPN_WORKER_END_FAILED,
	};
	struct claim_conn *conn = arg;
	struct claim *claim = conn->claim;
	uint32_t number = conn->number;
	enum ppn_worker_end ended = conn->state == CLAIM_OVER ? conn->end : ends[end];

	(void)err;
	ppn_channel_free(channel);
	conn_wipe(conn);
	claim_monitor_done(claim, number, ended);
}

void claim_conn_start(struct claim *claim, struct claim_conn *conn, int fd)
{
	static const struct ppn_channel_hooks hooks = {
		.asked = on_asked,
		.message = on_message,
		.ended = on_ended,
	};
	const struct ppn_channel_config config = {
		.base = claim->base,
		.hooks = &hooks,
		.arg = conn,
		.message_max = PPN_MESSAGE2_MAX,
		.quiet = true,
	};

	conn->bundle = -1;
	conn->channel = ppn_channel_server(fd, &config);
	if (!conn->channel) {
		claim_monitor_done(claim, conn->number, PPN_WORKER_END_FAILED);
		return;
	}
	conn->claim = claim;
	ppn_channel_deadline(conn->channel, claim->handshake_ms);
}

void claim_conn_stop(struct claim_conn *conn)
{
	if (!conn->claim)
		return;
	ppn_channel_free(conn->channel);
	conn_wipe(conn);
}
