/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The list `tunnels`, the gate and the way of forwarding: what is read, and what is said at which line when it is
 * wrong.
 */
#define _GNU_SOURCE /* nftw */
#include "config_text.h"

static void good_tunnels_are_read_whole(void **state)
{
	(void)state;
	if (load("tunnels = ( { type = \"gre\"; local = \"192.0.2.1\"; from = [\"198.51.100.0/24\", \"203.0.113.7\"]; "
		 "},\n"
		 "{ type = \"vxlan\"; local = \"2001:db8::1\"; from = [\"2001:db8::/32\"]; decapsulate = true; },\n"
		 "{ type = \"fou\"; local = \"192.0.2.1\"; from = [\"0.0.0.0/0\"]; port = 5555; },\n"
		 "{ type = \"ipip\"; local = \"192.0.2.1\"; from = [\"0.0.0.0/0\"]; } );\n"
		 "forward = \"fast\"; gossip_gate = false;"))
		fail_msg("%s", problem.text);
	assert_int_equal(config.tunnel_count, 4);
	assert_int_equal(config.tunnels[0].type, TUNNEL_GRE);
	assert_int_equal(config.tunnels[0].source_count, 2);
	assert_int_equal(config.tunnels[0].sources[0].bits, 120);
	assert_int_equal(config.tunnels[0].sources[1].bits, 128);
	assert_false(config.tunnels[0].decapsulate);
	assert_int_equal(config.tunnels[1].port, 4789);
	assert_int_equal(config.tunnels[1].sources[0].bits, 32);
	assert_true(config.tunnels[1].decapsulate);
	assert_int_equal(config.tunnels[2].port, 5555);
	assert_int_equal(config.tunnels[2].sources[0].bits, 96);
	assert_int_equal(config.forward_fast, 1);
	assert_false(config.gossip_gate);
}

static void without_them_there_is_a_gate_and_nothing_else(void **state)
{
	(void)state;
	assert_int_equal(load(""), 0);
	assert_int_equal(config.tunnel_count, 0);
	assert_int_equal(config.forward_fast, 0);
	assert_true(config.gossip_gate);
	assert_int_equal(load("tunnels = ();"), 0);
	assert_int_equal(config.tunnel_count, 0);
}

#define GRE(rest) "tunnels = ( {\ntype = \"gre\";\nlocal = \"192.0.2.1\";\nfrom = [\"198.51.100.0/24\"];\n" rest "} );"

