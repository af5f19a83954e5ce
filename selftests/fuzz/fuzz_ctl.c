// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Input: a packet of the control socket. */
#include <errno.h>
#include <string.h>
#include "fuzz/mend.h"
#include "host/ctl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	uint8_t *packet = copy_of(data, len);
	const char *verb = NULL;
	json_t *request = NULL;
	char why[160] = "";
	int err;

	err = ppn_ctl_parse((const char *)packet, len, &request, &verb, why);
	if (!err) {
		must(json_is_object(request));
		must(strcmp(verb, json_string_value(json_object_get(request, "verb"))) == 0);
		json_decref(request);
	} else {
		must(err == (len > PPN_CTL_MAX ? -EMSGSIZE : -EINVAL));
		must(!request && !verb && why[0]);
	}
	free(packet);
	return 0;
}
