/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The stack of blocks that a key's cells lie in: late, forgotten and out of reach. */
#include "books.h"

#define STACK_ORIGINS 9
#define STACK_SLOT 65530 /* its low bits wrap while the test runs */

/*
 * A key's cells by what was joined and not forgotten: newest slot first, each once, in no more blocks than they
 * fill.
 */
static void assert_stack_is(const struct ledger *ledger, const struct key *key, uint64_t slots,
			    const uint32_t plain[][STACK_ORIGINS])
{
	const uint32_t number = ledger_find(ledger, key);
	const struct entry *entry = &ledger->entries[number];
	uint64_t before = UINT64_MAX;
	uint32_t cells = 0, listed = 0;

	for (uint64_t s = 0; s < slots; s++) {
		for (uint16_t origin = 0; origin < STACK_ORIGINS; origin++) {
			const struct ledger_cell *cell = cell_at(ledger, key, origin, STACK_SLOT + s);

			assert_int_equal(cell ? cell->packets : 0, plain[s][origin]);
			cells += plain[s][origin] > 0;
		}
	}
	assert_int_equal(ledger->cells_held, cells);
	if (number == INDEX_NONE)
		return;
	for (uint32_t at = entry->stack; at != INDEX_NONE; at = stack_below(ledger, at), listed++) {
		const uint64_t slot = cell_slot(entry, ledger_at(ledger, at), STACK_SLOT + slots - 1);

		assert_true(slot <= before);
		before = slot;
	}
	assert_int_equal(listed, cells);
	assert_int_equal(ledger->blocks_held, (cells + BLOCK_CELLS - 1) / BLOCK_CELLS);
	assert_true(entry->stack == INDEX_NONE ||
		    cell_slot_low(entry, ledger_at(ledger, entry->stack)) == entry->newest);
}

static void late_and_forgotten_cells_leave_the_stack_in_order(void **state)
{
	const struct key key = key_of(0, 1);

	(void)state;
	for (uint64_t seed = 1; seed <= 100; seed++) {
		struct books books = books_open(64, 1024, 3);
		static uint32_t plain[64][STACK_ORIGINS];
		uint64_t random = seed, newest = SLOTS_SPAN, gain;

		memset(plain, 0, sizeof(plain));
		for (unsigned int step = 1; step <= 400; step++) {
			const uint16_t origin = (uint16_t)draw_below(&random, STACK_ORIGINS);
			const uint64_t slot = newest - draw_below(&random, SLOTS_SPAN);
			const uint32_t entry = ledger_find(&books.ledger, &key);

			join(&books.ledger, &key, origin, STACK_SLOT + slot, 0, 0, step, &gain);
			plain[slot][origin] = step;
			if (draw_below(&random, 20) == 0 && entry != INDEX_NONE) {
				ledger_forget(&books.ledger, entry, STACK_SLOT + newest - SLOTS_HELD + 1);
				memset(plain, 0, (newest - SLOTS_HELD + 1) * sizeof(plain[0]));
			} else if (draw_below(&random, 20) == 0) {
				ledger_forget_origin(&books.ledger, origin);
				for (uint64_t s = 0; s <= newest; s++)
					plain[s][origin] = 0;
			} else if (draw_below(&random, 15) == 0 && newest < 50) {
				newest += 1 + (draw_below(&random, 10) == 0 ? draw_below(&random, 10) : 0);
				join(&books.ledger, &key, origin, STACK_SLOT + newest, 0, 0, step, &gain);
				/* their place in the count is another's */
				memset(plain, 0, (newest - SLOTS_SPAN + 1) * sizeof(plain[0]));
				plain[newest][origin] = step;
			}
			assert_stack_is(&books.ledger, &key, newest + 1, plain);
		}
		free(books.memory);
	}
}

/*
 * A client that one proxy sees in every slot takes one block, also while a new slot has begun and the sweep has not
 * come by.
 */
static void forgotten_cells_give_way_before_a_block_is_taken(void **state)
{
	struct books books = books_open(64, 64, 1);
	const struct key key = key_of(0, 1);
	uint64_t gain;

	(void)state;
	for (uint64_t slot = 65500; slot < 65600; slot++) {
		ledger_advance(&books.ledger, slot - (SLOTS_HELD - 1));
		for (unsigned int i = 1; i <= 2; i++) /* new, then grown */
			assert_int_equal(join(&books.ledger, &key, 0, slot, 0, 0, i, &gain),
					 i == 1 ? JOIN_NEW : JOIN_GREW);
		assert_int_equal(books.ledger.blocks_held, 1);
		assert_int_equal(books.ledger.cells_held, slot < 65500 + SLOTS_HELD ? slot - 65499 : SLOTS_HELD);
		assert_non_null(
			cell_at(&books.ledger, &key, 0, slot < 65500 + SLOTS_HELD ? 65500 : slot - (SLOTS_HELD - 1)));
	}
	free(books.memory);
}

