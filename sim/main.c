/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* xpro-sim: the command line. Results go to stdout; progress and complaints to stderr. */
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sodium.h>

#include "experiment.h"
#include "pcap.h"
#include "replay.h"
#include "report.h"
#include "swarm.h"
#include "world.h"

enum { EXIT_CHECK = 1, EXIT_USAGE = 2 };

static int usage(FILE *out)
{
	fputs("xpro-sim: the mesh in a simulated network; every run can be repeated from its seed\n"
	      "\n"
	      "  xpro-sim run SCENARIO [--seed N] [--json] [--signatures real|simulated] [--publish need|all] [--pcap "
	      "FILE]\n"
	      "                                                 one scenario, and its figures\n"
	      "  xpro-sim swarm --seeds A..B [--strict] [--publish need|all] [--jobs N]\n"
	      "                                                 random runs; every check after every event\n"
	      "  xpro-sim experiment NAME [--output DIRECTORY] [--quick] [--jobs N]\n"
	      "                                                 CSV, JSON, plots and a paragraph; NAME 'list' lists "
	      "them, 'all' runs all\n"
	      "  xpro-sim replay TRACE                          what a gossipd with trace_file was given, once more\n"
	      "  xpro-sim help\n"
	      "\n"
	      "Exit: 0 all well, 1 a check failed (the seed and the command that repeats it are printed), 2 wrong "
	      "usage.\n"
	      "sim/README.md tells how to write a scenario.\n",
	      out);
	return out == stderr ? EXIT_USAGE : 0;
}

static bool number_read(const char *text, uint64_t *ret_number)
{
	char *end;

	errno = 0;
	*ret_number = strtoull(text, &end, 10);
	return errno == 0 && *text >= '0' && *text <= '9' && *end == '\0';
}

/* The only places that look at a real clock: processor time for "x real time", time on the wall for how much longer. */
static double clock_s(clockid_t which)
{
	struct timespec now;

	clock_gettime(which, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / NS_PER_S;
}

static double began_s, began_wall_s, shown_s;

static void progress_begin(void)
{
	began_s = clock_s(CLOCK_PROCESS_CPUTIME_ID);
	began_wall_s = shown_s = clock_s(CLOCK_MONOTONIC);
}

/* Is it time to show something again? Then *ret_left_s is how much longer it takes when so much of it is done. */
static bool progress_due(double done, double *ret_left_s)
{
	const double now = clock_s(CLOCK_MONOTONIC);

	if (now - shown_s < 0.2 || done <= 0)
		return false;
	shown_s = now;
	*ret_left_s = (now - began_wall_s) * (1 - done) / done;
	return true;
}

static void progress_bar(double done)
{
	const int filled = (int)(30 * done);

	fprintf(stderr, "\r[%.*s%.*s] %5.1f %%  ", filled, "##############################", 30 - filled,
		"..............................", 100 * done);
}

static void run_progress(const struct world *world)
{
	const double done = (double)world->now_ns / NS_PER_S / world->scenario.duration_s;
	double left_s;

	if (!progress_due(done, &left_s))
		return;
	progress_bar(done);
	fprintf(stderr, "%.0f x real time  %.0f s left\033[K",
		done * world->scenario.duration_s / (clock_s(CLOCK_PROCESS_CPUTIME_ID) - began_s), left_s);
	fflush(stderr);
}

static void swarm_progress(uint64_t done, uint64_t of, uint64_t failed)
{
	double left_s;

	if (!progress_due((double)done / (double)of, &left_s))
		return;
	progress_bar((double)done / (double)of);
	fprintf(stderr, "seed %llu of %llu, %llu failed  %.0f s left\033[K\r", (unsigned long long)done,
		(unsigned long long)of, (unsigned long long)failed, left_s);
	fflush(stderr);
}

static int flush_stdout(int result)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return result;
	fprintf(stderr, "xpro-sim: stdout: %s\n", strerror(errno));
	return EXIT_CHECK;
}

struct options {
	uint64_t seed, first, last, jobs;
	bool json, has_seeds, quick, strict, help;
	int real, all; /* signatures, cells published; -1: as the scenario or the seed says */
	enum breaking breaking;
	const char *output, *pcap;
};

static bool breaking_read(const char *name, enum breaking *ret_breaking)
{
	for (unsigned int i = 0; i < BREAK_COUNT; i++) {
		if (strcmp(breaking_names[i], name) == 0) {
			*ret_breaking = (enum breaking)i;
			return true;
		}
	}
	return false;
}

static bool seeds_read(char *text, struct options *options)
{
	char *dots = strstr(text, "..");

	options->has_seeds = true;
	if (!dots)
		return number_read(text, &options->first) && number_read(text, &options->last);
	*dots = '\0';
	return number_read(text, &options->first) && number_read(dots + 2, &options->last) &&
	       options->first <= options->last;
}

