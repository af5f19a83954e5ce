/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The command line of ppn-admin: one row a verb, one function a verb. A verb parses its own arguments,
 * prints, and returns an exit code (enum ppn_exit); nothing below it exits.
 */
#ifndef PPN_ADMIN_VERBS_H
#define PPN_ADMIN_VERBS_H

#include <stdbool.h>
#include <stddef.h>

/* What stands before the verb, the same for all. */
struct ppn_admin_options {
	const char *config; /* NULL: SYSCONFDIR/ppn-admin.conf where it exists */
	const char *state_dir, *run_dir;
	bool json;
};

typedef int ppn_admin_verb(const struct ppn_admin_options *options, int argc, char **argv);

ppn_admin_verb ppn_verb_init; /* init.c: keys, certificate, lists, authority.pub */
ppn_admin_verb ppn_verb_invite; /* invite.c */
ppn_admin_verb ppn_verb_run; /* service.c: the service */
ppn_admin_verb ppn_verb_unlock; /* ask.c: all below ask the service */
ppn_admin_verb ppn_verb_status;
ppn_admin_verb ppn_verb_nodes;
ppn_admin_verb ppn_verb_claim;
ppn_admin_verb ppn_verb_send;
ppn_admin_verb ppn_verb_roster;
ppn_admin_verb ppn_verb_ledger; /* ledger.c: reads the files, asks nobody */

/* `--name value` and `--name=value` of one verb; value NULL: a switch. Positional words are collected. */
struct ppn_option {
	const char *name; /* "--passphrase-file" */
	const char **value; /* or NULL */
	bool *flag; /* or NULL */
};

/* Number of positional words in ret_words (at most max), or -EINVAL with a line on stderr. */
int ppn_options(const char *verb, int argc, char **argv, const struct ppn_option *options, size_t n,
		const char **ret_words, size_t max);
/* A member's name: letters, digits, `-` and `_`, no `-` first, as long as a DNS label (RFC 1035 2.3.1). */
bool ppn_name_good(const char *name);
/* A decimal number in [low, high]. -EINVAL. */
int ppn_number(const char *text, unsigned long low, unsigned long high, unsigned long *ret);

#endif
