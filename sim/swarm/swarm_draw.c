/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A random world: everything in it is drawn from its seed. */
#include <stdio.h>

#include "commit.h"
#include "rng.h"
#include "swarm_plan.h"
#include "world.h"

static double sometimes(struct rng *rng, double probability, double low, double high)
{
	const double value = rng_between(rng, low, high);

	return rng_chance(rng, probability) ? value : 0;
}

static void draw_network(struct rng *rng, struct scenario *s)
{
	s->delay_ms = rng_chance(rng, 0.4) ? -1 : rng_between(rng, 0.1, 100);
	s->jitter = rng_between(rng, 0, 1);
	s->loss = sometimes(rng, 0.7, 0, 0.3);
	s->duplication = sometimes(rng, 0.6, 0, 0.5);
	s->reordering = sometimes(rng, 0.6, 0, 0.5);
	s->corruption = sometimes(rng, 0.4, 0, 0.02);
	s->replay_per_s = sometimes(rng, 0.5, 1, 50);
	s->forge_per_s = sometimes(rng, 0.5, 1, 50);
}

static void draw_clocks(struct rng *rng, struct scenario *s)
{
	s->skew_ms = sometimes(rng, 0.6, 0, 240);
	s->drift_ppm = sometimes(rng, 0.5, 0, 50);
	if (s->members >= 3 && rng_chance(rng, 0.15)) {
		s->skewed_from = s->members - 1;
		s->skewed_ms = rng_between(rng, 1000, 3000) * (rng_chance(rng, 0.5) ? -1 : 1);
	}
}

static void draw_limits(struct rng *rng, struct plan *plan)
{
	static const int ticks[] = { 100, 200, 200, 200, 500 };
	struct scenario *s = &plan->scenario;

	s->tick_ms = ticks[rng_below(rng, 5)];
	s->thresholds.fair = rng_chance(rng, 0.7);
	s->thresholds.police = rng_chance(rng, 0.3);
	s->thresholds.destination_rate = (uint32_t)rng_between(rng, 200, 2000);
	s->frames_per_tick = rng_chance(rng, 0.3) ? 1 : 64;
	s->datagram_bytes = rng_chance(rng, 0.3) ? DATAGRAM_BYTES_MIN : DATAGRAM_BYTES_DEFAULT;
	s->frames_max = rng_chance(rng, 0.2) ? 512 : 1024;
	s->cells_max = 16384;
	s->keys_max = 2048;
	s->real_signatures = rng_chance(rng, 0.02);
	plan->tight = rng_chance(rng, 0.04);
	if (plan->tight)
		s->keys_max = s->cells_max = 40;
}

static struct group *group_add(struct scenario *s, const char *name, bool bot)
{
	struct group *group = &s->groups[s->groups_count++];

	*group = (struct group){ .bot = bot, .clients = 1, .destinations = 1, .rate = 10, .roam_s = 2 };
	snprintf(group->name, sizeof(group->name), "%s", name);
	return group;
}

static void draw_traffic(struct rng *rng, struct scenario *s)
{
	const double begin = s->warmup_s, end = s->duration_s - s->quiet_s;
	struct group *group = group_add(s, "honest", false);

	group->clients = (int)rng_between(rng, 1, 12);
	group->destinations = (int)rng_between(rng, 1, 4);
	group->rate = rng_between(rng, 1, 25);
	group->placement = (int)rng_below(rng, 3);
	if (rng_chance(rng, 0.6)) {
		group = group_add(s, "spread", true);
		group->rate = rng_between(rng, 110, 600);
		group->placement = PLACE_SPREAD;
		group->start_s = rng_between(rng, begin, end);
	}
	if (rng_chance(rng, 0.3)) {
		group = group_add(s, "many", true);
		group->clients = (int)rng_between(rng, 10, 200);
		group->rate = rng_between(rng, 5, 20);
		group->start_s = rng_between(rng, begin, end);
		group->stop_s = rng_between(rng, group->start_s, end);
		group->destination = 1;
	}
	if (rng_chance(rng, 0.3)) {
		group = group_add(s, "roaming", true);
		group->rate = rng_between(rng, 50, 300);
		group->placement = PLACE_ROAM;
		group->roam_s = rng_between(rng, 0.3, 4);
	}
	if (rng_chance(rng, 0.3)) {
		group = group_add(s, "pulses", true);
		group->rate = rng_between(rng, 100, 2000);
		group->placement = PLACE_SPREAD;
		group->on_s = rng_between(rng, 0.2, 3);
		group->off_s = rng_between(rng, 1, 12);
	}
}

