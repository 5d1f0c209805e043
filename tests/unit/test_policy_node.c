/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The policy in the node: when it comes into force, what is told, and how low one member's lies can push a client. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include <xpro/record.h>

#include "mesh_world.h"

static struct policy_document document;

static struct world *world_of(unsigned int nodes, uint32_t pair_rate, uint32_t destination_rate)
{
	struct world_options options = {
		.nodes = nodes, .seed = 1, .delay_ms = 10, .thresholds = world_thresholds, .publish = PUBLISH_ALL
	};
	struct world *world;

	options.thresholds.pair_rate = pair_rate;
	options.thresholds.destination_rate = destination_rate;
	document = (struct policy_document){ .version = 1, .defaults = options.thresholds };
	world = world_make(&options);
	world_run(world, 1);
	return world;
}

static struct policy_rule *rule_add(enum policy_side side, enum policy_kind kind, const struct address *address)
{
	struct policy_rule *rule = &document.rules[document.rules_count++];

	*rule = (struct policy_rule){ .prefix = { *address, 128 }, .side = (uint8_t)side, .kind = (uint8_t)kind };
	return rule;
}

static uint64_t slot_of(const struct world *world)
{
	return mesh_slot_at(world_mesh(world), world_now(world).mesh);
}

/* `rate` packets a second of a pair at a node, for some seconds. */
static void send_for(struct world *world, unsigned int n, const struct key *pair, double rate, double seconds)
{
	for (int i = 0; i < (int)(rate * seconds + 0.5); i++) {
		world_packet(world, n, pair);
		world_run(world, 1 / rate);
	}
}

static struct key_view view_at(struct world *world, unsigned int n, const struct key *key)
{
	struct key_view view = { .over = false };

	assert_true(node_find_key(world_node(world, n), world_now(world), key, &view));
	return view;
}

static unsigned int events_of(struct world *world, unsigned int n, enum node_event_kind kind,
			      struct node_event *ret_last)
{
	struct node_event event;
	unsigned int found = 0;

	while (node_next_event(world_node(world, n), &event)) {
		if (event.kind != kind)
			continue;
		*ret_last = event;
		found++;
	}
	return found;
}

static void a_policy_comes_into_force_at_its_slot_everywhere(void **state)
{
	const struct key pair = world_key(1, 1);
	struct world *world = world_of(3, 100, 1000);
	struct node_event event = { .kind = EVENT_COUNT };

	(void)state;
	document.effective_slot = slot_of(world) + 2;
	rule_add(POLICY_CLIENT, POLICY_OVERRIDE, &pair.client)->fields = POLICY_PAIR_RATE;
	document.rules[0].pair_rate = 20;
	for (unsigned int n = 0; n < 3; n++)
		assert_int_equal(node_set_policy(world_node(world, n), world_now(world), &document), 0);
	while (slot_of(world) < document.effective_slot) {
		assert_non_null(node_policy_next(world_node(world, 1)));
		send_for(world, 0, &pair, 40, 0.5);
		if (slot_of(world) < document.effective_slot)
			assert_false(view_at(world, 1, &pair).over);
	}
	send_for(world, 0, &pair, 40, 0.5);
	for (unsigned int n = 0; n < 3; n++) {
		assert_true(view_at(world, n, &pair).over);
		assert_true(view_at(world, n, &pair).limit == 20);
		assert_int_equal(node_policy(world_node(world, n))->version, 1);
		assert_null(node_policy_next(world_node(world, n)));
		assert_int_equal(events_of(world, n, EVENT_POLICY, &event), 1);
		assert_int_equal(event.policy_version, 1);
	}
	world_free(world);
}

static void older_and_unsound_policies_are_refused(void **state)
{
	struct world *world = world_of(1, 100, 1000);
	struct node *node = world_node(world, 0);

	(void)state;
	document.version = 5;
	assert_int_equal(node_set_policy(node, world_now(world), &document), 0);
	assert_int_equal(node_set_policy(node, world_now(world), &document), -ESTALE);
	document.version = 4;
	assert_int_equal(node_set_policy(node, world_now(world), &document), -ESTALE);
	document.version = 0; /* the proxy's own, below the mesh's */
	assert_int_equal(node_set_policy(node, world_now(world), &document), -ESTALE);
	document.version = 7;
	document.effective_slot = slot_of(world) + 3;
	assert_int_equal(node_set_policy(node, world_now(world), &document), 0);
	document.version = 6; /* older than the one that waits */
	assert_int_equal(node_set_policy(node, world_now(world), &document), -ESTALE);
	document.version = 8;
	document.defaults.pair_min_window = duration_ms(3000);
	assert_int_equal(node_set_policy(node, world_now(world), &document), -EINVAL);
	assert_int_equal(node_policy(node)->version, 5);
	world_free(world);
}

