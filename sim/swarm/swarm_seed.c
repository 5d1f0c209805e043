/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One seed: a safety phase with faults, a convergence phase for a random core, and the verdict. */
#include <stdio.h>
#include <string.h>

#include "node_internal.h"
#include "swarm_plan.h"
#include "world.h"

#define LOOK_S 0.1

static void note_tables(const struct kernel *kernel, uint64_t reached[REACHED_COUNT])
{
	reached[REACHED_TABLE_FULL] += kernel->full;
	reached[REACHED_HEADS_FULL] += kernel->heads_full;
	reached[REACHED_COARSE_DROP] += kernel->coarse_drops;
	reached[REACHED_HEAD_SLOW] += kernel->gave_way;
	reached[REACHED_CLAIM_REFUSED] += kernel->claims_refused;
	reached[REACHED_CLIENT_QUOTA] += kernel->over_quota;
}

/* Counted by the cores themselves. */
static void note_reached(const struct world *world, uint64_t reached[REACHED_COUNT])
{
	memcpy(reached, world->check.reached, REACHED_COUNT * sizeof(*reached));
	reached[REACHED_LOSS] += world->network.lost;
	for (int i = 0; i < world->scenario.members; i++) {
		struct proxy_totals totals;

		proxy_totals(&world->proxies[i], &totals);
		reached[REACHED_FRAME_REPAIRED] += totals.frames_repaired;
		reached[REACHED_STALE_SLOT] += totals.rejects[REJECT_SLOT];
		reached[REACHED_SKEWED] += world->proxies[i].events[EVENT_MEMBER_SKEWED];
		note_tables(&world->proxies[i].kernel, reached);
		reached[REACHED_EQUIVOCATION] += world->proxies[i].events[EVENT_EQUIVOCATION];
		reached[REACHED_SILENT] += world->proxies[i].events[EVENT_MEMBER_SILENT];
	}
}

/* Waits for the core to agree; returns the seconds it took since traffic ended, or < 0. */
static double agree(struct world *world, const struct plan *plan, char *ret_difference, size_t size)
{
	const double quiet_s = plan->scenario.duration_s - plan->scenario.quiet_s;

	for (double at_s = quiet_s; at_s <= quiet_s + AGREEMENT_S && !world->check.failed; at_s += LOOK_S) {
		world_run(world, at_s, NULL);
		if (!world->check.failed && check_agreement(world, plan->core, true, ret_difference, size))
			return at_s - quiet_s;
	}
	return -1;
}

/* Lets the slowest clock of the core follow the others into their slot, so that ledgers can be compared. */
static bool same_slot(struct world *world, const struct plan *plan)
{
	const double ends_s = (double)world->now_ns / NS_PER_S + 2;
	bool same;

	do {
		const struct proxy *first = NULL;

		same = true;
		world_run(world, (double)world->now_ns / NS_PER_S + LOOK_S, NULL);
		for (int i = 0; i < plan->scenario.members; i++) {
			const struct proxy *proxy = &world->proxies[i];

			if (!plan->core[i] || !proxy->running)
				continue;
			first = first ? first : proxy;
			same = same && proxy->node->slot == first->node->slot;
		}
	} while (!same && !world->check.failed && (double)world->now_ns / NS_PER_S < ends_s);
	return same && !world->check.failed;
}

/* The convergence phase and its verdict. */
static enum outcome converge(struct world *world, const struct plan *plan, bool strict, double *ret_took_s)
{
	char difference[400];

	*ret_took_s = agree(world, plan, difference, sizeof(difference));
	if (world->check.failed)
		return OUTCOME_FAILED;
	if (*ret_took_s >= 0)
		return OUTCOME_PASSED;
	if (plan->tight)
		return OUTCOME_TIGHT;
	if (same_slot(world, plan)) {
		if (check_agreement(world, plan->core, true, difference, sizeof(difference))) {
			*ret_took_s = AGREEMENT_S;
			return OUTCOME_PASSED;
		}
		if (!strict && check_agreement(world, plan->core, false, difference, sizeof(difference)))
			return OUTCOME_GAPS;
	}
	check_fail(world, NULL, "no agreement within %d s (I3): %s", AGREEMENT_S, difference);
	return OUTCOME_FAILED;
}

