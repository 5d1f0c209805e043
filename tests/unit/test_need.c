/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which own cells are told by need: rules a to d of PROTOCOL "Publishing", one packet below, at and above each
 * threshold, and what makes all keys be looked at again. One node and one other member, whose cells are put in as if
 * its frames had come; then meshes, for what is sent, and for starts of a daemon.
 */
#include "need_bed.h"

static void a_key_of_any_kind_is_told_from_its_draw_on(void **state)
{
	const struct address host = address_numbered(false, 10, 7), far = address_numbered(false, 11, 7);
	const struct address network = network_of(&far);
	/* the shadow limits of a client and a network: 10 x 100, 4 x 1000 */
	const struct {
		struct key key;
		double rate;
	} rows[] = {
		/* 0 */ { pair_numbered(false, 7, 7), 100 },
		/* 1 */ { pair_numbered(true, 8, 7), 100 },
		/* 2 */ { key_of_destination(&far), 1000 },
		/* 3 */ { key_of_client(&host), 1000 },
		/* 4 */ { key_of_network(&network), 4000 },
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		for (uint64_t slot = 0; slot < 2; slot++) { /* another slot, another draw */
			const uint64_t from = calls_from(rows[i].key, slot, rows[i].rate, 2);
			const int64_t ns = (int64_t)(slot * SLOT_NS) + TICK_NS;

			observe_key(bed.node, ns, ns, rows[i].key, from - 1);
			if (from > 1 && is_told(rows[i].key, slot))
				fail_msg("row %zu, slot %llu: told at %llu packets, a call is %llu", i,
					 (unsigned long long)slot, (unsigned long long)from - 1,
					 (unsigned long long)from);
			observe_key(bed.node, ns, ns, rows[i].key, from);
			if (!is_told(rows[i].key, slot))
				fail_msg("row %zu, slot %llu: not told at %llu packets", i, (unsigned long long)slot,
					 (unsigned long long)from);
		}
	}
}

/* What is told is in a frame of the very tick; what is not, in none, not even when its slot is closed. */
static void what_is_not_told_is_in_no_frame(void **state)
{
	const struct key quiet = pair_numbered(false, 1, 1), loud = pair_numbered(false, 2, 1);
	const uint64_t first = bed.node->spread->publish.next_sequence;

	(void)state;
	observe_key(bed.node, TICK_NS, TICK_NS, quiet, 12); /* a = 12 */
	observe_key(bed.node, TICK_NS, TICK_NS, loud, 62); /* a + K = 62 */
	turn(bed.node, TICK_NS);
	assert_int_equal(published_of(first, FRAME_TICK, loud, 0), 62);
	run_until(2 * TICK_NS, 2 * SLOT_NS);
	assert_int_equal(published_of(first, FRAME_CLOSING, loud, 0), 62);
	assert_int_equal(published_of(first, FRAME_TICK, quiet, 0), 0);
	assert_int_equal(published_of(first, FRAME_CLOSING, quiet, 0), 0);
	assert_int_equal(ledger_cell_of(&bed.node->count->ledger, ledger_find(&bed.node->count->ledger, &quiet), 0,
					bed.slot)
				 ->packets,
			 12); /* it counts here */
}

/* Once told a cell stays told, and each of its packets is published. */
static void a_told_cell_is_published_whenever_it_grows(void **state)
{
	const struct key key = pair_numbered(false, 1, 1);

	(void)state;
	for (uint32_t i = 0; i < 5; i++) {
		const int64_t ns = (1 + i) * TICK_NS;
		const uint64_t first = bed.node->spread->publish.next_sequence;

		observe_key(bed.node, ns, ns, key, 62 + i);
		turn(bed.node, ns);
		assert_int_equal(published_of(first, FRAME_TICK, key, 0), 62 + i);
	}
}

static void without_a_rate_only_an_answer_is_told(void **state)
{
	static struct policy_document document;
	const struct key key = pair_numbered(false, 1, 1);

	(void)state;
	document = *node_policy(bed.node);
	document.defaults.pair_rate = 0;
	document.version = 1;
	assert_int_equal(node_set_policy(bed.node, at(0), &document), 0);
	observe_key(bed.node, TICK_NS, TICK_NS, key, 1000000);
	observe_key(bed.node, SLOT_NS + TICK_NS, SLOT_NS + TICK_NS, key, 1000000); /* nor by what was before */
	assert_false(is_told(key, 0));
	assert_false(is_told(key, 1));
	other_tells(SLOT_NS + TICK_NS, 1, key, 1);
	assert_true(is_told(key, 0));
	assert_true(is_told(key, 1));
}

/* ---- b: answer ---- */

