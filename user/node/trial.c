// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * `ppn seal --try`: the seal enforces until an end that stands in the kernel's policy, and spares the connection
 * of whoever tries it; then it observes again, whether this process lives or not. A claim, or a word
 * (`--confirm`) over a connection that came in during the trial, ends it for good.
 */
#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/log.h"
#include "node/facts.h"
#include "node/ppnd.h"

#define UID_PPND UINT32_MAX

static int record(struct ppnd *ppnd, enum ppn_trial what, uint32_t seconds, uint32_t uid)
{
	const struct ppn_entry_trial entry = {
		.what = (uint8_t)what,
		.uid = htobe32(uid),
		.seconds = htobe32(seconds),
	};

	if (ppnd->state.damaged) /* its ledger takes no more entries */
		return 0;
	return ppnd_state_append(&ppnd->state, PPN_ENTRY_TRIAL, &entry, sizeof(entry), true);
}

/* ---- time ---- */

uint64_t ppnd_trial_left(const struct ppnd *ppnd)
{
	uint64_t now = 0;
	uint32_t hz = 1;

	if (!ppnd->trial.on)
		return 0;
	if (ppn_datapath_clock(ppnd->dp, &now, &hz))
		return 1; /* nobody knows, and the kernel ends it all the same */
	if (now > ppnd->trial.end)
		return 0;
	return (ppnd->trial.end - now) / hz + 1;
}

static void over(struct ppnd *ppnd)
{
	ppnd->trial.on = false;
	free(ppnd->trial.before);
	ppnd->trial.before = NULL;
	ppnd->trial.n_before = 0;
	if (ppnd->trial.timer)
		(void)evtimer_del(ppnd->trial.timer);
}

static void revert(struct ppnd *ppnd)
{
	over(ppnd);
	if (record(ppnd, PPN_TRIAL_REVERTED, 0, UID_PPND))
		ppn_log(LOG_ERR, "the end of the trial could not be written to the ledger");
	ppn_log(LOG_WARNING, "nobody confirmed the trial: the seal observes again");
}

static void set_timer(struct ppnd *ppnd);

static void on_time(evutil_socket_t fd, short what, void *arg)
{
	struct ppnd *ppnd = arg;

	(void)fd;
	(void)what;
	if (ppnd_trial_left(ppnd)) {
		set_timer(ppnd);
		return;
	}
	revert(ppnd);
	(void)ppnd_seal_column(ppnd, ppnd->genesis.state);
}

static void set_timer(struct ppnd *ppnd)
{
	const struct timeval after = { .tv_sec = (time_t)ppnd_trial_left(ppnd) };

	if (!ppnd->trial.timer)
		ppnd->trial.timer = evtimer_new(ppnd->base, on_time, ppnd);
	if (!ppnd->trial.timer || evtimer_add(ppnd->trial.timer, &after) < 0)
		ppn_log(LOG_ERR, "no timer for the trial: it ends all the same");
}

/* ---- whose connection ---- */

static struct ppn_flow_key flow_of(const struct ppn_socket *socket)
{
	struct ppn_flow_key key = {
		.local_port = htons(socket->local_port),
		.remote_port = htons(socket->remote_port),
		.proto = IPPROTO_TCP,
	};

	memcpy(key.local, socket->local, sizeof(key.local));
	memcpy(key.remote, socket->remote, sizeof(key.remote));
	return key;
}

/* Connections that were there before the trial prove nothing: all of them are remembered, or none is told apart. */
static int remember(struct ppnd *ppnd, const struct ppnd_facts *facts)
{
	struct ppnd_trial *trial = &ppnd->trial;

	free(trial->before);
	trial->n_before = 0;
	trial->before = facts->sockets.cut ? NULL :
					     calloc(facts->sockets.n + 1, sizeof(*trial->before));
	if (!trial->before)
		return facts->sockets.cut ? -E2BIG : -ENOMEM;
	for (size_t i = 0; i < facts->sockets.n; i++)
		if (ppnd_facts_from_outside(ppnd, facts, &facts->sockets.socket[i]))
			trial->before[trial->n_before++] = facts->sockets.socket[i].inode;
	return 0;
}

/* ---- begin ---- */

static int may_begin(const struct ppnd *ppnd, char ret_why[static PPN_WHY_LEN])
{
	const char *why = NULL;

	if (ppnd->seal.forced)
		why = "observing was asked for by --observe or [seal] mode: change it there, and restart ppnd";
	else if (ppnd->trial.on)
		why = "a trial is on: `ppn seal --confirm` from a new connection ends it";
	else if (ppnd_seal_observes(ppnd) && !ppnd->seal.observe)
		why = "the fleet's roster says to observe";
	else if (!ppnd->seal.observe)
		why = "the seal enforces already: there is nothing to try";
	else if (ppn_datapath_refused(ppnd->dp))
		why = "a trial ends by a program's clock, and this kernel takes none";
	if (why)
		snprintf(ret_why, PPN_WHY_LEN, "%s", why);
	return why ? -EPERM : 0;
}

