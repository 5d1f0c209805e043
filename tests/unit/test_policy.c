/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The policy: what is refused, and that compiled classes say of every key what a plain look through the rules says. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mesh.h"
#include "policy.h"

static const struct mesh mesh = {
	.tick_ms = 200, .window_max_ms = 8000, .decay = 2, .widths = WIDTHS_DEFAULT
};

static struct policy_document base(void)
{
	return (struct policy_document){
		.version = 1,
		.defaults = { .pair_rate = 100,
			      .destination_rate = 1000,
			      .idle_reset = { 10 * NS_PER_S },
			      .pair_min_window = { NS_PER_S },
			      .destination_min_window = { NS_PER_S },
			      .fair = true,
			      .early = true },
	};
}

static struct prefix ipv4(uint8_t a, uint8_t b, uint8_t c, uint8_t d, uint8_t bits)
{
	return (struct prefix){ address_of_ipv4((const uint8_t[4]){ a, b, c, d }), (uint8_t)(96 + bits) };
}

static struct prefix ipv6(uint16_t first, uint8_t bits)
{
	return (struct prefix){ { { (uint8_t)(first >> 8), (uint8_t)first } }, bits };
}

static struct policy_rule override(enum policy_side side, struct prefix prefix, uint16_t fields)
{
	return (struct policy_rule){ .prefix = prefix,
				     .side = (uint8_t)side,
				     .kind = POLICY_OVERRIDE,
				     .fields = fields,
				     .pair_rate = 50,
				     .destination_rate = 500,
				     .client_rate = 70,
				     .network_rate = 700,
				     .idle_reset_ms = 20000,
				     .pair_min_window_ms = 500,
				     .destination_min_window_ms = 500 };
}

static struct policy_rule listed(enum policy_side side, enum policy_kind kind, struct prefix prefix, uint64_t until_s)
{
	return (struct policy_rule){
		.prefix = prefix, .side = (uint8_t)side, .kind = (uint8_t)kind, .until_s = until_s
	};
}

/* What an override of each side may set. */
#define OF_CLIENTS (POLICY_PAIR_RATE | POLICY_IDLE_RESET | POLICY_PAIR_MIN_WINDOW | POLICY_CLIENT_RATE | 0x100)
#define OF_DESTINATIONS (0x7f & ~POLICY_CLIENT_RATE)

#define ROW(change_of, part) { __LINE__, change_of, part }

