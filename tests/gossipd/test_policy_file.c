// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A policy as people write it: what it becomes, and that what is wrong with it is said at its line. */
#define _GNU_SOURCE /* nftw */
#include "scratch.h"

#include "config.h"

static const struct mesh mesh = {
	.tick_ms = 200, .window_max_ms = 8000, .decay = 2, .widths = WIDTHS_DEFAULT
};
static struct policy_file file;
static struct problem problem;
static struct config config;

static int load(const char *text)
{
	int err;

	scratch_write("policy", text, strlen(text), 0644);
	file = (struct policy_file){ .document.defaults = { .pair_rate = 100,
							    .destination_rate = 1000,
							    .idle_reset = duration_ms(10000),
							    .pair_min_window = duration_ms(1000),
							    .destination_min_window = duration_ms(1000),
							    .early = true,
							    .fair = true } };
	err = policy_file_load(scratch_path("policy"), &file, &problem);
	return err ? err : policy_file_check(&file, &mesh, &problem);
}

static void everything_is_read(void **state)
{
	const struct policy_document *d = &file.document;

	(void)state;
	if (load("pair_rate = 200;\n"
		 "idle_reset_ms = 20000;\n"
		 "pair_action = \"police\"; aggregate = \"strict\"; mode = \"monitor\"; early = false;\n"
		 "rules = ( { client = \"10.0.0.0/8\"; pair_rate = 50; },\n"
		 "          { destination = \"2001:db8::/32\"; destination_rate = 7; destination_min_window_ms = 500; "
		 "} );\n"
		 "never_drop = [\"10.1.2.3\"];\n"
		 "block = ( { client = \"10.9.0.0/16\"; until = \"2026-12-01T00:00:00Z\"; }, { destination = "
		 "\"192.0.2.9\"; } );\n"
		 "protected = [\"192.0.2.0/24\"];\n"
		 "protected_only = true;\n"))
		fail_msg("%s", problem.text);
	assert_int_equal(d->defaults.pair_rate, 200);
	assert_int_equal(d->defaults.destination_rate, 1000);
	assert_true(d->defaults.idle_reset.ns == 20 * NS_PER_S);
	assert_true(d->defaults.police && !d->defaults.fair && d->defaults.monitor && !d->defaults.early &&
		    d->protected_only);
	assert_int_equal(d->rules_count, 6);
	assert_int_equal(d->rules[0].kind, POLICY_OVERRIDE);
	assert_int_equal(d->rules[0].fields, POLICY_PAIR_RATE);
	assert_int_equal(d->rules[0].prefix.bits, 104);
	assert_int_equal(d->rules[1].fields, POLICY_DESTINATION_RATE | POLICY_DESTINATION_MIN_WINDOW);
	assert_int_equal(d->rules[1].destination_min_window_ms, 500);
	assert_int_equal(d->rules[1].side, POLICY_DESTINATION);
	assert_int_equal(d->rules[2].kind, POLICY_NEVER_DROP);
	assert_int_equal(d->rules[3].kind, POLICY_BLOCK);
	assert_true(d->rules[3].until_s == 1796083200);
	assert_int_equal(d->rules[4].side, POLICY_DESTINATION);
	assert_true(d->rules[4].until_s == 0);
	assert_int_equal(d->rules[5].kind, POLICY_PROTECT);
	assert_int_equal(d->rules[5].side, POLICY_DESTINATION);
	assert_int_equal(file.lines[4], 7);
}

