// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The config file: what is wrong with it is said at its line, with what to write instead. Each row changes one line
 * of a good file.
 */
#define _GNU_SOURCE /* nftw */
#include "scratch.h"

#include "config.h"

static const char *const good[] = {
	/*  1 */ "name = \"a\";",
	/*  2 */ "key_file = \"node.key\";",
	/*  3 */ "certificate_file = \"node.cert\";",
	/*  4 */ "mesh_secret_file = \"/etc/xpro/mesh.secret\";",
	/*  5 */ "interfaces = [\"eth0\", \"eth1\"];",
	/*  6 */ "mode = \"native\";",
	/*  7 */ "listen = [\"0.0.0.0:7946\", \"[::]:7946\"];",
	/*  8 */ "peers = [\"10.0.0.2:7946\", \"[2001:db8::2]:7946\"];",
	/*  9 */ "control_socket = \"/run/xpro/a.sock\";",
	/* 10 */ "gossip = true;",
	/* 11 */ "log_level = \"info\";",
	/* 12 */ "mesh = {",
	/* 13 */ "	pair_rate = 100;",
	/* 14 */ "	destination_rate = 1000;",
	/* 15 */ "	pair_min_window_ms = 1000;",
	/* 16 */ "	idle_reset_ms = 10000;",
	/* 17 */ "	early = true;",
	/* 18 */ "};",
	/* 19 */ "limits = {",
	/* 20 */ "	keys = 1000;",
	/* 21 */ "	cells = 4000;",
	/* 22 */ "};",
};

#define LINES (sizeof(good) / sizeof(good[0]))

/* Writes the good file with one line replaced; line 0: none. */
static void write_file(unsigned int line, const char *text)
{
	char file[16384] = "";

	for (unsigned int i = 0; i < LINES; i++) {
		strcat(file, i + 1 == line ? text : good[i]);
		strcat(file, "\n");
	}
	scratch_write("a.conf", file, strlen(file), 0644);
}

static struct config config;
static struct problem problem;

static void a_good_file_is_read_whole(void **state)
{
	char text[TEXT_ENDPOINT_BYTES];

	(void)state;
	write_file(0, "");
	if (config_load(scratch_path("a.conf"), &config, &problem))
		fail_msg("%s", problem.text);
	assert_string_equal(config.name, "a");
	assert_string_equal(config.key_file, scratch_path("node.key"));
	assert_string_equal(config.mesh_secret_file, "/etc/xpro/mesh.secret");
	assert_string_equal(config.state_directory, "/var/lib/xpro/a");
	assert_string_equal(config.pin_path, "/sys/fs/bpf/xpro/a");
	assert_int_equal(config.interface_count, 2);
	assert_string_equal(config.interfaces[1], "eth1");
	assert_int_equal(config.listen_count, 2);
	assert_int_equal(config.peer_count, 2);
	text_of_endpoint(&config.peers[1].endpoint, text);
	assert_string_equal(text, "[2001:db8::2]:7946");
	assert_int_equal(config.peers[1].line, 8);
	assert_true(config.gossip && config.early && !config.strict && !config.police && !config.monitor &&
		    !config.generic);
	assert_int_equal(config.pair_rate, 100);
	assert_int_equal(config.keys, 1000);
	assert_int_equal(config.frames, 8192); /* a default */
	assert_int_equal(config.line[CONFIG_PAIR_RATE], 13);
}

