// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Exact sums against the truth: random records of random keys over many slots, whichever way their keys begin. */
#include "sums_bed.h"

static uint64_t random_state;

static uint32_t below(uint32_t bound)
{
	random_state = random_state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)((random_state >> 33) % bound);
}

/* Every cell that was told of the running slot and the one before is the truth. Of older ones it never was more. */
static void told_is_true(struct bed *bed, unsigned int seed)
{
	for (uint32_t key = 0; key < bed->keys; key++)
		for (enum key_kind kind = KEY_CLIENT; kind <= KEY_NETWORK; kind++)
			for (uint64_t slot = bed->slot - 1; slot <= bed->slot; slot++) {
				const uint64_t told = *bed_told(bed, kind, key, slot),
					       truth = bed_truth(bed, key, slot);

				if (bed_has_sum(bed, kind, key) ? told != truth : told > truth)
					fail_msg("seed %u, kind %d, key %u, slot %llu: told %llu of %llu", seed,
						 (int)kind, key, (unsigned long long)slot, (unsigned long long)told,
						 (unsigned long long)truth);
			}
}

/* A key above its threshold and the margin has a sum once its tick is over. */
static void who_is_above_has_a_sum(struct bed *bed, unsigned int seed)
{
	for (uint32_t key = 0; key < bed->keys; key++)
		for (enum key_kind kind = KEY_CLIENT; kind <= KEY_NETWORK; kind++) {
			const uint64_t truth = bed_truth(bed, key, bed->slot);

			if (truth > BED_LEAST + sums_margin(bed->sums.totals[sum_kind(kind)].packets) &&
			    bed->gained[key] && !bed_has_sum(bed, kind, key))
				fail_msg("seed %u, kind %d, key %u has %llu packets and no sum", seed, (int)kind, key,
					 (unsigned long long)truth);
		}
}

static void one_slot(struct bed *bed, unsigned int seed, unsigned int ticks)
{
	for (unsigned int tick = 0; tick < ticks; tick++) {
		bed_tick_begin(bed);
		memset(bed->gained, 0, bed->records * sizeof(*bed->gained));
		for (uint32_t gains = below(2 * bed->records); gains > 0; gains--) {
			const uint32_t record = below(2) ? below(bed->records) : below(1 + bed->records / 10);
			/* the first harvest of a slot finds packets of the one before, too */
			const uint64_t slot = tick == 0 && below(2) ? bed->slot - 1 : bed->slot;

			bed_gain(bed, record, slot, 1 + below(below(10) ? 3 : 100));
			bed->gained[record % bed->keys] += slot == bed->slot;
		}
		if (tick == 0)
			sums_slot(&bed->sums);
		bed_tick_end(bed);
		told_is_true(bed, seed);
		who_is_above_has_a_sum(bed, seed);
	}
}

static void sums_are_the_truth(void **state)
{
	(void)state;
	for (unsigned int seed = 1; seed <= 40; seed++) {
		struct bed *bed;

		random_state = seed;
		bed = bed_make(1 + below(400), 1 + below(60));
		for (unsigned int slot = 0; slot < 12; slot++, bed->slot++)
			one_slot(bed, seed, 1 + below(6));
		assert_in_range(bed->sums.high, 1, SUMS_MAX);
		bed_free(bed);
	}
}

/* A daemon ends after any of its stores and another one starts: it tells no less than the one before. */
static void a_restart_goes_on(void **state)
{
	(void)state;
	for (unsigned int seed = 1; seed <= 40; seed++) {
		struct bed *bed;

		random_state = seed;
		bed = bed_make(1 + below(200), 1 + below(40));
		for (unsigned int slot = 0; slot < 12; slot++, bed->slot++) {
			const uint32_t held = bed->sums.held;

			one_slot(bed, seed, 1 + below(3));
			bed_start(bed);
			/* what is told again is what was told, and no sum is lost that had packets in held slots */
			bed_tick_begin(bed);
			bed_tick_end(bed);
			told_is_true(bed, seed);
			assert_true(slot == 0 || held == 0 || bed->sums.held > 0);
		}
		bed_free(bed);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sums_are_the_truth),
		cmocka_unit_test(a_restart_goes_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
