// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "lib/cut.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "lib/wire.h"

enum { RIDE_DEPTH = 8 };

const char *ppn_cut_text(enum ppn_cut cut)
{
	static const char *const text[_PPN_CUT_MAX] = {
#define X(name, words) [PPN_CUT_##name] = (words),
		PPN_CUTS(X)
#undef X
	};

	return (unsigned int)cut < _PPN_CUT_MAX ? text[cut] : "?";
}

const char *ppn_prefix_text(char ret_text[static PPN_PREFIX_TEXT_LEN],
			    const uint8_t prefix[static 16], uint8_t len)
{
	const bool v4 = len >= 96 && ppn_address_is_v4(prefix);
	char address[PPN_ADDRESS_TEXT];

	if (len == 0) {
		snprintf(ret_text, PPN_PREFIX_TEXT_LEN, "any");
		return ret_text;
	}
	snprintf(ret_text, PPN_PREFIX_TEXT_LEN, "%s/%u", ppn_address_text(address, prefix),
		 v4 ? len - 96U : len);
	return ret_text;
}

static const char *proto_text(uint8_t proto)
{
	return proto == IPPROTO_TCP ? "tcp" : "udp";
}

static void __attribute__((format(printf, 3, 4)))
answer_rule(struct ppn_cut_answer *ret, enum ppn_cut cut, const char *format, ...)
{
	va_list args;

	ret->cut = cut;
	ret->keep[0] = '\0';
	va_start(args, format);
	vsnprintf(ret->rule, sizeof(ret->rule), format, args);
	va_end(args);
}

static void __attribute__((format(printf, 3, 4)))
answer_keep(struct ppn_cut_answer *ret, enum ppn_cut cut, const char *format, ...)
{
	va_list args;

	ret->cut = cut;
	ret->rule[0] = '\0';
	va_start(args, format);
	vsnprintf(ret->keep, sizeof(ret->keep), format, args);
	va_end(args);
}

/* ---- interfaces ---- */

static const struct ppn_cut_link *find_link(const struct ppn_cut_link *links, size_t n,
					    uint32_t ifindex)
{
	for (size_t i = 0; ifindex && i < n; i++)
		if (links[i].ifindex == ifindex)
			return &links[i];
	return NULL;
}

const struct ppn_cut_link *ppn_cut_first(const struct ppn_cut_link *links, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (links[i].external)
			return &links[i];
	return NULL;
}

static const struct ppn_cut_link *rides(const struct ppn_cut_link *links, size_t n,
					uint32_t ifindex, unsigned int depth,
					const struct ppn_cut_link **tunnel);

/* By one of its ports; a cable before a tunnel. */
static const struct ppn_cut_link *rides_port(const struct ppn_cut_link *links, size_t n,
					     uint32_t ifindex, unsigned int depth,
					     const struct ppn_cut_link **tunnel)
{
	const struct ppn_cut_link *below = NULL;

	for (size_t i = 0; !below && i < n; i++)
		if (links[i].master == ifindex)
			below = rides(links, n, links[i].ifindex, depth - 1, tunnel);
	return below;
}

/* tunnel: NULL, if what is inside a tunnel is not asked for. */
static const struct ppn_cut_link *rides(const struct ppn_cut_link *links, size_t n,
					uint32_t ifindex, unsigned int depth,
					const struct ppn_cut_link **tunnel)
{
	const struct ppn_cut_link *link = find_link(links, n, ifindex), *below;

	if (!link || depth == 0)
		return NULL;
	if (link->external)
		return link;
	below = rides(links, n, link->lower, depth - 1, tunnel);
	if (!below)
		below = rides_port(links, n, ifindex, depth, NULL);
	if (!below && tunnel)
		below = rides_port(links, n, ifindex, depth, tunnel);
	if (!tunnel || !link->tunnel)
		return below;
	*tunnel = link;
	return below ? below : ppn_cut_first(links, n);
}

const struct ppn_cut_link *ppn_cut_rides(const struct ppn_cut_link *links, size_t n,
					 uint32_t ifindex)
{
	return rides(links, n, ifindex, RIDE_DEPTH, NULL);
}

