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

/* `part` of `span`, of so many packets, to the nearest packet. */
static inline uint32_t harvest_part_of(uint32_t gained, int64_t part, int64_t span)
{
	if (span <= 0 || part <= 0)
		return 0;
	return (uint32_t)((double)gained * (double)part / (double)span + 0.5);
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

/* When the packets of a harvest began to come, of which the latest came at `last`. */
static inline struct instant harvest_start(const struct harvest_words *words, const struct harvest_times *times,
					   const struct harvest_counter *record, struct instant last)
{
	/*
	 * The window bounds the span only if all that was gained is in it: a kernel without its daemon ages its
	 * window, and then it is not. (Harvest, 2)
	 */
	const bool inside = record->window_packets == words->harvested_packets;
	int64_t start = times->previous.ns;

	if (inside && record->window_start.ns > start)
		start = record->window_start.ns;
	return (struct instant){ start < last.ns ? start : last.ns };
}

/*
 * The cell of a slot, which begins and ends then. `since`: when the key began here; `last`: its latest packet, perhaps
 * of a later slot; `packets`: what the record itself has counted in the slot (Harvest, 3).
 */
static inline struct harvest_cell harvest_cell_of(uint64_t slot, int64_t begins, int64_t ends, int64_t since,
						  int64_t last, uint32_t packets)
{
	int64_t first = begins;

	/*
	 * A record the daemon made may begin at another proxy's ts2, ahead of our clock: never after its last packet.
	 */
	if (begins < since && since < ends)
		first = since < last ? since : last;
	if (last >= ends)
		last = ends - 1;
	return (struct harvest_cell){
		.slot = slot,
		.first = { first < begins ? begins : first },
		.last = { last < begins ? begins : last },
		.packets = packets,
	};
}

/*
 * What harvest_divide does of a record that was last harvested in the slot before the running one, if packets came: a
 * fast path for the first harvest of a slot. At most two cells; 0: it is not for this record.
 */
static inline size_t harvest_go_over(struct harvest_words *words, const struct harvest_times *times,
				     const struct harvest_counter *record, struct harvest_cell ret_cells[2])
{
	const uint32_t gained = (uint32_t)record->packets - words->harvested_packets;
	const int64_t last = record->last.ns < times->now.ns ? record->last.ns : times->now.ns;
	const int64_t start = harvest_start(words, times, record, (struct instant){ last }).ns;
	const int64_t border = times->slot_begins.ns, before = border - times->slot_length.ns;
	uint32_t share = gained;
	size_t cells = 0;

	if (times->slot == 0 || words->slot != (uint16_t)(times->slot - 1) || start >= border)
		return 0;
	if (last >= border)
		share = harvest_part_of(gained, border - (start > before ? start : before), last - start);
	words->harvested_packets += share;
	if (share > 0)
		ret_cells[cells++] = harvest_cell_of(times->slot - 1, before, border, record->window_start.ns, last,
						     words->harvested_packets - words->slot_start_packets);
	if (share == gained)
		return cells;
	words->slot_start_packets = words->harvested_packets;
	words->slot = (uint16_t)times->slot;
	words->harvested_packets += gained - share;
	ret_cells[cells++] = harvest_cell_of(times->slot, border, times->slot_ends.ns, record->window_start.ns, last,
					     gained - share);
	return cells;
}

#endif
