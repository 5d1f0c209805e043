/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Harvest: what a record's counter gained since it was last read becomes own cells, divided over the slots it fell in.
 * gossipd/table/table_harvest.c reads the table; the ledger keeps the cells.
 */
#include "harvest.h"

/* A division of 64 bits would be most of a harvest. Rounding puts the quotient off by one at most. */
static uint64_t slot_divide(struct instant at, struct duration slot_length)
{
	int64_t slot = (int64_t)((double)at.ns / (double)slot_length.ns);

	if (at.ns <= 0)
		return 0;
	while (slot * slot_length.ns > at.ns)
		slot--;
	while (at.ns - slot * slot_length.ns >= slot_length.ns)
		slot++;
	return (uint64_t)slot;
}

struct harvest_times harvest_times_of(struct instant previous, struct instant now, struct duration slot_length)
{
	const uint64_t slot = slot_divide(now, slot_length);
	const struct instant slot_begins = { (int64_t)slot * slot_length.ns };

	return (struct harvest_times){ .previous = previous,
				       .now = now,
				       .slot_length = slot_length,
				       .slot = slot,
				       .slot_begins = slot_begins,
				       .slot_ends = instant_after(slot_begins, slot_length) };
}

/* Of a time that is not after now. */
static uint64_t slot_of(const struct harvest_times *times, struct instant at)
{
	return instant_is_before(at, times->slot_begins) ? slot_divide(at, times->slot_length) : times->slot;
}

/* The slot whose low 16 bits the record keeps: the latest such slot that is not after `now`. */
static uint64_t slot_widen(uint16_t low, uint64_t slot_now)
{
	return slot_now - (uint16_t)(slot_now - low);
}

static struct instant latest(struct instant a, struct instant b)
{
	return instant_is_before(a, b) ? b : a;
}

static struct instant earliest(struct instant a, struct instant b)
{
	return instant_is_before(a, b) ? a : b;
}

/*
 * When this origin began to see the key: the start of the kernel's window, but not before the last harvest when the
 * key was silent here for longer than idle_reset. The kernel keeps its window then if the key was active elsewhere.
 * Silence is known to the slot: one of up to a slot more than idle_reset may go unnoticed. (Harvest, 4)
 */
static struct instant began(const struct harvest_times *times, const struct harvest_counter *record, uint64_t slot_held,
			    struct instant start)
{
	const struct instant heard = { (int64_t)(slot_held + 1) * times->slot_length.ns };

	if (duration_exceeds(duration_between(heard, start), record->idle_reset))
		return latest(start, record->window_start);
	return record->window_start;
}

size_t harvest_divide(struct harvest_words *words, const struct harvest_times *times,
		      const struct harvest_counter *record, struct harvest_cell ret_cells[SLOTS_HELD])
{
	const uint32_t gained = (uint32_t)record->packets - words->harvested_packets;
	const struct instant last = earliest(record->last, times->now);
	const struct instant start = harvest_start(words, times, record, last);
	const uint64_t slot_held = slot_widen(words->slot, times->slot);
	const struct instant since = began(times, record, slot_held, start);
	uint64_t slot = slot_of(times, start), slot_end = slot_of(times, last);
	uint32_t counter = words->harvested_packets, left = gained;
	size_t cells = 0;

	if (gained == 0)
		return 0; /* nothing to do (Harvest, 1) */
	/* A slot once harvested is never gone behind, even if two CPUs stamped their packets in reverse order. */
	if (slot < slot_held)
		slot = slot_held;
	if (slot_end < slot)
		slot_end = slot;

	for (; slot <= slot_end; slot++) {
		const struct instant slot_begins = { (int64_t)slot * times->slot_length.ns };
		const struct instant slot_ends = instant_after(slot_begins, times->slot_length);
		const struct instant from = latest(start, slot_begins), to = earliest(last, slot_ends);
		const int64_t span = last.ns - start.ns, part = to.ns - from.ns;
		uint32_t share = left;

		if (slot < slot_end)
			share = harvest_part_of(gained, part, span);
		if (share > left)
			share = left;
		left -= share;
		if (share == 0)
			continue;
		if (slot != slot_held) {
			words->slot_start_packets = counter;
			words->slot = (uint16_t)slot;
		}
		counter += share;
		if (slot + SLOTS_HELD <= slot_end)
			continue; /* forgotten before it was read: nobody would take it */
		ret_cells[cells++] = harvest_cell_of(slot, slot_begins.ns, slot_ends.ns, since.ns, last.ns,
						     counter - words->slot_start_packets);
	}
	words->harvested_packets = counter;
	return cells;
}
