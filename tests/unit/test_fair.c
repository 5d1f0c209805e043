/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The water level: rows worked out by hand, then its defining equation and order over random rates. */
#include <math.h>

#include <xpro/record.h>

#include "fair.h"
#include "vector.h"

#define CLIENTS_MAX 3000

struct row {
	size_t count;
	float rates[6];
	double capacity, level;
};

static const struct row rows[] = {
	/*  0: no clients: all of none fit */
	{ 0, { 0 }, 100, INFINITY },
	/*  1: one below */
	{ 1, { 99 }, 100, INFINITY },
	/*  2: one at the capacity fits */
	{ 1, { 100 }, 100, INFINITY },
	/*  3: one above */
	{ 1, { 101 }, 100, 100 },
	/*  4: all fit exactly */
	{ 3, { 20, 30, 50 }, 100, INFINITY },
	/*  5: all equal, too much */
	{ 4, { 50, 50, 50, 50 }, 100, 25 },
	/*  6: the small one is below the level: the others share what it leaves */
	{ 3, { 10, 100, 100 }, 100, 45 },
	/*  7: a client at the level itself */
	{ 3, { 45, 10, 100 }, 100, 45 },
	/*  8: three different sizes, two below */
	{ 3, { 10, 30, 1000 }, 100, 60 },
	/*  9: order does not matter */
	{ 3, { 1000, 10, 30 }, 100, 60 },
	/* 10: silent clients take nothing */
	{ 5, { 0, 0, 0, 60, 80 }, 100, 50 },
	/* 11: nothing to share */
	{ 2, { 10, 20 }, 0, 0 },
	/* 12: nothing to share, and nobody wants any */
	{ 2, { 0, 0 }, 0, INFINITY },
	/* 13: less than nothing (what was reserved is more than there is) */
	{ 2, { 10, 20 }, -5, 0 },
	/* 14: the level passes several clients one after the other */
	{ 6, { 1, 2, 4, 8, 16, 1000 }, 100, 69 },
	/* 15: a hair too much */
	{ 2, { 50, 51 }, 100, 50 },
	/* 16: the largest rates there are */
	{ 2, { 3e38f, 3e38f }, 100, 50 },
};

/* All of them are strangers of many packets, whose rates are those that came. */
static struct parts parts_of(const float *rates, size_t count)
{
	static struct part list[CLIENTS_MAX];

	for (size_t i = 0; i < count; i++)
		list[i] = (struct part){ .offered = rates[i], .judged = rates[i], .counted = rates[i] };
	return (struct parts){ .list = list, .count = count };
}

static double level_of(const float *rates, size_t count, double capacity)
{
	const struct parts parts = parts_of(rates, count);

	return fair_level(&parts, capacity);
}

static void rows_worked_out_by_hand(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		const double level = level_of(rows[i].rates, rows[i].count, rows[i].capacity);

		if (level != rows[i].level && fabs(level - rows[i].level) > 1e-9)
			fail_msg("row %zu: level %g", i, level);
	}
}

static void shares_around_the_level(void **state)
{
	static const struct {
		double rate, level;
		uint16_t share;
	} shares[] = {
		/* 0 */ { 0, 0, SHARE_ALL },
		/* 1 */ { 0, 10, SHARE_ALL },
		/* 2 */ { 10, 10, SHARE_ALL },
		/* 3 */ { 10.0001, 10, SHARE_ALL - 2 },
		/* 4 */ { 20, 10, (SHARE_ALL - 1) / 2 },
		/* 5 */ { 1e12, 10, 0 },
		/* 6 */ { 10, 0, 0 },
		/* 7 */ { 10, -1, 0 },
		/* 8 */ { 10, INFINITY, SHARE_ALL },
		/* 9: rounded down, so the sum stays below the capacity */ { 3, 1, 21844 },
	};

	(void)state;
	for (size_t i = 0; i < ROWS(shares); i++) {
		const uint16_t share = fair_share(shares[i].rate, shares[i].level);

		if (share != shares[i].share)
			fail_msg("row %zu: share %u", i, share);
	}
}

