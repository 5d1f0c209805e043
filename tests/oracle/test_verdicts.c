/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Property P1: the mesh's verdicts against the paper's. Clients of every temper send over the proxies of a mesh;
 * each packet is judged by the record its proxy's table then holds (kernel_model.h), and by three yardsticks that
 * see the same packets:
 *
 *	many	the corrected paper with as many proxies, synchronised every tick: it lags behind by what the others
 *		counted since
 *	one	the corrected paper with one proxy that sees everything
 *	alone	a mesh of one node that sees everything
 *
 * A share is packets judged differently of all packets of that traffic, in percent: the worst placement and number
 * of proxies, and the worse of early = on and off. The table below holds it to a bound; the measured share stands
 * beside it. `even`: evenly spaced packets; `random`: a Poisson process of the same rate, whose own noise (about 4 %
 * in a window of 6 s at 100/s) decides the verdict near the rate.
 *
 * Where the yardsticks differ by nature:
 * - Line 15 leaves up to 5 % too many packets in c just after each ageing (test_errata.c). Near the rate (0.95) and
 *   with random packets the paper drops what the mesh does not.
 * - The mesh ages at slot boundaries, silent or not, the paper when packets come. Pulses of about the windows'
 *   length differ most.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "run.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))
#define SECONDS 30 /* of a run; a negative control needs half */

/* ---- the bounds ---- */

static const char *const yardstick_names[] = { "many", "one", "alone" };
static const char *const arrival_names[] = { "even", "random" };
static const char *const placement_names[] = { "spread", "roams every 2 s", "roams every 0.5 s" };

/* Packets per second of a client whose rate is 1 packet per second, at second t. */
static double steady(double t)
{
	(void)t;
	return 1;
}

static double steps(double t)
{
	return t < 13 ? 0.05 : 1;
}

static double stops(double t)
{
	return t < 10 ? 1 : 0.05;
}

static double pulses_5_of_10(double t)
{
	return fmod(t, 10) < 5 ? 1 : 0;
}

static double pulses_2_of_14(double t)
{
	return fmod(t, 14) < 2 ? 1 : 0;
}

#define B(bound, measured) bound

/* clang-format off */

/*
 * One client of a destination of its own: T_F1. Bound and measured share in percent. MANY and ONE: 1, 3 and 5
 * proxies without delay; ALONE: 5 and 16 proxies, 10 to 250 ms apart.
 */
static const struct traffic pair_traffics[] = {
	/*  MANY: even     random              ONE: even     random            ALONE: even     random */
	/* 0 */ { "steady 0.80", steady, 0.8,
	  { { B(  0,  0.00), B(  0,  0.00) }, { B(  0,  0.00), B(  0,  0.00) }, { B(  0,  0.00), B(  0,  0.00) } } },
	/* 1 */ { "steady 0.95", steady, 0.95,
	  { { B(0.1,  0.07), B( 38, 27.04) }, { B(0.1,  0.00), B( 39, 27.84) }, { B(0.2,  0.09), B( 16, 11.42) } } },
	/* 2 */ { "steady 1.05", steady, 1.05,
	  { { B(2.6,  1.79), B( 12,  7.87) }, { B(0.1,  0.05), B( 13,  8.79) }, { B(  2,  1.37), B( 15, 10.32) } } },
	/* 3 */ { "steady 2", steady, 2,
	  { { B(0.5,  0.30), B(0.6,  0.36) }, { B(0.3,  0.18), B(0.3,  0.17) }, { B(0.8,  0.52), B(0.6,  0.42) } } },
	/* 4 */ { "steady 4", steady, 4,
	  { { B(0.2,  0.13), B(0.2,  0.11) }, { B(0.4,  0.28), B(0.3,  0.20) }, { B(0.7,  0.48), B(0.7,  0.48) } } },
	/* 5 */ { "step to 4", steps, 4,
	  { { B(0.8,  0.53), B(0.8,  0.54) }, { B(0.8,  0.54), B(1.4,  0.99) }, { B(2.2,  1.56), B(1.3,  0.90) } } },
	/* 6 */ { "stop from 4", stops, 4,
	  { { B(1.2,  0.80), B(1.2,  0.80) }, { B(1.2,  0.84), B(1.2,  0.80) }, { B(2.1,  1.50), B(2.8,  1.94) } } },
	/* 7 */ { "pulse 1.5, 5 of 10 s", pulses_5_of_10, 1.5,
	  { { B( 21, 14.31), B( 21, 14.96) }, { B( 21, 14.52), B( 22, 15.15) }, { B(1.6,  1.14), B(3.3,  2.35) } } },
	/* 8 */ { "pulse 3, 2 of 14 s", pulses_2_of_14, 3,
	  { { B(2.7,  1.92), B(3.1,  2.15) }, { B(3.5,  2.43), B(4.2,  2.95) }, { B( 13,  8.80), B( 13,  9.18) } } },
};