static void draw_faults(struct rng *rng, struct plan *plan, bool partition_long)
{
	plan->rates = (struct fault_rates){
		.partition_s = sometimes(rng, 0.5, 4, 20),
		.partition_long_s = partition_long ? 3 : 0,
		.one_way_s = sometimes(rng, 0.4, 4, 20),
		.clog_s = sometimes(rng, 0.4, 4, 20),
		.crash_s = sometimes(rng, 0.5, 4, 20),
		.power_s = sometimes(rng, 0.3, 6, 25),
		.pause_s = sometimes(rng, 0.4, 4, 20),
	};
}

static void draw_core(struct rng *rng, struct plan *plan)
{
	const struct scenario *s = &plan->scenario;
	const int eligible = s->skewed_from > 0 ? s->skewed_from : s->members; /* a hopeless clock is out of the core */
	const int least = 2 < eligible ? 2 : eligible;
	int wanted = rng_chance(rng, 0.4) ? eligible : least + (int)rng_below(rng, (uint64_t)(eligible - least) + 1);

	while (plan->core_count < wanted) {
		const uint64_t node = rng_below(rng, (uint64_t)eligible);

		plan->core_count += !plan->core[node];
		plan->core[node] = true;
	}
}

/* Situations thought of later are drawn apart, so that older seeds keep theirs. */
static void draw_liar(struct rng *rng, struct plan *plan)
{
	struct scenario *s = &plan->scenario;
	struct liar *liar = &s->liars[0];
	const int node = (int)rng_below(rng, (uint64_t)s->members);

	liar->kind = 1 + (int)rng_below(rng, LIE_FLOOD + 2);
	if (liar->kind > LIE_FLOOD)
		liar->kind = LIE_EQUIVOCATE; /* more often than the others: it takes luck to be seen */
	liar->node = node;
	liar->start_s = rng_between(rng, s->warmup_s, plan->heal_s);
	liar->amount = liar->kind < LIE_REPLAY ? rng_between(rng, 2, 20) : rng_between(rng, 10, 500);
	if (s->members < 3 || plan->core[node] || !rng_chance(rng, 0.4))
		return;
	s->liars_count = 1;
	plan->tight |= liar->kind == LIE_FLOOD; /* what others have beyond their guaranteed part may be refused */
}

static void draw_storm(struct rng *rng, struct plan *plan)
{
	plan->storm_loss = sometimes(rng, 0.15, 0.3, 0.9);
	plan->rates.suspend_s = sometimes(rng, 0.15, 6, 25);
	plan->rates.jump_s = sometimes(rng, 0.15, 6, 25);
	plan->scenario.cpus = 1 + (int)rng_below(rng, KERNEL_CPUS_MAX);
	plan->scenario.table_pairs = rng_chance(rng, 0.08) ? (int)rng_between(rng, 4, 100) : 0;
	if (rng_chance(rng, 0.05)) { /* more than a tick's budget takes */
		struct group *group = group_add(&plan->scenario, "crowd", false);

		plan->scenario.frames_per_tick = 1;
		group->clients = 400;
		group->rate = 2;
		group->members = 1;
	}
}

/* Tables and budgets too small for what comes. */
static void draw_crush(struct rng *rng, struct scenario *s)
{
	if (rng_chance(rng, 0.08))
		s->table_pairs = (int)rng_between(rng, 2, 16);
	if (rng_chance(rng, 0.06)) {
		struct group *group = group_add(s, "throng", false);

		s->frames_per_tick = 1;
		s->keys_max = 8192;
		s->cells_max = 65536;
		group->clients = 500;
		group->rate = 5;
		group->members = 1;
	}
}

/* A member that invents keys worth a record everywhere, some of them over its line, and tables they would fill. */
static void draw_keys(struct rng *rng, struct plan *plan)
{
	struct scenario *s = &plan->scenario;
	const bool wanted = rng_chance(rng, 0.15);
	const int pairs = (int)rng_between(rng, 40, 400), line_rate = (int)rng_between(rng, 20000, 100000);
	const double amount = rng_between(rng, 20, 300);

	if (!wanted || s->liars_count == 0)
		return;
	s->liars[0].kind = LIE_KEYS;
	s->liars[0].amount = amount;
	s->table_pairs = pairs;
	s->line_rate = line_rate;
	plan->tight = true; /* as with a flood */
}

