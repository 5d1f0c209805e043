// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Addresses, prefixes, hostile names and hints; key files, with every way they can be wrong. */
#define _GNU_SOURCE /* nftw */
#include "scratch.h"

#include "keys.h"
#include "text.h"

static void prefixes(void **state)
{
	static const struct {
		const char *text;
		int bits; /* -1: refused */
	} rows[] = {
		/*  0 */ { "192.0.2.0/24", 120 },
		/*  1 */ { "192.0.2.1", 128 },
		/*  2 */ { "0.0.0.0/0", 96 },
		/*  3 */ { "192.0.2.1/32", 128 },
		/*  4 */ { "192.0.2.0/33", -1 },
		/*  5 */ { "192.0.2.1/24", -1 }, /* host bits */
		/*  6 */ { "2001:db8::/32", 32 },
		/*  7 */ { "::/0", 0 },
		/*  8 */ { "2001:db8::/129", -1 },
		/*  9 */ { "2001:db8::1/64", -1 },
		/* 10 */ { "192.0.2.0/", -1 },
		/* 11 */ { "/24", -1 },
		/* 12 */ { "192.0.2.0/24x", -1 },
		/* 13 */ { "192.0.2.0/-1", -1 },
		/* 14 */ { "", -1 },
		/* 15 */ { "::ffff:192.0.2.0/120", 120 },
		/* 16 */ { "192.0.2.1.1", -1 },
		/* 17 */ { "::", 128 },
		/* 18 */ { "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/1", -1 },
	};

	(void)state;
	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct prefix prefix = { .bits = 7 };
		const char *why = NULL;
		int err = text_to_prefix(rows[i].text, &prefix, &why);

		if (err ? rows[i].bits >= 0 : prefix.bits != rows[i].bits)
			fail_msg("row %u: %s gave %d, bits %d", i, rows[i].text, err, prefix.bits);
		if (err)
			assert_non_null(why);
	}
}

/* Packets to and from :: count as ::fffe:0:0, and from fe80::/10 as 80::/10: who names the one means the other. */
static void what_is_nobodys_is_named_as_it_counts(void **state)
{
	static const struct {
		const char *text, *expected;
	} rows[] = {
		/* 0 */ { "::", "::fffe:0:0" },
		/* 1 */ { "::/128", "::fffe:0:0" },
		/* 2 */ { "::/127", "::" },
		/* 3 */ { "::/0", "::" },
		/* 4 */ { "::2", "::2" },
		/* 5 */ { "0.0.0.0", "0.0.0.0" },
		/* 6 */ { "::fffe:10.9.0.1", "::fffe:10.9.0.1" },
		/* 7 */ { "fe80::9", "80::9" },
		/* 8 */ { "fe80::/10", "80::" },
		/* 9 */ { "fe80::/9", "fe80::" },
		/* 10 */ { "fec0::1", "fec0::1" },
		/* 11 */ { "::fffd:0:0", "::fffe:0:0" },
		/* 12 */ { "::fffd:0:1", "::fffd:0:1" },
		/* 13 */ { "::fffd:0:0/127", "::fffd:0:0" },
	};

	(void)state;
	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct address expected, counted;
		struct prefix prefix;
		const char *why = NULL;

		assert_true(text_to_address(rows[i].expected, &expected));
		assert_int_equal(text_to_prefix(rows[i].text, &prefix, &why), 0);
		if (!address_equal(&prefix.address, &expected))
			fail_msg("row %u: %s: expected %s as a prefix", i, rows[i].text, rows[i].expected);
		if (!strchr(rows[i].text, '/'))
			assert_true(text_to_counted(rows[i].text, &counted) && address_equal(&counted, &expected));
	}
}

static void each_kind_of_key_is_written_as_what_it_is(void **state)
{
	static const struct {
		const char *client, *destination; /* NULL: of a client; of a destination, or with `network` of one */
		bool network;
		const char *text, *kind;
		unsigned int bits; /* of the client */
	} rows[] = {
		/* 0 */ { "10.1.2.3", "198.51.100.7", false, "10.1.2.3 -> 198.51.100.7", "pair", 128 },
		/* 1 */ { NULL, "198.51.100.7", false, "198.51.100.7", "destination", 128 },
		/* 2 */ { "10.1.2.3", NULL, false, "client 10.1.2.3", "client", 128 },
		/* 3 */ { "10.1.2.0", NULL, false, "client 10.1.2.0", "client", 128 },
		/* 4 */ { "2001:db8:0:1::", NULL, false, "client 2001:db8:0:1::/64", "client", 64 },
		/* 5 */ { "2001:db8:0:1::1", NULL, false, "client 2001:db8:0:1::1", "client", 128 },
		/* 6 */ { NULL, "198.51.100.0", true, "198.51.100.0/24", "network", 128 },
		/* 7 */ { NULL, "2001:db8:1::", true, "2001:db8:1::/48", "network", 128 },
		/* 8 */ { NULL, "198.51.100.0", false, "198.51.100.0", "destination", 128 },
		/* 9 */ { "2001:db8:0:1::", "2001:db8:9::1", false, "2001:db8:0:1::/64 -> 2001:db8:9::1", "pair", 64 },
		/* 10 */ { "2001:db8:0:1::1", "2001:db8:9::1", false, "2001:db8:0:1::1 -> 2001:db8:9::1", "pair", 128 },
		/* 11 */ { "2001:db8:0:ff00::", NULL, false, "client 2001:db8:0:ff00::/56", "client", 56 },
		/* 12 */ { "2001:db8:0:1::", NULL, false, "client 2001:db8:0:1::", "client", 128 }, /* listed */
		/* 13 */ { "::fffe:0:0", NULL, false, "client ::/64", "client", 64 },
	};

	(void)state;
	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct address client = { { 0 } }, destination = { { 0 } };
		char text[TEXT_KEY_BYTES];
		struct key key;

		assert_true(!rows[i].client || text_to_address(rows[i].client, &client));
		assert_true(!rows[i].destination || text_to_address(rows[i].destination, &destination));
		key = rows[i].network ? key_of_network(&destination) : (struct key){ client, destination };
		text_of_key(&key, rows[i].bits, text);
		if (strcmp(text, rows[i].text) != 0 || strcmp(text_of_kind(key_kind(&key)), rows[i].kind) != 0)
			fail_msg("row %u: %s %s", i, text_of_kind(key_kind(&key)), text);
	}
}

