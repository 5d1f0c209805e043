/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a member's certified line can carry bounds what its counts are read as, and nothing of what is kept. */
#include "line_bed.h"

static void a_claim_beyond_the_line_is_read_as_what_the_line_carries(void **state)
{
	static const struct {
		uint64_t claim, read;
		bool over;
	} rows[] = {
		/* 0 */ { LINE_PACKETS - 1, LINE_PACKETS - 1, false },
		/* 1 */ { LINE_PACKETS, LINE_PACKETS, false },
		/* 2 */ { LINE_PACKETS + 1, LINE_PACKETS, true },
		/* 3 */ { 1ULL << 31, LINE_PACKETS, true },
		/* 4 */ { UINT64_MAX, LINE_PACKETS, true },
	};

	(void)state;
	for (uint8_t i = 0; i < ROWS(rows); i++) { /* each in a slot of its own */
		const struct key key = key_of(i);
		const uint64_t before = cells_over_line();

		tell(7, &key, rows[i].claim);
		assert_int_equal(view_of(i).count, rows[i].read);
		/* the carry knows no more either */
		assert_true(view_of(i).carried + (double)rows[i].read <= 2. * LINE_PACKETS);
		assert_int_equal(cells_over_line() > before, rows[i].over);
		tell(7, &key, rows[i].claim);
		assert_int_equal(times_told(), rows[i].over);
		next_slot();
		tell(7, &key, rows[i].claim);
		assert_int_equal(times_told(), 0); /* it goes on, and was told when it began */
		for (unsigned int quiet = 0; quiet <= LINE_QUIET_SLOTS; quiet++)
			next_slot();
	}
}

static void what_was_claimed_is_kept_so_that_ledgers_agree(void **state)
{
	const struct key key = key_of(1);
	struct cell_view cell;
	uint32_t cursor = 0;

	(void)state;
	tell(7, &key, 1ULL << 31);
	assert_true(node_next_cell(bed.node, &key, &cursor, &cell));
	assert_int_equal(cell.packets, 1ULL << 31);
}

/* The announcer has counted so many answers to the pair in the running slot, and no packets. */
static void tell_answers(uint8_t client, uint32_t answers)
{
	const uint64_t tick = mesh_tick_ended(&bed.config.mesh, bed.now.mesh);
	const struct cell cell = { .key = key_of(client),
				   .slot = mesh_slot_at(&bed.config.mesh, bed.now.mesh),
				   .extras = { answers_word(answers, true) } };

	assert_int_equal(receive_cell(bed.node, origin_of(bed.node, bed.member, 7), &cell, tick - 1, tick),
			 REJECT_NONE);
}

static uint64_t answers_to(uint8_t client)
{
	const struct key key = key_of(client);
	const struct ledger *ledger = &bed.node->count->ledger;

	return ledger_answers(ledger, &ledger->entries[ledger_find(ledger, &key)],
			      mesh_slot_at(&bed.config.mesh, bed.now.mesh), bed.node->count->excluded)
		.count;
}

/* All of a member's answers of a slot are together as many as its line carries, and leave its packets what they are. */
static void answers_beyond_the_line_are_read_as_what_it_carries(void **state)
{
	const struct key key = key_of(1);

	(void)state;
	tell(7, &key, LINE_PACKETS);
	tell_answers(1, LINE_PACKETS - 10);
	tell_answers(2, 10);
	assert_int_equal(answers_to(1), LINE_PACKETS - 10);
	assert_int_equal(cells_over_line(), 0);
	tell_answers(2, 4 * LINE_PACKETS);
	assert_true(answers_to(1) < LINE_PACKETS / 4);
	assert_in_range(answers_to(1) + answers_to(2), LINE_PACKETS - 2, LINE_PACKETS);
	assert_int_equal(cells_over_line(), 1);
	assert_int_equal(times_told(), 1);
	assert_int_equal(view_of(1).count, LINE_PACKETS);
	tell_answers(1, UINT32_MAX);
	assert_in_range(answers_to(1) + answers_to(2), LINE_PACKETS - 2, LINE_PACKETS);
}

static void several_incarnations_have_one_line(void **state)
{
	const struct key key = key_of(1);

	(void)state;
	for (uint64_t incarnation = 7; incarnation > 7 - INCARNATIONS_MAX; incarnation--)
		tell(incarnation, &key, LINE_PACKETS - 10);
	assert_int_equal(view_of(1).count, LINE_PACKETS);
	bed.node->count->excluded[origin_find(bed.node, bed.member, 7)] = true;
	bed.node->count->excluded[origin_find(bed.node, bed.member, 6)] = true;
	assert_int_equal(view_of(1).count, LINE_PACKETS - 10); /* what is left out takes no part of it */
}

