// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The state directory: the two numbers never go back, whatever happened to the file; two daemons never share it. */
#define _GNU_SOURCE /* nftw */
#include "scratch.h"

#include "state.h"

#include <fcntl.h>

static struct problem problem;

static struct state open_state(void)
{
	struct state state = STATE_CLOSED;

	if (state_open(scratch_path("state.d"), &state, &problem))
		fail_msg("%s", problem.text);
	return state;
}

static void numbers_survive(void **unused)
{
	struct state state = open_state();

	(void)unused;
	assert_int_equal(state.incarnation, 0);
	assert_int_equal(state.boot, 0);
	assert_int_equal(state_store(&state, UINT64_MAX - 1, 17, &problem), 0);
	state_close(&state);
	state = open_state();
	assert_int_equal(state.incarnation, UINT64_MAX - 1);
	assert_int_equal(state.boot, 17);
	assert_false(state.damaged);
	state_close(&state);
}

static void a_second_daemon_is_refused(void **unused)
{
	struct state state = open_state(), other = STATE_CLOSED;

	(void)unused;
	assert_int_equal(state_open(scratch_path("state.d"), &other, &problem), -EBUSY);
	assert_says(0, problem.text, "another gossipd uses this state directory");
	state_close(&state);
	state = open_state(); /* the lock went with its holder */
	state_close(&state);
}

static void a_fresh_incarnation_is_above_all_before(void **unused)
{
	static const struct {
		uint64_t persisted, unix_ms, expected;
	} rows[] = {
		/* 0 */ { 0, 1700000000000, 1700000000000 },
		/* 1 */ { 1700000000000, 1700000000001, 1700000000001 },
		/* 2 */ { 1700000000000, 1700000000000, 1700000000001 },
		/* 3 */ { 2000000000000, 1700000000000, 2000000000001 }, /* the clock went back */
		/* 4 */ { 1700000000000, 0, 1700000000001 },		 /* 1970 */
	};

	(void)unused;
	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct state state = { .incarnation = rows[i].persisted };

		assert_int_equal(state_fresh_incarnation(&state, rows[i].unix_ms), rows[i].expected);
	}
}

/*
 * Every byte changed, every length cut: what comes out is the truth, or nothing with a warning; never another
 * number.
 */
static void damage_is_found_wherever_it_is(void **unused)
{
	char whole[512], damaged[512];
	struct state state = open_state();
	size_t size;

	(void)unused;
	assert_int_equal(state_store(&state, 1700000000123, 42, &problem), 0);
	state_close(&state);
	size = scratch_read("state.d/state", whole, sizeof(whole));
	for (size_t i = 0; i < size; i++) {
		memcpy(damaged, whole, size);
		damaged[i] ^= 1;
		scratch_write("state.d/state", damaged, size, 0600);
		if (state_open(scratch_path("state.d"), &state, &problem)) {
			/* The version's digit became another version's. */
			assert_says((unsigned int)i, problem.text, "written by a newer gossipd");
			continue;
		}
		assert_true(state.damaged);
		assert_int_equal(state.incarnation, 0);
		assert_int_equal(access(scratch_path("state.d/state.damaged"), F_OK), 0);
		state_close(&state);
	}
	for (size_t length = 0; length < size; length++) {
		scratch_write("state.d/state", whole, length, 0600);
		state = open_state();
		assert_true(state.damaged);
		assert_int_equal(state.incarnation, 0);
		state_close(&state);
	}
	memset(damaged, 'x', sizeof(damaged));
	memcpy(damaged, whole, size);
	scratch_write("state.d/state", damaged, sizeof(damaged), 0600);
	state = open_state();
	assert_true(state.damaged);
	state_close(&state);
}

static void a_newer_version_is_refused(void **unused)
{
	static const char newer[] = "xpro-state 2\nincarnation 1\n";
	struct state state = STATE_CLOSED;

	(void)unused;
	scratch_write("state.d/state", newer, sizeof(newer) - 1, 0600);
	assert_int_equal(state_open(scratch_path("state.d"), &state, &problem), -EPROTO);
	assert_says(0, problem.text, "state.d/state: written by a newer gossipd");
	remove(scratch_path("state.d/state"));
}

static void a_crash_while_writing_leaves_the_old_file(void **unused)
{
	struct state state = open_state();

	(void)unused;
	assert_int_equal(state_store(&state, 5, 5, &problem), 0);
	state_close(&state);
	scratch_write("state.d/.state.new", "xpro-st", 7, 0600); /* as the crash left it */
	state = open_state();
	assert_int_equal(state.incarnation, 5);
	assert_int_equal(state_store(&state, 6, 6, &problem), 0);
	assert_int_equal(access(scratch_path("state.d/.state.new"), F_OK), -1);
	state_close(&state);
	state = open_state();
	assert_int_equal(state.incarnation, 6);
	state_close(&state);
}

static void a_directory_others_may_write_is_refused(void **unused)
{
	struct state state = STATE_CLOSED;

	(void)unused;
	assert_int_equal(chmod(scratch_path("state.d"), 0777), 0);
	assert_int_equal(state_open(scratch_path("state.d"), &state, &problem), -EACCES);
	assert_says(0, problem.text, "others may write");
	assert_int_equal(chmod(scratch_path("state.d"), 0700), 0);
}

static void what_cannot_be_a_directory_is_named(void **unused)
{
	struct state state = STATE_CLOSED;

	(void)unused;
	scratch_write("file", "", 0, 0600);
	assert_true(state_open(scratch_path("file"), &state, &problem) < 0);
	assert_says(0, problem.text, "file");
	assert_true(state_open(scratch_path("file/below"), &state, &problem) < 0);
	assert_says(1, problem.text, "file/below");
}

/* /dev/full has no directory; a full device is played by a limit on file sizes. */
static void a_write_that_fails_leaves_the_old_file(void **unused)
{
	struct state state = open_state();

	(void)unused;
	assert_int_equal(state_store(&state, 7, 7, &problem), 0);
	/* A directory in the temporary file's place cannot be removed by unlink, nor created over. */
	assert_int_equal(mkdir(scratch_path("state.d/.state.new"), 0700), 0);
	assert_true(state_store(&state, 8, 8, &problem) < 0);
	assert_says(0, problem.text, "state.d/state: cannot write");
	assert_int_equal(state.incarnation, 7);
	rmdir(scratch_path("state.d/.state.new"));
	state_close(&state);
	state = open_state();
	assert_int_equal(state.incarnation, 7);
	state_close(&state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_survive),
		cmocka_unit_test(a_second_daemon_is_refused),
		cmocka_unit_test(a_fresh_incarnation_is_above_all_before),
		cmocka_unit_test(damage_is_found_wherever_it_is),
		cmocka_unit_test(a_newer_version_is_refused),
		cmocka_unit_test(a_crash_while_writing_leaves_the_old_file),
		cmocka_unit_test(a_directory_others_may_write_is_refused),
		cmocka_unit_test(what_cannot_be_a_directory_is_named),
		cmocka_unit_test(a_write_that_fails_leaves_the_old_file),
	};

	return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
