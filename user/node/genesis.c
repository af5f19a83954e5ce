// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The table of lib/genesis carried out: event -> step -> actions, each a row here. */
#include <errno.h>
#include <string.h>

#include "host/log.h"
#include "node/ppnd.h"

/* One step on its way. */
struct run {
	struct ppnd *ppnd;
	enum ppn_event event;
	enum ppn_state next;
	const struct ppnd_detail *detail;
};

/* ---- durable actions: a failure keeps the old state ---- */

static int act_commit(const struct run *run)
{
	return ppnd_state_commit(&run->ppnd->state, run->detail->offer);
}

static int append_command(const struct run *run)
{
	enum ppn_entry_type type = run->event == PPN_EVENT_ISOLATE ? PPN_ENTRY_ISOLATED :
								     PPN_ENTRY_RELEASED;

	return ppnd_state_append(&run->ppnd->state, type, run->detail->command,
				 sizeof(*run->detail->command), true);
}

static int append_holding(const struct run *run)
{
	return ppnd_state_append(&run->ppnd->state, PPN_ENTRY_HOLDING, NULL, 0, true);
}

static int append_roster(const struct run *run)
{
	return ppnd_state_roster(&run->ppnd->state, run->detail->bundle, run->detail->roster);
}

/* From the entry on the node is nobody's: seal and mesh, which come next, go by that. */
static int append_discharged(const struct run *run)
{
	int err = ppnd_state_append(&run->ppnd->state, PPN_ENTRY_DISCHARGED, NULL, 0, true);

	if (!err)
		run->ppnd->state.is_bound = false;
	return err;
}

static int act_append(const struct run *run)
{
	static int (*const append[_PPN_EVENT_MAX])(const struct run *run) = {
		[PPN_EVENT_SCAN_OVER] = append_holding, [PPN_EVENT_BEACON] = append_holding,
		[PPN_EVENT_ISOLATE] = append_command,	[PPN_EVENT_RELEASE] = append_command,
		[PPN_EVENT_ROSTER] = append_roster,	[PPN_EVENT_DISCHARGE] = append_discharged,
	};

	return append[run->event] ? append[run->event](run) : -ENOTSUP;
}

/* ---- the others: what fails is logged where it fails, shown, and tried again ---- */

static int act_seal(const struct run *run)
{
	if (run->event == PPN_EVENT_CLAIM)
		ppnd_trial_claimed(run->ppnd);
	return ppnd_seal_column(run->ppnd, run->next);
}

static int act_listen_beacon(const struct run *run)
{
	if (run->ppnd->discovery || !ppnd_state_claimable(&run->ppnd->state))
		return 0;
	return ppnd_discovery_start(run->ppnd);
}

static void scan_over(evutil_socket_t fd, short what, void *arg)
{
	struct ppnd *ppnd = arg;

	(void)fd;
	(void)what;
	(void)ppnd->happen(ppnd, PPN_EVENT_SCAN_OVER, NULL);
}

static int act_start_scan(const struct run *run)
{
	struct ppnd *ppnd = run->ppnd;
	const struct timeval window = { .tv_sec = ppnd->config.beacon_window_s };

	if (!ppnd->scan)
		ppnd->scan = evtimer_new(ppnd->base, scan_over, ppnd);
	return ppnd->scan && evtimer_add(ppnd->scan, &window) == 0 ? 0 : -ENOMEM;
}

static int act_mesh_alone(const struct run *run)
{
	ppnd_mesh_alone(run->ppnd);
	return 0;
}

static int act_mesh_join(const struct run *run)
{
	ppnd_mesh_join(run->ppnd);
	return 0;
}

static int act_set_peers(const struct run *run)
{
	ppnd_mesh_peers(run->ppnd);
	ppnd_slots_drop(run->ppnd); /* a revoked seat loses its slot with its peer */
	ppnd_slots_addresses(run->ppnd);
	return 0;
}

static int act_open_claim(const struct run *run)
{
	return ppnd_monitor_start(run->ppnd);
}

static int act_close_slots(const struct run *run)
{
	ppnd_slots_close(run->ppnd);
	return 0;
}

static int act_open_slots(const struct run *run)
{
	ppnd_slots_open(run->ppnd);
	return 0;
}

static int act_answer_here(const struct run *run)
{
	ppnd_discovery_answer(run->ppnd);
	return 0;
}

static int act_forget(const struct run *run)
{
	return ppnd_state_forget(&run->ppnd->state);
}

static int act_start_telemetry(const struct run *run)
{
	return ppnd_telemetry_start(run->ppnd);
}

