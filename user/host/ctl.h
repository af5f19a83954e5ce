/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The unix sockets of ppn/ctl.h, both ends. Server: on an event_base, one request a connection,
 * answers may come later (claim, send, wait). Client: blocking, for the command lines.
 */
#ifndef PPN_HOST_CTL_H
#define PPN_HOST_CTL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <jansson.h>
#include <ppn/ctl.h>

struct event_base;
struct ppn_ctl_server;
struct ppn_ctl_call; /* one request on its way */

/* request is borrowed until the call is answered. uid: SO_PEERCRED. Answer from here or later. */
typedef void ppn_ctl_handler(void *arg, struct ppn_ctl_call *call, const char *verb,
			     json_t *request, uid_t uid);

/*
 * Path 0660, group `group` where it exists (NULL: leave it). A stale socket is replaced; a live
 * one is -EADDRINUSE, another kind of file -EEXIST. At most 32 calls at once (one more is told to
 * try again), 5 s for a request to come and for an answer to be fetched; malformed requests are
 * answered with PPN_EXIT_USAGE. Which uid may use which verb is the handler's to
 * decide. SIGPIPE is never raised.
 */
int ppn_ctl_listen(struct ppn_ctl_server **ret_server, struct event_base *base, const char *path,
		   const char *group, ppn_ctl_handler *handler, void *arg);
/*
 * A unix socket of any kind: bound and listening, closed to all but us until it is 0660 and `group`'s. The path
 * must be free. 0 or -errno.
 */
struct sockaddr_un;
int ppn_ctl_bind(int fd, const struct sockaddr_un *addr, const char *group);
/*
 * Unlinks the path. Calls that were not answered end with it: their pointers are dead. NULL is
 * fine.
 */
void ppn_ctl_close(struct ppn_ctl_server **server);

/*
 * Steal the references. After _answer/_error the call is gone, and request and verb with it.
 * _answer adds "schema" and "exit" to result (an object, or NULL); an object longer than
 * PPN_CTL_MAX, or more than PPN_CTL_QUEUE_MAX bytes the client does not fetch, make the answer an
 * error that says so. The caller learns by _on_gone that the client hung up (once, from the event
 * loop), or asks by _gone; the call stays valid, and must be answered, all the same.
 */
#define PPN_CTL_QUEUE_MAX (16 * 1024 * 1024)
typedef void ppn_ctl_gone_fn(void *arg, struct ppn_ctl_call *call);
void ppn_ctl_on_gone(struct ppn_ctl_call *call, ppn_ctl_gone_fn *gone, void *arg);
void ppn_ctl_progress(struct ppn_ctl_call *call, json_t *progress);
void ppn_ctl_more(struct ppn_ctl_call *call, json_t *more);
void ppn_ctl_answer(struct ppn_ctl_call *call, enum ppn_exit code, json_t *result);
void ppn_ctl_error(struct ppn_ctl_call *call, enum ppn_exit code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Bytes that the client has not fetched. */
size_t ppn_ctl_queued(const struct ppn_ctl_call *call);
bool ppn_ctl_gone(const struct ppn_ctl_call *call);

/*
 * What a server does with a packet: an object with a string "verb" (into the object). -EMSGSIZE,
 * -EINVAL with the sentence in ret_why.
 */
int ppn_ctl_parse(const char *packet, size_t len, json_t **ret_request, const char **ret_verb,
		  char ret_why[static 160]);

/*
 * Client. Sends, hands each progress/more to the callback (borrowed), returns the last object
 * (owned by the caller) without "exit", which is in ret_exit. NULL: no daemon
 * (PPN_EXIT_NO_DAEMON) or it died (PPN_EXIT_FAILURE). What fails on this side (no permission ...)
 * comes as an object with "error". Steals request.
 */
json_t *ppn_ctl_ask(const char *path, json_t *request,
		    void (*part)(void *arg, const char *kind, json_t *part), void *arg,
		    enum ppn_exit *ret_exit);

#endif
