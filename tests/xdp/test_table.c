/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The daemon's side of the table: harvest, writing back, restart, twins, collecting, the clock. */
#include <bpf/bpf.h>
#include <time.h>

#include "bed.h"

#define CLIENT 0x0a000001
#define TARGET 0xc0000201
#define SLOT_NS (4 * NS_PER_S)

static void reopen(void)
{
	table_close(bed.table);
	bed.table = NULL;
	assert_int_equal(bed_open(true), 0);
	bed_beat();
}

/* Jiffies at which the next slot begins. */
static uint32_t next_slot(void)
{
	int64_t ns = bed_now().mesh.ns, left = SLOT_NS - ns % SLOT_NS;

	return bed.jiffies + (uint32_t)((left + bed.table->clock.period_ns - 1) / bed.table->clock.period_ns);
}

static struct fold fold_of(uint64_t count, int64_t ms)
{
	struct instant mesh = bed_now().mesh;

	return (struct fold){ .ts1 = instant_before(mesh, duration_ms(ms)),
			      .ts2 = mesh,
			      .carry_from = mesh,
			      .count = count,
			      .pass_share = SHARE_ALL };
}

static void run(uint32_t client, int packets)
{
	struct frame frame = frame4(client, TARGET);

	bed_run_many(&frame, packets, NULL);
}

static void a_cell_holds_the_slots_packets_so_far(void **state)
{
	struct key key = key4(CLIENT, TARGET);
	uint32_t slot_begins = next_slot();

	(void)state;
	bed_at(slot_begins);
	bed_harvest();
	bed_at(slot_begins + 1);
	run(CLIENT, 7);
	bed_at(slot_begins + 50);
	run(CLIENT, 3);
	bed_harvest();
	assert_int_equal(bed_cell(&key)->packets, 10);
	assert_int_equal(bed_cell(&key)->slot, bed_now().mesh.ns / SLOT_NS);
	assert_int_equal(bed_cell(&key)->first.ns, table_mesh_of(bed.table, slot_begins + 1).ns);
	assert_int_equal(bed_cell(&key)->last.ns, table_mesh_of(bed.table, slot_begins + 50).ns);
	run(CLIENT, 5);
	bed_harvest();
	assert_int_equal(bed_cell(&key)->packets, 15);
	bed_at(next_slot() + 10);
	bed_harvest();
	run(CLIENT, 2);
	bed_harvest();
	assert_int_equal(bed_cell(&key)->packets, 2);
}

static void a_silence_of_the_daemon_is_told_once_with_what_was_judged_meanwhile(void **state)
{
	struct key key = key4(CLIENT, TARGET);
	struct fold fold = { .count = 1, .pass_share = SHARE_ALL };
	uint32_t at = next_slot(), stale;
	struct duration silence;
	uint64_t packets;

	(void)state;
	bed_at(at);
	bed_harvest();
	table_read_silence(bed.table, &silence, &packets); /* the clock jumped to here */
	run(CLIENT, 4);
	bed_harvest();
	fold.ts1 = fold.ts2 = fold.carry_from = bed_now().mesh;
	assert_int_equal(table_apply(bed.table, &key, &fold, false), 0);
	stale = bed.table->state->heartbeat_stale;
	bed_at(at + stale);
	run(CLIENT, 3);
	bed_harvest();
	assert_false(table_read_silence(bed.table, &silence, &packets)); /* just not */
	at += stale;
	bed_at(at + stale + 1);
	run(CLIENT, 5);
	assert_int_equal(bed_reason(REASON_STALE), 5);
	bed_harvest();
	assert_true(table_read_silence(bed.table, &silence, &packets));
	assert_int_equal(packets, 5);
	assert_int_equal((silence.ns + bed.table->clock.period_ns / 2) / bed.table->clock.period_ns, stale + 1);
	assert_false(table_read_silence(bed.table, &silence, &packets)); /* once */
	assert_int_equal(bed.table->state->stale_told, 5);
}

static uint64_t cells_total(const struct key *key, uint64_t *by_slot, uint64_t slot_first, size_t slots)
{
	uint64_t total = 0;
	size_t i;

	for (i = 0; i < bed.cell_count; i++)
		if (key_equal(&bed.cells[i].key, key) && bed.cells[i].slot - slot_first < slots)
			by_slot[bed.cells[i].slot - slot_first] = bed.cells[i].packets;
	for (i = 0; i < slots; i++)
		total += by_slot[i];
	return total;
}

static void assert_same_cell(const struct harvested *a, const struct harvested *b)
{
	assert_int_equal(a->slot, b->slot);
	assert_int_equal(a->first.ns, b->first.ns);
	assert_int_equal(a->last.ns, b->last.ns);
	assert_int_equal(a->packets, b->packets);
}

