/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Prefixes of addresses.
 */
#include <string.h>

#include "policy.h"

bool prefix_holds(const struct prefix *prefix, const struct address *address)
{
	const unsigned int whole = prefix->bits / 8, rest = prefix->bits % 8;

	if (memcmp(prefix->address.bytes, address->bytes, whole) != 0)
		return false;
	return rest == 0 || (prefix->address.bytes[whole] ^ address->bytes[whole]) >> (8 - rest) == 0;
}
