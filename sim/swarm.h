/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Random runs. Everything is drawn from the seed and printed first; a safety phase with faults, then a convergence phase in which
 * only a random core of the mesh is healed and must come to agree with the truth. A failing seed prints the command that repeats
 * it.
 */
#ifndef SIM_SWARM_H
#define SIM_SWARM_H

#include <stdbool.h>
#include <stdint.h>

#include "check.h"

struct swarm_options {
	uint64_t first, last; /* seeds */
	enum breaking breaking;
	bool strict;   /* no difference is excused, see check_agreement */
	bool terminal; /* show progress */
};

/* False: a seed failed, or a situation was never reached by a batch large enough to reach all. */
bool swarm_run(const struct swarm_options *options);

#endif
