/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Sides: what is judged, what is an answer, and whose source is spoofed, by where a packet enters. Every row is sent
 * plain, behind a VLAN tag, without an Ethernet header and inside a tunnel, in IPv4 and in IPv6.
 */
#include "side_bed.h"

static const char *const dresses[] = { "plain", "tagged", "bare", "in a tunnel" };

struct row {
	uint32_t side;
	bool from_client, to_client, to_own;
	enum reason reason;
};

/* A record is there after a packet that was judged, and after no other. */
static void check(const struct row *row, unsigned int number, bool ipv6, enum dress dress)
{
	const struct frame frame = frame_of(ipv6, row->from_client, row->to_client, row->to_own);
	const struct key key = key_of(&frame, ipv6), head = key_of_destination(&key.destination);
	const uint64_t before = bed_reason(row->reason);
	const bool drops = row->reason == REASON_DROP_FOREIGN_SOURCE, judged = row->reason == REASON_PASS;
	struct record_view view;
	uint32_t verdict;

	enter(row->side);
	verdict = run_dressed(&frame, ipv6, dress);
	if (verdict != (drops ? XDP_VERDICT_DROP : XDP_VERDICT_PASS) || bed_reason(row->reason) != before + 1)
		fail_msg("row %u, IPv%d, %s: verdict %u, not for reason %d", number, ipv6 ? 6 : 4, dresses[dress],
			 verdict, row->reason);
	if ((bed_record(&key) != NULL) != judged || table_find(bed.table, &head, &view) != judged)
		fail_msg("row %u, IPv%d, %s: a record or a head is %s", number, ipv6 ? 6 : 4, dresses[dress],
			 judged ? "missing" : "there");
}

static void check_rows(const struct row *rows, size_t count, int (*again)(void **state))
{
	for (unsigned int i = 0; i < count; i++)
		for (int ipv6 = 0; ipv6 < 2; ipv6++)
			for (enum dress dress = PLAIN; dress < DRESSES; dress++) {
				check(&rows[i], i, ipv6, dress);
				bed_remove();
				assert_int_equal(again(NULL), 0);
			}
}

static void each_packet_by_its_side(void **state)
{
	static const struct row rows[] = {
		/*  0 */ { CLIENTS_SIDE, true, false, false, REASON_PASS },
		/*  1 */ { CLIENTS_SIDE, true, true, false, REASON_PASS },
		/*  2 */ { CLIENTS_SIDE, true, false, true, REASON_PASS_LOCAL },
		/*  3 */ { CLIENTS_SIDE, false, false, false, REASON_DROP_FOREIGN_SOURCE },
		/*  4 */ { CLIENTS_SIDE, false, true, false, REASON_DROP_FOREIGN_SOURCE },
		/*  5 */ { CLIENTS_SIDE, false, false, true, REASON_PASS_LOCAL },
		/*  6 */ { SIDE_OUTER, true, false, false, REASON_PASS },
		/*  7 */ { SIDE_OUTER, true, true, false, REASON_PASS },
		/*  8 */ { SIDE_OUTER, true, false, true, REASON_PASS_LOCAL },
		/*  9 */ { SIDE_OUTER, false, true, false, REASON_PASS_ANSWER },
		/* 10 */ { SIDE_OUTER, false, false, false, REASON_PASS_NOT_CLIENT },
		/* 11 */ { SIDE_OUTER, false, false, true, REASON_PASS_LOCAL },
		/* 12 */ { SIDE_UNKNOWN, true, false, false, REASON_PASS },
		/* 13 */ { SIDE_UNKNOWN, false, true, false, REASON_PASS },
	};

	(void)state;
	check_rows(rows, sizeof(rows) / sizeof(rows[0]), setup);
}

static void a_foreign_source_may_be_judged(void **state)
{
	static const struct row rows[] = {
		{ CLIENTS_SIDE, false, false, false, REASON_PASS },
		{ CLIENTS_SIDE, false, true, false, REASON_PASS },
		{ SIDE_OUTER, false, true, false, REASON_PASS_ANSWER },
	};

	(void)state;
	check_rows(rows, sizeof(rows) / sizeof(rows[0]), setup_judging_foreign);
}

static void without_clients_every_packet_is_judged(void **state)
{
	static const struct row rows[] = {
		{ CLIENTS_SIDE, true, false, false, REASON_PASS }, { CLIENTS_SIDE, false, true, false, REASON_PASS },
		{ SIDE_OUTER, false, true, false, REASON_PASS },   { SIDE_OUTER, false, false, false, REASON_PASS },
		{ SIDE_OUTER, false, false, true, REASON_PASS_LOCAL },
	};

	(void)state;
	check_rows(rows, sizeof(rows) / sizeof(rows[0]), setup_without_clients);
}

/* A packet of an interface that nobody told of is judged. */
static void another_interface_is_on_no_side(void **state)
{
	const struct frame frame = frame_of(false, false, true, false);
	const struct key key = key_of(&frame, false);

	(void)state;
	sides_note(bed.table, 0, BED_INTERFACE + 1);
	assert_int_equal(bed_run(&frame), XDP_VERDICT_PASS);
	assert_non_null(bed_record(&key));
}