static void wrong_side(struct policy_document *d) { d->rules[0].side = POLICY_SIDES; }
static void wrong_kind(struct policy_document *d) { d->rules[0].kind = POLICY_KINDS; }
static void too_long(struct policy_document *d) { d->rules[0].prefix.bits = 129; }
static void host_bits(struct policy_document *d) { d->rules[0].prefix.bits = 96 + 15; }
static void both_families(struct policy_document *d) { d->rules[0].prefix = (struct prefix){ .bits = 80 }; }
static void nothing_set(struct policy_document *d) { d->rules[0].fields = 0; }
static void unknown_field(struct policy_document *d) { d->rules[0].fields = 0x400; }
static void destination_field(struct policy_document *d) { d->rules[0].fields = POLICY_DESTINATION_RATE; }
static void network_rate_of_clients(struct policy_document *d) { d->rules[0].fields = POLICY_NETWORK_RATE; }
static void contact_rate_there(struct policy_document *d) { d->rules[0] = override(1, d->rules[0].prefix, 0x100); }
static void client_rate_of_destinations(struct policy_document *d)
{
	d->rules[0] = override(POLICY_DESTINATION, d->rules[0].prefix, POLICY_CLIENT_RATE);
}
static void part_of_a_client(struct policy_document *d)
{
	d->rules[0] = override(POLICY_CLIENT, ipv6(0x2001, CLIENT_BITS_DEFAULT + 1), POLICY_CLIENT_RATE);
}
static void one_address(struct policy_document *d)
{
	d->rules[0] = override(POLICY_CLIENT, ipv6(0x2001, 128), POLICY_PAIR_RATE);
}
static void part_of_a_client_never_drops(struct policy_document *d)
{
	d->rules[0] = listed(POLICY_CLIENT, POLICY_NEVER_DROP, ipv6(0x2001, 65), 0);
}
static void part_of_a_client_blocked(struct policy_document *d)
{
	d->rules[0] = listed(POLICY_CLIENT, POLICY_BLOCK, ipv6(0x2001, 128), 0);
}
static void part_of_a_network(struct policy_document *d)
{
	d->rules[0] = override(POLICY_DESTINATION, ipv4(10, 1, 0, 0, NETWORK_BITS_IPV4 + 1), POLICY_NETWORK_RATE);
}
static void part_of_a_network6(struct policy_document *d)
{
	d->rules[0] = override(POLICY_DESTINATION, ipv6(0x2001, NETWORK_BITS_IPV6 + 1), POLICY_NETWORK_RATE);
}
static void client_rate_too_high(struct policy_document *d)
{
	d->rules[0] = override(POLICY_CLIENT, d->rules[0].prefix, POLICY_CLIENT_RATE);
	d->rules[0].client_rate = RATE_MAX + 1;
}
static void network_rate_too_high(struct policy_document *d)
{
	d->rules[0] = override(POLICY_DESTINATION, d->rules[0].prefix, POLICY_NETWORK_RATE);
	d->rules[0].network_rate = RATE_MAX + 1;
}
static void default_client_rate(struct policy_document *d) { d->defaults.client_rate = RATE_MAX + 1; }
static void default_network_rate(struct policy_document *d) { d->defaults.network_rate = RATE_MAX + 1; }
static void override_ends(struct policy_document *d) { d->rules[0].until_s = 5; }
static void rate_too_high(struct policy_document *d) { d->rules[0].pair_rate = RATE_MAX + 1; }
static void window_too_long(struct policy_document *d) { d->rules[0].pair_min_window_ms = 2001; }
static void window_too_short(struct policy_document *d)
{
	d->rules[0].pair_min_window_ms = THRESHOLD_MIN_WINDOW_MS_MIN - 1;
}
static void idle_below_slot(struct policy_document *d) { d->rules[0].idle_reset_ms = 3999; }
static void idle_too_long(struct policy_document *d) { d->rules[0].idle_reset_ms = IDLE_RESET_MS_MAX + 1; }
static void default_window(struct policy_document *d) { d->defaults.destination_min_window = duration_ms(2001); }
static void default_idle(struct policy_document *d) { d->defaults.idle_reset = duration_ms(3999); }
static void too_many(struct policy_document *d) { d->rules_count = POLICY_RULES_MAX + 1; }
static void list_sets(struct policy_document *d)
{
	d->rules[0].kind = POLICY_BLOCK;
}
static void protects_client(struct policy_document *d)
{
	d->rules[0] = listed(POLICY_CLIENT, POLICY_PROTECT, d->rules[0].prefix, 0);
}
static void twice(struct policy_document *d)
{
	d->rules[1] = d->rules[0];
	d->rules_count = 2;
}

