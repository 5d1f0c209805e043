/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Limits of clients and networks: who is bound by them, what the daemon writes, how many there may be, and several
 * CPUs.
 */
#define _GNU_SOURCE /* CPU affinity */
#include "hot_bed.h"

/* ---- who is bound ---- */

static void without_room_for_records_a_limit_holds(void **state)
{
	const struct key keys[] = { client_key(), network_key() };

	bed_remove();
	for (unsigned int i = 0; i < 2; i++) {
		for (unsigned int heads = 0; heads < 2; heads++) {
			if (bed_make(8, heads ? 64 : 1, true))
				fail();
			bed_policy(policy_plain(0, 0, POLICY_EARLY | POLICY_FAIR));
			passed_of(CLIENT + 1000, STRANGER, 64, heads ? 1 : 64); /* fills what there is */
			for (uint32_t other = 0; other < 64; other++)
				passed_of(CLIENT + 2000 + other, STRANGER, 1, 1);
			assert_int_equal(limit(&keys[i], RATE), 0);
			let_fill();
			assert_in_range(passed_of(CLIENT, TARGET, 2 * BURST, 50), BURST - 1, BURST + 1);
			assert_true(bed_reason(REASON_TABLE_FULL) > 0);
			assert_int_equal(bed_reason(REASON_COARSE) > 0, !heads);
			assert_int_equal(dropped(), bed_reason(i ? REASON_DROP_NETWORK : REASON_DROP_CLIENT));
			bed_remove();
		}
	}
	assert_int_equal(setup(state), 0);
}

static uint64_t passed_of6(const char *client, const char *destination, int packets)
{
	const struct frame frame = frame6(client, destination, 17);
	const uint64_t before = dropped();

	bed_run_many(&frame, packets, NULL);
	return (uint64_t)packets - (dropped() - before);
}

static void ipv6_has_clients_of_64_bits_and_networks_of_48(void **state)
{
	const struct key clients = key6("2001:db8:1:2::", "::"), networks = key6("::", "2001:db8:9::");
	const struct key keys[] = { key_of_client(&clients.client), key_of_network(&networks.destination) };

	for (unsigned int i = 0; i < 2; i++) {
		assert_int_equal(limit(&keys[i], RATE), 0);
		let_fill();
		assert_in_range(passed_of6("2001:db8:1:2::7", "2001:db8:9:8::1", 2 * BURST), BURST - 1, BURST + 1);
		assert_int_equal(passed_of6("2001:db8:1:2::8", "2001:db8:9:7::1", 10), 0);
		assert_int_equal(passed_of6("2001:db8:1:3::7", i ? "2001:db8:a::1" : "2001:db8:9:8::1", 10), 10);
		assert_int_equal(passed_of6(i ? "2001:db8:1:2::7" : "2001:db8:1:3::7", "2001:db8:a:8::1", 10), 10);
		bed_remove();
		assert_int_equal(setup(state), 0);
	}
}

static void never_drop_passes_whatever_the_limit(void **state)
{
	const struct key keys[] = { client_key(), network_key() };

	(void)state;
	for (unsigned int side = 0; side < 2; side++) {
		document_start(0, 0);
		rule_add(side ? POLICY_DESTINATION : POLICY_CLIENT, POLICY_NEVER_DROP,
			 side ? prefix4(TARGET, 32) : prefix4(CLIENT, 32));
		put();
		for (unsigned int i = 0; i < 2; i++)
			assert_int_equal(limit(&keys[i], 0), 0);
		assert_int_equal(passed_of(CLIENT, TARGET, 10, 1), 10);
		assert_int_equal(passed_of(CLIENT + 1, NEIGHBOUR, 10, 1), 0);
	}
}

static void monitor_mode_drops_nothing(void **state)
{
	const struct key keys[] = { client_key(), network_key() };

	(void)state;
	bed_policy(policy_plain(0, 0, POLICY_EARLY | POLICY_FAIR | POLICY_MONITOR));
	for (unsigned int i = 0; i < 2; i++) {
		const uint64_t would = bed_reason(REASON_WOULD_DROP);

		assert_int_equal(limit(&keys[i], 0), 0);
		assert_int_equal(passed_of(CLIENT, TARGET, 10, 1), 10);
		assert_int_equal(bed_reason(REASON_WOULD_DROP) - would, 10);
		assert_int_equal(limit(&keys[i], -1), 0);
	}
}

