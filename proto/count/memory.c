/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Notes of answered pairs, in sets by their client. */
#include "memory.h"

#include <string.h>

#include "arena.h"
#include "counting.h"
#include <xpro/record.h>

void memory_take_memory(struct memory *memory, struct arena *arena, uint32_t notes_max)
{
	memory->sets = notes_max / NOTES_A_SET;
	memory->notes = arena_take(arena, (size_t)memory->sets * NOTES_A_SET, sizeof(*memory->notes));
	memory->tags = arena_take(arena, (size_t)memory->sets * NOTES_A_SET, sizeof(*memory->tags));
}

void memory_start(struct memory *memory, uint64_t seed)
{
	memory->seed = seed;
	if (memory->sets == 0)
		return;
	memset(memory->notes, 0, (size_t)memory->sets * NOTES_A_SET * sizeof(*memory->notes));
	memset(memory->tags, 0, (size_t)memory->sets * NOTES_A_SET * sizeof(*memory->tags));
}

static uint8_t tag_of(const struct memory *memory, const struct address *destination)
{
	uint64_t words[2];

	memcpy(words, destination, sizeof(words));
	return (uint8_t)mix64(mix64(words[0] ^ memory->seed) + words[1]);
}

static struct note *set_of_client(const struct memory *memory, const struct address *client)
{
	uint64_t words[2];

	memcpy(words, client, sizeof(words));
	return &memory->notes[mix64(mix64(words[0] ^ memory->seed) + words[1]) % memory->sets * NOTES_A_SET];
}

static bool is_of(const struct note *note, const struct key *pair)
{
	return note->minute != 0 && address_equal(&note->client, &pair->client) &&
	       address_equal(&note->destination, &pair->destination);
}

bool memory_is_fresh(const struct note *note, uint32_t minute)
{
	return note->minute != 0 && note->minute + NOTE_MINUTES > minute && note->minute < minute + NOTE_MINUTES;
}

/* What gives way first: a note that does not hold. */
static uint32_t rank(const struct note *note, uint32_t now)
{
	return memory_is_fresh(note, now) ? note->minute : 0;
}

/* (Memory of a day, 2) */
void memory_note(struct memory *memory, const struct key *pair, uint32_t minute, uint32_t now, bool tcp)
{
	struct note *set, *note;

	if (memory->sets == 0 || key_kind(pair) != KEY_PAIR || minute == 0 || minute >= now + NOTE_MINUTES)
		return;
	set = note = set_of_client(memory, &pair->client);
	for (unsigned int i = 0; i < NOTES_A_SET; i++) {
		if (is_of(&set[i], pair)) {
			tcp = tcp || (set[i].tcp && memory_is_fresh(&set[i], now));
			note = &set[i];
			break;
		}
		if (rank(&set[i], now) < rank(note, now))
			note = &set[i];
	}
	if (is_of(note, pair) && rank(note, now) > minute)
		minute = note->minute;
	*note = (struct note){ pair->client, pair->destination, minute, tcp };
	memory->tags[note - memory->notes] = tag_of(memory, &pair->destination);
}

const struct note *memory_find(const struct memory *memory, const struct key *pair, uint32_t minute)
{
	const struct note *set;
	const uint8_t *tags;
	uint8_t tag;

	if (memory->sets == 0 || key_kind(pair) != KEY_PAIR)
		return NULL;
	set = set_of_client(memory, &pair->client);
	tags = &memory->tags[set - memory->notes];
	tag = tag_of(memory, &pair->destination);
	for (unsigned int i = 0; i < NOTES_A_SET; i++) {
		if (tags[i] == tag && is_of(&set[i], pair))
			return memory_is_fresh(&set[i], minute) ? &set[i] : NULL;
	}
	return NULL;
}