static void what_is_wrong_is_said_at_its_line(void **state)
{
	static const struct {
		const char *text, *expected;
	} rows[] = {
		/*  0 */ { "tunnels = \"gre\";", ":3: entry 1 of tunnels: tunnels must be a list of groups" },
		/*  1 */ { "tunnels = ( 1 );", ":3: entry 1 of tunnels: must be a group" },
		/*  2 */
		{ "tunnels = (\n{ type = \"ipsec\"; } );", ":4: entry 1 of tunnels: type: must be one of \"ipip\", "
							   "\"gre\"" },
		/*  3 */
		{ "tunnels = (\n{ local = \"192.0.2.1\"; } );", ":4: entry 1 of tunnels: type: must be one of" },
		/*  4 */
		{ "tunnels = ( { type = \"gre\";\nlocal = \"here\"; } );", ":4: entry 1 of tunnels: local: must be the "
									   "address" },
		/*  5 */ { "tunnels = ( { type = \"gre\"; local = \"0.0.0.1/8\"; } );", "local: must be the address" },
		/*  6 */
		{ "tunnels = ( { type = \"gre\"; local = \"192.0.2.1\"; } );", "from: must be a list of the prefixes" },
		/*  7 */
		{ "tunnels = ( { type = \"gre\"; local = \"192.0.2.1\"; from = []; } );", "from: must be a list" },
		/*  8 */
		{ "tunnels = ( { type = \"gre\"; local = \"192.0.2.1\"; from = [\"198.51.100.1/24\"]; } );",
		  "from: \"198.51.100.1/24\": " },
		/*  9 */
		{ "tunnels = ( { type = \"gre\"; local = \"192.0.2.1\"; from = [\"2001:db8::/32\"]; } );",
		  "from: \"2001:db8::/32\" is of another family than local" },
		/* 10 */ { GRE("port = 7;"), ":7: entry 1 of tunnels: port: gre has none; remove it" },
		/* 11 */ { GRE("decapsulate = 1;"), ":7: entry 1 of tunnels: decapsulate: must be true or false" },
		/* 12 */
		{ GRE("decapsulte = true;"), ":7: entry 1 of tunnels: no such setting; did you mean decapsulate" },
		/* 13 */ { GRE("xyzzy = true;"), ":7: entry 1 of tunnels: no such setting; write type, local" },
		/* 14 */
		{ "tunnels = ( { type = \"fou\"; local = \"192.0.2.1\"; from = [\"0.0.0.0/0\"]; } );",
		  ":3: entry 1 of tunnels: port: must be the UDP port of the tunnel, 1 to 65535" },
		/* 15 */
		{ "tunnels = ( { type = \"fou\"; local = \"192.0.2.1\"; from = [\"0.0.0.0/0\"]; port = 65536; } );",
		  "port: must be the UDP port" },
		/* 16 */
		{ "tunnels = ( { type = \"fou\"; local = \"192.0.2.1\"; from = [\"0.0.0.0/0\"];\nport = 4294972851; } "
		  ");",
		  ":4: port: 4294972851 is out of bounds" },
		{ "tunnels = ( { type = \"fou\"; local = \"192.0.2.1\"; from = [\"0.0.0.0/0\"]; port = 65536L; } );",
		  "port: must be the UDP port" },
		{ "tunnels = ( { type = \"fou\"; local = \"192.0.2.1\"; from = [\"0.0.0.0/0\"]; port = 80.0; } );",
		  "port: must be the UDP port" },
		{ "tunnels = ( { type = \"gue\"; local = \"192.0.2.1\"; from = [\"0.0.0.0/0\"]; port = 7; },\n"
		  "{ type = \"vxlan\"; local = \"192.0.2.1\"; from = [\"0.0.0.0/0\"]; port = 7; } );",
		  ":4: entry 2 of tunnels: ends where entry 1 does" },
		/* 17 */
		{ "tunnels = ( { type = \"ipip\"; local = \"192.0.2.1\"; from = [\"10.0.0.0/8\"]; },\n"
		  "{ type = \"ipip\"; local = \"192.0.2.1\"; from = [\"11.0.0.0/8\"]; } );",
		  ":4: entry 2 of tunnels: ends where entry 1 does" },
		/* 18 */ { "forward = \"quick\";", ":3: forward: must be one of \"kernel\", \"fast\"" },
		/* 19 */ { "gossip_gate = 1;", ":3: gossip_gate: must be true or false" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (load(rows[i].text) == 0)
			fail_msg("row %zu was taken", i);
		if (!strstr(problem.text, rows[i].expected))
			fail_msg("row %zu says \"%s\"", i, problem.text);
	}
}

static void more_than_fit_are_refused(void **state)
{
	char text[4096] = "tunnels = ( ";

	(void)state;
	for (unsigned int i = 0; i <= TUNNELS_MAX; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text),
			 "%s{type=\"gre\";local=\"10.0.0.%u\";from=[\"0.0.0.0/0\"];}", i ? "," : "", i + 1);
	strcat(text, " );");
	assert_int_not_equal(load(text), 0);
	assert_non_null(strstr(problem.text, "there are 33 tunnels; at most 32 are possible"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_tunnels_are_read_whole),
		cmocka_unit_test(without_them_there_is_a_gate_and_nothing_else),
		cmocka_unit_test(what_is_wrong_is_said_at_its_line),
		cmocka_unit_test(more_than_fit_are_refused),
	};

	return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