static void print_outcome(struct world *world, uint64_t seed, const struct swarm_options *options,
			  const struct seed_result *result, FILE *out)
{
	static const char *const words[OUTCOME_COUNT] = {
		[OUTCOME_PASSED] = "PASSED byte-equal",
		[OUTCOME_GAPS] = "PASSED equal but for known gaps",
		[OUTCOME_TIGHT] = "PASSED with too little room, so no agreement is asked for",
		[OUTCOME_FAILED] = "FAILED",
	};
	char trace[65];

	trace_text(&world->trace, trace);
	if (result->outcome == OUTCOME_FAILED) {
		fprintf(out, "  FAILED %s\n  last events:\n", world->check.text);
		trace_print(&world->trace, out);
		fprintf(out, "  to repeat: build/bin/xpro-sim swarm --seeds %llu..%llu%s%s%s%s\n",
			(unsigned long long)seed, (unsigned long long)seed, options->strict ? " --strict" : "",
			options->all < 0 ? "" : options->all ? " --publish all" : " --publish need",
			options->breaking ? " --break " : "",
			options->breaking ? breaking_names[options->breaking] : "");
	} else {
		fprintf(out, "  %s", words[result->outcome]);
		if (result->outcome == OUTCOME_PASSED)
			fprintf(out, " after %.1f s", result->took_s);
		for (unsigned int i = 0; result->outcome == OUTCOME_GAPS && i < GAP_COUNT; i++) {
			if (result->gaps[i] > 0)
				fprintf(out, "; %s: %llu cells", gap_names[i], (unsigned long long)result->gaps[i]);
		}
	}
	fprintf(out, "%s%llu events, trace %s\n", result->outcome == OUTCOME_FAILED ? "  " : ", ",
		(unsigned long long)world->trace.events, trace);
	fflush(out);
}

void swarm_seed(uint64_t seed, const struct swarm_options *options, FILE *out, struct seed_result *ret_result)
{
	struct plan plan;
	struct world *world;

	swarm_draw(seed, &plan);
	if (options->all >= 0) {
		plan.scenario.publish_all = options->all;
		plan.scenario.all_from = 0;
	}
	if (!plan.scenario.publish_all && plan.by_need.kind != LIE_NONE)
		plan.scenario.liars[0] = plan.by_need;
	swarm_print(seed, &plan, out);
	world = world_open(&plan.scenario, seed, options->breaking);
	faults_unleash(world, &plan.rates, (int64_t)(plan.heal_s * NS_PER_S));
	if (plan.storm_loss > 0)
		world->network.loss = plan.storm_loss;
	world_run(world, plan.heal_s, NULL);
	world->network.loss = plan.scenario.loss;
	faults_heal_core(world, plan.core);
	world->check.reached[REACHED_CORE_SMALLER] += plan.core_count < plan.scenario.members;
	if (options->breaking == BREAK_DEAF)
		fault_strike(world, &(struct fault){ .kind = FAULT_ONE_WAY, .nodes = { 0 }, .nodes_count = 1 });
	world_run(world, plan.scenario.duration_s - plan.scenario.quiet_s, NULL);
	if (options->breaking == BREAK_FORGET && world->proxies[0].running)
		check_corrupt(&world->proxies[0]);
	*ret_result = (struct seed_result){ .took_s = 0 };
	ret_result->outcome = (int)converge(world, &plan, options->strict, &ret_result->took_s);
	note_reached(world, ret_result->reached);
	if (ret_result->outcome == OUTCOME_GAPS)
		memcpy(ret_result->gaps, world->check.gaps, sizeof(ret_result->gaps));
	print_outcome(world, seed, options, ret_result, out);
	world_close(world);
}
