/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Local evidence, end to end: real nodes, and at each a table that judges like the kernel. How much a client that
 * really is over its rate gets through by all floors together, and what one liar among sixteen leaves to a client
 * that is not.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "side.h"

#define PAIR_RATE 200
#define STEP_S 0.01

static struct side side;

static void setup(unsigned int nodes)
{
	struct world_options options = { .nodes = nodes, .seed = 1, .delay_ms = 30, .thresholds = world_thresholds };

	options.thresholds.pair_rate = PAIR_RATE;
	options.thresholds.destination_rate = 0;
	side_open(&side, &options);
	world_run(side.world, 1);
}

static void teardown(void)
{
	side_close(&side);
}

/* One packet; does it pass? */
static bool send_one(unsigned int n, const struct key *pair)
{
	const struct kernel_verdict verdict = side_packet(&side, n, pair, false);

	return !verdict.over_early || verdict.floor;
}

/* Packets that pass of `rate` a second, sent at nodes [0, spread) in turn. */
static unsigned int send_for(const struct key *pair, unsigned int spread, double rate, double seconds)
{
	static unsigned int next;
	unsigned int passed = 0;
	double credit = 0;

	for (int i = 0; i < (int)(seconds / STEP_S + 0.5); i++) {
		for (credit += rate * STEP_S; credit >= 1; credit--)
			passed += send_one(next++ % spread, pair);
		world_run(side.world, STEP_S);
	}
	return passed;
}

static void all_floors_together_leak_a_quarter_of_the_rate(void **state)
{
	static const struct {
		unsigned int nodes;
		double times, most; /* passed in 20 s, in T_F1 seconds */
	} rows[] = {
		{ 16, 1.5, 20 * 0.25 },
		{ 16, 4, 20 * 0.25 },
		{ 5, 2, 20 * 0.25 },
		{ 2, 1.5, 20 * 0.25 },
		{ 2, 4, 0 }, /* each sees twice the rate by itself: no floor */
		{ 1, 2, 0 },
	};
	const struct key pair = world_key(1, 1);

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		double passed;

		setup(rows[i].nodes);
		/* the first seconds are within the rate's window; buckets empty */
		send_for(&pair, rows[i].nodes, rows[i].times * PAIR_RATE, 10);
		passed = send_for(&pair, rows[i].nodes, rows[i].times * PAIR_RATE, 20) / (double)PAIR_RATE;
		print_message("# %u proxies, %g x: %.2f of %g s of the rate passed\n", rows[i].nodes, rows[i].times,
			      passed, rows[i].most);
		if (passed > rows[i].most * 1.02 + 0.05)
			fail_msg("row %zu", i);
		teardown();
	}
}

/* The liar is node 15; the client sends at node 0 and, a little, at node 1. */
static void one_liar_of_sixteen_leaves_a_client_its_floor(void **state)
{
	const struct key pair = world_key(1, 1);
	unsigned int passed = 0;

	(void)state;
	setup(16);
	assert_int_equal(send_for(&pair, 1, 100, 5), 500);
	for (int i = 0; i < 100; i++) {
		const struct now now = world_now(side.world);
		const uint64_t slot = mesh_slot_at(world_mesh(side.world), now.mesh);

		assert_true(node_observe(world_node(side.world, 15), now, &pair, slot,
					 mesh_slot_start(world_mesh(side.world), slot), now.mesh, 4000000000U));
		passed += send_for(&pair, 1, 100, 0.2);
	}
	print_message("# %u of 2000 packets passed beside the liar\n", passed);
	/* T_F1 / (4 x 2), and what passed before the lie came */
	assert_in_range(passed, 20 * PAIR_RATE / 8 - 10, 1000);
	teardown();
}

/*
 * A burst below the rate, and one packet later: whatever the phase of tick and slot, it passes. At once when nobody
 * else counts the client; else once the carry has ended, three ticks and one more after the burst.
 */
static void a_burst_that_is_over_is_not_counted_on(void **state)
{
	static const struct {
		unsigned int nodes, packets;
		double before_s; /* from one packet at the last node to the burst at the first; 0: none */
		double later_s;
	} rows[] = {
		{ 1, 95, 0, 0.05 }, { 1, 95, 0, 0.45 }, { 1, 190, 0, 0.3 },	{ 5, 95, 0, 0.45 },
		{ 5, 190, 0, 0.3 }, { 5, 95, 0.3, 0.85 }, { 5, 190, 0.3, 1.0 }, { 5, 95, 0.3, 2.5 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		setup(rows[i].nodes);
		for (unsigned int client = 1; client <= 16; client++) {
			const struct key pair = world_key(client, client);

			if (rows[i].before_s > 0 && !send_one(rows[i].nodes - 1, &pair))
				fail_msg("row %zu, client %u: its first packet dropped", i, client);
			world_run(side.world, rows[i].before_s);
			for (unsigned int p = 0; p < rows[i].packets; p++) {
				if (!send_one(0, &pair))
					fail_msg("row %zu, client %u: packet %u of the burst dropped", i, client, p);
			}
			world_run(side.world, rows[i].later_s);
			if (!send_one(0, &pair))
				fail_msg("row %zu, client %u: the packet after the burst dropped", i, client);
			world_run(side.world, 0.107); /* another phase */
		}
		teardown();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_floors_together_leak_a_quarter_of_the_rate),
		cmocka_unit_test(one_liar_of_sixteen_leaves_a_client_its_floor),
		cmocka_unit_test(a_burst_that_is_over_is_not_counted_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
