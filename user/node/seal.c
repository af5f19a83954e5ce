// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* External interfaces: each held, found again after a change, and let go. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "host/log.h"
#include "node/ppnd.h"

static const char *const hold_text[_PPN_HOLD_MAX] = {
#define X(name, text) text,
	PPN_HOLDS(X)
#undef X
};

static struct ppnd_interface *find_interface(struct ppnd *ppnd, uint32_t ifindex)
{
	for (size_t i = 0; i < ppnd->seal.n; i++)
		if (ppnd->seal.interface[i].ifindex == ifindex)
			return &ppnd->seal.interface[i];
	return NULL;
}

int ppnd_seal_external(struct ppnd *ppnd, uint32_t ret_ifindex[static PPND_INTERFACES_MAX],
		       size_t *ret_n)
{
	const char *names[PPND_EXTERNAL_MAX];

	for (size_t i = 0; i < ppnd->config.n_external; i++)
		names[i] = ppnd->config.external[i];
	return ppn_datapath_external(names, ppnd->config.n_external, ret_ifindex,
				     PPND_INTERFACES_MAX, ret_n);
}

/* Once each time that it changes: a hold that is refused is tried again at every change of a link. */
static void say_hold(const struct ppnd_interface *interface, const struct ppnd_interface *was)
{
	if (was->said && was->hold == interface->hold && strcmp(was->why, interface->why) == 0)
		return;
	if (interface->hold == PPN_HOLD_NONE)
		ppn_log(LOG_ERR, "%s is NOT sealed: %s", interface->name, interface->why);
	else
		ppn_log(interface->why[0] ? LOG_WARNING : LOG_INFO, "%s is sealed (%s)%s%s",
			interface->name, hold_text[interface->hold], interface->why[0] ? ": " : "",
			interface->why);
}

static void seal_interface(struct ppnd *ppnd, struct ppnd_interface *interface)
{
	const struct ppnd_interface was = *interface;
	int err;

	interface->underlay = ppnd_config_underlay(&ppnd->config, interface->name);
	err = ppn_datapath_underlay(ppnd->dp, interface->ifindex, interface->underlay);
	if (err)
		ppn_log_errno(LOG_ERR, err, "%s: underlay policy", interface->name);
	interface->why[0] = '\0';
	err = ppn_datapath_seal(ppnd->dp, interface->ifindex, &interface->hold, interface->why);
	if (err)
		interface->hold = ppnd_backstop_holds(ppnd) ? PPN_HOLD_NFT : PPN_HOLD_NONE;
	say_hold(interface, &was);
	interface->said = true;
	err = ppn_link_harden(ppnd->link, interface->ifindex, interface->underlay);
	if (err)
		ppn_log_errno(LOG_WARNING, err, "%s: hardening its sysctls", interface->name);
}

static void add_interface(struct ppnd *ppnd, uint32_t ifindex)
{
	struct ppnd_seal *seal = &ppnd->seal;
	struct ppnd_interface *interface = &seal->interface[seal->n];
	struct ppn_link_info info;
	int err;

	if (seal->n == PPND_INTERFACES_MAX) {
		ppn_log(LOG_ERR, "more than %d external interfaces: the others are NOT sealed",
			PPND_INTERFACES_MAX);
		return;
	}
	err = ppn_link_info(ppnd->link, ifindex, &info);
	if (err) {
		if (err != -ENODEV) /* gone already */
			ppn_log_errno(LOG_ERR, err, "interface %u", ifindex);
		return;
	}
	memset(interface, 0, sizeof(*interface));
	interface->ifindex = ifindex;
	snprintf(interface->name, sizeof(interface->name), "%s", info.name);
	seal->n++;
	seal_interface(ppnd, interface);
}

static void drop_gone(struct ppnd *ppnd)
{
	struct ppnd_seal *seal = &ppnd->seal;
	struct ppn_link_info info;
	size_t kept = 0;

	for (size_t i = 0; i < seal->n; i++) {
		int err = ppn_link_info(ppnd->link, seal->interface[i].ifindex, &info);

		if (err == -ENODEV)
			continue;
		seal->interface[kept] = seal->interface[i];
		/* A rename keeps the seal, and gets its own [underlay] line. */
		if (!err && strcmp(seal->interface[kept].name, info.name) != 0) {
			memcpy(seal->interface[kept].name, info.name, sizeof(info.name));
			seal_interface(ppnd, &seal->interface[kept]);
		}
		kept++;
	}
	seal->n = kept;
}

