// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What the seal decides by time and by the kernel's TCP: rates of what may pass, and SYN cookies at the
 * claim port.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "bodies.h"

/* -- rates -- */

struct limit {
	const char *name;
	struct pkt_spec packet, other; /* from one source, and from another */
	uint32_t flags, with;
	unsigned int burst;
	enum ppn_reason pass;
};

#define NS(s) .src = (s), .dst = "fe80::1", ICMP6(135), BODY(nd)
#define QUERY(s) .src = (s), .dst = "ff02::1", ICMP6(130), BODY(mld_any), .alert = 1
#define BEACON(s) \
	.src = (s), .dst = "ff02::1", UDP(9442, HARNESS_DISCOVERY), BODY(beacon), .hop = 255
#define RA(s) .src = (s), .dst = "ff02::1", ICMP6(134), BODY(ra)
#define CLAIM(s, d) .src = (s), .dst = (d), TCP(40000, HARNESS_CLAIM, SYN)
#define ERROR4(s) .src = (s), .dst = "127.0.0.1", ICMP(3, 4), BODY(quote_claim4)

/* clang-format off */
static const struct limit limits[] = {
	{ "ARP", { FRAME(ETH_P_ARP), BODY(arp_request) },
	  { FRAME(ETH_P_ARP), BODY(arp_request), PATCH(L3, 8, 4) }, 0, 0, 200, PPN_REASON_PASS_ARP },
	{ "ND", { NS("fe80::7") }, { NS("fe80::8") }, 0, 0, 200, PPN_REASON_PASS_ND },
	{ "MLD", { QUERY("fe80::7") }, { QUERY("fe80::8") }, 0, 0, 40, PPN_REASON_PASS_MLD },
	{ "RA", { RA("fe80::7") }, { RA("fe80::8") }, 0, WITH_SLAAC, 8, PPN_REASON_PASS_RA },
	{ "beacon", { BEACON("fe80::7") }, { BEACON("fe80::8") }, 0, 0, 16, PPN_REASON_BEACON },
	{ "frag-needed", { ERROR4("192.0.2.9") }, { ERROR4("192.0.2.8") }, 0, 0, 20, PPN_REASON_PASS_PTB },
	{ "SYN", { CLAIM("192.0.2.7", "192.0.2.1") }, { CLAIM("192.0.2.8", "192.0.2.1") },
	  PPN_POLICY_CLAIM, 0, 40, PPN_REASON_PASS_SYN },
	{ "SYN over IPv6", { CLAIM("2001:db8::7", "2001:db8::1") }, { CLAIM("2001:db8:0:1::7", "2001:db8::1") },
	  PPN_POLICY_CLAIM, 0, 40, PPN_REASON_PASS_SYN },
};
/* clang-format on */
enum { N_LIMITS = sizeof(limits) / sizeof(limits[0]) };

static void send_many(struct harness *h, const struct pkt_spec *spec, unsigned int n,
		      uint64_t counts[_PPN_REASON_MAX])
{
	struct pkt p;

	pkt_build(spec, &p);
	harness_counts(h, HARNESS_IN, counts);
	for (unsigned int i = 0; i < n; i++)
		(void)harness_verdict(h, HARNESS_IN, p.data, p.len);
	harness_counts(h, HARNESS_IN, counts);
	(void)harness_drain(h);
}

/* Within three seconds: the slowest class gets a token in a quarter of one. */
static bool passes_again(struct harness *h, const struct limit *limit)
{
	const struct timespec pause = { .tv_nsec = 20000000 };
	struct pkt p;

	pkt_build(&limit->packet, &p);
	for (int i = 0; i < 150; i++) {
		if (harness_run(h, HARNESS_IN, p.data, p.len).reason == (int)limit->pass)
			return true;
		(void)nanosleep(&pause, NULL);
	}
	return false;
}

