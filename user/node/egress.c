// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What this node may open outwards beside the mesh: the roster's egress list, the cloud's metadata service, and
 * what its operator opened for a while. An opening ends by itself: its end stands in the kernel's
 * table, in jiffies, and is read back from there by the next ppnd. The ledger entry comes first.
 */
#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "host/log.h"
#include "lib/cut.h"
#include "node/ppnd.h"

#define UID_PPND UINT32_MAX

/* Of EC2, GCE, Azure, OpenStack and most others; of EC2 and of GCE over IPv6. */
static const uint8_t metadata_services[PPND_METADATA_MAX][16] = {
	{ [10] = 0xff, 0xff, 169, 254, 169, 254 },
	{ 0xfd, 0x00, 0x0e, 0xc2, [14] = 0x02, 0x54 },
	{ 0xfd, 0x20, 0x00, 0xce, [14] = 0x02, 0x54 },
};
enum { METADATA_PORT = 80 };

/* ---- rules ---- */

static bool same_rule(const struct ppn_open_port *a, const struct ppn_open_port *b)
{
	return a->proto == b->proto && a->port == b->port && a->any == b->any &&
	       (a->any || (a->prefix_len == b->prefix_len &&
			   !memcmp(a->prefix, b->prefix, sizeof(a->prefix))));
}

static struct ppn_open_port metadata_rule(size_t i)
{
	struct ppn_open_port rule = {
		.proto = IPPROTO_TCP,
		.kind = PPN_PORT_LOCAL,
		.port = METADATA_PORT,
		.prefix_len = 128,
		.egress = 1,
	};

	memcpy(rule.prefix, metadata_services[i], sizeof(rule.prefix));
	return rule;
}

/* The kernel compares so many prefixes of a port; the metadata service may be three of them. */
static bool has_room(const struct ppnd *ppnd, const struct ppn_open_port *rule)
{
	const struct ppnd_egress *egress = &ppnd->egress;
	size_t n = ppnd->config.metadata && rule->proto == IPPROTO_TCP &&
				   rule->port == METADATA_PORT ?
			   PPND_METADATA_MAX :
			   0;

	for (size_t i = 0; i < egress->n; i++)
		n += egress->opening[i].proto == rule->proto &&
		     egress->opening[i].port == rule->port && !egress->opening[i].any;
	return egress->n < PPND_OPENINGS_MAX && (rule->any || n < PPN_PORT_PREFIXES);
}

size_t
ppnd_egress_rules(const struct ppnd *ppnd,
		  struct ppn_open_port ret_rules[static PPND_OPENINGS_MAX + PPND_METADATA_MAX])
{
	const struct ppnd_egress *egress = &ppnd->egress;
	size_t n = egress->n;

	memcpy(ret_rules, egress->opening, n * sizeof(ret_rules[0]));
	for (size_t i = 0; ppnd->config.metadata && i < PPND_METADATA_MAX; i++)
		ret_rules[n++] = metadata_rule(i);
	return n;
}

/* ---- time ---- */

/* Seconds until then, rounded up; 0: it is over. Without a clock it is not: the kernel's table has the end. */
static uint64_t seconds_left(struct ppnd *ppnd, uint64_t until)
{
	uint64_t now = 0;
	uint32_t hz = 1;

	if (ppn_datapath_clock(ppnd->dp, &now, &hz))
		return 1;
	if (now > until)
		return 0;
	return (until - now) / hz + 1;
}

static void set_timer(struct ppnd *ppnd);

static int record(struct ppnd *ppnd, enum ppn_opening what, const struct ppn_open_port *rule,
		  uint32_t seconds, uint32_t uid)
{
	struct ppn_entry_egress entry = {
		.what = (uint8_t)what,
		.proto = rule->proto,
		.prefix_len = rule->any ? 0 : rule->prefix_len,
		.port = htons(rule->port),
		.uid = htobe32(uid),
		.seconds = htobe32(seconds),
	};

	if (ppnd->state.damaged) /* its ledger takes no more entries */
		return 0;
	if (!rule->any)
		memcpy(entry.prefix, rule->prefix, sizeof(entry.prefix));
	return ppnd_state_append(&ppnd->state, PPN_ENTRY_EGRESS, &entry, sizeof(entry), true);
}

