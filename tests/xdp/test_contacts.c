/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Contacts: which new records count as a client's, and which do not. */
#include <math.h>

#include "bed.h"

#define CLIENT 0x0a000001
#define SERVER 0xc6336401

static int setup(void **state)
{
	(void)state;
	if (bed_make(65536, 4096, true))
		return -1;
	bed_policy(policy_plain(1000, 0, 0));
	return 0;
}

/* So many packets from the client to each of `count` addresses from `first` on. */
static void sends(uint32_t client, uint32_t first, uint32_t count, int packets)
{
	for (uint32_t i = 0; i < count; i++) {
		const struct frame frame = frame4(client, first + i);

		bed_run_many(&frame, packets, NULL);
	}
}

static void ticks(unsigned int count)
{
	for (; count > 0; count--) {
		bed_at(bed.jiffies + BED_HZ / 5);
		bed_harvest();
	}
}

static uint32_t contacts(uint32_t client)
{
	const struct key key = key4(client, 0);

	return heavy_count(table_contacts(bed.table), &key.client);
}

static void each_new_address_is_one_contact(void **state)
{
	static const int packets[] = { 1, 3, 5, 100 };

	(void)state;
	for (uint32_t i = 0; i < sizeof(packets) / sizeof(*packets); i++) {
		sends(CLIENT + i, SERVER, 30, packets[i]);
		ticks(1);
		assert_int_equal(contacts(CLIENT + i), 30);
		sends(CLIENT + i, SERVER, 30, packets[i]); /* known by now */
		bed_harvest();
		assert_int_equal(contacts(CLIENT + i), 30);
	}
}

/* What a steady stream comes to, at its peak and after its end. */
static void half_of_them_are_forgotten_each_second(void **state)
{
	uint32_t next = SERVER, most = 0, least = UINT32_MAX;

	(void)state;
	ticks(1);
	for (unsigned int tick = 0; tick < 50; tick++) {
		sends(CLIENT, next, 10, 1);
		next += 10;
		ticks(1);
		if (tick < 30)
			continue;
		most = contacts(CLIENT) > most ? contacts(CLIENT) : most;
		least = contacts(CLIENT) < least ? contacts(CLIENT) : least;
		assert_true(fabs(table_contacts_rate(bed.table, contacts(CLIENT)) - SCAN_CONTACTS_PER_S) < 10);
	}
	assert_in_range(most, SCAN_CONTACTS - 12, SCAN_CONTACTS); /* at the bound, never above it */
	assert_in_range(least, SCAN_CONTACTS_PER_S, SCAN_CONTACTS_PER_S + 10);
	ticks(5 * 8);
	assert_int_equal(contacts(CLIENT), 0);
}

/* A Mirai bot is above the bound within a second; a thing that starts with all its destinations is not. */
static void a_scan_is_above_the_bound_and_a_start_is_not(void **state)
{
	static const struct {
		uint32_t per_tick, ticks;
		bool above;
	} rows[] = {
		/* 0 */ { 20, 1, false },
		/* 1 */ { 100, 1, false },
		/* 2 */ { 101, 1, true },
		/* 3 */ { 144, 1, true }, /* 720 a second */
		/* 4 */ { 32, 5, true }, /* 160 a second: within one, wherever the halving falls */
		/* 5 */ { 12, 20, true }, /* 60 a second */
		/* 6 */ { 9, 50, false }, /* 45 a second */
	};

	(void)state;
	for (uint32_t row = 0; row < sizeof(rows) / sizeof(*rows); row++) {
		uint32_t next = SERVER, most = 0;

		for (uint32_t tick = 0; tick < rows[row].ticks; tick++) {
			sends(CLIENT + row, next, rows[row].per_tick, 1);
			next += rows[row].per_tick;
			ticks(1);
			most = contacts(CLIENT + row) > most ? contacts(CLIENT + row) : most;
		}
		if ((most > SCAN_CONTACTS) != rows[row].above)
			fail_msg("row %u: %u contacts", row, most);
	}
}

/* A server that answers a thousand clients contacts nobody, and who is answered has made the contact. */
static void an_answer_is_no_contact(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 200; i++)
		sends(CLIENT + i, SERVER, 1, 1);
	bed_at(bed.jiffies + 1);
	sends(SERVER, CLIENT, 200, 1);
	ticks(1);
	assert_int_equal(contacts(SERVER), 0);
	assert_int_equal(contacts(CLIENT), 1);
	assert_int_equal(contacts(CLIENT + 199), 1);
	sends(SERVER, CLIENT + 200, 7, 1); /* nobody asked */
	ticks(1);
	assert_int_equal(contacts(SERVER), 7);
}

static void who_was_first_within_a_jiffy_is_not_known(void **state)
{
	(void)state;
	sends(CLIENT, SERVER, 1, 1);
	sends(SERVER, CLIENT, 1, 1);
	ticks(1);
	assert_int_equal(contacts(CLIENT) + contacts(SERVER), 0);
}

