// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What `ppn status` and `ppn peers` show, as JSON that is valid in every state. */
#include <arpa/inet.h>
#include <endian.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "lib/crypto.h"
#include "node/ppnd.h"

enum { FINGERPRINT_LEN = 51 }; /* symbols of H(identity): all of it but one bit */

static const uint8_t passes[_PPN_REASON_MAX] = {
#define X(name, verdict, text, help) PPN_VERDICT_##verdict,
	PPN_REASONS(X)
#undef X
};

static const char *const reason_text[_PPN_REASON_MAX] = {
#define X(name, verdict, text, help) text,
	PPN_REASONS(X)
#undef X
};

static const char *const hold_text[_PPN_HOLD_MAX] = {
#define X(name, text) text,
	PPN_HOLDS(X)
#undef X
};

static const char *const underlay_text[_PPN_UNDERLAY_MAX] = {
	[PPN_UNDERLAY_LINK_LOCAL] = "link-local",
	[PPN_UNDERLAY_STATIC] = "static",
	[PPN_UNDERLAY_DHCP] = "dhcp",
	[PPN_UNDERLAY_SLAAC] = "slaac",
};

static void set(json_t *object, const char *key, json_t *value)
{
	(void)json_object_set_new(object, key, value);
}

static json_t *text_or_null(const char *text)
{
	return text[0] ? json_string(text) : json_null();
}

static json_t *hex_json(const void *data, size_t len)
{
	char text[2 * PPN_KEY_LEN + 1];

	return json_string(ppn_hex(text, data, len));
}

/* IPv4-mapped ones as IPv4. */
static json_t *address_json(const uint8_t addr[static 16])
{
	char text[PPN_ADDRESS_TEXT];

	return json_string(ppn_address_text(text, addr));
}

static json_t *time_json(uint64_t ms)
{
	time_t seconds = (time_t)(ms / 1000);
	char text[32];
	struct tm tm;

	if (!ms || !gmtime_r(&seconds, &tm) ||
	    !strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm))
		return json_null();
	return json_string(text);
}

/* ---- seal ---- */

/* What came in. */
static void sum_slot(struct ppnd *ppnd, uint32_t slot, uint64_t *dropped, uint64_t *passed)
{
	struct ppn_count counts[_PPN_REASON_MAX];

	if (ppn_datapath_counters_slot(ppnd->dp, PPN_COUNT_SEAL, slot, counts))
		return;
	for (size_t i = 0; i < _PPN_REASON_MAX; i++)
		*(passes[i] == PPN_VERDICT_PASS ? passed : dropped) += counts[i].packets;
}

static const char *guests_text(const struct ppnd_interface *interface)
{
	if (interface->guests_refused)
		return "cannot be told from this machine: sealed";
	return interface->guests_pass ? "pass" : "sealed";
}

/* A program that is in the way of ours, where XDP is not ours. */
static json_t *foreign_json(const struct ppnd_interface *interface)
{
	char name[PPN_PROGRAM_NAME_LEN];

	if (interface->hold >= PPN_HOLD_GENERIC || !interface->xdp_id)
		return json_null();
	return json_pack("{s:I, s:s}", "id", (json_int_t)interface->xdp_id, "name",
			 ppn_datapath_program_name(interface->xdp_id, name));
}

static json_t *interface_json(struct ppnd *ppnd, const struct ppnd_interface *interface)
{
	json_t *object = json_object();
	uint64_t dropped = 0, passed = 0;

	set(object, "name", json_string(interface->name));
	set(object, "ifindex", json_integer(interface->ifindex));
	set(object, "hold", json_string(hold_text[interface->hold]));
	set(object, "why", text_or_null(interface->why));
	set(object, "foreign", foreign_json(interface));
	set(object, "external", json_boolean(interface->external));
	set(object, "external_why", text_or_null(interface->external_why));
	set(object, "underlay", json_string(underlay_text[interface->underlay]));
	set(object, "group", json_integer(interface->group));
	set(object, "guests", json_string(guests_text(interface)));
	/* Those without a slot of their own count together. */
	if (interface->slot) {
		sum_slot(ppnd, interface->slot, &dropped, &passed);
		set(object, "dropped", json_integer((json_int_t)dropped));
		set(object, "passed", json_integer((json_int_t)passed));
	} else {
		set(object, "dropped", json_null());
		set(object, "passed", json_null());
	}
	return object;
}

static json_t *interfaces_json(struct ppnd *ppnd)
{
	json_t *list = json_array();

	for (size_t i = 0; i < ppnd->seal.n; i++)
		(void)json_array_append_new(list, interface_json(ppnd, &ppnd->seal.interface[i]));
	return list;
}