/* What a trial spares by its addresses is not seen inside another's packets. */
static int may_spare(const struct ppnd_facts *facts, const struct ppn_socket *socket,
		     const struct ppnd_caller *caller, char ret_why[static PPN_WHY_LEN])
{
	const struct ppn_device *tunnel = socket ? ppnd_facts_tunnel(facts, socket->local) : NULL;

	if (tunnel)
		snprintf(ret_why, PPN_WHY_LEN,
			 "your connection comes inside %s, which a trial cannot spare: say it in a "
			 "session that does not, or on a console",
			 tunnel->name);
	else if (!socket && !caller->console)
		snprintf(ret_why, PPN_WHY_LEN,
			 "which connection is yours cannot be told: say it in the session itself "
			 "(not in tmux or screen), or on a console");
	else
		return 0;
	return -EPERM;
}

static int find_flow(struct ppnd *ppnd, const struct ppnd_caller *caller,
		     char ret_why[static PPN_WHY_LEN])
{
	const struct ppn_socket *socket;
	struct ppnd_facts facts;
	char who[PPND_WHO_LEN];
	int err = ppnd_facts_read(ppnd, &facts);

	if (err) {
		snprintf(ret_why, PPN_WHY_LEN, "looking for your connection: %s", strerror(-err));
		return err;
	}
	socket = ppnd_facts_callers(ppnd, &facts, caller, ppnd_facts_is_session);
	memset(&ppnd->trial.flow, 0, sizeof(ppnd->trial.flow));
	err = may_spare(&facts, socket, caller, ret_why);
	if (!err && socket)
		ppnd->trial.flow = flow_of(socket);
	if (!err && remember(ppnd, &facts)) {
		err = -EPERM;
		snprintf(
			ret_why, PPN_WHY_LEN,
			"more than %d sockets, or no memory for them: a new connection could not be "
			"told from an old one; `ppn seal check`, then `ppn seal --yes`",
			PPN_SOCKETS_MAX);
	} else if (!err && socket)
		ppn_log(LOG_NOTICE, "a trial spares %s", ppnd_facts_who(who, socket));
	ppnd_facts_free(&facts);
	return err;
}

int ppnd_trial_begin(struct ppnd *ppnd, const struct ppnd_caller *caller, uint32_t seconds,
		     uint32_t uid, char ret_why[static PPN_WHY_LEN])
{
	struct ppnd_trial *trial = &ppnd->trial;
	uint32_t hz = 1;
	uint64_t now;
	int err = may_begin(ppnd, ret_why);

	if (!err)
		err = ppnd_check_survives(ppnd, ret_why);
	if (!err)
		err = find_flow(ppnd, caller, ret_why);
	if (err)
		return err;
	err = ppn_datapath_clock(ppnd->dp, &now, &hz);
	if (!err)
		err = record(ppnd, PPN_TRIAL_BEGAN, seconds, uid);
	if (!err) {
		trial->end = now + (uint64_t)seconds * hz;
		trial->on = true;
		err = ppnd_seal_column(ppnd, ppnd->genesis.state);
	}
	if (err) {
		if (trial->on)
			revert(ppnd);
		snprintf(ret_why, PPN_WHY_LEN, "the seal observes as before: %s", strerror(-err));
		return err;
	}
	set_timer(ppnd);
	ppn_log(LOG_NOTICE, "a trial of %u s: the seal enforces until then", seconds);
	return 0;
}

/* ---- confirm ---- */

static bool is_old(const struct ppnd_trial *trial, const struct ppn_socket *socket)
{
	const struct ppn_flow_key flow = flow_of(socket);

	return !trial->before || !memcmp(&flow, &trial->flow, sizeof(flow)) ||
	       ppnd_facts_among(socket->inode, trial->before, trial->n_before);
}

