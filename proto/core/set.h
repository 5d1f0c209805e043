/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A set of numbers below a bound, as a bit map. set_take returns its members in ascending order and wraps around, so
 * each waits at most one round.
 */
#ifndef PROTO_SET_H
#define PROTO_SET_H

#include <stdbool.h>
#include <stdint.h>

struct arena;

struct set {
	uint64_t *words; /* a bit for each number */
	uint64_t *filled; /* a bit for each word that is not 0 */
	uint32_t size, count;
	uint32_t next; /* where set_take continues */
};

/* Takes the memory from the arena; set_clear makes the set. */
void set_take_memory(struct set *set, struct arena *arena, uint32_t size);
void set_clear(struct set *set);

void set_add(struct set *set, uint32_t number);

/* Removes and returns the next number. The set must not be empty. */
uint32_t set_take(struct set *set);

#endif
