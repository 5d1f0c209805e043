/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Frames kept for repair and catch-up, verbatim as their origin signed them: two rings, one of tick frames (until their slot has been
 * closed and everybody had time to hear of it), one of closing frames (while their slot is held). The oldest makes room for the newest, but
 * nobody's within his guaranteed part: a quarter of each ring is this node's own, a quarter the other members' in equal parts, at least one
 * frame each. So a member that floods pushes out its own and what is lent, never what others' repair is served from. Among the oldest a tick
 * frame whose slot's totals its start has published since goes first: what a start that ended told last stands nowhere else.
 */
#ifndef PROTO_STORE_H
#define PROTO_STORE_H

#include <stddef.h>

#include <stdbool.h>

#include "frame.h"

#define CLOSING_TICKS 12 /* a slot's closing frames are spread over this many ticks: done before the next slot has ended */

struct arena;

struct stored {
	uint64_t origin, incarnation, sequence; /* sequence 0: empty */
	uint64_t tick;
	uint8_t leaf[HASH_BYTES];
	uint32_t next; /* in the chain of its hash */
	uint16_t size; /* of frame: body and proof */
	uint16_t owner; /* number of the member that signed it */
	uint8_t kind;
	uint8_t copies; /* pushed here so far */
	bool evidence; /* one of two with one sequence: kept while its slot is held */
	uint8_t frame[DATAGRAM_BYTES_MAX];
};

/* Of a member, by what was kept of it. */
struct newest {
	uint64_t incarnation, start; /* its newest start, */
	uint64_t tick; /* and the newest tick of that */
};

struct store {
	struct stored *frames; /* [0, tick_max) tick frames, [tick_max, frames_max) closing frames */
	uint32_t *chains;
	uint32_t chains_mask;
	uint32_t frames_max, tick_max;
	uint32_t tick_next, closing_next; /* where the next one goes, at the earliest */
	uint32_t members_max;
	uint32_t slot_ticks;
	struct newest *newest; /* by owner */
	uint32_t *held[2]; /* frames in either ring, by owner */
};

size_t store_bytes(uint32_t frames_max, uint32_t members_max);
/* The arena's memory is all zero: so an empty place is. */
void store_init(struct store *store, struct arena *arena, uint32_t frames_max, uint32_t members_max, uint32_t slot_ticks);

/* Room for a frame of this head, signed by the member `owner` (0: this node); what stood there is forgotten. Frames of ticks before
 * `oldest_tick` are nobody's guaranteed any more. The caller fills leaf, size and frame. Returns its number. */
uint32_t store_put(struct store *store, const struct frame_head *head, uint16_t owner, uint64_t oldest_tick);

struct stored *store_find(const struct store *store, uint64_t origin, uint64_t incarnation, uint64_t sequence);

#endif
