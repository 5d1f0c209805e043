/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Widths: their bounds, the client of an address on each side of every edge, rules, and a digest of one meaning. */
#include <arpa/inet.h>
#include <errno.h>

#include "policy.h"
#include "widths.h"
#include "vector.h"

static struct address address(const char *text)
{
	struct address a = { { 0 } };

	if (strchr(text, ':'))
		assert_int_equal(inet_pton(AF_INET6, text, a.bytes), 1);
	else
		a = address_of_ipv4((const uint8_t[4]){ 10, 0, 0, 1 });
	return a;
}

/* "2001:db8::" and 32 */
struct listed {
	const char *text;
	uint8_t bits;
};

static struct widths widths_of(uint8_t bits, const struct listed listed[], size_t count)
{
	struct widths widths = { .client_bits = bits };

	for (size_t i = 0; i < count && listed[i].text; i++) {
		const struct prefix prefix = { address(listed[i].text), listed[i].bits };

		assert_int_equal(widths_add_hosts(&widths, &prefix), 0);
	}
	return widths;
}

static void every_fault_is_named(void **state)
{
	static const struct {
		uint8_t bits;
		struct listed hosts[3];
		const char *problem; /* NULL: none */
	} rows[] = {
		/*  0 */ { 64, { { NULL, 0 } }, NULL },
		/*  1 */ { 48, { { NULL, 0 } }, NULL },
		/*  2 */ { 47, { { NULL, 0 } }, "client_bits must be 48 to 64" },
		/*  3 */ { 65, { { NULL, 0 } }, "client_bits must be 48 to 64" },
		/*  4 */ { 0, { { NULL, 0 } }, "client_bits must be 48 to 64" },
		/*  5 */ { 64, { { "::", 0 } }, NULL },
		/*  6 */ { 64, { { "2001:db8::", 32 } }, NULL },
		/*  7 */ { 64, { { "2001:db8::", 64 } }, NULL },
		/*  8 */ { 64, { { "2001:db8::", 65 } }, "stands for the rest" },
		/*  9 */ { 64, { { "2001:db8::", 128 } }, "stands for the rest" },
		/* 10 */ { 64, { { "2001:db8::1:0", 112 } }, NULL },
		/* 11 */ { 64, { { "2001:db8::1", 128 } }, NULL },
		/* 12 */ { 56, { { "2001:db8:0:1::", 64 } }, NULL },
		/* 13 */ { 56, { { "2001:db8::", 64 } }, "stands for the rest" },
		/* 14 */ { 64, { { "2001:db8::1", 127 } }, "behind its length" },
		/* 15 */ { 64, { { "::ffff:10.0.0.0", 104 } }, "IPv4" },
		/* 16 */ { 64, { { "2001:db8::", 32 }, { "2001:db8:1::", 48 } }, "within another" },
		/* 17 */ { 64, { { "2001:db8:1::", 48 }, { "2001:db8::", 32 } }, "within another" },
		/* 18 */ { 64, { { "2001:db8::", 48 }, { "2001:db8::", 48 } }, "within another" },
		/* 19 */ { 64, { { "2001:db8::", 48 }, { "2001:db8:1::", 48 }, { "2001:db8:2::", 48 } }, NULL },
	};
	struct widths full = widths_of(64, NULL, 0);

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		const struct widths widths = widths_of(rows[i].bits, rows[i].hosts, ROWS(rows[i].hosts));
		const char *problem = NULL;
		const int err = widths_check(&widths, &problem);

		if (err != (rows[i].problem ? -EINVAL : 0) || !problem != !rows[i].problem ||
		    (problem && !strstr(problem, rows[i].problem)))
			fail_msg("row %zu: %d, %s", i, err, problem ? problem : "no problem");
	}
	for (uint8_t i = 0; i <= CLIENT_HOSTS_MAX; i++) {
		const struct prefix prefix = { { { 0x20, i } }, 16 };

		assert_int_equal(widths_add_hosts(&full, &prefix), i < CLIENT_HOSTS_MAX ? 0 : -ENOSPC);
	}
}

