/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Where the clients are and which interfaces face them: what is read, what is said at which line when it is wrong, and
 * what is warned of.
 */
#define _GNU_SOURCE /* nftw */
#include "config_text.h"

static void sides_are_read_whole(void **state)
{
	(void)state;
	if (load("clients = [\"10.0.0.0/8\", \"2001:db8:1::/48\", \"192.0.2.7\", \"10.1.0.0/16\"];\n"
		 "drop_foreign_sources = false;\nouter_interfaces = [\"eth1\"];"))
		fail_msg("%s", problem.text);
	assert_int_equal(config.client_count, 4);
	assert_int_equal(config.clients[0].bits, 104);
	assert_int_equal(config.clients[1].bits, 48);
	assert_int_equal(config.clients[2].bits, 128);
	assert_int_equal(config.clients[3].bits, 112); /* within the first: no harm */
	assert_false(config.drop_foreign_sources);
	assert_false(config.outer[0]);
	assert_true(config.outer[1]);
	assert_int_equal(config.line[CONFIG_OUTER_INTERFACES], 5);
}

static void without_them_there_are_no_sides(void **state)
{
	(void)state;
	assert_int_equal(load(""), 0);
	assert_int_equal(config.client_count, 0);
	assert_true(config.drop_foreign_sources);
	assert_false(config.judge_replies);
	assert_int_equal(config.line[CONFIG_OUTER_INTERFACES], 0);
	assert_int_equal(load("clients = []; outer_interfaces = []; judge_replies = true;"), 0);
	assert_int_equal(config.client_count, 0);
	assert_true(config.judge_replies);
	assert_false(config.outer[0] || config.outer[1]);
	assert_int_equal(config.line[CONFIG_OUTER_INTERFACES], 3);
}

#define EIGHT                                                                                    \
	"\"10.0.0.0/16\", \"10.1.0.0/16\", \"10.2.0.0/16\", \"10.3.0.0/16\", \"10.4.0.0/16\", " \
	"\"10.5.0.0/16\", \"10.6.0.0/16\", \"10.7.0.0/16\""

static void what_is_wrong_is_said_at_its_line(void **state)
{
	static const struct {
		const char *text, *expected;
	} rows[] = {
		/*  0 */ { "clients = \"10.0.0.0/8\";", ":3: clients: must be a list: [\"...\", \"...\"]" },
		/*  1 */ { "clients = [1];", ":3: entry 1 of clients: must be a text in quotes" },
		/*  2 */
		{ "clients = [\n\"10.0.0.0/33\"];", ":4: entry 1 of clients: \"10.0.0.0/33\": write an address" },
		/*  3 */ { "clients = [\"lan\"];", ":3: entry 1 of clients: \"lan\": write an address" },
		/*  4 */
		{ "clients = [\"10.0.0.1/8\"];",
		  ":3: entry 1 of clients: \"10.0.0.1/8\": the address has bits set behind the prefix length" },
		/*  5 */
		{ "clients = [\"10.0.0.0/8\",\n\"10.0.0.0/8\"];",
		  ":4: entry 2 of clients: \"10.0.0.0/8\": is listed twice; remove one" },
		/*  6 */
		{ "clients = [\"0.0.0.0/0\"];",
		  ":3: entry 1 of clients: \"0.0.0.0/0\": is everybody; name the networks of the clients" },
		/*  7 */ { "clients = [\"::/0\"];", ":3: entry 1 of clients: \"::/0\": is everybody" },
		/*  8 */ { "clients = [\"::/80\"];", ":3: entry 1 of clients: \"::/80\": is everybody" },
		/*  9 */
		{ "clients = [" EIGHT ", \"10.8.0.0/16\"];", ":3: clients: has 9 entries; at most 8 are possible" },
		/* 10 */ { "client = [\"10.0.0.0/8\"];", ":3: client: no such setting; did you mean clients?" },
		/* 11 */
		{ "outer_interfaces = [\"eth1\",\n\"eth1\"];",
		  ":4: entry 2 of outer_interfaces: eth1 is listed twice; remove one" },
		/* 12 */
		{ "\nouter_interfaces = [\"eth2\"];",
		  ":4: outer_interfaces: eth2 is none of interfaces, so nothing is filtered there; remove it" },
		/* 13 */
		{ "outer_interfaces = [\"a b\"];", ":3: entry 1 of outer_interfaces: is not an interface's name" },
		/* 14 */ { "drop_foreign_sources = 1;", ":3: drop_foreign_sources: must be true or false" },
		/* 15 */
		{ "clients = [\"10.0.0.0/8\"];\njudge_replies = true;",
		  ":4: judge_replies: clients says which packets are replies, and they pass; remove one of the two" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (load(rows[i].text) != -EINVAL || !strstr(problem.text, rows[i].expected))
			fail_msg("row %zu: \"%s\"", i, problem.text);
	}
}

static void bounds_themselves_are_taken(void **state)
{
	(void)state;
	assert_int_equal(load("clients = [" EIGHT "];"), 0);
	assert_int_equal(config.client_count, 8);
	assert_int_equal(load("clients = [\"0.0.0.0/1\", \"128.0.0.0/1\", \"8000::/1\", \"2001:db8::1\"];"), 0);
}

static char warnings[1024];

static void note(const char *text)
{
	strcat(warnings, text);
}

static void a_family_without_clients_is_warned_of(void **state)
{
	static const struct {
		const char *text, *expected;
	} rows[] = {
		{ "", "" },
		{ "clients = [\"10.0.0.0/8\", \"2001:db8::/32\"];", "" },
		{ "clients = [\"10.0.0.0/8\"];", ":3: clients: there is no IPv6 prefix: every IPv6 packet from" },
		{ "clients = [\"2001:db8::/32\"];", ":3: clients: there is no IPv4 prefix: every IPv4 packet from" },
		{ "clients = [\"10.0.0.0/8\"]; drop_foreign_sources = false;", "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		warnings[0] = '\0';
		assert_int_equal(load(rows[i].text), 0);
		config_warn(&config, note);
		if (!strstr(warnings, rows[i].expected) || (*rows[i].expected == '\0' && *warnings))
			fail_msg("row %zu: \"%s\"", i, warnings);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sides_are_read_whole),
		cmocka_unit_test(without_them_there_are_no_sides),
		cmocka_unit_test(what_is_wrong_is_said_at_its_line),
		cmocka_unit_test(bounds_themselves_are_taken),
		cmocka_unit_test(a_family_without_clients_is_warned_of),
	};

	return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
