/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Computes the max-min fair level. share.c decides which clients' rates go into it. */
#include "fair.h"

#include <math.h>

#include <xpro/record.h>

/*
 * Each pass raises the level to what the clients above it can share; the set above only shrinks. Rates spread over k
 * octaves need about k passes; 64 octaves are more than a double's rates can have in practice, and stopping early
 * only leaves the level a little low.
 */
#define PASSES_MAX 64

double fair_level(const float *rates, size_t count, double capacity)
{
	double level = 0;

	for (unsigned int pass = 0; pass < PASSES_MAX; pass++) {
		double below = 0;
		size_t above = 0;

		for (size_t i = 0; i < count; i++) {
			if (rates[i] <= level)
				below += rates[i];
			else
				above++;
		}
		if (above == 0)
			return below <= capacity ? INFINITY : level;
		const double next = (capacity - below) / (double)above;

		if (next <= level)
			break;
		level = next;
	}
	return level;
}

uint16_t fair_share(double rate, double level)
{
	if (rate <= level)
		return SHARE_ALL;
	if (level <= 0)
		return 0;
	return (uint16_t)(level / rate * (SHARE_ALL - 1));
}
