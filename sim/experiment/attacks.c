/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "attacks.h"

#include <stdio.h>
#include <string.h>

#include "experiment.h"
#include "world.h"

#define KNOWN_DEFAULT 10
#define SLOW 20
#define SPOOFERS 30 /* each sends packets under many addresses */

enum { GROUP_AT_HOME, GROUP_SPREAD, GROUP_SLOW, GROUP_NEWCOMERS, GROUP_CONNECTIONS };

/* ---- attackers ---- */

static struct group *spread_group(struct scenario *scenario, const char *name, bool bot, int clients, double rate)
{
	struct group *group = experiment_group(scenario, name, bot, clients, rate);

	group->placement = PLACE_SPREAD;
	return group;
}

static struct group *attackers(struct scenario *scenario, int clients, double times)
{
	struct group *group = spread_group(scenario, "attackers", true, clients, times * ATTACK_RATE / clients);

	group->start_s = ATTACK_ONSET_S;
	return group;
}

static void add_once(struct scenario *scenario, const struct attack *attack)
{
	attackers(scenario, SPOOFERS, attack->times)->fresh = true;
}

static void add_returning(struct scenario *scenario, const struct attack *attack)
{
	attackers(scenario, SPOOFERS, attack->times)->sources = attack->count;
}

static void add_bots(struct scenario *scenario, const struct attack *attack)
{
	attackers(scenario, attack->count, attack->times);
}

static void add_pulses(struct scenario *scenario, const struct attack *attack)
{
	struct group *group = attackers(scenario, attack->count, attack->times);

	group->on_s = 0.95;
	group->off_s = 10.05;
}

static void add_ramp(struct scenario *scenario, const struct attack *attack)
{
	attackers(scenario, attack->count, attack->times)->ramp_s = 16;
}

/* Together they had half of L before. */
static void add_warmed(struct scenario *scenario, const struct attack *attack)
{
	struct group *group = attackers(scenario, attack->count, 0.5);

	group->start_s = 0;
	group->step_s = ATTACK_ONSET_S;
	group->step_rate = attack->times * ATTACK_RATE / attack->count;
}

/* Known clients are at all proxies but the first. There a spoofer sends under their addresses. */
static void add_slander(struct scenario *scenario, const struct attack *attack)
{
	static const char *const slandered[] = { "known", "known, spread" };

	for (int i = 0; i < 2; i++) {
		struct group *group = attackers(scenario, SPOOFERS, attack->times / 2);

		group->members = 1;
		group->sources = scenario->groups[i].clients;
		snprintf(group->impersonates, sizeof(group->impersonates), "%s", slandered[i]);
		scenario->groups[i].member = 1;
	}
}

static void add_fault(struct scenario *scenario, int kind, double at_s, int node)
{
	scenario->faults[scenario->faults_count++] =
		(struct fault){ .kind = kind, .at_s = at_s, .for_s = 1, .nodes = { node }, .nodes_count = 1 };
}

static void add_cut(struct scenario *scenario, const struct attack *attack)
{
	add_once(scenario, attack);
	add_fault(scenario, FAULT_ISOLATE, ATTACK_ONSET_S + 8, scenario->members - 1);
}

static void add_restart(struct scenario *scenario, const struct attack *attack)
{
	add_bots(scenario, attack);
	add_fault(scenario, FAULT_CRASH, ATTACK_ONSET_S + 8, 0);
	add_fault(scenario, FAULT_RESTART, ATTACK_ONSET_S + 9, 0);
}

static void add_liar(struct scenario *scenario, int kind, double start_s, double amount)
{
	scenario->liars[scenario->liars_count++] = (struct liar){ scenario->members - 1, kind, start_s, amount };
}

/* Nobody attacks. The last member, at which no client is, tells of an attack. */
static void add_invention(struct scenario *scenario, const struct attack *attack)
{
	add_liar(scenario, LIE_INVENT, ATTACK_ONSET_S, attack->times);
	for (int i = 0; i < scenario->groups_count; i++)
		scenario->groups[i].members = scenario->members - 1;
}

/* Clients that exist by the last member's word alone had ten times L before the attack. */
static void add_history(struct scenario *scenario, const struct attack *attack)
{
	add_once(scenario, attack);
	add_liar(scenario, LIE_HISTORY, 4, 10);
}

