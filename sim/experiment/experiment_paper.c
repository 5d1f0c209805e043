/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The questions of the paper's evaluation (section 6), put to the paper's master and to the mesh: an attack whose bots
 * stay low at each proxy, an attack of very many bots, and what either costs a proxy. Four proxies in one network, as
 * there. The paper's own figures came from virtual machines and cannot be compared with these.
 */
#include <math.h>
#include <stdio.h>

#include "experiment.h"
#include "world.h"

#define PROXIES 4
#define ATTACK_S 6.0
#define VICTIM_RATE 2000 /* T_F2; T_F1 is 100 */
#define HONEST 20	 /* at HONEST_RATE each */
#define HONEST_RATE 20

struct outcome {
	double victim; /* packets per second from two seconds after the attack began, in T_F2 */
	double honest; /* share of honest packets that arrive */
	double bytes, messages, busy; /* a proxy's, per second: sent; a share of a processor */
};

static struct outcome mesh_cost(const struct world *world)
{
	const struct measure *m = &world->measure;
	const double per = (world->scenario.duration_s - world->scenario.quiet_s - world->scenario.warmup_s) *
			   world->scenario.members;
	struct outcome cost = { .bytes = 0 };

	for (int i = 0; i < world->scenario.members; i++) {
		const struct totals_mark *from = &m->marks[i], *to = &m->ends[i];

		cost.bytes += (double)(to->bytes_sent - from->bytes_sent) / per;
		cost.messages += (double)(to->sent - from->sent) / per;
		cost.busy += ((double)(to->checked - from->checked) * COST_VERIFY_NS +
			      (double)(to->made - from->made) * COST_SIGN_NS +
			      (double)(to->sent - from->sent) * COST_DATAGRAM_NS) /
			     NS_PER_S / per;
	}
	return cost;
}

/* The master's bytes in both directions, halved. What Redis takes of a processor is not modelled. */
static struct outcome master_cost(const struct world *world)
{
	const double per = 2 * world->scenario.duration_s * world->scenario.members;

	return (struct outcome){ .bytes = (double)world->master.bytes / per,
				 .messages = (double)world->master.messages / per,
				 .busy = NAN };
}

static void read_outcome(struct world *world, void *result)
{
	const struct group_measure *honest = &world->measure.groups[0], *bots = &world->measure.groups[1];
	const size_t from = (size_t)((ATTACK_S + 2) * NS_PER_S / MEASURE_STEP_NS),
		     to = (size_t)(world->traffic.ends_ns / MEASURE_STEP_NS);
	struct outcome outcome = world->scenario.sharing == SHARING_MESH ? mesh_cost(world) : master_cost(world);
	double packets = 0;

	for (size_t i = from; i < to; i++)
		packets += honest->delivered_in[i] + bots->delivered_in[i];
	outcome.victim = packets * NS_PER_S / MEASURE_STEP_NS / (double)(to - from) / VICTIM_RATE;
	outcome.honest = (double)honest->delivered / (double)honest->offered;
	if (world->scenario.sharing == SHARING_NONE)
		outcome.bytes = outcome.messages = outcome.busy = 0;
	*(struct outcome *)result = outcome;
}

static const struct system {
	const char *name;
	int sharing;
	double period_ms;
} systems[] = {
	{ "alone", SHARING_NONE, 200 },
	{ "master-4s", SHARING_MASTER_PRINTED, 4000 },
	{ "master", SHARING_MASTER_PRINTED, 200 },
	{ "mesh", SHARING_MESH, 200 },
};

#define SYSTEMS (sizeof(systems) / sizeof(systems[0]))
#define LINES(x, y)                                                                                                    \
	"plot $TABLE using " x ":(strcol(2) eq 'alone' ? " y " : NaN) title 'each proxy alone' lc rgb ALONE pt 4, "   \
	"$TABLE using " x ":(strcol(2) eq 'master-4s' ? " y " : NaN) title \"the paper's master, every 4 s\" lc rgb "  \
	"PRINTED_4_S pt 5, $TABLE using " x ":(strcol(2) eq 'master' ? " y " : NaN) title \"the paper's master, "      \
	"every 0.2 s\" lc rgb PRINTED pt 6, $TABLE using " x ":(strcol(2) eq 'mesh' ? " y " : NaN) title 'mesh' lc "   \
	"rgb MESH pt 9"

static struct outcome measured(struct output *output, const struct system *system, int bots, double rate)
{
	struct scenario s = experiment_scenario(PROXIES);
	struct outcome outcome;
	struct group *group;

