// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "kernel/link_private.h"

static int read_value(int fd, int *ret_value)
{
	char text[16], *end;
	ssize_t len = pread(fd, text, sizeof(text) - 1, 0);
	long value;

	if (len < 0)
		return -errno;
	text[len] = '\0';
	value = strtol(text, &end, 10);
	if (end == text || (*end != '\n' && *end != '\0'))
		return -EPROTO;
	*ret_value = (int)value;
	return 0;
}

static int write_value(const char *path, int value)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), err = 0;

	if (fd < 0)
		return -errno;
	if (dprintf(fd, "%d\n", value) < 0)
		err = -errno;
	close(fd);
	return err;
}

int ppn_link_sysctl(const char *family, const char *name, const char *key, int value)
{
	char path[128];
	int fd, err, now = 0, len;

	len = snprintf(path, sizeof(path), "/proc/sys/net/%s/conf/%s/%s", family, name, key);
	if (len < 0 || (size_t)len >= sizeof(path))
		return -ENAMETOOLONG;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	err = read_value(fd, &now);
	close(fd);
	if (err || now == value)
		return err;
	return write_value(path, value);
}

struct setting {
	const char *family, *name /* NULL: the interface */, *key;
	uint8_t underlays; /* a bit each: where it is 0 */
};

#define EVERY ((1 << _PPN_UNDERLAY_MAX) - 1)
#define WITHOUT_RA (EVERY & ~(1 << PPN_UNDERLAY_SLAAC))

/*
 * IPv4 takes a redirect when `all` or the interface says so (unless it forwards), so `all` goes too;
 * interfaces that are not hardened keep their own.
 */
static const struct setting settings[] = {
	{ "ipv6", NULL, "accept_ra", WITHOUT_RA },
	{ "ipv6", NULL, "accept_ra_rt_info_max_plen", EVERY },
	{ "ipv6", NULL, "accept_redirects", EVERY },
	{ "ipv6", NULL, "accept_source_route", EVERY },
	{ "ipv4", "all", "accept_redirects", EVERY },
	{ "ipv4", NULL, "accept_redirects", EVERY },
	{ "ipv4", NULL, "accept_source_route", EVERY },
};

int ppn_link_harden(struct ppn_link *link, uint32_t ifindex, enum ppn_underlay underlay)
{
	char name[IFNAMSIZ];
	int err;

	(void)link;
	if ((unsigned int)underlay >= _PPN_UNDERLAY_MAX)
		return -EINVAL;
	err = ppn_link_name(ifindex, name);
	for (size_t i = 0; !err && i < sizeof(settings) / sizeof(settings[0]); i++) {
		const struct setting *s = &settings[i];

		if (s->underlays & 1 << underlay)
			err = ppn_link_sysctl(s->family, s->name ? s->name : name, s->key, 0);
		/* A kernel built without the feature needs no switch for it. */
		if (err == -ENOENT)
			err = 0;
	}
	return err;
}
