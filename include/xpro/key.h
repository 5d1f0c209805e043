/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Addresses and keys. An address is 16 bytes; IPv4 is written IPv4-mapped (::ffff:a.b.c.d, RFC 4291 section
 * 2.5.5.2). A key is what is counted. There are four kinds, told apart by reserved addresses:
 *
 *	kind		client			destination
 *	pair		a host			a host
 *	destination	::			a host
 *	client		a host or a prefix	::
 *	network		KEY_NETWORK_MARK	a prefix, its host bits 0
 *
 * Only this file reads the reserved addresses. Others ask key_kind(), and make keys by the functions below. In the keys
 * of pairs and clients an IPv6 client is cut to its width (proto/core/widths.h).
 */
#ifndef XPRO_KEY_H
#define XPRO_KEY_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "bounds.h"

struct address {
	uint8_t bytes[16];
};

struct key {
	struct address client;
	struct address destination;
};

enum key_kind { KEY_PAIR, KEY_DESTINATION, KEY_CLIENT, KEY_NETWORK };
#define KEY_KINDS (KEY_NETWORK + 1) /* no enumerator: a switch that forgets a kind is warned of */

/*
 * The client of every network's key: ::fffd:0:0, in 0000::/8, which is assigned to nobody. The network 198.51.100.0/24
 * and the host 198.51.100.0 need different keys. A packet from this address counts under a substitute (xdp/parse.h).
 */
#define KEY_NETWORK_MARK ((struct address){ { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xfd, 0, 0, 0, 0 } })
/* ::fffe:0:0, of the same block: what :: counts under, as an address and as the client ::/64 (xdp/parse.h). */
#define ADDRESS_SUBSTITUTE ((struct address){ { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xfe, 0, 0, 0, 0 } })

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

static inline enum key_kind key_kind(const struct key *k)
{
	static const struct address mark = KEY_NETWORK_MARK;

	if (address_is_zero(&k->client))
		return KEY_DESTINATION;
	if (address_equal(&k->client, &mark))
		return KEY_NETWORK;
	return address_is_zero(&k->destination) ? KEY_CLIENT : KEY_PAIR;
}

static inline bool key_equal(const struct key *a, const struct key *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

static inline struct key key_of_destination(const struct address *destination)
{
	return (struct key){ .destination = *destination };
}

static inline struct key key_of_client(const struct address *client)
{
	return (struct key){ .client = *client };
}

/* Of a prefix whose host bits are 0. */
static inline struct key key_of_network(const struct address *prefix)
{
	return (struct key){ .client = KEY_NETWORK_MARK, .destination = *prefix };
}

/* Is the low half of an IPv6 client's address 0? On the wire it is then left out. */
static inline bool client_is_prefix(const struct address *client)
{
	static const uint8_t low[(128 - CLIENT_BITS_MAX) / 8];

	return !address_is_ipv4(client) && memcmp(client->bytes + CLIENT_BITS_MAX / 8, low, sizeof(low)) == 0;
}

/* Bits of a network's prefix, without the 96 before an IPv4 address. */
static inline unsigned int network_bits(const struct address *prefix)
{
	return address_is_ipv4(prefix) ? NETWORK_BITS_IPV4 : NETWORK_BITS_IPV6;
}

/* The network that an address lies in, without its host bits. */
static inline struct address network_of(const struct address *host)
{
	const unsigned int bytes = (address_is_ipv4(host) ? 12 : 0) + network_bits(host) / 8;
	struct address prefix = { { 0 } };

	memcpy(prefix.bytes, host->bytes, bytes);
	return prefix;
}

#endif