/* A new connection proves a way in; the console is one. Who has neither may be cut off already. */
static int judge_caller(struct ppnd *ppnd, const struct ppnd_caller *caller,
			char ret_why[static PPN_WHY_LEN])
{
	const char *why = NULL;
	const struct ppn_socket *socket;
	struct ppnd_facts facts;
	int err = ppnd_facts_read(ppnd, &facts);

	if (err) {
		snprintf(ret_why, PPN_WHY_LEN, "looking for your connection: %s", strerror(-err));
		return err;
	}
	socket = ppnd_facts_callers(ppnd, &facts, caller, ppnd_facts_from_outside);
	if (socket && is_old(&ppnd->trial, socket))
		why = "this connection was there before the trial, or before ppnd's last start, "
		      "and proves nothing: confirm from a new one, or on a console";
	else if (!socket && !caller->console)
		why = "which connection is yours cannot be told, and without a new one nothing is "
		      "proved: confirm from a new session (not in tmux or screen), or on a console";
	ppnd_facts_free(&facts);
	if (why)
		snprintf(ret_why, PPN_WHY_LEN, "%s", why);
	return why ? -EPERM : 0;
}

/*
 * The kernel first, then one entry that ends trial and observing at once: what the ledger says of the seal, the seal
 * has done. When the kernel refuses, nothing has changed; when the entry does not get to disk, the trial goes on with
 * the end it had. Cut off between the two nobody had an answer yet, and whoever asked was not cut off, since the
 * connection came in through the seal: the next start finds a trial without an outcome, observes, and says reverted.
 * The other way round the kernel, left alone, would open by its clock what the ledger calls sealed.
 */
static int enforce(struct ppnd *ppnd, enum ppn_trial outcome, uint32_t uid)
{
	const bool observed = ppnd->seal.observe;
	int err;

	ppnd->trial.on = ppnd->seal.observe = false;
	err = ppnd_seal_column(ppnd, ppnd->genesis.state);
	if (!err)
		err = record(ppnd, outcome, 0, uid);
	if (!err) {
		over(ppnd);
		return 0;
	}
	ppnd->trial.on = true;
	ppnd->seal.observe = observed;
	(void)ppnd_seal_column(ppnd, ppnd->genesis.state); /* it logs, and comes again */
	return err;
}

int ppnd_trial_confirm(struct ppnd *ppnd, const struct ppnd_caller *caller, uint32_t uid,
		       char ret_why[static PPN_WHY_LEN])
{
	int err;

	if (!ppnd_trial_left(ppnd)) {
		snprintf(ret_why, PPN_WHY_LEN, "no trial is on");
		return -EPERM;
	}
	err = judge_caller(ppnd, caller, ret_why);
	if (!err) /* what a trial outlives, a seal may not: a lease lapses later */
		err = ppnd_check_survives(ppnd, ret_why);
	if (err)
		return err;
	err = enforce(ppnd, PPN_TRIAL_CONFIRMED, uid);
	if (err)
		snprintf(ret_why, PPN_WHY_LEN, "the trial goes on: %s", strerror(-err));
	else
		ppn_log(LOG_NOTICE, "the trial is confirmed by uid %u: the seal enforces", uid);
	return err;
}

/* An administrator came in through the seal: it works. */
void ppnd_trial_claimed(struct ppnd *ppnd)
{
	int err;

	if (!ppnd_trial_left(ppnd))
		return;
	err = enforce(ppnd, PPN_TRIAL_CLAIMED, UID_PPND);
	if (err)
		ppn_log_errno(LOG_ERR, err, "ending the trial after a claim");
	else
		ppn_log(LOG_NOTICE, "a claim came in during the trial: the seal enforces");
}

/* ---- start ---- */

/* What was there before the trial went with the former ppnd: what is there now stands for it. */
static void remember_again(struct ppnd *ppnd)
{
	struct ppnd_facts facts;
	int err = ppnd_facts_read(ppnd, &facts);

	if (!err) {
		err = remember(ppnd, &facts);
		ppnd_facts_free(&facts);
	}
	if (err)
		ppn_log_errno(
			LOG_WARNING, err,
			"which connections are new cannot be told: confirm the trial on a console");
}

/* A trial outlives ppnd in the kernel's policy, and no reboot. */
void ppnd_trial_start(struct ppnd *ppnd)
{
	struct ppnd_trial *trial = &ppnd->trial;
	struct ppn_policy_table table;
	uint64_t word;

	if (!ppn_datapath_policy_now(ppnd->dp, &word, &table) &&
	    PPN_POLICY_FLAGS(word) & PPN_POLICY_TRIAL) {
		trial->on = true;
		trial->end = table.trial_end;
		trial->flow = table.trial;
	}
	if (ppnd_trial_left(ppnd)) {
		remember_again(ppnd);
		set_timer(ppnd);
	} else if (trial->on || ppnd->state.fold.trial)
		revert(ppnd);
}

void ppnd_trial_stop(struct ppnd *ppnd)
{
	if (ppnd->trial.timer)
		event_free(ppnd->trial.timer);
	ppnd->trial.timer = NULL;
	free(ppnd->trial.before);
	ppnd->trial.before = NULL;
}
