/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The place of a rate is its logarithm; of the keys with the highest rates the least gives way. */
#include "rates.h"

#include <math.h>

static unsigned int bucket_of(double rate)
{
	const double place = rate > RATES_LEAST ? ceil(RATES_PER_OCTAVE * log2(rate / RATES_LEAST)) : 0;

	return place < RATES_BUCKETS ? (unsigned int)place : RATES_BUCKETS - 1;
}

/* The highest rate of a bucket. */
static double rate_of(unsigned int bucket)
{
	return RATES_LEAST * exp2((double)bucket / RATES_PER_OCTAVE);
}

static struct rates_top *place_of(struct rates *rates, const struct key *key, double rate)
{
	struct rates_top *least = &rates->top[0];

	for (uint32_t i = 0; i < rates->top_count; i++) {
		if (key_equal(&rates->top[i].key, key))
			return &rates->top[i];
		if (rates->top[i].rate < least->rate)
			least = &rates->top[i];
	}
	if (rates->top_count < RATES_TOP)
		least = &rates->top[rates->top_count++];
	else if (least->rate >= rate)
		return NULL;
	*least = (struct rates_top){ .key = *key };
	return least;
}

void rates_add(struct rates *rates, const struct key *key, double rate)
{
	struct rates_top *top = place_of(rates, key, rate);

	if (top && rate > top->rate)
		top->rate = rate;
	if (rate > rates->highest)
		rates->highest = rate;
	rates->samples++;
	rates->count[bucket_of(rate)]++;
}

double rates_percentile(const struct rates *rates, unsigned int percent)
{
	/* rounded up, so that the 100th is the last */
	const uint64_t wanted = (rates->samples * percent + 99) / 100;
	uint64_t below = 0;

	if (rates->samples == 0)
		return 0;
	for (unsigned int bucket = 0; bucket < RATES_BUCKETS; bucket++) {
		below += rates->count[bucket];
		if (below >= wanted)
			return fmin(rate_of(bucket), rates->highest);
	}
	return rates->highest;
}

uint64_t rates_above(const struct rates *rates, double rate)
{
	uint64_t above = 0;

	for (unsigned int bucket = bucket_of(rate) + 1; bucket < RATES_BUCKETS; bucket++)
		above += rates->count[bucket];
	return above;
}
