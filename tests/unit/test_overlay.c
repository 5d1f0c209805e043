/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Neighbours of a larger mesh: as many as wanted, half of them near once round trips are known, and never two parts. */
#include "mesh_world.h"
#include "node_internal.h"
#include "vector.h"
#include "world_asks.h"

#define NODES 16
#define SITES 4

static bool moved; /* as if the lines had: whoever was near is not any more */

static unsigned int site_of(unsigned int n)
{
	return moved ? n / (NODES / SITES) : n % SITES;
}

static double apart_ms(unsigned int from, unsigned int to)
{
	return site_of(from) == site_of(to) ? 1 : 60;
}

static struct world *sites_make(void)
{
	const struct world_options options = {
		.nodes = NODES, .seed = 1, .delay_ms_between = apart_ms, .thresholds = world_thresholds,
		.publish = PUBLISH_ALL,
	};

	return world_make(&options);
}

static unsigned int number_of(struct world *world, uint64_t id)
{
	unsigned int n = 0;

	while (world_certificate(world, n)->id != id)
		n++;
	return n;
}

/* Who is reached from node 0 along neighbours that have agreed. */
static unsigned int reached(struct world *world)
{
	unsigned int queue[NODES] = { 0 }, count = 1;
	bool seen[NODES] = { true };

	for (unsigned int at = 0; at < count; at++) {
		const struct node *node = world_node(world, queue[at]);

		for (uint32_t i = 0; i < node->member->links_count; i++) {
			const unsigned int n = number_of(world, node->member->table[node->member->links[i].member].id);

			if (node->member->links[i].agreed && !seen[n]) {
				seen[n] = true;
				queue[count++] = n;
			}
		}
	}
	return count;
}

struct neighbours {
	unsigned int near, far; /* of the three members of each one's own site and the others */
};

static struct neighbours neighbours_of_all(struct world *world)
{
	struct neighbours all = { .near = 0 };

	for (unsigned int n = 0; n < NODES; n++) {
		const struct node *node = world_node(world, n);

		for (uint32_t i = 0; i < node->member->links_count; i++) {
			const unsigned int other = number_of(world,
							     node->member->table[node->member->links[i].member].id);

			all.near += node->member->links[i].agreed && site_of(n) == site_of(other);
			all.far += node->member->links[i].agreed && site_of(n) != site_of(other);
		}
	}
	return all;
}

static void far_neighbours_are_swapped_for_near_ones(void **state)
{
	struct world *world = sites_make();
	struct neighbours first, before, after;

	(void)state;
	world_run(world, 4);
	first = neighbours_of_all(world);
	moved = true;
	before = neighbours_of_all(world);
	for (unsigned int tick = 0; tick < 1500; tick++) {
		world_run(world, 0.2);
		assert_int_equal(reached(world), NODES);
		for (unsigned int n = 0; n < NODES; n++)
			assert_true(world_node(world, n)->member->links_count <= NEIGHBOURS_MAX);
	}
	after = neighbours_of_all(world);
	print_message("# neighbours: %u near and %u far; the lines change: %u and %u; five minutes later %u and %u\n",
		      first.near, first.far, before.near, before.far, after.near, after.far);
	assert_true(2 * before.near < first.near);
	assert_true(4 * after.near > 3 * first.near);
	assert_true(2 * after.far > first.far); /* what was drawn from all stays */
	world_free(world);
	moved = false;
}

