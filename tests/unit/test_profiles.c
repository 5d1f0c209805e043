// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Rules of a client prefix and a destination prefix: what they say of a pair, what is outside, and that compiled
 * classes say of every pair what a plain look through the rules says.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "mesh.h"
#include "policy_wire.h"
#include "vector.h"

static const struct mesh mesh = {
	.tick_ms = 200, .window_max_ms = 8000, .decay = 2, .widths = WIDTHS_DEFAULT
};
static struct policy_document document;
static struct policy_table table;

static void start(void)
{
	document = (struct policy_document){ .version = 1,
					     .defaults = { .pair_rate = 100,
							   .destination_rate = 1000,
							   .idle_reset = duration_ms(10000),
							   .pair_min_window = duration_ms(1000),
							   .destination_min_window = duration_ms(1000),
							   .fair = true,
							   .early = true } };
}

static struct address ipv4(uint8_t a, uint8_t b, uint8_t c, uint8_t d)
{
	return address_of_ipv4((const uint8_t[4]){ a, b, c, d });
}

static struct prefix prefix4(uint8_t a, uint8_t b, uint8_t c, uint8_t d, uint8_t bits)
{
	return (struct prefix){ ipv4(a, b, c, d), (uint8_t)(96 + bits) };
}

static struct policy_rule *rule_add(enum policy_side side, struct prefix prefix)
{
	struct policy_rule *rule = &document.rules[document.rules_count++];

	*rule = (struct policy_rule){ .prefix = prefix, .side = (uint8_t)side };
	return rule;
}

/* pair_rate 0: the rule sets nothing. */
static void both_add(struct prefix client, struct prefix destination, uint32_t pair_rate)
{
	struct policy_rule *rule = rule_add(POLICY_BOTH, client);

	rule->destination = destination;
	rule->pair_rate = pair_rate;
	rule->fields = pair_rate ? POLICY_PAIR_RATE : 0;
}

static void rate_add(enum policy_side side, struct prefix prefix, uint16_t field, uint32_t rate)
{
	struct policy_rule *rule = rule_add(side, prefix);

	rule->fields = field;
	rule->pair_rate = rule->client_rate = rate;
	rule->outside_rate = field & POLICY_OUTSIDE_RATE ? rate : 0;
}

static void compile(void)
{
	const char *problem = "";
	uint32_t rule;

	if (policy_check(&document, &mesh, &rule, &problem))
		fail_msg("rule %u: %s", rule, problem);
	assert_int_equal(policy_compile(&document, 0, &table, &rule), 0);
}

static const struct policy_effective *effective(struct address client, struct address destination)
{
	const struct key key = { client, destination };

	return policy_effective_at(&table, &key, policy_index_of(&document, &table, &key));
}

/* Two cameras, of which one has a rule of its own, and a name server for all. */
static void camera_rules(void)
{
	start();
	rate_add(POLICY_DESTINATION, prefix4(198, 51, 100, 0, 24), POLICY_PAIR_RATE, 70);
	both_add(prefix4(10, 1, 0, 0, 16), prefix4(192, 0, 2, 53, 32), 0);
	both_add(prefix4(10, 1, 0, 0, 16), prefix4(198, 51, 100, 0, 24), 30);
	both_add(prefix4(10, 1, 7, 7, 32), prefix4(203, 0, 113, 9, 32), 50);
	both_add(prefix4(10, 1, 7, 7, 32), prefix4(198, 51, 0, 0, 16), 40);
}