static void forget(struct ppnd_egress *egress, size_t i)
{
	egress->opening[i] = egress->opening[--egress->n];
}

/* The kernel refuses what is over whether this runs or not. */
static void openings_over(evutil_socket_t fd, short what, void *arg)
{
	struct ppnd *ppnd = arg;
	struct ppnd_egress *egress = &ppnd->egress;
	bool changed = false;

	(void)fd;
	(void)what;
	for (size_t i = egress->n; i-- > 0;) {
		const struct ppn_open_port rule = egress->opening[i];

		if (seconds_left(ppnd, rule.until))
			continue;
		if (record(ppnd, PPN_OPENING_ENDED, &rule, 0, UID_PPND))
			ppn_log(LOG_ERR,
				"the end of an opening could not be written to the ledger");
		forget(egress, i);
		changed = true;
	}
	if (changed) {
		ppn_log(LOG_NOTICE, "an opening of the egress list is over");
		(void)ppnd_seal_column(ppnd, ppnd->genesis.state);
	}
	set_timer(ppnd);
}

/* For the next end: at once, when an opening was over before this ppnd started. */
static void set_timer(struct ppnd *ppnd)
{
	struct ppnd_egress *egress = &ppnd->egress;
	struct timeval after = { 0 };

	for (size_t i = 0; i < egress->n; i++) {
		const time_t left = (time_t)seconds_left(ppnd, egress->opening[i].until);

		if (i == 0 || left < after.tv_sec)
			after.tv_sec = left;
	}
	if (!egress->timer)
		egress->timer = evtimer_new(ppnd->base, openings_over, ppnd);
	if (!egress->timer ||
	    (egress->n ? evtimer_add(egress->timer, &after) : evtimer_del(egress->timer)) < 0)
		ppn_log(LOG_ERR, "no timer for the egress list: its openings end all the same");
}

/* ---- open, close ---- */

/*
 * A new generation of the policy: flows that it no longer allows go with the next sweeps. What the ledger has by now is
 * not taken back when the kernel refuses: the policy is tried again until it is in force.
 */
static int apply(struct ppnd *ppnd)
{
	set_timer(ppnd);
	return ppnd_seal_column(ppnd, ppnd->genesis.state) ? -EINPROGRESS : 0;
}

static size_t find(const struct ppnd_egress *egress, const struct ppn_open_port *rule)
{
	size_t i = 0;

	while (i < egress->n && !same_rule(&egress->opening[i], rule))
		i++;
	return i;
}

int ppnd_egress_open(struct ppnd *ppnd, const struct ppn_open_port *rule, uint32_t for_s,
		     uint32_t uid)
{
	struct ppnd_egress *egress = &ppnd->egress;
	const size_t i = find(egress, rule);
	uint64_t now;
	uint32_t hz;
	int err;

	if (i == egress->n && !has_room(ppnd, rule))
		return -ENOSPC;
	err = ppn_datapath_clock(ppnd->dp, &now, &hz);
	if (!err)
		err = record(ppnd, PPN_OPENING_OPENED, rule, for_s, uid);
	if (err)
		return err;
	egress->n += i == egress->n;
	egress->opening[i] = *rule;
	egress->opening[i].kind = PPN_PORT_LOCAL;
	egress->opening[i].egress = 1;
	egress->opening[i].until = now + (uint64_t)for_s * hz;
	return apply(ppnd);
}

int ppnd_egress_close(struct ppnd *ppnd, const struct ppn_open_port *rule, uint32_t uid)
{
	struct ppnd_egress *egress = &ppnd->egress;
	const size_t i = find(egress, rule);
	int err;

	if (i == egress->n)
		return -ENOENT;
	err = record(ppnd, PPN_OPENING_CLOSED, rule, 0, uid);
	if (err)
		return err;
	forget(egress, i);
	return apply(ppnd);
}

