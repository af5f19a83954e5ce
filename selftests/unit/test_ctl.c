// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The control socket: our client, and clients that are not ours, against a server on a real event
 * loop.
 */
#include "unit/hostile.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include "host/ctl.h"
#include "unit/scratch.h"

enum { CALLS = 32 };

struct world {
	struct event_base *base;
	struct ppn_ctl_server *server;
	struct ppn_ctl_call *kept[CALLS];
	int n_kept, n_calls, n_gone;
	char path[100], verb[32];
	uid_t uid;
};

static void set_path(struct world *w, void **state)
{
	memset(w, 0, sizeof(*w));
	snprintf(w->path, sizeof(w->path), "%s/s", (char *)*state);
}

static void on_gone(void *arg, struct ppn_ctl_call *call)
{
	struct world *w = arg;

	assert_true(ppn_ctl_gone(call));
	w->n_gone++;
}

static void answer_listing(struct ppn_ctl_call *call, int n, size_t row_len)
{
	char *row = calloc(1, row_len + 1);

	memset(row, 'r', row_len);
	for (int i = 0; i < n; i++)
		ppn_ctl_more(call, json_pack("{s:i, s:s}", "i", i, "row", row));
	free(row);
	ppn_ctl_answer(call, PPN_EXIT_OK, json_pack("{s:i}", "rows", n));
}

static void handle(void *arg, struct ppn_ctl_call *call, const char *verb, json_t *request,
		   uid_t uid)
{
	struct world *w = arg;

	w->n_calls++;
	w->uid = uid;
	snprintf(w->verb, sizeof(w->verb), "%s", verb);
	if (strcmp(verb, "keep") == 0) {
		ppn_ctl_on_gone(call, on_gone, w);
		w->kept[w->n_kept++] = call;
	} else if (strcmp(verb, "progress") == 0) {
		for (int i = 1; i <= 3; i++)
			ppn_ctl_progress(call, json_pack("{s:i}", "done", i));
		ppn_ctl_answer(call, PPN_EXIT_TIMEOUT, NULL);
	} else if (strcmp(verb, "fail") == 0) {
		ppn_ctl_error(call, PPN_EXIT_REFUSED, "no %s \xff\n", "way");
	} else if (strcmp(verb, "listing") == 0) {
		answer_listing(call, 200, 60000);
	} else if (strcmp(verb, "flood") == 0) {
		answer_listing(call, 300, 60000);
	} else if (strcmp(verb, "long") == 0) {
		answer_listing(call, 1, PPN_CTL_MAX);
	} else {
		ppn_ctl_answer(call, PPN_EXIT_OK,
			       json_pack("{s:O, s:i}", "asked", request, "exit", 5));
	}
}

static void open_world(struct world *w, void **state)
{
	set_path(w, state);
	w->base = event_base_new();
	assert_int_equal(ppn_ctl_listen(&w->server, w->base, w->path, NULL, handle, w), 0);
}

static void close_world(struct world *w)
{
	ppn_ctl_close(&w->server);
	assert_null(w->server);
	event_base_free(w->base);
}

