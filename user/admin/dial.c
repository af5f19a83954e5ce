// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "admin/dial.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/cleanup.h"
#include "host/claim_client.h"
#include "lib/crypto.h"

#define WHY_LEN 400

struct ppn_dial {
	struct ppn_service *service;
	struct ppn_claim_client *client;
	struct ppn_dial_hooks hooks;
	struct sockaddr_in6 to;
	uint8_t *bundle; /* must outlive the client */
};

/* What it says is not what a node of this fleet would say. */
static void fail(struct ppn_dial *dial, const char *why)
{
	dial->hooks.failed(dial->hooks.arg, dial, PPN_CLAIM_CLIENT_PROTOCOL, why);
}

static void proved(void *arg, struct ppn_claim_client *client, struct ppn_bytes object,
		   const uint8_t rs[static PPN_KEY_LEN], const uint8_t h[static PPN_HASH_LEN])
{
	struct ppn_dial *dial = arg;
	struct ppn_node_proof node;
	enum ppn_check check;

	(void)client;
	check = ppn_node_read(object, dial->service->store.trust.newest.fleet, rs,
			      dial->service->store.cert.noise_key, &node);
	if (check != PPN_CHECK_OK) {
		fail(dial, ppn_check_text(check));
		return;
	}
	dial->hooks.proved(dial->hooks.arg, dial, &node, h);
}

static void received(void *arg, struct ppn_claim_client *client, struct ppn_bytes message)
{
	struct ppn_dial *dial = arg;
	struct ppn_answer answer;

	(void)client;
	if (message.len < sizeof(answer) || message.len > PPN_MESSAGE_MAX) {
		fail(dial, "its answer is malformed");
		return;
	}
	memcpy(&answer, message.data, sizeof(answer));
	if (answer.code == PPN_ANSWER_NONE || answer.code > PPN_ANSWER_ALREADY) {
		fail(dial, "its answer is malformed");
		return;
	}
	dial->hooks.answered(dial->hooks.arg, dial, (enum ppn_answer_code)answer.code,
			     (struct ppn_bytes){ message.data + sizeof(answer),
						 message.len - sizeof(answer) });
}

/* What the operator can do about it, where there is something. */
static void advise(const struct ppn_dial *dial, enum ppn_claim_client_end end,
		   char ret_why[static WHY_LEN])
{
	const struct ppn_service *service = dial->service;
	char root[PPN_KEY_ID_LEN * 2 + 1];

	switch (end) {
	case PPN_CLAIM_CLIENT_SILENT:
	case PPN_CLAIM_CLIENT_UNREACHABLE:
		snprintf(
			ret_why, WHY_LEN,
			"%s: a firewall before it (a provider's, too) must let in tcp/%u and udp/%u; or it is down, or claimed already",
			ppn_claim_client_text(end), ntohs(dial->to.sin6_port),
			service->config.wg_port);
		break;
	case PPN_CLAIM_CLIENT_NO_PROOF:
		snprintf(
			ret_why, WHY_LEN,
			"%s; this authority is fleet %s, and `ppn status` on that machine shows its own",
			ppn_claim_client_text(end),
			ppn_hex(root, service->store.trust.newest.fleet, PPN_KEY_ID_LEN));
		break;
	default:
		snprintf(ret_why, WHY_LEN, "%s", ppn_claim_client_text(end));
	}
}

static void ended(void *arg, struct ppn_claim_client *client, enum ppn_claim_client_end end,
		  int err)
{
	struct ppn_dial *dial = arg;
	char why[WHY_LEN];

	(void)client;
	if (end == PPN_CLAIM_CLIENT_LOCAL)
		snprintf(why, sizeof(why), "%s: %s", ppn_claim_client_text(end), strerror(-err));
	else
		advise(dial, end, why);
	dial->hooks.failed(dial->hooks.arg, dial, end, why);
}

static const struct ppn_claim_client_hooks client_hooks = {
	.proved = proved,
	.received = received,
	.ended = ended,
};

int ppn_dial_start(struct ppn_dial **ret_dial, struct ppn_service *service,
		   const struct sockaddr_in6 *to, enum ppn_purpose purpose,
		   const struct ppn_dial_hooks *hooks)
{
	const struct ppn_store *store = &service->store;
	_cleanup_free_ uint8_t *credentials = malloc(PPN_MESSAGE2_MAX);
	_cleanup_free_ struct ppn_dial *dial = calloc(1, sizeof(*dial));
	struct ppn_noise_key key = { .dh = NULL };
	struct ppn_claim_client_config config = {
		.base = service->base,
		.mode = PPN_MODE_PIN,
		.hooks = &client_hooks,
	};
	ssize_t len;
	int err;

	if (!credentials || !dial)
		return -ENOMEM;
	len = ppn_credentials_write(credentials, PPN_MESSAGE2_MAX, purpose, &store->trust,
				    (struct ppn_bytes){ store->cert_bytes, store->cert_len });
	if (len < 0)
		return (int)len;
	dial->service = service;
	dial->hooks = *hooks;
	dial->to = *to;
	memcpy(key.key, store->cert.noise_key, PPN_KEY_LEN);
	memcpy(key.secret, store->secret.noise, sizeof(key.secret));
	memcpy(config.fleet, store->trust.newest.fleet, PPN_HASH_LEN);
	config.to = (const struct sockaddr *)&dial->to;
	config.to_len = sizeof(dial->to);
	config.key = &key;
	config.credentials = (struct ppn_bytes){ credentials, (size_t)len };
	config.arg = dial;
	err = ppn_claim_client_start(&dial->client, &config);
	ppn_wipe(&key, sizeof(key));
	if (err < 0)
		return err;
	*ret_dial = TAKE_PTR(dial);
	return 0;
}

int ppn_dial_send(struct ppn_dial *dial, struct ppn_bytes message)
{
	return ppn_claim_client_send(dial->client, message);
}

int ppn_dial_bundle(struct ppn_dial *dial, struct ppn_bytes bundle)
{
	if (dial->bundle)
		return -EINVAL;
	dial->bundle = malloc(bundle.len + 1);
	if (!dial->bundle)
		return -ENOMEM;
	memcpy(dial->bundle, bundle.data, bundle.len);
	return ppn_claim_client_stream(dial->client,
				       (struct ppn_bytes){ dial->bundle, bundle.len });
}

void ppn_dial_end(struct ppn_dial *dial)
{
	ppn_claim_client_free(dial->client);
	free(dial->bundle);
	free(dial);
}
