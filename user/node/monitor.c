// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The claim worker's other end: the listening socket, the process, and a table of what it may ask when. A
 * worker that breaks the protocol is killed and started anew; nothing but its connections is lost.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/cleanup.h"
#include "host/clock.h"
#include "host/log.h"
#include "host/packet.h"
#include "lib/crypto.h"
#include "node/spawn.h"
#include "node/tickets.h"

enum {
	BACKOFF_MIN_MS = 100,
	BACKOFF_MAX_MS = 10000,
	SETTLED_MS = 60000, /* a worker that lived this long starts the back-off over */
	TURN_MAX = 32, /* packets handled before others have their turn */
	LOG_EVERY_MS = 1000,
};

struct ppnd_monitor {
	struct ppnd *ppnd;
	int listen_fd, fd, pidfd;
	pid_t pid;
	struct event *readable, *ended, *restart;
	uint64_t started_ms, logged_ms;
	uint32_t backoff_ms;
	struct ppnd_monitor_status status;
	struct ppnd_ticket ticket[PPN_CLAIM_CONNS_MAX];
	uint8_t packet[PPN_WORKER_PACKET_MAX];
};

/* ---- tickets ---- */

static struct ppnd_ticket *find_ticket(struct ppnd_monitor *m, uint32_t conn)
{
	for (size_t i = 0; i < PPN_CLAIM_CONNS_MAX; i++)
		if (m->ticket[i].state != PPND_TICKET_NONE && m->ticket[i].conn == conn)
			return &m->ticket[i];
	return NULL;
}

static struct ppnd_ticket *free_ticket(struct ppnd_monitor *m)
{
	for (size_t i = 0; i < PPN_CLAIM_CONNS_MAX; i++)
		if (m->ticket[i].state == PPND_TICKET_NONE)
			return &m->ticket[i];
	return NULL;
}

static uint32_t live_tickets(const struct ppnd_monitor *m)
{
	uint32_t n = 0;

	for (size_t i = 0; i < PPN_CLAIM_CONNS_MAX; i++)
		n += m->ticket[i].state != PPND_TICKET_NONE;
	return n;
}

/* Strangers decide how often this is said. */
static void refused(struct ppnd_monitor *m, const struct ppnd_ticket *ticket, const char *why)
{
	uint64_t now = ppn_clock_ms(CLOCK_MONOTONIC);

	m->status.refused++;
	snprintf(m->status.last_refused, sizeof(m->status.last_refused), "%s", why);
	if (m->logged_ms && now - m->logged_ms < LOG_EVERY_MS)
		return;
	m->logged_ms = now;
	ppn_log(LOG_NOTICE, "claim port: %s refused: %s", ticket->source, why);
}

/* ---- requests: 0, or -EPROTO for a broken worker ---- */

static int answer(struct ppnd_monitor *m, const struct ppn_worker_message *message)
{
	ssize_t len = ppn_worker_encode(m->packet, sizeof(m->packet), message);
	int err;

	if (len < 0)
		return (int)len;
	err = ppn_packet_send(m->fd, m->packet, len, -1, MSG_DONTWAIT);
	ppn_wipe(m->packet, len);
	return err;
}

static void source_text(char *ret_text, size_t size, const struct ppn_worker_message *ticket)
{
	char text[PPN_ADDRESS_TEXT];

	snprintf(ret_text, size, "%s", ppn_address_text(text, ticket->ticket.source));
}

static int on_ticket(struct ppnd_monitor *m, const struct ppn_worker_message *message, int fd)
{
	struct ppn_worker_message reply = { .type = PPN_WORKER_TICKET_ANSWER,
					    .conn = message->conn };
	const struct ppnd_state *state = &m->ppnd->state;
	struct ppnd_ticket *ticket = free_ticket(m);

	if (fd >= 0 || !ticket || find_ticket(m, message->conn))
		return -EPROTO;
	ppnd_ticket_draw(ticket, message->conn, ppn_clock_ms(CLOCK_MONOTONIC));
	source_text(ticket->source, sizeof(ticket->source), message);
	m->status.accepted++;
	reply.ticket_answer.ok = true;
	reply.ticket_answer.mode = PPN_MODE_PIN;
	memcpy(reply.ticket_answer.fleet, state->fleet, sizeof(state->fleet));
	memcpy(reply.ticket_answer.noise_key, state->identity.noise_key, PPN_KEY_LEN);
	return answer(m, &reply);
}

