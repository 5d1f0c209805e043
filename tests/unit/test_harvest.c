/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Own counts into cells: a table of rows around every edge of a slot, then random calls against the laws of harvest.h. */
#include <string.h>

#include "harvest.h"
#include "vector.h"

#define SLOT_NS (4 * NS_PER_S)
#define MS(ms) ((ms)*NS_PER_MS)
#define START(slot) ((slot)*SLOT_NS)
#define END(slot) (START((slot) + 1) - 1)
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

static const struct row rows[] = {
	/* words {slot_start_packets, harvested_packets, slot}, packets, last, window_start, previous, now */
	/*  0: nothing came */
	{ { 0, 3, 10 }, 3, MS(40150), MS(40100), MS(40200), MS(40400), 0, { { 0 } }, { 0, 3, 10 } },
	/*  1: nothing came, and the slot is another by now: the words stay */
	{ { 0, 3, 10 }, 3, MS(40150), MS(40100), MS(44000), MS(44200), 0, { { 0 } }, { 0, 3, 10 } },
	/*  2: a new record: first is its first packet */
	{ { 0, 0, 0 }, 3, MS(40150), MS(40100), MS(40000), MS(40200), 1, { { 10, MS(40100), MS(40150), 3 } }, { 0, 3, 10 } },
	/*  3: more in the same slot: the total, the same first */
	{ { 0, 3, 10 }, 8, MS(40350), MS(40100), MS(40200), MS(40400), 1, { { 10, MS(40100), MS(40350), 8 } }, { 0, 8, 10 } },
	/*  4: the next slot: it counts from 0, and begins at its start since the client is continuing */
	{ { 0, 8, 10 }, 12, MS(44150), MS(40100), MS(44000), MS(44200), 1, { { 11, START(11), MS(44150), 4 } }, { 8, 12, 11 } },
	/*  5: over the boundary, half before and half after */
	{ { 0, 8, 10 },
	  18,
	  MS(44100),
	  MS(40100),
	  MS(43900),
	  MS(44100),
	  2,
	  { { 10, MS(40100), END(10), 13 }, { 11, START(11), MS(44100), 5 } },
	  { 13, 18, 11 } },
	/*  6: last on the boundary: no time of the next slot has passed, so it gets nothing yet */
	{ { 0, 8, 10 }, 18, START(11), MS(40100), MS(43900), MS(44000), 1, { { 10, MS(40100), END(10), 18 } }, { 0, 18, 10 } },
	/*  7: last 1 ns before it */
	{ { 0, 8, 10 }, 18, END(10), MS(40100), MS(43900), MS(44000), 1, { { 10, MS(40100), END(10), 18 } }, { 0, 18, 10 } },
	/*  8: last 1 ns after it: the part is below half a packet */
	{ { 0, 8, 10 },
	  18,
	  START(11) + 1,
	  MS(40100),
	  MS(43900),
	  MS(44100),
	  1,
	  { { 10, MS(40100), END(10), 18 } },
	  { 0, 18, 10 } },
	/*  9: the previous harvest on the boundary: all belongs to the new slot */
	{ { 0, 8, 10 }, 18, MS(44100), MS(40100), START(11), MS(44100), 1, { { 11, START(11), MS(44100), 10 } }, { 8, 18, 11 } },
	/* 10: the previous harvest 1 ns before it: the same, to the nearest packet */
	{ { 0, 8, 10 }, 18, MS(44100), MS(40100), END(10), MS(44100), 1, { { 11, START(11), MS(44100), 10 } }, { 8, 18, 11 } },
	/* 11: no time at all between the two, both on the boundary */
	{ { 0, 8, 10 }, 18, START(11), MS(40100), START(11), START(11), 1, { { 11, START(11), START(11), 10 } }, { 8, 18, 11 } },
	/* 12: one packet, half of its time before: it goes there */
	{ { 0, 8, 10 }, 9, MS(44100), MS(40100), MS(43900), MS(44100), 1, { { 10, MS(40100), END(10), 9 } }, { 0, 9, 10 } },
	/* 13: one packet, less than half before: it goes after */
	{ { 0, 8, 10 }, 9, MS(44101), MS(40100), MS(43900), MS(44101), 1, { { 11, START(11), MS(44101), 1 } }, { 8, 9, 11 } },
	/* 14: a stall over three boundaries: by time, 1 s, 4 s, 4 s and 3 s of 12 */
	{ { 0, 8, 10 },
	  128,
	  MS(55000),
	  MS(40100),
	  MS(43000),
	  MS(55000),
	  4,
	  { { 10, MS(40100), END(10), 18 },
	    { 11, START(11), END(11), 40 },
	    { 12, START(12), END(12), 40 },
	    { 13, START(13), MS(55000), 30 } },
	  { 98, 128, 13 } },
	/* 15: fewer packets than slots: none is lost, none invented (0.25 each rounds to 0, the rest falls to the last) */
	{ { 0, 8, 10 }, 9, MS(56000) - 1, MS(40100), MS(40200), MS(56000), 1, { { 13, START(13), END(13), 1 } }, { 8, 9, 13 } },
	/* 16: exactly as many slots as are held */
	{ { 0, 0, 9 },
	  70,
	  END(16),
	  START(10),
	  START(10),
	  START(17),
	  7,
	  { { 10, START(10), END(10), 10 },
	    { 11, START(11), END(11), 10 },
	    { 12, START(12), END(12), 10 },
	    { 13, START(13), END(13), 10 },
	    { 14, START(14), END(14), 10 },
	    { 15, START(15), END(15), 10 },
	    { 16, START(16), END(16), 10 } },
	  { 60, 70, 16 } },
	/* 17: one more: its oldest is nobody's, its packets are not given to another */
	{ { 0, 0, 9 },
	  80,
	  END(17),
	  START(10),
	  START(10),
	  START(18),
	  7,
	  { { 11, START(11), END(11), 10 },
	    { 12, START(12), END(12), 10 },
	    { 13, START(13), END(13), 10 },
	    { 14, START(14), END(14), 10 },
	    { 15, START(15), END(15), 10 },
	    { 16, START(16), END(16), 10 },
	    { 17, START(17), END(17), 10 } },
	  { 70, 80, 17 } },
	/* 18: an idle reset since the last harvest: nothing is credited to the silence */
	{ { 0, 8, 10 }, 18, MS(62100), MS(62000), MS(50000), MS(62200), 1, { { 15, MS(62000), MS(62100), 10 } }, { 8, 18, 15 } },
	/* 19: the window begins on the boundary itself */
	{ { 0, 8, 10 }, 18, MS(60100), START(15), MS(50000), MS(60200), 1, { { 15, START(15), MS(60100), 10 } }, { 8, 18, 15 } },
	/* 20: the window begins in the last nanosecond of a slot and goes on in the next */
	{ { 0, 8, 10 }, 18, MS(60100), END(14), MS(50000), MS(60200), 1, { { 15, START(15), MS(60100), 10 } }, { 8, 18, 15 } },
	/* 21: the counter passes 2^32 */
	{ { 0xfffffff0, 0xfffffff8, 10 },
	  0x100000008,
	  MS(40350),
	  MS(40100),
	  MS(40200),
	  MS(40400),
	  1,
	  { { 10, MS(40100), MS(40350), 24 } },
	  { 0xfffffff0, 8, 10 } },
	/* 22: it passes 2^32 on a slot boundary */
	{ { 0xffffff00, 0xfffffffb, 10 },
	  0x100000005,
	  MS(44100),
	  MS(40100),
	  MS(43900),
	  MS(44100),
	  2,
	  { { 10, MS(40100), END(10), 0x100 }, { 11, START(11), MS(44100), 5 } },
	  { 0, 5, 11 } },
	/* 23: two CPUs stamp in reverse order: the slot once harvested is not gone behind */
	{ { 8, 18, 11 }, 20, MS(43999), MS(40100), MS(43990), MS(44200), 1, { { 11, START(11), START(11), 12 } }, { 8, 20, 11 } },
	/* 24: last before the previous harvest, same slot */
	{ { 8, 18, 11 }, 20, MS(44100), MS(40100), MS(44200), MS(44400), 1, { { 11, START(11), MS(44100), 12 } }, { 8, 20, 11 } },
	/* 25: last before the previous harvest, which was in a later slot, nothing harvested there yet: it is credited to its own
	   slot */
	{ { 0, 8, 10 }, 9, MS(43999), MS(40100), MS(44010), MS(44200), 1, { { 10, MS(40100), MS(43999), 9 } }, { 0, 9, 10 } },
	/* 26: last ahead of now: now counts */
	{ { 0, 8, 10 }, 18, MS(44700), MS(40100), MS(43800), END(10), 1, { { 10, MS(40100), END(10), 18 } }, { 0, 18, 10 } },
	/* 27: the slot's low 16 bits pass 0 */
	{ { 0, 8, 0xffff },
	  18,
	  START(0x10000LL) + MS(100),
	  START(0xffffLL),
	  START(0x10000LL) - MS(100),
	  START(0x10000LL) + MS(100),
	  2,
	  { { 0xffff, START(0xffffLL), END(0xffffLL), 13 }, { 0x10000, START(0x10000LL), START(0x10000LL) + MS(100), 5 } },
	  { 13, 18, 0 } },
	/* 28: a new record in a slot whose low 16 bits are 0, as in its empty words */
	{ { 0, 0, 0 },
	  3,
	  START(0x30000LL) + MS(20),
	  START(0x30000LL) + MS(10),
	  START(0x30000LL),
	  START(0x30000LL) + MS(200),
	  1,
	  { { 0x30000, START(0x30000LL) + MS(10), START(0x30000LL) + MS(20), 3 } },
	  { 0, 3, 0 } },
	/* 29: mesh time 0 */
	{ { 0, 0, 0 }, 3, 0, 0, 0, 0, 1, { { 0, 0, 0, 3 } }, { 0, 3, 0 } },
	/* 30: silent here for idle_reset at most, active elsewhere: continuing */
	{ { 0, 8, 10 }, 9, MS(54100), MS(40100), MS(54000), MS(54200), 1, { { 13, START(13), MS(54100), 1 } }, { 8, 9, 13 } },
	/* 31: silent for longer: the kernel kept its window, but this origin begins anew, after the last harvest */
	{ { 0, 8, 10 }, 9, MS(54100), MS(40100), MS(54001), MS(54200), 1, { { 13, MS(54001), MS(54100), 1 } }, { 8, 9, 13 } },
};

