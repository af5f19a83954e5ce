// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "admin/service.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/clock.h"
#include "host/log.h"
#include "lib/crypto.h"

#define LOCAL_FOR_S 300

uint64_t ppn_now_ms(void)
{
	return ppn_clock_ms(CLOCK_REALTIME);
}

uint64_t ppn_boottime_ms(void)
{
	return ppn_clock_ms(CLOCK_BOOTTIME);
}

/* ---- ppnd on this machine ---- */

static json_t *ask_ppnd(struct ppn_service *service, json_t *request)
{
	enum ppn_exit code;
	char path[128];
	json_t *answer;

	snprintf(path, sizeof(path), "%s/" PPN_CTL_SOCKET, service->options->run_dir);
	answer = ppn_ctl_ask(path, request, NULL, NULL, &code);
	if (answer && !json_object_get(answer, "error"))
		return answer;
	json_decref(answer);
	return NULL;
}

/* Its seal lets a seat's beacon and claim connections out for a while: say again, before that ends, that
 * one runs here. */
static void tell_local(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	json_decref(ask_ppnd(arg, json_pack("{s:s, s:b, s:i}", "verb", "seat", "on", 1, "for_s",
					    LOCAL_FOR_S)));
}

/* Does ppnd run here, and which node is it? Then the seat makes no device of its own. */
static int find_local(struct ppn_service *service)
{
	const struct timeval period = { LOCAL_FOR_S / 3, 0 };
	json_t *answer = ask_ppnd(service, json_pack("{s:s}", "verb", "status"));
	const char *identity = json_string_value(json_object_get(answer, "identity"));

	service->local = identity && ppn_unhex(service->local_identity,
					       sizeof(service->local_identity), identity) == 0;
	json_decref(answer);
	if (!service->local)
		return 0;
	service->tell = event_new(service->base, -1, EV_PERSIST, tell_local, service);
	if (!service->tell || event_add(service->tell, &period) < 0)
		return -ENOMEM;
	tell_local(-1, 0, service);
	return 0;
}

/* ---- verbs ---- */

static int start_rooms(struct ppn_service *service)
{
	int err = find_local(service);

	if (err == 0)
		err = ppn_mesh_start(service);
	if (err == 0)
		err = ppn_command_start(service);
	if (err == 0)
		err = ppn_seen_start(service);
	return err;
}

static void stop_rooms(struct ppn_service *service)
{
	ppn_claim_stop(service);
	ppn_command_stop(service);
	ppn_seen_stop(service);
	ppn_mesh_stop(service);
	if (service->tell)
		event_free(service->tell);
}

static void unlock_call(struct ppn_service *service, struct ppn_ctl_call *call, json_t *request)
{
	const char *passphrase = json_string_value(json_object_get(request, "passphrase"));
	char why[PPN_STORE_WHY] = "";
	int err;

	if (!passphrase) {
		ppn_ctl_error(call, PPN_EXIT_USAGE, "unlock wants the passphrase");
		return;
	}
	if (service->store.unlocked) {
		ppn_ctl_answer(call, PPN_EXIT_OK, json_pack("{s:b}", "unlocked", 1));
		return;
	}
	err = ppn_store_unlock(&service->store, passphrase, why);
	if (err < 0) {
		ppn_ctl_error(call, err == -EBADMSG ? PPN_EXIT_VERIFY : PPN_EXIT_FAILURE, "%s",
			      why);
		return;
	}
	err = start_rooms(service);
	if (err < 0) {
		/* without mesh or beacon this seat is of no use: end, so that the service manager shows it */
		ppn_ctl_error(call, PPN_EXIT_FAILURE,
			      "unlocked, but the seat cannot start: %s (see its log)",
			      strerror(-err));
		event_base_loopexit(service->base, NULL);
		return;
	}
	ppn_log(LOG_INFO, "unlocked: certificate %s", service->store.cert.name);
	if (ppn_store_expired(&service->store, ppn_now_ms() / 1000, why))
		ppn_log(LOG_WARNING, "%s", why);
	ppn_notify("STATUS=unlocked");
	ppn_ctl_answer(call, PPN_EXIT_OK, json_pack("{s:b}", "unlocked", 1));
}

