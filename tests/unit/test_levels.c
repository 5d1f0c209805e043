/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What passes of a destination's parts: rows worked out by hand, then a literal reference of PROTOCOL section "Fair",
 * steps 4 to 7, that looks for each level by halving, over random worlds.
 */
#include <math.h>

#include "fair.h"
#include "vector.h"

#define PARTS_MAX 200

static struct part known(float rate, float past)
{
	return (struct part){ .offered = rate,
			      .counted = rate,
			      .judged = rate,
			      .past = past,
			      .kind = PART_KNOWN,
			      .was = PART_KNOWN };
}

static struct part stranger(enum part_kind kind, float rate)
{
	return (struct part){
		.offered = rate, .counted = rate, .judged = rate, .kind = (uint8_t)kind, .was = (uint8_t)kind
	};
}

struct row {
	struct part parts[4];
	double offered, first; /* T_F2 is 1000 */
	double known, steady, awaited, lot;
};

static void rows_worked_out_by_hand(void **state)
{
	const struct row rows[] = {
		/* 0: within the rate, all passes */
		{ { known(400, 10) }, 900, 500, INFINITY, INFINITY, INFINITY, 1 },
		/* 1: a flood of newcomers takes nothing from a known one that sends what it did */
		{ { known(400, 400) }, 10400, 10000, 4, INFINITY, INFINITY, 0.06 },
		/* 2: nor up to four times as much; beyond, it is as a steady stranger: 400 of the 800 that are left */
		{ { known(1000, 50) }, 11000, 10000, 4, 400, INFINITY, 0.04 },
		/* 3: known ones share what a tenth for strangers leaves, by their past */
		{ { known(1000, 200), known(1000, 400) }, 12000, 10000, 1.5, 50. / 2, INFINITY, 0.005 },
		/* 4: pasts of more than 1.5 T_F2 weigh the same */
		{ { known(1000, 100), known(1000, 1500) }, 12000, 10000, 450, 50. / 2, INFINITY, 0.005 },
		/* 5: steady strangers have half beside newcomers */
		{ { stranger(PART_STEADY, 2000), stranger(PART_STEADY, 100) }, 12100, 10000, INFINITY, 400, INFINITY,
		  0.05 },
		/* 6: and all that few newcomers leave */
		{ { stranger(PART_STEADY, 2000), stranger(PART_STEADY, 100) }, 2200, 100, INFINITY, 800, INFINITY, 1 },
		/* 7: awaited ones have half of what is left; the rest of theirs is in the lot */
		{ { stranger(PART_AWAITED, 1000), stranger(PART_STEADY, 200) }, 11200, 11000, INFINITY, INFINITY, 400,
		  0.4 / 10.6 },
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct part parts[4];
		const struct division division = { .list = parts,
						   .count = 4,
						   .limit = 1000,
						   .offered = rows[i].offered,
						   .members = 1,
						   .first = rows[i].first };
		struct levels levels;

		memcpy(parts, rows[i].parts, sizeof(parts));
		levels = levels_of(&division, &levels_none);
		if (fmin(levels.known, 4) != fmin(rows[i].known, 4) && fabs(levels.known - rows[i].known) > 1e-6)
			fail_msg("row %zu: known %g", i, levels.known);
		if (levels.steady != rows[i].steady && fabs(levels.steady - rows[i].steady) > 0.01)
			fail_msg("row %zu: steady %g", i, levels.steady);
		if (levels.awaited != rows[i].awaited && fabs(levels.awaited - rows[i].awaited) > 0.01)
			fail_msg("row %zu: awaited %g", i, levels.awaited);
		if (fabs(levels.lot - rows[i].lot) > 1e-4)
			fail_msg("row %zu: lot %g", i, levels.lot);
	}
}

/* ---- the reference ---- */

struct reference {
	double known, steady, awaited, lot, passed;
	bool by_past;
};

static double least(double a, double b)
{
	return a < b ? a : b;
}

static double passing(const struct part *part, double most)
{
	return (double)part->judged <= most ? (double)part->offered :
					      (double)part->offered * most / (double)part->judged;
}

/* What passes of the parts of one kind at a level; of known ones their grants, or what passes of their rests. */
static double passing_all(const struct part *parts, size_t count, enum part_kind was, const struct reference *r,
			  double level)
{
	double sum = 0;

	for (size_t i = 0; i < count; i++) {
		struct part part = parts[i];

		if (part.offered <= 0)
			continue;
		if (was == PART_KNOWN && part.was == PART_KNOWN)
			sum += passing(&part, r->by_past ? level * (double)part.past : level);
		if (was == PART_STEADY && part.was == PART_STEADY)
			sum += passing(&part, level);
		if (was == PART_STEADY && part.was == PART_KNOWN) {
			const double granted = passing(&part, r->by_past ? r->known * (double)part.past : r->known) /
					       (double)part.offered;

			part.offered *= (float)(1 - granted);
			part.judged *= (float)(1 - granted);
			sum += part.offered > 0 ? passing(&part, level) : 0;
		}
		if (was == PART_AWAITED && part.was == PART_AWAITED)
			sum += passing(&part, level);
	}
	return sum;
}

/* By halving: the highest level, up to `most`, at which no more passes than the capacity. */
static double halved(const struct part *parts, size_t count, enum part_kind was, const struct reference *r,
		     double capacity, double most)
{
	double low = 0, high = most;

	if (passing_all(parts, count, was, r, most) <= capacity)
		return most;
	for (int i = 0; i < 200; i++) {
		const double middle = (low + high) / 2;

		*(passing_all(parts, count, was, r, middle) <= capacity ? &low : &high) = middle;
	}
	return low;
}

