/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The ledger: the join's rows and laws, the index against a plain list, and who may fill how much of it. */
#include <string.h>

#include "arena.h"
#include "ledger.h"
#include "vector.h"

struct books {
	struct ledger ledger;
	void *memory;
};

static struct books books_open(uint32_t keys_max, uint32_t cells_max, uint32_t members_max)
{
	const size_t bytes = ledger_bytes(keys_max, cells_max, members_max);
	struct books books = { .memory = aligned_alloc(ARENA_ALIGN, bytes) };
	struct arena arena = { .memory = books.memory };

	memset(books.memory, 0xa5, bytes); /* what was there before must not matter */
	ledger_init(&books.ledger, &arena, keys_max, cells_max, members_max, (uint64_t[]){ 11, 22 });
	assert_int_equal(arena.used, bytes);
	return books;
}

static struct key key_of(unsigned int client, unsigned int destination)
{
	struct key key = { .destination =
				   address_of_ipv4((uint8_t[]){ 198, 51, (uint8_t)(destination >> 8), (uint8_t)destination }) };

	if (client)
		key.client = address_of_ipv4((uint8_t[]){ 10, (uint8_t)(client >> 16), (uint8_t)(client >> 8), (uint8_t)client });
	return key;
}

static enum join join(struct ledger *ledger, const struct key *key, uint16_t origin, uint64_t slot, uint8_t first, uint8_t last,
		      uint64_t packets, uint64_t *ret_gain)
{
	const struct cell version = { .key = *key, .slot = slot, .first = first, .last = last, .packets = packets };
	const uint32_t entry = ledger_make(ledger, origin, key);
	uint32_t cell;

	*ret_gain = 0;
	return entry == INDEX_NONE ? JOIN_QUOTA : ledger_join(ledger, entry, origin, &version, ret_gain, &cell);
}

static const struct ledger_cell *cell_at(const struct ledger *ledger, const struct key *key, uint16_t origin, uint64_t slot)
{
	const uint32_t number = ledger_find(ledger, key);
	const struct entry *entry = number == INDEX_NONE ? NULL : &ledger->entries[number];
	const struct ledger_cell *found = NULL;

	for (uint32_t at = entry ? entry->cells : INDEX_NONE; at != INDEX_NONE; at = ledger_below(ledger, at)) {
		const struct ledger_cell *cell = ledger_at(ledger, at);

		if (cell->origin != origin || cell_slot_low(entry, cell) != (uint16_t)slot)
			continue;
		assert_null(found); /* one cell of each */
		found = cell;
	}
	if (number != INDEX_NONE)
		assert_ptr_equal(ledger_cell_of(ledger, number, origin, slot), found);
	return found;
}

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
		/*  0: new */ { 10, 20, 5, JOIN_GREW, 5, 10, 20, 5 },
		/*  1: the same once more */ { 10, 20, 5, JOIN_SAME, 0, 10, 20, 5 },
		/*  2: grown */ { 10, 30, 9, JOIN_GREW, 4, 10, 30, 9 },
		/*  3: an older one late */ { 10, 20, 5, JOIN_SHRUNK, 0, 10, 30, 9 },
		/*  4: one more */ { 10, 30, 10, JOIN_GREW, 1, 10, 30, 10 },
		/*  5: one less */ { 10, 30, 9, JOIN_SHRUNK, 0, 10, 30, 10 },
		/*  6: earlier first, same count */ { 5, 30, 10, JOIN_SAME, 0, 5, 30, 10 },
		/*  7: later first: kept */ { 6, 30, 10, JOIN_SAME, 0, 5, 30, 10 },
		/*  8: later last */ { 5, 31, 10, JOIN_SAME, 0, 5, 31, 10 },
		/*  9: both ends by a smaller count */ { 0, 255, 1, JOIN_SHRUNK, 0, 0, 255, 10 },
		/* 10: up to what a cell holds */ { 0, 255, UINT32_MAX - 1, JOIN_GREW, UINT32_MAX - 11U, 0, 255, UINT32_MAX - 1 },
		/* 11: saturates */ { 0, 255, 1ULL << 32, JOIN_GREW, 1, 0, 255, UINT32_MAX },
		/* 12: and stays */ { 0, 255, UINT64_MAX, JOIN_SAME, 0, 0, 255, UINT32_MAX },
	};
	struct books books = books_open(64, 64, 2);
	const struct key key = key_of(1, 1);

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		uint64_t gain;
		const enum join result = join(&books.ledger, &key, 3, 1000, rows[i].first, rows[i].last, rows[i].packets, &gain);
		const struct ledger_cell *cell = cell_at(&books.ledger, &key, 3, 1000);

		if (result != rows[i].join || gain != rows[i].gain || cell->first != rows[i].first_after ||
		    cell->last != rows[i].last_after || cell->packets != rows[i].packets_after)
			fail_msg("row %zu: join %d, gain %llu, cell %u %u %u", i, result, (unsigned long long)gain, cell->first,
				 cell->last, cell->packets);
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
	entry = &books.ledger.entries[ledger_find(&books.ledger, &key)];
	entry->flags |= flags | ENTRY_PAST;
	join(&books.ledger, &key, 0, 1000, 0, 1, 2, &gain);
	assert_int_equal(entry->flags, flags | ENTRY_PAST | ENTRY_USED);
	join(&books.ledger, &key, 0, 999, 0, 1, 2, &gain);
	assert_int_equal(entry->flags, flags | ENTRY_USED);
	entry->flags |= ENTRY_PAST;
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