static struct harvest_times times_between(int64_t previous_ns, int64_t now_ns)
{
	return harvest_times_of((struct instant){ previous_ns }, (struct instant){ now_ns }, (struct duration){ SLOT_NS });
}

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
				 (unsigned long long)cells[i].slot, (long long)cells[i].first.ns, (long long)cells[i].last.ns,
				 (unsigned long long)cells[i].packets);
	}
	if (words.slot_start_packets != row->words_after.slot_start_packets ||
	    words.harvested_packets != row->words_after.harvested_packets || words.slot != row->words_after.slot)
		fail_msg("row %zu: words %u %u %u", number, words.slot_start_packets, words.harvested_packets, words.slot);
}

static void rows_around_every_edge(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++)
		check_row(i, &rows[i]);
}

/* A record as the kernel keeps it, with the truth of what came in which slot. */
struct client {
	uint64_t packets, slots[512], first_slot;
	struct instant last, window_start;
	struct harvest_words words;
	uint32_t window_packets;
};

/* What was told of each slot. */
struct told {
	uint64_t packets[512];
	struct instant first[512];
	uint64_t newest;
};

static void tell(struct told *told, const struct harvest_cell *cell)
{
	const uint64_t slot = cell->slot % 512;

	assert_true(cell->packets > 0);
	assert_true(cell->slot >= told->newest);
	assert_true(cell->packets >= told->packets[slot]);
	assert_true(cell->first.ns >= START((int64_t)cell->slot) && cell->first.ns <= cell->last.ns &&
		    cell->last.ns <= END((int64_t)cell->slot));
	/* Told once more, a slot may only seem to have begun earlier: the ledger keeps what it was told first. */
	assert_true(told->packets[slot] == 0 || told->first[slot].ns >= cell->first.ns);
	told->packets[slot] = cell->packets;
	told->first[slot] = cell->first;
	told->newest = cell->slot;
}

