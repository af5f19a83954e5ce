// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The backstop of this node: on before any program, after each change of policy or interfaces, and again
 * when somebody took it, a program, a filter or a pin away.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "host/cleanup.h"
#include "host/log.h"
#include "kernel/backstop.h"
#include "kernel/device.h"
#include "kernel/notify.h"
#include "node/ppnd.h"

enum {
	CHECK_MS = 500, /* pins and links that went: nobody tells */
	GATHER_MS = 20, /* between two looks at interfaces that come and go */
	AGAIN_MS = 200, /* least time between two repairs */
	LOUD = 5, /* repairs in a minute that are each said */
	QUIET_MS = 60000,
	DEPTH_MAX = 8, /* bridge over VLAN over bond over card, and then some */
};

/* What is put back again and again is said once a minute, with a count. */
struct fight {
	uint64_t since_ms;
	unsigned int n; /* repairs since then */
};

struct ppnd_backstop {
	struct ppn_backstop *tables;
	struct ppn_notify *notify;
	struct event *watch, *check, *again, *gather;
	bool rules_gone, look; /* what `again` is for */
	uint64_t again_ms;

	bool has_policy, in_force, observe;
	uint8_t column;
	uint32_t flags;
	struct ppn_policy_table table;
	struct ppn_open_port *ports;
	size_t n_ports;

	uint64_t rules_back, seal_back; /* how often each was put back */
	struct fight rules_fight, seal_fight;
	char who[PPN_NOTIFY_WHO_LEN]; /* took the rules away last */
	uint32_t who_pid;
	uint64_t took_us, written_us; /* the last change */
	char why[PPN_WHY_LEN]; /* what of it is not in force */
};