/*
 * An entry tells few generations of the policy apart: however many come between two looks at it, it is judged by the
 * one in force.
 */
static void a_key_not_looked_at_while_policies_come_and_go_is_judged_by_the_last(void **state)
{
	const struct key pair = world_key(1, 1), other = world_key(2, 1);

	(void)state;
	for (unsigned int changes = 1; changes <= 40; changes++) {
		struct world *world = world_of(1, 100, 1000);
		struct node *node = world_node(world, 0);

		send_for(world, 0, &pair, 50, 0.5);
		assert_true(view_at(world, 0, &pair).limit == 100);
		for (unsigned int i = 0; i < changes; i++) {
			/* Another class in front moves the numbers of all. */
			document.version++;
			document.rules_count = 0;
			if (i % 2 == 0)
				rule_add(POLICY_CLIENT, POLICY_OVERRIDE, &other.client)->fields = POLICY_PAIR_RATE;
			rule_add(POLICY_CLIENT, POLICY_OVERRIDE, &pair.client)->fields = POLICY_PAIR_RATE;
			document.rules[0].pair_rate = 999;
			document.rules[document.rules_count - 1].pair_rate = 10 + i;
			assert_int_equal(node_set_policy(node, world_now(world), &document), 0);
		}
		assert_true(view_at(world, 0, &pair).limit == 10 + changes - 1);
		world_free(world);
	}
}

static void a_change_of_policy_loses_no_count(void **state)
{
	const struct key pair = world_key(1, 1);
	struct world *world = world_of(2, 100, 1000);
	uint8_t before[HASH_BYTES], after[HASH_BYTES];

	(void)state;
	send_for(world, 0, &pair, 50, 2);
	world_run(world, 0.3);
	node_digest(world_node(world, 1), before);
	document.defaults.pair_rate = 7;
	assert_int_equal(node_set_policy(world_node(world, 1), world_now(world), &document), 0);
	node_digest(world_node(world, 1), after);
	assert_memory_equal(before, after, HASH_BYTES);
	assert_true(view_at(world, 1, &pair).limit == 7); /* at once, though no tick has passed */
	assert_true(view_at(world, 0, &pair).limit == 100);
	world_free(world);
}

static void a_listing_ends_within_a_tick(void **state)
{
	const struct key pair = world_key(1, 1);
	struct world *world = world_of(1, 100, 1000);
	struct node *node = world_node(world, 0);
	uint32_t generation;

	(void)state;
	rule_add(POLICY_CLIENT, POLICY_BLOCK, &pair.client)->until_s = (uint64_t)(world_now(world).mesh.ns / NS_PER_S) +
								       2;
	assert_int_equal(node_set_policy(node, world_now(world), &document), 0);
	generation = node_policy_generation(node);
	assert_int_equal(policy_listed(node_policy(node), node_policy_table(node), &pair.client, &pair.destination),
			 POLICY_BLOCKED);
	world_run(world, 2.25);
	assert_int_not_equal(node_policy_generation(node), generation);
	assert_int_equal(policy_listed(node_policy(node), node_policy_table(node), &pair.client, &pair.destination),
			 POLICY_UNLISTED);
	world_free(world);
}

/* ---- lies ---- */

static void lie(struct world *world, unsigned int n, const struct key *key, uint64_t packets)
{
	const struct now now = world_now(world);
	const struct instant first = mesh_slot_start(world_mesh(world), slot_of(world));

	assert_true(node_observe(world_node(world, n), now, key, slot_of(world), first, now.mesh, packets));
}

static struct change latest[2]; /* of the pair at nodes 0 and 2 */
static struct key watched;

static void watch(void *user, unsigned int n, const struct change *change, uint32_t harvested)
{
	(void)user, (void)harvested;
	if (n % 2 == 0 && n < 4 && key_equal(&change->key, &watched))
		latest[n / 2] = *change;
}

