// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What `nodes`, `roster show` and `status` answer. Long lists go in several packets (ppn/ctl.h). */
#include <arpa/inet.h>
#include <endian.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "admin/service.h"
#include "lib/crypto.h"

#define ROWS_A_PACKET 64
#define SYMBOLS 52

/* Collects rows, and sends them off before a packet grows too long. */
struct rows {
	struct ppn_service *service;
	struct ppn_ctl_call *call;
	json_t *list;
};

static void row(struct rows *rows, json_t *object)
{
	json_array_append_new(rows->list, object);
	if (json_array_size(rows->list) < ROWS_A_PACKET)
		return;
	ppn_ctl_more(rows->call, json_pack("{s:o}", "rows", rows->list));
	rows->list = json_array();
}

static void put_symbols(json_t *object, const uint8_t identity[static PPN_KEY_LEN])
{
	char label[10], symbols[SYMBOLS], hex[2 * PPN_KEY_LEN + 1];

	json_object_set_new(object, "node", json_string(ppn_label(label, identity)));
	json_object_set_new(object, "fingerprint",
			    json_string(ppn_symbols(symbols, SYMBOLS - 1, identity)));
	json_object_set_new(object, "identity", json_string(ppn_hex(hex, identity, PPN_KEY_LEN)));
}

/* ---- nodes ---- */

static void seen_row(void *arg, const struct ppn_seen *seen)
{
	struct rows *rows = arg;
	char addr[INET6_ADDRSTRLEN];
	json_t *object;

	if (ppn_store_pair(&rows->service->store, seen->identity))
		return; /* a member: telemetry says more */
	inet_ntop(AF_INET6, &seen->address.sin6_addr, addr, sizeof(addr));
	object = json_pack("{s:s, s:s, s:s, s:s, s:s, s:I}", "state", ppn_state_text(seen->state),
			   "posture", ppn_posture_text(seen->posture), "known_as",
			   seen->stranger ? "stranger" : "invited", "via", seen->link, "address",
			   addr, "seen_ms", (json_int_t)(ppn_boottime_ms() - seen->at_ms));
	if (seen->stranger)
		json_object_set_new(object, "why", json_string(seen->stranger));
	put_symbols(object, seen->identity);
	row(rows, object);
}

static const char *pair_state(const struct ppn_pair *pair)
{
	if (ppn_is_zero(pair->wg_key, PPN_KEY_LEN))
		return "unanswered"; /* the claim was sent, its answer never came */
	if (!pair->telemetry_ms)
		return "silent";
	return ppn_state_text(pair->telemetry.state);
}

static void pair_row(struct rows *rows, const struct ppn_pair *pair)
{
	const struct ppn_telemetry *telemetry = &pair->telemetry;
	uint8_t mesh[16];
	char addr[INET6_ADDRSTRLEN], label[10];
	json_t *object;

	ppn_mesh_address(mesh, rows->service->store.trust.newest.fleet, pair->identity, 1);
	inet_ntop(AF_INET6, mesh, addr, sizeof(addr));
	object = json_pack("{s:s, s:s, s:s, s:s, s:s, s:i}", "state", pair_state(pair), "posture",
			   ppn_posture_text(pair->posture), "known_as",
			   pair->name[0] ? pair->name : ppn_label(label, pair->identity), "via",
			   "mesh", "address", addr, "number", (int)pair->number);
	put_symbols(object, pair->identity);
	if (pair->telemetry_ms) {
		uint64_t age = ppn_boottime_ms() - pair->telemetry_ms;

		json_object_set_new(object, "seen_ms", json_integer((json_int_t)age));
		json_object_set_new(object, "late", json_boolean(age > PPN_TELEMETRY_LATE_MS));
		json_object_set_new(object, "epoch",
				    json_integer((json_int_t)be64toh(telemetry->epoch)));
		json_object_set_new(object, "ledger_size",
				    json_integer((json_int_t)be64toh(telemetry->ledger_size)));
		json_object_set_new(object, "seal_dropped",
				    json_integer((json_int_t)be64toh(telemetry->seal_dropped)));
		json_object_set_new(object, "observe",
				    json_boolean(be16toh(telemetry->flags) &
						 PPN_TELEMETRY_OBSERVE));
		json_object_set_new(object, "clock_offset_ms",
				    json_integer((json_int_t)be64toh(telemetry->clock_ms) -
						 (json_int_t)ppn_now_ms()));
	}
	row(rows, object);
}

void ppn_listing_nodes(struct ppn_service *service, struct ppn_ctl_call *call, json_t *request)
{
	struct rows rows = { service, call, json_array() };

	(void)request;
	ppn_seen_each(service, seen_row, &rows);
	for (size_t i = 0; i < service->store.n_pairs; i++)
		pair_row(&rows, &service->store.pairs[i]);
	ppn_ctl_answer(call, PPN_EXIT_OK, json_pack("{s:o}", "rows", rows.list));
}