/* Turn the loop until `child` ended; its exit code. */
static int serve(struct world *w, pid_t child)
{
	int status = 0;

	while (waitpid(child, &status, WNOHANG) == 0) {
		event_base_loop(w->base, EVLOOP_NONBLOCK);
		usleep(200);
	}
	event_base_loop(w->base, EVLOOP_NONBLOCK); /* its hang-ups */
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

struct parts {
	int progress, more, other;
};

static void part(void *arg, const char *kind, json_t *value)
{
	struct parts *parts = arg;

	if (strcmp(kind, "progress") == 0 &&
	    json_integer_value(json_object_get(value, "done")) == parts->progress + 1)
		parts->progress++;
	else if (strcmp(kind, "more") == 0 &&
		 json_integer_value(json_object_get(value, "i")) == parts->more)
		parts->more++;
	else
		parts->other++;
}

/* In a child: 0 when the answer is `expected` (JSON; NULL: none), `code` and the parts as said. */
static int ask(const char *path, const char *request, const char *expected, enum ppn_exit code,
	       struct parts want)
{
	json_t *wanted = expected ? json_loads(expected, 0, NULL) : NULL, *got;
	enum ppn_exit exit_code = 99;
	struct parts parts = { 0 };

	got = ppn_ctl_ask(path, json_loads(request, 0, NULL), part, &parts, &exit_code);
	if (!got != !wanted || (got && !json_equal(got, wanted))) {
		fprintf(stderr, "got %s\n", got ? json_dumps(got, 0) : "nothing");
		return 1;
	}
	json_decref(got);
	json_decref(wanted);
	return exit_code != code ? 2 : memcmp(&parts, &want, sizeof(parts)) ? 3 : 0;
}

static void ask_world(void **state, const char *request, const char *expected, enum ppn_exit code,
		      struct parts want)
{
	struct world w;
	pid_t pid;

	open_world(&w, state);
	pid = fork();
	if (pid == 0)
		_exit(ask(w.path, request, expected, code, want));
	assert_int_equal(serve(&w, pid), 0);
	assert_int_equal(w.n_calls, 1);
	assert_int_equal(w.uid, geteuid());
	close_world(&w);
}

static void answers(void **state)
{
	const struct parts none = { 0 };

	/* a result cannot overwrite exit */
	ask_world(state, "{\"verb\":\"status\",\"x\":[1]}",
		  "{\"schema\":1,\"asked\":{\"verb\":\"status\",\"x\":[1]}}", PPN_EXIT_OK, none);
	ask_world(state, "{\"verb\":\"progress\"}", "{\"schema\":1}", PPN_EXIT_TIMEOUT,
		  (struct parts){ .progress = 3 });
	ask_world(state, "{\"verb\":\"fail\"}", "{\"schema\":1,\"error\":\"no way ??\"}",
		  PPN_EXIT_REFUSED, none);
	ask_world(state, "{\"verb\":\"listing\"}", "{\"schema\":1,\"rows\":200}", PPN_EXIT_OK,
		  (struct parts){ .more = 200 });
	ask_world(state, "{\"verb\":\"long\"}",
		  "{\"schema\":1,\"error\":\"the answer is too long for the socket\"}",
		  PPN_EXIT_FAILURE, none);
}

/*
 * More than the queue holds, and the client takes nothing meanwhile: an error, not memory without
 * end.
 */
static void queue_is_bounded(void **state)
{
	struct world w;
	pid_t pid;

	open_world(&w, state);
	pid = fork();
	if (pid == 0) {
		struct parts parts = { 0 };
		enum ppn_exit code;
		json_t *got = ppn_ctl_ask(w.path, json_pack("{s:s}", "verb", "flood"), part, &parts,
					  &code);

		_exit(got && code == PPN_EXIT_FAILURE && json_object_get(got, "error") &&
				      parts.more > 200 && parts.more < 300 && !parts.other ?
			      0 :
			      1);
	}
	assert_int_equal(serve(&w, pid), 0);
	close_world(&w);
}

/* ---- clients that are not ours ---- */

static int connect_raw(const struct world *w)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", w->path);
	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	return fd;
}

static void turn(struct world *w)
{
	for (int i = 0; i < 4; i++)
		event_base_loop(w->base, EVLOOP_NONBLOCK);
}

/* The last object as text; "" when the server just hung up. */
static const char *last_words(struct world *w, int fd)
{
	static char text[PPN_CTL_MAX + 1];
	ssize_t n;

	turn(w);
	n = recv(fd, text, sizeof(text) - 1, 0);
	text[n > 0 ? n : 0] = '\0';
	close(fd);
	turn(w);
	return text;
}