static void every_fault_is_named(void **state)
{
	static const struct {
		int line;
		void (*change)(struct policy_document *document);
		const char *part;
	} rows[] = {
		ROW(wrong_side, "kind that is not known"),
		ROW(wrong_kind, "kind that is not known"),
		ROW(too_long, "128 bits"),
		ROW(host_bits, "behind its length"),
		ROW(both_families, "IPv4 and IPv6"),
		ROW(nothing_set, "must set"),
		ROW(unknown_field, "not known"),
		ROW(destination_field, "belong to destination"),
		ROW(network_rate_of_clients, "network_rate belongs to destination prefixes"),
		ROW(contact_rate_there, "contact_rate belongs to client prefixes"),
		ROW(client_rate_of_destinations, "client_rate belongs to client prefixes"),
		ROW(part_of_a_client, "the prefix is longer than an IPv6 client of this mesh, a /64 unless"),
		ROW(one_address, "list its prefix in client_hosts"),
		ROW(part_of_a_client_never_drops, "longer than an IPv6 client"),
		ROW(part_of_a_client_blocked, "longer than an IPv6 client"),
		ROW(part_of_a_network, "network_rate: the prefix is longer than a network, a /24"),
		ROW(part_of_a_network6, "in IPv6, a /48"),
		ROW(client_rate_too_high, "a rate must"),
		ROW(network_rate_too_high, "a rate must"),
		ROW(default_client_rate, "a rate must"),
		ROW(default_network_rate, "a rate must"),
		ROW(override_ends, "does not end"),
		ROW(rate_too_high, "a rate must"),
		ROW(window_too_long, "window_max / decay^2"),
		ROW(window_too_short, "at least 100 ms"),
		ROW(idle_below_slot, "at least a slot"),
		ROW(idle_too_long, "at most 300000"),
		ROW(default_window, "window_max / decay^2"),
		ROW(default_idle, "at least a slot"),
		ROW(too_many, "at most 1024 rules"),
		ROW(list_sets, "sets no thresholds"),
		ROW(protects_client, "only destinations"),
		ROW(twice, "listed twice"),
	};
	static struct policy_document document;
	const char *problem;
	uint32_t rule;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const uint8_t fields = POLICY_PAIR_RATE | POLICY_IDLE_RESET | POLICY_PAIR_MIN_WINDOW;

		document = base();
		document.rules[0] = override(POLICY_CLIENT, ipv4(10, 1, 0, 0, 16), fields);
		document.rules_count = 1;
		problem = "";
		assert_int_equal(policy_check(&document, &mesh, &rule, &problem), 0);
		rows[i].change(&document);
		if (policy_check(&document, &mesh, &rule, &problem) != -EINVAL || !strstr(problem, rows[i].part))
			fail_msg("row of line %d: \"%s\"", rows[i].line, problem);
	}
	assert_int_equal(rule, 1); /* of the last row: the second of the two */
}

/* Both neighbours of the windows' bounds. */
static void bounds_themselves_are_allowed(void **state)
{
	static struct policy_document document;
	const char *problem;
	uint32_t rule;

	(void)state;
	document = base();
	document.rules[0] = override(POLICY_DESTINATION, ipv4(10, 1, 0, 0, 16), OF_DESTINATIONS);
	document.rules[0].pair_min_window_ms = 2000;
	document.rules[0].destination_min_window_ms = THRESHOLD_MIN_WINDOW_MS_MIN;
	document.rules[0].idle_reset_ms = 4000;
	document.rules[0].pair_rate = RATE_MAX;
	document.rules_count = 1;
	assert_int_equal(policy_check(&document, &mesh, &rule, &problem), 0);
	document.rules[0].idle_reset_ms = IDLE_RESET_MS_MAX;
	assert_int_equal(policy_check(&document, &mesh, &rule, &problem), 0);
}

static void a_rule_as_long_as_a_client_or_a_network_is_allowed(void **state)
{
	static struct policy_document document;
	const char *problem;
	uint32_t rule;

	(void)state;
	document = base();
	document.rules[0] = override(POLICY_CLIENT, ipv4(10, 1, 2, 3, 32), POLICY_CLIENT_RATE);
	document.rules[1] = override(POLICY_CLIENT, ipv6(0x2001, CLIENT_BITS_DEFAULT), POLICY_CLIENT_RATE);
	document.rules[2] = override(POLICY_DESTINATION, ipv4(10, 1, 2, 0, NETWORK_BITS_IPV4), POLICY_NETWORK_RATE);
	document.rules[3] = override(POLICY_DESTINATION, ipv6(0x2001, NETWORK_BITS_IPV6), POLICY_NETWORK_RATE);
	document.rules[4] = override(POLICY_CLIENT, ipv6(0, 0), POLICY_CLIENT_RATE);
	document.rules[5] = override(POLICY_DESTINATION, ipv6(0, 0), POLICY_NETWORK_RATE);
	/* Destinations are hosts. */
	document.rules[6] = override(POLICY_DESTINATION, ipv6(0x2001, 128), OF_DESTINATIONS & ~POLICY_NETWORK_RATE);
	document.rules[7] = override(POLICY_DESTINATION, ipv4(10, 1, 2, 0, 32), OF_DESTINATIONS & ~POLICY_NETWORK_RATE);
	document.rules_count = 8;
	problem = "";
	if (policy_check(&document, &mesh, &rule, &problem))
		fail_msg("rule %u: %s", rule, problem);
}

