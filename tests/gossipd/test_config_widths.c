// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Widths in the configuration: what is wrong with them is said at its line; and so is that they are not those of the
 * certificate.
 */
#define _GNU_SOURCE /* nftw */
#include "scratch.h"

#include <errno.h>
#include <sodium.h>

#include "identity.h"
#include "keys.h"

static struct config config;
static struct problem problem;

/* A configuration whose line 3 is within mesh = { ... }. */
static int load(const char *more)
{
	char text[4096];

	snprintf(text, sizeof(text),
		 "name = \"a\"; key_file = \"node.key\"; certificate_file = \"node.cert\"; interfaces = [];\n"
		 "mesh_secret_file = \"mesh.secret\"; gossip = false; mesh = { pair_rate = 100; destination_rate = 9;\n"
		 "%s\n};\n",
		 more);
	scratch_write("a.conf", text, strlen(text), 0644);
	return config_load(scratch_path("a.conf"), &config, &problem);
}

static void what_is_wrong_is_said_at_its_line(void **state)
{
	static const struct {
		const char *text, *expected; /* NULL: nothing is */
	} rows[] = {
		/*  0 */ { "client_bits = 48;", NULL },
		/*  1 */ { "client_bits = 64;", NULL },
		/*  2 */ { "client_bits = 47;", "a.conf:3: client_bits: 47 is out of bounds; write 48 to 64" },
		/*  3 */ { "client_bits = 65;", "a.conf:3: client_bits: 65 is out of bounds" },
		/*  4 */ { "client_bits = \"64\";", "a.conf:3: client_bits: must be a whole number" },
		/*  5 */ { "client_hosts = [];", NULL },
		/*  6 */ { "client_hosts = [\"2001:db8::/48\", \"fd00::/8\"];", NULL },
		/*  7 */ { "client_hosts = [\"::/0\"];", NULL },
		/*  8 */ { "client_hosts = \"2001:db8::/48\";", "a.conf:3: client_hosts: must be a list" },
		/*  9 */ { "client_hosts = [1];", "a.conf:3: entry 1 of client_hosts: must be a text" },
		/* 10 */ { "client_hosts = [\"2001:db8::/48\",\n\"2001:db8::/129\"];",
			   "a.conf:4: entry 2 of client_hosts: \"2001:db8::/129\": write an address like" },
		/* 11 */ { "client_hosts = [\"2001:db8::1/48\"];", "the address has bits set behind the prefix" },
		/* 12 */ { "client_hosts = [\"1::\", \"2::\", \"3::\", \"4::\", \"5::\", \"6::\", \"7::\", \"8::\", "
			   "\"9::\"];",
			   "a.conf:3: client_hosts: has 9 entries; at most 8 are possible" },
		/* 13 */ { "\nclient_hosts = [\"10.0.0.0/8\"];", "a.conf:4: client_hosts: has an IPv4 prefix" },
		/* 14 */ { "client_hosts = [\"2001:db8::/32\", \"2001:db8:1::/48\"];",
			   "a.conf:3: client_hosts: one prefix lies within another" },
		/* 15 */ { "client_hosts = [\"2001:db8::/80\"];", "list all of that client" },
		/* 16: the width may come later */
		{ "client_hosts = [\"2001:db8:0:100::/64\"]; client_bits = 56;", "list all of that client" },
		/* 17 */ { "client_host = [];", "did you mean client_hosts?" },
	};

	(void)state;
	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const int err = load(rows[i].text);

		if (!err != !rows[i].expected)
			fail_msg("row %u: %d, %s", i, err, err ? problem.text : "taken");
		if (rows[i].expected)
			assert_says(i, problem.text, rows[i].expected);
	}
	assert_int_equal(load("client_hosts = [\"fd00::/8\", \"2001:db8::/48\"]; client_bits = 60;"), 0);
	assert_int_equal(config.widths.client_bits, 60);
	assert_int_equal(config.widths.hosts_count, 2);
	assert_int_equal(config.widths.hosts[0].bits, 48); /* in order */
}

/* Of a node whose certificate is of these widths. */
static void issue(const struct widths *widths)
{
	struct mesh mesh = { .tick_ms = 200, .window_max_ms = 8000, .decay = 2, .widths = *widths };
	struct certificate certificate = { .name = "a", .serial = 1 };
	uint8_t seed[crypto_sign_SEEDBYTES] = { 1 }, authority[SECRET_KEY_BYTES], own[SECRET_KEY_BYTES],
		bytes[CERTIFICATE_BYTES_MAX], secret[MESH_SECRET_BYTES] = { 3 };
	size_t size = 0;

	crypto_sign_seed_keypair(mesh.authority, authority, seed);
	mesh_id_of(mesh.authority, mesh.id);
	seed[0] = 2;
	crypto_sign_seed_keypair(certificate.public_key, own, seed);
	assert_int_equal(certificate_issue(&certificate, &mesh, authority, bytes, &size), 0);
	assert_int_equal(keys_write(scratch_path("node.key"), KEYS_SECRET, seed, sizeof(seed), true, &problem), 0);
	assert_int_equal(keys_write(scratch_path("node.cert"), KEYS_PUBLIC, bytes, size, true, &problem), 0);
	assert_int_equal(keys_write(scratch_path("mesh.secret"), KEYS_SECRET, secret, sizeof(secret), true, &problem),
			 0);
}

static void they_must_be_the_certificates(void **state)
{
	struct widths widths = { .client_bits = 56 };
	const struct prefix prefix = { { { 0xfd } }, 8 };
	struct identity identity;

	(void)state;
	assert_int_equal(widths_add_hosts(&widths, &prefix), 0);
	issue(&widths);
	assert_int_equal(load("client_bits = 56; client_hosts = [\"fd00::/8\"];"), 0);
	if (identity_read(&config, &identity, &problem))
		fail_msg("%s", problem.text);
	assert_memory_equal(&identity.mesh.widths, &widths, sizeof(widths));
	assert_int_equal(load("client_bits = 56;\nclient_hosts = [];"), 0);
	assert_int_equal(identity_read(&config, &identity, &problem), -EINVAL);
	assert_says(0, problem.text, "a.conf:4: mesh: client_bits and client_hosts are not those of the certificate");
	assert_int_equal(load("client_bits = 56;"), 0);
	assert_int_equal(identity_read(&config, &identity, &problem), -EINVAL);
	assert_says(1, problem.text, "a.conf:3: mesh: client_bits and client_hosts");
	assert_int_equal(load(""), 0);
	assert_int_equal(identity_read(&config, &identity, &problem), -EINVAL);
	assert_says(2, problem.text, "a.conf:2: mesh: client_bits and client_hosts");
}

/* What a configuration without these settings says. */
static void the_defaults_need_not_be_written(void **state)
{
	const struct widths widths = WIDTHS_DEFAULT;
	struct identity identity;

	(void)state;
	issue(&widths);
	assert_int_equal(load(""), 0);
	assert_int_equal(identity_read(&config, &identity, &problem), 0);
	assert_int_equal(identity.mesh.widths.client_bits, 64);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_wrong_is_said_at_its_line),
		cmocka_unit_test(they_must_be_the_certificates),
		cmocka_unit_test(the_defaults_need_not_be_written),
	};

	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
