// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Who takes packets faster: contestants in interleaved rounds, on the receiving end of a veth pair.
 *
 *	contest FROM TO ROUNDS PACKETS SOURCES dropped|passed NAME[/EVERY]...
 *
 * The first NAME is the limit, the second ours; /EVERY: only in each so-manieth round. peer.sh puts them on and takes
 * them off, and has each one's own count, which must say that it got every packet: else its slice is void. The order
 * is shuffled anew in each round, by a fixed seed; a first round is thrown away; a round in which the limit ran below
 * 0.7 of its best is dropped for all. Prints one JSON object.
 */
#include <stdbool.h>
#include <stdio.h>
#include <sys/socket.h>

#include "sender.h"

#define SLOW 0.7
enum { ROUNDS_MAX = 201, NAMES_MAX = 16, RESAMPLES = 1000, COMMAND = 160, SEED = 42 };

struct contestant {
	const char *name;
	int every;
	unsigned int voids;
	double rate[ROUNDS_MAX]; /* packets a second; 0: did not run, or void */
};

struct contest {
	struct sender sender;
	const char *device, *verb;
	unsigned int packets;
	int rounds, n, slow;
	struct contestant c[NAMES_MAX];
};

/* The same in every run (xorshift, Marsaglia 2003); below n. */
static int below(int n)
{
	static uint32_t x = SEED;

	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	return (int)(x % (uint32_t)n);
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double median(double *values, int n)
{
	qsort(values, (size_t)n, sizeof(*values), ascending);
	return n ? values[n / 2] : 0;
}

static double best(const struct contestant *c, int rounds)
{
	double most = 0;

	for (int i = 0; i < rounds; i++)
		most = c->rate[i] > most ? c->rate[i] : most;
	return most;
}

/* -- a slice -- */

static int peer(const struct contest *contest, const char *verb, const struct contestant *c)
{
	char command[COMMAND];

	(void)snprintf(command, sizeof(command), "peer.sh %s %s %s", verb, c->name,
		       contest->device);
	return system(command) ? -EIO : 0;
}

static int count(const struct contest *contest, const struct contestant *c, uint64_t *ret_count)
{
	char command[COMMAND];
	char line[32] = "", *end = line;
	FILE *said;

	(void)snprintf(command, sizeof(command), "peer.sh %s %s %s", contest->verb, c->name,
		       contest->device);
	said = popen(command, "r");
	if (said && fgets(line, sizeof(line), said))
		*ret_count = strtoull(line, &end, 10);
	return said && !pclose(said) && end != line && *end == '\n' ? 0 : -EIO;
}

/* An eighth of the packets goes ahead, untimed: caches, ARP, the code itself. */
static int flood(const struct contest *contest, double *ret_rate)
{
	double start;
	int err = sender_send(&contest->sender, contest->packets / 8);

	start = sender_now();
	if (!err)
		err = sender_send(&contest->sender, contest->packets);
	*ret_rate = contest->packets / (sender_now() - start);
	return err;
}

static int slice(const struct contest *contest, struct contestant *c, int round)
{
	const uint64_t sent = contest->packets + contest->packets / 8;
	uint64_t before, after;
	double rate;
	int err = peer(contest, "on", c);

	if (!err)
		err = count(contest, c, &before);
	if (!err)
		err = flood(contest, &rate);
	if (!err)
		err = count(contest, c, &after);
	if (err)
		return err;
	if (after - before >= sent && after - before <= sent + sent / 1000)
		c->rate[round] = rate;
	else
		c->voids++;
	return peer(contest, "off", c);
}

/* -- rounds -- */

static void shuffle(int *order, int n)
{
	for (int i = n - 1; i > 0; i--) {
		const int k = below(i + 1), was = order[i];

		order[i] = order[k];
		order[k] = was;
	}
}

static int play(struct contest *contest, int round)
{
	int order[NAMES_MAX], err = 0;

	for (int i = 0; i < contest->n; i++)
		order[i] = i;
	shuffle(order, contest->n);
	for (int i = 0; i < contest->n && !err; i++) {
		struct contestant *c = &contest->c[order[i]];

		if (round % c->every == 0)
			err = slice(contest, c, round);
	}
	return err;
}

static void forget(struct contest *contest, int round)
{
	for (int k = 0; k < contest->n; k++)
		contest->c[k].rate[round] = 0;
}

static int play_all(struct contest *contest)
{
	double most;
	int err = play(contest, 0);

	forget(contest, 0);
	for (int k = 0; k < contest->n; k++)
		contest->c[k].voids = 0;
	for (int i = 0; i < contest->rounds && !err; i++)
		err = play(contest, i);
	most = best(&contest->c[0], contest->rounds);
	for (int i = 0; i < contest->rounds; i++)
		if (contest->c[0].rate[i] < SLOW * most) {
			contest->slow++;
			forget(contest, i);
		}
	return err;
}

/* -- what it says -- */

/* Half of the middle 95 % of the medians of samples drawn anew. */
static void bootstrap(const double *ratio, int n, double ret_ci[static 2])
{
	static double medians[RESAMPLES];
	double sample[ROUNDS_MAX];

	for (int k = 0; k < RESAMPLES; k++) {
		for (int i = 0; i < n; i++)
			sample[i] = ratio[below(n)];
		medians[k] = median(sample, n);
	}
	qsort(medians, RESAMPLES, sizeof(*medians), ascending);
	ret_ci[0] = medians[RESAMPLES / 40];
	ret_ci[1] = medians[RESAMPLES - RESAMPLES / 40 - 1];
}

/* a over b, in the rounds that both ran. */
static void print_ratio(const char *key, const struct contestant *a, const struct contestant *b,
			int rounds)
{
	double x[ROUNDS_MAX], y[ROUNDS_MAX], ratio[ROUNDS_MAX], ci[2] = { 0 },
								best_y = best(b, rounds);
	int n = 0;

	for (int i = 0; i < rounds; i++)
		if (a->rate[i] > 0 && b->rate[i] > 0) {
			x[n] = a->rate[i];
			y[n] = b->rate[i];
			ratio[n] = x[n] / y[n];
			n++;
		}
	if (!n) {
		printf("\"%s\": null", key);
		return;
	}
	bootstrap(ratio, n, ci);
	printf("\"%s\": {\"median\": %.3f, \"of_medians\": %.3f, \"best\": %.3f, "
	       "\"ci95\": [%.3f, %.3f], \"n\": %d}",
	       key, median(ratio, n), median(x, n) / median(y, n), best(a, rounds) / best_y, ci[0],
	       ci[1], n);
}

static double median_rate(const struct contestant *c, int rounds)
{
	double ran[ROUNDS_MAX];
	int n = 0;

	for (int i = 0; i < rounds; i++)
		if (c->rate[i] > 0)
			ran[n++] = c->rate[i];
	return median(ran, n);
}

static void print(const struct contest *contest)
{
	printf("{\"rounds\": %d, \"slow\": %d, \"contestants\": {", contest->rounds, contest->slow);
	for (int k = 0; k < contest->n; k++) {
		const struct contestant *c = &contest->c[k];

		printf("%s\"%s\": {\"mpps\": %.2f, \"best_mpps\": %.2f, \"void\": %u, ",
		       k ? ", " : "", c->name, median_rate(c, contest->rounds) / 1e6,
		       best(c, contest->rounds) / 1e6, c->voids);
		print_ratio("over_limit", c, &contest->c[0], contest->rounds);
		printf(", ");
		print_ratio("ours_over", &contest->c[1], c, contest->rounds);
		printf("}");
	}
	printf("}}\n");
}

/* Where the service would be: packets that pass find a socket, which nobody reads. */
static int open_service(void)
{
	const struct sockaddr_in any = { .sin_family = AF_INET, .sin_port = htons(SENDER_OPEN) };
	const int fd = socket(AF_INET, SOCK_DGRAM, 0);

	return fd < 0 || bind(fd, (const void *)&any, sizeof(any)) ? -errno : 0;
}

static bool parse(struct contest *contest, char **argv, int argc)
{
	contest->device = argv[2];
	contest->rounds = (int)strtol(argv[3], NULL, 10); /* 0 and nonsense: out of range */
	contest->packets = (unsigned int)strtoul(argv[4], NULL, 10);
	contest->verb = argv[6];
	for (int i = 7; i < argc && contest->n < NAMES_MAX; i++) {
		struct contestant *c = &contest->c[contest->n++];
		char *every = strchr(argv[i], '/');

		c->name = argv[i];
		c->every = every ? (int)strtol(every + 1, NULL, 10) : 1;
		if (every)
			*every = '\0';
		if (c->every < 1)
			return false;
	}
	return contest->rounds >= 1 && contest->rounds <= ROUNDS_MAX && contest->packets &&
	       contest->n == argc - 7;
}

int main(int argc, char **argv)
{
	static struct contest contest;
	bool pass;
	int err;

	if (argc < 9 || !parse(&contest, argv, argc)) {
		fputs("usage: contest FROM TO ROUNDS PACKETS SOURCES dropped|passed NAME[/EVERY]...\n",
		      stderr);
		return 2;
	}
	pass = !strcmp(contest.verb, "passed");
	sender_pin();
	err = sender_open(&contest.sender, argv[1], (uint32_t)strtoul(argv[5], NULL, 10),
			  pass ? SENDER_OPEN : SENDER_CLOSED);
	if (!err && pass)
		err = open_service();
	if (!err)
		err = play_all(&contest);
	if (err)
		fprintf(stderr, "contest: %s\n", strerror(-err));
	else
		print(&contest);
	return err != 0;
}
