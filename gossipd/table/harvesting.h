/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A harvest's batch: the cells that are to be given to the caller, and the harvest words of the records they are of.
 * The words are stored after the caller has had the cells: what it keeps of a gain is then in its own memory before the
 * record says that it was harvested. After a crash in between the next daemon gets these gains once more.
 */
#ifndef GOSSIPD_HARVESTING_H
#define GOSSIPD_HARVESTING_H

#include "table_internal.h"

#define CELL_WORK 8 /* giving a cell to the core costs as much as looking at this many sets */

/* Where the words of a record stand, and what they become. */
struct harvest_due {
	__u64 *harvest;
	__u16 *slot;
	struct harvest_words words;
};

struct harvesting {
	struct table *table;
	struct harvest_times times;
	void (*each)(void *user, const struct harvested *cells, size_t count);
	void *user;
	size_t cells;
	uint32_t work, work_max; /* of this part */
	uint32_t untold, due_count;
	struct harvested batch[HARVESTED_AT_ONCE];
	struct harvest_due due[HARVESTED_AT_ONCE];
};

void harvest_tell_batch(struct harvesting *h);

/* So many cells, and the words of one record, are to be in one batch. */
static inline void harvest_reserve(struct harvesting *h, uint32_t cells)
{
	if (h->untold + cells > HARVESTED_AT_ONCE || h->due_count == HARVESTED_AT_ONCE)
		harvest_tell_batch(h);
}

/* Before the record's cells. */
static inline void harvest_words_due(struct harvesting *h, __u64 *harvest, __u16 *slot,
				     const struct harvest_words *words)
{
	h->due[h->due_count++] = (struct harvest_due){ harvest, slot, *words };
}

/* `size`: the mean of the gained packets' frames, in bytes; 0: not known. */
static inline void harvest_tell(struct harvesting *h, enum key_kind kind, const struct key *key,
				const struct harvest_cell *cell, uint32_t gain, uint32_t size)
{
	h->batch[h->untold++] = (struct harvested){
		.key = *key,
		.kind = kind,
		.gain = gain,
		.size = size,
		.slot = cell->slot,
		.first = cell->first,
		.last = cell->last,
		.packets = cell->packets,
	};
	h->work += CELL_WORK;
	if (h->untold == HARVESTED_AT_ONCE)
		harvest_tell_batch(h);
}

/* table_harvest_coarse.c: entries from pass.next on. False: there are more. */
bool harvest_coarse(struct harvesting *h);

#endif
