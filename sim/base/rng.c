/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Streams of chance; the generator is Blackman and Vigna's xoshiro256**, seeded through splitmix64. */
#include "rng.h"

#include <math.h>
#include <string.h>

static uint64_t splitmix(uint64_t *x)
{
	uint64_t z = *x += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

struct rng rng_make(uint64_t seed, const char *name, uint64_t number)
{
	uint64_t x = seed;
	struct rng rng;

	for (; *name; name++) {
		x ^= (uint8_t)*name;
		x = splitmix(&x);
	}
	x ^= number * 0xd1342543de82ef95ULL;
	for (unsigned int i = 0; i < 4; i++)
		rng.state[i] = splitmix(&x);
	return rng;
}

static uint64_t rotate_left(uint64_t x, unsigned int by)
{
	return x << by | x >> (64 - by);
}

static uint64_t rng_next(struct rng *rng)
{
	uint64_t *s = rng->state;
	const uint64_t result = rotate_left(s[1] * 5, 7) * 9, t = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rotate_left(s[3], 45);
	return result;
}

uint64_t rng_below(struct rng *rng, uint64_t bound)
{
	return (uint64_t)(((unsigned __int128)rng_next(rng) * bound) >> 64);
}

double rng_unit(struct rng *rng)
{
	return (double)(rng_next(rng) >> 11) / (double)(1ULL << 53);
}

double rng_between(struct rng *rng, double low, double high)
{
	return low + (high - low) * rng_unit(rng);
}

bool rng_chance(struct rng *rng, double probability)
{
	return probability > 0 && rng_unit(rng) < probability;
}

double rng_exponential(struct rng *rng, double mean)
{
	return -mean * log(1 - rng_unit(rng));
}

void rng_fill(struct rng *rng, void *bytes, size_t size)
{
	uint8_t *at = bytes;

	while (size > 0) {
		const uint64_t word = rng_next(rng);
		const size_t part = size < 8 ? size : 8;

		memcpy(at, &word, part);
		at += part;
		size -= part;
	}
}
