/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which frames of an origin have come: the window of sequences, whole ticks, gaps, what is asked for and what no
 * more.
 */
#include <string.h>

#include "origin.h"
#include "vector.h"

#define KEPT SEQUENCES_KEPT
#define BOOT(boot) ((uint64_t)(boot) << SEQUENCE_BOOT_SHIFT)

static void note(struct origin *origin, uint64_t sequence)
{
	origin_note(origin, sequence, 100, 1, false);
}

static bool wants(const struct origin *origin, uint64_t sequence)
{
	struct origin_request request;

	if (!origin_request(origin, 0, &request))
		return false;
	if (sequence < request.first || sequence >= request.first + KEPT)
		return false;
	return !(request.have[(sequence - request.first) / 64] >> (sequence - request.first) % 64 & 1);
}

static void the_window_slides_row_by_row(void **state)
{
	const struct {
		uint64_t note; /* 0: nothing is noted, only looked at */
		uint64_t look;
		bool has;
		uint64_t base, highest;
	} rows[] = {
		/*  0: the first frame of a start */ { BOOT(1) | 1, BOOT(1) | 1, true, BOOT(1) | 1, BOOT(1) | 1 },
		/*  1: not yet */ { 0, BOOT(1) | 2, false, BOOT(1) | 1, BOOT(1) | 1 },
		/*  2: below the window: too old to be asked for */ { 0, BOOT(1), true, BOOT(1) | 1, BOOT(1) | 1 },
		/*  3: an older start's may be asked for */ { 0, 17, false, BOOT(1) | 1, BOOT(1) | 1 },
		/*  4: one is left out */ { BOOT(1) | 3, BOOT(1) | 2, false, BOOT(1) | 1, BOOT(1) | 3 },
		/*  5: the same twice */ { BOOT(1) | 3, BOOT(1) | 3, true, BOOT(1) | 1, BOOT(1) | 3 },
		/*  6: it comes late */ { BOOT(1) | 2, BOOT(1) | 2, true, BOOT(1) | 1, BOOT(1) | 3 },
		/*  7: the window is full to its last place */
		{ BOOT(1) | KEPT, BOOT(1) | 1, true, BOOT(1) | 1, BOOT(1) | KEPT },
		/*  8: between is missing */ { 0, BOOT(1) | 4, false, BOOT(1) | 1, BOOT(1) | KEPT },
		/*  9: slides by one: the first falls out, its place is the newest's */
		{ (BOOT(1) | KEPT) + 1, (BOOT(1) | KEPT) + 1, true, BOOT(1) | 2, (BOOT(1) | KEPT) + 1 },
		/* 10: and the place of one that never came was cleared */
		{ (BOOT(1) | KEPT) + 4, (BOOT(1) | KEPT) + 3, false, BOOT(1) | 5, (BOOT(1) | KEPT) + 4 },
		/* 11: by a whole window less one: only the highest of before is inside */
		{ BOOT(1) + 2 * KEPT + 3, BOOT(1) + KEPT + 4, true, BOOT(1) + KEPT + 4, BOOT(1) + 2 * KEPT + 3 },
		/* 12 */ { 0, BOOT(1) + KEPT + 5, false, BOOT(1) + KEPT + 4, BOOT(1) + 2 * KEPT + 3 },
		/* 13: by a whole window: nothing known is inside */
		{ BOOT(1) + 3 * KEPT + 3, BOOT(1) + 2 * KEPT + 4, false, BOOT(1) + 2 * KEPT + 4,
		  BOOT(1) + 3 * KEPT + 3 },
		/* 14: far ahead */
		{ BOOT(1) + 9 * KEPT, BOOT(1) + 8 * KEPT + 1, false, BOOT(1) + 8 * KEPT + 1, BOOT(1) + 9 * KEPT },
		/* 15: one too old to be known leaves no trace */
		{ BOOT(1) + 7 * KEPT, BOOT(1) + 8 * KEPT + 1, false, BOOT(1) + 8 * KEPT + 1, BOOT(1) + 9 * KEPT },
		/* 16: the next start: its window begins with its first frame, whichever came */
		{ BOOT(2) | 5, BOOT(2) | 1, false, BOOT(2) | 1, BOOT(2) | 5 },
		/* 17: the last start's are still asked for */
		{ 0, BOOT(1) + 9 * KEPT + 1, false, BOOT(2) | 1, BOOT(2) | 5 },
		/* 18: and change nothing */ { BOOT(1) + 9 * KEPT + 1, BOOT(2) | 1, false, BOOT(2) | 1, BOOT(2) | 5 },
		/* 19: one of them that comes late */
		{ BOOT(1) + 9 * KEPT - 1, BOOT(1) + 9 * KEPT - 1, true, BOOT(2) | 1, BOOT(2) | 5 },
		/* 20: a start skipped */
		{ BOOT(9) + 3 * KEPT, BOOT(9) + 3 * KEPT, true, BOOT(9) + 2 * KEPT + 1, BOOT(9) + 3 * KEPT },
		/* 21: the two newest are followed */
		{ 0, BOOT(2) | 6, false, BOOT(9) + 2 * KEPT + 1, BOOT(9) + 3 * KEPT },
		/* 22: the third is not */ { 0, BOOT(1) | 6, true, BOOT(9) + 2 * KEPT + 1, BOOT(9) + 3 * KEPT },
	};
	struct track tracks[BOOTS_KEPT] = { { 0 } };
	struct origin origin = { .used = true, .track = tracks };

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		if (rows[i].note)
			note(&origin, rows[i].note);
		if (origin_has(&origin, rows[i].look) != rows[i].has || origin.track[0].base != rows[i].base ||
		    origin.track[0].highest != rows[i].highest)
			fail_msg("row %zu: has %d, base %llx, highest %llx", i, origin_has(&origin, rows[i].look),
				 (unsigned long long)origin.track[0].base, (unsigned long long)origin.track[0].highest);
	}
}

