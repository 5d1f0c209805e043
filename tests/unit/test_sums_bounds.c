/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A million clients and a million networks are sprayed. Room and work of a tick stay bounded, and a device that floods
 * meanwhile keeps its exact sum.
 */
#include "sums_bed.h"

#define SPRAYED 1000000
#define TICKS 100
#define SLOT_TICKS 20
#define DEVICE_PACKETS 500 /* in a tick */

static void add(struct bed *bed, const struct key *key, uint32_t packets)
{
	const struct instant at = { (int64_t)bed->slot * BED_SLOT_NS + NS_PER_S };
	const struct sum_gain gain = { .slot = bed->slot, .first = at, .last = at, .packets = packets, .fresh = true };
	uint64_t words[2];

	sum_words(bed_address(key), words);
	sums_add(&bed->sums, key_kind(key), words, sum_hash(&bed->sums, words), &gain);
}

/* All sums are found from their buckets, and no others: a chain has no end that is too far. */
static uint32_t sums_linked(const struct bed *bed)
{
	uint32_t linked = 0;

	for (unsigned int kind = 0; kind < SUM_KINDS; kind++)
		for (uint32_t i = 0; i < SUM_BUCKETS; i++)
			for (uint16_t at = bed->sums.buckets[kind][i].sum; at && linked <= SUMS_MAX; linked++)
				at = bed->sums.links[at].next;
	return linked;
}

/* What the device had in the running slot is all that a pass finds of it; every other key was met just now. */
static void end_tick(struct bed *bed, uint32_t device_packets, uint32_t packets)
{
	const struct key device = bed_key(KEY_CLIENT, 0);

	assert_true(bed->sums.begins_count <= SUM_BEGINS_MAX && bed->sums.asks <= SUM_ASKS_MAX);
	for (uint32_t i = 0; i < bed->sums.begins_count; i++) {
		struct sum_begin *begin = &bed->sums.begins[i];
		const struct key key = sum_key(begin->kind, begin->words);
		const struct cell cell = { .slot = bed->slot,
					   .packets = key_equal(&key, &device) ? device_packets : packets };

		sum_begin_add(&bed->sums, begin, &cell);
	}
	sums_begin_close(&bed->sums);
}

static void told_by_now(struct bed *bed, uint64_t *device_told)
{
	const struct key device = bed_key(KEY_CLIENT, 0);
	uint32_t told = 0;
	struct cell cell;

	while (sums_next_changed(&bed->sums, &cell)) {
		if (key_equal(&cell.key, &device) && cell.slot == bed->slot)
			*device_told = cell.packets;
		told++;
	}
	assert_true(told <= SUMS_MAX * SUM_SLOTS);
}

static void a_spray_takes_bounded_room_and_work(void **state)
{
	static const uint32_t packets[] = { 1, BED_LEAST + 5 }; /* of each key: below the threshold, and above */

	(void)state;
	for (size_t row = 0; row < ROWS(packets); row++) {
		struct bed *bed = bed_make(1, 1);
		const struct key device = bed_key(KEY_CLIENT, 0);
		uint32_t next = 1, device_packets = 0;
		uint64_t device_told = 0;

		for (uint32_t tick = 0; tick < TICKS; tick++) {
			if (tick > 0 && tick % SLOT_TICKS == 0)
				bed->slot++, device_packets = 0, device_told = 0;
			sums_tick(&bed->sums, bed->slot, bed->least, bed->contacts_least);
			for (uint32_t i = 0; i < SPRAYED / TICKS; i++, next++) {
				const struct key client = bed_key(KEY_CLIENT, next);
				const struct key network = bed_key(KEY_NETWORK, next);

				add(bed, &client, packets[row]);
				add(bed, &network, packets[row]);
			}
			add(bed, &device, DEVICE_PACKETS);
			device_packets += DEVICE_PACKETS;
			if (tick % SLOT_TICKS == 0)
				sums_slot(&bed->sums);
			end_tick(bed, device_packets, packets[row]);
			told_by_now(bed, &device_told);
			if (bed->sums.held > SUMS_MAX || sums_linked(bed) != bed->sums.held)
				fail_msg("row %zu, tick %u: %u sums, %u linked", row, tick, bed->sums.held,
					 sums_linked(bed));
		}
		if (device_told != device_packets)
			fail_msg("row %zu: of %u packets %llu are told", row, device_packets,
				 (unsigned long long)device_told);
		bed_free(bed);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_spray_takes_bounded_room_and_work),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
