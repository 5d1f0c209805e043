/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Addresses and keys. An address is 16 bytes; IPv4 is written IPv4-mapped (::ffff:a.b.c.d, RFC 4291 section 2.5.5.2). A key is what
 * is counted: a pair (client, destination), or a destination alone, whose client is all zero.
 */
#ifndef XPRO_KEY_H
#define XPRO_KEY_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct address {
	uint8_t bytes[16];
};

struct key {
	struct address client;
	struct address destination;
};

static inline struct address address_of_ipv4(const uint8_t ipv4[4])
{
	return (struct address){ { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, ipv4[0], ipv4[1], ipv4[2], ipv4[3] } };
}

static inline bool address_is_ipv4(const struct address *a)
{
	static const uint8_t prefix[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

	return memcmp(a->bytes, prefix, sizeof(prefix)) == 0;
}

static inline bool address_is_zero(const struct address *a)
{
	static const struct address zero;

	return memcmp(a, &zero, sizeof(zero)) == 0;
}

static inline bool address_equal(const struct address *a, const struct address *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

static inline bool key_is_destination(const struct key *k)
{
	return address_is_zero(&k->client);
}

static inline bool key_equal(const struct key *a, const struct key *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

static inline struct key key_of_destination(const struct address *destination)
{
	return (struct key){ .destination = *destination };
}

#endif
