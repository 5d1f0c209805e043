/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One bot at four times its rate, its packets spread over the members, and twenty honest clients: how long until a
 * member drops it, what of it gets through, and what the honest lose. The same packets for every system.
 */
#include <math.h>
#include <stdio.h>

#include <xpro/record.h>

#include "experiment.h"
#include "world.h"

#define ATTACK_S 6.0
#define SEEDS 3
#define BOT_RATE 400.0

struct detection {
	double delay_sum_s, delay_max_s;
	double drops, never; /* members */
	double bots_offered, bots_passed, honest_offered, honest_lost;
};

static void read_detection(struct world *world, void *result)
{
	const struct group_measure *honest = &world->measure.groups[0], *bot = &world->measure.groups[1];
	const int members = world->scenario.groups[1].members > 0 ? world->scenario.groups[1].members
								  : world->scenario.members;
	struct detection *d = result;

	*d = (struct detection){
		.bots_offered = (double)bot->offered,
		.bots_passed = (double)bot->delivered,
		.honest_offered = (double)honest->offered,
		.honest_lost = (double)(honest->offered - honest->delivered),
	};
	for (int i = 0; i < members; i++) {
		const double s = (double)(bot->first_drop_ns[i] - bot->first_packet_ns) / NS_PER_S;

		if (bot->first_drop_ns[i] < 0) {
			d->never++;
			continue;
		}
		d->drops++;
		d->delay_sum_s += s;
		d->delay_max_s = fmax(d->delay_max_s, s);
	}
}

struct system {
	const char *name;
	int sharing;
	double period_ms;
	bool early; /* verdicts before the window is T_T2 long, as the mesh gives them */
	const char *title, *colour; /* in plots */
};

static const struct system systems[] = {
	{ "alone", SHARING_NONE, 200, true, "each proxy alone", "ALONE" },
	{ "master-printed-4s", SHARING_MASTER_PRINTED, 4000, false, "the paper's master, every 4 s", "PRINTED_4_S" },
	{ "master-printed", SHARING_MASTER_PRINTED, 200, false, "the paper's master, every 0.2 s", "PRINTED" },
	{ "master-corrected", SHARING_MASTER_CORRECTED, 200, false, "corrected master", "CORRECTED" },
	{ "master-corrected-early", SHARING_MASTER_CORRECTED, 200, true, "corrected master, early", "EARLY" },
	{ "mesh", SHARING_MESH, 200, true, "mesh", "MESH" },
};

#define SYSTEMS (sizeof(systems) / sizeof(systems[0]))

static struct scenario scenario_of(int members, const struct system *system)
{
	struct scenario s = experiment_scenario(members);
	struct group *bot;

	snprintf(s.name, sizeof(s.name), "detection");
	s.duration_s = 30;
	s.quiet_s = 1;
	s.thresholds.destination_rate = 0; /* the pair rule alone */
	s.sharing = system->sharing;
	s.master_period_ms = system->period_ms;
	s.master_early = system->early;
	experiment_group(&s, "honest", false, 20, 20)->placement = PLACE_SPREAD;
	bot = experiment_group(&s, "bot", true, 1, BOT_RATE);
	bot->placement = PLACE_SPREAD;
	bot->start_s = ATTACK_S;
	return s;
}

/* Over all seeds. */
static struct detection measure_point(struct output *output, const struct scenario *scenario)
{
	struct detection all = { .never = 0 }, one;

	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		experiment_world(output, scenario, seed, read_detection, &one, sizeof(one));
		all.delay_sum_s += one.delay_sum_s;
		all.delay_max_s = one.delay_max_s > all.delay_max_s ? one.delay_max_s : all.delay_max_s;
		all.drops += one.drops;
		all.never += one.never;
		all.bots_offered += one.bots_offered;
		all.bots_passed += one.bots_passed;
		all.honest_offered += one.honest_offered;
		all.honest_lost += one.honest_lost;
	}
	return all;
}

static void row(struct output *output, double x, const struct system *system, const struct detection *d)
{
	table_row(output, "fsfffff", x, system->name, d->drops != 0 ? d->delay_sum_s / d->drops : NAN,
		  d->drops != 0 ? d->delay_max_s : NAN, d->never / (d->never + d->drops),
		  d->bots_passed / d->bots_offered, d->honest_lost / d->honest_offered);
}