static void malformed(void **state)
{
	static const struct {
		const char *request, *answer;
	} rows[] = {
		{ "x", "the request is not JSON (byte 1)" },
		{ "{\"verb\":\"status\"", "the request is not JSON (byte 16)" },
		{ "{\"verb\":\"status\"} x", "the request is not JSON (byte 19)" },
		{ "{\"verb\":\"a\",\"verb\":\"b\"}", "the request is not JSON (byte 18)" },
		{ "[]", "the request is not an object with a ?verb?" },
		{ "{}", "the request is not an object with a ?verb?" },
		{ "{\"verb\":1}", "the request is not an object with a ?verb?" },
		{ "{\"verb\":null}", "the request is not an object with a ?verb?" },
	};
	struct world w;

	open_world(&w, state);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char expected[256];
		int fd = connect_raw(&w);

		assert_true(send(fd, rows[i].request, strlen(rows[i].request), 0) > 0);
		snprintf(expected, sizeof(expected), "{\"schema\":1,\"exit\":2,\"error\":\"%s\"}",
			 rows[i].answer);
		for (char *p = expected; (p = strchr(p, '?'));
		     p++) /* the quotes, as JSON has them */
			memmove(p + 2, p + 1, strlen(p)), p[0] = '\\', p[1] = '"';
		assert_string_equal(last_words(&w, fd), expected);
	}
	assert_int_equal(w.n_calls, 0);
	close_world(&w);
}

static void oversized(void **state)
{
	static char text[PPN_CTL_MAX + 1];
	struct world w;
	int fd;

	open_world(&w, state);
	memset(text, ' ', sizeof(text));
	memcpy(text, "{\"verb\":\"status\"}", 17);
	fd = connect_raw(&w);
	assert_int_equal(send(fd, text, sizeof(text), 0), sizeof(text));
	assert_string_equal(
		last_words(&w, fd),
		"{\"schema\":1,\"exit\":2,\"error\":\"a request has at most 65536 bytes\"}");
	assert_int_equal(w.n_calls, 0);
	fd = connect_raw(&w);
	assert_int_equal(send(fd, text, PPN_CTL_MAX, 0), PPN_CTL_MAX);
	assert_true(strstr(last_words(&w, fd), "\"exit\":0") != NULL);
	assert_int_equal(w.n_calls, 1);
	close_world(&w);
}

static void two_requests(void **state)
{
	struct world w;
	int fd;

	open_world(&w, state);
	fd = connect_raw(&w);
	assert_true(send(fd, "{\"verb\":\"keep\"}", 15, 0) > 0);
	turn(&w);
	assert_int_equal(w.n_kept, 1);
	assert_false(ppn_ctl_gone(w.kept[0]));
	assert_true(send(fd, "{\"verb\":\"keep\"}", 15, 0) > 0);
	turn(&w);
	assert_int_equal(w.n_calls, 1);
	assert_int_equal(w.n_gone, 1);
	assert_string_equal(last_words(&w, fd), "");
	ppn_ctl_answer(w.kept[0], PPN_EXIT_OK, NULL);
	close_world(&w);
}

/* The client hangs up while somebody works on its request. */
static void hang_up(void **state)
{
	struct world w;
	int fd;

	open_world(&w, state);
	fd = connect_raw(&w);
	assert_true(send(fd, "{\"verb\":\"keep\"}", 15, 0) > 0);
	turn(&w);
	assert_int_equal(w.n_kept, 1);
	close(fd);
	turn(&w);
	assert_int_equal(w.n_gone, 1);
	assert_true(ppn_ctl_gone(w.kept[0]));
	ppn_ctl_progress(w.kept[0], json_pack("{}"));
	ppn_ctl_more(w.kept[0], json_pack("{}"));
	turn(&w);
	assert_int_equal(w.n_gone, 1);
	ppn_ctl_answer(w.kept[0], PPN_EXIT_OK, json_pack("{}"));
	close(connect_raw(&w)); /* without a word */
	turn(&w);
	close_world(&w);
}

static void late_answer(void **state)
{
	struct world w;
	int fd;

	open_world(&w, state);
	fd = connect_raw(&w);
	assert_true(send(fd, "{\"verb\":\"keep\"}", 15, 0) > 0);
	turn(&w);
	ppn_ctl_answer(w.kept[0], PPN_EXIT_OK, json_pack("{s:b}", "late", 1));
	assert_string_equal(last_words(&w, fd), "{\"schema\":1,\"exit\":0,\"late\":true}");
	close_world(&w);
}

