// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The memory of a day: how long, how many, whose note gives way; and what the core makes of it. */
#include "need_bed.h"

#include "memory.h"

#define NOTES 256
#define MINUTE 30000000

static struct memory memory_make(void)
{
	static uint8_t tags[NOTES];
	struct memory memory = { .sets = NOTES / NOTES_A_SET,
				 .notes = calloc(NOTES, sizeof(struct note)),
				 .tags = tags };

	assert_non_null(memory.notes);
	memory_start(&memory, 7);
	return memory;
}

static void a_note_is_kept_for_a_day(void **state)
{
	const struct key key = pair_numbered(false, 1, 1), other = pair_numbered(false, 1, 2);
	struct memory memory = memory_make();

	(void)state;
	assert_null(memory_find(&memory, &key, MINUTE));
	memory_note(&memory, &key, MINUTE, MINUTE, false);
	assert_non_null(memory_find(&memory, &key, MINUTE));
	assert_null(memory_find(&memory, &other, MINUTE));
	assert_non_null(memory_find(&memory, &key, MINUTE + NOTE_MINUTES - 1));
	assert_null(memory_find(&memory, &key, MINUTE + NOTE_MINUTES));
	memory_note(&memory, &key, MINUTE + 5, MINUTE + 5, false);
	assert_non_null(memory_find(&memory, &key, MINUTE + NOTE_MINUTES + 4));
	assert_non_null(memory_find(&memory, &key, MINUTE - 60)); /* the clock was set back */
	free(memory.notes);
}

/* A clock that was years ahead leaves notes that hold for nothing, and take nobody's place. */
static void notes_of_the_far_future_give_way(void **state)
{
	const uint32_t ahead = MINUTE + 2 * NOTE_MINUTES;
	struct memory memory = memory_make();
	unsigned int held = 0;

	(void)state;
	for (uint32_t destination = 1; destination <= NOTES_A_SET; destination++) {
		const struct key key = pair_numbered(false, 1, destination);

		memory_note(&memory, &key, ahead, ahead, true);
		assert_null(memory_find(&memory, &key, MINUTE));
	}
	for (uint32_t destination = 101; destination <= 100 + NOTES_A_SET; destination++) {
		const struct key key = pair_numbered(false, 1, destination);

		memory_note(&memory, &key, MINUTE, MINUTE, true);
	}
	for (uint32_t destination = 101; destination <= 100 + NOTES_A_SET; destination++) {
		const struct key key = pair_numbered(false, 1, destination);

		held += memory_find(&memory, &key, MINUTE) != NULL;
	}
	assert_int_equal(held, NOTES_A_SET);
	free(memory.notes);
}

static void that_one_was_of_tcp_is_kept_for_as_long(void **state)
{
	const struct key key = pair_numbered(false, 1, 1);
	const uint32_t next = MINUTE + 1 + NOTE_MINUTES;
	struct memory memory = memory_make();

	(void)state;
	memory_note(&memory, &key, MINUTE, MINUTE, true);
	memory_note(&memory, &key, MINUTE + 1, MINUTE + 1, false);
	assert_true(memory_find(&memory, &key, MINUTE + 1)->tcp);
	memory_note(&memory, &key, next, next, false); /* the day is over: it begins anew */
	assert_false(memory_find(&memory, &key, next)->tcp);
	free(memory.notes);
}

/* A client that is answered by everybody displaces its own notes; of the others at least those of other sets stay. */
static void one_client_takes_one_set_at_most(void **state)
{
	struct memory memory = memory_make();
	unsigned int others = 0, own = 0;

	(void)state;
	for (uint32_t client = 2; client < 102; client++) {
		const struct key key = pair_numbered(false, client, 1);

		memory_note(&memory, &key, MINUTE, MINUTE, true);
	}
	for (uint32_t destination = 1; destination <= 10000; destination++) {
		const struct key key = pair_numbered(false, 1, destination);

		memory_note(&memory, &key, MINUTE + 1, MINUTE + 1, true);
		assert_non_null(memory_find(&memory, &key, MINUTE + 1));
	}
	for (uint32_t destination = 1; destination <= 10000; destination++) {
		const struct key key = pair_numbered(false, 1, destination);

		own += memory_find(&memory, &key, MINUTE + 1) != NULL;
	}
	for (uint32_t client = 2; client < 102; client++) {
		const struct key key = pair_numbered(false, client, 1);

		others += memory_find(&memory, &key, MINUTE + 1) != NULL;
	}
	assert_int_equal(own, NOTES_A_SET);
	assert_true(others >= 100 - NOTES_A_SET);
	free(memory.notes);
}

