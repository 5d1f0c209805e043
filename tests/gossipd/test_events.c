// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Events: what each kind tells, and that a flood of warnings is counted. test_event_rings.c has what is kept. */
#define _GNU_SOURCE /* nftw */
#include "scratch.h"

#include "event_at.h"

static struct events events;
static const struct now start = { .mono = { 5 * NS_PER_S }, .mesh = { 1700000000 * NS_PER_S } };

static void the_last_1024_are_kept(void **state)
{
	struct node_event event = { .kind = EVENT_PAIR_OVER };

	(void)state;
	events = (struct events){ .warnings = 0 };
	log_set_level(LOG_LEVEL_ERROR);
	for (unsigned int i = 0; i < EVENTS_KEPT + 3; i++) {
		event.rate = i;
		events_tell(&events, start, &event, 0);
	}
	assert_null(event_at(&events, 2));
	assert_non_null(event_at(&events, 3));
	assert_true(event_at(&events, 3)->value == 3);
	assert_true(event_at(&events, EVENTS_KEPT + 2)->value == EVENTS_KEPT + 2);
	assert_null(event_at(&events, EVENTS_KEPT + 3));
}

static void every_kind_has_a_name_and_a_sentence(void **state)
{
	(void)state;
	events = (struct events){ .warnings = 0 };
	for (unsigned int kind = 0; kind < EVENT_COUNT; kind++) {
		struct node_event event = { .kind = kind, .member = "b" };

		events_tell(&events, start, &event, 0);
		assert_true(event_at(&events, kind)->kind[0] != '\0');
		assert_true(event_at(&events, kind)->text[0] != '\0');
	}
	for (unsigned int i = 0; i < EVENT_COUNT; i++) {
		for (unsigned int j = 0; j < i; j++)
			assert_string_not_equal(event_at(&events, i)->kind, event_at(&events, j)->kind);
	}
}

/* What a kind carries is a field of its own: each comes out as the record's member, value and sentence. */
static void each_kind_tells_what_it_carries(void **state)
{
	static const struct {
		struct node_event event;
		const char *member;
		double value;
		const char *text;
	} rows[] = {
		/* 1 */ { { .kind = EVENT_MEMBER_UP, .member = "b" }, "b", 0, "is up" },
		/* 2 */ { { .kind = EVENT_MEMBER_SKEWED, .member = "b", .skew_ms = -2500.25 }, "b", -2500.25,
			  "clock is -2500 ms off: its counts are left out of verdicts" },
		/* 3 */ { { .kind = EVENT_MEMBER_SKEW_OK, .member = "b", .skew_ms = 12.5 }, "b", 12.5,
			"clock is within 500 ms again" },
		/* 4 */ { { .kind = EVENT_PAIR_OVER, .rate = 1234.6 }, "", 1234.6, "is over its rate: 1235 packets/s" },
		/* 5 */ { { .kind = EVENT_DESTINATION_UNDER, .rate = 7 }, "", 7,
			"is within its rate again: 7 packets/s" },
		/* 6 */ { { .kind = EVENT_NEVER_DROP_OVER, .member = "c", .rate = 90 }, "c", 90,
			"is never_drop, and over its rate: 90/s, most from c" },
		/* 7 */ { { .kind = EVENT_POLICY, .policy_version = 4000000000 }, "", 4000000000,
			"version 4000000000 is in force" },
		/* 8 */ { { .kind = EVENT_DOCUMENT, .document = { DOCUMENT_REVOCATION, 3 } }, "revocation", 3,
			  "number 3 of the mesh authority is held and passed on" },
		/* 9 */ { { .kind = EVENT_DOCUMENT, .document = { DOCUMENT_POLICY, 12 } }, "policy", 12,
			  "number 12 of the mesh authority is held and passed on" },
		/* 10 */ { { .kind = EVENT_LINE_RATE, .member = "b", .line_rate = 1488095, .line_kind = KEY_NETWORK },
			   "b", 1488095,
			   "counts more of network keys than its certified line carries: "
			   "read as 1488095 packets/s" },
		/* 11 */ { { .kind = EVENT_CLIENT_OVER, .rate = 400, .limit = 360 }, "", 400,
			   "is over its rate of 360/s: 400 packets/s" },
		/* 12 */ { { .kind = EVENT_CLIENT_OVER, .rate = 4294967295, .limit = 1e9, .shadow = true }, "",
			   4294967295,
			   "is over 10 x pair_rate, 1000000000/s: 4294967295 packets/s; counted, not dropped" },
		/* 13 */ { { .kind = EVENT_CLIENT_UNDER, .rate = 8, .limit = 360 }, "", 8,
			   "is within its rate of 360/s: 8 packets/s" },
		/* 14 */ { { .kind = EVENT_NETWORK_OVER, .rate = 4294967295, .limit = 4e8, .shadow = true }, "",
			   4294967295,
			   "is over 4 x destination_rate, 400000000/s: 4294967295 packets/s; counted, not dropped" },
		/* 15 */ { { .kind = EVENT_NETWORK_UNDER, .rate = 8, .limit = 400, .shadow = true }, "", 8,
			   "is within 4 x destination_rate, 400/s: 8 packets/s; counted, not dropped" },
		/* 17 */ { { .kind = EVENT_CONTACTS_OVER, .rate = 160, .limit = 50, .shadow = true }, "", 160,
			   "scans: makes 160 contacts/s at all proxies that nobody answers, more than the default of "
			   "50/s; nothing drops for it" },
		/* 18 */ { { .kind = EVENT_CONTACTS_OVER, .rate = 30, .limit = 20 }, "", 30,
			   "scans: makes 30 contacts/s at all proxies that nobody answers, more than its contact_rate "
			   "of 20/s; nothing drops for it" },
		/* 19 */ { { .kind = EVENT_CONTACTS_UNDER, .rate = 3, .limit = 20 }, "", 3,
			   "scans no more: 3 contacts/s at all proxies" },
		/* 16 */ { { .kind = EVENT_MEMBER_WIDTHS, .member = "b" }, "b", 0,
			   "is refused: its widths differ from this mesh's: issue one of the two anew" },
	};

	(void)state;
	events = (struct events){ .warnings = 0 };
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct control_event *record;

		events_tell(&events, start, &rows[i].event, 0);
		record = event_at(&events, i);
		assert_non_null(record);
		if (strcmp(record->member, rows[i].member) != 0 || record->value != rows[i].value ||
		    strcmp(record->text, rows[i].text) != 0)
			fail_msg("row %zu: expected %s %g \"%s\", got %s %g \"%s\"", i + 1, rows[i].member,
				 rows[i].value, rows[i].text, record->member, record->value, record->text);
	}
}