/* Own cells in slots first, first + 1 and first + 2; the other's in one of these or the next, with one packet. */
static void answers_are_told_from(uint64_t first)
{
	static const bool told[4][3] = {
		/* 0 */ { true, false, false },
		/* 1 */ { true, true, false },
		/* 2 */ { false, true, true },
		/* 3 */ { false, false, true },
	};

	for (uint64_t slot = 0; slot < 4; slot++) {
		const struct key key = pair_numbered(false, 1, 1 + (uint32_t)slot);
		const int64_t begin_ns = (int64_t)first * SLOT_NS + TICK_NS;

		bed_free(NULL);
		bed_make(NULL);
		turn(bed.node, begin_ns);
		for (int64_t own = 0; own < 3; own++)
			observe_key(bed.node, begin_ns + own * SLOT_NS, begin_ns + own * SLOT_NS, key, 1);
		turn(bed.node, begin_ns + 2 * SLOT_NS);
		other_tells(begin_ns + 2 * SLOT_NS, first + slot, key, 1);
		for (uint64_t own = 0; own < 3; own++) {
			if (is_told(key, first + own) != told[slot][own])
				fail_msg("from slot %llu, row %llu: own cell of slot %llu: told %d, expected %d",
					 (unsigned long long)first, (unsigned long long)slot, (unsigned long long)own,
					 is_told(key, first + own), told[slot][own]);
		}
	}
}

static void another_members_cell_calls_for_its_slot_and_the_one_before(void **state)
{
	(void)state;
	answers_are_told_from(0);
}

/* Entries and cells hold the low 16 bits of a slot: its own cells are on both sides of the wrap, or behind it. */
static void it_does_so_where_the_low_bits_of_a_slot_wrap(void **state)
{
	const uint64_t wrap = 0x10000 - (bed.slot & 0xffff);

	(void)state;
	for (uint64_t before = 0; before <= 3; before++)
		answers_are_told_from(wrap - before);
}

/* The answer does not wait for the tick, and says what is held. */
static void an_answer_is_published_at_once(void **state)
{
	const struct key key = pair_numbered(false, 1, 1);
	uint64_t first;

	(void)state;
	observe_key(bed.node, TICK_NS, TICK_NS, key, 3);
	turn(bed.node, TICK_NS);
	first = bed.node->spread->publish.next_sequence;
	other_tells(TICK_NS, 0, key, 60);
	assert_false(instant_is_before(at(TICK_NS).mono, node_next_turn(bed.node, at(TICK_NS))));
	node_turn(bed.node, at(TICK_NS));
	assert_int_equal(published_of(first, FRAME_CLOSING, key, 0), 3);
	assert_int_equal(state_of(key, 0), TOLD_DONE);
	first = bed.node->spread->publish.next_sequence;
	observe_key(bed.node, 2 * TICK_NS, 2 * TICK_NS, key, 5);
	turn(bed.node, 2 * TICK_NS);
	assert_int_equal(published_of(first, FRAME_TICK, key, 0), 5);
}

/* An answer and the closing of its slot fall into one tick: no frame has a cell twice, which readers refuse. */
static void an_answer_in_the_tick_that_closes_its_slot_is_said_once(void **state)
{
	const struct key key = destination_numbered(false, 1); /* the first to be closed */
	struct published published = { .node = bed.node };
	unsigned int said = 0;
	struct cell cell;

	(void)state;
	observe_key(bed.node, TICK_NS, TICK_NS, key, 3);
	run_until(TICK_NS, SLOT_NS - TICK_NS);
	published.next = bed.node->spread->publish.next_sequence;
	other_tells(SLOT_NS - TICK_NS, 0, key, 60);
	run_until(SLOT_NS, SLOT_NS + 12 * TICK_NS);
	while (published_next(&published, &cell))
		said += key_equal(&cell.key, &key);
	assert_in_range(said, 1, 2);
}

static void what_comes_after_the_call_answers_it(void **state)
{
	const struct key key = pair_numbered(false, 1, 1);

	(void)state;
	other_tells(TICK_NS, 0, key, 60);
	observe_key(bed.node, 2 * TICK_NS, 2 * TICK_NS, key, 1);
	assert_true(is_told(key, 0));
}

static void a_caller_tells_its_own_slot_before(void **state)
{
	const struct key key = pair_numbered(false, 1, 1);
	const int64_t ns = SLOT_NS + TICK_NS;
	uint64_t first;

	(void)state;
	observe_key(bed.node, TICK_NS, TICK_NS, key, 2);
	run_until(TICK_NS, ns);
	assert_false(is_told(key, 0));
	first = bed.node->spread->publish.next_sequence;
	observe_key(bed.node, ns, ns, key, 62);
	assert_true(is_told(key, 0));
	run_until(ns, ns + 5 * TICK_NS);
	/* in a frame of the tick while the slot's closing frames have not gone past it, else in a late one */
	assert_int_equal(published_of(first, FRAME_TICK, key, 0) + published_of(first, FRAME_CLOSING, key, 0) > 0, 1);
}

