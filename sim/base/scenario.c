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
		.coarse = 8192,
		.cpus = 1,
		.sides = { .drop_foreign_sources = true },
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

int group_members(const struct scenario *scenario, const struct group *group)
{
	return group->members > 0 ? group->members : scenario->members - group->member;
}

int scenario_group(const struct scenario *scenario, const char *name)
{
	for (int i = 0; i < scenario->groups_count; i++) {
		if (strcmp(scenario->groups[i].name, name) == 0)
			return i;
	}
	return -1;
}

struct widths scenario_widths(const struct scenario *scenario)
{
	struct widths widths = WIDTHS_DEFAULT;
	const struct prefix hosts = { { { 0xfd } }, 8 };

	if (scenario->client_hosts)
		widths_add_hosts(&widths, &hosts);
	return widths;
}

/* What the core would refuse at its start, in its words. */
static const char *core_check(const struct scenario *scenario)
{
	const struct mesh mesh = {
		.tick_ms = (uint32_t)scenario->tick_ms,
		.window_max_ms = (uint32_t)scenario->window_max_ms,
		.decay = (uint32_t)scenario->decay,
		.widths = scenario_widths(scenario),
	};
	struct policy_document document;
	const char *problem = NULL;
	uint32_t rule;

	policy_of_thresholds(&scenario->thresholds, &document);
	if (mesh_check(&mesh, &problem) == 0)
		policy_check(&document, &mesh, &rule, &problem);
	return problem;
}

static const char *group_check(const struct scenario *scenario, const struct group *group)
{
	if (group->start_s >= scenario->duration_s - scenario->quiet_s)
		return "a traffic group starts when all traffic has ended, at duration - quiet";
	if (group->stop_s > 0 && group->stop_s <= group->start_s)
		return "a traffic group stops before it starts";
	if (group->member + (group->members ? group->members : 1) > scenario->members)
		return "a traffic group names more members than there are";
	if (group->fresh && (group->sources > 0 || group->scan > 0 || group->rotates > 0 || group->connects))
		return "fresh addresses come without sources, scan, rotates or connects";
	if (group->connects && (group->sources > 0 || group->scan > 0 || group->replies || group->churn_s > 0))
		return "a client that connects does so once: no sources, scan, replies or churn";
	if (group->impersonates[0] && scenario_group(scenario, group->impersonates) < 0)
		return "a traffic group impersonates a group that is not there";
	if (scenario->sharing >= SHARING_MASTER_PRINTED &&
	    (group->sources > 0 || group->fresh || group->churn_s > 0 || group->scan > 0 || group->rotates > 0))
		return "with a master, every pair must be known from the start: no sources, fresh, churn, scan or "
		       "rotates";
	if (group->rotates > 0 && (!group->ipv6 || group->sources > 0 || group->scan > 0))
		return "a client rotates through its own /64: with ipv6, and without sources or scan";
	if (group->scan > 0 && (group->replies || group->to_clients))
		return "a scan goes to new addresses: no replies, no to_clients";
	return NULL;
}

const char *scenario_check(const struct scenario *scenario, char ret_where[SCENARIO_WHERE_SIZE])
{
	const char *problem;

	snprintf(ret_where, SCENARIO_WHERE_SIZE, "duration");
	if (scenario->warmup_s + scenario->quiet_s >= scenario->duration_s)
		return "warmup and quiet leave no time for traffic: duration must be longer than both together";
	snprintf(ret_where, SCENARIO_WHERE_SIZE, "limits");
	if (scenario->frames_per_tick > scenario->frames_max / 4)
		return "limits.frames_per_tick must be at most a quarter of limits.frames";
	snprintf(ret_where, SCENARIO_WHERE_SIZE, "thresholds");
	problem = core_check(scenario);
	for (int i = 0; !problem && i < scenario->groups_count; i++) {
		snprintf(ret_where, SCENARIO_WHERE_SIZE, "traffic.[%d]", i);
		problem = group_check(scenario, &scenario->groups[i]);
	}
	for (int i = 0; !problem && i < scenario->faults_count; i++) {
		snprintf(ret_where, SCENARIO_WHERE_SIZE, "faults.[%d]", i);
		if (scenario->faults[i].at_s >= scenario->duration_s)
			problem = "a fault strikes when the run has ended, at duration";
	}
	for (int i = 0; !problem && i < scenario->liars_count; i++) {
		snprintf(ret_where, SCENARIO_WHERE_SIZE, "liars.[%d]", i);
		if (scenario->liars[i].start_s >= scenario->duration_s)
			problem = "a liar starts when the run has ended, at duration";
	}
	return problem;
}
