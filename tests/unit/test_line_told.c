/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a member's cells come to after a pause, while a key is this proxy's own, and what is told of who counted it. */
#include "line_bed.h"

/* A frame comes before the first tick after the pause, and so before anything is forgotten. */
static void time_passes(uint64_t slots)
{
	bed.now.mesh.ns += (int64_t)slots * mesh_slot_length(&bed.config.mesh).ns;
	bed.now.mono.ns += (int64_t)slots * mesh_slot_length(&bed.config.mesh).ns;
	ledger_advance(&bed.node->count->ledger, slot_oldest(mesh_slot_at(&bed.config.mesh, bed.now.mesh)));
}

static void forget(const struct key *key)
{
	struct ledger *ledger = &bed.node->count->ledger;
	const uint32_t number = ledger_find(ledger, key);

	if (number != INDEX_NONE)
		ledger_forget(ledger, number, slot_oldest(mesh_slot_at(&bed.config.mesh, bed.now.mesh)));
}

/* Cells from before a pause are not gone yet when the first ones after it come. They are in no sum of the new slots. */
static void a_pause_adds_no_old_slot_to_a_new_one(void **state)
{
	static const uint64_t pauses[] = { SLOTS_SPAN, LINE_SLOTS - 1, LINE_SLOTS, LINE_SLOTS + 1, 2 * LINE_SLOTS,
					   PAUSE_SLOTS - LINE_SLOTS, PAUSE_SLOTS, PAUSE_SLOTS + LINE_SLOTS };

	(void)state;
	for (uint8_t i = 0; i < ROWS(pauses); i++) {
		const struct key before = key_of((uint8_t)(2 * i)), after = key_of((uint8_t)(2 * i + 1));

		tell(7, &before, LINE_PACKETS - 10);
		time_passes(pauses[i]);
		tell(7, &after, LINE_PACKETS - 10);
		assert_int_equal(view_of((uint8_t)(2 * i + 1)).count, LINE_PACKETS - 10);
		assert_int_equal(times_told(), 0);
		forget(&before);
		tell(7, &after, LINE_PACKETS); /* nothing was taken off for the old cell */
		assert_int_equal(times_told(), 0);
		tell(7, &after, LINE_PACKETS + 1);
		assert_int_equal(times_told(), 1);
		time_passes(LINE_QUIET_SLOTS + 1);
		node_tick(bed.node, bed.now);
	}
}

/* Once this proxy's own cells of a key are forgotten, the key rests on the other's word again. */
static void a_key_is_own_while_there_are_own_cells(void **state)
{
	const struct key key = key_of(1);
	const struct ledger *ledger = &bed.node->count->ledger;
	const uint64_t slot = mesh_slot_at(&bed.config.mesh, bed.now.mesh);

	(void)state;
	tell(7, &key, 10);
	assert_true(node_observe(bed.node, bed.now, &key, slot, bed.now.mesh, bed.now.mesh, 5));
	for (unsigned int slots = 0; slots <= SLOTS_HELD; slots++) {
		const struct entry *entry = &ledger->entries[ledger_find(ledger, &key)];

		assert_true(entry->flags & ENTRY_SHARED);
		assert_int_equal((entry->flags & ENTRY_OWN) != 0, slots < SLOTS_HELD);
		next_slot();
		tell(7, &key, 10);
		forget(&key);
	}
}

static void judge_all(void)
{
	struct change change;

	while (node_next_change(bed.node, bed.now, &change))
		;
}

static struct node_event over_event(enum node_event_kind kind)
{
	struct node_event event;

	while (node_next_event(bed.node, &event)) {
		if (event.kind == kind)
			return event;
	}
	fail_msg("no event of kind %d", (int)kind);
	return event;
}

/* Whose word an over-rate event rests on, by what each member's cells are read as. */
static void an_event_of_a_key_over_its_rate_says_who_counted_it(void **state)
{
	static const struct {
		uint64_t own, told;
		double part[2]; /* of the announcer, of this node */
	} rows[] = {
		/* 0 */ { 0, 150, { 1, 0 } },
		/* 1 */ { 50, 150, { 0.75, 0.25 } },
		/* 2 */ { 600, 1ULL << 31, { 0.25, 0.75 } }, /* read as LINE_PACKETS */
		/* 3 */ { 150, 0, { 0, 1 } },
	};
	const uint64_t slot = mesh_slot_at(&bed.config.mesh, bed.now.mesh);

	(void)state;
	for (uint8_t i = 0; i < ROWS(rows); i++) {
		const struct key key = key_of(i);
		struct node_event event;
		unsigned int counters = 0;

		bed_free(NULL);
		bed_make(NULL);
		if (rows[i].told)
			tell(7, &key, rows[i].told);
		if (rows[i].own)
			assert_true(node_observe(bed.node, bed.now, &key, slot, bed.now.mesh, bed.now.mesh,
						 rows[i].own));
		judge_all();
		event = over_event(EVENT_PAIR_OVER);
		assert_string_equal(event.member, "");
		for (; counters < EVENT_COUNTERS && event.counters[counters].part > 0; counters++) {
			const bool told = strcmp(event.counters[counters].name, bed.announcer.name) == 0;

			assert_true(fabs(event.counters[counters].part - rows[i].part[told ? 0 : 1]) < 0.001);
			assert_true(counters == 0 ||
				    event.counters[counters].part <= event.counters[counters - 1].part);
		}
		assert_int_equal(counters, (rows[i].own != 0) + (rows[i].told != 0));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_pause_adds_no_old_slot_to_a_new_one),
		TEST(a_key_is_own_while_there_are_own_cells),
		TEST(an_event_of_a_key_over_its_rate_says_who_counted_it),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
