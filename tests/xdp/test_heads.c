/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Heads that give way: which ones, that no pair counts in a head that is another's by now, and that no packet is
 * missing in the cells of an address whose head left and came back.
 */
#define _GNU_SOURCE /* CPU affinity */
#include <pthread.h>
#include <sched.h>

#include "folds.h"

#define HEADS 16
#define EIGHTH (HEADS / 8)
#define IDLE_MS 60000
#define SLOT_NS (4 * NS_PER_S)

static int setup(void **state)
{
	(void)state;
	return bed_make(1024, HEADS, true);
}

static void send_to(uint32_t number, int packets)
{
	struct frame frame = frame4(CLIENT, TARGET + number);

	bed_run_many(&frame, packets, NULL);
}

static uint32_t head_of(uint32_t number)
{
	struct key key = destination4(TARGET + number);

	return destination_find(bed.table, &key.destination);
}

static uint32_t packets_of(uint32_t destination)
{
	return (uint32_t)words_of_destination(bed.table, destination).packets;
}

static uint64_t told_of(uint32_t number)
{
	struct key key = destination4(TARGET + number);
	const struct harvested *cell = bed_cell(&key);

	return cell ? cell->packets : 0;
}

static uint32_t heads_in_use(void)
{
	uint32_t count = 0;

	for (uint32_t number = 0; number < HEADS; number++)
		count += head_of(number) != DESTINATION_NONE;
	return count;
}

/* The beginning of a slot and a second: paces are over at least that. */
static void begin_slot(void)
{
	const int64_t left = SLOT_NS - bed_now().mesh.ns % SLOT_NS;

	bed_at(bed.jiffies + (uint32_t)(left / bed.table->clock.period_ns) + 1 + BED_HZ);
	bed_harvest();
}

static void fill(int packets_each)
{
	begin_slot();
	for (uint32_t number = 0; number < HEADS; number++)
		send_to(number, packets_each);
	bed_harvest();
}

static void an_eighth_of_the_heads_is_kept_free(void **state)
{
	(void)state;
	fill(1);
	assert_int_equal(heads_in_use(), HEADS);
	collect_all(IDLE_MS);
	assert_int_equal(heads_in_use(), HEADS - EIGHTH);
	bed_harvest();
	assert_int_equal(bed.table->destinations_used, HEADS - EIGHTH);
	collect_all(IDLE_MS); /* an eighth is free: none has to go */
	assert_int_equal(heads_in_use(), HEADS - EIGHTH);
}

static void the_slowest_give_way(void **state)
{
	(void)state;
	begin_slot();
	for (uint32_t number = 0; number < HEADS; number++)
		send_to(number, number % (HEADS / EIGHTH) == 3 ? 8 : 80); /* an eighth of them are slow */
	bed_harvest();
	collect_all(IDLE_MS);
	for (uint32_t number = 0; number < HEADS; number++)
		assert_int_equal(head_of(number) == DESTINATION_NONE, number % (HEADS / EIGHTH) == 3);
}

static void packets_of_the_slot_before_count(void **state)
{
	(void)state;
	begin_slot();
	for (uint32_t number = 0; number < HEADS; number++)
		send_to(number, number < EIGHTH ? 10 : 100);
	bed_harvest();
	begin_slot();
	for (uint32_t number = 0; number < EIGHTH; number++)
		send_to(number, 50); /* more than the others in this slot, fewer in both */
	bed_harvest();
	collect_all(IDLE_MS);
	for (uint32_t number = 0; number < HEADS; number++)
		assert_int_equal(head_of(number) == DESTINATION_NONE, number < EIGHTH);
}

static void a_head_at_half_its_rate_stays(void **state)
{
	static const struct {
		int packets; /* in the first second of the slot and the four of the one before: half of 10/s is 25 */
		bool stays;
	} rows[] = { { 24, false }, { 25, true }, { 26, true } };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		bed_teardown(NULL);
		setup(NULL);
		bed_policy(policy_plain(0, 10, POLICY_EARLY | POLICY_FAIR));
		begin_slot();
		bed_at(bed.jiffies - BED_HZ);
		fill(rows[i].packets); /* met one second into the slot */
		bed_at(bed.jiffies + 5 * BED_HZ);
		bed_harvest();
		collect_all(IDLE_MS);
		if (heads_in_use() != (rows[i].stays ? HEADS : HEADS - EIGHTH))
			fail_msg("row %zu: %u heads in use", i, heads_in_use());
	}
}

