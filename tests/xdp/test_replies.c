/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Replies take a quick way (sides.h, is_reply) that must decide as the whole walk does: with as many prefixes of
 * clients as there may be, on the edges of each, and with the filter of the proxy's own addresses.
 */
#include "side_bed.h"

#define COLLIDING_MAX (1U << 20) /* addresses looked through for one of the same bit: one in 4096 has it */

/* Of both families in turn: 10.0.N.0/24 and 2001:db8:N::/48, N = 0, 2, 4, ... */
static int setup_many(void **state)
{
	char text[64];

	(void)state;
	configure(true);
	for (uint32_t i = 0; i < CLIENTS_MAX; i++) {
		snprintf(text, sizeof(text), "2001:db8:%x::", 2 * i);
		bed.config.clients[i] = i & 1 ? prefix6(text, 48) : prefix4(NET(10, 0, 2 * i, 0), 24);
	}
	bed.config.client_count = CLIENTS_MAX;
	return begin();
}

static void check(const struct frame *frame, bool is_client, const char *name)
{
	const enum reason reason = is_client ? REASON_PASS_ANSWER : REASON_PASS_NOT_CLIENT;
	const uint64_t before = bed_reason(reason);

	assert_int_equal(bed_run(frame), XDP_VERDICT_PASS);
	if (bed_reason(reason) != before + 1)
		fail_msg("to %s: expected %s", name, is_client ? "an answer" : "not a client");
}

static void replies_to_each_prefix_on_its_edges(void **state)
{
	(void)state;
	enter(SIDE_OUTER);
	for (uint32_t i = 0; i < 2 * CLIENTS_MAX; i++) {
		const bool within4 = i % 4 == 0, within6 = i % 4 == 2; /* network i: of prefix i / 2, of one family */
		const struct frame first4 = frame4(SERVER, NET(10, 0, i, 0)),
				   last4 = frame4(SERVER, NET(10, 0, i, 255));
		struct frame frame;
		char text[64];

		check(&first4, within4, "the first IPv4 address");
		check(&last4, within4, "the last IPv4 address");
		snprintf(text, sizeof(text), "2001:db8:%x::", i);
		frame = frame6(SERVER6, text, 17);
		check(&frame, within6, text);
		snprintf(text, sizeof(text), "2001:db8:%x:ffff:ffff:ffff:ffff:ffff", i);
		frame = frame6(SERVER6, text, 17);
		check(&frame, within6, text);
	}
}

static void a_source_in_any_prefix_is_judged(void **state)
{
	(void)state;
	enter(SIDE_OUTER);
	for (uint32_t i = 0; i < CLIENTS_MAX; i++) {
		struct frame frame = frame4(NET(10, 0, 2 * i, 9), NET(10, 0, 0, 7));
		char text[64];

		if (i & 1) {
			snprintf(text, sizeof(text), "2001:db8:%x::9", 2 * i);
			frame = frame6(text, "2001:db8:2::7", 17);
		}
		assert_int_equal(bed_run(&frame), XDP_VERDICT_PASS);
		if (bed_reason(REASON_PASS) != i + 1)
			fail_msg("prefix %u: not judged", i);
	}
}

/* One longer than an address's first half, and one that takes in all of IPv4 and some of IPv6. */
static int setup_odd(void **state)
{
	(void)state;
	configure(true);
	bed.config.clients[0] = prefix6("2001:db8:7:0:8000::", 65);
	bed.config.clients[1] = prefix6("::", 3);
	bed.config.client_count = 2;
	return begin();
}

static void replies_to_prefixes_of_odd_lengths(void **state)
{
	static const struct {
		const char *address;
		bool is_client;
	} rows[] = {
		/* 0 */ { "2001:db8:7:0:8000::", true },
		/* 1 */ { "2001:db8:7:0:ffff:ffff:ffff:ffff", true },
		/* 2 */ { "2001:db8:7:0:7fff:ffff:ffff:ffff", false },
		/* 3 */ { "2001:db8:7:1:8000::", false },
		/* 4 */ { "2001:db8:6:ffff:8000::", false },
		/* 5 */ { "1000::", true },
		/* 6 */ { "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", true },
		/* 7 */ { "2000::", false },
	};
	const struct frame from_clients[] = { frame4(SERVER, NET(10, 0, 0, 7)),
					      frame6("1000::1", "2001:db8:7:0:8000::", 17) };

	(void)state;
	enter(SIDE_OUTER);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct frame frame = frame6(SERVER6, rows[i].address, 17);

		check(&frame, rows[i].is_client, rows[i].address);
	}
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(bed_run(&from_clients[i]), XDP_VERDICT_PASS);
		assert_int_equal(bed_reason(REASON_PASS), i + 1); /* judged */
	}
}

static uint32_t bit_of(uint32_t address)
{
	const struct key key = key4(0, address);
	__u64 words[2];

	memcpy(words, &key.destination, sizeof(words));
	return locals_bit(words);
}

/* An address with the bit of one of the proxy's own is still a client's. */
static void an_address_is_the_proxys_by_more_than_its_bit(void **state)
{
	uint32_t address = OWN + 1;

	(void)state;
	while (bit_of(address) != bit_of(OWN) && address < OWN + COLLIDING_MAX)
		address++;
	assert_int_equal(bit_of(address), bit_of(OWN));
	enter(SIDE_OUTER);
	for (int own = 0; own < 2; own++) {
		const struct frame frame = frame4(SERVER, own ? OWN : address);

		assert_int_equal(bed_run(&frame), XDP_VERDICT_PASS);
		assert_int_equal(bed_reason(REASON_PASS_ANSWER), 1);
		assert_int_equal(bed_reason(REASON_PASS_LOCAL), own);
	}
}

/* The next program has its own filter; the addresses are in a pinned map. */
static void the_proxys_addresses_outlive_the_daemon(void **state)
{
	const struct frame own = frame_of(false, false, false, true), own6 = frame_of(true, false, false, true);

	(void)state;
	table_close(bed.table);
	assert_int_equal(bed_begin(true), 0);
	enter(SIDE_OUTER);
	assert_int_equal(bed_run(&own), XDP_VERDICT_PASS);
	assert_int_equal(bed_run(&own6), XDP_VERDICT_PASS);
	assert_int_equal(bed_reason(REASON_PASS_LOCAL), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(replies_to_each_prefix_on_its_edges, setup_many, bed_teardown),
		cmocka_unit_test_setup_teardown(a_source_in_any_prefix_is_judged, setup_many, bed_teardown),
		cmocka_unit_test_setup_teardown(replies_to_prefixes_of_odd_lengths, setup_odd, bed_teardown),
		cmocka_unit_test_setup_teardown(an_address_is_the_proxys_by_more_than_its_bit, setup, bed_teardown),
		cmocka_unit_test_setup_teardown(the_proxys_addresses_outlive_the_daemon, setup, bed_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