static bool options_read(int argc, char **argv, struct options *options)
{
	static const struct option names[] = {
		{ "seed", required_argument, NULL, 's' },
		{ "seeds", required_argument, NULL, 'S' },
		{ "json", no_argument, NULL, 'j' },
		{ "signatures", required_argument, NULL, 'g' },
		{ "output", required_argument, NULL, 'o' },
		{ "publish", required_argument, NULL, 'P' },
		{ "quick", no_argument, NULL, 'q' },
		{ "break", required_argument, NULL, 'b' },
		{ "strict", no_argument, NULL, 'x' },
		{ "pcap", required_argument, NULL, 'p' },
		{ "jobs", required_argument, NULL, 'J' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	*options = (struct options){ .seed = 1, .real = -1, .all = -1, .jobs = 1, .output = "build/experiments" };
	while ((c = getopt_long(argc, argv, "", names, NULL)) != -1) {
		switch (c) {
		case 's':
			if (!number_read(optarg, &options->seed))
				return false;
			break;
		case 'S':
			if (!seeds_read(optarg, options))
				return false;
			break;
		case 'J':
			if (!number_read(optarg, &options->jobs) || options->jobs < 1 || options->jobs > SWARM_JOBS_MAX)
				return false;
			break;
		case 'h':
			options->help = true;
			break;
		case 'j':
			options->json = true;
			break;
		case 'g':
			options->real = strcmp(optarg, "real") == 0;
			if (!options->real && strcmp(optarg, "simulated") != 0)
				return false;
			break;
		case 'P':
			options->all = strcmp(optarg, "all") == 0;
			if (!options->all && strcmp(optarg, "need") != 0)
				return false;
			break;
		case 'o':
			options->output = optarg;
			break;
		case 'q':
			options->quick = true;
			break;
		case 'p':
			options->pcap = optarg;
			break;
		case 'x':
			options->strict = true;
			break;
		case 'b':
			if (!breaking_read(optarg, &options->breaking))
				return false;
			break;
		default:
			return false;
		}
	}
	return true;
}

static int run(const char *path, const struct options *options)
{
	struct problem problem;
	struct scenario scenario;
	struct world *world;
	json_t *report;
	bool failed;

	if (!scenario_read(path, &scenario, &problem)) {
		fprintf(stderr, "xpro-sim: %s\n", problem.text);
		return EXIT_USAGE;
	}
	if (options->real >= 0)
		scenario.real_signatures = options->real;
	if (options->all >= 0) {
		scenario.publish_all = options->all;
		scenario.all_from = 0;
	}
	world = world_open(&scenario, options->seed, BREAK_NOTHING);
	world->check.breaking = options->breaking;
	if (options->pcap) {
		world->network.capture = pcap_open(options->pcap);
		if (!world->network.capture)
			fprintf(stderr, "xpro-sim: %s: %s\n", options->pcap, strerror(errno));
	}
	failed = options->pcap && !world->network.capture;
	progress_begin();
	world_run(world, scenario.duration_s, isatty(STDERR_FILENO) ? run_progress : NULL);
	if (isatty(STDERR_FILENO))
		fputs("\r\033[K", stderr);
	report = report_make(world);
	if (options->json) {
		json_dumpf(report, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
		putchar('\n');
	} else {
		report_print(report, stdout);
	}
	fprintf(stderr, "%.1f x real time\n", scenario.duration_s / (clock_s(CLOCK_PROCESS_CPUTIME_ID) - began_s));
	failed = failed || world->check.failed;
	if (world->network.capture && fclose(world->network.capture) != 0)
		failed = true;
	json_decref(report);
	world_close(world);
	return flush_stdout(failed ? EXIT_CHECK : 0);
}

static int swarm(const struct options *options)
{
	const struct swarm_options swarm_options = {
		.first = options->first,
		.last = options->last,
		.breaking = options->breaking,
		.jobs = options->jobs,
		.progress = isatty(STDERR_FILENO) ? swarm_progress : NULL,
		.strict = options->strict,
		.all = options->all,
	};
	bool good;

	progress_begin();
	good = swarm_run(&swarm_options);
	if (isatty(STDERR_FILENO))
		fputs("\033[K", stderr);
	return flush_stdout(good ? 0 : EXIT_CHECK);
}

static int experiment(const char *name, const struct options *options)
{
	if (!experiment_known(name)) {
		fprintf(stderr, "xpro-sim: no experiment \"%s\"; xpro-sim experiment list\n", name);
		return EXIT_USAGE;
	}
	if (!experiment_run(name, options->output, options->quick, (unsigned int)options->jobs))
		return flush_stdout(EXIT_CHECK);
	return flush_stdout(0);
}

int main(int argc, char **argv)
{
	struct options options;
	const char *verb;

	if (sodium_init() < 0 || argc < 2)
		return usage(stderr);
	if (!options_read(argc, argv, &options))
		return usage(stderr);
	if (options.help)
		return usage(stdout);
	if (optind >= argc)
		return usage(stderr);
	verb = argv[optind++];
	if (strcmp(verb, "help") == 0)
		return usage(stdout);
	if (strcmp(verb, "run") == 0 && optind + 1 == argc)
		return run(argv[optind], &options);
	if (strcmp(verb, "swarm") == 0 && optind == argc && options.has_seeds)
		return swarm(&options);
	if (strcmp(verb, "replay") == 0 && optind + 1 == argc) {
		const enum replay_outcome outcome = replay_run(argv[optind]);

		return flush_stdout(outcome == REPLAY_SAME ? 0 : outcome == REPLAY_DIFFERS ? EXIT_CHECK : EXIT_USAGE);
	}
	if (strcmp(verb, "experiment") == 0 && optind + 1 == argc)
		return experiment(argv[optind], &options);
	return usage(stderr);
}