static void the_oldest_gives_way(void **state)
{
	struct memory memory = memory_make();

	(void)state;
	for (uint32_t i = 1; i <= NOTES_A_SET + 1; i++) {
		const struct key key = pair_numbered(false, 1, i);

		memory_note(&memory, &key, MINUTE + i, MINUTE + i, false);
	}
	for (uint32_t i = 1; i <= NOTES_A_SET + 1; i++) {
		const struct key key = pair_numbered(false, 1, i);

		assert_int_equal(memory_find(&memory, &key, MINUTE + 20) != NULL, i > 1);
	}
	free(memory.notes);
}

static void without_room_nothing_is_remembered(void **state)
{
	const struct key key = pair_numbered(false, 1, 1);
	struct memory none = { .sets = 0 };

	(void)state;
	memory_note(&none, &key, MINUTE, MINUTE, true);
	assert_null(memory_find(&none, &key, MINUTE));
}

/* ---- the core ---- */

static void what_is_remembered_is_listed_and_taken_again(void **state)
{
	const struct key key = pair_numbered(false, 1, 1), client = key_of_client(&key.client);
	struct answered_view view;
	struct note_view note;
	uint32_t cursor = 0, minute;

	(void)state;
	bed.node->count->memory = memory_make();
	assert_false(node_answered(bed.node, &key, &view));
	node_remember(bed.node, &key, 0, true);
	node_remember(bed.node, &client, 0, true); /* no pair */
	assert_true(node_answered(bed.node, &key, &view));
	assert_true(view.remembered && view.remembered_tcp && view.answers == 0);
	assert_true(node_next_note(bed.node, &cursor, &note));
	assert_true(key_equal(&note.key, &key) && note.tcp);
	minute = note.minute;
	assert_false(node_next_note(bed.node, &cursor, &note));
	memory_start(&bed.node->count->memory, 9); /* another start, another seed */
	assert_false(node_answered(bed.node, &key, &view));
	node_remember(bed.node, &key, minute, true);
	assert_true(node_answered(bed.node, &key, &view));
	node_remember(bed.node, &key, minute - NOTE_MINUTES, true); /* an older word takes nothing */
	assert_true(node_answered(bed.node, &key, &view));
	free(bed.node->count->memory.notes);
}

/* A pair has no more answers than packets, however many are said. */
static void answers_are_no_more_than_packets(void **state)
{
	const struct key key = pair_numbered(false, 1, 1);
	struct answered_view view;

	(void)state;
	observe_key(bed.node, TICK_NS, TICK_NS, key, 5);
	other_tells(TICK_NS, 0, key, 2);
	assert_false(node_answered(bed.node, &key, &view));
	assert_true(node_observe_answers(bed.node, at(TICK_NS), &key, bed.slot, 4, true));
	assert_true(node_answered(bed.node, &key, &view));
	assert_int_equal(view.answers, 4);
	assert_int_equal(view.own, 4);
	assert_true(node_observe_answers(bed.node, at(TICK_NS), &key, bed.slot, 100, false));
	assert_true(node_answered(bed.node, &key, &view));
	assert_int_equal(view.answers, 7);
	assert_int_equal(view.own, 104);
	assert_true(view.tcp);
	assert_true(node_observe_answers(bed.node, at(TICK_NS), &key, bed.slot, UINT32_MAX, false));
	assert_true(node_answered(bed.node, &key, &view));
	assert_int_equal(view.own, UINT32_MAX / 2);
}

/* Those told here, and those that another member counts. */
static void called_pairs_are_found(void **state)
{
	const struct key quiet = pair_numbered(false, 1, 1), loud = pair_numbered(false, 2, 1),
			 others = pair_numbered(false, 3, 1);
	uint32_t cursor = 0, work = 1000;
	bool found_loud = false, found_others = false;
	struct key key;

	(void)state;
	observe_key(bed.node, TICK_NS, TICK_NS, quiet, 1);
	observe_key(bed.node, TICK_NS, TICK_NS, loud, 62);
	other_tells(TICK_NS, 0, others, 60);
	while (node_next_called(bed.node, &cursor, &work, &key)) {
		assert_false(key_equal(&key, &quiet));
		found_loud |= key_equal(&key, &loud);
		found_others |= key_equal(&key, &others);
	}
	assert_true(found_loud && found_others);
	assert_int_equal(cursor, node_keys_high(bed.node));
	cursor = 0;
	work = 1;
	while (node_next_called(bed.node, &cursor, &work, &key))
		;
	assert_int_equal(cursor, 1);
}

