/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Records on others' word in the real tables: how many there may be, whose give way, when they become this proxy's
 * own, and that a restart neither loses nor doubles one. The table has 1,024 places for pairs of each family and 64 for
 * destinations, so a quarter is 256 and 16.
 */
#include "policies.h"

#define LIAR 3
#define HONEST 4
#define PAIRS_QUARTER 256
#define DESTINATIONS_QUARTER 16

static struct table_account account(enum table_kind kind, uint16_t member)
{
	struct table_account account;

	table_read_account(bed.table, kind, member, &account);
	return account;
}

static uint32_t on_word(enum table_kind kind)
{
	struct table_quota quota;

	table_read_quota(bed.table, kind, &quota);
	return quota.records;
}

/* A notable change of a key that rests on the member's word, as the core gives it now. */
static int vouch(uint16_t member, struct key key)
{
	const struct instant now = bed_now().mesh;
	const struct change change = {
		.key = key,
		.ts1 = { now.ns - NS_PER_S },
		.ts2 = now,
		.count = 1000,
		.carry_from = now,
		.pass_share = SHARE_ALL,
		.members = 2,
		.notable = true,
		.payer = member,
		.alone = true,
	};

	return table_apply(bed.table, &change);
}

static struct key invented_pair(uint32_t number)
{
	return key4(NET(10, 0, 0, 9), NET(198, 51, 100, 0) + number);
}

static struct key invented_destination(uint32_t number)
{
	return destination4(NET(198, 51, 100, 0) + number);
}

static struct key invented_pair6(uint32_t number)
{
	char destination[64];

	snprintf(destination, sizeof(destination), "2001:db8:bad::%x", number);
	return key6("2001:db8::9", destination);
}

/* How many of `count` the table took. */
static uint32_t invent(uint16_t member, struct key (*key)(uint32_t number), uint32_t first, uint32_t count)
{
	uint32_t taken = 0;

	for (uint32_t i = 0; i < count; i++)
		taken += vouch(member, key(first + i)) == 0;
	return taken;
}

/* Two rounds with the grace period between, and a harvest after: what was to go is gone, and known to be. */
static void collect(void)
{
	for (unsigned int round = 0; round < 2; round++) {
		table_collect(bed.table, bed_now(), duration_ms(60000));
		for (unsigned int tries = 0; tries < 5000; tries++) {
			bool over;

			pthread_mutex_lock(&bed.table->grace.lock);
			over = bed.table->grace.asked == bed.table->grace.done;
			pthread_mutex_unlock(&bed.table->grace.lock);
			if (over)
				break;
			usleep(1000);
		}
	}
	bed_harvest();
}

static void run(uint32_t client, uint32_t destination)
{
	const struct frame frame = frame4(client, destination);

	bed_run(&frame);
}

static bool has_record(struct key key)
{
	return bed_record(&key) != NULL;
}

static uint64_t pairs_of_client(uint32_t client)
{
	const struct key key = key4(client, VICTIM);
	__u64 words[2];

	memcpy(words, &key.client, sizeof(words));
	return bed.table->client_pairs[client_bucket(words, bed.table->state->seed, 0)];
}

static int begin(void **state)
{
	if (bed_setup(state))
		return -1;
	document_start(1000, 0);
	put();
	table_set_members(bed.table, 2);
	return 0;
}