static void an_origin_that_is_left_out_calls_nobody_until_it_returns(void **state)
{
	const struct key key = pair_numbered(false, 1, 1), later = pair_numbered(false, 2, 1);

	(void)state;
	origin_exclude(bed.node, bed.origin, true);
	observe_key(bed.node, TICK_NS, TICK_NS, key, 1);
	other_tells(TICK_NS, 0, key, 1000);
	other_tells(TICK_NS, 0, later, 1000);
	observe_key(bed.node, 2 * TICK_NS, 2 * TICK_NS, later, 1);
	run_until(2 * TICK_NS, REVIEW_NS);
	assert_false(is_told(key, 0));
	assert_false(is_told(later, 0));
	origin_exclude(bed.node, bed.origin, false);
	run_until(REVIEW_NS + TICK_NS, 2 * REVIEW_NS);
	assert_true(is_told(key, 0));
	assert_true(is_told(later, 0));
}

/* ---- c: follow ---- */

/* K = 50: from 100 packets of the slot before on, whoever counted them. */
static void a_slot_follows_one_of_twice_k_packets(void **state)
{
	static const struct {
		uint64_t own, other; /* packets in slot 0 */
		bool told; /* the own cell of slot 1, with one packet */
	} rows[] = {
		/* 0: one below */ { 9, 90, false },
		/* 1: at */ { 10, 90, true },
		/* 2: above */ { 11, 90, true },
		/* 3: by one origin */ { 0, 100, true },
		/* 4 */ { 0, 99, false },
		/* 5: by this one */ { 100, 0, true },
		/* 6 */ { 99, 0, false },
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		const struct key key = pair_numbered(false, 1, 1 + (uint32_t)i);

		bed_free(NULL);
		bed_make(NULL);
		if (rows[i].own)
			observe_key(bed.node, TICK_NS, TICK_NS, key, rows[i].own);
		if (rows[i].other)
			other_tells(TICK_NS, 0, key, rows[i].other);
		run_until(TICK_NS, SLOT_NS);
		observe_key(bed.node, SLOT_NS + TICK_NS, SLOT_NS + TICK_NS, key, 1);
		if (is_told(key, 1) != rows[i].told)
			fail_msg("row %zu: told %d", i, !rows[i].told);
	}
}

/* The slot before may come to it when the cell is there already. */
static void what_comes_late_of_the_slot_before_is_followed(void **state)
{
	const struct key key = pair_numbered(false, 1, 1);
	const int64_t ns = SLOT_NS + TICK_NS;

	(void)state;
	run_until(TICK_NS, SLOT_NS);
	observe_key(bed.node, ns, ns, key, 1);
	other_tells(ns, 0, key, 99);
	assert_false(is_told(key, 1));
	other_tells(ns, 0, key, 100);
	assert_true(is_told(key, 1));
}

/* ---- d: parts ---- */

/* Packets of a client, the last so long after the first, at a destination with so many packets in its first second. */
static struct key part_of(uint32_t client, uint64_t of_client, int64_t apart_ns, uint64_t packets)
{
	const struct key key = pair_numbered(false, client, 1);
	const struct instant first = at(TICK_NS).mesh, last = at(TICK_NS + apart_ns).mesh;

	for (uint32_t tick = 1; tick <= 5; tick++)
		observe_key(bed.node, tick * TICK_NS, tick * TICK_NS, destination_numbered(false, 1),
			    packets * tick / 5);
	assert_true(node_observe(bed.node, at(TICK_NS + apart_ns), &key, bed.slot, first, last, of_client));
	run_until(NS_PER_S, NS_PER_S + REVIEW_NS);
	return key;
}

/* T_F2 is 1000: at half of it the pair's rate of 2 per second matters to fair. */
static void parts_are_told_at_half_the_aggregates_rate(void **state)
{
	static const struct {
		uint64_t of_client;
		int64_t apart_ms;
		uint64_t packets;
		bool told;
	} rows[] = {
		/* 0: two, apart, and the destination has many */ { 2, 1000, 1000, true },
		/* 1: within a burst */ { 2, 800, 1000, false },
		/* 2: the destination has few */ { 2, 1000, 300, false },
		/* 3: a burst of three, and of four */ { 3, 800, 1000, false },
		/* 4 */ { 4, 0, 1000, true },
		/* 5: one, of a key that goes on from the slot before */ { 1, 1000, 1000, false },
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct key key;

		bed_free(NULL);
		bed_make(NULL);
		key = part_of(1, rows[i].of_client, rows[i].apart_ms * NS_PER_MS, rows[i].packets);
		if (is_told(key, 0) != rows[i].told)
			fail_msg("row %zu: told %d", i, !rows[i].told);
	}
}