static double past_of_pair(struct key key, double steady)
{
	const struct past_window window = { .oldest = bed.slot, .last = 0, .steady = steady };
	const struct ledger *ledger = &bed.node->count->ledger;

	return answered_past(bed.node, &ledger->entries[ledger_find(ledger, &key)], &window);
}

/* Answers per second since the slot began, at least a second; those of UDP up to the level of steady strangers. */
static void answers_earn_a_past(void **state)
{
	const struct key tcp = pair_numbered(false, 1, 1), udp = pair_numbered(false, 2, 1),
			 none = pair_numbered(false, 3, 1), remembered = pair_numbered(false, 4, 1);

	(void)state;
	bed.node->count->memory = memory_make();
	observe_key(bed.node, TICK_NS, TICK_NS, tcp, 100);
	observe_key(bed.node, TICK_NS, TICK_NS, udp, 100);
	observe_key(bed.node, TICK_NS, TICK_NS, none, 100);
	observe_key(bed.node, TICK_NS, TICK_NS, remembered, 100);
	assert_true(node_observe_answers(bed.node, at(TICK_NS), &tcp, bed.slot, 40, true));
	assert_true(node_observe_answers(bed.node, at(TICK_NS), &udp, bed.slot, 40, false));
	run_until(TICK_NS, 2 * NS_PER_S);
	assert_float_equal(past_of_pair(tcp, 3), 20, 0.001);
	assert_float_equal(past_of_pair(tcp, INFINITY), 20, 0.001);
	assert_float_equal(past_of_pair(udp, 3), 3, 0.001);
	assert_float_equal(past_of_pair(udp, 50), 20, 0.001);
	assert_float_equal(past_of_pair(udp, INFINITY), REMEMBERED_RATE, 0.001);
	assert_float_equal(past_of_pair(none, 3), 0, 0);
	assert_float_equal(past_of_pair(remembered, 3), 0, 0);
	node_remember(bed.node, &remembered, 0, false);
	assert_float_equal(past_of_pair(remembered, 3), REMEMBERED_RATE, 0.001);
	free(bed.node->count->memory.notes);
}

/*
 * A member that invents answers to a stranger's pair makes it known by no more than the packets that were counted: a
 * million answers to ten packets are ten.
 */
static void invented_answers_earn_no_more_than_packets(void **state)
{
	const struct key key = pair_numbered(false, 1, 1);
	const uint64_t tick = mesh_tick_ended(&bed.node->mesh, at(TICK_NS).mesh);
	const struct cell lie = { .key = key, .slot = bed.slot, .extras = { answers_word(1000000, true) } };

	(void)state;
	observe_key(bed.node, TICK_NS, TICK_NS, key, 10);
	assert_int_equal(receive_cell(bed.node, bed.origin, &lie, tick - 1, tick), REJECT_NONE);
	run_until(TICK_NS, NS_PER_S);
	assert_float_equal(past_of_pair(key, 3), 10, 0.001);
	bed.node->count->excluded[bed.origin] = true; /* quarantined, or revoked */
	assert_float_equal(past_of_pair(key, 3), 0, 0);
}

static int start(void **state)
{
	(void)state;
	return sodium_init() < 0 ? -1 : 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_note_is_kept_for_a_day),
		cmocka_unit_test(notes_of_the_far_future_give_way),
		cmocka_unit_test(that_one_was_of_tcp_is_kept_for_as_long),
		cmocka_unit_test(one_client_takes_one_set_at_most),
		cmocka_unit_test(the_oldest_gives_way),
		cmocka_unit_test(without_room_nothing_is_remembered),
		ON_BED(what_is_remembered_is_listed_and_taken_again),
		ON_BED(answers_are_no_more_than_packets),
		ON_BED(called_pairs_are_found),
		ON_BED(answers_earn_a_past),
		ON_BED(invented_answers_earn_no_more_than_packets),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