/*
 * Bits of a slot come round: after a host slept for days its clients are counted anew, and nothing of before counts
 * again.
 */
static void no_cell_outlasts_a_pause_of_any_length(void **state)
{
	static const uint64_t pauses[] = { SLOTS_SPAN, 16384, 16385, 32767,  32768, 50000,
					   65535,      65536, 65541, 131072, 600000 };

	(void)state;
	for (unsigned int i = 0; i < sizeof(pauses) / sizeof(pauses[0]); i++) {
		struct books books = books_open(64, 64, 1);
		const uint64_t before = 70000, after = before + pauses[i], oldest = after - (SLOTS_HELD - 1);
		const struct key keys[] = { key_of(0, 1), key_of(0, 2) };
		uint64_t gain;

		for (unsigned int k = 0; k < 2; k++) {
			ledger_advance(&books.ledger, before - (SLOTS_HELD - 1));
			assert_int_equal(join(&books.ledger, &keys[k], 0, before, 0, 0, 5, &gain), JOIN_NEW);
		}
		ledger_advance(&books.ledger, oldest);
		assert_int_equal(join(&books.ledger, &keys[0], 0, after, 0, 0, 3, &gain), JOIN_NEW);
		assert_int_equal(gain, 3);
		for (unsigned int k = 0; k < 2; k++)
			assert_int_equal(ledger_forget(&books.ledger, ledger_find(&books.ledger, &keys[k]), oldest),
					 k == 1);
		assert_int_equal(books.ledger.cells_held, 1);
		assert_int_equal(books.ledger.keys_held, 1);
		assert_int_equal(books.ledger.blocks_held, 1);
		assert_int_equal(books.ledger.member_blocks[0], 1);
		free(books.memory);
	}
}

/*
 * Whatever comes from the network: a slot that is not one of the eight up to the newest finds no place, and harms
 * none.
 */
static void a_slot_out_of_reach_is_refused(void **state)
{
	static const struct {
		uint64_t slot;
		enum join join;
		uint32_t cells;
	} rows[] = {
		/* 0: the oldest in reach */ { 70001 - SLOTS_SPAN, JOIN_NEW, 2 },
		/* 1: one before */ { 70000 - SLOTS_SPAN, JOIN_QUOTA, 1 },
		/* 2: with the same low bits as the newest */ { 70000 - 8192, JOIN_QUOTA, 1 },
		/* 3: the next */ { 70001, JOIN_NEW, 2 },
		/* 4: so far on that the rest is forgotten */ { 70000 + SLOTS_SPAN, JOIN_NEW, 1 },
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct books books = books_open(64, 64, 1);
		const struct key key = key_of(1, 1);
		uint64_t gain;

		join(&books.ledger, &key, 0, 70000, 0, 0, 5, &gain);
		if (join(&books.ledger, &key, 0, rows[i].slot, 0, 0, 7, &gain) != rows[i].join ||
		    books.ledger.cells_held != rows[i].cells)
			fail_msg("row %zu: %u cells", i, books.ledger.cells_held);
		free(books.memory);
	}
}

static void forgetting_takes_the_slots_below_and_no_others(void **state)
{
	static const struct {
		uint64_t oldest;
		unsigned int left;
	} rows[] = { /* 0 */ { 65530, 7 }, /* 1 */ { 65531, 6 }, /* 2 */ { 65535, 2 }, /* 3 */ { 65536, 1 },
		     /* 4 */ { 65537, 0 } };

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct books books = books_open(64, 64, 1);
		const struct key key = key_of(1, 1);
		uint64_t gain;

		for (uint64_t slot = 65530; slot <= 65536; slot++)
			join(&books.ledger, &key, 0, slot, 0, 0, 1, &gain);
		assert_int_equal(ledger_forget(&books.ledger, ledger_find(&books.ledger, &key), rows[i].oldest),
				 rows[i].left == 0);
		assert_int_equal(books.ledger.cells_held, rows[i].left);
		free(books.memory);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(late_and_forgotten_cells_leave_the_stack_in_order),
		cmocka_unit_test(forgotten_cells_give_way_before_a_block_is_taken),
		cmocka_unit_test(no_cell_outlasts_a_pause_of_any_length),
		cmocka_unit_test(a_slot_out_of_reach_is_refused),
		cmocka_unit_test(forgetting_takes_the_slots_below_and_no_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
