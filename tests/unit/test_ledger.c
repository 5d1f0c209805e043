/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The ledger: the join's rows and laws, and the index against a plain list. */
#include "books.h"

/* ---- the join ---- */

static void versions_join_row_by_row(void **state)
{
	static const struct {
		uint8_t first, last;
		uint64_t packets;
		enum join join;
		uint64_t gain;
		uint8_t first_after, last_after;
		uint32_t packets_after;
	} rows[] = {
		/*  0: new */ { 10, 20, 5, JOIN_NEW, 5, 10, 20, 5 },
		/*  1: the same once more */ { 10, 20, 5, JOIN_SAME, 0, 10, 20, 5 },
		/*  2: grown */ { 10, 30, 9, JOIN_GREW, 4, 10, 30, 9 },
		/*  3: an older one late */ { 10, 20, 5, JOIN_SHRUNK, 0, 10, 30, 9 },
		/*  4: one more */ { 10, 30, 10, JOIN_GREW, 1, 10, 30, 10 },
		/*  5: one less */ { 10, 30, 9, JOIN_SHRUNK, 0, 10, 30, 10 },
		/*  6: earlier first, same count */ { 5, 30, 10, JOIN_SAME, 0, 5, 30, 10 },
		/*  7: later first: kept */ { 6, 30, 10, JOIN_SAME, 0, 5, 30, 10 },
		/*  8: later last */ { 5, 31, 10, JOIN_SAME, 0, 5, 31, 10 },
		/*  9: both ends by a smaller count */ { 0, 255, 1, JOIN_SHRUNK, 0, 0, 255, 10 },
		/* 10: up to what a cell holds */
		{ 0, 255, UINT32_MAX - 1, JOIN_GREW, UINT32_MAX - 11U, 0, 255, UINT32_MAX - 1 },
		/* 11: saturates */ { 0, 255, 1ULL << 32, JOIN_GREW, 1, 0, 255, UINT32_MAX },
		/* 12: and stays */ { 0, 255, UINT64_MAX, JOIN_SAME, 0, 0, 255, UINT32_MAX },
	};
	struct books books = books_open(64, 64, 2);
	const struct key key = key_of(1, 1);

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		uint64_t gain;
		const enum join result = join(&books.ledger, &key, 3, 1000, rows[i].first, rows[i].last,
					      rows[i].packets, &gain);
		const struct ledger_cell *cell = cell_at(&books.ledger, &key, 3, 1000);

		if (result != rows[i].join || gain != rows[i].gain || cell->first != rows[i].first_after ||
		    cell->last != rows[i].last_after || cell->packets != rows[i].packets_after)
			fail_msg("row %zu: join %d, gain %llu, cell %u %u %u", i, result, (unsigned long long)gain,
				 cell->first, cell->last, cell->packets);
	}
	assert_int_equal(books.ledger.cells_held, 1);
	assert_int_equal(books.ledger.keys_held, 2); /* the pair and its destination */
	free(books.memory);
}

/* What has been found out of a key is not lost with what is remembered of its older slots. */
static void flags_outlast_a_change_of_an_older_slot(void **state)
{
	const uint32_t flags = ENTRY_OVER | ENTRY_OWN | ENTRY_SHARED | ENTRY_FLOOR;
	struct books books = books_open(64, 64, 2);
	const struct key key = key_of(1, 1);
	struct entry *entry;
	uint64_t gain;

	(void)state;
	join(&books.ledger, &key, 0, 999, 0, 1, 1, &gain);
	join(&books.ledger, &key, 0, 1000, 0, 1, 1, &gain);
	join(&books.ledger, &key, 3, 1000, 0, 1, 1, &gain);
	entry = &books.ledger.entries[ledger_find(&books.ledger, &key)];
	entry->flags |= flags | ENTRY_CACHED;
	join(&books.ledger, &key, 0, 1000, 0, 1, 2, &gain);
	assert_int_equal(entry->flags, flags | ENTRY_CACHED | ENTRY_USED);
	join(&books.ledger, &key, 0, 999, 0, 1, 2, &gain);
	assert_int_equal(entry->flags, flags | ENTRY_USED);
	entry->flags |= ENTRY_CACHED;
	assert_false(ledger_forget(&books.ledger, ledger_find(&books.ledger, &key), 1000));
	assert_int_equal(entry->flags, flags | ENTRY_USED);
	free(books.memory);
}

static struct cell version_draw(uint64_t *random)
{
	const uint8_t first = (uint8_t)draw_below(random, 256);

	return (struct cell){
		.key = key_of((unsigned int)draw_below(random, 3), 1 + (unsigned int)draw_below(random, 2)),
		.slot = 65534 + draw_below(random, 4),
		.first = first,
		.last = (uint8_t)(first + draw_below(random, 256U - first)),
		.packets = 1 + draw_below(random, 20),
	};
}

static void versions_join(struct ledger *ledger, const struct cell *versions, const uint16_t *origins,
			  const size_t *order, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct cell *v = &versions[order[i]];
		uint64_t gain;

		join(ledger, &v->key, origins[order[i]], v->slot, v->first, v->last, v->packets, &gain);
	}
}

