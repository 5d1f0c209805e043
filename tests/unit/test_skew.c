// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Whose clock is off, by its stamps and by the ticks of its frames, and what follows for verdicts: a host that wakes
 * judges by its own counts until its clock is put right, and a member that lies about its ticks leaves out itself
 * alone.
 */
#include "liar_bed.h"

#define LEAD_TICKS 4 /* 800 ms: beyond the bound, and within what the carry takes for a recent tick */

static uint16_t number_of(const struct side *side)
{
	return member_find(bed.node, side->id);
}

static struct member *member_of(const struct side *side)
{
	return &bed.node->member->table[number_of(side)];
}

static bool is_left_out(const struct side *side, uint64_t incarnation)
{
	const bool skewed = member_of(side)->clock.skewed;
	const uint32_t origin = origin_find(bed.node, number_of(side), incarnation);

	assert_true(origin != INDEX_NONE);
	assert_true(bed.node->count->excluded[origin] == skewed);
	return skewed;
}

/* A stamp of a clock this far ahead of ours, after a round trip of so many ms. */
static void measure(const struct side *side, int64_t ahead_ms, int64_t rtt_ms)
{
	const struct now now = bed.now;

	member_measure(bed.node, number_of(side), now, now.mesh.ns + ahead_ms * NS_PER_MS - rtt_ms * NS_PER_MS / 2,
		       now.mesh.ns - rtt_ms * NS_PER_MS, 0);
}

static void measure_both(void)
{
	measure(&bed.liar, 0, 10);
	measure(&bed.third, 0, 10);
}

static void pass(int64_t ms)
{
	bed.now.mono.ns += ms * NS_PER_MS;
	bed.now.mesh.ns += ms * NS_PER_MS;
	node_tick(bed.node, bed.now);
}

static void liar_says(const struct cell *cell, uint64_t ticks_ahead)
{
	assert_int_equal(say_frame((struct speech){ .origin = bed.liar.id,
						    .incarnation = LIAR_INCARNATION,
						    .cells = cell,
						    .count = cell ? 1 : 0,
						    .ticks_ahead = ticks_ahead }),
			 REJECT_NONE);
}

static void third_says(const struct cell *cell, uint64_t ticks_ahead)
{
	assert_int_equal(say_frame((struct speech){ .origin = bed.third.id,
						    .incarnation = 3,
						    .signer = &bed.third,
						    .cells = cell,
						    .count = cell ? 1 : 0,
						    .ticks_ahead = ticks_ahead }),
			 REJECT_NONE);
}

static void observe(uint8_t client, uint64_t packets)
{
	const struct key key = pair_of(client);

	assert_true(node_observe(bed.node, bed.now, &key, mesh_slot_at(&bed.self.config.mesh, bed.now.mesh),
				 bed.now.mesh, bed.now.mesh, packets));
}

static struct key_view view_of(uint8_t client)
{
	const struct key key = pair_of(client);
	struct key_view view;

	assert_true(node_find_key(bed.node, bed.now, &key, &view));
	return view;
}

/* ---- the bound ---- */

