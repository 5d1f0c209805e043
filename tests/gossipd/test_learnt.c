// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What monitor mode keeps: who spoke to whom, how rates are spread; and the rules that gossipctl makes of it. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "learning.h"
#include "learnt.h"
#include "suggestion.h"

static struct learnt learnt;
static struct rates rates;
static struct learning learning;

static struct address ipv4(uint32_t address)
{
	return address_of_ipv4((const uint8_t[4]){ (uint8_t)(address >> 24), (uint8_t)(address >> 16),
						   (uint8_t)(address >> 8), (uint8_t)address });
}

#define CLIENT(i) (0x0a010000U + (uint32_t)(i))
#define SERVER(i) (0xc0000200U + (uint32_t)(i))

static struct key pair(uint32_t client, uint32_t destination)
{
	return (struct key){ ipv4(client), ipv4(destination) };
}

static void note(uint32_t client, uint32_t destination, double rate)
{
	const struct key key = pair(client, destination);

	learnt_note(&learnt, &key, rate);
}

/* ---- who spoke to whom ---- */

static void a_pair_keeps_its_highest_rate(void **state)
{
	(void)state;
	learnt_clear(&learnt);
	note(CLIENT(1), SERVER(1), 3.2);
	note(CLIENT(1), SERVER(1), 9.1);
	note(CLIENT(1), SERVER(1), 0.5);
	note(CLIENT(1), SERVER(2), 1e30);
	note(CLIENT(2), SERVER(1), 1);
	assert_int_equal(learnt.used, 2);
	assert_int_equal(learnt.clients[0].count, 2);
	assert_int_equal(learnt.clients[0].destinations[0].peak, 10);
	assert_int_equal(learnt.clients[0].destinations[0].looks, 3);
	assert_true(learnt.clients[0].destinations[1].peak == UINT32_MAX);
	assert_int_equal(learnt.clients[1].destinations[0].peak, 1);
}

static void a_client_with_too_many_destinations_is_marked(void **state)
{
	(void)state;
	learnt_clear(&learnt);
	for (uint32_t i = 0; i < LEARNT_DESTINATIONS; i++)
		note(CLIENT(1), SERVER(i), 1);
	assert_false(learnt.clients[0].more);
	note(CLIENT(1), SERVER(0), 1);
	assert_false(learnt.clients[0].more);
	note(CLIENT(1), SERVER(LEARNT_DESTINATIONS), 1);
	assert_true(learnt.clients[0].more);
	assert_int_equal(learnt.clients[0].count, LEARNT_DESTINATIONS);
}

/* Whoever invents clients takes no memory beyond the array, and nobody's place. */
static void clients_beyond_the_room_are_counted(void **state)
{
	(void)state;
	learnt_clear(&learnt);
	for (uint32_t i = 0; i < LEARNT_CLIENTS; i++)
		note(CLIENT(i), SERVER(1), 1);
	assert_true(learnt.missed == 0);
	for (uint32_t i = 0; i < 1000; i++)
		note(CLIENT(LEARNT_CLIENTS + i), SERVER(1), 1);
	assert_int_equal(learnt.used, LEARNT_CLIENTS);
	assert_true(learnt.missed == 1000);
	note(CLIENT(7), SERVER(2), 5); /* is found among them all */
	assert_int_equal(learnt.clients[7].count, 2);
	learnt.seed = 77;
	learnt_clear(&learnt);
	assert_true(learnt.used == 0 && learnt.missed == 0 && learnt.seed == 77);
	note(CLIENT(1), SERVER(1), 1);
	assert_int_equal(learnt.used, 1);
}

/* ---- how rates are spread ---- */