static void check_limit(struct harness *h, const struct limit *limit)
{
	uint64_t counts[_PPN_REASON_MAX];
	uint64_t passed;

	harness_policy(h, PPN_COLUMN_HOLDING, limit->flags);
	harness_iface(h, limit->with & WITH_SLAAC ? PPN_UNDERLAY_SLAAC : 0, 0);
	send_many(h, &limit->packet, 3 * limit->burst, counts);
	passed = counts[limit->pass];
	/* What came back while they were sent. */
	tap_ok(passed >= limit->burst && passed <= limit->burst + limit->burst / 4 &&
		       passed + counts[PPN_REASON_RATE] == 3 * limit->burst,
	       "%s: %llu of %u at once", limit->name, (unsigned long long)passed, 3 * limit->burst);
	send_many(h, &limit->other, 1, counts);
	tap_ok(counts[limit->pass] == 1, "%s: another source is not held back", limit->name);
	tap_ok(passes_again(h, limit), "%s: passes again after a while", limit->name);
}

/* What drops for another reason takes no token. */
static void check_drop_path(struct harness *h)
{
	const struct pkt_spec syn = { CLAIM("192.0.2.77", "192.0.2.1") };
	uint64_t counts[_PPN_REASON_MAX];

	harness_policy(h, PPN_COLUMN_HOLDING, 0);
	send_many(h, &syn, 1000, counts);
	tap_ok(counts[PPN_REASON_CLAIM_SHUT] == 1000, "SYN: a thousand to a shut port");
	harness_policy(h, PPN_COLUMN_HOLDING, PPN_POLICY_CLAIM);
	send_many(h, &syn, 40, counts);
	tap_ok(counts[PPN_REASON_PASS_SYN] == 40, "SYN: what dropped took no token");
}

/* Hosts of one /64 are one source. */
static void check_prefix(struct harness *h)
{
	const struct pkt_spec one = { CLAIM("2001:db8:9::1", "2001:db8::1") };
	const struct pkt_spec two = { CLAIM("2001:db8:9::2", "2001:db8::1") };
	uint64_t counts[_PPN_REASON_MAX];

	send_many(h, &one, 80, counts);
	send_many(h, &two, 20, counts);
	tap_ok(counts[PPN_REASON_RATE] >= 18, "SYN: a /64 is one source");
}

/* A thousand routers on one link are none: together they get what a link's routers get. */
static void check_routers(struct harness *h)
{
	const struct limit again = { .packet = { RA("fe80::7") }, .pass = PPN_REASON_PASS_RA };
	unsigned int passed = 0, limited = 0;
	char source[32];
	struct pkt p;

	harness_policy(h, PPN_COLUMN_HOLDING, 0);
	harness_iface(h, PPN_UNDERLAY_SLAAC, 0);
	for (unsigned int i = 0; i < 1000; i++) {
		const struct pkt_spec ra = { RA(source) };

		(void)snprintf(source, sizeof(source), "fe80::1:%x", i + 1);
		pkt_build(&ra, &p);
		switch (harness_run(h, HARNESS_IN, p.data, p.len).reason) {
		case PPN_REASON_PASS_RA:
			passed++;
			break;
		case PPN_REASON_RATE:
			limited++;
		}
	}
	tap_ok(passed >= 20 && passed <= 100 && passed + limited == 1000,
	       "RA: %u of 1000 routers of one link", passed);
	tap_ok(passes_again(h, &again), "RA: one passes again after a while");
}

/* -- one honest source among a million forged ones -- */

enum { FORGED = 1000000, HONEST_EVERY_MS = 100 };

static uint64_t now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* At its quota of ten a second, while each forged source comes once. */
static void check_honest(struct harness *h)
{
	const struct pkt_spec spec = { CLAIM("192.0.2.91", "192.0.2.1") };
	uint64_t counts[_PPN_REASON_MAX], due = now_ms();
	unsigned int sent = 0, passed = 0;
	struct pkt honest, forged;
	uint32_t source = 1;

	harness_policy(h, PPN_COLUMN_HOLDING, PPN_POLICY_CLAIM);
	pkt_build(&spec, &honest);
	pkt_build(&spec, &forged);
	harness_counts(h, HARNESS_IN, counts);
	for (uint32_t i = 0; i < FORGED; i++) {
		source = source * 1664525 + 1013904223;
		memcpy(forged.data + forged.l3 + 12, &source, sizeof(source));
		(void)harness_verdict(h, HARNESS_IN, forged.data, forged.len);
		if (i % 64 || now_ms() < due)
			continue;
		due += HONEST_EVERY_MS;
		sent++;
		passed += harness_verdict(h, HARNESS_IN, honest.data, honest.len);
	}
	tap_ok(sent >= 5 && passed == sent,
	       "among %u forged sources %u of %u from an honest one pass", (unsigned int)FORGED,
	       passed, sent);
}

