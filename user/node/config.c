// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "node/config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fnmatch.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/ini.h"
#include "lib/wire.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

struct word {
	const char *text;
	int value;
};

static const struct word posture_words[] = {
	{ "onprem", PPN_POSTURE_ONPREM },
	{ "leased", PPN_POSTURE_LEASED },
	{ "cloud", PPN_POSTURE_CLOUD },
};
static const struct word backend_words[] = {
	{ "auto", PPN_WG_NONE },
	{ "kernel", PPN_WG_KERNEL },
	{ "userspace", PPN_WG_USERSPACE },
};
static const struct word seal_words[] = {
	{ "auto", PPND_SEAL_AUTO },
	{ "enforce", PPND_SEAL_ENFORCE },
	{ "observe", PPND_SEAL_OBSERVE },
};
static const struct word guests_words[] = {
	{ "seal", 0 },
	{ "pass", 1 },
};
static const struct word yes_words[] = {
	{ "no", 0 },
	{ "yes", 1 },
};
static const struct word underlay_words[] = {
	{ "link-local", PPN_UNDERLAY_LINK_LOCAL },
	{ "static", PPN_UNDERLAY_STATIC },
	{ "dhcp", PPN_UNDERLAY_DHCP },
	{ "slaac", PPN_UNDERLAY_SLAAC },
};

/* ---- values ---- */

static int take_word(int *ret_value, const struct word *words, size_t n, const char *value,
		     char ret_why[static 160])
{
	size_t len;

	for (size_t i = 0; i < n; i++)
		if (strcmp(words[i].text, value) == 0) {
			*ret_value = words[i].value;
			return 0;
		}
	len = snprintf(ret_why, 160, "one of");
	for (size_t i = 0; i < n && len < 150; i++)
		len += snprintf(ret_why + len, 160 - len, "%s %s", i ? "," : "", words[i].text);
	return -EINVAL;
}

static int take_number(uint32_t *ret_value, const char *value, uint32_t min, uint32_t max,
		       char ret_why[static 160])
{
	char *end;
	unsigned long number;

	errno = 0;
	number = strtoul(value, &end, 10);
	if (errno || *value < '0' || *value > '9' || *end || number < min || number > max) {
		snprintf(ret_why, 160, "a number from %u to %u", min, max);
		return -EINVAL;
	}
	*ret_value = number;
	return 0;
}

static int take_port(uint16_t *ret_port, const char *value, char ret_why[static 160])
{
	uint32_t port;
	int err = take_number(&port, value, 1, 65535, ret_why);

	if (!err)
		*ret_port = port;
	return err;
}

/* The next comma-separated word of *at, without blanks; NULL at the end. */
static char *next_item(char **at)
{
	char *item = strsep(at, ","), *end;

	if (!item)
		return NULL;
	item += strspn(item, " \t");
	end = item + strlen(item);
	while (end > item && (end[-1] == ' ' || end[-1] == '\t'))
		*--end = '\0';
	return item;
}

int ppnd_config_prefix(struct ppn_open_port *ret_row, const char *text, char ret_why[static 160])
{
	char address[INET6_ADDRSTRLEN];
	const char *slash = strchr(text, '/');
	size_t len = slash ? (size_t)(slash - text) : strlen(text);
	uint32_t bits = 128, base = memchr(text, ':', len) ? 0 : 96;
	uint8_t addr[16];

	snprintf(ret_why, 160, "%.60s is no prefix, such as 192.0.2.0/24 or 2001:db8::/32", text);
	if (len >= sizeof(address))
		return -EINVAL;
	snprintf(address, sizeof(address), "%.*s", (int)len, text);
	if (ppn_address_read(addr, address))
		return -EINVAL;
	if (slash && take_number(&bits, slash + 1, 0, 128 - base, ret_why)) {
		snprintf(ret_why, 160, "%.60s: the length of a prefix is a number from 0 to %u",
			 text, 128 - base);
		return -EINVAL;
	}
	if (slash)
		bits += base;
	for (uint32_t i = bits; i < 128; i++)
		if (addr[i / 8] & (0x80 >> i % 8)) {
			snprintf(ret_why, 160, "%.60s has bits set behind its length", text);
			return -EINVAL;
		}
	memcpy(ret_row->prefix, addr, sizeof(addr));
	ret_row->prefix_len = bits;
	return 0;
}

/* ---- keys ---- */

#define WORD_SETTER(name, field, words)                                                          \
	static int name(void *arg, const char *key, const char *value, char ret_why[static 160]) \
	{                                                                                        \
		struct ppnd_config *config = arg;                                                \
		int number, err = take_word(&number, words, COUNT(words), value, ret_why);       \
                                                                                                 \
		(void)key;                                                                       \
		if (!err)                                                                        \
			config->field = number;                                                  \
		return err;                                                                      \
	}
