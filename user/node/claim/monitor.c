// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <event2/event.h>
#include <sys/socket.h>
#include "host/log.h"
#include "host/packet.h"
#include "lib/crypto.h"
#include "node/claim/claim.h"

/* ppnd is gone or broken: there is nothing left to serve, and nothing to lose. */
static void lost(struct claim *claim, int err)
{
	claim->err = err;
	event_base_loopbreak(claim->base);
}

void claim_monitor_send(struct claim *claim, const struct ppn_worker_message *message, int pass_fd)
{
	ssize_t len = ppn_worker_encode(claim->packet, sizeof(claim->packet), message);
	int err = len < 0 ? (int)len :
			    ppn_packet_send(claim->monitor_fd, claim->packet, (size_t)len, pass_fd,
					    0);

	if (err == -EPIPE || err == -ECONNRESET)
		lost(claim, 0);
	else if (err)
		lost(claim, ppn_log_errno(LOG_ERR, err, "message %d to ppnd", message->type));
}

void claim_monitor_done(struct claim *claim, uint32_t number, enum ppn_worker_end end)
{
	const struct ppn_worker_message done = { .type = PPN_WORKER_DONE,
						 .conn = number,
						 .done.end = end };

	claim_monitor_send(claim, &done, -1);
}

/* An answer to a connection that ended meanwhile is dropped. */
static void dispatch(struct claim *claim, const struct ppn_worker_message *answer)
{
	for (size_t i = 0; i < PPN_CLAIM_CONNS_MAX; i++) {
		struct claim_conn *conn = &claim->conns[i];

		if (conn->claim && conn->number == answer->conn) {
			claim_conn_answer(conn, answer);
			return;
		}
	}
}

static bool is_answer(enum ppn_worker_type type)
{
	return type % 2 == 1;
}

static void on_answer(evutil_socket_t fd, short what, void *arg)
{
	struct ppn_worker_message answer;
	struct claim *claim = arg;
	ssize_t len =
		ppn_packet_receive(fd, claim->packet, sizeof(claim->packet), NULL, MSG_DONTWAIT);

	(void)what;
	if (len == -EAGAIN)
		return;
	if (len <= 0) {
		lost(claim, len == -ECONNRESET ? 0 : (int)len);
		return;
	}
	if (ppn_worker_decode(&answer, claim->packet, (size_t)len) < 0 || !is_answer(answer.type)) {
		lost(claim, ppn_log_errno(LOG_ERR, -EBADMSG, "packet of %zd bytes from ppnd", len));
		return;
	}
	dispatch(claim, &answer);
	ppn_wipe(&answer, sizeof(answer)); /* se */
	ppn_wipe(claim->packet, (size_t)len);
}

int claim_monitor_start(struct claim *claim)
{
	claim->answers =
		event_new(claim->base, claim->monitor_fd, EV_READ | EV_PERSIST, on_answer, claim);
	return claim->answers && event_add(claim->answers, NULL) == 0 ? 0 : -ENOMEM;
}

void claim_monitor_stop(struct claim *claim)
{
	if (claim->answers)
		event_free(claim->answers);
	claim->answers = NULL;
	ppn_wipe(claim->packet, sizeof(claim->packet));
}
