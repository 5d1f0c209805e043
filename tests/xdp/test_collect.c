/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Records that leave the table: twins that are joined, keys that are idle, indices that are used again. No packet is
 * lost by it.
 */
#include <bpf/bpf.h>

#include "folds.h"

/*
 * A second record of one key, as two CPUs make it: put into the first free way behind the first's in the key's
 * order, by hand.
 */
static struct pair_record *twin_make(uint32_t client, uint64_t packets)
{
	struct key key = key4(client, TARGET);
	struct spot spot;
	uint32_t step, way;
	bool ipv6;
	uint64_t tag = tag_of_key(bed.table, &key, &ipv6), hash = tag_hash(tag, bed.table->state->seed, ipv6);

	assert_true(spot_find(bed.table, &key, &spot));
	for (step = (way_of(hash, 0, 0) ^ spot.way) + 1; step < SET_WAYS; step++)
		if (spot.set->tags[way_of(hash, 0, step)] == TAG_EMPTY)
			break;
	assert_true(step < SET_WAYS);
	way = way_of(hash, 0, step);
	spot.set->records[way] = *spot_record(&spot);
	spot.set->records[way].packets = packets;
	spot.set->records[way].harvest = 0;
	spot.set->records[way].slot = 0;
	spot.set->tags[way] = tag;
	return &spot.set->records[way];
}

static void twins_are_joined_without_losing_a_packet(void **state)
{
	struct key key = key4(CLIENT, TARGET);

	(void)state;
	run(CLIENT, 10);
	twin_make(CLIENT, 3);
	bed_harvest();
	assert_int_equal(bed_cell(&key)->packets, 10);
	collect_all(600000);
	bed_harvest();
	assert_int_equal(bed_cell(&key)->packets, 13);
	run(CLIENT, 1);
	bed_harvest();
	assert_int_equal(bed_cell(&key)->packets, 14);
	assert_int_equal(bed.table->pairs4.used, 1);
}

/*
 * In the order of a set's ways the leftover may come before or after the record it is joined to: one cell of each
 * key either way.
 */
static void a_harvest_tells_of_one_of_two_twins(void **state)
{
	(void)state;
	for (uint32_t client = CLIENT; client < CLIENT + 8; client++) {
		run(client, 10);
		twin_make(client, 3);
	}
	assert_int_equal(bed_harvest(), 8 + 1);
	for (uint32_t client = CLIENT; client < CLIENT + 8; client++) {
		struct key key = key4(client, TARGET);

		assert_non_null(bed_cell(&key));
	}
}

static void a_twin_that_goes_on_counting_in_flight_is_joined_whole(void **state)
{
	struct key key = key4(CLIENT, TARGET);
	struct pair_record *twin;

	(void)state;
	run(CLIENT, 10);
	bed_harvest();
	twin = twin_make(CLIENT, 3);
	bed_harvest();
	twin->packets += 2;
	collect_all(600000);
	bed_harvest();
	assert_int_equal(bed_cell(&key)->packets, 15);
}

static void joining_keeps_each_slots_packets(void **state)
{
	static const struct {
		uint16_t slot, their_slot;
		uint32_t start, harvested, their_start, their_harvested, their_packets; /* ours: packets 100 */
		uint32_t in_slot; /* packets of the later slot, afterwards */
		uint16_t slot_after;
	} rows[] = {
		{ 5, 5, 40, 100, 10, 30, 30, 60 + 20, 5 }, /* the same slot, all harvested */
		{ 5, 5, 40, 90, 10, 30, 33, 60 + 23, 5 },  /* and some not */
		{ 5, 4, 40, 100, 10, 30, 30, 60, 5 },	   /* theirs is older and told */
		{ 5, 4, 40, 100, 10, 30, 32, 60 + 2, 5 },  /* older, two not told */
		{ 5, 6, 40, 100, 10, 30, 31, 21, 6 },	   /* theirs is newer */
		{ 0, 6, 0, 0, 10, 30, 31, 100 + 21, 6 },   /* ours is new */
		{ 5, 0, 40, 100, 0, 0, 7, 60 + 7, 5 },	   /* theirs is new */
		{ 0, 0, 0, 0, 0, 0, 7, 100 + 7, 0 },	   /* both are */
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct pair_record ours = { .packets = 100,
					    .slot = rows[i].slot,
					    .harvest = WORD(rows[i].start, rows[i].harvested) };
		struct pair_record theirs = { .packets = rows[i].their_packets,
					      .slot = rows[i].their_slot,
					      .harvest = WORD(rows[i].their_start, rows[i].their_harvested) };
		struct words into = words_of_pair(bed.table, &ours), leftover = words_of_pair(bed.table, &theirs);

		words_join(&into, &leftover);
		if ((uint32_t)ours.packets - WORD_LOW(ours.harvest) != rows[i].in_slot ||
		    ours.slot != rows[i].slot_after)
			fail_msg("row %zu: %u in slot %u", i, (uint32_t)ours.packets - WORD_LOW(ours.harvest),
				 ours.slot);
	}
}

