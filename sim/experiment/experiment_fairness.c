/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Fifty honest clients at 10 packets/s and more and more bots at 40, each far below the pair's rate, send to one
 * destination that may have 1,000: what the honest get through, what the victim gets, with `strict`, with `fair`,
 * and when every member limits alone.
 */
#include <stdio.h>

#include "experiment.h"
#include "world.h"

#define VICTIM_RATE 1000

struct fairness {
	double honest, bots, victim; /* shares of what was offered; of the victim's rate */
};

static void read_fairness(struct world *world, void *result)
{
	const struct group_measure *honest = &world->measure.groups[0], *bots = &world->measure.groups[1];
	const double seconds = world->scenario.duration_s - world->scenario.quiet_s - world->scenario.warmup_s;

	*(struct fairness *)result = (struct fairness){
		.honest = (double)honest->delivered / (double)honest->offered,
		.bots = bots->offered ? (double)bots->delivered / (double)bots->offered : 0,
		.victim = (double)(honest->delivered + bots->delivered) / (VICTIM_RATE * seconds),
	};
}

static struct scenario scenario_of(int bots, bool fair, int sharing)
{
	struct scenario s = experiment_scenario(8);

	snprintf(s.name, sizeof(s.name), "fairness");
	s.duration_s = 24;
	s.quiet_s = 1;
	s.oracle = false;
	s.sharing = sharing;
	s.thresholds.destination_rate = VICTIM_RATE;
	s.thresholds.fair = fair;
	experiment_group(&s, "honest", false, 50, 10);
	if (bots > 0)
		experiment_group(&s, "bots", true, bots, 40);
	return s;
}

/*
 * What an honest client would keep if the victim's rate were shared out in equal parts, nobody getting more than it
 * sends (max-min).
 */
static double fair_share(int bots)
{
	const double honest = 50 * 10, offered = honest + bots * 40.0;
	const double left = VICTIM_RATE - honest; /* when the honest are served whole */

	if (offered <= VICTIM_RATE || left / bots >= 10)
		return 1;
	return VICTIM_RATE / (50.0 + bots) / 10;
}

void experiment_fairness(struct output *output, bool quick)
{
	static const struct {
		const char *name;
		bool fair;
		int sharing;
	} rules[] = { { "fair", true, SHARING_MESH },
		      { "strict", false, SHARING_MESH },
		      { "alone-strict", false, SHARING_NONE } };
	static const int bots[] = { 0, 5, 10, 20, 50, 100, 200, 400 };
	struct fairness f;

	table_begin(output, "bots",
		    "bots rule attack_over_victim_rate honest_delivered bots_delivered victim_gets honest_max_min");
	for (unsigned int i = 0; i < 8; i += quick ? 3 : 1) {
		for (unsigned int j = 0; j < 3; j++) {
			const struct scenario s = scenario_of(bots[i], rules[j].fair, rules[j].sharing);

			experiment_world(output, &s, 1, read_fairness, &f, sizeof(f));
			table_row(output, "fsfffff", (double)bots[i], rules[j].name, bots[i] * 40.0 / VICTIM_RATE,
				  f.honest, f.bots, f.victim, fair_share(bots[i]));
			if (bots[i] == 50 || bots[i] == 200)
				say(output,
				    "%s, %d bots (%.0f times the victim's rate): %.0f %% of honest packets (%.0f %% "
				    "by max-min fairness) and %.0f %% of the bots' arrive, the victim gets %.2f of "
				    "its rate.",
				    rules[j].name, bots[i], bots[i] * 40.0 / VICTIM_RATE, 100 * f.honest,
				    100 * fair_share(bots[i]), 100 * f.bots, f.victim);
		}
	}
	table_end(output);
	plot(output, "honest",
	     "set xlabel 'attack, in rates of the victim'\n"
	     "set ylabel 'share of honest packets that arrive'\n"
	     "set yrange [0:1.02]\n"
	     "plot for [r in 'fair strict alone-strict'] $TABLE using 3:(strcol(2) eq r ? $4 : NaN) title r, $TABLE "
	     "using 3:(strcol(2) eq 'fair' ? $7 : NaN) title 'max-min share' lc 'black' dt 2 with lines");
	plot(output, "victim",
	     "set xlabel 'attack, in rates of the victim'\n"
	     "set ylabel 'packets at the victim, in its rate'\n"
	     "plot for [r in 'fair strict alone-strict'] $TABLE using 3:(strcol(2) eq r ? $6 : NaN) title r, 1 title "
	     "'its rate' lc 'black' dt 2 with lines");
	say(output, "The packets of the first second, before a verdict, are counted in.");
}
