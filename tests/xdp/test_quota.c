/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The quota of pairs per client in the kernel: who has used it up, who has room again, and that the lists hold
 * without a record.
 */
#include "policies.h"

static void one_client_cannot_fill_the_table(void **state)
{
	struct frame frame;
	struct key key;
	uint32_t i;

	(void)state;
	document_start(1000, 0);
	put();
	table_set_client_pairs(bed.table, 20);
	frame = frame4(NET(10, 0, 0, 1), VICTIM);
	bed_run(&frame);
	for (i = 0; i < 60; i++) {
		frame = frame4(NET(10, 0, 0, 9), NET(198, 51, 100, i));
		assert_int_equal(bed_run(&frame), XDP_VERDICT_PASS);
	}
	assert_int_equal(bed_reason(REASON_CLIENT_QUOTA), 40);
	assert_int_equal(bed_reason(REASON_TABLE_FULL), 0);
	assert_int_equal(bed_reason(REASON_DESTINATIONS_FULL), 0);
	assert_int_equal(table_clients_full(bed.table), 1);
	key = key4(NET(10, 0, 0, 9), NET(198, 51, 100, 59));
	assert_null(bed_record(&key));
	frame = frame4(NET(10, 0, 0, 2), VICTIM); /* everybody else is served */
	bed_run(&frame);
	key = key4(NET(10, 0, 0, 2), VICTIM);
	assert_non_null(bed_record(&key));
	frame = frame4(NET(10, 0, 0, 9), VICTIM); /* and what it sends to a known destination counts there */
	bed_run(&frame);
	bed_harvest();
	key = destination4(VICTIM);
	assert_int_equal(bed_cell(&key)->packets, 3);
}

static void wait_collected(void)
{
	for (unsigned int i = 0; i < 400 && bed.table->client_pairs && table_clients_full(bed.table); i++) {
		table_collect(bed.table, bed_now(), duration_ms(60000));
		usleep(5000);
	}
}

static void pairs_that_leave_make_room_again(void **state)
{
	struct frame frame;
	uint32_t i;

	(void)state;
	document_start(1000, 0);
	put();
	table_set_client_pairs(bed.table, 10);
	for (i = 0; i < 30; i++) {
		frame = frame4(NET(10, 0, 0, 9), NET(198, 51, 100, i));
		bed_run(&frame);
	}
	assert_int_equal(table_clients_full(bed.table), 1);
	table_close(bed.table); /* another daemon counts anew, and comes to the same */
	assert_int_equal(bed_open(true), 0);
	bed_beat();
	assert_int_equal(table_clients_full(bed.table), 1);
	bed_harvest();
	bed_at(bed.jiffies + 70 * BED_HZ);
	bed_beat();
	bed_harvest();
	wait_collected();
	assert_int_equal(table_clients_full(bed.table), 0);
	frame = frame4(NET(10, 0, 0, 9), NET(198, 51, 100, 77));
	bed_run(&frame);
	assert_int_equal(bed_reason(REASON_CLIENT_QUOTA), 20);
}

static void blocked_clients_without_a_record_are_blocked(void **state)
{
	struct frame frame;
	uint32_t i, passed = 0;

	(void)state;
	document_start(1000, 0);
	rule_add(POLICY_CLIENT, POLICY_BLOCK, prefix4(NET(10, 0, 0, 9), 32));
	put();
	table_set_client_pairs(bed.table, 5);
	for (i = 0; i < 30; i++) {
		frame = frame4(NET(10, 0, 0, 9), NET(198, 51, 100, i));
		passed += bed_run(&frame) == XDP_VERDICT_PASS;
	}
	assert_int_equal(passed, 0);
	assert_int_equal(bed_reason(REASON_DROP_BLOCKED), 30);
	assert_int_equal(bed_reason(REASON_CLIENT_QUOTA), 25);
}

static void what_is_outside_drops_without_a_record(void **state)
{
	uint32_t passed = 0;

	(void)state;
	document_start(1000, 0);
	both_add(prefix4(NET(10, 0, 0, 9), 32), prefix4(VICTIM, 32));
	rule_add(POLICY_CLIENT, POLICY_OVERRIDE, prefix4(NET(10, 0, 0, 9), 32))->fields = POLICY_OUTSIDE_BLOCK;
	put();
	table_set_client_pairs(bed.table, 5);
	for (uint32_t i = 0; i < 30; i++) {
		struct frame frame = frame4(NET(10, 0, 0, 9), NET(198, 51, 100, i));

		passed += bed_run(&frame) == XDP_VERDICT_PASS;
	}
	assert_int_equal(passed, 0);
	assert_int_equal(bed_reason(REASON_DROP_OUTSIDE), 30);
	assert_int_equal(bed_reason(REASON_CLIENT_QUOTA), 25);
}

#define ROW(test) cmocka_unit_test_setup_teardown(test, bed_setup, bed_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROW(one_client_cannot_fill_the_table),
		ROW(pairs_that_leave_make_room_again),
		ROW(blocked_clients_without_a_record_are_blocked),
		ROW(what_is_outside_drops_without_a_record),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
