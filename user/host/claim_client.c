// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "host/claim_client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "host/channel.h"
#include "lib/crypto.h"

enum stage {
	CONNECTING,
	UPGRADING,
	GREETED, /* upgraded: message 1 is awaited */
	SHOWN, /* message 2 is sent: message 3 is awaited */
	PROVED,
	N_STAGES,
};

struct ppn_claim_client {
	struct ppn_channel *channel; /* NULL when it ended */
	const struct ppn_claim_client_hooks *hooks;
	void *arg;
	unsigned int handshake_ms, answer_ms;
	struct ppn_noise noise;
	struct ppn_noise_cipher send, receive;
	uint8_t *credentials;
	size_t credentials_len;
	struct ppn_bytes bundle; /* what is left of it */
	bool streaming;
	enum stage stage;
	enum ppn_claim_client_end end; /* why this side closed */
	int err;
};

static void give_up(struct ppn_claim_client *client, enum ppn_claim_client_end end, int err)
{
	client->end = end;
	client->err = err;
	ppn_channel_close(client->channel, PPN_CHANNEL_OWN);
}

/* ---- the bundle ----------------------------------------------------------------------------- */

static int send_sealed(struct ppn_claim_client *client, struct ppn_bytes message)
{
	uint8_t sealed[PPN_MESSAGE_MAX];
	int err = ppn_noise_seal(&client->send, sealed, message.data, message.len);

	if (!err)
		err = ppn_channel_send(client->channel,
				       (struct ppn_bytes){ sealed, message.len + PPN_NOISE_TAG });
	return err;
}

/* As much as the socket will soon take; the empty message ends it. */
static int stream_more(struct ppn_claim_client *client)
{
	while (client->streaming && ppn_channel_queued(client->channel) < PPN_CHANNEL_QUEUE_LOW) {
		struct ppn_bytes *left = &client->bundle;
		size_t len = left->len < PPN_ROSTER_CHUNK ? left->len : PPN_ROSTER_CHUNK;
		int err = send_sealed(client, (struct ppn_bytes){ left->data, len });

		if (err)
			return err;
		left->data += len;
		left->len -= len;
		client->streaming = len > 0;
	}
	return 0;
}

static void on_drained(void *arg, struct ppn_channel *channel)
{
	struct ppn_claim_client *client = arg;
	int err = stream_more(client);

	(void)channel;
	if (err)
		give_up(client, PPN_CLAIM_CLIENT_LOCAL, err);
}

/* ---- the handshake ---------------------------------------------------------------------------- */

static void on_connected(void *arg, struct ppn_channel *channel)
{
	struct ppn_claim_client *client = arg;

	client->stage = UPGRADING;
	ppn_channel_deadline(channel, client->handshake_ms);
}

static void on_opened(void *arg, struct ppn_channel *channel)
{
	struct ppn_claim_client *client = arg;

	(void)channel;
	client->stage = GREETED;
}

static int send_credentials(struct ppn_claim_client *client)
{
	static const size_t overhead = 96; /* e, s and its tag, the payload's tag */
	size_t max = client->credentials_len + overhead, len;
	uint8_t *message = malloc(max);
	int err;

	if (!message)
		return -ENOMEM;
	err = ppn_noise_write(&client->noise, message, max, &len, client->credentials,
			      client->credentials_len);
	if (!err)
		err = ppn_channel_send(client->channel, (struct ppn_bytes){ message, len });
	free(message);
	return err;
}

static void message_one(struct ppn_claim_client *client, struct ppn_bytes message)
{
	uint8_t payload[PPN_MESSAGE_MAX];
	size_t len;
	int err = ppn_noise_read(&client->noise, payload, sizeof(payload), &len, message.data,
				 message.len);

	if (err || len > 0) {
		give_up(client, PPN_CLAIM_CLIENT_PROTOCOL, err ? err : -EBADMSG);
		return;
	}
	err = send_credentials(client);
	if (err == -EBADMSG) /* a point of small order in message 1 */
		give_up(client, PPN_CLAIM_CLIENT_PROTOCOL, err);
	else if (err)
		give_up(client, PPN_CLAIM_CLIENT_LOCAL, err);
	client->stage = SHOWN;
}