static void too_many_classes_are_refused_and_named(void **state)
{
	static struct policy_document document;
	const char *problem;
	uint32_t rule;

	(void)state;
	document = base();
	for (uint32_t i = 0; i < POLICY_CLASSES_MAX - 1; i++) {
		document.rules[i] = override(POLICY_CLIENT, ipv4(10, 1, (uint8_t)i, 0, 24), POLICY_PAIR_RATE);
		document.rules[i].pair_rate = 1000 + i;
	}
	document.rules_count = POLICY_CLASSES_MAX - 1;
	assert_int_equal(policy_check(&document, &mesh, &rule, &problem), 0);
	document.rules[document.rules_count] = override(POLICY_CLIENT, ipv4(10, 2, 0, 0, 24), POLICY_PAIR_RATE);
	document.rules_count++;
	assert_int_equal(policy_check(&document, &mesh, &rule, &problem), -EINVAL);
	assert_non_null(strstr(problem, "more different rules"));
	assert_int_equal(rule, POLICY_CLASSES_MAX - 1);
}

/* ---- against a plain look through the rules ---- */

static uint64_t prng = 1;

static uint32_t draw(uint32_t below)
{
	prng = prng * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(prng >> 33) % below;
}

/* Few bytes to choose from, so that prefixes hold each other. */
static struct address random_address(bool six)
{
	struct address a = { { 0 } };

	if (six) {
		a.bytes[0] = 0x20;
		for (unsigned int i = 1; i < 16; i += 5)
			a.bytes[i] = (uint8_t)draw(3);
		return a;
	}
	return address_of_ipv4(
		(const uint8_t[4]){ (uint8_t)(10 + draw(2)), (uint8_t)draw(3), (uint8_t)draw(3), (uint8_t)draw(4) });
}

static struct prefix random_prefix(void)
{
	const bool six = draw(3) == 0;
	struct prefix p = { random_address(six), (uint8_t)(six ? draw(129) : 96 + draw(33)) };

	if (six && p.bits > 0 && p.bits < 3)
		p.bits = 0;
	for (unsigned int bit = p.bits; bit < 128; bit++)
		p.address.bytes[bit / 8] &= (uint8_t)~(0x80 >> bit % 8);
	return p;
}

static void random_document(struct policy_document *d)
{
	const char *problem;
	uint32_t rule;

	*d = base();
	d->protected_only = draw(2);
	d->defaults.client_rate = draw(2) * 40;
	d->defaults.network_rate = draw(2) * 400;
	for (uint32_t i = 0; i < 40; i++) {
		const enum policy_side side = draw(2);
		const uint32_t kind = draw(POLICY_KINDS);
		struct policy_rule *r = &d->rules[d->rules_count];

		*r = kind == POLICY_OVERRIDE ? override(side, random_prefix(),
							(uint8_t)(1 + draw(127)) &
								(side == POLICY_CLIENT ? OF_CLIENTS : OF_DESTINATIONS))
					     : listed(side, kind, random_prefix(), draw(2) ? 0 : 1 + draw(100));
		if (kind == POLICY_OVERRIDE)
			r->pair_rate = r->client_rate = r->network_rate = r->contact_rate = 10 * (1 + draw(3));
		d->rules_count++;
		if (policy_check(d, &mesh, &rule, &problem))
			d->rules_count--;
	}
}

static bool holds_plainly(const struct prefix *p, const struct address *a)
{
	if (p->bits == 0)
		return !address_is_ipv4(a);
	for (unsigned int bit = 0; bit < p->bits; bit++)
		if ((p->address.bytes[bit / 8] ^ a->bytes[bit / 8]) & 0x80 >> bit % 8)
			return false;
	return true;
}

