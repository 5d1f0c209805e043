/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The policy in the kernel: classes by prefix, lists and their order, protected destinations, switching while
 * records exist.
 */
#include "policies.h"

static void each_pair_has_the_rate_of_its_prefixes(void **state)
{
	static const struct {
		uint32_t client, destination, passes;
	} rows[] = {
		{ NET(172, 16, 0, 1), VICTIM, 100 }, /* the default */
		{ NET(10, 1, 0, 1), VICTIM, 20 }, /* 10.0.0.0/8 */
		{ NET(10, 2, 3, 1), VICTIM, 30 }, /* 10.2.0.0/16 is longer */
		{ NET(172, 16, 0, 1), NET(198, 51, 100, 7), 40 }, /* the destination's */
		{ NET(10, 2, 3, 1), NET(198, 51, 100, 7), 30 }, /* the client's comes first */
	};

	(void)state;
	document_start(100, 0);
	override_add(POLICY_CLIENT, prefix4(NET(10, 0, 0, 0), 8), 20);
	override_add(POLICY_CLIENT, prefix4(NET(10, 2, 0, 0), 16), 30);
	override_add(POLICY_DESTINATION, prefix4(NET(198, 51, 100, 0), 24), 40);
	put();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct frame frame = frame4(rows[i].client, rows[i].destination);
		uint32_t passed = passes(&frame, 150);

		if (passed != rows[i].passes)
			fail_msg("row %zu: %u packets pass", i, passed);
	}
}

static void ipv6_prefixes_do_not_speak_of_ipv4(void **state)
{
	struct frame six = frame6("2001:db8::1", "2001:db8:1::1", IPPROTO_UDP), four = frame4(NET(10, 0, 0, 1), VICTIM);

	(void)state;
	document_start(100, 0);
	override_add(POLICY_CLIENT, (struct prefix){ .bits = 0 }, 10); /* ::/0 */
	put();
	assert_int_equal(passes(&six, 50), 10);
	assert_int_equal(passes(&four, 150), 100);
}

static void never_drop_comes_before_block_and_block_before_rates(void **state)
{
	struct frame friend = frame4(NET(10, 0, 0, 1), VICTIM), foe = frame4(NET(10, 0, 0, 2), VICTIM),
		     other = frame4(NET(10, 9, 0, 1), VICTIM), kept = frame4(NET(10, 0, 0, 2), NET(192, 0, 2, 9)),
		     bad = frame4(NET(10, 9, 0, 1), NET(192, 0, 2, 8));

	(void)state;
	document_start(10, 20);
	rule_add(POLICY_CLIENT, POLICY_NEVER_DROP, prefix4(NET(10, 0, 0, 0), 31)); /* shorter, and still first */
	rule_add(POLICY_CLIENT, POLICY_BLOCK, prefix4(NET(10, 0, 0, 1), 32));
	rule_add(POLICY_CLIENT, POLICY_BLOCK, prefix4(NET(10, 0, 0, 2), 32));
	rule_add(POLICY_DESTINATION, POLICY_NEVER_DROP, prefix4(NET(192, 0, 2, 9), 32));
	rule_add(POLICY_DESTINATION, POLICY_BLOCK, prefix4(NET(192, 0, 2, 8), 32));
	put();
	assert_int_equal(passes(&friend, 100), 100); /* over both rates */
	assert_int_equal(bed_reason(REASON_PASS_NEVER_DROP), 100);
	assert_int_equal(passes(&foe, 5), 0);
	assert_int_equal(bed_reason(REASON_DROP_BLOCKED), 5);
	assert_int_equal(passes(&kept, 50), 50);
	assert_int_equal(passes(&bad, 5), 0);
	assert_int_equal(bed_reason(REASON_DROP_BLOCKED), 10);
	assert_int_equal(passes(&other, 5), 0); /* the destination is over its rate, by the friend's counted packets */
	assert_int_equal(bed_reason(REASON_DROP_DESTINATION), 5);
	bed_harvest();
	assert_int_equal(bed_cell(&(struct key){ key4(NET(10, 0, 0, 1), VICTIM).client, key4(1, VICTIM).destination })
				 ->packets,
			 100);
}