static void packets_arrive(struct client *client, uint64_t *random, struct instant from, struct instant to)
{
	const uint64_t count = draw_below(random, 4) ? draw_below(random, 200) : 0;
	struct instant at = from;

	for (uint64_t i = 0; i < count && at.ns < to.ns; i++) {
		at.ns += 1 + (int64_t)draw_below(random, (uint64_t)(to.ns - from.ns) / count + 1);
		if (at.ns > to.ns)
			break;
		if (client->packets == client->first_slot || at.ns - client->last.ns > 10 * NS_PER_S)
			client->window_start = at, client->window_packets = (uint32_t)client->packets;
		client->packets++;
		client->last = at;
		client->slots[at.ns / SLOT_NS % 512]++;
	}
}

/* The harvests of a random client: `told` in the end. `crashes`: the cells of some harvests never reach anybody. */
static void run_client(uint64_t seed, bool crashes, struct client *client, struct told *told)
{
	uint64_t random = seed;
	struct instant previous = { 1000 * SLOT_NS + (int64_t)draw_below(&random, SLOT_NS) }, now = previous, arrived = previous;

	*told = (struct told){ .newest = 0 };
	*client = (struct client){ .packets = UINT32_MAX - draw_below(&random, 3000) };
	client->first_slot = client->packets;
	client->words.harvested_packets = client->words.slot_start_packets = (uint32_t)client->packets;
	for (int turn = 0; turn < 400; turn++) {
		struct harvest_cell cells[SLOTS_HELD], again[SLOTS_HELD];
		const bool stall = draw_below(&random, 20) == 0;

		now.ns += (int64_t)(stall ? draw_below(&random, 6 * SLOT_NS) : 200 * NS_PER_MS);
		packets_arrive(client, &random, arrived, now);
		arrived = now;

		const struct harvest_times times = times_between(previous.ns, now.ns);
		const struct harvest_counter counter = {
			.packets = client->packets,
			.last = client->last,
			.window_start = client->window_start,
			.window_packets = client->window_packets,
			.idle_reset = { 10 * NS_PER_S },
		};
		struct harvest_words words = client->words;
		const size_t count = harvest_divide(&client->words, &times, &counter, cells);

		/* A daemon killed before the words were written does the same once more. */
		assert_int_equal(harvest_divide(&words, &times, &counter, again), count);
		for (size_t i = 0; i < count; i++)
			assert_memory_equal(&cells[i], &again[i], sizeof(cells[i]));
		if (crashes && draw_below(&random, 8) == 0)
			continue; /* killed after: nothing was told, `previous` is not written */
		for (size_t i = 0; i < count; i++)
			tell(told, &cells[i]);
		previous = now;
	}
}

