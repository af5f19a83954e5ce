// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * `ppnd --blind`: the seal of a node that nobody has started yet, then the end. Of the disk it needs the
 * configuration alone, so that it can run before /var is mounted and before the network comes up.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "host/log.h"
#include "node/ppnd.h"

static bool is_there(const char *dir, const char *name)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return access(path, F_OK) == 0;
}

/*
 * Started by hand, over the network, on a machine that no ppnd has had: like ppnd's first start it must cut nobody
 * off (DESIGN 6). At boot nobody can be connected yet, so that an unmounted /var opens nothing.
 */
static bool would_cut(struct ppnd *ppnd)
{
	char who[PPN_WHY_LEN];
	int err;

	if (ppnd->config.seal == PPND_SEAL_ENFORCE ||
	    is_there(ppnd->pin_root ? ppnd->pin_root : PPN_PIN_ROOT, "") ||
	    is_there(ppnd->state_dir, PPND_IDENTITY_FILE) || is_there(ppnd->state_dir, "ledger"))
		return false;
	err = ppnd_session_find(ppnd, who);
	if (err && err != -ENOENT)
		ppn_log_errno(LOG_WARNING, err, "looking for somebody's session");
	if (err)
		return false;
	ppn_log(LOG_WARNING,
		"nothing is sealed, as there is %s: start ppnd, which observes at first; `ppn seal "
		"--yes` seals",
		who);
	return true;
}

static int open_datapath(struct ppnd *ppnd)
{
	char why[PPN_WHY_LEN] = "";
	int err = ppn_datapath_mount(ppnd->pin_root, why);

	if (!err)
		err = ppn_datapath_open_seal(&ppnd->dp, ppnd->pin_root, &ppnd->fresh, why);
	if (!err)
		return 0;
	if (err == -EBUSY || err == -EPROTO || err == -ENAMETOOLONG) {
		ppn_log(LOG_ERR, "the datapath does not load: %s", why);
		return err;
	}
	ppn_log(LOG_ERR, "no BPF, the seal is degraded to nftables: %s", why);
	ppnd->fresh = true;
	return ppn_datapath_none(&ppnd->dp, why);
}

/* What a ppnd left is its own: its policy goes on, and only what it does not hold is put on. */
static int put_on(struct ppnd *ppnd)
{
	if (!ppnd->fresh) {
		ppn_log(LOG_NOTICE, "a ppnd was here: its policy goes on");
		return ppnd_seal_scan(ppnd);
	}
	return ppnd_seal_start(ppnd);
}

static int judge(const struct ppnd *ppnd)
{
	const enum ppn_hold weakest = ppnd_seal_weakest(ppnd);

	if (!ppnd->seal.n)
		ppn_log(LOG_WARNING, "no external interface yet: what appears is dark");
	if (ppnd->seal.n && weakest == PPN_HOLD_NONE)
		return PPN_EXIT_FAILURE;
	return ppnd_seal_degraded(ppnd) ? PPN_EXIT_SEAL_DEGRADED : PPN_EXIT_OK;
}

static int seal(struct ppnd *ppnd)
{
	int err, code = PPN_EXIT_FAILURE;

	ppnd->base = event_base_new();
	if (!ppnd->base)
		return PPN_EXIT_FAILURE;
	err = open_datapath(ppnd);
	if (!err)
		err = put_on(ppnd);
	if (!err)
		code = judge(ppnd);
	ppnd_seal_stop(ppnd);
	ppnd_policy_stop(ppnd);
	ppnd_backstop_stop(ppnd); /* its tables stay, and so do programs and pins */
	ppn_datapath_close(&ppnd->dp);
	event_base_free(ppnd->base);
	return code;
}

int ppnd_blind(struct ppnd *ppnd)
{
	int err, code;

	if (ppnd->observe_asked || ppnd->config.seal == PPND_SEAL_OBSERVE) {
		ppn_log(LOG_WARNING, "the configuration observes: nothing is sealed");
		return PPN_EXIT_OK;
	}
	err = ppn_link_open(&ppnd->link);
	if (err) {
		ppn_log_errno(LOG_ERR, err, "rtnetlink");
		return PPN_EXIT_FAILURE;
	}
	code = would_cut(ppnd) ? PPN_EXIT_OK : seal(ppnd);
	ppn_link_close(&ppnd->link);
	return code;
}