/* What an operator asks first of an attack: how many send how much, in packets and in bytes, and by whose count. */
static void an_attack_is_told_with_its_clients_and_bytes(void **state)
{
	static const struct {
		struct event_crowd crowd;
		double size;
		const char *text;
	} rows[] = {
		/* 1 */ { { 0 }, 0, "is over its rate: 4000 packets/s; only b reports it" },
		/* 2 */ { { .clients = 1, .strangers = 1, .largest = 1 }, 1000,
			  "is over its rate: 4000 packets/s, about 4 MB/s; 1 client: 0 there before, 0 answered, 1 "
			  "new; the largest sends 100.0 %; only b reports it" },
		/* 3 */ { { 213, 12, 7, 196, false, 0.031 }, 60.5,
			  "is over its rate: 4000 packets/s, about 0.242 MB/s; 213 clients: 12 there before, 7 "
			  "answered, 196 new; the largest sends 3.1 %; only b reports it" },
		/* 4 */ { { .clients = 16384, .more = true, .largest = 0.001 }, 0,
			  "is over its rate: 4000 packets/s; at least 16384 clients: 0 there before, 0 answered, 0 "
			  "new; the largest sends 0.1 %; only b reports it" },
	};

	(void)state;
	events = (struct events){ .warnings = 0 };
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct node_event event = { .kind = EVENT_DESTINATION_OVER, .rate = 4000, .crowd = rows[i].crowd,
						  .counters = { { .name = "b", .part = 1 } } };
		const struct control_event *record;

		events_tell(&events, start, &event, rows[i].size);
		record = event_at(&events, i);
		assert_string_equal(record->text, rows[i].text);
		assert_int_equal(record->clients, rows[i].crowd.clients);
		assert_int_equal(record->clients_more, rows[i].crowd.more);
		assert_int_equal(record->clients_known, rows[i].crowd.known);
		assert_int_equal(record->clients_answered, rows[i].crowd.answered);
		assert_int_equal(record->clients_new, rows[i].crowd.strangers);
		assert_true(record->largest == rows[i].crowd.largest && record->bytes == 4000 * rows[i].size);
		assert_string_equal(record->counters[0].member, "b");
		assert_true(record->counters[0].rate == 4000 && record->counters[1].rate == 0);
	}
}