/* START_NS is where a tick begins; the frame comes so many ms after it. */
static void a_lead_beyond_the_bound_outweighs_what_was_measured(void **state)
{
	static const struct {
		uint64_t ticks_ahead;
		int64_t after_ms;
		enum frame_kind kind;
		bool measured, left_out;
	} rows[] = {
		/* 0: 499 ms ahead */ { 3, 101, FRAME_TICK, true, false },
		/* 1: 500 ms */ { 3, 100, FRAME_TICK, true, false },
		/* 2: 501 ms */ { 3, 99, FRAME_TICK, true, true },
		/* 3: closing frames leave after their tick, too */ { 3, 100, FRAME_CLOSING, true, false },
		/* 4 */ { 3, 99, FRAME_CLOSING, true, true },
		/* 5 */ { 3, 100, FRAME_TICK, false, false },
		/* 6 */ { 3, 99, FRAME_TICK, false, true },
		/* 7: an hour */ { 18000, 0, FRAME_TICK, true, true },
		/* 8: numbers whose time is no time */
		{ (uint64_t)INT64_MAX / (TICK_MS_DEFAULT * NS_PER_MS), 0, FRAME_TICK, true, true },
		/* 9 */ { 1ULL << 55, 0, FRAME_TICK, true, true },
		/* 10 */ { 1ULL << 55, 0, FRAME_TICK, false, true },
		/* 11 */ { 1ULL << 62, 0, FRAME_CLOSING, true, true },
	};

	for (unsigned int i = 0; i < ROWS(rows); i++) {
		if (i > 0)
			assert_int_equal(bed_make(state), 0);
		if (rows[i].measured)
			measure_both();
		third_says(NULL, 0);
		bed.now.mono.ns += rows[i].after_ms * NS_PER_MS;
		bed.now.mesh.ns += rows[i].after_ms * NS_PER_MS;
		assert_int_equal(say_frame((struct speech){ .origin = bed.liar.id,
							    .incarnation = LIAR_INCARNATION,
							    .kind = rows[i].kind,
							    .ticks_ahead = rows[i].ticks_ahead }),
				 REJECT_NONE);
		if (is_left_out(&bed.liar, LIAR_INCARNATION) != rows[i].left_out)
			fail_msg("row %u: left out: %d, expected: %d", i, !rows[i].left_out, rows[i].left_out);
		assert_false(is_left_out(&bed.third, 3));
		assert_true(isnan(member_of(&bed.liar)->clock.skew_ms) == (rows[i].left_out || !rows[i].measured));
		if (i + 1 < ROWS(rows))
			assert_int_equal(bed_free(state), 0);
	}
}

/* A frame of its earlier incarnation, which had another clock, tells nothing of the running one. */
static void an_earlier_incarnation_proves_no_lead(void **state)
{
	(void)state;
	measure_both();
	assert_int_equal(say_frame((struct speech){
				 .origin = bed.liar.id, .incarnation = LIAR_INCARNATION - 1, .ticks_ahead = 10 }),
			 REJECT_NONE);
	pass(4000);
	liar_says(NULL, 0);
	assert_false(is_left_out(&bed.liar, LIAR_INCARNATION));
}

/* ---- what counts ---- */

/* Four seconds of others' counts, by a clock that stood still for as long. */
static void a_host_that_wakes_judges_by_its_own_counts(void **state)
{
	struct cell cell = cell_of(1, 0, 2);
	struct key_view view;

	(void)state;
	measure_both();
	third_says(&cell, 0);
	observe(1, 1);
	pass(200);
	view = view_of(1);
	assert_int_equal(view.count, 3);
	cell.packets = 22;
	third_says(&cell, 20);
	assert_true(is_left_out(&bed.third, 3));
	observe(1, 2);
	view = view_of(1);
	assert_int_equal(view.count, 2);
	assert_false(view.over);
	/* Its clock is put right, and the other's is measured. */
	pass(4000);
	measure(&bed.third, 0, 10);
	assert_false(is_left_out(&bed.third, 3));
	view = view_of(1);
	assert_int_equal(view.count, 24);
	assert_false(view.over);
}

/* Each tick a flood, here and at the third; the liar counts it, too, by a clock that is `ticks_ahead`. */
static struct key_view flood(uint64_t ticks_ahead)
{
	struct cell ours = cell_of(1, 0, 0), lie = cell_of(1, 0, 0);

	measure_both();
	for (unsigned int tick = 0; tick < 15; tick++) {
		ours.packets += 5;
		lie.packets += 1;
		third_says(&ours, 0);
		observe(1, ours.packets);
		if (ticks_ahead)
			liar_says(&lie, ticks_ahead);
		pass(200);
	}
	return view_of(1);
}

static void a_lead_leaves_out_the_liar_alone_and_hides_no_flood(void **state)
{
	static const uint64_t leads[] = { LEAD_TICKS, 20, 1ULL << 40 };
	const struct key_view honest = flood(0);

	assert_true(honest.rate > honest.limit);
	assert_int_equal(honest.count, 2 * 15 * 5);
	assert_int_equal(bed_free(state), 0);
	for (unsigned int i = 0; i < ROWS(leads); i++) {
		struct key_view view;

		assert_int_equal(bed_make(state), 0);
		view = flood(leads[i]);
		assert_true(is_left_out(&bed.liar, LIAR_INCARNATION));
		assert_false(is_left_out(&bed.third, 3));
		if (view.count != honest.count || view.rate != honest.rate || view.offered != honest.offered ||
		    view.carried != honest.carried)
			fail_msg("lead of %llu ticks: count %llu, rate %g, offered %g, carried %g; expected %llu, %g, "
				 "%g, %g",
				 (unsigned long long)leads[i], (unsigned long long)view.count, view.rate, view.offered,
				 view.carried, (unsigned long long)honest.count, honest.rate, honest.offered,
				 honest.carried);
		if (i + 1 < ROWS(leads))
			assert_int_equal(bed_free(state), 0);
	}
}

