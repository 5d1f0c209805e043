// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Which marks the gate is told: one for each member that was heard, a new one once a second at most, and no more
 * than there is room for.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "daemon.h"

static struct daemon the_daemon;
static struct gate_marked told[64];
static unsigned int told_count, calls;

/* Stands in for the table. */
int table_gate_mark(struct table *table, const struct gate_marked *marked)
{
	(void)table;
	calls++;
	if (told_count == sizeof(told) / sizeof(told[0]))
		return -1;
	told[told_count++] = *marked;
	return 0;
}

void table_gate_unmark(struct table *table, const struct gate_marked *marked)
{
	(void)table;
	calls++;
	for (unsigned int i = 0; i < told_count; i++) {
		if (memcmp(&told[i], marked, sizeof(*marked)) == 0) {
			told[i] = told[--told_count];
			return;
		}
	}
	fail_msg("a mark was taken back that was never told");
}

int table_gate_open(struct table *table, const struct address *peer)
{
	(void)table, (void)peer;
	return 0;
}

void table_gate_close(struct table *table, const struct address *peer)
{
	(void)table, (void)peer;
}

static void heard(uint64_t sender, uint64_t mark)
{
	const struct gate_head head = { { 'X', 'M', 1, 2 }, sender, 1, mark };
	uint8_t datagram[100] = { 0 };

	memcpy(datagram, &head, sizeof(head));
	gate_heard(&the_daemon, datagram);
}

static bool knows(uint64_t sender, uint64_t mark)
{
	for (unsigned int i = 0; i < told_count; i++) {
		if (told[i].sender == sender && told[i].mark == mark)
			return true;
	}
	return false;
}

static int setup(void **state)
{
	(void)state;
	memset(&the_daemon, 0, sizeof(the_daemon));
	the_daemon.config.gossip = the_daemon.config.gossip_gate = true;
	the_daemon.config.interface_count = 1;
	the_daemon.seconds = 7;
	told_count = calls = 0;
	return 0;
}

static void a_member_has_one_mark_and_a_new_one_once_a_second(void **state)
{
	(void)state;
	heard(5, 111);
	assert_true(knows(5, 111) && told_count == 1);
	heard(5, 111);
	heard(5, 222); /* a start within a second of the one before, or a member that plays */
	assert_int_equal(calls, 1);
	the_daemon.seconds++;
	heard(5, 222);
	assert_true(knows(5, 222) && told_count == 1);
	for (uint64_t mark = 300; mark < 1000; mark++)
		heard(5, mark);
	assert_true(knows(5, 222) && told_count == 1);
}

static void members_that_want_one_place_find_others_until_there_is_none(void **state)
{
	(void)state;
	for (uint64_t i = 0; i <= GATE_MARK_WAYS; i++)
		heard(5 + i * GATE_MARKS_MAX, 100 + i);
	assert_int_equal(told_count, GATE_MARK_WAYS);
	assert_true(knows(5, 100) && !knows(5 + GATE_MARK_WAYS * (uint64_t)GATE_MARKS_MAX, 100 + GATE_MARK_WAYS));
	heard(6, 1); /* its own place is taken by one of them, and so are the seven behind but one */
	assert_true(knows(6, 1));
}

static void a_full_table_is_asked_again(void **state)
{
	(void)state;
	told_count = sizeof(told) / sizeof(told[0]);
	heard(5, 111);
	told_count = 0;
	heard(5, 111);
	assert_true(knows(5, 111));
}

static void without_a_gate_nothing_is_told(void **state)
{
	(void)state;
	the_daemon.config.gossip_gate = false;
	heard(5, 111);
	the_daemon.config.gossip_gate = true;
	the_daemon.config.interface_count = 0;
	heard(5, 111);
	assert_int_equal(calls, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_member_has_one_mark_and_a_new_one_once_a_second, setup),
		cmocka_unit_test_setup(members_that_want_one_place_find_others_until_there_is_none, setup),
		cmocka_unit_test_setup(a_full_table_is_asked_again, setup),
		cmocka_unit_test_setup(without_a_gate_nothing_is_told, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
