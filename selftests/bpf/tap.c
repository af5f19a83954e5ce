// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "harness.h"

static struct {
	unsigned int planned, run, failed;
} tap;

void tap_plan(unsigned int n)
{
	tap.planned = n;
	printf("TAP version 13\n1..%u\n", n);
}

bool tap_ok(bool ok, const char *fmt, ...)
{
	va_list args;

	printf("%sok %u - ", ok ? "" : "not ", ++tap.run);
	tap.failed += !ok;
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	printf("\n");
	return ok;
}

void tap_note(const char *fmt, ...)
{
	va_list args;

	printf("# ");
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	printf("\n");
}

int tap_end(void)
{
	tap_note("%u passed, %u failed, 0 skipped", tap.run - tap.failed, tap.failed);
	return tap.failed || tap.run != tap.planned;
}

void bail_out(const char *what)
{
	printf("Bail out! %s: %s\n", what, strerror(errno));
	exit(1);
}