static void versions_join(struct ledger *ledger, const struct cell *versions, const uint16_t *origins, const size_t *order,
			  size_t count)
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

/* Idempotent, commutative, associative: any order of any versions, any of them any number of times, is the same ledger. */
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
	ledger_sum(&books.ledger, entry, entry->cells, 65534, &mesh, excluded, &sums);
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
	ledger_sum(&books.ledger, entry, entry->cells, 65534, &mesh, excluded, &sums);
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
		for (uint32_t at = head == INDEX_NONE ? INDEX_NONE : ledger->entries[head].group, before = head; at != INDEX_NONE;
		     before = at, at = ledger->entries[at].group, listed++) {
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
						 JOIN_GREW);
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

/* ---- the stack of blocks ---- */

#define STACK_ORIGINS 9
#define STACK_SLOT 65530 /* its low bits wrap while the test runs */

/* A key's cells by what was joined and not forgotten: newest slot first, each once, in no more blocks than they fill. */
static void assert_stack_is(const struct ledger *ledger, const struct key *key, uint64_t slots, const uint32_t plain[][STACK_ORIGINS])
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
	for (uint32_t at = entry->cells; at != INDEX_NONE; at = ledger_below(ledger, at), listed++) {
		const uint64_t slot = cell_slot(entry, ledger_at(ledger, at), STACK_SLOT + slots - 1);

		assert_true(slot <= before);
		before = slot;
	}
	assert_int_equal(listed, cells);
	assert_int_equal(ledger->blocks_held, (cells + BLOCK_CELLS - 1) / BLOCK_CELLS);
	assert_true(entry->cells == INDEX_NONE || cell_slot_low(entry, ledger_at(ledger, entry->cells)) == entry->newest);
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
				memset(plain, 0, (newest - SLOTS_SPAN + 1) * sizeof(plain[0])); /* their place in the count is another's */
				plain[newest][origin] = step;
			}
			assert_stack_is(&books.ledger, &key, newest + 1, plain);
		}
		free(books.memory);
	}
}

/* A client that one proxy sees in every slot takes one block, also while a new slot has begun and the sweep has not come by. */
static void forgotten_cells_give_way_before_a_block_is_taken(void **state)
{
	struct books books = books_open(64, 64, 1);
	const struct key key = key_of(0, 1);
	uint64_t gain;

	(void)state;
	for (uint64_t slot = 65500; slot < 65600; slot++) {
		ledger_advance(&books.ledger, slot - (SLOTS_HELD - 1));
		for (unsigned int i = 1; i <= 2; i++) /* new, then grown */
			assert_int_equal(join(&books.ledger, &key, 0, slot, 0, 0, i, &gain), JOIN_GREW);
		assert_int_equal(books.ledger.blocks_held, 1);
		assert_int_equal(books.ledger.cells_held, slot < 65500 + SLOTS_HELD ? slot - 65499 : SLOTS_HELD);
		assert_non_null(cell_at(&books.ledger, &key, 0, slot < 65500 + SLOTS_HELD ? 65500 : slot - (SLOTS_HELD - 1)));
	}
	free(books.memory);
}