/* The one that is to go stays until the nearer one has agreed, and goes then; one that never answers is forgotten. */
static void who_goes_goes_last(void **state)
{
	static const bool answers[] = { true, false };

	(void)state;
	for (unsigned int i = 0; i < ROWS(answers); i++) {
		struct world *world = sites_make();
		struct node *node = world_node(world, 0);
		const uint8_t agree[] = { 2 };
		struct link *link;
		uint16_t instead = MEMBER_NONE, nearer = MEMBER_NONE;

		world_run(world, 4);
		for (uint32_t k = 0; k < node->member->links_count; k++)
			instead = node->member->links[k].agreed ? node->member->links[k].member : instead;
		for (uint16_t m = 1; m < node->member->high; m++)
			nearer = link_find(node, m) ? nearer : m;
		assert_true(instead != MEMBER_NONE && nearer != MEMBER_NONE &&
			    node->member->links_count < NEIGHBOURS_MAX);
		link = &node->member->links[node->member->links_count++];
		*link = (struct link){
			.member = nearer, .ours = true, .nearest = true, .instead = instead,
			.since = world_now(world).mono
		};
		if (answers[i])
			assert_int_equal(overlay_receive(node, &(struct arrival){ .now = world_now(world),
										  .member = nearer,
										  .bytes = agree,
										  .size = sizeof(agree) }),
					 REJECT_NONE);
		assert_true((link_find(node, instead) == NULL) == answers[i]);
		if (!answers[i]) {
			link->since.ns -= 2 * NS_PER_S;
			overlay_tick(node, world_now(world));
			assert_null(link_find(node, nearer));
			assert_non_null(link_find(node, instead));
		}
		world_free(world);
	}
}

static bool is_left(unsigned int n)
{
	return n < NODES / 2;
}

static void cut_in_two(struct world *world, bool cut)
{
	for (unsigned int a = 0; a < NODES; a++) {
		for (unsigned int b = 0; b < NODES; b++) {
			if (is_left(a) && !is_left(b))
				world_cut(world, (int)a, (int)b, cut);
		}
	}
}

static unsigned int neighbours_across(struct world *world)
{
	unsigned int across = 0;

	for (unsigned int n = 0; n < NODES; n++) {
		const struct node *node = world_node(world, n);

		for (uint32_t i = 0; i < node->member->links_count; i++)
			across += node->member->links[i].agreed &&
				  is_left(n) !=
					  is_left(number_of(world,
							    node->member->table[node->member->links[i].member].id));
	}
	return across;
}

static struct world *even_make(uint64_t seed)
{
	const struct world_options options = {
		.nodes = NODES, .seed = seed, .delay_ms = 20, .thresholds = world_thresholds,
		.publish = PUBLISH_ALL,
	};

	return world_make(&options);
}

/*
 * Each side has as many neighbours as it wants, and nobody is nearer than another: it takes memory, or a second
 * look, to find the other side. A restarted member remembers nobody.
 */
static void what_was_cut_in_two_becomes_one(void **state)
{
	static const struct {
		double cut_s;
		bool all_start_again;
	} rows[] = { { 4, false }, { 15, false }, { 60, false }, { 60, true } };

	(void)state;
	for (unsigned int i = 0; i < ROWS(rows); i++) {
		struct world *world = even_make(i + 1);
		const struct key pair = world_key(1, 1);
		unsigned int ticks = 0;

		world_run(world, 10);
		cut_in_two(world, true);
		world_run(world, rows[i].cut_s);
		for (unsigned int n = 0; rows[i].all_start_again && n < NODES; n++)
			world_restart(world, n);
		world_run(world, 3);
		assert_int_equal(neighbours_across(world), 0);
		world_packet(world, 0, &pair);
		world_packet(world, NODES - 1, &pair);
		cut_in_two(world, false);
		for (; (reached(world) < NODES || !ledgers_equal(world, NODES)) && ticks < 50; ticks++)
			world_run(world, 0.2);
		print_message("# cut for %.0f s%s: one mesh %.1f s after it\n", rows[i].cut_s,
			      rows[i].all_start_again ? ", all started again in it" : "", 0.2 * ticks);
		assert_true(ticks < 50);
		world_run(world, 120);
		for (unsigned int n = 0; n < NODES;
		     n++) /* those that were found again are no neighbours beside the new ones for good */
			assert_true(world_node(world, n)->member->links_count <= 12);
		world_free(world);
	}
}

