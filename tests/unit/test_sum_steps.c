/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the sum of one key costs, in looks at cells: with 2,000 members that ran twice each and are all over their
 * lines, no more per cell than with a few. The functions under test are compiled into this file, with looks counted.
 */
#include "books.h"

static uint64_t looks;

static inline struct ledger_cell *at_counted(const struct ledger *ledger, uint32_t place)
{
	looks++;
	return ledger_at(ledger, place);
}

static inline uint32_t below_counted(const struct ledger *ledger, uint32_t place)
{
	looks++;
	return ledger_below(ledger, place);
}

static inline bool is_over_line_counted(const struct ledger *ledger, const struct entry *entry, uint16_t member,
					uint16_t slot)
{
	looks++;
	return ledger_is_over_line(ledger, entry, member, slot);
}

#define ledger_at at_counted
#define ledger_below below_counted
#define ledger_is_over_line is_over_line_counted
#include "../../proto/count/ledger_cells.c"

#define MEMBERS 2000
#define RUNS 2 /* incarnations of each that counted the key in each slot */
#define SLOTS 3
#define FIRST_SLOT 100000
#define LINE 7 /* packets of each member in a slot, of the 5 + 6 that it tells */
#define LOOKS_PER_CELL 10 /* in a slot that is cut each cell is looked at twice */

static const struct mesh mesh = { .tick_ms = 200, .window_max_ms = 8000, .decay = 2 };

/* One key that so many members counted in each slot; the runs of a member are as far apart as they can be. */
static struct books counted_by(uint32_t members)
{
	struct books books = books_open(16, 64 * MEMBERS, MEMBERS_MAX);
	const struct key key = key_of(1, 1);
	uint64_t gain;

	for (uint16_t member = 0; member < members; member++)
		ledger_set_line(&books.ledger, member, LINE);
	for (uint64_t slot = FIRST_SLOT; slot < FIRST_SLOT + SLOTS; slot++)
		for (uint16_t run = 0; run < RUNS; run++)
			for (uint16_t member = 0; member < members; member++)
				assert_int_equal(join(&books.ledger, &key, member * INCARNATIONS_MAX + run, slot, 0,
						      9, 5 + run, &gain),
						 JOIN_NEW);
	return books;
}

static const struct entry *entry_of(const struct books *books)
{
	const struct key key = key_of(1, 1);

	return &books->ledger.entries[ledger_find(&books->ledger, &key)];
}

static void a_sum_looks_at_each_cell_a_few_times_however_many_there_are(void **state)
{
	static const uint32_t rows[] = { 1, 10, 100, 1000, MEMBERS };
	static const bool excluded[ORIGINS_MAX];

	(void)state;
	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct books books = counted_by(rows[i]);
		const struct entry *entry = entry_of(&books);
		const uint64_t in_slot = (uint64_t)rows[i] * RUNS;
		struct slot_sum newest;
		struct slot_sums sums;

		looks = 0;
		ledger_sum(&books.ledger, entry, ledger_first(&books.ledger, entry), FIRST_SLOT, &mesh,
			   excluded, &sums);
		print_message("# %u members: %.1f looks per cell\n", rows[i], (double)looks / (in_slot * SLOTS));
		assert_true(looks <= LOOKS_PER_CELL * in_slot * SLOTS);
		for (unsigned int slot = 0; slot < SLOTS; slot++) /* each is read as its line, whatever lies between */
			assert_int_equal(sums.sum[slot].packets, rows[i] * LINE);
		looks = 0;
		newest = ledger_sum_newest(&books.ledger, entry, FIRST_SLOT + SLOTS - 1, &mesh, excluded);
		assert_int_equal(newest.packets, rows[i] * LINE);
		assert_true(looks <= LOOKS_PER_CELL * in_slot);
		free(books.memory);
	}
}

/* What is left out takes no part of the line, and what one sum saw is gone for the next. */
static void a_sum_is_the_same_again_and_without_who_is_left_out(void **state)
{
	struct books books = counted_by(50);
	const struct entry *entry = entry_of(&books);
	static bool excluded[ORIGINS_MAX];
	struct slot_sums sums;

	(void)state;
	for (unsigned int again = 0; again < 3; again++) {
		excluded[10 * INCARNATIONS_MAX] = again == 1;
		ledger_sum(&books.ledger, entry, ledger_first(&books.ledger, entry), FIRST_SLOT, &mesh,
			   excluded, &sums);
		assert_int_equal(sums.sum[0].packets, 50 * LINE - (again == 1));
		assert_int_equal(sums.sum[SLOTS - 1].packets, 50 * LINE - (again == 1));
	}
	free(books.memory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_sum_looks_at_each_cell_a_few_times_however_many_there_are),
		cmocka_unit_test(a_sum_is_the_same_again_and_without_who_is_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
