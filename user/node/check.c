// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * `ppn seal check`: what the seal, enforcing, would cut of what this machine does now (lib/cut judges), and
 * what observing has seen that would have dropped.
 */
#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/cleanup.h"
#include "host/mounts.h"
#include "lib/crypto.h"
#include "lib/wire.h"
#include "node/facts.h"
#include "node/ppnd.h"

enum { ROWS_A_PACKET = 64 };

struct check {
	struct ppnd *ppnd;
	struct ppn_ctl_call *call; /* NULL: nobody wants rows */
	json_t *rows;
	struct ppnd_facts facts;
	struct ppn_cut_policy policy;
	struct ppn_cut_rule rule[PPND_PORTS_MAX];
	enum ppn_cut worst;
	size_t n_untouched;
	bool cut_short;
	const struct ppnd_caller *caller; /* NULL: nobody asks about it */
	bool caller_known;
	char refused[160]; /* the first of them; "": none */
};

static void push(struct ppn_ctl_call *call, json_t **rows, json_t *row)
{
	if (json_array_size(*rows) == ROWS_A_PACKET) {
		ppn_ctl_more(call, json_pack("{s:o}", "rows", *rows));
		*rows = json_array();
	}
	(void)json_array_append_new(*rows, row);
}

/* socket: by its inode the asker finds its program; NULL: none. */
static void add(struct check *check, const char *kind, const char *what,
		const struct ppn_cut_answer *answer, const struct ppn_socket *socket)
{
	if (answer->cut > check->worst)
		check->worst = answer->cut;
	if (answer->cut == PPN_CUT_REFUSED && !check->refused[0])
		snprintf(check->refused, sizeof(check->refused), "%s", what);
	if (answer->cut == PPN_CUT_UNTOUCHED) {
		check->n_untouched++;
		return;
	}
	if (!check->call)
		return;
	push(check->call, &check->rows,
	     json_pack("{s:s, s:s, s:s, s:s, s:s, s:b, s:b, s:I}", "kind", kind, "what", what,
		       "cut", ppn_cut_text(answer->cut), "rule", answer->rule, "keep", answer->keep,
		       "own", (int)answer->own, "session",
		       (int)(socket && ppnd_facts_is_session(check->ppnd, &check->facts, socket)),
		       "inode", socket ? (json_int_t)socket->inode : (json_int_t)0));
}

/* ---- the policy that would enforce ---- */

static enum ppn_cut_kind rule_kind(const struct ppn_open_port *port)
{
	if (port->kind == PPN_PORT_RESCUE)
		return PPN_CUT_RESCUE;
	if (port->egress)
		return port->kind == PPN_PORT_LOCAL ? PPN_CUT_LOCAL : PPN_CUT_EGRESS;
	return PPN_CUT_ROSTER;
}

static void take_policy(struct check *check)
{
	const struct ppnd *ppnd = check->ppnd;
	const enum ppn_state state = ppnd->genesis.state;
	static struct ppn_open_port ports[PPND_PORTS_MAX];
	struct ppn_cut_policy *policy = &check->policy;

	*policy = (struct ppn_cut_policy){
		.column = ppn_genesis_column(state),
		.claim = (state == PPN_STATE_HOLDING || state == PPN_STATE_DAMAGED) &&
			 ppnd_state_claimable(&ppnd->state),
		.claim_port = ppnd->config.claim_port,
		.wg_port = ppnd->config.wireguard_port,
		.has_fleet = ppnd->state.has_identity,
		.n_rules = ppnd_policy_ports(ppnd, ports, NULL),
		.rule = check->rule,
	};
	if (policy->has_fleet)
		ppn_fleet_prefix(policy->fleet, ppnd_state_mesh_fleet(&ppnd->state));
	for (size_t i = 0; i < policy->n_rules; i++) {
		check->rule[i] = (struct ppn_cut_rule){
			.kind = rule_kind(&ports[i]),
			.proto = ports[i].proto,
			.any = ports[i].any,
			.prefix_len = ports[i].prefix_len,
			.port = ports[i].port,
		};
		memcpy(check->rule[i].prefix, ports[i].prefix, sizeof(ports[i].prefix));
	}
}

/* ---- facts, a kind each ---- */

static void describe_socket(char ret_what[static 160], const struct ppn_socket *socket)
{
	const char *proto = socket->proto == IPPROTO_TCP ? "tcp" : "udp";
	char local[PPN_ADDRESS_TEXT], remote[PPN_ADDRESS_TEXT];

	ppn_address_text(local, socket->local);
	if (socket->listens) {
		snprintf(ret_what, 160, "%s/%u on %s", proto, socket->local_port,
			 ppn_is_zero(socket->local, 16) ? (socket->v4_any ? "0.0.0.0" : "any") :
							  local);
		return;
	}
	ppn_address_text(remote, socket->remote);
	snprintf(ret_what, 160, "%s %s port %u with %s port %u", proto, local, socket->local_port,
		 remote, socket->remote_port);
}

