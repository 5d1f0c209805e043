/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Samples of what drops: which frames, how much of them, how many, and when there are none. */
#include "wrap.h"

#define RATE 10

static struct sample last;
static unsigned int taken;

static bool note(void *user, const struct sample *sample)
{
	(void)user;
	last = *sample;
	taken++;
	return true;
}

static unsigned int samples(void)
{
	taken = 0;
	table_capture_read(bed.table, note, NULL);
	return taken;
}

static int setup(void **state)
{
	int err = bed_setup(state);

	if (!err)
		bed_policy(policy_plain(RATE, 0, POLICY_EARLY));
	return err;
}

static const struct table_capture everything;

static void begin(const struct table_capture *wanted)
{
	assert_int_equal(table_capture_begin(bed.table, wanted), 0);
}

/* Brings the pair over its rate; further frames drop. */
static void overload(const struct frame *frame)
{
	for (unsigned int i = 0; i < RATE; i++)
		assert_int_equal(bed_run(frame), XDP_VERDICT_PASS);
}

static void a_dropped_frame_is_sampled_with_its_reason(void **state)
{
	struct frame frame = frame4(CLIENT, TARGET);
	struct key key = key4(CLIENT, TARGET);

	(void)state;
	begin(&everything);
	overload(&frame);
	assert_int_equal(samples(), 0); /* what passes is not */
	assert_int_equal(bed_run(&frame), XDP_VERDICT_DROP);
	assert_int_equal(samples(), 1);
	assert_int_equal(last.reason, REASON_DROP_PAIR);
	assert_int_equal(last.length, frame.length);
	assert_int_equal(last.caught, frame.length);
	assert_int_equal(last.at, bed.jiffies);
	assert_int_equal(last.bare, 0);
	assert_memory_equal(last.bytes, frame.bytes, frame.length);
	assert_memory_equal(last.client, key.client.bytes, 16);
	assert_memory_equal(last.destination, key.destination.bytes, 16);
}

static void of_a_long_frame_the_beginning(void **state)
{
	static uint8_t jumbo[9014];
	struct frame frame = frame4(CLIENT, TARGET);

	(void)state;
	begin(&everything);
	overload(&frame);
	for (uint32_t length = CAPTURE_BYTES - 1; length <= CAPTURE_BYTES + 1; length++) {
		frame.length = length;
		bed_run(&frame);
		assert_int_equal(samples(), 1);
		assert_int_equal(last.length, length);
		assert_int_equal(last.caught, length < CAPTURE_BYTES ? length : CAPTURE_BYTES);
	}
	memcpy(jumbo, frame.bytes, 64);
	assert_int_equal(bed_run_bytes(bed.table->program_fd, jumbo, sizeof(jumbo), 1, NULL), XDP_VERDICT_DROP);
	assert_int_equal(samples(), 1);
	assert_int_equal(last.length, sizeof(jumbo));
	assert_int_equal(last.caught, CAPTURE_BYTES);
}

static void a_bare_packet_says_so(void **state)
{
	struct frame frame = frame6(CLIENT6, TARGET6, 17);

	(void)state;
	begin(&everything);
	overload(&frame);
	bed_run_bytes(bed.table->l3_program_fd, frame.bytes + ETH_HLEN, 100, 1, NULL);
	assert_int_equal(samples(), 1);
	assert_int_equal(last.bare, 1);
	assert_int_equal(last.caught, 100);
	assert_memory_equal(last.bytes, frame.bytes + ETH_HLEN, 100);
}

static void in_monitor_mode_what_would_drop(void **state)
{
	struct frame frame = frame4(CLIENT, TARGET);

	(void)state;
	bed_policy(policy_plain(RATE, 0, POLICY_EARLY | POLICY_MONITOR));
	begin(&everything);
	overload(&frame);
	assert_int_equal(bed_run(&frame), XDP_VERDICT_PASS);
	assert_int_equal(samples(), 1);
	assert_int_equal(last.reason, REASON_WOULD_DROP);
}