static uint64_t mono_us(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* ---- which way a device goes ---- */

struct view {
	struct ppnd *ppnd;
	const struct ppn_device *devices;
	size_t n;
};

static const struct ppnd_interface *known(const struct ppnd *ppnd, uint32_t ifindex)
{
	for (size_t i = 0; i < ppnd->seal.n; i++)
		if (ppnd->seal.interface[i].ifindex == ifindex)
			return &ppnd->seal.interface[i];
	return NULL;
}

static enum ppn_backstop_way mesh_way(struct ppnd *ppnd, uint32_t ifindex)
{
	enum ppn_hold hold;

	if (ppn_datapath_refused(ppnd->dp))
		return PPN_BACKSTOP_MESH;
	if (ppn_datapath_hold(ppnd->dp, ifindex, &hold) || hold < PPN_HOLD_TC)
		return PPN_BACKSTOP_SHUT;
	return PPN_BACKSTOP_INSIDE;
}

static enum ppn_backstop_way external_way(const struct ppnd *ppnd, uint32_t ifindex)
{
	const struct ppnd_interface *interface = known(ppnd, ifindex);

	return interface && interface->hold >= PPN_HOLD_TC ? PPN_BACKSTOP_HELD : PPN_BACKSTOP_DARK;
}

static enum ppn_backstop_way way_of(const struct view *v, const struct ppn_device *device,
				    int depth);

/* DARK before HELD before INSIDE: the weakest of those whose frames it shows. */
static enum ppn_backstop_way weaker(const struct view *v, const struct ppn_device *below, int depth,
				    enum ppn_backstop_way so_far)
{
	enum ppn_backstop_way way = way_of(v, below, depth + 1);

	return way < so_far ? way : so_far;
}

static enum ppn_backstop_way way_of(const struct view *v, const struct ppn_device *device,
				    int depth)
{
	enum ppn_backstop_way way = PPN_BACKSTOP_INSIDE;

	if (depth == DEPTH_MAX)
		return PPN_BACKSTOP_DARK;
	if (device->loopback)
		return PPN_BACKSTOP_INSIDE;
	if (!strcmp(device->name, v->ppnd->config.mesh_device))
		return mesh_way(v->ppnd, device->ifindex);
	if (device->external)
		return external_way(v->ppnd, device->ifindex);
	/* Frames of a bridge were judged at its port. */
	for (size_t i = 0; i < v->n; i++) {
		const struct ppn_device *other = &v->devices[i];

		if ((device->gathers && other->master == device->ifindex) ||
		    (device->over && other->ifindex == device->lower))
			way = weaker(v, other, depth, way);
	}
	return way;
}

static void fill_device(const struct view *v, const struct ppn_device *device,
			struct ppn_backstop_device *ret_device)
{
	const struct ppnd *ppnd = v->ppnd;

	*ret_device = (struct ppn_backstop_device){
		.ifindex = device->ifindex,
		.way = (uint8_t)way_of(v, device, 0),
		.underlay = (uint8_t)ppnd_config_underlay(&ppnd->config, device->name),
		.flags = (uint8_t)((device->bond_member ? PPN_IFACE_LACP : 0) |
				   (ppnd->config.dot1x ? PPN_IFACE_EAPOL : 0)),
		/* Those that a program is about to hold need no hook for these milliseconds. */
		.own_hook = device->external && known(ppnd, device->ifindex),
	};
	memcpy(ret_device->name, device->name, sizeof(ret_device->name));
}

/* ---- in force ---- */

static size_t list_seats(const struct ppnd *ppnd, uint8_t ret_seats[static PPN_SEATS_MAX][16])
{
	size_t n = 0;

	for (size_t i = 0; i < PPN_SEATS_MAX; i++)
		if (ppnd->slot[i].used)
			memcpy(ret_seats[n++], ppnd->slot[i].address, 16);
	return n;
}

static int write_rules(struct ppnd *ppnd, const struct ppn_backstop_device *devices, size_t n,
		       bool force, bool *ret_changed)
{
	struct ppnd_backstop *backstop = ppnd->backstop;
	uint8_t seats[PPN_SEATS_MAX][16];
	const struct ppn_backstop_rules rules = {
		.observe = backstop->observe,
		.column = backstop->column,
		.flags = backstop->flags,
		.table = &backstop->table,
		.ports = backstop->ports,
		.n_ports = backstop->n_ports,
		.devices = devices,
		.n_devices = n,
		.seats = seats,
		.n_seats = list_seats(ppnd, seats),
	};
	char why[PPN_WHY_LEN];
	int err = ppn_backstop_set(backstop->tables, &rules, force, ret_changed, why);

	if (strcmp(why, backstop->why) != 0 && why[0])
		ppn_log(err ? LOG_ERR : LOG_WARNING, "the backstop is not %s: %s",
			err ? "in force" : "whole", why);
	memcpy(backstop->why, why, sizeof(why));
	backstop->in_force = !err;
	return err;
}

static int apply(struct ppnd *ppnd, bool force)
{
	struct ppnd_backstop *backstop = ppnd->backstop;
	_cleanup_free_ struct ppn_backstop_device *rows = NULL;
	_cleanup_free_ struct ppn_device *devices = NULL;
	struct view v = { .ppnd = ppnd };
	uint64_t began = mono_us();
	bool changed = false;
	int err = ppnd_seal_devices(ppnd, &devices, &v.n);

	if (err)
		return ppn_log_errno(LOG_ERR, err, "the backstop: listing the devices");
	v.devices = devices;
	rows = calloc(v.n + 1, sizeof(*rows));
	if (!rows)
		return -ENOMEM;
	for (size_t i = 0; i < v.n; i++)
		fill_device(&v, &devices[i], &rows[i]);
	err = write_rules(ppnd, rows, v.n, force, &changed);
	if (changed) {
		backstop->written_us = mono_us();
		backstop->took_us = backstop->written_us - began;
	}
	return err;
}

int ppnd_backstop_policy(struct ppnd *ppnd, enum ppn_column column, uint32_t flags,
			 const struct ppn_policy_table *table, const struct ppn_open_port *ports,
			 size_t n_ports)
{
	struct ppnd_backstop *backstop = ppnd->backstop;
	struct ppn_open_port *copy;

	if (!backstop)
		return 0;
	copy = calloc(n_ports + 1, sizeof(*copy));
	if (!copy)
		return -ENOMEM;
	if (n_ports)
		memcpy(copy, ports, n_ports * sizeof(*copy));
	free(backstop->ports);
	backstop->ports = copy;
	backstop->n_ports = n_ports;
	backstop->column = (uint8_t)column;
	backstop->flags = flags;
	backstop->table = *table;
	/* A trial ends by the kernel's clock, with nobody there who could end it here. */
	backstop->observe = flags & (PPN_POLICY_OBSERVE | PPN_POLICY_TRIAL);
	backstop->has_policy = true;
	return apply(ppnd, false);
}

/* A container manager makes devices by the hundred: they are judged together. */
void ppnd_backstop_look(struct ppnd *ppnd, bool at_once)
{
	struct ppnd_backstop *backstop = ppnd->backstop;
	const struct timeval gather = { .tv_usec = GATHER_MS * 1000 };

	if (!backstop || !backstop->has_policy)
		return;
	if (at_once || !backstop->gather || mono_us() - backstop->written_us > GATHER_MS * 1000 ||
	    (!evtimer_pending(backstop->gather, NULL) &&
	     evtimer_add(backstop->gather, &gather) < 0))
		(void)apply(ppnd, false); /* it logs */
}

static void on_gather(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	ppnd_backstop_look(arg, true);
}

bool ppnd_backstop_watches(const struct ppnd *ppnd)
{
	return ppnd->backstop && ppnd->backstop->check &&
	       evtimer_pending(ppnd->backstop->check, NULL);
}

bool ppnd_backstop_holds(const struct ppnd *ppnd)
{
	return ppnd->backstop && ppnd->backstop->in_force && !ppnd->backstop->observe;
}

/* ---- put back ---- */

/* How many to say, 0: not now. */
static unsigned int count_fight(struct fight *fight)
{
	uint64_t now = mono_us() / 1000;
	unsigned int n;

	if (!fight->since_ms || now - fight->since_ms >= QUIET_MS) {
		n = fight->n > LOUD ? fight->n - LOUD : 0;
		*fight = (struct fight){ .since_ms = now };
		if (n) {
			fight->n = LOUD; /* stays quiet while it goes on */
			return n + 1;
		}
	}
	return ++fight->n <= LOUD ? 1 : 0;
}

/* At once, but not more often than every AGAIN_MS, whoever fights. */
static void soon(struct ppnd_backstop *backstop)
{
	uint64_t since = mono_us() / 1000 - backstop->again_ms;
	const struct timeval after = {
		.tv_usec = since >= AGAIN_MS ? 0 : (suseconds_t)(AGAIN_MS - since) * 1000,
	};

	if (!evtimer_pending(backstop->again, NULL))
		(void)evtimer_add(backstop->again, &after);
}

static void put_rules_back(struct ppnd *ppnd)
{
	struct ppnd_backstop *backstop = ppnd->backstop;
	unsigned int n = count_fight(&backstop->rules_fight);
	const char *who = backstop->who[0] ? backstop->who : "somebody";

	if (apply(ppnd, true)) {
		backstop->rules_gone = true;
		soon(backstop);
		return;
	}
	backstop->rules_back++;
	if (n > 1)
		ppn_log(LOG_ERR,
			"%s (pid %u) keeps changing the nftables of the backstop: put "
			"back %u times more in the last minute",
			who, backstop->who_pid, n);
	else if (n)
		ppn_log(LOG_WARNING, "%s (pid %u) changed the nftables of the backstop: put back",
			who, backstop->who_pid);
}

static void put_seal_back(struct ppnd *ppnd)
{
	struct ppnd_backstop *backstop = ppnd->backstop;
	char what[PPN_WHY_LEN] = "";
	unsigned int n;

	if (!ppnd_seal_look(ppnd, what))
		return;
	backstop->seal_back++;
	n = count_fight(&backstop->seal_fight);
	if (n > 1)
		ppn_log(LOG_ERR,
			"somebody keeps taking the seal off, put back %u times more in the "
			"last minute: %s",
			n, what);
	else if (n)
		ppn_log(LOG_WARNING, "somebody took the seal off, put back: %s", what);
	ppnd_backstop_look(ppnd, true);
}

static void on_again(evutil_socket_t fd, short what, void *arg)
{
	struct ppnd *ppnd = arg;
	struct ppnd_backstop *backstop = ppnd->backstop;

	(void)fd;
	(void)what;
	backstop->again_ms = mono_us() / 1000;
	if (backstop->rules_gone) {
		backstop->rules_gone = false;
		put_rules_back(ppnd);
	}
	if (backstop->look) {
		backstop->look = false;
		put_seal_back(ppnd);
	}
}

static void on_rules(void *arg, const char *who, uint32_t pid)
{
	struct ppnd *ppnd = arg;
	struct ppnd_backstop *backstop = ppnd->backstop;

	if (!backstop->has_policy)
		return;
	snprintf(backstop->who, sizeof(backstop->who), "%s", who);
	backstop->who_pid = pid;
	backstop->rules_gone = true;
	soon(backstop);
}

static void on_filters(void *arg, uint32_t ifindex)
{
	struct ppnd *ppnd = arg;

	if (ifindex && !known(ppnd, ifindex) &&
	    !(ppnd->mesh.wg && ifindex == ppn_wg_ifindex(ppnd->mesh.wg)))
		return;
	ppnd->backstop->look = true;
	soon(ppnd->backstop);
}

static void on_check(evutil_socket_t fd, short what, void *arg)
{
	struct ppnd *ppnd = arg;

	(void)fd;
	(void)what;
	put_seal_back(ppnd);
}

static void on_notify(evutil_socket_t fd, short what, void *arg)
{
	struct ppnd *ppnd = arg;
	int err = ppn_notify_dispatch(ppnd->backstop->notify);

	(void)fd;
	(void)what;
	if (err)
		ppn_log_errno(LOG_ERR, err, "watching nftables and tc");
}

/* ---- start and end ---- */

static int listen_all(struct ppnd *ppnd)
{
	const struct timeval every = { .tv_usec = CHECK_MS * 1000 };
	const struct ppn_notify_calls calls = { on_rules, on_filters, ppnd };
	struct ppnd_backstop *backstop = ppnd->backstop;
	int err;

	backstop->check = event_new(ppnd->base, -1, EV_PERSIST, on_check, ppnd);
	backstop->again = evtimer_new(ppnd->base, on_again, ppnd);
	backstop->gather = evtimer_new(ppnd->base, on_gather, ppnd);
	if (!backstop->check || !backstop->again || !backstop->gather ||
	    event_add(backstop->check, &every) < 0)
		return -ENOMEM;
	err = ppn_notify_open(&backstop->notify, &calls);
	if (err)
		return err;
	backstop->watch = event_new(ppnd->base, ppn_notify_fd(backstop->notify),
				    EV_READ | EV_PERSIST, on_notify, ppnd);
	return backstop->watch && event_add(backstop->watch, NULL) == 0 ? 0 : -ENOMEM;
}

/*
 * Rules that an earlier ppnd left know more of its state than is known yet: they stay until the first step
 * of genesis. Else, what the policy map says: the one found pinned, or blind.
 */
static int first_rules(struct ppnd *ppnd)
{
	struct ppn_policy_table table;
	uint64_t word;
	int err;

	if (ppn_backstop_there(ppnd->backstop->tables) > 0) {
		ppnd->backstop->in_force = true;
		return 0;
	}
	err = ppn_datapath_policy_now(ppnd->dp, &word, &table);
	if (!err)
		err = ppnd_backstop_policy(ppnd, PPN_POLICY_COLUMN(word), PPN_POLICY_FLAGS(word),
					   &table, NULL, 0);
	return err;
}

int ppnd_backstop_start(struct ppnd *ppnd)
{
	char why[PPN_WHY_LEN] = "";
	int err;

	ppnd->backstop = calloc(1, sizeof(*ppnd->backstop));
	if (!ppnd->backstop)
		return -ENOMEM;
	err = ppn_backstop_open(&ppnd->backstop->tables, why);
	if (err) {
		ppn_log(LOG_ERR, "no backstop: %s", why);
		ppnd_backstop_stop(ppnd);
		return err;
	}
	err = first_rules(ppnd);
	if (err)
		return err; /* logged; tried again at each change */
	err = listen_all(ppnd);
	if (err)
		ppn_log_errno(LOG_ERR, err,
			      "watching nftables and tc: what others take away stays "
			      "away until the next change");
	return 0;
}

int ppnd_backstop_off(struct ppnd *ppnd, char ret_why[static PPN_WHY_LEN])
{
	struct ppnd_backstop *backstop = ppnd->backstop;

	ret_why[0] = '\0';
	if (!backstop)
		return 0;
	backstop->has_policy = backstop->in_force = false;
	if (backstop->check)
		(void)event_del(backstop->check);
	if (backstop->watch)
		(void)event_del(backstop->watch);
	if (backstop->again)
		(void)event_del(backstop->again);
	if (backstop->gather)
		(void)event_del(backstop->gather);
	return ppn_backstop_remove(backstop->tables, ret_why);
}

void ppnd_backstop_stop(struct ppnd *ppnd)
{
	struct ppnd_backstop *backstop = ppnd->backstop;

	if (!backstop)
		return;
	if (backstop->watch)
		event_free(backstop->watch);
	if (backstop->check)
		event_free(backstop->check);
	if (backstop->again)
		event_free(backstop->again);
	if (backstop->gather)
		event_free(backstop->gather);
	ppn_notify_close(&backstop->notify);
	ppn_backstop_close(&backstop->tables);
	free(backstop->ports);
	free(backstop);
	ppnd->backstop = NULL;
}

/* ---- shown ---- */

json_t *ppnd_backstop_json(struct ppnd *ppnd)
{
	struct ppnd_backstop *backstop = ppnd->backstop;
	struct ppn_count counts[_PPN_BACKSTOP_COUNT_MAX];
	json_t *object = json_object(), *dropped = json_object();

	if (!backstop)
		return json_pack("{s:b, s:s, s:o}", "on", 0, "why", "nftables cannot be used",
				 "dropped", dropped);
	ppn_backstop_counts(backstop->tables, counts);
	for (int i = 0; i < _PPN_BACKSTOP_COUNT_MAX; i++)
		(void)json_object_set_new(dropped, ppn_backstop_count_text(i),
					  json_integer((json_int_t)counts[i].packets));
	(void)json_object_set_new(object, "on", json_boolean(backstop->in_force));
	(void)json_object_set_new(object, "why",
				  backstop->why[0] ? json_string(backstop->why) : json_null());
	(void)json_object_set_new(object, "dropped", dropped);
	(void)json_object_set_new(object, "rules_put_back",
				  json_integer((json_int_t)backstop->rules_back));
	(void)json_object_set_new(object, "seal_put_back",
				  json_integer((json_int_t)backstop->seal_back));
	(void)json_object_set_new(object, "last_change_us",
				  json_integer((json_int_t)backstop->took_us));
	return object;
}