static void what_is_wrong_is_said_at_its_line(void **state)
{
	static const struct {
		const char *text, *expected;
	} rows[] = {
		{ "rule = ();", "policy:1: rule: no such setting; did you mean rules?" },
		{ "\nzzzzzzzzz = 1;", "policy:2: zzzzzzzzz: no such setting" },
		{ "rules = 5;", "policy:1: rules: must be a list" },
		{ "rules = [\"10.0.0.0/8\"];", "policy:1: rules: must be a list" },
		{ "rules = (\n\"10.0.0.0/8\");", "policy:2: an entry names a prefix" },
		{ "rules = (\n{ pair_rate = 5; });", "policy:2: an entry names a prefix" },
		{ "rules = ( { client = \"10.0.0.0/8\"; } );", "policy:1: policy: an override must set a threshold" },
		{ "rules = (\n{ client = \"10.0.0.1/8\"; pair_rate = 5; } );", "policy:2: \"10.0.0.1/8\": " },
		{ "rules = ( { client = 10; pair_rate = 5; } );", "policy:1: a prefix is a text" },
		{ "rules = ( { clients = \"10.0.0.0/8\"; } );", "did you mean client?" },
		{ "rules = ( { qqqqqq = \"10.0.0.0/8\"; } );", "qqqqqq: no such setting" },
		{ "rules = ( { client = \"10.0.0.0/8\"; pair_rate = -1; } );", "pair_rate: must be a whole number from "
									       "0 to 100000000" },
		{ "rules = ( { client = \"10.0.0.0/8\"; pair_rate = \"5\"; } );", "pair_rate: must be a whole number" },
		{ "rules = ( { client = \"10.0.0.0/8\"; pair_rate = 5; until = \"2026-12-01T00:00:00Z\"; } );",
		  "rules do not end" },
		{ "rules = ( { client = \"10.0.0.0/8\"; destination_rate = 5; } );", "belong to destination prefixes" },
		{ "rules = ( { client = \"10.0.0.0/8\"; network_rate = 5; } );", "network_rate belongs to" },
		{ "rules = ( { destination = \"10.0.0.0/8\"; client_rate = 5; } );", "client_rate belongs to client" },
		{ "rules = (\n{ destination = \"10.0.0.0/24\"; network_rate = 5; },\n"
		  "{ destination = \"10.0.0.0/25\"; network_rate = 5; } );",
		  "policy:3: policy: network_rate: the prefix is longer than a network, a /24" },
		{ "\nrules = ( { destination = \"2001:db8:1:8000::/49\"; network_rate = 5; } );",
		  "policy:2: policy: network_rate: the prefix is longer than a network" },
		{ "\n\nrules = ( { client = \"2001:db8:1:2:8000::/65\"; client_rate = 5; } );",
		  "policy:3: policy: the prefix is longer than an IPv6 client of this mesh" },
		{ "\nrules = ( { client = \"2001:db8:1::5\"; pair_rate = 5; } );",
		  "policy:2: policy: the prefix is longer than an IPv6 client of this mesh" },
		{ "never_drop = [\"10.0.0.1\",\n\"2001:db8::/64\",\n\"2001:db8:1::5\"];",
		  "policy:3: policy: the prefix is longer than an IPv6 client of this mesh, a /64 unless client_bits" },
		{ "\n\nblock = ( { client = \"2001:db8:1::/96\"; until = \"2036-12-01T00:00:00Z\"; } );",
		  "policy:3: policy: the prefix is longer than an IPv6 client of this mesh" },
		{ "client_rate = 100000001;", "policy:1: client_rate: must be a whole number from 0 to 100000000" },
		{ "\nnetwork_rate = 4294967296;", "policy:2: network_rate: 4294967296 is out of bounds" },
		{ "client_rte = 5;", "did you mean client_rate?" },
		{ "rules = ( { destination = \"10.0.0.0/8\"; network_rat = 5; } );", "did you mean network_rate?" },
		{ "block = ( { client = \"10.0.0.0/8\"; client_rate = 5; } );", "belong into rules" },
		{ "rules = ( { client = \"10.0.0.0/8\"; pair_min_window_ms = 2001; } );", "window_max / decay^2" },
		{ "rules = ( { client = \"10.0.0.0/8\"; idle_reset_ms = 3999; } );", "at least a slot" },
		{ "rules = (\n{ client = \"10.0.0.0/8\"; pair_rate = 5; },\n{ client = \"10.0.0.0/8\"; pair_rate = 6; "
		  "} );",
		  "policy:3: policy: the prefix is listed twice" },
		{ "block = ( { client = \"10.0.0.0/8\"; pair_rate = 5; } );", "belong into rules" },
		{ "block = ( { client = \"10.0.0.0/8\"; until = \"tomorrow\"; } );", "until: is written in UTC" },
		{ "block = ( { client = \"10.0.0.0/8\"; until = \"2026-12-01T00:00:00\"; } );", "until: is written in "
												"UTC" },
		{ "block = ( { client = \"10.0.0.0/8\"; until = \"1960-12-01T00:00:00Z\"; } );", "before 1970" },
		{ "protected = ( { client = \"10.0.0.0/8\"; } );", "only destinations can be protected" },
		{ "protected_only = 1;", "protected_only: must be true or false" },
		{ "early = \"on\";", "early: must be true or false" },
		{ "mode = \"off\";", "mode: must be \"enforce\" or \"monitor\"" },
		{ "pair_action = 5;", "pair_action: must be" },
		{ "pair_min_window_ms = 2001;", "policy:1: policy: a minimum window" },
		{ "never_drop = ( );\nnever_drop = ( );", "policy:2: this setting stands here for the second time" },
		{ "pair_rate = 4294967296;\ndestination_rate = 5;", "policy:1: pair_rate: 4294967296 is out of "
								    "bounds" },
		{ "\ndestination_rate = 4294967496;", "policy:2: destination_rate: 4294967496 is out of bounds" },
		{ "rules = ( { client = \"10.0.0.0/8\";\npair_rate = 0x100000005; } );",
		  "policy:2: pair_rate: 0x100000005 is out of bounds" },
		{ "pair_rate = 99999999999999999999L;", "policy:1: pair_rate: 99999999999999999999 is out of bounds" },
		{ "pair_rate = 100000001;", "policy:1: pair_rate: must be a whole number from 0 to 100000000" },
		{ "pair_rate = -1L;", "policy:1: pair_rate: must be a whole number from 0 to 100000000" },
		{ "pair_rate = 5.0;", "policy:1: pair_rate: must be a whole number" },
		{ "rules = ( ;", "policy:1: syntax error" },
	};

	(void)state;
	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		problem.text[0] = '\0';
		if (!load(rows[i].text))
			fail_msg("row %u: taken", i);
		assert_says(i, problem.text, rows[i].expected);
	}
}

