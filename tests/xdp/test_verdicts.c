/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the daemon's words do to a verdict: folds in force and not, the carry, thinning, warnings, monitor mode, full
 * tables.
 */
#include "bed.h"

#define CLIENT 0x0a000001
#define TARGET 0xc0000201

static uint32_t passes(const struct frame *frame, uint32_t packets)
{
	uint32_t i, passed = 0;

	for (i = 0; i < packets; i++)
		passed += bed_run(frame) == XDP_VERDICT_PASS;
	return passed;
}

/* A fold as of now that says `count` packets in the last `seconds`. */
static struct change fold_of(uint64_t count, double seconds)
{
	struct instant mesh = bed_now().mesh, ts1 = { mesh.ns - (int64_t)(seconds * NS_PER_S) };

	return (struct change){ .ts1 = ts1, .ts2 = mesh, .carry_from = mesh, .count = count, .pass_share = SHARE_ALL };
}

/* One packet counted, harvested, and folded: a pair as the daemon keeps it. */
static struct pair_record *folded_pair(const struct change *fold)
{
	struct frame frame = frame4(CLIENT, TARGET);
	struct key key = key4(CLIENT, TARGET);

	bed_run(&frame);
	bed_harvest();
	assert_int_equal(bed_apply(&key, fold, false), 0);
	return bed_record(&key);
}

static void a_fold_in_force_is_what_is_judged(void **state)
{
	struct frame frame = frame4(CLIENT, TARGET);
	struct change fold = fold_of(100, 2);

	(void)state;
	bed_policy(policy_plain(100, 0, POLICY_EARLY));
	folded_pair(&fold); /* 100 in 2 s at 100/s: 100 more until 200 */
	assert_int_equal(passes(&frame, 150), 100);
	assert_int_equal(bed_reason(REASON_DROP_PAIR), 50);
}

static void a_fold_of_another_generation_is_not(void **state)
{
	struct frame frame = frame4(CLIENT, TARGET);
	struct change fold = fold_of(1000, 2);
	struct pair_record *record;

	(void)state;
	bed_policy(policy_plain(100, 0, POLICY_EARLY));
	record = folded_pair(&fold);
	assert_int_equal(passes(&frame, 1), 0);
	record->window = WORD(WORD_LOW(record->window) + 1, record->packets);
	assert_int_equal(passes(&frame, 150), 100);
}

static void a_silent_daemons_fold_is_not(void **state)
{
	struct frame frame = frame4(CLIENT, TARGET);
	struct change fold = fold_of(1000, 2);

	(void)state;
	bed_policy(policy_plain(100, 0, POLICY_EARLY));
	folded_pair(&fold);
	bed_at(BED_START + 3 * BED_HZ);
	assert_int_equal(passes(&frame, 1), 0);
	bed_at(BED_START + 3 * BED_HZ + 1);
	assert_int_equal(passes(&frame, 1), 1);
}

static void a_daemon_dead_for_half_the_clock_stays_dead(void **state)
{
	struct frame frame = frame4(CLIENT, TARGET);

	(void)state;
	bed_policy(policy_plain(100, 0, POLICY_EARLY));
	folded_pair(&(struct change){
		.ts1 = bed_now().mesh, .ts2 = bed_now().mesh, .carry_from = bed_now().mesh, .count = 1000000 });
	bed.table->policies[0].idle_reset = 0x7fffffff; /* the window itself stays */
	bed_at(BED_START + 0x80000010);
	assert_int_equal(passes(&frame, 1), 1);
}

static void a_merged_clock_ahead_of_ours_does_not_switch_the_filter_off(void **state)
{
	struct frame frame = frame4(CLIENT, TARGET);
	struct change fold = fold_of(1000, -0.4);

	(void)state;
	fold.ts2 = instant_after(fold.ts2, duration_ms(400));
	bed_policy(policy_plain(100, 0, POLICY_EARLY));
	folded_pair(&fold);
	assert_int_equal(passes(&frame, 5), 0);
}