	snprintf(s.name, sizeof(s.name), "paper");
	s.delay_ms = s.master_delay_ms = 1; /* a local network */
	s.duration_s = 30;
	s.quiet_s = 1;
	s.oracle = false;
	s.keys_max = 131072; /* room for each pair at each proxy */
	s.cells_max = 1048576;
	s.sharing = system->sharing;
	s.master_period_ms = system->period_ms;
	s.thresholds.destination_rate = VICTIM_RATE;
	s.thresholds.early = system->sharing == SHARING_MESH;
	experiment_group(&s, "honest", false, HONEST, HONEST_RATE)->placement = PLACE_SPREAD;
	group = experiment_group(&s, "bots", true, bots, rate);
	group->placement = PLACE_SPREAD;
	group->start_s = ATTACK_S;
	experiment_world(output, &s, 1, read_outcome, &outcome, sizeof(outcome));
	return outcome;
}

/* Each bot sends the same through each proxy, and at none of them comes to T_F1 until it sends four times that. */
static struct outcome low_rate(struct output *output, bool quick)
{
	static const double rates[] = { 0.5, 0.8, 1.2, 1.6, 2.4, 3.6, 6 };
	struct outcome mesh = { .victim = NAN };

	table_begin(output, "low", "rate_over_T_F1 system victim_over_T_F2 honest_delivered");
	for (unsigned int i = 0; i < sizeof(rates) / sizeof(rates[0]); i += quick ? 2 : 1) {
		for (unsigned int j = 0; j < SYSTEMS; j++) {
			const struct outcome o = measured(output, &systems[j], 15, rates[i] * 100);

			table_row(output, "fsff", rates[i], systems[j].name, o.victim, o.honest);
			if (rates[i] < 2.3 || rates[i] > 2.5)
				continue;
			say(output,
			    "Low rate, %s: 15 bots at 2.4 times T_F1, 0.6 through each proxy: the victim gets %.2f of "
			    "T_F2, honest clients keep %.1f %%.",
			    systems[j].name, o.victim, 100 * o.honest);
			if (systems[j].sharing == SHARING_MESH)
				mesh = o;
		}
	}
	table_end(output);
	plot_row(output, "low", "A low-rate attack: 15 bots, each spread evenly over four proxies", 2,
		 "set xlabel 'rate of a bot, in T_{F1}'\nset yrange [0:*]\n"
		 "set ylabel 'packets at the victim, in T_{F2}'\n"
		 LINES("1", "$3")
		 "\nset ylabel 'share of honest packets that arrive'\nset yrange [0:1.02]\n" LEGEND
		 LINES("1", "$4") "\nunset multiplot");
	return mesh;
}

/* Each bot keeps below T_F1 in all: the victim's rate alone can see the attack. */
static struct outcome massive(struct output *output, bool quick)
{
	static const int bots[] = { 10, 30, 100, 300, 1000, 2000 };
	struct outcome mesh = { .victim = NAN };

	table_begin(output, "massive", "bots system victim_over_T_F2 honest_delivered bytes_per_s messages_per_s busy");
	for (unsigned int i = 0; i < (quick ? 3 : sizeof(bots) / sizeof(bots[0])); i++) {
		for (unsigned int j = 0; j < SYSTEMS; j++) {
			const struct outcome o = measured(output, &systems[j], bots[i], 80);

			table_row(output, "fsfffff", (double)bots[i], systems[j].name, o.victim, o.honest, o.bytes,
				  o.messages, o.busy);
			if (bots[i] == (quick ? 100 : 1000))
				say(output,
				    "Massive, %s: %d bots at 0.8 T_F1, %.0f times T_F2 together: the victim gets %.2f "
				    "of T_F2, honest clients keep %.1f %%; a proxy sends %.1f kB/s.",
				    systems[j].name, bots[i], bots[i] * 80. / VICTIM_RATE, o.victim, 100 * o.honest,
				    o.bytes / 1000);
			if (systems[j].sharing == SHARING_MESH)
				mesh = o;
		}
	}
	table_end(output);
	plot_row(output, "massive", "A massive attack: bots at 0.8 T_{F1} each, and what a proxy sends meanwhile", 3,
		 "set xlabel 'bots'\nset logscale x\nset yrange [0.1:*]\nset logscale y\n"
		 "set ylabel 'packets at the victim, in T_{F2}'\n" LINES("1", "$3")
		 "\nunset logscale y\nset ylabel 'share of honest packets that arrive'\nset yrange [0:1.02]\n"
		 LINES("1", "$4") "\nset ylabel 'kB/s that a proxy sends'\nset yrange [0:*]\n" LEGEND
		 LINES("1", "($5/1000)") "\nunset multiplot");
	return mesh;
}

void experiment_paper(struct output *output, bool quick)
{
	const struct outcome low = low_rate(output, quick), large = massive(output, quick);

	headline(output,
		 "Bots that stay below the rate at each of four proxies: behind the mesh the victim gets %.2f of its "
		 "rate. Under the most massive attack it gets %.2f, honest clients keep %.0f %%, and a proxy sends "
		 "%.0f kB/s and spends %.1f %% of a processor on signatures and datagrams.",
		 low.victim, large.victim, 100 * large.honest, large.bytes / 1000, 100 * large.busy);
	say(output, "What a packet costs in the XDP program is measured by make bench, not here.");
}
