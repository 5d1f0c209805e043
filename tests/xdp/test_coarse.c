/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Coarse entries: what a packet is judged by that finds no head. The table of these tests has one head, and another
 * destination holds it.
 */
#define _GNU_SOURCE /* CPU affinity */
#include <pthread.h>
#include <sched.h>

#include "bed.h"

#define CLIENT 0x0a000001
#define HELD 0xc6336401	  /* 198.51.100.1 has the head */
#define VICTIM 0xc0000201 /* 192.0.2.1 has none */
#define RATE 100

static int setup(void **state)
{
	struct frame frame = frame4(CLIENT, HELD);

	(void)state;
	if (bed_make(1024, 1, true))
		return -1;
	bed_run(&frame);
	bed_at(bed.jiffies + 1);
	bed_beat();
	return 0;
}

/* How many of the packets pass, all in this jiffy. */
static uint64_t passes_of(const struct frame *frame, int packets)
{
	uint64_t before = bed_reason(REASON_DROP_COARSE);

	bed_run_many(frame, packets, NULL);
	return (uint64_t)packets - (bed_reason(REASON_DROP_COARSE) - before);
}

static uint64_t passes(uint32_t destination, int packets)
{
	struct frame frame = frame4(CLIENT, destination);

	return passes_of(&frame, packets);
}

static void prefix_of(enum coarse_kind kind, uint32_t address, __u64 ret_words[2])
{
	struct key key = destination4(address);

	memcpy(ret_words, &key.destination, sizeof(key.destination));
	coarse_cut(kind, ret_words);
}

static uint32_t index_of(enum coarse_kind kind, uint32_t row, uint32_t address)
{
	__u64 words[2];

	prefix_of(kind, address, words);
	return coarse_index(kind, row, words, bed.table->state->seed);
}

static const struct coarse_entry *entry_of(enum coarse_kind kind, uint32_t row, uint32_t address)
{
	return &bed.table->coarse[index_of(kind, row, address)];
}

static bool is_owner(const struct coarse_entry *entry, enum coarse_kind kind, uint32_t address)
{
	__u64 words[2];

	prefix_of(kind, address, words);
	return memcmp(entry->owner, words, sizeof(words)) == 0;
}

/* Another /24 that shares the entry of this row with the victim's, and not that of the other row. */
static uint32_t neighbour_in(uint32_t row)
{
	for (uint32_t network = 0x14000000; network < 0x15000000; network += 256)
		if (index_of(COARSE_NETWORKS, row, network) == index_of(COARSE_NETWORKS, row, VICTIM) &&
		    index_of(COARSE_NETWORKS, !row, network) != index_of(COARSE_NETWORKS, !row, VICTIM))
			return network + 1;
	fail_msg("no neighbour in row %u", row);
	return 0;
}

static void a_full_table_judges_by_the_network(void **state)
{
	(void)state;
	bed_policy(policy_plain(0, RATE, POLICY_EARLY));
	assert_int_equal(passes(VICTIM, RATE + 50), RATE); /* strict: over after T_F2 in the minimum window */
	assert_int_equal(passes(VICTIM + 1, 50), 0); /* of the same /24 */
	assert_int_equal(passes(VICTIM + 256, 50), 50);
	assert_int_equal(bed_reason(REASON_DROP_COARSE), 100);
	assert_int_equal(bed_reason(REASON_COARSE), RATE + 150);
	assert_int_equal(passes(HELD, RATE + 50), RATE + 50); /* has a head, and is judged by that */
	assert_int_equal(bed_reason(REASON_DROP_DESTINATION), 51);
}

/* Nobody sweeps entries: one may rest for more than half of the jiffies' range, where differences change their sign. */
static void an_entry_that_rested_for_weeks_begins_anew(void **state)
{
	(void)state;
	bed_policy(policy_plain(0, RATE, POLICY_EARLY));
	assert_int_equal(passes(VICTIM, 3 * RATE), RATE);
	for (uint32_t row = 0; row < COARSE_ROWS; row++) {
		struct coarse_entry *entry = (struct coarse_entry *)entry_of(COARSE_NETWORKS, row, VICTIM);

		entry->last -= 0x80000100U;
		entry->window = WORD(WORD_LOW(entry->window) - 0x80000100U, WORD_HIGH(entry->window));
	}
	assert_int_equal(passes(VICTIM, RATE), RATE);
	assert_int_equal(passes(VICTIM, 10), 0); /* and is over again by itself */
}