const struct ppn_cut_link *ppn_cut_carries(const struct ppn_cut_link *links, size_t n,
					   uint32_t ifindex, const struct ppn_cut_link **ret_tunnel)
{
	const struct ppn_cut_link *link;

	*ret_tunnel = NULL;
	link = rides(links, n, ifindex, RIDE_DEPTH, ret_tunnel);
	if (!link)
		*ret_tunnel = NULL;
	return link;
}

/* ---- sockets ---- */

bool ppn_prefix_holds(const uint8_t prefix[static 16], uint8_t len, const uint8_t addr[static 16])
{
	const unsigned int bytes = len / 8, bits = len % 8;

	if (len > 128 || memcmp(addr, prefix, bytes) != 0)
		return false;
	return !bits || !((addr[bytes] ^ prefix[bytes]) >> (8 - bits));
}

static bool in_fleet(const struct ppn_cut_policy *policy, const uint8_t addr[static 16])
{
	return policy->has_fleet && ppn_prefix_holds(policy->fleet, 48, addr);
}

static bool rule_lives(const struct ppn_cut_policy *policy, const struct ppn_cut_rule *rule)
{
	if (rule->kind == PPN_CUT_RESCUE)
		return policy->column != PPN_COLUMN_BLIND;
	return policy->column == PPN_COLUMN_BOUND;
}

static bool is_out(const struct ppn_cut_rule *rule)
{
	return rule->kind == PPN_CUT_EGRESS || rule->kind == PPN_CUT_LOCAL;
}

static void say_rule(const struct ppn_cut_rule *rule, enum ppn_cut cut, struct ppn_cut_answer *ret)
{
	static const char *const whose[] = {
		[PPN_CUT_ROSTER] = "the roster opens",
		[PPN_CUT_RESCUE] = "[rescue]",
		[PPN_CUT_EGRESS] = "the roster's egress list:",
		[PPN_CUT_LOCAL] = "ppn egress:",
	};
	char prefix[PPN_PREFIX_TEXT_LEN], port[8] = "any";

	ppn_prefix_text(prefix, rule->prefix, rule->any ? 0 : rule->prefix_len);
	if (rule->port)
		snprintf(port, sizeof(port), "%u", rule->port);
	answer_rule(ret, cut, "%s %s/%s %s %s", whose[rule->kind], proto_text(rule->proto), port,
		    is_out(rule) ? "to" : "from", prefix);
}

static const struct ppn_cut_rule *rule_for(const struct ppn_cut_policy *policy, bool out,
					   uint8_t proto, uint16_t port, const uint8_t *remote)
{
	for (size_t i = 0; i < policy->n_rules; i++) {
		const struct ppn_cut_rule *rule = &policy->rule[i];

		if (is_out(rule) == out && rule->proto == proto && rule_lives(policy, rule) &&
		    (rule->port == port || (out && !rule->port)) &&
		    (!remote || rule->any ||
		     ppn_prefix_holds(rule->prefix, rule->prefix_len, remote)))
			return rule;
	}
	return NULL;
}

/* A port that some rule opens to everybody is kept, to some sources partly. */
static void judge_listener(const struct ppn_cut_policy *policy, const struct ppn_cut_socket *socket,
			   struct ppn_cut_answer *ret)
{
	const struct ppn_cut_rule *partly = NULL;

	for (size_t i = 0; i < policy->n_rules; i++) {
		const struct ppn_cut_rule *rule = &policy->rule[i];

		if (is_out(rule) || rule->proto != socket->proto ||
		    rule->port != socket->local_port || !rule_lives(policy, rule))
			continue;
		if (rule->any || rule->prefix_len == 0) {
			say_rule(rule, PPN_CUT_KEPT, ret);
			return;
		}
		if (!partly)
			partly = rule;
	}
	if (partly)
		say_rule(partly, PPN_CUT_PARTLY, ret);
	else
		answer_keep(ret, PPN_CUT_GONE, "[rescue] %s/%u = PREFIX", proto_text(socket->proto),
			    socket->local_port);
}

/* The node's own ports. False: not one of them. */
static bool judge_own(const struct ppn_cut_policy *policy, const struct ppn_cut_socket *socket,
		      struct ppn_cut_answer *ret)
{
	const bool bound = policy->column == PPN_COLUMN_BOUND ||
			   policy->column == PPN_COLUMN_ISOLATED;