static void own_counts_and_other_members_are_not_cut(void **state)
{
	const struct key key = key_of(1);
	const uint64_t slot = mesh_slot_at(&bed.config.mesh, bed.now.mesh);

	(void)state;
	tell(7, &key, 1ULL << 31);
	assert_true(node_observe(bed.node, bed.now, &key, slot, bed.now.mesh, bed.now.mesh, 5000));
	assert_int_equal(view_of(1).count, LINE_PACKETS + 5000);
}

/* All its keys of one kind share the line; each counts as its part of it, rounded once. */
static void keys_share_the_line(void **state)
{
	const struct key key = key_of_destination(&(struct address){ .bytes = { [10] = 0xff, 0xff, 203, 0, 113, 9 } });
	uint64_t sum = 0;

	(void)state;
	for (uint8_t n = 0; n < 10; n++) {
		const struct key pair = key_of(n);

		tell(7, &pair, 100);
	}
	for (uint8_t n = 0; n < 10; n++) {
		assert_int_equal(view_of(n).count, 20);
		sum += view_of(n).count;
	}
	assert_int_equal(sum, LINE_PACKETS);
	tell(7, &key, LINE_PACKETS); /* the other kind has a line of its own */
	assert_int_equal(destination_view().count, LINE_PACKETS);
	assert_int_equal(view_of(1).count, 20);
	next_slot();
	const struct key again = key_of(1);

	tell(7, &again, 100); /* and so has the next slot */
	assert_int_equal(view_of(1).count, 120);
}

/* The line bounds each kind by itself: what other kinds report leaves a kind's part as it is. */
static void each_kind_has_a_line_of_its_own(void **state)
{
	const struct address host = address_of_ipv4((uint8_t[]){ 203, 0, 113, 9 }), network = network_of(&host),
			     other = address_of_ipv4((uint8_t[]){ 192, 0, 2, 0 }),
			     client = address_of_ipv4((uint8_t[]){ 198, 18, 0, 1 });
	const struct {
		struct key keys[2];
		uint64_t claims[2], read[2];
	} rows[] = {
		/* 0 */ { { key_of(1), key_of(2) }, { 100, 100 }, { 100, 100 } },
		/* 1 */ { { key_of_destination(&host), key_of_destination(&other) }, { 100, 101 }, { 99, 100 } },
		/* 2 */ { { key_of_client(&client), key_of_client(&host) }, { 300, 100 }, { 150, 50 } },
		/* 3 */ { { key_of_network(&network), key_of_network(&other) }, { 600, 200 }, { 150, 50 } },
	};

	(void)state;
	for (unsigned int i = 0; i < ROWS(rows); i++) {
		for (unsigned int k = 0; k < 2; k++)
			tell(7, &rows[i].keys[k], rows[i].claims[k]);
		/* named when it begins, with the kind it begins with, once for all kinds */
		assert_int_equal(times_told_of(KEY_DESTINATION), i == 1);
	}
	for (unsigned int i = 0; i < ROWS(rows); i++) {
		for (unsigned int k = 0; k < 2; k++) {
			struct key_view view;

			assert_true(node_find_key(bed.node, bed.now, &rows[i].keys[k], &view));
			assert_int_equal(view.count, rows[i].read[k]);
		}
	}
}

/* Whatever order they come in. */
static void the_order_does_not_matter(void **state)
{
	static const uint8_t orders[][4] = { { 0, 1, 2, 3 }, { 3, 2, 1, 0 }, { 2, 0, 3, 1 } };
	static const uint64_t claims[4] = { 7, 1000, 333, 1 }, read[4] = { 1, 149, 49, 0 };

	(void)state;
	for (unsigned int order = 0; order < ROWS(orders); order++) {
		for (unsigned int i = 0; i < 4; i++) {
			const struct key key = key_of((uint8_t)(10 * order + orders[order][i]));

			tell(7, &key, claims[orders[order][i]] / 2);
			tell(7, &key, claims[orders[order][i]]);
		}
		for (uint8_t i = 0; i < 4; i++)
			assert_int_equal(view_of((uint8_t)(10 * order + i)).count, read[i]);
		next_slot();
	}
}

