// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The verbs of RUN/ppnd.sock (ppn/ctl.h), by a table. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "host/log.h"
#include "lib/crypto.h"
#include "node/ppnd.h"

enum {
	WAITERS_MAX = 16,
	WAIT_MAX_S = 86400,
	SEAT_FOR_S = 30,
	SEAT_FOR_MAX_S = 3600,
	PEERS_A_PACKET = 64,
	GOODBYE_MS = 200, /* for the answer of `unseal` to be fetched */
	LEDGER_A_PACKET = 32768, /* bytes, which base64 makes a third longer */
};

struct waiter {
	LIST_ENTRY(waiter) next;
	struct ppnd *ppnd;
	struct ppn_ctl_call *call;
	enum ppn_state state;
	struct event *timer;
};

struct ppnd_ctl {
	struct ppn_ctl_server *server;
	LIST_HEAD(, waiter) waiters;
	unsigned int n_waiters;
};

/* ---- wait ---- */

static void drop_waiter(struct waiter *waiter)
{
	LIST_REMOVE(waiter, next);
	waiter->ppnd->ctl->n_waiters--;
	event_free(waiter->timer);
	free(waiter);
}

static void wait_over(evutil_socket_t fd, short what, void *arg)
{
	struct waiter *waiter = arg;

	(void)fd;
	(void)what;
	ppn_ctl_error(waiter->call, PPN_EXIT_TIMEOUT, "the node is still %s",
		      ppn_state_text(waiter->ppnd->genesis.state));
	drop_waiter(waiter);
}

static void wait_gone(void *arg, struct ppn_ctl_call *call)
{
	struct waiter *waiter = arg;

	ppn_ctl_error(call, PPN_EXIT_FAILURE, "gone");
	drop_waiter(waiter);
}

static void add_waiter(struct ppnd *ppnd, struct ppn_ctl_call *call, enum ppn_state state,
		       int timeout_s)
{
	const struct timeval after = { .tv_sec = timeout_s };
	struct waiter *waiter = ppnd->ctl->n_waiters < WAITERS_MAX ? calloc(1, sizeof(*waiter)) :
								     NULL;

	if (waiter)
		waiter->timer = evtimer_new(ppnd->base, wait_over, waiter);
	if (!waiter || !waiter->timer || evtimer_add(waiter->timer, &after) < 0) {
		if (waiter && waiter->timer)
			event_free(waiter->timer);
		free(waiter);
		ppn_ctl_error(call, PPN_EXIT_FAILURE, "too many are waiting: try again");
		return;
	}
	waiter->ppnd = ppnd;
	waiter->call = call;
	waiter->state = state;
	LIST_INSERT_HEAD(&ppnd->ctl->waiters, waiter, next);
	ppnd->ctl->n_waiters++;
	ppn_ctl_on_gone(call, wait_gone, waiter);
}

static int state_number(const char *text)
{
	for (int state = 0; text && state < _PPN_STATE_MAX; state++)
		if (strcmp(ppn_state_text(state), text) == 0)
			return state;
	return -EINVAL;
}

static void verb_wait(struct ppnd *ppnd, struct ppn_ctl_call *call, json_t *request, uid_t uid)
{
	int state = state_number(json_string_value(json_object_get(request, "state")));
	json_t *timeout = json_object_get(request, "timeout_s");
	json_int_t seconds = json_is_integer(timeout) ? json_integer_value(timeout) : -1;

	(void)uid;
	if (state < 0)
		ppn_ctl_error(
			call, PPN_EXIT_USAGE,
			"no state is called that: blind, scanning, holding, bound, isolated, damaged");
	else if (seconds < 0 || seconds > WAIT_MAX_S)
		ppn_ctl_error(call, PPN_EXIT_USAGE, "a wait (timeout_s) lasts 0 to %d seconds",
			      WAIT_MAX_S);
	else if ((int)ppnd->genesis.state == state)
		ppn_ctl_answer(call, PPN_EXIT_OK, ppnd_status_json(ppnd));
	else
		add_waiter(ppnd, call, state, (int)seconds);
}

void ppnd_ctl_changed(struct ppnd *ppnd)
{
	struct waiter *waiter = ppnd->ctl ? LIST_FIRST(&ppnd->ctl->waiters) : NULL, *next;

	for (; waiter; waiter = next) {
		next = LIST_NEXT(waiter, next);
		if (waiter->state != ppnd->genesis.state)
			continue;
		ppn_ctl_answer(waiter->call, PPN_EXIT_OK, ppnd_status_json(ppnd));
		drop_waiter(waiter);
	}
}

