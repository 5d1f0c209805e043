/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Kept frames: each ring holds its newest, finds what it holds and nothing else. */
#include <string.h>

#include "arena.h"
#include "store.h"
#include "vector.h"

#define FRAMES 64
#define RING (FRAMES / 2)
#define SLOT_TICKS 20

static struct store store_open(uint32_t frames_max)
{
	const size_t bytes = store_bytes(frames_max, 4);
	struct arena arena = { .memory = aligned_alloc(ARENA_ALIGN, bytes) };
	struct store store;

	memset(arena.memory, 0, bytes);
	store_init(&store, &arena, frames_max, 4, SLOT_TICKS);
	return store;
}

static void store_close(struct store *store)
{
	free(store->frames); /* the arena's first piece */
}

static uint32_t put(struct store *store, uint64_t origin, uint64_t incarnation, uint64_t sequence, enum frame_kind kind)
{
	const struct frame_head head = {
		.origin = origin, .incarnation = incarnation, .sequence = sequence, .tick = 7, .kind = kind
	};

	return store_put(store, &head, 1, 0);
}

static void an_empty_store_finds_nothing(void **state)
{
	struct store store = store_open(FRAMES);

	(void)state;
	for (uint64_t sequence = 0; sequence < 1000; sequence++)
		assert_null(store_find(&store, 1, 1, sequence));
	store_close(&store);
}

static void a_frame_is_found_by_all_three_of_its_numbers(void **state)
{
	struct store store = store_open(FRAMES);
	const uint32_t number = put(&store, 5, 6, 7, FRAME_TICK);
	const struct stored *found = store_find(&store, 5, 6, 7);

	(void)state;
	assert_ptr_equal(found, &store.frames[number]);
	assert_int_equal(found->size, 0);
	assert_int_equal(found->tick, 7);
	assert_int_equal(found->kind, FRAME_TICK);
	assert_null(store_find(&store, 4, 6, 7));
	assert_null(store_find(&store, 5, 5, 7));
	assert_null(store_find(&store, 5, 6, 6));
	/* the hash folds origin and sequence together; the look-up does not */
	assert_null(store_find(&store, 7, 6, 5));
	store_close(&store);
}

static void each_ring_holds_its_newest(void **state)
{
	struct store store = store_open(FRAMES);

	(void)state;
	put(&store, 9, 9, 1, FRAME_CLOSING);
	for (uint64_t sequence = 1; sequence <= 5 * RING + 3; sequence++) {
		assert_int_equal(put(&store, 1, 1, sequence, FRAME_TICK), (sequence - 1) % RING);
		for (uint64_t s = 1; s <= sequence + 1; s++)
			assert_int_equal(store_find(&store, 1, 1, s) != NULL, s <= sequence && s + RING > sequence);
	}
	assert_non_null(store_find(&store, 9, 9, 1)); /* tick frames do not push out a closing frame */
	for (uint64_t sequence = 2; sequence <= RING; sequence++)
		put(&store, 9, 9, sequence, FRAME_CLOSING);
	assert_non_null(store_find(&store, 9, 9, 1));
	assert_int_equal(put(&store, 9, 9, RING + 1, FRAME_CLOSING), RING);
	assert_null(store_find(&store, 9, 9, 1));
	assert_non_null(store_find(&store, 9, 9, 2));
	assert_non_null(store_find(&store, 1, 1, 5 * RING + 3));
	store_close(&store);
}

/* The newest of two with one name is found; when it has gone, the other only if it still stands. */
static void the_newest_of_one_name_is_found(void **state)
{
	struct store store = store_open(FRAMES);
	const uint32_t tick = put(&store, 1, 1, 50, FRAME_TICK), closing = put(&store, 1, 1, 50, FRAME_CLOSING);

	(void)state;
	assert_ptr_equal(store_find(&store, 1, 1, 50), &store.frames[closing]);
	for (uint64_t sequence = 100; sequence < 100 + RING; sequence++)
		put(&store, 2, 2, sequence, FRAME_CLOSING);
	assert_ptr_equal(store_find(&store, 1, 1, 50), &store.frames[tick]);
	for (uint64_t sequence = 200; sequence < 200 + RING; sequence++)
		put(&store, 2, 2, sequence, FRAME_TICK);
	assert_null(store_find(&store, 1, 1, 50));
	store_close(&store);
}

struct name {
	uint64_t origin, incarnation, sequence;
};

static void random_puts_agree_with_a_plain_ring(void **state)
{
	static const uint32_t sizes[] = { 16, 18, 63, 64, 100, 1000 };

	(void)state;
	for (size_t size = 0; size < ROWS(sizes); size++) {
		struct store store = store_open(sizes[size]);
		struct name ring[1000] = { { 0 } }; /* by place */
		uint64_t random = size + 1;

		for (int i = 0; i < 20000; i++) {
			const struct name name = { 1 + draw_below(&random, 4), 1 + draw_below(&random, 3),
						   1 + draw_below(&random, 200) };
			const struct stored *found = store_find(&store, name.origin, name.incarnation, name.sequence);
			bool held = false;

			for (uint32_t n = 0; n < sizes[size]; n++)
				held |= memcmp(&ring[n], &name, sizeof(name)) == 0;
			assert_int_equal(found != NULL, held);
			if (found)
				continue; /* receive.c never keeps one twice */
			ring[put(&store, name.origin, name.incarnation, name.sequence,
				 draw_below(&random, 3) ? FRAME_TICK : FRAME_CLOSING)] = name;
		}
		store_close(&store);
	}
}

