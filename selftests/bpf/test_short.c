// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Frames that end early. Each kind that a table passes, cut behind every byte from the Ethernet header on, is
 * judged as reference.c says; what has less than an Ethernet header, which BPF_PROG_TEST_RUN refuses, comes
 * through a TUN device with the seal on it.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include <bpf/libbpf.h>
#include "bodies.h"
#include "corpus.h"

/* -- from the Ethernet header on -- */

#define OUT4 .src = "192.0.2.1", .dst = "192.0.2.7"
#define OUT6 .src = "2001:db8::1", .dst = "2001:db8::7"
#define OUTL .src = "fe80::1", .dst = "fe80::7"
#define ALL_NODES .src = "fe80::7", .dst = "ff02::1"
#define REPORT .dst = "ff02::16", .alert = PKT_ALERT_FIRST, .hop = 1, ICMP6(143)
#define IN HARNESS_IN
#define OUT HARNESS_OUT
#define ANY PPN_UNDERLAY_STATIC
#define DHCP PPN_UNDERLAY_DHCP
#define SLAAC PPN_UNDERLAY_SLAAC

static const uint8_t nop_options[] = { 1, 1, 1, 1 };
static uint8_t quote4[4 + 20 + 20], quote6[4 + 40 + 20];

/* The port and the flows that world() has. */
enum { OPEN = 443, DNS = 53, OURS = 40000, THEIRS = 443 };