	const uint16_t port = socket->local_port;
	const bool udp = socket->proto == IPPROTO_UDP;

	ret->own = port == policy->wg_port || port == PPN_PORT_DISCOVERY;
	ret->own = udp ? ret->own : port == policy->claim_port;
	if (!ret->own)
		return false;
	if (udp && port == PPN_PORT_DISCOVERY)
		answer_rule(ret, PPN_CUT_UNTOUCHED, "discovery");
	else if (udp)
		answer_rule(ret, bound ? PPN_CUT_KEPT : PPN_CUT_GONE,
			    bound ? "WireGuard" : "WireGuard passes once the node is claimed");
	else if (policy->claim || policy->column != PPN_COLUMN_BLIND)
		answer_rule(ret, PPN_CUT_KEPT, "the claim port");
	else
		answer_rule(ret, PPN_CUT_GONE, "the claim port is shut in this state");
	return true;
}

/* What would let this out. remote NULL or port 0: not known. */
static void answer_out(const struct ppn_cut_policy *policy, uint8_t proto, uint16_t port,
		       const uint8_t *remote, struct ppn_cut_answer *ret)
{
	char prefix[PPN_PREFIX_TEXT_LEN];

	if (policy->column == PPN_COLUMN_ISOLATED)
		answer_keep(ret, PPN_CUT_GONE, "none while it is isolated: nothing leaves");
	else if (policy->column != PPN_COLUMN_BOUND)
		answer_keep(ret, PPN_CUT_GONE, "none before the claim: a node opens no flows");
	else if (remote && port)
		answer_keep(ret, PPN_CUT_GONE,
			    "ppn egress open %s/%u %s --for TIME; what lasts is the roster's",
			    proto_text(proto), port, ppn_prefix_text(prefix, remote, 128));
	else
		answer_keep(ret, PPN_CUT_GONE,
			    "ppn egress open of its server's port; what lasts is the roster's");
}

static void judge_flow(const struct ppn_cut_policy *policy, const struct ppn_cut_socket *socket,
		       struct ppn_cut_answer *ret)
{
	const bool out = !socket->inbound;
	const uint16_t port = out ? socket->remote_port : socket->local_port;
	const struct ppn_cut_rule *rule =
		rule_for(policy, out, socket->proto, port, socket->remote);
	char prefix[PPN_PREFIX_TEXT_LEN];

	/* Of a TCP flow that began before its rule the kernel saw no SYN. */
	if (rule)
		say_rule(rule, out && !socket->recorded ? PPN_CUT_AGAIN : PPN_CUT_KEPT, ret);
	else if (out)
		answer_out(policy, socket->proto, port, socket->remote, ret);
	else
		answer_keep(ret, PPN_CUT_GONE, "[rescue] %s/%u = %s", proto_text(socket->proto),
			    port, ppn_prefix_text(prefix, socket->remote, 128));
}

void ppn_cut_socket(const struct ppn_cut_policy *policy, const struct ppn_cut_socket *socket,
		    struct ppn_cut_answer *ret_answer)
{
	ret_answer->own = false;
	if (ppn_address_is_loopback(socket->local) ||
	    (!socket->listens && ppn_address_is_loopback(socket->remote)))
		answer_rule(ret_answer, PPN_CUT_UNTOUCHED, "loopback");
	else if (in_fleet(policy, socket->local) || in_fleet(policy, socket->remote))
		answer_rule(ret_answer, PPN_CUT_UNTOUCHED, "the mesh");
	else if (!socket->rides)
		answer_rule(ret_answer, PPN_CUT_UNTOUCHED, "no external interface");
	else if (socket->tunnel) /* no rule of the seal looks inside */
		answer_keep(ret_answer, PPN_CUT_GONE,
			    "[rescue] of the port that %s itself comes in by, unless there is one",
			    socket->tunnel);
	else if (!judge_own(policy, socket, ret_answer)) {
		if (socket->listens)
			judge_listener(policy, socket, ret_answer);
		else
			judge_flow(policy, socket, ret_answer);
	}
}

/* ---- addresses ---- */