/* ---- the other verbs ---- */

static void verb_status(struct ppnd *ppnd, struct ppn_ctl_call *call, json_t *request, uid_t uid)
{
	(void)request;
	(void)uid;
	ppn_ctl_answer(call, ppnd_seal_degraded(ppnd) ? PPN_EXIT_SEAL_DEGRADED : PPN_EXIT_OK,
		       ppnd_status_json(ppnd));
}

static void verb_version(struct ppnd *ppnd, struct ppn_ctl_call *call, json_t *request, uid_t uid)
{
	(void)ppnd;
	(void)request;
	(void)uid;
	ppn_ctl_answer(call, PPN_EXIT_OK, json_pack("{s:s}", "version", PPN_VERSION));
}

/* What an earlier packet brought is not in the last one. */
static json_t *list_peers(const struct ppnd *ppnd, struct ppn_ctl_call *call,
			  const struct ppn_wg_device *device)
{
	json_t *list = json_array();

	for (size_t i = 0; i < device->n_peers; i++) {
		(void)json_array_append_new(list, ppnd_peer_json(ppnd, &device->peers[i]));
		if (json_array_size(list) < PEERS_A_PACKET || i + 1 == device->n_peers)
			continue;
		ppn_ctl_more(call, json_pack("{s:o}", "peers", list));
		list = json_array();
	}
	return list;
}

static void verb_peers(struct ppnd *ppnd, struct ppn_ctl_call *call, json_t *request, uid_t uid)
{
	struct ppn_wg_device device = { 0 };
	int err;

	(void)request;
	(void)uid;
	if (!ppnd->state.is_bound) {
		ppn_ctl_error(call, PPN_EXIT_NOT_CLAIMED,
			      "this node is %s: a network of one has no peers",
			      ppn_state_text(ppnd->genesis.state));
		return;
	}
	err = ppnd->mesh.wg ? ppn_wg_read(ppnd->mesh.wg, &device) : -ENODEV;
	if (err) {
		ppn_ctl_error(call, PPN_EXIT_FAILURE, "%s: %s", ppnd->config.mesh_device,
			      ppnd->mesh.shown[0] ? ppnd->mesh.shown : strerror(-err));
		return;
	}
	ppn_ctl_answer(call, PPN_EXIT_OK,
		       json_pack("{s:o}", "peers", list_peers(ppnd, call, &device)));
	ppn_wg_device_free(&device);
}

/* What ends observing asks first; a seal that enforces has nothing to ask. */
static int may_seal(struct ppnd *ppnd, char ret_why[static PPN_WHY_LEN])
{
	if (ppnd->seal.forced)
		snprintf(ret_why, PPN_WHY_LEN,
			 "observing was asked for by %s: change it there, and restart ppnd",
			 ppnd->observe_asked ? "--observe" :
					       "[seal] mode of the configuration file");
	else if (ppnd->trial.on)
		snprintf(ret_why, PPN_WHY_LEN,
			 "a trial is on: `ppn seal --confirm` from a new connection ends it");
	else
		return ppnd->seal.observe ? ppnd_check_survives(ppnd, ret_why) : 0;
	return -EPERM;
}

static void verb_seal(struct ppnd *ppnd, struct ppn_ctl_call *call, json_t *request, uid_t uid)
{
	char why[PPN_WHY_LEN];
	int err = may_seal(ppnd, why);

	(void)request;
	if (err) {
		ppn_ctl_error(call, err == -EPERM ? PPN_EXIT_REFUSED : PPN_EXIT_FAILURE, "%s", why);
		return;
	}
	err = ppnd_seal_observe(ppnd, false, uid);
	if (err)
		ppn_ctl_error(call, PPN_EXIT_FAILURE, "the seal does not enforce: %s",
			      strerror(-err));
	else if (ppnd_seal_observes(ppnd))
		ppn_ctl_error(call, PPN_EXIT_REFUSED, "the fleet's roster says to observe");
	else
		verb_status(ppnd, call, request, uid);
}

