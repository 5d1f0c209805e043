/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The ring of recent ticks and the rate it tells: rows around its ends, then random calls against a plain list of
 * ticks.
 */
#include <string.h>

#include "carry.h"
#include "vector.h"

#define N RECENT_TICKS
#define BIG (1ULL << 33) /* ticks since 1970 do not fit 32 bits */

struct add {
	uint64_t from, to, packets;
};

struct row {
	struct add adds[3];	/* packets 0 ends them */
	uint64_t from, to, sum; /* recent_sum */
};

static const struct row rows[] = {
	/*  0: an empty ring */
	{ { { 0 } }, 0, 1000, 0 },
	/*  1: all in one tick */
	{ { { 99, 100, 7 } }, 99, 100, 7 },
	/*  2: (from, to]: the tick before is not in it */
	{ { { 99, 100, 7 } }, 98, 99, 0 },
	/*  3: nor the one after */
	{ { { 99, 100, 7 } }, 100, 101, 0 },
	/*  4: spread over two ticks, the newer takes the odd packet */
	{ { { 98, 100, 7 } }, 99, 100, 4 },
	/*  5: and the older the rest */
	{ { { 98, 100, 7 } }, 98, 99, 3 },
	/*  6: fewer packets than ticks: the newest have one each */
	{ { { 92, 100, 3 } }, 97, 100, 3 },
	/*  7: and the older none */
	{ { { 92, 100, 3 } }, 92, 97, 0 },
	/*  8: exactly as many ticks as the ring has */
	{ { { 100 - N, 100, 10 * N } }, 0, 100, 10 * N },
	/*  9: one more: its part is left out */
	{ { { 99 - N, 100, 10 * (N + 1) } }, 0, 100, 10 * N },
	/* 10: far more */
	{ { { 9000 - 100 * N, 9000, 1000 * N } }, 0, 9000, 10 * N },
	/* 11: from not before to: counted in `to` */
	{ { { 100, 100, 7 } }, 99, 100, 7 },
	/* 12: a tick later, the ring keeps N */
	{ { { 100 - N, 100, 10 * N }, { 100, 101, 5 } }, 0, 101, 10 * N - 10 + 5 },
	/* 13: the ticks between two adds are 0 */
	{ { { 99, 100, 7 }, { 102, 103, 9 } }, 100, 102, 0 },
	/* 14: a jump of N - 1 ticks: the oldest stays */
	{ { { 99, 100, 7 }, { 99 + N - 1, 100 + N - 1, 9 } }, 0, 1000, 16 },
	/* 15: a jump of N: all is new */
	{ { { 99, 100, 7 }, { 99 + N, 100 + N, 9 } }, 0, 1000, 9 },
	/* 16: a jump far ahead */
	{ { { 99, 100, 7 }, { 99 + 1000000, 100 + 1000000, 9 } }, 0, 2000000, 9 },
	/* 17: the oldest tick in the ring still takes */
	{ { { 99, 100, 7 }, { 100 - N, 101 - N, 9 } }, 100 - N, 101 - N, 9 },
	/* 18: one older does not */
	{ { { 99, 100, 7 }, { 99 - N, 100 - N, 9 } }, 0, 1000, 7 },
	/* 19: far behind */
	{ { { 1000099, 1000100, 7 }, { 99, 100, 9 } }, 0, 2000000, 7 },
	/* 20: half before the ring, half in it */
	{ { { 99, 100, 7 }, { 100 - N - 2, 100 - N + 2, 8 } }, 100 - N, 102 - N, 4 },
	/* 21: adds up */
	{ { { 99, 100, 7 }, { 98, 100, 6 }, { 99, 100, 1 } }, 99, 100, 11 },
	/* 22: saturates */
	{ { { 99, 100, UINT32_MAX }, { 99, 100, 5 } }, 99, 100, UINT32_MAX },
	/* 23: and does so at once */
	{ { { 99, 100, 1ULL << 40 } }, 99, 100, UINT32_MAX },
	/* 24: ticks over 2^32 */
	{ { { BIG + 98, BIG + 100, 7 } }, BIG + 98, BIG + 100, 7 },
	/* 25: the low 32 bits pass 0 */
	{ { { BIG - 3, BIG + 2, 50 }, { BIG + 2, BIG + 3, 4 } }, BIG - 2, BIG + 3, 44 },
	/* 26: and 2^31 */
	{ { { BIG + (1ULL << 31) - 3, BIG + (1ULL << 31) + 2, 50 } }, BIG + (1ULL << 31) - 3, BIG + (1ULL << 31) + 2,
		50 },
	/* 27: an empty range */
	{ { { 99, 100, 7 } }, 100, 100, 0 },
	/* 28: the whole ring by its ends */
	{ { { 100 - N, 100, 10 * N } }, 100 - N, 100, 10 * N },
	/* 29: 0 packets move nothing on */
	{ { { 99, 100, 7 } }, 0, 100, 7 },
};