static void packets_to_the_proxy_itself_pass(void **state)
{
	const struct key keys[] = { client_key(), network_key() }, own = destination4(TARGET);

	(void)state;
	assert_int_equal(table_add_local(bed.table, &own.destination), 0);
	for (unsigned int i = 0; i < 2; i++)
		assert_int_equal(limit(&keys[i], 0), 0);
	assert_int_equal(passed_of(CLIENT, TARGET, 10, 1), 10);
	assert_int_equal(bed_reason(REASON_PASS_LOCAL), 10);
}

/* Each judges what those before it let pass. */
static void the_pair_comes_before_the_client_and_the_destination_before_the_network(void **state)
{
	const struct key keys[] = { client_key(), network_key() };
	struct frame frame = frame4(CLIENT, TARGET);
	struct limit_view view;

	(void)state;
	bed_policy(policy_plain(0, 40, POLICY_EARLY)); /* strict */
	for (unsigned int i = 0; i < 2; i++)
		assert_int_equal(limit(&keys[i], 100000), 0);
	let_fill();
	bed_run_many(&frame, 100, NULL);
	assert_int_equal(bed_reason(REASON_DROP_DESTINATION), 60);
	assert_true(table_limit_of(bed.table, &keys[0], &view));
	assert_int_equal(view.reached, 100);
	assert_true(table_limit_of(bed.table, &keys[1], &view));
	assert_int_equal(view.reached, 40);
	assert_int_equal(view.dropped, 0);
	bed_policy(policy_plain(30, 0, POLICY_EARLY));
	bed_at(bed.jiffies + 20 * BED_HZ);
	bed_beat();
	bed_run_many(&frame, 100, NULL);
	assert_int_equal(bed_reason(REASON_DROP_PAIR), 70);
	assert_true(table_limit_of(bed.table, &keys[0], &view));
	assert_int_equal(view.reached, 130);
	assert_true(view.granted > 99999 && view.granted < 100001);
}

static void with_a_dead_daemon_no_limit_is_in_force(void **state)
{
	const struct key key = client_key();

	(void)state;
	assert_int_equal(limit(&key, 0), 0);
	bed_at(bed.jiffies + 3 * BED_HZ);
	assert_int_equal(passed_of(CLIENT, TARGET, 10, 1), 0);
	bed_at(bed.jiffies + 1);
	assert_int_equal(passed_of(CLIENT, TARGET, 10, 1), 10);
}

/* ---- what the daemon writes ---- */

static void a_fold_keeps_what_the_record_says_of_limits(void **state)
{
	const struct key key = client_key(), record = key4(CLIENT, TARGET);
	struct change fold = fold_of(10, 1000);
	struct record_view view;

	(void)state;
	assert_int_equal(limit(&key, RATE), 0);
	run(CLIENT, 10);
	bed_harvest();
	for (uint32_t share = 0; share <= SHARE_ALL; share += 0x1111) {
		fold.pass_share = (uint16_t)share;
		assert_int_equal(bed_apply(&record, &fold, false), 0);
		assert_false(bed_record(&record)->pass_share & SHARE_UNLIMITED);
		assert_true(table_find(bed.table, &record, &view));
		assert_int_equal(view.pass_share, share == SHARE_ALL ? SHARE_ALL : share & ~1U);
	}
}

/* It finds a record when it comes. */
static void a_record_on_others_word_says_so_too(void **state)
{
	const struct key key = client_key(), record = key4(CLIENT, TARGET);
	const struct change fold = fold_of(10, 1000);

	(void)state;
	assert_int_equal(limit(&key, 0), 0);
	assert_int_equal(bed_apply(&record, &fold, true), 0);
	assert_int_equal(passed_of(CLIENT, TARGET, 10, 1), 0);
}

/* Those of an earlier daemon stay until this one knows as much, and what it grants meanwhile is no more. */
static void limits_outlive_the_daemon(void **state)
{
	const struct key key = client_key(), other = network_key();
	struct limit_view view;

	(void)state;
	assert_int_equal(limit(&key, RATE), 0);
	assert_int_equal(limit(&other, RATE), 0);
	reopen();
	assert_int_equal(bed.table->state->hot_count, 2);
	assert_int_equal(limit(&key, 10 * RATE), 0);
	assert_int_equal(limit(&other, RATE / 2.0), 0);
	assert_int_equal(limit(&other, -1), 0); /* it has not heard of the others yet */
	assert_true(table_limit_of(bed.table, &key, &view));
	assert_true(view.granted > 0.99 * RATE && view.granted < 1.01 * RATE);
	assert_true(table_limit_of(bed.table, &other, &view));
	assert_true(view.granted < 0.51 * RATE);
	let_fill();
	assert_in_range(passed_of(CLIENT, STRANGER, 2 * BURST, 1), BURST - 1, BURST + 1);
	bed_at(bed.jiffies + 8 * BED_HZ);
	bed_harvest();
	assert_int_equal(limit(&key, 10 * RATE), 0);
	assert_true(table_limit_of(bed.table, &key, &view));
	assert_true(view.granted > 9.9 * RATE);
	bed_at(bed.jiffies + 1);
	bed_harvest();
	assert_false(table_limit_of(bed.table, &other, &view)); /* nobody told of it again */
}