/* T_F2 is let through, whatever is offered; the first seconds pay back what passed before it was over. */
static void fair_thins_to_the_rate(void **state)
{
	uint64_t second[6] = { 0 }, total = 0;

	(void)state;
	bed_policy(policy_plain(0, RATE, POLICY_EARLY | POLICY_FAIR));
	for (unsigned int tenth = 0; tenth < 60; tenth++) {
		second[tenth / 10] += passes(VICTIM, RATE * 24 / 100); /* 2.4 x T_F2 */
		bed_at(bed.jiffies + BED_HZ / 10);
		bed_beat();
	}
	for (unsigned int i = 0; i < 6; i++) {
		print_message("# second %u: %llu of %u pass\n", i, (unsigned long long)second[i], RATE * 24 / 10);
		assert_in_range(second[i], i ? RATE * 80 / 100 : RATE, i ? RATE * 105 / 100 : RATE * 165 / 100);
		total += second[i];
	}
	assert_in_range(total, 6 * RATE * 95 / 100, 6 * RATE * 105 / 100);
	assert_in_range(second[5], RATE * 95 / 100, RATE * 105 / 100);
}

static void a_dead_daemon_changes_nothing(void **state)
{
	(void)state;
	bed_policy(policy_plain(0, RATE, POLICY_EARLY));
	bed_at(bed.jiffies + 10 * BED_HZ);
	assert_int_equal(passes(VICTIM, RATE + 50), RATE);
}

static void monitor_drops_nothing(void **state)
{
	struct frame frame = frame4(CLIENT, VICTIM);

	(void)state;
	bed_policy(policy_plain(0, RATE, POLICY_EARLY | POLICY_MONITOR));
	assert_int_equal(bed_run_many(&frame, RATE + 50, NULL), XDP_VERDICT_PASS);
	assert_int_equal(bed_reason(REASON_WOULD_DROP), 50);
	assert_int_equal(bed_reason(REASON_DROP_COARSE), 0);
}

static void without_a_rate_nothing_drops(void **state)
{
	(void)state;
	bed_policy(policy_plain(0, 0, POLICY_EARLY));
	assert_int_equal(passes(VICTIM, 1000), 1000);
	bed_policy(policy_plain(0, RATE, 0)); /* and no verdict before the minimum window */
	assert_int_equal(passes(VICTIM + 256, 1000), 1000);
}

static void the_window_begins_anew_after_a_silence_and_is_aged(void **state)
{
	const struct coarse_entry *entry = entry_of(COARSE_NETWORKS, 0, VICTIM);

	(void)state;
	bed_policy(policy_plain(0, RATE, POLICY_EARLY));
	assert_int_equal(passes(VICTIM, RATE + 50), RATE);
	assert_int_equal(WORD_LOW(entry->window), bed.jiffies);
	bed_at(bed.jiffies + 9 * BED_HZ); /* longer than T_T4: half of the window, and of its count, is left */
	assert_int_equal(passes(VICTIM, 1), 1);
	assert_int_equal(bed.jiffies - WORD_LOW(entry->window), 9 * BED_HZ / 2);
	assert_int_equal(entry->packets - WORD_HIGH(entry->window), (RATE + 51) / 2);
	bed_at(bed.jiffies + 10 * BED_HZ + 1);
	assert_int_equal(passes(VICTIM, RATE + 50), RATE);
	assert_int_equal(WORD_LOW(entry->window), bed.jiffies);
}

static void the_smaller_of_two_entries_judges(void **state)
{
	const uint32_t first = neighbour_in(0), second = neighbour_in(1);

	(void)state;
	bed_policy(policy_plain(0, RATE, POLICY_EARLY));
	passes(first, 10 * RATE); /* one of the victim's entries is far over its rate */
	assert_int_equal(passes(VICTIM, 10), 10);
	passes(second, 10 * RATE); /* both are */
	assert_int_equal(passes(VICTIM, 10), 0);
}

