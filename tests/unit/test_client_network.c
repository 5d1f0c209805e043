/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Clients and networks in the node: which limit they are judged by, and what is told when they cross it. Their cells
 * are observed directly; no record of the kernel changes for them. Limits: test_aggregate.c.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include <xpro/record.h>

#include "mesh_world.h"

#define PAIR_RATE 20
#define DESTINATION_RATE 100

static struct policy_document document;

static struct address ipv4(uint8_t a, uint8_t b, uint8_t c, uint8_t d)
{
	return address_of_ipv4((const uint8_t[4]){ a, b, c, d });
}

static struct key client_of(uint8_t last)
{
	const struct address client = ipv4(10, 1, 2, last);

	return key_of_client(&client);
}

static struct key network(uint8_t third)
{
	const struct address prefix = ipv4(198, 51, third, 0);

	return key_of_network(&prefix);
}

static struct world *world_of(unsigned int nodes)
{
	struct world_options options = { .nodes = nodes, .seed = 1, .delay_ms = 10, .thresholds = world_thresholds };
	struct world *world;

	options.thresholds.pair_rate = PAIR_RATE;
	options.thresholds.destination_rate = DESTINATION_RATE;
	document = (struct policy_document){ .version = 1, .defaults = options.thresholds };
	world = world_make(&options);
	world_run(world, 1);
	return world;
}

static struct policy_rule *rule_add(enum policy_side side, struct address address, uint8_t bits)
{
	struct policy_rule *rule = &document.rules[document.rules_count++];

	*rule = (struct policy_rule){ .prefix = { address, (uint8_t)(96 + bits) }, .side = (uint8_t)side };
	return rule;
}

static void in_force(struct world *world, unsigned int nodes)
{
	for (unsigned int n = 0; n < nodes; n++)
		assert_int_equal(node_set_policy(world_node(world, n), world_now(world), &document), 0);
	world_run(world, 0.3);
}

/* What a slot holds of a key, counted anew by its node: `packets` more than before, within the last tick. */
struct sum {
	uint64_t slot, packets;
	struct instant first;
};

static void observe(struct world *world, unsigned int n, const struct key *key, struct sum *sum, uint64_t packets)
{
	const struct now now = world_now(world);
	const uint64_t slot = mesh_slot_at(world_mesh(world), now.mesh);

	if (sum->slot != slot)
		*sum = (struct sum){ .slot = slot, .first = now.mesh };
	sum->packets += packets;
	assert_true(node_observe(world_node(world, n), now, key, slot, sum->first, now.mesh, sum->packets));
}

/* `rate` packets a second of a key at the first `nodes` nodes together, for some seconds. */
static void send_for(struct world *world, unsigned int nodes, const struct key *key, double rate, double seconds)
{
	struct sum sums[4] = { { .slot = 0 } };

	for (int i = 0; i < (int)(seconds * 10 + 0.5); i++) {
		for (unsigned int n = 0; n < nodes; n++)
			observe(world, n, key, &sums[n], (uint64_t)(rate / 10 / nodes + 0.5));
		world_run(world, 0.1);
	}
}

static struct key_view view_at(struct world *world, unsigned int n, const struct key *key)
{
	struct key_view view = { .over = false };

	assert_true(node_find_key(world_node(world, n), world_now(world), key, &view));
	return view;
}

/* Events of clients and networks at a node since the last look. */
static unsigned int crossings(struct world *world, unsigned int n, struct node_event *ret_last)
{
	struct node_event event;
	unsigned int found = 0;

	while (node_next_event(world_node(world, n), &event)) {
		if (event.kind < EVENT_CLIENT_OVER || event.kind > EVENT_NETWORK_UNDER)
			continue;
		*ret_last = event;
		found++;
	}
	return found;
}

/* ---- which limit ---- */