/* One packet in each of two slots is offered twice; its first slot follows. A single packet is no part. */
static void a_parts_past_follows(void **state)
{
	const struct key twice = pair_numbered(false, 1, 1), once = pair_numbered(false, 2, 1),
			 silent = pair_numbered(false, 3, 1);
	const struct key destination = destination_numbered(false, 1);
	const uint64_t first = bed.node->spread->publish.next_sequence;
	const int64_t ns = 2 * SLOT_NS;

	(void)state;
	observe_key(bed.node, TICK_NS, TICK_NS, twice, 1);
	observe_key(bed.node, TICK_NS, TICK_NS, silent, 1);
	observe_key(bed.node, 10 * TICK_NS, 10 * TICK_NS, silent, 2);
	run_until(TICK_NS, ns);
	for (uint32_t tick = 1; tick <= 5; tick++) {
		observe_key(bed.node, ns + tick * TICK_NS, ns + tick * TICK_NS, destination, 200 * tick);
		turn(bed.node, ns + tick * TICK_NS);
	}
	observe_key(bed.node, ns + 6 * TICK_NS, ns + 6 * TICK_NS, twice, 1);
	observe_key(bed.node, ns + 6 * TICK_NS, ns + 6 * TICK_NS, once, 1);
	run_until(ns + 6 * TICK_NS, ns + 6 * TICK_NS + REVIEW_NS);
	assert_true(is_told(twice, 2));
	assert_true(is_told(twice, 0));
	assert_false(is_told(once, 2));
	assert_true(is_told(silent, 0)); /* it was there before, and may come back */
	assert_int_equal(published_of(first, FRAME_CLOSING, twice, 0), 1);
	assert_int_equal(published_of(first, FRAME_TICK, twice, 2), 1);
}

/* ---- what all keys rest on ---- */

/* n members: a = 100 / 4n. With more members fewer packets call. */
static void more_members_are_called_sooner(void **state)
{
	uint32_t client = 1;

	(void)state;
	while (calls_from(pair_numbered(false, client, 1), 0, PAIR_RATE, 2) <=
	       calls_from(pair_numbered(false, client, 1), 0, PAIR_RATE, 3))
		client++;
	observe_key(bed.node, TICK_NS, TICK_NS, pair_numbered(false, client, 1),
		    calls_from(pair_numbered(false, client, 1), 0, PAIR_RATE, 2) - 1);
	run_until(TICK_NS, REVIEW_NS);
	assert_false(is_told(pair_numbered(false, client, 1), 0));
	meet(3);
	run_until(REVIEW_NS + TICK_NS, 2 * REVIEW_NS - 2 * TICK_NS);
	assert_true(is_told(pair_numbered(false, client, 1), 0));
	assert_int_equal(bed.node->spread->need.members, 3);
}

static void another_policy_calls_by_its_rates(void **state)
{
	static struct policy_document document;
	const struct key key = pair_numbered(false, 1, 1);

	(void)state;
	observe_key(bed.node, TICK_NS, TICK_NS, key, 12);
	run_until(TICK_NS, REVIEW_NS);
	assert_false(is_told(key, 0));
	document = *node_policy(bed.node);
	document.defaults.pair_rate = 10; /* a = 1, K = 5 */
	document.version = 1;
	assert_int_equal(node_set_policy(bed.node, at(REVIEW_NS), &document), 0);
	run_until(REVIEW_NS + TICK_NS, 2 * REVIEW_NS - 2 * TICK_NS);
	assert_true(is_told(key, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_BED(a_key_of_any_kind_is_told_from_its_draw_on),
		ON_BED(what_is_not_told_is_in_no_frame),
		ON_BED(a_told_cell_is_published_whenever_it_grows),
		ON_BED(without_a_rate_only_an_answer_is_told),
		ON_BED(another_members_cell_calls_for_its_slot_and_the_one_before),
		ON_BED(it_does_so_where_the_low_bits_of_a_slot_wrap),
		ON_BED(an_answer_is_published_at_once),
		ON_BED(an_answer_in_the_tick_that_closes_its_slot_is_said_once),
		ON_BED(what_comes_after_the_call_answers_it),
		ON_BED(a_caller_tells_its_own_slot_before),
		ON_BED(an_origin_that_is_left_out_calls_nobody_until_it_returns),
		ON_BED(a_slot_follows_one_of_twice_k_packets),
		ON_BED(what_comes_late_of_the_slot_before_is_followed),
		ON_BED(parts_are_told_at_half_the_aggregates_rate),
		ON_BED(a_parts_past_follows),
		ON_BED(more_members_are_called_sooner),
		ON_BED(another_policy_calls_by_its_rates),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
