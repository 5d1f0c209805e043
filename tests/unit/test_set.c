/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Sets of what waits: against a plain table of bools, and round by round. */
#include <string.h>

#include "arena.h"
#include "set.h"
#include "vector.h"

static void *set_open(struct set *set, uint32_t size)
{
	struct arena arena = { .memory = NULL };
	void *memory;

	set_take_memory(set, &arena, size);
	memory = aligned_alloc(ARENA_ALIGN, arena.used);
	assert_non_null(memory);
	memset(memory, 0xa5, arena.used); /* what was there before must not matter */
	arena = (struct arena){ .memory = memory };
	set_take_memory(set, &arena, size);
	set_clear(set);
	return memory;
}

static void whoever_is_in_is_taken_once_in_each_round(void **state)
{
	static const uint32_t sizes[] = { 1, 16, 63, 64, 65, 4095, 4096, 4097, 300000 };

	(void)state;
	for (size_t i = 0; i < ROWS(sizes); i++) {
		const uint32_t size = sizes[i];
		bool *plain = calloc(size, sizeof(*plain));
		uint64_t random = size;
		uint32_t count = 0, last = 0;
		struct set set;
		void *memory = set_open(&set, size);

		assert_non_null(plain);
		for (unsigned int step = 0; step < 20000; step++) {
			if (draw_below(&random, 2) || count == 0) {
				const uint32_t number = draw_below(&random, 4) ? (uint32_t)draw_below(&random, size)
									       : size - 1;

				set_add(&set, number);
				count += !plain[number];
				plain[number] = true;
			} else {
				const uint32_t number = set_take(&set);

				assert_true(number < size && plain[number]);
				for (uint32_t passed = last; passed != number; passed = (passed + 1) % size)
					assert_false(plain[passed]); /* nobody was left out on the way */
				last = (number + 1) % size;
				plain[number] = false;
				count--;
			}
			assert_int_equal(set.count, count);
		}
		free(memory);
		free(plain);
	}
}

static void the_first_and_the_last_are_found(void **state)
{
	struct set set;
	void *memory = set_open(&set, 4096);

	(void)state;
	for (unsigned int round = 0; round < 3; round++) {
		set_add(&set, 4095);
		set_add(&set, 0);
		set_add(&set, 0);
		assert_int_equal(set.count, 2);
		assert_int_equal(set_take(&set), 0);
		assert_int_equal(set_take(&set), 4095);
	}
	free(memory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whoever_is_in_is_taken_once_in_each_round),
		cmocka_unit_test(the_first_and_the_last_are_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