static void the_proxys_own_address_stays(void **state)
{
	struct key key = destination4(TARGET);

	(void)state;
	fill(1);
	for (uint32_t number = 1; number < HEADS; number++)
		send_to(number, 10);
	bed_harvest();
	assert_int_equal(table_add_local(bed.table, &key.destination), 0); /* met before it was ours; the slowest */
	collect_all(IDLE_MS);
	assert_int_not_equal(head_of(0), DESTINATION_NONE);
	assert_int_equal(heads_in_use(), HEADS - EIGHTH);
}

/* Its pair's place holds an index that is another address's by now. */
static void a_pair_never_counts_in_anothers_head(void **state)
{
	uint32_t old, fresh;

	(void)state;
	fill(10);
	send_to(0, 1); /* all the same but this one: slower than the rest below */
	for (uint32_t number = 1; number < HEADS; number++)
		send_to(number, 100);
	bed_harvest();
	old = head_of(0);
	collect_all(IDLE_MS);
	assert_int_equal(head_of(0), DESTINATION_NONE);
	for (uint32_t number = HEADS; packets_of(old) == 0 && number < HEADS + EIGHTH; number++)
		send_to(number, 7); /* the index is used again */
	assert_int_equal(packets_of(old), 7);
	collect_all(IDLE_MS);
	bed_harvest();
	collect_all(IDLE_MS);
	bed_at(bed.jiffies + 1);
	send_to(0, 3);
	fresh = head_of(0);
	assert_int_not_equal(fresh, old);
	assert_int_not_equal(fresh, DESTINATION_NONE);
	assert_int_equal(packets_of(old) == 7 || packets_of(old) == 0, true);
	assert_int_equal(packets_of(fresh), 3);
	assert_int_equal(PLACE_DESTINATION(bed_record(&(struct key){ key4(CLIENT, TARGET).client,
								     key4(CLIENT, TARGET).destination })
						   ->place),
			 fresh);
}

static void an_ipv6_pair_never_counts_in_anothers_head(void **state)
{
	struct frame frame = frame6("2001:db8::1", "2001:db8:9::1", 17);
	struct key key = key6("2001:db8::1", "2001:db8:9::1");
	uint32_t old, fresh;

	(void)state;
	begin_slot();
	bed_run_many(&frame, 1, NULL);
	for (uint32_t number = 1; number < HEADS; number++)
		send_to(number, 100);
	bed_harvest();
	old = destination_find(bed.table, &key.destination);
	assert_int_equal(packets_of(old), 1);
	collect_all(IDLE_MS);
	assert_int_equal(destination_find(bed.table, &key.destination), DESTINATION_NONE);
	for (uint32_t number = HEADS; packets_of(old) == 0 && number < HEADS + EIGHTH - 1; number++)
		send_to(number, 7);
	bed_run_many(&frame, 3, NULL);
	fresh = destination_find(bed.table, &key.destination);
	assert_int_not_equal(fresh, DESTINATION_NONE);
	assert_int_equal(packets_of(fresh), 3);
	assert_int_equal(PLACE_DESTINATION(bed_record(&key)->place), fresh);
	bed_harvest();
	assert_int_equal(bed_cell(&(struct key){ { { 0 } }, key.destination })->packets, 4);
}

/*
 * One head fewer than an eighth is free, and address 0 leaves, the slowest, with so many packets told of in this slot.
 * Its old index.
 */
static uint32_t leave_with(int packets)
{
	uint32_t old;

	begin_slot();
	send_to(0, packets);
	for (uint32_t number = 1; number < HEADS - EIGHTH + 1; number++)
		send_to(number, 10 * packets);
	bed_harvest();
	assert_int_equal(told_of(0), packets);
	old = head_of(0);
	wait_for_grace();
	table_collect(bed.table, bed_now(), duration_ms(IDLE_MS));
	assert_int_equal(head_of(0), DESTINATION_NONE);
	return old;
}