static const struct frame {
	const char *name;
	enum harness_way way;
	enum ppn_underlay underlay;
	struct pkt_spec spec;
} frames[] = {
	{ "ARP", IN, ANY, { FRAME(ETH_P_ARP), BODY(arp_request) } },
	{ "ARP, padded", IN, ANY, { FRAME(ETH_P_ARP), BODY(arp_reply), .pad = 18 } },
	{ "LACP", IN, ANY, { FRAME(0x8809), BODY(lacp) } },
	{ "EAPOL", IN, ANY, { FRAME(0x888e), BODY(eapol) } },
	{ "TCP, IPv4", IN, ANY, { V4, TCP(OURS, OPEN, SYN), PAYLOAD(40) } },
	{ "TCP, IPv6", IN, ANY, { V6, TCP(OURS, OPEN, SYN), PAYLOAD(40) } },
	{ "TCP behind options",
	  IN,
	  ANY,
	  { V4, TCP(OURS, OPEN, SYN), PAYLOAD(8), .options = nop_options, .options_len = 4 } },
	{ "TCP, a tag", IN, ANY, { V4, TCP(OURS, OPEN, SYN), .vlan = { 0x8100 }, PAYLOAD(20) } },
	{ "TCP, two tags",
	  IN,
	  ANY,
	  { V6, TCP(OURS, OPEN, SYN), .vlan = { 0x88a8, 0x8100 }, PAYLOAD(20) } },
	{ "TCP of a flow, IPv4", IN, ANY, { V4, TCP(THEIRS, OURS, ACK), PAYLOAD(40) } },
	{ "TCP of a flow, IPv6", IN, ANY, { V6, TCP(THEIRS, OURS, ACK), PAYLOAD(40) } },
	{ "UDP", IN, ANY, { V4, UDP(OURS, DNS), PAYLOAD(40) } },
	{ "WireGuard", IN, ANY, { V6, UDP(OURS, HARNESS_WG), PAYLOAD(148) } },
	{ "here", IN, ANY, { LL, UDP(HARNESS_DISCOVERY, HARNESS_DISCOVERY), BODY(here) } },
	{ "NS",
	  IN,
	  ANY,
	  { LL, ICMP6(135), .payload = body_nd_link, .payload_len = BODY_ND_OPTION } },
	{ "NA", IN, ANY, { LL, ICMP6(136), .payload = body_nd_solicited, .payload_len = BODY_ND } },
	{ "NS, a tag", IN, ANY, { LL, ICMP6(135), BODY(nd), .vlan = { 0x8100 } } },
	{ "RA", IN, SLAAC, { ALL_NODES, ICMP6(134), BODY(ra) } },
	{ "MLD", IN, ANY, { .src = "fe80::7", REPORT, BODY(mld2_mdns) } },
	{ "DHCPv4", IN, DHCP, { V4, UDP(67, 68), BODY(bootp_reply) } },
	{ "DHCPv6", IN, DHCP, { LL, UDP(547, 546), BODY(dhcp6_reply) } },
	{ "fragmentation needed",
	  IN,
	  ANY,
	  { V4, ICMP(3, 4), .payload = quote4, .payload_len = sizeof(quote4) } },
	{ "packet too big",
	  IN,
	  ANY,
	  { V6, ICMP6(2), .hop = 60, .payload = quote6, .payload_len = sizeof(quote6) } },
	{ "ARP", OUT, ANY, { FRAME(ETH_P_ARP), BODY(arp_request) } },
	{ "LACP", OUT, ANY, { FRAME(0x8809), BODY(lacp) } },
	{ "EAPOL", OUT, ANY, { FRAME(0x888e), BODY(eapol) } },
	{ "TCP, IPv4", OUT, ANY, { OUT4, TCP(OPEN, OURS, SYN | ACK), PAYLOAD(40) } },
	{ "TCP, IPv6", OUT, ANY, { OUT6, TCP(OPEN, OURS, SYN | ACK), PAYLOAD(40) } },
	{ "TCP, two tags",
	  OUT,
	  ANY,
	  { OUT4, TCP(OPEN, OURS, ACK), .vlan = { 0x88a8, 0x8100 }, PAYLOAD(20) } },
	{ "TCP of a flow", OUT, ANY, { OUT6, TCP(OURS, THEIRS, ACK), PAYLOAD(40) } },
	{ "TCP, a tag, that begins a flow",
	  OUT,
	  ANY,
	  { OUT6, TCP(OURS + 1, THEIRS, SYN), .vlan = { 0x8100 }, PAYLOAD(20) } },
	{ "UDP", OUT, ANY, { OUT4, UDP(DNS, OURS), PAYLOAD(40) } },
	{ "WireGuard", OUT, ANY, { OUT6, UDP(HARNESS_WG, OURS), PAYLOAD(148) } },
	{ "here", OUT, ANY, { OUTL, UDP(HARNESS_DISCOVERY, HARNESS_DISCOVERY), BODY(here) } },
	{ "beacon", OUT, ANY, { OUTL, UDP(HARNESS_DISCOVERY, HARNESS_DISCOVERY), BODY(beacon) } },
	{ "NA",
	  OUT,
	  ANY,
	  { OUTL, ICMP6(136), .payload = body_nd_solicited, .payload_len = BODY_ND } },
	{ "RS", OUT, SLAAC, { .src = "fe80::1", .dst = "ff02::2", ICMP6(133), BODY(rs) } },
	{ "MLD", OUT, ANY, { .src = "fe80::1", REPORT, BODY(mld2_solicited) } },
	{ "DHCPv4", OUT, DHCP, { OUT4, UDP(68, 67), BODY(bootp_request) } },
	{ "DHCPv6", OUT, DHCP, { OUTL, UDP(546, 547), BODY(dhcp6_solicit) } },
};
enum { N_FRAMES = sizeof(frames) / sizeof(frames[0]) };

static void put_flow(struct reference_world *w, bool v4)
{
	struct reference_flow *f = &w->flow[w->n_flows++];
	const int family = v4 ? AF_INET : AF_INET6;

	*f = (struct reference_flow){
		.proto = IPPROTO_TCP,
		.v4 = v4,
		.our_port = OURS,
		.their_port = THEIRS,
		.state = PPN_FLOW_OPEN,
	};
	(void)inet_pton(family, v4 ? "192.0.2.1" : "2001:db8::1", f->ours);
	(void)inet_pton(family, v4 ? "192.0.2.7" : "2001:db8::7", f->theirs);
}

