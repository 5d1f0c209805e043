/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Frames kept for repair and catch-up, verbatim as their origin signed them. There are two rings: tick frames and
 * closing frames. The oldest frame makes room for the newest, except frames within a member's reserved part. A quarter
 * of each ring is reserved for this node, and a quarter for the other members in equal parts, at least one frame each.
 * So a member that floods displaces only its own frames and those in the shared half.
 *
 * Among the 16 oldest candidates a tick frame goes first if closing frames of the same boot already repeat its slot's
 * totals. The last tick frames of a boot that ended have no closing frames, so they are kept longest.
 */
#ifndef PROTO_STORE_H
#define PROTO_STORE_H

#include <stddef.h>

#include <stdbool.h>

#include "frame.h"

/* a slot's closing frames are spread over this many ticks, so that they end before the next slot does */
#define CLOSING_TICKS 12

struct arena;

struct stored {
	uint64_t origin, incarnation, sequence; /* sequence 0: empty */
	uint64_t tick;
	uint8_t leaf[HASH_BYTES];
	uint32_t next; /* in the chain of its hash */
	uint16_t size; /* of frame: body and proof */
	uint16_t owner; /* number of the member that signed it */
	uint8_t kind;
	uint8_t copies; /* received by push so far */
	bool is_proof; /* one of two frames with one sequence, which prove equivocation: kept while its slot is held */
	uint8_t frame[DATAGRAM_BYTES_MAX];
};

/* A member's newest boot among the frames that were stored, and the newest tick of that boot. */
struct newest {
	uint64_t incarnation, boot;
	uint64_t tick;
};

struct store {
	struct stored *frames; /* [0, tick_max) tick frames, [tick_max, frames_max) closing frames */
	uint32_t *chains;
	uint32_t chains_mask;
	uint32_t frames_max, tick_max;
	uint32_t tick_next, closing_next; /* where the search for the next frame's place begins */
	uint32_t members_max;
	uint32_t slot_ticks;
	struct newest *newest; /* by owner */
	uint32_t *held[2]; /* frames in either ring, by owner */
};

size_t store_bytes(uint32_t frames_max, uint32_t members_max);
/* The arena's memory must be all zero, which means empty places. */
void store_init(struct store *store, struct arena *arena, uint32_t frames_max, uint32_t members_max,
		uint32_t slot_ticks);

/*
 * Makes room for a frame with this head, signed by the member `owner` (0: this node), and forgets the frame that was
 * there. Frames of ticks before `oldest_tick` are not protected any more. The caller fills leaf, size and frame.
 * Returns the index in `frames`.
 */
uint32_t store_put(struct store *store, const struct frame_head *head, uint16_t owner, uint64_t oldest_tick);

struct stored *store_find(const struct store *store, uint64_t origin, uint64_t incarnation, uint64_t sequence);

#endif