static struct reference reference_of(const struct division *d)
{
	struct reference r = { .by_past = true };
	double known = 0, pasts = 0, left, sparse = 0;

	for (size_t i = 0; i < d->count; i++) {
		if (d->list[i].kind == PART_KNOWN)
			known += (double)d->list[i].offered;
		if (d->list[i].offered > 0)
			pasts += (double)d->list[i].past;
	}
	r.by_past = pasts <= 1.5 * d->limit;
	r.known = halved(d->list, d->count, PART_KNOWN, &r, d->limit - least(d->offered - known, d->limit / 10),
			 r.by_past ? 4 : 1e9);
	r.passed = passing_all(d->list, d->count, PART_KNOWN, &r, r.known);
	left = d->limit - r.passed;
	r.steady = halved(d->list, d->count, PART_STEADY, &r, left - least(d->first, left / 2), 1e9);
	r.passed += passing_all(d->list, d->count, PART_STEADY, &r, r.steady);
	left = d->limit - r.passed;
	r.awaited = halved(d->list, d->count, PART_AWAITED, &r, left / 2 / d->members, 1e9);
	left -= passing_all(d->list, d->count, PART_AWAITED, &r, r.awaited);
	r.passed += passing_all(d->list, d->count, PART_AWAITED, &r, r.awaited);
	for (size_t i = 0; i < d->count; i++) {
		if (d->list[i].is_sparse && d->list[i].was >= PART_STEADY)
			sparse += passing_all(&d->list[i], 1, PART_STEADY, &r, 1e9) -
				  passing_all(&d->list[i], 1, PART_STEADY, &r, r.steady);
	}
	sparse += d->first - passing_all(d->list, d->count, PART_AWAITED, &r, r.awaited);
	r.lot = sparse > left ? left / sparse : 1;
	r.passed += r.lot * sparse;
	return r;
}

static float draw_rate(uint64_t *random)
{
	return draw_below(random, 5) == 0 ? 0 : (float)exp((double)draw_below(random, 1000) / 100);
}

/* Of some temper: how much of it is known, and how much newcomers send. */
static void world_draw(uint64_t *random, struct part *list, struct division *d)
{
	const uint64_t kinds = 1 + draw_below(random, 4);

	*d = (struct division){ .list = list,
				.count = 1 + draw_below(random, PARTS_MAX),
				.limit = exp((double)draw_below(random, 1200) / 100),
				.members = (double)(1 + draw_below(random, 4)),
				.first = (double)draw_rate(random) * 10 };
	d->offered = d->first;
	for (size_t i = 0; i < d->count; i++) {
		const float rate = draw_rate(random);

		list[i] = stranger((enum part_kind)draw_below(random, kinds), rate);
		if (list[i].kind == PART_KNOWN)
			list[i].past = (float)exp((double)draw_below(random, 800) / 100) / 10;
		if (draw_below(random, 2)) { /* of few packets: judged by another rate than what came */
			list[i].is_sparse = true;
			list[i].judged = rate * (float)(1 + draw_below(random, 9)) / 5;
		}
		d->offered += (double)rate;
		if (list[i].kind < PART_STEADY)
			d->first += (double)rate;
	}
}

static bool is_near(double a, double b)
{
	return (a >= 1e8 && b >= 1e8) || fabs(a - b) <= 1e-3 * fmax(fabs(a), fabs(b)) + 1e-6;
}

static void levels_are_those_of_the_reference(void **state)
{
	static struct part list[PARTS_MAX];
	uint64_t random = 11;
	unsigned int held[4] = { 0 };

	(void)state;
	for (unsigned int world = 0; world < 3000; world++) {
		struct division d;
		struct reference r;
		struct levels l;

		world_draw(&random, list, &d);
		r = reference_of(&d);
		l = levels_of(&d, &levels_none);
		if (l.by_past != r.by_past || !is_near(l.known, r.known) || !is_near(l.steady, r.steady) ||
		    !is_near(l.awaited, r.awaited) || fabs(l.lot - r.lot) > 2e-3)
			fail_msg("world %u: known %g %g, steady %g %g, awaited %g %g, lot %g %g", world, l.known,
				 r.known, l.steady, r.steady, l.awaited, r.awaited, l.lot, r.lot);
		if (r.passed > fmin(d.limit, d.offered) * 1.001 + 1e-6)
			fail_msg("world %u: %g of %g pass", world, r.passed, d.limit);
		held[0] += l.by_past && l.known < 4;
		held[1] += !l.by_past && l.known < INFINITY;
		held[2] += l.steady < INFINITY;
		held[3] += l.awaited < INFINITY;
	}
	for (unsigned int i = 0; i < 4; i++)
		assert_in_range(held[i], 50, 3000);
}

/* No level exceeds what it was, whatever is offered now: the next pulse meets it. */
static void levels_do_not_exceed_those_that_are_held(void **state)
{
	static struct part list[PARTS_MAX];
	uint64_t random = 12;

	(void)state;
	for (unsigned int world = 0; world < 1000; world++) {
		struct division d;
		struct levels busy, l;

		world_draw(&random, list, &d);
		busy = levels_of(&d, &levels_none);
		world_draw(&random, list, &d);
		l = levels_of(&d, &busy);
		assert_true(l.steady <= busy.steady && l.awaited <= busy.awaited && l.alike <= busy.alike);
		assert_true(l.rest <= busy.rest && l.strangers <= busy.strangers && (busy.by_past || !l.by_past));
		assert_true(l.by_past != busy.by_past || l.known <= busy.known);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_worked_out_by_hand),
		cmocka_unit_test(levels_are_those_of_the_reference),
		cmocka_unit_test(levels_do_not_exceed_those_that_are_held),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
