/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Faults of the network, of daemons and of hosts. */
#include "faults.h"

#include "world.h"

static int64_t ns_of(double seconds)
{
	return (int64_t)(seconds * NS_PER_S);
}

static void cut(struct world *world, unsigned int a, unsigned int b, bool both)
{
	network_cut(&world->network, a, b, true);
	if (both)
		network_cut(&world->network, b, a, true);
}

static bool is_listed(const struct fault *fault, int node)
{
	for (int i = 0; i < fault->nodes_count; i++) {
		if (fault->nodes[i] == node)
			return true;
	}
	return false;
}

static void split(struct world *world, const struct fault *fault, bool both)
{
	for (int a = 0; a < world->scenario.members; a++) {
		for (int b = 0; b < world->scenario.members; b++) {
			if (is_listed(fault, a) && !is_listed(fault, b))
				cut(world, (unsigned int)a, (unsigned int)b, both);
		}
	}
}

static void clog_member(struct world *world, unsigned int node, int64_t until_ns)
{
	for (unsigned int from = 0; from < world->network.members; from++)
		world->network.clogged_until_ns[from * world->network.members + node] = until_ns;
}

static void strike_node(struct world *world, const struct fault *fault, unsigned int node)
{
	switch (fault->kind) {
	case FAULT_CLOG:
		world->check.reached[REACHED_CLOG]++;
		clog_member(world, node, world->now_ns + ns_of(fault->for_s));
		break;
	case FAULT_CRASH:
		world->check.reached[REACHED_CRASH]++;
		proxy_stop(world, node);
		break;
	case FAULT_POWER_OFF:
		world->check.reached[REACHED_TABLE_LOST]++;
		proxy_power_off(world, node);
		break;
	case FAULT_RESTART:
		proxy_start(world, node);
		break;
	case FAULT_SUSPEND:
		world->check.reached[REACHED_SUSPEND]++;
		proxy_suspend(world, node, world->now_ns + ns_of(fault->for_s));
		break;
	case FAULT_JUMP:
		world->proxies[node].host_offset_ns += (int64_t)(fault->jump_ms * NS_PER_MS);
		break;
	case FAULT_PAUSE:
		world->check.reached[REACHED_PAUSE]++;
		proxy_pause(world, node, world->now_ns + ns_of(fault->for_s));
		break;
	default:
		break;
	}
}

static void clog_later(struct world *world, uint64_t who, void *what)
{
	if (!world->faults.stopped)
		clog_member(world, (unsigned int)who, world->now_ns + (int64_t)(intptr_t)what);
}

/*
 * The links of the members clog one after the other, in the first half of the time, and open in another order in the
 * second.
 */
static void swizzle(struct world *world, const struct fault *fault)
{
	const int64_t half_ns = ns_of(fault->for_s) / 2;

	world->check.reached[REACHED_SWIZZLE]++;
	for (int i = 0; i < fault->nodes_count; i++) {
		const int64_t begins_ns = (int64_t)rng_below(&world->faults.rng, (uint64_t)half_ns + 1),
			      ends_ns = half_ns + (int64_t)rng_below(&world->faults.rng, (uint64_t)half_ns + 1);

		heap_add(&world->heap, world->now_ns + begins_ns, clog_later, (uint64_t)fault->nodes[i],
			 (void *)(intptr_t)(ends_ns - begins_ns));
	}
}

void fault_strike(struct world *world, const struct fault *fault)
{
	trace_note(&world->trace, world->now_ns, TRACE_FAULT, (uint64_t)fault->kind, (uint64_t)fault->nodes[0]);
	switch (fault->kind) {
	case FAULT_ISOLATE:
		world->check.reached[REACHED_PARTITION]++;
		split(world, fault, true);
		return;
	case FAULT_ONE_WAY:
		world->check.reached[REACHED_ONE_WAY]++;
		split(world, fault, false);
		return;
	case FAULT_HEAL:
		network_heal(&world->network);
		return;
	case FAULT_SWIZZLE:
		swizzle(world, fault);
		return;
	case FAULT_LOSS:
		world->network.loss = fault->loss;
		return;
	default:
		for (int i = 0; i < fault->nodes_count; i++)
			strike_node(world, fault, (unsigned int)fault->nodes[i]);
	}
}

