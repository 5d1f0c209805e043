/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The set of conditions, second by second: what raises and clears, since when, what flaps, what has no room. And the
 * table of kinds against the guide's page. Run from the top of the tree.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "event_at.h"

#define ROWS(rows) (sizeof(rows) / sizeof((rows)[0]))
#define PAGE "gossipd/guide/conditions.md"

static const struct widths widths = WIDTHS_DEFAULT;
static struct conditions set;
static struct now now;
static unsigned int raised, cleared;
static struct condition last; /* told of */

static int begin(void **state)
{
	(void)state;
	set = (struct conditions){ .count = 0 };
	now = (struct now){ .mono = { 100 * NS_PER_S }, .mesh = { 1700000000 * NS_PER_S } };
	raised = cleared = 0;
	return 0;
}

static void tell(void *user, const struct condition *condition, bool is_raised)
{
	(void)user;
	*(is_raised ? &raised : &cleared) += 1;
	last = *condition;
}

/* A second passes, and a look: 'x' finds the condition. */
static void look(char found, bool quiet)
{
	now.mono.ns += NS_PER_S;
	now.mesh.ns += NS_PER_S;
	conditions_begin(&set, now);
	if (found == 'x')
		conditions_find(&set, CONDITION_PINS_MISSING, about_here("pins"), "at %lld",
				(long long)(now.mesh.ns / NS_PER_S));
	conditions_end(&set, quiet, tell, NULL);
}

static void looks(const char *seconds)
{
	for (; *seconds; seconds++)
		look(*seconds, false);
}

static const struct condition *shown(void)
{
	uint32_t cursor = 0;

	return conditions_next(&set, &cursor);
}

static void it_is_raised_at_once_and_cleared_after_the_hold(void **state)
{
	static const struct {
		const char *seconds; /* x: found, .: not */
		unsigned int raised, cleared;
		bool shown;
	} rows[] = {
		/* 0 */ { "", 0, 0, false },
		/* 1 */ { "x", 1, 0, true },
		/* 2 */ { "xxxx", 1, 0, true },
		/* 3 */ { "x.", 1, 0, true },
		/* 4 */ { "x..", 1, 0, true }, /* CONDITION_HOLD_S */
		/* 5 */ { "x...", 1, 1, false },
		/* 6 */ { "x.x.x..x..x.x", 1, 0, true }, /* what flaps faster is raised once */
		/* 7 */ { "x...x...", 2, 2, false },
		/* 8 */ { "x...x...x...", 3, 3, false },
		/* 9 */ { "x...x...x...x...", 4, 3, true }, /* CONDITION_FLAPS: from here on it is held longer */
		/* 10 */ { "x...x...x...x..............................", 4, 3, true },
		/* 11 */ { "x...x...x...x...............................", 4, 4, false },
	};

	(void)state;
	for (size_t row = 0; row < ROWS(rows); row++) {
		begin(NULL);
		looks(rows[row].seconds);
		if (raised != rows[row].raised || cleared != rows[row].cleared || (shown() != NULL) != rows[row].shown)
			fail_msg("row %zu: raised %u, cleared %u, shown %d", row, raised, cleared, shown() != NULL);
	}
}

static void what_rests_for_a_minute_is_new_again(void **state)
{
	(void)state;
	looks("x...x...x...");
	for (unsigned int second = 0; second <= CONDITION_REST_S + 1; second++)
		looks(".");
	assert_int_equal(set.count, 0);
	looks("x...");
	assert_int_equal(raised, 4);
	assert_int_equal(cleared, 4);
}

static void since_is_when_it_was_found_first(void **state)
{
	struct instant since;

	(void)state;
	looks(".x");
	since = now.mesh;
	looks("xx..x");
	assert_int_equal(shown()->since.ns, since.ns);
	assert_string_equal(shown()->text, "at 1700000007"); /* as last found */
	looks("...");
	assert_int_equal(last.since.ns, since.ns);
	looks("x");
	assert_int_equal(shown()->since.ns, now.mesh.ns);
}

/* After the start what stands is shown, and is told of only if it is still so afterwards. */
static void a_quiet_look_raises_nothing(void **state)
{
	(void)state;
	look('x', true);
	assert_non_null(shown());
	assert_int_equal(raised, 0);
	look('.', true);
	assert_null(shown());
	look('x', true);
	look('.', false);
	assert_int_equal(raised + cleared, 0);
	look('x', true);
	const struct instant since = now.mesh;

	look('x', false);
	assert_int_equal(raised, 1);
	assert_int_equal(last.since.ns, since.ns);
}

