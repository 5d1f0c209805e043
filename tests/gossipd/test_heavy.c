/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Heavy hitters: the inequality of heavy.h, over streams that are meant to break it, and the memory that it takes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "heavy.h"

#define ROWS(rows) (sizeof(rows) / sizeof((rows)[0]))

static struct heavy heavy;

static int begin(void **state)
{
	(void)state;
	heavy = (struct heavy){ .seed = 0x5eed };
	return 0;
}

static struct address client(uint32_t number)
{
	return address_of_ipv4((uint8_t[]){ 10, (uint8_t)(number >> 16), (uint8_t)(number >> 8), (uint8_t)number });
}

static void add(uint32_t number, unsigned int times)
{
	const struct address address = client(number);

	while (times--)
		heavy_add(&heavy, &address);
}

static uint32_t count(uint32_t number)
{
	const struct address address = client(number);

	return heavy_count(&heavy, &address);
}

static void within_its_places_every_count_is_exact(void **state)
{
	(void)state;
	for (uint32_t number = 0; number < HEAVY_PLACES; number++)
		add(number, number + 1);
	for (uint32_t number = 0; number < HEAVY_PLACES; number++)
		assert_int_equal(count(number), number + 1);
	assert_int_equal(count(HEAVY_PLACES), 0);
	assert_int_equal(heavy.lost, 0);
	assert_int_equal(heavy.total, HEAVY_PLACES * (HEAVY_PLACES + 1) / 2);
	assert_int_equal(heavy_top(&heavy)->count, HEAVY_PLACES);
}

static void one_more_client_takes_one_off_everybody(void **state)
{
	(void)state;
	for (uint32_t number = 0; number < HEAVY_PLACES; number++)
		add(number, number < 2 ? 1 : 2);
	add(1000, 1);
	assert_int_equal(heavy.used, HEAVY_PLACES - 2);
	assert_int_equal(heavy.lost, 1);
	assert_int_equal(count(0) + count(1) + count(1000), 0);
	assert_int_equal(count(2), 1);
	add(1000, 3); /* there is room now */
	assert_int_equal(count(1000), 3);
}

/* A million clients, one heavy one among them: the memory is the struct, and the inequality holds. */
static void a_million_clients_hide_no_heavy_one(void **state)
{
	static const struct {
		uint32_t clients, every; /* one item of each; after `every` of them one of the heavy client */
	} rows[] = {
		/* 0 */ { 1000000, 100 },
		/* 1 */ { 1000000, 250 }, /* just above one part in 257 */
		/* 2 */ { 100000, 2 },
		/* 3 */ { HEAVY_PLACES + 1, 1 },
	};

	(void)state;
	for (size_t row = 0; row < ROWS(rows); row++) {
		uint32_t items = 0;

		heavy = (struct heavy){ .seed = row };
		for (uint32_t number = 0; number < rows[row].clients; number++) {
			add(number, 1);
			if (number % rows[row].every == 0) {
				add(0xffffff, 1);
				items++;
			}
		}
		assert_int_equal(heavy.total, rows[row].clients + items);
		assert_true(heavy.lost <= heavy.total / (HEAVY_PLACES + 1));
		assert_true(count(0xffffff) <= items);
		assert_true(count(0xffffff) + heavy.lost >= items);
		assert_true(count(0xffffff) > 0);
		assert_true(heavy.used <= HEAVY_PLACES);
	}
}

/* Against exact counts, with halving: never too large, and too small by what is said to be lost. */
static void the_inequality_holds_while_it_forgets(void **state)
{
	enum { CLIENTS = 600, ROUNDS = 40 };
	static double exact[CLIENTS];
	uint64_t random = 88172645463325252ULL;
	double total = 0;

	(void)state;
	for (unsigned int i = 0; i < CLIENTS; i++)
		exact[i] = 0;
	for (unsigned int round = 0; round < ROUNDS; round++) {
		for (unsigned int i = 0; i < 20000; i++) {
			random ^= random << 13;
			random ^= random >> 7;
			random ^= random << 17;
			/* the square favours small numbers */
			const uint32_t number = (uint32_t)((random >> 32) % CLIENTS * ((random & 0xffff) % CLIENTS)) /
						CLIENTS;

			add(number, 1);
			exact[number]++;
			total++;
		}
		for (uint32_t number = 0; number < CLIENTS; number++) {
			assert_true(count(number) <= exact[number]);
			assert_true(count(number) + (double)heavy.lost >= exact[number]);
		}
		assert_true((double)heavy.total >= total && (double)heavy.total <= total + 1);
		assert_true((double)heavy.lost <= total / (HEAVY_PLACES + 1) + 2);
		heavy_halve(&heavy);
		for (uint32_t number = 0; number < CLIENTS; number++)
			exact[number] /= 2;
		total /= 2;
	}
}

static void what_is_not_seen_again_is_forgotten(void **state)
{
	(void)state;
	add(1, 720);
	for (unsigned int halvings = 0; halvings < 10; halvings++) {
		assert_int_equal(count(1), 720 >> halvings);
		heavy_halve(&heavy);
	}
	assert_int_equal(count(1), 0);
	assert_null(heavy_top(&heavy));
	assert_int_equal(heavy.used, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(within_its_places_every_count_is_exact, begin),
		cmocka_unit_test_setup(one_more_client_takes_one_off_everybody, begin),
		cmocka_unit_test_setup(a_million_clients_hide_no_heavy_one, begin),
		cmocka_unit_test_setup(the_inequality_holds_while_it_forgets, begin),
		cmocka_unit_test_setup(what_is_not_seen_again_is_forgotten, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