static void what_is_wrong_with_a_profile_is_said_at_its_line(void **state)
{
	static const struct {
		const char *text, *expected;
	} rows[] = {
		{ "\nblock = ( { client = \"10.0.0.0/8\"; destination = \"10.0.0.0/8\"; } );",
		  "policy:2: destination: a list entry names one prefix" },
		{ "\nrules = ( { client = \"10.0.0.0/8\"; destination = \"2001:db8::/32\"; } );",
		  "policy:2: policy: one prefix is IPv4, the other IPv6" },
		{ "rules = ( { client = \"10.0.0.0/8\"; destination = \"10.0.0.0/8\"; client_rate = 1; } );",
		  "a rule of a client and a destination sets pair_rate" },
		{ "rules = (\n{ client = \"10.0.0.0/8\"; destination = \"10.0.0.0/8\"; },\n"
		  "{ client = \"10.0.0.0/8\"; destination = \"10.0.0.0/8\"; pair_rate = 5; } );",
		  "policy:3: policy: the prefix is listed twice" },
		{ "rules = ( { destination = \"10.0.0.0/8\"; outside_rate = 1; } );", "belong to client prefixes" },
		{ "rules = ( { destination = \"10.0.0.0/8\"; outside = \"block\"; } );", "belong to client prefixes" },
		{ "rules = ( { client = \"10.0.0.0/8\"; outside = \"drop\"; } );", "outside: must be \"block\"" },
		{ "rules = ( { client = \"10.0.0.0/8\"; outside = 0; } );", "outside: must be \"block\"" },
		{ "rules = ( { client = \"10.0.0.0/8\"; outside_rate = \"no\"; } );", "outside_rate: must be a whole" },
		{ "rules = ( { client = \"10.0.0.0/8\"; outside = \"block\"; outside_rate = 5; } );",
		  "a rule sets outside_rate or outside" },
		{ "\noutside_rate = 5;", "policy:2: outside_rate: belongs into a rule of clients" },
		{ "block = ( { client = \"10.0.0.0/8\"; outside = \"block\"; } );", "outside: no such setting" },
	};

	(void)state;
	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		problem.text[0] = '\0';
		if (!load(rows[i].text))
			fail_msg("row %u: taken", i);
		assert_says(i, problem.text, rows[i].expected);
	}
}

