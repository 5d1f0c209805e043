/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What is lost on the way to a node, and what it does about it: copies, relays, two that are asked. */
#include "mesh_world.h"
#include "node_internal.h"
#include "vector.h"

#define PATHS 5

/* A node that has heard four others for two seconds, and nothing was lost. */
static struct world *quiet_world(double loss)
{
	struct world_options options = {
		.nodes = PATHS, .seed = 1, .delay_ms = 10, .loss = loss, .thresholds = world_thresholds
	};
	struct world *world = world_make(&options);

	world_run(world, 2);
	return world;
}

/* One second in which the k-th member sent so many and so many were heard. */
static void path_set(struct node *node, unsigned int k, uint64_t sent, uint32_t heard)
{
	struct member *member = &node->member->table[k];

	member->path = (struct path_loss){ .measured = true, .highest = member->anti_replay.highest, .heard = heard };
	member->anti_replay.highest += sent;
}

static void copies_follow_from_what_is_lost(void **state)
{
	static const struct row {
		uint64_t sent[PATHS - 1];
		uint32_t heard[PATHS - 1];
		uint32_t loss;
		uint8_t copies;
	} rows[] = {
		/* 0: nothing */ { { 1000, 1000, 1000, 1000 }, { 1000, 1000, 1000, 1000 }, 0, 1 },
		/* 1 */ { { 1000, 1000, 1000, 1000 }, { 996, 996, 996, 996 }, LOSS_FEW - 1, 1 },
		/* 2 */ { { 1000, 1000, 1000, 1000 }, { 995, 995, 995, 995 }, LOSS_FEW, 2 },
		/* 3 */ { { 1000, 1000, 1000, 1000 }, { 951, 951, 951, 951 }, LOSS_SOME - 1, 2 },
		/* 4 */ { { 1000, 1000, 1000, 1000 }, { 950, 950, 950, 950 }, LOSS_SOME, COPIES_MAX },
		/* 5: one bad line is left out */ { { 1000, 1000, 1000, 1000 }, { 100, 1000, 1000, 1000 }, 0, 1 },
		/* 6: so is a counter that leaps */
		{ { 1ULL << 60, 1000, 1000, 1000 }, { 10, 1000, 1000, 1000 }, 0, 1 },
		/* 7: of two the better counts */ { { 1000, 1000, 1000, 1000 }, { 100, 910, 1000, 1000 }, 30, 2 },
		/* 8: more heard than sent: late ones of the second before */
		{ { 10, 10, 10, 10 }, { 90, 90, 90, 90 }, 0, 1 },
		/* 9: too few sent to tell, of all but two: their mean */
		{ { 5, 5, 1000, 1000 }, { 0, 0, 980, 1000 }, 10, 2 },
		/* 10: too few of all */ { { 5, 5, 5, 5 }, { 0, 0, 0, 0 }, 0, 1 },
	};

	(void)state;
	for (unsigned int i = 0; i < ROWS(rows); i++) {
		struct world *world = quiet_world(0);
		struct node *node = world_node(world, 0);

		for (unsigned int k = 0; k < PATHS - 1; k++)
			path_set(node, k + 1, rows[i].sent[k], rows[i].heard[k]);
		loss_second(node, world_now(world));
		if (node->spread->loss != rows[i].loss || node->spread->copies != rows[i].copies)
			fail_msg("row %u: %u lost, %u copies", i, node->spread->loss, node->spread->copies);
		world_free(world);
	}
}

/* A member that starts anew, or is heard for the first time, has not lost what was sent before. */
static void what_was_sent_before_is_not_lost(void **state)
{
	struct world *world = quiet_world(0);
	struct node *node = world_node(world, 0);

	(void)state;
	world_restart(world, 1);
	for (unsigned int tenth = 0; tenth < 50; tenth++) {
		world_run(world, 0.1);
		assert_int_equal(node->spread->loss, 0);
		assert_int_equal(world_node(world, 1)->spread->loss, 0); /* the others' counters go on */
	}
	world_free(world);
}

static void many_frames_are_not_copied(void **state)
{
	struct world *world = quiet_world(0);
	struct node *node = world_node(world, 0);

	(void)state;
	for (unsigned int more = 0; more < 3; more++) {
		for (unsigned int k = 1; k < PATHS; k++)
			path_set(node, k, 1000, 900);
		node->spread->eager_first = COPIED_PER_S + more;
		node->spread->repaired_first = more == 2 ? COPIED_PER_S / 10 : 0; /* not even when many are asked for */
		loss_second(node, world_now(world));
		assert_int_equal(node->spread->loss, 100);
		assert_int_equal(node->spread->copies, more ? 1 : COPIES_MAX);
	}
	world_free(world);
}

static uint64_t relayed(struct world *world)
{
	struct node_counters counters;
	uint64_t sum = 0;

	for (unsigned int n = 0; n < PATHS; n++) {
		node_read_counters(world_node(world, n), &counters);
		sum += counters.frames_relayed;
	}
	return sum;
}

/* All that is counted is told, so frames leave in each tick. */
static void count_everywhere(struct world *world, double seconds)
{
	const struct key pair = world_key(1, 1);

	for (unsigned int n = 0; n < PATHS; n++)
		world_node(world, n)->config.publish = PUBLISH_ALL;
	for (unsigned int i = 0; i < seconds * 20; i++) {
		world_packet(world, i % PATHS, &pair);
		world_run(world, 0.05);
	}
}

/*
 * In a small mesh nobody hands on what all get from the origin, unless something is lost, and then those who were
 * asked.
 */
static void a_small_mesh_hands_on_where_frames_are_lost(void **state)
{
	(void)state;
	for (unsigned int lossy = 0; lossy < 2; lossy++) {
		struct world *world = quiet_world(lossy ? 0.1 : 0);
		unsigned int wanted = 0;

		world_run(world, 4);
		count_everywhere(world, 3);
		for (unsigned int k = 1; k < PATHS; k++)
			wanted += world_node(world, 0)->member->table[k].relay_wanted;
		assert_int_equal(wanted, lossy ? COPIES_MAX : 0);
		assert_true(lossy ? relayed(world) > 100 : relayed(world) == 0);
		world_free(world);
	}
}

static unsigned int wants_out(const struct node *node)
{
	const struct out_ring *ring = &node->outbox->rings[CLASS_REPAIR];
	unsigned int wants = 0;

	for (uint32_t i = 0; i < ring->count; i++)
		wants += ring->items[(ring->head + i) % ring->size].kind == OUT_REQUEST;
	return wants;
}

static void where_frames_are_lost_two_are_asked(void **state)
{
	(void)state;
	for (uint8_t copies = 1; copies <= 2; copies++) {
		struct world *world = quiet_world(0);
		struct node *node = world_node(world, 0);
		struct now now;
		uint32_t origin;

		count_everywhere(world, 1);
		now = world_now(world);
		origin = origin_find(node, 1, node->member->table[1].incarnation);
		assert_true(origin != INDEX_NONE);
		node->spread->copies = copies;
		origin_claim(&node->count->origins[origin], origin_highest(&node->count->origins[origin]) + 1);
		repair_note(node, now, origin, 1, 0);
		repair_turn(node, now);
		assert_int_equal(wants_out(node), copies);
		world_free(world);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(copies_follow_from_what_is_lost),
		cmocka_unit_test(what_was_sent_before_is_not_lost),
		cmocka_unit_test(many_frames_are_not_copied),
		cmocka_unit_test(a_small_mesh_hands_on_where_frames_are_lost),
		cmocka_unit_test(where_frames_are_lost_two_are_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
