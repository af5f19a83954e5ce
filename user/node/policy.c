// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What the seal does: observing or enforcing, and what the column of a state means for this node. */
#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <string.h>

#include "host/log.h"
#include "node/ppnd.h"

#define UID_PPND UINT32_MAX

/* ---- observe or enforce ---- */

/* Whoever installs this over SSH must not be cut off by its first start. */
static bool session_at_first_start(struct ppnd *ppnd)
{
	char who[PPN_WHY_LEN];
	int err;

	if (!ppnd->state.first_boot || !ppnd->fresh)
		return false;
	err = ppnd_session_find(ppnd, who);
	if (err && err != -ENOENT)
		ppn_log_errno(LOG_WARNING, err, "looking for somebody's session");
	if (err)
		return false;
	ppn_log(LOG_WARNING, "observing, not sealing: there is %s; `ppn seal --yes` seals", who);
	return true;
}

static bool observing_now(struct ppnd *ppnd)
{
	uint64_t word;
	struct ppn_policy_table table;

	return ppn_datapath_policy_now(ppnd->dp, &word, &table) == 0 &&
	       (PPN_POLICY_FLAGS(word) & PPN_POLICY_OBSERVE);
}

static int record(struct ppnd *ppnd, enum ppn_seal_mode mode, uint32_t uid)
{
	struct ppn_entry_seal entry = { .mode = (uint8_t)mode, .uid = htobe32(uid) };

	if (ppnd->state.damaged) /* its ledger takes no more entries */
		return 0;
	return ppnd_state_append(&ppnd->state, PPN_ENTRY_SEAL, &entry, sizeof(entry), true);
}

static void decide(struct ppnd *ppnd)
{
	const struct ppn_ledger_state *fold = &ppnd->state.fold;
	struct ppnd_seal *seal = &ppnd->seal;

	seal->forced = ppnd->observe_asked || ppnd->config.seal == PPND_SEAL_OBSERVE;
	if (seal->forced || ppnd->config.seal == PPND_SEAL_ENFORCE) {
		seal->observe = seal->forced;
	} else if (fold->has_seal) {
		seal->observe = fold->observe;
	} else if (session_at_first_start(ppnd)) {
		seal->observe = true;
		if (record(ppnd, PPN_SEAL_OBSERVE, UID_PPND))
			ppn_log(LOG_ERR, "observing could not be written to the ledger");
	} else {
		/* Without a ledger that says otherwise a restart never opens, nor shuts, what it finds. */
		seal->observe = !ppnd->fresh && ppnd->state.dir < 0 && observing_now(ppnd);
	}
}

int ppnd_policy_start(struct ppnd *ppnd)
{
	decide(ppnd);
	ppnd_trial_start(ppnd);
	if (ppnd->trial.on)
		ppn_log(LOG_NOTICE, "a trial of the seal is on");
	else if (ppnd->seal.observe)
		ppn_log(LOG_WARNING, "the seal only observes: it counts, and drops nothing");
	/* A fresh map of zeroes drops at once what the first program on an interface sees. */
	return ppnd->fresh && ppnd->seal.observe ? ppnd_seal_column(ppnd, PPN_STATE_BLIND) : 0;
}

/* ---- policy ---- */

static bool has_role(const struct ppn_member *self, const uint8_t role[static 32])
{
	char text[33] = "";

	memcpy(text, role, 32);
	return !text[0] || (self && ppn_member_has_role(self, text));
}

/* The seal compares so many prefixes of a port; others stay shut, and the rest of the policy holds. */
static bool has_room(const struct ppn_open_port *ports, size_t n, const struct ppn_open_port *port)
{
	size_t same = 0;

	for (size_t i = 0; i < n; i++)
		same += ports[i].proto == port->proto && ports[i].port == port->port &&
			ports[i].kind == port->kind && ports[i].egress == port->egress &&
			!ports[i].any;
	return port->any || same < PPN_PORT_PREFIXES;
}

static struct ppn_open_port open_port(const struct ppn_rule_open *rule)
{
	struct ppn_open_port port = {
		.proto = rule->proto,
		.any = rule->flags & 1,
		.prefix_len = rule->prefix_len,
		.port = be16toh(rule->port),
	};

	memcpy(port.prefix, rule->prefix, sizeof(port.prefix));
	return port;
}

static struct ppn_open_port egress_port(const struct ppn_rule_egress *rule)
{
	struct ppn_open_port port = {
		.proto = rule->proto,
		.any = rule->prefix_len == 0,
		.prefix_len = rule->prefix_len,
		.port = be16toh(rule->port),
		.egress = 1,
	};

	memcpy(port.prefix, rule->prefix, sizeof(port.prefix));
	return port;
}