static int on_prove(struct ppnd_monitor *m, const struct ppn_worker_message *message, int fd)
{
	struct ppn_worker_message reply = { .type = PPN_WORKER_PROVE_ANSWER,
					    .conn = message->conn };
	struct ppnd_ticket *ticket = find_ticket(m, message->conn);
	uint8_t object[PPN_WORKER_NODE_MAX];
	char why[PPN_WHY_LEN] = "the handshake took too long";
	int err;

	if (fd >= 0 || !ticket || ticket->state != PPND_TICKET_DRAWN)
		return -EPROTO;
	if (ppnd_ticket_late(ticket, ppn_clock_ms(CLOCK_MONOTONIC)) ||
	    !ppnd_ticket_prove(m->ppnd, ticket, message, &reply, object, why)) {
		ticket->state = PPND_TICKET_SPENT;
		refused(m, ticket, why);
	}
	err = answer(m, &reply);
	ppn_wipe(&reply, sizeof(reply));
	return err;
}

/* The worker can change nothing in it any more; read once into memory of our own. */
static int read_bundle(int fd, uint32_t len, uint8_t **ret_data)
{
	const int seals = F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK;
	_cleanup_free_ uint8_t *data = NULL;
	struct stat st;
	size_t got = 0;

	if (len == 0 || len > PPN_ROSTER_MAX || fcntl(fd, F_GET_SEALS) < 0 ||
	    (fcntl(fd, F_GET_SEALS) & seals) != seals || fstat(fd, &st) < 0 ||
	    st.st_size != (off_t)len)
		return -EPROTO;
	data = malloc(len);
	if (!data)
		return -ENOMEM;
	while (got < len) {
		ssize_t n = pread(fd, data + got, len - got, got);

		if (n <= 0)
			return -EPROTO;
		got += n;
	}
	*ret_data = TAKE_PTR(data);
	return 0;
}

static int on_commit(struct ppnd_monitor *m, const struct ppn_worker_message *message, int fd)
{
	struct ppn_worker_message reply = { .type = PPN_WORKER_COMMIT_ANSWER,
					    .conn = message->conn };
	struct ppnd_ticket *ticket = find_ticket(m, message->conn);
	bool wants = ticket && (ticket->purpose == PPN_PURPOSE_CLAIM ||
				ticket->purpose == PPN_PURPOSE_ROSTER);
	_cleanup_free_ uint8_t *bundle = NULL;
	struct ppnd_answer words = { 0 };
	uint32_t len = message->commit.bundle_len;
	int err;

	if (!ticket || ticket->state != PPND_TICKET_PROVED || wants != message->commit.has_bundle ||
	    wants != (fd >= 0))
		return -EPROTO;
	err = wants ? read_bundle(fd, len, &bundle) : 0;
	if (err)
		return err;
	if (ppnd_ticket_late(ticket, ppn_clock_ms(CLOCK_MONOTONIC))) {
		ticket->state = PPND_TICKET_SPENT;
		refused(m, ticket, "the claim came too late");
	} else if (!ppnd_ticket_commit(m->ppnd, ticket, message,
				       (struct ppn_bytes){ bundle, wants ? len : 0 }, &words)) {
		/* It has said so to the log, and says it to the authority in these words. */
		m->status.refused++;
		snprintf(m->status.last_refused, sizeof(m->status.last_refused), "%.*s",
			 (int)(words.len - sizeof(struct ppn_answer)),
			 (const char *)words.bytes + sizeof(struct ppn_answer));
	}
	reply.commit_answer.answer = (struct ppn_bytes){ words.bytes, words.len };
	return answer(m, &reply);
}

