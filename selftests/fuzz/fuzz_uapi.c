// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The answer of a UAPI socket, in two pieces cut where the first byte says. What was understood must
 * survive being written as edits and read again.
 */
#include <stdlib.h>
#include <string.h>
#include "kernel/wireguard_peers.c"
#include "kernel/wireguard_text.c"

#define CHECK(cond)              \
	do {                     \
		if (!(cond))     \
			abort(); \
	} while (0)

static int parse(struct ppn_wg_device *device, const char *data, size_t len, size_t cut)
{
	struct ppn_wg_text text = { .device = device };
	int err;

	cut = cut < len ? cut : len;
	err = ppn_wg_text_feed(&text, data, cut);
	if (!err)
		err = ppn_wg_text_feed(&text, data + cut, len - cut);
	ppn_wg_text_end(&text);
	return err;
}

static void round_trip(const struct ppn_wg_peer *peer)
{
	const struct ppn_wg_edit edit = { ppn_wg_set_all(peer), peer };
	char text[PPN_WG_EDIT_MAX + 16];
	struct ppn_wg_device again = { 0 };
	size_t len = ppn_wg_text_edit(text, PPN_WG_EDIT_MAX, &edit);

	CHECK(len);
	strcpy(text + len, "errno=0\n\n");
	CHECK(parse(&again, text, strlen(text), len / 2) == 1);
	CHECK(again.n_peers == 1);
	CHECK(!memcmp(again.peers[0].key, peer->key, PPN_KEY_LEN));
	CHECK(same_allowed(&again.peers[0], peer));
	CHECK(same_endpoint(&again.peers[0].endpoint, &peer->endpoint));
	CHECK(again.peers[0].keepalive_s == peer->keepalive_s);
	free(again.peers);
}

/* What a device says of itself differs in nothing from what it says. */
static void no_difference(const struct ppn_wg_device *device)
{
	static const uint8_t nobody[PPN_KEY_LEN];
	struct ppn_wg_edits edits = { 0 };

	/* Refused when the device gives a key or a prefix twice, as no device does. */
	if (ppn_wg_diff(device, device->peers, device->n_peers, nobody, 0, &edits))
		return;
	for (size_t i = 0; i < edits.n; i++)
		CHECK(edits.edit[i].peer->foreign);
	free(edits.edit);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct ppn_wg_device device = { 0 };

	if (!len)
		return 0;
	if (parse(&device, (const char *)data + 1, len - 1, data[0]) == 1) {
		for (size_t i = 0; i < device.n_peers; i++)
			round_trip(&device.peers[i]);
		no_difference(&device);
	}
	CHECK(device.n_peers <= PPN_WG_PEERS_MAX);
	free(device.peers);
	return 0;
}
