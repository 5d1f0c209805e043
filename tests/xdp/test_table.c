/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The daemon's side of the table: harvest, writing back, restart, the clock. */
#include <time.h>

#include "folds.h"

#define SLOT_NS (4 * NS_PER_S)

/* Jiffies at which the next slot begins. */
static uint32_t next_slot(void)
{
	int64_t ns = bed_now().mesh.ns, left = SLOT_NS - ns % SLOT_NS;

	return bed.jiffies + (uint32_t)((left + bed.table->clock.period_ns - 1) / bed.table->clock.period_ns);
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
	struct change fold = { .count = 1, .pass_share = SHARE_ALL };
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
	assert_int_equal(bed_apply(&key, &fold, false), 0);
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
		struct change wise = fold_of(500, 2000), young = fold_of(rows[i].count, 1000);

		run(CLIENT, 10);
		bed_harvest();
		bed_apply(&key, &wise, false);
		reopen();
		bed_harvest();
		bed_apply(&key, &young, false);
		assert_true(table_find(bed.table, &key, &view));
		assert_true(view.folded);
		assert_int_equal(view.count, rows[i].written ? rows[i].count : 500);
		bed_at(bed.jiffies + 8 * BED_HZ + 1);
		bed_harvest();
		young = fold_of(3, 1000);
		bed_apply(&key, &young, false);
		table_find(bed.table, &key, &view);
		assert_int_equal(view.count, 3);
	}
}

/*
 * Writes a fold of the pair and of its destination; both must then hold this count and share, and the destination be
 * thinned or not.
 */
static void write_both(struct change fold, uint16_t share, bool thin, uint64_t count_expected, uint16_t share_expected,
		       bool thin_expected)
{
	const struct key keys[2] = { key4(CLIENT, TARGET), destination4(TARGET) };
	struct record_view view;
	bool is_thin;

	fold.pass_share = share;
	fold.thin = thin;
	for (unsigned int k = 0; k < 2; k++) {
		assert_int_equal(bed_apply(&keys[k], &fold, false), 0);
		assert_true(table_find(bed.table, &keys[k], &view));
		if (view.count != count_expected || view.pass_share != share_expected)
			fail_msg("%s: count %llu, expected %llu; share %u, expected %u", k ? "destination" : "pair",
				 (unsigned long long)view.count, (unsigned long long)count_expected, view.pass_share,
				 share_expected);
	}
	is_thin = bed.table->heads[destination_find(bed.table, &keys[1].destination)].flags & HEAD_THIN;
	if (is_thin != thin_expected)
		fail_msg("thinned: %d, expected %d", is_thin, thin_expected);
}

/*
 * Beside a larger count, which stays: shares are this daemon's where they are smaller than what the daemon before
 * left, and no larger.
 */