/* A second of one source from two CPUs: the rate once, and what may come at once. */
struct flood {
	pthread_t thread;
	struct harness *h;
	const struct pkt *packet;
	int cpu;
};

static void *flood(void *arg)
{
	const struct flood *f = arg;
	const uint64_t end = now_ms() + 1000;
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET((size_t)f->cpu, &one);
	if (pthread_setaffinity_np(pthread_self(), sizeof(one), &one))
		return NULL;
	while (now_ms() < end)
		(void)harness_verdict(f->h, HARNESS_IN, f->packet->data, f->packet->len);
	return arg;
}

static void check_two_cpus(struct harness *h)
{
	const struct pkt_spec spec = { NS("fe80::c0") };
	struct flood floods[2] = { { .h = h, .cpu = 0 }, { .h = h, .cpu = 1 } };
	uint64_t counts[_PPN_REASON_MAX], start = now_ms(), most;
	struct pkt p;
	void *ret;
	bool both = true;

	pkt_build(&spec, &p);
	harness_counts(h, HARNESS_IN, counts);
	for (int i = 0; i < 2; i++) {
		floods[i].packet = &p;
		if (pthread_create(&floods[i].thread, NULL, flood, &floods[i]))
			bail_out("pthread_create");
	}
	for (int i = 0; i < 2; i++)
		both &= !pthread_join(floods[i].thread, &ret) && ret;
	most = 200 + (now_ms() - start) * 100 / 1000;
	harness_counts(h, HARNESS_IN, counts);
	if (!both)
		tap_note("only one CPU: the other thread did not run");
	tap_ok(counts[PPN_REASON_PASS_ND] * 10 <= most * 11 &&
		       counts[PPN_REASON_PASS_ND] * 10 >= most * 9 &&
		       counts[PPN_REASON_RATE] > most,
	       "from two CPUs %llu pass, the rate says %llu",
	       (unsigned long long)counts[PPN_REASON_PASS_ND], (unsigned long long)most);
}

/* -- SYN cookies -- */

enum { RAW_PORT = 50000, RAW_SEQ = 1000 };

struct segment {
	uint16_t source, dest;
	uint32_t seq, ack;
	uint8_t offset, flags;
	uint16_t window, check, urgent;
};

static uint16_t checksum4(const struct segment *s, uint32_t saddr, uint32_t daddr)
{
	struct {
		uint32_t saddr, daddr;
		uint16_t proto, len;
		struct segment s;
	} whole = { saddr, daddr, htons(IPPROTO_TCP), htons(sizeof(*s)), *s };
	uint16_t word;
	uint32_t sum = 0;

	for (size_t i = 0; i < sizeof(whole); i += 2) {
		memcpy(&word, (const uint8_t *)&whole + i, sizeof(word));
		sum += word;
	}
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t) ~((sum & 0xffff) + (sum >> 16));
}

/* The next SYN ACK to RAW_PORT; what else a raw socket is shown is passed over. */
static uint32_t receive_cookie(int s, int family)
{
	uint8_t buf[512];
	struct segment seg;
	struct pollfd p = { .fd = s, .events = POLLIN };

	while (poll(&p, 1, 3000) == 1) {
		const ssize_t n = recv(s, buf, sizeof(buf), 0);
		const size_t at = family == AF_INET ? (size_t)(buf[0] & 15) * 4 : 0;

		if (n < (ssize_t)(at + sizeof(seg)))
			continue;
		memcpy(&seg, buf + at, sizeof(seg));
		if (seg.dest == htons(RAW_PORT) && seg.flags == (SYN | ACK))
			return ntohl(seg.seq);
	}
	errno = ETIMEDOUT;
	bail_out("no SYN ACK");
}

