/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What heads had counted in their last slot when they left. A cell is the total of a slot, and totals are joined by
 * the larger. So an address that gets another head in the same slot must go on from its count there: a head that
 * began at 0 would tell a smaller total, and its packets would be lost. The entries stand in a pinned map, so that
 * the next daemon finds them too.
 *
 * Room is fixed: eight ways by a hash of the address, DEPARTED_PER_HEAD entries for each head. Where all eight are
 * taken the entry of the oldest slot gives way, and among those of one slot the smallest. An address that loses its
 * entry and returns in the same slot tells the larger of its two parts instead of their sum.
 */
#include <string.h>

#include "table_internal.h"

static struct departed_set *set_of_address(const struct table *table, const struct address *address)
{
	__u64 words[2];

	memcpy(words, address, sizeof(words));
	return &table->departed[mix64(mix64(words[0] ^ table->state->seed) ^ words[1]) & (table->departed_sets - 1)];
}

static bool is_of(const struct departed *entry, const struct address *address)
{
	return memcmp(entry->address, address, sizeof(entry->address)) == 0;
}

/* The way to write: the address's own, else the one that is missed least. An empty one is of slot 0. */
static struct departed *way_for(struct departed_set *set, const struct address *address)
{
	struct departed *least = &set->ways[0];

	for (unsigned int way = 0; way < DEPARTED_WAYS; way++) {
		struct departed *entry = &set->ways[way];

		if (is_of(entry, address))
			return entry;
		if (entry->slot < least->slot || (entry->slot == least->slot && entry->packets < least->packets))
			least = entry;
	}
	return least;
}

void departed_put(struct table *table, const struct departed *leaving)
{
	struct address address;

	memcpy(&address, leaving->address, sizeof(address));
	*way_for(set_of_address(table, &address), &address) = *leaving;
}

struct departed *departed_find(const struct table *table, const struct address *address)
{
	struct departed_set *set = set_of_address(table, address);

	for (unsigned int way = 0; way < DEPARTED_WAYS; way++) {
		if (is_of(&set->ways[way], address))
			return &set->ways[way];
	}
	return NULL;
}

void departed_remove(struct table *table, const struct address *address)
{
	struct departed *entry = departed_find(table, address);

	if (entry)
		memset(entry, 0, sizeof(*entry));
}

void departed_clear(struct table *table)
{
	memset(table->departed, 0, table->departed_sets * sizeof(*table->departed));
}
