/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Random runs. Everything is drawn from the seed and printed first; a safety phase with faults, then a convergence
 * phase in which only a random core of the mesh is healed and must come to agree with the truth. A failing seed
 * prints the command that repeats it.
 */
#ifndef SIM_SWARM_H
#define SIM_SWARM_H

#include <stdbool.h>
#include <stdint.h>

#include "check.h"

#define SWARM_JOBS_MAX 64

struct swarm_options {
	uint64_t first, last; /* seeds */
	enum breaking breaking;
	bool strict;   /* no difference is excused, see check_agreement */
	int all; /* cells published, or those that are needed, whatever is drawn; -1: what is drawn */
	uint64_t jobs; /* processes, 1 to SWARM_JOBS_MAX; what is printed is the same with any number */
	void (*progress)(uint64_t done, uint64_t of, uint64_t failed); /* before each seed; NULL: none */
};

/* False: a seed failed, or a situation was never reached by a batch large enough to reach all. */
bool swarm_run(const struct swarm_options *options);

#endif
