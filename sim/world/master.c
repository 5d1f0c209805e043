/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The paper's Algorithms 1 and 2, with the numbers of their lines. */
#include "master.h"

#include <stdlib.h>
#include <string.h>

#include "regions.h"
#include "world.h"

#define RECORD_BYTES 60 /* of Redis protocol per field set, about */

static struct master_record *local_of(struct world *world, unsigned int member, uint32_t pair)
{
	return &world->master.locals[(size_t)member * world->master.pairs_max + pair];
}

static bool is_corrected(const struct world *world)
{
	return world->scenario.sharing == SHARING_MASTER_CORRECTED;
}

static int64_t delay_ns(struct world *world, unsigned int member)
{
	const struct scenario *scenario = &world->scenario;
	const double jitter = 1 + scenario->jitter * rng_unit(&world->master.rng);
	double ms = scenario->master_delay_ms;

	if (ms < 0)
		ms = (double)world->network.delay_ns[member * world->network.members] / NS_PER_MS;
	/* TCP: a lost segment costs a retransmission after at least 200 ms. */
	while (rng_chance(&world->master.rng, scenario->loss))
		ms += 200;
	return (int64_t)(ms * jitter * NS_PER_MS) + 1;
}

static bool master_is_dead(const struct world *world, int64_t at_ns)
{
	return world->scenario.master_dead_s > 0 && at_ns >= (int64_t)(world->scenario.master_dead_s * NS_PER_S);
}

/* Lines 5-29 for one pair the master holds: m is what was read of it, l the proxy's own record. */
static void synchronise(const struct world *world, struct master_record *m, struct master_record *l)
{
	const struct thresholds *t = &world->scenario.thresholds;
	const int64_t window_max_ns = (int64_t)world->scenario.window_max_ms * NS_PER_MS;

	if (!l->held) { /* 26-28 */
		*l = *m;
		l->delta = 0;
		l->mark = false;
		return;
	}
	if (l->mark && l->ts1_ns - m->ts1_ns > t->idle_reset.ns) { /* 6-8 */
		l->mark = false;
		l->delta = 0;
		m->ts1_ns = l->ts1_ns;
		m->ts2_ns = l->ts2_ns;
		m->count = l->count;
		return;
	}
	l->mark = false;	     /* 10 */
	if (l->ts2_ns < m->ts2_ns) { /* 11-12 */
		l->ts2_ns = m->ts2_ns;
	} else if (l->ts2_ns - m->ts1_ns > window_max_ns) { /* 13-15 */
		l->ts1_ns = l->ts2_ns - (l->ts2_ns - m->ts1_ns) / world->scenario.decay;
		m->count /= world->scenario.decay;
		m->ts1_ns = l->ts1_ns;
		m->ts2_ns = l->ts2_ns;
	} else {
		m->ts2_ns = l->ts2_ns; /* 17 */
	}
	if (l->ts1_ns > m->ts1_ns) /* 19-20 */
		l->ts1_ns = m->ts1_ns;
	else if (l->ts2_ns - l->ts1_ns > window_max_ns) { /* 21-22 */
		if (is_corrected(world))
			l->ts1_ns = m->ts1_ns;
		else
			m->ts1_ns = l->ts1_ns;
	}
	l->count = m->count + l->delta; /* 24 */
	m->count = l->count;
	l->delta = 0;
}

/* Lines 31-35, with line 32 read as "not in": as printed no record would ever get there. */
static bool synchronise_pair(const struct world *world, struct master_record *m, struct master_record *l)
{
	if (m->held) {
		synchronise(world, m, l);
		return true;
	}
	if (!l->held)
		return false;
	*m = *l;
	m->delta = 0;
	m->mark = false;
	l->delta = 0;
	return true;
}

/* One synchronisation under way: the records as read, then as they are to be written. */
struct exchange {
	unsigned int member;
	struct master_record records[];
};