static void a_profile_is_read(void **state)
{
	const struct policy_rule *rules = file.document.rules;

	(void)state;
	if (load("rules = ( { client = \"10.1.0.0/16\"; outside = \"block\"; },\n"
		 "          { destination = \"192.0.2.0/24\"; client = \"10.1.0.7\"; pair_rate = 20; },\n"
		 "          { client = \"10.2.0.0/16\"; outside_rate = 3; client_rate = 9; } );\n"))
		fail_msg("%s", problem.text);
	assert_int_equal(rules[0].side, POLICY_CLIENT);
	assert_int_equal(rules[0].fields, POLICY_OUTSIDE_BLOCK);
	assert_int_equal(rules[1].side, POLICY_BOTH);
	assert_int_equal(rules[1].prefix.bits, 128);
	assert_int_equal(rules[1].destination.bits, 96 + 24);
	assert_int_equal(rules[1].pair_rate, 20);
	assert_int_equal(rules[2].fields, POLICY_OUTSIDE_RATE | POLICY_CLIENT_RATE);
	assert_int_equal(rules[2].outside_rate, 3);
}

static void too_many_entries_are_refused(void **state)
{
	static char text[POLICY_RULES_MAX * 32 + 100];
	size_t used = (size_t)sprintf(text, "block = [");

	(void)state;
	for (unsigned int i = 0; i <= POLICY_RULES_MAX; i++)
		used += (size_t)sprintf(text + used, "%s\"10.0.%u.%u\"", i ? "," : "", i / 256, i % 256);
	sprintf(text + used, "];");
	assert_int_equal(load(text), -EINVAL);
	assert_says(0, problem.text, "at most 1024");
}

static int load_config(const char *more)
{
	char text[4096];

	snprintf(text, sizeof(text),
		 "name = \"a\"; key_file = \"k\"; certificate_file = \"c\"; mesh_secret_file = \"s\"; interfaces = "
		 "[];\n"
		 "mesh = { pair_rate = 100; destination_rate = 1000; };\n%s\n",
		 more);
	scratch_write("a.conf", text, strlen(text), 0644);
	return config_load(scratch_path("a.conf"), &config, &problem);
}

static void the_config_holds_a_policy_or_names_one(void **state)
{
	const char *rules = "rules = ( { client = \"10.0.0.0/8\"; pair_rate = 50; } );\n";
	char text[256];

	(void)state;
	assert_int_equal(load_config(""), 0);
	assert_int_equal(config.policy.document.rules_count, 0);
	assert_int_equal(config.policy.document.defaults.pair_rate, 100);
	snprintf(text, sizeof(text), "policy = { %s pair_rate = 70; };", rules);
	assert_int_equal(load_config(text), 0);
	assert_int_equal(config.policy.document.rules_count, 1);
	assert_int_equal(config.policy.document.defaults.pair_rate, 70);
	assert_int_equal(config.policy.document.defaults.destination_rate, 1000);
	scratch_write("rules", rules, strlen(rules), 0644);
	assert_int_equal(load_config("policy_file = \"rules\";"), 0);
	assert_int_equal(config.policy.document.rules_count, 1);
	assert_string_equal(config.policy.path, scratch_path("rules"));
	assert_int_equal(load_config("policy_file = \"nothing\";"), -ENOENT);
	assert_says(0, problem.text, "nothing: No such file");
	assert_int_equal(load_config("policy = { };\npolicy_file = \"rules\";"), -EINVAL);
	assert_says(1, problem.text, "a.conf:4: policy_file: there is a policy = { ... } in this file too");
	assert_int_equal(load_config("policy = 5;"), -EINVAL);
	assert_says(2, problem.text, "policy: must be a group");
	assert_int_equal(load_config("\npolicy = {\n rules = ( { client = \"10.0.0.0/33\"; pair_rate = 1; } ); };"),
			 -EINVAL);
	assert_says(3, problem.text, "a.conf:5: \"10.0.0.0/33\"");
	assert_int_equal(load_config("limits = { client_pairs = -1; };"), -EINVAL);
	assert_says(4, problem.text, "client_pairs: -1 is out of bounds");
}

