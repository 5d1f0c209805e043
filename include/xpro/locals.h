/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A filter of the proxy's own addresses: one bit for each, by a hash of the address. An address whose bit is not set is
 * none of them; one whose bit is set may be, and is looked up in the map `local_addresses`. Most packets go to others,
 * and for them one word takes the place of a look-up.
 */
#ifndef XPRO_LOCALS_H
#define XPRO_LOCALS_H

#include <linux/types.h>

#define LOCALS_BITS 4096

/* Written by the daemon, before the address is in the map. Bits are never cleared while the program lives. */
struct locals {
	__u64 words[LOCALS_BITS / 64];
};

/* The bit of an address: its 16 bytes as they stand in a packet; IPv4 is IPv4-mapped. */
static inline __u32 locals_bit(const __u64 address[2])
{
	const __u64 golden = 0x9e3779b97f4a7c15ULL; /* 2^64 / golden ratio: spreads neighbouring addresses */

	return (__u32)(((address[0] * golden ^ address[1]) * golden) >> 52);
}

_Static_assert(LOCALS_BITS == 1 << (64 - 52), "the hash's width");

#endif
