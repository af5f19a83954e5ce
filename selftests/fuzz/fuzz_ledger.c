// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Input: what to mend (1), framed entries of a ledger. */
#include "fuzz/mend.h"
#include "lib/ledger.h"

static const uint8_t fleet[PPN_HASH_LEN] = { 7 };

/* Index, previous hash and signature of each entry, and the length before it. */
static void mend(uint8_t *at, size_t left)
{
	uint8_t seed[32], previous[PPN_HASH_LEN] = { 0 };
	struct ppn_entry_body body;

	secret_of(seed, "node");
	for (uint64_t size = 0; left > 4; size++) {
		size_t n = body_at(at + 4, left - 4);
		__be32 framed;

		if (n < sizeof(body) || at[4] != PPN_OBJECT_ENTRY || left - 4 - n < PPN_SIG_LEN)
			return;
		memcpy(&body, at + 4, sizeof(body));
		body.size = htobe64(size);
		memcpy(body.previous, previous, PPN_HASH_LEN);
		memcpy(at + 4, &body, sizeof(body));
		n = mend_object(at + 4, left - 4, fleet, seed);
		framed = htobe32((uint32_t)n);
		memcpy(at, &framed, sizeof(framed));
		ppn_hash(previous, at + 4, n);
		at += 4 + n;
		left -= 4 + n;
	}
}

/* What was read is what appending it would have written. */
static void same_when_written(const struct ppn_entry *entry, const struct ppn_ledger_head *before,
			      struct ppn_bytes framed)
{
	static uint8_t out[PPN_LEDGER_ENTRY_MAX];
	struct ppn_ledger_head after;
	uint8_t seed[32];
	ssize_t len;

	if (framed.data[6] || !entry->type) /* of a later minor; of no type */
		return;
	secret_of(seed, "node");
	len = ppn_ledger_append(out, sizeof(out), before, entry->time_ms, entry->type,
				entry->payload, fleet, seed, &after);
	must(len == (ssize_t)framed.len);
	must(memcmp(out, framed.data, framed.len) == 0);
	must(memcmp(after.hash, entry->hash, PPN_HASH_LEN) == 0);
}

static void read_all(struct ppn_bytes in)
{
	struct ppn_ledger_state state = { 0 };
	uint8_t was[sizeof(state)];
	struct ppn_ledger_head head = { 0 };
	struct ppn_entry entry;
	uint8_t key[PPN_KEY_LEN];
	char line[128];

	sign_key_of(key, "node");
	for (;;) {
		struct ppn_ledger_head before = head;
		struct ppn_bytes at = in;

		if (ppn_ledger_next(&in, &head, fleet, key, &entry) != PPN_CHECK_OK) {
			must(memcmp(&before, &head, sizeof(head)) == 0 && in.data == at.data);
			break;
		}
		must(head.size == before.size + 1 && entry.index == before.size);
		must(entry.payload.data + entry.payload.len <= in.data);
		same_when_written(&entry, &before, (struct ppn_bytes){ at.data, at.len - in.len });
		must(ppn_entry_text(line, sizeof(line), &entry) == (int)strlen(line));
		memcpy(was, &state, sizeof(was)); /* its padding too */
		if (ppn_ledger_fold(&state, &entry) != PPN_CHECK_OK)
			must(memcmp(was, (const uint8_t *)&state, sizeof(was)) == 0);
	}
	must(!state.bound || state.has_genesis);
	must(ppn_ledger_genesis_state(&state) != PPN_STATE_ISOLATED || state.bound);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	uint8_t *bytes;

	if (len < 1 || len > 4 * PPN_LEDGER_ENTRY_MAX)
		return 0;
	bytes = copy_of(data + 1, len - 1);
	if (data[0] & MEND_SIGNATURES)
		mend(bytes, len - 1);
	read_all((struct ppn_bytes){ bytes, len - 1 });
	free(bytes);
	return 0;
}
