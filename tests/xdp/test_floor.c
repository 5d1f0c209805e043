/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The floor of local evidence in the kernel: what others' counts may take from a client, and what is counted while
 * the daemon is silent.
 */
#include "policies.h"

static void fold_put(uint64_t count, double seconds, uint8_t members)
{
	struct instant mesh_now = bed_now().mesh;
	struct key key = key4(NET(10, 0, 0, 1), VICTIM);
	struct change fold = { .ts1 = { mesh_now.ns - (int64_t)(seconds * NS_PER_S) },
			       .ts2 = mesh_now,
			       .carry_from = mesh_now,
			       .count = count,
			       .pass_share = SHARE_ALL,
			       .members = members };

	bed_beat();
	bed_harvest();
	assert_int_equal(bed_apply(&key, &fold, false), 0);
}

static uint32_t passed_over_s(const struct frame *frame, uint32_t seconds, uint8_t members)
{
	uint32_t passed = 0;

	for (uint32_t i = 0; i < seconds * 5; i++) {
		passed += passes(frame, 40);
		bed_at(bed.jiffies + BED_HZ / 5);
		fold_put(4000000000U, 8, members);
	}
	return passed;
}

static void others_counts_push_a_client_to_the_floor_and_no_lower(void **state)
{
	static const struct {
		uint32_t rate;
		uint8_t members;
		uint32_t least, most; /* in 20 s, a bucket of a second included */
	} rows[] = {
		{ 1000, 16, 20 * 1000 / 64, 20 * 1000 / 64 + 17 },
		{ 1000, 2, 20 * 125 - 5, 20 * 125 + 126 },
		{ 100, 5, 100 - 1, 100 + 6 },
		{ 1000, 1, 0, 0 }, /* nobody else's counts */
		{ 1, 2, 2, 4 },	   /* a packet in 8 s */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct frame frame = frame4(NET(10, 0, 0, 1), VICTIM);
		uint64_t granted = bed_reason(REASON_PASS_EVIDENCE);
		uint32_t passed;

		document_start(rows[i].rate, 0);
		put();
		bed_at(bed.jiffies + 20 * BED_HZ);
		bed_beat();
		bed_run(&frame);
		fold_put(4000000000U, 8, rows[i].members);
		passed = passed_over_s(&frame, 20, rows[i].members);
		if (passed < rows[i].least || passed > rows[i].most ||
		    bed_reason(REASON_PASS_EVIDENCE) - granted != passed)
			fail_msg("row %zu: %u packets passed", i, passed);
	}
}

static void a_bucket_from_hours_ago_is_full(void **state)
{
	struct frame frame = frame4(NET(10, 0, 0, 1), VICTIM);
	struct key key = key4(NET(10, 0, 0, 1), VICTIM);

	(void)state;
	document_start(1000, 0);
	put();
	bed_run(&frame);
	/* ahead of anything written */
	bed_record(&key)->evidence = EVIDENCE_AT(bed.jiffies) + 10 * BED_HZ * EVIDENCE_SCALE;
	fold_put(4000000000U, 8, 2);
	assert_int_equal(passes(&frame, 1000), 125);
}

static void a_strict_destination_has_a_floor_too(void **state)
{
	struct frame frame = frame4(NET(10, 0, 0, 1), VICTIM);
	struct key key = destination4(VICTIM);
	struct instant mesh_now;

	(void)state;
	document_start(0, 800);
	put();
	bed_run(&frame);
	bed_beat();
	bed_harvest();
	mesh_now = bed_now().mesh;
	assert_int_equal(bed_apply(&key,
				   &(struct change){ .ts1 = { mesh_now.ns - 8 * NS_PER_S },
						     .ts2 = mesh_now,
						     .carry_from = mesh_now,
						     .count = 4000000000U,
						     .pass_share = SHARE_ALL,
						     .members = 2 },
				   false),
			 0);
	bed_at(bed.jiffies + 1);
	assert_int_equal(passes(&frame, 1000), 100);
	assert_int_equal(bed_reason(REASON_PASS_EVIDENCE), 100);
	assert_int_equal(bed_reason(REASON_DROP_DESTINATION), 900);
}

static void packets_judged_without_the_daemon_are_counted(void **state)
{
	struct frame frame = frame4(NET(10, 0, 0, 1), VICTIM);

	(void)state;
	document_start(1000, 0);
	put();
	bed_run(&frame);
	fold_put(5, 8, 2);
	passes(&frame, 10);
	assert_int_equal(bed_reason(REASON_STALE), 0);
	bed_at(bed.jiffies + 4 * BED_HZ);
	passes(&frame, 10);
	assert_int_equal(bed_reason(REASON_STALE), 10);
}

#define ROW(test) cmocka_unit_test_setup_teardown(test, bed_setup, bed_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROW(others_counts_push_a_client_to_the_floor_and_no_lower),
		ROW(a_bucket_from_hours_ago_is_full),
		ROW(a_strict_destination_has_a_floor_too),
		ROW(packets_judged_without_the_daemon_are_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
