/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Harvest of coarse entries: what no record counts is counted there, and goes to the sum of the client or network that
 * owns the entry. Packets of others in the entry go to no sum: nobody is blamed for a neighbour.
 *
 * A prefix may own an entry in both rows, which then count the same packets. The entry of the first row is told of, and
 * that of the second only when the prefix does not own the other. The words of both are brought up to date.
 */
#include <string.h>

#include "harvesting.h"

/* The key whose packets an entry of this kind and owner counts. */
static struct key key_of_owner(enum coarse_kind kind, const __u64 owner[2])
{
	struct address address;

	memcpy(&address, owner, sizeof(address));
	return kind == COARSE_NETWORKS ? key_of_network(&address) : key_of_client(&address);
}

static void owner_read(const struct coarse_entry *entry, __u64 ret_owner[2])
{
	ret_owner[0] = load64(&entry->owner[0]);
	ret_owner[1] = load64(&entry->owner[1]);
}

/* The owner's entry of the first row. */
static const struct coarse_entry *first_of(const struct table *table, enum coarse_kind kind, const __u64 owner[2])
{
	return &table->coarse[coarse_index(kind, 0, owner, table->state->seed)];
}

/* Is the owner told of by its entry of row `row`? */
static bool is_told_here(const struct table *table, enum coarse_kind kind, uint32_t row, const __u64 owner[2])
{
	const struct coarse_entry *first = first_of(table, kind, owner);
	__u64 other[2];

	owner_read(first, other);
	return row == 0 || other[0] != owner[0] || other[1] != owner[1];
}

/*
 * The words as this harvest finds them. Those of an owner before are not the present one's, whose packets count from
 * when it became it.
 */
static struct harvest_words words_now(struct coarse_entry *entry, const __u64 owner[2])
{
	const uint64_t harvest = entry->harvest;
	const uint32_t from = load32(&entry->owned_from);

	if (entry->told == coarse_mark(owner) && (int32_t)(WORD_HIGH(harvest) - from) >= 0)
		return (struct harvest_words){ WORD_LOW(harvest), WORD_HIGH(harvest), entry->slot };
	entry->told = coarse_mark(owner);
	return (struct harvest_words){ from, from, 0 };
}

static void harvest_entry(struct harvesting *h, enum coarse_kind kind, uint32_t row, struct coarse_entry *entry)
{
	__u64 owner[2];

	owner_read(entry, owner);

	struct harvest_words words = words_now(entry, owner), before;
	const struct harvest_counter counter = {
		.packets = load32(&entry->owned),
		.last = table_mesh_of(h->table, load32(&entry->last)),
		.window_start = h->times.previous,
		.window_packets = words.harvested_packets,
	};
	const struct key key = key_of_owner(kind, owner);
	struct harvest_cell cells[SLOTS_HELD];
	size_t count;

	if (h->table->renewed)
		words.slot_start_packets = words.harvested_packets;
	before = words;
	count = harvest_divide(&words, &h->times, &counter, cells);
	harvest_reserve(h, SLOTS_HELD);
	harvest_words_due(h, &entry->harvest, &entry->slot, &words);
	for (size_t i = 0; i < count && is_told_here(h->table, kind, row, owner); i++)
		harvest_tell(h, key_kind(&key), &key, &cells[i], harvest_gain(&before, &cells[i]), 0);
}

/* An entry whose owner is another since the last harvest tells nothing: whose its words are is not kept. */
bool coarse_harvested(struct table *table, uint32_t index, struct key *ret_key, struct harvest_words *ret_words)
{
	const enum coarse_kind kind = index / (COARSE_ENTRIES * COARSE_ROWS);
	const struct coarse_entry *entry = &table->coarse[index], *first;
	__u64 owner[2];

	owner_read(entry, owner);
	first = first_of(table, kind, owner);
	if (entry->harvest == 0 || entry->told != coarse_mark(owner) || (first != entry && first->told == entry->told))
		return false;
	*ret_key = key_of_owner(kind, owner);
	*ret_words = (struct harvest_words){ WORD_LOW(entry->harvest), WORD_HIGH(entry->harvest), entry->slot };
	return true;
}

/* Packets so far for which entries were counted in. */
static uint64_t packets_counted(const struct table *table)
{
	static const enum reason reasons[] = { REASON_COARSE, REASON_TABLE_FULL, REASON_CLIENT_QUOTA };
	uint64_t packets = 0;

	for (uint32_t cpu = 0; cpu < table->cpus; cpu++)
		for (unsigned int i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
			packets += load64(&table->reasons[cpu][reasons[i]].packets);
	return packets;
}

/*
 * Most of the time all packets find records, and no entry has changed. A packet that is counted now may not be in its
 * entries yet: so they are looked at once more after the last one.
 */
static bool are_changed(struct table *table)
{
	const uint64_t packets = packets_counted(table);

	if (packets != table->coarse_counted || table->resuming)
		table->coarse_looks = 2;
	table->coarse_counted = packets;
	if (table->coarse_looks == 0)
		return false;
	table->coarse_looks--;
	return true;
}

#define ENTRIES (COARSE_KINDS * COARSE_ROWS * COARSE_ENTRIES)
#define ENTRIES_PER_WORK 8 /* as much memory as a set of pairs */

bool harvest_coarse(struct harvesting *h)
{
	struct harvest_pass *pass = &h->table->pass;

	if (pass->next == 0 && !are_changed(h->table))
		return true;
	for (; pass->next < ENTRIES && h->work < h->work_max; pass->next++) {
		struct coarse_entry *entry = &h->table->coarse[pass->next];
		const uint32_t row = pass->next / COARSE_ENTRIES % COARSE_ROWS;

		h->work += pass->next % ENTRIES_PER_WORK == 0;
		if (load32(&entry->owned) != WORD_HIGH(entry->harvest))
			harvest_entry(h, pass->next / (COARSE_ENTRIES * COARSE_ROWS), row, entry);
	}
	return pass->next == ENTRIES;
}
