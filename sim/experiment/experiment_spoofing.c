/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What honest clients keep while their destination is attacked by spoofed floods, and by what resembles them
 * (attacks.c); and what the destination gets.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "attacks.h"
#include "experiment.h"
#include "world.h"

#define FIGURES (sizeof(struct attack_figures) / sizeof(double))
#define SEEDS 3
#define COLUMNS "known slow newcomers connected_2_s connected_8_s victim_mean victim_worst_1_s victim_worst_10_s"

/*
 * Over all seeds: the mean of what is a share or a mean already, and the worst of what is a worst already. Attacks that
 * the members cannot suffer have NAN throughout.
 */
static struct attack_figures measured(struct output *output, const struct attack *attack, int members, bool quick)
{
	const struct scenario scenario = attack_scenario(attack, members);
	const unsigned int seeds = quick ? 1 : SEEDS;
	struct attack_figures all = { .known = 0 }, one;
	double *sum = &all.known, *figure = &one.known;

	for (uint64_t seed = 1; seed <= seeds; seed++) {
		experiment_world(output, &scenario, seed, attack_read, &one, sizeof(one));
		for (unsigned int i = 0; i < FIGURES; i++)
			sum[i] = i < FIGURES - 2 ? sum[i] + figure[i] / seeds : fmax(sum[i], figure[i]);
	}
	return all;
}

static void row(struct output *output, const struct attack *attack, int members, const struct attack_figures *f)
{
	table_row(output, "sfffffffff", attack->title, (double)members, f->known, f->slow, f->newcomers,
		  f->connected_2_s, f->connected_8_s, f->mean, f->worst_1_s, f->worst_10_s);
}

/* Three members. The rows that one sentence tells of are those in which sources send once. */
static void by_attack(struct output *output, bool quick)
{
	double known = 1, most = 0, times = 0;

	table_begin(output, "attacks", "attack members " COLUMNS);
	for (const struct attack *attack = attacks; attack->name; attack++) {
		struct attack_figures f;

		if (quick && (attack - attacks) % 4 != 0)
			continue;
		f = measured(output, attack, 3, quick);
		row(output, attack, 3, &f);
		say(output,
		    "%s: %.1f %% of known clients' packets arrive, %.1f %% of slow ones', %.1f %% of newcomers'; %.0f "
		    "%% of TCP connections are open after 2 s, %.0f %% after 8 s; the destination gets %.2f of its "
		    "rate, %.2f in its worst second.",
		    attack->title, 100 * f.known, 100 * f.slow, 100 * f.newcomers, 100 * f.connected_2_s,
		    100 * f.connected_8_s, f.mean, f.worst_1_s);
		if (strncmp(attack->name, "once", 4) != 0)
			continue;
		known = fmin(known, f.known);
		most = fmax(most, f.mean);
		times = fmax(times, attack->times);
	}
	table_end(output);
	headline(output,
		 "Under floods of sources that send once, up to %.0f times the destination's rate, at least %.1f %% of "
		 "known clients' packets arrive; the destination gets at most %.2f of its rate on average.",
		 times, 100 * known, most);
	plot_bars(output, "shares", "What honest clients keep, by attack; three members",
		  "set style data histograms\n"
		  "set ylabel 'share that arrives'\n"
		  "set yrange [0:1.02]\n"
		  "plot $TABLE using 3:xtic(1) title 'known clients' lc rgb HONEST, $TABLE using 4 title 'slow ones' "
		  "lc rgb SLOW, $TABLE using 7 title 'TCP connections of newcomers, within 8 s' lc rgb NEW");
	plot_bars(output, "victim", "What the destination gets, by attack; three members",
		  "set ylabel 'in rates of the destination'\n"
		  "set logscale y\nset yrange [0.05:20]\n"
		  "plot $TABLE using 0:8:xtic(1) with points pt 7 lc rgb MESH title 'mean', $TABLE using 0:10 with "
		  "points pt 4 lc rgb MESH title 'worst ten seconds', $TABLE using 0:9 with points pt 10 lc rgb MESH "
		  "title 'worst second', 1 with lines lc rgb ALL dt 2 title 'its rate'");
}

/* Sources that send once, by how much they send. */
static void by_size(struct output *output, bool quick)
{
	static const double sizes[] = { 0.5, 1.2, 2.4, 6, 20 };
	static const int members[] = { 1, 3, 16 };

	table_begin(output, "sizes", "attack members times " COLUMNS);
	for (unsigned int m = 0; m < 3; m += quick ? 2 : 1) {
		for (unsigned int i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i += quick ? 3 : 1) {
			struct attack attack = *attack_find("once-6");
			struct attack_figures f;

			attack.times = sizes[i];
			f = measured(output, &attack, members[m], true);
			table_row(output, "sffffffffff", "sources that send once", (double)members[m], sizes[i],
				  f.known, f.slow, f.newcomers, f.connected_2_s, f.connected_8_s, f.mean, f.worst_1_s,
				  f.worst_10_s);
		}
	}
	table_end(output);
	plot_row(output, "sizes", "Sources that send once, by how much they send together", 3,
		 "array marks[3] = [5, 7, 9]\n"
		 "set logscale x 2\nset xlabel 'in rates of the destination'\nset yrange [0:1.02]\n"
		 "set ylabel \"share of known clients' packets that arrives\"\n"
		 "plot for [m = 1:3] $TABLE using 3:($2 == real(word('1 3 16', m)) ? $4 : NaN) lc rgb HONEST pt "
		 "marks[m] dt m\n"
		 "set ylabel 'TCP connections open within 8 s'\n"
		 "plot for [m = 1:3] $TABLE using 3:($2 == real(word('1 3 16', m)) ? $8 : NaN) lc rgb NEW pt marks[m] "
		 "dt m\n"
		 "set ylabel 'what the destination gets, in its rate'\nset yrange [0:1.25]\n" LEGEND
		 "plot for [m = 1:3] NaN with linespoints lc rgb ALL pt marks[m] dt m title word('1 3 16', m).' "
		 "members', for [m = 1:3] $TABLE using 3:($2 == real(word('1 3 16', m)) ? $9 : NaN) lc rgb MESH pt "
		 "marks[m] dt m notitle\n"
		 "unset multiplot");
}

void experiment_spoofing(struct output *output, bool quick)
{
	by_attack(output, quick);
	by_size(output, quick);
	say(output,
	    "The attackers are sources that send one packet each; addresses that come back; bots with their own "
	    "addresses, also in pulses of 0.95 s every 11 s, in a ramp of 16 s, or with half of the destination's "
	    "rate before (a past); a spoofer under known clients' addresses at another proxy (slander); a member that "
	    "tells of clients that are not there, or of their past.");
	say(output,
	    "The destination may have %d packets/s. Known clients send a fiftieth of that each and were there before, "
	    "slow ones 0.5 packets/s; newcomers come %d s after the attack began. Shares are from the onset on, what "
	    "the destination gets is from %d s after it.",
	    ATTACK_RATE, ONSET_LAG_S, ONSET_LAG_S);
}
