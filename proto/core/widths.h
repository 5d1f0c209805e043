/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Widths: how many bits of an address tell a client. In IPv4 a client is its address. In IPv6 it is a prefix, because a
 * device may draw any address of its link (RFC 7934), and would else begin with a fresh count at each. In the prefixes
 * of `hosts` every address is a client: of devices that share a link and have one address each.
 *
 * Widths are parameters of the mesh: the certificates have a digest of them, so that members with other widths are
 * refused. The widths of networks are constants (NETWORK_BITS_), since the length of a network's key on the wire
 * follows from them; the digest covers them too.
 */
#ifndef PROTO_WIDTHS_H
#define PROTO_WIDTHS_H

#include "prefix.h"

struct widths {
	uint8_t client_bits; /* of an IPv6 client: CLIENT_BITS_MIN..CLIENT_BITS_MAX */
	uint8_t hosts_count;
	struct prefix hosts[CLIENT_HOSTS_MAX]; /* IPv6, in ascending order */
};

#define WIDTHS_DEFAULT                               \
	{                                            \
		.client_bits = CLIENT_BITS_DEFAULT   \
	}

/* Enters a prefix in its place. -ENOSPC: there are CLIENT_HOSTS_MAX already. Whether it may be listed: widths_check. */
int widths_add_hosts(struct widths *widths, const struct prefix *prefix);

/* 0, or -EINVAL with *ret_problem a sentence naming the setting. */
int widths_check(const struct widths *widths, const char **ret_problem);

void widths_digest(const struct widths *widths, uint8_t ret_digest[WIDTHS_DIGEST_BYTES]);

/* How many bits tell the client that the address is of: 128 for one in IPv4, and in `hosts`. */
unsigned int widths_client_bits(const struct widths *widths, const struct address *address);

/* Does the prefix hold whole clients? One that is longer than a client speaks of a part of it, which no key does. */
bool widths_prefix_is_whole(const struct widths *widths, const struct prefix *prefix);

/* The client that an address is of, as it stands in keys: cut to its width. */
struct address widths_client(const struct widths *widths, const struct address *address);

#endif
