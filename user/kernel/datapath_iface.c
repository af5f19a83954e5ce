// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Rows of `ifaces`, as the devices are now, and who counts in which slot. The map is the memory: a process
 * that starts finds there what the last one gave.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "kernel/datapath_private.h"
#include "kernel/device.h"

_Static_assert(PPN_MAP_IFACES % DP_ARRAY_READ_MAX == 0, "the last read is whole");

static bool is_used(const struct ppn_iface *row)
{
	static const struct ppn_iface none;

	return memcmp(row, &none, sizeof(none)) != 0;
}

/* ---- slots ---- */

static uint8_t slot_of(const struct ppn_datapath *dp, uint32_t ifindex)
{
	for (uint8_t slot = 1; slot < PPN_COUNT_SLOTS; slot++)
		if (dp->counter[slot].ifindex == ifindex)
			return slot;
	return 0;
}

/* The one free for longest: what a device that is gone has counted is seen as long as may be. */
static uint8_t free_slot(const struct ppn_datapath *dp)
{
	uint8_t best = 0;

	for (uint8_t slot = 1; slot < PPN_COUNT_SLOTS; slot++)
		if (!dp->counter[slot].ifindex &&
		    (!best || dp->counter[slot].freed_ms < dp->counter[best].freed_ms))
			best = slot;
	return best;
}

/* 0, the one of all others, when there is none. No program counts there for its last owner any more. */
static uint8_t take_slot(struct ppn_datapath *dp, uint32_t ifindex)
{
	uint8_t slot = slot_of(dp, ifindex);

	if (slot)
		return slot;
	slot = free_slot(dp);
	if (!slot)
		return 0;
	dp_quiesce(dp->counter[slot].freed_ms);
	if (ppn_datapath_counters_clear(dp, slot))
		return 0;
	dp->counter[slot] = (struct dp_counter){ .ifindex = ifindex };
	return slot;
}

static void give_back(struct ppn_datapath *dp, uint32_t ifindex)
{
	uint8_t slot = slot_of(dp, ifindex);

	if (slot)
		dp->counter[slot] = (struct dp_counter){ .freed_ms = dp_now_ms() };
}

/* ---- what an earlier process left ---- */

static bool is_here(const struct ppn_device *devices, size_t n, uint32_t ifindex)
{
	for (size_t i = 0; i < n; i++)
		if (devices[i].ifindex == ifindex)
			return true;
	return false;
}

/* A slot belongs to one device that is here; a row of none is closed again. */
static int adopt_row(struct ppn_datapath *dp, uint32_t ifindex, const struct ppn_iface *row,
		     bool here)
{
	static const struct ppn_iface none;
	struct ppn_iface mended = *row;

	if (!here)
		return ppn_datapath_iface_row(dp, ifindex, &none);
	if (!row->slot || row->slot >= PPN_COUNT_SLOTS)
		return 0;
	if (!dp->counter[row->slot].ifindex) {
		dp->counter[row->slot].ifindex = ifindex;
		return 0;
	}
	mended.slot = 0;
	return ppn_datapath_iface_row(dp, ifindex, &mended);
}

static int adopt_rows(struct ppn_datapath *dp)
{
	struct ppn_iface rows[DP_ARRAY_READ_MAX];
	struct ppn_device *devices = NULL;
	size_t n = 0;
	int err = ppn_device_list(NULL, &devices, &n);

	for (uint32_t i = 0; i < PPN_MAP_IFACES && !err; i++) {
		const struct ppn_iface *row = &rows[i % DP_ARRAY_READ_MAX];

		if (i % DP_ARRAY_READ_MAX == 0)
			err = dp_array_read(dp, DP_IFACES, i, DP_ARRAY_READ_MAX, rows);
		if (!err && i > 0 && is_used(row))
			err = adopt_row(dp, i, row, is_here(devices, n, i));
	}
	free(devices);
	return err;
}

/* ---- rows ---- */

static struct ppn_iface wanted(const struct ppn_device *device, const struct ppn_iface_wish *wish)
{
	struct ppn_iface row = {
		.group = device->group,
		.underlay = (uint8_t)wish->underlay,
	};

	if (device->bond_member)
		row.flags |= PPN_IFACE_LACP;
	if (wish->dot1x)
		row.flags |= PPN_IFACE_EAPOL;
	if (wish->guests && device->bridge && device->n_local_mac && !device->macs_full)
		row.flags |= PPN_IFACE_GUESTS;
	for (uint8_t i = 0; i < 2 && device->n_local_mac; i++)
		memcpy(row.mac[i], device->local_mac[i < device->n_local_mac ? i : 0],
		       sizeof(row.mac[i]));
	return row;
}

/* No program may read new addresses with an old permission, nor the other way round. */
static int change(struct ppn_datapath *dp, uint32_t ifindex, struct ppn_iface *now,
		  const struct ppn_iface *row)
{
	int err;

	if (!memcmp(now, row, sizeof(*row)))
		return 0;
	if ((now->flags & PPN_IFACE_GUESTS) && memcmp(now->mac, row->mac, sizeof(row->mac)) != 0) {
		now->flags &= (uint8_t)~PPN_IFACE_GUESTS;
		err = ppn_datapath_iface_row(dp, ifindex, now);
		if (err)
			return err;
		dp_quiesce(dp_now_ms());
	}
	return ppn_datapath_iface_row(dp, ifindex, row);
}

int ppn_datapath_row(struct ppn_datapath *dp, const struct ppn_device *device,
		     const struct ppn_iface_wish *wish, struct ppn_iface *ret_row)
{
	struct ppn_iface row = wanted(device, wish), now;
	int err = 0;

	if (dp->refused[0])
		return -ENOTSUP;
	if (!dp->rows_adopted) {
		err = adopt_rows(dp);
		dp->rows_adopted = !err;
	}
	if (!err)
		err = ppn_datapath_iface_now(dp, device->ifindex, &now);
	if (err)
		return err;
	if (device->ifindex >= PPN_MAP_IFACES) {
		*ret_row = now;
		return -E2BIG;
	}
	row.slot = take_slot(dp, device->ifindex);
	err = change(dp, device->ifindex, &now, &row);
	if (!err)
		*ret_row = row;
	return err;
}

/* The pin of a device that is deleted goes with it. */
static void sweep(struct ppn_datapath *dp)
{
	char why[PPN_WHY_LEN];
	int fd;

	if (dp_folder_lock(dp, &fd, why))
		return; /* the next one that is sealed sweeps */
	(void)dp_link_sweep(dp);
	close(fd);
}

int ppn_datapath_row_drop(struct ppn_datapath *dp, uint32_t ifindex)
{
	static const struct ppn_iface none;
	int err;

	if (dp->refused[0])
		return 0;
	err = ppn_datapath_iface_row(dp, ifindex, &none);
	give_back(dp, ifindex);
	sweep(dp);
	return err;
}
