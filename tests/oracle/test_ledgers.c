/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Properties P3 and P4 of the ledgers: no count in them is ever more than was counted; after a cut or a restart all
 * hold the truth again within two seconds.
 *
 * Each property is a function that says what is wrong, or nothing. Each is also shown something wrong, and must say so.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "clients.h"
#include "node_internal.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

/* ---- P3: never more than was counted ---- */

#define SLOTS_SEEN 64

/* The most any node's own ledger ever said of a key and slot: what it told the others. */
struct watch {
	struct world *world;
	unsigned int nodes;
	uint64_t slot_first, events;
	uint64_t told[WORLD_NODES_MAX][KEYS][SLOTS_SEEN];
	uint64_t inflate; /* negative control: cells of others are taken for so much more */
	char problem[160];
};

static unsigned int node_of_member(const char *member)
{
	unsigned int n = 0;

	assert_int_equal(sscanf(member, "node-%u", &n), 1);
	return n;
}

/*
 * A harvest over a boundary is divided by time, and may be off by the packets of a tick: ten steps of `send`, by all
 * clients.
 */
#define SLOT_SLACK (10 * CLIENTS * 3)

static const char *problem_of(struct watch *w, unsigned int n, unsigned int k, uint64_t held, const char *whose,
			      uint64_t truth)
{
	snprintf(w->problem, sizeof(w->problem), "node %u holds %llu of key %u, %s: %llu", n, (unsigned long long)held,
		 k, whose, (unsigned long long)truth);
	return w->problem;
}

/*
 * What is wrong with what node n holds, or NULL: a cell above what its origin told, a slot above what came in it, an
 * origin's cells above what it counted. *ret_slots counts the second kind alone.
 */
static const char *exceeds(struct watch *w, unsigned int n, unsigned int *ret_slots)
{
	const char *problem = NULL;

	for (unsigned int k = 0; k < KEYS; k++) {
		const struct key key = key_number(k);
		uint64_t sum[WORLD_NODES_MAX] = { 0 }, slot = 0, in_slot = 0;
		struct cell_view cell;
		uint32_t cursor = 0;

		while (node_next_cell(world_node(w->world, n), &key, &cursor, &cell)) {
			const unsigned int origin = node_of_member(cell.member);
			uint64_t *told = &w->told[origin][k][(cell.slot - w->slot_first) % SLOTS_SEEN];
			const uint64_t packets = cell.packets + (origin == n ? 0 : w->inflate);

			if (origin == n && packets > *told)
				*told = packets;
			sum[origin] += packets;
			in_slot = cell.slot == slot ? in_slot + packets : packets;
			slot = cell.slot;
			if (packets > *told)
				problem = problem_of(w, n, k, packets, "its origin told", *told);
			if (in_slot > world_truth(w->world, &key, slot) + SLOT_SLACK) {
				problem = problem_of(w, n, k, in_slot, "in the slot came",
						     world_truth(w->world, &key, slot));
				++*ret_slots;
			}
		}
		for (unsigned int origin = 0; origin < w->nodes; origin++) {
			if (sum[origin] > world_counted(w->world, origin, &key))
				problem = problem_of(w, n, k, sum[origin], "its origin counted",
						     world_counted(w->world, origin, &key));
		}
	}
	return problem;
}

static void watch_event(void *user, unsigned int n)
{
	struct watch *w = user;
	unsigned int slots = 0;
	const char *problem = exceeds(w, n, &slots);

	w->events++;
	if (problem)
		fail_msg("event %llu: %s", (unsigned long long)w->events, problem);
}

static void watch_start(struct watch *w, struct world *world, unsigned int nodes)
{
	*w = (struct watch){ .world = world,
			     .nodes = nodes,
			     .slot_first = mesh_slot_at(world_mesh(world), world_now(world).mesh) };
	world_set_after(world, watch_event, w);
}

static void no_count_exceeds_the_truth_under_loss_duplication_and_restarts(void **state)
{
	uint64_t events = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= 4; seed++) {
		struct world_options options = options_of(4, seed);
		uint64_t random = seed;
		static struct watch w;
		struct world *world;

		options.loss = 0.3;
		options.duplication = 0.5;
		options.delay_ms = 80;
		world = world_make(&options);
		watch_start(&w, world, 4);
		world_run(world, 3);
		for (int part = 0; part < 6; part++) {
			send(world, &random, 0, 4, 2 + (double)(draw(&random) % 100) / 100);
			world_restart(world, (unsigned int)(draw(&random) % 4));
		}
		world_run(world, 3);
		events += w.events;
		world_free(world);
	}
	print_message("# P3: 4 seeds, %llu events, every cell of every ledger after each\n",
		      (unsigned long long)events);
}

