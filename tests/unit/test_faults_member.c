// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A member that lies, stumbles or repeats itself: everything here is sealed and signed as a member would. Each row
 * says which counter moves, and that the ledger does not move with it. What an outsider can send is test_node.c's;
 * the forms of a body are test_frame.c's.
 */
#include "liar_bed.h"

/* ---- messages ---- */

static void messages_that_are_none_are_refused(void **state)
{
	uint8_t message[256] = { 0 };

	(void)state;
	for (unsigned int type = 0; type < 256; type++) {
		/*
		 * Zeros of this length are a frame, a digest, a probe or news of something that is nothing; of other
		 * types they are none.
		 */
		if (type == MESSAGE_DIGEST || type == MESSAGE_PING || type == MESSAGE_PONG)
			continue;
		message[0] = (uint8_t)type;
		if (say(message, sizeof(message)) == REJECT_NONE)
			fail_msg("type %u was taken", type);
	}
	/* A digest of 2 rows and a want, each of any other length than their own. */
	for (size_t size = 1; size < sizeof(message); size++) {
		memset(message, 0, sizeof(message));
		message[0] = MESSAGE_DIGEST;
		message[34] = 2;
		assert_int_equal(say(message, size), size == 36 + 2 * 40 ? REJECT_NONE : REJECT_MESSAGE);
		memset(message, 0, sizeof(message));
		message[0] = MESSAGE_REQUEST;
		message[17] = 1; /* the first sequence asked for; 0 is none */
		assert_int_equal(say(message, size), size == 1 + 24 + 128 ? REJECT_NONE : REJECT_MESSAGE);
	}
	assert_int_equal(cells_held(), 0);
}

static void frames_cut_short_are_refused(void **state)
{
	uint8_t message[80] = { MESSAGE_FRAME };

	(void)state;
	for (size_t size = 1; size <= sizeof(message); size++)
		assert_true(say(message, size) != REJECT_NONE);
	assert_int_equal(cells_held(), 0);
}

/* ---- who speaks ---- */

static void nobody_speaks_for_another(void **state)
{
	const struct cell cell = cell_of(1, 0, 5);
	const struct {
		uint64_t origin, incarnation;
		const struct side *signer;
		enum reject reject;
	} rows[] = {
		/* 0 */ { 0x1234, 1, NULL, REJECT_ORIGIN }, /* nobody anyone has met */
		/* 1 */ { bed.third.id, 3, NULL, REJECT_SIGNATURE },
		/* 2 */ { bed.self.id, 1, NULL, REJECT_SIGNATURE }, /* ours */
		/* 3 */ { bed.self.id, 2, NULL, REJECT_SIGNATURE },
		/* 4 */ { bed.self.id, 2, &bed.self, REJECT_INCARNATION }, /* a second host with our key */
		/* 5 */ { bed.liar.id, LIAR_INCARNATION, &bed.third, REJECT_SIGNATURE },
		/* 6 */ { bed.third.id, 3, &bed.third, REJECT_NONE }, /* a relay: it is the third's own word */
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		const enum reject got = say_frame((struct speech){ .origin = rows[i].origin,
								   .incarnation = rows[i].incarnation,
								   .signer = rows[i].signer,
								   .cells = &cell,
								   .count = 1 });

		if (got != rows[i].reject)
			fail_msg("row %zu: %s", i, reject_names[got]);
		assert_int_equal(cells_held(), rows[i].reject == REJECT_NONE);
	}
}