static void the_owner_is_who_sends_most(void **state)
{
	const uint32_t other = neighbour_in(0);
	const struct coarse_entry *entry = entry_of(COARSE_NETWORKS, 0, VICTIM);

	(void)state;
	passes(VICTIM, 3);
	assert_true(is_owner(entry, COARSE_NETWORKS, VICTIM));
	assert_int_equal(entry->votes, 3);
	passes(other, 2);
	assert_true(is_owner(entry, COARSE_NETWORKS, VICTIM));
	assert_int_equal(entry->votes, 1);
	passes(other, 1);
	assert_true(is_owner(entry, COARSE_NETWORKS, VICTIM));
	assert_int_equal(entry->votes, 0);
	passes(other, 5); /* taken over */
	assert_true(is_owner(entry, COARSE_NETWORKS, other));
	assert_int_equal(entry->votes, 5);
	assert_int_equal(entry->packets, 11);
	passes(VICTIM, 70000); /* votes end, so that a long past is outvoted again */
	assert_true(is_owner(entry, COARSE_NETWORKS, VICTIM));
	assert_int_equal(entry->votes, COARSE_VOTES);
}

static void ipv6_counts_by_48_bits(void **state)
{
	static const struct {
		const char *destination;
		uint64_t passes; /* of 50, after the /48 of the first row is over its rate */
	} rows[] = { { "2001:db8:9::1", 0 }, { "2001:db8:9:ffff::2", 0 }, { "2001:db8:a::1", 50 } };
	struct frame frame = frame6("2001:db8::1", rows[0].destination, 17);

	(void)state;
	bed_policy(policy_plain(0, RATE, POLICY_EARLY));
	assert_int_equal(passes_of(&frame, RATE + 50), RATE);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		frame = frame6("2001:db8::1", rows[i].destination, 17);
		if (passes_of(&frame, 50) != rows[i].passes)
			fail_msg("row %zu", i);
	}
}

/* The client's entries: with no head, and with one but no record of the pair. */
static void clients_are_counted_and_never_dropped(void **state)
{
	struct frame frame = frame4(CLIENT + 1, HELD);

	(void)state;
	bed_policy(policy_plain(0, 1000000, POLICY_EARLY));
	passes(VICTIM, 40);
	assert_int_equal(entry_of(COARSE_CLIENTS, 0, CLIENT)->packets, 40);
	assert_int_equal(entry_of(COARSE_CLIENTS, 1, CLIENT)->packets, 40);
	assert_true(is_owner(entry_of(COARSE_CLIENTS, 0, CLIENT), COARSE_CLIENTS, CLIENT));
	bed.table->state->client_pairs_max = 1;
	bed_run_many(&frame, 30, NULL); /* the first makes its record */
	assert_int_equal(entry_of(COARSE_CLIENTS, 0, CLIENT + 1)->packets, 0);
	frame = frame4(CLIENT, HELD + 1);
	bed_run_many(&frame, 20, NULL); /* no room for another pair */
	assert_int_equal(entry_of(COARSE_CLIENTS, 0, CLIENT)->packets, 60);
	assert_int_equal(bed_reason(REASON_COARSE), 60);
	bed_policy(policy_plain(0, RATE, POLICY_EARLY));
	bed.table->state->client_pairs_max = 1;
	frame = frame4(CLIENT + 1, HELD + 2);
	bed_run_many(&frame, 10 * RATE, NULL);
	assert_int_equal(bed_reason(REASON_DROP_COARSE), 9 * RATE + 20); /* by the network of HELD + 1 and + 2 */
}

/* ---- what people are told ---- */