/* Negative control: one packet more than was told, in any ledger, and a slot with a tick's packets twice. */
static void a_count_too_many_shows(void **state)
{
	struct world_options options = options_of(3, 1);
	struct world *world = world_make(&options);
	const struct key pair = pair_of(0);
	uint64_t random = 1;
	static struct watch w;
	struct cell_view cell;
	unsigned int slots = 0;
	uint32_t cursor = 0;
	struct now now;

	(void)state;
	watch_start(&w, world, 3);
	world_run(world, 1);
	send(world, &random, 0, 3, 5);
	for (unsigned int n = 0; n < 3; n++)
		assert_null(exceeds(&w, n, &slots));
	w.inflate = 1;
	assert_non_null(exceeds(&w, 1, &slots));
	assert_int_equal(slots, 0);
	w.inflate = 0;

	/* The node itself counts double: its own ledger says more than its table. */
	now = world_now(world);
	while (node_next_cell(world_node(world, 1), &pair, &cursor, &cell)) {
		if (node_of_member(cell.member) == 1)
			assert_true(node_observe(world_node(world, 1), now, &pair, cell.slot, cell.first, cell.last,
						 cell.packets + 500));
	}
	assert_non_null(exceeds(&w, 1, &slots));
	assert_true(slots > 0);
	world_set_after(world, NULL, NULL);
	world_free(world);
}

/* ---- P4: the truth again, two seconds after ---- */

static const char *are_not_one(struct world *world, unsigned int nodes)
{
	uint8_t first[HASH_BYTES], other[HASH_BYTES];

	node_digest(world_node(world, 0), first);
	for (unsigned int n = 1; n < nodes; n++) {
		node_digest(world_node(world, n), other);
		if (memcmp(first, other, HASH_BYTES) != 0)
			return "the ledgers differ";
	}
	return NULL;
}

/*
 * What keeps the ledgers from being the truth, or NULL: every packet ever counted is in every ledger, and all
 * ledgers are one. All slots since the start must still be held. `more`: packets that were not counted, for the
 * negative control.
 */
static const char *is_not_the_truth(struct world *world, unsigned int nodes, uint64_t more)
{
	static char problem[160];

	for (unsigned int n = 0; n < nodes; n++) {
		for (unsigned int k = 0; k < KEYS; k++) {
			const struct key key = key_number(k);
			uint64_t held = 0, counted = more;
			struct cell_view cell;
			uint32_t cursor = 0;

			while (node_next_cell(world_node(world, n), &key, &cursor, &cell))
				held += cell.packets;
			for (unsigned int origin = 0; origin < nodes; origin++)
				counted += world_counted(world, origin, &key);
			if (held == counted)
				continue;
			snprintf(problem, sizeof(problem), "node %u holds %llu of key %u, of %llu", n,
				 (unsigned long long)held, k, (unsigned long long)counted);
			return problem;
		}
	}
	return are_not_one(world, nodes);
}

enum fault { HALVES, ISOLATE_ONE, ONE_WAY, TWO_APART, RESTART_ALL, HALVES_AND_RESTART, ISOLATE_AND_RESTART };

static void fault_set(struct world *world, unsigned int nodes, enum fault fault, bool cut)
{
	switch (fault) {
	case HALVES:
	case HALVES_AND_RESTART:
		for (unsigned int a = 0; a < nodes / 2; a++) {
			for (unsigned int b = nodes / 2; b < nodes; b++)
				world_cut(world, (int)a, (int)b, cut);
		}
		break;
	case ISOLATE_ONE:
	case ISOLATE_AND_RESTART:
		world_cut(world, (int)nodes - 1, -1, cut);
		break;
	case ONE_WAY:
		world_cut_one_way(world, 0, 1, cut);
		break;
	case TWO_APART:
		world_cut(world, 0, 1, cut);
		break;
	case RESTART_ALL:
		break;
	}
}