static void limits_are_the_rule_s_else_the_default_s_else_a_shadow(void **state)
{
	static const struct {
		uint32_t client_rate, network_rate; /* by default */
		bool of_client; /* or of a network */
		uint8_t part; /* of the address: the rules speak of 1, 2 and 3 */
		double limit;
	} rows[] = {
		/* 0 */ { 0, 0, true, 9, SHADOW_CLIENT_RATES * PAIR_RATE },
		/* 1 */ { 360, 0, true, 9, 360 },
		/* 2 */ { 360, 0, true, 1, 70 }, /* its rule's */
		/* 3 */ { 360, 0, true, 2, SHADOW_CLIENT_RATES * PAIR_RATE }, /* its rule says: none */
		/* 4 */ { 0, 0, true, 3, SHADOW_CLIENT_RATES * 5 }, /* its rule's pair_rate */
		/* 5 */ { 0, 0, false, 9, SHADOW_NETWORK_RATES * DESTINATION_RATE },
		/* 6 */ { 0, 900, false, 9, 900 },
		/* 7 */ { 0, 900, false, 1, 700 },
		/* 8 */ { 0, 900, false, 2, 900 }, /* the rule is of one address in it */
		/* 9 */ { 0, 0, false, 3, SHADOW_NETWORK_RATES * 40 }, /* its rule's destination_rate */
	};
	struct node_event event;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct key key = rows[i].of_client ? client_of(rows[i].part) : network(rows[i].part);
		struct world *world = world_of(1);
		struct policy_rule *rule;

		document.defaults.client_rate = rows[i].client_rate;
		document.defaults.network_rate = rows[i].network_rate;
		rule = rule_add(POLICY_CLIENT, ipv4(10, 1, 2, 1), 32);
		rule->fields = POLICY_CLIENT_RATE, rule->client_rate = 70;
		rule = rule_add(POLICY_CLIENT, ipv4(10, 1, 2, 2), 32);
		rule->fields = POLICY_CLIENT_RATE;
		rule = rule_add(POLICY_CLIENT, ipv4(10, 1, 2, 3), 32);
		rule->fields = POLICY_PAIR_RATE, rule->pair_rate = 5;
		rule = rule_add(POLICY_DESTINATION, ipv4(198, 51, 0, 0), 23);
		rule->fields = POLICY_NETWORK_RATE, rule->network_rate = 700;
		rule = rule_add(POLICY_DESTINATION, ipv4(198, 51, 2, 0), 32);
		rule->fields = POLICY_DESTINATION_RATE, rule->destination_rate = 1;
		rule = rule_add(POLICY_DESTINATION, ipv4(198, 51, 3, 0), 24);
		rule->fields = POLICY_DESTINATION_RATE, rule->destination_rate = 40;
		in_force(world, 1);
		send_for(world, 1, &key, 10, 1);
		if (view_at(world, 0, &key).limit != rows[i].limit)
			fail_msg("row %zu: %.0f", i, view_at(world, 0, &key).limit);
		assert_int_equal(crossings(world, 0, &event), 0);
		world_free(world);
	}
}

static void a_client_of_ipv6_is_its_64_and_no_rule_speaks_of_a_part_of_it(void **state)
{
	const struct address client = { { 0x20, 1, 0xd, 0xb8, 0, 1, 0, 2 } };
	struct key key = key_of_client(&client);
	struct world *world = world_of(1);
	struct now now = world_now(world);
	struct policy_rule *rule;

	(void)state;
	rule = rule_add(POLICY_CLIENT, client, 0);
	rule->prefix.bits = 64;
	rule->fields = POLICY_CLIENT_RATE, rule->client_rate = 70;
	in_force(world, 1);
	send_for(world, 1, &key, 10, 1);
	assert_true(view_at(world, 0, &key).limit == 70);
	rule = rule_add(POLICY_CLIENT, client, 0);
	rule->prefix.bits = 128;
	rule->fields = POLICY_PAIR_RATE, rule->pair_rate = 1;
	document.version++;
	assert_int_equal(node_set_policy(world_node(world, 0), now, &document), -EINVAL);
	key.client.bytes[15] = 1; /* nor is one of its addresses counted */
	now = world_now(world);
	assert_false(node_observe(world_node(world, 0), now, &key, mesh_slot_at(world_mesh(world), now.mesh), now.mesh,
				  now.mesh, 1));
	world_free(world);
}

static void no_pair_rate_is_no_shadow_limit_and_nothing_is_told(void **state)
{
	const struct key key = client_of(9), other = network(9);
	struct world *world = world_of(1);
	struct node_event event;

	(void)state;
	document.defaults.pair_rate = document.defaults.destination_rate = 0;
	in_force(world, 1);
	send_for(world, 1, &key, 100000, 2);
	send_for(world, 1, &other, 100000, 2);
	assert_true(view_at(world, 0, &key).limit == 0 && view_at(world, 0, &other).limit == 0);
	assert_int_equal(crossings(world, 0, &event), 0);
	world_free(world);
}

static void never_drop_exempts_a_network_and_protected_only_neither(void **state)
{
	const struct key client = client_of(9), exempt = network(1), other = network(9);
	struct world *world = world_of(1);

	(void)state;
	document.protected_only = true; /* what reaches the sums went to protected destinations */
	rule_add(POLICY_CLIENT, ipv4(10, 1, 0, 0), 16)->kind = POLICY_NEVER_DROP;
	rule_add(POLICY_DESTINATION, ipv4(198, 51, 1, 0), 24)->kind = POLICY_NEVER_DROP;
	in_force(world, 1);
	send_for(world, 1, &client, 10, 0.5);
	send_for(world, 1, &exempt, 10, 0.5);
	send_for(world, 1, &other, 10, 0.5);
	assert_true(view_at(world, 0, &client).limit == SHADOW_CLIENT_RATES * PAIR_RATE);
	assert_true(view_at(world, 0, &exempt).limit == 0);
	assert_true(view_at(world, 0, &other).limit == SHADOW_NETWORK_RATES * DESTINATION_RATE);
	world_free(world);
}