/* Opens a connection by hand up to the SYN ACK, whose sequence number is the cookie. */
static uint32_t get_cookie(int family)
{
	struct sockaddr_in a4 = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	struct sockaddr_in6 a6 = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	struct segment syn = { .source = htons(RAW_PORT),
			       .dest = htons(HARNESS_CLAIM),
			       .seq = htonl(RAW_SEQ),
			       .offset = 5 << 4,
			       .flags = SYN,
			       .window = htons(1000) };
	const int s = socket(family, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_TCP), at = 16;
	uint32_t cookie;

	if (s < 0 ||
	    (family == AF_INET6 && setsockopt(s, IPPROTO_IPV6, IPV6_CHECKSUM, &at, sizeof(at))))
		bail_out("raw socket");
	if (family == AF_INET)
		syn.check = checksum4(&syn, a4.sin_addr.s_addr, a4.sin_addr.s_addr);
	if (sendto(s, &syn, sizeof(syn), 0, family == AF_INET ? (void *)&a4 : (void *)&a6,
		   family == AF_INET ? sizeof(a4) : sizeof(a6)) != sizeof(syn))
		bail_out("send a SYN");
	cookie = receive_cookie(s, family);
	close(s);
	return cookie;
}

static int last_segment(struct harness *h, int family, uint8_t flags, uint32_t ack)
{
	const char *addr = family == AF_INET ? "127.0.0.1" : "::1";
	const struct pkt_spec spec = { .src = addr,
				       .dst = addr,
				       TCP(RAW_PORT, HARNESS_CLAIM, flags) };
	const uint32_t numbers[2] = { htonl(RAW_SEQ + 1), htonl(ack) };
	struct pkt p;

	pkt_build(&spec, &p);
	memcpy(p.data + p.l4 + 4, numbers, sizeof(numbers));
	return harness_run(h, HARNESS_IN, p.data, p.len).reason;
}

static void always_cookies(void)
{
	FILE *f = fopen("/proc/sys/net/ipv4/tcp_syncookies", "w");

	if (!f || fputs("2", f) < 0 || fclose(f))
		bail_out("tcp_syncookies");
}

static void check_cookie(struct harness *h, int family, const char *name)
{
	const uint32_t cookie = get_cookie(family);

	harness_policy(h, PPN_COLUMN_HOLDING, PPN_POLICY_CLAIM);
	tap_ok(last_segment(h, family, ACK, cookie + 1) == PPN_REASON_PASS_CLAIM,
	       "cookie over %s: the ACK of a good one passes", name);
	tap_ok(last_segment(h, family, ACK, cookie + 0x10002) == PPN_REASON_CLAIM_NO_SOCKET,
	       "cookie over %s: a guessed one drops", name);
	tap_ok(last_segment(h, family, ACK | RST, cookie + 1) == PPN_REASON_CLAIM_NO_SOCKET,
	       "cookie over %s: a reset drops", name);
	harness_policy(h, PPN_COLUMN_BLIND, PPN_POLICY_CLAIM);
	tap_ok(last_segment(h, family, ACK, cookie + 1) == PPN_REASON_CLAIM_NO_SOCKET,
	       "cookie over %s: blind, a good one drops", name);
}

int main(void)
{
	struct harness *h = harness_open(&(struct harness_options){ .rates = true });

	tap_plan(3 * N_LIMITS + 3 + 2 + 2 + 8);
	bodies_fill();
	bodies_connect();
	for (size_t i = 0; i < N_LIMITS; i++)
		check_limit(h, &limits[i]);
	check_drop_path(h);
	check_prefix(h);
	check_routers(h);
	check_honest(h);
	check_two_cpus(h);
	always_cookies();
	check_cookie(h, AF_INET, "IPv4");
	check_cookie(h, AF_INET6, "IPv6");
	harness_close(h);
	return tap_end();
}