/* Tables of destinations that fill, with a scan that fills them, or a member whose word would. */
static void draw_tables(struct rng *rng, struct plan *plan)
{
	struct scenario *s = &plan->scenario;
	const bool scans = rng_chance(rng, 0.5), lies = rng_chance(rng, 0.5);
	struct group *group;

	if (!rng_chance(rng, 0.12))
		return;
	s->table_heads = (int)rng_between(rng, 4, 80);
	s->client_pairs = rng_chance(rng, 0.5) ? (int)rng_between(rng, 4, 80) : 0;
	s->coarse = rng_chance(rng, 0.5) ? 8192 : (int)rng_between(rng, 1, 20);
	if (!plan->tight) {
		s->keys_max = 16384;
		s->cells_max = 131072;
	}
	if (rng_chance(rng, 0.35)) { /* more destinations over their rate than there are records */
		s->table_heads = (int)rng_between(rng, 1, 5);
		s->thresholds.destination_rate = 200;
		group = group_add(s, "carpet", true);
		group->clients = 10;
		group->destinations = 6;
		group->rate = 40;
		group->stop_s = s->warmup_s + rng_between(rng, 2, 8);
	}
	if (scans) {
		group = group_add(s, "scan", true);
		group->clients = (int)rng_between(rng, 1, 4);
		group->scan = 1 + (int)rng_below(rng, 5);
		group->rate = rng_between(rng, 5, 60);
		group->ipv6 = rng_chance(rng, 0.3);
	}
	if (lies && s->liars_count > 0) {
		s->liars[0].kind = LIE_DESTINATIONS + (int)rng_below(rng, 3);
		s->liars[0].amount = rng_between(rng, 20, 200);
		s->table_pairs = (int)rng_between(rng, 8, 200);
		plan->tight = true; /* as with a flood */
	}
}

/* Clients are known; packets come from elsewhere, too, and some from no client on the clients' side. */
static void draw_sides(struct rng *rng, struct scenario *s)
{
	struct group *group;

	if (!rng_chance(rng, 0.08))
		return;
	s->sides.clients = true;
	s->sides.one_interface = rng_chance(rng, 0.4);
	s->sides.drop_foreign_sources = rng_chance(rng, 0.8);
	group = group_add(s, "replies", false);
	group->replies = true;
	group->rate = rng_between(rng, 10, 400);
	group = group_add(s, "nobody's", true);
	group->outside = true;
	group->rate = rng_between(rng, 5, 200);
	group->sources = (int)rng_between(rng, 1, 50);
	group = group_add(s, "neighbours", true);
	group->to_clients = true;
	group->rate = rng_between(rng, 50, 300);
}

/* A device that rotates through its /64; in some meshes each of its addresses is a client of its own. */
static void draw_widths(struct rng *rng, struct plan *plan)
{
	struct scenario *s = &plan->scenario;
	struct group *group;

	if (!rng_chance(rng, 0.06))
		return;
	s->client_hosts = rng_chance(rng, 0.3);
	group = group_add(s, "rotating", !s->client_hosts);
	group->ipv6 = true;
	group->rotates = (int)rng_between(rng, 2, 400);
	group->rate = rng_between(rng, 5, s->client_hosts ? 50 : 400);
	group->placement = (int)rng_below(rng, 3);
	plan->tight = plan->tight || s->client_hosts; /* a new key with every packet, as with a flood */
}

/* What members tell each other, and a member that makes them tell more, or tells nothing itself. */
static void draw_calls(struct rng *rng, struct plan *plan)
{
	plan->scenario.publish_all = rng_chance(rng, 0.5);
	if (!rng_chance(rng, 0.3) || plan->scenario.liars_count == 0)
		return;
	plan->by_need = plan->scenario.liars[0];
	plan->by_need.kind = rng_chance(rng, 0.7) ? LIE_CALLS : LIE_MUTE;
	plan->by_need.amount = rng_between(rng, 10, 500);
}

/* Some members tell everything, the others what is needed. */
static void draw_mixed(struct rng *rng, struct scenario *s)
{
	if (rng_chance(rng, 0.2))
		s->all_from = 1 + (int)rng_below(rng, (uint64_t)s->members - 1);
}

