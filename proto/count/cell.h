/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A version of a cell: the packets of a key that one origin counted in a slot so far. It is a total of the slot, never
 * an increment.
 */
#ifndef PROTO_CELL_H
#define PROTO_CELL_H

#include <xpro/key.h>

struct cell {
	struct key key;
	uint64_t slot;
	uint8_t first, last; /* in slot / SLOT_FRACTIONS */
	uint64_t packets; /* at least 1 */
};

#endif
