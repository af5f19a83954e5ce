// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* pcapng (draft-ietf-opsawg-pcapng): blocks of 32-bit words in host order, a comment on each packet. */
#include "cli/pcap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum block { SECTION = 0x0a0d0d0a, INTERFACE = 1, PACKET = 6 };
enum option { END = 0, COMMENT = 1, IF_NAME = 2, IF_TSRESOL = 9, EPB_FLAGS = 2 };
enum { LINKTYPE_ETHERNET = 1, NANOSECONDS = 9, BLOCK_MAX = 1024, NAME_LEN = 16 };

struct pcap {
	FILE *file;
	uint32_t n_interfaces;
	char interface[PCAP_INTERFACES_MAX][NAME_LEN];
};

struct block_text {
	uint8_t data[BLOCK_MAX];
	uint32_t len;
};

static void put(struct block_text *block, const void *data, size_t len)
{
	if (block->len + len + 4 > BLOCK_MAX)
		return;
	memcpy(block->data + block->len, data, len);
	block->len += (uint32_t)len;
	while (block->len % 4)
		block->data[block->len++] = 0;
}

static void put32(struct block_text *block, uint32_t value)
{
	put(block, &value, sizeof(value));
}

static void put_option(struct block_text *block, uint16_t code, const void *data, uint16_t len)
{
	const uint16_t head[2] = { code, len };

	put(block, head, sizeof(head));
	if (len)
		put(block, data, len);
}

static void begin(struct block_text *block, uint32_t type)
{
	block->len = 0;
	put32(block, type);
	put32(block, 0); /* its length, once it is known */
}

static int end(struct pcap *pcap, struct block_text *block)
{
	const uint32_t len = block->len + 4;

	memcpy(block->data + 4, &len, sizeof(len));
	put32(block, len);
	return fwrite(block->data, block->len, 1, pcap->file) == 1 ? 0 : -EIO;
}

int pcap_open(struct pcap **ret_pcap, const char *path)
{
	const uint64_t unknown_length = UINT64_MAX;
	struct pcap *pcap = calloc(1, sizeof(*pcap));
	struct block_text block;
	int err;

	if (!pcap)
		return -ENOMEM;
	pcap->file = strcmp(path, "-") == 0 ? stdout : fopen(path, "we");
	if (!pcap->file) {
		err = -errno;
		free(pcap);
		return err;
	}
	begin(&block, SECTION);
	put32(&block, 0x1a2b3c4d);
	put32(&block, 1); /* version 1.0: two 16-bit numbers, 1 and 0 */
	put(&block, &unknown_length, sizeof(unknown_length));
	err = end(pcap, &block);
	if (err) {
		(void)pcap_close(pcap);
		return err;
	}
	*ret_pcap = pcap;
	return 0;
}

static int interface_number(struct pcap *pcap, const char *name, uint32_t *ret_number)
{
	const uint8_t resolution = NANOSECONDS;
	struct block_text block;
	uint32_t i = 0;

	while (i < pcap->n_interfaces && strcmp(pcap->interface[i], name) != 0)
		i++;
	*ret_number = i;
	if (i < pcap->n_interfaces)
		return 0;
	if (i == PCAP_INTERFACES_MAX)
		return -ENOSPC;
	snprintf(pcap->interface[pcap->n_interfaces++], NAME_LEN, "%s", name);
	begin(&block, INTERFACE);
	put32(&block, LINKTYPE_ETHERNET);
	put32(&block, 0); /* no limit */
	put_option(&block, IF_NAME, name, (uint16_t)strlen(name));
	put_option(&block, IF_TSRESOL, &resolution, 1);
	put_option(&block, END, NULL, 0);
	return end(pcap, &block);
}

int pcap_write(struct pcap *pcap, const struct pcap_packet *packet)
{
	const uint32_t flags = packet->outwards ? 2 : 1;
	struct block_text block;
	uint32_t number;
	int err = interface_number(pcap, packet->interface, &number);

	if (err)
		return err;
	begin(&block, PACKET);
	put32(&block, number);
	put32(&block, (uint32_t)(packet->at_ns >> 32));
	put32(&block, (uint32_t)packet->at_ns);
	put32(&block, packet->captured);
	put32(&block, packet->len);
	put(&block, packet->data, packet->captured);
	put_option(&block, COMMENT, packet->comment, (uint16_t)strlen(packet->comment));
	put_option(&block, EPB_FLAGS, &flags, sizeof(flags));
	put_option(&block, END, NULL, 0);
	err = end(pcap, &block);
	return err ? err : fflush(pcap->file) ? -errno : 0;
}

int pcap_close(struct pcap *pcap)
{
	int err = pcap->file == stdout ? fflush(stdout) : fclose(pcap->file);

	free(pcap);
	return err ? -EIO : 0;
}