static void activity_elsewhere_keeps_an_idle_window(void **state)
{
	struct frame frame = frame4(CLIENT, TARGET);
	struct change fold = fold_of(5000, 2);
	struct key key = key4(CLIENT, TARGET);
	struct pair_record *record;

	(void)state;
	bed_policy(policy_plain(100, 0, POLICY_EARLY));
	record = folded_pair(&fold);
	bed_at(BED_START + 15 * BED_HZ);
	bed_beat();
	fold = fold_of(5000, 17);
	fold.ts2 = instant_before(bed_now().mesh, duration_ms(500));
	bed_apply(&key, &fold, false);
	assert_int_equal(passes(&frame, 1), 0);
	assert_int_equal(WORD_LOW(record->window), BED_START);
}

static void silence_everywhere_restarts_the_window(void **state)
{
	struct frame frame = frame4(CLIENT, TARGET);
	struct change fold = fold_of(5000, 2);
	struct pair_record *record;

	(void)state;
	bed_policy(policy_plain(100, 0, POLICY_EARLY));
	record = folded_pair(&fold);
	bed_at(BED_START + 11 * BED_HZ);
	bed_beat();
	assert_int_equal(passes(&frame, 1), 1);
	assert_int_equal(WORD_LOW(record->window), BED_START + 11 * BED_HZ);
	assert_int_equal(WORD_HIGH(record->window), 1);
}

/* 1000/s carried from A on, at most three ticks: 600 ms. */
static void the_carry_counts_on_at_the_meshs_rate(void **state)
{
	static const struct {
		uint32_t after_ms;
		bool drops;
	} rows[] = { { 0, false }, { 400, false }, { 480, true }, { 600, true } };
	struct frame frame = frame4(CLIENT, TARGET);
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct change fold = fold_of(500, 1);
		struct key key = key4(CLIENT, TARGET);

		fold.known = 500; /* judged over 1 s + t at 650/s: 500 + 1000 t > 650 + 650 t from t = 0.43 s */
		fold.rho = 1000;
		bed_policy(policy_plain(650, 0, POLICY_EARLY));
		folded_pair(&fold);
		bed_at(bed.jiffies + rows[i].after_ms * BED_HZ / 1000);
		bed.table->state->heartbeat = bed.jiffies;
		if (bed_run(&frame) != (rows[i].drops ? XDP_VERDICT_DROP : XDP_VERDICT_PASS))
			fail_msg("row %zu: %u ms after A", i, rows[i].after_ms);
		assert_non_null(bed_record(&key));
	}
	/* 1.2 s after A: no more than 600 ms are carried, 1100 < 650 x 2.2 */
	bed_at(bed.jiffies + 600 * BED_HZ / 1000);
	assert_int_equal(bed_run(&frame), XDP_VERDICT_PASS);
}

static void police_thins_exactly_to_the_share(void **state)
{
	static const uint16_t shares[] = { 0, 1, 2, 0x1000, 0x5555, 0x8000, 0xfffd, 0xfffe, SHARE_ALL };
	struct frame frame = frame4(CLIENT, TARGET);
	struct key key = key4(CLIENT, TARGET);
	struct change fold;
	size_t i;

	(void)state;
	bed_policy(policy_plain(100, 0, POLICY_EARLY | POLICY_POLICE));
	fold = fold_of(100000, 2);
	folded_pair(&fold);
	for (i = 0; i < sizeof(shares) / sizeof(shares[0]); i++) {
		uint64_t before = bed_reason(REASON_PASS_SHARE),
			 expected = shares[i] >= 0xfffe ? 0x10000 : shares[i] & 0xfffe; /* a record's is even */

		bed_harvest();
		fold = fold_of(100000, 2);
		fold.pass_share = shares[i];
		assert_int_equal(bed_apply(&key, &fold, false), 0);
		bed_record(&key)->thinning &= 0xffff;
		bed_run_many(&frame, 0x10000, NULL);
		assert_int_equal(bed_reason(REASON_PASS_SHARE) - before, expected);
	}
}