static const struct action {
	enum ppn_action bit;
	const char *what;
	int (*run)(const struct run *run);
	bool durable;
} actions[] = {
	{ PPN_ACT_COMMIT, "committing the claim", act_commit, true },
	{ PPN_ACT_APPEND, "writing the ledger", act_append, true },
	{ PPN_ACT_SEAL, "the seal", act_seal, false },
	{ PPN_ACT_LISTEN_BEACON, "listening for beacons", act_listen_beacon, false },
	{ PPN_ACT_START_SCAN, "the beacon window", act_start_scan, false },
	{ PPN_ACT_MESH_ALONE, "the network of one", act_mesh_alone, false },
	{ PPN_ACT_MESH_JOIN, "joining the mesh", act_mesh_join, false },
	{ PPN_ACT_SET_PEERS, "the peers", act_set_peers, false },
	{ PPN_ACT_OPEN_CLAIM, "the claim endpoint", act_open_claim, false },
	{ PPN_ACT_CLOSE_SLOTS, "closing the command slots", act_close_slots, false },
	{ PPN_ACT_OPEN_SLOTS, "opening the command slots", act_open_slots, false },
	{ PPN_ACT_ANSWER_HERE, "answering the beacon", act_answer_here, false },
	{ PPN_ACT_FORGET, "forgetting the fleet", act_forget, false },
	{ PPN_ACT_START_TELEMETRY, "telemetry", act_start_telemetry, false },
};

static int carry_out(const struct run *run, uint32_t wanted)
{
	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
		int err = wanted & actions[i].bit ? actions[i].run(run) : 0;

		if (!err)
			continue;
		ppn_log_errno(LOG_ERR, err, "%s, on: %s", actions[i].what,
			      ppn_event_text(run->event));
		if (actions[i].durable)
			return err;
	}
	return 0;
}

static void arrive(struct ppnd *ppnd, const struct ppn_genesis_step *step, enum ppn_event event)
{
	enum ppn_state was = ppnd->genesis.state;

	ppn_genesis_done(&ppnd->genesis, step);
	if (was == step->next)
		return;
	ppnd->since_ms = ppnd_now_ms();
	if (ppnd->scan && step->next != PPN_STATE_SCANNING)
		(void)evtimer_del(ppnd->scan);
	ppn_log(LOG_NOTICE, "%s -> %s: %s", ppn_state_text(was), ppn_state_text(step->next),
		ppn_event_text(event));
	ppn_notify("STATUS=%s", ppn_state_text(step->next));
}

static int happen(struct ppnd *ppnd, enum ppn_event event, const struct ppnd_detail *detail)
{
	struct ppn_genesis_step step;
	struct run run = { .ppnd = ppnd, .event = event, .detail = detail };
	int err;

	if (ppn_genesis_step(&ppnd->genesis, event, &step) == PPN_GENESIS_REFUSED) {
		ppn_log(LOG_WARNING, "refused in state %s: %s", ppn_state_text(ppnd->genesis.state),
			ppn_event_text(event));
		return -EPERM;
	}
	run.next = step.next;
	err = carry_out(&run, step.actions);
	if (err) {
		/* What is on disk now, only the start rules can tell: start again. */
		if (ppnd->state.broken) {
			ppn_log(LOG_CRIT, "the ledger's last write failed half way: starting anew");
			ppnd->exit_code = 1;
			(void)event_base_loopbreak(ppnd->base);
		}
		return err;
	}
	arrive(ppnd, &step, event);
	ppnd->changed(ppnd);
	return 0;
}

static void changed(struct ppnd *ppnd)
{
	ppnd_telemetry_now(ppnd);
	ppnd_ctl_changed(ppnd);
}

void ppnd_genesis_init(struct ppnd *ppnd)
{
	ppnd->happen = happen;
	ppnd->changed = changed;
	ppnd->since_ms = ppnd_now_ms();
}

int ppnd_genesis_start(struct ppnd *ppnd)
{
	struct ppn_command command;
	int err;

	ppnd->genesis.folded = ppnd->state.damaged ? PPN_STATE_DAMAGED :
						     ppn_ledger_genesis_state(&ppnd->state.fold);
	if (ppnd->state.damaged) {
		ppnd->genesis.isolated = ppn_datapath_command(ppnd->dp, &command) == 0 &&
					 command.isolated;
		ppn_log(LOG_CRIT, "damaged: %s; sealed, no frame is obeyed%s", ppnd->state.why,
			ppnd_state_claimable(&ppnd->state) ?
				", the pinned roots may claim it again" :
				"");
	}
	err = happen(ppnd, PPN_EVENT_START, NULL);
	if (err)
		return err;
	/* First what the kernel has told, with number and seat; then what got lost on the way. */
	(void)ppn_datapath_consume(ppnd->dp);
	if (!ppnd->state.damaged)
		ppnd_command_reconcile(ppnd);
	return happen(ppnd, PPN_EVENT_DATAPATH_READY, NULL);
}

void ppnd_genesis_stop(struct ppnd *ppnd)
{
	if (ppnd->scan)
		event_free(ppnd->scan);
	ppnd->scan = NULL;
}
