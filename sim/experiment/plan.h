/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The worlds of experiments, run by several processes. All are declared first; then each is asked for its answer in
 * the order they were declared, while others run. The largest begin first, and a world begins only when it fits in
 * memory beside those that run. A process runs one world and leaves its answer in shared memory, so that nothing
 * depends on how many there are.
 */
#ifndef SIM_PLAN_H
#define SIM_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "scenario.h"

#define PLAN_JOBS_MAX 64

struct plan;
struct world;

struct plan *plan_open(unsigned int jobs);

/* One more world. `read` takes the answer from it: doubles, answer_bytes of them. */
void plan_declare(struct plan *plan, const struct scenario *scenario, uint64_t seed,
		  void (*read)(struct world *world, void *answer), size_t answer_bytes);

/* Waits for the next world's answer. That of one whose process died, or whose checks failed, is NAN throughout. */
void plan_answer(struct plan *plan, const struct scenario *scenario, uint64_t seed, size_t answer_bytes,
		 void *ret_answer);

/* False: a world died, or failed a check. Which one was said on stderr. */
bool plan_close(struct plan *plan);

#endif