/* One that takes time is shown and raised only when it was found for so long without a pause. */
static void what_passes_soon_is_not_raised(void **state)
{
	(void)state;
	assert_int_equal(condition_kinds[CONDITION_POLICY_DIFFERS].after_s, 3);
	for (unsigned int found = 1; found <= 4; found++) {
		begin(NULL);
		for (unsigned int i = 0; i < found; i++) {
			now.mono.ns += NS_PER_S;
			conditions_begin(&set, now);
			conditions_find(&set, CONDITION_POLICY_DIFFERS, about_member("b"), "differs");
			conditions_end(&set, false, tell, NULL);
		}
		assert_int_equal(raised, found == 4); /* three seconds after it was found first */
		assert_int_equal(shown() != NULL, found == 4);
		look('.', false);
		assert_int_equal(shown() != NULL, found == 4);
	}
}

static void find_scans(uint32_t first, uint32_t count)
{
	now.mono.ns += NS_PER_S;
	conditions_begin(&set, now);
	for (uint32_t i = first; i < first + count; i++) {
		const struct address client = address_of_ipv4((uint8_t[]){ 10, 0, (uint8_t)(i >> 8), (uint8_t)i });

		conditions_find(&set, CONDITION_CLIENT_SCANS, about_client(&client, &widths), "scans");
	}
	conditions_find(&set, CONDITION_PINS_MISSING, about_here("pins"), "gone");
	conditions_end(&set, false, tell, NULL);
}

static uint32_t count_shown(enum condition_id id)
{
	const struct condition *condition;
	uint32_t cursor = 0, count = 0;

	while ((condition = conditions_next(&set, &cursor)))
		count += condition->id == id;
	return count;
}

/* However many clients scan, and however they take turns: they fill no place of another kind. */
static void one_kind_fills_its_own_places(void **state)
{
	(void)state;
	find_scans(0, 1000);
	assert_int_equal(count_shown(CONDITION_CLIENT_SCANS), CONDITION_SUBJECTS_MAX);
	assert_int_equal(set.omitted[CONDITION_CLIENT_SCANS], 1000 - CONDITION_SUBJECTS_MAX);
	for (uint32_t second = 1; second < 1000; second++) {
		find_scans(1000 * second, 1000);
		assert_true(set.count <= CONDITIONS_MAX);
		assert_true(count_shown(CONDITION_CLIENT_SCANS) <= CONDITION_SUBJECTS_MAX);
		assert_int_equal(count_shown(CONDITION_PINS_MISSING), 1);
	}
	/* each place at most once in three seconds */
	assert_true(raised <= 1000 / CONDITION_HOLD_S * CONDITION_SUBJECTS_MAX);
}

static void the_gravest_comes_first(void **state)
{
	enum condition_id before = 0;
	const struct condition *condition;
	uint32_t cursor = 0, count = 0;

	(void)state;
	conditions_begin(&set, now);
	for (unsigned int id = CONDITION_COUNT; id-- > 0;)
		conditions_find(&set, id, about_here("x"), "y");
	conditions_end(&set, true, tell, NULL);
	now.mono.ns += 10 * NS_PER_S;
	conditions_begin(&set, now);
	for (unsigned int id = 0; id < CONDITION_COUNT; id++)
		conditions_find(&set, id, about_here("x"), "y");
	conditions_end(&set, true, tell, NULL);
	for (; (condition = conditions_next(&set, &cursor)); count++) {
		assert_true(condition->id >= before);
		before = condition->id;
	}
	assert_int_equal(count, CONDITION_COUNT);
}

/* Exit status 4 is for errors alone. */
static void only_an_error_degrades(void **state)
{
	(void)state;
	for (unsigned int id = 0; id < CONDITION_COUNT; id++) {
		begin(NULL);
		for (unsigned int second = 0; second <= condition_kinds[id].after_s; second++) {
			now.mono.ns += NS_PER_S;
			conditions_begin(&set, now);
			conditions_find(&set, id, about_here("x"), "y");
			conditions_end(&set, false, tell, NULL);
		}
		assert_int_equal(conditions_degrade(&set), condition_kinds[id].severity == CONTROL_ERROR);
	}
}

static void subjects_are_named(void **state)
{
	const struct address ipv4 = address_of_ipv4((uint8_t[]){ 10, 1, 2, 3 }),
			     ipv6 = { { 0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 7 } };
	const struct {
		struct about about;
		const char *text;
	} rows[] = {
		{ about_here("pins"), "pins" },
		{ about_interface("lan0"), "interface lan0" },
		{ about_member("eu-3"), "member eu-3" },
		{ about_client(&ipv4, &widths), "client 10.1.2.3" },
		{ about_client(&ipv6, &widths), "client 2001:db8:0:7::/64" },
	};
	char text[CONTROL_SUBJECT_BYTES];

	(void)state;
	for (size_t row = 0; row < ROWS(rows); row++) {
		about_text(&rows[row].about, text);
		assert_string_equal(text, rows[row].text);
	}
}

/* ---- the table ---- */