static void assert_same_cells(const struct ledger *a, const struct ledger *b, const struct cell *versions,
			      const uint16_t *origins, size_t count)
{
	assert_int_equal(a->cells_held, b->cells_held);
	for (size_t i = 0; i < count; i++) {
		const struct ledger_cell *x = cell_at(a, &versions[i].key, origins[i], versions[i].slot);
		const struct ledger_cell *y = cell_at(b, &versions[i].key, origins[i], versions[i].slot);

		assert_non_null(x);
		assert_non_null(y);
		assert_true(x->first == y->first && x->last == y->last && x->packets == y->packets);
	}
}

/*
 * Idempotent, commutative, associative: any order of any versions, any of them any number of times, is the same
 * ledger.
 */
static void any_order_and_repetition_gives_the_same_ledger(void **state)
{
	uint64_t random = 9;

	(void)state;
	for (int trace = 0; trace < 300; trace++) {
		struct books a = books_open(64, 256, 2), b = books_open(64, 256, 2);
		struct cell versions[40];
		uint16_t origins[40];
		size_t in_order[40], shuffled[120];

		for (size_t i = 0; i < 40; i++) {
			versions[i] = version_draw(&random);
			origins[i] = (uint16_t)draw_below(&random, 3);
			in_order[i] = i;
			shuffled[i] = i;
		}
		for (size_t i = 40; i < 120; i++)
			shuffled[i] = draw_below(&random, 40);
		for (size_t i = 120; i-- > 1;) {
			const size_t j = draw_below(&random, i + 1), swap = shuffled[i];

			shuffled[i] = shuffled[j];
			shuffled[j] = swap;
		}
		versions_join(&a.ledger, versions, origins, in_order, 40);
		versions_join(&b.ledger, versions, origins, shuffled, 120);
		assert_same_cells(&a.ledger, &b.ledger, versions, origins, 40);
		free(a.memory);
		free(b.memory);
	}
}

/* ---- sums ---- */

static void a_slot_sums_up_its_origins_from_its_first_to_its_last(void **state)
{
	const struct mesh mesh = { .tick_ms = 200, .window_max_ms = 8000, .decay = 2 };
	const struct key key = key_of(1, 1);
	struct books books = books_open(64, 64, 2);
	bool excluded[ORIGINS_MAX] = { false };
	const struct entry *entry;
	struct slot_sums sums;
	uint64_t gain;

	(void)state;
	join(&books.ledger, &key, 0, 65533, 1, 1, 99, &gain); /* before the oldest */
	join(&books.ledger, &key, 0, 65534, 64, 128, 5, &gain);
	join(&books.ledger, &key, 1, 65534, 32, 64, 7, &gain);
	join(&books.ledger, &key, 2, 65534, 0, 255, 11, &gain);
	join(&books.ledger, &key, 1, 65536, 0, 0, 13, &gain);	  /* low bits 0 */
	join(&books.ledger, &key, 1, 65540, 255, 255, 17, &gain); /* the newest held */
	join(&books.ledger, &key, 1, 65541, 0, 0, 19, &gain);	  /* has not begun */
	excluded[2] = true;
	entry = &books.ledger.entries[ledger_find(&books.ledger, &key)];
	ledger_sum(&books.ledger, entry, ledger_first(&books.ledger, entry), 65534, &mesh, excluded, &sums);
	assert_int_equal(sums.sum[0].packets, 12);
	assert_int_equal(sums.sum[0].first.ns, 65534LL * 4000 * NS_PER_MS + 500 * NS_PER_MS);
	assert_int_equal(sums.sum[0].last.ns, 65534LL * 4000 * NS_PER_MS + 2000 * NS_PER_MS);
	assert_int_equal(sums.sum[1].packets, 0);
	assert_int_equal(sums.sum[2].packets, 13);
	assert_int_equal(sums.sum[2].first.ns, 65536LL * 4000 * NS_PER_MS);
	assert_int_equal(sums.sum[6].packets, 17);
	assert_int_equal(sums.sum[3].packets + sums.sum[4].packets + sums.sum[5].packets, 0);
	excluded[2] = false;
	entry = &books.ledger.entries[ledger_find(&books.ledger, &key)];
	ledger_sum(&books.ledger, entry, ledger_first(&books.ledger, entry), 65534, &mesh, excluded, &sums);
	assert_int_equal(sums.sum[0].packets, 23);
	assert_int_equal(sums.sum[0].first.ns, 65534LL * 4000 * NS_PER_MS);
	free(books.memory);
}

static void a_cells_slot_is_told_from_its_low_bits(void **state)
{
	static const struct {
		uint64_t now, slot;
	} rows[] = {
		/* 0 */ { 1000, 1000 },
		/* 1 */ { 1000, 994 },
		/* 2: one ahead */ { 1000, 1001 },
		/* 3 */ { 65536, 65530 },
		/* 4 */ { 65535, 65536 },
		/* 5 */ { 65536, 65537 },
		/* 6 */ { 440000000, 439999994 },
		/* 7 */ { 440000000, 440000001 },
		/* 8: a key not looked at for long */ { 1 << 20, (1 << 20) - 65534 },
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		const struct ledger_cell cell = { .slot = (uint16_t)(rows[i].slot % SLOTS_SPAN) };

		for (uint64_t behind = 0; behind < SLOTS_SPAN; behind++) {
			const struct entry entry = { .newest = (uint16_t)(rows[i].slot + behind) };

			if (cell_slot(&entry, &cell, rows[i].now) != rows[i].slot)
				fail_msg("row %zu, %llu behind: %llu", i, (unsigned long long)behind,
					 (unsigned long long)cell_slot(&entry, &cell, rows[i].now));
		}
	}
}

