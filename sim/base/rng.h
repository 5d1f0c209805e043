/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The only source of chance in the simulator: xoshiro256** streams, one per subsystem, each derived from the seed
 * and a name, so that one more draw in one place does not reshuffle the others.
 */
#ifndef SIM_RNG_H
#define SIM_RNG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rng {
	uint64_t state[4];
};

/* The stream called `name` (and `number`, when there are many of one kind) of this seed. */
struct rng rng_make(uint64_t seed, const char *name, uint64_t number);

uint64_t rng_below(struct rng *rng, uint64_t bound); /* bound > 0 */
double rng_unit(struct rng *rng);		     /* [0, 1) */
double rng_between(struct rng *rng, double low, double high);
bool rng_chance(struct rng *rng, double probability);
double rng_exponential(struct rng *rng, double mean);
void rng_fill(struct rng *rng, void *bytes, size_t size);

#endif
