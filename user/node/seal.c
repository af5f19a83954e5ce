// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * External interfaces: each held, looked at again and again, found after a change. What is sealed once
 * stays sealed until it is gone or unsealed, whatever it is called or belongs to by then.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/log.h"
#include "node/ppnd.h"

enum { RETRY_MS = 10000 }; /* a step up the ladder, while nothing seems to have changed */

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

int ppnd_seal_devices(const struct ppnd *ppnd, struct ppn_device **ret_devices, size_t *ret_n)
{
	const char *names[PPND_EXTERNAL_MAX];
	const struct ppn_external rule = {
		.names = names,
		.n_names = ppnd->config.n_external,
		.mesh = ppnd->config.mesh_device,
	};

	for (size_t i = 0; i < rule.n_names; i++)
		names[i] = ppnd->config.external[i];
	return ppn_device_list(&rule, ret_devices, ret_n);
}

/* ---- one interface ---- */

/* Once each time that it changes: a hold that is refused is tried again and again. */
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

/* What is left where no program holds. */
static enum ppn_hold below(const struct ppnd *ppnd)
{
	return ppnd_backstop_holds(ppnd) ? PPN_HOLD_NFT : PPN_HOLD_NONE;
}

static void hold_interface(struct ppnd *ppnd, struct ppnd_interface *interface)
{
	const struct ppnd_interface was = *interface;
	struct ppn_look look = { 0 };

	interface->why[0] = '\0';
	if (ppn_datapath_seal(ppnd->dp, interface->ifindex, &interface->hold, interface->why))
		interface->hold = below(ppnd);
	interface->tried_ms = ppnd_now_ms();
	(void)ppn_datapath_look(ppnd->dp, interface->ifindex, &look);
	interface->xdp_id = look.xdp_id;
	say_hold(interface, &was);
	interface->said = true;
}

/* Its row of the policy, before the first packet is judged by it. */
static void write_row(struct ppnd *ppnd, struct ppnd_interface *interface,
		      const struct ppn_device *device)
{
	const struct ppn_iface_wish wish = {
		.underlay = ppnd_config_underlay(&ppnd->config, device->name),
		.dot1x = ppnd->config.dot1x,
		.guests = ppnd->config.guests_pass,
	};
	struct ppn_iface row = { 0 };
	bool was_passing = interface->guests_pass;
	int err = ppn_datapath_row(ppnd->dp, device, &wish, &row);

	if (err && err != -E2BIG && !ppn_datapath_refused(ppnd->dp))
		ppn_log_errno(LOG_ERR, err, "%s: its row of the policy", device->name);
	interface->underlay = err ? PPN_UNDERLAY_LINK_LOCAL : wish.underlay;
	interface->slot = row.slot;
	interface->group = device->group;
	interface->guests_pass = row.flags & PPN_IFACE_GUESTS;
	interface->guests_refused = wish.guests && device->bridge && !interface->guests_pass;
	if (interface->guests_refused && was_passing)
		ppn_log(LOG_WARNING,
			"%s: guests are sealed: more addresses of this machine lie behind it than "
			"the seal can tell from theirs",
			device->name);
}

static void take_device(struct ppnd_interface *interface, const struct ppn_device *device)
{
	memcpy(interface->name, device->name, sizeof(interface->name));
	interface->external = device->external;
	memcpy(interface->external_why, device->why, sizeof(interface->external_why));
}

static void add_interface(struct ppnd *ppnd, const struct ppn_device *device)
{
	struct ppnd_seal *seal = &ppnd->seal;
	struct ppnd_interface *interface = &seal->interface[seal->n];
	int err;

	if (seal->n == PPND_INTERFACES_MAX) {
		ppn_log(LOG_ERR, "more than %d external interfaces: %s is held by no program",
			PPND_INTERFACES_MAX, device->name);
		return;
	}
	memset(interface, 0, sizeof(*interface));
	interface->ifindex = device->ifindex;
	take_device(interface, device);
	seal->n++;
	write_row(ppnd, interface, device);
	hold_interface(ppnd, interface);
	err = ppn_link_harden(ppnd->link, interface->ifindex, interface->underlay);
	if (err)
		ppn_log_errno(LOG_WARNING, err, "%s: hardening its sysctls", interface->name);
}