WORD_SETTER(set_posture, posture, posture_words)
WORD_SETTER(set_backend, backend, backend_words)
WORD_SETTER(set_seal, seal, seal_words)
WORD_SETTER(set_guests, guests_pass, guests_words)
WORD_SETTER(set_share, share, yes_words)
WORD_SETTER(set_dot1x, dot1x, yes_words)
WORD_SETTER(set_metadata, metadata, yes_words)

/* What no interface is called, or every one: a line that cannot mean what it says. */
static int check_pattern(const char *pattern, char ret_why[static 160])
{
	static const char *const probes[] = { "lo", "eth0", "wlp3s0", "docker0" };
	const bool wild = strpbrk(pattern, "*?[") != NULL;
	size_t hits = 0;

	for (size_t i = 0; i < COUNT(probes); i++)
		hits += fnmatch(pattern, probes[i], 0) == 0;
	if (hits == COUNT(probes)) {
		snprintf(ret_why, 160,
			 "%.60s matches every interface, inner ones too: name those that "
			 "lead outside",
			 pattern);
		return -EINVAL;
	}
	if (strpbrk(pattern, "/ \t:") || (!wild && strlen(pattern) >= IFNAMSIZ) ||
	    strcmp(pattern, "lo") == 0) {
		snprintf(ret_why, 160, "%.60s can match no interface", pattern);
		return -EINVAL;
	}
	return 0;
}

static int set_external(void *arg, const char *key, const char *value, char ret_why[static 160])
{
	struct ppnd_config *config = arg;
	char copy[256], *at = copy, *item;

	(void)key;
	snprintf(copy, sizeof(copy), "%s", value);
	while ((item = next_item(&at))) {
		if (!*item || strlen(item) >= PPND_PATTERN_LEN) {
			snprintf(ret_why, 160, "interface names or patterns, separated by commas");
			return -EINVAL;
		}
		if (check_pattern(item, ret_why))
			return -EINVAL;
		if (config->n_external == PPND_EXTERNAL_MAX) {
			snprintf(ret_why, 160, "at most %d patterns", PPND_EXTERNAL_MAX);
			return -EINVAL;
		}
		snprintf(config->external[config->n_external++], PPND_PATTERN_LEN, "%s", item);
	}
	return 0;
}

static int set_window(void *arg, const char *key, const char *value, char ret_why[static 160])
{
	(void)key;
	return take_number(&((struct ppnd_config *)arg)->beacon_window_s, value, 0,
			   PPND_WINDOW_MAX_S, ret_why);
}

static int set_wireguard_port(void *arg, const char *key, const char *value,
			      char ret_why[static 160])
{
	(void)key;
	return take_port(&((struct ppnd_config *)arg)->wireguard_port, value, ret_why);
}

static int set_claim_port(void *arg, const char *key, const char *value, char ret_why[static 160])
{
	(void)key;
	return take_port(&((struct ppnd_config *)arg)->claim_port, value, ret_why);
}

static int set_worker_user(void *arg, const char *key, const char *value, char ret_why[static 160])
{
	struct ppnd_config *config = arg;
	const struct passwd *user;

	(void)key;
	if (!*value || strlen(value) >= sizeof(config->worker_user)) {
		snprintf(ret_why, 160, "the name of a user");
		return -EINVAL;
	}
	user = getpwnam(value);
	if (!user || user->pw_uid == 0) {
		snprintf(ret_why, 160,
			 user ? "%.100s is root: a user that owns nothing" :
				"no user %.100s on this machine",
			 value);
		return -EINVAL;
	}
	snprintf(config->worker_user, sizeof(config->worker_user), "%s", value);
	return 0;
}

static int set_stealth(void *arg, const char *key, const char *value, char ret_why[static 160])
{
	(void)arg;
	(void)key;
	if (strcmp(value, "no") == 0)
		return 0;
	snprintf(ret_why, 160,
		 "only `no` in this version: an unbound node's claim port answers "
		 "without a knock");
	return -EINVAL;
}