static void too_many_calls(void **state)
{
	int fds[CALLS], fd;
	struct world w;

	open_world(&w, state);
	for (int i = 0; i < CALLS; i++) {
		fds[i] = connect_raw(&w);
		assert_true(send(fds[i], "{\"verb\":\"keep\"}", 15, 0) > 0);
		turn(&w);
	}
	assert_int_equal(w.n_kept, CALLS);
	fd = connect_raw(&w);
	assert_string_equal(
		last_words(&w, fd),
		"{\"schema\":1,\"exit\":1,\"error\":\"too many requests at once: try again\"}");
	ppn_ctl_answer(w.kept[0], PPN_EXIT_OK, NULL);
	assert_string_equal(last_words(&w, fds[0]), "{\"schema\":1,\"exit\":0}");
	fd = connect_raw(&w); /* there is room again */
	assert_true(send(fd, "{\"verb\":\"status\"}", 17, 0) > 0);
	assert_true(strstr(last_words(&w, fd), "\"exit\":0") != NULL);
	close_world(&w); /* with 31 calls open */
	for (int i = 1; i < CALLS; i++)
		close(fds[i]);
}

/* One says nothing, one takes nothing: both lose their place after five seconds. */
static void impatient(void **state)
{
	struct timeval limit = { .tv_sec = 30 };
	int silent, lazy, turns = 0;
	struct world w;
	char byte;

	open_world(&w, state);
	silent = connect_raw(&w);
	lazy = connect_raw(&w);
	assert_true(send(lazy, "{\"verb\":\"listing\"}", 18, 0) > 0);
	turn(&w);
	assert_int_equal(w.n_calls, 1);
	event_base_loopexit(w.base, &limit);
	while (recv(silent, &byte, 1, 0) < 0 && errno == EAGAIN && turns++ < 1000)
		event_base_loop(w.base, EVLOOP_ONCE);
	assert_int_equal(recv(silent, &byte, 1, 0), 0);
	turn(&w);
	for (turns = 0; recv(lazy, &byte, 1, 0) > 0;) /* what was in flight */
		turns++;
	assert_int_equal(recv(lazy, &byte, 1, 0), 0);
	assert_true(turns < 200);
	close(silent);
	close(lazy);
	close_world(&w);
}

/* The server did something else for longer than it waits for a request: one that came meanwhile is answered. */
static void busy_for_long(void **state)
{
	struct world w;
	int fd, lazy, packets;
	char byte;

	open_world(&w, state);
	fd = connect_raw(&w);
	lazy = connect_raw(&w);
	assert_true(send(lazy, "{\"verb\":\"listing\"}", 18, 0) > 0);
	turn(&w);
	for (int i = 0; i < 3; i++) /* room for some of the rest */
		assert_true(recv(lazy, &byte, 1, 0) > 0);
	assert_true(send(fd, "{\"verb\":\"progress\"}", 19, 0) > 0);
	usleep(5200000);
	turn(&w);
	assert_int_equal(w.n_calls, 2);
	assert_true(recv(fd, &byte, 1, 0) > 0);
	for (packets = 3; recv(lazy, &byte, 1, 0) > 0; packets++)
		turn(&w);
	assert_int_equal(packets, 200 + 1);
	assert_string_equal(w.verb, "progress");
	close(fd);
	close(lazy);
	close_world(&w);
}

/* ---- the path ---- */

static int bind_raw(const struct world *w)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", w->path);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	return fd;
}