void swarm_draw(uint64_t seed, struct plan *ret_plan)
{
	struct rng rng = rng_make(seed, "swarm", 0), more = rng_make(seed, "swarm", 1),
		   last = rng_make(seed, "swarm", 2), latest = rng_make(seed, "swarm", 3),
		   tables = rng_make(seed, "swarm", 4), widths = rng_make(seed, "widths", 0),
		   calls = rng_make(seed, "swarm", 5), mixed = rng_make(seed, "swarm", 6);
	struct scenario *s = &ret_plan->scenario;
	bool partition_long;

	*ret_plan = (struct plan){ .tight = false };
	scenario_defaults(s);
	snprintf(s->name, sizeof(s->name), "swarm %llu", (unsigned long long)seed);
	s->members = 2 + (int)rng_below(&rng, rng_chance(&rng, 0.15) ? 15 : 7);
	s->oracle = false;
	s->warmup_s = 2;
	partition_long = rng_chance(&rng, 0.06);
	ret_plan->heal_s = rng_between(&rng, 8, 20) + (partition_long ? 45 : 0);
	s->quiet_s = AGREEMENT_S + 1;
	s->duration_s = ret_plan->heal_s + rng_between(&rng, 0, 8) + s->quiet_s;
	draw_network(&rng, s);
	draw_clocks(&rng, s);
	draw_limits(&rng, ret_plan);
	draw_traffic(&rng, s);
	draw_faults(&rng, ret_plan, partition_long);
	draw_core(&rng, ret_plan);
	draw_liar(&more, ret_plan);
	draw_storm(&more, ret_plan);
	if (!ret_plan->tight)
		draw_crush(&last, s);
	draw_keys(&latest, ret_plan);
	draw_tables(&tables, ret_plan);
	draw_sides(&tables, s);
	draw_widths(&widths, ret_plan);
	draw_calls(&calls, ret_plan);
	draw_mixed(&mixed, s);
}

/* Situations that few seeds are in. */
static void print_later(const struct scenario *s, FILE *out)
{
	if (s->table_heads > 0)
		fprintf(out, " heads %d client pairs %d coarse %d", s->table_heads, s->client_pairs, s->coarse);
	if (s->sides.clients)
		fprintf(out, " sides%s%s", s->sides.one_interface ? " one interface" : "",
			s->sides.drop_foreign_sources ? "" : " foreign sources judged");
	if (s->client_hosts)
		fprintf(out, " every address a client");
}

void swarm_print(uint64_t seed, const struct plan *plan, FILE *out)
{
	const struct scenario *s = &plan->scenario;

	fprintf(out,
		"seed %llu commit %s members %d delay %.1f ms jitter %.2f loss %.3f dup %.3f reorder %.3f corrupt "
		"%.4f replay %.0f/s forge %.0f/s skew %.0f ms drift %.0f ppm skewed %d by %.0f ms tick %d ms %s %s "
		"T_F2 %u frames/tick %d frames %d datagram %d table %d cpus %d cells %d %s faults: partition %.0f s "
		"long %.0f s one-way %.0f s clog %.0f s crash %.0f s power %.0f s pause %.0f s suspend %.0f s jump "
		"%.0f s loss until then %.2f; heal at %.1f s",
		(unsigned long long)seed, SOURCE_COMMIT, s->members, s->delay_ms, s->jitter, s->loss, s->duplication,
		s->reordering, s->corruption, s->replay_per_s, s->forge_per_s, s->skew_ms, s->drift_ppm, s->skewed_from,
		s->skewed_ms, s->tick_ms, s->thresholds.fair ? "fair" : "strict",
		s->thresholds.police ? "police" : "drop", s->thresholds.destination_rate, s->frames_per_tick,
		s->frames_max, s->datagram_bytes, s->table_pairs, s->cpus, s->cells_max,
		s->real_signatures ? "real" : "simulated", plan->rates.partition_s, plan->rates.partition_long_s,
		plan->rates.one_way_s, plan->rates.clog_s, plan->rates.crash_s, plan->rates.power_s,
		plan->rates.pause_s, plan->rates.suspend_s, plan->rates.jump_s, plan->storm_loss, plan->heal_s);
	print_later(s, out);
	fprintf(out, " publish %s", s->publish_all ? "all" : "need");
	if (!s->publish_all && s->all_from > 0)
		fprintf(out, " all from %d", s->all_from);
	fprintf(out, " core");
	for (int i = 0; i < s->members; i++)
		fprintf(out, "%s", plan->core[i] ? " *" : " -");
	for (int i = 0; i < s->liars_count; i++)
		fprintf(out, "; node-%d lies from %.1f s: %s %.0f", s->liars[i].node, s->liars[i].start_s,
			lie_names[s->liars[i].kind], s->liars[i].amount);
	for (int i = 0; i < s->groups_count; i++)
		fprintf(out, "; %s %d x %d at %.0f/s", s->groups[i].name, s->groups[i].clients,
			s->groups[i].destinations, s->groups[i].rate);
	fputc('\n', out);
	fflush(out);
}