/* ---- and how soon it counts again ---- */

static void a_new_measure_counts_it_in_again(void **state)
{
	(void)state;
	measure_both();
	liar_says(NULL, LEAD_TICKS);
	assert_true(is_left_out(&bed.liar, LIAR_INCARNATION));
	/* A sample that came late tells nothing, and an answer to what was sent before the sleep is none. */
	measure(&bed.liar, 0, 22);
	assert_true(is_left_out(&bed.liar, LIAR_INCARNATION));
	assert_true(isnan(member_of(&bed.liar)->clock.skew_ms));
	member_measure(bed.node, number_of(&bed.liar), bed.now, bed.now.mesh.ns, bed.now.mesh.ns - 10 * NS_PER_MS,
		       4 * NS_PER_S);
	assert_true(is_left_out(&bed.liar, LIAR_INCARNATION));
	/* Still off, as measured: by how much is known again. */
	measure(&bed.liar, 800, 10);
	assert_true(is_left_out(&bed.liar, LIAR_INCARNATION));
	assert_true(fabs(member_of(&bed.liar)->clock.skew_ms - 800) < 1);
	liar_says(NULL, LEAD_TICKS);
	assert_true(fabs(member_of(&bed.liar)->clock.skew_ms - 800) < 1);
	measure(&bed.liar, 0, 10);
	assert_false(is_left_out(&bed.liar, LIAR_INCARNATION));
	/* As often as it lies. */
	liar_says(NULL, LEAD_TICKS);
	assert_true(is_left_out(&bed.liar, LIAR_INCARNATION));
	measure(&bed.liar, 0, 10);
	assert_false(is_left_out(&bed.liar, LIAR_INCARNATION));
}

/* Where no measure comes: after frames of a whole window none of which proves a lead. */
static void frames_without_a_lead_count_it_in_again(void **state)
{
	(void)state;
	measure_both();
	liar_says(NULL, LEAD_TICKS);
	pass(200 * LEAD_TICKS);
	for (int64_t ms = 0; ms < LEAD_WINDOW_MS; ms += 200) {
		liar_says(NULL, 0);
		assert_true(is_left_out(&bed.liar, LIAR_INCARNATION));
		pass(200);
	}
	liar_says(NULL, 0);
	assert_false(is_left_out(&bed.liar, LIAR_INCARNATION));
}

/* The clock is put right, and nothing has been heard since: who was ahead by the sleep alone counts at once. */
static void who_was_ahead_by_our_sleep_alone_counts_when_the_clock_is_put_right(void **state)
{
	static const struct {
		int64_t slept_ms;
		bool measured, counts; /* measured: since the host woke */
	} rows[] = {
		/* 0: 1 ms more than the bound is left of a lead of 4 s */ { 3499, false, false },
		/* 1 */ { 3500, false, true },
		/* 2 */ { 4100, false, true },
		/* 3 */ { 3499, true, false },
		/* 4: stamps are measured to a microsecond */ { 3501, true, true },
		/* 5 */ { 4499, true, true },
		/* 6: that is as far behind */ { 4501, true, false },
	};

	for (unsigned int i = 0; i < ROWS(rows); i++) {
		if (i > 0)
			assert_int_equal(bed_make(state), 0);
		measure_both();
		third_says(NULL, 20);
		liar_says(NULL, 18000);
		if (rows[i].measured)
			measure(&bed.third, 4000, 10);
		assert_true(is_left_out(&bed.third, 3));
		bed.now.mono.ns += rows[i].slept_ms * NS_PER_MS;
		bed.now.mesh.ns += rows[i].slept_ms * NS_PER_MS;
		node_slept(bed.node, bed.now, duration_ms(rows[i].slept_ms));
		if (is_left_out(&bed.third, 3) == rows[i].counts)
			fail_msg("row %u: counts: %d, expected: %d", i, !rows[i].counts, rows[i].counts);
		/* Who is ahead by an hour is not for that. */
		assert_true(is_left_out(&bed.liar, LIAR_INCARNATION));
		if (i + 1 < ROWS(rows))
			assert_int_equal(bed_free(state), 0);
	}
}