int ppnd_seal_scan(struct ppnd *ppnd)
{
	uint32_t ifindex[PPND_INTERFACES_MAX];
	size_t n = 0;
	int err = ppnd_seal_external(ppnd, ifindex, &n);

	if (err)
		return ppn_log_errno(LOG_ERR, err, "listing the external interfaces");
	drop_gone(ppnd);
	for (size_t i = 0; i < n; i++) {
		struct ppnd_interface *known = find_interface(ppnd, ifindex[i]);

		if (!known)
			add_interface(ppnd, ifindex[i]);
		else if (known->hold < PPN_HOLD_TC)
			seal_interface(ppnd, known);
	}
	ppnd_backstop_look(ppnd);
	return 0;
}

/* True: it had lost something, and was sealed again. */
static bool look_at(struct ppnd *ppnd, struct ppnd_interface *interface,
		    char ret_what[static PPN_WHY_LEN])
{
	const struct ppnd_interface was = *interface;
	enum ppn_hold hold;

	if (interface->hold < PPN_HOLD_TC) {
		interface->hold = ppnd_backstop_holds(ppnd) ? PPN_HOLD_NFT : PPN_HOLD_NONE;
		say_hold(interface, &was);
		return false;
	}
	if (ppn_datapath_hold(ppnd->dp, interface->ifindex,
			      &hold)) /* gone, or about to be asked again */
		return false;
	if (hold == interface->hold && ppn_datapath_pinned(ppnd->dp, interface->ifindex))
		return false;
	snprintf(ret_what, PPN_WHY_LEN, "%s, %s", interface->name,
		 hold == interface->hold ? "its pins" :
		 hold == PPN_HOLD_NONE	 ? "a program" :
					   "its mode");
	seal_interface(ppnd, interface);
	return true;
}

static bool look_at_mesh(struct ppnd *ppnd, char ret_what[static PPN_WHY_LEN])
{
	enum ppn_hold hold;
	uint32_t ifindex;

	if (!ppnd->mesh.wg || !ppnd->mesh.up || ppn_datapath_refused(ppnd->dp))
		return false;
	ifindex = ppn_wg_ifindex(ppnd->mesh.wg);
	if (ppn_datapath_hold(ppnd->dp, ifindex, &hold) ||
	    (hold != PPN_HOLD_NONE && ppn_datapath_pinned(ppnd->dp, ifindex)))
		return false;
	snprintf(ret_what, PPN_WHY_LEN, "%s, its program or pins", ppnd->config.mesh_device);
	ppnd_mesh_again(ppnd);
	return true;
}

bool ppnd_seal_look(struct ppnd *ppnd, char ret_what[static PPN_WHY_LEN])
{
	bool back = false;

	for (size_t i = 0; i < ppnd->seal.n; i++)
		back |= look_at(ppnd, &ppnd->seal.interface[i], ret_what);
	return look_at_mesh(ppnd, ret_what) || back;
}

enum ppn_hold ppnd_seal_weakest(const struct ppnd *ppnd)
{
	enum ppn_hold weakest = ppnd->seal.n ? PPN_HOLD_NATIVE : PPN_HOLD_NONE;

	for (size_t i = 0; i < ppnd->seal.n; i++)
		if (ppnd->seal.interface[i].hold < weakest)
			weakest = ppnd->seal.interface[i].hold;
	return weakest;
}

int ppnd_seal_start(struct ppnd *ppnd)
{
	int err = ppnd_policy_start(ppnd), backstop;

	if (err)
		return err;
	backstop = ppnd_backstop_start(ppnd);
	if (backstop && ppn_datapath_refused(ppnd->dp)) {
		ppn_log(LOG_ERR, "neither BPF nor nftables: nothing is sealed");
		return backstop;
	}
	return ppnd_seal_scan(ppnd);
}

int ppnd_seal_off(struct ppnd *ppnd, char ret_why[static PPN_WHY_LEN])
{
	int err = ppn_datapath_unseal(ppnd->dp, ret_why);

	/* Last: until then it holds what is open already. */
	if (!err)
		err = ppnd_backstop_off(ppnd, ret_why);
	if (!err)
		ppnd->seal.n = 0;
	return err;
}