static void read_caller(struct ppnd_caller *ret_caller, const json_t *request)
{
	const json_t *inodes = json_object_get(request, "inodes"), *inode;
	size_t i;

	*ret_caller = (struct ppnd_caller){
		.console = json_is_true(json_object_get(request, "console")),
	};
	json_array_foreach(inodes, i, inode)
		if (ret_caller->n < PPND_CALLER_SOCKETS)
			ret_caller->inode[ret_caller->n++] = (uint64_t)json_integer_value(inode);
}

static void verb_trial(struct ppnd *ppnd, struct ppn_ctl_call *call, json_t *request, uid_t uid)
{
	const char *act = json_string_value(json_object_get(request, "act"));
	const json_int_t for_s = json_integer_value(json_object_get(request, "for_s"));
	const bool begins = act && strcmp(act, "begin") == 0;
	struct ppnd_caller caller;
	char why[PPN_WHY_LEN];
	int err;

	if (!act || (!begins && strcmp(act, "confirm") != 0)) {
		ppn_ctl_error(call, PPN_EXIT_USAGE, "trial: act is begin or confirm");
		return;
	}
	if (begins && (for_s < PPND_TRIAL_MIN_S || for_s > PPND_TRIAL_MAX_S)) {
		ppn_ctl_error(call, PPN_EXIT_USAGE, "a trial (for_s) lasts %d to %d seconds",
			      PPND_TRIAL_MIN_S, PPND_TRIAL_MAX_S);
		return;
	}
	read_caller(&caller, request);
	err = begins ? ppnd_trial_begin(ppnd, &caller, (uint32_t)for_s, uid, why) :
		       ppnd_trial_confirm(ppnd, &caller, uid, why);
	if (err)
		ppn_ctl_error(call,
			      err == -EPERM || err == -ENOENT ? PPN_EXIT_REFUSED : PPN_EXIT_FAILURE,
			      "%s", why);
	else
		verb_status(ppnd, call, request, uid);
}

static void egress_change(struct ppnd *ppnd, struct ppn_ctl_call *call, const json_t *request,
			  bool opens, uid_t uid)
{
	const char *service = json_string_value(json_object_get(request, "service"));
	const char *prefix = json_string_value(json_object_get(request, "prefix"));
	const json_int_t for_s = json_integer_value(json_object_get(request, "for_s"));
	struct ppn_open_port rule;
	char why[160];
	int err;

	if (!service || !prefix) {
		ppn_ctl_error(call, PPN_EXIT_USAGE, "egress wants service and prefix");
		return;
	}
	if (opens && (for_s < 1 || for_s > PPND_OPENING_MAX_S)) {
		ppn_ctl_error(
			call, PPN_EXIT_USAGE,
			"an opening (for_s) lasts 1 to %d seconds; what lasts is the roster's",
			PPND_OPENING_MAX_S);
		return;
	}
	if (ppnd_egress_parse(&rule, service, prefix, why)) {
		ppn_ctl_error(call, PPN_EXIT_USAGE, "%s", why);
		return;
	}
	err = opens ? ppnd_egress_open(ppnd, &rule, (uint32_t)for_s, uid) :
		      ppnd_egress_close(ppnd, &rule, uid);
	if (err == -ENOENT)
		ppn_ctl_error(call, PPN_EXIT_REFUSED, "no opening of %s to %s: see `ppn egress`",
			      service, prefix);
	else if (err == -ENOSPC)
		ppn_ctl_error(call, PPN_EXIT_REFUSED,
			      "at most %d openings, and %d prefixes of one port: close one first",
			      PPND_OPENINGS_MAX, PPN_PORT_PREFIXES);
	else if (err == -EINPROGRESS)
		ppn_ctl_error(
			call, PPN_EXIT_FAILURE,
			"%s to %s is %s in list and ledger, and not in the kernel, which holds the "
			"former list (%s): tried again in %u s, see `ppn status`",
			service, prefix, opens ? "open" : "closed", ppnd->seal.why,
			ppnd->seal.retry_s);
	else if (err)
		ppn_ctl_error(call, PPN_EXIT_FAILURE, "the egress list is as it was: %s",
			      strerror(-err));
	else
		ppn_ctl_answer(call, PPN_EXIT_OK, ppnd_egress_json(ppnd));
}