static void a_restart_tells_the_identical_cells(void **state)
{
	struct key key = key4(CLIENT, TARGET), destination = destination4(TARGET);
	struct harvested before, before_destination;

	(void)state;
	bed_at(next_slot() + 20);
	bed_harvest();
	run(CLIENT, 9);
	bed_harvest();
	before = *bed_cell(&key);
	before_destination = *bed_cell(&destination);
	bed_at(bed.jiffies + 30);
	reopen();
	assert_false(table_is_new(bed.table));
	assert_int_equal(table_incarnation(bed.table), 42);
	assert_int_equal(bed_harvest(), 2);
	assert_same_cell(bed_cell(&key), &before);
	assert_same_cell(bed_cell(&destination), &before_destination);
	assert_int_equal(bed_harvest(), 0);
	run(CLIENT, 1);
	bed_harvest();
	assert_int_equal(bed_cell(&key)->packets, 10);
}

/* What was told before stays the old incarnation's; under the new one only what came since is counted. */
static void a_clock_set_back_goes_on_as_another_incarnation(void **state)
{
	struct key key = key4(CLIENT, TARGET);
	struct now now;

	(void)state;
	bed_at(next_slot() + 20);
	bed_harvest();
	run(CLIENT, 9);
	bed_harvest();
	reopen();
	now = bed_now();
	assert_false(table_time_went_back(bed.table, now, 50));
	assert_int_equal(table_incarnation(bed.table), 42);
	now.mesh.ns -= 1;
	assert_true(table_time_went_back(bed.table, now, 50));
	assert_int_equal(table_incarnation(bed.table), 50);
	run(CLIENT, 2);
	bed_harvest();
	assert_int_equal(bed_cell(&key)->packets, 2);
	now.mesh.ns -= SLOT_NS;
	assert_true(table_time_went_back(bed.table, now, 50)); /* what the state directory gives may be no higher */
	assert_int_equal(table_incarnation(bed.table), 51);
	assert_int_equal(bed_harvest(), 0);
}

/* Restarts at random moments, packets all the while: the cells add up to what was sent. */
static void no_restart_loses_or_doubles_a_count(void **state)
{
	uint64_t by_slot[64] = { 0 }, by_slot_destination[64] = { 0 }, sent = 0;
	uint64_t slot_first = (uint64_t)(bed_now().mesh.ns / SLOT_NS);
	struct key key = key4(CLIENT, TARGET), destination = destination4(TARGET);
	unsigned int step;

	(void)state;
	srand(7);
	for (step = 0; step < 120; step++) {
		int packets = rand() % 40;

		bed_at(bed.jiffies + (uint32_t)rand() % (2 * BED_HZ));
		if (packets)
			run(CLIENT, packets);
		sent += (uint64_t)packets;
		if (rand() % 4 == 0)
			reopen();
		bed_harvest();
		cells_total(&key, by_slot, slot_first, 64);
		cells_total(&destination, by_slot_destination, slot_first, 64);
	}
	assert_int_equal(cells_total(&key, by_slot, slot_first, 64), sent);
	assert_int_equal(cells_total(&destination, by_slot_destination, slot_first, 64), sent);
}

static void a_young_ledger_does_not_replace_a_wiser_record(void **state)
{
	static const struct {
		uint64_t count;
		bool written;
	} rows[] = { { 499, false }, { 500, true }, { 501, true } };
	struct key key = key4(CLIENT, TARGET);
	struct record_view view;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct fold wise = fold_of(500, 2000), young = fold_of(rows[i].count, 1000);

		run(CLIENT, 10);
		bed_harvest();
		table_apply(bed.table, &key, &wise, false);
		reopen();
		bed_harvest();
		table_apply(bed.table, &key, &young, false);
		assert_true(table_find(bed.table, &key, &view));
		assert_true(view.folded);
		assert_int_equal(view.count, rows[i].written ? rows[i].count : 500);
		bed_at(bed.jiffies + 8 * BED_HZ + 1);
		bed_harvest();
		young = fold_of(3, 1000);
		table_apply(bed.table, &key, &young, false);
		table_find(bed.table, &key, &view);
		assert_int_equal(view.count, 3);
	}
}

