// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The replay window around every edge, in numbered steps; then against a plain list of what was seen. */
#include "vector.h"
#include "anti_replay.h"

#define N REPLAY_WINDOW
#define LAST (UINT64_MAX - 65536) /* the highest counter there is */

static void steps_around_every_edge(void **state)
{
	static const struct {
		uint64_t counter;
		bool taken;
	} rows[] = {
		/*  0 */ { 0, false },
		/*  1 */ { 1, true },
		/*  2 */ { 1, false },
		/*  3 */ { 9, true },
		/*  4 */ { 8, true },
		/*  5 */ { 7, true },
		/*  6 */ { 7, false },
		/*  7 */ { N, true },
		/*  8 */ { N - 1, true },
		/*  9 */ { N - 1, false },
		/* 10 */ { N - 2, true },
		/* 11 */ { 2, true }, /* N - 2 behind the highest: inside */
		/* 12 */ { 2, false },
		/* 13 */ { N + 2, true },
		/* 14 */ { 3, true },  /* N - 1 behind: the last inside */
		/* 15 */ { 2, false }, /* N behind: outside, and seen */
		/* 16 */ { N + 63, true },
		/* 17 */ { 64, true },	   /* the last inside */
		/* 18 */ { 63, false },	   /* outside, never seen */
		/* 19 */ { N + 64, true }, /* into the next word */
		/* 20 */ { 65, true },
		/* 21 */ { 64, false },
		/* 22 */ { N + 64, false },
		/* 23 */ { 3 * N, true },  /* a jump that clears most words */
		/* 24 */ { 2 * N, false }, /* N behind */
		/* 25 */ { 2 * N + 1, true },
		/* 26 */ { 2 * N + 1, false },
		/* 27 */ { 9 * N + 7, true }, /* a jump over the whole ring: every word is clear */
		/* 28 */ { 8 * N + 8, true },
		/* 29 */ { 8 * N + 7, false },
		/* 30 */ { 9 * N + 6, true },
		/* 31 */ { 1ULL << 32, true },
		/* 32 */ { (1ULL << 32) - 1, true },
		/* 33 */ { (1ULL << 32) - N + 1, true },
		/* 34 */ { (1ULL << 32) - N, false },
		/* 35 */ { UINT64_MAX, false },
		/* 36 */ { LAST + 1, false },
		/* 37 */ { LAST, true },
		/* 38 */ { LAST, false },
		/* 39 */ { LAST - N + 1, true },
		/* 40 */ { LAST - N, false },
		/* 41 */ { 0, false },
	};
	struct anti_replay window = { 0 };

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		const struct anti_replay before = window;
		bool is_new = anti_replay_is_new(&window, rows[i].counter);

		assert_memory_equal(&before, &window, sizeof(window));
		if (is_new != rows[i].taken || anti_replay_mark(&window, rows[i].counter) != rows[i].taken)
			fail_msg("row %zu: counter %llu", i, (unsigned long long)rows[i].counter);
	}
}

static void backwards_through_a_whole_window_each_is_taken_once(void **state)
{
	for (uint64_t top = N; top < N + 130; top++) {
		struct anti_replay window = { 0 };

		(void)state;
		for (uint64_t counter = top; counter > top - N; counter--)
			assert_true(anti_replay_mark(&window, counter));
		for (uint64_t counter = top; counter > 0; counter--)
			assert_false(anti_replay_mark(&window, counter));
	}
}

static void a_jump_leaves_nothing_of_the_old_window(void **state)
{
	(void)state;
	for (uint64_t jump = N; jump < N + 200; jump++) {
		struct anti_replay window = { 0 };

		for (uint64_t counter = 1; counter <= N; counter++)
			assert_true(anti_replay_mark(&window, counter));
		assert_true(anti_replay_mark(&window, N + jump));
		for (uint64_t counter = jump + 1; counter < N + jump; counter++)
			assert_int_equal(anti_replay_is_new(&window, counter), counter > N);
	}
}

static void any_order_agrees_with_a_list_of_the_seen(void **state)
{
	static uint8_t seen[1 << 18];

	(void)state;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct anti_replay window = { 0 };
		uint64_t random = seed, highest = 0, base = 1;

		memset(seen, 0, sizeof(seen));
		for (int i = 0; i < 20000; i++) {
			uint64_t step = draw_below(&random, 100) == 0 ? draw_below(&random, 3 * N)
								      : draw_below(&random, 4);

			if (base + step + N < sizeof(seen))
				base += step;

			uint64_t back = draw_below(&random, N + 80), counter = back < base ? base - back : 0;
			bool expected = counter > 0 && !seen[counter] && (counter > highest || highest - counter < N);

			assert_int_equal(anti_replay_mark(&window, counter), expected);
			seen[counter] |= expected;
			if (expected && counter > highest)
				highest = counter;
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(steps_around_every_edge),
		cmocka_unit_test(backwards_through_a_whole_window_each_is_taken_once),
		cmocka_unit_test(a_jump_leaves_nothing_of_the_old_window),
		cmocka_unit_test(any_order_agrees_with_a_list_of_the_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
