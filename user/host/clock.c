// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "host/clock.h"

uint64_t ppn_clock_ns(clockid_t clock)
{
	struct timespec ts = { 0 };

	(void)clock_gettime(clock, &ts); /* fails for clocks only that are none */
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

uint64_t ppn_clock_ms(clockid_t clock)
{
	return ppn_clock_ns(clock) / 1000000;
}