/* Who was measured before the sleep and not heard since is where it was. */
static void a_sleep_makes_nobody_late(void **state)
{
	(void)state;
	measure_both();
	third_says(NULL, 0);
	bed.now.mono.ns += 4 * NS_PER_S;
	bed.now.mesh.ns += 4 * NS_PER_S;
	node_slept(bed.node, bed.now, duration_ms(4000));
	assert_false(is_left_out(&bed.third, 3));
	assert_true(fabs(member_of(&bed.third)->clock.skew_ms) < 1);
}

/* ---- what waited in the socket ---- */

/* A DIGEST without rows by a clock that is so far behind. It came 10 ms after the one that it answers had left. */
static void liar_sends_digest(int64_t behind_ms)
{
	const int64_t came = bed.now.mesh.ns - bed.waited.ns, sent = came - (5 + behind_ms) * NS_PER_MS;
	uint8_t message[64], *at = message;

	*at++ = MESSAGE_DIGEST;
	at = put_le(at, (uint64_t)sent, 8);
	at = put_le(at, (uint64_t)(came - 10 * NS_PER_MS), 8);
	at = put_le(at, 0, 8);
	at = put_le(at, 0, 1);
	at = put_le(at, 0, 8);
	at = put_le(at, 0, 2);
	assert_int_equal(say(message, (size_t)(at - message)), REJECT_NONE);
}

/* A clock is compared with ours as it was when the datagram came, not when we got round to reading it. */
static void a_stamp_is_measured_as_it_came(void **state)
{
	static const struct {
		int64_t behind_ms, waited_ms;
		bool left_out;
	} rows[] = {
		/* 0 */ { 0, 0, false },
		/* 1: a full socket is no wrong clock */ { 0, 2000, false },
		/* 2: 499 ms behind */ { 499, 2000, false },
		/* 3: 501 ms: a wrong clock is seen all the same */ { 501, 2000, true },
		/* 4: and one that is ahead */ { -501, 2000, true },
		/* 5: nor does the wait make up for it */ { -2000, 2000, true },
	};

	for (unsigned int i = 0; i < ROWS(rows); i++) {
		if (i > 0)
			assert_int_equal(bed_make(state), 0);
		bed.now.mono.ns += 3 * NS_PER_S;
		bed.now.mesh.ns += 3 * NS_PER_S;
		bed.waited = duration_ms(rows[i].waited_ms);
		liar_sends_digest(rows[i].behind_ms);
		if (member_of(&bed.liar)->clock.skewed != rows[i].left_out)
			fail_msg("row %u: left out: %d, expected: %d", i, !rows[i].left_out, rows[i].left_out);
		if (i + 1 < ROWS(rows))
			assert_int_equal(bed_free(state), 0);
	}
}

/* 400 ms ahead of now, and 600 ms ahead of when it came. */
static void a_lead_is_proven_as_it_came(void **state)
{
	(void)state;
	measure_both();
	liar_says(NULL, 2);
	assert_false(is_left_out(&bed.liar, LIAR_INCARNATION));
	bed.waited = duration_ms(200);
	liar_says(NULL, 2);
	assert_true(is_left_out(&bed.liar, LIAR_INCARNATION));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_lead_beyond_the_bound_outweighs_what_was_measured),
		TEST(an_earlier_incarnation_proves_no_lead),
		TEST(a_host_that_wakes_judges_by_its_own_counts),
		TEST(a_lead_leaves_out_the_liar_alone_and_hides_no_flood),
		TEST(a_new_measure_counts_it_in_again),
		TEST(frames_without_a_lead_count_it_in_again),
		TEST(who_was_ahead_by_our_sleep_alone_counts_when_the_clock_is_put_right),
		TEST(a_sleep_makes_nobody_late),
		TEST(a_stamp_is_measured_as_it_came),
		TEST(a_lead_is_proven_as_it_came),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