/* Reasons that have counted something; their sums by verdict. */
static json_t *counts_json(struct ppnd *ppnd, enum ppn_counter_set which, uint64_t *dropped,
			   uint64_t *passed)
{
	struct ppn_count counts[_PPN_REASON_MAX];
	json_t *object = json_object();

	if (ppn_datapath_counters(ppnd->dp, which, counts))
		return object;
	for (size_t i = 0; i < _PPN_REASON_MAX; i++) {
		*(passes[i] == PPN_VERDICT_PASS ? passed : dropped) += counts[i].packets;
		if (counts[i].packets)
			set(object, reason_text[i],
			    json_pack("{s:I, s:I}", "packets", (json_int_t)counts[i].packets,
				      "bytes", (json_int_t)counts[i].bytes));
	}
	return object;
}

static json_t *rescue_json(const struct ppnd *ppnd)
{
	json_t *list = json_array();

	for (size_t i = 0; i < ppnd->config.n_rescue; i++) {
		const struct ppn_open_port *port = &ppnd->config.rescue[i];

		(void)json_array_append_new(
			list, json_pack("{s:s, s:i, s:o, s:i}", "proto",
					port->proto == IPPROTO_TCP ? "tcp" : "udp", "port",
					port->port, "prefix", address_json(port->prefix),
					"prefix_len", (int)port->prefix_len));
	}
	return list;
}

/* Where no program can hold anything: why. */
static const char *degraded_why(const struct ppnd *ppnd)
{
	const char *why = ppn_datapath_refused(ppnd->dp);

	return why ? why : "";
}

static json_t *seal_json(struct ppnd *ppnd)
{
	uint64_t dropped = 0, passed = 0, ignored = 0;
	json_t *seal = json_object(), *in = counts_json(ppnd, PPN_COUNT_SEAL, &dropped, &passed);
	json_t *out = counts_json(ppnd, PPN_COUNT_EGRESS, &ignored, &ignored);
	json_t *frame = counts_json(ppnd, PPN_COUNT_FRAME, &ignored, &ignored);

	set(seal, "mode",
	    json_string(ppnd->trial.on		 ? "trial" :
			ppnd_seal_observes(ppnd) ? "observe" :
						   "enforce"));
	set(seal, "trial_s",
	    ppnd->trial.on ? json_integer((json_int_t)ppnd_trial_left(ppnd)) : json_null());
	set(seal, "not_in_force", text_or_null(ppnd->seal.why));
	set(seal, "rows_shut", json_integer((json_int_t)ppnd->seal.rows_left));
	set(seal, "interfaces", interfaces_json(ppnd));
	set(seal, "unmatched", ppnd_seal_unmatched_json(ppnd));
	set(seal, "backstop", ppnd_backstop_json(ppnd));
	set(seal, "degraded", text_or_null(degraded_why(ppnd)));
	set(seal, "rescue", rescue_json(ppnd));
	set(seal, "seat", json_boolean(ppnd->seal.seat));
	set(seal, "pins_why", text_or_null(ppnd->seal.pins_why));
	set(seal, "pins_lost", json_integer((json_int_t)ppnd->seal.pins_lost));
	set(seal, "dropped", json_integer((json_int_t)dropped));
	set(seal, "passed", json_integer((json_int_t)passed));
	set(seal, "reasons",
	    json_pack("{s:o, s:o, s:o}", "seal", in, "egress", out, "frame", frame));
	return seal;
}

/* ---- claim, discovery ---- */

static json_t *ends_json(const struct ppnd_monitor_status *status)
{
	json_t *object = json_object();

	for (size_t i = 0; i < _PPN_WORKER_END_MAX; i++)
		if (status->ended[i])
			set(object, ppn_worker_end_text(i),
			    json_integer((json_int_t)status->ended[i]));
	return object;
}

/* Open to strangers while unclaimed; then to seats on the mesh alone. */
static const char *claim_words(const struct ppnd *ppnd, const struct ppnd_monitor_status *status)
{
	if (!status->listening)
		return "shut";
	if (!status->worker_pid)
		return "starting";
	return ppnd->state.is_bound ? "seats only" : "waiting";
}

static json_t *claim_json(struct ppnd *ppnd)
{
	struct ppnd_monitor_status status;
	json_t *claim = json_object();

	ppnd_monitor_status(ppnd, &status);
	set(claim, "port", json_integer(ppnd->config.claim_port));
	set(claim, "endpoint", json_string(claim_words(ppnd, &status)));
	set(claim, "waiting",
	    json_boolean(status.listening && status.worker_pid && !ppnd->state.is_bound));
	set(claim, "why", text_or_null(status.why));
	set(claim, "worker_pid", json_integer(status.worker_pid));
	set(claim, "restarts", json_integer((json_int_t)status.restarts));
	set(claim, "connections", json_integer(status.tickets));
	set(claim, "accepted", json_integer((json_int_t)status.accepted));
	set(claim, "refused", json_integer((json_int_t)status.refused));
	set(claim, "last_refused", text_or_null(status.last_refused));
	set(claim, "ended", ends_json(&status));
	set(claim, "invited", json_boolean(ppnd->state.has_invite));
	return claim;
}

