// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/service.h"
#include "host/ini.h"
#include "kernel/wireguard.h"

#define CONFIG_FILE PPN_SYSCONFDIR "/ppn-admin.conf"

static int refuse(char ret_why[static 160], const char *what, const char *value)
{
	snprintf(ret_why, 160, "%s: %.80s", what, value);
	return -EINVAL;
}

static int set_name(char ret_name[static IFNAMSIZ], const char *value, char ret_why[static 160])
{
	if (value[0] == '\0' || strlen(value) >= IFNAMSIZ || strchr(value, '/'))
		return refuse(ret_why, "not an interface name", value);
	snprintf(ret_name, IFNAMSIZ, "%s", value);
	return 0;
}

static int set_port(uint16_t *ret_port, const char *value, char ret_why[static 160])
{
	unsigned long port;

	if (ppn_number(value, 1, 65535, &port) < 0)
		return refuse(ret_why, "a port is 1 to 65535, not", value);
	*ret_port = (uint16_t)port;
	return 0;
}

/* Words separated by blanks or commas, one call each. */
static int each_word(struct ppn_admin_config *config, const char *value, char ret_why[static 160],
		     int (*take)(struct ppn_admin_config *config, const char *word,
				 char ret_why[static 160]))
{
	char text[256], *save = NULL;

	snprintf(text, sizeof(text), "%s", value);
	for (char *word = strtok_r(text, " ,", &save); word; word = strtok_r(NULL, " ,", &save)) {
		int err = take(config, word, ret_why);

		if (err < 0)
			return err;
	}
	return 0;
}

static int take_link(struct ppn_admin_config *config, const char *word, char ret_why[static 160])
{
	if (config->n_links == PPN_BEACON_LINKS_MAX)
		return refuse(ret_why, "more interfaces than a seat announces on", word);
	return set_name(config->links[config->n_links++], word, ret_why);
}

static int take_endpoint(struct ppn_admin_config *config, const char *word,
			 char ret_why[static 160])
{
	struct ppn_endpoint *endpoint = &config->endpoint[config->n_endpoints];

	if (config->n_endpoints == PPN_SEAT_ENDPOINTS_MAX)
		return refuse(ret_why, "more endpoints than a member may have", word);
	if (ppn_address_read(endpoint->addr, word) < 0)
		return refuse(ret_why, "not an IPv4 or IPv6 address", word);
	config->n_endpoints++;
	return 0;
}

static int set_links(void *config, const char *key, const char *value, char ret_why[static 160])
{
	(void)key;
	return each_word(config, value, ret_why, take_link);
}

static int set_endpoint(void *config, const char *key, const char *value, char ret_why[static 160])
{
	(void)key;
	return each_word(config, value, ret_why, take_endpoint);
}

static int set_device(void *config, const char *key, const char *value, char ret_why[static 160])
{
	(void)key;
	return set_name(((struct ppn_admin_config *)config)->device, value, ret_why);
}

static int set_wg_port(void *config, const char *key, const char *value, char ret_why[static 160])
{
	(void)key;
	return set_port(&((struct ppn_admin_config *)config)->wg_port, value, ret_why);
}

static int set_claim_port(void *config, const char *key, const char *value,
			  char ret_why[static 160])
{
	(void)key;
	return set_port(&((struct ppn_admin_config *)config)->claim_port, value, ret_why);
}

static int set_backend(void *config, const char *key, const char *value, char ret_why[static 160])
{
	static const struct {
		const char *word;
		enum ppn_wg_backend backend;
	} words[] = {
		{ "auto", PPN_WG_NONE },
		{ "kernel", PPN_WG_KERNEL },
		{ "userspace", PPN_WG_USERSPACE },
	};

	(void)key;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(words[i].word, value) == 0) {
			((struct ppn_admin_config *)config)->backend = words[i].backend;
			return 0;
		}
	}
	return refuse(ret_why, "auto, kernel or userspace, not", value);
}

static const struct ppn_ini_key keys[] = {
	{ "beacon", "interfaces", set_links }, { "mesh", "device", set_device },
	{ "mesh", "port", set_wg_port },       { "mesh", "endpoint", set_endpoint },
	{ "mesh", "backend", set_backend },    { "claim", "port", set_claim_port },
};

int ppn_admin_config_read(struct ppn_admin_config *ret_config, const char *path,
			  char ret_why[static 256])
{
	struct ppn_admin_config config = {
		.device = "ppn0",
		.wg_port = PPN_PORT_WIREGUARD,
		.claim_port = PPN_PORT_CLAIM,
	};
	int err = ppn_ini_read(path ? path : CONFIG_FILE, keys, sizeof(keys) / sizeof(keys[0]),
			       &config, ret_why);

	if (err == -ENOENT && path)
		snprintf(ret_why, 256, "%.200s: not there", path);
	if (err < 0 && (err != -ENOENT || path))
		return err;
	for (size_t i = 0; i < config.n_endpoints; i++)
		config.endpoint[i].port = htons(config.wg_port);
	*ret_config = config;
	return 0;
}
