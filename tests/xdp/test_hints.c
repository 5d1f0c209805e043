/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Writing back by a remembered place, right or wrong; and keys that get no record. */
#include "bed.h"

#define CLIENT 0x0a000001
#define TARGET 0xc0000201

static struct change fold_of(uint64_t count, int64_t ms)
{
	struct instant mesh = bed_now().mesh;

	return (struct change){ .ts1 = instant_before(mesh, duration_ms(ms)),
				.ts2 = mesh,
				.carry_from = mesh,
				.count = count,
				.pass_share = SHARE_ALL };
}

static uint32_t count_of(const struct key *key)
{
	struct record_view view;

	return table_find(bed.table, key, &view) ? (uint32_t)view.count : 0;
}

static void a_hint_out_of_date_is_never_believed(void **state)
{
	struct key one = key4(CLIENT, TARGET), other = key4(CLIENT + 1, TARGET), gone = key4(CLIENT + 2, TARGET),
		   six = key6("2001:db8::1", "2001:db8::99");
	uint32_t at_one = 0, at_other = 0, hint;
	struct change fold = fold_of(1000, 2000);
	struct spot spot;

	(void)state;
	assert_int_equal(bed_apply_hinted(&one, &fold, true, &at_one), 0);
	assert_int_equal(bed_apply_hinted(&other, &fold, true, &at_other), 0);
	assert_true(at_one && at_other && at_one != at_other);
	fold.count = 7;
	hint = at_other; /* another key's place: the key's own record is written, and its place told */
	assert_int_equal(bed_apply_hinted(&one, &fold, false, &hint), 0);
	assert_int_equal(hint, at_one);
	assert_int_equal(count_of(&one), 7);
	assert_int_equal(count_of(&other), 1000);
	for (hint = 0xffffffff; hint; hint >>= 1) { /* beyond the table, and places that are empty */
		uint32_t found = hint;

		assert_int_equal(bed_apply_hinted(&gone, &fold, false, &found), -ENOENT);
		found = hint;
		assert_int_equal(bed_apply_hinted(&six, &fold, false, &found), -ENOENT);
	}
	assert_true(spot_find(bed.table, &one, &spot));
	spot.set->tags[spot.way] = TAG_DEAD; /* taken out since */
	fold.count = 9;
	assert_int_equal(bed_apply_hinted(&one, &fold, false, &at_one), -ENOENT);
	spot.set->tags[spot.way] = TAG_EMPTY;
	assert_int_equal(bed_apply_hinted(&one, &fold, false, &at_one), -ENOENT);
}

static void a_hint_of_an_ipv6_pair_is_compared_by_its_key(void **state)
{
	const struct key one = key6("2001:db8:0:1::1", "2001:db8::99"), other = key6("2001:db8:0:2::1", "2001:db8::99");
	struct change fold = fold_of(1000, 2000);
	uint32_t at_one = 0, at_other = 0;

	(void)state;
	assert_int_equal(bed_apply_hinted(&one, &fold, true, &at_one), 0);
	assert_int_equal(bed_apply_hinted(&other, &fold, true, &at_other), 0);
	fold.count = 7;
	assert_int_equal(bed_apply_hinted(&one, &fold, false, &at_one), 0);
	assert_int_equal(count_of(&one), 7);
	assert_int_equal(bed_apply_hinted(&one, &fold, false, &at_other), 0);
	assert_int_equal(at_other, at_one);
	assert_int_equal(count_of(&other), 1000);
}

/* Others may speak of any key: none gets a record that packets nobody judges would be judged by. */
static void a_key_of_no_single_host_gets_no_record(void **state)
{
	const uint32_t none[] = { 0, 0x7f000001, 0x7fffffff, 0xe0000001, 0xefffffff, 0xffffffff };
	const char *none6[] = { "::1", "fe80::1", "febf::1", "ff02::1" };
	const char *renamed6[] = { "::", "::ffff:10.0.0.1" }; /* counted, under other names */
	struct change fold = fold_of(1000000, 2000);
	struct frame frame;
	struct key key;
	size_t i;

	(void)state;
	bed_policy(policy_plain(1, 1, POLICY_EARLY));
	for (i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		key = key4(CLIENT, none[i]);
		assert_int_equal(bed_apply(&key, &fold, true), -EINVAL);
		key = key4(none[i], TARGET);
		assert_int_equal(bed_apply(&key, &fold, true), -EINVAL);
		frame = frame4(none[i], none[i]);
		assert_int_equal(bed_run(&frame), XDP_VERDICT_PASS);
	}
	for (i = 0; i < sizeof(none6) / sizeof(none6[0]); i++) {
		frame = frame6("2001:db8::1", none6[i], 17);
		key = key6("2001:db8::1", none6[i]);
		assert_int_equal(bed_apply(&key, &fold, true), -EINVAL);
		assert_int_equal(bed_run(&frame), XDP_VERDICT_PASS);
	}
	for (i = 0; i < sizeof(renamed6) / sizeof(renamed6[0]); i++) {
		frame = frame6("2001:db8::1", renamed6[i], 17);
		key = key6("2001:db8::1", renamed6[i]);
		assert_int_equal(bed_apply(&key, &fold, true), -EINVAL);
		assert_int_equal(bed_run(&frame), XDP_VERDICT_PASS);
	}
	assert_int_equal(bed_reason(REASON_PASS_NOT_UNICAST), 10);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bed_setup, bed_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_hint_out_of_date_is_never_believed),
		TEST(a_hint_of_an_ipv6_pair_is_compared_by_its_key),
		TEST(a_key_of_no_single_host_gets_no_record),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
