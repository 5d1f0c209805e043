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

#define SEQUENCES_KEPT 1024 /* sequences known one by one; 200 s of an origin with one frame per tick */
#define SEQUENCE_BOOT_SHIFT 40 /* sequence = boot << 40 | number: a restart never repeats one */
#define TICKS_KEPT 4 /* ticks whose frames are still coming in: CARRY_TICKS and the running one */
_Static_assert(TICKS_KEPT == CARRY_TICKS + 1, "an origin further behind is left out of the carry anyway");

struct origin {
	bool used;
	bool quarantined; /* proved to have signed two frames with one sequence */
	uint64_t asked[MEMBERS_MAX / 64]; /* members that were asked for everything they have of it */
	uint8_t attempts; /* requests since the last one that brought something */
	uint64_t incarnation;
	uint64_t base, highest; /* sequences in [base, highest] are known one by one */
	uint64_t advertised[2]; /* highest a neighbour claims to hold: in this tick, and up to the last */
	uint64_t lost_up_to; /* sequences up to here are not asked for again */
	uint64_t complete; /* newest tick held whole; 0: none */
	uint64_t have[SEQUENCES_KEPT / 64]; /* bit sequence % SEQUENCES_KEPT */
	struct {
		uint64_t tick;
		uint16_t frames, of;
	} ticks[TICKS_KEPT];
	uint64_t frames_received, frames_repaired;
};

/* Was this sequence received? Below base: true, it is too old to be asked for. */
bool origin_has(const struct origin *origin, uint64_t sequence);

/* Notes a verified frame. */
void origin_note(struct origin *origin, uint64_t sequence, uint64_t tick, uint16_t tick_frames, bool closing);

/* A new tick begins: what is known of by now counts as missing from here on, if it has not come. */
void origin_tick(struct origin *origin);

/* Is something missing that was signed before this tick began? */
bool origin_has_gap(const struct origin *origin);

/* The window of sequences to ask for: its first, and which of it are here already (bit i: first + i). */
struct origin_want {
	uint64_t first;
	uint64_t have[SEQUENCES_KEPT / 64];
};
void origin_want(const struct origin *origin, struct origin_want *ret_want);

/* Stops asking for what is missing now: it is gone for good, later totals replace it. */
void origin_give_up(struct origin *origin);

#endif