static void any_order_agrees_with_a_list_of_the_seen(void **state)
{
	static bool seen[1 << 16];

	(void)state;
	for (uint64_t seed = 1; seed <= 30; seed++) {
		struct track tracks[BOOTS_KEPT] = { { 0 } };
		struct origin origin = { .used = true, .track = tracks };
		uint64_t random = seed, middle = 1;

		memset(seen, 0, sizeof(seen));
		note(&origin, BOOT(3) | 1);
		seen[1] = true;
		for (int i = 0; i < 5000; i++) {
			middle += draw_below(&random, 500) ? draw_below(&random, 8) : draw_below(&random, 2 * KEPT);
			const uint64_t back = draw_below(&random, KEPT / 2), number = back < middle ? middle - back : 1;

			if (number >= sizeof(seen))
				break;
			/* What falls below the window counts as had for good. */
			note(&origin, BOOT(3) | number);
			seen[number] = true;
			const uint64_t low = origin.track[0].base & (BOOT(1) - 1),
				       look = low + draw_below(&random, KEPT + 8);

			assert_int_equal(origin_has(&origin, BOOT(3) | look),
					 look <= (origin.track[0].highest & (BOOT(1) - 1)) && seen[look]);
			assert_true(origin.track[0].highest - origin.track[0].base < KEPT);
		}
	}
}

static void a_tick_is_whole_when_its_last_frame_is_here(void **state)
{
	static const struct {
		uint64_t sequence, tick;
		uint16_t of;
		bool closing;
		uint64_t complete;
	} rows[] = {
		/*  0: alone */ { 1, 100, 1, false, 100 },
		/*  1: first of three */ { 2, 101, 3, false, 100 },
		/*  2: third of three */ { 4, 101, 3, false, 100 },
		/*  3: the next tick comes whole before it: the newest whole tick is what counts */
		{ 5, 102, 1, false, 102 },
		/*  4: the late one brings nothing back */ { 3, 101, 3, false, 102 },
		/*  5: closing frames are no tick's */ { 6, 110, 1, true, 102 },
		/*  6: two ticks mixed */ { 7, 103, 2, false, 102 },
		/*  7 */ { 8, 104, 2, false, 102 },
		/*  8 */ { 9, 103, 2, false, 103 },
		/*  9 */ { 10, 104, 2, false, 104 },
		/* 10: TICKS_KEPT later in the same place */ { 11, 108, 2, false, 104 },
		/* 11: an older tick of that place is too late to be kept */ { 12, 104, 1, false, 104 },
		/* 12 */ { 13, 108, 2, false, 108 },
	};
	struct track tracks[BOOTS_KEPT] = { { 0 } };
	struct origin origin = { .used = true, .track = tracks };

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		origin_note(&origin, BOOT(1) | rows[i].sequence, rows[i].tick, rows[i].of, rows[i].closing);
		if (origin.complete != rows[i].complete)
			fail_msg("row %zu: %llu", i, (unsigned long long)origin.complete);
	}
	assert_int_equal(origin.frames_received, ROWS(rows));
}

