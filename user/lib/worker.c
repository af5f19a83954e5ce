// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "lib/worker.h"

#include <endian.h>
#include <errno.h>
#include <string.h>
#include "lib/crypto.h"

/* ---- on the socket: a head, a fixed part of the type, and bytes to the packet's end ----------- */

struct head {
	__u8 type;
	__u8 zero[3];
	__be32 conn;
};

struct ticket {
	__u8 source[16];
	__be16 port;
	__u8 zero[2];
};

struct ticket_answer {
	__u8 ok;
	__u8 mode;
	__u8 zero[2];
	__u8 fleet[PPN_HASH_LEN];
	__u8 noise_key[PPN_KEY_LEN];
};

struct prove {
	__u8 rs[PPN_KEY_LEN];
	__u8 re[PPN_KEY_LEN];
};

struct prove_answer {
	__u8 ok;
	__u8 purpose;
	__u8 zero[2];
	__u8 se[32];
};

struct commit {
	__u8 h[PPN_HASH_LEN];
	__be32 bundle_len;
	__u8 has_bundle;
	__u8 zero[3];
};

struct done {
	__u8 end;
	__u8 zero[3];
};

union fixed {
	struct ticket ticket;
	struct ticket_answer ticket_answer;
	struct prove prove;
	struct prove_answer prove_answer;
	struct commit commit;
	struct done done;
};

PPN_SIZE(struct head, 8);
PPN_SIZE(struct ticket, 20);
PPN_SIZE(struct ticket_answer, 68);
PPN_SIZE(struct prove, 64);
PPN_SIZE(struct prove_answer, 36);
PPN_SIZE(struct commit, 40);
PPN_SIZE(struct done, 4);
PPN_STATIC_ASSERT(sizeof(struct head) + sizeof(struct prove) + PPN_WORKER_CREDENTIALS_MAX <=
			  PPN_WORKER_PACKET_MAX,
		  "the longest packet");

/* ---- each type: what it must be, and both directions ------------------------------------------- */

static bool all_zero(const void *p, size_t len)
{
	return ppn_is_zero(p, len);
}

static void ticket_put(union fixed *f, const struct ppn_worker_message *m)
{
	memcpy(f->ticket.source, m->ticket.source, sizeof(f->ticket.source));
	f->ticket.port = htobe16(m->ticket.port);
}

static bool ticket_get(struct ppn_worker_message *m, const union fixed *f)
{
	memcpy(m->ticket.source, f->ticket.source, sizeof(f->ticket.source));
	m->ticket.port = be16toh(f->ticket.port);
	return all_zero(f->ticket.zero, sizeof(f->ticket.zero));
}

static void ticket_answer_put(union fixed *f, const struct ppn_worker_message *m)
{
	f->ticket_answer.ok = m->ticket_answer.ok;
	if (!m->ticket_answer.ok)
		return;
	f->ticket_answer.mode = (__u8)m->ticket_answer.mode;
	memcpy(f->ticket_answer.fleet, m->ticket_answer.fleet, PPN_HASH_LEN);
	memcpy(f->ticket_answer.noise_key, m->ticket_answer.noise_key, PPN_KEY_LEN);
}

static bool ticket_answer_get(struct ppn_worker_message *m, const union fixed *f)
{
	const struct ticket_answer *t = &f->ticket_answer;

	m->ticket_answer.ok = t->ok == 1;
	m->ticket_answer.mode = t->mode;
	memcpy(m->ticket_answer.fleet, t->fleet, PPN_HASH_LEN);
	memcpy(m->ticket_answer.noise_key, t->noise_key, PPN_KEY_LEN);
	if (t->ok == 0)
		return all_zero(t, sizeof(*t));
	return t->ok == 1 && (t->mode == PPN_MODE_PIN || t->mode == PPN_MODE_CODE) &&
	       all_zero(t->zero, sizeof(t->zero));
}

static void prove_put(union fixed *f, const struct ppn_worker_message *m)
{
	memcpy(f->prove.rs, m->prove.rs, PPN_KEY_LEN);
	memcpy(f->prove.re, m->prove.re, PPN_KEY_LEN);
}