/* PROTO/PORT or PROTO/any, and a prefix or "any". */
int ppnd_egress_parse(struct ppn_open_port *ret_rule, const char *service, const char *prefix,
		      char ret_why[static 160])
{
	struct ppn_open_port rule = { .kind = PPN_PORT_LOCAL, .egress = 1 };
	int err = 0;

	if (strcmp(service, "tcp/any") == 0)
		rule.proto = IPPROTO_TCP;
	else if (strcmp(service, "udp/any") == 0)
		rule.proto = IPPROTO_UDP;
	else if (ppnd_config_service(&rule, service, ret_why)) {
		snprintf(ret_why, 160, "%.60s is no service, such as tcp/443, udp/123 or tcp/any",
			 service);
		return -EINVAL;
	}
	if (strcmp(prefix, "any") == 0)
		rule.any = 1;
	else
		err = ppnd_config_prefix(&rule, prefix, ret_why);
	rule.any |= !err && !rule.prefix_len;
	if (!err)
		*ret_rule = rule;
	return err;
}

/* ---- shown ---- */

static json_t *rule_json(struct ppnd *ppnd, const struct ppn_open_port *rule)
{
	const char *by = rule->kind == PPN_PORT_ROSTER ? "roster" :
			 rule->until		       ? "ppn egress" :
							 "metadata";
	char service[16], prefix[PPN_PREFIX_TEXT_LEN];
	json_t *ends = rule->until ? json_integer((json_int_t)seconds_left(ppnd, rule->until)) :
				     json_null();

	snprintf(service, sizeof(service), rule->port ? "%s/%u" : "%s/any",
		 rule->proto == IPPROTO_TCP ? "tcp" : "udp", rule->port);
	ppn_prefix_text(prefix, rule->prefix, rule->any ? 0 : rule->prefix_len);
	return json_pack("{s:s, s:s, s:s, s:o}", "service", service, "prefix", prefix, "by", by,
			 "ends_s", ends);
}

json_t *ppnd_egress_json(struct ppnd *ppnd)
{
	static struct ppn_open_port ports[PPND_PORTS_MAX];
	const size_t n = ppnd_policy_ports(ppnd, ports, NULL);
	json_t *rules = json_array();

	for (size_t i = 0; i < n; i++)
		if (ports[i].egress)
			(void)json_array_append_new(rules, rule_json(ppnd, &ports[i]));
	return json_pack("{s:o, s:I, s:i, s:s?}", "rules", rules, "flows",
			 (json_int_t)ppnd->egress.flows, "flows_max", PPN_MAP_FLOWS, "not_in_force",
			 ppnd->seal.why[0] ? ppnd->seal.why : NULL);
}

/* ---- start, and every second ---- */

void ppnd_egress_start(struct ppnd *ppnd)
{
	struct ppnd_egress *egress = &ppnd->egress;
	struct ppn_open_port rules[PPND_OPENINGS_MAX + PPND_METADATA_MAX];
	size_t n = 0;
	int err = ppn_datapath_openings(ppnd->dp, rules, sizeof(rules) / sizeof(rules[0]), &n);

	if (err && !ppn_datapath_refused(ppnd->dp))
		ppn_log_errno(LOG_WARNING, err, "openings of the egress list that are in force");
	for (size_t i = 0; i < n && egress->n < PPND_OPENINGS_MAX; i++)
		if (rules[i].until)
			egress->opening[egress->n++] = rules[i];
	egress->flows = 1; /* until a sweep has looked */
	if (egress->n)
		set_timer(ppnd);
}

void ppnd_egress_second(struct ppnd *ppnd)
{
	struct ppnd_egress *egress = &ppnd->egress;
	struct ppn_flow_sweep sweep;
	uint64_t word;
	struct ppn_policy_table table;
	int err;

	if (ppn_datapath_refused(ppnd->dp))
		return;
	if (!egress->flows && !ppn_datapath_policy_now(ppnd->dp, &word, &table) &&
	    !(PPN_POLICY_FLAGS(word) & PPN_POLICY_EGRESS))
		return;
	err = ppn_datapath_flows_sweep(ppnd->dp, &sweep);
	if (err && !egress->unswept)
		ppn_log_errno(
			LOG_WARNING, err,
			"flows that are over stay in the table until a later second, and let nothing in");
	egress->unswept = err != 0;
	if (!err && sweep.whole)
		egress->flows = sweep.flows;
}

void ppnd_egress_stop(struct ppnd *ppnd)
{
	if (ppnd->egress.timer)
		event_free(ppnd->egress.timer);
	ppnd->egress.timer = NULL;
}