static void what_names_no_host_passes_as_before(void **state)
{
	const struct frame frames[] = {
		frame4(0, 0xffffffff), /* a DHCP client that has no address yet */
		frame4(SERVER, 0xe0000001),
		frame6("fe80::9", "ff02::1", 58),
		frame6("fe80::9", "fe80::1", 58),
		frame6("::", "ff02::1:ff00:1", 58), /* duplicate address detection */
		frame6(SERVER6, "ff02::2", 58),
	};

	(void)state;
	enter(CLIENTS_SIDE);
	for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
		assert_int_equal(bed_run(&frames[i]), XDP_VERDICT_PASS);
		assert_int_equal(bed_reason(REASON_PASS_NOT_UNICAST), i + 1);
	}
}

static void a_neighbours_link_local_source_is_not_spoofed(void **state)
{
	const struct frame frame = frame6("fe80::9", DEVICE6, 58), own = frame6("fe80::9", OWN6, 58);
	const struct key key = key6("80::9", DEVICE6);

	(void)state;
	enter(CLIENTS_SIDE);
	assert_int_equal(bed_run(&own), XDP_VERDICT_PASS);
	assert_int_equal(bed_reason(REASON_PASS_LOCAL), 1);
	assert_int_equal(bed_run(&frame), XDP_VERDICT_PASS);
	assert_non_null(bed_record(&key));
}

static void the_edges_of_a_prefix(void **state)
{
	static const struct {
		uint32_t client;
		bool is_one;
	} rows[] = {
		{ NET(9, 255, 255, 255), false },  { NET(10, 0, 0, 0), true },	    { NET(10, 255, 255, 255), true },
		{ NET(11, 0, 0, 0), false },	   { NET(172, 15, 255, 255), false }, { NET(172, 16, 0, 0), true },
		{ NET(172, 31, 255, 255), true }, { NET(172, 32, 0, 0), false },
	};
	const struct frame inside = frame6("2001:db8:1:ffff:ffff:ffff:ffff:ffff", SERVER6, 17),
			   beyond = frame6("2001:db8:2::", SERVER6, 17),
			   mapped = frame6("::ffff:10.0.0.1", SERVER6, 17);

	(void)state;
	enter(CLIENTS_SIDE);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct frame frame = frame4(rows[i].client, SERVER);

		if ((bed_run(&frame) == XDP_VERDICT_PASS) != rows[i].is_one)
			fail_msg("row %zu", i);
	}
	assert_int_equal(bed_run(&inside), XDP_VERDICT_PASS);
	assert_int_equal(bed_run(&beyond), XDP_VERDICT_DROP);
	assert_int_equal(bed_run(&mapped), XDP_VERDICT_DROP); /* an IPv6 packet: no IPv4 client sent it */
}

static void in_monitor_mode_nothing_is_dropped(void **state)
{
	const struct frame frame = frame_of(false, false, false, false);

	(void)state;
	bed_policy(policy_plain(RATE, 0, POLICY_EARLY | POLICY_MONITOR));
	enter(CLIENTS_SIDE);
	assert_int_equal(bed_run(&frame), XDP_VERDICT_PASS);
	assert_int_equal(bed_reason(REASON_WOULD_DROP), 1);
	assert_int_equal(bed_reason(REASON_DROP_FOREIGN_SOURCE), 0);
}

static void the_lists_come_first(void **state)
{
	const struct frame answer = frame4(SERVER, DEVICE), other = frame4(SERVER_TWO, DEVICE),
			   spoofed = frame4(SERVER_TWO, SERVER);
	const struct key trusted = key4(SERVER_TWO, SERVER);

	(void)state;
	document_start(RATE, 0);
	rule_add(POLICY_CLIENT, POLICY_BLOCK, prefix4(SERVER, 32));
	rule_add(POLICY_CLIENT, POLICY_NEVER_DROP, prefix4(SERVER_TWO, 32));
	put();
	enter(SIDE_OUTER);
	assert_int_equal(bed_run(&answer), XDP_VERDICT_DROP);
	assert_int_equal(bed_reason(REASON_DROP_BLOCKED), 1);
	assert_int_equal(bed_run(&other), XDP_VERDICT_PASS);
	assert_int_equal(bed_reason(REASON_PASS_ANSWER), 1);
	enter(CLIENTS_SIDE);
	assert_int_equal(bed_run(&spoofed), XDP_VERDICT_PASS);
	assert_int_equal(bed_reason(REASON_PASS_NEVER_DROP), 1);
	assert_non_null(bed_record(&trusted));
	document_start(RATE, 0); /* without lists: nothing is looked up any more */
	put();
	assert_int_equal(bed_run(&answer), XDP_VERDICT_DROP);
	assert_int_equal(bed_reason(REASON_DROP_FOREIGN_SOURCE), 1);
}

