/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Harvest: from a record's counter, which only grows, to own cells. Pure arithmetic on the harvest words of
 * record.h, so that a restarted daemon derives the identical cell; PROTOCOL section "Harvest".
 */
#ifndef PROTO_HARVEST_H
#define PROTO_HARVEST_H

#include <stddef.h>

#include <xpro/bounds.h>
#include <xpro/time.h>

/* The daemon's words of a record. */
struct harvest_words {
	uint32_t slot_start_packets; /* (u32)packets when `slot` began */
	uint32_t harvested_packets; /* (u32)packets at the last harvest */
	uint16_t slot; /* low 16 bits */
};

/* What the records of one harvest have in common. */
struct harvest_times {
	struct instant previous; /* the last harvest */
	struct instant now;
	struct duration slot_length;
	uint64_t slot; /* of now */
	struct instant slot_begins, slot_ends;
};

struct harvest_times harvest_times_of(struct instant previous, struct instant now, struct duration slot_length);

/* A record as the kernel keeps it, now. */
struct harvest_counter {
	uint64_t packets;
	struct instant last;
	struct instant window_start; /* the kernel's: the first packet after an idle reset, or of the record */
	uint32_t window_packets;     /* (u32)packets when that window started */
	struct duration idle_reset;
};

struct harvest_cell {
	uint64_t slot;
	struct instant first, last;
	uint64_t packets; /* of the slot so far */
};

/*
 * The cells that changed: none when no packet came, one in the common case, else one per slot from the previous
 * harvest to `last`, the new packets divided by time (after a stall they must not all count in one slot). At most
 * SLOTS_HELD, the newest. *words is brought up to date. `first` is exact in the first call that returns a slot, and
 * may be the slot's start in later ones, so a ledger keeps the smallest. Σ over all calls of the packets of a slot
 * equals the packets counted; nothing is lost to rounding.
 */
size_t harvest_divide(struct harvest_words *words, const struct harvest_times *times,
		      const struct harvest_counter *record, struct harvest_cell ret_cells[SLOTS_HELD]);

/* What a cell that a harvest returned gained by it; `before`: the words before that harvest. */
static inline uint32_t harvest_gain(const struct harvest_words *before, const struct harvest_cell *cell)
{
	const uint32_t had = before->harvested_packets - before->slot_start_packets;

	return (uint32_t)cell->packets - (before->slot == (uint16_t)cell->slot ? had : 0);
}

/*
 * Was the record last harvested in the running slot? Then every packet since belongs to that slot, and nothing is
 * divided.
 */
static inline bool harvest_slot_goes_on(const struct harvest_words *words, const struct harvest_times *times)
{
	return words->slot == (uint16_t)times->slot;
}

/*
 * What harvest_divide does in that case, if packets came: a fast path for all but the first harvest of a slot.
 */
static inline struct harvest_cell harvest_go_on(struct harvest_words *words, const struct harvest_times *times,
						const struct harvest_counter *record)
{
	const int64_t begins = times->slot_begins.ns, ends = times->slot_ends.ns, started = record->window_start.ns;
	int64_t last = record->last.ns < times->now.ns ? record->last.ns : times->now.ns, first = begins;

	if (last < begins)
		last = begins; /* a CPU wrote an old time: `last` is never before the slot */
	if (started > begins && started < ends)
		first = started < last ? started : last;
	words->harvested_packets = (uint32_t)record->packets;
	return (struct harvest_cell){
		.slot = times->slot,
		.first = { first },
		.last = { last },
		.packets = words->harvested_packets - words->slot_start_packets,
	};
}

#endif
