/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* clock_gettime(2) as one number. Which clock it is decides what it is good for: CLOCK_REALTIME may be set. */
#ifndef PPN_HOST_CLOCK_H
#define PPN_HOST_CLOCK_H

#include <stdint.h>
#include <time.h>

uint64_t ppn_clock_ns(clockid_t clock);
uint64_t ppn_clock_ms(clockid_t clock);

#endif
