/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Nodes of one mesh with other widths: refused, and named on both sides, though one alone greets; the others meet each
 * other all the same.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "mesh_world.h"

#define NODES 3
#define OTHER 2 /* the last */

static struct world *world_of(uint8_t last_client_bits)
{
	const struct world_options options = { .nodes = NODES,
					       .seed = 1,
					       .delay_ms = 10,
					       .thresholds = world_thresholds,
					       .last_client_bits = last_client_bits };

	return world_make(&options);
}

static unsigned int members_up(struct world *world, unsigned int n)
{
	struct member_view view;
	unsigned int up = 0;
	uint32_t cursor = 0;

	while (node_next_member(world_node(world, n), world_now(world), &cursor, &view))
		up += view.up && !view.self;
	return up;
}

/* Events that name a node as refused for its widths, since the last look. */
static unsigned int told(struct world *world, unsigned int n)
{
	struct node_event event;
	unsigned int times = 0;

	while (node_next_event(world_node(world, n), &event)) {
		if (event.kind != EVENT_MEMBER_WIDTHS)
			continue;
		assert_true(strcmp(event.member, "node-2") == 0 || n == OTHER);
		times++;
	}
	return times;
}

static bool is_seen(struct world *world, unsigned int n, const char *name)
{
	struct misfit_view view;
	uint32_t cursor = 0;

	while (node_next_misfit(world_node(world, n), &cursor, &view)) {
		if (strcmp(view.member, name) == 0)
			return true;
	}
	return false;
}

static uint64_t rejected(struct world *world, unsigned int n, enum reject reason)
{
	struct node_counters counters;

	node_read_counters(world_node(world, n), &counters);
	return counters.rejects[reason];
}

static void nodes_of_other_widths_are_refused_and_named_on_both_sides(void **state)
{
	struct world *world = world_of(56);
	const struct key pair = world_key(1, 1);
	struct key_view view;

	(void)state;
	for (unsigned int i = 0; i < 100; i++) {
		world_packet(world, OTHER, &pair);
		world_run(world, 0.1);
	}
	for (unsigned int n = 0; n < NODES; n++) {
		assert_int_equal(members_up(world, n), n == OTHER ? 0 : 1);
		assert_true(rejected(world, n, REJECT_WIDTHS) > 0);
		assert_int_equal(rejected(world, n, REJECT_MESH), 0);
		assert_int_equal(is_seen(world, n, "node-2"), n != OTHER);
		assert_int_equal(is_seen(world, n, "node-0"), n == OTHER);
		assert_int_equal(is_seen(world, n, "node-1"), n == OTHER);
	}
	assert_false(node_find_key(world_node(world, 0), world_now(world), &pair, &view)); /* nothing of it counts */
	assert_int_equal(told(world, 0), 1);
	assert_int_equal(told(world, 1), 1);
	assert_int_equal(told(world, OTHER), 2);
	world_run(world, 60); /* while it goes on greeting, nothing is said again */
	assert_true(is_seen(world, 0, "node-2"));
	for (unsigned int n = 0; n < NODES; n++)
		assert_int_equal(told(world, n), 0);
	world_stop(world, OTHER);
	world_run(world, 30);
	assert_false(is_seen(world, 0, "node-2"));
	assert_false(is_seen(world, 1, "node-2"));
	world_free(world);
}

static void equal_widths_are_no_reason(void **state)
{
	struct world *world = world_of(0);

	(void)state;
	world_run(world, 5);
	for (unsigned int n = 0; n < NODES; n++) {
		assert_int_equal(members_up(world, n), NODES - 1);
		assert_int_equal(rejected(world, n, REJECT_WIDTHS), 0);
		assert_false(is_seen(world, n, "node-2"));
	}
	world_free(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nodes_of_other_widths_are_refused_and_named_on_both_sides),
		cmocka_unit_test(equal_widths_are_no_reason),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