static bool is_recorded(const struct ppnd *ppnd, const struct ppn_socket *socket)
{
	struct ppn_flow_key key = {
		.local_port = htons(socket->local_port),
		.remote_port = htons(socket->remote_port),
		.proto = socket->proto,
	};

	memcpy(key.local, socket->local, sizeof(key.local));
	memcpy(key.remote, socket->remote, sizeof(key.remote));
	return ppn_datapath_flow_known(ppnd->dp, &key);
}

static void check_sockets(struct check *check)
{
	const struct ppnd_facts *facts = &check->facts;

	for (size_t i = 0; i < facts->sockets.n; i++) {
		const struct ppn_socket *socket = &facts->sockets.socket[i];
		const struct ppn_device *tunnel = ppnd_facts_tunnel(facts, socket->local);
		struct ppn_cut_socket fact = {
			.proto = socket->proto,
			.local_port = socket->local_port,
			.remote_port = socket->remote_port,
			.listens = socket->listens,
			.rides = ppnd_facts_rides(facts, socket),
			.tunnel = tunnel ? tunnel->name : NULL,
		};
		struct ppn_cut_answer answer = { 0 };
		char what[160];

		if (socket->half)
			continue;
		memcpy(fact.local, socket->local, sizeof(fact.local));
		memcpy(fact.remote, socket->remote, sizeof(fact.remote));
		fact.inbound = !socket->listens &&
			       ppn_sockets_listens(&facts->sockets, socket->proto, socket->local,
						   socket->local_port);
		fact.recorded = !socket->listens && is_recorded(check->ppnd, socket);
		ppn_cut_socket(&check->policy, &fact, &answer);
		describe_socket(what, socket);
		add(check, socket->listens ? "listener" : "flow", what, &answer, socket);
	}
}

static void describe_address(char ret_what[static 160], const struct ppn_link_addr *addr,
			     const struct ppn_device *device)
{
	char text[PPN_ADDRESS_TEXT];

	ppn_address_text(text, addr->addr);
	if (addr->valid_s == UINT32_MAX)
		snprintf(ret_what, 160, "%s on %s, a DHCP client's", text, device->name);
	else
		snprintf(ret_what, 160, "%s on %s, %s, valid for %u s", text, device->name,
			 addr->by_ra ? "by a router" : "a lease", addr->valid_s);
}

static void check_addresses(struct check *check)
{
	struct ppnd_facts *facts = &check->facts;

	for (size_t i = 0; i < facts->n_addrs; i++) {
		const struct ppn_link_addr *addr = &facts->addr[i];
		const struct ppn_cut_link *link =
			ppn_cut_rides(facts->link, facts->n_devices, addr->ifindex);
		const struct ppn_device *device = link ? ppnd_facts_device(facts, link->ifindex) :
							 NULL;
		struct ppn_cut_answer answer = { 0 };
		char what[160];

		if (!device)
			continue;
		ppn_cut_lease(
			&(struct ppn_cut_lease){
				.v4 = addr->v4,
				.by_ra = addr->by_ra,
				.valid_s = addr->valid_s,
				.client = addr->valid_s == UINT32_MAX &&
					  link->underlay != PPN_UNDERLAY_DHCP &&
					  link->underlay != PPN_UNDERLAY_STATIC &&
					  ppnd_facts_has_client(facts, addr),
				.underlay = link->underlay,
				.ifname = device->name,
			},
			&answer);
		describe_address(what, addr, device);
		add(check, "address", what, &answer, NULL);
	}
}

/* Mounts that nobody can read may be a root over iSCSI: then there is no answer. */
static int check_mounts(struct check *check)
{
	_cleanup_free_ struct ppn_mount *mounts = NULL;
	size_t n = 0;
	int err = ppn_mounts_read(1, &mounts, &n);

	if (err)
		err = ppn_mounts_read(0, &mounts, &n);
	if (err)
		return err;
	for (size_t i = 0; i < n; i++) {
		struct ppn_cut_mount fact = {
			.point = mounts[i].point,
			.medium = ppn_cut_filesystem(mounts[i].type),
			.server_rides = true,
			.server_port = (uint16_t)mounts[i].port,
		};
		char block[PPN_BLOCK_WHAT_LEN] = "", file[PPN_MOUNT_POINT_LEN], what[160];
		struct ppn_cut_answer answer = { 0 };

		if (mounts[i].major &&
		    ppn_block_is_remote("/sys", mounts[i].major, mounts[i].minor, block, file))
			fact.medium = PPN_CUT_MEDIUM_NETWORK_BLOCK;
		fact.has_server = mounts[i].server[0] &&
				  ppn_address_read(fact.server, mounts[i].server) == 0;
		ppn_cut_mount(&check->policy, &fact, &answer);
		snprintf(what, sizeof(what), "%.60s, %s %.40s", mounts[i].point,
			 ppn_cut_medium_text(fact.medium), block[0] ? block : mounts[i].source);
		add(check, "mount", what, &answer, NULL);
	}
	return 0;
}