/* Rates of one of several tempers; `kind` 4 makes the passes crawl: every pass of the level takes in few clients. */
static size_t rates_draw(uint64_t *random, unsigned int kind, float rates[CLIENTS_MAX])
{
	const size_t count = 1 + draw_below(random, kind == 4 ? CLIENTS_MAX : 300);

	for (size_t i = 0; i < count; i++) {
		const double unit = (double)draw_below(random, 1 << 20) / (1 << 20);

		rates[i] = kind == 0   ? 100
			   : kind == 1 ? (float)(unit * 1000)
			   : kind == 2 ? (float)exp(unit * 20)
			   : kind == 3 ? (unit < 0.5 ? 0 : (float)(unit * 10))
				       : (float)(1000.0 / (double)(1 + i));
	}
	return count;
}

static double sum_below(const float *rates, size_t count, double level)
{
	double sum = 0;

	for (size_t i = 0; i < count; i++)
		sum += fmin(rates[i], level);
	return sum;
}

static void what_passes_is_the_capacity(void **state)
{
	static float rates[CLIENTS_MAX];
	uint64_t random = 3;
	unsigned int levels = 0;

	(void)state;
	for (unsigned int trace = 0; trace < 3000; trace++) {
		const size_t count = rates_draw(&random, trace % 5, rates);
		const double all = sum_below(rates, count, INFINITY),
			     capacity = all * (double)draw_below(&random, 1200) / 1000;
		const double level = level_of(rates, count, capacity);

		if (all <= capacity) {
			assert_true(level == INFINITY);
			continue;
		}
		levels++;
		/* Never too much, beyond the rounding of the sums; and all of it. */
		assert_true(sum_below(rates, count, level) <= capacity * (1 + 1e-12) + 1e-9);
		assert_true(sum_below(rates, count, level) >= capacity * (1 - 1e-9));
	}
	assert_true(levels > 1000);
}

static void more_capacity_is_no_lower_level_and_one_more_client_no_higher(void **state)
{
	static float rates[CLIENTS_MAX];
	uint64_t random = 4;

	(void)state;
	for (unsigned int trace = 0; trace < 500; trace++) {
		const size_t count = rates_draw(&random, trace % 5, rates);
		const double all = sum_below(rates, count, INFINITY);
		double below = 0;

		for (double capacity = 0; capacity < all; capacity += all / 20) {
			const double level = level_of(rates, count, capacity);

			assert_true(level >= below * (1 - 1e-12));
			assert_true(level_of(rates, count - 1, capacity) >= level * (1 - 1e-12));
			below = level;
		}
	}
}

/* Max-min: who wants no more than the level gets all it wants, nobody else gets less than the level. */
static void the_shares_add_up_to_the_capacity(void **state)
{
	static float rates[CLIENTS_MAX];
	uint64_t random = 5;

	(void)state;
	for (unsigned int trace = 0; trace < 1000; trace++) {
		const size_t count = rates_draw(&random, trace % 5, rates);
		const double all = sum_below(rates, count, INFINITY),
			     capacity = all * (double)(1 + draw_below(&random, 998)) / 1000;
		const double level = level_of(rates, count, capacity);
		double passed = 0;

		for (size_t i = 0; i < count; i++) {
			const uint16_t share = fair_share(rates[i], level);

			assert_true((share == SHARE_ALL) == (rates[i] <= level));
			passed += rates[i] * (share == SHARE_ALL ? 1 : (double)share / SHARE_ALL);
		}
		assert_true(passed <= capacity * (1 + 1e-9));
		assert_true(passed >= capacity - all * 2 / SHARE_ALL - 1e-6);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_worked_out_by_hand),
		cmocka_unit_test(shares_around_the_level),
		cmocka_unit_test(what_passes_is_the_capacity),
		cmocka_unit_test(more_capacity_is_no_lower_level_and_one_more_client_no_higher),
		cmocka_unit_test(the_shares_add_up_to_the_capacity),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