static void bad_signatures_of_one_neighbour_are_soon_not_looked_at(void **state)
{
	const struct cell cell = cell_of(1, 0, 5);
	struct node_counters counters;

	(void)state;
	for (unsigned int i = 0; i < 20000; i++)
		assert_int_equal(say_frame((struct speech){ .origin = bed.third.id,
							    .incarnation = 3,
							    .sequence = 1 + i,
							    .cells = &cell,
							    .count = 1 }),
				 REJECT_SIGNATURE);
	node_read_counters(bed.node, &counters);
	assert_int_equal(counters.signatures_checked, BAD_SIGNATURES_PER_TICK);
	/* The next tick it is heard again. */
	bed.now.mono.ns += mesh_tick_length(&bed.self.config.mesh).ns;
	bed.now.mesh.ns += mesh_tick_length(&bed.self.config.mesh).ns;
	node_tick(bed.node, bed.now);
	assert_int_equal(tell(&cell, 1), REJECT_NONE);
	assert_int_equal(packets_of(1), 5);
}

static void an_older_incarnation_than_those_held_is_refused(void **state)
{
	const struct cell cell = cell_of(1, 0, 5);

	(void)state;
	/* One new incarnation is learnt in a slot; three are held. */
	for (uint64_t incarnation = LIAR_INCARNATION; incarnation < LIAR_INCARNATION + 3; incarnation++) {
		assert_int_equal(say_frame((struct speech){
					 .origin = bed.liar.id, .incarnation = incarnation, .count = 0 }),
				 REJECT_NONE);
		bed.now.mono.ns += mesh_slot_length(&bed.self.config.mesh).ns;
		bed.now.mesh.ns += mesh_slot_length(&bed.self.config.mesh).ns;
		node_tick(bed.node, bed.now);
	}
	assert_int_equal(say_frame((struct speech){ .origin = bed.liar.id,
						    .incarnation = LIAR_INCARNATION - 1,
						    .cells = &cell,
						    .count = 1 }),
			 REJECT_INCARNATION);
	assert_int_equal(cells_held(), 0);
}

static void many_new_incarnations_at_once_are_refused(void **state)
{
	const struct cell cell = cell_of(1, 0, 5);
	unsigned int taken = 0;

	(void)state;
	for (uint64_t i = 0; i < 1000; i++)
		taken += say_frame((struct speech){ .origin = bed.liar.id,
						    .incarnation = UINT64_MAX - 1000 + i,
						    .cells = &cell,
						    .count = 1 }) == REJECT_NONE;
	assert_true(taken <= 1);
}

/* ---- the same again, and otherwise ---- */

static void a_frame_heard_again_is_a_duplicate(void **state)
{
	const struct cell cell = cell_of(1, 0, 5);
	const struct speech speech = {
		.origin = bed.liar.id, .incarnation = LIAR_INCARNATION, .sequence = 1, .cells = &cell, .count = 1
	};

	(void)state;
	assert_int_equal(say_frame(speech), REJECT_NONE);
	assert_int_equal(say_frame(speech), REJECT_FRAME_DUPLICATE);
	assert_int_equal(packets_of(1), 5);
}

static void two_frames_with_one_number_are_proof(void **state)
{
	const struct cell five = cell_of(1, 0, 5), six = cell_of(1, 0, 6), other = cell_of(2, 0, 1);

	(void)state;
	assert_int_equal(say_frame((struct speech){ .origin = bed.liar.id,
						    .incarnation = LIAR_INCARNATION,
						    .sequence = 1,
						    .cells = &five,
						    .count = 1 }),
			 REJECT_NONE);
	assert_int_equal(say_frame((struct speech){ .origin = bed.liar.id,
						    .incarnation = LIAR_INCARNATION,
						    .sequence = 1,
						    .cells = &six,
						    .count = 1 }),
			 REJECT_EQUIVOCATION);
	assert_true(event_comes(EVENT_EQUIVOCATION));
	assert_int_equal(packets_of(1), 5);
	assert_int_equal(tell(&other, 1), REJECT_EQUIVOCATION); /* quarantined */
	assert_int_equal(packets_of(2), 0);
	/* The third is not touched by it. */
	assert_int_equal(
		say_frame((struct speech){
			.origin = bed.third.id, .incarnation = 3, .signer = &bed.third, .cells = &other, .count = 1 }),
		REJECT_NONE);
}

