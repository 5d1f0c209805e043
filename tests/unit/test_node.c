/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The node among others: what every ledger holds after loss, cuts, restarts and forgery. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "mesh_world.h"
#include "seal.h"
#include "world_asks.h"

static struct world_options options_of(unsigned int nodes)
{
	return (struct world_options){ .nodes = nodes, .seed = 1, .delay_ms = 10, .thresholds = world_thresholds };
}

/* Packets of a key in a ledger, all cells; each slot is held against the truth, which no ledger may exceed. */
static uint64_t ledger_packets(struct world *world, unsigned int n, const struct key *key)
{
	struct cell_view cell;
	uint64_t packets = 0, slot = 0, in_slot = 0;
	uint32_t cursor = 0;

	while (node_next_cell(world_node(world, n), key, &cursor, &cell)) {
		packets += cell.packets;
		in_slot = cell.slot == slot ? in_slot + cell.packets : cell.packets;
		slot = cell.slot;
		/* A harvest over a boundary divides by time: the parts may be off by one, the sum is not. */
		assert_true(in_slot <= world_truth(world, key, slot) + world_truth(world, key, slot + 1));
	}
	return packets;
}

static void members_meet_through_one_address(void **state)
{
	struct world_options options = options_of(5);
	struct world *world = world_make(&options);

	(void)state;
	world_run(world, 2);
	for (unsigned int n = 0; n < 5; n++)
		assert_int_equal(members_up(world, n), 4);
	world_free(world);
}

static void all_ledgers_hold_what_each_counted(void **state)
{
	const struct key pair = world_key(1, 1);
	struct world_options options = options_of(5);
	struct world *world = world_make(&options);

	(void)state;
	world_run(world, 1);
	const unsigned int sent = offer(world, 5, &pair, 100, 6);

	world_run(world, 0.5);
	for (unsigned int n = 0; n < 5; n++)
		assert_int_equal(ledger_packets(world, n, &pair), sent);
	assert_true(ledgers_equal(world, 5));
	world_free(world);
}

static void loss_and_duplication_change_no_count(void **state)
{
	const struct key pair = world_key(1, 1), other = world_key(2, 1);
	struct world_options options = options_of(4);

	(void)state;
	options.loss = 0.3;
	options.duplication = 0.5;
	options.delay_ms = 80;
	for (options.seed = 1; options.seed <= 5; options.seed++) {
		struct world *world = world_make(&options);

		world_run(world, 4);
		const unsigned int sent = offer(world, 4, &pair, 50, 5) + 0 * offer(world, 2, &other, 20, 1);

		world_run(world, 5);
		for (unsigned int n = 0; n < 4; n++)
			assert_int_equal(ledger_packets(world, n, &pair), sent);
		assert_true(ledgers_equal(world, 4));
		world_free(world);
	}
}

static void a_node_cut_off_agrees_again_within_two_seconds(void **state)
{
	const struct key pair = world_key(1, 1);
	struct world_options options = options_of(3);
	struct world *world = world_make(&options);

	(void)state;
	world_run(world, 1);
	world_cut(world, 2, -1, true);
	offer(world, 3, &pair, 60, 9);
	assert_false(ledgers_equal(world, 3));
	assert_int_equal(members_up(world, 0), 1);
	world_cut(world, 2, -1, false);
	world_run(world, 2);
	assert_true(ledgers_equal(world, 3));
	world_free(world);
}

static void two_nodes_cut_from_each_other_agree_through_a_third(void **state)
{
	const struct key pair = world_key(1, 1);
	struct world_options options = options_of(3);
	struct world *world = world_make(&options);
	struct node_counters counters;

	(void)state;
	world_run(world, 1);
	world_cut(world, 0, 1, true);
	offer(world, 3, &pair, 60, 6);
	world_run(world, 2);
	assert_true(ledgers_equal(world, 3));
	node_read_counters(world_node(world, 0), &counters);
	assert_true(counters.frames_repaired > 0);
	world_free(world);
}

static void a_restart_counts_nothing_twice_and_forgets_nothing(void **state)
{
	const struct key pair = world_key(1, 1);
	struct world_options options = options_of(3);
	struct world *world = world_make(&options);
	unsigned int sent;

	(void)state;
	world_run(world, 1);
	sent = offer(world, 3, &pair, 90, 5);
	world_restart(world, 1);
	sent += offer(world, 3, &pair, 90, 5);
	world_run(world, 1.5);
	for (unsigned int n = 0; n < 3; n++)
		assert_int_equal(ledger_packets(world, n, &pair), sent);
	assert_true(ledgers_equal(world, 3));
	world_free(world);
}

static void a_spread_client_is_over_its_rate_everywhere(void **state)
{
	const struct key bot = world_key(1, 1), honest = world_key(2, 1), elsewhere = world_key(3, 1);
	struct world_options options = options_of(4);
	struct world *world = world_make(&options);
	struct key_view view;

	(void)state;
	world_run(world, 1);
	for (int i = 0; i < 600; i++) { /* 200/s of the bot, 50/s of the honest client, over 4 nodes */
		world_packet(world, (unsigned int)i % 4, &bot);
		world_packet(world, 0, &elsewhere); /* the other nodes count none of it */
		if (i % 4 == 0)
			world_packet(world, (unsigned int)i / 4 % 4, &honest);
		world_run(world, 0.005);
	}
	for (unsigned int n = 0; n < 4; n++) {
		assert_true(node_find_key(world_node(world, n), world_now(world), &bot, &view));
		assert_true(view.over);
		assert_true(fabs(view.rate - 200) < 10);
		assert_int_equal(view.origins, 4);
		assert_true(node_find_key(world_node(world, n), world_now(world), &honest, &view));
		assert_false(view.over);
		assert_true(fabs(view.rate - 50) < 5);
		assert_true(view.own);
		assert_true(node_find_key(world_node(world, n), world_now(world), &elsewhere, &view));
		assert_int_equal(view.own, n == 0);
	}
	world_free(world);
}