static void the_closest_rule_of_both_decides(void **state)
{
	static const struct {
		uint8_t client[4], destination[4];
		uint32_t pair_rate;
		bool outside;
	} rows[] = {
		/*  0 */ { { 10, 1, 2, 3 }, { 192, 0, 2, 53 }, 100, false }, /* sets nothing: the default */
		/*  1 */ { { 10, 1, 2, 3 }, { 198, 51, 100, 7 }, 30, false }, /* before its destination's 70 */
		/*  2 */ { { 10, 1, 2, 3 }, { 198, 51, 101, 7 }, 5, true },
		/*  3 */ { { 10, 1, 2, 3 }, { 203, 0, 113, 9 }, 5, true }, /* the other camera's */
		/*  4 */ { { 10, 1, 7, 7 }, { 203, 0, 113, 9 }, 50, false },
		/*  5 */ { { 10, 1, 7, 7 }, { 203, 0, 113, 8 }, 5, true },
		/*  6 */ { { 10, 1, 7, 7 }, { 198, 51, 101, 7 }, 40, false },
		/*  7 */ { { 10, 1, 7, 7 }, { 198, 51, 100, 7 }, 40, false }, /* the longer client comes first */
		/*  8 */ { { 10, 1, 7, 7 }, { 192, 0, 2, 53 }, 100, false }, /* of the shorter prefix, and inside */
		/*  9 */ { { 10, 2, 2, 3 }, { 203, 0, 113, 9 }, 100, false }, /* no client of the rules */
		/* 10 */ { { 10, 2, 2, 3 }, { 198, 51, 100, 7 }, 70, false },
	};

	(void)state;
	camera_rules();
	rate_add(POLICY_CLIENT, prefix4(10, 1, 0, 0, 16), POLICY_OUTSIDE_RATE, 5);
	compile();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct policy_effective *e = effective(address_of_ipv4(rows[i].client),
							     address_of_ipv4(rows[i].destination));

		if (e->thresholds.pair_rate != rows[i].pair_rate || e->outside != rows[i].outside ||
		    e->listing != POLICY_UNLISTED)
			fail_msg("row %zu: %u/s, outside %d", i, e->thresholds.pair_rate, e->outside);
	}
}

/* One device whose 40 victims are none of its own: nothing reaches them, and its own pairs are as they were. */
static void what_is_outside_is_blocked(void **state)
{
	const struct address client = ipv4(10, 1, 7, 7), victim = ipv4(203, 0, 114, 1);
	unsigned int blocked = 0;

	(void)state;
	camera_rules();
	rule_add(POLICY_CLIENT, prefix4(10, 1, 0, 0, 16))->fields = POLICY_OUTSIDE_BLOCK;
	compile();
	for (uint8_t i = 0; i < 40; i++)
		blocked += effective(ipv4(10, 1, 7, 7), ipv4(203, 0, 114, i))->listing == POLICY_OUTSIDE;
	assert_int_equal(blocked, 40);
	assert_int_equal(effective(ipv4(10, 1, 7, 7), ipv4(203, 0, 113, 9))->listing, POLICY_UNLISTED);
	assert_int_equal(effective(ipv4(10, 1, 7, 7), ipv4(192, 0, 2, 53))->listing, POLICY_UNLISTED);
	assert_int_equal(effective(ipv4(10, 2, 7, 7), ipv4(203, 0, 114, 1))->listing, POLICY_UNLISTED);
	assert_int_equal(policy_listed(&document, &table, &client, &victim), POLICY_OUTSIDE);
}

static void lists_come_before_what_is_outside(void **state)
{
	(void)state;
	camera_rules();
	rule_add(POLICY_CLIENT, prefix4(10, 1, 0, 0, 16))->fields = POLICY_OUTSIDE_BLOCK;
	rule_add(POLICY_DESTINATION, prefix4(203, 0, 114, 1, 32))->kind = POLICY_NEVER_DROP;
	rule_add(POLICY_DESTINATION, prefix4(203, 0, 114, 2, 32))->kind = POLICY_BLOCK;
	rule_add(POLICY_DESTINATION, prefix4(203, 0, 113, 9, 32))->kind = POLICY_BLOCK;
	compile();
	assert_int_equal(effective(ipv4(10, 1, 7, 7), ipv4(203, 0, 114, 1))->listing, POLICY_PASSES);
	assert_int_equal(effective(ipv4(10, 1, 7, 7), ipv4(203, 0, 114, 2))->listing, POLICY_BLOCKED);
	assert_int_equal(effective(ipv4(10, 1, 7, 7), ipv4(203, 0, 113, 9))->listing, POLICY_BLOCKED);
	assert_int_equal(effective(ipv4(10, 1, 7, 7), ipv4(203, 0, 114, 3))->listing, POLICY_OUTSIDE);
}

