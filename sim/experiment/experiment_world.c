/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What experiments share: a scenario to begin with, and worlds to run. */
#include "experiment.h"

#include <stdio.h>
#include <string.h>

#include "plan.h"

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

void experiment_world(struct output *output, const struct scenario *scenario, uint64_t seed,
		      void (*read)(struct world *world, void *answer), void *ret_answer, size_t answer_bytes)
{
	if (output->declares) {
		plan_declare(output->plan, scenario, seed, read, answer_bytes);
		memset(ret_answer, 0xff, answer_bytes);
	} else {
		plan_answer(output->plan, scenario, seed, answer_bytes, ret_answer);
	}
}