static void a_head_that_returns_in_its_slot_tells_the_whole_slot(void **state)
{
	(void)state;
	leave_with(5);
	collect_all(IDLE_MS);
	bed_at(bed.jiffies + 1);
	send_to(0, 3);
	bed_harvest();
	assert_int_equal(told_of(0), 8);
	send_to(0, 2);
	bed_harvest();
	assert_int_equal(told_of(0), 10);
	begin_slot();
	send_to(0, 4);
	bed_harvest();
	assert_int_equal(told_of(0), 4);
}

/* Before the old head is cleared; and a packet in flight counts in that one meanwhile. */
static void a_head_that_returns_while_it_leaves_tells_the_whole_slot(void **state)
{
	const uint32_t old = leave_with(5);

	(void)state;
	send_to(0, 3);
	assert_int_not_equal(head_of(0), old);
	bed_harvest();
	assert_int_equal(told_of(0), 8);
	bed.table->shards[old * bed.table->cpus].packets += 2; /* in flight */
	wait_for_grace();
	table_collect(bed.table, bed_now(), duration_ms(IDLE_MS));
	assert_int_equal(packets_of(old), 0);
	bed_harvest();
	assert_int_equal(told_of(0), 10);
}

/* The same, and the packet in flight is first seen after the head is cleared, before the new one was harvested. */
static void a_packet_in_flight_counts_in_a_head_not_harvested_yet(void **state)
{
	const uint32_t old = leave_with(5);

	(void)state;
	send_to(0, 3);
	bed.table->shards[old * bed.table->cpus].packets += 2;
	wait_for_grace();
	table_collect(bed.table, bed_now(), duration_ms(IDLE_MS));
	bed_harvest();
	assert_int_equal(told_of(0), 10);
}

static void a_head_that_counts_while_it_leaves_stays(void **state)
{
	const uint32_t old = leave_with(5);

	(void)state;
	bed.table->shards[old * bed.table->cpus].packets += 2;
	wait_for_grace();
	table_collect(bed.table, bed_now(), duration_ms(IDLE_MS));
	assert_int_equal(head_of(0), old);
	send_to(0, 1);
	bed_harvest();
	assert_int_equal(told_of(0), 8);
	reopen(); /* the next daemon finds no entry beside the head */
	bed_harvest();
	assert_int_equal(told_of(0), 8);
}

static void a_restart_tells_of_heads_that_left(void **state)
{
	(void)state;
	leave_with(5);
	collect_all(IDLE_MS);
	reopen();
	bed_harvest();
	assert_int_equal(told_of(0), 5);
	bed_at(bed.jiffies + 1);
	send_to(0, 3);
	bed_harvest();
	assert_int_equal(told_of(0), 8);
	reopen();
	bed_harvest();
	assert_int_equal(told_of(0), 8);
	send_to(0, 1);
	bed_harvest();
	assert_int_equal(told_of(0), 9);
}

/* Taken out, not cleared: the daemon ends in between. Its address came back before that, or not. */
static void a_restart_while_a_head_leaves_loses_nothing(void **state)
{
	(void)state;
	for (int came_back = 0; came_back < 3; came_back++) {
		bed_teardown(NULL);
		setup(NULL);
		leave_with(5);
		if (came_back)
			send_to(0, 3);
		if (came_back == 2)
			bed_harvest();
		reopen();
		bed_harvest();
		assert_int_equal(told_of(0), came_back ? 8 : 5);
		collect_all(IDLE_MS);
		bed_at(bed.jiffies + 1);
		send_to(0, 2);
		bed_harvest();
		assert_int_equal(told_of(0), came_back ? 10 : 7);
	}
}

/* ---- packets on one CPU, harvests on another ---- */

#define RACE_HEADS 16
#define RACE_DESTINATIONS 24
#define RACE_PACKETS 240000
#define RACE_BATCH 400 /* a run of a program costs the kernel a grace period */
#define RACE_SLOTS 16

static uint64_t told[RACE_DESTINATIONS][RACE_SLOTS];
static uint64_t slot_first;

