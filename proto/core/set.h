/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A set of numbers below a bound, a bit each, for what waits to be looked at: whoever is in is taken once, round by round, so that none waits for
 * more than one round.
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
	uint32_t next; /* the round goes on from here */
};

/* Takes the memory, and no more; set_clear makes the set. */
void set_place(struct set *set, struct arena *arena, uint32_t size);
void set_clear(struct set *set);

void set_add(struct set *set, uint32_t number);

/* Takes the next of the round out. There is one. */
uint32_t set_take(struct set *set);

#endif
