// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Calls kernel/wireguard and kernel/link for the shell tests, which compare with `wg` and `ip`. Each run
 * is one call. Keys are base64, as wg prints them. Prints what came back; an error goes to stderr as
 * "VERB: ERRNO-NAME" with exit 1.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "kernel/link.h"
#include "kernel/wireguard.h"
#include "lib/crypto.h"

static const char *const backend_names[] = { "none", "kernel", "userspace" };

/* -- arguments -- */

static void die(const char *what)
{
	fprintf(stderr, "wgdrive: bad %s\n", what);
	exit(2);
}

static uint32_t arg_number(const char *text, uint32_t max)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (end == text || *end || value > max)
		die(text);
	return (uint32_t)value;
}

static void arg_key(const char *text, uint8_t *ret_key)
{
	size_t len;

	if (ppn_unbase64(ret_key, PPN_KEY_LEN, &len, text, strlen(text)) || len != PPN_KEY_LEN)
		die("key");
}

/* ADDR/LEN */
static uint8_t arg_prefix(char *text, uint8_t *ret_addr)
{
	char *slash = strchr(text, '/');

	if (!slash)
		die("prefix");
	*slash = '\0';
	if (inet_pton(AF_INET6, text, ret_addr) != 1)
		die("prefix");
	return (uint8_t)arg_number(slash + 1, UINT8_MAX);
}

/* 192.0.2.1:PORT, [ADDR]:PORT, [ADDR%DEV]:PORT, or "-": none. */
static void arg_endpoint(char *text, struct sockaddr_in6 *ret)
{
	char *colon = strrchr(text, ':'), *percent = strchr(text, '%'), v6[64];

	if (!strcmp(text, "-"))
		return;
	if (!colon)
		die("endpoint");
	*colon = '\0';
	ret->sin6_family = AF_INET6;
	ret->sin6_port = htons((uint16_t)arg_number(colon + 1, UINT16_MAX));
	if (*text != '[') {
		snprintf(v6, sizeof(v6), "::ffff:%.40s", text);
	} else {
		colon[-1] = '\0';
		if (percent) {
			*percent = '\0';
			ret->sin6_scope_id = if_nametoindex(percent + 1);
		}
		snprintf(v6, sizeof(v6), "%.50s", text + 1);
	}
	if (inet_pton(AF_INET6, v6, &ret->sin6_addr) != 1)
		die("endpoint");
}

/* KEY ENDPOINT KEEPALIVE PREFIX,PREFIX (or "-") */
static void arg_peer(char *line, struct ppn_wg_peer *ret)
{
	char *save = NULL, *rest = NULL;
	const char *key = strtok_r(line, " \n", &save);
	char *endpoint = strtok_r(NULL, " \n", &save), *keepalive = strtok_r(NULL, " \n", &save);
	char *allowed = strtok_r(NULL, " \n", &save);

	if (!key || !endpoint || !keepalive || !allowed)
		die("peer");
	*ret = (struct ppn_wg_peer){ 0 };
	arg_key(key, ret->key);
	arg_endpoint(endpoint, &ret->endpoint);
	ret->keepalive_s = (uint16_t)arg_number(keepalive, UINT16_MAX);
	if (!strcmp(allowed, "-"))
		return;
	for (char *p = strtok_r(allowed, ",", &rest); p; p = strtok_r(NULL, ",", &rest)) {
		if (ret->n_allowed == PPN_WG_ALLOWED_MAX)
			die("number of prefixes");
		ret->allowed[ret->n_allowed].len = arg_prefix(p, ret->allowed[ret->n_allowed].addr);
		ret->n_allowed++;
	}
}

/* -- wireguard -- */

static int wg_peers(struct ppn_wg *wg)
{
	struct ppn_wg_peer *peers = calloc(PPN_MEMBERS_MAX, sizeof(*peers));
	struct timespec a, b;
	char line[512];
	size_t n = 0, changed = SIZE_MAX;
	int err;

	if (!peers)
		return -ENOMEM;
	while (n < PPN_MEMBERS_MAX && fgets(line, sizeof(line), stdin))
		arg_peer(line, &peers[n++]);
	clock_gettime(CLOCK_MONOTONIC, &a);
	err = ppn_wg_peers(wg, peers, n, &changed);
	clock_gettime(CLOCK_MONOTONIC, &b);
	free(peers);
	if (!err)
		printf("changed %zu\n", changed);
	fprintf(stderr, "%.1f ms\n",
		(double)(b.tv_sec - a.tv_sec) * 1e3 + (double)(b.tv_nsec - a.tv_nsec) / 1e6);
	return err;
}