static void percentiles_are_at_most_a_bucket_too_high(void **state)
{
	const double bucket = exp2(1. / RATES_PER_OCTAVE);

	(void)state;
	rates = (struct rates){ .samples = 0 };
	assert_true(rates_percentile(&rates, 50) == 0);
	for (uint32_t i = 1; i <= 1000; i++) {
		const struct key key = pair(CLIENT(i), SERVER(1));

		rates_add(&rates, &key, i);
	}
	for (unsigned int percent = 1; percent <= 100; percent++) {
		const double exact = 10. * percent, got = rates_percentile(&rates, percent);

		if (got < exact || got > exact * bucket || got > 1000)
			fail_msg("%u %%: %f", percent, got);
	}
	assert_true(rates_percentile(&rates, 100) == 1000);
	assert_true(rates_above(&rates, 1000) == 0);
	assert_true(rates_above(&rates, 500) <= 500 && rates_above(&rates, 500) >= 500 - 45);
	assert_true(rates_above(&rates, 0.1) == 1000);
}

static void any_rate_has_a_bucket(void **state)
{
	static const double rows[] = { 0, 1e-300, RATES_LEAST, RATES_LEAST * 1.01, 1, 100000000, 1e300, INFINITY };
	const struct key key = pair(CLIENT(1), SERVER(1));

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		rates = (struct rates){ .samples = 0 };
		rates_add(&rates, &key, rows[i]);
		assert_true(rates_percentile(&rates, 100) <= rows[i]);
		assert_true(rates_percentile(&rates, 100) == rows[i] || rows[i] > RATE_MAX);
		assert_true(rates.samples == 1);
	}
}

static void the_highest_keys_are_kept(void **state)
{
	double least = INFINITY;

	(void)state;
	rates = (struct rates){ .samples = 0 };
	for (uint32_t i = 0; i < 500; i++) {
		const uint32_t number = i * 7 % 500; /* in no order */
		const struct key key = pair(CLIENT(number), SERVER(1));

		rates_add(&rates, &key, 1 + number);
		rates_add(&rates, &key, 0.5); /* a key keeps its highest */
	}
	assert_int_equal(rates.top_count, RATES_TOP);
	for (uint32_t i = 0; i < RATES_TOP; i++)
		least = fmin(least, rates.top[i].rate);
	assert_true(least == 500 - RATES_TOP + 1);
}

/* ---- the rules ---- */

static void flow(struct prefix client, struct prefix destination, uint32_t peak)
{
	const struct flow new = { .client = client, .destination = destination, .peak = peak, .pairs = 1, .looks = 1 };

	assert_int_equal(learning_add(&learning, &new), 0);
}

static struct prefix whole(uint32_t address)
{
	return (struct prefix){ ipv4(address), 128 };
}

static void few_clients_keep_their_addresses(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < POLICY_CLASSES_MAX - 1; i++)
		flow(whole(CLIENT(i)), whole(SERVER(i % 9)), i);
	assert_int_equal(learning_fit(&learning), 0);
	assert_int_equal(learning.client_level + learning.destination_level, 0);
	assert_int_equal(learning.count, POLICY_CLASSES_MAX - 1);
	learning_free(&learning);
}

static void more_clients_share_prefixes(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < POLICY_CLASSES_MAX; i++)
		flow(whole(CLIENT(i)), whole(SERVER(1)), i);
	assert_int_equal(learning_fit(&learning), 0);
	assert_int_equal(learning.client_level, 1); /* /28 */
	assert_int_equal(learning.count, POLICY_CLASSES_MAX / 16);
	assert_int_equal(learning.flows[7].peak, 127); /* the highest of those that it joins */
	assert_int_equal(learning.flows[7].pairs, 16);
	assert_int_equal(learning.flows[7].client.bits, 96 + 28);
	learning_free(&learning);
}

static void more_destinations_share_prefixes(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 300; i++)
		flow(whole(CLIENT(i % 10)), whole(SERVER(i)), 1);
	assert_int_equal(learning_fit(&learning), 0);
	assert_int_equal(learning.client_level, 0);
	assert_int_equal(learning.destination_level, 1);
	assert_int_equal(learning.count, 20); /* 192.0.2.0/24 and 192.0.3.0/24 of each */
	learning_free(&learning);
}

