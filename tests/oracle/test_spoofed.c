/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * fair under spoofed floods and what resembles them: the simulator's members, which are the core as it is shipped, and
 * its model of the kernel. sim/experiment/attacks.c says who attacks how, and which honest clients there are. Each
 * figure is printed beside its bound.
 *
 *	test_spoofed                          some of the attacks, each with some number of members
 *	test_spoofed all [SEEDS]              each with 1, 3, 5 and 16 members and seeds from 1 on (three)
 *	test_spoofed ATTACK MEMBERS [SEED]    one of them
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "attacks.h"
#include "world.h"

#define FIGURES 8 /* struct attack_figures */
#define SHARES 5   /* the first of them; the others are in L */

static const char *const figure_names[FIGURES] = { "known", "slow", "new", "in 2 s", "in 8 s", "mean", "1 s", "10 s" };

union figures {
	struct attack_figures of;
	double at[FIGURES];
};

/* What a figure is at least and at most; NAN: anything. */
struct bounds {
	const char *attack;
	struct attack_figures least, most;
};

/* clang-format off */
#define FREE NAN
#define LEAST(known, slow, in_2_s, in_8_s, mean) { known, slow, FREE, in_2_s, in_8_s, mean, FREE, FREE }
#define MOST(mean, worst_1_s, worst_10_s) { FREE, FREE, FREE, FREE, FREE, mean, worst_1_s, worst_10_s }

static const struct bounds bounds[] = {
	{ "once-1.2", LEAST(.995, .97, .60, .95, .93), MOST(1.03, 1.25, 1.05) },
	{ "once-6", LEAST(.995, .97, .60, .95, .93), MOST(1.03, 1.25, 1.05) },
	{ "once-20", LEAST(.995, .97, FREE, .95, .93), MOST(1.03, 1.25, 1.05) },
	{ "once-6-half", LEAST(.995, .97, FREE, .95, .93), MOST(1.03, 1.25, 1.05) },
	{ "once-6-long", LEAST(.995, .97, .60, .95, .93), MOST(1.03, 1.25, 1.05) },
	{ "returning-40000", LEAST(.995, .97, FREE, .95, .85), MOST(1.03, 1.25, 1.05) },
	/* as many persistent strangers as that leave a newcomer little */
	{ "returning-5000", LEAST(.995, .97, FREE, FREE, .85), MOST(1.03, 1.25, 1.05) },
	{ "bots-2.4", LEAST(.995, .97, FREE, FREE, .93), MOST(1.03, 1.25, 1.05) },
	{ "bots-20", LEAST(.995, .97, FREE, FREE, .93), MOST(1.03, 1.25, 1.05) },
	{ "pulses-20", LEAST(.995, .97, FREE, .95, FREE), MOST(1.03, 1.30, 1.05) },
	{ "ramp", LEAST(.995, .97, FREE, FREE, .93), MOST(1.03, 1.25, 1.05) },
	{ "warmed", LEAST(.97, .97, FREE, FREE, .93), MOST(1.03, 1.25, 1.05) },
	/* the spoofer sends at a proxy that did not see the client before: its packets have no part of the past */
	{ "slander", LEAST(.97, FREE, FREE, FREE, FREE), MOST(1.03, 1.25, 1.05) },
	/* each side gives the destination what it may have */
	{ "cut", LEAST(.995, .97, FREE, .95, .93), MOST(2.06, 2.50, 2.10) },
	{ "invented", LEAST(.995, .97, FREE, FREE, FREE), MOST(1.03, 1.25, 1.05) },
	{ "history", LEAST(.09, FREE, FREE, FREE, FREE), MOST(1.03, 1.25, 1.05) },
	{ "police", LEAST(.995, .97, FREE, FREE, .93), MOST(1.03, 1.25, 1.05) },
	{ "near", LEAST(.995, .97, FREE, FREE, .93), MOST(1.03, 1.25, 1.05) },
	{ "restart", LEAST(.995, .97, FREE, FREE, .93), MOST(1.03, 1.25, 1.05) },
};
/* clang-format on */

static const struct bounds *bounds_of(const char *attack)
{
	for (size_t i = 0; i < sizeof(bounds) / sizeof(bounds[0]); i++) {
		if (strcmp(bounds[i].attack, attack) == 0)
			return &bounds[i];
	}
	abort();
}

static union figures measured(const struct attack *attack, int members, uint64_t seed)
{
	const struct scenario scenario = attack_scenario(attack, members);
	char where[SCENARIO_WHERE_SIZE];
	const char *problem = scenario_check(&scenario, where);
	union figures figures;
	struct world *world;

	if (problem) {
		fprintf(stderr, "%s: %s\n", where, problem);
		abort();
	}
	world = world_open(&scenario, seed, BREAK_NOTHING);
	world_run(world, scenario.duration_s, NULL);
	attack_read(world, &figures);
	world_close(world);
	return figures;
}