static int on_done(struct ppnd_monitor *m, const struct ppn_worker_message *message, int fd)
{
	struct ppnd_ticket *ticket = find_ticket(m, message->conn);

	if (fd >= 0)
		return -EPROTO;
	m->status.ended[message->done.end]++;
	if (ticket)
		ppn_wipe(ticket, sizeof(*ticket));
	return 0;
}

static int dispatch(struct ppnd_monitor *m, size_t len, int fd)
{
	static int (*const on[_PPN_WORKER_TYPE_MAX])(
		struct ppnd_monitor * m, const struct ppn_worker_message *message, int fd) = {
		[PPN_WORKER_TICKET] = on_ticket,
		[PPN_WORKER_PROVE] = on_prove,
		[PPN_WORKER_COMMIT] = on_commit,
		[PPN_WORKER_DONE] = on_done,
	};
	_cleanup_free_ uint8_t *packet = malloc(len);
	struct ppn_worker_message message;

	if (!packet)
		return -ENOMEM;
	/* The answer is built in m->packet, and what the message's bytes look into must outlive it. */
	memcpy(packet, m->packet, len);
	if (ppn_worker_decode(&message, packet, len) || !on[message.type])
		return -EPROTO;
	return on[message.type](m, &message, fd);
}

/* ---- the process ---- */

static void schedule(struct ppnd_monitor *m)
{
	struct timeval after;

	if (ppn_clock_ms(CLOCK_MONOTONIC) - m->started_ms > SETTLED_MS)
		m->backoff_ms = BACKOFF_MIN_MS;
	after = (struct timeval){ m->backoff_ms / 1000, m->backoff_ms % 1000 * 1000 };
	m->backoff_ms = m->backoff_ms * 2 > BACKOFF_MAX_MS ? BACKOFF_MAX_MS : m->backoff_ms * 2;
	if (evtimer_add(m->restart, &after) < 0)
		ppn_log(LOG_ERR, "no timer: the claim worker is not started again");
}

/* Everything that belongs to one worker's life. It is dead, or about to be. */
static void let_go(struct ppnd_monitor *m)
{
	if (m->readable)
		event_free(m->readable);
	if (m->ended)
		event_free(m->ended);
	m->readable = m->ended = NULL;
	if (m->fd >= 0)
		close(m->fd);
	if (m->pid > 0) {
		(void)kill(m->pid, SIGKILL); /* may have ended already */
		(void)waitpid(m->pid, NULL, 0);
	}
	if (m->pidfd >= 0)
		close(m->pidfd);
	m->fd = m->pidfd = -1;
	m->pid = 0;
	ppn_wipe(m->ticket, sizeof(m->ticket));
}

static void broken(struct ppnd_monitor *m, const char *what, int err)
{
	ppn_log(LOG_ERR, "claim worker %d: %s%s%s; starting another", (int)m->pid, what,
		err ? ": " : "", err ? strerror(-err) : "");
	m->status.restarts++;
	let_go(m);
	schedule(m);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct ppnd_monitor *m = arg;

	(void)what;
	for (int i = 0; i < TURN_MAX; i++) {
		int passed = -1, err;
		ssize_t len =
			ppn_packet_receive(fd, m->packet, sizeof(m->packet), &passed, MSG_DONTWAIT);

		if (len == -EAGAIN)
			return;
		if (len == 0) {
			broken(m, "closed its socket", 0);
			return;
		}
		err = len < 0 ? (int)len : dispatch(m, len, passed);
		if (passed >= 0)
			close(passed);
		if (err) {
			broken(m, "broke the worker protocol", err);
			return;
		}
	}
}

static void on_ended(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	broken(arg, "ended", 0);
}