/* ---- cells ---- */

static void cells_outside_the_slots_held_are_refused(void **state)
{
	static const struct {
		int slots_from_now;
		bool taken;
	} rows[] = {
		/* 0 */ { -SLOTS_HELD - 1000, false }, { -SLOTS_HELD - 1, false }, { -SLOTS_HELD, false },
		/* 3 */ { -SLOTS_HELD + 1, true },     { -1, true },		  { 0, true },
		/* 6 */ { 1, true },		       { 2, false },		  { 1000000, false },
	};

	(void)state;
	for (uint8_t i = 0; i < ROWS(rows); i++) {
		const struct cell cell = cell_of((uint8_t)(i + 1), rows[i].slots_from_now, 5);
		const uint64_t before = rejected(REJECT_SLOT);

		/* the frame is whole; its cells are looked at one by one */
		assert_int_equal(tell(&cell, 1), REJECT_NONE);
		assert_int_equal(packets_of((uint8_t)(i + 1)), rows[i].taken ? 5 : 0);
		assert_int_equal(rejected(REJECT_SLOT) - before, !rows[i].taken);
	}
}

static void a_slot_that_is_forgotten_does_not_come_back(void **state)
{
	const struct cell cell = cell_of(1, 0, 5);
	const struct duration slot = mesh_slot_length(&bed.self.config.mesh),
			      tick = mesh_tick_length(&bed.self.config.mesh);

	(void)state;
	assert_int_equal(tell(&cell, 1), REJECT_NONE);
	for (int64_t passed = 0; passed < SLOTS_HELD * slot.ns; passed += tick.ns) {
		bed.now.mono.ns += tick.ns;
		bed.now.mesh.ns += tick.ns;
		node_tick(bed.node, bed.now);
	}
	assert_int_equal(packets_of(1), 0);
	assert_int_equal(tell(&cell, 1), REJECT_NONE);
	assert_int_equal(packets_of(1), 0);
	assert_int_equal(rejected(REJECT_SLOT), 1);
}

static void packets_that_shrink_are_ignored_and_counted(void **state)
{
	const struct cell many = cell_of(1, 0, 50), few = cell_of(1, 0, 5);

	(void)state;
	assert_int_equal(tell(&many, 1), REJECT_NONE);
	assert_int_equal(tell(&few, 1), REJECT_NONE);
	assert_int_equal(packets_of(1), 50);
	assert_int_equal(rejected(REJECT_SHRUNK), 1);
	assert_int_equal(tell(&many, 1), REJECT_NONE); /* the same again is no lie */
	assert_int_equal(rejected(REJECT_SHRUNK), 1);
}

static void counts_beyond_any_line_saturate(void **state)
{
	static const uint64_t counts[] = { UINT32_MAX - 1ULL, UINT32_MAX, 1ULL << 32, UINT64_MAX / 2, UINT64_MAX };
	struct key_view view;
	const struct key key = pair_of(1);

	(void)state;
	for (size_t i = 0; i < ROWS(counts); i++) {
		const struct cell cell = cell_of(1, 0, counts[i]);

		assert_int_equal(tell(&cell, 1), REJECT_NONE);
		assert_int_equal(packets_of(1), counts[i] < UINT32_MAX ? counts[i] : UINT32_MAX);
	}
	/* The sum over slots and origins has room for all of them. */
	for (int slot = -6; slot < 0; slot++) {
		const struct cell cell = cell_of(1, slot, UINT64_MAX);

		assert_int_equal(tell(&cell, 1), REJECT_NONE);
	}
	assert_true(packets_of(1) == 7ULL * UINT32_MAX);
	assert_true(node_find_key(bed.node, bed.now, &key, &view));
	assert_true(view.over && isfinite(view.rate) && view.rate > 0);
}

