/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * How the rates of one kind of keys are spread: a histogram with buckets an eighth of an octave wide, from a sixteenth
 * of a packet per second up, and the keys with the highest rates ever seen. Bounded memory, nothing per key.
 */
#ifndef GOSSIPD_RATES_H
#define GOSSIPD_RATES_H

#include <stdint.h>

#include <xpro/key.h>

#define RATES_PER_OCTAVE 8
#define RATES_LEAST (1. / 16) /* packets per second: what is less counts as this */
#define RATES_BUCKETS (RATES_PER_OCTAVE * 31) /* up to 2^27: RATE_MAX is less */
#define RATES_TOP 16

struct rates_top {
	struct key key;
	double rate; /* its highest */
};

/* Ready when all zero. */
struct rates {
	uint64_t samples;
	uint64_t count[RATES_BUCKETS];
	double highest;
	uint32_t top_count;
	struct rates_top top[RATES_TOP]; /* in no order */
};

/* A key was seen at this rate. */
void rates_add(struct rates *rates, const struct key *key, double rate);

/*
 * A rate that so many hundredths of the samples do not exceed, 1 to 100: the upper end of its bucket, at most 9 % more
 * than the sample itself, and never more than the highest. 0: there are no samples.
 */
double rates_percentile(const struct rates *rates, unsigned int percent);

/* How many samples lie above a rate, those of its own bucket not counted. */
uint64_t rates_above(const struct rates *rates, double rate);

#endif