static bool prove_get(struct ppn_worker_message *m, const union fixed *f)
{
	memcpy(m->prove.rs, f->prove.rs, PPN_KEY_LEN);
	memcpy(m->prove.re, f->prove.re, PPN_KEY_LEN);
	return m->prove.payload.len > 0;
}

static void prove_answer_put(union fixed *f, const struct ppn_worker_message *m)
{
	f->prove_answer.ok = m->prove_answer.ok;
	if (!m->prove_answer.ok)
		return;
	f->prove_answer.purpose = (__u8)m->prove_answer.purpose;
	memcpy(f->prove_answer.se, m->prove_answer.se, sizeof(f->prove_answer.se));
}

static bool prove_answer_get(struct ppn_worker_message *m, const union fixed *f)
{
	const struct prove_answer *p = &f->prove_answer;

	m->prove_answer.ok = p->ok == 1;
	m->prove_answer.purpose = p->purpose;
	memcpy(m->prove_answer.se, p->se, sizeof(p->se));
	if (p->ok == 0)
		return all_zero(p, sizeof(*p)) && m->prove_answer.payload.len == 0;
	return p->ok == 1 && p->purpose > PPN_PURPOSE_NONE && p->purpose < _PPN_PURPOSE_MAX &&
	       all_zero(p->zero, sizeof(p->zero)) && m->prove_answer.payload.len > 0;
}

static void commit_put(union fixed *f, const struct ppn_worker_message *m)
{
	memcpy(f->commit.h, m->commit.h, PPN_HASH_LEN);
	f->commit.bundle_len = htobe32(m->commit.bundle_len);
	f->commit.has_bundle = m->commit.has_bundle;
}

static bool commit_get(struct ppn_worker_message *m, const union fixed *f)
{
	memcpy(m->commit.h, f->commit.h, PPN_HASH_LEN);
	m->commit.bundle_len = be32toh(f->commit.bundle_len);
	m->commit.has_bundle = f->commit.has_bundle == 1;
	return f->commit.has_bundle <= 1 && all_zero(f->commit.zero, sizeof(f->commit.zero)) &&
	       m->commit.bundle_len <= (m->commit.has_bundle ? PPN_ROSTER_MAX : 0) &&
	       (m->commit.has_bundle || m->commit.object.len > 0);
}

static void nothing_put(union fixed *f, const struct ppn_worker_message *m)
{
	(void)f;
	(void)m;
}

static bool answer_get(struct ppn_worker_message *m, const union fixed *f)
{
	(void)f;
	return m->commit_answer.answer.len == 0 ||
	       m->commit_answer.answer.len >= sizeof(struct ppn_answer);
}

static void done_put(union fixed *f, const struct ppn_worker_message *m)
{
	f->done.end = (__u8)m->done.end;
}

static bool done_get(struct ppn_worker_message *m, const union fixed *f)
{
	m->done.end = f->done.end;
	return f->done.end < _PPN_WORKER_END_MAX && all_zero(f->done.zero, sizeof(f->done.zero));
}

#define BYTES(field) offsetof(struct ppn_worker_message, field)

static const struct row {
	size_t fixed_len;
	size_t bytes_at, bytes_max; /* 0: none */
	void (*put)(union fixed *f, const struct ppn_worker_message *m);
	bool (*get)(struct ppn_worker_message *m, const union fixed *f);
} rows[_PPN_WORKER_TYPE_MAX] = {
	[PPN_WORKER_TICKET] = { sizeof(struct ticket), 0, 0, ticket_put, ticket_get },
	[PPN_WORKER_TICKET_ANSWER] = { sizeof(struct ticket_answer), 0, 0, ticket_answer_put,
				       ticket_answer_get },
	[PPN_WORKER_PROVE] = { sizeof(struct prove), BYTES(prove.payload),
			       PPN_WORKER_CREDENTIALS_MAX, prove_put, prove_get },
	[PPN_WORKER_PROVE_ANSWER] = { sizeof(struct prove_answer), BYTES(prove_answer.payload),
				      PPN_WORKER_NODE_MAX, prove_answer_put, prove_answer_get },
	[PPN_WORKER_COMMIT] = { sizeof(struct commit), BYTES(commit.object), PPN_WORKER_OBJECT_MAX,
				commit_put, commit_get },
	[PPN_WORKER_COMMIT_ANSWER] = { 0, BYTES(commit_answer.answer), PPN_WORKER_OBJECT_MAX,
				       nothing_put, answer_get },
	[PPN_WORKER_DONE] = { sizeof(struct done), 0, 0, done_put, done_get },
};

