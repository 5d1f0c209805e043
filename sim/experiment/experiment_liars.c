/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One of sixteen members lies, in each of six ways, with each defence and without it: what honest clients lose for
 * it, whether a real attack beside it is still seen, whether any ledger holds more than was counted or less, and
 * what the others spend on it.
 */
#include <math.h>
#include <stdio.h>

#include "experiment.h"
#include "node_internal.h"
#include "world.h"

#define MEMBERS 16
#define LIAR (MEMBERS - 1)

struct damage {
	double honest_lost, bots_passed, room, checked;
	double above, refused, quarantined, keys;
};

/* Does this member hold the liar for proved? */
static bool quarantines(const struct proxy *proxy)
{
	for (uint32_t i = 0; i < proxy->config.limits.members_max * INCARNATIONS_MAX; i++) {
		if (proxy->node->count->origins[i].used && proxy->node->count->origins[i].quarantined)
			return true;
	}
	return false;
}

/* Of the pairs of honest clients that have sent, how many ledgers of other members do hold. */
static double held_share(struct world *world)
{
	double held = 0, wanted = 0;

	for (uint32_t i = 0; i < world->traffic.count; i++) {
		for (int p = 0; p < LIAR; p++) {
			const struct key *key = &world->keys.keys[world->traffic.flows[i].pair];

			wanted++;
			held += ledger_find(&world->proxies[p].node->count->ledger, key) != INDEX_NONE;
		}
	}
	return held / wanted;
}

static void read_damage(struct world *world, void *result)
{
	const struct measure *m = &world->measure;
	const struct group_measure *honest = &m->groups[0], *bots = &m->groups[1];
	const double seconds = world->scenario.duration_s - world->scenario.quiet_s - world->scenario.warmup_s;
	struct damage *d = result;

	*d = (struct damage){
		.honest_lost = (double)(honest->offered - honest->delivered) / (double)honest->offered,
		.bots_passed = (double)bots->delivered / (double)bots->offered,
		.room = held_share(world),
		.above = (double)world->check.above_truth,
	};
	for (int i = 0; i < LIAR; i++) {
		struct proxy_totals totals;

		proxy_totals(&world->proxies[i], &totals);
		d->checked += (double)(m->ends[i].checked - m->marks[i].checked) / seconds / LIAR;
		d->refused += (double)totals.rejects[REJECT_SIGNATURE] + (double)totals.rejects[REJECT_QUOTA] +
			      (double)totals.rejects[REJECT_EQUIVOCATION];
		d->quarantined += quarantines(&world->proxies[i]);
		d->keys += (double)world->proxies[i].node->count->ledger.keys_held / LIAR;
	}
}

static struct scenario scenario_of(int kind, double amount, int without, bool strict)
{
	struct scenario s = experiment_scenario(MEMBERS);
	struct group *bot;

	snprintf(s.name, sizeof(s.name), "liars: %s", lie_names[kind]);
	s.duration_s = 30;
	s.quiet_s = 0.4;
	s.oracle = false;
	s.checks = true;
	s.loss = 0.02;
	s.keys_max = 4096;
	s.cells_max = 32768;
	s.thresholds.destination_rate = 3000;
	s.thresholds.fair = !strict;
	s.without = without;
	experiment_group(&s, "honest", false, 40, 20)->placement = PLACE_SPREAD;
	bot = experiment_group(&s, "bot", true, 1, 400);
	bot->placement = PLACE_SPREAD;
	bot->start_s = 15;
	bot->destination = 1;
	bot = experiment_group(&s, "newcomers", false, 100, 2); /* pairs nobody knows when the lie begins */
	bot->start_s = 18;
	bot->destination = 2;
	if (kind != LIE_NONE)
		s.liars[s.liars_count++] = (struct liar){ .node = LIAR, .kind = kind, .start_s = 8, .amount = amount };
	return s;
}