/* ---- the index ---- */

#define PLAIN_CLIENTS 64
#define PLAIN_DESTINATIONS 8

/* Which keys the ledger must hold, and how many cells each has; client 0 is the destination itself. */
struct plain {
	bool held[PLAIN_CLIENTS][PLAIN_DESTINATIONS], cell[PLAIN_CLIENTS][PLAIN_DESTINATIONS][2];
};

static void plain_forget(struct plain *plain, unsigned int c, unsigned int d)
{
	bool group = false;

	for (unsigned int other = 1; other < PLAIN_CLIENTS; other++)
		group |= plain->held[other][d];
	memset(plain->cell[c][d], 0, sizeof(plain->cell[c][d]));
	if (c != 0 || !group)
		plain->held[c][d] = false;
}

static void assert_holds_the_plain(const struct ledger *ledger, const struct plain *plain)
{
	uint32_t keys = 0, cells = 0;

	for (unsigned int d = 0; d < PLAIN_DESTINATIONS; d++) {
		const struct key destination = key_of(0, d + 1);
		const uint32_t head = ledger_find(ledger, &destination);
		unsigned int group = 0, listed = 0;

		for (unsigned int c = 0; c < PLAIN_CLIENTS; c++) {
			const struct key key = key_of(c, d + 1);
			const uint32_t entry = ledger_find(ledger, &key);

			assert_int_equal(entry != INDEX_NONE, plain->held[c][d]);
			for (unsigned int origin = 0; origin < 2; origin++) {
				assert_int_equal(cell_at(ledger, &key, (uint16_t)origin, 1000) != NULL,
						 plain->cell[c][d][origin]);
				cells += plain->cell[c][d][origin];
			}
			keys += plain->held[c][d];
			group += c > 0 && plain->held[c][d];
		}
		for (uint32_t at = head == INDEX_NONE ? INDEX_NONE : ledger->entries[head].group, before = head;
		     at != INDEX_NONE; before = at, at = ledger->entries[at].group, listed++) {
			assert_int_equal(ledger->entries[at].group_previous, before);
			assert_int_equal(ledger->entries[at].destination, head);
		}
		assert_int_equal(group, listed);
	}
	assert_int_equal(ledger->keys_held, keys);
	assert_int_equal(ledger->cells_held, cells);
	assert_int_equal(ledger->origin_cells[0] + ledger->origin_cells[1], cells);
}

static void random_makes_and_forgets_agree_with_a_plain_list(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct books books = books_open(PLAIN_CLIENTS * PLAIN_DESTINATIONS * 2, 4096, 1);
		struct plain plain = { 0 };
		uint64_t random = seed, gain;

		for (int i = 0; i < 4000; i++) {
			const unsigned int c = (unsigned int)draw_below(&random, PLAIN_CLIENTS),
					   d = (unsigned int)draw_below(&random, PLAIN_DESTINATIONS);
			const struct key key = key_of(c, d + 1);
			const uint16_t origin = (uint16_t)draw_below(&random, 2);
			const uint32_t entry = ledger_find(&books.ledger, &key);

			if (draw_below(&random, 2)) {
				assert_int_equal(join(&books.ledger, &key, origin, 1000, 0, 0, 1 + (uint64_t)i, &gain),
						 plain.cell[c][d][origin] ? JOIN_GREW : JOIN_NEW);
				plain.held[c][d] = plain.held[0][d] = plain.cell[c][d][origin] = true;
			} else if (entry != INDEX_NONE) {
				const bool freed = ledger_forget(&books.ledger, entry, 1001);

				plain_forget(&plain, c, d);
				assert_int_equal(freed, !plain.held[c][d]);
			}
			if (i % 1000 == 999) {
				ledger_forget_origin(&books.ledger, origin);
				for (unsigned int x = 0; x < PLAIN_CLIENTS * PLAIN_DESTINATIONS; x++)
					plain.cell[x / PLAIN_DESTINATIONS][x % PLAIN_DESTINATIONS][origin] = false;
			}
			if (i % 50 == 0)
				assert_holds_the_plain(&books.ledger, &plain);
		}
		free(books.memory);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(versions_join_row_by_row),
		cmocka_unit_test(flags_outlast_a_change_of_an_older_slot),
		cmocka_unit_test(any_order_and_repetition_gives_the_same_ledger),
		cmocka_unit_test(a_slot_sums_up_its_origins_from_its_first_to_its_last),
		cmocka_unit_test(a_cells_slot_is_told_from_its_low_bits),
		cmocka_unit_test(random_makes_and_forgets_agree_with_a_plain_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
