/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What is remembered of older slots is what a replay of the cells says, whatever has happened to them since. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "arena.h"
#include "replay_cache.h"

#define KEYS 24 /* more than lines: they displace each other */
#define CELLS 4096
#define MEMBERS 16
#define SLOT 70000 /* its low 16 bits wrap while a test runs: 65536 is near */

static const struct mesh mesh = { .tick_ms = 200, .window_max_ms = 8000, .decay = 2 };
static const struct duration idle_reset = { 10 * NS_PER_S };

struct books {
	void *memory;
	struct ledger ledger;
	struct replay_cache replay_cache;
	bool excluded[ORIGINS_MAX], others[ORIGINS_MAX];
	struct key keys[KEYS];
	uint64_t random;
};

static uint32_t draw(struct books *books, uint32_t bound)
{
	books->random = books->random * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(books->random >> 33) % bound;
}

static void books_open(struct books *books, uint64_t seed)
{
	const size_t bytes = ledger_bytes(KEYS + 1, CELLS, MEMBERS) + replay_cache_bytes(16, MEMBERS);
	struct arena arena = { .memory = aligned_alloc(ARENA_ALIGN, bytes) };

	*books = (struct books){ .memory = arena.memory, .random = seed };
	assert_non_null(arena.memory);
	ledger_init(&books->ledger, &arena, KEYS + 1, CELLS, MEMBERS, (uint64_t[]){ 1, 2 });
	replay_cache_init(&books->replay_cache, &arena, 16, MEMBERS);
	assert_int_equal(arena.used, bytes);
	memset(books->others + INCARNATIONS_MAX, true, sizeof(books->others) - INCARNATIONS_MAX);
	for (uint16_t member = 0; member < MEMBERS; member += 3)
		books->ledger.line_packets[member] = 600; /* of some it is known what their line carries */
	for (unsigned int i = 0; i < KEYS; i++)
		books->keys[i] = key_of_destination(
			&(struct address){ { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 198, 18, 0, (uint8_t)i } });
}

static void some_join(struct books *books, uint64_t slot)
{
	const uint16_t origin = (uint16_t)draw(books, MEMBERS * INCARNATIONS_MAX);
	const struct cell version = {
		.key = books->keys[draw(books, KEYS)],
		.slot = slot + 1 - (draw(books, 4) ? 1 : draw(books, SLOTS_HELD + 1)),
		.first = (uint8_t)draw(books, 100),
		.last = (uint8_t)(100 + draw(books, 156)),
		.packets = 1 + draw(books, 500),
	};
	const uint32_t entry = ledger_make(&books->ledger, origin, &version.key);
	uint64_t gain;
	uint32_t cell;

	if (entry != INDEX_NONE)
		ledger_join(&books->ledger, entry, origin, &version, &gain, &cell);
}

static void something_else(struct books *books, uint64_t slot)
{
	const uint32_t entry = draw(books, books->ledger.entries_high + 1);

	switch (draw(books, 3)) {
	case 0:
		books->excluded[draw(books, MEMBERS * INCARNATIONS_MAX)] ^= true;
		break;
	case 1:
		if (entry < books->ledger.entries_high && books->ledger.entries[entry].flags & ENTRY_USED)
			ledger_forget(&books->ledger, entry, slot - (SLOTS_HELD - 1));
		break;
	default:
		ledger_forget_origin(&books->ledger, (uint16_t)draw(books, MEMBERS * INCARNATIONS_MAX));
	}
}

static bool is_in(const uint64_t *set, uint16_t origin)
{
	return set[origin / 64] >> origin % 64 & 1;
}

static void compare_sets(const struct books *books, const struct entry *entry, const struct replay_cache_view *view)
{
	uint64_t sets[2][MEMBERS * INCARNATIONS_MAX / 64 + 1] = { { 0 } };
	uint32_t origins = 0, members = 1, last = 0;

	for (uint32_t at = ledger_first(&books->ledger, entry); at != INDEX_NONE;
	     at = ledger_below(&books->ledger, at)) {
		const struct ledger_cell *cell = ledger_at(&books->ledger, at);

		if (cell_slot_low(entry, cell) != entry->newest)
			sets[books->excluded[cell->origin]][cell->origin / 64] |= 1ULL << cell->origin % 64;
	}
	for (uint16_t origin = 0; origin < MEMBERS * INCARNATIONS_MAX; origin++) {
		assert_int_equal(is_in(view->counted, origin), is_in(sets[0], origin));
		assert_int_equal(is_in(view->left_out, origin), is_in(sets[1], origin));
		origins += is_in(sets[0], origin) || is_in(sets[1], origin);
		if (is_in(sets[0], origin) && origin / INCARNATIONS_MAX > last) {
			members++;
			last = origin / INCARNATIONS_MAX;
		}
	}
	assert_int_equal(view->origins, origins);
	assert_int_equal(view->members, members);
}

static uint32_t compare(struct books *books, uint64_t slot, struct duration idle)
{
	const uint64_t oldest = slot - (SLOTS_HELD - 1);
	const uint32_t number = ledger_find(&books->ledger, &books->keys[draw(books, KEYS)]);
	const struct entry *entry = number == INDEX_NONE ? NULL : &books->ledger.entries[number];
	struct slot_sums sums;
	struct replay_cache_view view;
	struct paper_m m, own;

	if (!entry || ledger_first(&books->ledger, entry) == INDEX_NONE)
		return 0;
	const bool remembered = entry->flags & ENTRY_CACHED;

	ledger_sum(&books->ledger, entry, ledger_first(&books->ledger, entry), oldest, &mesh, books->excluded, &sums);
	m = algorithm1_replay(sums.sum, oldest, &mesh, idle);
	replay_cache_view_of(&books->replay_cache, &books->ledger, number, slot, &mesh, books->excluded, idle, &view);
	assert_int_equal(view.m.count, m.count);
	assert_int_equal(view.m.ts1.ns, m.ts1.ns);
	assert_int_equal(view.m.ts2.ns, m.ts2.ns);
	compare_sets(books, entry, &view);
	ledger_sum(&books->ledger, entry, ledger_first(&books->ledger, entry), oldest, &mesh, books->others, &sums);
	m = algorithm1_replay(sums.sum, oldest, &mesh, idle);
	own = replay_cache_own(&books->replay_cache, &books->ledger, number, slot, &mesh, books->excluded,
			       books->others, idle);
	assert_int_equal(own.count, m.count);
	assert_int_equal(own.ts1.ns, m.ts1.ns);
	assert_int_equal(own.ts2.ns, m.ts2.ns);
	return remembered;
}

static void what_is_remembered_is_what_the_cells_say(void **state)
{
	uint32_t remembered = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		uint64_t slot = SLOT - 4500;
		struct books books;

		books_open(&books, seed);
		for (unsigned int step = 0; step < 20000; step++) {
			if (draw(&books, 200) == 0)
				slot += 1 + (draw(&books, 20) ? 0 : draw(&books, SLOTS_HELD));
			some_join(&books, slot);
			if (draw(&books, 50) == 0)
				something_else(&books, slot);
			remembered += compare(&books, slot,
					      draw(&books, 100) ? idle_reset : (struct duration){ 5 * NS_PER_S });
			if (draw(&books, 20) == 0)
				/* the next slot has begun since the last tick */
				remembered += compare(&books, slot + 1, idle_reset);
		}
		free(books.memory);
	}
	assert_true(remembered > 10000); /* or nothing was tried */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_remembered_is_what_the_cells_say),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