static uint32_t free_destinations(void)
{
	uint32_t count = 0, destination;

	while (!bpf_map_lookup_and_delete_elem(bed.table->free_fd, NULL, &destination))
		count++;
	return count;
}

static void idle_keys_are_taken_out_and_their_places_used_again(void **state)
{
	struct key key = key4(CLIENT, TARGET), destination = destination4(TARGET);
	struct record_view view;

	(void)state;
	run(CLIENT, 10);
	bed_harvest();
	bed_at(bed.jiffies + 60 * BED_HZ);
	bed_harvest();
	collect_all(60000);
	assert_non_null(bed_record(&key)); /* idle for exactly as long as allowed */
	bed_at(bed.jiffies + 1);
	bed_harvest();
	collect_all(60000);
	assert_null(bed_record(&key));
	collect_all(60000);
	assert_false(table_find(bed.table, &destination, &view));
	bed_harvest();
	assert_int_equal(bed.table->pairs4.used, 0);
	assert_int_equal(bed.table->destinations_used, 0);
	run(CLIENT, 3);
	bed_harvest();
	assert_int_equal(bed_cell(&key)->packets, 3);
	assert_int_equal(bed_cell(&destination)->packets, 3);
	assert_int_equal(free_destinations(), 63);
}

static void keys_that_count_or_are_not_harvested_stay(void **state)
{
	struct key key = key4(CLIENT, TARGET);

	(void)state;
	run(CLIENT, 10);
	bed_at(bed.jiffies + 61 * BED_HZ);
	bed_beat();
	collect_all(60000);
	assert_non_null(bed_record(&key));
}

static void a_pair_active_at_another_proxy_stays(void **state)
{
	struct key key = key4(CLIENT, TARGET);
	struct change fold;

	(void)state;
	run(CLIENT, 10);
	bed_harvest();
	bed_at(bed.jiffies + 61 * BED_HZ);
	bed_harvest();
	fold = fold_of(10, 61000);
	bed_apply(&key, &fold, false);
	collect_all(60000);
	assert_non_null(bed_record(&key));
}

/* A packet in flight while its record is taken out: counted after the mark. */
static void a_record_that_counts_while_dying_lives_on(void **state)
{
	struct key key = key4(CLIENT, TARGET);
	struct pair_record *record;

	(void)state;
	run(CLIENT, 10);
	bed_harvest();
	record = bed_record(&key);
	bed_at(bed.jiffies + 61 * BED_HZ);
	bed_harvest();
	table_collect(bed.table, bed_now(), duration_ms(60000));
	assert_null(bed_record(&key));
	record->packets++;
	record->last = bed.jiffies;
	wait_for_grace();
	table_collect(bed.table, bed_now(), duration_ms(60000));
	assert_ptr_equal(bed_record(&key), record);
	bed_harvest();
	assert_int_equal(bed_cell(&key)->packets, 1);
}

static void a_record_made_again_while_dying_gets_the_leftover(void **state)
{
	struct key key = key4(CLIENT, TARGET);
	struct pair_record *record;

	(void)state;
	run(CLIENT, 10);
	bed_harvest();
	record = bed_record(&key);
	bed_at(bed.jiffies + 61 * BED_HZ);
	bed_harvest();
	table_collect(bed.table, bed_now(), duration_ms(60000));
	run(CLIENT, 4);
	record->packets++;
	assert_ptr_not_equal(bed_record(&key), record);
	wait_for_grace();
	table_collect(bed.table, bed_now(), duration_ms(60000));
	bed_harvest();
	assert_int_equal(bed_cell(&key)->packets, 5);
	assert_int_equal(bed.table->pairs4.used, 1);
}

