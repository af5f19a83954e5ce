// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "host/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "host/cleanup.h"

enum { LINE_MAX_LEN = 2048 };

static struct {
	char program[32];
	int level;
	bool prefix;
} log_settings = { .level = LOG_INFO };

void ppn_log_init(const char *program, int level)
{
	const char *journal = getenv("JOURNAL_STREAM"), *unit = getenv("INVOCATION_ID");

	snprintf(log_settings.program, sizeof(log_settings.program), "%s", program);
	log_settings.level = level;
	log_settings.prefix = (journal || unit) && !isatty(STDERR_FILENO);
}

/* What strangers sent may be in a line: it must not start another one, nor drive a terminal. */
static void defuse(char *text)
{
	for (unsigned char *p = (unsigned char *)text; *p; p++)
		if (*p < 0x20 || *p == 0x7f)
			*p = '?';
}

static void log_line(int priority, int err, const char *format, va_list args)
{
	char line[LINE_MAX_LEN];
	int len = 0, n;

	if (LOG_PRI(priority) > log_settings.level)
		return;
	if (log_settings.prefix)
		len = snprintf(line, sizeof(line), "<%d>", LOG_PRI(priority));
	else if (log_settings.program[0])
		len = snprintf(line, sizeof(line), "%s: ", log_settings.program);
	n = vsnprintf(line + len, sizeof(line) - len, format, args);
	if (n < 0)
		return;
	len = strlen(line);
	if (err)
		snprintf(line + len, sizeof(line) - len, ": %s", strerror(abs(err)));
	defuse(line);
	len = strlen(line);
	if (len == LINE_MAX_LEN - 1)
		len--;
	line[len++] = '\n';
	/*
	 * One write, so that lines of several processes do not mix. Nobody is left to tell of its
	 * error.
	 */
	if (write(STDERR_FILENO, line, len) < 0)
		return;
}

void ppn_log(int priority, const char *format, ...)
{
	int saved = errno;
	va_list args;

	va_start(args, format);
	log_line(priority, 0, format, args);
	va_end(args);
	errno = saved;
}

int ppn_log_errno(int priority, int err, const char *format, ...)
{
	int saved = errno;
	va_list args;

	va_start(args, format);
	log_line(priority, err, format, args);
	va_end(args);
	errno = saved;
	return err;
}

void ppn_notify(const char *format, ...)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	_cleanup_close_ int fd = -1;
	size_t len = path ? strlen(path) : 0;
	char text[1024];
	va_list args;
	int n;

	if (len < 2 || len >= sizeof(addr.sun_path) || (path[0] != '/' && path[0] != '@'))
		return;
	va_start(args, format);
	n = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (n < 0 || n >= (int)sizeof(text))
		return;
	memcpy(addr.sun_path, path, len);
	if (path[0] == '@')
		addr.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	(void)sendto(fd, text, n, MSG_NOSIGNAL, (struct sockaddr *)&addr,
		     offsetof(struct sockaddr_un, sun_path) + len);
}
