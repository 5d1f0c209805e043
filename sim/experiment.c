/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The list of experiments, and what they share. */
#include "experiment.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "world.h"

static const struct experiment {
	const char *name, *title;
	void (*run)(struct output *output, bool quick);
} experiments[] = {
	{ "detection", "How fast a spread attack is dropped: alone, with the paper's master, in the mesh", experiment_detection },
	{ "convergence", "How fast one member's counts reach all", experiment_convergence },
	{ "cost", "What a member sends and checks", experiment_cost },
	{ "accuracy", "How far the judged rate is from the true one", experiment_accuracy },
	{ "faults", "Partition and heal, rolling restart, death of half the members", experiment_faults },
	{ "liars", "What one lying member of sixteen can do, with and without each defence", experiment_liars },
	{ "fairness", "What honest clients of an attacked destination keep", experiment_fairness },
};

#define EXPERIMENTS (sizeof(experiments) / sizeof(experiments[0]))

struct scenario experiment_scenario(int members)
{
	struct scenario scenario;

	scenario_defaults(&scenario);
	scenario.members = members;
	scenario.checks = false; /* the swarm checks; here time counts */
	return scenario;
}

struct group *experiment_group(struct scenario *scenario, const char *name, bool bot, int clients, double rate)
{
	struct group *group = &scenario->groups[scenario->groups_count++];

	*group = (struct group){ .bot = bot, .clients = clients, .destinations = 1, .rate = rate, .roam_s = 2 };
	snprintf(group->name, sizeof(group->name), "%s", name);
	return group;
}

void experiment_world(const struct scenario *scenario, uint64_t seed, void (*read)(struct world *world, void *result),
		      void *result)
{
	struct world *world = world_open(scenario, seed);

	if (isatty(STDERR_FILENO))
		fprintf(stderr, "\r\033[K%s: %d members, %s, loss %g, seed %llu ", scenario->name, scenario->members,
			sharing_names[scenario->sharing], scenario->loss, (unsigned long long)seed);
	world_run(world, scenario->duration_s, NULL);
	read(world, result);
	world_close(world);
	if (isatty(STDERR_FILENO))
		fputs("\r\033[K", stderr);
}

static bool run_one(const struct experiment *experiment, const char *directory, bool quick)
{
	struct output output;

	if (!output_open(&output, directory, experiment->name, experiment->title))
		return false;
	experiment->run(&output, quick);
	return output_close(&output);
}

static bool report(const char *directory)
{
	const char *names[EXPERIMENTS + 1] = { NULL };

	for (unsigned int i = 0; i < EXPERIMENTS; i++)
		names[i] = experiments[i].name;
	return output_report(directory, names);
}

bool experiment_run(const char *name, const char *directory, bool quick)
{
	const bool all = strcmp(name, "all") == 0, list = strcmp(name, "list") == 0;
	bool found = all || list, good = true;

	for (unsigned int i = 0; i < EXPERIMENTS; i++) {
		if (list)
			printf("%-14s %s\n", experiments[i].name, experiments[i].title);
		if (list || (!all && strcmp(name, experiments[i].name) != 0))
			continue;
		found = true;
		good = run_one(&experiments[i], directory, quick) && good;
	}
	if (!found) {
		fprintf(stderr, "xpro-sim: no experiment \"%s\"; xpro-sim experiment list\n", name);
		return false;
	}
	return list || (report(directory) && good);
}