static json_t *discovery_json(const struct ppnd *ppnd)
{
	struct ppnd_discovery_status status;

	ppnd_discovery_status(ppnd, &status);
	return json_pack("{s:I, s:I, s:I, s:o, s:o, s:o}", "verified", (json_int_t)status.verified,
			 "refused", (json_int_t)status.refused, "answered",
			 (json_int_t)status.answered, "last", time_json(status.last_ms),
			 "authority", text_or_null(status.authority), "last_refused",
			 text_or_null(status.last_why));
}

/* ---- mesh, roster, slots ---- */

static json_t *mesh_json(const struct ppnd *ppnd)
{
	const struct ppnd_mesh *mesh = &ppnd->mesh;
	enum ppn_wg_backend backend = mesh->wg ? ppn_wg_backend(mesh->wg) : PPN_WG_NONE;
	json_t *object = json_object();

	set(object, "device", json_string(ppnd->config.mesh_device));
	set(object, "backend",
	    backend == PPN_WG_NONE ?
		    json_null() :
		    json_string(backend == PPN_WG_KERNEL ? "kernel" : "userspace"));
	set(object, "up", json_boolean(mesh->up));
	set(object, "why", text_or_null(mesh->shown));
	set(object, "joined", json_boolean(mesh->joined));
	set(object, "address", mesh->wanted ? address_json(mesh->address) : json_null());
	set(object, "prefix", mesh->wanted ? address_json(mesh->prefix) : json_null());
	set(object, "port", json_integer(ppnd->config.wireguard_port));
	set(object, "peers", json_integer((json_int_t)mesh->n_peers));
	return object;
}

static json_t *roster_json(const struct ppnd *ppnd)
{
	const struct ppn_roster *roster = &ppnd->state.roster;

	if (!ppnd->state.has_roster)
		return json_null();
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:o}", "epoch",
			 (json_int_t)roster->version.epoch, "generation",
			 (json_int_t)roster->version.generation, "list_number",
			 (json_int_t)roster->version.list_number, "members",
			 (json_int_t)roster->n_members, "open_ports", (json_int_t)roster->n_open,
			 "hash", hex_json(roster->version.hash, PPN_HASH_LEN));
}

static const char *result_text(uint16_t code)
{
	static const char *const text[_PPN_RESULT_MAX] = {
		[PPN_RESULT_NONE] = "none",
		[PPN_RESULT_ACTED_KERNEL] = "acted (kernel)",
		[PPN_RESULT_ACTED] = "acted",
		[PPN_RESULT_FAILED] = "failed",
		[PPN_RESULT_UNSUPPORTED] = "unsupported",
	};

	return code < _PPN_RESULT_MAX ? text[code] : "?";
}

static json_t *results_json(const struct ppnd_slot *slot)
{
	json_t *list = json_array();

	for (size_t i = 0; i < PPND_SLOT_RESULTS && slot->results[i].seq; i++)
		(void)json_array_append_new(list,
					    json_pack("{s:I, s:s, s:i, s:s}", "seq",
						      (json_int_t)be32toh(slot->results[i].seq),
						      "op", ppn_op_text(slot->results[i].op), "arg",
						      (int)slot->results[i].arg, "result",
						      result_text(be16toh(slot->results[i].code))));
	return list;
}

static json_t *slots_json(struct ppnd *ppnd)
{
	struct ppn_command command = { 0 };
	json_t *list = json_array();

	(void)ppn_datapath_command(ppnd->dp, &command); /* unreadable: the floors are shown */
	for (size_t i = 0; i < PPN_SEATS_MAX; i++) {
		const struct ppnd_slot *slot = &ppnd->slot[i];
		const struct ppn_window *window = &command.window[i];
		uint32_t top = slot->floor;

		if (!slot->used)
			continue;
		if (window->generation == slot->generation && window->top > top)
			top = window->top;
		(void)json_array_append_new(
			list, json_pack("{s:i, s:b, s:o, s:o, s:I, s:I, s:o}", "slot", (int)i,
					"open", slot->open, "serial",
					hex_json(slot->serial, sizeof(slot->serial)), "address",
					address_json(slot->address), "seq_next",
					(json_int_t)top + 1, "seq_limit",
					(json_int_t)slot->reserved, "results", results_json(slot)));
	}
	return list;
}

/* ---- whole ---- */