static void strike_planned(struct world *world, uint64_t who, void *what)
{
	(void)what;
	fault_strike(world, &world->scenario.faults[who]);
}

void faults_open(struct world *world)
{
	world->faults.rng = rng_make(world->seed, "faults", 0);
	for (int i = 0; i < world->scenario.faults_count; i++)
		heap_add(&world->heap, ns_of(world->scenario.faults[i].at_s), strike_planned, (uint64_t)i, NULL);
}

/* ---- by chance ---- */

enum chance {
	CHANCE_PARTITION,
	CHANCE_PARTITION_LONG,
	CHANCE_ONE_WAY,
	CHANCE_CLOG,
	CHANCE_CRASH,
	CHANCE_POWER,
	CHANCE_PAUSE,
	CHANCE_SUSPEND,
	CHANCE_JUMP,
	CHANCE_COUNT
};

static double mean_of(const struct fault_rates *rates, enum chance chance)
{
	const double means[CHANCE_COUNT] = { rates->partition_s, rates->partition_long_s, rates->one_way_s,
					     rates->clog_s,	 rates->crash_s,	  rates->power_s,
					     rates->pause_s,	 rates->suspend_s,	  rates->jump_s };

	return means[chance];
}

static void strike_by_chance(struct world *world, uint64_t who, void *what);

static void plan_chance(struct world *world, enum chance chance)
{
	const int64_t at_ns =
		world->now_ns + 1 + ns_of(rng_exponential(&world->faults.rng, mean_of(&world->faults.rates, chance)));

	if (mean_of(&world->faults.rates, chance) > 0 && at_ns < world->faults.ends_ns)
		heap_add(&world->heap, at_ns, strike_by_chance, chance, NULL);
}

static void restart(struct world *world, uint64_t who, void *what)
{
	(void)what;
	if (!world->faults.stopped)
		proxy_start(world, (unsigned int)who);
}

/* Somebody has noticed the wrong time. */
static void set_right(struct world *world, uint64_t who, void *what)
{
	if (world->faults.stopped)
		return;
	world->proxies[who].host_offset_ns -= (int64_t)(intptr_t)what;
	proxy_stop(world, (unsigned int)who);
	proxy_start(world, (unsigned int)who);
}

static void heal(struct world *world, uint64_t who, void *what)
{
	(void)who;
	(void)what;
	if (!world->faults.stopped)
		network_heal(&world->network);
}

static void draw_some(struct world *world, struct fault *fault)
{
	for (int i = 0; i < world->scenario.members && fault->nodes_count < FAULT_NODES_MAX; i++) {
		if (rng_chance(&world->faults.rng, 0.5))
			fault->nodes[fault->nodes_count++] = i;
	}
}

static void draw_side(struct world *world, struct fault *fault)
{
	struct rng *rng = &world->faults.rng;
	const int members = world->scenario.members;

	if (rng_chance(rng, 0.4)) {
		fault->nodes[fault->nodes_count++] = (int)rng_below(rng, (uint64_t)members);
		return;
	}
	for (int i = 0; i < members && fault->nodes_count < FAULT_NODES_MAX; i++) {
		if (rng_chance(rng, 0.5))
			fault->nodes[fault->nodes_count++] = i;
	}
}