static void what_is_published_is_what_is_needed_unless_all_is_said(void **state)
{
	static const struct {
		const char *text;
		uint32_t all;
	} rows[] = {
		/* 0 */ { "gossip = true;", 0 },
		/* 1 */ { "publish = \"need\";", 0 },
		/* 2 */ { "publish = \"all\";", 1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		write_file(10, rows[i].text);
		if (config_load(scratch_path("a.conf"), &config, &problem))
			fail_msg("row %zu: %s", i, problem.text);
		assert_int_equal(config.publish_all, rows[i].all);
	}
	write_file(10, "publish = \"some\";");
	assert_int_not_equal(config_load(scratch_path("a.conf"), &config, &problem), 0);
	assert_non_null(strstr(problem.text, ":10: publish: must be one of \"need\", \"all\""));
}

static char long_name[700] = "name = \"";

static const struct {
	unsigned int line;
	const char *text, *expected;
} mistakes[] = {
	/*  0 */ { 1, "nmae = \"a\";", ":1: nmae: no such setting; did you mean name?" },
	/*  1 */ { 1, "", ":1: name: is missing" },
	/*  2 */ { 1, "name = \"A b\";", ":1: name: only a-z, 0-9 and -" },
	/*  3 */ { 1, "name = 7;", ":1: name: must be a text in quotes" },
	/*  4 */ { 1, "name = \"\";", ":1: name: must not be empty" },
	/*  5 */ { 1, "name = \"a123456789-123456789-123456789-12\";", ":1: name: has 33 characters; at most 32 fit" },
	/*  6 */ { 1, long_name, ":1: name: has 600 characters; at most 32 fit" },
	/*  7 */ { 1, "name = a;", ":1: syntax error; texts stand in double quotes" },
	/*  8 */ { 1, "name = \"a\\x1b[2J\";", ":1: name: holds a control character" },
	/*  9 */ { 1, "\xef\xbb\xbfname = \"a\";", ":1: starts with a byte order mark" },
	/* 10 */ { 3, "certificate_file = \"node.cert\";\r", ":3: the line ends in CRLF" },
	/* 11 */ { 2, "key_file = \"\";", ":2: key_file: must not be empty" },
	/* 12 */ { 3, "key_file = \"node.key\";", ":3: this setting stands here for the second time" },
	/* 13 */ { 4, "", ": mesh_secret_file: is missing" },
	/* 14 */ { 5, "interfaces = \"eth0\";", ":5: interfaces: must be a list" },
	/* 15 */ { 5, "interfaces = [\"eth0\", \"eth0\"];", ":5: entry 2 of interfaces: eth0 is listed twice" },
	/* 16 */ { 5, "interfaces = [\"a-name-of-16-chr\"];", "is not an interface's name" },
	/* 17 */ { 5, "interfaces = [1];", ":5: entry 1 of interfaces: must be a text" },
	/* 18 */ { 5, "", ": interfaces: is missing" },
	/* 19 */ { 6, "mode = \"fast\";", ":6: mode: must be one of \"native\", \"generic\"" },
	/* 20 */ { 7, "listen = [];", ":7: listen: is empty; name an address, or set gossip = false" },
	/* 21 */ { 7, "listen = [\"0.0.0.0:0\"];",
		   ":7: entry 1 of listen: \"0.0.0.0:0\": the port must be a number from 1 to 65535" },
	/* 22 */ { 7, "listen = [\"0.0.0.0:7946\"];",
		   ":8: peers: [2001:db8::2]:7946 cannot be reached: listen has no IPv6 address" },
	/* 23 */ { 8, "peers = [\"10.0.0.2:65536\"];", ":8: entry 1 of peers: \"10.0.0.2:65536\": the port must be" },
	/* 24 */ { 8, "peers = [\"10.0.0.2\"];", "the port is missing; write 192.0.2.1:7946" },
	/* 25 */ { 8, "peers = [\"2001:db8::2:7946\"];", "an IPv6 address with a port is written [2001:db8::1]:7946" },
	/* 26 */ { 8, "peers = [\"-proxy.example:7946\"];",
		   "not a literal IPv4 or IPv6 address, nor a name and a port" },
	/* 27 */ { 8, "peers = [\"proxy.example\"];", "the port is missing" },
	/* 28 */ { 8, "peers = [\"proxy.example:0\"];", "nor a name and a port" },
	/* 29 */ { 8, "peers = [\"proxy..example:7946\"];", "nor a name and a port" },
	/* 30 */ { 8, "peers = [\"proxy.example:7946\",\n\"Proxy.example:7946\"];",
		   ":9: entry 2 of peers: Proxy.example:7946 is listed twice" },
	/* 31 */ { 7, "listen = [\"localhost:7946\"];", "not a literal IPv4 or IPv6 address" },
	/* 32 */ { 8, "peers = [\"10.0.0.256:7946\"];", "not a literal IPv4 or IPv6 address" },
	/* 33 */ { 8, "peers = [\"10.0.0.2:7946\",\n\"10.0.0.2:7946\"];",
		   ":9: entry 2 of peers: 10.0.0.2:7946 is listed twice" },
	/* 34 */ { 8, "peers = [\"10.0.0.2:7946\",\n\"[::ffff:10.0.0.2]:7946\"];",
		   ":9: entry 2 of peers: [::ffff:10.0.0.2]:7946 is listed" },
	/* 35 */ { 8, "peers = [\"0.0.0.0:7946\"];", ":8: peers: 0.0.0.0:7946 names no single host" },
	/* 36 */ { 8, "peers = [\"224.0.0.1:7946\"];", ":8: peers: 224.0.0.1:7946 names no single host" },
	/* 37 */ { 8, "peers = [\"10.0.0.2:+7\"];", "the port must be a number" },
	/* 38 */ { 8, "peers = [\"\\x1b[2J:7946\"];", "\"\\x1b[2J:7946\"" },
	/* 39 */ { 10, "gossip = \"on\";", ":10: gossip: must be true or false" },
	/* 40 */ { 10, "gossip = on;", ":10: syntax error; switches are written true or false" },
	/* 41 */ { 10, "gossip = 1;", ":10: gossip: must be true or false" },
	/* 42 */ { 11, "log_level = \"loud\";", ":11: log_level: must be one of \"error\"" },
	/* 43 */ { 11, "control_group = \"no-such-group-here\";",
		   ":11: control_group: there is no group of this name" },
	/* 44 */ { 11, "control_admin_group = \"no-such-group-here\";",
		   ":11: control_admin_group: there is no group of this name" },
	/* 45 */ { 11, "pair_rate = 100;", ":11: pair_rate: belongs inside mesh" },
	/* 46 */ { 12, "mesh = 1; other = {", ":12: mesh: must be a group" },
	/* 47 */ { 13, "	pair_rate = -1;", ":13: pair_rate: -1 is out of bounds; write 0 to 100000000" },
	/* 48 */ { 13, "	pair_rate = 100000001;", ":13: pair_rate: 100000001 is out of bounds" },
	/* 49 */ { 13, "	pair_rate = 4294967396L;", ":13: pair_rate: 4294967396" },
	/* 50 */ { 13, "	pair_rate = 2147483648;",
		   ":13: pair_rate: 2147483648 is out of bounds; no number may be above 2147483647" },
	/* 51 */ { 13, "	pair_rate = 4294967296;", ":13: pair_rate: 4294967296 is out of bounds" },
	/* 52 */ { 13, "	pair_rate = 4294967496;", ":13: pair_rate: 4294967496 is out of bounds" },
	/* 53 */ { 13, "	pair_rate = +4294967496 ;", ":13: pair_rate: +4294967496 is out of bounds" },
	/* 54 */ { 13, "	pair_rate = -4294967096;",
		   ":13: pair_rate: -4294967096 is out of bounds; no number may be below -2147483648" },
	/* 55 */ { 13, "	pair_rate = -2147483648;", ":13: pair_rate: -2147483648 is out of bounds; write 0 to" },
	/* 56 */ { 13, "	pair_rate = 2147483647;", ":13: pair_rate: 2147483647 is out of bounds; write 0 to" },
	/* 57 */ { 13, "	pair_rate = 0x1000000C8;", ":13: pair_rate: 0x1000000C8 is out of bounds" },
	/* 58 */ { 13, "	pair_rate = 0x1000000c8L;", ":13: pair_rate: 0x1000000c8 is out of bounds" },
	/* 59 */ { 13, "	pair_rate = 99999999999999999999;",
		   ":13: pair_rate: 99999999999999999999 is out of bounds" },
	/* 60 */ { 13, "	pair_rate = 18446744073709551816L;",
		   ":13: pair_rate: 18446744073709551816 is out of bounds" },
	/* 61 */ { 13, "	pair_rate = 0x100000000000000C8;",
		   ":13: pair_rate: 0x100000000000000C8 is out of bounds" },
	/* 62 */ { 13, "	pair_rate = 00000000004294967496;",
		   ":13: pair_rate: 00000000004294967496 is out of bounds" },
	/* 63 */ { 13, "	pair_rate = 2e2;", ":13: pair_rate: must be a whole number" },
	/* 64 */ { 13, "	pair_rate = 4294967496.0;", ":13: pair_rate: must be a whole number" },
	/* 65 */ { 13, "	pair_rate\n: /* 1\n */ 4294967496;", ":15: pair_rate: 4294967496 is out of bounds" },
	/* 66 */ { 21, "	cells = 4294971296;", ":21: cells: 4294971296 is out of bounds" },
	/* 67 */ { 11, "capacity = 4294967296;", ":11: capacity: 4294967296 is out of bounds" },
	/* 68 */ { 11, "policy = { rules = ( { client = \"10.0.0.0/8\"; pair_rate = 4294967296; } ); };",
		   ":11: pair_rate: 4294967296 is out of bounds" },
	/* 69 */ { 11, "policy = { pair_rate = 4294967496; };", ":11: pair_rate: 4294967496 is out of bounds" },
	/* 70 */ { 13, "	pair_rate = 1.5;", ":13: pair_rate: must be a whole number" },
	/* 71 */ { 13, "", ": pair_rate: is missing in mesh" },
	/* 72 */ { 13, "	pair_rate = 100; pair_rat = 3;",
		   ":13: pair_rat: no such setting; did you mean pair_rate?" },
	/* 73 */ { 15, "	pair_min_window_ms = 99;", ":15: pair_min_window_ms: 99 is out of bounds" },
	/* 74 */ { 16, "	idle_reset_ms = 300001;", ":16: idle_reset_ms: 300001 is out of bounds" },
	/* 75 */ { 17, "	keys = 3;", ":17: keys: belongs inside limits" },
	/* 76 */ { 20, "	keys = 63;", ":20: keys: 63 is out of bounds; write 64 to" },
	/* 77 */ { 21, "	cells = 999;", ":21: limits: cells (999) must be at least keys (1000)" },
	/* 78 */ { 21, "	datagram_bytes = 1453;",
		   ":21: datagram_bytes: 1453 is out of bounds; write 1024 to 1452" },
	/* 79 */ { 21, "	members = 2049;", ":21: members: 2049 is out of bounds; write 1 to 2048" },
	/* 80 */ { 21, "	frames_per_tick = 300; frames = 1199;",
		   ":21: limits: frames (1199) must be at least four times" },
	/* 81 */ { 22, "", ":23: syntax error; a closing bracket or quote is missing before the end" },
};

static void what_is_wrong_is_said_at_its_line(void **state)
{
	(void)state;
	memset(long_name + strlen(long_name), 'a', 600);
	strcat(long_name, "\";");
	for (unsigned int i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
		write_file(mistakes[i].line, mistakes[i].text);
		if (config_load(scratch_path("a.conf"), &config, &problem) == 0)
			fail_msg("row %u: was taken", i);
		assert_says(i, problem.text, scratch_path("a.conf"));
		assert_says(i, problem.text, mistakes[i].expected);
	}
}

static void bounds_themselves_are_taken(void **state)
{
	static const struct {
		unsigned int line;
		const char *text;
	} rows[] = {
		/* 0 */ { 8, "peers = [\"10.0.0.2:1\"];" },
		/* 1 */ { 8, "peers = [\"10.0.0.2:65535\"];" },
		{ 8, "peers = [\"proxy1.example.:7946\", \"proxy-2:1\", \"10.0.0.2:7946\", \"_gossip.a1:65535\"];" },
		/* 2 */ { 13, "	pair_rate = 0;" },
		/* 3 */ { 13, "	pair_rate = 100000000;" },
		{ 13, "	pair_rate = 100000000L;" },
		{ 13, "	pair_rate = 0x5F5E100;" },
		{ 13, "	pair_rate = 0200; # 4294967296 and \"\" 4294967297" },
		{ 13, "	pair_rate = 200; // 4294967296" },
		{ 13, "	/* 4294967296\n 4294967297 */ pair_rate = 200;" },
		{ 11, "trace_file = \"a\\\"4294967296 # 4294967297\";" },
		{ 1, "name = \"4294967296\";" },
		/* 4 */ { 15, "	pair_min_window_ms = 100;" },
		/* 5 */ { 16, "	idle_reset_ms = 300000;" },
		/* 6 */ { 21, "	cells = 1000;" },
		/* 7 */ { 5, "interfaces = [];" },
		/* 8 */ { 1, "name = \"a123456789-123456789-123456789-1\";" },
		/* 9 */ { 10, "gossip = TRUE;" },
	};

	(void)state;
	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		write_file(rows[i].line, rows[i].text);
		if (config_load(scratch_path("a.conf"), &config, &problem))
			fail_msg("row %u: %s", i, problem.text);
	}
}