static void verb_egress(struct ppnd *ppnd, struct ppn_ctl_call *call, json_t *request, uid_t uid)
{
	const char *act = json_string_value(json_object_get(request, "act"));

	if (!act)
		ppn_ctl_answer(call, ppnd->seal.why[0] ? PPN_EXIT_SEAL_DEGRADED : PPN_EXIT_OK,
			       ppnd_egress_json(ppnd));
	else if (strcmp(act, "open") != 0 && strcmp(act, "close") != 0)
		ppn_ctl_error(call, PPN_EXIT_USAGE, "egress: act is open or close");
	else if (uid != 0)
		ppn_ctl_error(call, PPN_EXIT_REFUSED, "egress %s is root's", act);
	else if (strcmp(act, "open") == 0 && ppnd->genesis.state == PPN_STATE_ISOLATED)
		ppn_ctl_error(call, PPN_EXIT_REFUSED,
			      "this node is isolated: nothing leaves until its fleet releases it");
	else if (!ppnd->state.is_bound)
		ppn_ctl_error(call, PPN_EXIT_NOT_CLAIMED,
			      "this node is %s: before it is claimed it opens nothing outwards",
			      ppn_state_text(ppnd->genesis.state));
	else
		egress_change(ppnd, call, request, strcmp(act, "open") == 0, uid);
}

static void verb_check(struct ppnd *ppnd, struct ppn_ctl_call *call, json_t *request, uid_t uid)
{
	json_t *answer = NULL;
	const bool observed = json_is_true(json_object_get(request, "observed"));
	struct ppnd_caller caller;
	int err;

	(void)uid;
	read_caller(&caller, request);
	err = observed ? ppnd_observed(ppnd, call, &answer) :
			 ppnd_check(ppnd, &caller, call, &answer);
	if (!answer)
		ppn_ctl_error(call, PPN_EXIT_FAILURE, "sockets, addresses, mounts: %s",
			      strerror(-err));
	else
		ppn_ctl_answer(call, err ? PPN_EXIT_REFUSED : PPN_EXIT_OK, answer);
}

static void verb_watch(struct ppnd *ppnd, struct ppn_ctl_call *call, json_t *request, uid_t uid)
{
	const json_int_t for_s = json_integer_value(json_object_get(request, "for_s"));
	int err = for_s < 0 || for_s > UINT32_MAX ? -EINVAL :
						    ppnd_watch_add(ppnd, call, (uint32_t)for_s);

	(void)uid;
	if (err == -EINVAL)
		ppn_ctl_error(call, PPN_EXIT_USAGE, "a watch (for_s) lasts a day at most");
	else if (err == -EBUSY)
		ppn_ctl_error(call, PPN_EXIT_FAILURE, "enough are watching: try again");
	else if (err == -ENOMEM)
		ppn_ctl_error(call, PPN_EXIT_FAILURE, "no memory");
}

static void verb_unseal(struct ppnd *ppnd, struct ppn_ctl_call *call, json_t *request, uid_t uid)
{
	const struct timeval after = { .tv_usec = GOODBYE_MS * 1000 };
	char why[PPN_WHY_LEN];
	int err = ppnd_seal_off_record(ppnd, uid);

	(void)request;
	if (err) {
		ppn_ctl_error(call, PPN_EXIT_FAILURE,
			      "still sealed: the ledger entry, which comes first: %s",
			      strerror(-err));
		return;
	}
	if (ppnd->watch) /* what is taken off now must not be put on again */
		event_del(ppnd->watch);
	ppnd_mesh_off(ppnd);
	if (ppnd_seal_off(ppnd, why)) {
		ppn_ctl_error(call, PPN_EXIT_FAILURE, "not all of the seal is off: %s", why);
	} else {
		ppn_log(LOG_WARNING,
			"unsealed by uid %u; ppnd ends, and seals again when it is started", uid);
		ppn_ctl_answer(call, PPN_EXIT_OK, NULL);
	}
	(void)event_base_loopexit(ppnd->base, &after);
}

static void verb_seat(struct ppnd *ppnd, struct ppn_ctl_call *call, json_t *request, uid_t uid)
{
	json_t *on = json_object_get(request, "on"), *seconds = json_object_get(request, "for_s");
	json_int_t for_s = seconds ? json_integer_value(seconds) : SEAT_FOR_S;
	json_t *status, *mesh;
	int err;

	(void)uid;
	if (!on || for_s < 1 || for_s > SEAT_FOR_MAX_S) {
		ppn_ctl_error(call, PPN_EXIT_USAGE, "seat wants on, and for_s from 1 to %d",
			      SEAT_FOR_MAX_S);
		return;
	}
	err = ppnd_seal_seat(ppnd, json_is_true(on) || json_integer_value(on), (unsigned int)for_s);
	if (err) {
		ppn_ctl_error(call, PPN_EXIT_FAILURE, "the seal's policy: %s", strerror(-err));
		return;
	}
	status = ppnd_status_json(ppnd);
	mesh = json_object_get(status, "mesh");
	ppn_ctl_answer(call, PPN_EXIT_OK, json_incref(mesh));
	json_decref(status);
}