/* Every frame of the list passes in it. */
static void world(struct reference_world *w, const struct frame *frame)
{
	corpus_state = 1;
	corpus_world(w);
	w->column = PPN_COLUMN_BOUND;
	w->isolated = false;
	w->seat = w->pinned = w->fleet = w->lacp = w->eapol = w->lease = w->keeps_flows = true;
	w->underlay = frame->underlay;
	w->n_ports = 2;
	w->port[0] = (struct reference_port){ .proto = IPPROTO_TCP, .port = OPEN };
	w->port[1] = (struct reference_port){ .proto = IPPROTO_UDP, .port = DNS };
	w->n_rules = 1;
	w->rule[0] = (struct reference_port){ .proto = IPPROTO_TCP, .port = THEIRS };
	w->n_flows = 0;
	put_flow(w, true);
	put_flow(w, false);
}

static void quote(void)
{
	const struct pkt_spec sent4 = { OUT4, TCP(OURS, THEIRS, ACK) };
	const struct pkt_spec sent6 = { OUT6, TCP(OURS, THEIRS, ACK) };

	if (pkt_quote(quote4, &sent4) != sizeof(quote4) ||
	    pkt_quote(quote6, &sent6) != sizeof(quote6))
		bail_out("quote");
}

static void put16(uint8_t *at, size_t number)
{
	at[0] = (uint8_t)(number >> 8);
	at[1] = (uint8_t)number;
}

/* A packet that ends where its frame does: what is behind its lengths is asked as well. */
static void fit(struct pkt *p, const struct pkt_spec *spec)
{
	const bool v6 = !spec->ethertype && strchr(spec->src, ':');
	const size_t header = v6 ? 40 : 20;

	if (spec->ethertype || p->len < p->l3 + header)
		return;
	put16(p->data + p->l3 + (v6 ? 4 : 2), p->len - p->l3 - (v6 ? header : 0));
	if (spec->proto == IPPROTO_UDP && p->len >= p->l4 + 8)
		put16(p->data + p->l4 + 4, p->len - p->l4);
}

/* What program and reference say of it, verdict and reason. counts: of the reference so far. *ret_pass: of both. */
static bool agree(struct harness *h, enum harness_way way, struct reference_world *w,
		  const struct pkt *p, uint64_t counts[_PPN_REASON_MAX], bool *ret_pass)
{
	const struct reference_verdict want = way == HARNESS_IN ?
						      reference_seal(w, p->data, p->len) :
						      reference_egress(w, p->data, p->len);
	const bool pass = harness_verdict(h, way, p->data, p->len);

	counts[want.reason]++;
	*ret_pass = pass;
	(void)harness_drain(h);
	if (pass == want.pass && harness_count(h, way, want.reason) == counts[want.reason])
		return true;
	tap_note("%zu bytes: %s, by the reference %s by %s", p->len, pass ? "pass" : "drop",
		 want.pass ? "pass" : "drop", harness_reason_name((int)want.reason));
	return false;
}

static void check_cuts(struct harness *h, const struct frame *frame)
{
	uint64_t counts[_PPN_REASON_MAX];
	static struct reference_world w;
	bool ok = true, pass = false;
	struct pkt p;
	size_t len;

	world(&w, frame);
	corpus_set(h, &w);
	harness_counts(h, frame->way, counts);
	memset(counts, 0, sizeof(counts));
	pkt_build(&frame->spec, &p);
	len = p.len;
	for (int fitted = 0; fitted < 2; fitted++)
		for (size_t n = ETH_HLEN; n <= len; n++) {
			pkt_build(&frame->spec, &p);
			p.len = n;
			if (fitted)
				fit(&p, &frame->spec);
			if (harness_refuses(frame->way, p.data, p.len))
				continue;
			if (!agree(h, frame->way, &w, &p, counts, &pass)) {
				ok = false;
				break;
			}
		}
	/* The last was whole. */
	tap_ok(ok && pass, "%s, %s, cut behind each byte of %zu",
	       frame->way == HARNESS_IN ? "in" : "out", frame->name, len);
}

/* -- less than an Ethernet header -- */

static void set_flags(const char *name, short flags)
{
	const int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq req = { .ifr_flags = flags };

	(void)strncpy(req.ifr_name, name, IFNAMSIZ - 1);
	if (s < 0 || ioctl(s, SIOCSIFFLAGS, &req))
		bail_out("TUN device up");
	close(s);
}