static int start_worker(struct ppnd_monitor *m)
{
	const struct ppnd_spawn spawn_as = {
		.program = m->ppnd->worker,
		.user = m->ppnd->config.worker_user,
		.listen_fd = m->listen_fd,
	};
	struct ppnd_spawn spawn = spawn_as;
	int pair[2], err;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	spawn.monitor_fd = pair[1];
	m->started_ms = ppn_clock_ms(CLOCK_MONOTONIC);
	err = ppnd_spawn(&spawn, &m->pid, &m->pidfd);
	close(pair[1]);
	if (err) {
		close(pair[0]);
		return err;
	}
	m->fd = pair[0];
	m->readable = event_new(m->ppnd->base, m->fd, EV_READ | EV_PERSIST, on_readable, m);
	m->ended = event_new(m->ppnd->base, m->pidfd, EV_READ, on_ended, m);
	if (m->readable && m->ended && event_add(m->readable, NULL) == 0 &&
	    event_add(m->ended, NULL) == 0)
		return 0;
	let_go(m);
	return -ENOMEM;
}

static void try_start(struct ppnd_monitor *m)
{
	bool said = m->status.why[0];
	int err = start_worker(m);

	m->status.why[0] = '\0';
	if (!err)
		return;
	snprintf(m->status.why, sizeof(m->status.why), "the claim worker does not start: %s",
		 strerror(-err));
	if (!said)
		ppn_log(LOG_ERR, "%s (user %s, program %s)", m->status.why,
			m->ppnd->config.worker_user,
			m->ppnd->worker ? m->ppnd->worker : PPN_WORKER_PROGRAM);
	schedule(m);
}

static void on_restart(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	try_start(arg);
}

static int listen_on(uint16_t port)
{
	struct sockaddr_in6 any = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	_cleanup_close_ int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	const int on = 1, off = 0;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
	    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)) < 0 ||
	    bind(fd, (struct sockaddr *)&any, sizeof(any)) < 0 ||
	    listen(fd, PPN_CLAIM_CONNS_MAX) < 0)
		return -errno;
	return TAKE_FD(fd);
}

/* In words, what keeps this node from being claimed at all; NULL: nothing. */
static const char *not_claimable(const struct ppnd *ppnd)
{
	if (ppnd_state_claimable(&ppnd->state))
		return NULL;
	if (!ppnd->state.has_identity)
		return "without its identity this node can prove itself to nobody: restore the state folder";
	if (ppnd->state.mode == PPN_MODE_CODE)
		return "no authority was pinned at first boot, and claiming by code comes with a later version";
	return "the pinned root document is missing: restore the state folder";
}

int ppnd_monitor_start(struct ppnd *ppnd)
{
	struct ppnd_monitor *m = ppnd->monitor;
	const char *why = not_claimable(ppnd);

	if (m)
		return 0;
	if (why) {
		ppn_log(LOG_WARNING, "nobody can claim this node: %s", why);
		return 0;
	}
	m = calloc(1, sizeof(*m));
	if (!m)
		return -ENOMEM;
	*m = (struct ppnd_monitor){
		.ppnd = ppnd, .fd = -1, .pidfd = -1, .backoff_ms = BACKOFF_MIN_MS
	};
	m->listen_fd = listen_on(ppnd->config.claim_port);
	m->restart = evtimer_new(ppnd->base, on_restart, m);
	if (m->listen_fd < 0 || !m->restart) {
		int err = m->listen_fd < 0 ? m->listen_fd : -ENOMEM;

		if (m->restart)
			event_free(m->restart);
		if (m->listen_fd >= 0)
			close(m->listen_fd);
		free(m);
		return err;
	}
	m->status.listening = true;
	ppnd->monitor = m;
	try_start(m);
	return 0;
}

void ppnd_monitor_stop(struct ppnd *ppnd)
{
	struct ppnd_monitor *m = ppnd->monitor;

	if (!m)
		return;
	let_go(m);
	event_free(m->restart);
	close(m->listen_fd);
	free(m);
	ppnd->monitor = NULL;
}

void ppnd_monitor_status(const struct ppnd *ppnd, struct ppnd_monitor_status *ret_status)
{
	const struct ppnd_monitor *m = ppnd->monitor;
	const char *why = not_claimable(ppnd);

	memset(ret_status, 0, sizeof(*ret_status));
	if (!m) {
		snprintf(ret_status->why, sizeof(ret_status->why), "%s",
			 why ? why : "not open yet");
		return;
	}
	*ret_status = m->status;
	ret_status->worker_pid = m->pid;
	ret_status->tickets = live_tickets(m);
}
