// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include "kernel/datapath_private.h"

static int on_packet(void *arg, void *data, size_t len)
{
	const struct ppn_packet_event *event = data;
	struct ppn_datapath *dp = arg;

	if (len >= sizeof(*event) && event->len && event->len <= PPN_PACKET_COPY &&
	    dp->events.packet)
		dp->events.packet(dp->events.arg, event);
	return 0;
}

static int on_frame(void *arg, void *data, size_t len)
{
	const struct ppn_frame_event *event = data;
	struct ppn_datapath *dp = arg;

	if (len >= sizeof(*event) && event->slot < PPN_SEATS_MAX && dp->events.frame)
		dp->events.frame(dp->events.arg, event);
	return 0;
}

static int on_sample(void *arg, void *data, size_t len)
{
	const struct ppn_sample *sample = data;
	struct ppn_datapath *dp = arg;

	if (len >= sizeof(*sample) && sample->captured <= PPN_SAMPLE_COPY && dp->events.sample)
		dp->events.sample(dp->events.arg, sample);
	return 0;
}

int ppn_datapath_listen(struct ppn_datapath *dp, const struct ppn_datapath_events *events)
{
	struct ring_buffer *rings;
	int err;

	if (dp->refused[0])
		return -ENOTSUP;
	if (dp->rings)
		return -EALREADY;
	dp_hush();
	rings = ring_buffer__new(dp->map[DP_PACKETS], on_packet, dp, NULL);
	if (!rings)
		return -errno;
	err = ring_buffer__add(rings, dp->map[DP_FRAMES], on_frame, dp);
	if (!err)
		err = ring_buffer__add(rings, dp->map[DP_SAMPLES], on_sample, dp);
	if (err) {
		ring_buffer__free(rings);
		return err;
	}
	dp->events = *events;
	dp->rings = rings;
	return 0;
}

int ppn_datapath_fd(const struct ppn_datapath *dp)
{
	return dp->rings ? ring_buffer__epoll_fd(dp->rings) : -EBADF;
}

int ppn_datapath_consume(struct ppn_datapath *dp)
{
	int n;

	if (dp->refused[0])
		return 0;
	if (!dp->rings)
		return -EBADF;
	n = ring_buffer__consume(dp->rings);
	return n < 0 ? n : 0;
}