/* ---- what is told ---- */

static unsigned int records_made, limited;

static void watch(void *user, unsigned int n, const struct change *change, uint32_t harvested)
{
	const enum key_kind kind = key_kind(&change->key);

	(void)user, (void)n, (void)harvested;
	if (kind != KEY_CLIENT && kind != KEY_NETWORK)
		return;
	records_made += change->notable;
	limited += change->limited;
}

static void crossing_a_limit_is_told_there_and_back_and_a_shadow_drops_nothing(void **state)
{
	static const struct {
		uint32_t client_rate, network_rate;
		bool of_client;
		double limit;
		bool shadow;
	} rows[] = {
		/* 0 */ { 0, 0, true, SHADOW_CLIENT_RATES * PAIR_RATE, true },
		/* 1 */ { 120, 0, true, 120, false },
		/* 2 */ { 0, 0, false, SHADOW_NETWORK_RATES * DESTINATION_RATE, true },
		/* 3 */ { 0, 240, false, 240, false },
	};
	struct node_event event = { .kind = EVENT_COUNT };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct key key = rows[i].of_client ? client_of(9) : network(9);
		struct world *world = world_of(1);

		document.defaults.client_rate = rows[i].client_rate;
		document.defaults.network_rate = rows[i].network_rate;
		in_force(world, 1);
		records_made = limited = 0;
		world_set_changes(world, watch, NULL);
		send_for(world, 1, &key, 0.7 * rows[i].limit, 10);
		assert_int_equal(crossings(world, 0, &event), 0);
		send_for(world, 1, &key, 2 * rows[i].limit, 10);
		assert_int_equal(crossings(world, 0, &event), 1);
		assert_int_equal(event.kind, rows[i].of_client ? EVENT_CLIENT_OVER : EVENT_NETWORK_OVER);
		assert_memory_equal(&event.key, &key, sizeof(key));
		assert_true(event.rate > rows[i].limit && event.limit == rows[i].limit);
		assert_int_equal(event.shadow, rows[i].shadow);
		assert_true(view_at(world, 0, &key).over);
		send_for(world, 1, &key, 0.3 * rows[i].limit, 20);
		assert_int_equal(crossings(world, 0, &event), 1);
		assert_int_equal(event.kind, rows[i].of_client ? EVENT_CLIENT_UNDER : EVENT_NETWORK_UNDER);
		assert_false(view_at(world, 0, &key).over);
		assert_int_equal(records_made, 0);
		assert_int_equal(limited > 0, !rows[i].shadow);
		world_free(world);
	}
}

/* Each sees less than the limit; the mesh sees more. */
static void proxies_cross_a_limit_together_and_each_tells_it(void **state)
{
	const struct key keys[] = { client_of(9), network(9) };
	struct world *world = world_of(2);
	struct node_event event = { .kind = EVENT_COUNT };

	(void)state;
	document.defaults.client_rate = document.defaults.network_rate = 200;
	in_force(world, 2);
	for (unsigned int i = 0; i < 2; i++) {
		send_for(world, 2, &keys[i], 1.4 * 200, 8);
		for (unsigned int n = 0; n < 2; n++) {
			assert_int_equal(crossings(world, n, &event), 1);
			assert_int_equal(event.kind, i ? EVENT_NETWORK_OVER : EVENT_CLIENT_OVER);
			assert_memory_equal(&event.key, &keys[i], sizeof(keys[i]));
			assert_false(event.shadow);
		}
		send_for(world, 2, &keys[i], 20, 20);
		for (unsigned int n = 0; n < 2; n++)
			assert_int_equal(crossings(world, n, &event), 1);
	}
	world_free(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(limits_are_the_rule_s_else_the_default_s_else_a_shadow),
		cmocka_unit_test(a_client_of_ipv6_is_its_64_and_no_rule_speaks_of_a_part_of_it),
		cmocka_unit_test(no_pair_rate_is_no_shadow_limit_and_nothing_is_told),
		cmocka_unit_test(never_drop_exempts_a_network_and_protected_only_neither),
		cmocka_unit_test(crossing_a_limit_is_told_there_and_back_and_a_shadow_drops_nothing),
		cmocka_unit_test(proxies_cross_a_limit_together_and_each_tells_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