/* With a protocol before each packet: the device then asks nothing of its first byte. */
static int open_tun(const char *name)
{
	const int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	struct ifreq req = { .ifr_flags = IFF_TUN };

	(void)strncpy(req.ifr_name, name, IFNAMSIZ - 1);
	if (fd < 0 || ioctl(fd, TUNSETIFF, &req))
		bail_out("TUN device");
	set_flags(name, IFF_UP | IFF_NOARP);
	return fd;
}

static int open_tap(int ifindex)
{
	const struct sockaddr_ll at = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = ifindex,
	};
	const int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, htons(ETH_P_ALL));

	if (fd < 0 || bind(fd, (const struct sockaddr *)&at, sizeof(at)))
		bail_out("packet socket");
	return fd;
}

/* What came in since the last call. */
static unsigned int came_up(int tap)
{
	struct sockaddr_ll from;
	socklen_t len = sizeof(from);
	unsigned int n = 0;
	uint8_t packet[64];

	while (recvfrom(tap, packet, sizeof(packet), 0, (struct sockaddr *)&from, &len) >= 0)
		n += from.sll_pkttype != PACKET_OUTGOING;
	return n;
}

/* The first len bytes of an ARP request. */
static bool send_short(int tun, size_t len)
{
	const struct pkt_spec spec = { FRAME(ETH_P_ARP), BODY(arp_request) };
	uint8_t packet[sizeof(struct tun_pi) + ETH_HLEN];
	const struct tun_pi head = { .proto = htons(ETH_P_ARP) };
	struct pkt p;

	pkt_build(&spec, &p);
	memcpy(packet, &head, sizeof(head));
	memcpy(packet + sizeof(head), p.data, len);
	return write(tun, packet, sizeof(head) + len) == (ssize_t)(sizeof(head) + len);
}

/* flags: which of the seal's two ways says it, the quick one or that of the rows. */
static void check_runts(struct harness *h, int tun, int tap, uint32_t flags, const char *words)
{
	unsigned int sent = 0, passed = 0;
	uint64_t counts[_PPN_REASON_MAX];

	harness_policy(h, PPN_COLUMN_BOUND, flags);
	harness_counts(h, HARNESS_IN, counts);
	for (size_t len = 0; len < ETH_HLEN; len++)
		sent += send_short(tun, len);
	passed = came_up(tap);
	harness_counts(h, HARNESS_IN, counts);
	tap_ok(sent >= ETH_HLEN - 1 && !passed && counts[PPN_REASON_SHORT] == sent,
	       "%s: %u packets of 0 to 13 bytes, %llu too short, %u passed", words, sent,
	       (unsigned long long)counts[PPN_REASON_SHORT], passed);
}

static void check_tun(struct harness *h)
{
	static const char name[] = "short";
	const int tun = open_tun(name), ifindex = (int)if_nametoindex(name);
	const int tap = open_tap(ifindex);
	unsigned int sent = 0, passed;

	(void)came_up(tap);
	for (size_t len = 0; len < ETH_HLEN; len++)
		sent += send_short(tun, len);
	passed = came_up(tap);
	/* Nobody is shown one of no bytes. */
	tap_ok(passed >= ETH_HLEN - 1, "no seal: %u of %u come up", passed, sent);
	if (bpf_xdp_attach(ifindex, harness_program(h, HARNESS_IN), XDP_FLAGS_SKB_MODE, NULL))
		bail_out("attach XDP");
	harness_ifindex(h, (uint32_t)ifindex);
	harness_iface(h, PPN_UNDERLAY_STATIC, 0);
	check_runts(h, tun, tap, 0, "quick");
	check_runts(h, tun, tap, PPN_POLICY_WATCH, "rows");
	close(tap);
	close(tun);
}

int main(void)
{
	struct harness *h = harness_open(NULL);

	bodies_fill();
	quote();
	tap_plan(N_FRAMES + 3);
	for (size_t i = 0; i < N_FRAMES; i++)
		check_cuts(h, &frames[i]);
	check_tun(h);
	harness_close(h);
	return tap_end();
}