static void an_address_is_of_its_client(void **state)
{
	static const struct listed listed[] = { { "2001:db8:1::", 48 },	   { "2001:db8:2:3::", 64 },
						{ "2001:db8:2:4::1:0", 112 }, { "80::5", 128 } };
	static const struct {
		const char *text, *by_default, *by_the_list, *by_site; /* a /64; with the list; a /56 */
	} rows[] = {
		/*  0 */ { "10.0.0.1", "10.0.0.1", "10.0.0.1", "10.0.0.1" },
		/*  1 */ { "2001:db8::1", "2001:db8::", "2001:db8::", "2001:db8::" },
		/*  2 */ { "2001:db8::", "2001:db8::", "2001:db8::", "2001:db8::" },
		/*  3 */
		{ "2001:db8:0:1ff:ffff:ffff:ffff:ffff", "2001:db8:0:1ff::", "2001:db8:0:1ff::", "2001:db8:0:100::" },
		/*  4 */
		{ "2001:db8:0:ffff:ffff:ffff:ffff:fff", "2001:db8:0:ffff::", "2001:db8:0:ffff::", "2001:db8:0:ff00::" },
		/*  5 */ { "2001:db8:1::1", "2001:db8:1::", "2001:db8:1::1", "2001:db8:1::" },
		/*  6 */ { "2001:db8:1:ffff::1", "2001:db8:1:ffff::", "2001:db8:1:ffff::1", "2001:db8:1:ff00::" },
		/*  7 */ { "2001:db8:2:2:ffff::1", "2001:db8:2:2::", "2001:db8:2:2::", "2001:db8:2::" },
		/*  8 */ { "2001:db8:2:3::1", "2001:db8:2:3::", "2001:db8:2:3::1", "2001:db8:2::" },
		/*  9 */ { "2001:db8:2:4::ffff", "2001:db8:2:4::", "2001:db8:2:4::", "2001:db8:2::" },
		/* 10 */ { "2001:db8:2:4::1:0", "2001:db8:2:4::", "2001:db8:2:4::1:0", "2001:db8:2::" },
		/* 11 */ { "2001:db8:2:4::1:ffff", "2001:db8:2:4::", "2001:db8:2:4::1:ffff", "2001:db8:2::" },
		/* 12 */ { "2001:db8:2:4::2:0", "2001:db8:2:4::", "2001:db8:2:4::", "2001:db8:2::" },
		/* 13 */ { "80::5", "80::", "80::5", "80::" }, /* fe80::5 */
		/* 14 */ { "80::4", "80::", "80::", "80::" },
		/* 15 */ { "::fffe:10.0.0.1", "::fffe:0:0", "::fffe:0:0", "::fffe:0:0" },
		/* 16 */ { "::7", "::fffe:0:0", "::fffe:0:0", "::fffe:0:0" },
		/* 17 */ { "0:0:0:1::7", "0:0:0:1::", "0:0:0:1::", "::fffe:0:0" },
	};
	const struct widths widths[] = { WIDTHS_DEFAULT, widths_of(64, listed, ROWS(listed)), widths_of(56, NULL, 0) };

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		const char *expected[] = { rows[i].by_default, rows[i].by_the_list, rows[i].by_site };
		const struct address host = address(rows[i].text);

		for (size_t w = 0; w < ROWS(widths); w++) {
			const struct address client = widths_client(&widths[w], &host), want = address(expected[w]),
					     again = widths_client(&widths[w], &client);

			if (!address_equal(&client, &want) || !address_equal(&again, &client))
				fail_msg("row %zu, widths %zu", i, w);
			if (address_equal(&client, &host) != (widths_client_bits(&widths[w], &host) == 128) &&
			    !address_equal(&again, &host))
				fail_msg("row %zu, widths %zu: %u bits", i, w, widths_client_bits(&widths[w], &host));
		}
	}
}

static void a_prefix_longer_than_a_client_holds_none(void **state)
{
	static const struct listed listed[] = { { "2001:db8:1::", 48 }, { "2001:db8:2:4::1:0", 112 } };
	static const struct {
		struct listed prefix;
		bool by_default, by_the_list;
	} rows[] = {
		/*  0 */ { { "10.0.0.1", 128 }, true, true },
		/*  1 */ { { "::", 0 }, true, true },
		/*  2 */ { { "2001:db8::", 63 }, true, true },
		/*  3 */ { { "2001:db8::", 64 }, true, true },
		/*  4 */ { { "2001:db8::", 65 }, false, false },
		/*  5 */ { { "2001:db8::1", 128 }, false, false },
		/*  6 */ { { "2001:db8:1::", 65 }, false, true },
		/*  7 */ { { "2001:db8:1::1", 128 }, false, true },
		/*  8 */ { { "2001:db8:2:4::1:0", 111 }, false, false }, /* a part of it is listed */
		/*  9 */ { { "2001:db8:2:4::1:0", 112 }, false, true },
		/* 10 */ { { "2001:db8:2:4::1:7", 128 }, false, true },
		/* 11 */ { { "2001:db8:2:4::2:0", 128 }, false, false },
	};
	const struct widths widths = WIDTHS_DEFAULT, list = widths_of(64, listed, ROWS(listed));

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		const struct prefix prefix = { address(rows[i].prefix.text), rows[i].prefix.bits };

		if (widths_prefix_is_whole(&widths, &prefix) != rows[i].by_default ||
		    widths_prefix_is_whole(&list, &prefix) != rows[i].by_the_list)
			fail_msg("row %zu", i);
	}
}

