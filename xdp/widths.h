/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Widths: an IPv6 client is counted by its prefix, because a device may draw any address of its link. In the keys of
 * pairs and of coarse entries, and in the count of a client's pairs, the client's address is cut to that prefix, unless
 * it is in one of the listed prefixes, where every address is a client. Destinations stay whole. The same in the core:
 * proto/core/widths.c.
 *
 * Sides, tunnels and the gate ask for the address as it was: struct packet has that as `source`.
 */
#ifndef XDP_WIDTHS_H
#define XDP_WIDTHS_H

#include <xpro/plane.h>

#include "maps.h"

const volatile __u64 client_mask = ~0ULL; /* of the first half of an IPv6 client, as it stands in the packet */
const volatile __u32 hosts_count = 0;
const volatile struct address_prefix hosts[CLIENT_HOSTS_MAX] = {};

/* Is the IPv6 address in a listed prefix? A global function: without a list nothing calls it. */
__noinline int is_host(const struct address_key *address)
{
	__u32 i;

	if (!address)
		return 0; /* cannot happen */
	for (i = 0; i < CLIENT_HOSTS_MAX && i < hosts_count; i++)
		if ((((address->words[0] ^ hosts[i].words[0]) & hosts[i].mask[0]) |
		     ((address->words[1] ^ hosts[i].words[1]) & hosts[i].mask[1])) == 0)
			return 1;
	return 0;
}

/* The client of an IPv6 packet from this address. One in ::/64 comes out as ::, which no record has (see parse.h). */
static __always_inline void client_cut(const struct address_key *source, __u64 ret_client[2])
{
	ret_client[0] = source->words[0];
	ret_client[1] = source->words[1];
	if (hosts_count && is_host(source))
		return;
	ret_client[0] &= client_mask;
	ret_client[1] = 0;
}

#endif