static const struct policy_rule *longest_of(const struct policy_document *d, uint64_t now_s, unsigned int side,
					    unsigned int kind, const struct address *a, unsigned int bits_max)
{
	const struct policy_rule *best = NULL;

	for (uint32_t i = 0; i < d->rules_count; i++) {
		const struct policy_rule *r = &d->rules[i];

		if (r->side != side || r->kind != kind || (r->until_s && r->until_s <= now_s) ||
		    !holds_plainly(&r->prefix, a) || r->prefix.bits > bits_max)
			continue;
		if (!best || r->prefix.bits > best->prefix.bits)
			best = r;
	}
	return best;
}

static const struct policy_rule *longest(const struct policy_document *d, uint64_t now_s, unsigned int side,
					 unsigned int kind, const struct address *a)
{
	return longest_of(d, now_s, side, kind, a, 128);
}

/* A client or a network: the rules that hold all of it, and no others. */
static void expect_whole(const struct policy_document *d, const struct policy_table *table, uint64_t now_s,
			 const struct key *key)
{
	const bool client = key_kind(key) == KEY_CLIENT;
	const enum policy_side side = client ? POLICY_CLIENT : POLICY_DESTINATION;
	const struct address *address = client ? &key->client : &key->destination;
	const unsigned int bits = client ? (address_is_ipv4(address) ? 128 : 64)
					 : (address_is_ipv4(address) ? 96 + 24 : 48);
	const struct policy_rule *rule = longest_of(d, now_s, side, POLICY_OVERRIDE, address, bits);
	const struct thresholds *t =
		&policy_effective_at(table, key, policy_index_of(d, table, key))->thresholds;

	assert_int_equal(t->pair_rate, rule && rule->fields & POLICY_PAIR_RATE ? rule->pair_rate : 100);
	assert_int_equal(t->client_rate,
			 rule && rule->fields & POLICY_CLIENT_RATE ? rule->client_rate : d->defaults.client_rate);
	assert_int_equal(t->network_rate,
			 rule && rule->fields & POLICY_NETWORK_RATE ? rule->network_rate : d->defaults.network_rate);
	assert_int_equal(client ? policy_rule_of(d, table, side, POLICY_OVERRIDE, address)
				: policy_rule_of_network(d, table, address),
			 rule ? (uint16_t)(rule - d->rules) : POLICY_RULE_NONE);
}

static void expect(const struct policy_document *d, const struct policy_table *table, uint64_t now_s,
		   const struct key *key)
{
	const struct policy_rule *client = key_kind(key) == KEY_DESTINATION
						   ? NULL
						   : longest(d, now_s, POLICY_CLIENT, POLICY_OVERRIDE, &key->client);
	const struct policy_rule *destination = longest(d, now_s, POLICY_DESTINATION, POLICY_OVERRIDE,
							&key->destination);
	const struct policy_effective *e = policy_effective_at(table, key, policy_index_of(d, table, key));
	const bool never = (key_kind(key) != KEY_DESTINATION &&
			    longest(d, now_s, POLICY_CLIENT, POLICY_NEVER_DROP, &key->client)) ||
			   longest(d, now_s, POLICY_DESTINATION, POLICY_NEVER_DROP, &key->destination);
	const bool block = (key_kind(key) != KEY_DESTINATION &&
			    longest(d, now_s, POLICY_CLIENT, POLICY_BLOCK, &key->client)) ||
			   longest(d, now_s, POLICY_DESTINATION, POLICY_BLOCK, &key->destination);
	uint32_t pair_rate = d->defaults.pair_rate, destination_rate = d->defaults.destination_rate;
	int64_t idle_ms = 10000;

	if (destination && destination->fields & POLICY_PAIR_RATE)
		pair_rate = destination->pair_rate;
	if (client && client->fields & POLICY_PAIR_RATE)
		pair_rate = client->pair_rate;
	if (destination && destination->fields & POLICY_IDLE_RESET)
		idle_ms = destination->idle_reset_ms;
	if (client && client->fields & POLICY_IDLE_RESET)
		idle_ms = client->idle_reset_ms;
	if (destination && destination->fields & POLICY_DESTINATION_RATE)
		destination_rate = destination->destination_rate;

	assert_int_equal(e->thresholds.pair_rate, pair_rate);
	assert_int_equal(e->thresholds.idle_reset.ns, idle_ms * NS_PER_MS);
	if (key_kind(key) == KEY_DESTINATION)
		assert_int_equal(e->thresholds.destination_rate, destination_rate);
	assert_int_equal(e->listing, never ? POLICY_PASSES : block ? POLICY_BLOCKED : POLICY_UNLISTED);
	assert_int_equal(e->unprotected, d->protected_only && !longest(d, now_s, POLICY_DESTINATION, POLICY_PROTECT,
								       &key->destination));
	for (unsigned int kind = 0; kind < POLICY_KINDS; kind++) {
		const struct policy_rule *rule = longest(d, now_s, POLICY_DESTINATION, kind, &key->destination);
		const uint16_t found = policy_rule_of(d, table, POLICY_DESTINATION, kind, &key->destination);

		assert_int_equal(found, rule ? (uint16_t)(rule - d->rules) : POLICY_RULE_NONE);
	}
}

