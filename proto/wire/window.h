/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The replay window (RFC 6479): which counters of a sender's session have been seen. Zero-initialised is empty; counters start at 1. */
#ifndef PROTO_WINDOW_H
#define PROTO_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

#include <xpro/bounds.h>

#define WINDOW_WORDS (REPLAY_WINDOW / 64 + 1) /* one word more, so that moving on never clears what is still inside */

struct window {
	uint64_t highest;
	uint64_t bits[WINDOW_WORDS];
};

/* Would this counter be accepted? Changes nothing. 0 and the last 2^16 counters below 2^64 never are. */
bool window_is_new(const struct window *window, uint64_t counter);

/* Marks it seen; only after everything about the datagram was verified. Returns false when it already was. */
bool window_mark(struct window *window, uint64_t counter);

#endif
