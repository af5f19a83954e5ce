/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What sealing would cut (`ppn seal check`): judgement of facts that others gathered. A fact is a
 * listening socket, a flow, an address that somebody must renew, a mount, a guest behind a bridge; the
 * answer is a verdict, the rule that passes it, or the line that would keep it. Pure.
 *
 * Addresses are IPv6 or IPv4-mapped, ports in host order. Texts are cut to their room.
 */
#ifndef PPN_LIB_CUT_H
#define PPN_LIB_CUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <ppn/maps.h>
#include <ppn/wire.h>

/* X(ENUM, "text"), the harmless ones first. */
#define PPN_CUTS(X)                                                   \
	X(UNTOUCHED, "untouched") /* crosses no external interface */ \
	X(KEPT, "kept")                                               \
	X(PARTLY, "partly") /* from some sources only */              \
	X(AGAIN, "again") /* cut, but a new connection would pass */  \
	X(GONE, "cut")                                                \
	X(REFUSED, "refused") /* cut, and the machine would not survive it */

enum ppn_cut {
#define X(name, text) PPN_CUT_##name,
	PPN_CUTS(X)
#undef X
		_PPN_CUT_MAX,
};
const char *ppn_cut_text(enum ppn_cut cut);

#define PPN_CUT_RULE_LEN 128

struct ppn_cut_answer {
	enum ppn_cut cut;
	char rule[PPN_CUT_RULE_LEN]; /* what passes it, or why it is untouched; "": nothing */
	char keep[PPN_CUT_RULE_LEN]; /* the line that would keep it; "": none is needed, or none can */
	bool own; /* a port of the node itself, which goes with it */
};

/* -- the policy that would enforce -- */

enum ppn_cut_kind { PPN_CUT_ROSTER, PPN_CUT_RESCUE, PPN_CUT_EGRESS, PPN_CUT_LOCAL };

struct ppn_cut_rule {
	enum ppn_cut_kind kind;
	uint8_t proto; /* IPPROTO_TCP, IPPROTO_UDP */
	bool any;
	uint8_t prefix_len; /* of 128 */
	uint16_t port; /* EGRESS, LOCAL: the other side's; 0: every port */
	uint8_t prefix[16];
};

struct ppn_cut_policy {
	enum ppn_column column;
	bool claim; /* the claim port takes strangers */
	uint16_t claim_port, wg_port;
	bool has_fleet;
	uint8_t fleet[16]; /* prefix, /48 */
	size_t n_rules;
	const struct ppn_cut_rule *rule;
};

/* -- what crosses an external interface -- */

struct ppn_cut_link {
	uint32_t ifindex, master,
		lower; /* bridge or bond it is a port of; device it sits on; 0: none */
	bool external;
	enum ppn_underlay underlay; /* of an external one */
	bool tunnel; /* its traffic goes inside packets of others */
};

/* The first external one; NULL: there is none. */
const struct ppn_cut_link *ppn_cut_first(const struct ppn_cut_link *links, size_t n);

/*
 * The external interface that traffic of ifindex crosses: itself, one below it, or a port of the bridge or
 * bond that it is. NULL: none. Loops in the tables end.
 */
const struct ppn_cut_link *ppn_cut_rides(const struct ppn_cut_link *links, size_t n,
					 uint32_t ifindex);

/*
 * The same, inside a tunnel's packets too: a tunnel on nothing external is taken for one over the first external
 * interface there is. *ret_tunnel: that tunnel, or NULL.
 */
const struct ppn_cut_link *ppn_cut_carries(const struct ppn_cut_link *links, size_t n,
					   uint32_t ifindex,
					   const struct ppn_cut_link **ret_tunnel);

struct ppn_cut_socket {
	uint8_t proto;
	uint8_t local[16], remote[16]; /* local zeros: any */
	uint16_t local_port, remote_port;
	bool listens, inbound; /* inbound: the other side opened it */
	bool rides; /* its local address, or any of the machine's, is on an external interface */
	const char *tunnel; /* it rides inside packets of this device; NULL: by itself */
	bool recorded; /* egress: the kernel's table has this flow */
};
void ppn_cut_socket(const struct ppn_cut_policy *policy, const struct ppn_cut_socket *socket,
		    struct ppn_cut_answer *ret_answer);

struct ppn_cut_lease {
	bool v4, by_ra;
	uint32_t valid_s; /* UINT32_MAX: for ever, or as long as its client likes */
	bool client; /* a DHCP client is at work there, and may take it away */
	enum ppn_underlay underlay; /* of the external interface it rides on */
	const char *ifname; /* that interface's */
};
void ppn_cut_lease(const struct ppn_cut_lease *lease, struct ppn_cut_answer *ret_answer);

/* X(ENUM, "text") */
#define PPN_CUT_MEDIA(X)                     \
	X(LOCAL, "local")                    \
	X(NETWORK_FS, "network file system") \
	X(NETWORK_BLOCK, "network block device")

enum ppn_cut_medium {
#define X(name, text) PPN_CUT_MEDIUM_##name,
	PPN_CUT_MEDIA(X)
#undef X
		_PPN_CUT_MEDIUM_MAX,
};
const char *ppn_cut_medium_text(enum ppn_cut_medium medium);
/* By the name the kernel gives a file system (nfs4, cifs, fuse.sshfs ...). */
enum ppn_cut_medium ppn_cut_filesystem(const char *type);

struct ppn_cut_mount {
	const char *point; /* "swap" for swap */
	enum ppn_cut_medium medium;
	bool has_server,
		server_rides; /* its address is known; it is reached by an external interface */
	uint8_t server[16];
	uint16_t server_port; /* 0: not known */
};
/* REFUSED for what the machine lives on: /, /usr, /var, /etc and below the last two, swap. */
void ppn_cut_mount(const struct ppn_cut_policy *policy, const struct ppn_cut_mount *mount,
		   struct ppn_cut_answer *ret_answer);

/* A guest (virtual machine, container) whose frames a sealed bridge port carries. */
void ppn_cut_guest(bool guests_pass, struct ppn_cut_answer *ret_answer);

/* len: of 128 bits, also of an IPv4-mapped one. */
bool ppn_prefix_holds(const uint8_t prefix[static 16], uint8_t len, const uint8_t addr[static 16]);
/* PREFIX/LEN in text, IPv4 as such; "any" for length 0. */
#define PPN_PREFIX_TEXT_LEN 52
const char *ppn_prefix_text(char ret_text[static PPN_PREFIX_TEXT_LEN],
			    const uint8_t prefix[static 16], uint8_t len);

#endif