static void fair_gives_every_proxy_the_same_shares(void **state)
{
	struct world_options options = options_of(3);
	struct world *world = world_make(&options);
	struct key_view view;

	(void)state;
	options.thresholds.destination_rate = 1000;
	world_run(world, 1);
	/* 50 bots at 40/s (2000/s) and 10 honest clients at 10/s: the level is (1000 - 100) / 50 = 18. */
	for (int i = 0; i < 4 * 40; i++) {
		for (unsigned int c = 0; c < 50; c++) {
			const struct key bot = world_key(c, 1);

			world_packet(world, ((unsigned int)i + c) % 3, &bot);
		}
		for (unsigned int c = 100; c < 110 && i % 4 == 0; c++) {
			const struct key honest = world_key(c, 1);

			world_packet(world, c % 3, &honest);
		}
		world_run(world, 0.025);
	}
	for (unsigned int n = 0; n < 3; n++) {
		const struct key bot = world_key(7, 1), honest = world_key(105, 1);

		assert_true(node_find_key(world_node(world, n), world_now(world), &bot, &view));
		assert_true(fabs(view.share - 18.0 / 40) < 0.03);
		assert_true(node_find_key(world_node(world, n), world_now(world), &honest, &view));
		assert_true(view.share == 1);
	}
	world_free(world);
}

static void a_rolling_restart_forgets_nothing(void **state)
{
	static const double gaps_s[] = { 0.8, 1.2, 1.6, 2 };
	const struct key pair = world_key(1, 1);

	(void)state;
	for (size_t gap = 0; gap < sizeof(gaps_s) / sizeof(gaps_s[0]); gap++) {
		for (uint64_t seed = 1; seed <= 3; seed++) {
			struct world_options options = options_of(4);
			struct world *world;
			unsigned int sent;

			options.seed = seed;
			options.delay_ms = 20;
			world = world_make(&options);
			world_run(world, 1);
			sent = offer(world, 4, &pair, 50, 6);
			for (unsigned int n = 0; n < 4; n++) {
				world_restart(world, n);
				world_run(world, gaps_s[gap]);
			}
			world_run(world, 4);
			for (unsigned int n = 0; n < 4; n++) {
				if (ledger_packets(world, n, &pair) != sent)
					fail_msg("%.1f s apart, seed %u: node %u holds %u of %u", gaps_s[gap],
						 (unsigned int)seed, n, (unsigned int)ledger_packets(world, n, &pair),
						 sent);
			}
			assert_true(ledgers_equal(world, 4));
			world_free(world);
		}
	}
}

static void an_own_cells_first_is_what_was_told_first(void **state)
{
	const struct key pair = world_key(1, 1);
	struct world_options options = options_of(1);
	struct world *world = world_make(&options);
	struct node *node = world_node(world, 0);
	const struct now now = world_now(world);
	const uint64_t slot = mesh_slot_at(world_mesh(world), now.mesh);
	const struct instant begins = mesh_slot_start(world_mesh(world), slot),
			     later = instant_after(begins, duration_ms(2000));
	struct cell_view cell;
	uint32_t cursor = 0;

	(void)state;
	assert_true(node_observe(node, now, &pair, slot, later, later, 3));
	assert_true(node_observe(node, now, &pair, slot, begins, later, 5));
	assert_true(node_next_cell(node, &pair, &cursor, &cell));
	assert_int_equal(cell.packets, 5);
	assert_int_equal(cell.first.ns, later.ns);
	/* In the next slot it counts anew. */
	assert_true(node_observe(node, now, &pair, slot + 1, mesh_slot_start(world_mesh(world), slot + 1),
				 mesh_slot_start(world_mesh(world), slot + 1), 1));
	assert_true(node_next_cell(node, &pair, &cursor, &cell));
	assert_int_equal(cell.first.ns, mesh_slot_start(world_mesh(world), slot + 1).ns);
	world_free(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_meet_through_one_address),
		cmocka_unit_test(all_ledgers_hold_what_each_counted),
		cmocka_unit_test(loss_and_duplication_change_no_count),
		cmocka_unit_test(a_node_cut_off_agrees_again_within_two_seconds),
		cmocka_unit_test(two_nodes_cut_from_each_other_agree_through_a_third),
		cmocka_unit_test(a_restart_counts_nothing_twice_and_forgets_nothing),
		cmocka_unit_test(a_spread_client_is_over_its_rate_everywhere),
		cmocka_unit_test(fair_gives_every_proxy_the_same_shares),
		cmocka_unit_test(a_rolling_restart_forgets_nothing),
		cmocka_unit_test(an_own_cells_first_is_what_was_told_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
