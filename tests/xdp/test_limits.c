/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A destination's limit is kept for several jiffies (xdp/aggregate.h): what changes the verdict meanwhile is seen in
 * the jiffy it happens in. That the daemon's words are seen at once, and that windows are aged in time, stands in
 * test_verdicts.c and test_algorithm2.c.
 */
#define _GNU_SOURCE /* CPU affinity */
#include <sched.h>

#include "bed.h"
#include "xpro.skel.h"

#define CLIENT 0x0a000001
#define TARGET 0xc0000201

static uint32_t passes(const struct frame *frame, uint32_t packets)
{
	uint32_t i, passed = 0;

	for (i = 0; i < packets; i++)
		passed += bed_run(frame) == XDP_VERDICT_PASS;
	return passed;
}

/*
 * One packet counted, harvested, and folded into its destination: `count` packets in the last `seconds`, `known` and
 * `rho` for the carry.
 */
static void folded_destination(uint64_t count, double seconds, uint64_t known, double rho)
{
	struct frame frame = frame4(CLIENT, TARGET);
	struct key destination = destination4(TARGET);
	struct instant mesh = bed_now().mesh, ts1 = { mesh.ns - (int64_t)(seconds * NS_PER_S) };

	bed_run(&frame);
	bed_harvest();
	assert_int_equal(bed_apply(&destination,
				   &(struct change){ .ts1 = ts1,
						     .ts2 = mesh,
						     .carry_from = mesh,
						     .count = count,
						     .known = known,
						     .rho = rho,
						     .pass_share = SHARE_ALL },
				   false),
			 0);
}

static void a_destination_is_over_in_the_jiffy_its_carry_is(void **state)
{
	struct frame frame = frame4(CLIENT, TARGET);
	uint32_t jiffy;

	(void)state;
	bed_policy(policy_plain(0, 100, POLICY_EARLY));
	folded_destination(10, 1, 90, 1000);
	for (jiffy = 1; jiffy <= BED_HZ / 32; jiffy++) {
		const bool over = 900 * jiffy > 10 * BED_HZ; /* 90 + 1000/s x t > 100/s x (1 s + t) */

		bed_at(BED_START + jiffy);
		if (passes(&frame, 1) == over)
			fail_msg("jiffy %u of %u per second", jiffy, BED_HZ);
	}
}

static void a_destination_is_within_its_rate_again_in_the_jiffy_it_is(void **state)
{
	struct frame frame = frame4(CLIENT, TARGET);

	(void)state;
	bed_policy(policy_plain(0, 4 * BED_HZ, POLICY_EARLY));
	folded_destination(8 * BED_HZ + 10, 2, 0, 0); /* allowed: 8 x hz, and 4 more with each jiffy */
	bed_at(BED_START + 1);
	assert_int_equal(passes(&frame, 1), 0);
	bed_at(BED_START + 2);
	assert_int_equal(passes(&frame, 1), 0);
	bed_at(BED_START + 4);
	assert_int_equal(passes(&frame, 5), 4);
}

static void a_destinations_fold_ends_with_the_jiffy_the_daemon_is_dead(void **state)
{
	struct frame frame = frame4(CLIENT, TARGET);

	(void)state;
	bed_policy(policy_plain(0, 100, POLICY_EARLY));
	folded_destination(1000, 2, 0, 0);
	bed_at(BED_START + 3 * BED_HZ - 2);
	assert_int_equal(passes(&frame, 1), 0);
	bed_at(BED_START + 3 * BED_HZ);
	assert_int_equal(passes(&frame, 1), 0);
	bed_at(BED_START + 3 * BED_HZ + 1);
	assert_int_equal(passes(&frame, 1), 1);
}

static uint32_t passes_on(int cpu, const struct frame *frame, uint32_t packets)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	assert_int_equal(sched_setaffinity(0, sizeof(set), &set), 0);
	return passes(frame, packets);
}

/*
 * A CPU that was told of its part before another used the rest goes no further than that, and no longer than a 32nd
 * of a second.
 */
