/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What is told by need stays told: states by slot, what is told late, starts of a daemon, and whole meshes.
 */
#include "need_bed.h"

/* ---- states ---- */

static void states_of_slots_do_not_touch_each_other(void **state)
{
	(void)state;
	for (uint64_t slot = 0; slot < SLOTS_SPAN; slot++) {
		for (unsigned int told = TOLD_NOT; told <= TOLD_LATE; told++) {
			for (unsigned int others = TOLD_NOT; others <= TOLD_LATE; others++) {
				struct entry entry = { .told = 0 };

				for (uint64_t i = 0; i < SLOTS_SPAN; i++)
					told_set(&entry, 1000 + i, i == slot ? told : others);
				for (uint64_t i = 0; i < SLOTS_SPAN; i++)
					assert_int_equal(told_of(&entry, 1000 + i), i == slot ? told : others);
				assert_int_equal(told_any(&entry, TOLD_WAITS),
						 told == TOLD_WAITS || others == TOLD_WAITS);
				assert_int_equal(told_any(&entry, TOLD_LATE), told == TOLD_LATE || others == TOLD_LATE);
			}
		}
	}
}

/* A slot's bits come round: what was told eight slots ago is not told now. */
static void a_state_goes_with_its_cell(void **state)
{
	const struct key key = pair_numbered(false, 1, 1);

	(void)state;
	observe_key(bed.node, TICK_NS, TICK_NS, key, 62);
	run_until(TICK_NS, SLOT_NS);
	assert_true(is_told(key, 0));
	for (int64_t slot = 1; slot < SLOTS_SPAN; slot++) {
		observe_key(bed.node, slot * SLOT_NS + TICK_NS, slot * SLOT_NS + TICK_NS, key, 1);
		run_until(slot * SLOT_NS + TICK_NS, (slot + 1) * SLOT_NS);
	}
	observe_key(bed.node, SLOTS_SPAN * SLOT_NS + TICK_NS, SLOTS_SPAN * SLOT_NS + TICK_NS, key, 1);
	assert_false(is_told(key, SLOTS_SPAN));
}

/* Nobody carries on a count that nobody was told. So only told cells need a frame in each tick. */
static void untold_cells_alone_give_no_sign_of_life(void **state)
{
	const struct key key = pair_numbered(false, 1, 1);
	const uint64_t next = bed.node->spread->publish.next_sequence;

	(void)state;
	observe_key(bed.node, TICK_NS, TICK_NS, key, 1);
	run_until(TICK_NS, SLOT_NS);
	assert_false(is_told(key, 0));
	assert_int_equal(bed.node->spread->publish.next_sequence, next);
	observe_key(bed.node, SLOT_NS + TICK_NS, SLOT_NS + TICK_NS, key, 62);
	run_until(SLOT_NS + TICK_NS, 2 * SLOT_NS);
	assert_true(is_told(key, 1));
	assert_true(bed.node->spread->publish.next_sequence - next >= SLOT_NS / TICK_NS);
}

/* ---- what is told late, at a receiver ---- */

/* Packets of the key in the recent ticks up to the one that ends at `ns`. */
static uint64_t recent_of(struct key key, int64_t from_ns, int64_t to_ns)
{
	const struct entry *entry =
		&bed.node->count->ledger.entries[ledger_find(&bed.node->count->ledger, &key)];

	return recent_sum(&entry->recent, mesh_tick_ended(&bed.node->mesh, at(from_ns).mesh),
			  mesh_tick_ended(&bed.node->mesh, at(to_ns).mesh));
}

/* Of 20 packets in two seconds none is a burst. The count is whole at once. */
static void told_late_is_no_burst(void)
{
	const struct key key = pair_numbered(false, 1, 1);
	const uint64_t tick = mesh_tick_ended(&bed.node->mesh, at(2 * NS_PER_S).mesh);
	const struct cell late = { .key = key, .slot = bed.slot, .last = 127, .packets = 20 },
			  grown = { .key = key, .slot = bed.slot, .last = 140, .packets = 26 };
	struct key_view view;

	run_until(TICK_NS, 2 * NS_PER_S);
	assert_int_equal(receive_cell(bed.node, bed.origin, &late, tick - 1, tick), REJECT_NONE);
	assert_int_equal(recent_of(key, 2 * NS_PER_S - TICK_NS, 2 * NS_PER_S), 2);
	assert_int_equal(recent_of(key, 2 * NS_PER_S - 5 * TICK_NS, 2 * NS_PER_S), 10);
	assert_true(node_find_key(bed.node, at(2 * NS_PER_S), &key, &view));
	assert_int_equal(view.count, 20);
	/* from then on its packets are those of their tick */
	assert_int_equal(receive_cell(bed.node, bed.origin, &grown, tick, tick + 1), REJECT_NONE);
	assert_int_equal(recent_of(key, 2 * NS_PER_S, 2 * NS_PER_S + TICK_NS), 6);
}

