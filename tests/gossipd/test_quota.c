/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A quota, by tables of steps: what is guaranteed, what is lent, what is given back first, what is left when a member
 * leaves, and what a start finds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "quota.h"

#define PLACES 400
#define ROOM 120
#define ROWS(rows) (sizeof(rows) / sizeof((rows)[0]))

enum verb {
	SHARE,	 /* `count` members share the room */
	TAKE,	 /* the member asks `count` times, and takes what it gets: `got` */
	FOUND,	 /* `count` places are charged without asking, as a start does */
	FREE,	 /* the member's `count` oldest places become free */
	OWED,	 /* `got` places are owed */
	GIVE,	 /* `count` are given back, of the member; `got` of them are there */
	GIVE_ALL, /* the same, also of who is within its part */
	LEFT,	 /* what leaves is free */
	DISOWN,	 /* the member is gone */
	HELD,	 /* the member holds `got` */
	REFUSED, /* the member was refused `got` times */
};

struct step {
	enum verb verb;
	uint16_t member;
	uint32_t count, got;
};

static struct quota quota;
static uint32_t next; /* place that was never taken */

static uint32_t take(uint16_t member, uint32_t count, bool ask)
{
	uint32_t got = 0;

	for (uint32_t i = 0; i < count; i++) {
		if (ask && !quota_admits(&quota, member))
			continue;
		while (quota_holds(&quota, next % PLACES))
			next++;
		quota_charge(&quota, next++ % PLACES, member, true);
		got++;
	}
	return got;
}

static uint32_t give(uint16_t member, uint32_t count, bool all)
{
	uint32_t got = 0;

	while (got < count) {
		const uint32_t place = quota_give_back(&quota, all);

		if (place == QUOTA_NONE)
			break;
		assert_true(quota_is_leaving(&quota, place));
		assert_int_equal(quota.entries[place].member, member);
		got++;
	}
	return got;
}

static void leave(void)
{
	for (uint32_t place = 0; place < PLACES; place++)
		if (quota_is_leaving(&quota, place))
			assert_true(quota_release(&quota, place));
}

static uint32_t done(const struct step *step)
{
	switch (step->verb) {
	case SHARE:
		quota_share(&quota, step->count);
		return 0;
	case TAKE:
	case FOUND:
		return take(step->member, step->count, step->verb == TAKE);
	case FREE:
		for (uint32_t i = 0; i < step->count; i++)
			assert_true(quota_release(&quota, quota.accounts[step->member].oldest));
		return 0;
	case OWED:
		return quota_take_owed(&quota);
	case GIVE:
	case GIVE_ALL:
		return give(step->member, step->count, step->verb == GIVE_ALL);
	case LEFT:
		leave();
		return 0;
	case DISOWN:
		quota_disown(&quota, step->member);
		return 0;
	case HELD:
		return quota.accounts[step->member].held;
	case REFUSED:
		return (uint32_t)quota.accounts[step->member].refused;
	}
	return 0;
}

/* After every step: the lists hold what the accounts say, and nothing else is charged. */
static void sums_are_right(void)
{
	uint32_t held = 0, leaving = 0, listed = 0;

	for (uint32_t place = 0; place < PLACES; place++) {
		held += quota_holds(&quota, place);
		leaving += quota_is_leaving(&quota, place);
	}
	for (uint32_t member = 0; member < MEMBERS_MAX; member++) {
		const struct quota_account *account = &quota.accounts[member];
		uint32_t count = 0;

		for (uint32_t at = account->oldest; at != QUOTA_NONE; at = quota.entries[at].newer, count++)
			assert_int_equal(quota.entries[at].member, member);
		assert_int_equal(count, account->held);
		assert_true(account->alone <= account->held);
		assert_true(count == 0 || member < quota.high);
		listed += count;
	}
	assert_int_equal(held, quota.held);
	assert_int_equal(leaving, quota.leaving);
	assert_int_equal(listed + leaving, held);
}

static void run(const struct step *steps, size_t count)
{
	next = 0;
	assert_int_equal(quota_open(&quota, PLACES, ROOM), 0);
	for (size_t i = 0; i < count; i++) {
		const uint32_t got = done(&steps[i]);

		if (got != steps[i].got)
			fail_msg("step %zu: %u, not %u", i, got, steps[i].got);
		sums_are_right();
	}
	quota_close(&quota);
}

static void what_others_leave_is_lent(void **state)
{
	static const struct step steps[] = {
		/* 0 */ { SHARE, 0, 3, 0 },
		/* 1 */ { TAKE, 1, 119, 119 }, /* its part is 40 */
		/* 2 */ { TAKE, 1, 1, 1 },
		/* 3 */ { TAKE, 1, 5, 0 },
		/* 4 */ { REFUSED, 1, 0, 5 },
		/* 5 */ { OWED, 0, 0, 0 }, /* above its part nothing is owed to it */
		/* 6 */ { FREE, 1, 2, 0 },
		/* 7 */ { TAKE, 1, 5, 2 },
	};

	(void)state;
	run(steps, ROWS(steps));
}