static void what_another_cpu_counts_is_seen_when_the_own_part_is_used_or_late(void **state)
{
	const struct {
		uint32_t after;
		bool late;
	} rows[] = { { 2, false }, { BED_HZ / 32, false }, { BED_HZ / 32 + 1, true } };
	cpu_set_t before;
	size_t i;

	(void)state;
	if (sysconf(_SC_NPROCESSORS_ONLN) < 2) {
		assert_null(getenv("CI")); /* there it is a failure */
		skip();
	}
	assert_int_equal(sched_getaffinity(0, sizeof(before), &before), 0);
	bed_policy(policy_plain(0, 100, POLICY_EARLY));
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct frame frame = frame4(CLIENT, TARGET + (uint32_t)i);
		const uint32_t start = bed.jiffies, part = 100 / bed.table->cpus;

		assert_int_equal(passes_on(0, &frame, 1), 1);
		bed_at(start + 1);
		assert_int_equal(passes_on(1, &frame, 150), 99);
		bed_at(start + rows[i].after);
		assert_int_equal(passes_on(0, &frame, 150), rows[i].late ? 0 : part - 1);
	}
	sched_setaffinity(0, sizeof(before), &before);
}

/* Packets, by the destination of `key`. */
static uint64_t counted(const struct key *key)
{
	return words_of_destination(bed.table, destination_find(bed.table, &key->destination)).packets;
}

static uint32_t guesses_of(uint32_t destination)
{
	const struct xpro__bss *bss = bed.table->skeleton->bss;
	uint32_t found = 0;

	for (size_t i = 0; i < sizeof(bss->guesses) / sizeof(bss->guesses[0]); i++)
		found += bss->guesses[i] == destination;
	return found;
}

/* In a small table nothing is guessed. */
static int large_setup(void **state)
{
	(void)state;
	return bed_make(16384, 64, true);
}

/* Packets of both families to destinations of their own, while everything that is guessed of them is wrong. */
static void a_wrong_guess_at_a_destination_changes_nothing(void **state)
{
	const struct frame frames[] = { frame4(CLIENT, TARGET), frame4(CLIENT, TARGET + 1),
					frame6("2001:db8::1", "2001:db8:2::99", 17),
					frame6("2001:db8::1", "2001:db8:2::9a", 17) };
	const struct key keys[] = { key4(CLIENT, TARGET), key4(CLIENT, TARGET + 1),
				    key6("2001:db8::1", "2001:db8:2::99"), key6("2001:db8::1", "2001:db8:2::9a") };
	const uint32_t wrong[] = { 1, 63, 64, 1000000, UINT32_MAX };
	struct xpro__bss *bss = bed.table->skeleton->bss;

	(void)state;
	bed_policy(policy_plain(0, 3, POLICY_EARLY));
	for (size_t row = 0; row < sizeof(wrong) / sizeof(wrong[0]); row++) {
		bed_at(BED_START + (uint32_t)(row + 1) * 100 * BED_HZ);
		for (size_t i = 0; i < 4; i++) {
			for (size_t k = 0; k < sizeof(bss->guesses) / sizeof(bss->guesses[0]); k++)
				bss->guesses[k] = wrong[row];
			if (passes(&frames[i], 5) != 3 || counted(&keys[i]) != 5 * (row + 1))
				fail_msg("guess %u, frame %zu", wrong[row], i);
		}
	}
	bed_at(bed.jiffies + BED_HZ); /* now they are asked for again, and noted each */
	passes(&frames[0], 1);
	passes(&frames[2], 1);
	assert_int_equal(guesses_of(destination_find(bed.table, &keys[0].destination)), 1);
	assert_int_equal(guesses_of(destination_find(bed.table, &keys[2].destination)), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bed_setup, bed_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_destination_is_over_in_the_jiffy_its_carry_is),
		TEST(a_destination_is_within_its_rate_again_in_the_jiffy_it_is),
		TEST(a_destinations_fold_ends_with_the_jiffy_the_daemon_is_dead),
		TEST(what_another_cpu_counts_is_seen_when_the_own_part_is_used_or_late),
		cmocka_unit_test_setup_teardown(a_wrong_guess_at_a_destination_changes_nothing, large_setup,
						bed_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