static void a_young_ledger_writes_its_shares_beside_a_wiser_count(void **state)
{
	static const struct {
		uint16_t left, share[2], expected[2]; /* by the daemon before; by this one, twice; found */
		bool thin_left, thin[2], thin_expected[2]; /* the destination's */
	} rows[] = {
		/* 0: an attack grows after the start, and is over */
		{ SHARE_ALL, { 1000, SHARE_ALL }, { 1000, SHARE_ALL }, false, { true, false }, { true, false } },
		/* 1: this daemon does not know of it yet */
		{ 2000, { SHARE_ALL, SHARE_ALL }, { 2000, 2000 }, true, { false, false }, { true, true } },
		/* 2: its own smaller share is no bound */
		{ 2000, { 1000, 1500 }, { 1000, 1500 }, true, { true, true }, { true, true } },
		/* 3: nor is it the end of the one before */
		{ 2000, { 1000, 2001 }, { 1000, 2000 }, true, { true, false }, { true, true } },
		/* 4: nothing was let through */
		{ 0, { 1000, 0 }, { 2, 0 }, true, { true, true }, { true, true } },
		/* 5: thinned, though all of the remainder passed */
		{ SHARE_ALL, { 1000, 1000 }, { 1000, 1000 }, true, { false, true }, { true, true } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		print_message("# row %zu\n", i);
		run(CLIENT, 10);
		bed_harvest();
		write_both(fold_of(500, 2000), rows[i].left, rows[i].thin_left, 500, rows[i].left, rows[i].thin_left);
		reopen();
		bed_harvest();
		for (unsigned int step = 0; step < 2; step++)
			write_both(fold_of(499, 1000), rows[i].share[step], rows[i].thin[step], 500,
				   rows[i].expected[step], rows[i].thin_expected[step]);
		bed_at(bed.jiffies + 8 * BED_HZ + 1); /* T_T4: whatever the daemon before left */
		bed_harvest();
		write_both(fold_of(3, 1000), SHARE_ALL, false, 3, SHARE_ALL, false);
	}
}

static void a_window_the_ledger_does_not_know_is_not_folded(void **state)
{
	struct key key = key4(CLIENT, TARGET);
	struct change fold = fold_of(100, 2000);
	struct record_view view;

	(void)state;
	bed_policy(policy_plain(0, 0, POLICY_EARLY));
	run(CLIENT, 10);
	bed_harvest();
	bed_apply(&key, &fold, false);
	bed_at(bed.jiffies + 11 * BED_HZ);
	bed_beat();
	run(CLIENT, 4);
	fold = fold_of(100, 13000); /* the ledger does not know of these four */
	bed_apply(&key, &fold, false);
	table_find(bed.table, &key, &view);
	assert_false(view.folded);
	assert_int_equal(view.count, 4);
	bed_harvest();
	fold = fold_of(4, 0);
	bed_apply(&key, &fold, false);
	table_find(bed.table, &key, &view);
	assert_true(view.folded);
	assert_int_equal(view.count, 4);
}

/* M of this slot alone, which began `since_ms` ago: does the key's record hold it after it was applied? */
static bool takes_slot(const struct key *key, uint64_t count, unsigned int since_ms)
{
	struct change fold = fold_of(count, since_ms);
	struct record_view view;

	assert_int_equal(bed_apply(key, &fold, false), 0);
	assert_true(table_find(bed.table, key, &view));
	return view.folded;
}

/*
 * The ledger had no room for what a record counted in the slot before, and has room now. Until its window is T_T2, or
 * T_T3, long the kernel knows more. A record that began in this slot takes its fold at once.
 */
static void a_slot_that_the_ledger_knows_alone_waits(void **state)
{
	const struct key known[] = { key4(CLIENT, TARGET), destination4(TARGET) }, fresh = key4(CLIENT + 1, TARGET + 1);
	const int64_t slot_ns = 4 * NS_PER_S, left_ns = slot_ns - bed_now().mesh.ns % slot_ns;

	(void)state;
	bed_at(bed.jiffies + (uint32_t)(left_ns * BED_HZ / NS_PER_S) - BED_HZ / 2);
	bed_beat();
	run(CLIENT, 10);
	bed_harvest();
	bed_at(bed.jiffies + BED_HZ / 2 + BED_HZ / 5); /* a fifth of a second into the next slot */
	bed_beat();
	run(CLIENT, 3);
	bed_run(&(struct frame[]){ frame4(CLIENT + 1, TARGET + 1) }[0]);
	bed_harvest();
	for (unsigned int i = 0; i < 2; i++)
		assert_false(takes_slot(&known[i], 3, 200));
	assert_true(takes_slot(&known[0], 13, 600)); /* the ledger had it */
	assert_true(takes_slot(&fresh, 1, 200));
	bed_at(bed.jiffies + BED_HZ * 4 / 5);
	bed_beat();
	run(CLIENT, 1);
	bed_harvest();
	assert_true(takes_slot(&known[1], 4, 1000));
}

static void packets_after_the_harvest_are_added_to_the_fold(void **state)
{
	struct key key = key4(CLIENT, TARGET);
	struct change fold = fold_of(1000, 2000);
	struct record_view view;

	(void)state;
	run(CLIENT, 10);
	bed_harvest();
	run(CLIENT, 5);
	bed_apply(&key, &fold, false);
	run(CLIENT, 2);
	table_find(bed.table, &key, &view);
	assert_int_equal(view.count, 1007);
	assert_int_equal(view.packets, 17);
}

static void a_record_made_for_a_client_elsewhere_is_found_by_its_packets(void **state)
{
	struct key key = key4(CLIENT, TARGET), unknown = key4(CLIENT + 1, TARGET), destination = destination4(TARGET);
	struct frame frame = frame4(CLIENT, TARGET);
	struct change fold = fold_of(1000, 2000);

	(void)state;
	bed_policy(policy_plain(100, 0, POLICY_EARLY));
	assert_int_equal(bed_apply(&unknown, &fold, false), -ENOENT);
	assert_int_equal(bed_apply(&destination, &fold, false), -ENOENT);
	assert_int_equal(bed_apply(&key, &fold, true), 0);
	assert_int_equal(bed_run(&frame), XDP_VERDICT_DROP);
	bed_harvest();
	assert_int_equal(bed_cell(&key)->packets, 1);
	assert_int_equal(bed_cell(&destination)->packets, 1);
	assert_int_equal(bed.table->pairs4.used, 1);
}

static void ipv6_keys_are_found_and_made(void **state)
{
	struct frame frame = frame6("2001:db8::1", "2001:db8::99", 17);
	struct change fold = fold_of(1000, 2000);
	struct key key;

	(void)state;
	key = key6("2001:db8::1", "2001:db8::99");
	bed_policy(policy_plain(100, 0, POLICY_EARLY));
	assert_int_equal(bed_apply(&key, &fold, true), 0);
	assert_int_equal(bed_run(&frame), XDP_VERDICT_DROP);
	bed_harvest();
	assert_int_equal(bed_cell(&key)->packets, 1);
}

static void a_full_table_refuses_the_daemon_too(void **state)
{
	uint32_t i, full = 0;
	struct change fold;

	(void)state;
	assert_int_equal(bed_make(64, 16, true), 0);
	fold = fold_of(1, 0);
	for (i = 0; i < 200; i++) {
		struct key key = key4(CLIENT + i, TARGET);
		int err = bed_apply(&key, &fold, true);

		assert_true(err == 0 || err == -ENOSPC);
		full += err == -ENOSPC;
	}
	assert_in_range(full, 136, 160);
	for (i = 0; i < 20; i++) {
		struct key destination = destination4(TARGET + i);

		assert_int_equal(bed_apply(&destination, &fold, true), i < 16 ? 0 : -ENOSPC);
	}
	assert_int_equal(bed_remove(), 0);
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
		assert_int_equal(table_jiffies_of(bed.table,
						  (struct instant){ mesh.ns + bed.table->clock.period_ns - 1 }),
				 jiffies);
		assert_int_equal(table_jiffies_of(bed.table, (struct instant){ mesh.ns - 1 }), jiffies - 1);
	}
}

static struct now real_now(void)
{
	struct timespec mono;

	clock_gettime(CLOCK_MONOTONIC, &mono);
	return (struct now){ { mono.tv_sec * NS_PER_S + mono.tv_nsec },
			     { BED_MESH_NS + mono.tv_sec * NS_PER_S + mono.tv_nsec } };
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
		/* Between the readings: this host may have stopped for a while in the midst of them. */
		assert_true(mesh.ns >= now.mesh.ns - 3 * bed.table->clock.period_ns &&
			    mesh.ns <= real_now().mesh.ns + 100000);
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
		TEST(a_young_ledger_writes_its_shares_beside_a_wiser_count),
		TEST(a_window_the_ledger_does_not_know_is_not_folded),
		TEST(a_slot_that_the_ledger_knows_alone_waits),
		TEST(packets_after_the_harvest_are_added_to_the_fold),
		TEST(a_record_made_for_a_client_elsewhere_is_found_by_its_packets),
		TEST(ipv6_keys_are_found_and_made),
		cmocka_unit_test(a_full_table_refuses_the_daemon_too),
		TEST(jiffies_and_mesh_time_convert_both_ways),
		cmocka_unit_test(the_anchor_neither_jitters_nor_goes_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