static void outside_rate_never_loosens(void **state)
{
	static const struct {
		uint32_t pair_rate, outside_rate, expected;
		bool outside;
	} rows[] = {
		{ 100, 5, 5, true },
		{ 100, 99, 99, true },
		{ 100, 100, 100, true },
		{ 100, 101, 100, true },
		{ 100, 0, 100, false },
		{ 0, RATE_MAX, RATE_MAX, true },
		{ 0, 0, 0, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct policy_effective *e;
		const struct address client = ipv4(10, 1, 7, 7);
		const struct key whole = key_of_client(&client);

		camera_rules();
		document.defaults.pair_rate = rows[i].pair_rate;
		rate_add(POLICY_CLIENT, prefix4(10, 1, 0, 0, 16), POLICY_OUTSIDE_RATE, rows[i].outside_rate);
		compile();
		e = effective(client, ipv4(203, 0, 114, 1));
		if (e->thresholds.pair_rate != rows[i].expected || e->outside != rows[i].outside)
			fail_msg("row %zu: %u/s", i, e->thresholds.pair_rate);
		/* A client as a whole is not outside: its shadow limit is of pair_rate. */
		assert_int_equal(policy_effective_at(&table, &whole, policy_index_of(&document, &table, &whole))
					 ->thresholds.pair_rate,
				 rows[i].pair_rate);
	}
}

static void ipv6_rules_of_all_do_not_speak_of_ipv4(void **state)
{
	const struct address six = { { 0x20, 1 } };

	(void)state;
	start();
	both_add((struct prefix){ .bits = 0 }, (struct prefix){ .bits = 0 }, 7);
	rule_add(POLICY_CLIENT, (struct prefix){ .bits = 0 })->fields = POLICY_OUTSIDE_BLOCK;
	rate_add(POLICY_CLIENT, prefix4(10, 0, 0, 0, 8), POLICY_CLIENT_RATE, 9);
	compile();
	assert_int_equal(effective(six, six)->thresholds.pair_rate, 7);
	assert_int_equal(effective(ipv4(10, 1, 1, 1), ipv4(10, 1, 1, 2))->thresholds.pair_rate, 100);
	assert_int_equal(effective(ipv4(10, 1, 1, 1), ipv4(10, 1, 1, 2))->listing, POLICY_UNLISTED);
}

/* ---- what there is room for ---- */

/* Clients with a rule of both prefixes each: every prefix is a class of its own. */
static void too_many_clients_are_refused_and_named(void **state)
{
	const char *problem = "";
	uint32_t rule;

	(void)state;
	start();
	for (uint32_t i = 0; i < POLICY_CLASSES_MAX - 1; i++)
		both_add(prefix4(10, 1, 0, (uint8_t)i, 32), prefix4(192, 0, 2, 1, 32), 0);
	compile();
	both_add(prefix4(10, 1, 1, 0, 32), prefix4(192, 0, 2, 1, 32), 0);
	assert_int_equal(policy_check(&document, &mesh, &rule, &problem), -EINVAL);
	assert_non_null(strstr(problem, "more different rules"));
	assert_int_equal(rule, POLICY_CLASSES_MAX - 1);
}

/* Each rule with a rate of its own is an effective policy of its own, beside that of all others. */
static void too_many_rates_are_refused_and_named(void **state)
{
	const char *problem = "";
	uint32_t rule;

	(void)state;
	start();
	for (uint32_t i = 0; i < POLICY_EFFECTIVE_MAX - 1; i++)
		both_add(prefix4(10, 1, 0, (uint8_t)(i / 100), 32), prefix4(192, 0, 2, (uint8_t)(i % 100), 32),
			 1000 + i);
	compile();
	both_add(prefix4(10, 1, 1, 0, 32), prefix4(192, 0, 2, 1, 32), 999);
	assert_int_equal(policy_check(&document, &mesh, &rule, &problem), -EINVAL);
	assert_int_equal(rule, POLICY_EFFECTIVE_MAX - 1);
}

/* One client with as many destinations as there may be rules: one class of clients. */
static void destinations_of_one_client_cost_one_class(void **state)
{
	(void)state;
	start();
	for (uint32_t i = 0; i < POLICY_CLASSES_MAX - 1; i++)
		both_add(prefix4(10, 1, 0, 1, 32), prefix4(192, 0, 2, (uint8_t)i, 32), 10);
	rule_add(POLICY_CLIENT, prefix4(10, 1, 0, 1, 32))->fields = POLICY_OUTSIDE_BLOCK;
	compile();
	assert_int_equal(table.classes_count[POLICY_CLIENT], 2);
	assert_int_equal(table.effective_count, 3); /* nobody's, inside, outside */
}

/* ---- against a plain look through the rules ---- */

static uint64_t prng = 1;

static uint32_t chosen(uint32_t below)
{
	prng = prng * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(prng >> 33) % below;
}

static struct address random_address(void)
{
	return ipv4((uint8_t)(10 + chosen(2)), (uint8_t)chosen(3), (uint8_t)chosen(3), (uint8_t)chosen(4));
}

static struct prefix random_prefix(void)
{
	const uint8_t bits = (uint8_t)(96 + chosen(33));
	const struct address address = random_address();

	return (struct prefix){ address_cut(&address, bits), bits };
}

static void random_document(void)
{
	const char *problem;
	uint32_t rule;

	start();
	for (unsigned int i = 0; i < 60; i++) {
		const uint32_t sort = chosen(8);

		if (sort < 5)
			both_add(random_prefix(), random_prefix(), chosen(3) * 10);
		else if (sort == 5)
			rate_add(chosen(2), random_prefix(), POLICY_PAIR_RATE, 10 * (1 + chosen(5)));
		else if (sort == 6)
			rate_add(POLICY_CLIENT, random_prefix(), POLICY_OUTSIDE_RATE, chosen(3));
		else
			rule_add(POLICY_CLIENT, random_prefix())->fields = POLICY_OUTSIDE_BLOCK;
		if (policy_check(&document, &mesh, &rule, &problem))
			document.rules_count--;
	}
}

static const struct policy_rule *longest(enum policy_side side, const struct address *address)
{
	const struct policy_rule *best = NULL;

	for (uint32_t i = 0; i < document.rules_count; i++) {
		const struct policy_rule *r = &document.rules[i];

		if (r->side == side && prefix_holds(&r->prefix, address) &&
		    (!best || r->prefix.bits > best->prefix.bits))
			best = r;
	}
	return best;
}

static const struct policy_rule *closest(const struct address *client, const struct address *destination)
{
	const struct policy_rule *best = NULL;

	for (uint32_t i = 0; i < document.rules_count; i++) {
		const struct policy_rule *r = &document.rules[i];

		if (r->side != POLICY_BOTH || !prefix_holds(&r->prefix, client) ||
		    !prefix_holds(&r->destination, destination))
			continue;
		if (!best || r->prefix.bits > best->prefix.bits ||
		    (r->prefix.bits == best->prefix.bits && r->destination.bits > best->destination.bits))
			best = r;
	}
	return best;
}

static void expect(const struct address *client, const struct address *destination)
{
	const struct policy_rule *of_client = longest(POLICY_CLIENT, client), *both = closest(client, destination),
				 *of_destination = longest(POLICY_DESTINATION, destination);
	const struct policy_effective *e = effective(*client, *destination);
	uint32_t rate = 100, outside = 0;

	if (of_destination)
		rate = of_destination->pair_rate;
	if (of_client && of_client->fields & POLICY_PAIR_RATE)
		rate = of_client->pair_rate;
	if (both && both->fields & POLICY_PAIR_RATE)
		rate = both->pair_rate;
	if (!both && of_client && of_client->fields & POLICY_OUTSIDE_RATE)
		outside = of_client->outside_rate;
	if (outside && outside < rate)
		rate = outside;
	assert_int_equal(e->thresholds.pair_rate, rate);
	assert_int_equal(e->outside, outside > 0);
	assert_int_equal(e->listing, !both && of_client && of_client->fields & POLICY_OUTSIDE_BLOCK ? POLICY_OUTSIDE
												    : POLICY_UNLISTED);
	assert_int_equal(policy_rule_of_pair(&document, &table, client, destination),
			 both ? (uint16_t)(both - document.rules) : POLICY_RULE_NONE);
	assert_int_equal(policy_rule_of(&document, &table, POLICY_CLIENT, POLICY_OVERRIDE, client),
			 of_client ? (uint16_t)(of_client - document.rules) : POLICY_RULE_NONE);
	assert_int_equal(policy_rule_of(&document, &table, POLICY_DESTINATION, POLICY_OVERRIDE, destination),
			 of_destination ? (uint16_t)(of_destination - document.rules) : POLICY_RULE_NONE);
}

static void compiled_classes_say_what_the_rules_say(void **state)
{
	(void)state;
	for (unsigned int round = 0; round < 300; round++) {
		random_document();
		compile();
		for (unsigned int i = 0; i < 300; i++) {
			const struct address client = random_address(), destination = random_address();

			expect(&client, &destination);
		}
	}
}

/* ---- on the wire ---- */

static void only_one_form_of_a_rule_of_both(void **state)
{
#define HEAD "9b 07 0a 14 28 50 00 cd2710 cd03e8 cd03e8 05 "
#define BOTH "c404 0a010000 10 c404 c0000200 18"
	static const struct {
		const char *content;
		bool taken;
	} rows[] = {
		/*  0 */ { HEAD "91 97 00 00 c404 0a010000 10 00 cc80 32", true }, /* outside_rate */
		/*  1 */ { HEAD "91 97 01 00 c404 0a010000 10 00 cc80 32", false }, /* of a destination */
		/*  2 */ { HEAD "91 96 00 00 c404 0a010000 10 00 cd0200", true }, /* outside: block */
		/*  3 */ { HEAD "91 97 00 00 c404 0a010000 10 00 cd0200 32", false }, /* has no number */
		/*  4 */ { HEAD "91 97 00 00 c404 0a010000 10 05 01 32", false }, /* an override that ends */
		/*  5 */ { HEAD "91 99 02 00 " BOTH " 00 01 32", true },
		/*  6 */ { HEAD "91 98 02 00 " BOTH " 00 00", true }, /* may set nothing */
		/*  7 */ { HEAD "91 98 02 02 " BOTH " 00 00", false }, /* of a list */
		/*  8 */ { HEAD "91 99 02 00 " BOTH " 00 02 32", false }, /* destination_rate */
		/*  9 */ { HEAD "91 99 02 00 " BOTH " 00 cc80 32", false }, /* outside_rate */
		/* 10 */ { HEAD "91 97 02 00 c404 0a010000 10 00 01 32", false }, /* one prefix */
		/* 11 */ { HEAD "91 98 02 00 c404 0a010000 10 c404 c0000201 18 00 00", false }, /* a bit behind it */
		/* 12 */ { HEAD "92 98 02 00 " BOTH " 00 00 98 02 00 " BOTH " 00 00", false }, /* twice */
		/* 13 */ { HEAD "92 98 02 00 c404 0a010000 10 c404 c0000300 18 00 00 98 02 00 " BOTH " 00 00", false },
	};
	uint8_t content[256];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (policy_wire_read(content, hex_read(rows[i].content, content, sizeof(content)), 1, &document) !=
		    rows[i].taken)
			fail_msg("row %zu", i);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_closest_rule_of_both_decides),
		cmocka_unit_test(what_is_outside_is_blocked),
		cmocka_unit_test(lists_come_before_what_is_outside),
		cmocka_unit_test(outside_rate_never_loosens),
		cmocka_unit_test(ipv6_rules_of_all_do_not_speak_of_ipv4),
		cmocka_unit_test(too_many_clients_are_refused_and_named),
		cmocka_unit_test(too_many_rates_are_refused_and_named),
		cmocka_unit_test(destinations_of_one_client_cost_one_class),
		cmocka_unit_test(compiled_classes_say_what_the_rules_say),
		cmocka_unit_test(only_one_form_of_a_rule_of_both),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
