/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Queues of what waits for its turn: against a plain list. */
#include <string.h>

#include "arena.h"
#include "queue.h"
#include "vector.h"

static void *queue_open(struct queue *queue, uint32_t size)
{
	struct arena arena = { .memory = NULL };
	void *memory;

	queue_take_memory(queue, &arena, size);
	memory = aligned_alloc(ARENA_ALIGN, arena.used);
	assert_non_null(memory);
	memset(memory, 0xa5, arena.used); /* what was there before must not matter */
	arena = (struct arena){ .memory = memory };
	queue_take_memory(queue, &arena, size);
	queue_clear(queue);
	return memory;
}

/* The list: the first stands at 0. */
struct list {
	uint32_t items[4097], count;
};

static bool list_has(const struct list *list, uint32_t number)
{
	for (uint32_t i = 0; i < list->count; i++) {
		if (list->items[i] == number)
			return true;
	}
	return false;
}

static void list_add(struct list *list, uint32_t number, bool first)
{
	if (list_has(list, number))
		return;
	memmove(list->items + first, list->items, list->count * sizeof(*list->items) * first);
	list->items[first ? 0 : list->count] = number;
	list->count++;
}

static uint32_t list_take(struct list *list)
{
	const uint32_t number = list->items[0];

	memmove(list->items, list->items + 1, --list->count * sizeof(*list->items));
	return number;
}

static void whoever_came_first_is_taken_first(void **state)
{
	static const uint32_t sizes[] = { 1, 2, 16, 63, 64, 65, 300, 4097 };
	static struct list list;

	(void)state;
	for (size_t i = 0; i < ROWS(sizes); i++) {
		uint64_t random = sizes[i];
		struct queue queue;
		void *memory = queue_open(&queue, sizes[i]);

		list.count = 0;
		for (unsigned int step = 0; step < 20000; step++) {
			const uint32_t number = (uint32_t)draw_below(&random, sizes[i]),
				       what = (uint32_t)draw_below(&random, 8);

			if (what < 4) {
				queue_add(&queue, number);
				list_add(&list, number, false);
			} else if (what == 4) {
				queue_put_back(&queue, number);
				list_add(&list, number, true);
			} else if (list.count > 0) {
				const uint32_t expected = list_take(&list), got = queue_take(&queue);

				if (got != expected)
					fail_msg("size %u, step %u: took %u, expected %u", sizes[i], step, got,
						 expected);
			}
			assert_int_equal(queue.count, list.count);
		}
		free(memory);
	}
}

static void a_full_queue_holds_each_number_once(void **state)
{
	struct queue queue;
	void *memory = queue_open(&queue, 4096);

	(void)state;
	for (unsigned int round = 0; round < 3; round++) {
		for (uint32_t number = 0; number < 2 * 4096; number++)
			queue_add(&queue, number % 4096);
		queue_put_back(&queue, 7); /* it is in: it stays where it is */
		assert_int_equal(queue.count, 4096);
		for (uint32_t number = 0; number < 4096; number++)
			assert_int_equal(queue_take(&queue), number);
		assert_int_equal(queue.count, 0);
	}
	free(memory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whoever_came_first_is_taken_first),
		cmocka_unit_test(a_full_queue_holds_each_number_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
