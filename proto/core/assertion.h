/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * ASSERT: our own bug, in every build. proto/ has no output of its own, so it traps and the core file says where.
 * Bytes from the network meet checks long before they could meet an ASSERT. (Not named <assert.h>: it would hide the C
 * library's.)
 */
#ifndef PROTO_ASSERTION_H
#define PROTO_ASSERTION_H

#define ASSERT(condition)                         \
	do {                                      \
		if (__builtin_expect(!(condition), 0)) \
			__builtin_trap();         \
	} while (0)

#endif