#define COLUMNS "system delay_mean_s delay_max_s members_never bots_passed honest_lost"

/* One line per system in each of three panels: what got through, how long it took, what it cost. */
static void plot_systems(struct output *output, const char *name, const char *title, const char *axis)
{
	static const struct {
		const char *title, *range;
		int column;
	} panels[] = { { "share of bot packets that pass", "[0:1.02]", 6 },
		       { "s until a member drops it, mean", "[0:*]", 3 },
		       { "share of honest packets lost", "[0:1.02]", 7 } };
	char commands[8192];
	int used = snprintf(commands, sizeof(commands), "set xlabel '%s'\n%sset offsets 0, graph 0.02, graph 0.05, 0\n",
			    axis,
			    strcmp(name, "members") == 0 || strcmp(name, "spread") == 0 ? "set logscale x 2\n"
											: "set xrange [0:*]\n");

	for (unsigned int p = 0; p < 3; p++) {
		used += snprintf(commands + used, sizeof(commands) - (size_t)used,
				 "%sset ylabel '%s'\nset yrange %s\nplot ", p == 2 ? LEGEND : "", panels[p].title,
				 panels[p].range);
		for (unsigned int i = 0; i < SYSTEMS; i++)
			used += snprintf(
				commands + used, sizeof(commands) - (size_t)used,
				"%s$TABLE using 1:(strcol(2) eq '%s' ? $%d : NaN) title \"%s\" lc rgb %s pt %u",
				i ? ", " : "", systems[i].name, panels[p].column, systems[i].title, systems[i].colour,
				i + 4);
		used += snprintf(commands + used, sizeof(commands) - (size_t)used, "\n");
	}
	snprintf(commands + used, sizeof(commands) - (size_t)used, "unset multiplot");
	plot_row(output, name, title, 3, commands);
}

static void tell(struct output *output, const char *name, const struct detection *d)
{
	char first[96] = "no member ever drops it";

	if (d->drops != 0)
		snprintf(first, sizeof(first),
			 "a member's first drop comes after %.2f s at the mean and %.2f s at most",
			 d->delay_sum_s / d->drops, d->delay_max_s);
	say(output, "%s, 8 members in 8 cities: %.1f %% of the bot's packets pass, %s; honest clients lose %.2f %%.",
	    name, 100 * d->bots_passed / d->bots_offered, first, 100 * d->honest_lost / d->honest_offered);
}

static void by_members(struct output *output, bool quick)
{
	static const int sizes[] = { 2, 4, 8, 16, 32 };
	double printed = NAN;

	table_begin(output, "members", "members " COLUMNS);
	for (unsigned int i = 0; i < (quick ? 3 : 5); i++) {
		for (unsigned int j = 0; j < SYSTEMS; j++) {
			const struct scenario s = scenario_of(sizes[i], &systems[j]);
			const struct detection d = measure_point(output, &s);

			row(output, sizes[i], &systems[j], &d);
			if (sizes[i] == 8)
				tell(output, systems[j].name, &d);
			if (sizes[i] == 8 && systems[j].sharing == SHARING_MASTER_PRINTED)
				printed = 100 * d.bots_passed / d.bots_offered;
			if (sizes[i] == 8 && systems[j].sharing == SHARING_MESH)
				headline(output,
					 "Of a bot at four times its rate, spread over 8 proxies in 8 cities, %.0f %% "
					 "of the packets pass the mesh and %.0f %% the paper's master; proxies alone "
					 "let all pass.",
					 100 * d.bots_passed / d.bots_offered, printed);
		}
	}
	table_end(output);
	plot_systems(output, "members", "One bot at four times its rate, spread over all members", "members");
}

