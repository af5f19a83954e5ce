// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Command frames and telemetry (DESIGN 5.1, PROTOCOL 5). The kernel's side of frames is frame.bpf.c. */
#include "lib/wire.h"

#include <endian.h>
#include <ppn/ctl.h>
#include <string.h>
#include "lib/bytes.h"
#include "lib/crypto.h"

#define FRAME_TAGGED offsetof(struct ppn_frame, tag)
#define TELEMETRY_TAGGED offsetof(struct ppn_telemetry, tag)

static void put_u24(uint8_t ret_wire[static 3], uint32_t value)
{
	ret_wire[0] = (uint8_t)(value >> 16);
	ret_wire[1] = (uint8_t)(value >> 8);
	ret_wire[2] = (uint8_t)value;
}

static uint32_t get_u24(const uint8_t wire[static 3])
{
	return (uint32_t)wire[0] << 16 | (uint32_t)wire[1] << 8 | wire[2];
}

void ppn_frame_write(struct ppn_frame *ret_frame, uint8_t op, uint32_t target, uint8_t arg,
		     uint32_t seq, const uint8_t key[static PPN_SIP_KEY_LEN])
{
	struct ppn_frame frame = { .op = op, .arg = arg };

	put_u24(frame.target, target);
	put_u24(frame.seq, seq);
	ppn_siphash(frame.tag, key, &frame, FRAME_TAGGED);
	*ret_frame = frame;
}

uint32_t ppn_frame_target(const struct ppn_frame *frame)
{
	return get_u24(frame->target);
}

uint32_t ppn_frame_seq(const struct ppn_frame *frame)
{
	return get_u24(frame->seq);
}

void ppn_telemetry_seal(struct ppn_telemetry *t, const uint8_t key[static PPN_SIP_KEY_LEN])
{
	ppn_siphash(t->tag, key, t, TELEMETRY_TAGGED);
}

static bool result_good(const struct ppn_result *result)
{
	return be32toh(result->seq) <= PPN_SEQ_MAX && result->op < _PPN_OP_MAX &&
	       be16toh(result->code) < _PPN_RESULT_MAX;
}

static bool telemetry_good(const struct ppn_telemetry *t)
{
	if (t->state >= _PPN_STATE_MAX || t->posture == PPN_POSTURE_NONE ||
	    t->posture >= _PPN_POSTURE_MAX || t->seal_mode >= _PPN_HOLD_MAX)
		return false;
	if (be32toh(t->seq_next) > PPN_SEQ_MAX + 1 || be32toh(t->seq_limit) > PPN_SEQ_MAX + 1)
		return false;
	for (size_t i = 0; i < sizeof(t->results) / sizeof(t->results[0]); i++)
		if (!result_good(&t->results[i]))
			return false;
	return ppn_is_zero(t->zero0, sizeof(t->zero0)) && ppn_is_zero(t->zero1, sizeof(t->zero1)) &&
	       ppn_is_zero(t->zero2, sizeof(t->zero2));
}

enum ppn_check ppn_telemetry_check(const void *packet, size_t len,
				   const uint8_t key[static PPN_SIP_KEY_LEN], uint32_t number,
				   uint64_t last, struct ppn_telemetry *ret_telemetry)
{
	struct ppn_bytes in = { packet, len };
	uint8_t tag[PPN_SIP_TAG_LEN];
	struct ppn_telemetry t;

	if (!ppn_take_into(&in, &t, sizeof(t)))
		return PPN_CHECK_SHORT;
	if (in.len > 0)
		return PPN_CHECK_LONG;
	ppn_siphash(tag, key, &t, TELEMETRY_TAGGED);
	if (!ppn_equal(tag, t.tag, sizeof(tag)))
		return PPN_CHECK_SIGNATURE;
	if (!telemetry_good(&t))
		return PPN_CHECK_FORM;
	if (be32toh(t.number) != number)
		return PPN_CHECK_IDENTITY;
	if (((uint64_t)be32toh(t.boots) << 32 | be32toh(t.n)) <= last)
		return PPN_CHECK_SEQUENCE;
	*ret_telemetry = t;
	return PPN_CHECK_OK;
}
