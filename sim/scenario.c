/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A scenario as it is before anybody says otherwise, and what can be wrong with one. */
#include "scenario.h"

#include <stdio.h>
#include <string.h>

#include "regions.h"

void scenario_defaults(struct scenario *ret_scenario)
{
	*ret_scenario = (struct scenario){
		.name = "unnamed",
		.members = 5,
		.regions_count = REGIONS_COUNT,
		.duration_s = 20,
		.warmup_s = 3,
		.quiet_s = 3,
		.start_spread_s = 0.5,
		.delay_ms = -1,
		.jitter = 0.15,
		.thresholds = { .pair_rate = 100,
				.destination_rate = 1000,
				.idle_reset = duration_ms(IDLE_RESET_MS_DEFAULT),
				.pair_min_window = duration_ms(MIN_WINDOW_MS_DEFAULT),
				.destination_min_window = duration_ms(MIN_WINDOW_MS_DEFAULT),
				.early = true,
				.fair = true },
		.tick_ms = TICK_MS_DEFAULT,
		.window_max_ms = WINDOW_MAX_MS_DEFAULT,
		.decay = DECAY_DEFAULT,
		.keys_max = 4096,
		.cells_max = 65536,
		.frames_max = 1024,
		.frames_per_tick = 64,
		.datagram_bytes = DATAGRAM_BYTES_DEFAULT,
		.cpus = 1,
		.service = true,
		.checks = true,
		.oracle = true,
		.measure = MEASURE_ALL,
		.master_delay_ms = -1,
		.master_period_ms = TICK_MS_DEFAULT,
	};
	for (int i = 0; i < REGIONS_COUNT; i++)
		ret_scenario->regions[i] = i;
}

int scenario_group(const struct scenario *scenario, const char *name)
{
	for (int i = 0; i < scenario->groups_count; i++) {
		if (strcmp(scenario->groups[i].name, name) == 0)
			return i;
	}
	return -1;
}

static const char *group_check(const struct scenario *scenario, const struct group *group)
{
	if (group->members > scenario->members)
		return "a traffic group names more members than there are";
	if (group->impersonates[0] && scenario_group(scenario, group->impersonates) < 0)
		return "a traffic group impersonates a group that is not there";
	if (scenario->sharing >= SHARING_MASTER_PRINTED && (group->sources > 0 || group->churn_s > 0))
		return "with a master, every client must be known from the beginning: no sources, no churn";
	return NULL;
}

const char *scenario_check(const struct scenario *scenario, char ret_where[SCENARIO_WHERE_SIZE])
{
	const int64_t slot_ns = (int64_t)scenario->window_max_ms * NS_PER_MS * (scenario->decay - 1) / scenario->decay;

	snprintf(ret_where, SCENARIO_WHERE_SIZE, "duration");
	if (scenario->warmup_s + scenario->quiet_s >= scenario->duration_s)
		return "warmup and quiet leave no time for traffic: duration must be longer than both together";
	snprintf(ret_where, SCENARIO_WHERE_SIZE, "limits");
	if (scenario->frames_per_tick > scenario->frames_max / 4)
		return "limits.frames_per_tick must be at most a quarter of limits.frames";
	snprintf(ret_where, SCENARIO_WHERE_SIZE, "thresholds");
	if (scenario->thresholds.idle_reset.ns < slot_ns)
		return "thresholds.idle_reset_ms must not be below the slot, window_max_ms (1 - 1/decay)";
	for (int i = 0; i < scenario->groups_count; i++) {
		const char *problem = group_check(scenario, &scenario->groups[i]);

		snprintf(ret_where, SCENARIO_WHERE_SIZE, "traffic.[%d]", i);
		if (problem)
			return problem;
	}
	return NULL;
}
