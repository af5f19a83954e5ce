// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* lib/worker and host/packet: what monitor and worker say to each other. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>
#include "host/packet.h"
#include "lib/crypto.h"
#include "lib/worker.h"

static uint8_t big[PPN_WORKER_PACKET_MAX];

#define BYTES(n)       \
	{              \
		big, n \
	}

static const struct ppn_worker_message good[] = {
	{ .type = PPN_WORKER_TICKET, .conn = 1, .ticket = { { 1, 2, 3 }, 9 } },
	{ .type = PPN_WORKER_TICKET_ANSWER, .conn = 2, .ticket_answer = { .ok = false } },
	{ .type = PPN_WORKER_TICKET_ANSWER,
	  .conn = UINT32_MAX,
	  .ticket_answer = { true, PPN_MODE_PIN, { 4 }, { 5 } } },
	{ .type = PPN_WORKER_PROVE, .conn = 3, .prove = { { 6 }, { 7 }, BYTES(1) } },
	{ .type = PPN_WORKER_PROVE,
	  .conn = 3,
	  .prove = { { 6 }, { 7 }, BYTES(PPN_WORKER_CREDENTIALS_MAX) } },
	{ .type = PPN_WORKER_PROVE_ANSWER, .conn = 4, .prove_answer = { .ok = false } },
	{ .type = PPN_WORKER_PROVE_ANSWER,
	  .conn = 4,
	  .prove_answer = { true, PPN_PURPOSE_CLAIM, { 8 }, BYTES(348) } },
	{ .type = PPN_WORKER_PROVE_ANSWER,
	  .conn = 4,
	  .prove_answer = { true, PPN_PURPOSE_DISCHARGE, { 8 }, BYTES(PPN_WORKER_NODE_MAX) } },
	{ .type = PPN_WORKER_COMMIT, .conn = 5, .commit = { { 9 }, BYTES(324), true, 1000 } },
	{ .type = PPN_WORKER_COMMIT, .conn = 5, .commit = { { 9 }, { 0 }, true, PPN_ROSTER_MAX } },
	{ .type = PPN_WORKER_COMMIT,
	  .conn = 5,
	  .commit = { { 9 }, BYTES(PPN_WORKER_OBJECT_MAX), false, 0 } },
	{ .type = PPN_WORKER_COMMIT_ANSWER, .conn = 6 },
	{ .type = PPN_WORKER_COMMIT_ANSWER,
	  .conn = 6,
	  .commit_answer = { BYTES(PPN_WORKER_OBJECT_MAX) } },
	{ .type = PPN_WORKER_DONE, .conn = 7, .done = { PPN_WORKER_END_ANSWERED } },
	{ .type = PPN_WORKER_DONE, .conn = 7, .done = { _PPN_WORKER_END_MAX - 1 } },
};

static const struct ppn_worker_message bad[] = {
	{ .type = PPN_WORKER_NONE, .conn = 1 },
	{ .type = 1, .conn = 1 },
	{ .type = _PPN_WORKER_TYPE_MAX, .conn = 1 },
	{ .type = PPN_WORKER_TICKET, .conn = 0 },
	{ .type = PPN_WORKER_TICKET_ANSWER,
	  .conn = 1,
	  .ticket_answer = { true, PPN_MODE_NONE, { 4 }, { 5 } } },
	{ .type = PPN_WORKER_TICKET_ANSWER, .conn = 1, .ticket_answer = { true, 3, { 4 }, { 5 } } },
	{ .type = PPN_WORKER_PROVE, .conn = 1, .prove = { { 6 }, { 7 }, BYTES(0) } },
	{ .type = PPN_WORKER_PROVE,
	  .conn = 1,
	  .prove = { { 6 }, { 7 }, BYTES(PPN_WORKER_CREDENTIALS_MAX + 1) } },
	{ .type = PPN_WORKER_PROVE_ANSWER,
	  .conn = 1,
	  .prove_answer = { true, PPN_PURPOSE_NONE, { 8 }, BYTES(9) } },
	{ .type = PPN_WORKER_PROVE_ANSWER,
	  .conn = 1,
	  .prove_answer = { true, _PPN_PURPOSE_MAX, { 8 }, BYTES(9) } },
	{ .type = PPN_WORKER_PROVE_ANSWER,
	  .conn = 1,
	  .prove_answer = { true, PPN_PURPOSE_SEAT, { 8 }, BYTES(0) } },
	{ .type = PPN_WORKER_PROVE_ANSWER,
	  .conn = 1,
	  .prove_answer = { false, 0, { 0 }, BYTES(1) } },
	{ .type = PPN_WORKER_PROVE_ANSWER,
	  .conn = 1,
	  .prove_answer = { true, PPN_PURPOSE_SEAT, { 8 }, BYTES(PPN_WORKER_NODE_MAX + 1) } },
	{ .type = PPN_WORKER_COMMIT, .conn = 1, .commit = { { 9 }, { 0 }, false, 0 } },
	{ .type = PPN_WORKER_COMMIT, .conn = 1, .commit = { { 9 }, BYTES(9), false, 1 } },
	{ .type = PPN_WORKER_COMMIT,
	  .conn = 1,
	  .commit = { { 9 }, BYTES(9), true, PPN_ROSTER_MAX + 1 } },
	{ .type = PPN_WORKER_COMMIT,
	  .conn = 1,
	  .commit = { { 9 }, BYTES(PPN_WORKER_OBJECT_MAX + 1), false, 0 } },
	{ .type = PPN_WORKER_COMMIT_ANSWER, .conn = 1, .commit_answer = { BYTES(3) } },
	{ .type = PPN_WORKER_COMMIT_ANSWER,
	  .conn = 1,
	  .commit_answer = { BYTES(PPN_WORKER_OBJECT_MAX + 1) } },
	{ .type = PPN_WORKER_DONE, .conn = 1, .done = { _PPN_WORKER_END_MAX } },
};