static uint64_t sum_of(const uint64_t packets[512])
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < 512; i++)
		sum += packets[i];
	return sum;
}

static void no_packet_is_lost_or_invented(void **state)
{
	struct client client;
	struct told told;

	(void)state;
	for (uint64_t seed = 1; seed <= 300; seed++) {
		run_client(seed, false, &client, &told);
		assert_true(client.packets - client.first_slot > 1000);
		assert_int_equal(sum_of(told.packets), client.packets - client.first_slot);
		assert_int_equal(sum_of(client.slots), client.packets - client.first_slot);
	}
}

static void a_killed_daemon_never_tells_too_much(void **state)
{
	struct client client;
	struct told told;

	(void)state;
	for (uint64_t seed = 1; seed <= 300; seed++) {
		run_client(seed, true, &client, &told);
		assert_true(sum_of(told.packets) <= client.packets - client.first_slot);
	}
}

/* One harvest or many in a slot: the same cell. */
static void the_last_cell_of_a_slot_does_not_depend_on_how_often_it_was_read(void **state)
{
	uint64_t random = 5;

	(void)state;
	for (int trace = 0; trace < 500; trace++) {
		struct harvest_counter counter = { .idle_reset = { 10 * NS_PER_S }, .window_start = { START(50) + MS(3) } };
		struct harvest_times times = times_between(START(50), START(50));
		struct harvest_words often = { .slot = 49 }, once = often;
		struct harvest_cell cells[SLOTS_HELD], whole[SLOTS_HELD];

		for (int i = 1; i < 20; i++) {
			counter.packets += 1 + draw_below(&random, 9);
			counter.last = (struct instant){ START(50) + i * MS(200) };
			if (i < 19 && draw_below(&random, 2))
				continue;
			times = times_between(times.now.ns, counter.last.ns);
			assert_int_equal(harvest_divide(&often, &times, &counter, cells), 1);
		}
		times = times_between(START(50), counter.last.ns);
		assert_int_equal(harvest_divide(&once, &times, &counter, whole), 1);
		assert_memory_equal(&cells[0], &whole[0], sizeof(whole[0]));
		assert_memory_equal(&often, &once, sizeof(once));
	}
}

/* A client at 0.9 of its rate, read again after a stall: no slot is credited with more than its time allows. */
static void a_stall_puts_no_slot_over_the_rate(void **state)
{
	(void)state;
	for (int64_t stall_ms = 200; stall_ms < 28000; stall_ms += 137) {
		struct harvest_words words = { .slot_start_packets = 0, .harvested_packets = 90, .slot = 100 };
		const struct harvest_times times = times_between(START(100) + MS(1000), START(100) + MS(1000 + stall_ms));
		const struct harvest_counter counter = {
			.packets = 90 + (uint64_t)(stall_ms * 90 / 1000),
			.last = times.now,
			.window_start = { START(100) },
		};
		struct harvest_cell cells[SLOTS_HELD];
		const size_t count = harvest_divide(&words, &times, &counter, cells);

		for (size_t i = 0; i < count; i++) {
			const double s = (double)(cells[i].last.ns - cells[i].first.ns) / NS_PER_S;

			assert_true((double)cells[i].packets <= 90 * s + 1);
		}
	}
}