static void a_client_over_its_rate_drops_whoever_it_attacks(void **state)
{
	const struct frame at_server = frame4(DEVICE, SERVER), at_client = frame4(DEVICE, DEVICE_TWO),
			   download = frame4(SERVER, DEVICE);

	(void)state;
	for (uint32_t side = CLIENTS_SIDE; side <= SIDE_OUTER; side++) {
		enter(side);
		bed_at(bed.jiffies + 20 * BED_HZ);
		bed_beat();
		assert_int_equal(passes(&at_server, 10 * RATE), RATE);
		assert_int_equal(passes(&at_client, 10 * RATE), RATE);
	}
	assert_int_equal(passes(&download, 10 * RATE), 10 * RATE);
}

static bool note_sample(void *user, const struct sample *sample)
{
	*(struct sample *)user = *sample;
	return true;
}

static void a_spoofed_packet_is_captured(void **state)
{
	const struct frame frame = frame_of(false, false, false, false), answer = frame_of(false, false, true, false);
	const struct table_capture everything = { .client = { { 0 }, { 0 } } };
	struct sample sample = { .reason = 0 };

	(void)state;
	assert_int_equal(table_capture_begin(bed.table, &everything), 0);
	enter(SIDE_OUTER);
	bed_run(&answer);
	table_capture_read(bed.table, note_sample, &sample);
	assert_int_equal(sample.reason, 0);
	enter(CLIENTS_SIDE);
	bed_run(&frame);
	table_capture_read(bed.table, note_sample, &sample);
	assert_int_equal(sample.reason, REASON_DROP_FOREIGN_SOURCE);
}

/* ---- an interface where nothing drops ---- */

static void where_nothing_is_enforced_it_would_drop(void **state)
{
	const struct frame frame = frame4(DEVICE, SERVER);

	(void)state;
	enter(SIDE_OUTER | SIDE_UNENFORCED);
	assert_int_equal(passes(&frame, 10 * RATE), 10 * RATE);
	assert_int_equal(bed_reason(REASON_PASS), RATE);
	assert_int_equal(bed_reason(REASON_WOULD_DROP), 9 * RATE);
	assert_int_equal(bed_warnings(), 1);
	assert_int_equal(bed.warning.reason, REASON_WOULD_DROP);
	enter(SIDE_OUTER);
	assert_int_equal(passes(&frame, 10), 0);
	assert_int_equal(bed_reason(REASON_DROP_PAIR), 10);
}

static void nor_for_what_is_in_a_tunnel_or_cannot_be_read(void **state)
{
	const struct frame frame = frame4(DEVICE, SERVER);
	struct frame tagged = { .length = 100 };

	(void)state;
	for (unsigned int tag = 0; tag < 10; tag++)
		memcpy(tagged.bytes + 12 + 4 * tag, "\x81\x00\x00\x00", 4);
	enter(SIDE_OUTER | SIDE_UNENFORCED);
	for (unsigned int i = 0; i < 2 * RATE; i++)
		assert_int_equal(run_dressed(&frame, false, TUNNELLED), XDP_VERDICT_PASS);
	assert_int_equal(bed_reason(REASON_WOULD_DROP), RATE);
	assert_int_equal(bed_run(&tagged), XDP_VERDICT_PASS);
	assert_int_equal(bed_reason(REASON_WOULD_DROP), RATE + 1);
	enter(SIDE_OUTER);
	assert_int_equal(bed_run(&tagged), XDP_VERDICT_DROP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(each_packet_by_its_side, setup, bed_teardown),
		cmocka_unit_test_setup_teardown(a_foreign_source_may_be_judged, setup_judging_foreign, bed_teardown),
		cmocka_unit_test_setup_teardown(without_clients_every_packet_is_judged, setup_without_clients,
						bed_teardown),
		cmocka_unit_test_setup_teardown(another_interface_is_on_no_side, setup, bed_teardown),
		cmocka_unit_test_setup_teardown(what_names_no_host_passes_as_before, setup, bed_teardown),
		cmocka_unit_test_setup_teardown(a_neighbours_link_local_source_is_not_spoofed, setup, bed_teardown),
		cmocka_unit_test_setup_teardown(the_edges_of_a_prefix, setup, bed_teardown),
		cmocka_unit_test_setup_teardown(in_monitor_mode_nothing_is_dropped, setup, bed_teardown),
		cmocka_unit_test_setup_teardown(the_lists_come_first, setup, bed_teardown),
		cmocka_unit_test_setup_teardown(a_client_over_its_rate_drops_whoever_it_attacks, setup, bed_teardown),
		cmocka_unit_test_setup_teardown(a_spoofed_packet_is_captured, setup, bed_teardown),
		cmocka_unit_test_setup_teardown(where_nothing_is_enforced_it_would_drop, setup_without_clients,
						bed_teardown),
		cmocka_unit_test_setup_teardown(nor_for_what_is_in_a_tunnel_or_cannot_be_read, setup_without_clients,
						bed_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