static void a_block_ends(void **state)
{
	struct frame frame = frame4(NET(10, 0, 0, 1), VICTIM);

	(void)state;
	document_start(0, 0);
	rule_add(POLICY_CLIENT, POLICY_BLOCK, prefix4(NET(10, 0, 0, 0), 24))->until_s = 1000;
	put_at(999);
	assert_int_equal(passes(&frame, 3), 0);
	put_at(1000);
	assert_int_equal(passes(&frame, 3), 3);
}

static void unprotected_destinations_are_not_counted(void **state)
{
	struct frame victim = frame4(NET(10, 0, 0, 1), VICTIM), other = frame4(NET(10, 0, 0, 1), NET(203, 0, 113, 1));
	struct key pair = key4(NET(10, 0, 0, 1), NET(203, 0, 113, 1)), protected_pair = key4(NET(10, 0, 0, 1), VICTIM);

	(void)state;
	document_start(10, 0);
	put();
	assert_int_equal(passes(&other, 20), 10); /* judged, until the policy says otherwise */
	rule_add(POLICY_DESTINATION, POLICY_PROTECT, prefix4(NET(192, 0, 2, 0), 24));
	document.protected_only = true;
	put();
	bed_at(bed.jiffies + 1); /* destinations look at theirs once a jiffy */
	assert_int_equal(passes(&other, 20), 20);
	assert_int_equal(bed_reason(REASON_PASS_UNPROTECTED), 20);
	assert_int_equal(bed_record(&pair)->packets, 20); /* as before */
	assert_int_equal(passes(&victim, 20), 10);
	assert_non_null(bed_record(&protected_pair));

	other = frame4(NET(10, 0, 0, 7), NET(203, 0, 113, 7)); /* one never met leaves no record */
	assert_int_equal(passes(&other, 20), 20);
	pair = key4(NET(10, 0, 0, 7), NET(203, 0, 113, 7));
	assert_null(bed_record(&pair));
}

/* The mesh's mode, or this proxy's own. */
static void monitor_counts_what_lists_and_rates_would_drop(void **state)
{
	struct frame foe = frame4(NET(10, 0, 0, 2), VICTIM), fast = frame4(NET(10, 0, 0, 3), VICTIM);

	(void)state;
	for (int own = 0; own < 2; own++) {
		const uint64_t before = bed_reason(REASON_WOULD_DROP);
		uint32_t rule;

		document_start(10, 0);
		rule_add(POLICY_CLIENT, POLICY_BLOCK, prefix4(NET(10, 0, 0, 2), 32));
		document.defaults.monitor = !own;
		assert_int_equal(policy_compile(&document, 0, &compiled, &rule), 0);
		while (table_set_policy(bed.table, &document, &compiled, &mesh, own) == -EAGAIN)
			policy_walk(bed.table);
		bed_at(bed.jiffies + 20 * BED_HZ);
		assert_int_equal(passes(&foe, 5), 5);
		assert_int_equal(passes(&fast, 30), 30);
		assert_int_equal(bed_reason(REASON_WOULD_DROP) - before, 25);
	}
	assert_int_equal(bed_reason(REASON_DROP_BLOCKED) + bed_reason(REASON_DROP_PAIR), 0);
}

/* The paper's form by policy: no verdict before the window is T_T2 long; pairs of a prefix have another T_T2. */
static void early_and_windows_are_the_policys(void **state)
{
	struct frame slow = frame4(NET(10, 0, 0, 2), VICTIM), quick = frame4(NET(10, 0, 0, 3), VICTIM);
	struct policy_rule *rule;

	(void)state;
	document_start(10, 0);
	document.defaults.early = false;
	rule = rule_add(POLICY_CLIENT, POLICY_OVERRIDE, prefix4(NET(10, 0, 0, 3), 32));
	rule->fields = POLICY_PAIR_MIN_WINDOW;
	rule->pair_min_window_ms = 200;
	put();
	assert_int_equal(passes(&slow, 30), 30);
	assert_int_equal(passes(&quick, 30), 30);
	bed_at(bed.jiffies + BED_HZ / 2);
	assert_int_equal(passes(&slow, 3), 3);
	assert_int_equal(passes(&quick, 3), 0);
	bed_at(bed.jiffies + BED_HZ);
	assert_int_equal(passes(&slow, 3), 0);
}