static void check_guests(struct check *check)
{
	const struct ppnd_facts *facts = &check->facts;

	for (size_t i = 0; i < facts->n_guests; i++) {
		const struct ppn_link_guest *guest = &facts->guest[i];
		const struct ppn_device *port = ppnd_facts_device(facts, guest->port);
		struct ppn_cut_answer answer = { 0 };
		char what[160];

		if (!port || port->external) /* it came from the wire, and is no guest of ours */
			continue;
		if (!ppn_cut_rides(facts->link, facts->n_devices, guest->bridge))
			continue;
		ppn_cut_guest(check->ppnd->config.guests_pass, &answer);
		snprintf(what, sizeof(what), "%02x:%02x:%02x:%02x:%02x:%02x behind %s",
			 guest->mac[0], guest->mac[1], guest->mac[2], guest->mac[3], guest->mac[4],
			 guest->mac[5], port->name);
		add(check, "guest", what, &answer, NULL);
	}
}

/* On a console, or over a connection that is among the sockets here. */
static bool knows_caller(const struct check *check, const struct ppnd_caller *caller)
{
	return caller->console ||
	       ppnd_facts_callers(check->ppnd, &check->facts, caller, ppnd_facts_from_outside);
}

static int check_all(struct check *check)
{
	int err = ppnd_facts_read(check->ppnd, &check->facts);

	if (err)
		return err;
	take_policy(check);
	check_addresses(check);
	err = check_mounts(check);
	/* Neither is ever refused. */
	if (!err && check->call) {
		check_guests(check);
		check_sockets(check);
	}
	check->caller_known = check->caller && !err && knows_caller(check, check->caller);
	check->cut_short = check->facts.sockets.cut;
	ppnd_facts_free(&check->facts);
	return err;
}

int ppnd_check(struct ppnd *ppnd, const struct ppnd_caller *caller, struct ppn_ctl_call *call,
	       json_t **ret_answer)
{
	struct check check = { .ppnd = ppnd, .call = call, .caller = caller, .rows = json_array() };
	int err = check_all(&check);

	if (err) {
		json_decref(check.rows);
		return err;
	}
	*ret_answer = json_pack("{s:s, s:s, s:I, s:b, s:b, s:o, s:o}", "state",
				ppn_state_text(ppnd->genesis.state), "worst",
				ppn_cut_text(check.worst), "untouched",
				(json_int_t)check.n_untouched, "cut_short", (int)check.cut_short,
				"caller_known", (int)check.caller_known, "unmatched",
				ppnd_seal_unmatched_json(ppnd), "rows", check.rows);
	return check.worst == PPN_CUT_REFUSED ? -EBUSY : 0;
}

int ppnd_check_survives(struct ppnd *ppnd, char ret_why[static PPN_WHY_LEN])
{
	struct check check = { .ppnd = ppnd };
	int err = check_all(&check);

	if (err) {
		snprintf(ret_why, PPN_WHY_LEN, "sockets, addresses, mounts: %s", strerror(-err));
		return err;
	}
	if (check.worst != PPN_CUT_REFUSED)
		return 0;
	snprintf(ret_why, PPN_WHY_LEN, "this machine lives on it: %.100s; see `ppn seal check`",
		 check.refused);
	return -EPERM;
}

/* ---- what observing has spared ---- */

struct observed {
	struct ppn_ctl_call *call;
	json_t *rows;
};

static const char *proto_text(uint8_t proto, char ret_text[static 8])
{
	static const struct {
		uint8_t proto;
		const char *text;
	} rows[] = { { IPPROTO_TCP, "tcp" },
		     { IPPROTO_UDP, "udp" },
		     { IPPROTO_ICMP, "icmp" },
		     { IPPROTO_ICMPV6, "icmpv6" } };

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].proto == proto)
			return rows[i].text;
	snprintf(ret_text, 8, "%u", proto);
	return ret_text;
}

static void push_observed(void *arg, const struct ppn_observed_key *key,
			  const struct ppn_count *count)
{
	struct observed *observed = arg;
	const bool v4 = ppn_address_is_v4(key->prefix);
	char prefix[PPN_PREFIX_TEXT_LEN], proto[8];

	/* Without IP the prefix is zeros, and says nothing. */
	push(observed->call, &observed->rows,
	     json_pack("{s:s, s:s, s:s, s:i, s:s, s:I, s:I}", "reason",
		       ppnd_reason_text(key->reason), "direction",
		       key->direction == PPN_DIRECTION_OUT ? "out" : "in", "proto",
		       key->proto ? proto_text(key->proto, proto) : "", "port",
		       (int)be16toh(key->port), "prefix",
		       key->proto ? ppn_prefix_text(prefix, key->prefix, v4 ? 120 : 64) : "",
		       "packets", (json_int_t)count->packets, "bytes", (json_int_t)count->bytes));
}

int ppnd_observed(struct ppnd *ppnd, struct ppn_ctl_call *call, json_t **ret_answer)
{
	struct observed observed = { .call = call, .rows = json_array() };
	int err = ppn_datapath_observed(ppnd->dp, push_observed, &observed);

	if (err) {
		json_decref(observed.rows);
		return err;
	}
	*ret_answer = json_pack("{s:b, s:o}", "observes", (int)ppnd_seal_observes(ppnd), "rows",
				observed.rows);
	return 0;
}