static const struct row *row_of(unsigned int type)
{
	return type < _PPN_WORKER_TYPE_MAX && rows[type].put ? &rows[type] : NULL;
}

static struct ppn_bytes *bytes_of(struct ppn_worker_message *m, const struct row *row)
{
	return row->bytes_max ? (struct ppn_bytes *)((char *)m + row->bytes_at) : NULL;
}

/* ---- the two calls ------------------------------------------------------------------------------ */

/* A message that is in order decodes: encode and decode judge by the same rows. */
static bool message_valid(const struct ppn_worker_message *message, const struct row *row,
			  const union fixed *f)
{
	struct ppn_worker_message copy = *message;

	return message->conn != 0 && row->get(&copy, f);
}

ssize_t ppn_worker_encode(uint8_t *ret_packet, size_t max, const struct ppn_worker_message *message)
{
	struct ppn_worker_message m = *message;
	const struct row *row = row_of(message->type);
	const struct ppn_bytes *bytes = row ? bytes_of(&m, row) : NULL;
	struct head head = { .type = (__u8)message->type, .conn = htobe32(message->conn) };
	size_t bytes_len = bytes ? bytes->len : 0, len;
	union fixed f;

	if (!row || bytes_len > row->bytes_max)
		return -EINVAL;
	memset(&f, 0, sizeof(f));
	row->put(&f, message);
	if (!message_valid(message, row, &f)) {
		ppn_wipe(&f, sizeof(f));
		return -EINVAL;
	}
	len = sizeof(head) + row->fixed_len + bytes_len;
	if (max < len)
		return -EMSGSIZE;
	memcpy(ret_packet, &head, sizeof(head));
	memcpy(ret_packet + sizeof(head), &f, row->fixed_len);
	if (bytes_len)
		memcpy(ret_packet + sizeof(head) + row->fixed_len, bytes->data, bytes_len);
	ppn_wipe(&f, sizeof(f)); /* se */
	ppn_wipe(&m, sizeof(m));
	return (ssize_t)len;
}

int ppn_worker_decode(struct ppn_worker_message *ret_message, const void *packet, size_t len)
{
	struct ppn_worker_message m;
	const struct row *row;
	struct ppn_bytes *bytes;
	struct head head;
	union fixed f;
	bool good;

	if (len < sizeof(head))
		return -EBADMSG;
	memcpy(&head, packet, sizeof(head));
	row = row_of(head.type);
	len -= sizeof(head);
	if (!row || head.conn == 0 || !all_zero(head.zero, sizeof(head.zero)) ||
	    len < row->fixed_len || len - row->fixed_len > row->bytes_max)
		return -EBADMSG;
	memset(&m, 0, sizeof(m));
	m.type = head.type;
	m.conn = be32toh(head.conn);
	bytes = bytes_of(&m, row);
	if (bytes)
		*bytes =
			(struct ppn_bytes){ (const uint8_t *)packet + sizeof(head) + row->fixed_len,
					    len - row->fixed_len };
	memset(&f, 0, sizeof(f));
	memcpy(&f, (const uint8_t *)packet + sizeof(head), row->fixed_len);
	good = row->get(&m, &f);
	if (good)
		*ret_message = m;
	ppn_wipe(&f, sizeof(f));
	ppn_wipe(&m, sizeof(m));
	return good ? 0 : -EBADMSG;
}

const char *ppn_worker_end_text(enum ppn_worker_end end)
{
	static const char *const texts[] = {
#define X(name, text) text,
		PPN_WORKER_ENDS(X)
#undef X
	};

	return (unsigned int)end < _PPN_WORKER_END_MAX ? texts[end] : "?";
}