/*
 * Five clients that share a destination: T_F2, strict, whatever the pairs' verdicts. MANY and ONE: 1 and 5 proxies;
 * ALONE: 5.
 */
static const struct traffic destination_traffics[] = {
	/* 0 */ { "steady 0.80", steady, 0.8,
	  { { B(  0,  0.00), B(  0,  0.00) }, { B(  0,  0.00), B(  0,  0.00) }, { B(  0,  0.00), B(  0,  0.00) } } },
	/* 1 */ { "steady 1.05", steady, 1.05,
	  { { B(  7,  4.75), B( 16, 10.74) }, { B(  6,  4.02), B(  6,  3.77) }, { B(0.3,  0.16), B(  6,  3.88) } } },
	/* 2 */ { "steady 2", steady, 2,
	  { { B(0.6,  0.40), B(0.7,  0.48) }, { B(0.3,  0.18), B(0.3,  0.17) }, { B(0.6,  0.38), B(0.7,  0.47) } } },
	/* 3 */ { "steady 4", steady, 4,
	  { { B(0.4,  0.26), B(0.5,  0.34) }, { B(0.3,  0.21), B(0.3,  0.16) }, { B(0.6,  0.42), B(0.7,  0.43) } } },
	/* 4 */ { "step to 4", steps, 4,
	  { { B(0.6,  0.36), B(0.9,  0.64) }, { B(0.6,  0.36), B(0.9,  0.63) }, { B(0.6,  0.38), B(0.8,  0.52) } } },
	/* 5 */ { "stop from 4", stops, 4,
	  { { B(  2,  1.37), B(1.4,  0.96) }, { B(1.1,  0.78), B(1.1,  0.72) }, { B(1.8,  1.28), B(2.1,  1.46) } } },
};
/* clang-format on */

/* ---- shares ---- */

/* Worst share of each traffic so far, over placements and settings. */
struct shares {
	double worst[ROWS(pair_traffics)][YARDSTICKS][ARRIVALS];
};

/* Adds up the clients of one traffic, placement and arrival over the runs of a setting. */
static struct tally tally_of(struct run **runs, unsigned int runs_count, const struct traffic *traffic,
			     enum placement placement, enum arrival arrival)
{
	struct tally sum = { .packets = 0 };

	for (unsigned int r = 0; r < runs_count; r++) {
		for (unsigned int i = 0; i < runs[r]->clients_count; i++) {
			const struct client *client = &runs[r]->clients[i];
			const unsigned int *from = (const unsigned int *)&client->tally;
			unsigned int *to = (unsigned int *)&sum;

			if (client->traffic != traffic || client->placement != placement || client->arrival != arrival)
				continue;
			for (size_t word = 0; word < sizeof(sum) / sizeof(*to); word++)
				to[word] += from[word];
		}
	}
	return sum;
}

static double share_of(const struct tally *tally, enum yardstick yardstick)
{
	const unsigned int *differing = tally->differing[yardstick];

	return 100.0 * (differing[0] > differing[1] ? differing[0] : differing[1]) / tally->packets;
}

static void tell(const struct setting *setting, const struct traffic *traffic, enum placement placement,
		 enum arrival arrival, const struct tally *tally)
{
	print_message("# %2u proxies%s, %s %s, %s, %s: %u packets; "
		      "dropped: mesh %.1f %%, many %.1f %%, one %.1f %%, alone %.1f %%; "
		      "differing: many %.2f %%, one %.2f %%, alone %.2f %%\n",
		      setting->proxies, setting->delayed ? " 10-250 ms" : "",
		      setting->destinations ? "destination" : "pair", traffic->name, arrival_names[arrival],
		      placement_names[placement], tally->packets, 100.0 * tally->dropped[YARDSTICKS] / tally->packets,
		      100.0 * tally->dropped[MANY] / tally->packets, 100.0 * tally->dropped[ONE] / tally->packets,
		      100.0 * tally->dropped[ALONE] / tally->packets, share_of(tally, MANY), share_of(tally, ONE),
		      share_of(tally, ALONE));
}

#define SEEDS_MAX 2

static void measure(const struct setting *setting, unsigned int seeds, struct shares *shares)
{
	const struct traffic *traffics = setting->destinations ? destination_traffics : pair_traffics;
	const size_t traffics_count = setting->destinations ? ROWS(destination_traffics) : ROWS(pair_traffics);
	struct run *runs[SEEDS_MAX];

	for (unsigned int seed = 0; seed < seeds; seed++) {
		runs[seed] = run_open(setting, traffics, traffics_count, seed + 1);
		run_all(runs[seed]);
	}
	for (size_t i = 0; i < traffics_count; i++) {
		for (unsigned int kind = 0; kind < ARRIVALS * PLACEMENTS; kind++) {
			const struct tally tally = tally_of(runs, seeds, &traffics[i], kind % PLACEMENTS,
							    kind / PLACEMENTS);

			if (tally.packets == 0)
				continue;
			tell(setting, &traffics[i], kind % PLACEMENTS, kind / PLACEMENTS, &tally);
			for (unsigned int y = 0; y < YARDSTICKS; y++) {
				double *worst = &shares->worst[i][y][kind / PLACEMENTS];

				*worst = fmax(*worst, share_of(&tally, y));
			}
		}
	}
	for (unsigned int seed = 0; seed < seeds; seed++)
		run_close(runs[seed]);
}