/* A name, a bond or a bridge may be another one; the program stays where it is. */
static void update_interface(struct ppnd *ppnd, struct ppnd_interface *interface,
			     const struct ppn_device *device)
{
	const enum ppn_underlay was = interface->underlay;
	int err;

	if (strcmp(interface->name, device->name) != 0)
		ppn_log(LOG_NOTICE, "%s is %s now, and stays sealed", interface->name,
			device->name);
	if (interface->external && !device->external)
		ppn_log(LOG_WARNING, "%s is external no longer (%s): it stays sealed until it goes",
			device->name, device->why);
	take_device(interface, device);
	write_row(ppnd, interface, device);
	if (interface->underlay == was)
		return;
	err = ppn_link_harden(ppnd->link, interface->ifindex, interface->underlay);
	if (err)
		ppn_log_errno(LOG_WARNING, err, "%s: hardening its sysctls", interface->name);
}

/* ---- all of them ---- */

static const struct ppn_device *find_device(const struct ppn_device *devices, size_t n,
					    uint32_t ifindex)
{
	for (size_t i = 0; i < n; i++)
		if (devices[i].ifindex == ifindex)
			return &devices[i];
	return NULL;
}

/* Deleted, or in another namespace: there its link goes on, and comes back with it. */
static void drop_gone(struct ppnd *ppnd, const struct ppn_device *devices, size_t n)
{
	struct ppnd_seal *seal = &ppnd->seal;
	size_t kept = 0;

	for (size_t i = 0; i < seal->n; i++) {
		struct ppnd_interface *interface = &seal->interface[i];
		const struct ppn_device *device = find_device(devices, n, interface->ifindex);

		if (device) {
			seal->interface[kept] = *interface;
			update_interface(ppnd, &seal->interface[kept++], device);
			continue;
		}
		ppn_log(LOG_NOTICE, "%s is gone", interface->name);
		(void)ppn_datapath_row_drop(ppnd->dp, interface->ifindex);
	}
	seal->n = kept;
}

/*
 * A step up the ladder may be free now: a stranger's program went, or the last try was long ago. Or it is shared
 * with others than it was. Or more holds than was known: the kernel did not answer when it was asked.
 */
static bool may_rise(const struct ppnd_interface *interface, const struct ppn_look *look)
{
	const bool changed = look->xdp_id != interface->xdp_id;
	const bool ours = look->is_held && (look->by_link || look->hold > interface->hold);

	/* The way in is held. The way out may not be: its hook was refused. */
	if (look->by_link && interface->hold >= PPN_HOLD_TC)
		return false;
	if (interface->hold >= PPN_HOLD_GENERIC)
		return changed && look->is_held && look->hold == interface->hold;
	if (changed || ours)
		return true;
	/* Below TC something was refused; TC is all there is beside a stranger's program. */
	return (interface->hold < PPN_HOLD_TC || !look->xdp_id) &&
	       ppnd_now_ms() - interface->tried_ms >= RETRY_MS;
}

/* Is it as it was left? True: it had lost something, and was sealed again. */
static bool look_at(struct ppnd *ppnd, struct ppnd_interface *interface,
		    char ret_what[static PPN_WHY_LEN])
{
	const struct ppnd_interface was = *interface;
	struct ppn_look look = { 0 };

	if (ppn_datapath_look(ppnd->dp, interface->ifindex, &look))
		return false; /* gone: the scan to come drops it */
	if (may_rise(interface, &look)) {
		hold_interface(ppnd, interface);
		return false;
	}
	if (interface->hold < PPN_HOLD_TC) {
		interface->hold = below(ppnd);
		say_hold(interface, &was);
		return false;
	}
	if (look.is_held && (look.by_link || look.hold == interface->hold))
		return false;
	snprintf(ret_what, PPN_WHY_LEN, "%s, %s", interface->name,
		 look.is_held ? "its mode" : "a program");
	hold_interface(ppnd, interface);
	return true;
}

