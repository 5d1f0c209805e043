/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Keys: which kind each is, by the reserved addresses and their neighbours, and the networks that addresses lie in. */
#include <arpa/inet.h>

#include <xpro/key.h>

#include "vector.h"

static struct address address(const char *text)
{
	struct address parsed;
	uint8_t ipv4[4];

	if (inet_pton(AF_INET, text, ipv4) == 1)
		return address_of_ipv4(ipv4);
	assert_int_equal(inet_pton(AF_INET6, text, parsed.bytes), 1);
	return parsed;
}

static void the_reserved_addresses_tell_the_kind(void **state)
{
	static const struct {
		const char *client, *destination;
		enum key_kind kind;
	} rows[] = {
		/* 0 */ { "10.0.0.1", "198.51.100.7", KEY_PAIR },
		/* 1 */ { "0.0.0.0", "198.51.100.7", KEY_PAIR }, /* ::ffff:0:0 is not :: */
		/* 2 */ { "::", "198.51.100.7", KEY_DESTINATION },
		/* 3 */ { "::1", "2001:db8::1", KEY_PAIR },
		/* 4 */ { "::", "2001:db8::1", KEY_DESTINATION },
		/* 5 */ { "10.0.0.1", "::", KEY_CLIENT },
		/* 6 */ { "10.0.0.1", "::1", KEY_PAIR },
		/* 7 */ { "2001:db8::", "::", KEY_CLIENT },
		/* 8 */ { "::fffd:0:0", "198.51.100.0", KEY_NETWORK },
		/* 9 */ { "::fffd:0:0", "2001:db8::", KEY_NETWORK },
		/* 10 */ { "::fffd:0:0", "::", KEY_NETWORK },
		/* 11 */ { "::fffd:0:1", "2001:db8::", KEY_PAIR },
		/* 12 */ { "::fffc:ffff:ffff", "2001:db8::", KEY_PAIR },
		/* 13 */ { "::1:fffd:0:0", "2001:db8::", KEY_PAIR },
		/* 14 */ { "::", "::", KEY_DESTINATION },
	};

	(void)state;
	for (unsigned int i = 0; i < ROWS(rows); i++) {
		const struct key key = { address(rows[i].client), address(rows[i].destination) };

		if (key_kind(&key) != rows[i].kind)
			fail_msg("row %u: expected kind %d, got %d", i, rows[i].kind, key_kind(&key));
	}
}

static void a_key_is_of_the_kind_that_it_was_made_of(void **state)
{
	const struct address host = address("198.51.100.0"), prefix = network_of(&host);
	const struct key destination = key_of_destination(&host), client = key_of_client(&host),
			 network = key_of_network(&prefix);

	(void)state;
	assert_int_equal(key_kind(&destination), KEY_DESTINATION);
	assert_int_equal(key_kind(&client), KEY_CLIENT);
	assert_int_equal(key_kind(&network), KEY_NETWORK);
	assert_true(address_equal(&prefix, &host));
	assert_false(key_equal(&destination, &network));
}

static void a_network_is_an_address_without_its_host_bits(void **state)
{
	static const struct {
		const char *host, *network;
	} rows[] = {
		/* 0 */ { "198.51.100.7", "198.51.100.0" },
		/* 1 */ { "198.51.100.255", "198.51.100.0" },
		/* 2 */ { "198.51.101.0", "198.51.101.0" },
		/* 3 */ { "0.0.0.9", "0.0.0.0" },
		/* 4 */ { "2001:db8:0:1::9", "2001:db8::" },
		/* 5 */ { "2001:db8:1:ffff:ffff:ffff:ffff:ffff", "2001:db8:1::" },
		/* 6 */ { "2001:db8:2::", "2001:db8:2::" },
	};

	(void)state;
	for (unsigned int i = 0; i < ROWS(rows); i++) {
		const struct address host = address(rows[i].host), expected = address(rows[i].network),
				     network = network_of(&host);

		if (!address_equal(&network, &expected))
			fail_msg("row %u: %s does not lie in %s", i, rows[i].host, rows[i].network);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_reserved_addresses_tell_the_kind),
		cmocka_unit_test(a_key_is_of_the_kind_that_it_was_made_of),
		cmocka_unit_test(a_network_is_an_address_without_its_host_bits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
