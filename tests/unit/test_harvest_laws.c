/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Own counts into cells: random records, stalls and crashes against the laws of harvest.h. */
#include "harvest_times.h"
#include "vector.h"

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
	struct instant previous = { 1000 * SLOT_NS + (int64_t)draw_below(&random, SLOT_NS) }, now = previous,
		       arrived = previous;

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
		struct harvest_counter counter = { .idle_reset = { 10 * NS_PER_S },
						   .window_start = { START(50) + MS(3) } };
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
		const struct harvest_times times = times_between(START(100) + MS(1000),
								 START(100) + MS(1000 + stall_ms));
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

/*
 * A kernel without its daemon ages its window, so the window's start is no idle reset: the minute is not credited to
 * its last seconds.
 */
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

/* A record about the edges of its slots. Of every second one the slot before the running one was harvested last. */
static struct harvest_counter draw_record(uint64_t *random, int64_t slot, const struct harvest_times *times,
					  struct harvest_words *ret_words)
{
	const uint32_t gained = 1 + (uint32_t)draw_below(random, 50), start = (uint32_t)draw_below(random, 3) - 1;

	*ret_words = (struct harvest_words){ .slot_start_packets = start,
					     .harvested_packets = start + (uint32_t)draw_below(random, 50),
					     .slot = (uint16_t)(slot - draw_below(random, 2)) };
	return (struct harvest_counter){
		.packets = ret_words->harvested_packets + gained + (draw_below(random, 2) ? 0 : 1ULL << 32),
		.last = { draw_time(random, slot, times->now.ns) },
		.window_start = { draw_time(random, slot, times->previous.ns) },
		.window_packets = draw_below(random, 2) ? ret_words->harvested_packets : start,
		.idle_reset = { (int64_t)draw_below(random, 3) * 5 * NS_PER_S },
	};
}

/* The ways most records are harvested against the one that serves all: the same cells, the same words. */
static void the_quick_ways_tell_as_if_all_were_divided(void **state)
{
	static const int64_t slots[] = { 0, 1, 50, 0xffff, 0x10000, 0x30005 };
	uint64_t random = 11, compared[3] = { 0 }; /* by the number of cells */

	(void)state;
	for (int i = 0; i < 2000000; i++) {
		const int64_t slot = slots[draw_below(&random, ROWS(slots))],
			      now = START(slot) + (int64_t)draw_below(&random, SLOT_NS);
		const struct harvest_times times =
			times_between(draw_time(&random, slot, now), draw_below(&random, 2) ? now : START(slot));
		struct harvest_words words;
		const struct harvest_counter counter = draw_record(&random, slot, &times, &words);
		struct harvest_words divided = words;
		struct harvest_cell cells[SLOTS_HELD], quick[2];
		size_t count = 1;

		if (harvest_slot_goes_on(&words, &times))
			quick[0] = harvest_go_on(&words, &times, &counter);
		else
			count = harvest_go_over(&words, &times, &counter, quick);
		if (count == 0)
			continue;
		assert_int_equal(harvest_divide(&divided, &times, &counter, cells), count);
		assert_memory_equal(quick, cells, count * sizeof(cells[0]));
		assert_int_equal(words.slot_start_packets, divided.slot_start_packets);
		assert_int_equal(words.harvested_packets, divided.harvested_packets);
		assert_int_equal(words.slot, divided.slot);
		compared[count]++;
	}
	assert_true(compared[1] > 1000000 && compared[2] > 40000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_quick_ways_tell_as_if_all_were_divided),
		cmocka_unit_test(no_packet_is_lost_or_invented),
		cmocka_unit_test(a_killed_daemon_never_tells_too_much),
		cmocka_unit_test(the_last_cell_of_a_slot_does_not_depend_on_how_often_it_was_read),
		cmocka_unit_test(a_daemon_dead_for_a_minute_credits_no_slot_with_the_minute),
		cmocka_unit_test(a_stall_puts_no_slot_over_the_rate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
