// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* ppnd: options, the order of a start, the event loop, the end. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/file.h"
#include "host/log.h"
#include "host/secret.h"
#include "lib/crypto.h"
#include "node/ppnd.h"

enum { SIGNALS = 2 };

struct options {
	const char *invite;
	bool check_config, named_config, blind;
};

enum option_id {
	OPT_CONFIG = 256,
	OPT_STATE,
	OPT_RUN,
	OPT_PIN_ROOT,
	OPT_WORKER,
	OPT_OBSERVE,
	OPT_CHECK,
	OPT_BLIND,
	OPT_INVITE,
	OPT_DEBUG,
	OPT_VERSION,
	OPT_HELP
};

static const struct option long_options[] = {
	{ "config", required_argument, NULL, OPT_CONFIG },
	{ "state-dir", required_argument, NULL, OPT_STATE },
	{ "run-dir", required_argument, NULL, OPT_RUN },
	{ "pin-root", required_argument, NULL, OPT_PIN_ROOT },
	{ "worker", required_argument, NULL, OPT_WORKER },
	{ "observe", no_argument, NULL, OPT_OBSERVE },
	{ "check-config", no_argument, NULL, OPT_CHECK },
	{ "blind", no_argument, NULL, OPT_BLIND },
	{ "invite", required_argument, NULL, OPT_INVITE },
	{ "debug", no_argument, NULL, OPT_DEBUG },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ "help", no_argument, NULL, OPT_HELP },
	{ 0 },
};

static void usage(FILE *out)
{
	fputs("usage: ppnd [--config FILE] [--state-dir DIR] [--run-dir DIR] [--pin-root DIR]\n"
	      "            [--invite FILE] [--worker FILE] [--observe] [--debug]\n"
	      "       ppnd --blind [--config FILE] [--state-dir DIR] [--pin-root DIR]\n"
	      "       ppnd --check-config [--config FILE]\n"
	      "       ppnd --version | --help\n",
	      out);
}