/* Whose word a key over its rate rests on: the first three, or the only one. */
static void an_event_over_a_rate_names_who_counted_it(void **state)
{
	static const struct {
		struct event_counter counters[EVENT_COUNTERS];
		const char *member, *text;
	} rows[] = {
		{ { { .part = 0 } }, "", "is over its rate: 120 packets/s" },
		{ { { .name = "eu-3", .part = 1 } }, "eu-3", "is over its rate: 120 packets/s; only eu-3 reports it" },
		{ { { .name = "eu-3", .part = 0.62 },
		    { .name = "us-1", .part = 0.3 },
		    { .name = "ap-2", .part = 0.08 } },
		  "eu-3",
		  "is over its rate: 120 packets/s; counted 62 % by eu-3, 30 % by us-1, 8 % by ap-2" },
		{ { { .name = "\033[2J", .part = 0.75 }, { .name = "b", .part = 0.25 } },
		  "\033[2J",
		  "is over its rate: 120 packets/s; counted 75 % by \\x1b[2J, 25 % by b" },
	};

	(void)state;
	events = (struct events){ .warnings = 0 };
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct node_event event = { .kind = EVENT_PAIR_OVER, .rate = 120 };

		memcpy(event.counters, rows[i].counters, sizeof(event.counters));
		events_tell(&events, start, &event, 0);
		assert_string_equal(event_at(&events, i)->text, rows[i].text);
		assert_string_equal(event_at(&events, i)->member, rows[i].member);
		assert_true(event_at(&events, i)->member_part == rows[i].counters[0].part);
	}
}

static void a_client_is_named_where_one_is_known(void **state)
{
	const struct address client = address_of_ipv4((uint8_t[]){ 10, 1, 2, 3 });

	(void)state;
	events = (struct events){ .widths = WIDTHS_DEFAULT };
	events_table_full(&events, start, NULL, 5, 6);
	events_table_full(&events, start, &client, 5, 6);
	events_client_quota(&events, start, &client, 2, 1024);
	events_scan(&events, start, &client, 720, 0.98);
	assert_says(0, event_at(&events, 0)->text, "5 packets have no record of their pair, 6 none of their "
						   "destination");
	assert_says(0, event_at(&events, 1)->text, "most from client 10.1.2.3");
	assert_says(0, event_at(&events, 2)->text, "among them client 10.1.2.3");
	assert_says(0, event_at(&events, 3)->text, "makes 720 contacts/s or more, 98 % of all new records");
	assert_string_equal(event_at(&events, 3)->kind, "client_scans");
	for (unsigned int i = 1; i < 4; i++)
		assert_memory_equal(event_at(&events, i)->client, client.bytes, 16);
}

static void a_client_is_told_with_its_width(void **state)
{
	struct node_event event = { .kind = EVENT_PAIR_OVER, .key = { { { 0x20, 1 } }, { { 0x20, 2 } } } };
	const struct key key = event.key;

	(void)state;
	events = (struct events){ .widths = WIDTHS_DEFAULT };
	events_tell(&events, start, &event, 0);
	assert_int_equal(event_at(&events, 0)->client_bits, 64);
	events_overload(&events, start, &key, 10, 0.5, 7, true);
	assert_int_equal(event_at(&events, 1)->client_bits, 64);
	events.widths.hosts[events.widths.hosts_count++] = (struct prefix){ event.key.client, 16 };
	events_tell(&events, start, &event, 0);
	assert_int_equal(event_at(&events, 2)->client_bits, 128);
	event.key.client = address_of_ipv4((const uint8_t[4]){ 10, 0, 0, 1 });
	events_tell(&events, start, &event, 0);
	assert_int_equal(event_at(&events, 3)->client_bits, 128);
}

