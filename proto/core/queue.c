/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A ring of numbers, and a bit for each number that is in it. */
#include "queue.h"

#include <stdbool.h>
#include <string.h>

#include "arena.h"

static size_t words_for(uint32_t bits)
{
	return bits / 64 + 1;
}

void queue_take_memory(struct queue *queue, struct arena *arena, uint32_t size)
{
	queue->size = size;
	queue->items = arena_take(arena, size, sizeof(*queue->items));
	queue->in = arena_take(arena, words_for(size), sizeof(*queue->in));
}

void queue_clear(struct queue *queue)
{
	memset(queue->in, 0, words_for(queue->size) * sizeof(*queue->in));
	queue->head = queue->count = 0;
}

/* False: the number is in already. */
static bool enter(struct queue *queue, uint32_t number)
{
	uint64_t *word = &queue->in[number / 64];
	const uint64_t bit = 1ULL << number % 64;

	if (*word & bit)
		return false;
	*word |= bit;
	if (queue->count++ == 0)
		queue->head = 0; /* a ring that was never full keeps its last pages untouched */
	return true;
}

void queue_add(struct queue *queue, uint32_t number)
{
	if (enter(queue, number))
		queue->items[((uint64_t)queue->head + queue->count - 1) % queue->size] = number;
}

void queue_put_back(struct queue *queue, uint32_t number)
{
	if (!enter(queue, number))
		return;
	queue->head = queue->head ? queue->head - 1 : queue->size - 1;
	queue->items[queue->head] = number;
}

uint32_t queue_take(struct queue *queue)
{
	const uint32_t number = queue->items[queue->head];

	queue->head = queue->head + 1 == queue->size ? 0 : queue->head + 1;
	queue->count--;
	queue->in[number / 64] &= ~(1ULL << number % 64);
	return number;
}