/* ---- roster ---- */

static json_t *endpoints(const struct ppn_member *member)
{
	json_t *list = json_array();

	for (int i = 0; i < member->n_endpoints; i++) {
		const uint8_t *addr = member->endpoint[i].addr;
		char text[PPN_ADDRESS_TEXT + 8], ip[PPN_ADDRESS_TEXT];

		snprintf(text, sizeof(text), ppn_address_is_v4(addr) ? "%s:%u" : "[%s]:%u",
			 ppn_address_text(ip, addr), ntohs(member->endpoint[i].port));
		json_array_append_new(list, json_string(text));
	}
	return list;
}

static json_t *open_rule(const struct ppn_rule_open *rule)
{
	char prefix[INET6_ADDRSTRLEN + 4], ip[INET6_ADDRSTRLEN];

	inet_ntop(AF_INET6, rule->prefix, ip, sizeof(ip));
	snprintf(prefix, sizeof(prefix), "%s/%u", ip, rule->prefix_len);
	return json_pack("{s:s, s:i, s:b, s:s, s:s#}", "proto",
			 rule->proto == IPPROTO_TCP ? "tcp" : "udp", "port", ntohs(rule->port),
			 "public", rule->flags & 1, "prefix", prefix, "role",
			 (const char *)rule->role,
			 (int)strnlen((const char *)rule->role, sizeof(rule->role)));
}

void ppn_listing_roster(struct ppn_service *service, struct ppn_ctl_call *call, json_t *request)
{
	const struct ppn_roster *roster = &service->store.roster;
	struct rows rows = { service, call, json_array() };
	char hash[2 * PPN_HASH_LEN + 1], addr[INET6_ADDRSTRLEN];
	json_t *open = json_array();

	(void)request;
	for (uint32_t i = 0; i < roster->n_members; i++) {
		const struct ppn_member *member = &roster->members[i];
		uint8_t mesh[16];
		json_t *object;

		ppn_mesh_address(mesh, service->store.trust.newest.fleet, member->identity, 1);
		object = json_pack("{s:i, s:s, s:s, s:b, s:b, s:s, s:s, s:o}", "number",
				   (int)member->number, "name", member->name, "posture",
				   ppn_posture_text(member->posture), "runs_node",
				   member->flags & PPN_MEMBER_NODE, "runs_seat",
				   member->flags & PPN_MEMBER_SEAT, "roles", member->roles,
				   "address", inet_ntop(AF_INET6, mesh, addr, sizeof(addr)),
				   "endpoints", endpoints(member));
		put_symbols(object, member->identity);
		row(&rows, object);
	}
	for (int i = 0; i < roster->n_open; i++)
		json_array_append_new(open, open_rule(&roster->open[i]));
	ppn_ctl_answer(call, PPN_EXIT_OK,
		       json_pack("{s:I, s:i, s:i, s:s, s:o, s:o}", "epoch",
				 (json_int_t)roster->version.epoch, "generation",
				 (int)roster->version.generation, "list_number",
				 (int)roster->version.list_number, "hash",
				 ppn_hex(hash, roster->version.hash, PPN_HASH_LEN), "open_ports",
				 open, "rows", rows.list));
}

/* ---- status ---- */

void ppn_listing_status(struct ppn_service *service, struct ppn_ctl_call *call, json_t *request)
{
	const struct ppn_store *store = &service->store;
	char fleet[INET6_ADDRSTRLEN], until[32], why[PPN_STORE_WHY];
	uint8_t prefix[16];
	time_t end = (time_t)store->cert.not_after;
	json_t *links = json_array();
	struct tm tm;

	(void)request;
	ppn_fleet_prefix(prefix, store->trust.newest.fleet);
	inet_ntop(AF_INET6, prefix, fleet, sizeof(fleet));
	strftime(until, sizeof(until), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&end, &tm));
	for (size_t i = 0; i < service->config.n_links; i++)
		json_array_append_new(links, json_string(service->config.links[i]));
	ppn_ctl_answer(call, PPN_EXIT_OK,
		       json_pack("{s:b, s:s, s:s, s:s, s:b, s:I, s:i, s:I, s:s, s:o, s:b, s:s}",
				 "unlocked", store->unlocked, "fleet", fleet, "seat",
				 store->cert.name, "until", until, "expired",
				 ppn_store_expired(store, ppn_now_ms() / 1000, why), "nodes",
				 (json_int_t)store->n_pairs, "members",
				 (int)store->roster.n_members, "epoch",
				 (json_int_t)store->roster.version.epoch, "device",
				 service->local ? "ppnd's" : service->config.device, "beacon",
				 links, "local", service->local, "version", PPN_VERSION));
}