static void a_never_drop_client_over_its_rate_is_an_alarm_that_names_the_member(void **state)
{
	const struct key pair = world_key(1, 1);
	struct world *world = world_of(3, 100, 0);
	struct node_event event = { .kind = EVENT_COUNT };

	(void)state;
	rule_add(POLICY_CLIENT, POLICY_NEVER_DROP, &pair.client);
	for (unsigned int n = 0; n < 3; n++)
		assert_int_equal(node_set_policy(world_node(world, n), world_now(world), &document), 0);
	send_for(world, 0, &pair, 20, 1);
	assert_int_equal(events_of(world, 0, EVENT_NEVER_DROP_OVER, &event), 0);
	lie(world, 1, &pair, 100000);
	send_for(world, 0, &pair, 20, 1);
	assert_int_equal(events_of(world, 0, EVENT_NEVER_DROP_OVER, &event), 1);
	assert_string_equal(event.member, "node-1");
	assert_true(key_equal(&event.key, &pair));
	world_free(world);
}

static void one_liar_of_sixteen_pushes_a_client_to_the_floor_and_no_lower(void **state)
{
	struct world *world = world_of(16, 100, 0);

	(void)state;
	watched = world_key(1, 1);
	world_set_changes(world, watch, NULL);
	send_for(world, 0, &watched, 50, 2);
	assert_int_equal(latest[0].members, 1);
	lie(world, 1, &watched, UINT32_MAX);
	send_for(world, 0, &watched, 50, 1);
	assert_true(view_at(world, 0, &watched).over);
	assert_int_equal(latest[0].members, 2); /* the liar invents counts, but no other members */
	lie(world, 1, &watched, UINT32_MAX);
	send_for(world, 0, &watched, 300, 6); /* over by what this proxy saw itself: nobody's word is needed */
	assert_int_equal(latest[0].members, 1);
	send_for(world, 2, &watched, 20, 1); /* which another has not seen */
	assert_int_equal(latest[1].members, 3);
	world_free(world);
}

/* 20 clients at 10/s and 20 bots at 100/s, T_F2 = 1000: the level is near 40. The first client is node 0's alone. */
static void flood(struct world *world, double seconds)
{
	for (int i = 0; i < (int)(seconds * 100); i++) {
		for (unsigned int c = 0; c < 40; c++) {
			const struct key pair = world_key(c, 1);

			if (c >= 20 || i % 10 == (int)c % 10)
				world_packet(world, c == 0 ? 0 : (c + (unsigned int)i) % 4, &pair);
		}
		world_run(world, 0.01);
	}
}

static void a_liar_pushes_a_fair_share_to_the_floor_and_no_lower(void **state)
{
	struct world *world = world_of(4, 0, 1000);
	const struct key victim = world_key(0, 1);
	double share;

	(void)state;
	flood(world, 5);
	assert_true(view_at(world, 0, &victim).share == 1);
	for (int i = 0; i < 10; i++) {
		lie(world, 3, &victim, (uint64_t)(i + 1) * 1000000);
		flood(world, 0.2);
	}
	share = view_at(world, 0, &victim).share;
	assert_true(share < 1); /* the lie is believed that far */
	/* level / (kappa x 2 members): with one client more than anything, no lower than 30 / 8 of its 10 packets/s. */
	assert_true(share * 10 >= 30 / 8.0);
	world_free(world);
}

/* What this proxy saw before the attack speaks for the client here, whatever others say of it. */
static void a_liar_takes_nothing_from_a_client_known_here(void **state)
{
	struct world *world = world_of(4, 0, 1000);
	const struct key victim = world_key(0, 1);

	(void)state;
	send_for(world, 0, &victim, 10, 3);
	flood(world, 5);
	assert_true(view_at(world, 0, &victim).share == 1);
	for (int i = 0; i < 10; i++) {
		lie(world, 3, &victim, (uint64_t)(i + 1) * 1000000);
		flood(world, 0.2);
	}
	/* All of it once the lie is as old as the two slots; the level that all share alike would leave it half. */
	assert_true(view_at(world, 0, &victim).share > 0.6);
	assert_true(view_at(world, 1, &victim).share < 0.01);
	world_free(world);
}