static void strike_by_chance(struct world *world, uint64_t who, void *what)
{
	struct rng *rng = &world->faults.rng;
	struct fault fault = { .for_s = rng_between(rng, 0.1, 6) };
	const int node = (int)rng_below(rng, (uint64_t)world->scenario.members);

	(void)what;
	if (world->faults.stopped)
		return;
	switch ((enum chance)who) {
	case CHANCE_PARTITION:
	case CHANCE_PARTITION_LONG:
		fault.kind = FAULT_ISOLATE;
		draw_side(world, &fault);
		fault_strike(world, &fault);
		world->check.reached[REACHED_PARTITION_LONG] += who == CHANCE_PARTITION_LONG;
		heap_add(&world->heap,
			 world->now_ns + ns_of(who == CHANCE_PARTITION ? fault.for_s : rng_between(rng, 29, 40)), heal,
			 0, NULL);
		break;
	case CHANCE_ONE_WAY:
		fault.kind = FAULT_ONE_WAY;
		draw_side(world, &fault);
		fault_strike(world, &fault);
		heap_add(&world->heap, world->now_ns + ns_of(fault.for_s), heal, 0, NULL);
		break;
	case CHANCE_CLOG:
		fault.kind = rng_chance(rng, 0.5) ? FAULT_SWIZZLE : FAULT_CLOG;
		draw_some(world, &fault);
		fault_strike(world, &fault);
		break;
	case CHANCE_CRASH:
	case CHANCE_POWER:
		fault.kind = who == CHANCE_CRASH ? FAULT_CRASH : FAULT_POWER_OFF;
		fault.nodes[fault.nodes_count++] = node;
		fault_strike(world, &fault);
		heap_add(&world->heap, world->now_ns + ns_of(rng_between(rng, 0.05, 8)), restart, (uint64_t)node, NULL);
		break;
	case CHANCE_PAUSE:
		fault.kind = FAULT_PAUSE;
		fault.nodes[fault.nodes_count++] = node;
		fault_strike(world, &fault);
		break;
	case CHANCE_SUSPEND:
		fault.kind = FAULT_SUSPEND;
		fault.nodes[fault.nodes_count++] = node;
		fault_strike(world, &fault);
		break;
	case CHANCE_JUMP: /* and a restart that takes it over, then time is set right */
		fault = (struct fault){ .kind = FAULT_JUMP,
					.jump_ms = rng_between(rng, -5000, 5000),
					.nodes = { node },
					.nodes_count = 1 };
		fault_strike(world, &fault);
		proxy_stop(world, (unsigned int)node);
		heap_add(&world->heap, world->now_ns + ns_of(rng_between(rng, 0.05, 2)), restart, (uint64_t)node, NULL);
		heap_add(&world->heap, world->now_ns + ns_of(rng_between(rng, 2, 10)), set_right, (uint64_t)node,
			 (void *)(intptr_t)(int64_t)(fault.jump_ms * NS_PER_MS));
		break;
	case CHANCE_COUNT:
		return;
	}
	plan_chance(world, (enum chance)who);
}

void faults_unleash(struct world *world, const struct fault_rates *rates, int64_t ends_ns)
{
	world->faults.rates = *rates;
	world->faults.ends_ns = ends_ns;
	for (unsigned int chance = 0; chance < CHANCE_COUNT; chance++)
		plan_chance(world, (enum chance)chance);
}

/* Neither paused nor suspended, and by the right time: which takes a start of its daemon. */
static void set_free(struct world *world, struct proxy *proxy)
{
	proxy_free(world, proxy->number);
	proxy->host_offset_ns = proxy->first_offset_ns;
	if (proxy->offset_ns != proxy->host_offset_ns)
		proxy_stop(world, proxy->number);
}

void faults_heal_core(struct world *world, const bool *core)
{
	const unsigned int members = (unsigned int)world->scenario.members;

	world->faults.stopped = true;
	world->faults.healed_at_ns = world->now_ns;
	for (unsigned int a = 0; a < members; a++) {
		if (!core[a])
			continue;
		for (unsigned int b = 0; b < members; b++) {
			if (!core[b])
				continue;
			world->network.cut[a * members + b] = 0;
			world->network.clogged_until_ns[a * members + b] = 0;
		}
		set_free(world, &world->proxies[a]);
		proxy_start(world, a);
	}
}
