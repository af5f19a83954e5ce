/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * `ppn-admin run`: one process, one event loop, one store. Locked, it answers `unlock` and `status` only;
 * unlocked, it emits the beacon, holds the mesh, takes telemetry, claims and commands.
 *
 *	ask.c ---ctl---> service.c ---> seen.c     beacons out, `here` in, nodes on the links
 *	                           ---> claim.c    claims, several at once, then one roster for all
 *	                           ---> push.c     the roster to every member
 *	                           ---> command.c  frames out, telemetry in
 *	                           ---> mesh.c     ppn0 and its peers
 *	                           ---> store.c    what is on disk
 * Modules do not call each other: what one needs of another goes through the functions named here.
 */
#ifndef PPN_ADMIN_SERVICE_H
#define PPN_ADMIN_SERVICE_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>
#include <event2/event.h>
#include <jansson.h>

#include "admin/store.h"
#include "admin/verbs.h"
#include "host/ctl.h"

#define PPN_BEACON_LINKS_MAX 16
#define PPN_SEAT_ENDPOINTS_MAX PPN_ENDPOINTS_MAX

/* ppn-admin.conf */
struct ppn_admin_config {
	char links[PPN_BEACON_LINKS_MAX][IFNAMSIZ]; /* [beacon] interfaces */
	size_t n_links;
	char device[IFNAMSIZ]; /* [mesh] device, default ppn0 */
	uint16_t wg_port; /* [mesh] port, default 51820: of the seat, and assumed of every node */
	uint16_t claim_port; /* [claim] port, default 9443 */
	struct ppn_endpoint
		endpoint[PPN_SEAT_ENDPOINTS_MAX]; /* [mesh] endpoint: where nodes find this seat */
	size_t n_endpoints;
	int backend; /* enum ppn_wg_backend; [mesh] backend = auto | kernel | userspace */
};
/* path NULL: the default file, defaults where it is not there. -EINVAL with FILE:LINE in ret_why. */
int ppn_admin_config_read(struct ppn_admin_config *ret_config, const char *path,
			  char ret_why[static 256]);

struct ppn_seen_table;
struct ppn_mesh;
struct ppn_command_room;
struct ppn_claim_room;

struct ppn_service {
	struct event_base *base;
	const struct ppn_admin_options *options;
	struct ppn_admin_config config;
	struct ppn_store store;
	struct ppn_ctl_server *ctl;
	struct ppn_seen_table *seen;
	struct ppn_mesh *mesh;
	struct ppn_command_room *command;
	struct ppn_claim_room *claim;
	bool local; /* ppnd runs here: the seat uses its ppn0 and mesh address */
	uint8_t local_identity[PPN_KEY_LEN];
	struct event *tell; /* ppnd, that a seat runs here */
};

uint64_t ppn_now_ms(void); /* CLOCK_REALTIME */
uint64_t ppn_boottime_ms(void); /* CLOCK_BOOTTIME */

/* -- seen.c: nodes on the links -- */

struct ppn_seen {
	uint8_t identity[PPN_KEY_LEN], batch[PPN_BATCH_LEN];
	struct sockaddr_in6 address; /* link-local, with scope; port is the claim port */
	char link[IFNAMSIZ];
	enum ppn_state state;
	enum ppn_posture posture;
	const char *stranger; /* NULL: verified by its invite; else why not, in words */
	uint64_t at_ms; /* CLOCK_BOOTTIME */
};

/* Start emitting on the configured links; needs the unlocked store. */
int ppn_seen_start(struct ppn_service *service);
void ppn_seen_stop(struct ppn_service *service);
/* NULL-terminated walk: each known node, newest state. */
void ppn_seen_each(struct ppn_service *service,
		   void (*each)(void *arg, const struct ppn_seen *seen), void *arg);
/* By label, hex identity, or at least 20 symbols. ret_two: set when a label means two. */
const struct ppn_seen *ppn_seen_find(struct ppn_service *service, const char *text,
				     const struct ppn_seen **ret_two);

/* -- mesh.c: ppn0 -- */

int ppn_mesh_start(struct ppn_service *service);
void ppn_mesh_stop(struct ppn_service *service);
/* The peers of the roster in force; only what differs is changed. */
int ppn_mesh_apply(struct ppn_service *service);
/* The seat's own address on the mesh. */
void ppn_mesh_seat_address(const struct ppn_service *service, uint8_t ret_addr[static 16]);
/* The next roster: the seat and every pair whose claim was answered. Owned by the caller. */
int ppn_mesh_roster(const struct ppn_service *service, struct ppn_roster *ret_roster);

/* -- claim.c -- */

void ppn_claim_call(struct ppn_service *service, struct ppn_ctl_call *call, json_t *request);
void ppn_claim_stop(struct ppn_service *service);

/* -- push.c -- */

/* The roster to every member over ppn0; done(arg, taken, of) when all answered or timed out. */
int ppn_push_roster(struct ppn_service *service, void (*done)(void *arg, size_t taken, size_t of),
		    void *arg);

/* -- command.c -- */

#define PPN_TELEMETRY_LATE_MS 30000 /* a ppnd that runs is heard every 10 s */

int ppn_command_start(struct ppn_service *service);
void ppn_command_stop(struct ppn_service *service);
void ppn_command_call(struct ppn_service *service, struct ppn_ctl_call *call, json_t *request);

/* -- listing.c: what `nodes`, `roster` and `status` show -- */

void ppn_listing_nodes(struct ppn_service *service, struct ppn_ctl_call *call, json_t *request);
void ppn_listing_roster(struct ppn_service *service, struct ppn_ctl_call *call, json_t *request);
void ppn_listing_status(struct ppn_service *service, struct ppn_ctl_call *call, json_t *request);

#endif
