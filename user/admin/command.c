// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Commands out, telemetry in (PROTOCOL 5). A frame for one node goes to every member, so that nobody
 * outside the mesh sees whom it addresses; the same frame is sent again until telemetry tells of it.
 */
#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "admin/service.h"
#include "host/cleanup.h"
#include "host/clock.h"
#include "host/log.h"

#define RESEND_MS 200
#define TIMEOUT_DEFAULT_MS 5000
#define TIMEOUT_MAX_MS 600000
#define BATCH 64 /* datagrams a sendmmsg(2) */

/* One `send` on its way. */
struct command {
	struct ppn_service *service;
	struct command *next;
	struct ppn_ctl_call *call;
	struct event *resend;
	uint8_t identity[PPN_KEY_LEN];
	struct ppn_frame frame;
	uint32_t seq;
	uint64_t sent_ns, until_ms;
	unsigned int times;
};

struct ppn_command_room {
	int fd; /* telemetry in, frames out: both from the seat's own address */
	struct event *readable;
	struct command *commands;
};

/* ---- frames out ---- */

static int send_batch(int fd, const struct ppn_frame *frame, struct sockaddr_in6 *to,
		      unsigned int n)
{
	struct iovec iov = { (void *)frame, sizeof(*frame) };
	struct mmsghdr messages[BATCH] = { 0 };

	for (unsigned int i = 0; i < n; i++) {
		messages[i].msg_hdr.msg_name = &to[i];
		messages[i].msg_hdr.msg_namelen = sizeof(to[i]);
		messages[i].msg_hdr.msg_iov = &iov;
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	/* what does not leave now leaves at the next try: the frame is sent again anyway */
	return sendmmsg(fd, messages, n, MSG_DONTWAIT);
}

static void broadcast(struct command *command)
{
	struct ppn_service *service = command->service;
	const struct ppn_roster *roster = &service->store.roster;
	struct sockaddr_in6 to[BATCH];
	unsigned int n = 0;

	for (uint32_t i = 0; i < roster->n_members; i++) {
		const struct ppn_member *member = &roster->members[i];

		if (!(member->flags & PPN_MEMBER_NODE) ||
		    memcmp(member->serial, service->store.cert.serial, PPN_SERIAL_LEN) == 0)
			continue;
		memset(&to[n], 0, sizeof(to[n]));
		to[n].sin6_family = AF_INET6;
		to[n].sin6_port = htons(PPN_PORT_FRAME);
		ppn_mesh_address(to[n].sin6_addr.s6_addr, service->store.trust.newest.fleet,
				 member->identity, 1);
		if (++n == BATCH) {
			send_batch(service->command->fd, &command->frame, to, n);
			n = 0;
		}
	}
	if (n)
		send_batch(service->command->fd, &command->frame, to, n);
	command->times++;
}

static void forget(struct command *command)
{
	struct command **at = &command->service->command->commands;

	while (*at != command)
		at = &(*at)->next;
	*at = command->next;
	if (command->resend)
		event_free(command->resend);
	ppn_wipe(&command->frame, sizeof(command->frame));
	free(command);
}

static void again(evutil_socket_t fd, short what, void *arg)
{
	struct command *command = arg;

	(void)fd;
	(void)what;
	if (ppn_boottime_ms() < command->until_ms) {
		broadcast(command);
		return;
	}
	ppn_ctl_error(
		command->call, PPN_EXIT_TIMEOUT,
		"no acknowledgement of seq %u, sent %u times: the node may have acted, or not",
		command->seq, command->times);
	forget(command);
}

/* ---- telemetry in ---- */

static const char *result_text(uint16_t code)
{
	static const char *const texts[_PPN_RESULT_MAX] = {
		[PPN_RESULT_NONE] = "?",
		[PPN_RESULT_ACTED_KERNEL] = "acted (kernel)",
		[PPN_RESULT_ACTED] = "acted",
		[PPN_RESULT_FAILED] = "failed on the node",
		[PPN_RESULT_UNSUPPORTED] = "not supported by that node's version",
	};

	return code < _PPN_RESULT_MAX ? texts[code] : "?";
}

static void answer(struct command *command, const struct ppn_result *result)
{
	uint16_t code = be16toh(result->code);
	bool acted = code == PPN_RESULT_ACTED_KERNEL || code == PPN_RESULT_ACTED;
	double ms = (double)(ppn_clock_ns(CLOCK_MONOTONIC) - command->sent_ns) / 1e6;
	char label[10];

	ppn_ctl_answer(command->call, acted ? PPN_EXIT_OK : PPN_EXIT_FAILURE,
		       json_pack("{s:s, s:s, s:s, s:b, s:i, s:f}", "node",
				 ppn_label(label, command->identity), "op",
				 ppn_op_text(command->frame.op), "result", result_text(code),
				 "acted", acted, "seq", (int)command->seq, "ms", ms));
	forget(command);
}

static void match_results(struct ppn_service *service, const struct ppn_pair *pair)
{
	struct command *command = service->command->commands, *next;

	for (; command; command = next) {
		next = command->next;
		if (memcmp(command->identity, pair->identity, PPN_KEY_LEN) != 0)
			continue;
		for (size_t i = 0;
		     i < sizeof(pair->telemetry.results) / sizeof(pair->telemetry.results[0]);
		     i++) {
			const struct ppn_result *result = &pair->telemetry.results[i];

			if (be32toh(result->seq) == command->seq &&
			    result->op == command->frame.op &&
			    be16toh(result->code) != PPN_RESULT_NONE) {
				answer(command, result);
				break;
			}
		}
	}
}

/* The member whose mesh address this is: the tag is checked under that pair's key alone. */
static struct ppn_pair *pair_at(struct ppn_service *service, const struct in6_addr *addr)
{
	uint8_t want[16];

	for (size_t i = 0; i < service->store.n_pairs; i++) {
		ppn_mesh_address(want, service->store.trust.newest.fleet,
				 service->store.pairs[i].identity, 1);
		if (memcmp(want, addr, sizeof(want)) == 0)
			return &service->store.pairs[i];
	}
	return NULL;
}

static void take_telemetry(struct ppn_service *service, const uint8_t *packet, size_t len,
			   const struct sockaddr_in6 *from)
{
	struct ppn_pair *pair = pair_at(service, &from->sin6_addr);
	struct ppn_telemetry telemetry;

	if (!pair || ppn_telemetry_check(packet, len, pair->keys.telemetry, pair->number,
					 pair->telemetry_last, &telemetry) != PPN_CHECK_OK)
		return;
	pair->telemetry = telemetry;
	pair->telemetry_last = (uint64_t)be32toh(telemetry.boots) << 32 | be32toh(telemetry.n);
	pair->telemetry_ms = ppn_boottime_ms();
	match_results(service, pair);
}

static void readable(evutil_socket_t fd, short what, void *arg)
{
	struct sockaddr_in6 from;
	socklen_t from_len = sizeof(from);
	uint8_t packet[sizeof(struct ppn_telemetry) + 1];
	ssize_t n;

	(void)what;
	while ((n = recvfrom(fd, packet, sizeof(packet), MSG_DONTWAIT, (struct sockaddr *)&from,
			     &from_len)) >= 0) {
		take_telemetry(arg, packet, (size_t)n, &from);
		from_len = sizeof(from);
	}
}

int ppn_command_start(struct ppn_service *service)
{
	struct sockaddr_in6 own = { .sin6_family = AF_INET6,
				    .sin6_port = htons(PPN_PORT_TELEMETRY) };
	struct ppn_command_room *room = calloc(1, sizeof(*room));
	const int on = 1;

	if (!room)
		return -ENOMEM;
	service->command = room;
	room->fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (room->fd < 0)
		return -errno;
	/* the address may come later than we do: ppnd's ppn0, after its claim */
	ppn_mesh_seat_address(service, own.sin6_addr.s6_addr);
	if (setsockopt(room->fd, IPPROTO_IPV6, IPV6_FREEBIND, &on, sizeof(on)) < 0 ||
	    bind(room->fd, (struct sockaddr *)&own, sizeof(own)) < 0)
		return -errno;
	room->readable =
		event_new(service->base, room->fd, EV_READ | EV_PERSIST, readable, service);
	if (!room->readable || event_add(room->readable, NULL) < 0)
		return -ENOMEM;
	return 0;
}

void ppn_command_stop(struct ppn_service *service)
{
	struct ppn_command_room *room = service->command;

	if (!room)
		return;
	while (room->commands) {
		ppn_ctl_error(room->commands->call, PPN_EXIT_FAILURE, "the service is ending");
		forget(room->commands);
	}
	if (room->readable)
		event_free(room->readable);
	if (room->fd >= 0)
		close(room->fd);
	free(room);
	service->command = NULL;
}

/* ---- the verb ---- */

static const struct ppn_member *member_for(struct ppn_service *service, struct ppn_ctl_call *call,
					   const char *text)
{
	const struct ppn_member *two = NULL,
				*member = ppn_roster_find(&service->store.roster, text, &two);

	if (!member) {
		ppn_ctl_error(call, PPN_EXIT_FAILURE,
			      "no member %s: `ppn-admin roster show` lists them", text);
		return NULL;
	}
	if (two) {
		char a[52], b[52];

		ppn_ctl_error(call, PPN_EXIT_FAILURE, "%s means two members: %s and %s", text,
			      ppn_symbols(a, 51, member->identity),
			      ppn_symbols(b, 51, two->identity));
		return NULL;
	}
	if (!(member->flags & PPN_MEMBER_NODE) ||
	    memcmp(member->serial, service->store.cert.serial, PPN_SERIAL_LEN) == 0) {
		ppn_ctl_error(call, PPN_EXIT_REFUSED,
			      "%s is this seat itself: frames cross ppn0, and none goes there",
			      text);
		return NULL;
	}
	return member;
}

static int log_sent(struct ppn_service *service, const struct ppn_frame *frame)
{
	struct ppn_entry_command entry = {
		.seq = htobe32(ppn_frame_seq(frame)),
		.op = frame->op,
		.arg = frame->arg,
		.target = htobe32(ppn_frame_target(frame)),
	};

	memcpy(entry.serial, service->store.cert.serial, PPN_SERIAL_LEN);
	return ppn_store_log(&service->store, PPN_ENTRY_SENT, &entry, sizeof(entry));
}

static struct command *new_command(struct ppn_service *service, const struct ppn_pair *pair)
{
	const struct timeval period = { 0, RESEND_MS * 1000 };
	struct command *command = calloc(1, sizeof(*command));

	if (!command)
		return NULL;
	command->service = service;
	memcpy(command->identity, pair->identity, PPN_KEY_LEN);
	command->resend = event_new(service->base, -1, EV_PERSIST, again, command);
	if (!command->resend || event_add(command->resend, &period) < 0) {
		if (command->resend)
			event_free(command->resend);
		free(command);
		return NULL;
	}
	command->next = service->command->commands;
	service->command->commands = command;
	return command;
}

/*
 * The last number that the node obeys. A ppnd that is heard reserves more when a higher one comes; without it
 * the kernel admits what telemetry told last. Never heard since this service started: not known here.
 */
static uint32_t limit_of(const struct ppn_pair *pair)
{
	uint64_t heard = pair->telemetry_ms;

	if (!heard || ppn_boottime_ms() - heard <= PPN_TELEMETRY_LATE_MS)
		return UINT32_MAX;
	return be32toh(pair->telemetry.seq_limit);
}

static void refuse_send(struct ppn_ctl_call *call, const struct ppn_pair *pair, int err)
{
	char label[10];

	if (err == -ERANGE)
		ppn_ctl_error(
			call, PPN_EXIT_FAILURE,
			"nothing was sent: %s obeys frames up to seq %u, all of them are used, and it has not been heard for %u s: more are reserved when its ppnd runs again",
			ppn_label(label, pair->identity), be32toh(pair->telemetry.seq_limit),
			(unsigned int)((ppn_boottime_ms() - pair->telemetry_ms) / 1000));
	else if (err == -EOVERFLOW)
		ppn_ctl_error(
			call, PPN_EXIT_FAILURE,
			"nothing was sent: this pair's sequence numbers are used up: claim the node again");
	else
		ppn_ctl_error(call, PPN_EXIT_FAILURE, "nothing was sent: %s", strerror(-err));
}

static void start_command(struct ppn_service *service, struct ppn_ctl_call *call,
			  struct ppn_pair *pair, uint8_t op, uint8_t arg, uint64_t timeout_ms)
{
	struct command *command = new_command(service, pair);
	int err;

	if (!command) {
		ppn_ctl_error(call, PPN_EXIT_FAILURE, "out of memory");
		return;
	}
	err = ppn_store_seq(&service->store, pair, be32toh(pair->telemetry.seq_next),
			    limit_of(pair), &command->seq);
	if (err == 0) {
		ppn_frame_write(&command->frame, op, pair->number, arg, command->seq,
				pair->keys.command);
		err = log_sent(service, &command->frame); /* before it leaves */
	}
	if (err < 0) {
		forget(command);
		refuse_send(call, pair, err);
		return;
	}
	command->call = call;
	command->until_ms = ppn_boottime_ms() + timeout_ms;
	command->sent_ns = ppn_clock_ns(CLOCK_MONOTONIC);
	broadcast(command);
}

void ppn_command_call(struct ppn_service *service, struct ppn_ctl_call *call, json_t *request)
{
	const char *op_text = "", *node = "";
	json_int_t arg = 0, timeout_ms = TIMEOUT_DEFAULT_MS;
	const struct ppn_member *member;
	struct ppn_pair *pair;
	int op;

	if (json_unpack(request, "{s:s, s:s, s?:I, s?:I}", "op", &op_text, "node", &node, "arg",
			&arg, "timeout_ms", &timeout_ms) < 0 ||
	    arg < 0 || arg > 255 || timeout_ms < 1 || timeout_ms > TIMEOUT_MAX_MS) {
		ppn_ctl_error(call, PPN_EXIT_USAGE,
			      "send wants op, node, and may have arg (0 to 255) and timeout_ms");
		return;
	}
	op = ppn_op_number(op_text);
	if (op < 0) {
		ppn_ctl_error(call, PPN_EXIT_USAGE, "no op %s", op_text);
		return;
	}
	if (!(service->store.cert.rights & PPN_RIGHT_SEND)) {
		ppn_ctl_error(call, PPN_EXIT_REFUSED,
			      "this seat's certificate has no right to send");
		return;
	}
	member = member_for(service, call, node);
	if (!member)
		return;
	pair = ppn_store_pair(&service->store, member->identity);
	if (!pair) {
		ppn_ctl_error(call, PPN_EXIT_REFUSED,
			      "%s was claimed by another seat, and this one has no key with it",
			      node);
		return;
	}
	start_command(service, call, pair, (uint8_t)op, (uint8_t)arg, (uint64_t)timeout_ms);
}
