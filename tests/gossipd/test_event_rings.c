// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What is kept of events: the latest of each class, in order, whatever floods another class. */
#define _GNU_SOURCE /* nftw */
#include "scratch.h"

#include <stdio.h>

#include "event_at.h"

static struct events events;
static const struct now now = { .mono = { 5 * NS_PER_S }, .mesh = { 1700000000 * NS_PER_S } };

static int setup(void **state)
{
	(void)state;
	memset(&events, 0, sizeof(events));
	log_set_level(LOG_LEVEL_ERROR);
	return 0;
}

static void tell(enum node_event_kind kind, const char *member)
{
	struct node_event event = { .kind = kind };

	snprintf(event.member, sizeof(event.member), "%s", member);
	events_tell(&events, now, &event, 0);
}

/* How many events of the kind are kept, of `member`, or of all when it is NULL. Numbers ascend. */
static unsigned int kept(const char *kind, const char *member)
{
	const struct control_event *event;
	unsigned int found = 0;
	uint64_t before = 0;

	for (uint64_t number = 0; (event = event_rings_from(&events.rings, &number)); number++) {
		assert_true(number >= before);
		before = number + 1;
		found += strcmp(event->kind, kind) == 0 && (!member || strcmp(event->member, member) == 0);
	}
	assert_true(before <= events.rings.next);
	return found;
}

static void what_concerns_trust_outlives_a_flood_of_rates(void **state)
{
	(void)state;
	tell(EVENT_EQUIVOCATION, "b");
	tell(EVENT_MEMBER_CLONED, "b");
	tell(EVENT_MEMBER_REVOKED, "c");
	events_interface(&events, now, "eth0: is down", false);
	for (unsigned int i = 0; i < 20 * EVENTS_KEPT; i++)
		tell(EVENT_PAIR_OVER, "");
	assert_int_equal(kept("equivocation", "b"), 1);
	assert_int_equal(kept("member_cloned", "b"), 1);
	assert_int_equal(kept("member_revoked", "c"), 1);
	assert_int_equal(kept("interface", NULL), 1);
	assert_int_equal(kept("pair_over", NULL), EVENTS_KEPT);
}

/* Two thousand members that come and go fill the ring of presence, and no other. */
static void nor_do_members_that_come_and_go_wash_it_out(void **state)
{
	char name[16];

	(void)state;
	tell(EVENT_EQUIVOCATION, "b");
	tell(EVENT_PAIR_OVER, "");
	for (unsigned int i = 0; i < 2000; i++) {
		snprintf(name, sizeof(name), "m%u", i);
		tell(EVENT_MEMBER_UP, name);
		tell(EVENT_MEMBER_SILENT, name);
	}
	assert_int_equal(kept("equivocation", "b"), 1);
	assert_int_equal(kept("pair_over", NULL), 1);
	assert_int_equal(kept("member_up", NULL) + kept("member_silent", NULL), EVENTS_KEPT_ELSE);
	assert_int_equal(kept("member_silent", "m1999"), 1);
	assert_int_equal(kept("member_up", "m1"), 0);
}

/* The latest of one kind about one member are kept, and the order of the others stays. */
static void one_member_has_its_part_of_each_kind(void **state)
{
	uint64_t newest = 0;

	(void)state;
	tell(EVENT_MEMBER_UP, "a");
	tell(EVENT_MEMBER_UP, "b");
	for (unsigned int i = 0; i < 5000; i++) {
		newest = events.rings.next;
		tell(EVENT_MEMBER_SKEWED, "b");
		if (i % 1000 == 0)
			tell(EVENT_MEMBER_SILENT, "c");
	}
	assert_int_equal(kept("member_skewed", "b"), EVENTS_EACH);
	assert_non_null(event_at(&events, newest));
	assert_int_equal(kept("member_up", NULL), 2);
	assert_int_equal(kept("member_silent", "c"), 5);
	assert_string_equal(event_at(&events, 0)->member, "a");
	assert_string_equal(event_at(&events, 1)->member, "b");
}

static void the_bound_is_met_one_by_one(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < EVENTS_EACH; i++)
		tell(EVENT_DOCUMENT_FALSE, "b");
	assert_non_null(event_at(&events, 0));
	assert_int_equal(kept("document_false", "b"), EVENTS_EACH);
	tell(EVENT_DOCUMENT_FALSE, "b");
	assert_null(event_at(&events, 0));
	assert_non_null(event_at(&events, 1));
	assert_int_equal(kept("document_false", "b"), EVENTS_EACH);
	tell(EVENT_DOCUMENT_FALSE, "c");
	assert_non_null(event_at(&events, 1));
}

static void a_full_ring_loses_its_oldest(void **state)
{
	char name[16];

	(void)state;
	for (unsigned int i = 0; i <= EVENTS_KEPT_ELSE; i++) {
		snprintf(name, sizeof(name), "m%u", i);
		tell(EVENT_EQUIVOCATION, name);
		assert_int_equal(kept("equivocation", NULL), i < EVENTS_KEPT_ELSE ? i + 1 : EVENTS_KEPT_ELSE);
	}
	assert_null(event_at(&events, 0));
	assert_non_null(event_at(&events, 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(what_concerns_trust_outlives_a_flood_of_rates, setup),
		cmocka_unit_test_setup(nor_do_members_that_come_and_go_wash_it_out, setup),
		cmocka_unit_test_setup(one_member_has_its_part_of_each_kind, setup),
		cmocka_unit_test_setup(the_bound_is_met_one_by_one, setup),
		cmocka_unit_test_setup(a_full_ring_loses_its_oldest, setup),
	};

	return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