static void plan(struct world *world, unsigned int member);

/* Lines 8, 15, 17, 22, 24, 33: what was computed is written over whatever stands there now. */
static void write_back(struct world *world, uint64_t who, void *what)
{
	struct exchange *exchange = what;

	(void)who;
	if (!master_is_dead(world, world->now_ns)) {
		for (uint32_t i = 0; i < world->master.pairs_max; i++) {
			if (exchange->records[i].held)
				world->master.records[i] = exchange->records[i];
		}
	}
	free(exchange);
}

static void compute(struct world *world, uint64_t member, void *what)
{
	struct exchange *exchange = what;

	for (uint32_t i = 0; i < world->master.pairs_max; i++) {
		if (synchronise_pair(world, &exchange->records[i], local_of(world, (unsigned int)member, i)))
			world->master.bytes += 3 * RECORD_BYTES;
	}
	world->master.messages++;
	heap_add(&world->heap, world->now_ns + delay_ns(world, (unsigned int)member), write_back, member, exchange);
	plan(world, (unsigned int)member);
}

/* As printed: the request has come, the records are read and sent. */
static void read_all(struct world *world, uint64_t member, void *what)
{
	struct exchange *exchange = what;

	if (master_is_dead(world, world->now_ns)) {
		free(exchange);
		return; /* the proxy waits for ever: it has no other */
	}
	memcpy(exchange->records, world->master.records, world->master.pairs_max * sizeof(struct master_record));
	heap_add(&world->heap, world->now_ns + delay_ns(world, (unsigned int)member), compute, member, exchange);
}

/* Corrected: what the proxy sent is joined at the master in one step, and the result goes back. */
static void take_result(struct world *world, uint64_t member, void *what)
{
	struct exchange *exchange = what;

	for (uint32_t i = 0; i < world->master.pairs_max; i++) {
		struct master_record *l = local_of(world, (unsigned int)member, i), *r = &exchange->records[i];
		const int64_t delta = l->delta;

		if (!r->held)
			continue;
		if (!l->held || !l->mark) { /* a window that began meanwhile is younger than the answer */
			*l = *r;
			l->count += delta; /* what was counted while the answer was under way */
			l->delta = delta;
		}
	}
	free(exchange);
	plan(world, (unsigned int)member);
}

static void join_all(struct world *world, uint64_t member, void *what)
{
	struct exchange *exchange = what;

	if (master_is_dead(world, world->now_ns)) {
		free(exchange);
		return;
	}
	for (uint32_t i = 0; i < world->master.pairs_max; i++) {
		if (synchronise_pair(world, &world->master.records[i], &exchange->records[i]))
			world->master.bytes += 3 * RECORD_BYTES;
	}
	world->master.messages++;
	heap_add(&world->heap, world->now_ns + delay_ns(world, (unsigned int)member), take_result, member, exchange);
}

static void begin(struct world *world, uint64_t member, void *what)
{
	const size_t size = world->master.pairs_max * sizeof(struct master_record);
	struct exchange *exchange = malloc(sizeof(*exchange) + size);

	(void)what;
	if (!exchange)
		abort();
	exchange->member = (unsigned int)member;
	if (is_corrected(world)) {
		memcpy(exchange->records, local_of(world, (unsigned int)member, 0), size);
		for (uint32_t i = 0; i < world->master.pairs_max; i++) {
			local_of(world, (unsigned int)member, i)->delta = 0;
			local_of(world, (unsigned int)member, i)->mark = false;
		}
		heap_add(&world->heap, world->now_ns + delay_ns(world, (unsigned int)member), join_all, member,
			 exchange);
		return;
	}
	heap_add(&world->heap, world->now_ns + delay_ns(world, (unsigned int)member), read_all, member, exchange);
}

