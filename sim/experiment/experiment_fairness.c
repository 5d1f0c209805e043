/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Fifty honest clients at 10 packets/s and more and more bots at 40, each far below the pair's rate, send to one
 * destination that may have 1,000: what the honest get through, what the victim gets, with `strict`, with `fair`,
 * and when every member limits alone.
 */
#include <math.h>
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
	struct fairness f, last = { NAN, NAN, NAN }; /* of fair, under the largest attack */
	int largest = 0;

	table_begin(output, "bots",
		    "bots rule attack_over_victim_rate honest_delivered bots_delivered victim_gets honest_max_min");
	for (unsigned int i = 0; i < 8; i += quick ? 3 : 1) {
		largest = bots[i];
		for (unsigned int j = 0; j < 3; j++) {
			const struct scenario s = scenario_of(bots[i], rules[j].fair, rules[j].sharing);

			experiment_world(output, &s, 1, read_fairness, &f, sizeof(f));
			table_row(output, "fsfffff", (double)bots[i], rules[j].name, bots[i] * 40.0 / VICTIM_RATE,
				  f.honest, f.bots, f.victim, fair_share(bots[i]));
			if (j == 0)
				last = f;
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
	headline(output,
		 "With bots that offer %.0f times the victim's rate, honest clients keep %.0f %% of their packets with "
		 "fair; equal shares would be %.0f %%.",
		 largest * 40.0 / VICTIM_RATE, 100 * last.honest, 100 * fair_share(largest));
	plot(output, "honest", "What honest clients keep while bots attack their destination",
	     "set xlabel 'packets that the bots offer, in rates of the victim'\n"
	     "set ylabel 'share of honest packets that arrive'\n"
	     "set yrange [0:1.02]\n"
	     "plot $TABLE using 3:(strcol(2) eq 'fair' ? $4 : NaN) title 'mesh, fair' lc rgb MESH pt 5, "
	     "$TABLE using 3:(strcol(2) eq 'strict' ? $4 : NaN) title 'mesh, strict' lc rgb STRICT pt 7, "
	     "$TABLE using 3:(strcol(2) eq 'alone-strict' ? $4 : NaN) title 'each proxy alone, strict' lc rgb ALONE pt "
	     "9, $TABLE using 3:(strcol(2) eq 'fair' ? $7 : NaN) title 'equal shares (max-min)' lc rgb ALL dt 2 with "
	     "lines");
	plot(output, "victim", "What reaches the victim",
	     "set xlabel 'packets that the bots offer, in rates of the victim'\n"
	     "set ylabel 'packets that arrive, in rates of the victim'\n"
	     "set yrange [0:*]\n"
	     "plot $TABLE using 3:(strcol(2) eq 'fair' ? $6 : NaN) title 'mesh, fair' lc rgb MESH pt 5, "
	     "$TABLE using 3:(strcol(2) eq 'strict' ? $6 : NaN) title 'mesh, strict' lc rgb STRICT pt 7, "
	     "$TABLE using 3:(strcol(2) eq 'alone-strict' ? $6 : NaN) title 'each proxy alone, strict' lc rgb ALONE pt "
	     "9, 1 title 'its rate' lc rgb ALL dt 2 with lines");
	say(output, "The packets of the first second, before a verdict, are counted in.");
}