static void the_path(void **state)
{
	struct ppn_ctl_server *second = NULL;
	char path[200];
	struct world w;
	struct stat st;
	int fd;

	open_world(&w, state);
	assert_int_equal(stat(w.path, &st), 0);
	assert_true(S_ISSOCK(st.st_mode));
	assert_int_equal(st.st_mode & 0777, 0660);
	assert_int_equal(ppn_ctl_listen(&second, w.base, w.path, NULL, handle, &w), -EADDRINUSE);
	assert_null(second);
	turn(&w);
	ppn_ctl_close(&w.server);
	ppn_ctl_close(&w.server); /* twice is fine */
	assert_int_equal(stat(w.path, &st), -1);

	/* what a killed server left is replaced */
	fd = bind_raw(&w);
	close(fd);
	assert_int_equal(ppn_ctl_listen(&w.server, w.base, w.path, "no such group", handle, &w), 0);
	ppn_ctl_close(&w.server);

	/* a file of another kind is not */
	fd = open(w.path, O_CREAT | O_WRONLY, 0600);
	close(fd);
	assert_int_equal(ppn_ctl_listen(&w.server, w.base, w.path, NULL, handle, &w), -EEXIST);
	assert_int_equal(stat(w.path, &st), 0);
	memset(path, 'p', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(ppn_ctl_listen(&w.server, w.base, path, NULL, handle, &w), -ENAMETOOLONG);
	event_base_free(w.base);
}

static void no_daemon(void **state)
{
	enum ppn_exit code = PPN_EXIT_OK;
	struct world w;
	int fd;

	set_path(&w, state);
	assert_null(ppn_ctl_ask(w.path, json_pack("{s:s}", "verb", "status"), NULL, NULL, &code));
	assert_int_equal(code, PPN_EXIT_NO_DAEMON);
	code = PPN_EXIT_OK;
	/* killed: the path stays, nobody listens */
	fd = bind_raw(&w);
	close(fd);
	assert_null(ppn_ctl_ask(w.path, json_pack("{s:s}", "verb", "status"), NULL, NULL, &code));
	assert_int_equal(code, PPN_EXIT_NO_DAEMON);
}

/* The server ends between question and answer. */
static void daemon_dies(void **state)
{
	struct world w;
	int status;
	pid_t pid;

	open_world(&w, state);
	pid = fork();
	if (pid == 0)
		_exit(ask(w.path, "{\"verb\":\"keep\"}", NULL, PPN_EXIT_FAILURE,
			  (struct parts){ 0 }));
	while (!w.n_kept) {
		event_base_loop(w.base, EVLOOP_NONBLOCK);
		usleep(200);
	}
	close_world(&w);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* Answers that our server would never send. */
static void hostile_server(void **state)
{
	static const char *const packets[] = {
		"x", "[]", "{\"schema\":1,\"exit\":99}", "{\"exit\":\"0\"}", "{\"exit\":-1}", ""
	};
	int listener, fd, status;
	struct world w;

	set_path(&w, state);
	listener = bind_raw(&w);
	assert_int_equal(listen(listener, 4), 0);
	for (size_t i = 0; i < sizeof(packets) / sizeof(packets[0]); i++) {
		pid_t pid = fork();

		if (pid == 0)
			_exit(ask(w.path, "{\"verb\":\"status\"}", NULL, PPN_EXIT_FAILURE,
				  (struct parts){ 0 }));
		fd = accept(listener, NULL, NULL);
		assert_true(send(fd, packets[i], strlen(packets[i]), 0) >= 0);
		close(fd);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		if (WEXITSTATUS(status))
			fail_msg("packet %zu: %d", i, WEXITSTATUS(status));
	}
	close(listener);
}

static void own_errors(void **state)
{
	char *big = malloc(PPN_CTL_MAX + 1);
	enum ppn_exit code = PPN_EXIT_OK;
	struct world w;
	json_t *got;

	open_world(&w, state);
	memset(big, 'x', PPN_CTL_MAX);
	big[PPN_CTL_MAX] = '\0';
	got = ppn_ctl_ask(w.path, json_pack("{s:s, s:s}", "verb", "v", "big", big), NULL, NULL,
			  &code);
	assert_int_equal(code, PPN_EXIT_FAILURE);
	assert_non_null(
		strstr(json_string_value(json_object_get(got, "error")), "Message too long"));
	json_decref(got);
	free(big);
	got = ppn_ctl_ask(w.path, json_pack("{s:s}", "verb", "\xff"), NULL, NULL, &code);
	assert_int_equal(code, PPN_EXIT_USAGE);
	assert_string_equal(json_string_value(json_object_get(got, "error")),
			    "an argument is not UTF-8");
	json_decref(got);
	close_world(&w);
}

#define CTL_TEST(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CTL_TEST(answers),     CTL_TEST(queue_is_bounded), CTL_TEST(malformed),
		CTL_TEST(oversized),   CTL_TEST(two_requests),	   CTL_TEST(hang_up),
		CTL_TEST(late_answer), CTL_TEST(too_many_calls),   CTL_TEST(the_path),
		CTL_TEST(no_daemon),   CTL_TEST(daemon_dies),	   CTL_TEST(hostile_server),
		CTL_TEST(own_errors),  CTL_TEST(impatient),	   CTL_TEST(busy_for_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