static void police_without_a_fold_is_the_papers_drop(void **state)
{
	struct frame frame = frame4(CLIENT, TARGET);

	(void)state;
	bed_policy(policy_plain(100, 0, POLICY_EARLY | POLICY_POLICE));
	assert_int_equal(passes(&frame, 150), 100);
	assert_int_equal(bed_reason(REASON_DROP_PAIR), 50);
}

static void thin_destination(uint16_t share)
{
	struct key destination = destination4(TARGET);
	struct change fold = fold_of(1000000, 2);

	fold.pass_share = share;
	fold.thin = true;
	assert_int_equal(bed_apply(&destination, &fold, false), 0);
}

static void fair_thins_each_pair_by_its_own_share(void **state)
{
	struct frame frame = frame4(CLIENT, TARGET);
	struct change fold = fold_of(10, 2);

	(void)state;
	bed_policy(policy_plain(0, 1000, POLICY_EARLY | POLICY_FAIR));
	fold.pass_share = 0x4000;
	folded_pair(&fold);
	thin_destination(0x1000);
	bed_at(BED_START + 1);
	bed_run_many(&frame, 0x1000, NULL);
	assert_int_equal(bed_reason(REASON_PASS_SHARE), 0x400);
	assert_int_equal(bed_reason(REASON_DROP_DESTINATION_SHARE), 0xc00);
}

static void fair_thins_pairs_without_a_fold_by_the_remainders_share(void **state)
{
	struct frame frame = frame4(CLIENT, TARGET), stranger = frame4(CLIENT + 1, TARGET);
	struct change fold = fold_of(10, 2);

	(void)state;
	bed_policy(policy_plain(0, 1000, POLICY_EARLY | POLICY_FAIR));
	folded_pair(&fold);
	thin_destination(0x1000);
	bed_at(BED_START + 1);
	bed_run_many(&stranger, 0x1000, NULL);
	assert_int_equal(bed_reason(REASON_PASS_SHARE), 0x100);
	bed_run_many(&frame, 0x1000, NULL);
	assert_int_equal(bed_reason(REASON_PASS_SHARE), 0x1100);
}

static void fair_with_a_silent_daemon_is_strict(void **state)
{
	struct frame frame = frame4(CLIENT, TARGET);
	struct change fold = fold_of(10, 2);

	(void)state;
	bed_policy(policy_plain(0, 100, POLICY_EARLY | POLICY_FAIR));
	folded_pair(&fold);
	thin_destination(0);
	bed.table->state->heartbeat -= 4 * BED_HZ;
	bed_at(BED_START + 1);
	assert_int_equal(passes(&frame, 150), 99); /* and the one that made the pair */
	assert_int_equal(bed_reason(REASON_DROP_DESTINATION), 51);
}

/* The daemon is alive and has no fold of it: it is new, or the ledger is full. */
static void fair_without_a_fold_is_thinned_to_the_rate(void **state)
{
	uint64_t second[4] = { 0 };
	struct frame frame = frame4(CLIENT, TARGET);

	(void)state;
	bed_policy(policy_plain(0, 100, POLICY_EARLY | POLICY_FAIR));
	for (unsigned int tenth = 0; tenth < 40; tenth++) {
		second[tenth / 10] += passes(&frame, 24);
		bed_at(bed.jiffies + BED_HZ / 10);
		bed_beat();
	}
	assert_in_range(second[0], 100, 175); /* T_F2 of the minimum window, a burst more, then T_F2 */
	for (unsigned int i = 1; i < 4; i++) /* the burst is paid back */
		assert_in_range(second[i], 80, 100);
	assert_in_range(second[0] + second[1] + second[2] + second[3], 380, 440);
}