static bool look_at_mesh(struct ppnd *ppnd, char ret_what[static PPN_WHY_LEN])
{
	enum ppn_hold hold;

	if (!ppnd->mesh.wg || !ppnd->mesh.up || ppn_datapath_refused(ppnd->dp) ||
	    ppn_datapath_hold(ppnd->dp, ppn_wg_ifindex(ppnd->mesh.wg), &hold) ||
	    hold != PPN_HOLD_NONE)
		return false;
	snprintf(ret_what, PPN_WHY_LEN, "%s, its program", ppnd->config.mesh_device);
	ppnd_mesh_again(ppnd);
	return true;
}

static bool look_at_pins(struct ppnd *ppnd, char ret_what[static PPN_WHY_LEN])
{
	struct ppnd_seal *seal = &ppnd->seal;
	char why[PPN_WHY_LEN];
	int err = ppn_datapath_pins(ppnd->dp, why);

	if (err == 1) {
		seal->pins_lost++;
		snprintf(ret_what, PPN_WHY_LEN, "pins of maps or links");
	} else if (err < 0 && !seal->pins_why[0]) {
		seal->pins_lost++;
		ppn_log(LOG_ALERT, "the seal is not pinned, this process alone holds it: %s", why);
	}
	snprintf(seal->pins_why, sizeof(seal->pins_why), "%s", err < 0 ? why : "");
	return err == 1;
}

bool ppnd_seal_look(struct ppnd *ppnd, char ret_what[static PPN_WHY_LEN])
{
	bool back;

	if (ppnd->seal.off)
		return false;
	back = look_at_pins(ppnd, ret_what);
	for (size_t i = 0; i < ppnd->seal.n; i++)
		back |= look_at(ppnd, &ppnd->seal.interface[i], ret_what);
	return look_at_mesh(ppnd, ret_what) || back;
}

/* A name mistyped leaves what was meant open: said once each time that it changes. */
static void say_unmatched(struct ppnd *ppnd, const struct ppn_device *devices, size_t n)
{
	const uint32_t was = ppnd->seal.unmatched;
	uint32_t now = 0;

	for (size_t i = 0; i < ppnd->config.n_external; i++) {
		const char *name = ppnd->config.external[i];
		const uint32_t bit = UINT32_C(1) << i;

		if (!ppn_device_is_named(name, devices, n))
			now |= bit;
		if (now & ~was & bit)
			ppn_log(LOG_WARNING, "external = %s names nothing here that can be sealed",
				name);
		else if (was & ~now & bit)
			ppn_log(LOG_NOTICE, "external = %s names an interface now", name);
	}
	ppnd->seal.unmatched = now;
}

json_t *ppnd_seal_unmatched_json(const struct ppnd *ppnd)
{
	json_t *list = json_array();

	for (size_t i = 0; i < ppnd->config.n_external; i++)
		if (ppnd->seal.unmatched & (UINT32_C(1) << i))
			(void)json_array_append_new(list, json_string(ppnd->config.external[i]));
	return list;
}

int ppnd_seal_scan(struct ppnd *ppnd)
{
	struct ppn_device *devices;
	size_t n;
	int err;

	if (ppnd->seal.off)
		return 0;
	err = ppnd_seal_devices(ppnd, &devices, &n);
	if (err)
		return ppn_log_errno(LOG_ERR, err, "listing the external interfaces");
	drop_gone(ppnd, devices, n);
	for (size_t i = 0; i < n; i++)
		if (devices[i].external && !find_interface(ppnd, devices[i].ifindex))
			add_interface(ppnd, &devices[i]);
	say_unmatched(ppnd, devices, n);
	free(devices);
	ppnd_backstop_look(ppnd, false);
	return 0;
}

