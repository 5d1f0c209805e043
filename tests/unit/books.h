/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* For tests of the ledger: one with its memory, and cells joined into it by hand. */
#ifndef TESTS_UNIT_BOOKS_H
#define TESTS_UNIT_BOOKS_H

#include <string.h>

#include "arena.h"
#include "ledger.h"
#include "vector.h"

struct books {
	struct ledger ledger;
	void *memory;
};

static inline struct books books_open(uint32_t keys_max, uint32_t cells_max, uint32_t members_max)
{
	const size_t bytes = ledger_bytes(keys_max, cells_max, members_max);
	struct books books = { .memory = aligned_alloc(ARENA_ALIGN, bytes) };
	struct arena arena = { .memory = books.memory };

	memset(books.memory, 0xa5, bytes); /* what was there before must not matter */
	ledger_init(&books.ledger, &arena, keys_max, cells_max, members_max, (uint64_t[]){ 11, 22 });
	assert_int_equal(arena.used, bytes);
	return books;
}

static inline struct key key_of(unsigned int client, unsigned int destination)
{
	struct key key = { .destination = address_of_ipv4(
				   (uint8_t[]){ 198, 51, (uint8_t)(destination >> 8), (uint8_t)destination }) };

	if (client)
		key.client = address_of_ipv4(
			(uint8_t[]){ 10, (uint8_t)(client >> 16), (uint8_t)(client >> 8), (uint8_t)client });
	return key;
}

static inline enum join join(struct ledger *ledger, const struct key *key, uint16_t origin, uint64_t slot,
			     uint8_t first, uint8_t last, uint64_t packets, uint64_t *ret_gain)
{
	const struct cell version = { .key = *key, .slot = slot, .first = first, .last = last, .packets = packets };
	const uint32_t entry = ledger_make(ledger, origin, key);
	uint32_t cell;

	*ret_gain = 0;
	return entry == INDEX_NONE ? JOIN_QUOTA : ledger_join(ledger, entry, origin, &version, ret_gain, &cell);
}

static inline const struct ledger_cell *cell_at(const struct ledger *ledger, const struct key *key, uint16_t origin,
						uint64_t slot)
{
	const uint32_t number = ledger_find(ledger, key);
	const struct entry *entry = number == INDEX_NONE ? NULL : &ledger->entries[number];
	const struct ledger_cell *found = NULL;

	for (uint32_t at = entry ? ledger_first(ledger, entry) : INDEX_NONE; at != INDEX_NONE;
	     at = ledger_below(ledger, at)) {
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

#endif