static char warned[4][300];
static unsigned int warnings;

static void warn(const char *text)
{
	assert_true(warnings < 4);
	snprintf(warned[warnings++], sizeof(warned[0]), "%s", text);
}

static void rates_of_clients_and_networks_are_read_and_said_to_drop_nothing(void **state)
{
	const struct policy_document *d = &file.document;

	(void)state;
	warnings = 0;
	assert_int_equal(load("pair_rate = 1;\ndestination_rate = 1;\nclient_rate = 360;\n\nnetwork_rate = 8000;\n"
			      "rules = ( { client = \"10.1.2.3\"; client_rate = 0; },\n"
			      "{ client = \"2001:db8:1:2::/64\"; client_rate = 70; },\n"
			      "{ destination = \"198.51.100.0/24\"; network_rate = 900; destination_rate = 5; } );\n"),
			 0);
	assert_int_equal(d->defaults.client_rate, 360);
	assert_int_equal(d->defaults.network_rate, 8000);
	assert_int_equal(d->rules[0].fields, POLICY_CLIENT_RATE);
	assert_int_equal(d->rules[0].client_rate, 0);
	assert_int_equal(d->rules[1].client_rate, 70);
	assert_int_equal(d->rules[2].fields, POLICY_NETWORK_RATE | POLICY_DESTINATION_RATE);
	assert_int_equal(d->rules[2].network_rate, 900);
	policy_file_warn(&file, warn);
	assert_int_equal(warnings, 0);
	assert_int_equal(load_config(""), 0); /* neither need be set, and 0 of these is nothing to warn of */
	assert_int_equal(config.policy.document.defaults.client_rate, 0);
	policy_file_warn(&config.policy, warn);
	assert_int_equal(warnings, 0);
}

static void a_rate_of_0_is_warned_of_at_its_line(void **state)
{
	(void)state;
	warnings = 0;
	assert_int_equal(load("pair_rate = 1;\ndestination_rate = 1;\nrules = ( { client = \"10.0.0.0/8\"; "
			      "idle_reset_ms = 5000; } );\n"),
			 0);
	policy_file_warn(&file, warn);
	assert_int_equal(warnings, 0);
	assert_int_equal(load("pair_rate = 0;\ndestination_rate = 00;\nrules = ( { client = \"10.0.0.0/8\"; pair_rate "
			      "= 5; },\n"
			      "{ client = \"11.0.0.0/8\"; pair_rate = 0; }, { destination = \"12.0.0.0/8\"; "
			      "destination_rate = 0x0; } );\n"),
			 0);
	policy_file_warn(&file, warn);
	assert_int_equal(warnings, 3);
	assert_says(0, warned[0], "policy:1: pair_rate: 0 is no limit");
	assert_says(1, warned[1], "policy:2: destination_rate: 0 is no limit");
	assert_says(2, warned[2], "policy:4: a rate of this rule is 0: no limit; so is one of other rules below");
	warnings = 0;
	assert_int_equal(load_config("policy = {\ndestination_rate = 0; };"), 0);
	policy_file_warn(&config.policy, warn);
	assert_int_equal(warnings, 1);
	assert_says(3, warned[0], "a.conf:4: destination_rate: 0 is no limit");
	config.policy.document.defaults.pair_rate = 0;
	policy_file_warn(&config.policy, warn);
	assert_says(4, warned[1], "a.conf:2: pair_rate: 0 is no limit");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everything_is_read),
		cmocka_unit_test(what_is_wrong_is_said_at_its_line),
		cmocka_unit_test(what_is_wrong_with_a_profile_is_said_at_its_line),
		cmocka_unit_test(a_profile_is_read),
		cmocka_unit_test(too_many_entries_are_refused),
		cmocka_unit_test(the_config_holds_a_policy_or_names_one),
		cmocka_unit_test(rates_of_clients_and_networks_are_read_and_said_to_drop_nothing),
		cmocka_unit_test(a_rate_of_0_is_warned_of_at_its_line),
	};

	return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