static void invented_pairs_fill_a_quarter_and_no_more(void **state)
{
	(void)state;
	assert_int_equal(invent(LIAR, invented_pair, 0, 600), PAIRS_QUARTER);
	assert_int_equal(on_word(TABLE_DESTINATIONS), 0); /* the first packet of a pair makes its destination's head */
	assert_int_equal(on_word(TABLE_PAIRS4), PAIRS_QUARTER);
	assert_int_equal(account(TABLE_PAIRS4, LIAR).records, PAIRS_QUARTER);
	assert_int_equal(account(TABLE_PAIRS4, LIAR).alone, PAIRS_QUARTER);
	assert_int_equal(account(TABLE_PAIRS4, LIAR).refused, 600 - PAIRS_QUARTER);
	assert_int_equal(invent(LIAR, invented_pair6, 0, 600), PAIRS_QUARTER);
	assert_int_equal(invent(LIAR, invented_destination, 0, 600), DESTINATIONS_QUARTER);
	assert_int_equal(on_word(TABLE_DESTINATIONS), DESTINATIONS_QUARTER);
	bed_harvest();
	assert_int_equal(bed.table->pairs4.used, PAIRS_QUARTER);
	assert_int_equal(bed.table->pairs6.used, PAIRS_QUARTER);
	for (uint32_t i = 0; i < 500; i++) { /* what this proxy sees finds room, all of it */
		run(NET(10, 1, i >> 8, i & 255), VICTIM);
		assert_true(has_record(key4(NET(10, 1, i >> 8, i & 255), VICTIM)));
	}
	assert_int_equal(bed_reason(REASON_TABLE_FULL), 0);
	assert_int_equal(bed_reason(REASON_DESTINATIONS_FULL), 0);
}

static void invented_destinations_leave_room_for_a_victim(void **state)
{
	struct key victim = destination4(VICTIM);

	(void)state;
	assert_int_equal(invent(LIAR, invented_destination, 0, 200), DESTINATIONS_QUARTER);
	run(NET(10, 0, 0, 1), VICTIM);
	bed_harvest();
	assert_non_null(bed_cell(&victim));
	assert_int_equal(bed_reason(REASON_DESTINATIONS_FULL), 0);
	assert_int_equal(bed.table->destinations_used, DESTINATIONS_QUARTER + 1);
}

static void a_member_gets_its_part_back_from_who_borrowed_it(void **state)
{
	uint32_t taken = 0;

	(void)state;
	invent(LIAR, invented_pair, 0, 300);
	assert_int_equal(invent(HONEST, invented_pair, 1000, 20), 0); /* nothing is free now */
	for (uint32_t i = 0; i < 4 && taken < 20; i++) {
		collect();
		invent(LIAR, invented_pair, 300, 100); /* it asks on, and first */
		taken = invent(HONEST, invented_pair, 1000, 20);
	}
	assert_int_equal(taken, 20);
	assert_int_equal(account(TABLE_PAIRS4, HONEST).records, 20);
	assert_true(account(TABLE_PAIRS4, LIAR).records >= PAIRS_QUARTER / 2);
	assert_true(on_word(TABLE_PAIRS4) <= PAIRS_QUARTER);
}

static void destinations_are_given_back_too(void **state)
{
	uint32_t taken = 0;

	(void)state;
	invent(LIAR, invented_destination, 0, 100);
	assert_int_equal(invent(HONEST, invented_destination, 1000, 5), 0);
	for (uint32_t i = 0; i < 4 && taken < 5; i++) {
		collect();
		taken = invent(HONEST, invented_destination, 1000, 5);
	}
	assert_int_equal(taken, 5);
}

/* 560 pairs of this proxy's and a quarter on others' word are above seven eighths of 1,024 at 896. */
static void what_this_proxy_sees_comes_first(void **state)
{
	(void)state;
	invent(LIAR, invented_pair, 0, 300);
	for (uint32_t i = 0; i < 850; i++)
		run(NET(10, 1, i >> 8, i & 255), VICTIM);
	bed_harvest();
	const uint32_t full = bed.table->pairs4.used;

	assert_true(full > 896);
	collect();
	collect();
	assert_int_equal(bed.table->pairs4.used, 896); /* as many as were missing, and none a second time */
	assert_int_equal(on_word(TABLE_PAIRS4), PAIRS_QUARTER - (full - 896));
}

static void the_spare_eighth_is_not_for_others_word(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 2000; i++)
		run(NET(10, 1, 0, 0) + i, VICTIM);
	bed_harvest();
	assert_true(bed.table->pairs4.used > 896);
	assert_int_equal(invent(LIAR, invented_pair, 0, 10), 0);
	assert_int_equal(account(TABLE_PAIRS4, LIAR).refused, 10);
	assert_int_equal(on_word(TABLE_PAIRS4), 0);
}

