// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Words of the enums of ppn/wire.h and lib/wire.h. */
#include "lib/wire.h"

#include <errno.h>
#include <string.h>

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

const char *ppn_check_text(enum ppn_check check)
{
	static const char *const text[] = {
#define X(name, words) [PPN_CHECK_##name] = (words),
		PPN_CHECKS(X)
#undef X
	};

	_Static_assert(ROWS(text) == _PPN_CHECK_MAX, "a text for every check");
	return (unsigned int)check < ROWS(text) ? text[check] : "?";
}

const char *ppn_state_text(enum ppn_state state)
{
	static const char *const text[] = {
		[PPN_STATE_BLIND] = "blind",	   [PPN_STATE_SCANNING] = "scanning",
		[PPN_STATE_HOLDING] = "holding",   [PPN_STATE_BOUND] = "bound",
		[PPN_STATE_ISOLATED] = "isolated", [PPN_STATE_DAMAGED] = "damaged",
	};

	_Static_assert(ROWS(text) == _PPN_STATE_MAX, "a text for every state");
	return (unsigned int)state < ROWS(text) ? text[state] : "?";
}

const char *ppn_posture_text(enum ppn_posture posture)
{
	static const char *const text[] = {
		[PPN_POSTURE_NONE] = "none",
		[PPN_POSTURE_ONPREM] = "onprem",
		[PPN_POSTURE_LEASED] = "leased",
		[PPN_POSTURE_CLOUD] = "cloud",
	};

	_Static_assert(ROWS(text) == _PPN_POSTURE_MAX, "a text for every posture");
	return (unsigned int)posture < ROWS(text) ? text[posture] : "?";
}

struct op {
	const char *text;
	bool is_state;
};

static const struct op ops[_PPN_OP_MAX] = {
#define X(name, number, text, state) [number] = { text, state },
	PPN_OPS(X)
#undef X
};

const char *ppn_op_text(uint8_t op)
{
	return op < ROWS(ops) && ops[op].text ? ops[op].text : "?";
}

int ppn_op_number(const char *text)
{
	for (size_t op = 0; op < ROWS(ops); op++)
		if (ops[op].text && strcmp(ops[op].text, text) == 0)
			return (int)op;
	return -EINVAL;
}

bool ppn_op_is_state(uint8_t op)
{
	return op < ROWS(ops) && ops[op].is_state;
}

bool ppn_name_form(const char *name, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (name[i] < 0x21 || name[i] > 0x7e)
			return false;
	return len >= 1 && len <= PPN_NAME_MAX;
}
