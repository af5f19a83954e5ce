// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Is somebody connected whom sealing would cut off? Asked once, at the first start (DESIGN 6). */
#include <errno.h>
#include <stdio.h>

#include "node/facts.h"
#include "node/ppnd.h"

int ppnd_session_find(struct ppnd *ppnd, char ret_who[static PPN_WHY_LEN])
{
	const struct ppn_socket *found = NULL;
	struct ppnd_facts facts;
	char who[PPND_WHO_LEN];
	int err = ppnd_facts_read(ppnd, &facts);

	if (err)
		return err;
	for (size_t i = 0; !found && i < facts.sockets.n; i++)
		if (ppnd_facts_is_session(ppnd, &facts, &facts.sockets.socket[i]))
			found = &facts.sockets.socket[i];
	if (found)
		snprintf(ret_who, PPN_WHY_LEN, "a TCP session from %s", ppnd_facts_who(who, found));
	ppnd_facts_free(&facts);
	return found ? 0 : -ENOENT;
}
