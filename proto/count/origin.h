/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * An origin is a member in one incarnation: whose frames are numbered, in which order they came, which ticks are whole. Its number is
 * member * INCARNATIONS_MAX + place, and stands in every ledger cell.
 */
#ifndef PROTO_ORIGIN_H
#define PROTO_ORIGIN_H

#include <stdbool.h>
#include <stdint.h>

#include <xpro/bounds.h>
#include <xpro/time.h>

#define SEQUENCES_KEPT 1024 /* sequences known one by one; 200 s of an origin with one frame per tick */
#define SEQUENCE_BOOT_SHIFT 40 /* sequence = boot << 40 | number: a restart never repeats one */
#define TICKS_KEPT 4 /* ticks whose frames are still coming in: CARRY_TICKS and the running one */
_Static_assert(TICKS_KEPT == CARRY_TICKS + 1, "an origin further behind is left out of the carry anyway");
#define STARTS_KEPT 3 /* starts of an origin whose frames are asked for: the running one and those before it */

/* The frames of one start of an origin. */
struct track {
	uint64_t base, highest; /* sequences in [base, highest] are known one by one; highest 0: nothing is known of it */
	uint64_t low; /* every sequence below is here, or given up */
	uint64_t claimed; /* highest a neighbour claims to hold */
	uint64_t have[SEQUENCES_KEPT / 64]; /* bit sequence % SEQUENCES_KEPT */
};

struct origin {
	bool used;
	bool quarantined; /* proved to have signed two frames with one sequence */
	bool listed; /* among the origins of which something is missing */
	bool leapt; /* its frames went on beyond what is known one by one: what lies before is only found in a neighbour's store */
	uint8_t attempts; /* requests since the last frame that came */
	uint16_t teller; /* number of the member who told of what is missing, UINT16_MAX: its own frames did */
	uint16_t asked; /* number of the member asked last */
	uint64_t incarnation;
	struct track *track; /* STARTS_KEPT of them, the newest first; NULL before it is first used */
	uint64_t complete; /* newest tick held whole; 0: none */
	struct instant due, since; /* mono: the next request, and since when something is missing */
	struct {
		uint64_t tick;
		uint16_t frames, of;
	} ticks[TICKS_KEPT];
	uint64_t frames_received, frames_repaired;
};

/* Was this sequence received? Below the window of its start, or of a start before those followed: true, it is too old to be asked for. */
bool origin_has(const struct origin *origin, uint64_t sequence);

/* Is this sequence inside, or above, the window of its start? What lies below can only bring totals. */
bool origin_follows(const struct origin *origin, uint64_t sequence);

/* The newest sequence held; 0: none. */
static inline uint64_t origin_highest(const struct origin *origin)
{
	return origin->track[0].highest;
}

/* Notes a verified frame. */
void origin_note(struct origin *origin, uint64_t sequence, uint64_t tick, uint16_t tick_frames, bool closing);

/* Notes that somebody claims to hold up to this sequence: at most one window beyond what is held here is believed. */
void origin_claim(struct origin *origin, uint64_t sequence);

/* Is something missing, of any start? */
bool origin_has_gap(const struct origin *origin);

/* The window of sequences to ask for: its first, and which of it are here already or unheard of (bit i: first + i). */
struct origin_request {
	uint64_t first;
	uint64_t have[SEQUENCES_KEPT / 64];
};
/* False: nothing of this start (0: the newest) is missing. */
bool origin_request(const struct origin *origin, unsigned int start, struct origin_request *ret_want);

/* Stops asking for what is missing now: it is gone for good, later totals replace it. */
void origin_give_up(struct origin *origin);

#endif