/* How many shares are beyond their bounds. */
static unsigned int beyond(const struct shares *shares, const struct traffic *traffics, size_t traffics_count,
			   enum yardstick from, enum yardstick to)
{
	unsigned int count = 0;

	for (size_t i = 0; i < traffics_count; i++) {
		for (unsigned int y = from; y <= to; y++) {
			for (unsigned int a = 0; a < ARRIVALS; a++) {
				const double bound = traffics[i].bounds[y][a];
				const double measured = shares->worst[i][y][a];

				print_message("# %s, %s, against %s: %.2f %%, bound %.2f %%%s\n", traffics[i].name,
					      arrival_names[a], yardstick_names[y], measured, bound,
					      measured > bound ? ": BEYOND" : "");
				count += measured > bound;
			}
		}
	}
	return count;
}

static void pairs_are_judged_like_the_paper_would(void **state)
{
	static const unsigned int proxies[] = { 1, 3, 5 };
	struct shares shares = { 0 };

	(void)state;
	for (size_t i = 0; i < ROWS(proxies); i++)
		measure(&(struct setting){ .proxies = proxies[i], .seconds = SECONDS, .corrections = oracle_corrected },
			proxies[i] == 3 ? 1 : 2, &shares);
	assert_int_equal(beyond(&shares, pair_traffics, ROWS(pair_traffics), MANY, ONE), 0);
}

static void pairs_far_apart_are_judged_like_one_proxy_that_sees_everything(void **state)
{
	struct shares shares = { 0 };

	(void)state;
	measure(&(struct setting){ .proxies = 5, .delayed = true, .seconds = SECONDS, .corrections = oracle_corrected },
		2, &shares);
	measure(&(struct setting){ .proxies = 16,
				   .delayed = true,
				   .seconds = SECONDS,
				   .corrections = oracle_corrected },
		1, &shares);
	assert_int_equal(beyond(&shares, pair_traffics, ROWS(pair_traffics), ALONE, ALONE), 0);
}

static void destinations_are_judged_like_the_paper_would(void **state)
{
	struct shares shares = { 0 };

	(void)state;
	measure(&(struct setting){ .proxies = 1,
				   .destinations = true,
				   .seconds = SECONDS,
				   .corrections = oracle_corrected },
		1, &shares);
	measure(&(struct setting){ .proxies = 5,
				   .destinations = true,
				   .seconds = SECONDS,
				   .corrections = oracle_corrected },
		1, &shares);
	assert_int_equal(beyond(&shares, destination_traffics, ROWS(destination_traffics), MANY, ONE), 0);
}

static void destinations_far_apart_are_judged_like_one_proxy_that_sees_everything(void **state)
{
	struct shares shares = { 0 };

	(void)state;
	measure(&(struct setting){ .proxies = 5,
				   .delayed = true,
				   .destinations = true,
				   .seconds = SECONDS,
				   .corrections = oracle_corrected },
		1, &shares);
	assert_int_equal(beyond(&shares, destination_traffics, ROWS(destination_traffics), ALONE, ALONE), 0);
}

/* Negative control: a mesh that forgets the carry, and the paper as printed, are found out by the same bounds. */
static void the_bounds_find_out_a_mesh_without_the_carry(void **state)
{
	struct shares shares = { 0 };

	(void)state;
	measure(&(struct setting){ .proxies = 5,
				   .delayed = true,
				   .no_carry = true,
				   .seconds = SECONDS / 2,
				   .corrections = oracle_corrected },
		1, &shares);
	assert_true(beyond(&shares, pair_traffics, ROWS(pair_traffics), ALONE, ALONE) >= 2);
}

static void the_bounds_find_out_the_paper_as_printed(void **state)
{
	struct oracle_corrections corrections = oracle_corrected;
	struct shares shares = { 0 };

	(void)state;
	corrections.line_22 = false;
	measure(&(struct setting){ .proxies = 3, .seconds = SECONDS / 2, .corrections = corrections }, 1, &shares);
	assert_true(beyond(&shares, pair_traffics, ROWS(pair_traffics), MANY, MANY) >= 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pairs_are_judged_like_the_paper_would),
		cmocka_unit_test(pairs_far_apart_are_judged_like_one_proxy_that_sees_everything),
		cmocka_unit_test(destinations_are_judged_like_the_paper_would),
		cmocka_unit_test(destinations_far_apart_are_judged_like_one_proxy_that_sees_everything),
		cmocka_unit_test(the_bounds_find_out_a_mesh_without_the_carry),
		cmocka_unit_test(the_bounds_find_out_the_paper_as_printed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