static void add_port(struct ppn_open_port *ports, size_t *n, struct ppn_open_port port,
		     size_t *left)
{
	if (has_room(ports, *n, &port))
		ports[(*n)++] = port;
	else
		(*left)++;
}

size_t ppnd_policy_ports(const struct ppnd *ppnd,
			 struct ppn_open_port ret_ports[static PPND_PORTS_MAX], size_t *ret_left)
{
	const struct ppnd_state *state = &ppnd->state;
	const struct ppn_roster *roster = &state->roster;
	const struct ppn_member *self;
	size_t n = ppnd->config.n_rescue, left = 0;

	if (ret_left)
		*ret_left = 0;
	memcpy(ret_ports, ppnd->config.rescue, n * sizeof(ret_ports[0]));
	if (!state->is_bound)
		return n;
	n += ppnd_egress_rules(ppnd, ret_ports + n);
	if (!state->has_roster)
		return n;
	self = ppn_roster_identity(roster, state->identity.key);
	for (size_t i = 0; i < roster->n_open; i++)
		if (has_role(self, roster->open[i].role))
			add_port(ret_ports, &n, open_port(&roster->open[i]), &left);
	for (size_t i = 0; i < roster->n_egress; i++)
		if (has_role(self, roster->egress[i].role))
			add_port(ret_ports, &n, egress_port(&roster->egress[i]), &left);
	if (ret_left)
		*ret_left = left;
	return n;
}

static void fill_table(const struct ppnd *ppnd, struct ppn_policy_table *ret_table)
{
	const struct ppnd_state *state = &ppnd->state;
	uint8_t prefix[16];

	memset(ret_table, 0, sizeof(*ret_table));
	ret_table->claim_port = htons(ppnd->config.claim_port);
	ret_table->wg_port = htons(ppnd->config.wireguard_port);
	ret_table->discovery_port = htons(PPN_PORT_DISCOVERY);
	if (state->has_identity) {
		ppn_fleet_prefix(prefix, ppnd_state_mesh_fleet(state));
		memcpy(ret_table->fleet, prefix, sizeof(ret_table->fleet));
		ppn_mesh_address(ret_table->address, ppnd_state_mesh_fleet(state),
				 state->identity.key, 1);
	}
	if (state->has_pin) {
		ret_table->pinned = 1;
		memcpy(ret_table->gate_key, state->trust.now.newest.gate_key,
		       sizeof(ret_table->gate_key));
	}
	if (ppnd->trial.on) {
		ret_table->trial_end = ppnd->trial.end;
		ret_table->trial = ppnd->trial.flow;
	}
	if (state->is_bound)
		ret_table->number = state->bound.claim.number;
}

bool ppnd_seal_observes(const struct ppnd *ppnd)
{
	const struct ppnd_state *state = &ppnd->state;

	return ppnd->seal.observe ||
	       (state->is_bound && state->has_roster && (state->roster.policy_flags & 1));
}

static uint32_t flags(const struct ppnd *ppnd, enum ppn_state state)
{
	bool waits = state == PPN_STATE_HOLDING || state == PPN_STATE_DAMAGED;
	uint32_t bits = 0;

	if (ppnd->trial.on)
		bits |= PPN_POLICY_TRIAL;
	else if (ppnd_seal_observes(ppnd))
		bits |= PPN_POLICY_OBSERVE;
	if (ppnd_watch_on(ppnd))
		bits |= PPN_POLICY_WATCH;
	if (ppnd->seal.seat)
		bits |= PPN_POLICY_SEAT;
	if (waits && ppnd_state_claimable(&ppnd->state))
		bits |= PPN_POLICY_CLAIM;
	return bits;
}

/* Observing that begins: what an earlier one spared was under another policy. A restart or a trial only goes on. */
static void forget_observed(struct ppnd *ppnd, uint32_t bits)
{
	struct ppn_policy_table table;
	uint64_t word;
	int err;

	if (!(bits & PPN_POLICY_OBSERVE) || ppn_datapath_policy_now(ppnd->dp, &word, &table) ||
	    (PPN_POLICY_FLAGS(word) & (PPN_POLICY_OBSERVE | PPN_POLICY_TRIAL)))
		return;
	err = ppn_datapath_observed_clear(ppnd->dp);
	if (err)
		ppn_log_errno(LOG_WARNING, err, "forgetting what was observed before");
}

static void policy_again(evutil_socket_t fd, short what, void *arg)
{
	struct ppnd *ppnd = arg;

	(void)fd;
	(void)what;
	(void)ppnd_seal_column(ppnd, ppnd->genesis.state); /* it logs, and comes again */
}

