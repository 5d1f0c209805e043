/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Who may fill how much of the ledger, and who pays for what is held. */
#include "books.h"

/* What pairs and destinations may have of a pool: a sixteenth is for clients and networks. */
#define OPEN(pool) ((pool) - (pool) / 16)

/* New pairs of one origin until it may have no more. */
static uint32_t flood(struct ledger *ledger, uint16_t origin, uint32_t most)
{
	uint32_t taken = 0;

	while (taken < most) {
		const struct key key = key_of(1 + origin * 100000U + taken, 1);
		uint64_t gain;

		if (!ledger_has_room(ledger, origin, KEY_PAIR, 1) ||
		    join(ledger, &key, origin, 1000, 0, 0, 1, &gain) != JOIN_NEW)
			break;
		taken++;
	}
	return taken;
}

/*
 * Of 8192 keys a sixteenth is not for pairs. Of the rest half is lent, a quarter is member 0's (this proxy's), and a
 * quarter the others'.
 */
static void a_flood_takes_nothing_of_anothers_part(void **state)
{
	(void)state;
	for (uint32_t members = 2; members <= 16; members *= 2) {
		struct books books = books_open(8192, 2048, members); /* a block for each */
		const uint32_t part = OPEN(8192) / 4 / members;

		/* and the destination */
		assert_int_equal(flood(&books.ledger, INCARNATIONS_MAX, UINT32_MAX), OPEN(8192) / 2 - 1);
		for (uint16_t member = 2; member < members; member++)
			assert_int_equal(flood(&books.ledger, (uint16_t)(member * INCARNATIONS_MAX), UINT32_MAX),
					 part);
		assert_int_equal(flood(&books.ledger, 0, UINT32_MAX), OPEN(8192) / 4);
		free(books.memory);
	}
}

/* Networks of an origin until it may have no more. */
static uint32_t flood_networks(struct ledger *ledger, uint16_t origin)
{
	for (uint32_t taken = 0;; taken++) {
		const struct address host = address_of_ipv4(
			(uint8_t[]){ (uint8_t)(20 + origin), (uint8_t)(taken >> 8), (uint8_t)taken, 1 });
		const struct address network = network_of(&host);
		const struct key key = key_of_network(&network);
		uint64_t gain;

		if (join(ledger, &key, origin, 1000, 0, 0, 1, &gain) != JOIN_NEW)
			return taken;
	}
}

/*
 * Pairs have filled all that they may have. A sixteenth is left for clients and networks, of the half that is lent and
 * of each member's part. A member that has taken what is lent has no more.
 */
static void pairs_leave_room_for_networks(void **state)
{
	const uint32_t members = 4, keys = 8192, rest = keys / 16;

	(void)state;
	for (unsigned int full = 0; full < 2; full++) {
		struct books books = books_open(keys, 2048, members);
		const uint16_t scanned = 2 * INCARNATIONS_MAX;

		flood(&books.ledger, INCARNATIONS_MAX, UINT32_MAX);
		for (uint16_t member = 0; full && member < members; member++)
			flood(&books.ledger, (uint16_t)(member * INCARNATIONS_MAX), UINT32_MAX);
		if (full) {
			assert_false(ledger_has_room(&books.ledger, 0, KEY_DESTINATION, 1));
			assert_int_equal(flood_networks(&books.ledger, INCARNATIONS_MAX), 0);
			assert_int_equal(flood_networks(&books.ledger, scanned), rest / 4 / members);
			assert_int_equal(flood_networks(&books.ledger, 0), rest / 4);
		} else {
			assert_int_equal(flood_networks(&books.ledger, INCARNATIONS_MAX), rest / 2);
			assert_int_equal(flood_networks(&books.ledger, scanned), keys / 4 / members);
			assert_int_equal(flood_networks(&books.ledger, 0), keys / 4);
		}
		free(books.memory);
	}
}

static void incarnations_share_one_members_part(void **state)
{
	struct books books = books_open(8192, 2048, 16);
	uint32_t taken = 0;

	(void)state;
	for (uint16_t incarnation = 0; incarnation < INCARNATIONS_MAX; incarnation++)
		taken += flood(&books.ledger, (uint16_t)(INCARNATIONS_MAX + incarnation), UINT32_MAX);
	assert_int_equal(taken, OPEN(8192) / 2 - 1);
	assert_int_equal(flood(&books.ledger, 15 * INCARNATIONS_MAX, UINT32_MAX), OPEN(8192) / 4 / 16);
	free(books.memory);
}

