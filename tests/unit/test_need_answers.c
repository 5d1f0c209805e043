// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Answers are told with their pair: they call for nothing, and nothing calls for them but packets. */
#include "need_bed.h"

/* What the frames published since say of the pair in a slot; the last that was said. */
static struct cell said_of(uint64_t since, struct key key, uint64_t slot)
{
	struct published published = { .node = bed.node, .next = since };
	struct cell cell, said = { .packets = 0 };

	while (published_next(&published, &cell)) {
		if (key_equal(&cell.key, &key) && cell.slot == bed.slot + slot)
			said = cell;
	}
	return said;
}

static void answered(int64_t ns, struct key key, uint64_t slot, uint32_t answers)
{
	assert_true(node_observe_answers(bed.node, at(ns), &key, bed.slot + slot, answers, true));
}

/* The other member's answers, without packets. */
static void other_tells_answers(int64_t ns, uint64_t slot, struct key key, uint32_t answers)
{
	const uint64_t tick = mesh_tick_ended(&bed.node->mesh, at(ns).mesh);
	const struct cell cell = { .key = key, .slot = bed.slot + slot, .extras = { answers_word(answers, false) } };

	assert_int_equal(receive_cell(bed.node, bed.origin, &cell, tick - 1, tick), REJECT_NONE);
}

static struct answers answers_of(struct key key, uint64_t slot)
{
	const struct ledger *ledger = &bed.node->count->ledger;

	return ledger_answers(ledger, &ledger->entries[ledger_find(ledger, &key)], bed.slot + slot,
			      bed.node->count->excluded);
}

static void a_called_pairs_answers_are_in_its_cell(void **state)
{
	const struct key key = pair_numbered(false, 1, 1);
	const uint64_t since = bed.node->spread->publish.next_sequence;
	struct cell said;

	(void)state;
	observe_key(bed.node, TICK_NS, TICK_NS, key, 62);
	answered(TICK_NS, key, 0, 5);
	turn(bed.node, TICK_NS);
	said = said_of(since, key, 0);
	assert_int_equal(said.packets, 62);
	assert_int_equal(said.extras[EXTRA_ANSWERS], answers_word(5, true));
}

/* More answers, and no packet more: they are told, as the cell is, and once more when its slot is closed. */
static void a_told_cell_is_published_when_its_answers_grow(void **state)
{
	const struct key key = pair_numbered(false, 1, 1);
	uint64_t since;

	(void)state;
	observe_key(bed.node, TICK_NS, TICK_NS, key, 62);
	turn(bed.node, TICK_NS);
	since = bed.node->spread->publish.next_sequence;
	answered(2 * TICK_NS, key, 0, 7);
	turn(bed.node, 2 * TICK_NS);
	assert_int_equal(said_of(since, key, 0).packets, 62);
	assert_int_equal(said_of(since, key, 0).extras[EXTRA_ANSWERS], answers_word(7, true));
	since = bed.node->spread->publish.next_sequence;
	run_until(3 * TICK_NS, 2 * SLOT_NS);
	assert_int_equal(said_of(since, key, 0).extras[EXTRA_ANSWERS], answers_word(7, true));
}

static void answers_do_not_call(void **state)
{
	const struct key key = pair_numbered(false, 1, 1);
	const uint64_t since = bed.node->spread->publish.next_sequence;

	(void)state;
	observe_key(bed.node, TICK_NS, TICK_NS, key, 12);
	answered(TICK_NS, key, 0, 1000000);
	assert_false(is_told(key, 0));
	run_until(TICK_NS, 2 * SLOT_NS);
	assert_int_equal(said_of(since, key, 0).packets, 0);
}

/* Answers alone are told when another member's packets call for the pair, whether they come before or after. */
static void answers_alone_are_told_when_another_member_calls(void **state)
{
	(void)state;
	for (unsigned int first = 0; first < 2; first++) {
		const struct key key = pair_numbered(false, 1, 1);
		uint64_t since;
		struct cell said;

		bed_free(NULL);
		bed_make(NULL);
		if (first == 0) {
			other_tells_answers(TICK_NS, 0, key, 1); /* so that the pair is held */
			answered(TICK_NS, key, 0, 9);
			assert_false(is_told(key, 0));
		}
		since = bed.node->spread->publish.next_sequence;
		other_tells(TICK_NS, 0, key, 60);
		if (first == 1)
			answered(TICK_NS, key, 0, 9);
		assert_true(is_told(key, 0));
		node_turn(bed.node, at(TICK_NS));
		turn(bed.node, 2 * TICK_NS);
		said = said_of(since, key, 0);
		assert_int_equal(said.packets, 0);
		assert_int_equal(said.extras[EXTRA_ANSWERS], answers_word(9, true));
		assert_true(said.first == 0 && said.last == 0);
	}
}

