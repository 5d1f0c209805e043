/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Records and sides: a packet's side is asked only where it finds no record, so no record may be left whose packets are
 * not to be judged.
 */
#include "side_bed.h"

static struct change change_of(const struct key *key)
{
	return (struct change){ .key = *key,
				.ts1 = table_mesh_of(bed.table, bed.jiffies),
				.ts2 = table_mesh_of(bed.table, bed.jiffies),
				.count = 100,
				.members = 2,
				.pass_share = SHARE_ALL,
				.notable = true };
}

static void other_members_counts_make_no_record_of_a_foreign_client(void **state)
{
	const struct key foreign = key4(SERVER, DEVICE), client = key4(DEVICE, SERVER),
			 foreign6 = key6(SERVER6, DEVICE6), client6 = key6(DEVICE6, SERVER6);
	struct change change = change_of(&foreign);

	(void)state;
	assert_int_equal(table_apply(bed.table, &change), -ENOENT);
	assert_null(bed_record(&foreign));
	change.key = foreign6;
	assert_int_equal(table_apply(bed.table, &change), -ENOENT);
	assert_null(bed_record(&foreign6));
	change.key = client;
	assert_int_equal(table_apply(bed.table, &change), 0);
	assert_non_null(bed_record(&client));
	change.key = client6;
	assert_int_equal(table_apply(bed.table, &change), 0);
	assert_non_null(bed_record(&client6));
}

/* Calls once a second until nothing is left to look through. */
static void collect_all(void)
{
	for (unsigned int i = 0; i < 200; i++) {
		table_collect(bed.table, bed_now(), duration_ms(60000));
		if (!bed.table->sorting && bed.table->waiting.pair_count == 0)
			return;
		usleep(20000);
	}
	fail_msg("records are still looked through");
}

/* Opens the table over the pins of the one before. */
static void open_again(uint32_t client_count)
{
	struct policy policy = policy_plain(RATE, 0, POLICY_EARLY);

	table_close(bed.table);
	bed.config.client_count = client_count;
	bed.config.sides[0] = SIDE_OUTER;
	assert_int_equal(bed_open(true), 0);
	bed_beat();
	bed_policy(policy);
	enter(SIDE_OUTER);
}

static void old_records_of_foreign_clients_go_after_the_next_start(void **state)
{
	const struct frame download = frame4(SERVER, DEVICE), upload = frame4(DEVICE, SERVER),
			   download6 = frame6(SERVER6, DEVICE6, 17);
	const struct key foreign = key4(SERVER, DEVICE), client = key4(DEVICE, SERVER),
			 foreign6 = key6(SERVER6, DEVICE6);

	(void)state;
	enter(SIDE_OUTER);
	assert_int_equal(passes(&download, 2 * RATE), RATE);
	bed_run(&upload);
	bed_run(&download6);
	open_again(3);
	assert_int_equal(bed_run(&download), XDP_VERDICT_DROP); /* until it is looked at */
	collect_all();
	assert_null(bed_record(&foreign));
	assert_null(bed_record(&foreign6));
	assert_non_null(bed_record(&client));
	assert_int_equal(passes(&download, 10 * RATE), 10 * RATE);
	open_again(3);
	assert_false(bed.table->sorting); /* nothing has changed since */
}

static void records_of_spoofed_packets_go_when_their_side_changes(void **state)
{
	const struct frame spoofed = frame4(SERVER, DEVICE);
	const struct key key = key4(SERVER, DEVICE);

	(void)state;
	enter(CLIENTS_SIDE);
	collect_all();
	assert_int_equal(passes(&spoofed, 2 * RATE), RATE);
	enter(SIDE_OUTER);
	collect_all();
	assert_null(bed_record(&key));
	assert_int_equal(passes(&spoofed, 2 * RATE), 2 * RATE);
}

static void records_of_a_foreign_source_go_when_never_drop_names_it_no_more(void **state)
{
	const struct frame listed = frame4(SERVER, DEVICE), other = frame4(SERVER_TWO, DEVICE);
	const struct key key = key4(SERVER, DEVICE), still = key4(SERVER_TWO, DEVICE);

	(void)state;
	enter(CLIENTS_SIDE);
	document_start(RATE, 0);
	rule_add(POLICY_CLIENT, POLICY_NEVER_DROP, prefix4(SERVER, 32));
	rule_add(POLICY_CLIENT, POLICY_NEVER_DROP, prefix4(SERVER_TWO, 32));
	put();
	collect_all();
	assert_int_equal(passes(&listed, 2 * RATE), 2 * RATE);
	assert_int_equal(passes(&other, 2 * RATE), 2 * RATE);
	assert_non_null(bed_record(&key));
	document_start(RATE, 0);
	rule_add(POLICY_CLIENT, POLICY_NEVER_DROP, prefix4(SERVER_TWO, 32));
	put();
	collect_all();
	assert_null(bed_record(&key));
	assert_int_equal(passes(&listed, 2 * RATE), 0);
	assert_int_equal(bed_reason(REASON_DROP_FOREIGN_SOURCE), 2 * RATE);
	assert_non_null(bed_record(&still)); /* it keeps its count */
	assert_int_equal(bed_record(&still)->packets, 2 * RATE);
	document_start(RATE, 0); /* without any list */
	put();
	collect_all();
	assert_null(bed_record(&still));
	assert_int_equal(passes(&other, RATE), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(other_members_counts_make_no_record_of_a_foreign_client, setup,
						bed_teardown),
		cmocka_unit_test_setup_teardown(old_records_of_foreign_clients_go_after_the_next_start,
						setup_without_clients, bed_teardown),
		cmocka_unit_test_setup_teardown(records_of_spoofed_packets_go_when_their_side_changes,
						setup_judging_foreign, bed_teardown),
		cmocka_unit_test_setup_teardown(records_of_a_foreign_source_go_when_never_drop_names_it_no_more, setup,
						bed_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