static void hostile_names_cannot_command_a_terminal(void **state)
{
	char text[16];

	(void)state;
	text_escape("a\x1b[2J\n\xff", text, sizeof(text));
	assert_string_equal(text, "a\\x1b[2J\\x0a"); /* \xff no longer fits whole, so none of it is there */
	text_escape("proxy-1", text, sizeof(text));
	assert_string_equal(text, "proxy-1");
}

static void the_nearest_word_is_a_near_one(void **state)
{
	static const char *const words[] = { "peers", "listen", "pair_rate", "mode" };
	static const struct {
		const char *word, *nearest;
	} rows[] = {
		/* 0 */ { "peer", "peers" }, /* 1 */ { "listne", "listen" }, /* 2 */ { "pairrate", "pair_rate" },
		/* 3 */ { "mod", "mode" },   /* 4 */ { "bananas", NULL },    /* 5 */ { "", NULL },
		/* 6 */ { "x", NULL },
	};

	(void)state;
	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *nearest = text_nearest(rows[i].word, words, 4);

		if (rows[i].nearest ? !nearest || strcmp(nearest, rows[i].nearest) != 0 : nearest != NULL)
			fail_msg("row %u: %s gave %s", i, rows[i].word, nearest ? nearest : "nothing");
	}
}

#define HEX32 "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define BASE64_32 "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="

static void key_files(void **state)
{
	static const struct {
		const char *text;
		unsigned int mode;
		const char *problem; /* NULL: is taken */
	} rows[] = {
		/*  0 */ { BASE64_32 "\n", 0600, NULL },
		/*  1 */ { BASE64_32, 0600, NULL },
		/*  2 */ { HEX32 "\n", 0400, NULL },
		/*  3 */ { BASE64_32 "\n", 0640, "others may read this secret (mode 640); run: chmod 600" },
		/*  4 */ { BASE64_32 "\n", 0604, "others may read this secret" },
		/*  5 */ { BASE64_32 "\r\n", 0600, "lines end in CRLF" },
		/*  6 */ { "", 0600, "is empty" },
		/*  7 */ { "\n", 0600, "is empty" },
		/*  8 */ { BASE64_32 "\n\n", 0600, "more than one line" },
		/*  9 */ { "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHg==\n", 0600,
			"holds 31 bytes, a key of 32 is needed" },
		/* 10 */ { HEX32 "20\n", 0600, "is not base64 or hex of at most 32 bytes" },
		/* 11 */ { "AAEC wQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n", 0600, "character 5 is neither" },
		/* 12 */ { "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\n", 0600, "is not base64 or hex" },
	};
	uint8_t bytes[32];
	struct problem problem;

	(void)state;
	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int err;

		scratch_write("key", rows[i].text, strlen(rows[i].text), rows[i].mode);
		err = keys_read_exact(scratch_path("key"), KEYS_SECRET, bytes, sizeof(bytes), &problem);
		if (!err != !rows[i].problem)
			fail_msg("row %u: gave %d: %s", i, err, err ? problem.text : "taken");
		if (err)
			assert_says(i, problem.text, rows[i].problem);
		for (unsigned int j = 0; !err && j < sizeof(bytes); j++)
			assert_int_equal(bytes[j], j);
	}
	assert_int_equal(keys_read_exact(scratch_path("none"), KEYS_SECRET, bytes, sizeof(bytes), &problem), -ENOENT);
	assert_int_equal(keys_read_exact(scratch, KEYS_SECRET, bytes, sizeof(bytes), &problem), -EINVAL);
}

static void keys_written_are_read_back(void **state)
{
	uint8_t bytes[32], again[32];
	struct problem problem;
	struct stat st;

	(void)state;
	memset(bytes, 0x5a, sizeof(bytes));
	assert_int_equal(keys_write(scratch_path("new"), KEYS_SECRET, bytes, sizeof(bytes), false, &problem), 0);
	assert_int_equal(stat(scratch_path("new"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(keys_read_exact(scratch_path("new"), KEYS_SECRET, again, sizeof(again), &problem), 0);
	assert_memory_equal(bytes, again, sizeof(bytes));
	assert_int_equal(keys_write(scratch_path("new"), KEYS_SECRET, bytes, sizeof(bytes), false, &problem), -EEXIST);
	assert_int_equal(keys_write(scratch_path("new"), KEYS_PUBLIC, bytes, sizeof(bytes), true, &problem), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_nobodys_is_named_as_it_counts),
		cmocka_unit_test(prefixes),
		cmocka_unit_test(each_kind_of_key_is_written_as_what_it_is),
		cmocka_unit_test(hostile_names_cannot_command_a_terminal),
		cmocka_unit_test(the_nearest_word_is_a_near_one),
		cmocka_unit_test(key_files),
		cmocka_unit_test(keys_written_are_read_back),
	};

	return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