/* Are all figures within the bounds? Prints them; those without are marked. */
static bool is_within(const struct attack *attack, int members, uint64_t seed)
{
	const struct bounds *bound = bounds_of(attack->name);
	const union figures figures = measured(attack, members, seed), least = { bound->least }, most = { bound->most };
	bool within = true;

	printf("# %-15s %2d members, seed %llu:", attack->name, members, (unsigned long long)seed);
	for (unsigned int i = 0; i < FIGURES; i++) {
		const bool enough = !(figures.at[i] < least.at[i]), few = !(figures.at[i] > most.at[i]);
		const double scale = i < SHARES ? 100 : 1;

		printf(i < SHARES ? " %s %.1f" : " %s %.3f", figure_names[i], scale * figures.at[i]);
		if (!isnan(least.at[i]))
			printf("%s>= %.4g", enough ? " " : " NOT ", scale * least.at[i]);
		if (!isnan(most.at[i]))
			printf("%s<= %.4g", few ? " " : " NOT ", scale * most.at[i]);
		fputs(i + 1 < FIGURES ? "," : "\n", stdout);
		within = within && enough && few;
	}
	fflush(stdout);
	return within;
}

struct row {
	const char *attack;
	int members;
	bool open; /* some figure is not within its bounds: whoever mends it takes this away */
};

static void assert_rows(const struct row *rows, size_t count)
{
	bool good = true;

	for (size_t i = 0; i < count; i++) {
		const bool expected = !rows[i].open;

		if (is_within(attack_find(rows[i].attack), rows[i].members, 1) == expected)
			continue;
		print_error("row %zu: expected to be %s its bounds\n", i, expected ? "within" : "outside of");
		good = false;
	}
	assert_true(good);
}

#define ASSERT_ROWS(rows) assert_rows(rows, sizeof(rows) / sizeof((rows)[0]))

static void sources_that_send_once_cost_known_clients_nothing(void **state)
{
	static const struct row rows[] = {
		/* 0 */ { "once-1.2", 3, false },
		/* 1 */ { "once-6", 1, false },
		/* 2 */ { "once-6", 5, true },
		/* 3 */ { "once-20", 3, true },
		/* 4 */ { "once-6-half", 3, false },
		/* 5 */ { "once-6-long", 3, false },
		/* 6 */ { "once-1.2", 16, true },
	};

	(void)state;
	ASSERT_ROWS(rows);
}

static void nor_do_addresses_that_come_back(void **state)
{
	static const struct row rows[] = {
		/* 0 */ { "returning-40000", 3, true },
		/* 1 */ { "returning-5000", 3, true },
	};

	(void)state;
	ASSERT_ROWS(rows);
}

static void nor_do_bots(void **state)
{
	static const struct row rows[] = {
		/* 0 */ { "bots-2.4", 3, false },
		/* 1 */ { "bots-20", 3, false },
		/* 2 */ { "bots-20", 1, false },
		/* 3 */ { "pulses-20", 3, false },
		/* 4 */ { "ramp", 3, true },
		/* 5 */ { "warmed", 5, true },
		/* 6 */ { "bots-2.4", 16, true },
	};

	(void)state;
	ASSERT_ROWS(rows);
}

static void nor_do_liars_and_faults(void **state)
{
	static const struct row rows[] = {
		/* 0 */ { "slander", 3, false },
		/* 1 */ { "cut", 3, true },
		/* 2 */ { "invented", 5, false },
		/* 3 */ { "history", 5, false },
		/* 4 */ { "police", 3, false },
		/* 5 */ { "near", 3, false },
		/* 6 */ { "restart", 3, true },
	};

	(void)state;
	ASSERT_ROWS(rows);
}

static int run_all(uint64_t seeds)
{
	static const int members[] = { 1, 3, 5, 16 };
	unsigned int failed = 0;

	for (const struct attack *attack = attacks; attack->name; attack++) {
		for (unsigned int i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
			for (uint64_t seed = 1; seed <= seeds && attack_fits(attack, members[i]); seed++)
				failed += !is_within(attack, members[i], seed);
		}
	}
	printf("# %u outside of their bounds\n", failed);
	return failed > 0;
}

static int usage(void)
{
	fputs("test_spoofed [all [SEEDS] | ATTACK MEMBERS [SEED]]; attacks:\n", stderr);
	for (const struct attack *attack = attacks; attack->name; attack++)
		fprintf(stderr, "  %-16s %s\n", attack->name, attack->title);
	return 2;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sources_that_send_once_cost_known_clients_nothing),
		cmocka_unit_test(nor_do_addresses_that_come_back),
		cmocka_unit_test(nor_do_bots),
		cmocka_unit_test(nor_do_liars_and_faults),
	};
	const struct attack *attack = argc > 2 ? attack_find(argv[1]) : NULL;

	if (sodium_init() < 0)
		return 1;
	if (argc == 1)
		return cmocka_run_group_tests(tests, NULL, NULL);
	if (strcmp(argv[1], "all") == 0)
		return run_all(argc > 2 ? strtoull(argv[2], NULL, 10) : 3);
	if (!attack || !attack_fits(attack, atoi(argv[2])))
		return usage();
	return !is_within(attack, atoi(argv[2]), argc > 3 ? strtoull(argv[3], NULL, 10) : 1);
}