/* Records made under one policy, judged by the next: by the packet that comes first, or after the walk. */
static void a_change_reaches_every_record(void **state)
{
	struct frame frame = frame4(NET(10, 0, 0, 1), VICTIM), idle = frame4(NET(10, 0, 0, 2), VICTIM);
	struct key key = key4(NET(10, 0, 0, 2), VICTIM), first = key4(NET(10, 0, 0, 1), VICTIM);
	struct destination_head *head;
	uint32_t place;
	uint16_t policy;
	const uint32_t rates[] = { 50, 70, 90, 40, 200 };

	(void)state;
	document_start(1000, 0);
	put();
	bed_run(&frame);
	bed_run(&idle);
	head = &bed.table->heads[PLACE_DESTINATION(bed_record(&first)->place)];
	for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		document_start(1000, 0);
		override_add(POLICY_CLIENT, prefix4(NET(10, 0, 0, 1), 32), rates[i]);
		override_add(POLICY_CLIENT, prefix4(NET(10, 0, 0, 2), 32), 7);
		place = bed_record(&first)->place;
		policy = head->policy;
		put();
		bed_record(&first)->place = place; /* as if the walk had not come there yet */
		head->policy = policy;
		bed_at(bed.jiffies + 20 * BED_HZ); /* an idle reset: the window is new */
		assert_int_equal(passes(&frame, 300), rates[i]);
		assert_int_equal((bed_record(&first)->place ^ bed.table->state->active) & BANK_BIT, 0);
		assert_int_equal(DESTINATION_POLICY_BANK(head->policy), BANK_OF(bed.table->state->active));
		while (bed.table->policy->walking)
			policy_walk(bed.table);
		assert_int_equal((bed_record(&key)->place ^ bed.table->state->active) & BANK_BIT, 0);
		assert_int_equal(bed.table->policies[PLACE_POLICY(bed_record(&key)->place)].pair_rate, 7);
	}
}

static void no_policy_is_taken_while_records_of_two_are_left(void **state)
{
	(void)state;
	document_start(1000, 0);
	put();
	bed.table->policy->walking = true; /* as on a table too large for one stretch */
	assert_int_equal(table_set_policy(bed.table, &document, &compiled, &mesh, false), -EAGAIN);
	bed.table->policy->walking = false;
	assert_int_equal(table_set_policy(bed.table, &document, &compiled, &mesh, false), 0);
}

/* A daemon that starts on an old table knows nothing of its policy. */
static void the_next_daemon_takes_over_in_either_bank(void **state)
{
	struct frame frame = frame4(NET(10, 0, 0, 1), VICTIM);

	(void)state;
	document_start(30, 0);
	put();
	for (uint32_t round = 0; round < 3; round++) {
		bed_run(&frame);
		table_close(bed.table);
		assert_int_equal(bed_open(true), 0);
		bed_beat();
		bed_at(bed.jiffies + 20 * BED_HZ);
		/* the old policy holds until the new one comes */
		assert_int_equal(passes(&frame, 300), 30 + 10 * round);
		document_start(40 + 10 * round, 0);
		put();
		bed_at(bed.jiffies + 20 * BED_HZ);
		assert_int_equal(passes(&frame, 300), 40 + 10 * round);
	}
}