/* ---- room ---- */

static struct key client_number(uint32_t number)
{
	const struct key key = key4(0x0b000000 + number, TARGET);

	return key_of_client(&key.client);
}

static void there_are_so_many_limits_and_no_more(void **state)
{
	struct key key;

	(void)state;
	for (uint32_t i = 0; i < HOT_LIMITS_MAX; i++) {
		key = client_number(i);
		assert_int_equal(limit(&key, 0), 0);
	}
	key = client_number(HOT_LIMITS_MAX);
	assert_int_equal(limit(&key, 0), -ENOSPC);
	assert_int_equal(passed_of(0x0b000000 + HOT_LIMITS_MAX - 1, TARGET, 10, 1), 0);
	assert_int_equal(passed_of(0x0b000000 + HOT_LIMITS_MAX, TARGET, 10, 1), 10);
	for (uint32_t i = 0; i < HOT_LIMITS_MAX; i += 2) {
		key = client_number(i);
		assert_int_equal(limit(&key, -1), 0);
	}
	assert_int_equal(bed.table->state->hot_count, HOT_LIMITS_MAX / 2);
	for (uint32_t i = 0; i < HOT_LIMITS_MAX; i++) {
		struct limit_view view;

		key = client_number(i);
		assert_int_equal(table_limit_of(bed.table, &key, &view), i % 2);
	}
	key = client_number(0);
	assert_int_equal(limit(&key, 0), -ENOSPC); /* a packet in flight may still use them */
	table_collect(bed.table, bed_now(), duration_ms(60000));
	wait_for_grace();
	table_collect(bed.table, bed_now(), duration_ms(60000));
	assert_int_equal(limit(&key, 0), 0);
	assert_int_equal(passed_of(0x0b000000, TARGET, 10, 1), 0);
}

static void what_is_no_client_s_or_network_s_key_has_no_limit(void **state)
{
	const struct address host = address6("2001:db8::1");
	const struct key part = destination4(TARGET);
	const struct key keys[] = { key_of_client(&host), key_of_network(&part.destination) };

	(void)state;
	for (unsigned int i = 0; i < 2; i++)
		assert_int_equal(limit(&keys[i], RATE), -EINVAL);
	assert_int_equal(bed.table->state->hot_count, 0);
}

/* ---- several CPUs ---- */

#define RACE_PACKETS 200000

static void *send_on(void *user)
{
	const int cpu = *(const int *)user;
	struct frame frame = frame4(CLIENT, TARGET + (uint32_t)cpu);
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = frame.bytes, .data_size_in = frame.length,
		    .repeat = RACE_PACKETS);
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
	assert_int_equal(bpf_prog_test_run_opts(bed.table->program_fd, &run), 0);
	return NULL;
}

static void two_cpus_share_one_bucket(void **state)
{
	const struct key key = client_key();
	const int cpus[2] = { 0, 1 };
	struct limit_view view;
	pthread_t threads[2];

	(void)state;
	assert_int_equal(limit(&key, 250000), 0);
	let_fill();
	for (unsigned int i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, send_on, (void *)(uintptr_t)&cpus[i]);
	for (unsigned int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	assert_true(table_limit_of(bed.table, &key, &view));
	assert_int_equal(view.reached, 2 * RACE_PACKETS);
	assert_int_equal(view.dropped, bed_reason(REASON_DROP_CLIENT));
	assert_in_range(view.reached - view.dropped, 0.98 * 100000, 1.01 * 100000); /* 0.4 s of it */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(without_room_for_records_a_limit_holds),
		TEST(ipv6_has_clients_of_64_bits_and_networks_of_48),
		TEST(never_drop_passes_whatever_the_limit),
		TEST(monitor_mode_drops_nothing),
		TEST(packets_to_the_proxy_itself_pass),
		TEST(the_pair_comes_before_the_client_and_the_destination_before_the_network),
		TEST(with_a_dead_daemon_no_limit_is_in_force),
		TEST(a_fold_keeps_what_the_record_says_of_limits),
		TEST(a_record_on_others_word_says_so_too),
		TEST(limits_outlive_the_daemon),
		TEST(there_are_so_many_limits_and_no_more),
		TEST(what_is_no_client_s_or_network_s_key_has_no_limit),
		TEST(two_cpus_share_one_bucket),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
