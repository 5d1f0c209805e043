/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Which frames of an origin have come, and which tick is whole. */
#include "origin.h"

#include <string.h>

static bool bit_get(const struct origin *origin, uint64_t sequence)
{
	return origin->have[sequence % SEQUENCES_KEPT / 64] >> sequence % 64 & 1;
}

static void bit_set(struct origin *origin, uint64_t sequence, bool value)
{
	const uint64_t bit = 1ULL << sequence % 64;
	uint64_t *word = &origin->have[sequence % SEQUENCES_KEPT / 64];

	*word = value ? *word | bit : *word & ~bit;
}

bool origin_has(const struct origin *origin, uint64_t sequence)
{
	if (sequence < origin->base)
		return true;
	return sequence <= origin->highest && bit_get(origin, sequence);
}

/* Moves the window on so that `sequence` is its highest. */
static void origin_reach(struct origin *origin, uint64_t sequence)
{
	const uint64_t boot_first = sequence >> SEQUENCE_BOOT_SHIFT << SEQUENCE_BOOT_SHIFT | 1;

	if (origin->highest < boot_first || sequence - origin->highest >= SEQUENCES_KEPT) {
		/* Another start of the origin, or so far ahead that nothing known is still inside. */
		memset(origin->have, 0, sizeof(origin->have));
		memset(origin->asked, 0, sizeof(origin->asked)); /* what is missing of before has no number here any more */
		origin->base = boot_first;
	} else {
		for (uint64_t s = origin->highest + 1; s <= sequence; s++)
			bit_set(origin, s, false);
	}
	origin->highest = sequence;
	if (sequence - origin->base >= SEQUENCES_KEPT)
		origin->base = sequence - SEQUENCES_KEPT + 1;
}

static void tick_note(struct origin *origin, uint64_t tick, uint16_t tick_frames)
{
	unsigned int at = tick % TICKS_KEPT;

	if (origin->ticks[at].tick > tick)
		return;
	if (origin->ticks[at].tick != tick) {
		origin->ticks[at].tick = tick;
		origin->ticks[at].frames = 0;
		origin->ticks[at].of = tick_frames;
	}
	origin->ticks[at].frames++;
	if (origin->ticks[at].frames >= origin->ticks[at].of && tick > origin->complete)
		origin->complete = tick;
}

void origin_note(struct origin *origin, uint64_t sequence, uint64_t tick, uint16_t tick_frames, bool closing)
{
	if (sequence > origin->highest)
		origin_reach(origin, sequence);
	if (sequence >= origin->base)
		bit_set(origin, sequence, true);
	if (!closing)
		tick_note(origin, tick, tick_frames);
	origin->frames_received++;
	origin->attempts = 0;
}

void origin_tick(struct origin *origin)
{
	origin->advertised[1] = origin->advertised[0] > origin->highest ? origin->advertised[0] : origin->highest;
}

/* Is a sequence missing below the highest that came? */
static bool has_gap_below(const struct origin *origin)
{
	uint64_t s = origin->base > origin->lost_up_to ? origin->base : origin->lost_up_to + 1;

	for (; s <= origin->highest && s <= origin->advertised[1]; s++) {
		if (!bit_get(origin, s))
			return true;
	}
	return false;
}

bool origin_has_gap(const struct origin *origin)
{
	return origin->advertised[1] > origin->highest || has_gap_below(origin);
}

void origin_want(const struct origin *origin, struct origin_want *ret_want)
{
	/* Known gaps first: a claim of more of the same start must not move the window beyond them. */
	const bool restarted = origin->advertised[1] >> SEQUENCE_BOOT_SHIFT > origin->highest >> SEQUENCE_BOOT_SHIFT;
	const bool claimed = restarted || (origin->advertised[1] > origin->highest && !has_gap_below(origin));
	const uint64_t end = claimed ? origin->advertised[1] : origin->highest;
	const uint64_t boot_first = end >> SEQUENCE_BOOT_SHIFT << SEQUENCE_BOOT_SHIFT | 1;

	/* Nothing is known of it, not even a sequence: from the first one on. */
	*ret_want = (struct origin_want){ .first = boot_first };
	if (end > boot_first && end - boot_first >= SEQUENCES_KEPT)
		ret_want->first = end - SEQUENCES_KEPT + 1;
	for (unsigned int i = 0; i < SEQUENCES_KEPT; i++) {
		const uint64_t sequence = ret_want->first + i;

		if (sequence <= origin->lost_up_to || (sequence <= origin->highest && origin_has(origin, sequence)))
			ret_want->have[i / 64] |= 1ULL << i % 64;
	}
}

void origin_give_up(struct origin *origin)
{
	/* What a neighbour claims beyond the highest frame seen is only a claim: it may be asked for again. */
	origin->lost_up_to = origin->highest;
	origin->advertised[0] = origin->advertised[1] = origin->highest;
	origin->attempts = 0;
}