static void message_three(struct ppn_claim_client *client, struct ppn_bytes message)
{
	uint8_t node[PPN_MESSAGE_MAX], rs[PPN_KEY_LEN], h[PPN_HASH_LEN];
	size_t len;
	int err =
		ppn_noise_read(&client->noise, node, sizeof(node), &len, message.data, message.len);

	if (!err)
		err = ppn_noise_split(&client->noise, &client->send, &client->receive);
	if (err) {
		give_up(client, PPN_CLAIM_CLIENT_PROTOCOL, err);
		return;
	}
	client->stage = PROVED;
	ppn_channel_deadline(client->channel, client->answer_ms);
	memcpy(rs, client->noise.rs, sizeof(rs));
	memcpy(h, client->noise.h, sizeof(h));
	client->hooks->proved(client->arg, client, (struct ppn_bytes){ node, len }, rs, h);
}

static void message_sealed(struct ppn_claim_client *client, struct ppn_bytes message)
{
	uint8_t plain[PPN_MESSAGE_MAX];
	int err = ppn_noise_open(&client->receive, plain, message.data, message.len);

	if (err) {
		give_up(client, PPN_CLAIM_CLIENT_PROTOCOL, err);
		return;
	}
	client->hooks->received(client->arg, client,
				(struct ppn_bytes){ plain, message.len - PPN_NOISE_TAG });
}

static void on_message(void *arg, struct ppn_channel *channel, struct ppn_bytes message)
{
	static void (*const steps[N_STAGES])(struct ppn_claim_client *, struct ppn_bytes) = {
		[GREETED] = message_one,
		[SHOWN] = message_three,
		[PROVED] = message_sealed,
	};
	struct ppn_claim_client *client = arg;

	(void)channel;
	steps[client->stage](client, message); /* a channel gives messages only when it is open */
}

/* ---- the end -------------------------------------------------------------------------------------- */

/* What the peer did not say follows from how far we got. */
static enum ppn_claim_client_end end_of(const struct ppn_claim_client *client,
					enum ppn_channel_end end)
{
	static const enum ppn_claim_client_end silent[N_STAGES] = {
		[CONNECTING] = PPN_CLAIM_CLIENT_SILENT, [UPGRADING] = PPN_CLAIM_CLIENT_NO_UPGRADE,
		[GREETED] = PPN_CLAIM_CLIENT_NO_HELLO,	[SHOWN] = PPN_CLAIM_CLIENT_TIMEOUT,
		[PROVED] = PPN_CLAIM_CLIENT_TIMEOUT,
	};
	static const enum ppn_claim_client_end closed[N_STAGES] = {
		[CONNECTING] = PPN_CLAIM_CLIENT_REFUSED, [UPGRADING] = PPN_CLAIM_CLIENT_NO_UPGRADE,
		[GREETED] = PPN_CLAIM_CLIENT_NO_HELLO,	 [SHOWN] = PPN_CLAIM_CLIENT_NO_PROOF,
		[PROVED] = PPN_CLAIM_CLIENT_CLOSED,
	};
	static const enum ppn_claim_client_end plain[_PPN_CHANNEL_END_MAX] = {
		[PPN_CHANNEL_REFUSED] = PPN_CLAIM_CLIENT_REFUSED,
		[PPN_CHANNEL_UNREACHABLE] = PPN_CLAIM_CLIENT_UNREACHABLE,
		[PPN_CHANNEL_UPGRADE] = PPN_CLAIM_CLIENT_NO_UPGRADE,
		[PPN_CHANNEL_FRAME] = PPN_CLAIM_CLIENT_PROTOCOL,
		[PPN_CHANNEL_SIZE] = PPN_CLAIM_CLIENT_PROTOCOL,
		[PPN_CHANNEL_FAILED] = PPN_CLAIM_CLIENT_LOCAL,
	};

	switch (end) {
	case PPN_CHANNEL_OWN:
		return client->end;
	case PPN_CHANNEL_TIMEOUT:
		return silent[client->stage];
	case PPN_CHANNEL_CLOSED:
		return closed[client->stage];
	default:
		return plain[end];
	}
}

static void wipe(struct ppn_claim_client *client)
{
	ppn_noise_wipe(&client->noise);
	ppn_wipe(&client->send, sizeof(client->send));
	ppn_wipe(&client->receive, sizeof(client->receive));
}

static void on_ended(void *arg, struct ppn_channel *channel, enum ppn_channel_end end, int err)
{
	struct ppn_claim_client *client = arg;

	client->channel = NULL;
	ppn_channel_free(channel);
	wipe(client);
	client->hooks->ended(client->arg, client, end_of(client, end),
			     client->err ? client->err : err);
}

/* ---- the caller's side ------------------------------------------------------------------------------ */

