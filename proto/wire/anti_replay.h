/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The replay window (RFC 6479): which counters of a sender's session have been seen. Zero-initialised is empty;
 * counters start at 1.
 */
#ifndef PROTO_ANTI_REPLAY_H
#define PROTO_ANTI_REPLAY_H

#include <stdbool.h>
#include <stdint.h>

#include <xpro/bounds.h>

#define WINDOW_WORDS (REPLAY_WINDOW / 64 + 1) /* one word more, so that moving on never clears what is still inside */

struct anti_replay {
	uint64_t highest;
	uint64_t bits[WINDOW_WORDS];
};

/* Would this counter be accepted? Changes nothing. 0 and the last 2^16 counters below 2^64 never are. */
bool anti_replay_is_new(const struct anti_replay *window, uint64_t counter);

/* Marks it seen; only after everything about the datagram was verified. Returns false when it already was. */
bool anti_replay_mark(struct anti_replay *window, uint64_t counter);

#endif