static void more_rules_share_clients_first(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 100 * 20; i++)
		flow(whole(CLIENT(i / 20)), whole(SERVER(i % 20)), 1);
	assert_int_equal(learning_fit(&learning), 0);
	assert_int_equal(learning.client_level, 1);
	assert_int_equal(learning.destination_level, 0);
	learning_free(&learning);
}

static void what_finds_no_room_is_refused(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < POLICY_CLASSES_MAX; i++)
		flow(whole(0x0a000000U + (i << 16)), whole(SERVER(1)), 1);
	assert_int_equal(learning_fit(&learning), -ENOSPC);
	learning_free(&learning);
}

static void rates_are_rounded_up(void **state)
{
	static const struct {
		uint32_t peak, margin, rate;
	} rows[] = {
		{ 0, 100, 1 },
		{ 1, 0, 1 },
		{ 1, 100, 2 },
		{ 1, 101, 5 },
		{ 5, 100, 10 },
		{ 10, 0, 10 },
		{ 10, 1, 20 },
		{ 100, 100, 200 },
		{ 333, 50, 500 },
		{ RATE_MAX, 0, RATE_MAX },
		{ UINT32_MAX, 10000, RATE_MAX },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(learning_rate(rows[i].peak, rows[i].margin), rows[i].rate);
}

static struct rates seen[KEY_KINDS];

static void see(enum key_kind kind, unsigned int times, double rate)
{
	const struct key key = pair(CLIENT(1), SERVER(1));

	while (times-- > 0)
		rates_add(&seen[kind], &key, rate);
}

/* The highest, unless it is far above the 99th percentile; never below the rate of what it holds. */
static void rates_are_suggested(void **state)
{
	static const struct {
		double usual, highest; /* of pairs */
		uint32_t margin, pair, destination;
		bool cut;
	} rows[] = {
		{ 10, 10, 100, 20, 20, false },
		{ 10, 100, 100, 200, 200, false },
		{ 10, 100, 0, 100, 100, false },
		{ 10, 300, 100, 50, 50, true }, /* 10 and up to a bucket more */
		{ 1, 1e6, 0, 1, 5, true },
		{ 0.3, 0.3, 100, 2, 10, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct suggestion got[KEY_KINDS];

		memset(seen, 0, sizeof(seen));
		see(KEY_PAIR, 199, rows[i].usual);
		see(KEY_PAIR, 1, rows[i].highest);
		see(KEY_DESTINATION, 1, 5);
		suggestion_make(seen, rows[i].margin, got);
		if (got[KEY_PAIR].rate != rows[i].pair || got[KEY_PAIR].cut != rows[i].cut)
			fail_msg("row %zu: %u/s", i, got[KEY_PAIR].rate);
		assert_int_equal(got[KEY_DESTINATION].rate, rows[i].destination);
		assert_int_equal(got[KEY_PAIR].above, rows[i].cut);
		assert_true(got[KEY_CLIENT].rate == 0 && got[KEY_CLIENT].above == 0); /* none was seen */
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pair_keeps_its_highest_rate),
		cmocka_unit_test(a_client_with_too_many_destinations_is_marked),
		cmocka_unit_test(clients_beyond_the_room_are_counted),
		cmocka_unit_test(percentiles_are_at_most_a_bucket_too_high),
		cmocka_unit_test(any_rate_has_a_bucket),
		cmocka_unit_test(the_highest_keys_are_kept),
		cmocka_unit_test(few_clients_keep_their_addresses),
		cmocka_unit_test(more_clients_share_prefixes),
		cmocka_unit_test(more_destinations_share_prefixes),
		cmocka_unit_test(more_rules_share_clients_first),
		cmocka_unit_test(what_finds_no_room_is_refused),
		cmocka_unit_test(rates_are_rounded_up),
		cmocka_unit_test(rates_are_suggested),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