/* Who keeps alive what another once met pays for it: the other's part is free again when its own cells are forgotten. */
static void who_keeps_anothers_keys_alive_pays_for_them(void **state)
{
	const uint16_t victim = INCARNATIONS_MAX, keeper = 2 * INCARNATIONS_MAX;
	struct books books = books_open(1024, 1024, 4);
	uint64_t gain, slot = 1000;
	uint32_t count = 0;

	(void)state;
	for (; count < 100; count++) { /* each with its destination */
		const struct key key = key_of(1 + count, 1 + count);

		assert_int_equal(join(&books.ledger, &key, victim, slot, 0, 0, 1, &gain), JOIN_GREW);
		assert_int_equal(join(&books.ledger, &key, keeper, slot + SLOTS_HELD - 1, 0, 0, 1, &gain), JOIN_GREW);
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

/* Bits of a slot come round: after a host slept for days its clients are counted anew, and nothing of before counts again. */
static void no_cell_outlasts_a_pause_of_any_length(void **state)
{
	static const uint64_t pauses[] = { SLOTS_SPAN, 16384, 16385, 32767, 32768, 50000, 65535, 65536, 65541, 131072, 600000 };

	(void)state;
	for (unsigned int i = 0; i < sizeof(pauses) / sizeof(pauses[0]); i++) {
		struct books books = books_open(64, 64, 1);
		const uint64_t before = 70000, after = before + pauses[i], oldest = after - (SLOTS_HELD - 1);
		const struct key keys[] = { key_of(0, 1), key_of(0, 2) };
		uint64_t gain;

		for (unsigned int k = 0; k < 2; k++) {
			ledger_advance(&books.ledger, before - (SLOTS_HELD - 1));
			assert_int_equal(join(&books.ledger, &keys[k], 0, before, 0, 0, 5, &gain), JOIN_GREW);
		}
		ledger_advance(&books.ledger, oldest);
		assert_int_equal(join(&books.ledger, &keys[0], 0, after, 0, 0, 3, &gain), JOIN_GREW);
		assert_int_equal(gain, 3);
		for (unsigned int k = 0; k < 2; k++)
			assert_int_equal(ledger_forget(&books.ledger, ledger_find(&books.ledger, &keys[k]), oldest), k == 1);
		assert_int_equal(books.ledger.cells_held, 1);
		assert_int_equal(books.ledger.keys_held, 1);
		assert_int_equal(books.ledger.blocks_held, 1);
		assert_int_equal(books.ledger.member_blocks[0], 1);
		free(books.memory);
	}
}

/* Whatever comes from the network: a slot that is not one of the eight up to the newest finds no place, and harms none. */
static void a_slot_out_of_reach_is_refused(void **state)
{
	static const struct {
		uint64_t slot;
		enum join join;
		uint32_t cells;
	} rows[] = {
		/* 0: the oldest in reach */ { 70001 - SLOTS_SPAN, JOIN_GREW, 2 },
		/* 1: one before */ { 70000 - SLOTS_SPAN, JOIN_QUOTA, 1 },
		/* 2: with the same low bits as the newest */ { 70000 - 8192, JOIN_QUOTA, 1 },
		/* 3: the next */ { 70001, JOIN_GREW, 2 },
		/* 4: so far on that the rest is forgotten */ { 70000 + SLOTS_SPAN, JOIN_GREW, 1 },
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct books books = books_open(64, 64, 1);
		const struct key key = key_of(1, 1);
		uint64_t gain;

		join(&books.ledger, &key, 0, 70000, 0, 0, 5, &gain);
		if (join(&books.ledger, &key, 0, rows[i].slot, 0, 0, 7, &gain) != rows[i].join || books.ledger.cells_held != rows[i].cells)
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

/* ---- quota ---- */

/* New pairs of one origin until it may have no more. */
static uint32_t flood(struct ledger *ledger, uint16_t origin, uint32_t most)
{
	uint32_t taken = 0;

	while (taken < most) {
		const struct key key = key_of(1 + origin * 100000U + taken, 1);
		uint64_t gain;

		if (!ledger_has_room(ledger, origin, 1) || join(ledger, &key, origin, 1000, 0, 0, 1, &gain) != JOIN_GREW)
			break;
		taken++;
	}
	return taken;
}

/* Half of 8192 keys is lent, a quarter is member 0's (this proxy's), a quarter the others'. */
static void a_flood_takes_nothing_of_anothers_part(void **state)
{
	(void)state;
	for (uint32_t members = 2; members <= 16; members *= 2) {
		struct books books = books_open(8192, 2048, members); /* a block for each */
		const uint32_t part = 8192 / 4 / members;

		assert_int_equal(flood(&books.ledger, INCARNATIONS_MAX, UINT32_MAX), 4095); /* and the destination */
		for (uint16_t member = 2; member < members; member++)
			assert_int_equal(flood(&books.ledger, (uint16_t)(member * INCARNATIONS_MAX), UINT32_MAX), part);
		assert_int_equal(flood(&books.ledger, 0, UINT32_MAX), 2048);
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
	assert_int_equal(taken, 4095);
	assert_int_equal(flood(&books.ledger, 15 * INCARNATIONS_MAX, UINT32_MAX), 8192 / 4 / 16);
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

				if (join(ledger, &key, (uint16_t)(member * INCARNATIONS_MAX + incarnation), slot, 0, 0, 1, &gain) == JOIN_GREW)
					taken++;
			}
		}
	}
	return taken;
}

/* 128 blocks for 128 keys. One fills the 64 that are lent with few keys: on these, every cell of another needs a block, and each finds its part. */
static void blocks_are_guaranteed_as_keys_are(void **state)
{
	struct books books = books_open(128, 0, 4);
	struct ledger *ledger = &books.ledger;

	(void)state;
	assert_int_equal(flood_cells(ledger, 1, SLOTS_HELD), 64 * BLOCK_CELLS);
	assert_int_equal(ledger->member_blocks[1], 64);
	assert_int_equal(flood_cells(ledger, 2, SLOTS_HELD), 8 * BLOCK_CELLS); /* the rest found room in blocks of its own */
	assert_int_equal(ledger->member_blocks[2], 128 / 4 / 4);
	assert_int_equal(flood_cells(ledger, 1, SLOTS_SPAN), 0);
	flood_cells(ledger, 3, SLOTS_HELD);
	assert_int_equal(ledger->member_blocks[3], 128 / 4 / 4);
	flood_cells(ledger, 0, SLOTS_HELD);
	assert_true(ledger->member_blocks[0] >= FLOOD_KEYS - 2 * 8 && ledger->member_blocks[0] <= 128 / 4);
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

		if (join(&books.ledger, &key, INCARNATIONS_MAX, 1000, 0, 0, 1, &gain) != JOIN_GREW)
			break;
	}
	assert_true(books.ledger.keys_held >= 511 && books.ledger.keys_held <= 512);
	taken = flood(&books.ledger, 2 * INCARNATIONS_MAX, UINT32_MAX);
	assert_int_equal(taken, 1024 / 4 / 4);
	taken = flood(&books.ledger, 0, UINT32_MAX);
	assert_int_equal(taken, 1024 / 4);
	free(books.memory);
}

static void what_is_held_grows_even_when_nothing_new_may_come(void **state)
{
	struct books books = books_open(8192, 2048, 16);
	const struct key known = key_of(1, 1), new = key_of(999999, 1);
	uint64_t gain;

	(void)state;
	flood(&books.ledger, 0, UINT32_MAX);
	assert_false(ledger_has_room(&books.ledger, 0, 1));
	assert_int_equal(join(&books.ledger, &known, 0, 1000, 0, 9, 50, &gain), JOIN_GREW);
	assert_int_equal(gain, 49);
	for (uint64_t slot = 1001; slot < 1000 + BLOCK_CELLS; slot++) /* room in the block it has */
		assert_int_equal(join(&books.ledger, &known, 0, slot, 0, 9, 50, &gain), JOIN_GREW);
	assert_int_equal(join(&books.ledger, &new, 0, 1000, 0, 9, 50, &gain), JOIN_QUOTA);
	assert_int_equal(join(&books.ledger, &new, 3, 1000, 0, 9, 50, &gain), JOIN_GREW);
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
	assert_int_equal(made, 31); /* and the destination: the half that is lent */
	assert_int_equal(ledger_find(&books.ledger, &key), INDEX_NONE);
	key = key_of(7, 1);
	assert_int_equal(join(&books.ledger, &key, 0, 1000, 0, 0, 1, &gain), JOIN_GREW);
	for (uint32_t entry = 0; entry < 64; entry++) {
		if (books.ledger.entries[entry].flags & ENTRY_USED && !entry_is_destination(&books.ledger.entries[entry]))
			assert_true(ledger_forget(&books.ledger, entry, 1001));
	}
	assert_int_equal(books.ledger.keys_held, 1);
	key = key_of(0, 1);
	assert_true(ledger_forget(&books.ledger, ledger_find(&books.ledger, &key), 1001));
	assert_int_equal(books.ledger.keys_held + books.ledger.cells_held, 0);
	free(books.memory);
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
		cmocka_unit_test(late_and_forgotten_cells_leave_the_stack_in_order),
		cmocka_unit_test(forgotten_cells_give_way_before_a_block_is_taken),
		cmocka_unit_test(who_keeps_anothers_keys_alive_pays_for_them),
		cmocka_unit_test(no_cell_outlasts_a_pause_of_any_length),
		cmocka_unit_test(a_slot_out_of_reach_is_refused),
		cmocka_unit_test(forgetting_takes_the_slots_below_and_no_others),
		cmocka_unit_test(a_flood_takes_nothing_of_anothers_part),
		cmocka_unit_test(incarnations_share_one_members_part),
		cmocka_unit_test(blocks_are_guaranteed_as_keys_are),
		cmocka_unit_test(keys_are_guaranteed_as_cells_are),
		cmocka_unit_test(what_is_held_grows_even_when_nothing_new_may_come),
		cmocka_unit_test(full_pools_refuse_and_recover),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
