/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Prefixes of addresses: of policy, of sides, of widths. */
#ifndef PROTO_PREFIX_H
#define PROTO_PREFIX_H

#include <stdbool.h>
#include <stdint.h>

#include <xpro/key.h>

/* IPv4 is IPv4-mapped: its prefix lengths are 96 more. Bits behind the prefix are zero. */
struct prefix {
	struct address address;
	uint8_t bits; /* 0..128 */
};

/* The address with zeros behind its first bits. */
struct address address_cut(const struct address *address, unsigned int bits);

/* Are there bits set behind the prefix, which is not allowed? */
bool prefix_has_host_bits(const struct prefix *prefix);

bool prefix_equal(const struct prefix *a, const struct prefix *b);

/* Does the prefix hold the address? */
bool prefix_holds(const struct prefix *prefix, const struct address *address);

/* Does any of them? */
bool prefixes_hold(const struct prefix *prefixes, uint32_t count, const struct address *address);

/* Does one of the two hold the other? */
bool prefixes_meet(const struct prefix *a, const struct prefix *b);

#endif
