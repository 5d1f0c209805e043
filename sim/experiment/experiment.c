/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The list of experiments, and what they share. */
#include "experiment.h"

#include <stdio.h>
#include <string.h>

#include "plan.h"

static const struct experiment {
	const char *name, *title;
	void (*run)(struct output *output, bool quick);
} experiments[] = {
	{ "paper", "The paper's questions: a low-rate attack, a massive one, and the cost at a proxy",
	  experiment_paper },
	{ "detection", "How fast a spread attack is dropped: alone, with the paper's master, in the mesh",
	  experiment_detection },
	{ "convergence", "How fast one member's counts reach all", experiment_convergence },
	{ "cost", "What a member sends and checks", experiment_cost },
	{ "accuracy", "How far the judged rate is from the true one", experiment_accuracy },
	{ "faults", "Partition and heal, rolling restart, death of half the members", experiment_faults },
	{ "liars", "What one lying member of sixteen can do, with and without each defence", experiment_liars },
	{ "fairness", "What honest clients of an attacked destination keep", experiment_fairness },
	{ "spoofing", "Fairness under spoofing: what known clients and newcomers keep", experiment_spoofing },
};

#define EXPERIMENTS (sizeof(experiments) / sizeof(experiments[0]))

static void declare_one(const struct experiment *experiment, struct plan *plan, bool quick)
{
	struct output output = { .plan = plan, .declares = true };

	experiment->run(&output, quick);
}

static bool run_one(const struct experiment *experiment, struct plan *plan, const char *directory, bool quick)
{
	struct output output;

	if (!output_open(&output, plan, directory, experiment->name, experiment->title))
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

static bool is_meant(const struct experiment *experiment, const char *name)
{
	return strcmp(name, "all") == 0 || strcmp(name, experiment->name) == 0;
}

bool experiment_known(const char *name)
{
	bool known = strcmp(name, "list") == 0;

	for (unsigned int i = 0; i < EXPERIMENTS; i++)
		known = known || is_meant(&experiments[i], name);
	return known;
}

static bool list(void)
{
	for (unsigned int i = 0; i < EXPERIMENTS; i++)
		printf("%-14s %s\n", experiments[i].name, experiments[i].title);
	return true;
}

bool experiment_run(const char *name, const char *directory, bool quick, unsigned int jobs)
{
	struct plan *plan;
	bool good = true;

	if (strcmp(name, "list") == 0)
		return list();
	plan = plan_open(jobs);
	for (unsigned int i = 0; i < EXPERIMENTS; i++) {
		if (is_meant(&experiments[i], name))
			declare_one(&experiments[i], plan, quick);
	}
	for (unsigned int i = 0; i < EXPERIMENTS && good; i++) {
		if (is_meant(&experiments[i], name))
			good = run_one(&experiments[i], plan, directory, quick);
	}
	return plan_close(plan) && report(directory) && good;
}