static void invented_clients_do_not_take_the_level_below_the_floor(void **state)
{
	struct world *world = world_of(4, 0, 1000);
	const struct key victim = world_key(0, 1);
	double share;

	(void)state;
	flood(world, 5);
	for (int i = 0; i < 10; i++) {
		for (unsigned int c = 100; c < 1100; c++) {
			const struct key invented = world_key(c, 1);

			lie(world, 3, &invented, (uint64_t)(i + 1) * 1000);
		}
		flood(world, 0.2);
	}
	share = view_at(world, 0, &victim).share;
	/*
	 * T_F2 / (kappa x 4 members x 40 clients here) = 1.56 packets/s, while an equal part of T_F2 would be 0.96.
	 * Its own rate is told by whole packets: 11 in a second of ten intervals, at most.
	 */
	assert_true(share * 11 >= 1.56);
	assert_true(share < 1);
	world_free(world);
}

/*
 * A policed client at half of T_F1, at a destination that fair holds: each rule alone may push it to its floor, and
 * the one share that the kernel has for both to the lower of the two, not to their product.
 */
static void a_liar_pushes_a_policed_client_to_the_lower_of_two_floors(void **state)
{
	struct world *world = world_of(4, 100, 1000);

	(void)state;
	document.defaults.police = true;
	for (unsigned int n = 0; n < 4; n++)
		assert_int_equal(node_set_policy(world_node(world, n), world_now(world), &document), 0);
	watched = world_key(0, 1);
	world_set_changes(world, watch, NULL);
	for (int i = 0; i < 350; i++) {
		for (unsigned int b = 20; b < 60; b++) { /* 200/s each: T_F1 by police, 25/s by fair */
			const struct key bot = world_key(b, 1);

			world_packet(world, (b + (unsigned int)i) % 4, &bot);
			world_packet(world, (b + (unsigned int)i) % 4, &bot);
		}
		if (i % 2 == 0)
			world_packet(world, 0, &watched); /* 50/s */
		if (i >= 150 && i % 20 == 0)
			lie(world, 3, &watched, (uint64_t)i * 100000);
		world_run(world, 0.01);
	}
	assert_in_range(latest[0].members, 2, 2);
	/* 24.7 / (kappa x 2 members) of its 50 packets/s, in 1/65535; police alone would leave it 100 / 8 of 50. */
	assert_in_range(latest[0].pass_share, (int)(SHARE_ALL * 24.3 / 8 / 51), (int)(SHARE_ALL * 25.0 / 8 / 49));
	world_free(world);
}

static void a_quota_is_told_once_per_slot(void **state)
{
	struct world *world = world_of(1, 100, 1000);
	struct node_event event = { .kind = EVENT_COUNT };
	const struct now now = world_now(world);
	unsigned int refused = 0;

	(void)state;
	for (unsigned int c = 0; c < 16384; c++) { /* twice as many as a ledger has room for */
		const struct key pair = world_key(c, c / 60);

		refused += !node_observe(world_node(world, 0), now, &pair, slot_of(world), now.mesh, now.mesh, 1);
	}
	assert_true(refused > 0);
	assert_int_equal(events_of(world, 0, EVENT_QUOTA, &event), 1);
	assert_string_equal(event.member, "node-0");
	world_free(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_policy_comes_into_force_at_its_slot_everywhere),
		cmocka_unit_test(older_and_unsound_policies_are_refused),
		cmocka_unit_test(a_key_not_looked_at_while_policies_come_and_go_is_judged_by_the_last),
		cmocka_unit_test(a_change_of_policy_loses_no_count),
		cmocka_unit_test(a_listing_ends_within_a_tick),
		cmocka_unit_test(a_never_drop_client_over_its_rate_is_an_alarm_that_names_the_member),
		cmocka_unit_test(one_liar_of_sixteen_pushes_a_client_to_the_floor_and_no_lower),
		cmocka_unit_test(a_liar_pushes_a_fair_share_to_the_floor_and_no_lower),
		cmocka_unit_test(a_liar_takes_nothing_from_a_client_known_here),
		cmocka_unit_test(invented_clients_do_not_take_the_level_below_the_floor),
		cmocka_unit_test(a_liar_pushes_a_policed_client_to_the_lower_of_two_floors),
		cmocka_unit_test(a_quota_is_told_once_per_slot),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