/* Late cells of an older slot: what was remembered of that slot is read anew. */
static void a_late_claim_changes_what_older_slots_are_read_as(void **state)
{
	const struct key first = key_of(1), second = key_of(2);
	const uint64_t tick = mesh_tick_ended(&bed.config.mesh, bed.now.mesh);
	const struct cell late = {
		.key = second, .slot = mesh_slot_at(&bed.config.mesh, bed.now.mesh), .last = 1, .packets = 200
	};

	(void)state;
	tell(7, &first, 200);
	next_slot();
	tell(7, &first, 1);
	assert_int_equal(view_of(1).count, 201);
	assert_int_equal(receive_cell(bed.node, origin_find(bed.node, bed.member, 7), &late, tick, tick), REJECT_NONE);
	assert_int_equal(view_of(1).count, 101);
	assert_int_equal(view_of(2).count, 100);
}

static void the_sum_of_its_destinations_is_looked_at(void **state)
{
	(void)state;
	for (uint8_t n = 0; n < 4; n++) {
		const struct address destination = address_of_ipv4((uint8_t[]){ 203, 0, 113, n });
		const struct key key = key_of_destination(&destination);

		tell(7, &key, LINE_PACKETS / 4);
	}
	assert_int_equal(times_told_of(KEY_DESTINATION), 0);
	const struct address one_more = address_of_ipv4((uint8_t[]){ 203, 0, 113, 100 });
	const struct key key = key_of_destination(&one_more);

	tell(7, &key, 1);
	assert_int_equal(times_told_of(KEY_DESTINATION), 1);
}

/* Re-issued with a faster line: older slots that were summed before are summed again. */
static void a_new_certificate_moves_the_line(void **state)
{
	const struct endpoint from = { .address = address_of_ipv4((uint8_t[]){ 192, 0, 2, 2 }), .port = 7946 };
	const struct key key = key_of(1);
	uint16_t member;

	(void)state;
	tell(7, &key, 1000);
	bed.now.mesh.ns += mesh_slot_length(&bed.config.mesh).ns;
	bed.now.mono.ns += mesh_slot_length(&bed.config.mesh).ns;
	tell(7, &key, 1);
	const uint64_t before = view_of(1).count;

	bed.announcer.line_rate = 1000;
	bed.announcer.serial++;
	assert_int_equal(member_meet(bed.node, bed.now, &bed.announcer, 7, 1, &from, &member), REJECT_NONE);
	assert_true(before <= LINE_PACKETS + 1);
	assert_true(view_of(1).count > before);
}

/* The carry and a burst rest on what the recent ticks gained: over all keys of a slot no more than the line carries. */
static void all_keys_of_a_slot_gain_no_more_than_the_line(void **state)
{
	uint64_t gained = 0;

	(void)state;
	for (unsigned int round = 1; round <= 3; round++) {
		for (uint8_t client = 1; client <= 9; client++) {
			const struct key key = key_of(client);

			tell(7, &key, round * LINE_PACKETS);
		}
	}
	for (uint8_t client = 1; client <= 9; client++) {
		const struct key key = key_of(client);
		const struct ledger *ledger = &bed.node->count->ledger;
		const struct recent *recent = &ledger->entries[ledger_find(ledger, &key)].recent;

		gained += recent_sum(recent, recent->newest - RECENT_TICKS, recent->newest);
	}
	assert_int_equal(gained, LINE_PACKETS);
}

/* The cells of the newest slot are in no replay that is remembered, whatever the slot's low bits are at the start. */
static void growth_in_the_newest_slot_costs_no_replay(void **state)
{
	struct ledger *ledger = &bed.node->count->ledger;
	const struct key key = key_of(1);
	uint32_t moves;

	(void)state;
	ledger->oldest = 0;
	ledger->line_newest = 0;
	ledger_advance(ledger, 0x18001);
	assert_int_equal(ledger->line_newest, 0x8001);
	ledger->oldest = 0;
	ledger_advance(ledger, slot_oldest(bed.node->slot));
	tell(7, &key, 2 * LINE_PACKETS);
	moves = ledger->line_moves[bed.member];
	tell(7, &key, 3 * LINE_PACKETS);
	assert_int_equal(ledger->line_moves[bed.member], moves);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_claim_beyond_the_line_is_read_as_what_the_line_carries),
		TEST(what_was_claimed_is_kept_so_that_ledgers_agree),
		TEST(answers_beyond_the_line_are_read_as_what_it_carries),
		TEST(several_incarnations_have_one_line),
		TEST(own_counts_and_other_members_are_not_cut),
		TEST(keys_share_the_line),
		TEST(each_kind_has_a_line_of_its_own),
		TEST(the_order_does_not_matter),
		TEST(a_late_claim_changes_what_older_slots_are_read_as),
		TEST(the_sum_of_its_destinations_is_looked_at),
		TEST(a_new_certificate_moves_the_line),
		TEST(all_keys_of_a_slot_gain_no_more_than_the_line),
		TEST(growth_in_the_newest_slot_costs_no_replay),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