static void a_record_on_others_word_is_no_contact(void **state)
{
	const struct key key = key4(CLIENT, SERVER);
	const struct change change = { .count = 10, .members = 2, .payer = 3, .pass_share = SHARE_ALL };

	(void)state;
	table_set_members(bed.table, 2);
	ticks(1);
	assert_int_equal(bed_apply(&key, &change, true), 0);
	ticks(1);
	sends(CLIENT, SERVER, 1, 1);
	ticks(1);
	assert_int_equal(contacts(CLIENT), 0);
}

static void an_ipv6_client_is_its_64(void **state)
{
	const struct key client = { .client = { { 0x20, 0x01, 0x0d, 0xb8, [7] = 1 } } };
	char destination[64];

	(void)state;
	for (unsigned int i = 1; i <= 20; i++) {
		char from[64];

		snprintf(from, sizeof(from), "2001:db8:0:1::%x", i);
		snprintf(destination, sizeof(destination), "2001:db8:f::%x", i);
		const struct frame frame = frame6(from, destination, 17);

		bed_run(&frame);
	}
	ticks(1);
	assert_int_equal(heavy_count(table_contacts(bed.table), &client.client), 20);
}

static void sends6(unsigned int from, unsigned int to, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		char client[64], destination[64];

		snprintf(client, sizeof(client), "2001:db8:0:%x::7", from ? from : to + i);
		snprintf(destination, sizeof(destination), "2001:db8:0:%x::7", from ? to + i : 0xffff);
		const struct frame frame = frame6(client, destination, 17);

		bed_run(&frame);
	}
}

/* Of an IPv6 client only its prefix is known: who has pairs of its own is taken as one that asked. */
static void an_answer_in_ipv6_is_no_contact(void **state)
{
	const struct key server = { .client = { { 0x20, 0x01, 0x0d, 0xb8, [6] = 0xff, 0xff } } };

	(void)state;
	sends6(0, 1, 50); /* fifty clients ask 2001:db8:0:ffff::7 */
	bed_at(bed.jiffies + 1);
	sends6(0xffff, 1, 50);
	ticks(1);
	assert_int_equal(heavy_count(table_contacts(bed.table), &server.client), 0);
	sends6(0xffff, 0x100, 7); /* nobody asked */
	ticks(1);
	assert_int_equal(heavy_count(table_contacts(bed.table), &server.client), 7);
}

static int setup_clients(void **state)
{
	const struct key network = key4(0x0a000000, 0);

	(void)state;
	bed_configure(65536, 4096);
	bed.config.clients[0] = (struct prefix){ network.client, 96 + 8 };
	bed.config.client_count = 1;
	return bed_begin(true);
}

/* With `clients` what goes to none of them answers nothing, whatever came from there. */
static void what_leaves_the_clients_is_no_answer(void **state)
{
	(void)state;
	sends(SERVER, CLIENT, 20, 1); /* from the clients' side, and of no client */
	bed_at(bed.jiffies + 1);
	sends(CLIENT, SERVER, 20, 1);
	ticks(1);
	assert_int_equal(contacts(CLIENT), 20);
	sends(CLIENT + 50, CLIENT + 51, 1, 1); /* one client asks another */
	bed_at(bed.jiffies + 1);
	sends(CLIENT + 51, CLIENT + 50, 1, 1);
	ticks(1);
	assert_int_equal(contacts(CLIENT + 50), 1);
	assert_int_equal(contacts(CLIENT + 51), 0);
}

/* A daemon that was away finds the new records of all that time at once: those of the last second count. */
static void a_pause_of_the_daemon_makes_no_scan(void **state)
{
	uint32_t next = SERVER;

	(void)state;
	ticks(1);
	for (unsigned int second = 0; second < 10; second++) {
		sends(CLIENT, next, 15, 1);
		next += 15;
		bed_at(bed.jiffies + BED_HZ);
	}
	ticks(1);
	assert_true(contacts(CLIENT) <= 15);
	ticks(1);
	assert_true(contacts(CLIENT) <= 15);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(each_new_address_is_one_contact, setup, bed_teardown),
		cmocka_unit_test_setup_teardown(half_of_them_are_forgotten_each_second, setup, bed_teardown),
		cmocka_unit_test_setup_teardown(a_scan_is_above_the_bound_and_a_start_is_not, setup, bed_teardown),
		cmocka_unit_test_setup_teardown(an_answer_is_no_contact, setup, bed_teardown),
		cmocka_unit_test_setup_teardown(who_was_first_within_a_jiffy_is_not_known, setup, bed_teardown),
		cmocka_unit_test_setup_teardown(a_record_on_others_word_is_no_contact, setup, bed_teardown),
		cmocka_unit_test_setup_teardown(an_ipv6_client_is_its_64, setup, bed_teardown),
		cmocka_unit_test_setup_teardown(an_answer_in_ipv6_is_no_contact, setup, bed_teardown),
		cmocka_unit_test_setup_teardown(what_leaves_the_clients_is_no_answer, setup_clients, bed_teardown),
		cmocka_unit_test_setup_teardown(a_pause_of_the_daemon_makes_no_scan, setup, bed_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