/* Half-way through the fault. */
static void fault_restart(struct world *world, unsigned int nodes, enum fault fault)
{
	if (fault == HALVES_AND_RESTART || fault == RESTART_ALL)
		world_restart(world, 0);
	if (fault == RESTART_ALL) {
		for (unsigned int n = 1; n < nodes; n++) {
			world_run(world, 2); /* one after the other: who has nothing must find somebody who has */
			world_restart(world, n);
		}
	}
	if (fault == ISOLATE_AND_RESTART)
		world_restart(world, nodes - 1);
}

static void every_ledger_is_the_truth_two_seconds_after(void **state)
{
	static const struct {
		const char *name;
		unsigned int nodes;
		enum fault fault;
		double cut_s, loss;
		bool apart; /* during the fault the ledgers are not the truth */
		/*
		 * slots that only the node that restarted had closed are gone: the ledgers are one, and hold no more
		 * than the truth
		 */
		bool lost;
	} rows[] = {
		/*  0 */ { "halves", 4, HALVES, 8, 0, true, false },
		/*  1 */ { "halves, of eight", 8, HALVES, 8, 0, true, false },
		/*  2 */ { "halves for longer than a tick frame counts", 4, HALVES, 14, 0, true, false },
		/*  3 */ { "one isolated", 3, ISOLATE_ONE, 8, 0, true, false },
		/*  4 */ { "one isolated, of eight", 8, ISOLATE_ONE, 10, 0, true, false },
		/*  5 */ { "a link in one direction", 3, ONE_WAY, 8, 0, false, false },
		/*  6 */ { "a link in one direction, nobody between", 2, ONE_WAY, 6, 0, true, false },
		/*  7 */ { "two apart, a third between", 3, TWO_APART, 8, 0, false, false },
		/*  8 */ { "two apart, of eight", 8, TWO_APART, 8, 0, false, false },
		/*  9 */ { "every node restarts, one after the other", 4, RESTART_ALL, 4, 0, false, false },
		/* 10 */ { "halves, and one restarts in its half", 4, HALVES_AND_RESTART, 8, 0, true, false },
		/* 11 */ { "one isolated restarts alone", 3, ISOLATE_AND_RESTART, 8, 0, true, true },
		/* 12 */ { "halves, with 5 % loss", 4, HALVES, 8, 0.05, true, false },
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct world_options options = options_of(rows[i].nodes, i + 1);
		uint64_t random = i;
		static struct watch w;
		struct world *world;
		const char *problem;
		double healed = 0;

		options.loss = rows[i].loss;
		world = world_make(&options);
		if (rows[i].nodes <= 4)
			watch_start(&w, world, rows[i].nodes); /* P3 all the while */
		world_run(world, 1);
		send(world, &random, 0, rows[i].nodes, 2);
		fault_set(world, rows[i].nodes, rows[i].fault, true);
		send(world, &random, 0, rows[i].nodes, rows[i].cut_s / 2);
		fault_restart(world, rows[i].nodes, rows[i].fault);
		send(world, &random, 0, rows[i].nodes, rows[i].cut_s / 2);
		world_run(world, 1.5);
		problem = is_not_the_truth(world, rows[i].nodes, 0);
		if ((problem != NULL) != rows[i].apart)
			fail_msg("row %zu, %s, during the fault: %s", i, rows[i].name,
				 problem ? problem : "all is well");

		fault_set(world, rows[i].nodes, rows[i].fault, false);
		for (; healed < 2; healed += 0.05) {
			problem = rows[i].lost ? are_not_one(world, rows[i].nodes)
					       : is_not_the_truth(world, rows[i].nodes, 0);
			if (!problem)
				break;
			world_run(world, 0.05);
		}
		if (problem)
			fail_msg("row %zu, %s: %s after %.2f s", i, rows[i].name, problem, healed);
		/* negative control: a packet that nobody counted */
		assert_non_null(is_not_the_truth(world, rows[i].nodes, 1));
		print_message("# P4: %s, %u nodes, %.0f s: %s %.2f s after\n", rows[i].name, rows[i].nodes,
			      rows[i].cut_s, rows[i].lost ? "one ledger, what survived," : "the truth", healed);
		world_free(world);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_count_exceeds_the_truth_under_loss_duplication_and_restarts),
		cmocka_unit_test(a_count_too_many_shows),
		cmocka_unit_test(every_ledger_is_the_truth_two_seconds_after),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