static void a_cell_told_late_is_no_burst(void **state)
{
	(void)state;
	told_late_is_no_burst();
}

static void nor_is_it_to_a_member_that_tells_everything(void **state)
{
	(void)state;
	bed.node->config.publish = PUBLISH_ALL;
	told_late_is_no_burst();
}

/* Counted in this tick alone, or told from its first packet on by rule c: a burst is one. */
static void a_cell_told_at_once_counts_in_its_tick(void **state)
{
	const struct key key = pair_numbered(false, 1, 1), followed = pair_numbered(false, 2, 1);
	const int64_t ns = SLOT_NS + NS_PER_S;
	const uint64_t tick = mesh_tick_ended(&bed.node->mesh, at(ns).mesh);
	const struct cell burst = { .key = key, .slot = bed.slot + 1, .first = 60, .last = 63, .packets = 90 },
			  again = { .key = followed, .slot = bed.slot + 1, .first = 0, .last = 63, .packets = 90 };

	(void)state;
	other_tells(SLOT_NS - TICK_NS, 0, followed, 100);
	run_until(TICK_NS, ns);
	assert_int_equal(receive_cell(bed.node, bed.origin, &burst, tick - 1, tick), REJECT_NONE);
	assert_int_equal(receive_cell(bed.node, bed.origin, &again, tick - 1, tick), REJECT_NONE);
	assert_int_equal(recent_of(key, ns - TICK_NS, ns), 90);
	assert_int_equal(recent_of(followed, ns - TICK_NS, ns), 90);
}

/* ---- starts of a daemon ---- */

/*
 * A daemon starts again with the same table. Its cell would not call now: it draws anew. But a frame of its earlier
 * start comes back, so the cell is told, with what was counted since.
 */
static void what_an_earlier_start_told_is_told_again(void **state)
{
	const struct key key = pair_numbered(false, 1, 1);
	const uint64_t packets = calls_from(key, 0, PAIR_RATE, 2);
	struct node *before = bed.node;
	uint64_t first = before->spread->publish.next_sequence, end;

	(void)state;
	observe_key(before, TICK_NS, TICK_NS, key, packets);
	turn(before, TICK_NS);
	end = before->spread->publish.next_sequence;
	bed_make(NULL);
	bed.node->config.boot = 2;
	bed.node->spread->publish.next_sequence = 2ULL << SEQUENCE_BOOT_SHIFT | 1;
	while (calls_from(key, 0, PAIR_RATE, 2) <= packets + 1)
		bed.node->spread->need.secret[0]++;
	observe_key(bed.node, 2 * TICK_NS, 2 * TICK_NS, key, packets + 1);
	turn(bed.node, 2 * TICK_NS);
	assert_false(is_told(key, 0));
	for (; first < end; first++) {
		const struct stored *stored =
			store_find(&before->spread->store, before->id, before->config.incarnation, first);
		const struct arrival arrival = { .now = at(3 * TICK_NS),
						 .arrived = at(3 * TICK_NS),
						 .member = bed.member,
						 .bytes = stored->frame,
						 .size = stored->size };

		assert_int_equal(frame_receive_served(bed.node, &arrival), REJECT_NONE);
	}
	assert_true(is_told(key, 0));
	first = bed.node->spread->publish.next_sequence;
	turn(bed.node, 3 * TICK_NS);
	assert_int_equal(published_of(first, FRAME_TICK, key, 0), packets + 1);
	free(before);
}

/* ---- meshes ---- */

static struct world *world_of(unsigned int nodes, enum publish publish)
{
	const struct world_options options = {
		.nodes = nodes, .seed = 5, .delay_ms = 10, .thresholds = world_thresholds, .publish = publish
	};
	struct world *world = world_make(&options);

	world_run(world, 3);
	return world;
}