static void a_window_the_ledger_does_not_know_is_not_folded(void **state)
{
	struct key key = key4(CLIENT, TARGET);
	struct fold fold = fold_of(100, 2000);
	struct record_view view;

	(void)state;
	bed_policy(policy_plain(0, 0, POLICY_EARLY));
	run(CLIENT, 10);
	bed_harvest();
	table_apply(bed.table, &key, &fold, false);
	bed_at(bed.jiffies + 11 * BED_HZ);
	bed_beat();
	run(CLIENT, 4);
	fold = fold_of(100, 13000); /* the ledger does not know of these four */
	table_apply(bed.table, &key, &fold, false);
	table_find(bed.table, &key, &view);
	assert_false(view.folded);
	assert_int_equal(view.count, 4);
	bed_harvest();
	fold = fold_of(4, 0);
	table_apply(bed.table, &key, &fold, false);
	table_find(bed.table, &key, &view);
	assert_true(view.folded);
	assert_int_equal(view.count, 4);
}

static void packets_after_the_harvest_are_added_to_the_fold(void **state)
{
	struct key key = key4(CLIENT, TARGET);
	struct fold fold = fold_of(1000, 2000);
	struct record_view view;

	(void)state;
	run(CLIENT, 10);
	bed_harvest();
	run(CLIENT, 5);
	table_apply(bed.table, &key, &fold, false);
	run(CLIENT, 2);
	table_find(bed.table, &key, &view);
	assert_int_equal(view.count, 1007);
	assert_int_equal(view.packets, 17);
}

static void a_record_made_for_a_client_elsewhere_is_found_by_its_packets(void **state)
{
	struct key key = key4(CLIENT, TARGET), unknown = key4(CLIENT + 1, TARGET), destination = destination4(TARGET);
	struct frame frame = frame4(CLIENT, TARGET);
	struct fold fold = fold_of(1000, 2000);

	(void)state;
	bed_policy(policy_plain(100, 0, POLICY_EARLY));
	assert_int_equal(table_apply(bed.table, &unknown, &fold, false), -ENOENT);
	assert_int_equal(table_apply(bed.table, &destination, &fold, false), -ENOENT);
	assert_int_equal(table_apply(bed.table, &key, &fold, true), 0);
	assert_int_equal(bed_run(&frame), XDP_VERDICT_DROP);
	bed_harvest();
	assert_int_equal(bed_cell(&key)->packets, 1);
	assert_int_equal(bed_cell(&destination)->packets, 1);
	assert_int_equal(bed.table->pairs4.used, 1);
}

static void ipv6_keys_are_found_and_made(void **state)
{
	struct frame frame = frame6("2001:db8::1", "2001:db8::99", 17);
	struct fold fold = fold_of(1000, 2000);
	struct key key;

	(void)state;
	memcpy(&key, frame.bytes + 22, 32);
	bed_policy(policy_plain(100, 0, POLICY_EARLY));
	assert_int_equal(table_apply(bed.table, &key, &fold, true), 0);
	assert_int_equal(bed_run(&frame), XDP_VERDICT_DROP);
	bed_harvest();
	assert_int_equal(bed_cell(&key)->packets, 1);
	assert_true(bed_cell(&key)->ipv6);
}

static void a_full_table_refuses_the_daemon_too(void **state)
{
	uint32_t i, full = 0;
	struct fold fold;

	(void)state;
	assert_int_equal(bed_make(64, 16, true), 0);
	fold = fold_of(1, 0);
	for (i = 0; i < 200; i++) {
		struct key key = key4(CLIENT + i, TARGET);
		int err = table_apply(bed.table, &key, &fold, true);

		assert_true(err == 0 || err == -ENOSPC);
		full += err == -ENOSPC;
	}
	assert_in_range(full, 136, 160);
	for (i = 0; i < 20; i++) {
		struct key destination = destination4(TARGET + i);

		assert_int_equal(table_apply(bed.table, &destination, &fold, true), i < 16 ? 0 : -ENOSPC);
	}
	assert_int_equal(bed_remove(), 0);
}

/* A second record of one key, as two CPUs make it: put into the first free way behind the first's in the key's order, by hand. */
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

static void wait_for_grace(void)
{
	bool over = false;
	int tries;

	for (tries = 0; tries < 5000 && !over; tries++) {
		pthread_mutex_lock(&bed.table->grace.lock);
		over = bed.table->grace.asked == bed.table->grace.done;
		pthread_mutex_unlock(&bed.table->grace.lock);
		if (!over)
			usleep(1000);
	}
	assert_true(over);
}

