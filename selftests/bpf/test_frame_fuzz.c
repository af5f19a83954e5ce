// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Frames that were damaged on purpose: good ones of every seat with headers, lengths, target, number, op and tag
 * changed, some signed again. What PROTOCOL 5 does not call a frame for this node, read here from the
 * bytes, changes nothing and is not handed up; what it does is counted as such. None passes to the stack.
 * PPN_SOAK: 20 times as many.
 */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/bpf.h>
#include <linux/ipv6.h>
#include <linux/udp.h>
#include "frame_world.h"
#include "lib/crypto.h"

enum { ROUNDS = 200000, FRAME_AT = 48, WHOLE = 64, SHORTEST = 14 };

static uint64_t random_state = 0xd1b54a32d192ed03;

static uint32_t draw(uint32_t below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)(random_state >> 32) % below;
}

static uint32_t load24(const uint8_t *at)
{
	return (uint32_t)at[0] << 16 | (uint32_t)at[1] << 8 | at[2];
}

/* ---- what the protocol says ---- */

static int slot_of(const uint8_t *address)
{
	if (memcmp(address, fw_address[FW_SEAT], 16) == 0)
		return 0;
	return memcmp(address, fw_address[FW_SEAT2], 16) == 0 ? 2 : -1;
}

/* The slot whose frame for this node it is; -1: none. */
static int frame_slot(const struct fw_packet *p)
{
	const uint8_t *ip = p->data, *udp = ip + 40, *frame = ip + FRAME_AT;
	uint8_t tag[8];
	int slot;

	if (p->len < WHOLE || ip[0] >> 4 != 6 || ip[6] != IPPROTO_UDP)
		return -1;
	if (ip[4] || ip[5] != 24 || udp[4] || udp[5] != 24)
		return -1;
	if (udp[2] != PPN_PORT_FRAME >> 8 || udp[3] != (PPN_PORT_FRAME & 255))
		return -1;
	slot = slot_of(ip + 8);
	if (slot < 0 || memcmp(ip + 24, fw_address[FW_SELF], 16) != 0)
		return -1;
	if (load24(frame + offsetof(struct ppn_frame, target)) != FW_NUMBER)
		return -1;
	ppn_siphash(tag, fw_key[slot], frame, 8);
	return memcmp(tag, frame + offsetof(struct ppn_frame, tag), 8) == 0 ? slot : -1;
}

static bool for_the_stack(const struct fw_packet *p)
{
	const uint8_t *ip = p->data;

	return !(p->len >= FRAME_AT && ip[0] >> 4 == 6 && ip[6] == IPPROTO_UDP &&
		 memcmp(ip + 24, fw_address[FW_SELF], 16) == 0 && ip[42] == PPN_PORT_FRAME >> 8 &&
		 ip[43] == (PPN_PORT_FRAME & 255));
}

/* ---- damage ---- */

static struct fw_packet good(void)
{
	static const struct {
		enum fw_who who;
		int key;
	} seats[] = { { FW_SEAT, 0 }, { FW_SEAT2, 2 }, { FW_CLOSED, 1 }, { FW_PEER, 0 } };
	const uint32_t i = draw(8) % 5 % 4;
	const struct ppn_frame frame = fw_frame((uint8_t)draw(_PPN_OP_MAX + 1), FW_NUMBER,
						FW_FLOOR + draw(FW_RESERVED), fw_key[seats[i].key]);

	return fw_udp(seats[i].who, FW_SELF, PPN_PORT_FRAME, &frame, sizeof(frame));
}

static void change(struct fw_packet *p)
{
	const uint32_t at = draw((uint32_t)p->len);

	switch (draw(8)) {
	case 0: /* shorter or longer, headers untouched */
		p->len = draw(4) ? WHOLE - 8 + draw(24) : SHORTEST + draw(200);
		break;
	case 1: /* lengths that agree with each other */
		p->data[5] = p->data[45] = (uint8_t)draw(64);
		p->len = 40u + p->data[5];
		break;
	case 2:
		memcpy(p->data + (draw(2) ? 8 : 24), fw_address[draw(_FW_WHO_MAX)], 16);
		break;
	case 3:
		p->data[FRAME_AT + offsetof(struct ppn_frame, target) + draw(3)] ^=
			(uint8_t)(1 << draw(8));
		break;
	case 4:
		p->data[FRAME_AT + draw(16)] = (uint8_t)draw(256);
		break;
	case 5:
		p->data[6] = (uint8_t[]){ 0, 43, 44, 60, IPPROTO_TCP, IPPROTO_ICMPV6 }[draw(6)];
		break;
	case 6:
		p->data[at] = (uint8_t)draw(256);
		break;
	default:
		p->data[at] ^= (uint8_t)(1 << draw(8));
	}
}

static void sign(struct fw_packet *p)
{
	const int slot = slot_of(p->data + 8);

	ppn_siphash(p->data + FRAME_AT + offsetof(struct ppn_frame, tag),
		    fw_key[slot < 0 ? 0 : slot], p->data + FRAME_AT, 8);
}

static struct fw_packet damaged(void)
{
	struct fw_packet p = good();

	for (uint32_t n = draw(4); n; n--)
		change(&p);
	if (draw(2))
		sign(&p);
	if (p.len < SHORTEST) /* what BPF_PROG_TEST_RUN takes */
		p.len = SHORTEST;
	return p;
}

/* ---- both together ---- */

struct heard {
	unsigned int n;
	uint32_t slot;
};

static void on_event(void *arg, const struct ppn_frame_event *event)
{
	struct heard *heard = arg;

	heard->n++;
	heard->slot = event->slot;
}

static bool agrees(struct frame_world *w, const struct fw_packet *p, bool *ret_frame)
{
	const struct ppn_command before = fw_command(w);
	const int slot = frame_slot(p), verdict = fw_run_blind(w, p);
	const struct ppn_command after = fw_command(w);
	const bool same = memcmp(&before, &after, sizeof(before)) == 0;
	struct heard heard = { 0 };
	bool right;

	*ret_frame = slot >= 0;
	(void)fw_drain(w, on_event, &heard);
	right = slot < 0 ? same && !heard.n :
			   heard.n <= 1 && (!heard.n || heard.slot == (uint32_t)slot);
	right &= same || heard.n == 1;
	right &= for_the_stack(p) || verdict == XDP_DROP;
	if (!right) {
		printf("# slot %d, len %zu: verdict %d events %u%s\n#", slot, p->len, verdict,
		       heard.n, same ? "" : ", command changed");
		for (size_t i = 0; i < p->len; i++)
			printf(" %02x", p->data[i]);
		printf("\n");
	}
	return right;
}

int main(void)
{
	const unsigned int rounds = ROUNDS * (getenv("PPN_SOAK") ? 20 : 1);
	struct frame_world *w = fw_open();
	unsigned int wrong = 0, frames = 0;

	printf("1..1\n");
	for (unsigned int i = 0; i < rounds && wrong < 10; i++) {
		const struct fw_packet p = damaged();
		bool frame;

		if (draw(64) == 0)
			fw_reset(w);
		wrong += !agrees(w, &p, &frame);
		frames += frame;
	}
	printf("%sok 1 - %u damaged frames, %u of them still frames for us: %u disagreements\n",
	       wrong || frames < rounds / 20 || frames > rounds / 2 ? "not " : "", rounds, frames,
	       wrong);
	fw_close(w);
	return wrong > 0;
}