static void what_is_lent_is_given_back_first(void **state)
{
	static const struct step steps[] = {
		/*  0 */ { SHARE, 0, 3, 0 },
		/*  1 */ { TAKE, 2, 30, 30 },
		/*  2 */ { TAKE, 1, 100, 90 },
		/*  3 */ { TAKE, 3, 10, 0 }, /* within its part: owed */
		/*  4 */ { OWED, 0, 0, 10 },
		/*  5 */ { OWED, 0, 0, 0 }, /* once */
		/*  6 */ { GIVE, 1, 10, 10 },
		/*  7 */ { HELD, 1, 0, 80 },
		/*  8 */ { TAKE, 3, 10, 0 }, /* what leaves still takes room */
		/*  9 */ { OWED, 0, 0, 0 }, /* and is what is owed */
		/* 10 */ { LEFT, 0, 0, 0 },
		/* 11 */ { TAKE, 1, 100, 0 }, /* who floods does not get it again */
		/* 12 */ { TAKE, 3, 10, 10 },
		/* 13 */ { HELD, 2, 0, 30 }, /* who is within its part lost nothing */
		/* 14 */ { GIVE, 1, 100, 40 }, /* down to its part, and no further */
		/* 15 */ { HELD, 1, 0, 40 },
		/* 16 */ { LEFT, 0, 0, 0 },
		/* 17 */ { OWED, 0, 0, 0 },
		/* 18 */ { TAKE, 1, 100, 40 }, /* nobody wants it: it is lent again */
	};

	(void)state;
	run(steps, ROWS(steps));
}

static void the_furthest_above_its_part_gives_first(void **state)
{
	static const struct step steps[] = {
		/* 0 */ { SHARE, 0, 4, 0 }, /* parts of 30 */
		/* 1 */ { TAKE, 1, 35, 35 },
		/* 2 */ { TAKE, 2, 70, 70 },
		/* 3 */ { TAKE, 3, 15, 15 },
		/* 4 */ { GIVE, 2, 35, 35 },
		/* 5 */ { HELD, 2, 0, 35 },
		/* 6 */ { LEFT, 0, 0, 0 },
	};

	(void)state;
	run(steps, ROWS(steps));
}

static void for_what_this_proxy_sees_all_give_way(void **state)
{
	static const struct step steps[] = {
		/* 0 */ { SHARE, 0, 2, 0 },
		/* 1 */ { TAKE, 1, 70, 70 }, /* ten above its part */
		/* 2 */ { TAKE, 2, 20, 20 },
		/* 3 */ { GIVE_ALL, 1, 10, 10 }, /* what is lent goes first */
		/* 4 */ { GIVE_ALL, 1, 40, 40 }, /* then the largest */
		/* 5 */ { HELD, 1, 0, 20 },
		/* 6 */ { HELD, 2, 0, 20 },
		/* 7 */ { LEFT, 0, 0, 0 },
	};

	(void)state;
	run(steps, ROWS(steps));
}

static void a_member_leaves(void **state)
{
	static const struct step steps[] = {
		/* 0 */ { SHARE, 0, 3, 0 },
		/* 1 */ { TAKE, 1, 40, 40 },
		/* 2 */ { TAKE, 2, 60, 60 },
		/* 3 */ { DISOWN, 1, 0, 0 },
		/* 4 */ { HELD, 1, 0, 0 },
		/* 5 */ { HELD, QUOTA_COMMON, 0, 40 },
		/* 6 */ { SHARE, 0, 2, 0 }, /* parts of 60 */
		/* 7 */ { TAKE, 3, 40, 20 },
		/* 8 */ { OWED, 0, 0, 20 },
		/* 9 */ { GIVE, QUOTA_COMMON, 40, 40 }, /* nothing of it is guaranteed to anybody */
	};

	(void)state;
	run(steps, ROWS(steps));
}

static void a_start_finds_more_than_the_room(void **state)
{
	static const struct step steps[] = {
		/* 0 */ { FOUND, QUOTA_COMMON, 150, 150 },
		/* 1 */ { TAKE, 1, 1, 0 },
		/* 2 */ { OWED, 0, 0, 30 }, /* what is beyond the room, whoever asks */
		/* 3 */ { GIVE, QUOTA_COMMON, 30, 30 },
		/* 4 */ { LEFT, 0, 0, 0 },
		/* 5 */ { TAKE, 1, 1, 0 },
		/* 6 */ { OWED, 0, 0, 1 },
		/* 7 */ { GIVE, QUOTA_COMMON, 1, 1 },
		/* 8 */ { LEFT, 0, 0, 0 },
		/* 9 */ { TAKE, 1, 2, 1 },
	};

	(void)state;
	run(steps, ROWS(steps));
}

/* After a start a record's next change says on whose word it rests. */
static void a_place_passes_to_who_vouches_for_it(void **state)
{
	(void)state;
	assert_int_equal(quota_open(&quota, PLACES, ROOM), 0);
	quota_charge(&quota, 7, QUOTA_COMMON, false);
	quota_charge(&quota, 7, 5, true);
	assert_int_equal(quota.accounts[QUOTA_COMMON].held, 0);
	assert_int_equal(quota.accounts[5].held, 1);
	assert_int_equal(quota.accounts[5].alone, 1);
	assert_int_equal(quota.held, 1);
	quota_charge(&quota, 7, 5, false);
	assert_int_equal(quota.accounts[5].alone, 0);
	sums_are_right();
	quota_share(&quota, ROOM + 1); /* more members than places: no part is left */
	assert_int_equal(quota_give_back(&quota, false), 7);
	quota_charge(&quota, 7, 6, true); /* what leaves passes to nobody */
	assert_int_equal(quota.accounts[6].held, 0);
	assert_true(quota_release(&quota, 7));
	assert_false(quota_release(&quota, 7));
	sums_are_right();
	quota_close(&quota);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_others_leave_is_lent),
		cmocka_unit_test(what_is_lent_is_given_back_first),
		cmocka_unit_test(the_furthest_above_its_part_gives_first),
		cmocka_unit_test(for_what_this_proxy_sees_all_give_way),
		cmocka_unit_test(a_member_leaves),
		cmocka_unit_test(a_start_finds_more_than_the_room),
		cmocka_unit_test(a_place_passes_to_who_vouches_for_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