/* 0: go on; 1: done; -1: wrong. */
static int parse(struct ppnd *ppnd, struct options *options, int argc, char **argv)
{
	int id;

	while ((id = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
		switch (id) {
		case OPT_CONFIG:
			ppnd->config_file = optarg;
			options->named_config = true;
			break;
		case OPT_STATE:
			ppnd->state_dir = optarg;
			break;
		case OPT_RUN:
			ppnd->run_dir = optarg;
			break;
		case OPT_PIN_ROOT:
			ppnd->pin_root = optarg;
			break;
		case OPT_WORKER:
			ppnd->worker = optarg;
			break;
		case OPT_OBSERVE:
			ppnd->observe_asked = true;
			break;
		case OPT_CHECK:
			options->check_config = true;
			break;
		case OPT_BLIND:
			options->blind = true;
			break;
		case OPT_INVITE:
			options->invite = optarg;
			break;
		case OPT_DEBUG:
			ppn_log_init("ppnd", LOG_DEBUG);
			break;
		case OPT_VERSION:
			puts("ppnd " PPN_VERSION);
			return 1;
		case OPT_HELP:
		case 'h':
			usage(stdout);
			return 1;
		default:
			return -1;
		}
	}
	if (optind < argc)
		ppn_log(LOG_ERR, "one word too many: %s", argv[optind]);
	return optind == argc ? 0 : -1;
}

static int read_config(struct ppnd *ppnd, const struct options *options)
{
	const char *slash = strrchr(ppnd->config_file, '/');
	char why[256];
	int err = ppnd_config_read(&ppnd->config, ppnd->config_file, why);

	/* Without its own file a machine has the defaults; one that was named must be there. */
	if (err && (err != -ENOENT || options->named_config)) {
		ppn_log(LOG_ERR, "%s", why);
		return err;
	}
	if (err)
		ppnd_config_default(&ppnd->config);
	snprintf(ppnd->conf_dir, sizeof(ppnd->conf_dir), "%.*s",
		 slash ? (int)(slash - ppnd->config_file) : 1, slash ? ppnd->config_file : ".");
	if (options->check_config)
		printf("%s: %s\n", ppnd->config_file, err ? "not there: the defaults" : "ok");
	return 0;
}

/* ---- events ---- */

static void on_signal(evutil_socket_t fd, short what, void *arg)
{
	struct ppnd *ppnd = arg;

	(void)what;
	ppn_log(LOG_NOTICE, "%s: ending; the seal stays", strsignal(fd));
	(void)event_base_loopbreak(ppnd->base);
}

static void on_ring(evutil_socket_t fd, short what, void *arg)
{
	struct ppnd *ppnd = arg;
	int err = ppn_datapath_consume(ppnd->dp);

	(void)fd;
	(void)what;
	if (err < 0)
		ppn_log_errno(LOG_ERR, err, "the datapath's ring buffers");
}

static void on_packet(void *arg, const struct ppn_packet_event *event)
{
	if (event->type == PPN_PACKET_BEACON)
		ppnd_discovery_packet(arg, event);
}

static void on_frame(void *arg, const struct ppn_frame_event *event)
{
	ppnd_command_frame(arg, event);
}

static void on_sample(void *arg, const struct ppn_sample *sample)
{
	ppnd_watch_sample(arg, sample);
}

/* A link came, went or changed, or somebody took the fleet's routes: both look at everything again. */
static void on_link(void *arg, uint32_t ifindex, bool gone)
{
	struct ppnd *ppnd = arg;

	(void)gone;
	ppnd_seal_changed(ppnd);
	if (ifindex == 0 || (ppnd->mesh.wg && ifindex == ppn_wg_ifindex(ppnd->mesh.wg)))
		ppnd_mesh_soon(ppnd);
}

static void on_watch(evutil_socket_t fd, short what, void *arg)
{
	struct ppnd *ppnd = arg;
	int err = ppn_link_watch_dispatch(ppnd->link);

	(void)fd;
	(void)what;
	if (err < 0)
		ppn_log_errno(LOG_ERR, err, "watching the links");
}

static void on_watchdog(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	ppn_notify("WATCHDOG=1");
}

static struct event *add_event(struct ppnd *ppnd, int fd, short what, event_callback_fn callback,
			       const struct timeval *every)
{
	struct event *event = event_new(ppnd->base, fd, what | EV_PERSIST, callback, ppnd);

	if (event && event_add(event, every) < 0) {
		event_free(event);
		event = NULL;
	}
	return event;
}

static int listen_all(struct ppnd *ppnd)
{
	const struct ppn_datapath_events events = {
		.packet = on_packet,
		.frame = on_frame,
		.sample = on_sample,
		.arg = ppnd,
	};
	int err = ppn_datapath_listen(ppnd->dp, &events);

	if (err == -ENOTSUP && ppn_datapath_refused(ppnd->dp))
		err = 0;
	if (!err)
		err = ppn_link_watch(ppnd->link, on_link, ppnd);
	if (err)
		return ppn_log_errno(LOG_ERR, err, "listening to the kernel");
	ppnd->watch = add_event(ppnd, ppn_link_watch_fd(ppnd->link), EV_READ, on_watch, NULL);
	if (!ppnd->watch)
		return -ENOMEM;
	if (ppn_datapath_refused(ppnd->dp))
		return 0;
	ppnd->ring = add_event(ppnd, ppn_datapath_fd(ppnd->dp), EV_READ, on_ring, NULL);
	return ppnd->ring ? 0 : -ENOMEM;
}

static struct event *watchdog(struct ppnd *ppnd)
{
	const char *text = getenv("WATCHDOG_USEC");
	unsigned long long usec = text ? strtoull(text, NULL, 10) / 2 : 0;
	const struct timeval every = { (time_t)(usec / 1000000), (suseconds_t)(usec % 1000000) };

	return usec ? add_event(ppnd, -1, 0, on_watchdog, &every) : NULL;
}

/* ---- start and end ---- */

static int open_kernel(struct ppnd *ppnd)
{
	char why[PPN_WHY_LEN] = "";
	int err = ppn_link_open(&ppnd->link);

	if (err)
		return ppn_log_errno(LOG_ERR, err, "rtnetlink");
	err = ppn_datapath_open(&ppnd->dp, ppnd->pin_root, &ppnd->fresh, why);
	if (!err)
		return 0;
	/* Another ppnd at work, or programs of another ABI on the interfaces: theirs, not ours to go on. */
	if (err == -EBUSY || err == -EPROTO || err == -ENAMETOOLONG) {
		ppn_log(LOG_ERR, "the datapath does not load: %s", why);
		return err;
	}
	ppn_log(LOG_ERR, "no BPF, the seal is degraded to nftables: %s", why);
	ppnd->fresh = true;
	return ppn_datapath_none(&ppnd->dp, why);
}

static int open_state(struct ppnd *ppnd, const struct options *options)
{
	const struct ppnd_state_paths paths = {
		.state_dir = ppnd->state_dir,
		.conf_dir = ppnd->conf_dir,
		.invite = options->invite,
	};
	int err = ppnd_state_open(&ppnd->state, &ppnd->config, &paths);

	if (err)
		ppn_log(LOG_ERR, "%s: %s", ppnd->state_dir, ppnd->state.why);
	else
		ppn_log(LOG_INFO, "node %s, %s, start %u",
			ppnd->state.has_identity ? ppnd->state.identity.label : "without identity",
			ppn_posture_text(ppnd->config.posture), ppnd->state.boots);
	return err;
}

static int open_run_dir(struct ppnd *ppnd)
{
	int fd = ppn_dir_open(ppnd->run_dir, 0755);

	if (fd < 0)
		return ppn_log_errno(LOG_ERR, fd, "%s", ppnd->run_dir);
	close(fd);
	return 0;
}

/* A node whose state cannot be read is sealed all the same, and then ends. */
static int start(struct ppnd *ppnd, const struct options *options)
{
	int err = open_kernel(ppnd), state, one;

	if (err)
		return err;
	state = open_state(ppnd, options);
	if (state == -EBUSY)
		return state;
	one = ppnd_seal_start(ppnd);
	if (state)
		return state;
	ppnd_genesis_init(ppnd);
	err = ppnd_slots_start(ppnd);
	if (!err)
		err = listen_all(ppnd);
	if (!err)
		err = ppnd_seal_watch(ppnd);
	if (!err)
		err = open_run_dir(ppnd);
	if (!err)
		err = ppnd_ctl_start(ppnd);
	if (!err)
		ppnd_metrics_start(ppnd);
	if (!err)
		err = ppnd_genesis_start(ppnd);
	return err ? err : one;
}

static void stop(struct ppnd *ppnd)
{
	ppnd_metrics_stop(ppnd);
	ppnd_watch_stop(ppnd);
	ppnd_ctl_stop(ppnd);
	ppnd_monitor_stop(ppnd);
	ppnd_discovery_stop(ppnd);
	ppnd_telemetry_stop(ppnd);
	ppnd_genesis_stop(ppnd);
	ppnd_mesh_stop(ppnd);
	ppnd_seal_stop(ppnd);
	ppnd_policy_stop(ppnd);
	ppnd_backstop_stop(ppnd);
	ppnd_slots_stop(ppnd);
	if (ppnd->ring)
		event_free(ppnd->ring);
	if (ppnd->watch)
		event_free(ppnd->watch);
	ppn_datapath_close(&ppnd->dp);
	ppn_link_close(&ppnd->link);
	ppnd_state_close(&ppnd->state);
}

static int run(struct ppnd *ppnd, const struct options *options)
{
	static const int numbers[SIGNALS] = { SIGTERM, SIGINT };
	struct event *signals[SIGNALS], *dog;
	int err;

	ppnd->base = event_base_new();
	if (!ppnd->base)
		return EXIT_FAILURE;
	for (size_t i = 0; i < SIGNALS; i++)
		signals[i] = add_event(ppnd, numbers[i], EV_SIGNAL, on_signal, NULL);
	dog = watchdog(ppnd);
	err = start(ppnd, options);
	if (!err) {
		ppn_notify("READY=1");
		(void)event_base_dispatch(ppnd->base);
		ppn_notify("STOPPING=1");
	}
	stop(ppnd);
	for (size_t i = 0; i < SIGNALS; i++)
		if (signals[i])
			event_free(signals[i]);
	if (dog)
		event_free(dog);
	event_base_free(ppnd->base);
	return err ? EXIT_FAILURE : ppnd->exit_code;
}

int main(int argc, char **argv)
{
	/*
	 * Static: 64 interfaces and as many tickets have no place on a stack. Without an initialiser:
	 * it would lie whole in the file.
	 */
	static struct ppnd ppnd;
	struct options options = { 0 };
	int done;

	ppnd.config_file = PPN_SYSCONFDIR "/ppnd.conf";
	ppnd.state_dir = PPN_STATEDIR;
	ppnd.run_dir = PPN_RUNDIR;
	ppnd.state.dir = -1;
	ppnd.state.trust_dir = -1;
	ppn_log_init("ppnd", LOG_INFO);
	done = parse(&ppnd, &options, argc, argv);
	if (done > 0)
		return EXIT_SUCCESS;
	if (done < 0) {
		usage(stderr);
		return PPN_EXIT_USAGE;
	}
	if (read_config(&ppnd, &options))
		return EXIT_FAILURE;
	if (options.check_config)
		return EXIT_SUCCESS;
	if (options.blind)
		return ppnd_blind(&ppnd);
	(void)signal(SIGPIPE, SIG_IGN);
	if (ppn_secret_process()) {
		ppn_log(LOG_ERR, "the kernel would let others read its keys: no PR_SET_DUMPABLE");
		return EXIT_FAILURE;
	}
	if (ppn_crypto_init()) {
		ppn_log(LOG_ERR, "libsodium does not start");
		return EXIT_FAILURE;
	}
	return run(&ppnd, &options);
}
