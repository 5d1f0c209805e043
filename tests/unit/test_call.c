// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The thresholds of the call: rows around every edge, each kind of key with and without a limit of its own, then how
 * often keys call over many slots.
 */
#include <math.h>

#include "call.h"
#include "vector.h"

static const uint8_t secret[CALL_SECRET_BYTES] = "a draw's secret";

struct row {
	double rate;
	uint32_t window_ms, members;
	uint64_t least, span;
};

static const struct row rows[] = {
	/*  0: no limit: never */
	{ 0, 1000, 1, CALL_NEVER, 1 },
	/*  1: the least rate: K is at least 1 */
	{ 1, 1000, 1, 0, 1 },
	/*  2: T W = 2: K = 1 by itself */
	{ 2, 1000, 1, 0, 1 },
	/*  3: T W = 3: 3 / 4 and 3 / 2 are cut */
	{ 3, 1000, 1, 0, 1 },
	/*  4: T W = 4 */
	{ 4, 1000, 1, 1, 2 },
	/*  5: the same shared by two */
	{ 4, 1000, 2, 0, 2 },
	/*  6: just below a = 1 for sixteen */
	{ 63, 1000, 16, 0, 31 },
	/*  7: a = 1 */
	{ 64, 1000, 16, 1, 32 },
	/*  8: just below a = 2 */
	{ 127, 1000, 16, 1, 63 },
	/*  9: a = 2 */
	{ 128, 1000, 16, 2, 64 },
	/* 10: the window counts as much as the rate */
	{ 640, 100, 16, 1, 32 },
	/* 11: more members than packets */
	{ 1000, 1000, MEMBERS_MAX, 0, 500 },
	/* 12: the highest rate, times the shadow of a client, over the longest window */
	{ 10.0 * RATE_MAX, WINDOW_MAX_MS_MAX, 1, 900000000000ULL, 1800000000000ULL },
};

static void rows_of_rate_window_and_members(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		const struct call call =
			call_of_rate(rows[i].rate, duration_ms(rows[i].window_ms), rows[i].members);

		if (call.least != rows[i].least || call.span != rows[i].span)
			fail_msg("row %zu: expected a = %llu, K = %llu, got %llu, %llu", i,
				 (unsigned long long)rows[i].least, (unsigned long long)rows[i].span,
				 (unsigned long long)call.least, (unsigned long long)call.span);
	}
}

/* ---- by the policy ---- */

static struct key key_of(enum key_kind kind, uint8_t number)
{
	const struct address client = address_of_ipv4((uint8_t[4]){ 10, 0, 0, number }),
			     host = address_of_ipv4((uint8_t[4]){ 198, 51, number, 7 }),
			     network = network_of(&host);

	switch (kind) {
	case KEY_PAIR:
		return (struct key){ client, host };
	case KEY_DESTINATION:
		return key_of_destination(&host);
	case KEY_CLIENT:
		return key_of_client(&client);
	case KEY_NETWORK:
		return key_of_network(&network);
	}
	fail();
	return (struct key){ .client = client };
}

struct policy_row {
	struct thresholds thresholds;
	uint64_t least[KEY_KINDS], span[KEY_KINDS]; /* for four members */
};

#define WINDOWS .pair_min_window = { NS_PER_S }, .destination_min_window = { 2 * (int64_t)NS_PER_S }
static const struct policy_row policy_rows[] = {
	/* 0: every kind by its own limit; the windows are T_T2 for pairs and clients, T_T3 for the others */
	{ { .pair_rate = 160, .destination_rate = 1600, .client_rate = 320, .network_rate = 3200, WINDOWS },
	  { 10, 200, 20, 400 },
	  { 80, 1600, 160, 3200 } },
	/* 1: clients and networks in shadow: 10 x pair_rate, 4 x destination_rate */
	{ { .pair_rate = 160, .destination_rate = 1600, WINDOWS }, { 10, 200, 100, 800 }, { 80, 1600, 800, 6400 } },
	/* 2: no rates: nothing calls */
	{ { WINDOWS }, { CALL_NEVER, CALL_NEVER, CALL_NEVER, CALL_NEVER }, { 1, 1, 1, 1 } },
	/* 3: no pair_rate: neither its clients' shadow */
	{ { .destination_rate = 1600, WINDOWS }, { CALL_NEVER, 200, CALL_NEVER, 800 }, { 1, 1600, 1, 6400 } },
	/* 4: a client_rate alone */
	{ { .client_rate = 320, WINDOWS }, { CALL_NEVER, CALL_NEVER, 20, CALL_NEVER }, { 1, 1, 160, 1 } },
};

static void each_kind_calls_by_the_limit_that_judges_it(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(policy_rows); i++) {
		const struct policy_effective policy = { .thresholds = policy_rows[i].thresholds };

		for (unsigned int kind = 0; kind < KEY_KINDS; kind++) {
			const struct call call = call_of(&policy, kind, 4);

			if (call.least != policy_rows[i].least[kind] || call.span != policy_rows[i].span[kind])
				fail_msg("row %zu, kind %u: got a = %llu, K = %llu", i, kind,
					 (unsigned long long)call.least, (unsigned long long)call.span);
		}
	}
}