enum ppn_hold ppnd_seal_weakest(const struct ppnd *ppnd)
{
	enum ppn_hold weakest = ppnd->seal.n ? PPN_HOLD_NATIVE : PPN_HOLD_NONE;

	for (size_t i = 0; i < ppnd->seal.n; i++)
		if (ppnd->seal.interface[i].hold < weakest)
			weakest = ppnd->seal.interface[i].hold;
	return weakest;
}

/* A pattern may be for what is to come; a name, or all of them together, is for what should be there. */
static bool lacks_named(const struct ppnd *ppnd)
{
	for (size_t i = 0; i < ppnd->config.n_external; i++)
		if ((ppnd->seal.unmatched & (UINT32_C(1) << i)) &&
		    (!ppnd->seal.n || !strpbrk(ppnd->config.external[i], "*?[")))
			return true;
	return false;
}

bool ppnd_seal_degraded(const struct ppnd *ppnd)
{
	return ppnd->seal.why[0] || ppn_datapath_refused(ppnd->dp) || lacks_named(ppnd) ||
	       (ppnd->seal.n && ppnd_seal_weakest(ppnd) < PPN_HOLD_GENERIC);
}

/* ---- events ---- */

static void on_dirty(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)ppnd_seal_scan(arg); /* it logs */
}

/* Flows end; and without a backstop nobody else looks. */
static void on_second(evutil_socket_t fd, short what, void *arg)
{
	char lost[PPN_WHY_LEN];

	(void)fd;
	(void)what;
	ppnd_egress_second(arg);
	if (!ppnd_backstop_watches(arg) && ppnd_seal_look(arg, lost))
		ppn_log(LOG_WARNING, "somebody took the seal off, put back: %s", lost);
}

void ppnd_seal_changed(struct ppnd *ppnd)
{
	if (ppnd->seal.dirty)
		event_active(ppnd->seal.dirty, 0, 0);
	else
		(void)ppnd_seal_scan(ppnd);
}

int ppnd_seal_watch(struct ppnd *ppnd)
{
	const struct timeval second = { .tv_sec = 1 };
	struct ppnd_seal *seal = &ppnd->seal;

	seal->dirty = event_new(ppnd->base, -1, 0, on_dirty, ppnd);
	if (!seal->dirty)
		return -ENOMEM;
	seal->second = event_new(ppnd->base, -1, EV_PERSIST, on_second, ppnd);
	return seal->second && !event_add(seal->second, &second) ? 0 : -ENOMEM;
}

int ppnd_seal_start(struct ppnd *ppnd)
{
	int err, backstop;

	ppnd_egress_start(ppnd);
	err = ppnd_policy_start(ppnd);
	if (err)
		return err;
	ppn_datapath_share(ppnd->dp, ppnd->config.share);
	backstop = ppnd_backstop_start(ppnd);
	if (backstop && ppn_datapath_refused(ppnd->dp)) {
		ppn_log(LOG_ERR, "neither BPF nor nftables: nothing is sealed");
		return backstop;
	}
	return ppnd_seal_scan(ppnd);
}

void ppnd_seal_stop(struct ppnd *ppnd)
{
	struct event **events[] = { &ppnd->seal.dirty, &ppnd->seal.second };

	ppnd_egress_stop(ppnd);
	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
		if (*events[i])
			event_free(*events[i]);
		*events[i] = NULL;
	}
}

int ppnd_seal_off(struct ppnd *ppnd, char ret_why[static PPN_WHY_LEN])
{
	int err;

	ppnd->seal.off = true;
	if (ppnd->seal.retry)
		(void)evtimer_del(ppnd->seal.retry);
	err = ppn_datapath_unseal(ppnd->dp, ret_why);
	/* Last: until then it holds what is open already. */
	if (!err)
		err = ppnd_backstop_off(ppnd, ret_why);
	if (!err)
		ppnd->seal.n = 0;
	return err;
}