/* Who floods pushes out its own frames and what is lent, and nobody's guaranteed part while its slot is held. */
static void a_flood_pushes_out_no_guaranteed_part(void **state)
{
	const uint32_t own = RING / 4, others = RING / 4 / 3; /* of four members */
	struct frame_head head = { .origin = 1, .incarnation = 1, .tick = 7, .kind = FRAME_TICK };
	struct store store = store_open(FRAMES);

	(void)state;
	for (head.sequence = 1; head.sequence <= own; head.sequence++)
		store_put(&store, &head, 0, 0);
	head.origin = 2;
	for (head.sequence = 1; head.sequence <= others; head.sequence++)
		store_put(&store, &head, 1, 0);
	head.origin = 3;
	for (head.sequence = 1; head.sequence <= 100 * RING; head.sequence++)
		store_put(&store, &head, 2, 0);
	for (uint64_t s = 1; s <= own; s++)
		assert_non_null(store_find(&store, 1, 1, s));
	for (uint64_t s = 1; s <= others; s++)
		assert_non_null(store_find(&store, 2, 1, s));
	assert_non_null(store_find(&store, 3, 1, 100 * RING));
	/* One more than its part is lent, and may go. */
	head.origin = 2;
	store_put(&store, &head, 1, 0);
	head.origin = 3;
	for (uint64_t s = 1; s <= 2 * RING; s++, head.sequence++)
		store_put(&store, &head, 2, 0);
	assert_int_equal(store.held[0][1], others);
	/* Nothing is guaranteed once its slot is forgotten. */
	head.tick = 9;
	for (uint64_t s = 1; s <= RING; s++, head.sequence++)
		store_put(&store, &head, 2, 8);
	assert_int_equal(store.held[0][0] + store.held[0][1], 0);
	assert_int_equal(store.held[0][2], RING);
	store_close(&store);
}

/* What a start that ended told in its last slot stands in no closing frame. */
static void what_a_start_told_last_outlives_what_was_closed(void **state)
{
	static const struct {
		uint64_t ended_goes_on; /* until this tick */
		bool kept;
	} rows[] = {
		/* 0: no closing frame of the slot 40 to 59 can have come */ { 59, true },
		/* 1 */ { 3 * SLOT_TICKS + CLOSING_TICKS - 1, true },
		/* 2 */ { 3 * SLOT_TICKS + CLOSING_TICKS, false },
	};

	const unsigned int guaranteed = 2 * FRAMES / 4 / 3;

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct frame_head ended = { .origin = 1, .incarnation = 1, .kind = FRAME_TICK };
		struct frame_head running = { .origin = 2, .incarnation = 1, .kind = FRAME_TICK };
		struct store store = store_open(4 * FRAMES); /* more than is told before it is closed */
		unsigned int found = 0;

		for (ended.tick = running.tick = 41; ended.tick <= 59; ended.tick++, running.tick++) {
			ended.sequence = 1ULL << 40 | ended.tick;
			running.sequence = running.tick;
			store_put(&store, &ended, 1, 0);
			store_put(&store, &running, 2, 0);
		}
		ended.tick = rows[i].ended_goes_on;
		ended.sequence = 1ULL << 40 | 1000;
		store_put(&store, &ended, 1, 0);
		for (; running.tick <= 200; running.tick++) {
			running.sequence = running.tick;
			store_put(&store, &running, 2, 0);
			assert_non_null(store_find(&store, 2, 1, running.sequence));
		}
		for (uint64_t tick = 41; tick <= 59; tick++)
			found += store_find(&store, 1, 1, 1ULL << 40 | tick) != NULL;
		assert_true(rows[i].kept ? found == 19 : found <= guaranteed);
		for (running.tick = 201; running.tick <= 400; running.tick++) { /* no tick before 60 is held any more */
			running.sequence = running.tick;
			store_put(&store, &running, 2, 60);
		}
		for (uint64_t tick = 41; tick <= 59; tick++)
			assert_null(store_find(&store, 1, 1, 1ULL << 40 | tick));
		store_close(&store);
	}
}

/* Of frames that all may be missed the oldest goes, as ever: a look at some does not wear out the ring. */
static void where_nothing_was_closed_the_oldest_goes(void **state)
{
	struct frame_head head = { .origin = 1, .incarnation = 1, .tick = 41, .kind = FRAME_TICK };
	struct store store = store_open(FRAMES);

	(void)state;
	for (uint64_t s = 1; s <= 10 * RING; s++) {
		head.sequence = s;
		store_put(&store, &head, 1, 0);
		for (uint64_t back = 0; back < RING && back < s; back++)
			assert_non_null(store_find(&store, 1, 1, s - back));
	}
	store_close(&store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_store_finds_nothing),
		cmocka_unit_test(a_frame_is_found_by_all_three_of_its_numbers),
		cmocka_unit_test(each_ring_holds_its_newest),
		cmocka_unit_test(the_newest_of_one_name_is_found),
		cmocka_unit_test(a_flood_pushes_out_no_guaranteed_part),
		cmocka_unit_test(what_a_start_told_last_outlives_what_was_closed),
		cmocka_unit_test(where_nothing_was_closed_the_oldest_goes),
		cmocka_unit_test(random_puts_agree_with_a_plain_ring),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
