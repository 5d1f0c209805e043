/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The frames themselves. Who asks for which, and how many are handed out, is repair.c's. */
#include "store.h"

#include <xpro/record.h>

#include "arena.h"

#define STORED_NONE UINT32_MAX

static uint32_t chains_size(uint32_t frames_max)
{
	uint32_t size = 64;

	while (size < frames_max)
		size *= 2;
	return size;
}

static void store_place(struct store *store, struct arena *arena, uint32_t frames_max)
{
	store->frames = arena_take(arena, frames_max, sizeof(*store->frames));
	store->chains = arena_take(arena, chains_size(frames_max), sizeof(*store->chains));
}

size_t store_bytes(uint32_t frames_max)
{
	struct arena arena = { .memory = NULL };
	struct store store;

	store_place(&store, &arena, frames_max);
	return arena.used;
}

void store_init(struct store *store, struct arena *arena, uint32_t frames_max)
{
	*store = (struct store){
		.chains_mask = chains_size(frames_max) - 1,
		.frames_max = frames_max,
		.tick_max = frames_max / 2,
		.closing_next = frames_max / 2,
	};
	store_place(store, arena, frames_max);
	for (uint32_t i = 0; i <= store->chains_mask; i++)
		store->chains[i] = STORED_NONE;
	for (uint32_t i = 0; i < frames_max; i++)
		store->frames[i].sequence = 0;
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
}

uint32_t store_put(struct store *store, const struct frame_head *head)
{
	const bool closing = head->kind == FRAME_CLOSING;
	uint32_t *next = closing ? &store->closing_next : &store->tick_next;
	const uint32_t number = *next;
	struct stored *frame = &store->frames[number];
	uint32_t *chain = chain_of(store, head->origin, head->incarnation, head->sequence);

	*next = number + 1;
	if (*next == (closing ? store->frames_max : store->tick_max))
		*next = closing ? store->tick_max : 0;
	if (frame->sequence)
		store_unlink(store, number);
	frame->origin = head->origin;
	frame->incarnation = head->incarnation;
	frame->sequence = head->sequence;
	frame->tick = head->tick;
	frame->kind = (uint8_t)head->kind;
	frame->size = 0;
	frame->next = *chain;
	*chain = number;
	return number;
}

struct stored *store_find(const struct store *store, uint64_t origin, uint64_t incarnation, uint64_t sequence)
{
	for (uint32_t at = *chain_of(store, origin, incarnation, sequence); at != STORED_NONE; at = store->frames[at].next) {
		struct stored *frame = &store->frames[at];

		if (frame->sequence == sequence && frame->origin == origin && frame->incarnation == incarnation)
			return frame;
	}
	return NULL;
}