static void every_kind_is_whole_and_in_order(void **state)
{
	(void)state;
	for (unsigned int id = 0; id < CONDITION_COUNT; id++) {
		const struct condition_kind *kind = &condition_kinds[id];

		assert_non_null(kind->name);
		assert_true(strlen(kind->name) < CONTROL_ID_BYTES);
		assert_in_range(strlen(kind->what_to_do), 10, CONTROL_ADVICE_BYTES - 1);
		assert_true(kind->severity < CONTROL_SEVERITIES);
		assert_true(kind->after_s <= 3); /* with the second between two looks: shown within five */
		if (id > 0)
			assert_true(kind->severity >= condition_kinds[id - 1].severity);
		for (unsigned int other = 0; other < id; other++)
			assert_string_not_equal(kind->name, condition_kinds[other].name);
	}
}

static const char *page_read(void)
{
	static char page[65536];
	FILE *file = fopen(PAGE, "re");
	size_t size;

	if (!file)
		fail_msg(PAGE ": cannot be opened; run from the top of the tree");
	size = fread(page, 1, sizeof(page) - 1, file);
	fclose(file);
	assert_in_range(size, 1, sizeof(page) - 2);
	page[size] = '\0';
	return page;
}

/* Each kind has an entry: a heading of its name, then its severity, and what to do as the table has it. */
static void the_guide_has_an_entry_for_each(void **state)
{
	static const char *const severities[CONTROL_SEVERITIES] = CONTROL_SEVERITY_NAMES;
	const char *page = page_read();
	unsigned int entries = 0;

	(void)state;
	for (const char *at = page; (at = strstr(at, "\n### `")); at++)
		entries++;
	assert_int_equal(entries, CONDITION_COUNT);
	for (unsigned int id = 0; id < CONDITION_COUNT; id++) {
		const struct condition_kind *kind = &condition_kinds[id];
		char head[128], advice[CONTROL_ADVICE_BYTES + 32];
		const char *entry, *next;

		snprintf(head, sizeof(head), "\n### `%s`: %s\n", kind->name, severities[kind->severity]);
		snprintf(advice, sizeof(advice), "\n**What to do:** %s.\n", kind->what_to_do);
		entry = strstr(page, head);
		if (!entry)
			fail_msg(PAGE ": expected the heading \"%s\"", head + 1);
		next = strstr(entry + 1, "\n### ");
		entry = strstr(entry, advice);
		if (!entry || (next && entry > next))
			fail_msg(PAGE ": expected below it \"%s\"", advice + 1);
	}
}

/* ---- what is told ---- */

static void each_is_an_event_when_raised_and_when_cleared(void **state)
{
	static struct events events = { .widths = WIDTHS_DEFAULT };
	const struct address client = address_of_ipv4((uint8_t[]){ 10, 1, 2, 3 });
	struct condition condition = { .id = CONDITION_CLIENT_SCANS,
				       .about = about_client(&client, &widths),
				       .since = { now.mesh.ns - 7 * NS_PER_S } };
	const struct control_event *event;

	(void)state;
	memset(condition.text, 't', sizeof(condition.text) - 1);
	log_set_level(LOG_LEVEL_ERROR);
	events_condition(&events, now, &condition, true);
	events_condition(&events, now, &condition, false);
	event = event_at(&events, 0);
	assert_string_equal(event->kind, "condition_raised");
	assert_string_equal(event->condition, "client_scans");
	assert_string_equal(event->subject, "client 10.1.2.3");
	assert_memory_equal(event->client, client.bytes, 16);
	assert_memory_equal(event->text, "client_scans: ttt", 17);
	event = event_at(&events, 1);
	assert_string_equal(event->kind, "condition_cleared");
	assert_memory_equal(event->text, "client_scans: over after 7 s; it was: ttt", 41);
	condition.about = about_member("eu-3");
	events_condition(&events, now, &condition, true);
	assert_string_equal(event_at(&events, 2)->member, "eu-3");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(it_is_raised_at_once_and_cleared_after_the_hold, begin),
		cmocka_unit_test_setup(what_rests_for_a_minute_is_new_again, begin),
		cmocka_unit_test_setup(since_is_when_it_was_found_first, begin),
		cmocka_unit_test_setup(a_quiet_look_raises_nothing, begin),
		cmocka_unit_test_setup(what_passes_soon_is_not_raised, begin),
		cmocka_unit_test_setup(one_kind_fills_its_own_places, begin),
		cmocka_unit_test_setup(the_gravest_comes_first, begin),
		cmocka_unit_test_setup(only_an_error_degrades, begin),
		cmocka_unit_test(subjects_are_named),
		cmocka_unit_test(every_kind_is_whole_and_in_order),
		cmocka_unit_test(the_guide_has_an_entry_for_each),
		cmocka_unit_test_setup(each_is_an_event_when_raised_and_when_cleared, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