static void estimates_and_the_heaviest_are_told(void **state)
{
	struct coarse_view heaviest[COARSE_HEAVIEST_MAX], view;
	const struct key victim = key4(CLIENT, VICTIM), quiet = key4(CLIENT, VICTIM + 1024);

	(void)state;
	bed_policy(policy_plain(0, RATE, POLICY_EARLY));
	for (uint32_t network = 0; network < 4; network++)
		passes(VICTIM + 256 * network, (int)(40 * (4 - network)));
	bed_at(bed.jiffies + 2 * BED_HZ);
	assert_true(table_coarse_of(bed.table, COARSE_NETWORKS, &victim.destination, &view));
	assert_int_equal(view.prefix.bits, 96 + 24);
	assert_int_equal(view.packets, 160);
	assert_true(view.window_s == 2 && view.rate == 80);
	assert_int_equal(view.share, SHARE_ALL); /* 160 in 2 s are within 100/s */
	passes(VICTIM, 240);
	assert_true(table_coarse_of(bed.table, COARSE_NETWORKS, &victim.destination, &view));
	assert_int_equal(view.packets, 400);
	assert_in_range(view.share, SHARE_ALL * 40 / 100, SHARE_ALL * 50 / 100); /* half, less what is paid back */
	assert_false(table_coarse_of(bed.table, COARSE_NETWORKS, &quiet.destination, &view));
	assert_int_equal(table_coarse_heaviest(bed.table, COARSE_NETWORKS, heaviest), COARSE_HEAVIEST_MAX);
	assert_int_equal(heaviest[0].packets, 400);
	assert_int_equal(heaviest[1].packets, 120);
	assert_int_equal(heaviest[2].packets, 80);
	assert_int_equal(table_coarse_heaviest(bed.table, COARSE_CLIENTS, heaviest), 1);
	assert_memory_equal(&heaviest[0].prefix.address, &victim.client, sizeof(victim.client));
	assert_int_equal(heaviest[0].packets, 640);
	bed_at(bed.jiffies + 11 * BED_HZ); /* the past */
	assert_int_equal(table_coarse_heaviest(bed.table, COARSE_NETWORKS, heaviest), 0);
}

static void who_has_most_of_the_records_is_told(void **state)
{
	const struct key scanner = key4(CLIENT, HELD), other = key4(CLIENT + 1, HELD);
	static struct heavy heavy;

	(void)state;
	for (uint32_t i = 0; i < 30; i++) {
		struct frame frame = frame4(i % 3 ? CLIENT : CLIENT + 1 + i, VICTIM + i);

		bed_run(&frame);
	}
	table_sample_clients(bed.table, false, &heavy);
	assert_memory_equal(&heavy_top(&heavy)->client, &scanner.client, sizeof(scanner.client));
	assert_int_equal(heavy_count(&heavy, &scanner.client), 21);
	assert_int_equal(heavy_count(&heavy, &other.client), 1);
	assert_int_equal(heavy.total, 31);
	table_sample_clients(bed.table, true, &heavy);
	assert_null(heavy_top(&heavy));
}

/* ---- several CPUs ---- */

#define RACE_PACKETS 100000

static void *count_on(void *user)
{
	const int cpu = *(const int *)user;
	struct frame frame = frame4(CLIENT + (uint32_t)cpu, VICTIM);
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = frame.bytes, .data_size_in = frame.length,
		    .repeat = RACE_PACKETS);
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
	assert_int_equal(bpf_prog_test_run_opts(bed.table->program_fd, &run), 0);
	return NULL;
}

static void two_cpus_count_exactly(void **state)
{
	const int cpus[2] = { 0, 1 };
	pthread_t threads[2];

	(void)state;
	bed_policy(policy_plain(0, RATE, POLICY_EARLY));
	for (unsigned int i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, count_on, (void *)(uintptr_t)&cpus[i]);
	for (unsigned int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(entry_of(COARSE_NETWORKS, 0, VICTIM)->packets, 2 * RACE_PACKETS);
	assert_int_equal(entry_of(COARSE_NETWORKS, 1, VICTIM)->packets, 2 * RACE_PACKETS);
	assert_int_equal(bed_reason(REASON_DROP_COARSE), 2 * RACE_PACKETS - RATE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, bed_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_full_table_judges_by_the_network),
		TEST(an_entry_that_rested_for_weeks_begins_anew),
		TEST(fair_thins_to_the_rate),
		TEST(a_dead_daemon_changes_nothing),
		TEST(monitor_drops_nothing),
		TEST(without_a_rate_nothing_drops),
		TEST(the_window_begins_anew_after_a_silence_and_is_aged),
		TEST(the_smaller_of_two_entries_judges),
		TEST(the_owner_is_who_sends_most),
		TEST(ipv6_counts_by_48_bits),
		TEST(clients_are_counted_and_never_dropped),
		TEST(estimates_and_the_heaviest_are_told),
		TEST(who_has_most_of_the_records_is_told),
		TEST(two_cpus_count_exactly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