#define N(array) (sizeof(array) / sizeof((array)[0]))

static int decode_exact(struct ppn_worker_message *ret, const uint8_t *packet, size_t len)
{
	uint8_t *copy = malloc(len > 0 ? len : 1);
	int err;

	assert_non_null(copy);
	memcpy(copy, packet, len);
	err = ppn_worker_decode(ret, copy, len);
	free(copy);
	return err;
}

static void same_message(const struct ppn_worker_message *a, const struct ppn_worker_message *b)
{
	static uint8_t one[PPN_WORKER_PACKET_MAX], two[PPN_WORKER_PACKET_MAX];
	ssize_t n = ppn_worker_encode(one, sizeof(one), a);

	assert_true(n > 0);
	assert_int_equal(ppn_worker_encode(two, sizeof(two), b), n);
	assert_memory_equal(one, two, (size_t)n);
}

static void round_trip(void **state)
{
	static uint8_t packet[PPN_WORKER_PACKET_MAX];
	struct ppn_worker_message got;

	(void)state;
	for (size_t i = 0; i < N(good); i++) {
		ssize_t len = ppn_worker_encode(packet, sizeof(packet), &good[i]);

		if (len < 0)
			fail_msg("row %zu: %zd", i, len);
		assert_int_equal(ppn_worker_encode(packet, (size_t)len - 1, &good[i]), -EMSGSIZE);
		assert_int_equal(ppn_worker_encode(packet, (size_t)len, &good[i]), len);
		assert_int_equal(ppn_worker_decode(&got, packet, (size_t)len), 0);
		assert_int_equal(got.type, good[i].type);
		assert_int_equal(got.conn, good[i].conn);
		same_message(&got, &good[i]);
	}
}

static void fields(void **state)
{
	uint8_t packet[512];
	struct ppn_worker_message got;
	ssize_t len = ppn_worker_encode(packet, sizeof(packet), &good[8]);

	(void)state;
	assert_int_equal(ppn_worker_decode(&got, packet, (size_t)len), 0);
	assert_int_equal(got.commit.h[0], 9);
	assert_true(got.commit.has_bundle);
	assert_int_equal(got.commit.bundle_len, 1000);
	assert_int_equal(got.commit.object.len, 324);
	assert_ptr_equal(got.commit.object.data, packet + len - 324);
}

static void cannot_be_said(void **state)
{
	static uint8_t packet[PPN_WORKER_PACKET_MAX];

	(void)state;
	for (size_t i = 0; i < N(bad); i++)
		if (ppn_worker_encode(packet, sizeof(packet), &bad[i]) != -EINVAL)
			fail_msg("row %zu", i);
}