static void a_gap_shows_until_it_is_filled(void **state)
{
	struct track tracks[BOOTS_KEPT] = { { 0 } };
	struct origin origin = { .used = true, .track = tracks };

	(void)state;
	assert_false(origin_has_gap(&origin));
	note(&origin, BOOT(1) | 1);
	assert_false(origin_has_gap(&origin));
	note(&origin, BOOT(1) | 3);
	assert_true(origin_has_gap(&origin));
	assert_true(wants(&origin, BOOT(1) | 2));
	assert_false(wants(&origin, BOOT(1) | 1));
	assert_false(wants(&origin, BOOT(1) | 3));
	note(&origin, BOOT(1) | 2);
	assert_false(origin_has_gap(&origin));

	/* The end missing shows by what a neighbour claims. */
	origin_claim(&origin, BOOT(1) | 5);
	assert_true(origin_has_gap(&origin));
	assert_true(wants(&origin, BOOT(1) | 4) && wants(&origin, BOOT(1) | 5) && !wants(&origin, BOOT(1) | 6));
	note(&origin, BOOT(1) | 5);
	assert_true(origin_has_gap(&origin));
	assert_true(wants(&origin, BOOT(1) | 4) && !wants(&origin, BOOT(1) | 5));
	note(&origin, BOOT(1) | 4);
	assert_false(origin_has_gap(&origin));
}

static void a_claim_is_believed_for_one_window(void **state)
{
	struct track tracks[BOOTS_KEPT] = { { 0 } };
	struct origin origin = { .used = true, .track = tracks };
	struct origin_request request;

	(void)state;
	note(&origin, BOOT(1) | 7);
	origin_claim(&origin, BOOT(1) | 9 * KEPT);
	assert_int_equal(origin.track[0].highest, BOOT(1) | 7);
	assert_true(origin_request(&origin, 0, &request));
	assert_int_equal(request.first, BOOT(1) | 1);
	assert_true(wants(&origin, BOOT(1) | KEPT));
	assert_false(wants(&origin, BOOT(1) + KEPT + 1));
	/* What was claimed in vain does not stand in the way of what comes. */
	for (uint64_t s = 1; s <= 20; s++)
		note(&origin, BOOT(1) | s);
	assert_true(wants(&origin, BOOT(1) | 21) && !wants(&origin, BOOT(1) | 20));
}

static void what_is_given_up_is_asked_for_when_it_is_claimed_again(void **state)
{
	struct track tracks[BOOTS_KEPT] = { { 0 } };
	struct origin origin = { .used = true, .track = tracks, .attempts = 9 };

	(void)state;
	note(&origin, BOOT(1) | 1);
	note(&origin, BOOT(1) | 4);
	origin_claim(&origin, BOOT(1) | 9); /* a claim that nothing stands behind */
	assert_true(origin_has_gap(&origin));
	origin_give_up(&origin);
	assert_false(origin_has_gap(&origin));
	assert_int_equal(origin.attempts, 0);
	assert_false(wants(&origin, BOOT(1) | 2) || wants(&origin, BOOT(1) | 3));

	/* The next gap is a new one. */
	note(&origin, BOOT(1) | 6);
	assert_true(origin_has_gap(&origin));
	assert_true(wants(&origin, BOOT(1) | 5));
	assert_false(wants(&origin, BOOT(1) | 3));
	origin_claim(&origin, BOOT(1) | 9);
	assert_true(wants(&origin, BOOT(1) | 9));

	/* One given up that comes all the same is taken. */
	note(&origin, BOOT(1) | 3);
	assert_true(origin_has(&origin, BOOT(1) | 3));
}

