// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Log lines as they arrive on stderr, and the datagrams of sd_notify(3). */
#include "unit/hostile.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include "host/log.h"
#include "unit/scratch.h"

/* What `say` writes to stderr. */
static char *captured(void (*say)(void))
{
	static char text[8192];
	int saved = dup(STDERR_FILENO), pipes[2];
	ssize_t len;

	assert_int_equal(pipe(pipes), 0);
	assert_int_equal(fcntl(pipes[0], F_SETFL, O_NONBLOCK), 0);
	assert_true(dup2(pipes[1], STDERR_FILENO) >= 0);
	say();
	assert_true(dup2(saved, STDERR_FILENO) >= 0);
	len = read(pipes[0], text, sizeof(text) - 1);
	text[len > 0 ? len : 0] = '\0';
	close(saved);
	close(pipes[0]);
	close(pipes[1]);
	return text;
}

static void no_manager(void)
{
	unsetenv("JOURNAL_STREAM");
	unsetenv("INVOCATION_ID");
}

static void say_plain(void)
{
	no_manager();
	ppn_log_init("ppnd", LOG_INFO);
	ppn_log(LOG_INFO, "port %d", 9443);
	ppn_log(LOG_DEBUG, "unseen");
	ppn_log(LOG_ERR, "last");
}

static void say_journal(void)
{
	no_manager();
	setenv("INVOCATION_ID", "x", 1);
	ppn_log_init("ppnd", LOG_DEBUG);
	ppn_log(LOG_CRIT, "one");
	ppn_log(LOG_DAEMON | LOG_DEBUG, "two");
	unsetenv("INVOCATION_ID");
}

static void say_errno(void)
{
	no_manager();
	ppn_log_init("ppnd", LOG_INFO);
	errno = EXDEV;
	assert_int_equal(ppn_log_errno(LOG_ERR, -ENOSPC, "writing %s", "head"), -ENOSPC);
	assert_int_equal(ppn_log_errno(LOG_DEBUG, -EIO, "unseen"), -EIO);
	assert_int_equal(errno, EXDEV);
}

static void say_hostile(void)
{
	no_manager();
	ppn_log_init("ppnd", LOG_INFO);
	ppn_log(LOG_INFO, "name %s", "a\nppnd: forged\033[2J\x7f\x01 \xc3\xa4");
}

static void say_long(void)
{
	static char text[4000];

	no_manager();
	ppn_log_init("ppnd", LOG_INFO);
	memset(text, 'x', sizeof(text) - 1);
	ppn_log(LOG_INFO, "%s", text);
	ppn_log_errno(LOG_INFO, -EIO, "%s", text);
}

static void lines(void **state)
{
	const char *text;

	(void)state;
	assert_string_equal(captured(say_plain), "ppnd: port 9443\nppnd: last\n");
	assert_string_equal(captured(say_journal), "<2>one\n<7>two\n");
	assert_string_equal(captured(say_errno), "ppnd: writing head: No space left on device\n");
	assert_string_equal(captured(say_hostile), "ppnd: name a?ppnd: forged?[2J?? \xc3\xa4\n");
	text = captured(say_long);
	assert_int_equal(strlen(text), 2 * 2047);
	assert_int_equal(text[2046], '\n');
	assert_int_equal(text[4093], '\n');
}

static void notifies(void **state)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	char got[64] = "";
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/notify", (char *)*state);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	setenv("NOTIFY_SOCKET", addr.sun_path, 1);
	ppn_notify("STATUS=%s", "holding");
	assert_int_equal(recv(fd, got, sizeof(got), 0), strlen("STATUS=holding"));
	assert_string_equal(got, "STATUS=holding");
	setenv("NOTIFY_SOCKET", "relative", 1);
	ppn_notify("READY=1");
	setenv("NOTIFY_SOCKET", "", 1);
	ppn_notify("READY=1");
	unsetenv("NOTIFY_SOCKET");
	ppn_notify("READY=1");
	assert_int_equal(recv(fd, got, sizeof(got), 0), -1);
	close(fd);
}

static void notifies_abstract(void **state)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	char got[64] = "", name[64];
	socklen_t len;

	(void)state;
	snprintf(name, sizeof(name), "@ppn-test-%d", getpid());
	len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name));
	memcpy(addr.sun_path + 1, name + 1, strlen(name) - 1);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, len), 0);
	setenv("NOTIFY_SOCKET", name, 1);
	ppn_notify("READY=1");
	unsetenv("NOTIFY_SOCKET");
	assert_int_equal(recv(fd, got, sizeof(got), 0), strlen("READY=1"));
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines),
		cmocka_unit_test_setup_teardown(notifies, scratch_setup, scratch_teardown),
		cmocka_unit_test(notifies_abstract),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