static void invented_pairs_of_a_client_take_none_of_its_quota(void **state)
{
	(void)state;
	table_set_client_pairs(bed.table, 20);
	assert_int_equal(invent(LIAR, invented_pair, 0, 100), 100);
	assert_int_equal(pairs_of_client(NET(10, 0, 0, 9)), 0);
	assert_int_equal(table_clients_full(bed.table), 0);
	run(NET(10, 0, 0, 9), VICTIM);
	assert_true(has_record(key4(NET(10, 0, 0, 9), VICTIM)));
	assert_int_equal(bed_reason(REASON_CLIENT_QUOTA), 0);
	assert_int_equal(pairs_of_client(NET(10, 0, 0, 9)), 1);
}

static void the_first_harvest_that_finds_packets_makes_it_own(void **state)
{
	(void)state;
	invent(LIAR, invented_pair, 0, 10);
	invent(LIAR, invented_destination, 0, 10);
	run(NET(10, 0, 0, 9), NET(198, 51, 100, 3));
	assert_int_equal(pairs_of_client(NET(10, 0, 0, 9)), 0);
	bed_harvest();
	assert_int_equal(pairs_of_client(NET(10, 0, 0, 9)), 1);
	assert_int_equal(account(TABLE_PAIRS4, LIAR).records, 9);
	assert_int_equal(account(TABLE_DESTINATIONS, LIAR).records, 9);
	bed_at(bed.jiffies + 250);
	run(NET(10, 0, 0, 9), NET(198, 51, 100, 3));
	bed_harvest(); /* once, not with every harvest */
	assert_int_equal(pairs_of_client(NET(10, 0, 0, 9)), 1);
	assert_int_equal(vouch(LIAR, invented_pair(3)), 0); /* nor does it go back */
	assert_int_equal(account(TABLE_PAIRS4, LIAR).records, 9);
	bed_at(bed.jiffies + 80 * BED_HZ);
	bed_beat();
	bed_harvest();
	collect();
	assert_false(has_record(invented_pair(3)));
	assert_int_equal(pairs_of_client(NET(10, 0, 0, 9)), 0);
	assert_int_equal(on_word(TABLE_PAIRS4), 0); /* idle like any other */
	assert_int_equal(bed.table->pairs4.used, 0);
}

static void a_record_that_counts_while_it_goes_lives_on(void **state)
{
	struct key key = invented_pair(0);

	(void)state;
	table_set_members(bed.table, 1000000); /* nobody has a part */
	assert_int_equal(vouch(LIAR, key), 0);
	bed.table->quotas[TABLE_PAIRS4].room = 0;
	table_collect(bed.table, bed_now(), duration_ms(60000));
	assert_false(has_record(key)); /* out of look-ups */
	bed.table->quotas[TABLE_PAIRS4].room = PAIRS_QUARTER;
	bed.table->pairs4.used = 0;
	for (uint32_t set = 0; set < bed.table->pairs4.count; set++) /* a packet in flight, that found it before */
		for (uint32_t way = 0; way < SET_WAYS; way++)
			if (set_of_index(&bed.table->pairs4, set)->tags[way] == TAG_DEAD)
				set_of_index(&bed.table->pairs4, set)->records[way].packets++;
	collect();
	assert_true(has_record(key));
	assert_int_equal(bed_cell(&key)->packets, 1);
	assert_int_equal(on_word(TABLE_PAIRS4), 0);
	assert_int_equal(pairs_of_client(NET(10, 0, 0, 9)), 1);
}