static const struct {
	const char *verb;
	bool locked; /* answered while locked, too */
	bool valid; /* wants a certificate that has not expired */
	void (*run)(struct ppn_service *service, struct ppn_ctl_call *call, json_t *request);
} verbs[] = {
	{ "unlock", true, false, unlock_call },
	{ "status", true, false, ppn_listing_status },
	{ "roster", true, false, ppn_listing_roster },
	{ "nodes", false, false, ppn_listing_nodes },
	{ "claim", false, true, ppn_claim_call },
	{ "send", false, true, ppn_command_call },
};

static void handle(void *arg, struct ppn_ctl_call *call, const char *verb, json_t *request,
		   uid_t uid)
{
	struct ppn_service *service = arg;
	char why[PPN_STORE_WHY];

	if (uid != 0 && uid != geteuid()) {
		ppn_ctl_error(call, PPN_EXIT_REFUSED,
			      "only root and the service's own user may ask");
		return;
	}
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (strcmp(verbs[i].verb, verb) != 0)
			continue;
		if (!verbs[i].locked && !service->store.unlocked)
			ppn_ctl_error(call, PPN_EXIT_REFUSED,
				      "locked: run `ppn-admin unlock` first");
		else if (verbs[i].valid &&
			 ppn_store_expired(&service->store, ppn_now_ms() / 1000, why))
			ppn_ctl_error(call, PPN_EXIT_REFUSED, "%s", why);
		else
			verbs[i].run(service, call, request);
		return;
	}
	ppn_ctl_error(call, PPN_EXIT_USAGE, "no verb %s", verb);
}

/* ---- the loop ---- */

static void ended(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	event_base_loopexit(arg, NULL);
}

static int loop(struct ppn_service *service)
{
	struct event *term = evsignal_new(service->base, SIGTERM, ended, service->base);
	struct event *interrupt = evsignal_new(service->base, SIGINT, ended, service->base);
	int err = 0;

	if (!term || !interrupt || event_add(term, NULL) < 0 || event_add(interrupt, NULL) < 0)
		err = -ENOMEM;
	if (err == 0) {
		ppn_log(LOG_INFO, "locked: `ppn-admin unlock` gives it its key");
		ppn_notify("READY=1\nSTATUS=locked");
		event_base_dispatch(service->base);
		ppn_notify("STOPPING=1");
	}
	if (term)
		event_free(term);
	if (interrupt)
		event_free(interrupt);
	return err;
}

static int serve(struct ppn_service *service)
{
	char path[128];
	int err;

	service->base = event_base_new();
	if (!service->base)
		return ppn_log_errno(LOG_ERR, -ENOMEM, "event loop");
	if (mkdir(service->options->run_dir, 0755) < 0 && errno != EEXIST)
		return ppn_log_errno(LOG_ERR, -errno, "%s", service->options->run_dir);
	snprintf(path, sizeof(path), "%s/" PPN_CTL_ADMIN_SOCKET, service->options->run_dir);
	err = ppn_ctl_listen(&service->ctl, service->base, path, "ppn", handle, service);
	if (err < 0)
		return ppn_log_errno(LOG_ERR, err, "%s", path);
	err = loop(service);
	stop_rooms(service);
	ppn_ctl_close(&service->ctl);
	return err;
}

int ppn_verb_run(const struct ppn_admin_options *options, int argc, char **argv)
{
	struct ppn_service service = { .options = options };
	char why[256] = "", store_why[PPN_STORE_WHY] = "";
	int err;

	if (ppn_options("run", argc, argv, NULL, 0, NULL, 0) < 0)
		return PPN_EXIT_USAGE;
	ppn_log_init("ppn-admin", LOG_INFO);
	if (ppn_admin_config_read(&service.config, options->config, why) < 0) {
		ppn_log(LOG_ERR, "%s", why);
		return PPN_EXIT_FAILURE;
	}
	if (ppn_store_open(&service.store, options->state_dir, store_why) < 0) {
		ppn_log(LOG_ERR, "%s: %s", options->state_dir, store_why);
		return PPN_EXIT_FAILURE;
	}
	err = serve(&service);
	ppn_store_close(&service.store);
	if (service.base)
		event_base_free(service.base);
	return err < 0 ? PPN_EXIT_FAILURE : PPN_EXIT_OK;
}
