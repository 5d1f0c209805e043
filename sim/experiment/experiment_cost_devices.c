/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What quiet devices cost a member, told by need and told whole. Up to 100,000 devices a member are simulated. Beyond,
 * a model says what a member sends: the rules of PROTOCOL, section "Publishing", applied to one device's Poisson
 * packets, times the devices. Where both run, the model stands beside what was measured.
 *
 * The model. A device sends at RATE to one destination, through one of MEMBERS members. Let S be a slot, t a tick,
 * m = RATE i t the packets expected in the first i ticks of a slot, and G(m) the chance that so many have called by
 * then: the mean over n, Poisson of mean m, of min(1, max(0, n - a) / K), since the draw is even.
 *
 *   by need, cells told in a slot:  of ticks     sum over i of G(m_i) - exp(-RATE t) G(m_(i-1)): it grew and has called
 *                                   of closing   G + G (1 - exp(-RATE S) - G): once more, and the untold slot before
 *   all, the same:                  of ticks     (S / t) (1 - exp(-RATE t))
 *                                   of closing   1 - exp(-RATE S)
 *
 * A cell takes 7 bytes, a datagram what its frame is without cells. There is a frame of a tick at least while anything
 * told is live. Closing frames are spread over twelve ticks; by need over every fourth. An idle mesh's bytes, which are
 * measured, are added. The budget bounds own frames by need; `frames_per_tick` bounds those of a tick.
 */
#include <math.h>
#include <stdio.h>

#include "experiment.h"
#include "world.h"

#define MEMBERS 8
#define RATE 0.5 /* packets per second of a device */
#define SLOT_S 4.0
#define TICK_S 0.2
#define SLOT_TICKS 20
#define CELL_BYTES 7.0 /* of a pair IPv4 in a group: client 4, first 1, last 1, packets 1 */
#define LIFE_BYTES 148.0 /* a sign of life: seal 44, message 1, body, signature */
#define FRAME_BYTES (LIFE_BYTES + 24) /* and one group */
#define SIBLING_BYTES 32.0 /* of the proof, for each doubling of a tick's frames */
#define FRAME_CELLS 125.0 /* with 1232 bytes a datagram */
#define BUDGET_BYTES_PER_S 160000.0 /* PROTOCOL, Publishing, "How they are sent", 6 */
#define SLOTS_ALIVE 8 /* a told cell is answered for by signs of life so long */
#define FRAMES_PER_TICK 256
#define WARMUP_S 4
#define TRAFFIC_S 24 /* in which a device sends half a packet more than RATE says, for its first comes early */
#define CROWD 100000 /* so many devices a member send for CROWD_TRAFFIC_S alone */
#define CROWD_TRAFFIC_S 8
#define QUIET_S 3 /* the last slot's closing frames, by need up to 16 ticks late */

struct sent {
	double bytes, cells; /* of a member, per second */
};

/* Of a world, a mean over its members. */
struct run {
	double bytes, cells; /* in all */
	double traffic_bytes, traffic_s; /* while traffic ran */
};

static void read_run(struct world *world, void *result)
{
	const struct measure *m = &world->measure;
	struct run *run = result;

	*run = (struct run){ .traffic_s = world->scenario.duration_s - WARMUP_S - QUIET_S };
	for (int i = 0; i < world->scenario.members; i++) {
		struct proxy_totals totals;

		proxy_totals(&world->proxies[i], &totals);
		run->bytes += (double)totals.bytes_sent / MEMBERS;
		run->cells += (double)totals.cells_published / MEMBERS;
		run->traffic_bytes += (double)(m->ends[i].bytes_sent - m->marks[i].bytes_sent) / MEMBERS;
	}
}

/*
 * Per second of traffic: what the run has sent more than an idle one, and that one's rate. Closing frames come up to a
 * slot late. So the quiet counts, too, but for its signs of life.
 */
static struct sent sent_of(const struct run *run, const struct run *idle)
{
	const double life = run->cells > 0 ? (MEMBERS - 1) * LIFE_BYTES * QUIET_S / TICK_S : 0;
	const double idle_bytes = idle->traffic_bytes / idle->traffic_s,
		     rest = idle->bytes - idle_bytes * (idle->traffic_s - run->traffic_s);

