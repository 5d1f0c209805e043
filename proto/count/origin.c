/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Which frames of an origin have come, and which tick is whole. */
#include "origin.h"

#include <string.h>

static uint64_t boot_of(uint64_t sequence)
{
	return sequence >> SEQUENCE_BOOT_SHIFT;
}

static uint64_t boot_first(uint64_t sequence)
{
	return boot_of(sequence) << SEQUENCE_BOOT_SHIFT | 1;
}

static bool bit_get(const struct track *track, uint64_t sequence)
{
	return track->have[sequence % SEQUENCES_KEPT / 64] >> sequence % 64 & 1;
}

static void bit_set(struct track *track, uint64_t sequence, bool value)
{
	const uint64_t bit = 1ULL << sequence % 64;
	uint64_t *word = &track->have[sequence % SEQUENCES_KEPT / 64];

	*word = value ? *word | bit : *word & ~bit;
}

/* Starts the track of a boot of which no frame has come: its highest sequence is the one before its first. */
static void track_open(struct track *track, uint64_t sequence)
{
	const uint64_t first = boot_first(sequence);

	*track = (struct track){ .base = first, .highest = first - 1, .low = first };
}

/* The track of a sequence's boot, or NULL when that boot is not tracked. */
static struct track *track_find(const struct origin *origin, uint64_t sequence)
{
	for (unsigned int i = 0; i < BOOTS_KEPT; i++) {
		const struct track *track = &origin->track[i];

		if (track->base != 0 && boot_of(track->base) == boot_of(sequence))
			return (struct track *)(uintptr_t)track;
	}
	return NULL;
}

/*
 * The same, but made if the boot is among the BOOTS_KEPT newest. Tracks are in the order of boots, the newest first;
 * the oldest is removed.
 */
static struct track *track_of(struct origin *origin, uint64_t sequence)
{
	struct track *track = track_find(origin, sequence);
	unsigned int place = 0;

	if (track)
		return track;
	while (place < BOOTS_KEPT && origin->track[place].base != 0 &&
	       boot_of(origin->track[place].base) > boot_of(sequence))
		place++;
	if (place == BOOTS_KEPT)
		return NULL;
	for (unsigned int i = BOOTS_KEPT - 1; i > place; i--) {
		if (origin->track[i - 1].base != 0)
			origin->track[i] = origin->track[i - 1];
	}
	track = &origin->track[place];
	track_open(track, sequence);
	return track;
}

bool origin_has(const struct origin *origin, uint64_t sequence)
{
	const struct track *track = track_find(origin, sequence);

	if (!track) /* of a boot before the tracked ones */
		return origin->track[BOOTS_KEPT - 1].base != 0 && sequence < origin->track[BOOTS_KEPT - 1].base;
	if (sequence < track->base)
		return true;
	return sequence <= track->highest && bit_get(track, sequence);
}

bool origin_follows(const struct origin *origin, uint64_t sequence)
{
	const struct track *track = track_find(origin, sequence);

	return track ? sequence >= track->base : sequence > origin->track[0].highest;
}

/*
 * Moves the tracked sequences on so that `sequence` is the highest. True: it is so far above that no sequence stays
 * tracked, and frames between may be missing.
 */
static bool track_reach(struct track *track, uint64_t sequence)
{
	const bool leaps = sequence - track->highest >= SEQUENCES_KEPT;

	if (leaps) {
		memset(track->have, 0, sizeof(track->have));
	} else {
		for (uint64_t s = track->highest + 1; s <= sequence; s++)
			bit_set(track, s, false);
	}
	track->highest = sequence;
	if (sequence - track->base >= SEQUENCES_KEPT)
		track->base = sequence - SEQUENCES_KEPT + 1;
	return leaps;
}

/* Moves `low` up over sequences that have come. */
static void track_settle(struct track *track)
{
	if (track->low < track->base)
		track->low = track->base;
	while (track->low <= track->highest && bit_get(track, track->low))
		track->low++;
}

/* A frame of a tick was verified. The tick is whole when all of its frames were. (Carry, 1) */
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
	struct track *track = track_of(origin, sequence);

	if (track) {
		if (sequence > track->highest && track_reach(track, sequence))
			origin->leapt = true;
		if (sequence >= track->base)
			bit_set(track, sequence, true);
		track_settle(track);
	}
	if (!closing)
		tick_note(origin, tick, tick_frames);
	origin->frames_received++;
	origin->attempts = 0;
}

void origin_claim(struct origin *origin, uint64_t sequence)
{
	struct track *track = track_of(origin, sequence);

	if (!track)
		return;
	/* When no frame of the boot has come yet, any number may be true. */
	if (track->highest >= track->base && sequence > track->highest + SEQUENCES_KEPT)
		sequence = track->highest + SEQUENCES_KEPT;
	if (sequence > track->claimed)
		track->claimed = sequence;
}

static uint64_t track_end(const struct track *track)
{
	const bool begun = track->highest >= track->base;

	if (begun && track->claimed > track->highest + SEQUENCES_KEPT)
		return track->highest + SEQUENCES_KEPT;
	return track->claimed > track->highest ? track->claimed : track->highest;
}

static bool track_has_gap(const struct track *track)
{
	return track->base != 0 && track->low <= track_end(track);
}

bool origin_has_gap(const struct origin *origin)
{
	for (unsigned int i = 0; i < BOOTS_KEPT; i++) {
		if (track_has_gap(&origin->track[i]))
			return true;
	}
	return false;
}

bool origin_request(const struct origin *origin, unsigned int index, struct origin_request *ret_request)
{
	const struct track *track = &origin->track[index];
	const uint64_t end = track_end(track);
	uint64_t first = track->low;

	if (!track_has_gap(track))
		return false;
	/* No frame of the boot has come yet: request the newest of those claimed. */
	if (track->highest < track->base && end - first >= SEQUENCES_KEPT)
		first = end - SEQUENCES_KEPT + 1;
	*ret_request = (struct origin_request){ .first = first };
	for (unsigned int i = 0; i < SEQUENCES_KEPT; i++) {
		const uint64_t sequence = first + i;

		if (sequence > end || (sequence <= track->highest && bit_get(track, sequence)))
			ret_request->have[i / 64] |= 1ULL << i % 64;
	}
	return true;
}

void origin_give_up(struct origin *origin)
{
	for (unsigned int i = 0; i < BOOTS_KEPT; i++) {
		struct track *track = &origin->track[i];

		if (track->base == 0)
			continue;
		/* Frames above the highest one that came are only claimed: a later claim requests them again. */
		track->low = track->highest + 1;
		track->claimed = 0;
	}
	origin->attempts = 0;
}
