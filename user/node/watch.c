// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * `ppn seal watch`: while somebody watches, the programs sample what drops, a limited number a second, and each
 * sample goes to whoever watches. One who does not keep up loses samples, and is told how many.
 */
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <time.h>

#include <ppn/reasons.h>
#include "host/log.h"
#include "lib/crypto.h"
#include "node/ppnd.h"

enum {
	WATCHERS_MAX = 4,
	WATCH_MAX_S = 86400,
	BEHIND_MAX = 256 * 1024, /* bytes that a watcher has not fetched */
};

struct watcher {
	LIST_ENTRY(watcher) next;
	struct ppnd *ppnd;
	struct ppn_ctl_call *call;
	struct event *timer;
	uint64_t seen, lost;
};

struct ppnd_watch {
	LIST_HEAD(, watcher) watchers;
	unsigned int n;
};

static const char *const reason_text[_PPN_REASON_MAX] = {
#define X(name, verdict, text, help) text,
	PPN_REASONS(X)
#undef X
};

static json_t *sums(const struct watcher *watcher)
{
	return json_pack("{s:I, s:I}", "seen", (json_int_t)watcher->seen, "lost",
			 (json_int_t)watcher->lost);
}

/* The last one gone: the programs sample no more. */
static void drop(struct watcher *watcher)
{
	struct ppnd *ppnd = watcher->ppnd;

	LIST_REMOVE(watcher, next);
	if (watcher->timer)
		event_free(watcher->timer);
	free(watcher);
	if (!--ppnd->samples->n)
		(void)ppnd_seal_column(ppnd, ppnd->genesis.state);
}

static void on_time(evutil_socket_t fd, short what, void *arg)
{
	struct watcher *watcher = arg;

	(void)fd;
	(void)what;
	ppn_ctl_answer(watcher->call, PPN_EXIT_OK, sums(watcher));
	drop(watcher);
}

static void on_gone(void *arg, struct ppn_ctl_call *call)
{
	ppn_ctl_error(call, PPN_EXIT_FAILURE, "gone");
	drop(arg);
}

int ppnd_watch_add(struct ppnd *ppnd, struct ppn_ctl_call *call, uint32_t for_s)
{
	const struct timeval after = { .tv_sec = for_s ? for_s : WATCH_MAX_S };
	struct watcher *watcher;

	if (!ppnd->samples) {
		ppnd->samples = calloc(1, sizeof(*ppnd->samples));
		if (!ppnd->samples)
			return -ENOMEM;
		LIST_INIT(&ppnd->samples->watchers);
	}
	if (after.tv_sec > WATCH_MAX_S)
		return -EINVAL;
	if (ppnd->samples->n == WATCHERS_MAX)
		return -EBUSY;
	watcher = calloc(1, sizeof(*watcher));
	if (watcher)
		watcher->timer = evtimer_new(ppnd->base, on_time, watcher);
	if (!watcher || !watcher->timer || evtimer_add(watcher->timer, &after) < 0) {
		if (watcher && watcher->timer)
			event_free(watcher->timer);
		free(watcher);
		return -ENOMEM;
	}
	watcher->ppnd = ppnd;
	watcher->call = call;
	LIST_INSERT_HEAD(&ppnd->samples->watchers, watcher, next);
	ppn_ctl_on_gone(call, on_gone, watcher);
	if (!ppnd->samples->n++)
		(void)ppnd_seal_column(ppnd, ppnd->genesis.state); /* it logs, and comes again */
	return 0;
}

bool ppnd_watch_on(const struct ppnd *ppnd)
{
	return ppnd->samples && ppnd->samples->n;
}

/* Unix nanoseconds of a moment of CLOCK_MONOTONIC. */
static json_int_t unix_ns(uint64_t monotonic_ns)
{
	struct timespec wall, mono;

	clock_gettime(CLOCK_REALTIME, &wall);
	clock_gettime(CLOCK_MONOTONIC, &mono);
	return (json_int_t)(wall.tv_sec - mono.tv_sec) * 1000000000 + wall.tv_nsec - mono.tv_nsec +
	       (json_int_t)monotonic_ns;
}

static json_t *sample_json(const struct ppn_sample *sample)
{
	static char data[4 * (PPN_SAMPLE_COPY / 3 + 1) + 1];
	char name[IF_NAMESIZE];

	if (!if_indextoname(sample->ifindex, name))
		snprintf(name, sizeof(name), "%u", sample->ifindex);
	ppn_base64(data, sizeof(data), sample->packet, sample->captured);
	return json_pack("{s:I, s:i, s:s, s:s, s:s, s:b, s:i, s:s}", "at_ns",
			 unix_ns(sample->at_ns), "ifindex", (int)sample->ifindex, "interface", name,
			 "direction", sample->direction == PPN_DIRECTION_OUT ? "out" : "in",
			 "reason",
			 sample->reason < _PPN_REASON_MAX ? reason_text[sample->reason] : "?",
			 "dropped", sample->verdict == PPN_VERDICT_DROP, "len", (int)sample->len,
			 "data", data);
}

void ppnd_watch_sample(struct ppnd *ppnd, const struct ppn_sample *sample)
{
	struct watcher *watcher;
	json_t *object;

	if (!ppnd_watch_on(ppnd))
		return;
	object = sample_json(sample);
	LIST_FOREACH(watcher, &ppnd->samples->watchers, next)
	{
		if (object && ppn_ctl_queued(watcher->call) < BEHIND_MAX) {
			watcher->seen++;
			ppn_ctl_progress(watcher->call, json_incref(object));
		} else {
			watcher->lost++;
		}
	}
	json_decref(object);
}

void ppnd_watch_stop(struct ppnd *ppnd)
{
	const bool watched = ppnd_watch_on(ppnd);
	struct watcher *watcher;

	if (!ppnd->samples)
		return;
	while ((watcher = LIST_FIRST(&ppnd->samples->watchers))) {
		ppn_ctl_error(watcher->call, PPN_EXIT_NO_DAEMON, "ppnd ends");
		LIST_REMOVE(watcher, next);
		event_free(watcher->timer);
		free(watcher);
	}
	free(ppnd->samples);
	ppnd->samples = NULL;
	/* The programs sample no more: it would cost each packet of a flood, and nobody reads. */
	if (watched)
		(void)ppnd_seal_column(ppnd, ppnd->genesis.state);
}