static bool good_device(const char *name)
{
	return *name && strlen(name) < IFNAMSIZ && !strpbrk(name, "/ \t:%") &&
	       strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

static int set_device(void *arg, const char *key, const char *value, char ret_why[static 160])
{
	struct ppnd_config *config = arg;

	(void)key;
	if (!good_device(value) || strcmp(value, "lo") == 0) {
		snprintf(ret_why, 160, "the name of a device to be made, at most 15 bytes, not lo");
		return -EINVAL;
	}
	snprintf(config->mesh_device, sizeof(config->mesh_device), "%s", value);
	return 0;
}

static int take_metrics(struct ppnd_metrics_at *ret_at, const char *text, char ret_why[static 160])
{
	static const struct {
		const char *before;
		enum ppnd_metrics_kind kind;
	} rows[] = { { "127.0.0.1:", PPND_METRICS_V4 },
		     { "[::1]:", PPND_METRICS_V6 },
		     { "mesh:", PPND_METRICS_MESH } };

	*ret_at = (struct ppnd_metrics_at){ .kind = PPND_METRICS_UNIX };
	if (strcmp(text, "unix") == 0)
		return 0;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const size_t len = strlen(rows[i].before);

		ret_at->kind = rows[i].kind;
		if (strncmp(text, rows[i].before, len) == 0)
			return take_port(&ret_at->port, text + len, ret_why);
	}
	snprintf(ret_why, 160,
		 "unix, 127.0.0.1:PORT, [::1]:PORT or mesh:PORT: nobody outside reads metrics");
	return -EINVAL;
}

static int set_metrics(void *arg, const char *key, const char *value, char ret_why[static 160])
{
	struct ppnd_config *config = arg;
	char copy[256], *at = copy, *item;
	int err = 0;

	(void)key;
	snprintf(copy, sizeof(copy), "%s", value);
	while (!err && (item = next_item(&at))) {
		if (config->n_metrics == PPND_METRICS_MAX) {
			snprintf(ret_why, 160, "at most %d places", PPND_METRICS_MAX);
			return -EINVAL;
		}
		err = take_metrics(&config->metrics[config->n_metrics++], item, ret_why);
	}
	return err;
}

/* KEY is proto/port. */
int ppnd_config_service(struct ppn_open_port *ret_row, const char *key, char ret_why[static 160])
{
	if (strncmp(key, "tcp/", 4) == 0)
		ret_row->proto = IPPROTO_TCP;
	else if (strncmp(key, "udp/", 4) == 0)
		ret_row->proto = IPPROTO_UDP;
	if (ret_row->proto && !take_port(&ret_row->port, key + 4, ret_why))
		return 0;
	snprintf(ret_why, 160, "the key is tcp/PORT or udp/PORT");
	return -EINVAL;
}

/* A row takes PPN_PORT_PREFIXES; no packet on a wire has these for a source. */
static int check_rescue(const struct ppnd_config *config, const struct ppn_open_port *row,
			const char *text, char ret_why[static 160])
{
	static const uint8_t none[16];
	const bool v4 = row->prefix_len >= 96 && ppn_address_is_v4(row->prefix);
	const uint8_t first = row->prefix[v4 ? 12 : 0];
	size_t n = 0;

	for (size_t i = 0; i < config->n_rescue; i++)
		n += config->rescue[i].proto == row->proto && config->rescue[i].port == row->port;
	if (n == PPN_PORT_PREFIXES)
		snprintf(ret_why, 160, "at most %d prefixes for a port", PPN_PORT_PREFIXES);
	else if ((v4 && row->prefix_len >= 104 && (first == 127 || first == 0)) ||
		 (v4 && row->prefix_len >= 100 && first >= 224) || (!v4 && first == 0xff) ||
		 (!v4 && row->prefix_len >= 127 && !memcmp(row->prefix, none, 15)))
		snprintf(ret_why, 160, "nobody outside can have %.60s for a source", text);
	else
		return 0;
	return -EINVAL;
}

static int set_rescue(void *arg, const char *key, const char *value, char ret_why[static 160])
{
	struct ppnd_config *config = arg;
	struct ppn_open_port row = { .kind = PPN_PORT_RESCUE };
	char copy[256], *at = copy, *item;
	int err = ppnd_config_service(&row, key, ret_why);

	snprintf(copy, sizeof(copy), "%s", value);
	while (!err && (item = next_item(&at))) {
		err = ppnd_config_prefix(&row, item, ret_why);
		if (!err)
			err = check_rescue(config, &row, item, ret_why);
		if (err)
			break;
		if (config->n_rescue == PPND_RESCUE_MAX) {
			snprintf(ret_why, 160, "at most %d prefixes in [rescue]", PPND_RESCUE_MAX);
			return -EINVAL;
		}
		config->rescue[config->n_rescue++] = row;
	}
	return err;
}