static void plan(struct world *world, unsigned int member)
{
	const int64_t period_ns = (int64_t)(world->scenario.master_period_ms * NS_PER_MS);

	if (world->now_ns + period_ns < world->traffic.ends_ns)
		heap_add(&world->heap, world->now_ns + period_ns, begin, member, NULL);
}

/* Lines 18-20 of Algorithm 2: over all clients with a record; corrected: over those heard within T_T1. */
static bool destination_is_over(const struct world *world, unsigned int member, uint32_t destination)
{
	const struct thresholds *t = &world->scenario.thresholds;
	int64_t ts1_ns = INT64_MAX, ts2_ns = INT64_MIN, count = 0;

	for (uint32_t i = 0; i < world->master.pairs_max; i++) {
		const struct master_record *l = &world->master.locals[(size_t)member * world->master.pairs_max + i];

		if (!l->held || world->master.destination_of[i] != destination ||
		    (is_corrected(world) && world->now_ns - l->ts2_ns > t->idle_reset.ns))
			continue;
		ts1_ns = l->ts1_ns < ts1_ns ? l->ts1_ns : ts1_ns;
		ts2_ns = l->ts2_ns > ts2_ns ? l->ts2_ns : ts2_ns;
		count += l->count;
	}
	return count > 0 && ts2_ns - ts1_ns > t->destination_min_window.ns && t->destination_rate > 0 &&
	       (double)count > (double)t->destination_rate * (double)(ts2_ns - ts1_ns) / NS_PER_S;
}

enum ruling master_packet(struct world *world, unsigned int member, uint32_t pair, uint32_t destination)
{
	const struct thresholds *t = &world->scenario.thresholds;
	struct master_record *l = local_of(world, member, pair);
	int64_t window_ns;

	world->master.destination_of[pair] = destination;
	if (l->held && world->now_ns - l->ts2_ns > t->idle_reset.ns) { /* 3-4 */
		l->ts1_ns = world->now_ns;
		l->count = l->delta = 0;
		l->mark = true;
	} else if (!l->held) { /* 9 */
		*l = (struct master_record){ .ts1_ns = world->now_ns, .held = true };
	}
	l->count++; /* 11 */
	l->delta++;
	l->ts2_ns = world->now_ns;
	window_ns = l->ts2_ns - l->ts1_ns;
	if (world->scenario.master_early && window_ns <= t->pair_min_window.ns)
		window_ns = t->pair_min_window.ns + 1;
	if (t->pair_rate > 0 && window_ns > t->pair_min_window.ns &&
	    (double)l->count > (double)t->pair_rate * (double)window_ns / NS_PER_S)
		return RULING_DROP_PAIR;								/* 12-14 */
	return destination_is_over(world, member, destination) ? RULING_DROP_DESTINATION : RULING_PASS; /* 18-26 */
}

void master_open(struct world *world)
{
	struct master *master = &world->master;
	const unsigned int members = (unsigned int)world->scenario.members;

	if (world->scenario.sharing < SHARING_MASTER_PRINTED)
		return;
	*master = (struct master){ .pairs_max = world->keys.count, .rng = rng_make(world->seed, "master", 0) };
	master->records = calloc(master->pairs_max + 1, sizeof(*master->records));
	master->locals = calloc((size_t)members * (master->pairs_max + 1), sizeof(*master->locals));
	master->destination_of = calloc(master->pairs_max + 1, sizeof(*master->destination_of));
	if (!master->records || !master->locals || !master->destination_of)
		abort();
	for (unsigned int i = 0; i < members; i++)
		heap_add(&world->heap, (int64_t)(rng_unit(&master->rng) * world->scenario.master_period_ms * NS_PER_MS),
			 begin, i, NULL);
}

void master_forget(const struct event *event)
{
	if (event->run == read_all || event->run == compute || event->run == write_back || event->run == join_all ||
	    event->run == take_result)
		free(event->what);
}

void master_close(struct world *world)
{
	free(world->master.records);
	free(world->master.locals);
	free(world->master.destination_of);
}
