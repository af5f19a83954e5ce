// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* `ppn seal watch`: samples of what drops, a line each, or a capture file. */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/cli.h"
#include "cli/pcap.h"
#include "host/ctl.h"
#include "lib/crypto.h"
#include "lib/packet_text.h"

struct watch {
	const struct cli *cli;
	struct pcap *pcap;
	int err; /* of the capture file */
};

static void print_sample(const json_t *sample, const uint8_t *frame, size_t len)
{
	const uint64_t at_ns = (uint64_t)cli_number(sample, "at_ns");
	const time_t seconds = (time_t)(at_ns / 1000000000);
	char text[PPN_PACKET_TEXT_LEN], clock[16];
	struct tm tm;

	if (!localtime_r(&seconds, &tm) || !strftime(clock, sizeof(clock), "%H:%M:%S", &tm))
		clock[0] = '\0';
	printf("%s.%03llu %-3s %-10s %-15s %s, %lld bytes%s\n", clock,
	       (unsigned long long)(at_ns / 1000000 % 1000), cli_text(sample, "direction"),
	       cli_text(sample, "interface"), cli_text(sample, "reason"),
	       ppn_packet_text(text, frame, len), (long long)cli_number(sample, "len"),
	       json_is_true(json_object_get(sample, "dropped")) ? "" : " (spared: it observes)");
	fflush(stdout);
}

static json_t *proto_json(uint8_t proto)
{
	switch (proto) {
	case IPPROTO_TCP:
		return json_string("tcp");
	case IPPROTO_UDP:
		return json_string("udp");
	case IPPROTO_ICMP:
		return json_string("icmp");
	case IPPROTO_ICMPV6:
		return json_string("icmpv6");
	default:
		return json_sprintf("%u", proto);
	}
}

/* What ppnd says of it, and what the packet does: ppnd itself reads no packets. */
static void print_json(json_t *sample, const uint8_t *frame, size_t len)
{
	struct ppn_packet_ends ends;

	if (ppn_packet_ends(&ends, frame, len)) {
		json_object_set_new(sample, "proto", proto_json(ends.proto));
		json_object_set_new(sample, "src", json_string(ends.src));
		json_object_set_new(sample, "dst", json_string(ends.dst));
		if (ends.has_ports) {
			json_object_set_new(sample, "sport", json_integer(ends.sport));
			json_object_set_new(sample, "dport", json_integer(ends.dport));
		}
	}
	cli_print(json_incref(sample));
}

static void write_sample(struct watch *watch, const json_t *sample, const uint8_t *frame,
			 size_t len)
{
	char comment[PCAP_COMMENT_MAX];
	const struct pcap_packet packet = {
		.at_ns = (uint64_t)cli_number(sample, "at_ns"),
		.interface = cli_text(sample, "interface"),
		.outwards = strcmp(cli_text(sample, "direction"), "out") == 0,
		.len = (uint32_t)cli_number(sample, "len"),
		.captured = (uint32_t)len,
		.data = frame,
		.comment = comment,
	};

	snprintf(comment, sizeof(comment), "ppn: %s", cli_text(sample, "reason"));
	if (!watch->err)
		watch->err = pcap_write(watch->pcap, &packet);
}

static void on_part(void *arg, const char *kind, json_t *part)
{
	const char *data = cli_text(part, "data");
	struct watch *watch = arg;
	uint8_t frame[PCAP_DATA_MAX];
	size_t len = 0;

	if (strcmp(kind, "progress") != 0 ||
	    ppn_unbase64(frame, sizeof(frame), &len, data, strlen(data)))
		return;
	if (watch->pcap)
		write_sample(watch, part, frame, len);
	else if (watch->cli->json)
		print_json(part, frame, len);
	else
		print_sample(part, frame, len);
}

enum ppn_exit cli_watch(const struct cli *cli)
{
	const long for_s = cli->for_text ? cli_duration(cli->for_text) : 0;
	struct watch watch = { .cli = cli };
	enum ppn_exit code = PPN_EXIT_FAILURE;
	json_t *answer;
	int err;

	if (for_s < 0 || (cli->for_text && !for_s))
		return cli_error(cli, PPN_EXIT_USAGE, "%s is no time, such as 30s or 5m",
				 cli->for_text);
	err = cli->pcap ? pcap_open(&watch.pcap, cli->pcap) : 0;
	if (err)
		return cli_error(cli, PPN_EXIT_FAILURE, "%s: %s", cli->pcap, strerror(-err));
	answer = cli_follow(cli,
			    json_pack("{s:s, s:I}", "verb", "watch", "for_s", (json_int_t)for_s),
			    on_part, &watch, &code);
	err = watch.pcap ? pcap_close(watch.pcap) : 0;
	watch.err = watch.err ? watch.err : err;
	if (watch.err)
		code = cli_error(cli, PPN_EXIT_FAILURE, "%s: %s", cli->pcap, strerror(-watch.err));
	else if (answer && !cli->json)
		fprintf(stderr, "%lld samples%s\n", (long long)cli_number(answer, "seen"),
			cli_number(answer, "lost") ? ", and some that came too fast" : "");
	json_decref(answer);
	return code;
}
