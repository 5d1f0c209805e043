/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Own counts into cells: a table of rows around every edge of a slot. */
#include "harvest_times.h"
#include "vector.h"

#define CELLS_MAX SLOTS_HELD

struct expected {
	uint64_t slot;
	int64_t first, last;
	uint64_t packets;
};

struct row {
	struct harvest_words words;
	uint64_t packets;
	int64_t last, window_start, previous, now;
	size_t cells;
	struct expected cell[CELLS_MAX];
	struct harvest_words words_after;
};

/* clang-format off */
/*
 * words { slot_start_packets, harvested_packets, slot }, packets, last, window_start, previous, now, number of cells,
 *   cells { slot, first, last, packets }, words after
 */
static const struct row rows[] = {
	/*  0: nothing came */
	{ { 0, 3, 10 }, 3, MS(40150), MS(40100), MS(40200), MS(40400), 0,
	  { { 0 } }, { 0, 3, 10 } },
	/*  1: nothing came, and the slot is another by now: the words stay */
	{ { 0, 3, 10 }, 3, MS(40150), MS(40100), MS(44000), MS(44200), 0,
	  { { 0 } }, { 0, 3, 10 } },
	/*  2: a new record: first is its first packet */
	{ { 0, 0, 0 }, 3, MS(40150), MS(40100), MS(40000), MS(40200), 1,
	  { { 10, MS(40100), MS(40150), 3 } }, { 0, 3, 10 } },
	/*  3: more in the same slot: the total, the same first */
	{ { 0, 3, 10 }, 8, MS(40350), MS(40100), MS(40200), MS(40400), 1,
	  { { 10, MS(40100), MS(40350), 8 } }, { 0, 8, 10 } },
	/*  4: the next slot: it counts from 0, and begins at its start since the client is continuing */
	{ { 0, 8, 10 }, 12, MS(44150), MS(40100), MS(44000), MS(44200), 1,
	  { { 11, START(11), MS(44150), 4 } }, { 8, 12, 11 } },
	/*  5: over the boundary, half before and half after */
	{ { 0, 8, 10 }, 18, MS(44100), MS(40100), MS(43900), MS(44100), 2,
	  { { 10, MS(40100), END(10), 13 }, { 11, START(11), MS(44100), 5 } }, { 13, 18, 11 } },
	/*  6: last on the boundary: no time of the next slot has passed, so it gets nothing yet */
	{ { 0, 8, 10 }, 18, START(11), MS(40100), MS(43900), MS(44000), 1,
	  { { 10, MS(40100), END(10), 18 } }, { 0, 18, 10 } },
	/*  7: last 1 ns before it */
	{ { 0, 8, 10 }, 18, END(10), MS(40100), MS(43900), MS(44000), 1,
	  { { 10, MS(40100), END(10), 18 } }, { 0, 18, 10 } },
	/*  8: last 1 ns after it: the part is below half a packet */
	{ { 0, 8, 10 }, 18, START(11) + 1, MS(40100), MS(43900), MS(44100), 1,
	  { { 10, MS(40100), END(10), 18 } }, { 0, 18, 10 } },
	/*  9: the previous harvest on the boundary: all belongs to the new slot */
	{ { 0, 8, 10 }, 18, MS(44100), MS(40100), START(11), MS(44100), 1,
	  { { 11, START(11), MS(44100), 10 } }, { 8, 18, 11 } },
	/* 10: the previous harvest 1 ns before it: the same, to the nearest packet */
	{ { 0, 8, 10 }, 18, MS(44100), MS(40100), END(10), MS(44100), 1,
	  { { 11, START(11), MS(44100), 10 } }, { 8, 18, 11 } },
	/* 11: no time at all between the two, both on the boundary */
	{ { 0, 8, 10 }, 18, START(11), MS(40100), START(11), START(11), 1,
	  { { 11, START(11), START(11), 10 } }, { 8, 18, 11 } },
	/* 12: one packet, half of its time before: it goes there */
	{ { 0, 8, 10 }, 9, MS(44100), MS(40100), MS(43900), MS(44100), 1,
	  { { 10, MS(40100), END(10), 9 } }, { 0, 9, 10 } },
	/* 13: one packet, less than half before: it goes after */
	{ { 0, 8, 10 }, 9, MS(44101), MS(40100), MS(43900), MS(44101), 1,
	  { { 11, START(11), MS(44101), 1 } }, { 8, 9, 11 } },
	/* 14: a stall over three boundaries: by time, 1 s, 4 s, 4 s and 3 s of 12 */
	{ { 0, 8, 10 }, 128, MS(55000), MS(40100), MS(43000), MS(55000), 4,
	  { { 10, MS(40100), END(10), 18 }, { 11, START(11), END(11), 40 },
	    { 12, START(12), END(12), 40 }, { 13, START(13), MS(55000), 30 } },
	  { 98, 128, 13 } },
	/* 15: fewer packets than slots: none lost, none invented (0.25 each rounds to 0, the rest falls to the last) */
	{ { 0, 8, 10 }, 9, MS(56000) - 1, MS(40100), MS(40200), MS(56000), 1,
	  { { 13, START(13), END(13), 1 } }, { 8, 9, 13 } },
	/* 16: exactly as many slots as are held */
	{ { 0, 0, 9 }, 70, END(16), START(10), START(10), START(17), 7,
	  { { 10, START(10), END(10), 10 }, { 11, START(11), END(11), 10 },
	    { 12, START(12), END(12), 10 }, { 13, START(13), END(13), 10 },
	    { 14, START(14), END(14), 10 }, { 15, START(15), END(15), 10 },
	    { 16, START(16), END(16), 10 } },
	  { 60, 70, 16 } },
	/* 17: one more: its oldest is nobody's, its packets are not given to another */
	{ { 0, 0, 9 }, 80, END(17), START(10), START(10), START(18), 7,
	  { { 11, START(11), END(11), 10 }, { 12, START(12), END(12), 10 },
	    { 13, START(13), END(13), 10 }, { 14, START(14), END(14), 10 },
	    { 15, START(15), END(15), 10 }, { 16, START(16), END(16), 10 },
	    { 17, START(17), END(17), 10 } },
	  { 70, 80, 17 } },
	/* 18: an idle reset since the last harvest: nothing is credited to the silence */
	{ { 0, 8, 10 }, 18, MS(62100), MS(62000), MS(50000), MS(62200), 1,
	  { { 15, MS(62000), MS(62100), 10 } }, { 8, 18, 15 } },
	/* 19: the window begins on the boundary itself */
	{ { 0, 8, 10 }, 18, MS(60100), START(15), MS(50000), MS(60200), 1,
	  { { 15, START(15), MS(60100), 10 } }, { 8, 18, 15 } },
	/* 20: the window begins in the last nanosecond of a slot and goes on in the next */
	{ { 0, 8, 10 }, 18, MS(60100), END(14), MS(50000), MS(60200), 1,
	  { { 15, START(15), MS(60100), 10 } }, { 8, 18, 15 } },
	/* 21: the counter passes 2^32 */
	{ { 0xfffffff0, 0xfffffff8, 10 }, 0x100000008, MS(40350), MS(40100), MS(40200), MS(40400), 1,
	  { { 10, MS(40100), MS(40350), 24 } }, { 0xfffffff0, 8, 10 } },
	/* 22: it passes 2^32 on a slot boundary */
	{ { 0xffffff00, 0xfffffffb, 10 }, 0x100000005, MS(44100), MS(40100), MS(43900), MS(44100), 2,
	  { { 10, MS(40100), END(10), 0x100 }, { 11, START(11), MS(44100), 5 } }, { 0, 5, 11 } },
	/* 23: two CPUs stamp in reverse order: the slot once harvested is not gone behind */
	{ { 8, 18, 11 }, 20, MS(43999), MS(40100), MS(43990), MS(44200), 1,
	  { { 11, START(11), START(11), 12 } }, { 8, 20, 11 } },
	/* 24: last before the previous harvest, same slot */
	{ { 8, 18, 11 }, 20, MS(44100), MS(40100), MS(44200), MS(44400), 1,
	  { { 11, START(11), MS(44100), 12 } }, { 8, 20, 11 } },
	/* 25: last before the previous harvest, which was in a later slot and found nothing: it is its own slot's */
	{ { 0, 8, 10 }, 9, MS(43999), MS(40100), MS(44010), MS(44200), 1,
	  { { 10, MS(40100), MS(43999), 9 } }, { 0, 9, 10 } },
	/* 26: last ahead of now: now counts */
	{ { 0, 8, 10 }, 18, MS(44700), MS(40100), MS(43800), END(10), 1,
	  { { 10, MS(40100), END(10), 18 } }, { 0, 18, 10 } },
	/* 27: the slot's low 16 bits pass 0 */
	{ { 0, 8, 0xffff }, 18, START(0x10000LL) + MS(100), START(0xffffLL), START(0x10000LL) - MS(100),
	  START(0x10000LL) + MS(100), 2,
	  { { 0xffff, START(0xffffLL), END(0xffffLL), 13 },
	    { 0x10000, START(0x10000LL), START(0x10000LL) + MS(100), 5 } },
	  { 13, 18, 0 } },
	/* 28: a new record in a slot whose low 16 bits are 0, as in its empty words */
	{ { 0, 0, 0 }, 3, START(0x30000LL) + MS(20), START(0x30000LL) + MS(10), START(0x30000LL),
	  START(0x30000LL) + MS(200), 1,
	  { { 0x30000, START(0x30000LL) + MS(10), START(0x30000LL) + MS(20), 3 } }, { 0, 3, 0 } },
	/* 29: mesh time 0 */
	{ { 0, 0, 0 }, 3, 0, 0, 0, 0, 1,
	  { { 0, 0, 0, 3 } }, { 0, 3, 0 } },
	/* 30: silent here for idle_reset at most, active elsewhere: continuing */
	{ { 0, 8, 10 }, 9, MS(54100), MS(40100), MS(54000), MS(54200), 1,
	  { { 13, START(13), MS(54100), 1 } }, { 8, 9, 13 } },
	/* 31: silent for longer: the kernel kept its window, but this origin begins anew, after the last harvest */
	{ { 0, 8, 10 }, 9, MS(54100), MS(40100), MS(54001), MS(54200), 1,
	  { { 13, MS(54001), MS(54100), 1 } }, { 8, 9, 13 } },
};
/* clang-format on */

