/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What devices cost by need and whole (experiment_cost_devices.c). Then bytes, datagrams and signatures per member and
 * second, where all is told: against the pairs that change, the tick and the members.
 */
#include <stdio.h>

#include "experiment.h"
#include "world.h"

struct cost {
	double bytes, datagrams, made, checked, cells;
};

static void read_cost(struct world *world, void *result)
{
	const struct measure *m = &world->measure;
	const double per = (world->scenario.duration_s - world->scenario.quiet_s - world->scenario.warmup_s) *
			   world->scenario.members;
	struct cost *cost = result;

	*cost = (struct cost){ .bytes = 0 };
	for (int i = 0; i < world->scenario.members; i++) {
		struct proxy_totals totals;

		proxy_totals(&world->proxies[i], &totals);
		cost->bytes += (double)(m->ends[i].bytes_sent - m->marks[i].bytes_sent) / per;
		cost->datagrams += (double)(m->ends[i].sent - m->marks[i].sent) / per;
		cost->made += (double)(m->ends[i].made - m->marks[i].made) / per;
		cost->checked += (double)(m->ends[i].checked - m->marks[i].checked) / per;
		cost->cells += (double)totals.cells_published / per;
	}
}

static struct scenario scenario_of(int members, int pairs, double rate, int tick_ms)
{
	struct scenario s = experiment_scenario(members);

	snprintf(s.name, sizeof(s.name), "cost");
	s.duration_s = 16;
	s.warmup_s = 3;
	s.quiet_s = 1;
	s.oracle = false;
	s.tick_ms = tick_ms;
	s.cells_max = 262144;
	s.keys_max = 16384;
	s.frames_max = 4096;
	s.publish_all = true;
	s.thresholds.pair_rate = s.thresholds.destination_rate = 0;
	if (pairs > 0)
		experiment_group(&s, "clients", false, pairs, rate);
	return s;
}

void experiment_cost(struct output *output, bool quick)
{
	static const int pairs[] = { 0, 10, 100, 1000, 4000 }, ticks[] = { 50, 100, 200, 500, 1000 };
	static const int sizes[] = { 2, 4, 8, 16, 32, 64, 128 };
	/* to_one: bytes for each other member where everybody sends to everybody */
	double first_bytes = 0, last_bytes = 0, to_one = 0;
	int last_size = 0, pays_until = 0;
	struct cost cost;

	experiment_cost_devices(output, quick);
	table_begin(output, "pairs",
		    "pairs bytes_per_s datagrams_per_s made_per_s checked_per_s cells_published_per_s");
	for (unsigned int i = 0; i < (quick ? 4 : 5); i++) {
		const struct scenario s = scenario_of(5, pairs[i], 5, 200);

		experiment_world(output, &s, 1, read_cost, &cost, sizeof(cost));
		table_row(output, "ffffff", (double)pairs[i], cost.bytes, cost.datagrams, cost.made, cost.checked,
			  cost.cells);
		say(output, "%s%d pairs at 5 packets/s, 5 members: %.1f kB/s, %.1f signatures checked/s.",
		    i ? "" : "Per member, ", pairs[i], cost.bytes / 1000, cost.checked);
	}
	table_end(output);
	plot(output, "pairs", "What a member sends when all is told, by the pairs that change",
	     "unset key\nset xlabel 'pairs at 5 packets/s, and one; 5 members'\n"
	     "set ylabel 'bytes sent per member and second'\nset logscale xy\nset format y '10^{%L}'\n"
	     "plot $TABLE using ($1+1):2 lc rgb WHOLE pt 7");
	table_begin(output, "tick",
		    "tick_ms bytes_per_s datagrams_per_s made_per_s checked_per_s cells_published_per_s");
	for (unsigned int i = 0; i < 5; i += quick ? 2 : 1) {
		const struct scenario s = scenario_of(8, 100, 5, ticks[i]);

		experiment_world(output, &s, 1, read_cost, &cost, sizeof(cost));
		table_row(output, "ffffff", (double)ticks[i], cost.bytes, cost.datagrams, cost.made, cost.checked,
			  cost.cells);
	}
	table_end(output);
	plot(output, "tick", "What a member sends, by the length of a tick",
	     "unset key\nset xlabel 'tick, ms; 8 members, 100 pairs'\nset ylabel 'bytes sent per member and second'\n"
	     "set logscale x\nset xrange [40:1250]\nset yrange [0:*]\nset xtics (50, 100, 200, 500, 1000)\n"
	     "plot $TABLE using 1:2 lc rgb WHOLE pt 7");
	table_begin(output, "members",
		    "members bytes_per_s datagrams_per_s made_per_s checked_per_s cells_published_per_s "
		    "processor_share to_all_bytes_per_s");
	for (unsigned int i = 0; i < (quick ? 4 : 7); i++) {
		const struct scenario s = scenario_of(sizes[i], 100, 5, 200);

		experiment_world(output, &s, 1, read_cost, &cost, sizeof(cost));
		if (i == 1)
			first_bytes = cost.bytes;
		last_bytes = cost.bytes;
		last_size = sizes[i];
		if (sizes[i] <= DIRECT_MEMBERS_MAX)
			to_one = cost.bytes / (sizes[i] - 1);
		if (to_one * (sizes[i] - 1) <= cost.bytes)
			pays_until = sizes[i];
		const double busy = cost.checked * 70e-6 + cost.made * 26e-6 + cost.datagrams * 3e-6;

		table_row(output, "ffffffff", (double)sizes[i], cost.bytes, cost.datagrams, cost.made, cost.checked,
			  cost.cells, busy, to_one * (sizes[i] - 1));
		if (i == (quick ? 3 : 6))
			say(output,
			    "100 pairs, %d members: %.0f kB/s and %.0f datagrams/s, %.1f %% of a processor for "
			    "signatures and datagrams.",
			    sizes[i], cost.bytes / 1000, cost.datagrams, 100 * busy);
	}
	table_end(output);
	plot(output, "members", "What a member sends, by the members",
	     "set xlabel 'members; 100 pairs'\n"
	     "set ylabel 'bytes sent per member and second'\n"
	     "set logscale xy\nset xtics (2, 4, 8, 16, 32, 64, 128)\nset format y '10^{%L}'\n"
	     "plot $TABLE using 1:2 title 'sent along the trees' lc rgb WHOLE pt 7, $TABLE using 1:8 title 'if "
	     "everybody sent to everybody' lc rgb ALONE pt 5");
	say(output,
	    "From %d to %d members, %.1f times as many, a member sends %.1f times as many bytes; sending everything "
	    "to all is cheaper, or no dearer, up to %d members; at %d it would take %.1f times the bytes.",
	    sizes[1], last_size, (double)last_size / sizes[1], last_bytes / first_bytes, pays_until, last_size,
	    to_one * (last_size - 1) / last_bytes);
}
