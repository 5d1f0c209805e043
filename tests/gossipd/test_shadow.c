// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A policy that is tried: what a look at a key counts, by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "shadow.h"

#define AT_S 1800000000LL

static struct shadow shadow;
static struct policy_document document;

static struct now at(double seconds)
{
	return (struct now){ .mesh = { AT_S * NS_PER_S + (int64_t)(seconds * NS_PER_S) } };
}

static struct address ipv4(uint8_t c, uint8_t d)
{
	return address_of_ipv4((const uint8_t[4]){ 10, 1, c, d });
}

static struct policy_rule *rule_add(enum policy_side side, uint8_t c, uint8_t d, uint8_t bits)
{
	struct policy_rule *rule = &document.rules[document.rules_count++];
	const struct address address = ipv4(c, d);

	*rule = (struct policy_rule){ .prefix = { address, (uint8_t)(96 + bits) }, .side = (uint8_t)side };
	return rule;
}

static void start(void)
{
	document = (struct policy_document){ .defaults = { .pair_rate = 100,
							   .destination_rate = 1000,
							   .idle_reset = duration_ms(10000),
							   .pair_min_window = duration_ms(1000),
							   .destination_min_window = duration_ms(1000) } };
}

static void try_it(void)
{
	shadow_set(&shadow, &document, at(0));
}

/* A window of so many seconds that ended `ago` before now. */
static struct key_view view_of(struct key key, uint64_t count, double window_s, double ago_s)
{
	return (struct key_view){
		.key = key, .ts1 = at(-window_s - ago_s).mesh, .ts2 = at(-ago_s).mesh, .count = count
	};
}

static void look(struct key key, uint64_t count, double window_s, double ago_s)
{
	const struct key_view view = view_of(key, count, window_s, ago_s);

	shadow_look(&shadow, &view, at(0), duration_ms(4000));
}

static struct key pair_of(uint8_t client, uint8_t destination)
{
	return (struct key){ ipv4(1, client), ipv4(2, destination) };
}

static void the_rate_is_that_of_the_last_packet_or_of_now(void **state)
{
	static const struct {
		uint64_t count;
		double carried, window_s, ago_s, rate;
	} rows[] = {
		{ 400, 0, 4, 0, 100 },
		{ 400, 0, 4, 4, 100 }, /* not 50: the look came late */
		{ 100, 0, 0.1, 0, 100 },
		{ 100, 0, 0.1, 3, 100 }, /* over the minimum window */
		{ 400, 80, 4, 0, 120 },
		{ 0, 0, 0, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct key_view view = view_of(pair_of(1, 1), rows[i].count, rows[i].window_s, rows[i].ago_s);

		view.carried = rows[i].carried;
		assert_float_equal(shadow_rate(&view, at(0), duration_ms(1000)), rows[i].rate, 0.001);
	}
}

static void what_is_beyond_the_rate_is_counted_by_kind(void **state)
{
	const struct address victim = ipv4(2, 1), client = ipv4(1, 1), network = network_of(&victim);

	(void)state;
	start();
	document.defaults.client_rate = 50;
	try_it();
	look(pair_of(1, 1), 400, 4, 0); /* 100/s: at its rate */
	look(pair_of(1, 2), 520, 4, 0); /* 130/s */
	look(key_of_destination(&victim), 8000, 4, 0); /* 2000/s */
	look(key_of_client(&client), 400, 4, 0); /* 100/s */
	look(key_of_network(&network), 400000, 4, 0); /* only a default */
	assert_int_equal(shadow.kinds[KEY_PAIR].looks_over, 1);
	assert_float_equal(shadow.kinds[KEY_PAIR].packets, 30 * 4, 0.01);
	assert_float_equal(shadow.kinds[KEY_DESTINATION].packets, 1000 * 4, 0.01);
	assert_float_equal(shadow.kinds[KEY_CLIENT].packets, 50 * 4, 0.01);
	assert_int_equal(shadow.kinds[KEY_NETWORK].looks_over, 0);
	assert_int_equal(shadow.kinds[KEY_PAIR].over_now, 0); /* the round is not at its end */
	shadow_round(&shadow, at(4));
	assert_int_equal(shadow.kinds[KEY_PAIR].over_now, 1);
	shadow_round(&shadow, at(8));
	assert_int_equal(shadow.kinds[KEY_PAIR].over_now, 0);
	assert_int_equal(shadow.kinds[KEY_PAIR].looks_over, 1);
	try_it(); /* anew */
	assert_int_equal(shadow.kinds[KEY_PAIR].looks_over, 0);
	shadow_set(&shadow, NULL, at(9));
	assert_false(shadow.set);
}

static void lists_and_what_is_outside_have_their_say(void **state)
{
	struct policy_rule *rule;

	(void)state;
	start();
	rule_add(POLICY_CLIENT, 1, 1, 32)->kind = POLICY_NEVER_DROP;
	rule_add(POLICY_CLIENT, 1, 2, 32)->kind = POLICY_BLOCK;
	rule_add(POLICY_CLIENT, 1, 3, 32)->fields = POLICY_OUTSIDE_BLOCK;
	rule = rule_add(POLICY_BOTH, 1, 3, 32);
	rule->destination = (struct prefix){ ipv4(2, 1), 128 };
	try_it();
	look(pair_of(1, 1), 40000, 4, 0);
	assert_int_equal(shadow.kinds[KEY_PAIR].looks_over, 0);
	look(pair_of(2, 1), 4, 4, 0); /* 1/s, blocked */
	assert_float_equal(shadow.kinds[KEY_PAIR].packets, 4, 0.01);
	look(pair_of(3, 1), 4, 4, 0); /* inside */
	assert_float_equal(shadow.kinds[KEY_PAIR].packets, 4, 0.01);
	look(pair_of(3, 2), 4, 4, 0); /* outside */
	assert_float_equal(shadow.kinds[KEY_PAIR].packets, 8, 0.01);
	assert_int_equal(shadow.kinds[KEY_PAIR].looks_over, 2);
}

static void a_rule_that_ends_is_tried_no_more(void **state)
{
	struct policy_rule *rule;

	(void)state;
	start();
	rule = rule_add(POLICY_CLIENT, 1, 2, 32);
	rule->kind = POLICY_BLOCK;
	rule->until_s = AT_S + 10;
	try_it();
	look(pair_of(2, 1), 4, 4, 0);
	shadow_round(&shadow, at(9));
	look(pair_of(2, 1), 4, 4, 0);
	assert_int_equal(shadow.kinds[KEY_PAIR].looks_over, 2);
	shadow_round(&shadow, at(10));
	look(pair_of(2, 1), 4, 4, 0);
	assert_int_equal(shadow.kinds[KEY_PAIR].looks_over, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_rate_is_that_of_the_last_packet_or_of_now),
		cmocka_unit_test(what_is_beyond_the_rate_is_counted_by_kind),
		cmocka_unit_test(lists_and_what_is_outside_have_their_say),
		cmocka_unit_test(a_rule_that_ends_is_tried_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
