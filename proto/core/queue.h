/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A queue of numbers below a bound, first in, first out. Each number is in it at most once: one that is added again
 * keeps its place. So a queue never holds more than its bound.
 */
#ifndef PROTO_QUEUE_H
#define PROTO_QUEUE_H

#include <stdint.h>

struct arena;

struct queue {
	uint32_t *items; /* a ring */
	uint64_t *in;	 /* a bit for each number: it is in the queue */
	uint32_t size, head, count;
};

/* Takes the memory, and no more; queue_clear makes the queue. */
void queue_take_memory(struct queue *queue, struct arena *arena, uint32_t size);
void queue_clear(struct queue *queue);

/* Puts a number at the end, unless it is in. */
void queue_add(struct queue *queue, uint32_t number);

/* Puts a number that was taken back to the front, unless it is in again. */
void queue_put_back(struct queue *queue, uint32_t number);

/* Takes the first number out. There is one. */
uint32_t queue_take(struct queue *queue);

#endif