static void only_the_prefixes_asked_for(void **state)
{
	struct table_capture wanted = { .client = { { 0 }, { 0 } } };
	struct frame one = frame4(CLIENT, TARGET), other = frame4(CLIENT + 256, TARGET),
		     six = frame6(CLIENT6, TARGET6, 17);
	struct key key = key4(CLIENT, TARGET), key_six = key6(CLIENT6, TARGET6);

	(void)state;
	overload(&one);
	overload(&other);
	overload(&six);
	memcpy(wanted.client.words, key.client.bytes, 16);
	memset(wanted.client.mask, 0xff, 15); /* a /24 */
	begin(&wanted);
	bed_run(&one);
	bed_run(&other);
	bed_run(&six);
	assert_int_equal(samples(), 1);
	assert_memory_equal(last.client, key.client.bytes, 16);
	table_capture_end(bed.table);
	wanted = everything;
	memcpy(wanted.destination.words, key_six.destination.bytes, 16);
	memset(wanted.destination.mask, 0xff, 16);
	bed_at(bed.jiffies + 1);
	begin(&wanted);
	bed_run(&one);
	bed_run(&six);
	assert_int_equal(samples(), 1);
	assert_memory_equal(last.destination, key_six.destination.bytes, 16);
}

static void a_few_a_jiffy_are_enough(void **state)
{
	struct frame frame = frame4(CLIENT, TARGET);

	(void)state;
	begin(&everything);
	overload(&frame);
	for (unsigned int i = 0; i < 5; i++) {
		bed_at(bed.jiffies + 1);
		bed_run_many(&frame, 1000, NULL);
		assert_in_range(samples(), CAPTURE_PER_JIFFY, CAPTURE_PER_JIFFY * bed.table->cpus);
	}
}

static void without_a_capture_there_are_none(void **state)
{
	struct frame frame = frame4(CLIENT, TARGET);

	(void)state;
	overload(&frame);
	bed_run(&frame);
	assert_int_equal(samples(), 0);
	begin(&everything);
	table_capture_end(bed.table);
	bed_run(&frame);
	assert_int_equal(samples(), 0);
}

static void it_ends_by_itself(void **state)
{
	struct frame frame = frame4(CLIENT, TARGET);

	(void)state;
	overload(&frame);
	begin(&everything);
	bed_at(bed.jiffies + 2 * BED_HZ - 1);
	bed_run_many(&frame, 2 * RATE, NULL);
	assert_in_range(samples(), 1, 1000);
	bed_at(bed.jiffies + 1);
	bed_run_many(&frame, 2 * RATE, NULL);
	assert_int_equal(samples(), 0);
}

static void one_at_a_time(void **state)
{
	(void)state;
	begin(&everything);
	assert_int_equal(table_capture_begin(bed.table, &everything), -EBUSY);
	bed_at(bed.jiffies + BED_HZ);
	assert_int_equal(table_capture_renew(bed.table, &everything), 0);
	bed_at(bed.jiffies + 2 * BED_HZ - 1);
	assert_int_equal(table_capture_begin(bed.table, &everything), -EBUSY);
	bed_at(bed.jiffies + 1);
	begin(&everything);
}

static void a_full_ring_costs_samples_and_nothing_else(void **state)
{
	struct frame frame = frame4(CLIENT, TARGET);
	unsigned int kept;

	(void)state;
	overload(&frame);
	begin(&everything);
	for (unsigned int i = 0; i < 1000; i++) {
		bed_at(bed.jiffies + (i & 1));
		table_capture_renew(bed.table, &everything);
		assert_int_equal(bed_run_many(&frame, 8, NULL), XDP_VERDICT_DROP);
	}
	kept = samples();
	assert_in_range(kept, CAPTURE_RING_BYTES / 256 - 64, CAPTURE_RING_BYTES / sizeof(struct sample));
	bed_at(bed.jiffies + 1);
	bed_run(&frame);
	assert_int_equal(samples(), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_dropped_frame_is_sampled_with_its_reason, setup, bed_teardown),
		cmocka_unit_test_setup_teardown(of_a_long_frame_the_beginning, setup, bed_teardown),
		cmocka_unit_test_setup_teardown(a_bare_packet_says_so, setup, bed_teardown),
		cmocka_unit_test_setup_teardown(in_monitor_mode_what_would_drop, setup, bed_teardown),
		cmocka_unit_test_setup_teardown(only_the_prefixes_asked_for, setup, bed_teardown),
		cmocka_unit_test_setup_teardown(a_few_a_jiffy_are_enough, setup, bed_teardown),
		cmocka_unit_test_setup_teardown(without_a_capture_there_are_none, setup, bed_teardown),
		cmocka_unit_test_setup_teardown(it_ends_by_itself, setup, bed_teardown),
		cmocka_unit_test_setup_teardown(one_at_a_time, setup, bed_teardown),
		cmocka_unit_test_setup_teardown(a_full_ring_costs_samples_and_nothing_else, setup, bed_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