#define FLOOD_KEYS 40

/* Cells of a member in all its incarnations and slots, on each of the keys; returns how many it could bring. */
static uint32_t flood_cells(struct ledger *ledger, uint16_t member, uint32_t slots)
{
	uint32_t taken = 0;

	for (unsigned int client = 1; client <= FLOOD_KEYS; client++) {
		const struct key key = key_of(client, 1);

		for (uint16_t incarnation = 0; incarnation < INCARNATIONS_MAX; incarnation++) {
			for (uint64_t slot = 1000; slot < 1000 + slots; slot++) {
				uint64_t gain;

				if (join(ledger, &key, (uint16_t)(member * INCARNATIONS_MAX + incarnation), slot, 0, 0,
					 1, &gain) == JOIN_NEW)
					taken++;
			}
		}
	}
	return taken;
}

/*
 * 128 blocks for 128 keys, 120 of them for pairs. One fills the 60 that are lent with few keys: on these, every cell of
 * another needs a block, and each finds its part.
 */
static void blocks_are_guaranteed_as_keys_are(void **state)
{
	struct books books = books_open(128, 0, 4);
	struct ledger *ledger = &books.ledger;

	(void)state;
	assert_int_equal(flood_cells(ledger, 1, SLOTS_HELD), 60 * BLOCK_CELLS);
	assert_int_equal(ledger->member_blocks[1], 60);
	/* the rest found room in blocks of its own */
	assert_int_equal(flood_cells(ledger, 2, SLOTS_HELD), 7 * BLOCK_CELLS);
	assert_int_equal(ledger->member_blocks[2], OPEN(128) / 4 / 4);
	assert_int_equal(flood_cells(ledger, 1, SLOTS_SPAN), 0);
	flood_cells(ledger, 3, SLOTS_HELD);
	assert_int_equal(ledger->member_blocks[3], OPEN(128) / 4 / 4);
	flood_cells(ledger, 0, SLOTS_HELD);
	assert_in_range(ledger->member_blocks[0], FLOOD_KEYS - 2 * 8, OPEN(128) / 4);
	assert_true(ledger->blocks_held <= ledger->blocks_max);
	for (uint16_t origin = 0; origin < 4 * INCARNATIONS_MAX; origin++)
		ledger_forget_origin(ledger, origin);
	assert_int_equal(ledger->blocks_held + ledger->cells_held, 0);
	for (uint16_t member = 0; member < 4; member++)
		assert_int_equal(ledger->member_blocks[member], 0);
	free(books.memory);
}

/* Fewer keys than cells, each pair with a destination of its own: two keys a pair. */
static void keys_are_guaranteed_as_cells_are(void **state)
{
	struct books books = books_open(1024, 65536, 4);
	uint64_t gain;
	uint32_t taken;

	(void)state;
	for (uint32_t i = 1;; i++) {
		const struct key key = key_of(100000 + i, i % 200 + 1);

		if (join(&books.ledger, &key, INCARNATIONS_MAX, 1000, 0, 0, 1, &gain) != JOIN_NEW)
			break;
	}
	assert_true(books.ledger.keys_held >= OPEN(1024) / 2 - 1 && books.ledger.keys_held <= OPEN(1024) / 2);
	taken = flood(&books.ledger, 2 * INCARNATIONS_MAX, UINT32_MAX);
	assert_int_equal(taken, OPEN(1024) / 4 / 4);
	taken = flood(&books.ledger, 0, UINT32_MAX);
	assert_int_equal(taken, OPEN(1024) / 4);
	free(books.memory);
}

static void what_is_held_grows_even_when_nothing_new_may_come(void **state)
{
	struct books books = books_open(8192, 2048, 16);
	const struct key known = key_of(1, 1), new = key_of(999999, 1);
	uint64_t gain;

	(void)state;
	flood(&books.ledger, 0, UINT32_MAX);
	assert_false(ledger_has_room(&books.ledger, 0, KEY_PAIR, 1));
	assert_int_equal(join(&books.ledger, &known, 0, 1000, 0, 9, 50, &gain), JOIN_GREW);
	assert_int_equal(gain, 49);
	for (uint64_t slot = 1001; slot < 1000 + BLOCK_CELLS; slot++) /* room in the block it has */
		assert_int_equal(join(&books.ledger, &known, 0, slot, 0, 9, 50, &gain), JOIN_NEW);
	assert_int_equal(join(&books.ledger, &new, 0, 1000, 0, 9, 50, &gain), JOIN_QUOTA);
	assert_int_equal(join(&books.ledger, &new, 3, 1000, 0, 9, 50, &gain), JOIN_NEW);
	ledger_forget_origin(&books.ledger, 0);
	assert_int_equal(books.ledger.cells_held, 1);
	assert_int_equal(books.ledger.blocks_held, 1);
	free(books.memory);
}

