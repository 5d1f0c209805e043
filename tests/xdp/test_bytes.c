/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Bytes: of a destination exactly, by the difference of counters that wrap; of a pair by samples; and what a harvest
 * hands on of both.
 */
#include "bed.h"

#define CLIENT 0xc6130000 /* 198.19.0.0 */
#define SERVER 0xcb007100 /* 203.0.113.0 */
#define LONG_BYTES 1514
#define SHORT_BYTES 64

static struct frame frame_of(uint32_t client, uint32_t destination, uint32_t bytes)
{
	struct frame frame = frame4(client, destination);

	frame.length = bytes;
	frame.bytes[ETH_HLEN + 2] = (uint8_t)((bytes - ETH_HLEN) >> 8);
	frame.bytes[ETH_HLEN + 3] = (uint8_t)(bytes - ETH_HLEN);
	return frame;
}

static void sends(uint32_t client, uint32_t bytes, int packets)
{
	const struct frame frame = frame_of(client, SERVER, bytes);

	assert_int_equal(bed_run_many(&frame, packets, NULL), XDP_PASS);
}

static uint64_t bytes_of_server(void)
{
	const struct key key = destination4(SERVER);
	struct record_view view;

	assert_true(table_find(bed.table, &key, &view));
	return view.bytes;
}

static int setup(void **state)
{
	const int err = bed_setup(state);

	bed_policy(policy_plain(0, 0, POLICY_EARLY));
	return err;
}

static void a_destinations_bytes_are_exact(void **state)
{
	const struct key key = destination4(SERVER);

	(void)state;
	sends(CLIENT, SHORT_BYTES, 10);
	sends(CLIENT + 1, LONG_BYTES, 30);
	bed_harvest();
	assert_int_equal(bytes_of_server(), 10 * SHORT_BYTES + 30 * LONG_BYTES);
	assert_int_equal(bed_cell(&key)->size, (10 * SHORT_BYTES + 30 * LONG_BYTES + 20) / 40);
	sends(CLIENT, SHORT_BYTES, 7); /* the next harvest has the mean of what came since */
	bed_at(bed.jiffies + 50);
	bed_harvest();
	assert_int_equal(bytes_of_server(), 17 * SHORT_BYTES + 30 * LONG_BYTES);
	assert_int_equal(bed_cell(&key)->size, SHORT_BYTES);
}

/* 2^32 bytes and more: each harvest takes the difference. */
static void the_counter_of_bytes_wraps(void **state)
{
	const struct key key = destination4(SERVER);
	struct destination_shard *shards;
	uint32_t destination;

	(void)state;
	sends(CLIENT, LONG_BYTES, 1);
	bed_harvest();
	destination = destination_find(bed.table, &key.destination);
	shards = &bed.table->shards[(size_t)destination * bed.table->cpus];
	for (uint32_t cpu = 0; cpu < bed.table->cpus; cpu++)
		shards[cpu].bytes += shards[cpu].packets ? 0xffffff00U - LONG_BYTES : 0;
	bed.table->paces[destination].harvested_bytes = 0xffffff00U;
	sends(CLIENT, LONG_BYTES, 3);
	bed_at(bed.jiffies + 50);
	bed_harvest();
	assert_int_equal(bytes_of_server(), 4 * LONG_BYTES);
	assert_int_equal(bed_cell(&key)->size, LONG_BYTES);
}

static void a_pairs_first_packet_tells_its_size(void **state)
{
	const struct key key = key4(CLIENT, SERVER);

	(void)state;
	sends(CLIENT, LONG_BYTES, 1);
	bed_harvest();
	assert_int_equal(table_size(bed.table, &key), LONG_BYTES & ~3);
	assert_int_equal(bed_cell(&key)->size, LONG_BYTES & ~3);
}

/* One packet in 64 tells its size: of 64 short and 192 long ones in turn both do, each as often as it is sent. */
static void samples_are_as_often_as_packets(void **state)
{
	const struct key key = key4(CLIENT, SERVER);
	uint32_t harvests = 0, of_long = 0, changes = 0;
	double before = 0;

	(void)state;
	for (unsigned int i = 0; i < 4000; i++) {
		sends(CLIENT, i % 4 ? LONG_BYTES : SHORT_BYTES, 16);
		harvests++;
		of_long += table_size(bed.table, &key) > SHORT_BYTES;
		changes += table_size(bed.table, &key) != before;
		before = table_size(bed.table, &key);
	}
	assert_in_range(of_long, harvests * 70 / 100, harvests * 80 / 100);
	assert_true(changes > 100);
}

/* A warning's second stands beside the size, and neither disturbs the other. */
static void a_warning_leaves_the_size_alone(void **state)
{
	const struct key key = key4(CLIENT, SERVER);
	const struct frame frame = frame_of(CLIENT, SERVER, LONG_BYTES);

	(void)state;
	bed_policy(policy_plain(1, 0, POLICY_EARLY));
	bed_run_many(&frame, 1000, NULL);
	assert_int_equal(bed_warnings(), 1);
	assert_int_equal(table_size(bed.table, &key), LONG_BYTES & ~3);
	bed_at(bed.jiffies + BED_HZ);
	bed_run_many(&frame, 1000, NULL);
	assert_int_equal(bed_warnings(), 1);
	assert_int_equal(table_size(bed.table, &key), LONG_BYTES & ~3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_destinations_bytes_are_exact, setup, bed_teardown),
		cmocka_unit_test_setup_teardown(the_counter_of_bytes_wraps, setup, bed_teardown),
		cmocka_unit_test_setup_teardown(a_pairs_first_packet_tells_its_size, setup, bed_teardown),
		cmocka_unit_test_setup_teardown(samples_are_as_often_as_packets, setup, bed_teardown),
		cmocka_unit_test_setup_teardown(a_warning_leaves_the_size_alone, setup, bed_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