static void a_member_cannot_fill_the_ledger(void **state)
{
	struct node_counters counters;
	const struct cell last = cell_of(255, 0, 1);

	(void)state;
	for (uint8_t client = 1; client < 200; client++) {
		const struct cell cell = cell_of(client, 0, 1);

		assert_int_equal(tell(&cell, 1), REJECT_NONE);
	}
	node_read_counters(bed.node, &counters);
	assert_true(counters.rejects[REJECT_QUOTA] > 100);
	assert_true(counters.keys_held <= counters.keys_max * 3 / 4);
	assert_true(event_comes(EVENT_QUOTA));
	/* The third's part is still there. */
	assert_int_equal(
		say_frame((struct speech){
			.origin = bed.third.id, .incarnation = 3, .signer = &bed.third, .cells = &last, .count = 1 }),
		REJECT_NONE);
	assert_int_equal(packets_of(255), 1);
}

/* ---- pauses ---- */

/* A suspended machine over a weekend, and as long as the bits of a slot take to come round. */
static void after_a_pause_of_days_clients_count_anew(void **state)
{
	static const int64_t slots[] = { 40000, 56000, 65536, 65539 };
	const struct key key = pair_of(1);

	(void)state;
	for (unsigned int i = 0; i < sizeof(slots) / sizeof(slots[0]); i++) {
		const uint64_t slot = mesh_slot_at(&bed.self.config.mesh, bed.now.mesh) + (uint64_t)slots[i];
		const int64_t pause_ns = slots[i] * mesh_slot_length(&bed.self.config.mesh).ns;

		assert_true(node_observe(bed.node, bed.now, &key, slot - (uint64_t)slots[i], bed.now.mesh, bed.now.mesh,
					 5));
		bed.now.mono.ns += pause_ns;
		bed.now.mesh.ns += pause_ns;
		node_tick(bed.node, bed.now);
		assert_true(node_observe(bed.node, bed.now, &key, slot, bed.now.mesh, bed.now.mesh, 3));
		assert_int_equal(packets_of(1), 3);
		assert_int_equal(cells_held(), 1);
	}
}

/* ---- digests ---- */

static void a_digest_that_claims_the_end_of_numbers_asks_for_a_window_at_most(void **state)
{
	uint8_t message[36 + 40] = { MESSAGE_DIGEST }, bytes[DATAGRAM_BYTES_MAX];
	struct endpoint to;
	unsigned int sent = 0;

	(void)state;
	message[34] = 1;
	memcpy(message + 36, &bed.third.id, 8);
	message[44] = 3;
	memset(message + 52, 0xff, 8);
	assert_int_equal(say(message, sizeof(message)), REJECT_NONE);
	for (int tick = 0; tick < 50; tick++) {
		bed.now.mono.ns += mesh_tick_length(&bed.self.config.mesh).ns;
		bed.now.mesh.ns += mesh_tick_length(&bed.self.config.mesh).ns;
		node_tick(bed.node, bed.now);
		while (node_poll(bed.node, bed.now, &to, bytes) > 0)
			sent++;
	}
	assert_true(sent < 50 * 8);
	assert_int_equal(cells_held(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(messages_that_are_none_are_refused),
		TEST(frames_cut_short_are_refused),
		TEST(nobody_speaks_for_another),
		TEST(bad_signatures_of_one_neighbour_are_soon_not_looked_at),
		TEST(an_older_incarnation_than_those_held_is_refused),
		TEST(many_new_incarnations_at_once_are_refused),
		TEST(a_frame_heard_again_is_a_duplicate),
		TEST(two_frames_with_one_number_are_proof),
		TEST(cells_outside_the_slots_held_are_refused),
		TEST(a_slot_that_is_forgotten_does_not_come_back),
		TEST(packets_that_shrink_are_ignored_and_counted),
		TEST(counts_beyond_any_line_saturate),
		TEST(a_member_cannot_fill_the_ledger),
		TEST(after_a_pause_of_days_clients_count_anew),
		TEST(a_digest_that_claims_the_end_of_numbers_asks_for_a_window_at_most),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