void ppn_cut_lease(const struct ppn_cut_lease *lease, struct ppn_cut_answer *ret_answer)
{
	const enum ppn_underlay wanted = lease->by_ra ? PPN_UNDERLAY_SLAAC : PPN_UNDERLAY_DHCP;
	const char *word = lease->by_ra ? "slaac" : "dhcp";

	/* Beside routers a DHCPv6 client may ask for no address at all; and who says static knows. */
	const bool lasts = lease->valid_s == UINT32_MAX &&
			   (!lease->client || lease->underlay == PPN_UNDERLAY_STATIC ||
			    (!lease->v4 && lease->underlay == PPN_UNDERLAY_SLAAC));

	if (lasts)
		answer_rule(ret_answer, PPN_CUT_UNTOUCHED, "its address is for ever");
	else if (lease->underlay == wanted)
		answer_rule(ret_answer, PPN_CUT_KEPT, "[underlay] %s = %s", lease->ifname, word);
	else
		answer_keep(ret_answer, PPN_CUT_REFUSED, "[underlay] %s = %s", lease->ifname, word);
}

/* ---- mounts ---- */

const char *ppn_cut_medium_text(enum ppn_cut_medium medium)
{
	static const char *const text[_PPN_CUT_MEDIUM_MAX] = {
#define X(name, words) [PPN_CUT_MEDIUM_##name] = (words),
		PPN_CUT_MEDIA(X)
#undef X
	};

	return (unsigned int)medium < _PPN_CUT_MEDIUM_MAX ? text[medium] : "?";
}

enum ppn_cut_medium ppn_cut_filesystem(const char *type)
{
	static const char *const names[] = {
		"nfs",
		"nfs4",
		"cifs",
		"smb3",
		"smbfs",
		"9p",
		"ceph",
		"afs",
		"lustre",
		"glusterfs",
		"beegfs",
		"orangefs",
		"coda",
		"ncpfs",
		"gfs2",
		"ocfs2",
		"fuse.sshfs",
		"fuse.glusterfs",
		"fuse.ceph-fuse",
		"fuse.s3fs",
		"fuse.rclone",
		"fuse.curlftpfs",
		"fuse.mfs",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(names[i], type) == 0)
			return PPN_CUT_MEDIUM_NETWORK_FS;
	return PPN_CUT_MEDIUM_LOCAL;
}

static bool at_or_below(const char *path, const char *root)
{
	const size_t len = strlen(root);

	return strncmp(path, root, len) == 0 && (path[len] == '\0' || path[len] == '/');
}

static bool lives_on(const char *point)
{
	return !strcmp(point, "/") || !strcmp(point, "swap") || !strcmp(point, "/usr") ||
	       at_or_below(point, "/var") || at_or_below(point, "/etc");
}

void ppn_cut_mount(const struct ppn_cut_policy *policy, const struct ppn_cut_mount *mount,
		   struct ppn_cut_answer *ret_answer)
{
	const struct ppn_cut_rule *rule = NULL;

	if (mount->medium == PPN_CUT_MEDIUM_LOCAL) {
		answer_rule(ret_answer, PPN_CUT_UNTOUCHED, "local");
		return;
	}
	if (mount->has_server && (!mount->server_rides || ppn_address_is_loopback(mount->server) ||
				  in_fleet(policy, mount->server))) {
		answer_rule(ret_answer, PPN_CUT_UNTOUCHED,
			    in_fleet(policy, mount->server) ? "the mesh" : "no external interface");
		return;
	}
	if (mount->has_server && mount->server_port)
		rule = rule_for(policy, true, IPPROTO_TCP, mount->server_port, mount->server);
	/* A machine that lives on it does not outlive the blind column of its next start either. */
	if (lives_on(mount->point))
		answer_rule(ret_answer, PPN_CUT_REFUSED,
			    "the machine lives on it: a sealed node needs a local one");
	else if (rule)
		say_rule(rule, PPN_CUT_AGAIN, ret_answer);
	else
		answer_out(policy, IPPROTO_TCP, mount->server_port,
			   mount->has_server ? mount->server : NULL, ret_answer);
}

/* ---- guests ---- */

void ppn_cut_guest(bool guests_pass, struct ppn_cut_answer *ret_answer)
{
	if (guests_pass)
		answer_rule(ret_answer, PPN_CUT_KEPT, "[seal] guests = pass");
	else
		answer_keep(ret_answer, PPN_CUT_GONE, "[seal] guests = pass");
}