/* Cut anywhere, a flipped bit anywhere: refused, or a message that can be said. */
static void damage(void **state)
{
	uint8_t packet[512];
	struct ppn_worker_message got;

	(void)state;
	for (size_t i = 0; i < N(good); i++) {
		ssize_t len = ppn_worker_encode(packet, sizeof(packet), &good[i]);

		for (ssize_t cut = 0; cut < len && cut < 8; cut++)
			assert_int_equal(decode_exact(&got, packet, (size_t)cut), -EBADMSG);
		for (ssize_t bit = 0; bit < len * 8; bit++) {
			packet[bit / 8] ^= (uint8_t)(1 << bit % 8);
			if (ppn_worker_decode(&got, packet, (size_t)len) == 0)
				same_message(&got, &got);
			packet[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
	}
}

/* Whatever encode refuses to say, decode refuses to hear: the bytes are made by hand. */
static void refused(void **state)
{
	static const struct {
		size_t of; /* row of good[] */
		size_t at;
		uint8_t value;
		int longer;
	} rows[] = {
		{ 0, 0, 0, 0 },
		{ 0, 0, 1, 0 },
		{ 0, 0, 9, 0 },
		{ 0, 0, 255, 0 },
		{ 0, 1, 1, 0 },
		{ 0, 3, 1, 0 },
		{ 0, 7, 0, 0 },
		{ 0, 26, 1, 0 },
		{ 0, 0, 2, 1 },
		{ 0, 0, 2, -1 },
		{ 1, 8, 2, 0 },
		{ 1, 9, 1, 0 },
		{ 1, 20, 1, 0 },
		{ 2, 9, 0, 0 },
		{ 2, 9, 3, 0 },
		{ 2, 10, 1, 0 },
		{ 3, 0, 4, -1 },
		{ 5, 9, 1, 0 },
		{ 5, 0, 5, 1 },
		{ 6, 8, 2, 0 },
		{ 6, 9, 0, 0 },
		{ 6, 9, 5, 0 },
		{ 6, 11, 1, 0 },
		{ 8, 44, 2, 0 },
		{ 8, 40, 2, 0 },
		{ 8, 44, 0, 0 },
		{ 8, 45, 1, 0 },
		{ 11, 0, 7, 1 },
		{ 13, 8, _PPN_WORKER_END_MAX, 0 },
		{ 13, 9, 1, 0 },
		{ 13, 0, 8, 1 },
	};
	struct ppn_worker_message got;
	uint8_t packet[512] = { 0 };

	(void)state;
	for (size_t i = 0; i < N(rows); i++) {
		ssize_t len;

		memset(packet, 0, sizeof(packet));
		len = ppn_worker_encode(packet, sizeof(packet), &good[rows[i].of]);
		packet[rows[i].at] = rows[i].value;
		if (decode_exact(&got, packet, (size_t)(len + rows[i].longer)) != -EBADMSG)
			fail_msg("row %zu", i);
	}
}

static void ends(void **state)
{
	(void)state;
	assert_string_equal(ppn_worker_end_text(PPN_WORKER_END_ANSWERED), "answered");
	assert_string_equal(ppn_worker_end_text(PPN_WORKER_END_FAILED), "failure of this machine");
	assert_string_equal(ppn_worker_end_text(_PPN_WORKER_END_MAX), "?");
	assert_string_equal(ppn_worker_end_text((enum ppn_worker_end) - 1), "?");
}

/* ---- host/packet ------------------------------------------------------------------------------- */

static void packets(void **state)
{
	int fds[2], got_fd, pass = open("/dev/null", O_RDONLY | O_CLOEXEC);
	static uint8_t in[PPN_WORKER_PACKET_MAX];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds), 0);
	assert_int_equal(ppn_packet_receive(fds[1], in, sizeof(in), NULL, MSG_DONTWAIT), -EAGAIN);
	assert_int_equal(ppn_packet_send(fds[0], "abc", 3, -1, 0), 0);
	assert_int_equal(ppn_packet_send(fds[0], "defg", 4, pass, 0), 0);
	assert_int_equal(ppn_packet_send(fds[0], "hij", 3, pass, 0), 0);
	assert_int_equal(ppn_packet_send(fds[0], big, sizeof(big), pass, 0), 0);
	assert_int_equal(ppn_packet_receive(fds[1], in, sizeof(in), &got_fd, 0), 3);
	assert_int_equal(got_fd, -1);
	assert_int_equal(ppn_packet_receive(fds[1], in, sizeof(in), &got_fd, 0), 4);
	assert_true(got_fd >= 0 && got_fd != pass);
	assert_int_equal(fcntl(got_fd, F_GETFD), FD_CLOEXEC);
	close(got_fd);
	assert_int_equal(ppn_packet_receive(fds[1], in, sizeof(in), NULL, 0),
			 3); /* its fd is closed */
	assert_int_equal(ppn_packet_receive(fds[1], in, 10, &got_fd, 0), -EMSGSIZE);
	assert_int_equal(got_fd, -1);
	close(fds[0]);
	assert_int_equal(ppn_packet_receive(fds[1], in, sizeof(in), &got_fd, 0), 0);
	assert_int_equal(ppn_packet_send(fds[1], "x", 1, -1, 0), -EPIPE);
	close(fds[1]);
	close(pass);
}

static int count_fds(void)
{
	int n = 0;

	for (int fd = 0; fd < 64; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* Many descriptors at once: one at most is kept. */
static void many_fds(void **state)
{
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(8 * sizeof(int))];
	} control = { 0 };
	struct iovec iov = { "x", 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.space };
	struct cmsghdr *cmsg;
	int fds[2], got_fd, before;
	uint8_t in[8];

	(void)state;
	msg.msg_controllen = sizeof(control.space);
	cmsg = CMSG_FIRSTHDR(&msg);
	cmsg->cmsg_len = CMSG_LEN(8 * sizeof(int));
	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds), 0);
	for (size_t i = 0; i < 8; i++)
		memcpy(CMSG_DATA(cmsg) + i * sizeof(int), &fds[0], sizeof(int));
	assert_int_equal(sendmsg(fds[0], &msg, 0), 1);
	before = count_fds();
	assert_int_equal(ppn_packet_receive(fds[1], in, sizeof(in), &got_fd, 0), 1);
	assert_true(got_fd >= 0);
	assert_int_equal(count_fds(), before + 1);
	close(got_fd);
	close(fds[0]);
	close(fds[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip),	  cmocka_unit_test(fields),
		cmocka_unit_test(cannot_be_said), cmocka_unit_test(damage),
		cmocka_unit_test(refused),	  cmocka_unit_test(ends),
		cmocka_unit_test(packets),	  cmocka_unit_test(many_fds),
	};

	if (ppn_crypto_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