	return (struct sent){ .bytes = idle_bytes + (run->bytes - rest - life) / run->traffic_s,
			      .cells = run->cells / run->traffic_s };
}

static struct scenario scenario_of(int devices, double pair_rate, bool all)
{
	struct scenario s = experiment_scenario(MEMBERS);
	const int keys = MEMBERS * devices + MEMBERS;

	snprintf(s.name, sizeof(s.name), "cost of devices");
	s.duration_s = WARMUP_S + (devices < CROWD ? TRAFFIC_S : CROWD_TRAFFIC_S) + QUIET_S;
	s.warmup_s = WARMUP_S;
	s.quiet_s = QUIET_S;
	s.oracle = false;
	s.measure = MEASURE_TRAFFIC;
	s.publish_all = all;
	s.keys_max = keys > 16384 ? 2 * keys : 32768;
	s.cells_max = 4 * s.keys_max;
	s.frames_max = 16384;
	s.frames_per_tick = FRAMES_PER_TICK;
	s.thresholds.pair_rate = pair_rate;
	s.thresholds.destination_rate = 0;
	if (devices > 0)
		experiment_group(&s, "devices", false, MEMBERS * devices, RATE);
	return s;
}

static void measure_run(struct output *output, int devices, double pair_rate, bool all, struct run *ret_run)
{
	const struct scenario s = scenario_of(devices, pair_rate, all);

	experiment_world(output, &s, 1, read_run, ret_run, sizeof(*ret_run));
}

/* ---- the model ---- */

/* G(m): how many of those that expect m packets have called. */
static double called(double pair_rate, double m)
{
	const double a = floor(pair_rate / (4 * MEMBERS)), span = fmax(1, floor(pair_rate / 2)); /* W is a second */
	double chance = exp(-m), sum = 0;

	for (int n = 1; n < 1000; n++) {
		chance *= m / n;
		sum += chance * fmin(1, fmax(0, n - a) / span);
	}
	return sum;
}

/* Own frames in a second, of a tick's and closing, to one receiver. */
static double bytes_of(double tick_cells, double closing_cells, double closing_turns)
{
	const double tick_frames = fmin(FRAMES_PER_TICK, fmax(1, tick_cells * TICK_S / FRAME_CELLS)),
		     closing_frames = fmax(fmin(closing_turns, closing_cells), closing_cells / FRAME_CELLS);
	const double alive = closing_cells * SLOTS_ALIVE * SLOT_S < 1 ? 0 : 1;

	return CELL_BYTES * (fmin(tick_cells, FRAMES_PER_TICK * FRAME_CELLS / TICK_S) + closing_cells) +
	       alive * tick_frames / TICK_S * (FRAME_BYTES + SIBLING_BYTES * ceil(log2(tick_frames))) +
	       closing_frames * FRAME_BYTES;
}

static struct sent model(double devices, double pair_rate, bool all, double idle_bytes)
{
	const double silent_tick = exp(-RATE * TICK_S), silent_slot = exp(-RATE * SLOT_S);
	const double whole = called(pair_rate, RATE * SLOT_S);
	double tick = SLOT_TICKS * (1 - silent_tick), closing = 1 - silent_slot, bytes;

	if (!all) {
		tick = 0;
		for (int i = 1; i <= SLOT_TICKS; i++)
			tick += called(pair_rate, RATE * TICK_S * i) -
				silent_tick * called(pair_rate, RATE * TICK_S * (i - 1));
		closing = whole + whole * (1 - silent_slot - whole);
	}
	tick *= devices / SLOT_S;
	closing *= devices / SLOT_S;
	bytes = (MEMBERS - 1) * bytes_of(tick, closing, all ? 3 : 1.25);
	return (struct sent){ .bytes = idle_bytes + (all ? bytes : fmin(bytes, BUDGET_BYTES_PER_S)),
			      .cells = tick + closing };
}

/* ---- the table ---- */

