/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * ppnd.conf (ppnd(8)) as a struct. Every key has a row in config.c; anything wrong in a file is an error that
 * names file and line.
 */
#ifndef PPN_NODE_CONFIG_H
#define PPN_NODE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <net/if.h>
#include <ppn/ctl.h>
#include <ppn/wire.h>
#include "kernel/datapath.h"
#include "kernel/wireguard.h"

enum ppnd_config_limit {
	PPND_EXTERNAL_MAX = 32, /* patterns of `external` */
	PPND_PATTERN_LEN = 64,
	PPND_RESCUE_MAX = 32, /* prefixes over all [rescue] lines */
	PPND_UNDERLAY_MAX = 32, /* lines of [underlay] */
	PPND_METRICS_MAX = 4,
	PPND_WINDOW_MAX_S = 3600,
};

enum ppnd_seal_choice {
	PPND_SEAL_AUTO = 0, /* enforce, but observe on a first start with an inbound session */
	PPND_SEAL_ENFORCE = 1,
	PPND_SEAL_OBSERVE = 2,
};

struct ppnd_underlay {
	char ifname[IFNAMSIZ];
	enum ppn_underlay underlay;
};

/* Where the counters can be read (metrics.c). */
enum ppnd_metrics_kind {
	PPND_METRICS_NONE = 0,
	PPND_METRICS_UNIX,
	PPND_METRICS_V4, /* 127.0.0.1 */
	PPND_METRICS_V6, /* ::1 */
	PPND_METRICS_MESH, /* this node's mesh address */
};

struct ppnd_metrics_at {
	enum ppnd_metrics_kind kind;
	uint16_t port; /* host order; of unix 0 */
};

struct ppnd_config {
	enum ppn_posture posture;
	enum ppn_wg_backend backend; /* PPN_WG_NONE: auto */
	enum ppnd_seal_choice seal;
	bool guests_pass; /* frames of a bridge's guests pass its sealed ports, counted */
	bool share; /* an interface's XDP hook is shared by libxdp's dispatcher */
	bool dot1x; /* EAPOL passes */
	bool metadata; /* once bound, the cloud's metadata service may be asked */
	uint32_t beacon_window_s;
	uint16_t wireguard_port, claim_port;
	char worker_user[32];
	char mesh_device[IFNAMSIZ];
	size_t n_external, n_rescue, n_underlay;
	char external[PPND_EXTERNAL_MAX][PPND_PATTERN_LEN];
	struct ppn_open_port rescue[PPND_RESCUE_MAX];
	struct ppnd_underlay underlay[PPND_UNDERLAY_MAX];
	size_t n_metrics;
	struct ppnd_metrics_at metrics[PPND_METRICS_MAX];
};

void ppnd_config_default(struct ppnd_config *ret_config);
/* 0; -ENOENT: no such file; another -errno; each with the sentence in ret_why. */
int ppnd_config_read(struct ppnd_config *ret_config, const char *path, char ret_why[static 256]);
/* "tcp/PORT" or "udp/PORT" into proto and port; a prefix into prefix and prefix_len. -EINVAL: ret_why has why. */
int ppnd_config_service(struct ppn_open_port *row, const char *text, char ret_why[static 160]);
int ppnd_config_prefix(struct ppn_open_port *row, const char *text, char ret_why[static 160]);
/* Of this interface: its line, else the posture's default (cloud: dhcp; others: link-local). */
enum ppn_underlay ppnd_config_underlay(const struct ppnd_config *config, const char *ifname);

#endif
