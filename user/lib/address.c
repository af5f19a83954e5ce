// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Mesh addresses (DESIGN 5.4): fd, 40 bits of the fleet id, 64 bits of H(identity), 16 bits of host. */
#include "lib/wire.h"

#include <string.h>
#include "lib/crypto.h"

enum { FLEET_BYTES = 5, NODE_AT = 6, NODE_BYTES = 8, HOST_AT = 14 };

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