static void strict_judges_a_destination_by_its_fold(void **state)
{
	struct frame frame = frame4(CLIENT, TARGET);
	struct key destination = destination4(TARGET);
	struct change fold = fold_of(100, 2);

	(void)state;
	bed_policy(policy_plain(0, 100, POLICY_EARLY));
	bed_run(&frame);
	bed_harvest();
	assert_int_equal(bed_apply(&destination, &fold, false), 0);
	bed_at(BED_START + BED_HZ / 2);
	assert_int_equal(passes(&frame, 200), 150); /* 250 allowed in 2.5 s */
	fold = fold_of(0, 2.5);
	bed_harvest();
	fold.known = 1000;
	bed_apply(&destination, &fold, false);
	bed_at(bed.jiffies + 1);
	assert_int_equal(passes(&frame, 1), 0);
}

static void monitor_counts_what_it_would_have_dropped(void **state)
{
	struct frame frame = frame4(CLIENT, TARGET), other = frame4(CLIENT, TARGET + 1);

	(void)state;
	bed_policy(policy_plain(100, 0, POLICY_EARLY | POLICY_MONITOR));
	assert_int_equal(passes(&frame, 150), 150);
	assert_int_equal(bed_reason(REASON_WOULD_DROP), 50);
	assert_int_equal(bed_warnings(), 1);
	assert_int_equal(bed.warning.reason, REASON_WOULD_DROP);
	assert_int_equal(bed.warning.rate, 100);
	bed_policy(policy_plain(0, 100, POLICY_EARLY | POLICY_MONITOR));
	assert_int_equal(passes(&other, 150), 150);
	assert_int_equal(bed_reason(REASON_WOULD_DROP), 100);
}

static void warns_at_most_once_per_pair_and_second(void **state)
{
	struct frame frame = frame4(CLIENT, TARGET), other = frame4(CLIENT + 1, TARGET);
	struct key key = key4(CLIENT, TARGET);

	(void)state;
	bed_policy(policy_plain(10, 0, POLICY_EARLY));
	bed_run_many(&frame, 10, NULL);
	assert_int_equal(bed_warnings(), 0);
	bed_run(&frame);
	assert_int_equal(bed_warnings(), 1);
	assert_memory_equal(bed.warning.client, &key.client, 16);
	assert_memory_equal(bed.warning.destination, &key.destination, 16);
	assert_int_equal(bed.warning.packets, 11);
	assert_int_equal(bed.warning.rate, 10);
	assert_int_equal(bed.warning.reason, REASON_DROP_PAIR);
	assert_int_equal(bed.warning.at, BED_START);
	bed_run_many(&frame, 1000, NULL);
	assert_int_equal(bed_warnings(), 0);
	bed_run_many(&other, 11, NULL);
	assert_int_equal(bed_warnings(), 1);
	bed_at(BED_START + BED_HZ);
	bed_run_many(&frame, 100, NULL);
	assert_int_equal(bed_warnings(), 1);
}

static void warning_leaves_the_accumulator_alone(void **state)
{
	struct frame frame = frame4(CLIENT, TARGET);
	struct change fold = fold_of(100000, 2);
	struct pair_record *record;
	uint32_t thinning;

	(void)state;
	bed_policy(policy_plain(100, 0, POLICY_EARLY | POLICY_POLICE));
	fold.pass_share = 0x1234;
	record = folded_pair(&fold);
	record->thinning &= 0xffff;
	bed_run(&frame);
	thinning = record->thinning;
	assert_int_equal(thinning >> 16, 0x1234);
	assert_int_equal(WARNED(thinning), BED_START / BED_HZ % WARNED_SECONDS + 1);
	bed_run(&frame);
	assert_int_equal(record->thinning >> 16, (thinning + 0x12340000) >> 16);
}