/* What a member says of answers alone is nobody's call, and makes it no origin of the pair's. */
static void another_members_answers_alone_call_for_nothing(void **state)
{
	const struct key key = pair_numbered(false, 1, 1);
	const struct entry *entry;
	struct key_view view;

	(void)state;
	observe_key(bed.node, TICK_NS, TICK_NS, key, 3);
	other_tells_answers(TICK_NS, 0, key, 1000);
	other_tells_answers(TICK_NS, 1, key, 1000);
	run_until(TICK_NS, 3 * TICK_NS);
	assert_false(is_told(key, 0));
	entry = &bed.node->count->ledger.entries[ledger_find(&bed.node->count->ledger, &key)];
	assert_false(entry->flags & (ENTRY_SHARED | ENTRY_FLOOR));
	assert_true(node_find_key(bed.node, at(3 * TICK_NS), &key, &view));
	assert_int_equal(view.origins, 1);
	assert_int_equal(view.count, 3);
	assert_int_equal(answers_of(key, 0).count, 2000); /* and they count like any others */
}

/* An origin of answers alone: no packets, no M, no record made for them. */
static void a_pair_of_answers_alone_has_no_m(void **state)
{
	const struct key key = pair_numbered(false, 1, 1);
	struct key_view view;

	(void)state;
	other_tells_answers(TICK_NS, 0, key, 1000);
	run_until(TICK_NS, 3 * TICK_NS);
	assert_true(node_find_key(bed.node, at(3 * TICK_NS), &key, &view));
	assert_int_equal(view.count, 0);
	assert_int_equal(view.origins, 0);
	assert_false(view.over);
	assert_int_equal(answers_of(key, 0).count, 1000);
	run_until(4 * TICK_NS, (SLOTS_HELD + 2) * SLOT_NS);
	assert_int_equal(ledger_find(&bed.node->count->ledger, &key), INDEX_NONE); /* it is forgotten like any other */
}

/* No answer makes an entry: the pair must be there. Nor does a slot that is not held take any. */
static void answers_to_a_pair_of_which_nothing_is_held_are_not_taken(void **state)
{
	const struct key key = pair_numbered(false, 1, 1), client = key_of_client(&key.client);

	(void)state;
	assert_false(node_observe_answers(bed.node, at(TICK_NS), &key, bed.slot, 1, true));
	assert_int_equal(ledger_find(&bed.node->count->ledger, &key), INDEX_NONE);
	observe_key(bed.node, TICK_NS, TICK_NS, key, 1);
	assert_false(node_observe_answers(bed.node, at(TICK_NS), &key, bed.slot - SLOTS_HELD, 1, true));
	assert_false(node_observe_answers(bed.node, at(TICK_NS), &key, bed.slot + 2, 1, true));
	assert_true(node_observe_answers(bed.node, at(TICK_NS), &key, bed.slot, 1, true));
	assert_false(node_observe_contacts(bed.node, at(TICK_NS), &client, bed.slot, 1, 1));
}

/* A client's contacts are told with its cell. */
static void a_clients_contacts_are_in_its_cell(void **state)
{
	const struct key pair = pair_numbered(false, 1, 1), key = key_of_client(&pair.client);
	const uint64_t since = bed.node->spread->publish.next_sequence;
	struct cell said;

	(void)state;
	observe_key(bed.node, TICK_NS, TICK_NS, key, 5);
	assert_true(node_observe_contacts(bed.node, at(TICK_NS), &key, bed.slot, 3, 4));
	assert_false(is_told(key, 0));
	other_tells(TICK_NS, 0, key, 60);
	node_turn(bed.node, at(TICK_NS));
	turn(bed.node, 2 * TICK_NS);
	said = said_of(since, key, 0);
	assert_int_equal(said.packets, 5);
	assert_int_equal(said.extras[EXTRA_CONTACTS], 3);
	assert_int_equal(said.extras[EXTRA_UNANSWERED], 4);
}

/* The digest that equal ledgers share covers answers. */
static void a_digest_knows_answers(void **state)
{
	const struct key key = pair_numbered(false, 1, 1);
	uint8_t before[HASH_BYTES], after[HASH_BYTES];

	(void)state;
	other_tells(TICK_NS, 0, key, 60);
	node_digest(bed.node, before);
	other_tells_answers(TICK_NS, 0, key, 1);
	node_digest(bed.node, after);
	assert_memory_not_equal(before, after, HASH_BYTES);
}

static int start(void **state)
{
	(void)state;
	return sodium_init() < 0 ? -1 : 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_BED(a_called_pairs_answers_are_in_its_cell),
		ON_BED(a_told_cell_is_published_when_its_answers_grow),
		ON_BED(answers_do_not_call),
		ON_BED(answers_alone_are_told_when_another_member_calls),
		ON_BED(another_members_answers_alone_call_for_nothing),
		ON_BED(a_pair_of_answers_alone_has_no_m),
		ON_BED(answers_to_a_pair_of_which_nothing_is_held_are_not_taken),
		ON_BED(a_clients_contacts_are_in_its_cell),
		ON_BED(a_digest_knows_answers),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