/* What a daemon told before it was killed is told after it, and sums are never below what was told. */
static void what_was_told_before_a_start_is_told_after_it(void **state)
{
	struct world *world = world_of(3, PUBLISH_NEED);
	const struct key loud = world_key(1, 1), quiet = world_key(2, 1);
	uint64_t before;

	(void)state;
	world_run(world, 1.4); /* a slot has just begun */
	for (unsigned int i = 0; i < 90; i++)
		world_packet(world, 0, &loud);
	for (unsigned int i = 0; i < 3; i++)
		world_packet(world, 0, &quiet);
	world_run(world, 1);
	before = packets_at(world, 1, &loud);
	assert_int_equal(before, 90);
	assert_int_equal(packets_at(world, 1, &quiet), 0);
	world_restart(world, 0);
	for (unsigned int i = 0; i < 5; i++)
		world_packet(world, 0, &loud);
	world_run(world, 3);
	for (unsigned int n = 0; n < 3; n++)
		assert_int_equal(packets_at(world, n, &loud), before + 5);
	assert_true(ledgers_equal(world, 3));
	world_free(world);
}

/* 32,000 bytes a tick. What is left is not kept, what was too much is lacking; a debt is paid before the next frame. */
static void a_tick_lacks_what_the_one_before_sent_too_much(void **state)
{
	static const struct {
		size_t spent; /* in the tick */
		uint32_t before, after; /* quarters of frames of 1232 bytes, to one neighbour */
	} rows[] = {
		/* 0 */ { 0, 103, 103 },
		/* 1: nothing was kept */ { 16000, 103, 51 },
		/* 2: half a frame too much */ { 32616, 103, 0 },
		/* 3 */ { 100000, 101, 0 },
		/* 4: two ticks' worth is owed */ { 0, 0, 0 },
		/* 5 */ { 0, 0, 0 },
		/* 6 */ { 0, 88, 88 },
		/* 7 */ { 0, 103, 103 },
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		uint32_t before;

		budget_renew(bed.node);
		before = budget_quarters(bed.node, at(0));
		budget_spend(bed.node, at(0), rows[i].spent);
		if (before != rows[i].before || budget_quarters(bed.node, at(0)) != rows[i].after)
			fail_msg("row %zu: %u quarters, then %u", i, before, budget_quarters(bed.node, at(0)));
	}
}

#define CROWD 1500

/*
 * The most that a node sends in a second, while each of so many clients calls at six nodes of eight. *ret_waiting: the
 * most keys that waited.
 */
static uint64_t crowd_bytes(struct world *world, uint64_t *ret_waiting)
{
	struct node_counters counters;
	uint64_t sent[8][6] = { { 0 } }, most = 0; /* after each of the last five ticks */

	*ret_waiting = 0;
	for (unsigned int tick = 0; tick < 15; tick++) {
		for (unsigned int i = 0; i < CROWD * 6; i++) {
			const struct key key = world_key(1 + i / 6, 1);

			world_packet(world, i % 8, &key);
		}
		world_run(world, 0.2);
		for (unsigned int n = 0; n < 8; n++) {
			node_read_counters(world_node(world, n), &counters);
			memmove(sent[n], sent[n] + 1, 5 * sizeof(sent[n][0]));
			sent[n][5] = counters.bytes_sent;
			if (tick >= 5 && sent[n][5] - sent[n][0] > most)
				most = sent[n][5] - sent[n][0];
			if (counters.cells_waiting > *ret_waiting)
				*ret_waiting = counters.cells_waiting;
		}
	}
	return most;
}

/* 1,500 clients call at once at 8 members. At most 200 kB are sent in any second, and all is told in the end. */
static void an_onset_costs_no_more_than_the_budget(void **state)
{
	struct world *world = world_of(8, PUBLISH_NEED);
	uint64_t waiting;
	const uint64_t bytes = crowd_bytes(world, &waiting);

	(void)state;
	print_message("# the most a member sends in a second: %llu bytes, while up to %llu keys wait\n",
		      (unsigned long long)bytes, (unsigned long long)waiting);
	assert_true(waiting > CROWD / 2); /* or there was nothing to bound */
	assert_in_range(bytes, 120000, 170000); /* 160,000 of frames, and digests */
	world_run(world, 15);
	assert_true(ledgers_equal(world, 8));
	world_free(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(states_of_slots_do_not_touch_each_other),
		ON_BED(a_state_goes_with_its_cell),
		ON_BED(untold_cells_alone_give_no_sign_of_life),
		ON_BED(a_cell_told_late_is_no_burst),
		ON_BED(nor_is_it_to_a_member_that_tells_everything),
		ON_BED(a_cell_told_at_once_counts_in_its_tick),
		ON_BED(what_an_earlier_start_told_is_told_again),
		cmocka_unit_test(what_was_told_before_a_start_is_told_after_it),
		ON_BED(a_tick_lacks_what_the_one_before_sent_too_much),
		cmocka_unit_test(an_onset_costs_no_more_than_the_budget),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