/* One row. NULL: too many to be simulated. */
static void row(struct output *output, double devices, double pair_rate, const struct run idle[2],
		const struct run *const measured[2])
{
	struct sent modelled[2], sent[2] = { { NAN, NAN }, { NAN, NAN } };

	for (int all = 0; all < 2; all++) {
		modelled[all] = model(devices, pair_rate, all, idle[all].traffic_bytes / idle[all].traffic_s);
		if (measured[all])
			sent[all] = sent_of(measured[all], &idle[all]);
	}
	if (measured[0] && modelled[0].bytes > BUDGET_BYTES_PER_S) /* the quiet sends what has waited for the budget */
		sent[0].bytes = measured[0]->traffic_bytes / measured[0]->traffic_s;
	table_row(output, "ffffffffff", devices, pair_rate, sent[0].bytes, modelled[0].bytes, sent[1].bytes,
		  modelled[1].bytes, sent[0].cells, modelled[0].cells, sent[1].cells, modelled[1].cells);
	say(output, "%.0f devices a member, T_F1 = %.0f: by need %.1f kB/s%s, all %.1f kB/s.", devices, pair_rate,
	    (measured[0] ? sent : modelled)[0].bytes / 1000, measured[0] ? "" : " by the model",
	    (measured[1] ? sent : modelled)[1].bytes / 1000);
}

void experiment_cost_devices(struct output *output, bool quick)
{
	static const double rates[] = { 50, 100, 500 };
	static const int devices[] = { 1000, 10000, 100000 };
	const unsigned int sizes = quick ? 1 : 3;
	struct run idle[2], whole[3], need;

	table_begin(output, "devices",
		    "devices_a_member pair_rate need_bytes_per_s need_model_bytes_per_s all_bytes_per_s "
		    "all_model_bytes_per_s need_cells_per_s need_model_cells_per_s all_cells_per_s "
		    "all_model_cells_per_s");
	for (int all = 0; all < 2; all++)
		measure_run(output, 0, rates[0], all, &idle[all]);
	for (unsigned int i = 0; i < sizes; i++)
		measure_run(output, devices[i], rates[0], true, &whole[i]); /* the rate makes no difference to it */
	for (unsigned int r = 0; r < 3; r++) {
		for (unsigned int i = 0; i < sizes; i++) {
			measure_run(output, devices[i], rates[r], false, &need);
			row(output, devices[i], rates[r], idle, (const struct run *const[2]){ &need, &whole[i] });
		}
		row(output, 1e6, rates[r], idle, (const struct run *const[2]){ NULL, NULL });
	}
	table_end(output);
	headline(output,
		 "Eight members that tell by need send at most %.0f kB/s each, however many quiet devices there are; a "
		 "million devices told whole would be %.0f kB/s.",
		 BUDGET_BYTES_PER_S / 1000 + idle[0].traffic_bytes / idle[0].traffic_s / 1000,
		 model(1e6, rates[0], true, idle[1].traffic_bytes / idle[1].traffic_s).bytes / 1000);
	plot(output, "devices", "What a member sends for quiet devices (points: simulated; lines: model)",
	     "set xlabel 'devices a member, at 0.5 packets/s; 8 members'\n"
	     "set ylabel 'bytes sent per member and second'\n"
	     "set logscale xy\nset xrange [500:2000000]\nset format x '10^{%L}'\nset format y '10^{%L}'\n"
	     "plot for [i = 1:3] $TABLE using ($2 == real(word('50 100 500', i)) ? $1 : NaN):4 with lines lc rgb MESH "
	     "dt i title 'by need, T_{F1} = '.word('50 100 500', i), for [i = 1:3] $TABLE using ($2 == real(word('50 "
	     "100 500', i)) ? $1 : NaN):3 with points lc rgb MESH pt 2 * i + 2 notitle, $TABLE using ($2 == 50 ? $1 : "
	     "NaN):6 with lines lc rgb WHOLE title 'all', $TABLE using ($2 == 50 ? $1 : NaN):5 with points lc rgb "
	     "WHOLE pt 7 notitle");
}