void experiment_liars(struct output *output, bool quick)
{
	static const struct {
		int kind;
		double amount;
		int without;
		const char *defence;
		bool strict;
	} rows[] = {
		{ LIE_NONE, 0, DEFENCE_NONE, "nobody lies", false },
		{ LIE_INFLATE, 10, DEFENCE_NONE, "local evidence", false },
		{ LIE_INFLATE, 10, DEFENCE_EVIDENCE, "no local evidence", false },
		{ LIE_INVENT, 4, DEFENCE_NONE, "fair and local evidence", false },
		{ LIE_INVENT, 4, DEFENCE_EVIDENCE, "fair without local evidence", false },
		{ LIE_INVENT, 4, DEFENCE_NONE, "strict and local evidence", true },
		{ LIE_INVENT, 4, DEFENCE_EVIDENCE, "strict without local evidence", true },
		{ LIE_EQUIVOCATE, 10, DEFENCE_NONE, "quarantine", false },
		{ LIE_EQUIVOCATE, 10, DEFENCE_QUARANTINE, "no quarantine", false },
		{ LIE_REPLAY, 100, DEFENCE_NONE, "joins and known frames", false },
		{ LIE_FORGE, 200, DEFENCE_NONE, "signatures", false },
		{ LIE_FORGE, 200, DEFENCE_SIGNATURES, "no signatures", false },
		{ LIE_FLOOD, 2000, DEFENCE_NONE, "quotas", false },
		{ LIE_FLOOD, 2000, DEFENCE_QUOTAS, "no quotas", false },
	};
	double worst[2] = { 0, 0 }; /* of what honest clients lose: with all defences, without one */
	struct damage d;

	table_begin(output, "liars",
		    "lie defence honest_lost bots_passed pairs_held cells_above_truth refused quarantined_by keys_held "
		    "checked_per_s");
	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i += quick ? 2 : 1) {
		const struct scenario s = scenario_of(rows[i].kind, rows[i].amount, rows[i].without, rows[i].strict);

		experiment_world(output, &s, 1, read_damage, &d, sizeof(d));
		worst[rows[i].without != DEFENCE_NONE] =
			fmax(worst[rows[i].without != DEFENCE_NONE], d.honest_lost);
		table_row(output, "ssffffffff", lie_names[rows[i].kind], rows[i].defence, d.honest_lost, d.bots_passed,
			  d.room, d.above, d.refused, d.quarantined, d.keys, d.checked);
		say(output,
		    "%s (%s): honest clients lose %.2f %%, %.1f %% of a bot's packets pass, %.1f %% of all pairs are "
		    "in the others' ledgers, %.0f joins above the truth, %.0f members quarantine the liar, %.0f "
		    "signatures checked per second.",
		    lie_names[rows[i].kind], rows[i].defence, 100 * d.honest_lost, 100 * d.bots_passed, 100 * d.room,
		    d.above, d.quarantined, d.checked);
	}
	table_end(output);
	headline(output,
		 "With its defences the mesh loses at most %.1f %% of honest packets to one liar of sixteen; without "
		 "one of them up to %.0f %%.",
		 100 * worst[0], 100 * worst[1]);
	plot_bars(output, "damage", "One of sixteen members lies: what it costs the others",
		  "set style data histograms\n"
		  "set ylabel 'share of packets, of pairs'\n"
		  "set yrange [0:1.02]\n"
		  "plot $TABLE using 3:xtic(strcol(1).': '.strcol(2)) title 'honest packets lost' lc rgb HONEST, "
		  "$TABLE using 4 title 'bot packets that pass' lc rgb BOTS, $TABLE using (1-$5) title 'pairs not "
		  "held' lc rgb WHOLE");
	say(output,
	    "The floors of local evidence let a client send a quarter of its rate through all members together, "
	    "whatever others say: 25 of a bot's 400 packets/s. That is most of what passes of a bot where nobody "
	    "lies, and what the floors cost.");
}