static int noise_start(struct ppn_claim_client *client,
		       const struct ppn_claim_client_config *config)
{
	static const uint8_t nobody[PPN_HASH_LEN];
	uint8_t prologue[PPN_PROLOGUE_LEN], e_secret[32];
	const struct ppn_noise_config noise = {
		.name = PPN_NOISE_NAME,
		.prologue = prologue,
		.prologue_len = sizeof(prologue),
		.s = config->key,
		.e_secret = e_secret,
	};
	int err;

	ppn_prologue(prologue, config->mode,
		     config->mode == PPN_MODE_CODE ? nobody : config->fleet);
	ppn_random(e_secret, sizeof(e_secret));
	err = ppn_noise_start(&client->noise, &noise);
	ppn_wipe(e_secret, sizeof(e_secret));
	return err;
}

static int credentials_take(struct ppn_claim_client *client, struct ppn_bytes credentials)
{
	if (credentials.len == 0 || credentials.len > PPN_MESSAGE2_MAX - 96)
		return -EINVAL;
	client->credentials = malloc(credentials.len);
	if (!client->credentials)
		return -ENOMEM;
	memcpy(client->credentials, credentials.data, credentials.len);
	client->credentials_len = credentials.len;
	return 0;
}

static int channel_start(struct ppn_claim_client *client,
			 const struct ppn_claim_client_config *config)
{
	static const struct ppn_channel_hooks hooks = {
		.connected = on_connected,
		.opened = on_opened,
		.message = on_message,
		.drained = on_drained,
		.ended = on_ended,
	};
	const struct ppn_channel_config channel = {
		.base = config->base,
		.hooks = &hooks,
		.arg = client,
		.message_max = PPN_MESSAGE_MAX,
		.protocol = config->mode == PPN_MODE_CODE ? PPN_SUBPROTOCOL_CODE :
							    PPN_SUBPROTOCOL_PIN,
		.host = "ppn",
	};

	return ppn_channel_client(&client->channel, config->to, config->to_len, config->fd,
				  &channel);
}

static unsigned int or_default(unsigned int ms, unsigned int ms_default)
{
	return ms ? ms : ms_default;
}

static void client_drop(struct ppn_claim_client *client)
{
	wipe(client);
	free(client->credentials);
	free(client);
}

static int start_failed(const struct ppn_claim_client_config *config, int err)
{
	if (!config->to)
		close(config->fd);
	return err;
}

int ppn_claim_client_start(struct ppn_claim_client **ret_client,
			   const struct ppn_claim_client_config *config)
{
	struct ppn_claim_client *client = calloc(1, sizeof(*client));
	int err;

	if (!client)
		return start_failed(config, -ENOMEM);
	client->hooks = config->hooks;
	client->arg = config->arg;
	client->handshake_ms = or_default(config->handshake_ms, PPN_CLAIM_CLIENT_HANDSHAKE_MS);
	client->answer_ms = or_default(config->answer_ms, PPN_CLAIM_CLIENT_ANSWER_MS);
	err = credentials_take(client, config->credentials);
	if (!err)
		err = noise_start(client, config);
	if (err) {
		client_drop(client);
		return start_failed(config, err);
	}
	err = channel_start(client, config); /* takes the fd, on failure too */
	if (err) {
		client_drop(client);
		return err;
	}
	ppn_channel_deadline(client->channel,
			     or_default(config->connect_ms, PPN_CLAIM_CLIENT_CONNECT_MS));
	*ret_client = client;
	return 0;
}

int ppn_claim_client_send(struct ppn_claim_client *client, struct ppn_bytes message)
{
	if (!client->channel || client->stage != PROVED)
		return -ENOTCONN;
	if (message.len > PPN_ROSTER_CHUNK)
		return -EMSGSIZE;
	if (client->streaming)
		return -EINVAL;
	return send_sealed(client, message);
}

int ppn_claim_client_stream(struct ppn_claim_client *client, struct ppn_bytes bundle)
{
	if (!client->channel || client->stage != PROVED)
		return -ENOTCONN;
	if (bundle.len > PPN_ROSTER_MAX)
		return -EMSGSIZE;
	if (client->streaming)
		return -EINVAL;
	client->bundle = bundle;
	client->streaming = true;
	return stream_more(client);
}

void ppn_claim_client_free(struct ppn_claim_client *client)
{
	if (!client)
		return;
	ppn_channel_free(client->channel);
	client_drop(client);
}

const char *ppn_claim_client_text(enum ppn_claim_client_end end)
{
	static const char *const texts[] = {
#define X(name, text) text,
		PPN_CLAIM_CLIENT_ENDS(X)
#undef X
	};

	return (unsigned int)end < _PPN_CLAIM_CLIENT_MAX ? texts[end] : "?";
}