static uint64_t pair_rate_of(const struct policy_document *document, const struct policy_table *table,
			     const char *client)
{
	const struct key key = { address(client), address("2001:db8::1") };

	return policy_effective_at(table, &key, policy_index_of(document, table, &key))->thresholds.pair_rate;
}

/* In a listed prefix a rule may be as long as it likes; one that holds a part of the prefix alone may not. */
static void a_rule_may_name_a_listed_address(void **state)
{
	static const struct listed one[] = { { "2001:db8::1:0:0", 104 } };
	static struct policy_table table;
	static struct policy_document document = {
		.version = 1,
		.defaults = { .pair_rate = 100,
			      .idle_reset = { 10 * NS_PER_S },
			      .pair_min_window = { NS_PER_S },
			      .destination_min_window = { NS_PER_S },
			      .early = true },
		.rules_count = 1,
	};
	const struct mesh plain = { .tick_ms = 200, .window_max_ms = 8000, .decay = 2, .widths = WIDTHS_DEFAULT };
	struct mesh listing = plain;
	const char *problem;
	uint32_t rule;

	(void)state;
	listing.widths = widths_of(64, one, 1);
	document.rules[0] = (struct policy_rule){ .prefix = { address("2001:db8::1:0:0"), 128 },
						  .side = POLICY_CLIENT,
						  .kind = POLICY_OVERRIDE,
						  .fields = POLICY_PAIR_RATE,
						  .pair_rate = 50 };
	assert_int_equal(policy_check(&document, &listing, &rule, &problem), 0);
	assert_int_equal(policy_check(&document, &plain, &rule, &problem), -EINVAL);
	assert_int_equal(policy_compile(&document, 0, &table, &rule), 0);
	assert_int_equal(pair_rate_of(&document, &table, "2001:db8::1:0:0"), 50);
	assert_int_equal(pair_rate_of(&document, &table, "2001:db8::1:0:1"), 100);
	document.rules[0].prefix.bits = 103;
	assert_int_equal(policy_check(&document, &listing, &rule, &problem), -EINVAL);
}

/* The order in which prefixes were given is no part of them; all else is. */
static void equal_widths_and_no_others_have_one_digest(void **state)
{
	static const struct listed one[] = { { "2001:db8:1::", 48 }, { "2001:db8:2::", 48 } },
				   two[] = { { "2001:db8:2::", 48 }, { "2001:db8:1::", 48 } },
				   three[] = { { "2001:db8:1::", 48 }, { "2001:db8:2::", 47 } };
	const struct widths rows[] = { widths_of(64, one, 2), widths_of(64, one, 1), widths_of(63, one, 2),
				       widths_of(64, three, 2), widths_of(64, NULL, 0) };
	const struct widths other_order = widths_of(64, two, 2);
	uint8_t digests[ROWS(rows)][WIDTHS_DIGEST_BYTES], digest[WIDTHS_DIGEST_BYTES];

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		widths_digest(&rows[i], digests[i]);
		for (size_t other = 0; other < i; other++)
			assert_memory_not_equal(digests[i], digests[other], WIDTHS_DIGEST_BYTES);
	}
	widths_digest(&other_order, digest);
	assert_memory_equal(digest, digests[0], WIDTHS_DIGEST_BYTES);
}

static int start(void **state)
{
	(void)state;
	return sodium_init() < 0 ? -1 : 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_fault_is_named),
		cmocka_unit_test(an_address_is_of_its_client),
		cmocka_unit_test(a_prefix_longer_than_a_client_holds_none),
		cmocka_unit_test(a_rule_may_name_a_listed_address),
		cmocka_unit_test(equal_widths_and_no_others_have_one_digest),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
