// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * `ppnd --blind`: the seal of a node that nobody has started yet, then the end. Of the disk it reads the
 * configuration alone, so that it can run before /var is mounted and before the network comes up.
 */
#include <errno.h>
#include <stdlib.h>

#include "host/log.h"
#include "node/ppnd.h"

static int open_kernel(struct ppnd *ppnd)
{
	char why[PPN_WHY_LEN] = "";
	int err = ppn_link_open(&ppnd->link);

	if (err)
		return ppn_log_errno(LOG_ERR, err, "rtnetlink");
	err = ppn_datapath_mount(ppnd->pin_root, why);
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

int ppnd_blind(struct ppnd *ppnd)
{
	int err, code = PPN_EXIT_FAILURE;

	if (ppnd->observe_asked || ppnd->config.seal == PPND_SEAL_OBSERVE) {
		ppn_log(LOG_WARNING, "the configuration observes: nothing is sealed");
		return PPN_EXIT_OK;
	}
	ppnd->base = event_base_new();
	if (!ppnd->base)
		return PPN_EXIT_FAILURE;
	err = open_kernel(ppnd);
	if (!err)
		err = put_on(ppnd);
	if (!err)
		code = judge(ppnd);
	ppnd_seal_stop(ppnd);
	ppnd_policy_stop(ppnd);
	ppnd_backstop_stop(ppnd); /* its tables stay, and so do programs and pins */
	ppn_datapath_close(&ppnd->dp);
	ppn_link_close(&ppnd->link);
	event_base_free(ppnd->base);
	return code;
}