static void a_flood_of_warnings_leaves_room(void **state)
{
	struct node_event up = { .kind = EVENT_MEMBER_UP, .member = "b" };
	struct key key = { .client = { { 1 } }, .destination = { { 2 } } };
	struct now now = start;

	(void)state;
	events = (struct events){ .warnings = 0 };
	events_tell(&events, now, &up, 0);
	for (unsigned int i = 0; i < 100000; i++)
		events_overload(&events, now, &key, 10, 0.5, 7, true);
	assert_int_equal(events.warnings, 100000);
	assert_int_equal(events.rings.next, 1 + OVERLOADS_PER_S);
	assert_string_equal(event_at(&events, 0)->kind, "member_up");
	assert_says(0, event_at(&events, 1)->text, "10 packets in 0.50 s, its rate is 7/s");
	assert_true(event_at(&events, 1)->value == 20);
	now.mono.ns += NS_PER_S;
	events_overload(&events, now, &key, 10, 0, 7, true); /* a window of no length divides by nothing */
	assert_int_equal(events.rings.next, 2 + OVERLOADS_PER_S);
}

static void an_event_keeps_the_mode_it_was_made_in(void **state)
{
	static const struct {
		enum node_event_kind kind;
		bool of_verdict;
	} rows[] = {
		{ EVENT_MEMBER_UP, false },	  { EVENT_PAIR_OVER, true },	   { EVENT_PAIR_UNDER, true },
			{ EVENT_DESTINATION_OVER, true },
		{ EVENT_CLIENT_OVER, false },	   { EVENT_CLIENT_UNDER, false },   { EVENT_NETWORK_OVER, false },
			{ EVENT_NETWORK_UNDER, false },
		{ EVENT_DESTINATION_UNDER, true }, { EVENT_NEVER_DROP_OVER, false }, { EVENT_POLICY, false },
	};
	struct key key = { .client = { { 1 } }, .destination = { { 2 } } };

	(void)state;
	events = (struct events){ .warnings = 0 };
	events_overload(&events, start, &key, 10, 0.5, 7, false);
	events_overload(&events, start, &key, 10, 0.5, 7, true);
	assert_string_equal(event_at(&events, 0)->text, "would be dropped here: 10 packets in 0.50 s, its rate is "
							"7/s");
	assert_int_equal(event_at(&events, 0)->mode, CONTROL_MODE_MONITORED);
	assert_string_equal(event_at(&events, 1)->text, "is dropped here: 10 packets in 0.50 s, its rate is 7/s");
	assert_int_equal(event_at(&events, 1)->mode, CONTROL_MODE_ENFORCED);
	for (unsigned int i = 0; i < 2 * sizeof(rows) / sizeof(rows[0]); i++) {
		const struct node_event event = { .kind = rows[i / 2].kind, .member = "b" };

		events.monitor = i % 2;
		events_tell(&events, start, &event, 0);
	}
	for (unsigned int i = 0; i < 2 * sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(event_at(&events, 2 + i)->mode, !rows[i / 2].of_verdict ? CONTROL_MODE_NONE
								 : i % 2		 ? CONTROL_MODE_MONITORED
											 : CONTROL_MODE_ENFORCED);
}

static void lines_beyond_ten_a_second_are_counted(void **state)
{
	struct log_limit limit = { 0 };
	struct now now = start;
	unsigned int written = 0;

	(void)state;
	for (unsigned int i = 0; i < 1000; i++)
		written += log_allow(&limit, now, "test");
	assert_int_equal(written, LOG_LINES_PER_S);
	assert_int_equal(limit.suppressed, 1000 - LOG_LINES_PER_S);
	now.mono.ns += NS_PER_S;
	assert_true(log_allow(&limit, now, "test"));
	assert_int_equal(limit.suppressed, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_last_1024_are_kept),
		cmocka_unit_test(every_kind_has_a_name_and_a_sentence),
		cmocka_unit_test(each_kind_tells_what_it_carries),
		cmocka_unit_test(an_attack_is_told_with_its_clients_and_bytes),
		cmocka_unit_test(an_event_over_a_rate_names_who_counted_it),
		cmocka_unit_test(a_client_is_named_where_one_is_known),
		cmocka_unit_test(a_client_is_told_with_its_width),
		cmocka_unit_test(a_flood_of_warnings_leaves_room),
		cmocka_unit_test(an_event_keeps_the_mode_it_was_made_in),
		cmocka_unit_test(lines_beyond_ten_a_second_are_counted),
	};

	return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
