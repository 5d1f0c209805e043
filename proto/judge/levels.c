/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What passes of the parts of a destination, in levels: known ones by their past, then steady strangers, then those
 * whose second packet is due, then the lot. No state, no time. PROTOCOL section "Fair".
 */
#include <math.h>

#include "fair.h"

#define LOT_FLOOR 0.1 /* part of T_F2 that strangers may always use together */
#define KNOWN_TIMES 4 /* a known client may send so many times its past: who sent for a quarter of the time is whole */
/* times T_F2: the clients that send now cannot have sent more before, for the destination was not over its rate */
#define PASTS_MOST 1.5

const struct levels levels_none = { .by_past = true,
				    .known = INFINITY,
				    .steady = INFINITY,
				    .awaited = INFINITY,
				    .alike = INFINITY,
				    .rest = 1,
				    .lot = 1,
				    .strangers = 1 };

/* Pasts that honest clients cannot all have had together weigh the same. */
static bool pasts_count(const struct division *division)
{
	double sum = 0;

	for (size_t i = 0; i < division->count; i++)
		sum += division->list[i].offered > 0 ? (double)division->list[i].past : 0;
	return sum <= PASTS_MOST * division->limit;
}

/* Grants each known client its part; what it offers beyond that is left. Returns what is granted in all. */
static double grant_known(const struct division *division, bool by_past, double level)
{
	double granted = 0;

	for (size_t i = 0; i < division->count; i++) {
		struct part *part = &division->list[i];
		const double most = by_past ? level * (double)part->past : level,
			     was = part_passes((double)part->judged, most);

		if (part->kind != PART_KNOWN)
			continue;
		part->granted = (float)part_passes((double)part->counted, most);
		granted += (double)part->offered * was;
		part->offered *= (float)(1 - was);
		part->judged *= (float)(1 - was);
		part->counted *= 1 - part->granted;
	}
	return granted;
}

static struct parts parts_of(const struct division *division, enum part_kind first, enum part_kind last)
{
	return (struct parts){ .list = division->list, .count = division->count, .first = first, .last = last };
}

/* The known ones first; returns what they leave of the rate. (Fair, 4) */
static double divide_known(const struct division *division, const struct levels *most, struct levels *levels)
{
	struct parts known = parts_of(division, PART_KNOWN, PART_KNOWN);
	const double strangers = fmax(0, division->offered - fair_taken(&known, INFINITY, false));
	double room;

	known.by_past = levels->by_past = most->by_past && pasts_count(division);
	levels->known = fair_level(&known, division->limit - fmin(strangers, LOT_FLOOR * division->limit));
	if (levels->by_past)
		levels->known = fmin(levels->known, KNOWN_TIMES);
	if (levels->by_past == most->by_past)
		levels->known = fmin(levels->known, most->known);
	room = fmax(0, division->limit - grant_known(division, levels->by_past, levels->known));
	levels->strangers = fmin(strangers > room ? room / strangers : 1, most->strangers);
	return room;
}

struct levels levels_of(const struct division *division, const struct levels *most)
{
	const struct parts steady = parts_of(division, PART_STEADY, PART_KNOWN),
			   awaited = parts_of(division, PART_AWAITED, PART_AWAITED);
	const double first = division->first, reserve = fmin(first, LOT_FLOOR * division->limit);
	struct levels levels;
	double room, lot;

	levels.alike = fmin(fair_level(&steady, division->limit - reserve), most->alike);
	room = divide_known(division, most, &levels);
	levels.steady = fmin(fair_level(&steady, room - fmin(first, room / 2)), most->steady); /* (Fair, 5) */
	room -= fair_taken(&steady, levels.steady, false);
	levels.awaited = fmin(fair_level(&awaited, room / 2 / division->members), most->awaited); /* (Fair, 6) */
	room -= fair_taken(&awaited, levels.awaited, false);
	lot = first - fair_taken(&awaited, levels.awaited, false) + fair_taken(&steady, INFINITY, true) -
	      fair_taken(&steady, levels.steady, true);
	levels.rest = fmin(lot > room ? fmax(0, room) / lot : 1, most->rest); /* (Fair, 7) */
	levels.lot = levels.rest;
	return levels;
}

double levels_pass(const struct levels *levels, const struct part *part, double one)
{
	const double counted = (double)part->counted;
	double granted = (double)part->granted;
	double passes = part_passes(counted, part->kind == PART_AWAITED ? levels->awaited : levels->steady);

	if (part->kind == PART_LOT)
		return levels->lot;
	if (passes >= 1)
		return 1;
	if (part->is_sparse)
		passes += (1 - passes) * levels->rest;
	else
		passes *= counted / (counted + one);
	granted = fmin(1, granted * (double)part->here);
	return granted + (1 - granted) * passes;
}
