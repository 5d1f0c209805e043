/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The rate of a pair as each member judges it, against one proxy that sees every packet at once: steady, and after a
 * tenfold step.
 */
#include <math.h>
#include <stdio.h>

#include "experiment.h"
#include "world.h"

#define STEP_S 20.0

struct accuracy {
	double steady, steady_worst, first_second, first_worst, next_nine;
};

struct series {
	double points, at_s[SERIES_MAX], mean[SERIES_MAX], worst[SERIES_MAX];
};

static void read_series(struct world *world, void *result)
{
	struct series *series = result;

	series->points = world->measure.series_count;
	for (unsigned int i = 0; i < world->measure.series_count; i++) {
		series->at_s[i] = world->measure.series[i].at_s;
		series->mean[i] = world->measure.series[i].mean;
		series->worst[i] = world->measure.series[i].worst;
	}
}

/* Steady 0, the first second after the step 1, the nine after that 2; before the series and behind them -1. */
static int part_of(double at_s)
{
	if (at_s < STEP_S - 8 || at_s >= STEP_S + 10)
		return -1;
	if (at_s < STEP_S)
		return 0;
	return at_s < STEP_S + 1 ? 1 : 2;
}

static void read_accuracy(struct world *world, void *result)
{
	struct accuracy *a = result;
	double steady_worst = 0, first_worst = 0;
	double sums[3] = { 0 };
	unsigned int counts[3] = { 0 };

	for (unsigned int i = 0; i < world->measure.series_count; i++) {
		const struct error_point *point = &world->measure.series[i];
		const int part = part_of(point->at_s);

		if (part < 0)
			continue;
		sums[part] += point->mean;
		counts[part]++;
		if (part == 0)
			steady_worst = fmax(steady_worst, point->worst);
		if (part == 1)
			first_worst = fmax(first_worst, point->worst);
	}
	*a = (struct accuracy){
		.steady = sums[0] / counts[0],
		.steady_worst = steady_worst,
		.first_second = sums[1] / counts[1],
		.first_worst = first_worst,
		.next_nine = sums[2] / counts[2],
	};
}

static struct scenario scenario_of(int members, double loss, double skew_ms)
{
	struct scenario s = experiment_scenario(members);
	struct group *group;

	snprintf(s.name, sizeof(s.name), "accuracy");
	s.duration_s = 32;
	s.quiet_s = 1;
	s.loss = loss;
	s.skew_ms = skew_ms;
	s.thresholds.destination_rate = 0;
	group = experiment_group(&s, "step", true, 8, 50);
	group->placement = PLACE_SPREAD;
	group->step_s = STEP_S;
	group->step_rate = 500;
	group->even = true;
	return s;
}

void experiment_accuracy(struct output *output, bool quick)
{
	static const struct {
		int members;
		double loss, skew_ms;
	} points[] = { { 5, 0, 0 },   { 5, 0, 50 },    { 5, 0.1, 50 }, { 16, 0, 0 },
		       { 16, 0, 50 }, { 16, 0.1, 50 }, { 32, 0, 50 } };
	static struct series series;
	struct accuracy a;

	table_begin(output, "points",
		    "members loss skew_ms steady steady_worst first_second first_second_worst next_nine_seconds");
	for (unsigned int i = 0; i < (quick ? 3 : 7); i++) {
		const struct scenario s = scenario_of(points[i].members, points[i].loss, points[i].skew_ms);

		experiment_world(output, &s, 1, read_accuracy, &a, sizeof(a));
		table_row(output, "ffffffff", (double)points[i].members, points[i].loss, points[i].skew_ms, a.steady,
			  a.steady_worst, a.first_second, a.first_worst, a.next_nine);
		if (i == 1)
			headline(output,
				 "The rate by which a member judges is %.1f %% off while the true one is steady, and "
				 "%.0f %% in the first second after a tenfold step.",
				 100 * a.steady, 100 * a.first_second);
		say(output,
		    "%d members, loss %.0f %%, skew %.0f ms: error %.2f %% steady (worst moment of one member %.1f "
		    "%%), %.1f %% over the first second after a tenfold step, %.2f %% over the nine after.",
		    points[i].members, 100 * points[i].loss, points[i].skew_ms, 100 * a.steady, 100 * a.steady_worst,
		    100 * a.first_second, 100 * a.next_nine);
	}
	table_end(output);
	table_begin(output, "series", "members seconds_after_step mean worst");
	for (int members = 5; members <= 16; members += 11) {
		const struct scenario s = scenario_of(members, 0, 50);

		experiment_world(output, &s, 1, read_series, &series, sizeof(series));
		for (unsigned int i = 0; i < series.points; i++)
			table_row(output, "ffff", (double)members, series.at_s[i] - STEP_S, series.mean[i],
				  series.worst[i]);
	}
	table_end(output);
	plot(output, "series", "How far the judged rate is off, around a tenfold step of the true one",
	     "set xlabel 'seconds after the step'\n"
	     "set ylabel 'relative error of the judged rate'\n"
	     "set xrange [-3:6]\n"
	     "set logscale y\n"
	     "set yrange [0.0005:1]\n"
	     "set format y '%g'\n"
	     "plot $TABLE using 2:($1==5 ? $3 : NaN) title '5 members, mean' with lines lw 2 lc rgb LOSS_1, $TABLE "
	     "using 2:($1==16 ? $3 : NaN) title '16, mean' with lines lw 2 lc rgb MESH, $TABLE using 2:($1==16 ? $4 : "
	     "NaN) title '16, worst' with lines lc rgb LOSS_2, 0.5 title 'published: Fastly, 1 s' lc rgb ALL dt 5 "
	     "with lines, 0.2 title 'Akamai, step' lc rgb ALL dt 2 with lines, 0.1 title 'Akamai, steady' lc rgb ALL "
	     "dt 3 with lines, 0.02 title 'rateguard, over R' lc rgb ALL dt 4 with lines");
	say(output,
	    "Published: Akamai below 10 %% steady and about 20 %% on a step, its counters 1 to 3 s late; Fastly 50, "
	    "25 and 10 %% over 1, 10 and 60 s; rateguard lets at most 1.02 R pass, which bounds one side only.");
}
