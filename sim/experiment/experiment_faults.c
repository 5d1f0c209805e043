/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What faults cost: how long after them ledgers are byte-equal, what bots gain and what honest clients lose
 * meanwhile.
 */
#include <math.h>
#include <stdio.h>

#include "experiment.h"
#include "world.h"

struct faults_result {
	double equal_s, bots_passed, honest_lost;
};

static void read_faults(struct world *world, void *result)
{
	const struct group_measure *honest = &world->measure.groups[0], *bot = &world->measure.groups[1];

	*(struct faults_result *)result = (struct faults_result){
		.equal_s = world->measure.converged_ns >= 0 ? (double)world->measure.converged_ns / NS_PER_S : NAN,
		.bots_passed = (double)bot->delivered / (double)bot->offered,
		.honest_lost = (double)(honest->offered - honest->delivered) / (double)honest->offered,
	};
}

static struct scenario scenario_of(double busy_s)
{
	struct scenario s = experiment_scenario(8);
	struct group *bot;

	snprintf(s.name, sizeof(s.name), "faults");
	s.quiet_s = 40; /* longer than slots are held: then all agree whatever was lost */
	s.duration_s = 3 + busy_s + s.quiet_s;
	s.thresholds.destination_rate = 0;
	experiment_group(&s, "honest", false, 20, 20)->placement = PLACE_SPREAD;
	bot = experiment_group(&s, "bot", true, 1, 400);
	bot->placement = PLACE_SPREAD;
	bot->start_s = 5;
	return s;
}

static struct fault *fault_add(struct scenario *s, int kind, double at_s)
{
	struct fault *fault = &s->faults[s->faults_count++];

	*fault = (struct fault){ .kind = kind, .at_s = at_s, .for_s = 1 };
	return fault;
}

static void first_nodes(struct fault *fault, int count)
{
	while (fault->nodes_count < count) {
		fault->nodes[fault->nodes_count] = fault->nodes_count;
		fault->nodes_count++;
	}
}

/* Returns how long it took to agree, in seconds. */
static double run_point(struct output *output, const char *what, double seconds, double loss, struct scenario *s)
{
	struct faults_result r;

	s->loss = loss;
	experiment_world(output, s, 1, read_faults, &r, sizeof(r));
	table_row(output, "sfffff", what, seconds, loss, r.equal_s, r.bots_passed, r.honest_lost);
	if (loss == 0)
		say(output,
		    "%s (%.0f s): ledgers byte-equal %.1f s after traffic and fault ended, %.2f %% of the bot's "
		    "packets passed, honest clients lost %.2f %%.",
		    what, seconds, r.equal_s, 100 * r.bots_passed, 100 * r.honest_lost);
	return r.equal_s;
}

void experiment_faults(struct output *output, bool quick)
{
	static const double losses[] = { 0, 0.1, 0.3 }, lengths_s[] = { 1, 5, 20, 40 };

	double worst_s = 0, longest_cut_s = NAN, equal_s;

	table_begin(output, "faults", "fault seconds loss equal_after_s bots_passed honest_lost");
	for (unsigned int l = 0; l < (quick ? 1 : 3); l++) {
		for (unsigned int i = 0; i < 4; i++) {
			struct scenario s = scenario_of(7 + lengths_s[i]);

			first_nodes(fault_add(&s, FAULT_ISOLATE, 10), 4);
			fault_add(&s, FAULT_HEAL, 10 + lengths_s[i]);
			equal_s = run_point(output, "partition in halves", lengths_s[i], losses[l], &s);
			worst_s = fmax(worst_s, equal_s);
			if (l == 0)
				longest_cut_s = equal_s;
		}
		struct scenario rolling = scenario_of(27);

		for (int i = 0; i < 8; i++) {
			struct fault *fault = fault_add(&rolling, FAULT_CRASH, 10 + 2 * i);

			fault->nodes[fault->nodes_count++] = i;
			fault = fault_add(&rolling, FAULT_RESTART, 11 + 2 * i);
			fault->nodes[fault->nodes_count++] = i;
		}
		worst_s = fmax(worst_s, run_point(output, "rolling restart", 16, losses[l], &rolling));

		struct scenario half = scenario_of(17);

		first_nodes(fault_add(&half, FAULT_CRASH, 10), 4);
		worst_s = fmax(worst_s, run_point(output, "half of the daemons die", 10, losses[l], &half));
	}
	table_end(output);
	headline(output,
		 "After halves of the mesh were apart for %.0f s, ledgers are equal %.1f s after traffic and cut.",
		 lengths_s[3], longest_cut_s);
	plot_row(output, "equal", "Halves of eight members are apart while a bot attacks", 2,
		 "array colours[3] = [LOSS_0, LOSS_2, LOSS_3]\n"
		 "set xlabel 'length of the cut, s'\n"
		 "set yrange [0:*]\n"
		 "set ylabel 's until ledgers are equal'\n"
		 "plot for [l = 1:3] $TABLE using 2:(strcol(1) eq 'partition in halves' && $3 == real(word('0 0.1 "
		 "0.3', l)) ? $4 : NaN) lc rgb colours[l]\n"
		 "set ylabel 'share of bot packets that pass'\n" LEGEND
		 "plot for [l = 1:3] $TABLE using 2:(strcol(1) eq 'partition in halves' && $3 == real(word('0 0.1 "
		 "0.3', l)) ? $5 : NaN) title sprintf('%d %% of datagrams lost', 100 * real(word('0 0.1 0.3', l))) "
		 "lc rgb colours[l]\n"
		 "unset multiplot");
	say(output, "The longest with loss, up to %.0f %%, was %.1f s.%s", 100 * losses[quick ? 0 : 2], worst_s,
	    worst_s > 10 ? " Longer than 10 s means equal only because the slots that differ were forgotten: see the "
			   "known gaps in sim/README.md."
			 : "");
}