/* Without one neighbour on the other side: by comparing with any member. */
static void ledgers_are_equal_although_neighbours_are_not_mixed(void **state)
{
	struct world *world = even_make(1);
	const struct key pair = world_key(1, 1);

	(void)state;
	world_run(world, 30);
	for (unsigned int tick = 0; tick < 100; tick++) {
		if (tick < 50 && tick % 5 == 0)
			world_packet(world, tick % NODES, &pair);
		for (unsigned int n = 0; n < NODES; n++) {
			struct node *node = world_node(world, n);

			for (uint32_t i = 0; i < node->member->links_count;) {
				if (is_left(n) ==
				    is_left(number_of(world, node->member->table[node->member->links[i].member].id)))
					i++;
				else
					node->member->links[i] = node->member->links[--node->member->links_count];
			}
			overlay_init(node);
		}
		world_run(world, 0.2);
	}
	assert_true(packets_at(world, 0, &pair) == 10);
	assert_true(ledgers_equal(world, NODES));
	world_free(world);
}

/* A neighbour that is silent is asked for less and less, and not at all when it left. */
static void the_lost_are_asked_for_seldom_in_the_end(void **state)
{
	struct world *world = even_make(1);
	struct node *node = world_node(world, 0);
	struct instant due[NEIGHBOURS_MAX] = { { 0 } };
	unsigned int lost = 0, asked = 0;

	(void)state;
	world_run(world, 10);
	for (unsigned int n = 1; n < NODES; n++)
		world_stop(world, n);
	world_run(world, 40);
	for (unsigned int tick = 0; tick < 400; tick++) {
		world_run(world, 0.2);
		for (unsigned int i = 0; i < NEIGHBOURS_MAX; i++) {
			asked += tick > 0 && node->spread->lost[i].due.ns != due[i].ns;
			due[i] = node->spread->lost[i].due;
		}
	}
	for (unsigned int i = 0; i < NEIGHBOURS_MAX; i++)
		lost += node->spread->lost[i].member != MEMBER_NONE;
	print_message("# %u neighbours fell silent: asked for %u times in 80 s\n", lost, asked);
	assert_true(lost >= 5 && asked >= 9 * lost && asked <= 10 * lost);
	for (uint16_t m = 1; m < node->member->high; m++)
		node->member->table[m].state = MEMBER_LEFT;
	world_run(world, 0.4);
	for (unsigned int i = 0; i < NEIGHBOURS_MAX; i++)
		assert_int_equal(node->spread->lost[i].member, MEMBER_NONE);
	world_free(world);
}

/* An announcement names no boot: the reader takes the running one. So a frame of an earlier boot is not announced. */
static void frames_of_an_ended_boot_are_not_announced(void **state)
{
	struct world *world = sites_make();
	struct node *node = world_node(world, 0);
	struct out out = { .kind = OUT_IHAVE, .ihave = { .first = 0, .count = 1 } };
	const struct departure departure = { .out = &out };
	uint8_t plain[DATAGRAM_BYTES_MAX];
	struct link *link;
	uint16_t owner = 1;

	(void)state;
	world_run(world, 4);
	assert_true(node->member->links_count > 0);
	link = &node->member->links[0];
	owner += link->member == owner;
	link->lazy[owner / 64] |= 1ULL << owner % 64;
	out.target = link->member;
	for (uint64_t before = 0; before < 2; before++) {
		node->member->table[owner].boot = 7;
		node->spread->fresh[0] = (struct fresh){ .origin = owner * INCARNATIONS_MAX,
							 .from = owner,
							 .sequence = (7 - before) << SEQUENCE_BOOT_SHIFT | 5 };
		node->spread->fresh_next = 1;
		assert_int_equal(tree_write_ihave(node, &departure, plain), before ? 0 : 1 + IHAVE_ROW_BYTES);
	}
	world_free(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_of_an_ended_boot_are_not_announced),
		cmocka_unit_test(far_neighbours_are_swapped_for_near_ones),
		cmocka_unit_test(who_goes_goes_last),
		cmocka_unit_test(what_was_cut_in_two_becomes_one),
		cmocka_unit_test(ledgers_are_equal_although_neighbours_are_not_mixed),
		cmocka_unit_test(the_lost_are_asked_for_seldom_in_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