static void a_window_is_asked_for_up_to_what_is_claimed(void **state)
{
	struct track tracks[BOOTS_KEPT] = { { 0 } };
	struct origin origin = { .used = true, .track = tracks };
	struct origin_request request;

	(void)state;
	/* Nothing held: a new start from its first frame on. */
	assert_false(origin_request(&origin, 0, &request));
	origin_claim(&origin, BOOT(4) | 10);
	assert_true(origin_request(&origin, 0, &request));
	assert_int_equal(request.first, BOOT(4) | 1);
	for (uint64_t s = 1; s <= 10; s++)
		assert_true(wants(&origin, BOOT(4) | s));
	/* As far as a window reaches. */
	origin_claim(&origin, BOOT(4) | (KEPT + 10));
	assert_true(origin_request(&origin, 0, &request));
	assert_int_equal(request.first, BOOT(4) | 11);
	note(&origin, BOOT(4) | (KEPT + 10));
	/* Another start: both are asked for, the older one in its own window. */
	origin_claim(&origin, BOOT(5) | 2);
	assert_true(origin_request(&origin, 0, &request));
	assert_int_equal(request.first, BOOT(5) | 1);
	assert_true(wants(&origin, BOOT(5) | 1) && wants(&origin, BOOT(5) | 2));
	assert_true(origin_request(&origin, 1, &request));
	assert_int_equal(request.first, BOOT(4) | 11);
	note(&origin, BOOT(4) | 11);
	assert_true(origin_request(&origin, 1, &request));
	assert_int_equal(request.first, BOOT(4) | 12);
}

/* Whatever order they are heard of in: the newest are followed, each in its own window. */
static void the_newest_starts_are_followed(void **state)
{
	static const unsigned int orders[][4] = { { 4, 5, 6, 7 }, { 7, 6, 5, 4 }, { 6, 4, 7, 5 }, { 5, 7, 4, 6 } };

	(void)state;
	for (size_t i = 0; i < ROWS(orders); i++) {
		struct track tracks[BOOTS_KEPT] = { { 0 } };
		struct origin origin = { .used = true, .track = tracks };
		struct origin_request request;

		for (unsigned int k = 0; k < 4; k++) {
			note(&origin, BOOT(orders[i][k]) | 2);
			assert_true(origin_has(&origin, BOOT(orders[i][k]) | 2));
		}
		for (unsigned int k = 0; k < BOOTS_KEPT; k++) {
			assert_true(origin_request(&origin, k, &request));
			assert_int_equal(request.first, BOOT(7 - k) | 1);
			assert_int_equal(tracks[k].highest, BOOT(7 - k) | 2);
		}
		assert_true(origin_has(&origin, BOOT(4) | 1)); /* too old to be asked for */
		assert_false(origin_follows(&origin, BOOT(4) | 1));
		for (unsigned int k = 0; k < BOOTS_KEPT; k++) {
			assert_true(origin_has_gap(&origin));
			note(&origin, BOOT(7 - k) | 1);
		}
		assert_false(origin_has_gap(&origin));
	}
}

static void a_leap_beyond_the_window_is_told(void **state)
{
	struct track tracks[BOOTS_KEPT] = { { 0 } };
	struct origin origin = { .used = true, .track = tracks };

	(void)state;
	note(&origin, BOOT(1) | 1);
	note(&origin, BOOT(1) | KEPT);
	assert_false(origin.leapt);
	note(&origin, BOOT(1) | 2 * KEPT);
	assert_true(origin.leapt);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_window_slides_row_by_row),
		cmocka_unit_test(any_order_agrees_with_a_list_of_the_seen),
		cmocka_unit_test(a_tick_is_whole_when_its_last_frame_is_here),
		cmocka_unit_test(a_gap_shows_until_it_is_filled),
		cmocka_unit_test(a_claim_is_believed_for_one_window),
		cmocka_unit_test(what_is_given_up_is_asked_for_when_it_is_claimed_again),
		cmocka_unit_test(a_window_is_asked_for_up_to_what_is_claimed),
		cmocka_unit_test(the_newest_starts_are_followed),
		cmocka_unit_test(a_leap_beyond_the_window_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