/* A part of a ledger that is in memory alone; one on disk is read from there. */
static void verb_ledger(struct ppnd *ppnd, struct ppn_ctl_call *call, json_t *request, uid_t uid)
{
	static char text[4 * (LEDGER_A_PACKET / 3 + 1) + 1];
	const struct ppnd_state *state = &ppnd->state;
	json_int_t from = json_integer_value(json_object_get(request, "from"));
	char fleet[2 * PPN_HASH_LEN + 1];
	struct ppn_bytes all;
	size_t len;

	(void)uid;
	if (state->dir >= 0 || !state->has_ledger) {
		ppn_ctl_error(call, PPN_EXIT_FAILURE, "this node has no ledger in memory");
		return;
	}
	all = ppn_ledger_bytes(&state->ledger);
	if (from < 0 || (size_t)from > all.len) {
		ppn_ctl_error(call, PPN_EXIT_USAGE, "ledger wants from, 0 to %zu", all.len);
		return;
	}
	len = all.len - (size_t)from < LEDGER_A_PACKET ? all.len - (size_t)from : LEDGER_A_PACKET;
	ppn_base64(text, sizeof(text), all.data + from, len);
	ppn_ctl_answer(call, PPN_EXIT_OK,
		       json_pack("{s:I, s:s, s:s}", "total", (json_int_t)all.len, "fleet",
				 ppn_hex(fleet, state->fleet, PPN_HASH_LEN), "data", text));
}

static const struct verb {
	const char *text;
	bool root_only;
	void (*run)(struct ppnd *ppnd, struct ppn_ctl_call *call, json_t *request, uid_t uid);
} verbs[] = {
#define RUN_STATUS verb_status
#define RUN_PEERS verb_peers
#define RUN_EGRESS verb_egress
#define RUN_WAIT verb_wait
#define RUN_SEAL verb_seal
#define RUN_TRIAL verb_trial
#define RUN_CHECK verb_check
#define RUN_WATCH verb_watch
#define RUN_UNSEAL verb_unseal
#define RUN_SEAT verb_seat
#define RUN_LEDGER verb_ledger
#define RUN_VERSION verb_version
#define X(name, text, root) { text, root, RUN_##name },
	PPN_CTL_VERBS(X)
#undef X
};

static void handle(void *arg, struct ppn_ctl_call *call, const char *verb, json_t *request,
		   uid_t uid)
{
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (strcmp(verbs[i].text, verb) != 0)
			continue;
		if (verbs[i].root_only && uid != 0)
			ppn_ctl_error(call, PPN_EXIT_REFUSED, "%s is root's", verb);
		else
			verbs[i].run(arg, call, request, uid);
		return;
	}
	ppn_ctl_error(call, PPN_EXIT_USAGE, "no such verb: %s", verb);
}

int ppnd_ctl_start(struct ppnd *ppnd)
{
	char path[256];
	int err;

	ppnd->ctl = calloc(1, sizeof(*ppnd->ctl));
	if (!ppnd->ctl)
		return -ENOMEM;
	LIST_INIT(&ppnd->ctl->waiters);
	snprintf(path, sizeof(path), "%s/%s", ppnd->run_dir, PPN_CTL_SOCKET);
	err = ppn_ctl_listen(&ppnd->ctl->server, ppnd->base, path, "ppn", handle, ppnd);
	return err ? ppn_log_errno(LOG_ERR, err, "%s", path) : 0;
}

void ppnd_ctl_stop(struct ppnd *ppnd)
{
	if (!ppnd->ctl)
		return;
	while (!LIST_EMPTY(&ppnd->ctl->waiters)) {
		struct waiter *waiter = LIST_FIRST(&ppnd->ctl->waiters);

		ppn_ctl_error(waiter->call, PPN_EXIT_NO_DAEMON, "ppnd ends");
		drop_waiter(waiter);
	}
	ppn_ctl_close(&ppnd->ctl->server);
	free(ppnd->ctl);
	ppnd->ctl = NULL;
}
