// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * repolicy STATE PASSPHRASE [ROW...]: signs the roster that follows the one of this seat's state directory, with these
 * rows as its whole policy. As `ppn-admin roster apply` will; until then no program of ours writes these rows.
 *
 *	open:PROTO/PORT:ADDRESS/LEN|any[:ROLE]
 *	egress:PROTO/PORT:ADDRESS/LEN|any[:ROLE]
 *	observe
 *	role:MEMBER:ROLES
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "admin/keys.c"
#include "admin/options.c"
#include "admin/store.c"

enum { ROWS_MAX = 64 };
static struct ppn_rule_open open_rows[ROWS_MAX];
static struct ppn_rule_egress egress_rows[ROWS_MAX];

static void die(const char *what)
{
	fprintf(stderr, "repolicy: %s\n", what);
	exit(1);
}

static uint8_t proto_of(const char *service)
{
	return strncmp(service, "udp/", 4) == 0 ? IPPROTO_UDP : IPPROTO_TCP;
}

static __be16 port_of(const char *service)
{
	const char *slash = strchr(service, '/');

	if (!slash)
		die(service);
	return htons((uint16_t)strtoul(slash + 1, NULL, 10));
}

/* Mapped, as everywhere; the length counts from the first of 128 bits. */
static uint8_t prefix_of(char *text, uint8_t ret_prefix[static 16])
{
	char *slash = strchr(text, '/');
	unsigned long len;

	if (strcmp(text, "any") == 0)
		return 0;
	if (!slash)
		die(text);
	*slash++ = '\0';
	len = strtoul(slash, NULL, 10);
	if (ppn_address_read(ret_prefix, text))
		die(text);
	return (uint8_t)(strchr(text, ':') ? len : len + 96);
}

static void add_open(struct ppn_roster *roster, char *service, char *prefix, const char *role)
{
	struct ppn_rule_open *row = &open_rows[roster->n_open++];

	row->proto = proto_of(service);
	row->port = port_of(service);
	row->prefix_len = prefix_of(prefix, row->prefix);
	row->flags = !row->prefix_len;
	if (role)
		memcpy(row->role, role, strnlen(role, sizeof(row->role)));
}

static void add_egress(struct ppn_roster *roster, char *service, char *prefix, const char *role)
{
	struct ppn_rule_egress *row = &egress_rows[roster->n_egress++];

	row->proto = proto_of(service);
	row->port = port_of(service);
	row->prefix_len = prefix_of(prefix, row->prefix);
	if (role)
		memcpy(row->role, role, strnlen(role, sizeof(row->role)));
}

static void set_roles(struct ppn_roster *roster, const char *name, const char *roles)
{
	for (uint32_t i = 0; i < roster->n_members; i++)
		if (strcmp(roster->members[i].name, name) == 0) {
			snprintf(roster->members[i].roles, sizeof(roster->members[i].roles), "%s",
				 roles);
			return;
		}
	die(name);
}

static void add_row(struct ppn_roster *roster, char *text)
{
	char *what = strtok(text, ":"), *first = strtok(NULL, ":");
	/* An IPv6 prefix has colons of its own. */
	char *rest = first ? first + strlen(first) + 1 : NULL;
	char *role;

	if (strcmp(what, "observe") == 0) {
		roster->policy_flags |= 1;
		return;
	}
	if (!rest)
		die(text);
	if (strcmp(what, "role") == 0) {
		set_roles(roster, first, rest);
		return;
	}
	role = strrchr(rest, ':');
	if (role && !strchr(role, '/'))
		*role++ = '\0';
	else
		role = NULL;
	(strcmp(what, "open") == 0 ? add_open : add_egress)(roster, first, rest, role);
}

int main(int argc, char **argv)
{
	char why[PPN_STORE_WHY];
	struct ppn_store store;
	struct ppn_roster next;

	if (argc < 3 || argc > ROWS_MAX || ppn_crypto_init())
		die("STATE PASSPHRASE [ROW...]");
	if (ppn_store_open(&store, argv[1], why) || ppn_store_unlock(&store, argv[2], why))
		die(why);
	if (ppn_roster_copy(&next, &store.roster))
		die("memory");
	free(next.open);
	free(next.egress);
	next.open = open_rows;
	next.egress = egress_rows;
	next.n_open = next.n_egress = 0;
	next.policy_flags = 0;
	for (int i = 3; i < argc; i++)
		add_row(&next, argv[i]);
	if (ppn_store_roster(&store, &next, (uint64_t)time(NULL)))
		die("what its reader would refuse, or no room to write it");
	next.open = NULL;
	next.egress = NULL;
	ppn_roster_free(&next);
	ppn_store_close(&store);
	return 0;
}
