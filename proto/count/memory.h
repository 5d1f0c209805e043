/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The memory of a day: pairs that were answered here. Devices speak every minute or every hour, and the ledger holds
 * half a minute. A note is local; other members learn of it when the pair is called (node_next_called). All notes of a
 * client lie in one set. So a device that speaks to the whole internet displaces its own notes, and those of the few
 * clients of its set.
 */
#ifndef PROTO_MEMORY_H
#define PROTO_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

#include <xpro/key.h>

#define NOTES_A_SET 16
#define NOTE_MINUTES (24 * 60) /* a pair is remembered for so long after its latest answer */

/* An answered pair. 40 bytes. */
struct note {
	struct address client, destination;
	uint32_t minute; /* of mesh time, of its latest answer; 0: no note */
	uint32_t tcp; /* one answer at least was of TCP */
};

struct memory {
	struct note *notes; /* sets * NOTES_A_SET */
	uint8_t *tags; /* of each, by its destination: most look-ups find nothing, and read these alone */
	uint32_t sets; /* 0: nothing is remembered */
	uint64_t seed;
};

struct arena;

void memory_take_memory(struct memory *memory, struct arena *arena, uint32_t notes_max);
void memory_start(struct memory *memory, uint64_t seed);

/*
 * Notes that the pair was answered in this minute. The note of the set that is oldest gives way, or one that does not
 * hold in the minute `now`.
 */
void memory_note(struct memory *memory, const struct key *pair, uint32_t minute, uint32_t now, bool tcp);

/*
 * Does it hold in this minute? One of a later minute does, too, for a clock may have been set back; but not one of more
 * than NOTE_MINUTES later, which a clock that was years ahead left behind.
 */
bool memory_is_fresh(const struct note *note, uint32_t minute);

/* The note of a pair that was answered within NOTE_MINUTES before `minute`, or NULL. */
const struct note *memory_find(const struct memory *memory, const struct key *pair, uint32_t minute);

#endif
