/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * An origin is a member in one incarnation. For each origin this file records which of its numbered frames have come,
 * and which ticks are whole (all frames verified). An origin's number is member * INCARNATIONS_MAX + 0, 1 or 2; every
 * ledger cell contains it.
 */
#ifndef PROTO_ORIGIN_H
#define PROTO_ORIGIN_H

#include <stdbool.h>
#include <stdint.h>

#include <xpro/bounds.h>
#include <xpro/time.h>

#define SEQUENCES_KEPT 1024 /* sequences tracked one by one; 200 s of an origin with one frame per tick */
#define SEQUENCE_BOOT_SHIFT 40 /* sequence = boot << 40 | number: a restart never repeats one */
#define TICKS_KEPT 4 /* ticks whose frames may still arrive: CARRY_TICKS and the running one */
_Static_assert(TICKS_KEPT == CARRY_TICKS + 1, "an origin further behind is left out of the carry anyway");
#define BOOTS_KEPT 3 /* boots of an origin that are tracked: the running one and the two before it */

/* Which frames of one boot of an origin have come. */
struct track {
	uint64_t base, highest; /* sequences in [base, highest] are tracked one by one; highest 0: none has come */
	uint64_t low; /* every sequence below this has come, or was given up */
	uint64_t claimed; /* the highest sequence that a neighbour claims to hold */
	uint64_t have[SEQUENCES_KEPT / 64]; /* bit sequence % SEQUENCES_KEPT */
};

struct origin {
	bool used;
	bool quarantined; /* proved to have signed two frames with one sequence */
	bool listed; /* in spreading.gaps: frames are missing */
	/*
	 * a sequence came SEQUENCES_KEPT or more above the highest one. The frames between are no longer tracked one by
	 * one; catch-up (catch_up.c) fetches them
	 */
	bool leapt;
	uint8_t attempts; /* requests since a frame last came */
	/* number of the member that announced the missing frames; UINT16_MAX: found by later frames */
	uint16_t announcer;
	uint16_t asked; /* number of the member that the last request went to */
	uint64_t incarnation;
	struct track *track; /* BOOTS_KEPT of them, the newest boot first; NULL before it is first used */
	uint64_t complete; /* newest whole tick; 0: none */
	struct instant due, since; /* mono: time of the next request; since when frames are missing */
	struct {
		uint64_t tick;
		uint16_t frames, of;
	} ticks[TICKS_KEPT];
	uint64_t frames_received, frames_repaired;
};

/*
 * Was this sequence received? Also true for a sequence below the tracked ones of its boot, or of a boot that is no
 * longer tracked: it is too old to request.
 */
bool origin_has(const struct origin *origin, uint64_t sequence);

/* Is this sequence tracked, or above the tracked ones of its boot? A frame below them can only bring totals. */
bool origin_follows(const struct origin *origin, uint64_t sequence);

/* The highest sequence that has come; 0: none. */
static inline uint64_t origin_highest(const struct origin *origin)
{
	return origin->track[0].highest;
}

/* Notes a verified frame. */
void origin_note(struct origin *origin, uint64_t sequence, uint64_t tick, uint16_t tick_frames, bool closing);

/* A neighbour claims to hold frames up to this sequence. At most SEQUENCES_KEPT above the highest one here count. */
void origin_claim(struct origin *origin, uint64_t sequence);

/* Is a frame missing, of any tracked boot? */
bool origin_has_gap(const struct origin *origin);

/* A REQUEST: the first sequence, and which ones from it on are not wanted: they have come, or nobody claims them. */
struct origin_request {
	uint64_t first;
	uint64_t have[SEQUENCES_KEPT / 64]; /* bit i: sequence first + i */
};
/* `index`: of a boot's track, 0 for the newest boot. False: no frame of that boot is missing. */
bool origin_request(const struct origin *origin, unsigned int index, struct origin_request *ret_request);

/* Stops requesting the frames missing now: nobody has them any more, and later totals replace them. */
void origin_give_up(struct origin *origin);

#endif