static void by_delay(struct output *output, bool quick)
{
	static const double delays_ms[] = { 1, 20, 50, 100, 250 };

	table_begin(output, "delay", "one_way_ms " COLUMNS);
	for (unsigned int i = 0; i < 5; i += quick ? 2 : 1) {
		for (unsigned int j = 0; j < SYSTEMS; j++) {
			struct scenario s = scenario_of(8, &systems[j]);

			s.delay_ms = s.master_delay_ms = delays_ms[i];
			const struct detection d = measure_point(output, &s);

			row(output, delays_ms[i], &systems[j], &d);
		}
	}
	table_end(output);
	plot_systems(output, "delay", "The same with 8 members, by the delay between them", "one-way delay, ms");
}

static void by_loss(struct output *output, bool quick)
{
	static const double losses[] = { 0, 0.02, 0.1, 0.3 };

	table_begin(output, "loss", "loss " COLUMNS);
	for (unsigned int i = 0; i < 4; i += quick ? 2 : 1) {
		for (unsigned int j = 0; j < SYSTEMS; j++) {
			struct scenario s = scenario_of(8, &systems[j]);

			s.loss = losses[i];
			const struct detection d = measure_point(output, &s);

			row(output, losses[i], &systems[j], &d);
		}
	}
	table_end(output);
	plot_systems(output, "loss", "The same with 8 members, by the loss between them", "share of datagrams lost");
}

static void by_spread(struct output *output)
{
	static const int seen[] = { 1, 2, 4, 8 };

	table_begin(output, "spread", "members_attacked " COLUMNS);
	for (unsigned int i = 0; i < 4; i++) {
		for (unsigned int j = 0; j < SYSTEMS; j++) {
			struct scenario s = scenario_of(8, &systems[j]);

			s.groups[1].members = seen[i];
			const struct detection d = measure_point(output, &s);

			row(output, seen[i], &systems[j], &d);
		}
	}
	table_end(output);
	plot_systems(output, "spread", "The same, by the members that the bot sends through", "members, of 8");
}

/* The master dies, or a member of the mesh does, one second before the attack. */
static void with_a_death(struct output *output)
{
	table_begin(output, "death", "members " COLUMNS);
	for (unsigned int j = 0; j < SYSTEMS; j++) {
		struct scenario s = scenario_of(8, &systems[j]);

		s.master_dead_s = ATTACK_S - 1;
		if (s.sharing == SHARING_MESH) {
			s.faults[0] = (struct fault){
				.kind = FAULT_CRASH, .at_s = ATTACK_S - 1, .nodes = { 0 }, .nodes_count = 1
			};
			s.faults_count = 1;
		}
		const struct detection d = measure_point(output, &s);

		row(output, 8, &systems[j], &d);
		if (systems[j].sharing == SHARING_MASTER_CORRECTED && systems[j].early)
			say(output, "With the master dead %.0f %% pass;", 100 * d.bots_passed / d.bots_offered);
		if (systems[j].sharing == SHARING_MESH)
			say(output, "with one member's daemon dead instead %.1f %% pass the mesh.",
			    100 * d.bots_passed / d.bots_offered);
	}
	table_end(output);
	plot_bars(output, "death", "The master, or one member's daemon, dies one second before the attack",
		  "unset key\n"
		  "set boxwidth 0.7\n"
		  "set yrange [0:1.02]\n"
		  "set ylabel 'share of bot packets that pass'\n"
		  "array colours[6] = [ALONE, PRINTED_4_S, PRINTED, CORRECTED, EARLY, MESH]\n"
		  "plot for [i = 0:5] $TABLE using (i):($0 == i ? $6 : NaN):xtic(2) with boxes lc rgb colours[i + 1]");
}

void experiment_detection(struct output *output, bool quick)
{
	const uint32_t pair_rate = scenario_of(8, &systems[SYSTEMS - 1]).thresholds.pair_rate;

	by_members(output, quick);
	by_delay(output, quick);
	by_loss(output, quick);
	by_spread(output);
	with_a_death(output);
	say(output,
	    "The paper's rule gives no verdict before T_T2 = 1 s; the mesh judges early, and so does the corrected "
	    "master in \"master-corrected-early\". The master believes whatever it is told; members of the mesh never "
	    "take others' word alone: the floors of local evidence let a client send a quarter of its rate, all "
	    "together, %.1f %% of this bot's packets.",
	    100.0 * pair_rate / EVIDENCE_SHARE / BOT_RATE);
}