static void numbers_of_included_files_are_looked_at(void **state)
{
	const char *more = "# one\n\nkeys = 4294968296;\n";
	char text[512], included[256];

	(void)state;
	scratch_write("more", more, strlen(more), 0644);
	snprintf(included, sizeof(included), "%s", scratch_path("more"));
	snprintf(text, sizeof(text), "@include \"%s\"", included);
	write_file(20, text);
	assert_int_equal(config_load(scratch_path("a.conf"), &config, &problem), -EINVAL);
	snprintf(text, sizeof(text), "%s:3: keys: 4294968296 is out of bounds", included);
	assert_says(0, problem.text, text);
}

static void a_file_that_cannot_be_read_is_named(void **state)
{
	(void)state;
	assert_int_equal(config_load(scratch_path("none.conf"), &config, &problem), -ENOENT);
	assert_says(0, problem.text, "none.conf: No such file");
	assert_int_equal(config_load(scratch, &config, &problem), -EINVAL);
	assert_says(1, problem.text, "is not a file");
	scratch_write("zero.conf", "name\0= 1;\n", 10, 0644);
	assert_int_equal(config_load(scratch_path("zero.conf"), &config, &problem), -EINVAL);
	assert_says(2, problem.text, ":1: holds a zero byte");
}

static void the_certificate_sets_limits_of_its_own(void **state)
{
	static const struct {
		unsigned int line;
		const char *text, *expected; /* NULL: is taken */
	} rows[] = {
		/* 0 */ { 0, "", NULL },
		/* 1 */ { 1, "name = \"b\";", ":1: name: is b, but the certificate was issued to a" },
		/* 2 */ { 15, "	pair_min_window_ms = 2000;", NULL },
		/* 3 */ { 15, "	pair_min_window_ms = 2001;", ":15: pair_min_window_ms: 2001 is above 2000" },
		/* 4 */ { 15, "	destination_min_window_ms = 2001;",
			":15: destination_min_window_ms: 2001 is above 2000" },
		/* 5 */ { 16, "	idle_reset_ms = 4000;", NULL },
		/* 6 */ { 16, "	idle_reset_ms = 3999;",
			":16: idle_reset_ms: 3999 is below the mesh's slot of 4000 ms" },
		/* 7 */ { 8, "peers = [\"10.0.0.1:7946\"];", ":8: peers: 10.0.0.1:7946 is this node itself" },
		/* 8 */ { 8, "peers = [\"10.0.0.1:7947\"];", NULL },
	};
	const struct mesh mesh = {
		.tick_ms = 200, .window_max_ms = 8000, .decay = 2, .widths = WIDTHS_DEFAULT
	};
	struct certificate certificate = { .name = "a", .endpoints = 1 };

	(void)state;
	certificate.endpoint[0].address = address_of_ipv4((const uint8_t[4]){ 10, 0, 0, 1 });
	certificate.endpoint[0].port = 7946;
	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int err;

		write_file(rows[i].line, rows[i].text);
		assert_int_equal(config_load(scratch_path("a.conf"), &config, &problem), 0);
		err = config_check(&config, &mesh, &certificate, &problem);
		assert_int_equal(!err, !rows[i].expected);
		if (rows[i].expected)
			assert_says(i, problem.text, rows[i].expected);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_good_file_is_read_whole),
		cmocka_unit_test(what_is_published_is_what_is_needed_unless_all_is_said),
		cmocka_unit_test(what_is_wrong_is_said_at_its_line),
		cmocka_unit_test(bounds_themselves_are_taken),
		cmocka_unit_test(numbers_of_included_files_are_looked_at),
		cmocka_unit_test(a_file_that_cannot_be_read_is_named),
		cmocka_unit_test(the_certificate_sets_limits_of_its_own),
	};

	return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