static const char *base64(const uint8_t *key)
{
	static char text[2][48];
	static unsigned int turn;
	char *out = text[turn++ % 2];

	if (ppn_is_zero(key, PPN_KEY_LEN))
		return "(none)";
	ppn_base64(out, sizeof(text[0]), key, PPN_KEY_LEN);
	return out;
}

static void print_endpoint(const struct sockaddr_in6 *ep)
{
	char text[INET6_ADDRSTRLEN], name[IFNAMSIZ];

	if (!ep->sin6_family) {
		printf("(none)");
	} else if (IN6_IS_ADDR_V4MAPPED(&ep->sin6_addr)) {
		inet_ntop(AF_INET, ep->sin6_addr.s6_addr + 12, text, sizeof(text));
		printf("%s:%u", text, ntohs(ep->sin6_port));
	} else {
		inet_ntop(AF_INET6, &ep->sin6_addr, text, sizeof(text));
		printf("[%s", text);
		if (ep->sin6_scope_id)
			printf("%%%s", if_indextoname(ep->sin6_scope_id, name));
		printf("]:%u", ntohs(ep->sin6_port));
	}
}

static void print_peer(const struct ppn_wg_peer *p)
{
	char text[INET6_ADDRSTRLEN];

	printf("%s\t%s\t", base64(p->key), p->foreign ? "(foreign)" : "(none)");
	print_endpoint(&p->endpoint);
	printf("\t%s", p->n_allowed ? "" : "(none)");
	for (size_t i = 0; i < p->n_allowed; i++) {
		inet_ntop(AF_INET6, p->allowed[i].addr, text, sizeof(text));
		printf("%s%s/%u", i ? "," : "", text, p->allowed[i].len);
	}
	printf("\t%llu\t%llu\t%llu\t", (unsigned long long)p->handshake_s,
	       (unsigned long long)p->rx, (unsigned long long)p->tx);
	if (p->keepalive_s)
		printf("%u\n", p->keepalive_s);
	else
		printf("off\n");
}

/* In the very form of `wg show IF dump`. */
static int wg_dump(struct ppn_wg *wg)
{
	struct ppn_wg_device device;
	int err = ppn_wg_read(wg, &device);

	if (err)
		return err;
	printf("%s\t%s\t%u\toff\n", base64(device.secret), base64(device.key), device.port);
	for (size_t i = 0; i < device.n_peers; i++)
		print_peer(&device.peers[i]);
	ppn_wg_device_free(&device);
	return 0;
}

static int on_device(struct ppn_wg **wg, const char *verb, char **args, int n)
{
	struct ppn_wg_peer peer;
	uint8_t key[PPN_KEY_LEN];

	if (!strcmp(verb, "open") || !strcmp(verb, "hold")) {
		printf("%s %u\n", backend_names[ppn_wg_backend(*wg)], ppn_wg_ifindex(*wg));
		fflush(stdout);
		return *verb == 'o' ? 0 : pause();
	}
	if (!strcmp(verb, "dump"))
		return wg_dump(*wg);
	if (!strcmp(verb, "peers"))
		return wg_peers(*wg);
	/* When stdin ends. */
	if (!strcmp(verb, "delete-later")) {
		puts("ready");
		fflush(stdout);
		while (getchar() != EOF)
			;
	}
	if (!strncmp(verb, "delete", 6))
		return ppn_wg_delete(wg);
	if (!strcmp(verb, "self") && n == 2) {
		arg_key(args[0], key);
		return ppn_wg_self(*wg, key, (uint16_t)arg_number(args[1], UINT16_MAX));
	}
	if (!strcmp(verb, "set") && n == 1) {
		arg_peer(args[0], &peer);
		return ppn_wg_peer_set(*wg, &peer);
	}
	if (!strcmp(verb, "remove") && n == 1) {
		arg_key(args[0], key);
		return ppn_wg_peer_remove(*wg, key);
	}
	die("verb");
	return 0;
}

/* wg BACKEND|any IF VERB ... */
static int do_wg(char **args, int n)
{
	enum ppn_wg_backend force = PPN_WG_NONE;
	struct ppn_wg *wg;
	int err;

	if (n < 3)
		die("arguments");
	for (unsigned int i = PPN_WG_KERNEL; i <= PPN_WG_USERSPACE; i++)
		force = strcmp(args[0], backend_names[i]) ? force : i;
	err = ppn_wg_open(&wg, args[1], force);
	if (err)
		return err;
	err = on_device(&wg, args[2], args + 3, n - 3);
	ppn_wg_close(&wg);
	return err;
}

/* -- link -- */

static uint32_t arg_link(const char *name)
{
	return strcmp(name, "-") ? if_nametoindex(name) : 0;
}

