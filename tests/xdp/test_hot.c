/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Limits of clients and networks, packet by packet: whom they bind and from when on, what passes, and how they come and
 * go. What a proxy grants is the core's business (tests/unit/test_aggregate.c).
 */
#define _GNU_SOURCE /* CPU affinity */
#include "hot_bed.h"

static void a_limit_binds_every_packet_of_its_client(void **state)
{
	const struct key key = client_key();

	(void)state;
	assert_int_equal(limit(&key, RATE), 0);
	assert_int_equal(passed_of(CLIENT, TARGET, 10, 10), 0); /* it begins empty; each makes a record */
	let_fill();
	assert_in_range(passed_of(CLIENT, TARGET, 2 * BURST, 10), BURST - 1, BURST + 1);
	assert_int_equal(bed_reason(REASON_DROP_NETWORK), 0);
	assert_int_equal(passed_of(CLIENT + 1, TARGET, 50, 1), 50); /* another client */
}

static void a_limit_binds_every_packet_to_its_network(void **state)
{
	const struct key key = network_key();

	(void)state;
	assert_int_equal(limit(&key, RATE), 0);
	let_fill();
	assert_in_range(passed_of(CLIENT, TARGET, 2 * BURST, 2), BURST - 1, BURST + 1);
	assert_int_equal(passed_of(CLIENT + 1, TARGET, 20, 2), 0);
	assert_int_equal(bed_reason(REASON_DROP_CLIENT), 0);
	assert_int_equal(passed_of(CLIENT, STRANGER, 50, 1), 50); /* another network */
}

/* A known pair looks at its record alone, until the daemon has looked at it. */
static void a_known_pair_is_bound_from_the_next_harvest_on(void **state)
{
	const struct key keys[] = { client_key(), network_key() };

	for (unsigned int i = 0; i < 2; i++) {
		assert_int_equal(passed_of(CLIENT, TARGET, 10, 1), 10);
		bed_harvest();
		assert_int_equal(limit(&keys[i], RATE), 0);
		assert_int_equal(passed_of(CLIENT, TARGET, 10, 1), 10);
		bed_harvest();
		assert_int_equal(passed_of(CLIENT, TARGET, 10, 1), 0);
		assert_int_equal(bed_reason(i ? REASON_DROP_NETWORK : REASON_DROP_CLIENT), 10);
		bed_remove();
		setup(state);
	}
}

/* Its packets may be seldom: it is found though it counted nothing. */
static void a_silent_pair_is_bound_too(void **state)
{
	const struct key key = client_key();

	(void)state;
	run(CLIENT, 1);
	bed_harvest();
	bed_harvest();
	assert_int_equal(limit(&key, RATE), 0);
	bed_harvest();
	assert_int_equal(passed_of(CLIENT, TARGET, 1, 1), 0);
}

static void a_limit_that_ended_binds_nobody(void **state)
{
	const struct key key = client_key(), record = key4(CLIENT, TARGET);

	(void)state;
	assert_int_equal(limit(&key, RATE), 0);
	assert_int_equal(passed_of(CLIENT, TARGET, 10, 1), 0);
	assert_int_equal(bed_record(&record)->pass_share, SHARE_ALL & ~SHARE_UNLIMITED);
	assert_int_equal(limit(&key, -1), 0);
	assert_int_equal(bed.table->state->hot_count, 0);
	assert_int_equal(passed_of(CLIENT, TARGET, 10, 1), 10);
	bed_harvest();
	assert_int_equal(bed_record(&record)->pass_share, SHARE_ALL);
	assert_int_equal(limit(&key, -1), -ENOENT);
}

/* The core tells of a limit in each tick; when it does so no more, the key has left the ledger. */
static void a_limit_of_which_nobody_tells_ends(void **state)
{
	const struct key key = client_key();
	struct limit_view view;

	(void)state;
	assert_int_equal(limit(&key, RATE), 0);
	bed_at(bed.jiffies + 2 * BED_HZ);
	bed_harvest();
	assert_true(table_limit_of(bed.table, &key, &view));
	bed_at(bed.jiffies + 1);
	bed_harvest();
	assert_false(table_limit_of(bed.table, &key, &view));
	assert_int_equal(passed_of(CLIENT, TARGET, 10, 1), 10);
}

/* ---- how much passes ---- */

static void what_is_granted_passes_over_time(void **state)
{
	enum { STEPS = 100 };
	static const struct {
		double rate, seconds;
	} rows[] = { { 3, 10 }, { 100, 5 }, { 5000, 1 }, { 200000, 1 } };
	const struct key key = client_key();

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const uint32_t step_jiffies = (uint32_t)(rows[i].seconds * BED_HZ / STEPS + 0.5);
		const double granted = rows[i].rate * STEPS * step_jiffies / BED_HZ;
		uint64_t passed = 0;

		assert_int_equal(limit(&key, rows[i].rate), 0);
		for (int step = 0; step < STEPS; step++) {
			bed_at(bed.jiffies + step_jiffies);
			bed_beat();
			passed += passed_in(10 * granted / STEPS);
		}
		if (passed + 1 < 0.95 * granted || passed > 1.05 * granted + 1)
			fail_msg("row %zu: %llu passed of %.0f", i, (unsigned long long)passed, granted);
		assert_int_equal(limit(&key, -1), 0);
	}
}