static struct harvest_counter counter_of(const struct row *row)
{
	return (struct harvest_counter){
		.packets = row->packets,
		.last = { row->last },
		.window_start = { row->window_start },
		/* A window younger than the last harvest began with the first packet since. */
		.window_packets = row->window_start > row->previous ? row->words.harvested_packets : 0,
		.idle_reset = { 10 * NS_PER_S },
	};
}

static void check_row(size_t number, const struct row *row)
{
	const struct harvest_counter counter = counter_of(row);
	const struct harvest_times times = times_between(row->previous, row->now);
	struct harvest_words words = row->words;
	struct harvest_cell cells[SLOTS_HELD];
	const size_t count = harvest_divide(&words, &times, &counter, cells);

	if (count != row->cells)
		fail_msg("row %zu: %zu cells", number, count);
	for (size_t i = 0; i < count; i++) {
		const struct expected *e = &row->cell[i];

		if (cells[i].slot != e->slot || cells[i].first.ns != e->first || cells[i].last.ns != e->last ||
		    cells[i].packets != e->packets)
			fail_msg("row %zu, cell %zu: slot %llu, first %lld, last %lld, %llu packets", number, i,
				 (unsigned long long)cells[i].slot, (long long)cells[i].first.ns,
				 (long long)cells[i].last.ns, (unsigned long long)cells[i].packets);
	}
	if (words.slot_start_packets != row->words_after.slot_start_packets ||
	    words.harvested_packets != row->words_after.harvested_packets || words.slot != row->words_after.slot)
		fail_msg("row %zu: words %u %u %u", number, words.slot_start_packets, words.harvested_packets,
			 words.slot);
}

static void rows_around_every_edge(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++)
		check_row(i, &rows[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_around_every_edge),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