static void a_warning_of_an_ipv6_pair_names_it(void **state)
{
	struct frame frame = frame6("2001:db8::1", "2001:db8::99", 17);
	const struct key key = key6("2001:db8::1", "2001:db8::99");

	(void)state;
	bed_policy(policy_plain(10, 0, POLICY_EARLY));
	bed_run_many(&frame, 11, NULL);
	assert_int_equal(bed_warnings(), 1);
	assert_memory_equal(bed.warning.client, &key, sizeof(key));
}

/* 64 slots for 300 clients. */
static void a_full_table_still_counts_and_judges_destinations(void **state)
{
	struct key destination = destination4(TARGET), key;
	uint32_t i, kept = 0;
	uint64_t full;

	(void)state;
	assert_int_equal(bed_make(64, 16, true), 0);
	bed_policy(policy_plain(0, 400, POLICY_EARLY));
	for (i = 0; i < 300; i++) {
		struct frame frame = frame4(CLIENT + i, TARGET);

		assert_int_equal(bed_run(&frame), XDP_VERDICT_PASS);
	}
	full = bed_reason(REASON_TABLE_FULL);
	assert_in_range(full, 300 - 64, 300 - 40);
	bed_harvest();
	assert_int_equal(bed_cell(&destination)->packets, 300);
	assert_int_equal(bed.table->pairs4.used, 300 - full);
	for (i = 0; i < 300; i++) {
		key = key4(CLIENT + i, TARGET);
		kept += bed_record(&key) != NULL;
	}
	assert_int_equal(kept, 300 - full);
	for (i = 0; i < 200; i++) { /* without a record: over T_F2 after 400 */
		struct frame frame = frame4(CLIENT + 1000 + i, TARGET);

		assert_int_equal(bed_run(&frame), i < 100 ? XDP_VERDICT_PASS : XDP_VERDICT_DROP);
	}
	assert_int_equal(bed_remove(), 0);
}

static void pairs_are_judged_when_no_destination_is_free(void **state)
{
	struct key key = key4(CLIENT, TARGET + 20);
	struct frame frame = frame4(CLIENT, TARGET + 20);
	uint32_t i;

	(void)state;
	assert_int_equal(bed_make(1024, 16, true), 0);
	bed_policy(policy_plain(100, 0, POLICY_EARLY));
	for (i = 0; i < 16; i++) {
		struct frame filler = frame4(CLIENT, TARGET + i);

		bed_run(&filler);
	}
	assert_int_equal(passes(&frame, 150), 100);
	assert_int_equal(bed_reason(REASON_DESTINATIONS_FULL), 1);
	assert_int_equal(PLACE_DESTINATION(bed_record(&key)->place), DESTINATION_NONE);
	assert_int_equal(bed_remove(), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bed_setup, bed_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_fold_in_force_is_what_is_judged),
		TEST(a_fold_of_another_generation_is_not),
		TEST(a_silent_daemons_fold_is_not),
		TEST(a_daemon_dead_for_half_the_clock_stays_dead),
		TEST(a_merged_clock_ahead_of_ours_does_not_switch_the_filter_off),
		TEST(activity_elsewhere_keeps_an_idle_window),
		TEST(silence_everywhere_restarts_the_window),
		TEST(the_carry_counts_on_at_the_meshs_rate),
		TEST(police_thins_exactly_to_the_share),
		TEST(police_without_a_fold_is_the_papers_drop),
		TEST(fair_thins_each_pair_by_its_own_share),
		TEST(fair_thins_pairs_without_a_fold_by_the_remainders_share),
		TEST(fair_with_a_silent_daemon_is_strict),
		TEST(fair_without_a_fold_is_thinned_to_the_rate),
		TEST(strict_judges_a_destination_by_its_fold),
		TEST(monitor_counts_what_it_would_have_dropped),
		TEST(warns_at_most_once_per_pair_and_second),
		TEST(warning_leaves_the_accumulator_alone),
		TEST(a_warning_of_an_ipv6_pair_names_it),
		cmocka_unit_test(a_full_table_still_counts_and_judges_destinations),
		cmocka_unit_test(pairs_are_judged_when_no_destination_is_free),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