static void what_the_policy_does_not_judge_calls_nobody(void **state)
{
	const struct thresholds t = { .pair_rate = 160, .destination_rate = 1600, WINDOWS };
	const struct policy_effective unprotected = { .thresholds = t, .unprotected = true },
				      passes = { .thresholds = t, .listing = POLICY_PASSES };

	(void)state;
	assert_true(call_of(&unprotected, KEY_PAIR, 1).least == CALL_NEVER);
	assert_true(call_of(&unprotected, KEY_DESTINATION, 1).least == CALL_NEVER);
	assert_true(call_of(&passes, KEY_DESTINATION, 1).least == CALL_NEVER);
	assert_true(call_of(&passes, KEY_NETWORK, 1).least == CALL_NEVER);
	assert_true(call_of(&passes, KEY_CLIENT, 1).least == 400);
}

/* ---- the draw ---- */

/* The fewest packets with which a key calls in a slot. */
static uint64_t first_call(const struct call *call, const uint8_t *with, const struct key *key, uint64_t slot)
{
	for (uint64_t packets = 0; packets <= call->least + call->span; packets++) {
		if (call_is_made(call, with, key, slot, packets))
			return packets;
	}
	fail_msg("no call with a + K packets");
	return 0;
}

static void a_key_calls_above_a_and_at_a_plus_k_at_the_latest(void **state)
{
	const struct call call = { .least = 5, .span = 40 };
	uint64_t lowest = UINT64_MAX, highest = 0;

	(void)state;
	for (uint64_t slot = 0; slot < 2000; slot++) {
		const struct key key = key_of(slot % KEY_KINDS, (uint8_t)slot);
		const uint64_t first = first_call(&call, secret, &key, slot);

		for (uint64_t packets = first; packets < first + 100; packets++)
			assert_true(call_is_made(&call, secret, &key, slot, packets)); /* more packets never end it */
		lowest = first < lowest ? first : lowest;
		highest = first > highest ? first : highest;
	}
	assert_int_equal(lowest, 6);
	assert_int_equal(highest, 45);
}

static void without_a_rate_no_number_of_packets_calls(void **state)
{
	const struct call never = call_of_rate(0, duration_ms(1000), 1);
	const struct key key = key_of(KEY_PAIR, 1);

	(void)state;
	for (uint64_t slot = 0; slot < 100; slot++)
		assert_false(call_is_made(&never, secret, &key, slot, UINT64_MAX));
}

/* Every draw in [0, K) is equally frequent; slot, key, kind and secret each change it. */
static void the_draw_is_even_and_hangs_on_everything(void **state)
{
	static const uint8_t other[CALL_SECRET_BYTES] = "another secret";
	const struct call call = { .least = 0, .span = 10 };
	unsigned int frequency[10] = { 0 }, equal[4] = { 0 };
	double chi2 = 0;

	(void)state;
	for (uint64_t slot = 0; slot < 10000; slot++) {
		const struct key key = key_of(KEY_CLIENT, 1), next = key_of(KEY_CLIENT, 2),
				 kind = key_of(KEY_DESTINATION, 1);
		const uint64_t first = first_call(&call, secret, &key, slot);

		frequency[first - 1]++;
		equal[0] += first == first_call(&call, secret, &key, slot + 10000);
		equal[1] += first == first_call(&call, secret, &next, slot);
		equal[2] += first == first_call(&call, secret, &kind, slot);
		equal[3] += first == first_call(&call, other, &key, slot);
	}
	for (unsigned int i = 0; i < 10; i++)
		chi2 += pow((double)frequency[i] - 1000, 2) / 1000;
	assert_true(chi2 < 27.9); /* 9 degrees of freedom: 1 in 1,000 */
	for (unsigned int i = 0; i < 4; i++) /* 1,000 expected, deviation 30 */
		assert_in_range(equal[i], 850, 1150);
}

/* C packets of a slot over n members: P(nobody calls) <= exp(-(C - n a) / K). */
static void packets_split_over_members_are_called_as_often_as_promised(void **state)
{
	const uint32_t members = 16, slots = 4000;
	const struct call call = call_of_rate(500, duration_ms(1000), members);
	const struct key key = key_of(KEY_CLIENT, 1);

	(void)state;
	for (uint64_t packets = 200; packets <= 1000; packets += 200) {
		const double promised = exp(-((double)packets - (double)(members * call.least)) / (double)call.span);
		unsigned int uncalled = 0;

		for (uint64_t slot = 0; slot < slots; slot++) {
			bool called = false;

			for (uint32_t member = 0; member < members; member++) {
				uint8_t own[CALL_SECRET_BYTES] = { (uint8_t)member };

				called |= call_is_made(&call, own, &key, slot, packets / members);
			}
			uncalled += !called;
		}
		/* three deviations above the promise */
		if (uncalled > slots * promised + 3 * sqrt(slots * promised))
			fail_msg("%llu packets: %u of %u slots without a call, promised %.4f",
				 (unsigned long long)packets, uncalled, slots, promised);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_of_rate_window_and_members),
		cmocka_unit_test(each_kind_calls_by_the_limit_that_judges_it),
		cmocka_unit_test(what_the_policy_does_not_judge_calls_nobody),
		cmocka_unit_test(a_key_calls_above_a_and_at_a_plus_k_at_the_latest),
		cmocka_unit_test(without_a_rate_no_number_of_packets_calls),
		cmocka_unit_test(the_draw_is_even_and_hangs_on_everything),
		cmocka_unit_test(packets_split_over_members_are_called_as_often_as_promised),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