static void compiled_classes_say_what_the_rules_say(void **state)
{
	static struct policy_document document;
	static struct policy_table table;
	uint32_t rule;

	(void)state;
	for (unsigned int round = 0; round < 200; round++) {
		const uint64_t now_s = draw(110);

		random_document(&document);
		assert_int_equal(policy_compile(&document, now_s, &table, &rule), 0);
		for (unsigned int i = 0; i < 200; i++) {
			const bool six = draw(3) == 0;
			struct key key = { random_address(six), random_address(six) };

			const struct address network = network_of(&key.destination);
			const struct key of_client = key_of_client(&key.client), of_network = key_of_network(&network);

			expect_whole(&document, &table, now_s, &of_client);
			expect_whole(&document, &table, now_s, &of_network);
			if (draw(4) == 0)
				key = key_of_destination(&key.destination);
			expect(&document, &table, now_s, &key);
		}
	}
}

static void a_table_knows_when_its_first_rule_ends(void **state)
{
	static struct policy_document d;
	static struct policy_table table;
	const struct address bad = address_of_ipv4((const uint8_t[4]){ 10, 1, 2, 3 }),
			     victim = address_of_ipv4((const uint8_t[4]){ 10, 9, 9, 9 });
	uint32_t rule;

	(void)state;
	d = base();
	d.rules[0] = listed(POLICY_CLIENT, POLICY_BLOCK, ipv4(10, 1, 2, 3, 32), 50);
	d.rules[1] = listed(POLICY_CLIENT, POLICY_NEVER_DROP, ipv4(10, 1, 0, 0, 16), 70);
	d.rules[2] = listed(POLICY_DESTINATION, POLICY_BLOCK, ipv4(10, 9, 9, 9, 32), 90);
	d.rules_count = 3;
	for (uint64_t now_s = 0; now_s < 100; now_s++) {
		assert_int_equal(policy_compile(&d, now_s, &table, &rule), 0);
		assert_true(table.expires_s == (now_s < 50 ? 50 : now_s < 70 ? 70 : now_s < 90 ? 90 : UINT64_MAX));
		/* The shorter prefix of never_drop comes before the longer one of block. */
		assert_int_equal(policy_listed(&d, &table, &bad, &victim), now_s < 70	? POLICY_PASSES
									   : now_s < 90 ? POLICY_BLOCKED
											: POLICY_UNLISTED);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_fault_is_named),
		cmocka_unit_test(bounds_themselves_are_allowed),
		cmocka_unit_test(a_rule_as_long_as_a_client_or_a_network_is_allowed),
		cmocka_unit_test(too_many_classes_are_refused_and_named),
		cmocka_unit_test(compiled_classes_say_what_the_rules_say),
		cmocka_unit_test(a_table_knows_when_its_first_rule_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