static void collect_all(int64_t idle_ms)
{
	wait_for_grace();
	table_collect(bed.table, bed_now(), duration_ms(idle_ms));
	wait_for_grace();
	table_collect(bed.table, bed_now(), duration_ms(idle_ms));
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
		if ((uint32_t)ours.packets - WORD_LOW(ours.harvest) != rows[i].in_slot || ours.slot != rows[i].slot_after)
			fail_msg("row %zu: %u in slot %u", i, (uint32_t)ours.packets - WORD_LOW(ours.harvest), ours.slot);
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
	struct fold fold;

	(void)state;
	run(CLIENT, 10);
	bed_harvest();
	bed_at(bed.jiffies + 61 * BED_HZ);
	bed_harvest();
	fold = fold_of(10, 61000);
	table_apply(bed.table, &key, &fold, false);
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
	collect_all(60000); /* the pair; and the destination, marked in the second call */
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
	bed_run(&frame);
	bed_harvest();
	assert_int_equal(PLACE_DESTINATION(bed_record(&key)->place), destination);
}

static void jiffies_and_mesh_time_convert_both_ways(void **state)
{
	static const int32_t offsets[] = { 0, 1, -1, 250, -250, 1000000, -1000000, 0x3fffffff, -0x3fffffff };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
		uint32_t jiffies = bed.jiffies + (uint32_t)offsets[i];
		struct instant mesh = table_mesh_of(bed.table, jiffies);

		assert_int_equal(table_jiffies_of(bed.table, mesh), jiffies);
		assert_int_equal(table_jiffies_of(bed.table, (struct instant){ mesh.ns + bed.table->clock.period_ns - 1 }),
				 jiffies);
		assert_int_equal(table_jiffies_of(bed.table, (struct instant){ mesh.ns - 1 }), jiffies - 1);
	}
}

static struct now real_now(void)
{
	struct timespec mono;

	clock_gettime(CLOCK_MONOTONIC, &mono);
	return (struct now){ { mono.tv_sec * NS_PER_S + mono.tv_nsec }, { BED_MESH_NS + mono.tv_sec * NS_PER_S + mono.tv_nsec } };
}

static void the_anchor_neither_jitters_nor_goes_back(void **state)
{
	struct instant before = { 0 }, first = { 0 };
	int i, off = 0;

	(void)state;
	assert_int_equal(bed_make(64, 16, false), 0);
	assert_true(BED_HZ == 100 || BED_HZ == 250 || BED_HZ == 300 || BED_HZ == 1000);
	for (i = 0; i < 400; i++) {
		struct now now = real_now();
		struct instant mesh;
		int64_t phase;

		table_anchor(bed.table, now);
		mesh = table_mesh_of(bed.table, bed.table->clock.jiffies);
		assert_true(mesh.ns >= before.ns);
		assert_in_range(now.mesh.ns - mesh.ns + 100000, 0, 3 * bed.table->clock.period_ns);
		phase = (mesh.ns - first.ns) % bed.table->clock.period_ns;
		if (i == 0)
			first = mesh;
		else
			off += phase >= 500000 && phase <= bed.table->clock.period_ns - 500000;
		before = mesh;
		usleep(1000 + i * 7 % 900);
	}
	assert_in_range(off, 0, 20); /* a host that is stopped for a while may be late a few times */
	assert_int_equal(bed_remove(), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bed_setup, bed_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_cell_holds_the_slots_packets_so_far),
		TEST(a_silence_of_the_daemon_is_told_once_with_what_was_judged_meanwhile),
		TEST(a_restart_tells_the_identical_cells),
		TEST(a_clock_set_back_goes_on_as_another_incarnation),
		TEST(no_restart_loses_or_doubles_a_count),
		TEST(a_young_ledger_does_not_replace_a_wiser_record),
		TEST(a_window_the_ledger_does_not_know_is_not_folded),
		TEST(packets_after_the_harvest_are_added_to_the_fold),
		TEST(a_record_made_for_a_client_elsewhere_is_found_by_its_packets),
		TEST(ipv6_keys_are_found_and_made),
		cmocka_unit_test(a_full_table_refuses_the_daemon_too),
		TEST(twins_are_joined_without_losing_a_packet),
		TEST(a_twin_that_goes_on_counting_in_flight_is_joined_whole),
		cmocka_unit_test_setup_teardown(joining_keeps_each_slots_packets, bed_setup, bed_teardown),
		TEST(idle_keys_are_taken_out_and_their_places_used_again),
		TEST(keys_that_count_or_are_not_harvested_stay),
		TEST(a_pair_active_at_another_proxy_stays),
		TEST(a_record_that_counts_while_dying_lives_on),
		TEST(a_record_made_again_while_dying_gets_the_leftover),
		TEST(a_destination_made_again_while_dying_keeps_every_packet),
		TEST(a_daemon_killed_while_collecting_leaves_nothing_dead),
		TEST(a_pair_without_destination_gets_one_when_it_is_free),
		TEST(jiffies_and_mesh_time_convert_both_ways),
		cmocka_unit_test(the_anchor_neither_jitters_nor_goes_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