/* Nothing may pass for a while, and then much: the bucket remembers no worse than being empty. */
static void a_grant_may_grow_at_once(void **state)
{
	const struct key key = client_key();
	uint64_t passed = 0;

	(void)state;
	assert_int_equal(limit(&key, 0), 0);
	let_fill();
	assert_int_equal(passed_of(CLIENT, TARGET, 10, 1), 0);
	assert_int_equal(limit(&key, 0.01), 0);
	let_fill();
	assert_int_equal(passed_of(CLIENT, TARGET, 10, 1), 1); /* a packet in a hundred seconds */
	assert_int_equal(limit(&key, RATE), 0);
	for (unsigned int j = 0; j < BED_HZ; j++) {
		next_jiffy();
		passed += passed_in(2.0 * RATE / BED_HZ);
	}
	assert_in_range(passed, 0.95 * RATE - 1, 1.05 * RATE);
}

/* A device that sends to its destinations in turn, all in one jiffy: a bucket alone would always take the first. */
static void all_pairs_are_thinned_alike(void **state)
{
	enum { DESTINATIONS = 40, ROUNDS = 250 };
	const struct change change = { .key = client_key(),
				       .limited = true,
				       .granted = BED_HZ * DESTINATIONS / 10.0, /* a round in each jiffy comes */
				       .pass_share = SHARE_ALL / 10 };
	uint64_t passed[DESTINATIONS] = { 0 }, total = 0;

	(void)state;
	assert_int_equal(table_apply(bed.table, &change), 0);
	for (int round = 0; round < ROUNDS; round++) {
		next_jiffy();
		for (uint32_t i = 0; i < DESTINATIONS; i++)
			passed[i] += passed_of(CLIENT, TARGET + i, 1, 1);
	}
	for (uint32_t i = 0; i < DESTINATIONS; i++)
		total += passed[i];
	assert_in_range(total, 0.95 * ROUNDS * DESTINATIONS / 10, 1.02 * ROUNDS * DESTINATIONS / 10);
	for (uint32_t i = 0; i < DESTINATIONS; i++)
		if (passed[i] < total / DESTINATIONS / 2 || passed[i] > 2 * total / DESTINATIONS)
			fail_msg("destination %u: %llu passed, %llu on average", i, (unsigned long long)passed[i],
				 (unsigned long long)total / DESTINATIONS);
}

/*
 * The pair's own rule drops three quarters of a client's packets, and the client's share was computed from all of them.
 * What reaches the limit is half of its grant, evenly: none of it drops.
 */
static void less_than_the_grant_passes_whatever_the_share(void **state)
{
	enum { SECONDS = 20 };
	const struct change change = {
		.key = client_key(), .limited = true, .granted = RATE, .pass_share = SHARE_ALL / 2
	};
	uint64_t passed = 0, sent = 0;

	(void)state;
	assert_int_equal(table_apply(bed.table, &change), 0);
	let_fill();
	for (unsigned int i = 1; i <= SECONDS * BED_HZ; i++) {
		next_jiffy();
		for (; sent < (uint64_t)i * RATE / 2 / BED_HZ; sent++)
			passed += passed_of(CLIENT, TARGET, 1, 1);
	}
	assert_int_equal(sent, SECONDS * RATE / 2);
	assert_int_equal(passed, sent);
}

static void an_hour_of_jiffies_that_wrap_does_no_harm(void **state)
{
	const struct key key = client_key();

	(void)state;
	bed_at(0U - BED_HZ / 2);
	bed_beat();
	assert_int_equal(limit(&key, RATE), 0);
	let_fill(); /* past 2^32 */
	assert_true(bed.jiffies < BED_START);
	assert_in_range(passed_of(CLIENT, TARGET, 2 * BURST, 1), BURST - 1, BURST + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_limit_binds_every_packet_of_its_client),
		TEST(a_limit_binds_every_packet_to_its_network),
		TEST(a_known_pair_is_bound_from_the_next_harvest_on),
		TEST(a_silent_pair_is_bound_too),
		TEST(a_limit_that_ended_binds_nobody),
		TEST(a_limit_of_which_nobody_tells_ends),
		TEST(what_is_granted_passes_over_time),
		TEST(a_grant_may_grow_at_once),
		TEST(all_pairs_are_thinned_alike),
		TEST(less_than_the_grant_passes_whatever_the_share),
		TEST(an_hour_of_jiffies_that_wrap_does_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