static int link_info(struct ppn_link *link, char **args)
{
	struct ppn_link_info info;
	int err = ppn_link_info(link, arg_link(args[0]), &info);

	if (!err)
		printf("%u %s %s %u %s %02x:%02x:%02x:%02x:%02x:%02x\n", info.ifindex, info.name,
		       *info.driver ? info.driver : "-", info.mtu, info.up ? "up" : "down",
		       info.mac[0], info.mac[1], info.mac[2], info.mac[3], info.mac[4],
		       info.mac[5]);
	return err;
}

static int link_up(struct ppn_link *link, char **args)
{
	return ppn_link_up(link, arg_link(args[0]), true);
}

static int link_down(struct ppn_link *link, char **args)
{
	return ppn_link_up(link, arg_link(args[0]), false);
}

static int link_mtu(struct ppn_link *link, char **args)
{
	return ppn_link_mtu(link, arg_link(args[0]), arg_number(args[1], UINT32_MAX));
}

static int link_address(struct ppn_link *link, char **args)
{
	uint8_t addr[16], len = arg_prefix(args[1], addr);

	return ppn_link_address(link, arg_link(args[0]), addr, len);
}

static int link_fleet(struct ppn_link *link, char **args)
{
	uint8_t prefix[16];

	arg_prefix(args[1], prefix);
	return ppn_link_fleet(link, arg_link(args[0]), prefix);
}

static int link_gone(struct ppn_link *link, char **args)
{
	(void)args;
	return ppn_link_fleet_gone(link);
}

static int link_harden(struct ppn_link *link, char **args)
{
	static const char *const names[] = { "link-local", "static", "dhcp", "slaac" };
	unsigned int underlay = 0;

	while (underlay < 4 && strcmp(args[1], names[underlay]) != 0)
		underlay++;
	return ppn_link_harden(link, arg_link(args[0]), (enum ppn_underlay)underlay);
}

static int link_addresses(struct ppn_link *link, char **args)
{
	size_t n = 0, max = arg_number(args[1], 64);
	char text[INET6_ADDRSTRLEN];
	uint8_t addrs[64][16];
	int err = ppn_link_addresses(link, arg_link(args[0]), addrs, max, &n);

	for (size_t i = 0; !err && i < n; i++)
		puts(inet_ntop(AF_INET6, addrs[i], text, sizeof(text)));
	return err;
}

static void print_change(void *arg, uint32_t ifindex, bool gone)
{
	(void)arg;
	printf("%u %s\n", ifindex, gone ? "gone" : "changed");
	fflush(stdout);
}

/* Until it is killed. */
static int link_watch(struct ppn_link *link, char **args)
{
	struct pollfd wait = { .events = POLLIN };
	int err = ppn_link_watch(link, print_change, NULL);

	(void)args;
	if (!err && ppn_link_watch(link, print_change, NULL) != -EALREADY)
		err = -EBADE;
	wait.fd = ppn_link_watch_fd(link);
	puts("watching");
	fflush(stdout);
	while (!err && poll(&wait, 1, -1) > 0)
		err = ppn_link_watch_dispatch(link);
	return err;
}

static const struct {
	const char *verb;
	int n_args;
	int (*run)(struct ppn_link *link, char **args);
} link_verbs[] = {
	{ "info", 1, link_info },	    { "up", 1, link_up },
	{ "down", 1, link_down },	    { "mtu", 2, link_mtu },
	{ "address", 2, link_address },	    { "fleet", 2, link_fleet },
	{ "fleet-gone", 0, link_gone },	    { "harden", 2, link_harden },
	{ "addresses", 2, link_addresses }, { "watch", 0, link_watch },
};

/* link VERB ... */
static int do_link(char **args, int n)
{
	struct ppn_link *link;
	int err;

	for (size_t i = 0; n > 0 && i < sizeof(link_verbs) / sizeof(link_verbs[0]); i++) {
		if (strcmp(args[0], link_verbs[i].verb) != 0 || n - 1 != link_verbs[i].n_args)
			continue;
		err = ppn_link_open(&link);
		if (!err)
			err = link_verbs[i].run(link, args + 1);
		ppn_link_close(&link);
		return err;
	}
	die("verb");
	return 0;
}

int main(int argc, char **argv)
{
	int err;

	if (argc < 2 || ppn_crypto_init())
		die("arguments");
	if (!strcmp(argv[1], "wg"))
		err = do_wg(argv + 2, argc - 2);
	else
		err = do_link(argv + 2, argc - 2);
	if (err)
		fprintf(stderr, "%s: %s\n", argv[1], strerrorname_np(-err));
	return err ? 1 : 0;
}