static void a_restart_finds_the_records_again(void **state)
{
	(void)state;
	table_set_client_pairs(bed.table, 100);
	assert_int_equal(invent(LIAR, invented_pair, 0, 40), 40);
	assert_int_equal(invent(LIAR, invented_destination, 0, 40), DESTINATIONS_QUARTER);
	run(NET(10, 0, 0, 9), NET(198, 51, 100, 3)); /* seen, and not harvested yet */
	run(NET(10, 0, 0, 9), NET(198, 51, 100, 4));
	bed_harvest();
	run(NET(10, 0, 0, 9), NET(198, 51, 100, 5)); /* the same, and this daemon ends before the next harvest */
	run(NET(10, 0, 0, 9), VICTIM);
	table_close(bed.table);
	assert_int_equal(bed_open(true), 0);
	bed_beat();
	assert_int_equal(on_word(TABLE_PAIRS4), 37);
	assert_int_equal(on_word(TABLE_DESTINATIONS), DESTINATIONS_QUARTER - 3);
	assert_int_equal(account(TABLE_PAIRS4, QUOTA_COMMON).records, 37);
	assert_int_equal(pairs_of_client(NET(10, 0, 0, 9)), 4);
	bed_harvest();
	assert_int_equal(pairs_of_client(NET(10, 0, 0, 9)), 4);
	table_set_members(bed.table, 2);
	assert_int_equal(vouch(LIAR, invented_pair(20)), 0); /* who vouches is known with the next change */
	assert_int_equal(account(TABLE_PAIRS4, LIAR).records, 1);
	assert_int_equal(account(TABLE_PAIRS4, QUOTA_COMMON).records, 36);
	table_disown(bed.table, LIAR); /* and what nobody vouches for any more gives way first */
	assert_int_equal(account(TABLE_PAIRS4, QUOTA_COMMON).records, 37);
	bed_at(bed.jiffies + 80 * BED_HZ);
	bed_beat();
	bed_harvest();
	collect();
	assert_int_equal(on_word(TABLE_PAIRS4), 0);
	assert_int_equal(pairs_of_client(NET(10, 0, 0, 9)), 0);
}

/* Both sets of a pair are full of borrowed records: one of them makes room. */
static void a_full_set_gives_way(void **state)
{
	uint32_t taken = 0;

	(void)state;
	table_set_members(bed.table, 100); /* a part of 2 */
	const struct key wanted = key4(NET(10, 7, 7, 7), VICTIM);
	uint32_t wanted_set[2], filled = 0;

	sets_of_key(bed.table, &wanted, wanted_set);
	for (uint32_t i = 0; i < 2000000 && filled < 2 * SET_WAYS; i++) {
		const struct key key = key4(NET(10, 9, 0, 0) + (i >> 8), NET(198, 51, 0, 0) + i);
		uint32_t set[2];

		sets_of_key(bed.table, &key, set);
		if ((set[0] == wanted_set[0] || set[0] == wanted_set[1]) &&
		    (set[1] == wanted_set[0] || set[1] == wanted_set[1]))
			filled += vouch(LIAR, key) == 0;
	}
	assert_int_equal(filled, 2 * SET_WAYS);
	assert_int_equal(vouch(HONEST, wanted), -ENOSPC);
	for (uint32_t i = 0; i < 4 && !taken; i++) {
		collect();
		taken = vouch(HONEST, wanted) == 0;
	}
	assert_int_equal(taken, 1);
	assert_int_equal(account(TABLE_PAIRS4, LIAR).records, 2 * SET_WAYS - 1);
}

/* A pair of this proxy's own that lost its record, when the table was full, is on nobody's account. */
static void what_this_proxy_counted_is_its_own(void **state)
{
	(void)state;
	assert_int_equal(vouch(0, invented_pair(1)), 0);
	assert_int_equal(on_word(TABLE_PAIRS4), 0);
	assert_int_equal(on_word(TABLE_DESTINATIONS), 0);
	assert_int_equal(pairs_of_client(NET(10, 0, 0, 9)), 1);
}

#define ROW(test) cmocka_unit_test_setup_teardown(test, begin, bed_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROW(invented_pairs_fill_a_quarter_and_no_more),
		ROW(invented_destinations_leave_room_for_a_victim),
		ROW(a_member_gets_its_part_back_from_who_borrowed_it),
		ROW(destinations_are_given_back_too),
		ROW(what_this_proxy_sees_comes_first),
		ROW(the_spare_eighth_is_not_for_others_word),
		ROW(invented_pairs_of_a_client_take_none_of_its_quota),
		ROW(the_first_harvest_that_finds_packets_makes_it_own),
		ROW(a_record_that_counts_while_it_goes_lives_on),
		ROW(a_restart_finds_the_records_again),
		ROW(a_full_set_gives_way),
		ROW(what_this_proxy_counted_is_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