/* Its own server and its own network pass by their rates; everything else drops, and the proxy's own bank says so. */
static void what_is_outside_a_profile_drops(void **state)
{
	struct frame own = frame4(NET(10, 0, 0, 1), VICTIM), net = frame4(NET(10, 0, 0, 1), NET(198, 51, 100, 9)),
		     other = frame4(NET(10, 0, 0, 2), NET(203, 0, 113, 1));
	uint32_t passed = 0;

	(void)state;
	document_start(50, 0);
	both_add(prefix4(NET(10, 0, 0, 1), 32), prefix4(VICTIM, 32));
	both_add(prefix4(NET(10, 0, 0, 1), 32), prefix4(NET(198, 51, 100, 0), 24));
	rule_add(POLICY_CLIENT, POLICY_OVERRIDE, prefix4(NET(10, 0, 0, 1), 32))->fields = POLICY_OUTSIDE_BLOCK;
	put();
	for (uint32_t i = 0; i < 40; i++) {
		struct frame frame = frame4(NET(10, 0, 0, 1), NET(203, 0, 113, i));

		passed += passes(&frame, 5);
	}
	assert_int_equal(passed, 0);
	assert_int_equal(bed_reason(REASON_DROP_OUTSIDE), 200);
	assert_int_equal(passes(&own, 40), 40);
	assert_int_equal(passes(&net, 100), 50); /* its own rate still holds */
	assert_int_equal(passes(&other, 40), 40);
	document.rules_count--; /* the profile without the block */
	put();
	other = frame4(NET(10, 0, 0, 1), NET(203, 0, 113, 1));
	assert_int_equal(passes(&other, 40), 40); /* a record of the bank before */
}

static void what_is_outside_drops_to_its_rate(void **state)
{
	(void)state;
	document_start(50, 0);
	both_add(prefix4(NET(10, 0, 0, 1), 32), prefix4(VICTIM, 32));
	rule_add(POLICY_CLIENT, POLICY_OVERRIDE, prefix4(NET(10, 0, 0, 0), 8))->fields = POLICY_OUTSIDE_RATE;
	document.rules[1].outside_rate = 3;
	put();
	for (uint32_t i = 0; i < 40; i++) {
		struct frame frame = frame4(NET(10, 0, 0, 1), NET(203, 0, 113, i));

		assert_int_equal(passes(&frame, 20), 3);
	}
}

#define PROFILES (POLICY_CLASSES_MAX - 2) /* each a class of both sides, beside class 0 and that of the other rules */

/* The most prefixes that a policy can have, into force in either bank. */
static void as_many_prefixes_as_there_may_be_find_room(void **state)
{
	struct frame last = frame4(NET(10, 0, 0, PROFILES - 1), NET(192, 0, 2, PROFILES - 1)),
		     other = frame4(NET(10, 0, 0, PROFILES - 1), NET(192, 0, 2, 0)),
		     plain = frame4(NET(10, 1, 0, 1), NET(192, 0, 2, 0));

	(void)state;
	document_start(50, 0);
	for (uint32_t i = 0; i < PROFILES; i++)
		both_add(prefix4(NET(10, 0, 0, i), 32), prefix4(NET(192, 0, 2, i), 32));
	for (uint32_t i = 0; document.rules_count < POLICY_RULES_MAX; i++)
		override_add(POLICY_CLIENT, prefix4(NET(10, 1 + i / 256, i % 256, 0), 24), 7);
	document.rules[PROFILES - 1].fields = POLICY_PAIR_RATE;
	for (uint32_t round = 1; round < 5; round++) {
		document.rules[PROFILES - 1].pair_rate = round;
		put();
		bed_at(bed.jiffies + 20 * BED_HZ);
		assert_int_equal(passes(&last, 20), round);
		assert_int_equal(passes(&other, 20), 20);
		assert_int_equal(passes(&plain, 20), 7);
	}
}

#define ROW(test) cmocka_unit_test_setup_teardown(test, bed_setup, bed_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROW(each_pair_has_the_rate_of_its_prefixes),
		ROW(ipv6_prefixes_do_not_speak_of_ipv4),
		ROW(never_drop_comes_before_block_and_block_before_rates),
		ROW(a_block_ends),
		ROW(unprotected_destinations_are_not_counted),
		ROW(monitor_counts_what_lists_and_rates_would_drop),
		ROW(what_is_outside_a_profile_drops),
		ROW(what_is_outside_drops_to_its_rate),
		ROW(as_many_prefixes_as_there_may_be_find_room),
		ROW(early_and_windows_are_the_policys),
		ROW(a_change_reaches_every_record),
		ROW(no_policy_is_taken_while_records_of_two_are_left),
		ROW(the_next_daemon_takes_over_in_either_bank),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