/* A kernel without its daemon ages its window, so the window's start is no idle reset: the minute is not credited to its last seconds. */
static void a_daemon_dead_for_a_minute_credits_no_slot_with_the_minute(void **state)
{
	struct harvest_words words = { .harvested_packets = 1000, .slot = 100 };
	const int64_t died = START(100), now = died + 60 * NS_PER_S;
	const struct harvest_times times = times_between(died, now);
	const struct harvest_counter counter = {
		.packets = 1000 + 60 * 20, /* 20 packets a second */
		.last = { now },
		.window_start = { now - 4 * NS_PER_S },
		.window_packets = 1000 + 56 * 20,
		.idle_reset = { 10 * NS_PER_S },
	};
	struct harvest_cell cells[SLOTS_HELD];
	const size_t count = harvest_divide(&words, &times, &counter, cells);

	(void)state;
	assert_true(count > 0);
	for (size_t i = 0; i < count; i++)
		assert_true((double)cells[i].packets <= 20.0 * (double)SLOT_NS / NS_PER_S + 1);
}

/* A time about one of the edges that there are: of slots, of the harvest, of the packets; or anywhere near them. */
static int64_t draw_time(uint64_t *random, int64_t slot, int64_t near_ns)
{
	const int64_t edges[] = { START(slot - 1), START(slot), START(slot + 1), near_ns };
	const int64_t edge = edges[draw_below(random, ROWS(edges))];
	const int64_t away[] = { -1,
				 0,
				 1,
				 (int64_t)draw_below(random, MS(300)),
				 -(int64_t)draw_below(random, MS(300)),
				 (int64_t)draw_below(random, SLOT_NS) };

	return edge + away[draw_below(random, ROWS(away))];
}

/* The way most records are harvested against the one that serves all: the same cell, the same words. */
static void a_slot_that_goes_on_is_told_as_if_it_were_divided(void **state)
{
	static const int64_t slots[] = { 0, 1, 50, 0xffff, 0x10000, 0x30005 };
	uint64_t random = 11, compared = 0;

	(void)state;
	for (int i = 0; i < 2000000; i++) {
		const int64_t slot = slots[draw_below(&random, ROWS(slots))],
			      now = START(slot) + (int64_t)draw_below(&random, SLOT_NS);
		const struct harvest_times times =
			times_between(draw_time(&random, slot, now), draw_below(&random, 2) ? now : START(slot));
		const uint32_t gained = 1 + (uint32_t)draw_below(&random, 50), start = (uint32_t)draw_below(&random, 3) - 1;
		struct harvest_words words = { .slot_start_packets = start,
					       .harvested_packets = start + (uint32_t)draw_below(&random, 50),
					       .slot = (uint16_t)(slot - (draw_below(&random, 8) == 0)) };
		struct harvest_words divided = words;
		const struct harvest_counter counter = {
			.packets = words.harvested_packets + gained + (draw_below(&random, 2) ? 0 : 1ULL << 32),
			.last = { draw_time(&random, slot, times.now.ns) },
			.window_start = { draw_time(&random, slot, times.previous.ns) },
			.window_packets = draw_below(&random, 2) ? words.harvested_packets : start,
			.idle_reset = { (int64_t)draw_below(&random, 3) * 5 * NS_PER_S },
		};
		struct harvest_cell cells[SLOTS_HELD], cell;

		if (!harvest_slot_goes_on(&words, &times))
			continue;
		cell = harvest_go_on(&words, &times, &counter);
		assert_int_equal(harvest_divide(&divided, &times, &counter, cells), 1);
		assert_memory_equal(&cell, &cells[0], sizeof(cell));
		assert_int_equal(words.slot_start_packets, divided.slot_start_packets);
		assert_int_equal(words.harvested_packets, divided.harvested_packets);
		assert_int_equal(words.slot, divided.slot);
		compared++;
	}
	assert_true(compared > 1000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_slot_that_goes_on_is_told_as_if_it_were_divided),
		cmocka_unit_test(rows_around_every_edge),
		cmocka_unit_test(no_packet_is_lost_or_invented),
		cmocka_unit_test(a_killed_daemon_never_tells_too_much),
		cmocka_unit_test(the_last_cell_of_a_slot_does_not_depend_on_how_often_it_was_read),
		cmocka_unit_test(a_daemon_dead_for_a_minute_credits_no_slot_with_the_minute),
		cmocka_unit_test(a_stall_puts_no_slot_over_the_rate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
