// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Mesh addresses (DESIGN 5.4): fd, 40 bits of the fleet id, 64 bits of H(identity), 16 bits of host; IPv4 in IPv6. */
#include "lib/wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include "lib/crypto.h"

enum { FLEET_BYTES = 5, NODE_AT = 6, NODE_BYTES = 8, HOST_AT = 14, V4_AT = 12 };

static const uint8_t mapped[V4_AT] = { [10] = 0xff, [11] = 0xff };

void ppn_fleet_prefix(uint8_t ret_addr[static 16], const uint8_t fleet[static PPN_HASH_LEN])
{
	memset(ret_addr, 0, 16);
	ret_addr[0] = 0xfd; /* RFC 4193 3.1 */
	memcpy(ret_addr + 1, fleet, FLEET_BYTES);
}

void ppn_mesh_address(uint8_t ret_addr[static 16], const uint8_t fleet[static PPN_HASH_LEN],
		      const uint8_t identity[static PPN_KEY_LEN], uint16_t host)
{
	uint8_t hash[PPN_HASH_LEN];

	ppn_hash(hash, identity, PPN_KEY_LEN);
	ppn_fleet_prefix(ret_addr, fleet);
	memcpy(ret_addr + NODE_AT, hash, NODE_BYTES);
	ret_addr[HOST_AT] = (uint8_t)(host >> 8);
	ret_addr[HOST_AT + 1] = (uint8_t)host;
}

bool ppn_address_is_v4(const uint8_t addr[static 16])
{
	return memcmp(addr, mapped, sizeof(mapped)) == 0;
}

bool ppn_address_is_loopback(const uint8_t addr[static 16])
{
	static const uint8_t six[16] = { [15] = 1 };

	return memcmp(addr, six, 16) == 0 || (ppn_address_is_v4(addr) && addr[V4_AT] == 127);
}

void ppn_address_v4(uint8_t ret_addr[static 16], const void *v4)
{
	memmove(ret_addr + V4_AT, v4, 4);
	memcpy(ret_addr, mapped, sizeof(mapped));
}

int ppn_address_read(uint8_t ret_addr[static 16], const char *text)
{
	uint8_t addr[16];

	if (inet_pton(AF_INET, text, addr) == 1)
		ppn_address_v4(ret_addr, addr);
	else if (inet_pton(AF_INET6, text, addr) == 1)
		memcpy(ret_addr, addr, sizeof(addr));
	else
		return -EINVAL;
	return 0;
}

const char *ppn_address_text(char ret_text[static PPN_ADDRESS_TEXT], const uint8_t addr[static 16])
{
	bool v4 = ppn_address_is_v4(addr);

	_Static_assert(PPN_ADDRESS_TEXT >= INET6_ADDRSTRLEN, "it always fits");
	return inet_ntop(v4 ? AF_INET : AF_INET6, addr + (v4 ? V4_AT : 0), ret_text,
			 PPN_ADDRESS_TEXT);
}
