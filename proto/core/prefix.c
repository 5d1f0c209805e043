/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Prefixes of addresses.
 */
#include "prefix.h"

#include <string.h>

struct address address_cut(const struct address *address, unsigned int bits)
{
	struct address cut = { { 0 } };

	memcpy(cut.bytes, address->bytes, bits / 8);
	if (bits % 8)
		cut.bytes[bits / 8] = (uint8_t)(address->bytes[bits / 8] & 0xff00 >> bits % 8);
	return cut;
}

bool prefix_has_host_bits(const struct prefix *prefix)
{
	const struct address cut = address_cut(&prefix->address, prefix->bits);

	return !address_equal(&cut, &prefix->address);
}

bool prefix_equal(const struct prefix *a, const struct prefix *b)
{
	return a->bits == b->bits && address_equal(&a->address, &b->address);
}

bool prefix_holds(const struct prefix *prefix, const struct address *address)
{
	const unsigned int whole = prefix->bits / 8, rest = prefix->bits % 8;

	if (memcmp(prefix->address.bytes, address->bytes, whole) != 0)
		return false;
	return rest == 0 || (prefix->address.bytes[whole] ^ address->bytes[whole]) >> (8 - rest) == 0;
}

bool prefixes_hold(const struct prefix *prefixes, uint32_t count, const struct address *address)
{
	for (uint32_t i = 0; i < count; i++) {
		if (prefix_holds(&prefixes[i], address))
			return true;
	}
	return false;
}

bool prefixes_meet(const struct prefix *a, const struct prefix *b)
{
	return a->bits < b->bits ? prefix_holds(a, &b->address) : prefix_holds(b, &a->address);
}