/* The former policy stays in force; said, shown, and tried again after 1, 2, 4 ... 64 seconds. */
static int not_in_force(struct ppnd *ppnd, enum ppn_state state, int err)
{
	struct ppnd_seal *seal = &ppnd->seal;
	struct timeval after;

	seal->retry_s = !seal->retry_s ? 1 : seal->retry_s < 64 ? 2 * seal->retry_s : 64;
	after = (struct timeval){ .tv_sec = seal->retry_s };
	snprintf(seal->why, sizeof(seal->why), "policy of state %s: %s", ppn_state_text(state),
		 strerror(-err));
	if (!seal->retry)
		seal->retry = evtimer_new(ppnd->base, policy_again, ppnd);
	if (!seal->retry || evtimer_add(seal->retry, &after) < 0)
		ppn_log(LOG_ERR, "no timer for the seal's policy: restart ppnd");
	return ppn_log_errno(LOG_ERR, err, "the seal's policy of state %s; again in %u s",
			     ppn_state_text(state), seal->retry_s);
}

static void in_force(struct ppnd *ppnd)
{
	struct ppnd_seal *seal = &ppnd->seal;

	if (!seal->why[0])
		return;
	ppn_log(LOG_NOTICE, "the seal's policy is in force");
	seal->why[0] = '\0';
	seal->retry_s = 0;
	if (seal->retry)
		(void)evtimer_del(seal->retry);
}

/* Once each time that it changes. */
static void say_left(struct ppnd *ppnd, size_t left)
{
	if (left && left != ppnd->seal.rows_left)
		ppn_log(LOG_ERR,
			"%zu rows of the roster's policy stay shut: the seal compares %d prefixes of a port",
			left, PPN_PORT_PREFIXES);
	ppnd->seal.rows_left = left;
}

int ppnd_seal_column(struct ppnd *ppnd, enum ppn_state state)
{
	static struct ppn_open_port ports[PPND_PORTS_MAX];
	struct ppn_policy_table table;
	size_t left, n = ppnd_policy_ports(ppnd, ports, &left);
	int err;

	if (ppnd->seal.off)
		return 0;
	say_left(ppnd, left);
	fill_table(ppnd, &table);
	forget_observed(ppnd, flags(ppnd, state));
	err = ppn_datapath_policy(ppnd->dp, ppn_genesis_column(state), flags(ppnd, state), &table,
				  ports, n);
	if (!err) {
		/* Where BPF holds, what nftables cannot do is said, and is no failure of the state. */
		err = ppnd_backstop_policy(ppnd, ppn_genesis_column(state), flags(ppnd, state),
					   &table, ports, n);
		err = ppn_datapath_refused(ppnd->dp) ? err : 0;
	}
	if (err)
		return not_in_force(ppnd, state, err);
	in_force(ppnd);
	return 0;
}

int ppnd_seal_observe(struct ppnd *ppnd, bool observe, uint32_t uid)
{
	int err;

	if (ppnd->seal.observe == observe)
		return 0;
	err = record(ppnd, observe ? PPN_SEAL_OBSERVE : PPN_SEAL_ENFORCE, uid);
	if (err)
		return ppn_log_errno(LOG_ERR, err, "the ledger entry of the seal");
	ppnd->seal.observe = observe;
	ppn_log(LOG_NOTICE, "the seal %s, by uid %u", observe ? "observes" : "enforces", uid);
	return ppnd_seal_column(ppnd, ppnd->genesis.state);
}

int ppnd_seal_off_record(struct ppnd *ppnd, uint32_t uid)
{
	return record(ppnd, PPN_SEAL_OFF, uid);
}

/* ---- a seat on this machine ---- */

static void seat_over(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	ppn_log(LOG_NOTICE, "the seat on this machine is silent: its ports are shut");
	(void)ppnd_seal_seat(arg, false, 0);
}

int ppnd_seal_seat(struct ppnd *ppnd, bool on, unsigned int for_s)
{
	const struct timeval after = { .tv_sec = for_s };
	struct ppnd_seal *seal = &ppnd->seal;

	if (!seal->seat_timer)
		seal->seat_timer = evtimer_new(ppnd->base, seat_over, ppnd);
	if (!seal->seat_timer ||
	    (on ? evtimer_add(seal->seat_timer, &after) : evtimer_del(seal->seat_timer)) < 0)
		return -ENOMEM;
	if (seal->seat == on)
		return 0;
	seal->seat = on;
	return ppnd_seal_column(ppnd, ppnd->genesis.state);
}

void ppnd_policy_stop(struct ppnd *ppnd)
{
	ppnd_trial_stop(ppnd);
	if (ppnd->seal.retry)
		event_free(ppnd->seal.retry);
	ppnd->seal.retry = NULL;
	if (ppnd->seal.seat_timer)
		event_free(ppnd->seal.seat_timer);
	ppnd->seal.seat_timer = NULL;
}
