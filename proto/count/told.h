/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What other members know of a key's own cells: two bits for each slot, in its entry. A cell that was told, in a frame
 * of its own origin, stays told. spread/ decides when a cell is told (need.c) and publishes it (publish.c); the state
 * goes with the cell when its slot is forgotten (ledger_cells.c).
 */
#ifndef PROTO_TOLD_H
#define PROTO_TOLD_H

#include "ledger.h"

enum told {
	TOLD_NOT, /* in no frame, or there is no own cell of the slot */
	TOLD_DONE, /* a frame has its present total */
	TOLD_WAITS, /* to be published in a frame of a tick */
	TOLD_LATE, /* its slot's closing frames have gone past it: to be published in a closing frame of its own */
};
#define TOLD_BITS 2
_Static_assert(TOLD_WAITS == 2 && TOLD_LATE == 3 && TOLD_BITS == 2, "what told_any reads");
_Static_assert(TOLD_BITS * SLOTS_SPAN <= 8 * sizeof(((struct entry *)0)->told), "an entry has a state for each slot");

static inline unsigned int told_shift(uint64_t slot)
{
	return (unsigned int)(slot % SLOTS_SPAN) * TOLD_BITS;
}

static inline enum told told_of(const struct entry *entry, uint64_t slot)
{
	return (enum told)(entry->told >> told_shift(slot) & ((1U << TOLD_BITS) - 1));
}

static inline void told_set(struct entry *entry, uint64_t slot, enum told told)
{
	const unsigned int mask = ((1U << TOLD_BITS) - 1) << told_shift(slot);

	entry->told = (uint16_t)((entry->told & ~mask) | (unsigned int)told << told_shift(slot));
}

/* Is an own cell of the key in this state, TOLD_WAITS or TOLD_LATE? */
static inline bool told_any(const struct entry *entry, enum told told)
{
	const unsigned int low = entry->told, high = low >> 1;

	return high & (told == TOLD_LATE ? low : ~low) & 0x5555;
}

/* Did the origin of this cell tell others of it? What is held of another origin came in its frames. */
static inline bool told_cell(const struct entry *entry, const struct ledger_cell *cell)
{
	return cell->origin != 0 || told_of(entry, cell->slot) != TOLD_NOT;
}

#endif