static void note(void *user, const struct harvested *cells, size_t count)
{
	(void)user;
	for (size_t i = 0; i < count; i++) {
		const struct harvested *cell = &cells[i];
		uint64_t *word = &told[cell->key.destination.bytes[15] - 1U][(cell->slot - slot_first) % RACE_SLOTS];

		if (key_kind(&cell->key) != KEY_DESTINATION)
			continue;
		if (cell->packets < *word)
			fail_msg("destination %u: a slot shrank from %llu to %llu", cell->key.destination.bytes[15],
				 (unsigned long long)*word, (unsigned long long)cell->packets);
		*word = cell->packets;
	}
}

static void pin_to(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

static bool done;

static void *send_all(void *user)
{
	(void)user;
	pin_to(1);
	for (int sent = 0; sent < RACE_PACKETS; sent += RACE_BATCH) {
		const uint32_t number = (uint32_t)(sent / RACE_BATCH) * 7 % RACE_DESTINATIONS;
		struct frame frame = frame4(CLIENT, TARGET + number);
		LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = frame.bytes, .data_size_in = frame.length,
			    .repeat = RACE_BATCH);

		assert_int_equal(bpf_prog_test_run_opts(bed.table->program_fd, &run), 0);
	}
	__atomic_store_n(&done, true, __ATOMIC_RELEASE);
	return NULL;
}

/* More destinations than heads, so heads leave again and again. */
static void no_packet_is_lost_while_heads_come_and_go(void **state)
{
	uint32_t jiffies = BED_START, harvests = 0;
	uint64_t total = 0;
	size_t left = 0;
	pthread_t thread;

	(void)state;
	pin_to(0);
	assert_int_equal(bed_make(1024, RACE_HEADS, true), 0);
	slot_first = (uint64_t)(bed_now().mesh.ns / SLOT_NS);
	done = false;
	pthread_create(&thread, NULL, send_all, NULL);
	while (!__atomic_load_n(&done, __ATOMIC_ACQUIRE) || harvests < 100) {
		bed_at(jiffies);
		table_anchor(bed.table, bed_now());
		table_harvest(bed.table, bed_now(), (struct duration){ SLOT_NS }, note, NULL);
		left += table_collect(bed.table, bed_now(), duration_ms(28000));
		if (++harvests % 16 == 0 && jiffies < BED_START + 12 * 4 * BED_HZ)
			jiffies += 1;
	}
	pthread_join(thread, NULL);
	for (unsigned int i = 0; i < 4; i++) {
		wait_for_grace();
		table_collect(bed.table, bed_now(), duration_ms(600000));
		table_harvest(bed.table, bed_now(), (struct duration){ SLOT_NS }, note, NULL);
	}
	for (uint32_t number = 0; number < RACE_DESTINATIONS; number++)
		for (unsigned int slot = 0; slot < RACE_SLOTS; slot++)
			total += told[number][slot];
	print_message("# %llu of %u packets found no head, %u harvests, %zu heads left\n",
		      (unsigned long long)bed_reason(REASON_COARSE), RACE_PACKETS, harvests, left);
	assert_in_range(left, 2 * RACE_DESTINATIONS, RACE_PACKETS);
	assert_in_range(bed_reason(REASON_COARSE), 0, RACE_PACKETS * 3 / 4);
	assert_int_equal(total + bed_reason(REASON_COARSE), RACE_PACKETS);
	assert_int_equal(bed_remove(), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, bed_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_eighth_of_the_heads_is_kept_free),
		TEST(the_slowest_give_way),
		TEST(packets_of_the_slot_before_count),
		TEST(a_head_at_half_its_rate_stays),
		TEST(the_proxys_own_address_stays),
		TEST(a_pair_never_counts_in_anothers_head),
		TEST(an_ipv6_pair_never_counts_in_anothers_head),
		TEST(a_head_that_returns_in_its_slot_tells_the_whole_slot),
		TEST(a_head_that_returns_while_it_leaves_tells_the_whole_slot),
		TEST(a_packet_in_flight_counts_in_a_head_not_harvested_yet),
		TEST(a_head_that_counts_while_it_leaves_stays),
		TEST(a_restart_tells_of_heads_that_left),
		TEST(a_restart_while_a_head_leaves_loses_nothing),
		cmocka_unit_test(no_packet_is_lost_while_heads_come_and_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