static void full_pools_refuse_and_recover(void **state)
{
	struct books books = books_open(64, 4096, 1); /* fewer keys than cells */
	struct key key = key_of(1, 1);
	uint64_t gain;
	uint32_t made = 0;

	(void)state;
	while (ledger_make(&books.ledger, 0, &key) != INDEX_NONE)
		key = key_of(++made + 1, 1);
	assert_int_equal(made, OPEN(64) / 2 - 1); /* and the destination: the half that is lent */
	assert_int_equal(ledger_find(&books.ledger, &key), INDEX_NONE);
	key = key_of(7, 1);
	assert_int_equal(join(&books.ledger, &key, 0, 1000, 0, 0, 1, &gain), JOIN_NEW);
	for (uint32_t entry = 0; entry < 64; entry++) {
		if (books.ledger.entries[entry].flags & ENTRY_USED &&
		    entry_kind(&books.ledger.entries[entry]) == KEY_PAIR)
			assert_true(ledger_forget(&books.ledger, entry, 1001));
	}
	assert_int_equal(books.ledger.keys_held, 1);
	key = key_of(0, 1);
	assert_true(ledger_forget(&books.ledger, ledger_find(&books.ledger, &key), 1001));
	assert_int_equal(books.ledger.keys_held + books.ledger.cells_held, 0);
	free(books.memory);
}

/*
 * Who keeps alive what another once met pays for it: the other's part is free again when its own cells are
 * forgotten.
 */
static void who_keeps_anothers_keys_alive_pays_for_them(void **state)
{
	const uint16_t victim = INCARNATIONS_MAX, keeper = 2 * INCARNATIONS_MAX;
	struct books books = books_open(1024, 1024, 4);
	uint64_t gain, slot = 1000;
	uint32_t count = 0;

	(void)state;
	for (; count < 100; count++) { /* each with its destination */
		const struct key key = key_of(1 + count, 1 + count);

		assert_int_equal(join(&books.ledger, &key, victim, slot, 0, 0, 1, &gain), JOIN_NEW);
		assert_int_equal(join(&books.ledger, &key, keeper, slot + SLOTS_HELD - 1, 0, 0, 1, &gain), JOIN_NEW);
	}
	assert_int_equal(books.ledger.member_keys[1], 2 * count);
	assert_int_equal(books.ledger.member_blocks[1], count);
	for (uint32_t i = 0; i < books.ledger.entries_high; i++)
		assert_false(ledger_forget(&books.ledger, i, slot + 1));
	for (uint32_t i = 0; i < books.ledger.entries_high; i++) /* destinations follow their pairs */
		assert_false(ledger_forget(&books.ledger, i, slot + 1));
	assert_int_equal(books.ledger.member_keys[1], 0);
	assert_int_equal(books.ledger.member_blocks[1], 0);
	assert_int_equal(books.ledger.member_keys[2], 2 * count);
	assert_int_equal(books.ledger.member_blocks[2], count);
	for (uint32_t i = 0; i < books.ledger.entries_high; i++)
		ledger_forget(&books.ledger, i, slot + SLOTS_SPAN);
	for (uint32_t i = 0; i < books.ledger.entries_high; i++) {
		if (books.ledger.entries[i].flags & ENTRY_USED)
			ledger_forget(&books.ledger, i, slot + SLOTS_SPAN);
	}
	assert_int_equal(books.ledger.keys_held, 0);
	assert_int_equal(books.ledger.member_keys[2], 0);
	assert_int_equal(books.ledger.member_blocks[2], 0);
	free(books.memory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_flood_takes_nothing_of_anothers_part),
		cmocka_unit_test(pairs_leave_room_for_networks),
		cmocka_unit_test(incarnations_share_one_members_part),
		cmocka_unit_test(blocks_are_guaranteed_as_keys_are),
		cmocka_unit_test(keys_are_guaranteed_as_cells_are),
		cmocka_unit_test(what_is_held_grows_even_when_nothing_new_may_come),
		cmocka_unit_test(full_pools_refuse_and_recover),
		cmocka_unit_test(who_keeps_anothers_keys_alive_pays_for_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