static void put_identity(const struct ppnd *ppnd, json_t *object)
{
	const struct ppnd_state *state = &ppnd->state;
	bool is = state->has_identity;
	char symbols[FINGERPRINT_LEN + 1];

	set(object, "node", is ? json_string(state->identity.label) : json_null());
	set(object, "fingerprint",
	    is ? json_string(ppn_symbols(symbols, FINGERPRINT_LEN, state->identity.key)) :
		 json_null());
	set(object, "identity", is ? hex_json(state->identity.key, PPN_KEY_LEN) : json_null());
	set(object, "wireguard_key",
	    is ? hex_json(state->identity.wg_key, PPN_KEY_LEN) : json_null());
	set(object, "fleet", state->has_pin ? hex_json(state->fleet, PPN_HASH_LEN) : json_null());
	set(object, "number",
	    state->is_bound ? json_integer(state->bound.claim.number) : json_null());
}

static const char *mode_text(enum ppn_mode mode)
{
	return mode == PPN_MODE_PIN ? "pin" : mode == PPN_MODE_CODE ? "code" : "none";
}

const char *ppnd_reason_text(unsigned int reason)
{
	return reason < _PPN_REASON_MAX ? reason_text[reason] : "?";
}

json_t *ppnd_status_json(struct ppnd *ppnd)
{
	const struct ppnd_state *state = &ppnd->state;
	json_t *object = json_object();

	set(object, "running", json_true());
	set(object, "state", json_string(ppn_state_text(ppnd->genesis.state)));
	set(object, "since", time_json(ppnd->since_ms));
	set(object, "since_s", json_integer((json_int_t)((ppnd_now_ms() - ppnd->since_ms) / 1000)));
	set(object, "why", text_or_null(state->damaged ? state->why : ""));
	set(object, "posture", json_string(ppn_posture_text(ppnd->config.posture)));
	set(object, "mode", json_string(mode_text(state->mode)));
	put_identity(ppnd, object);
	set(object, "address", ppnd->mesh.wanted ? address_json(ppnd->mesh.address) : json_null());
	set(object, "seal", seal_json(ppnd));
	set(object, "claim", claim_json(ppnd));
	set(object, "discovery", discovery_json(ppnd));
	set(object, "mesh", mesh_json(ppnd));
	set(object, "roster", roster_json(ppnd));
	set(object, "slots", slots_json(ppnd));
	set(object, "ledger",
	    json_pack("{s:I, s:o}", "size", (json_int_t)state->ledger.head.size, "hash",
		      hex_json(state->ledger.head.hash, PPN_HASH_LEN)));
	set(object, "refused_events", json_integer((json_int_t)ppnd->genesis.refused));
	set(object, "boots", json_integer(state->boots));
	set(object, "version", json_string(PPN_VERSION));
	return object;
}

/* ---- peers ---- */

static const struct ppn_member *member_of(const struct ppnd *ppnd,
					  const uint8_t key[static PPN_KEY_LEN])
{
	const struct ppn_roster *roster = &ppnd->state.roster;

	for (uint32_t i = 0; ppnd->state.has_roster && i < roster->n_members; i++)
		if (memcmp(roster->members[i].wg_key, key, PPN_KEY_LEN) == 0)
			return &roster->members[i];
	return NULL;
}

static json_t *endpoint_json(const struct sockaddr_in6 *endpoint)
{
	if (endpoint->sin6_family == 0)
		return json_null();
	return json_pack("{s:o, s:i, s:I}", "address", address_json(endpoint->sin6_addr.s6_addr),
			 "port", (int)ntohs(endpoint->sin6_port), "scope",
			 (json_int_t)endpoint->sin6_scope_id);
}

json_t *ppnd_peer_json(const struct ppnd *ppnd, const struct ppn_wg_peer *peer)
{
	const struct ppn_member *member = member_of(ppnd, peer->key);
	uint64_t now_s = ppnd_now_ms() / 1000;
	json_t *object = json_object();
	uint8_t address[16];
	char label[10];

	set(object, "wireguard_key", hex_json(peer->key, PPN_KEY_LEN));
	if (member) {
		ppn_mesh_address(address, ppnd->state.fleet, member->identity, 1);
		set(object, "number", json_integer(member->number));
		set(object, "name", json_string(member->name));
		set(object, "node", json_string(ppn_label(label, member->identity)));
		set(object, "address", address_json(address));
		set(object, "is_node", json_boolean(member->flags & PPN_MEMBER_NODE));
		set(object, "is_seat", json_boolean(member->flags & PPN_MEMBER_SEAT));
	}
	set(object, "endpoint", endpoint_json(&peer->endpoint));
	set(object, "handshake", time_json(peer->handshake_s * 1000));
	set(object, "handshake_s",
	    !peer->handshake_s || peer->handshake_s > now_s ?
		    json_null() :
		    json_integer((json_int_t)(now_s - peer->handshake_s)));
	set(object, "rx", json_integer((json_int_t)peer->rx));
	set(object, "tx", json_integer((json_int_t)peer->tx));
	return object;
}