static int set_underlay(void *arg, const char *key, const char *value, char ret_why[static 160])
{
	struct ppnd_config *config = arg;
	struct ppnd_underlay *row = &config->underlay[config->n_underlay];
	int number, err;

	if (config->n_underlay == PPND_UNDERLAY_MAX || !good_device(key)) {
		snprintf(ret_why, 160, "the key is the name of an interface, at most %d of them",
			 PPND_UNDERLAY_MAX);
		return -EINVAL;
	}
	err = take_word(&number, underlay_words, COUNT(underlay_words), value, ret_why);
	if (err)
		return err;
	snprintf(row->ifname, sizeof(row->ifname), "%s", key);
	row->underlay = number;
	config->n_underlay++;
	return 0;
}

static const struct ppn_ini_key keys[] = {
	{ "node", "posture", set_posture },
	{ "node", "external", set_external },
	{ "node", "beacon_window", set_window },
	{ "node", "wireguard_port", set_wireguard_port },
	{ "node", "claim_port", set_claim_port },
	{ "node", "backend", set_backend },
	{ "node", "worker_user", set_worker_user },
	{ "node", "stealth", set_stealth },
	{ "seal", "mode", set_seal },
	{ "seal", "guests", set_guests },
	{ "seal", "share", set_share },
	{ "seal", "dot1x", set_dot1x },
	{ "seal", "metadata", set_metadata },
	{ "mesh", "device", set_device },
	{ "metrics", "listen", set_metrics },
	{ "rescue", "*", set_rescue },
	{ "underlay", "*", set_underlay },
};

void ppnd_config_default(struct ppnd_config *ret_config)
{
	*ret_config = (struct ppnd_config){
		.posture = PPN_POSTURE_ONPREM,
		.beacon_window_s = 5,
		.wireguard_port = PPN_PORT_WIREGUARD,
		.claim_port = PPN_PORT_CLAIM,
		.worker_user = "nobody",
		.mesh_device = "ppn0",
	};
}

/* Ports of the node itself. TCP and UDP each have their own. */
struct own_port {
	uint8_t proto;
	uint16_t port;
	const char *what;
};

static int check_ports(const struct ppnd_config *config, const char *path, char ret_why[static 256])
{
	const struct own_port own[] = {
		{ IPPROTO_UDP, config->wireguard_port, "WireGuard's port" },
		{ IPPROTO_UDP, PPN_PORT_DISCOVERY, "the discovery port" },
		{ IPPROTO_TCP, config->claim_port, "the claim port" },
	};
	char key[16];

	if (config->wireguard_port == PPN_PORT_DISCOVERY) {
		snprintf(ret_why, 256, "%s:%u: wireguard_port: %u is the discovery port", path,
			 ppn_ini_where(path, "node", "wireguard_port"), config->wireguard_port);
		return -EINVAL;
	}
	for (size_t i = 0; i < config->n_rescue; i++)
		for (size_t j = 0; j < COUNT(own); j++) {
			const struct ppn_open_port *row = &config->rescue[i];

			if (row->proto != own[j].proto || row->port != own[j].port)
				continue;
			snprintf(key, sizeof(key), "%s/%u",
				 row->proto == IPPROTO_TCP ? "tcp" : "udp", row->port);
			snprintf(ret_why, 256, "%s:%u: %s: is %s: it has rules of its own", path,
				 ppn_ini_where(path, "rescue", key), key, own[j].what);
			return -EINVAL;
		}
	return 0;
}

/* One device is either the way out or the mesh. */
static int check_mesh(const struct ppnd_config *config, const char *path, char ret_why[static 256])
{
	for (size_t i = 0; i < config->n_external; i++) {
		if (fnmatch(config->external[i], config->mesh_device, 0))
			continue;
		snprintf(ret_why, 256, "%s:%u: external: %.60s also names the mesh's own device %s",
			 path, ppn_ini_where(path, "node", "external"), config->external[i],
			 config->mesh_device);
		return -EINVAL;
	}
	return 0;
}

int ppnd_config_read(struct ppnd_config *ret_config, const char *path, char ret_why[static 256])
{
	struct ppnd_config config;
	int err;

	ppnd_config_default(&config);
	err = ppn_ini_read(path, keys, COUNT(keys), &config, ret_why);
	if (!err)
		err = check_ports(&config, path, ret_why);
	if (!err)
		err = check_mesh(&config, path, ret_why);
	if (!err)
		*ret_config = config;
	return err;
}

enum ppn_underlay ppnd_config_underlay(const struct ppnd_config *config, const char *ifname)
{
	for (size_t i = 0; i < config->n_underlay; i++)
		if (strcmp(config->underlay[i].ifname, ifname) == 0)
			return config->underlay[i].underlay;
	return config->posture == PPN_POSTURE_CLOUD ? PPN_UNDERLAY_DHCP : PPN_UNDERLAY_LINK_LOCAL;
}