const struct attack attacks[] = {
	{ "once-1.2", "send once, 1.2 x", add_once, .times = 1.2 },
	{ "once-6", "send once, 6 x", add_once, .times = 6 },
	{ "once-20", "send once, 20 x", add_once, .times = 20 },
	{ "once-6-half", "send once, 6 x, known at L/2", add_once, .times = 6, .known = 25 },
	{ "once-6-long", "send once, 6 x, for 70 s", add_once, .times = 6, .lasts_s = 70 },
	{ "returning-40000", "40,000 that come back, 6 x", add_returning, .times = 6, .count = 40000 },
	{ "returning-5000", "5,000 that come back, 6 x", add_returning, .times = 6, .count = 5000 },
	{ "bots-2.4", "400 bots, 2.4 x", add_bots, .times = 2.4, .count = 400 },
	{ "bots-20", "400 bots, 20 x", add_bots, .times = 20, .count = 400 },
	{ "pulses-20", "40 bots in pulses, 20 x", add_pulses, .times = 20, .count = 40 },
	{ "ramp", "320 bots in a ramp, 20 x", add_ramp, .times = 20, .count = 320 },
	{ "warmed", "40 bots with a past, 10 x", add_warmed, .times = 10, .count = 40 },
	{ "slander", "slander, 6 x", add_slander, .times = 6 },
	{ "cut", "send once, 6 x, a cut", add_cut, .times = 6 },
	{ "invented", "a liar's clients, 10 x", add_invention, .times = 10 },
	{ "history", "send once, 6 x, a liar's past", add_history, .times = 6 },
	{ "police", "400 bots, 20 x, police", add_bots, .times = 20, .count = 400, .pair_rate = 20,
	  .police = true },
	/* the packets of each are random, so that some are over T_F1 at any time */
	{ "near", "400 bots, 20 x, near T_F1", add_bots, .times = 20, .count = 400, .pair_rate = 30 },
	{ "restart", "400 bots, 20 x, a restart", add_restart, .times = 20, .count = 400 },
	{ .name = NULL },
};

const struct attack *attack_find(const char *name)
{
	for (const struct attack *attack = attacks; attack->name; attack++) {
		if (strcmp(attack->name, name) == 0)
			return attack;
	}
	return NULL;
}

bool attack_fits(const struct attack *attack, int members)
{
	return members > 1 || (attack->add != add_slander && attack->add != add_cut &&
			       attack->add != add_invention && attack->add != add_history);
}

/* ---- honest clients ---- */

static void add_honest(struct scenario *scenario, int known)
{
	const double newcomers_s = ATTACK_ONSET_S + ONSET_LAG_S;
	struct group *group;

	experiment_group(scenario, "known", false, known - known / 2, ATTACK_RATE / 50.0);
	spread_group(scenario, "known, spread", false, known / 2, ATTACK_RATE / 50.0);
	spread_group(scenario, "slow", false, SLOW, 0.5);
	spread_group(scenario, "newcomers", false, 5, ATTACK_RATE / 50.0)->start_s = newcomers_s;
	/* a connection stays with its proxy */
	group = experiment_group(scenario, "connections", false, ATTACK_CONNECTIONS, 10);
	group->start_s = newcomers_s;
	group->ramp_s = ATTACK_LASTS_S - ONSET_LAG_S - 8.5; /* the last has its eight seconds */
	group->connects = true;
}

struct scenario attack_scenario(const struct attack *attack, int members)
{
	struct scenario s = experiment_scenario(members);

	snprintf(s.name, sizeof(s.name), "%s", attack->name);
	s.onset_s = ATTACK_ONSET_S;
	s.quiet_s = 0.5;
	s.duration_s = ATTACK_ONSET_S + (attack->lasts_s > 0 ? attack->lasts_s : ATTACK_LASTS_S) + s.quiet_s;
	s.delay_ms = 20;
	s.oracle = false;
	s.keys_max = 131072;
	s.cells_max = 524288;
	s.thresholds.destination_rate = ATTACK_RATE;
	s.thresholds.pair_rate = attack->pair_rate > 0 ? attack->pair_rate : ATTACK_RATE;
	s.thresholds.police = attack->police;
	add_honest(&s, attack->known > 0 ? attack->known : KNOWN_DEFAULT);
	attack->add(&s, attack);
	return s;
}

static double since_onset(const struct world *world, int first, int last)
{
	double offered = 0, delivered = 0;

	for (int g = first; g <= last; g++) {
		offered += (double)world->measure.groups[g].offered_since;
		delivered += (double)world->measure.groups[g].delivered_since;
	}
	return delivered / offered;
}

void attack_read(struct world *world, void *ret_figures)
{
	const struct group_measure *connections = &world->measure.groups[GROUP_CONNECTIONS];
	const struct victim victim = measure_victim(world, 0);

	*(struct attack_figures *)ret_figures = (struct attack_figures){
		.known = since_onset(world, GROUP_AT_HOME, GROUP_SPREAD),
		.slow = since_onset(world, GROUP_SLOW, GROUP_SLOW),
		.newcomers = since_onset(world, GROUP_NEWCOMERS, GROUP_NEWCOMERS),
		.connected_2_s = (double)connections->connected_2_s / connections->connections,
		.connected_8_s = (double)connections->connected_8_s / connections->connections,
		.mean = victim.mean / ATTACK_RATE,
		.worst_1_s = victim.worst_1_s / ATTACK_RATE,
		.worst_10_s = victim.worst_10_s / ATTACK_RATE,
	};
}
