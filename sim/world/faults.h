/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What breaks and when: by a scenario's list, or by chance until it is told to stop. */
#ifndef SIM_FAULTS_H
#define SIM_FAULTS_H

#include "rng.h"
#include "scenario.h"

struct world;

/* Mean times between faults of a kind, in seconds; 0: never. */
struct fault_rates {
	double partition_s, partition_long_s, one_way_s, clog_s, crash_s, power_s, pause_s, suspend_s, jump_s;
};

struct faults {
	struct fault_rates rates;
	struct rng rng;
	bool stopped;
	int64_t ends_ns; /* no fault by chance begins after */
	int64_t healed_at_ns;
};

void faults_open(struct world *world);
void fault_strike(struct world *world, const struct fault *fault);

/* Faults by chance from now on, until `ends_ns`. */
void faults_unleash(struct world *world, const struct fault_rates *rates, int64_t ends_ns);

/* No more faults; the links inside the core are good again, and its members run. The rest stays as it is. */
void faults_heal_core(struct world *world, const bool *core);

#endif
