/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Computes the max-min fair level. share.c decides which parts and capacity go into it. */
#include "fair.h"

#include <math.h>

#include <xpro/record.h>

/*
 * Each pass raises the level to what the parts above it can share; the set above only shrinks. Rates spread over k
 * octaves need about k passes; 64 octaves are more than a double's rates can have in practice, and stopping early
 * only leaves the level a little low.
 */
#define PASSES_MAX 64

static double weight_of(const struct part *part, bool by_past)
{
	return by_past ? (double)part->past : 1;
}

static bool is_among(const struct parts *parts, const struct part *part)
{
	return part->offered > 0 && part->was >= parts->first && part->was <= parts->last;
}

double part_passes(double rate, double level)
{
	return rate <= level ? 1 : level / rate;
}

double fair_level(const struct parts *parts, double capacity)
{
	double level = 0;

	for (unsigned int pass = 0; pass < PASSES_MAX; pass++) {
		double below = 0, above = 0; /* packets per second; the same for each unit of the level */

		for (size_t i = 0; i < parts->count; i++) {
			const struct part *part = &parts->list[i];
			const double weight = weight_of(part, parts->by_past);

			if (!is_among(parts, part))
				continue;
			if ((double)part->judged <= level * weight)
				below += (double)part->offered;
			else
				above += (double)part->offered / (double)part->judged * weight;
		}
		if (above <= 0)
			return below <= capacity ? INFINITY : level;
		const double next = (capacity - below) / above;

		if (next <= level)
			break;
		level = next;
	}
	return level;
}

double fair_taken(const struct parts *parts, double level, bool sparse_alone)
{
	double taken = 0;

	for (size_t i = 0; i < parts->count; i++) {
		const struct part *part = &parts->list[i];

		if (is_among(parts, part) && (!sparse_alone || part->is_sparse))
			taken += (double)part->offered *
				 part_passes((double)part->judged, level * weight_of(part, parts->by_past));
	}
	return taken;
}

uint16_t fair_share(double rate, double level)
{
	if (rate <= level)
		return SHARE_ALL;
	if (level <= 0)
		return 0;
	return (uint16_t)(level / rate * (SHARE_ALL - 1));
}
