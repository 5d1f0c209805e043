/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Stores frames and finds them. repair.c decides which are requested and how many are served. */
#include "store.h"

#include <xpro/record.h>

#include "arena.h"
#include "origin.h"

#define STORED_NONE UINT32_MAX
#define LOOKS 16 /* unprotected places looked at to find one whose frame is not needed: each is a cache miss */

static uint32_t chains_size(uint32_t frames_max)
{
	uint32_t size = 64;

	while (size < frames_max)
		size *= 2;
	return size;
}

static void store_take_memory(struct store *store, struct arena *arena, uint32_t frames_max, uint32_t members_max)
{
	store->frames = arena_take(arena, frames_max, sizeof(*store->frames));
	store->chains = arena_take(arena, chains_size(frames_max), sizeof(*store->chains));
	store->newest = arena_take(arena, members_max, sizeof(*store->newest));
	for (unsigned int ring = 0; ring < 2; ring++)
		store->held[ring] = arena_take(arena, members_max, sizeof(uint32_t));
}

size_t store_bytes(uint32_t frames_max, uint32_t members_max)
{
	struct arena arena = { .memory = NULL };
	struct store store;

	store_take_memory(&store, &arena, frames_max, members_max);
	return arena.used;
}

void store_init(struct store *store, struct arena *arena, uint32_t frames_max, uint32_t members_max,
		uint32_t slot_ticks)
{
	*store = (struct store){
		.chains_mask = chains_size(frames_max) - 1,
		.frames_max = frames_max,
		.tick_max = frames_max / 2,
		.closing_next = frames_max / 2,
		.members_max = members_max,
		.slot_ticks = slot_ticks,
	};
	store_take_memory(store, arena, frames_max, members_max);
	for (uint32_t i = 0; i <= store->chains_mask; i++)
		store->chains[i] = STORED_NONE;
}

static uint32_t *chain_of(const struct store *store, uint64_t origin, uint64_t incarnation, uint64_t sequence)
{
	return &store->chains[mix64(mix64(origin ^ sequence) + incarnation) & store->chains_mask];
}

static void store_unlink(struct store *store, uint32_t number)
{
	struct stored *frame = &store->frames[number];
	uint32_t *link = chain_of(store, frame->origin, frame->incarnation, frame->sequence);

	while (*link != number)
		link = &store->frames[*link].next;
	*link = frame->next;
	frame->sequence = 0;
	store->held[frame->kind == FRAME_CLOSING][frame->owner]--;
}

/* The frames of a ring that are reserved for a member. */
static uint32_t guaranteed(const struct store *store, uint32_t places, uint16_t owner)
{
	const uint32_t others = store->members_max > 1 ? store->members_max - 1 : 1, part = places / 4 / others;

	return owner == 0 ? places / 4 : part ? part : 1;
}

static bool is_protected(const struct store *store, uint32_t places, const struct stored *frame, uint16_t owner,
			 uint64_t oldest_tick)
{
	if (!frame->sequence || frame->tick < oldest_tick)
		return false;
	if (frame->is_proof)
		return true;
	return frame->owner != owner &&
	       store->held[frame->kind == FRAME_CLOSING][frame->owner] <= guaranteed(store, places, frame->owner);
}

/*
 * Is the frame not needed? It is if its slot is held and closing frames of the same boot have not repeated its
 * totals.
 */
static bool is_replaced(const struct store *store, const struct stored *frame, uint64_t oldest_tick)
{
	const struct newest *newest = &store->newest[frame->owner];
	const uint64_t slot_ends = (frame->tick / store->slot_ticks + 1) * store->slot_ticks;

	if (!frame->sequence || frame->kind == FRAME_CLOSING || frame->tick < oldest_tick)
		return true;
	return frame->incarnation == newest->incarnation && frame->sequence >> SEQUENCE_BOOT_SHIFT == newest->boot &&
	       slot_ends + CLOSING_TICKS <= newest->tick;
}

static void newest_note(struct newest *newest, const struct frame_head *head)
{
	const uint64_t boot = head->sequence >> SEQUENCE_BOOT_SHIFT;

	if (head->incarnation < newest->incarnation ||
	    (head->incarnation == newest->incarnation && boot < newest->boot))
		return;
	if (head->incarnation != newest->incarnation || boot != newest->boot)
		*newest = (struct newest){ .incarnation = head->incarnation, .boot = boot };
	if (head->tick > newest->tick)
		newest->tick = head->tick;
}

/*
 * The next place whose frame may go: among the first LOOKS, one whose frame is not needed, else the first. At most half
 * of a ring is protected, so few places are skipped for each that is taken. (Repair, 7)
 */
static uint32_t place_free(const struct store *store, uint32_t first, uint32_t end, uint32_t next, uint16_t owner,
			   uint64_t oldest_tick)
{
	uint32_t found = STORED_NONE, looks = LOOKS;

	for (uint32_t looked = 0, at = next; looked < end - first && looks > 0;
	     looked++, at = at + 1 == end ? first : at + 1) {
		if (is_protected(store, end - first, &store->frames[at], owner, oldest_tick))
			continue;
		if (is_replaced(store, &store->frames[at], oldest_tick))
			return at;
		found = found == STORED_NONE ? at : found;
		looks--;
	}
	return found == STORED_NONE ? next : found; /* none: more members than places */
}

uint32_t store_put(struct store *store, const struct frame_head *head, uint16_t owner, uint64_t oldest_tick)
{
	const bool closing = head->kind == FRAME_CLOSING;
	const uint32_t first = closing ? store->tick_max : 0, end = closing ? store->frames_max : store->tick_max;
	uint32_t *next = closing ? &store->closing_next : &store->tick_next;
	const uint32_t number = place_free(store, first, end, *next, owner, oldest_tick);
	struct stored *frame = &store->frames[number];
	uint32_t *chain = chain_of(store, head->origin, head->incarnation, head->sequence);

	newest_note(&store->newest[owner], head);
	*next = number + 1 == end ? first : number + 1;
	if (frame->sequence)
		store_unlink(store, number);
	frame->origin = head->origin;
	frame->incarnation = head->incarnation;
	frame->sequence = head->sequence;
	frame->tick = head->tick;
	frame->owner = owner;
	frame->kind = (uint8_t)head->kind;
	frame->copies = 0;
	frame->is_proof = false;
	frame->size = 0;
	frame->next = *chain;
	*chain = number;
	store->held[closing][owner]++;
	return number;
}

struct stored *store_find(const struct store *store, uint64_t origin, uint64_t incarnation, uint64_t sequence)
{
	for (uint32_t at = *chain_of(store, origin, incarnation, sequence); at != STORED_NONE;
	     at = store->frames[at].next) {
		struct stored *frame = &store->frames[at];

		if (frame->sequence == sequence && frame->origin == origin && frame->incarnation == incarnation)
			return frame;
	}
	return NULL;
}
