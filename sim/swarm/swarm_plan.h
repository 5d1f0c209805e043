/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the parts of the swarm share: the plan drawn from a seed (swarm_draw.c), how it ended (swarm_seed.c), batches
 * (swarm.c).
 */
#ifndef SIM_SWARM_PLAN_H
#define SIM_SWARM_PLAN_H

#include <stdio.h>

#include "faults.h"
#include "swarm.h"

#define AGREEMENT_S 10 /* from the heal or the end of traffic, whichever is later: "exact after any partition" */

/* What is drawn beside the scenario. */
struct plan {
	struct scenario scenario;
	struct fault_rates rates;
	double heal_s;
	double storm_loss; /* before it; 0: as after it */
	bool core[MEMBERS_MAX];
	int core_count;
	struct liar by_need; /* who lies instead, in a world that publishes by need; LIE_NONE: nobody */
	bool tight; /* too little room: quotas are used up, so ledgers may differ */
};

void swarm_draw(uint64_t seed, struct plan *ret_plan);
void swarm_print(uint64_t seed, const struct plan *plan, FILE *out);

enum outcome { OUTCOME_PASSED, OUTCOME_GAPS, OUTCOME_TIGHT, OUTCOME_FAILED, OUTCOME_COUNT };

struct seed_result {
	int outcome;					  /* enum outcome */
	double took_s;					  /* to agree, when it passed */
	uint64_t reached[REACHED_COUNT], gaps[GAP_COUNT]; /* gaps: cells */
};

/* Draws, runs and judges one seed; says so on `out`, what was drawn first. */
void swarm_seed(uint64_t seed, const struct swarm_options *options, FILE *out, struct seed_result *ret_result);

#endif
