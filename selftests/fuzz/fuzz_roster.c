// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Input: what to mend (1), a roster object. It is read alone, and in a bundle after another
 * roster.
 */
#include "fuzz/mend.h"
#include "unit/members.h"

enum { WITH_CURRENT = 0x10, ROOM = 65536 };

struct world {
	struct fleet f;
	uint8_t head[4096]; /* good credentials */
	size_t head_len;
	struct ppn_roster current;
};

static void world_make(struct world *w)
{
	ssize_t len;

	fleet_make(&w->f);
	len = ppn_credentials_write(w->head, sizeof(w->head), PPN_PURPOSE_ROSTER, &w->f.trust,
				    fleet_cert(&w->f));
	must(len > 0);
	w->head_len = (size_t)len;
	roster_make(&w->current);
	w->current.version.list_number = 1;
}

static void count(void *arg, enum ppn_change what, const struct ppn_member *was,
		  const struct ppn_member *is)
{
	uint32_t *changes = arg;

	must((was != NULL) == (what != PPN_CHANGE_ADDED) &&
	     (is != NULL) == (what != PPN_CHANGE_REMOVED));
	changes[what]++;
}

/* Every member is found by all its names, or is one of two. */
static void look_up(const struct ppn_roster *r)
{
	char text[52];

	for (uint32_t i = 0; i < r->n_members && i < 8; i++) {
		const struct ppn_member *m = &r->members[i], *two, *found;

		must(ppn_roster_number(r, m->number) == m);
		must(ppn_roster_identity(r, m->identity) == m);
		found = ppn_roster_find(r, m->name, &two);
		must(found == m || two == m);
		found = ppn_roster_find(r, ppn_symbols(text, 51, m->identity), &two);
		must(found == m || two == m);
	}
}

/* What was believed says the same when it is written again. */
static void same_when_written(const struct ppn_roster *r, const struct world *w,
			      const struct ppn_object_view *view)
{
	size_t room = ppn_roster_room(r);
	uint8_t *out = malloc(room);
	ssize_t len;

	must(out);
	len = ppn_roster_write(out, room, r, w->f.root.fleet, w->f.seat_seed);
	must(len > 0);
	if (!view->minor)
		must(len == (ssize_t)view->whole.len &&
		     memcmp(out, view->whole.data, (size_t)len) == 0);
	free(out);
}

static void read_alone(const struct world *w, struct ppn_bytes in)
{
	struct ppn_object_view view;
	uint32_t changes[3] = { 0 };
	struct ppn_roster roster;

	if (ppn_object_take(&in, PPN_OBJECT_ROSTER, PPN_ROSTER_MAX, &view) != PPN_CHECK_OK ||
	    !ppn_object_verify(&view, w->f.root.fleet, w->f.seat_cert.sign_key) ||
	    ppn_roster_read(&view, w->f.root.fleet, &roster) != PPN_CHECK_OK)
		return;
	same_when_written(&roster, w, &view);
	look_up(&roster);
	ppn_roster_diff(&w->current, &roster, count, changes);
	must(w->current.n_members + changes[PPN_CHANGE_ADDED] - changes[PPN_CHANGE_REMOVED] ==
	     roster.n_members);
	ppn_roster_free(&roster);
}

static void read_bundle(const struct world *w, const uint8_t *object, size_t len, bool with_current)
{
	uint8_t *bundle = malloc(w->head_len + len);
	const struct ppn_roster *current = with_current ? &w->current : NULL;
	struct ppn_credentials_view credentials;
	struct ppn_roster roster;

	must(bundle);
	memcpy(bundle, w->head, w->head_len);
	memcpy(bundle + w->head_len, object, len);
	if (ppn_bundle_read((struct ppn_bytes){ bundle, w->head_len + len }, w->f.trust.pin, NULL,
			    current, NOW, &credentials, &roster) == PPN_CHECK_OK) {
		must(memcmp(roster.serial, w->f.seat_cert.serial, PPN_SERIAL_LEN) == 0);
		if (current) {
			must(ppn_roster_compare(&roster.version, &current->version) > 0);
			must(roster.n_revoked >= current->n_revoked);
		}
		ppn_roster_free(&roster);
	}
	free(bundle);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct world w;
	uint8_t *object;

	if (!w.head_len)
		world_make(&w);
	if (len < 1 || len > ROOM)
		return 0;
	object = copy_of(data + 1, len - 1);
	if (data[0] & MEND_SIGNATURES)
		mend_object(object, len - 1, w.f.root.fleet, w.f.seat_seed);
	read_alone(&w, (struct ppn_bytes){ object, len - 1 });
	read_bundle(&w, object, len - 1, data[0] & WITH_CURRENT);
	free(object);
	return 0;
}