/* The address wakes up between leaving the hash and being cleared. */
static void a_destination_made_again_while_dying_keeps_every_packet(void **state)
{
	struct key destination = destination4(TARGET);
	uint32_t old, fresh;

	(void)state;
	run(CLIENT, 10);
	bed_harvest();
	old = destination_find(bed.table, &destination.destination);
	bed_at(bed.jiffies + 61 * BED_HZ);
	bed_harvest();
	wait_for_grace();
	table_collect(bed.table, bed_now(), duration_ms(60000)); /* the pair and the destination are marked */
	assert_int_equal(destination_find(bed.table, &destination.destination), DESTINATION_NONE);
	run(CLIENT, 4);
	fresh = destination_find(bed.table, &destination.destination);
	assert_int_not_equal(fresh, old);
	bed.table->shards[old * bed.table->cpus].packets += 2; /* in flight */
	wait_for_grace();
	table_collect(bed.table, bed_now(), duration_ms(60000));
	bed_harvest();
	assert_int_equal(bed_cell(&destination)->packets, 6);
	assert_int_equal(bed.table->destinations_used, 1);
}

static void a_daemon_killed_while_collecting_leaves_nothing_dead(void **state)
{
	struct key key = key4(CLIENT, TARGET), destination = destination4(TARGET);

	(void)state;
	run(CLIENT, 10);
	bed_harvest();
	bed_at(bed.jiffies + 61 * BED_HZ);
	bed_harvest();
	collect_all(60000);
	assert_int_equal(destination_find(bed.table, &destination.destination), DESTINATION_NONE);
	run(CLIENT + 1, 1);
	bed_harvest();
	bed_at(bed.jiffies + 61 * BED_HZ);
	bed_harvest();
	wait_for_grace();
	table_collect(bed.table, bed_now(), duration_ms(60000)); /* marks the second pair */
	reopen();
	bed_harvest();
	assert_int_equal(bed.table->pairs4.used, 0);
	collect_all(60000);
	collect_all(60000);
	bed_harvest();
	assert_int_equal(bed.table->destinations_used, 0);
	assert_int_equal(free_destinations(), 64);
	assert_null(bed_record(&key));
}

static void a_pair_without_destination_gets_one_when_it_is_free(void **state)
{
	struct key key = key4(CLIENT, TARGET + 100), filler = destination4(TARGET);
	struct frame frame = frame4(CLIENT, TARGET + 100);
	uint32_t i, destination;

	(void)state;
	for (i = 0; i < 64; i++) {
		filler = destination4(TARGET + i);
		assert_int_not_equal(destination_make(bed.table, &filler.destination), DESTINATION_NONE);
	}
	bed_run(&frame);
	bed_harvest();
	assert_int_equal(PLACE_DESTINATION(bed_record(&key)->place), DESTINATION_NONE);
	destination = destination_find(bed.table, &filler.destination);
	memset(&bed.table->heads[destination], 0, sizeof(bed.table->heads[destination]));
	bpf_map_delete_elem(bed.table->index_fd, &filler.destination);
	bpf_map_update_elem(bed.table->free_fd, NULL, &destination, BPF_ANY);
	bed_run(&frame); /* in the jiffy in which none was free nobody asks again */
	assert_int_equal(PLACE_DESTINATION(bed_record(&key)->place), DESTINATION_NONE);
	bed_at(bed.jiffies + 1);
	bed_run(&frame);
	assert_int_equal(PLACE_DESTINATION(bed_record(&key)->place), destination);
	assert_int_equal(bed_reason(REASON_COARSE), 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bed_setup, bed_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(twins_are_joined_without_losing_a_packet),
		TEST(a_harvest_tells_of_one_of_two_twins),
		TEST(a_twin_that_goes_on_counting_in_flight_is_joined_whole),
		TEST(joining_keeps_each_slots_packets),
		TEST(idle_keys_are_taken_out_and_their_places_used_again),
		TEST(keys_that_count_or_are_not_harvested_stay),
		TEST(a_pair_active_at_another_proxy_stays),
		TEST(a_record_that_counts_while_dying_lives_on),
		TEST(a_record_made_again_while_dying_gets_the_leftover),
		TEST(a_destination_made_again_while_dying_keeps_every_packet),
		TEST(a_daemon_killed_while_collecting_leaves_nothing_dead),
		TEST(a_pair_without_destination_gets_one_when_it_is_free),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