static struct recent recent_of(const struct add adds[3], uint64_t first)
{
	/* A ring that is not empty has a place in time already; an empty one takes any. */
	struct recent recent = { .newest = (uint32_t)(first - 10 * N) };

	for (unsigned int i = 0; i < 3 && adds[i].packets > 0; i++)
		recent_add(&recent, adds[i].from, adds[i].to, adds[i].packets);
	return recent;
}

static void rows_around_the_ends_of_the_ring(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		const struct recent recent = recent_of(rows[i].adds, rows[i].adds[0].to);
		const uint64_t sum = recent_sum(&recent, rows[i].from, rows[i].to);

		if (sum != rows[i].sum)
			fail_msg("row %zu: %llu", i, (unsigned long long)sum);
	}
}

/* Ticks of 250 ms and 500 ms have bit 31 set today, where a signed distance from 0 would say "long ago". */
static void an_empty_ring_takes_any_tick(void **state)
{
	static const uint32_t tick_ms[] = { 20, 50, 100, 200, 250, 500, 1000 };

	(void)state;
	for (size_t i = 0; i < ROWS(tick_ms); i++) {
		const uint64_t tick = 1790000000ULL * 1000 / tick_ms[i];
		struct recent recent = { .newest = 0 };

		recent_add(&recent, tick - 1, tick, 7);
		assert_int_equal(recent_sum(&recent, tick - 2, tick), 7);
		assert_true(recent_is_after(&recent, tick - 1));
		assert_false(recent_is_after(&recent, tick));
	}
}

/* A plain list: packets of ticks [base, base + 4096). */
struct list {
	uint64_t packets[4096], base, newest;
};

static void list_add(struct list *list, uint64_t from, uint64_t to, uint64_t packets)
{
	if (packets > 0 && to > list->newest)
		list->newest = to;
	for (uint64_t left = packets, tick = to; tick > from; tick--) {
		const uint64_t part = (left + (tick - from) - 1) / (tick - from); /* the newest take the larger parts */

		left -= part;
		if (tick + N > list->newest)
			list->packets[tick - list->base] += part;
	}
}

static uint64_t list_sum(const struct list *list, uint64_t from, uint64_t to)
{
	uint64_t sum = 0;

	for (uint64_t tick = from + 1; tick <= to; tick++) {
		if (tick + N > list->newest && tick <= list->newest)
			sum += list->packets[tick - list->base];
	}
	return sum;
}

static void random_adds_agree_with_a_list(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 100; seed++) {
		static struct list list;
		uint64_t random = seed;
		struct recent recent;

		/* Bases before and behind the passing of 2^32 and of 2^31 in the low bits. */
		list = (struct list){ .base = BIG - 2000 + (seed % 2) * (1ULL << 31) };
		list.newest = list.base + 100;
		recent = (struct recent){ .newest = (uint32_t)list.newest };
		for (int i = 0; i < 800; i++) {
			const uint64_t to = list.newest + draw_below(&random, 8) - 4,
				       ticks = 1 + draw_below(&random, 12);
			const uint64_t at = list.newest - draw_below(&random, 12), packets = draw_below(&random, 40);

			recent_add(&recent, to - ticks, to, packets);
			list_add(&list, to - ticks, to, packets);
			assert_int_equal(recent_sum(&recent, at - 3, at), list_sum(&list, at - 3, at));
			assert_int_equal(recent_is_after(&recent, at), list.newest > at);
			const struct carry carry = carry_of(&recent, at, 0.2);

			assert_true(carry.rho == (double)list_sum(&list, at - 2, at) / 0.4);
			assert_int_equal(carry.tick, at);
			assert_int_equal(carry.known_after, list_sum(&list, at, list.newest));
		}
	}
}

/* The carry's promise: at a constant total rate, known up to A, count and time agree however late A is. */
static void a_constant_rate_is_carried_without_error(void **state)
{
	(void)state;
	for (uint64_t late = 0; late <= CARRY_TICKS; late++) {
		for (uint64_t known = 0; known <= 30; known += 10) { /* of each tick after A */
			struct recent recent = { .newest = 5000 };
			const uint64_t now = 6000, a = now - late;
			uint64_t counted = 0;

			for (uint64_t tick = now - 5; tick <= now; tick++) {
				recent_add(&recent, tick - 1, tick, tick <= a ? 30 : known);
				counted += tick <= a ? 30 : known;
			}
			const struct carry carry = carry_of(&recent, a, 0.2);
			const double expected = (double)(counted - carry.known_after) + carry.rho * (double)late * 0.2;

			assert_true(carry.known_after == known * late);
			assert_true(expected > 6 * 30 - 1e-9 && expected < 6 * 30 + 1e-9);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_around_the_ends_of_the_ring),
		cmocka_unit_test(an_empty_ring_takes_any_tick),
		cmocka_unit_test(random_adds_agree_with_a_list),
		cmocka_unit_test(a_constant_rate_is_carried_without_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
