/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The unix sockets of ppn/ctl.h, both ends. Server: on an event_base, one request a connection, answers
 * may come later (claim, send, wait). Client: blocking, for the command lines.
 */
#ifndef PPN_HOST_CTL_H
#define PPN_HOST_CTL_H

#include <stdbool.h>
#include <sys/types.h>
#include <jansson.h>
#include <ppn/ctl.h>

struct event_base;
struct ppn_ctl_server;
struct ppn_ctl_call; /* one request on its way */

/* request is borrowed until the call is answered. uid: SO_PEERCRED. Answer from here or later. */
typedef void ppn_ctl_handler(void *arg, struct ppn_ctl_call *call, const char *verb, json_t *request,
			     uid_t uid);

/* Path 0660, group `group` where it exists. A stale socket is replaced; a live one is -EADDRINUSE.
 * At most 32 calls at once; malformed requests are answered with PPN_EXIT_USAGE and counted. */
int ppn_ctl_listen(struct ppn_ctl_server **ret_server, struct event_base *base, const char *path,
		   const char *group, ppn_ctl_handler *handler, void *arg);
void ppn_ctl_close(struct ppn_ctl_server **server);

/* Steal the references. After _answer/_error the call is gone. The caller learns by `gone` that the client
 * hung up (may be NULL); the call stays valid until answered. */
void ppn_ctl_progress(struct ppn_ctl_call *call, json_t *progress);
void ppn_ctl_more(struct ppn_ctl_call *call, json_t *more);
void ppn_ctl_answer(struct ppn_ctl_call *call, enum ppn_exit code, json_t *result);
void ppn_ctl_error(struct ppn_ctl_call *call, enum ppn_exit code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
bool ppn_ctl_gone(const struct ppn_ctl_call *call);

/* Client. Sends, hands each progress/more to the callback, returns the last object (owned by the caller),
 * exit code in ret_exit. NULL: no daemon (PPN_EXIT_NO_DAEMON) or it died (PPN_EXIT_FAILURE). Steals request. */
json_t *ppn_ctl_ask(const char *path, json_t *request, void (*part)(void *arg, const char *kind, json_t *part),
		    void *arg, enum ppn_exit *ret_exit);

#endif
